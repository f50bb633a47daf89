r"""Pointwise maxima of objectives, which the colimits of Cost are.

L(theta) = max_k L_k(theta), where each L_k, an **alternative**, is an objective of one aggregator.
Of sums this is no longer a sum; maxima of sums are closed under everything that Cost needs: under
restriction along a reparametrisation, under maximum and, since max distributes over every monotone
operation, under the aggregator.

An inequality max_k A_k <= max_j B_j of sums holds for all values >= 0 of the atoms if and only if
each A_k is, coefficient by coefficient, below some mixture sum_j lambda_j B_j with lambda_j >= 0
adding up to 1 (minimax theorem). That is how it is certified: a mixture is found by linear
programming and then checked with exact fractions.

>>> from catlearn.cost import CostMorphism, Objective, maximum
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

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from catlearn.cost.atom import Atom
from catlearn.cost.objective import Objective, Term, Weight, aggregator_failure, apart
from catlearn.errors import CatlearnError, InvalidStructure

if TYPE_CHECKING:
    import sympy

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

    def __add__(self, other: Objective) -> Objective:
        """Return the disjoint sum: max distributes over it."""
        return _sum(self, other) if isinstance(other, Objective) else NotImplemented

    def __radd__(self, other: Objective) -> Objective:
        """Return the disjoint sum with a plain objective on the left."""
        return _sum(other, self) if isinstance(other, Objective) else NotImplemented

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
    if not objectives:
        return Objective(parameters or (), aggregator=of.aggregator if of else "sum")
    found = [
        aggregator_failure(objectives[0], one)
        for one in objectives
        if one.aggregator != objectives[0].aggregator
    ]
    if found:
        raise InvalidStructure("maximum", found)
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
    return [Term(atom, weight) for atom, weight in part.coefficients.items()]


def _sum(left: Objective, right: Objective) -> Objective:
    if left.aggregator != right.aggregator:
        raise InvalidStructure("disjoint sum", [aggregator_failure(left, right)])
    renamings = apart(left, right)
    one, two = (o.rename(r) for o, r in zip((left, right), renamings, strict=True))
    names = (*one.parameters, *two.parameters)
    sums = [
        Objective(names, [*_unnamed(a), *_unnamed(b)], left.aggregator, check=False)
        for a in one.alternatives
        for b in two.alternatives
    ]
    return maximum(*sums, parameters=names)


def _is_below(small: Coefficients, big: Coefficients) -> bool:
    return all(Fraction(w) <= Fraction(big.get(atom, 0)) for atom, w in small.items())


def is_below(small: Objective, bounds: Sequence[Objective]) -> bool:
    """Whether a plain objective is certified below the maximum of plain objectives.

    Parameters are not looked at, only coefficients. For the aggregators sum and max the answer
    is exact (up to the reach of floating-point linear programming for mixtures, which never
    certifies what is false); for others a single bound must be found.
    """
    ours, theirs = small.coefficients, [bound.coefficients for bound in bounds]
    if any(_is_below(ours, bound) for bound in theirs):
        return True
    if small.aggregator.name != "sum" or len(theirs) < 2:
        return False
    if any(all(Fraction(w) > Fraction(b.get(a, 0)) for b in theirs) for a, w in ours.items()):
        return False
    mixture = _find_mixture(ours, theirs)
    return mixture is not None and all(
        Fraction(weight)
        <= sum(m * Fraction(b.get(atom, 0)) for m, b in zip(mixture, theirs, strict=True))
        for atom, weight in ours.items()
    )


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
