"""Every spec rejects broken structures: each mutant breaks the laws that it should."""

from copy import copy
from fractions import Fraction
from functools import partial
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

import catlearn as cl
from catlearn import laws
from catlearn.category import FiniteCategory, Functor, Graph, Morphisms, Presentation
from catlearn.cost import (
    CostMorphism,
    EnrichedCategory,
    EnrichedFunctor,
    Objective,
    Quantale,
    Term,
)
from catlearn.cset import CSet, CSetMorphism, Open, Schema, SchGraph
from catlearn.finset import (
    Colimit,
    Diagram,
    FinFunction,
    FinSet,
    Limit,
    Shape,
    Span,
    Tables,
    coproduct,
    product,
    pullback,
    pushout,
)
from catlearn.laws import Cospans, Monoid, check, finite_functions, graphs, identify
from catlearn.learning import LearningMorphism

MUTANTS, ALONE = {}, set()


def mutant(name, spec, *broken, alone=False, **given):
    """Register the structure that a function returns, and the laws that must reject it.

    If it says ``alone``, no other law of the spec rejects it.
    """

    def register(make):
        MUTANTS[name] = (spec, make, broken, given)
        if alone:
            ALONE.add(name)
        return make

    return register


# ---------------------------------------------------------------- categories


def one_object(table, unit="e"):
    """A would-be monoid as a category, by its table."""
    elements = sorted({x for pair in table for x in pair})
    return SimpleNamespace(
        objects=["*"],
        arrows=elements,
        identity=lambda at: unit,
        compose=lambda f, g: table[f, g],
        ends=lambda f: ("*", "*"),
    )


Z3 = {(a, b): "eab"["eab".index(a) + "eab".index(b) - 3] for a in "eab" for b in "eab"}


@mutant("a group with one wrong entry", laws.category, "associativity")
def wrong_entry():
    return one_object({**Z3, ("a", "a"): "a"})


@mutant("a group with another unit", laws.category, "left unit", "right unit")
def wrong_unit():
    return one_object(Z3, "a")


@mutant("a unit on the right only", laws.category, "left unit")
def left_zeros():
    return one_object({(a, b): a for a in "eab" for b in "eab"})


@mutant("subtraction of numbers", laws.category, "associativity", "left unit")
def subtraction():
    numbers = range(-2, 3)
    return SimpleNamespace(
        objects=["*"],
        arrows=list(numbers),
        identity=lambda at: 0,
        compose=lambda f, g: f - g,
        ends=lambda f: ("*", "*"),
    )


class Functions:
    """Functions of small finite sets."""

    objects = tuple(map(FinSet, range(3)))

    def identity(self, at):
        return FinFunction.identity(at)

    def compose(self, f, g):
        return f >> g

    def ends(self, f):
        return f.domain, f.codomain


def functions_from(domain):
    sizes = st.integers(bool(domain.size), 2)
    return sizes.flatmap(lambda size: finite_functions(domain.size, size))


@mutant("identities of the wrong size", laws.category, "ends of identities", arrows=functions_from)
def shifted_identities():
    class Shifted(Functions):
        def identity(self, at):
            return FinFunction.identity(FinSet(at.size + 1))

    return Shifted()


@mutant("composites that stop early", laws.category, "ends of composites", arrows=functions_from)
def early():
    class Early(Functions):
        def compose(self, f, g):
            return f

    return Early()


# ---------------------------------------------------------------- functors and transformations

CHAIN = FiniteCategory.chain(2)
GROUP = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)


def functor_of(C, D, objects, arrows):
    return SimpleNamespace(domain=C, codomain=D, on_object=objects, on_arrow=arrows)


@mutant("a map of groups that is no homomorphism", laws.functor, "composites", alone=True)
def no_homomorphism():
    return functor_of(GROUP, GROUP, lambda a: a, lambda f: {"3": "1"}.get(f, f))


