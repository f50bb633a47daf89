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
adjunction                        both categories and functors, and the bijection of arrows
path                              its edges in a row
finite function                   its elements, each with its image
rule, step of rewriting           its span, or its two squares, each object in a panel
open object                       its apex, with inputs and outputs marked
evaluation plan                   values, and what runs between them; classes as one
================================  ==================================================

A panel shows the picture of its object; where that would be large, a line says how large the
object is.

>>> from catlearn.category import Presentation
>>> from catlearn.drawing.views import scene_of
>>> scene = scene_of(Presentation({"f": ("A", "B"), "g": ("A", "B")}, ["f = g"]))
>>> [node.name for node in scene.nodes], scene.laws[0].text
(['A', 'B'], 'f = g')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

from catlearn.category import (
    Adjunction,
    Category,
    FiniteCategory,
    Functor,
    Graph,
    NaturalTransformation,
    Path,
    Presentation,
)
from catlearn.cset import Open, Rewrite, Rule, Variable
from catlearn.display import Sketched
from catlearn.drawing.circuits.ink import CircuitPanel
from catlearn.drawing.circuits.scene import circuit_scene
from catlearn.drawing.scene import Node, Scene, SceneArrow, SceneLaw, counted
from catlearn.errors import CatlearnError, Failures, did_you_mean, fault, refuse
from catlearn.finset import Colimit, FinFunction, FinSet, Limit, Shape, TableMorphism, Tables
from catlearn.finset.variables import variables
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.weights import training_text, weight_text
from catlearn.models import (
    AnySpace,
    ArchitectureMap,
    Categorical,
    DataSpace,
    OperatorMap,
    Product,
    Space,
)
from catlearn.models.circuits import CircuitArchitecture

#: Rows of a table that are shown before the rest are counted.
MOST_ROWS = 24

#: Generated equations that the picture of a learning diagram lists of its own accord.
MOST_IMPLIED = 24

#: Equations of a category that its picture lists of its own accord.
MOST_EQUATIONS = 12

#: Arrows of a category that are drawn when all are asked for.
MOST_ARROWS = 200

#: Pairs of objects of two adjoint categories whose arrows are paired in a table.
MOST_HOMS = 400

#: Vertices of all panels together that are drawn; beyond, panels are summed up.
MOST_INSIDE = 80


# ---------------------------------------------------------------- graphs


def graph_scene(graph: Tables) -> Scene:
    """Return the scene of any tables with V, E, src and tgt."""
    names = graph.names("V")
    ends = zip(graph.arrows["src"].values, graph.arrows["tgt"].values, strict=True)
    arrows = tuple(
        SceneArrow(edge, names[source], names[target])
        for edge, (source, target) in zip(graph.names("E"), ends, strict=True)
    )
    v, e = counted(graph.size("V"), "vertex", "vertices"), counted(graph.size("E"), "edge")
    return Scene(f"{type(graph).__name__} with {v} and {e}", tuple(map(Node, names)), arrows)


def presentation_scene(presentation: Presentation) -> Scene:
    """Return the scene of a presentation: its graph, and its equations as laws."""
    laws = []
    for name, equation in presentation.equations.items():
        note = ", ".join(f"{key} {value}" for key, value in equation.attributes.items())
        laws.append(SceneLaw.of(name, presentation.sides(name), note))
    scene = graph_scene(presentation)
    title = f"{scene.title}, {counted(len(laws), 'equation')}" if laws else scene.title
    return replace(scene, title=title, laws=tuple(laws))


def path_scene(path: Path) -> Scene:
    """Return the scene of a path; its vertices in between have no names of their own."""
    count = len(path.edges)
    places = [path.source, *"·" * (count - 1), *([path.target] if count else [])]
    nodes = tuple(Node(f"{k}", label=place) for k, place in enumerate(places))
    arrows = tuple(
        SceneArrow(f"{edge} ({k})", f"{k}", f"{k + 1}", label=edge)
        for k, edge in enumerate(path.edges)
    )
    return Scene(f"Path {path}", nodes, arrows)


