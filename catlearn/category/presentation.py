"""Presentations: a graph with equations between parallel paths.

A *presentation* is a finite graph G with a set of equations p = q between paths of G that
start and end together. Read strictly it presents a category, the paths of G modulo the
congruence that the equations generate; read softly it presents a learning problem (Theory,
section 1). As tables, an equation is a row of Eq with two vertices, start and end, and two
lists of edges, lhs and rhs; the empty list is the identity path.

A *morphism* of presentations is a morphism of graphs with a function on equations that
preserves both sides edge by edge.

Laws: colimits, taken table by table, of presentations are presentations.

>>> from catlearn.category import Graph, Presentation
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
>>> P = Presentation(G, ["f >> g = h"])
>>> P.equations
{'f >> g = h': Equation('f >> g = h')}
>>> P.sides("f >> g = h")
(Path('A', ('f', 'g'), 'C'), Path('A', ('h',), 'C'))
>>> Presentation(G, ["g >> f = h", "f = g"])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: Presentation is not valid (3 failures):
  - equation 'g >> f = h', left side: g ends at C, but f starts at A [composition]
  - equation 'f = g': f starts at A, but g starts at B [parallel sides]
  - equation 'f = g': f ends at B, but g ends at C [parallel sides]

Monoids and groups by generators and relations, as presentations with one vertex.

A monoid is a category with one object, and a monoid presentation is a presentation whose graph
has one vertex. Relations are written as in algebra: letters side by side (with spaces between
them, which may be left out if each letter is one character), ``1`` for the empty word, powers
``a^3`` and ``(a b)^7``, and ``=`` between two sides or more. Letters may be digits; where ``1`` is
one of them, the empty word is written ``id``. In a group ``a^-1`` is the inverse
of a, ``[a, b]`` the commutator ``a^-1 b^-1 a b``, and a side alone is a relator, equal to 1.

>>> from catlearn.category import Presentation
>>> print(Presentation.monoid("ab", ["a a = 1", "b^3 = 1", "(a b)^2 = b^2 a"]))
a : * → *, b : * → * | a >> a = id(*), b >> b >> b = id(*), a >> b >> a >> b = b >> b >> a
>>> print(*Presentation.group("a", ["a^4"]).equations.values(), sep=", ")
a >> A = id(*), A >> a = id(*), a >> a >> a >> a = id(*)

Equations between parallel paths: the one equation type of the package.

An equation is written before its graph is known, as ``f >> g = h``; a graph *resolves* it to
two parallel paths, or says everything that is wrong with it. Facts about an equation (its
weight, its divergence, whether it holds strictly) are its attributes.

>>> from catlearn.category import Equation, Graph
>>> fit = Equation("f >> g = h", weight=2.0)
>>> fit
Equation('f >> g = h', weight=2.0)
>>> fit.lhs, fit.rhs, fit.attributes["weight"]
(('f', 'g'), ('h',), 2.0)
>>> triangle = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
>>> fit.resolve(triangle)
(Path('A', ('f', 'g'), 'C'), Path('A', ('h',), 'C'))
>>> for failure in Equation("g >> f = hh").failures(triangle):
...     print(failure)
equation 'g >> f = hh', left side: g ends at C, but f starts at A [composition]
equation 'g >> f = hh', right side: there is no edge hh; did you mean h? [known edges]
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from catlearn.category.graph import GRAPH, Graph, GraphMorphism, is_pair, sort_vertices
from catlearn.category.path import (
    Path,
    Reader,
    Side,
    Step,
    excerpt,
    read_equation,
    steps_of,
    write_steps,
)
from catlearn.errors import (
    DEEPEST,
    Failure,
    Failures,
    NotComposable,
    PathSyntaxError,
    TooLarge,
    UnknownName,
    did_you_mean,
    expect,
    fault,
    known_options,
    listed,
    refuse,
    wrong_kind,
)
from catlearn.finset import Frozen, Record, Shape, TableMorphism, Tables

LONGEST = 5_000
"""The most letters that a side may have when its powers are written out."""

Word = tuple[str, ...]


ATTRIBUTES = ("weight", "divergence", "strict", "trains", "stop")
"""What learning diagrams know of an equation."""


class Equation(Frozen, by="steps attributes"):
    """An equation between two paths, as written, with attributes.

    Parameters
    ----------
    text
        ``"f >> g = h"``, or the pair of its sides, each a text, a path or a list of edge names.
    attributes
        Facts about the equation by name, such as ``weight=2.0``; hashable values. Learning diagrams
        know ``weight`` (a number, a :class:`~catlearn.learning.Weight` or a schedule),
        ``divergence`` (the name of one, a :class:`~catlearn.models.Divergence` or a function;
        ``help(catlearn.models.divergences)`` has a table of them), ``stop`` (``"lhs"`` or
        ``"rhs"``, the side without gradient), ``strict``, and ``trains``: the models that the
        equation trains, or ``{model: scale}``, where the gradient is multiplied by the scale, which
        may change while training as weights do. Each is read as an attribute, too:
        ``equation.weight``. A diagram checks them, with everything else that is written of it.

    Attributes
    ----------
    lhs, rhs
        The sides: paths where they were given as paths, else the steps as written.

    Raises
    ------
    PathSyntaxError
        If the text cannot be read.

    Examples
    --------
    >>> Equation(("f >> g", ["h"])) == Equation("f >> g = h")
    True
    >>> print(Equation("encode >> decode = id(X)", strict=True))
    encode >> decode = id(X)
    >>> Equation("f >> g = h", weight=2.0).weight
    2.0
    """

    lhs: Any
    rhs: Any
    attributes: Mapping[str, Any]

    def __init__(self, text: str | tuple[Side, Side], /, **attributes: Any) -> None:
        if isinstance(text, str):
            lhs, rhs = read_equation(text)
        else:
            if not is_pair(text):
                wanted = "text such as 'f >> g = h', or a pair of its sides"
                raise wrong_kind(text, "an equation", wanted)
            lhs, rhs = (side if isinstance(side, Path) else steps_of(side) for side in text)
        self._set(lhs=lhs, rhs=rhs, attributes=Record(attributes))

    def __getattr__(self, name: str) -> Any:
        attributes = vars(self).get("attributes", {})
        if name not in attributes:
            raise AttributeError(f"an equation without an attribute {name!r}")
        return attributes[name]

    @property
    def steps(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps of both sides."""
        return steps_of(self.lhs), steps_of(self.rhs)

    def given(self, **attributes: Any) -> Equation:
        """Return the equation with some attributes changed, or known ones added.

        Raises
        ------
        WrongKind
            If it has no such attribute, nor do learning diagrams know it.

        Examples
        --------
        >>> Equation("f = g", weight=1.0).given(weight=2.0, stop="rhs")
        Equation('f = g', weight=2.0, stop='rhs')
        """
        known_options("an equation", attributes, (*ATTRIBUTES, *self.attributes))
        return Equation((self.lhs, self.rhs), **{**self.attributes, **attributes})

    @classmethod
    def of(cls, value: Equation | str | tuple[Side, Side]) -> Equation:
        """Return an equation unchanged, and read anything else as one."""
        return value if isinstance(value, Equation) else cls(value)

    def failures(self, graph: Graph, where: str | None = None) -> list[Failure]:
        """Return everything that keeps a graph from resolving it; empty if nothing does.

        Parameters
        ----------
        graph
            The graph whose edges and vertices the names are.
        where
            What to call the equation in the messages; by default its text.
        """
        return self.traced(graph, where)[1]

    def resolve(self, graph: Graph, where: str | None = None) -> tuple[Path, Path]:
        """Return its two sides as parallel paths of a graph.

        Raises
        ------
        NotComposable
            Listing every unknown edge, every step that does not compose, and sides that are
            not parallel.
        """
        (left, right), failures = self.traced(graph, where)
        if left is None or right is None or failures:
            raise NotComposable(excerpt(self), failures)
        return left, right

    def traced(
        self, graph: Graph, where: str | None
    ) -> tuple[tuple[Path | None, Path | None], list[Failure]]:
        where = where or f"equation '{excerpt(self)}'"
        lhs, rhs = self.steps
        left, on_left = graph.traced(lhs, f"{where}, left side")
        right, on_right = graph.traced(rhs, f"{where}, right side")
        failures = on_left + on_right
        if left is not None and right is not None:
            failures += not_parallel(left, right, where)
        return (left, right), failures

    def __hash__(self) -> int:
        # The values need not be hashable: by what scale edges are trained is a mapping.
        return hash((self.steps, frozenset(self.attributes)))

    def __str__(self) -> str:
        return " = ".join(map(write_steps, self.steps))

    def __repr__(self) -> str:
        attributes = "".join(f", {name}={value!r}" for name, value in self.attributes.items())
        return f"Equation({str(self)!r}{attributes})"


