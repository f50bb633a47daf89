r"""Self-distillation as in BYOL: a model agrees with its own moving average.

Two views of each example are read, say two crops of one image. The online model goes from one view
to Z and predicts from there where the target model puts the other view. The target is not trained:
it is the moving average of the online one.

.. math::
    S \xrightarrow{1} X \xrightarrow{f} Z \xrightarrow{q} Z
    \;=\; S \xrightarrow{2} X \xrightarrow{\bar f} Z
    \qquad \text{and with 1 and 2 exchanged}

The divergence is the cosine's, half of the squared distance of directions. No gradient passes
through the right sides. Without an average (``decay=None``) this is SimSiam: the online model is
its own target, and that no gradient passes is all that keeps it from collapsing.

>>> import catlearn as cl
>>> X, Z = cl.Space("X", 8), cl.Space("Z", 4)
>>> f, q = cl.Model("f", X, Z, "mlp"), cl.Model("q", Z, Z, "mlp")
>>> views = cl.Dataset("views", one=X, two=X)
>>> print(*self_distillation(f, q, views).soft_equations, sep="\n")
views.one >> f >> q = views.two >> target_f
views.two >> f >> q = views.one >> target_f

References
----------
Grill et al., "Bootstrap your own latent", arXiv 2006.07733, 2020. Chen, He, "Exploring simple
siamese representation learning", arXiv 2011.10566, 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, MovingAverage, glue
from catlearn.models import Model
from catlearn.zoo.squares import chain


def self_distillation(
    online: Model | Sequence[Model],
    predictor: Model | Sequence[Model],
    views: Dataset,
    *,
    decay: Any = 0.99,
    divergence: Any = "cosine",
) -> LearningDiagram:
    """Return the regime in which a model predicts its own moving average on another view.

    Parameters
    ----------
    online
        From a space of views: one model, or several in a row.
    predictor
        From where these end back to there.
    views
        With two columns where the online model starts.
    decay
        Of the moving average: a number, a :class:`~catlearn.learning.Weight`, or a schedule, by
        which Grill et al. let it rise to 1 as a cosine; None for no average.
    divergence
        Of the two equations.

    Raises
    ------
    InvalidStructure
        If the data do not have two such columns.
    """
    body, top = chain(online), chain(predictor)
    start = body[0].source.name
    read = [f"{views.name}.{key}" for key, at in views.spaces.items() if at.name == start]
    if len(read) != 2:
        message = f"needs two columns at the space '{start}', has {', '.join(read) or 'none'}"
        raise fault("the regime", "column", f"data set '{views.name}'", message)
    targets = {model.name: model.name for model in body}
    parts = [LearningDiagram(views), LearningDiagram(*body, *top)]
    if decay is not None:
        targets = {name: f"target_{name}" for name in targets}
        averages = (MovingAverage(targets[model.name], model.name, decay) for model in body)
        parts.append(LearningDiagram(*body, *averages))
    up = " >> ".join(model.name for model in (*body, *top))
    down = " >> ".join(targets.values())
    equations = [
        Equation(f"{one} >> {up} = {two} >> {down}", divergence=divergence, stop="rhs")
        for one, two in (read, read[::-1])
    ]
    return glue(*parts).with_equations(equations)
