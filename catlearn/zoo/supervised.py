r"""Supervised classification: the square of a data set and a model.

The data set is a span :math:`X \leftarrow S \to Y`, the model a path :math:`X \to F \to Y`. Neither
has two parallel paths; their pushout along X and Y has, and this one equation is the loss, by
default cross-entropy:

.. math:: S \to X \to F \to Y \;=\; S \to Y

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
>>> encoder, head = cl.Model("encoder", X, F, "mlp"), cl.Model("head", F, Y, "linear")
>>> digits = cl.Dataset("digits", X=X, Y=Y)
>>> print(classification(encoder, head, data=digits).loss())
L(encoder, head) = E_digits(d_Y(head(encoder(digits.X)), digits.Y))

References
----------
Lary et al., "DiagrammaticLearning", arXiv 2501.01515, section 1.
"""

from __future__ import annotations

from typing import Any

from catlearn.learning import Dataset, LearningDiagram
from catlearn.models import Model
from catlearn.zoo.squares import square


def classification(*models: Model, data: Dataset, weight: Any = 1.0) -> LearningDiagram:
    """Return the regime in which models, one after the other, predict labels.

    Parameters
    ----------
    *models
        From a space of the data to another one, usually ``Categorical``.
    data
        With one column where the models start, and one where they end.
    weight
        The weight of the equation.

    Returns
    -------
    LearningDiagram
        The pushout of data and model.

    Raises
    ------
    InvalidStructure
        If the models are not in a row, or the data do not have those columns.
    """
    return square(models, data, weight)