@mutant("a functor that moves the identity", laws.functor, "identities", "composites")
def moved_identity():
    return functor_of(GROUP, GROUP, lambda a: a, lambda f: str((int(f) + 1) % 4))


@mutant("a functor that turns arrows round", laws.functor, "ends of values")
def turning():
    return functor_of(CHAIN, CHAIN, lambda a: str(2 - int(a)), lambda f: f)


@mutant("a functor that breaks an equation", laws.functor, "equations", alone=True)
def breaking():
    P = Presentation(Graph({"t": ("A", "A")}), ["t >> t = id(A)"])
    return Functor(P, Morphisms(), arrows={"t": FinFunction([1, 2, 0], codomain=3)}, check=False)


@mutant("a family that is not natural", laws.natural_transformation, "naturality", alone=True)
def unnatural():
    turn = Graph({"t": ("A", "A")})
    F = Functor(turn, Morphisms(), arrows={"t": FinFunction([1, 2, 0], codomain=3)})
    swap = FinFunction([1, 0, 2], codomain=3)
    return cl.NaturalTransformation(F, F, {"A": swap}, check=False)


@mutant("components between the wrong objects", laws.natural_transformation, "ends of components")
def misplaced():
    F = Functor.constant(CHAIN, CHAIN, "0")
    return cl.NaturalTransformation(F, F, dict.fromkeys("012", "0 <= 1"), check=False)


@mutant("a broken triangle", laws.adjunction, "left triangle", "right triangle")
def broken_triangle():
    one = Functor.identity(GROUP)
    return SimpleNamespace(
        left=one,
        right=one,
        unit=SimpleNamespace(components={"*": "1"}),
        counit=SimpleNamespace(components={"*": "2"}),
    )


@mutant("a unit that is not natural", laws.adjunction, "naturality of the unit")
def unnatural_unit():
    S3 = FiniteCategory.permutation_group({"a": [1, 0, 2], "b": [0, 2, 1]})
    one = Functor.identity(S3)
    return SimpleNamespace(
        left=one,
        right=one,
        unit=SimpleNamespace(components={"*": "a"}),
        counit=SimpleNamespace(components={"*": "a"}),
    )


@mutant("a counit that is not natural", laws.adjunction, "naturality of the counit")
def unnatural_counit():
    return unnatural_unit()


# ---------------------------------------------------------------- monoids


@mutant("a monoid without its unit", laws.monoid, "left unit", "right unit")
def no_unit():
    return Monoid(1, lambda x, y: x + y, elements=range(4))


@mutant("means instead of sums", laws.monoid, "associativity")
def means():
    return Monoid(0, lambda x, y: (x + y) / 2, elements=range(4))


@mutant("words, said to commute", laws.commutative_monoid, "commutativity", alone=True)
def words():
    return Monoid("", lambda x, y: x + y, elements=["", "a", "b"])


class Sums(Functions):
    """Functions of small finite sets, side by side."""

    unit = FinSet(0)

    def tensor_objects(self, a, b):
        return FinSet(a.size + b.size)

    def tensor(self, f, g):
        return f + g

    def symmetry(self, a, b):
        both = a.size + b.size
        return FinFunction([*range(b.size, both), *range(b.size)], both, both)


SMALL = {"arrows": functions_from}


@mutant(
    "a tensor that swaps", laws.monoidal, "ends of tensors", "associativity of the tensor", **SMALL
)
def swapping():
    class Swapping(Sums):
        def tensor(self, f, g):
            return g + f if f.domain.size > g.domain.size else f + g + FinFunction.identity(1)

    return Swapping()


@mutant("a tensor that forgets", laws.monoidal, "interchange", "tensor of identities", **SMALL)
def forgetting():
    class Forgetting(Sums):
        def tensor(self, f, g):
            both = f + g
            values = [both.codomain.size - 1 - v for v in both.values.tolist()]
            return FinFunction(values, both.domain, both.codomain)

    return Forgetting()


