"""Glyphs: what the boxes of a circuit look like, and which lines they stand on.

A box is drawn as a *glyph* on the lines of its targets, before which lines may meet (a pair that is
summed is a cup, what is indexed alike joins in a dot) and after which they may fork. Parameters are
no lines: boxes of one operation that read them one after the other, such as a linear map and its
bias, are one glyph in bold.

>>> from catlearn.arrays import linear, softmax
>>> circuit = linear("Q", "m -> h d", bias=True) >> softmax("[d]")
>>> for glyph in glyphs_of(circuit.live()):
...     print(glyph.kind, glyph.sign, glyph.name)
linear L Q
softmax
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from math import prod
from typing import Any

from catlearn.arrays.blocks import GATES, path
from catlearn.arrays.boxes import ArrayHypergraph, BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, IndexPart, Lookup, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.listing import letter_of, short_address
from catlearn.arrays.sizes import ONE, Size

VALUE, SCALAR = -1, -2
"""Places of lines that are no axis: the value of naturals, and that of an array without axes."""

KINDS: Mapping[str, str] = {
    "linear": "linear map (learned)",
    "learned": "learned array",
    "embed": "rows of a learned table",
    "norm": "normalisation",
    "rms": "normalisation without centring",
    "softmax": "softmax",
    "mask": "mask",
    "choice": "the greatest entries",
    "reading": "reading at other indices",
    "elementwise": "function of each number",
    "add": "sum of arrays",
    "mul": "product of arrays",
    "constant": "constant",
    "box": "operation",
    "closed": "block, closed",
}
"""What each kind of glyph is called in a picture's legend, in the order of the legend."""


MEETING = ("join", "add", "mul", "mask", "elementwise")
"""Kinds of glyphs past which the line of an array without axes goes; others stand on it."""


@dataclass(frozen=True)
class Link:
    """How lines on the left are joined to lines on the right.

    Parameters
    ----------
    kind
        ``pass``, one to one; ``copy``, one to several from a dot; ``join``, several to one in a
        dot; ``cup``, two that are summed; ``end``, which ends in a dot; ``start``, which starts in
        one; ``begin``, which begins; ``sign``, which ends in a sign; ``bus``, several that go on as
        one, or the reverse.
    left, right
        The lines.
    """

    kind: str
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()


Place = tuple[int, int]
"""A line of a box: which of its arrays, and which position of that (or VALUE or SCALAR)."""


@dataclass(frozen=True)
class Glyph:
    """A box of a picture, or some that are drawn as one.

    Parameters
    ----------
    kind
        One of :data:`KINDS`, or ``"join"``, where lines meet and that is all.
    sign, name, title
        What stands on it, its index, and what is said when one points at it.
    ins, outs
        The rows of the arrays that it reads and writes, but for parameters.
    path
        The blocks that it is in, from the outermost.
    core
        Where the lines end up that meet before it: ``above`` lines pass over it, then those that it
        stands on come, then those that pass below.
    before, after
        For each line of the core on the left, which lines of what is read meet there, and for each
        of those on the right, where it goes.
    ended
        Lines that end before the glyph, together.
    """

    kind: str
    sign: str
    name: str
    title: str
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    path: tuple[int, ...] = ()
    above: int = 0
    before: tuple[tuple[Place, ...], ...] = ()
    stands: tuple[int, int] = (0, 0)
    after: tuple[tuple[Place, ...], ...] = ()
    ended: tuple[tuple[Place, ...], ...] = ()
    labels: Mapping[Place, str] = field(default_factory=dict)
    relabels: bool = False

    @property
    def passing(self) -> list[tuple[int, int]]:
        """The lines of the core that go past it, by their numbers on the left and on the right."""
        low, (inner, outer) = self.above, self.stands
        rest = range(low + inner, len(self.before))
        return [*((j, j) for j in range(low)), *((j, j - inner + outer) for j in rest)]

    @property
    def called(self) -> str:
        """The name in its title, of its parameters, or its kernel."""
        return self.title.partition(":")[0].partition("'")[2].rstrip("'") or self.sign


def lines_of(H: ArrayHypergraph, wire: int) -> tuple[int, ...]:
    """Return the places of the lines of an array."""
    axes = tuple(range(len(H.lists["axes"].row(wire))))
    value = (VALUE,) if H.types[wire] == "N" else ()
    return axes + value or (SCALAR,)


