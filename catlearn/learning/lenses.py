r"""Learning as lenses: the loss of a diagram, its gradient, and an optimizer's step, as one arrow.

A learning diagram has a functor to parametric lenses (:mod:`catlearn.category.lenses`): a space
goes to the pair of itself and its cotangent, an edge to the lens that gets by its map and puts by
its reverse derivative, with the edge's variables as parameters. As lenses compose by the chain
rule, the put of a path is its gradient: backpropagation is that functor (Fong, Spivak, Tuyéras
2019; Cruttwell, Gavranović, Ghani, Wilson, Zanasi 2022).

=======================  =========================================  ============================
what                     get                                        put
=======================  =========================================  ============================
map of an edge           its value at a batch                       ``jax.vjp`` of it
``trains``, by a scale   the identity                               multiplies by the scale
``stop``                 the identity                               zero
use in several places    copies                                     adds
divergence               the mean cost                              its gradient
update rule              the parameters                             the next ones, and its state
=======================  =========================================  ============================

Data sets, labels and integers have the trivial cotangent, ``()``; scores at a categorical space
have their own. Random maps, maps that calls change, and maps without a derivative to speak of
(that round, take signs or arg max) are refused. At a kink, as relu has, put gives what JAX gives.

Laws, tested up to rounding: the put of a path is its ``jax.vjp``; that of a loss is the gradient
of the lowered loss; the put of an update rule before a loss is the optimizer's step.

>>> import jax.numpy as jnp
>>> import catlearn as cl
>>> X = cl.Space("X", 1)
>>> def line(p, x): return p * x
>>> D = cl.LearningDiagram(
...     cl.Dataset("data", X=X, Y=X), cl.Model("f", X, X, (lambda key: jnp.ones(()), line)),
...     equations=["data.X >> f = data.Y"],
... )
>>> twice = lens_functor(D)("f >> f")
>>> x = jnp.array([[2.0]])
>>> [float(v.sum()) for v in twice.arrow.put(jnp.array(3.0), jnp.array(5.0), x, jnp.ones((1, 1)))]
[10.0, 6.0, 15.0]
>>> loss = loss_lens(D.loss())
>>> loss.arrow
Lens(f ⊗ data → cost)
>>> batch = {"X": x, "Y": jnp.array([[1.0]])}
>>> float(loss.arrow.get(3.0, batch)), float(loss.arrow.put(3.0, batch, 1.0)[0])
(25.0, 20.0)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catlearn.category import (
    Functor,
    HypergraphBuilder,
    Lens,
    Lenses,
    Para,
    Parametric,
    Port,
    StringDiagram,
)
from catlearn.errors import Failure, bounded, expect, refuse
from catlearn.models import ArchitectureMap, DataSpace, FactorMap, ProjectionMap, as_input
from catlearn.models.maps import needs_key

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram
    from catlearn.learning.loss import Loss
    from catlearn.learning.string_diagram import LossOperation

COST = Port("cost", "cost*")

# Operations whose derivative is zero wherever it exists.
_ROUGH = ("argmax", "argmin", "ceil", "floor", "round", "sign")


def _add(one: Any, other: Any) -> Any:
    import jax

    return jax.tree.map(lambda a, b: a + b, one, other)


def _zero(value: Any) -> Any:
    """Return the zero of a value's cotangent, with () where that is trivial."""
    import jax
    import jax.numpy as jnp

    def zero(leaf: Any) -> Any:
        return jnp.zeros_like(leaf) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) else ()

    return jax.tree.map(zero, value)


LENSES = Lenses(_add, _zero)
"""The lenses of learning: changes are trees of arrays, which add leaf by leaf."""

PARA = Para(LENSES)
"""Where learning diagrams go: parametric lenses."""


def _reverse(domain: Sequence[Port], codomain: Port, get: Callable[..., Any]) -> Lens:
    """Return the lens of a function and its reverse derivative."""

    def put(*given: Any) -> Any:
        import jax

        *values, change = given
        made, back = jax.vjp(get, *values)
        if not jax.tree.leaves(change):  # an integer: no change comes back
            changes = tuple(map(_zero, values))
        else:
            like = jax.tree.map(lambda leaf, one: jax.numpy.asarray(one, leaf.dtype), made, change)
            changes = tuple(map(_tangents, back(like)))
        return changes[0] if len(changes) == 1 else changes

    return Lens(tuple(domain), codomain, get, put)


def _tangents(tree: Any) -> Any:
    """Return changes with () in the place of those of integers."""
    import jax

    return jax.tree.map(lambda leaf: () if leaf.dtype == jax.dtypes.float0 else leaf, tree)


