"""Double-pushout rewriting: rules as data, matches, and what a rule does at a match.

A *rule* is a span L <- K -> R of tables: what it looks for, what of that it keeps, and what is
there afterwards. A *match* is a morphism m : L -> G. *Rewriting* G at m is the pair of pushouts

    L <--l-- K --r--> R
    |        |        |
    m        k        comatch
    v        v        v
    G <--d-- D --h--> H

in which D is the pushout complement of l and m (:mod:`catlearn.cset.complement`), so it is
possible just where the identification and dangling conditions hold (Ehrig, Pfender, Schneider,
"Graph-grammars: an algebraic approach", 1973). It works for tables of every kind: graphs,
C-sets, learning diagrams.

Labels of L may be variables (:mod:`catlearn.cset.labels`), and so may its side data: a row of R
that has the variable holds what the match finds. Rows that stay, and rows that are made anew, hold
what they held. A deleted row may be *replaced*, so
that what leads to it is reattached (:mod:`catlearn.cset.reattach`); a row of R of the same name
among the rows that replace it is the row itself, made anew: relabelled, say.

Laws: both squares are pushouts; the inverse rule at the comatch undoes a rewrite.

>>> from catlearn.category import Graph
>>> edge, detour = Graph({"e": ("A", "B")}), Graph({"f": ("A", "M"), "g": ("M", "B")})
>>> subdivide = Rule.between(edge, detour)
>>> G = Graph({"p": ("X", "Y"), "q": ("Y", "X")})
>>> [print(m.components["E"]) for m in subdivide.matches(G)] and None
[p] : {e} -> {p, q}
[q] : {e} -> {p, q}
>>> print(subdivide.rewrite(G, initial={"E": {"e": "p"}}).apex)
q : Y → X, f : X → M, g : M → Y
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from catlearn.cset.complement import Complement, pushout_complement, row_word
from catlearn.cset.labels import bind, fill, open_values, variables
from catlearn.cset.matching import candidates, extends, read_match, wrong_labels
from catlearn.cset.reattach import Reattached, gluing_faults
from catlearn.cset.search import Rows
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    NoComplement,
    NoMorphism,
    NotUnique,
    UnknownName,
    did_you_mean,
)
from catlearn.finset import Colimit, Record, Span, TableMorphism, Tables, pushout
from catlearn.finset.shapes import same_label
from catlearn.finset.tables import components_of, morphism
from catlearn.finset.value import Frozen

RowMap = Mapping[str, Mapping[Any, Any]]


class Rule(Frozen, Displayed):
    """A rewriting rule.

    Parameters
    ----------
    left, right
        The span: a monic morphism K -> L and a morphism K -> R, of tables of any kind.
    replace
        Table -> deleted row of L -> the row of R that replaces it, or a list of such rows; for
        edges, a path of R as text. What leads to the deleted row then leads there; without it,
        that is an error. In a list-valued arrow the whole list is inserted.
    spread
        Arrow -> rows of R. Where several rows replace one, a row that leads there by this arrow is
        made anew for each of them that is among these rows (for each, if none is); without it,
        that is an error. Nothing may lead to such a row in turn.
    at
        Table -> row of L -> name of the row of the whole that it has to match.
    forbidden
        Morphisms L -> N: a match that extends to an injective morphism out of N does not count
        (negative application conditions).
    name
        What the rule is called in messages.

    Raises
    ------
    InvalidStructure
        Listing what is wrong: a left side that is not monic, variables that the left side does
        not bind, replaced rows that are not deleted.
    """

    left: TableMorphism
    right: TableMorphism
    replace: Record[str, Any]
    spread: Record[str, Any]
    again: Record[str, Any]
    at: Record[str, Any]
    forbidden: tuple[Any, ...]
    name: str

    def __init__(
        self,
        left: TableMorphism,
        right: TableMorphism,
        *,
        replace: RowMap | None = None,
        spread: Mapping[str, Iterable[Any]] | None = None,
        at: RowMap | None = None,
        forbidden: Iterable[TableMorphism] = (),
        name: str = "",
    ) -> None:
        self._set(left=left, right=right, forbidden=tuple(forbidden), name=name)
        L, R = left.codomain, right.codomain
        heirs = {
            table: {L.row(table, x): rows_of(R, table, rows) for x, rows in pairs.items()}
            for table, pairs in (replace or {}).items()
        }
        again = {
            table: {
                row: x
                for x, rows in pairs.items()
                for row in rows
                if R.names(table)[row] == L.names(table)[x]
            }
            for table, pairs in heirs.items()
        }
        fixed = {t: {L.row(t, x): y for x, y in rows.items()} for t, rows in (at or {}).items()}
        self._set(replace=_record(heirs), again=_record(again))
        targets = {arrow: target for arrow, (_, target) in L.shape.arrows.items()}
        unknown = [arrow for arrow in spread or {} if arrow not in targets]
        if unknown:
            hint = did_you_mean(unknown[0], targets)
            raise UnknownName(f"spread: there is no arrow {unknown[0]!r}; {hint}")
        sent = {
            arrow: frozenset(R.row(targets[arrow], row) for row in rows)
            for arrow, rows in (spread or {}).items()
        }
        self._set(at=_record(fixed), spread=Record(sent))
        failures = self.failures()
        if failures:
            raise InvalidStructure(f"rule {name!r}" if name else "rule", failures)

    @classmethod
    def between(
        cls,
        L: Tables,
        R: Tables,
        *,
        keep: Mapping[str, Iterable[Any]] | None = None,
        **options: Any,
    ) -> Rule:
        """Return the rule whose interface is what two objects have in common by name.

        Parameters
        ----------
        L, R
            The two sides. A row that both have, with the same labels, ends and entries, is
            kept; one that both have but that differs is made anew, so it is relabelled.
        keep
            Table -> rows that may be kept, by name; by default all.
        **options
            As for :class:`Rule`.

        Examples
        --------
        >>> from catlearn.category import Graph
        >>> rule = Rule.between(Graph({"e": ("A", "B")}), Graph({"f": ("B", "A")}))
        >>> rule
        Rule(deletes e; keeps A, B; adds f)
        """
        replace = {t: dict(rows) for t, rows in (options.pop("replace", None) or {}).items()}
        common = in_common(L, R, keep, replace)
        for table, rows in common.items():
            both = set(R.names(table)) - set(rows)
            for row in (n for n in L.names(table) if n in both):
                replace.setdefault(table, {}).setdefault(row, row)
        K, left = L.subtables(
            {t: [row_number(L, t, n) for n in rows] for t, rows in common.items()}
        )
        values = {
            t: np.array([row_number(R, t, n) for n in rows], int) for t, rows in common.items()
        }
        right = morphism(K, R, components_of(values, K, R))
        return cls(left, right, replace=replace, **options)

    def failures(self) -> list[Failure]:
        """List what keeps the span from being a rule."""
        left, right = self.left, self.right
        why = left.ambient.mismatch(left.domain, right.domain)
        if why:
            return [Failure("span", "left and right", f"do not start at one interface: {why}")]
        failures = []
        for table, part in left.components.items():
            if not part.is_injective:
                message = f"it identifies rows of the interface in {table}; delete them instead"
                failures.append(Failure("monic", "left", message))
        L, R = left.codomain, right.codomain
        home = {**L.shape.attributes, **L.shape.side_data}
        for kind in (variables, open_values):
            bound = {v.name for _, _, v in kind(L) if v.function is None}
            for side, tables in (("right", R), ("left", L), ("interface", left.domain)):
                for name, row, v in kind(tables):
                    where = f"{side}, row {tables.names(home[name])[row]!r}"
                    if v.name not in bound:
                        message = f"{name} is {v}, which no row of the left side binds"
                        failures.append(Failure("variables", where, message))
                    elif side == "left" and v.function is not None:
                        message = f"{name} is computed, {v}; only the right side may say so"
                        failures.append(Failure("variables", where, message))
        for table, pairs in self.replace.items():
            kept = set(left.components[table].values.tolist())
            for x in pairs:
                if x in kept:
                    message = "it is kept, so nothing can replace it"
                    where = f"{table} {L.names(table)[x]!r}"
                    failures.append(Failure("replacement", where, message))
        steps = L.shape.steps()
        for arrow in self.spread:
            source = steps[arrow][0]
            followers = [name for name, (_, target) in steps.items() if target == source]
            if followers:
                message = f"{', '.join(followers)} may lead to the rows that it makes anew"
                failures.append(Failure("spread", f"arrow {arrow!r}", message))
        for n in self.forbidden:
            why = L.ambient.mismatch(L, n.domain)
            if why:
                message = f"does not start at the left side: {why}"
                failures.append(Failure("forbidden", "a condition", message))
        return failures

    @property
    def interface(self) -> Any:
        """The object K, what is kept."""
        return self.left.domain

    def matches(
        self, G: Any, *, monic: Any = False, initial: Rows | None = None, limit: int | None = None
    ) -> Iterator[Any]:
        """Generate the matches of the left side at which the rule can be applied.

        Parameters
        ----------
        G
            Tables of the shape of the rule.
        monic, initial
            As for :func:`~catlearn.cset.homomorphisms`.
        limit
            How many to generate at most.

        Returns
        -------
        iterator
            Of morphisms out of the left side, with its variables filled in.
        """
        good = (m for m in self._candidates(G, monic, initial) if not self._faults(m))
        return islice(good, limit)

    def rewrite(
        self, G: Any, match: TableMorphism | None = None, *, initial: Rows | None = None
    ) -> Rewrite:
        """Apply the rule at a match.

        Parameters
        ----------
        G
            Tables of the shape of the rule.
        match
            A morphism from the left side to G; by default the only match that there is.
        initial
            Without a match: where rows of the left side must go.

        Raises
        ------
        NoComplement
            Listing by row how the match breaks the gluing conditions.
        NoMorphism, NotUnique
            If no match was given, and there is none, or several.
        InvalidStructure
            If the result breaks laws of its kind.
        """
        given = self._only_match(G, initial) if match is None else match
        found, why = read_match(self.left.codomain, G, given)
        if found is None:
            raise CatlearnError(f"{self!r}: this is not a match of its left side: {why}")
        faults = self._faults(found)
        if faults:
            raise NoComplement(f"a rewrite by {self.name or 'the rule'}", faults)
        return Rewrite(self, *self._at(found))

    def inverse(self) -> Rule:
        """Return the rule R <- K -> L.

        Rows that replace one row each are replaced by it in turn. Where labels of the right
        side are computed the inverse is known only for what was applied: ask
        ``rewrite.applied.inverse()``, or ``rewrite.inverse()``.

        Raises
        ------
        InvalidStructure
            If the right side identifies rows, or labels of the left side are lost.
        """
        back = {
            t: {rows[0]: x for x, rows in pairs.items() if len(rows) == 1}
            for t, pairs in self.replace.items()
        }
        name = f"inverse of {self.name}" if self.name else ""
        return Rule(self.right, self.left, replace=back, name=name)

    # How a match is found and used.

    def _candidates(self, G: Any, monic: Any, initial: Rows | None) -> Iterator[Any]:
        L = self.left.codomain
        found = candidates(L, G, monic, self._fixed(G, initial))
        return (m for m in found if not any(extends(L, n, m) for n in self.forbidden))

    def _fixed(self, G: Any, initial: Rows | None) -> dict[str, dict[Any, Any]]:
        """Return where rows have to go, by the rule's own choice and by the caller's."""
        L = self.left.codomain
        fixed: dict[str, dict[Any, Any]] = {
            t: {L.row(t, x): y for x, y in rows.items()} for t, rows in (initial or {}).items()
        }
        for table, rows in self.at.items():
            for name in rows.values():
                if name not in G.sets[table]:
                    hint = did_you_mean(str(name), G.names(table))
                    raise UnknownName(f"{self!r}: there is no {row_word(table)} {name!r}; {hint}")
            fixed[table] = {**rows, **fixed.get(table, {})}
        return fixed

    def _faults(self, match: TableMorphism) -> list[Failure]:
        return gluing_faults(self.left, match, self.replace, self.spread)

    def _only_match(self, G: Any, initial: Rows | None) -> Any:
        faults, good = [], []
        for match in self._candidates(G, False, initial):
            found = self._faults(match)
            faults = faults or found
            good += [] if found else [match]
            if len(good) == 2:
                raise NotUnique(
                    f"{self!r} has several matches; choose one of rule.matches(...), or say more "
                    "by initial=",
                    tuple(good),
                )
        if good:
            return good[0]
        if faults:
            raise NoComplement(f"a rewrite by {self.name or 'the rule'}", faults)
        why = wrong_labels(self.left.codomain, G, self._fixed(G, initial))
        raise NoMorphism("; ".join([f"{self!r} has no match here", *why]))

    def _at(self, match: TableMorphism) -> tuple[Rule, TableMorphism]:
        """Write the rule out at a match."""
        bindings = bind(self.left.codomain, match.codomain, match.components) or {}
        K, R = (fill(one, bindings) for one in (self.interface, self.right.codomain))
        parts = [{t: f.values for t, f in m.components.items()} for m in (self.left, self.right)]
        left = morphism(K, match.domain, components_of(parts[0], K, match.domain))
        right = morphism(K, R, components_of(parts[1], K, R))
        out = Reattached(left, right, match, self.replace, self.spread, self.again)
        return Rule(out.left, out.right, name=self.name), out.match

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Rule) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.left, self.right))

    def _key(self) -> tuple[Any, ...]:
        held = [tuple(open_values(m.codomain)) for m in (self.left, self.right)]
        told = (self.replace, self.spread, self.at, *held)
        return self.left, self.right, *told, self.forbidden, self.name

    def __repr__(self) -> str:
        L, R = self.left.codomain, self.right.codomain
        kept = {t: set(f.values.tolist()) for t, f in self.left.components.items()}
        stays = {t: set(f.values.tolist()) for t, f in self.right.components.items()}
        groups = {
            "deletes": [n for t in kept for k, n in enumerate(L.names(t)) if k not in kept[t]],
            "keeps": [n for t in kept for k, n in enumerate(L.names(t)) if k in kept[t]],
            "adds": [n for t in stays for k, n in enumerate(R.names(t)) if k not in stays[t]],
        }
        said = [f"{verb} {', '.join(names)}" for verb, names in groups.items() if names]
        called = f"{self.name}: " if self.name else ""
        return f"Rule({called}{'; '.join(said) or 'nothing'})"


def _record(maps: Mapping[str, Mapping[Any, Any]]) -> Record[str, Any]:
    return Record({table: Record(pairs) for table, pairs in maps.items()})


class Rewrite(Frozen, Displayed):
    """What a rule does at a match: two pushout squares.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> reverse = Rule.between(Graph({"e": ("A", "B")}), Graph({"r": ("B", "A")}))
    >>> step = reverse.rewrite(Graph({"f": ("X", "Y")}))
    >>> print(step.left.apex, "|", step.complement.apex, "|", step.apex)
    f : X → Y | X, Y | r : Y → X

    Attributes
    ----------
    rule : Rule
        The rule that was given.
    applied : Rule
        The plain rule L' <- K' -> R' that was applied: labels filled in, what had to be
        reattached taken into it, and written in the names of G and H.
    match : TableMorphism
        From L' to G.
    complement : Complement
        The left square.
    right : Colimit
        The right square, whose legs are D -> H and the comatch R' -> H.
    """

    rule: Rule
    applied: Rule
    match: Any
    complement: Complement
    right: Colimit

    def __init__(self, rule: Rule, applied: Rule, match: Any) -> None:
        complement = pushout_complement(applied.left, match)
        right = pushout(complement.k, applied.right, names=("context", "rule"))
        failures = right.apex.failures()
        if failures:
            raise InvalidStructure(f"the rewritten {type(right.apex).__name__}", failures)
        self._set(rule=rule, applied=applied, match=match, complement=complement, right=right)

    @property
    def apex(self) -> Any:
        """The object H, the result."""
        return self.right.apex

    @property
    def left(self) -> Colimit:
        """The left square as a pushout, with apex G and legs the match and D -> G."""
        return self.complement.square

    @property
    def comatch(self) -> Any:
        """The morphism R' -> H."""
        return self.right.legs[1]

    @property
    def span(self) -> Span:
        """The derivation G <- D -> H: what stayed, before and after."""
        return Span(self.complement.d, self.right.legs[0])

    def inverse(self) -> Rewrite:
        """Return the rewrite back, by the inverse of the applied rule at the comatch."""
        return self.applied.inverse().rewrite(self.apex, self.comatch)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rewrite):
            return NotImplemented
        return (self.rule, self.match) == (other.rule, other.match)

    def __hash__(self) -> int:
        return hash((self.rule, self.match))

    def __repr__(self) -> str:
        return f"Rewrite({self.rule!r}, apex={self.apex!r})"


