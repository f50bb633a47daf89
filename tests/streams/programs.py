"""Programs that reduce over an axis, written in the operations of circuits, and what runs them."""

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays import (
    Circuit,
    add,
    argmin,
    cross_entropy,
    einsum,
    exp,
    idle,
    log,
    logsumexp,
    maximum,
    mean,
    minimum,
    mul,
    neg,
    reciprocal,
    relu,
    silu,
    softmax,
    sqrt,
    square,
    tanh,
    traced,
    view,
    where,
)


def minus(a, b):
    return add(a, neg(b))


def along(a):
    """Repeat an array of q along x."""
    return view("q -> q x")(a)


def softmax_by_hand(s):
    e = exp(minus(s, along(maximum("q [x] -> q")(s))))
    return einsum("q x, q -> q x")(e, reciprocal(einsum("q x -> q")(e)))


def log_sum_exp(s):
    m = maximum("q [x] -> q")(s)
    return add(m, log(einsum("q x -> q")(exp(minus(s, along(m))))))


def attention(*masks: Circuit) -> Circuit:
    scores = einsum("h q d, h x d -> h q x", scale="d**-0.5")
    for mask in masks:
        scores = scores >> mask
    return (scores >> softmax("[x]")) @ idle >> einsum("h q x, h x e -> h q e")


@traced("q d", "x d", "x e")
def attention_by_hand(q, k, v):
    weights = softmax_by_hand(einsum("q d, x d -> q x", scale="d**-0.5")(q, k))
    return einsum("q x, x e -> q e")(weights, v)


grouped_query_attention = (
    einsum("k g q d, k x d -> k g q x", scale="d**-0.5") >> softmax("[x]")
) @ idle >> einsum("k g q x, k x e -> k g q e")


@traced("x m", "m d", "m d", "m d")
def self_attention(i, wq, wk, wv):
    q, k, v = (einsum("x m, m d -> x d")(i, w) for w in (wq, wk, wv))
    scores = where("q x", "x <= q")(einsum("q d, x d -> q x")(q, k))
    return add(einsum("q x, x e -> q e")(softmax("[x]")(scores), v), i)


@traced("n")
def variance(s):
    mu = mean("[n] -> ")(s)
    return mean("[n] -> ")(square(minus(s, view(" -> n")(mu)))), mu


@traced("n m")
def variance_of_all(s):
    """Return the variance over two axes, of which one is streamed."""
    mu = mean("[n] [m] -> ")(s)
    return mean("[n] [m] -> ")(square(minus(s, view(" -> n m")(mu))))


@traced("n")
def centred_twice(s):
    """Return the mean of (s - (mean + variance))^2."""
    mu = mean("[n] -> ")(s)
    second = mean("[n] -> ")(square(minus(s, view(" -> n")(mu))))
    return mean("[n] -> ")(square(minus(s, view(" -> n")(add(mu, second)))))


@traced("b m", "m f", "m f", "f o")
def gated(x, g, u, w):
    return einsum("b f, f o -> b o")(
        mul(silu(einsum("b m, m f -> b f")(x, g)), einsum("b m, m f -> b f")(x, u)), w
    )


@traced("b d", "d", "d o")
def rms_linear(x, g, w):
    r = reciprocal(sqrt(mean("b [d] -> b")(square(x))))
    return einsum("b d, d o -> b o")(einsum("b d, b, d -> b d")(x, r, g), w)


@traced("b d", "d", "d o")
def layer_linear(x, g, w):
    c = minus(x, view("b -> b d")(mean("b [d] -> b")(x)))
    r = reciprocal(sqrt(mean("b [d] -> b")(square(c))))
    return einsum("b d, d o -> b o")(einsum("b d, b, d -> b d")(c, r, g), w)


@traced("q x", "x e")
def twice_referenced(s, v):
    """Return sum exp(s - log_sum_exp s) v."""
    return einsum("q x, x e -> q e")(exp(minus(s, along(log_sum_exp(s)))), v)


