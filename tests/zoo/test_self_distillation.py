"""Self-distillation against the same loss by hand, with a moving average and without."""

import jax
import jax.numpy as jnp
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.lowering import Aux

FIRST = "views.one >> f >> q = views.two >> {}"
SECOND = "views.two >> f >> q = views.one >> {}"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(decay, dtype="float32", **columns):
    X, Z = cl.Space("X", 4, dtype), cl.Space("Z", 3, dtype)
    f, q = cl.Model("f", X, Z, "linear"), cl.Model("q", Z, Z, "linear")
    views = cl.Dataset("views", **({"one": X, "two": X} if not columns else {"one": X}))
    return cl.zoo.self_distillation(f, q, views, decay=decay)


def hand_written(decay, stop=jax.lax.stop_gradient):
    def by_hand(params, state, batch, key):
        one, two = batch["views"]["one"], batch["views"]["two"]
        mutable, target, name = {}, params["f"], "f"
        if decay is not None:
            name, slow = "target_f", state["mutable"]["target_f"]
            target = jax.tree.map(
                lambda old, new: decay * old + (1 - decay) * stop(new), slow, params["f"]
            )
            mutable = {"target_f": target}

        def cost(seen, other):
            there = linear(params["q"], linear(params["f"], seen))
            costs = optax.losses.cosine_distance(there, stop(linear(target, other)), epsilon=1e-12)
            return jnp.mean(costs)

        terms = {FIRST.format(name): cost(one, two), SECOND.format(name): cost(two, one)}
        first, second = (state["weights"][key] * cost for key, cost in terms.items())
        return first + second, Aux(terms, {"mutable": mutable})

    return by_hand


@pytest.mark.parametrize("decay", [0.75, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype, decay):
    # A mutant: gradients pass into the target.
    wrong = hand_written(decay, stop=lambda x: x)
    batch = {"views": {"one": noise((6, 4), dtype), "two": noise((6, 4), dtype, seed=1)}}
    with agrees.precision(dtype):
        fn = cl.lower(regime(decay, dtype).loss())
        agrees(fn, batch, hand_written(decay), wrong=wrong)


def test_two_views_are_needed():
    with pytest.raises(InvalidStructure, match="needs two columns at the space 'X'"):
        regime(None, few=True)
