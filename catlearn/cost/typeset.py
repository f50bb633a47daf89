r"""From atoms to sympy, with the typesetting that a board would have.

The sympy form of an atom is an undefined function of ordinary symbols; only its LaTeX is its own:

- ``E_S(...)`` is an expectation, ``\mathbb{E}_{S}``, and inside it the leaf ``S.X`` (the random
  variable X on the data set S) is written ``x``;
- ``d_v(a, b)`` is a divergence, ``d_{v}``; ``kl(temperature=2)_v(a, b)`` one with options;
- names of more than one letter are upright.

>>> import sympy
>>> from catlearn.cost import Atom
>>> expression = Atom.parse("E_digits(d_Y(head(digits.X), digits.Y))").expression
>>> print(sympy.latex(3 * expression))
3 \mathbb{E}_{\mathrm{digits}}\, d_{Y}\left(\mathrm{head}\left(x\right), y\right)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy

_refined = re.compile(r"(\w+)\((.*)\)_(.+)")
_escapes = str.maketrans(
    {c: f"\\{c}" for c in "_#$%&{}"}
    | {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", "-": r"\text{-}", " ": r"\ "}
)


def latex_name(name: str) -> str:
    r"""Return a name in LaTeX: italic if it is one letter, else upright and escaped.

    Examples
    --------
    >>> print(latex_name("x"), latex_name("my_net"))
    x \mathrm{my\_net}
    """
    return name if len(name) == 1 and name.isalpha() else rf"\mathrm{{{name.translate(_escapes)}}}"


def latex_head(name: str) -> str:
    r"""Return the head of an application in LaTeX: ``E_S``, ``d_v``, ``kl(T=2)_v`` or a plain name.

    Examples
    --------
    >>> print(latex_head("E_S"), latex_head("d_Y"), latex_head("kl(T=2)_Y"), latex_head("my_net"))
    \mathbb{E}_{S} d_{Y} \mathrm{kl}_{Y}^{\mathrm{T=2}} \mathrm{my\_net}
    """
    refined = _refined.fullmatch(name)
    if refined:
        divergence, options, vertex = map(latex_name, refined.groups())
        return f"{divergence}_{{{vertex}}}^{{{options}}}"
    letter, _, subscript = name.partition("_")
    if letter in ("E", "d") and subscript:
        letter = r"\mathbb{E}" if letter == "E" else letter
        return f"{letter}_{{{latex_name(subscript)}}}"
    return latex_name(name)


def _leaf_names(head: str, leaves: Iterable[Any]) -> dict[Any, str]:
    """LaTeX of the leaves below a head; an expectation shortens those of its own data set."""
    names = {leaf: latex_name(leaf.name) for leaf in leaves}
    prefix = head[2:] + "."
    if head.startswith("E_"):
        own = {x: x.name[len(prefix) :].lower() for x in names if x.name.startswith(prefix)}
        if len(set(own.values())) == len(own):  # else X and x would read alike
            names |= {leaf: latex_name(short) for leaf, short in own.items()}
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


def expression_of(postfix: Iterable[tuple[str, int]]) -> sympy.Expr:
    """Return the sympy expression of a term given in postfix order, as :class:`Atom` keeps it."""
    import sympy
    from sympy.core.function import UndefinedFunction

    stack: list[Any] = []
    for name, arity in postfix:
        if arity:
            # Stating an assumption (the default one) keeps our heads apart from the user's own
            # sympy.Function(name), whose cached applications would not be typeset.
            head = UndefinedFunction(name, bases=(_applied(),), commutative=True)
            stack[-arity:] = [head(*stack[-arity:])]
        else:
            stack.append(sympy.Symbol(name))
    return stack[0]