def in_common(
    L: Tables,
    R: Tables,
    keep: Mapping[str, Iterable[Any]] | None = None,
    without: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the largest part that two objects share by name, table by table.

    Parameters
    ----------
    L, R
        Tables of one shape. Rows without names are called by their numbers.
    keep
        Table -> rows that may be in it; by default all.
    without
        Table -> rows that may not.

    Returns
    -------
    dict
        Table -> names of rows that have the same labels, ends and entries in both, all of which
        are there too.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> one = Graph({"e": ("A", "B"), "f": ("B", "A")})
    >>> in_common(one, Graph({"e": ("A", "B"), "f": ("B", "B")}))
    {'V': ['A', 'B'], 'E': ['e']}
    """
    common: dict[str, set[str]] = {}
    for table in L.shape.tables:
        names = set(L.names(table)) & set(R.names(table))
        names -= set((without or {}).get(table, ()))
        common[table] = names if keep is None else names & set(map(str, keep.get(table, ())))
    shrinking = True
    while shrinking:
        same = {t: {n for n in rows if _same_row(L, R, t, n, common)} for t, rows in common.items()}
        shrinking, common = same != common, same
    return {t: [n for n in L.names(t) if n in rows] for t, rows in common.items()}


def _same_row(L: Tables, R: Tables, table: str, name: str, common: Mapping[str, set[str]]) -> bool:
    """Whether a row is the same in both: its labels, and where it leads, all of it common."""
    shape, x, y = L.shape, row_number(L, table, name), row_number(R, table, name)
    for attribute, home in shape.attributes.items():
        labels = L.attributes[attribute], R.attributes[attribute]
        if home == table and not same_label(labels[0][x], labels[1][y]):
            return False
    for step, (source, target) in shape.steps().items():
        if source == table:
            one = L.sets[target].labels(L.step(step).row(x).tolist())
            if one != R.sets[target].labels(R.step(step).row(y).tolist()):
                return False
            if not set(one) <= common[target]:
                return False
    return True


def rows_of(R: Any, table: str, rows: Any) -> tuple[int, ...]:
    """Read the rows that replace one."""
    if isinstance(rows, str) and rows not in R.sets[table] and table == "E" and hasattr(R, "path"):
        rows = R.path(rows).edges
    if isinstance(rows, (str, int, np.integer)):
        rows = [rows]
    assert isinstance(rows, Sequence)
    return tuple(row_number(R, table, row) for row in rows)


def row_number(tables: Tables, table: str, row: Any) -> int:
    """Return the number of a row given by number, name or label."""
    if isinstance(row, str) and not tables.sets[table].names:
        if not row.isdecimal():
            raise UnknownName(f"{table} has no row {row!r}; its rows have no names")
        row = int(row)
    return tables.row(table, row)
