"""Isomorphic parts run as one: what is found, and that it is the same function."""

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.errors import CatlearnError, DataError, UnknownName
from catlearn.lowering.lowered import UnequalBatches
from catlearn.lowering.stacked import Layout, Stacked
from catlearn.models import Architecture
from tests.errors import raises, warns
from tests.lowering.comparing import KEY, F, X, Y, apart, compare, noise

G = cl.Space("G", 2, "float64")


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def model(name, source=F, target=Y, **options):
    return cl.Model(name, source, target, "linear", **options)


def dataset(n, name="data", rows=5):
    columns = {f"Y{i}": (Y, noise(rows, 2, seed=i)) for i in range(n)}
    return cl.Dataset(name, X=(X, noise(rows, 3, seed=99)), **columns)


def many(n, path="encoder >> head_{i}", **attributes):
    """An equation for each of n columns."""
    return {
        f"task_{i}": cl.Equation(
            f"data.X >> {path.format(i=i)} = data.Y{i}", weight=1.0 + i, **attributes
        )
        for i in range(n)
    }


def heads(n):
    """Heads on one backbone, one data set."""
    parts = dataset(n), model("encoder", X, F), *(model(f"head_{i}") for i in range(n))
    return cl.LearningDiagram(*parts, equations=many(n))


def deep_heads(n):
    """Heads of two edges each."""
    edges = [m for i in range(n) for m in (model(f"in_{i}", F, G), model(f"out_{i}", G, Y))]
    equations = many(n, "encoder >> in_{i} >> out_{i}")
    return cl.LearningDiagram(dataset(n), model("encoder", X, F), *edges, equations=equations)


def two_kinds(n):
    """Heads of two architectures in turns."""
    edges = [model(f"head_{i}", use_bias=i % 2 == 0) for i in range(n)]
    return cl.LearningDiagram(dataset(n), model("encoder", X, F), *edges, equations=many(n))


def own_data(n, rows=lambda i: 5):
    """A data set for each task, and a shared backbone."""
    sets = [
        cl.Dataset(
            f"data_{i}", X=(X, noise(rows(i), 3, seed=i)), Y=(Y, noise(rows(i), 2, seed=50 + i))
        )
        for i in range(n)
    ]
    edges = [model(f"head_{i}") for i in range(n)]
    equations = [f"data_{i}.X >> encoder >> head_{i} = data_{i}.Y" for i in range(n)]
    return cl.LearningDiagram(*sets, model("encoder", X, F), *edges, equations=equations)


def agreeing(n):
    """Pairs of heads on an uneven graph, some of whose nodes are only predictions."""
    edges = [model(f"head_{i}") for i in range(n)]
    pairs = [(0, 1), (1, 2), (2, 0), (3, 1), (0, 2)]
    equations = {
        f"agree_{i}_{j}": f"data.X >> encoder >> head_{i} = data.X >> encoder >> head_{j}"
        for i, j in pairs
    }
    return cl.LearningDiagram(dataset(n), model("encoder", X, F), *edges, equations=equations)


def shared_model(n):
    """One model after different ones, and compared with one label."""
    edges = [model(f"view_{i}", X, F) for i in range(n)]
    equations = [f"data.X >> view_{i} >> head = data.Y0" for i in range(n)]
    return cl.LearningDiagram(dataset(1), *edges, model("head"), equations=equations)


def crossed(n):
    """Equations in another order than the edges and columns, two for each head."""
    edges = [model(f"head_{i}") for i in range(n)]
    order = [(3 * i + 1) % n for i in range(n)]
    equations = {
        **{f"one_{i}": f"data.X >> encoder >> head_{i} = data.Y{j}" for i, j in enumerate(order)},
        **{f"two_{i}": f"data.X >> other >> head_{i} = data.Y{i}" for i in reversed(range(n))},
    }
    encoders = model("encoder", X, F), model("other", X, F, use_bias=False)
    return cl.LearningDiagram(dataset(n), *encoders, *edges, equations=equations)


def trained_apart(n):
    """Equations that train the head alone, or the encoder against its will."""
    edges = [model(f"head_{i}") for i in range(n)]
    equations = {
        f"{name}_{i}": cl.Equation(f"data.X >> encoder >> head_{i} = data.Y{i}", trains=trains)
        for i in range(n)
        for name, trains in (("head", [f"head_{i}"]), ("against", {"encoder": -0.5}))
    }
    return cl.LearningDiagram(dataset(n), model("encoder", X, F), *edges, equations=equations)