@listed
def not_parallel(left: Path, right: Path, where: str) -> Iterator[Failure]:
    """Return the failures of two paths to share their start and their end."""
    for what, one, other in (
        ("starts", left.source, right.source),
        ("ends", left.target, right.target),
    ):
        if one != other:
            message = f"{excerpt(left)} {what} at {one}, but {excerpt(right)} {what} at {other}"
            yield Failure("parallel sides", where, message)


def _inverses(letters: Iterable[str]) -> dict[str, str]:
    """Put an inverse after each letter, and say of each which it is."""
    generators, inverses = _alphabet(letters), {}
    for letter in generators:
        other = letter.upper()
        if len(letter) > 1 or other == letter or other in generators:
            other = f"{letter}'"
        inverses[letter], inverses[other] = other, letter
    if len(inverses) < 2 * len(generators):
        message = f"a letter has the name of an inverse: the letters are {', '.join(inverses)}"
        raise fault("Presentation", "letters", "alphabet", message)
    return inverses


def _alphabet(letters: Iterable[str]) -> tuple[str, ...]:
    expect(letters, Iterable, "letters", "a text of letters, or a list of names")
    names = tuple(letters.split() if isinstance(letters, str) and " " in letters else letters)
    failures = Failures(
        Failure("letters", f"letter {name!r}", "a letter is a name of word characters")
        for name in names
        if not re.fullmatch(r"\w[\w'.]*", name)
    )
    if {"1", "id"} <= set(names):
        failures.add("letters", "letter 'id'", "it is the empty word where 1 is a letter")
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    failures += [Failure("letters", f"letter {name!r}", "it is given twice") for name in twice]
    refuse("Presentation", failures)
    return names


