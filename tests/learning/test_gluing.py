"""Gluing: colimits of learning diagrams, by name and by span, and what emerges (Theory, 3, 5)."""

import pickle
from collections import Counter
from itertools import product as choices
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings, strategies as st

import catlearn as cl
from catlearn.errors import (
    CatlearnError,
    InfinitelyManyPaths,
    InvalidStructure,
    LabelConflict,
    NotACocone,
    TooManyPaths,
    UnknownName,
)
from catlearn.finset import coproduct, pushout
from catlearn.laws import (
    identifications,
    interpretation,
    learning_diagrams,
    learning_parts,
    learning_spans,
    some_parameters,
)
from catlearn.learning import LearningMorphism, emergent
from tests.errors import raises, says

few = settings(max_examples=25)
seeds = st.integers(0, 99)
X, F, Y = cl.Space("X", 1), cl.Space("F", 2), cl.Space("Y", 1)


def model(name, source, target):
    return cl.Model(name, source, target, "linear")


@st.composite
def overlapping(draw, count, **options):
    """Parts of one diagram, so that what has one name is one thing."""
    whole = draw(learning_diagrams(**options))
    return [draw(learning_parts(whole)) for _ in range(count)]


def by_name(diagram):
    """All rows of a diagram, in no order."""
    return (
        {vertex: diagram.space_label(vertex) for vertex in diagram.vertices},
        {edge: (diagram.ends(edge), diagram.map_label(edge)) for edge in diagram.edges},
        {name: (one, diagram.trains(name)) for name, one in diagram.equations.items()},
        set(diagram.store),
    )


# ---------------------------------------------------------------- gluing by name


@few
@given(overlapping(3))
def test_gluing_at_once_is_gluing_step_by_step(inclusions):
    a, b, c = (inclusion.domain for inclusion in inclusions)
    at_once = cl.glue(a, b, c)
    assert at_once == cl.glue(cl.glue(a, b), c)
    assert by_name(at_once) == by_name(cl.glue(a, cl.glue(b, c))) == by_name(cl.glue(c, a, b))
    assert not at_once.failures()


@few
@given(overlapping(2))
def test_gluing_is_the_union_by_name(inclusions):
    i, j = inclusions
    glued = cl.glue(i.domain, j.domain)
    for table in ("V", "E", "Eq"):
        assert set(glued.names(table)) == {*i.domain.names(table), *j.domain.names(table)}
    assert cl.glue(i.domain) == i.domain == cl.glue(i.domain, i.domain)
    assert cl.glue(i.codomain, i.domain) == i.codomain
    induced = glued.gluing.universal(i, j)
    assert induced.is_monic
    assert (glued.gluing.legs[0] >> induced, glued.gluing.legs[1] >> induced) == (i, j)


@few
@given(overlapping(2, data=True))
def test_stores_are_carried_into_parts_and_wholes(inclusions):
    whole = inclusions[0].codomain
    parts = [inclusion.domain for inclusion in inclusions]
    for part in parts:
        assert set(part.store) == set(whole.store) & set(part.edges)
        assert all(part.store[edge] is whole.store[edge] for edge in part.store)
    glued = cl.glue(*parts)
    assert set(glued.store) == {edge for part in parts for edge in part.store}
    assert set(glued.data) <= set(glued.data_sets)
    assert set(glued.starts) == set(glued.frozen)


def test_names_are_kept_and_the_interface_is_first():
    one = cl.LearningDiagram(model("f", X, F), model("g", F, Y))
    other = cl.LearningDiagram(cl.Dataset("data", y=Y, x=X), model("g", F, Y))
    glued = cl.glue(one, other)
    assert glued.vertices == ("X", "F", "Y", "data")
    assert glued.edges == ("f", "g", "data.y", "data.x")
    assert glued.gluing.diagram.names == ("left", "right")
    assert glued.gluing["right"] == glued.gluing.legs[1]


def test_a_glued_diagram_is_compared_and_copied_without_its_gluing():
    parts = [cl.LearningDiagram(model("f", X, F)), cl.LearningDiagram(model("g", F, Y))]
    glued = cl.glue(*parts)
    plain = cl.LearningDiagram(model("f", X, F), model("g", F, Y))
    assert glued == plain
    assert hash(glued) == hash(plain)
    assert plain.gluing is None
    assert pickle.loads(pickle.dumps(glued)) == glued


# ---------------------------------------------------------------- the universal property


