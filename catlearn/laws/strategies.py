"""Strategies for finite functions, C-sets and the morphisms between tables of any kind.

Morphisms are built, never filtered for: every morphism is an identification of rows followed
by an inclusion, both up to names, so parts are closed under arrows and quotients under the
congruence that the drawn pairs generate. They work for graphs, presentations, C-sets and
learning diagrams, since all of them are tables.

Strategies for graphs, their paths, and presentations.

Strategies for finite categories, functors between them, and natural transformations.

Categories are built and never filtered for: free ones on graphs without cycles and quotients of
these, preorders, monoids that functions generate, and parts, opposites, sums and products of all
of them.
Functors and transformations are drawn from the enumerations of all of them, simplest first.

>>> from hypothesis import given
>>> @given(functors())
... def identities_are_preserved(F):
...     assert all(F(F.domain.identity(a)) == F.codomain.identity(F(a)) for a in F.domain.objects)
>>> identities_are_preserved()
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import combinations, islice, starmap
from typing import Any

import numpy as np
from hypothesis import strategies as st

from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    NaturalTransformation,
    Path,
    Presentation,
    full_subcategory,
    functors as all_functors,
    natural_transformations as all_transformations,
    opposite,
)
from catlearn.cset import CSet, Schema
from catlearn.errors import InvalidStructure
from catlearn.finset import (
    FinFunction,
    FinSet,
    ListFunction,
    Shape,
    Span,
    Tables,
    coequalizer,
    coproduct,
    product,
)
from catlearn.finset.labels import label_classes

Rows = Mapping[str, Iterable[int]]
Close = Callable[[Any, Rows], Rows]


@st.composite
def finite_functions(
    draw: st.DrawFn,
    domain: int | None = None,
    codomain: int | None = None,
    max_size: int = 6,
    injective: bool = False,
) -> FinFunction:
    """Draw a function between finite sets.

    Parameters
    ----------
    domain, codomain
        Sizes; drawn up to ``max_size`` if they are not given.
    max_size
        The largest size that is drawn.
    injective
        Whether no two values are equal.
    """
    if codomain is None:
        codomain = draw(st.integers((domain or 0) if injective else bool(domain), max_size))
    if domain is None:
        domain = draw(st.integers(0, (codomain if injective else max_size) if codomain else 0))
    value = st.integers(0, max(codomain - 1, 0))
    values = draw(st.lists(value, min_size=domain, max_size=domain, unique=injective))
    return FinFunction(values, codomain=codomain)


@st.composite
def csets(
    draw: st.DrawFn,
    schema: Shape,
    max_rows: int = 3,
    max_list: int = 3,
    labels: Sequence[Hashable] = (None, 0, 1),
    named: bool | None = None,
) -> CSet:
    """Draw a C-set on a schema, with lists and attributes; its equations hold.

    Parameters
    ----------
    schema
        Equations are made true by identifying the rows that they equate.
    max_rows
        The largest number of rows of a table that is drawn; arrows may need one more.
    max_list
        The longest list.
    labels
        What attributes are drawn from.
    named
        Whether rows have names; drawn if it is None.
    """
    schema = Schema.of(schema)
    sizes = {table: draw(st.integers(0, max_rows)) for table in schema.tables}
    changing = True
    while changing:  # an arrow out of a table with rows needs a row to go to
        needed = {t for s, t in schema.arrows.values() if sizes[s] and not sizes[t]}
        sizes |= dict.fromkeys(needed, 1)
        changing = bool(needed)
    arrows = {
        name: [draw(st.integers(0, sizes[target] - 1)) for _ in range(sizes[source])]
        for name, (source, target) in schema.arrows.items()
    }
    plain = Schema(schema.tables, schema.arrows, equations=[law for law, *_ in schema.laws])
    bare = CSet(plain, {**sizes, **arrows}, check=False)
    bare = _obeying(bare) if plain.laws else bare
    parts: dict[str, Any] = {name: list(f) for name, f in bare.arrows.items()}
    named = draw(st.booleans()) if named is None else named
    for table in schema.tables:
        size = bare.size(table)
        parts[table] = [f"{table.lower()}{k}" for k in range(size)] if named else size
    for name, (source, target) in schema.lists.items():
        longest = max_list if bare.size(target) else 0
        entry = st.integers(0, max(bare.size(target) - 1, 0))
        row = st.lists(entry, max_size=longest)
        parts[name] = [draw(row) for _ in range(bare.size(source))]
    for name, table in schema.attributes.items():
        parts[name] = [draw(st.sampled_from(labels)) for _ in range(bare.size(table))]
    if not schema.label_laws:
        return CSet(schema, parts)
    made = CSet(schema, parts, check=False)
    chosen: dict[int, Hashable] = {}  # labels that have to be the same are the first of them
    for name, places in label_classes(made).items():
        pairs = zip(places.tolist(), parts[name], strict=True)
        parts[name] = list(starmap(chosen.setdefault, pairs))
    return CSet(schema, parts)


def _obeying(bare: CSet) -> CSet:
    """Divide by the congruence that the schema's equations generate."""
    pairs: dict[str, list[tuple[int, int]]] = {}
    for _, left, right in bare.schema.laws:
        over, under = bare.along(left), bare.along(right)
        pairs.setdefault(left.target, []).extend(zip(over, under, strict=True))
    quotient = identify(bare, pairs)
    assert quotient is not None  # there are no lists or labels yet that could disagree
    return quotient.codomain


