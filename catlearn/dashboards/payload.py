"""What a page shows, as plain values: posynomials, boxes, pictures, notices.

A posynomial is a list of terms ``[coefficient, {name: exponent}]``, in words, sizes and tiles. A
**design** is a circuit, or a block of one, and how it runs: the modes of an island, with what
crosses, what is live in each step, and operations by unit. The page computes from these what a
reader chooses: sizes, fast memory, a device.

>>> from catlearn.cost import Posynomial
>>> terms(Posynomial.parse("2*q*d + q/g_q"))
[[2, {'d': 1, 'q': 1}], [1, {'g_q': -1, 'q': 1}]]
"""

from __future__ import annotations

import contextlib
import itertools
import linecache
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import reduce
from operator import mul
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.blocks import GATES, Nested, flat, nested, path
from catlearn.arrays.boxes import Draft, line_of, line_text
from catlearn.arrays.repeats import once
from catlearn.arrays.sizes import Size
from catlearn.cost import Posynomial
from catlearn.costing import (
    CircuitResources,
    Column,
    Costs,
    Device,
    Island,
    NoTile,
    Partition,
    closed_form,
    islands,
    part_of,
    runs,
    tile,
)
from catlearn.costing.island import posynomial
from catlearn.costing.partition import stages_of
from catlearn.costing.table import circuit_resources
from catlearn.costing.work import Work
from catlearn.drawing.circuits import circuit_scene, circuit_svg
from catlearn.drawing.circuits.scene import CircuitScene, terms_of
from catlearn.errors import CatlearnError, UnknownName, did_you_mean
from catlearn.streams import stream

SIZE = 1024
"""Where the slider of a size stands that nobody gave."""

MOST_TRIED, MOST_CUT, MOST_OPEN, MOST_FUSED, MOST_REVERSED = 12, 4, 64, 64, 64
"""Boxes of a circuit whose other modes are tried, those of a part and of a circuit that is cut of
which they are, too; of a circuit that is drawn open, that is an island beside its blocks, and of
which the reverse pass is."""

MOST_STAGES, LONGEST = 48, 4
"""Stages of a circuit that is cut into islands, and those of an island."""

MOST_DRAWINGS, MOST_COLUMNS, MOST_TITLES = 8, 64, 3
"""Pictures of a design; columns that are listed, the largest ones; boxes that a title lists."""

SHARES = (1, 1 / 16, 16)
"""By which the fast memory is multiplied near which ways to run a circuit are looked for."""

NO_BLOCKS = frozenset[int]()

BLOCKS = "block by block"
"""The way in which each block runs by itself."""

Plain = dict[str, Any]


def terms(posynomial: Posynomial) -> list[list[Any]]:
    """Return a posynomial as a list of terms."""

    def plain(number: Any) -> int | float:
        return number if isinstance(number, int) else float(number)

    return [[plain(c), {n: plain(p) for n, p in key}] for key, c in posynomial.terms]


def device_of(device: Device) -> Plain:
    """Return a device as plain values."""
    levels = [asdict(level) for level in device.levels]
    units = {
        unit: {str(w): n for w, n in given.items()} if isinstance(given, Mapping) else given
        for unit, given in device.throughputs.items()
    }
    floors = dict(device.floors)
    return {"name": device.name, "levels": levels, "throughputs": units, "floors": floors}


