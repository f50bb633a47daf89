"""Structures that break one law and no other; where laws imply each other, those that fail with it.

The structures are tables: a valid one with few entries changed.
"""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from catlearn import laws
from catlearn.category import FiniteCategory, Functor, Graph, NaturalTransformation
from catlearn.cost import LAWVERE, ULTRAMETRIC, EnrichedCategory, EnrichedFunctor, Quantale
from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph
from catlearn.finset import FinFunction, coproduct, product as product_of, pullback, pushout
from catlearn.laws import Monoid, check
from catlearn.laws.checking import spec_of

# ---------------------------------------------------------------- quantales on finite lattices


def quantale(elements, below, tensor, unit, **changed):
    """A quantale on a finite lattice, with entries of its tables changed."""
    leq = {(a, b): below(a, b) for a in elements for b in elements}

    def greatest(found, order):
        return next(a for a in found if all(order(b, a) for b in found))

    def bound(a, b, order):
        return greatest([c for c in elements if order(c, a) and order(c, b)], order)

    def most(b, c):
        return greatest([a for a in elements if below(tensor(a, b), c)], below)

    pairs = [(a, b) for a in elements for b in elements]
    tables = {
        "join": {pair: bound(*pair, lambda a, b: below(b, a)) for pair in pairs},
        "meet": {pair: bound(*pair, below) for pair in pairs},
        "tensor": {pair: tensor(*pair) for pair in pairs},
        "residual": {pair: most(*pair) for pair in pairs},
        "leq": leq,
    }
    values = {"unit": unit, "bottom": elements[0], "top": elements[-1]}
    for name, change in changed.items():
        tables.get(name, values).update(change if name in tables else {name: change})
    operations = {name: lambda a, b, table=table: table[a, b] for name, table in tables.items()}
    return SimpleNamespace(
        samples=list(elements), equal=lambda a, b: a == b, **values, **operations
    )


def chain(size, tensor=min, **changed):
    unit = changed.pop("unit", size - 1)
    return quantale(range(size), lambda a, b: a <= b, tensor, unit, **changed)


def among(order):
    """The order that some pairs generate, on characters."""
    return lambda a, b: a == b or a + b in order.split()


DIAMOND = among("0a 0b 01 a1 b1")


def diamond_meet(a, b):
    return a if DIAMOND(a, b) else b if DIAMOND(b, a) else "0"


SIX = among("0e 0a 0b 0c 01 ea eb ec e1 ac a1 bc b1 c1")


def absorbing(a, b):
    """All products are 1, but of 0 and of the unit e."""
    return "0" if "0" in (a, b) else b if a == "e" else a if b == "e" else "1"


FIVE = among("0e 0a 0b 01 ea eb e1 a1 b1")
HEYTING = among("0c 0a 0b 01 ca cb c1 a1 b1")


def heyting_meet(a, b):
    return a if HEYTING(a, b) else b if HEYTING(b, a) else "c"


def nonassociative(a, b):
    """On 0 < 1 < 2 < 3, with unit 3."""
    return min(a, b) if 3 in (a, b) else [[0, 0, 0], [0, 0, 1], [0, 1, 1]][a][b]


# ---------------------------------------------------------------- adjunctions, transformations


def monoid(size, multiply, unit):
    return SimpleNamespace(
        objects=["*"],
        arrows=list(range(size)),
        identity=lambda at: unit,
        compose=multiply,
        ends=lambda f: ("*", "*"),
    )


POINT = monoid(1, lambda a, b: 0, 0)
TURN = monoid(2, lambda a, b: (a + b) % 2, 0)
ZERO = monoid(2, lambda a, b: a * b, 1)


class Loose:
    """Two objects with loops l of order two, and f and g between them; most composites are z."""

    objects, arrows = [0, 1], ["e0", "e1", "l0", "l1", "f", "g"]

    def identity(self, at):
        return f"e{at}"

    def ends(self, f):
        return {"f": (0, 1), "g": (1, 0), "z": (0, 1)}.get(f) or (int(f[1]), int(f[1]))

    def compose(self, f, g):
        if "e" in (f[0], g[0]):
            return g if f[0] == "e" else f
        return f"e{f[1]}" if f[0] == g[0] == "l" else "z"


def unital(**table):
    """Two elements a and b, with a unit."""
    return Monoid("", lambda x, y: table.get(x + y, x + y), elements=["", "a", "b"])


def functor(C, D, arrows=lambda f: f, objects=lambda a: a):
    return SimpleNamespace(domain=C, codomain=D, on_object=objects, on_arrow=arrows)


def adjunction(C, D, left, right, unit, counit):
    def made(components):
        return SimpleNamespace(components=components)

    L, R = functor(C, D, left), functor(D, C, right)
    return SimpleNamespace(left=L, right=R, unit=made(unit), counit=made(counit))