def _scaled(port: Port, scale: float) -> Lens:
    """Return the identity whose put multiplies."""
    import jax

    def put(value: Any, change: Any) -> Any:
        return jax.tree.map(lambda leaf: scale * leaf, change)

    return Lens(port, port, lambda value: value, put)


def _port(diagram: LearningDiagram, vertex: str) -> Port:
    data = isinstance(diagram.space_label(vertex), DataSpace)
    return Port(vertex, "1" if data else f"{vertex}*")


class _Edges:
    """The lenses of the edges of a diagram, each made once."""

    def __init__(self, diagram: LearningDiagram) -> None:
        self.diagram = diagram
        self.known: dict[str, Parametric] = {}

    def __call__(self, edge: str) -> Parametric:
        if edge not in self.known:
            self.known[edge] = self._lens(edge)
        return self.known[edge]

    def _lens(self, edge: str) -> Parametric:
        diagram = self.diagram
        source, target = (_port(diagram, vertex) for vertex in diagram.ends(edge))
        label = diagram.map_label(edge)
        match label:
            case ProjectionMap():
                space = diagram.space_label(diagram.target(edge))
                _, column = diagram.projections[edge]
                get = functools.partial(_column, space, column)
                return PARA.arrow(Lens(source, target, get, lambda value, change: ()))
            case FactorMap(index):
                return PARA.arrow(_reverse([source], target, lambda value: value[index]))
        architecture, owner = diagram.runs(edge).architecture, diagram.owner(edge)  # type: ignore
        space = diagram.space_label(diagram.source(edge))
        train = diagram.map_label(owner).kind != "frozen"

        def run(variables: Any, x: Any) -> Any:
            return architecture.run(variables, as_input(space, x), train=train)[0]

        if diagram.map_label(owner).kind == "model":
            own = Port(owner, f"{owner}*")
            return PARA.arrow(_reverse([own, source], target, run), parameters=1)
        return PARA.arrow(
            _reverse([source], target, functools.partial(run, diagram.starts.get(owner, ())))
        )


def _column(space: Any, column: str, batch: Mapping[str, Any]) -> Any:
    import jax
    import jax.numpy as jnp

    value = batch[column]
    floating = jax.tree.map(lambda leaf: jnp.asarray(leaf), value)
    if isinstance(floating, tuple) or not jnp.issubdtype(floating.dtype, jnp.inexact):
        return floating
    return floating.astype(space.dtype)


def _failures(diagram: LearningDiagram, edges: Iterable[str]) -> Iterator[Failure]:
    """List the edges that go to no lens: random, changed by calls, without values or derivative."""
    for edge in dict.fromkeys(edges):
        label = diagram.runs(edge)
        if not isinstance(label, ArchitectureMap):
            continue
        where, owner = f"edge '{edge}'", diagram.owner(edge)
        ends = [diagram.space_label(vertex) for vertex in diagram.ends(edge)]
        own = diagram.map_label(owner)
        if not label.architecture.bound:
            yield Failure("unbound", where, f"has {label.architecture}; fill it in with bind")
        elif needs_key(label, ends[0], ends[1]):
            yield Failure("smooth", where, "is random; a lens gets one value")
        elif own.kind == "model" and label.architecture.stateful:
            yield Failure("smooth", where, "has variables that calls change; freeze it")
        elif own.kind == "frozen" and owner not in diagram.starts:
            message = "is frozen and holds no values; give them with with_values"
            yield Failure("values", where, message)
        else:
            yield from _rough(diagram, edge, where)


def _rough(diagram: LearningDiagram, edge: str, where: str) -> Iterator[Failure]:
    import jax

    source, owner = diagram.space_label(diagram.source(edge)), diagram.owner(edge)
    label, own = diagram.runs(edge), diagram.map_label(owner)
    assert isinstance(label, ArchitectureMap)
    variables: Any = diagram.starts.get(owner, ())
    if own.kind == "model":
        ends = (diagram.space_label(vertex) for vertex in diagram.ends(owner))
        variables = own.architecture.structure(*ends)  # type: ignore[attr-defined]
        if jax.tree.leaves(own.architecture.parts(variables)[1]):  # type: ignore[attr-defined]
            yield Failure("smooth", where, "holds variables that are not trained; freeze it")
            return
    run = functools.partial(label.architecture.run, train=own.kind != "frozen")
    jaxpr = jax.make_jaxpr(lambda v, x: run(v, x)[0])(variables, source.example(3))
    found = sorted({name for name in _primitives(jaxpr.jaxpr) if name in _ROUGH})
    if found:
        yield Failure("smooth", where, f"has no derivative to speak of: it uses {', '.join(found)}")


