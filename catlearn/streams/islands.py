"""Islands: parts of a circuit that run as one fold each, since they save a large array.

A pass that reduces a large array is cut out of the circuit, with the boxes that make this array,
and an opaque box is put in its place. What several passes read is formed again in each. What goes
along an axis that it keeps (prefix reductions, cumulative sums, rounds) is swept by a prefix fold,
with what is made of its large results; what gradients would keep of rounds is one array.

>>> from catlearn.arrays import einsum, idle, softmax
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> attention = (scores @ idle >> einsum("q x, x e -> q e")).unfold()
>>> sizes = dict.fromkeys(range(attention.apex.size("Axis")), 64)
>>> sizes |= {axis: 4 for axis in sizes if attention.apex.called(axis) in "de"}
>>> (one,), refused = islands_of(attention, sizes, least=2.0)
>>> one.title, one.largest, one.block, one.fold.kinds
('einsum/x', 4096, 16, ('max', 'sum', 'sum'))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import isqrt, prod
from typing import Any

import numpy as np

from catlearn.arrays.blocks import GATES, path
from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.streams.folding import Fold, derived, summed
from catlearn.streams.nodes import REDUCING
from catlearn.streams.passes import (
    Pass,
    ancestors,
    collected,
    earlier,
    is_kept,
    letter_at,
    named,
    passes,
    placed,
    readers,
)
from catlearn.streams.prefix import PrefixFold, Sweep, sweeps, swept
from catlearn.streams.rules import StreamRefused


@dataclass(frozen=True)
class Island:
    """Boxes of a circuit that run as one fold.

    Parameters
    ----------
    fold
        The fold of these boxes.
    rest
        The circuit in which they are one opaque box.
    label
        The label of this box.
    largest
        How many numbers the largest array has that is not formed whole; what gradients keep of
        rounds counts as one.
    block
        How many indices are read at a time.
    title
        Which box reduces over which variable.
    sizes
        Of the axes of the fold's circuit. Equal islands, whose axes have equal sizes, have one
        fold.
    place
        The line that made that box, and the blocks that it is in.
    kept
        Whether what is large is that of rounds alone: gradients keep it, and values do not.
    """

    fold: Fold | PrefixFold
    rest: Circuit
    label: str
    largest: int
    block: int
    title: str
    sizes: Mapping[int, int]
    place: str = ""
    kept: bool = False


Worth = Callable[[Fold | PrefixFold, Mapping[int, int], int, int], str | None]

AT_ONCE = 2**17
"""About how many numbers of the largest array are formed at once, unless said."""


def block_for(largest: int, size: int, state: int = 0, kept: int = 0) -> int:
    """Return how many indices are read at a time: a power of 2.

    Parameters
    ----------
    largest
        How many numbers the largest array has.
    size
        How many indices there are.
    state
        How many numbers the largest array has that all blocks read, or write: as many are formed at
        once at least.
    kept
        How many numbers are kept of each block: of all as many as are formed at once, at least.
    """
    count = max(
        min(AT_ONCE * size // max(largest, 1), size // 32, 1024),
        min(state * size // max(largest, 1), size // 4),
        min(isqrt(kept * size * size // max(largest, 1)), size // 4),
    )
    return 2 ** (max(count, 16).bit_length() - 1)


JOINED = ("add", "mul", "neg", "reciprocal", "sqrt", "log", "exp", "square", "contraction", "view")
"""Kernels of boxes after a pass that belong to it where all that they read is of it."""


def islands_of(
    circuit: Circuit,
    sizes: Mapping[int, int],
    least: float,
    block: int | None = None,
    letters: Iterable[str] | None = None,
    name: str = "stream",
    threshold: int = 0,
    whole: Container[int] = (),
    worth: Worth | None = None,
) -> tuple[list[Island], dict[str, str]]:
    """Return the passes that save large arrays, one after the other, and why others do not run.

    Large arrays that several passes read are formed again in each, if then none is formed whole.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    sizes
        Of its axes.
    least
        How many times as many numbers as the arrays that are given, and that it reduces to, a
        large array has.
    block
        How many indices a block has, :func:`block_for` unless said: what has no more is left alone.
    letters
        The variables that may be streamed; None for all.
    name
        What the labels of their boxes begin with.
    threshold
        How many numbers a large array has at least.
    whole
        Axes that are not streamed.
    worth
        Says of a fold, of the sizes of its axes, of the largest array that it saves, and how many
        indices are read at a time, why it does not pay, or nothing.
    """
    for axis in dict.fromkeys(one.axis for one in passes(circuit)):
        circuit = summed(circuit, axis)
    search = _Search(circuit, sizes, least, block, letters, name, threshold, whole, worth)
    once = search.found(again=False)
    if ELSEWHERE not in once[1].values():
        return once
    twice = search.found(again=True)

    def formed(found: list[Island]) -> int:
        rest = found[-1].rest if found else search.circuit
        return sum(search.numbers[w] for b in rest._walk() for w in rest.apex.sides[1][b])

    return min(once, twice, key=lambda made: formed(made[0]))


ELSEWHERE = "a large array is read elsewhere, too"


@dataclass(frozen=True)
class _Option:
    """A pass that may be an island.

    Parameters
    ----------
    rank
        What goes first: what is in rounds, all along an axis together, the largest array, one that
        goes through no other, the fewest boxes.
    title
        What it is called.
    one
        The pass.
    alone
        Whether it is a single pass.
    """

    rank: tuple[Any, ...]
    title: str
    one: Pass
    alone: bool

    def moved(self, circuit: Circuit, places: Mapping[int, int]) -> _Option | None:
        """Return it in a circuit where other islands are one box each, if it is the same there.

        Parameters
        ----------
        places
            The row there of each box that is still there.
        """
        one = self.one
        if not self.alone or one.extra or not {*one.reductions} <= {*places}:
            return None
        reductions = {places[box]: v for box, v in one.reductions.items()}
        roots = tuple(places[box] for box in one.roots)
        made = dict[int, int]()
        for box in roots:
            root = [(box, reductions[box])]
            made |= collected(circuit, root, one.axis, one.level, one.through)
        if made.items() != reductions.items():
            return None
        return replace(self, one=replace(one, reductions=made, roots=roots))


class _Search:
    """The search for islands; the parameters are those of :func:`islands_of`."""

    def __init__(
        self, circuit: Circuit, sizes: Mapping[int, int], least: float, block: int | None,
        letters: Iterable[str] | None, name: str, threshold: int, whole: Container[int],
        worth: Worth | None,
    ) -> None:  # fmt: skip
        self.circuit, self.sizes, self.least, self.block = circuit, sizes, least, block
        self.letters = None if letters is None else frozenset(letters)
        self.name, self.threshold, self.whole, self.worth = name, threshold, whole, worth
        H = circuit.apex
        self.numbers = [prod(sizes[axis] for axis in row) for row in H.lists["axes"]]
        ends = [*circuit.dom, *(k for k, name in enumerate(H.column("name")) if name is not None)]
        self.given = max((self.numbers[wire] for wire in ends), default=0)
        self.folds: dict[Any, tuple[Fold | PrefixFold, dict[int, int]]] = {}

    def found(self, again: bool) -> tuple[list[Island], dict[str, str]]:
        """Return the islands, and why others are none.

        Parameters
        ----------
        again
            Whether large arrays that are read elsewhere, too, are formed again there.
        """
        circuit, made = self.circuit, list[Island]()
        refused: dict[frozenset[int], tuple[str, str]] = {}
        tried: set[tuple[bool, frozenset[int]]] = set()
        changed = True
        while changed:
            changed, places = False, {box: box for box in circuit.apex.order}
            for option in self._options(circuit, tried):
                own = option.moved(circuit, places) if changed else option
                if own is None or not self._saves(self._large(circuit, own.one)[1], own.one):
                    continue
                found = self._island(circuit, own, again, len(made), tried, refused)
                if found is None:
                    continue
                island, gone = found
                made.append(island)
                circuit, changed = island.rest, True
                left = [box for box in range(circuit.apex.size("Box") + len(gone) - 1)
                        if box not in gone]  # fmt: skip
                now = {box: k for k, box in enumerate(left)}
                places = {box: now[at] for box, at in places.items() if at in now}
        shown, same = dict[str, str](), Counter[str]()
        for title, reason in refused.values():
            same[title] += 1
            shown[f"{title} ({same[title]})" if same[title] > 1 else title] = reason
        return made, shown

    def _options(
        self, circuit: Circuit, tried: Container[tuple[bool, frozenset[int]]]
    ) -> list[_Option]:
        """List the passes that save large arrays, those that go first first."""
        H, options = circuit.apex, list[_Option]()
        paths = [path(H, box, plain=False) for box in H.order]
        levels = dict.fromkeys(tuple(one[:k]) for one in paths for k in range(len(one) + 1))
        sweep = Sweep(circuit)
        kept = {box: sweep.letter(box, t) for box, (_, t) in sweep.prefixes.items()}
        every = [("", one, True) for at, through in product(levels, (False, True))
                 for one in passes(circuit, None, at, through)]  # fmt: skip
        for at in levels:
            for title, one, alone in sweeps(circuit, at):
                grown = self._grown(circuit, one)
                if not alone or grown.extra or {*one.reductions}.isdisjoint(sweep.prefixes):
                    every.append((title, grown, alone))  # others are passes, too
        for title, one, alone in every:
            names = {letter_at(H, b, v) for b, v in one.reductions.items()} | {H.called(one.axis)}
            names |= {kept[b] for b in one.reductions if b in kept} | {title.rpartition("/")[2]}
            if one.axis in self.whole or (self.letters is not None
                                          and names.isdisjoint(self.letters)):  # fmt: skip
                continue
            if (alone, one.results(circuit)) in tried:
                continue
            inside, largest = self._large(circuit, one)
            if self._saves(largest, one):
                rank = -len(one.level), alone, -largest, not one.through, len(inside)
                options.append(_Option(rank, title or named(circuit, one)[0], one, alone))
        return sorted(options, key=lambda option: (option.rank, option.title))

    def _grown(self, circuit: Circuit, one: Pass) -> Pass:
        """Return what is swept with what is made of its large results, index by index."""
        H, bound = circuit.apex, self._bound(())
        extra, stack = {*one.extra}, [*one.results(circuit)]
        while stack:
            wire = stack.pop()
            for box in readers(circuit)[wire] if self.numbers[wire] > bound else ():
                entry, own = H.operations[box].kernel.entry, box in extra or box in one.reductions
                here = tuple(path(H, box, plain=False)) == one.level
                here = here and H.operations[box].kernel.name not in GATES
                if here and not own and entry.deterministic and entry.targets != "whole":
                    extra.add(box)
                    stack += H.sides[1][box]
        return replace(one, extra=frozenset(extra))

    def _bound(self, wires: Iterable[int]) -> float:
        """Return than what arrays are larger that are large, beside some that are formed."""
        ends = max([self.given, *(self.numbers[wire] for wire in wires)])
        return max(self.least * ends, self.threshold - 1)

    def _saves(self, largest: int, one: Pass) -> bool:
        """Whether a pass has large arrays, of which it reads several blocks."""
        size = self.sizes[one.axis]
        return largest > 0 and size > self._length(largest, size)

    def _length(self, largest: int, size: int, state: int = 0, kept: int = 0) -> int:
        return self.block or block_for(largest, size, state, kept)

    def _island(
        self, circuit: Circuit, option: _Option, again: bool, number: int,
        tried: set[tuple[bool, frozenset[int]]], refused: dict[frozenset[int], tuple[str, str]],
    ) -> tuple[Island, set[int]] | None:  # fmt: skip
        """Return the island of a pass, or of an earlier part of it, and the boxes that go."""
        one: Pass | None = option.one
        title, alone, label = option.title, option.alone, f"{self.name} {number}"
        place = placed(circuit, option.one)
        called = f"{title} at {place}" if place else title
        while one is not None and (alone, one.results(circuit)) not in tried:
            own = one.results(circuit)
            tried.add((alone, own))
            reason, parted, largest = "", None, 0
            for near in (again, not again):
                inside, most = self._large(circuit, one, near)
                try:
                    if most and parted is None:
                        parted = self._parted(circuit, one, inside, label, again, alone)
                        largest = most
                except StreamRefused as error:
                    reason = reason or str(error)
            if parted is None:
                if alone:
                    refused[own] = called, reason
                return None
            fold, sizes, rest, gone = parted
            rows = fold.tail.apex.lists["axes"]
            read = [prod(sizes[axis] for axis in rows.row(wire)) for wire in fold.tail.dom]
            state, fixed = max(read[: len(fold.kinds)], default=0), read[len(fold.kinds) :]
            kept = sum(read[: len(fold.kinds)]) if isinstance(fold, PrefixFold) else 0
            if state >= largest:
                reason = f"its state has {state:,} numbers, the largest array {largest:,}"
                refused[own] = called, reason
                one = earlier(circuit, one)
                continue
            count = self._length(largest, sizes[fold.axis], max([state, *fixed]), kept)
            if self.worth is not None and (reason := self.worth(fold, sizes, largest, count)):
                refused[own] = called, reason
                return None
            for other in [other for other in refused if not own.isdisjoint(other)]:
                del refused[other]
            if isinstance(fold, PrefixFold):
                title = f"{title.rpartition('/')[0]}/{fold.variable}"
            formed = {w for box in gone for w in circuit.apex.sides[1][box]
                      if tuple(path(circuit.apex, box, plain=False)) == one.level}  # fmt: skip
            rounds = max((self.numbers[w] for w in formed), default=0) <= self._bound(())
            return Island(fold, rest, label, largest, count, title, sizes, place, rounds), gone
        return None

    def _large(self, circuit: Circuit, one: Pass, near: bool = False) -> tuple[set[int], int]:
        """Return the boxes of large arrays of a pass and of what is made of these, and the largest.

        What runs with the pass is not among the boxes; of rounds all counts that gradients keep.

        Near ones are those from which large arrays alone lead to what the pass reduces: the hidden
        layer of the layer before is not one of those of an attention.
        """
        H, nodes, numbers = circuit.apex, one.nodes(circuit), self.numbers
        bound = self._bound(one.results(circuit))
        made = nodes.cone(one.reductions.items()).values()
        boxes = {found[0] for found in made if found is not None} - one.extra
        sizes = [0, self._rounds(circuit, one)]
        sizes += [numbers[wire] for box in one.extra for wire in H.sides[1][box]]
        most, inside = max(sizes), set[int]()
        if max([most, *(numbers[wire] for box in boxes for wire in H.sides[1][box])]) > bound:
            for box in H.order:
                if box in boxes:
                    large = any(numbers[wire] > bound for wire in H.sides[1][box])
                    if large or any(nodes.writer.get(w) in inside for w in H.sides[0][box]):
                        inside.add(box)
        if near:
            found, stack = set[int](), [*one.reductions]
            while stack:
                wires = H.sides[0][stack.pop()]
                ahead = {nodes.writer[w] for w in wires
                         if w in nodes.writer and numbers[w] > bound}  # fmt: skip
                stack += (ahead & inside) - found
                found |= ahead & inside
            inside = found
        sizes = [numbers[w] for box in inside for w in H.sides[1][box]]
        return inside, max([most if most > bound else 0, *sizes])

    def _rounds(self, circuit: Circuit, one: Pass) -> int:
        """Return how many numbers of the rounds of a pass gradients keep in all."""
        H, total = circuit.apex, 0
        for box in one.extra:
            inner = path(H, box, plain=False)[len(one.level) :]
            if inner and H.operations[box].kernel.name not in ("each", "last", "stack"):
                blocks = (self.sizes[axis] for k in inner for axis in H.lists["rounds"].row(k))
                made = (self.numbers[w] for w in H.sides[1][box] if is_kept(circuit, w))
                total += prod(blocks) * sum(made)
        return total

    def _parted(
        self, circuit: Circuit, one: Pass, inside: set[int], label: str, again: bool, alone: bool
    ) -> tuple[Fold | PrefixFold, dict[int, int], Circuit, set[int]]:
        """Return the fold of some boxes, sizes, and the circuit in which they are one opaque box.

        Prefix reductions after each other are no fold but a prefix fold: they do not stand
        ``alone``. Large arrays that are read elsewhere, too, are formed again there, if they may
        be. The last are the boxes that are not in that circuit.
        """
        H, writer = circuit.apex, circuit.apex.writer
        ins, outs = H.sides
        own = {*inside, *one.reductions, *one.extra}
        after: set[int] = set()
        for box in H.order:
            if any(w in writer and writer[w] in (after | {*one.reductions}) for w in ins[box]):
                after.add(box)
        own |= after & ancestors(H, [w for box in own for w in ins[box]])
        own -= {
            box
            for box in own
            if H.operations[box].kernel.name in GATES
            and tuple(path(H, box, plain=False)) == one.level
        }  # the block's own ends
        for box in H.order:
            reads = [writer.get(w, -1) for w in ins[box]]
            constant = [b >= 0 and H.operations[b].kernel.name == "constant" for b in reads]
            here = tuple(path(H, box, plain=False)) == one.level
            joined = here and box not in own and H.operations[box].kernel.name in JOINED
            small = (c or b in own - inside for b, c in zip(reads, constant, strict=True))
            if joined and not own.isdisjoint(reads) and all(small):
                own.add(box)
        inner = {box: path(H, box, plain=False)[len(one.level) :] for box in one.extra}
        if any(tuple(path(H, box, plain=False)) != one.level for box in own - one.extra):
            raise StreamRefused(label, "boxes of a block with rounds stay in it")
        every = [b for b in H.order if H.operations[b].kernel.name == "constant"]
        constants = {b for b in every if any(outs[b][0] in ins[box] for box in own)} - own
        made = {wire for box in own for wire in outs[box]}
        given = list(dict.fromkeys(w for box in sorted(own) for w in ins[box] if w not in made
                                  and writer.get(w) not in constants))  # fmt: skip
        asked = {w for box in range(H.size("Box")) if box not in own for w in ins[box]}
        asked |= {*circuit.cod}
        kept, results, stack = set[int](), set[int](), [*(made & asked)]
        while stack:
            wire = stack.pop()
            box = writer.get(wire, -1)
            if box in inside and box not in kept:
                kept.add(box)
                stack += ins[box]
            elif box in own - inside:
                results.add(wire)
        if kept and not again:
            raise StreamRefused(label, ELSEWHERE)
        results = sorted(results)
        if ancestors(H, given) & own:
            raise StreamRefused(label, "what it reads needs what it returns")
        order = [box for box in H.order if box in own or box in constants]
        draft = Draft.of(H)
        draft.wires = [row._replace(name=None, initialiser=None) for row in draft.wires]
        draft.boxes = [draft.boxes[box]._replace(within=inner.get(box, [])) for box in order]
        place = {box: k for k, box in enumerate(order)}
        island, boxes, axes = renumbered(Circuit.of(draft, given, results))
        reductions = {boxes[place[box]]: v for box, v in one.reductions.items()
                      if place[box] in boxes}  # fmt: skip
        fold, sizes = self._fold(island, reductions, one, axes, alone)
        rest = Draft.of(H)
        variables = [axis for w in (*given, *results) for axis in rest.wires[w].axes]
        starts = np.cumsum([0, *(len(rest.wires[w].axes) for w in (*given, *results))]).tolist()
        spans = [tuple(range(a, b)) for a, b in pairwise(starts)]
        whole = Operation(
            Kernel("opaque", (("label", label), ("random", False))),
            tuple(map(Reading.wiring, spans[: len(given)])), tuple(spans[len(given) :]),
            tuple(range(len(variables))), title=label,
        )  # fmt: skip
        gone = own - kept
        rest.boxes = [row for box, row in enumerate(rest.boxes) if box not in gone]
        rest.box(whole, given, results, variables, within=one.level)
        return fold, sizes, Circuit.of(rest, circuit.dom, circuit.cod), gone

    def _fold(
        self, island: Circuit, reductions: dict[int, int], one: Pass, axes: Mapping[int, int],
        alone: bool,
    ) -> tuple[Fold | PrefixFold, dict[int, int]]:  # fmt: skip
        """Return the fold of an island, and the sizes of its axes; equal islands have one."""
        sizes = {own: self.sizes[axis] for axis, own in axes.items()}
        key = island, tuple(reductions.items()), axes[one.axis], one.through, tuple(sizes.items())
        if key not in self.folds:
            H, same = island.apex, Pass(reductions, axes[one.axis], (), through=one.through)
            reduces = {H.operations[box].kernel.name for box in reductions} <= {*REDUCING}
            try:
                fold: Fold | PrefixFold = _swept(island, same, sizes)
            except StreamRefused:
                if not alone or one.extra or not reduces:
                    raise
                fold = derived(island, same, H.called(same.axis))
            self.folds[key] = fold, sizes
        return self.folds[key]


def renumbered(circuit: Circuit) -> tuple[Circuit, dict[int, int], dict[int, int]]:
    """Return the boxes that outputs need, with rows in the order in which they are met.

    Circuits that are equal, as ``==`` says, then have equal rows, but for letters and titles.

    Returns
    -------
    tuple
        The circuit, and the new rows of boxes and of axes.
    """
    old, order, new = Draft.of(circuit.apex), circuit._walk(), Draft()
    axes, types, wires = dict[int, int](), dict[Any, int](), dict[int, int]()
    blocks = dict[int, int]()
    new.symbols = [*old.symbols]

    def axis(row: int) -> int:
        if row not in axes:
            axes[row] = new.axis(old.axes[row][0])
        return axes[row]

    def kind(row: int) -> int:
        dtype, points = old.types[row]
        key = (dtype, axis(points) if dtype == "N" else row if dtype is None else None)
        if key not in types:
            types[key] = new.type(dtype, key[1] if dtype == "N" else None)
        return types[key]

    def wire(row: int) -> int:
        if row not in wires:
            one = old.wires[row]
            own = [*map(axis, one.axes)]
            wires[row] = new.wire(own, kind(one.type), one.name, one.initialiser)
        return wires[row]

    def block(row: int) -> int:
        if row not in blocks:
            title, rounds = old.blocks[row]
            blocks[row] = len(new.blocks)
            new.blocks.append((title, [*map(axis, rounds)]))
        return blocks[row]

    dom = [*map(wire, circuit.dom)]
    for box in order:
        row = old.boxes[box]
        ins, own, mentions = map(wire, row.ins), map(axis, row.vars), map(axis, row.mentions)
        within = [*map(block, row.within)]
        new.boxes.append(BoxRow([*ins], [], [*own], [*mentions], row.operation, within))
        new.boxes[-1].outs.extend(map(wire, row.outs))
    cod = [*map(wire, circuit.cod)]

    def place(key: int) -> int:
        return axis(key) if key >= 0 else key

    for row in (*axes,):
        sizes = old.axes[row][1]
        if sizes is not None:
            made = frozenset(size.rename(place) for size in sizes)
            new.axes[axes[row]] = new.axes[axes[row]][0], made
    new.symbols = [
        (name, None if value is None else frozenset(size.rename(place) for size in value))
        for name, value in new.symbols
    ]
    boxes = {box: k for k, box in enumerate(order)}
    return Circuit.of(new, dom, cod), boxes, axes


def _swept(island: Circuit, one: Pass, sizes: Mapping[int, int]) -> PrefixFold:
    """Return the prefix fold of an island along what a pass keeps.

    Raises
    ------
    StreamRefused
        If there is none, or it reduces what is not earlier.
    """
    nodes, H = Sweep(island), island.apex
    ends = {box: (nodes.at(box, s), nodes.at(box, t)) for box, (s, t) in nodes.prefixes.items()}
    ends |= {box: (nodes.at(box, v),) * 2 for box, v in nodes.sums.items()}
    named = {axis: letter for _, letter, axis in nodes.names()}
    gates = {box for box in H.order if H.operations[box].kernel.name == "each"}
    own = [ends[box] for box in one.reductions if box in ends]
    along = {t for _, t in own} or {one.axis}
    if not {*one.reductions} <= {*ends} | gates or len(along) > 1 or any(
        sizes[s] != sizes[t] for s, t in own
    ):  # fmt: skip
        raise StreamRefused(H.called(one.axis), "it reduces what is not earlier")
    (axis,) = along
    return swept(island, named.get(axis, H.called(axis)), axis)
