r"""Contrastive learning of images and texts: two encoders that agree, and only on what belongs.

The data set is a span of images and texts; each has an encoder into one space Z. The square says
that an image and its text are at the same place,

.. math:: S \to I \to Z \;=\; S \to T \to Z ,

and would be easy to please by a constant. The divergence, InfoNCE, therefore sees the whole batch:
the own text must be found among all texts of the batch by the cosine of the angle, divided by a
temperature, and the own image among all images; both are cross-entropies, and the mean is taken.

>>> import catlearn as cl
>>> image, text, Z = cl.Space("image", 8), cl.Space("text", 6), cl.Space("Z", 2)
>>> pairs = cl.Dataset("pairs", image=image, text=text)
>>> see, read = cl.Model("see", image, Z, "mlp"), cl.Model("read", text, Z, "mlp")
>>> diagram = contrastive(see, read, pairs, temperature=0.5)
>>> for name in diagram.soft_equations:
...     print(name, "by", diagram.divergence(name))
pairs.image >> see = pairs.text >> read by info_nce(symmetric=True, temperature=0.5)

The temperature can be learned: it is then a model without input, and the two sides of the equation
are pairings with it, :math:`\langle u, \tau \rangle = \langle v, \tau \rangle`.

>>> print(*contrastive(see, read, pairs).trainable)
see read log_scale

References
----------
van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding",
arXiv 1807.03748, 2018. Radford et al., "Learning transferable visual models from natural language
supervision" (CLIP), arXiv 2103.00020, 2021, figure 3 and section 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import (
    Divergence,
    Model,
    Pairing,
    Product,
    Space,
    info_nce,
    register_divergence,
)
from catlearn.zoo.squares import along, chain, column


def contrastive(
    left: Model | Sequence[Model],
    right: Model | Sequence[Model],
    data: Dataset,
    *,
    temperature: float | None = None,
) -> LearningDiagram:
    """Return the regime in which two encoders agree on pairs, and on nothing else in a batch.

    Parameters
    ----------
    left, right
        Encoders into one space: one model each, or several in a row.
    data
        With a column where each of them starts.
    temperature
        By which cosines are divided; the smaller, the more the hardest examples count. By
        default it is learned, as the edge ``log_scale``: it starts at 0.07 and ends above 0.01.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, or the encoders do not end together.
    """
    one, other = chain(left), chain(right)
    sides = along(data, one), along(data, other)
    whole = glue(LearningDiagram(data), LearningDiagram(*one), LearningDiagram(*other))
    if temperature is not None:
        found = Divergence("info_nce", temperature=temperature)
        return whole.with_equations([Equation(" = ".join(sides), divergence=found)])
    place = one[-1].target
    dtype = place.label.dtype  # type: ignore[attr-defined]
    scale = Space("log scale", (), dtype)
    start = np.asarray(math.log(1 / 0.07), dtype)
    both = Product("scaled", place, scale)
    to_scale = f"{column(data, one[0].source)} >> log_scale"
    tuned = LearningDiagram(
        data,
        *one,
        *other,
        Model("log_scale", one[0].source, scale, "parameter", start=start),
        *(
            Pairing(name, both, side, to_scale)
            for name, side in zip(("left", "right"), sides, strict=True)
        ),
        equations=[Equation("left = right", divergence="scaled_info_nce")],
    )
    return glue(whole, tuned)


def scaled_info_nce(prediction: Any, target: Any, largest: float = 100.0) -> Any:
    """Symmetric InfoNCE with a learned scale.

    Parameters
    ----------
    prediction, target
        Pairs of embeddings ``(batch, ...)`` and the logarithm of the scale ``(batch,)``, by which
        cosines are multiplied.
    largest
        What the scale does not exceed.
    """
    import jax.numpy as jnp

    (left, log_scale), (right, _) = prediction, target
    temperature: Any = jnp.exp(-jnp.minimum(log_scale[0], math.log(largest)))
    return info_nce(left, right, temperature)


register_divergence("scaled_info_nce", scaled_info_nce, batch_level=True, on_products=True)
