"""Kinds of arrows and of objects: isomorphisms, monos, epis, idempotents, initial objects, ...

In a category, an arrow f is a *mono* if ``u >> f == v >> f`` implies ``u == v``, an *epi* if
``f >> u == f >> v`` does, a *section* (split mono) if ``f >> r`` is an identity for some r, a
*retraction* (split epi) if ``s >> f`` is one for some s, an *isomorphism* if it is both; an
*idempotent* e has ``e >> e == e``, and splits if it is a retraction followed by a section of it
(Mac Lane, I.5). An object is *initial* if exactly one arrow leads to each object from it,
*terminal* if one leads from each to it, *zero* if it is both.

Each kind is a boolean array over the rows, found at once for all arrows by sorting composites,
and a tuple of names.

>>> from catlearn.category import FiniteCategory
>>> C = FiniteCategory(  # a retraction r of a section s, and the idempotent e that they split
...     ["A", "B"],
...     {"r": ("A", "B"), "s": ("B", "A"), "e": ("A", "A")},
...     {("s", "r"): "id(B)", ("r", "s"): "e", ("e", "e"): "e", ("e", "r"): "r", ("s", "e"): "s"},
... )
>>> C.sections, C.retractions, C.isomorphisms
(('id(A)', 'id(B)', 's'), ('id(A)', 'id(B)', 'r'), ('id(A)', 'id(B)'))
>>> C.split_idempotents, C.splitting("e")
(('id(A)', 'id(B)', 'e'), ('r', 's'))
"""

from __future__ import annotations

import numpy as np

from catlearn.category.composition import ArrowLike, Composition
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset.value import read_only


