"""Morphisms of graphs: a function on vertices and one on edges that preserve sources and targets.

They send paths to paths.

Laws: a morphism m acts functorially, ``m(id(v)) == id(m(v))`` and
``m(p >> q) == m(p) >> m(q)``.

>>> from catlearn.category import Graph, GraphMorphism
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> loop = Graph({"l": ("X", "X")})
>>> m = GraphMorphism(G, loop, V={"A": "X", "B": "X", "C": "X"}, E={"f": "l", "g": "l"})
>>> print(m(G.path("f >> g")))
l >> l
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, overload

from catlearn.category.path import Path
from catlearn.display import brief
from catlearn.finset import TableMorphism

if TYPE_CHECKING:
    from catlearn.category.graph import Graph


class GraphMorphism(TableMorphism):
    """A morphism of graphs, acting on vertices, edges and paths.

    Parameters
    ----------
    domain, codomain
        The graphs.
    V, E
        Where each vertex and each edge goes: a dict of names, or a list of rows or names.
    check
        Whether to check that it preserves sources and targets.

    Raises
    ------
    InvalidStructure
        Listing every edge whose ends are not preserved.
    """

    domain: Graph
    codomain: Graph

    def __init__(
        self,
        domain: Graph,
        codomain: Graph,
        V: Mapping[str, str] | Sequence[int | str],
        E: Mapping[str, str] | Sequence[int | str] = (),
        check: bool = True,
    ) -> None:
        TableMorphism.__init__(self, domain, codomain, {"V": V, "E": E}, check=check)

    def __repr__(self) -> str:
        parts = (f", {t}={brief(f.values.tolist())}" for t, f in self.components.items())
        return f"{type(self).__name__}({self.domain!r}, {self.codomain!r}{''.join(parts)})"

    def vertex(self, name: str) -> str:
        """Return the name of the vertex that a vertex goes to."""
        return self.codomain.vertices[self.components["V"](name)]

    def edge(self, name: str) -> str:
        """Return the name of the edge that an edge goes to."""
        return self.codomain.edges[self.components["E"](name)]

    @overload
    def __call__(self, at: Path) -> Path: ...
    @overload
    def __call__(self, at: str, row: int | str) -> int: ...
    def __call__(self, at: Path | str, row: int | str = "") -> Path | int:
        """Return the image of a path; or, as for any tables, of one row of a table."""
        if isinstance(at, str):
            return super().__call__(at, row)
        edges = tuple(self.edge(edge) for edge in at.edges)
        return Path(self.vertex(at.source), edges, self.vertex(at.target))
