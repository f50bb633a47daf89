"""What many regimes are made of: a data set, a chain of models, and the square that they close.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> data = cl.Dataset("digits", X=X, Y=Y)
>>> print(square([cl.Model("f", X, Y, "linear")], data).loss())
L(f) = E_digits(d_Y(f(digits.X), digits.Y))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model
from catlearn.models.spaces import AnySpace


def chain(models: Model | Iterable[Model]) -> tuple[Model, ...]:
    """Return models in a row; one model is a row of one."""
    return (models,) if isinstance(models, Model) else tuple(models)


def along(data: Dataset, models: Sequence[Model]) -> str:
    """Return the path that reads what the first model needs and runs all of them."""
    return " >> ".join([column(data, models[0].source), *(model.name for model in models)])


def column(data: Dataset, space: AnySpace) -> str:
    """Return the projection of a data set that ends at a space.

    Raises
    ------
    InvalidStructure
        If there is none, or more than one.

    Examples
    --------
    >>> import catlearn as cl
    >>> X = cl.Space("X", 4)
    >>> column(cl.Dataset("digits", image=X), X)
    'digits.image'
    """
    found = [f"{data.name}.{key}" for key, at in data.spaces.items() if at.name == space.name]
    if len(found) == 1:
        return found[0]
    ends = ", ".join(f"{key} at {at.name}" for key, at in data.spaces.items())
    many = ", ".join(found)
    message = f"needs one column at the space '{space.name}', has {many or f'only {ends}'}"
    raise fault("the regime", "column", f"data set '{data.name}'", message)


def square(models: Iterable[Model], data: Dataset, weight: Any = 1.0) -> LearningDiagram:
    """Glue a data set and a chain of models, and declare the equation that emerges.

    Parameters
    ----------
    models
        One after the other, from a column of the data to another one.
    data
        A data set with one column where the chain starts, and one where it ends.
    weight
        The weight of the equation.

    Raises
    ------
    InvalidStructure
        If the data set does not have those columns.
    """
    models = chain(models)
    ends = column(data, models[0].source), column(data, models[-1].target)
    whole = glue(LearningDiagram(data), LearningDiagram(*models))
    chosen = [term for term in whole.emergent if (term.lhs.edges[0], *term.rhs.edges) == ends]
    return whole.with_equations([Equation(str(term), weight=weight) for term in chosen])
