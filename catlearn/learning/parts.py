"""The parts of a learning diagram that are values of their own here: what defines an edge.

Spaces, data sets, models and pairings are parts too; :mod:`catlearn.learning.assembly` turns all
of them into rows.
"""

from __future__ import annotations

from typing import Any

from catlearn.learning.dataset import Dataset
from catlearn.learning.operators import Operator
from catlearn.models import Model, Pairing
from catlearn.models.spaces import AnySpace


class Defined:
    """An edge that stands for a path: a strict equation ``name = path``.

    Parameters
    ----------
    name
        The name of the edge.
    path
        The text of the path, such as ``"encoder >> head"``.

    Examples
    --------
    >>> Defined("classifier", "encoder >> head")
    Defined('classifier', 'encoder >> head')
    """

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path

    def __repr__(self) -> str:
        return f"Defined({self.name!r}, {self.path!r})"


class MovingAverage:
    """An edge whose parameters are the moving average of those of another edge.

    With each evaluation in training they become ``decay`` times what they were and ``1 - decay``
    times those of the other edge; they start as the other's, and no gradient reaches them.

    Parameters
    ----------
    name
        The name of the edge.
    of
        The name of the edge that it follows, a model between the same spaces.
    decay
        A number from 0 to 1; or a :class:`~catlearn.Weight` or a schedule, which change while
        training as weights of equations do.

    Examples
    --------
    >>> MovingAverage("target", of="online", decay=0.99)
    MovingAverage('target', of='online', decay=0.99)
    """

    def __init__(self, name: str, of: str, decay: Any) -> None:
        self.name = name
        self.of = of
        self.decay = decay

    def __repr__(self) -> str:
        return f"MovingAverage({self.name!r}, of={self.of!r}, decay={self.decay!r})"


Part = AnySpace | Dataset | Model | Pairing | Defined | MovingAverage | Operator
