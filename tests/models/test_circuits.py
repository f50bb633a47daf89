"""Lowered circuits against their definition, index by index, and against programs by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

import catlearn as cl
from benchmarks.by_hand.programs import normal_form
from benchmarks.by_hand.residual import CASES as RESIDUAL
from benchmarks.by_hand.transformer import gpt2_block, mapped
from catlearn.arrays import (
    absolute,
    add,
    argmax,
    bias,
    compose,
    concat,
    conv,
    copy,
    cos,
    cumsum,
    dropout,
    einsum,
    embed,
    erf,
    gain,
    gelu,
    idle,
    indicator,
    lift,
    linear,
    logsumexp,
    mean,
    minimum,
    norm,
    one_hot,
    parameter,
    permute,
    pool,
    reciprocal,
    relu,
    residual,
    shift,
    silu,
    sin,
    sinusoid,
    softmax,
    softplus,
    sqrt,
    take,
    top_k,
    traced,
    unit,
    view,
    where,
)
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.programs import _Planner, programmed
from catlearn.errors import CatlearnError
from catlearn.models import LoweredCircuit
from catlearn.models.circuits import FUNCTIONS, SOONER
from catlearn.zoo.architectures import attention, gpt2_layer, rotary
from tests.trees import close

KEY = jax.random.key(0)


@traced("x m")
def experts(t):
    g, i = top_k("[e -> k]", k=2)(linear("gate", "m -> e", e=3)(t))
    u = view("m -> k m")(t)
    y = silu(linear("w", "k, k m -> k f", at="e", f=5)(i, u))
    return einsum("k, k f -> f")(softmax("[k]")(g), y)


@traced("x", "x m", types=["B", "R"])
def average(mask, t):
    w = indicator(mask)
    return einsum("x, x m, -> m")(w, t, reciprocal(einsum("x -> ")(w)))


@traced("x m", "x m")
def arithmetic(a, b):
    return (1 - a) / (b * b + 2) - 3 * b / 4 + 1 / (a * a + 1) + -a


@traced("x e", "x e m")
def taken(g, t):
    return take("k, e m -> k m", at="e")(top_k("[e -> k]", k=2)(g)[1], t)


def parameter_of(pattern):
    """Return the contraction with a parameter, whose axes have sizes from 2 on."""
    axes = pattern.partition(",")[2].partition("->")[0].split()
    new = [axis for axis in axes if axis not in pattern.partition(",")[0].split()]
    weights = parameter("w", " ".join(axes), **dict.fromkeys(new, 2))
    return idle @ weights >> einsum(pattern)


CASES = {
    "linear": (lift(linear("A", "m -> n", bias=True), "x"), [(3, 4)], {"n": 5}),
    "attention": (attention(causal=True), [(3, 8)], {"h": 2, "d": 4, "m": 8}),
    "experts": (experts, [(3, 4)], {}),
    "transposed": (view("a b c -> c a b"), [(2, 3, 4)], {}),
    "split": (view("(h d) -> d h", h=3), [(12,)], {}),
    "joined": (view("a b c -> (b a c)"), [(2, 3, 4)], {}),
    "joined twice": (view("a b c d -> (d a) (b c)"), [(2, 3, 4, 5)], {}),
    "patches": (view("c (u a) (v b) -> u v a b c", a=2, b=3), [(2, 4, 6)], {}),
    "patches in a row": (view("(u a) (v b) c -> (u v) a b c", a=2, b=3), [(4, 6, 2)], {}),
    "windows": (view("2*y+a-1 c -> y a c", a=3, pad=(1, 1)), [(7, 2)], {}),
    "windows of two axes": (view("y+a z+b -> y z a b", a=2, b=3), [(4, 5)], {}),
    "shifted": (view("m+1 -> m", outside=7.0), [(4,)], {}),
    "shifted back": (view("m-1 -> m", outside=0.0), [(4,)], {}),
    "repeated": (view("m -> k m", k=3), [(4,)], {}),
    "diagonal": (einsum("a a b -> a b"), [(3, 3, 2)], {}),
    "diagonal with a shift": (view("a+1 a -> a", outside=0.0), [(3, 3)], {}),
    "trace": (einsum("a a -> "), [(3, 3)], {}),
    "reduced": (compose(copy(4), logsumexp("x [y] -> x") @ minimum("[y] -> ")
                        @ argmax("[x] y -> y") @ (cumsum("y [x]") >> absolute >> sqrt)),
                [(3, 4)], {}),
    "beginnings": (cl.from_jax(lambda x: (
        x.prod(0), jax.lax.cumprod(x, 1), jax.lax.cummax(x), jax.lax.cummin(x, 1),
        jax.lax.cumlogsumexp(x, 1)), jnp.zeros((3, 4))), [(3, 4)], {}),
    "mean": (mean("[x] m -> m"), [(3, 4)], {}),
    "repetition that is summed": (view("a -> k a", k=3) >> einsum("k a -> a"), [(4,)], {}),
    "norm": (lift(norm("g", "[m]"), "x"), [(3, 4)], {}),
    "rms": (lift(norm("g", "[m]", kind="rms"), "x"), [(3, 4)], {}),
    "softmax of two": (softmax("[x] h [y]"), [(2, 3, 4)], {}),
    "top k": (lift(top_k("[e -> k]", k=2), "x"), [(3, 4)], {}),
    "concatenated": (concat("[x] m, m [y] -> [z] m"), [(2, 4), (4, 3)], {}),
    "convolution": (conv("c", "[y z] i -> [y z] o", 3, stride=2, pad=1, bias=True, o=2),
                    [(5, 6, 3)], {}),
    "a stride": (view("2*y+1 c -> y c"), [(7, 2)], {}),
    "a stride that begins before": (view("3*y-1 c -> c y", pad=(1, 0)), [(7, 2)], {}),
    "convolution of channels in front": (conv("c", "i [y] -> o [y]", 3, pad=1, o=4), [(3, 6)], {}),
    "convolution of each channel": (conv("c", "[y] i -> [y] i", 4, pad=(3, 0)), [(6, 3)], {}),
    "convolution of groups": (
        view("2*y+3*a-2 g i j -> y a g i j", a=2, pad=(2, 0))
        >> parameter_of("y a g i j, a j g o i -> g y o"), [(9, 2, 2, 3)], {}),
    "convolutions of examples": (lift(conv("c", "[y z] i -> [y z] o", 2, o=2), "n k"),
                                 [(2, 3, 5, 4, 3)], {}),
    "windows that are padded by another number": (
        view("y+a-1 -> y a", a=3, pad=(1, 1), outside=2.0)
        >> parameter_of("y a, a o -> y o"), [(5,)], {}),
    "windows that are used twice": (
        view("y+a -> y a", a=2) >> copy(2) >> parameter_of("y a, a o -> y o") @ idle, [(5,)], {}),
    "positions": (shift("p", "c m", at="x", c=7), [(3, 4)], {}),
    "masked": (where("x y", "y <= x, x - y < 2", outside=0.0), [(4, 4)], {}),
    "masked by an array": (where("y, h x y", outside=-2.0), [(4,), (3, 2, 4)], {}),
    "masked mean": (average, [(5,), (5, 3)], {}),
    "third": (view("2 m -> m"), [(4, 3)], {}),
    "directions": (lift(unit("[m] k"), "x"), [(3, 4, 2)], {}),
    "residual": (residual(relu >> permute("a b -> a b")), [(2, 3)], {}),
    "greatest": (lift(pool("max", "[y z] c", 3, stride=2, pad=1), "n"), [(2, 5, 6, 2)], {}),
    "means of windows": (pool("mean", "[y] c", 2), [(5, 2)], {}),
    "windows to the left": (conv("c", "[x] c -> [x] c", 3, pad=(2, 0), bias=True), [(4, 2)], {}),
    "sinusoids": (lift(idle @ sinusoid("x m") >> add, "n"), [(2, 3, 4)], {}),
    "a row in front": (lift(parameter("t", "t m", t=1) @ idle >> concat("[t] m, [x] m -> [y] m"),
                            "n"), [(2, 3, 4)], {}),
    "gain and bias": (lift(gain("g", "m") >> bias("b", "m"), "x"), [(3, 4)], {}),
    "functions": (sin @ cos @ softplus @ erf, [(), (), (), ()], {}),
    "arithmetic": (arithmetic, [(3, 4), (3, 4)], {}),
    "one row taken for each": (lift(top_k("[e -> k]", k=2) >> idle @ one_hot("e"), "x"),
                               [(3, 4)], {}),
    "taken": (taken, [(3, 4), (3, 4, 2)], {}),
}  # fmt: skip


def values_are_those_of_the_definition(name, run=jax.jit):
    circuit, shapes, sizes = CASES[name]
    fn = LoweredCircuit(circuit.at_dom(*shapes), sizes)
    rng = np.random.default_rng(sum(map(ord, name)))
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    dtypes = [fn.circuit.apex.types[row] for row in fn.circuit.dom]
    arrays = [x > 0 if t == "B" else x for x, t in zip(arrays, dtypes, strict=True)]
    params = fn.init(KEY)
    params = jax.tree.map(lambda x: rng.normal(np.asarray(x)).astype("float32"), params)
    found = run(fn)(params, *arrays)
    found = found if isinstance(found, tuple) else (found,)
    expected = evaluate(fn.circuit, arrays, params)
    for one, other in zip(found, expected, strict=True):
        tolerance = 2e-6 * max(1.0, np.abs(other).max())  # of sums that cancel
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_definition(name):
    values_are_those_of_the_definition(name)


def turned(ins, axis, low, high, outside):
    return ins, (axis, high, low, outside)


PLANS = {
    "arrays in the other order": ("concatenated", "concatenate", lambda ins, *o: (ins[::-1], o)),
    "a mask that hides nothing": ("masked", "where", lambda ins, *o: None),
    "padding on the other side": ("shifted back", "pad", turned),
    "axes that move the other way": (
        "transposed", "transpose", lambda ins, order: (ins, (tuple(np.argsort(order)),))),
    "keys for queries": (
        "attention", "einsum",
        lambda ins, text: (ins[:: 1 - 2 * text.startswith("xhd,yhd")], (text,))),
    "entries one earlier": (
        "a stride", "slice", lambda ins, axis, *o: (ins, (axis, o[0] - 1, o[1] - 1, o[2]))),
    "windows to the right": (
        "windows to the left", "convolve",
        lambda ins, *o: (ins, (*o[:3], (o[3][0][::-1],), *o[4:]))),
    "another axis": ("softmax of two", "softmax", lambda ins, places: (ins, ((0, 1),))),
}  # fmt: skip
"""Mutants of what plans programs: a case, a step in it, and what stands there (None: its array)."""


@pytest.mark.parametrize("mutant", PLANS)
def test_other_plans_have_other_values(mutant, monkeypatch, mutants):
    name, changed, change = PLANS[mutant]
    several = _Planner.several

    def other(self, step, ins, shapes, *options):
        made = change(ins, *options) if step == changed else (ins, options)
        return [ins[-1]] if made is None else several(self, step, made[0], shapes, *made[1])

    with mutants(f"plans of circuits: {mutant}"):
        monkeypatch.setattr(_Planner, "several", other)
        with pytest.raises(AssertionError):
            values_are_those_of_the_definition(name, run=lambda fn: fn)


def test_tables_are_looked_up():
    fn = LoweredCircuit(lift(embed("E", "V -> m"), "a b"), {"V": 7, "m": 3})
    params, index = fn.init(KEY), np.array([[0, 6], [3, 3]])
    np.testing.assert_array_equal(fn(params, index), params["E"][jnp.asarray(index)])


@pytest.mark.parametrize("of", ["value", "gradient"])
def test_a_block_of_gpt2_is_the_program_by_hand(of):
    """Oracle 25: the optimised program is the one that an expert writes, for the gradient too."""
    fn = cl.lower(gpt2_layer(), sizes={"m": 64, "h": 4, "d": 16, "f": 256})
    params, x = fn.init(KEY), jax.random.normal(KEY, (32, 64))
    programs, values = [], []
    for f in (fn, gpt2_block):
        g = f if of == "value" else jax.grad(lambda p, x, f=f: f(p, x).sum())
        compiled = jax.jit(g).lower(params, x).compile()
        programs.append(normal_form(compiled.as_text()))
        values.append(jax.tree.leaves(compiled(params, x)))
    assert programs[0] == programs[1]
    for one, other in zip(*values, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("of", ["value", "gradient"])
def test_convolutions_are_the_program_by_hand(name, of):
    circuit, by_hand, sizes = RESIDUAL[name]
    x = jax.random.normal(KEY, (2, 6, 6, 16))
    fn = cl.lower(circuit().at_dom(x.shape), sizes=sizes(16))
    params, programs = fn.init(KEY), []
    for f in (fn, by_hand):
        g = f if of == "value" else jax.grad(lambda p, x, f=f: (f(p, x) ** 2).sum())
        programs.append(normal_form(jax.jit(g).lower(params, x).compile().as_text()))
    assert programs[0] == programs[1]


def test_windows_have_known_values():
    """Oracle 16."""
    fn = cl.lower(conv("w", "[x] -> [x]", 3, pad=1))
    found = fn({"w": jnp.array([1.0, 0.0, -1.0])}, jnp.array([1.0, 2.0, 4.0, 7.0]))
    np.testing.assert_array_equal(found, [-2, -3, -5, 4])


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("convolution", ["convolve"]),
        ("convolution of channels in front", ["convolve"]),
        ("convolution of each channel", ["convolve"]),
        ("convolution of groups", ["convolve"]),
        ("convolutions of examples", ["convolve"]),
        ("windows that are padded by another number", ["take", "where", "einsum"]),
        ("greatest", ["pool"]),
        ("means of windows", ["pool", "times"]),
        ("a stride", ["slice"]),
        ("a stride that begins before", ["slice", "pad"]),
        ("shifted back", ["slice", "pad"]),
        ("patches", ["reshape", "reshape"]),
        ("concatenated", ["concatenate"]),
        ("third", ["slice"]),
    ],
)
def test_readings_are_the_best_that_are_known(name, steps):
    circuit, shapes, sizes = CASES[name]
    circuit = circuit.at_dom(*shapes).at(sizes)
    found = [step.name for step in programmed(circuit).steps]
    quiet = {"transpose", "reshape", "expand", "broadcast", "add"} - {*steps}
    assert [one for one in found if one not in quiet] == steps


@pytest.mark.parametrize("mode", ["gather", "dense", "auto"])
def test_two_of_three_experts(mode):
    """Oracle 22; the third index is in an entry of its own, and one array lacks the index."""

    @traced("x m")
    def two(t):
        g, i = top_k("[e -> k]", k=2)(linear("gate", "m -> e", e=3)(t))
        y = linear("W", "k, m -> k n", at="e", n=2)(i, t)
        return einsum("k, k n -> n")(softmax("[k]")(g), y)

    fn = cl.lower(two, sizes={"m": 2}, experts=mode)
    eye = np.eye(2, dtype="float32")
    params = {
        "gate": jnp.array([[1.0, 0, 2], [0, 1, -1]]),
        "W": np.stack([eye, 2 * eye, eye[::-1]]),
    }
    found = fn(params, jnp.array([[1.0, 2.0]] * 5))
    np.testing.assert_allclose(found, [[1.73105858, 3.46211716]] * 5, rtol=1e-6)
    names = [step.name for step in programmed(two.at_dom((5, 2)).at(m=2), experts=mode).steps]
    assert ("one_hot" in names) == (mode != "gather")


@pytest.mark.parametrize("pattern", ["k, k m -> k f", "k, k m -> f", "k, m -> k f"])
def test_experts_are_equal_read_and_applied(pattern):
    circuit = linear("w", pattern, at="e")
    fns = [cl.lower(circuit, sizes={"e": 4, "f": 3, "m": 2}, experts=one)
           for one in ("gather", "dense")]  # fmt: skip
    params, index = fns[0].init(KEY), jnp.array([3, 0, 3, 7])
    x = jax.random.normal(KEY, (4, 2) if "k m" in pattern else (2,))
    runs = [
        jax.jit(jax.value_and_grad(lambda p, fn=fn: (fn(p, index, x) ** 2).sum())) for fn in fns
    ]
    close(*(run(params) for run in runs))


def test_few_lookups_are_gathered_by_counts():
    circuit = linear("w", "k, k m -> k f", at="e", e=8, f=3).at(m=2)
    for count, name in ((15, "take"), (16, "one_hot")):
        names = {step.name for step in programmed(circuit.at_dom((count,), (count, 2))).steps}
        assert name in names


def test_norms_and_softmax_are_accumulated_in_a_wider_type():
    circuit = lift(norm("g", "[m]", kind="rms") >> linear("A", "m -> n") >> softmax("[n]"), "x")
    sizes = {"m": 512, "n": 64}
    plain, wide = (cl.lower(circuit, sizes=sizes, accumulate=one) for one in (None, "float32"))
    params = plain.init(KEY, "bfloat16")
    x = (3 * jax.random.normal(KEY, (16, 512))).astype("bfloat16")
    exact = jax.jit(plain)(*jax.tree.map(lambda x: x.astype("float32"), (params, x)))
    errors = []
    for fn in (plain, wide):
        text = str(jax.make_jaxpr(fn)(params, x))
        assert ("f32[16,64] = exp" in text) == (fn is wide)
        found = jax.jit(fn)(params, x)
        assert found.dtype == "bfloat16"
        errors.append(float(jnp.abs(found.astype("float32") - exact).mean()))
    assert errors[1] < errors[0]
    single = jax.eval_shape(wide, *jax.tree.map(lambda x: x.astype("float32"), (params, x)))
    assert single.dtype == "float32"


def test_what_is_known_is_computed_in_full_and_meets_arrays_in_their_type(monkeypatch, mutants):
    """Positions far apart stay apart at 16 bits, and what is turned by them stays narrow."""
    fn = cl.lower(rotary("x d", 10000.0).repeat(2, "turns"))
    x = jax.random.normal(KEY, (2048, 4))
    exact, narrow = fn({}, x), x.astype("bfloat16")
    found = fn({}, narrow)
    assert found.dtype == "bfloat16"
    np.testing.assert_allclose(found.astype("float32"), exact, atol=0.1)
    with mutants("positions at 16 bits"):
        monkeypatch.setitem(FUNCTIONS, "array", lambda x: jnp.asarray(x, "bfloat16"))
        other = jnp.abs(fn({}, narrow).astype("float32") - exact)
        assert other.max() > 1


@pytest.mark.parametrize(
    ("options", "names"),
    [({"experts": "denes"}, ["denes", "dense"]), ({"accumulate": "int8"}, ["accumulate", "int8"])],
)
def test_options_that_are_unknown_are_refused(options, names):
    with pytest.raises(CatlearnError) as caught:
        cl.lower(relu, **options)
    for name in names:
        assert name in str(caught.value)


def test_the_program_of_attention_is_as_text_the_one_by_hand():
    """Oracle 25: what is traced, before anything is optimised; a box runs where it is needed."""

    def by_hand(params, x):
        q, k = (mapped(params, name, "xm,mhd->xhd", x) for name in "QK")
        scores = jnp.einsum("xhd,yhd->hxy", q, k) * q.shape[-1] ** -0.5
        mask = jnp.arange(5)[:, None] >= jnp.arange(5)[None]
        scores = jnp.where(mask[None], scores, jnp.asarray(-jnp.inf, scores.dtype))
        weights = jax.nn.softmax(scores, axis=-1)
        v = mapped(params, "V", "xm,mhd->xhd", x)
        return mapped(params, "O", "xhd,hdm->xm", jnp.einsum("hxy,yhd->xhd", weights, v))

    fn = cl.lower(attention(causal=True).at_dom((5, 8)), sizes={"m": 8, "h": 2, "d": 4})
    params, x = fn.init(KEY), jnp.ones((5, 8))
    one, other = (str(jax.make_jaxpr(f)(params, x)) for f in (fn, by_hand))
    assert one == other


def test_options_of_losses_are_refused():
    with pytest.raises(CatlearnError) as caught:
        cl.lower(relu, stack=True)
    assert "sizes=" in str(caught.value)


def test_copies_of_dropout_draw_apart():
    """Oracle 23: two dropouts draw two masks, one draws one for all copies; none without a key."""
    two = LoweredCircuit(copy(2) >> lift(dropout(0.5), "x") @ lift(dropout(0.5), "x"))
    one = LoweredCircuit(lift(dropout(0.5), "x") >> copy(2))
    x = jnp.ones(64)
    a, b = two({}, x, key=KEY)
    assert not np.array_equal(a, b)
    assert set(np.unique(a)) == {0.0, 2.0}
    c, d = one({}, x, key=KEY)
    np.testing.assert_array_equal(c, d)
    np.testing.assert_array_equal(one({}, x)[0], x)


def test_dropouts_of_other_rates_draw_apart():
    x = jnp.ones(4000)
    two = lift(dropout(0.5), "x") @ lift(dropout(0.4), "x")
    a, b = (one > 0 for one in LoweredCircuit(copy(2) >> two)({}, x, key=KEY))
    both = float((a & b).mean())
    assert abs(both - 0.5 * 0.6) < 0.03


def test_equal_circuits_draw_the_same():
    drop = lift(dropout(0.5), "x")
    f = compose(copy(2), idle @ drop, drop @ idle)
    again = cl.Circuit.parse(str(f))
    assert again == f
    x = jnp.ones(64)
    for one, other in zip(*(LoweredCircuit(c)({}, x, key=KEY) for c in (f, again)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_integers_are_masked_as_numbers_are():
    found = cl.lower(where("x y", "y <= x"))({}, jnp.ones((2, 2), int))
    np.testing.assert_array_equal(found, [[1.0, -np.inf], [1.0, 1.0]])


def test_names_of_parameters_that_stand_in_others_are_refused():
    f = linear("a", "m -> n") >> linear("a/b", "n -> p")
    with pytest.raises(CatlearnError) as caught:
        LoweredCircuit(f)
    assert "'a'" in str(caught.value)


def test_transposed_tables_are_shared():
    tied = embed("wte", "V -> m") >> linear("wte", "m -> V", transpose=True)
    fn = LoweredCircuit(lift(tied, "x"), {"V": 5, "m": 3})
    params = fn.init(KEY)
    assert list(params) == ["wte"]
    np.testing.assert_allclose(
        fn(params, np.array([2, 0])), params["wte"][jnp.array([2, 0])] @ params["wte"].T, rtol=1e-6
    )


def test_names_are_nested():
    f = linear("A", "m -> n").named("enc") >> gelu() >> linear("A", "n -> p").named("dec")
    params = LoweredCircuit(f, {"m": 2, "n": 3, "p": 4}).init(KEY)
    assert params["enc"]["A"].shape == (2, 3)
    assert params["dec"]["A"].shape == (3, 4)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: LoweredCircuit(linear("A", "m -> f")).init(KEY), ["'A'", "'f': ..."]),
        (lambda: LoweredCircuit(linear("A", "m -> f"), {"g": 3}), ["g", "f"]),
        (lambda: LoweredCircuit(relu)({}, 1.0, 2.0), ["1", "2"]),
        (lambda: LoweredCircuit(softmax("[y]"))({}, jnp.ones((2, 3))), ["R[y]", "(2, 3)"]),
        (lambda: LoweredCircuit(linear("A", "m -> f"))({}, jnp.ones(2)), ["'A'", "missing"]),
        (lambda: LoweredCircuit(linear("A", "m -> f"))({"E": {"A": 1}}, jnp.ones(2)), ["E/A"]),
        (lambda: LoweredCircuit(linear("A", "m -> f", init="lecum")), ["lecum", "lecun"]),
        (
            lambda: LoweredCircuit(linear("A", "m -> f"))({"A": jnp.ones((3, 4))}, jnp.ones(2)),
            ["2", "3"],
        ),
        (lambda: LoweredCircuit(3), ["circuit", "3"]),
        (lambda: LoweredCircuit(linear("A", "m -> n", init="lecun(2)")), ["lecun(2)"]),
        (lambda: LoweredCircuit(relu)({}, jnp.ones((2, 3))), ["lift(circuit"]),
        (lambda: LoweredCircuit(relu)(jnp.ones(())), ["parameters"]),
        (lambda: LoweredCircuit(add)({}, "a", None), ["input 0", "'a'", "input 1", "None"]),
        (lambda: LoweredCircuit(relu)({}, 1j), ["input 0", "R[]", "complex"]),
        (lambda: LoweredCircuit(relu)({}, [[1.0], [1.0, 2.0]]), ["input 0", "R[]"]),
        (lambda: LoweredCircuit(relu)({}, KEY), ["input 0", "key"]),
        (
            lambda: LoweredCircuit(embed("E", "V -> m"), {"V": 3, "m": 2})(
                {"E": np.ones((3, 2))}, 1.5
            ),
            ["input 0", "N<V>", "float"],
        ),
        (
            lambda: LoweredCircuit(linear("A", "m -> f"))({"A": "x"}, object()),
            ["input 0", "parameter 'A'", "'x'"],
        ),
        (
            lambda: LoweredCircuit(softmax("[y]").at_dom((8,)))({}, jnp.ones(7)),
            ["axis y of softmax", "7", "8"],
        ),
    ],
)
def test_errors_name_what_is_wrong(call, names):
    with pytest.raises(CatlearnError) as caught:
        call()
    for name in names:
        assert name in str(caught.value)


def test_a_circuit_is_a_model_on_an_edge():
    """The square with a circuit as encoder has the loss and gradient of a program by hand."""
    X, F, Y = cl.Space("X", (6, 5)), cl.Space("F", 8), cl.Categorical("Y", 3)
    circuit = residual(norm("ln", "[m]") >> linear("A", "m -> m'", **{"m'": 5})) >> linear(
        "B", "m -> f"
    ) >> relu >> mean("[x] f -> f")  # fmt: skip
    encoder = cl.Model("encoder", X, F, circuit)
    head = cl.Model("head", F, Y, linear("C", "f -> k", bias=True))
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(20, 6, 5)).astype("float32"), rng.integers(0, 3, 20)
    data = cl.Dataset("digits", X=(X, images), Y=(Y, labels))
    square = cl.glue(cl.LearningDiagram(data), cl.LearningDiagram(encoder, head))
    fn = cl.lower(square.loss("all"))
    params, state = fn.init(KEY)
    batch = {"digits": {"X": images, "Y": labels}}

    def by_hand(p):
        def one(x):
            t = x - x.mean(-1, keepdims=True)
            t = t * jax.lax.rsqrt(jnp.square(t).mean(-1, keepdims=True) + 1e-5)
            t = t * p["encoder"]["ln.gain"] + p["encoder"]["ln.shift"]
            x = x + t @ p["encoder"]["A"]
            hidden = jax.nn.relu(x @ p["encoder"]["B"]).mean(0)
            return hidden @ p["head"]["C"] + p["head"]["C.bias"]

        logits = jax.nn.log_softmax(jax.vmap(one)(images))
        return -logits[jnp.arange(20), labels].mean()

    def lowered(p):
        return fn(p, state, batch)[0]

    values = [jax.jit(jax.value_and_grad(f))(params) for f in (lowered, by_hand)]
    np.testing.assert_allclose(values[0][0], values[1][0], rtol=1e-6)
    for one, other in zip(*(jax.tree.leaves(v[1]) for v in values), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)


def test_equal_circuits_are_one_architecture():
    X, Y = cl.Space("X", 4), cl.Space("Y", 4)
    patterns = ("m -> n", "k -> n")
    labels = [cl.Model("f", X, Y, linear("A", pattern)).architecture for pattern in patterns]
    assert labels[0] == labels[1]
    assert hash(labels[0]) == hash(labels[1])


def test_sizes_that_only_the_target_gives_are_known_when_it_runs():
    X, Y = cl.Space("X", 4), cl.Space("Y", (3, 4))
    model = cl.Model("repeat", X, Y, view("m -> k m"))
    x = jnp.arange(20.0).reshape(5, 4)
    found = model.architecture.apply({}, x)
    np.testing.assert_array_equal(found, np.repeat(np.asarray(x)[:, None], 3, axis=1))


def test_labels_are_looked_up_on_an_edge():
    words = cl.Categorical("words", 7)
    E = cl.Model("E", words, cl.Space("V", 3), embed("E", "V -> m"))
    params = E.architecture.init(KEY, words.label, cl.Space("V", 3).label)
    hot = np.eye(7, dtype="float32")[[2, 5]]
    found = E.architecture.apply(params, jnp.asarray(hot))
    np.testing.assert_allclose(found, params["E"][jnp.array([2, 5])])


def test_dropout_on_an_edge_is_for_training():
    X = cl.Space("X", 64)
    model = cl.Model("drop", X, X, linear("A", "m -> n") >> dropout(0.5))
    params = model.architecture.init(KEY, X.label, X.label)
    x = jnp.ones((2, 64))
    evaluated = model.architecture.run(params, x)[0]
    trained = model.architecture.run(params, x, key=KEY, train=True)[0]
    assert not np.any(np.asarray(evaluated) == 0)
    assert np.any(np.asarray(trained) == 0)


def test_sizes_on_an_edge_are_keywords_or_a_mapping_and_arrays_may_be_lists():
    X, Y = cl.Space("X", 2), cl.Space("Y", 3)
    circuit = linear("A", "m -> h") >> linear("B", "h -> k")
    assert cl.Model("f", X, Y, circuit, sizes={"h": 4}) == cl.Model("f", X, Y, circuit, h=4)
    fn = LoweredCircuit(circuit, {"m": 2, "h": 4, "k": 3})
    params = fn.init(KEY)
    assert np.array_equal(fn(params, [1.0, 2.0]), fn(params, np.array([1.0, 2.0])))


@pytest.mark.parametrize("dtype", [int, bool])
@pytest.mark.parametrize(
    ("circuit", "variable"),
    [
        (linear("A", "m -> h"), None),
        ((linear("A", "m -> h") >> linear("B", "h -> m")).repeat(2, "layers"), None),
        (softmax("[m]") @ idle >> einsum("m, m ->"), "m"),
        (mean("[m] ->"), "m"),
        (cumsum("[m]"), "m"),
    ],
)
def test_whole_numbers_and_booleans_for_real_ones_become_these(circuit, variable, dtype):
    fn = LoweredCircuit(circuit, {"m": 4, "h": 3} if circuit.parameters else None)
    params = fn.init(KEY)
    given = [jnp.array([1, 1, 0, 3], dtype)] * len(circuit.dom)
    real = [one.astype(float) for one in given]
    want, found = fn(params, *real), fn(params, *given)
    np.testing.assert_array_equal(found, want)
    assert found.dtype == want.dtype
    if variable:
        fold = cl.lower(cl.streams.stream(circuit, variable), block=2)
        np.testing.assert_allclose(fold(params, *given), want, rtol=1e-6)


def test_directions_have_norm_1_also_of_zero():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    found = cl.lower(lift(unit("[m]"), "x"))({}, x)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("circuit", "sizes", "names"),
    [
        (linear("A", "m -> h") >> linear("B", "h -> k"), {}, ["h"]),
        (linear("A", "m -> k", k=3), {}, ["3", "2"]),
        (einsum("m, m -> m"), {}, ["2 arrays"]),
    ],
)
def test_edges_that_do_not_fit_are_refused(circuit, sizes, names):
    X, Y = cl.Space("X", 4), cl.Space("Y", 2)
    with pytest.raises(CatlearnError) as caught:
        cl.LearningDiagram(cl.Model("f", X, Y, circuit, **sizes))
    for name in names:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("conditions", "hidden"),
    [
        (["y <= x"], False),
        (["y < x"], True),
        (["y <= x, x - y < 3"], False),
        (["y <= x", "y >= 2"], True),
        (["2*y <= x, 2*y >= x"], True),
        (["2*y <= x, 2*y >= x - 1"], False),
        (["1 <= 0"], True),
        (["y >= 5"], True),
        (["y >= 4"], False),
    ],
)
def test_masks_that_hide_a_whole_row_are_refused(conditions, hidden):
    """Where conditions decide it; counted by hand, also where one mask follows another."""
    masks = [where("x y", one) for one in conditions]
    values = [cl.lower(mask)({}, jnp.zeros((5, 5))) for mask in masks]
    assert bool(jnp.any(jnp.all(sum(values) == -jnp.inf, axis=1))) == hidden
    fn = cl.lower(compose(*masks, softmax("[y]")))
    if not hidden:
        assert jnp.all(jnp.isfinite(fn({}, jnp.zeros((5, 5)))))
        return
    with pytest.raises(CatlearnError) as caught:
        fn({}, jnp.zeros((5, 5)))
    assert [one.law for one in caught.value.failures] == ["lowering"]


def test_finite_masks_and_other_axes_hide_nothing():
    for f in (
        where("x y", "y < x", outside=-1e9) >> softmax("[y]"),
        where("x y", "y <= x") >> softmax("[x] y"),
        where("x y") >> softmax("[y]"),
    ):
        given = [jnp.zeros((3, 3), bool)] * (len(f.dom) - 1)
        cl.lower(f)({}, *given, jnp.zeros((3, 3)))


def test_indices_outside_of_their_axis_are_listed():
    fn = cl.lower(embed("T", "V -> m"), sizes={"V": 3, "m": 2})
    assert fn.failures(np.array([0, 1, 2])) == []
    assert [one.law for one in fn.failures(np.array([[0, -1], [3, 1]]))] == ["lookup"]


def test_indices_outside_of_their_axis_are_refused_on_request_also_inside_of_jit():
    """The size of the axis is that of the parameter; otherwise nothing is changed."""
    table = {"T": jnp.arange(6.0).reshape(3, 2)}
    clipped, fn = (cl.lower(lift(embed("T", "V -> m"), "x"), check=one) for one in (False, True))
    run = jax.jit(checkify.checkify(fn))
    for index in ([0, 2], [1, 3], [-1, 0]):
        index = jnp.array(index)
        inside = bool(((index >= 0) & (index < 3)).all())
        error, found = run(table, index)
        np.testing.assert_array_equal(found, clipped(table, index))
        assert (error.get() is None) == inside
        if inside:
            np.testing.assert_array_equal(fn(table, index), found)
            continue
        assert "input 0" in error.get()
        with pytest.raises(CatlearnError) as caught:
            fn(table, index)
        assert [one.law for one in caught.value.failures] == ["lookup"]


SIDES = ("ab->a", "abc->ca", "ab,bc->ac", "ab,cb->ca", "ab,a->ba", "b,a->ab", "abc,acd->bda",
         "ab,ab->a", "a,a->", "aab->b", "ab,b,c->ac", "ab,c->a")  # fmt: skip


def cosines(side):
    shape = [2 + "abcd".index(letter) for letter in side]
    return jnp.cos(jnp.arange(np.prod(shape, initial=1))).reshape(shape)


X, N = jnp.array([[1.5, -2, jnp.nan]]), jnp.array([[3, -1, 2]])
PAIRS = (X, -X), (N, X), (N, N[:, :1]), (X.astype("float32"), X)
MASKED = [(mask, x, -np.inf) for mask in (N > 0, 1.0 * (N > 0)) for x in (X, N)]
STEPS = [
    *(("einsum", *map(cosines, text.partition("->")[0].split(",")), text) for text in SIDES),
    *((name, *some) for name in ("add", "mul", "larger") for some in PAIRS),
    *((name, some) for name in ("neg", "exp", "log", "abs", "square") for some in (X, N)),
    *(("where", *some) for some in MASKED),
    *(("max", some, (1,)) for some in (X, N, N > 0)),
]
"""Steps of programs with what they are given."""


def test_what_is_traced_sooner_is_the_same(mutants, monkeypatch):
    def step(table, name, given):
        real = [k for k, x in enumerate(given) if isinstance(x, jax.Array) and x.dtype.kind == "f"]

        def run(*own):
            known = dict(zip(real, own, strict=True))
            return table[name](*(known.get(k, x) for k, x in enumerate(given)))

        made, back = jax.vjp(run, *(given[k] for k in real))
        return [made, *(back(jnp.ones_like(made)) if real else ())]

    def agree():
        tables = FUNCTIONS, SOONER
        made = jax.jit(lambda: [[x for name, *given in STEPS for x in step(table, name, given)]
                                for table in tables])()  # fmt: skip
        return all(a.dtype == b.dtype and np.allclose(a, b, 1e-14, 0, equal_nan=True)
                   for a, b in zip(*made, strict=True))  # fmt: skip

    assert agree()
    changes = {"einsum": lambda x, *rest: FUNCTIONS["einsum"](-x, *rest), "larger": jnp.fmax}
    for name, other in changes.items():
        with mutants(f"what is traced sooner: {name}"), monkeypatch.context() as changed:
            changed.setitem(SOONER, name, other)
            assert not agree()
