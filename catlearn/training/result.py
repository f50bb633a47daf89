"""What training returns: the result, and what each step cost.

>>> import numpy as np
>>> history = History(("fit", "cycle"), np.array([[3.0, 1.0, 2.0], [1.5, 0.5, 1.0]]))
>>> history
History(steps=2, total=3 -> 1.5)
>>> history["cycle"]
array([2., 1.])
>>> print(history.to_csv(), end="")
step,total,fit,cycle
0,3.0,1.0,2.0
1,1.5,0.5,1.0
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from pathlib import Path as File
from typing import Any

import jax
import numpy as np

from catlearn.category import Path
from catlearn.display import Chart, Charted, Series
from catlearn.errors import CatlearnError, DataError, Failure, UnknownName, expect, fault, refuse
from catlearn.learning import LearningDiagram
from catlearn.lowering import Lowered
from catlearn.models import DataSpace, Product, check_array
from catlearn.training.data import expect_key
from catlearn.training.validation import Curves, evaluated, measures_of, ready


class History(Mapping[str, np.ndarray], Charted):
    """The cost of each equation at each step: a mapping from equations to arrays.

    Costs are means over the batch of their step, before the weight. ``total`` is the value that
    was minimised.

    Parameters
    ----------
    equations
        The names of the equations, in the order of the loss.
    rows
        An array of shape (steps, 1 + equations): the total, then each equation.
    validation
        What validation found, if there was any.
    """

    def __init__(
        self, equations: tuple[str, ...], rows: np.ndarray, validation: Curves | None = None
    ) -> None:
        self.equations = equations
        self.validation = validation
        self.rows = np.array(rows)
        self.rows.flags.writeable = False

    @property
    def total(self) -> np.ndarray:
        """The value of the loss at each step, shape (steps,)."""
        return self.rows[:, 0]

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.rows)

    def __getitem__(self, equation: str) -> np.ndarray:
        if equation not in self.equations:
            raise KeyError(equation)
        return self.rows[:, 1 + self.equations.index(equation)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.equations)

    def __len__(self) -> int:
        return len(self.equations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        same = self.equations == other.equations and self.validation == other.validation
        return same and np.array_equal(self.rows, other.rows, equal_nan=True)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists.

        Examples
        --------
        >>> History(("fit",), np.array([[2.0, 1.0]])).to_dict()
        {'total': [2.0], 'equations': {'fit': [1.0]}}
        """
        return {
            "total": self.total.tolist(),
            "equations": {name: self[name].tolist() for name in self},
        }

    def to_csv(self, path: str | File | None = None, spreadsheet: bool = False) -> str:
        """Return the history as comma-separated text, and write it if a path is given.

        Parameters
        ----------
        path
            Where to write it.
        spreadsheet
            Whether to quote names that a spreadsheet would run as formulas, by an apostrophe.
        """
        curves = Curves(("total", *self.equations), range(self.steps), self.rows)
        text = curves.to_csv(spreadsheet)
        if path is not None:
            File(path).write_text(text, encoding="utf-8")
        return text

    def chart(self) -> Chart:
        """The costs as curves, of training and of validation; below them the metrics."""
        steps, drawn = range(self.steps), ["total"]
        found = Curves(()) if self.validation is None else self.validation
        if len(self.equations) > 1 or not np.array_equal(self.total, self.rows[:, -1]):
            drawn += self.equations
        columns = dict(zip(("total", *self.equations), self.rows.T, strict=True))
        curves = [Series(name, steps, columns[name].tolist()) for name in drawn]
        metrics: list[Series] = []
        for name, values in found.items():
            curve = Series(name, found.steps.tolist(), values.tolist())
            if name in drawn:
                place = 1 if name == "total" else len(curves)
                curves.insert(place, curve._replace(name=f"{name} in validation"))
            elif name not in columns:
                metrics.append(curve)
        below = (Chart("Metrics", tuple(metrics), y="metric"),) if metrics else ()
        return Chart(f"Costs of {self.steps} steps", tuple(curves), below=below)

    def __repr__(self) -> str:
        course = f", total={self.total[0]:.6g} -> {self.total[-1]:.6g}" if self.steps else ""
        return f"History(steps={self.steps}{course})"


