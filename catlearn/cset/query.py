"""Conjunctive queries: data migrations whose rows are the matches of patterns.

A *conjunctive query* asks for all rows of some tables that hang together in some way. The way is a
*pattern*, a finite C-set P in which labels may be variables, and the answers in a C-set X are the
morphisms from P to X (Chandra and Merlin, "Optimal implementation of conjunctive queries in
relational data bases", 1977).

A *query* on B with results on A has a pattern P(a) on B for each table a of A, and for each arrow
f : a -> c a morphism P(f) : P(c) -> P(a), so that the equations of A hold: a functor from the
opposite of A to patterns. It takes a C-set X on B to the C-set on A with

    Q(X)(a) = Hom(P(a), X),    Q(X)(f) : m -> P(f) >> m,

whose labels are read at rows of the patterns; and a morphism g : X -> Y to m -> m >> g. Where all
patterns are representables this is ``delta``: a functor of schemas is a query of this kind
(:meth:`Query.of`). (Spivak and Wisnesky, "Relational foundations for functorial data migration",
2015; Spivak, "Functorial aggregation", arXiv 2111.10968.)

Answers are numbered in lexicographic order of the rows that generate the pattern along arrows. They
are found by one relational join for each pattern (:mod:`catlearn.finset.join`).

Laws: ``Q(f >> g) == Q(f) >> Q(g)`` and ``Q(identity) == identity``; the answers are what
:func:`~catlearn.cset.homomorphisms` finds; ``Query.of(F)(X)`` is ``delta(F, X)``.

The graph of the paths of length two in a graph:

>>> from catlearn.cset import CSet, SchGraph
>>> Q = Query(
...     SchGraph,
...     SchGraph,
...     objects={
...         "V": {"V": ["v"]},
...         "E": {"V": ["x", "y", "z"], "E": ["f", "g"], "src": ["x", "y"], "tgt": ["y", "z"]},
...     },
...     arrows={"src": {"V": {"v": "x"}}, "tgt": {"V": {"v": "z"}}},
... )
>>> square = CSet(SchGraph, V=4, E=4, src=[0, 1, 2, 3], tgt=[1, 2, 3, 0])
>>> Q(square).src, Q(square).tgt
(FinFunction([0, 1, 2, 3], codomain=4), FinFunction([2, 3, 0, 1], codomain=4))

The natural join of two tables of people, by first and last name (the example of Spivak,
"Functorial data migration", 2012). Equal variables are equal labels:

>>> names = {"First1": "T1", "Last1": "T1", "First2": "T2", "Last2": "T2"}
>>> parts = Schema(["T1", "T2"], attributes={"SSN": "T1", **names, "Salary": "T2"})
>>> whole = Schema(["U"], attributes=dict.fromkeys(["SSN", "First", "Last", "Salary"], "U"))
>>> first, last = Variable("first"), Variable("last")
>>> both = pattern(parts, T1=["p"], T2=["q"], First1=[first], First2=[first], Last1=[last],
...                Last2=[last])
>>> join = Query(whole, parts, {"U": both}, attributes={"SSN": "p >> SSN", "First": "p >> First1",
...     "Last": "p >> Last1", "Salary": "q >> Salary"})
>>> people = CSet(parts, T1=3, T2=4, SSN=["115-234", "122-988", "198-877"],
...     First1=["Bob", "Sue", "Alice"], Last1=["Smith", "Smith", "Jones"],
...     First2=["Alice", "Sam", "Sue", "Carl"], Last2=["Jones", "Miller", "Smith", "Pratt"],
...     Salary=[100, 150, 300, 200])
>>> for row in zip(*join(people).attributes.values()):
...     print(*row)
122-988 Sue Smith 300
198-877 Alice Jones 100
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

import numpy as np

from catlearn.category import Functor, Morphisms, Path
from catlearn.category.path import Side, steps_of
from catlearn.cset.cset import CSet, Schema, mistyped
from catlearn.cset.migration import Translation
from catlearn.cset.representables import precompose, representable
from catlearn.cset.search import homomorphism, homomorphisms
from catlearn.errors import CatlearnError, Failure, Failures, did_you_mean, expect, listed, refuse
from catlearn.finset import DISCRETE, FinSet, Frozen, Record, TableMorphism, Tables
from catlearn.finset.join import find, join
from catlearn.finset.labels import label_classes, shared_codes
from catlearn.finset.shapes import label_key
from catlearn.finset.tables import morphism
from catlearn.finset.variables import Variable, variables

Columns = dict[str, np.ndarray]
"""Table of a pattern -> an array with a row for each of its rows, and a column for each answer."""


def pattern(schema: Schema, parts: Mapping[str, Any] | None = None, /, **named: Any) -> CSet:
    """Return a C-set that leaves open all labels that are not given: they are variables.

    Parameters
    ----------
    schema, parts, **named
        As for :class:`~catlearn.cset.CSet`.

    Returns
    -------
    CSet
        A variable is called after its attribute and row; labels that the equations of the schema
        make one have one. Where absent is below all labels, nothing is left open.

    Raises
    ------
    InvalidStructure
        As for a C-set.

    Examples
    --------
    >>> coloured = Schema(["V"], attributes={"colour": "V"})
    >>> [str(label) for label in pattern(coloured, V=["a", "b"], colour={"b": "red"}).colour]
    ['?colour of a', 'red']
    """
    made = CSet(schema, parts, check=False, **named)
    refuse("pattern", Tables.failures(made))
    classes, known = label_classes(made), {}
    for name, column in made.attributes.items():
        for place, label in zip(classes[name].tolist(), column, strict=True):
            if label is not None:
                known.setdefault(place, label)
    columns = {}
    for name, table in made.shape.attributes.items():
        called, places = made.sets[table].labels(), classes[name].tolist()
        if not made.shape.order(name).at_most(None, Variable("")):
            for row, place in zip(called, places, strict=True):
                known.setdefault(place, Variable(f"{name} of {row}"))
        columns[name] = tuple(
            known.get(place) if label is None else label
            for place, label in zip(places, made.attributes[name], strict=True)
        )
    made = CSet._build(made.shape, made.sets, made.arrows, made.lists, columns, made.side_data)
    refuse("pattern", made.failures())
    return made


class Query(Frozen, by="domain codomain functor labels"):
    """A conjunctive query, as a functor from (the opposite of) a schema to patterns.

    Parameters
    ----------
    domain
        The schema A of results.
    codomain
        The schema B of what is asked, on which patterns are.
    objects
        Table of A -> a pattern: a C-set on B, or the parts of one for :func:`pattern`.
    arrows
        Arrow a -> c of A -> the morphism P(c) -> P(a), or where some rows go, by table, where the
        rest follows. It may be left out where there is only one.
    attributes
        Attribute of A -> a row of the pattern, and a path that ends in an attribute, such as
        ``"e >> src >> colour"``; or a list of these steps. Others are absent.

    Attributes
    ----------
    functor : Functor
        From the opposite of A to C-sets on B.
    labels
        For each attribute that is read, the attribute of B and the row of the pattern.

    Raises
    ------
    InvalidStructure
        Listing tables without patterns, arrows that are no morphisms, equations of A that do not
        hold, and attributes that cannot be read, or are of another type.

    Examples
    --------
    Which vertices lie on a triangle; the pattern has the vertex and the rest of the triangle.

    >>> from catlearn.cset import SchGraph
    >>> V = Schema(["V"])
    >>> Q = Query(V, SchGraph, {"V": {"V": 3, "E": 3, "src": [0, 1, 2], "tgt": [1, 2, 0]}})
    >>> len(Q(CSet(SchGraph, V=3, E=4, src=[0, 1, 2, 0], tgt=[1, 2, 0, 2])).V)
    3
    """

    domain: Schema
    codomain: Schema
    functor: Functor
    labels: Record[str, tuple[str, int]]

    def __init__(
        self,
        domain: Schema,
        codomain: Schema,
        objects: Mapping[str, CSet | Mapping[str, Any]],
        arrows: Mapping[str, TableMorphism | Mapping[str, Mapping[Any, Any]]] | None = None,
        attributes: Mapping[str, Side] | None = None,
    ) -> None:
        given = {"objects": objects, "arrows": arrows or {}, "attributes": attributes or {}}
        for name, mapping in given.items():
            expect(mapping, Mapping, name, "a mapping, by names of the domain")
        self._set(domain=Schema.of(domain), codomain=Schema.of(codomain))
        domain, codomain = self.domain, self.codomain
        known = {"objects": domain.tables, "arrows": domain.arrows, "attributes": domain.attributes}
        failures = Failures(
            Failure(
                "names", f"{kind}, {name!r}", f"is not there; {did_you_mean(name, known[kind])}"
            )
            for kind, names in given.items()
            for name in names
            if name not in known[kind]
        )
        failures += [
            Failure("lists", f"list {name!r}", "queries have no lists as results")
            for name in domain.lists
        ]
        failures += [
            Failure("totality", f"table {table!r}", "has no pattern")
            for table in domain.tables
            if table not in objects
        ]
        refuse("Query", failures)
        patterns = {
            table: CSet.on_schema(one, codomain, f"the pattern of {table}")
            if isinstance(one := objects[table], Tables)
            else pattern(codomain, one)
            for table in domain.tables
        }
        morphisms: dict[str, Any] = {}
        for name, (source, target) in domain.arrows.items():
            there = given["arrows"].get(name, {})
            if isinstance(there, TableMorphism):
                morphisms[name] = there
                continue
            try:
                ends = patterns[target], patterns[source]
                morphisms[name] = homomorphism(*ends, initial=there)
            except CatlearnError as error:
                failures.add("arrows", f"arrow {name!r}", str(error))
        refuse("Query", failures)
        opposite = domain.without_attributes.opposite.presentation
        self._set(functor=Functor(opposite, Morphisms(), patterns, morphisms))
        self._set(labels=Record(self._read(given["attributes"], failures)))
        refuse("Query", failures or self._label_failures())

    @classmethod
    def of(cls, F: Functor | Translation, also: Mapping[str, str] | None = None) -> Query:
        """Return the query that a functor of schemas is, whose patterns are representables.

        Parameters
        ----------
        F, also
            As for :func:`~catlearn.cset.delta`.

        Raises
        ------
        TooLarge
            If infinitely many arrows lead out of a table that F names.

        Examples
        --------
        >>> from catlearn.cset import SchGraph, delta
        >>> dynamics = Schema(["X"], {"next": ("X", "X")}, equations=["next >> next = id(X)"])
        >>> F = Functor(SchGraph, dynamics, objects={"V": "X", "E": "X"},
        ...             arrows={"src": "id(X)", "tgt": "next"})
        >>> Q, X = Query.of(F), CSet(dynamics, X=3, next=[1, 0, 2])
        >>> Q(X) == delta(F, X)
        True
        """
        along = F if isinstance(F, Translation) else Translation(F, also)
        there = along.target
        objects = {}
        for table in along.source.tables:
            bare = representable(there.without_attributes, along.at(table))
            parts = {name: f.values for name, f in bare.arrows.items()}
            objects[table] = pattern(there, {**bare.sets, **parts})
        made = {}
        for name, (source, target) in along.source.arrows.items():
            parts = precompose(there.without_attributes, along.arrows[name]).components
            ends = objects[target], objects[source]
            made[name] = morphism(*ends, {table: one.values for table, one in parts.items()})
        attributes: dict[str, Side] = {}
        for name, home in along.source.attributes.items():
            if name in along.labels:
                path, last = along.labels[name]
                # The first row of a representable is the identity.
                first = objects[home].names(along.at(home))[0]
                attributes[name] = [first, *path.edges, last]
        return cls(along.source, there, objects, made, attributes)

    def _read(self, given: Mapping[str, Side], failures: Failures) -> dict[str, Any]:
        """Find the places in the patterns at which attributes are read."""
        found = {}
        for name, side in given.items():
            where, P = f"{name!r} from {side!r}", self.pattern(self.domain.attributes[name])
            row, *rest = steps_of(side)
            at, broken = self.codomain.reading(rest, where) if rest else (None, [])
            failures += broken
            if at is None:
                if not broken:
                    failures.add("names", where, "names a row, and no attribute of it")
                continue
            path, last = at
            if last not in self.codomain.attributes:
                failures.add("names", where, f"{last} has lists of rows, no labels")
            elif not isinstance(row, str) or row not in P.sets[path.source]:
                hint = did_you_mean(str(row), P.names(path.source))
                failures.add("rows", where, f"{path.source} has no row {row}; {hint}")
            else:
                failures += mistyped(self.codomain, last, self.domain, name, where)
                found[name] = last, P.along(path)(P.row(path.source, row))
        return found

    @listed
    def _label_failures(self) -> Iterator[Failure]:
        """List the equations between labels that do not hold in the patterns."""
        for equation, *sides in self.domain.label_laws:
            read = [name for _, name in sides if name in self.labels]
            if not read:
                continue
            P = self.pattern(sides[0][0].source)
            classes, places = label_classes(P), []
            for path, name in sides if len(read) == 2 else ():
                attribute, row = self.labels[name]
                onto = self.functor(Path(path.target, path.edges[::-1], path.source))
                image = onto(self.codomain.attributes[attribute], row)
                label = P.attributes[attribute][image]
                # Labels that are the pattern's are those of its answers, unless they are raised.
                fixed = isinstance(label, Variable) or self.codomain.order(attribute) == DISCRETE
                place = int(classes[attribute][image])
                places.append(label_key(label) if fixed else place)
            if not places or places[0] != places[1]:
                message = "its sides are not read from labels that the pattern makes one"
                yield Failure("equations", f"equation '{equation}'", message)

    def pattern(self, table: str) -> CSet:
        """Return the pattern of a table of the domain."""
        return self.functor.objects[table]

    @overload
    def __call__(self, X: Tables) -> CSet: ...
    @overload
    def __call__(self, X: TableMorphism) -> TableMorphism: ...
    def __call__(self, X: Tables | TableMorphism) -> CSet | TableMorphism:
        """Return the results in a C-set on the codomain, or what a morphism of these does to them.

        Raises
        ------
        InvalidStructure
            If it is not on the codomain; or the morphism raises labels so that variables, which
            had one label, have several.
        TooLarge
            If there are more answers than memory holds.
        """
        if isinstance(X, TableMorphism):
            return self._on_morphism(X)
        X = self._instance(X)
        found = {table: self.images(X, table) for table in self.domain.tables}
        sets = {table: FinSet(_count(columns)) for table, columns in found.items()}
        columns: dict[str, Any] = {}
        for name, (source, target) in self.domain.arrows.items():
            parts = self.functor.arrows[name].components
            rows = {t: column[parts[t].values] for t, column in found[source].items()}
            columns[name] = self._places(target, found[target], rows)
        for name, table in self.domain.attributes.items():
            columns[name] = [None] * sets[table].size
            if name in self.labels:
                attribute, row = self.labels[name]
                home, labels = self.codomain.attributes[attribute], X.attributes[attribute]
                columns[name] = [labels[k] for k in found[table][home][row].tolist()]
        made = CSet._of_columns(self.domain, sets, columns)
        refuse("query", made.type_failures())
        return made

    def _instance(self, X: Any) -> CSet:
        expect(X, Tables, "what is asked", "a C-set on the codomain of the query, or a morphism")
        return CSet.on_schema(X, self.codomain, "query")

    def _on_morphism(self, g: TableMorphism) -> TableMorphism:
        """Return m -> m >> g."""
        ends = [self._instance(end) for end in (g.domain, g.codomain)]
        values, failures = {}, Failures()
        for table in self.domain.tables:
            before, after = (self.images(end, table) for end in ends)
            rows = {t: g.components[t].values[column] for t, column in before.items()}
            values[table] = self._places(table, after, rows)
            for row in np.flatnonzero(values[table] < 0)[:1].tolist():
                message = "its image is none: labels that a variable compares are raised apart"
                failures.add("variables", f"{table} {row}", message)
        refuse("query", failures)
        return morphism(self(ends[0]), self(ends[1]), values)

    def images(self, X: Tables, table: str, most: int | None = None) -> Columns:
        """Return the answers at a table: where they send the rows of its pattern.

        Parameters
        ----------
        X
            A C-set on the codomain.
        table
            A table of the domain.
        most
            The most answers that there may be.

        Returns
        -------
        dict
            Table of the codomain -> an array with a row for each row of the pattern, and a column
            for each answer, in the order of the result's rows.

        Examples
        --------
        >>> from catlearn.cset import SchGraph
        >>> loops = {"V": 1, "E": 1, "src": [0], "tgt": [0]}
        >>> Q = Query(Schema(["Loop"]), SchGraph, {"Loop": loops})
        >>> Q.images(CSet(SchGraph, V=2, E=3, src=[0, 0, 1], tgt=[0, 1, 1]), "Loop")["E"]
        array([[0, 2]])
        """
        return answers(self.pattern(table), self._instance(X), most)

    def _places(self, table: str, images: Columns, rows: Columns) -> np.ndarray:
        """Return the numbers of answers that are given by where they send the pattern's rows."""
        chosen = generators(self.pattern(table))
        if not chosen:
            return np.zeros(_count(rows), np.int64)
        return find(*([side[t][row] for t, row in chosen] for side in (images, rows)))

    def __repr__(self) -> str:
        patterns = ", ".join(f"{table}: {one}" for table, one in self.functor.objects.items())
        return f"<Query from {self.codomain!r} to {self.domain!r}, {{{patterns}}}>"


