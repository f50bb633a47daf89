"""Scenes: what a picture shows, before anybody says where.

A scene is the neutral middle between the values of the package and the writers (SVG, tikz-cd,
dot, quiver). It has nodes, arrows between them, and laws, each of which says that two paths of
arrows are equal. Everything is plain text and everything is immutable.

Kinds are words, and every writer gives each word a look that does not rest on colour:

- nodes: ``plain``, ``space``, ``categorical``, ``product``, ``dataset``, ``table``, ``panel``
- arrows: ``plain``, ``model``, ``frozen``, ``fixed``, ``projection``, ``factor``, ``defined``,
  ``list``, ``morphism``, ``order``

>>> from catlearn.drawing.scene import SceneArrow, SceneLaw, Node, Scene
>>> scene = Scene(
...     "triangle",
...     nodes=(Node("A"), Node("B"), Node("C")),
...     arrows=(SceneArrow("f", "A", "B"), SceneArrow("g", "B", "C"), SceneArrow("h", "A", "C")),
...     laws=(SceneLaw("commutes", ("f", "g"), ("h",), at="A"),),
... )
>>> scene.laws[0].text
'f >> g = h'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from catlearn.category import Path
from catlearn.category.path import written
from catlearn.errors import nesting
from catlearn.typesetting import clean

#: What each kind of arrow is called in a picture's key, in the order of the key.
ARROW_KINDS: Mapping[str, str] = {
    "plain": "arrow",
    "model": "model (trained)",
    "frozen": "frozen model",
    "fixed": "fixed map",
    "projection": "projection of a data set",
    "factor": "projection of a product",
    "defined": "defined by strict equations",
    "list": "list-valued arrow",
    "morphism": "morphism",
    "order": "covered by",
}

#: What each kind of node is called in a picture's key, in the order of the key.
NODE_KINDS: Mapping[str, str] = {
    "plain": "vertex",
    "space": "space",
    "categorical": "classes",
    "product": "product",
    "dataset": "data set",
    "table": "table",
    "panel": "panel",
}


@dataclass(frozen=True)
class Node:
    """A vertex of a picture.

    Parameters
    ----------
    name
        Its name, unique in the scene.
    kind
        One of ``NODE_KINDS``.
    note
        A line under the name, such as the space ``R^64``.
    rows
        For a table, its rows; the first one is the heading.
    inner
        For a panel, the scene inside.
    label
        What is shown, if not the name.
    """

    name: str
    kind: str = "plain"
    note: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    inner: Scene | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.inner is not None:
            object.__setattr__(self, "depth", nesting(self.inner.nodes, f"panel {self.name!r}"))

    @property
    def shown(self) -> str:
        return self.name if self.label is None else self.label


class Inlay(Protocol):
    """What a panel in the place of an edge's label shows: its size, and how a pen draws it."""

    @property
    def size(self) -> tuple[float, float]: ...

    def draw(self, pen: Any) -> Any: ...


@dataclass(frozen=True)
class SceneArrow:
    """An edge of a picture: its unique name, its ends by name, its kind and what is shown.

    What is ``inner`` stands in a panel on the edge.
    """

    name: str
    source: str
    target: str
    kind: str = "plain"
    note: str = ""
    label: str | None = None
    inner: Inlay | None = None

    @property
    def shown(self) -> str:
        return self.name if self.label is None else self.label


@dataclass(frozen=True)
class SceneLaw:
    """An equation of a picture: two paths of arrows by name, starting at the node ``at``.

    Parameters
    ----------
    name
        Its name, unique in the scene.
    lhs, rhs
        The arrows of both sides.
    at
        The node where both start.
    note
        A remark on it, such as a weight.
    pairing
        The arrow into a product of which it says one component, if it does.
    components
        For a law that folds those of a pairing, the paths of the components; its right side is
        their tuple, and ``rhs`` is empty.
    """

    name: str
    lhs: tuple[str, ...]
    rhs: tuple[str, ...]
    at: str
    note: str = ""
    pairing: str = ""
    components: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, name: str, sides: Sequence[Path], note: str = "", pairing: str = "") -> SceneLaw:
        """Return the law that two paths are equal."""
        left, right = sides
        return cls(name, left.edges, right.edges, left.source, note, pairing)

    def side(self, names: tuple[str, ...]) -> str:
        """Return a side as equations write it, so that their text is their usual name."""
        return " >> ".join(map(written, names)) if names else f"id({self.at})"

    @property
    def text(self) -> str:
        if self.components:
            return f"{self.side(self.lhs)} = ⟨{', '.join(map(self.side, self.components))}⟩"
        return f"{self.side(self.lhs)} = {self.side(self.rhs)}"

    @property
    def titled(self) -> str:
        """The text after the name, unless the text is the name."""
        return self.text if self.name == self.text else f"{self.name}: {self.text}"

    @property
    def steps(self) -> tuple[str, ...]:
        """The arrows of both sides."""
        return (*self.lhs, *self.rhs, *chain.from_iterable(self.components))

    @property
    def bounds_face(self) -> bool:
        """Whether both sides have arrows, and none in common, so that there is a face between."""
        return bool(self.lhs and self.rhs) and not set(self.lhs) & set(self.rhs)