def monoids(C, D, left, right, unit, counit):
    return adjunction(C, D, left.__getitem__, right.__getitem__, {"*": unit}, {"*": counit})


def swapping(f):
    return {"f": "g", "g": "g"}.get(f, f)


LOOPS = {0: "l0", 1: "l1"}


class Astray:
    """A group {e, v} of order two, and u, like v but that it says that it leads elsewhere."""

    objects, arrows = ["*"], ["e", "v"]

    def identity(self, at):
        return "e"

    def ends(self, f):
        return "*", "elsewhere" if f == "u" else "*"

    def compose(self, f, g):
        return g if f == "e" else f if g == "e" else "e"


class Words:
    """The path x, y from a to c; x and y are its arrows, and composites may have twins."""

    objects, arrows = "abc", ["1a", "1b", "1c", "x", "y"]

    def identity(self, at):
        return f"1{at}"

    def ends(self, f):
        return {"x": ("a", "b"), "y": ("b", "c")}.get(f) or (f[-1] + f[-1] if f[0] == "1" else "ac")

    def compose(self, f, g):
        return g if f[0] == "1" else f if g[0] == "1" else "xy"


def twinned(f):
    return "twin" if f == "xy" else f


def untwinned(f):
    return "xy" if f == "twin" else f


HERE = {at: f"1{at}" for at in "abc"}


def same(f):
    return f


def transformation(C, D, F, G, components):
    return SimpleNamespace(
        domain=functor(C, D, F), codomain=functor(C, D, G), components=components
    )


class Missing:
    """An arrow f from 0 to 1, and identities, which go with any arrow."""

    objects, arrows = [0, 1], ["e0", "e1", "f"]
    identity, compose = Loose.identity, Loose.compose

    def ends(self, f):
        return (0, 1) if f == "f" else (int(f[1]), int(f[1]))


def on_elements(C, D, F, G, component, at="*"):
    alpha = transformation(C, D, F.__getitem__, G.__getitem__, {"*": component})
    alpha.domain.on_object = alpha.codomain.on_object = lambda A: at
    return alpha


# ---------------------------------------------------------------- universal properties


def unrelated(diagram, of):
    """The (co)product of the objects that have legs, said to be that of the whole diagram."""
    legs = of(*diagram.leg_objects)
    return SimpleNamespace(
        diagram=diagram, apex=legs.apex, legs=legs.legs, universal=legs.universal
    )


TO_TWO = FinFunction([0, 1, 1], codomain=2), FinFunction([0, 1], codomain=2)
OUT_OF_ONE = FinFunction([0], codomain=2), FinFunction([1], codomain=3)

# ---------------------------------------------------------------- C-sets


class Clamped(CSet):
    """A C-set whose paths lead to the only row of V, whatever its arrows say."""

    def along(self, path):
        return FinFunction([0] * self.size(path.source), codomain=1)


LISTS = Schema(["V", "W"], arrows={"s": ("W", "V")}, lists={"walk": ("W", "V")})
TYPED = Schema(["V"], attributes={"size": ("V", int)})


def far_list():
    return CSet(LISTS, V=2, W=1, s=[0], walk=[[0, 5]], check=False)


def reordering():
    X = CSet(LISTS, V=3, W=1, s=[2], walk=[[0, 1]])
    return CSetMorphism(X, X, V=[1, 0, 2], W=[0], check=False)


LINE = EnrichedCategory(["x", "y"], [[0, 3], [3, 0]])