@mutant(
    "a tensor of objects with a point too many",
    laws.monoidal,
    "unit object",
    "ends of tensors",
    **SMALL,
)
def pointed():
    class Pointed(Sums):
        def tensor_objects(self, a, b):
            return FinSet(a.size + b.size + 1)

    return Pointed()


@mutant("a tensor with a spare point", laws.monoidal, "unit of the tensor", **SMALL)
def spare():
    class Spare(Sums):
        def tensor(self, f, g):
            return f + g + FinFunction.identity(FinSet(1))

    return Spare()


@mutant("differences of sizes", laws.monoidal, "associativity on objects", **SMALL)
def subtracting():
    class Subtracting(Sums):
        def tensor_objects(self, a, b):
            return FinSet(abs(a.size - b.size))

    return Subtracting()


@mutant("swaps to the wrong place", laws.symmetric_monoidal, "ends of swaps", **SMALL)
def astray():
    class Astray(Sums):
        def symmetry(self, a, b):
            return FinFunction([], 0, a.size + b.size)

    return Astray()


@mutant("the identity as a swap", laws.symmetric_monoidal, "naturality of swaps", **SMALL)
def still():
    class Still(Sums):
        def symmetry(self, a, b):
            return FinFunction.identity(FinSet(a.size + b.size))

    return Still()


@mutant("a swap of order three", laws.symmetric_monoidal, "involution", "hexagon", **SMALL)
def turning_swap():
    class Turning(Sums):
        def symmetry(self, a, b):
            both = a.size + b.size
            return FinFunction([(k + 1) % both for k in range(both)], both, both)

    return Turning()


# ---------------------------------------------------------------- cospans


@mutant("cospans that stay as they are when turned", laws.cospan, "dagger of composites")
def stiff():
    class Stiff(Cospans):
        def dagger(self, arrow):
            return arrow

    return Stiff(graphs(2, 2))


@mutant("cospans that lose a port when turned", laws.cospan, "dagger")
def losing():
    class Losing(Cospans):
        def dagger(self, arrow):
            return Open(arrow.apex, arrow.outputs, arrow.inputs[1:])

    return Losing(graphs(2, 2))


@mutant("cospans whose ends stay when turned", laws.cospan, "ends of daggers")
def unturned():
    return stiff()


@mutant(
    "cospans that gain a vertex when turned",
    laws.cospan,
    "dagger",
    "dagger of identities",
    "dagger of tensors",
    "dagger of swaps",
    "dagger of composites",
)
def gaining():
    class Gaining(Cospans):
        def dagger(self, arrow):
            more = coproduct(arrow.apex, Graph({}, vertices=["more"])).apex
            return Open(more, arrow.outputs, arrow.inputs)

    return Gaining(graphs(2, 2))


@mutant("cospans that are compared on the nose", laws.cospan, "interchange")
def strict():
    class Strict(Cospans):
        def equal(self, one, other):
            return one == other

    return Strict(graphs(1, 1))


# ---------------------------------------------------------------- quantales and enrichment


@mutant("differences as a tensor", laws.quantale, "associativity", "commutativity", "unit")
def differences():
    inf = float("inf")
    return Quantale(
        "differences", np.minimum, np.maximum, np.subtract, 0.0, inf, 0.0, lambda b, c: b + c,
        samples=(0.0, 1.0, 2.0), check=False,
    )  # fmt: skip


@mutant("a residual that is too small", laws.quantale, "residual")
def no_residual():
    return Quantale(
        "no residual", np.minimum, np.maximum, np.add, 0.0, float("inf"), 0.0,
        lambda b, c: np.add(b, c), samples=(0.0, 1.0, 2.0), check=False,
    )  # fmt: skip


@mutant("a tensor that does not distribute", laws.quantale, "distributivity")
def not_distributing():
    return Quantale(
        "meets of sets that do not distribute", np.maximum, np.minimum,
        lambda a, b: abs(a - b), 0.0, 0.0, 9.0, lambda b, c: c, samples=(0.0, 1.0, 2.0),
        check=False,
    )  # fmt: skip


