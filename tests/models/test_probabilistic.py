"""Divergences of distributions, adversaries and whole batches, against scipy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.models import Divergence, DivergenceSum, check_divergence
from tests import trees
from tests.errors import raises

RNG = np.random.default_rng(0)
P, V, T, W = RNG.standard_normal((4, 5, 3)).astype(np.float32)


def run(divergence, p, t):
    cost = jax.jit(divergence)(p, t)
    assert cost.shape == (5,)
    assert cost.dtype == jnp.float32
    return np.asarray(cost)


close = partial(trees.close, rtol=1e-4, atol=1e-5)


def cross(similar):
    return -np.diagonal(special.log_softmax(similar, axis=1))


def similarities(p, t, temperature):
    p, t = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (p, t))
    return p @ t.T / temperature


ORACLES = {
    Divergence("binary_cross_entropy"): lambda: (
        special.log1p(np.exp(P)) - special.expit(T) * P
    ).sum(1),
    Divergence("hinge"): lambda: np.maximum(0, 1 - special.expit(T) * P).sum(1),
    Divergence("hinge", margin=0.3): lambda: np.maximum(0, 0.3 - special.expit(T) * P).sum(1),
    Divergence("gaussian_nll", scale=2.0): lambda: (
        -stats.norm(P, 2.0).logpdf(special.expit(T)).sum(1)
    ),
    Divergence("info_nce", temperature=0.5, symmetric=False): lambda: cross(
        similarities(P, special.expit(T), 0.5)
    ),
    Divergence("info_nce"): lambda: (
        0.5 * cross(similarities(P, special.expit(T), 0.1))
        + 0.5 * cross(similarities(special.expit(T), P, 0.1))
    ),
}


@pytest.mark.parametrize("divergence", ORACLES, ids=str)
def test_against_scipy(divergence):
    close(run(divergence, P, special.expit(T)), ORACLES[divergence]())


def test_gaussians_against_sampling_and_scipy():
    found = run(Divergence("gaussian_kl"), (P, V), (T, W))
    scales = np.exp(V / 2), np.exp(W / 2)
    by_hand = np.log(scales[1] / scales[0]) - 0.5 + (scales[0] ** 2 + (P - T) ** 2) / 2 / np.exp(W)
    close(found, by_hand.sum(1))
    assert (found > 0).all()
    close(run(Divergence("gaussian_kl"), (P, V), (P, V)), 0)
    found = run(Divergence("gaussian_nll"), (P, V), (T, W))
    close(found, -stats.norm(P, scales[0]).logpdf(T).sum(1))


def test_batch_level_divergences_say_so():
    contrast = Divergence("info_nce")
    assert contrast.batch_level
    assert not Divergence("cosine").batch_level
    assert DivergenceSum((Divergence("cosine"), contrast)).batch_level
    # The cost of the first example is another one beside other targets.
    others = np.concatenate([T[:1], W[1:]])
    assert not np.allclose(run(contrast, P, T)[0], run(contrast, P, others)[0])
    # The mutant: a divergence of single examples does not see the others.
    alone = Divergence("cosine")
    close(run(alone, P, T)[0], run(alone, P, others)[0])


def test_only_the_direction_counts_in_contrast_and_zero_has_a_gradient():
    contrast = Divergence("info_nce")
    close(run(contrast, 3 * P, T), run(contrast, P, T))
    slope = jax.jit(jax.grad(lambda p: contrast(p, T).sum()))(np.zeros_like(P))
    assert np.isfinite(slope).all()


def test_where_pairs_are_asked_for():
    Z = cl.Space("Z", 3)
    pair = cl.Product("G", Z, Z).label
    assert check_divergence("it", Divergence("gaussian_kl"), pair) == []
    assert check_divergence("it", Divergence("gaussian_nll"), pair) == []
    (failure,) = check_divergence("it", Divergence("gaussian_kl"), Z.label)
    assert (failure.law, failure.where) == ("divergence", "it")
    uneven = cl.Product("G", Z, cl.Space("S", 2)).label
    (failure,) = check_divergence("it", Divergence("gaussian_kl"), uneven)
    assert (failure.law, failure.where) == ("divergence", "it")
    with raises(InvalidStructure, 3, law="divergence", where="gaussian_nll"):
        Divergence("gaussian_nll")((P, V, V), (P, V, V))


@pytest.mark.parametrize(
    ("name", "options"), [("info_nce", {"temperature": 0.0}), ("gaussian_nll", {"scale": -1.0})]
)
def test_scales_are_positive(name, options):
    with raises(InvalidStructure, law="options"):
        Divergence(name, **options)