class Designs:
    """The designs of circuits: as islands, in several ways, and block by block.

    A *group* is a circuit, a block, or boxes between blocks: its designs are ways to run the same
    boxes. A design has costs, as one island; or parts, which run one after the other: groups, and
    how often each runs.

    Parameters
    ----------
    sizes
        Numbers for sizes; those of others are :data:`SIZE`.
    memory
        The words of fast memory near which ways to run are looked for.
    device, width
        Where cuts are best, if not with a fast memory alone, and the bytes of a number there.

    Attributes
    ----------
    sizes : dict
        The numbers of the sizes that stay open.
    found : list of dict
        The designs.
    groups : list of str
        What groups are called.
    outermost : list of int
        The groups of whole circuits, by their rows.
    boxes : list of dict
        The boxes of all circuits, each once.
    """

    def __init__(
        self, sizes: Mapping[str, int], memory: float, device: Device | None, width: int
    ) -> None:
        self.given, self.memory, self.device, self.width = dict(sizes), memory, device, width
        self.sizes: dict[str, int] = {}
        self.found: list[Plain] = []
        self.groups: list[str] = []
        self.outermost: list[int] = []
        self.boxes: list[Plain] = []

    def add(self, name: str, circuit: Circuit, times: Mapping[int, int]) -> None:
        """Add the designs of a circuit.

        Parameters
        ----------
        name
            What stands before the names of its groups, or nothing.
        circuit
            A circuit of which repeats are there once, in the order in which its boxes run.
        times
            How often its blocks are repeated, by their rows.
        """
        H, work = circuit.apex, {}
        with contextlib.suppress(CatlearnError):
            work = {item.box: item.by_unit for item in Work.of(circuit).items}
        rows = range(len(self.boxes), len(self.boxes) + H.size("Box"))
        self.boxes += [
            {
                "title": H.title(box),
                "block": " / ".join(H.column("title")[b] or "" for b in path(H, box)),
                **_source(H.operations[box].source),
                "work": {unit: terms(one) for unit, one in work.get(box, {}).items()},
            }
            for box in range(H.size("Box"))
        ]
        self.open(name for some in work.values() for one in some.values() for name in one.names)
        made = _Groups(self, circuit, times, rows)
        self.outermost.append(made.group(name, nested(H, H.order), True))
        self.found.sort(key=lambda one: one["group"])

    def numbers(self, circuit: Circuit) -> dict[str, int]:
        """Numbers for the open sizes of a circuit."""
        names = {name for size in circuit.axes.values() for name in size.generators}
        return {name: self.given.get(name, SIZE) for name in map(str, names)}

    def planned(
        self, costs: Mapping[tuple[int, int], list[Costs]], names: list[str], share: float
    ) -> Partition:
        """The plan of islands that moves least with some share of the fast memory."""
        device, fast = self.device, self.memory * share
        if device is not None:
            last = replace(device.levels[-1], capacity=fast * self.width)
            device, fast = device.replace(levels=(*device.levels[:-1], last)), None
        return islands(costs, device, fast, stages=names, sizes=self.sizes, width=self.width)

    def open(self, names: Iterable[str]) -> None:
        """Keep sizes that are open."""
        self.sizes |= {name: self.given.get(name, SIZE) for name in names}


