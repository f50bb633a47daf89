r"""Terms: what the two sides of a law are written with, and their types.

A term is a name, an operation applied to terms, or a family of terms over a finite index. The
text of a statement is ``(f >> g) >> h = f >> (g >> h)``; the types of its names are its *typing*,
``f: A -> B, g: B -> C, h: C -> D``. Nothing here knows what operations mean: a signature does
(:mod:`catlearn.laws`), as in generalised algebraic theories (Cartmell, 1986).

======================= ===========================================================
``f``, ``id(A)``        names and applications, ``h(i)`` of a family too
``f >> g``, ``f ⊗ g``   infix operations: ``⊗ *`` bind tighter than ``>>``, and ``>>``
                        tighter than ``+ - ∨ ∧``; ``@`` may be typed for ``⊗``
``(f >> g)(x)``         a composite, applied
``[i >> m for i in K]`` a family
``=  <=  <=>  :  ∈``    relations between the sides of a statement, also in a chain; the
                        sides of ``<=>`` may have relations in them
======================= ===========================================================

>>> left, right = read_statement("(f >> g) >> h = f >> (g >> h)").sides
>>> left.head, left.arguments[0], str(right)
('>>', Expr('>>', (Expr('f'), Expr('g'))), 'f >> (g >> h)')
>>> read_typing("f: A -> B, x: element, i: [D(k) -> X for k in legs]")["f"]
Expr('->', (Expr('A'), Expr('B')))
>>> print(right.latex({">>": "{0} ; {1}"}))
f ; (g ; h)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catlearn.category.path import Reader, tokens_of, written
from catlearn.display import Legible
from catlearn.errors import DEEPEST, nesting
from catlearn.typesetting import escape_latex, greek, upright_latex

BINDS = {"=": 0, "≤": 0, "+": 1, "-": 1, "∨": 1, "∧": 1, ">>": 2, "⊗": 3, "*": 3}
"""How tightly infix operations bind; those that bind equally are read from the left."""

SIGNS = {"@": "⊗", "<=": "≤", "<=>": "⇔"}
"""What may be typed for a sign."""

RELATIONS = ("=", "≤", "⇔", ":", "∈")
FAMILY, APPLY, ARROW = "[]", "()", "->"


@dataclass(frozen=True, slots=True, repr=False)
class Expr(Legible):
    """A term: a head, and what it is applied to.

    Parameters
    ----------
    head
        A name or an infix sign; ``"[]"`` for a family, whose arguments are its body, the bound
        name and the index; ``"()"`` for a term applied to terms; ``"->"`` for the type of arrows,
        whose third argument, if any, is the category.
    arguments
        What it is applied to.
    """

    head: str
    arguments: tuple[Expr, ...] = ()
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", nesting(self.arguments, "a term"))

    def substituted(self, values: Mapping[str, Expr]) -> Expr:
        """Return the term with terms for names.

        Examples
        --------
        >>> print(read_term("F(f) >> g").substituted({"g": read_term("h >> k")}))
        F(f) >> (h >> k)
        """
        if not self.arguments:
            return values.get(self.head, self)
        return Expr(self.head, tuple(one.substituted(values) for one in self.arguments))

    def names(self) -> set[str]:
        """Return the names of the term, those of operations included."""
        return {self.head}.union(*(one.names() for one in self.arguments))

    def matched(self, pattern: Expr, free: set[str], found: dict[str, Expr]) -> bool:
        """Whether the term is a pattern with terms for its free names, which are noted.

        Examples
        --------
        >>> found = {}
        >>> read_term("F(A) >> F(B)").matched(read_term("x >> F(y)"), {"x", "y"}, found)
        True
        >>> print(found["x"], found["y"])
        F(A) B
        """
        if not pattern.arguments and pattern.head in free:
            return found.setdefault(pattern.head, self) == self
        return (
            self.head == pattern.head
            and len(self.arguments) == len(pattern.arguments)
            and all(
                one.matched(part, free, found)
                for one, part in zip(self.arguments, pattern.arguments, strict=True)
            )
        )

    def latex(self, styles: Mapping[str, str]) -> str:
        """Return the term in LaTeX.

        Parameters
        ----------
        styles
            For heads, how they are set: a format with a place for each argument.
        """
        parts = [one.latex(styles) for one in self.arguments]
        if self.head in BINDS:
            parts = [f"({part})" if self._encloses(k) else part for k, part in enumerate(parts)]
        style = styles.get(self.head, _STYLES.get(self.head))
        if style is not None and (parts or "{0}" not in style):
            return style.format(*parts)
        if self.head in BINDS:
            return f"{parts[0]} {_RELATIONS.get(self.head, self.head)} {parts[1]}"
        return _latex_name(self.head) + (f"({', '.join(parts)})" if parts else "")

    def _encloses(self, place: int) -> bool:
        """Whether an argument of an infix operation is written in parentheses."""
        return BINDS.get(self.arguments[place].head, 9) <= BINDS[self.head]

    def __str__(self) -> str:
        parts = [str(one) for one in self.arguments]
        if self.head in BINDS:
            parts = [f"({part})" if self._encloses(k) else part for k, part in enumerate(parts)]
            return f"{parts[0]} {self.head} {parts[1]}"
        match self.head:
            case "[]":
                return f"[{parts[0]} for {parts[1]} in {parts[2]}]"
            case "()":
                function = f"({parts[0]})" if self.arguments[0].head in BINDS else parts[0]
                return f"{function}({', '.join(parts[1:])})"
            case "->":
                return f"{parts[0]} -> {parts[1]}" + "".join(f" in {one}" for one in parts[2:])
        name = self.head if " " in self.head else written(self.head)
        return name + (f"({', '.join(parts)})" if parts else "")

    def __repr__(self) -> str:
        return f"Expr({self.head!r}{f', {self.arguments!r}' if self.arguments else ''})"


_STYLES = {
    ">>": "{0} ; {1}", "⊗": r"{0} \otimes {1}", "∨": r"{0} \vee {1}", "∧": r"{0} \wedge {1}",
    "*": "{0} {1}", "->": r"{0} \to {1}", "id": r"\mathrm{{id}}_{{{0}}}", "()": "({0})({1})",
    "[]": "({0})_{{{1} \\in {2}}}",
}  # fmt: skip
_RELATIONS = {"≤": r"\le", "⇔": r"\iff", "∈": r"\in"}


def _latex_name(name: str) -> str:
    letters = name.rstrip("0123456789′'")
    if len(letters) == 1 and letters != name:
        return f"{letters}_{{{name[1:]}}}" if name[1:].isdigit() else name.replace("′", "'")
    letter = greek(name)
    return escape_latex(letter) if len(letter) == 1 else upright_latex(name)


@dataclass(frozen=True)
class Statement(Legible):
    """Sides with relations between them.

    Parameters
    ----------
    sides
        Two terms, or more in a chain.
    relations
        What stands between each and the next.
    """

    sides: tuple[Expr, ...]
    relations: tuple[str, ...]

    def latex(self, styles: Mapping[str, str]) -> str:
        """Return the statement in LaTeX; ``styles`` as for terms."""
        text = self.sides[0].latex(styles)
        for relation, side in zip(self.relations, self.sides[1:], strict=True):
            text += f" {_RELATIONS.get(relation, relation)} {side.latex(styles)}"
        return text

    def __str__(self) -> str:
        rest = zip(self.relations, self.sides[1:], strict=True)
        return str(self.sides[0]) + "".join(f" {relation} {side}" for relation, side in rest)


def read_term(text: str) -> Expr:
    """Read a term.

    Raises
    ------
    PathSyntaxError
        If the text is none; the message marks the place.
    """
    reader = _TermReader(text, "term")
    term = reader.term()
    reader.expect_end("an operation")
    return term


def read_statement(text: str) -> Statement:
    """Read the statement of a law.

    Raises
    ------
    PathSyntaxError
        If the text is none; the message marks the place.

    Examples
    --------
    >>> print(read_statement("X(a, b) @ X(b, c) <= X(a, c)"))
    X(a, b) ⊗ X(b, c) ≤ X(a, c)
    >>> read_statement("f >> = g")
    Traceback (most recent call last):
        ...
    catlearn.errors.PathSyntaxError: cannot read this law: expected a term, found '='
      f >> = g
           ^
    """
    reader = _TermReader(text, "law")
    sides, relations = [reader.term()], []
    while relation := reader.take(*RELATIONS):
        relations.append(relation)
        sides.append(reader.type() if relation == ":" else reader.term())
    if not relations:
        raise reader.refuse("a relation, one of " + ", ".join(RELATIONS))
    reader.expect_end("a relation, one of " + ", ".join(RELATIONS))
    if "⇔" in relations:  # what stands at its sides are relations too
        return Statement(*_grouped(sides, relations))
    return Statement(tuple(sides), tuple(relations))


def _grouped(sides: list[Expr], relations: list[str]) -> tuple[tuple[Expr, ...], tuple[str, ...]]:
    groups = [sides[0]]
    for relation, side in zip(relations, sides[1:], strict=True):
        if relation == "⇔":
            groups.append(side)
        else:
            groups[-1] = Expr(relation, (groups[-1], side))
    return tuple(groups), ("⇔",) * relations.count("⇔")


def read_typing(text: str) -> dict[str, Expr]:
    """Read what names are: ``f: A -> B, x, y: element``; the type of each name.

    Raises
    ------
    PathSyntaxError
        If the text is no typing, or gives a name two types; the message marks the place.
    """
    reader = _TermReader(text, "typing")
    typing = reader.typing()
    reader.expect_end("','")
    return typing


def read_operation(text: str) -> tuple[str, dict[str, Expr], Expr]:
    """Read ``F(f: A -> B): F(A) -> F(B) in D``: a name, its parameters, the type of the value.

    Raises
    ------
    PathSyntaxError
        If the text is none; the message marks the place.

    Examples
    --------
    >>> name, parameters, value = read_operation("⊗(A, B: object): object")
    >>> name, list(parameters), str(value)
    ('⊗', ['A', 'B'], 'object')
    """
    reader = _TermReader(text, "operation")
    name = reader.take("name", *BINDS) or reader.expect("name", "the name of an operation")
    parameters: dict[str, Expr] = {}
    if reader.take("("):
        parameters = reader.typing()
        reader.expect(")", "')'")
    reader.expect(":", "':'")
    value = reader.type()
    reader.expect_end("the end")
    return name, parameters, value


class _TermReader(Reader):
    """Reads terms, statements, types and typings; names have no signs in them."""

    token = tokens_of(r"<=>|<=|>>|->|[=()\[\],:@+*⊗∨∧≤⇔∈-]")
    punctuation = "_.'′"

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text, what)
        self.tokens = [
            (SIGNS.get(kind, kind), SIGNS.get(found, found) if kind != "name" else found, at)
            for kind, found, at in self.tokens
        ]
        signs = [at for kind, _, at in self.tokens if kind in ("(", "[") or BINDS.get(kind)]
        if len(signs) > DEEPEST:
            message = f"it has {len(signs)} operations and brackets, more than {DEEPEST}"
            self.text = f"{text[: signs[DEEPEST] + 1]} ..."
            raise self.error(message, signs[DEEPEST])

    def term(self, binding: int = 1) -> Expr:
        """Read a term whose operations bind at least so tightly."""
        left = self.applied()
        while BINDS.get(self.tokens[self.at][0], 0) >= binding:
            sign = self.take(*BINDS)
            left = Expr(sign, (left, self.term(BINDS[sign] + 1)))
        return left

    def applied(self) -> Expr:
        one = self.primary()
        while self.take("("):
            arguments = [self.term()]
            while self.take(","):
                arguments.append(self.term())
            self.expect(")", "')'")
            is_name = not one.arguments
            one = Expr(one.head if is_name else APPLY, (*([] if is_name else [one]), *arguments))
        return one

    def primary(self) -> Expr:
        if self.take("("):
            inside = self.term()
            self.expect(")", "')'")
            return inside
        if self.take("["):
            return self.family(self.term())
        return Expr(self.expect("name", "a term"))

    def family(self, body: Expr) -> Expr:
        names = [self.expect("name", "'for'")]
        names += [self.expect("name", word) for word in ("a name", "'in'", "an index")]
        self.expect("]", "']'")
        if names[0] != "for" or names[2] != "in":
            raise self.error(
                "a family is written [... for i in index]", self.tokens[self.at - 1][2]
            )
        return Expr(FAMILY, (body, Expr(names[1]), Expr(names[3])))

    def type(self) -> Expr:
        """Read a type: of arrows, ``A -> B in C``, of families, or words for a sort."""
        if self.take("["):
            return self.family(self.type())
        one = self.term()
        if self.take(ARROW):
            ends = one, self.term()
            named = [Expr(self.expect("name", "a category"))] if self.take_word("in") else []
            return Expr(ARROW, (*ends, *named))
        if one.arguments:
            raise self.refuse("'->'")
        words = [one.head]
        while self.tokens[self.at][1] != "for" and (word := self.take("name")):
            words.append(word)
        return Expr(" ".join(words))

    def take_word(self, word: str) -> bool:
        kind, found, _ = self.tokens[self.at]
        self.at += kind == "name" and found == word
        return kind == "name" and found == word

    def typing(self) -> dict[str, Expr]:
        found: dict[str, Expr] = {}
        while self.tokens[self.at][0] == "name":
            names = [self.expect("name", "a name")]
            while self.take(","):
                names.append(self.expect("name", "a name"))
            self.expect(":", "':'")
            kind, at = self.type(), self.tokens[self.at][2]
            for name in names:
                if name in found:
                    raise self.error(f"{name} has two types", at)
                found[name] = kind
            if not self.take(","):
                break
        return found