@dataclass(frozen=True)
class Scene:
    """All that one picture shows.

    Parameters
    ----------
    title
        One line that says what it is; read aloud by screen readers.
    nodes, arrows, laws
        In the order in which they should be met.
    key
        Whether to explain the kinds that occur under the picture.
    fold
        Whether the picture shows a pairing's equations as one; texts have all of them.
    upward
        Whether arrows lead from the bottom to the top, as in a Hasse diagram, and not from left
        to right. Such a scene has no loops and no labels on its arrows.
    whole
        Whether all of it is drawn, however long that takes; else the picture shows its first part.
    rest
        What the picture leaves out, in words.
    """

    title: str
    nodes: tuple[Node, ...] = ()
    arrows: tuple[SceneArrow, ...] = ()
    laws: tuple[SceneLaw, ...] = ()
    key: bool = False
    upward: bool = False
    fold: bool = True
    whole: bool = False
    rest: str = ""

    @property
    def size(self) -> int:
        """How many nodes and arrows there are, those inside panels included."""
        inside = sum(node.inner.size for node in self.nodes if node.inner is not None)
        return len(self.nodes) + len(self.arrows) + inside

    @property
    def faces(self) -> list[SceneLaw]:
        """The laws between whose sides there is a face: arrows on both, and none in common.

        A step may be no arrow: an attribute of a schema.
        """
        names = {arrow.name for arrow in self.arrows}
        return [law for law in self.laws if law.bounds_face and names.issuperset(law.steps)]

    @property
    def folded(self) -> Scene:
        """The scene with one law for each pairing, ``p = ⟨f, g⟩``, in place of its components.

        Examples
        --------
        >>> sides = (("p", "first"), ("f",)), (("p", "second"), ("g",))
        >>> laws = [SceneLaw(str(k), *both, "X", pairing="p") for k, both in enumerate(sides)]
        >>> [(law.name, law.components) for law in Scene("pair", laws=tuple(laws)).folded.laws]
        [('p', (('f',), ('g',)))]
        """
        pairings: dict[str, list[SceneLaw]] = {}
        for law in self.laws:
            if law.pairing:
                pairings.setdefault(law.pairing, []).append(law)
        folded = [
            SceneLaw(
                edge, (edge,), (), parts[0].at, "pairing", edge, tuple(law.rhs for law in parts)
            )
            for edge, parts in pairings.items()
        ]
        return replace(self, laws=(*folded, *(law for law in self.laws if not law.pairing)))

    @property
    def description(self) -> str:
        """The whole picture in words, for those who cannot see it."""
        lines = []
        if self.nodes:
            lines.append("Vertices: " + ", ".join(map(_node_words, self.nodes)) + ".")
        if self.arrows:
            lines.append("Edges: " + ", ".join(map(_arrow_words, self.arrows)) + ".")
        if self.laws:
            laws = "; ".join(f"{law.name}: {law.text}" for law in self.laws)
            lines.append(f"Equations: {laws}.")
        if self.rest:
            lines.append(f"{self.rest[0].upper()}{self.rest[1:]}.")
        return clean(" ".join(lines))


def _node_words(node: Node) -> str:
    kind = "" if node.kind == "plain" else NODE_KINDS[node.kind]
    words = ", ".join(w for w in (kind, node.note) if w)
    return f"{node.name} ({words})" if words else node.name


def _arrow_words(arrow: SceneArrow) -> str:
    kind = "" if arrow.kind == "plain" else f" ({ARROW_KINDS[arrow.kind]})"
    return f"{arrow.name}: {arrow.source} -> {arrow.target}{kind}"


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "row"), counted(2, "row"), counted(0, "vertex", "vertices")
    ('1 row', '2 rows', '0 vertices')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