class _Groups:
    """The groups of one circuit, from the outermost on."""

    def __init__(
        self, made: Designs, circuit: Circuit, times: Mapping[int, int], rows: Sequence[int]
    ) -> None:
        self.made, self.circuit, self.times, self.rows = made, circuit, times, rows
        self.known: dict[tuple[tuple[int, ...], frozenset[int]], int] = {}
        self.within: dict[int, frozenset[int]] = {}

    def group(
        self, name: str, items: Nested, outermost: bool = False, within: frozenset[int] = NO_BLOCKS
    ) -> int:
        """Add the designs of some boxes in one round of blocks; return the row of their group."""
        boxes = tuple(sorted(flat(items)))
        if (boxes, within) in self.known:
            return self.known[boxes, within]
        number = self.new(name, boxes, within)
        while len(items) == 1 and isinstance(items[0], tuple) and not self.repeats(items[0][0]):
            items = items[0][1]
        part = self.part(boxes)
        several = any(isinstance(one, tuple) for one in items)
        ways: list[Plain] = []
        if not several or (len(boxes) <= MOST_FUSED and self.plain(part, boxes, number)):
            ways += self.islands(part, boxes, number, outermost)
        if several:
            parts = [*self.parts(name, items, within)]
            blocks = self.design(BLOCKS, part, boxes, parts=parts)
            ways.insert(len(ways) if ways and not ways[0]["problem"] else 0, blocks)
        self.keep(number, ways)
        return number

    def new(self, name: str, boxes: tuple[int, ...], within: frozenset[int]) -> int:
        """Return the row of a new group."""
        self.made.groups.append(name)
        number = self.known[boxes, within] = len(self.made.groups) - 1
        self.within[number] = within
        return number

    def keep(self, group: int, ways: Iterable[Plain]) -> None:
        """Add the designs of a group."""
        name = self.made.groups[group]
        before = f"{name}: " if name else ""
        self.made.found += [{"name": before + way["way"], "group": group, **way} for way in ways]

    def part(self, boxes: Sequence[int]) -> Circuit:
        """Some boxes as a circuit; of a block that is repeated what runs in one round."""
        if len(boxes) == self.circuit.apex.size("Box"):
            return self.circuit
        return _bare(_one_round(part_of(self.circuit, boxes)))

    def plain(self, part: Circuit, boxes: Sequence[int], group: int) -> bool:
        """Whether boxes run equally often, so that they may be islands together."""
        kernels = {operation.kernel.name for operation in part.apex.operations}
        inside = {b for box in boxes for b in path(self.circuit.apex, box) if b in self.times}
        return inside <= self.within[group] and kernels.isdisjoint(GATES)

    def repeats(self, block: int) -> Posynomial | None:
        """How often a block runs, if that is more than once."""
        rounds = self.circuit.apex.lists["rounds"].row(block).tolist()
        if not rounds and block not in self.times:
            return None
        every = (posynomial(self.circuit.apex.size_of(axis)) for axis in rounds)
        return reduce(mul, every, Posynomial.of(self.times.get(block, 1)))

    def parts(self, name: str, items: Nested, within: frozenset[int]) -> Iterator[Plain]:
        """The blocks among items, and the boxes between them."""
        title, kernels = self.circuit.apex.column("title"), self.circuit.apex.operations
        before = f"{name} / " if name else ""
        for inside, some in itertools.groupby(items, lambda one: isinstance(one, tuple)):
            if not inside:
                own = [*some]
                called = self.written(own)
                number = self.group(before + called, own, within=within)
                yield {"group": number, "times": terms(Posynomial.of(1)), "title": called}
                continue
            for block, own in some:
                called, count, inner = title[block] or "", self.repeats(block), within
                if count is not None:  # what runs in one round are its boxes without its gates
                    gates = {one for one in own if not isinstance(one, tuple)
                             and kernels[one].kernel.name in GATES}  # fmt: skip
                    own = [one for one in own if isinstance(one, tuple) or one not in gates]
                    inner = within | {block}
                    self.made.open(count.names)
                number = self.group(before + called, own, within=inner)
                times = Posynomial.of(1) if count is None else count
                yield {"group": number, "times": terms(times), "title": called}

    def written(self, boxes: Iterable[int]) -> str:
        """What boxes are called together."""
        H = self.circuit.apex
        named = [b for b in boxes if H.operations[b].kernel.name != "constant"]
        titles = [*dict.fromkeys(H.title(box) for box in named or boxes)]
        return ", ".join(titles[:MOST_TITLES]) + (", …" if len(titles) > MOST_TITLES else "")

    # Islands.

    def islands(
        self, part: Circuit, boxes: Sequence[int], group: int, outermost: bool
    ) -> Iterator[Plain]:
        """The ways to run boxes: as one island, cut where that moves least, each stage apart."""
        most, shares = (MOST_TRIED, SHARES) if outermost else (MOST_CUT, (1,))
        whole, spent, problem = self.spent(part)
        if spent is None:
            yield self.design("one island", whole, boxes, problem=problem)
        else:
            yield self.design("one island", whole, boxes, spent)
            for island in self.others(whole, spent, shares) if len(boxes) <= most else ():
                made = CircuitResources(island, circuit=whole)
                yield self.design(f"one island, {_written(island)}", whole, boxes, made)
        if self.plain(whole, boxes, group):
            yield from self.cuts(whole, boxes, group, shares)
        if spent is not None and outermost and whole.apex.size("Box") <= MOST_REVERSED:
            with contextlib.suppress(CatlearnError):
                back = circuit_resources(whole, reverse=True)
                yield {**self.design("reverse pass", whole, boxes, back), "reverse": True}

    def spent(self, circuit: Circuit) -> tuple[Circuit, CircuitResources | None, str]:
        """The circuit, with numbers where open sizes have a minus, and its table or why not."""
        problem = ""
        for sizes in ({}, self.made.numbers(circuit)):
            try:
                one = circuit.at(sizes).live() if sizes else circuit
                found = circuit_resources(one)
                self.made.open(found.costs.open)
            except CatlearnError as error:
                problem = problem or str(error)
                continue
            return one, found, ""
        return circuit, None, problem

    def others(
        self, circuit: Circuit, spent: CircuitResources, shares: Iterable[float]
    ) -> list[Island]:
        """The islands in other modes that are best for some fast memory near what there is."""
        islands, usual = runs(circuit), {n: m.kind for n, m in spent.island.modes.items()}
        costs = [one.costs() for one in islands]
        found: dict[str, Island] = {}
        for share in shares:
            sizes = {n: self.made.sizes[n] for n in spent.costs.open}
            with contextlib.suppress(NoTile):
                best = tile(costs, fast_memory=self.made.memory * share, sizes=sizes)
                island = islands[costs.index(best.symbolic)]
                modes = {n: m.kind for n, m in island.modes.items()}
                if modes != usual:
                    made = Island(island.read, modes)
                    made.circuit = spent.island.circuit
                    found.setdefault(str(modes), made)
        return [*found.values()]

    def cuts(
        self, part: Circuit, boxes: Sequence[int], group: int, shares: Sequence[float]
    ) -> Iterator[Plain]:
        """The plan of islands, stretches of the stages, that moves least, and all stages apart."""
        try:
            stages = stages_of(part)[0]
        except CatlearnError:
            return
        count = len(stages)
        if not 1 < count <= MOST_STAGES:
            return
        few = len(boxes) <= MOST_CUT
        inside: dict[tuple[int, int], list[int]] = {}
        known: dict[tuple[int, int], dict[int, Island]] = {}
        costs: dict[tuple[int, int], list[Costs]] = {}
        for pair in itertools.combinations(range(count + 1), 2):
            if pair[1] - pair[0] > LONGEST:
                continue
            inside[pair] = [box for _, some in stages[slice(*pair)] for box in some]
            with contextlib.suppress(CatlearnError):
                one = part_of(part, inside[pair])
                every = runs(one) if few else [circuit_resources(one).island]
                costs[pair] = [island.costs() for island in every]
                known[pair] = {id(c): one for c, one in zip(costs[pair], every, strict=True)}
                self.made.open(name for one in costs[pair] for name in one.open)
        names = [name for name, _ in stages]
        plans: dict[tuple[int, ...], Partition] = {}
        lengths = [(LONGEST, share) for share in (shares if few else (1,))]
        for most, share in [*lengths, (1, 1)]:
            some = {pair: one for pair, one in costs.items() if pair[1] - pair[0] <= most}
            with contextlib.suppress(CatlearnError):
                plan = self.made.planned(some, names, share)
                plans.setdefault(plan.cuts, plan)
        for cuts, plan in plans.items():
            if not cuts:
                continue
            pairs = [*itertools.pairwise([0, *cuts, count])]
            listed = [
                self.cut(part, boxes, group, ", ".join(names[slice(*pair)]), inside[pair],
                         known[pair][id(tiling.symbolic)])
                for pair, tiling in zip(pairs, plan.tilings, strict=True)
            ]  # fmt: skip
            way = "each stage apart" if len(pairs) == count else f"{len(pairs)} islands"
            drawn = _framed(part, [(one["title"], inside[pair])
                                   for one, pair in zip(listed, pairs, strict=True)])  # fmt: skip
            yield self.design(way, drawn, boxes, parts=listed)

    def cut(
        self, part: Circuit, boxes: Sequence[int], group: int, title: str, own: list[int],
        island: Island,
    ) -> Plain:  # fmt: skip
        """An island of some boxes of a part, as a part of a plan."""
        rows = tuple(sorted(boxes[box] for box in own))
        within, before = self.within[group], self.made.groups[group]
        if (rows, within) not in self.known:
            self.new(f"{before} / {title}" if before else title, rows, within)
        number, modes = self.known[rows, within], _written(island)
        ways = [one for one in self.made.found if one["group"] == number]
        if all(one["modes"] != modes for one in ways):
            circuit = _bare(part_of(part, own))
            spent = CircuitResources(island, circuit=circuit)
            way = f"one island, {modes}" if ways else "one island"
            self.keep(number, [self.design(way, circuit, rows, spent)])
        return {"group": number, "times": terms(Posynomial.of(1)), "title": title}

    def design(
        self,
        way: str,
        circuit: Circuit,
        boxes: Sequence[int],
        spent: CircuitResources | None = None,
        problem: str = "",
        parts: Sequence[Plain] = (),
    ) -> Plain:
        """A way to run boxes, as plain values."""
        drawn = spent if spent is not None and spent.circuit is not None else None
        at, each = [self.rows[box] for box in boxes], way == BLOCKS
        blocks = _nested(circuit, self.times_in(circuit, boxes))
        return {
            "way": way,
            "modes": _written(spent.island) if spent else "",
            "problem": problem,
            "parts": [*parts],
            "boxes": at,
            "blocks": [*{one["title"]: one for one in reversed(blocks.values())}.values()][::-1],
            "drawings": _drawings(circuit, drawn, blocks, bool(parts), each, at),
            "labels": _labels(circuit, drawn, at),
            "costs": None if spent is None else _costs(spent, self.made.numbers(circuit), at),
            "notices": [] if spent is None else _refused(circuit, spent.island, at),
            "about": {} if spent is None else _about(circuit, spent, at),
        }

    def times_in(self, circuit: Circuit, boxes: Sequence[int]) -> dict[int, int]:
        """How often the blocks of a part are repeated, by their rows in it."""
        own, every, found = circuit.apex, self.circuit.apex, {}
        for k, box in enumerate(boxes):
            pairs = zip(reversed(path(own, k)), reversed(path(every, box)), strict=False)
            for here, there in pairs:
                if own.column("title")[here] == every.column("title")[there]:
                    found |= {here: self.times[there]} if there in self.times else {}
        return found


