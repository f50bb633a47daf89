"""What training returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import jax

from catlearn.errors import UnknownName

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.lowering import Lowered
    from catlearn.training.history import History


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
            For a module of a library such a module (with its state beside it, where it was given
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
        """
        fn = self.fn
        compiled = fn.compiled.setdefault("evaluate", jax.jit(partial(_costs, fn)))
        arguments = fn.pack(self.params, self.state, self.data if data is None else data)
        value, terms = jax.device_get(compiled(*arguments, key))
        return float(value), {name: float(cost) for name, cost in terms.items()}


def _costs(fn: Lowered, *arguments: Any) -> tuple[jax.Array, Mapping[str, jax.Array]]:
    value, aux = fn(*arguments, train=False)
    return value, aux.terms
