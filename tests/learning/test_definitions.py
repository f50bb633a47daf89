"""Strict equations: aliases, pairings and the normal forms of paths (Theory, section 2)."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import catlearn as cl
from catlearn.errors import InvalidStructure, UnknownName
from catlearn.finset import pushout
from catlearn.laws import interpretation, learning_diagrams, paths, some_parameters
from catlearn.learning import LearningMorphism
from tests.errors import are, named, raises, refused

few = settings(max_examples=30)
A, B, C = cl.Space("A", 1), cl.Space("B", 2), cl.Space("C", 1)
AB = cl.Product("P", A, B)


def model(name, source, target):
    return cl.Model(name, source, target, "linear")


def normal(diagram, text):
    return str(diagram.rewriting(diagram.path(text)))


# ---------------------------------------------------------------- normal forms, by example


def test_aliases_stand_for_their_paths():
    diagram = cl.LearningDiagram(
        model("f", A, B),
        model("g", B, C),
        cl.learning.Defined("fg", "f >> g"),
        cl.learning.Defined("same", "id(A)"),
        cl.learning.Defined("twice", "same >> fg"),
    )
    assert normal(diagram, "twice") == "f >> g"
    assert normal(diagram, "same >> same") == "id(A)"
    assert diagram.definition("fg") == (diagram.path("f >> g"),)
    assert diagram.strict_equations["fg = f >> g"] == (
        diagram.path("fg"),
        diagram.path("f >> g"),
    )
    with raises(UnknownName, "f"):
        diagram.definition("f")


def test_a_pairing_followed_by_a_factor_is_the_component():
    diagram = cl.LearningDiagram(
        model("f", A, B), cl.Pairing("both", AB, "id(A)", "f"), model("out", AB, C)
    )
    assert normal(diagram, "both >> P.A") == "id(A)"
    assert normal(diagram, "both >> P.B") == "f"
    assert normal(diagram, "both >> out") == "both >> out"
    assert normal(diagram, "both >> P.A >> both >> P.B") == "f"


def test_pairings_nest_and_aliases_may_hide_them():
    outer = cl.Product("Q", AB, C)
    diagram = cl.LearningDiagram(
        model("f", A, B),
        model("g", B, C),
        cl.Pairing("inner", AB, "id(A)", "f"),
        cl.learning.Defined("hidden", "inner"),
        cl.Pairing("outer", outer, "hidden", "f >> g"),
        cl.learning.Defined("second", "outer >> Q.P >> P.B"),
    )
    assert normal(diagram, "outer >> Q.P") == "inner"
    assert normal(diagram, "outer >> Q.P >> P.B >> g") == "f >> g"
    assert normal(diagram, "second") == "f"
    assert diagram.definitions["outer"].is_pairing
    assert not diagram.definitions["hidden"].is_pairing


def test_a_product_may_repeat_a_factor():
    """Siamese networks compare two things of one kind."""
    pairs = cl.Product("pairs", A, A)
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, y=A),
        cl.Pairing("both", pairs, "data.x", "data.y"),
        model("distance", pairs, C),
    )
    assert normal(diagram, "both >> pairs.0") == "data.x"
    assert normal(diagram, "both >> pairs.1") == "data.y"


def test_definitions_may_come_in_any_order():
    parts = [
        cl.learning.Defined("c", "b >> b"),
        cl.learning.Defined("b", "a >> a"),
        cl.learning.Defined("a", "f"),
    ]
    diagram = cl.LearningDiagram(*parts, model("f", A, A))
    assert normal(diagram, "c") == "f >> f >> f >> f"


def test_a_factor_is_cancelled_only_by_its_own_pairing():
    """Two products glued at the vertex have four factors; a pairing knows its own two."""
    parts = [
        cl.LearningDiagram(
            cl.Dataset(name, x=cl.Space(f"X_{name}", 1), y=cl.Space(f"Y_{name}", 2)),
            cl.Pairing(
                f"both_{name}",
                cl.Product("P", cl.Space(f"X_{name}", 1), cl.Space(f"Y_{name}", 2)),
                f"{name}.x",
                f"{name}.y",
            ),
        )
        for name in ("s", "t")
    ]
    whole = cl.glue(*parts, along=["P"])
    assert len(whole.out_edges("P")) == 4
    assert normal(whole, "both_s >> P.X_s") == "s.x"
    assert normal(whole, "both_s >> P.X_t") == "both_s >> P.X_t"


def test_factors_that_a_gluing_doubled_are_both_cancelled():
    """The interface has the product and its ends, but not the second factor."""
    diagram = cl.LearningDiagram(model("f", A, B), cl.Pairing("both", AB, "id(A)", "f"))
    inclusion = diagram.subtables({"V": "ABP", "E": ["P.A"]})[1]
    whole = pushout(inclusion, inclusion).apex
    assert normal(whole, "left/both >> P.A") == "id(A)"
    for side in ("left", "right"):
        assert normal(whole, f"left/both >> {side}/P.B") == "left/f"


# ---------------------------------------------------------------- normal forms, laws


def is_idempotent(rewrite, path):
    return rewrite(rewrite(path)) == rewrite(path)


def respects_composition(rewrite, p, q):
    return rewrite(p >> q) == rewrite(rewrite(p) >> rewrite(q))


@st.composite
def composable(draw):
    diagram = draw(learning_diagrams(equations=False))
    p = draw(paths(diagram))
    return diagram, p, draw(paths(diagram, p.target))


@given(composable())
def test_normal_forms(drawn):
    diagram, p, q = drawn
    rewrite = diagram.rewriting
    assert is_idempotent(rewrite, p)
    assert respects_composition(rewrite, p, q)
    assert rewrite(p).is_parallel(p)
    for name in diagram.strict_equations:
        lhs, rhs = diagram.sides(name)
        assert rewrite(lhs) == rewrite(rhs)


def test_rewriting_once_is_rejected():
    """A mutant that opens each alias once and cancels nothing."""
    diagram = cl.LearningDiagram(
        model("f", A, A),
        cl.learning.Defined("g", "f >> f"),
        cl.learning.Defined("h", "g >> g"),
    )

    def once(path):
        steps = [
            edge
            for step in path.edges
            for edge in (diagram.definition(step)[0].edges if step in "gh" else (step,))
        ]
        return cl.Path(path.source, tuple(steps), path.target)

    h = diagram.path("h")
    assert is_idempotent(diagram.rewriting, h)
    assert not is_idempotent(once, h)
    assert respects_composition(diagram.rewriting, h, h)
    assert not respects_composition(once, h, h)


@few
@given(learning_diagrams(data=True, categorical=False, equations=False), st.data())
def test_normal_forms_have_the_same_value(diagram, data):
    """Rewriting is sound: a path and its normal form are one function."""
    start = data.draw(st.sampled_from(diagram.data_sets))
    path = data.draw(paths(diagram, start))
    assume(len(path))
    theta = some_parameters(diagram, 0)
    straight = evaluate(diagram, path, theta)
    for one, other in zip(straight, evaluate(diagram, diagram.rewriting(path), theta), strict=True):
        assert np.allclose(one, other)


def evaluate(diagram, path, theta):
    """The value of a path edge by edge, defined edges by their definitions; a tuple of arrays."""
    values = interpretation(diagram.loss([]), theta)

    def along(path, value):
        for edge in path.edges:
            kind = diagram.map_label(edge).kind
            if kind == "defined":
                parts = [along(part, value) for part in diagram.definition(edge)]
                value = tuple(parts) if diagram.definitions[edge].is_pairing else parts[0]
            else:
                value = values[edge] if kind == "projection" else values[edge](value)
        return value

    value = along(path, None)
    return value if isinstance(value, tuple) else (value,)


# ---------------------------------------------------------------- in the loss


def test_losses_see_through_definitions():
    parts = [cl.Dataset("data", x=A, y=C), model("f", A, B), model("g", B, C)]
    equations = ["data.x >> f >> g = data.y"]
    plain = cl.LearningDiagram(*parts, equations=equations)
    named = cl.LearningDiagram(
        *parts, cl.learning.Defined("fg", "f >> g"), equations=["data.x >> fg = data.y"]
    )
    assert named.loss().terms[0].atom == plain.loss().terms[0].atom
    assert named.loss("all").coefficients == plain.loss("all").coefficients
    assert len(named.loss("basis").terms) == 1


def test_a_pairing_in_a_loss_is_a_tuple():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, y=B, z=C),
        cl.Pairing("both", AB, "data.x", "data.y"),
        model("out", AB, C),
    )
    assert str(diagram.loss().terms[0].atom) == "E_data(d_C(out(⟨⟩(data.x, data.y)), data.z))"
    assert diagram.is_trainable(diagram.path("both >> out"))
    assert not diagram.is_trainable(diagram.path("both"))


def test_a_pairing_with_the_identity_makes_no_infinite_loop():
    """X -> P -> X is a cycle of the graph, but none modulo the strict equations."""
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, y=C),
        model("f", A, B),
        cl.Pairing("both", AB, "id(A)", "f"),
        model("out", AB, C),
    )
    assert not diagram.is_acyclic()
    expected = ["data.x >> both >> out = data.y"]
    for rule in ("all", "irreducible", "basis"):
        assert [str(term) for term in diagram.select(rule)] == expected
    loop = cl.glue(diagram, cl.LearningDiagram(model("back", C, A)))
    with pytest.raises(cl.errors.InfinitelyManyPaths) as error:
        loop.select("all")
    assert set(error.value.cycle) == {"both", "out", "back"}


def test_a_pairing_and_another_way_to_the_product_are_compared():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, p=AB),
        model("f", A, B),
        cl.Pairing("both", AB, "data.x", "data.x >> f"),
    )
    assert [str(term) for term in diagram.select("all")] == [
        "both = data.p",
        "data.x >> f = data.p >> P.B",
        "data.p >> P.A >> f = data.x >> f",
        "data.p >> P.A >> f = data.p >> P.B",
    ]


def test_components_come_in_the_order_of_the_factors():
    first, second = cl.Space("Z", 1), cl.Space("A", 1)
    diagram = cl.LearningDiagram(
        cl.Dataset("data", z=first, a=second),
        cl.Pairing("both", cl.Product("P", first, second), "data.z", "data.a"),
    )
    assert [str(path) for path in diagram.definition("both")] == ["data.z", "data.a"]
    assert diagram.definitions["both"].factors == ("P.Z", "P.A")


def test_aliases_do_not_count_twice():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, y=C),
        model("f", A, B),
        model("g", B, C),
        *(cl.learning.Defined(f"fg{k}", "f >> g") for k in range(20)),
    )
    assert [str(t) for t in diagram.select("all", bound=1)] == ["data.x >> f >> g = data.y"]
    basis = diagram.select("basis")
    assert (len(basis), basis.generated) == (1, 21)


def test_trainable_components_make_a_pairing_trainable():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=A, y=B, p=AB),
        model("f", A, B),
        cl.Pairing("both", AB, "data.x", "data.x >> f"),
    )
    assert diagram.is_trainable(diagram.path("both"))
    loss = diagram.loss(["both = data.p"])
    assert str(loss.terms[0].atom.arguments[0].arguments[0]) == "⟨⟩(data.x, f(data.x))"


# ---------------------------------------------------------------- what is refused


def failures(*parts, **options):
    return refused(InvalidStructure, cl.LearningDiagram, *parts, **options).failures


def test_circular_definitions_are_refused_with_all_of_them():
    found = failures(
        model("f", A, A),
        cl.learning.Defined("a", "b >> f"),
        cl.learning.Defined("b", "a"),
        cl.learning.Defined("c", "f"),
    )
    one, other = ("definition", "defined edge 'a'", "b"), ("definition", "defined edge 'b'", "a")
    assert are(found, one, other)


def test_broken_paths_of_definitions_are_all_listed():
    found = failures(
        model("f", A, B),
        cl.learning.Defined("a", "f >> nothing"),
        cl.learning.Defined("b", "f f"),
        cl.Pairing("c", AB, "id(A)", "id(B)"),
        cl.Pairing("d", AB, "f", "id(A)"),
    )
    assert len(found) == 4
    text = "\n".join(map(str, found))
    assert all(named(name, text) for name in ("nothing", "'>>'", "'f'", "'c'", "'d'"))


def test_a_pairing_needs_a_path_to_each_factor_in_order():
    found = failures(model("f", A, B), cl.Pairing("d", AB, "f", "id(A)"))
    assert all(named(name, str(found[0])) for name in ("A, B", "'f' at B", "'id(A)' at A"))


def test_other_strict_equations_are_refused():
    found = failures(
        model("f", A, A),
        model("g", A, A),
        equations=[cl.Equation("f = g", strict=True)],
    )
    assert are(found, ("definition", "strict equation 'f = g'"))


def test_two_definitions_of_one_edge_are_refused():
    found = failures(
        model("f", A, A),
        model("g", A, A),
        cl.learning.Defined("e", "f"),
        equations=[cl.Equation("e = g", strict=True)],
    )
    assert are(found, ("definition", "defined edge 'e'", "'e = f'", "'e = g'"))


def test_a_part_without_the_definition_is_no_diagram():
    whole = cl.LearningDiagram(model("f", A, A), cl.learning.Defined("e", "f"))
    part, _ = whole.subtables({"V": ["A"], "E": ["f", "e"]})
    assert are(part.failures(), ("definition", "defined edge 'e'"))
    pairing = cl.LearningDiagram(model("f", A, B), cl.Pairing("p", AB, "id(A)", "f"))
    half, _ = pairing.subtables({"V": "ABP", "E": pairing.edges, "Eq": ["p >> P.A = id(A)"]})
    assert half.failures()[0].law == "definition"
    assert named(2, str(half.failures()[0]))


# ---------------------------------------------------------------- after gluing


def test_gluing_finds_two_definitions_of_one_edge():
    one = cl.LearningDiagram(model("f", A, A), cl.learning.Defined("e", "f"))
    other = cl.LearningDiagram(model("g", A, A), cl.learning.Defined("e", "g"))
    with raises(InvalidStructure, "e = f", "e = g", law="definition", where="defined edge 'e'"):
        cl.glue(one, other)
    assert cl.glue(one, one) == one


def test_a_name_is_not_a_model_here_and_defined_there():
    one = cl.LearningDiagram(model("b", A, A), cl.learning.Defined("a", "b"))
    other = cl.LearningDiagram(model("a", A, A), cl.learning.Defined("b", "a"))
    with pytest.raises(cl.errors.LabelConflict) as error:
        cl.glue(one, other)
    assert [failure.where for failure in error.value.failures] == ["edge 'b'", "edge 'a'"]


def test_pushouts_find_definitional_cycles():
    """x := f and y := x >> f, glued crosswise: x of the one is y of the other.

    A cycle never comes alone: where each defined edge has one definition, the parts' own order
    of definitions is an order on the whole.
    """
    diagram = cl.LearningDiagram(
        model("f", A, A), cl.learning.Defined("x", "f"), cl.learning.Defined("y", "x >> f")
    )
    interface, inclusion = diagram.subtables({"V": ["A"], "E": ["x", "y"]})
    crossed = LearningMorphism(interface, diagram, V={"A": "A"}, E={"x": "y", "y": "x"}, Eq={})
    with pytest.raises(InvalidStructure) as error:
        pushout(inclusion, crossed)
    assert [failure.where for failure in error.value.failures] == [
        "defined edge 'x'",
        "defined edge 'y'",
    ]


def test_cycles_are_found_in_rows_from_elsewhere():
    edge = {"src": "A", "tgt": "A", "map": cl.models.Map("defined")}
    equation = {"start": "A", "end": "A", "strict": True, "weight": 0.0}
    equations = {f"{a} = {b}": {**equation, "lhs": [a], "rhs": [b]} for a, b in ("ab", "ba")}
    with raises(InvalidStructure, "a -> b -> a", law="definition", where="defined edge 'a'"):
        cl.LearningDiagram(A).with_rows({"E": {"a": edge, "b": edge}, "Eq": equations})


def test_along_brings_definitions():
    one = cl.LearningDiagram(model("f", A, B), cl.learning.Defined("e", "f"))
    other = cl.LearningDiagram(model("g", A, B), cl.learning.Defined("h", "g"))
    whole = cl.glue(one, other, along={"e": "h"})
    assert whole.trainable == ("f",)
    assert len(whole.strict_equations) == 1
    pairs = [
        cl.LearningDiagram(model(name, A, B), cl.Pairing(f"p{name}", AB, "id(A)", name))
        for name in "fg"
    ]
    both = cl.glue(*pairs, along={"pf": "pg"})
    assert both.trainable == ("f",)
    assert both.edges == pairs[0].edges
