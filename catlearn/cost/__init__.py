r"""The category Cost: symbolic objectives, and the morphisms that the loss functor lands in.

An object is a pair (Theta, L) of a parameter space and a function L : Theta -> [0, inf]; a
morphism (Theta, L) -> (Theta', L') is a reparametrisation r : Theta' -> Theta with
L(r(theta')) <= L'(theta') (Theory, section 4, after Lary et al., arXiv 2501.01515). Both are
symbolic here: an :class:`Objective` is an aggregate of weighted :class:`Atom`\ s over names, a
:class:`CostMorphism` renames and shares names, and its inequality is certified coefficient by
coefficient.

Laws: Cost is a category; ``+`` with ``Objective.zero()`` is a monoid up to renaming and a functor
in both arguments; a certified inequality holds for every meaning of the symbols; colimits are
pointwise maxima (:mod:`catlearn.cost.morphism`).

The values of costs form a **quantale** (:mod:`catlearn.cost.quantale`). Over it there are matrices
(:mod:`catlearn.cost.matrix`), enriched categories (:mod:`catlearn.cost.enriched`), of which
Lawvere metric spaces are the chief case, and costs with an interface, composed by infimum
(:mod:`catlearn.cost.opened`). What an array program costs is a posynomial in its sizes and tiles
(:mod:`catlearn.cost.posynomial`).

>>> from catlearn.cost import CostMorphism, Objective
>>> part = Objective(("f",), {"d(f(x), y)": 1})
>>> whole = Objective(("f", "g"), {"d(f(x), y)": 1, "d(g(x), y)": 1})
>>> print(CostMorphism(part, whole))
d(f(x), y) <= d(f(x), y) + d(g(x), y)
"""

import lazy_loader

from catlearn.names import renamed

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "atom": ["Atom"],
        "enriched": ["Bimodule", "EnrichedCategory", "EnrichedFunctor", "LawvereMetric", "free"],
        "matrix": ["Matrix"],
        "morphism": ["COST", "CostCategory", "CostMorphism", "amalgam", "comparison", "injections"],
        "objective": [
            "Aggregator",
            "Maximum",
            "Objective",
            "Term",
            "apart",
            "get_aggregator",
            "maximum",
            "register_aggregator",
        ],
        "opened": ["OpenObjective", "join", "minimise_by_scipy", "wire"],
        "posynomial": ["Infeasible", "Optimum", "POSYNOMIALS", "Posynomial", "minimise"],
        "quantale": [
            "ADDITION",
            "BOOL",
            "CLOSENESS",
            "CommutativeMonoid",
            "FORGET_ULTRA",
            "INDICATOR",
            "LAWVERE",
            "PROBABILITY",
            "Quantale",
            "QuantaleMorphism",
            "REACHABLE",
            "ULTRAMETRIC",
            "scaling",
            "subsets",
        ],
    },
)

__getattr__ = renamed(__name__, {"Monoid": "CommutativeMonoid"}, _load)
