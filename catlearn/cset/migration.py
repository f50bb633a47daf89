"""Functorial data migration: moving C-sets along functors of schemas.

A *functor of schemas* F : A -> B sends tables to tables and arrows to paths of arrows such that
the equations of A hold in B; it is a :class:`~catlearn.category.Functor` between schemas. It
moves data three ways (Spivak, "Functorial data migration", 2012): *delta* takes a C-set on B to
the one on A whose tables and arrows are those that F names; it has a left adjoint *sigma* and a
right adjoint *pi*, the left and right Kan extensions.

Attributes of A are read from those of B, at the rows or along paths out of them: by name where
both have one there, and as ``also=`` says, ``{"colour": "src >> hue"}``.

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

Labels are pushed forward by sigma: where an attribute a of A is read along a path from an
attribute b of B, the row of sigma(F, X) at the end of this path out of x has a label that is at
least that of x. It is the least such one, a join in the order of b; that there is none is an
error, as in a colimit. Rows that no label reaches have None, so that sigma has its universal
property where the order of b is flat, or each row of b's table is reached (Spivak and Wisnesky,
"Relational foundations for functorial data migration", 2015, have labelled nulls instead).

Laws: both are functors; along an identity both do nothing, up to the names of rows; the triangle
laws of both adjunctions; if F is full and faithful, the
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

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, overload

import numpy as np

from catlearn.category import Functor, Path
from catlearn.category.targets import compare
from catlearn.cset.cset import CSet, Reading, Schema, mistyped
from catlearn.cset.representables import actions_from, blank, chase, extend, named, representable
from catlearn.errors import (
    Failures,
    LabelConflict,
    did_you_mean,
    expect,
    expect_dicts,
    fault,
    refuse,
)
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
from catlearn.finset.labels import least_labels
from catlearn.finset.tables import joined, morphism


class Translation(Frozen):
    """A functor of schemas as migration reads it: tables to tables, arrows to paths of arrows.

    Parameters
    ----------
    F
        A functor between schemas, presentations, graphs or categories. A category is read as
        the schema of its generators.
    also
        For attributes and lists of the source, the attribute or list of the target that they are
        read from, or a path that ends in one.

    Attributes
    ----------
    labels
        For each attribute and list that is read, a path of arrows of the target, and the
        attribute or list of the target at its end.
    """

    source: Schema
    target: Schema
    objects: Record[str, str]
    arrows: Record[str, Path]
    labels: Record[str, Reading]

    def __init__(self, F: Functor, also: Mapping[str, str] | None = None) -> None:
        expect(F, Functor, "F", "a functor of schemas")
        expect_dicts('a dict, such as {"colour": "src >> hue"}', also=also)
        source = Schema.of(F.domain)
        if Functor.identity(F.domain) == F:
            # That of what is no category goes to paths, which do not say of what.
            target, words = source, {name: source.graph.path([name]) for name in source.arrows}
        else:
            target = Schema.of(F.codomain)
            paths = {name: F(source.graph.path([name])) for name in source.arrows}
            words = {name: F.codomain.word(f) for name, f in paths.items()}
        self._set(source=source, target=target, objects=Record(F.objects), arrows=Record(words))
        self._set(labels=Record(self._read(also or {})))

    def part(self, known: Iterable[str] = ()) -> Translation:
        """Return the same between the schemas with the attributes only that are read, and known."""
        labels = {name: read for name, read in self.labels.items() if name in known}
        made = object.__new__(Translation)
        reached = {name for _, name in labels.values()}
        laws = [{a, b} for _, (_, a), (_, b) in self.target.label_laws]
        while new := [pair for pair in laws if pair & reached and not pair <= reached]:
            reached = reached.union(*new)  # what equations bring labels to
        made._set(source=_part(self.source, labels), target=_part(self.target, reached))
        made._set(objects=self.objects, arrows=self.arrows, labels=Record(labels))
        return made

    def _read(self, also: Mapping[str, str]) -> dict[str, Reading]:
        """Find what attributes and lists are read from: what ``also`` says, or their namesakes."""
        here, there, failures = self.source, self.target, Failures()
        found: dict[str, Reading] = {}
        for name, read in also.items():
            where = f"{name!r} from {read!r}"
            if name not in here.lists and name not in here.attributes:
                hint = did_you_mean(name, [*here.attributes, *here.lists])
                message = f"the domain has no attribute or list {name!r}; {hint}"
                failures.add("names", where, message)
                continue
            at, broken = there.reading(read, where)
            failures += broken
            if at is None:
                continue
            kind = "lists" if name in here.lists else "attributes"
            expected, (path, last) = [self.at(end) for end in _ends(here, name)], at
            if last not in getattr(there, kind):
                hint = did_you_mean(last, getattr(there, kind))
                message = f"the codomain has no such one among its {kind}; {hint}"
                failures.add("names", where, message)
                continue
            ends = [path.source, *_ends(there, last)[1:]]
            if ends != expected:
                message = f"{read!r} is on {', '.join(ends)}, expected {', '.join(expected)}"
                failures.add("ends", where, message)
            failures += mistyped(there, last, here, name, where)
            found[name] = at
        refuse("delta", failures)
        for kind in ("lists", "attributes"):
            for name in getattr(here, kind).keys() & getattr(there, kind).keys() - also.keys():
                start, *end = map(self.at, _ends(here, name))
                typed = here.types.get(name) in (None, there.types.get(name))
                if typed and _ends(there, name) == [start, *end]:
                    found[name] = Path.identity(start), name
        return {name: found[name] for name in (*here.lists, *here.attributes) if name in found}

    def check_labels(self, whole: bool = True) -> None:
        """Refuse equations between labels that do not go to ones that hold.

        Parameters
        ----------
        whole
            Whether those with one side only that is read are refused, too.

        Raises
        ------
        InvalidStructure
            If sides are read from labels that the equations of the target do not make one, or
            only one side is read.
        """
        failures = Failures()
        for equation, *sides in self.source.label_laws:
            where = f"equation '{equation}'"
            known = [name for _, name in sides if name in self.labels]
            if len(known) == 1 and whole:
                message = f"{known[0]} is read, and what it is equal to is not"
                failures.add("equations", where, message)
            if len(known) < 2:
                continue
            paths = [
                [
                    *(step for arrow in path.edges for step in self.arrows[arrow].edges),
                    *self.labels[name][0].edges,
                    self.labels[name][1],
                ]
                for path, name in sides
            ]
            if paths[0] != paths[1]:
                labelled = self.target.labelled
                one, other = map(labelled.path, paths)
                equal = labelled.category().equal
                message = f"{one} and {other} are not one by the equations of the codomain"
                failures += compare("equations", where, equal, one, other, message)
        refuse("delta", failures)

    def at(self, table: str) -> str:
        """Return the table that a table of the source goes to."""
        return self.objects[table]


def _ends(schema: Schema, name: str) -> list[str]:
    return list(schema.lists.get(name) or [schema.attributes[name]])


def _part(schema: Schema, names: Iterable[str]) -> Schema:
    """Return a schema with some of its attributes, and without side data."""
    plain, kept = schema.without_attributes, set(names)
    if not kept or (kept == set(schema.attributes) and not schema.side_data):
        return schema if kept else plain
    types = schema.types
    attributes: dict[str, Any] = {
        name: (table, types[name]) if name in types else table
        for name, table in schema.attributes.items()
        if name in kept
    }
    return Schema(
        plain.tables,
        plain.arrows,
        attributes=attributes,
        equations=[
            *plain.equations,
            *(law for law, *at in schema.label_laws if kept.issuperset(name for _, name in at)),
        ],
        orders={name: order for name, order in schema.orders.items() if name in kept},
    )


def _on(X: Any, schema: Schema, what: str) -> CSet:
    """Return tables on a schema, with those of their attributes that it has."""
    CSet.without_attributes(X)  # refuses what are no tables
    own = _part(Schema.of(X.shape), schema.attributes)
    columns = {name: X.attributes[name] for name in own.attributes}
    return CSet.on_schema(CSet._build(own, X.sets, X.arrows, {}, columns), schema, what)


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

    Rows keep their names. Attributes and lists of A are read as ``also`` says, or else from those
    of their name if B has them at these tables; all others are absent.

    Parameters
    ----------
    F
        A functor A -> B.
    X
        A C-set on B, or a morphism between two.
    also
        For attributes and lists of A, the attribute or list of B that they are read from, or a path
        of arrows of B and then an attribute or list.

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

    Along a path, the edges of a graph get the labels of their sources.

    >>> graph = Schema(["V", "E"], {"s": ("E", "V"), "t": ("E", "V")}, attributes={"hue": "V"})
    >>> edges = Schema(["Edge"], attributes={"from": "Edge", "to": "Edge"})
    >>> F = Functor(edges, graph, objects={"Edge": "E"})
    >>> G = CSet(graph, V=2, E=3, s=[0, 1, 0], t=[1, 1, 0], hue=["red", "blue"])
    >>> delta(F, G, also={"from": "s >> hue", "to": "t >> hue"}).attributes
    {'from': ('red', 'blue', 'red'), 'to': ('blue', 'blue', 'red')}
    """
    along = F if isinstance(F, Translation) else Translation(F, also)
    if along is not F:
        along.check_labels()
    if isinstance(X, TableMorphism):
        ends = delta(along, X.domain), delta(along, X.codomain)
        tables = along.source.tables
        return morphism(*ends, {table: X.components[along.at(table)].values for table in tables})
    X = CSet.on_schema(X, along.target, "delta")
    known, schema = along.labels, along.source
    sets = {table: X.sets[along.at(table)] for table in schema.tables}
    arrows = {name: X.along(along.arrows[name]) for name in schema.arrows}
    lists = {
        name: X.along(known[name][0]) >> X.lists[known[name][1]]
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
        name: X.read(known[name]) if name in known else (None,) * sets[table].size
        for name, table in schema.attributes.items()
    }
    made = CSet._build(schema, sets, arrows, lists, columns)
    types = {name: X.schema.types.get(read) for name, (_, read) in known.items()}
    other = any(schema.types.get(name) not in (None, found) for name, found in types.items())
    refuse("delta", made.type_failures() if other else ())
    return made