class _RelationReader(Reader):
    """A cursor over the tokens of a relation, among them letters and powers."""

    def __init__(self, text: str, alphabet: Word, inverses: Mapping[str, str]) -> None:
        self.alphabet, self.inverses = alphabet, inverses
        self.empty = "id" if "1" in alphabet else "1"
        super().__init__(text, "relation")
        depth = 0
        for kind, _, at in self.tokens:
            depth += (kind in ("(", "[")) - (kind in (")", "]"))
            if depth > DEEPEST:
                raise self.error(f"brackets nest more than {DEEPEST} levels deep", at)

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        # The longest letter first, so that a1 is read before a.
        names = map(re.escape, sorted((*self.alphabet, self.empty), key=len, reverse=True))
        token = re.compile(rf"\s*((?P<letter>{'|'.join(names)})|(?P<power>\^\s*-?\d+)|[()\[\],=])")
        text, position = self.text, 0
        while text[position:].strip():
            match = token.match(text, position)
            if match is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                found = re.match(r"\w+|\S", text[start:])
                hint = did_you_mean(found[0] if found else "", self.alphabet)
                raise self.error(f"there is no letter like this; {hint}", start)
            kind = next((kind for kind, part in match.groupdict().items() if part), match[1])
            yield kind, match[1], match.start(1)
            position = match.end()
        yield "end", "the end", len(text)

    def refuse(self, expected: str) -> PathSyntaxError:
        _, found, position = self.tokens[self.at]
        return self.error(f"expected {expected}, found {found}", position)

    def sides(self) -> list[Word]:
        """Return the sides; of a relator, itself and the empty word."""
        sides = [self.product()]
        while self.take("="):
            sides.append(self.product())
        self.expect_end("a letter, '=' or the end")
        if len(sides) == 1:
            if not self.inverses:
                raise self.refuse("'=' and another side; in a monoid a relation has two")
            sides.append(())
        return sides

    def product(self) -> Word:
        word: Word = ()
        before = self.at
        while True:
            position = self.tokens[self.at][2]
            if letter := self.take("letter"):
                factor: Word = () if letter == self.empty else (letter,)
            elif self.take("("):
                factor = self.product()
                self.expect(")", "')'")
            elif self.tokens[self.at][0] == "[":
                factor = self.commutator()
            elif self.at == before:
                raise self.refuse(f"a letter, {self.empty} or '('")
            else:
                return word
            while self.tokens[self.at][0] == "power":
                exponent = int(self.tokens[self.at][1][1:])
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
        self.expect(",", "','")
        other = self.product()
        self.expect("]", "']'")
        return self.inverse(one) + self.inverse(other) + one + other

    def inverse(self, word: Word) -> Word:
        if not self.inverses and word:
            raise self.refuse("a power that is not negative; a monoid has no inverses")
        return tuple(self.inverses[letter] for letter in reversed(word))


