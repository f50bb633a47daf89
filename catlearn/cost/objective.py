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

The **pointwise maximum** of objectives L(theta) = max_k L_k(theta), where each L_k, an
*alternative*, is an objective of one aggregator, is what colimits of Cost are. Of sums this is no
longer a sum; maxima of sums are closed under everything that Cost needs: under restriction along a
reparametrisation, under maximum and, since max distributes over every monotone operation, under
the aggregator. An inequality max_k A_k <= max_j B_j of sums holds for all values >= 0 of the atoms
if and only if each A_k is, coefficient by coefficient, below some mixture sum_j lambda_j B_j with
lambda_j >= 0 adding up to 1 (minimax theorem). That is how it is certified: a mixture is found by
linear programming and then checked with exact fractions.

>>> from catlearn.cost import CostMorphism, maximum
>>> a, b = Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1})
>>> print(maximum(a, b))
L(f) = max(a(f), b(f))
>>> mean = Objective(("f",), {"a(f)": 0.5, "b(f)": 0.5})
>>> print(CostMorphism(mean, maximum(a, b)))
0.5 a(f) + 0.5 b(f) <= max(a(f), b(f))
>>> maximum(a, mean, a) == maximum(a, mean), maximum(a, Objective(("f",), {"a(f)": 3}))
(True, Objective(('f',), {'a(f)': 3}))
"""

from __future__ import annotations

import numbers
import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import starmap
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from catlearn.cost.atom import Atom
from catlearn.display import Brief
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    InvalidStructure,
    TooLarge,
    UnknownName,
    bounded,
    expect,
    fault,
    refuse,
)
from catlearn.finset import Ambient
from catlearn.names import fresh
from catlearn.typesetting import upright_latex

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Aggregator:
    """A monotone, homogeneous, commutative monoid on [0, inf] with unit 0.

    Parameters
    ----------
    name
        Its name in the registry, and its name when written as a function.
    combine
        The binary operation.
    infix
        The sign between terms, such as ``"+"``; None writes ``name(a, b)``.
    sympy_name
        The sympy class of the operation, such as ``"Max"``; None for an undefined function.
    """

    name: str
    combine: Callable[[Any, Any], Any]
    infix: str | None = None
    sympy_name: str | None = None

    def aggregate(self, costs: Iterable[Any]) -> Any:
        """Return all costs combined; 0 for none.

        Examples
        --------
        >>> from catlearn.cost import get_aggregator
        >>> get_aggregator("sum").aggregate([2, 5, 3])
        10
        """
        return reduce(self.combine, costs, 0)

    def write(self, terms: Sequence[str], function: str | None = None) -> str:
        """Return the terms' texts joined as a formula; one term stands alone.

        Examples
        --------
        >>> from catlearn.cost import get_aggregator
        >>> get_aggregator("max").write(["a", "2 b"])
        'max(a, 2 b)'
        """
        if len(terms) < 2:
            return terms[0] if terms else "0"
        if self.infix is not None:
            return f" {self.infix} ".join(terms)
        return f"{function or self.name}({', '.join(terms)})"

    def expression(self, terms: Sequence[sympy.Expr]) -> sympy.Expr:
        """Return the sympy expression of the terms combined."""
        import sympy

        if len(terms) < 2:
            return terms[0] if terms else sympy.Integer(0)
        if self.sympy_name is None:
            return sympy.Function(self.name)(*terms)
        return getattr(sympy, self.sympy_name)(*terms)


_registry = {
    "sum": Aggregator("sum", operator.add, infix="+", sympy_name="Add"),
    "max": Aggregator("max", max, sympy_name="Max"),
}


def register_aggregator(new: Aggregator) -> None:
    """Make an aggregator known by its name.

    Raises
    ------
    InvalidStructure
        If the name already means another aggregator, or 0 is not the unit.
    """
    expect(new, Aggregator, "the argument", "an Aggregator")
    failures = Failures()
    if _registry.get(new.name, new) != new:
        failures.add("registry", f"aggregator {new.name!r}", "this name is taken; choose another")
    if any(new.combine(0, x) != x or new.combine(x, 0) != x for x in (0, 1, 2.5)):
        failures.add("unit", f"aggregator {new.name!r}", "0 must be its unit")
    refuse("Aggregator", failures)
    _registry[new.name] = new


def get_aggregator(which: str | Aggregator) -> Aggregator:
    """Return the aggregator of a name (an aggregator is returned as it is).

    Raises
    ------
    UnknownName
        If no aggregator has this name; the message lists the names there are.
    """
    if isinstance(which, Aggregator):
        return which
    expect(which, str, "an aggregator", "the name of one, such as 'max', or an Aggregator")
    if which not in _registry:
        raise UnknownName(f"no aggregator {which!r}; there are {', '.join(sorted(_registry))}")
    return _registry[which]


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
        expect(parsed, Atom, "an atom", "text, such as 'd(f(x), y)', or an Atom")
        vars(self).update(atom=parsed, weight=weight, name=name)

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

    ambient: ClassVar[Ambient]
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
        expect(parameters, Iterable, "parameters", "names")
        object.__setattr__(self, "parameters", tuple(parameters))
        read, failures = _read_terms(terms)
        vars(self).update(terms=read, aggregator=get_aggregator(aggregator))
        if check:
            failures += self.failures()
        refuse(type(self).__name__, failures)

    @classmethod
    def zero(cls, aggregator: str | Aggregator = "sum") -> Objective:
        """Return the unit (1, 0) of the disjoint sum: no parameters, no terms."""
        return Objective(aggregator=aggregator)

    def failures(self) -> list[Failure]:
        """Return everything that is wrong: repeated names and weights outside [0, inf)."""
        found = Failures(
            Failure("names", f"parameter {name!r}", "is listed more than once")
            for name in _repeated(self.parameters)
        )
        names = [term.name for term in self.terms if term.name is not None]
        found += [
            Failure("names", f"term {name!r}", "is the name of more than one term")
            for name in _repeated(names)
        ]
        for term in self.terms:
            weight = term.weight
            is_number = isinstance(weight, (int, float, Fraction))
            if not (is_number and 0 <= weight <= sys.float_info.max):
                found.add("weight", _where(term), f"weight {weight!r} is not a finite number >= 0")
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
        expect(mapping, Mapping, "mapping", "a dict from names to names")
        parameters = tuple(dict.fromkeys(mapping.get(p, p) for p in self.parameters))
        trained = set(parameters)
        clashes = ((c, name) for c in self.constants if (name := mapping.get(c, c)) in trained)
        refuse(
            "renaming",
            (
                Failure("names", f"constant {c!r}", f"gets a parameter's name, {name!r}")
                for c, name in clashes
            ),
        )
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
        expect(other, Objective, "other", "an objective")
        return (
            set(self.parameters) == set(other.parameters)
            and self.aggregator == other.aggregator
            and self.has_same_values(other)
        )

    def has_same_values(self, other: Objective) -> bool:
        """Whether both have equal coefficients, or are equal maxima; parameters do not matter."""
        expect(other, Objective, "other", "an objective")
        if len(self.alternatives) == len(other.alternatives) == 1:
            return self.coefficients == other.coefficients
        return all(
            part.is_below(two.alternatives)
            for one, two in ((self, other), (other, self))
            for part in one.alternatives
        )

    def is_below(self, bounds: Sequence[Objective]) -> bool:
        """Whether a plain objective is certified below the maximum of plain objectives.

        Parameters are not looked at, only coefficients. For the aggregators sum and max the answer
        is exact (up to the reach of floating-point linear programming for mixtures, which never
        certifies what is false); for others a single bound must be found.
        """
        expect(bounds, Sequence, "bounds", "a list of objectives")
        for one in bounds:
            expect(one, Objective, "each of bounds", "an objective")
        ours, theirs = self.coefficients, [bound.coefficients for bound in bounds]
        if any(_is_below(ours, bound) for bound in theirs):
            return True
        if self.aggregator.name != "sum" or len(theirs) < 2:
            return False
        if any(all(Fraction(w) > Fraction(b.get(a, 0)) for b in theirs) for a, w in ours.items()):
            return False
        mixture = _find_mixture(ours, theirs)
        return mixture is not None and all(
            Fraction(weight)
            <= sum(m * Fraction(b.get(atom, 0)) for m, b in zip(mixture, theirs, strict=True))
            for atom, weight in ours.items()
        )

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        one_aggregator("disjoint sum", (self, other))
        one, two = (o.rename(r) for o, r in zip((self, other), apart(self, other), strict=True))
        names = (*one.parameters, *two.parameters)
        if len(one.alternatives) > 1 or len(two.alternatives) > 1:  # max distributes over it
            sums = [
                Objective(names, [*_unnamed(a), *_unnamed(b)], self.aggregator, check=False)
                for a in one.alternatives
                for b in two.alternatives
            ]
            return maximum(*sums, parameters=names)
        clashes = {t.name for t in one.terms} & {t.name for t in two.terms} - {None}
        taken = {t.name for t in (*one.terms, *two.terms) if t.name is not None}
        terms = [
            Term(t.atom, t.weight, _apart(side, t.name, taken) if t.name in clashes else t.name)
            for side, part in (("left", one), ("right", two))
            for t in part.terms
        ]
        return Objective(names, terms, self.aggregator, check=False)

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
        """The value L in LaTeX, its terms in order; sympy typesets some 200 nested applications."""
        import sympy

        with bounded("a term of this objective"):
            terms = [
                sympy.latex(_symbolic(t.weight) * t.atom.expression)
                for t in self.terms
                if t.weight != 0
            ]
        name = self.aggregator.name
        function = rf"\{name}" if name == "max" else rf"\operatorname{{{name}}}"
        return self.aggregator.write(terms, function)

    def _repr_latex_(self) -> str | None:
        parameters = ", ".join(upright_latex(p) for p in self.parameters)
        try:
            return rf"$\displaystyle L({parameters}) = {self.latex_value}$"
        except TooLarge:
            return None


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
        {p: _apart(side, p, taken) for p in objective.parameters if p in other}
        for side, objective, other in (("left", left, names[1]), ("right", right, names[0]))
    ]
    return renamings[0], renamings[1]


def one_aggregator(what: str, objectives: Sequence[Objective]) -> None:
    """Refuse objectives of different aggregators, for an operation on them."""
    names = dict.fromkeys(repr(one.aggregator.name) for one in objectives)
    if len({one.aggregator for one in objectives}) > 1:
        which = "the two objectives" if len(objectives) == 2 else "the objectives"
        raise fault(what, "aggregator", which, f"have different aggregators, {' and '.join(names)}")


def _apart(side: str, name: str | None, taken: set[str]) -> str:
    """Prefix a name until it is new, and take it."""
    new = fresh(f"{side}/{name}", taken, f"{side}/")
    taken.add(new)
    return new


def _read_terms(terms: Terms) -> tuple[tuple[Term, ...], list[Failure]]:
    """Terms from what the user gave, and what is wrong with the atoms that do not parse."""
    read: list[Term] = []
    failures: list[Failure] = []
    if not isinstance(terms, Mapping):
        expect(terms, Iterable, "terms", "a dict from atoms to weights, or Term values")
        read += cast("Iterable[Term]", terms)
        for term in read:
            expect(term, Term, "each term", "a Term; a dict has weights by atom")
        return tuple(read), failures
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


Coefficients = Mapping[Atom, Weight]


class Maximum(Objective):
    """The pointwise maximum of objectives over shared parameters; see :func:`maximum`.

    Parameters
    ----------
    alternatives
        Objectives of one aggregator, none a maximum itself.
    parameters
        All the parameters, in order; by default those of the alternatives.

    Attributes
    ----------
    alternatives
        The objectives of which it is the maximum.
    terms
        The terms of all of them; they do not add up.
    """

    def __init__(
        self, alternatives: Iterable[Objective], parameters: Iterable[str] | None = None
    ) -> None:
        given = tuple(alternatives)
        names = [p for part in given for p in part.parameters] if parameters is None else parameters
        object.__setattr__(self, "parts", given)
        terms = (Term(t.atom, t.weight) for part in given for t in part.terms)
        super().__init__(dict.fromkeys(names), terms, given[0].aggregator, check=False)

    @property
    def alternatives(self) -> tuple[Objective, ...]:
        """The objectives of which this is the maximum."""
        return vars(self)["parts"]

    @property
    def constants(self) -> tuple[str, ...]:  # type: ignore[override]
        """The symbols that are not parameters, in order of occurrence."""
        trained = set(self.parameters)
        symbols = dict.fromkeys(
            name
            for part in self.alternatives
            for atom in part.coefficients
            for name in atom.symbols
        )
        return tuple(name for name in symbols if name not in trained)

    @property
    def coefficients(self) -> dict[Atom, Weight]:  # type: ignore[override]
        """Refused: each alternative has its own coefficients."""
        raise CatlearnError(
            "a maximum has no coefficients of its own; ask those of each of its alternatives"
        )

    @property
    def expression(self) -> sympy.Expr:  # type: ignore[override]
        """The sympy expression of L, a Max."""
        import sympy

        return sympy.Max(*(part.expression for part in self.alternatives))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the largest of the alternatives' values."""
        return max(part.evaluate(values) for part in self.alternatives)

    def rename(self, mapping: Mapping[str, str]) -> Objective:
        """Return the objective with parameters and constants renamed, all at once."""
        parameters = [mapping.get(p, p) for p in self.parameters]
        full = Objective(self.parameters, self.terms, self.aggregator, check=False)
        full.rename(mapping)  # refuses a constant that gets a parameter's name
        return maximum(*(p.rename(mapping) for p in self.alternatives), parameters=parameters)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.parameters, self.alternatives, self.aggregator

    def __str__(self) -> str:
        values = (str(part).split(" = ", 1)[1] for part in self.alternatives)
        return f"L({', '.join(self.parameters)}) = max({', '.join(values)})"

    def __repr__(self) -> str:
        return f"Maximum({list(self.alternatives)!r}, {self.parameters!r})"

    @property
    def latex_value(self) -> str:
        """The value L in LaTeX."""
        values = ", ".join(part.latex_value for part in self.alternatives)
        return rf"\max\left({values}\right)"


