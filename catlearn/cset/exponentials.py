"""Exponentials of C-sets: the C-set of morphisms from one to another.

The exponential Y^X has as rows at a table c the morphisms y(c) x X -> Y, where y(c) is the
representable of c (:mod:`catlearn.cset.representables`); an arrow c -> d puts itself before.
With the *evaluation* Y^X x X -> Y it has the universal property

    every f : A x X -> Y is (curry(f) x X) >> evaluation for exactly one curry(f) : A -> Y^X,

so that C-sets are cartesian closed (Mac Lane, Moerdijk, *Sheaves in Geometry and Logic*, I.6).
For graphs: the vertices of Y^X are the functions on vertices, its loops the morphisms.

>>> from catlearn.cset import CSet, SchGraph
>>> edge = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
>>> power = exponential(edge, edge)
>>> power.cset.V, power.cset.E
(FinSet(4), FinSet(4))
>>> power.curry(power.evaluation, power.cset) == type(power.evaluation).identity(power.cset)
True
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catlearn.cset.cset import CSet
from catlearn.cset.figures import Blocks, Figures
from catlearn.cset.search import homomorphisms
from catlearn.errors import Failure, InvalidStructure, NotComposable, TooLarge
from catlearn.finset import FinFunction, FinSet, Frozen, Limit, TableMorphism, Tables, product
from catlearn.finset.gluing import morphism


class Exponential(Frozen):
    """The exponential Y^X with its universal property; see :func:`exponential`."""

    base: CSet
    exponent: CSet
    cset: CSet
    evaluation: TableMorphism
    product: Limit
    _figures: Figures
    _keys: dict[str, np.ndarray]

    def __init__(self, base: Tables, exponent: Tables, budget: int) -> None:
        base, exponent = CSet.of(base), CSet.of(exponent)
        if base.shape != exponent.shape:
            failure = Failure("shape", "base and exponent", f"{base.shape!r}, {exponent.shape!r}")
            raise InvalidStructure("exponential", [failure])
        figures = Figures(base.shape, "exponentials")
        self._set(base=base, exponent=exponent, _figures=figures)
        keys = {table: self._rows(table, budget) for table in base.shape.tables}
        self._set(_keys=keys)
        sets = {table: FinSet(len(rows)) for table, rows in keys.items()}
        arrows = {}
        for name, (source, target) in base.shape.arrows.items():
            before, blocks = figures.before(name), self._blocks(source, keys[source])
            images = [blocks[table][:, before[table]] for table in base.shape.tables]
            rows = find_rows(keys[target], self._flat(images, len(keys[source])))
            arrows[name] = FinFunction._of(rows, sets[source], sets[target])
        cset = CSet._build(figures.schema, sets, arrows, {}, {})
        pairs = product(cset, exponent)
        parts = {}
        for table, function in pairs.legs[0].components.items():
            # The first row of a representable is the identity.
            values = self._blocks(table, keys[table])[table][:, 0]
            values = values[function.values, pairs.legs[1].components[table].values]
            parts[table] = FinFunction._of(values, function.domain, base.sets[table])
        self._set(cset=cset, product=pairs, evaluation=morphism(pairs.apex, base, parts))

    def _rows(self, table: str, budget: int) -> np.ndarray:
        """Return the morphisms y(table) x X -> Y, each as a row of all its values."""
        prism = product(self._figures.of[table], self.exponent).apex
        found = []
        for m in homomorphisms(prism, self.base, limit=budget + 1):
            found.append(np.concatenate([one.values for one in m.components.values()]))
        if len(found) > budget:
            raise TooLarge(
                f"the exponential has more than {budget} rows of {table}; ask with a larger budget="
            )
        width = sum(prism.size(t) for t in prism.shape.tables)
        return np.array(found, np.int64).reshape(len(found), width)

    def _blocks(self, table: str, rows: np.ndarray) -> Blocks:
        """Cut rows of values by table d: [morphism, arrow table -> d, row of X at d]."""
        found, start = {}, 0
        for target, arrows in self._figures.of[table].sets.items():
            shape = len(rows), arrows.size, self.exponent.size(target)
            stop = start + shape[1] * shape[2]
            found[target] = rows[:, start:stop].reshape(shape)
            start = stop
        return found

    @staticmethod
    def _flat(blocks: list[np.ndarray], count: int) -> np.ndarray:
        flat = [block.reshape(count, block.shape[1] * block.shape[2]) for block in blocks]
        return np.concatenate(flat, axis=1)

    def curry(self, f: TableMorphism, A: CSet) -> Any:
        """Return the only ``g : A -> Y^X`` with ``(g x X) >> evaluation == f``.

        Parameters
        ----------
        f
            A morphism to the base, out of ``product(A, X).apex``.
        A
            The other factor of its domain.

        Raises
        ------
        NotComposable
            If f has other ends.
        """
        pairs = product(A, self.exponent)
        self._ends(f, pairs.apex, self.base, "A x X -> Y")
        parts = {}
        for table in self._figures.of:
            blocks = []
            for target, places in self._figures.actions(table, A).items():
                width = self.exponent.size(target)
                values = f.components[target].values.reshape(A.size(target), width)
                blocks.append(values[places.T])
            rows = find_rows(self._keys[table], self._flat(blocks, A.size(table)))
            parts[table] = FinFunction._of(rows, A.sets[table], self.cset.sets[table])
        return morphism(A, self.cset, parts)

    def uncurry(self, g: TableMorphism) -> Any:
        """Return ``(g x X) >> evaluation``, a morphism out of ``product(A, X).apex``.

        Raises
        ------
        NotComposable
            If g does not end at the exponential.
        """
        self._ends(g, g.domain, self.cset, "A -> Y^X")
        pairs = product(g.domain, self.exponent)
        return self.product.universal(pairs.legs[0] >> g, pairs.legs[1]) >> self.evaluation

    def _ends(self, f: TableMorphism, domain: Tables, codomain: Tables, expected: str) -> None:
        failures = []
        for side, found, end in (("domain", f.domain, domain), ("codomain", f.codomain, codomain)):
            why = found.mismatch(end)
            if why:
                failures.append(Failure("ends", side, f"{expected} is expected: {why}"))
        if failures:
            raise NotComposable("exponential", failures)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exponential):
            return NotImplemented
        return (self.base, self.exponent) == (other.base, other.exponent)

    def __hash__(self) -> int:
        return hash((self.base, self.exponent))

    def __repr__(self) -> str:
        return f"Exponential({self.base!r}, {self.exponent!r})"


def find_rows(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each row of a matrix stands among the distinct rows of another."""
    if not keys.shape[1]:
        return np.zeros(len(wanted), np.int64)
    codes = np.unique(np.concatenate([keys, wanted]), axis=0, return_inverse=True)[1].ravel()
    place = np.full(codes.max(initial=-1) + 1, -1)
    place[codes[: len(keys)]] = np.arange(len(keys))
    return place[codes[len(keys) :]]


def exponential(Y: Tables, X: Tables, budget: int = 100_000) -> Exponential:
    """Build the exponential Y^X.

    Parameters
    ----------
    Y, X
        C-sets on one schema of plain arrows, whose category has finitely many arrows; other
        tables are taken as C-sets.
    budget
        How many rows one of its tables may have.

    Returns
    -------
    Exponential
        With ``cset``, the ``evaluation`` out of the apex of ``product`` (of the C-set and X),
        ``curry`` and ``uncurry``.

    Raises
    ------
    InvalidStructure
        If the schemas differ, or have lists or attributes.
    TooLarge
        If the category of the schema is infinite, or a table has more rows than the budget.

    Examples
    --------
    >>> from catlearn.cset import Schema
    >>> points = Schema(["P"])
    >>> exponential(CSet(points, P=3), CSet(points, P=2)).cset.P
    FinSet(9)
    """
    return Exponential(Y, X, budget)