ALONE = [
    (laws.quantale, "associativity", chain(4, nonassociative)),
    (laws.quantale, "commutativity", chain(3, lambda a, b: 2 if (a, b) == (1, 2) else min(a, b))),
    (laws.quantale, "unit", chain(2, unit=0)),
    (laws.quantale, "joins", quantale(
        "0eabc1", SIX, absorbing, "e", join={("a", "b"): "1", ("b", "a"): "1"})),
    (laws.quantale, "commutativity of joins", quantale(
        "0eab1", FIVE, absorbing, "e", join={("a", "b"): "a", ("b", "a"): "b"})),
    (laws.quantale, "meets", quantale(
        "0cab1", HEYTING, heyting_meet, "1", meet={("a", "b"): "0", ("b", "a"): "0"})),
    (laws.quantale, "commutativity of meets", chain(2, meet={(1, 0): 1})),
    (laws.quantale, "absorption", quantale(
        "0ab1", DIAMOND, diamond_meet, "1", meet={("a", "b"): "b", ("b", "a"): "b"})),
    (laws.quantale, "absorption by meets", chain(2, meet={(1, 1): 0})),
    (laws.quantale, "top", chain(2, top=0)),
    (laws.quantale, "order", chain(2, leq={(1, 0): True})),
    (laws.quantale, "residual", chain(2, residual={(0, 0): 0})),
    (laws.monoid, "left unit", Monoid("e", lambda x, y: x, elements="ea")),
    (laws.monoid, "right unit", Monoid("e", lambda x, y: y, elements="ea")),
    (laws.monoid, "associativity", unital(aa="b", ab="a", ba="b", bb="b")),
    (laws.commutative_monoid, "associativity", unital(aa="b", ab="b", ba="b", bb="a")),
    (laws.functor, "ends of values", functor(Loose(), Loose(), swapping)),
    (laws.functor, "identities", functor(POINT, ZERO, [0].__getitem__)),
    (laws.adjunction, "ends of the unit", adjunction(
        Astray(), Astray(), same, same, {"*": "u"}, {"*": "v"})),
    (laws.adjunction, "ends of the counit", adjunction(
        Astray(), Astray(), same, same, {"*": "v"}, {"*": "u"})),
    (laws.adjunction, "composites of L", adjunction(
        Words(), Words(), twinned, untwinned, HERE, HERE)),
    (laws.adjunction, "composites of R", adjunction(
        Words(), Words(), untwinned, twinned, HERE, HERE)),
    (laws.adjunction, "left triangle", monoids(POINT, ZERO, [1], [0, 0], 0, 0)),
    (laws.adjunction, "right triangle", monoids(ZERO, POINT, [0, 0], [1], 0, 0)),
    (laws.adjunction, "naturality of the unit", monoids(TURN, POINT, [0, 0], [0], 0, 0)),
    (laws.adjunction, "naturality of the counit", monoids(POINT, TURN, [0], [0, 0], 0, 0)),
    (laws.adjunction, "ends of values of L", adjunction(
        Loose(), Loose(), swapping, same, LOOPS, LOOPS)),
    (laws.adjunction, "ends of values of R", adjunction(
        Loose(), Loose(), same, swapping, LOOPS, LOOPS)),
    (laws.natural_transformation, "identities of F", on_elements(POINT, ZERO, [0], [1], 0)),
    (laws.natural_transformation, "identities of G", on_elements(POINT, ZERO, [1], [0], 0)),
    (laws.natural_transformation, "composites of F", on_elements(TURN, ZERO, [1, 0], [1, 1], 0)),
    (laws.natural_transformation, "composites of G", on_elements(TURN, ZERO, [1, 1], [1, 0], 0)),
    (laws.natural_transformation, "naturality", on_elements(TURN, TURN, [0, 1], [0, 0], 0)),
    (laws.natural_transformation, "ends of values of F", transformation(
        Loose(), Loose(), swapping, same, LOOPS)),
    (laws.natural_transformation, "ends of values of G", transformation(
        Loose(), Loose(), same, swapping, LOOPS)),
    (laws.natural_transformation, "ends of components", on_elements(
        POINT, Missing(), ["e0"], ["e0"], "f", 0)),
    (laws.colimit, "cocone", unrelated(pushout(*OUT_OF_ONE).diagram, coproduct)),
    (laws.limit, "cone", unrelated(pullback(*TO_TWO).diagram, product_of)),
    (laws.cset, "functions", Clamped(SchGraph, V=1, E=1, src=[0], tgt=[4], check=False)),
    (laws.cset, "lists", far_list()),
    (laws.cset, "labels", CSet(TYPED, V=1, size=["big"], check=False)),
    (laws.cset_morphism, "naturality of lists", reordering()),
    (laws.enriched, "values", EnrichedCategory(
        ["x", "y"], [[0, -1], [9, 0]], ULTRAMETRIC, check=False)),
    (laws.enriched, "unit", EnrichedCategory(["x"], [[1]], check=False)),
    (laws.enriched_functor, "quantale", EnrichedFunctor(
        LINE, EnrichedCategory(["x", "y"], [[0, 3], [3, 0]], ULTRAMETRIC),
        {"x": "x", "y": "y"}, check=False)),
]  # fmt: skip
"""Spec, law, and a structure that breaks this law and no other."""

