"""Validation: what held-out data cost, in parts if they are large, and when a run stops for it.

Costs are means over examples, with models in evaluation. A data set that is cut into parts has the
mean of their costs, each by its share of the examples; that is the cost of the whole, unless a
divergence compares the examples of a batch with each other. A *metric* is an equation whose sides
are measured by something that is not trained: any divergence, or a function of two batches such as
:func:`accuracy`. It is evaluated by the same maps; nothing is lowered for it.

>>> import numpy as np
>>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])).tolist()
[1.0, 0.0]
>>> patience = Patience(2)
>>> patience.best([3.0, 1.0, 2.0]), patience.is_over([3.0, 1.0, 2.0]), patience.is_over([1, 2, 3])
(1, False, True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.category import Equation
from catlearn.errors import (
    DataError,
    Failure,
    Failures,
    InvalidStructure,
    did_you_mean,
    expect,
    fault,
    refuse,
)
from catlearn.files import write_csv
from catlearn.lowering import Lowered
from catlearn.training.columns import batch_lengths, take
from catlearn.training.data import checked

Data = Mapping[str, Mapping[str, Any]]
Metrics = Mapping[str, Any]
"""For each name an equation, or a text and what measures its sides."""


def accuracy(prediction: Any, target: Any) -> jax.Array:
    """Return 1 where the likeliest class is the right one and 0 elsewhere, shape ``(batch,)``.

    Parameters
    ----------
    prediction, target
        Labels ``(batch,)`` or scores ``(batch, classes)``.
    """
    return (_classes(prediction) == _classes(target)).astype(jnp.float32)


def error_rate(prediction: Any, target: Any) -> jax.Array:
    """Return 0 where the likeliest class is the right one and 1 elsewhere, shape ``(batch,)``."""
    return 1 - accuracy(prediction, target)


def _classes(value: Any) -> jax.Array:
    value = jnp.asarray(value)
    return value if value.ndim == 1 else jnp.argmax(value, axis=-1)


@dataclass(frozen=True)
class Patience:
    """Stop when validation has not become better for a while.

    Parameters
    ----------
    checks
        After how many validations in a row that are no better.
    by
        What is looked at: ``"total"``, an equation or a metric.
    least
        By how much a value has to be better than the best one to count.
    largest
        Whether larger is better, as for an accuracy.

    Raises
    ------
    InvalidStructure
        If ``checks`` is less than 1, or ``least`` is negative.
    WrongKind
        If a number, the name or the flag is none.
    """

    checks: int
    by: str = "total"
    least: float = 0.0
    largest: bool = False

    def __post_init__(self) -> None:
        expect(self.checks, (int, np.integer), "checks", "a number of validations")
        expect(self.by, str, "by", "'total', or the name of an equation or a metric")
        expect(self.least, (int, float, np.number), "least", "a number")
        expect(self.largest, (bool, int, np.bool_), "largest", "True or False")
        refuse(
            "Patience",
            (
                Failure("options", name, f"must be at least {least}, found {value}")
                for name, value, least in (("checks", self.checks, 1), ("least", self.least, 0))
                if not value >= least
            ),
        )

    def best(self, values: Sequence[float]) -> int | None:
        """Return the place of the best value, the first of equal ones; None if there is none.

        A value that is not finite is never better.
        """
        best: int | None = None
        for place, value in enumerate(values):
            gain = np.inf if best is None else value - values[best]
            gain = gain if self.largest or best is None else -gain
            if np.isfinite(value) and gain > (0 if best is None else self.least):
                best = place
        return best

    def is_over(self, values: Sequence[float]) -> bool:
        """Whether the last values, as many as are waited for, were no better than one before."""
        best = self.best(values)
        return len(values) - 1 - (-1 if best is None else best) >= self.checks


class Curves(Mapping[str, np.ndarray]):
    """What validation found, by name: ``total``, each equation and each metric.

    Parameters
    ----------
    names
        In order.
    steps
        After how many steps each validation was.
    rows
        An array of shape (validations, names).

    Examples
    --------
    >>> curves = Curves(("total", "accuracy"), [10, 20], [[2.0, 0.5], [1.0, 0.75]])
    >>> curves["accuracy"].tolist(), curves.steps.tolist()
    ([0.5, 0.75], [10, 20])
    """

    def __init__(self, names: Sequence[str], steps: Any = (), rows: Any = ()) -> None:
        self.names = tuple(names)
        self.steps = np.array(steps, int)
        self.rows = np.array(rows, float).reshape(len(self.steps), len(self.names))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise KeyError(name)
        return self.rows[:, self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curves):
            return NotImplemented
        same = self.names == other.names and np.array_equal(self.steps, other.steps)
        return same and np.array_equal(self.rows, other.rows, equal_nan=True)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_csv(self, spreadsheet: bool = False) -> str:
        """Return the curves as comma-separated text, one row for each validation.

        Parameters
        ----------
        spreadsheet
            Whether to quote names that a spreadsheet would run as formulas, by an apostrophe.
        """
        rows = zip(self.steps.tolist(), self.rows.tolist(), strict=True)
        cells = ([step, *row] for step, row in rows)
        return write_csv([["step", *self.names], *cells], spreadsheet)

    def __repr__(self) -> str:
        return f"Curves({', '.join(self.names)}; {len(self.steps)} validations)"


def measures_of(fn: Lowered, metrics: Metrics | None) -> dict[str, Equation]:
    """Read metrics as equations of the diagram.

    Parameters
    ----------
    fn
        The lowered loss.
    metrics
        ``{name: equation}``, or ``{name: (text, measure)}`` with a divergence, its name, or a
        function of two batches, in ``jax.numpy``, that returns a float for each example.

    Raises
    ------
    InvalidStructure
        Listing each metric that is neither, does not start at a data set, or has the name of an
        equation of the loss.
    """
    failures, found = Failures(), {}
    taken = {"total", *(equation.name for equation in fn.loss.equations)}
    for name, given in (metrics or {}).items():
        where = f"metric '{name}'"
        if isinstance(given, tuple) and len(given) == 2:
            given = Equation(given[0], divergence=given[1])
        if not isinstance(given, Equation):
            message = "is an equation, or a pair such as ('data.X >> f = data.Y', accuracy)"
            failures.add("metrics", where, f"{message}, not {given!r}")
        elif name in taken:
            failures.add("metrics", where, "has the name of an equation of the loss")
        else:
            chosen = fn.diagram.select([given])
            (found[name],) = (*chosen.terms, *chosen.untrainable)
    refuse("metrics", failures)
    return found


def ready(
    fn: Lowered, data: Data, measures: Mapping[str, Equation], option: str = "data"
) -> dict[str, Any]:
    """Return data as a loss reads them, with what metrics read besides.

    Parameters
    ----------
    fn, data, measures
        The lowered loss, data sets and metrics.
    option
        What the caller calls the data.

    Raises
    ------
    DataError
        Listing everything that is missing, has no examples or does not fit, values included.
    """
    found: dict[str, Any] = {**checked(fn, data, option)}
    failures = Failures()
    for metric, term in measures.items():
        name = term.data
        found[name] = {**data.get(name, {}), **found.get(name, {})}
        for edge in (side.edges[0] for side in (term.lhs, term.rhs) if side.edges):
            if fn.diagram.projections[edge][1] not in found[name]:
                message = f"is read by metric '{metric}' and missing; give it by {option}="
                failures.add("data", f"projection '{edge}'", message)
    refuse("the data of metrics", failures, DataError)
    return found


def evaluated(
    fn: Lowered,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    data: Data,
    key: jax.Array | None = None,
    batch_size: int | None = None,
    measures: Mapping[str, Equation] | None = None,
) -> tuple[float, dict[str, float]]:
    """Return what data cost: the value, and the mean cost of each equation and metric.

    Parameters
    ----------
    fn, params, state
        The lowered loss, and where.
    data
        ``{data set: {projection: array}}``.
    key
        For edges that draw.
    batch_size
        The most examples of a data set that are evaluated at once; by default all.
    measures
        Metrics, as :func:`measures_of` returns them.
    """
    measures = measures or {}
    run = _compiled(fn, measures)
    sets = {term.name: term.data for term in fn.loss.equations}
    sets |= {name: term.data for name, term in measures.items()}
    costs: dict[str, float] = dict.fromkeys(sets, 0.0)
    value = 0.0
    parts = list(_parts(fn, data, batch_size, set(sets.values())))
    for batch, shares in parts:
        fn.sized(batch, warn=False)  # data that are evaluated are as long as they are
        params, state, packed = fn.pack(params, state, batch)
        given = batch if measures else None
        value, terms, found = jax.device_get(run(params, state, packed, given, key))
        for name, cost in (*terms.items(), *found.items()):
            costs[name] += shares[sets[name]] * float(cost)
    if len(parts) > 1:
        terms = {term.name: jnp.asarray(costs[term.name]) for term in fn.loss.equations}
        value = fn.total(terms, state["weights"])
    return float(value), costs


def _compiled(fn: Lowered, measures: Mapping[str, Equation]) -> Callable[..., Any]:
    """Return the jitted function of one batch, made once for each loss and choice of metrics."""

    def run(params: Any, state: Any, packed: Any, batch: Any, key: Any) -> Any:
        value, aux = fn(params, state, packed, key, train=False)
        found = _measured(fn, measures, params, state, batch) if measures else {}
        return value, aux.terms, found

    known = ("evaluate", *((name, str(m), m.divergence) for name, m in measures.items()))
    return fn.compiled.setdefault(known, jax.jit(run))


def _measured(
    fn: Lowered, measures: Mapping[str, Equation], params: Any, state: Any, batch: Any
) -> dict[str, jax.Array]:
    """Return the mean of each metric on a batch.

    Raises
    ------
    InvalidStructure
        If one does not return a float for each example, or is not in ``jax.numpy``.
    """
    found: dict[str, jax.Array] = {}
    evaluate = fn.evaluation(params, state)
    for name, term in measures.items():
        sides = [evaluate(side)(batch[term.data]) for side in (term.lhs, term.rhs)]
        try:
            found[name] = jnp.mean(term.divergence(*sides))
        except InvalidStructure as error:
            raise InvalidStructure(f"metric '{name}'", error.failures) from None
        except jax.errors.JAXTypeError as error:
            message = "cannot be traced by JAX; write it in jax.numpy in place of numpy or Python"
            raise fault(
                f"metric '{name}'", "metrics", f"measure {term.divergence}", message
            ) from error
    return found


def _parts(
    fn: Lowered, data: Data, batch_size: int | None, needed: set[str]
) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """Cut data into parts of moderate size; yield each with its share of each data set.

    Parts of a data set differ by one example at most, so few programs are compiled. A data set with
    fewer examples than there are parts is in each part whole.
    """
    if batch_size is None:
        yield {**data}, dict.fromkeys(data, 1.0)
        return
    lengths = {name: batch_lengths(data[name])[0] for name in data if name in needed}
    count = max((-(-n // batch_size) for n in lengths.values()), default=1)
    for number in range(count):
        batch, shares = {}, {}
        for name, columns in data.items():
            if name not in lengths:
                continue
            total = lengths[name]
            rows = np.arange(total)
            if total >= count:
                rows = np.array_split(rows, count)[number]
            batch[name] = {key: take(column, rows) for key, column in columns.items()}
            shares[name] = len(rows) / total if total >= count else 1 / count
        yield batch, shares


class Validation:
    """The validations of a run: when, on what, and the best variables so far, on the host.

    Parameters
    ----------
    fn
        The lowered loss.
    data
        Held-out data: ``{data set: {projection: array}}``, for every data set of the loss.
    every
        After how many steps.
    patience
        When to stop; by default never.
    metrics
        What else to measure.
    batch_size
        The most examples of a data set that are evaluated at once.
    key
        For edges that draw, the same at each validation.

    Raises
    ------
    DataError
        If the data do not fit.
    InvalidStructure
        If patience looks at something that is not measured.
    """

    def __init__(
        self,
        fn: Lowered,
        data: Data,
        every: int,
        patience: Patience | None = None,
        metrics: Metrics | None = None,
        batch_size: int | None = None,
        key: jax.Array | None = None,
    ) -> None:
        self.fn, self.every, self.key = fn, every, key
        self.batch_size = batch_size
        self.patience, self.never = patience or Patience(1), patience is None
        self.measures = measures_of(fn, metrics)
        self.data = ready(fn, data, self.measures, "validate")
        equations = (term.name for term in fn.loss.equations)
        self.curves = Curves(("total", *equations, *self.measures))
        self.best: tuple[int, Any, Any] | None = None
        if self.patience.by not in self.curves:
            message = f"is not measured; {did_you_mean(self.patience.by, self.curves)}"
            raise fault("fit", "stop", f"Patience by '{self.patience.by}'", message)

    def trace(self, params: Any, state: Any) -> None:
        """Refuse metrics that JAX cannot trace, before anything is trained.

        Whatever else one raises, it raises when it is measured.

        Raises
        ------
        InvalidStructure
            If one is not in ``jax.numpy``, or does not return a float for each example.
        """
        try:
            jax.eval_shape(partial(_measured, self.fn, self.measures), params, state, self.data)
        except InvalidStructure:
            raise
        except Exception:
            return

    def check(
        self, step: int, params: Any, state: Mapping[str, Any], keep: Callable[[Any], Any]
    ) -> bool:
        """Validate; return whether the run should stop.

        Parameters
        ----------
        step
            How many steps are done.
        params, state
            The variables after them.
        keep
            Brings a tree to the host, whole.
        """
        weights = self.fn.reweighted(state["weights"], max(step - 1, 0))
        moved = self.fn.averaged(params, state, step) if step else state["mutable"]
        latest = {**state, "mutable": moved, "weights": weights}
        value, costs = evaluated(
            self.fn, params, latest, self.data, self.key, self.batch_size, self.measures
        )
        row = [value, *(costs[name] for name in self.curves.names[1:])]
        curves = self.curves
        self.curves = Curves(curves.names, [*curves.steps, step], [*curves.rows, row])
        values = self.curves[self.patience.by].tolist()
        if self.patience.best(values) == len(values) - 1:
            host = jax.tree.map(np.array, jax.device_get(keep((params, state["mutable"]))))
            self.best = (step, *host)
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether patience is over."""
        return not self.never and self.patience.is_over(self.curves[self.patience.by].tolist())

    def record(self) -> dict[str, Any]:
        """Return the curves, and the step of the best variables, as JSON."""
        rows = self.curves.rows.tolist()
        rows = [[value if np.isfinite(value) else None for value in row] for row in rows]
        best = None if self.best is None else self.best[0]
        names = list(self.curves.names)
        return {"names": names, "steps": self.curves.steps.tolist(), "rows": rows, "best": best}

    def restore(self, record: Mapping[str, Any], best: Any) -> None:
        """Go on from what a checkpoint recorded, if it measured the same.

        Parameters
        ----------
        record
            What :meth:`record` returned.
        best
            The best parameters and mutable state, None if there were none.
        """
        if tuple(record.get("names", ())) != self.curves.names:
            return
        rows = [[np.nan if value is None else value for value in row] for row in record["rows"]]
        self.curves = Curves(self.curves.names, record["steps"], rows)
        if record["best"] is not None and best is not None:
            self.best = (record["best"], *best)