FAMILIES = 200_000_000
"""How many entries the families of a right Kan extension at one table may have by default."""


class KanExtension(Frozen, by="along of cset"):
    """A C-set pushed forward along a functor of schemas, with its universal property.

    Parameters
    ----------
    along
        The functor F : A -> B.
    of
        The C-set X on A; of its attributes, those that are pushed forward.
    cset
        The C-set on B; of its attributes, those that labels are pushed into.
    translation
        What the functor, and ``also``, say.
    """

    along: Functor
    of: CSet
    cset: CSet
    translation: Translation

    @property
    def functor(self) -> Functor:
        """The extension as a functor to finite sets."""
        return self.cset.as_functor()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.of!r} is {self.cset!r}>"

    def _read(self, f: TableMorphism, Y: Tables) -> CSet:
        """Return Y on the schema B, for a natural morphism between X and ``delta(F, Y)``."""
        left = isinstance(self, LeftKan)
        what = "left Kan extension" if left else "right Kan extension"
        Y = _on(Y, self.translation.target, what)
        ends = (self.of, delta(self.translation, Y))
        for side, end in zip(("domain", "codomain"), ends if left else ends[::-1], strict=True):
            why = getattr(f, side).mismatch(end)
            if why:
                raise fault(type(self).__name__, "ends", side, why)
        refuse(type(f).__name__, f.failures())
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
        Y, along = self._read(f, Y), self.translation
        values = blank(self.cset)
        for table, component in self.unit.components.items():
            values[along.at(table)][component.values] = f.components[table].values
        return morphism(self.cset, Y, extend(self.cset, Y, values))

    def transpose(self, u: TableMorphism) -> Any:
        """Return ``unit >> delta(F, u)``, what a morphism out of sigma(F, X) is on X."""
        return self.unit >> delta(self.translation, u)

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
        Y, along = self._read(g, Y), self.translation
        parts = {}
        for table, shape in self.shapes.items():
            start, end = Y.sets[table], self.cset.sets[table]
            reached = actions_from(shape.arrows, table, Y)
            rows = [g.components[c].values[reached[along.at(c), row]] for c, row in shape.places]
            parts[table] = FinFunction._of(_places(self.families[table], rows, start), start, end)
        return morphism(Y, self.cset, parts)

    def transpose(self, u: TableMorphism) -> Any:
        """Return ``delta(F, u) >> counit``, what a morphism into pi(F, X) is into X."""
        return delta(self.translation, u) >> self.counit

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
        names = ((c, shape.arrows.names(self.translation.at(c))[k]) for c, k in shape.places)
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


