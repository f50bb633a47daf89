"""Circuits of arrays as JAX functions, and as models on edges.

Lowering is a functor from circuits to pure functions of parameters, arrays and a key: lists of
arrays go to tuples, copies to sharing of a value, and each box to one call. A reading by variables
is a subscript of ``einsum``, with the letters of the patterns where they are free, so that programs
are those that one writes by hand. Splits and joins are reshapes, beginnings slices, concatenations
concatenations, and whole rows of a table are taken; other readings gather.

As a model a circuit is its own label; sizes that are open follow from the spaces of its edge: a
space is one array, a product several, a categorical space an array of its n scores, or of labels on
the left of a circuit that takes naturals. It runs lifted by the axis of examples.

>>> import jax, jax.numpy as jnp
>>> from catlearn.arrays import linear, relu
>>> mlp = linear("up", "m -> f") >> relu >> linear("down", "f -> n")
>>> fn = LoweredCircuit(mlp, {"m": 4, "f": 8, "n": 2})
>>> params = fn.init(jax.random.key(0))
>>> jax.tree.map(jnp.shape, params)
{'down': (8, 2), 'up': (4, 8)}
>>> fn(params, jnp.ones(4)).shape
(2,)
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit, compose, lift
from catlearn.arrays.forms import Form, IndexPart, Lookup, Reading
from catlearn.arrays.sizes import ONE, Size, SizeRelation, solve
from catlearn.category import hypergraph
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
    expect,
)
from catlearn.models.architectures import Architecture
from catlearn.models.spaces import AnySpace, Categorical, Product

INITIALISERS: dict[str, Callable[..., jax.Array]] = {
    "lecun": lambda key, shape, fan, dtype: (
        jax.random.normal(key, shape, dtype) / np.sqrt(max(fan, 1)).astype(dtype)
    ),
    "normal": lambda key, shape, fan, dtype, scale=0.02: (
        jax.random.normal(key, shape, dtype) * np.asarray(scale, dtype)
    ),
    "zeros": lambda key, shape, fan, dtype: jnp.zeros(shape, dtype),
    "ones": lambda key, shape, fan, dtype: jnp.ones(shape, dtype),
}
"""What parameters may start from: ``"normal(0.01)"`` has a standard deviation; ``lecun`` divides by
the root of the number of values that are summed."""

OPTIONS = {"normal": 1}
"""How many numbers the name of an initialiser may be followed by; none unless said."""

ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "exp": jnp.exp,
    "log": jnp.log,
    "neg": jnp.negative,
    "reciprocal": jnp.reciprocal,
    "indicator": lambda x: jnp.where(x, 1.0, 0.0),
    "square": jnp.square,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "softplus": jax.nn.softplus,
    "stop": jax.lax.stop_gradient,
}
"""Kernels of one number without options."""

Value = tuple[Any, tuple[int, ...]]
"""An array, and the variable that each of its axes stands for."""


class LoweredCircuit:
    """A circuit as a pure function ``fn(params, *arrays, key=None)``.

    It may be jitted, differentiated and vmapped.

    Parameters
    ----------
    circuit
        The circuit.
    sizes
        Sizes by name, as for :meth:`Circuit.at <catlearn.Circuit.at>`.

    Attributes
    ----------
    circuit
        The circuit with these sizes, without what its outputs do not need.
    """

    def __init__(self, circuit: Circuit, sizes: Mapping[str, Any] | None = None) -> None:
        expect(circuit, Circuit, "what is lowered", "a circuit")
        self.circuit = circuit.at(sizes or {}).live()
        H = self.circuit.apex
        self.parameters = {
            name: row for row, name in enumerate(H.column("name")) if name is not None
        }
        self._starts = {name: _initialiser(H.column("initialiser")[row])
                        for name, row in self.parameters.items()}  # fmt: skip
        self._known: dict[Any, dict[int, int]] = {}
        failures = [
            Failure("sharing", f"parameter {name!r}", f"others are called {name}/...; rename one")
            for name in self.parameters
            if any(other.startswith(f"{name}/") for other in self.parameters)
        ]
        if failures:
            raise InvalidStructure("parameters", failures)

    @cached_property
    def is_random(self) -> bool:
        """Whether it draws samples, where it is given a key."""
        return any(not one.kernel.entry.deterministic for one in self.circuit.apex.operations)

    def init(self, key: jax.Array, dtype: Any = None) -> dict[str, Any]:
        """Return starting parameters: a dictionary, nested by the parts of the names.

        Parameters
        ----------
        key
            A random key.
        dtype
            Of all parameters; that of ``jnp.zeros(())`` unless said.

        Raises
        ------
        InvalidStructure
            Listing the sizes of parameters that are not known.
        """
        failures = []
        dtype = jnp.zeros((), dtype).dtype
        found: dict[str, Any] = {}
        for name, sizes in self.circuit.parameters.items():
            shape = [size.number for size in sizes]
            unknown = sorted({str(k) for size in sizes for k in size.generators})
            if unknown:
                hint = ", ".join(f"{one!r}: ..." for one in unknown)
                message = f"size {', '.join(unknown)} is not known; give sizes={{{hint}}}"
                failures.append(Failure("sizes", f"parameter {name!r}", message))
                continue
            start, options = self._starts[name]
            fan = self._fan(self.parameters[name])
            own = jax.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)
            at = found
            *path, last = name.split("/")
            for part in path:
                at = at.setdefault(part, {})
            at[last] = start(own, tuple(shape), fan, dtype, *options)
        if failures:
            raise InvalidStructure("parameters", failures)
        return found

    def _fan(self, row: int) -> int:
        """Return how many values are summed where a parameter is first contracted."""
        H = self.circuit.apex
        for box, operation in enumerate(H.operations):
            for wire, reading in zip(H.sides[0][box], operation.readings, strict=True):
                if wire == row and reading is not None and operation.kernel.name == "contraction":
                    axes = H.lists["vars"].row(box).tolist()
                    summed = [axes[v] for v in operation.targets if v in reading.variables]
                    return prod(H.size_of(axis).number or 1 for axis in summed)
        return 1

    def sizes(self, arrays: Sequence[Any], parameters: Sequence[Any]) -> dict[int, int]:
        """Return the size of each axis, from the shapes of arrays and parameters.

        Raises
        ------
        InvalidStructure
            Listing arrays of other ranks and sizes that do not agree.
        """
        shapes = tuple(jnp.shape(one) for one in (*arrays, *parameters))
        if shapes not in self._known:
            self._known[shapes] = self._solved(shapes)
        return self._known[shapes]

    def _solved(self, shapes: Sequence[tuple[int, ...]]) -> dict[int, int]:
        c, H = self.circuit, self.circuit.apex
        names = [f"input {k}" for k in range(len(c.dom))]
        names += [f"parameter {name!r}" for name in self.parameters]
        failures, given = [], []
        rows = (*c.dom, *self.parameters.values())
        for where, row, shape in zip(names, rows, shapes, strict=True):
            axes = H.lists["axes"].row(row).tolist()
            if len(axes) != len(shape):
                message = f"is {c.array_text(row)}, found the shape {shape}"
                failures.append(Failure("shape", where, message))
                continue
            given += [(axis, size, where) for axis, size in zip(axes, shape, strict=True)]
        if failures:
            raise InvalidStructure("arrays", failures)
        relations = [one for one, _, _ in H.relations()]
        count = len(relations)
        relations += [SizeRelation("=", Size.generator(axis), Size.of(n)) for axis, n, _ in given]
        found = solve(relations, H.flexible)
        for one in found.failures:
            where = given[one.number - count][2] if one.number >= count else "sizes"
            said = f"{one.found.rename(H.called)} cannot hold"
            failures.append(Failure("sizes", where, said))
        numbers = {axis: found.of(Size.generator(axis)).number for axis in range(H.size("Axis"))}
        used = {*H.lists["vars"].values.tolist(), *H.lists["axes"].values.tolist()}
        open_ = sorted({H.called(axis) for axis in used if numbers[axis] is None})
        if open_ and not failures:
            message = "its size does not follow from the arrays; give it by sizes"
            failures = [Failure("sizes", f"axis {name}", message) for name in open_]
        if failures:
            raise InvalidStructure("arrays", failures)
        return {axis: number for axis, number in numbers.items() if number is not None}

    def __call__(self, params: Mapping[str, Any], *arrays: Any, key: Any = None) -> Any:
        """Return the outputs: an array, or a tuple of them.

        Parameters
        ----------
        params
            The parameters, as :meth:`init` returns them.
        *arrays
            The inputs.
        key
            A random key; without one nothing is dropped.

        Raises
        ------
        InvalidStructure
            If parameters are missing, or shapes do not agree, listing all.
        """
        c = self.circuit
        if len(arrays) != len(c.dom):
            message = f"takes {len(c.dom)} arrays, found {len(arrays)}"
            raise InvalidStructure("call", [Failure("arity", f"{c!r}", message)])
        values = [_leaf(params, name) for name in self.parameters]
        missing = [name for name, one in zip(self.parameters, values, strict=True) if one is None]
        if missing:
            failures = [Failure("parameters", repr(name), "is missing") for name in missing]
            raise InvalidStructure("parameters", failures)
        sizes = self.sizes(arrays, values)
        run = _Run(c, sizes, key)
        inputs = (*c.dom, *self.parameters.values())
        whole = hypergraph.Circuit(c.apex, inputs, c.cod)
        given = (*arrays, *values)
        found = hypergraph.evaluate(
            whole, run.box, given, note=lambda box: f"in {c.apex.title(box)}"
        )
        return found[0] if len(found) == 1 else found

    def __repr__(self) -> str:
        return f"LoweredCircuit({self.circuit!r})"


def _space_arrays(space: AnySpace) -> list[AnySpace]:
    """Return the factors of a product, or the space itself."""
    return (
        [one for f in space.factors for one in _space_arrays(f)]
        if isinstance(space, Product)
        else [space]
    )


def _boundary(space: AnySpace, kinds: Sequence[str | None]) -> Circuit:
    """Return the identity on the arrays of a space, with its sizes."""
    draft, wires, failures = Draft(), [], []
    for one, kind in zip(_space_arrays(space), kinds, strict=True):
        if isinstance(one, Categorical) and kind == "N":
            axis = draft.axis(None, Size.of(one.n))
            wires.append(draft.wire((), draft.type(None, axis)))
            continue
        shape = (one.n,) if isinstance(one, Categorical) else tuple(one.example(1).shape[1:])
        if 0 in shape:
            message = f"its shape {shape} has an axis of size 0; sizes of axes are at least 1"
            failures.append(Failure("sizes", f"space {one.text}", message))
        axes = [draft.axis(None, Size.of(size)) for size in shape]
        wires.append(draft.wire(axes, draft.type(None)))
    if failures:
        raise InvalidStructure("circuit", failures)
    return Circuit.of(draft, wires, wires)


@functools.lru_cache(maxsize=256)
def _at_ranks(circuit: Circuit, ranks: tuple[int, ...]) -> LoweredCircuit:
    """Return a circuit that is lifted to inputs of these ranks, and by an axis of examples."""
    draft = Draft()
    wires = [
        draft.wire([draft.axis(None) for _ in range(rank)], draft.type(None)) for rank in ranks
    ]
    return LoweredCircuit(lift(Circuit.of(draft, wires, wires) >> circuit, "examples"))


@dataclass(frozen=True)
class CircuitArchitecture(Architecture):
    """A circuit of arrays as a model: its label is the circuit, without values.

    Parameters
    ----------
    circuit
        The circuit. What it draws, such as dropout, it draws in training alone.

    Examples
    --------
    >>> from catlearn.arrays import linear, relu
    >>> from catlearn.models import Model, Space
    >>> X, Y = Space("X", 4), Space("Y", 2)
    >>> circuit = linear("A", "m -> h") >> relu >> linear("B", "h -> k")
    >>> encoder = Model("encoder", X, Y, circuit, h=8)
    >>> params = encoder.architecture.init(jax.random.key(0), X, Y)
    >>> jax.tree.map(jnp.shape, params)
    {'A': (4, 8), 'B': (8, 2)}
    >>> encoder.architecture.apply(params, jnp.ones((5, 4))).shape
    (5, 2)
    """

    circuit: Circuit
    remedy = "a circuit is written for one example; the axis of examples is put in front"

    def between(self, source: AnySpace, target: AnySpace) -> CircuitArchitecture:
        """Return the circuit with the sizes of an edge from one space to another.

        Raises
        ------
        InvalidStructure
            Listing numbers of arrays, ranks and sizes that do not agree.
        """
        types = self.circuit.apex.types
        ends = []
        for space, rows, verb in (
            (source, self.circuit.dom, "takes"), (target, self.circuit.cod, "returns"),
        ):  # fmt: skip
            found = len(_space_arrays(space))
            if found != len(rows):
                message = f"it {verb} {len(rows)} arrays; {space.text} has {found}"
                raise InvalidStructure("circuit", [Failure("arity", repr(self.circuit), message)])
            ends.append(_boundary(space, [types[row] if verb == "takes" else None for row in rows]))
        return CircuitArchitecture(compose(ends[0], self.circuit, ends[1]))

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return LoweredCircuit(self.between(source, target).circuit).init(key)

    @cached_property
    def _random(self) -> bool:
        return any(not o.kernel.entry.deterministic for o in self.circuit.live().apex.operations)

    @property
    def parameter_free(self) -> bool:
        return not self.circuit.live().parameters

    @property
    def accepts_key(self) -> bool:
        return self._random

    @property
    def has_modes(self) -> bool:
        return self._random

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        types = self.circuit.apex.types
        arrays = list(jax.tree.leaves(x))
        for k, row in enumerate(self.circuit.dom[: len(arrays)]):
            if types[row] == "N" and jnp.issubdtype(arrays[k].dtype, jnp.floating):
                arrays[k] = jnp.argmax(arrays[k], axis=-1)
        fn = _at_ranks(self.circuit, tuple(one.ndim - 1 for one in arrays))
        return fn(variables or {}, *arrays, key=key if train else None), None

    def __str__(self) -> str:
        return repr(self.circuit)


def _initialiser(label: str | None) -> tuple[Callable[..., Any], list[float]]:
    """Read the name of an initialiser, with numbers in brackets."""
    match = re.fullmatch(r"(\w+)(?:\(([^()]*)\))?", label or "lecun")
    name = match[1] if match else str(label)
    if match is None or name not in INITIALISERS:
        hint = did_you_mean(name, INITIALISERS)
        raise UnknownName(f"there is no initialiser {label!r}; {hint}")
    if (match[2] or "").count(",") + bool(match[2]) > OPTIONS.get(name, 0):
        raise CatlearnError(f"initialiser {label!r}: {name} takes {OPTIONS.get(name, 0)} numbers")
    try:
        return INITIALISERS[name], [float(x) for x in (match[2] or "").split(",") if x.strip()]
    except ValueError:
        raise CatlearnError(f"initialiser {label!r}: numbers are expected in brackets") from None


def _leaf(params: Any, name: str) -> Any:
    for part in name.split("/"):
        if not isinstance(params, Mapping) or part not in params:
            return None
        params = params[part]
    return params


class _Run:
    """One evaluation of a circuit: its boxes on arrays of known sizes."""

    def __init__(self, circuit: Circuit, sizes: Mapping[int, int], key: Any) -> None:
        self.H, self.axis_size, self.key = circuit.apex, sizes, key
        self.drawn: dict[str, int] = {}

    def box(self, row: int, given: tuple[Any, ...]) -> list[Any]:
        """Return what a box writes."""
        H = self.H
        operation, axes = H.operations[row], H.lists["vars"].row(row).tolist()
        self.shape = [self.axis_size[axis] for axis in axes]
        mentions = H.lists["mentions"].row(row).tolist()
        self.local = dict(enumerate(self.shape))
        self.local |= {-1 - k: self.axis_size[axis] for k, axis in enumerate(mentions)}
        self.given = given
        out = operation.writes[0]
        name = operation.kernel.name
        if name == "contraction":
            return [self.contraction(operation, given)]
        if name == "concat":
            return [self.concat(operation, given)]
        if not given:
            return [self.made(operation)]
        values = [
            self.read(one, reading)
            for one, reading in zip(given, operation.readings, strict=True)
            if reading is not None
        ]
        if name == "top_k":
            return self.top_k(operation, values[0])
        if name == "max":
            array, own = values[0]
            lost = tuple(k for k, v in enumerate(own) if v in operation.targets)
            values = [(array.max(axis=lost), tuple(v for v in own if v in out))]
        arrays = [self.aligned(one, out) for one in values]
        full = [self.shape[v] for v in out]
        places = tuple(k for k, v in enumerate(out) if v in operation.targets)
        made = self.elementwise(operation, arrays, places, full)
        return [jnp.broadcast_to(made, full) if made.shape != tuple(full) else made]

    def elementwise(
        self, operation: Operation, arrays: list[Any], places: tuple[int, ...], full: list[int]
    ) -> Any:
        """Apply a kernel to arrays with one axis for each variable of the output, or length 1."""
        kernel, x = operation.kernel, arrays[0]
        if kernel.name in ("view", "max"):
            return x
        if kernel.name == "add":
            return sum(arrays[1:], x)
        if kernel.name == "mul":
            return prod(arrays[1:], start=x)
        if kernel.name == "where":
            return jnp.where(x, arrays[1], _outside(kernel.option("outside"), arrays[1]))
        if kernel.name == "softmax":
            return jax.nn.softmax(x, axis=places)
        if kernel.name == "norm":
            if kernel.option("kind") == "layer":
                x = x - x.mean(axis=places, keepdims=True)
            square = jnp.square(x).mean(axis=places, keepdims=True)
            eps: Any = kernel.option("eps")
            return x * jax.lax.rsqrt(square + eps)
        if kernel.name == "gelu":
            return jax.nn.gelu(x, approximate=kernel.option("approximation") == "tanh")
        if kernel.name == "dropout":
            return self.dropout(operation, jnp.broadcast_to(x, full))
        if kernel.name not in ELEMENTWISE:
            raise UnknownName(f"no JAX function is known for the kernel {kernel.name!r}")
        return ELEMENTWISE[kernel.name](x)

    def made(self, operation: Operation) -> Any:
        """Return what follows from indices alone; a constant takes the type of what it meets."""
        kernel = operation.kernel
        if kernel.name == "constant":
            return jnp.asarray(kernel.option("value"))
        base: Any = kernel.option("base")
        positions, rates = (np.arange(self.shape[v]) for v in operation.targets)
        angles = np.outer(positions, base ** -(rates / len(rates)))
        return jnp.asarray(angles, jnp.result_type(float))

    def dropout(self, operation: Operation, x: Any) -> Any:
        """Drop entries, with a key of the box's own."""
        name = operation.kernel.name
        number = self.drawn[name] = self.drawn.get(name, -1) + 1
        rate: Any = operation.kernel.option("rate")
        if self.key is None or rate == 0:
            return x
        address = zlib.crc32(f"{name} {number}".encode()) & 0x7FFFFFFF
        kept = jax.random.bernoulli(jax.random.fold_in(self.key, address), 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))

    def contraction(self, operation: Operation, given: tuple[Any, ...]) -> Any:
        """Sum products over the variables that the output does not have."""
        letters = _letters(operation.letters, len(self.shape))
        values = [
            self.operand(one, reading)
            for one, reading in zip(given, operation.readings, strict=True)
            if reading is not None
        ]
        out = operation.writes[0]
        used = {v for _, variables in values for v in variables}
        kept = [v for v in out if v in used]
        sides = ["".join(letters[v] for v in variables) for _, variables in values]
        target = "".join(letters[v] for v in kept)
        if len(sides) == 1 and sides[0] == target:
            made = values[0][0]
        else:
            made = jnp.einsum(f"{','.join(sides)}->{target}", *(array for array, _ in values))
        lost = prod(self.shape[v] for v in range(len(self.shape)) if v not in used and v not in out)
        if operation.scale != ONE or lost != 1:
            made = made * ((operation.scale.substitute(self.local).value or 0.0) * lost)
        if kept != list(out):
            made = self.aligned((made, tuple(kept)), out)
            made = jnp.broadcast_to(made, [self.shape[v] for v in out])
        return made

    def operand(self, array: Any, reading: Reading) -> Value:
        """Read an operand of a contraction: diagonals are left to ``einsum``."""
        places = [form.wiring for form in reading.forms]
        if not reading.conditions and all(
            v is not None and self.shape[v] == size
            for v, size in zip(places, array.shape, strict=True)
        ):
            return array, tuple(v for v in places if v is not None)
        return self.read(array, reading)

    def concat(self, operation: Operation, given: tuple[Any, ...]) -> Any:
        """Put arrays one after the other."""
        out, values, along = operation.writes[0], [], 0
        for array, reading in zip(given, operation.readings, strict=True):
            forms = reading.forms if reading is not None else ()
            variables = [form.wiring for form in forms]
            for k, form in enumerate(forms):
                if form.wiring is None or self.shape[form.wiring] != array.shape[k]:
                    (variables[k],) = form.variables
                    along = out.index(variables[k])
            own = tuple(v for v in variables if v is not None)
            values.append(self.aligned((array, own), out))
        shape = [self.shape[v] for v in out]
        values = [
            jnp.broadcast_to(one, [*shape[:along], one.shape[along], *shape[along + 1 :]])
            for one in values
        ]
        return jnp.concatenate(values, axis=along)

    def top_k(self, operation: Operation, value: Value) -> list[Any]:
        """Return the greatest entries along a variable, and where they are."""
        array, variables = value
        out = operation.writes[0]
        (new,) = (v for v in operation.targets if v in out)
        (old,) = (v for v in operation.targets if v not in out)
        degree = [v for v in out if v != new]
        moved = self.aligned((array, variables), (*degree, old))
        found = jax.lax.top_k(moved, self.shape[new])
        order = [*degree, new]
        return [
            jnp.transpose(one, [order.index(v) for v in writes])
            for one, writes in zip(found, operation.writes, strict=True)
        ]

    def aligned(self, value: Value, out: Sequence[int]) -> Any:
        """Return an array with an axis for each of some variables, of length 1 if it lacks it."""
        array, variables = value
        order = [variables.index(v) for v in out if v in variables]
        array = jnp.transpose(array, order) if order != sorted(order) else array
        missing = tuple(k for k, v in enumerate(out) if v not in variables)
        return jnp.expand_dims(array, missing) if missing else array

    def read(self, array: Any, reading: Reading) -> Value:
        """Read an array at forms: one axis for each variable that occurs."""
        value, guard = self.placed(array, reading.forms)
        for condition in reading.conditions:
            guard.append(self.holds(condition))
        array, variables = value
        for mask, own in guard:
            wider = (*variables, *(v for v in own if v not in variables))
            array = jnp.where(
                self.aligned((mask, own), wider),
                self.aligned((array, variables), wider),
                _outside(reading.outside, array),
            )
            variables = wider
        return array, variables

    def holds(self, condition: Form) -> Value:
        """Say where a form is not negative: its positive terms are at least the others."""
        sides = [Form(), Form()]
        for atom, coefficient in condition.terms:
            number = coefficient.substitute(self.local).number or 0
            sides[number < 0] += Form.atom(atom).times(abs(number))
        number = condition.constant.substitute(self.local).number or 0
        sides[number < 0] += Form.number(abs(number))
        own = tuple(sorted(condition.variables))
        left, right = (self.aligned(self.at(one, jnp), own) for one in sides)
        return left >= right, own

    def placed(self, array: Any, forms: Sequence[Form]) -> tuple[Value, list[Value]]:
        """Read an array at forms that may be outside, and say where they are inside."""
        sizes, guard = array.shape, []
        joined = self.join(array, forms)
        if joined is not None:
            return joined, guard
        uses = [form.variables for form in forms]
        often = {v for v in range(len(self.shape)) if sum(v in one for one in uses) > 1}
        if not often:
            variables: list[int] = []
            axis = 0
            for form, size in zip(forms, sizes, strict=True):
                array, own = self.along(array, axis, form, size, guard)
                variables += own
                axis += len(own)
            return (array, tuple(variables)), guard
        if all(form.wiring is not None for form in forms):
            own = [form.wiring for form in forms if form.wiring is not None]
            if all(self.shape[v] == size for v, size in zip(own, sizes, strict=True)):
                letters = _letters((), len(self.shape))
                kept = list(dict.fromkeys(own))
                sides = ["".join(letters[v] for v in some) for some in (own, kept)]
                return (jnp.einsum("->".join(sides), array), tuple(kept)), guard
        every = tuple(sorted({v for one in uses for v in one}))
        index = []
        for form, size in zip(forms, sizes, strict=True):
            found = self.at(form, jnp if form.lookups else np)
            index.append(self.aligned(found, every))
            self.note(found, form, size, guard)
        index = [jnp.clip(one, 0, size - 1) for one, size in zip(index, sizes, strict=True)]
        shape = [self.shape[v] for v in every]
        return (jnp.broadcast_to(array[tuple(index)], shape), every), guard

    def along(
        self, array: Any, axis: int, form: Form, size: int, guard: list[Value]
    ) -> tuple[Any, list[int]]:
        """Read one axis at a form whose variables stand nowhere else."""
        v = form.wiring
        if v is not None and self.shape[v] <= size:
            if self.shape[v] == size:
                return array, [v]
            return jax.lax.slice_in_dim(array, 0, self.shape[v], axis=axis), [v]
        split = self.split(form, size)
        if split is not None:
            shape = (*array.shape[:axis], *(self.shape[v] for v in split), *array.shape[axis + 1 :])
            return array.reshape(shape), split
        index, own = found = self.at(form, jnp if form.lookups else np)
        self.note(found, form, size, guard)
        if not form.lookups:
            index = np.clip(index, 0, size - 1)
            return jnp.take(array, index, axis=axis), list(own)
        return jnp.take(array, index, axis=axis, mode="clip"), list(own)

    def note(self, found: Value, form: Form, size: int, guard: list[Value]) -> None:
        """Note where a form is inside of its axis, unless it always is."""
        index, own = found
        if form.lookups and form.terms[0][1].number == 1 and len(form.terms) == 1:
            return
        inside = (index >= 0) & (index < size)
        if isinstance(inside, np.ndarray | np.bool_) and np.all(inside):
            return
        guard.append((inside, own))

    def split(self, form: Form, size: int) -> list[int] | None:
        """Return the variables, outermost first, of which a form is the joined index."""
        terms = []
        for atom, coefficient in form.terms:
            number = coefficient.substitute(self.local).number
            if not isinstance(atom, int) or number is None or number < 1:
                return None
            terms.append((number, self.shape[atom], atom))
        if len(terms) < 2 or (form.constant.substitute(self.local).number or 0) != 0:
            return None
        terms.sort(key=lambda term: (term[0] * term[1], term[0]))
        reach = 1
        for number, length, _ in terms:
            if number != reach:
                return None
            reach *= length
        return [atom for _, _, atom in reversed(terms)] if reach == size else None

    def join(self, array: Any, forms: Sequence[Form]) -> Value | None:
        """Read by parts of joined indices: transpose and reshape."""
        if not any(_parts(form) for form in forms):
            return None
        groups: dict[int, list[int]] = {}
        for k, form in enumerate(forms):
            if len(form.variables) != 1 or form.lookups:
                return None
            (v,) = form.variables
            groups.setdefault(v, []).append(k)
        order, shape = [], []
        for v, places in groups.items():
            index = [self.at(forms[k], np)[0] for k in places]
            # places as digits of the index: the order in which they change, slowest first
            turn = sorted(range(len(places)), key=lambda j: _slowness(index[j]))
            dims = [array.shape[places[j]] for j in turn]
            if prod(dims) != self.shape[v]:
                return None
            flat = np.ravel_multi_index([index[j] for j in turn], dims, mode="clip")
            if not np.array_equal(flat, np.arange(self.shape[v])):
                return None
            order += [places[j] for j in turn]
            shape.append(self.shape[v])
        return jnp.transpose(array, order).reshape(shape), tuple(groups)

    def at(self, form: Form, numpy: Any) -> Value:
        """Return the values of a form, with one axis for each of its variables."""
        own = tuple(sorted(form.variables))
        shape = [self.shape[v] for v in own]

        def grid(v: int) -> Any:
            places = [1] * len(own)
            places[own.index(v)] = self.shape[v]
            return numpy.arange(self.shape[v]).reshape(places)

        def value(one: Form) -> Any:
            found: Any = one.constant.substitute(self.local).number or 0
            for atom, coefficient in one.terms:
                if isinstance(atom, IndexPart):
                    by, inner = atom.by.substitute(self.local).number, value(atom.form)
                    made = inner // by if atom.kind == "div" else inner % by
                elif isinstance(atom, Lookup):
                    read = self.placed(self.given[atom.operand], atom.forms)[0]
                    made = self.aligned(read, own)
                else:
                    made = grid(atom)
                number = coefficient.substitute(self.local).number
                found = found + (made if number == 1 else number * made)
            return found

        return numpy.broadcast_to(value(form), shape), own


def _parts(form: Form) -> bool:
    return any(isinstance(atom, IndexPart) for atom, _ in form.terms)


def _slowness(index: np.ndarray) -> int:
    """Return how often an index changes."""
    return int(np.count_nonzero(np.diff(index)))


def _outside(value: Any, array: Any) -> Any:
    """Return an outside value in the type of an array."""
    if jnp.issubdtype(array.dtype, jnp.floating):
        return jnp.asarray(value, array.dtype)
    # integers that are masked by an infinite value become real numbers
    kind = array.dtype if float(value).is_integer() else jnp.result_type(float)
    return jnp.asarray(value, kind)


def _letters(names: Sequence[str], count: int) -> list[str]:
    """Return a letter for each variable: the first one of its name, where that is free."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    found: list[str] = []
    for k in range(count):
        first = names[k][:1] if k < len(names) else ""
        free = (x for x in alphabet if x not in found)
        found.append(first if first in alphabet and first not in found and first else next(free))
    return found
