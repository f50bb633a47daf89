"""Rows of two tables that are to be one: what else is then one, and what disagrees.

A *relation* pairs rows of one value with rows of another of the same shape, each row with one at
most. It is *closed* if with two rows it also pairs those to which their arrows lead, the entries
of their lists, and the rows whose keys it pairs. A *key* (a functional dependency) is a tuple of
arrows such that rows of a table that agree in these agree in all; a row belongs to the one to which
the first of them leads, so that what belongs to paired rows is paired. A closed relation that
nothing contradicts is a span, along which the two values can be glued.

>>> from catlearn.finset import Shape, Tables
>>> shape = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
>>> G, H = (Tables(shape, {"V": names, "E": 1}, {"src": [0], "tgt": [1]}) for names in ("ab", "xy"))
>>> found = Relation(G, H, {"E": {0: 0}}).closed()
>>> {table: dict(rows) for table, rows in found.names().items()}
{'V': {'a': 'x', 'b': 'y'}, 'E': {'0': '0'}}
>>> [str(failure) for failure in Relation(G, H, {"V": {1: 1}, "E": {0: 0}}).failures()]
["E '0': its src 'a' and 'x' are not one [src]"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from catlearn.errors import Failure, listed
from catlearn.finset.join import find
from catlearn.finset.labels import shared_codes
from catlearn.finset.sets import FinSet
from catlearn.finset.tables import Tables
from catlearn.tensors import same_values


class Difference(NamedTuple):
    """Paired rows that disagree.

    Parameters
    ----------
    law
        The arrow, list, attribute or side data in which they do; for a row without a partner, the
        first arrow of its key.
    table, row, image
        The table, and the two rows; -1 for one that is not there.
    here, there
        What each has; None for a row that is not there.
    """

    law: str
    table: str
    row: int
    image: int
    here: Any
    there: Any


class Relation:
    """A relation between the rows of two values of one shape.

    Parameters
    ----------
    one, other
        Tables of one shape.
    pairs
        Table -> row of the one -> row of the other, by number or name.
    """

    def __init__(
        self, one: Tables, other: Tables, pairs: Mapping[str, Mapping[Any, Any]] | None = None
    ) -> None:
        self.one, self.other = one, other
        self.images = {table: np.full(one.size(table), -1) for table in one.shape.tables}
        for table, rows in (pairs or {}).items():
            for row, image in rows.items():
                self.images[table][one.row(table, row)] = other.row(table, image)

    def pairs(self, table: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the paired rows of a table, and their partners."""
        rows = np.flatnonzero(self.images[table] >= 0)
        return rows, self.images[table][rows]

    def names(self) -> dict[str, dict[str, str]]:
        """Return the paired rows by name."""
        found = {}
        for table in self.images:
            rows, images = self.pairs(table)
            labels = self.one.sets[table].labels(rows), self.other.sets[table].labels(images)
            found[table] = dict(zip(*labels, strict=True))
        return found

    def implied(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield what the relation implies: tables, and rows that have to be one."""
        shape = self.one.shape
        for name, (source, target) in shape.arrows.items():
            rows, images = self.pairs(source)
            if rows.size:
                yield target, *self._ends(name, rows, images)
        for name, (source, target) in shape.lists.items():
            rows, images = self.pairs(source)
            if rows.size:
                _, mine, theirs, _ = self._lists(name, rows, images)
                yield target, mine, theirs
        for table, keys in shape.keys.items():
            for key in keys:
                yield table, *self._by_key(table, key)

    def _ends(
        self, name: str, rows: np.ndarray, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return where an arrow leads from rows, and from their partners."""
        return self.one.arrows[name].values[rows], self.other.arrows[name].values[images]

    def _lists(
        self, name: str, rows: np.ndarray, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Compare the lists of rows with those of their partners.

        Returns which pairs have lists of different lengths; the entries of the others, on both
        sides; and for each entry the place of its pair.
        """
        mine, theirs = self.one.lists[name], self.other.lists[name]
        bad = mine.lengths[rows] != theirs.lengths[images]
        equal = np.flatnonzero(~bad)
        ends = FinSet(equal.size)
        ours, those = mine.at(rows[equal], ends), theirs.at(images[equal], ends)
        return bad, ours.values, those.values, np.repeat(equal, ours.lengths)

    def _by_key(self, table: str, key: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        if not (self.one.size(table) and self.other.size(table)):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        ends = [self.one.shape.arrows[name][1] for name in key]
        mine = [
            self.images[end][self.one.arrows[name].values]
            for name, end in zip(key, ends, strict=True)
        ]
        theirs = [self.other.arrows[name].values for name in key]
        place = find(theirs, mine)
        rows = np.flatnonzero((np.stack(mine) >= 0).all(axis=0) & (place >= 0))
        return rows, place[rows]

    def keyed(self) -> Relation:
        """Return the relation with the rows that keys pair, and no others."""
        found = Relation(self.one, self.other)
        found.images = {table: images.copy() for table, images in self.images.items()}
        for table, keys in self.one.shape.keys.items():
            for key in keys:
                rows, images = self._by_key(table, key)
                found.images[table][rows] = images
        return found

    def closed(self) -> Relation:
        """Return the closed relation; a row that has a partner already keeps it."""
        found = Relation(self.one, self.other)
        found.images = {table: images.copy() for table, images in self.images.items()}
        growing = True
        while growing:
            growing = False
            for table, rows, images in list(found.implied()):
                new = found.images[table][rows] < 0
                # Of several partners the first stays; failures() tells of the others.
                found.images[table][rows[new][::-1]] = images[new][::-1]
                growing = growing or bool(new.any())
        return found

    def differences(self) -> Iterator[Difference]:
        """Yield where paired rows disagree: in their arrows, lists, labels and side data."""
        one, other, shape = self.one, self.other, self.one.shape
        for name, (source, target) in shape.steps().items():
            rows, images = self.pairs(source)
            if not rows.size:
                continue
            if name in shape.arrows:
                mine, theirs = self._ends(name, rows, images)
                bad = self.images[target][mine] != theirs
            else:
                bad, mine, theirs, place = self._lists(name, rows, images)
                bad[place[self.images[target][mine] != theirs]] = True
            for k in np.flatnonzero(bad).tolist():
                here, there = (
                    side.sets[target].labels(side.step(name).row(int(at[k])).tolist())
                    for side, at in ((one, rows), (other, images))
                )
                if name in shape.arrows:
                    here, there = here[0], there[0]
                yield Difference(name, source, int(rows[k]), int(images[k]), here, there)
        for name, table in shape.attributes.items():
            rows, images = self.pairs(table)
            if not rows.size:
                continue
            (mine, theirs), labels = shared_codes([one, other], name)
            mine, theirs = mine[rows], theirs[images]
            order = shape.order(name)
            fits = order.fit(mine, theirs, labels) | order.fit(theirs, mine, labels)
            for k in np.flatnonzero(~fits).tolist():
                both = labels[mine[k]], labels[theirs[k]]
                yield Difference(name, table, int(rows[k]), int(images[k]), *both)
        for name, table in shape.side_data.items():
            held = one.side_data[name], other.side_data[name]
            for row, image in zip(*(x.tolist() for x in self.pairs(table)), strict=True):
                if row in held[0] and image in held[1]:
                    both = held[0][row], held[1][image]
                    if not same_values(*both):
                        yield Difference(name, table, row, image, *both)
        for table, keys in shape.keys.items():
            for key in keys:
                yield from self._unpaired(table, key)

    def _unpaired(self, table: str, key: tuple[str, ...]) -> Iterator[Difference]:
        """Yield rows that have no partner of the same key, though they belong to paired rows."""
        if not (self.one.size(table) or self.other.size(table)):
            return
        law, owners = key[0], self.images[self.one.shape.arrows[key[0]][1]]
        mine, theirs = (side.arrows[law].values for side in (self.one, self.other))
        rows, images = self._by_key(table, key)
        fitting = self.images[table][rows] == images
        alone = owners[mine] >= 0
        alone[rows[fitting]] = False
        for row in np.flatnonzero(alone).tolist():
            image = int(self.images[table][row])
            yield Difference(law, table, row, image, self.one.sets[table].label(row), None)
        met = set(zip(mine[rows[fitting]].tolist(), images[fitting].tolist(), strict=True))
        belonging: dict[int, list[int]] = {}
        for image, owner in enumerate(theirs.tolist()):
            belonging.setdefault(owner, []).append(image)
        for owner in np.flatnonzero(np.isin(owners, theirs)).tolist():
            for image in belonging[int(owners[owner])]:
                if (owner, image) not in met:
                    label = self.other.sets[table].label(image)
                    yield Difference(law, table, -1, image, None, label)

    @listed
    def failures(self) -> Iterator[Failure]:
        """List where paired rows disagree."""
        for law, table, row, image, here, there in self.differences():
            sets = self.other.sets if row < 0 else self.one.sets
            where = f"{table} {sets[table].label(image if row < 0 else row)!r}"
            message = f"its {law} {here!r} and {there!r} are not one"
            if None in (here, there) and law not in self.one.attributes:
                message = f"belongs to a row that both have by its {law}, and only one has it"
            if law in self.one.shape.side_data:
                message = "they hold different values"
            yield Failure(law, where, message)
