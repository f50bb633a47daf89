"""Gluing by name, and the equations that only the whole has.

Gluing diagrams along the rows that they have in common is the colimit over their shared parts:
rows are in common when they have the same name in the same table (Theory, section 3). The apex
remembers the colimit as ``gluing``.

An equation of the apex is *emergent* if no part has it: no leg sends an equation of its part's
own selection to it. Where a data set reaches a cycle, ``all`` is infinite; then the equations of
the basis are taken, and one is emergent if no part has a parallel pair of paths above its sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catlearn.category.walks import path_counts
from catlearn.errors import (
    CatlearnError,
    Failure,
    InfinitelyManyPaths,
    LabelConflict,
    UnknownName,
    did_you_mean,
)
from catlearn.finset import Diagram, colimit
from catlearn.learning.diagram import LearningDiagram, LearningMorphism
from catlearn.learning.selection import LossTerm

Along = Iterable[str] | Mapping[str, str]
Shared = dict[str, dict[str, str]]
"""Table -> row of the first diagram -> the row of the second that is the same."""


def glue(
    *diagrams: LearningDiagram,
    along: Along | None = None,
    names: Iterable[str] | None = None,
) -> LearningDiagram:
    """Glue diagrams along the rows that they have in common.

    Vertices, edges and equations of equal name are one; the result is the colimit over the
    shared parts, and answers the universal property as ``result.gluing``.

    Parameters
    ----------
    *diagrams
        One or more learning diagrams.
    along
        For two diagrams: the names to identify instead of all common ones, or a mapping from
        names of the first to names of the second. The ends of an identified edge, and the
        edges of an identified equation, come along. Other equal names are kept apart by the
        prefixes ``names``.
    names
        What to call the diagrams where names have to be kept apart and in messages; by default
        ``left`` and ``right`` for two, else their numbers.

    Returns
    -------
    LearningDiagram
        The apex. ``result.gluing`` is the colimit, ``result.emergent`` the new equations.

    Raises
    ------
    LabelConflict
        Listing rows of equal name whose labels, ends, sides or stored values differ.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> data = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y))
    >>> model = cl.LearningDiagram(cl.Model("f", X, Y, "linear"))
    >>> square = cl.glue(data, model)
    >>> i, j = square.gluing.legs
    >>> print(j(model.path("f")))
    f
    """
    if not diagrams:
        raise CatlearnError("glue needs at least one diagram")
    if along is not None and len(diagrams) != 2:
        raise CatlearnError(f"along= is for two diagrams, found {len(diagrams)}; glue step by step")
    called = list(names) if names is not None else _names(len(diagrams))
    failures: list[Failure] = []
    shared = _shared_by_name(diagrams) if along is None else _shared_along(*diagrams, along)
    for (i, k), rows in shared.items():
        failures += _disagreements(diagrams[i], diagrams[k], rows, (called[i], called[k]))
    if failures:
        raise LabelConflict("glue", failures)
    objects: list[LearningDiagram] = list(diagrams)
    arrows = []
    for (i, k), rows in shared.items():
        part, inclusion = diagrams[i].subtables({t: list(pairs) for t, pairs in rows.items()})
        other = {
            table: {row: pairs[row] for row in part.names(table)} for table, pairs in rows.items()
        }
        arrows += [
            (len(objects), i, inclusion),
            (len(objects), k, LearningMorphism(part, diagrams[k], **other, check=False)),
        ]
        objects.append(part)
    whole = colimit(Diagram(objects, arrows, legs=range(len(diagrams)), names=called))
    whole.apex._set(_gluing=whole)
    return whole.apex


def _names(count: int) -> list[str]:
    return ["left", "right"] if count == 2 else [str(number) for number in range(count)]


def _shared_by_name(diagrams: tuple[LearningDiagram, ...]) -> dict[tuple[int, int], Shared]:
    """Return what each diagram shares with the earlier ones, by the first holder of each row."""
    holder: dict[tuple[str, str], int] = {}
    shared: dict[tuple[int, int], Shared] = {}
    for k, diagram in enumerate(diagrams):
        met = {}
        for table in diagram.shape.tables:
            for name in diagram.names(table):
                met.setdefault(holder.setdefault((table, name), k), None)
        for i in met:
            if i != k:
                shared[i, k] = _common(diagrams[i], diagram)
    return shared


def _common(first: LearningDiagram, second: LearningDiagram) -> Shared:
    """Return the rows of equal name of two diagrams."""
    found: Shared = {}
    for table in first.shape.tables:
        theirs = set(second.names(table))
        found[table] = {name: name for name in first.names(table) if name in theirs}
    return found


def _shared_along(
    first: LearningDiagram, second: LearningDiagram, along: Along
) -> dict[tuple[int, int], Shared]:
    """Return the rows that ``along`` identifies, and the ends and sides that come along."""
    pairs = dict(along) if isinstance(along, Mapping) else {name: name for name in along}
    found: Shared = {table: {} for table in first.shape.tables}
    for one, other in pairs.items():
        tables = [t for t in found if one in first.names(t) and other in second.names(t)]
        if not tables:
            known = [name for table in found for name in first.names(table)]
            raise UnknownName(
                f"along: no table has '{one}' on the left and '{other}' on the right; "
                f"{did_you_mean(one, known)}"
            )
        for table in tables:
            found[table][one] = other
    for one, other in list(found["Eq"].items()):
        for mine, theirs in zip(first.sides(one), second.sides(other), strict=True):
            found["V"].setdefault(mine.source, theirs.source)
            found["V"].setdefault(mine.target, theirs.target)
            for edge, image in zip(mine.edges, theirs.edges, strict=False):
                found["E"].setdefault(edge, image)
    for one, other in found["E"].items():
        for end, image in zip(first.ends(one), second.ends(other), strict=True):
            found["V"].setdefault(end, image)
    return {(0, 1): found}


def _disagreements(
    first: LearningDiagram, second: LearningDiagram, rows: Shared, called: tuple[str, str]
) -> list[Failure]:
    """List identified rows whose attributes, ends or sides differ."""
    failures: list[Failure] = []

    def compare(law: str, where: str, mine: object, theirs: object, same: bool) -> None:
        if not same:
            message = f"{called[0]} has {mine}, {called[1]} has {theirs}"
            failures.append(Failure(law, where, f"{message}; rename one, or say along="))

    for vertex, image in rows["V"].items():
        mine, theirs = first.space_label(vertex), second.space_label(image)
        compare("space", f"vertex '{vertex}'", _full(mine), _full(theirs), mine == theirs)
    for edge, image in rows["E"].items():
        where = f"edge '{edge}'"
        mine, theirs = first.ends(edge), second.ends(image)
        expected = tuple(rows["V"].get(end) for end in mine)
        compare("ends", where, _arrow(mine), _arrow(theirs), expected == theirs)
        label, other = first.map_label(edge), second.map_label(image)
        compare("map", where, label, other, label == other)
    for name, image in rows["Eq"].items():
        where = f"equation '{name}'"
        for mine, theirs in zip(first.sides(name), second.sides(image), strict=True):
            expected = tuple(rows["E"].get(edge) for edge in mine.edges)
            ends = (rows["V"].get(mine.source), rows["V"].get(mine.target))
            same = expected == theirs.edges and ends == (theirs.source, theirs.target)
            compare("sides", where, mine, theirs, same)
        for attribute in ("strict", "weight", "divergence"):
            values = [
                d.attributes[attribute][d.row("Eq", row)]
                for d, row in ((first, name), (second, image))
            ]
            said = [f"{attribute} {value}" for value in values]
            compare(attribute, where, *said, values[0] == values[1])
    return failures


def _full(label: object) -> str:
    return repr(label) if "(" not in str(label) else str(label)


def _arrow(ends: tuple[str, str]) -> str:
    return f"{ends[0]} -> {ends[1]}"


def emergent(diagram: LearningDiagram) -> tuple[LossTerm, ...]:
    """Return the equations of a glued diagram that none of its parts has.

    Raises
    ------
    CatlearnError
        If the diagram was not made by gluing.
    """
    gluing = diagram.gluing
    if gluing is None:
        raise CatlearnError("only a diagram made by glue(...) has emergent equations")
    if _is_finite(diagram):
        return _new_of_all(diagram, gluing.legs)
    return tuple(
        term
        for term in diagram.select("basis").terms
        if not any(_has_pair(leg, term) for leg in gluing.legs)
    )


def _is_finite(diagram: LearningDiagram) -> bool:
    try:
        for data in diagram.data_sets:
            path_counts(diagram, data)
    except InfinitelyManyPaths:
        return False
    return True


def _new_of_all(
    diagram: LearningDiagram, legs: tuple[LearningMorphism, ...]
) -> tuple[LossTerm, ...]:
    old = set()
    for leg in legs:
        for term in leg.domain.select("all").terms:
            lhs, rhs = (diagram.rewriting(leg(side)).edges for side in (term.lhs, term.rhs))
            old.add((leg.vertex(term.data), frozenset((lhs, rhs))))
    return tuple(term for term in diagram.select("all").terms if term.key not in old)


def _has_pair(leg: LearningMorphism, term: LossTerm) -> bool:
    """Whether the domain of a leg has parallel paths above both sides of an equation."""
    right = [(path.source, path.target) for path in leg.lifts(term.rhs)]
    return any((path.source, path.target) in right for path in leg.lifts(term.lhs))
