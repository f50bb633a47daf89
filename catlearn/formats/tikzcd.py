"""tikz-cd: commutative diagrams of LaTeX papers, read as graphs and presentations.

Reads the ``tikzcd`` environment as the tikz-cd manual has it: cells between ``&``, rows between
``\\\\``, and ``\\arrow[...]`` or ``\\ar[...]`` with either a direction (``r``, ``dr``) from the
cell that it stands in, or ``from=1-1, to=1-2``. Labels in quotes become names. A comment
``% f >> g = h`` or ``% name: f >> g = h`` is an equation, and so what pictures of this package
write is read back; ``commutes=True`` says that all parallel paths agree. Macros are not expanded.

The other way is ``cl.draw(diagram).tikzcd``.

>>> triangle = r'''
... \\begin{tikzcd}
...   A \\ar[r, "f"] \\ar[dr, "h"'] & B \\ar[d, "g"] \\\\
...                               & C
... \\end{tikzcd}'''
>>> from_tikzcd(triangle, commutes=True)
Presentation(Graph({'f': ('A', 'B'), 'h': ('A', 'C'), 'g': ('B', 'C')}), [Equation('f >> g = h')])
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from catlearn.category import Graph
from catlearn.files import shorten
from catlearn.formats.drawn import Drawing, presented, sentence, too_many
from catlearn.formats.faults import Faults
from catlearn.typesetting import plain_name

MAX_TEX = 2**20
"""Characters that are read."""

Cell = tuple[int, int]

_ENVIRONMENT = re.compile(r"\\begin\s*\{tikzcd\}(.*?)\\end\s*\{tikzcd\}", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%(.*)")
_ARROW = re.compile(r"\\(?:arrow|ar)(?![A-Za-z])\s*")
_LABEL = re.compile(r'\{?"(?P<text>.*)"(?P<rest>.*)\}?', re.DOTALL)
_DIRECTION = re.compile(r"[lrud]+")
_PLACE = re.compile(r"(\d{1,4})-(\d{1,4})")
_ANCHOR = re.compile(r"name\s*=|anchor\s*=")
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
    faults = Faults("tikz-cd diagram")
    drawing = Drawing()
    if len(text) > MAX_TEX:
        message = f"has {len(text)} characters, at most {MAX_TEX} are read"
        faults.add("text", message, "size limit")
        faults.check()
    found = _ENVIRONMENT.findall(text)
    if len(found) != 1:
        message = f"found {len(found)} tikzcd environments, expected one"
        faults.add("text", message)
        faults.check()
    body = _drop_options(found[0])
    for comment in _COMMENT.findall(body):
        read = sentence(comment.strip())
        if read is not None:
            drawing.equations.setdefault(*read)
    places: dict[Cell, int] = {}
    waiting: list[tuple[Cell, str]] = []
    rows = list(_split(_COMMENT.sub("", body), ("\\\\",)))
    if not too_many(sum(row.count("&") + 1 for row in rows), "text", faults):
        for r, row in enumerate(rows):
            for c, cell in enumerate(_split(row, ("&",))):
                content, arrows = _take_arrows(_drop_options(cell), faults)
                name = plain_name(_NODE_OPTIONS.sub("", content))
                if name:
                    places[r, c] = len(drawing.vertices)
                    drawing.vertices.append(name)
                waiting += [((r, c), arrow) for arrow in arrows]
    for number, (cell, options) in enumerate(waiting, 1):
        _read_arrow(f"arrow {number} ({shorten(options)})", cell, options, places, drawing, faults)
    return presented(drawing, commutes, faults)


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


def _split(text: str, marks: tuple[str, ...]) -> Iterator[str]:
    """Split at marks that are outside of quotes, brackets and braces."""
    depth, quoted, begin, k = 0, False, 0, 0
    while k < len(text):
        if not quoted and depth == 0 and text.startswith(marks, k):
            mark = next(mark for mark in marks if text.startswith(mark, k))
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
        if cell[at : at + 1] != "[":
            message = 'write its options in brackets, as \\arrow[r, "f"]'
            faults.add(f"arrow {shorten(cell[match.start() :].strip())}", message)
            break
        end = _closing(cell, at)
        if end < 0:
            faults.add(f"arrow {shorten(cell[match.start() :])}", "its bracket does not close")
            break
        arrows.append(cell[at + 1 : end])
        at = end + 1
    else:
        kept.append(cell[at:])
    return "".join(kept), arrows


def _read_arrow(
    where: str,
    cell: Cell,
    text: str,
    places: dict[Cell, int],
    drawing: Drawing,
    faults: Faults,
) -> None:
    label, source, target, between_arrows = "", cell, None, False
    for option in map(str.strip, _split(text, (",",))):
        if option.startswith(('"', '{"')):
            found = _LABEL.fullmatch(option)
            quoted = found["text"] if found else ""
            label = label or plain_name(quoted)
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
