r"""Islands: boxes that run together, each index variable in a mode; their transfers and memory.

Each variable of an island has one mode:

=========  ============================================================================
whole      all of it is in fast memory
grouped    an outer parallel loop over blocks of g; it is in every output
streamed   an inner sequential loop over blocks of s with a carried state; it is reduced
split      reduced, in blocks of g by different groups, whose states cross and are merged
swept      an inner sequential loop over blocks of s; it stays in the output
=========  ============================================================================

With G the grouped and split ones, and sequential loops in the order in which modes name them,

.. math::
    H = \sum_X |X| \prod_{p \in G,\, p \notin X} \frac{|p|}{g_p}
        \prod_{p \text{ sequential},\, p \notin X,\, p \text{ outside some loop of } X}
        \frac{|p|}{s_p}

over the *crossings* X, arrays at a reading, equal ones once; and M is the greatest column, a step
of the loop's body, of the tiles that are live in it. A tile is live from when it is made to its
last use; what is added up, what is read before a loop, and what is carried, is live through the
loop. A map of single numbers may take the place of a dying operand with equal axes. Both are
posynomials in blocks and sizes. Columns are in the order of the circuit's boxes.

>>> from catlearn.arrays import einsum
>>> island = Island(einsum("a b, b c -> a c"), {"a": "grouped", "c": "grouped", "b": "streamed"})
>>> print(island.transfers)
a*b*c/g_a + a*b*c/g_c + a*c
>>> for column in island.columns:
...     print(column.title, "|", column.memory)
einsum[a c] | g_a*g_c + g_a*s_b + g_c*s_b
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import permutations, product
from math import prod
from numbers import Real
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from catlearn.arrays import Circuit
from catlearn.arrays.forms import Form
from catlearn.arrays.sizes import Size
from catlearn.cost import Posynomial
from catlearn.costing.costs import Costs
from catlearn.costing.indexed import PLACES, Indexed
from catlearn.costing.work import Work
from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    did_you_mean,
    expect,
    expect_dicts,
    expect_known,
    wrong_kind,
)

MODES = ("whole", "grouped", "streamed", "split", "swept")
"""What a variable may be in an island."""

EXTREMES = ("max", "min")
SEQUENTIAL = ("streamed", "swept")
PARALLEL = ("grouped", "split")

NOTHING, ONE = Posynomial(), Posynomial.of(1)


def posynomial(size: Size) -> Posynomial:
    """Return a size as a posynomial.

    Raises
    ------
    CatlearnError
        If a coefficient is negative.

    Examples
    --------
    >>> posynomial(Size.of("m") * 2)
    Posynomial.parse('2*m')
    """
    if any(c < 0 for _, c in size.terms):
        raise CatlearnError(f"the size {size} has a minus; give numbers, sizes=...")
    return Posynomial.of({tuple((str(key), e) for key, e in m): c for m, c in size.terms})


class Mode(NamedTuple):
    """The mode of a variable, and the number of its block, where it has one."""

    kind: str
    block: int | None = None

    def __str__(self) -> str:
        return self.kind if self.block is None else f"{self.kind} {self.block}"


class Crossing(NamedTuple):
    """An array that crosses: what it is, its words, and how often they cross.

    Of that ``share`` is left where blocks that masks hide are skipped. Of what is added up in parts
    ``state`` is the variable that is split.
    """

    title: str
    words: Posynomial
    times: Posynomial
    share: Fraction = Fraction(1)
    state: str | None = None

    @property
    def transfers(self) -> Posynomial:
        """The words that cross in all."""
        return self.words * self.times


class Column(NamedTuple):
    """A step of the loop's body: what it makes, and the tiles that are live, by what they hold."""

    title: str
    live: dict[str, Posynomial]

    @property
    def memory(self) -> Posynomial:
        """The sum of the tiles."""
        return Posynomial.total(self.live.values())


@dataclass
class _Lifetime:
    """Where a tile is live: in the columns from ``first`` to ``last``.

    Of ``state`` it has one entry: what sums that go on carry.
    """

    node: int
    home: tuple[int, ...]
    first: int
    last: int
    state: frozenset[int] = frozenset()