@mutant("a join that is no join", laws.quantale, "joins", "absorption", "empty join")
def no_join():
    return Quantale(
        "no join", np.subtract, np.maximum, np.add, 0.0, 1.0, 0.0, lambda b, c: c,
        samples=(0.0, 1.0, 2.0), check=False,
    )  # fmt: skip


@mutant("a detour that is shorter", laws.enriched, "composition", alone=True)
def detour():
    return EnrichedCategory("xyz", [[0, 1, 9], [1, 0, 2], [9, 2, 0]], check=False)


@mutant("a point at a distance from itself", laws.enriched, "unit")
def apart():
    return EnrichedCategory("xy", [[1, 1], [1, 0]], check=False)


@mutant("a map that stretches", laws.enriched_functor, "homs", alone=True)
def stretching():
    near, far = (EnrichedCategory("xy", [[0, d], [d, 0]]) for d in (1, 3))
    return EnrichedFunctor(near, far, {"x": "x", "y": "y"}, check=False)


# ---------------------------------------------------------------- universal properties

GLUED = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
FIBRED = pullback(FinFunction([0, 1, 1], codomain=2), FinFunction([0, 1], codomain=2))


@mutant("a pushout that is too big", laws.colimit, "uniqueness", alone=True)
def too_big():
    legs = [FinFunction(leg.values, codomain=5) for leg in GLUED]
    return Colimit(GLUED.diagram, FinSet(5), legs)


@mutant("a pushout that is too small", laws.colimit, "existence", alone=True)
def too_small():
    legs = [FinFunction([0] * len(leg), codomain=1) for leg in GLUED.diagram.leg_objects]
    return Colimit(GLUED.diagram, FinSet(1), legs)


@mutant("a coproduct as a pushout", laws.colimit, "cocone")
def not_glued():
    return Colimit(GLUED.diagram, *list_of(coproduct(*GLUED.diagram.leg_objects)))


def list_of(universal):
    return universal.apex, universal.legs


@mutant("a pullback that is too big", laws.limit, "uniqueness", alone=True)
def doubled():
    legs = [FinFunction([*leg.values, leg(0)], codomain=leg.codomain) for leg in FIBRED]
    return Limit(FIBRED.diagram, FinSet(FIBRED.apex.size + 1), legs)


@mutant("a pullback that is too small", laws.limit, "existence", alone=True)
def halved():
    legs = [FinFunction(leg.values[:1], codomain=leg.codomain) for leg in FIBRED]
    return Limit(FIBRED.diagram, FinSet(1), legs)


@mutant("a product as a pullback", laws.limit, "cone")
def not_fibred():
    return Limit(FIBRED.diagram, *list_of(product(*FIBRED.diagram.leg_objects)))


@mutant("a common divisor that is not the greatest", laws.limit, "existence")
def not_greatest():
    divisors = FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 4, 6, 12])
    meet = product(divisors["4"], divisors["6"])
    return Limit(meet.diagram, divisors["1"], [divisors["1 <= 4"], divisors["1 <= 6"]])


@mutant("a gluing of graphs with a vertex too many", laws.colimit, "uniqueness")
def extra_vertex():
    arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    point = CSet(SchGraph, V=1)
    at = CSetMorphism(point, arrow, V=[1])
    po = pushout(at, at)
    more = coproduct(po.apex, point)
    return Colimit(po.diagram, more.apex, [leg >> more.legs[0] for leg in po])


@mutant("a gluing of graphs that collapses", laws.colimit, "existence")
def collapsed():
    arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    loop = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    onto = CSetMorphism(arrow, loop, V=[0, 0], E=[0])
    return Colimit(Diagram([arrow]), loop, [onto])


# ---------------------------------------------------------------- C-sets