# ---------------------------------------------------------------- learning diagrams


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

    Examples
    --------
    >>> from catlearn.models import Categorical, Model, Space
    >>> f = Model("f", Space("X", (3,)), Categorical("Y", 2), "linear")
    >>> [(node.name, node.kind, node.note) for node in learning_scene(LearningDiagram(f)).nodes]
    [('X', 'space', 'R^3'), ('Y', 'categorical', '2 classes')]
    """
    nodes = tuple(_space_node(diagram, vertex) for vertex in diagram.vertices)
    arrows = tuple(_map_arrow(diagram, edge) for edge in diagram.edges)
    pairings = {
        name: edge
        for edge, names in diagram.definers.items()
        for factor, name in names.items()
        if factor is not None
    }
    laws = [
        SceneLaw.of(name, diagram.sides(name), "strict", pairings.get(name, ""))
        for name in diagram.strict_equations
    ]
    if terms:
        laws += map(_term_law, terms)
    elif diagram.soft_equations or not implied:
        laws += [_soft_law(diagram, name) for name in diagram.soft_equations]
    else:
        laws += _implied(diagram)
    return Scene(graph_scene(diagram).title, nodes, arrows, tuple(laws), key=True)


def opened_scene(
    scene: Scene, diagram: LearningDiagram, names: str | Iterable[str], depth: int | None = None
) -> Scene:
    """Return the scene of a learning diagram with the circuits of some edges in panels on these.

    Parameters
    ----------
    scene, diagram
        The scene, and of what.
    names
        The edges that are opened.
    depth
        How many blocks inside one another are drawn open.

    Raises
    ------
    InvalidStructure
        Listing names that are no edges, and edges whose models are no circuits.
    """
    names = [names] if isinstance(names, str) else [*names]
    inlays, failures = {}, Failures()
    for name in names:
        if name not in diagram.edges:
            message = f"is no edge; {did_you_mean(name, dict.fromkeys(diagram.edges))}"
            failures.add("open", repr(name), message)
            continue
        label = diagram.map_label(name)
        model = label.architecture if isinstance(label, ArchitectureMap) else None
        if not isinstance(model, CircuitArchitecture):
            failures.add("open", repr(name), "is no circuit, and has nothing inside to draw")
            continue
        ends = (diagram.space_label(vertex) for vertex in diagram.ends(name))
        inlays[name] = CircuitPanel(circuit_scene(model.between(*ends).circuit, depth=depth))
    refuse("draw", failures)
    arrows = (replace(arrow, inner=inlays.get(arrow.name)) for arrow in scene.arrows)
    return replace(scene, arrows=tuple(arrows))


def pattern_scene(diagram: LearningDiagram) -> Scene:
    """Return the scene of a learning diagram some of whose labels are left open."""
    labels = diagram.attributes
    nodes = tuple(
        Node(vertex, note=str(label))
        if isinstance(label, Variable)
        else _space_node(diagram, vertex)
        for vertex, label in zip(diagram.vertices, labels["space"], strict=True)
    )
    arrows = tuple(
        SceneArrow(edge, *diagram.ends(edge), note=str(label))
        if isinstance(label, Variable)
        else _map_arrow(diagram, edge)
        for edge, label in zip(diagram.edges, labels["map"], strict=True)
    )
    laws = presentation_scene(diagram).laws
    return Scene(graph_scene(diagram).title, nodes, arrows, laws)


def _space_node(diagram: LearningDiagram, vertex: str) -> Node:
    label = diagram.space_label(vertex)
    if isinstance(label, DataSpace):
        columns = diagram.data.get(vertex, {})
        size = next((len(array) for array in columns.values()), None)
        return Node(vertex, "dataset", "" if size is None else counted(size, "example"))
    kinds = {Categorical: "categorical", Product: "product"}
    return Node(vertex, kinds.get(type(label), "space"), _space_note(label))


def _space_note(label: AnySpace) -> str:
    match label:
        case Categorical(n):
            return counted(n, "class", "classes")
        case Product(factors):
            return " × ".join(map(_space_note, factors))
        case Space():
            text = str(label).replace("(", "{").replace(")", "}") if label.shape else "ℝ"
            return text if label.dtype == "float32" else f"{text} {label.dtype}"
    return str(label)


def _map_arrow(diagram: LearningDiagram, edge: str) -> SceneArrow:
    label = diagram.map_label(edge)
    kind, note = label.kind, ""
    if isinstance(label, OperatorMap):
        kind = "defined"
        note = f"{label.architecture} of {diagram.operators.get(edge, 'nothing')}"
    elif edge in diagram.averages:
        note = f"average of {diagram.averages[edge][0]}"
    elif isinstance(label, ArchitectureMap) and not label.architecture.bound:
        note = "unbound"
    return SceneArrow(edge, *diagram.ends(edge), kind, note)


def _cost_note(weight: float, divergence: Any, trains: Any, stop: str | None) -> str:
    name = str(divergence).replace("_", " ").replace("<lambda>", "a lambda")
    return " · ".join([f"weight {weight_text(weight)}", name, *training_text(trains, stop)])


def _soft_law(diagram: LearningDiagram, name: str) -> SceneLaw:
    trained = diagram.trains(name), diagram.stop(name)
    note = _cost_note(diagram.weight(name), diagram.divergence(name), *trained)
    return SceneLaw.of(name, diagram.sides(name), note)


def _term_law(term: Any, note: str = "") -> SceneLaw:
    cost = _cost_note(term.weight, term.divergence, term.trains, term.stop)
    return SceneLaw.of(term.name, (term.lhs, term.rhs), cost + note)


def _implied(diagram: LearningDiagram) -> list[SceneLaw]:
    """Return the equations that the loss takes by default, if there are few."""
    try:
        terms = diagram.select("all", bound=10 * MOST_IMPLIED).terms
    except CatlearnError:  # infinitely many, or too many: a picture says nothing of them
        return []
    if len(terms) > MOST_IMPLIED:
        return []
    return [_term_law(term, " · not declared") for term in terms]


# ---------------------------------------------------------------- tables


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
    if images is None and _is_of_graphs(shape):
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
        nodes.append(_table_node(table, columns))
    title = f"{type(tables).__name__}: " + ", ".join(
        f"{table} has {counted(tables.size(table), 'row')}" for table in shape.tables
    )
    return Scene(title, tuple(nodes), _shape_arrows(shape))


def _is_of_graphs(shape: Shape) -> bool:
    return (
        set(shape.tables) == {"V", "E"}
        and dict(shape.arrows) == {"src": ("E", "V"), "tgt": ("E", "V")}
        and not shape.lists
        and not shape.attributes
    )


def _table_node(name: str, columns: Mapping[str, Sequence[str]]) -> Node:
    """Return a table: its head and its rows, or the first rows and how many there are more."""
    count = max((len(column) for column in columns.values()), default=0)
    body = [tuple(column[k] for column in columns.values()) for k in range(min(count, MOST_ROWS))]
    if count > MOST_ROWS:
        body.append((f"… {count - MOST_ROWS} more", *[""] * (len(columns) - 1)))
    return Node(name, "table", rows=(tuple(columns), *body))


def _shape_arrows(shape: Shape) -> tuple[SceneArrow, ...]:
    plain = [SceneArrow(name, *ends) for name, ends in shape.arrows.items()]
    lists = [SceneArrow(name, *ends, "list", "list") for name, ends in shape.lists.items()]
    return (*plain, *lists)


def shape_scene(shape: Shape) -> Scene:
    """Return the scene of a schema: its tables with their attributes, arrows and equations."""
    nodes = []
    for table in shape.tables:
        own = [name for name, home in shape.attributes.items() if home == table]
        nodes.append(Node(table, "space", ", ".join(own)))
    laws = [SceneLaw.of(str(one), sides) for one, *sides in getattr(shape, "resolved", ())]
    title = f"{type(shape).__name__} with {counted(len(shape.tables), 'table')}"
    return Scene(title, tuple(nodes), _shape_arrows(shape), tuple(laws))


def morphism_scene(morphism: TableMorphism) -> Scene:
    """Return the scene of a morphism: every row of the domain says where it goes."""
    one, other = morphism.domain, morphism.codomain
    images = {
        table: other.sets[table].labels(morphism.components[table].values)
        for table in one.shape.tables
    }
    if {"src", "tgt"} <= set(one.shape.arrows):
        notes = [
            dict(zip(one.names(table), images[table], strict=True)).__getitem__ for table in "VE"
        ]
        inside = _with_images(scene_of(one), *notes)
    else:
        inside = tables_scene(one, images)
    outside = replace(scene_of(other), laws=())
    nodes = Node("domain", "panel", inner=inside), Node("codomain", "panel", inner=outside)
    title = f"{type(morphism).__name__} from {inside.title} to {outside.title}"
    return Scene(
        title, nodes, (SceneArrow("morphism", "domain", "codomain", "morphism", label=""),)
    )


def _with_images(scene: Scene, nodes: Callable[[str], Any], arrows: Callable[[str], Any]) -> Scene:
    """Return a scene each of whose parts says where it goes, without laws."""
    return replace(
        scene,
        nodes=tuple(replace(n, note=f"↦ {nodes(n.name)}") for n in scene.nodes),
        arrows=tuple(replace(a, note=f"↦ {arrows(a.name)}") for a in scene.arrows),
        laws=(),
    )


def function_scene(function: FinFunction) -> Scene:
    """Return the scene of a finite function: its elements, each with its image.

    Examples
    --------
    >>> function_scene(FinFunction([1, 0, 1], codomain=2)).nodes[0].rows
    (('x', 'f(x)'), ('0', '1'), ('1', '0'), ('2', '1'))
    """
    one, other = function.domain, function.codomain
    tables = (
        _table_node("domain", {"x": one.labels(), "f(x)": other.labels(function.values)}),
        _table_node("codomain", {"y": other.labels()}),
    )
    title = f"Function from {counted(one.size, 'element')} to {other.size}"
    return Scene(title, tables, (SceneArrow("f", "domain", "codomain"),))


# ---------------------------------------------------------------- categories


def category_scene(category: Category, arrows: str | None = None) -> Scene:
    """Return the scene of a category.

    A poset is its Hasse diagram, upwards. Any other category is drawn by generators, with the
    equations between them while they are few, or by all its arrows.

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

    Examples
    --------
    >>> divides = FiniteCategory.poset([("1", "2"), ("1", "3"), ("2", "6"), ("3", "6")])
    >>> category_scene(divides).title, [arrow.kind for arrow in category_scene(divides).arrows]
    ('Poset with 4 elements', ['order', 'order', 'order', 'order'])
    """
    if arrows not in (None, "generators", "all"):
        raise ValueError(f"arrows is 'generators' or 'all', not {arrows!r}")
    finite = isinstance(category, FiniteCategory)
    title = f"Category with {len(category.objects)} objects, presented"
    if finite:
        sizes = counted(len(category.ob), "object"), counted(len(category.ar), "arrow")
        title = f"Category with {' and '.join(sizes)}"
    if arrows == "all":
        if not finite or len(category.ar) - len(category.ob) > MOST_ARROWS:
            found = f"{len(category.ar)} arrows" if finite else "no finite list of arrows"
            message = f"has {found}; at most {MOST_ARROWS} are drawn; draw its generators"
            raise fault("picture", "size", "category", message)
        return replace(graph_scene(category.graph), title=title)
    generators = graph_scene(category.generators)
    if finite and arrows is None and category.is_thin and category.is_skeletal:
        covers = tuple(replace(arrow, kind="order", label="") for arrow in generators.arrows)
        title = f"Poset with {counted(len(category.ob), 'element')}"
        return Scene(title, tuple(map(Node, category.objects)), covers, upward=True)
    laws = presentation_scene(category.presentation()).laws  # type: ignore[attr-defined]
    return replace(generators, title=title, laws=laws if len(laws) <= MOST_EQUATIONS else ())


def functor_scene(functor: Functor) -> Scene:
    """Return the scene of a functor: its domain, each part with its image, and its codomain."""
    inside = _with_images(
        _domain_scene(functor),
        lambda name: _short(functor.objects[name]),
        lambda name: _short(functor.arrows[name]),
    )
    nodes = [Node("domain", "panel", inner=inside)]
    if isinstance(functor.codomain, Category):
        inner = replace(category_scene(functor.codomain, "generators"), laws=())
        nodes.append(Node("codomain", "panel", inner=inner))
    else:
        nodes.append(Node("codomain", "space", type(functor.codomain).__name__))
    arrow = SceneArrow("functor", "domain", "codomain", "morphism", label="")
    return Scene(f"Functor on a {inside.title}", tuple(nodes), (arrow,))


def _domain_scene(functor: Functor) -> Scene:
    """Return the generators of what a functor is defined on, without equations."""
    domain = functor.domain
    kind = "category" if isinstance(domain, Category) else type(domain).__name__.lower()
    scene = graph_scene(functor.graph)
    return replace(scene, title=f"{kind} with {len(scene.nodes)} objects")


def transformation_scene(alpha: NaturalTransformation) -> Scene:
    """Return the scene of a natural transformation: a square for each generator.

    It is the image of the domain's generators under both functors, with the squares that commute.
    """
    graph = alpha.domain.graph
    nodes, arrows, laws = [], [], []
    for name, functor in (("F", alpha.domain), ("G", alpha.codomain)):
        nodes += [Node(f"{name}({a})", note=_short(functor.objects[a])) for a in graph.vertices]
        for f in graph.edges:
            ends = (f"{name}({a})" for a in graph.ends(f))
            arrows.append(SceneArrow(f"{name}({f})", *ends, note=_short(functor.arrows[f])))
    for a in graph.vertices:
        note = _short(alpha.components[a])
        arrows.append(SceneArrow(f"α_{{{a}}}", f"F({a})", f"G({a})", "morphism", note))
    for f in graph.edges:
        a, b = graph.ends(f)
        sides = (f"F({f})", f"α_{{{b}}}"), (f"α_{{{a}}}", f"G({f})")
        laws.append(SceneLaw(f"naturality at {f}", *sides, at=f"F({a})"))
    title = f"Natural transformation with {len(graph.vertices)} components"
    return Scene(title, tuple(nodes), tuple(arrows), tuple(laws))


def adjunction_scene(adjunction: Adjunction) -> Scene:
    """Return the scene of an adjunction: two categories, two functors, and what corresponds.

    Each object says where its functor sends it, and its component of the unit or of the counit.
    Between finite categories a table pairs the arrows L(c) -> d with the arrows c -> R(d), the
    identities' partners (unit and counit) included.
    """
    L, R = adjunction.left, adjunction.right
    nodes = [
        Node("C", "panel", inner=_marked(L, adjunction.unit, "η")),
        Node("D", "panel", inner=_marked(R, adjunction.counit, "ε")),
    ]
    small = len(L.domain.objects) * len(R.domain.objects) <= MOST_HOMS
    if small and isinstance(L.domain, FiniteCategory) and isinstance(R.domain, FiniteCategory):
        heads = ("c", "d", "L(c) → d", "c → R(d)")
        columns = zip(*_partners(adjunction), strict=True)
        nodes.append(_table_node("bijection", dict(zip(heads, columns, strict=False))))
    arrows = (
        SceneArrow("L", "C", "D", "morphism", "left adjoint"),
        SceneArrow("R", "D", "C", "morphism", "right adjoint"),
    )
    return Scene("Adjunction of L : C → D and R : D → C", tuple(nodes), arrows)


def _marked(functor: Functor, alpha: NaturalTransformation, sign: str) -> Scene:
    """Return the scene of a functor's domain, each object with its image and its component."""
    if isinstance(functor.domain, Category):
        scene = replace(category_scene(functor.domain), laws=())
    else:
        scene = _domain_scene(functor)
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
    else:
        text = _sizes(value) if isinstance(value, Tables) else str(value)
    return text if len(text) <= 32 else text[:31] + "…"


