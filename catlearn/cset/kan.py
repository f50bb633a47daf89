"""Left and right Kan extensions of C-sets, which push data forward along functors of schemas.

Let F : A -> B be a functor of schemas and X a C-set on A, that is a functor from A to finite
sets. Its *left Kan extension* sigma(F, X) and its *right Kan extension* pi(F, X) are the C-sets
on B with the universal properties

    Hom(sigma(F, X), Y) = Hom(X, delta(F, Y)),    Hom(delta(F, Y), X) = Hom(Y, pi(F, X)),

natural in Y (Mac Lane, X.1-X.3; Riehl, *Category Theory in Context*, 6.1-6.2). Pointwise,
sigma at d is the colimit of X over the comma category F / d: pairs of a row x of a table c and
an arrow F(c) -> d, divided by what the arrows of A identify. It is computed by the chase
(:mod:`catlearn.cset.chase`), which needs neither the arrows of B nor that they are finitely
many, only that the result is finite. And pi at d is the limit of X over the comma category
d / F: families with a row of c for every arrow d -> F(c), that agree along the arrows of A. It
is computed by one relational join (:mod:`catlearn.finset.join`) for each table, and needs
finitely many arrows out of d.

Laws: both are functors; the triangle laws of both adjunctions; if F is full and faithful, the
unit of sigma and the counit of pi are isomorphisms.

>>> from catlearn.category import Functor
>>> from catlearn.cset import CSet, Schema, SchGraph
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

from collections.abc import Mapping
from typing import Any

import numpy as np

from catlearn.category import Functor
from catlearn.cset.chase import blank, chase, extend, named
from catlearn.cset.copresheaf import as_functor, from_functor, on_schema, plain
from catlearn.cset.cset import CSet
from catlearn.cset.migration import Translation, delta, follow
from catlearn.cset.representables import actions_from, representable
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import FinFunction, FinSet, Frozen, TableMorphism, Tables
from catlearn.finset.gluing import morphism
from catlearn.finset.join import find, join

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
        return as_functor(self.cset)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, KanExtension):
            return NotImplemented
        mine = (self.along, self.of, self.cset)
        return mine == (other.along, other.of, other.cset)

    def __hash__(self) -> int:
        return hash((self.of, self.cset))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.of!r} is {self.cset!r}>"

    def _target(self, Y: Tables, name: str) -> CSet:
        return on_schema(plain(Y), self._translation.plain.target, name)

    @property
    def _translation(self) -> Translation:
        return self._cached("translation", lambda: Translation(self.along).plain)

    def _expect(self, found: Tables, expected: Tables, what: str) -> None:
        why = found.mismatch(expected)
        if why:
            raise InvalidStructure(type(self).__name__, [Failure("ends", what, why)])


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
        Y, along = self._target(Y, "left Kan extension"), self._translation
        self._expect(f.domain, self.of, "domain")
        self._expect(f.codomain, delta(along, Y), "codomain")
        _raise(f)
        values = blank(self.cset)
        for table, component in self.unit.components.items():
            values[along.at(table)][component.values] = f.components[table].values
        return morphism(self.cset, Y, extend(self.cset, Y, values))

    def transpose(self, u: TableMorphism) -> Any:
        """Return ``unit >> delta(F, u)``, what a morphism out of sigma(F, X) is on X."""
        return self.unit >> delta(self._translation, u)


class RightKan(KanExtension):
    """A right Kan extension, with its counit ``delta(F, pi(F, X)) -> X``.

    Morphisms ``delta(F, Y) -> X`` factor through the counit in exactly one way.
    """

    counit: TableMorphism
    shapes: Mapping[str, Comma]
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
        Y, along = self._target(Y, "right Kan extension"), self._translation
        self._expect(g.domain, delta(along, Y), "domain")
        self._expect(g.codomain, self.of, "codomain")
        _raise(g)
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


class Comma:
    """The comma category d / F, by generators.

    Parameters
    ----------
    along
        The functor of schemas.
    table
        The table d of its codomain.
    budget
        As for :func:`~catlearn.cset.chase.chase`.

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
            values = follow(self.arrows, along.arrows[name]).values
            self.steps += [
                (number[c, row], number[d, image], name)
                for row, image in enumerate(values.tolist())
            ]


def _raise(f: TableMorphism) -> None:
    failures = f.failures()
    if failures:
        raise InvalidStructure(type(f).__name__, failures)


def _places(table: list[np.ndarray], rows: list[np.ndarray], domain: FinSet) -> np.ndarray:
    """Return which family each row is; there is one family of nothing."""
    return find(table, rows) if table else np.zeros(domain.size, np.int64)


def _read(X: Any) -> Any:
    return from_functor(X) if isinstance(X, Functor) else X


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
    here, schema = on_schema(plain(_read(X)), along.source, "left Kan extension"), along.target
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
    components = {
        table: FinFunction._of(rows, here.sets[table], back.sets[table])
        for table, rows in came.items()
    }
    made = object.__new__(LeftKan)
    made._set(along=F, of=here, cset=cset, unit=morphism(here, back, components))
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
    here, schema = on_schema(plain(_read(X)), along.source, "right Kan extension"), along.target
    shapes = {table: Comma(along, table, budget) for table in schema.tables}
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
        column = families[along.at(c)][place]
        components[c] = FinFunction._of(column, back.sets[c], here.sets[c])
    made._set(counit=morphism(back, here, components))
    return made
