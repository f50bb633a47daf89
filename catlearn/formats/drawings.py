r"""Drawings: diagrams of the quiver editor and of LaTeX papers, read as graphs and presentations.

Labels become names. ``commutes=True`` says that all parallel paths agree, as one usually means
when one draws. The other way is ``cl.draw(diagram)``, and what its ``quiver`` and ``tikzcd`` write
is read back.

A link to https://q.uiver.app holds ``[0, n, *vertices, *edges]`` as base64 of JSON, with
``[x, y, label, ...]`` for a vertex and ``[source, target, label, ...]`` for an edge, where an edge
between edges is a 2-cell (`quiver <https://github.com/varkor/quiver>`_, "quiver's format"). A
2-cell between parallel arrows, or labelled by an equation, is an equation.

Of the ``tikzcd`` environment is read what the tikz-cd manual has: cells between ``&``, rows
between ``\\``, and ``\arrow[...]`` or ``\ar[...]`` with either a direction (``r``, ``dr``) from
the cell that it stands in, or ``from=1-1, to=1-2``. A comment ``% f >> g = h`` or
``% name: f >> g = h`` is an equation. Macros are not expanded.

>>> import catlearn as cl
>>> G = cl.Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
>>> link = cl.draw(cl.Presentation(G, ["f >> g = h"])).quiver
>>> from_quiver(link)
Presentation(Graph({'f': ('A', 'B'), 'g': ('B', 'C'), 'h': ('A', 'C')}), [Equation('f >> g = h')])
>>> triangle = r'''
... \begin{tikzcd}
...   A \ar[r, "f"] \ar[dr, "h"'] & B \ar[d, "g"] \\
...                               & C
... \end{tikzcd}'''
>>> from_tikzcd(triangle, commutes=True)
Presentation(Graph({'f': ('A', 'B'), 'h': ('A', 'C'), 'g': ('B', 'C')}), [Equation('f >> g = h')])
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from catlearn.category import Equation, Graph, Presentation
from catlearn.category.path import written
from catlearn.errors import CatlearnError
from catlearn.files import Faults, parse_json, shorten, shorten_repr
from catlearn.names import numbered
from catlearn.typesetting import plain_name

MAX_CELLS = 20_000
"""Vertices and arrows that are read of one drawing."""

MAX_LINK = 4 * 2**20
"""Characters of a link that are read."""

MAX_TEX = 2**20
"""Characters of LaTeX that are read."""

Cell = tuple[int, int]


class Drawing:
    """A diagram as it was drawn: labels of vertices, arrows by number, and equations as text.

    Parameters
    ----------
    what
        What errors should call it.
    commutes
        Whether all parallel paths agree.
    """

    def __init__(self, what: str, commutes: bool) -> None:
        self.faults = Faults(what)
        self.commutes = commutes
        self.vertices: list[str] = []
        self.arrows: list[tuple[int, int, str]] = []
        self.equations: dict[str, str] = {}

    def check_size(self, what: str, number: int, most: int, unit: str = "characters") -> None:
        """Raise if it is larger than what is read."""
        if number > most:
            self.faults.add(what, f"has {number} {unit}, at most {most} are read", "size limit")
            self.faults.check()

    def read_sentence(self, text: str) -> bool:
        """Note ``f >> g = h``, or ``name: f >> g = h``, as an equation; say whether it is one."""
        pieces = text.split(": ")
        for split in reversed(range(min(len(pieces), 20))):
            name, equation = ": ".join(pieces[:split]), ": ".join(pieces[split:])
            try:
                Equation(equation)
            except CatlearnError:
                continue
            self.equations.setdefault(name or equation, equation)
            return True
        return False

    def presented(self) -> Graph:
        """Return it as a graph, or as a presentation if it has equations.

        Raises
        ------
        FileFormatError
            Listing all faults, and every equation that does not fit the arrows.
        """
        self.faults.check()
        vertices = numbered(self.vertices, "v")
        names = numbered((label for _, _, label in self.arrows), "e")
        edges = {
            name: (vertices[source], vertices[target])
            for name, (source, target, _) in zip(names, self.arrows, strict=True)
        }
        graph = Graph(edges, vertices=vertices)
        if self.commutes:
            graph = Presentation.commutative(graph)
        if self.equations:
            with self.faults.collecting("equations"):
                return Presentation(graph, self.equations)
        return graph


# ---------------------------------------------------------------- quiver


def from_quiver(link: str, *, commutes: bool = False) -> Graph:
    """Return the diagram that a quiver link holds.

    Parameters
    ----------
    link
        A link to https://q.uiver.app, or only the base64 after ``q=``.
    commutes
        Whether all parallel paths of the diagram agree.

    Returns
    -------
    Graph
        A :class:`Presentation` if there are equations. Vertices without a label are called
        ``v1, ...``, arrows ``e1, ...``; a repeated label gets a number, ``A#2``. Positions,
        styles and corners of pullbacks are left out.

    Raises
    ------
    FileFormatError
        Listing everything in the link that cannot be read.
    """
    drawing = Drawing("quiver link", commutes)
    faults = drawing.faults
    count, cells = _cells(link, drawing)
    for k, cell in enumerate(cells[:count], 1):
        where = f"vertex {k}"
        if not isinstance(cell, list) or len(cell) < 2:
            faults.add(where, f"must be a list [x, y, label], found {shorten_repr(cell)}")
            continue
        drawing.vertices.append(_label(cell, where, faults))
    two_cells: list[tuple[str, int, int, str]] = []
    places: dict[int, int] = {}
    for k, cell in enumerate(cells[count:]):
        where = f"arrow {k + 1}"
        if not isinstance(cell, list) or len(cell) < 2:
            found = shorten_repr(cell)
            faults.add(where, f"must be a list [source, target, label], found {found}")
            continue
        if not _are_numbers(cell[:2], len(cells), where, faults):
            continue
        label = _label(cell, where, faults)
        source, target = cell[:2]
        if (source < count) != (target < count):
            faults.add(where, "leads from a vertex to an arrow, or back; that says no equation")
        elif source >= count:
            two_cells.append((where, source - count, target - count, label))
        elif not _is_corner(cell):
            places[k] = len(drawing.arrows)
            drawing.arrows.append((source, target, label))
    for where, source, target, label in two_cells:
        if not drawing.read_sentence(label) and not commutes:
            _read_two_cell(where, places.get(source), places.get(target), drawing)
    return drawing.presented()


_FRAGMENT = re.compile(r"[#&?]q=([^&#\s]*)")


def _cells(link: str, drawing: Drawing) -> tuple[int, list[Any]]:
    """Decode a link into its number of vertices, and the cells for these and for the arrows."""
    faults = drawing.faults
    drawing.check_size("link", len(link), MAX_LINK)
    found = _FRAGMENT.search(link)
    text = unquote(found.group(1) if found else link.strip())
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        faults.add("link", "is not base64; copy the whole link, from https://q.uiver.app/#q= on")
        faults.check()
        raise
    if not data:  # an empty diagram has an empty link
        return 0, []
    cells = parse_json(data, faults.what, max_bytes=MAX_LINK)
    if not isinstance(cells, list) or len(cells) < 2:
        faults.add("link", f"must hold a list [0, n, ...], found {shorten_repr(cells)}")
        faults.check()
    version, count, *cells = cells
    if version != 0 or isinstance(version, bool):
        faults.add("link", f"is version {shorten_repr(version)} of the format, version 0 is read")
    drawing.check_size("link", len(cells), MAX_CELLS, "cells")
    if not _are_numbers([count], len(cells) + 1, "number of vertices", faults):
        faults.check()
    return count, cells


def _are_numbers(values: Sequence[Any], below: int, where: str, faults: Faults) -> bool:
    """Note values that are not whole numbers within bounds; return whether all are fine."""
    bad = [
        value
        for value in values
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below
    ]
    for value in bad:
        faults.add(where, f"found {value!r:.40}, expected a number from 0 to {below - 1}")
    return not bad


def _label(cell: list[Any], where: str, faults: Faults) -> str:
    label = cell[2] if len(cell) > 2 else ""
    if isinstance(label, str):
        return plain_name(label)
    faults.add(where, f"its label must be a text, found {shorten_repr(label)}")
    return ""


def _is_corner(cell: list[Any]) -> bool:
    """Whether an edge is the corner that marks a pullback or a pushout, or an adjunction sign."""
    options = cell[4] if len(cell) > 4 and isinstance(cell[4], dict) else {}
    style = options.get("style")
    return isinstance(style, dict) and style.get("name", "arrow") != "arrow"


def _read_two_cell(where: str, source: int | None, target: int | None, drawing: Drawing) -> None:
    """Note the equation of a 2-cell without one as its label, by the arrows that it joins."""
    if source is None or target is None:
        drawing.faults.add(where, "is a 2-cell between cells that are not arrows between vertices")
        return
    one, other = drawing.arrows[source], drawing.arrows[target]
    if one[:2] == other[:2] and one[2] and other[2]:
        equation = f"{written(one[2])} = {written(other[2])}"
        drawing.equations.setdefault(equation, equation)
        return
    ends = (label or "an arrow without a label" for _, _, label in (one, other))
    message = (
        f"is a 2-cell from {' to '.join(ends)}; label it with the equation that it "
        "means, as 'f >> g = h', or read the link with commutes=True"
    )
    drawing.faults.add(where, message)


# ---------------------------------------------------------------- tikz-cd


_BEGIN, _END = (re.compile(rf"\\{word}\s*\{{tikzcd\}}") for word in ("begin", "end"))
_COMMENT = re.compile(r"(?<!\\)%(.*)")
_ARROW = re.compile(r"\\(?:arrow|ar)(?![A-Za-z])\s*")
_LABEL = re.compile(r'\{?"(?P<text>.*)"(?P<rest>.*)\}?', re.DOTALL)
_DIRECTION = re.compile(r"[lrud]+")
_PLACE = re.compile(r"(\d{1,4})-(\d{1,4})")
_NODE_OPTIONS = re.compile(r"^\s*\|\[.*?\]\|", re.DOTALL)


def from_tikzcd(text: str, *, commutes: bool = False) -> Graph:
    """Return the diagram that a ``tikzcd`` environment draws.

    Parameters
    ----------
    text
        LaTeX with one ``tikzcd`` environment.
    commutes
        Whether all parallel paths of the diagram agree.

    Returns
    -------
    Graph
        A :class:`Presentation` if there are equations. Arrows without a label are called
        ``e1, ...``; a repeated label gets a number, ``A#2``.

    Raises
    ------
    FileFormatError
        Listing everything that cannot be read.
    """
    drawing = Drawing("tikz-cd diagram", commutes)
    faults = drawing.faults
    drawing.check_size("text", len(text), MAX_TEX)
    begins, end = list(_BEGIN.finditer(text)), _END.search(text)
    if len(begins) != 1 or end is None or end.start() < begins[0].end():
        found = f"found {len(begins)} beginnings of tikzcd and {'an' if end else 'no'} end"
        faults.add("text", f"{found}, expected one environment")
        faults.check()
    assert end is not None
    body = _drop_options(text[begins[0].end() : end.start()])
    for comment in _COMMENT.findall(body):
        drawing.read_sentence(comment.strip())
    rows = list(_split(_COMMENT.sub("", body), "\\\\"))
    drawing.check_size("text", sum(row.count("&") + 1 for row in rows), MAX_CELLS, "cells")
    places: dict[Cell, int] = {}
    waiting: list[tuple[Cell, str]] = []
    for r, row in enumerate(rows):
        for c, cell in enumerate(_split(row, "&")):
            content, arrows = _take_arrows(_drop_options(cell), faults)
            name = plain_name(_NODE_OPTIONS.sub("", content))
            if name:
                places[r, c] = len(drawing.vertices)
                drawing.vertices.append(name)
            waiting += [((r, c), arrow) for arrow in arrows]
    for number, (cell, options) in enumerate(waiting, 1):
        _read_arrow(f"arrow {number} ({shorten(options)})", cell, options, places, drawing)
    return drawing.presented()


def _drop_options(text: str) -> str:
    """Leave out the options ``[...]`` at the beginning, as of an environment or a gap."""
    stripped = text.lstrip()
    if not stripped.startswith("["):
        return text
    end = _closing(stripped, 0)
    return stripped[end + 1 :] if end > 0 else text


def _closing(text: str, start: int) -> int:
    """Return where the bracket at ``start`` closes, outside quotes and braces; -1 if nowhere."""
    depth, quoted = 0, False
    for k in range(start, len(text)):
        c = text[k]
        if c == '"' and text[k - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (c in "[{") - (c in "]}")
            if depth == 0:
                return k
    return -1


def _split(text: str, mark: str) -> Iterator[str]:
    """Split at marks that are outside of quotes, brackets and braces."""
    depth, quoted, begin, k = 0, False, 0, 0
    while k < len(text):
        if not quoted and depth == 0 and text.startswith(mark, k):
            yield text[begin:k]
            k = begin = k + len(mark)
            continue
        if text[k] == "\\" and k + 1 < len(text):
            k += 2
            continue
        if text[k] == '"':
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (text[k] in "[{") - (text[k] in "]}"))
        k += 1
    yield text[begin:]


def _take_arrows(cell: str, faults: Faults) -> tuple[str, list[str]]:
    """Take the arrows out of a cell: what is left, and the options of each arrow."""
    kept, arrows, at = [], [], 0
    while match := _ARROW.search(cell, at):
        kept.append(cell[at : match.start()])
        at = match.end()
        where = f"arrow {shorten(cell[match.start() :].strip())}"
        if cell[at : at + 1] != "[":
            faults.add(where, 'write its options in brackets, as \\arrow[r, "f"]')
            break
        end = _closing(cell, at)
        if end < 0:
            faults.add(where, "its bracket does not close")
            break
        arrows.append(cell[at + 1 : end])
        at = end + 1
    else:
        kept.append(cell[at:])
    return "".join(kept), arrows


def _read_arrow(
    where: str, cell: Cell, text: str, places: dict[Cell, int], drawing: Drawing
) -> None:
    faults = drawing.faults
    label, source, target, between_arrows = "", cell, None, False
    for option in map(str.strip, _split(text, ",")):
        if option.startswith(('"', '{"')):
            found = _LABEL.fullmatch(option)
            label = label or plain_name(found["text"] if found else "")
        elif option == "phantom":
            return
        elif option.startswith(("from=", "to=")):
            end, _, given = option.partition("=")
            place = _PLACE.fullmatch(given.strip())
            if place is None:
                between_arrows = True
            elif end == "from":
                source = int(place[1]) - 1, int(place[2]) - 1
            else:
                target = int(place[1]) - 1, int(place[2]) - 1
        elif _DIRECTION.fullmatch(option):
            down = option.count("d") - option.count("u")
            right = option.count("r") - option.count("l")
            target = cell[0] + down, cell[1] + right
        elif option == "loop":
            target = target or source
    if between_arrows:
        message = (
            "joins two arrows, which says no equation by itself; write it as a comment "
            "'% f >> g = h', or read the diagram with commutes=True"
        )
        if label or "phantom" not in text:
            faults.add(where, message)
        return
    if target is None:
        faults.add(where, "does not say where it leads; give a direction, or from= and to=")
        return
    for end, place in (("starts", source), ("ends", target)):
        if place not in places:
            row, column = place[0] + 1, place[1] + 1
            faults.add(where, f"{end} in row {row}, column {column}, where nothing stands")
    if source in places and target in places:
        drawing.arrows.append((places[source], places[target], label))
