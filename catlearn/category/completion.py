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

Knuth-Bendix completion of words, the engine under the rewriting of paths.

A word is a string whose letters are the code points of edge numbers, so that comparing, slicing
and concatenating words is done by Python's own strings. Words are ordered by *shortlex*: by
length, then from left to right. A *rule* replaces a word by a smaller one. A set of rules is
*reduced* if no left side contains another and no right side contains a left side.

Two rules ``u v -> p`` and ``v w -> q`` overlap in the word ``u v w``, which rewrites to ``p w``
and to ``u q``: a *critical pair*. If the two always rewrite to a common word, the rules are
confluent and normal forms are unique; if not, the pair becomes a new rule (Knuth and Bendix 1970;
Sims, *Computation with Finitely Presented Groups*, chapter 2). Pairs are taken by the length of
the overlapping word. A pair is skipped if a third rule applies strictly inside ``u v w``, since
then it follows from the overlaps of that rule with the two, which are shorter (Kapur, Musser,
Narendran, "Only prime superpositions need be considered in the Knuth-Bendix completion
procedure", 1988).

Words that are paths of a graph overlap only in paths, and the two sides of a rule stay parallel,
so nothing here has to know about objects.

>>> completion = Completion([("aa", ""), ("bbb", ""), ("ababab", "")])
>>> completion.run(rules=100, letters=10_000)
True
>>> for left, right in sorted(completion.rules.items(), key=lambda rule: shortlex(rule[0])):
...     print(left, "->", right or "1")
aa -> 1
bbb -> 1
abab -> bba
abba -> bab
baba -> abb
bbabb -> aba

Membership in a lattice of integer vectors, which proves that two paths differ.

Counting how often each edge occurs is a functor from the free category on a graph to the abelian
group of integer vectors. Modulo the lattice that the differences of all equations span it is a
functor out of the presented category: paths whose counts differ there are not equal, and a loop
of which no multiple is in the lattice leads to infinitely many arrows.

>>> lattice = Lattice([{"a": 2}, {"b": 3, "a": 1}])
>>> {"a": 4} in lattice, {"b": 6} in lattice, {"b": 3} in lattice
(True, True, False)

The category that the normal forms of paths make, listed with its composition.

Composition needs no rewriting. Multiplying a normal form ``x u`` by an edge e that completes the
left side ``u e`` of a rule gives x times the right side: a walk through products that are smaller
in shortlex. So the *Cayley table* of arrows times edges is filled in one pass, and composites are
walks in it. (Froidure and Pin, "Algorithms for computing finite semigroups", 1997.)

The automaton of irreducible words, and the category that it lists.

A word is irreducible under a reduced set of rules if no left side occurs in it. Reading a word
letter by letter, it is enough to remember the longest end of it that begins a left side (Aho and
Corasick, "Efficient string matching", 1975): these beginnings, and one state for each vertex, are
the states. A letter that completes a left side leads nowhere.

If the rules are confluent, irreducible words are normal forms. They are infinitely many if and
only if letters lead around a cycle of states; else their number is a sum over the acyclic graph of
states. (Sims, *Computation with Finitely Presented Groups*, 3.5.)

>>> from catlearn.category import Graph
>>> rules = {letters([0, 0]): "", letters([1, 0]): letters([0, 1])}
>>> automaton = Automaton(Graph({"a": ("X", "X"), "b": ("X", "X")}), rules)
>>> [*map(ord, automaton.reduce(0, letters([1, 0, 1, 0])))]
[1, 1]
>>> automaton.loop == (0, letters([1]), letters([1]))
True
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph, find_cycle, sort_vertices
from catlearn.category.path import Path, Side, written
from catlearn.category.presentation import Presentation, not_parallel
from catlearn.category.protocol import Budget, Equal, NotEqual, Unknown, Verdict
from catlearn.errors import Failure, NotComposable, expect, refuse
from catlearn.finset import Frozen
from catlearn.finset.join import expand


def shortlex(word: str) -> tuple[int, str]:
    """Return the key by which words are ordered: shorter first, then from left to right."""
    return len(word), word


def letters(numbers: Iterable[int]) -> str:
    """Return the word whose letters have these numbers."""
    return "".join(map(chr, numbers))


class _Spent(Exception):
    """The letters of the budget are read."""


class Completion:
    """A completion in progress: the reduced rules so far, and the overlaps still to look at.

    Parameters
    ----------
    equations
        Pairs of words that are to be equal.
    """

    def __init__(self, equations: Iterable[tuple[str, str]]) -> None:
        self.rules: dict[str, str] = {}
        self.letters = 0
        self._limit = 0
        # The left sides, read backwards, as a trie; each one stands at its end under "".
        self._index: dict[str, Any] = {}
        # The left sides that start, and that end, with a word: those whose overlaps are queued.
        self._starts: dict[str, dict[str, None]] = {}
        self._ends: dict[str, dict[str, None]] = {}
        # The overlaps (left, right, number of letters shared) by length, and these lengths.
        self._queue: dict[int, deque[tuple[str, str, int]]] = {}
        self._lengths: list[int] = []
        self._fresh: list[str] = []
        self._pending = sorted(equations, key=lambda pair: -max(map(len, pair)))

    def run(self, rules: int, letters: int) -> bool:
        """Complete, until no overlap is left or the budget is spent; return whether complete.

        Parameters
        ----------
        rules
            The most rules there may be at one time.
        letters
            The most letters to read in rewriting, from the beginning.
        """
        self._limit = letters
        try:
            self._settle()
            while (overlap := self._next()) is not None:
                if len(self.rules) > rules:
                    return False
                left, right, shared = overlap
                if self._follows(left, right, shared):
                    continue
                one = self.reduce(self.rules[left], right[shared:])
                other = self.reduce(left[: len(left) - shared], self.rules[right])
                if one != other:
                    self._pending.append((one, other))
                    self._settle()
        except _Spent:
            return False
        return True

    def _next(self) -> tuple[str, str, int] | None:
        """Take a shortest overlap out of the queue, passing over those of rules that are gone."""
        while self._lengths:
            bucket = self._queue[self._lengths[0]]
            while bucket:
                left, right, shared = bucket.popleft()
                if left in self.rules and right in self.rules:
                    return left, right, shared
            del self._queue[heapq.heappop(self._lengths)]
        return None

    def reduce(self, done: str, todo: str) -> str:
        """Return the reduced form of ``done + todo``, where ``done`` is reduced already."""
        rules, index = self.rules, self._index
        word, letters, read, limit = list(done), list(reversed(todo)), 0, self._limit - self.letters
        while letters:
            read += 1
            if read > limit:
                raise _Spent
            word.append(letters.pop())
            node = index
            for letter in reversed(word):
                node = node.get(letter)
                if node is None:
                    break
                if "" in node:
                    left = node[""]
                    del word[-len(left) :]
                    letters.extend(reversed(rules[left]))
                    break
        self.letters += read
        return "".join(word)

    def _settle(self) -> None:
        """Turn pending equations into rules until all of them hold, and queue new overlaps."""
        while self._pending:
            one, other = self._pending.pop()
            one, other = self.reduce("", one), self.reduce("", other)
            if one != other:
                self._add(*sorted((one, other), key=shortlex, reverse=True))
        fresh, self._fresh = self._fresh, []
        for left in fresh:
            if left in self.rules:
                self._queue_overlaps(left)

    def _add(self, left: str, right: str) -> None:
        """Add a rule between reduced words; rules that it reduces are pending again."""
        inside = [(old, image) for old, image in self.rules.items() if left in old or left in image]
        for old, image in inside:
            if left in old:
                self._pending.append((old, image))
                self._remove(old)
        self.rules[left] = right
        node = self._index
        for letter in reversed(left):
            node = node.setdefault(letter, {})
        node[""] = left
        self._fresh.append(left)
        for old, image in inside:
            if old in self.rules:
                self.rules[old] = self.reduce("", image)

    def _remove(self, left: str) -> None:
        del self.rules[left]
        nodes = [self._index]
        for letter in reversed(left):
            nodes.append(nodes[-1][letter])
        del nodes[-1][""]
        for node, letter in zip(reversed(nodes[:-1]), left, strict=True):
            if node[letter]:
                break
            del node[letter]
        for cut in range(1, len(left)):
            self._starts.get(left[:cut], {}).pop(left, None)
            self._ends.get(left[cut:], {}).pop(left, None)

    def _queue_overlaps(self, left: str) -> None:
        """Queue the overlaps of a rule with itself and with all that were queued before."""
        cuts, found = range(1, len(left)), []
        for cut in cuts:
            self._starts.setdefault(left[:cut], {})[left] = None
            self._ends.setdefault(left[cut:], {})[left] = None
        for cut in cuts:
            for other in self._starts.get(left[cut:], ()):
                found.append((left, other, len(left) - cut))
            for other in self._ends.get(left[:cut], ()):
                if other != left:
                    found.append((other, left, cut))
        for one, other, shared in found:
            length = len(one) + len(other) - shared
            if length not in self._queue:
                self._queue[length] = deque()
                heapq.heappush(self._lengths, length)
            self._queue[length].append((one, other, shared))

    def _follows(self, left: str, right: str, shared: int) -> bool:
        """Whether a rule applies strictly inside an overlapping word.

        Parts of the two left sides are reduced, so such a rule ends beyond the first of them.
        """
        index, word = self._index, left + right[shared:]
        for end in range(len(left), len(word)):
            node = index
            for place in range(end - 1, 0, -1):
                node = node.get(word[place])
                if node is None:
                    break
                if "" in node:
                    return True
        return False


Vector = Mapping[Any, int]
"""An integer vector by its coordinates; those left out are 0."""


class Lattice:
    """The integer combinations of some vectors, in echelon form.

    Parameters
    ----------
    vectors
        The vectors that span it.
    """

    def __init__(self, vectors: Iterable[Vector]) -> None:
        # One vector for each leading coordinate; the coordinates before it are 0.
        self._rows: dict[Hashable, dict[Any, int]] = {}
        self._order: dict[Any, int] = {}
        for vector in vectors:
            self._insert(self._clean(vector))

    def _clean(self, vector: Vector) -> dict[Any, int]:
        for coordinate in vector:
            self._order.setdefault(coordinate, len(self._order))
        return {coordinate: value for coordinate, value in vector.items() if value}

    def _lead(self, vector: Vector) -> Hashable:
        return min(vector, key=self._order.__getitem__)

    def _insert(self, vector: dict[Any, int]) -> None:
        while vector:
            lead = self._lead(vector)
            row = self._rows.get(lead)
            if row is None:
                self._rows[lead] = vector
                return
            # Euclid's algorithm on the two leading entries.
            while vector.get(lead):
                row, vector = vector, _add(row, -(row[lead] // vector[lead]), vector)
            self._rows[lead] = row

    def __contains__(self, vector: Vector) -> bool:
        return self._has(vector, multiples=False)

    def has_multiple(self, vector: Vector) -> bool:
        """Whether some multiple of a vector, but 0, is in the lattice.

        Examples
        --------
        >>> lattice = Lattice([{"a": 2, "b": 2}])
        >>> lattice.has_multiple({"a": 3, "b": 3}), lattice.has_multiple({"a": 1})
        (True, False)
        """
        return self._has(vector, multiples=True)

    def _has(self, vector: Vector, multiples: bool) -> bool:
        rest = self._clean(vector)
        while rest:
            lead = self._lead(rest)
            row = self._rows.get(lead)
            if row is None or (rest[lead] % row[lead] and not multiples):
                return False
            if multiples:
                rest = _add({}, row[lead], rest)
            rest = _add(rest, -(rest[lead] // row[lead]), row)
        return True


def _add(one: Vector, factor: int, other: Vector) -> dict[Any, int]:
    """Return ``one + factor * other``."""
    total = dict(one)
    for coordinate, value in other.items():
        total[coordinate] = total.get(coordinate, 0) + factor * value
    return {coordinate: value for coordinate, value in total.items() if value}


def difference(one: Iterable[Hashable], other: Iterable[Hashable]) -> dict[Any, int]:
    """Return how much more often each entry occurs in the first than in the second.

    Examples
    --------
    >>> difference("aab", "bc")
    {'a': 2, 'c': -1}
    """
    counts = Counter(one)
    counts.subtract(Counter(other))
    return {entry: count for entry, count in counts.items() if count}


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
    def growth(self) -> dict[Any, list[tuple[Any, Any]]]:
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
        cycle: Any = find_cycle(self.growth)
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
        order: list[Any] = sort_vertices(self.growth)
        for state in order:
            for _, after in self.growth[state]:
                ending[after] += ending[state]
        starting = [1] * len(self.words)
        for state in reversed(order):
            starting[state] += sum(starting[after] for _, after in self.growth[state])
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
        degrees = np.array([len(steps) for steps in self.growth.values()], dtype=np.int64)
        starts = np.cumsum(degrees) - degrees
        growth = [(ord(e), after) for steps in self.growth.values() for (_, e), after in steps]
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


class RewritingSystem(Frozen, by="graph rules stopped"):
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
        expect(presentation, Graph, "presentation", "a Presentation or a Graph")
        expect(rules, Iterable, "rules", "pairs of paths, such as [('f >> g', 'h')]")
        pairs = tuple((presentation.path(left), presentation.path(right)) for left, right in rules)
        self._set(graph=presentation, rules=pairs, stopped=stopped)
        if check:
            refuse(type(self).__name__, self.failures())

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
        refuse(
            f"'{left} = {right}'",
            not_parallel(left, right, f"'{left}' and '{right}'"),
            NotComposable,
        )
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
                        yield Failure("confluence", where, f"it rewrites to {both}, which differ")

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
    expect(presentation, Graph, "presentation", "a Presentation or a Graph")
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
