"""Optimised functions: the numbers of the original, in less memory, under JAX's transformations."""

import os
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P

import catlearn as cl
from catlearn.arrays import idle
from catlearn.arrays.boxes import line_text
from catlearn.costing import devices
from catlearn.errors import InvalidStructure
from catlearn.importing import (
    ImportRefused,
    NoPlan,
    NumbersDiffer,
    optimise,
    optimising,
    unoptimised,
)
from catlearn.lowering.streaming import StreamedCircuit
from catlearn.streams import folding


def attention(q, k, v, causal=True):
    scores = jnp.einsum("qd,xd->qx", q, k) / np.sqrt(q.shape[-1])
    if causal:
        scores = jnp.where(jnp.tri(len(q), len(k), dtype=bool), scores, -jnp.inf)
    return jnp.einsum("qx,xe->qe", jax.nn.softmax(scores, -1), v)


def arrays(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape), jnp.float32) for shape in shapes]


QKV = arrays((256, 8), (256, 8), (256, 8))


def close(one, other, tolerance=2e-6):
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        np.testing.assert_allclose(
            np.asarray(x, float), np.asarray(y, float), atol=tolerance * (1 + np.abs(x).max())
        )


def compare(fn, fast, *given, tolerance=2e-6):
    """Compare what two functions make of arrays, compiled as one."""
    close(*jax.jit(lambda *given: (fn(*given), fast(*given)))(*given), tolerance)


def loss(params, x, labels):
    scores = jnp.tanh(x @ params["up"]) @ params["down"]
    return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()


LOSS = (
    dict(zip(("up", "down"), arrays((8, 16), (16, 2048)), strict=True)),
    *arrays((128, 8), seed=1),
    jnp.arange(128) % 2048,
)


@pytest.mark.parametrize("wrong", [3, "x", np.ones(300), idle])
def test_what_is_no_function_is_refused_also_by_a_decorator_with_options(wrong):
    for decorator in (cl.optimise, cl.optimise(block=4)):
        with pytest.raises(InvalidStructure) as caught:
            decorator(wrong)
        (failure,) = caught.value.failures
        assert failure.law == "fn"
        assert len(str(failure)) < 120


@pytest.mark.parametrize(("fn", "given"), [(attention, QKV), (loss, LOSS)])
def test_values_and_gradients_are_those_of_the_original(fn, given):
    fast = optimise(fn)
    assert len(fast.plan(*given).streams.streamed) == 1
    close(fn(*given), fast(*given))
    square = lambda f: lambda first, *rest: jnp.square(f(first, *rest)).sum()  # noqa: E731
    compare(jax.grad(square(fn)), jax.grad(square(fast)), *given)
    report = fast.report(*given)
    assert report.difference < 1e-5
    assert report.gradient.memory[1] < report.gradient.memory[0] / 4
    assert "temporary memory" in str(report)
    assert min(report.gradient.running) > 0
    assert all(before > after > 0 for before, after in report.predicted[:1])


def test_entries_that_no_block_reads_have_no_gradient():
    def biased(q, k, v, b):
        return jax.nn.softmax(q @ k.T + b[:16], -1) @ v

    given = arrays((8, 2), (16, 2), (16, 2), (20,))
    fast = optimise(biased, block=4, threshold=1)
    assert len(fast.plan(*given).streams.streamed) == 1
    slopes = [jax.grad(lambda *x, f=f: jnp.sin(f(*x)).sum(), (0, 1, 2, 3)) for f in (biased, fast)]
    compare(*slopes, *given)


def test_what_a_gradient_forms_whole_is_streamed_too():
    """The reverse pass of attention as JAX writes it: one fold for each side, and the softmax."""
    gradient = jax.grad(lambda *given: jnp.sin(attention(*given)).sum(), argnums=(0, 1, 2))
    fast, given = optimise(gradient), arrays((256, 32), (256, 32), (256, 32))
    plan = fast.plan(*given)
    assert sorted(len(one.state) for one in plan.streams.streamed) == [1, 2, 3]
    compare(gradient, fast, *given)
    report = fast.report(*given)
    assert report.value.memory[1] < report.value.memory[0] / 2


