"""The automaton of irreducible words, and the category that it lists.

A word is irreducible under a reduced set of rules if no left side occurs in it. Reading a word
letter by letter, it is enough to remember the longest end of it that begins a left side (Aho and
Corasick, "Efficient string matching", 1975): these beginnings, and one state for each vertex, are
the states. A letter that completes a left side leads nowhere.

If the rules are confluent, irreducible words are normal forms. They are infinitely many if and
only if letters lead around a cycle of states; else their number is a sum over the acyclic graph of
states. (Sims, *Computation with Finitely Presented Groups*, 3.5.)

>>> from catlearn.category import Graph
>>> from catlearn.category.words import letters
>>> rules = {letters([0, 0]): "", letters([1, 0]): letters([0, 1])}
>>> automaton = Automaton(Graph({"a": ("X", "X"), "b": ("X", "X")}), rules)
>>> [*map(ord, automaton.reduce(0, letters([1, 0, 1, 0])))]
[1, 1]
>>> automaton.loop == (0, letters([1]), letters([1]))
True
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from catlearn.category import walks
from catlearn.category.graph import Graph
from catlearn.category.listing import Words
from catlearn.category.words import shortlex
from catlearn.finset.join import expand


class Automaton:
    """The automaton of the irreducible words of a reduced set of rules on a graph.

    Parameters
    ----------
    graph
        The graph; the letter of its edge number k is ``chr(k)``.
    rules
        Left and right sides. No left side occurs in another side.
    """

    def __init__(self, graph: Graph, rules: Mapping[str, str]) -> None:
        self.rules = list(rules.items())
        self.vertices = len(graph.vertices)
        self.sources: list[int] = graph.arrows["src"].values.tolist()
        # Where a letter leads if no left side begins anywhere before or at it.
        targets: list[int] = graph.arrows["tgt"].values.tolist()
        self.home = {chr(k): target for k, target in enumerate(targets)}
        # The letters that leave each vertex, in order.
        self.leaving: list[list[str]] = [[] for _ in range(self.vertices)]
        for k, source in enumerate(self.sources):
            self.leaving[source].append(chr(k))
        # Of each state: its vertex, what it remembers, and where the letters lead that do not
        # lead home, to a state or to ``~k`` if they complete rule k. First come the vertices.
        self.at = list(range(self.vertices))
        self.words = [""] * self.vertices
        self.steps: list[dict[str, int]] = [{} for _ in range(self.vertices)]
        states = {self.rules[k][0]: ~k for k in range(len(self.rules))}
        beginnings = {left[:cut] for left, _ in self.rules for cut in range(1, len(left))}
        for word in sorted(beginnings, key=shortlex):
            states[word] = len(self.words)
            self.words.append(word)
            self.at.append(self.home[word[-1]])
            self.steps.append({})
        for word, state in states.items():
            before = states.get(word[:-1], self.sources[ord(word[0])])
            self.steps[before][word[-1]] = state
        # The longest proper end of a state's word that is a state; shorter words come first.
        ends = list(range(self.vertices))
        for state in range(self.vertices, len(self.words)):
            word = self.words[state]
            home = self.home[word[-1]]
            ends.append(home if len(word) == 1 else self.follow(ends[states[word[:-1]]], word[-1]))
            self.steps[state] = {**self.steps[ends[state]], **self.steps[state]}

    def follow(self, state: int, letter: str) -> int:
        """Return the state after a letter, or ``~k`` if the letter completes rule k."""
        return self.steps[state].get(letter, self.home[letter])

    def reduce(self, vertex: int, word: str) -> str:
        """Return the reduced form of a path's word, given the vertex where it starts."""
        states, done, letters = [vertex], [], list(reversed(word))
        while letters:
            letter = letters.pop()
            after = self.follow(states[-1], letter)
            if after >= 0:
                states.append(after)
                done.append(letter)
                continue
            left, right = self.rules[~after]
            rest = len(done) - len(left) + 1
            del states[rest + 1 :], done[rest:]
            letters.extend(reversed(right))
        return "".join(done)

    @cached_property
    def _growth(self) -> dict[Any, list[tuple[Any, Any]]]:
        """The letters after which a word stays irreducible: for each state, (them, next state).

        A letter stands there with its state, so that a cycle of letters says where it is.
        """
        return {
            state: [
                ((state, letter), after)
                for letter in self.leaving[self.at[state]]
                if (after := self.follow(state, letter)) >= 0
            ]
            for state in range(len(self.words))
        }

    @cached_property
    def loop(self) -> tuple[int, str, str] | None:
        """A vertex, a word u from there and a loop v such that all u v ... v are irreducible."""
        cycle: Any = walks.find_cycle(self._growth)
        if not cycle:
            return None
        state = cycle[0][0]
        # A state is reached by the word it remembers.
        before = self.words[state]
        vertex = self.start(before, self.at[state])
        return vertex, before, "".join(letter for _, letter in cycle)

    def start(self, word: str, vertex: int) -> int:
        """Return the vertex where a word starts; an empty one is at the vertex given."""
        return self.sources[ord(word[0])] if word else vertex

    @cached_property
    def _counts(self) -> tuple[list[int], list[int]]:
        """How many irreducible words end in each state, and start in it; they are finitely many."""
        ending = [int(state < self.vertices) for state in range(len(self.words))]
        order: list[Any] = walks.sort_vertices(self._growth)
        for state in order:
            for _, after in self._growth[state]:
                ending[after] += ending[state]
        starting = [1] * len(self.words)
        for state in reversed(order):
            starting[state] += sum(starting[after] for _, after in self._growth[state])
        return ending, starting

    @property
    def count(self) -> int:
        """The number of irreducible words, if they are finitely many."""
        return sum(self._counts[1][: self.vertices])

    @property
    def composable(self) -> int:
        """The number of pairs of irreducible words that meet, if they are finitely many."""
        ending, starting = self._counts
        return sum(number * starting[self.at[state]] for state, number in enumerate(ending))

    def list_words(self) -> Words:
        """List the irreducible words, which must be finitely many, in shortlex order."""
        degrees = np.array([len(steps) for steps in self._growth.values()], dtype=np.int64)
        starts = np.cumsum(degrees) - degrees
        growth = [(ord(e), after) for steps in self._growth.values() for (_, e), after in steps]
        letters, afters = np.array(growth, dtype=np.int64).reshape(-1, 2).T
        state = np.arange(self.vertices)
        none = np.full(self.vertices, -1)
        layers, listed = [(state, state, none, none)], 0
        while state.size:
            source, number = layers[-1][1], degrees[state]
            at = expand(starts[state], number)
            parent = np.repeat(listed + np.arange(state.size), number)
            listed += state.size
            # Words of one letter grow from each vertex in turn, but are ordered by letter.
            order = np.argsort(letters[at], kind="stable") if len(layers) == 1 else slice(None)
            state, source = afters[at][order], np.repeat(source, number)[order]
            layers.append((state, source, parent[order], letters[at][order]))
        return Words(self, *(np.concatenate(column) for column in zip(*layers, strict=True)))
