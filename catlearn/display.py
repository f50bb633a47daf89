"""Rich display: a registry of renderers, filled when a notebook first asks.

The rooms of the package know nothing of drawing. A value that wants a picture inherits from
:class:`Displayed`; on first display the drawing room is imported and registers its renderers
here. This is the package's only import from below to above, and it runs on demand.

>>> from catlearn.display import Displayed, register_renderer
>>> class Dot(Displayed):
...     def __repr__(self):
...         return "Dot()"
>>> register_renderer(Dot, lambda dot: "<svg/>")
>>> Dot()._repr_mimebundle_()
{'text/plain': 'Dot()', 'image/svg+xml': '<svg/>'}
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

_renderers: dict[type, Callable[[Any], str]] = {}


def register_renderer(kind: type, to_svg: Callable[[Any], str]) -> None:
    """Say how values of a type, and of its subclasses, are drawn as SVG text."""
    _renderers[kind] = to_svg


def renderer_of(kind: type) -> Callable[[Any], str] | None:
    """Return the renderer of the nearest ancestor that has one, or None."""
    importlib.import_module("catlearn.drawing")
    for ancestor in kind.__mro__:
        if ancestor in _renderers:
            return _renderers[ancestor]
    return None


def html_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Write a table for a notebook; the first cell of each row is its name.

    Examples
    --------
    >>> html_table(["", "x"], [["a", "<1>"]])
    '<table><tr><th></th><th>x</th></tr><tr><th>a</th><td>&lt;1&gt;</td></tr></table>'
    """
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    for name, *cells in body:
        data = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f"<th>{escape(name)}</th>{data}")
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


class Displayed:
    """A value that draws itself in a notebook: SVG and plain text.

    There is no ``text/latex`` beside an SVG, since JupyterLab would prefer it and MathJax
    cannot draw diagrams.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        renderer = renderer_of(type(self))
        if renderer is not None:
            bundle["image/svg+xml"] = renderer(self)
        return bundle


class Sketch(NamedTuple):
    """A picture of boxes and arrows, in words.

    Parameters
    ----------
    title
        What it shows, on one line.
    boxes
        For each box its unique name, its kind (as a vertex of a diagram) and a note.
    arrows
        For each arrow the boxes at its ends, a label, and a note.
    """

    title: str
    boxes: tuple[tuple[str, str, str], ...]
    arrows: tuple[tuple[str, str, str, str], ...]


class Sketched(Displayed):
    """A value of a room that drawing does not know, which says itself what is drawn of it."""

    def sketch(self) -> Sketch:
        """Return what is drawn."""
        raise NotImplementedError
