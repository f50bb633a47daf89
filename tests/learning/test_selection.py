"""Which equations a diagram means (Theory, section 5), against its words taken literally."""

from itertools import combinations

import pytest
from hypothesis import assume, given, settings, strategies as st

import catlearn as cl
from catlearn.errors import CatlearnError, InfinitelyManyPaths, InvalidStructure, TooManyPaths
from catlearn.laws import graphs, learning_diagrams
from catlearn.learning.pairs import Rewriting, parallel_pairs, parallel_part, steps_from
from tests.errors import raises, says

few = settings(max_examples=30)
undeclared = learning_diagrams(acyclic=True, equations=False)
X, F, Y = cl.Space("X", 1), cl.Space("F", 2), cl.Space("Y", 1)


def model(name, source, target):
    return cl.Model(name, source, target, "linear")


def frozen(name, source, target):
    import numpy as np

    inputs, outputs = source.shape[0], target.shape[0]
    start = {
        "weight": np.ones((inputs, outputs), "float32"),
        "bias": np.zeros(outputs, "float32"),
    }
    return model(name, source, target).freeze(start)


def said(terms):
    return [str(term) for term in terms]


def counts(diagram):
    return {rule: len(diagram.select(rule)) for rule in ("all", "irreducible", "basis")}


# ---------------------------------------------------------------- reference counts

DATA = cl.Dataset("data", X=X, Y=Y)


def test_data_alone_and_a_model_alone_have_no_equation_and_their_pushout_has_one():
    data = cl.LearningDiagram(DATA)
    alone = cl.LearningDiagram(model("encoder", X, F), model("head", F, Y))
    assert counts(data) == counts(alone) == {"all": 0, "irreducible": 0, "basis": 0}
    square = cl.glue(data, alone)
    assert said(square.select("all")) == ["data.X >> encoder >> head = data.Y"]
    assert counts(square) == {"all": 1, "irreducible": 1, "basis": 1}


def test_two_squares_along_a_backbone_have_two():
    Z = cl.Space("Z", 1)
    squares = [
        cl.LearningDiagram(
            cl.Dataset(name, X=X, **{out.name: out}),
            model("encoder", X, F),
            model(f"head_{name}", F, out),
        )
        for name, out in (("one", Y), ("two", Z))
    ]
    whole = cl.glue(*squares)
    assert said(whole.select("all")) == [
        "one.X >> encoder >> head_one = one.Y",
        "two.X >> encoder >> head_two = two.Z",
    ]
    assert len(whole.select("basis")) == 2
    assert whole.emergent == ()


def test_distillation_has_two_and_its_basis_an_untrainable_one():
    diagram = cl.LearningDiagram(DATA, model("student", X, Y), frozen("teacher", X, Y))
    assert said(diagram.select("all")) == [
        "data.X >> student = data.Y",
        "data.X >> student = data.X >> teacher",
    ]
    basis = diagram.select("basis")
    assert basis.generated == 2
    assert said(basis) == ["data.X >> student = data.Y"]
    assert said(basis.untrainable) == ["data.X >> teacher = data.Y"]


def test_an_autoencoder_has_one_in_its_basis():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=X), model("encode", X, F), model("decode", F, X)
    )
    assert said(diagram.select("basis")) == ["data.X >> encode >> decode = data.X"]
    with pytest.raises(InfinitelyManyPaths) as error:
        diagram.select("all")
    assert set(error.value.cycle) == {"encode", "decode"}
    assert "max_length" in str(error.value)
    assert "equations='basis'" in str(error.value)


def test_cyclegan_has_two_cycles():
    horses, zebras = cl.Space("horse", 2), cl.Space("zebra", 2)
    diagram = cl.LearningDiagram(
        cl.Dataset("left", x=horses),
        cl.Dataset("right", x=zebras),
        model("there", horses, zebras),
        model("back", zebras, horses),
    )
    assert said(diagram.select("basis")) == [
        "left.x >> there >> back = left.x",
        "right.x >> back >> there = right.x",
    ]