@traced("q x", "x e")
def sum_as_reference(s, v):
    """Return sum exp(s - sum exp(s - max s)) v."""
    z = einsum("q x -> q")(exp(minus(s, along(maximum("q [x] -> q")(s)))))
    return einsum("q x, x e -> q e")(exp(minus(s, along(z))), v)


@traced("q x")
def entropy_by_log(s):
    p = softmax("[x]")(s)
    return neg(einsum("q x, q x -> q")(p, log(p)))


@traced("q x")
def entropy(s):
    p = softmax("[x]")(s)
    return neg(einsum("q x, q x -> q")(p, minus(s, along(logsumexp("q [x] -> q")(s)))))


@traced("q d", "x d", "x e")
def spherical(q, k, v):
    s = square(einsum("q d, x d -> q x")(q, k))
    return einsum("q x, q, x e -> q e")(s, reciprocal(einsum("q x -> q")(s)), v)


@traced("b m", "m h", "h o", "b o")
def mean_squared(x, w, u, y):
    p = einsum("b h, h o -> b o")(tanh(einsum("b m, m h -> b h")(x, w)), u)
    return mean("[b] -> ")(einsum("b o -> b")(square(minus(p, y))))


@traced("b d", "b d")
def contrastive(a, z):
    """Return the mean over examples of the cross-entropy of its own partner among all."""
    s = einsum("b d, c d -> b c")(a, z)
    total = logsumexp("b [c] -> b")(s)
    return mean("[b] ->")(minus(total, einsum("b d, b d -> b")(a, z)))


@traced("b d", "d o")
def batch_norm_linear(x, w):
    c = minus(x, view("d -> b d")(mean("[b] d -> d")(x)))
    y = einsum("b d, d -> b d")(c, reciprocal(mean("[b] d -> d")(square(c))))
    return einsum("b d, d o -> o")(y, w), einsum("b d, d o -> o")(square(y), w)


@traced("q x", "q")
def scaled_after(s, t):
    """Return the sum of exponentials, at a temperature, of what is centred at the greatest."""
    centred = minus(s, along(maximum("q [x] -> q")(s)))
    return einsum("q x -> q")(exp(einsum("q x, q -> q x", scale=0.5)(centred, square(t))))


def below_the_greatest(s):
    return exp(minus(s, along(maximum("q [x] -> q")(s))))


@traced("q x")
def ratio_of_rows(s):
    """Return how many times larger sums of two rows are, each relative to its own greatest."""
    total = einsum("q x -> q")(below_the_greatest(s))
    return einsum("q, p -> q p")(total, reciprocal(total))


@traced("q x", "x")
def ratio_of_totals(s, w):
    e = below_the_greatest(s)
    total, weighted = einsum("q x -> q")(e), einsum("q x, x -> q")(e, w)
    return mul(einsum("q ->")(weighted), reciprocal(einsum("q ->")(total)))


@traced("q x")
def greatest_of_product(s):
    return maximum("q [x] -> q")(softmax("[x]")(s))


@traced("q x")
def relu_of_centred(s):
    return einsum("q x -> q")(relu(minus(s, along(mean("q [x] -> q")(s)))))


@traced("q x")
def exp_of_product(s):
    return einsum("q x -> q")(exp(einsum("q x, q -> q x")(s, maximum("q [x] -> q")(s))))


@traced("p d", "k d")
def k_means(x, c):
    """Return the least squared distance of points to centres."""
    far = add(
        view("k -> p k")(einsum("k d, k d -> k")(c, c)), einsum("p d, k d -> p k", scale=-2)(x, c)
    )
    return add(minimum("p [k] -> p")(far), einsum("p d, p d -> p")(x, x))


