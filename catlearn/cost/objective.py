"""Objectives: the symbolic objects (Theta, L) of the category Cost.

An objective names the parameters that it depends on, theta = (theta_p)_p, and is an aggregate of
weighted atoms, L(theta) = sum_i w_i a_i(theta) with w_i >= 0 (or the max instead of the sum).
Symbols that are not parameters are constants: data sets, fixed maps, divergences. Objectives
form a monoid under disjoint sum: (Theta_1, L_1) + (Theta_2, L_2) = (Theta_1 x Theta_2, L_1 + L_2),
with unit (1, 0) (Theory, section 4).

>>> from catlearn.cost import Objective
>>> fit = Objective(("f",), {"d_Y(f(x), y)": 2})
>>> print(fit)
L(f) = 2 d_Y(f(x), y)
>>> fit.constants
('x', 'y', 'd_Y')
>>> print(fit + fit)
L(left/f, right/f) = 2 d_Y(left/f(x), y) + 2 d_Y(right/f(x), y)
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from catlearn.cost.aggregator import Aggregator, get_aggregator
from catlearn.cost.atom import Atom
from catlearn.cost.category import COST, CostCategory
from catlearn.cost.typeset import latex_name
from catlearn.display import Brief
from catlearn.errors import Failure, InvalidStructure

if TYPE_CHECKING:
    import sympy

Weight: TypeAlias = "int | float | Fraction"


def written(weight: Weight) -> str:
    """Return a weight as text: 2, 0.1 or 1/3; sums of floats are shown as the nearest float."""
    exact = Fraction(weight)
    plain = _plain(exact)
    is_binary = exact.denominator & (exact.denominator - 1) == 0
    return repr(float(exact)) if isinstance(plain, Fraction) and is_binary else str(plain)


@dataclass(frozen=True, repr=False)
class Term(Brief):
    """One weighted atom of an objective.

    Parameters
    ----------
    atom
        The atom, or its text.
    weight
        A finite number >= 0. Numbers of other libraries become Python's.
    name
        How messages call the term; None calls it by its atom.
    """

    atom: Atom
    weight: Weight
    name: str | None

    def __init__(self, atom: Atom | str, weight: Any = 1, name: str | None = None) -> None:
        if isinstance(weight, numbers.Integral):
            weight = int(weight)
        elif isinstance(weight, numbers.Real) and not isinstance(weight, Fraction):
            weight = float(weight)
        parsed = Atom.parse(atom) if isinstance(atom, str) else atom
        object.__setattr__(self, "atom", parsed)
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "name", name)

    def __str__(self) -> str:
        return str(self.atom) if self.weight == 1 else f"{written(self.weight)} {self.atom}"

    def __repr__(self) -> str:
        named = "" if self.name is None else f", name={self.name!r}"
        return f"Term({str(self.atom)!r}, {self.weight!r}{named})"


Terms: TypeAlias = Mapping[str, Any] | Mapping[Atom, Any] | Iterable[Term]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Objective(Brief):
    """An object (Theta, L) of Cost: named parameters and weighted atoms.

    Parameters
    ----------
    parameters
        Names of the parameters. Theta is the product of their spaces, whatever those are; a
        parameter need not occur in a term.
    terms
        Weights >= 0 by atom (or text of an atom), or a sequence of :class:`Term`, in which atoms
        may repeat.
    aggregator
        ``"sum"``, ``"max"``, a registered name or an :class:`Aggregator`.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        With every malformed atom, bad weight and repeated name.

    Examples
    --------
    >>> Objective(("f",), {"d(f(x), y)": 2}, aggregator="max")
    Objective(('f',), {'d(f(x), y)': 2}, aggregator='max')
    """

    ambient: ClassVar[CostCategory] = COST
    parameters: tuple[str, ...]
    terms: tuple[Term, ...]
    aggregator: Aggregator

    def __init__(
        self,
        parameters: Iterable[str] = (),
        terms: Terms = (),
        aggregator: str | Aggregator = "sum",
        check: bool = True,
    ) -> None:
        object.__setattr__(self, "parameters", tuple(parameters))
        read, failures = _read_terms(terms)
        object.__setattr__(self, "terms", read)
        object.__setattr__(self, "aggregator", get_aggregator(aggregator))
        if check:
            failures += self.failures()
        if failures:
            raise InvalidStructure(type(self).__name__, failures)

    @classmethod
    def zero(cls, aggregator: str | Aggregator = "sum") -> Objective:
        """Return the unit (1, 0) of the disjoint sum: no parameters, no terms."""
        return Objective(aggregator=aggregator)

    def failures(self) -> list[Failure]:
        """Return everything that is wrong: repeated names and weights outside [0, inf)."""
        found = [
            Failure("names", f"parameter {name!r}", "is listed more than once")
            for name in _repeated(self.parameters)
        ]
        names = [term.name for term in self.terms if term.name is not None]
        found += [
            Failure("names", f"term {name!r}", "is the name of more than one term")
            for name in _repeated(names)
        ]
        for term in self.terms:
            weight = term.weight
            is_number = isinstance(weight, (int, float, Fraction))
            if not (is_number and 0 <= weight <= sys.float_info.max):
                message = f"weight {weight!r} is not a finite number >= 0"
                found.append(Failure("weight", _where(term), message))
        return found

    @property
    def alternatives(self) -> tuple[Objective, ...]:
        """The objectives whose maximum this is: itself, unless it is a maximum."""
        return (self,)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The symbols that are not parameters, in order of occurrence in terms of weight > 0."""
        symbols = dict.fromkeys(name for atom in self.coefficients for name in atom.symbols)
        trained = set(self.parameters)
        return tuple(name for name in symbols if name not in trained)

    @cached_property
    def coefficients(self) -> dict[Atom, Weight]:
        """The positive weights by atom; terms with equal atoms are combined, without rounding.

        Examples
        --------
        >>> Objective(("f",), [Term("a(f)", 2), Term("a(f)", 3)]).coefficients
        {Atom.parse('a(f)'): 5}
        """
        exact: dict[Atom, Fraction] = {}
        for term in self.terms:
            if term.weight > 0:
                weight = Fraction(term.weight)
                combined = self.aggregator.combine(exact.get(term.atom, Fraction(0)), weight)
                exact[term.atom] = Fraction(combined)
        return {atom: _plain(weight) for atom, weight in exact.items()}

    @cached_property
    def expression(self) -> sympy.Expr:
        """The sympy expression of L: an Add of weighted applications, or a Max."""
        return self.aggregator.expression(
            [_symbolic(weight) * atom.expression for atom, weight in self.coefficients.items()]
        )

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return L under an interpretation of all symbols, parameters and constants.

        Terms of weight 0 are not evaluated.

        Parameters
        ----------
        values
            A callable for each symbol that is applied, a value for each leaf.

        Raises
        ------
        UnknownName
            If symbols have no value.

        Examples
        --------
        >>> fit = Objective(("f",), {"d(f(x), y)": 2})
        >>> fit.evaluate({"f": lambda a: 3 * a, "x": 1, "y": 5, "d": lambda a, b: abs(a - b)})
        4
        """
        return self.aggregator.aggregate(
            term.weight * term.atom.evaluate(values) for term in self.terms if term.weight > 0
        )

    def rename(self, mapping: Mapping[str, str]) -> Objective:
        """Return the objective with parameters and constants renamed, all at once.

        Parameters that get one name become one parameter: L is restricted to where they agree.

        Raises
        ------
        InvalidStructure
            If a constant gets the name of a parameter.
        """
        parameters = tuple(dict.fromkeys(mapping.get(p, p) for p in self.parameters))
        trained = set(parameters)
        clashes = [c for c in self.constants if mapping.get(c, c) in trained]
        if clashes:
            failures = [
                Failure(
                    "names", f"constant {c!r}", f"gets a parameter's name, {mapping.get(c, c)!r}"
                )
                for c in clashes
            ]
            raise InvalidStructure("renaming", failures)
        terms = [Term(term.atom.rename(mapping), term.weight, term.name) for term in self.terms]
        return Objective(parameters, terms, self.aggregator, check=False)

    def is_same_function(self, other: Objective) -> bool:
        """Whether both are one object of Cost: order and names of terms do not matter.

        Examples
        --------
        >>> twice = Objective((), [Term("a"), Term("a")])
        >>> twice.is_same_function(Objective((), {"a": 2})), twice == Objective((), {"a": 2})
        (True, False)
        """
        return (
            set(self.parameters) == set(other.parameters)
            and self.aggregator == other.aggregator
            and self.has_same_values(other)
        )

    def has_same_values(self, other: Objective) -> bool:
        """Whether both have equal coefficients, or are equal maxima; parameters do not matter."""
        if len(self.alternatives) == len(other.alternatives) == 1:
            return self.coefficients == other.coefficients
        from catlearn.cost.maxima import is_below

        return all(
            is_below(part, two.alternatives)
            for one, two in ((self, other), (other, self))
            for part in one.alternatives
        )

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        if self.aggregator != other.aggregator:
            raise InvalidStructure("disjoint sum", [aggregator_failure(self, other)])
        left, right = apart(self, other)
        one, two = self.rename(left), other.rename(right)
        clashes = {t.name for t in one.terms} & {t.name for t in two.terms} - {None}
        taken = {t.name for t in (*one.terms, *two.terms) if t.name is not None}
        terms = [
            Term(t.atom, t.weight, _fresh(side, t.name, taken) if t.name in clashes else t.name)
            for side, part in (("left", one), ("right", two))
            for t in part.terms
        ]
        return Objective((*one.parameters, *two.parameters), terms, self.aggregator, check=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Objective):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.parameters, self.terms, self.aggregator

    def __str__(self) -> str:
        value = self.aggregator.write([str(t) for t in self.terms if t.weight != 0])
        return f"L({', '.join(self.parameters)}) = {value}"

    def __repr__(self) -> str:
        terms = self.terms
        plain = all(t.name is None for t in terms) and len({t.atom for t in terms}) == len(terms)
        shown: Any = {str(t.atom): t.weight for t in terms} if plain else list(terms)
        name = self.aggregator.name
        how = "" if name == "sum" else f", aggregator={name!r}"
        return f"Objective({self.parameters!r}, {shown!r}{how})"

    @property
    def latex_value(self) -> str:
        """The value L in LaTeX, its terms in order."""
        import sympy

        terms = [
            sympy.latex(_symbolic(t.weight) * t.atom.expression)
            for t in self.terms
            if t.weight != 0
        ]
        name = self.aggregator.name
        function = rf"\{name}" if name == "max" else rf"\operatorname{{{name}}}"
        return self.aggregator.write(terms, function)

    def _repr_latex_(self) -> str:
        parameters = ", ".join(latex_name(p) for p in self.parameters)
        return rf"$\displaystyle L({parameters}) = {self.latex_value}$"


def apart(left: Objective, right: Objective) -> tuple[dict[str, str], dict[str, str]]:
    """Return renamings of the parameters of two objectives that make them disjoint.

    A parameter gets the prefix ``left/`` or ``right/`` if its name occurs on the other side.
    Constants keep their names: an equal name on both sides means the same map.

    Examples
    --------
    >>> apart(Objective(("f", "g")), Objective(("g",)))
    ({'g': 'left/g'}, {'g': 'right/g'})
    """
    names = [
        set(objective.parameters).union(*(term.atom.symbols for term in objective.terms))
        for objective in (left, right)
    ]
    taken = names[0] | names[1]
    renamings = [
        {p: _fresh(side, p, taken) for p in objective.parameters if p in other}
        for side, objective, other in (("left", left, names[1]), ("right", right, names[0]))
    ]
    return renamings[0], renamings[1]


def aggregator_failure(left: Objective, right: Objective) -> Failure:
    """Return the failure that two objectives have different aggregators."""
    found = f"{left.aggregator.name!r} and {right.aggregator.name!r}"
    return Failure("aggregator", "the two objectives", f"have different aggregators, {found}")


def _fresh(side: str, name: str | None, taken: set[str]) -> str:
    """Prefix a name until it is new, and take it."""
    new = f"{side}/{name}"
    while new in taken:
        new = f"{side}/{new}"
    taken.add(new)
    return new


def _read_terms(terms: Terms) -> tuple[tuple[Term, ...], list[Failure]]:
    """Terms from what the user gave, and what is wrong with the atoms that do not parse."""
    read: list[Term] = []
    failures: list[Failure] = []
    if not isinstance(terms, Mapping):
        return tuple(cast("Iterable[Term]", terms)), failures
    for atom, weight in cast("Mapping[Atom | str, Any]", terms).items():
        try:
            read.append(Term(atom, weight))
        except InvalidStructure as error:
            failures += error.failures
    return tuple(read), failures


def _plain(weight: Fraction) -> Weight:
    """The simplest number equal to a fraction."""
    if weight.denominator == 1 and weight < 10**15:
        return weight.numerator
    return float(weight) if Fraction(float(weight)) == weight else weight


def _symbolic(weight: Weight) -> sympy.Expr:
    import sympy

    plain = _plain(Fraction(weight))
    if isinstance(plain, Fraction):
        return sympy.Rational(plain.numerator, plain.denominator)
    return sympy.Float(plain) if isinstance(plain, float) else sympy.Integer(plain)


def _repeated(names: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    return list(dict.fromkeys(n for n in names if n in seen or seen.add(n)))


def _where(term: Term) -> str:
    return f"term {str(term.atom)!r}" if term.name is None else f"term {term.name!r}"
