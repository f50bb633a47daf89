"""Circuits evaluated by their definition: every box at every index, as in the theory.

Nothing of the package's lowering is used; this is the oracle that other evaluations are compared
with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.arrays import Circuit, Form, IndexPart, Lookup, Size, SizeRelation, solve


def evaluate(
    circuit: Circuit, arrays: Sequence[Any], parameters: Mapping[str, Any] | None = None
) -> list[np.ndarray]:
    """Return the outputs; sizes are those of the arrays that are given."""
    arrays = [np.asarray(one) for one in arrays]
    parameters = {name: np.asarray(one) for name, one in (parameters or {}).items()}
    H = circuit.apex
    sizes: dict[int, int] = {}

    def note(row: int, value: np.ndarray) -> None:
        rank = H.lists["axes"].row(row).tolist()
        assert len(rank) == value.ndim, (circuit.apex.array_text(row), value.shape)
        for axis, size in zip(rank, value.shape, strict=True):
            assert sizes.setdefault(axis, size) == size, (H.called(axis), size, sizes[axis])

    known = dict(zip(circuit.dom, arrays, strict=True))
    for row, name in enumerate(H.attributes["name"]):
        if name is not None:
            known[row] = parameters[name]
    for row, value in known.items():
        note(row, value)

    relations = [one for one, _, _ in H.relations()]
    relations += [SizeRelation("=", Size.generator(row), Size.of(n)) for row, n in sizes.items()]
    solution = solve(relations, range(H.size("Axis")))
    assert not solution.failures

    def length(axis: int) -> int:
        number = solution.of(Size.generator(axis)).number
        assert number is not None, H.called(axis)
        return sizes.setdefault(axis, number)

    def loops(box: int) -> list[int]:
        blocks = H.lists["within"].row(box).tolist()
        return [block for block in blocks if len(H.lists["rounds"].row(block))]

    def run(boxes: list[int], depth: int) -> None:
        """Run boxes, and repeat those of a block, as soon as all that they read is there."""
        left: dict[tuple[str, int], list[int]] = {}
        for box in boxes:
            path = loops(box)
            key = ("block", path[depth]) if len(path) > depth else ("box", box)
            left.setdefault(key, []).append(box)
        while left:
            for key in left:
                some = left[key]
                made = {wire for box in some for wire in H.sides[1][box]}
                if all(w in known or w in made for box in some for w in H.sides[0][box]):
                    break
            else:
                raise AssertionError("nothing can run")
            some = left.pop(key)
            if key[0] == "box":
                run_box(key[1])
            else:
                rounds(key[1], some, depth)

    def rounds(block: int, boxes: list[int], depth: int) -> None:
        (axis,) = H.lists["rounds"].row(block).tolist()
        gates: dict[str, list[int]] = {name: [] for name in ("start", "each", "last", "stack")}
        inner: list[int] = []
        for box in boxes:
            name = H.operations[box].kernel.name if len(loops(box)) == depth + 1 else ""
            gates.get(name, inner).append(box)
        for box in gates["start"]:
            run_box(box)
        states = {H.sides[1][box][0]: known[H.sides[1][box][0]] for box in gates["start"]}
        stacked: dict[int, list[np.ndarray]] = {box: [] for box in gates["stack"]}
        for number in range(length(axis)):
            for box in boxes:
                for wire in H.sides[1][box]:
                    known.pop(wire, None)
            known.update(states)
            for box in gates["each"]:
                operation = H.operations[box]
                place = [form.wiring for form in operation.readings[0].forms]
                entry = np.take(known[H.sides[0][box][0]], number, place.index(*operation.targets))
                known[H.sides[1][box][0]] = entry
            run(inner, depth + 1)
            ends = [H.sides[0][box] for box in gates["last"]]
            states = {start: known[following] for start, following in ends}
            for box, values in stacked.items():
                values.append(known[H.sides[0][box][0]])
        for box in gates["last"]:
            known[H.sides[1][box][0]] = states[H.sides[0][box][0]]
        for box, values in stacked.items():
            operation = H.operations[box]
            place = operation.writes[0].index(*operation.targets)
            known[H.sides[1][box][0]] = np.stack(values, axis=place)

    def run_box(box: int) -> None:
        operation, ins, outs = H.operations[box], H.sides[0][box], H.sides[1][box]
        axes = H.lists["vars"].row(box).tolist()
        mentions = H.lists["mentions"].row(box).tolist()
        shape = [length(axis) for axis in axes]
        local = dict(enumerate(shape)) | {-1 - k: length(a) for k, a in enumerate(mentions)}
        grid = np.indices(shape) if shape else np.zeros((0,), int)

        def at(form: Form, ins=ins, shape=shape, local=local, grid=grid) -> np.ndarray:
            found = np.full(shape, form.constant.substitute(local).number or 0)
            for atom, coefficient in form.terms:
                if isinstance(atom, IndexPart):
                    by = atom.by.substitute(local).number
                    inner = at(atom.form)
                    value = inner // by if atom.kind == "div" else inner % by
                elif isinstance(atom, Lookup):
                    value = known[ins[atom.operand]][tuple(at(one) for one in atom.forms)]
                else:
                    value = grid[atom]
                found = found + (coefficient.substitute(local).number or 0) * value
            return found

        values = []
        for wire, reading in zip(ins, operation.readings, strict=True):
            if reading is None:
                continue
            array, index, inside = known[wire], [], np.ones(shape, bool)
            for form, size in zip(reading.forms, array.shape, strict=True):
                place = at(form)
                inside &= (place >= 0) & (place < size)
                index.append(np.clip(place, 0, size - 1))
            for condition in reading.conditions:
                inside &= at(condition) >= 0
            read = np.broadcast_to(array[tuple(index)], shape)
            values.append(read if inside.all() else np.where(inside, read, reading.outside))
        made = apply(operation, values, local)
        for wire, places, value in zip(outs, operation.writes, made, strict=True):
            kept = [v for v in range(len(shape)) if v in places]
            value = np.transpose(value, [kept.index(v) for v in places])
            known[wire] = value
            note(wire, value)

    run(list(H.order), 0)
    return [known[row] for row in circuit.cod]


def apply(operation: Any, values: list[np.ndarray], sizes: Mapping[int, int]) -> list[np.ndarray]:
    """Return what a kernel makes of its operands, which have one axis for each variable."""
    kernel, targets = operation.kernel, tuple(operation.targets)
    name = kernel.name
    if name == "contraction":
        product = np.prod(np.stack(values), axis=0)
        scale = operation.scale.substitute(sizes).value
        return [product.sum(axis=targets) * scale]
    if name in ("add", "concat"):
        return [np.sum(np.stack(values), axis=0)]
    if name == "mul":
        return [np.prod(np.stack(values), axis=0)]
    if name in ("view", "stop", "start"):
        return [values[0]]
    if name == "max":
        return [values[0].max(axis=targets)]
    if name == "min":
        return [-(-values[0]).max(axis=targets)]
    if name in ("argmax", "argmin"):
        (place,), sign = targets, 1 if name == "argmin" else -1
        return [np.argsort(sign * values[0], axis=place, kind="stable").take(0, axis=place)]
    if name == "cumsum":
        (place,) = targets
        upto = np.tri(values[0].shape[place])
        return [np.moveaxis(np.tensordot(upto, values[0], (1, place)), 0, place)]
    if name == "constant":
        return [np.asarray(kernel.option("value"))]
    if name == "angle":
        places, rates = np.indices([sizes[v] for v in targets])
        return [places / kernel.option("base") ** (rates / sizes[targets[1]])]
    if name == "larger":
        return [np.maximum(*values)]
    if name == "earlier":
        x, y, i, j = values
        return [np.where(x > y, i, np.where(y > x, j, np.minimum(i, j)))]
    if name == "shifted":
        gone = np.isneginf(values[0]) | np.isneginf(values[1])
        return [np.where(gone, -np.inf, values[0] - np.where(gone, 0, values[1]))]
    if name == "finite":
        return [np.where(np.isfinite(values[0]), values[0], 0)]
    if name == "where":
        return [np.where(values[0], values[1], kernel.option("outside"))]
    if name == "softmax":
        moved = np.exp(values[0] - values[0].max(axis=targets, keepdims=True))
        return [moved / moved.sum(axis=targets, keepdims=True)]
    if name == "logsumexp":
        most = values[0].max(axis=targets, keepdims=True)
        total = np.exp(values[0] - most).sum(axis=targets)
        return [np.squeeze(most, targets) + np.log(total)]
    if name == "norm":
        x = values[0]
        x = x - x.mean(axis=targets, keepdims=True) if kernel.option("kind") == "layer" else x
        square = (x * x).mean(axis=targets, keepdims=True)
        return [x / np.sqrt(square + kernel.option("eps"))]
    if name == "top_k":
        old, new = [v for v in targets if True]
        return _top_k(values[0], operation, sizes, old, new)
    simple = {
        "relu": lambda x: np.maximum(x, 0),
        "exp": np.exp,
        "log": np.log,
        "tanh": np.tanh,
        "neg": np.negative,
        "reciprocal": np.reciprocal,
        "indicator": lambda x: np.where(x, 1.0, 0.0),
        "sin": np.sin,
        "cos": np.cos,
        "softplus": lambda x: np.log1p(np.exp(x)),
        "square": np.square,
        "sqrt": np.sqrt,
        "abs": lambda x: np.where(x < 0, -x, x),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "silu": lambda x: x / (1 + np.exp(-x)),
    }
    return [simple[name](values[0])]


def _top_k(x: np.ndarray, operation: Any, sizes: Any, *targets: int) -> list[np.ndarray]:
    new = operation.writes[0][-1]
    (old,) = (v for v in targets if v != new)
    x = np.take(x, 0, axis=new)
    place = old - (old > new)
    order = np.argsort(-x, axis=place, kind="stable")
    index = np.take(order, range(sizes[new]), axis=place)
    found = [np.take_along_axis(x, index, axis=place), index]
    return [np.moveaxis(one, place, new - (new > old)) for one in found]