def test_layers_are_streamed_alike():
    """What a layer before forms is no part of an attention, though its keys are made of it."""
    weights = dict(zip("qkv", arrays((16, 16), (16, 16), (16, 16)), strict=True))
    up, down = arrays((16, 64), (64, 16), seed=1)

    def model(weights, x):
        for _ in range(2):
            x = x + attention(*(x @ weights[name] for name in "qkv"))
            x = x + jax.nn.gelu(x @ up) @ down
        return x

    (x,) = arrays((256, 16), seed=2)
    fast = optimise(model)
    sizes = sorted(one.largest for one in fast.plan(weights, x).streams.streamed)
    assert sizes[-2:] == [256 * 256, 256 * 256]
    close(model(weights, x), fast(weights, x), 1e-5)
    circuit = cl.from_jax(model, weights, x)
    shapes = [one.shape for one in (*jax.tree.leaves(weights), x)]
    refused = StreamedCircuit(circuit, slower=0, threshold=256 * 256).plan(*shapes).refused
    line = attention.__code__.co_firstlineno + 4
    place = f"dot_general/x at {line_text(f'{__file__}:{line} (attention)')}"
    assert [*refused] == [place, f"{place} (2)"]


def test_plans_say_line_function_and_scope():
    def mixed(q, k, v):
        with jax.named_scope("layer"), jax.named_scope("mixing"):
            mixed = attention(q, k, v)
        return q + mixed

    line = attention.__code__.co_firstlineno + 4
    place = line_text(f"{__file__}:{line} (attention)") + ", in layer/mixing"
    plan = optimise(mixed).plan(*QKV)
    assert [one.place for one in plan.streams.streamed] == [place]
    assert f"dot_general/x at {place}: " in str(plan)


def test_what_gains_nothing_is_left_alone():
    fast = optimise(attention)
    small = [one[:16] for one in QKV]
    assert fast.plan(*small).left_alone
    assert not fast.plan(*QKV).left_alone
    close(attention(*small), fast(*small))
    printed = optimise(lambda *given: (jax.debug.print("{}", given[0].sum()), attention(*given))[1])
    assert printed.plan(*QKV).left_alone
    turned = lambda x, y: jnp.abs(x @ y.T).sum(1)  # noqa: E731
    pair = QKV[0] + 1j * QKV[1], QKV[1] * 1j
    assert optimise(turned).plan(*pair).left_alone
    close(turned(*pair), optimise(turned)(*pair), 1e-5)
    counted = optimise(lambda x: x[: int(x.sum())])
    assert counted(np.ones(3)).shape == (3,)
    assert counted.plan(np.ones(3)).left_alone


def test_plans_say_why_nothing_is_done_and_what_is_gained():
    roomy = optimise(attention, memory="1 GiB", progress=False)
    for plan in (
        optimise(attention).plan(*(one[:16] for one in QKV)),
        optimise(lambda x: x[: int(x.sum())]).plan(np.ones(3)),
        roomy.plan(*QKV),
    ):
        assert plan.reason
        assert str(plan).count(plan.reason) == 1
    found = optimise(lambda x, w: jax.nn.gelu(x)[0] @ w).plan(np.ones((512, 64)), np.ones((64, 8)))
    assert not found.left_alone
    before, after = found.counts
    assert before.multiply_adds == after.multiply_adds  # what is shown is what differs
    assert before.operations > after.operations
    assert f"{before.multiply_adds:,} ->" not in str(found)
    assert f"{before.operations:,} -> {after.operations:,}" in str(found)


