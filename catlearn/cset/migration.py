"""Functorial data migration: moving C-sets along functors of schemas.

A *functor of schemas* F : A -> B sends tables to tables and arrows to paths of arrows such that
the equations of A hold in B; it is a :class:`~catlearn.category.Functor` between schemas. It
moves data three ways (Spivak, "Functorial data migration", 2012): *delta* takes a C-set on B to
the one on A whose tables and arrows are those that F names; it has a left adjoint *sigma* and a
right adjoint *pi*, the left and right Kan extensions.

Laws: ``delta`` is a functor, ``delta(F, f >> g) == delta(F, f) >> delta(F, g)``, and along a
composite, ``delta(F, delta(G, X)) == delta(F >> G, X)``.

>>> from catlearn.category import Functor
>>> from catlearn.cset import CSet, Schema, SchGraph
>>> dynamics = Schema(["X"], {"next": ("X", "X")})
>>> F = Functor(SchGraph, dynamics, objects={"V": "X", "E": "X"},
...             arrows={"src": "id(X)", "tgt": "next"})
>>> print(delta(F, CSet(dynamics, X=["a", "b", "c"], next=["b", "c", "b"])))
V = {a, b, c}
E = {a, b, c}
src : E -> V = [a, b, c]
tgt : E -> V = [b, c, b]

**Kan extensions.** Let X be a C-set on A, that is a functor from A to finite
sets. Its *left Kan extension* sigma(F, X) and its *right Kan extension* pi(F, X) are the C-sets
on B with the universal properties

    Hom(sigma(F, X), Y) = Hom(X, delta(F, Y)),    Hom(delta(F, Y), X) = Hom(Y, pi(F, X)),

natural in Y (Mac Lane, X.1-X.3; Riehl, *Category Theory in Context*, 6.1-6.2). Pointwise, sigma at
d is the colimit of X over the comma category F / d: pairs of a row x of a table c and an arrow
F(c) -> d, divided by what the arrows of A identify. It is computed by the chase
(:mod:`catlearn.cset.representables`), which needs neither the arrows of B nor that they are
finitely many, only that the result is finite. And pi at d is the limit of X over the comma
category d / F: families with a row of c for every arrow d -> F(c), that agree along the arrows of
A. It is computed by one relational join (:mod:`catlearn.finset.join`) for each table, and needs
finitely many arrows out of d.

Laws: both are functors; the triangle laws of both adjunctions; if F is full and faithful, the
unit of sigma and the counit of pi are isomorphisms.

>>> reflexive = Schema(
...     ["V", "E"],
...     {"src": ("E", "V"), "tgt": ("E", "V"), "refl": ("V", "E")},
...     equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
... )
>>> F = Functor(SchGraph, reflexive, arrows={"src": "src", "tgt": "tgt"})
>>> path = CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
>>> free = left_kan(F, path)
>>> free.cset.V, free.cset.E, free.cset.refl
(FinSet(3), FinSet(5), FinFunction([2, 3, 4], codomain=5))
>>> print(free.unit)
V: [0, 1, 2] : 3 -> 3
E: [0, 1] : 2 -> 5
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np

from catlearn.category import Functor, Path
from catlearn.cset.cset import CSet, Schema
from catlearn.cset.representables import actions_from, blank, chase, extend, named, representable
from catlearn.errors import Failure, InvalidStructure, did_you_mean
from catlearn.finset import (
    FinFunction,
    FinSet,
    Frozen,
    ListFunction,
    Record,
    TableMorphism,
    Tables,
)
from catlearn.finset.join import find, join
from catlearn.finset.tables import morphism


class Translation(Frozen):
    """A functor of schemas as migration reads it: tables to tables, arrows to paths of arrows.

    Parameters
    ----------
    F
        A functor between schemas, presentations, graphs or categories. A category is read as
        the schema of its generators.
    """

    source: Schema
    target: Schema
    objects: Record[str, str]
    arrows: Record[str, Path]

    def __init__(self, F: Functor) -> None:
        source, target = Schema.of(F.domain), Schema.of(F.codomain)
        paths = {name: F(source.graph.path([name])) for name in source.arrows}
        words = {name: F.codomain.word(f) for name, f in paths.items()}
        self._set(source=source, target=target, objects=Record(F.objects), arrows=Record(words))

    @property
    def plain(self) -> Translation:
        """The same between the schemas without their attributes."""
        made = object.__new__(Translation)
        made._set(source=self.source.without_attributes, target=self.target.without_attributes)
        made._set(objects=self.objects, arrows=self.arrows)
        return made

    def at(self, table: str) -> str:
        """Return the table that a table of the source goes to."""
        return self.objects[table]


@overload
def delta(F: Functor | Translation, X: Tables, also: Mapping[str, str] | None = None) -> CSet: ...
@overload
def delta(
    F: Functor | Translation, X: TableMorphism, also: Mapping[str, str] | None = None
) -> TableMorphism: ...
def delta(
    F: Functor | Translation, X: Tables | TableMorphism, also: Mapping[str, str] | None = None
) -> CSet | TableMorphism:
    """Pull a C-set, or a morphism, back along a functor of schemas.

    Rows keep their names. A functor says nothing about attributes and lists: those that ``also``
    does not name are dropped, or absent where the domain's schema has them.

    Parameters
    ----------
    F
        A functor A -> B.
    X
        A C-set on B, or a morphism between two.
    also
        For attributes and lists of A, the attribute or list of B that they are read from.

    Raises
    ------
    InvalidStructure
        If X is not on B, or ``also`` does not fit the schemas.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["Point"], attributes={"colour": "Point"})
    >>> B = Schema(["Node"], attributes={"hue": "Node"})
    >>> F = Functor(A, B, objects={"Point": "Node"})
    >>> X = CSet(B, Node=["n"], hue=["red"])
    >>> delta(F, X, also={"colour": "hue"}).colour, delta(F, X).colour
    (('red',), (None,))
    """
    along = F if isinstance(F, Translation) else Translation(F)
    if isinstance(X, TableMorphism):
        ends = delta(F, X.domain, also), delta(F, X.codomain, also)
        tables = along.source.tables
        return morphism(*ends, {table: X.components[along.at(table)].values for table in tables})
    X = CSet.on_schema(X, along.target, "delta")
    known, schema = _also(along, also or {}), along.source
    sets = {table: X.sets[along.at(table)] for table in schema.tables}
    arrows = {name: X.along(along.arrows[name]) for name in schema.arrows}
    lists = {
        name: X.lists[known[name]]
        if name in known
        else ListFunction._of(
            np.zeros(sets[source].size + 1, np.int64),
            np.zeros(0, np.int64),
            sets[source],
            sets[target],
        )
        for name, (source, target) in schema.lists.items()
    }
    columns = {
        name: X.attributes[known[name]] if name in known else (None,) * sets[table].size
        for name, table in schema.attributes.items()
    }
    return CSet._build(schema, sets, arrows, lists, columns)


def _also(along: Translation, also: Mapping[str, str]) -> Mapping[str, str]:
    """Check what attributes and lists are read from."""
    here, there = along.source, along.target
    failures = []
    for name, read in also.items():
        where = f"{name!r} from {read!r}"
        if name not in here.lists and name not in here.attributes:
            hint = did_you_mean(name, [*here.attributes, *here.lists])
            message = f"the domain has no attribute or list {name!r}; {hint}"
            failures.append(Failure("names", where, message))
            continue
        kind = "lists" if name in here.lists else "attributes"
        found = getattr(there, kind)
        if read not in found:
            message = f"the codomain has no such one among its {kind}; {did_you_mean(read, found)}"
            failures.append(Failure("names", where, message))
            continue
        ends = getattr(here, kind)[name]
        ends = (ends,) if isinstance(ends, str) else ends
        expected = tuple(map(along.at, ends))
        read_ends = (found[read],) if isinstance(found[read], str) else found[read]
        if expected != read_ends:
            message = f"{read!r} is on {', '.join(read_ends)}, expected {', '.join(expected)}"
            failures.append(Failure("ends", where, message))
    if failures:
        raise InvalidStructure("delta", failures)
    return also


FAMILIES = 200_000_000
"""How many entries the families of a right Kan extension at one table may have by default."""


class KanExtension(Frozen):
    """A C-set pushed forward along a functor of schemas, with its universal property.

    Parameters
    ----------
    along
        The functor F : A -> B.
    of
        The C-set X on A, without attributes.
    cset
        The C-set on B.
    """

    along: Functor
    of: CSet
    cset: CSet

    @property
    def functor(self) -> Functor:
        """The extension as a functor to finite sets."""
        return self.cset.as_functor()

    def _key(self) -> tuple[Any, ...]:
        return self.along, self.of, self.cset

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.of!r} is {self.cset!r}>"

    @property
    def _translation(self) -> Translation:
        return self._cached("translation", lambda: Translation(self.along).plain)

    def _read(self, f: TableMorphism, Y: Tables) -> CSet:
        """Return Y on the schema B, for a natural morphism between X and ``delta(F, Y)``."""
        left = isinstance(self, LeftKan)
        what = "left Kan extension" if left else "right Kan extension"
        Y = CSet.on_schema(CSet.without_attributes(Y), self._translation.target, what)
        ends = (self.of, delta(self._translation, Y))
        for side, end in zip(("domain", "codomain"), ends if left else ends[::-1], strict=True):
            why = getattr(f, side).mismatch(end)
            if why:
                raise InvalidStructure(type(self).__name__, [Failure("ends", side, why)])
        failures = f.failures()
        if failures:
            raise InvalidStructure(type(f).__name__, failures)
        return Y


class LeftKan(KanExtension):
    """A left Kan extension, with its unit ``X -> delta(F, sigma(F, X))``.

    Morphisms ``X -> delta(F, Y)`` factor through the unit in exactly one way.
    """

    unit: TableMorphism

    def universal(self, f: TableMorphism, Y: Tables) -> Any:
        """Return the only ``u : sigma(F, X) -> Y`` with ``unit >> delta(F, u) == f``.

        Parameters
        ----------
        f
            A morphism from X to ``delta(F, Y)``.
        Y
            A C-set on B.

        Raises
        ------
        InvalidStructure
            If the ends of f are others, or it is not natural.
        """
        Y, along = self._read(f, Y), self._translation
        values = blank(self.cset)
        for table, component in self.unit.components.items():
            values[along.at(table)][component.values] = f.components[table].values
        return morphism(self.cset, Y, extend(self.cset, Y, values))

    def transpose(self, u: TableMorphism) -> Any:
        """Return ``unit >> delta(F, u)``, what a morphism out of sigma(F, X) is on X."""
        return self.unit >> delta(self._translation, u)

    def pushed(self, f: TableMorphism, other: LeftKan) -> Any:
        """Return what f, from this C-set X to the other's, is on the extensions."""
        return self.universal(f >> other.unit, other.cset)