def folded(circuit: Circuit) -> tuple[Circuit, dict[int, int]]:
    """Return a circuit of which repeats are there once, and how often blocks are repeated.

    Examples
    --------
    >>> from catlearn.arrays import linear, relu
    >>> layer = linear("W", "m -> m") >> relu
    >>> folded(layer.named("0").block("layer") >> layer.named("1").block("layer"))[1]
    {0: 2}
    """
    found = once(circuit.live())
    H = found.circuit.apex
    used = sorted({block for box in range(H.size("Box")) for block in path(H, box)})
    times = {used.index(block): n for block, n in found.times.items() if block in used}
    return found.circuit.live(), times


def freed(circuit: Circuit) -> tuple[Circuit, dict[str, int]]:
    """Return a circuit with names for sizes that are numbers and may be others, and the numbers.

    Axes of which a part is read, that are split or joined, or that functions outside of the
    package have, keep their number.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> freed(einsum("a b, b c -> a c", a=64, b=32, c=64))
    (Circuit(R[a b], R[b c] -> R[a c]), {'a': 64, 'c': 64, 'b': 32})
    """
    H, draft, kept = circuit.apex, Draft.of(circuit.apex), set[int]()
    for row, operation in zip(draft.boxes, H.operations, strict=True):
        if operation.kernel.name in ("constant", "function", "along", "opaque"):
            kept.update(*(draft.wires[wire].axes for wire in (*row.ins, *row.outs)))
        for wire, reading in zip(row.ins, operation.readings, strict=True):
            forms = () if reading is None else reading.forms
            for axis, form in zip(draft.wires[wire].axes, forms, strict=False):
                if form.wiring is None:
                    kept |= {axis, *(row.vars[v] for v in form.variables)}
        kept.update(row.mentions)
    found: dict[str, int] = {}
    for row, (letter, sizes) in enumerate(draft.axes):
        number = H.size_of(row).number
        if sizes and row not in kept and number is not None and number > 1:
            found[H.called(row)] = number
            draft.axes[row] = letter, frozenset([draft.size(Size.of(H.called(row)))])
    try:
        return Circuit.of(draft, circuit.dom, circuit.cod), found
    except CatlearnError:  # they are bound by what else is said of sizes
        return circuit, {}