def diamonds(count):
    points = [cl.Space(f"x{k}", 1) for k in range(count + 1)]
    sides = [(cl.Space(f"l{k}", 1), cl.Space(f"r{k}", 1)) for k in range(count)]
    edges = []
    for k, (left, right) in enumerate(sides):
        edges += [model(f"to_l{k}", points[k], left), model(f"to_r{k}", points[k], right)]
        edges += [model(f"of_l{k}", left, points[k + 1]), model(f"of_r{k}", right, points[k + 1])]
    return cl.LearningDiagram(cl.Dataset("data", x=points[0]), *edges)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_chain_of_diamonds(count):
    diagram = diamonds(count)
    assert diagram.count_paths("data", f"x{count}") == 2**count
    assert len(diagram.select("basis")) == count
    assert len(diagram.select("irreducible", bound=10**6)) >= count
    if count == 5:
        assert len(diagram.select("all")) == sum(
            n * (n - 1) // 2 for k in range(1, 6) for n in (2**k, *([2**k] * 2 if k < 5 else []))
        )


def test_too_many_pairs_are_counted_exactly_without_being_listed():
    with pytest.raises(TooManyPaths) as error:
        diamonds(100).select("all")
    last = 2**100
    assert error.value.count > last * (last - 1) // 2
    assert str(error.value.count) in str(error.value)
    assert "equations='basis'" in str(error.value)
    assert len(diamonds(100).select("basis")) == 100
    assert len(diamonds(2).select("all", bound=11)) > 0


def test_the_bound_is_on_all_data_sets_together():
    edges = [model(f"f{k}", X, Y) for k in range(5)]
    diagram = cl.LearningDiagram(cl.Dataset("s", x=X), cl.Dataset("t", x=X), *edges)
    assert len(diagram.select("all", bound=20)) == 20
    with raises(TooManyPaths, 10, "s", "t", 20) as error:
        diagram.select("all", bound=19)
    assert error.value.count == 20


# ---------------------------------------------------------------- parallel pairs


@given(graphs(max_vertices=4, max_edges=6), st.integers(0, 3))
def test_listed_pairs_are_as_many_as_counted_ones(graph, length):
    pairs = parallel_pairs(graph, graph.vertices, max_length=length, bound=10**6)
    assert len(pairs) == graph.count_parallel_pairs(max_length=length)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(p.is_parallel(q) and p != q for p, q in pairs)


@given(graphs(max_vertices=5, max_edges=8, acyclic=True))
def test_without_cycles_no_length_is_needed(graph):
    pairs = parallel_pairs(graph, graph.vertices, bound=10**6)
    assert pairs == parallel_pairs(graph, graph.vertices, max_length=9, bound=10**6)
    assert len(pairs) == graph.count_parallel_pairs()


@given(graphs(max_vertices=5, max_edges=8, acyclic=True))
def test_the_part_is_what_lies_on_paths_to_where_several_lead(graph):
    part = parallel_part(steps_from(graph, graph.vertices, Rewriting({})), graph.vertices)
    for source in graph.vertices:
        found = graph.paths(source, bound=None)
        several = {p.target for p in found if graph.count_paths(source, p.target) > 1}
        passed = {q.target for p in found if p.target in several for q in graph.prefixes(p)}
        assert part[source] == {(vertex, None) for vertex in passed}


@pytest.mark.parametrize(
    ("edges", "length", "count"),
    [
        ({"f": "AB", "g": "BD", "h": "AC", "k": "CD"}, 2, 1),
        ({"f": "AB", "g": "AB", "h": "AB"}, 2, 3),
        ({"f": "AB", "g": "BA"}, 2, 2),
        ({"f": "AA"}, 2, 3),
    ],
    ids=["square", "three edges", "2-cycle", "loop"],
)
def test_reference_counts_of_parallel_pairs(edges, length, count):
    graph = cl.Graph({name: tuple(ends) for name, ends in edges.items()})
    assert len(parallel_pairs(graph, graph.vertices, max_length=length)) == count


# ---------------------------------------------------------------- all, literally


LONG = 7
"""No diagram here has longer normal forms: four steps between spaces, a projection, a pairing."""


def normal_pairs(diagram):
    """Every unordered pair of parallel paths out of a data set, rewritten, trainable, once.

    A pairing may close a cycle that is none modulo the strict equations, whence the length.
    """
    found = {}
    for data in diagram.data_sets:
        paths = map(diagram.rewriting, diagram.paths(data, max_length=LONG, bound=None))
        for p, q in combinations(dict.fromkeys(paths), 2):
            if p.is_parallel(q) and (diagram.is_trainable(p) or diagram.is_trainable(q)):
                found[frozenset((p, q))] = None
    return found


def pair_of(term):
    return frozenset((term.lhs, term.rhs))


