r"""Lowering: the symbolic loss becomes one pure JAX function.

Lowering sends a loss to a function of ``(params, state, batch, key)``, path by path and
functorially: composites go to composites, so each path prefix is evaluated once
(Theory, section 6; see :mod:`catlearn.lowering.plan`). The value is

.. math:: L = \sum_i w_i \, \mathrm{mean}_s \, d_i([p_i]_\theta(s), [q_i]_\theta(s)),

or the maximum, as the loss's aggregator says. The program is meant to be the one that an
expert would have written by hand for the same diagram: the tests compare optimised HLO.

Arrays are always arguments, never constants of the program:

* ``params``: ``{edge: tree}``, the floating-point arrays of the trainable edges;
* ``state["frozen"]``: ``{edge: tree}``, frozen parameters, and the arrays of trainable edges
  that are not floating point and therefore have no gradient;
* ``state["weights"]``: ``{equation: scalar}``, which may change without compiling again, and the
  scales by which equations train edges, as far as they may change;
* ``state["mutable"]``: ``{edge: tree}``, what evaluation itself changes;
* ``batch``: ``{data set: {projection: array}}``.

Where parts of the plan are isomorphic and run as one (:mod:`catlearn.lowering.stacking`), these
mappings are :class:`~catlearn.lowering.stacked.Stacked`, and the batch is
:class:`~catlearn.lowering.stacked.Columns`: still addressed by name, but with the
arrays of isomorphic edges, columns and equations in one array. Plain dicts are accepted
everywhere; :meth:`Lowered.pack` turns them into stacked ones outside of the program.

**Evaluation** is the functor out of the free category of a diagram, at given parameters. For
parameters theta each path p computes a function [p], functorially: the empty path is the
identity and ``[p >> q]`` is ``[q]`` after ``[p]`` (Theory, section 2). Training looks for a
theta at which this functor sends the two sides of each equation to functions that agree on the
data.

A sample of a data set is the mapping from its projections to arrays, as in a batch.

**Weights** of equations, and scales of gradients that may change, are numbers by name. They are
arguments of the compiled program, so that they change without compiling again; see
:class:`~catlearn.learning.Weight`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import jax
import jax.numpy as jnp

from catlearn.arrays.circuit import Circuit
from catlearn.category import Functions, Functor
from catlearn.errors import (
    DataError,
    Failure,
    UnknownName,
    WrongKind,
    called,
    did_you_mean,
    expect,
    refuse,
)
from catlearn.learning.loss import Loss
from catlearn.learning.weights import Weight
from catlearn.lowering.arguments import (
    Options,
    argument_failures,
    batch_sizes,
    expect_dicts,
    expect_parts,
)
from catlearn.lowering.plan import Plan
from catlearn.lowering.run import Run, averaged
from catlearn.lowering.stacked import Layout, Stacked, group_text
from catlearn.lowering.stacking import stacking_for
from catlearn.lowering.storage import (
    Storage,
    architecture_of,
    start_of,
    unbound_failures,
)
from catlearn.lowering.streamed import LoweredFold
from catlearn.lowering.streaming import StreamedCircuit, Streams
from catlearn.models import FactorMap, LoweredCircuit, ProjectionMap, as_input
from catlearn.models.architectures import combined
from catlearn.streams.folding import Fold
from catlearn.streams.prefix import PrefixFold

if TYPE_CHECKING:
    from catlearn.models import Architecture


class Weighting:
    """The weights of a plan's equations, and the scales that may change.

    Parameters
    ----------
    plan
        The plan.
    layout
        How they are stored.
    """

    def __init__(self, plan: Plan, layout: Layout) -> None:
        aggregator = plan.loss.aggregator
        weights = {one.name: Weight.of(one.weight) for one in plan.loss.equations}
        self.given = weights | {name: scale for scale, name in plan.scales.items()}
        self.layout = layout
        # Python's own max, which the symbolic side uses, does not trace.
        self.combine = jnp.maximum if aggregator.name == "max" else aggregator.combine
        self.whole = {"sum": jnp.sum, "max": jnp.max}.get(aggregator.name)
        self.following = {
            name: w
            for name, w in self.given.items()
            if isinstance(w, Weight) and w.schedule is not None
        }

    def at(self, step: Any, values: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return all of them at a step; ``values`` are new ones of those that have a name.

        Raises
        ------
        UnknownName
            If none has one of the names.
        """
        named = {w.name for w in self.given.values() if isinstance(w, Weight)} - {None}
        unknown = [name for name in values or {} if name not in named]
        if unknown:
            message = f"no weight is called {', '.join(map(repr, unknown))}"
            raise UnknownName(f"{message}; {did_you_mean(unknown[0], sorted(map(str, named)))}")
        numbers = {
            name: w.at(step, values) if isinstance(w, Weight) else w
            for name, w in self.given.items()
        }
        groups = ([numbers[name] for name in group] for group in self.layout.groups)
        parts = (group if len(group) > 1 else group[0] for group in groups)
        return Stacked(self.layout, tuple(jnp.asarray(part, float) for part in parts)).plain

    def scheduled(self, step: Any) -> dict[str, Any]:
        """Return those that follow a schedule, at a step."""
        return {name: jnp.asarray(w.at(step), float) for name, w in self.following.items()}

    def renewed(self, weights: Mapping[str, Any], step: Any) -> Mapping[str, Any]:
        """Return weights of which those that follow a schedule are the ones of a step."""
        given, latest = Stacked.of(weights), self.scheduled(step)
        parts = (
            # Equations that are weighted together follow one schedule.
            jnp.broadcast_to(latest[names[0]], jnp.shape(part)) if names[0] in latest else part
            for names, part in given.groups()
        )
        return Stacked(given.layout, tuple(parts)).plain

    def total(self, terms: Mapping[str, Any], weights: Mapping[str, Any]) -> jax.Array:
        """Return the value of the loss at costs of its equations."""
        given = Stacked.of(weights)
        groups = Stacked.of(terms).groups()
        weighted = [self._combined(given.gather(names) * cost) for names, cost in groups]
        return functools.reduce(self.combine, weighted) if weighted else jnp.zeros(())

    def _combined(self, weighted: jax.Array) -> jax.Array:
        """Combine the costs of a class; in halves, where only the binary operation is known."""
        if weighted.ndim == 0:
            return weighted
        if self.whole is not None:
            return self.whole(weighted)
        while len(weighted) > 1:
            half = len(weighted) // 2
            rest = weighted[2 * half :]
            combined = self.combine(weighted[:half], weighted[half : 2 * half])
            weighted = jnp.concatenate([combined, rest])
        return weighted[0]


