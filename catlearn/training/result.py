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

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from catlearn.errors import UnknownName
from catlearn.learning import LearningDiagram
from catlearn.lowering import Lowered
from catlearn.training.data import checked


class History(Mapping[str, np.ndarray]):
    """The cost of each equation at each step: a mapping from equations to arrays.

    Costs are means over the batch of their step, before the weight. ``total`` is the value that
    was minimised.

    Parameters
    ----------
    equations
        The names of the equations, in the order of the loss.
    rows
        An array of shape (steps, 1 + equations): the total, then each equation.
    """

    def __init__(self, equations: tuple[str, ...], rows: np.ndarray) -> None:
        self.equations = equations
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
        return self.equations == other.equations and np.array_equal(
            self.rows, other.rows, equal_nan=True
        )

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

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the history as comma-separated text, and write it if a path is given.

        Parameters
        ----------
        path
            Where to write it.
        """
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["step", "total", *self.equations])
        writer.writerows([step, *row.tolist()] for step, row in enumerate(self.rows))
        if path is not None:
            Path(path).write_text(buffer.getvalue(), encoding="utf-8")
        return buffer.getvalue()

    def __repr__(self) -> str:
        course = f", total={self.total[0]:.6g} -> {self.total[-1]:.6g}" if self.steps else ""
        return f"History(steps={self.steps}{course})"


@dataclass(frozen=True)
class Result:
    """The end of a training run.

    Parameters
    ----------
    fn
        The function that was minimised.
    params
        ``{edge: tree}``: the trained parameters.
    state
        The state to use them with.
    optimizer_state
        The optimizer's state, for training on in a loop of one's own.
    history
        The cost of each equation at each step.
    steps
        How many steps the parameters have behind them.
    data
        The arrays it was trained on.
    interrupted
        Whether the run was stopped before its last step.
    """

    fn: Lowered = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    state: dict[str, Any] = field(repr=False)
    optimizer_state: Any = field(repr=False)
    history: History
    steps: int
    data: Mapping[str, Mapping[str, Any]] = field(repr=False)
    interrupted: bool = False

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
        variables = self.fn.variables(name, self.params, self.state)
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
    ) -> tuple[float, dict[str, float]]:
        """Return what whole data sets cost.

        Parameters
        ----------
        data
            ``{data set: {projection: array}}``, by default what the run was trained on. It is
            evaluated as one batch, with models in evaluation mode.
        key
            Needed only if an edge must have one.

        Returns
        -------
        tuple
            The value, weights included, and ``{equation: mean cost}``.

        Raises
        ------
        DataError
            Listing what is missing, has no examples or does not fit, values included.
        """
        fn = self.fn
        compiled = fn.compiled.setdefault("evaluate", jax.jit(partial(_costs, fn)))
        batch = checked(fn, self.data if data is None else data)
        arguments = fn.pack(self.params, self.state, batch)
        value, terms = jax.device_get(compiled(*arguments, key))
        return float(value), {name: float(cost) for name, cost in terms.items()}


def _costs(fn: Lowered, *arguments: Any) -> tuple[jax.Array, Mapping[str, jax.Array]]:
    value, aux = fn(*arguments, train=False)
    return value, aux.terms