def unknown_sizes(given: Iterable[str], circuits: Iterable[Circuit]) -> None:
    """Refuse sizes that no circuit has.

    Raises
    ------
    UnknownName
        Listing them.
    """
    sizes = (size for one in circuits for size in one.axes.values())
    known = sorted({str(name) for size in sizes for name in size.generators})
    unknown = [name for name in given if name not in known]
    if unknown:
        listed = "; ".join(f"{name}: {did_you_mean(name, known)}" for name in unknown)
        raise UnknownName(f"no sizes are called so: {listed}")


def _one_round(circuit: Circuit) -> Circuit:
    """The circuit without blocks that are repeated: what runs in one round."""
    H, draft = circuit.apex, Draft.of(circuit.apex)
    draft.keep_blocks(b for b in range(H.size("Block")) if not len(H.lists["rounds"].row(b)))
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _bare(circuit: Circuit) -> Circuit:
    """The circuit without blocks that all of its boxes are in."""
    H, draft = circuit.apex, Draft.of(circuit.apex)
    inside = [frozenset(path(H, box)) for box in range(H.size("Box"))]
    outer = frozenset.intersection(*inside) if inside else frozenset()
    if not outer:
        return circuit
    draft.keep_blocks(b for b in range(H.size("Block")) if b not in outer)
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _written(island: Island) -> str:
    return ", ".join(f"{name} {mode}" for name, mode in island.modes.items()) or "all whole"