class RightKan(KanExtension):
    """A right Kan extension, with its counit ``delta(F, pi(F, X)) -> X``.

    Morphisms ``delta(F, Y) -> X`` factor through the counit in exactly one way.
    """

    counit: TableMorphism
    shapes: Mapping[str, CommaGenerators]
    families: Mapping[str, list[np.ndarray]]

    def universal(self, g: TableMorphism, Y: Tables) -> Any:
        """Return the only ``u : Y -> pi(F, X)`` with ``delta(F, u) >> counit == g``.

        Parameters
        ----------
        g
            A morphism from ``delta(F, Y)`` to X.
        Y
            A C-set on B.

        Raises
        ------
        InvalidStructure
            If the ends of g are others, or it is not natural.
        """
        Y, along = self._read(g, Y), self._translation
        parts = {}
        for table, shape in self.shapes.items():
            start, end = Y.sets[table], self.cset.sets[table]
            reached = actions_from(shape.arrows, table, Y)
            rows = [g.components[c].values[reached[along.at(c), row]] for c, row in shape.places]
            parts[table] = FinFunction._of(_places(self.families[table], rows, start), start, end)
        return morphism(Y, self.cset, parts)

    def transpose(self, u: TableMorphism) -> Any:
        """Return ``delta(F, u) >> counit``, what a morphism into pi(F, X) is into X."""
        return delta(self._translation, u) >> self.counit

    def pushed(self, f: TableMorphism, other: RightKan) -> Any:
        """Return what f, from this C-set X to the other's, is on the extensions."""
        return other.universal(self.counit >> f, self.cset)

    def family(self, table: str, row: int | str) -> dict[tuple[str, str], int]:
        """Return the family that a row of the extension is.

        Returns
        -------
        dict
            For each table c of A and each arrow from ``table`` to F(c), a row of X at c.
        """
        shape, number = self.shapes[table], self.cset.sets[table].index(row)
        columns = self.families[table]
        names = ((c, shape.arrows.names(self._translation.at(c))[k]) for c, k in shape.places)
        return {place: int(column[number]) for place, column in zip(names, columns, strict=True)}


