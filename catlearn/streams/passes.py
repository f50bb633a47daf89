"""Passes: which boxes reduce over a variable, so that one walk over its indices forms them all.

>>> from catlearn.arrays import einsum, idle, softmax
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> attention = (scores @ idle >> einsum("q x, x e -> q e")).unfold()
>>> for one in passes(attention):
...     print(*named(attention, one), len(one.reductions))
einsum/x 3
einsum/d 1
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from catlearn.arrays.blocks import GATES, path
from catlearn.arrays.boxes import ArrayHypergraph, Draft, line_text, short_title
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.counting import IDLE, LINEAR
from catlearn.errors import UnknownName, did_you_mean
from catlearn.streams.nodes import Node, Nodes, reduces
from catlearn.streams.rules import AmbiguousAxis, StreamRefused

PASSED = frozenset([*IDLE, *LINEAR, "where"])
"""Kernels of which no operand is kept for the reverse pass."""


@dataclass(frozen=True)
class Pass:
    """Boxes that reduce over one variable.

    Parameters
    ----------
    reductions
        The boxes, each with its variable.
    axis
        The axis of the variable.
    roots
        Those that no other one depends on.
    level
        The blocks with rounds that they are in.
    through
        Whether it goes through boxes that reduce over another variable of the axis.
    extra
        Boxes that run with it and reduce nothing over the variable: those of rounds along its axis,
        and what is made of its large results index by index.
    """

    reductions: dict[int, int]
    axis: int
    roots: tuple[int, ...]
    level: tuple[int, ...] = ()
    through: bool = False
    extra: frozenset[int] = frozenset()

    def results(self, circuit: Circuit) -> frozenset[int]:
        """Return what it writes: of reductions, after rounds, and of what runs with them."""
        H = circuit.apex
        if not self.extra:
            return frozenset(wire for box in self.reductions for wire in H.sides[1][box])
        own = {*self.reductions, *self.extra}
        ends = (
            wire for box in own if H.operations[box].kernel.name in ("last", "stack")
            or tuple(path(H, box, plain=False)) == self.level for wire in H.sides[1][box]
        )  # fmt: skip
        asked = {w for box in range(H.size("Box")) if box not in own for w in H.sides[0][box]}
        return frozenset(ends) & (asked | {*circuit.cod})

    def nodes(self, circuit: Circuit) -> Nodes:
        """Return the nodes along its axis."""
        return nodes_of(circuit, self.axis, self.level, self.through)

    def cone(self, circuit: Circuit) -> dict[Node, int]:
        """Return the nodes that it makes entry by entry, each with its box."""
        found = self.nodes(circuit).cone(self.reductions.items())
        return {node: made[0] for node, made in found.items() if made is not None}


class _Known(Nodes):
    """Nodes that are not changed: what is found out about them is kept."""

    def __init__(self, circuit: Circuit, axis: int, level: tuple[int, ...], through: bool) -> None:
        rows = circuit._cached("rows", lambda: _rows(circuit))
        self.circuit, self.x, self.level, self.through = circuit, axis, level, through
        self.draft, self.writer, self._levels = rows
        self._made: dict[Node, tuple[int, frozenset[int]] | None] = {}
        self._operands: dict[tuple[int, frozenset[int]], list[Node]] = {}

    def made(self, node: Node) -> tuple[int, frozenset[int]] | None:
        if node not in self._made:
            self._made[node] = super().made(node)
        return self._made[node]

    def operands(self, box: int, at: frozenset[int]) -> list[Node]:
        key = box, at
        if key not in self._operands:
            self._operands[key] = super().operands(box, at)
        return self._operands[key]

    def outside(self, box: int) -> bool:
        return self._levels[box] != self.level


def _rows(circuit: Circuit) -> tuple[Draft, dict[int, int], list[tuple[int, ...]]]:
    """Return the rows of a circuit, the box that writes an array, and the level of each box."""
    H, draft = circuit.apex, Draft.of(circuit.apex)
    writer = {wire: k for k, box in enumerate(draft.boxes) for wire in box.outs}
    return draft, writer, [tuple(path(H, box, plain=False)) for box in range(H.size("Box"))]


def nodes_of(circuit: Circuit, axis: int, level: tuple[int, ...], through: bool) -> Nodes:
    """Return the nodes of a circuit along an axis, to be read; they are made once."""
    key = f"nodes {axis} {level} {through}"
    return circuit._cached(key, lambda: _Known(circuit, axis, level, through))


def _candidates(
    H: ArrayHypergraph, box: int, axis: int | None = None, level: tuple[int, ...] = ()
) -> list[int]:
    """Return the variables, of an axis, that a box reduces over."""
    one = H.operations[box]
    if not reduces(H, box) or tuple(path(H, box, plain=False)) != level:
        return []
    variables = H.lists["vars"].row(box)
    return [v for v in one.targets if axis is None or variables[v] == axis]


def letter_at(H: ArrayHypergraph, box: int, v: int) -> str:
    """Return the letter of a variable in the pattern of its box, or none."""
    letters = H.operations[box].letters
    return letters[v] if v < len(letters) else ""


def collected(
    circuit: Circuit, roots: Sequence[tuple[int, int]], axis: int, level: tuple[int, ...],
    through: bool,
) -> dict[int, int]:  # fmt: skip
    """Return the reductions over x that some depend on, entry by entry, and these."""
    H, nodes = circuit.apex, nodes_of(circuit, axis, level, through)
    found: dict[int, int] = {}
    excluded: set[int] = set()

    def before(box: int) -> list[Node]:
        variables = [] if box in excluded else _candidates(H, box, axis, level)
        if variables:
            found.setdefault(box, variables[0])
            return nodes.operands(box, frozenset(variables[:1]))
        whole = nodes.outside(box) or H.operations[box].kernel.name in GATES
        return [] if whole else [(wire, frozenset()) for wire in H.sides[0][box]]

    while True:
        found.clear()
        found.update(roots)
        cone = nodes.cone(roots, before)
        leaves = {wire for (wire, places), made in cone.items() if places and made is None}
        inner = {b for b in ancestors(H, leaves) if b in found} - {box for box, _ in roots}
        if not inner:
            return found
        excluded |= inner


def ancestors(H: ArrayHypergraph, wires: Iterable[int]) -> set[int]:
    """Return the boxes that arrays depend on."""
    ins, writer = H.sides[0], H.writer
    found: set[int] = set()
    stack = [writer[w] for w in wires if w in writer]
    while stack:
        box = stack.pop()
        if box not in found:
            found.add(box)
            stack += [writer[w] for w in ins[box] if w in writer]
    return found


def passes(
    circuit: Circuit, letter: str | None = None, level: tuple[int, ...] = (), through: bool = False
) -> list[Pass]:
    """List the variables that a circuit reduces over, each with the boxes that do.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    letter
        A letter of them; None for all.
    level
        The blocks with rounds that the boxes are in.
    through
        List instead those that go through boxes that reduce over another variable of their axis, as
        the mean over examples of what compares each with all; each with passes that need the same
        nodes.
    """
    H = circuit.apex
    found: list[Pass] = []
    covered: set[tuple[int, int]] = set()
    for box in reversed(H.order):
        for v in _candidates(H, box, level=level):
            axis = int(H.lists["vars"].row(box)[v])
            if (box, axis) in covered:
                continue
            reductions = collected(circuit, [(box, v)], axis, level, through)
            covered |= {(b, axis) for b in reductions}
            found.append(Pass(reductions, axis, (box,), level, through))
    if through:
        return _shared(circuit, found)
    merged: list[Pass] = []
    for one in found:
        for k, other in enumerate(merged):
            if other.axis == one.axis and not _ordered(circuit, one, other):
                reductions = {**other.reductions, **one.reductions}
                merged[k] = Pass(reductions, one.axis, (*other.roots, *one.roots), level)
                break
        else:
            merged.append(one)
    if letter is None:
        return merged
    return [one for one in merged
            if any(letter_at(H, b, v) == letter for b, v in one.reductions.items())]  # fmt: skip


def _shared(circuit: Circuit, found: Sequence[Pass]) -> list[Pass]:
    """Return the passes that go through boxes over their axis, with those that need their nodes."""
    H = circuit.apex
    cones = [one.cone(circuit) for one in found]
    more = [
        cone != replace(one, through=False).cone(circuit)
        for one, cone in zip(found, cones, strict=True)
    ]
    made = []
    for k, one in enumerate(found):
        ends = {axis for box in one.roots for wire in H.sides[1][box]
                for axis in H.lists["axes"].row(wire).tolist()}  # fmt: skip
        if not more[k] or one.axis in ends:
            continue
        for other, cone, is_more in zip(found, cones, more, strict=True):
            shared = (wire for wire, _ in cones[k].keys() & cone.keys())
            if (
                other.axis == one.axis
                and not is_more
                and any(H.lists["axes"].row(wire).tolist().count(one.axis) > 1 for wire in shared)
                and other.reductions.keys().isdisjoint(cones[k].values())
                and not _ordered(circuit, one, other)
            ):
                reductions = {**other.reductions, **one.reductions}
                one = replace(one, reductions=reductions, roots=(*one.roots, *other.roots))
        if len(one.roots) > 1:
            made.append(one)
    return made


def _ordered(circuit: Circuit, one: Pass, other: Pass) -> bool:
    """Whether a pass needs another one before it."""
    for first, second in ((one, other), (other, one)):
        cone = first.nodes(circuit).cone(second.reductions.items())
        leaves = [wire for (wire, _), made in cone.items() if made is None]
        fresh = {*first.reductions} - {*second.reductions}
        if fresh & ancestors(circuit.apex, leaves):
            return True
    return False


def named(circuit: Circuit, one: Pass) -> list[str]:
    """Return the names of the variable of a pass, with boxes."""
    H = circuit.apex
    letters = (letter_at(H, box, one.reductions[box]) for box in one.roots)
    pairs = zip(one.roots, letters, strict=True)
    found = (f"{short_title(H.title(box))}/{letter or H.called(one.axis)}" for box, letter in pairs)
    return [*dict.fromkeys(found)]


def placed(circuit: Circuit, one: Pass) -> str:
    """Return the line that made the first root of a pass, and the blocks that it is in.

    Roots that are gates of rounds have no line: it is that of the first box of these that has one.
    """
    H, boxes = circuit.apex, [*one.roots, *sorted(one.extra)]
    box = next((box for box in boxes if H.operations[box].source), boxes[0])
    titles = (H.column("title")[block] for block in H.lists["within"].row(box).tolist())
    blocks = "/".join(title for title in titles if title)
    source = H.operations[box].source
    return line_text(source) + f", in {blocks}" * bool(blocks) if source else blocks


def earlier(circuit: Circuit, one: Pass) -> Pass | None:
    """Return the reductions of a pass that others of it depend on, as a pass, if there are any."""
    H = circuit.apex
    rest = {box: v for box, v in one.reductions.items() if box not in one.roots}
    needed = {box: ancestors(H, H.sides[0][box]) for box in rest}
    roots = tuple(box for box in rest if not any(box in found for found in needed.values()))
    return Pass(rest, one.axis, roots, one.level) if rest else None


def chosen(circuit: Circuit, variable: str) -> Pass:
    """Return the pass that a name means.

    Raises
    ------
    AmbiguousAxis
        If several boxes bind variables of that name.
    StreamRefused
        If nothing reduces over it.
    UnknownName
        If there is no variable of that name.
    """
    H = circuit.apex
    box, _, letter = variable.rpartition("/")
    found = passes(circuit, letter)
    if box:
        variable = f"{short_title(box)}/{letter}"
        known = [name for one in found for name in named(circuit, one)]
        if variable not in known:
            raise UnknownName(f"there is no axis {variable!r}; {did_you_mean(variable, known)}")
        found = [one for one in found if variable in named(circuit, one)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(dict.fromkeys(n for one in found for n in named(circuit, one)))
        raise AmbiguousAxis(f"axis {variable} is {names}")
    letters = {
        one: H.title(b) for b in H.order for one in H.operations[b].letters if one
    }  # fmt: skip
    if letter in letters:
        where = letters[letter]
        raise StreamRefused(where, f"axis {letter} is in the output: no box reduces over it")
    hint = did_you_mean(variable, sorted(letters))
    raise UnknownName(f"there is no axis {variable!r}; {hint}")


def is_kept(circuit: Circuit, wire: int) -> bool:
    """Whether a reverse pass needs an array as it was: it is read by more than linear boxes."""
    H = circuit.apex
    return any(
        H.operations[box].kernel.name not in PASSED
        and (H.operations[box].kernel.name != "contraction" or len(H.sides[0][box]) > 1)
        for box in readers(circuit)[wire]
    )


def readers(circuit: Circuit) -> Sequence[Sequence[int]]:
    """Return the boxes that read each array."""

    def found() -> list[list[int]]:
        made = [list[int]() for _ in range(circuit.apex.size("Wire"))]
        for box, wires in enumerate(circuit.apex.sides[0]):
            for wire in dict.fromkeys(wires):
                made[wire].append(box)
        return made

    return circuit._cached("readers", found)


def refuse_random(circuit: Circuit) -> None:
    """Refuse boxes that draw samples of whole arrays.

    Raises
    ------
    StreamRefused
        Naming the first.
    """
    H = circuit.apex
    for box in H.order:
        if not H.operations[box].kernel.entry.deterministic:
            title = H.title(box)
            raise StreamRefused(
                title,
                f"{title} draws a sample of a whole array, which a pass over blocks does not; "
                'dropout(rate, by="q x") drops by a seed and the indices of an entry',
            )
