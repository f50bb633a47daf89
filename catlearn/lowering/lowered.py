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
* ``state["weights"]``: ``{equation: scalar}``, which may change without compiling again;
* ``state["mutable"]``: ``{edge: tree}``, what evaluation itself changes;
* ``batch``: ``{data set: {projection: array}}``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from catlearn.errors import (
    CatlearnError,
    DataError,
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
)
from catlearn.learning.weights import Weight
from catlearn.lowering.evaluation import evaluation
from catlearn.lowering.options import Options
from catlearn.lowering.plan import Form, Plan, Step, stable_hash
from catlearn.lowering.run import Run, noting
from catlearn.models import needs_key
from catlearn.models.spaces import dtype_kind

if TYPE_CHECKING:
    from catlearn.category import Functor
    from catlearn.learning import Loss
    from catlearn.models import Architecture, SpaceLabel

Params = dict[str, Any]
State = dict[str, dict[str, Any]]


class Aux(NamedTuple):
    """What the loss returns beside its value.

    Parameters
    ----------
    terms
        ``{equation: scalar}``: the mean cost of each equation, before its weight.
    state
        The part of the state that evaluation changed, ``{"mutable": ...}``: the next call's
        state is ``state | aux.state``. What did not change is not returned, because a compiled
        program would copy it.
    """

    terms: dict[str, jax.Array]
    state: State


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
    """

    __name__ = "loss"

    def __init__(self, loss: Loss, options: Options | None = None) -> None:
        self.loss = loss
        self.diagram = loss.diagram
        self.options = Options() if options is None else options
        failures = self.options.failures(self.diagram)
        if failures:
            raise InvalidStructure("the options of lower", failures)
        self.plan = Plan(loss.diagram, loss.equations, self.options.independent)
        self.trainable = self.diagram.trainable
        self.frozen = self.diagram.frozen
        self._refuse_unbound()
        self.random = frozenset(
            edge for edge in self.plan.edges if self.architecture(edge).accepts_key
        )
        aggregator = loss.aggregator
        # Python's own max, which the symbolic side uses, does not trace.
        self._combine_costs = jnp.maximum if aggregator.name == "max" else aggregator.combine
        # Functions compiled from this one live as long as it does (see training.step).
        self.compiled: dict[Any, Callable[..., Any]] = {}

    def _refuse_unbound(self) -> None:
        """Raise if an edge names an architecture that a file could not contain."""
        needed = dict.fromkeys((*self.plan.edges, *self.trainable, *self.frozen))
        failures = [
            Failure(
                "unbound",
                f"edge '{edge}'",
                f"has {self.architecture(edge)}, which names what a file cannot contain; "
                f"fill it in with diagram.bind({{'{edge}': ...}})",
            )
            for edge in needed
            if not self.architecture(edge).bound
        ]
        if failures:
            raise InvalidStructure("the diagram", failures)

    def init(self, key: jax.Array) -> tuple[Params, State]:
        """Return starting parameters and state.

        A model that was given as an object starts from its own arrays; any other is drawn with
        a key that depends on ``key`` and the edge's name alone.

        Parameters
        ----------
        key
            A JAX random key.

        Returns
        -------
        tuple
            ``params`` and ``state``; the arrays are the caller's own and may be donated.
        """
        params: Params = {}
        state: State = {"frozen": {}, "mutable": {}, "weights": self.weights()}
        for edge in self.trainable:
            params[edge], *rest = self.architecture(edge).parts(self._start(edge, key))
            for name, part in zip(("frozen", "mutable"), rest, strict=True):
                if jax.tree.leaves(part):
                    state[name][edge] = part
        for edge in self.frozen:
            followed = self.diagram.averages.get(edge)
            part = "frozen" if followed is None else "mutable"
            state[part][edge] = self._start(edge if followed is None else followed[0], key)
        return params, state

    def weights(self, step: Any = 0, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the weight of each equation, for ``state["weights"]``.

        Parameters
        ----------
        step
            The step at which schedules are asked.
        values
            New values of weights that have a name.

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
        given = {term.name: Weight.of(term.weight) for term in self.loss.equations}
        named = {w.name for w in given.values() if isinstance(w, Weight) and w.name is not None}
        unknown = [name for name in values or {} if name not in named]
        if unknown:
            message = f"no weight is called {', '.join(map(repr, unknown))}"
            raise UnknownName(f"{message}; {did_you_mean(unknown[0], sorted(named))}")
        return {
            name: jnp.asarray(w.at(step, values) if isinstance(w, Weight) else w, float)
            for name, w in given.items()
        }

    def scheduled(self, step: Any) -> dict[str, Any]:
        """Return the weights that follow a schedule, at a step."""
        weights = {term.name: term.weight for term in self.loss.equations}
        return {
            name: jnp.asarray(w.schedule(step), float)
            for name, w in weights.items()
            if isinstance(w, Weight) and w.schedule is not None
        }

    def _start(self, edge: str, key: jax.Array) -> Any:
        start = self.diagram.starts.get(edge)
        if start is None:
            folded = jax.random.fold_in(key, stable_hash(edge))
            start = self.architecture(edge).init(folded, *self._ends(edge))
        return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), start)

    def architecture(self, edge: str) -> Architecture:
        """Return the architecture of the map on an edge."""
        architecture = self.diagram.map_label(edge).architecture
        assert architecture is not None
        return architecture

    def variables(self, edge: str, params: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
        """Return all the arrays of an edge, trainable or not, as its architecture wants them."""
        parts = [params.get(edge), state["frozen"].get(edge), state["mutable"].get(edge)]
        return functools.reduce(_combine, parts)

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
        return evaluation(self, params, state)

    def _ends(self, edge: str) -> tuple[SpaceLabel, SpaceLabel]:
        diagram = self.diagram
        source, target = diagram.source(edge), diagram.target(edge)
        return diagram.space_label(source), diagram.space_label(target)

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
            As :meth:`init` returns them.
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
        failures = self.failures(params, state, batch, key, train)
        if failures:
            raise DataError("the arguments of the loss", failures)
        run = Run(self, params, state, batch, key, train)
        terms: dict[str, jax.Array] = {}
        for planned in self.plan.terms:
            term = planned.term
            prediction, target = run.sides(planned)
            with noting(functools.partial("in equation '{}'".format, term.name)):
                terms[term.name] = jnp.mean(term.divergence(prediction, target))
        weighted = [state["weights"][name] * cost for name, cost in terms.items()]
        value = functools.reduce(self._combine_costs, weighted) if weighted else jnp.zeros(())
        return value, Aux(terms, {"mutable": run.mutable})

    def failures(
        self,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        batch: Mapping[str, Mapping[str, Any]],
        key: jax.Array | None = None,
        train: bool = True,
    ) -> list[Failure]:
        """List what is missing from the arguments of a call, or does not fit."""
        trainable, frozen = set(self.trainable), set(self.frozen)
        failures = [
            Failure("params", f"edge '{edge}'", "has no parameters; start from fn.init(key)")
            for edge in self.plan.edges
            if edge in trainable and edge not in params
        ]
        failures += [
            Failure("state", f"frozen edge '{edge}'", f"has no parameters in state['{part}']")
            for edge in self.plan.edges
            if edge in frozen
            for part in ["mutable" if edge in self.diagram.averages else "frozen"]
            if edge not in state[part]
        ]
        failures += [
            Failure("state", f"equation '{term.name}'", "has no weight in state['weights']")
            for term in self.loss.equations
            if term.name not in state["weights"]
        ]
        if key is None:
            failures += [
                Failure("key", f"edge '{edge}'", "is random and needs key=jax.random.key(...)")
                for edge in self.plan.edges
                if edge in self.random
                and needs_key(self.diagram.map_label(edge), *self._ends(edge), train)
            ]
        for data, steps in self.plan.columns.items():
            if data not in batch:
                found = ", ".join(map(repr, batch)) or "nothing"
                message = f"is missing from the batch, which has {found}"
                failures.append(Failure("batch", f"data set '{data}'", message))
                continue
            for step in steps:
                label = self.diagram.space_label(step.vertex)
                failures += _column_failures(step, label, batch[data])
            failures += _length_failures(data, [step.column for step in steps], batch[data])
        return failures

    def select(self, labels: Mapping[str, Any], default: Any = None) -> dict[str, Any]:
        """Label the trainable edges, for ``optax.masked`` and ``optax.multi_transform``.

        Parameters
        ----------
        labels
            ``{edge: label}``; booleans make a mask.
        default
            The label of the other edges; ``False`` for a mask.

        Returns
        -------
        dict
            A prefix of the tree of parameters with one label for each trainable edge.

        Raises
        ------
        UnknownName
            If an edge is not trainable.
        CatlearnError
            If edges are left without a label.

        Examples
        --------
        >>> import catlearn as cl
        >>> X, F = cl.Space("X", 4), cl.Space("F", 3)
        >>> there, back = cl.Model("there", X, F, "linear"), cl.Model("back", F, X, "linear")
        >>> fn = cl.lower(cl.LearningDiagram(cl.Dataset("data", X=X), there, back).loss("basis"))
        >>> fn.select({"back": True})
        {'there': False, 'back': True}
        """
        unknown = [edge for edge in labels if edge not in self.trainable]
        if unknown:
            raise UnknownName(
                f"not trainable here: {', '.join(map(repr, unknown))}; the trainable edges are "
                f"{', '.join(map(repr, self.trainable))}"
            )
        rest = default
        if rest is None and labels and all(isinstance(label, bool) for label in labels.values()):
            rest = False
        missing = [edge for edge in self.trainable if edge not in labels]
        if rest is None and missing:
            raise CatlearnError(
                f"no label for {', '.join(map(repr, missing))}; name every edge or give default="
            )
        return {edge: labels.get(edge, rest) for edge in self.trainable}

    def __repr__(self) -> str:
        return (
            f"Lowered(equations={len(self.plan.terms)}, parameters={list(self.trainable)}, "
            f"evaluations={self.plan.evaluations})"
        )


def lower(
    loss: Loss,
    *,
    remat: Iterable[str] | bool = (),
    precision: Any = None,
    independent: Iterable[str] = (),
) -> Lowered:
    """Lower a symbolic loss to a pure JAX function.

    Parameters
    ----------
    loss
        The loss of a learning diagram, ``diagram.loss()``.
    remat
        Edges whose intermediate values are computed again in the backward pass instead of kept
        (``jax.checkpoint``); True for all.
    precision
        The dtype in which maps compute, such as ``"bfloat16"``: one for all edges, or
        ``{edge: dtype}``. Parameters, values at vertices and divergences keep their own.
    independent
        Random edges that draw a new sample for each side of each equation. By default an edge
        draws one sample for one input, however many equations share it.

    Returns
    -------
    Lowered
        ``fn(params, state, batch, key=None) -> (value, aux)``, with ``fn.init(key)``,
        ``fn.plan`` and ``fn.select``.

    Raises
    ------
    InvalidStructure
        If a prediction is a label rather than logits, listing every such equation; if edges
        that came from a file have no architecture yet, listing them; or if an option names an
        edge that has no map to run.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> head = cl.Model("head", X, Y, "linear")
    >>> lower(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), head).loss())
    Lowered(equations=1, parameters=['head'], evaluations=1)
    """
    return Lowered(loss, Options.of(loss.diagram, remat, precision, independent))


def _combine(tree: Any, rest: Any) -> Any:
    if rest is None:
        return tree
    if tree is None:
        return rest
    return jax.tree.map(
        lambda leaf, other: other if leaf is None else leaf, tree, rest, is_leaf=lambda x: x is None
    )


def _column_failures(step: Step, label: SpaceLabel, columns: Mapping[str, Any]) -> list[Failure]:
    where = f"data set '{step.data}', projection '{step.column}'"
    if step.column not in columns:
        found = ", ".join(map(repr, columns)) or "nothing"
        return [Failure("batch", where, f"is missing; the batch has {found}")]
    return _array_failures(where, label, step.form, columns[step.column])


def _array_failures(where: str, label: SpaceLabel, form: Form, value: Any) -> list[Failure]:
    if isinstance(form, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(form):
            message = f"expected a tuple of {len(form)} arrays, found {type(value).__name__}"
            return [Failure("batch", where, message)]
        parts = zip(label.factors, form, value, strict=True)  # type: ignore[attr-defined]
        return [
            failure
            for i, part in enumerate(parts)
            for failure in _array_failures(f"{where}, factor {i}", *part)
        ]
    shape, dtype = jnp.shape(value), jnp.result_type(value)
    expected = label.example(shape[0] if shape else 0, form)
    if shape == expected.shape and _converts(dtype, expected.dtype, form):
        return []
    needed = "".join(f", {size}" for size in expected.shape[1:])
    message = f"found shape {shape} of {dtype}, expected (batch{needed}) of {expected.dtype}"
    return [Failure("batch", where, message)]


def _converts(found: Any, expected: Any, form: Form) -> bool:
    """Whether data of one dtype may stand for another: upwards, except between the two forms."""
    ranks = "?bifc"
    one, other = ranks.index(dtype_kind(found)), ranks.index(dtype_kind(expected))
    return one == other if form in ("label", "logits") else 0 < one <= other


def _length_failures(data: str, names: Sequence[str], columns: Mapping[str, Any]) -> list[Failure]:
    lengths = {
        name: jnp.shape(leaf)[0]
        for name in names
        if name in columns
        for leaf in jax.tree.leaves(columns[name])
        if jnp.ndim(leaf)
    }
    if len(set(lengths.values())) <= 1:
        return []
    found = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
    message = f"its projections need equally many examples, but {found}"
    return [Failure("batch", f"data set '{data}'", message)]
