r"""Contrastive learning of images and texts: two encoders that agree, and only on what belongs.

The data set is a span of images and texts; each has an encoder into one space Z. The square says
that an image and its text are at the same place,

.. math:: S \to I \to Z \;=\; S \to T \to Z ,

and would be easy to please by a constant. The divergence, InfoNCE, therefore sees the whole batch:
the own text must be found among all texts of the batch by the cosine of the angle, divided by a
temperature, and the own image among all images; both are cross-entropies, and the mean is taken.

>>> import catlearn as cl
>>> I, T, Z = cl.Space("image", 8), cl.Space("text", 6), cl.Space("Z", 2)
>>> pairs = cl.Dataset("pairs", image=I, text=T)
>>> see, read = cl.Model("see", I, Z, "mlp"), cl.Model("read", T, Z, "mlp")
>>> diagram = contrastive(see, read, pairs, temperature=0.5)
>>> for name in diagram.soft_equations:
...     print(name, "by", diagram.divergence(name))
pairs.image >> see = pairs.text >> read by info_nce(symmetric=True, temperature=0.5)

References
----------
van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding",
arXiv 1807.03748, 2018. Radford et al., "Learning transferable visual models from natural language
supervision" (CLIP), arXiv 2103.00020, 2021, figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Divergence, Model
from catlearn.zoo.squares import along, chain


def contrastive(
    left: Model | Sequence[Model],
    right: Model | Sequence[Model],
    data: Dataset,
    *,
    temperature: float = 0.07,
) -> LearningDiagram:
    """Return the regime in which two encoders agree on pairs, and on nothing else in a batch.

    Parameters
    ----------
    left, right
        Encoders into one space: one model each, or several in a row.
    data
        With a column where each of them starts.
    temperature
        By which cosines are divided; the smaller, the more the hardest examples count.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, or the encoders do not end together.
    """
    sides = along(data, chain(left)), along(data, chain(right))
    found = Divergence("info_nce", temperature=temperature)
    models = LearningDiagram(*chain(left)), LearningDiagram(*chain(right))
    whole = glue(LearningDiagram(data), *models)
    return whole.with_equations([Equation(" = ".join(sides), divergence=found)])