def maximum(
    *objectives: Objective, parameters: Iterable[str] | None = None, of: Objective | None = None
) -> Objective:
    """Return the pointwise maximum of objectives; parameters of equal name are shared.

    Alternatives that are below another one, coefficient by coefficient, are dropped. With the
    aggregator max the maximum is an ordinary objective.

    Parameters
    ----------
    *objectives
        Objectives of one aggregator.
    parameters
        All the parameters, in order; by default those of the objectives.
    of
        An objective whose aggregator the empty maximum, 0, has.

    Raises
    ------
    InvalidStructure
        If the aggregators differ.
    """
    for one in objectives:
        expect(one, Objective, "each argument", "an Objective")
    if not objectives:
        return Objective(parameters or (), aggregator=of.aggregator if of else "sum")
    one_aggregator("maximum", objectives)
    given = [p for one in objectives for p in one.parameters] if parameters is None else parameters
    names = tuple(dict.fromkeys(given))
    parts = [part for one in objectives for part in one.alternatives]
    aggregator = parts[0].aggregator
    if aggregator.name == "max":
        terms = [term for part in parts for term in _unnamed(part)]
        return Objective(names, terms, aggregator, check=False)
    kept: list[Objective] = []
    for part in parts:
        if any(_is_below(part.coefficients, other.coefficients) for other in kept):
            continue
        kept = [k for k in kept if not _is_below(k.coefficients, part.coefficients)]
        kept.append(part)
    if len(kept) == 1:
        return Objective(names, kept[0].terms, aggregator, check=False)
    return Maximum([Objective(names, _unnamed(part), aggregator, check=False) for part in kept])


