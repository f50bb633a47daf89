"""Monoids and groups by generators and relations, as presentations with one vertex.

A monoid is a category with one object, and a monoid presentation is a presentation whose graph
has one vertex. Relations are written as in algebra: letters side by side (with spaces between
them, which may be left out if each letter is one character), ``1`` for the identity, powers
``a^3`` and ``(a b)^7``, and ``=`` between two sides or more. In a group ``a^-1`` is the inverse
of a, ``[a, b]`` the commutator ``a^-1 b^-1 a b``, and a side alone is a relator, equal to 1.

>>> from catlearn.category import Presentation
>>> print(Presentation.monoid("ab", ["a a = 1", "b^3 = 1", "(a b)^2 = b^2 a"]))
a : * → *, b : * → * | a >> a = id(*), b >> b >> b = id(*), a >> b >> a >> b = b >> b >> a
>>> print(*Presentation.group("a", ["a^4"]).equations.values(), sep=", ")
a >> A = id(*), A >> a = id(*), a >> a >> a >> a = id(*)
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping

from catlearn.category.equation import Equation
from catlearn.category.path import Path
from catlearn.errors import Failure, InvalidStructure, PathSyntaxError, TooLarge, did_you_mean

LONGEST = 5_000
"""The most letters that a side may have when its powers are written out."""

Word = tuple[str, ...]


def monoid_equations(
    letters: Iterable[str], relations: Iterable[str], vertex: str
) -> tuple[tuple[str, ...], list[Equation]]:
    """Read a monoid presentation into its letters and equations between loops at a vertex."""
    alphabet = _alphabet(letters)
    inverses: dict[str, str] = {}
    return alphabet, _distinct(_read_all(relations, alphabet, inverses, vertex))


def group_equations(
    letters: Iterable[str], relations: Iterable[str], vertex: str
) -> tuple[tuple[str, ...], list[Equation]]:
    """Read a group presentation: as a monoid, with an inverse beside each letter."""
    generators = _alphabet(letters)
    inverses: dict[str, str] = {}
    for letter in generators:
        other = letter.upper()
        if len(letter) > 1 or other == letter or other in generators:
            other = f"{letter}'"
        inverses[letter], inverses[other] = other, letter
    alphabet = _alphabet(inverses)
    if len(inverses) < 2 * len(generators):
        message = f"a letter has the name of an inverse: the letters are {', '.join(alphabet)}"
        raise InvalidStructure("Presentation", [Failure("letters", "alphabet", message)])
    units = list(inverses.items())
    equations = [_equation(pair, (), vertex) for pair in units]
    relators = _read_all(relations, alphabet, inverses, vertex)
    return alphabet, _distinct([*equations, *relators])


def _distinct(equations: Iterable[Equation]) -> list[Equation]:
    """Drop relations that were given before: equations are named by their text."""
    return list(dict.fromkeys(equations))


def _alphabet(letters: Iterable[str]) -> tuple[str, ...]:
    names = tuple(letters.split() if isinstance(letters, str) and " " in letters else letters)
    failures = [
        Failure("letters", f"letter {name!r}", "a letter is a name of word characters, and not 1")
        for name in names
        if not re.fullmatch(r"\w[\w'.]*", name) or name.isdecimal()
    ]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    failures += [Failure("letters", f"letter {name!r}", "it is given twice") for name in twice]
    if failures:
        raise InvalidStructure("Presentation", failures)
    return names


def _equation(left: Word, right: Word, vertex: str) -> Equation:
    return Equation((Path(vertex, left, vertex), Path(vertex, right, vertex)))


def _read_all(
    relations: Iterable[str], alphabet: Word, inverses: Mapping[str, str], vertex: str
) -> Iterable[Equation]:
    for relation in [relations] if isinstance(relations, str) else relations:
        sides = _Relation(relation, alphabet, inverses).sides()
        for left, right in itertools.pairwise(sides):
            yield _equation(left, right, vertex)


class _Relation:
    """A cursor over the tokens of a relation; a token is (text, position)."""

    def __init__(self, text: str, alphabet: Word, inverses: Mapping[str, str]) -> None:
        self.text, self.alphabet, self.inverses, self.at = text, alphabet, inverses, 0
        # The longest letter first, so that a1 is read before a.
        names = sorted(alphabet, key=len, reverse=True)
        spelled = "|".join([*map(re.escape, names), r"\^\s*-?\d+", r"[()\[\],=]", "1"])
        self.tokens: list[tuple[str, int]] = []
        position, token = 0, re.compile(rf"\s*({spelled})")
        while text[position:].strip():
            match = token.match(text, position)
            if match is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                found = re.match(r"\w+|\S", text[start:])
                hint = did_you_mean(found[0] if found else "", alphabet)
                raise self.error(f"there is no letter like this; {hint}", start)
            self.tokens.append((match[1], match.start(1)))
            position = match.end()
        self.tokens.append(("", len(text)))

    def error(self, message: str, position: int) -> PathSyntaxError:
        line = self.text.replace("\n", " ").replace("\t", " ")
        return PathSyntaxError(
            f"cannot read this relation: {message}\n  {line}\n  {' ' * position}^"
        )

    def refuse(self, expected: str) -> PathSyntaxError:
        found, position = self.tokens[self.at]
        return self.error(f"expected {expected}, found {found or 'the end'}", position)

    def sides(self) -> list[Word]:
        """Return the sides; of a relator, itself and the empty word."""
        sides = [self.product()]
        while self.tokens[self.at][0] == "=":
            self.at += 1
            sides.append(self.product())
        if self.tokens[self.at][0]:
            raise self.refuse("a letter, '=' or the end")
        if len(sides) == 1:
            if not self.inverses:
                raise self.refuse("'=' and another side; in a monoid a relation has two")
            sides.append(())
        return sides

    def product(self) -> Word:
        word: Word = ()
        before = self.at
        while True:
            text, position = self.tokens[self.at]
            if text in self.alphabet:
                self.at += 1
                factor: Word = (text,)
            elif text == "1":
                self.at += 1
                factor = ()
            elif text == "(":
                self.at += 1
                factor = self.product()
                self.close(")")
            elif text == "[":
                factor = self.commutator()
            elif self.at == before:
                raise self.refuse("a letter, 1 or '('")
            else:
                return word
            while self.tokens[self.at][0].startswith("^"):
                exponent = int(self.tokens[self.at][0][1:])
                if abs(exponent) * len(factor) > LONGEST:
                    message = f"a side of '{self.text}' has over {LONGEST} letters"
                    raise TooLarge(f"{message}; introduce letters for powers of letters")
                factor = (self.inverse(factor) if exponent < 0 else factor) * abs(exponent)
                self.at += 1
            word += factor
            if len(word) > LONGEST:
                raise self.error(f"this side has over {LONGEST} letters", position)

    def commutator(self) -> Word:
        if not self.inverses:
            raise self.refuse("a letter; commutators need inverses, which a monoid has not")
        self.at += 1
        one = self.product()
        self.close(",")
        other = self.product()
        self.close("]")
        return self.inverse(one) + self.inverse(other) + one + other

    def close(self, sign: str) -> None:
        if self.tokens[self.at][0] != sign:
            raise self.refuse(f"{sign!r}")
        self.at += 1

    def inverse(self, word: Word) -> Word:
        if not self.inverses and word:
            raise self.refuse("a power that is not negative; a monoid has no inverses")
        return tuple(self.inverses[letter] for letter in reversed(word))