def spelled(circuit: Circuit) -> Circuit:
    """Return a circuit with a box for each glyph, on the rows of the given one.

    What a function of numbers reads at other indices, a slice for instance, is read by a box of
    its own; and a number that is constant stands in front of each box that reads it.
    """
    H, draft = circuit.apex, Draft.of(circuit.apex)
    numbers = {
        H.sides[1][k][0]: k
        for k, one in enumerate(H.operations)
        if one.kernel.name in ("constant", "opaque") and one.writes == ((),) and not H.sides[0][k]
    }
    boxes: list[BoxRow] = []
    read: dict[Any, int] = {}
    for k, box in enumerate(draft.boxes):
        operation, ins = box.operation, [*box.ins]
        within = [*box.within][: -1 if operation.kernel.name in ("start", "each") else None]
        readings = [*operation.readings]
        learned = any(H.column("name")[wire] is not None for wire in ins)
        plain = not operation.targets and operation.kernel.name not in ("view", "concat", *GATES)
        plain |= operation.kernel.name == "contraction"
        for j, (wire, reading) in enumerate(zip(ins, readings, strict=True)):
            if wire in numbers:
                row = draft.boxes[numbers[wire]]
                ins[j] = draft.wire([], draft.wires[wire].type)
                boxes.append(row._replace(outs=[ins[j]], within=within))
            elif reading is not None and plain and not learned and _moved(reading):
                used = sorted({v for form in reading.forms for v in _direct(form)})
                key = wire, reading.forms, tuple(box.vars[v] for v in used), tuple(within)
                if key not in read:
                    read[key] = draft.wire(key[2], draft.wires[wire].type)
                    place = {v: Form.variable(n) for n, v in enumerate(used)}
                    assert reading is not None
                    put = [place.get(v, Form()) for v in range(len(box.vars))]
                    forms = tuple(form.substitute(put) for form in reading.forms)
                    letters = tuple((*operation.letters, *[""] * len(box.vars))[v] for v in used)
                    view = Operation(
                        Kernel("view"), (Reading(forms),), (tuple(range(len(used))),),
                        letters=letters, title="view", source=operation.source,
                    )  # fmt: skip
                    boxes.append(BoxRow([wire], [read[key]], [*key[2]], [], view, box.within))
                ins[j] = read[key]
                readings[j] = replace(reading, forms=tuple(map(Form.variable, used)))
        if k not in numbers.values() or box.outs[0] in circuit.cod:
            operation = replace(operation, readings=tuple(readings))
            boxes.append(box._replace(ins=ins, operation=operation))
    draft.boxes = boxes
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _moved(reading: Reading) -> bool:
    """Whether something is read at other indices than variables, by numbers and no lookups."""
    forms = reading.forms

    def known(form: Form) -> bool:
        parts = [atom for atom, _ in form.terms if isinstance(atom, IndexPart)]
        sizes = (form.constant, *(c for _, c in form.terms), *(one.by for one in parts))
        inner = all(known(one.form) for one in parts)
        return inner and not form.lookups and not any(one.generators for one in sizes)

    return any(form.wiring is None for form in forms) and all(map(known, forms))


def glyphs_of(circuit: Circuit) -> list[Glyph]:
    """Return the glyphs of a circuit's boxes, each after those that write what it reads."""
    H = circuit.apex
    ins, outs = H.sides
    given = {row: row for row, name in enumerate(H.column("name")) if name is not None}
    uses: dict[int, int] = dict.fromkeys(circuit.cod, 2)
    for wires in ins:
        for wire in wires:
            uses[wire] = uses.get(wire, 0) + 1
    chains: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for box in H.order:
        if H.operations[box].kernel.name == "each" and ins[box][0] in given:
            given[outs[box][0]] = given[ins[box][0]]
            continue
        drawn = [wire for wire in ins[box] if wire not in given]
        head = last.get(drawn[0]) if len(drawn) == 1 else None
        if head is not None and uses[drawn[0]] == 1 and _continues(H, chains[head][-1], box, given):
            chains[head].append(box)
        else:
            head = box
            chains[head] = [box]
        for wire in outs[box]:
            last[wire] = head
    made = [
        replace(_glyph(H, chain, given), path=tuple(path(H, chain[0]))) for chain in chains.values()
    ]
    shown = dict.fromkeys(wire for wire in circuit.cod if wire in given)
    return [_source(H, wire) for wire in shown] + made


def _continues(H: ArrayHypergraph, box: int, other: int, given: Mapping[int, int]) -> bool:
    """Whether a box goes on with the operation of another: with its bias, or its gain."""
    one, two = H.operations[box], H.operations[other]
    if one.title != two.title or "'" not in one.title or two.kernel.name not in ("add", "mul"):
        return False
    ins = H.sides[0][other]
    own = [reading for wire, reading in zip(ins, two.readings, strict=True) if wire not in given]
    return len(ins) > 1 and own == [Reading.wiring(two.writes[0])]