def averaged(n):
    """Targets that follow online models, and frozen teachers."""
    online = [model(f"online_{i}", X, Y) for i in range(n)]
    targets = [cl.MovingAverage(f"target_{i}", of=f"online_{i}", decay=0.5) for i in range(n)]
    known = {"weight": noise(3, 2, seed=5), "bias": noise(2, seed=6)}
    teachers = [model(f"teacher_{i}", X, Y).freeze(known) for i in range(n)]
    equations = {
        f"{name}_{i}": cl.Equation(f"data.X >> online_{i} = data.X >> {name}_{i}", stop="rhs")
        for i in range(n)
        for name in ("target", "teacher")
    }
    return cl.LearningDiagram(dataset(1), *online, *targets, *teachers, equations=equations)


def noisy(params, x, key):
    return x @ params["weight"] + jax.random.normal(key, (x.shape[0], 2), x.dtype)


def random(n):
    """Edges that draw samples."""
    pair = (lambda key: {"weight": jax.random.normal(key, (4, 2), "float64")}, noisy)
    edges = [cl.Model(f"head_{i}", F, Y, pair) for i in range(n)]
    return cl.LearningDiagram(dataset(n), model("encoder", X, F), *edges, equations=many(n))


def several(n):
    """Pairs of heads, and a model that reads them all."""
    edges = [model(f"head_{i}") for i in range(n)]
    P, Q = cl.Product("P", Y, Y), cl.Product("Q", *[Y] * n)
    equations = {
        **{f"pair_{i}": f"data.X >> encoder >> pair_{i} >> join_{i} = data.Y{i}" for i in range(n)},
        "all": f"data.X >> encoder >> all >> together = data.Y{n}",
    }
    pairs = [cl.Pairing(f"pair_{i}", P, f"head_{i}", "common") for i in range(n)]
    joins = [cl.Model(f"join_{i}", P, Y, lambda x, y: x * y) for i in range(1)]
    joins += [cl.Model(f"join_{i}", P, Y, joins[0].architecture) for i in range(1, n)]
    everything = cl.Pairing("all", Q, *[f"head_{i}" for i in range(n)])
    together = cl.Model("together", Q, Y, lambda xs: sum(xs))
    return cl.LearningDiagram(
        dataset(n + 1), model("encoder", X, F), *edges, model("common"), *joins, together,
        *pairs, everything, equations=equations,
    )  # fmt: skip


#: diagram -> (sizes of the classes of edges, of equations, with 4 members of each kind)
CASES = {
    deep_heads: ([4, 4], [4]),
    two_kinds: ([2, 2], [2, 2]),
    own_data: ([4], [4]),
    shared_model: ([4], [4]),
    crossed: ([4], [4, 4]),
    trained_apart: ([4], [4, 4]),
    agreeing: ([4], [5]),
    averaged: ([4, 4, 4], [4, 4]),
    random: ([4], [4]),
    several: ([4, 5], [4]),  # the head that is common to the pairs is one of five
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_what_runs_as_one_is_the_same_function(make):
    diagram = make(4)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    stacking = stacked.plan.stacking
    sizes = [sorted(map(len, classes)) for classes in (stacking.edges, stacking.terms)]
    assert sizes == [sorted(expected) for expected in CASES[make]]
    assert compare(stacked, plain, diagram.data) < 1e-6


@pytest.mark.parametrize("make", [crossed, random], ids=lambda make: make.__name__)
def test_starting_values_are_those_of_the_edges(make):
    diagram = make(3)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack).init(KEY) for stack in (True, False))
    assert isinstance(stacked[0], Stacked)
    assert list(stacked[0]) == list(plain[0])
    for name, tree in plain[0].items():
        assert apart(stacked[0][name], tree) < 1e-12
    assert dict(stacked[1]["weights"].items()) == plain[1]["weights"]
    assert stacked[1]["mutable"] == {}


def test_the_comparison_sees_members_in_another_order(monkeypatch):
    diagram = heads(3)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    assert compare(stacked, plain, diagram.data) < 1e-6
    units = stacked.plan.stacking.units
    turned = tuple(
        (*unit[1:], unit[0]) if stacked.plan.steps[unit[0]].op == "project" else unit
        for unit in units
    )
    object.__setattr__(stacked.plan.stacking, "units", turned)
    for made in ("program", "places"):  # made again when they are next asked for
        vars(stacked.plan).pop(made, None)
    # Positions are looked up, so the order of a class alone changes nothing ...
    assert compare(stacked, plain, diagram.data) < 1e-6
    # ... but values that are read in another order than they lie in do.
    monkeypatch.setattr("catlearn.lowering.run.take", lambda tree, positions, size: tree)
    assert compare(stacked, plain, diagram.data) > 1e-3


