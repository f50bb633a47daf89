r"""Model-agnostic meta-learning: a start from which a few points are enough.

An example of the data set is a *task*: points with their values to learn from, and others to be
asked about. No path of the equation runs through the model; what runs is an operator on it, which
sees its parameters, takes a step down the gradient on the points of the task, and answers:

.. math:: S \to X^k \times Y^k \times X^m \xrightarrow{\mathrm{adapted}} Y^m
    \;=\; S \to Y^m

So the equation trains the start itself, through the step; ``first_order`` leaves the derivative of
the step out, as first-order MAML does.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 1), cl.Space("Y", 1)
>>> lists = {name: cl.Space(f"{name}s", (count, 1)) for name, count in zip("xyzw", (5, 5, 4, 4))}
>>> waves = cl.Dataset("waves", **lists)
>>> diagram = maml(cl.Model("net", X, Y, "mlp"), waves, ("x", "y"), ("z", "w"), rate=0.01)
>>> print(diagram.loss())
L(net) = 0.25 E_waves(d_ws(adapted(⟨⟩(waves.x, waves.y, waves.z)), waves.w))

References
----------
Finn, Abbeel, Levine, "Model-agnostic meta-learning for fast adaptation of deep networks",
arXiv 1703.03400, 2017.
"""

from __future__ import annotations

from typing import Any

from catlearn.category import Equation
from catlearn.errors import Failure, did_you_mean, expect, refuse
from catlearn.learning import Dataset, LearningDiagram, Operator
from catlearn.models import Model, Pairing, Product


def maml(
    model: Model,
    tasks: Dataset,
    support: tuple[str, str],
    query: tuple[str, str],
    *,
    rate: float = 0.1,
    steps: int = 1,
    divergence: Any = "squared_error",
    first_order: bool = False,
    weight: Any = None,
) -> LearningDiagram:
    """Return the regime in which a model learns to learn from few points.

    Parameters
    ----------
    model
        From points to values; ``result.model(name)`` is the start. What a task makes of it is
        ``result.predict("adapted", (points, values, asked))``, with one entry for each task.
    tasks
        One example a task: columns of lists of points and of values.
    support, query
        The columns of points and of values to learn from, and those that are asked about.
    rate, steps, divergence, first_order
        Of the steps on a task, as for the operator ``inner_step``.
    weight
        Of the equation, by default one over the number of points asked about: the cost of a task
        is then the mean over them.

    Raises
    ------
    InvalidStructure
        If the data set has no such columns, or they do not fit the model.
    WrongKind
        If ``model`` is no model, or ``tasks`` no data set.
    """
    expect(model, Model, "model", "a Model from points to values")
    expect(tasks, Dataset, "tasks", "a Dataset with one example for each task")
    where, known = f"data set '{tasks.name}'", list(tasks.spaces)
    refuse(
        "the regime",
        (
            Failure("column", where, f"has no column {name!r}; {did_you_mean(name, known)}")
            for name in (*support, *query)
            if name not in known
        ),
    )
    answers = tasks.spaces[query[1]]
    given = (*support, query[0])
    episode = Product("episode", *(tasks.spaces[name] for name in given))
    options = {"rate": rate, "steps": steps, "divergence": divergence, "first_order": first_order}
    if weight is None:
        weight = 1 / answers.shape[0]  # type: ignore[attr-defined]
    return LearningDiagram(
        tasks,
        model,
        Pairing("task", episode, *(f"{tasks.name}.{name}" for name in given)),
        Operator("adapted", "inner_step", of=model.name, source=episode, target=answers, **options),
        equations=Equation(f"task >> adapted = {tasks.name}.{query[1]}", weight=weight),
    )