class Left:
    """What stands for a lowered loss that could not go to another process."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copying and pickling
            raise AttributeError(name)
        message = (
            "this result has come from another process without its loss, which could not be sent "
            f"({self.reason}); dataclasses.replace(result, fn=fn) gives it one"
        )
        raise CatlearnError(message)


@dataclass(frozen=True)
class Result:
    """The end of a training run.

    It goes to other processes with all its arrays. Its loss goes along if it can: a model that is a
    lambda or a local function cannot, and whatever then asks the result for its loss says so.

    Parameters
    ----------
    fn
        The function that was minimised.
    params
        ``{edge: tree}``: the trained parameters.
    state
        The state to train on with; ``evaluation_state`` is the one to use the parameters with.
    optimizer_state
        The optimizer's state, for training on in a loop of one's own.
    history
        The cost of each equation at each step.
    steps
        How many steps the parameters have behind them.
    data
        The arrays it was trained on.
    stopped
        What ended the run before its last step: ``"patience"``, when validation had not become
        better for a while, ``"callback"``, ``"signal"`` or ``"error"``; else ``""``.
    best
        The result at the step where validation was best, None without validation.
    """

    fn: Lowered
    params: Mapping[str, Any]
    state: dict[str, Any]
    optimizer_state: Any
    history: History
    steps: int
    data: Mapping[str, Mapping[str, Any]]
    stopped: str = ""
    best: Result | None = None

    def __repr__(self) -> str:
        text = f"Result(history={self.history!r}, steps={self.steps}"
        text += f", stopped by {self.stopped}" if self.stopped else ""
        text += "" if self.best is None else f", best after {self.best.steps} steps"
        return f"{text})"

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__}
        try:
            pickle.dumps(self.fn)
        except Exception as error:
            state["fn"] = Left(f"{type(error).__name__}: {error}")
        return state

    def __copy__(self) -> Result:
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        loss = parts.pop("fn")  # an immutable value
        return replace(self, fn=loss, **copy.deepcopy(parts, memo))

    @property
    def interrupted(self) -> bool:
        """Whether a signal such as Ctrl-C stopped the run before its last step."""
        return self.stopped == "signal"

    @property
    def evaluation_state(self) -> dict[str, Any]:
        """The state to use the parameters with: moving averages have followed the last step, too.

        In ``state`` they follow it when the next step begins.
        """
        if not self.steps:
            return self.state
        return {**self.state, "mutable": self.fn.averaged(self.params, self.state, self.steps)}

    def model(self, name: str) -> Any:
        """Return the model on an edge, as the object it was given as, with trained parameters.

        Parameters
        ----------
        name
            The name of a trainable or frozen edge.

        Returns
        -------
        object
            For a module of a library such a module (with its state, where it was given
            so), for ``(init, apply)`` the function on a batch.

        Raises
        ------
        UnknownName
            If no such edge has a model.
        """
        known = (*self.fn.trainable, *self.fn.frozen, *self.fn.diagram.operators)
        if name not in known:
            raise UnknownName(f"no model is called {name!r}; the models are {', '.join(known)}")
        variables = self.fn.variables(name, self.params, self.evaluation_state)
        return self.fn.architecture(name).rebuild(variables)

    @property
    def diagram(self) -> LearningDiagram:
        """The diagram with the trained variables in its store.

        Its parts, other components and merges with other diagrams start from them; see
        :mod:`catlearn.learning.surgery`.

        Examples
        --------
        >>> import catlearn as cl, numpy as np, optax
        >>> X, Y = cl.Space("X", 1), cl.Space("Y", 1)
        >>> points = cl.Dataset("d", X=(X, np.ones((2, 1), "f4")), Y=(Y, np.ones((2, 1), "f4")))
        >>> D = cl.LearningDiagram(points, cl.Model("f", X, Y, "linear"))
        >>> result = cl.fit(D, optax.sgd(0.1), steps=1, progress=False)
        >>> result.diagram == D, list(result.diagram.starts)
        (True, ['f'])
        """
        fn = self.fn
        edges = [
            edge for edge in (*fn.trainable, *fn.frozen) if not fn.architecture(edge).parameter_free
        ]
        variables = {edge: fn.variables(edge, self.params, self.state) for edge in edges}
        return fn.diagram.with_values(variables)

    def evaluate(
        self,
        data: Mapping[str, Mapping[str, Any]] | None = None,
        key: jax.Array | None = None,
        *,
        batch_size: int | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> tuple[float, dict[str, float]]:
        """Return what whole data sets cost.

        Parameters
        ----------
        data
            ``{data set: {projection: array}}``, by default what the run was trained on. It is
            evaluated with models in evaluation mode.
        key
            Needed only if an edge must have one.
        batch_size
            The most examples of a data set that are evaluated at once; by default all. Costs are
            means over all parts, the same up to rounding, unless a divergence compares the
            examples of a batch with each other.
        metrics
            What else to measure: ``{name: (equation, measure)}`` with a divergence or a function of
            two batches, in ``jax.numpy``, such as :func:`~catlearn.training.accuracy`.

        Returns
        -------
        tuple
            The value, weights included, and ``{equation or metric: mean cost}``.

        Raises
        ------
        DataError
            Listing what is missing, has no examples or does not fit, values included.
        """
        expect_count(batch_size)
        for name, value in (("data", data), ("metrics", metrics)):
            if value is not None:
                expect(value, Mapping, name, "a dict by name")
        if key is not None:
            expect_key(key)
        measures = measures_of(self.fn, metrics)
        data = ready(self.fn, self.data if data is None else data, measures)
        state = self.evaluation_state
        return evaluated(self.fn, self.params, state, data, key, batch_size, measures)

    def predict(self, path: str | Path, x: Any, batch_size: int | None = None) -> Any:
        """Return what a path makes of values where it starts, with models in evaluation mode.

        Parameters
        ----------
        path
            A path of the diagram, such as ``"encoder >> head"``.
        x
            A batch: an array; at a product a tuple of arrays, at a data set a dict of columns.
        batch_size
            The most examples at once; by default all.

        Returns
        -------
        array or tuple
            On the host, with one entry for each example.

        Raises
        ------
        DataError
            If the values do not fit the space where the path starts, or are out of its range.
        InvalidStructure
            If ``batch_size`` is less than 1.

        Examples
        --------
        >>> import catlearn as cl, numpy as np, optax
        >>> X, Y = cl.Space("X", 1), cl.Space("Y", 1)
        >>> points = cl.Dataset("d", X=(X, np.ones((2, 1), "f4")), Y=(Y, np.ones((2, 1), "f4")))
        >>> D = cl.LearningDiagram(points, cl.Model("f", X, Y, "linear"))
        >>> result = cl.fit(D, optax.sgd(0.1), steps=1, progress=False)
        >>> result.predict("f", np.zeros((5, 1), "f4"), batch_size=2).shape
        (5, 1)
        """
        expect_count(batch_size)
        expect(path, (str, Path), "path", "a path of the diagram, such as 'encoder >> head'")
        fn = self.fn
        diagram = fn.diagram
        path = diagram.path(path) if isinstance(path, str) else path
        start = diagram.space_label(path.source)

        def space_of(edge: str) -> Any:
            return diagram.space_label(diagram.target(edge))

        if not isinstance(start, DataSpace):
            failures = check_array(f"values at '{path.source}'", start, x)
        else:
            wanted = f"a dict of arrays by projection, as '{path.source}' is a data set"
            expect(x, Mapping, "x", wanted)
            columns = {
                edge: name
                for edge, (data, name) in diagram.projections.items()
                if data == path.source and (name in x or edge in path.edges[:1])
            }
            failures = [
                failure
                for edge, name in columns.items()
                for failure in (
                    check_array(f"values of '{edge}'", space_of(edge), x[name])
                    if name in x
                    else [Failure("projection", f"projection '{edge}'", "is missing")]
                )
            ]
        refuse("what is predicted from", failures, DataError)
        if not isinstance(start, DataSpace):
            x = _arrays(start, x)
        else:
            x = {name: _arrays(space_of(edge), x[name]) for edge, name in columns.items()}

        def run(params: Any, state: Any, x: Any) -> Any:
            return fn.evaluation(params, state)(path)(x)

        compiled = fn.compiled.setdefault(("predict", path), jax.jit(run))
        state = self.evaluation_state
        count = len(jax.tree.leaves(x)[0])
        step = batch_size or max(count, 1)
        parts = [
            jax.device_get(
                compiled(self.params, state, jax.tree.map(itemgetter(slice(k, k + step)), x))
            )
            for k in range(0, max(count, 1), step)
        ]
        return parts[0] if len(parts) == 1 else jax.tree.map(lambda *y: np.concatenate(y), *parts)


def _arrays(space: Any, value: Any) -> Any:
    """Return values of a space with lists of numbers as arrays."""
    if isinstance(space, Product):
        return tuple(map(_arrays, space.factors, value))
    return np.asarray(value) if isinstance(value, list) else value


def expect_count(batch_size: int | None) -> None:
    """Refuse what is no number of examples to evaluate at once."""
    if batch_size is None:
        return
    expect(batch_size, (int, np.integer), "batch_size", "a number of examples")
    if batch_size < 1:
        message = f"must be at least 1, found {batch_size}"
        raise fault("the options", "options", "batch_size", message)