def candidates(domain, codomain):
    """For each table and row, the rows of equal labels."""

    def label(diagram, table, row):
        attributes = diagram.shape.attributes.items()
        return [diagram.attributes[name][row] for name, at in attributes if at == table]

    return {
        table: [
            [
                image
                for image in range(codomain.size(table))
                if label(domain, table, row) == label(codomain, table, image)
            ]
            for row in range(domain.size(table))
        ]
        for table in domain.shape.tables
    }


def effort(domain, codomain):
    """How many families of functions there are to try."""
    return prod(len(images) for rows in candidates(domain, codomain).values() for images in rows)


def morphisms(domain, codomain):
    """All morphisms between two small diagrams, by brute force."""
    tables = [choices(*rows) for rows in candidates(domain, codomain).values()]
    for family in choices(*tables):
        phi = LearningMorphism(domain, codomain, *family, check=False)
        if not phi.failures():
            yield phi


def is_universal(span, i, j, target):
    """Morphisms out of the apex are the pairs out of the feet that agree on the interface."""
    pairs = [
        (h, k)
        for h in morphisms(i.domain, target)
        for k in morphisms(j.domain, target)
        if span.f >> h == span.g >> k
    ]
    found = [(i >> u, j >> u) for u in morphisms(i.codomain, target)]
    return len(found) == len(pairs) and all(pair in pairs for pair in found)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(learning_spans(learning_diagrams(), merge=True), st.data())
def test_pushouts_are_universal(span, data):
    i, j = pushout(*span)
    target = data.draw(identifications(i.codomain)).codomain
    assume(all(effort(part, target) <= 100 for part in (i.codomain, *span.feet)))
    assert is_universal(span, i, j, target)


def test_a_disjoint_union_is_not_universal_for_a_span():
    diagram = cl.LearningDiagram(model("f", X, F))
    identity = cl.finset.TABLES.identity(diagram)
    span = cl.Span(identity, identity)
    target = cl.LearningDiagram(model("f", X, F), model("g", X, F))
    assert is_universal(span, *pushout(*span), target)
    assert not is_universal(span, *coproduct(diagram, diagram), target)


@few
@given(learning_spans(learning_diagrams(), merge=True), st.data())
def test_the_induced_morphism_is_the_only_one(span, data):
    glued = pushout(*span)
    u = data.draw(identifications(glued.apex))
    assert glued.universal(*(leg >> u for leg in glued.legs)) == u


def test_a_cocone_that_does_not_commute_is_refused_by_its_triangle():
    one = cl.LearningDiagram(model("f", X, F))
    twice = cl.LearningDiagram(model("f", X, F), model("g", X, F))
    glued = cl.glue(one, one)
    into = [LearningMorphism(one, twice, V={"X": "X", "F": "F"}, E={"f": image}) for image in "fg"]
    with raises(NotACocone, "E", "'f'", "'g'", law="triangle"):
        glued.gluing.universal(*into)
    with raises(NotACocone, 1, "left", "right", law="shape", where="components"):
        glued.gluing.universal(into[0])


def test_morphisms_that_are_not_natural_name_rows():
    diagram = cl.LearningDiagram(model("f", X, F), model("g", F, X))
    with pytest.raises(InvalidStructure) as error:
        LearningMorphism(diagram, diagram, V={"X": "X", "F": "F"}, E={"f": "g", "g": "f"})
    assert len(error.value.failures) == 4
    says(error.value, "'F'", "'X'", law="naturality of src", where="E 'f'")
    with raises(InvalidStructure, "g", law="function", where="component 'E'"):
        LearningMorphism(diagram, diagram, V={"X": "X", "F": "F"}, E={"f": "f"})


def test_images_of_equations_are_found_by_their_sides():
    diagram = cl.LearningDiagram(
        cl.Dataset("d", x=X, y=X), model("f", X, X), equations=["d.x >> f = d.y", "d.x = d.y"]
    )
    rows = {table: {name: name for name in diagram.names(table)} for table in "VE"}
    phi = LearningMorphism(diagram, diagram, **rows)
    assert phi == cl.finset.TABLES.identity(diagram)
    assert "Eq={d.x >> f = d.y, d.x = d.y}" in repr(phi)


@few
@given(overlapping(1), st.data())
def test_lifts_are_the_paths_above_a_path(inclusions, data):
    phi = inclusions[0] >> data.draw(identifications(inclusions[0].codomain))
    below = {}
    for vertex in phi.domain.vertices:
        for path in phi.domain.paths(vertex, max_length=2, bound=None):
            below.setdefault(phi(path), set()).add(path)
    for vertex in phi.codomain.vertices:
        for path in phi.codomain.paths(vertex, max_length=2, bound=None):
            lifts = list(phi.lifts(path))
            assert set(lifts) == below.get(path, set())
            assert len(lifts) == len(set(lifts))