@few
@given(undeclared)
def test_all_is_every_pair_with_a_trainable_edge(diagram):
    terms = diagram.select("all", bound=10**6).terms
    assert {pair_of(term) for term in terms} == set(normal_pairs(diagram))
    assert len({pair_of(term) for term in terms}) == len(terms)
    for term in terms:
        assert (term.weight, term.name) == (1.0, str(term))
        assert term.divergence == diagram.space_label(term.target).divergence


@few
@given(undeclared)
def test_irreducible_leaves_out_what_follows_from_a_shorter_pair(diagram):
    everything = normal_pairs(diagram)

    def follows(pair):
        p, q = (side.edges for side in pair)
        while p and q and p[-1] == q[-1]:
            p, q = p[:-1], q[:-1]
            at = diagram.target(p[-1]) if p else diagram.target(q[-1])
            source = next(iter(pair)).source
            if frozenset(cl.Path(source, side, at) for side in (p, q)) in everything:
                return True
        return False

    expected = {pair for pair in everything if not follows(pair)}
    assert {pair_of(t) for t in diagram.select("irreducible", bound=10**6)} == expected


@few
@given(learning_diagrams(acyclic=True))
def test_generated_equations_do_not_repeat_declared_ones(diagram):
    declared = diagram.select("declared")
    names = {term.name for term in (*declared, *declared.untrainable)}
    silent = {
        frozenset(map(diagram.rewriting, sides))
        for name, sides in diagram.soft_equations.items()
        if diagram.weight(name) == 0
    }
    for rule in ("all", "irreducible", "basis"):
        terms = diagram.select(rule, bound=10**6).terms
        assert terms[: len(declared)] == declared.terms
        generated = [pair_of(term) for term in terms if term.name not in names]
        assert len(set(generated)) == len(generated)
        assert not set(generated) & {pair_of(term) for term in declared}
        assert not set(generated) & silent


def is_oriented(diagram, term):
    """The trainable side predicts; among equals the longer, then the later."""
    key = [
        (
            diagram.is_trainable(side),
            len(side),
            [diagram.edges.index(edge) for edge in side.edges],
        )
        for side in (term.lhs, term.rhs)
    ]
    return key[0] > key[1]


@few
@given(undeclared)
def test_generated_equations_are_oriented_alike(diagram):
    choices = [diagram.select(rule, bound=10**6) for rule in ("all", "irreducible", "basis")]
    for chosen in choices:
        assert all(is_oriented(diagram, term) for term in (*chosen, *chosen.untrainable))
    everything = {pair_of(term): term for term in choices[0]}
    for chosen in choices[1:]:
        assert all(everything[pair_of(term)] == term for term in chosen)


def test_orientation_by_example():
    diagram = cl.LearningDiagram(DATA, model("f", X, Y), model("g", X, Y))
    assert said(diagram.select("all")) == [
        "data.X >> f = data.Y",
        "data.X >> g = data.Y",
        "data.X >> g = data.X >> f",
    ]
    assert said(diagram.select("basis")) == said(diagram.select("all"))[:2]
    for term in diagram.select("all"):
        assert not is_oriented(diagram, cl.Equation((term.rhs, term.lhs), **term.attributes))


# ---------------------------------------------------------------- basis


@few
@given(learning_diagrams(equations=False))
def test_the_basis_has_the_cyclomatic_number_of_equations(diagram):
    expected = 0
    for data in diagram.data_sets:
        reached = diagram.reachable(data)
        expected += len(reached.edges) - len(reached.vertices) + 1
    assert diagram.select("basis").generated == expected


class Congruence:
    """The finest congruence on paths out of a data set that some equations generate.

    If p ~ q then p >> e ~ q >> e. Paths are in normal form modulo the strict equations.
    """

    def __init__(self, diagram, data, equations, length):
        self.nf = diagram.rewriting
        self.parent = {}
        self.paths = diagram.paths(data, max_length=length, bound=None)
        known = {self.nf(path) for path in self.paths}
        # For each class, one path that continues it along each edge.
        self.after = {path: {} for path in known}
        for path in self.paths:
            for edge in diagram.out_edges(path.target):
                step = cl.Path(path.target, (edge,), diagram.target(edge))
                continued = self.nf(path >> step)
                if continued in known:
                    self.after[self.nf(path)].setdefault(edge, continued)
        waiting = [(term.lhs, term.rhs) for term in equations if term.data == data]
        while waiting:
            p, q = map(self.find, waiting.pop())
            if p != q and p in self.after and q in self.after:
                self.parent[p] = q
                ours, theirs = self.after.pop(p), self.after[q]
                waiting += [(ours[e], theirs[e]) for e in ours.keys() & theirs.keys()]
                self.after[q] = {**ours, **theirs}

    def find(self, path):
        while path in self.parent:
            path = self.parent[path]
        return path

    def classes(self):
        """For each vertex, the classes of the paths to it."""
        found = {}
        for path in self.paths:
            found.setdefault(path.target, set()).add(self.find(self.nf(path)))
        return found


