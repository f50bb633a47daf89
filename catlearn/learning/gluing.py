"""Gluing by name, by position, and the equations that only the whole has.

Gluing diagrams along the rows that they have in common is the colimit over their shared parts:
rows are in common when they have the same name in the same table (Theory, section 3). The apex
remembers the colimit as ``gluing``. *Open* diagrams (:mod:`catlearn.cset.cospan`) are glued by
position: outputs of the one to inputs of the next, whatever they are called.

An equation of the apex is *emergent* if no part has it: no leg sends an equation of its part's
own selection to it. Where ``all`` is infinite (a data set reaches a cycle) or over its bound, the
equations of the basis are taken, and one is emergent if no part has a parallel pair of paths
above its sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catlearn.category import Equation
from catlearn.cset import Open
from catlearn.errors import (
    CatlearnError,
    Failure,
    LabelConflict,
    TooManyPaths,
    UnknownName,
    did_you_mean,
)
from catlearn.finset import Colimit, Diagram, colimit
from catlearn.finset.relations import Relation
from catlearn.learning.diagram import LearningDiagram
from catlearn.learning.morphisms import LearningMorphism
from catlearn.learning.rows import told_apart
from catlearn.learning.schema import STORED
from catlearn.learning.selection import select, sides_of

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
        names of the first to names of the second. The ends of an identified edge, the edges of
        an identified equation and the definition of an identified defined edge come along.
        Other equal names are kept apart by the prefixes ``names``.
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
    for diagram in diagrams:
        if not isinstance(diagram, LearningDiagram):
            kind = type(diagram).__name__
            message = f"glue takes learning diagrams one by one, glue(D1, D2); found a {kind}"
            raise CatlearnError(f"{message}; put parts together with LearningDiagram(...)")
    if along is not None and len(diagrams) != 2:
        raise CatlearnError(f"along= is for two diagrams, found {len(diagrams)}; glue step by step")
    called = list(names) if names is not None else _names(len(diagrams))
    if len(set(called)) != len(diagrams):
        raise CatlearnError(f"names={called} are not {len(diagrams)} distinct names, one a diagram")
    failures: list[Failure] = []
    if along is None:
        shared = _shared_by_name(diagrams)
    else:
        shared = _shared_along(diagrams[0], diagrams[1], along)
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
    """Return the rows of equal name of two diagrams; what belongs to a row goes with it."""
    found = {}
    for table in first.shape.tables:
        if table not in first.shape.keys:
            theirs = set(second.names(table))
            found[table] = {name: name for name in first.names(table) if name in theirs}
    return Relation(first, second, found).keyed().names()


def _shared_along(
    first: LearningDiagram, second: LearningDiagram, along: Along
) -> dict[tuple[int, int], Shared]:
    """Return the rows that ``along`` identifies, and those that then have to be one."""
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
    definers = first.definers, second.definers
    growing = True
    while growing:
        found = Relation(first, second, found).closed().names()
        defined = {
            mine: definers[1][other][position]
            for edge, other in found["E"].items()
            for position, mine in definers[0].get(edge, {}).items()
            if position in definers[1].get(other, {}) and mine not in found["Eq"]
        }
        growing = bool(defined)
        found["Eq"] |= defined
    return {(0, 1): found}


LAWS = {
    **{"src": "ends", "tgt": "ends", "start": "sides", "end": "sides"},
    **{"lhs": "sides", "rhs": "sides", "by": "trains", "trained": "trains", "scale": "trains"},
    **{"average": "moving average", "follows": "moving average", "decay": "moving average"},
    "operator": "operand",
}
"""What users call a column; its own name otherwise."""


def _disagreements(
    first: LearningDiagram, second: LearningDiagram, rows: Shared, called: tuple[str, str]
) -> list[Failure]:
    """List identified rows whose attributes, ends or sides differ, by row."""
    found: dict[tuple[int, int, str], Failure] = {}
    tables = first.shape.tables
    for difference in Relation(first, second, rows).differences():
        law = LAWS.get(difference.law, difference.law)
        table, row, image = difference.table, difference.row, difference.image
        if table in first.shape.keys:
            # What belongs to a row is reported at that row.
            owner = first.shape.keys[table][0][0]
            diagram, at = (second, image) if row < 0 else (first, row)
            table = first.shape.arrows[owner][1]
            name = diagram.sets[table].label(diagram.arrows[owner](at))
            names = {theirs: mine for mine, theirs in rows[table].items()}
            row = first.row(table, names[name] if row < 0 else name)
            image = second.row(table, rows[table][first.sets[table].label(row)])
        said = _told(law, first, row, difference.here), _told(law, second, image, difference.there)
        if difference.law in first.shape.attributes:
            said = (
                told_apart(difference.here, difference.there),
                told_apart(difference.there, difference.here),
            )
            if law == difference.law and table == "Eq":
                said = f"{law} {said[0]}", f"{law} {said[1]}"
        remedy = "rename one, or give along="
        if law == "map" and {difference.here.kind, difference.there.kind} == {"model", "frozen"}:
            remedy = f"make them one by with_frozen or with_trained, {remedy}"
        if law == STORED:
            is_data = first.edges[row] in first.projections
            said = f"these {'data' if is_data else 'parameters'}", "others"
            more = "" if is_data else "choose or average them by merge(..., conflict=), "
            remedy = f"{more}{remedy}"
        word = {"V": "vertex", "E": "edge", "Eq": "equation"}[table]
        where = f"{word} '{first.sets[table].label(row)}'"
        message = f"{called[0]} has {said[0]}, {called[1]} has {said[1]}; {remedy}"
        found.setdefault((tables.index(table), row, law), Failure(law, where, message))
    return [found[place] for place in sorted(found, key=lambda place: place[:2])]


def _told(law: str, diagram: LearningDiagram, row: int, value: Any) -> str:
    """Return what a diagram has in a column, or in all that make up one law, at a row."""
    match law:
        case "ends":
            return " -> ".join(diagram.ends(diagram.edges[row]))
        case "sides":
            return " = ".join(map(str, diagram.sides(diagram.names("Eq")[row])))
        case "trains":
            trained = diagram.trains(diagram.names("Eq")[row])
            return "all edges" if trained is None else f"trained edges {trained}"
        case "moving average":
            return str(diagram.averages.get(diagram.edges[row]))
        case "operand":
            return str(diagram.operators.get(diagram.edges[row]))
    return str(value)


def emergent(glued: LearningDiagram | Colimit, equations: str = "all") -> tuple[Equation, ...]:
    """Return the equations of a glued diagram that none of its parts has.

    Parameters
    ----------
    glued
        A diagram made by :func:`glue`, or any colimit of learning diagrams.
    equations
        The selection to compare, in the parts and in the whole.

    Raises
    ------
    CatlearnError
        If the diagram was not made by gluing.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> data = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y))
    >>> f = cl.Model("f", X, Y, "linear")
    >>> [str(term) for term in emergent(cl.glue(data, cl.LearningDiagram(f)))]
    ['data.X >> f = data.Y']
    """
    gluing = glued if isinstance(glued, Colimit) else glued.gluing
    if gluing is None:
        raise CatlearnError(
            "only a diagram made by glue(...) has emergent equations; of another colimit, ask "
            "catlearn.learning.emergent(colimit)"
        )
    try:
        return _new(gluing, equations)
    except TooManyPaths:
        basis = select(gluing.apex, "basis", skip_unreached=True)
        return tuple(term for term in basis if not any(_has_pair(leg, term) for leg in gluing.legs))


def _new(gluing: Colimit, equations: str) -> tuple[Equation, ...]:
    rewrite = gluing.apex.rewriting
    old = set()
    for leg in gluing.legs:
        for term in select(leg.domain, equations, skip_unreached=True):
            sides = frozenset(rewrite(leg(side)).edges for side in (term.lhs, term.rhs))
            old.add((leg.vertex(term.data), sides))
    whole = select(gluing.apex, equations, skip_unreached=True)
    return tuple(term for term in whole if sides_of(term) not in old)


def _has_pair(leg: LearningMorphism, term: Equation) -> bool:
    """Whether the domain of a leg has parallel paths above both sides of an equation."""
    right = [(path.source, path.target) for path in leg.lifts(term.rhs)]
    return any((path.source, path.target) in right for path in leg.lifts(term.lhs))


def open_diagram(
    diagram: LearningDiagram,
    inputs: Iterable[str] = (),
    outputs: Iterable[str] = (),
    table: str = "V",
) -> Open:
    """Return a learning diagram with spaces, or edges, as inputs and outputs.

    Parameters
    ----------
    diagram
        The diagram.
    inputs, outputs
        Names of its vertices. They meet those of another diagram in order, and where they meet
        their spaces have to be equal.
    table
        ``"E"`` for names of edges instead: where these meet they are one edge, and share their
        parameters.

    Returns
    -------
    Open
        ``.apex`` is the diagram.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> data = open_diagram(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y)), [], ["X", "Y"])
    >>> model = open_diagram(cl.LearningDiagram(cl.Model("f", X, Y, "linear")), ["X", "Y"], [])
    >>> print((data >> model).apex.loss())
    L(f) = E_data(d_Y(f(data.X), data.Y))
    """
    if not isinstance(diagram, LearningDiagram):
        raise CatlearnError(f"expected a learning diagram, found a {type(diagram).__name__}")
    return Open(diagram, inputs, outputs, table)
