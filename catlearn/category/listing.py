"""The category that the normal forms of paths make, listed with its composition.

Composition needs no rewriting. Multiplying a normal form ``x u`` by an edge e that completes the
left side ``u e`` of a rule gives x times the right side: a walk through products that are smaller
in shortlex. So the *Cayley table* of arrows times edges is filled in one pass, and composites are
walks in it. (Froidure and Pin, "Algorithms for computing finite semigroups", 1997.)
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph
from catlearn.category.path import Path, written

if TYPE_CHECKING:
    from catlearn.category.automaton import Automaton


class Words:
    """All irreducible words, by row: the identities first, then in shortlex order.

    Parameters
    ----------
    automaton
        Whose words they are.
    states
        The state that each word leads to.
    sources
        The vertex where it starts.
    parents, letters
        The row of the word without its last letter, and this letter's number; -1 for identities.
    """

    def __init__(
        self,
        automaton: Automaton,
        states: np.ndarray,
        sources: np.ndarray,
        parents: np.ndarray,
        letters: np.ndarray,
    ) -> None:
        self.automaton, self.states, self.sources = automaton, states, sources
        self.targets = np.array(automaton.at, dtype=np.int64)[states]
        self.parents, self.letters = parents, letters
        # An edge has a rank among those that leave its source.
        rank = {letter: k for leaving in automaton.leaving for k, letter in enumerate(leaving)}
        self._ranks = np.array([rank[chr(k)] for k in range(len(rank))], dtype=np.int64)

    def category(self, graph: Graph) -> FiniteCategory:
        """Return the words as a finite category, its arrows named as paths of the graph.

        Edges that equations make equal to other arrows are not among the names, but are read.
        """
        names = self.names(graph)
        products, begin = self._cayley
        rows = products[begin[graph.arrows["src"].values] + self._ranks]
        aliases = {
            edge: row
            for edge, row in zip(graph.edges, rows.tolist(), strict=True)
            if names[row] != edge
        }
        return FiniteCategory.build(
            graph.vertices,
            names,
            self.sources,
            self.targets,
            np.arange(self.automaton.vertices),
            self.compose,
            generators=np.flatnonzero(self.lengths == 1),
            aliases=aliases,
        )

    def names(self, graph: Graph) -> list[str]:
        """Return the texts of the words as paths of a graph, in order.

        An edge has its own name, without quotes, unless this is the text of another path.
        """
        edges, texts = [written(edge) for edge in graph.edges], []
        for parent, letter in zip(self.parents.tolist(), self.letters.tolist(), strict=True):
            if parent < 0:
                texts.append(str(Path.identity(graph.vertices[len(texts)])))
            elif parent < self.automaton.vertices:
                texts.append(edges[letter])
            else:
                texts.append(f"{texts[parent]} >> {edges[letter]}")
        taken = set(texts)
        for row in np.flatnonzero(self.lengths == 1).tolist():
            name = graph.edges[self.letters[row]]
            texts[row] = texts[row] if name in taken else name
        return texts

    @cached_property
    def lengths(self) -> np.ndarray:
        """The lengths of the words."""
        lengths: list[int] = []
        for parent in self.parents.tolist():
            lengths.append(0 if parent < 0 else lengths[parent] + 1)
        return np.array(lengths, dtype=np.int64)

    @cached_property
    def _cayley(self) -> tuple[np.ndarray, np.ndarray]:
        """The products of arrows with the edges out of their targets, and where each's begin."""
        automaton, ranks = self.automaton, self._ranks.tolist()
        leaving = [len(letters) for letters in automaton.leaving]
        degrees = np.array(leaving, dtype=np.int64)[self.targets]
        begin = np.cumsum(degrees) - degrees
        grown = np.flatnonzero(self.parents >= 0)
        table = np.full(int(degrees.sum()), -1)
        table[begin[self.parents[grown]] + self._ranks[self.letters[grown]]] = grown
        # Of each state: the letters that complete a rule, by rank, and the rules.
        completed = [
            [
                (rank, automaton.rules[~rule])
                for rank, letter in enumerate(automaton.leaving[vertex])
                if (rule := automaton.follow(state, letter)) < 0
            ]
            for state, vertex in enumerate(automaton.at)
        ]
        products, starts, parents = table.tolist(), begin.tolist(), self.parents.tolist()
        for row, state in enumerate(self.states.tolist()):
            for rank, (left, right) in completed[state]:
                at = row
                for _ in range(len(left) - 1):
                    at = parents[at]
                for letter in right:
                    at = products[starts[at] + ranks[ord(letter)]]
                products[starts[row] + rank] = at
        return np.array(products, dtype=np.int64), begin

    def compose(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the composites of all pairs of words that meet, which are given in order.

        The composite of f and ``g e`` is that of f and g, which stands before it, times e.
        """
        products, begin = self._cayley
        # Words have places among those that leave the same vertex.
        places = np.empty(len(self.sources), dtype=np.int64)
        by_source = np.argsort(self.sources, kind="stable")
        degrees = np.bincount(self.sources, minlength=self.automaton.vertices)
        places[by_source] = np.arange(len(by_source)) - np.repeat(
            np.cumsum(degrees) - degrees, degrees
        )
        grown = self.lengths > 0
        back = np.where(grown, places - places[self.parents], 0)
        ranks = np.where(grown, self._ranks[self.letters] if grown.any() else 0, 0)
        composites, lengths = first.copy(), self.lengths[second]
        order = np.argsort(lengths, kind="stable")
        stops = np.cumsum(np.bincount(lengths))
        for start, stop in pairwise(stops.tolist()):
            pair = order[start:stop]
            last = second[pair]
            composites[pair] = products[begin[composites[pair - back[last]]] + ranks[last]]
        return composites
