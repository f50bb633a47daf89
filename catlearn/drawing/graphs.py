"""Views of graphs, presentations and paths.

>>> from catlearn.category import Presentation
>>> from catlearn.drawing.graphs import presentation_scene
>>> scene = presentation_scene(Presentation({"f": ("A", "B"), "g": ("A", "B")}, ["f = g"]))
>>> [node.name for node in scene.nodes], scene.laws[0].text
(['A', 'B'], 'f = g')
"""

from __future__ import annotations

from dataclasses import replace

from catlearn.category import Path, Presentation
from catlearn.drawing.scene import Arrow, Law, Node, Scene, counted
from catlearn.finset import Tables


def graph_title(graph: Tables) -> str:
    """Return how many vertices and edges there are, in words."""
    v, e = counted(graph.size("V"), "vertex", "vertices"), counted(graph.size("E"), "edge")
    return f"{type(graph).__name__} with {v} and {e}"


def graph_scene(graph: Tables) -> Scene:
    """Return the scene of any tables with V, E, src and tgt."""
    names = graph.names("V")
    ends = (graph.arrows["src"], graph.arrows["tgt"])
    arrows = tuple(
        Arrow(edge, names[ends[0](row)], names[ends[1](row)])
        for row, edge in enumerate(graph.names("E"))
    )
    return Scene(graph_title(graph), tuple(map(Node, names)), arrows)


def presentation_scene(presentation: Presentation) -> Scene:
    """Return the scene of a presentation: its graph, and its equations as laws."""
    laws = []
    for name, equation in presentation.equations.items():
        left, right = presentation.sides(name)
        note = ", ".join(f"{key} {value}" for key, value in equation.attributes.items())
        laws.append(Law(name, left.edges, right.edges, left.source, note))
    scene = graph_scene(presentation)
    title = f"{scene.title}, {counted(len(laws), 'equation')}" if laws else scene.title
    return replace(scene, title=title, laws=tuple(laws))


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
