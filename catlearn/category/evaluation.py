"""How a functor is applied: to objects, arrows and paths.

Out of a finite category the values of all arrows are computed layer by layer. Out of a graph or
a presentation, values are composed along paths, each prefix once, or all arrows of a path at
once where the target can.

>>> from catlearn.category import FiniteCategory, Functor, Graph
>>> F = Functor(Graph({"s": ("A", "A")}), FiniteCategory.group(range(3), lambda x, y: (x + y) % 3),
...             arrows={"s": "1"})
>>> F("s >> s"), F("A"), F("id(A)")
('2', '*', '0')
"""

from __future__ import annotations

from functools import cached_property, reduce
from typing import Any

from catlearn.category import rows
from catlearn.category.between import Between
from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph
from catlearn.category.path import Path, written
from catlearn.category.targets import ComposesMany
from catlearn.errors import UnknownName, did_you_mean
from catlearn.finset import Record


class Evaluation(Between):
    """The part of :class:`~catlearn.category.Functor` that computes values."""

    graph: Graph
    objects: Record[str, Any]
    arrows: Record[str, Any]
    kinds: tuple[str, str]

    @cached_property
    def _values(self) -> list[Any]:
        """The value at each arrow of a finite domain, by row, for a target that is not one."""
        domain, (last, before) = self.domain, self.domain._steps
        values: list[Any] = [None] * len(domain.ar)
        for a, row in enumerate(domain.ids.values.tolist()):
            values[row] = self.target.identity(self.objects[domain.ob.label(a)])
        for layer in rows.layers(last, before):
            for row in layer.tolist():
                step = self.arrows[domain.ar.label(int(last[row]))]
                start = int(before[row])
                is_first = last[start] < 0
                values[row] = step if is_first else self.target.compose(values[start], step)
        return values

    @cached_property
    def _prefixes(self) -> tuple[dict[str, int], dict[tuple[int, str], int], list[Any]]:
        # The paths met so far as a tree: the node of each vertex's identity, the node that an
        # edge leads to from a node, and the value at each node.
        return {}, {}, []

    def __call__(self, at: Path | str) -> Any:
        """Return the value at an arrow or an object.

        Out of a graph or a presentation, the values of all prefixes of paths are remembered, so
        paths that begin alike share work, unless the target composes many arrows at once.

        Parameters
        ----------
        at
            The name of an object, or of an arrow; a path; or the text of a path. A name that
            objects and arrows share is the object's.

        Raises
        ------
        UnknownName
            If nothing has this name.
        NotComposable
            If it is not a path of the domain.
        """
        if isinstance(at, str) and at in self.objects:
            return self.objects[at]
        if isinstance(self.domain, FiniteCategory):
            row = self.domain.arrow(at)
            return self.target.ar.label(self.ar(row)) if self.is_finite else self._values[row]
        return self._along(self._path(at) if isinstance(at, str) else at)

    def _along(self, at: Path) -> Any:
        if isinstance(self.target, ComposesMany):
            arrows = [self.arrows[edge] for edge in self._edges(at)]
            return self.target.composite(self.objects[at.source], arrows)
        roots, after, values = self._prefixes
        node = roots.get(at.source, -1)
        for edge in at.edges:
            node = after.get((node, edge), -1)
        return values[node if node >= 0 else self._compose(at)]

    def _path(self, text: str) -> Path:
        if self.graph.has_edge(text):
            return self.graph.path([text])
        if text == written(text):
            kind = self.kinds[0]
            raise UnknownName(
                f"there is no {kind} {text}; {did_you_mean(text, self.graph.vertices)}"
            )
        return self.graph.path(text)

    def _edges(self, path: Path) -> tuple[str, ...]:
        """Return the edges of a path, or say where it leaves the graph."""
        at, known = path.source, self.graph._ends
        for edge in path.edges:
            source, target = known.get(edge, (None, None))
            if source != at:
                return self.graph.path(path).edges
            at = target
        return path.edges if at == path.target and path.edges else self.graph.path(path).edges

    def _composed(self, source: str, arrows: list[Any]) -> Any:
        """Compose some arrows of the target that start at the value of an object."""
        if isinstance(self.target, ComposesMany):
            return self.target.composite(self.objects.get(source), arrows)
        return reduce(self.target.compose, arrows or [self.target.identity(self.objects[source])])

    def _compose(self, path: Path) -> int:
        """Compose along a path that is met for the first time; return its node."""
        roots, after, values = self._prefixes
        edges = self._edges(path)
        if path.source not in roots:
            roots[path.source] = len(values)
            values.append(self.target.identity(self.objects[path.source]))
        node = roots[path.source]
        for number, edge in enumerate(edges):
            if (node, edge) not in after:
                arrow = self.arrows[edge]
                value = arrow if number == 0 else self.target.compose(values[node], arrow)
                after[node, edge] = len(values)
                values.append(value)
            node = after[node, edge]
        return node