@pytest.mark.parametrize(
    ("fn", "given"),
    [
        (lambda x: {"l": x.sum(), "name": "a"}, np.ones(3)),
        (lambda x: np.add(x, 1).tolist(), np.ones(3)),
        (lambda n: jnp.arange(n), 3),
    ],
)
def test_what_cannot_be_traced_runs_as_it_is(fn, given):
    fast = optimise(fn, check=True)
    assert str(fast(given)) == str(fn(given))
    plan = fast.plan(given)
    assert plan.left_alone
    assert plan.program is None
    place = f"<lambda> at test_optimising.py:{fn.__code__.co_firstlineno}"
    assert place in str(plan) or "<lambda>: returned" in str(plan)
    assert "static_argnums" in str(plan) or not isinstance(given, int)
    with pytest.raises(ImportRefused, match="<lambda>"):
        fast.report(given)


def test_an_error_of_the_function_is_its_own():
    def refusing(x):
        raise KeyError("weights")

    with pytest.raises(KeyError, match="weights"):
        optimise(refusing)(np.ones(3))
    with pytest.raises(TypeError, match="takes 1 positional"):
        optimise(lambda x: x)(np.ones(3), 1)


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_typed_keys_are_arguments_and_results(kind):
    def dropped(q, key):
        here, after = jax.random.split(key)
        kept = jax.random.bernoulli(here, 0.9, q.shape)
        return (jax.nn.softmax(q @ q.T) @ q * kept).sum(), after

    fast, key = optimise(dropped, check=True), jax.random.key(1, impl=kind)
    assert fast.plan(QKV[0], key).streams.streamed
    assert cl.from_jax(dropped, QKV[0], jax.ShapeDtypeStruct((), key.dtype)).coverage
    before, after = (jax.value_and_grad(one, has_aux=True)(QKV[0], key) for one in (dropped, fast))
    assert before[0][1] == after[0][1]
    close((before[0][0], before[1]), (after[0][0], after[1]), 1e-5)


def test_the_original_is_the_way_back():
    fast = optimise(attention)
    assert fast.original is attention
    with unoptimised():
        assert (fast(*QKV) == attention(*QKV)).all()
        assert "scan" not in str(jax.make_jaxpr(lambda *given: fast(*given))(*QKV))
    assert "scan" in str(jax.make_jaxpr(lambda *given: fast(*given))(*QKV))


def test_transformations():
    fast = optimise(attention)
    stacked = [jnp.stack([one, one + 1]) for one in QKV]
    compare(jax.vmap(attention), jax.vmap(fast), *stacked)

    def curvature(f):
        slope = jax.grad(lambda q: jnp.square(f(q, *QKV[1:])).sum())
        return jax.grad(lambda q: jnp.vdot(slope(q), QKV[0]))

    compare(curvature(attention), curvature(fast), QKV[0], tolerance=2e-5)

    def outside(weight):
        """What is closed over is traced, too."""
        inner = lambda f: f(lambda q: attention(q * weight, *QKV[1:]))(QKV[0]).sum()  # noqa: E731
        return inner(lambda g: g), inner(optimise)

    close(*jax.jit(outside)(1.5))
    close(*jax.jit(jax.jacrev(outside))(1.5), tolerance=1e-5)


MESH = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("x",))
WITHIN = {
    "vjp": lambda f, *given: jax.vjp(f, *given)[1](given[0]),
    "checkpoint": lambda f, *given: jax.grad(square(jax.checkpoint(f)), (0, 1, 2))(*given),
    "scan": lambda f, *given: jax.grad(
        lambda *own: square(jax.lax.scan)(lambda q, _: (f(q, *own[1:]), None), own[0], None, 2)
        , (0, 1, 2))(*given),
    "shard_map": lambda f, *given: jax.grad(square(
        jax.shard_map(lambda *own: jax.vmap(f)(*own), mesh=MESH, in_specs=P("x"), out_specs=P("x"))
    ), (0, 1, 2))(*(one[None] for one in given)),
}  # fmt: skip


def test_what_picks_by_labels_may_be_of_another_width():
    def fn(x, labels):
        return jnp.flip(jax.nn.one_hot(labels, 7, dtype=x.dtype) @ jnp.flip(x, 1), 0).sum()

    with jax.enable_x64(True):
        x, labels = jnp.asarray(np.random.default_rng(0).normal(size=(7, 7))), jnp.arange(5)
        fast = optimise(fn, threshold=1, block=2)
        compare(jax.value_and_grad(fn), jax.value_and_grad(fast), x, labels, tolerance=1e-14)


