"""Learning as lenses: puts are gradients, of paths and of losses; an optimizer's step is a put."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.category import Lens, Lenses, Port
from catlearn.errors import InvalidStructure
from catlearn.learning.lenses import LENSES, PARA, learner, lens_functor, loss_lens, update_rule

X, F, Y = cl.Space("X", 5), cl.Space("F", 3), cl.Categorical("Y", 4)
ENCODER = cl.Model("encoder", X, F, "mlp", width=6)
HEAD = cl.Model("head", F, Y, "linear")
BACK = cl.Model("back", F, X, "mlp", width=6)
rng = np.random.default_rng(0)
BATCH = {
    "X": rng.normal(size=(7, 5)).astype("float32"),
    "Y": rng.integers(0, 4, 7).astype("int32"),
}


def close(one, other):
    """Up to rounding: 1e-5, relative and absolute, in 32 bits."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, other)
    return True


def diagram(*equations, more=()):
    data = cl.Dataset("data", X=X, Y=Y)
    return cl.LearningDiagram(data, ENCODER, HEAD, BACK, *more, equations=list(equations))


CLASSIFY = cl.Equation("data.X >> encoder >> head = data.Y")
REBUILD = cl.Equation("data.X >> encoder >> back = data.X", weight=0.5)


def gradient(loss):
    """Value and gradient of the lowered loss, at drawn parameters."""
    fn = cl.lower(loss)
    params, state = fn.init(jax.random.key(1))
    run = jax.jit(jax.value_and_grad(fn, has_aux=True))
    (value, _), grads = run(params, state, {"data": BATCH})
    return params, value, grads


def same_as_lowered(loss):
    params, value, grads = gradient(loss)
    lens = loss_lens(loss)
    assert [port.value for port in lens.parameters] == list(loss.parameters)
    values = [params[edge] for edge in loss.parameters]
    close(jax.jit(lens.arrow.get)(*values, BATCH), value)
    *puts, data = jax.jit(lens.arrow.put)(*values, BATCH, 1.0)
    assert data == ()
    return close(dict(zip(loss.parameters, puts, strict=True)), grads)


def test_the_put_of_a_path_is_its_reverse_derivative():
    functor = lens_functor(diagram(CLASSIFY))
    lens = functor("encoder >> back >> encoder")
    assert [port.value for port in lens.parameters] == ["encoder", "back", "encoder"]
    fn = cl.lower(diagram(CLASSIFY, REBUILD).loss())
    params, _ = fn.init(jax.random.key(2))
    encode, back = (
        (lambda p, x, model=model: model.architecture.apply(p, x)) for model in (ENCODER, BACK)
    )

    def path(last, middle, first, x):
        return encode(last, back(middle, encode(first, x)))

    values = params["encoder"], params["back"], params["encoder"], jnp.asarray(BATCH["X"])

    @jax.jit
    def usual(*values):
        y, pull = jax.vjp(path, *values)
        return y, pull(jnp.ones_like(y))

    y, changes = usual(*values)
    close(jax.jit(lens.arrow.get)(*values), y)
    close(tuple(jax.jit(lens.arrow.put)(*values, jnp.ones_like(y))), changes)
    # The same edge twice is one parameter, whose changes add.
    tied = PARA.tied(lens)
    assert [port.value for port in tied.parameters] == ["encoder", "back"]
    put = jax.jit(tied.arrow.put)
    first, *_ = put(params["encoder"], params["back"], values[-1], jnp.ones_like(y))
    last, _, front, _ = changes
    close(first, jax.tree.map(jnp.add, last, front))


@pytest.mark.parametrize(
    "equations",
    [
        (CLASSIFY,),
        (CLASSIFY, REBUILD),
        (CLASSIFY, cl.Equation("data.X >> encoder >> back = data.X", stop="lhs")),
        (CLASSIFY, cl.Equation("data.X >> encoder >> back = data.X", trains=["back"])),
        (cl.Equation("data.X >> encoder >> head = data.Y", trains={"head": 1, "encoder": -0.3}),),
        (cl.Equation("data.X >> encoder >> back >> encoder = data.X >> encoder"),),
    ],
    ids=["one", "two", "stop", "trains", "reversed", "twice"],
)
def test_the_put_of_a_loss_is_the_gradient_of_the_lowered_loss(equations):
    assert same_as_lowered(diagram(*equations).loss())