class CommaGenerators:
    """The comma category d / F, by generators.

    Parameters
    ----------
    along
        The functor of schemas.
    table
        The table d of its codomain.
    budget
        As for :func:`~catlearn.cset.representables.chase`.

    Attributes
    ----------
    arrows
        The representable C-set of d: its rows at a table are the arrows from d to it.
    places
        The objects: pairs of a table c and the number of an arrow from d to F(c).
    steps
        Triples of two numbers of objects and the arrow of A that leads from one to the other.
    """

    def __init__(self, along: Translation, table: str, budget: int | None) -> None:
        self.arrows = representable(along.target, table, budget)
        self.places = [
            (c, row) for c in along.source.tables for row in range(self.arrows.size(along.at(c)))
        ]
        number = {place: k for k, place in enumerate(self.places)}
        self.steps = []
        for name, (c, d) in along.source.arrows.items():
            values = self.arrows.along(along.arrows[name]).values
            self.steps += [
                (number[c, row], number[d, image], name)
                for row, image in enumerate(values.tolist())
            ]


def _places(table: list[np.ndarray], rows: list[np.ndarray], domain: FinSet) -> np.ndarray:
    """Return which family each row is; there is one family of nothing."""
    return find(table, rows) if table else np.zeros(domain.size, np.int64)