LOOPS = Schema(["V"], arrows={"s": ("V", "V")}, equations=["s >> s = id(V)"])
LABELLED = Schema(
    ["V", "W"],
    arrows={"s": ("W", "V")},
    lists={"walk": ("W", "V")},
    attributes={"colour": "V"},
)


@mutant("a C-set that breaks its equation", laws.cset, "equations", alone=True)
def not_involutive():
    return CSet(LOOPS, V=3, s=[1, 2, 0], check=False)


@mutant("labels that an equation makes one differ", laws.cset, "equations of labels", alone=True)
def labels_apart():
    same = Schema(["V"], {"s": ("V", "V")}, attributes={"a": "V"}, equations=["s >> a = a"])
    return CSet(same, V=2, s=[1, 0], a=["red", "blue"], check=False)


@mutant("a function out of range", laws.cset, "functions")
def out_of_range():
    return CSet(SchGraph, V=1, E=1, src=[0], tgt=[4], check=False)


@mutant("composites that are not composed", laws.cset, "functoriality", alone=True)
def lax():
    class Lax(CSet):
        def along(self, path):
            return (
                FinFunction.identity(self.sets[path.source])
                if len(path) > 1
                else super().along(path)
            )

    return Lax(LOOPS, V=3, s=[1, 2, 0], check=False)


def labelled(colours):
    return CSet(LABELLED, V=2, W=1, s=[0], walk=[[0, 1]], colour=colours)


@mutant("a map of graphs that moves vertices only", laws.cset_morphism, "naturality", alone=True)
def not_a_graph_map():
    arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    return CSetMorphism(arrow, arrow, V=[1, 0], E=[0], check=False)


@mutant("a map that reorders a list", laws.cset_morphism, "naturality of lists")
def reordering():
    X = labelled([0, 0])
    return CSetMorphism(X, X, V=[1, 0], W=[0], check=False)


@mutant("a map that changes colours", laws.cset_morphism, "attributes", alone=True)
def recolouring():
    return CSetMorphism(labelled([0, 1]), labelled([0, 0]), V=[0, 1], W=[0], check=False)


@mutant("a map to a row that is not there", laws.cset_morphism, "components", alone=True)
def nowhere():
    X = CSet(SchGraph, V=1)
    phi = CSetMorphism.identity(X)
    away = FinFunction([5], X.V, X.V, check=False)
    vars(phi).update(components={**phi.components, "V": away})
    return phi


@mutant("rows that agree in a key and not in a label", laws.cset, "keys", alone=True)
def two_for_one_key():
    shape = Shape(["A", "B"], {"f": ("A", "B")}, attributes={"colour": "A"}, keys={"A": [("f",)]})
    return Tables(
        shape, {"A": 2, "B": 1}, {"f": [0, 0]}, attributes={"colour": [1, 2]}, check=False
    )


def shifted(**changed):
    """Identities of two points, with a unit or counit at the other point."""
    one = Functor.identity(FiniteCategory(["0", "1"]))
    parts = {"unit": {"0": "id(0)", "1": "id(1)"}, "counit": {"0": "id(0)", "1": "id(1)"}}
    made = {name: SimpleNamespace(components={**parts[name], **changed.get(name, {})})
            for name in parts}  # fmt: skip
    return SimpleNamespace(left=one, right=one, **made)


@mutant("a unit at another object", laws.adjunction, "ends of the unit")
def displaced_unit():
    return shifted(unit={"0": "id(1)"})


@mutant("a counit at another object", laws.adjunction, "ends of the counit")
def displaced_counit():
    return shifted(counit={"0": "id(1)"})


# ---------------------------------------------------------------- losses


def line(weights=(1.0,), edges=("a", "b"), equation="data.x >> a = data.x >> b", number=2.0):
    """Maps of the real line to itself, compared on one number."""
    R = cl.Space("R", 1)
    return cl.LearningDiagram(
        cl.Dataset("data", x=(R, np.array([[number]]))),
        *(cl.Model(edge, R, R, "linear", use_bias=False) for edge in edges),
        equations={f"q{k}": cl.Equation(equation, weight=w) for k, w in enumerate(weights)},
    )


