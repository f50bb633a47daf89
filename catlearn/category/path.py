"""Paths: the arrows of the free category on a graph, and how they are written.

A *path* from u to v in a graph is a list of edges, each starting where the one before it
ends, the first at u and the last at v. The empty list is a path from every vertex to itself,
its identity. Paths compose by concatenation, written in diagrammatic order: ``p >> q`` is
"first p, then q". (Mac Lane, *Categories for the Working Mathematician*, II.7.)

Laws: ``id >> p == p == p >> id`` and ``(p >> q) >> r == p >> (q >> r)``.

The text form is ``f >> g``, and ``id(A)`` for an identity. A name is a run of letters (of any
alphabet), digits and the characters ``_ . / - ' ′ : # @ + *``; any other name is written as a
JSON string, ``"my edge" >> g``.

>>> from catlearn.category import Path
>>> f, g = Path("A", ("f",), "B"), Path("B", ("g",), "C")
>>> f >> g
Path('A', ('f', 'g'), 'C')
>>> print(f >> g, "|", Path.identity("A"))
f >> g | id(A)
>>> f >> Path.identity("B") == f
True
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from catlearn.display import Brief
from catlearn.errors import NotComposable, PathSyntaxError, expect, fault, wrong_kind
from catlearn.files import shorten
from catlearn.names import quote

_PUNCTUATION = "_./-'′:#@+*"


def tokens_of(signs: str) -> re.Pattern[str]:
    """Return the pattern of one token: a quoted name, one of some signs, or what begins a name."""
    return re.compile(rf'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>{signs})|(?P<rest>\S))')


@dataclass(frozen=True)
class Path(Brief):
    """A path in a graph, known by its two ends and its edges.

    A path does not carry its graph, so only its ends are checked here; ``Graph.path`` checks
    the steps.

    Parameters
    ----------
    source, target
        The names of the vertices where it starts and ends.
    edges
        The names of its edges in order; empty for the identity.

    Raises
    ------
    NotComposable
        If it has no edges but its ends differ.
    """

    source: str
    edges: tuple[str, ...]
    target: str

    def __post_init__(self) -> None:
        if isinstance(self.edges, str) or not isinstance(self.edges, Iterable):
            raise wrong_kind(self.edges, "edges", "a list of the names of edges, such as ['f']")
        object.__setattr__(self, "edges", tuple(self.edges))
        for name in (self.source, *self.edges, self.target):
            if not isinstance(name, str):
                raise wrong_kind(name, "each name of a path", "a text")
        if not self.edges and self.source != self.target:
            ends = f"it starts at {self.source} and ends at {self.target}"
            raise fault("Path", "identity", "path without edges", ends, NotComposable)

    @classmethod
    def identity(cls, vertex: str) -> Path:
        """Return the empty path at a vertex."""
        return cls(vertex, (), vertex)

    def __rshift__(self, other: Path) -> Path:
        if not isinstance(other, Path):
            return NotImplemented
        if self.target != other.source:
            one, two = excerpt(self), excerpt(other)
            message = f"{one} ends at {self.target}, but {two} starts at {other.source}"
            raise fault("Path", "composition", f"({one}) >> ({two})", message, NotComposable)
        made = object.__new__(Path)
        here, there = self.__dict__.get("edges"), other.__dict__.get("edges")
        if here is not None and there is not None and len(here) + len(there) < 256:
            vars(made).update(source=self.source, edges=here + there, target=other.target)
        else:
            vars(made).update(source=self.source, target=other.target, _factors=(self, other))
        return made

    def __getattr__(self, name: str) -> Any:
        # The edges of a long composite are listed when they are first asked for, so that composing
        # one path after another takes linear time.
        if name != "edges" or "_factors" not in vars(self):
            raise AttributeError(f"a path has no attribute {name!r}")
        edges: list[str] = []
        todo = [self]
        while todo:
            path = todo.pop()
            factors = vars(path).get("_factors", ())
            todo += reversed(factors)
            edges += () if factors else path.edges
        vars(self)["edges"] = tuple(edges)
        vars(self).pop("_factors", None)
        return vars(self)["edges"]

    def __reduce__(self) -> tuple[Any, ...]:
        return Path, (self.source, self.edges, self.target)

    def __len__(self) -> int:
        return len(self.edges)

    def __bool__(self) -> bool:
        return True

    def prefixes(self) -> Iterator[tuple[str, ...]]:
        """Yield the edges of its prefixes by growing length, from one edge to the whole.

        Examples
        --------
        >>> list(Path("A", ("f", "g"), "C").prefixes())
        [('f',), ('f', 'g')]
        """
        for length in range(1, len(self.edges) + 1):
            yield self.edges[:length]

    def is_parallel(self, other: Path) -> bool:
        """Whether both start at one vertex and end at one vertex."""
        return self.source == other.source and self.target == other.target

    def __str__(self) -> str:
        if not self.edges:
            return f"id({written(self.source)})"
        return " >> ".join(written(edge) for edge in self.edges)

    def __repr__(self) -> str:
        return f"Path({self.source!r}, {self.edges!r}, {self.target!r})"


Step = str | Path
"""One step of a side as written: the name of an edge, or an identity path."""


@lru_cache(maxsize=1 << 16)
def written(name: str) -> str:
    """Return a name as path text writes it: bare if it can be, else as a JSON string.

    Examples
    --------
    >>> written("digits.X"), written("my edge")
    ('digits.X', '"my edge"')
    """
    if name and all(_is_name_character(character) for character in name):
        return name
    return quote(name)


def excerpt(value: object) -> str:
    """Return the text of a path or an equation, cut in the middle where it is long.

    Examples
    --------
    >>> len(excerpt(Path("A", ("f",) * 10_000, "A"))) <= 160
    True
    """
    return shorten(str(value), 160)


def write_steps(steps: tuple[Step, ...]) -> str:
    """Return the text of a side; the inverse of :func:`read_path`."""
    return " >> ".join(str(step) if isinstance(step, Path) else written(step) for step in steps)


def read_path(text: str) -> tuple[Step, ...]:
    """Read ``f >> g`` or ``id(A)`` into its steps, which no graph has checked yet.

    Raises
    ------
    PathSyntaxError
        If the text is not a path; the message marks the place.

    Examples
    --------
    >>> read_path("f >> id(B) >> g")
    ('f', Path('B', (), 'B'), 'g')
    >>> read_path("f g")
    Traceback (most recent call last):
        ...
    catlearn.errors.PathSyntaxError: cannot read this path: expected '>>', found 'g'
      f g
        ^
    """
    reader = Reader(text, "path")
    steps = reader.path()
    reader.expect_end("'>>'")
    return steps


def read_equation(text: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Read ``f >> g = h`` into the steps of its two sides.

    Raises
    ------
    PathSyntaxError
        If the text is not an equation; the message marks the place.
    """
    reader = Reader(text, "equation")
    left = reader.path()
    reader.expect("=", "'>>' or '='")
    right = reader.path()
    reader.expect_end("'>>'")
    return left, right