def identify(whole: Any, pairs: Mapping[str, Iterable[tuple[int, int]]]) -> Any:
    """Return the quotient by the smallest congruence that relates some rows.

    Parameters
    ----------
    whole
        Tables of any kind.
    pairs
        Table -> pairs of rows.

    Returns
    -------
    morphism or None
        From the whole to the quotient; None if lists of two lengths or different labels would
        have to be one, or if the class of the whole refuses the quotient.
    """
    shape: Shape = whole.shape
    related: dict[str, dict[tuple[int, int], int]] = {table: {} for table in shape.tables}
    waiting = [(table, pair) for table, some in pairs.items() for pair in some]
    while waiting:
        table, pair = waiting.pop()
        if pair in related[table]:
            continue
        related[table][pair] = len(related[table])
        a, b = pair
        for name, at in shape.attributes.items():
            codes = whole.codes(name)[0]
            if at == table and codes[a] != codes[b] and shape.order(name).below is None:
                return None
        for name, (source, target) in shape.steps().items():
            if source == table:
                one, other = (whole.step(name).row(k).tolist() for k in pair)
                if len(one) != len(other):
                    return None
                waiting += [(target, both) for both in zip(one, other, strict=True)]
    relation, legs = _as_tables(whole, related)
    kind = whole._morphism_class()
    left, right = (kind._build(relation, whole, leg) for leg in legs)
    try:
        return coequalizer(left, right).legs[0]
    except InvalidStructure:
        return None


def _as_tables(whole: Any, related: Mapping[str, Mapping[tuple[int, int], int]]) -> tuple[Any, Any]:
    """Make tables of a congruence: a row for each pair, with its two projections."""
    shape: Shape = whole.shape
    sets = {table: FinSet(len(pairs)) for table, pairs in related.items()}
    steps = {}
    for name, (source, target) in shape.steps().items():
        step, place = whole.step(name), related[target]
        rows = [
            [place[both] for both in zip(step.row(a).tolist(), step.row(b).tolist(), strict=True)]
            for a, b in related[source]
        ]
        steps[name] = ListFunction.of(rows, sets[target])
    labels = {}
    for name, table in shape.attributes.items():
        column, order = whole.attributes[name], shape.order(name)
        labels[name] = tuple(
            None if order.carry else next(iter(order.meet(column[a], column[b])), None)
            for a, b in related[table]
        )
    relation = type(whole)._of_steps(shape, sets, steps, labels)
    legs = [
        {
            table: FinFunction([pair[k] for pair in pairs], sets[table], whole.sets[table])
            for table, pairs in related.items()
        }
        for k in (0, 1)
    ]
    return relation, legs


def closure(whole: Tables, rows: Rows) -> Rows:
    """Add to some rows all that their arrows and lists reach."""
    return whole.closure(rows)


@st.composite
def parts(draw: st.DrawFn, whole: Any, close: Close = closure) -> Any:
    """Draw the inclusion of a part.

    Parameters
    ----------
    whole
        Tables of any kind.
    close
        Adds to drawn rows what they need.
    """
    return whole.subtables(_some_rows(draw, whole, close))[1]


