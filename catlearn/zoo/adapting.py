r"""Domain adaptation by an adversarial head: features that do not tell where they come from.

A model learns from the labels of one domain and shall work in another one, which has none. A head
on its features learns to tell the domains apart; the features are trained by the opposite of its
gradient, times a strength, which the paper draws as a layer that reverses gradients. Here the
equations say it: they train the head with scale 1, and the features with scale minus lambda.

.. math::
    S \to X \to F \to Y &= S \to Y \\
    S \to X \to F \xrightarrow{h} R &= S \to X \to F \xrightarrow{\mathrm{source}} R \\
    T \to X \to F \xrightarrow{h} R &= T \to X \to F \xrightarrow{\mathrm{target}} R

>>> import catlearn as cl
>>> X, F, Y, R = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2), cl.Space("R", 1)
>>> f, label, which = (cl.Model("f", X, F, "mlp"), cl.Model("label", F, Y, "linear"),
...     cl.Model("which", F, R, "mlp"))
>>> photos, sketches = cl.Dataset("photos", X=X, Y=Y), cl.Dataset("sketches", X=X)
>>> diagram = domain_adversarial(f, label, which, photos, sketches, strength=0.5)
>>> for name in diagram.soft_equations:
...     print(name, "trains", diagram.trains(name) or "all")
photos.X >> f >> label = photos.Y trains all
photos.X >> f >> which = photos.X >> f >> source trains {'f': -0.5, 'which': 1.0}
sketches.X >> f >> which = sketches.X >> f >> target trains {'f': -0.5, 'which': 1.0}

References
----------
Ganin et al., "Domain-adversarial training of neural networks", arXiv 1505.07818, 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, Weight, glue
from catlearn.models import Constant, Model
from catlearn.zoo.squares import along, chain, square


def domain_adversarial(
    features: Model | Sequence[Model],
    classifier: Model | Sequence[Model],
    critic: Model | Sequence[Model],
    source: Dataset,
    target: Dataset,
    *,
    strength: Any = 1.0,
    weight: Any = 1.0,
) -> LearningDiagram:
    r"""Return the regime in which features serve a classifier and mislead a critic.

    Parameters
    ----------
    features
        One model, or several in a row.
    classifier, critic
        From where the features end, to labels and to logits that say which domain it is.
    source, target
        The domain with labels, and the one without: both with a column where the features start.
    strength
        By what the gradient of the critic's equations is multiplied, and turned, for the features:
        a number, a :class:`~catlearn.learning.Weight`, or a schedule ``step -> number``. Ganin et
        al. let it rise from 0 to 1 as :math:`2 / (1 + \exp(-10 p)) - 1`, where :math:`p` is the
        part of the training that is done.
    weight
        Of the critic's equations, which trains the critic more or less too.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns.

    Examples
    --------
    >>> import catlearn as cl, jax.numpy as jnp
    >>> def rising(step, steps=1000):
    ...     return 2 / (1 + jnp.exp(-10 * step / steps)) - 1
    >>> X, F, Y, R = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2), cl.Space("R", 1)
    >>> f, label, which = (cl.Model("f", X, F, "mlp"), cl.Model("label", F, Y, "linear"),
    ...     cl.Model("which", F, R, "mlp"))
    >>> photos, sketches = cl.Dataset("photos", X=X, Y=Y), cl.Dataset("sketches", X=X)
    >>> strength = cl.Weight("strength", schedule=rising)
    >>> diagram = domain_adversarial(f, label, which, photos, sketches, strength=strength)
    >>> fn = cl.lower(diagram.loss())
    >>> [round(fn.weights(step)["strength"].item(), 3) for step in (0, 100, 500)]
    [0.0, 0.462, 0.987]
    """
    body, judges = chain(features), chain(critic)
    trains = {model.name: -Weight.of(strength) for model in body}
    trains |= {model.name: 1.0 for model in judges}
    parts = [square((*body, *chain(classifier)), source)]
    for name, data, value in (("source", source, 0.0), ("target", target, 1.0)):
        origin = Constant(name, judges[0].source, judges[-1].target, value)
        adversary = Equation(
            f"{along(data, (*body, *judges))} = {along(data, (*body, origin))}",
            trains=trains,
            weight=weight,
            divergence="binary_cross_entropy",
        )
        parts.append(LearningDiagram(data, *body, *judges, origin, equations=[adversary]))
    return glue(*parts)