def _is_name_character(character: str, punctuation: str = _PUNCTUATION) -> bool:
    return character in punctuation or unicodedata.category(character)[0] in "LMN"


class Reader:
    """A cursor over the tokens of one text; a token is (kind, what it says, position)."""

    token = tokens_of(">>|[=()]")
    punctuation = _PUNCTUATION

    def __init__(self, text: str, what: str) -> None:
        self.text, self.what, self.at = text, what, 0
        self.tokens = list(self._scan())

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        position = 0
        while match := self.token.match(self.text, position):
            start = match.start(match.lastgroup or 0)
            position = match.end()
            if match["string"]:
                yield "name", self._string(match["string"], start), start
            elif match["sign"]:
                yield match["sign"], match["sign"], start
            elif self._names(start):
                while position < len(self.text) and self._names(position):
                    position += 1
                yield "name", self.text[start:position], start
            else:
                yield "?", match["rest"], start
        yield "end", "the end", len(self.text)

    def _names(self, position: int) -> bool:
        return _is_name_character(self.text[position], self.punctuation)

    def _string(self, literal: str, start: int) -> str:
        try:
            return json.loads(literal)
        except ValueError:
            raise self.error("this quoted name is not a JSON string", start) from None

    def error(self, message: str, position: int) -> PathSyntaxError:
        line, at = self.text.replace("\n", " ").replace("\t", " "), position
        if len(line) > 160:  # a window around the place
            begin, end = max(0, at - 80), at + 80
            line = "…" * (begin > 0) + line[begin:end] + "…" * (end < len(line))
            at += (begin > 0) - begin
        marked = f"  {line}\n  {' ' * at}^"
        return PathSyntaxError(f"cannot read this {self.what}: {message}\n{marked}")

    def refuse(self, expected: str) -> PathSyntaxError:
        kind, found, position = self.tokens[self.at]
        if found in (">", "→", ";", "∘"):
            return self.error(f"composition is written '>>', found {found!r}", position)
        if kind == "?":
            expected += " (a name with other characters is written in double quotes)"
        shown = found if kind == "end" else repr(found)
        return self.error(f"expected {expected}, found {shown}", position)

    def take(self, *kinds: str) -> str:
        """Take the next token if it is of one of these kinds; else return nothing."""
        kind, found, _ = self.tokens[self.at]
        if kind not in kinds:
            return ""
        self.at += 1
        return found

    def expect(self, kind: str, expected: str) -> str:
        if self.tokens[self.at][0] != kind:
            raise self.refuse(expected)
        self.at += 1
        return self.tokens[self.at - 1][1]

    def expect_end(self, otherwise: str) -> None:
        if self.tokens[self.at][0] != "end":
            raise self.refuse(otherwise)

    def path(self) -> tuple[Step, ...]:
        steps = [self.step()]
        while self.take(">>"):
            steps.append(self.step())
        return tuple(steps)

    def step(self) -> Step:
        name = self.expect("name", "the name of an edge")
        if name != "id" or self.tokens[self.at][0] != "(":
            return name
        self.at += 1
        vertex = self.expect("name", "the name of a vertex")
        self.expect(")", "')'")
        return Path.identity(vertex)


Side = str | Path | Iterable[Step]
"""A side as one may give it: text, a path, or the names of its edges."""


def steps_of(side: Side) -> tuple[Step, ...]:
    """Return the steps of a side given as text, as a path, or as a list of edge names.

    Raises
    ------
    PathSyntaxError
        If the text cannot be read.
    WrongKind
        If it is something else.

    Examples
    --------
    >>> steps_of("f >> g") == steps_of(["f", "g"]) == steps_of(Path("A", ("f", "g"), "C"))
    True
    """
    if isinstance(side, str):
        return read_path(side)
    expect(side, (Path, Iterable), "a path", "text such as 'f >> g', a Path or a list of names")
    given = [side] if isinstance(side, Path) else list(side)
    steps: list[Step] = []
    for step in given:
        if not isinstance(step, (str, Path)):
            raise wrong_kind(step, "each step", "the name of an edge, or a Path")
        # A path with edges is known by them; only an identity must say where it stands.
        steps += step.edges if isinstance(step, Path) and step.edges else [step]
    return tuple(steps)