def _source(H: ArrayHypergraph, wire: int) -> Glyph:
    name, places = H.column("name")[wire], lines_of(H, wire)
    return Glyph(
        "learned", "", short_address(name), name, (), (wire,), above=0,
        stands=(0, len(places)), after=tuple(((0, place),) for place in places),
    )  # fmt: skip


def _glyph(H: ArrayHypergraph, chain: Sequence[int], given: Mapping[int, int]) -> Glyph:
    """Return the glyph of boxes that go on with one another."""
    first = H.operations[chain[0]]
    every, outs = H.sides[0][chain[0]], H.sides[1][chain[-1]]
    operands = [k for k, wire in enumerate(every) if wire not in given]
    if first.kernel.name in GATES:
        return _gate(H, chain[0])
    learned = [given[w] for box in chain for w in H.sides[0][box] if w in given]
    names = [H.column("name")[row] for row in learned]
    kind, sign = _kind(first, bool(names), [H.operations[box] for box in chain[1:]])
    stands = _standing(H, chain, given)
    places: dict[int, list[Place]] = {}
    inner: list[Place] = []
    for k, operand in enumerate(operands):
        forms, looked = _forms(first, operand)
        for position, form in enumerate(forms):
            by = form.wiring
            if by is None or by in stands:
                inner.append((k, position))
            else:
                places.setdefault(by, []).append((k, position))
        rest = lines_of(H, every[operand])[len(forms) :]
        if rest == (VALUE,) and not looked and H.types[outs[0]] == "N":
            places.setdefault(VALUE, []).append((k, VALUE))
        elif rest and (kind not in MEETING or rest == (VALUE,)):
            inner += [(k, place) for place in rest]
        elif rest:
            places.setdefault(SCALAR, []).append((k, SCALAR))
    writes = [list(one) for one in first.writes]
    passing = [v for v in writes[0] if v not in stands]
    if VALUE in places:
        passing.append(VALUE)
    made: list[Place] = []
    for j, wire in enumerate(outs):
        for place in lines_of(H, wire):
            kept = place >= 0 and writes[j][place] not in stands
            if not kept and not (place == VALUE and VALUE in places):
                made.append((j, place))
    if kind in MEETING and not inner and made == [(0, SCALAR)]:
        passing, made = [SCALAR], []
    begun = [k for k, v in enumerate(writes[0]) if v in stands]
    above = sum(k < begun[0] for k, v in enumerate(writes[0]) if v not in stands) if begun else None
    above = len(passing) if above is None else above

    def goes(v: int) -> tuple[Place, ...]:
        if v < 0:
            return ((0, v),)
        return tuple((j, one.index(v)) for j, one in enumerate(writes) if v in one)

    left = [tuple(places.get(v, ())) for v in passing]
    right = [goes(v) for v in passing]
    before = (*left[:above], *((one,) for one in inner), *left[above:])
    after = (*right[:above], *((one,) for one in made), *right[above:])
    ended = tuple(tuple(found) for v, found in places.items() if v not in passing)
    letters = {
        (j, k): letter_of(first.letters[v]).rstrip()
        for j, one in enumerate(writes)
        for k, v in enumerate(one)
        if v < len(first.letters) and first.letters[v]
    }
    name = short_address(names[0]) if names else ""
    name = "" if kind in ("norm", "rms") else name
    rearranges = (
        kind == "join" or len(ended) > 0 or after != tuple(sorted(after, key=lambda p: p[0]))
    )
    ins, title = tuple(every[k] for k in operands), _title(H, chain, learned, given)
    return Glyph(
        kind, sign, name, title, ins, tuple(outs), (), above, before, (len(inner), len(made)),
        after, ended, letters, rearranges,
    )  # fmt: skip


def _forms(operation: Operation, operand: int) -> tuple[tuple[Form, ...], bool]:
    """Return the forms at which an operand is read, and whether it is looked up."""
    for reading in operation.readings:
        if reading is not None:
            for atom, _ in reading.atoms:
                if isinstance(atom, Lookup) and atom.operand == operand:
                    return atom.forms, True
    reading = operation.readings[operand]
    return (() if reading is None else reading.forms), False


def _direct(form: Form) -> set[int]:
    """Return the variables of a form, but for those of what is looked up."""
    found: set[int] = set()
    for atom, _ in form.terms:
        if isinstance(atom, int):
            found.add(atom)
        elif isinstance(atom, IndexPart):
            found |= _direct(atom.form)
    return found


