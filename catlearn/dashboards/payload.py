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

import itertools
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.blocks import path
from catlearn.arrays.boxes import Draft, line_of, line_text
from catlearn.arrays.sizes import Size
from catlearn.cost import Posynomial
from catlearn.costing import (
    CircuitResources,
    Column,
    Device,
    Island,
    NoTile,
    closed_form,
    part_of,
    runs,
    tile,
)
from catlearn.costing.table import circuit_resources
from catlearn.costing.work import Work
from catlearn.drawing import Picture, draw
from catlearn.drawing.circuits.scene import CircuitScene, terms_of
from catlearn.errors import CatlearnError, UnknownName, did_you_mean

SIZE = 1024
"""Where the slider of a size stands that nobody gave."""

MOST_TRIED, MOST_REVERSED, MOST_BLOCKS, MOST_DRAWINGS, MOST_COLUMNS = 12, 64, 12, 8, 64
"""Boxes of a circuit whose other modes are tried, and whose reverse pass is one island; blocks that
are designs; pictures of a design; columns that are listed, the largest ones."""

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
    """The designs of a circuit: as one island in several ways, its reverse pass, its blocks.

    Parameters
    ----------
    name
        What stands before the names of designs, or nothing.
    circuit
        The circuit.
    sizes
        Numbers for sizes; those of others are :data:`SIZE`.
    memory
        The words of fast memory near which ways to run it are looked for.

    Raises
    ------
    UnknownName
        Listing sizes that are none of the circuit's.

    Attributes
    ----------
    sizes : dict
        The numbers of the sizes that stay open.
    found : list of dict
        The designs.
    """

    def __init__(
        self, name: str, circuit: Circuit, sizes: Mapping[str, int], memory: float
    ) -> None:
        self.name, self.memory = name, memory
        self.circuit = circuit.live()
        self.sizes: dict[str, int] = {}
        self.given = dict(sizes)
        self.found = [*self._made()]

    def _made(self) -> Iterator[Plain]:
        whole, spent, problem = self._spent(self.circuit)
        if spent is None:
            yield self._design("whole", whole, None, problem)
        else:
            yield self._design("one island", whole, spent)
            for modes in self._others(whole, spent):
                island = Island(spent.island.read, modes)
                island.work = spent.island.work
                made = CircuitResources(island, circuit=whole)
                yield self._design(f"one island, {_written(island)}", whole, made)
            yield from self._reverse(whole)
        for title, boxes in self._blocks():
            part, own, _ = self._spent(_one_round(part_of(self.circuit, boxes)))
            if own is not None:
                yield self._design(f"block {title}", part, own)

    def _spent(self, circuit: Circuit) -> tuple[Circuit, CircuitResources | None, str]:
        """The circuit, with numbers where open sizes have a minus, and its table or why not."""
        problem = ""
        for sizes in ({}, self._numbers(circuit)):
            try:
                one = circuit.at(sizes).live() if sizes else circuit
                spent = circuit_resources(one)
                self._opened(spent)
            except CatlearnError as error:
                problem = problem or str(error)
                continue
            return one, spent, ""
        return circuit, None, problem

    def _numbers(self, circuit: Circuit) -> dict[str, int]:
        names = {name for size in circuit.axes.values() for name in size.generators}
        return {name: self.given.get(name, SIZE) for name in map(str, names)}

    def _opened(self, spent: CircuitResources) -> None:
        self.sizes |= {name: self.given.get(name, SIZE) for name in spent.costs.open}

    def _others(self, circuit: Circuit, spent: CircuitResources) -> list[dict[str, str]]:
        """The modes that are best for some fast memory near the one that there is."""
        if circuit.apex.size("Box") > MOST_TRIED:
            return []
        islands = runs(circuit)
        costs = [one.costs() for one in islands]
        found = []
        for factor in (1 / 16, 1, 16):
            sizes = {n: self.sizes[n] for n in spent.costs.open}
            try:
                best = tile(costs, fast_memory=self.memory * factor, sizes=sizes)
            except NoTile:
                continue
            modes = {n: m.kind for n, m in islands[costs.index(best.symbolic)].modes.items()}
            usual = {n: m.kind for n, m in spent.island.modes.items()}
            if modes not in (usual, *found):
                found.append(modes)
        return found

    def _reverse(self, circuit: Circuit) -> Iterator[Plain]:
        if circuit.apex.size("Box") > MOST_REVERSED:
            return
        try:
            spent = circuit_resources(circuit, reverse=True)
        except CatlearnError:
            return
        yield self._design("reverse pass", circuit, spent)

    def _blocks(self) -> list[tuple[str, list[int]]]:
        """The blocks that are less than the circuit, one for each title, with their boxes."""
        H = self.circuit.apex
        boxes: dict[int, list[int]] = {}
        for box in range(H.size("Box")):
            for block in path(H, box):
                boxes.setdefault(block, []).append(box)
        found: dict[str, list[int]] = {}
        for block, own in boxes.items():
            if len(own) < H.size("Box"):
                found.setdefault(H.column("title")[block] or "", own)
        return [*found.items()][:MOST_BLOCKS]

    def _design(
        self, name: str, circuit: Circuit, spent: CircuitResources | None, problem: str = ""
    ) -> Plain:
        H = circuit.apex
        drawn = spent if spent is not None and spent.circuit is not None else None
        inside = [
            [H.column("title")[b] or "" for b in path(H, box)] for box in range(H.size("Box"))
        ]
        work = {item.box: item.by_unit for item in Work.of(circuit).items} if spent else {}
        boxes = [
            {
                "title": H.title(box),
                "block": " / ".join(inside[box]),
                **_source(H.operations[box].source),
                "work": {unit: terms(one) for unit, one in work.get(box, {}).items()},
            }
            for box in range(H.size("Box"))
        ]
        return {
            "name": f"{self.name}: {name}" if self.name else name,
            "modes": _written(spent.island) if spent else "",
            "problem": problem,
            "boxes": boxes,
            "blocks": _nested(circuit),
            "drawings": _drawings(circuit, drawn),
            "labels": _labels(circuit, drawn),
            "costs": None if spent is None else _costs(spent, self._numbers(circuit)),
            "notices": [] if spent is None else _refused(circuit, spent.island),
            "about": {} if spent is None else _about(circuit, spent),
        }


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
        if operation.kernel.name in ("constant", "function", "opaque"):
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


