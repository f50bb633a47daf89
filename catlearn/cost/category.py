"""Cost as a category: it has finite colimits, and functors can map into it.

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
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import Ambient, Colimit, Diagram, FinFunction, FinSet, colimit

if TYPE_CHECKING:
    from catlearn.cost.morphism import CostMorphism
    from catlearn.cost.objective import Objective


class CostCategory(Ambient):
    """The category of objectives and certified reparametrisations."""

    name = "Cost"

    def mismatch(self, one: Objective, other: Objective) -> str:
        """Say why two objectives are not one object; empty if they are."""
        return "" if one.is_same_function(other) else f"{one} is not {other}"

    def identity(self, of: Objective) -> CostMorphism:
        """Return the identity morphism of an objective."""
        from catlearn.cost.morphism import CostMorphism

        return CostMorphism.identity(of)

    def differences(self, f: CostMorphism, g: CostMorphism) -> str:
        """Say which symbols two parallel morphisms send to different ones; empty if none."""
        pairs = ((s, to, g.renaming.get(s, s)) for s, to in f.renaming.items())
        return "; ".join(f"{s!r} goes to {a!r} and to {b!r}" for s, a, b in pairs if a != b)

    def colimit(self, diagram: Diagram) -> tuple[Objective, tuple[CostMorphism, ...]]:
        """Return the maximum of the legs over the glued parameters."""
        from catlearn.cost.maxima import maximum
        from catlearn.cost.morphism import CostMorphism

        objects = diagram.objects
        _refuse_mixed(objects)
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
        from catlearn.cost.morphism import CostMorphism

        to = {
            image: h.renaming.get(symbol, symbol)
            for leg, h in zip(colimit.legs, cocone, strict=True)
            for symbol, image in leg.renaming.items()
        }
        parameters = {p: to[p] for p in colimit.apex.parameters}
        return CostMorphism(colimit.apex, codomain, parameters, to)


def _refuse_mixed(objects: tuple[Objective, ...]) -> None:
    """Raise if the objectives have different aggregators."""
    names = dict.fromkeys(one.aggregator.name for one in objects)
    if len(names) > 1:
        message = f"have the aggregators {', '.join(names)}, expected one"
        raise InvalidStructure("colimit", [Failure("aggregator", "the objectives", message)])


COST = CostCategory()
