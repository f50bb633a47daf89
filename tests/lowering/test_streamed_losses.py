"""Losses that are streamed: models that depend on the past; weights, averages, joined data sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import copy, cumsum, dropout, einsum, exp, idle, linear, tanh, traced, where
from catlearn.costing import devices
from catlearn.lowering.streaming import Region, StreamedCircuit, StreamPlan
from tests.lowering.comparing import KEY, apart, calls
from tests.lowering.test_streams import differences, gradient_of

N, M = 256, 6


@traced("c n", "c n", "c", "n")
def _round(h, a, x, b):
    h = exp(-exp(a)) * h + einsum("c, n -> c n")(x, b)
    return h, h


@traced("t m")
def state_space(x):
    """A selective state space: its decays and states, t c n, are larger than what it reads."""
    u, dt = (linear(name, "m -> c", c=M)(x) for name in "UD")
    b, c = (linear(name, "m -> n", n=16)(x) for name in "BC")
    start = einsum("t c, t n -> c n", scale=0.0)(u, b)
    _, states = _round.scan("t")(start, einsum("t c, t n -> t c n")(dt, b), u, b)
    return einsum("t c n, t n -> t c")(states, c)


@traced("t m")
def cumulated(x):
    """Linear attention by sums so far of outer products, t d e."""
    q, k, v = (linear(name, "m -> d", d=M)(x) for name in "QKV")
    sums = cumsum("[t] d e")(einsum("t d, t e -> t d e", scale=0.1)(k, v))
    return einsum("t d e, t d -> t e")(sums, q)


EARLIER = einsum("t d, s d -> t s", scale=0.1) >> where("t s", "s <= t", outside=0.0)
LINEAR = (
    copy(3)
    >> linear("Q", "m -> d", d=M) @ linear("K", "m -> d", d=M) @ linear("V", "m -> d", d=M)
    >> EARLIER @ idle
    >> einsum("t s, s e -> t e")
)

PAST = {"linear attention": LINEAR, "sums so far": cumulated, "state space": state_space}


def of_model(circuit, streams=None, **options):
    """Return the loss of a square whose model is a circuit of sequences, and a batch."""
    X, Y = (cl.Space(name, (N, M)) for name in "XY")
    D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("model", X, Y, circuit))
    random = np.random.default_rng(0)
    batch = {name: random.normal(size=(2, N, M)).astype("float32") for name in "XY"}
    return cl.lower(D.loss(), streams=streams, **options), {"d": batch}


@pytest.mark.parametrize("name", PAST)
def test_what_depends_on_the_past_is_swept_where_it_pays(name):
    fns = {streams: of_model(PAST[name], streams) for streams in (None, "auto")}
    (plan,) = fns["auto"][0].plan.streams.at(d=2).values()
    (one,) = plan.streamed
    assert one.title.endswith("/t")
    assert one.length == N
    assert one.saved > 2 * 2 * N * M
    assert one.slower < 1.3
    assert not plan.refused
    found = {key: gradient_of(*given) for key, given in fns.items()}
    held = {key: run.memory_analysis().temp_size_in_bytes for key, (run, _) in found.items()}
    assert held[None] > 1.5 * held["auto"]
    assert differences(*(run(*arguments) for run, arguments in found.values())) < 1e-5


average = traced("n", "n")(lambda h, x: (0.5 * h + x, h)).scan("t")


@pytest.mark.parametrize(
    ("circuit", "shapes"),
    [(cumsum("[t] m"), [(4096, 64)]), (average, [(64,), (4096, 64)])],
    ids=["a sum so far", "an average so far"],
)
def test_what_keeps_nothing_is_not_swept(circuit, shapes):
    """Their gradients need no numbers that they make: blocks would save nothing."""
    assert cl.lower(circuit, streams="auto").plan(*shapes) == StreamPlan()


@traced("c n", "t c n", "t c", "t n")
def selective(h, a, x, b):
    return einsum("t c n -> t c")(_round.scan("t")(h, a, x, b)[1])


SELECTIVE = [(M, 16), (4096, M, 16), (4096, M), (4096, 16)]


def test_rounds_are_swept_for_the_memory_that_they_do_not_move(mutants):
    plan = cl.lower(selective, streams="auto").plan(*SELECTIVE)
    (one,) = plan.streamed
    assert one.slower < 1
    with mutants("streams: rounds whose memory is free are swept"):
        free = devices["cpu"].replace(RAM=1e30)
        assert not StreamedCircuit(selective, device=free).plan(*SELECTIVE).streamed


def test_values_alone_of_rounds_run_as_they_are():
    """They keep no state, so that blocks would save nothing."""
    fns = cl.lower(selective, streams="auto", block=16), cl.lower(selective)
    shapes = [(M, 16), (64, M, 16), (64, M), (64, 16)]
    xs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    assert fns[0].plan(*shapes).streamed
    texts = [str(jax.make_jaxpr(lambda *own, fn=fn: fn({}, *own))(*xs)) for fn in fns]
    assert texts[0].count("scan[") - texts[1].count("scan[") == 0


def test_layers_in_rounds_keep_the_passes_in_them():
    """What is in rounds goes first: rounds that have a pass are not swept themselves."""
    layer = linear("W", "m -> f", f=512) >> tanh >> linear("V", "f -> m", m=2)
    layers = cl.arrays.lift(layer.repeat(40, "layers"), "b")
    shapes = [tuple(int(s.number) for s in one) for one in layers.parameters.values()]
    plan = cl.lower(layers, streams="auto").plan((512, 2), *shapes)
    assert [one.title for one in plan.streamed] == ["V/f"]
    assert not plan.refused


# ---------------------------------------------------------------- weights, averages, joined data

X, F, W = cl.Space("X", 4), cl.Space("F", 4), cl.Categorical("word", 2048)
ROWS = {"text": 64, "more": 48, "pairs": 512}


def dataset(name, **columns):
    random = np.random.default_rng(len(name))
    return cl.Dataset(name, **{
        key: (space, random.integers(0, 2048, ROWS[name]) if space is W
              else random.normal(size=(ROWS[name], 4)).astype("float32"))
        for key, space in columns.items()
    })  # fmt: skip


TRUNK = cl.Model("trunk", X, F, linear("A", "m -> k"))
HEAD = cl.Model("head", F, W, linear("E", "k -> v"))


def weighted(one, other):
    """Return two cross-entropies over one vocabulary with weights, and a term of another edge."""
    return cl.LearningDiagram(
        dataset("text", X=X, F=F, word=W), dataset("more", X=X, word=W), TRUNK, HEAD,
        equations={
            "first": cl.Equation("text.X >> trunk >> head = text.word", weight=one),
            "other": cl.Equation("more.X >> trunk >> head = more.word", weight=other),
            "near": cl.Equation("text.X >> trunk = text.F", weight=0.5),
        },
    )  # fmt: skip


def averaged(decay):
    """Return an encoder that finds in its batch what its moving average makes of another view."""
    return cl.LearningDiagram(
        dataset("pairs", X=X, Y=X), cl.Model("online", X, F, linear("A", "m -> k")),
        cl.MovingAverage("target", of="online", decay=decay),
        equations={"fit": cl.Equation("pairs.X >> online = pairs.Y >> target",
                                      divergence="info_nce")},
    )  # fmt: skip


LOSSES = {
    "weights on joined data": (
        weighted(0.25, cl.Weight("beta", 3.0)), weighted(0.25, 1.0),
        {"together": [("text", "more")]}, [2048],
    ),
    "a moving average": (averaged(0.5), averaged(0.9), {}, [512]),
}  # fmt: skip
"""Diagrams, and others that are a little different; options; and the lengths of what is streamed"""


def run(fn, data, count=1):
    """Return what calls give, from parameters that are no starting ones."""
    params, state = fn.init(KEY)
    return calls(fn, jax.tree.map(lambda x: x + 0.1, params), state, data, count)


def distance(one, other):
    pairs = (pair for steps in zip(one, other, strict=True) for pair in zip(*steps, strict=True))
    return max(apart(*pair) for pair in pairs)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_streamed_as_they_are(name, mutants):
    diagram, other, options, lengths = LOSSES[name]
    plain, fn = (cl.lower(diagram.loss(), streams=s, **options) for s in (None, "auto"))
    assert fn.plan.evaluations == plain.plan.evaluations
    sizes = {data: ROWS[data] for data in diagram.data}
    found = [one for plan in fn.plan.streams.at(**sizes).values() for one in plan.streamed]
    assert [one.length for one in found] == lengths
    assert all(one.saved > 0 for one in found)
    assert not fn.plan.streams.apart
    count = 2 if diagram.averages else 1
    found = run(fn, diagram.data, count)
    assert distance(found, run(plain, diagram.data, count)) < 1e-5
    with mutants(f"streams: a loss with other {name}"):
        mutant = cl.lower(other.loss(), streams="auto", **options)
        assert distance(run(mutant, diagram.data, count), found) > 1e-3


@traced("m", "")
def dropping(x, seed):
    return dropout(0.5, by="k")(tanh(linear("A", "m -> k", k=64)(x)), seed)


def test_the_mean_over_examples_goes_through_what_drops_by_indices(mutants, monkeypatch):
    """Each example has its seed, whichever block it is in."""
    H = cl.Space("H", 64)
    edges = cl.Model("hidden", X, H, dropping), cl.Model("last", H, F, linear("B", "m -> k"))
    fit = {"fit": "text.X >> hidden >> last = text.F"}
    diagram = cl.LearningDiagram(dataset("text", X=X, F=F), *edges, equations=fit)
    plain, fn = (cl.lower(diagram.loss(), streams=s) for s in (None, ["text"]))
    ((plan,), apart_from) = fn.plan.streams.at(text=64).values(), fn.plan.streams.apart
    assert [one.length for one in plan.streamed] == [64]
    assert not apart_from
    found = run(plain, diagram.data)
    assert distance(run(fn, diagram.data), found) < 1e-5
    with mutants("streams: a region that no key reaches"):
        values = Region.values
        monkeypatch.setattr(Region, "values", lambda *given, train: values(*given, train=False))
        assert distance(run(fn, diagram.data), found) > 1e-3