def _written(island: Island) -> str:
    return ", ".join(f"{name} {mode}" for name, mode in island.modes.items()) or "all whole"


def _source(source: str) -> Plain:
    """The file and line as they are shown, and the text that stands there."""
    found = line_of(source)
    line = "" if found is None else linecache.getline(*found[:2]).strip()
    return {"source": line_text(source, function=False), "line": line}


def _nested(circuit: Circuit) -> list[Plain]:
    """The titles of blocks, how often they are repeated, and the blocks that they are in."""
    H, found = circuit.apex, {}
    for box in range(H.size("Box")):
        inside: list[str] = []
        for block in path(H, box):
            title = H.column("title")[block] or ""
            times = "".join(f"×{H.size_of(axis)}" for axis in H.lists["rounds"].row(block).tolist())
            found.setdefault(title, {"title": title, "times": times, "within": [*inside]})
            inside.append(title)
    return [*found.values()]


def _drawings(circuit: Circuit, spent: CircuitResources | None) -> list[Plain]:
    """Pictures of the circuit with some of its blocks open; the first one is shown at first."""
    known = {one["title"]: one["within"] for one in _nested(circuit)}
    titles = [*known]
    every: list[frozenset[str]] = [frozenset(titles), frozenset()]
    if len(titles) <= 3:
        every += [frozenset(c) for r in range(1, 3) for c in itertools.combinations(titles, r)]
    every += [frozenset([title, *known[title]]) for title in titles]
    closed_under = [one for one in every if all({*known[title]} <= one for title in one)]
    found = []
    for opened in [*dict.fromkeys(closed_under)][:MOST_DRAWINGS]:
        picture = draw(circuit, open=[*opened], resources=spent, fold=False)
        found.append(
            {"open": sorted(opened), "svg": picture.svg, "glyphs": _glyphs(circuit, picture)}
        )
    return found


