"""Views of rewriting rules, of steps of rewriting, and of open objects.

A rule is its span L <- K -> R, each object in a panel; a step is the two squares. An open object
is its apex, with its inputs and outputs marked. What a panel shows of an object is told by the
caller, since that is the picture of the object.

>>> from catlearn.category import Graph
>>> from catlearn.cset import Rule
>>> from catlearn.drawing import scene_of
>>> rule = Rule.between(Graph({"e": ("A", "B")}), Graph({"f": ("B", "A")}))
>>> [(arrow.source, arrow.target) for arrow in scene_of(rule).arrows]
[('K', 'L'), ('K', 'R')]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from catlearn.cset import Open, Rewrite, Rule
from catlearn.drawing.scene import Arrow, Node, Scene

Look = Callable[[str, Any], Node]
"""How an object is shown: its name in the picture, and the object."""


def rule_scene(rule: Rule, look: Look) -> Scene:
    """Return the scene of a rule: its left side, its interface and its right side."""
    objects = {"L": rule.left.codomain, "K": rule.interface, "R": rule.right.codomain}
    arrows = {"left": ("K", "L"), "right": ("K", "R")}
    return _panels(f"Rule {rule.name}".strip(), objects, arrows, look)


def rewrite_scene(rewrite: Rewrite, look: Look) -> Scene:
    """Return the scene of a step of rewriting: its two squares."""
    applied = rewrite.applied
    objects = {"L": applied.left.codomain, "K": applied.interface, "R": applied.right.codomain}
    objects |= {"G": rewrite.left.apex, "D": rewrite.complement.apex, "H": rewrite.apex}
    arrows = {"left": ("K", "L"), "right": ("K", "R"), "match": ("L", "G"), "kept": ("K", "D")}
    arrows |= {"comatch": ("R", "H"), "before": ("D", "G"), "after": ("D", "H")}
    return _panels(f"Rewrite by {rewrite.rule.name or 'a rule'}", objects, arrows, look)


def open_scene(one: Open, apex: Scene) -> Scene:
    """Return the scene of an open object: that of its apex, its inputs and outputs marked."""
    marks: dict[str, list[str]] = {}
    for word, rows in (("in", one.inputs), ("out", one.outputs)):
        for number, name in enumerate(one.names(rows)):
            marks.setdefault(name, []).append(f"{word} {number}")
    kind = "arrows" if one.table == "E" else "nodes"
    marked = tuple(
        replace(item, note=" · ".join(part for part in (item.note, *marks[item.name]) if part))
        if item.name in marks
        else item
        for item in getattr(apex, kind)
    )
    ends = f"{len(one.inputs)} in, {len(one.outputs)} out"
    return replace(apex, title=f"{apex.title}, open: {ends}", **{kind: marked})


def _panels(
    title: str, objects: Mapping[str, Any], arrows: Mapping[str, tuple[str, str]], look: Look
) -> Scene:
    nodes = tuple(look(name, thing) for name, thing in objects.items())
    drawn = (Arrow(name, *ends, "morphism", label=name) for name, ends in arrows.items())
    return Scene(title, nodes, tuple(drawn))
