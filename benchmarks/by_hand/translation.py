"""Translation among three domains without pairs: two cycles and two triangles for each domain."""

from functools import partial
from typing import Any

import jax

import catlearn as cl

from .common import Regime, Sizes, network, squared, total


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    domains = {"A": sizes.latent, "B": sizes.features, "C": sizes.data}
    spaces: dict[str, Any] = {name: sizes.space(name, size) for name, size in domains.items()}
    translators = [
        sizes.model(f"{one}{other}", spaces[one], spaces[other])
        for one in spaces
        for other in spaces
        if one != other
    ]
    texts = [cl.Dataset(f"texts_{name}", **{name: space}) for name, space in spaces.items()]
    diagram = cl.zoo.translation(translators, texts)
    batch = {
        f"texts_{name}": {name: sizes.noise(sizes.batch, size, seed=seed)}
        for seed, (name, size) in enumerate(domains.items())
    }
    loss = partial(by_hand, names=tuple(diagram.soft_equations))
    return Regime(diagram, cl.lower(diagram.loss()), loss, batch)


def by_hand(
    params: Any,
    state: Any,
    batch: Any,
    key: Any = None,
    names: tuple[str, ...] = (),
    sign: float = 1.0,
) -> Any:
    """Squared distances of two paths each, read from the equations; ``sign`` of the other one."""
    known: dict[str, jax.Array] = {}

    def along(side: str) -> jax.Array:
        if side not in known:
            before, _, last = side.rpartition(" >> ")
            if before:
                known[side] = network(params[last], along(before))
            else:
                data, column = side.split(".")
                known[side] = batch[data][column]
        return known[side]

    terms = {}
    for name in names:
        one, other = map(along, name.split(" = "))
        terms[name] = squared(one, sign * other)
    return total(terms, state)