def _glyphs(circuit: Circuit, picture: Picture) -> list[list[int]]:
    """The boxes of each glyph of a picture; of a closed block all that are in it."""
    H, scene = circuit.apex, picture.scene
    assert isinstance(scene, CircuitScene)
    writers = _writers(circuit)
    paths = [path(H, box) for box in range(H.size("Box"))]
    found = []
    for stand in scene.stands:
        boxes = [writers[wire] for wire in stand.glyph.outs if wire in writers]
        if stand.glyph.kind == "closed" and boxes:
            block = paths[boxes[0]][len(stand.glyph.path)]
            boxes = [box for box, inside in enumerate(paths) if block in inside]
        found.append(boxes)
    return found


def _labels(circuit: Circuit, spent: CircuitResources | None) -> Plain:
    """The posynomials that stand above columns, by their texts, and the boxes of those columns."""
    if spent is None:
        return {}
    levels, writers = spent.levels(), _writers(circuit)
    shown = [(one, writers.get(wire)) for wire, one in levels.columns.items()]
    found: Plain = {}
    for one, box in (*shown, (levels.given, None), (levels.asked, None)):
        label = found.setdefault(
            " ".join(terms_of("", one)[1:]), {"terms": terms(one), "boxes": []}
        )
        label["boxes"] += [] if box is None else [box]
    return found


def _writers(circuit: Circuit) -> dict[int, int]:
    return {wire: box for box, outs in enumerate(circuit.apex.sides[1]) for wire in outs}


def _costs(spent: CircuitResources, sizes: Mapping[str, int]) -> Plain:
    island, costs = spent.island, spent.costs
    read, users = island.read, dict[str, set[int]]()
    for node in read.nodes:
        for j in node.operands:
            users.setdefault(read.title(j), set()).add(node.box)
    for number, name, forms in read.outputs:
        users.setdefault(read.shown(name, forms), set()).add(read.nodes[number].box)
    form = closed_form(costs)
    sides = costs.sides
    if sides is None:
        sides = tuple(((name,), Posynomial.of(1)) for name in costs.bounds)
    return {
        "transfers": terms(costs.transfers),
        "memory": [terms(one) for _, one in costs.columns],
        "work": {unit: terms(one) for unit, one in costs.work.items() if one.terms},
        "again": {unit: terms(one) for unit, one in spent.again.items()},
        "bounds": {name: [int(low), terms(size)] for name, (low, size) in costs.bounds.items()},
        "sides": [[list(tiles), terms(whole)] for tiles, whole in sides],
        "compulsory": terms(spent.compulsory),
        "closed": "" if form is None or not form.tiles else str(form),
        "columns": [
            {"title": one.title, "live": [*one.live], "memory": terms(one.memory)}
            for one in _largest(island.columns, sizes)
        ],
        "hidden": max(0, len(island.columns) - MOST_COLUMNS),
        "crossings": [
            {
                "title": one.title,
                "words": terms(one.words),
                "times": terms(one.times),
                "transfers": terms(one.transfers),
                "boxes": sorted(users.get(one.title, set()) - {-1}),
            }
            for one in island.crossings
        ],
    }


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


def _about(circuit: Circuit, spent: CircuitResources) -> dict[str, list[int]]:
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
    return {node: sorted(dict.fromkeys(boxes)) for node, boxes in found.items()}


def _refused(circuit: Circuit, island: Island) -> list[Plain]:
    """The axes along which no fold is known, with the box that is in the way, on any device."""
    read, titles = island.read, [*map(circuit.apex.title, range(circuit.apex.size("Box")))]
    return [
        {
            "code": "blocks-streaming",
            "severity": "warning",
            "node": read.names[v],
            "text": f"no fold is known, {reason}",
            "boxes": [k for k, title in enumerate(titles) if title == reason.partition(":")[0]],
        }
        for v, reason in read.refused.items()
    ]