def by_name(one, other, check=True, **equations):
    rows = {table: {name: name for name in one.names(table)} for table in ("V", "E")}
    Eq = {name: equations.get(name, name) for name in one.names("Eq")}
    return LearningMorphism(one, other, **rows, Eq=Eq, check=check)


TWO = line((1.0, 1.0))
MERGING = by_name(TWO, line(), q1="q0")
INSERTING = by_name(
    line(edges="abc"),
    line(edges="abc", equation="data.x >> a >> c = data.x >> b"),
    check=False,
)
MERGED = identify(TWO, {"Eq": [(0, 1)]})
CODIAGONAL = coproduct(line(), line()).universal(*[line().ambient.identity(line())] * 2)


@mutant(
    "a morphism that merges weights", laws.loss_functor, "ends", "inequality", morphisms=[MERGING]
)
def merging():
    return cl.loss_functor


@mutant("a morphism that inserts a step", laws.loss_functor, "inequality", morphisms=[INSERTING])
def inserting():
    return cl.loss_functor


@mutant("the codiagonal", laws.loss_functor, "inequality", morphisms=[CODIAGONAL])
def codiagonal():
    return cl.loss_functor


def unchecked(value):
    """The loss functor without certificates: only numbers can reject."""
    if isinstance(value, cl.LearningDiagram):
        return cl.loss_functor(value)
    domain, codomain = cl.loss_functor(value.domain), cl.loss_functor(value.codomain)
    parameters = {edge: value.edge(edge) for edge in domain.parameters}
    return CostMorphism(domain, codomain, parameters, check=False)


@mutant("merged weights, in numbers", laws.loss_functor, "inequality", morphisms=[MERGING])
def merging_in_numbers():
    return unchecked


@mutant("an inserted step, in numbers", laws.loss_functor, "inequality", morphisms=[INSERTING])
def inserting_in_numbers():
    return unchecked


@mutant(
    "a span both of whose legs merge equations",
    laws.loss_functor,
    "additivity",
    "comparison",
    "gradients",
    spans=[Span(MERGED, MERGED)],
)
def both_merge():
    return cl.loss_functor


def apart_but_for(interface):
    """A span of two lines with a common part."""
    rows = {table: {name: name for name in interface.names(table)} for table in ("V", "E")}
    leg = LearningMorphism(interface, line(), **rows)
    return Span(leg, leg)


SEPARATE = {"spans": [apart_but_for(line(()))], "diagrams": [line()]}


@mutant(
    "the largest cost instead of the sum",
    laws.loss_functor,
    "additivity",
    "monoidality",
    **SEPARATE,
)
def maximum():
    return partial(cl.loss_functor, aggregator="max")


@mutant("the mean over equations", laws.loss_functor, "additivity", "monoidality", **SEPARATE)
def mean():
    def mean_loss(value):
        if not isinstance(value, cl.LearningDiagram):
            return cl.loss_functor(value)
        loss = cl.loss_functor(value)
        share = Fraction(1, max(1, len(loss.terms)))
        terms = [Term(t.atom, Fraction(t.weight) * share, t.name) for t in loss.terms]
        return Objective(loss.parameters, terms)

    return mean_loss


@mutant(
    "one parameter for all edges",
    laws.loss_functor,
    "pullback of parameters",
    spans=[apart_but_for(cl.LearningDiagram(cl.Space("R", 1)))],
)
def one_for_all():
    def shared(value):
        if isinstance(value, cl.LearningDiagram):
            return Objective(("theta",) if value.trainable else (), {})
        return CostMorphism(shared(value.domain), shared(value.codomain))

    return shared


