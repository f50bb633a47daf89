"""Pictures: a value drawn, to look at and to keep.

>>> from catlearn.category import Graph
>>> from catlearn.drawing import draw
>>> picture = draw(Graph({"f": ("A", "B")}))
>>> picture
Picture('Graph with 2 vertices and 1 edge')
>>> picture.svg.startswith("<svg"), picture.tikzcd.splitlines()[0]
(True, '\\\\begin{tikzcd}')
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from catlearn.arrays import Circuit
from catlearn.costing.table import CircuitResources
from catlearn.display import Chart, Charted, register_renderer
from catlearn.drawing import svg, texts
from catlearn.drawing.arrangement import abridged
from catlearn.drawing.charts import chart_svg
from catlearn.drawing.circuits.ink import circuit_svg, circuit_tikz
from catlearn.drawing.circuits.scene import CircuitScene, circuit_scene
from catlearn.drawing.scene import Scene
from catlearn.drawing.views import VIEWS, opened_scene, scene_of
from catlearn.errors import fault
from catlearn.files import atomic_write
from catlearn.learning import LearningDiagram, Loss
from catlearn.streams import Fold, PrefixFold
from catlearn.typesetting import clean

MOST_DISPLAYED = 2_000
"""The most nodes and arrows that notebooks draw unasked; of more, :func:`draw` shows a part."""


_CIRCUIT = ("circuit", "SVG and tikz")


def _svg(scene: Scene | CircuitScene | Chart) -> str:
    if isinstance(scene, Chart):
        return chart_svg(scene)
    return circuit_svg(scene) if isinstance(scene, CircuitScene) else svg.to_svg(scene)


class Picture:
    """A picture of a value; notebooks show it.

    Parameters
    ----------
    scene
        What it shows: vertices and edges; a circuit, which is SVG and tikz; or a chart, SVG alone.

    Attributes
    ----------
    svg, tikzcd, dot : str
        The picture in three languages.
    quiver : str
        A link that opens it in the quiver editor.
    """

    def __init__(self, scene: Scene | CircuitScene | Chart) -> None:
        self.scene = scene

    @cached_property
    def svg(self) -> str:
        return _svg(self.scene)

    @cached_property
    def tikzcd(self) -> str:
        if isinstance(self.scene, CircuitScene):
            return circuit_tikz(self.scene)
        return texts.to_tikzcd(self._diagram("tikz-cd"))

    @cached_property
    def dot(self) -> str:
        return texts.to_dot(self._diagram("dot"))

    @cached_property
    def quiver(self) -> str:
        return texts.to_quiver(self._diagram("quiver"))

    def _diagram(self, language: str) -> Scene:
        if not isinstance(self.scene, Scene):
            kind, known = ("chart", "SVG") if isinstance(self.scene, Chart) else _CIRCUIT
            message = f"is a {kind}, which cannot be written as {language}; {kind}s are {known}"
            raise fault("picture", "format", self.scene.title, message)
        return self.scene

    @property
    def html(self) -> str:
        """A page with the picture and a link to the quiver editor."""
        title, link = escape(clean(self.scene.title)), ""
        if isinstance(self.scene, Scene) and abridged(self.scene) is self.scene:
            link = f'<p><a href="{escape(self.quiver)}">Open in quiver</a></p>\n'
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
            '<meta name="color-scheme" content="light dark"/>\n'
            f"<title>{title}</title>\n</head>\n<body>\n{self.svg}{link}</body>\n</html>\n"
        )

    def rendered(self, ending: str, scale: float = 2.0) -> bytes:
        """Return the picture as Cairo draws it, on white.

        Parameters
        ----------
        ending
            ``".png"`` or ``".pdf"``.
        scale
            Pixels of a PNG for each unit of the picture, of which there are 96 in an inch.

        Raises
        ------
        ImportError
            Without cairosvg, or without Cairo itself.
        """
        try:
            import cairosvg
        except (ImportError, OSError) as error:  # OSError: Cairo's library is not there
            message = f'{ending} files need cairosvg; install it: pip install "catlearn[pictures]"'
            raise ImportError(message) from error
        draw = {".png": cairosvg.svg2png, ".pdf": cairosvg.svg2pdf}[ending]
        size: dict[str, Any] = {"scale": scale} if ending == ".png" else {}
        found = draw(bytestring=self.svg.encode(), background_color="white", **size)
        assert isinstance(found, bytes)  # where no file is named, it returns what it would write
        return found

    def save(self, path: str | os.PathLike[str], scale: float = 2.0) -> Path:
        """Write the picture; the name's ending says in which language.

        Parameters
        ----------
        path
            ``*.svg``, ``*.html``, ``*.tex`` (tikz-cd), ``*.dot`` or ``*.gv`` (Graphviz); with
            cairosvg (``pip install "catlearn[pictures]"``) also ``*.png`` and ``*.pdf``.
        scale
            Pixels of a PNG for each unit of the picture, of which there are 96 in an inch.

        Returns
        -------
        pathlib.Path
            The path.

        Raises
        ------
        InvalidStructure
            If the ending is another one.
        ImportError
            For ``*.png`` and ``*.pdf`` without cairosvg.
        OSError
            If the file cannot be written; an old file is then left as it was.
        """
        path = Path(path)
        texts = {".svg": "svg", ".html": "html", ".tex": "tikzcd", ".dot": "dot", ".gv": "dot"}
        if path.suffix in (".png", ".pdf"):
            content = self.rendered(path.suffix, scale)
        elif path.suffix in texts:
            text: str = getattr(self, texts[path.suffix])
            content = (text.rstrip("\n") + "\n").encode()
        else:
            known = ", ".join([*texts, ".png", ".pdf"])
            message = f"ends in '{path.suffix}'; pictures are written as {known}"
            raise fault("picture", "format", f"file '{path.name}'", message)
        atomic_write(path, content)
        return path

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}

    def __repr__(self) -> str:
        return f"Picture({self.scene.title!r})"


def draw(
    value: Any,
    equations: Any = None,
    arrows: str | None = None,
    *,
    legend: bool | None = None,
    fold: bool = True,
    whole: bool = False,
    open: str | Iterable[str] | None = None,
    depth: int | None = None,
    inputs: Sequence[int] | None = None,
    breaks: str | Iterable[str] = (),
    resources: CircuitResources | None = None,
) -> Picture:
    """Draw a value.

    Parameters
    ----------
    value
        A graph, presentation, learning diagram, loss, C-set or other tables, schema, morphism,
        limit or colimit, path, finite function, category, functor or natural transformation; a
        circuit of arrays; a fold, as the loop that it is; or the history of a run, as a chart.
    equations
        For a learning diagram, which equations to show, as for ``diagram.loss``: ``"all"``,
        ``"basis"``, a list. By default those that it declares, and if there are none those that
        ``diagram.loss()`` takes, as long as they are few.
    arrows
        For a category, whether to draw ``"generators"`` or ``"all"`` arrows; by default
        generators, and posets as Hasse diagrams.
    legend
        Whether to explain under the picture the kinds of vertices and edges that occur; by
        default for learning diagrams and losses.
    fold
        Whether to show the equations that define a pairing as one, ``p = ⟨f, g⟩``; and the equal
        blocks of a circuit that follow each other, such as layers, once, with their number ×N.
    whole
        Whether to draw all of a value that takes long; else SVG has its first part, and says what
        is left out, and tikz-cd and quiver links, which others read, are refused.
    open, depth, inputs, breaks
        For a circuit, which blocks are drawn open, how many inside one another, the order of its
        inputs, and before what a row begins: see
        :func:`~catlearn.drawing.circuits.scene.circuit_scene`. For a learning diagram or a loss,
        ``open`` are the edges whose circuits are drawn in panels.
    resources
        For a circuit, its table (:func:`catlearn.resources`): lines of arrays that stay in fast
        memory are thick and coloured, axes have their blocks, and above columns stand the words
        that are live (M) and that cross (H).

    Returns
    -------
    Picture
        With ``svg``, ``tikzcd``, ``dot`` and ``quiver``, and ``save(path)``.

    Raises
    ------
    TypeError
        If there is no picture of such a value.
    TooLarge
        From the picture, if it takes over 400,000 places of vertices, labels and bends.

    Examples
    --------
    >>> from catlearn.category import Presentation
    >>> square = Presentation(
    ...     {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")},
    ...     ["f >> g = h >> k"],
    ... )
    >>> draw(square)
    Picture('Presentation with 4 vertices and 4 edges, 1 equation')
    """
    if isinstance(value, Charted):
        return Picture(value.chart())
    value = _circuit_of(value)
    if isinstance(value, Circuit):
        found = circuit_scene(value, open, depth, inputs, breaks, resources, fold)
        return Picture(found if legend is None else replace(found, key=legend))
    scene = scene_of(value, equations, arrows)
    diagram = value.diagram if isinstance(value, Loss) else value
    if open is not None and isinstance(diagram, LearningDiagram):
        scene = opened_scene(scene, diagram, open, depth)
    key = scene.key if legend is None else legend
    return Picture(replace(scene, key=key, fold=fold, whole=whole))


def _circuit_of(value: Any) -> Any:
    """Return the circuit that is drawn of a fold, its loop, and of another value that itself."""
    return value.looped() if isinstance(value, (Fold, PrefixFold)) else value


def to_svg(value: Any, equations: Any = None) -> str:
    """Return a value as SVG text; see :func:`draw`."""
    return draw(value, equations).svg


def small_svg(value: Any) -> str | None:
    """Return a value as SVG text, or None if it has more than :data:`MOST_DISPLAYED` parts."""
    if isinstance(value, Charted):
        return chart_svg(value.chart())
    value = _circuit_of(value)
    if isinstance(value, Circuit):
        scene = circuit_scene(value) if value.apex.size("Box") <= MOST_DISPLAYED // 10 else None
    else:
        scene = scene_of(value)
    return _svg(scene) if scene is not None and scene.size <= MOST_DISPLAYED else None


def to_tikzcd(value: Any, equations: Any = None) -> str:
    """Return a value as a ``tikzcd`` environment for LaTeX; see :func:`draw`."""
    return draw(value, equations).tikzcd


def to_dot(value: Any, equations: Any = None) -> str:
    """Return a value in Graphviz's dot language; see :func:`draw`."""
    return draw(value, equations).dot


def to_quiver(value: Any, equations: Any = None) -> str:
    """Return a link that opens a value in the quiver editor; see :func:`draw`."""
    return draw(value, equations).quiver


for _kind in (*VIEWS, Charted, Circuit, Fold, PrefixFold):
    register_renderer(_kind, small_svg)