# ---------------------------------------------------------------- along


def test_along_identifies_only_what_is_named():
    one = cl.LearningDiagram(model("f", X, F), model("g", F, X))
    glued = cl.glue(one, one, along=["f"])
    assert glued.vertices == ("X", "F")
    assert glued.edges == ("f", "left/g", "right/g")
    apart = cl.glue(one, one, along=["X"], names=("a", "b"))
    assert apart.vertices == ("X", "a/F", "b/F")
    assert apart.edges == ("a/f", "a/g", "b/f", "b/g")
    assert cl.glue(one, one, along=[]).edges == ("left/f", "left/g", "right/f", "right/g")


def test_along_may_say_what_is_called_differently():
    data = cl.LearningDiagram(cl.Dataset("data", image=cl.Space("image", 1), target=Y))
    net = cl.LearningDiagram(model("f", X, Y))
    glued = cl.glue(data, net, along={"image": "X", "Y": "Y"})
    assert glued.vertices == ("data", "image", "Y")
    assert [str(term) for term in glued.emergent] == ["data.image >> f = data.target"]


def test_along_takes_equations_with_their_edges():
    one = cl.LearningDiagram(
        cl.Dataset("d", x=X, y=Y), model("f", X, Y), equations={"fit": "d.x >> f = d.y"}
    )
    other = cl.LearningDiagram(
        cl.Dataset("e", x=X, y=Y), model("g", X, Y), equations={"loss": "e.x >> g = e.y"}
    )
    glued = cl.glue(one, other, along={"fit": "loss"})
    assert glued == one


def test_along_refuses_names_that_are_not_there():
    one, other = cl.LearningDiagram(model("f", X, F)), cl.LearningDiagram(model("g", F, Y))
    with raises(UnknownName, "f", "g1"):
        cl.glue(one, other, along={"f": "g1"})
    with raises(UnknownName, "ff", "f"):
        cl.glue(one, other, along=["ff"])
    with raises(LabelConflict, "X -> F", "F -> Y", law="ends", where="edge 'f'"):
        cl.glue(one, other, along={"f": "g", "X": "F", "F": "F"})


def test_glue_says_how_it_is_called():
    one = cl.LearningDiagram(model("f", X, F))
    with raises(CatlearnError):
        cl.glue()
    with raises(CatlearnError, "glue(D1, D2)", "list"):
        cl.glue([one, one])
    with raises(CatlearnError, "along=", 3):
        cl.glue(one, one, one, along=["f"])
    with raises(CatlearnError, "names=['a']", 2):
        cl.glue(one, one, names=["a"])


# ---------------------------------------------------------------- conflicts


def test_every_conflict_is_listed_at_once():
    def twice(x):
        return 2 * x

    def other_twice(x):
        return x + x

    other_twice.__name__ = "twice"
    ones, zeros = np.ones((2, 1), "float32"), np.zeros((2, 1), "float32")
    start = {"weight": np.ones((1, 1), "float32"), "bias": np.ones(1, "float32")}
    moved = {**start, "bias": np.zeros(1, "float32")}
    R, S = cl.Space("R", 1), cl.Space("S", 1)

    def diagram(space, fixed, kind, array, values, ends, weight, divergence, right):
        return cl.LearningDiagram(
            cl.Dataset("data", x=(R, array)),
            space,
            model("go", *ends),
            cl.Model("c", R, R, fixed),
            kind(model("kind", R, R)),
            model("z", R, R).freeze(values),
            equations={
                "q": cl.Equation("data.x >> kind = data.x", weight=weight),
                "d": cl.Equation("data.x >> kind = data.x", divergence=divergence),
                "s": cl.Equation(f"data.x >> kind = data.x >> {right}"),
            },
        )

    one = diagram(cl.Space("T", 1), twice, lambda m: m, ones, start, (R, S), 1, "huber", "c")
    other = diagram(
        cl.Space("T", 1, divergence="huber"),
        other_twice,
        lambda m: m.freeze(start),
        zeros,
        moved,
        (S, R),
        2,
        None,
        "z",
    )
    with pytest.raises(LabelConflict) as error:
        cl.glue(one, other)
    found = [(failure.law, failure.where) for failure in error.value.failures]
    assert found == [
        ("space", "vertex 'T'"),
        ("stored values", "edge 'data.x'"),
        ("ends", "edge 'go'"),
        ("map", "edge 'c'"),
        ("map", "edge 'kind'"),
        ("stored values", "edge 'z'"),
        ("weight", "equation 'q'"),
        ("divergence", "equation 'd'"),
        ("sides", "equation 's'"),
    ]
    says(error.value, "huber", law="space")  # what differs is said, though both are R^1
    says(error.value, 1.0, 2.0, law="weight")
    assert cl.glue(one, one) == one


