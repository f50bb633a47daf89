"""Open learning diagrams: training regimes with spaces as inputs and outputs.

They are structured cospans (:mod:`catlearn.cset.cospan`) whose interfaces are bare spaces, so
``>>`` glues the outputs of one to the inputs of the next whatever their vertices are called, and
``@`` puts two side by side. Chaining models, and attaching a model to a data set, are composition.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> data = open_diagram(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y)), [], ["X", "Y"])
>>> model = open_diagram(cl.LearningDiagram(cl.Model("f", X, Y, "linear")), ["X", "Y"], [])
>>> print((data >> model).apex.loss())
L(f) = E_data(d_Y(f(data.X), data.Y))
"""

from __future__ import annotations

from collections.abc import Iterable

from catlearn.cset import Open
from catlearn.errors import CatlearnError
from catlearn.learning.diagram import LearningDiagram


def open_diagram(
    diagram: LearningDiagram, inputs: Iterable[str] = (), outputs: Iterable[str] = ()
) -> Open:
    """Return a learning diagram with spaces as inputs and outputs.

    Parameters
    ----------
    diagram
        The diagram.
    inputs, outputs
        Names of its vertices. They meet those of another diagram in order, and where they meet
        their spaces have to be equal.

    Returns
    -------
    Open
        ``.apex`` is the diagram.
    """
    if not isinstance(diagram, LearningDiagram):
        raise CatlearnError(f"expected a learning diagram, found a {type(diagram).__name__}")
    return Open(diagram, inputs, outputs, "V")
