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

from catlearn.zoo.adapting import domain_adversarial
from catlearn.zoo.adversaries import gan
from catlearn.zoo.autoencoding import autoencoder
from catlearn.zoo.bootstrapping import self_distillation
from catlearn.zoo.captions import captioning
from catlearn.zoo.contrasting import contrastive
from catlearn.zoo.cycles import cycle_gan
from catlearn.zoo.distilling import distillation
from catlearn.zoo.few_shot import error_rate, nearest_neighbour, prototypical
from catlearn.zoo.physics import physics_informed
from catlearn.zoo.regressing import regression
from catlearn.zoo.sharing import multi_task
from catlearn.zoo.supervised import classification
from catlearn.zoo.translating import translation
from catlearn.zoo.variational import variational_autoencoder

__all__ = [
    "autoencoder",
    "captioning",
    "classification",
    "contrastive",
    "cycle_gan",
    "distillation",
    "domain_adversarial",
    "error_rate",
    "gan",
    "multi_task",
    "nearest_neighbour",
    "physics_informed",
    "prototypical",
    "regression",
    "self_distillation",
    "translation",
    "variational_autoencoder",
]