def _primitives(jaxpr: Any) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield str(equation.primitive)
        for value in equation.params.values():
            for one in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(one, "jaxpr", one)
                if hasattr(inner, "eqns"):
                    yield from _primitives(inner)


def lens_functor(diagram: LearningDiagram) -> Functor:
    """Return the functor from the paths of a diagram to parametric lenses.

    Parameters
    ----------
    diagram
        A learning diagram whose maps are smooth and draw nothing.

    Returns
    -------
    Functor
        A path goes to a :class:`~catlearn.category.Parametric` lens on batches. The variables of
        its edges are its parameters, those of later edges first; ``PARA.tied`` makes one of those
        of an edge that is used twice.

    Raises
    ------
    InvalidStructure
        Listing every edge that goes to no lens, and why.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 2), cl.Space("Y", 3)
    >>> D = cl.LearningDiagram(cl.Model("f", X, Y, "mlp"), cl.Model("g", Y, X, "linear"))
    >>> lens_functor(D)("f >> g").arrow
    Lens(g ⊗ f ⊗ X → X)
    """
    expect(diagram, "soft_equations", "diagram", "a learning diagram")
    _refuse(_failures(diagram, diagram.edges))
    edges = _Edges(diagram)
    objects = {vertex: (_port(diagram, vertex),) for vertex in diagram.vertices}
    made = {edge: edges(edge) for edge in diagram.edges if edge not in diagram.definitions}
    with bounded("what is defined by pairings of pairings"):
        for edge in diagram.definitions:
            made[edge] = _defined(diagram, edge, made, edges)
    return Functor(diagram, PARA, objects, made, check=False)


def _defined(
    diagram: LearningDiagram, edge: str, made: dict[str, Parametric], edges: _Edges
) -> Parametric:
    """Return the lens of a defined edge: of its path, or of a tuple of its paths."""
    definition, source = diagram.definitions[edge], (_port(diagram, diagram.source(edge)),)
    parts = []
    for path in definition.paths:
        for each in path.edges:
            if each not in made:
                made[each] = _defined(diagram, each, made, edges)
        parts.append(PARA.composite(source, [made[each] for each in path.edges]))
    if not definition.is_pairing:
        return parts[0]
    ends = [part.codomain[0] for part in parts]
    join = PARA.arrow(_tuple(ends, _port(diagram, diagram.target(edge))))
    return PARA.compose(PARA.pairing(source, parts), join)


def _tuple(ports: Sequence[Port], product: Port) -> Lens:
    """Return the lens from the factors to their product."""
    return Lens(
        tuple(ports), product, lambda *parts: parts, lambda *given: _back(len(ports), given)
    )


def _back(count: int, given: tuple[Any, ...]) -> Any:
    return given[-1][0] if count == 1 else given[-1]


def _refuse(failures: Iterable[Failure]) -> None:
    refuse("functor to lenses", list(failures))


def loss_lens(loss: Loss) -> Parametric:
    """Return a loss as a parametric lens from batches to its value.

    Parameters
    ----------
    loss
        The loss of a learning diagram; its costs add up.

    Returns
    -------
    Parametric
        Its parameters are the variables of the trainable edges (``loss.parameters``, in order),
        its domain the data sets in the order in which equations use them, each a dict by column.
        Its put at 1 has the gradient of each edge, then ``()`` for each data set.

    Raises
    ------
    InvalidStructure
        Listing every edge that goes to no lens, and why; or if the costs are not added.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), cl.Model("head", X, Y, "linear"))
    >>> loss_lens(D.loss()).arrow
    Lens(head ⊗ data → cost)
    """
    expect(loss, "selection", "loss", "the loss of a diagram, such as diagram.loss()")
    diagram, drawn = loss.diagram, loss.string_diagram
    if loss.aggregator.name != "sum":
        message = f"costs are combined by {loss.aggregator.name}; only sums go to a lens"
        _refuse([Failure("smooth", "loss", message)])
    used = [does.name for does in drawn.operations if does.op in ("apply", "project", "factor")]
    _refuse(_failures(diagram, used))
    edges, builder = _Edges(diagram), HypergraphBuilder(sharing=False)
    params = {edge: builder.wire(Port(edge, f"{edge}*")) for edge in loss.parameters}
    data: dict[str, int] = {}
    wires: dict[int, int] = {}
    lenses: list[Lens] = []

    def box(lens: Lens, read: Sequence[int]) -> int:
        lenses.append(lens)
        (wire,) = builder.box(len(lenses) - 1, read, lens.codomain)
        return wire

    ins, outs = drawn.apex.sides
    for row in drawn.apex.order:
        does, read = drawn.operations[row], [wires[wire] for wire in ins[row]]
        (out,) = outs[row]
        if does.op == "sample":
            if does.name not in data:
                data[does.name] = builder.wire(Port(does.name, "1"))
            wires[out] = data[does.name]
        else:
            vertex = drawn.types[out].vertex
            target = _port(diagram, vertex) if vertex else COST
            wires[out] = _box(diagram, edges, does, read, params, builder, target, box)
    costs = [wires[wire] for wire in drawn.outputs]
    weights = [float(equation.weight) for equation in loss.equations]
    total = box(_weighted(weights), costs)
    inputs = (*params.values(), *data.values())
    composed = StringDiagram(builder.hypergraph(), inputs, (total,))
    made = LENSES.wired(composed, builder.types, lenses)
    return PARA.arrow(made, parameters=len(params))