def test_explicit_pushouts_refuse_labels_and_stores_that_differ():
    ones, zeros = (cl.Dataset("d", x=(X, np.full((2, 1), k, "float32"))) for k in (1, 0))
    one, other = cl.LearningDiagram(ones), cl.LearningDiagram(zeros)
    identity = {"V": {"X": "X", "d": "d"}, "E": {"d.x": "d.x"}}
    shared = cl.LearningDiagram(cl.Dataset("d", x=X))
    with pytest.raises(LabelConflict) as caught:
        pushout(
            LearningMorphism(shared, one, **identity), LearningMorphism(shared, other, **identity)
        )
    (failure,) = caught.value.failures
    assert (failure.law, failure.where) == ("stored values", "E: left 'd.x' = right 'd.x'")
    same = cl.LearningDiagram(cl.Dataset("d", x=(X, np.ones((2, 1), "float32"))))
    glued = cl.glue(one, same, shared)
    assert glued.store["d.x"] is one.store["d.x"]


def test_data_sets_that_become_one_need_equally_many_examples():
    one = cl.LearningDiagram(cl.Dataset("d", x=(X, np.ones((2, 1)))))
    other = cl.LearningDiagram(cl.Dataset("d", y=(Y, np.ones((3, 1)))))
    with raises(InvalidStructure, "x", 2, "y", 3, law="length", where="data set 'd'"):
        cl.glue(one, other)


def test_gluing_reads_no_values():
    """An array may be larger than memory: only what is in common is compared, if at all."""

    class Untouchable(np.ndarray):
        def __array_function__(self, *arguments):
            raise AssertionError("values were read")

        def __array_ufunc__(self, *arguments, **options):
            raise AssertionError("values were read")

    array = np.ones((4, 1), "float32").view(Untouchable)
    data = cl.LearningDiagram(cl.Dataset("d", check=False, x=(X, array)))
    whole = cl.glue(data, cl.LearningDiagram(model("f", X, Y)), data)
    assert whole.bind().store["d.x"] is array


# ---------------------------------------------------------------- emergent equations


def content(phi, terms):
    """What equations say at the codomain of a morphism, sides in no order, with their weights."""
    found = Counter()
    for term in terms:
        sides = frozenset(phi.codomain.rewriting(phi(side)) for side in (term.lhs, term.rhs))
        found[sides, term.divergence] += term.weight
    return found


def is_accounted_for(span, i, j, rule, new):
    """L + L_0 = L_1 + L_2 + L_emergent, as weighted equations."""
    l0, l1, l2, whole = (
        content(phi, phi.domain.select(rule, bound=10**5))
        for phi in (span.f >> i, i, j, cl.finset.TABLES.identity(i.codomain))
    )
    return whole + l0 == l1 + l2 + content(cl.finset.TABLES.identity(i.codomain), new)


def glued_finitely(span):
    """A pushout with finitely many paths: a loop may close through two pairings into a product."""
    glued = pushout(*span)
    try:
        glued.apex.select("all", bound=10**5)
    except InfinitelyManyPaths:
        reject()
    return glued


@few
@given(learning_spans(learning_diagrams(acyclic=True, equations=False)))
def test_all_is_the_parts_and_what_emerges(span):
    glued = glued_finitely(span)
    assert is_accounted_for(span, *glued, "all", emergent(glued))


@few
@given(learning_spans(learning_diagrams()))
def test_declared_is_the_parts_and_nothing_emerges(span):
    glued = pushout(*span)
    assert emergent(glued, "declared") == ()
    assert is_accounted_for(span, *glued, "declared", ())


@few
@given(
    learning_spans(learning_diagrams(acyclic=True, equations=False, categorical=False, data=True)),
    seeds,
)
def test_the_same_in_numbers(span, seed):
    """For symmetric divergences: which of two trainable sides predicts may change by gluing."""
    glued = glued_finitely(span)
    i, j = glued
    theta = some_parameters(glued.apex, seed)

    def value(phi, terms):
        selection = phi.domain.select("all")
        loss = cl.Loss(phi.domain, type(selection)(tuple(terms)))
        return loss.evaluate(interpretation(loss, phi.restrict(theta)))

    identity = cl.finset.TABLES.identity(glued.apex)
    l0, l1, l2, whole = (
        value(phi, phi.domain.select("all").terms) for phi in (span.f >> i, i, j, identity)
    )
    assert whole + l0 == pytest.approx(l1 + l2 + value(identity, emergent(glued)))