@traced("p d", "k d")
def nearest(x, c):
    """Return which centre is the nearest."""
    far = add(
        view("k -> p k")(einsum("k d, k d -> k")(c, c)), einsum("p d, k d -> p k", scale=-2)(x, c)
    )
    return argmin("p [k] -> p")(far), minimum("p [k] -> p")(far)


cross_entropy_of_linear = (
    einsum("b d, v d -> b v") @ idle >> cross_entropy("b [v]") >> mean("[b] ->")
)

FOLDS = {
    "attention": (attention(), "x", [(2, 5, 3), (2, 20, 3), (2, 20, 4)], 3),
    "causal attention": (
        attention(where("q x", "x <= q")), "x", [(2, 5, 3), (2, 20, 3), (2, 20, 4)], 3,
    ),
    "attention by hand": (attention_by_hand, "x", [(5, 3), (20, 3), (20, 4)], 3),
    "grouped queries": (grouped_query_attention, "x", [(2, 2, 5, 3), (2, 20, 3), (2, 20, 4)], 3),
    "self-attention": (self_attention, "x", [(20, 3), (3, 3), (3, 3), (3, 3)], 3),
    "variance": (variance, "n", [(20,)], 5),
    "variance of all": (variance_of_all, "n", [(20, 3)], 5),
    "centred twice": (centred_twice, "n", [(20,)], 7),
    "gated": (gated, "f", [(4, 3), (3, 20), (3, 20), (20, 2)], 1),
    "rms norm and linear": (rms_linear, "d", [(4, 20), (20,), (20, 3)], 3),
    "layer norm and linear": (layer_linear, "d", [(4, 20), (20,), (20, 3)], 6),
    "twice referenced": (twice_referenced, "x", [(5, 20), (20, 4)], 3),
    "sum as reference": (sum_as_reference, "x", [(5, 20), (20, 4)], 3),
    "temperature": (scaled_after, "x", [(5, 20), (5,)], 3),
    "entropy by log": (entropy_by_log, "x", [(5, 20)], 3),
    "entropy": (entropy, "x", [(5, 20)], 3),
    "k-means": (k_means, "k", [(6, 3), (20, 3)], 1),
    "spherical": (spherical, "x", [(5, 3), (20, 3), (20, 4)], 2),
    "InfoNCE": (contrastive, "c", [(20, 3), (20, 3)], 2),
    "ratio of rows": (ratio_of_rows, "x", [(4, 20)], 2),
    "ratio of totals": (ratio_of_totals, "x", [(4, 20), (20,)], 3),
    "mean squared": (mean_squared, "b", [(20, 3), (3, 4), (4, 2), (20, 2)], 2),
    "batch norm and linear": (batch_norm_linear, "b", [(20, 3), (3, 2)], 5),
}  # fmt: skip
"""Circuits with the variable, shapes of inputs, and the most arrays that the state may have."""

REFUSED = {
    "the greatest of a product": (greatest_of_product, "x", "product", False),
    "relu of what is centred": (relu_of_centred, "x", "relu", False),
    "exp of a product": (exp_of_product, "x", "Theorem B", True),
    "softmax alone": (softmax("[x]"), "x", "output", False),
    "an axis of the output": (attention(), "q", "output", False),
}
"""Circuits with the variable, what is said, and whether by a theorem."""


def arrays(shapes, seed=0):
    """Return normal numbers."""
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape)) for shape in shapes]


def both(fn, xs):
    """Return the gradient of a number that depends on all outputs, and the outputs."""

    def total(*xs):
        made = fn({}, *xs)
        return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(made)), made

    return jax.jit(jax.grad(total, tuple(range(len(xs))), has_aux=True))(*xs)


def apart(one, other):
    """Return the largest difference of two trees, relative to the entries of an array."""
    leaves = (map(np.asarray, jax.tree.leaves(some)) for some in (one, other))
    return np.max([np.max(np.abs(a - b)) / (1 + np.max(np.abs(b)))
                   for a, b in zip(*leaves, strict=True)])  # fmt: skip