def _sizes(tables: Tables) -> str:
    return ", ".join(f"{table}: {tables.size(table)}" for table in tables.shape.tables)


# ---------------------------------------------------------------- panels


def universal_scene(value: Colimit | Limit) -> Scene:
    """Return the scene of a limit or colimit: its diagram, its apex and its legs."""
    diagram = value.diagram
    names = dict(zip(diagram.legs, diagram.names, strict=True))
    shared = [k for k in range(len(diagram.objects)) if k not in names]
    for k in shared:
        names[k] = "shared" if len(shared) == 1 else f"shared_{k}"
    things = {names[k]: thing for k, thing in enumerate(diagram.objects)} | {"apex": value.apex}
    inner = {name: _inside(thing) for name, thing in things.items()}
    if sum(len(scene.nodes) for scene in inner.values() if scene is not None) > MOST_INSIDE:
        inner = dict.fromkeys(inner)
    nodes = tuple(_object_node(name, thing, inner[name]) for name, thing in things.items())
    arrows = [
        SceneArrow(f"arrow_{n}", names[i], names[j], label=_arrow_label(m))
        for n, (i, j, m) in enumerate(diagram.arrows)
    ]
    kind = "Colimit" if isinstance(value, Colimit) else "Limit"
    for k, leg in zip(diagram.legs, value.legs, strict=True):
        ends = (names[k], "apex") if kind == "Colimit" else ("apex", names[k])
        name = f"leg {names[k]}"
        arrows.append(SceneArrow(name, *ends, "morphism", label=_arrow_label(leg) or name))
    return Scene(f"{kind} of {counted(len(diagram.objects), 'object')}", nodes, tuple(arrows))