def test_pairings_factors_and_frozen_edges_are_lenses():
    P = cl.Product("P", F, X)
    frozen = cl.Model("teacher", X, F, "linear").freeze(
        {"weight": jnp.ones((5, 3)), "bias": jnp.zeros(3)}
    )
    both = cl.Pairing("both", P, "teacher", "id(X)")
    mix = cl.Model("mix", P, F, lambda a, b: a * b[:, :3])
    made = diagram(
        cl.Equation("data.X >> both >> mix >> head = data.Y"),
        cl.Equation("data.X >> both >> P.F = data.X >> encoder"),
        more=(frozen, both, mix),
    )
    assert same_as_lowered(made.loss())
    lens = lens_functor(made)("both >> mix")
    assert lens.parameters == ()
    close(lens.arrow.get(BATCH["X"]), BATCH["X"].sum(1, keepdims=True) * BATCH["X"][:, :3])


def test_mutants_of_copies_and_stops_are_seen(mutants, monkeypatch):
    from catlearn.learning import lenses

    twice = diagram(cl.Equation("data.X >> encoder >> back >> encoder = data.X >> encoder")).loss()
    trains = diagram(
        cl.Equation("data.X >> encoder >> head = data.Y", trains={"encoder": -1})
    ).loss()
    with mutants("copies of a model's parameters that add nothing"), monkeypatch.context() as patch:
        patch.setattr(lenses, "LENSES", Lenses(lambda one, other: other, LENSES.zero))
        with pytest.raises(AssertionError):
            same_as_lowered(twice)
    with mutants("a scale that does nothing"), monkeypatch.context() as patch:
        identity = lambda port, scale: Lens(port, port, lambda v: v, lambda v, d: d)  # noqa: E731
        patch.setattr(lenses, "_scaled", identity)
        with pytest.raises(AssertionError):
            same_as_lowered(trains)


def test_a_step_of_an_optimizer_is_a_put():
    loss = diagram(CLASSIFY, REBUILD).loss()
    optimizer = optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1e-2))
    step = jax.jit(learner(loss, optimizer).put)
    fn = cl.lower(loss)
    params, fixed = fn.init(jax.random.key(3))
    values = tuple(params[edge] for edge in loss.parameters)
    state, by_hand, own = optimizer.init(values), params, optimizer.init(params)

    @jax.jit
    def usual(params, own):
        grads = jax.grad(lambda p: fn(p, fixed, {"data": BATCH})[0])(params)
        updates, own = optimizer.update(grads, own, params)
        return optax.apply_updates(params, updates), own

    for _ in range(3):
        state, *values, data = step(state, *values, BATCH)
        by_hand, own = usual(by_hand, own)
    assert data == ()
    close(dict(zip(loss.parameters, values, strict=True)), by_hand)


def test_update_rules_compose_with_reparametrisations():
    port = Port("f", "f*")
    rule = update_rule(optax.sgd(0.5), [port])
    assert rule.get((), 3.0) == 3.0
    assert float(rule.put(optax.sgd(0.5).init((3.0,)), 3.0, 2.0)[1]) == 2.0


def test_what_has_no_derivative_is_refused_all_at_once():
    noise = cl.Model("noise", X, X, lambda x, key: x + jax.random.normal(key, x.shape))
    rounding = cl.Model("rounding", X, X, jnp.round)
    choice = cl.Model("choice", X, Y, lambda x: jnp.argmax(x[:, :4], -1).astype("int32"))
    average = cl.MovingAverage("average", "encoder", 0.9)
    made = diagram(CLASSIFY, more=(noise, rounding, choice, average))
    with pytest.raises(InvalidStructure) as found:
        lens_functor(made)
    places = {failure.where: failure.law for failure in found.value.failures}
    assert places == {
        "edge 'noise'": "smooth",
        "edge 'rounding'": "smooth",
        "edge 'choice'": "smooth",
        "edge 'average'": "values",
    }
    # A loss that does not use them has a lens.
    assert same_as_lowered(diagram(CLASSIFY).loss())
    with pytest.raises(InvalidStructure):
        loss_lens(diagram(CLASSIFY).loss(aggregator="max"))


def test_labels_and_data_have_the_trivial_cotangent():
    functor = lens_functor(diagram(CLASSIFY))
    assert functor("data.Y").codomain[0] == Port("Y", "Y*")
    assert functor("data.X").domain[0].change == "1"
    head = functor("head").arrow
    params = {"weight": jnp.ones((3, 4)), "bias": jnp.zeros(4)}
    assert LENSES.zero(jnp.arange(3)) == ()
    changes = head.put(params, jnp.ones((2, 3)), jnp.ones((2, 4)))
    assert jax.tree.map(jnp.shape, changes[0]) == {"weight": (3, 4), "bias": (4,)}
