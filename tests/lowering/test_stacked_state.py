"""Averages, models that hand on state, and operators run as one: found, and the same function."""

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.lowering.stacked import Stacked
from catlearn.training.step import gradient_of
from tests.lowering.comparing import KEY, Centred, F, X, Y, apart, compare, noise


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def both(diagram, **options):
    return [cl.lower(diagram.loss(), stack=stack, **options) for stack in (True, False)]


class Norm(Centred):
    """A linear map of what is left after a running mean, which each call moves halfway."""

    def run(self, variables, x, key=None, train=False):
        mean = variables["mean"]
        if train:
            mean = (mean + x.mean(axis=0)) / 2
        changed = {"weight": None, "mean": jax.lax.stop_gradient(mean)} if train else None
        return (x - mean) @ variables["weight"], changed


NORM = Norm()


def norm(name, source=F, target=Y):
    return cl.Model(name, source, target, NORM)


def linear(name, source=X, target=F, **options):
    return cl.Model(name, source, target, "linear", **options)


def data(n, *spaces):
    """A data set with inputs X and Z, and a column of each space for each of n members."""
    columns = {
        f"{space.name}{i}": (space, noise(6, space.label.features, seed=10 * k + i))
        for k, space in enumerate(spaces or (Y,))
        for i in range(n)
    }
    return cl.Dataset("d", x=(X, noise(6, 3, seed=98)), z=(X, noise(6, 3, seed=99)), **columns)


def once(n):
    """Heads with a running mean, each called once."""
    heads = [norm(f"head_{i}") for i in range(n)]
    equations = {f"eq_{i}": f"d.x >> encoder >> head_{i} = d.Y{i}" for i in range(n)}
    return cl.LearningDiagram(data(n), linear("encoder"), *heads, equations=equations)


def twice(n):
    """Heads called twice, the deeper call first in the plan; equations mixed."""
    heads = [norm(f"head_{i}") for i in range(n)]
    equations = {
        **{f"in_{i}": f"d.x >> encoder >> more >> head_{i} = d.Y{i}" for i in range(n)},
        **{f"out_{i}": f"d.z >> encoder >> head_{i} = d.Y{i}" for i in reversed(range(n))},
    }
    edges = linear("encoder"), linear("more", F, F), *heads
    return cl.LearningDiagram(data(n), *edges, equations=equations)


def crossed(n):
    """Heads that see two inputs of one kind, every other one in the other order."""
    heads = [norm(f"head_{i}") for i in range(n)]
    order = [("one", "two") if i % 2 == 0 else ("two", "one") for i in range(n)]
    equations = {
        f"{name}_{i}": f"d.x >> {name} >> head_{i} = d.Y{i}"
        for i, names in enumerate(order)
        for name in names
    }
    return cl.LearningDiagram(data(n), linear("one"), linear("two"), *heads, equations=equations)


def repeated(n):
    """Calls that are made again for equations that train other edges."""
    heads = [norm(f"head_{i}") for i in range(n)]
    equations = {
        f"{name}_{i}": cl.Equation(f"d.x >> encoder >> head_{i} = d.Y{i}", trains=trains)
        for i in range(n)
        for name, trains in (("all", None), ("head", [f"head_{i}"]), ("other", ["encoder"]))
    }
    return cl.LearningDiagram(data(n), linear("encoder"), *heads, equations=equations)


def followers(n):
    """Targets that follow models with a running mean, at one named decay, and frozen ones."""
    online = [norm(f"online_{i}", X) for i in range(n)]
    decay = cl.Weight("decay", 0.5)
    targets = [cl.MovingAverage(f"target_{i}", of=f"online_{i}", decay=decay) for i in range(n)]
    start = {"weight": noise(3, 2), "mean": noise(3)}
    teachers = [norm(f"teacher_{i}", X).freeze(start) for i in range(n)]
    equations = {
        f"{name}_{i}": cl.Equation(f"d.x >> online_{i} = d.z >> {name}_{n - 1 - i}", stop="rhs")
        for i in range(n)
        for name in ("target", "teacher")
    }
    return cl.LearningDiagram(data(n), *online, *targets, *teachers, equations=equations)


