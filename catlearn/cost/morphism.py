r"""Morphisms of Cost: reparametrisations along which the loss does not grow.

A morphism (Theta, L) -> (Theta', L') is a map r : Theta' -> Theta with L(r(theta')) <= L'(theta')
for all theta' (Theory, section 4). Here r only copies and shares parameters:
(r theta')_p = theta'_{parameters[p]}; constants are identified by a renaming, they stand for the
same map on both sides, and the inequality holds for every meaning they may have.

**Certificate.** The domain's atoms are renamed, equal atoms are combined, and each coefficient is
compared with the codomain's coefficient of the same atom, exactly. Since atoms are >= 0 and
aggregators are monotone, homogeneous and have unit 0, this proves the inequality, and for every
meaning of the symbols (for sum and max it is equivalent to that: let one atom be 1 and all
others 0). For the meaning that they have it is sufficient, not necessary: an inequality that
needs to know more about the atoms is true without being certified, as this one of a symmetric d:

>>> from catlearn.cost import CostMorphism, Objective
>>> small, big = Objective(("f",), {"d(f(x), y)": 1}), Objective(("f",), {"d(y, f(x))": 1})
>>> print(CostMorphism(small, big, check=False).failures()[0])
atom 'd(f(x), y)': coefficient 1 in the domain, 0 in the codomain, expected <= [inequality]

Two rows of weight 1 that a map merges into one row of weight 1 are rejected; sharing the
parameters of two rows is not.

>>> two = Objective(("f", "g"), {"a(f)": 1, "a(g)": 1})
>>> CostMorphism(two, Objective(("f",), {"a(f)": 1}), {"g": "f"})
Traceback (most recent call last):
catlearn.errors.NotCertified: CostMorphism could not be certified (1 failure):
  - atom 'a(f)': coefficient 2 in the domain, 1 in the codomain, expected <= [inequality]
>>> print(CostMorphism(two, Objective(("f",), {"a(f)": 2}), {"g": "f"}))
(a(f) + a(g))[g := f] = 2 a(f)

**Laws.** Composition is associative with identities, the composite of certified morphisms is
certified, and ``+`` is a functor.

**Colimits.** Cost has them, if finite, and functors can map into it.

The **initial object** is (1, 0). A **colimit** has as parameters those of its legs, identified
along the arrows (a limit of parameter spaces), and as cost the pointwise maximum of the legs'
(Theory, section 4.4). Every object that a morphism leads from is below where it leads to, so only
the legs count. Constants are symbols like parameters: those that no arrow identifies are kept
apart, with the leg's name in front where names clash, for they may mean different things.

>>> from catlearn.cost import CostMorphism, Objective
>>> from catlearn.finset import initial, pushout
>>> shared = Objective(("f",))
>>> one, two = Objective(("f",), {"a(f)": 1}), Objective(("f", "g"), {"b(f, g)": 2})
>>> po = pushout(CostMorphism(shared, one), CostMorphism(shared, two))
>>> print(po.apex)
L(f, g) = max(a(f), 2 b(f, g))
>>> whole = Objective(("f", "g"), {"a(f)": 1, "b(f, g)": 2})
>>> print(po.universal(CostMorphism(one, whole), CostMorphism(two, whole)))
max(a(f), 2 b(f, g)) <= a(f) + 2 b(f, g)
>>> initial(one)
Objective((), {})

The disjoint sum ``+`` is a monoidal product; it is the coproduct for the aggregator max only.

Two objectives are one object if they have the same parameters, coefficients and aggregator; the
order and the names of terms do not matter.

>>> from catlearn.category import Functor, Graph, Morphisms
>>> from catlearn.cost import CostMorphism, Objective
>>> part = Objective(("f",), {"a(f)": 1})
>>> whole = Objective(("f",), {"a(f)": 2, "b(f)": 1})
>>> steps = Graph({"grow": ("L", "M"), "keep": ("M", "M")})
>>> F = Functor(
...     steps,
...     Morphisms(),
...     objects={"L": part, "M": whole},
...     arrows={"grow": CostMorphism(part, whole), "keep": CostMorphism.identity(whole)},
... )
>>> print(F(steps.path("grow >> keep")))
a(f) <= 2 a(f) + b(f)

Gluing costs in two ways: by their maximum, and by their sum; and the comparison between them.

For a span L_1 <- L_0 -> L_2 in Cost the pushout is max(L_1, L_2) over the glued parameters. The
loss functor does not produce it: for a pushout of diagrams the losses *add*, less what both share,

.. math:: \max(L_1, L_2) \le L_1 + L_2 - L_0,

and this inequality is a morphism of Cost, the comparison (Theory, section 4.4). It is the morphism
that the pushout's universal property induces from the two inclusions of the parts in the sum.

>>> from catlearn.cost import CostMorphism, Objective, comparison
>>> shared = Objective(("f",), {"a(f)": 1})
>>> one = Objective(("f", "g"), {"a(f)": 1, "b(g, f)": 1})
>>> two = Objective(("f",), {"a(f)": 3, "c(f)": 1})
>>> print(comparison(CostMorphism(shared, one), CostMorphism(shared, two)))
max(a(f) + b(g, f), 3 a(f) + c(f)) <= 3 a(f) + b(g, f) + c(f)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

from catlearn.cost.atom import Atom
from catlearn.cost.objective import Objective, Weight, apart, maximum, one_aggregator, written
from catlearn.display import Brief
from catlearn.errors import (
    Failure,
    InvalidStructure,
    NotCertified,
    NotComposable,
    TooLarge,
    UnknownName,
    expect,
    expect_each,
    fault,
    refuse,
)
from catlearn.finset import Ambient, Colimit, Diagram, FinFunction, FinSet, colimit, pushout
from catlearn.typesetting import upright_latex

Value = TypeVar("Value")


@dataclass(frozen=True, init=False, repr=False)
class CostMorphism(Brief):
    """A morphism of Cost, given by where parameters and constants of its domain go.

    Parameters
    ----------
    domain, codomain
        The objectives (Theta, L) and (Theta', L').
    parameters
        For parameters p of the domain the parameter of the codomain that p is read from. A
        parameter that is not mentioned goes to the one of the same name.
    constants
        For constants of the domain the names of the same things in the codomain. What is not
        mentioned keeps its name; names that do not occur in the domain are ignored.
    check
        False skips all checks: then nothing is known of the inequality.

    Raises
    ------
    InvalidStructure
        If the names do not fit or the aggregators differ.
    NotCertified
        If some coefficient of the domain is larger than that of the codomain; lists them all.

    Examples
    --------
    >>> one = Objective(("f",), {"d(f(x), y)": 1})
    >>> both = Objective(("f", "g"), {"d(f(x), y)": 1, "d(g(x), y)": 3})
    >>> CostMorphism(one, both, {"f": "g"}).is_strict
    False
    """

    ambient: ClassVar[Ambient]
    domain: Objective
    codomain: Objective
    parameters: Mapping[str, str]
    constants: Mapping[str, str]

    def __init__(
        self,
        domain: Objective,
        codomain: Objective,
        parameters: Mapping[str, str] | None = None,
        constants: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> None:
        if check:
            expect_each(Objective, "an Objective", domain=domain, codomain=codomain)
            for name, names in (("parameters", parameters), ("constants", constants)):
                expect(names or {}, Mapping, name, "a dict from names to names")
        given, renamed = dict(parameters or {}), dict(constants or {})
        # Unknown keys are kept behind the known ones, so that failures() can name them.
        completed = {p: given.pop(p, p) for p in domain.parameters} | given
        vars(self).update(
            domain=domain,
            codomain=codomain,
            parameters=completed,
            constants={c: renamed.get(c, c) for c in domain.constants},
        )
        failures = self.failures() if check else []
        if failures:
            only_costs = all(failure.law == "inequality" for failure in failures)
            raise (NotCertified if only_costs else InvalidStructure)("CostMorphism", failures)

    @classmethod
    def identity(cls, objective: Objective) -> CostMorphism:
        """Return the identity of an objective."""
        return cls(objective, objective, check=False)

    def failures(self) -> list[Failure]:
        """Return all that is wrong: names first, and if those fit, the coefficients."""
        found = self._misfits()
        if found:
            return found
        bounds = self.codomain.alternatives
        return [failure for one in self.pulled.alternatives for failure in _excesses(one, bounds)]

    def _misfits(self) -> list[Failure]:
        """What is wrong with the two renamings."""
        known, targets = set(self.domain.parameters), set(self.codomain.parameters)
        have = ", ".join(self.codomain.parameters) or "none"
        found = [
            Failure("parameters", f"parameter {p!r}", "is not a parameter of the domain")
            for p in self.parameters
            if p not in known
        ]
        found += [
            Failure(
                "parameters",
                f"parameter {p!r}",
                f"goes to {self.parameters[p]!r}, which the codomain does not have; it has {have}",
            )
            for p in self.domain.parameters
            if self.parameters[p] not in targets
        ]
        found += [
            Failure(
                "constants",
                f"constant {c!r}",
                f"goes to {image!r}, which is a parameter of the codomain",
            )
            for c, image in self.constants.items()
            if image in targets
        ]
        try:
            one_aggregator("CostMorphism", (self.domain, self.codomain))
        except InvalidStructure as error:
            found += error.failures
        return found

    @property
    def renaming(self) -> dict[str, str]:
        """Where every symbol of the domain goes, parameters and constants."""
        return {**self.constants, **self.parameters}

    @property
    def pulled(self) -> Objective:
        """The objective L o r, over the parameters of the codomain that it reads."""
        return self.domain.rename(self.renaming)

    @property
    def coefficients(self) -> dict[Atom, Weight]:
        """The coefficients of L o r, by atoms of the codomain."""
        return self.pulled.coefficients

    @property
    def is_strict(self) -> bool:
        """Whether L o r = L' coefficient by coefficient."""
        return not self._misfits() and self.pulled.has_same_values(self.codomain)

    def restrict(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return r(theta'), the parameters of the domain, for values of those of the codomain.

        Parameters
        ----------
        values
            Anything by name; names that are not read are ignored.

        Raises
        ------
        UnknownName
            If values are missing; the message lists all.

        Examples
        --------
        >>> two, one = Objective(("f", "g")), Objective(("h",))
        >>> CostMorphism(two, one, {"f": "h", "g": "h"}).restrict({"h": 3})
        {'f': 3, 'g': 3}
        """
        return _read(self.parameters, values)

    def interpret(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values of all symbols of the domain, constants too, from the codomain's.

        The inequality says ``domain.evaluate(f.interpret(v)) <= codomain.evaluate(v)``.

        Raises
        ------
        UnknownName
            If values are missing; the message lists all.
        """
        return _read(self.renaming, values)

    def __rshift__(self, other: CostMorphism) -> CostMorphism:
        """Return the composite, first self: the reparametrisations compose the other way round."""
        if not isinstance(other, CostMorphism):
            return NotImplemented
        if not self.codomain.is_same_function(other.domain):
            message = f"ends at {self.codomain}, the second starts at {other.domain}"
            raise fault("CostMorphism", "composition", "the first morphism", message, NotComposable)
        # The inequality is transitive: there is nothing to certify again.
        return CostMorphism(
            self.domain,
            other.codomain,
            {p: other.parameters.get(q, q) for p, q in self.parameters.items()},
            {c: other.constants.get(k, k) for c, k in self.constants.items()},
            check=False,
        )

    def __add__(self, other: CostMorphism) -> CostMorphism:
        """Return the disjoint sum: both reparametrisations side by side."""
        if not isinstance(other, CostMorphism):
            return NotImplemented
        refuse(
            "disjoint sum",
            (
                Failure(
                    "constants", f"constant {c!r}", f"is one, but goes to {one!r} and to {two!r}"
                )
                for c, one in self.constants.items()
                if (two := other.constants.get(c, one)) != one
            ),
        )
        sources = apart(self.domain, other.domain)
        targets = apart(self.codomain, other.codomain)
        parameters = {
            source.get(p, p): target.get(q, q)
            for f, source, target in zip((self, other), sources, targets, strict=True)
            for p, q in f.parameters.items()
        }
        return CostMorphism(
            self.domain + other.domain,
            self.codomain + other.codomain,
            parameters,
            {**self.constants, **other.constants},
            check=False,
        )

    def __hash__(self) -> int:
        return hash((self.domain, self.codomain, frozenset(self.renaming.items())))

    def __str__(self) -> str:
        moved = ", ".join(f"{a} := {b}" for a, b in self.renaming.items() if a != b)
        left, right = (str(o).split(" = ", 1)[1] for o in (self.domain, self.codomain))
        left = f"({left})[{moved}]" if moved else left
        return f"{left} {'=' if self.is_strict else '<='} {right}"

    def _repr_latex_(self) -> str | None:
        moved = [(a, b) for a, b in self.parameters.items() if a != b]
        moves = ", ".join(rf"{upright_latex(a)} := {upright_latex(b)}" for a, b in moved)
        try:
            left, right = self.domain.latex_value, self.codomain.latex_value
        except TooLarge:
            return None
        left = rf"\left({left}\right)\left[{moves}\right]" if moved else left
        sign = "=" if self.is_strict else r"\le"
        return rf"$\displaystyle {left} {sign} {right}$"

    def __repr__(self) -> str:
        parts = [repr(self.domain), repr(self.codomain), repr(dict(self.parameters))]
        return f"CostMorphism({', '.join(parts)}, {dict(self.constants)!r})"


def injections(left: Objective, right: Objective) -> tuple[CostMorphism, CostMorphism]:
    """Return the two morphisms into the disjoint sum; they forget the other side's parameters.

    For the aggregator max this is the coproduct of Cost, over fixed constants. For sum it is not:
    the codiagonal L + L -> L would need 2 L <= L; there ``coproduct`` is the maximum.

    Examples
    --------
    >>> i, j = injections(Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1}))
    >>> print(j)
    (b(f))[f := right/f] <= a(left/f) + b(right/f)
    """
    whole = left + right
    one, two = apart(left, right)
    return CostMorphism(left, whole, one, check=False), CostMorphism(right, whole, two, check=False)


def _excesses(one: Objective, bounds: tuple[Objective, ...]) -> list[Failure]:
    """The coefficients of a plain objective that no bound reaches; or that no mixture does."""
    if one.is_below(bounds):
        return []
    ours, theirs = one.coefficients, [bound.coefficients for bound in bounds]
    best: dict[Atom, Weight] = {
        atom: max((Fraction(b.get(atom, 0)) for b in theirs), default=0) for atom in ours
    }
    found = [
        Failure("inequality", f"atom {str(atom)!r}", _larger(weight, best[atom]))
        for atom, weight in ours.items()
        if Fraction(weight) > Fraction(best[atom])
    ]
    if found:
        return found
    value = str(one).split(" = ", 1)[1]
    message = "is below no mixture of the codomain's alternatives"
    return [Failure("inequality", f"alternative {value!r}", message)]


def _larger(found: Weight, bound: Weight) -> str:
    one, two = written(found), written(bound)
    if float(found) == float(bound):  # they differ by less than a float shows
        one, two = str(Fraction(found)), str(Fraction(bound))
    return f"coefficient {one} in the domain, {two} in the codomain, expected <="


def _read(names: Mapping[str, str], values: Mapping[str, Value]) -> dict[str, Value]:
    missing = [name for name in dict.fromkeys(names.values()) if name not in values]
    if missing:
        raise UnknownName(f"no value for {', '.join(map(repr, missing))}")
    return {name: values[source] for name, source in names.items()}


class CostCategory(Ambient):
    """The category of objectives and certified reparametrisations."""

    name = "Cost"

    def mismatch(self, one: Objective, other: Objective) -> str:
        """Say why two objectives are not one object; empty if they are."""
        return "" if one.is_same_function(other) else f"{one} is not {other}"

    def identity(self, of: Objective) -> CostMorphism:
        """Return the identity morphism of an objective."""
        return CostMorphism.identity(of)

    def differences(self, f: CostMorphism, g: CostMorphism) -> str:
        """Say which symbols two parallel morphisms send to different ones; empty if none."""
        pairs = ((s, to, g.renaming.get(s, s)) for s, to in f.renaming.items())
        return "; ".join(f"{s!r} goes to {a!r} and to {b!r}" for s, a, b in pairs if a != b)

    def colimit(self, diagram: Diagram) -> tuple[Objective, tuple[CostMorphism, ...]]:
        """Return the maximum of the legs over the glued parameters."""
        objects = diagram.objects
        one_aggregator("colimit", objects)
        symbols = [FinSet((*one.parameters, *one.constants)) for one in objects]
        arrows = []
        for i, j, m in diagram.arrows:
            images = (symbols[j].index(m.renaming.get(s, s)) for s in symbols[i].labels())
            arrows.append((i, j, FinFunction(list(images), symbols[i], symbols[j])))
        glued = colimit(
            Diagram(symbols, arrows, legs=diagram.legs, names=diagram.names, of=FinSet(0))
        )
        renamings = []
        trained: set[str] = set()
        for one, leg in zip(diagram.leg_objects, glued.legs, strict=True):
            to = dict(zip(leg.domain.labels(), glued.apex.labels(leg.values.tolist()), strict=True))
            trained.update(to[p] for p in one.parameters)
            renamings.append(to)
        parts = [o.rename(to) for o, to in zip(diagram.leg_objects, renamings, strict=True)]
        parameters = [name for name in glued.apex.labels() if name in trained]
        of = diagram.of if not isinstance(diagram.of, type) else None
        apex = maximum(*parts, parameters=parameters, of=of)
        legs = [
            CostMorphism(one, apex, {p: to[p] for p in one.parameters}, to, check=False)
            for one, to in zip(diagram.leg_objects, renamings, strict=True)
        ]
        return apex, tuple(legs)

    def descend(
        self, colimit: Colimit, cocone: tuple[Any, ...], codomain: Objective
    ) -> CostMorphism:
        """Return the morphism out of a maximum that is each leg's on the leg's symbols."""
        to = {
            image: h.renaming.get(symbol, symbol)
            for leg, h in zip(colimit.legs, cocone, strict=True)
            for symbol, image in leg.renaming.items()
        }
        parameters = {p: to[p] for p in colimit.apex.parameters}
        return CostMorphism(colimit.apex, codomain, parameters, to)


COST = CostCategory()
"""The category Cost."""

Objective.ambient = CostMorphism.ambient = COST


def amalgam(f: CostMorphism, g: CostMorphism) -> tuple[CostMorphism, CostMorphism]:
    """Return the inclusions of two costs in L_1 + L_2 - L_0, over the glued parameters.

    For the aggregator max that is the maximum, since nothing is counted twice.

    Parameters
    ----------
    f, g
        A span L_1 <- L_0 -> L_2 of plain objectives with the aggregator sum or max.

    Returns
    -------
    tuple of CostMorphism
        A cocone under the span; its codomain is the amalgamated sum.

    Raises
    ------
    InvalidStructure
        For another aggregator, or where a leg is a maximum: L_0 could not be taken away.
    """
    glued = pushout(f, g)
    apex = glued.apex
    aggregator = f.domain.aggregator.name
    if aggregator != "max":
        alternatives = [len(m.alternatives) for m in (f.domain, f.codomain, g.codomain)]
        if aggregator != "sum" or max(alternatives) > 1:
            found = "a maximum" if aggregator == "sum" else f"the aggregator {aggregator!r}"
            message = f"found {found}; only sums can be counted once where they are shared"
            raise fault("amalgam", "aggregator", "the span", message)
        total: dict[Atom, Fraction] = {}
        through = f >> glued.legs[0]
        for sign, part in ((1, glued.legs[0]), (1, glued.legs[1]), (-1, through)):
            for atom, weight in part.coefficients.items():
                total[atom] = total.get(atom, Fraction(0)) + sign * Fraction(weight)
        apex = Objective(apex.parameters, total)
    left, right = (CostMorphism(leg.domain, apex, leg.parameters, leg.constants) for leg in glued)
    return left, right


def comparison(f: CostMorphism, g: CostMorphism) -> CostMorphism:
    """Return the comparison max(L_1, L_2) <= L_1 + L_2 - L_0 of a span, a morphism of Cost.

    Parameters
    ----------
    f, g
        As :func:`amalgam` takes them.

    Examples
    --------
    >>> none = Objective(("f",))
    >>> one, two = Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1})
    >>> comparison(CostMorphism(none, one), CostMorphism(none, two)).is_strict
    False
    """
    return pushout(f, g).universal(*amalgam(f, g))