def _some_rows(draw: st.DrawFn, whole: Any, close: Close, within: Rows | None = None) -> Rows:
    choice = within or {table: range(whole.size(table)) for table in whole.shape.tables}
    rows = {
        table: draw(st.sets(st.sampled_from(list(there)))) if len(list(there)) else ()
        for table, there in choice.items()
    }
    return close(whole, {table: sorted(chosen) for table, chosen in rows.items()})


@st.composite
def identifications(draw: st.DrawFn, whole: Any, max_pairs: int = 2) -> Any:
    """Draw a quotient of tables: a surjective morphism that identifies rows.

    Pairs that cannot be identified are left alone, so the identity may be drawn. Half of the
    pairs are twins, if there are any: rows from which all arrows lead to the same rows.

    Parameters
    ----------
    whole
        Tables of any kind.
    max_pairs
        How many pairs of rows of equal labels are tried.
    """
    candidates = {
        table: [
            (a, b)
            for a in range(whole.size(table))
            for b in range(a + 1, whole.size(table))
            if _labels(whole, table, a) == _labels(whole, table, b)
        ]
        for table in reversed(whole.shape.tables)
    }
    tables = [table for table, pairs in candidates.items() if pairs]
    steps = whole.shape.steps().items()
    lists = {t: [whole.step(name) for name, (at, _) in steps if at == t] for t in tables}
    twins = {
        t: [pair for pair in candidates[t] if _are_twins(lists[t], *pair)]
        for t in tables
        if lists[t]
    }
    twins = {table: pairs for table, pairs in twins.items() if pairs}
    quotient = whole.ambient.identity(whole)
    for _ in range(draw(st.integers(0, max_pairs)) if tables else 0):
        pairs = twins if twins and draw(st.booleans()) else candidates
        table = draw(st.sampled_from([table for table in tables if pairs.get(table)]))
        there = quotient.components[table]
        pair = tuple(map(there, draw(st.sampled_from(pairs[table]))))
        further = identify(quotient.codomain, {table: [pair]})
        quotient = quotient if further is None else quotient >> further
    return quotient


def _are_twins(steps: Iterable[ListFunction], a: int, b: int) -> bool:
    """Whether all steps lead from two rows to the same rows."""
    return all(np.array_equal(step.row(a), step.row(b)) for step in steps)


def _labels(whole: Any, table: str, row: int) -> list[int]:
    attributes = whole.shape.attributes.items()
    return [whole.codes(name)[0][row] for name, at in attributes if at == table]


def renamed(whole: Any, suffix: str = "'") -> Any:
    """Return the isomorphism to a copy whose rows have other names.

    Parameters
    ----------
    whole
        Tables of any kind; sets without names keep having none.
    suffix
        What is added to each name.
    """
    named = {table: rows.names for table, rows in whole.sets.items() if rows.names}
    copy = whole.with_names({t: [name + suffix for name in names] for t, names in named.items()})
    there = {t: FinFunction(range(one.size), whole.sets[t], one) for t, one in copy.sets.items()}
    return whole._morphism_class()._build(whole, copy, there)


@st.composite
def morphisms(draw: st.DrawFn, wholes: st.SearchStrategy[Any], close: Close = closure) -> Any:
    """Draw a morphism: a part of an object (often all of it), in a renamed quotient of it.

    Parameters
    ----------
    wholes
        Objects to draw from.
    close
        As for :func:`parts`.
    """
    whole = draw(wholes)
    quotient = draw(identifications(whole))
    morphism = quotient if draw(st.booleans()) else draw(parts(whole, close)) >> quotient
    return morphism >> renamed(quotient.codomain) if draw(st.booleans()) else morphism


@st.composite
def out_of(draw: st.DrawFn, whole: Any, beside: st.SearchStrategy[Any] | None = None) -> Any:
    """Draw a morphism out of tables: a quotient, renamed or put beside something else.

    Parameters
    ----------
    whole
        Tables of any kind.
    beside
        What it may be put beside; by default a copy of itself.
    """
    quotient = draw(identifications(whole))
    match draw(st.sampled_from(["as it is", "renamed", "embedded"])):
        case "renamed":
            return quotient >> renamed(quotient.codomain)
        case "embedded":
            other = quotient.codomain if beside is None else draw(beside)
            return quotient >> coproduct(quotient.codomain, other).legs[0]
    return quotient


