"""Blocks, repetition and recurrence: composition, lifting, counts, listings, values."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    add,
    copy,
    discard,
    dropout,
    einsum,
    idle,
    lift,
    linear,
    mean,
    mul,
    norm,
    permute,
    relu,
    residual,
    softmax,
    swap,
    tensor,
    view,
)
from catlearn.arrays.boxes import Draft
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.kernels import Kernel
from catlearn.errors import InvalidStructure, NotComposable
from catlearn.laws.circuits import array_circuits

KEY = jax.random.key(0)


def layer() -> Circuit:
    return residual(
        norm("ln", "[m]") >> linear("A", "m -> f", bias=True) >> relu >> linear("B", "f -> m")
    )


def values(circuit: Circuit, *arrays: np.ndarray, params: dict | None = None) -> None:
    """Check the lowered circuit against the evaluation by definition."""
    fn = cl.lower(circuit)
    params = fn.init(KEY) if params is None else params
    found = fn(params, *map(jnp.asarray, arrays))
    names = {}
    for name in fn.parameters:
        at = params
        for part in name.split("/"):
            at = at[part]
        names[name] = np.asarray(at)
    wanted = evaluate(fn.circuit, arrays, names)
    found = found if isinstance(found, tuple) else (found,)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_a_repeated_layer_is_its_copies_with_slices_of_the_parameters():
    whole = cl.lower(lift(layer().repeat("L", "layers"), "x"), sizes={"L": 3, "m": 4, "f": 5})
    one = cl.lower(lift(layer(), "x"), sizes={"m": 4, "f": 5})
    params = whole.init(KEY)
    assert jax.tree.map(jnp.shape, params) == {
        "layers": {
            "A": (3, 4, 5), "A.bias": (3, 5), "B": (3, 5, 4),
            "ln.gain": (3, 4), "ln.shift": (3, 4),
        }
    }  # fmt: skip
    x = jax.random.normal(KEY, (2, 4))
    found, wanted = whole(params, x), x
    for k in range(3):
        wanted = one(jax.tree.map(lambda w, k=k: w[k], params["layers"]), wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for count in (3, 7):
        fn = cl.lower(lift(layer().repeat(count, "layers"), "x"), sizes={"m": 4, "f": 5})
        assert str(jax.make_jaxpr(fn)(fn.init(KEY), x)).count(" scan[") == 1
    values(lift(layer().repeat(3, "layers"), "x").at(m=4, f=5), np.asarray(x))


def test_loops_may_be_written_out_and_computed_again():
    f = lift(layer().repeat(4, "layers"), "x").at(m=3, f=5)
    fn = cl.lower(f)
    params, x = fn.init(KEY), jax.random.normal(KEY, (2, 3))

    def gradient(fn):
        return jax.grad(lambda params: (fn(params, x) ** 2).sum())

    wanted = gradient(fn)(params)
    for options in ({"remat": True}, {"remat": ["layers"], "unroll": 2}):
        other = cl.lower(f, **options)
        found = gradient(other)(params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, wanted)
        assert "remat" in str(jax.make_jaxpr(gradient(other))(params)) or "checkpoint" in str(
            jax.make_jaxpr(gradient(other))(params)
        )
    with pytest.raises(InvalidStructure) as error:
        cl.lower(f, remat=["layer"])
    assert "layers" in str(error.value)


def test_a_scan_goes_along_an_axis():
    @cl.traced("", "")
    def step(h, u):
        following = h + h + u
        return following, following

    last, every = cl.lower(step.scan("t"))({}, jnp.zeros(()), jnp.ones(3))
    assert float(last) == 7
    assert every.tolist() == [1, 3, 7]
    values(lift(step.scan("t"), "p"), np.zeros(2), np.arange(6.0).reshape(2, 3))


def test_what_is_fixed_is_the_same_in_each_step():
    decayed = (mul @ idle >> add >> copy(2)).scan("t", fixed=1)
    h, a, x = 0.5, 0.25, np.arange(4.0)
    last, every = cl.lower(decayed)({}, h, a, x)
    for k, one in enumerate(x):
        h = h * a + one
        np.testing.assert_allclose(every[k], h, rtol=1e-6)
    np.testing.assert_allclose(last, h, rtol=1e-6)
    values(lift(decayed, "p"), np.zeros(2), np.ones(2) / 2, np.arange(6.0).reshape(2, 3))
    for fixed in (3, -1):
        with pytest.raises(NotComposable):
            (mul @ idle >> add >> copy(2)).scan("t", fixed=fixed)


def test_scans_obey_their_laws():
    g = linear("A", "m -> n") >> relu
    separate = (idle @ g).scan("t")  # the state is not touched
    s, x = np.ones(()), np.arange(6.0).reshape(3, 2)
    fn, by = cl.lower(separate, sizes={"n": 4}), cl.lower(lift(g, "t"), sizes={"n": 4})
    params = cl.lower(g.at_dom((2,)), sizes={"n": 4}).init(KEY)
    state, every = fn(params, s, x)
    np.testing.assert_allclose(every, by(params, x), rtol=1e-6)
    assert float(state) == 1

    step = add >> copy(2)
    whole = cl.lower(step.scan("t"))
    s, x = jnp.asarray(0.5), jnp.arange(5.0)
    middle, first = whole({}, s, x[:2])
    last, second = whole({}, middle, x[2:])
    final, every = whole({}, s, x)
    np.testing.assert_allclose([*first, *second, last], [*every, final])

    after = cl.lower((step >> idle @ relu).scan("t"))
    both = cl.lower(step.scan("t") >> idle @ relu)
    for one, other in zip(after({}, s, -x), both({}, s, -x), strict=True):
        np.testing.assert_allclose(one, other)


def test_what_starts_from_a_parameter_is_lifted_with_the_sequence():
    start = Circuit.parse("parameter h0[]: R\nreturn h0")
    f = lift(start @ idle >> (add >> copy(2)).scan("t"), "p")
    assert repr(f) == "Circuit(R[p t] -> R[p], R[p t])"
    assert not f.failures()
    values(f, np.arange(6.0).reshape(2, 3), params={"h0": np.asarray(0.5)})


@pytest.mark.parametrize(
    "circuit",
    [
        layer().repeat("L", "layers"),
        layer().repeat(2, "inner").repeat("2*k", "outer", shared=["inner/A", "inner/ln.gain"]),
        (add >> copy(2)).scan("t"),
        lift((add >> copy(2)).scan("t"), "p q"),
        (layer() @ idle >> add >> copy(2)).scan("t"),
        layer().block("one") >> (layer().block("in") >> relu).block("two"),
        (relu @ relu).repeat(3, "both") >> idle @ discard,
        linear("A", "m -> f").block("dead") @ relu >> discard @ idle,
        swap().repeat("n", "turns"),
    ],
)
def test_listings_are_read_back(circuit):
    again = Circuit.parse(str(circuit))
    assert again == circuit
    assert str(again) == str(circuit)
    assert not circuit.failures()
    assert hash(again) == hash(circuit)
    assert Circuit.parse(str(circuit.live())) == circuit.live()
    assert r"\begin{aligned}" in circuit.to_latex()


def test_plain_blocks_are_not_compared_and_repeated_ones_are():
    f = layer()
    assert f.block("one") == f == f.block("two").block("three")
    dead = f.block("one") >> discard
    assert dead == f >> discard != discard
    assert f.repeat(2, "a") != f.repeat(3, "a")
    assert f.repeat(2, "a") != f.repeat(2, "b")  # other parameters
    assert relu.repeat(2, "a") == relu.repeat(2, "b") != relu.repeat("n", "a")
    assert relu.repeat(2, "a").repeat(3, "b") != relu.repeat(3, "a").repeat(2, "b")
    assert relu.repeat(2, "a") != relu >> relu


def test_repeats_are_counted():
    f = layer()
    one, whole = f.counts(), f.repeat("L", "layers").counts()
    assert whole.parameters == cl.arrays.read_size("L") * one.parameters
    assert whole.operations == cl.arrays.read_size("L") * one.operations
    assert whole.bytes == cl.arrays.read_size("L") * one.bytes
    shared = f.repeat("L", "layers", shared=list(f.parameters))
    assert shared.counts().parameters == one.parameters
    assert (f >> f).counts().parameters == one.parameters
    assert f.repeat(3, "a").at(m=2, f=3).counts().operations == (
        3 * f.at(m=2, f=3).counts().operations
    )


def test_lifts_go_into_blocks():
    f = layer()
    assert lift(f.repeat("L", "layers"), "x") == lift(f, "x").repeat("L", "layers")
    both = (linear("A", "m -> m2", m2="m") @ relu).repeat(2, "both")
    found = both >> idle @ softmax("[y]")
    assert found == (linear("A", "m -> m2", m2="m") @ lift(relu, "y")).repeat(2, "both") >> (
        idle @ softmax("[y]")
    )


def test_what_goes_round_unseen_is_live():
    turned = swap().repeat("n", "turns") >> idle @ discard
    assert turned.live() == turned
    assert "last" in str(turned.live())
    x, y = cl.lower(turned, sizes={"n": 3})({}, jnp.ones(()), jnp.zeros(())), None
    assert float(x) == 0
    assert y is None
    dead = relu.repeat(3, "a") >> discard
    assert dead != discard
    assert dead.live() == (relu >> discard).live()


def test_dropouts_draw_in_each_round():
    fn = cl.lower(lift(dropout(0.5).repeat(6, "drops"), "x"))
    out = fn({}, jnp.ones(400), key=KEY)
    assert set(np.unique(out)) <= {0.0, 64.0}
    assert 0 < int((out > 0).sum()) < 30  # one mask six times would keep a half
    once = cl.lower(lift(dropout(0.5) >> dropout(0.5), "x"))
    assert 0 < int((once({}, jnp.ones(400), key=KEY) > 0).sum()) < 150


def test_bad_repetition_says_why():
    cases = [
        (lambda: linear("A", "m -> h d").repeat(3, "layer"), ["layer", "R[m]", "R[h d]"]),
        (lambda: linear("A", "m -> f").at(m=4, f=5).repeat(3, "layer"), ["layer", "4", "5"]),
        (lambda: add.repeat(3, "layer"), ["layer", "2 arrays"]),
        (lambda: add.scan("t", states=2), ["scan"]),
        (lambda: (add >> copy(2)).scan("t", fixed=5), ["scan", "fixed=5"]),
        (lambda: embed_twice().repeat(2, "layer"), ["layer", "N<V>"]),
    ]
    for make, said in cases:
        with pytest.raises(NotComposable) as error:
            make()
        for text in said:
            assert text in str(error.value)
        assert all(one.law == "repetition" for one in error.value.failures)
    with pytest.raises(InvalidStructure) as error:
        layer().repeat(3, "layer", shared=["a", "ln"])
    assert len(error.value.failures) == 2
    for times in (0, -2, "L - L"):
        with pytest.raises(InvalidStructure) as error:
            layer().repeat(times, "layer")
        assert [one.law for one in error.value.failures] == ["rounds"]
    with pytest.raises(NotComposable) as error:
        layer().scan("t")
    assert [one.law for one in error.value.failures] == ["scan"]


def embed_twice() -> Circuit:
    return cl.arrays.embed("E", "V -> m") >> linear("A", "m -> ")


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ("unblock", "rounds"),
        ("no last", "rounds"),
        ("read inside", "rounds"),
        ("read its end", "rounds"),
        ("two axes", "blocks"),
        ("apart", "blocks"),
    ],
)
def test_tables_that_are_no_blocks_are_refused(change, law):
    f = relu.repeat("n", "a") if change != "apart" else relu.block("a") >> softmax("[y]")
    g = (copy(2) @ idle >> idle @ add).repeat("n", "a")
    f = g if change == "read its end" else f
    draft = Draft.of(f.apex)
    names = [box.operation.kernel.name for box in draft.boxes]
    cod = f.cod
    if change == "unblock":
        draft.boxes = [box._replace(within=[]) for box in draft.boxes]
    elif change == "no last":
        at = names.index("last")
        operation = replace(draft.boxes[at].operation, kernel=Kernel("add"))
        draft.boxes[at] = draft.boxes[at]._replace(operation=operation)
    elif change == "read its end":
        at = [k for k, name in enumerate(names) if name == "start"][-1]
        draft.boxes[at] = draft.boxes[at]._replace(ins=[f.cod[0]])
    elif change == "read inside":
        cod = (draft.boxes[names.index("relu")].outs[0],)
    elif change == "two axes":
        draft.blocks = [(title, rounds * 2) for title, rounds in draft.blocks]
    else:
        g = relu.block("a") >> softmax("[y]") >> relu
        draft, cod = Draft.of(g.apex), g.cod
        draft.boxes = [
            box._replace(within=[0] if box.operation.kernel.name == "relu" else [])
            for box in draft.boxes
        ]
    with pytest.raises(InvalidStructure) as error:
        Circuit(draft.made(), f.dom, cod)
    assert any(one.law == law for one in error.value.failures)
    if change == "read its end":
        assert len(error.value.failures) == 2  # the types differ, too


@settings(max_examples=25)
@given(array_circuits(), st.integers(1, 3))
def test_random_circuits_in_blocks_keep_their_laws(circuit, states):
    framed = circuit.block("a")
    assert framed == circuit
    assert Circuit.parse(str(framed)) == framed
    assert not framed.failures()
    try:
        whole = circuit.scan("t", states=min(states, len(circuit.dom), len(circuit.cod)))
    except NotComposable:
        return
    assert not whole.failures()
    assert Circuit.parse(str(whole)) == whole
    assert Circuit.parse(str(whole.live())) == whole.live()
    assert tensor(whole, relu).live() == tensor(whole.live(), relu)


def test_repeats_of_views_and_contractions_have_the_values_of_the_definition():
    turn = view("a b -> b a") >> einsum("a b -> b a", scale=0.5) >> permute("a b -> a b")
    turn = turn if len(turn.cod) == 1 else idle
    values(turn.repeat(3, "turns").at_dom((2, 2)), np.arange(4.0).reshape(2, 2))
    nested = layer().repeat(2, "inner").repeat(2, "outer", shared=["inner/A"])
    values(lift(nested, "x").at(m=3, f=2), np.arange(6.0).reshape(2, 3) / 6)
    mixed = (linear("W", "m -> m2", m2="m") @ idle >> mul >> copy(2)).scan("t")
    values(mixed.at(m2=2), np.ones(2), np.arange(6.0).reshape(3, 2))
    means = (copy(2) >> idle @ (mean("[x] m -> m") >> view("m -> x m")) >> add).repeat(2, "a")
    assert means.cod


def test_one_shared_parameter_may_be_a_text():
    one, other = (layer().repeat(2, "l", shared=shared) for shared in ("A.bias", ["A.bias"]))
    assert one == other
    assert "A.bias" in one.parameters


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f.repeat(2, "l", shared=None),
        lambda f: f.at(3),
        lambda f: f.at([("m", 3)]),
        lambda f: f.at_dom(()),
        lambda f: cl.lower(f, unroll=0),
        lambda f: cl.draw(f, depth="a"),
        lambda f: cl.draw(f, breaks=0),
        lambda f: cl.draw(f, inputs=0),
        lambda f: cl.draw(f, inputs=["a"]),
        lambda f: cl.draw(f, inputs=[None, 0]),
    ],
)
def test_arguments_of_other_kinds_are_refused(call):
    with pytest.raises(cl.CatlearnError):
        call(layer().repeat(2, "layers"))