TOGETHER = [
    # The join is least by the other laws, and what has a residual preserves least upper bounds.
    (laws.quantale, {"distributivity", "residual"},
     chain(3, lambda a, b: 2 if a == b == 1 else min(a, b))),
    # The least value is absorbing by the residual, and only one value is.
    (laws.quantale, {"bottom", "empty join"}, chain(2, bottom=1)),
    # a v a = a v (a ^ (a v a)) = a by the absorptions.
    (laws.quantale, {"idempotence of joins", "absorption by meets", "top", "order"},
     chain(2, join={(1, 1): 0}, meet={(1, 1): 0})),
    # L(id) = L(id) >> L(unit) >> counit = L(unit) >> counit = id, if composites are preserved.
    (laws.adjunction, {"identities of L", "left triangle"},
     monoids(POINT, ZERO, [0], [0, 0], 0, 0)),
    (laws.adjunction, {"identities of R", "right triangle"},
     monoids(ZERO, POINT, [0, 0], [0], 0, 0)),
    (laws.adjunction, {"composites of L", "composites of R"},
     monoids(TURN, ZERO, [1, 0], [1, 0], 0, 1)),
    # x e = e x.
    (laws.commutative_monoid, {"left unit", "right unit"},
     Monoid(1, max, elements=range(3))),
]  # fmt: skip
"""Spec, laws of which one fails only with another, and a structure that breaks just these."""


@pytest.mark.parametrize(("spec", "law", "structure"), ALONE, ids=lambda one: str(one)[:30])
def test_a_law_fails_alone(spec, law, structure, mutants):
    with mutants(f"{spec.name}, alone: {law}"):
        found = check(structure, spec.only(law), max_examples=400, shrink=False)
        assert found.broken == (law,)
        others = [one.name for one in spec.laws if one.name != law]
        report = check(structure, spec.only(*others), max_examples=60)
        assert report.broken == (), str(report)


@pytest.mark.parametrize(("spec", "broken", "structure"), TOGETHER)
def test_laws_that_fail_together(spec, broken, structure, mutants):
    with mutants(f"{spec.name}, together: {sorted(broken)}"):
        found = check(structure, spec, max_examples=400, shrink=False)
        assert set(found.broken) == broken


# ---------------------------------------------------------------- what classes refuse


ARROW = Functor(Graph({"f": ("A", "B")}), FiniteCategory.chain(2), arrows={"f": "0 <= 2"})
CHAIN = FiniteCategory.chain(2)
PARTS = {name: getattr(LAWVERE, name) for name in ("join", "meet", "tensor", "residual")}
OTHERS = [np.minimum, np.maximum, np.add, np.subtract, lambda a, b: a + 0 * b]


def changed_functors():
    for f, a, b in product(CHAIN.arrows, "012", "012"):
        yield Functor(ARROW.domain, CHAIN, {"A": a, "B": b}, {"f": f}, check=False)


def changed_transformations():
    for one, other in product(CHAIN.arrows, CHAIN.arrows):
        yield NaturalTransformation(ARROW, ARROW, {"A": one, "B": other}, check=False)


def changed_graphs():
    for src, tgt in product(range(4), range(4)):
        yield CSet(SchGraph, V=3, E=2, src=[0, src], tgt=[tgt, 2], check=False)


def changed_morphisms():
    X = CSet(SchGraph, V=3, E=1, src=[0], tgt=[1])
    for rows in product(range(3), repeat=3):
        yield CSetMorphism(X, X, V=rows, E=[0], check=False)


def changed_spaces():
    random = np.random.default_rng(0)
    for _ in range(60):
        homs = random.choice([0, 1, 2, 5, 9, np.inf, -1, np.nan], (2, 2))
        yield EnrichedCategory("xy", homs, check=False)


def changed_quantales():
    for name, operation in product(PARTS, OTHERS):
        yield Quantale(
            "Q", **{**PARTS, name: operation}, unit=0.0, bottom=9.0, top=0.0,
            samples=(0.0, 1.0, 9.0), check=False,
        )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        changed_functors,
        changed_transformations,
        changed_graphs,
        changed_morphisms,
        changed_spaces,
        changed_quantales,
    ],
)
def test_what_a_class_refuses_its_laws_refuse(change):
    refused = [one for one in change() if one.failures()]
    assert len(refused) > 5
    for one in refused:
        spec = spec_of(one)
        each = (spec.only(law.name) for law in spec.laws)
        found = (check(one, law, max_examples=60, shrink=False).broken for law in each)
        assert any(found), one.failures()


# ---------------------------------------------------------------- reports


def test_a_law_that_says_nothing_here_is_reported():
    report = check(Graph({"f": ("A", "B")}), laws.cset)
    assert report
    assert "equations" in report.vacuous
    assert set(report.vacuous) <= set(report.untested)
    assert report.raise_() is report


def test_unequal_matrices_say_which_entry_differs():
    class Wrong:
        objects, arrows = ["*"], [np.eye(2), np.array([[0.0, 1.0], [0.0, 0.0]])]

        def identity(self, at):
            return np.array([[1.0, 0.0], [0.0, 2.0]])

        def compose(self, f, g):
            return f @ g

        def ends(self, f):
            return "*", "*"

    report = check(Wrong())
    assert report.broken == ("left unit", "right unit")
    assert "[1, 1]: 2.0 and 1.0" in report.failures[0].message
