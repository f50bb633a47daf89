"""Repeats: equal blocks of a circuit that follow each other.

A run of boxes is a *repeat* of the one before it if it is the same up to names: a bijection of its
arrays onto those of the other keeps operations, sizes and types, takes parameters to parameters
and what it hands on to what the other hands on; what else both read is the same array; and of what
one writes only the next one reads what it starts from. So are the layers of a transformer that were
written one after the other, with parameters of their own. The runs are blocks, or consist of blocks
and of boxes between them, or read parameters whose addresses differ in one part, as do those of
``layers/0`` and ``layers/1``; or each reads several inputs that no other does, which are then as
good as parameters, as of a function whose arguments are not told apart.

Repeats compose: each starts from as many arrays as it hands on. So does the first: where others
read what the one before them made, it reads arrays that depend on inputs, and not one of them
twice. Of runs that would do, those whose addresses say so are found, and of these the ones with the
fewest arrays between them.

:func:`once` keeps the first of each: no circuit that computes the same, but what a picture shows.

>>> from catlearn.arrays import linear, relu
>>> layer = linear("W", "m -> m") >> relu
>>> f = layer.named("0").block("layer") >> layer.named("1").block("layer")
>>> shown = once(f)
>>> shown.circuit.apex.size("Box"), shown.times
(2, {0: 2})
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from catlearn.arrays.blocks import Nested, flat, nested
from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit

OWN = 4
"""How many inputs a run reads that no other reads, if these alone say that it is one."""


@dataclass(frozen=True)
class Once:
    """A circuit of which repeats are there once.

    Parameters
    ----------
    circuit
        Its arrays are rows of the circuit that it was made of, and so are its blocks, behind which
        come those for repeats that are more than one block.
    times
        How often a block is there.
    called
        What blocks of repeats were called: their title is what those of all repeats share.
    """

    circuit: Circuit
    times: dict[int, int]
    called: dict[str, str]


class _Matched(NamedTuple):
    """How a run of boxes is that before it: its arrays, and those that it starts from, there."""

    back: dict[int, int]
    links: dict[int, int]
    shared: set[int]


class _Run(NamedTuple):
    """Items of one level, so many at a time, that are repeated from one of them on."""

    start: int
    size: int
    count: int
    matched: list[_Matched]
    title: str
    whole: bool

    @property
    def worth(self) -> tuple[bool, int, int]:
        """Of equally many items: addresses whole, then most rounds, then fewest arrays between."""
        return self.whole, self.count, -len(self.matched[0].links)


def once(circuit: Circuit, apart: Iterable[str] = ()) -> Once:
    """Return a circuit of which equal blocks that follow each other are there once.

    Parameters
    ----------
    circuit
        A circuit without boxes that its outputs do not need.
    apart
        Titles of blocks: repeats in which the first one has none of them, and others do, are kept.
    """
    finder = _Finder(circuit, frozenset(apart))
    finder.level(nested(circuit.apex, range(circuit.apex.size("Box"))), 0)
    return finder.made()


class _Finder:
    """What is found of the repeats of a circuit, from the outermost."""

    def __init__(self, circuit: Circuit, apart: frozenset[str]) -> None:
        self.circuit, self.H, self.apart = circuit, circuit.apex, apart
        self.ins, self.outs = self.H.sides
        self.writer = {wire: box for box, wires in enumerate(self.outs) for wire in wires}
        self.readers: dict[int, set[int]] = {wire: {-1} for wire in circuit.cod}
        for box, wires in enumerate(self.ins):
            for wire in wires:
                self.readers.setdefault(wire, set()).add(box)
        self.given, self.moving = {*circuit.dom}, set[int]()
        for box in self.H.order:
            if self.given.intersection(self.ins[box]):
                self.moving.add(box)
                self.given.update(self.outs[box])
        self.title = self.H.column("title")
        self.name = self.H.column("name")
        self.size_of = cache(self.H.size_of)
        self.onto: dict[int, int] = {}
        self.left = set[int]()
        self.times: dict[int, int] = {}
        self.titles: dict[int, str] = {}
        self.frames: list[tuple[int, set[int], int, str]] = []

    def level(self, items: Nested, depth: int) -> None:
        """Find the repeats among boxes and blocks of one level, and in these."""
        own = [one for one in items if self.moving.intersection(flat([one]))]
        run = self.longest(own)
        if run is None:
            for one in own:
                if isinstance(one, tuple):
                    self.level(one[1], depth + 1)
            return
        first = own[run.start : run.start + run.size]
        end = run.start + run.size * run.count
        last, given = {*flat(own[end - run.size : end])}, {*self.circuit.dom}
        self.left.update(*(given.intersection(one.back) for one in run.matched))
        for wire in self.ends(last):
            at = wire
            for matched in reversed(run.matched):
                at = matched.back[at]
            self.onto[wire] = at
        if run.size == 1 and isinstance(first[0], tuple):
            block = first[0][0]
            self.titles[block] = run.title
            inside, deeper = first[0][1], depth + 1
        else:
            block = self.H.size("Block") + len(self.frames)
            self.frames.append((depth, {*flat(first)}, block, run.title))
            inside, deeper = first, depth
        self.times[block] = run.count
        self.level(own[: run.start], depth)
        self.level(inside, deeper)
        self.level(own[end:], depth)

    # Candidates.

    def longest(self, items: Nested) -> _Run | None:
        """Return the repeats that take in most items, of those the ones of fewest each."""
        kinds: dict[Any, int] = {}
        row = np.array([kinds.setdefault(self.kind(one), len(kinds)) for one in items])
        proposed = []
        for size in range(1, len(items) // 2 + 1):
            same = np.concatenate([[0], row[:-size] == row[size:], [0]])
            turns = np.flatnonzero(np.diff(same))
            for start, end in turns.reshape(-1, 2).tolist():
                if end - start >= size:
                    proposed.append(((end - start) // size * size + size, -size, start, end))
        best: _Run | None = None
        for most, size, start, end in sorted(proposed, reverse=True):
            if best is not None and best.size * best.count >= most:
                break
            run = max(self.runs(items, -size, start, end), key=lambda run: run.worth, default=None)
            if run is None or (
                # Of two rounds at a time, that would begin and end in the middle of some.
                best and best.whole and not run.whole and run.size % best.size == 0
            ):
                continue
            if best is None or run.size * run.count > best.size * best.count:
                best = run
        return best

    def kind(self, item: Any) -> Any:
        """Return what items have in common that may be repeats of each other."""
        if isinstance(item, tuple):
            return stem(self.title[item[0]] or "")
        H, shapes = self.H, [*map(self.shape, self.outs[item])]
        return H.operations[item].kernel.name, str(shapes)

    def runs(self, items: Nested, size: int, start: int, end: int) -> Iterator[_Run]:
        """Find repeats of so many items, up to those than which none are worth more."""
        whole = 0
        for first in range(start, min(start + size, end - size + 1)):
            count = (end - first) // size + 1
            if count < whole:
                return
            parts = [items[first + k * size :][:size] for k in range(count)]
            boxes = [{*flat(part)} for part in parts]
            matched = [self.alike(*boxes[k : k + 2]) for k in range(count - 1)]
            k = 0
            while k < count - 1:
                found = self.chain(boxes, matched, k)
                names = self.names(parts[k : k + len(found) + 1], found) if found else None
                if names is not None:
                    addressed = self.address(found) is not None
                    run = _Run(first + k * size, size, len(found) + 1, found, names, addressed)
                    yield run
                    if run.worth == (True, count, -1):
                        return
                    whole = max(whole, run.count * addressed)
                k += max(len(found), 1)

    # Equality.

    def shape(self, wire: int) -> tuple[Any, ...]:
        axes = self.H.lists["axes"].row(wire).tolist()
        return (self.H.types[wire], *map(self.size_of, axes))

    def ends(self, boxes: set[int]) -> list[int]:
        """Return the arrays of some boxes that others read, and that depend on inputs."""
        return [
            wire
            for box in sorted(boxes & self.moving)
            for wire in self.outs[box]
            if not self.readers.get(wire, set()) <= boxes
        ]

    def alike(self, one: set[int], other: set[int]) -> _Matched | None:
        """Return how boxes are those of a run before them, or None where they are not."""
        H, writer = self.H, self.writer
        pairs: dict[int, int] = {}
        found = _Matched({}, {}, set())
        before, after = self.ends(one), self.ends(other)
        if not after or len(before) < len(after):
            return None
        stack = [*zip(reversed(before), reversed(after), strict=False)]
        while stack:
            a, b = stack.pop()
            if a == b:
                found.shared.add(a)
                continue
            if a in pairs or b in found.back or b in found.links:
                known = found.links if b in found.links else found.back
                if known.get(b) != a:
                    return None
                continue
            if self.shape(a) != self.shape(b):
                return None
            v, w = writer.get(a, -1), writer.get(b, -1)
            if w in one and w in self.moving and v not in one:
                if a not in self.given or a in found.links.values():
                    return None
                found.links[b] = a
                continue
            apart = self.owns(one, a) and self.owns(other, b)
            learned = v < 0 and w < 0 and (apart or not self.given.intersection((a, b)))
            inside = (v in one and w in other) or not self.moving.intersection((v, w))
            if learned:
                pairs[a], found.back[b] = b, a
                continue
            if v < 0 or w < 0 or not inside or H.operations[v] != H.operations[w]:
                return None
            sizes = ([*map(self.size_of, H.lists["vars"].row(box).tolist())] for box in (v, w))
            if self.outs[v].index(a) != self.outs[w].index(b) or next(sizes) != next(sizes):
                return None
            for x, y in zip(self.outs[v], self.outs[w], strict=True):
                pairs[x], found.back[y] = y, x
            stack += zip(self.ins[v], self.ins[w], strict=True)
        return found

    def owns(self, boxes: set[int], wire: int) -> bool:
        """Whether an input is read by boxes of a run alone, as if it were a parameter of it."""
        return wire in self.circuit.dom and self.readers.get(wire, {-1}) <= boxes

    def chain(
        self, boxes: Sequence[set[int]], matched: Sequence[_Matched | None], start: int
    ) -> list[_Matched]:
        """Return how the runs from one on are those before them, as long as all follow alike."""
        found: list[_Matched] = []
        for k in range(start, len(matched)):
            one = matched[k]
            if one is None or not one.links:
                break
            before = found[-1] if found else None
            if before is not None and (
                {*one.links.values()} != {*before.links}
                or any(before.back.get(b) != a for b, a in one.links.items())
            ):
                break
            kept = () if found else one.shared - {*one.links}
            ends = [wire for wire in self.ends(boxes[k]) if wire not in kept]
            if any(not self.readers[wire] <= boxes[k] | boxes[k + 1] for wire in ends):
                break
            found.append(one)
        return found

    # Names.

    def names(self, parts: Sequence[Nested], matched: Sequence[_Matched]) -> str | None:
        """Return what repeats are called, or None if nothing says that they belong together."""
        blocks = [
            {b for box in flat(part) for b in self.H.lists["within"].row(box).tolist()}
            for part in parts
        ]
        own = [{self.title[b] for b in some} for some in blocks]
        if self.apart & (set().union(*own[1:]) - own[0]):
            return None
        given = [len({*self.circuit.dom}.intersection(one.back)) for one in matched]
        if any(0 < count < OWN for count in given):
            return None
        if len(parts[0]) == 1 and isinstance(parts[0][0], tuple):
            return common([self.title[part[0][0]] or "" for part in parts])
        addressed = self.address(matched)
        told = addressed is not None or all(given)
        return addressed or "" if told or any(isinstance(one, tuple) for one in parts[0]) else None

    def address(self, matched: Sequence[_Matched]) -> str | None:
        """Return what the addresses of the parameters of repeats share, if all differ alike."""
        parts: list[str] = []
        place, front = -1, ""
        for one in matched:
            differ = set()
            for b, a in one.back.items():
                if self.name[a] is None or b in self.writer:
                    continue
                old, new = (self.name[w].split("/") for w in (a, b))
                at = [k for k, (x, y) in enumerate(zip(old, new, strict=False)) if x != y]
                if len(old) != len(new) or len(at) != 1 or at[0] == len(old) - 1:
                    return None
                differ.add((at[0], old[at[0]], new[at[0]], "/".join(old[: at[0]])))
            if len(differ) != 1:
                return None
            place, before, after, front = differ.pop()
            parts = [*(parts or [before]), after]
        if place and all(part.isdigit() for part in parts):
            return front.rpartition("/")[2]
        return common(parts)

    # The circuit.

    def made(self) -> Once:
        """Return the circuit with the first ones alone."""
        if not self.times:
            return Once(self.circuit, {}, {})
        draft = Draft.of(self.H)

        def there(wires: Iterable[int]) -> list[int]:
            found = [*wires]
            for k, wire in enumerate(found):
                while wire in self.onto:
                    wire = self.onto[wire]
                found[k] = wire
            return found

        called = {self.title[b] or "": title for b, title in self.titles.items()}
        for block, title in self.titles.items():
            draft.blocks[block] = title, draft.blocks[block][1]
        extra: dict[int, list[tuple[int, int]]] = {}
        for depth, boxes, block, title in self.frames:
            draft.blocks.append((title, []))
            for box in boxes:
                extra.setdefault(box, []).append((depth, block))
        for k, box in enumerate(draft.boxes):
            within = [*box.within]
            for depth, block in sorted(extra.get(k, ()), reverse=True):
                within.insert(depth, block)
            draft.boxes[k] = box._replace(ins=there(box.ins), within=within)
        cod = there(self.circuit.cod)
        needed = Circuit.of(draft, self.circuit.dom, cod)._walk()
        draft.boxes = [draft.boxes[box] for box in sorted(needed)]
        dom = [wire for wire in self.circuit.dom if wire not in self.left]
        return Once(Circuit.of(draft, dom, cod), self.times, called)


def stem(title: str) -> str:
    """Return a title without the number at its end.

    Examples
    --------
    >>> stem("layer.11"), stem("Block_0"), stem("attention"), stem("3")
    ('layer', 'Block', 'attention', '')
    """
    return re.sub(r"[._\-/ ]*\d+$", "", title)


def common(titles: Sequence[str]) -> str:
    """Return what titles share, or the first and the last of them.

    Examples
    --------
    >>> common(["Block_0", "Block_1"]), common(["1", "2", "3"]), common(["one", "two"])
    ('Block', '1…3', 'one…two')
    """
    shared = {*titles} if len({*titles}) == 1 else {*map(stem, titles)}
    whole = shared.pop() if len(shared) == 1 else ""
    return whole or f"{titles[0]}…{titles[-1]}"
