"""What a circuit takes where each box runs by itself, as compilers of array programs run it.

Operations by unit are those of the boxes. Numbers that are *formed* are written to memory, and read
again, with their cotangents in the reverse pass: what is given and returned, and arrays that
products or rounds read, or write for more than sums. What maps of single numbers make is otherwise
formed again where it is read; but of each round it is written, and read in the reverse pass, if
that needs it. A box that runs takes a time of its own, however small its arrays are: the
unit ``"box"``.

A fold runs its parts: a step for each block, forward, and the vector-Jacobian product of its terms,
back, which forms again all that these read; where the state is one number, both at once. Its state,
and the cotangent of what all blocks read, are read and written for each block; other arrays of a
block stay near the processor.

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
from catlearn.arrays.blocks import GATES, path
from catlearn.arrays.counting import IDLE, UNITS, operations, shapes
from catlearn.arrays.sizes import sizes_hint
from catlearn.costing.hierarchy import Device, device_named, devices
from catlearn.costing.timing import Time, timed
from catlearn.display import Legible
from catlearn.errors import UnknownName, expect
from catlearn.streams.folding import Fold
from catlearn.streams.passes import is_kept
from catlearn.streams.prefix import PrefixFold

Spent = dict[str, float]
"""Operations by unit, boxes that run, and numbers that are written or read."""

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
    writer = H.writer
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

    def is_product(box: int) -> bool:
        return "matrix" in units.get(box, ())

    def is_formed(wire: int) -> bool:
        """Whether an array is formed: products, or rounds, read it, or write it for more than sums.

        Arrays of a round stay near the processor.
        """
        if path(H, writer[wire], plain=False) and gate(writer[wire]) not in ("last", "stack"):
            return False
        if is_read(wire) or gate(writer[wire]):
            return True
        stack, seen = [wire] if is_product(writer[wire]) else [], {wire}
        while stack:
            one = stack.pop()
            if is_kept(circuit, one):
                return True
            views = (box for box in read.get(one, ()) if H.operations[box].kernel.name == "view")
            more = {w for box in views for w in outs[box] if not is_read(w)} - seen
            seen |= more
            stack += more
        return False

    def is_read(wire: int) -> bool:
        """Whether products, or rounds, read an array."""
        return any(is_product(box) or gate(box) for box in read.get(wire, ()))

    def gate(box: int) -> str:
        name = H.operations[box].kernel.name
        return name if name in GATES else ""

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
        made = {w: box for box in circuit._walk() for w in outs[box]}
        kept = {w for w in made if is_formed(w)}
        for wire in kept | ends:
            found["words"] += 2 * numbers(wire) * (runs if is_real(wire) else 1)
        for wire, box in made.items() if slopes else ():
            if wire not in kept and gate(box) != "each" and path(H, box, plain=False):
                found["words"] += 2 * times(box) * numbers(wire) * is_kept(circuit, wire)
    return found


def added(*parts: tuple[int, Spent]) -> Spent:
    """Return the sum of what parts take, each so many times."""
    found: Spent = {}
    for many, part in parts:
        for unit, value in part.items():
            found[unit] = found.get(unit, 0.0) + many * value
    return found


def folded(
    fold: Fold | PrefixFold, sizes: Mapping[int, int], block: int,
    tiles: tuple[int, int, int] | None = None,
) -> tuple[Spent, Spent]:  # fmt: skip
    """Return what value and gradient of a fold take in blocks, and what of it is formed again.

    Blocks may be tiles: the row of another axis, how many indices of it are read at a time, and how
    many tiles there are.
    """
    length, at = sizes[fold.axis], {**sizes, fold.block: block}
    count = -(-length // block)
    if tiles is not None:
        axis, rows, count = tiles
        at[axis] = rows
    one, near = fold.step, {"formed": False}
    terms = fold.terms if isinstance(fold, Fold) else fold.step
    again = spent(terms, at, values=False, **near)
    once = isinstance(fold, Fold) and fold.total is not None
    back = spent(terms, at, slopes=True, values=once, **near)
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
    forward = (0 if once else count, spent(one, at, **near))
    found = added(forward, (count, back), (count, {"words": moved}), *outer)
    return found, added((0 if once else count, again))


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
    width: int = 4, tiles: tuple[int, int, int] | None = None,
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
    tiles
        If blocks of another axis are read, too: its row, how many of its indices at a time, and how
        many tiles are visited.

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
    expect(fold, (Fold, PrefixFold), "fold", "a fold, as stream(circuit, variable) makes it")
    expect(sizes, Mapping, "sizes", "a dict of sizes by names")
    expect(block, int, "block", "a number of indices")
    device = device_named(device) or devices["cpu"]
    H = fold.circuit.apex
    used = {axis for wire in range(H.size("Wire")) for axis in H.lists["axes"].row(wire).tolist()}
    used |= {axis for box in H.order for axis in H.lists["vars"].row(box).tolist()}
    at = {axis: sizes.get(axis, sizes.get(H.called(axis))) for axis in sorted(used)}
    missing = [H.called(axis) for axis, size in at.items() if size is None]
    if missing:
        raise UnknownName(f"no sizes for {', '.join(missing)}; {sizes_hint(missing)}")
    known = {axis: size for axis, size in at.items() if size is not None}
    known = {**{axis: n for axis, n in sizes.items() if isinstance(axis, int)}, **known}
    whole = spent(fold.circuit, known, slopes=True)
    blocks, again = folded(fold, known, min(block, known[fold.axis]), tiles)

    def time(found: Spent) -> Time:
        work = {unit: n for unit, n in found.items() if unit in device.throughputs}
        return timed(work, [width * found["words"]], device, width)

    most = sum(whole[unit] for unit in UNITS) or 1.0
    transfers = width * whole["words"], width * blocks["words"]
    return Price(time(whole), time(blocks), sum(again[unit] for unit in UNITS) / most, transfers)