PRESENTATION = Shape(
    tables=("V", "E", "Eq"),
    arrows={**GRAPH.arrows, "start": ("Eq", "V"), "end": ("Eq", "V")},
    lists={"lhs": ("Eq", "E"), "rhs": ("Eq", "E")},
)
"""The shape of presentations; attributes of equations are added where there are some."""

Given = Equation | str | tuple[Side, Side]
"""An equation as one may give it."""


class Presentation(Graph):
    """A graph with equations between its parallel paths.

    Parameters
    ----------
    graph
        The graph, or its edges as a dict. A presentation brings its own equations along.
    equations
        The equations, each an :class:`Equation`, a text or a pair of sides; in a dict to name
        them, else their text is their name. Their attributes become attributes of Eq.

    Raises
    ------
    InvalidStructure
        Listing, over all equations, every unknown edge, every step that does not compose, and
        sides that are not parallel.
    """

    shape = PRESENTATION

    def __init__(
        self,
        graph: Graph | Mapping[str, tuple[str, str]],
        equations: Mapping[str, Given] | Iterable[Given] = (),
    ) -> None:
        if isinstance(graph, str) or not isinstance(graph, (Graph, Iterable)):
            wanted = "a Graph, or the ends of each edge by name, such as {'f': ('A', 'B')}"
            raise wrong_kind(graph, "graph", wanted)
        graph = graph if isinstance(graph, Graph) else Graph(graph)
        named = list(graph.equations.items()) if isinstance(graph, Presentation) else []
        named += name_equations(equations)
        columns: dict[str, None] = {}
        for _, equation in named:
            columns |= dict.fromkeys(equation.attributes)
        rows = equation_rows(named, graph)
        Tables.__init__(
            self,
            Shape(
                PRESENTATION.tables,
                PRESENTATION.arrows,
                PRESENTATION.lists,
                dict.fromkeys(columns, "Eq"),
            ),
            sets={"V": graph.sets["V"], "E": graph.sets["E"], "Eq": [name for name, _ in named]},
            arrows={
                "src": graph.arrows["src"].values,
                "tgt": graph.arrows["tgt"].values,
                "start": [path.source for path, _ in rows],
                "end": [path.target for path, _ in rows],
            },
            lists={
                "lhs": [left.edges for left, _ in rows],
                "rhs": [right.edges for _, right in rows],
            },
            attributes={
                column: [equation.attributes.get(column) for _, equation in named]
                for column in columns
            },
        )

    @classmethod
    def commutative(cls, graph: Graph) -> Presentation:
        """Return a graph as a diagram that commutes: all parallel paths agree.

        Few equations say so. In a graph without cycles these are, for each pair of vertices, as
        many as the classes, less one, of paths between them that equations of other pairs do not
        identify: of a grid, its faces. Where there are cycles, the edges of a strongly connected
        part are composites of a breadth-first tree out of its first vertex and one into it, which
        are inverse to each other.

        Raises
        ------
        TooLarge
            If finding the equations takes over 50 million steps, or they have over 20 million
            edges.

        Examples
        --------
        >>> G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C"), "k": ("C", "D")})
        >>> list(Presentation.commutative(G).equations)
        ['f >> g = h']
        """
        expect(graph, Graph, "graph", "a Graph")
        return cls(graph, list(commuting(graph)))

    @classmethod
    def monoid(
        cls, letters: Iterable[str], relations: Iterable[str] = (), vertex: str = "*"
    ) -> Presentation:
        """Return a monoid presentation, as a presentation with one vertex.

        Parameters
        ----------
        letters
            The generators: a text of single letters, or of names with spaces between them, or
            a list of names.
        relations
            As in algebra: ``"a a = 1"``, ``"aa = 1"``, ``"(a b)^7 = 1"``, ``"a^2 = b^2"``; with a
            letter ``1``, ``id`` is the empty word.
        vertex
            The name of the one vertex.

        Raises
        ------
        PathSyntaxError
            If a relation cannot be read; the message marks the place.

        Examples
        --------
        >>> A4 = Presentation.monoid("ab", ["a a = 1", "b b b = 1", "a b a b a b = 1"])
        >>> len(A4.category().arrows)
        12
        """
        return cls._loops(_alphabet(letters), {}, relations, vertex)

    @classmethod
    def group(
        cls, letters: Iterable[str], relations: Iterable[str] = (), vertex: str = "*"
    ) -> Presentation:
        """Return a group presentation, as a presentation with one vertex and inverses.

        The inverse of a small letter a is the capital ``A``, that of any other name x is
        ``x'``; in relations it is also ``a^-1``. Each follows its letter in the order
        of edges, and both ``a >> A = 1`` and ``A >> a = 1`` are among the equations.

        Parameters
        ----------
        letters
            The generators, as in :meth:`monoid`.
        relations
            As in :meth:`monoid`, also relators such as ``"a^4"``, which are to be 1, inverse
            powers, and commutators ``[a, b]``, short for ``a^-1 b^-1 a b``.
        vertex
            The name of the one vertex.

        Examples
        --------
        >>> quaternions = Presentation.group("ij", ["i^2 = j^2 = (i j)^2"])
        >>> len(quaternions.category().arrows)
        8
        >>> from catlearn.category import complete
        >>> complete(Presentation.group("ab", ["[a, b]"]))
        <RewritingSystem with 8 rules, complete>
        """
        inverses = _inverses(letters)
        return cls._loops(_alphabet(inverses), inverses, relations, vertex)

    @classmethod
    def _loops(
        cls, alphabet: Word, inverses: Mapping[str, str], relations: Iterable[str], vertex: str
    ) -> Presentation:
        """Read relations between words as equations of loops, each once."""
        pairs: list[tuple[Word, Word]] = [(pair, ()) for pair in inverses.items()]
        expect(relations, Iterable, "relations", "a list of texts, such as ['a a = 1']")
        for relation in [relations] if isinstance(relations, str) else relations:
            expect(relation, str, "each relation", "a text, such as 'a a = 1'")
            pairs += itertools.pairwise(_RelationReader(relation, alphabet, inverses).sides())
        equations = [
            Equation((Path(vertex, left, vertex), Path(vertex, right, vertex)))
            for left, right in pairs
        ]
        graph = Graph(dict.fromkeys(alphabet, (vertex, vertex)), [vertex])
        return Presentation(graph, list(dict.fromkeys(equations)))

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        return PresentationMorphism

    @cached_property
    def equations(self) -> Mapping[str, Equation]:
        """The equations by name, with those attributes that are not absent."""
        columns = {
            name: column
            for name, column in self.attributes.items()
            if self.shape.attributes[name] == "Eq"
        }
        return Record(
            {
                name: Equation(
                    self.sides(name),
                    **{key: at[row] for key, at in columns.items() if at[row] is not None},
                )
                for row, name in enumerate(self.names("Eq"))
            }
        )

    def sides(self, name: str) -> tuple[Path, Path]:
        """Return the two sides of an equation, given by its name, as paths."""
        known = self.sets["Eq"]
        if name not in known:
            hint = did_you_mean(name, known.labels())
            raise UnknownName(f"there is no equation {name}; {hint}")
        row = known.index(name)
        start, end = (self.vertices[self.arrows[arrow](row)] for arrow in ("start", "end"))
        left, right = (self.sets["E"].labels(self.lists[side].row(row)) for side in ("lhs", "rhs"))
        return Path(start, left, end), Path(start, right, end)

    def failures(self) -> list[Failure]:
        """List what is wrong with the tables, and sides that are not paths between their ends."""
        failures = Failures(super().failures())
        if failures:
            return failures
        for row, name in enumerate(self.names("Eq")):
            start, end = (self.vertices[self.arrows[arrow](row)] for arrow in ("start", "end"))
            for side, called in (("lhs", "left"), ("rhs", "right")):
                where = f"equation '{name}', {called} side"
                edges = self.sets["E"].labels(self.lists[side].row(row))
                path, broken = self.traced(edges or (Path.identity(start),), where)
                failures += broken
                for verb, declared, found in (
                    ("starts", start, path and path.source),
                    ("ends", end, path and path.target),
                ):
                    if found not in (None, declared):
                        message = f"it {verb} at {found}, but its equation {verb} at {declared}"
                        failures.add("parallel sides", where, message)
        return failures

    def __repr__(self) -> str:
        named = all(name == str(equation) for name, equation in self.equations.items())
        equations = list(self.equations.values()) if named else dict(self.equations)
        return f"Presentation({Graph.__repr__(self)}, {equations!r})"

    def __str__(self) -> str:
        return " | ".join([Graph.__str__(self), ", ".join(map(str, self.equations.values()))])