class Schedule:
    """The order of steps in some loops, and where tiles are live: the same in all other modes."""

    def __init__(self, read: Indexed, loops: Sequence[int]) -> None:
        self.read, self.loops = read, [*loops]
        self._live: dict[bool, list[list[int]]] = {}

    @classmethod
    def of(cls, read: Indexed, loops: Sequence[int]) -> Schedule:
        """Return the order in some loops, which is kept for all modes of the arrays."""
        key = "schedule", tuple(loops)
        if key not in read.kept:
            read.kept[key] = cls(read, loops)
        return read.kept[key]

    @cached_property
    def paths(self) -> list[tuple[int, ...]]:
        """The loops in which each node is made."""
        nodes, loops = self.read.nodes, self.loops
        paths = [{v for v in loops if v in node.every} for node in nodes]
        for v in loops:
            after, before = [False] * len(nodes), [False] * len(nodes)
            for k, node in enumerate(nodes):
                after[k] = v in node.bound or any(after[j] for j in node.operands)
            for k in range(len(nodes) - 1, -1, -1):
                if before[k] or v in nodes[k].every:
                    for j in nodes[k].operands:
                        before[j] = True
            for k, node in enumerate(nodes):
                if node.kind != "input" and before[k] and after[k]:
                    paths[k].add(v)
        pairs = [(j, k) for k, node in reversed([*enumerate(nodes)]) for j in node.operands
                 if nodes[j].kind != "input"]  # fmt: skip
        changed = len(loops) > 1
        while changed:  # what is in one loop is in the same loops outside of it
            changed = False
            for j, k in pairs:
                one, other = paths[j], paths[k]
                over = [loops.index(v) for v in nodes[j].bound if v in one - other]
                end = min(over, default=len(loops))  # what reads a sum stands after its loop
                inner = max((n for v in one & other if (n := loops.index(v)) < end), default=0)
                outer = {*loops[:inner]}
                if (one ^ other) & outer:
                    both = (one | other) & outer
                    one |= both
                    other |= both
                    changed = True
        return [tuple(v for v in loops if v in path) for path in paths]

    @cached_property
    def _run(self) -> tuple[list[tuple[int, tuple[int, ...]]], list[tuple[int, int]]]:
        """The nodes in order, each with the loops that it is in, and where each loop is.

        A loop that is run twice is two.
        """
        nodes, paths = self.read.nodes, self.paths
        steps: list[tuple[int, tuple[int, ...]]] = []
        regions: list[tuple[int, int]] = []
        done = [node.kind == "input" for node in nodes]

        def ready(k: int) -> bool:
            return not done[k] and all(done[j] for j in nodes[k].operands)

        def run(prefix: tuple[int, ...], chain: tuple[int, ...], members: list[int]) -> None:
            depth = len(prefix)
            while True:
                for k in members:  # each after those that it reads
                    if paths[k] == prefix and ready(k):
                        done[k] = True
                        steps.append((k, chain))
                inner: dict[int, dict[int, None]] = {}
                for k in members:
                    if not done[k] and len(paths[k]) > depth:
                        inner.setdefault(paths[k][depth], {})[k] = None
                open_ = [v for v, some in inner.items() if any(map(ready, some))]
                if not open_:
                    return
                closed = [
                    v for v in open_
                    if all(done[j] or j in inner[v] for k in inner[v] for j in nodes[k].operands)
                ]  # fmt: skip
                v, region = (closed or open_)[0], len(regions)
                regions.append((len(steps), len(steps)))
                run((*prefix, v), (*chain, region), [*inner[v]])
                regions[region] = regions[region][0], len(steps) - 1

        run((), (), [k for k, node in enumerate(nodes) if node.kind != "input"])
        return steps, regions

    @property
    def steps(self) -> list[tuple[int, tuple[int, ...]]]:
        """The nodes in the order in which they are made, with the loops that each is in."""
        return self._run[0]

    @cached_property
    def spans(self) -> list[_Lifetime]:
        """Where tiles are live; an array that crosses in two loops has one in each."""
        nodes, paths = self.read.nodes, self.paths
        steps, regions = self._run
        place = {node: (k, chain) for k, (node, chain) in enumerate(steps)}
        uses: dict[int, list[tuple[int, tuple[int, ...]]]] = {k: [] for k in range(len(nodes))}
        for k, node in enumerate(nodes):
            for j in node.operands:
                uses[j].append(place[k])
        found: list[_Lifetime] = []

        def until(home: tuple[int, ...], use: tuple[int, tuple[int, ...]]) -> int:
            column, chain = use
            same = next(
                (k for k, (a, b) in enumerate(zip(home, chain, strict=False)) if a != b),
                min(len(home), len(chain)),
            )
            return regions[chain[same]][1] if len(chain) > same else column

        for k, node in enumerate(nodes):
            if node.kind == "input":
                homes: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
                for column, chain in uses[k]:
                    path = paths[steps[column][0]]
                    deep = max((i + 1 for i, v in enumerate(path) if v in node.free), default=0)
                    homes.setdefault(chain[:deep], []).append((column, chain))
                for home, some in homes.items():
                    first = min(
                        regions[chain[len(home)]][0] if len(chain) > len(home) else column
                        for column, chain in some
                    )
                    found.append(_Lifetime(k, home, first, max(until(home, use) for use in some)))
                if not homes:
                    found.append(_Lifetime(k, (), 0, 0))
                continue
            column, home = place[k]
            first = last = column
            carried = [i for i, v in enumerate(paths[k]) if v in node.bound]
            if carried:
                first, last = regions[home[carried[0]]]
                home = home[: carried[0]]
            last = max((last, *(until(home, use) for use in uses[k])))
            found.append(_Lifetime(k, home, first, last))
            going = [i for i, v in enumerate(paths[k]) if v in node.along]
            if going:
                region = place[k][1][going[0]]
                found.append(
                    _Lifetime(k, home[: going[0]], *regions[region], frozenset(node.along))
                )
        return found

    def held(self, span: _Lifetime) -> set[int]:
        """The loops' variables of which a tile has all: loops in what adds up, or run again."""
        nodes, paths = self.read.nodes, self.paths
        node, path = nodes[span.node], paths[span.node]
        if node.kind == "input":
            return set()
        depth = len(span.home)
        return {v for v in node.free if v in path[depth:] and any(
            w in node.bound for w in path[depth:])}  # fmt: skip

    def home_path(self, span: _Lifetime) -> tuple[int, ...]:
        """The loops in which a crossing is read."""
        depth = len(span.home)
        inside = [node for node, chain in self.steps if chain[:depth] == span.home]
        return self.paths[inside[0]][:depth] if depth else ()

    def live(self, alike: bool) -> list[list[int]]:
        """Return which tiles are live in each step; inputs are ``alike`` what stays inside.

        A map of single numbers takes the place of an operand that dies, which is left out.
        """
        if alike in self._live:
            return self._live[alike]
        nodes, spans = self.read.nodes, self.spans
        ends = {node for node, _, _ in self.read.outputs}
        begun: dict[int, list[int]] = {}
        for k, span in enumerate(spans):
            begun.setdefault(span.first, []).append(k)
        now: list[int] = []
        found = self._live[alike] = []
        for at, (number, _) in enumerate(self.steps):
            node, spared = nodes[number], None
            now = sorted([k for k in now if spans[k].last >= at] + begun.get(at, []))
            for k in now if node.kind == "map" else ():
                span, other = spans[k], nodes[spans[k].node]
                dies = span.last == at and span.node in node.operands and span.node not in ends
                same = other.free == node.free and (other.kind != "input" or alike)
                if dies and same:
                    spared = k
                    break
            found.append([k for k in now if k != spared])
        return found


