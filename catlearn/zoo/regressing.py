r"""Regression with several heads: two squares glued along the encoder that they share.

Each head makes a square of its own with the data set; the squares have the data set and the
encoder in common, so their pushout has one encoder, and both equations train it:

.. math:: S \to X \to F \to Y_i \;=\; S \to Y_i

Each space has its own divergence and each equation its own weight. Data sets of their own for the
heads are :func:`~catlearn.zoo.multi_task`.

>>> import catlearn as cl
>>> X, F = cl.Space("X", 8), cl.Space("F", 4)
>>> place, angle = cl.Space("place", 2), cl.Space("angle", (), divergence="absolute_error")
>>> scans = cl.Dataset("scans", X=X, place=place, angle=angle)
>>> encoder = cl.Model("encoder", X, F, "mlp")
>>> where, turned = cl.Model("where", F, place, "linear"), cl.Model("turned", F, angle, "linear")
>>> for term in regression(encoder, [where, turned], scans).loss().terms:
...     print(term)
E_scans(d_place(where(encoder(scans.X)), scans.place))
E_scans(d_angle(turned(encoder(scans.X)), scans.angle))

References
----------
Lary et al., "DiagrammaticLearning", arXiv 2501.01515.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model
from catlearn.zoo.squares import chain, square


def regression(
    encoder: Model | Sequence[Model],
    heads: Sequence[Model],
    data: Dataset,
    weights: Sequence[Any] | None = None,
) -> LearningDiagram:
    """Return the regime in which heads on one encoder predict several columns.

    Parameters
    ----------
    encoder
        One model, or several in a row.
    heads
        From where the encoder ends to a space of the data each.
    data
        With one column where the encoder starts, and one for each head.
    weights
        The weights of the heads' equations, by default 1.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns.
    """
    weights = [1.0] * len(heads) if weights is None else weights
    each = zip(heads, weights, strict=True)
    return glue(*(square((*chain(encoder), head), data, weight) for head, weight in each))