def left_kan(
    F: Functor,
    X: Tables | Functor,
    budget: int | None = None,
    also: Mapping[str, str] | None = None,
) -> LeftKan:
    """Extend a C-set on A along a functor A -> B, as freely as possible.

    Parameters
    ----------
    F
        A functor of schemas.
    X
        A C-set on A, or a functor from A to finite sets.
    budget
        How many rows to make at most, on the way.
    also
        As for :func:`delta`: labels of attributes of A go to the rows of B that they are read from.
        Attributes of A that are read from none, and those of B from which none is read, are
        forgotten.

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
    LabelConflict
        Listing the rows of B that get labels which have no join.
    """
    what = "left Kan extension"
    X = CSet.from_functor(X) if isinstance(X, Functor) else X
    along = Translation(F, also)
    along.check_labels(whole=False)
    along = along.part(getattr(getattr(X, "shape", None), "attributes", ()))
    here, schema = _on(X, along.source, what), along.target
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
    cset, classes = chase(schema, sizes, values, same, budget=budget, what=f"the {what}")
    came = {
        table: classes[along.at(table)][first : first + here.size(table)]
        for table, first in start.items()
    }
    origins = [(table, along.at(table), rows, here.sets[table]) for table, rows in came.items()]
    cset = named(cset, origins)
    columns = _pushed_labels(along, here, cset, came)
    cset = CSet._build(schema, cset.sets, cset.arrows, {}, columns)
    refuse(f"the {what}", cset.type_failures())
    made = object.__new__(LeftKan)
    made._set(along=F, of=here, cset=cset, translation=along)
    made._set(unit=morphism(here, delta(along, cset), came))
    return made


