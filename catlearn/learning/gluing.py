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

from collections.abc import Iterable, Iterator, Mapping

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
from catlearn.finset.orders import same_label
from catlearn.learning.diagram import LearningDiagram
from catlearn.learning.morphisms import LearningMorphism
from catlearn.learning.rows import told_apart
from catlearn.learning.selection import select, sides_of
from catlearn.tensors import same_values

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
    """Return the rows of equal name of two diagrams."""
    found: Shared = {}
    for table in first.shape.tables:
        theirs = set(second.names(table))
        found[table] = {name: name for name in first.names(table) if name in theirs}
    # What an equation trains has a name that may be older than those of equation and edge.
    rows = first.trains_rows, second.trains_rows
    found["Trains"] = {name: rows[1][said] for said, name in rows[0].items() if said in rows[1]}
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
    # Rows that are identified bring others along, until there are no more.
    waiting = [(table, one, other) for table in found for one, other in found[table].items()]
    while waiting:
        at, row, image = waiting.pop()
        for table, one, other in _along_with(first, second, at, row, image):
            if one not in found[table]:
                found[table][one] = other
                waiting.append((table, one, other))
    return {(0, 1): found}


def _along_with(
    first: LearningDiagram, second: LearningDiagram, table: str, one: str, other: str
) -> Iterator[tuple[str, str, str]]:
    """Yield the rows that have to be identified with one that is."""
    if table == "E":
        for end, image in zip(first.ends(one), second.ends(other), strict=True):
            yield "V", end, image
        theirs = second.definers.get(other, {})
        for position, name in first.definers.get(one, {}).items():
            if position in theirs:
                yield "Eq", name, theirs[position]
        if one in first.averages and other in second.averages:
            yield "E", first.averages[one][0], second.averages[other][0]
            yield "Average", one, other
        if one in first.operators and other in second.operators:
            yield "E", first.operators[one], second.operators[other]
            yield "Operator", one, other
    elif table == "Eq":
        for mine, theirs in zip(first.sides(one), second.sides(other), strict=True):
            yield "V", mine.source, theirs.source
            yield "V", mine.target, theirs.target
            for edge, image in zip(mine.edges, theirs.edges, strict=False):
                yield "E", edge, image
        trained = second.trains(other) or {}
        for edge, image in zip(first.trains(one) or {}, trained, strict=False):
            yield "E", edge, image
            yield "Trains", first.trains_rows[one, edge], second.trains_rows[other, image]


def _disagreements(
    first: LearningDiagram, second: LearningDiagram, rows: Shared, called: tuple[str, str]
) -> list[Failure]:
    """List identified rows whose attributes, ends or sides differ."""
    failures: list[Failure] = []

    def compare(
        law: str, where: str, mine: object, theirs: object, same: bool, remedy: str = ""
    ) -> None:
        if not same:
            message = f"{called[0]} has {mine}, {called[1]} has {theirs}; {remedy}"
            failures.append(Failure(law, where, f"{message}rename one, or say along="))

    for vertex, image in rows["V"].items():
        mine, theirs = first.space_label(vertex), second.space_label(image)
        said = told_apart(mine, theirs), told_apart(theirs, mine)
        compare("space", f"vertex '{vertex}'", *said, mine == theirs)
    for edge, image in rows["E"].items():
        where = f"edge '{edge}'"
        mine, theirs = first.ends(edge), second.ends(image)
        expected = tuple(rows["V"].get(end) for end in mine)
        compare("ends", where, _arrow(mine), _arrow(theirs), expected == theirs)
        label, other = first.map_label(edge), second.map_label(image)
        said = told_apart(label, other), told_apart(other, label)
        is_frozen = {label.kind, other.kind} == {"model", "frozen"}
        remedy = "make them one by with_frozen or with_trained, " if is_frozen else ""
        compare("map", where, *said, label == other, remedy)
        if edge in first.store and image in second.store:
            is_data = label.kind == "projection"
            what = "data" if is_data else "parameters"
            remedy = "" if is_data else "choose or average them by merge(..., conflict=), "
            same = same_values(first.store[edge], second.store[image])
            compare("stored values", where, f"these {what}", "others", same, remedy)
    for name, image in rows["Eq"].items():
        where = f"equation '{name}'"
        for mine, theirs in zip(first.sides(name), second.sides(image), strict=True):
            expected = tuple(rows["E"].get(edge) for edge in mine.edges)
            ends = (rows["V"].get(mine.source), rows["V"].get(mine.target))
            same = expected == theirs.edges and ends == (theirs.source, theirs.target)
            compare("sides", where, mine, theirs, same)
        for attribute in ("strict", "weight", "divergence", "stop"):
            mine, theirs = (
                d.attributes[attribute][d.row("Eq", row)]
                for d, row in ((first, name), (second, image))
            )
            said = (
                f"{attribute} {told_apart(mine, theirs)}",
                f"{attribute} {told_apart(theirs, mine)}",
            )
            compare(attribute, where, *said, same_label(mine, theirs))
        trained = first.trains(name), second.trains(image)
        same = [None if t is None else {} for t in trained]
        if trained[0] is not None and trained[1] is not None:
            same = [{rows["E"].get(e, ""): s for e, s in trained[0].items()}, dict(trained[1])]
        compare("trains", where, _trained(trained[0]), _trained(trained[1]), same[0] == same[1])
    for edge, image in rows["E"].items():
        mine, theirs = first.averages.get(edge), second.averages.get(image)
        expected = mine and (rows["E"].get(mine[0]), mine[1])
        compare("moving average", f"edge '{edge}'", mine, theirs, expected == theirs)
        mine, theirs = first.operators.get(edge), second.operators.get(image)
        expected = mine and rows["E"].get(mine)
        compare("operand", f"edge '{edge}'", mine, theirs, expected == theirs)
    return failures


def _trained(edges: Mapping[str, float] | None) -> str:
    return "all edges" if edges is None else f"trained edges {dict(edges)}"


def _arrow(ends: tuple[str, str]) -> str:
    return f"{ends[0]} -> {ends[1]}"


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