def test_which_side_predicts_may_change_by_gluing():
    """Both sides are trainable and equally long, so the later one predicts; rows of the first
    diagram come first. The equation is not new, but where the divergence is not symmetric the law
    in numbers holds only for the pair, in either order."""
    one = cl.LearningDiagram(model("g", X, Y))
    other = cl.LearningDiagram(cl.Dataset("d", x=X), model("f", X, Y), model("g", X, Y))
    assert [str(term) for term in other.select("all")] == ["d.x >> g = d.x >> f"]
    glued = cl.glue(one, other)
    assert [str(term) for term in glued.select("all")] == ["d.x >> f = d.x >> g"]
    assert glued.emergent == ()


def test_leaving_out_an_emergent_equation_is_noticed():
    data = cl.LearningDiagram(cl.Dataset("data", x=X, y=Y))
    net = cl.LearningDiagram(model("f", X, Y))
    shared, inclusion = data.subtables({"V": ["X", "Y"]})
    span = cl.Span(inclusion, LearningMorphism(shared, net, V={"X": "X", "Y": "Y"}, E={}, Eq={}))
    glued = pushout(*span)
    assert is_accounted_for(span, *glued, "all", emergent(glued))
    assert not is_accounted_for(span, *glued, "all", ())


def test_a_pair_declared_twice_outside_the_interface_is_counted_twice():
    """A limit of the law for *all*: here L = 2 + 3, but L_1 + L_2 - L_0 = 2 + 3 - 1."""
    bare = cl.LearningDiagram(cl.Dataset("d", x=X, y=Y), model("f", X, Y))
    feet = [
        bare.with_equations({name: cl.Equation("d.x >> f = d.y", weight=weight)})
        for name, weight in (("two", 2), ("three", 3))
    ]
    rows = {table: {name: name for name in bare.names(table)} for table in "VE"}
    span = cl.Span(*(LearningMorphism(bare, foot, **rows) for foot in feet))
    glued = pushout(*span)
    assert emergent(glued) == ()
    assert not is_accounted_for(span, *glued, "all", ())
    assert is_accounted_for(span, *glued, "declared", ())


def test_templates_emerge_when_data_comes():
    cycle = cl.LearningDiagram(
        model("f", X, F), model("g", F, X), equations={"round": "f >> g = id(X)"}
    )
    data = cl.LearningDiagram(cl.Dataset("data", x=X))
    glued = cl.glue(cycle, data)
    assert [term.name for term in emergent(glued, "declared")] == ["round[data.x]"]
    assert [str(term) for term in glued.emergent] == ["data.x >> f >> g = data.x"]
    assert cl.glue(glued, data).emergent == ()


def test_with_cycles_the_basis_emerges():
    """CycleGAN's generators are glued to their data: both cycles are new."""
    nets = cl.LearningDiagram(model("there", X, F), model("back", F, X))
    data = [cl.LearningDiagram(cl.Dataset(name, x=space)) for name, space in (("s", X), ("t", F))]
    glued = cl.glue(nets, *data)
    assert [str(term) for term in glued.emergent] == [
        "s.x >> there >> back = s.x",
        "t.x >> back >> there = t.x",
    ]
    again = cl.glue(glued, cl.LearningDiagram(model("judge", X, Y)))
    assert again.emergent == ()


def test_with_too_many_paths_the_basis_emerges():
    points = [cl.Space(f"x{k}", 1) for k in range(21)]
    steps = [
        cl.LearningDiagram(
            model(f"a{k}", points[k], points[k + 1]), model(f"b{k}", points[k], points[k + 1])
        )
        for k in range(20)
    ]
    glued = cl.glue(cl.LearningDiagram(cl.Dataset("data", x=points[0])), *steps)
    with pytest.raises(TooManyPaths):
        glued.select("all")
    assert len(glued.emergent) == len(glued.select("basis")) == 20


def test_only_glued_diagrams_have_emergent_equations():
    with raises(CatlearnError, "glue(...)", "emergent(colimit)"):
        _ = cl.LearningDiagram(model("f", X, F)).emergent


def test_an_edge_of_an_interface_is_not_defined():
    P = cl.Product("P", X, F)
    both = cl.Pairing("both", P, "id(X)", "f")
    diagram = cl.LearningDiagram(model("f", X, F), both)
    for opened in (cl.open_diagram, cl.Open):
        with pytest.raises(InvalidStructure) as caught:
            opened(diagram, ["f"], ["both"], table="E")
        assert [(f.law, f.where) for f in caught.value.failures] == [("interface", "edge 'both'")]
    assert cl.open_diagram(diagram, ["f"], ["f"], table="E").apex == diagram
