"""Functorial data migration: moving C-sets along functors of schemas.

A *functor of schemas* F : A -> B sends tables to tables and arrows to paths of arrows such that
the equations of A hold in B; it is a :class:`~catlearn.category.Functor` between schemas. It
moves data three ways (Spivak, "Functorial data migration", 2012): *delta* takes a C-set on B to
the one on A whose tables and arrows are those that F names; it has a left adjoint *sigma* and a
right adjoint *pi*, the left and right Kan extensions of :mod:`catlearn.cset.kan`.

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
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import numpy as np

from catlearn.category import Functor, Path
from catlearn.cset.copresheaf import on_schema, plain_schema, schema_of
from catlearn.cset.cset import CSet
from catlearn.cset.schema import Schema
from catlearn.errors import Failure, InvalidStructure, did_you_mean
from catlearn.finset import FinFunction, Frozen, ListFunction, Record, TableMorphism, Tables
from catlearn.finset.gluing import morphism


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
        source, target = schema_of(F.domain), schema_of(F.codomain)
        paths = {name: F(source.graph.path([name])) for name in source.arrows}
        words = {name: F.codomain.word(f) for name, f in paths.items()}
        self._set(source=source, target=target, objects=Record(F.objects), arrows=Record(words))

    @property
    def plain(self) -> Translation:
        """The same between the schemas without their attributes."""
        made = object.__new__(Translation)
        made._set(source=plain_schema(self.source), target=plain_schema(self.target))
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
        parts = {}
        for table in along.source.tables:
            values = X.components[along.at(table)].values
            parts[table] = FinFunction._of(values, *(end.sets[table] for end in ends))
        return morphism(*ends, parts)
    X = on_schema(X, along.target, "delta")
    known, schema = _also(along, also or {}), along.source
    sets = {table: X.sets[along.at(table)] for table in schema.tables}
    arrows = {name: follow(X, along.arrows[name]) for name in schema.arrows}
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


def follow(X: Tables, path: Path) -> FinFunction:
    """Return the composite of the functions of tables along a path of plain arrows."""
    composite = FinFunction.identity(X.sets[path.source])
    for arrow in path.edges:
        composite = composite >> X.arrows[arrow]
    return composite