@mutant(
    "edges read in reverse",
    laws.loss_functor,
    "identities",
    "composites",
    diagrams=[line()],
    morphisms=[line().ambient.identity(line())],
)
def reversing():
    def reverse(value):
        image = cl.loss_functor(value)
        if isinstance(value, cl.LearningDiagram):
            return image
        targets = image.codomain.parameters[::-1]
        sent = {p: targets[k % len(targets)] for k, p in enumerate(image.domain.parameters)}
        return CostMorphism(image.domain, image.codomain, sent, image.constants, check=False)

    return reverse


@mutant("a parameter out of nothing", laws.loss_functor, "monoidal unit")
def not_strict():
    def more(value):
        loss = cl.loss_functor(value)
        return Objective((*loss.parameters, "bias"), loss.terms)

    return more


def labels():
    X, Y = cl.Space("X", 1), cl.Categorical("Y", 2)
    return cl.LearningDiagram(
        cl.Dataset("data", x=(X, np.ones((1, 1)))),
        *(cl.Model(name, X, Y, "linear", use_bias=False) for name in "ab"),
        cl.learning.Defined("c", "a"),
        equations=["data.x >> a = data.x >> a >> id(Y)", "data.x >> a = data.x >> b"][1:],
    )


@mutant("cross-entropy, which does not vanish", laws.loss_functor, "zeros", diagrams=[labels()])
def cross_entropy():
    return cl.loss_functor


# What follows changes the loss functor on few diagrams and morphisms. None of these is one of
# another law's, so that each law fails alone.

GROWING = by_name(line((2.0,), number=5.0), line((2.0, 2.0), number=5.0))
SHARING = apart_but_for(line(()))
WHOLE = pushout(*SHARING)
OTHER = line((3.0,), edges="cd", equation="data.x >> c = data.x >> d")
TWICE = coproduct(OTHER, OTHER).apex
FEW = {"diagrams": [OTHER], "morphisms": [GROWING], "spans": [SHARING]}
lossy = partial(mutant, alone=True, **FEW)


def losses(**changes):
    """The loss functor, with values at some diagrams changed: name -> (diagram, change)."""

    def L(value):
        found = cl.loss_functor(value)
        for at, change in changes.values():
            if isinstance(value, cl.LearningDiagram) and value == at:
                found = copy(found)
                vars(found)["evaluate"] = partial(revalued, cl.loss_functor(at), change)
        return found

    return L


def revalued(loss, change, values):
    return change(loss.evaluate(values), values)


def more(value, values):
    return value + 7


def less(value, values):
    return value - 7


def nothing(value, values):
    return 0.0


def wave(value, values):
    """Nothing is added where parameters are integers, and waves between."""
    at = np.array([[0.0], [1.0]])
    slope, offset = np.diff(values["a"](at), axis=0).item(), values["a"](at)[0].item()
    return value + np.sin(np.pi * (slope + offset))


@lossy("a gluing that costs more", laws.loss_functor, "additivity")
def costly_gluing():
    return losses(whole=(WHOLE.apex, more))


@lossy("an interface that costs more than a part", laws.loss_functor, "comparison")
def costly_interface():
    return losses(whole=(WHOLE.apex, less), interface=(line(()), more))


@lossy("a gluing with waves", laws.loss_functor, "gradients")
def waves():
    return losses(whole=(WHOLE.apex, wave))


@lossy("a sum that costs more", laws.loss_functor, "monoidality")
def costly_sum():
    return losses(twice=(TWICE, more))


@lossy("a diagram that costs nothing", laws.loss_functor, "zeros")
def free_of_charge():
    return losses(other=(OTHER, nothing), twice=(TWICE, nothing))


def morphisms(when, change):
    """The loss functor, with its value at some morphisms changed."""
    return lambda value: (
        change(value)
        if not isinstance(value, cl.LearningDiagram) and when(value)
        else cl.loss_functor(value)
    )


