"""The zoo: training regimes of machine learning, each a few lines of diagram.

Each function takes models, spaces and data sets of yours and returns a
:class:`~catlearn.learning.LearningDiagram` that declares the regime's equations: its ``loss()`` is
the loss of the papers, to lower, draw, glue to others, rewrite or save like any other. None is a
primitive: each could be written in a notebook, and is meant to be read.

Models that have a name are whole circuits in :mod:`catlearn.zoo.architectures`.

Law, tested for each: value, gradient and optimised program are those of the same loss written by
hand in JAX.

>>> import catlearn as cl
>>> X, Z = cl.Space("X", 64), cl.Space("Z", 2)
>>> there, back = cl.Model("encoder", X, Z, "mlp"), cl.Model("decoder", Z, X, "mlp")
>>> print(cl.zoo.autoencoder(there, back, cl.Dataset("digits", X=X)).loss())
L(encoder, decoder) = E_digits(d_X(decoder(encoder(digits.X)), digits.X))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["architectures"],
    submod_attrs={
        "adapting": ["domain_adversarial"],
        "adversaries": ["gan"],
        "autoencoding": ["autoencoder"],
        "bootstrapping": ["self_distillation"],
        "captions": ["captioning"],
        "contrasting": ["contrastive"],
        "cycles": ["cycle_gan"],
        "distilling": ["distillation"],
        "few_shot": ["error_rate", "nearest_neighbour", "prototypical"],
        "meta_learning": ["maml"],
        "physics": ["physics_informed"],
        "regressing": ["regression"],
        "sharing": ["multi_task"],
        "supervised": ["classification"],
        "translating": ["translation"],
        "variational": ["variational_autoencoder"],
    },
)