def one_followed(n):
    """Several averages of one edge, from different starts, and one of another model."""
    parts = [cl.MovingAverage(f"target_{i}", of="online", decay=0.5) for i in range(n)]
    parts += [linear("online", X, Y), linear("other", X, Y)]
    parts.append(cl.MovingAverage("apart", of="other", decay=0.5))
    names = [*(f"target_{i}" for i in range(n)), "apart"]
    equations = [f"d.x >> online = d.x >> {name}" for name in names]
    diagram = cl.LearningDiagram(data(1), *parts, equations=[*equations, "d.x >> other = d.Y0"])
    starts = {"weight": noise(3, 2), "bias": noise(2)}
    return diagram.with_values(
        {n: {k: v + i for k, v in starts.items()} for i, n in enumerate(names[:-1])}
    )


def fields(n):
    """Networks that are only seen through their derivatives, and one that all are compared with."""
    U = cl.Space("U", 1, "float64")
    networks = [cl.Model(f"u_{i}", X, U, "mlp", width=4, activation="tanh") for i in range(n)]
    networks.append(cl.Model("common", X, U, "mlp", width=4, activation="tanh"))
    names = [f"u_{i}" for i in range(n)]
    operators = [cl.Operator(f"{u}_t", "derivative", of=u, along=(1,)) for u in names]
    operators += [cl.Operator(f"{u}_x", "derivative", of=u, along=(0,)) for u in names]
    operators += [cl.Operator(f"{u}_xx", "derivative", of=f"{u}_x", along=(0,)) for u in names]
    operators.append(cl.Operator("common_all", "laplacian", of="common"))
    equations = {
        **{f"heat_{u}": f"d.x >> {u}_t = d.x >> {u}_xx" for u in names},
        **{f"edge_{i}": f"d.z >> {u}_t = d.U{i}" for i, u in enumerate(names)},
        "common": "d.x >> common_all = d.U0",
    }
    return cl.LearningDiagram(data(n, U), *networks, *operators, equations=equations)


def selves(n):
    """Each of n models with a running mean agrees with an average of itself on another view."""
    online = [norm(f"online_{i}", X) for i in range(n)]
    targets = [cl.MovingAverage(f"target_{i}", of=f"online_{i}", decay=0.9) for i in range(n)]
    equations = {
        f"{name}_{i}": cl.Equation(f"d.x >> online_{i} = {other}", stop="rhs")
        for i in range(n)
        for name, other in (("self", f"d.z >> target_{i}"), ("label", f"d.Y{i}"))
    }
    return cl.LearningDiagram(data(n), *online, *targets, equations=equations)