def _count(columns: Columns) -> int:
    """Return how many answers there are; all arrays have as many columns."""
    return next(iter(columns.values())).shape[1] if columns else 1


def generators(P: CSet) -> list[tuple[str, int]]:
    """List rows from which all others are reached along arrows, where possible no more than needed.

    Examples
    --------
    >>> from catlearn.cset import SchGraph
    >>> generators(CSet(SchGraph, V=3, E=1, src=[0], tgt=[1]))
    [('V', 2), ('E', 0)]
    """

    def find_them() -> list[tuple[str, int]]:
        steps: dict[tuple[str, int], list[tuple[str, int]]] = {
            (table, row): [] for table, rows in P.sets.items() for row in rows
        }
        arriving = dict.fromkeys(steps, 0)
        for name, (source, target) in P.shape.arrows.items():
            for row, image in enumerate(P.arrows[name].values.tolist()):
                steps[source, row].append((target, image))
                arriving[target, image] += (source, row) != (target, image)
        reached, chosen = set(), []
        for place in sorted(steps, key=lambda place: arriving[place] > 0):
            if place not in reached:
                chosen.append(place)
                todo = [place]
                while todo:
                    here = todo.pop()
                    if here not in reached:
                        reached.add(here)
                        todo += steps[here]
        return chosen

    return P._cached("generators", find_them)