@st.composite
def spans(
    draw: st.DrawFn,
    wholes: st.SearchStrategy[Any],
    close: Close = closure,
    merge: bool = False,
) -> Span:
    """Draw a span: two overlapping parts of an object, and some of what they share.

    Parameters
    ----------
    wholes
        Objects to draw from.
    close
        As for :func:`parts`.
    merge
        Whether the right foot may be a quotient of its part, so that its leg is not monic.
    """
    whole = draw(wholes)
    left, right = (_some_rows(draw, whole, close) for _ in range(2))
    both = {t: sorted(set(map(int, left[t])) & set(map(int, right[t]))) for t in left}
    shared = _some_rows(draw, whole, close, both)
    inclusions = [whole.subtables(rows)[1] for rows in (shared, left, right)]
    f, g = (_through(inclusions[0], inclusion) for inclusion in inclusions[1:])
    if merge:
        g = g >> draw(identifications(g.codomain))
    return Span(f, g)


def _through(small: Any, large: Any) -> Any:
    """Return the inclusion of one part of an object into another that contains it."""
    parts = {
        table: FinFunction(
            np.searchsorted(large.components[table].values, inclusion.values),
            small.domain.sets[table],
            large.domain.sets[table],
        )
        for table, inclusion in small.components.items()
    }
    return small.domain._morphism_class()._build(small.domain, large.domain, parts)


@st.composite
def graphs(
    draw: st.DrawFn, max_vertices: int = 4, max_edges: int = 6, acyclic: bool = False
) -> Graph:
    """Draw a graph with named vertices ``A, B, ...`` and edges ``f0, f1, ...``.

    Parameters
    ----------
    max_vertices, max_edges
        The largest numbers of each.
    acyclic
        Whether every edge leads to a later vertex.
    """
    count = draw(st.integers(0, max_vertices))
    vertices = [chr(ord("A") + k) for k in range(count)]
    ends = [(u, v) for u in vertices for v in vertices if not acyclic or u < v]
    edges = draw(st.lists(st.sampled_from(ends), max_size=max_edges)) if ends else []
    return Graph({f"f{k}": pair for k, pair in enumerate(edges)}, vertices=vertices)


@st.composite
def paths(draw: st.DrawFn, graph: Graph, source: str | None = None, max_length: int = 4) -> Path:
    """Draw a path of a graph, which must have a vertex.

    Parameters
    ----------
    graph
        The graph.
    source
        Where the path starts; drawn if it is None.
    max_length
        The largest number of edges.
    """
    at = start = draw(st.sampled_from(graph.vertices)) if source is None else source
    edges: list[str] = []
    for _ in range(draw(st.integers(0, max_length))):
        if not graph.out_edges(at):
            break
        edges.append(draw(st.sampled_from(graph.out_edges(at))))
        at = graph.target(edges[-1])
    return Path(start, tuple(edges), at)


@st.composite
def presentations(
    draw: st.DrawFn,
    max_vertices: int = 3,
    max_edges: int = 5,
    max_equations: int = 3,
    max_length: int = 3,
    acyclic: bool = False,
) -> Presentation:
    """Draw a presentation: a graph with equations between parallel paths.

    Parameters
    ----------
    max_vertices, max_edges, acyclic
        As for :func:`graphs`.
    max_equations
        The largest number of equations.
    max_length
        The longest side.
    """
    graph = draw(graphs(max_vertices, max_edges, acyclic))
    parallel = []
    for vertex in graph.vertices:
        found = graph.paths(vertex, max_length=max_length, bound=None)[:40]
        parallel += [(p, q) for p, q in combinations(found, 2) if p.is_parallel(q)]
    chosen = draw(st.lists(st.sampled_from(parallel), max_size=max_equations)) if parallel else []
    return Presentation(graph, {f"q{k}": sides for k, sides in enumerate(chosen)})


MOST = 60
"""How many functors between two categories, or transformations, are drawn from."""

KINDS = ("free", "preorder", "quotient", "monoid", "part", "opposite", "sum", "product")
"""The kinds of categories, plainest first."""


