"""Patterns: the axes of arrays as text, as in einops and einx.

A pattern is arrays on the left and, behind an arrow, arrays on the right, with commas between. An
array is a list of axes: names; ``(h d)``, an axis that is split or joined; affine forms of names
such as ``2*y+a-1``, or numbers; and brackets around axes that an operation takes whole, ``[y]``, or
that it changes into others, ``[e -> k]``. Axes in front are never named: what an operation does not
name is broadcast.

>>> pattern = read_pattern("2*y+a-1 [c], k -> y a (h d)")
>>> [[str(item) for item in array] for array in pattern.left]
[['a + 2*y - 1', '[c]'], ['k']]
>>> [str(item) for item in pattern.right[0]]
['y', 'a', '(h d)']
>>> read_pattern("m -> -> h")
Traceback (most recent call last):
    ...
catlearn.errors.PathSyntaxError: cannot read this pattern: expected an axis or the end, found '->'
  m -> -> h
       ^
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catlearn.arrays.sizes import LONGEST, Size, SizeReader, degree
from catlearn.category.path import tokens_of
from catlearn.display import Legible
from catlearn.errors import expect


@dataclass(frozen=True)
class Item(Legible):
    """One axis of an array in a pattern.

    Parameters
    ----------
    names
        The names in it: one, or those of a group.
    size
        An affine form of them, which may be a number; None for a group.
    bracket
        Whether it stands in brackets.
    changed
        Of ``[e -> k]``, the name behind the arrow.
    at
        Where it stands in the text.
    """

    names: tuple[str, ...]
    size: Size | None = None
    bracket: bool = False
    changed: str = ""
    at: int = 0

    @property
    def name(self) -> str:
        """The name that it is; empty if it is something else."""
        plain = (
            self.size is not None and self.size == Size.of(self.names[0]) if self.names else False
        )
        return self.names[0] if plain else ""

    def __str__(self) -> str:
        shown = f"({' '.join(self.names)})" if self.size is None else str(self.size)
        shown += f" -> {self.changed}" if self.changed else ""
        return f"[{shown}]" if self.bracket else shown


Array = tuple[Item, ...]


@dataclass(frozen=True)
class Pattern:
    """A pattern as it was read.

    Parameters
    ----------
    text
        What was written.
    left, right
        The arrays on both sides; the right one is empty where there is no arrow.
    """

    text: str
    left: tuple[Array, ...]
    right: tuple[Array, ...]

    def error(self, message: str, item: Item | None = None) -> Exception:
        """Return the error that shows a place of the pattern."""
        return PatternReader(self.text, "pattern").error(message, item.at if item else 0)


class PatternReader(SizeReader):
    """Reads patterns, and conditions on indices."""

    token = tokens_of(r"->|<=|>=|<|>|\*\*|[-+*/()\[\],]")

    def side(self) -> tuple[Array, ...]:
        """Read the arrays of a side."""
        arrays = [self.array()]
        while self.take(","):
            arrays.append(self.array())
        return tuple(arrays)

    def array(self) -> Array:
        """Read the axes of an array."""
        items: list[Item] = []
        while self.tokens[self.at][0] in ("name", "(", "["):
            if not self.take("["):
                items.append(self.item())
                continue
            inner = []
            while self.tokens[self.at][0] in ("name", "("):
                inner.append(self.item(bracket=True))
            if self.take("->"):
                place = self.tokens[self.at][2]
                new = self.expect("name", "an axis")
                if new[0].isdecimal():
                    raise self.error(f"{new!r} is no name of an axis; give sizes by name", place)
                if len(inner) != 1:
                    raise self.refuse("one axis before '->'")
                one = inner[0]
                inner = [Item(one.names, one.size, True, new, one.at)]
            self.expect("]", "an axis or ']'")
            items += inner
        return tuple(items)

    def item(self, bracket: bool = False) -> Item:
        """Read one axis."""
        at = self.tokens[self.at][2]
        if self.take("("):
            names = []
            while name := self.take("name"):
                if name[0].isdecimal():
                    raise self.error(f"{name!r} is no name of an axis; give sizes by name", at)
                names.append(name)
            self.expect(")", "an axis or ')'")
            return Item(tuple(names), None, bracket, at=at)
        size = self.size(self.sum(), at)
        if any(degree(monomial) > 1 for monomial, _ in size.terms):
            raise self.error("an index is a sum of axes, with integers as coefficients", at)
        return Item(tuple(sorted(size.generators)), size, bracket, at=at)


def _reader(text: object, what: str, such_as: str) -> PatternReader:
    """Return a reader of a text that is neither too long nor too deep."""
    expect(text, str, what, f"a text, such as {such_as!r}")
    shown = str(text)
    if len(shown) > LONGEST or shown.count("(") > 100:
        raise PatternReader(shown[:100], what).error("it is too long", 0)
    return PatternReader(shown, what)


def read_pattern(text: str) -> Pattern:
    """Read a pattern.

    Raises
    ------
    PathSyntaxError
        If it is not one, with the place.
    WrongKind
        If it is no text.
    """
    reader = _reader(text, "pattern", "m -> h d")
    left, right = reader.side(), ()
    if reader.take("->"):
        right = reader.side()
    reader.expect_end("an axis or the end")
    return Pattern(text, left, right)


def read_axes(axes: str | Iterable[str]) -> list[str]:
    """Read names of axes, such as ``"n x"``.

    Raises
    ------
    PathSyntaxError
        If something else stands there, with the place.

    Examples
    --------
    >>> read_axes("n x")
    ['n', 'x']
    """
    pattern = read_pattern(axes if isinstance(axes, str) else " ".join(axes))
    if pattern.right or len(pattern.left) != 1:
        raise pattern.error("expected names of axes, with spaces between")
    for item in pattern.left[0]:
        if not item.name or item.bracket:
            raise pattern.error(f"{item} is no name of an axis", item)
    return [item.name for item in pattern.left[0]]


def read_conditions(text: str) -> tuple[Size, ...]:
    """Read affine conditions on indices, such as ``"y <= x, x - y < 4"``; each is to be >= 0.

    Examples
    --------
    >>> [str(one) for one in read_conditions("y <= x, x - y < 4")]
    ['x - y', '-x + y + 3']
    """
    reader, found = _reader(text, "condition", "y <= x"), []
    while True:
        left = reader.size(reader.sum(), 0)
        sign = reader.take("<=", "<", ">=", ">")
        if not sign:
            raise reader.refuse("'<=', '<', '>=' or '>'")
        right = reader.size(reader.sum(), 0)
        difference = right - left if sign[0] == "<" else left - right
        if any(degree(monomial) > 1 for monomial, _ in difference.terms):
            raise reader.error("a condition is a sum of axes, with integers as coefficients", 0)
        found.append(difference if len(sign) == 2 else difference - 1)
        if not reader.take(","):
            break
    reader.expect_end("',' or the end")
    return tuple(found)