def answers(P: CSet, X: CSet, most: int | None = None) -> Columns:
    """Return all morphisms from a pattern to a C-set, as arrays, by a relational join.

    Parameters
    ----------
    P, X
        C-sets on one schema; the labels of P may be variables.
    most
        The most that there may be.

    Raises
    ------
    TooLarge
        If there are more, or more than memory holds.
    """
    found = variables(P)
    mentioning = any(order.carry is not None for order in P.shape.orders.values())
    if mentioning or any(variable.function is not None for *_, variable in found):
        return _searched(P, X)
    places = [(table, row) for table, rows in P.sets.items() for row in rows]
    number = {place: k for k, place in enumerate(places)}
    sizes = [X.size(table) for table, _ in number]
    steps: list[tuple[int, int, np.ndarray]] = []

    def add(size: int) -> int:
        sizes.append(size)
        return len(sizes) - 1

    for name, (source, target) in P.shape.arrows.items():
        values = X.arrows[name].values
        for row, image in enumerate(P.arrows[name].values.tolist()):
            steps.append((number[source, row], number[target, image], values))
    for name, (source, target) in P.shape.lists.items():
        there = X.lists[name]
        for row, entries in enumerate(P.lists[name]):
            rows = np.flatnonzero(there.lengths == len(entries))
            fitting = add(rows.size)
            steps.append((fitting, number[source, row], rows))
            for place, image in enumerate(entries):
                values = there.values[there.offsets[rows] + place]
                steps.append((fitting, number[target, image], values))
    for name, table in P.shape.attributes.items():
        order, ((mine, theirs), labels) = P.shape.order(name), shared_codes([P, X], name)
        for row, code in enumerate(mine.tolist()):
            if not isinstance(labels[code], Variable):
                fits = order.fit(np.full(theirs.size, code), theirs, labels)
                if not fits.all():
                    steps.append((add(int(fits.sum())), number[table, row], np.flatnonzero(fits)))
    by_name: dict[str, list[tuple[str, int, Variable]]] = {}
    for at in found:
        by_name.setdefault(at[2].name, []).append(at)
    for some in by_name.values():
        conditions = [variable for *_, variable in some if variable.where is not None]
        names = list(dict.fromkeys(name for name, *_ in some))
        if len(some) == 1 and not conditions:
            continue  # it takes any label
        labels, codes = _together(X, names)
        value = add(len(labels))
        steps += [
            (number[P.shape.attributes[name], row], value, codes[name]) for name, row, _ in some
        ]
        admitted = [all(v.admits(label) for v in conditions) for label in labels]
        if not all(admitted):
            steps.append((add(sum(admitted)), value, np.flatnonzero(admitted)))
    chosen = generators(P)
    columns = join(sizes, steps, [number[place] for place in chosen], most)
    known = dict(zip(chosen, columns, strict=True))
    for place in chosen:
        todo = [place]
        while todo:
            table, row = todo.pop()
            for name, (source, target) in P.shape.arrows.items():
                image = target, P.arrows[name](row) if source == table else 0
                if source == table and image not in known:
                    known[image] = X.arrows[name].values[known[table, row]]
                    todo.append(image)
    count = columns[0].size if columns else 1
    return {
        table: np.array([known[table, row] for row in rows], np.int64).reshape(rows.size, count)
        for table, rows in P.sets.items()
    }


def _together(X: CSet, names: list[str]) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Code the labels of several attributes of a C-set together."""
    seen: dict[Any, int] = {}
    labels, columns = [], {}
    for name in names:
        codes, own = X.codes(name)
        for label in own:
            if seen.setdefault(label_key(label), len(seen)) == len(labels):
                labels.append(label)
        columns[name] = np.array([seen[label_key(label)] for label in own], np.int64)[codes]
    return labels, columns


def _searched(P: CSet, X: CSet) -> Columns:
    """Return the morphisms that the search finds, in the order of what generates the pattern."""
    found = [m.components for m in homomorphisms(P, X)]
    found.sort(key=lambda parts: [parts[table](row) for table, row in generators(P)])
    return {
        table: np.array([parts[table].values for parts in found], np.int64)
        .reshape(len(found), rows.size)
        .T
        for table, rows in P.sets.items()
    }
