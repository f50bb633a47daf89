"""The plan: each path prefix once, in a deterministic order, and its forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.lowering import Plan
from tests.errors import raises

X, F, Y = cl.Space("X", (4,)), cl.Space("F", (3,)), cl.Categorical("Y", 2)


def square(*heads):
    points = cl.Dataset("points", X=X, Y=Y)
    heads = heads or ("head",)
    models = [cl.Model("encoder", X, F, "linear")]
    models += [cl.Model(head, F, Y, "linear") for head in heads]
    return cl.LearningDiagram(points, *models)


def plan_of(diagram, equations=None):
    loss = diagram.loss() if equations is None else diagram.loss(equations)
    return Plan(loss)


def diamonds(n):
    """A chain of n diamonds behind one data set: 4n edges, 2^n paths from end to end."""
    spaces = {f"{kind}{i}": cl.Space(f"{kind}{i}", (2,)) for kind in "xlr" for i in range(n + 1)}
    edges = []
    for i in range(n):
        for name, source, target in (
            (f"left{i}", f"x{i}", f"l{i}"),
            (f"right{i}", f"x{i}", f"r{i}"),
            (f"from_left{i}", f"l{i}", f"x{i + 1}"),
            (f"from_right{i}", f"r{i}", f"x{i + 1}"),
        ):
            edges.append(cl.Model(name, spaces[source], spaces[target], "linear"))
    return cl.LearningDiagram(cl.Dataset("data", x=spaces["x0"]), *edges)


def columns(plan):
    return {data: [step.column for step in steps] for data, steps in plan.columns.items()}


def naive_evaluations(diagram, terms):
    """Count evaluations path by path, by a walk that shares nothing."""
    kinds = {edge: diagram.map_label(edge).kind for edge in diagram.edges}
    steps = itertools.chain.from_iterable((*term.lhs.edges, *term.rhs.edges) for term in terms)
    return sum(kinds[edge] in ("model", "frozen", "fixed") for edge in steps)


def test_the_square_needs_two_evaluations():
    plan = plan_of(square())
    assert [(step.op, step.name) for step in plan.steps] == [
        ("sample", "points"),
        ("project", "points.X"),
        ("apply", "encoder"),
        ("apply", "head"),
        ("project", "points.Y"),
    ]
    assert [step.form for step in plan.steps] == ["sample", "array", "array", "logits", "label"]
    assert (plan.evaluations, plan.naive_evaluations) == (2, 2)
    assert columns(plan) == {"points": ["X", "Y"]}
    assert plan.edges == ("encoder", "head")


def test_a_backbone_is_evaluated_once_for_all_heads():
    heads = [f"head{i}" for i in range(5)]
    diagram = square(*heads)
    plan = plan_of(diagram, {head: f"points.X >> encoder >> {head} = points.Y" for head in heads})
    assert (plan.evaluations, plan.naive_evaluations) == (6, 10)
    (encoder,) = (step for step in plan.steps if step.name == "encoder")
    assert plan.shared_by[encoder.index] == 5
    assert all(plan.shared_by[step.index] == 1 for step in plan.steps if "head" in step.name)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_the_basis_of_a_chain_of_diamonds_needs_each_edge_once(n):
    diagram = diamonds(n)
    plan = plan_of(diagram, "basis")
    assert len(plan.terms) == n
    assert plan.evaluations == 4 * n
    assert diagram.count_paths("data", f"x{n}") == 2**n
    assert plan.naive_evaluations == naive_evaluations(diagram, plan.loss.equations)
    # The mutant that shares nothing needs as many only if there is nothing to share.
    assert (plan.naive_evaluations == 4 * n) == (n == 1)


@given(data=st.data())
def test_steps_are_the_distinct_prefixes(data):
    """On diagrams without products a plan has one step for each distinct prefix."""
    n = data.draw(st.integers(1, 4))
    space = cl.Space("Z", (2,))
    loops = [cl.Model(f"f{i}", space, space, "linear") for i in range(n)]
    diagram = cl.LearningDiagram(cl.Dataset("data", z=space), *loops)
    word = st.lists(st.sampled_from([f"f{i}" for i in range(n)]), max_size=4)
    pairs = data.draw(st.lists(st.tuples(word, word), min_size=1, max_size=5))
    texts = [
        f"{' >> '.join(['data.z', *p])} = {' >> '.join(['data.z', *q])}" for p, q in pairs if p != q
    ]
    plan = plan_of(diagram, list(dict.fromkeys(texts)) or ["data.z >> f0 = data.z"])
    paths = [side for one in plan.loss.equations for side in (one.lhs, one.rhs)]
    prefixes = {path.edges[:i] for path in paths for i in range(len(path.edges) + 1)}
    assert len(plan) == len(prefixes)
    assert plan.evaluations == sum(len(prefix) > 1 for prefix in prefixes)
    assert plan.naive_evaluations == naive_evaluations(diagram, plan.loss.equations)
    assert all(i < step.index for step in plan.steps for i in step.inputs)
    assert len({step.digest for step in plan.steps}) == len(plan)
    written = {"" if not edges else " >> ".join(edges) for edges in prefixes} - {""}
    assert {plan.path(step) for step in plan.steps} == written | {"id(data)"}


def test_each_data_set_has_its_own_tree():
    diagram = cl.LearningDiagram(
        cl.Dataset("one", X=X, F=F), cl.Dataset("two", X=X, F=F), cl.Model("f", X, F, "linear")
    )
    plan = plan_of(diagram, ["one.X >> f = one.F", "two.X >> f = two.F"])
    assert plan.evaluations == 2
    assert columns(plan) == {"one": ["X", "F"], "two": ["X", "F"]}


def test_pairings_and_factors_share_with_their_components():
    P = cl.Product("P", F, Y)
    diagram = cl.LearningDiagram(
        cl.Dataset("points", X=X, Y=Y),
        cl.Model("encoder", X, F, "linear"),
        cl.Pairing("both", P, "points.X >> encoder", "points.Y"),
        cl.Model("decide", P, Y, "linear"),
        cl.Model("head", F, Y, "linear"),
    )
    equations = ["both >> decide = points.Y", "points.X >> encoder >> head = points.Y"]
    plan = plan_of(diagram, equations)
    ops = [step.op for step in plan.steps]
    assert ops.count("tuple") == 1
    assert "factor" not in ops
    # The label in the pair is turned into a vector for the model, and stays a label as target.
    (pair,) = (step for step in plan.steps if step.op == "tuple")
    (vector,) = (step for step in plan.steps if step.op == "one-hot")
    assert pair.form == ("array", "label")
    assert vector.form == ("array", "one-hot")
    assert plan.evaluations == 3


def test_a_label_cannot_predict_and_every_such_equation_is_listed():
    diagram = cl.LearningDiagram(
        cl.Dataset("points", X=X, Y=Y), cl.Model("classify", X, Y, "linear")
    )
    backwards = {
        "first": "points.Y = points.X >> classify",
        "second": cl.Equation("points.Y = points.X >> classify", weight=2.0),
    }
    with raises(
        InvalidStructure, "points.Y", "Y", law="representation", where="equation 'first'"
    ) as caught:
        plan_of(diagram, backwards)
    assert [failure.where for failure in caught.value.failures] == [
        "equation 'first'",
        "equation 'second'",
    ]


def test_a_plan_prints_as_a_table():
    plan = plan_of(square())
    assert repr(plan) == "Plan(equations=1, steps=5, evaluations=2, naive_evaluations=2)"
    lines = str(plan).splitlines()
    assert lines[1].split()[:4] == ["step", "runs", "on", "at"]
    assert lines[1].split()[4:] == ["as", "equations", "parameters", "flops"]
    assert lines[4].split()[:7] == ["#2", "apply", "encoder", "#1", "F", "array", "1"]
    assert "cross_entropy of #3 against #4" in lines[-1]


def test_a_plan_says_what_it_costs():
    X, Y = cl.Space("X", 4), cl.Space("Y", 3)
    heads = [cl.Model(f"head_{i}", X, Y, "linear") for i in range(2)]
    fixed = cl.Model("rounded", Y, Y, lambda x: x.round())
    equations = {f"eq_{i}": f"d.X >> head_{i} >> rounded = d.Y" for i in range(2)}
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), *heads, fixed, equations=equations)
    for stack, times in ((False, 1), (True, 2)):
        fn = cl.lower(diagram.loss(), stack=stack)
        edge, total = cl.resources(fn)["head_0"], cl.resources(fn).total
        parts = [part for part in fn.plan.outline.steps if part.op == "apply"]
        heads = [part for part in parts if part.names[0].startswith("head")]
        assert [part.parameters for part in heads] == [times * 15] * (2 // times)
        assert [part.flops for part in heads] == [times * edge.flops] * (2 // times)
        both = [*parts, *fn.plan.outline.terms]
        assert sum(part.parameters for part in both) == total.parameters
        assert sum(part.flops for part in both) == total.flops
        notes = [note for *_, note in fn.plan.sketch().arrows if "flops" in note]
        assert f"{times * 15} parameters, {times * edge.flops} flops" in notes


def test_what_cannot_be_counted_is_printed_all_the_same():
    X, Y = cl.Space("X", 4), cl.Space("Y", 4)

    def erratic(params, x):
        return sum([params * x] * (1 + len(x) % 3))

    edge = cl.Model("f", X, Y, (lambda key: np.float32(1), erratic))
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), edge)
    plan = plan_of(diagram, ["d.X >> f = d.Y"])
    assert str(plan).splitlines()[4].split()[-2:] == ["?", "?"]