def rounds(x, emits, reverse=False):
    """Rounds within rounds; what is emitted may need how the inner ones end."""

    def within(c, row):
        end, made = jax.lax.scan(lambda d, z: (d * 0.7 + z, jnp.tanh(d)), c, row, reverse=reverse)
        return end, emits(made, end)

    return jax.lax.scan(within, 0.0, x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "emits", [lambda made, end: made * end, lambda made, end: made.sum(), lambda made, end: None]
)
def test_rounds_within_rounds_keep_their_beginnings_and_ends(emits, reverse):
    def fn(x):
        return rounds(x, emits, reverse)

    given, fast = arrays((8, 4)), optimise(fn, threshold=1, block=2)
    compare(fn, fast, *given)
    compare(jax.grad(square(fn)), jax.grad(square(fast)), *given, tolerance=1e-5)


def square(fn):
    return lambda *given: jnp.square(jax.tree.leaves(fn(*given))[0]).sum()


@pytest.mark.parametrize("name", WITHIN)
def test_inside_of_others_it_is_as_the_original(name):
    given, fast = arrays(*[(32, 4)] * 3), optimise(attention, threshold=0, block=8)
    assert not fast.plan(*given).left_alone
    compare(*(lambda *own, f=f: WITHIN[name](f, *own) for f in (attention, fast)), *given)


def test_what_is_linearised_is_refused_but_for_the_original():
    given, fast = arrays(*[(32, 4)] * 3), optimise(attention, threshold=0, block=8)
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.linearize(fast, *given)[1](*given)
    with unoptimised():
        made = jax.linearize(fast, *given)[1](*given)
    close(jax.jvp(attention, given, given)[1], made)


def test_a_custom_rule_in_front_of_attention_is_kept():
    @jax.custom_vjp
    def rounded(x):
        return jnp.round(x)

    rounded.defvjp(lambda x: (jnp.round(x), None), lambda _, given: (given,))
    fn = lambda q, k, v: attention(rounded(q), k, v)  # noqa: E731
    fast = optimise(fn)
    assert not fast.plan(*QKV).left_alone
    total = lambda f: lambda *given: jnp.square(f(*given)).sum()  # noqa: E731
    compare(jax.grad(total(fn), (0, 1, 2)), jax.grad(total(fast), (0, 1, 2)), *QKV)


def test_kinds_of_arguments_have_plans_of_their_own():
    fast = optimise(attention, static_argnums=3)
    for kind, tolerance in ((jnp.float32, 2e-6), (jnp.bfloat16, 2e-2)):
        given = [one.astype(kind) for one in QKV]
        for causal in (True, False, True):
            fns = (lambda *given, f=f, causal=causal: f(*given, causal) for f in (attention, fast))
            compare(*fns, *given, tolerance=tolerance)
    scaled = optimise(lambda q, scale: attention(q * scale, *QKV[1:]))
    for scale in (2, 2.0, jnp.float32(2)):
        close(scaled.original(QKV[0], scale), scaled(QKV[0], scale))
    counts = [len(fast._plans), len(scaled._plans)]
    assert counts == [4, 3]
    with jax.enable_x64(True):
        given = [np.asarray(one, float) for one in QKV]
        compare(attention, fast, *given, tolerance=1e-13)
    assert len(fast._plans) == 5


