"""Views: what of each value of the package is drawn.

================================  ==================================================
value                             scene
================================  ==================================================
graph, presentation               its vertices and edges; its equations as laws
learning diagram                  so too, with the kinds of vertices and edges
loss                              its diagram, with the equations that it adds up
C-set on the schema of graphs     the graph
any other tables                  one table each, and the arrows of the shape
schema or shape                   its tables and arrows
morphism                          domain and codomain, each row with its image
limit or colimit                  its diagram, apex and legs, each object in a panel
category                          generators and equations, or all arrows; posets upwards
functor                           its domain, each part with its image, and its codomain
natural transformation            a square for each generator
path                              its edges in a row
finite function                   its elements, each with its image
rule, step of rewriting           its span, or its two squares, each object in a panel
open object                       its apex, with inputs and outputs marked
evaluation plan                   values, and what runs between them; classes as one
================================  ==================================================

>>> from catlearn.category import Presentation
>>> from catlearn.drawing.views import scene_of
>>> scene = scene_of(Presentation({"f": ("A", "B"), "g": ("A", "B")}, ["f = g"]))
>>> [node.name for node in scene.nodes], scene.laws[0].text
(['A', 'B'], 'f = g')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from catlearn.category import Category, Graph, Path, Presentation
from catlearn.cset import CSet, Open, Rewrite, Rule, Variable
from catlearn.cset.labels import variables
from catlearn.display import Sketched
from catlearn.drawing import categories
from catlearn.drawing.categories import category_scene
from catlearn.drawing.scene import Arrow, Law, Node, Scene
from catlearn.drawing.steps import open_scene, rewrite_scene, rule_scene
from catlearn.errors import CatlearnError
from catlearn.finset import (
    Colimit,
    FinFunction,
    FinSet,
    Limit,
    Shape,
    TableMorphism,
    Tables,
)
from catlearn.learning import LearningDiagram, Loss
from catlearn.models import (
    ArrayLabel,
    CategoricalLabel,
    DataLabel,
    ProductLabel,
    SpaceLabel,
)

#: Rows of a table that are shown before the rest are counted.
MOST_ROWS = 24
#: Vertices of all panels together that are drawn; beyond, panels are summed up.
MOST_INSIDE = 80
#: Generated equations that a picture lists of its own accord.
MOST_IMPLIED = 24


def scene_of(value: Any, equations: Any = None, arrows: str | None = None) -> Scene:
    """Return the scene of a value.

    Parameters
    ----------
    value
        Any value of the table above, or a scene.
    equations
        For a learning diagram, which equations to show, as for ``diagram.loss``. By default
        those that it declares; if there are none, those that ``diagram.loss()`` would take, as
        long as they are few.
    arrows
        For a category, ``"generators"`` or ``"all"``.

    Raises
    ------
    TypeError
        If there is no picture of such a value.
    """
    if isinstance(value, Category):
        return category_scene(value, arrows)
    if isinstance(value, Scene):
        return value
    if isinstance(value, Loss):
        scene = learning_scene(value.diagram, value.equations)
        return replace(scene, title=f"Loss of a {scene.title[0].lower()}{scene.title[1:]}")
    if isinstance(value, LearningDiagram) and variables(value):
        return pattern_scene(value)
    if isinstance(value, LearningDiagram):
        terms = () if equations is None else value.select(equations).terms
        return learning_scene(value, terms, implied=equations is None)
    for kind, view in _VIEWS.items():
        if isinstance(value, kind):
            return view(value)
    known = ", ".join(kind.__name__ for kind in (LearningDiagram, Loss, *_VIEWS))
    raise TypeError(f"there is no picture of a {type(value).__name__}; there is of: {known}")


def sketch_scene(value: Sketched) -> Scene:
    """Return the scene of boxes and arrows that a value describes."""
    title, boxes, arrows = value.sketch()
    return Scene(
        title,
        tuple(Node(name, kind, note) for name, kind, note in boxes),
        tuple(
            Arrow(f"{source} to {target}", source, target, note=note, label=label)
            for source, target, label, note in arrows
        ),
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _graph_title(graph: Tables) -> str:
    v, e = _count(graph.size("V"), "vertex", "vertices"), _count(graph.size("E"), "edge")
    return f"{type(graph).__name__} with {v} and {e}"


def graph_scene(graph: Tables) -> Scene:
    """Return the scene of any tables with V, E, src and tgt."""
    names = graph.names("V")
    ends = (graph.arrows["src"], graph.arrows["tgt"])
    arrows = tuple(
        Arrow(edge, names[ends[0](row)], names[ends[1](row)])
        for row, edge in enumerate(graph.names("E"))
    )
    return Scene(_graph_title(graph), tuple(map(Node, names)), arrows)


def presentation_scene(presentation: Presentation) -> Scene:
    """Return the scene of a presentation: its graph, and its equations as laws."""
    laws = []
    for name, equation in presentation.equations.items():
        left, right = presentation.sides(name)
        note = ", ".join(f"{key} {value}" for key, value in equation.attributes.items())
        laws.append(Law(name, left.edges, right.edges, left.source, note))
    scene = graph_scene(presentation)
    title = f"{scene.title}, {_count(len(laws), 'equation')}" if laws else scene.title
    return replace(scene, title=title, laws=tuple(laws))


def learning_scene(diagram: LearningDiagram, terms: tuple = (), implied: bool = False) -> Scene:
    """Return the scene of a learning diagram.

    Parameters
    ----------
    diagram
        The diagram.
    terms
        Equations to show instead of its soft ones.
    implied
        Whether to show, where it declares none, those that its loss takes by default.
    """
    nodes = tuple(_space_node(diagram, vertex) for vertex in diagram.vertices)
    arrows = tuple(_map_arrow(diagram, edge) for edge in diagram.edges)
    laws = [_definition(diagram, name) for name in diagram.strict_equations]
    if terms:
        laws += [_term_law(term) for term in terms]
    elif diagram.soft_equations or not implied:
        laws += [_soft_law(diagram, name) for name in diagram.soft_equations]
    else:
        laws += _implied(diagram)
    return Scene(_graph_title(diagram), nodes, arrows, tuple(laws), key=True)


def pattern_scene(diagram: LearningDiagram) -> Scene:
    """Return the scene of a learning diagram some of whose labels are left open."""
    nodes = tuple(
        Node(vertex, note=str(label))
        if isinstance(label, Variable)
        else _space_node(diagram, vertex)
        for vertex, label in zip(diagram.vertices, diagram.attributes["space"], strict=True)
    )
    arrows = tuple(
        Arrow(edge, *diagram.ends(edge), note=str(label))
        if isinstance(label, Variable)
        else _map_arrow(diagram, edge)
        for edge, label in zip(diagram.edges, diagram.attributes["map"], strict=True)
    )
    return Scene(_graph_title(diagram), nodes, arrows, presentation_scene(diagram).laws)


def _space_node(diagram: LearningDiagram, vertex: str) -> Node:
    label = diagram.space_label(vertex)
    if not isinstance(label, DataLabel):
        return Node(vertex, _space_kind(label), _space_note(label))
    columns = diagram.data.get(vertex, {})
    size = next((len(array) for array in columns.values()), None)
    note = "" if size is None else _count(size, "example")
    return Node(vertex, "dataset", note)


def _space_kind(label: SpaceLabel) -> str:
    kinds = {CategoricalLabel: "categorical", ProductLabel: "product"}
    return kinds.get(type(label), "space")


def _space_note(label: SpaceLabel) -> str:
    match label:
        case CategoricalLabel(n):
            return _count(n, "class", "classes")
        case ProductLabel(factors):
            return " × ".join(_space_note(factor) for factor in factors)
        case ArrayLabel():
            text = str(label).replace("(", "{").replace(")", "}")
            return text if label.dtype == "float32" else f"{text} {label.dtype}"
    return str(label)


def _map_arrow(diagram: LearningDiagram, edge: str) -> Arrow:
    source, target = diagram.ends(edge)
    label = diagram.map_label(edge)
    unbound = label.architecture is not None and not label.architecture.bound
    if label.kind == "operator":
        of = diagram.operators.get(edge, "nothing")
        return Arrow(edge, source, target, "defined", f"{label.architecture} of {of}")
    return Arrow(edge, source, target, label.kind, "unbound" if unbound else "")


def _cost_note(weight: float, divergence: Any) -> str:
    name = str(divergence).replace("_", " ")
    return f"weight {weight:g} · {name}"


def _soft_law(diagram: LearningDiagram, name: str) -> Law:
    left, right = diagram.sides(name)
    note = _cost_note(diagram.weight(name), diagram.divergence(name))
    return Law(name, left.edges, right.edges, left.source, note)


def _term_law(term: Any, note: str = "") -> Law:
    cost = _cost_note(term.weight, term.divergence)
    return Law(term.name, term.lhs.edges, term.rhs.edges, term.lhs.source, cost + note)


def _definition(diagram: LearningDiagram, name: str) -> Law:
    left, right = diagram.sides(name)
    return Law(name, left.edges, right.edges, left.source, "strict")


def _implied(diagram: LearningDiagram) -> list[Law]:
    """Return the equations that the loss takes by default, if there are few."""
    try:
        terms = diagram.select("all", bound=10 * MOST_IMPLIED).terms
    except CatlearnError:  # infinitely many, or too many: a picture says nothing of them
        return []
    if len(terms) > MOST_IMPLIED:
        return []
    return [_term_law(term, " · not declared") for term in terms]


def _is_graph(tables: Tables) -> bool:
    shape = tables.shape
    return (
        set(shape.tables) == {"V", "E"}
        and dict(shape.arrows) == {"src": ("E", "V"), "tgt": ("E", "V")}
        and not shape.lists
        and not shape.attributes
    )


def tables_scene(tables: Tables, images: Mapping[str, tuple[str, ...]] | None = None) -> Scene:
    """Return the scene of tables: each table with its rows, and the arrows of the shape.

    Parameters
    ----------
    tables
        The tables.
    images
        For each table a last column, such as where a morphism sends the rows.
    """
    shape = tables.shape
    if _is_graph(tables) and images is None:
        return graph_scene(tables)
    nodes = []
    for table in shape.tables:
        columns = {"": tables.names(table)}
        for name, (source, target) in shape.arrows.items():
            if source == table:
                columns[name] = tables.sets[target].labels(tables.arrows[name].values)
        for name, (source, target) in shape.lists.items():
            if source == table:
                labels = tables.sets[target].labels
                columns[name] = tuple(f"[{', '.join(labels(row))}]" for row in tables.lists[name])
        for name, home in shape.attributes.items():
            if home == table:
                values = tables.attributes[name]
                columns[name] = tuple("–" if v is None else str(v) for v in values)
        if images is not None:
            columns["↦"] = images[table]
        nodes.append(Node(table, "table", rows=_rows(columns, tables.size(table))))
    title = f"{type(tables).__name__}: " + ", ".join(
        f"{table} has {_count(tables.size(table), 'row')}" for table in shape.tables
    )
    return Scene(title, tuple(nodes), _shape_arrows(shape))


def _rows(columns: Mapping[str, tuple[str, ...]], count: int) -> tuple[tuple[str, ...], ...]:
    body = [tuple(column[k] for column in columns.values()) for k in range(min(count, MOST_ROWS))]
    if count > MOST_ROWS:
        body.append((f"… {count - MOST_ROWS} more", *("" for _ in range(len(columns) - 1))))
    return (tuple(columns), *body)


def _shape_arrows(shape: Shape) -> tuple[Arrow, ...]:
    plain = [Arrow(name, *ends) for name, ends in shape.arrows.items()]
    lists = [Arrow(name, *ends, "list", "list") for name, ends in shape.lists.items()]
    return (*plain, *lists)


def shape_scene(shape: Shape) -> Scene:
    """Return the scene of a schema: its tables with their attributes, arrows and equations."""
    nodes = []
    for table in shape.tables:
        own = [name for name, home in shape.attributes.items() if home == table]
        nodes.append(Node(table, "space", ", ".join(own)))
    laws = tuple(
        Law(str(equation), left.edges, right.edges, left.source)
        for equation, left, right in getattr(shape, "laws", ())
    )
    title = f"{type(shape).__name__} with {_count(len(shape.tables), 'table')}"
    return Scene(title, tuple(nodes), _shape_arrows(shape), laws)


def morphism_scene(morphism: TableMorphism) -> Scene:
    """Return the scene of a morphism: every row of the domain says where it goes."""
    one, other = morphism.domain, morphism.codomain
    images = {
        table: other.sets[table].labels(morphism.components[table].values)
        for table in one.shape.tables
    }
    if {"src", "tgt"} <= set(one.shape.arrows):
        domain = scene_of(one)
        vertices, edges = ({}, {})
        for table, into in (("V", vertices), ("E", edges)):
            into.update(zip(one.names(table), images[table], strict=True))
        inside = replace(
            domain,
            nodes=tuple(replace(n, note=f"↦ {vertices[n.name]}") for n in domain.nodes),
            arrows=tuple(replace(a, note=f"↦ {edges[a.name]}") for a in domain.arrows),
            laws=(),
        )
    else:
        inside = tables_scene(one, images)
    panels = (
        Node("domain", "panel", inner=inside),
        Node("codomain", "panel", inner=replace(scene_of(other), laws=())),
    )
    title = f"{type(morphism).__name__} from {inside.title} to {panels[1].inner.title}"  # type: ignore
    return Scene(title, panels, (Arrow("morphism", "domain", "codomain", "morphism", label=""),))


def universal_scene(value: Colimit | Limit) -> Scene:
    """Return the scene of a limit or colimit: its diagram, its apex and its legs."""
    diagram = value.diagram
    names = dict(zip(diagram.legs, diagram.names, strict=True))
    shared = [k for k in range(len(diagram.objects)) if k not in names]
    for k in shared:
        names[k] = "shared" if len(shared) == 1 else f"shared_{k}"
    inner = {k: _inside(thing) for k, thing in enumerate(diagram.objects)}
    apex = _inside(value.apex)
    total = sum(len(scene.nodes) for scene in (*inner.values(), apex) if scene is not None)
    if total > MOST_INSIDE:
        inner, apex = dict.fromkeys(inner), None
    nodes = [_object_node(names[k], thing, inner[k]) for k, thing in enumerate(diagram.objects)]
    nodes.append(_object_node("apex", value.apex, apex))
    arrows = [
        Arrow(f"arrow_{n}", names[i], names[j], label=_function_label(m))
        for n, (i, j, m) in enumerate(diagram.arrows)
    ]
    for k, leg in zip(diagram.legs, value.legs, strict=True):
        ends = (names[k], "apex") if isinstance(value, Colimit) else ("apex", names[k])
        label = _function_label(leg) or f"leg {names[k]}"
        arrows.append(Arrow(f"leg {names[k]}", *ends, "morphism", label=label))
    kind = "Colimit" if isinstance(value, Colimit) else "Limit"
    return Scene(f"{kind} of {_count(len(diagram.objects), 'object')}", tuple(nodes), tuple(arrows))


def _inside(thing: Any) -> Scene | None:
    """Return what a panel shows of an object, or None if a line says it all."""
    if not isinstance(thing, Tables):
        return None
    return replace(scene_of(thing), laws=(), key=False)


def _shown(name: str, thing: Any) -> Node:
    inner = _inside(thing)
    small = inner is not None and len(inner.nodes) <= MOST_INSIDE // 4
    return _object_node(name, thing, inner if small else None)


def _object_node(name: str, thing: Any, inner: Scene | None) -> Node:
    if inner is not None and inner.nodes:
        return Node(name, "panel", inner=inner)
    note = str(thing) if isinstance(thing, FinSet) else _graph_or_rows(thing)
    return Node(name, "space", note)


def _graph_or_rows(thing: Any) -> str:
    if not isinstance(thing, Tables):
        name = getattr(thing, "name", None)
        return name if isinstance(name, str) else repr(thing)
    return ", ".join(f"{table}: {thing.size(table)}" for table in thing.shape.tables)


def _function_label(morphism: Any) -> str:
    if isinstance(getattr(morphism, "name", None), str):
        return morphism.name
    if isinstance(morphism, FinFunction) and len(morphism.values) <= 12:
        return str(list(morphism.values.tolist()))
    return ""


def path_scene(path: Path) -> Scene:
    """Return the scene of a path; its vertices in between have no names of their own."""
    count = len(path.edges)
    places = [path.source, *(f"·{k}" for k in range(1, count)), *([path.target] if count else [])]
    ids = [f"{k}" for k in range(len(places))]
    nodes = tuple(
        Node(i, label="·" if 0 < k < count else place)
        for k, (i, place) in enumerate(zip(ids, places, strict=True))
    )
    arrows = tuple(
        Arrow(f"{edge} ({k})", ids[k], ids[k + 1], label=edge) for k, edge in enumerate(path.edges)
    )
    return Scene(f"Path {path}", nodes, arrows)


def function_scene(function: FinFunction) -> Scene:
    """Return the scene of a finite function: its elements, each with its image."""
    one, other = function.domain, function.codomain
    images = other.labels(function.values)
    tables = (
        Node("domain", "table", rows=_rows({"x": one.labels(), "f(x)": images}, one.size)),
        Node("codomain", "table", rows=_rows({"y": other.labels()}, other.size)),
    )
    title = f"Function from {_count(one.size, 'element')} to {other.size}"
    return Scene(title, tables, (Arrow("f", "domain", "codomain"),))


_VIEWS: dict[type, Callable[[Any], Scene]] = {
    Presentation: presentation_scene,
    Graph: graph_scene,
    CSet: tables_scene,
    Tables: tables_scene,
    TableMorphism: morphism_scene,
    Colimit: universal_scene,
    Limit: universal_scene,
    Shape: shape_scene,
    Path: path_scene,
    FinFunction: function_scene,
    Open: lambda one: open_scene(one, scene_of(one.apex)),
    Rule: lambda rule: rule_scene(rule, _shown),
    Rewrite: lambda rewrite: rewrite_scene(rewrite, _shown),
    Sketched: sketch_scene,
    **categories.VIEWS,
}
