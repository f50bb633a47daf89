"""C-sets by generators and relations.

A C-set may be *presented*: by generating rows in each table, by some values of arrows at rows,
and by pairs of rows that are to be one. The *chase* builds the least C-set with all this, round
by round (Todd and Coxeter 1936 for groups; Carmody and Walters, "Computing left Kan extensions",
1991; Bush, Leeming and Walters 2003):

- the equations of the schema are followed from every row: where one side ends somewhere and the
  last step of the other is missing, that step is set; where both sides end, their ends are one;
- rows that are one have one value under each arrow;
- then every arrow gets a new row at each row where it has no value, and a new round begins.

If the presented C-set is finite, the chase ends. If it is not, rows grow without end, and a
budget stops it. Rows are numbered in the order in which they were first met.

Laws: morphisms out of the result are the choices of rows for the generators that satisfy the
relations.

>>> from catlearn.cset import Schema
>>> swap = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s = id(A)"])
>>> free, rows = chase(swap, {"A": 2})
>>> free.s, rows["A"].tolist()
(FinFunction([2, 3, 0, 1], codomain=4), [0, 1])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from catlearn.category import Path
from catlearn.cset.cset import CSet
from catlearn.cset.schema import Schema
from catlearn.errors import TooLarge
from catlearn.finset import FinFunction, FinSet, Tables
from catlearn.finset.merge import quotient
from catlearn.names import distinct

Values = Iterable[tuple[str, np.ndarray, np.ndarray]]
"""An arrow or a table, and two arrays of rows."""

ROUND = 100
"""What a round costs besides its rows, so that a budget also bounds the number of rounds."""

BUDGET = 1_000_000
"""New rows that a chase may make by default, besides a hundred for each generator."""


def chase(
    schema: Schema,
    generators: Mapping[str, int],
    values: Values = (),
    same: Values = (),
    budget: int | None = None,
    what: str = "the C-set that is presented",
) -> tuple[CSet, dict[str, np.ndarray]]:
    """Build the C-set that generators and relations present.

    Parameters
    ----------
    schema
        A schema; its attributes are absent in the result, and it may not have lists.
    generators
        How many rows are given in each table.
    values
        Triples (arrow, rows, their values) of given rows.
    same
        Triples (table, rows, rows that these are equal to).
    budget
        The most new rows to make.
    what
        What the message of the error calls the result.

    Returns
    -------
    C-set, rows
        And for each table the row that each given row has become.

    Raises
    ------
    TooLarge
        If the budget is spent.
    """
    return _Chase(schema, generators, values, same).run(budget, what)


class _Chase:
    """A chase in progress: partial tables (-1 is no value), and what became of given rows."""

    def __init__(
        self, schema: Schema, generators: Mapping[str, int], values: Values, same: Values
    ) -> None:
        self.schema = schema
        self.sizes = {table: generators.get(table, 0) for table in schema.tables}
        self.given = {table: np.arange(size) for table, size in self.sizes.items()}
        self.arrows = {
            name: np.full(self.sizes[source], -1) for name, (source, _) in schema.arrows.items()
        }
        self.started = sum(self.sizes.values())
        pairs = {table: [] for table in schema.tables}
        for table, left, right in same:
            pairs[table].append((left, right))
        for name, rows, there in values:
            # Where several values are given for one row they are to be one.
            target, at = schema.arrows[name][1], self.arrows[name]
            before = np.where(at[rows] < 0, there, at[rows])
            at[rows] = there
            pairs[target] += [(before, there), (at[rows], there)]
        self._merge(pairs)

    def run(self, budget: int | None, what: str) -> tuple[CSet, dict[str, np.ndarray]]:
        left = BUDGET + 100 * self.started if budget is None else budget
        self._settle()
        while holes := self._holes():
            left -= ROUND + sum(rows.size for _, rows in holes)
            if left < 0:
                growing = ", ".join(dict.fromkeys(self.schema.arrows[name][1] for name, _ in holes))
                raise TooLarge(
                    f"{what} has not closed up at {sum(self.sizes.values())} rows and is likely "
                    f"infinite: {growing} kept growing along {', '.join(n for n, _ in holes)}; "
                    f"add equations to the schema, or ask with a larger budget="
                )
            for name, rows in holes:
                self._grow(name, rows)
            self._settle()
        sets = {table: FinSet(size) for table, size in self.sizes.items()}
        arrows = {
            name: FinFunction._of(self.arrows[name], sets[source], sets[target])
            for name, (source, target) in self.schema.arrows.items()
        }
        columns = {
            name: (None,) * sets[table].size for name, table in self.schema.attributes.items()
        }
        return CSet._build(self.schema, sets, arrows, {}, columns), self.given

    def _holes(self) -> list[tuple[str, np.ndarray]]:
        found = ((name, np.flatnonzero(values < 0)) for name, values in self.arrows.items())
        return [(name, rows) for name, rows in found if rows.size]

    def _grow(self, name: str, rows: np.ndarray) -> None:
        """Give an arrow new rows as its values at some rows."""
        table = self.schema.arrows[name][1]
        start, self.sizes[table] = self.sizes[table], self.sizes[table] + rows.size
        for other, (source, _) in self.schema.arrows.items():
            if source == table:
                self.arrows[other] = np.append(self.arrows[other], np.full(rows.size, -1))
        self.arrows[name][rows] = np.arange(start, start + rows.size)

    def _follow(self, path: Path) -> np.ndarray:
        rows = np.arange(self.sizes[path.source])
        for name in path.edges:
            # Appending -1 sends "no value", which is the last index, to itself.
            rows = np.append(self.arrows[name], -1)[rows]
        return rows

    def _settle(self) -> None:
        """Follow the equations until they say nothing new."""
        changed = True
        while changed:
            changed = False
            pairs = {table: [] for table in self.schema.tables}
            for _, one, other in self.schema.laws:
                for left, right in ((one, other), (other, one)):
                    changed = self._deduce(left, right) or changed
                over, under = self._follow(one), self._follow(other)
                bad = np.flatnonzero((over >= 0) & (under >= 0) & (over != under))
                if bad.size:
                    pairs[one.target].append((over[bad], under[bad]))
            if any(pairs.values()):
                self._merge(pairs)
                changed = True

    def _deduce(self, left: Path, right: Path) -> bool:
        """Set last steps of the right side that are missing where the left side has a value."""
        if not right.edges:
            return False
        name = right.edges[-1]
        before = Path(right.source, right.edges[:-1], self.schema.arrows[name][0])
        ends, rows = self._follow(left), self._follow(before)
        missing = np.flatnonzero((ends >= 0) & (rows >= 0))
        missing = missing[self.arrows[name][rows[missing]] < 0]
        self.arrows[name][rows[missing]] = ends[missing]
        return missing.size > 0

    def _merge(self, pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
        """Make pairs of rows one, and so the values of arrows at rows that are one."""
        while any(pairs.values()):
            new = {table: [] for table in pairs}
            classes = {}
            for table, size in self.sizes.items():
                left, right = (
                    np.concatenate([np.zeros(0, np.int64), *side])
                    for side in (list(zip(*pairs[table], strict=True)) or [(), ()])
                )
                classes[table], first = quotient(size, left, right)
                self.sizes[table] = first.size
            for name, (source, target) in self.schema.arrows.items():
                rows = np.flatnonzero(self.arrows[name] >= 0)
                owners = classes[source][rows]
                images = classes[target][self.arrows[name][rows]]
                merged = np.full(self.sizes[source], -1)
                merged[owners] = images
                bad = np.flatnonzero(merged[owners] != images)
                if bad.size:
                    new[target].append((merged[owners[bad]], images[bad]))
                self.arrows[name] = merged
            self.given = {table: classes[table][rows] for table, rows in self.given.items()}
            pairs = new


def extend(generated: Tables, target: Tables, values: Mapping[str, np.ndarray]) -> dict:
    """Extend values at generating rows to all rows, along arrows.

    Parameters
    ----------
    generated
        Tables all of whose rows are reached from some rows by arrows.
    target
        Tables of the same shape.
    values
        Table -> a row of the target for each of these rows, and -1 for others.

    Returns
    -------
    dict
        Table -> :class:`FinFunction` on all rows, the components of a morphism if there is one
        with these values.
    """
    found = {table: np.array(column) for table, column in values.items()}
    growing = True
    while growing:
        growing = False
        for name, (source, end) in generated.shape.arrows.items():
            rows = np.flatnonzero(found[source] >= 0)
            reached = generated.arrows[name].values[rows]
            new = found[end][reached] < 0
            if new.any():
                growing = True
                found[end][reached[new]] = target.arrows[name].values[found[source][rows[new]]]
    return {
        table: FinFunction._of(column, generated.sets[table], target.sets[table])
        for table, column in found.items()
    }


def blank(generated: Tables) -> dict[str, np.ndarray]:
    """Return values for :func:`extend` that are all missing."""
    return {table: np.full(one.size, -1) for table, one in generated.sets.items()}


def named(generated: CSet, origins: Iterable[tuple[str, str, np.ndarray, FinSet]]) -> CSet:
    """Name the rows of a C-set after the rows that generate it.

    Parameters
    ----------
    generated
        A C-set without names.
    origins
        Quadruples (where from, table, rows, their names). The first name of a row counts. Equal
        names of two rows get where they are from as a prefix.

    Returns
    -------
    CSet
        A row that an arrow f leads to from a row x is named ``x.f``. There are no names if some
        origin has none.
    """
    origins = list(origins)
    if any(names.size and not names.names for *_, names in origins):
        return generated
    called = {table: [""] * one.size for table, one in generated.sets.items()}
    home = {table: [""] * one.size for table, one in generated.sets.items()}
    for place, table, rows, names in origins:
        for row, name in zip(rows.tolist(), names.labels(), strict=True):
            if not called[table][row]:
                called[table][row], home[table][row] = name, place
    for table, names in called.items():
        often = Counter(names)
        for row, name in enumerate(names):
            if name and often[name] > 1:
                names[row] = f"{home[table][row]}/{name}"
    growing = True
    while growing:
        growing = False
        for name, (source, target) in generated.shape.arrows.items():
            for row, value in enumerate(generated.arrows[name].values.tolist()):
                if called[source][row] and not called[target][value]:
                    called[target][value] = f"{called[source][row]}.{name}"
                    growing = True
    sets = {table: FinSet(distinct(names, "-")) for table, names in called.items()}
    arrows = {
        name: FinFunction._of(generated.arrows[name].values, sets[source], sets[target])
        for name, (source, target) in generated.shape.arrows.items()
    }
    return CSet._build(generated.shape, sets, arrows, {}, generated.attributes)
