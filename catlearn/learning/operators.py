"""Edges that are operators on other edges: derivatives of a model, with the model's parameters.

A row of the table ``Operator`` says of which edge another one is the operator. So sharing is a
fact of the diagram: gluing carries it, and equations about a derivative train the model. An
operator may act on a frozen edge, on a moving average, or on another operator.

>>> import catlearn as cl
>>> X, U = cl.Space("X", 2), cl.Space("U", 1)
>>> u = cl.Model("u", X, U, "mlp", activation="tanh")
>>> u_t = cl.Operator("u_t", "derivative", of="u", along=(1,))
>>> u_xx = cl.Operator("u_xx", "derivative", of="u", along=(0, 0))
>>> D = cl.LearningDiagram(u, u_t, u_xx, cl.Dataset("inside", X=X), equations="u_t = u_xx")
>>> print(D.loss())
L(u) = E_inside(d_U(u_t(inside.X), u_xx(inside.X)))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from catlearn.errors import Failure
from catlearn.models import ArchitectureMap, Operated
from catlearn.models.spaces import AnySpace

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram


class Operator:
    """An edge whose map is made of that of another edge, and has its parameters.

    Parameters
    ----------
    name
        The name of the edge.
    operator
        ``"derivative"``, ``"laplacian"``, ``"jacobian"``, ``"tangent"``, another registered name,
        or a callable ``operator(f, **options) -> g`` on functions of a batch.
    of
        The name of the edge that it acts on.
    source, target
        Where it starts and ends, by default as the edge that it acts on.
    options
        Options of the operator.

    Raises
    ------
    UnknownName, InvalidStructure
        If there is no such operator, or an option is not one of its.

    Examples
    --------
    >>> Operator("u_xx", "derivative", of="u", along=(0, 0))
    Operator('u_xx', derivative(along=(0, 0)), of='u')
    """

    def __init__(
        self,
        name: str,
        operator: Any,
        *,
        of: str,
        source: AnySpace | None = None,
        target: AnySpace | None = None,
        **options: Any,
    ) -> None:
        self.name, self.of = name, of
        self.source, self.target = source, target
        self.architecture = Operated(operator, **options)

    def __repr__(self) -> str:
        return f"Operator({self.name!r}, {self.architecture}, of={self.of!r})"


def check_operators(diagram: LearningDiagram) -> Iterator[Failure]:
    """An operator acts on an edge that runs a map without state, and in no circle."""
    acting = diagram.operators
    labels = {edge: diagram.map_label(edge) for edge in diagram.edges}
    of = [edge for edge, label in labels.items() if label.kind == "operator"]
    for edge in dict.fromkeys([*of, *acting]):
        where = f"operator '{edge}'"
        if labels[edge].kind != "operator":
            yield Failure("operator", where, f"is a {labels[edge].kind} map, not an operator")
        elif edge not in acting:
            yield Failure("operator", where, "acts on nothing; it needs one edge to act on")
        elif not isinstance(operand := labels[acting[edge]], ArchitectureMap):
            message = f"acts on '{acting[edge]}', a {operand.kind} map; it needs a model"
            yield Failure("operator", where, message)
        elif _circular(edge, acting):
            yield Failure("operator", where, "acts, by way of others, on itself")
        elif getattr(operand.architecture, "stateful", False):
            message = f"acts on '{acting[edge]}', whose calls change its variables"
            yield Failure("operator", where, f"{message}; its examples depend on each other")


def _circular(edge: str, acting: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while edge in acting and edge not in seen:
        seen.add(edge)
        edge = acting[edge]
    return edge in seen