def test_the_program_does_not_grow_with_the_number_of_members():
    def size(n, stack):
        diagram = deep_heads(n)
        fn = cl.lower(diagram.loss(), stack=stack)
        arguments = *jax.eval_shape(fn.init, KEY), fn.pack_batch(diagram.data)
        jaxpr = jax.make_jaxpr(fn)(*arguments)
        return count(jaxpr.jaxpr)

    def count(jaxpr):
        inner = [v for e in jaxpr.eqns for v in e.params.values() if hasattr(v, "jaxpr")]
        return len(jaxpr.eqns) + sum(count(getattr(v.jaxpr, "jaxpr", v.jaxpr)) for v in inner)

    assert size(4, True) == size(16, True)
    assert size(16, False) > 3 * size(4, False)


def test_few_members_are_not_stacked_unless_asked():
    assert cl.lower(heads(7).loss()).plan.stacking.edges == ()
    assert len(cl.lower(heads(8).loss()).plan.stacking.edges[0]) == 8
    fn = cl.lower(heads(7).loss())
    params, state = fn.init(KEY)
    assert [type(part) for part in (params, *state.values())] == [dict] * 4


def test_groups_and_options_split_classes():
    loss = heads(4).loss()
    labels = {"head_0": "a", "head_1": "a"}
    assert cl.lower(loss, stack=True, groups=labels).plan.stacking.edges == (
        ("head_0", "head_1"),
        ("head_2", "head_3"),
    )
    assert cl.lower(loss, stack=3, groups=labels).plan.stacking.edges == ()
    assert [
        len(group) for group in cl.lower(loss, stack=True, remat=["head_0"]).plan.stacking.edges
    ] == [3]


class Counting(Architecture):
    """Counts its calls, and so cannot run as one with others."""

    stateful = True

    def init(self, key, source, target):
        return {"weight": jnp.ones((4, 2), "float64"), "calls": jnp.zeros((), "float64")}

    def parts(self, variables):
        return {**variables, "calls": None}, None, {**variables, "weight": None}

    def run(self, variables, x, key=None, train=False):
        calls = variables["calls"] + 1
        return calls * (x @ variables["weight"]), {"weight": None, "calls": calls}

    def apply(self, params, x, key=None):
        return self.run(params, x)[0]


def test_what_hands_on_state_runs_in_its_order():
    # The first use in the plan lies deeper than the second.
    inner = [model(f"inner_{i}", F, F) for i in range(3)]
    counting = cl.Model("counting", F, Y, Counting())
    equations = [
        "data.X >> encoder >> inner_0 >> inner_1 >> counting = data.Y0",
        "data.X >> encoder >> counting = data.Y1",
        "data.X >> encoder >> inner_2 >> counting = data.Y2",
        *[f"data.X >> encoder >> head_{i} = data.Y{i}" for i in range(3)],
    ]
    parts = model("encoder", X, F), *inner, counting, *(model(f"head_{i}") for i in range(3))
    diagram = cl.LearningDiagram(dataset(3), *parts, equations=equations)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    assert ("head_0", "head_1", "head_2") in stacked.plan.stacking.edges
    assert compare(stacked, plain, diagram.data) < 1e-6


def test_the_aggregator_max():
    diagram = heads(3)
    loss = diagram.loss(aggregator="max")
    stacked, plain = (cl.lower(loss, stack=stack) for stack in (True, False))
    assert compare(stacked, plain, diagram.data) < 1e-6


def test_weights_follow_their_schedules_by_name():
    def ramp(step):
        return step / 10

    equations = {
        name: cl.Equation(equation.lhs and f"data.X >> encoder >> head_{i} = data.Y{i}", weight=w)
        for i, (name, equation, w) in enumerate(
            zip(many(4), many(4).values(), [ramp, ramp, 2.0, cl.Weight("beta", 3.0)], strict=True)
        )
    }
    parts = dataset(4), model("encoder", X, F), *(model(f"head_{i}") for i in range(4))
    fn = cl.lower(cl.LearningDiagram(*parts, equations=equations).loss(), stack=True)
    weights = fn.weights(values={"beta": 5.0})
    assert [float(weight) for weight in weights.values()] == [0, 0, 2, 5]
    weights = fn.reweighted(weights, 5)
    assert {name: float(weight) for name, weight in weights.items()} == {
        "task_0": 0.5, "task_1": 0.5, "task_2": 2, "task_3": 5
    }  # fmt: skip