def _unnamed(part: Objective) -> list[Term]:
    return list(starmap(Term, part.coefficients.items()))


def _is_below(small: Coefficients, big: Coefficients) -> bool:
    return all(Fraction(w) <= Fraction(big.get(atom, 0)) for atom, w in small.items())


def _find_mixture(ours: Coefficients, theirs: Sequence[Coefficients]) -> list[Fraction] | None:
    """Weights adding up to 1 for which the mixed coefficients are probably not below ours."""
    import numpy as np
    from scipy.optimize import linprog

    # Maximise the least slack, relative to each coefficient, of the mixture over ours.
    rows = [[-float(b.get(a, 0)) / float(w) for b in theirs] + [1.0] for a, w in ours.items()]
    count = len(theirs)
    solved = linprog(
        np.eye(1, count + 1, count)[0] * -1,
        A_ub=rows,
        b_ub=np.zeros(len(rows)),
        A_eq=[[1.0] * count + [0.0]],
        b_eq=[1.0],
        bounds=[(0, None)] * count + [(None, None)],
    )
    if not solved.success or solved.x[-1] < 1 - 1e-9:
        return None
    exact = [Fraction(float(x)).limit_denominator(10**6) for x in solved.x[:-1]]
    total = sum(exact)
    return [x / total for x in exact]