def _pushed_labels(
    along: Translation, X: CSet, cset: CSet, came: Mapping[str, np.ndarray]
) -> dict[str, tuple[Any, ...]]:
    """Join the labels that reach each row of a left Kan extension; None where there are none."""
    read: dict[str, list[str]] = {name: [] for name in along.target.attributes}
    for name, (_, found) in along.labels.items():
        read[found].append(name)
    homes, given = along.source.attributes, {}
    for found, names in read.items():
        rows = [cset.along(along.labels[n][0]).values[came[homes[n]]] for n in names]
        given[found] = joined(rows), [label for n in names for label in X.attributes[n]]
    columns, conflicts = least_labels(cset, given)
    failures = Failures()
    for *ends, why in conflicts:
        places = [
            [f"{n} of {homes[n]} {row!r}" for n in read[found] for row in X.names(homes[n])][k]
            for found, k in ends
        ]
        failures.add(ends[0][0], " and ".join(places), f"{ends[0][0]} {why}")
    refuse("the left Kan extension", failures, LabelConflict)
    return columns


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
    along, X = Translation(F).part(), CSet.from_functor(X) if isinstance(X, Functor) else X
    here, schema = _on(X, along.source, "right Kan extension"), along.target
    shapes = {table: CommaGenerators(along, table, budget) for table in schema.tables}
    families, sets, arrows = {}, {}, {}
    for table, shape in shapes.items():
        steps = [(i, j, here.arrows[name].values) for i, j, name in shape.steps]
        sizes = [here.size(c) for c, _ in shape.places]
        most = FAMILIES // max(1, len(sizes)) if budget is None else budget
        families[table] = join(sizes, steps, range(len(sizes)), most)
        sets[table] = FinSet(len(families[table][0]) if sizes else 1)
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
        arrows[name] = _places(families[target], rows, sets[source])
    cset = CSet._of_columns(schema, sets, arrows)
    made = object.__new__(RightKan)
    made._set(along=F, of=here, cset=cset, translation=along)
    made._set(shapes=shapes, families=families)
    back = delta(along, cset)
    components = {}
    for c in along.source.tables:
        # The first row of a representable is the identity.
        place = shapes[along.at(c)].places.index((c, 0))
        components[c] = families[along.at(c)][place]
    made._set(counit=morphism(back, here, components))
    return made