#: diagram -> sizes of the classes of edges, with 4 members of each kind
CASES = {
    once: [4],
    twice: [4],
    crossed: [2, 4],
    repeated: [4],
    followers: [4, 4, 4],
    one_followed: [2, 4],
    fields: [4, 4, 4, 4],  # u, u_x, u_xx and u_t
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_two_calls_are_those_without_stacking(make):
    diagram = make(4)
    stacked, plain = both(diagram)
    assert sorted(map(len, stacked.plan.stacking.edges)) == CASES[make]
    assert compare(stacked, plain, diagram.data) < 1e-6


def test_each_class_is_one_call():
    def calls(make):
        outline = cl.lower(make(4).loss(), stack=True).plan.outline
        return sum(part.op == "apply" for part in outline.steps)

    assert calls(once) == 2
    assert calls(twice) == 4  # the encoder on two inputs, then all heads beside more, then again
    assert calls(crossed) == 3
    assert calls(followers) == 3
    assert calls(fields) == 4  # u_t at two places, u_xx, and what is alone


def test_precision_and_rematerialisation_are_kept():
    diagram = once(3)
    heads = [f"head_{i}" for i in range(3)]
    stacked, plain = both(diagram, precision=dict.fromkeys(heads, "float32"), remat=heads)
    assert len(stacked.plan.stacking.edges) == 1
    assert 0 < compare(stacked, plain, diagram.data) < 1e-4
    whole = cl.lower(diagram.loss(), stack=True)
    assert compare(stacked, whole, diagram.data) > 1e-9


@pytest.mark.parametrize("make", [twice, fields, selves], ids=lambda make: make.__name__)
def test_the_program_does_not_grow_with_the_number_of_members(make):
    def size(n):
        diagram = make(n)
        fn = cl.lower(diagram.loss(), stack=True)
        arguments = *jax.eval_shape(fn.init, KEY), fn.pack_batch(diagram.data), KEY
        # In two parts, as training accumulates them: averages are put back in between.
        return count(jax.make_jaxpr(gradient_of(fn, 1 if make is fields else 2))(*arguments).jaxpr)

    def count(jaxpr):
        inner = [v for e in jaxpr.eqns for v in e.params.values() if hasattr(v, "eqns")]
        inner += [v.jaxpr for e in jaxpr.eqns for v in e.params.values() if hasattr(v, "jaxpr")]
        return len(jaxpr.eqns) + sum(map(count, inner))

    assert size(3) == size(6)


def test_the_comparison_sees_calls_in_another_order(monkeypatch):
    diagram = twice(4)
    monkeypatch.setattr("catlearn.lowering.stacking.changes_state", lambda diagram, edge: False)
    stacked, plain = both(diagram)
    assert len(stacked.plan.stacking.edges) == 1
    assert compare(stacked, plain, diagram.data) > 1e-3


@pytest.mark.parametrize("make", [followers, fields], ids=lambda make: make.__name__)
def test_the_comparison_sees_what_belongs_to_another_member(make, monkeypatch):
    def turned(diagram, edges):
        owners = [diagram.owner(edge) for edge in edges]
        return [*owners[1:], owners[0]]

    given = make(4)
    stacked, plain = both(given)
    whole = compare(stacked, plain, given.data)
    monkeypatch.setattr("catlearn.lowering.run.owners_of", turned)
    assert whole < 1e-6
    assert compare(stacked, plain, given.data) > 1e-3


def test_what_differs_in_order_decay_or_operator_runs_by_itself():
    def stacked(*parts, equations):
        diagram = cl.LearningDiagram(data(2), *parts, equations=equations)
        return both(diagram)[0].plan.stacking.edges

    # The heads see two inputs of different kinds, each in its own order.
    ways = "d.x >> one", "d.z >> one >> more"
    edges = linear("one"), linear("more", F, F), norm("head_0"), norm("head_1")
    for backward, expected in ((False, (("head_0", "head_1"),)), (True, ())):
        second = reversed(ways) if backward else ways
        orders = [(0, way) for way in ways] + [(1, way) for way in second]
        equations = [f"{way} >> head_{i} = d.Y{i}" for i, way in orders]
        assert stacked(*edges, equations=equations) == expected

    online = [linear(f"online_{i}", X, Y) for i in range(2)]
    targets = [cl.MovingAverage(f"target_{i}", of=f"online_{i}", decay=0.5 + i / 4) for i in (0, 1)]
    equations = [f"d.x >> online_{i} = d.x >> target_{i}" for i in range(2)]
    assert stacked(*online, *targets, equations=equations) == (("online_0", "online_1"),)

    axes = [cl.Operator(f"slope_{i}", "derivative", of=f"online_{i}", along=(i,)) for i in range(2)]
    equations = [f"d.x >> slope_{i} = d.Y{i}" for i in range(2)]
    assert stacked(*online, *axes, equations=equations) == ()


# Training: state in one array goes through files and parts of batches as any other does.


def trained(fn, **options):
    options = {"batch_size": 4, "accumulate": 2, "steps": 4, "progress": False} | options
    return cl.fit(fn, optax.sgd(0.05), **options)


def test_training_a_checkpoint_and_what_comes_after_know_state_by_name(tmp_path):
    diagram = selves(3)
    stacked, plain = both(diagram)
    one, other = map(trained, (stacked, plain))
    assert repr(one.state["mutable"]) == "Stacked(online_0..online_2 (3), target_0..target_2 (3))"
    for name, tree in other.state["mutable"].items():
        assert apart(one.state["mutable"][name], tree) < 1e-6
    file = tmp_path / "run.safetensors"
    trained(stacked, steps=2, checkpoint=file)
    again = trained(stacked, checkpoint=file, resume=True)
    assert again.params == one.params
    assert again.state["mutable"] == one.state["mutable"]
    x = noise(2, 3)
    np.testing.assert_allclose(one.model("target_2")(x), other.model("target_2")(x), rtol=1e-6)
    start = cl.lower(one.diagram.loss(), stack=False).init(KEY)[1]["mutable"]
    assert apart(start["target_1"], one.state["mutable"]["target_1"]) == 0
    part = cl.subdiagram(one.diagram, edges=["online_1", "target_1"])
    assert apart(part.starts["target_1"], one.state["mutable"]["target_1"]) == 0
    assert one.evaluate()[0] == pytest.approx(other.evaluate()[0], rel=1e-6)


def test_plain_state_is_packed():
    stacked, plain = both(selves(3))
    params, state = plain.init(KEY)
    (_, packed) = stacked.pack(params, state)
    assert isinstance(packed["mutable"], Stacked)
    assert dict(packed["mutable"].items()).keys() == state["mutable"].keys()
    value, aux = stacked(params, state, stacked.diagram.data)
    assert isinstance(aux.state["mutable"], Stacked)
    assert float(value) == pytest.approx(float(plain(params, state, plain.diagram.data)[0]))


# Model libraries.


def linen(i):
    nn = pytest.importorskip("flax.linen")

    class Head(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            return nn.Dense(2)(nn.BatchNorm(use_running_average=not train)(x))

    return linen.__dict__.setdefault("module", Head())


def nnx(i):
    nnx = pytest.importorskip("flax.nnx")
    layers = nnx.BatchNorm(4, rngs=nnx.Rngs(i)), nnx.Linear(4, 2, rngs=nnx.Rngs(i))
    return nnx.Sequential(*layers)


def haiku(i):
    hk = pytest.importorskip("haiku")

    def head(x, is_training):
        x = hk.BatchNorm(True, True, 0.9)(x, is_training)
        return hk.Linear(2)(x)

    return haiku.__dict__.setdefault("module", hk.transform_with_state(head))


def equinox(i):
    eqx = pytest.importorskip("equinox")

    def make():
        norm = eqx.nn.BatchNorm(4, "batch", mode="ema")
        return eqx.nn.Sequential([norm, eqx.nn.Linear(4, 2, key=jax.random.key(i))])

    return eqx.nn.make_with_state(make)()


@pytest.mark.parametrize("library", [linen, nnx, haiku, equinox], ids=lambda make: make.__name__)
def test_batch_norm_of_every_library(library):
    with jax.enable_x64(False):
        X, Y = cl.Space("X", 4), cl.Space("Y", 2)
        columns = {f"Y{i}": (Y, noise(5, 2, seed=i).astype("f4")) for i in range(3)}
        points = cl.Dataset("d", X=(X, noise(5, 4).astype("f4")), **columns)
        heads = [cl.Model(f"head_{i}", X, Y, library(i)) for i in range(3)]
        equations = [f"d.X >> head_{i} = d.Y{i}" for i in range(3)]
        diagram = cl.LearningDiagram(points, *heads, equations=equations)
        stacked, plain = both(diagram)
        assert stacked.plan.stacking.edges == (("head_0", "head_1", "head_2"),)
        assert compare(stacked, plain, diagram.data) < 1e-4