class ArrowKinds(Composition):
    """What a finite category knows of the kinds of its arrows and objects."""

    def _names_where(self, mask: np.ndarray) -> tuple[str, ...]:
        return self.ar.labels(np.flatnonzero(mask).tolist())

    def _mask(self, key: str, rows: np.ndarray) -> np.ndarray:
        def mark() -> np.ndarray:
            mask = np.zeros(len(self.ar), bool)
            mask[rows] = True
            mask.setflags(write=False)
            return mask

        return self._cached(key, mark)

    @property
    def _split_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """All pairs (section, retraction): those whose composite is an identity."""

        def find() -> tuple[np.ndarray, np.ndarray]:
            first, second = self.pairs
            split = self.is_identity[self.composites]
            return first[split], second[split]

        return self._cached("split pairs", find)

    @property
    def is_section(self) -> np.ndarray:
        """For each arrow whether it is a section, a split mono."""
        return self._mask("sections", self._split_pairs[0])

    @property
    def is_retraction(self) -> np.ndarray:
        """For each arrow whether it is a retraction, a split epi."""
        return self._mask("retractions", self._split_pairs[1])

    @property
    def is_iso(self) -> np.ndarray:
        """For each arrow whether it is an isomorphism."""
        return self.is_section & self.is_retraction

    @property
    def is_mono(self) -> np.ndarray:
        """For each arrow whether it is a mono."""

        def find() -> np.ndarray:
            return self._cancels(self.pairs[1])

        return self._cached("monos", find)

    @property
    def is_epi(self) -> np.ndarray:
        """For each arrow whether it is an epi."""

        def find() -> np.ndarray:
            return self._cancels(self.pairs[0])

        return self._cached("epis", find)

    def _cancels(self, arrow: np.ndarray) -> np.ndarray:
        """Mark the arrows such that no two pairs with this arrow have one composite."""
        key = np.sort(arrow * len(self.ar) + self.composites)
        twice = key[1:][key[1:] == key[:-1]] // max(len(self.ar), 1)
        mask = np.ones(len(self.ar), bool)
        mask[twice] = False
        mask.setflags(write=False)
        return mask

    @property
    def is_idempotent(self) -> np.ndarray:
        """For each arrow whether it is an idempotent."""
        every = np.arange(len(self.ar))
        return self.then(every, every) == every

    @property
    def is_split_idempotent(self) -> np.ndarray:
        """For each arrow whether it is an idempotent that splits."""
        section, retraction = self._split_pairs
        return self._mask("split", self.then(retraction, section))

    @property
    def sections(self) -> tuple[str, ...]:
        """The names of the sections (split monos)."""
        return self._names_where(self.is_section)

    @property
    def retractions(self) -> tuple[str, ...]:
        """The names of the retractions (split epis)."""
        return self._names_where(self.is_retraction)

    @property
    def isomorphisms(self) -> tuple[str, ...]:
        """The names of the isomorphisms."""
        return self._names_where(self.is_iso)

    @property
    def monomorphisms(self) -> tuple[str, ...]:
        """The names of the monos."""
        return self._names_where(self.is_mono)

    @property
    def epimorphisms(self) -> tuple[str, ...]:
        """The names of the epis."""
        return self._names_where(self.is_epi)

    @property
    def idempotents(self) -> tuple[str, ...]:
        """The names of the idempotents."""
        return self._names_where(self.is_idempotent)

    @property
    def split_idempotents(self) -> tuple[str, ...]:
        """The names of the idempotents that split."""
        return self._names_where(self.is_split_idempotent)

    @property
    def inverses(self) -> np.ndarray:
        """For each arrow the row of its inverse, -1 where there is none."""

        def find() -> np.ndarray:
            section, retraction = self._split_pairs
            both = self.is_iso[section] & self.is_iso[retraction]
            found = np.full(len(self.ar), -1)
            found[section[both]] = retraction[both]
            return read_only(found)

        return self._cached("inverses", find)

    def inverse(self, arrow: ArrowLike) -> str:
        """Return the name of the inverse of an isomorphism.

        Raises
        ------
        InvalidStructure
            If it is not one, saying what it lacks.
        """
        row = self.arrow(arrow)
        found = int(self.inverses[row])
        if found >= 0:
            return self.ar.label(found)
        lacks = [
            f"no {side} gives {unit}"
            for mask, side, unit in (
                (self.is_section, f"{self.ar.label(row)} >> x", f"id({self.ends(row)[0]})"),
                (self.is_retraction, f"x >> {self.ar.label(row)}", f"id({self.ends(row)[1]})"),
            )
            if not mask[row]
        ]
        failure = Failure("isomorphism", self.ar.label(row), ", and ".join(lacks))
        raise InvalidStructure("inverse", [failure])

    def splitting(self, idempotent: ArrowLike) -> tuple[str, str]:
        """Return the first retraction r and section s with ``r >> s`` a given idempotent.

        Any two splittings of an idempotent differ by a unique isomorphism.

        Raises
        ------
        InvalidStructure
            If it is no idempotent, or does not split.
        """
        row = self.arrow(idempotent)
        section, retraction = self._split_pairs
        found = np.flatnonzero(self.then(retraction, section) == row)
        if found.size:
            return self.ar.label(int(retraction[found[0]])), self.ar.label(int(section[found[0]]))
        name = self.ar.label(row)
        message = "it is an idempotent that does not split; karoubi(C) has splittings of all"
        if not self.is_idempotent[row]:
            loop = self.src(row) == self.tgt(row)
            twice = self.ar.label(int(self.then(row, row))) if loop else ""
            message = f"{name} >> {name} is {twice}" if loop else "its ends differ"
        raise InvalidStructure("splitting", [Failure("idempotent", name, message)])

    def factorisations(self, arrow: ArrowLike) -> tuple[tuple[str, str], ...]:
        """Return all pairs (g, h) of arrows with ``g >> h`` the given one.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.chain(2).factorisations("0 <= 2")
        (('id(0)', '0 <= 2'), ('0 <= 1', '1 <= 2'), ('0 <= 2', 'id(2)'))
        """
        first, second = self.pairs
        found = np.flatnonzero(self.composites == self.arrow(arrow))
        names = self.ar.labels(first[found].tolist()), self.ar.labels(second[found].tolist())
        return tuple(zip(*names, strict=True))

    def subobjects(self, of: str | int) -> tuple[str, ...]:
        """Return one mono into an object for each of its subobjects, the first of each.

        Two monos are one subobject if each factors through the other.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.chain(2).subobjects("1")
        ('id(1)', '0 <= 1')
        """
        at = self.ob.index(of)
        monos = np.flatnonzero(self.is_mono & (self.tgt.values == at))
        chosen = monos.copy()  # m ~ n if and only if n == i >> m for an isomorphism i
        place = np.full(len(self.ar), -1)
        place[monos] = np.arange(len(monos))
        first, second = self.pairs
        related = self.is_iso[first] & (place[second] >= 0)
        np.minimum.at(chosen, place[self.composites[related]], second[related])
        return self.ar.labels(np.unique(chosen).tolist())

    @property
    def classes(self) -> np.ndarray:
        """For each object the row of the first object that it is isomorphic to."""
        isos = np.flatnonzero(self.is_iso)
        found = np.arange(len(self.ob))
        np.minimum.at(found, self.src.values[isos], self.tgt.values[isos])
        return found

    @property
    def isomorphism_classes(self) -> tuple[tuple[str, ...], ...]:
        """The objects, those that are isomorphic together."""
        groups: dict[int, list[str]] = {}
        for name, first in zip(self.objects, self.classes.tolist(), strict=True):
            groups.setdefault(first, []).append(name)
        return tuple(tuple(group) for group in groups.values())

    def _reaching_once(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Mark the objects with exactly one arrow between them and each object."""
        size = len(self.ob)
        pairs = np.unique(near * size + far)
        met = np.bincount(pairs // max(size, 1), minlength=size)
        return (met == size) & (np.bincount(near, minlength=size) == size)

    @property
    def is_initial(self) -> np.ndarray:
        """For each object whether it is initial."""
        return self._reaching_once(self.src.values, self.tgt.values)

    @property
    def is_terminal(self) -> np.ndarray:
        """For each object whether it is terminal."""
        return self._reaching_once(self.tgt.values, self.src.values)

    @property
    def initial_objects(self) -> tuple[str, ...]:
        """The names of the initial objects, all isomorphic by unique isomorphisms."""
        return self.ob.labels(np.flatnonzero(self.is_initial).tolist())

    @property
    def terminal_objects(self) -> tuple[str, ...]:
        """The names of the terminal objects, all isomorphic by unique isomorphisms."""
        return self.ob.labels(np.flatnonzero(self.is_terminal).tolist())

    @property
    def zero_objects(self) -> tuple[str, ...]:
        """The names of the objects that are both initial and terminal."""
        return self.ob.labels(np.flatnonzero(self.is_initial & self.is_terminal).tolist())

    @property
    def is_groupoid(self) -> bool:
        """Whether every arrow is an isomorphism."""
        return bool(self.is_iso.all())

    @property
    def is_thin(self) -> bool:
        """Whether it is a preorder: no two arrows are parallel."""
        ends = self.src.values * len(self.ob) + self.tgt.values
        return len(np.unique(ends)) == len(ends)

    @property
    def is_skeletal(self) -> bool:
        """Whether isomorphic objects are equal."""
        return bool((self.classes == np.arange(len(self.ob))).all())

    @property
    def is_balanced(self) -> bool:
        """Whether every arrow that is mono and epi is an isomorphism."""
        return bool((self.is_iso | ~(self.is_mono & self.is_epi)).all())