def evaluation(fn: Lowered, params: Mapping[str, Any], state: Mapping[str, Any]) -> Functor:
    """Return the functor [-]; see :meth:`Lowered.evaluation`."""
    diagram = fn.diagram
    arrows = {
        edge: _function(fn, edge, params, state)
        for edge in diagram.edges
        if diagram.map_label(edge).kind != "defined"
    }
    return Functor(diagram, Functions(), arrows=arrows)


def _function(
    fn: Lowered, edge: str, params: Mapping[str, Any], state: Mapping[str, Any]
) -> Callable[[Any], Any]:
    """Return the function of an edge that is not defined by others."""
    diagram = fn.diagram
    label = diagram.map_label(edge)
    if isinstance(label, ProjectionMap):
        return itemgetter(diagram.projections[edge][1])
    if isinstance(label, FactorMap):
        return itemgetter(label.index)
    space = diagram.space_label(diagram.source(edge))
    architecture, variables = fn.architecture(edge), fn.variables(edge, params, state)
    return lambda value: architecture.apply(variables, as_input(space, value))


Params = Mapping[str, Any]
State = dict[str, Mapping[str, Any]]


class Aux(NamedTuple):
    """What the loss returns besides its value.

    Parameters
    ----------
    terms
        ``{equation: scalar}``: the mean cost of each equation, before its weight.
    state
        The part of the state that evaluation changed, ``{"mutable": ...}``: the next call's
        state is ``state | aux.state``. What did not change is not returned, because a compiled
        program would copy it.
    """

    terms: Mapping[str, jax.Array]
    state: State