def _source(source: str) -> Plain:
    """The file and line as they are shown, and the text that stands there."""
    found = line_of(source)
    line = "" if found is None else linecache.getline(*found[:2]).strip()
    return {"source": line_text(source, function=False), "line": line}


def _framed(circuit: Circuit, parts: Sequence[tuple[str, list[int]]]) -> Circuit:
    """The circuit with a block for each of its parts, and no others."""
    draft = Draft.of(circuit.apex)
    draft.blocks = [(f"{k}: {title}", []) for k, (title, _) in enumerate(parts, 1)]
    for k, (_, boxes) in enumerate(parts):
        for box in boxes:
            draft.boxes[box] = draft.boxes[box]._replace(within=[k])
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _nested(circuit: Circuit, repeated: Mapping[int, int]) -> dict[int, Plain]:
    """The titles of blocks, how often they are repeated, and the blocks that they are in."""
    H, found = circuit.apex, {}
    for box in range(H.size("Box")):
        inside: list[str] = []
        for block in path(H, box):
            title = H.column("title")[block] or ""
            times = "".join(f"×{H.size_of(axis)}" for axis in H.lists["rounds"].row(block).tolist())
            times += f"×{repeated[block]}" if block in repeated else ""
            found.setdefault(block, {"title": title, "times": times, "within": [*inside]})
            inside.append(title)
    return found


