"""What a circuit takes where each box runs by itself, as compilers of array programs run it.

Operations by unit are those of the boxes. Numbers that are *formed* are written to memory, and read
again, with their cotangents in the reverse pass: what is given and returned, and arrays that
products read, or write for more than sums. What maps of single numbers make is otherwise formed
again where it is read. A box that runs takes a time of its own, however small its arrays are: the
unit ``"box"``.

A fold runs its parts: a step for each block, forward, and the vector-Jacobian product of its terms,
back, which forms again all that these read. Its state, and the cotangent of what all blocks read,
are read and written for each block; other arrays of a block stay near the processor.

>>> from catlearn.arrays import einsum, relu
>>> f = einsum("a b, b c -> a c") >> relu
>>> sizes = dict.fromkeys(range(f.apex.size("Axis")), 64)
>>> forward, both = spent(f, sizes), spent(f, sizes, slopes=True)
>>> int(forward["matrix"]), int(both["matrix"]), int(both["box"] / forward["box"])
(524288, 1572864, 2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.blocks import GATES
from catlearn.arrays.counting import IDLE, UNITS, operations, shapes
from catlearn.costing.hierarchy import Device, devices
from catlearn.costing.reverse import LINEAR
from catlearn.costing.timing import Time, timed
from catlearn.display import Legible
from catlearn.errors import UnknownName
from catlearn.streams.folding import Fold
from catlearn.streams.prefix import PrefixFold

Spent = dict[str, float]
"""Operations by unit, boxes that run, and numbers that are written or read."""

PASSED = frozenset([*IDLE, *LINEAR, "where"])
"""Kernels of which no operand is kept for the reverse pass."""

OTHER = 3
"""Operations of the vector unit beside each of the exponential one: a difference, a product."""


def spent(
    circuit: Circuit, sizes: Mapping[int, int], slopes: bool = False, values: bool = True,
    formed: bool = True,
) -> Spent:  # fmt: skip
    """Return what a circuit takes that runs box by box.

    Parameters
    ----------
    circuit
        The circuit.
    sizes
        Of its axes.
    slopes
        Whether the cotangents of all that is real are formed, too.
    values
        Whether the outputs are formed, and kept; else what slopes need of them is formed again.
    formed
        Whether arrays are written to memory, or stay near the processor.
    """
    H = circuit.apex
    ins, outs = H.sides
    axes, within, rounds = (H.lists[name] for name in ("axes", "within", "rounds"))
    writer = {wire: box for box, wires in enumerate(outs) for wire in wires}
    read: dict[int, set[int]] = {}
    for box, wires in enumerate(ins):
        for wire in wires:
            read.setdefault(wire, set()).add(box)
    found: Spent = dict.fromkeys(("matrix", "exponential", "vector", "box", "words"), 0.0)

    def numbers(wire: int) -> int:
        return prod(sizes[axis] for axis in axes.row(wire).tolist())

    units = {
        box: operations(H.operations[box], *shapes(H, box, sizes.__getitem__))
        for box in circuit._walk()
    }

    def is_real(wire: int) -> bool:
        if wire in writer and H.operations[writer[wire]].kernel.name in ("constant", "one_hot"):
            return False
        return H.types[wire] in ("R", None)

    def times(box: int) -> int:
        blocks = within.row(box).tolist()
        return prod(sizes[axis] for block in blocks for axis in rounds.row(block).tolist())

    def is_kept(wire: int) -> bool:
        """Whether an array is formed: a product reads it, or writes it for more than sums."""
        users = read.get(wire, set())
        if any("matrix" in units[box] for box in users):
            return True
        names = (H.operations[box].kernel.name for box in users)
        product = wire in writer and "matrix" in units[writer[wire]]
        return product and not PASSED.issuperset(names)

    runs = (1 if values else 0) + (2 if slopes else 0)
    for box, own in units.items():
        if H.operations[box].kernel.name in IDLE:
            continue
        many = times(box)
        reals = sum(map(is_real, ins[box]))
        again = not values and any(read.get(wire) for wire in outs[box])
        forward, back = values or again, slopes and any(map(is_real, outs[box]))
        if "matrix" in own:
            found["matrix"] += many * own["matrix"] * (forward + back * reals)
        elif "exponential" in own:
            found["exponential"] += many * own["exponential"] * forward
            found["vector"] += OTHER * many * own["exponential"] * (forward + back)
        else:
            found["vector"] += many * own["vector"] * (forward + back * 2)
        found["box"] += many * (forward + back * max(1, reals))
    if formed:
        ends = {*circuit.dom, *circuit.cod}
        ends |= {wire for wire, name in enumerate(H.column("name")) if name is not None}
        made = [b for b in circuit._walk() if H.operations[b].kernel.name not in GATES]
        kept = {w: times(box) for box in made for w in outs[box] if is_kept(w)}
        for wire, many in (kept | dict.fromkeys(ends, 1)).items():
            found["words"] += 2 * many * numbers(wire) * (runs if is_real(wire) else 1)
    return found


def added(*parts: tuple[int, Spent]) -> Spent:
    """Return the sum of what parts take, each so many times."""
    found: Spent = {}
    for many, part in parts:
        for unit, value in part.items():
            found[unit] = found.get(unit, 0.0) + many * value
    return found


def folded(fold: Fold | PrefixFold, sizes: Mapping[int, int], block: int) -> tuple[Spent, Spent]:
    """Return what value and gradient of a fold take in blocks, and what of it is formed again."""
    length, at = sizes[fold.axis], {**sizes, fold.block: block}
    count = -(-length // block)
    one, near = fold.step, {"formed": False}
    terms = fold.terms if isinstance(fold, Fold) else fold.step
    again = spent(terms, at, values=False, **near)
    back = spent(terms, at, slopes=True, values=False, **near)
    rows, shared = one.apex.lists["axes"], one.dom[: len(one.dom) - len(fold.entries) - 1]
    moved = 2.0 * sum(prod(at[axis] for axis in rows.row(wire).tolist()) for wire in shared)
    outer = [(1, spent(part, sizes, slopes=True)) for part in (fold.head, fold.tail)]
    if isinstance(fold, PrefixFold):
        outs = (
            wire for wire, at in zip(fold.circuit.cod, fold.exits, strict=True) if at is not None
        )
        rows = fold.circuit.apex.lists["axes"]
        outer += [
            (6, {"words": float(prod(sizes[a] for a in rows.row(wire).tolist()))}) for wire in outs
        ]
    found = added((count, spent(one, at, **near)), (count, back), (count, {"words": moved}), *outer)
    return found, added((count, again))


@dataclass(frozen=True)
class Price(Legible):
    """What a fold takes, against its circuit; value and gradient of both.

    Parameters
    ----------
    whole
        The time of the circuit, box by box.
    blocks
        The time of the fold.
    again
        What share of the operations of the circuit the reverse pass of the fold makes again.
    transfers
        Bytes that the circuit and the fold read and write.
    """

    whole: Time
    blocks: Time
    again: float
    transfers: tuple[float, float]

    @property
    def slower(self) -> float:
        """The time of the fold over that of the circuit, where units wait for each other."""
        return self.blocks.serial / self.whole.serial

    def __str__(self) -> str:
        return f"{self.again:.0%} of operations again, time {self.slower:.2f} (predicted)"


def priced(
    fold: Fold | PrefixFold, sizes: Mapping[Any, int], block: int, device: Device | str = "cpu",
    width: int = 4,
) -> Price:  # fmt: skip
    """Predict what value and gradient of a fold take, also of one that keeps its variable.

    Parameters
    ----------
    fold
        The fold.
    sizes
        Of axes, by their names, or by their rows in the fold's circuit.
    block
        How many indices are read at a time.
    device
        The device, or the name of one of :data:`catlearn.costing.devices`.
    width
        Bytes of a number.

    Raises
    ------
    UnknownName
        Listing axes without sizes.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax, where
    >>> from catlearn.streams import stream
    >>> sizes = dict(q=8192, x=8192, t=8192, d=64, e=64)
    >>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
    >>> attention = stream(scores @ idle >> einsum("q x, x e -> q e"), "x")
    >>> priced(attention, sizes, 64).slower < 1 < priced(attention, sizes, 4).slower
    True
    >>> earlier = einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)
    >>> linear = stream(earlier @ idle >> einsum("t s, s e -> t e"), "t")
    >>> priced(linear, sizes, 64).slower < 0.1
    True
    """
    device = devices[device] if isinstance(device, str) else device
    H = fold.circuit.apex
    used = {axis for wire in range(H.size("Wire")) for axis in H.lists["axes"].row(wire).tolist()}
    used |= {axis for box in H.order for axis in H.lists["vars"].row(box).tolist()}
    at = {axis: sizes.get(axis, sizes.get(H.called(axis))) for axis in sorted(used)}
    missing = [H.called(axis) for axis, size in at.items() if size is None]
    if missing:
        raise UnknownName(f"no sizes for {', '.join(missing)}; give sizes={{...}}")
    known = {axis: size for axis, size in at.items() if size is not None}
    known = {**{axis: n for axis, n in sizes.items() if isinstance(axis, int)}, **known}
    whole = spent(fold.circuit, known, slopes=True)
    blocks, again = folded(fold, known, min(block, known[fold.axis]))

    def time(found: Spent) -> Time:
        work = {unit: n for unit, n in found.items() if unit in device.throughputs}
        return timed(work, [width * found["words"]], device, width)

    most = sum(whole[unit] for unit in UNITS) or 1.0
    transfers = width * whole["words"], width * blocks["words"]
    return Price(time(whole), time(blocks), sum(again[unit] for unit in UNITS) / most, transfers)