def test_integers_below_zero_count_from_the_end_where_they_do():
    params, x, labels = LOSS
    close(loss(params, x, labels - 2048), optimise(loss)(params, x, labels - 2048))
    q, weights, values = arrays((7, 4), (4, 11), (11, 3))
    labels = jnp.array([0, 3, -1, 10, -11, 2, 5])
    some, many = jnp.array([-1, 3, -30, 0, 5, -5, 1, 2, 4, 6, 7]), jnp.arange(7) - 7

    def taken(q, labels):
        found = jax.nn.log_softmax(q @ weights)
        return jnp.take_along_axis(found, labels[:, None], 1)[:, 0]

    for fn, own in (
        (lambda q, n: jnp.where(n >= 0, taken(q, n), 0).sum(), labels),
        (lambda q, n: (taken(q, n) * n).sum(), labels),
        (lambda q, n: taken(q, n).sum() + jnp.arange(7.0)[n].sum(), many),
        (lambda q, n: jax.nn.softmax(q @ weights) @ jnp.take(values, n, axis=0, mode="clip"), some),
    ):
        fast = optimise(fn, threshold=0, block=4)
        assert not fast.plan(q, own).left_alone
        total = [lambda q, f=f, n=own: jnp.sin(f(q, n)).sum() for f in (fn, fast)]
        close(*(jax.value_and_grad(one)(q) for one in total), tolerance=1e-4)