class _Way(NamedTuple):
    """A path out of a vertex as it grows: by which of its first edges it is, up to equations."""

    firsts: int  # a set of numbers, as the bits of an integer
    length: int
    edge: str
    before: _Way | None

    def edges(self) -> list[str]:
        found, way = [], self
        while way is not None:
            found.append(way.edge)
            way = way.before
        return found[::-1]


MOST_STEPS, MOST_EDGES = 50_000_000, 20_000_000
"""What it may cost to find the equations of a commutative diagram, and how long they may be."""


def _parts(graph: Graph) -> tuple[list[list[str]], list[int], list[list[tuple[str, int]]]]:
    """Return the strongly connected parts of a graph, each before those that it leads to.

    With the number of edges into each from others, and the edges out of each, with where they lead.
    """
    parts = [[vertex] for vertex in sort_vertices(graph._steps)]
    if len(parts) < len(graph.vertices):
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        size = len(graph.vertices)
        ends = tuple(graph.arrows[arrow].values for arrow in ("src", "tgt"))
        matrix = coo_array((np.ones(len(graph.edges)), ends), shape=(size, size))
        classes = connected_components(matrix, connection="strong")[1].tolist()
        members: dict[int, list[str]] = {}
        for vertex, number in zip(graph.vertices, classes, strict=True):
            members.setdefault(number, []).append(vertex)
        within = dict(zip(graph.vertices, classes, strict=True))
        leading = {
            number: [
                (edge, within[graph.target(edge)])
                for vertex in some
                for edge in graph.out_edges(vertex)
                if within[graph.target(edge)] != number
            ]
            for number, some in members.items()
        }
        parts = [members[number] for number in sort_vertices(leading)]
    place = {vertex: number for number, part in enumerate(parts) for vertex in part}
    outs = [
        [
            (edge, place[graph.target(edge)])
            for vertex in part
            for edge in graph.out_edges(vertex)
            if place[graph.target(edge)] != number
        ]
        for number, part in enumerate(parts)
    ]
    ins = [0] * len(parts)
    for _, other in itertools.chain.from_iterable(outs):
        ins[other] += 1
    return parts, ins, outs


