r"""Gluing costs in two ways: by their maximum, and by their sum; and the comparison between them.

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

from fractions import Fraction

from catlearn.cost.atom import Atom
from catlearn.cost.morphism import CostMorphism
from catlearn.cost.objective import Objective
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import pushout


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
            raise InvalidStructure("amalgam", [Failure("aggregator", "the span", message)])
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
