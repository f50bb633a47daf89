"""Circuits evaluated by their definition: every box at every index, as in the theory.

Nothing of any lowering is used: what runs elsewhere is compared with this, and circuits are told
apart by it, at inputs, parameters and sizes that a seed draws.

>>> import numpy as np
>>> from catlearn.arrays import einsum, relu
>>> evaluate(einsum("m -> "), [np.arange(4)])[0].item()
6.0
>>> difference(relu, relu, 0), difference(relu, relu >> relu, 0)
('', '')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.arrays.blocks import Loop, level, nested
from catlearn.arrays.boxes import Draft
from catlearn.arrays.forms import Form, Lookup
from catlearn.arrays.sizes import Size, SizeRelation, solve
from catlearn.category import hypergraph
from catlearn.category.hypergraph import StringDiagram
from catlearn.errors import CatlearnError, Failure, TooLarge, fault, refuse

if TYPE_CHECKING:
    from catlearn.arrays.circuit import Circuit

MOST_NUMBERS = 10_000_000
"""The most indices of a box that is evaluated."""

TOLERANCE = 1e-6
"""By how much of the greatest number of an output two entries differ that differ."""


def evaluate(
    circuit: Circuit, arrays: Sequence[Any], parameters: Mapping[str, Any] | None = None
) -> list[np.ndarray]:
    """Return the outputs; sizes are those of the arrays that are given.

    Parameters
    ----------
    circuit
        A circuit that draws no samples.
    arrays
        The inputs.
    parameters
        The parameters, by name.

    Raises
    ------
    InvalidStructure
        Listing sizes that do not agree.
    CatlearnError
        Where a size stays open, or a kernel has no value by itself.
    TooLarge
        Where a box has more than :data:`MOST_NUMBERS` indices.
    """
    H = circuit.apex
    sizes: dict[int, int] = {}

    def note(row: int, value: np.ndarray) -> None:
        rank = H.lists["axes"].row(row).tolist()
        pairs = zip(rank, value.shape, strict=False)
        if len(rank) != value.ndim or any(sizes.setdefault(a, n) != n for a, n in pairs):
            message = f"cannot be of shape {value.shape}"
            raise fault("this evaluation", "sizes", H.array_text(row), message)

    known = dict(zip(circuit.dom, map(np.asarray, arrays), strict=True))
    for row, name in enumerate(H.attributes["name"]):
        if name is not None:
            known[row] = np.asarray((parameters or {})[str(name)])
    for row, value in known.items():
        note(row, value)
    relations = [one for one, _, _ in H.relations()]
    relations += [SizeRelation("=", Size.generator(row), Size.of(n)) for row, n in sizes.items()]
    solution = solve(relations, range(H.size("Axis")))
    failures = (Failure("sizes", "this circuit", str(one.found)) for one in solution.failures)
    refuse("this evaluation", failures)

    def length(axis: int) -> int:
        number = solution.of(Size.generator(axis)).number
        if number is None:
            raise CatlearnError(f"the size of axis {H.called(axis)} is open")
        return sizes.setdefault(axis, number)

    def run(boxes: StringDiagram, given: Sequence[Any]) -> tuple[Any, ...]:
        def apply(row: int, given: Sequence[Any]) -> list[np.ndarray]:
            one = boxes.operations[row]
            return rounds(one, given) if isinstance(one, Loop) else run_box(one, given)

        return hypergraph.evaluate(boxes, apply, given)

    def rounds(loop: Loop, given: Sequence[Any]) -> list[np.ndarray]:
        count, own, made = loop.states, loop.states + len(loop.entries), []
        turned, fixed = given[count:own], given[own:]
        wires = zip(given[:count], loop.body.inputs, strict=False)  # what starts may be repeated
        states = [np.broadcast_to(one, [*map(length, H.lists["axes"].row(wire).tolist())])
                  for one, wire in wires]  # fmt: skip
        for number in range(length(loop.axis)):
            pairs = zip(turned, loop.entries, strict=True)
            entries = [np.take(one, number, place) for one, place in pairs]
            found = run(loop.body, [*states, *entries, *fixed])
            states = [*found[:count]]
            made.append(found[count:])
        return [*states, *map(np.stack, zip(*made, strict=True), loop.results)]

    def run_box(box: int, given: Sequence[Any]) -> list[np.ndarray]:
        operation, outs = H.operations[box], H.sides[1][box]
        axes = H.lists["vars"].row(box).tolist()
        mentions = H.lists["mentions"].row(box).tolist()
        shape = [length(axis) for axis in axes]
        if math.prod(shape) > MOST_NUMBERS:
            message = f"{H.title(box)} has {math.prod(shape):,} indices; at most {MOST_NUMBERS:,}"
            raise TooLarge(message)
        local = dict(enumerate(shape)) | {-1 - k: length(a) for k, a in enumerate(mentions)}
        grid = np.indices(shape, sparse=True)

        def number(size: Size) -> int:
            return size.substitute(local).number or 0

        def looked_up(one: Lookup, at: Callable[[Form], Any]) -> np.ndarray:
            # what was read outside of an array of indices is 0.0
            found = given[one.operand][tuple(map(at, one.forms))]
            return np.asarray(found).astype(np.int64)

        def at(form: Form) -> Any:
            return form.evaluated(grid.__getitem__, number, looked_up)

        values = []
        for array, reading in zip(given, operation.readings, strict=True):
            if reading is None:
                continue
            index, inside = [], np.asarray(True)
            for form, size in zip(reading.forms, array.shape, strict=True):
                place = at(form)
                inside = inside & (place >= 0) & (place < size)
                index.append(np.clip(place, 0, size - 1))
            for condition in reading.conditions:
                inside = inside & (at(condition) >= 0)
            read = array[tuple(index)]
            read = read if inside.all() else np.where(inside, read, reading.outside)
            values.append(np.broadcast_to(read, shape))
        made = []
        values = apply(operation, values, local)
        for wire, places, value in zip(outs, operation.writes, values, strict=True):
            kept = [v for v in range(len(shape)) if v in places]
            made.append(np.transpose(value, [kept.index(v) for v in places]))
            note(wire, made[-1])
        return made

    whole = level(H, nested(H, H.order, plain=False), [*known], circuit.cod)
    return [*run(whole, [*known.values()])]


ALONG = {
    "cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum,
    "cumlogsumexp": np.logaddexp,
}  # fmt: skip
"""What kernels reduce the beginnings of an axis by."""

REDUCED = {"max": np.max, "min": np.min, "product": np.prod}
"""What kernels make of axes that they lose."""

EACH: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in ("exp", "exp2", "log", "tanh", "sin", "cos", "abs")},
    **{name: getattr(np, name) for name in ("square", "sqrt", "reciprocal")},
    **dict.fromkeys(("view", "stop", "cast", "rounded"), lambda x: x),
    "neg": np.negative,
    "relu": lambda x: np.maximum(x, 0),
    "indicator": lambda x: np.where(x, 1.0, 0.0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": np.vectorize(math.erf, [float]),
    "silu": lambda x: x / (1 + np.exp(-x)),
}
"""What kernels make of each number."""


def apply(operation: Any, values: list[np.ndarray], sizes: Mapping[int, int]) -> list[np.ndarray]:
    """Return what a kernel makes of its operands, which have one axis for each variable."""
    kernel, targets = operation.kernel, tuple(operation.targets)
    name, x = kernel.name, values[0] if values else np.asarray(0)
    if name in EACH:
        return [EACH[name](x)]
    if name in REDUCED:
        return [REDUCED[name](x, axis=targets)]
    if name in ALONG:
        return [ALONG[name].accumulate(x, *targets)]
    match name:
        case "contraction":
            scale = operation.scale.substitute(sizes).value
            return [np.prod(np.stack(values), axis=0).sum(axis=targets) * scale]
        case "compensated":
            total = np.sum(np.stack(values), axis=0)
            return [total, np.zeros_like(total)]
        case "add" | "concat":
            return [np.sum(np.stack(values), axis=0)]
        case "mul":
            return [np.prod(np.stack(values), axis=0)]
        case "argmax" | "argmin":
            order = np.argsort(x if name == "argmin" else -x, *targets, kind="stable")
            return [np.take(order, 0, *targets)]
        case "constant":
            return [np.asarray(kernel.option("value"))]
        case "index":
            return [np.arange(*(sizes[v] for v in targets))]
        case "dropped":
            keys = (one.astype("int64").astype("uint32") for one in values[1:])
            kept = hashed(np.uint32, *keys) >= np.uint32(kernel.option("rate") * 2**32)
            kept |= values[1] < 0
            return [np.where(kept, x / (1 - kernel.option("rate")), 0.0)]
        case "angle":
            places, rates = np.indices([sizes[v] for v in targets])
            return [places / kernel.option("base") ** (rates / sizes[targets[1]])]
        case "larger":
            return [np.maximum(*values)]
        case "earlier":
            x, y, i, j = values
            return [np.where(x > y, i, np.where(y > x, j, np.minimum(i, j)))]
        case "shifted":
            gone, y = np.isneginf(x) | np.isneginf(values[1]), values[1]
            both = np.isposinf(x) & np.isposinf(y)
            return [np.where(gone, -np.inf, x - np.where(gone | both, 0, y))]
        case "where":
            return [np.where(x, values[1], kernel.option("outside"))]
        case "softmax":
            moved = np.exp(x - x.max(axis=targets, keepdims=True))
            return [moved / moved.sum(axis=targets, keepdims=True)]
        case "logsumexp":
            most = x.max(axis=targets, keepdims=True)
            most = np.where(np.isfinite(most), most, 0)
            with np.errstate(divide="ignore"):
                total = np.log(np.exp(x - most).sum(axis=targets))
            return [np.squeeze(most, targets) + total]
        case "norm":
            x = x - x.mean(axis=targets, keepdims=True) if kernel.option("kind") == "layer" else x
            square = (x * x).mean(axis=targets, keepdims=True)
            return [x / np.sqrt(square + kernel.option("eps"))]
        case "top_k":
            return _top_k(x, operation, sizes, *targets)
        case "sort":
            order = np.argsort(x, *targets, kind="stable")
            return [np.take_along_axis(x, order, *targets), order]
        case "gelu":
            close = kernel.option("approximation") == "tanh"
            inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3) if close else x / 2**0.5
            return [x * (1 + EACH["tanh" if close else "erf"](inner)) / 2]
    raise CatlearnError(f"kernel {kernel} has no value by itself")


def hashed(number: Callable[[int], Any], *keys: Any) -> Any:
    """Return 32 bits for each tuple of integers, by the mixing of MurmurHash3.

    Parameters
    ----------
    number
        From an integer to one of the type of the keys.
    *keys
        Arrays of integers from 0, of 32 bits or more: of NumPy, JAX or PyTorch.
    """
    mixing = ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1))
    found, step, bits = number(0), number(0x9E3779B9), number(0xFFFFFFFF)
    for key in keys:
        found = ((found ^ key) + step) & bits
        for shift, factor in mixing:
            found = ((found ^ (found >> shift)) * number(factor)) & bits
    return found


def _top_k(x: np.ndarray, operation: Any, sizes: Any, *targets: int) -> list[np.ndarray]:
    new = operation.writes[0][-1]
    (old,) = (v for v in targets if v != new)
    x = np.take(x, 0, axis=new)
    place = old - (old > new)
    order = np.argsort(-x, axis=place, kind="stable")
    index = np.take(order, range(sizes[new]), axis=place)
    found = [np.take_along_axis(x, index, axis=place), index]
    return [np.moveaxis(one, place, new - (new > old)) for one in found]


NUMBERS = (2, 3, 4, 5, 6, 8, 9, 12)
"""Numbers that are put for sizes."""


def numbered(
    circuit: Circuit,
    known: dict[str, int],
    shapes: Mapping[int, Sequence[int]] | None = None,
    start: int = 0,
    likely: Mapping[int, int] | None = None,
) -> Circuit:
    """Put a number for each size that is open, as far as relations let it.

    Parameters
    ----------
    circuit
        The circuit.
    known
        Numbers of declared sizes by name; those that are new are noted there.
    shapes
        Of some arrays, by row.
    start
        Which of :data:`NUMBERS` is tried first.
    likely
        Of some axes, by row: what is tried before those.

    Raises
    ------
    InvalidStructure
        If arrays cannot have these shapes.
    """
    H, flexible = circuit.apex, circuit.apex.flexible
    found = [one for one, _, _ in H.relations()]

    def put(key: int, number: int) -> bool:
        more = SizeRelation("=", Size.generator(key), Size.of(number))
        fits = not solve([*found, more], flexible).failures
        found.extend([more] if fits else [])
        return fits

    wrong = [
        Failure("sizes", f"axis {H.called(axis)}", f"cannot be {number}")
        for row, shape in (shapes or {}).items()
        for axis, number in zip(H.lists["axes"].row(row).tolist(), shape, strict=True)
        if not put(axis, number)
    ]
    refuse("this circuit", wrong)
    for key in [*(-1 - k for k in range(len(H.symbols))), *used_axes(circuit)]:
        if solve(found, flexible).of(Size.generator(key)).number is None:
            name = H.symbols[-1 - key] if key < 0 else ""
            start = (start + 3) % len(NUMBERS)
            options = [known[name]] if name in known else [*NUMBERS[start:], *NUMBERS[:start]]
            options = [likely[key], *options] if likely and key in likely else options
            number = next((n for n in options if put(key, n)), None)
            if name and number:
                known.setdefault(name, number)
    sizes, draft = solve(found, flexible), Draft.of(H)
    for axis, (letter, label) in enumerate(draft.axes):
        number = sizes.of(Size.generator(axis)).number
        draft.axes[axis] = letter, label if number is None else frozenset([Size.of(number)])
    return type(circuit).of(draft, circuit.dom, circuit.cod)


def shape_of(circuit: Circuit, row: int) -> tuple[int, ...]:
    """Return the shape of an array whose sizes are numbers."""
    H = circuit.apex
    return tuple(H.size_of(axis).number or 0 for axis in H.lists["axes"].row(row).tolist())


def _axes(circuit: Circuit, row: int) -> list[int]:
    """Return the axis whose indices an array has as numbers, or any other, and those of itself."""
    H = circuit.apex
    above = int(H.arrows["range"].values[H.arrows["type"].values[row]])
    return [above, *H.lists["axes"].row(row).tolist()]


def used_axes(circuit: Circuit) -> list[int]:
    """Return the axes that arrays, boxes and indices have; types of other numbers have none."""
    H = circuit.apex
    ranges = zip(H.arrows["range"].values.tolist(), H.column("dtype"), strict=True)
    found = {axis for axis, dtype in ranges if dtype == "N"}
    lists = (H.lists[name].values.tolist() for name in ("axes", "vars", "rounds"))
    return sorted(found.union(*lists))


def drawn(circuit: Circuit, seed: int) -> list[np.ndarray]:
    """Evaluate a circuit whose sizes are numbers at inputs and parameters that a seed draws."""
    H, inputs, seed = circuit.apex, [], seed % 2**64
    for k, row in enumerate(circuit.dom):
        rng = np.random.default_rng([seed, k])
        axis = H.arrows["range"].values[H.arrows["type"].values[row]]
        most = {"N": H.size_of(int(axis)).number, "B": 2}.get(H.types[row] or "")
        numbers = rng.normal(size=shape_of(circuit, row))
        inputs.append(numbers if most is None else rng.integers(0, most, numbers.shape))
    parameters = {
        name: np.random.default_rng([seed, *name.encode()]).normal(size=shape_of(circuit, row))
        for row, name in enumerate(H.column("name"))
        if name is not None
    }
    with np.errstate(all="ignore"):
        return evaluate(circuit, inputs, parameters)


def both(one: Circuit, other: Circuit, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the outputs of two circuits in pairs, at sizes and numbers that a seed draws.

    Raises
    ------
    CatlearnError
        Where one of them has no values: it draws samples, has opaque boxes, is too large, or sizes
        were not found at which both are defined.
    """
    rows = {name: row for row, name in enumerate(other.apex.column("name")) if name is not None}
    pairs = [(row, rows.get(name)) for row, name in enumerate(one.apex.column("name")) if name]
    pairs += zip(one.dom, other.dom, strict=False)
    met = [(row, there) for row, there in pairs if there is not None]
    ranks = [[len(c.apex.lists["axes"].row(row)) for row in side]
             for c, side in zip((one, other), zip(*met, strict=True), strict=False)]  # fmt: skip
    ends = [(len(c.dom), len(c.cod)) for c in (one, other)]
    if ends[0] != ends[1] or len({*map(tuple, ranks)}) > 1:
        raise CatlearnError("they have other inputs, outputs or parameters")
    known = dict[str, int]()
    first = numbered(one, known, start=seed)
    shapes = {there: shape_of(first, row) for row, there in met}
    meeting = [*met, *zip(one.cod, other.cod, strict=True)]
    axes = [axis for row, there in meeting
            for axis in zip(_axes(first, row), _axes(other, there), strict=False)]  # fmt: skip
    likely = {there: first.apex.size_of(axis).number or 1 for axis, there in axes}
    second = numbered(other, known, shapes, seed, likely)
    return [*zip(drawn(first, seed), drawn(second, seed), strict=True)]


def difference(one: Circuit, other: Circuit, seed: int) -> str:
    """Say which entry of two circuits differs at numbers that a seed draws, or nothing.

    Numbers are of 64 bits. Entries differ if they do by more than :data:`TOLERANCE` of 1 plus the
    greatest finite number of the output; where one is not a number, nothing is said.

    Raises
    ------
    CatlearnError
        As :func:`both`.
    """
    for k, (a, b) in enumerate(both(one, other, seed)):
        if a.shape != b.shape:
            return f"output {k} has the shapes {a.shape} and {b.shape}"
        finite = [np.abs(one[np.isfinite(one)]).max(initial=0.0) for one in (a, b)]
        with np.errstate(invalid="ignore"):
            far = (a != b) & ~(np.abs(a - b) <= TOLERANCE * (1 + max(finite)))
        far &= ~(np.isnan(a) | np.isnan(b))
        if far.any():
            place = tuple(map(int, np.argwhere(far)[0]))
            return f"entry {place} of output {k} is {a[place]:.6g} and {b[place]:.6g}"
    return ""
