r"""Translation among domains that have no pairs: there and back again is nothing.

Each domain is a data set with one column; between any two of them, or some, there are translators.
Nothing says what a translation should be, only that translations fit together: all paths between
the same domains agree. For all of these, of which there are infinitely many, the basis of each data
set is enough (Theory, section 5). With two domains and two translators it is the two cycles of
CycleGAN; with three domains and six translators four equations for each of them, of which two are
cycles and two triangles:

.. math::
    S \to X \to Y \to X = S \to X, \qquad S \to X \to Y \to Z = S \to X \to Z, \quad \dots

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Space("Y", 4)
>>> there, back = cl.Model("there", X, Y, "linear"), cl.Model("back", Y, X, "linear")
>>> horses, zebras = cl.Dataset("horses", X=X), cl.Dataset("zebras", Y=Y)
>>> for name in translation([there, back], [horses, zebras]).soft_equations:
...     print(name)
horses.X >> there >> back = horses.X
zebras.Y >> back >> there = zebras.Y

References
----------
Zhu, Park, Isola, Efros, "Unpaired image-to-image translation using cycle-consistent adversarial
networks", arXiv 1703.10593, 2017. Gavranovic, "Compositional deep learning", arXiv 1907.08292,
2019, for cycles as path equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model


def translation(
    translators: Sequence[Model],
    data: Sequence[Dataset],
    *,
    weight: Any = 1.0,
    divergence: Any = None,
) -> LearningDiagram:
    """Return the regime in which translators among domains fit together.

    Parameters
    ----------
    translators
        Models between the domains.
    data
        One data set for each domain.
    weight, divergence
        Of the equations; the divergence is by default that of the domain where they end.
    """
    whole = glue(*map(LearningDiagram, data), LearningDiagram(*translators))
    equations = [
        Equation(str(term), weight=weight, divergence=divergence) for term in whole.select("basis")
    ]
    return whole.with_equations(equations)