def test_rows_that_a_mask_hides_are_as_in_jax():
    q, k, v = arrays((7, 4), (11, 4), (11, 3))
    mask = jnp.asarray(np.random.default_rng(1).random((7, 11)) < 0.5).at[2].set(False)

    def hidden(q, k, v):
        return jax.nn.softmax(q @ k.T, where=mask) @ v

    fast = optimise(hidden, threshold=0, block=4)
    for f in (hidden, jax.grad(lambda *own: jnp.sin(hidden(*own)).sum(), (0, 1, 2))):
        own = fast if f is hidden else jax.grad(lambda *own: jnp.sin(fast(*own)).sum(), (0, 1, 2))
        for one, other in zip(
            jax.tree.leaves(f(q, k, v)), jax.tree.leaves(own(q, k, v)), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_memory_bounds_a_forward_pass():
    q = jax.ShapeDtypeStruct((4096, 64), jnp.float32)

    def plain(q, k, v):
        return attention(q, k, v, causal=False)

    assert not optimise(plain, memory="2 MiB").plan(q, q, q).left_alone
    assert optimise(plain, memory="1 GiB").plan(q, q, q).left_alone


def test_memory_is_a_bound_of_the_compiled_peak():
    gradient = jax.grad(lambda *given: attention(*given).sum(), argnums=(0, 1, 2))
    whole = jax.jit(gradient).lower(*QKV).compile()
    before = whole.memory_analysis().temp_size_in_bytes
    allowed = before // 3
    made = jax.jit(optimise(gradient, memory=allowed)).lower(*QKV).compile()
    close(whole(*QKV), made(*QKV))
    assert made.memory_analysis().temp_size_in_bytes <= allowed
    assert optimise(gradient, memory="1 GiB").plan(*QKV).left_alone
    with pytest.raises(NoPlan) as refused:
        optimise(gradient, memory="1 KiB").plan(*QKV)
    assert refused.value.memory == 1024
    assert f"memory={refused.value.least} " in str(refused.value)
    assert not optimise(gradient, memory=refused.value.least).plan(*QKV).left_alone
    assert 1024 < refused.value.least < before


def test_a_plan_within_a_bound_is_found_by_halves(monkeypatch):
    """It is the first of those that fit, where peaks fall, and few are compiled."""
    sizes, compiled = (96, 64, 48, 32), []
    passes = [SimpleNamespace(largest=n, title=f"pass of {n}") for n in sizes]
    options = SimpleNamespace(gradient=False, progress=False)
    call = SimpleNamespace(flat=(128, 0), specs=[])

    def peak(run):
        return 2000 * run[0] + run[1]

    def made(fn, specs):
        compiled.append(fn)
        return None, peak(fn), 0.0

    monkeypatch.setattr(optimising, "_compiled", made)
    monkeypatch.setattr(optimising, "_streamed", lambda call, program, options, block, size: (
        SimpleNamespace(run=(size, block), streams=SimpleNamespace(streamed=passes))))  # fmt: skip
    every = [(128, 0), *((n, block) for n in sizes for block in optimising.BLOCKS)]
    for one in every:
        compiled.clear()
        assert optimising._within(call, None, options, peak(one)).run == one
        assert len(compiled) <= 1 + 4 + 4
        assert len(compiled) == len({*compiled})
    compiled.clear()
    with pytest.raises(NoPlan, match="pass of 96") as refused:
        optimising._within(call, None, options, peak(every[-1]) - 1)
    assert refused.value.least == peak(every[-1])
    assert len(compiled) == 1 + 4


def test_a_wrong_number_is_refused_where_it_is_checked(monkeypatch):
    from catlearn.models import circuits

    optimise(attention, check=True)(*QKV)
    shifted = circuits.FUNCTIONS["shifted"]
    monkeypatch.setitem(circuits.FUNCTIONS, "shifted", lambda x, y: shifted(y, x))
    with pytest.raises(NumbersDiffer):
        optimise(attention, check=True)(*QKV)


def test_what_rounding_does_to_the_original_is_no_other_number():
    """Gradients of equal scores are 0 but for rounding, which is as large as they are."""
    ones = jnp.ones((512, 64))

    def plain(q, k, v):
        return attention(q, k, v, causal=False)

    assert optimise(plain).report(*[ones] * 3).difference > 1e-4
    optimise(plain, check=True)(*[ones] * 3)


def test_time_is_predicted_for_a_device():
    times = [optimise(attention, device=device).plan(*QKV).streams.streamed[0].price.blocks.serial
             for device in ("cpu", devices["A100"], "H100")]  # fmt: skip
    assert times == sorted(times, reverse=True)
    assert len({*times}) == 3


def test_bad_options_are_listed():
    with pytest.raises(InvalidStructure) as refused:
        optimise(attention, block=0, threshold=-1, min_saving=0.5, tolerance=-1)
    assert len(refused.value.failures) == 4
    with pytest.raises(InvalidStructure) as refused:
        optimise(attention, memory="8 pounds", block=0, device="H300")
    assert {one.law for one in refused.value.failures} == {"memory", "block", "device"}
    with pytest.raises(InvalidStructure) as refused:
        optimise(attention, rules=3, static_argnums=1.5, static_argnames=1)
    wrong = {"rules", "static_argnums", "static_argnames"}
    assert {one.law for one in refused.value.failures} == wrong
    flags = dict.fromkeys(("gradient", "check", "progress"), "no")
    with pytest.raises(InvalidStructure) as refused:
        optimise(attention, **flags, attention="torch")
    assert {one.law for one in refused.value.failures} == {*flags, "attention"}


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
import catlearn as cl

def attention(q, k, v):
    return jax.nn.softmax(jnp.einsum("hqd,hxd->hqx", q, k)) @ v

mesh = Mesh(np.array(jax.devices()), ("heads",))
arrays = [jax.random.normal(jax.random.key(k), (4, 256, 8)) for k in range(3)]
for spec, streamed in ((P("heads"), 1), (P(None, "heads"), 0)):
    own = [jax.device_put(one, NamedSharding(mesh, spec)) for one in arrays]
    fast = cl.optimise(attention)
    assert len(fast.plan(*own).streams.streamed) == streamed
    if streamed:
        program = jax.jit(fast).lower(*own).compile()
        assert "all-gather" not in program.as_text()
        assert program(*own).sharding.is_equivalent_to(own[0].sharding, 3)
    np.testing.assert_allclose(fast(*own), attention(*arrays), atol=1e-5)
"""


def test_sharded_arrays_are_not_gathered():
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr


def test_a_training_loop_goes_as_before():
    params, x, labels = LOSS
    found = []
    for fn in (loss, cl.optimise(loss)):
        own, optimizer = params, optax.adam(1e-2)
        state = optimizer.init(own)

        @jax.jit
        def step(own, state, fn=fn, optimizer=optimizer):
            value, gradient = jax.value_and_grad(fn)(own, x, labels)
            updates, state = optimizer.update(gradient, state)
            return optax.apply_updates(own, updates), state, value

        values = []
        for _ in range(5):
            own, state, value = step(own, state)
            values.append(value)
        found.append(jnp.stack(values))
    close(*found)


def test_static_arguments_of_several_types_are_several() -> None:
    """1 and 1.0 are equal, and so are 0.0 and -0.0, and no one plan serves both."""

    def scaled(x, n):
        own = 0 if type(n) is int else 100 * np.copysign(1, n)
        return jax.nn.softmax(x @ x.T) @ x + own

    x = jnp.linspace(-1, 1, 28).reshape(7, 4)
    for place in (1, -1):
        fast = optimise(scaled, static_argnums=place, threshold=0, block=4)
        for n in (1, 1.0, 0.0, -0.0):
            np.testing.assert_allclose(fast(x, n), scaled(x, n), rtol=1e-5)


def test_equal_islands_have_one_fold():
    """Two layers of attention are derived, priced and traced once; others are apart."""

    def layers(x, weights):
        for one in weights:
            x = x + attention(x @ one, x, x)
        return x

    x, weights = arrays((256, 16), (2, 16, 16))
    fast = optimise(layers)
    plan = fast.plan(x, weights)
    lowered = StreamedCircuit(plan.program.circuit)
    shapes = [one.shape for one in plan.program.inputs(x, weights)]
    made, _ = lowered.islands(*shapes)
    assert len(made) == 2
    assert made[0].fold is made[1].fold
    compare(layers, fast, x, weights)


def shifted_by_stopped(q, k, v):
    """A sum of exponentials that is not divided, of which one factor is the greatest itself."""
    scores = q @ k.T
    greatest = scores.max(1, keepdims=True)
    stopped = jax.lax.stop_gradient(greatest)
    return (jnp.exp(scores - stopped) @ v) * (greatest - stopped + 1)


def test_what_is_read_where_a_pass_is_greatest_is_no_sum_of_it():
    """The place along x is known at the end alone; along other axes it is that of each row."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), "float32")

    def greatest(x):
        y = jnp.sin(x)
        return jnp.take_along_axis(y, jnp.argmax(y, 1)[:, None], 1)[:, 0]

    for fn in (greatest, lambda x: greatest(x).sum()):
        fast = optimise(fn, threshold=1, block=2)
        np.testing.assert_allclose(fast(x), fn(x), 1e-5)
        np.testing.assert_allclose(jax.grad(lambda x, f=fast: f(x).sum())(x),
                                   jax.grad(lambda x, f=fn: f(x).sum())(x), 1e-5)  # fmt: skip


def test_gradients_go_through_greatest_entries_that_are_not_stopped(mutants, monkeypatch):
    """Softmax of JAX stops that of its greatest entry: none is looked for in the reverse pass."""
    given = arrays((64, 8), (128, 8), (128, 4))

    def made(fn):
        fast = optimise(fn, threshold=0, block=16)
        plan = fast.plan(*given)
        lowered = StreamedCircuit(plan.program.circuit, threshold=0, block=16)
        return fast, lowered.islands(*[one.shape for one in given])[0][0].fold.dropped[0]

    gradients = [
        jax.grad(lambda *given, fn=fn: jnp.sin(fn(*given)).sum(), (0, 1, 2))
        for fn in (shifted_by_stopped, made(shifted_by_stopped)[0])
    ]
    assert made(attention)[1]
    assert not made(shifted_by_stopped)[1]
    close(*(fn(*given) for fn in gradients))
    with mutants("streams: no output depends on a greatest entry"):
        monkeypatch.setattr(folding, "_drops", lambda work, one: True)
        other, dropped = made(shifted_by_stopped)
        assert dropped
        found = jax.grad(lambda *given: jnp.sin(other(*given)).sum())(*given)
        assert not np.allclose(found, gradients[0](*given)[0], atol=1e-3)


def test_derivatives_forward_are_those_of_the_original():
    fast, given = optimise(attention, threshold=0, block=8), arrays((16, 4), (24, 4), (24, 2))
    stacked = (*given[:2], jnp.stack([given[2], 2 * given[2]], 2))
    assert not fast.plan(*given).left_alone

    def derivatives(fn):
        total = lambda *given: jnp.sin(fn(*given)).sum()  # noqa: E731
        yield jax.jacfwd(fn)(*given)
        yield jax.jvp(jax.vmap(fn, (None, None, 2)), stacked, stacked)
        yield jax.hessian(total)(*given)

    close(*(jax.jit(lambda fn=fn: [*derivatives(fn)])() for fn in (attention, fast)), 1e-4)


@pytest.mark.parametrize(
    "place",
    [np.s_[4:8], np.s_[-4:], np.s_[:, :4], np.s_[::2], np.s_[-1], np.s_[:4, :4], np.s_[::-2]],
    ids=str,
)
def test_places_are_read_before_products_and_functions(place):
    x, w = arrays((32, 16), (16, 16))

    def read(x, w):
        return jnp.tanh(x @ w + w[0])[place]

    fast = optimise(read)
    assert fast.plan(x, w).rules
    for argument in (0, 1):
        one, other = (jax.jit(jax.grad(lambda *own, f=f: jnp.sin(f(*own)).sum(), argument))(x, w)
                      for f in (read, fast))  # fmt: skip
        close(one, other)
    close(read(x, w), fast(x, w))


def test_loops_through_which_nothing_goes_are_planned():
    def fn(x):
        return jax.lax.map(lambda row: row * 2, x) * 2

    x = jnp.arange(32.0).reshape(8, 4)
    assert (cl.optimise(fn, threshold=1, block=2)(x) == 4 * x).all()


def masked_rows(x, y):
    kept = jnp.arange(6)[:, None] >= jnp.arange(7)
    return jnp.where(kept, x @ y.T, jnp.asarray(-1e9, x.dtype)).max(1)


def widened_sums(x, y):
    return jnp.cumsum((x[:6] * y[:6]).astype("float32"), 0)


def spectra(x, y):
    return jnp.abs(jnp.fft.fft(x, axis=1)).sum(0) + y.sum()


def two_types(x, y):
    def step(state, row):
        low, high = state
        return (low + row.astype("bfloat16"), high * row), (low, high.sum())

    return jax.lax.scan(step, (jnp.zeros(4, "bfloat16"), jnp.ones(4) + y.sum()), x)


def test_gradients_of_complex_arrays_are_measured_and_checked():
    def turned(z):
        return jnp.exp(1j * z) * z.conj()

    z = jnp.ones(64, "complex64")
    (found,) = optimising._gradient(turned)(z)
    weights = jnp.cos(jnp.arange(64.0))
    want = jax.grad(lambda z: weights @ (turned(z).real + turned(z).imag))(z)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)
    (still,) = optimising._gradient(lambda z: jnp.exp(1j * z) * jax.lax.stop_gradient(z.conj()))(z)
    assert max(optimising._differences([want], [still])) > 0.1