def implies_all(diagram, equations, length):
    """Whether equations imply every pair of parallel paths, however the edges are interpreted."""
    return all(
        len(classes) == 1
        for data in diagram.data_sets
        for classes in Congruence(diagram, data, equations, length).classes().values()
    )


@few
@given(learning_diagrams(equations=False, defined=False))
def test_the_basis_implies_every_parallel_pair(diagram):
    """Also where the diagram has cycles; those without a trainable edge are listed beside."""
    basis = diagram.select("basis")
    assert implies_all(diagram, (*basis, *basis.untrainable), 4)


@few
@given(undeclared)
def test_the_basis_implies_all_modulo_strict_equations(diagram):
    basis = diagram.select("basis")
    assert implies_all(diagram, (*basis, *basis.untrainable), LONG)


@few
@given(learning_diagrams(equations=False, defined=False), st.data())
def test_a_basis_without_one_of_its_equations_does_not(diagram, data):
    basis = diagram.select("basis")
    equations = [*basis, *basis.untrainable]
    assume(equations)
    equations.remove(data.draw(st.sampled_from(equations)))
    assert not implies_all(diagram, equations, 4)


@few
@given(undeclared)
def test_irreducible_implies_all(diagram):
    few = diagram.select("irreducible", bound=10**6)
    relation = {data: Congruence(diagram, data, few, LONG) for data in diagram.data_sets}
    for p, q in normal_pairs(diagram):
        assert relation[p.source].find(p) == relation[p.source].find(q)


def test_irreducible_without_one_of_its_equations_does_not():
    diagram = diamonds(2)
    few = diagram.select("irreducible")
    assert implies_all(diagram, few, None)
    # Of the three equations around the first diamond any two imply the third.
    assert not implies_all(diagram, few.terms[1:], None)


def test_a_pair_of_weight_zero_implies_nothing():
    """(p, q) is switched off, so (p >> h, q >> h) has to be compared itself."""
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=X),
        model("f", X, F),
        model("g", X, F),
        model("h", F, Y),
        equations={"off": cl.Equation("data.X >> f = data.X >> g", weight=0)},
    )
    assert said(diagram.select("irreducible")) == ["data.X >> g >> h = data.X >> f >> h"]
    on = diagram.with_equations(["data.X >> f = data.X >> g"], only=True)
    assert said(on.select("irreducible")) == ["data.X >> f = data.X >> g"]


def test_fixed_edges_are_preferred_then_frozen_then_trainable():
    def fixed(x):
        return 2 * x

    R, S = cl.Space("R", 1), cl.Space("S", 1)
    edges = [model("m", R, S), frozen("z", R, S), cl.Model("c", R, S, fixed)]
    diagram = cl.LearningDiagram(cl.Dataset("data", x=R), *edges)
    assert diagram.tree("data").tree == ("data.x", "c")
    basis = diagram.select("basis")
    assert said(basis) == ["data.x >> m = data.x >> c"]
    assert said(basis.untrainable) == ["data.x >> c = data.x >> z"]


# ---------------------------------------------------------------- declared and chosen


def test_declared_is_the_default_if_there_is_any():
    bare = cl.LearningDiagram(DATA, model("f", X, Y), model("g", X, Y))
    assert len(bare.loss().terms) == 3
    one = bare.with_equations({"fit": cl.Equation("data.X >> f = data.Y", weight=2)})
    assert [term.name for term in one.loss().terms] == ["fit"]
    assert len(one.loss("all").terms) == 3
    assert one.loss("all").equations[0].weight == 2.0


def test_a_list_of_equations_is_taken_instead():
    diagram = cl.LearningDiagram(DATA, model("f", X, Y), equations={"fit": "data.X >> f = data.Y"})
    half = cl.Equation("data.Y = data.X >> f", weight=0.5)
    assert said(diagram.select([half])) == ["data.Y = data.X >> f"]
    assert [t.weight for t in diagram.loss({"other": half}).terms] == [0.5]
    assert len(diagram.select([])) == 0
    with raises(
        InvalidStructure,
        "nothing",
        law="known edges",
        where="equation 'data.X >> nothing = data.Y', left side",
    ):
        diagram.select(["data.X >> nothing = data.Y"])