def _box(
    diagram: LearningDiagram,
    edges: _Edges,
    does: LossOperation,
    read: list[int],
    params: Mapping[str, int],
    builder: HypergraphBuilder,
    target: Port,
    box: Callable[[Lens, Sequence[int]], int],
) -> int:
    """Add the lens of a box of a loss's string diagram; return the wire that it writes."""
    ports = [builder.types[wire] for wire in read]
    match does.op:
        case "stop":
            stop = Lens(target, target, lambda value: value, lambda value, change: _zero(value))
            return box(stop, read)
        case "scale":
            return box(_scaled(target, float(does.scale)), read)
        case "tuple":
            return box(_tuple(ports, target), read)  # type: ignore[arg-type]
        case "divergence":
            cost = functools.partial(_mean, does.divergence)
            return box(_reverse(ports, COST, cost), read)  # type: ignore[arg-type]
    lens = edges(does.name)
    own = []
    for port in lens.parameters:
        wire = params[port.value]
        own.append(wire if does.scale == 1 else box(_scaled(port, float(does.scale)), [wire]))
    return box(lens.arrow, [*own, *read])


def _mean(divergence: Any, prediction: Any, target: Any) -> Any:
    import jax.numpy as jnp

    return jnp.mean(divergence(prediction, target))


def _weighted(weights: Sequence[float]) -> Lens:
    """Return the weighted sum of costs."""

    def get(*costs: Any) -> Any:
        return sum(weight * cost for weight, cost in zip(weights, costs, strict=True))

    def put(*given: Any) -> Any:
        back = tuple(weight * given[-1] for weight in weights)
        return back[0] if len(back) == 1 else back

    return Lens((COST,) * len(weights), COST, get, put)


def update_rule(optimizer: Any, parameters: Sequence[Port]) -> Lens:
    """Return an optimizer as a lens, whose put is a step.

    Parameters
    ----------
    optimizer
        An ``optax.GradientTransformation``, for all parameters at once.
    parameters
        Ports of parameters, such as ``loss_lens(loss).parameters``.

    Returns
    -------
    Lens
        From (state, next state) and (parameters, next parameters) to the parameters and their
        cotangents: get forgets the state, put returns what comes next. The state is
        ``optimizer.init(tuple of parameters)``.

    Examples
    --------
    >>> import optax
    >>> rule = update_rule(optax.sgd(0.5), [Port("f", "f*")])
    >>> rule
    Lens(state ⊗ f → f)
    >>> float(rule.put(optax.sgd(0.5).init((1.0,)), 1.0, 4.0)[1])
    -1.0
    """
    expect(optimizer, "update", "optimizer", "an optax transformation, such as optax.adam(1e-3)")
    ports = tuple(parameters)
    count = len(ports)
    domain = (Port("state"), *(Port(port.value) for port in ports))

    def get(state: Any, *values: Any) -> Any:
        return values[0] if count == 1 else values

    def put(state: Any, *given: Any) -> Any:
        import optax

        values, changes = given[:count], given[count:]
        updates, state = optimizer.update(changes, state, values)
        return (state, *optax.apply_updates(values, updates))  # type: ignore[misc]

    return Lens(domain, ports, get, put)


def learner(loss: Loss, optimizer: Any) -> Lens:
    """Return a step of training as a lens to nothing: an update rule, a loss, and its gradient 1.

    Parameters
    ----------
    loss
        The loss of a learning diagram.
    optimizer
        An ``optax.GradientTransformation``.

    Returns
    -------
    Lens
        From state, parameters and data sets to no ports. ``put(state, *parameters, *batches)`` is
        one step: the next state, the next parameters, and ``()`` for each data set.

    Raises
    ------
    InvalidStructure
        As by :func:`loss_lens`.
    """
    objective = loss_lens(loss)
    rule = update_rule(optimizer, objective.parameters)
    seed = Lens(COST, (), lambda cost: (), lambda cost: 1.0)
    return PARA.reparametrised(objective, rule).arrow >> seed
