"""Double-pushout and sesqui-pushout rewriting: rules as data, matches, and what rules do there.

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

**Variables.** Labels of L may be variables (:mod:`catlearn.finset.variables`), which a match binds:
L with these labels filled in has an ordinary morphism into G. (These are rule schemata: Plump,
Steinert, "Towards graph programs for graph algorithms", 2004.) Side data of L may be variables,
too: a row of R that has the variable holds what the match finds. Where labels have an order, a
deleted row may match one with a label above its own, and the applied rule has that label, so that
its inverse brings it back.

**Replacements.** A rule may say that a row x of L that it deletes is *replaced* by a list s(x) of
rows of R. Rows of the context that lead to x would dangle. Instead they are taken into the rule:
let A be the smallest set of rows of G, outside the match, that lead to a replaced row or to a row
of A. Then

    L' = L + A + C,    K' = K + C,    R' = R + A with s applied + C

where C is the rest of what A leads to. Each row of A is deleted and made anew, with the same
labels, and with the entries of its lists (and the values of its arrows, where s(x) has length one)
replaced. Where several rows replace one, an arrow may *spread*: a row that leads there by it is
made anew once for each of them. L' <- K' -> R' is an ordinary rule, the *amalgamation* of the rule
with one rule for each row of A (Böhm, Fonio, Habel, "Amalgamation of graph transformations", 1987),
and what happens is an ordinary double pushout. A row of R of the same name among the rows that
replace one is the row itself, made anew: relabelled, say.

**Sesqui-pushouts.** With ``sesqui=True`` the left square is a final pullback instead of a pushout
(Corradini, Heindel, Hermann, König, "Sesqui-pushout rewriting", 2006). What leads to a deleted row
is deleted with it, and K -> L need not be monic: a row of which K has several is copied, with what
leads to it. Where l is monic and nothing dangles, both squares are pushouts again.

Laws: both squares are pushouts; the inverse rule at the comatch undoes a rewrite.

>>> from catlearn.category import Graph, GraphMorphism
>>> edge, detour = Graph({"e": ("A", "B")}), Graph({"f": ("A", "M"), "g": ("M", "B")})
>>> subdivide = Rule.between(edge, detour)
>>> G = Graph({"p": ("X", "Y"), "q": ("Y", "X")})
>>> [print(m.components["E"]) for m in subdivide.matches(G)] and None
[p] : {e} -> {p, q}
[q] : {e} -> {p, q}
>>> print(subdivide.rewrite(G, initial={"E": {"e": "p"}}).apex)
q : Y → X, f : X → M, g : M → Y
>>> clone = Rule(*(GraphMorphism(Graph(vertices="xy"), Graph(vertices=at), {"x": a, "y": b}, {})
...     for at, a, b in [("v", "v", "v"), ("xy", "x", "y")]), sesqui=True)
>>> print(clone.rewrite(G, initial={"V": {"v": "Y"}}).apex)
p : X → Y, copy/p : X → new/Y, q : Y → X, copy/q : new/Y → X
>>> one, two = Presentation({"e": ("A", "B")}), Presentation({"f": ("A", "Z"), "g": ("Z", "B")})
>>> rule = Rule.between(one, two, replace={"E": {"e": "f >> g"}})
>>> square = Presentation({"p": ("X", "Y"), "q": ("X", "Y")}, {"same": "p = q"})
>>> rewrite = rule.rewrite(square, initial={"E": {"e": "p"}})
>>> print(*rewrite.apex.sides("same"), sep=" = ")
f >> g = q
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from catlearn.category import Path, Presentation
from catlearn.cset.complement import (
    Complement,
    dangling,
    deleted_tables,
    final_failures,
    final_pullback_complement,
    leading,
    pushout_complement,
    raised,
    row_word,
    unglued,
)
from catlearn.cset.search import Rows, homomorphisms
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    NoComplement,
    NoMorphism,
    NotUnique,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    listed,
    refuse,
)
from catlearn.finset import (
    Colimit,
    FinFunction,
    FinSet,
    Limit,
    ListFunction,
    Record,
    Span,
    TableMorphism,
    Tables,
    pushout,
)
from catlearn.finset.shapes import same_label
from catlearn.finset.tables import joined, morphism
from catlearn.finset.value import Frozen, listing, marked
from catlearn.finset.variables import Variable, bound, fill, filled, open_values, variables
from catlearn.names import distinct

RowMap = Mapping[str, Mapping[Any, Any]]


class Rule(Frozen, Displayed):
    """A rewriting rule.

    Parameters
    ----------
    left, right
        The span: a morphism K -> L, monic unless ``sesqui``, and a morphism K -> R, of tables of
        any kind.
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
    sesqui
        Whether to rewrite by sesqui-pushouts; then nothing is replaced.
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
    sesqui: bool
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
        sesqui: bool = False,
        name: str = "",
    ) -> None:
        wanted = "a morphism out of the interface; Rule.between(L, R) takes two objects"
        expect_each(TableMorphism, wanted, left=left, right=right)
        expect(sesqui, bool, "sesqui", "True or False")
        self._set(left=left, right=right, sesqui=sesqui, forbidden=tuple(forbidden), name=name)
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
        refuse(f"rule {name!r}" if name else "rule", self.failures())

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
        expect_each(Tables, "a graph, C-set, diagram or other tables", L=L, R=R)
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
        right = morphism(K, R, values)
        return cls(left, right, replace=replace, **options)

    @listed
    def failures(self) -> Iterator[Failure]:
        """List what keeps the span from being a rule."""
        left, right = self.left, self.right
        why = left.ambient.mismatch(left.domain, right.domain)
        if why:
            yield Failure("span", "left and right", f"do not start at one interface: {why}")
            return
        for table, part in left.components.items():
            if not (self.sesqui or part.is_injective):
                message = f"it identifies rows of the interface in {table}; delete them instead, "
                message += "or copy them, with sesqui=True"
                yield Failure("monic", "left", message)
        if self.sesqui and (any(self.replace.values()) or self.spread):
            message = "a rule for sesqui-pushouts deletes what leads to a deleted row"
            yield Failure("replacement", "replace and spread", message)
        L, R = left.codomain, right.codomain
        home = {**L.shape.attributes, **L.shape.side_data}
        for kind in (variables, open_values):
            bound = {v.name for _, _, v in kind(L) if v.function is None}
            for side, tables in (("right", R), ("left", L), ("interface", left.domain)):
                for name, row, v in kind(tables):
                    where = f"{side}, row {tables.names(home[name])[row]!r}"
                    if v.name not in bound:
                        message = f"{name} is {v}, which no row of the left side binds"
                        yield Failure("variables", where, message)
                    elif side == "left" and v.function is not None:
                        message = f"{name} is computed, {v}; only the right side may say so"
                        yield Failure("variables", where, message)
        for table, pairs in self.replace.items():
            kept = set(left.components[table].values.tolist())
            for x in pairs:
                if x in kept:
                    message = "it is kept, so nothing can replace it"
                    yield Failure("replacement", f"{table} {L.names(table)[x]!r}", message)
        steps = L.shape.steps()
        for arrow in self.spread:
            source = steps[arrow][0]
            followers = [name for name, (_, target) in steps.items() if target == source]
            if followers:
                message = f"{', '.join(followers)} may lead to the rows that it makes anew"
                yield Failure("spread", f"arrow {arrow!r}", message)
        for n in self.forbidden:
            why = L.ambient.mismatch(L, n.domain)
            if why:
                yield Failure("forbidden", "a condition", f"does not start at the left side: {why}")

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
        found = self._read(G, self._only_match(G, initial) if match is None else match)
        refuse(f"a rewrite by {self.name or 'the rule'}", self._faults(found), NoComplement)
        return Rewrite(self, *self._at(found))

    def _at(self, match: TableMorphism) -> tuple[Rule, TableMorphism]:
        """Write the rule out at a match; a subclass may add what depends on where it is applied."""
        out = Reattached(self, match)
        return Rule(out.left, out.right, sesqui=self.sesqui, name=self.name), out.match

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
        return Rule(self.right, self.left, replace=back, sesqui=self.sesqui, name=name)

    # How a match is found and used.

    def _candidates(self, G: Any, monic: Any, initial: Rows | None) -> Iterator[Any]:
        L = self.left.codomain
        found = map(filled, homomorphisms(L, G, monic=monic, initial=self._fixed(G, initial)))
        return (m for m in found if not any(self._extends(n, m) for n in self.forbidden))

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

    def _read(self, G: Any, given: TableMorphism) -> Any:
        """Return a match that a user gives, out of the left side or out of it filled in.

        Raises
        ------
        CatlearnError
            Saying what is wrong.
        """
        L, has_variables = self.left.codomain, bool(variables(given.domain))
        start, found = "it does not start at the left side", None
        if why := G.ambient.mismatch(given.codomain, G):
            why = f"it does not go into this object: {why}"
        elif (has_variables or not variables(L)) and (why := given.domain.mismatch(L)):
            why = f"{start}: {why}"
        elif not bound(found := morphism(L, G, given.components))[1]:
            why = "the labels are not those that the variables of the left side stand for"
        elif not has_variables and (why := filled(found).domain.mismatch(given.domain)):
            why = f"{start}: {why}"
        elif failures := found.failures():
            why = listing(map(str, failures[:3]), len(failures))
        if why:
            raise CatlearnError(f"{self!r}: this is not a match of its left side: {why}")
        return filled(found)

    def _extends(self, n: TableMorphism, match: TableMorphism) -> bool:
        """Whether a match is n : L -> N followed by an injective morphism out of N."""
        fixed: dict[str, dict[int | str, int | str]] = {}
        for table, part in n.components.items():
            rows = fixed.setdefault(table, {})
            for y, x in zip(part, match.components[table], strict=True):
                if rows.setdefault(y, x) != x:
                    return False
        N = fill(n.codomain, self._bindings(match))
        return next(homomorphisms(N, match.codomain, monic=True, initial=fixed), None) is not None

    def _bindings(self, match: TableMorphism) -> dict[Any, Any]:
        """Return what the variables of the left side stand for at a match."""
        return bound(morphism(self.left.codomain, match.codomain, match.components))[0]

    def _heirs(self, match: TableMorphism) -> dict[str, dict[int, tuple[int, ...]]]:
        """Return the rows of R that replace rows of the whole."""
        return {
            table: {part(x): rows for x, rows in self.replace.get(table, {}).items()}
            for table, part in match.components.items()
        }

    def _faults(self, match: TableMorphism) -> list[Failure]:
        """List the rows of the whole at which the gluing conditions fail, but for replacements."""
        if self.sesqui:
            return final_failures(self.left, match)
        lists, heirs = match.codomain.shape.lists, self._heirs(match)

        def excused(step: str, table: str, rows: np.ndarray) -> np.ndarray:
            many = step in lists or step in self.spread
            allowed = [row for row, heir in heirs[table].items() if many or len(heir) == 1]
            return np.isin(rows, np.array(allowed, np.int64))

        return [*unglued(self.left, match), *dangling(self.left, match, excused)]

    def _wrong_labels(self, G: Any, fixed: Rows) -> Iterator[str]:
        """Say which labels do not fit, of rows that have to go somewhere and of their ends."""
        L = self.left.codomain
        for table, rows in fixed.items():
            for name, at in rows.items():
                x, y = L.row(table, name), G.row(table, at)
                called = f"{row_word(table)} {G.sets[table].label(y)!r}"
                places = [(table, x, y, called)]
                for arrow, (source, target) in L.shape.arrows.items():
                    if source == table:
                        ends = L.arrows[arrow](x), G.arrows[arrow](y)
                        places.append((target, *ends, f"the {arrow} of {called}"))
                for attribute, home in L.shape.attributes.items():
                    order = L.shape.order(attribute)
                    for _, i, j, where in (place for place in places if place[0] == home):
                        want, have = L.attributes[attribute][i], G.attributes[attribute][j]
                        is_open = isinstance(want, Variable)
                        fits = want.admits(have) if is_open else order.at_most(want, have)
                        if not fits:
                            asks = f"the left side asks for {'another kind' if is_open else want}"
                            yield f"{where} has the {attribute} {have}, {asks}"

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
        refuse(f"a rewrite by {self.name or 'the rule'}", faults, NoComplement)
        why = self._wrong_labels(G, self._fixed(G, initial))
        raise NoMorphism("; ".join([f"{self!r} has no match here", *why]))

    def _key(self) -> tuple[Any, ...]:
        held = [tuple(open_values(m.codomain)) for m in (self.left, self.right)]
        options = (self.replace, self.spread, self.at, *held)
        return self.left, self.right, *options, self.forbidden, self.sesqui, self.name

    def __repr__(self) -> str:
        L, R = self.left.codomain, self.right.codomain
        kept = {t: set(f.values.tolist()) for t, f in self.left.components.items()}
        stays = {t: set(f.values.tolist()) for t, f in self.right.components.items()}

        def rows(of: Tables, table: str) -> list[str]:
            prefix = f"{table} " if of.sets[table].names is None else ""
            return [prefix + name for name in of.names(table)]

        groups = {
            "deletes": [n for t in kept for k, n in enumerate(rows(L, t)) if k not in kept[t]],
            "keeps": [n for t in kept for k, n in enumerate(rows(L, t)) if k in kept[t]],
            "copies": [
                n
                for t, part in self.left.components.items()
                for k, n in enumerate(rows(L, t))
                if np.count_nonzero(part.values == k) > 1
            ],
            "adds": [n for t in stays for k, n in enumerate(rows(R, t)) if k not in stays[t]],
        }
        changes = [f"{verb} {', '.join(names)}" for verb, names in groups.items() if names]
        called = f"{self.name}: " if self.name else ""
        return f"Rule({called}{'; '.join(changes) or 'nothing'})"