def _read(X: Any, along: Translation, what: str) -> CSet:
    """Return a C-set, or a functor to finite sets, without attributes and on the source."""
    X = CSet.from_functor(X) if isinstance(X, Functor) else X
    return CSet.on_schema(CSet.without_attributes(X), along.source, what)


def left_kan(F: Functor, X: Tables | Functor, budget: int | None = None) -> LeftKan:
    """Extend a C-set on A along a functor A -> B, as freely as possible.

    Parameters
    ----------
    F
        A functor of schemas.
    X
        A C-set on A, or a functor from A to finite sets. Attributes are forgotten.
    budget
        How many rows to make at most, on the way.

    Returns
    -------
    LeftKan
        Rows that come from X are numbered first, in the order of A's tables, and keep their
        names; the row that an arrow f leads to from x is named ``x.f``.

    Raises
    ------
    TooLarge
        If the budget is spent: the result is infinite, or the budget is too small.
    InvalidStructure
        If X is not on A, or a schema has lists.
    """
    along = Translation(F).plain
    here, schema = _read(X, along, "left Kan extension"), along.target
    start = {}
    sizes = dict.fromkeys(schema.tables, 0)
    for table in along.source.tables:
        start[table] = sizes[along.at(table)]
        sizes[along.at(table)] += here.size(table)
    values, same = [], []
    for name, (source, target) in along.source.arrows.items():
        path, end = along.arrows[name], along.at(target)
        rows = start[source] + np.arange(here.size(source))
        images = start[target] + here.arrows[name].values
        # Steps between the first and the last of a path lead through rows of their own.
        for step in path.edges[:-1]:
            through = schema.arrows[step][1]
            between = sizes[through] + np.arange(rows.size)
            sizes[through] += rows.size
            values.append((step, rows, between))
            rows = between
        if path.edges:
            values.append((path.edges[-1], rows, images))
        else:
            same.append((end, rows, images))
    what = "the left Kan extension"
    cset, classes = chase(schema, sizes, values, same, budget=budget, what=what)
    came = {
        table: classes[along.at(table)][first : first + here.size(table)]
        for table, first in start.items()
    }
    origins = [(table, along.at(table), rows, here.sets[table]) for table, rows in came.items()]
    cset = named(cset, origins)
    back = delta(along, cset)
    made = object.__new__(LeftKan)
    made._set(along=F, of=here, cset=cset, unit=morphism(here, back, came))
    return made


