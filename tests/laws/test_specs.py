"""Every structure of the package satisfies its own laws."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

import catlearn as cl
from catlearn import laws
from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    Morphisms,
    Paths,
    Presentation,
)
from catlearn.cost import (
    BOOL,
    LAWVERE,
    PROBABILITY,
    ULTRAMETRIC,
    CostMorphism,
    EnrichedFunctor,
    Objective,
    Term,
    free,
    get_aggregator,
)
from catlearn.finset import (
    FinFunction,
    FinSet,
    coequalizer,
    coproduct,
    equalizer,
    product,
    pullback,
    pushout,
)
from catlearn.laws import (
    Cospans,
    Monoid,
    check,
    csets,
    finite_categories,
    finite_functions,
    functors,
    graphs,
    learning_diagrams,
    learning_morphisms,
    morphisms,
    natural_transformations,
    out_of,
    paths,
    presentations,
    spans,
)
from tests.cset.schemas import COLOURED_WALKS

FEW = 6


def passes(structure, spec=None, max_examples=FEW, **given):
    report = check(structure, spec, max_examples=max_examples, **given)
    report.raise_()
    assert report
    return report


# ---------------------------------------------------------------- categories


def functions_from(domain):
    sizes = st.integers(bool(domain.size), 4)
    return sizes.flatmap(lambda size: finite_functions(domain.size, size))


SETS = st.integers(0, 3).map(FinSet)
SMALL = graphs(max_vertices=3, max_edges=3)
OBJECTIVES = st.lists(
    st.tuples(st.sampled_from(["a(f)", "a(g)", "b(f, g)"]), st.integers(0, 3))
).map(lambda terms: Objective(("f", "g"), [Term(atom, weight) for atom, weight in terms]))


@st.composite
def cost_morphisms(draw, domain):
    """Rename and share parameters, then let the coefficients grow."""
    names = dict.fromkeys(domain.parameters, "h") if draw(st.booleans()) else {}
    names = {**{p: p for p in domain.parameters}, **names}
    image = domain.rename(names)
    grown = [
        Term(atom, weight + draw(st.integers(0, 2))) for atom, weight in image.coefficients.items()
    ]
    return CostMorphism(domain, Objective(tuple(dict.fromkeys(names.values())), grown), names)


CATEGORIES = {
    "finite sets": (Morphisms(), {"objects": SETS, "arrows": functions_from}),
    "graphs": (Morphisms(), {"objects": SMALL, "arrows": out_of}),
    "C-sets": (Morphisms(), {"objects": csets(COLOURED_WALKS, max_rows=2), "arrows": out_of}),
    "presentations": (Morphisms(), {"objects": presentations(max_edges=3), "arrows": out_of}),
    "learning diagrams": (
        Morphisms(),
        {"objects": learning_diagrams(equations=False, defined=False), "arrows": out_of},
    ),
    "Cost": (Morphisms(), {"objects": OBJECTIVES, "arrows": cost_morphisms}),
    "paths": (
        Paths(),
        {
            "objects": ["A", "B"],
            "arrows": lambda at: paths(Graph({"f": ("A", "B"), "g": ("B", "A")}), source=at),
        },
    ),
    "Cat": (
        Morphisms(),
        {
            "objects": finite_categories(2, 2, nonempty=True),
            "arrows": lambda C: functors(C, max_objects=2, max_arrows=2),
        },
    ),
    "finite categories": (finite_categories(), {}),
    "a finite presented category": (
        Presentation.monoid("ab", ["a a = 1", "b b b = 1", "a b a b a b = 1"]).category(),
        {},
    ),
    "an infinite presented category": (Presentation.monoid("ab", ["a b = b a"]).category(), {}),
    "a group": (FiniteCategory.group(range(4), lambda x, y: (x + y) % 4), {}),
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories(name):
    structure, given = CATEGORIES[name]
    passes(structure, laws.category, **given)


class Sets:
    """Finite sets with a strict monoidal structure: + puts side by side, @ makes pairs."""

    def __init__(self, tensor, unit):
        self.tensor, self.unit = tensor, FinSet(unit)

    def identity(self, at):
        return FinFunction.identity(at)

    def compose(self, f, g):
        return f >> g

    def ends(self, f):
        return f.domain, f.codomain

    def tensor_objects(self, a, b):
        return FinSet(a.size + b.size if self.unit.size == 0 else a.size * b.size)

    def symmetry(self, a, b):
        both = self.tensor_objects(a, b)
        if self.unit.size == 0:
            values = [*range(b.size, both.size), *range(b.size)]
        else:
            values = np.arange(both.size).reshape(b.size, a.size).T.reshape(-1)
        return FinFunction(values, both, both)


MONOIDAL = {
    "sums of finite sets": Sets(lambda f, g: f + g, 0),
    "products of finite sets": Sets(lambda f, g: f @ g, 1),
}


@pytest.mark.parametrize("name", MONOIDAL)
def test_monoidal_categories(name):
    small = st.integers(0, 2).map(FinSet)
    report = passes(MONOIDAL[name], objects=small, arrows=functions_from)
    assert report.name == "symmetric monoidal category"


COSPANS = {
    "open graphs": graphs(2, 2),
    "open learning diagrams": learning_diagrams(equations=False, defined=False),
}


@pytest.mark.parametrize("name", COSPANS)
def test_cospans(name):
    spec = (
        laws.cospan if name == "open graphs" else laws.cospan.only("associativity", "interchange")
    )
    assert passes(Cospans(COSPANS[name]), spec, max_examples=3)


# ---------------------------------------------------------------- functors


SQUARE = Presentation(
    {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")}, ["f >> g = h >> k"]
)
TURN = Presentation(Graph({"turn": ("A", "A")}), ["turn >> turn = id(A)"])
CHAIN = FiniteCategory.chain(2)
FUNCTORS = {
    "between finite categories": functors(),
    "out of a presentation": Functor(
        TURN, Morphisms(), arrows={"turn": FinFunction([1, 0], codomain=2)}
    ),
    "out of a free category": Functor(Graph({"f": ("A", "B")}), CHAIN, arrows={"f": "0 <= 2"}),
    "out of a presented category": Functor(
        SQUARE.category(), CHAIN, arrows=dict.fromkeys("fghk", "id(1)")
    ),
    "of the category Cost": Functor(
        Graph({"grow": ("L", "M")}),
        Morphisms(),
        arrows={
            "grow": CostMorphism(
                Objective(("f",), {"a(f)": 1}), Objective(("f",), {"a(f)": 2, "b(f)": 1})
            )
        },
    ),
}


@pytest.mark.parametrize("name", FUNCTORS)
def test_functors(name):
    passes(FUNCTORS[name], laws.functor)


def test_the_equations_of_a_presentation_are_a_law():
    assert "equations" in passes(FUNCTORS["out of a presentation"]).passed
    assert "equations" not in passes(FUNCTORS["out of a free category"]).passed


def test_natural_transformations():
    passes(natural_transformations(), laws.natural_transformation)
    turn = Graph({"t": ("A", "A")})
    F = Functor(turn, Morphisms(), arrows={"t": FinFunction([1, 2, 0], codomain=3)})
    alpha = cl.NaturalTransformation(F, F, {"A": F("t >> t")})
    assert passes(alpha).name == "natural transformation"


def test_adjunctions():
    low, high = FiniteCategory.chain(1), FiniteCategory.chain(2)
    ends = Functor(low, high, {"0": "0", "1": "2"}, {"0 <= 1": "0 <= 2"})
    assert passes(cl.category.right_adjoint(ends)).name == "adjunction"


def galois():
    """Doubling is left adjoint to halving, between 0..2 and 0..4."""
    low, high = FiniteCategory.chain(2), FiniteCategory.chain(4)

    def arrow(a, b):
        return f"{a} <= {b}" if a != b else f"id({a})"

    def monotone(C, D, function):
        return Functor(C, D, {a: str(function(int(a))) for a in C.objects}, {
            f: arrow(*(function(int(x)) for x in C.ends(f))) for f in C.generators.edges
        })  # fmt: skip

    left, right = monotone(low, high, lambda n: 2 * n), monotone(high, low, lambda n: n // 2)
    unit = {a: arrow(int(a), int(a)) for a in low.objects}
    counit = {b: arrow(int(b) // 2 * 2, int(b)) for b in high.objects}
    return SimpleNamespace(
        left=left,
        right=right,
        unit=SimpleNamespace(components=unit),
        counit=SimpleNamespace(components=counit),
    )


def test_an_adjunction_of_ones_own():
    assert passes(galois()).name == "adjunction"


# ---------------------------------------------------------------- monoids, quantales, enrichment

MONOIDS = {
    "costs under sum": Monoid(0, get_aggregator("sum").combine, elements=st.integers(0, 9)),
    "costs under max": Monoid(0, get_aggregator("max").combine, elements=st.integers(0, 9)),
    "finite sets under sum": Monoid(FinSet(0), lambda a, b: a + b, elements=SETS),
}


@pytest.mark.parametrize("name", MONOIDS)
def test_monoids(name):
    passes(MONOIDS[name], laws.commutative_monoid)


@pytest.mark.parametrize("quantale", [LAWVERE, ULTRAMETRIC, PROBABILITY, BOOL], ids=str)
def test_quantales(quantale):
    assert passes(quantale, max_examples=40).name == "quantale"


def test_enriched_categories_and_functors():
    weights = st.tuples(graphs(max_vertices=3), st.lists(st.integers(0, 4), min_size=6, max_size=6))
    spaces = weights.map(lambda w: free(w[0], dict(zip(w[0].edges, w[1], strict=False))))
    passes(spaces, laws.enriched)
    X = free(SQUARE, {"f": 1, "g": 2, "h": 0, "k": 5})
    assert passes(X).name == "enriched category"
    assert passes(EnrichedFunctor.identity(X)).name == "enriched functor"


# ---------------------------------------------------------------- universal properties


def parallel(max_size=3):
    sizes = st.tuples(st.integers(0, max_size), st.integers(1, max_size))
    return sizes.flatmap(lambda s: st.tuples(finite_functions(*s), finite_functions(*s)))


def fans(inward):
    def pair(size):
        out = finite_functions(size, 3)
        into = st.integers(0, 3).flatmap(lambda domain: finite_functions(domain, size))
        return st.tuples(into, into) if inward else st.tuples(out, out)

    return st.integers(1, 3).flatmap(pair)


def spanned(wholes):
    return spans(wholes, merge=True).map(lambda span: pushout(*span))


COLIMITS = {
    "pushouts of sets": fans(inward=False).map(lambda pair: pushout(*pair)),
    "coequalizers of sets": parallel().map(lambda pair: coequalizer(*pair)),
    "coproducts of sets": st.tuples(SETS, SETS).map(lambda pair: coproduct(*pair)),
    "pushouts of graphs": spanned(SMALL),
    "coproducts of C-sets": csets(COLOURED_WALKS, max_rows=2).map(lambda X: coproduct(X, X)),
    "pushouts of presentations": spanned(presentations(max_edges=3)),
    "pushouts of C-sets": spanned(csets(COLOURED_WALKS, max_rows=2)),
}
LIMITS = {
    "pullbacks of sets": fans(inward=True).map(lambda pair: pullback(*pair)),
    "equalizers of sets": parallel().map(lambda pair: equalizer(*pair)),
    "products of sets": st.tuples(SETS, SETS).map(lambda pair: product(*pair)),
    "products of graphs": st.tuples(*[graphs(2, 3)] * 2).map(lambda pair: product(*pair)),
    "equalizers of C-sets": csets(COLOURED_WALKS, max_rows=2).map(
        lambda X: equalizer(*[X.ambient.identity(X)] * 2)
    ),
}


@pytest.mark.parametrize("name", COLIMITS)
def test_colimits(name):
    passes(COLIMITS[name], laws.colimit)


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name):
    passes(LIMITS[name], laws.limit)


def test_limits_inside_a_category():
    divisors = FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 3, 4, 6, 12])
    passes(product(divisors["4"], divisors["6"]))
    passes(coproduct(divisors["4"], divisors["6"]))
    passes(pullback(divisors["4 <= 12"], divisors["6 <= 12"]))


# ---------------------------------------------------------------- C-sets

TABLES = {
    "graphs": graphs(),
    "C-sets": csets(COLOURED_WALKS),
    "presentations": presentations(),
    "learning diagrams": learning_diagrams(),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    passes(TABLES[name], laws.cset)


@pytest.mark.parametrize("name", TABLES)
def test_morphisms_of_tables(name):
    draw = learning_morphisms if "learning" in name else morphisms
    passes(draw(TABLES[name]), laws.cset_morphism)


# ---------------------------------------------------------------- losses


@pytest.mark.parametrize("law", [law.name for law in laws.loss_functor.laws])
def test_the_loss_functor(law):
    passes(cl.loss_functor, laws.loss_functor.only(law), max_examples=8)
