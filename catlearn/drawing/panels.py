"""Panels: objects of a diagram drawn inside a picture, and views of limits and colimits.

A panel shows the picture of its object, which the caller draws; where that would be large, a line
says how large the object is.

>>> from catlearn.drawing.panels import panel
>>> from catlearn.drawing.views import scene_of
>>> from catlearn.finset import FinSet
>>> panel("two", FinSet(2), scene_of).note
'2'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from catlearn.drawing.scene import Arrow, Node, Scene, counted
from catlearn.finset import Colimit, FinFunction, FinSet, Limit, Tables

Picture = Callable[[Any], Scene]
"""How the object in a panel is drawn."""

#: Vertices of all panels together that are drawn; beyond, panels are summed up.
MOST_INSIDE = 80


def universal_scene(value: Colimit | Limit, picture: Picture) -> Scene:
    """Return the scene of a limit or colimit: its diagram, its apex and its legs."""
    diagram = value.diagram
    names = dict(zip(diagram.legs, diagram.names, strict=True))
    shared = [k for k in range(len(diagram.objects)) if k not in names]
    for k in shared:
        names[k] = "shared" if len(shared) == 1 else f"shared_{k}"
    inner = {k: _inside(thing, picture) for k, thing in enumerate(diagram.objects)}
    apex = _inside(value.apex, picture)
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
    return Scene(
        f"{kind} of {counted(len(diagram.objects), 'object')}", tuple(nodes), tuple(arrows)
    )


def _inside(thing: Any, picture: Picture) -> Scene | None:
    """Return what a panel shows of an object, or None if a line says it all."""
    if not isinstance(thing, Tables):
        return None
    return replace(picture(thing), laws=(), key=False)


def panel(name: str, thing: Any, picture: Picture) -> Node:
    """Return the node that shows an object, with its picture inside if that is small."""
    inner = _inside(thing, picture)
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