TYPES = {
    "bfloat16 and a number": (masked_rows, "bfloat16", 2e-2),
    "bfloat16 made wider": (widened_sums, "bfloat16", 1e-4),
    "complex": (spectra, "float32", 1e-5),
    "states of two types": (two_types, "float32", 2e-2),
}


@pytest.mark.parametrize("name", TYPES)
def test_passes_over_arrays_of_other_types(name):
    fn, dtype, tolerance = TYPES[name]
    given = [x.astype(dtype) for x in arrays((6, 4), (7, 4))]
    fast = optimise(fn, threshold=1, block=2)
    assert fast.plan(*given).streams.streamed

    def total(fn):
        return lambda *own: sum(jnp.sum(jnp.sin(x.astype("float32")))
                                for x in jax.tree.leaves(fn(*own)))  # fmt: skip

    found, want = (
        [jax.jit(one)(*given), *jax.jit(jax.grad(total(one), (0, 1)))(*given)] for one in (fast, fn)
    )
    for made, own in zip(*map(jax.tree.leaves, (found, want)), strict=True):
        assert made.dtype == own.dtype
        rounded = 1e-2 if own.dtype == "bfloat16" else tolerance
        made, own = (np.asarray(x, "float64") for x in (made, own))
        np.testing.assert_allclose(made, own, atol=rounded * (1 + abs(own).max()))
