"""What drawn diagrams have in common: vertices, arrows between them, and sentences that commute.

Readers of quiver links and of tikz-cd collect these and leave the rest to :func:`presented`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from catlearn.category import Equation, Graph, Presentation
from catlearn.errors import CatlearnError
from catlearn.formats.faults import Faults
from catlearn.formats.latex import numbered

MAX_CELLS = 20_000
"""Vertices and arrows that are read of one drawing."""


@dataclass
class Drawing:
    """A diagram as it was drawn: labels of vertices, arrows by number, and equations as text."""

    vertices: list[str] = field(default_factory=list)
    arrows: list[tuple[int, int, str]] = field(default_factory=list)
    equations: dict[str, str] = field(default_factory=dict)


def presented(drawing: Drawing, commutes: bool, faults: Faults) -> Graph:
    """Return a drawing as a graph, or as a presentation if it has equations.

    Parameters
    ----------
    drawing
        What was drawn.
    commutes
        Whether all parallel paths agree.
    faults
        Where what is wrong has been noted; raised if there is anything.

    Raises
    ------
    FileFormatError
        Listing all faults, and every equation that does not fit the arrows.
    """
    faults.check()
    vertices = numbered(drawing.vertices, "v")
    names = numbered((label for _, _, label in drawing.arrows), "e")
    edges = {
        name: (vertices[source], vertices[target])
        for name, (source, target, _) in zip(names, drawing.arrows, strict=True)
    }
    graph = Graph(edges, vertices=vertices)
    if commutes:
        graph = Presentation.commutative(graph)
    if not drawing.equations:
        return graph
    try:
        return Presentation(graph, drawing.equations)
    except CatlearnError as error:
        faults.extend(getattr(error, "failures", ()))
        faults.check()
        raise


def sentence(text: str) -> tuple[str, str] | None:
    """Read ``f >> g = h``, or ``name: f >> g = h``, as a name and an equation, or return None.

    Examples
    --------
    >>> sentence("fit: f >> g = h"), sentence("f = g"), sentence("a remark")
    (('fit', 'f >> g = h'), ('f = g', 'f = g'), None)
    """
    pieces = text.split(": ")
    for split in reversed(range(min(len(pieces), 20))):
        name, equation = ": ".join(pieces[:split]), ": ".join(pieces[split:])
        if _reads(equation):
            return (name or equation), equation
    return None


def _reads(text: str) -> bool:
    try:
        Equation(text)
    except CatlearnError:
        return False
    return True


def too_many(number: int, what: str, faults: Faults) -> bool:
    """Note that a drawing is larger than what is read."""
    if number <= MAX_CELLS:
        return False
    faults.add(what, f"has {number} cells, at most {MAX_CELLS} are read", "size limit")
    return True


def check_numbers(
    values: Sequence[object], below: Iterable[int], where: str, faults: Faults
) -> bool:
    """Note values that are not whole numbers within bounds; return whether all are fine."""
    fine = True
    for value, bound in zip(values, below, strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < bound:
            faults.add(where, f"found {value!r:.40}, expected a number from 0 to {bound - 1}")
            fine = False
    return fine