def _record(maps: Mapping[str, Mapping[Any, Any]]) -> Record[str, Any]:
    return Record({table: Record(pairs) for table, pairs in maps.items()})


class Rewrite(Frozen, Displayed, by="rule match"):
    """What a rule does at a match: two pushout squares, or one and a final pullback.

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
        remaining = final_pullback_complement if applied.sesqui else pushout_complement
        complement = remaining(applied.left, match)
        right = pushout(complement.k, applied.right, names=("context", "rule"))
        refuse(f"the rewritten {type(right.apex).__name__}", right.apex.failures())
        self._set(rule=rule, applied=applied, match=match, complement=complement, right=right)

    @property
    def apex(self) -> Any:
        """The object H, the result."""
        return self.right.apex

    @property
    def left(self) -> Colimit | Limit:
        """The left square: a pushout with apex G, or a pullback with apex K'."""
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


class Reattached:
    """A rule written out at a match that meets the gluing conditions.

    Parameters
    ----------
    rule
        The rule.
    match
        From its left side, with its variables filled in, to the whole.

    Attributes
    ----------
    left, right, match
        L' <- K' -> R' and the match of L'. All rows have the names that they have in the whole
        and will have in the result.
    """

    def __init__(self, rule: Rule, match: TableMorphism) -> None:
        whole, L, again = match.codomain, match.domain, rule.again
        for name, labels in raised(rule.left, match).items():
            L = L.with_column(name, labels)
        bindings = rule._bindings(match)
        K, R = (fill(one, bindings) for one in (rule.interface, rule.right.codomain))
        left, right = rule.left, rule.right
        self.whole, self.shape = whole, whole.shape
        self.heirs = rule._heirs(match)
        self.gone = deleted_tables(left, match)
        image = {t: marked(part.values, whole.size(t)) for t, part in match.components.items()}
        self.remade = self._lead_to_replaced()
        self.made, self.sent = self._spread_out(rule.spread)
        reached = whole.closure(self.remade)
        self.context = {
            table: np.setdiff1d(
                np.flatnonzero(~image[table] & marked(rows, whole.size(table))), self.remade[table]
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
        self.match = morphism(bigger, whole, parts["m"])
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
        self.left = morphism(between, bigger, parts["l"])
        self.right = morphism(between, bare, parts["r"])

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
        marks = leading(self.whole, self.gone) if any(self.heirs.values()) else self.gone
        return {table: np.flatnonzero(mark & ~self.gone[table]) for table, mark in marks.items()}

    def _spread_out(
        self, spread: Mapping[str, frozenset[int]]
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
        again: Mapping[str, Mapping[int, int]],
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
        sets: dict[str, list[str]] = {}
        for table, names in wanted.items():
            if table == "Eq" and isinstance(bare, Presentation):
                names = self._titles(bare.with_names(sets), names)
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
            sets[table] = [place[row] for row in range(len(names))]
        return bare.with_names(sets)

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