class UnequalBatches(UserWarning):
    """Data sets of a class have batches of different sizes, so that not all of them run as one."""


class Lowered:
    """A loss as a pure function ``fn(params, state, batch, key=None) -> (value, aux)``.

    It may be jitted, differentiated and vmapped. It is compared by identity and holds no
    arrays that a program could close over.

    Parameters
    ----------
    loss
        The loss of a learning diagram.
    options
        How its maps are run; see :func:`lower`.

    Attributes
    ----------
    loss
        The loss that was lowered.
    plan
        What runs; print it.
    trainable
        The edges whose parameters may move.
    trained
        Those to which some equation sends a gradient.
    """

    __name__ = "loss"

    def __init__(self, loss: Loss, options: Options | None = None) -> None:
        expect(loss, Loss, "what is lowered", "a loss, such as diagram.loss()")
        self.loss = loss
        self.diagram = loss.diagram
        self.options = Options() if options is None else options
        self._refuse("lower", self.options.failures(self.diagram))
        stacking = functools.partial(stacking_for, self.options)
        asked = self.options.independent, stacking, self.options.together
        self.plan = self._streaming(Plan(loss, *asked))
        self._refuse("lower", self.options.plan_failures(self.plan))
        self.storage = Storage.of(self.plan)
        self.weighting = Weighting(self.plan, self.storage.weights)
        self.trainable, self.trained = self.diagram.trainable, self.plan.trained
        self.frozen = self.diagram.frozen
        used = *self.plan.edges, *self.trainable, *self.frozen
        self._refuse("the diagram", unbound_failures(self.diagram, used))
        self.random = frozenset(
            edge for edge in self.plan.edges if self.architecture(edge).accepts_key
        )
        self._sized: dict[tuple[int, ...], tuple[Plan, Storage]] = {}
        # Functions compiled from this one live as long as it does (see training.step).
        self.compiled: dict[Any, Callable[..., Any]] = {}

    def _streaming(self, plan: Plan) -> Plan:
        """Return a plan with what of it runs streamed."""
        if self.options.streams is not None:
            plan.streams = Streams(plan, self.options)
        return plan

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, and what other processes get, are lowered anew; programs are not kept."""
        return Lowered, (self.loss, self.options)

    @staticmethod
    def _refuse(what: str, failures: list[Failure]) -> None:
        refuse(what, failures)

    def init(self, key: jax.Array) -> tuple[Params, State]:
        """Return starting parameters and state.

        A model that was given as an object starts from its own arrays; any other is drawn with
        a key that depends on ``key`` and the edge's name alone. A moving average starts as what it
        follows, unless the diagram stores variables for it.

        Parameters
        ----------
        key
            A JAX random key.

        Returns
        -------
        tuple
            ``params`` and ``state``; the arrays are the caller's own and may be donated.
        """
        expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")
        params, frozen, mutable = start_of(self.diagram, self.storage, key)
        return params, {"frozen": frozen, "mutable": mutable, "weights": self.weights()}

    def weights(self, step: Any = 0, values: Mapping[str, Any] | None = None) -> Params:
        """Return the weight of each equation, for ``state["weights"]``, and scales that may change.

        Parameters
        ----------
        step
            The step at which schedules are asked.
        values
            New values of weights, and scales, that have a name.

        Raises
        ------
        UnknownName
            If no weight has one of the names.

        Examples
        --------
        >>> import catlearn as cl
        >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
        >>> f = cl.Model("f", X, Y, "linear")
        >>> fit = cl.Equation("d.X >> f = d.Y", weight=cl.Weight("beta", 0.5))
        >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), f, equations={"fit": fit})
        >>> fn = cl.lower(D.loss())
        >>> fn.weights()["fit"].item(), fn.weights(values={"beta": 2.0})["fit"].item()
        (0.5, 2.0)
        """
        expect_dicts(values={} if values is None else values)
        return self.weighting.at(step, values)

    def scheduled(self, step: Any) -> dict[str, Any]:
        """Return the weights that follow a schedule, at a step."""
        return self.weighting.scheduled(step)

    def reweighted(self, weights: Mapping[str, Any], step: Any) -> Mapping[str, Any]:
        """Return weights of which those that follow a schedule are the ones of a step."""
        return self.weighting.renewed(weights, step)

    def pack(self, *arguments: Any) -> tuple[Any, ...]:
        """Store arguments of the loss as it stores them itself.

        A call does so by itself, but then inside the compiled program, which takes longer to
        compile and to run. Arguments that are stored well are returned as they are, and where
        nothing is stacked all are.

        Parameters
        ----------
        arguments
            ``params``, ``state`` and ``batch``, or the first of them.

        Returns
        -------
        tuple
            As many as were given.

        Examples
        --------
        >>> import catlearn as cl, numpy as np
        >>> X, Y = cl.Space("X", 4), cl.Space("Y", 1)
        >>> models = [cl.Model(f"f_{i}", X, Y, "linear") for i in range(3)]
        >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), *models)
        >>> fn = cl.lower(D.loss([f"d.X >> f_{i} = d.Y" for i in range(3)]), stack=True)
        >>> tree = {"weight": np.ones((4, 1), "float32"), "bias": np.ones(1, "float32")}
        >>> (params,) = fn.pack({f"f_{i}": tree for i in range(3)})
        >>> params, params["f_1"]["weight"].shape
        (Stacked(f_0..f_2 (3)), (4, 1))
        """
        packers = self.storage.pack_params, self.storage.pack_state, self.pack_batch
        return tuple(pack(part) for pack, part in zip(packers, arguments, strict=False))

    def pack_batch(self, batch: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Store a batch as the loss does, which depends on the sizes of its data sets."""
        _, storage = self.sized(batch)
        return storage.pack_batch(batch)

    def sized(
        self, batch: Mapping[str, Mapping[str, Any]], warn: bool = True
    ) -> tuple[Plan, Storage]:
        """Return what runs for a batch, and how it is stored, by the sizes of its data sets.

        Where data sets of a class differ in size, those of equal size run as one.

        Warns
        -----
        UnequalBatches
            If so, once for each choice of sizes; not where nobody chose them, ``warn=False``.
        """
        classes = self.plan.stacking.data
        sizes = batch_sizes(self.plan, [d for group in classes for d in group], batch)
        return self.of_sizes(sizes, warn)

    def of_sizes(self, sizes: Mapping[str, int | None], warn: bool = True) -> tuple[Plan, Storage]:
        """Return the same for the number of examples of each data set; see :meth:`sized`."""
        classes = self.plan.stacking.data
        sizes = {data: sizes[data] for group in classes for data in group}
        uneven = [group for group in classes if len({sizes[data] for data in group}) > 1]
        known = tuple(size or 0 for size in sizes.values()) if uneven else ()
        if known not in self._sized:
            plan = self.plan
            if uneven:
                counts = {d: n or 0 for d, n in sizes.items()}
                plan = self._streaming(plan.run_as(stacking_for(self.options, plan, counts)))
                names = group_text([data for group in uneven for data in group])
                found = sorted({sizes[data] or 0 for group in uneven for data in group})
                alone = sum(map(len, uneven)) - sum(map(len, plan.stacking.data))
                message = (
                    f"batches of the data sets {names} differ in size (from {found[0]} to "
                    f"{found[-1]} examples), so that only those of one size run as one, and "
                    f"{alone} run alone; give batches of one size, or lower with stack=False"
                )
                if warn:
                    warnings.warn(message, UnequalBatches, stacklevel=4)
            self._sized[known] = plan, Storage.of(plan) if uneven else self.storage
        return self._sized[known]

    def architecture(self, edge: str) -> Architecture:
        """Return the architecture of the map on an edge."""
        expect(edge, str, "edge", "the name of an edge")
        return architecture_of(self.diagram, edge)

    def variables(self, edge: str, params: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
        """Return all the arrays of an edge, trainable or not, as its architecture wants them.

        Those of an operator are those of the edge that it acts on.
        """
        expect(edge, str, "edge", "the name of an edge")
        expect_dicts(params=params, state=state)
        expect_parts(state)
        edge = self.diagram.owner(edge)
        return combined(params.get(edge), state["frozen"].get(edge), state["mutable"].get(edge))

    def averaged(
        self, params: Mapping[str, Any], state: Mapping[str, Any], step: Any
    ) -> Mapping[str, Any]:
        """Return ``state["mutable"]`` after moving averages have followed parameters once more.

        A call in training moves them before it evaluates anything, so after an update they are one
        behind.

        Parameters
        ----------
        params, state
            As a step of training leaves them.
        step
            How many steps have been taken; a decay that follows a schedule is the one there.
        """
        expect_dicts(params=params, state=state)
        expect_parts(state)
        if not self.diagram.averages:
            return state["mutable"]

        def move(params: Any, state: Any, step: Any) -> Any:
            state = {**state, "weights": self.reweighted(state["weights"], step)}
            return averaged(self.plan, *self.storage.stacked(params, state)).plain

        run = self.compiled.setdefault("averages", jax.jit(move))
        return run(params, state, step)

    def evaluation(self, params: Mapping[str, Any], state: Mapping[str, Any]) -> Functor:
        """Return the functor that sends each path of the diagram to the function it computes.

        Parameters
        ----------
        params, state
            As :meth:`init` or training return them.

        Returns
        -------
        Functor
            Out of the free category of the diagram, into functions on batches. A path out of a
            data set takes a mapping from projections to arrays.

        Examples
        --------
        >>> import catlearn as cl, jax, numpy as np
        >>> X, Y = cl.Space("X", 2), cl.Space("Y", 2)
        >>> double = cl.Model("double", X, Y, lambda x: 2 * x)
        >>> shift = (lambda key: {"b": np.ones(2, "f4")}, lambda params, x: x + params["b"])
        >>> parts = cl.Dataset("d", X=X), double, cl.Model("f", X, Y, shift)
        >>> D = cl.LearningDiagram(*parts, equations=["f = double"])
        >>> fn = cl.lower(D.loss())
        >>> evaluate = fn.evaluation(*fn.init(jax.random.key(0)))
        >>> path = D.path("d.X >> f")
        >>> evaluate(path)({"X": np.zeros((1, 2), "f4")}).tolist()
        [[1.0, 1.0]]
        """
        expect_dicts(params=params, state=state)
        return evaluation(self, params, state)

    @called
    def __call__(
        self,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        batch: Mapping[str, Mapping[str, Any]],
        key: jax.Array | None = None,
        *,
        train: bool = True,
    ) -> tuple[jax.Array, Aux]:
        """Evaluate the loss on one batch of each data set.

        Parameters
        ----------
        params, state
            As :meth:`init` returns them. Those of other edges are ignored.
        batch
            ``{data set: {projection: array}}``, examples along the leading axis; each data set
            has its own number of them. Data sets and projections that no equation reads are
            ignored.
        key
            A JAX random key, needed only if an edge is random.
        train
            Whether models run as in training: dropout drops, batch statistics are those of the
            batch, moving averages move. Frozen models never do.

        Returns
        -------
        tuple
            The value, a scalar, and :class:`Aux`.

        Raises
        ------
        DataError
            Listing every array that is missing, or has the wrong shape or kind of number. This
            is checked while tracing and costs nothing in a compiled program.
        """
        refuse(
            "the arguments of the loss", self.failures(params, state, batch, key, train), DataError
        )
        held = self.storage.stacked(params, state)
        run = Run(*self.sized(batch), self.options, *held, batch, key, train)
        terms = run.costs()
        value = self.total(terms, run.state["weights"])
        return value, Aux(terms.plain, {"mutable": run.mutable.plain})

    def total(self, terms: Mapping[str, Any], weights: Mapping[str, Any]) -> jax.Array:
        """Return the value of the loss at mean costs of its equations, stored as it stores them.

        Parameters
        ----------
        terms
            ``{equation: mean cost}``, as in :class:`Aux`.
        weights
            ``{equation: weight}``, as in ``state["weights"]``.
        """
        return self.weighting.total(terms, weights)

    def failures(
        self,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        batch: Mapping[str, Mapping[str, Any]],
        key: jax.Array | None = None,
        train: bool = True,
    ) -> list[Failure]:
        """List what is missing from the arguments of a call, or does not fit."""
        return argument_failures(self.plan, params, state, batch, key, train)

    def select(self, labels: Mapping[str, Any], default: Any = None) -> Mapping[str, Any]:
        """Label the trainable edges, for ``optax.masked`` and ``optax.multi_transform``.

        Parameters
        ----------
        labels
            ``{edge: label}``; booleans make a mask.
        default
            The label of the other edges; ``False`` for a mask.

        Returns
        -------
        Mapping
            A prefix of the tree of parameters with one label for each trainable edge, or for
            each class of edges whose parameters are stacked.

        Raises
        ------
        UnknownName
            If an edge is not trainable.
        CatlearnError
            If edges are left without a label, or if labels differ among edges whose parameters
            are stacked; ``lower(loss, groups=labels)`` keeps them apart.

        Examples
        --------
        >>> import catlearn as cl
        >>> X, F = cl.Space("X", 4), cl.Space("F", 3)
        >>> there, back = cl.Model("there", X, F, "linear"), cl.Model("back", F, X, "linear")
        >>> fn = cl.lower(cl.LearningDiagram(cl.Dataset("data", X=X), there, back).loss("basis"))
        >>> fn.select({"back": True})
        {'there': False, 'back': True}
        """
        expect_dicts(labels=labels)
        return self.storage.labels(labels, default)

    def __repr__(self) -> str:
        names = list(map(group_text, self.storage.params.groups))
        return (
            f"Lowered(equations={len(self.plan.terms)}, parameters={names}, "
            f"evaluations={self.plan.evaluations})"
        )


@overload
def lower(
    loss: Circuit,
    *,
    sizes: Mapping[str, Any] | None = None,
    remat: Iterable[str] | bool = (),
    unroll: int | None = None,
    experts: str | None = None,
    accumulate: Any = None,
    opaque: Mapping[str, Callable[..., Any]] | None = None,
    check: bool | None = None,
    streams: str | Iterable[str] | None = None,
    block: int | None = None,
) -> LoweredCircuit: ...
@overload
def lower(
    loss: Fold | PrefixFold,
    *,
    sizes: Mapping[str, Any] | None = None,
    block: int | None = None,
    group: Mapping[str, int] | None = None,
    reverse: str | None = None,
) -> LoweredFold: ...
@overload
def lower(
    loss: Loss,
    *,
    remat: Iterable[str] | bool = (),
    precision: Any = None,
    independent: Iterable[str] = (),
    stack: bool | int = 8,
    groups: Mapping[str, Any] | None = None,
    together: Iterable[Iterable[str]] = (),
    streams: str | Iterable[str] | None = None,
    block: int | None = None,
) -> Lowered: ...
def lower(
    loss: Loss | Circuit | Fold | PrefixFold,
    *,
    remat: Iterable[str] | bool = (),
    precision: Any = None,
    independent: Iterable[str] = (),
    stack: bool | int = 8,
    groups: Mapping[str, Any] | None = None,
    together: Iterable[Iterable[str]] = (),
    sizes: Mapping[str, Any] | None = None,
    unroll: int | None = None,
    experts: str | None = None,
    accumulate: Any = None,
    opaque: Mapping[str, Callable[..., Any]] | None = None,
    check: bool | None = None,
    block: int | None = None,
    group: Mapping[str, int] | None = None,
    reverse: str | None = None,
    streams: str | Iterable[str] | None = None,
    **unknown: Any,
) -> Lowered | LoweredCircuit | LoweredFold:
    """Lower a symbolic loss, or a circuit, to a pure JAX function.

    Parameters
    ----------
    loss
        The loss of a learning diagram, ``diagram.loss()``; or a circuit of arrays, of which
        ``sizes``, ``remat`` and what follows ``sizes`` can be said.
    remat
        Edges whose intermediate values are computed again in the backward pass instead of kept
        (``jax.checkpoint``); True for all. Of a circuit: titles of blocks with rounds.
    precision
        The dtype in which maps compute, such as ``"bfloat16"``: one for all edges, or
        ``{edge: dtype}``. Parameters, values at vertices and divergences keep their own.
    independent
        Random edges that draw a new sample for each side of each equation. By default an edge
        draws one sample for one input, however many equations share it.
    stack
        The least number of isomorphic parts, data sets among them, that are stored stacked and run
        as one; True for 2, False for nothing. ``print(fn.plan)`` says what was found.
    groups
        ``{edge: label}``: edges with different labels are not stored together, so that an
        optimizer can tell them apart.
    together
        Groups of data sets, such as ``[("photos", "sketches")]``. An edge that is applied to paths
        out of several of them, which differ in the data set alone, runs once, on the examples of
        all, which are taken apart again where an equation needs those of one. It is another
        function where examples of a batch see each other: batch norm then takes its statistics
        over all of them, and moves once. Random edges draw once for all. Batches may differ
        in size.
    sizes, unroll, experts, accumulate, opaque, check
        Of a circuit: as for :class:`~catlearn.models.LoweredCircuit`; sizes also of a fold.
    block
        Of a fold: how many indices are read at a time, 64 unless said. Of what is streamed of a
        circuit, or a loss: the same, by its sizes unless said.
    group
        Of a fold: axes of the outputs of which blocks run one after the other, with the size of
        these, such as ``{"q": 1024}``.
    reverse
        Of a fold: how gradients are formed, ``"stream"`` unless said, or ``"checkpoint"``.
    streams
        Of circuits, and of losses with circuits on edges: ``"auto"``, or names of variables. Where
        a circuit would form an array much larger than what is read and returned (the scores of
        attention), the boxes that reduce it run as one fold, block by block. In a loss these may be
        of several edges, and of the divergence; ``fn.plan`` says which they are. Values and
        gradients are the same up to rounding.

    Returns
    -------
    Lowered
        ``fn(params, state, batch, key=None) -> (value, aux)``, with ``fn.init(key)``,
        ``fn.plan`` and ``fn.select``. Of a circuit
        :class:`~catlearn.models.LoweredCircuit`: ``fn(params, *arrays, key=None)``. Of a fold
        ``fn(params, *arrays)``.

    Raises
    ------
    InvalidStructure
        If a prediction is a label rather than logits, listing every such equation; if edges
        that came from a file have no architecture yet, listing them; or if an option names an
        edge that has no map to run, or data sets that are unknown or have no edge in common.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> head = cl.Model("head", X, Y, "linear")
    >>> lower(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), head).loss())
    Lowered(equations=1, parameters=['head'], evaluations=1)
    """
    said = _said(**locals())
    if isinstance(loss, (Fold, PrefixFold)):
        return LoweredFold(loss, **said)
    if isinstance(loss, Circuit):
        return (StreamedCircuit if "streams" in said else LoweredCircuit)(loss, **said)
    expect(loss, Loss, "what is lowered", "a loss, such as diagram.loss(), or a circuit")
    return Lowered(loss, Options.of(loss.diagram, **said))


TAKEN: Mapping[str, tuple[str, ...]] = {
    "a fold": ("sizes", "block", "group", "reverse"),
    "a circuit": (
        "sizes", "remat", "unroll", "experts", "accumulate", "opaque", "check", "streams", "block",
    ),
    "a loss": (
        "remat", "precision", "independent", "stack", "groups", "together", "streams", "block",
    ),
}  # fmt: skip
"""The options of :func:`lower` that can be said of what is lowered."""

UNSAID: Mapping[str, tuple[Any, ...]] = {
    "remat": ((), False), "independent": ((),), "stack": (8,), "together": ((),), "check": (False,),
}  # fmt: skip
"""What options are where nothing is said of them, besides None."""


def _said(loss: Any, unknown: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Return the options of which something is said; refuse those that what is lowered has not."""
    said = {
        name: value for name, value in given.items()
        if value is not None and not any(value is one or (type(value) is type(one) and value == one)
                                         for one in UNSAID.get(name, ()))
    } | {**unknown}  # fmt: skip
    kinds = {(Fold, PrefixFold): "a fold", (Circuit,): "a circuit", (Loss,): "a loss"}
    kind = next((name for some, name in kinds.items() if isinstance(loss, some)), None)
    if kind and (wrong := [f"{name}=" for name in said if name not in TAKEN[kind]]):
        taken = ", ".join(f"{name}=" for name in TAKEN[kind])
        raise WrongKind(f"{', '.join(wrong)} cannot be said of {kind}, but {taken}")
    if kind == "a circuit" and "block" in said and "streams" not in said:
        raise WrongKind("block= of a circuit says how streams are read; give streams= as well")
    return said


def to_torch(
    circuit: Circuit,
    sizes: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    experts: str = "auto",
    accumulate: Any = None,
    opaque: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """Return a circuit as a PyTorch module, ``module(*arrays)``.

    What runs is decided as for JAX. Parameters are ``torch.nn.Parameter`` by their address:
    ``enc/Q`` is ``enc.Q.weight``, and ``enc/Q.bias`` is ``enc.Q.bias``. ``module.tree()`` returns
    them as those of the JAX function, and ``module.load_tree(params)`` takes these over. Dropout
    is for ``module.train()``, and draws from PyTorch's generator. What a circuit only names, such
    as a function that was imported, is run by JAX, with gradients of first order, unless it is
    given.

    Parameters
    ----------
    circuit
        The circuit.
    params
        Its parameters, as the JAX function has them; drawn by PyTorch's seed unless given.
    sizes, experts, accumulate
        As for :class:`~catlearn.models.LoweredCircuit`.
    opaque
        What stands for each label: a function of the tensors that a box reads, to one or a tuple;
        where boxes are random, by PyTorch's generator.

    Raises
    ------
    InvalidStructure
        Listing the sizes of parameters that are not known, and parameters that are missing; or
        labels of which nothing says what they are.
    ImportError
        If PyTorch is not installed.
    """
    try:
        from catlearn.lowering.pytorch import module_of
    except ModuleNotFoundError as error:
        message = 'to_torch needs PyTorch; install it: pip install "catlearn[torch]"'
        raise ImportError(message) from error
    lowered = LoweredCircuit(circuit, sizes, experts=experts, accumulate=accumulate, opaque=opaque)
    return module_of(lowered, params)