def test_plain_arguments_are_accepted_and_errors_name_what_is_wrong():
    diagram = heads(3)
    fn = cl.lower(diagram.loss(), stack=True)
    params, state = fn.init(KEY)
    value = fn(*fn.pack(params, state, diagram.data))[0]
    plain = {"frozen": {}, "mutable": {}, "weights": dict(state["weights"])}
    assert float(fn(dict(params), plain, diagram.data)[0]) == pytest.approx(float(value))
    slopes = jax.grad(lambda p: fn(p, state, diagram.data)[0])(dict(params))
    assert list(slopes) == list(params)
    assert type(slopes) is dict
    columns = dict(diagram.data["data"])
    with raises(DataError, law="batch", where="data set 'data', projection 'Y1'"):
        fn(params, state, {"data": {k: v for k, v in columns.items() if k != "Y1"}})
    with raises(
        DataError, "(5, 3)", "(batch, 2)", law="batch", where="data set 'data', projection 'Y2'"
    ):
        fn(params, state, {"data": columns | {"Y2": noise(5, 3)}})
    with raises(DataError, law="params", where="edge 'head_1'"):
        fn({k: v for k, v in params.items() if k != "head_1"}, state, diagram.data)


def test_errors_inside_a_class_name_its_edges():
    good = True

    def head(x):
        if not good:
            raise ValueError("no good")
        return x[:, :2]

    edges = [cl.Model(f"head_{i}", F, Y, head) for i in range(3)]
    parts = dataset(3), model("encoder", X, F), *edges
    fn = cl.lower(cl.LearningDiagram(*parts, equations=many(3)).loss(), stack=True)
    arguments = fn.pack(*fn.init(KEY), fn.diagram.data)
    good = False
    with pytest.raises(ValueError, match="no good") as caught:
        fn(*arguments)
    assert "'head_0', 'head_1', 'head_2'" in "".join(caught.value.__notes__)


# Stacked storage as a value.


LAYOUT = Layout.of(("a", "b", "c", "d"), [("c", "a"), ("b", "x")])


def stacked():
    return LAYOUT.pack({name: {"w": np.full(2, float(i))} for i, name in enumerate("abcd")})


def test_stacked_is_a_mapping_by_name():
    found = stacked()
    assert LAYOUT.groups == (("c", "a"), ("b",), ("d",))
    assert list(found) == list("abcd")
    assert len(found) == 4
    assert {name: tree["w"][0] for name, tree in found.items()} == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert found == stacked()
    assert found == dict(found)
    assert found != found | {"c": {"w": jnp.ones(2)}}
    assert (found | {"c": {"w": jnp.ones(2)}, "d": {"w": 7}})["c"]["w"].tolist() == [1, 1]
    assert repr(found) == "Stacked(c..a (2), b, d)"
    assert "x" not in found
    with pytest.raises(KeyError):
        found["x"]
    with raises(UnknownName, "x"):
        found | {"x": 1}


def test_layouts_are_interned_and_stacked_values_are_pytrees():
    import pickle

    assert Layout.of(tuple("abcd"), [("c", "a")]) is LAYOUT
    assert pickle.loads(pickle.dumps(stacked())) == stacked()
    doubled = jax.tree.map(lambda leaf: 2 * leaf, stacked())
    assert doubled["c"]["w"].tolist() == [4, 4]
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(doubled)]
    assert paths == ["[('c', 'a')]['w']", "['b']['w']", "['d']['w']"]
    assert jax.jit(partial(jax.tree.map, jnp.sum))(stacked())["d"]["w"] == 6


def test_what_has_different_shapes_cannot_be_packed():
    with raises(CatlearnError, "'c'", "'a'", "(3,)", "(2,)"):
        LAYOUT.pack({"a": np.ones(2), "b": 0, "c": np.ones(3), "d": 0})


# Data sets of one kind.


def by_sizes(fn, *sizes):
    """The sizes of the classes of equations, where batches have some sizes."""
    plan, _ = fn.of_sizes({f"data_{i}": size for i, size in enumerate(sizes)})
    return sorted(map(len, plan.groups))


def test_data_sets_whose_batches_differ_in_size_run_by_size():
    diagram = own_data(5, rows=[4, 5, 4, 6, 5].__getitem__)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    with warns(UnequalBatches, "data_0..data_4", 4, 6, 1):
        packed = stacked.pack(*stacked.init(KEY), diagram.data)[2]
    assert repr(packed).startswith("Columns(data_0.X..data_2.X (2), ")
    assert compare(stacked, plain, diagram.data) < 1e-6  # no second warning, which is an error
    assert by_sizes(stacked, 7, 7, 7, 7, 7) == [5]
    assert by_sizes(stacked, 4, 5, 4, 6, 5) == [1, 2, 2]