def _inside(graph: Graph, part: list[str]) -> Iterator[tuple[Path, Path]]:
    """Yield the equations by which a strongly connected part has one arrow between any vertices."""
    inner = set(part)
    edges = [edge for v in part for edge in graph.out_edges(v) if graph.target(edge) in inner]
    if not edges:
        return
    tree, back = graph.reachable(part[0]), {part[0]: ""}
    layer = [part[0]]
    for vertex in layer:  # grows while it is read: a queue
        for edge in graph.in_edges(vertex):
            before = graph.source(edge)
            if before in inner and before not in back:
                back[before] = edge
                layer.append(before)
    for vertex in part[1:]:
        around, at = [], vertex
        while back[at]:
            around.append(back[at])
            at = graph.target(back[at])
        around = (*around, *tree.path(vertex).edges)
        yield Path(vertex, around, vertex), Path.identity(vertex)
    chosen = {tree.entering[vertex][0] for vertex in part[1:]}
    for edge in (edge for edge in edges if edge not in chosen):
        source, target = graph.ends(edge)
        left, right = (*tree.path(source).edges, edge), tree.path(target).edges
        pairs = zip(left, right, strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = graph.target(left[shared - 1]) if shared else part[0]
        yield Path(start, left[shared:], target), Path(start, right[shared:], target)


def _between(graph: Graph, left: list[str], right: list[str]) -> tuple[Path, Path]:
    """Return two ways between parts as parallel paths, with what leads through the parts."""
    start, end = graph.source(right[0]), graph.target(right[-1])
    sides = []
    for way in (left, right):
        edges, at = [], start
        for edge in way:
            source, target = graph.ends(edge)
            edges += [*(graph.reachable(at).path(source).edges if source != at else ()), edge]
            at = target
        edges += graph.reachable(at).path(end).edges if at != end else ()
        sides.append(Path(start, tuple(edges), end))
    return sides[0], sides[1]


def commuting(graph: Graph) -> Iterator[tuple[Path, Path]]:
    """Yield pairs of paths that generate the congruence by which all parallel paths are equal.

    Strongly connected parts are taken by themselves, and then as vertices of a graph without
    cycles. There, from the last vertex to the first: paths out of u with the same first edge are
    equal by what was yielded before, so only first edges are compared, at each vertex v where ways
    by several of them meet that do not meet before.
    """
    size, steps = 0, 0
    parts, ins, outs = _parts(graph)
    for part in parts:
        for sides in _inside(graph, part):
            size += sum(map(len, sides))
            if size > MOST_EDGES:
                raise TooLarge(f"the equations of a part with cycles have over {MOST_EDGES} edges")
            yield sides
    # The vertices where ways may meet, as bits, and those at or after each part.
    joins = {part: 1 << k for k, part in enumerate(p for p in range(len(parts)) if ins[p] > 1)}
    if len(joins) * len(parts) > 64 * MOST_STEPS:
        raise TooLarge(f"{len(parts)} vertices with {len(joins)} joins are too many to compare")
    after = [0] * len(parts)
    for part in reversed(range(len(parts))):
        after[part] = joins.get(part, 0)
        for _, other in outs[part]:
            after[part] |= after[other]
    for part in range(len(parts)):
        shared = seen = 0
        for _, other in outs[part]:
            shared, seen = shared | (seen & after[other]), seen | after[other]
        firsts = [(edge, other) for edge, other in outs[part] if after[other] & shared]
        every = (1 << len(firsts)) - 1
        arriving: dict[int, list[_Way]] = {}
        for k, (edge, other) in enumerate(firsts):
            arriving.setdefault(other, []).append(_Way(1 << k, 1, edge, None))
        waiting = sorted(arriving)
        while waiting:
            here = heapq.heappop(waiting)
            ways = arriving.pop(here)
            if not after[here] & shared:
                continue
            steps += len(ways)
            if steps > MOST_STEPS:
                raise TooLarge(f"to compare paths takes over {MOST_STEPS} steps")
            best, *others = _classes(ways)
            for way in others:
                sides = _between(graph, way.edges(), best.edges())
                size += sum(map(len, sides))
                if size > MOST_EDGES:
                    raise TooLarge(f"the equations have over {MOST_EDGES} edges")
                yield sides
                best = best._replace(firsts=best.firsts | way.firsts)
            if best.firsts == every:  # and so it is wherever one gets from here
                shared &= ~after[here]
                continue
            for edge, other in outs[here]:
                if after[other] & shared:
                    if other not in arriving:
                        heapq.heappush(waiting, other)
                    way = _Way(best.firsts, best.length + 1, edge, best)
                    arriving.setdefault(other, []).append(way)


def _classes(ways: list[_Way]) -> list[_Way]:
    """Return one way, the shortest, of those that share a first edge; the shortest of all first."""
    classes: list[_Way] = []
    for way in ways:
        same = [one for one in classes if one.firsts & way.firsts]
        best = min([*same, way], key=lambda one: one.length)
        firsts = way.firsts
        for one in same:
            firsts |= one.firsts
        classes = [one for one in classes if not one.firsts & way.firsts]
        classes.append(best._replace(firsts=firsts))
    return sorted(classes, key=lambda one: one.length)


class PresentationMorphism(GraphMorphism):
    """A morphism of presentations.

    Parameters
    ----------
    domain, codomain
        The presentations.
    V, E
        Where each vertex and each edge goes: a dict of names, or a list of rows.
    Eq
        Where each equation goes. If it is not given, each goes to the one equation that has
        the images of its sides.
    check
        Whether to check the laws.

    Raises
    ------
    InvalidStructure
        Listing every broken square, or every equation that has no image or several.

    Examples
    --------
    >>> P = Presentation({"f": ("A", "A")}, ["f >> f = id(A)"])
    >>> Q = Presentation({"s": ("X", "X"), "t": ("X", "X")}, ["s >> s = id(X)", "t >> t = t"])
    >>> PresentationMorphism(P, Q, V={"A": "X"}, E={"f": "s"}).components["Eq"]
    FinFunction([0], ['f >> f = id(A)'], codomain=['s >> s = id(X)', 't >> t = t'])
    >>> PresentationMorphism(P, Q, V={"A": "X"}, E={"f": "t"})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: PresentationMorphism is not valid (1 failure):
      - equation 'f >> f = id(A)': the codomain has no equation t >> t = id(X) [equations]
    """

    domain: Presentation
    codomain: Presentation

    def __init__(
        self,
        domain: Presentation,
        codomain: Presentation,
        V: Mapping[str, str] | Sequence[int | str],
        E: Mapping[str, str] | Sequence[int] = (),
        Eq: Mapping[str, str] | Sequence[int | str] | None = None,
        check: bool = True,
    ) -> None:
        Eq = equation_images(domain, codomain, V, E) if Eq is None else Eq
        TableMorphism.__init__(self, domain, codomain, {"V": V, "E": E, "Eq": Eq}, check=check)


def equation_images(domain: Presentation, codomain: Presentation, V: Any, E: Any) -> list[int]:
    """Find for each equation the one row that has the images of its sides.

    Raises
    ------
    InvalidStructure
        Listing what is wrong with the map of graphs, or the equations with no image or several.
    """
    along = GraphMorphism(Graph.of(domain), Graph.of(codomain), V, E, check=False)
    refuse("PresentationMorphism", along.failures())
    rows: dict[tuple[Path, Path], list[int]] = {}
    for row, name in enumerate(codomain.equations):
        rows.setdefault(codomain.sides(name), []).append(row)
    images, failures = [], Failures()
    for name in domain.equations:
        left, right = (along(side) for side in domain.sides(name))
        found = rows.get((left, right), [])
        images += found[:1]
        if len(found) != 1:
            message = f"the codomain has no equation {left} = {right}"
            if found:
                names = ", ".join(codomain.names("Eq")[row] for row in found)
                message = f"{left} = {right} is the equation of {names}; say which by Eq="
            failures.add("equations", f"equation '{name}'", message)
    refuse("PresentationMorphism", failures)
    return images


def name_equations(
    equations: Mapping[str, Given] | Iterable[Given],
) -> list[tuple[str, Equation]]:
    """Read equations, and name those that have no name by their text."""
    if isinstance(equations, (str, Equation)):
        equations = [equations]
    expect(equations, Iterable, "equations", "a list of equations, such as ['f >> g = h']")
    if isinstance(equations, Mapping):
        return [(str(name), Equation.of(given)) for name, given in equations.items()]
    read = map(Equation.of, equations)
    # Names are as they are written in files, also where the text for readers has escapes.
    return [(" = ".join(map(write_steps, equation.steps)), equation) for equation in read]


def equation_rows(named: Iterable[tuple[str, Equation]], graph: Graph) -> list[tuple[Path, Path]]:
    """Resolve named equations in a graph.

    Raises
    ------
    InvalidStructure
        Listing what is wrong with any of them.
    """
    rows, failures = [], []
    for name, equation in named:
        where = f"equation '{excerpt(equation)}'"
        where += "" if name == str(equation) else f" ({excerpt(name)})"
        (left, right), broken = equation.traced(graph, where)
        failures += broken
        if left is not None and right is not None:
            rows.append((left, right))
    refuse("Presentation", failures)
    return rows
