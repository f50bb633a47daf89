r"""Autoencoder: a loop through a small space, and the basis of its equations.

The data set has one column, :math:`S \to X`; the models go around, :math:`X \to Z \to X`. There are
infinitely many paths, and one equation, the basis of the diagram (Theory, section 5), from which
all others follow: what is reconstructed is what was there.

.. math:: S \to X \to Z \to X \;=\; S \to X

>>> import catlearn as cl
>>> X, Z = cl.Space("X", 64), cl.Space("Z", 2)
>>> there, back = cl.Model("encoder", X, Z, "mlp"), cl.Model("decoder", Z, X, "mlp")
>>> print(autoencoder(there, back, cl.Dataset("digits", X=X)).loss())
L(encoder, decoder) = E_digits(d_X(decoder(encoder(digits.X)), digits.X))

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323,
1986. Theory, section 5, for the basis.
"""

from __future__ import annotations

from collections.abc import Sequence

from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model
from catlearn.zoo.squares import chain, column


def autoencoder(
    encoder: Model | Sequence[Model], decoder: Model | Sequence[Model], data: Dataset
) -> LearningDiagram:
    """Return the regime in which a decoder undoes an encoder.

    Parameters
    ----------
    encoder, decoder
        There and back: one model each, or several in a row.
    data
        With a column where the encoder starts.

    Raises
    ------
    InvalidStructure
        If the data do not have that column.
    """
    around = chain(encoder) + chain(decoder)
    column(data, around[0].source)
    return glue(LearningDiagram(data), LearningDiagram(*around)).instantiate("basis")
