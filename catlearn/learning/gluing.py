r"""Gluing by name and by position, emergent equations, and merging trained diagrams.

Gluing diagrams along the rows that they have in common is the colimit over their shared parts:
rows are in common when they have the same name in the same table (Theory, section 3). The apex
remembers the colimit as ``gluing``. *Open* diagrams (:mod:`catlearn.cset.cospan`) are glued by
position: outputs of the one to inputs of the next, whatever they are called.

An equation of the apex is *emergent* if no part has it: no leg sends an equation of its part's
own selection to it. Where ``all`` is infinite (a data set reaches a cycle) or over its bound, the
equations of the basis are taken, and one is emergent if no part has a parallel pair of paths
above its sides.

**Merging.** Variables are addressed by edge. A morphism :math:`\varphi : D \to D'` of diagrams
acts on them by

.. math:: (\varphi^* \theta')_e = \theta'_{\varphi(e)},

which is :func:`pull_back`; the other way, :func:`push_forward` is defined where edges above one
edge agree.

**Laws** (Theory, section 4). :math:`(\psi \circ \varphi)^* = \varphi^* \psi^*` and
:math:`\mathrm{id}^* = \mathrm{id}`; :math:`\varphi^* \varphi_! \theta = \theta` where
:math:`\varphi_! \theta` is defined, and :math:`\varphi_!` is functorial too. Merging is gluing:
where stored values agree, each leg pulls the variables of the whole back to those of its part, so
paths of a part keep their values. The average of equal variables is each of them, bit by bit.

>>> import catlearn as cl, numpy as np
>>> X, Z = cl.Space("X", 2), cl.Space("Z", 1)
>>> D = cl.LearningDiagram(cl.Model("encoder", X, Z, "linear", use_bias=False))
>>> one, two = (D.with_values({"encoder": {"weight": np.full((2, 1), n, "f4")}}) for n in (1, 3))
>>> average(one, two)["encoder"]["weight"].ravel().tolist()
[2.0, 2.0]
>>> merge(one, two, conflict="right").starts["encoder"]["weight"].ravel().tolist()
[3.0, 3.0]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.category import Equation
from catlearn.cset import Open
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    InvalidStructure,
    LabelConflict,
    TooManyPaths,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    refuse,
)
from catlearn.finset import Colimit, Diagram, colimit
from catlearn.finset.relations import Relation
from catlearn.learning.assembly import in_full
from catlearn.learning.diagram import LearningDiagram, LearningMorphism
from catlearn.learning.schema import STORED
from catlearn.learning.selection import select, sides_of
from catlearn.learning.surgery import check_diagram, check_known
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
        ``left`` and ``right`` for two, else their numbers. Rows of the one called ``""`` keep their
        names, so that prefixes do not grow (``left/left/encoder``) where one glues step by step;
        :meth:`~catlearn.learning.LearningDiagram.rename` gives any others.

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
    for what, given in (("along", along), ("names", names)):
        if given is not None:
            expect(given, Iterable, what, "names, or for along= a dict of them")
    if along is not None and len(diagrams) != 2:
        raise CatlearnError(f"along= is for two diagrams, found {len(diagrams)}; glue step by step")
    called = list(names) if names is not None else _names(len(diagrams))
    if len(set(called)) != len(diagrams):
        raise CatlearnError(f"names={called} are not {len(diagrams)} distinct names, one a diagram")
    shown = [name or "the one called ''" for name in called]
    failures: list[Failure] = []
    if along is None:
        shared = _shared_by_name(diagrams)
    else:
        shared = _shared_along(diagrams[0], diagrams[1], along)
    for (i, k), rows in shared.items():
        failures += _disagreements(diagrams[i], diagrams[k], rows, (shown[i], shown[k]))
    refuse("glue", failures, LabelConflict)
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
    whole.apex._set(_gluing=whole, _gluings=1 + max(one.gluings for one in diagrams))
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
    "src": "ends",
    "tgt": "ends",
    "start": "sides",
    "end": "sides",
    "lhs": "sides",
    "rhs": "sides",
    "by": "trains",
    "trained": "trains",
    "scale": "trains",
    "average": "moving average",
    "follows": "moving average",
    "decay": "moving average",
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
        shown = (
            _shown(law, first, row, difference.here),
            _shown(law, second, image, difference.there),
        )
        if difference.law in first.shape.attributes:
            shown = (
                in_full(difference.here, difference.there),
                in_full(difference.there, difference.here),
            )
            if law == difference.law and table == "Eq":
                shown = f"{law} {shown[0]}", f"{law} {shown[1]}"
        remedy = "rename one, or give along="
        if law == "map" and {difference.here.kind, difference.there.kind} == {"model", "frozen"}:
            remedy = f"make them one by with_frozen or with_trained, {remedy}"
        if law == STORED:
            is_data = first.edges[row] in first.projections
            shown = f"these {'data' if is_data else 'parameters'}", "others"
            more = "" if is_data else "choose or average them by merge(..., conflict=), "
            remedy = f"{more}{remedy}"
        word = {"V": "vertex", "E": "edge", "Eq": "equation"}[table]
        where = f"{word} '{first.sets[table].label(row)}'"
        message = f"{called[0]} has {shown[0]}, {called[1]} has {shown[1]}; {remedy}"
        found.setdefault((tables.index(table), row, law), Failure(law, where, message))
    return [found[place] for place in sorted(found, key=lambda place: place[:2])]


def _shown(law: str, diagram: LearningDiagram, row: int, value: Any) -> str:
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
    expect(glued, (LearningDiagram, Colimit), "the argument", "a glued diagram, or a colimit")
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
        parameters. A defined edge has no parameters, and would have two definitions.

    Raises
    ------
    InvalidStructure
        Listing the edges of an interface that are defined by equations.

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
    check_diagram(diagram)
    expect_each(Iterable, "names of rows", inputs=inputs, outputs=outputs)
    return Open(diagram, inputs, outputs, table)


# Merging trained diagrams.

Values = Mapping[str, Any]
"""Variables by edge."""


def merge(
    *diagrams: LearningDiagram,
    along: Along | None = None,
    names: Iterable[str] | None = None,
    conflict: str | Mapping[str, str] = "error",
    weights: Mapping[str, float] | None = None,
) -> LearningDiagram:
    """Glue trained diagrams along what they share, whatever values they have for it.

    Parameters
    ----------
    *diagrams
        Trained diagrams, such as the ``diagram`` of several results.
    along, names
        As for :func:`~catlearn.learning.glue`: by default rows of equal name are one.
    conflict
        What holds where diagrams have different variables for one edge: ``"error"``;
        ``"average"``; or the name of the diagram whose variables are taken, by default
        ``"left"`` or ``"right"`` for two diagrams and ``"0"``, ``"1"``, ... for more. Or a mapping
        from edges of the merged diagram to these; edges that it does not mention are errors.
    weights
        By name of diagram, for ``"average"``; by default all equal.

    Returns
    -------
    LearningDiagram
        The glued diagram, with ``gluing`` and ``emergent``. Its legs carry the parts with the
        variables that were chosen.

    Raises
    ------
    LabelConflict
        As for gluing, and listing every edge whose variables differ if that is an error.

    Examples
    --------
    >>> import catlearn as cl, numpy as np
    >>> X, Z = cl.Space("X", 2), cl.Space("Z", 1)
    >>> D = cl.LearningDiagram(cl.Model("body", X, Z, "linear", use_bias=False))
    >>> a, b = (D.with_values({"body": {"weight": np.full((2, 1), n, "f4")}}) for n in (0, 4))
    >>> merged = merge(a, b, conflict="average", weights={"left": 3, "right": 1})
    >>> merged.starts["body"]["weight"].ravel().tolist()
    [1.0, 1.0]
    """
    called = None if names is None else list(names)
    bare = [_without_variables(diagram) for diagram in diagrams]
    gluing = glue(*bare, along=along, names=called).gluing
    assert gluing is not None
    called = list(gluing.diagram.names)
    failures = _unknown_rules(conflict, weights, called, gluing.apex)
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, leg, diagram in zip(called, gluing.legs, diagrams, strict=True):
        for edge, value in diagram.starts.items():
            found.setdefault(leg.edge(edge), []).append((name, value))
    chosen: dict[str, Any] = {}
    for edge, values in found.items() if not failures else ():
        chosen[edge], problem = _resolve(edge, values, conflict, weights)
        failures += problem
    refuse("merge", failures, LabelConflict)
    agreed = [
        diagram.with_side_data(
            {STORED: {**part.store, **{e: chosen[leg.edge(e)] for e in diagram.starts}}}
        )
        for diagram, part, leg in zip(diagrams, bare, gluing.legs, strict=True)
    ]
    return glue(*agreed, along=along, names=called)


def _without_variables(diagram: LearningDiagram) -> LearningDiagram:
    if not isinstance(diagram, LearningDiagram):
        return diagram  # gluing reports what is wrong with it
    data = {edge: array for edge, array in diagram.store.items() if edge in diagram.projections}
    return diagram.with_side_data({STORED: data})


def _unknown_rules(
    conflict: Any, weights: Mapping[str, float] | None, called: Sequence[str], whole: Any
) -> list[Failure]:
    rules = conflict if isinstance(conflict, Mapping) else {"": conflict}
    known = ["error", "average", *called]
    failures = [
        Failure("conflict", f"edge '{edge}'", f"is no edge; {did_you_mean(edge, whole.edges)}")
        for edge in rules
        if edge and edge not in whole.edges
    ]
    failures += [
        Failure("conflict", f"edge '{edge}'" if edge else "conflict", f"found {rule!r}, {wanted}")
        for edge, rule in rules.items()
        for wanted in [f"expected one of {', '.join(known)}"]
        if rule not in known
    ]
    return failures + [
        Failure("weights", f"diagram '{name}'", f"is none; {did_you_mean(name, called)}")
        for name in weights or {}
        if name not in called
    ]


def _resolve(
    edge: str, values: list[tuple[str, Any]], conflict: Any, weights: Mapping[str, float] | None
) -> tuple[Any, list[Failure]]:
    """Return the one value of an edge, or why there is none."""
    if all(same_values(values[0][1], other) for _, other in values[1:]):
        return values[0][1], []
    where = f"edge '{edge}'"
    rule = conflict.get(edge, "error") if isinstance(conflict, Mapping) else conflict
    holders = ", ".join(dict.fromkeys(name for name, _ in values))
    if rule == "average":
        shares = [(weights or {}).get(name, 1.0 if weights is None else 0.0) for name, _ in values]
        trees = [{edge: value} for _, value in values]
        try:
            return average(*trees, weights=shares)[edge], []
        except InvalidStructure as error:
            return None, list(error.failures)
    own = [value for name, value in values if name == rule]
    if own and all(same_values(own[0], other) for other in own[1:]):
        return own[0], []
    message = f"{holders} hold different variables; choose one, or 'average', by conflict="
    if rule != "error":
        held = "several" if own else "none"
        message = f"{holders} hold different variables, and {rule} holds {held}"
    return None, [Failure("stored values", where, message)]


# Averages.


def average(*values: Any, weights: Sequence[float] | None = None) -> dict[str, Any]:
    """Average variables edge by edge.

    Parameters
    ----------
    *values
        Results of training, diagrams with stored variables, or mappings ``{edge: tree}`` such
        as ``result.params``; all with the same edges and trees.
    weights
        One number for each, by default all equal. They are divided by their sum.

    Returns
    -------
    dict
        ``{edge: tree}``, for ``diagram.with_values`` or ``fit(params=...)``. What is not
        floating point has to agree.

    Raises
    ------
    InvalidStructure
        Listing every edge and array in which they differ otherwise than by value.

    Notes
    -----
    The average is the first plus the weighted differences from it, so that the average of equal
    variables is each of them, bit by bit.

    References
    ----------
    Wortsman et al., "Model soups", ICML 2022.

    Examples
    --------
    >>> import numpy as np
    >>> average({"f": np.zeros(2)}, {"f": np.full(2, 8.0)}, weights=[3, 1])["f"].tolist()
    [2.0, 2.0]
    """
    import jax

    trees = [_values_of(value) for value in values]
    shares, failures = _shares(weights, len(trees))
    for number, tree in enumerate(trees[1:], 1):
        for edge in dict.fromkeys([*trees[0], *tree]):
            if edge not in tree or edge not in trees[0]:
                message = f"is missing from number {number if edge in trees[0] else 0}"
                failures.append(Failure("edges", f"edge '{edge}'", message))
    refuse("average", failures)
    found: dict[str, Any] = {}
    for edge in trees[0]:
        flat = [jax.tree.flatten(tree[edge]) for tree in trees]
        if any(shape != flat[0][1] for _, shape in flat):
            message = f"trees differ: {', '.join(str(shape) for _, shape in flat)}"
            failures.append(Failure("structure", f"edge '{edge}'", message))
            continue
        leaves = []
        for column in zip(*(part for part, _ in flat), strict=True):
            leaf, problem = _mean(column, shares)
            leaves.append(leaf)
            failures += [Failure("values", f"edge '{edge}'", problem)] if problem else []
        found[edge] = jax.tree.unflatten(flat[0][1], leaves)
    refuse("average", failures)
    return found


def _values_of(value: Any) -> Values:
    value = getattr(value, "diagram", value)
    if isinstance(value, LearningDiagram):
        return value.starts
    if isinstance(value, Mapping):
        return value
    kind = type(value).__name__
    one_by_one = "; give them one by one, average(*several)" if isinstance(value, Sequence) else ""
    raise CatlearnError(f"expected results, diagrams or {{edge: tree}}, found a {kind}{one_by_one}")


def _shares(weights: Sequence[float] | None, count: int) -> tuple[list[float], list[Failure]]:
    given = [1.0] * count if weights is None else [float(weight) for weight in weights]
    total = math.fsum(given)
    if not count:
        return [], [Failure("values", "average", "found nothing to average")]
    if len(given) != count:
        message = f"found {len(given)}, expected {count}, one for each"
        return [], [Failure("weights", "average", message)]
    if not math.isfinite(total) or total == 0:
        message = f"found {given}, expected finite numbers whose sum is not 0"
        return [], [Failure("weights", "average", message)]
    return [weight / total for weight in given], []


def _mean(leaves: Sequence[Any], shares: Sequence[float]) -> tuple[Any, str]:
    """Return the weighted mean of arrays, or why there is none."""
    import jax
    import jax.numpy as jnp

    first = leaves[0]
    kinds = [f"{jnp.result_type(leaf)}{list(np.shape(leaf))}" for leaf in leaves]
    if len(set(kinds)) > 1:
        return None, f"arrays differ: {', '.join(kinds)}"
    if not jnp.issubdtype(jnp.result_type(first), jnp.inexact):
        if all(same_values(first, other) for other in leaves[1:]):
            return first, ""
        return None, f"{kinds[0]} has no average, and its values differ; average floats only"
    mean = first
    for leaf, share in zip(leaves[1:], shares[1:], strict=True):
        mean = mean + share * (leaf - first)
    return (mean if isinstance(mean, jax.Array) else np.asarray(mean, np.asarray(first).dtype)), ""


# Along morphisms.


def pull_back(phi: LearningMorphism, values: Values) -> dict[str, Any]:
    """Apply phi* to variables: ``(phi* theta')_e = theta'_{phi(e)}``.

    Parameters
    ----------
    phi
        A morphism of learning diagrams.
    values
        Variables by edge of its codomain, such as ``phi.codomain.starts``.

    Returns
    -------
    dict
        Variables for all edges of the domain whose image has some, frozen ones included; see
        :meth:`LearningMorphism.restrict` for trainable edges, all of which must have some.
    """
    expect(phi, LearningMorphism, "phi", "a morphism of learning diagrams")
    images = {edge: phi.edge(edge) for edge in _running(phi.domain)}
    return {edge: values[image] for edge, image in images.items() if image in values}


def push_forward(phi: LearningMorphism, values: Values, onto: Values | None = None) -> dict:
    """Apply phi! to variables: ``(phi! theta)_{phi(e)} = theta_e``, where that is well defined.

    Parameters
    ----------
    phi
        A morphism of learning diagrams.
    values
        Variables by edge of its domain.
    onto
        Variables of edges of the codomain that no edge with variables is sent to.

    Returns
    -------
    dict
        Variables by edge of the codomain.

    Raises
    ------
    LabelConflict
        Listing the edges onto which different variables are sent.

    Examples
    --------
    >>> import catlearn as cl
    >>> from catlearn.learning import inclusion, subdiagram
    >>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
    >>> f, g = cl.Model("f", X, F, "linear"), cl.Model("g", F, Y, "linear")
    >>> D = cl.LearningDiagram(f, g)
    >>> push_forward(inclusion(subdiagram(D, edges=["g"]), D), {"g": 2.0}, onto={"f": 1.0})
    {'f': 1.0, 'g': 2.0}
    """
    expect(phi, LearningMorphism, "phi", "a morphism of learning diagrams")
    sent: dict[str, tuple[str, Any]] = {}
    failures = Failures()
    for edge in (edge for edge in _running(phi.domain) if edge in values):
        origin, value = sent.setdefault(phi.edge(edge), (edge, values[edge]))
        if not same_values(value, values[edge]):
            message = f"'{origin}' and '{edge}' are sent here with different variables"
            failures.add("push forward", f"edge '{phi.edge(edge)}'", message)
    check_known("edge of the domain", values, _running(phi.domain))
    refuse("push_forward", failures, LabelConflict)
    pushed = {edge: value for edge, (_, value) in sent.items()}
    every = {**(onto or {}), **pushed}
    return {edge: every[edge] for edge in phi.codomain.edges if edge in every}


def _running(diagram: LearningDiagram) -> list[str]:
    return [edge for edge in diagram.edges if diagram.map_label(edge).kind in ("model", "frozen")]