def _standing(H: ArrayHypergraph, chain: Sequence[int], given: Mapping[int, int]) -> set[int]:
    """Return the variables on whose lines the glyph stands: targets, and those of parameters."""
    first = H.operations[chain[0]]
    writes, found = first.writes[0], set[int]()
    own = H.sides[0][chain[0]]
    learned = any(wire in given for wire in own)
    if first.kernel.name != "contraction" or learned:
        found |= {*first.targets}
    for wire, reading in zip(own, first.readings, strict=True):
        if reading is None:
            continue
        for form in reading.forms:
            if wire in given or form.wiring is None:
                found |= _direct(form)
        if wire not in given or first.kernel.name != "where":
            found |= {v for form in reading.conditions for v in _direct(form)}
    for box in chain[1:]:
        operation = H.operations[box]
        for wire, reading in zip(H.sides[0][box], operation.readings, strict=True):
            if wire in given and reading is not None:
                found |= {
                    writes[operation.writes[0].index(v)]
                    for form in reading.forms
                    for v in _direct(form)
                    if v in operation.writes[0]
                }
    return found


def _kind(first: Operation, learned: bool, rest: Iterable[Operation]) -> tuple[str, str]:
    """Return the kind of a glyph, and what stands on it."""
    name, readings = first.kernel.name, [one for one in first.readings if one is not None]
    plain = all(form.wiring is not None for one in readings for form in one.forms)
    if name == "norm":
        return {"layer": ("norm", ""), "rms": ("rms", "R")}[str(first.kernel.option("kind"))]
    if name == "constant":
        return "constant", f"{first.kernel.option('value'):g}"
    if name in ("opaque", "along"):
        return ("box" if first.readings else "constant"), first.title or name
    if learned and name in ("contraction", "view"):
        drawn = len(first.readings) > 1 and name == "contraction" and len(readings) > 1
        looked = any(form.lookups for one in readings for form in one.forms)
        return ("linear", "L") if drawn or not looked else ("embed", "E")
    if learned:
        return "learned", {"add": "+", "mul": "×"}.get(name, name)
    if name == "contraction":
        return ("join", "" if first.scale == ONE else _scale(first))
    if name == "view" and first.readings[0] and first.readings[0].conditions and plain:
        return "mask", ""
    if name == "view":
        return ("join", "") if plain else ("reading", _reading_text(first))
    if name in ("softmax", "add", "mul"):
        return name, {"softmax": "", "add": "+", "mul": "×"}[name]
    if name == "where":
        return "mask", ""
    if name == "top_k":
        return "choice", first.letters[first.writes[0][-1]] if first.letters else "k"
    if name == "concat":
        return "reading", "·|·"
    if name == "function":
        name = first.title or name
    if len(first.readings) == 1 and not first.targets and len(first.writes) == 1:
        return "elementwise", name
    return "box", name


def _letter(operation: Operation, v: int) -> str:
    found = operation.letters[v] if v < len(operation.letters) else ""
    return letter_of(found) or "·"


def _size_text(operation: Operation, size: Size) -> str:
    return str(size.rename(lambda key: f"|{_letter(operation, key)}|" if key >= 0 else f"s{-key}"))


def _scale(operation: Operation) -> str:
    names = {k: _letter(operation, k) for k in range(len(operation.letters))}
    made = operation.scale.rename(lambda key: names.get(key, "s"))
    return str(made)


SIGNS = ((r"(?<!\*)\*(?!\*)", ""), ("-", "–"), (" div ", "÷"), (" mod ", "%"))
"""How signs of forms are written in pictures."""


def form_text(operation: Operation, form: Form) -> str:
    """Write at which index an array is read, with the letters of the box."""
    letter, size = partial(_letter, operation), partial(_size_text, operation)
    text = form.written(letter, size, lambda one: "[·]")
    return reduce(lambda one, sign: re.sub(*sign, one), SIGNS, text)


def _joined(operation: Operation, form: Form) -> str:
    """Write the axes that a form joins; nothing if it joins none."""
    sizes = any(c.generators for _, c in form.terms)
    if not sizes or not all(isinstance(atom, int) for atom, _ in form.terms):
        return ""
    order = sorted(form.terms, key=lambda term: -max((len(m) for m, _ in term[1].terms), default=0))
    return f"({' '.join(_letter(operation, a) for a, _ in order if isinstance(a, int))})"