def _inside(thing: Any) -> Scene | None:
    """Return what a panel shows of an object, or None if a line says it all."""
    return replace(scene_of(thing), laws=(), key=False) if isinstance(thing, Tables) else None


def _object_node(name: str, thing: Any, inner: Scene | None) -> Node:
    if inner is not None and inner.nodes:
        return Node(name, "panel", inner=inner)
    if isinstance(thing, Tables):
        return Node(name, "space", _sizes(thing))
    own = getattr(thing, "name", None)
    if isinstance(thing, FinSet):
        own = str(thing)
    return Node(name, "space", own if isinstance(own, str) else repr(thing))


def _arrow_label(morphism: Any) -> str:
    if isinstance(getattr(morphism, "name", None), str):
        return morphism.name
    if isinstance(morphism, FinFunction) and len(morphism.values) <= 12:
        return str(morphism.values.tolist())
    return ""


def _panels(title: str, objects: Mapping[str, Any], arrows: Mapping[str, tuple[str, str]]) -> Scene:
    """Return the scene of objects, each in a panel if it is small, and arrows between them."""
    nodes = []
    for name, thing in objects.items():
        inner = _inside(thing)
        small = inner is not None and len(inner.nodes) <= MOST_INSIDE // 4
        nodes.append(_object_node(name, thing, inner if small else None))
    drawn = (SceneArrow(name, *ends, "morphism", label=name) for name, ends in arrows.items())
    return Scene(title, tuple(nodes), tuple(drawn))


