"""Profunctors between categories, with finite sets as values, and their composition.

A *profunctor* H from C to D is a functor from C^op x D to sets: a set H(a, b) for each pair of
objects, on which arrows of D act forwards on the right and arrows of C backwards on the left,
and the two commute. It is a C-set on a schema of pairs. Profunctors compose by a coend,
(P >> Q)(a, c) = the coend over b of P(a, b) x Q(b, c). (Loregian, *(Co)end Calculus*, chapter 5.)

Laws: Hom is the unit of composition up to isomorphism, and composition is associative up to
isomorphism.

>>> from catlearn.cset import SchGraph
>>> H = hom_profunctor(SchGraph)
>>> H.at("E", "V"), H.right("E", "src")
(FinSet(['src', 'tgt']), FinFunction([0], ['id(E)'], codomain=['src', 'tgt']))
>>> (H >> H).at("E", "V")
FinSet(2)

**Ends and coends.** A bifunctor on C is a profunctor H from C to itself.

- Its **end** is the set of families of h_c in H(c, c) with H(c, f)(h_c) = H(f, c')(h_c') for every
  arrow f : c -> c': the universal *wedge*, an equalizer. The end of Set(F-, G-) is the set of
  natural transformations from F to G.
- Its **coend** is the disjoint union of the H(c, c), where for each h in H(c', c) its two images in
  H(c, c) and H(c', c') are one: the universal *cowedge*, a coequalizer. The tensor product of a
  functor to sets with one from the opposite category is a coend.

Arrows that generate C are enough. (Mac Lane, IX.5-6; Loregian, *(Co)end Calculus*, 2021.)

Laws: an end is the limit, a coend the colimit, of its diagram; Hom(c, -) tensor X is X(c).

>>> end(H).apex, coend(H).apex
(FinSet(['(id(V), id(E))']), FinSet(['id(V)', 'id(E)']))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from catlearn.category import Category, Functor, Graph, Morphisms, Path
from catlearn.cset.cset import CSet, Schema
from catlearn.cset.representables import precompose, representable
from catlearn.errors import Failure, TooLarge, expect, fault, refuse
from catlearn.finset import (
    Colimit,
    Diagram,
    FinFunction,
    FinSet,
    Frozen,
    Limit,
    TableMorphism,
    Tables,
    colimit,
    limit,
)
from catlearn.finset.tables import morphism

Pair = tuple[str, str]

FUNCTIONS = 1_000_000
"""The largest set of functions between two sets to list."""


def pairs_schema(source: Schema, target: Schema) -> Schema:
    """Return the schema of profunctors: pairs of tables, and arrows on either side.

    The table of (a, b) is ``(a, b)``; an arrow f of the source acts from (tgt f, b) to (src f, b)
    as ``(f, b)``, an arrow g of the target as ``(a, g)``; identities are written out.

    Examples
    --------
    >>> from catlearn.cset import Schema
    >>> arrow = Schema(["A", "B"], {"f": ("A", "B")})
    >>> pairs_schema(arrow, Schema(["X"])).arrows
    {'(f, id(X))': ('(B, X)', '(A, X)')}
    """
    arrows, equations = {}, []

    def hold(laws: Any, arrow: Callable[[str], str], table: Callable[[str], str]) -> None:
        """Note equations of one side, at an object of the other."""
        for _, *sides in laws:
            equations.append(
                tuple(
                    Path(table(side.source), tuple(map(arrow, side.edges)), table(side.target))
                    for side in sides
                )
            )

    for b in target.tables:
        for f, (a, c) in source.arrows.items():
            arrows[_left(f, b)] = _table(c, b), _table(a, b)
        hold(source.opposite.laws, lambda f, b=b: _left(f, b), lambda a, b=b: _table(a, b))
    for a in source.tables:
        for g, (b, d) in target.arrows.items():
            arrows[_right(a, g)] = _table(a, b), _table(a, d)
        hold(target.laws, lambda g, a=a: _right(a, g), lambda b, a=a: _table(a, b))
    for f, (a, c) in source.arrows.items():
        for g, (b, d) in target.arrows.items():
            ends = _table(c, b), _table(a, d)
            one = Path(ends[0], (_left(f, b), _right(a, g)), ends[1])
            other = Path(ends[0], (_right(c, g), _left(f, d)), ends[1])
            equations.append((one, other))
    tables = [_table(a, b) for a in source.tables for b in target.tables]
    return Schema(tables, arrows, equations=equations)


def _table(a: str, b: str) -> str:
    return f"({a}, {b})"


def _left(f: str, b: str) -> str:
    return f"({f}, {Path.identity(b)})"


def _right(a: str, g: str) -> str:
    return f"({Path.identity(a)}, {g})"


class Profunctor(Frozen, by="source target cset"):
    """A functor from C^op x D to finite sets.

    Parameters
    ----------
    source, target
        C and D: schemas, presentations or categories.
    sets
        A set, a size or names for each pair (a, b) of objects.
    left
        For each arrow f : a -> a' of C and object b, given as ``(f, b)``, the function from
        H(a', b) to H(a, b).
    right
        For each object a and arrow g : b -> b' of D, given as ``(a, g)``, the function from
        H(a, b) to H(a, b').
    check
        Whether to check the laws.

    Raises
    ------
    InvalidStructure
        Listing the equations of C and D that do not hold, and where the two sides do not commute.

    Examples
    --------
    >>> from catlearn.cset import Schema
    >>> arrow, point = Schema(["A", "B"], {"f": ("A", "B")}), Schema(["X"])
    >>> H = Profunctor(arrow, point, {("A", "X"): 2, ("B", "X"): 1}, {("f", "X"): [1]})
    >>> H.left("f", "X")
    FinFunction([1], codomain=2)
    """

    source: Schema
    target: Schema
    cset: CSet

    def __init__(
        self,
        source: Schema | Graph | Category,
        target: Schema | Graph | Category,
        sets: Mapping[Pair, Any] | None = None,
        left: Mapping[Pair, Any] | None = None,
        right: Mapping[Pair, Any] | None = None,
        check: bool = True,
    ) -> None:
        C, D = (Schema.of(one).without_attributes for one in (source, target))
        parts = {_table(a, b): rows for (a, b), rows in (sets or {}).items()}
        parts |= {_left(f, b): values for (f, b), values in (left or {}).items()}
        parts |= {_right(a, g): values for (a, g), values in (right or {}).items()}
        self._set(source=C, target=D, cset=CSet(pairs_schema(C, D), parts, check=check))

    @classmethod
    def of(cls, source: Any, target: Any, values: Tables | Functor) -> Profunctor:
        """Read a C-set on :func:`pairs_schema`, or a functor out of C^op x D.

        Parameters
        ----------
        source, target
            C and D.
        values
            The C-set; or a functor to finite sets, out of a category with the objects and arrows
            of that schema, such as ``product(opposite(C), D).apex``.

        Raises
        ------
        InvalidStructure
            If a value is missing or is not a function between the right sets, or a law fails.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory, Functor, Morphisms, opposite
        >>> from catlearn.finset import FinFunction, product
        >>> C = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
        >>> swap, same = FinFunction([1, 0], codomain=2), FinFunction.identity(2)
        >>> on_pairs = product(opposite(C), C).apex
        >>> H = Functor(on_pairs, Morphisms(), arrows={"(s, id(A))": swap, "(id(A), s)": same})
        >>> from catlearn.cset import coend
        >>> len(coend(Profunctor.of(C, C, H)).apex)
        1
        """
        C, D = (Schema.of(one).without_attributes for one in (source, target))
        schema, made = pairs_schema(C, D), object.__new__(cls)
        if isinstance(values, Functor):
            missing = (name for name in schema.tables if name not in values.objects)
            message = f"there are only {', '.join(values.objects)}"
            refuse("profunctor", (Failure("objects", name, message) for name in missing))
            on_pairs = Functor(
                schema,
                Morphisms(),
                {name: values(name) for name in schema.tables},
                {name: values(name) for name in schema.arrows},
            )
            values = CSet.from_functor(on_pairs)
        X = CSet.on_schema(CSet.without_attributes(values), schema, "profunctor")
        made._set(source=C, target=D, cset=X)
        return made

    def at(self, a: str, b: str) -> FinSet:
        """Return the set at a pair of objects."""
        return self.cset.sets[_table(a, b)]

    def left(self, f: str, b: str) -> FinFunction:
        """Return the action of an arrow f : a -> a' of C, from H(a', b) to H(a, b)."""
        return self.cset.arrows[_left(f, b)]

    def right(self, a: str, g: str) -> FinFunction:
        """Return the action of an arrow g : b -> b' of D, from H(a, b) to H(a, b')."""
        return self.cset.arrows[_right(a, g)]

    def __rshift__(self, other: Profunctor) -> Profunctor:
        """Compose: the coend over b of P(a, b) x Q(b, c).

        Raises
        ------
        InvalidStructure
            If the other does not start where this one ends.
        """
        if not isinstance(other, Profunctor):
            return NotImplemented
        if self.target != other.source:
            message = f"it ends at {self.target!r}, the next starts at {other.source!r}"
            raise fault("P >> Q", "composition", "P", message)
        A, B, C = self.source, self.target, other.target
        glued = {
            (a, c): colimit(
                wedge(
                    B,
                    lambda x, y, a=a, c=c: FinSet(self.at(a, y).size * other.at(x, c).size),
                    lambda g, y, a=a, c=c: _one(self.at(a, y)) @ other.left(g, c),
                    lambda x, g, a=a, c=c: self.right(a, g) @ _one(other.at(x, c)),
                    co=True,
                )
            )
            for a in A.tables
            for c in C.tables
        }

        def induced(start: Pair, end: Pair, at: Callable[[str], FinFunction]) -> FinFunction:
            """Return what the actions at(b) on each P(a, b) x Q(b, c) are on the coends."""
            legs = zip(B.tables, glued[end].legs, strict=True)
            cowedge = (at(b) >> leg for b, leg in legs)
            return glued[start].universal(*cowedge, codomain=glued[end].apex)

        left = {
            (f, c): induced(
                (d, c), (a, c), lambda b, f=f, c=c: self.left(f, b) @ _one(other.at(b, c))
            )
            for c in C.tables
            for f, (a, d) in A.arrows.items()
        }
        right = {
            (a, h): induced(
                (a, c), (a, d), lambda b, a=a, h=h: _one(self.at(a, b)) @ other.right(b, h)
            )
            for a in A.tables
            for h, (c, d) in C.arrows.items()
        }
        sets = {pair: one.apex for pair, one in glued.items()}
        return Profunctor(A, C, sets, left, right, check=False)

    def __repr__(self) -> str:
        return f"Profunctor.of({self.source!r}, {self.target!r}, {self.cset!r})"


def _one(of: FinSet) -> FinFunction:
    return FinFunction.identity(of)


def hom_profunctor(category: Schema | Graph | Category, budget: int | None = None) -> Profunctor:
    """Return the profunctor of arrows, H(a, b) = Hom(a, b), of a category with finite hom-sets.

    Parameters
    ----------
    category
        A schema, a presentation or a category.
    budget
        As for :func:`~catlearn.cset.representable`.
    """
    C = Schema.of(category).without_attributes
    out = {a: representable(C, a, budget) for a in C.tables}
    left = {}
    for f in C.arrows:
        step = precompose(C, C.graph.path([f]), budget)
        left |= {(f, b): step.components[b] for b in C.tables}
    right = {(a, g): out[a].arrows[g] for a in C.tables for g in C.arrows}
    sets = {(a, b): out[a].sets[b] for a in C.tables for b in C.tables}
    return Profunctor(C, C, sets, left, right, check=False)


def functions_between(X: Tables, Y: Tables) -> Profunctor:
    """Return the bifunctor of all functions, H(a, b) = Set(X(a), Y(b)), of C-sets on one schema.

    Functions are numbered in the lexicographic order of their lists of values.

    Raises
    ------
    TooLarge
        If some set of functions is larger than a million.
    """
    X, Y = CSet.without_attributes(X), CSet.without_attributes(Y)
    Y = CSet.on_schema(Y, X.schema, "bifunctor of functions")
    C, tables, sets = X.schema, {}, {}
    for a in C.tables:
        for b in C.tables:
            size = Y.size(b) ** X.size(a)
            if size > FUNCTIONS:
                message = f"{Y.size(b)} ** {X.size(a)} functions from {a} to {b}"
                raise TooLarge(f"{message} are too many to list; search for morphisms instead")
            sets[a, b] = size
            shape = (Y.size(b),) * X.size(a)
            listed = np.array(np.unravel_index(np.arange(size), shape)) if shape else ()
            tables[a, b] = np.reshape(listed, (X.size(a), size)).astype(np.int64)

    def number(values: np.ndarray, base: int) -> np.ndarray:
        found = np.zeros(values.shape[1], np.int64)
        for row in values:
            found = found * base + row
        return found

    left = {
        (f, b): number(tables[c, b][X.arrows[f].values], Y.size(b))
        for f, (_, c) in C.arrows.items()
        for b in C.tables
    }
    right = {
        (a, g): number(Y.arrows[g].values[tables[a, b]], Y.size(d))
        for g, (b, d) in C.arrows.items()
        for a in C.tables
    }
    return Profunctor(C, C, sets, left, right, check=False)


def _bifunctor(H: Profunctor, what: str) -> Schema:
    expect(H, Profunctor, "H", "a Profunctor, such as hom_profunctor(category)")
    if H.source != H.target:
        message = f"it goes from {H.source!r} to {H.target!r}, expected one category"
        raise fault(what, "ends", "bifunctor", message)
    return H.source


def end(H: Profunctor) -> Limit:
    """Return the end of a bifunctor.

    Returns
    -------
    Limit
        With a leg to H(c, c) for each object c, named by it; ``universal`` of a wedge is the
        function that it factors through.

    Examples
    --------
    >>> from catlearn.cset import CSet, SchGraph, functions_between, homomorphisms
    >>> path = CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
    >>> len(end(functions_between(path, path)).apex), len(list(homomorphisms(path, path)))
    (1, 1)
    """
    C = _bifunctor(H, "end")
    return limit(wedge(C, H.at, H.left, H.right))


def coend(H: Profunctor) -> Colimit:
    """Return the coend of a bifunctor.

    Returns
    -------
    Colimit
        With a leg from H(c, c) for each object c, named by it; ``universal`` of a cowedge is the
        function that it factors through.

    Examples
    --------
    >>> from catlearn.cset import Schema, hom_profunctor
    >>> cyclic = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = id(A)"])
    >>> len(coend(hom_profunctor(cyclic)).apex)  # the conjugacy classes
    3
    """
    C = _bifunctor(H, "coend")
    return colimit(wedge(C, H.at, H.left, H.right, co=True))


def wedge(C: Schema, at: Any, left: Any, right: Any, co: bool = False) -> Diagram:
    """Return the diagram of an end: the at(c, c), and at(c, c') for each arrow c -> c'.

    With ``co`` that of a coend: with at(c', c), and all arrows turned round.
    """
    place = {c: k for k, c in enumerate(C.tables)}
    objects, arrows = [at(c, c) for c in C.tables], []
    for f, (a, b) in C.arrows.items():
        number = len(objects)
        if co:
            arrows += [(number, place[a], left(f, a)), (number, place[b], right(b, f))]
        else:
            arrows += [(place[a], number, right(a, f)), (place[b], number, left(f, b))]
        objects.append(at(b, a) if co else at(a, b))
    return Diagram(objects, arrows, legs=range(len(place)), names=C.tables, of=FinSet)


def tensor(presheaf: Tables, X: Tables) -> Colimit:
    """Return the tensor product of a presheaf and a C-set: the coend of P(a) x X(b).

    Parameters
    ----------
    presheaf
        A C-set on the opposite of X's schema.
    X
        A C-set.

    Returns
    -------
    Colimit
        With a leg from P(c) x X(c) for each table c; pairs are numbered lexicographically.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema, SchGraph
    >>> point = CSet(SchGraph.opposite, V=1, E=1, src=[0], tgt=[0])
    >>> len(tensor(point, CSet(SchGraph, V=3, E=1, src=[0], tgt=[1])).apex)  # the components
    2
    """
    P, X = CSet.without_attributes(presheaf), CSet.without_attributes(X)
    C = X.schema
    P = CSet.on_schema(P, C.opposite, "tensor product with a presheaf")
    return colimit(
        wedge(
            C,
            lambda a, b: FinSet(P.size(a) * X.size(b)),
            lambda f, b: P.arrows[f] @ FinFunction.identity(X.sets[b]),
            lambda a, g: FinFunction.identity(P.sets[a]) @ X.arrows[g],
            co=True,
        )
    )


def transformations(X: Tables, Y: Tables) -> tuple[Limit, list[TableMorphism]]:
    """Return the end of Set(X-, Y-), and its elements as morphisms from X to Y.

    For large C-sets :func:`~catlearn.cset.homomorphisms` finds the same morphisms by search.

    Examples
    --------
    >>> from catlearn.cset import CSet, SchGraph
    >>> arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    >>> loop = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    >>> [len(transformations(*ends)[1]) for ends in ((arrow, loop), (loop, arrow))]
    [1, 0]
    """
    X, Y = CSet.without_attributes(X), CSet.without_attributes(Y)
    found = end(functions_between(X, Y))
    parts = {}
    for table, leg in zip(X.sets, found.legs, strict=True):
        shape = (Y.size(table),) * X.size(table)
        listed = np.array(np.unravel_index(leg.values, shape)) if shape else ()
        parts[table] = np.reshape(listed, (X.size(table), len(found.apex))).astype(np.int64)
    morphisms = [
        morphism(X, Y, {table: columns[:, k] for table, columns in parts.items()})
        for k in found.apex
    ]
    return found, morphisms
