r"""Atoms: the indivisible costs that objectives are weighted sums of.

An atom is a first-order term over symbol names, such as ``E_S(d_Y(head(S.X), S.Y))``. Its symbols
are parameters (trainable maps) and constants (data, fixed maps, divergences); only renaming them
is known here, nothing is computed. Whatever they stand for, an atom stands for a value in
[0, inf].

A term is kept flat, in postfix order (arguments before their head), so that every operation is
one loop and the depth of a term is not bounded by Python's recursion limit.

>>> from catlearn.cost import Atom
>>> atom = Atom.parse("d_Y(head(encoder(x)), y)")
>>> atom.head, atom.symbols
('d_Y', ('x', 'encoder', 'head', 'y', 'd_Y'))
>>> print(atom.rename({"encoder": "left/encoder"}))
d_Y(head(left/encoder(x)), y)

The sympy form of an atom is an undefined function of ordinary symbols; only its LaTeX is its own:

- ``E_S(...)`` is an expectation, ``\mathbb{E}_{S}``, and inside it the leaf ``S.X`` (the random
  variable X on the data set S) is written ``x``;
- ``d_v(a, b)`` is a divergence, ``d_{v}``; ``kl(temperature=2)_v(a, b)`` one with options;
- names of more than one letter are upright.

>>> import sympy
>>> expression = Atom.parse("E_digits(d_Y(head(digits.X), digits.Y))").expression
>>> print(sympy.latex(3 * expression))
3 \mathbb{E}_{\mathrm{digits}}\, d_{Y}\left(\mathrm{head}\left(x\right), y\right)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from catlearn.display import Legible
from catlearn.errors import InvalidStructure, UnknownName, expect, fault
from catlearn.names import quote
from catlearn.typesetting import upright_latex

if TYPE_CHECKING:
    import sympy

_bare = re.compile(r'[^\s(),"]+')
_token = re.compile(r'"(?:[^"\\]|\\.|"")*"|[(),]|[^\s(),"]+|"')


def _written(name: str) -> str:
    """A name as text: quoted if it holds a space, a parenthesis, a comma or a quote."""
    return name if _bare.fullmatch(name) else quote(name)


def _read(token: str) -> str:
    """The name that a token is, or quotes: as a JSON string, or with a quote in it doubled."""
    try:
        return json.loads(token) if token[0] == '"' else token
    except ValueError:
        return token[1:-1].replace('""', '"')


@dataclass(frozen=True, repr=False)
class Atom(Legible):
    """A first-order term over symbol names, hashable and compared by structure.

    Build one with :meth:`parse` or :meth:`of`.

    Parameters
    ----------
    postfix
        The symbols with their numbers of arguments, arguments before heads.

    Raises
    ------
    InvalidStructure
        If the sequence is not exactly one term.
    """

    postfix: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        expect(self.postfix, tuple, "a postfix", "pairs of a symbol and a number of arguments")
        waiting = 0
        for _, arity in self.postfix:
            waiting = waiting - arity + 1 if 0 <= arity <= waiting else -1
            if waiting < 0:
                break
        if waiting != 1:
            message = "the numbers of arguments do not add up to one term"
            raise fault("Atom", "term", repr(self.postfix), message)

    @classmethod
    def of(cls, head: str, *arguments: Atom | str) -> Atom:
        """Return the term ``head(*arguments)``; a string argument is a leaf of that name.

        Examples
        --------
        >>> Atom.of("d_Y", Atom.of("head", "x"), "y")
        Atom.parse('d_Y(head(x), y)')
        """
        postfix = [((a, 0),) if isinstance(a, str) else a.postfix for a in arguments]
        return cls((*(step for part in postfix for step in part), (head, len(arguments))))

    @classmethod
    def parse(cls, text: str) -> Atom:
        """Return the term that a text like ``"d(f(x), y)"`` writes.

        A name is any run of characters other than spaces, parentheses, commas and double
        quotes; every other name is written as a JSON string (or with a quote in it doubled).

        Raises
        ------
        InvalidStructure
            If the text is not one term; the message points at the place.
        """
        expect(text, str, "an atom", "text, such as 'd(f(x), y)'")
        postfix: list[tuple[str, int]] = []
        open_heads: list[tuple[str, int]] = []
        name: str | None = None  # just read; the next token says whether it is a head or a leaf
        expecting = True  # a term must start here
        for match in _token.finditer(text):
            token, place = match.group(), match.start()
            if token == '"':
                raise _syntax_error(text, place, "this quote is never closed")
            if token == "(":
                if name is None:
                    raise _syntax_error(text, place, "expected the name of a map before '('")
                open_heads.append((name, 0))
                name, expecting = None, True
            elif token in (",", ")"):
                if expecting:
                    raise _syntax_error(text, place, f"expected a term before {token!r}")
                if not open_heads:
                    raise _syntax_error(text, place, f"no parenthesis is open at {token!r}")
                if name is not None:
                    postfix.append((name, 0))
                head, count = open_heads.pop()
                name, expecting = None, token == ","
                target = open_heads if expecting else postfix
                target.append((head, count + 1))
            else:
                if not expecting:
                    raise _syntax_error(text, place, "expected ',' or ')' before this name")
                name = _read(token)
                expecting = False
        if expecting or open_heads:
            wanted = "a term" if expecting else f"')' to close {open_heads[-1][0]!r}"
            raise _syntax_error(text, len(text), f"expected {wanted} before the end")
        return cls((*postfix, (name, 0)) if name is not None else tuple(postfix))

    @property
    def head(self) -> str:
        """The outermost symbol."""
        return self.postfix[-1][0]

    @property
    def arguments(self) -> tuple[Atom, ...]:
        """The terms that the head is applied to."""
        stack: list[tuple[tuple[str, int], ...]] = []
        end, needed = len(self.postfix) - 1, 1
        for place in range(end - 1, -1, -1):
            needed += self.postfix[place][1] - 1
            if needed == 0:
                stack.append(self.postfix[place:end])
                end, needed = place, 1
        return tuple(Atom(part) for part in reversed(stack))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """All symbol names, heads included, each once, in postfix order."""
        return tuple(dict.fromkeys(name for name, _ in self.postfix))

    @cached_property
    def expression(self) -> sympy.Expr:
        """The sympy expression: undefined functions of symbols, typeset as mathematics."""
        import sympy
        from sympy.core.function import UndefinedFunction

        stack: list[Any] = []
        for name, arity in self.postfix:
            if arity:
                # Stating an assumption (the default one) keeps our heads apart from the user's own
                # sympy.Function(name), whose cached applications would not be typeset.
                head = UndefinedFunction(name, bases=(_applied(),), commutative=True)
                stack[-arity:] = [head(*stack[-arity:])]
            else:
                stack.append(sympy.Symbol(name))
        return stack[0]

    def rename(self, mapping: Mapping[str, str]) -> Atom:
        """Return the term with all its symbols, heads included, renamed at once.

        Examples
        --------
        >>> print(Atom.parse("d(f(x), x)").rename({"x": "f", "f": "x"}))
        d(x(f), f)
        """
        return Atom(tuple((mapping.get(name, name), arity) for name, arity in self.postfix))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value under an interpretation: callables for heads, values for leaves.

        Raises
        ------
        UnknownName
            If symbols have no value; the message lists all of them.

        Examples
        --------
        >>> Atom.parse("d(f(x), y)").evaluate(
        ...     {"d": lambda a, b: abs(a - b), "f": lambda a: 2 * a, "x": 3, "y": 1})
        5
        """
        expect(values, Mapping, "values", "a dict of values and functions by names")
        missing = [name for name in self.symbols if name not in values]
        if missing:
            raise UnknownName(f"no value for {', '.join(map(repr, missing))} in {self}")
        stack: list[Any] = []
        for name, arity in self.postfix:
            if arity:
                stack[-arity:] = [values[name](*stack[-arity:])]
            else:
                stack.append(values[name])
        return stack[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return Atom, (self.postfix,)

    def __str__(self) -> str:
        stack: list[str] = []
        for name, arity in self.postfix:
            if arity:
                stack[-arity:] = [f"{_written(name)}({', '.join(stack[-arity:])})"]
            else:
                stack.append(_written(name))
        return stack[0]

    def __repr__(self) -> str:
        return f"Atom.parse({str(self)!r})"


def _syntax_error(text: str, place: int, message: str) -> InvalidStructure:
    return fault("Atom", "syntax", f"{text[:place]}>>>{text[place:]}", message)


_refined = re.compile(r"(\w+)\((.*)\)_(.+)")


def latex_head(name: str) -> str:
    r"""Return the head of an application in LaTeX: ``E_S``, ``d_v``, ``kl(T=2)_v`` or a plain name.

    Examples
    --------
    >>> print(latex_head("E_S"), latex_head("d_Y"), latex_head("kl(T=2)_Y"), latex_head("my_net"))
    \mathbb{E}_{S} d_{Y} \mathrm{kl}_{Y}^{\mathrm{T=2}} \mathrm{my\_net}
    """
    refined = _refined.fullmatch(name)
    if refined:
        divergence, options, vertex = map(upright_latex, refined.groups())
        return f"{divergence}_{{{vertex}}}^{{{options}}}"
    letter, _, subscript = name.partition("_")
    if letter in ("E", "d") and subscript:
        letter = r"\mathbb{E}" if letter == "E" else letter
        return f"{letter}_{{{upright_latex(subscript)}}}"
    return upright_latex(name)


def _leaf_names(head: str, leaves: Iterable[Any]) -> dict[Any, str]:
    """LaTeX of the leaves below a head; an expectation shortens those of its own data set."""
    names = {leaf: upright_latex(leaf.name) for leaf in leaves}
    prefix = head[2:] + "."
    if head.startswith("E_"):
        own = {x: x.name[len(prefix) :].lower() for x in names if x.name.startswith(prefix)}
        if len(set(own.values())) == len(own):  # else X and x would read the same
            names |= {leaf: upright_latex(short) for leaf, short in own.items()}
    return names


@cache
def _applied() -> type:
    """The base class of our applied functions, made when sympy is first needed."""
    from sympy.core.function import AppliedUndef

    class Applied(AppliedUndef):
        def _latex(self, printer: Any, exp: str | None = None) -> str:
            head = type(self).__name__
            settings = printer._settings
            outer = settings["symbol_names"]
            leaves = sorted(self.free_symbols, key=str)
            settings["symbol_names"] = {**_leaf_names(head, leaves), **outer}
            try:
                arguments = ", ".join(printer._print(argument) for argument in self.args)
            finally:
                settings["symbol_names"] = outer
            if head.startswith("E_") and len(self.args) == 1:
                text = rf"{latex_head(head)}\, {arguments}"
                return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
            power = "" if exp is None else f"^{{{exp}}}"
            return rf"{latex_head(head)}{power}\left({arguments}\right)"

    return Applied
