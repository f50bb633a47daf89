"""The Yoneda lemma, the Yoneda embedding, and every C-set as a colimit of representables.

**Lemma.** A morphism out of the representable Hom(c, -) is known by the image of the identity of
c, which may be any row: Nat(Hom(c, -), X) = X(c), naturally in c and X. So c -> Hom(c, -) is a
full and faithful functor from the opposite category to C-sets, the *Yoneda embedding*; and each
C-set is the colimit of the representables of its elements (*density*). (Mac Lane, III.2, III.7,
X.6; Riehl, *Category Theory in Context*, 2.2 and 6.5.)

>>> from catlearn.cset import CSet, SchGraph
>>> G = CSet(SchGraph, V=["a", "b"], E=["e", "f"], src=["a", "b"], tgt=["b", "b"])
>>> edges = yoneda(G, "E")
>>> print(edges.morphism("f"))
V: [b, b] : {src, tgt} -> {a, b}
E: [f] : {id(E)} -> {e, f}
>>> edges.element(edges.morphism("f")), len(edges)
(1, 2)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from catlearn.category import (
    Category,
    FiniteCategory,
    Functor,
    Graph,
    Morphisms,
    Path,
    opposite,
)
from catlearn.cset.chase import blank, extend
from catlearn.cset.copresheaf import plain, schema_of
from catlearn.cset.representables import representable
from catlearn.cset.schema import Schema
from catlearn.errors import Failure, InvalidStructure, UnknownName, did_you_mean
from catlearn.finset import Colimit, Diagram, Frozen, TableMorphism, Tables, colimit
from catlearn.finset.gluing import morphism

if TYPE_CHECKING:
    from catlearn.cset.cset import CSet


class Yoneda(Frozen):
    """The bijection between the rows of X at a table and the morphisms out of its representable.

    Parameters
    ----------
    cset
        The C-set X, without attributes.
    table
        The table c.
    representable
        The C-set Hom(c, -).
    """

    cset: CSet
    table: str
    representable: CSet

    def __init__(self, cset: CSet, table: str, representable: CSet) -> None:
        self._set(cset=cset, table=table, representable=representable)

    def morphism(self, row: int | str) -> Any:
        """Return the morphism Hom(c, -) -> X that sends the identity to a row.

        Raises
        ------
        UnknownName
            If there is no such row.
        """
        values = blank(self.representable)
        values[self.table][0] = self.cset.sets[self.table].index(row)
        parts = extend(self.representable, self.cset, values)
        return morphism(self.representable, self.cset, parts)

    def element(self, alpha: TableMorphism) -> int:
        """Return the row that a morphism Hom(c, -) -> X sends the identity to.

        Raises
        ------
        InvalidStructure
            If the morphism has other ends.
        """
        ends = ((alpha.domain, self.representable), (alpha.codomain, self.cset))
        failures = [
            Failure("ends", side, why)
            for side, (one, other) in zip(("domain", "codomain"), ends, strict=True)
            if (why := one.mismatch(other))
        ]
        if failures:
            raise InvalidStructure("morphism out of a representable", failures)
        return alpha.components[self.table](0)

    def __iter__(self) -> Iterator[Any]:
        """Yield all morphisms, in the order of the rows."""
        return map(self.morphism, self.cset.sets[self.table])

    def __len__(self) -> int:
        return self.cset.size(self.table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Yoneda):
            return NotImplemented
        return (self.cset, self.table) == (other.cset, other.table)

    def __hash__(self) -> int:
        return hash((self.cset, self.table))

    def __repr__(self) -> str:
        return f"yoneda({self.cset!r}, {self.table!r})"


def yoneda(X: Tables, table: str, budget: int | None = None) -> Yoneda:
    """Return the Yoneda bijection of a C-set at a table.

    Parameters
    ----------
    X
        A C-set; attributes are forgotten.
    table
        A table of it.
    budget
        As for :func:`~catlearn.cset.representable`.

    Raises
    ------
    TooLarge
        If infinitely many arrows, or more than the budget, leave the table.
    """
    X = plain(X)
    if table not in X.sets:
        raise UnknownName(f"there is no table {table}; {did_you_mean(table, X.sets)}")
    return Yoneda(X, table, representable(X.schema, table, budget))


def precompose(schema: Schema, path: Path | str, budget: int | None = None) -> Any:
    """Return what composing with a path c -> d does to arrows: Hom(d, -) -> Hom(c, -).

    Examples
    --------
    >>> from catlearn.cset import SchGraph
    >>> print(precompose(SchGraph, "tgt"))
    V: [tgt] : {id(V)} -> {src, tgt}
    E: [] : 0 -> {id(E)}
    """
    path = schema.graph.path(path)
    into = representable(schema, path.source, budget)
    return yoneda(into, path.target, budget).morphism(into.along(path)(0))


def yoneda_embedding(category: Schema | Graph | Category, budget: int | None = None) -> Functor:
    """Return the functor c -> Hom(c, -), from the opposite category to C-sets.

    Parameters
    ----------
    category
        A schema, a presentation, or a category, out of each of whose objects finitely many
        arrows lead.
    budget
        As for :func:`~catlearn.cset.representable`.

    Returns
    -------
    Functor
        Out of the opposite of a finite category, else out of the presentation with all arrows
        turned round; they keep their names.

    Examples
    --------
    >>> from catlearn.cset import SchGraph
    >>> embedding = yoneda_embedding(SchGraph)
    >>> embedding.graph.ends("src")
    ('V', 'E')
    >>> embedding("src") == precompose(SchGraph, "src")
    True
    """
    schema = schema_of(category)
    finite = isinstance(category, FiniteCategory)
    return Functor(
        opposite(category) if finite else schema.opposite.presentation,
        Morphisms(),
        {table: representable(schema, table, budget) for table in schema.tables},
        {name: precompose(schema, schema.graph.path([name]), budget) for name in schema.arrows},
        check=False,
    )


def density(X: Tables, budget: int | None = None) -> tuple[Colimit, Any]:
    """Write a C-set as the colimit of the representables of its elements.

    Parameters
    ----------
    X
        A C-set; attributes are forgotten.
    budget
        As for :func:`~catlearn.cset.representable`.

    Returns
    -------
    colimit, comparison
        The colimit over the (opposite) category of elements, with one leg for each row of X, and
        the isomorphism from its apex to X.

    Examples
    --------
    >>> from catlearn.cset import CSet, SchGraph
    >>> glued, comparison = density(CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]))
    >>> glued.diagram.names, comparison.is_monic
    (('V:0', 'V:1', 'E:0'), True)
    """
    X = plain(X)
    schema, at = X.schema, {table: yoneda(X, table, budget) for table in X.sets}
    places = [(table, row) for table, rows in X.sets.items() for row in rows]
    number = {place: k for k, place in enumerate(places)}
    arrows = []
    for name, (source, target) in schema.arrows.items():
        step = precompose(schema, schema.graph.path([name]), budget)
        for row, value in enumerate(X.arrows[name]):
            arrows.append((number[target, value], number[source, row], step))
    diagram = Diagram(
        [at[table].representable for table, _ in places],
        arrows,
        names=[f"{table}:{X.sets[table].label(row)}" for table, row in places],
        of=X,
    )
    glued = colimit(diagram)
    cocone = [at[table].morphism(row) for table, row in places]
    return glued, glued.universal(*cocone, codomain=X)
