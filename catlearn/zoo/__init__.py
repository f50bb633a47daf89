"""The zoo: training regimes of machine learning, each a few lines of diagram.

Each function takes models, spaces and data sets of yours and returns a
:class:`~catlearn.learning.LearningDiagram` that declares the regime's equations: its ``loss()`` is
the loss of the papers, to lower, draw, glue to others, rewrite or save like any other. None is a
primitive: each could be written in a notebook, and is meant to be read.

Law, tested for each: value, gradient and optimised program are those of the same loss written by
hand in JAX.

>>> import catlearn as cl
>>> X, Z = cl.Space("X", 64), cl.Space("Z", 2)
>>> there, back = cl.Model("encoder", X, Z, "mlp"), cl.Model("decoder", Z, X, "mlp")
>>> print(cl.zoo.autoencoder(there, back, cl.Dataset("digits", X=X)).loss())
L(encoder, decoder) = E_digits(d_X(decoder(encoder(digits.X)), digits.X))
"""

from catlearn.zoo.autoencoding import autoencoder
from catlearn.zoo.contrasting import contrastive
from catlearn.zoo.distilling import distillation
from catlearn.zoo.few_shot import error_rate, nearest_neighbour, prototypical
from catlearn.zoo.regressing import regression
from catlearn.zoo.sharing import multi_task
from catlearn.zoo.supervised import classification
from catlearn.zoo.variational import variational_autoencoder

__all__ = [
    "autoencoder",
    "classification",
    "contrastive",
    "distillation",
    "error_rate",
    "multi_task",
    "nearest_neighbour",
    "prototypical",
    "regression",
    "variational_autoencoder",
]