def test_a_shared_model_sees_the_examples_of_one_data_set_at_a_time():
    class Centring(Architecture):
        """Takes away the mean of the batch, without keeping it."""

        def init(self, key, source, target):
            return {"weight": jnp.ones((3, 4), "float64")}

        def apply(self, params, x, key=None):
            return (x - x.mean(axis=0)) @ params["weight"]

    def contrast(prediction, target):
        return jnp.sum((prediction - target.mean(axis=0)) ** 2, axis=1)

    sets = [cl.Dataset(f"d{i}", X=(X, noise(5, 3, seed=i) + i), F=(F, noise(5, 4))) for i in (0, 1)]
    equations = {
        f"eq_{i}": cl.Equation(
            f"d{i}.X >> encoder = d{i}.F",
            divergence=cl.Divergence(contrast),
            stop="rhs",
            weight=i + 1.0,
        )
        for i in (0, 1)
    }
    diagram = cl.LearningDiagram(*sets, cl.Model("encoder", X, F, Centring()), equations=equations)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    assert list(map(len, stacked.plan.groups)) == [2]
    assert compare(stacked, plain, diagram.data) < 1e-6
    together = cl.lower(diagram.loss(), stack=False, together=[("d0", "d1")])
    assert compare(together, plain, diagram.data) > 1e-3  # the mutant


def sampled(n, stateful=False):
    """A random or a stateful edge on data sets of their own."""
    init = {"weight": noise(4, 2, seed=5)}
    pair = Counting() if stateful else (lambda key: init, noisy)
    sets = [cl.Dataset(f"d{i}", X=(X, noise(5, 3)), Y=(Y, noise(5, 2))) for i in range(n)]
    equations = [f"d{i}.X >> encoder >> draw = d{i}.Y" for i in range(n)]
    edges = model("encoder", X, F), cl.Model("draw", F, Y, pair)
    return cl.LearningDiagram(*sets, *edges, equations=equations)


def test_samples_are_those_of_the_path_of_each_member(monkeypatch):
    diagram = sampled(3)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    assert list(map(len, stacked.plan.groups)) == [3]
    assert compare(stacked, plain, diagram.data) < 1e-6
    costs = stacked(*stacked.pack(*stacked.init(KEY), diagram.data), KEY)[1].terms
    assert len({float(cost) for cost in costs.values()}) == 3
    for step in stacked.plan.steps:  # the mutant: one key for all of them
        object.__setattr__(step, "digest", 0)
    assert compare(stacked, plain, diagram.data) > 1e-3


def test_calls_that_change_state_follow_one_another():
    diagram = sampled(3, stateful=True)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    steps = stacked.plan.steps
    classes = {steps[unit[0]].name for unit in stacked.plan.stacking.units if len(unit) > 1}
    assert "encoder" in classes
    assert "draw" not in classes
    assert compare(stacked, plain, diagram.data) < 1e-6


@settings(max_examples=15)
@given(st.data())
def test_random_diagrams_are_the_same_function(data):
    kinds = data.draw(st.lists(st.sampled_from("abcd"), min_size=2, max_size=6))
    rows = data.draw(st.sampled_from([(4,), (4, 4, 3)]))
    sets, edges, equations = [], [model("encoder", X, F), model("head", F, Y)], {}
    for i, kind in enumerate(kinds):
        size = rows[i % len(rows)]
        columns = {
            f"Y{j}": (Y, noise(size, 2, seed=10 * i + j)) for j in range(2 if kind == "c" else 1)
        }
        sets.append(cl.Dataset(f"d{i}", X=(X, noise(size, 3, seed=i)), **columns))
        edges += [model(f"head_{i}", use_bias=kind != "b")] * (kind != "d")
        for j in range(len(columns)):
            way = "head" if kind == "d" or j else f"head_{i}"
            trains = data.draw(st.sampled_from([None, ["encoder"]])) if kind == "a" else None
            equations[f"{i} {j}"] = cl.Equation(
                f"d{i}.X >> encoder >> {way} = d{i}.Y{j}", weight=1.0 + i, trains=trains
            )
    diagram = cl.LearningDiagram(*sets, *edges, equations=equations)
    stacked, plain = (cl.lower(diagram.loss(), stack=stack) for stack in (True, False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnequalBatches)
        assert compare(stacked, plain, diagram.data) < 1e-6
