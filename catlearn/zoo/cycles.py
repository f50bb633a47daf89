r"""CycleGAN: translation between two domains, with a game at each of them.

Two parts that share the translators are glued: that there and back again is nothing (the basis of
the two data sets, :mod:`catlearn.zoo.translating`), and at each domain a generative adversarial
network (:mod:`catlearn.zoo.adversaries`) whose generator is the translator into it and whose noise
is the other domain.

>>> import catlearn as cl
>>> X, Y, R = cl.Space("X", 4), cl.Space("Y", 4), cl.Space("R", 1)
>>> there, back = cl.Model("there", X, Y, "linear"), cl.Model("back", Y, X, "linear")
>>> critics = cl.Model("at_X", X, R, "linear"), cl.Model("at_Y", Y, R, "linear")
>>> horses, zebras = cl.Dataset("horses", X=X), cl.Dataset("zebras", Y=Y)
>>> diagram = cycle_gan(there, back, critics, horses, zebras)
>>> len(diagram.soft_equations), diagram.weight("horses.X >> there >> back = horses.X")
(8, 10.0)

References
----------
Zhu, Park, Isola, Efros, "Unpaired image-to-image translation using cycle-consistent adversarial
networks", arXiv 1703.10593, 2017, equation 3, with least squares as in section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model
from catlearn.zoo.adversaries import gan
from catlearn.zoo.translating import translation


def cycle_gan(
    there: Model,
    back: Model,
    critics: Sequence[Model],
    first: Dataset,
    second: Dataset,
    *,
    weight: Any = 10.0,
    divergence: Any = "absolute_error",
    form: str = "least squares",
) -> LearningDiagram:
    """Return the regime in which two domains are translated into each other without pairs.

    Parameters
    ----------
    there, back
        From the first domain to the second, and back.
    critics
        A critic of the first domain, and one of the second.
    first, second
        The domains.
    weight, divergence
        Of the two cycles.
    form
        Of the games; see :func:`~catlearn.zoo.gan`.

    Raises
    ------
    InvalidStructure
        If models and data do not fit together.
    """
    return glue(
        translation([there, back], [first, second], weight=weight, divergence=divergence),
        gan(back, critics[0], first, second, form=form),
        gan(there, critics[1], second, first, form=form),
    )
