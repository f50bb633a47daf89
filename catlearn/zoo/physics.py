r"""Physics-informed regression: a differential equation is an equation of paths.

The unknown function is a model u from places to values. Its derivatives are edges too, which have
its parameters (:class:`~catlearn.learning.Operator`). So the law of the physics is an equation
between paths out of the space of places, here of heat, and it is asked at places that need no
values; where values are known, boundary and start among them, u is asked to have them.

.. math::
    \mathrm{inside} \to X \xrightarrow{u_t} U &= \mathrm{inside} \to X \xrightarrow{u_{xx}} U
    \xrightarrow{\nu} U \\
    S \to X \xrightarrow{u} U &= S \to U

Laws that are not linear take the derivatives together, by a pairing into a product, a jet. A
coefficient that is not known is a model, and is learned.

>>> import catlearn as cl
>>> X, U = cl.Space("X", 2), cl.Space("U", 1)
>>> u = cl.Model("u", X, U, "mlp", activation="tanh")
>>> more = [
...     cl.Operator("u_t", "derivative", of="u", along=(1,)),
...     cl.Operator("u_xx", "derivative", of="u", along=(0, 0)),
...     cl.Model("times", U, U, "linear", use_bias=False),
... ]
>>> inside, border = cl.Dataset("inside", X=X), cl.Dataset("border", X=X, U=U)
>>> for term in physics_informed(u, more, "u_t = u_xx >> times", inside, border).loss().terms:
...     print(term)
E_border(d_U(u(border.X), border.U))
E_inside(d_U(u_t(inside.X), times(u_xx(inside.X))))

References
----------
Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks", Journal of Computational
Physics 378, 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.learning.parts import Part
from catlearn.models import Model
from catlearn.zoo.squares import column, square


def physics_informed(
    solution: Model,
    parts: Iterable[Part],
    laws: str | Sequence[str],
    inside: Dataset,
    known: Dataset | Sequence[Dataset],
    *,
    weight: Any = 1.0,
) -> LearningDiagram:
    """Return the regime in which a model fits data and obeys differential equations.

    Parameters
    ----------
    solution
        The model of the unknown function.
    parts
        What the laws mention: its derivatives, which are operators on it, and other edges.
    laws
        Equations of paths that start where the solution does.
    inside
        With a column of places where the laws are asked.
    known
        Data sets with a column of places and one of values.
    weight
        Of each law.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, or a law is no equation of such paths.
    """
    sets = [known] if isinstance(known, Dataset) else list(known)
    laws = [laws] if isinstance(laws, str) else laws
    places = column(inside, solution.source)
    asked = [
        Equation(" = ".join(f"{places} >> {side}" for side in law.split("=")), weight=weight)
        for law in laws
    ]
    obeys = LearningDiagram(inside, solution, *parts, equations=asked)
    return glue(*(square([solution], data) for data in sets), obeys)
