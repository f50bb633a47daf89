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
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catlearn.category import Category, Functor, Graph, Morphisms, Path
from catlearn.cset.copresheaf import from_functor, on_schema, plain, plain_schema, schema_of
from catlearn.cset.cset import CSet
from catlearn.cset.ends import cowedge
from catlearn.cset.representables import representable
from catlearn.cset.schema import Schema
from catlearn.cset.yoneda_lemma import precompose
from catlearn.errors import Failure, InvalidStructure, TooLarge
from catlearn.finset import Colimit, FinFunction, FinSet, Frozen, Tables, colimit

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
    for b in target.tables:
        for f, (a, c) in source.arrows.items():
            arrows[_left(f, b)] = _table(c, b), _table(a, b)
        for _, one, other in source.opposite.laws:
            sides = [
                Path(
                    _table(side.source, b),
                    tuple(_left(f, b) for f in side.edges),
                    _table(side.target, b),
                )
                for side in (one, other)
            ]
            equations.append((sides[0], sides[1]))
    for a in source.tables:
        for g, (b, d) in target.arrows.items():
            arrows[_right(a, g)] = _table(a, b), _table(a, d)
        for _, one, other in target.laws:
            sides = [
                Path(
                    _table(a, side.source),
                    tuple(_right(a, g) for g in side.edges),
                    _table(a, side.target),
                )
                for side in (one, other)
            ]
            equations.append((sides[0], sides[1]))
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


class Profunctor(Frozen):
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
        C, D = (plain_schema(schema_of(one)) for one in (source, target))
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
        C, D = (plain_schema(schema_of(one)) for one in (source, target))
        schema, made = pairs_schema(C, D), object.__new__(cls)
        if isinstance(values, Functor):
            missing = [name for name in schema.tables if name not in values.objects]
            if missing:
                message = f"there are only {', '.join(values.objects)}"
                failures = [Failure("objects", name, message) for name in missing]
                raise InvalidStructure("profunctor", failures)
            on_pairs = Functor(
                schema,
                Morphisms(),
                {name: values(name) for name in schema.tables},
                {name: values(name) for name in schema.arrows},
            )
            values = from_functor(on_pairs)
        made._set(source=C, target=D, cset=on_schema(plain(values), schema, "profunctor"))
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
            raise InvalidStructure("P >> Q", [Failure("composition", "P", message)])
        A, B, C = self.source, self.target, other.target
        glued = {
            (a, c): colimit(
                cowedge(
                    B,
                    lambda x, y, a=a, c=c: FinSet(self.at(a, y).size * other.at(x, c).size),
                    lambda g, y, a=a, c=c: _one(self.at(a, y)) @ other.left(g, c),
                    lambda x, g, a=a, c=c: self.right(a, g) @ _one(other.at(x, c)),
                )
            )
            for a in A.tables
            for c in C.tables
        }
        left, right = {}, {}
        for c in C.tables:
            for f, (a, d) in A.arrows.items():
                there = zip(B.tables, glued[a, c].legs, strict=True)
                legs = [(self.left(f, b) @ _one(other.at(b, c))) >> leg for b, leg in there]
                left[f, c] = _induced(glued[d, c], legs, glued[a, c])
        for a in A.tables:
            for h, (c, d) in C.arrows.items():
                there = zip(B.tables, glued[a, d].legs, strict=True)
                legs = [(_one(self.at(a, b)) @ other.right(b, h)) >> leg for b, leg in there]
                right[a, h] = _induced(glued[a, c], legs, glued[a, d])
        sets = {pair: one.apex for pair, one in glued.items()}
        return Profunctor(A, C, sets, left, right, check=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profunctor):
            return NotImplemented
        mine = (self.source, self.target, self.cset)
        return mine == (other.source, other.target, other.cset)

    def __hash__(self) -> int:
        return hash((self.source, self.target, self.cset))

    def __repr__(self) -> str:
        return f"Profunctor.of({self.source!r}, {self.target!r}, {self.cset!r})"


def _one(of: FinSet) -> FinFunction:
    return FinFunction.identity(of)


def _induced(glued: Colimit, legs: list[FinFunction], onto: Colimit) -> FinFunction:
    return glued.universal(*legs, codomain=onto.apex)


def hom_profunctor(category: Schema | Graph | Category, budget: int | None = None) -> Profunctor:
    """Return the profunctor of arrows, H(a, b) = Hom(a, b), of a category with finite hom-sets.

    Parameters
    ----------
    category
        A schema, a presentation or a category.
    budget
        As for :func:`~catlearn.cset.representable`.
    """
    C = plain_schema(schema_of(category))
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
    X, Y = plain(X), plain(Y)
    Y = on_schema(Y, X.schema, "bifunctor of functions")
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
