r"""Multi-task learning with shared weights: N squares glued along their backbone.

Each task is a square of its own, a data set :math:`X \leftarrow S_i \to Y_i` against the path
:math:`X \to F \to Y_i` by the backbone and a head. The tasks have the backbone in common, and
gluing identifies it: sharing weights is identifying edges (Theory, section 2).

.. math:: S_i \to X \to F \to Y_i \;=\; S_i \to Y_i \qquad (i = 1, \dots, N)

>>> import catlearn as cl
>>> X, F, A, B = cl.Space("X", 8), cl.Space("F", 4), cl.Categorical("A", 3), cl.Space("B", 1)
>>> backbone = cl.Model("backbone", X, F, "mlp")
>>> heads = [cl.Model("a", F, A, "linear"), cl.Model("b", F, B, "linear")]
>>> data = [cl.Dataset("one", X=X, A=A), cl.Dataset("two", X=X, B=B)]
>>> for term in multi_task(backbone, heads, data).loss().terms:
...     print(term)
E_one(d_A(a(backbone(one.X)), one.A))
E_two(d_B(b(backbone(two.X)), two.B))

References
----------
Caruana, "Multitask learning", Machine Learning 28, 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model
from catlearn.zoo.squares import chain, square


def multi_task(
    backbone: Model | Sequence[Model],
    heads: Sequence[Model],
    data: Dataset | Sequence[Dataset],
    weights: Sequence[Any] | None = None,
) -> LearningDiagram:
    """Return the regime in which many heads on one backbone learn a task each.

    Parameters
    ----------
    backbone
        One model, or several in a row.
    heads
        From where the backbone ends, each to the space of its task.
    data
        The data sets of the tasks. A head learns from each data set that has a column where it
        ends.
    weights
        The weights of the heads' equations, by default 1.

    Raises
    ------
    InvalidStructure
        If a head has no data set, or a data set no column where the backbone starts.
    """
    sets = [data] if isinstance(data, Dataset) else list(data)
    weights = [1.0] * len(heads) if weights is None else weights
    squares = []
    for head, weight in zip(heads, weights, strict=True):
        found = [one for one in sets if head.target.name in {s.name for s in one.spaces.values()}]
        # With no data set at all, the first one says what is missing.
        for one in found or sets[:1]:
            squares.append(square((*chain(backbone), head), one, weight))
    return glue(*squares)