def right_kan(F: Functor, X: Tables | Functor, budget: int | None = None) -> RightKan:
    """Extend a C-set on A along a functor A -> B, as tightly as possible.

    Parameters
    ----------
    F
        A functor of schemas.
    X
        A C-set on A, or a functor from A to finite sets. Attributes are forgotten.
    budget
        How many arrows out of a table of B, and how many families, there may be at most.

    Returns
    -------
    RightKan
        Its rows are families, in lexicographic order.

    Raises
    ------
    TooLarge
        If some table of B has infinitely many arrows out of it, or something is over the budget.
    InvalidStructure
        If X is not on A, or a schema has lists.
    """
    along = Translation(F).plain
    here, schema = _read(X, along, "right Kan extension"), along.target
    shapes = {table: CommaGenerators(along, table, budget) for table in schema.tables}
    families, sets = {}, {}
    for table, shape in shapes.items():
        steps = [(i, j, here.arrows[name].values) for i, j, name in shape.steps]
        sizes = [here.size(c) for c, _ in shape.places]
        most = FAMILIES // max(1, len(sizes)) if budget is None else budget
        families[table] = join(sizes, steps, range(len(sizes)), most)
        sets[table] = FinSet(len(families[table][0]) if sizes else 1)
    arrows = {}
    for name, (source, target) in schema.arrows.items():
        # The arrow sends each arrow out of its target to one out of its source.
        there, after = shapes[source].arrows, shapes[target].arrows
        values = blank(after)
        values[target][0] = there.arrows[name](0)
        after = extend(after, there, values)
        number = {place: k for k, place in enumerate(shapes[source].places)}
        rows = [
            families[source][number[c, after[along.at(c)](row)]] for c, row in shapes[target].places
        ]
        found = _places(families[target], rows, sets[source])
        arrows[name] = FinFunction._of(found, sets[source], sets[target])
    cset = CSet._build(schema, sets, arrows, {}, {})
    made = object.__new__(RightKan)
    made._set(along=F, of=here, cset=cset, shapes=shapes, families=families)
    back = delta(along, cset)
    components = {}
    for c in along.source.tables:
        # The first row of a representable is the identity.
        place = shapes[along.at(c)].places.index((c, 0))
        components[c] = families[along.at(c)][place]
    made._set(counit=morphism(back, here, components))
    return made


@overload
def sigma(F: Functor, X: Tables, budget: int | None = None) -> CSet: ...
@overload
def sigma(F: Functor, X: TableMorphism, budget: int | None = None) -> TableMorphism: ...
def sigma(F: Functor, X: Tables | TableMorphism, budget: int | None = None) -> CSet | TableMorphism:
    """Push a C-set, or a morphism, forward along a functor of schemas: the left adjoint of delta.

    Parameters, errors and numbering are those of :func:`left_kan`, whose value has the unit and
    the universal property besides.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> sigma(F, CSet(A, L=2, R=3)).X
    FinSet(5)
    """
    return _pushed(left_kan, F, X, budget)


@overload
def pi(F: Functor, X: Tables, budget: int | None = None) -> CSet: ...
@overload
def pi(F: Functor, X: TableMorphism, budget: int | None = None) -> TableMorphism: ...
def pi(F: Functor, X: Tables | TableMorphism, budget: int | None = None) -> CSet | TableMorphism:
    """Push a C-set, or a morphism, forward along a functor of schemas: the right adjoint of delta.

    Parameters, errors and numbering are those of :func:`right_kan`, whose value has the counit
    and the universal property besides.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> pi(F, CSet(A, L=2, R=3)).X
    FinSet(6)
    """
    return _pushed(right_kan, F, X, budget)


def _pushed(kan: Callable[..., Any], F: Functor, X: Any, budget: int | None) -> Any:
    """Push a C-set or a morphism forward by Kan extensions; attributes are forgotten."""
    if not isinstance(X, TableMorphism):
        return kan(F, X, budget).cset
    one, other = kan(F, X.domain, budget), kan(F, X.codomain, budget)
    return one.pushed(morphism(one.of, other.of, X.components), other)


def _transposed(kan: Callable[..., Any], F: Functor, Y: Tables, budget: int | None) -> Any:
    """Return the transpose of the identity of ``delta(F, Y)``."""
    Y = CSet.without_attributes(Y)
    extension = kan(F, delta(Translation(F).plain, Y), budget)
    return extension.universal(Y.ambient.identity(extension.of), Y)


def sigma_counit(F: Functor, Y: Tables, budget: int | None = None) -> Any:
    """Return ``sigma(F, delta(F, Y)) -> Y``, the counit of the left pushforward at Y.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> print(sigma_counit(F, CSet(Schema(["X"]), X=2)))
    X: [0, 1, 0, 1] : 4 -> 2
    """
    return _transposed(left_kan, F, Y, budget)


def pi_unit(F: Functor, Y: Tables, budget: int | None = None) -> Any:
    """Return ``Y -> pi(F, delta(F, Y))``, the unit of the right pushforward at Y.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> print(pi_unit(F, CSet(Schema(["X"]), X=2)))
    X: [0, 3] : 2 -> 4
    """
    return _transposed(right_kan, F, Y, budget)
