"""Display: text of moderate length, and pictures for notebooks.

What a value's class writes as its ``repr`` is shown whole while it is short, so that it evaluates
back; beyond :data:`LONGEST` characters :class:`Brief` shows how it begins and how large it is.

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

import functools
import importlib
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from catlearn.names import readable, visible

LONGEST = 1_000
"""The length of the longest ``repr`` that is shown whole."""

_BEGINNING = 160
_FIRST = 10

_renderers: dict[type, Callable[[Any], str | None]] = {}


class Legible:
    """A value whose texts hide nothing.

    What a reader would not see in names, or what would turn them, is written escaped in the
    ``__str__`` and ``__repr__`` of subclasses; joiners are written as they are.

    Examples
    --------
    >>> class Word(Legible):
    ...     def __str__(self):
    ...         return "a" + chr(0x202E)
    >>> print(Word())
    a\\u202e
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, shown in (("__str__", Legible._visible), ("__repr__", cls._readable)):
            if name in vars(cls):
                setattr(cls, name, _showing(vars(cls)[name], shown))

    def _visible(self, text: str) -> str:
        return visible(text)

    def _readable(self, text: str) -> str:
        return readable(text)


def _showing(write: Callable[[Any], str], shown: Callable[[Any, str], str]) -> Callable[[Any], str]:
    """Return a method that writes a text as it is shown."""

    @functools.wraps(write)
    def showing(value: Any) -> str:
        return shown(value, write(value))

    return showing


class Brief(Legible):
    """A value whose ``repr`` is a line of moderate length.

    Subclasses write ``__repr__`` as if there were no bound. Parts that are values themselves are
    shortened each by itself. A line that is shortened has an ellipsis and does not evaluate.

    Examples
    --------
    >>> class Word(Brief):
    ...     def __init__(self, text):
    ...         self.text = text
    ...     def __repr__(self):
    ...         return f"Word({self.text!r})"
    >>> Word("ab"), len(repr(Word("ab" * 400))), len(repr(Word("ab" * 4_000)))
    (Word('ab'), 808, 180)
    """

    def _extent(self) -> str:
        """Say how large the value is, for a line that is shortened; empty says its length."""
        return ""

    def _readable(self, text: str) -> str:
        text = readable(text)
        if len(text) <= LONGEST:
            return text
        return f"{text[:_BEGINNING]}… ({self._extent() or f'{len(text):,} characters'})"


def brief(items: Sequence[Any]) -> str:
    """Write a list out, or its first entries if that is long.

    Examples
    --------
    >>> brief(("a", "b")), brief(range(1_000))
    ("['a', 'b']", '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 1000 in all]')
    """
    if len(items) <= LONGEST // 3:
        text = repr(list(items))
        if len(text) <= LONGEST:
            return text
    return f"[{', '.join(map(repr, items[:_FIRST]))}, ... {len(items)} in all]"


def register_renderer(kind: type, to_svg: Callable[[Any], str | None]) -> None:
    """Say how values of a type, and of its subclasses, are drawn as SVG text, or not: None."""
    _renderers[kind] = to_svg


def renderer_of(kind: type) -> Callable[[Any], str | None] | None:
    """Return the renderer of the nearest ancestor that has one, or None."""
    importlib.import_module("catlearn.drawing.picture")
    for ancestor in kind.__mro__:
        if ancestor in _renderers:
            return _renderers[ancestor]
    return None


def text_table(head: Sequence[str], body: Iterable[Sequence[str]], numbers: bool = True) -> str:
    """Write a table as lines of text; the first cell of each row is its name.

    Parameters
    ----------
    head, body
        The cells of the first line, and of the others.
    numbers
        Whether the other columns stand to the right.

    Examples
    --------
    >>> print(text_table(["", "x"], [["a", "10"], ["bb", "2"]]))
         x
    a   10
    bb   2
    """
    lines = [[*map(visible, line)] for line in (head, *body)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k and numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def html_table(
    head: Sequence[str],
    body: Iterable[Sequence[str]],
    caption: str = "",
    right: Container[int] = (),
) -> str:
    """Write a table for a page; the first cell of each row is its name.

    Parameters
    ----------
    head, body
        The cells of the first line, and of the others; they are escaped.
    caption
        What stands above it.
    right
        The numbers of the columns whose cells have the class ``n``, to stand to the right.

    Examples
    --------
    >>> html_table(["", "x"], [["a", "<1>"]])
    '<table><tr><th></th><th>x</th></tr><tr><th>a</th><td>&lt;1&gt;</td></tr></table>'
    """

    def cell(tag: str, column: int, text: str) -> str:
        place = ' class="n"' if column in right else ""
        return f"<{tag}{place}>{escape(visible(text))}</{tag}>"

    lines = ["".join(cell("th", k, text) for k, text in enumerate(head))]
    for row in body:
        lines.append("".join(cell("td" if k else "th", k, text) for k, text in enumerate(row)))
    above = f"<caption>{escape(visible(caption))}</caption>" if caption else ""
    return f"<table>{above}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


class Displayed(Brief):
    """A value that draws itself in a notebook: SVG, where it is not too large, and plain text.

    There is no ``text/latex`` beside an SVG, since JupyterLab would prefer it and MathJax
    cannot draw diagrams.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        renderer = renderer_of(type(self))
        picture = None if renderer is None else renderer(self)
        return bundle if picture is None else bundle | {"image/svg+xml": picture}


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


class Series(NamedTuple):
    """A curve of a chart.

    Parameters
    ----------
    name
        What it is called in the legend; empty if it is the only one.
    xs, ys
        Its points, by rising x; where y is not finite there is a gap.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


class Chart(NamedTuple):
    """Curves over one axis.

    Parameters
    ----------
    title
        What they are, for those who cannot see them.
    series
        The curves.
    x, y
        What stands at the axes.
    below
        Other charts, drawn below it: of what is measured in another unit.
    """

    title: str
    series: tuple[Series, ...]
    x: str = "step"
    y: str = "cost"
    below: tuple[Chart, ...] = ()


class Charted(Displayed):
    """A value of a room that drawing does not know, which is drawn as a chart."""

    def chart(self) -> Chart:
        """Return what is drawn."""
        raise NotImplementedError


class Progress:
    """How far something long is: a bar of tqdm, or without tqdm one line on a terminal.

    Parameters
    ----------
    total
        How many steps it has.
    wanted
        Whether to show anything.
    unit
        What a step is called.
    """

    def __init__(self, total: int, wanted: bool, unit: str = "step") -> None:
        self.total, self.unit = total, unit
        self.bar: Any = None
        self.line = False
        if wanted:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self.line = sys.stderr.isatty()
            else:  # it hides itself where the output is no terminal
                self.bar = tqdm(total=total, unit=unit, disable=None)

    def show(self, done: int, **values: float | str) -> None:
        """Show that some steps are done, and values of the last one."""
        texts = {k: one if isinstance(one, str) else f"{one:.4g}" for k, one in values.items()}
        if self.bar is not None:
            self.bar.set_postfix(texts, refresh=False)
            self.bar.update(done - self.bar.n)
        elif self.line:
            shown = "".join(f"  {name} {text}" for name, text in texts.items())
            print(f"\r{self.unit} {done}/{self.total}{shown} ", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Show nothing more."""
        if self.bar is not None:
            self.bar.close()
        elif self.line:
            print(file=sys.stderr)
