"""Rewriting of paths, and its completion: normal forms that decide equality.

A *rewriting system* for a presentation is a set of rules ``p -> q`` between parallel paths, q
smaller than p in *shortlex*: fewer edges, or as many and earlier at the first difference in the
order of the graph's edges. Applying rules as long as one applies ends, since shortlex is a
well-order. The system is *complete* (confluent) if the result never depends on the choices; then
each arrow of the presented category has exactly one irreducible path, its *normal form*, and two
paths are equal if and only if their normal forms are. (Baader and Nipkow, *Term Rewriting and
All That*, chapters 2 and 7; Sims, *Computation with Finitely Presented Groups*, chapter 2.)

Completion adds rules until that holds. It need not end, since equality of paths is undecidable
in general and since the order of the edges matters, so it has a budget; a system that stopped
says why, still proves equalities, and proves that paths differ only by other means.

Laws: ``normal_form`` is idempotent; paths with one normal form are equal; in a complete system
equal paths have one normal form.

>>> from catlearn.category import Presentation, complete
>>> P = Presentation({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g = id(A)"])
>>> system = complete(P)
>>> print(system)
complete: f >> g -> id(A)
>>> system.normal_form("g >> f >> g")
Path('B', ('g',), 'A')
>>> system.equal("g >> f", "id(B)")
NotEqual('the normal forms g >> f and id(B) differ')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from catlearn.category.automaton import Automaton
from catlearn.category.equation import Side, not_parallel
from catlearn.category.graph import Graph
from catlearn.category.lattice import Lattice, difference
from catlearn.category.path import Path
from catlearn.category.presentation import Presentation
from catlearn.category.verdict import Equal, NotEqual, Unknown, Verdict
from catlearn.category.words import Completion, letters, shortlex
from catlearn.errors import Failure, InvalidStructure, NotComposable
from catlearn.finset import Frozen


@dataclass(frozen=True)
class Budget:
    """How far completion goes, and how large the categories are that it lists.

    Parameters
    ----------
    rules
        The most rules a rewriting system may have on the way.
    letters
        The most edges to read in rewriting on the way; the time that completion takes grows
        with it.
    arrows, composites
        The most arrows, and pairs of arrows that meet, of a finite category that is listed.
    """

    rules: int = 1_000
    letters: int = 1_000_000
    arrows: int = 10_000
    composites: int = 5_000_000

    @classmethod
    def of(cls, budget: Budget | int | None) -> Budget:
        """Return a budget unchanged, the usual one for None, and read a number as that of rules."""
        if isinstance(budget, Budget):
            return budget
        return cls() if budget is None else cls(rules=budget)


class RewritingSystem(Frozen):
    """Rules between the paths of a presentation, reduced and decreasing in shortlex.

    :func:`complete` makes them. That the rules follow from the equations is what completion
    proves; rules from elsewhere are taken at their word, all else is checked.

    Parameters
    ----------
    presentation
        The presentation, or a graph for one without equations.
    rules
        Pairs ``(left, right)``, each a path or its text.
    stopped
        Why the system may not be complete; empty if it is.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every rule that is not parallel, not decreasing or not reduced and, unless the
        system is stopped, every equation whose sides have different normal forms and every
        overlap of two rules that rewrites to two different paths.

    Examples
    --------
    >>> P = Presentation({"s": ("A", "A"), "t": ("A", "A")}, ["s >> t = s", "t >> s = t"])
    >>> RewritingSystem(P, [("s >> t", "s"), ("t >> s", "t")])
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: RewritingSystem is not valid (2 failures):
      - s >> t >> s: it rewrites to s >> s and to s, which differ [confluence]
      - t >> s >> t: it rewrites to t >> t and to t, which differ [confluence]
    """

    graph: Graph
    rules: tuple[tuple[Path, Path], ...]
    stopped: str

    def __init__(
        self,
        presentation: Graph,
        rules: Iterable[tuple[Side, Side]],
        stopped: str = "",
        check: bool = True,
    ) -> None:
        pairs = tuple((presentation.path(left), presentation.path(right)) for left, right in rules)
        self._set(graph=presentation, rules=pairs, stopped=stopped)
        if check:
            failures = self.failures()
            if failures:
                raise InvalidStructure(type(self).__name__, failures)

    @property
    def is_complete(self) -> bool:
        """Whether every arrow has exactly one irreducible path."""
        return not self.stopped

    def word(self, path: Path) -> str:
        """Return the word of a path: a string with the code point k for the edge in row k."""
        return letters(map(self.graph.sets["E"].index, path.edges))

    def path(self, word: str, start: str) -> Path:
        """Return the path of a word, given where it starts."""
        edges = self.graph.sets["E"].labels([ord(letter) for letter in word])
        return Path(start, edges, self.graph.target(edges[-1]) if edges else start)

    @cached_property
    def _words(self) -> dict[str, str]:
        return {self.word(left): self.word(right) for left, right in self.rules}

    @cached_property
    def automaton(self) -> Automaton:
        """The automaton of the irreducible words."""
        return Automaton(self.graph, self._words)

    def normal_form(self, path: Side) -> Path:
        """Return the irreducible path that a path rewrites to.

        In a complete system it is the only one among all equal paths, and the smallest.

        Raises
        ------
        NotComposable
            If it is not a path of the graph.
        """
        path = self.graph.path(path)
        vertex = self.graph.sets["V"].index(path.source)
        return self.path(self.automaton.reduce(vertex, self.word(path)), path.source)

    def equal(self, one: Side, other: Side) -> Verdict:
        """Return whether two parallel paths are equal in the presented category.

        Without a complete system, paths are still known to be equal if they have one normal
        form, and to differ if they use edges a different number of times, up to the
        differences that equations allow.

        Raises
        ------
        NotComposable
            If they are not parallel paths of the graph.
        """
        left, right = self.graph.path(one), self.graph.path(other)
        failures = not_parallel(left, right, f"'{left}' and '{right}'")
        if failures:
            raise NotComposable(f"'{left} = {right}'", failures)
        p, q = self.normal_form(left), self.normal_form(right)
        if p == q:
            return Equal(f"both have the normal form {p}")
        if self.is_complete:
            return NotEqual(f"the normal forms {p} and {q} differ")
        if difference(left.edges, right.edges) not in self.lattice:
            reason = "differ in how often they use edges, which no equation makes up for"
            return NotEqual(f"{left} and {right} {reason}")
        return Unknown(f"{p} and {q} are irreducible, but {self.stopped}")

    @cached_property
    def lattice(self) -> Lattice:
        """The differences in the use of edges that the equations allow."""
        return Lattice(
            difference(left.edges, right.edges) for left, right in _equations(self.graph)
        )

    def failures(self) -> list[Failure]:
        """List rules that are not parallel, decreasing or reduced and, if the system is to be
        complete, equations that do not hold and overlaps that rewrite to different paths."""
        failures = [*self._not_decreasing(), *self._not_reduced()]
        if not failures:
            failures += [*self._not_holding(), *self._not_confluent()] if self.is_complete else []
        return failures

    def _not_decreasing(self) -> Iterator[Failure]:
        for left, right in self.rules:
            where = f"rule {left} -> {right}"
            yield from not_parallel(left, right, where)
            if shortlex(self.word(left)) <= shortlex(self.word(right)):
                message = "its right side is not smaller in shortlex; turn it around or drop it"
                yield Failure("decreasing", where, message)

    def _not_reduced(self) -> Iterator[Failure]:
        words = [(self.word(left), self.word(right)) for left, right in self.rules]
        for k, (left, right) in enumerate(words):
            for j, (other, _) in enumerate(words):
                for word, side in ((left, "left"), (right, "right")):
                    if other and other in word and (j != k or side == "right"):
                        where = "rule {} -> {}".format(*self.rules[k])
                        message = f"{self.rules[j][0]} occurs in its {side} side"
                        yield Failure("reduced", where, message)

    def _not_holding(self) -> Iterator[Failure]:
        for left, right in _equations(self.graph):
            p, q = self.normal_form(left), self.normal_form(right)
            if p != q:
                message = f"its sides have the normal forms {p} and {q}"
                yield Failure("equations", f"equation '{left} = {right}'", message)

    def _not_confluent(self) -> Iterator[Failure]:
        """Rewrite each overlap of two rules in both ways."""
        for left, image in self._words.items():
            vertex = self.automaton.sources[ord(left[0])]
            for other, changed in self._words.items():
                for shared in range(1, min(len(left), len(other))):
                    if left[-shared:] != other[:shared]:
                        continue
                    ways = (image + other[shared:], left[:-shared] + changed)
                    p, q = (self.automaton.reduce(vertex, way) for way in ways)
                    if p != q:
                        start = self.graph.vertices[vertex]
                        both = f"{self.path(p, start)} and to {self.path(q, start)}"
                        where = str(self.path(left + other[shared:], start))
                        message = f"it rewrites to {both}, which differ"
                        yield Failure("confluence", where, message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RewritingSystem):
            return NotImplemented
        mine = (self.graph, self.rules, self.stopped)
        return mine == (other.graph, other.rules, other.stopped)

    def __hash__(self) -> int:
        return hash((self.graph, self.rules))

    def __len__(self) -> int:
        """Return the number of rules."""
        return len(self.rules)

    def __repr__(self) -> str:
        state = "complete" if self.is_complete else f"incomplete: {self.stopped}"
        return f"<RewritingSystem with {len(self.rules)} rules, {state}>"

    def __str__(self) -> str:
        rules = ", ".join(f"{left} -> {right}" for left, right in self.rules)
        return f"{'complete' if self.is_complete else 'incomplete'}: {rules or 'no rules'}"

    def __getstate__(self) -> dict[str, object]:
        return {"graph": self.graph, "rules": self.rules, "stopped": self.stopped}


def _equations(graph: Graph) -> list[tuple[Path, Path]]:
    return (
        [graph.sides(name) for name in graph.equations] if isinstance(graph, Presentation) else []
    )


def complete(presentation: Graph, budget: Budget | int | None = None) -> RewritingSystem:
    """Complete the path rewriting system of a presentation (Knuth and Bendix).

    Edges are ordered as the graph has them. Overlaps of rules are resolved from the shortest
    on; the rules that result are reduced, so a complete system depends on nothing but the
    presented category and the order of its generators.

    Parameters
    ----------
    presentation
        The presentation, or a graph for one without equations.
    budget
        How far to go; a number says how many rules there may be.

    Returns
    -------
    RewritingSystem
        The rules, sorted in shortlex; ``stopped`` says so if the budget was spent before the
        system was complete.

    Examples
    --------
    The free abelian group on two generators has a finite complete system if inverses are
    neighbours in the order of the edges, and none if they are not:

    >>> commuting = ["a A = 1", "A a = 1", "b B = 1", "B b = 1", "a b = b a"]
    >>> complete(Presentation.monoid("aAbB", commuting))
    <RewritingSystem with 8 rules, complete>
    >>> complete(Presentation.monoid("abAB", commuting), budget=50)
    <RewritingSystem with 51 rules, incomplete: completion stopped at 51 rules, over its budget ...>
    """
    budget = Budget.of(budget)
    place = {edge: chr(row) for row, edge in enumerate(presentation.edges)}
    completion = Completion(
        ("".join(map(place.__getitem__, left.edges)), "".join(map(place.__getitem__, right.edges)))
        for left, right in _equations(presentation)
    )
    stopped = ""
    if not completion.run(budget.rules, budget.letters):
        spent = f"{len(completion.rules)} rules, over its budget of {budget.rules}"
        if len(completion.rules) <= budget.rules:
            spent = f"{budget.letters} edges read in rewriting, its budget"
        remedy = "a larger budget or another order of the edges may complete it"
        stopped = f"completion stopped at {spent}; {remedy}"
    edges = presentation.edges
    rules = []
    for left, right in sorted(completion.rules.items(), key=lambda rule: shortlex(rule[0])):
        start, end = (
            presentation.source(edges[ord(left[0])]),
            presentation.target(edges[ord(left[-1])]),
        )
        sides = (tuple(edges[ord(letter)] for letter in side) for side in (left, right))
        rules.append(tuple(Path(start, side, end) for side in sides))
    made = object.__new__(RewritingSystem)
    made._set(graph=presentation, rules=tuple(rules), stopped=stopped)
    return made