def test_an_unknown_selection_is_refused_with_those_there_are():
    with raises(CatlearnError, "everything", "declared", "all", "irreducible", "basis"):
        cl.LearningDiagram(DATA).select("everything")


def test_a_selection_becomes_rows():
    diagram = cl.LearningDiagram(DATA, model("f", X, Y), model("g", X, Y))
    rows = diagram.instantiate("all")
    assert rows.loss().equations == diagram.loss("all").equations
    assert rows.instantiate() == rows
    assert diagram.with_equations(list(rows.equations.values())) == rows


# ---------------------------------------------------------------- templates

TEMPLATE = {"round": "f >> g = id(X)"}


def test_templates_are_instantiated_at_the_projections_that_land_there():
    diagram = cl.LearningDiagram(
        cl.Dataset("s", a=X, b=X),
        cl.Dataset("t", c=X),
        cl.Dataset("u", d=F),
        model("f", X, F),
        model("g", F, X),
        equations=TEMPLATE,
    )
    assert [(t.name, t.data, str(t)) for t in diagram.select("declared")] == [
        ("round[s.a]", "s", "s.a >> f >> g = s.a"),
        ("round[s.b]", "s", "s.b >> f >> g = s.b"),
        ("round[t.c]", "t", "t.c >> f >> g = t.c"),
    ]


def test_templates_fall_back_to_a_shortest_path_from_each_data_set():
    diagram = cl.LearningDiagram(
        cl.Dataset("s", x=Y),
        cl.Dataset("t", x=F),
        cl.Dataset("u", x=cl.Space("W", 1)),
        model("long", Y, F),
        model("short", Y, X),
        model("f", X, F),
        model("g", F, X),
        equations=TEMPLATE,
    )
    assert [t.name for t in diagram.select("declared")] == [
        "round[s.x >> short]",
        "round[t.x >> g]",
    ]


def test_instances_can_be_chosen():
    diagram = cl.LearningDiagram(
        cl.Dataset("s", a=X, b=F), model("f", X, F), model("g", F, X), equations=TEMPLATE
    )
    chosen = diagram.select("declared", instances={"round": ["s.b >> g", "s.a", "s.b >> g"]})
    assert [t.name for t in chosen] == ["round[s.b >> g]", "round[s.a]"]
    assert len(diagram.select("declared", instances={"round": "s.a"})) == 1
    with pytest.raises(InvalidStructure) as error:
        diagram.select(
            "declared", instances={"round": ["f", "s.b", "s.a >> g", "s.c"], "rond": ["s.a"]}
        )
    assert len(error.value.failures) == 5
    says(error.value, "'X'", "'F'", where="round")
    says(error.value, "round", where="rond")


def test_equations_at_a_data_set_have_no_instances():
    diagram = cl.LearningDiagram(DATA, model("f", X, Y), equations={"fit": "data.X >> f = data.Y"})
    with raises(InvalidStructure, law="instances", where="equation 'fit'"):
        diagram.select("declared", instances={"fit": ["data.X"]})


def test_equations_that_no_data_reaches_are_all_listed():
    equations = {**TEMPLATE, "off": cl.Equation("f = f", weight=0), "back": "g >> f = id(F)"}
    alone = cl.LearningDiagram(model("f", X, F), model("g", F, X), equations=equations)
    with pytest.raises(InvalidStructure) as error:
        alone.loss()
    assert [failure.where for failure in error.value.failures] == [
        "equation 'round'",
        "equation 'back'",
    ]
    says(error.value, "'X'", where="equation 'round'")
    assert len(alone.select(skip_unreached=True)) == 0


@few
@given(learning_diagrams(templates=True))
def test_instances_start_at_data_and_end_in_the_template(diagram):
    for term in diagram.select("declared"):
        assert term.data in diagram.data_sets
        assert term.lhs.source == term.rhs.source == term.data
        assert term.lhs.target == term.rhs.target == term.target
    assert len(diagram.loss("declared").terms) == len(diagram.select("declared"))


def test_a_loss_introduces_itself_by_its_diagram_and_equations():
    X, Y = cl.Space("X", 1), cl.Space("Y", 1)
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
    assert repr(diagram.loss(aggregator="max")) == (
        "Loss(LearningDiagram(3 vertices, 3 edges, 0 equations), "
        "equations=['d.X >> f = d.Y'], aggregator='max')"
    )
