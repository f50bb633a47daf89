"""discopy: paths and graphs as arrows, wiring diagrams as hypergraphs, both ways.

An arrow of discopy's free category (``discopy.cat``) is a list of boxes with a domain and a
codomain, and that is what a path is: edges become boxes, vertices become objects. (A box that is
a dagger, or carries data, is no edge of a graph and is refused.)

A hypergraph of discopy has boxes whose domains and codomains are wired to *spiders*; spiders are
junctions, and hypergraphs up to the order of spiders are undirected wiring diagrams whose boxes
know which ports are inputs (Bonchi et al., arXiv 2012.01847). A wiring diagram goes to a
hypergraph with all ports of a box in its domain and all outer ports in the codomain; the type
of each spider is its junction's name. Back, ports are those of the domain and then those of the
codomain, and a spider whose type another one has gets a number.

discopy is not needed until one of these is called.

>>> from catlearn.category import Graph
>>> from catlearn.cset import WiringDiagram
>>> G = Graph({"f": ("x", "y"), "g": ("y", "z")})
>>> arrow = to_discopy(G, "f >> g")
>>> print(arrow, "from", arrow.dom, "to", arrow.cod)
f >> g from x to z
>>> from_discopy(arrow)
(Graph({'f': ('x', 'y'), 'g': ('y', 'z')}), Path('x', ('f', 'g'), 'z'))
>>> hypergraph = to_discopy_hypergraph(WiringDiagram.read("(x, z) <- R(x, y), S(y, z)"))
>>> len(hypergraph.boxes), hypergraph.n_spiders
(2, 3)
>>> print(from_discopy_hypergraph(hypergraph))
(x, z) <- R(x, y), S(y, z)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from catlearn.category import Graph, Path
from catlearn.category.path import Side
from catlearn.cset import WiringDiagram
from catlearn.files import Faults
from catlearn.names import numbered


def to_discopy(graph: Graph, path: Side) -> Any:
    """Return a path of a graph as a ``discopy.cat.Arrow``.

    Parameters
    ----------
    graph
        The graph.
    path
        A path, or its text.

    Raises
    ------
    NotComposable
        If it is not a path of the graph.
    """
    cat = import_module("discopy.cat")
    found = graph.path(path)
    inside = tuple(cat.Box(edge, *map(cat.Ob, graph.ends(edge))) for edge in found.edges)
    return cat.Arrow(inside, cat.Ob(found.source), cat.Ob(found.target))


def from_discopy(*arrows: Any) -> tuple[Any, ...]:
    """Return the graph of the boxes of some discopy arrows, and the path of each arrow.

    Parameters
    ----------
    *arrows
        Arrows or boxes of ``discopy.cat``.

    Returns
    -------
    graph, *paths
        A graph with an edge for each box, and one path for each arrow.

    Raises
    ------
    FileFormatError
        Listing boxes of one name with different ends, and what is not a plain box.
    """
    cat = import_module("discopy.cat")
    faults = Faults("discopy arrow")
    edges: dict[str, tuple[str, str]] = {}
    vertices: dict[str, None] = {}
    paths = []
    for number, arrow in enumerate(arrows):
        if not isinstance(arrow, cat.Arrow):
            message = f"expected an arrow of discopy.cat, found {type(arrow).__name__}"
            faults.add(f"argument {number}", message)
            continue
        inside = tuple(_read_box(box, edges, faults) for box in arrow.inside)
        source, target = _read_ends(arrow, faults)
        vertices |= dict.fromkeys([source, *(v for name in inside for v in edges.get(name, ()))])
        paths.append(Path(source, inside, target))
    faults.check()
    return Graph(edges, vertices=vertices), *paths


def _read_ends(arrow: Any, faults: Faults) -> tuple[str, str]:
    cat = import_module("discopy.cat")
    for end in (arrow.dom, arrow.cod):
        if type(end) is not cat.Ob:
            message = f"objects are those of discopy.cat, found {type(end).__name__}"
            faults.add(f"object {end}", message)
    return str(arrow.dom.name), str(arrow.cod.name)


def _read_box(box: Any, edges: dict[str, tuple[str, str]], faults: Faults) -> str:
    """Note the edge that a box is; return its name."""
    cat = import_module("discopy.cat")
    where, name = f"box {box}", str(getattr(box, "name", ""))
    if type(box) is not cat.Box or box.is_dagger or box.data is not None:
        faults.add(where, "is more than a name and two ends: a dagger, a sum, or a box with data")
        return name
    ends = _read_ends(box, faults)
    if edges.setdefault(name, ends) != ends:
        message = f"goes {' -> '.join(ends)} here and {' -> '.join(edges[name])} elsewhere"
        faults.add(where, message, "names")
    return name


def to_discopy_hypergraph(wiring: WiringDiagram) -> Any:
    """Return a wiring diagram as a ``discopy.frobenius.Hypergraph``."""
    frobenius = import_module("discopy.frobenius")
    empty = frobenius.Ty()
    place = {junction: number for number, junction in enumerate(wiring.junctions)}
    ports = {box: wiring.ports(box) for box in wiring.boxes}
    outer = wiring.outside
    wires = tuple((tuple(map(place.__getitem__, some)), ()) for some in ports.values())
    return frobenius.Hypergraph(
        empty,
        frobenius.Ty(*outer),
        tuple(frobenius.Box(box, frobenius.Ty(*some), empty) for box, some in ports.items()),
        ((), wires, tuple(map(place.__getitem__, outer))),
        tuple(map(frobenius.Ty, wiring.junctions)),
    )


def from_discopy_hypergraph(hypergraph: Any) -> WiringDiagram:
    """Return a discopy hypergraph as a wiring diagram.

    Raises
    ------
    FileFormatError
        If it is none.
    """
    faults = Faults("discopy hypergraph")
    if not all(hasattr(hypergraph, name) for name in ("wires", "spider_types", "boxes")):
        faults.add("value", f"expected a discopy hypergraph, found {type(hypergraph).__name__}")
    faults.check()
    junctions = numbered(map(str, hypergraph.spider_types), "j")
    boxes = numbered((str(box.name) for box in hypergraph.boxes), "box")
    inputs, wired, outputs = hypergraph.wires
    return WiringDiagram(
        {
            box: [junctions[k] for k in (*into, *out)]
            for box, (into, out) in zip(boxes, wired, strict=True)
        },
        outer=[junctions[k] for k in (*inputs, *outputs)],
        junctions=junctions,
    )
