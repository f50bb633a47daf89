"""CycleGAN: two domains without pairs, translators, critics, cycles and games."""

from typing import Any

import jax
import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, gaps, network, still, total


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, Y = sizes.space("X", sizes.features), sizes.space("Y", sizes.latent)
    R = sizes.space("R", 1)
    there, back = sizes.model("there", X, Y), sizes.model("back", Y, X)
    critics = sizes.model("at_X", X, R), sizes.model("at_Y", Y, R)
    domains = cl.Dataset("horses", X=X), cl.Dataset("zebras", Y=Y)
    diagram = cl.zoo.cycle_gan(there, back, critics, *domains)
    batch = {
        "horses": {"X": sizes.noise(sizes.batch, sizes.features)},
        "zebras": {"Y": sizes.noise(sizes.other, sizes.latent, seed=1)},
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, around: bool = True) -> Any:
    """Cycles and two games; ``around=False``: nothing asks the translators to fit together."""
    x, y = batch["horses"]["X"], batch["zebras"]["Y"]
    there, back = params["there"], params["back"]
    made_y = network(there, x)
    cycle = _away(network(back, made_y) if around else x, x)
    terms = {"horses.X >> there >> back = horses.X": cycle}
    made_x = network(back, y)
    cycle = _away(network(there, made_x) if around else y, y)
    terms["zebras.Y >> back >> there = zebras.Y"] = cycle
    games = (
        ("at_X", "horses.X", x, "zebras.Y >> back", made_x),
        ("at_Y", "zebras.Y", y, "horses.X >> there", made_y),
    )
    for critic, read, real, path, made in games:
        D = params[critic]
        terms[f"{read} >> {critic} = {read} >> real_{critic}"] = gaps(network(D, real), 1.0)
        fake = network(D, still(made))
        terms[f"{path} >> {critic} = {path} >> fake_{critic}"] = gaps(fake, 0.0)
        fooled = network(still(D), made)
        terms[f"{path} >> {critic} = {path} >> real_{critic}"] = gaps(fooled, 1.0)
    return total(terms, state)


def _away(one: jax.Array, other: jax.Array) -> jax.Array:
    return jnp.mean(jnp.sum(jnp.abs(one - other), axis=1))