def rule_scene(rule: Rule) -> Scene:
    """Return the scene of a rule: its left side, its interface and its right side.

    Examples
    --------
    >>> rule = Rule.between(Graph({"e": ("A", "B")}), Graph({"f": ("B", "A")}))
    >>> [(arrow.source, arrow.target) for arrow in rule_scene(rule).arrows]
    [('K', 'L'), ('K', 'R')]
    """
    objects = {"L": rule.left.codomain, "K": rule.interface, "R": rule.right.codomain}
    arrows = {"left": ("K", "L"), "right": ("K", "R")}
    return _panels(f"Rule {rule.name}".strip(), objects, arrows)


def rewrite_scene(rewrite: Rewrite) -> Scene:
    """Return the scene of a step of rewriting: its two squares."""
    applied = rewrite.applied
    objects = {"L": applied.left.codomain, "K": applied.interface, "R": applied.right.codomain}
    objects |= {"G": rewrite.left.apex, "D": rewrite.complement.apex, "H": rewrite.apex}
    arrows = {"left": ("K", "L"), "right": ("K", "R"), "match": ("L", "G"), "kept": ("K", "D")}
    arrows |= {"comatch": ("R", "H"), "before": ("D", "G"), "after": ("D", "H")}
    return _panels(f"Rewrite by {rewrite.rule.name or 'a rule'}", objects, arrows)


