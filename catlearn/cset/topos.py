"""What C-sets have as a topos: subobjects, truth values and exponentials.

A *subobject* of X is a part of its rows that is closed under arrows and lists: a monomorphism
into X, up to isomorphism. Subobjects are ordered by inclusion. Meets and joins are intersections
and unions; a complement need not be closed, so that the algebra is not Boolean:

- ``a.implies(b)`` is the largest part that meets a within b (a Heyting algebra), and ``~a``, the
  pseudocomplement, the largest part that is disjoint from a; ``a | ~a`` may be less than all;
- ``a - b`` is the smallest part that together with b covers a (a co-Heyting algebra), and
  ``top - a`` the smallest that together with a covers all; its meet with a is a's *boundary*.

(Mac Lane, Moerdijk, *Sheaves in Geometry and Logic*, I.8; Reyes, Reyes, Zolfaghari, *Generic
Figures and their Glueings*, 2004.) Along a morphism f, subobjects are pulled back, and pushed
forward on both sides: ``f.exists(a) <= b`` iff ``a <= f.pullback(b)``, and ``f.pullback(b) <= a``
iff ``b <= f.forall(a)``.

Laws: ``a & b <= c`` iff ``a <= b.implies(c)``; ``a - b <= c`` iff ``a <= b | c``; every morphism
is an epimorphism onto its image, followed by the inclusion of that.

>>> from catlearn.category import Graph
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> a = Subobject(G, V=["A", "B"], E=["f"])
>>> print(~a, "|", Subobject.top(G) - a, "|", a & (Subobject.top(G) - a))
{V: C} | {V: B, C; E: g} | {V: B}
>>> a | ~a == Subobject.top(G)
False

**The subobject classifier** is the C-set of truth values.
Its rows at a table c are the *sieves* on c: the subobjects of the representable y(c), that is the
sets of arrows out of c that are closed under composing further arrows. An arrow c -> d sends a
sieve to the arrows that land in it when composed. The full sieves are a morphism true : 1 -> Omega,
and every subobject A of X is the pullback of true along exactly one morphism X -> Omega, which
sends a row to the arrows that bring it into A (Mac Lane, Moerdijk, *Sheaves in Geometry and
Logic*, I.3-I.4). So there are five ways in which an edge may lie in a subgraph: not at all, with
its source, its target or both ends only, or altogether.

>>> from catlearn.cset import SchGraph
>>> omega = subobject_classifier(SchGraph)
>>> omega.cset.V, omega.cset.E
(FinSet(['{}', '{id(V)}']), FinSet(['{}', '{src}', '{tgt}', '{src, tgt}', '{src, tgt, id(E)}']))
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> chi = omega.characteristic(Subobject(G, V=["A", "B"], E=["f"]))
>>> print(chi.components["E"])
[{src, tgt, id(E)}, {src}] : {f, g} -> {{}, {src}, {tgt}, {src, tgt}, {src, tgt, id(E)}}
>>> print(omega.subobject(chi))
{V: A, B; E: f}

**Exponentials.** The exponential Y^X has as rows at a table c the morphisms y(c) x X -> Y, where
y(c) is the representable of c (:mod:`catlearn.cset.representables`); an arrow c -> d puts itself
before. With the *evaluation* Y^X x X -> Y it has the universal property

    every f : A x X -> Y is (curry(f) x X) >> evaluation for exactly one curry(f) : A -> Y^X,

so that C-sets are cartesian closed (Mac Lane, Moerdijk, *Sheaves in Geometry and Logic*, I.6).
For graphs: the vertices of Y^X are the functions on vertices, its loops the morphisms.

>>> from catlearn.cset import CSet
>>> edge = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
>>> power = exponential(edge, edge)
>>> power.cset.V, power.cset.E
(FinSet(4), FinSet(4))
>>> power.curry(power.evaluation, power.cset) == type(power.evaluation).identity(power.cset)
True
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.category import FiniteCategory
from catlearn.cset.cset import CSet
from catlearn.cset.representables import Blocks, Figures
from catlearn.cset.search import homomorphisms
from catlearn.display import Displayed
from catlearn.errors import (
    Failures,
    NotComposable,
    TooLarge,
    expect,
    expect_dicts,
    expect_each,
    fault,
    refuse,
)
from catlearn.finset import (
    FinSet,
    Frozen,
    Limit,
    Shape,
    TableMorphism,
    Tables,
    product,
    terminal,
)
from catlearn.finset.join import find
from catlearn.finset.tables import morphism
from catlearn.finset.value import SHOWN, marked, once

Masks = Mapping[str, np.ndarray]
"""Table -> which of its rows are there."""


def _tables(whole: Any, parts: Any = None) -> None:
    expect(whole, Tables, "the argument", "a graph, C-set or other tables")
    expect_dicts("a dict by table, of lists of rows", parts=parts)


class Subobject(Frozen, Displayed):
    """A part of some tables that is closed under arrows and lists.

    Parameters
    ----------
    whole
        The tables, of any kind.
    parts
        What ``**rows`` says, for names that are not Python identifiers.
    **rows
        Table -> the rows that are there, by number or name; absent tables get none.

    Raises
    ------
    InvalidStructure
        Listing the rows that arrows or lists of these rows need, but that are not there;
        :meth:`generated` adds them.
    """

    whole: Any
    masks: Masks

    def __init__(
        self,
        whole: Tables,
        parts: Mapping[str, Iterable[int | str]] | None = None,
        /,
        **rows: Iterable[int | str],
    ) -> None:
        _tables(whole, parts)
        inclusion = whole.subtables({**(parts or {}), **rows})[1]
        made = Subobject.image(inclusion)
        self._set(whole=whole, masks=made.masks)

    @classmethod
    def _of(cls, whole: Tables, masks: Masks) -> Subobject:
        """Make one of masks that are closed."""
        made = object.__new__(cls)
        made._set(whole=whole, masks={table: masks[table] for table in whole.shape.tables})
        for mask in made.masks.values():
            mask.setflags(write=False)
        return made

    @classmethod
    def _closure(cls, whole: Tables, masks: Masks) -> Subobject:
        rows = whole.closure({table: np.flatnonzero(mask) for table, mask in masks.items()})
        return cls._marked(whole, rows)

    @classmethod
    def _interior(cls, whole: Tables, masks: Masks) -> Subobject:
        """Return the largest part within some rows."""
        rows = whole.interior({table: np.flatnonzero(mask) for table, mask in masks.items()})
        return cls._marked(whole, rows)

    @classmethod
    def _marked(cls, whole: Tables, rows: Mapping[str, np.ndarray]) -> Subobject:
        none = np.zeros(0, np.int64)
        masks = {t: marked(rows.get(t, none), one.size) for t, one in whole.sets.items()}
        return cls._of(whole, masks)

    @classmethod
    def top(cls, whole: Tables) -> Subobject:
        """Return all rows."""
        return cls._of(whole, {table: np.ones(one.size, bool) for table, one in whole.sets.items()})

    @classmethod
    def bottom(cls, whole: Tables) -> Subobject:
        """Return no rows."""
        return cls._marked(whole, {})

    @classmethod
    def generated(
        cls,
        whole: Tables,
        parts: Mapping[str, Iterable[int | str]] | None = None,
        /,
        **rows: Iterable[int | str],
    ) -> Subobject:
        """Return the smallest part that has some rows.

        Examples
        --------
        >>> from catlearn.category import Graph
        >>> print(Subobject.generated(Graph({"f": ("A", "B"), "g": ("B", "C")}), E=["g"]))
        {V: B, C; E: g}
        """
        _tables(whole, parts)
        return cls._marked(whole, whole.closure({**(parts or {}), **rows}))

    @classmethod
    def image(cls, f: TableMorphism) -> Subobject:
        """Return the rows of the codomain that a morphism hits."""
        return cls._marked(f.codomain, {t: one.values for t, one in f.components.items()})

    @once
    def inclusion(self) -> TableMorphism:
        """The monomorphism into the whole; its domain is the part as tables of its own."""
        return self.whole.subtables(self.rows)[1]

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Table -> the rows that are there, increasing."""
        return {table: np.flatnonzero(mask) for table, mask in self.masks.items()}

    def size(self, table: str) -> int:
        """Return how many rows of a table are there."""
        return int(self.masks[table].sum())

    def __contains__(self, row: tuple[str, int | str]) -> bool:
        """Whether a row is there, given as (table, number or name)."""
        table, at = row
        return bool(self.masks[table][self.whole.row(table, at)])

    def _with(self, other: Subobject) -> list[tuple[str, np.ndarray, np.ndarray]]:
        expect(other, Subobject, "the other", "a Subobject of the same whole")
        why = self.whole is not other.whole and self.whole.mismatch(other.whole)
        if why:
            raise fault(
                "subobject",
                "ends",
                "subobjects",
                f"they are parts of different wholes: {why}",
                NotComposable,
            )
        return [(table, mask, other.masks[table]) for table, mask in self.masks.items()]

    def __and__(self, other: Subobject) -> Subobject:
        """Return the meet: the rows that both have."""
        return self._of(self.whole, {table: a & b for table, a, b in self._with(other)})

    def __or__(self, other: Subobject) -> Subobject:
        """Return the join: the rows that either has."""
        return self._of(self.whole, {table: a | b for table, a, b in self._with(other)})

    def implies(self, other: Subobject) -> Subobject:
        """Return the largest part whose meet with this one is within the other."""
        return self._interior(self.whole, {table: ~a | b for table, a, b in self._with(other)})

    def __invert__(self) -> Subobject:
        """Return the pseudocomplement: the largest part that is disjoint from this one."""
        return self._interior(self.whole, {table: ~mask for table, mask in self.masks.items()})

    def __sub__(self, other: Subobject) -> Subobject:
        """Return the smallest part that together with the other covers this one."""
        return self._closure(self.whole, {table: a & ~b for table, a, b in self._with(other)})

    @property
    def boundary(self) -> Subobject:
        """The meet with the smallest part that covers the rest."""
        return self & (Subobject.top(self.whole) - self)

    def __le__(self, other: Subobject) -> bool:
        """Whether every row of this one is in the other."""
        return all(not (a & ~b).any() for _, a, b in self._with(other))

    def __ge__(self, other: Subobject) -> bool:
        return other <= self

    def __lt__(self, other: Subobject) -> bool:
        return self <= other and not other <= self

    def __gt__(self, other: Subobject) -> bool:
        return other < self

    def pullback(self, f: TableMorphism) -> Subobject:
        """Return the rows that a morphism into the whole sends into this part."""
        self._ends(f, f.codomain, "codomain")
        masks = {table: self.masks[table][one.values] for table, one in f.components.items()}
        return self._of(f.domain, masks)

    def exists(self, f: TableMorphism) -> Subobject:
        """Return the image of this part under a morphism out of the whole."""
        self._ends(f, f.domain, "domain")
        images = {table: one.values[self.masks[table]] for table, one in f.components.items()}
        return self._marked(f.codomain, images)

    def forall(self, f: TableMorphism) -> Subobject:
        """Return the largest part of the codomain whose pullback is within this one."""
        self._ends(f, f.domain, "domain")
        masks = {table: np.ones(one.size, bool) for table, one in f.codomain.sets.items()}
        for table, one in f.components.items():
            masks[table][one.values[~self.masks[table]]] = False
        return self._interior(f.codomain, masks)

    def _ends(self, f: TableMorphism, end: Tables, side: str) -> None:
        why = end.mismatch(self.whole)
        if why:
            raise fault(
                "subobject",
                "ends",
                f"{side} of the morphism",
                f"it is not the whole: {why}",
                NotComposable,
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subobject):
            return NotImplemented
        return self.whole == other.whole and all(
            np.array_equal(mask, other.masks[table]) for table, mask in self.masks.items()
        )

    def __hash__(self) -> int:
        return hash((self.whole, *(mask.tobytes() for mask in self.masks.values())))

    def __repr__(self) -> str:
        rows = {table: found.tolist() for table, found in self.rows.items() if found.size}
        return f"Subobject({self.whole!r}, {rows})"

    def __str__(self) -> str:
        return self._listed(2 * SHOWN)

    def _listed(self, most: int | None = None) -> str:
        """List the rows of each table, or as many as are asked for and how many there are."""
        texts = []
        for table, found in self.rows.items():
            labels = self.whole.sets[table].labels(found[:most].tolist())
            if found.size:
                more = f", ... {found.size} in all" if found.size > len(labels) else ""
                texts.append(f"{table}: {', '.join(labels)}{more}")
        return f"{{{'; '.join(texts)}}}"


