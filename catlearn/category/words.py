"""Knuth-Bendix completion of words, the engine under the rewriting of paths.

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

>>> from catlearn.category.words import Completion
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
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from typing import Any


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