def crossed(phi):
    """A morphism of costs that reads all parameters of one."""
    domain, codomain = cl.loss_functor(phi.domain), cl.loss_functor(phi.codomain)
    return CostMorphism(
        domain, codomain, dict.fromkeys(domain.parameters, codomain.parameters[0]), check=False
    )


class Astray(CostMorphism):
    """A morphism of costs that says that it ends elsewhere."""

    codomain = property(lambda self: cl.loss_functor(OTHER))

    def __rshift__(self, then):
        return self if then == CostMorphism.identity(then.domain) else self.real >> then

    def restrict(self, values):
        return self.real.restrict(values)


@lossy("a morphism that says that it ends elsewhere", laws.loss_functor, "ends")
def ending_elsewhere():
    def astray(phi):
        found, said = cl.loss_functor(phi), object.__new__(Astray)
        vars(said).update(vars(found), real=found)
        return said

    return morphisms(lambda phi: phi == GROWING, astray)


@lossy("an identity that reads all of one", laws.loss_functor, "identities")
def reading_one():
    return morphisms(lambda phi: phi == OTHER.ambient.identity(OTHER), crossed)


@lossy("composites that read all of one", laws.loss_functor, "composites")
def composed_crosswise():
    return morphisms(
        lambda phi: phi.domain == GROWING.domain and phi.codomain != GROWING.codomain, crossed
    )


@lossy("a leg that reads all of one", laws.loss_functor, "pullback of parameters")
def crossed_leg():
    return morphisms(lambda phi: phi == WHOLE[0], crossed)


@lossy("an empty diagram with a parameter", laws.loss_functor, "monoidal unit")
def empty_with_parameter():
    empty = cl.LearningDiagram.empty()
    return lambda value: Objective(("bias",), {}) if value == empty else cl.loss_functor(value)


@lossy("merged weights alone", laws.loss_functor, "inequality", morphisms=[MERGING])
def merging_alone():
    return unchecked


# ---------------------------------------------------------------- the test

DRAWN = {
    "associativity",
    "left unit",
    "right unit",
    "composites",
    "identities",
    "naturality",
    "left triangle",
    "interchange",
    "uniqueness",
    "cocone",
    "composition",
    "commutativity",
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_mutant_is_rejected(name, mutants):
    spec, make, broken, given = MUTANTS[name]
    with mutants(f"{spec.name}: {name}"):
        report = check(make(), spec.only(*broken), max_examples=60, shrink=False, **given)
        assert report.broken == broken, str(report)
        assert not report
        others = [law.name for law in spec.laws if law.name not in broken]
        if name in ALONE:
            rest = check(make(), spec.only(*others), max_examples=20, **given)
            assert rest.broken == (), str(rest)
    for failure in report.failures:
        assert str(failure)
        if failure.error is None and failure.law.name in DRAWN and spec is not laws.quantale:
            assert failure.svg, failure
        if failure.diagram is not None:
            assert failure.svg.startswith("<svg")


def test_every_law_of_every_spec_has_a_mutant_alone():
    """Or laws that imply it, which fail with it: these are in TOGETHER, with a reason."""
    rejected = {(MUTANTS[name][0], law) for name in ALONE for law in MUTANTS[name][2]}
    for file in ("test_alone.py", "test_monoidal.py", "test_circuits.py"):
        tables = run_path(str(Path(__file__).with_name(file)))
        rejected |= {(spec, name) for spec, name, _ in tables["ALONE"]}
        together = tables.get("TOGETHER", [])
        rejected |= {(spec, name) for spec, names, _ in together for name in names}
    # A structure that breaks one law of a spec breaks no other of those that have fewer laws.
    missing = {
        f"{spec.name}: {law.name}"
        for spec in laws.SPECS
        for law in spec.laws
        if not any(
            law.name == name and law in whole.laws and set(spec.laws) <= set(whole.laws)
            for whole, name in rejected
        )
    }
    # No presentation is monoidal, so that there is nothing that this law of functors is about.
    assert missing == {f"{laws.monoidal_functor.name}: equations"}