class Island(Legible):
    """Boxes of a circuit that run together, with a mode for each index variable.

    Parameters
    ----------
    circuit
        A circuit, or its arrays at index variables.
    modes
        For each variable that is not whole its mode, or a pair of it and the number of its block,
        ``{"h": ("grouped", 1), "q": "grouped", "x": "streamed"}``. Sequential loops are nested in
        this order, the first one outermost. By default as in :meth:`usual`.
    sizes
        Numbers or names for sizes, as in :meth:`Circuit.at <catlearn.Circuit.at>`.
    widths
        What a number takes, of inputs, of outputs, and of what stays inside: (1, 1, 1), words.

    Raises
    ------
    InvalidStructure
        Listing variables that are unknown or ambiguous, and modes that they cannot have.
    CatlearnError
        If a size has a minus.

    Attributes
    ----------
    read
        The arrays at index variables.
    modes
        The mode of each variable that is not whole.
    circuit
        Whose operations are counted, box by box; where it is None, they are counted by arrays.
    again
        Of a reverse pass, the operations by unit that were done in the forward one.
    """

    def __init__(
        self,
        circuit: Circuit | Indexed,
        modes: Mapping[str, Any] | None = None,
        *,
        sizes: Mapping[str, Any] | None = None,
        widths: tuple[Any, Any, Any] = (1, 1, 1),
    ) -> None:
        expect(circuit, (Circuit, Indexed), "an island", "of a circuit")
        expect(modes, (type(None), Mapping), "modes", "a dict, such as {'q': 'grouped'}")
        expect_dicts("a dict of sizes by names", sizes=sizes)
        expect_widths(widths)
        self.circuit: Circuit | None = None
        self.again: Mapping[str, Posynomial] = {}
        if isinstance(circuit, Circuit):
            circuit = circuit.at(sizes) if sizes else circuit
            self.circuit = circuit
            circuit = Indexed.of(circuit)
        self.read, self.widths = circuit, widths
        self.modes = usual(circuit) if modes is None else self._modes(modes)
        failures = self.failures()
        if failures:
            raise InvalidStructure("island", failures)

    def _modes(self, given: Mapping[str, Any]) -> dict[str, Mode]:
        failures, modes = [], {}
        for name, mode in given.items():
            pair = isinstance(mode, tuple) and len(mode) == 2
            made = Mode._make(mode if pair else (mode, None))
            if made.kind not in MODES:
                message = f"has the mode {made.kind!r}; {did_you_mean(str(made.kind), MODES)}"
                failures.append(Failure("mode", f"axis {name}", message))
            block = made.block
            if block is not None and (
                isinstance(block, bool) or not isinstance(block, int) or block < 1
            ):
                message = f"has blocks of {block!r}; a block is an integer from 1"
                failures.append(Failure("block", f"axis {name}", message))
            try:
                known = self.read.names[self.read[name]]
            except (CatlearnError, KeyError) as error:
                failures.append(Failure("axis", f"axis {name}", str(error.args[0])))
                continue
            if made.kind != "whole":
                modes[known] = made
        if failures:
            raise InvalidStructure("island", failures)
        return modes

    def failures(self) -> list[Failure]:
        """List variables that cannot have their mode."""
        read, found = self.read, []
        for name, mode in self.modes.items():
            v = read.variables[name]
            reduced, inside = v in read.reduced, [v in one for one in read.written]
            message = ""
            if v in read.whole:
                message = "a kernel takes it whole"
            elif v in read.along and mode.kind in PARALLEL:
                message = "sums go on along it, so it may be swept"
            elif mode.kind == "grouped" and (reduced or not all(inside)):
                message = "is reduced, so it may be split" if reduced else "is not in every output"
            elif mode.kind == "swept" and (reduced or not any(inside)):
                message = "is reduced, so it may be streamed" if reduced else "is in no output"
            elif mode.kind in ("streamed", "split") and not reduced:
                message = "is not reduced"
            elif mode.kind in ("streamed", "split") and any(inside) and not read.gradients:
                message = "is in the output; what reduces it has to be in the island"
            elif mode.kind in ("streamed", "split") and v in read.refused:
                message = f"no fold is known, {read.refused[v]}"
            if message:
                found.append(Failure("mode", f"axis {name}", f"{mode.kind}: {message}"))
        return found

    # ------------------------------------------------------------ tiles

    @cached_property
    def _kinds(self) -> dict[int, str]:
        return {self.read.variables[name]: mode.kind for name, mode in self.modes.items()}

    @cached_property
    def loops(self) -> list[int]:
        """The variables of sequential loops, outermost first."""
        return [v for v, kind in self._kinds.items() if kind in SEQUENTIAL]

    @cached_property
    def _parallel(self) -> list[int]:
        return [v for v, kind in self._kinds.items() if kind in PARALLEL]

    @cached_property
    def _full(self) -> dict[int, Posynomial]:
        if "full" not in self.read.kept:
            sizes = self.read.sizes
            found = {v: posynomial(sizes[v]) for v in self.read.variables.values()}
            self.read.kept["full"] = found
        return self.read.kept["full"]

    def block_name(self, name: str) -> str:
        """Return what the block of a variable is called: ``g_q`` or ``s_x``."""
        expect(name, str, "the name of an axis", "a text")
        expect_known(name, self.modes, f"axis {name} is whole, or there is none")
        return f"{'g' if self.modes[name].kind in PARALLEL else 's'}_{name}"

    @cached_property
    def _blocks(self) -> dict[int, Any]:
        """The names, or numbers, of the blocks of variables that are not whole."""
        found: dict[int, Any] = {}
        for name, mode in self.modes.items():
            v, block = self.read.variables[name], mode.block
            size = self._full[v].number
            tile = self.block_name(name) if block is None else block
            found[v] = tile if block is None or size is None else min(block, size)
        return found

    @cached_property
    def _tiles(self) -> dict[int, Posynomial]:
        """What of each variable is in fast memory at once."""
        return self._full | {v: Posynomial.of(block) for v, block in self._blocks.items()}

    @cached_property
    def bounds(self) -> dict[str, Posynomial]:
        """The sizes of the variables of which blocks are open, by the names of blocks."""
        return {
            self.block_name(name): self._full[self.read.variables[name]]
            for name, mode in self.modes.items()
            if mode.block is None
        }

    def _times(self, variables: Iterable[int]) -> Posynomial:
        """How many blocks variables have, together; of numbers the last one may be smaller."""

        def blocks(v: int) -> Posynomial:
            size, block = self._full[v].number, self._tiles[v].number
            if size is None or block is None:
                return self._full[v] / self._tiles[v]
            return Posynomial.of(-(-size // block))

        every = tuple(variables)
        key = "times", every, tuple(map(self._blocks.get, every))
        if key not in self.read.kept:
            self.read.kept[key] = reduce(mul, map(blocks, every), ONE)
        return self.read.kept[key]

    def _tile(self, span: _Lifetime) -> Posynomial:
        """What is held of an array; what says where the greatest entry is keeps that, too."""
        nodes, node = self.read.nodes, self.read.nodes[span.node]
        held = dict.fromkeys(self._schedule.held(span), None) | dict.fromkeys(span.state, 1)
        alone = node.kernel in PLACES and not any(
            one.kernel in EXTREMES and (one.operands, one.bound) == (node.operands, node.bound)
            for one in nodes
        )
        return self._extent(span.node, node.forms, self._blocks | held) * (2 if alone else 1)

    def _extent(self, place: Any, forms: tuple[Form, ...], blocks: Mapping[int, Any]) -> Posynomial:
        """How many entries the forms of some place read at blocks; that is kept for all modes."""
        key = place, tuple(blocks.get(v) for form in forms for v in form.variables)
        if key not in self.read.kept:
            tiles = {v: Posynomial.of(one) for v, one in blocks.items() if one is not None}
            self.read.kept[key] = extent(forms, self._full | tiles)
        return self.read.kept[key]

    # ------------------------------------------------------------ memory

    @cached_property
    def _schedule(self) -> Schedule:
        return Schedule.of(self.read, self.loops)

    @property
    def steps(self) -> list[tuple[int, tuple[int, ...]]]:
        """The nodes in the order in which they are made, with the loops that each is in."""
        return self._schedule.steps

    def loops_of(self, node: int) -> tuple[int, ...]:
        """Return the variables of the loops that a node is made in, outermost first."""
        return self._schedule.paths[node]

    @cached_property
    def columns(self) -> list[Column]:
        """The steps of the loop's body, with the tiles that are live."""
        nodes, spans = self.read.nodes, self._schedule.spans
        crossing, _, inside = self.widths
        tiles = []
        for span in spans:
            width = crossing if nodes[span.node].kind == "input" else inside
            tiles.append(self._tile(span) * width)
        found, every = [], self._schedule.live(alike=crossing == inside)
        for (number, _), now in zip(self.steps, every, strict=True):
            live: dict[str, Posynomial] = {}
            for k in now:
                title = self.read.title(spans[k].node)
                live[title] = live[title] + tiles[k] if title in live else tiles[k]
            found.append(Column(self.read.title(number), live))
        return found

    @cached_property
    def memory(self) -> list[tuple[str, Posynomial]]:
        """The columns of which none is below another one; M is their greatest value."""
        kept: list[tuple[str, Posynomial]] = []
        for column in self.columns:
            one = column.memory
            if not any(one <= other for _, other in kept):
                kept = [pair for pair in kept if not pair[1] <= one]
                kept.append((column.title, one))
        return kept

    # ------------------------------------------------------------ transfers

    @cached_property
    def crossings(self) -> list[Crossing]:
        """What crosses: inputs, outputs, and states of axes that are split."""
        nodes, found = self.read.nodes, []
        merged = self._merged
        for span in self._schedule.spans:
            node = nodes[span.node]
            if node.kind == "input":
                path = self._schedule.home_path(span)
                users = [k for k, one in enumerate(nodes) if merged and span.node in one.operands]
                moved = [p for p in merged if users and all(k in merged[p] for k in users)]
                title, width = self.read.title(span.node), self.widths[0]
                one = self._crossing(span.node, title, node.forms, path, moved, width)
                loops = node.free.union(path, self._parallel) - {*moved}
                for variables, (kept, every) in self.open.items():
                    if variables <= loops and span.node in self._skipping(variables):
                        one = one._replace(share=one.share * Fraction(kept, every))
                found.append(one)
        for place, (number, name, forms) in enumerate(self.read.outputs):
            free = frozenset(v for form in forms for v in form.variables)
            moved = [p for p in merged if number in merged[p] or p in nodes[number].bound]
            path = self._schedule.paths[number]
            cut = [i for i, v in enumerate(path) if v in nodes[number].bound]
            path = path[: cut[0]] if cut else path
            inner = max((i + 1 for i, v in enumerate(path) if v in free), default=0)
            title = self.read.shown(name, forms)
            end, width = ("output", place), self.widths[1]
            found.append(self._crossing(end, title, forms, path[:inner], moved, width))
        for p in merged:
            for k, node in enumerate(nodes):
                if p in node.bound:
                    words = extent(node.forms, self._full) * self.widths[2]
                    others = [v for v in self._parallel if v not in node.free and v != p]
                    times = 2 * self._times([p, *others])
                    title, name = f"state {self.read.title(k)}", self.read.names[p]
                    found.append(Crossing(title, words, times, state=name))
        return found

    def _crossing(
        self, place: Any, title: str, forms: tuple[Form, ...],
        path: tuple[int, ...], moved: Iterable[int], width: Any,
    ) -> Crossing:  # fmt: skip
        free = frozenset(v for form in forms for v in form.variables)
        words = self._extent(place, forms, {})
        if any(form.wiring is None for form in forms):
            words = self._extent(place, forms, self._blocks) * self._times(
                v for v in free if v in self._kinds
            )
        again = [v for v in self._parallel if v not in free and v not in moved]
        again += [v for v in path if v not in free]
        return Crossing(title, words * width, self._times(again))

    @cached_property
    def _merged(self) -> dict[int, set[int]]:
        """For each axis that is split, the nodes of the tail, which are made when it is merged."""
        nodes, found = self.read.nodes, {}
        for p in (v for v, kind in self._kinds.items() if kind == "split"):
            after, before = set[int](), set[int]()
            for k, node in enumerate(nodes):
                if any(j in after or p in nodes[j].bound for j in node.operands):
                    after.add(k)
            for k in range(len(nodes) - 1, -1, -1):
                if k in before or p in nodes[k].every:
                    before |= {*nodes[k].operands}
            found[p] = {k for k in after if k not in before and p not in nodes[k].every}
        return found

    @cached_property
    def transfers(self) -> Posynomial:
        """H, the words that cross."""
        return Posynomial.total(one.transfers for one in self.crossings)

    # ------------------------------------------------------------ masks

    @cached_property
    def open(self) -> dict[frozenset[int], tuple[int, int]]:
        """How many blocks of variables masks leave, and of how many, where blocks are numbers.

        A mask is a condition on indices outside of which is -inf: a block of which all is hidden
        adds nothing, and may be skipped. With another fill it is computed.
        """
        masks: dict[frozenset[int], dict[Form, None]] = {}
        for node in self.read.nodes:
            for form in node.masks:
                plain = all(isinstance(v, int) and c.number is not None for v, c in form.terms)
                if plain and form.constant.number is not None and form.terms:
                    masks.setdefault(form.variables, {})[form] = None
        found = {}
        for variables, forms in masks.items():
            order = sorted(variables)
            ends = [(self._full[v].number, self._tiles[v].number) for v in order]
            if any(size is None or block is None for size, block in ends):
                continue
            grid = np.ix_(*(np.arange(0, size, block) for size, block in ends))
            last = [np.minimum(at + block, size) - 1
                    for at, (size, block) in zip(grid, ends, strict=True)]  # fmt: skip
            shape = tuple(-(-size // block) for size, block in ends)
            kept = np.ones(shape, bool)
            for form in forms:
                most: Any = form.constant.number
                for v, c in form.terms:
                    k = order.index(v)  # type: ignore[arg-type]
                    most = most + (c.number or 0) * (last[k] if (c.number or 0) > 0 else grid[k])
                kept &= most >= 0
            found[variables] = int(kept.sum()), kept.size
        return found

    def _skipping(self, variables: frozenset[int]) -> set[int]:
        """The nodes that hidden blocks of some variables leave out."""
        nodes, uses = self.read.nodes, [set[int]() for _ in self.read.nodes]
        for k, node in enumerate(nodes):
            for j in node.operands:
                uses[j].add(k)
        found = set[int]()
        for k, node in enumerate(nodes):
            masked = any(form.variables == variables for form in node.masks)
            if variables <= node.every and (masked or any(j in found for j in node.operands)):
                found.add(k)
        for k in range(len(nodes) - 1, -1, -1):
            if (
                uses[k]
                and uses[k] <= found
                and (variables <= nodes[k].every or not nodes[k].operands)
            ):
                found.add(k)
        return found

    @property
    def transfers_left(self) -> Posynomial:
        """H where blocks that masks hide are skipped; all of it unless blocks are numbers."""
        return Posynomial.total(one.transfers * one.share for one in self.crossings)

    def operations_left(self) -> dict[str, Posynomial]:
        """Return the operations by unit where blocks that masks hide are skipped."""
        nodes = self.read.nodes
        shares = [Fraction(1) for _ in nodes]
        for variables, (kept, every) in self.open.items():
            for k in self._skipping(variables):
                shares[k] *= Fraction(kept, every)
        numbers = [k for k, node in enumerate(nodes) if node.kind != "input"]
        found: dict[str, Posynomial] = {}
        for k, item in zip(numbers, Work.of_nodes(self.read).items, strict=True):
            for unit, size in item.by_unit.items():
                found[unit] = found.get(unit, NOTHING) + size * shares[k]
        return found

    @cached_property
    def compulsory(self) -> Posynomial:
        """What any execution moves: each array that is given or asked for once, at each reading."""
        nodes, (given, asked, _) = self.read.nodes, self.widths
        found = [extent(one.forms, self._full) * given for one in nodes if one.kind == "input"]
        found += [extent(forms, self._full) * asked for _, _, forms in self.read.outputs]
        return Posynomial.total(found)

    @property
    def work(self) -> Work:
        """The operations of each box of the circuit, or of each array where there is none."""
        circuit, kept = self.circuit, self.read.kept
        key = "work", circuit is None
        if key not in kept:
            kept[key] = Work.of_nodes(self.read) if circuit is None else Work.of(circuit)
        return kept[key]

    def operations(self) -> dict[str, Posynomial]:
        """Return the operations by unit; what lacks a grouped axis is made in each group."""
        found: dict[str, Posynomial] = {}
        for item in self.work.items:
            names = [self.read.names[v] for v in self._parallel]
            again = [self.read.variables[n] for n in names if n not in item.variables]
            for unit, size in item.by_unit.items():
                found[unit] = found.get(unit, NOTHING) + size * self._times(again)
        return found

    def costs(self, work: bool = True) -> Costs:
        """Return transfers, columns, operations and bounds as one value, which is tiled.

        Operations are left out without ``work``: tiles do not depend on them.
        """
        bounds = {name: (1, size) for name, size in self.bounds.items()}
        split = tuple(self.block_name(n) for n, m in self.modes.items() if m.kind == "split")
        return Costs(
            self.transfers, tuple(self.memory), self.operations() if work else {}, bounds,
            self.sides, tuple(name for name in split if name in bounds), self.again,
            self._times(v for v in self._parallel if self.modes[self.read.names[v]].block),
        )  # fmt: skip

    @cached_property
    def sides(self) -> tuple[tuple[tuple[str, ...], Posynomial], ...]:
        """What a matrix unit tiles, for each product that is added up.

        The variables that it goes over are one side, and those of each operand that some other one
        lacks. What all operands have, as heads, is in no side: it is for other products.
        """
        nodes, found = self.read.nodes, {}
        for node in nodes:
            operands = [nodes[j].free for j in node.operands if nodes[j].real]
            if node.kind != "sum" or len(operands) < 2 or node.kernel == "move":
                continue
            shared = frozenset.intersection(*operands)
            for side in (frozenset(node.bound), *(one & node.free - shared for one in operands)):
                found[side] = None
        tiles = {v: self.block_name(n) for n, m in self.modes.items() if m.block is None
                 for v in [self.read.variables[n]]}  # fmt: skip
        sides = []
        for side in found:
            blocks = tuple(tiles[v] for v in sorted(side) if v in tiles)
            if blocks:
                whole = (self._tiles[v] for v in sorted(side) if v not in tiles)
                sides.append((blocks, reduce(mul, whole, ONE)))
        return tuple(sides)

    def __repr__(self) -> str:
        modes = ", ".join(f"{name}: {mode}" for name, mode in self.modes.items())
        return f"Island({modes or 'all whole'})"


def expect_widths(widths: Any) -> None:
    """Refuse what is not what numbers of inputs, of outputs, and of what stays inside take."""
    real = isinstance(widths, tuple | list) and all(isinstance(one, Real) for one in widths)
    if not real or len(widths) != 3 or min(widths) <= 0:
        raise wrong_kind(widths, "widths", "three numbers above 0, such as (2, 2, 4)")


def usual(read: Indexed) -> dict[str, Mode]:
    """Return the modes that an island has where none are asked for.

    Axes that everything has are in groups of 1. Axes of all outputs are grouped if little is made
    again: what does not have one is made at some of the variables of what has it. Of those that are
    reduced the outermost one is streamed.
    """
    expect(read, Indexed, "usual", "called with Indexed.of(circuit)")
    found: dict[str, Mode] = {}
    crossing = [one.free for one in read.nodes if one.kind == "input"] + read.written
    made = {one.every: None for one in read.nodes if one.kind != "input"}
    for name, v in read.variables.items():
        if v in read.whole or v in read.along or v in read.reduced:
            continue
        if not all(v in one for one in read.written):
            continue
        if all(v in one for one in (*crossing, *made)):
            found[name] = Mode("grouped", 1)
        elif all(v in one or any(v in more and one < more for more in made) for one in made):
            found[name] = Mode("grouped")
    for v in read.reduced:
        free = v not in read.whole and not any(v in one for one in read.written)
        if free and v not in read.refused:
            found[read.names[v]] = Mode("streamed")
            break
    return found


def candidates(read: Indexed, loops: int = 2) -> Iterator[dict[str, Mode]]:
    """List the modes that an island may have, with so many sequential loops at most.

    Axes that everything has are in groups of 1. Others that are in all outputs, and not reduced,
    are whole, grouped or swept; those that are only reduced, or reduced for some gradients and in
    others, are whole, streamed or split.
    """
    expect(read, Indexed, "candidates", "called with Indexed.of(circuit)")
    start: dict[str, Mode] = {}
    crossing = [one.free for one in read.nodes] + read.written
    choices: list[list[tuple[str, str]]] = []
    for name, v in read.variables.items():
        inside = [v in one for one in read.written]
        if v in read.whole or (v in read.reduced and any(inside) and not read.gradients):
            continue
        if v in read.along:
            loop = "streamed" if v in read.reduced else "swept"
            choices.append([(name, kind) for kind in ("whole", loop)])
        elif v in read.reduced:
            kinds = ("whole",) if v in read.refused else ("whole", "streamed", "split")
            choices.append([(name, kind) for kind in kinds])
        elif all(v in one for one in crossing):
            start[name] = Mode("grouped", 1)
        elif all(inside):
            choices.append([(name, kind) for kind in ("whole", "grouped", "swept")])
        elif any(inside):
            choices.append([(name, kind) for kind in ("whole", "swept")])
    for some in product(*choices):
        nested = [(name, kind) for name, kind in some if kind in SEQUENTIAL]
        if len(nested) > loops or sum(kind == "split" for _, kind in some) > 1:
            continue
        flat = {name: Mode(kind) for name, kind in some if kind in PARALLEL}
        for order in permutations(nested):
            yield {**start, **flat, **{name: Mode(kind) for name, kind in order}}


def least_memory(read: Indexed, modes: Mapping[str, Mode], width: Any = 1) -> float:
    """Return what an island needs at least, where blocks have one index; 0 if it is not known.

    A step holds what it reads, and what it makes, unless that takes the place of what it reads.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> read = Indexed.of(einsum("a b, b c -> a c").at(a=8, b=8, c=8))
    >>> least_memory(read, {}), least_memory(read, {"a": Mode("grouped"), "b": Mode("streamed")})
    (192, 17)
    """
    if read.counts is None:
        return 0
    tiles = dict(read.counts)
    for name, mode in modes.items():
        if mode.kind != "whole":
            v = read.variables[name]
            tiles[v] = min(mode.block or 1, tiles[v])
    held = [0 if plain is None else prod(map(tiles.__getitem__, plain)) for plain in read.plain]
    steps = (
        sum(map(held.__getitem__, {*node.operands})) + (0 if node.kind == "map" else held[k])
        for k, node in enumerate(read.nodes) if node.kind != "input"
    )  # fmt: skip
    return max(steps, default=0) * width


def extent(forms: tuple[Form, ...], tiles: Mapping[int, Posynomial]) -> Posynomial:
    """Return how many entries forms read where each variable has a block.

    Of a window, ``t*y + a`` with k values of a, blocks of g of y read ``t*g + k - t`` entries if k
    is at least t, and k*g if not.

    Examples
    --------
    >>> y, a = Form.variable(0), Form.variable(1)
    >>> g, k = Posynomial.of("g"), Posynomial.of(3)
    >>> print(extent((y.times(2) + a,), {0: g, 1: k}), extent((y.times(4) + a,), {0: g, 1: k}))
    2*g + 1 3*g
    """
    found, seen = ONE, set[int]()
    used = [form.variables for form in forms]
    for k, form in enumerate(forms):
        if any(used[k] & other for j, other in enumerate(used) if j != k):
            made = [tiles[v] for v in sorted(used[k] - seen)]
            seen |= used[k]
            found = reduce(mul, made, found)
        else:
            found = found * _covered(form, tiles)
    return found


def _covered(form: Form, tiles: Mapping[int, Posynomial]) -> Posynomial:
    """Return how many values a form takes."""
    v = form.wiring
    if v is not None:
        return tiles[v]
    every = reduce(mul, (tiles[v] for v in sorted(form.variables)), ONE)
    terms = [(tiles[atom], c) for atom, c in form.terms if isinstance(atom, int)]
    if len(form.terms) < 2 or len(terms) < len(form.terms):
        return every

    def key(term: tuple[Posynomial, Size]) -> tuple[Any, ...]:
        number = term[1].number
        return (number is None, abs(number or 0), term[0].number is None)

    span, less = NOTHING, 0
    for tile, c in sorted(terms, key=key):
        number = abs(c.number) if c.number is not None else None
        if not span.terms:
            span = tile
            if number != 1:
                return every
        elif number is None:
            if less or span != posynomial(c):
                return every
            span = span * tile
        elif span.at(dict.fromkeys(span.names, 1)).number - less >= number:
            span, less = span + number * tile, less + number
        else:
            return every
    constant = dict(span.terms).get((), 0)
    if constant < less:
        return every
    return Posynomial.of({key: c for key, c in span.terms if key} | {(): constant - less})