def _drawings(
    circuit: Circuit,
    spent: CircuitResources | None,
    blocks: Mapping[int, Plain],
    closed: bool,
    each: bool,
    at: Sequence[int],
) -> list[Plain]:
    """Pictures of the circuit with all blocks open and all closed, or with each one open, too.

    The first one is shown at first.
    """
    known = {one["title"]: one["within"] for one in blocks.values()}
    some: list[frozenset[str]] = [frozenset(known), frozenset()]
    if closed:
        some.reverse()
    if len(at) > MOST_OPEN:
        some.remove(frozenset(known))
    if each or len(at) <= MOST_TRIED:
        some += [frozenset([title, *within]) for title, within in known.items()]
    times = {block: int(one["times"][1:]) for block, one in blocks.items()
             if one["times"][1:].isdigit()}  # fmt: skip
    found = []
    for opened in [*dict.fromkeys(some)][:MOST_DRAWINGS]:
        scene = circuit_scene(circuit, open=[*opened], resources=spent, fold=times)
        glyphs = [[at[box] for box in boxes] for boxes in _glyphs(circuit, scene)]
        found.append({"open": sorted(opened), "svg": circuit_svg(scene), "glyphs": glyphs})
    return found


def _glyphs(circuit: Circuit, scene: CircuitScene) -> list[list[int]]:
    """The boxes of each glyph of a picture; of a closed block all that are in it."""
    H, writers = circuit.apex, circuit.apex.writer
    paths = [path(H, box) for box in range(H.size("Box"))]
    found = []
    for stand in scene.stands:
        boxes = [writers[wire] for wire in stand.glyph.outs if wire in writers]
        if stand.glyph.kind == "closed" and boxes:
            block = paths[boxes[0]][len(stand.glyph.path)]
            boxes = [box for box, inside in enumerate(paths) if block in inside]
        found.append(boxes)
    return found


def _labels(circuit: Circuit, spent: CircuitResources | None, at: Sequence[int]) -> Plain:
    """The posynomials that stand above columns, by their texts, and the boxes of those columns."""
    if spent is None:
        return {}
    levels, writers = spent.levels(), circuit.apex.writer
    shown = [(one, writers.get(wire)) for wire, one in levels.columns.items()]
    found: Plain = {}
    for one, box in (*shown, (levels.given, None), (levels.asked, None)):
        label = found.setdefault(
            " ".join(terms_of("", one)[1:]), {"terms": terms(one), "boxes": []}
        )
        label["boxes"] += [] if box is None else [at[box]]
    return found


def _costs(spent: CircuitResources, sizes: Mapping[str, int], at: Sequence[int]) -> Plain:
    island, costs = spent.island, spent.costs
    read, users = island.read, dict[str, set[int]]()
    for node in read.nodes:
        for j in node.operands:
            users.setdefault(read.title(j), set()).add(node.box)
    for number, name, forms in read.outputs:
        users.setdefault(read.shown(name, forms), set()).add(read.nodes[number].box)
    form = closed_form(costs)
    return {
        **_tiled(costs),
        "work": {unit: terms(one) for unit, one in costs.work.items() if one.terms},
        "again": {unit: terms(one) for unit, one in spent.again.items()},
        "splits": _splits(island),
        "sums": _sums(spent),
        "compulsory": terms(spent.compulsory),
        "closed": "" if form is None or not form.tiles else str(form),
        "columns": [
            {"title": one.title, "live": [*one.live], "memory": terms(one.memory)}
            for one in _largest(island.columns, sizes)
        ],
        "hidden": max(0, len(island.columns) - MOST_COLUMNS),
        "axes": _whole(island),
        "crossings": [
            {
                "title": one.title,
                "words": terms(one.words),
                "times": terms(one.times),
                "transfers": terms(one.transfers),
                "boxes": sorted(at[box] for box in users.get(one.title, set()) - {-1}),
            }
            for one in island.crossings
        ],
    }


def _tiled(costs: Costs) -> Plain:
    """What tiles are found of."""
    sides = costs.sides
    if sides is None:
        sides = tuple(((name,), Posynomial.of(1)) for name in costs.bounds)
    return {
        "transfers": terms(costs.transfers),
        "memory": [terms(one) for _, one in costs.columns],
        "bounds": {name: [int(low), terms(size)] for name, (low, size) in costs.bounds.items()},
        "sides": [[list(tiles), terms(whole)] for tiles, whole in sides],
        "groups": terms(costs.groups),
    }


