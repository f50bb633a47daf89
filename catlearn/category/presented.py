"""The category that a presentation presents.

Its objects are the vertices of a graph and its arrows the paths modulo the congruence that the
equations generate (Mac Lane, II.8). Arrows are given and returned as paths; where completion
succeeds within the budget they are returned in normal form, equality is decided, and either there
are finitely many arrows or a loop proves that there are not.

``Presentation.category()`` gives a :class:`~catlearn.category.FiniteCategory` where it can, and a
:class:`PresentedCategory` otherwise.

>>> from catlearn.category import Graph, Presentation
>>> square = Graph({"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")})
>>> len(square.category().arrows), len(Presentation(square, ["f >> g = h >> k"]).category().arrows)
(10, 9)
>>> C = Presentation({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g >> f = f"]).category()
>>> len(C.arrows)
7
>>> N = Graph({"s": ("A", "A")}).category()
>>> N.is_finite
Finiteness(is_finite=False, reason='all paths id(A), s, s >> s, ... differ')
>>> print(N.compose("s", "s >> s"), N.equal("s >> s", "s"))
s >> s >> s NotEqual: the normal forms s >> s and s differ
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catlearn.category.completion import RewritingSystem, complete, difference
from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph
from catlearn.category.path import Path, Side, written
from catlearn.category.presentation import Presentation
from catlearn.category.protocol import Budget, Category, Verdict
from catlearn.category.targets import Paths
from catlearn.errors import InfinitelyManyPaths, TooLarge, TooManyPaths, Undecided, expect
from catlearn.finset.value import once


@dataclass(frozen=True)
class Finiteness:
    """Whether a category has finitely many arrows, with a proof.

    Parameters
    ----------
    is_finite
        Whether it has; None if it is not known. The truth value is this one, and raises
        :class:`~catlearn.errors.Undecided` for None.
    reason
        The proof in words, or why there is none.
    count
        How many arrows there are, if finitely many.
    before, loop
        If there are infinitely many: paths u and v such that u, ``u >> v``, ``u >> v >> v``
        and so on are all different arrows.
    """

    is_finite: bool | None
    reason: str
    count: int | None = None
    before: Path | None = None
    loop: Path | None = None

    def __bool__(self) -> bool:
        if self.is_finite is None:
            message = "it is not known whether the category has finitely many arrows"
            raise Undecided(f"{message}: {self.reason}")
        return self.is_finite

    def __repr__(self) -> str:
        return f"Finiteness(is_finite={self.is_finite}, reason={self.reason!r})"


class PresentedCategory(Category, by="graph"):
    """The category presented by a graph and equations between its paths.

    Parameters
    ----------
    presentation
        The presentation, or a graph for the free category on it.
    budget
        How far completion may go; see :class:`~catlearn.category.Budget`.
    """

    graph: Graph
    budget: Budget

    def __init__(self, presentation: Graph, budget: Budget | int | None = None) -> None:
        expect(presentation, Graph, "presentation", "a Presentation or a Graph")
        self._set(graph=presentation, budget=Budget.of(budget))

    @once
    def system(self) -> RewritingSystem:
        """The rewriting system, as far as it was completed."""
        return complete(self.graph, self.budget)

    @property
    def rules(self) -> tuple[tuple[Path, Path], ...]:
        """The rules of the rewriting system, sorted by their left sides."""
        return self.system.rules

    @property
    def is_complete(self) -> bool:
        """Whether each arrow has one normal form, so that equality is decided."""
        return self.system.is_complete

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the objects."""
        return self.graph.vertices

    @property
    def generators(self) -> Graph:
        """The graph whose paths the arrows are."""
        return Graph.of(self.graph)

    def presentation(self) -> Presentation:
        """Return the presentation."""
        return self.graph if isinstance(self.graph, Presentation) else Presentation(self.graph)

    def normal_form(self, path: Side, /) -> Path:
        """Return the normal form of a path, or what it rewrites to by an incomplete system."""
        return self.system.normal_form(path)

    def read(self, arrow: Side, /) -> Path:
        """Return the normal form of a path or its text."""
        return self.normal_form(arrow)

    def word(self, arrow: Side, /) -> Path:
        """Return a path that the arrow is the class of: its normal form."""
        return self.normal_form(arrow)

    def identity(self, object: str, /) -> Path:
        """Return the empty path at an object."""
        self.graph.out_edges(object)  # refuses an unknown name
        return Path.identity(object)

    def compose(self, first: Side, then: Side, /) -> Path:
        """Return the normal form of ``first >> then``."""
        return self.normal_form(self.graph.path(first) >> self.graph.path(then))

    def composite(self, object: str, arrows: Sequence[Side], /) -> Path:
        """Return the normal form of the composite of arrows that start at an object.

        They are put one after the other first, and rewritten once.
        """
        return self.normal_form(Paths().composite(object, [self.graph.path(f) for f in arrows]))

    def ends(self, arrow: Side, /) -> tuple[str, str]:
        """Return the objects where a path starts and ends."""
        path = self.graph.path(arrow)
        return path.source, path.target

    def equal(self, one: Side, other: Side, /) -> Verdict:
        """Return whether two parallel paths are one arrow: Equal, NotEqual or Unknown.

        Raises
        ------
        NotComposable
            If they are not parallel paths of the graph.
        """
        return self.system.equal(one, other)

    @once
    def is_finite(self) -> Finiteness:
        """Whether there are finitely many arrows; the answer is a yes, a no, or an error."""
        return self._decide()

    def _decide(self) -> Finiteness:
        system = self.system
        if not system.is_complete:
            return self._count_edges()
        found = system.automaton.loop
        if found is None:
            count = system.automaton.count
            return Finiteness(True, f"there are {count} normal forms", count)
        vertex, word, around = found
        before = system.path(word, self.objects[vertex])
        loop = system.path(around, before.target)
        shown = ", ".join(map(str, (before, before >> loop, before >> loop >> loop)))
        return Finiteness(False, f"all paths {shown}, ... differ", before=before, loop=loop)

    def _count_edges(self) -> Finiteness:
        """Look for a loop that uses edges as often as no equation makes up for."""
        for edge in self.graph.edges:
            source, target = self.graph.ends(edge)
            tree = self.graph.reachable(target)
            if source in tree.vertices:
                loop = Path(source, (edge,), target) >> tree.path(source)
                if not self.system.lattice.has_multiple(difference(loop.edges, ())):
                    reason = f"all paths that repeat {loop} differ in how often they use edges"
                    before = Path.identity(source)
                    return Finiteness(False, reason, before=before, loop=loop)
        return Finiteness(None, self.system.stopped)

    def finite(self) -> FiniteCategory:
        """Return it as a finite category, whose arrows are named as their normal forms.

        Raises
        ------
        TooLarge
            If it is infinite, is not known to be finite, or is over the budget of arrows.
        """
        return self._cached("finite", self._list)

    def _list(self) -> FiniteCategory:
        why = self._too_large()
        if why:
            raise TooLarge(f"the category is not listed: {why}")
        return self.system.automaton.list_words().category(self.graph)

    def _too_large(self) -> str:
        """Say why the category cannot be listed, if it cannot."""
        finiteness, budget = self.is_finite, self.budget
        if not finiteness.is_finite:
            known = "it has infinitely many arrows, since" if finiteness.is_finite is False else ""
            return f"{known} {finiteness.reason}".strip()
        automaton = self.system.automaton
        for what, count, most in (
            ("arrows", automaton.count, budget.arrows),
            ("composites", automaton.composable, budget.composites),
        ):
            if count > most:
                return f"it has {count} {what}; Budget({what}={count}) would admit them"
        return ""

    @property
    def arrows(self) -> tuple[Path, ...]:
        """All arrows, identities first and then in shortlex order.

        Raises
        ------
        TooLarge
            If there are infinitely many, or it is not known how many; :meth:`iterate` goes on
            as long as one likes.
        """
        finiteness, budget = self.is_finite, self.budget
        if not finiteness.is_finite or (finiteness.count or 0) > budget.arrows:
            raise TooLarge(f"the arrows are not listed: {self._too_large()}")
        return tuple(self.iterate())

    def iterate(self) -> Iterator[Path]:
        """Yield the arrows, in shortlex order, for ever if there are infinitely many.

        Raises
        ------
        Undecided
            If the system is not complete, so that several paths may be one arrow.

        Examples
        --------
        >>> from itertools import islice
        >>> C = PresentedCategory(Presentation.monoid("ab", ["b a = a b"]))
        >>> [str(path) for path in islice(C.iterate(), 6)]
        ['id(*)', 'a', 'b', 'a >> a', 'a >> b', 'b >> b']
        """
        system = self.system
        if not system.is_complete:
            raise Undecided(f"arrows cannot be told apart: {system.stopped}")
        automaton = system.automaton
        layer = [("", vertex, vertex) for vertex in range(len(self.objects))]
        while layer:
            for word, start, _ in layer:
                yield system.path(word, self.objects[start])
            grown = [
                (word + letter, start, after)
                for word, start, state in layer
                for letter in automaton.leaving[automaton.at[state]]
                if (after := automaton.follow(state, letter)) >= 0
            ]
            layer = sorted(grown) if not layer[0][0] else grown

    def hom(self, source: str, target: str) -> tuple[Path, ...]:
        """Return the arrows from one object to another, in shortlex order.

        Only paths between the two count: loops elsewhere, and equations elsewhere for which no
        complete system is found, do not matter.

        Raises
        ------
        TooLarge
            If they are infinitely many, are more than the budget, or are not known.

        Examples
        --------
        >>> G = Graph({"s": ("A", "A"), "f": ("A", "B"), "g": ("B", "C"), "h": ("B", "C")})
        >>> [str(path) for path in PresentedCategory(G).hom("B", "C")]
        ['g', 'h']
        >>> absorbed = PresentedCategory(Presentation(G, ["s >> f = f"]))
        >>> [str(path) for path in absorbed.hom("A", "C")]
        ['f >> g', 'f >> h']
        """
        for end in (source, target):
            self.identity(end)
        between, system = self.graph._steps_between(source, target), self.system
        if not between:
            return ()
        if not system.is_complete:
            rows = self.graph.interior({"V": list(between)})
            system = complete(self.graph.subtables(rows)[0], self.budget)
        arrows = f"arrows from {written(source)} to {written(target)}"
        if not system.is_complete:
            raise TooLarge(f"the {arrows} are not listed: {system.stopped}")
        # Irreducible words are the ways through the automaton, from a vertex to one of its states.
        automaton, names = system.automaton, system.graph.edges
        place = system.graph.vertices.index
        ends: dict[str, tuple[str, str]] = {}
        letter: dict[str, str] = {}
        for state, steps in automaton.growth.items():
            for (_, read), after in steps:
                letter[f"{state} {ord(read)}"] = names[ord(read)]
                ends[f"{state} {ord(read)}"] = (str(state), str(after))
            if automaton.at[state] == place(target):
                ends[f"{state}"] = (str(state), "target")
        ways = Graph(ends, [str(place(source)), "target"])
        try:
            found = ways.paths(str(place(source)), "target", bound=self.budget.arrows)
        except InfinitelyManyPaths as error:
            loop = " >> ".join(written(letter[step]) for step in error.cycle)
            message = f"they may run around {loop} any number of times"
            raise TooLarge(f"there are infinitely many {arrows}: {message}") from None
        except TooManyPaths as error:
            remedy = f"Budget(arrows={error.count}) would admit them"
            raise TooLarge(f"there are {error.count} {arrows}; {remedy}") from None
        return tuple(
            Path(source, tuple(letter[step] for step in way.edges[:-1]), target) for way in found
        )

    def __repr__(self) -> str:
        return f"PresentedCategory({self.graph!r})"

    def __str__(self) -> str:
        return str(self.graph)


def category(
    presentation: Graph, budget: Budget | int | None = None
) -> FiniteCategory | PresentedCategory:
    """Return the presented category; see :meth:`Graph.category`."""
    presented = PresentedCategory(presentation, budget)
    return presented if presented._too_large() else presented.finite()