def image(f: TableMorphism) -> tuple[Any, Any]:
    """Factor a morphism as an epimorphism followed by a monomorphism.

    Returns
    -------
    epi, mono
        Onto the image, which is a part of the codomain, and its inclusion. Every other such
        factorisation is isomorphic to this one, in one way.

    Examples
    --------
    >>> from catlearn.category import Graph, GraphMorphism
    >>> G, H = Graph(vertices=["A", "B"]), Graph({"f": ("X", "Y")})
    >>> epi, mono = image(GraphMorphism(G, H, V=["Y", "Y"], E=[]))
    >>> list(epi.components["V"]), epi.codomain, list(mono.components["V"])
    ([0, 0], Graph({}, vertices=('Y',)), [1])
    """
    expect(f, TableMorphism, "f", "a morphism of tables")
    mono = Subobject.image(f).inclusion
    parts = {
        table: np.searchsorted(mono.components[table].values, one.values)
        for table, one in f.components.items()
    }
    return morphism(f.domain, mono.domain, parts), mono


def subobjects(whole: Tables, budget: int = 100_000) -> Iterator[Subobject]:
    """Generate all parts of some tables, each after the parts that it contains.

    Parameters
    ----------
    whole
        The tables.
    budget
        How many there may be.

    Raises
    ------
    TooLarge
        If there are more.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> [str(a) for a in subobjects(Graph({"f": ("A", "B")}))]
    ['{}', '{V: A}', '{V: B}', '{V: A, B}', '{V: A, B; E: f}']
    """
    expect(whole, Tables, "the argument", "a graph, C-set or other tables")
    tables = whole.shape.tables
    ends = np.cumsum([whole.size(table) for table in tables], dtype=np.int64)
    for marks in closed_sets(whole, budget):
        # Behind the last table there is nothing left.
        pieces = map(np.array, np.split(marks, ends)[:-1])
        yield Subobject._of(whole, dict(zip(tables, pieces, strict=True)))