@overload
def sigma(
    F: Functor, X: Tables, budget: int | None = None, also: Mapping[str, str] | None = None
) -> CSet: ...
@overload
def sigma(
    F: Functor, X: TableMorphism, budget: int | None = None, also: Mapping[str, str] | None = None
) -> TableMorphism: ...
def sigma(
    F: Functor,
    X: Tables | TableMorphism,
    budget: int | None = None,
    also: Mapping[str, str] | None = None,
) -> CSet | TableMorphism:
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

    Labels come along: each claim makes a team and a person.

    >>> A = Schema(["Claim"], attributes={"team": "Claim", "head": "Claim"})
    >>> B = Schema(["Team", "Person"], {"head": ("Team", "Person")},
    ...            attributes={"name": "Person", "team": "Team"})
    >>> F = Functor(A, B, objects={"Claim": "Team"})
    >>> X = CSet(A, Claim=2, team=["red", "blue"], head=["Ada", "Bob"])
    >>> sigma(F, X, also={"head": "head >> name"}).name
    ('Ada', 'Bob')
    """
    return _pushed(partial(left_kan, also=also), F, X, budget)


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
    """Push a C-set or a morphism forward by Kan extensions."""
    if not isinstance(X, TableMorphism):
        return kan(F, X, budget).cset
    one, other = kan(F, X.domain, budget), kan(F, X.codomain, budget)
    return one.pushed(morphism(one.of, other.of, X.components), other)


def _transposed(kan: Callable[..., Any], along: Translation, F: Functor, Y: Tables) -> Any:
    """Return the transpose of the identity of ``delta(F, Y)``."""
    Y = _on(Y, along.target, "delta")
    extension = kan(F, delta(along, Y))
    return extension.universal(Y.ambient.identity(extension.of), Y)


def sigma_counit(
    F: Functor, Y: Tables, budget: int | None = None, also: Mapping[str, str] | None = None
) -> Any:
    """Return ``sigma(F, delta(F, Y)) -> Y``, the counit of the left pushforward at Y.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> print(sigma_counit(F, CSet(Schema(["X"]), X=2)))
    X: [0, 1, 0, 1] : 4 -> 2
    """
    along, known = Translation(F, also), getattr(getattr(Y, "shape", None), "attributes", ())
    along = along.part([name for name, (_, read) in along.labels.items() if read in known])
    return _transposed(partial(left_kan, budget=budget, also=also), along, F, Y)


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
    return _transposed(partial(right_kan, budget=budget), Translation(F).part(), F, Y)