def letters_read(H: ArrayHypergraph) -> dict[int, str]:
    """Return what axes that have no letter are called: as what they are first read for.

    The axis of an image that is read at ``2*y+a`` is y, and one that is read at ``(u a)`` is that.
    """
    found: dict[int, str] = {}
    for box in H.order:
        operation = H.operations[box]
        for wire, reading in zip(H.sides[0][box], operation.readings, strict=True):
            axes = H.lists["axes"].row(wire).tolist()
            for axis, form in zip(axes, () if reading is None else reading.forms, strict=False):
                moving = [v for v in operation.writes[0] if v in _direct(form)]
                if H.column("letter")[axis] is None and form.wiring is None and moving:
                    name = _joined(operation, form) or _letter(operation, moving[0])
                    found.setdefault(axis, name)
    return found


def _reading_text(operation: Operation) -> str:
    """Write the forms of a reading that are no wiring; splits and joins of axes by their axes."""
    reading = next(one for one in operation.readings if one is not None)
    shown = []
    for form in reading.forms:
        if form.wiring is not None:
            continue
        joined = _joined(operation, form)
        if joined:
            shown.append(joined)
        elif any(isinstance(atom, IndexPart) for atom, _ in form.terms):
            shown += [_letter(operation, v) for v in sorted(_direct(form))]
        else:
            shown.append(form_text(operation, form))
    return ", ".join(dict.fromkeys(shown))


def _title(
    H: ArrayHypergraph, chain: Sequence[int], learned: Sequence[int], given: Mapping[int, int]
) -> str:
    """Say what a glyph is: its operation, the shapes, and how many parameters it has."""
    ins = [wire for wire in H.sides[0][chain[0]] if wire not in given]
    left, right = (", ".join(shape_text(H, w) for w in ws) for ws in (ins, H.sides[1][chain[-1]]))
    found = f"{H.operations[chain[0]]}: {left} → {right}"
    rows, axes = dict.fromkeys(learned), H.lists["axes"]
    total = sum(prod(map(H.size_of, axes.row(row).tolist())) for row in rows)
    names = ", ".join(H.column("name")[row] for row in rows)
    return f"{found}; {names}: {total} numbers" if rows else found


def _gate(H: ArrayHypergraph, box: int) -> Glyph:
    """Return the place where an array goes in or out of a block with rounds."""
    kernel, wire = H.operations[box].kernel.name, H.sides[0][box][-1]
    out = H.sides[1][box][0]
    front = {"each": 1, "stack": -1}.get(kernel, 0)
    places = [place for place in lines_of(H, wire) if front < 1 or place != 0]
    bare = front < 0 and places == [SCALAR]
    if bare:
        places = []
    before = tuple(((0, place),) for place in places)
    after = tuple(((0, place - front if place >= 0 else place),) for place in places)
    if front < 0:
        before, after = ((), *before), (((0, 0),), *after)
    elif not places:
        before, after = ((),), (((0, SCALAR),),)
    ended = (((0, 0),),) if front > 0 else (((0, SCALAR),),) if bare else ()
    title = f"{kernel}: {shape_text(H, wire)} → {shape_text(H, out)}"
    return Glyph(
        "gate", kernel, "", title, (wire,), (out,), (), len(before), before, (0, 0), after, ended
    )


def shape_text(H: ArrayHypergraph, wire: int) -> str:
    """Write the type of an array, with its sizes where they are not its axes' names."""
    return H.array_text(wire, partial(axis_text, H))


def axis_text(H: ArrayHypergraph, axis: int) -> str:
    """Write an axis by its letter, and by its size if that is another."""
    name, size = letter_of(H.called(axis)), str(H.size_of(axis))
    return name if letter_of(size) == name else f"{name}={size}"


def closed(
    glyphs: Sequence[Glyph],
    title: str,
    ins: Sequence[int],
    outs: Sequence[int],
    H: ArrayHypergraph,
    path: tuple[int, ...],
) -> Glyph:
    """Return the box of a block that is drawn closed."""
    left = [((k, place),) for k, wire in enumerate(ins) for place in lines_of(H, wire)]
    right = [((k, place),) for k, wire in enumerate(outs) for place in lines_of(H, wire)]
    shapes = (", ".join(shape_text(H, w) for w in ws) for ws in (ins, outs))
    words = f"{title}: {' → '.join(shapes)}; {len(glyphs)} operations, closed"
    return Glyph(
        "closed", title, "", words, tuple(ins), tuple(outs), path,
        0, tuple(left), (len(left), len(right)), tuple(right),
    )  # fmt: skip
