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

>>> from catlearn.category import Presentation
>>> from catlearn.drawing.views import scene_of
>>> scene = scene_of(Presentation({"f": ("A", "B"), "g": ("A", "B")}, ["f = g"]))
>>> [node.name for node in scene.nodes], scene.laws[0].text
(['A', 'B'], 'f = g')
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from catlearn.category import Category, Graph, Path, Presentation
from catlearn.cset import CSet, Open, Rewrite, Rule
from catlearn.cset.labels import variables
from catlearn.display import Sketched
from catlearn.drawing import categories
from catlearn.drawing.categories import category_scene
from catlearn.drawing.graphs import graph_scene, path_scene, presentation_scene
from catlearn.drawing.panels import panel, universal_scene
from catlearn.drawing.regimes import learning_scene, pattern_scene
from catlearn.drawing.scene import Arrow, Node, Scene
from catlearn.drawing.steps import open_scene, rewrite_scene, rule_scene
from catlearn.drawing.tables import function_scene, morphism_scene, shape_scene, tables_scene
from catlearn.finset import (
    Colimit,
    FinFunction,
    Limit,
    Shape,
    TableMorphism,
    Tables,
)
from catlearn.learning import LearningDiagram, Loss


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


def _panel(name: str, thing: Any) -> Node:
    return panel(name, thing, scene_of)


_VIEWS: dict[type, Callable[[Any], Scene]] = {
    Presentation: presentation_scene,
    Graph: graph_scene,
    CSet: tables_scene,
    Tables: tables_scene,
    TableMorphism: lambda one: morphism_scene(one, scene_of),
    Colimit: lambda one: universal_scene(one, scene_of),
    Limit: lambda one: universal_scene(one, scene_of),
    Shape: shape_scene,
    Path: path_scene,
    FinFunction: function_scene,
    Open: lambda one: open_scene(one, scene_of(one.apex)),
    Rule: lambda rule: rule_scene(rule, _panel),
    Rewrite: lambda rewrite: rewrite_scene(rewrite, _panel),
    Sketched: sketch_scene,
    **categories.VIEWS,
}