def subobject_lattice(whole: Tables, budget: int = 200) -> FiniteCategory:
    """Return the parts of some tables as a poset, ordered by inclusion; it draws itself.

    Meets and joins are products and coproducts in it.

    Parameters
    ----------
    whole
        The tables.
    budget
        How many parts there may be.

    Raises
    ------
    TooLarge
        If there are more.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> lattice = subobject_lattice(Graph({"f": ("A", "B")}))
    >>> lattice.objects
    ('{}', '{V: A}', '{V: B}', '{V: A, B}', '{V: A, B; E: f}')
    >>> len(lattice.generators.edges)
    5
    """
    names = [part._listed() for part in subobjects(whole, budget)]
    marks = closed_sets(whole, budget)
    below = ~np.any(marks[:, None] & ~marks[None, :], axis=2)
    pairs = [(names[a], names[b]) for a, b in np.argwhere(below).tolist()]
    return FiniteCategory.poset(pairs, names)


def closed_sets(whole: Tables, budget: int) -> np.ndarray:
    """Return the closed sets of rows, as rows of a matrix with a column for each row of a table.

    Rows that reach each other come and go together. Taking such classes in an order in which a
    class comes after those that it reaches, a closed set of the first so many is one of the
    earlier ones, or one that has all that the next class reaches, with that class.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    tables = whole.shape.tables
    ends = np.cumsum([0, *(whole.size(table) for table in tables)]).tolist()
    start, size = dict(zip(tables, ends, strict=False)), ends[-1]
    pairs = [np.zeros((2, 0), np.int64)]
    for name, (source, target) in whole.shape.steps().items():
        step = whole.step(name)
        owners = step.owners
        pairs.append(np.stack([owners + start[source], step.values + start[target]]))
    reached = np.concatenate(pairs, axis=1)
    matrix = coo_array((np.ones(reached.shape[1]), tuple(reached)), shape=(size, size))
    count, classes = connected_components(matrix, connection="strong") if size else (0, ())
    if count >= budget:
        raise _too_many(whole, budget, count + 1)
    closures = []
    for row in np.unique(classes, return_index=True)[1].tolist():
        table = next(t for t in reversed(tables) if start[t] <= row)
        found = whole.closure({table: [row - start[table]]})
        closures.append(np.concatenate([rows + start[t] for t, rows in found.items()]))
    closures.sort(key=len)
    found, seen = np.zeros((1, size), bool), np.zeros(size, bool)
    for reach in closures:
        new, below = reach[~seen[reach]], reach[seen[reach]]
        seen[new] = True
        more = found[found[:, below].all(axis=1)]
        more[:, new] = True
        if len(found) + len(more) > budget:
            raise _too_many(whole, budget, len(found) + len(more))
        found = np.concatenate([found, more])
    return found[np.lexsort((*~found.T[::-1], found.sum(axis=1)))] if size else found


def _too_many(whole: Tables, budget: int, least: int) -> TooLarge:
    rows = ", ".join(f"{one.size} rows of {table}" for table, one in whole.sets.items())
    return TooLarge(
        f"{rows} have at least {least} subobjects, more than {budget}; ask with a larger budget="
    )


class SubobjectClassifier(Frozen, by="cset"):
    """The subobject classifier of the C-sets on a schema; see :func:`subobject_classifier`."""

    cset: CSet
    true: TableMorphism
    _figures: Figures
    _sieves: dict[str, np.ndarray]

    def __init__(self, schema: Shape, budget: int) -> None:
        figures = Figures(schema, "subobject classifiers")
        sieves = {t: closed_sets(figure, budget) for t, figure in figures.of.items()}
        self._set(_figures=figures, _sieves=sieves)
        sets = {}
        for table, figure in figures.of.items():
            names = [name for one in figure.sets.values() for name in one.labels()]
            rows = ([names[k] for k in np.flatnonzero(row)] for row in sieves[table])
            sets[table] = FinSet([f"{{{', '.join(chosen)}}}" for chosen in rows])
        arrows = {}
        for name, (source, target) in figures.schema.arrows.items():
            starts, before = self._starts(source), figures.before(name)
            places = [before[table] + starts[table] for table in figures.schema.tables]
            moved = sieves[source][:, np.concatenate(places)]
            arrows[name] = find_rows(sieves[target], moved)
        cset = CSet._of_columns(figures.schema, sets, arrows)
        one = terminal(cset)
        # The full sieve comes last.
        full = {table: np.array([rows.size - 1]) for table, rows in sets.items()}
        self._set(cset=cset, true=morphism(one, cset, full))

    def _starts(self, table: str) -> dict[str, int]:
        """Return at which column the arrows to each table begin, in the sieves on one."""
        sizes = [one.size for one in self._figures.of[table].sets.values()]
        return dict(zip(self._sieves, np.cumsum([0, *sizes]).tolist(), strict=False))

    def characteristic(self, part: Subobject | TableMorphism) -> Any:
        """Return the morphism to Omega along which ``true`` pulls back to a subobject.

        Its domain is the whole as a C-set.

        Parameters
        ----------
        part
            A subobject, or a monomorphism.

        Raises
        ------
        InvalidStructure
            If it is on another schema, or not a monomorphism.
        """
        if not isinstance(part, Subobject):
            if not part.is_monic:
                raise fault(
                    "subobject", "monic", "inclusion", "two rows go to one; take image(f) of it"
                )
            part = Subobject.image(part)
        whole = CSet.of(part.whole)
        if whole.shape != self.cset.shape:
            message = f"it is on {whole.shape!r}, expected {self.cset.shape!r}"
            raise fault("subobject", "schema", "whole", message)
        parts = {}
        for table in self._figures.of:
            blocks = self._figures.actions(table, whole)
            marks = np.concatenate([part.masks[d][places] for d, places in blocks.items()])
            parts[table] = find_rows(self._sieves[table], marks.T)
        return morphism(whole, self.cset, parts)

    def subobject(self, chi: TableMorphism) -> Subobject:
        """Return the pullback of ``true`` along a morphism to Omega.

        Raises
        ------
        NotComposable
            If it does not end at Omega.
        """
        why = chi.codomain.mismatch(self.cset)
        if why:
            raise fault("subobject", "ends", "codomain", f"not Omega: {why}", NotComposable)
        return Subobject.image(self.true).pullback(chi)

    def __repr__(self) -> str:
        return f"subobject_classifier({self.cset.schema!r})"


def subobject_classifier(schema: Shape, budget: int = 100_000) -> SubobjectClassifier:
    """Build the subobject classifier of the C-sets on a schema.

    Parameters
    ----------
    schema
        A schema of plain arrows, whose category has finitely many arrows.
    budget
        How many sieves there may be on one table.

    Returns
    -------
    SubobjectClassifier
        With ``cset`` (Omega), ``true``, ``characteristic`` and ``subobject``.

    Raises
    ------
    InvalidStructure
        If the schema has lists or attributes.
    TooLarge
        If its category is infinite, or there are more sieves than the budget.
    """
    return SubobjectClassifier(schema, budget)


class Exponential(Frozen, by="base exponent"):
    """The exponential Y^X with its universal property; see :func:`exponential`."""

    base: CSet
    exponent: CSet
    cset: CSet
    evaluation: TableMorphism
    product: Limit
    _figures: Figures
    _keys: dict[str, np.ndarray]

    def __init__(self, base: Tables, exponent: Tables, budget: int) -> None:
        expect_each(Tables, "a C-set", Y=base, X=exponent)
        base, exponent = CSet.of(base), CSet.of(exponent)
        if base.shape != exponent.shape:
            raise fault(
                "exponential", "shape", "base and exponent", f"{base.shape!r}, {exponent.shape!r}"
            )
        figures = Figures(base.shape, "exponentials")
        self._set(base=base, exponent=exponent, _figures=figures)
        keys = {table: self._rows(table, budget) for table in base.shape.tables}
        self._set(_keys=keys)
        sets = {table: FinSet(len(rows)) for table, rows in keys.items()}
        arrows = {}
        for name, (source, target) in base.shape.arrows.items():
            before, blocks = figures.before(name), self._blocks(source, keys[source])
            images = [blocks[table][:, before[table]] for table in base.shape.tables]
            arrows[name] = find_rows(keys[target], self._flat(images, len(keys[source])))
        cset = CSet._of_columns(figures.schema, sets, arrows)
        pairs = product(cset, exponent)
        parts = {}
        for table, function in pairs.legs[0].components.items():
            # The first row of a representable is the identity.
            values = self._blocks(table, keys[table])[table][:, 0]
            parts[table] = values[function.values, pairs.legs[1].components[table].values]
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
        self._ends(f, self._prism(A).apex, self.base, "A x X -> Y")
        parts = {}
        for table in self._figures.of:
            blocks = []
            for target, places in self._figures.actions(table, A).items():
                width = self.exponent.size(target)
                values = f.components[target].values.reshape(A.size(target), width)
                blocks.append(values[places.T])
            parts[table] = find_rows(self._keys[table], self._flat(blocks, A.size(table)))
        return morphism(A, self.cset, parts)

    def uncurry(self, g: TableMorphism) -> Any:
        """Return ``(g x X) >> evaluation``, a morphism out of ``product(A, X).apex``.

        Raises
        ------
        NotComposable
            If g does not end at the exponential.
        """
        self._ends(g, g.domain, self.cset, "A -> Y^X")
        pairs = self._prism(g.domain)
        return self.product.universal(pairs.legs[0] >> g, pairs.legs[1]) >> self.evaluation

    def _prism(self, A: Tables) -> Limit:
        """Return A x X, of the A that was asked for last without computing it again."""
        last = self._cached("prism", list)
        if not last or last[0].diagram.objects[0] is not A:
            last[:] = [product(A, self.exponent)]
        return last[0]

    def _ends(self, f: TableMorphism, domain: Tables, codomain: Tables, expected: str) -> None:
        failures = Failures()
        for side, found, end in (("domain", f.domain, domain), ("codomain", f.codomain, codomain)):
            why = found.mismatch(end)
            if why:
                failures.add("ends", side, f"{expected} is expected: {why}")
        refuse("exponential", failures, NotComposable)

    def __repr__(self) -> str:
        return f"Exponential({self.base!r}, {self.exponent!r})"


def find_rows(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each row of a matrix stands among the distinct rows of another."""
    one, other = ([np.zeros(len(some), np.int64), *some.T] for some in (keys, wanted))
    return find(one, other)


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
