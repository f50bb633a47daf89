"""quiver links: diagrams drawn at https://q.uiver.app, read as graphs and presentations.

A link holds ``[0, n, *vertices, *edges]`` as base64 of JSON, with ``[x, y, label, ...]`` for a
vertex and ``[source, target, label, ...]`` for an edge, where an edge between edges is a 2-cell
(`quiver <https://github.com/varkor/quiver>`_, "quiver's format"). Labels become names. A 2-cell
between parallel arrows, or labelled by an equation, is an equation; ``commutes=True`` says that
all parallel paths agree, as one usually means when one draws.

The other way is ``cl.draw(diagram).quiver``.

>>> import catlearn as cl
>>> G = cl.Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
>>> link = cl.draw(cl.Presentation(G, ["f >> g = h"])).quiver
>>> from_quiver(link)
Presentation(Graph({'f': ('A', 'B'), 'g': ('B', 'C'), 'h': ('A', 'C')}), [Equation('f >> g = h')])
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote

from catlearn.category import Graph
from catlearn.category.path import written
from catlearn.errors import FileFormatError
from catlearn.files import parse_json, shorten
from catlearn.formats.drawn import Drawing, check_numbers, presented, sentence, too_many
from catlearn.formats.faults import Faults
from catlearn.typesetting import plain_name

MAX_LINK = 4 * 2**20
"""Characters of a link that are read."""

_FRAGMENT = re.compile(r"[#&?]q=([^&#\s]*)")


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
    faults = Faults("quiver link")
    cells = _cells(link, faults)
    if cells is None:
        faults.check()
        raise FileFormatError("quiver link", [])
    count = cells[1]
    drawing = Drawing()
    for k, cell in enumerate(cells[2 : 2 + count], 1):
        where = f"vertex {k}"
        if not isinstance(cell, list) or len(cell) < 2:
            faults.add(where, f"must be a list [x, y, label], found {_short(cell)}")
            continue
        drawing.vertices.append(plain_name(_label(cell, where, faults)))
    edges = cells[2 + count :]
    two_cells: list[tuple[int, int, int, str]] = []
    places: dict[int, int] = {}
    for k, cell in enumerate(edges, 1):
        where = f"arrow {k}"
        if not isinstance(cell, list) or len(cell) < 2:
            faults.add(where, f"must be a list [source, target, label], found {_short(cell)}")
            continue
        if not check_numbers(cell[:2], [count + len(edges)] * 2, where, faults):
            continue
        label = plain_name(_label(cell, where, faults))
        source, target = cell[:2]
        if (source < count) != (target < count):
            faults.add(where, "leads from a vertex to an arrow, or back; that says no equation")
        elif source >= count:
            two_cells.append((k, source - count, target - count, label))
        elif not _is_corner(cell):
            places[k - 1] = len(drawing.arrows)
            drawing.arrows.append((source, target, label))
    for k, source, target, label in two_cells:
        _read_two_cell(f"arrow {k}", source, target, label, places, drawing, commutes, faults)
    return presented(drawing, commutes, faults)


def _cells(link: str, faults: Faults) -> list[Any] | None:
    """Decode a link into its list of cells; the second entry is the number of vertices."""
    if len(link) > MAX_LINK:
        faults.add("link", f"has {len(link)} characters, at most {MAX_LINK} are read", "size limit")
        return None
    found = _FRAGMENT.search(link)
    text = unquote(found.group(1) if found else link.strip())
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        message = "is not base64; copy the whole link, from https://q.uiver.app/#q= on"
        faults.add("link", message)
        return None
    if not data:  # an empty diagram has an empty link
        return [0, 0]
    cells = parse_json(data, "quiver link", max_bytes=MAX_LINK)
    if not isinstance(cells, list) or len(cells) < 2:
        faults.add("link", f"must hold a list [0, n, ...], found {_short(cells)}")
        return None
    if cells[0] != 0 or isinstance(cells[0], bool):
        faults.add("link", f"is version {_short(cells[0])} of the format, version 0 is read")
    if too_many(len(cells) - 2, "link", faults):
        return None
    if not check_numbers(cells[1:2], [len(cells) - 1], "number of vertices", faults):
        return None
    return cells


def _label(cell: list[Any], where: str, faults: Faults) -> str:
    label = cell[2] if len(cell) > 2 else ""
    if isinstance(label, str):
        return label
    faults.add(where, f"its label must be a text, found {_short(label)}")
    return ""


def _is_corner(cell: list[Any]) -> bool:
    """Whether an edge is the corner that marks a pullback or a pushout, or an adjunction sign."""
    options = cell[4] if len(cell) > 4 and isinstance(cell[4], dict) else {}
    style = options.get("style")
    return isinstance(style, dict) and style.get("name", "arrow") != "arrow"


def _read_two_cell(
    where: str,
    source: int,
    target: int,
    label: str,
    places: dict[int, int],
    drawing: Drawing,
    commutes: bool,
    faults: Faults,
) -> None:
    found = sentence(label)
    if found is not None:
        drawing.equations.setdefault(*found)
        return
    if commutes:
        return
    ends = [places.get(end) for end in (source, target)]
    if None in ends:
        faults.add(where, "is a 2-cell between cells that are not arrows between vertices")
        return
    one, other = (drawing.arrows[end] for end in ends if end is not None)
    if one[:2] != other[:2] or not one[2] or not other[2]:
        message = (
            f"is a 2-cell from {one[2] or 'an arrow without a label'} to "
            f"{other[2] or 'an arrow without a label'}; label it with the equation that it "
            "means, as 'f >> g = h', or read the link with commutes=True"
        )
        faults.add(where, message)
        return
    equation = f"{written(one[2])} = {written(other[2])}"
    drawing.equations.setdefault(equation, equation)


def _short(value: Any) -> str:
    return shorten(repr(value))