@st.composite
def finite_categories(
    draw: st.DrawFn,
    max_objects: int = 3,
    max_arrows: int = 4,
    kinds: tuple[str, ...] = KINDS,
    nonempty: bool = False,
) -> FiniteCategory:
    """Draw a finite category.

    Parameters
    ----------
    max_objects
        The largest number of objects.
    max_arrows
        The largest number of arrows that are drawn; composites come on top.
    kinds
        Some of ``"free"`` (on a graph without cycles), ``"preorder"``, ``"quotient"`` (of a
        free one by equations), ``"monoid"`` (generated by functions), ``"part"`` (some objects
        of one of these, with all arrows between them), ``"opposite"`` (of one of these),
        ``"sum"`` and ``"product"`` (of two small ones of these).
    nonempty
        Whether there is an object.
    """
    made: Any
    match draw(st.sampled_from(kinds)):
        case "preorder":
            made = draw(_preorders(max_objects, max_arrows))
        case "quotient":
            presented = presentations(max_objects, max_arrows, max_equations=2, acyclic=True)
            made = draw(presented).category()
        case "monoid":
            made = draw(_monoids())
        case "part":
            whole = draw(finite_categories(max_objects, max_arrows, _plain(kinds)))
            made = draw(_parts(whole))
        case "opposite":
            whole = draw(finite_categories(max_objects, max_arrows, _plain(kinds)))
            made = opposite(whole)
        case "sum":
            made = coproduct(*draw(_pairs(kinds))).apex
        case "product":
            made = product(*draw(_pairs(kinds))).apex
        case _:
            made = FiniteCategory.free(draw(graphs(max_objects, max_arrows, acyclic=True)))
    return made if made.objects or not nonempty else FiniteCategory(["A"])


def _plain(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind in KINDS[:4]) or KINDS[:1]


@st.composite
def _preorders(draw: st.DrawFn, max_objects: int, max_arrows: int) -> FiniteCategory:
    names = "ABCDEFGHIJ"[: draw(st.integers(0, max_objects))]
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names)) if names else st.nothing()
    pairs = draw(st.lists(pair, max_size=max_arrows if names else 0))
    return FiniteCategory.preorder(pairs, names)


@st.composite
def _monoids(draw: st.DrawFn) -> FiniteCategory:
    # Two functions of two elements generate at most 4, one of four elements at most 6.
    points, letters = draw(st.sampled_from([(2, "a"), (2, "ab"), (4, "a")]))
    image = st.tuples(*[st.integers(0, points - 1)] * points)
    return FiniteCategory.transformation_monoid({letter: draw(image) for letter in letters})


@st.composite
def _parts(draw: st.DrawFn, whole: FiniteCategory) -> FiniteCategory:
    objects = draw(st.sets(st.sampled_from(whole.objects))) if whole.objects else ()
    return full_subcategory(whole, objects)


@st.composite
def _pairs(draw: st.DrawFn, kinds: tuple[str, ...]) -> tuple[FiniteCategory, FiniteCategory]:
    small = finite_categories(2, 1, _plain(kinds))
    return draw(small), draw(small)


@st.composite
def functors(
    draw: st.DrawFn,
    domain: FiniteCategory | None = None,
    codomain: FiniteCategory | None = None,
    max_objects: int = 2,
    max_arrows: int = 3,
) -> Functor:
    """Draw a functor between finite categories.

    Parameters
    ----------
    domain, codomain
        The categories; drawn if they are not given. If the domain has an object the codomain
        must have one.
    max_objects, max_arrows
        As for :func:`finite_categories`.
    """
    categories = finite_categories(max_objects, max_arrows, nonempty=True)
    domain = draw(categories) if domain is None else domain
    codomain = draw(categories) if codomain is None else codomain
    return draw(st.sampled_from(list(all_functors(domain, codomain, limit=MOST))))


@st.composite
def natural_transformations(
    draw: st.DrawFn, domain: Functor | None = None, codomain: Functor | None = None
) -> NaturalTransformation:
    """Draw a natural transformation between functors of finite categories.

    Parameters
    ----------
    domain
        The functor that it starts at; drawn if it is not given.
    codomain
        The functor that it ends at; one to which there is a transformation (there is the
        identity, if no other) if it is not given. If it is, there must be one.
    """
    start = draw(functors()) if domain is None else domain
    stops = [codomain]
    if codomain is None:
        stops = list(all_functors(start.domain, start.codomain, limit=MOST))
    found = (alpha for stop in stops for alpha in all_transformations(start, stop))  # type: ignore
    return draw(st.sampled_from(list(islice(found, MOST))))
