"""Views of categories, functors and natural transformations.

A poset is its Hasse diagram, upwards. Any other category is drawn by generators, with the
equations between them while they are few, or by all its arrows. A functor is two pictures, each
object and arrow of the first saying where it goes. A natural transformation is the image of its
domain's generators under both functors, with the squares that commute. An adjunction is both
categories, the functors between them, and the bijection of arrows.

>>> from catlearn.category import FiniteCategory
>>> from catlearn.drawing.categories import category_scene
>>> divides = FiniteCategory.poset([("1", "2"), ("1", "3"), ("2", "6"), ("3", "6")])
>>> category_scene(divides).title, [arrow.kind for arrow in category_scene(divides).arrows]
('Poset with 4 elements', ['order', 'order', 'order', 'order'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from catlearn.category import (
    Adjunction,
    Category,
    FiniteCategory,
    Functor,
    Graph,
    NaturalTransformation,
)
from catlearn.drawing.scene import Arrow, Law, Node, Scene, counted
from catlearn.drawing.tables import rows_of
from catlearn.errors import Failure, InvalidStructure

MOST_EQUATIONS = 12
"""Equations of a category that its picture lists of its own accord."""

MOST_HOMS = 400
"""Pairs of objects of two adjoint categories whose arrows are paired in a table."""

MOST_ARROWS = 200
"""Arrows of a category that are drawn when all are asked for."""


def category_scene(category: Category, arrows: str | None = None) -> Scene:
    """Return the scene of a category.

    Parameters
    ----------
    category
        A finite or presented category.
    arrows
        ``"generators"``, or ``"all"`` for every arrow but identities; by default the Hasse
        diagram of a poset, and the generators of any other category.

    Raises
    ------
    InvalidStructure
        If all arrows are asked for, and there are too many or infinitely many.
    """
    if arrows not in (None, "generators", "all"):
        raise ValueError(f"arrows is 'generators' or 'all', not {arrows!r}")
    if arrows == "all":
        return _all_arrows(category)
    if isinstance(category, FiniteCategory):
        if arrows is None and category.is_thin and category.is_skeletal:
            return _hasse(category)
        title = f"Category with {_counts(category)}"
    else:
        title = f"Category with {len(category.objects)} objects, presented"
    return replace(_presented(category), title=title)


def _counts(category: FiniteCategory) -> str:
    return f"{counted(len(category.ob), 'object')} and {counted(len(category.ar), 'arrow')}"


def _hasse(poset: FiniteCategory) -> Scene:
    covers = tuple(Arrow(f, *poset.ends(f), "order", label="") for f in poset.generators.edges)
    title = f"Poset with {counted(len(poset.ob), 'element')}"
    return Scene(title, tuple(map(Node, poset.objects)), covers, upward=True)


def _presented(category: Category) -> Scene:
    presentation: Any = category.presentation()  # type: ignore[attr-defined]
    laws = ()
    if len(presentation.equations) <= MOST_EQUATIONS:
        sides = {name: presentation.sides(name) for name in presentation.equations}
        laws = tuple(
            Law(name, left.edges, right.edges, left.source) for name, (left, right) in sides.items()
        )
    return replace(_graph(category.generators), laws=laws)


def _graph(graph: Graph) -> Scene:
    arrows = tuple(Arrow(edge, *graph.ends(edge)) for edge in graph.edges)
    return Scene("", tuple(map(Node, graph.vertices)), arrows)


def _all_arrows(category: Category) -> Scene:
    finite = isinstance(category, FiniteCategory)
    if not finite or len(category.ar) - len(category.ob) > MOST_ARROWS:
        found = f"{len(category.ar)} arrows" if finite else "no finite list of arrows"
        message = f"has {found}; at most {MOST_ARROWS} are drawn; draw its generators"
        raise InvalidStructure("picture", [Failure("size", "category", message)])
    return replace(_graph(category.graph), title=f"Category with {_counts(category)}")


def functor_scene(functor: Functor) -> Scene:
    """Return the scene of a functor: its domain, each part with its image, and its codomain."""
    inside = domain_scene(functor.domain, functor.graph)
    inside = replace(
        inside,
        nodes=tuple(replace(n, note=f"↦ {_short(functor.objects[n.name])}") for n in inside.nodes),
        arrows=tuple(replace(a, note=f"↦ {_short(functor.arrows[a.name])}") for a in inside.arrows),
    )
    nodes = [Node("domain", "panel", inner=inside)]
    if isinstance(functor.codomain, Category):
        inner = replace(category_scene(functor.codomain, "generators"), laws=())
        nodes.append(Node("codomain", "panel", inner=inner))
    else:
        nodes.append(Node("codomain", "space", type(functor.codomain).__name__))
    arrow = Arrow("functor", "domain", "codomain", "morphism", label="")
    return Scene(f"Functor on a {inside.title or 'graph'}", tuple(nodes), (arrow,))


def domain_scene(domain: Any, graph: Graph) -> Scene:
    """Return the generators of what a functor is defined on, without equations."""
    title = "category" if isinstance(domain, Category) else type(domain).__name__.lower()
    return replace(_graph(graph), title=f"{title} with {len(graph.vertices)} objects")


def transformation_scene(alpha: NaturalTransformation) -> Scene:
    """Return the scene of a natural transformation: a square for each generator."""
    graph, (F, G) = alpha.domain.graph, (alpha.domain, alpha.codomain)
    nodes, arrows, laws = [], [], []
    for name, functor in (("F", F), ("G", G)):
        nodes += [Node(f"{name}({a})", note=_short(functor.objects[a])) for a in graph.vertices]
        arrows += [
            Arrow(
                f"{name}({f})", *(f"{name}({a})" for a in graph.ends(f)),
                note=_short(functor.arrows[f]),
            )
            for f in graph.edges
        ]  # fmt: skip
    for a in graph.vertices:
        note = _short(alpha.components[a])
        arrows.append(Arrow(f"α_{{{a}}}", f"F({a})", f"G({a})", "morphism", note))
    for f in graph.edges:
        a, b = graph.ends(f)
        sides = (f"F({f})", f"α_{{{b}}}"), (f"α_{{{a}}}", f"G({f})")
        laws.append(Law(f"naturality at {f}", *sides, at=f"F({a})"))
    title = f"Natural transformation with {len(graph.vertices)} components"
    return Scene(title, tuple(nodes), tuple(arrows), tuple(laws))


def adjunction_scene(adjunction: Adjunction) -> Scene:
    """Return the scene of an adjunction: two categories, two functors, and what corresponds.

    Each object says where its functor sends it, and its component of the unit or of the counit.
    Between finite categories a table pairs the arrows L(c) -> d with the arrows c -> R(d), the
    identities' partners (unit and counit) included.
    """
    L, R = adjunction.left, adjunction.right
    panels = (
        _marked(L, adjunction.unit, "η"),
        _marked(R, adjunction.counit, "ε"),
    )
    nodes = [
        Node(name, "panel", inner=inner) for name, inner in zip(("C", "D"), panels, strict=True)
    ]
    small = len(L.domain.objects) * len(R.domain.objects) <= MOST_HOMS
    if small and isinstance(L.domain, FiniteCategory) and isinstance(R.domain, FiniteCategory):
        heads = ("c", "d", "L(c) → d", "c → R(d)")
        columns = zip(*_partners(adjunction), strict=True)
        rows = rows_of(dict(zip(heads, columns, strict=False)))
        nodes.append(Node("bijection", "table", rows=rows))
    arrows = (
        Arrow("L", "C", "D", "morphism", "left adjoint"),
        Arrow("R", "D", "C", "morphism", "right adjoint"),
    )
    return Scene("Adjunction of L : C → D and R : D → C", tuple(nodes), arrows)


def _marked(functor: Functor, alpha: NaturalTransformation, sign: str) -> Scene:
    """Return the scene of a functor's domain, each object with its image and its component."""
    if isinstance(functor.domain, Category):
        scene = replace(category_scene(functor.domain), laws=())
    else:
        scene = domain_scene(functor.domain, functor.graph)
    marks = {
        a: f"↦ {_short(functor.objects[a])} · {sign} {_short(alpha.components[a])}"
        for a in functor.objects
    }
    return replace(scene, nodes=tuple(replace(n, note=marks[n.name]) for n in scene.nodes))


def _partners(adjunction: Adjunction) -> Iterator[tuple[str, str, str, str]]:
    """Yield c, d, each arrow L(c) -> d, and the arrow c -> R(d) that corresponds to it."""
    L, R = adjunction.left, adjunction.right
    for c in L.domain.objects:
        for d in R.domain.objects:
            for arrow in R.domain.hom(L.objects[c], d):
                yield c, d, arrow, str(adjunction.transpose(arrow, c))


def _short(value: Any) -> str:
    """Write an object or arrow as a note, cut if it is long."""
    values = getattr(value, "values", None)
    if values is not None and hasattr(values, "tolist"):
        text = str(values.tolist())
    elif hasattr(value, "shape") and hasattr(value, "sets"):
        text = ", ".join(f"{table}: {value.size(table)}" for table in value.shape.tables)
    else:
        text = str(value)
    return text if len(text) <= 32 else text[:31] + "…"


VIEWS: dict[type, Callable[..., Scene]] = {
    Adjunction: adjunction_scene,
    Functor: functor_scene,
    NaturalTransformation: transformation_scene,
    Category: category_scene,
}
"""How each kind of value of this file is seen."""