def open_scene(one: Open) -> Scene:
    """Return the scene of an open object: that of its apex, its inputs and outputs marked."""
    apex = scene_of(one.apex)
    kind = "arrows" if one.table == "E" else "nodes"
    marks: dict[str, list[str]] = {}
    for word, rows in (("in", one.inputs), ("out", one.outputs)):
        for number, name in enumerate(one.names(rows)):
            marks.setdefault(name, []).append(f"{word} {number}")
    marked = tuple(
        replace(item, note=" · ".join(filter(None, [item.note, *marks.get(item.name, ())])))
        for item in getattr(apex, kind)
    )
    ends = f"{len(one.inputs)} in, {len(one.outputs)} out"
    return replace(apex, title=f"{apex.title}, open: {ends}", **{kind: marked})


def sketch_scene(value: Sketched) -> Scene:
    """Return the scene of boxes and arrows that a value describes."""
    title, boxes, arrows = value.sketch()
    return Scene(
        title,
        tuple(starmap(Node, boxes)),
        tuple(
            SceneArrow(f"{source} to {target}", source, target, note=note, label=label)
            for source, target, label, note in arrows
        ),
    )


# ---------------------------------------------------------------- any value


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
    for kind, view in VIEWS.items():
        if isinstance(value, kind):
            return view(value)
    known = ", ".join(kind.__name__ for kind in (LearningDiagram, Loss, *VIEWS))
    raise TypeError(f"there is no picture of a {type(value).__name__}; there is of: {known}")


VIEWS: dict[type, Callable[[Any], Scene]] = {
    Presentation: presentation_scene,
    Graph: graph_scene,
    Tables: tables_scene,
    TableMorphism: morphism_scene,
    Colimit: universal_scene,
    Limit: universal_scene,
    Shape: shape_scene,
    Path: path_scene,
    FinFunction: function_scene,
    Open: open_scene,
    Rule: rule_scene,
    Rewrite: rewrite_scene,
    Sketched: sketch_scene,
    Adjunction: adjunction_scene,
    Functor: functor_scene,
    NaturalTransformation: transformation_scene,
    Category: category_scene,
}
"""How each kind of value is seen, unless :func:`scene_of` has options for it."""
