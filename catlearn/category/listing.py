"""The category that the normal forms of paths make, listed with its composition.

Composition needs no rewriting. Multiplying a normal form ``x u`` by an edge e that completes the
left side ``u e`` of a rule gives x times the right side: a walk through products that are smaller
in shortlex. So the *Cayley table* of arrows times edges is filled in one pass, and composites are
walks in it. (Froidure and Pin, "Algorithms for computing finite semigroups", 1997.)
"""

from __future__ import annotations

from functools import cached_property
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
    def words(self) -> list[str]:
        """The words in order."""
        words: list[str] = []
        for parent, letter in zip(self.parents.tolist(), self.letters.tolist(), strict=True):
            words.append("" if parent < 0 else words[parent] + chr(letter))
        return words

    @cached_property
    def lengths(self) -> np.ndarray:
        """The lengths of the words."""
        return np.array([len(word) for word in self.words], dtype=np.int64)

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
        """Return the rows of the composites of words that meet, given by row."""
        products, begin = self._cayley
        steps = np.zeros((len(self.words), int(self.lengths.max(initial=0))), dtype=np.int64)
        for length in range(1, steps.shape[1] + 1):
            rows = np.flatnonzero(self.lengths == length)
            steps[rows, : length - 1] = steps[self.parents[rows], : length - 1]
            steps[rows, length - 1] = self._ranks[self.letters[rows]]
        at, left = first.copy(), np.arange(first.size)
        for place in range(steps.shape[1]):
            left = left[self.lengths[second[left]] > place]
            at[left] = products[begin[at[left]] + steps[second[left], place]]
        return at
