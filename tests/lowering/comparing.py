"""Two lowered losses of one diagram, compared over successive calls by name; and their parts."""

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl
from catlearn.models import Architecture

KEY = jax.random.key(7)
X, F, Y = (cl.Space(name, size, "float64") for name, size in (("X", 3), ("F", 4), ("Y", 2)))


def noise(*shape, seed=0):
    """Draw numbers by numpy, which compiles nothing."""
    return np.random.default_rng(seed).normal(size=shape)


class Centred(Architecture):
    """A linear map of what is left after a mean that it keeps; what calls do, subclasses say."""

    @property
    def stateful(self):
        return True

    def init(self, key, source, target):
        shape = source.features, target.features
        return {"weight": jax.random.normal(key, shape, "float64"), "mean": jnp.ones(shape[0])}

    def parts(self, variables):
        return {**variables, "mean": None}, None, {**variables, "weight": None}


def calls(fn, params, state, batch, count=2):
    """Return for successive calls value, costs, mutable state and gradient, all by name."""

    def loss(params, state, key):
        return fn(params, state, batch, key)

    found = []
    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    params, state, batch = fn.pack(params, state, batch)
    for key in jax.random.split(KEY, count):
        (value, aux), slopes = run(params, state, key)
        assert jax.tree.structure(aux.state["mutable"]) == jax.tree.structure(state["mutable"])
        state = state | aux.state
        found.append([value, *(dict(part) for part in (aux.terms, state["mutable"], slopes))])
    return found


def compare(stacked, plain, batch):
    """Return by how much two functions differ, relatively."""
    params, state = plain.init(KEY)
    params = {name: jax.tree.map(lambda p: p + 0.1, tree) for name, tree in params.items()}
    pairs = []
    for one, other in zip(
        *(calls(fn, params, state, batch) for fn in (stacked, plain)), strict=True
    ):
        pairs.append((one[0], other[0]))
        for part, expected in zip(one[1:], other[1:], strict=True):
            assert part.keys() == expected.keys()
            pairs += [(part[name], tree) for name, tree in expected.items()]
    return max(apart(*pair) for pair in pairs)


def apart(one, other):
    """Return the distance of two trees, relative to the second."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    flat = [np.concatenate([np.zeros(1), *map(np.ravel, jax.tree.leaves(t))]) for t in (one, other)]
    return np.linalg.norm(flat[0] - flat[1]) / (np.linalg.norm(flat[1]) + 1e-12)