def _splits(island: Island) -> list[Plain]:
    """The same island where what it streams is split, for each axis, by the tile of that axis."""
    found, modes = [], dict(island.modes)
    for name, mode in modes.items():
        if mode.kind == "streamed":
            with contextlib.suppress(CatlearnError):
                other = Island(island.read, {**modes, name: "split"})
                found.append({"name": other.block_name(name), **_tiled(other.costs())})
    return found


def _sums(spent: CircuitResources) -> dict[str, int]:
    """How many sums are added up over what is streamed or split, by tiles."""
    found: dict[str, int] = {}
    if spent.circuit is None:
        return found
    for name, mode in spent.island.modes.items():
        if mode.kind in ("streamed", "split"):
            with contextlib.suppress(CatlearnError):
                fold = stream(spent.circuit, name)
                found[spent.island.block_name(name)] = fold.kinds.count("sum")
    return found


def _whole(island: Island) -> list[Plain]:
    """The axes of which all is in fast memory at once, and what else they may be."""
    read, found = island.read, []
    for name, v in read.variables.items():
        inside = [v in one for one in read.written]
        if name in island.modes:
            continue
        if v in read.whole:
            can = "is taken whole by a box"
        elif v in read.refused:
            can = f"has no fold, {read.refused[v]}"
        elif v in read.reduced:
            can = "is in an output, too: stream it together with the contraction that removes it"
            can = can if any(inside) else "may be streamed"
        elif any(inside):
            can = "may be grouped" if all(inside) else "may be swept"
        else:
            can = "is in no output"
        found.append({"name": name, "size": terms(posynomial(read.sizes[v])), "can": can})
    return found


def _largest(columns: list[Column], sizes: Mapping[str, int]) -> list[Column]:
    """The columns, of many the largest ones, for small tiles, in order."""
    if len(columns) <= MOST_COLUMNS:
        return columns
    held = []
    for one in columns:
        memory = one.memory
        held.append(float(memory({**dict.fromkeys(memory.names, 16), **sizes})))
    least = sorted(held, reverse=True)[MOST_COLUMNS - 1]
    return [one for one, n in zip(columns, held, strict=True) if n >= least][:MOST_COLUMNS]


def _about(circuit: Circuit, spent: CircuitResources, at: Sequence[int]) -> dict[str, list[int]]:
    """The boxes that tiles, units and titles of boxes stand for."""
    island, read = spent.island, spent.island.read
    found: dict[str, list[int]] = {}
    for node, _ in island.steps:
        box = read.nodes[node].box
        if box < 0:
            continue
        for name, v in read.variables.items():
            if v in read.nodes[node].every:
                found.setdefault(name, []).append(box)
                if name in island.modes:
                    found.setdefault(island.block_name(name), []).append(box)
        found.setdefault(circuit.apex.title(box), []).append(box)
    for item in Work.of(circuit).items:
        for unit in item.by_unit:
            found.setdefault(unit, []).append(item.box)
    matrix = found.get("matrix")
    if matrix:
        found["vector"] = [box for box in found.get("vector", []) if box not in matrix]
    return {node: sorted({at[box] for box in boxes}) for node, boxes in found.items()}


def _refused(circuit: Circuit, island: Island, at: Sequence[int]) -> list[Plain]:
    """The axes along which no fold is known, with the box that is in the way, on any device."""
    read, titles = island.read, [*map(circuit.apex.title, range(circuit.apex.size("Box")))]
    return [
        {
            "code": "blocks-streaming",
            "severity": "warning",
            "node": read.names[v],
            "text": f"no fold is known, {reason}",
            "boxes": [at[k] for k, one in enumerate(titles) if one == reason.partition(":")[0]],
        }
        for v, reason in read.refused.items()
    ]
