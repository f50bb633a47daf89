r"""The loss of a diagram as one circuit of arrays.

What the plan of a loss does step by step is done here by arrays: columns of data are inputs, with
one axis of examples for each data set; a model that is a circuit is put in its place, lifted by
that axis, with its parameters called ``edge/name``; divergences that are known are boxes of
elementary kernels; where a gradient stops there is a ``stop``. Everything else, other models,
operators and other divergences, is *opaque*: a box that reads whole arrays, of which the circuit
knows the label and no more. So a whole objective is printed, drawn, counted and run.

Evaluation is the functor of :mod:`catlearn.lowering.plan` with circuits as values, so the circuit
computes what the lowered loss does, up to rounding; what is random draws other samples.

>>> import jax, jax.numpy as jnp, catlearn as cl
>>> from catlearn.arrays import linear
>>> X, Y = cl.Space("X", 4), cl.Space("Y", 2)
>>> model = cl.Model("f", X, Y, linear("A", "m -> k"))
>>> found = loss_circuit(cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), model).loss())
>>> found.circuit, list(found.circuit.parameters), found.columns
(Circuit(R[d m], R[d k] -> R[]), ['f/A'], (('d', 'X'), ('d', 'Y')))
>>> batch = {"d": {"X": jnp.ones((5, 4)), "Y": jnp.zeros((5, 2))}}
>>> fn = found.lower()
>>> float(fn(*found.arguments({"f": {"A": jnp.ones((4, 2))}}, {}, batch)))
32.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit, compose, lift, tensor
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.operations import (
    concat,
    constant,
    cross_entropy,
    einsum,
    exp,
    idle,
    logsumexp,
    reciprocal,
    relu,
    softmax,
    softplus,
    sqrt,
    square,
    stop,
    top_k,
    view,
)
from catlearn.arrays.positions import one_hot
from catlearn.arrays.sizes import ZERO, Size
from catlearn.arrays.tracing import Trace, TracedArray
from catlearn.errors import expect
from catlearn.learning.loss import Loss
from catlearn.learning.weights import Weight
from catlearn.lowering.plan import Plan, Step
from catlearn.lowering.storage import architecture_of
from catlearn.models import Categorical, Divergence, LoweredCircuit, Product
from catlearn.models.architectures import combined
from catlearn.models.circuits import CircuitArchitecture
from catlearn.models.divergences import DivergenceSum

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram


@dataclass(frozen=True, eq=False)
class LossCircuit:
    """A loss as a circuit; made by :func:`loss_circuit`.

    Parameters
    ----------
    circuit
        From columns of data to the value.
    columns
        The data set and the projection of each column that it reads, in order; one of a product
        is several arrays.
    opaque
        What opaque boxes are: functions by their labels.
    loss
        The loss.
    """

    circuit: Circuit
    columns: tuple[tuple[str, str], ...]
    opaque: Mapping[str, Callable[..., Any]]
    loss: Loss

    def lower(self) -> LoweredCircuit:
        """Return the circuit as a JAX function ``fn(params, *arrays, key=None)``.

        Without a key models run as in evaluation.
        """
        return LoweredCircuit(self.circuit, opaque=self.opaque)

    def arguments(
        self, params: Mapping[str, Any], state: Mapping[str, Any], batch: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """Return the arguments of that function, from those of the lowered loss."""
        parts = params, state.get("frozen", {}), state.get("mutable", {})
        edges = dict.fromkeys(edge for part in parts for edge in part)
        found = {}
        for edge in edges:
            own = [part.get(edge) for part in parts]
            leaves = jax.tree_util.tree_leaves_with_path(combined(*own))
            found |= {f"{edge}/{address_of(path)}": leaf for path, leaf in leaves}
        tree: dict[str, Any] = {}
        for name in self.circuit.parameters:
            at = tree
            *path, last = name.split("/")
            for part in path:
                at = at.setdefault(part, {})
            at[last] = found[name]
        arrays = [x for data, key in self.columns for x in jax.tree.leaves(batch[data][key])]
        return (tree, *arrays)

    def __repr__(self) -> str:
        return f"LossCircuit({self.circuit!r}, opaque={list(self.opaque)})"


def loss_circuit(loss: Loss) -> LossCircuit:
    """Return the loss of a diagram as one circuit of arrays.

    Parameters
    ----------
    loss
        The loss. Weights and scales that change are as they are at step 0.

    Returns
    -------
    LossCircuit
        The circuit, which columns it reads, and what its opaque boxes are.

    Raises
    ------
    InvalidStructure
        If a prediction is a label, listing every such equation.
    """
    expect(loss, Loss, "what becomes a circuit", "a loss, such as diagram.loss()")
    plan, builder = Plan(loss), Builder(loss.diagram)
    columns = [step for step in plan.steps if step.op == "project"]
    spaces = [(loss.diagram.space_label(step.vertex), step.form, step.data) for step in columns]
    read = {one.index: value for one, value in zip(columns, builder.start(spaces), strict=True)}
    values: list[Value] = []
    for step in plan.steps:
        given = [values[i] for i in step.inputs]
        values.append(read[step.index] if step.op == "project" else builder.step(step, given))
    costs = []
    for term, equation in zip(plan.terms, loss.equations, strict=True):
        cost = builder.cost(term, *(values[i] for i in term.inputs))
        weight = Weight.of(equation.weight)
        weight = weight.at(0) if isinstance(weight, Weight) else weight
        costs.append(cost if weight == 1 else cost * float(weight))
    circuit = builder.trace.circuit([builder.total(loss.aggregator, costs)])
    return LossCircuit(circuit, tuple(step.read for step in columns), builder.opaque, loss)


@dataclass(frozen=True)
class _Label:
    """Labels of which a map reads the vectors."""

    array: TracedArray


Value = Any
"""A traced array, labels, or a tuple of values at a product."""


class Builder:
    """A circuit while it is built, step by step of a plan.

    Parameters
    ----------
    diagram
        The diagram of the plan.

    Attributes
    ----------
    opaque
        What opaque boxes are: functions by their labels.
    examples
        An array that is given, by what its axis of examples is called.
    """

    def __init__(self, diagram: LearningDiagram) -> None:
        self.diagram, self.opaque = diagram, dict[str, Callable[..., Any]]()
        self.examples = dict[str, TracedArray]()

    def start(self, given: Iterable[tuple[Any, Any, str]]) -> list[Value]:
        """Begin with what is given; return it.

        Parameters
        ----------
        given
            The space of each value, its form, and what its axis of examples is called, which is one
            axis for each name.
        """
        draft, rows, examples = Draft(), list[int](), dict[str, int]()

        def wires(space: Any, form: Any, name: str) -> Any:
            if isinstance(space, Product):
                pairs = zip(space.factors, form, strict=True)
                return tuple(wires(one, part, name) for one, part in pairs)
            axes = [examples[name]]
            if form == "label":
                kind = draft.type("N", draft.axis(None, Size.of(space.n)))
            else:
                array = space.example(1, form)
                axes += [draft.axis(None, Size.of(size)) for size in array.shape[1:]]
                kind = draft.type("R" if jnp.issubdtype(array.dtype, jnp.floating) else None)
            rows.append(draft.wire(axes, kind))
            return len(rows) - 1

        places = []
        for space, form, name in given:
            if name not in examples:
                examples[name] = draft.axis(name)
            places.append(wires(space, form, name))
        self.trace = Trace([Circuit.of(draft, rows, rows)])
        arrays = [TracedArray(self.trace, (0, row)) for row in rows]
        named = {axis: name for name, axis in examples.items()}
        for row, array in enumerate(arrays):
            self.examples.setdefault(named[draft.wires[row].axes[0]], array)
        return [jax.tree.map(lambda place: arrays[place], place) for place in places]

    def step(self, step: Step, inputs: list[Value], name: str | None = None) -> Value:
        """Return the value of a step; parameters of its map go by the edge, or by a name."""
        match step.op:
            case "sample":
                return None
            case "one-hot":
                return self.vectors(step.form, inputs[0])
            case "tuple":
                return tuple(inputs)
            case "factor":
                return inputs[0][step.position]
            case "scale":
                return self.scaled(step.scale, inputs[0])
            case "join":
                return self.joined(inputs)
            case "part":
                return self.part(step, inputs[0])
        return self.apply(step, inputs[0], name)

    def joined(self, values: Sequence[Value]) -> Value:
        """Return the examples of several data sets, one after the other."""
        if isinstance(values[0], tuple):
            return tuple(map(self.joined, zip(*values, strict=True)))
        arrays = [*map(array_of, values)]
        rest = " ".join(f"a{k}" for k in range(self.rank(arrays[0]) - 1))
        sides = ", ".join(f"[n{k}] {rest}" for k in range(len(arrays)))
        return self.call(concat(f"{sides} -> [n] {rest}"), arrays)[0]

    def part(self, step: Step, value: Value) -> Value:
        """Return the examples of one of several data sets; those before it are given, too."""
        if isinstance(value, tuple):
            return tuple(self.part(step, one) for one in value)
        known = [self.examples[data] for data in step.together[: step.position + 1]]
        draft, rank = Draft(), self.rank(value)
        ends = [draft.axis(data) for data in step.together[: step.position + 1]]
        (whole, *rest), own = (draft.axis(None) for _ in range(rank)), ends[-1]
        read = [draft.wire([axis, *(draft.axis(None) for _ in range(self.rank(one) - 1))])
                for axis, one in zip(ends, known, strict=True)]  # fmt: skip
        wires = [draft.wire([axis, *rest]) for axis in (whole, own)]
        start = Form.number(sum((Size.generator(-1 - k) for k in range(len(ends) - 1)), ZERO))
        forms = Form.variable(0) + start, *map(Form.variable, range(1, rank))
        does = Operation(
            Kernel("view"), (Reading(forms),), (tuple(range(rank)),), title=f"part {step.name}"
        )
        draft.box(does, wires[:1], wires[1:], [own, *rest], ends[:-1])
        circuit = Circuit.of(draft, [wires[0], *read], wires[1:])
        return self.call(circuit, [array_of(value), *known])[0]

    def vectors(self, form: Any, value: Value) -> Value:
        """Note where labels are read as vectors."""
        if isinstance(form, tuple):
            return tuple(self.vectors(*pair) for pair in zip(form, value, strict=True))
        return _Label(value) if form == "one-hot" else value

    def apply(self, step: Step, value: Value, name: str | None = None) -> Value:
        """Apply the map of an edge."""
        diagram, edge = self.diagram, step.name
        architecture, owner = architecture_of(diagram, edge), diagram.owner(edge)
        source, target = map(diagram.space_label, diagram.ends(edge))
        arrays = leaves_of(value)
        if isinstance(architecture, CircuitArchitecture):
            circuit = architecture.circuit
            left = len(circuit.dom) - len(arrays)
            if left:  # seeds that are not given: nothing is dropped
                circuit = compose(tensor(*[idle] * len(arrays), *[constant(-1.0)] * left), circuit)
            types = circuit.apex.types
            given = [
                _indices(one) if types[row] == "N" else array_of(one)
                for one, row in zip(arrays, circuit.dom, strict=True)
            ]
            own = _own(circuit, name or owner)
            own = _evaluated(own) if diagram.map_label(owner).kind == "frozen" else own
            made = lift(own, "n")
            made = made.block(edge) if made.apex.operations else made
        else:
            given = [array_of(one) for one in arrays]
            made = self.model(edge, owner, architecture, given, source, target)
        found = self.call(_with_scale(made, step.scale, self.opaque), given)
        return shaped(target, iter(found))

    def model(
        self, edge: str, owner: str, architecture: Any, given: Any, source: Any, target: Any
    ) -> Circuit:
        """Return a model that is no circuit as an opaque box of its arrays and parameters."""
        own = tuple(map(self.diagram.space_label, self.diagram.ends(owner)))
        tree = architecture_of(self.diagram, owner).structure(*own)
        structure, count = jax.tree.structure(tree), len(given)
        parameters = [
            (f"{owner}/{address_of(path)}", leaf.shape, jnp.issubdtype(leaf.dtype, jnp.floating))
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        ]
        frozen = self.diagram.map_label(owner).kind == "frozen"

        def run(*arrays: Any, key: Any = None) -> Any:
            x = shaped(source, iter(arrays[:count]))
            variables = jax.tree.unflatten(structure, arrays[count:])
            train = key is not None and not frozen
            found = jax.tree.leaves(architecture.run(variables, x, key=key, train=train)[0])
            return found if len(found) > 1 else found[0]

        label, shapes = f"model {edge}", [_shape(one) for one in _spaces(target)]
        self.opaque[label] = run
        ranks = [len(_shape(one)) for one in _spaces(source)]
        return _opaque(label, ranks, shapes, parameters, architecture.accepts_key)

    def scaled(self, scale: Any, value: Value) -> Value:
        """Multiply the gradient into a value."""
        if isinstance(value, tuple):
            return tuple(self.scaled(scale, one) for one in value)
        one = array_of(value)
        if scale == 0:
            return stop()(one)
        label = _scale_label(scale, self.opaque)
        return self.call(_opaque(label, [self.rank(one) - 1], []), [one])[0]

    def rank(self, one: TracedArray) -> int:
        part, row = one.place
        return len(self.trace.parts[part].apex.lists["axes"].row(row))

    def cost(self, term: Step, prediction: Value, target: Value) -> TracedArray:
        """Return the mean cost of an equation."""
        if term.stop is not None:
            stopped = {"lhs": prediction, "rhs": target}[term.stop]
            stopped = jax.tree.map(stop(), stopped, is_leaf=lambda x: isinstance(x, TracedArray))
            prediction, target = (stopped, target) if term.stop == "lhs" else (prediction, stopped)
        space = self.diagram.space_label(term.vertex)
        costs = self.costs(term.divergence, prediction, target, space)
        letter = term.data if term.data.isidentifier() else "n"
        mean = einsum(f"{letter} -> ", scale=f"{letter}**-1")
        return _sum([mean(one) for one in costs])

    def costs(
        self, divergence: Any, prediction: Value, target: Value, space: Any
    ) -> list[TracedArray]:
        """Return the cost of each example, as terms of a sum."""
        if isinstance(divergence, DivergenceSum):
            parts = zip(divergence.parts, prediction, target, space.factors, strict=True)
            return [cost for part in parts for cost in self.costs(*part)]
        assert isinstance(divergence, Divergence)
        known = KNOWN.get(divergence.function if isinstance(divergence.function, str) else "")
        if known is not None:
            if isinstance(prediction, tuple) and known is not _gaussian_kl:
                pairs = zip(prediction, target, space.factors, strict=True)
                return [cost for pair in pairs for cost in self.costs(divergence, *pair)]
            shape = _shape(_spaces(space)[0])
            one = prediction[0] if isinstance(prediction, tuple) else prediction
            _, *letters = _letters(one, "n", *(f"a{k}" for k in range(len(shape))))
            options = dict(divergence.options)
            size = shape[-1] if shape else 1
            found = known(prediction, target, " ".join(letters), size, **options)
            return found if isinstance(found, list) else [found]
        given = [*leaves_of(prediction), *leaves_of(target)]
        count = len(leaves_of(prediction))
        label = f"divergence {divergence}"
        shapes = (jax.tree.structure(_marks(prediction)), jax.tree.structure(_marks(target)))

        def run(*arrays: Any) -> Any:
            sides = arrays[:count], arrays[count:]
            pair = zip(shapes, sides, strict=True)
            return divergence(*(jax.tree.unflatten(tree, side) for tree, side in pair))

        while label in self.opaque:
            label += "'"
        self.opaque[label] = run
        return self.call(_opaque(label, [self.rank(one) - 1 for one in given], [()]), given)

    def total(self, aggregator: Any, costs: Sequence[TracedArray]) -> TracedArray:
        """Return the value of the loss."""
        if aggregator.name == "sum":
            return _sum(costs)
        combine = jnp.maximum if aggregator.name == "max" else aggregator.combine
        value = costs[0]
        for one in costs[1:]:
            label = aggregator.name
            self.opaque[label] = combine
            value = self.call(_opaque(label, [0, 0], [()], examples=False), [value, one])[0]
        return value

    def call(self, circuit: Circuit, given: Sequence[TracedArray]) -> list[TracedArray]:
        """Call a circuit on arrays."""
        return self.trace.call(circuit, given)


def _opaque(
    label: str,
    ranks: Sequence[int],
    shapes: Sequence[Sequence[int]],
    parameters: Sequence[tuple[str, tuple[int, ...], bool]] = (),
    random: bool = False,
    examples: bool = True,
) -> Circuit:
    """Return an opaque box of arrays of some ranks and of parameters.

    Parameters
    ----------
    label
        What it is called.
    ranks
        Of an example of each array that it reads.
    shapes
        Of an example of each array that it writes; none if it writes arrays like those it reads.
    parameters
        Their names and shapes, and whether they are floating.
    random
        Whether it draws samples.
    examples
        Whether arrays have an axis of examples in front, which is the same for all.
    """
    draft = Draft()
    front = [draft.axis("n")] if examples else []
    ins = [draft.wire([*front, *(draft.axis(None) for _ in range(rank))], draft.type(None))
           for rank in ranks]  # fmt: skip
    dom = list(ins)
    for name, shape, floating in parameters:
        axes = [draft.axis(None, Size.of(size)) for size in shape]
        ins.append(draft.wire(axes, draft.type("R" if floating else None), name))
    outs = [
        draft.wire([*front, *(draft.axis(None, Size.of(size)) for size in shape)])
        for shape in shapes
    ] or [draft.wire(draft.wires[row].axes, draft.wires[row].type) for row in dom]
    axes = [*dict.fromkeys(axis for row in (*ins, *outs) for axis in draft.wires[row].axes)]

    def at(row: int) -> tuple[int, ...]:
        return tuple(axes.index(axis) for axis in draft.wires[row].axes)

    operation = Operation(
        Kernel("opaque", (("label", label), ("random", random))),
        tuple(Reading.wiring(at(row)) for row in ins),
        tuple(map(at, outs)),
        targets=tuple(range(len(axes))),
        title=label,
    )
    draft.box(operation, ins, outs, axes)
    return Circuit.of(draft, dom, outs)


def _with_scale(circuit: Circuit, scale: Any, opaque: dict[str, Any]) -> Circuit:
    """Return a circuit that reads its parameters with their gradient multiplied."""
    if isinstance(scale, float) and scale == 1.0:
        return circuit
    draft, names = Draft.of(circuit.apex), circuit.apex.column("name")
    moved = {}
    for row, name in enumerate(names):
        if name is None:
            continue
        axes, kind = draft.wires[row][:2]
        every = tuple(range(len(axes)))
        if isinstance(scale, float) and scale == 0.0:
            kernel, targets = Kernel("stop"), ()
        else:
            options = (("label", _scale_label(scale, opaque)), ("random", False))
            kernel, targets = Kernel("opaque", options), every
        moved[row] = draft.wire(axes, kind)
        reading = (Reading.wiring(every),)
        does = Operation(kernel, reading, (every,), targets=targets, title=str(kernel))
        draft.box(does, [row], [moved[row]], axes)
    count = len(circuit.apex.operations)
    draft.boxes[:count] = [
        box._replace(ins=[moved.get(row, row) for row in box.ins]) for box in draft.boxes[:count]
    ]
    return Circuit.of(draft, circuit.dom, [moved.get(row, row) for row in circuit.cod])


def _scale_label(scale: Any, opaque: dict[str, Any]) -> str:
    number = float(scale.at(0) if isinstance(scale, Weight) else scale)
    label = f"gradient times {number:g}"
    opaque[label] = lambda leaf: scaled_all(number, leaf)
    return label


@jax.custom_jvp
def _scaled(scale: Any, leaf: Any) -> Any:
    """Return the same number with its gradient multiplied, but none to what multiplies it."""
    return leaf


@_scaled.defjvp
def _scaled_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (scale, leaf), (_, tangent) = primals, tangents
    return leaf, jnp.asarray(scale, tangent.dtype) * tangent


def scaled_all(scale: Any, tree: Any) -> Any:
    """Return the same tree with its gradient multiplied by a number, or by a traced one."""
    if tree is None:
        return tree
    if isinstance(scale, float) and scale in (0.0, 1.0):
        return tree if scale else jax.lax.stop_gradient(tree)
    return jax.tree.map(
        lambda leaf: _scaled(scale, leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf, tree
    )


def _own(circuit: Circuit, edge: str) -> Circuit:
    """Return the circuit of an edge with parameters and declared sizes of its own."""
    draft = Draft.of(circuit.named(edge).apex)
    draft.symbols = [(f"{edge}.{name}", value) for name, value in draft.symbols]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _evaluated(circuit: Circuit) -> Circuit:
    """Return a circuit that drops nothing, as in evaluation."""
    draft = Draft.of(circuit.apex)
    draft.boxes = [
        box._replace(operation=replace(box.operation, kernel=Kernel("view"), title="view"))
        if box.operation.kernel.name == "dropout"
        else box
        for box in draft.boxes
    ]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def leaves_of(value: Value) -> list[Any]:
    return (
        [one for part in value for one in leaves_of(part)] if isinstance(value, tuple) else [value]
    )


def _marks(value: Value) -> Any:
    return tuple(map(_marks, value)) if isinstance(value, tuple) else 0


def array_of(value: Any) -> TracedArray:
    """Return a value as an array; labels become vectors."""
    return one_hot("V")(value.array) if isinstance(value, _Label) else value


def _indices(value: Any) -> TracedArray:
    """Return labels, or where scores are greatest."""
    if isinstance(value, _Label):
        return value.array
    if _types(value) != "R":
        return value
    _, index = top_k("[e -> k]", k=1)(value)
    return view("0 -> ")(index)


def _types(value: TracedArray) -> str | None:
    """Return what numbers an array holds."""
    part, row = value.place
    return value.trace.parts[part].apex.types[row]


def _spaces(space: Any) -> list[Any]:
    if isinstance(space, Product):
        return [one for factor in space.factors for one in _spaces(factor)]
    return [space]


def _shape(space: Any) -> tuple[int, ...]:
    return (space.n,) if isinstance(space, Categorical) else tuple(space.example(1).shape[1:])


def shaped(space: Any, leaves: Any) -> Any:
    """Return leaves as a value at a space."""
    if isinstance(space, Product):
        return tuple(shaped(factor, leaves) for factor in space.factors)
    return next(leaves)


def _sum(arrays: Sequence[TracedArray]) -> TracedArray:
    value = arrays[0]
    for one in arrays[1:]:
        value = value + one
    return value


def address_of(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _summed(x: TracedArray, letters: str) -> TracedArray:
    return einsum(f"{letters} -> ")(x) if letters else x


def _product(x: TracedArray, y: TracedArray, letters: str) -> TracedArray:
    return einsum(f"{letters}, {letters} -> ")(x, y) if letters else x * y


def _letters(x: TracedArray, *instead: str) -> list[str]:
    """Return what the axes of an array are called in patterns."""
    part, row = x.place
    H = x.trace.parts[part].apex
    names = [H.called(axis) for axis in H.lists["axes"].row(row).tolist()]
    plain = all(map(str.isidentifier, names)) and len({*names}) == len(names)
    return names if plain else [*instead]


def _log_softmax(x: TracedArray, size: int) -> TracedArray:
    return x - view(" -> y", y=size)(logsumexp("[y] -> ")(x))


def _squared_error(p: Any, t: Any, letters: str, size: int) -> TracedArray:
    return _summed(square(p - t), letters)


def _cross_entropy(p: Any, t: Any, letters: str, size: int) -> TracedArray:
    *front, last = letters.split()
    if _types(t) == "N":
        return _summed(cross_entropy(" ".join([*front, f"[{last}]"]))(p, t), " ".join(front))
    return -_product(softmax("[y]")(t), _log_softmax(p, size), letters)


def _kl(p: Any, t: Any, letters: str, size: int, temperature: float = 1.0) -> TracedArray:
    one, two = (_log_softmax(x * (1 / temperature), size) for x in (p, t))
    return _product(exp(two), two - one, letters) * temperature**2


def _word_cross_entropy(p: Any, t: Any, letters: str, size: int) -> TracedArray:
    return -_product(t, _log_softmax(p, size), letters)


def _binary_cross_entropy(p: Any, t: Any, letters: str, size: int) -> TracedArray:
    return _summed(softplus(p) - t * p, letters)


def _gaussian_kl(p: Any, t: Any, letters: str, size: int) -> TracedArray:
    (mean, own), (other, width) = p, t
    change = own - width
    distance = square(mean - other) * exp(-width)
    return _summed(exp(change) + distance - 1.0 - change, letters) * 0.5


def _info_nce(
    p: Any, t: Any, letters: str, size: int, temperature: float = 0.1, symmetric: bool = True
) -> list[TracedArray]:
    left, right = (_direction(x, letters) for x in (p, t))
    share, scale = (0.5 if symmetric else 1.0), 1 / temperature
    similar = einsum(f"here {letters}, there {letters} -> here there", scale=scale)(left, right)
    own = _product(left, right, letters) * scale
    rows = (logsumexp("here [there] -> here")(similar) - own) * share
    if not symmetric:
        return [rows]
    return [rows, (logsumexp("[here] there -> there")(similar) - own) * share]


def _direction(x: TracedArray, letters: str) -> TracedArray:
    """Return each example over its norm, of which the square is at least 1e-12."""
    root = sqrt(relu(_product(x, x, letters) - 1e-12) + 1e-12)
    return einsum(f"{letters}, -> {letters}")(x, reciprocal(root))


KNOWN: dict[str, Callable[..., TracedArray | list[TracedArray]]] = {
    "squared_error": _squared_error,
    "cross_entropy": _cross_entropy,
    "kl": _kl,
    "word_cross_entropy": _word_cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "gaussian_kl": _gaussian_kl,
    "info_nce": _info_nce,
}
"""Divergences as circuits, by name: the costs of examples, or terms of them, of a prediction and a
target, the letters of the axes of an example, and the size of the last one."""
