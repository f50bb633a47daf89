"""The subobject classifier: the C-set of truth values.

Its rows at a table c are the *sieves* on c: the subobjects of the representable y(c), that is the
sets of arrows out of c that are closed under composing further arrows. An arrow c -> d sends a
sieve to the arrows that land in it when composed. The full sieves are a morphism true : 1 -> Omega,
and every subobject A of X is the pullback of true along exactly one morphism X -> Omega, which
sends a row to the arrows that bring it into A (Mac Lane, Moerdijk, *Sheaves in Geometry and
Logic*, I.3-I.4). So there are five ways in which an edge may lie in a subgraph: not at all, with
its source, its target or both ends only, or altogether.

>>> from catlearn.category import Graph
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
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catlearn.cset.cset import CSet
from catlearn.cset.exponentials import find_rows
from catlearn.cset.figures import Figures
from catlearn.cset.subobject import Subobject, closed_sets
from catlearn.errors import Failure, InvalidStructure, NotComposable
from catlearn.finset import FinFunction, FinSet, Frozen, Shape, TableMorphism, terminal
from catlearn.finset.gluing import morphism


class SubobjectClassifier(Frozen):
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
            arrows[name] = FinFunction._of(
                find_rows(sieves[target], moved), sets[source], sets[target]
            )
        cset = CSet._build(figures.schema, sets, arrows, {}, {})
        one = terminal(cset)
        # The full sieve comes last.
        full = {
            table: FinFunction._of(np.array([rows.size - 1]), one.sets[table], rows)
            for table, rows in sets.items()
        }
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
                failure = Failure("monic", "inclusion", "two rows go to one; take image(f) of it")
                raise InvalidStructure("subobject", [failure])
            part = Subobject.image(part)
        whole = CSet.of(part.whole)
        if whole.shape != self.cset.shape:
            message = f"it is on {whole.shape!r}, expected {self.cset.shape!r}"
            raise InvalidStructure("subobject", [Failure("schema", "whole", message)])
        parts = {}
        for table in self._figures.of:
            blocks = self._figures.actions(table, whole)
            marks = np.concatenate([part.masks[d][places] for d, places in blocks.items()])
            rows = find_rows(self._sieves[table], marks.T)
            parts[table] = FinFunction._of(rows, whole.sets[table], self.cset.sets[table])
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
            raise NotComposable("subobject", [Failure("ends", "codomain", f"not Omega: {why}")])
        return Subobject.image(self.true).pullback(chi)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SubobjectClassifier):
            return NotImplemented
        return self.cset == other.cset

    def __hash__(self) -> int:
        return hash(self.cset)

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
