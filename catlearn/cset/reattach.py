"""A rule written out at a match: what still leads to a deleted row is made anew, reattached.

A rule may say that a row x of L that it deletes is *replaced* by a list s(x) of rows of R. Rows
of the context that lead to x would dangle. Instead they are taken into the rule: let A be the
smallest set of rows of G, outside the match, that lead to a replaced row or to a row of A. Then

    L' = L + A + C,    K' = K + C,    R' = R + A with s applied + C

where C is the rest of what A leads to. Each row of A is deleted and made anew, with the same
labels, and with the entries of its lists (and the values of its arrows, where s(x) has length one)
replaced. Where several rows replace one, an arrow may *spread*: a row that leads there by it is
made anew once for each of them. L' <- K' -> R' is an ordinary rule, the *amalgamation* of the rule
with one rule for each row of A (Böhm, Fonio, Habel, "Amalgamation of graph transformations", 1987),
and what happens is an ordinary double pushout. Relabelling is the case in which a row is replaced
by one of another label.

>>> from catlearn.category import Presentation
>>> from catlearn.cset.rewriting import Rule
>>> one, two = Presentation({"e": ("A", "B")}), Presentation({"f": ("A", "Z"), "g": ("Z", "B")})
>>> rule = Rule.between(one, two, replace={"E": {"e": "f >> g"}})
>>> square = Presentation({"p": ("X", "Y"), "q": ("X", "Y")}, {"same": "p = q"})
>>> rewrite = rule.rewrite(square, initial={"E": {"e": "p"}})
>>> print(*rewrite.apex.sides("same"), sep=" = ")
f >> g = q
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.category import Path, Presentation
from catlearn.cset.complement import dangling, deleted_tables, unglued
from catlearn.errors import Failure
from catlearn.finset import FinFunction, FinSet, ListFunction, TableMorphism, Tables
from catlearn.finset.tables import components_of, joined, morphism
from catlearn.names import distinct

Replacements = Mapping[str, Mapping[int, tuple[int, ...]]]
"""Table -> row of L that is deleted -> the rows of R that replace it."""

Spread = Mapping[str, frozenset[int]]
"""Arrow -> the rows of R to which rows that lead to a replaced one by it are sent."""

Sources = Mapping[str, Mapping[int, int]]
"""Table -> row of R -> the row of L that it is, made anew."""


def gluing_faults(
    left: TableMorphism, match: TableMorphism, replace: Replacements, spread: Spread
) -> list[Failure]:
    """List the rows of the whole at which the gluing conditions fail, replacements considered."""
    shape = match.codomain.shape
    heirs = _heirs(match, replace)

    def excused(step: str, table: str, rows: np.ndarray) -> np.ndarray:
        many = step in shape.lists or step in spread
        allowed = [row for row, heir in heirs[table].items() if many or len(heir) == 1]
        return np.isin(rows, np.array(allowed, np.int64))

    return [*unglued(left, match), *dangling(left, match, excused)]


def _heirs(match: TableMorphism, replace: Replacements) -> dict[str, dict[int, tuple[int, ...]]]:
    """Return the rows of R that replace rows of the whole."""
    return {
        table: {part(x): rows for x, rows in replace.get(table, {}).items()}
        for table, part in match.components.items()
    }


class Reattached:
    """A rule written out at a match that meets the gluing conditions.

    Parameters
    ----------
    left, right
        The rule, with its labels filled in.
    match
        From its left side to the whole.
    replace
        What replaces deleted rows.
    spread
        Arrows by which a row is sent to each of several rows that replace one.
    again
        Which rows of R are rows of L made anew: they keep their names, and hold what they held.

    Attributes
    ----------
    left, right, match
        L' <- K' -> R' and the match of L'. All rows have the names that they have in the whole
        and will have in the result.
    """

    def __init__(
        self,
        left: TableMorphism,
        right: TableMorphism,
        match: TableMorphism,
        replace: Replacements,
        spread: Spread,
        again: Sources,
    ) -> None:
        whole = match.codomain
        L, K, R = left.codomain, left.domain, right.codomain
        self.whole, self.shape = whole, whole.shape
        self.heirs = _heirs(match, replace)
        self.gone = deleted_tables(left, match)
        image = {table: _marked(part) for table, part in match.components.items()}
        self.remade = self._lead_to_replaced()
        self.made, self.sent = self._spread_out(spread)
        reached = whole.closure(self.remade)
        self.context = {
            table: np.setdiff1d(
                np.flatnonzero(~image[table] & _marks(rows, whole.size(table))), self.remade[table]
            )
            for table, rows in reached.items()
        }
        kept = {t: left.components[t] >> part for t, part in match.components.items()}
        # Where several rows are sent to one, any stands for it: the pushouts identify them.
        in_left, in_kept, in_right = (
            {t: np.full(whole.size(t), -1) for t in self.shape.tables} for _ in range(3)
        )
        parts: dict[str, dict[str, np.ndarray]] = {"l": {}, "r": {}, "m": {}, "k": {}}
        for table in self.shape.tables:
            near, anew = self.context[table], self.remade[table]
            both = np.concatenate([near, anew])
            sizes = {"L": L.size(table), "K": K.size(table), "R": R.size(table)}
            m, k = match.components[table].values, kept[table].values
            r, l = right.components[table].values, left.components[table].values  # noqa: E741
            in_left[table][m[::-1]] = np.arange(m.size)[::-1]
            in_left[table][both] = sizes["L"] + np.arange(both.size)
            in_kept[table][k[::-1]] = np.arange(k.size)[::-1]
            in_kept[table][near] = sizes["K"] + np.arange(near.size)
            in_right[table][k[::-1]] = r[::-1]
            afresh = np.concatenate([near, self.made[table]])
            in_right[table][afresh] = sizes["R"] + np.arange(afresh.size)
            parts["m"][table] = np.concatenate([m, both])
            parts["k"][table] = np.concatenate([k, near])
            parts["l"][table] = np.concatenate([l, sizes["L"] + np.arange(near.size)])
            parts["r"][table] = np.concatenate([r, sizes["R"] + np.arange(near.size)])
        self.in_right = in_right
        both = {t: np.concatenate([self.context[t], self.remade[t]]) for t in self.context}
        bigger = self._enlarged(L, both, in_left, self._named(parts["m"]), whole._held(parts["m"]))
        self.match = morphism(bigger, whole, components_of(parts["m"], bigger, whole))
        held = whole._held(parts["k"])
        between = self._enlarged(K, self.context, in_kept, self._named(parts["k"]), held)
        afresh = {t: np.concatenate([self.context[t], self.made[t]]) for t in self.context}
        bare = self._enlarged(R, afresh, in_right, {}, {})
        bare = self._with_names(bare, self._right_names(R, kept, right, match, again))
        sources = {table: np.full(bare.size(table), -1, np.int64) for table in self.shape.tables}
        for table, stays in kept.items():
            sources[table][right.components[table].values] = stays.values
            for row, x in again.get(table, {}).items():
                sources[table][row] = match.components[table](x)
            sources[table][R.size(table) :] = afresh[table]
        bare = bare.with_side_data(self._held_anew(bare, R, sources))
        self.left = morphism(between, bigger, components_of(parts["l"], between, bigger))
        self.right = morphism(between, bare, components_of(parts["r"], between, bare))

    def _held_anew(self, bare: Tables, R: Tables, sources: Mapping[str, np.ndarray]) -> dict:
        """Return the side data of R': its own, else what a row of the whole holds, if it may."""
        found = {name: dict(held) for name, held in R.side_data.items()}
        for name, held in self.whole._held(sources).items():
            for row, value in held.items():
                at = int(sources[self.shape.side_data[name]][row])
                if row not in found[name] and bare._may_hold(name, row, self.whole, at):
                    found[name][row] = value
        return found

    def _lead_to_replaced(self) -> dict[str, np.ndarray]:
        """Return the rows that stay but lead to a deleted row, at once or by each other."""
        marks = {t: np.zeros(self.whole.size(t), bool) for t in self.shape.tables}
        growing = any(self.heirs.values())
        while growing:
            growing = False
            for name, (source, target) in self.shape.steps().items():
                step = self.whole.step(name)
                owners = np.repeat(np.arange(len(step)), step.lengths)
                bad = (self.gone[target] | marks[target])[step.values] & ~self.gone[source][owners]
                growing = growing or not marks[source][owners[bad]].all()
                marks[source][owners[bad]] = True
        return {table: np.flatnonzero(mark) for table, mark in marks.items()}

    def _spread_out(
        self, spread: Spread
    ) -> tuple[dict[str, np.ndarray], dict[str, list[tuple[int, ...]]]]:
        """Return the rows that are made anew, as often as they are, and where arrows send each."""
        made, sent = dict(self.remade), {}
        for arrow, rows in spread.items():
            source, target = self.shape.arrows[arrow]
            heirs = {
                z: [row for row in all_of if row in rows] or all_of
                for z, all_of in self.heirs[target].items()
            }
            old = self.whole.arrows[arrow].values
            pairs = [
                (number, (row,) if row >= 0 else ())
                for number, x in enumerate(made[source].tolist())
                for row in heirs.get(old[x], (-1,))
            ]
            of = [number for number, _ in pairs]
            made[source] = made[source][np.array(of, np.int64)]
            # Rows that have been sent by another arrow before are so again.
            before = [other for other in sent if self.shape.arrows[other][0] == source]
            sent |= {other: [sent[other][number] for number in of] for other in before}
            sent[arrow] = [row for _, row in pairs]
        return made, sent

    def _enlarged(
        self,
        base: Tables,
        extra: Mapping[str, np.ndarray],
        place: Mapping[str, np.ndarray],
        names: Mapping[str, Sequence[str] | None],
        side_data: Mapping[str, Mapping[int, Any]],
    ) -> Any:
        """Add rows of the whole to one of the three objects of the rule."""
        sizes = {t: base.size(t) + extra[t].size for t in self.shape.tables}
        sets = {t: FinSet(names.get(t) or sizes[t]) for t in self.shape.tables}
        steps = {}
        for name, (source, target) in self.shape.steps().items():
            old, mine = self.whole.step(name), base.step(name)
            rows = old.at(extra[source], FinSet(extra[source].size))
            values, lengths = place[target][rows.values], rows.lengths
            if np.any(values < 0):
                values, lengths = self._replaced(rows, target, name)
            ends = np.cumsum(joined([np.zeros(1, np.int64), mine.lengths, lengths]))
            values = joined([mine.values, values])
            steps[name] = ListFunction._of(ends, values, sets[source], sets[target])
        columns = {
            name: (
                *base.attributes[name],
                *(self.whole.attributes[name][row] for row in extra[table].tolist()),
            )
            for name, table in self.shape.attributes.items()
        }
        return type(base)._of_steps(self.shape, sets, steps, columns, side_data)

    def _replaced(self, rows: ListFunction, table: str, step: str) -> tuple[np.ndarray, np.ndarray]:
        """Apply the replacements to the entries of rows that are made anew, behind the context."""
        heirs, place = self.heirs[table], self.in_right[table]
        made = [[i for z in row for i in heirs.get(z, (int(place[z]),))] for row in rows]
        sent = self.sent.get(step, [])
        first = len(made) - len(sent)
        made[first:] = [list(to) or row for to, row in zip(sent, made[first:], strict=True)]
        values = np.array([entry for row in made for entry in row], np.int64)
        return values, np.array([len(row) for row in made], np.int64)

    # Names.

    def _named(self, rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Call rows as the whole calls them."""
        found = {}
        for table, images in rows.items():
            if self.whole.sets[table].names:
                found[table] = distinct(self.whole.sets[table].labels(images.tolist()), "new/")
        return found

    def _right_names(
        self,
        R: Tables,
        kept: Mapping[str, FinFunction],
        right: TableMorphism,
        match: TableMorphism,
        again: Sources,
    ) -> dict[str, list[Any]]:
        """Say what each row of R' is called: (rank, name), lower ranks first choose."""
        wanted = {}
        for table, rows in self.whole.sets.items():
            if not (rows.names if rows.size else R.sets[table].names):
                continue
            names: list[Any] = [(2, name) for name in R.names(table)]
            for row, x in again.get(table, {}).items():
                names[row] = (1, rows.label(match.components[table](x)))
            for k in reversed(range(kept[table].domain.size)):
                names[right.components[table](k)] = (0, rows.label(kept[table](k)))
            names += [(0, rows.label(row)) for row in self.context[table].tolist()]
            names += [(1, rows.label(row)) for row in self.made[table].tolist()]
            wanted[table] = names
        return wanted

    def _with_names(self, bare: Any, wanted: Mapping[str, list[Any]]) -> Any:
        """Name the rows of R', apart from each other and from the rows of the whole that stay."""
        sets = dict(bare.sets)
        for table, names in wanted.items():
            if table == "Eq" and isinstance(bare, Presentation):
                named = self._renamed(bare, sets)
                names = self._titles(named, names)
            stay = np.flatnonzero(~self.gone[table])
            stay = np.setdiff1d(stay, self.remade[table])
            taken = set(self.whole.sets[table].labels(stay.tolist()))
            # Where the match glues rows, one of them stands for all, and the others choose last.
            first = {name: row for row, (_, name) in reversed([*enumerate(names)])}
            again = [rank == 0 and first[name] != row for row, (rank, name) in enumerate(names)]
            order = sorted(range(len(names)), key=lambda row: (again[row], names[row][0]))
            own = {name for rank, name in names if rank == 0}
            called = distinct([names[row][1] for row in order], "new/", taken - own)
            place = dict(zip(order, called, strict=True))
            sets[table] = FinSet([place[row] for row in range(len(names))])
        return self._renamed(bare, sets)

    def _renamed(self, bare: Any, sets: Mapping[str, FinSet]) -> Any:
        steps = {
            name: ListFunction._of(
                bare.step(name).offsets, bare.step(name).values, sets[source], sets[target]
            )
            for name, (source, target) in self.shape.steps().items()
        }
        return type(bare)._of_steps(self.shape, sets, steps, bare.attributes)

    def _titles(self, bare: Presentation, names: list[Any]) -> list[Any]:
        """Call an equation that was called by its text by its new text."""
        first = len(names) - self.remade["Eq"].size
        found = list(names)
        for row, old in enumerate(self.remade["Eq"].tolist(), start=first):
            before = " = ".join(map(str, sides_at(self.whole, old)))
            if before == names[row][1]:
                found[row] = (1, " = ".join(map(str, sides_at(bare, row))))
        return found


def sides_at(presentation: Tables, row: int) -> tuple[Path, Path]:
    """Return the sides of an equation, given by its row."""
    start, end = (
        presentation.sets["V"].label(presentation.arrows[arrow](row)) for arrow in ("start", "end")
    )
    left, right = (
        presentation.sets["E"].labels(presentation.lists[side].row(row).tolist())
        for side in ("lhs", "rhs")
    )
    return Path(start, left, end), Path(start, right, end)


def _marked(part: FinFunction) -> np.ndarray:
    return _marks(part.values, part.codomain.size)


def _marks(rows: np.ndarray, size: int) -> np.ndarray:
    mark = np.zeros(size, bool)
    mark[rows] = True
    return mark
