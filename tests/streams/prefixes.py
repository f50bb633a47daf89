"""Programs whose outputs at t depend on what stands at s <= t, by hand and at random."""

import numpy as np

from catlearn.arrays import (
    add,
    cumsum,
    einsum,
    exp,
    idle,
    maximum,
    mean,
    mul,
    neg,
    reciprocal,
    relu,
    softmax,
    square,
    tanh,
    traced,
    view,
    where,
)


def masked(condition="s <= t"):
    """Return linear attention: what a row reads stands before it."""
    scores = einsum("t d, s d -> t s") >> where("t s", condition, outside=0.0)
    return scores @ idle >> einsum("t s, s e -> t e")


linear_attention = masked()


@traced("t d", "t d", "t e")
def normalised(q, k, v):
    """Return linear attention of positive features, with weights whose sum is 1."""
    scores = einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)
    weights = scores(exp(q), exp(k))
    total = einsum("t s -> t")(weights)
    return einsum("t s, t, s e -> t e")(weights, reciprocal(total), v)


decays = where("t s", "s <= t") >> exp
"""Of the gaps between sums: the product of what is forgotten from s to t."""


def gaps(a):
    c = cumsum("[t]")(a)
    return add(view("t -> t s", s="t")(c), neg(view("s -> t s", t="s")(c)))


@traced("t d", "t d", "t e", "t")
def gated(q, k, v, a):
    scores = einsum("t d, s d -> t s")(q, k)
    return einsum("t s, t s, s e -> t e")(scores, decays(gaps(neg(square(a)))), v)


@traced("t h d", "t h d", "t h e", "t h")
def gated_heads(q, k, v, a):
    c = cumsum("[t] h")(a)
    gap = add(view("t h -> h t s", s="t")(c), neg(view("s h -> h t s", t="s")(c)))
    weights = (where("h t s", "s <= t") >> exp)(einsum("h t s -> h t s", scale=0.5)(gap))
    scores = einsum("t h d, s h d -> h t s")(q, k)
    return einsum("h t s, h t s, s h e -> t h e")(scores, weights, v)


@traced("t m")
def running_greatest(x):
    return maximum("t [s] m -> t m")(where("t s m", "s <= t")(view("s m -> t s m", t="s")(x)))


@traced("t m", "t m")
def greatest_again(x, y):
    """Return the greatest of products with what was the greatest: axes are compared in turn."""
    return running_greatest(mul(running_greatest(x), y))


@traced("n", "n", "n")
def _round(h, a, b):
    h = add(mul(a, h), b)
    return h, h


recurrence = _round.scan("t")
"""h = a h + b: the last, and all."""


@traced("n", "n m", "n")
def _mixed(h, a, x):
    return add(einsum("n m, m -> n")(a, h), x), h


mixing = _mixed.scan("t")
"""h = A h + x, with all of a matrix."""


@traced("n", "m", "m", "m n", "n m")
def _momentum(h, v, x, a, b):
    v = add(mul(x, v), einsum("m n, n -> m")(a, h))
    return add(h, einsum("n m, m -> n")(b, v)), v, h


momentum = _momentum.scan("t", states=2)
"""Two arrays that go round, each in the other."""


@traced("h d e", "h d", "h e")
def _delta(s, k, v):
    gap = add(v, neg(einsum("h d e, h d -> h e")(s, k)))
    s = add(s, einsum("h d, h e -> h d e")(k, gap))
    return s, einsum("h d e, h d -> h e")(s, k)


delta_rule = _delta.scan("t")
"""What is kept for a key moves to a value: d is mixed, and heads and e are not."""

turned = traced("n", "n")(lambda h, x: (tanh(add(h, x)), h)).scan("t")


@traced("t n", "t n")
def exponentials(x, w):
    return cumsum("[t] n")(exp(mul(w, cumsum("[t] n")(x))))


squares = traced("n", "n")(lambda h, x: (add(mul(h, h), x), h)).scan("t")
"""No state of a block alone, since what goes round is no affine map of it."""


@traced("c n", "c n", "c", "n", "n")
def _selective(h, a, x, b, c):
    h = add(mul(exp(neg(exp(a))), h), einsum("c, n -> c n")(x, b))
    return h, einsum("c n, n -> c")(h, c)


state_space = _selective.scan("t")
"""A diagonal state space; a, x, b and c have the axis t."""


@traced("t d", "t d", "t d", "d d")
def two_layers(q, k, v, w):
    y = relu(einsum("t d, d e -> t e")(linear_attention(q, k, v), w))
    return linear_attention(q, y, add(v, y))


@traced("t d", "t d", "t e")
def spread(q, k, v):
    """Return how much what is swept varies along t: after the last block."""
    y = linear_attention(q, k, v)
    centre = view("e -> t e", t="t")(mean("[t] e -> e")(y))
    return mean("[t] e -> e")(square(add(y, neg(centre)))), y


sums_of_sums = cumsum("[t] m") >> cumsum("[t] m")


@traced("t m")
def mean_of_sums(x):
    y = cumsum("[t] m")(x)
    return mean("[t] m -> m")(neg(y)), y


@traced("t d", "t d", "t d", "d d")
def two_linear_layers(q, k, v, w):
    """Return linear attention of what a linear attention made: a square of the state of it."""
    y = einsum("t d, d e -> t e")(linear_attention(q, k, v), w)
    return linear_attention(q, y, add(v, y))


@traced("t n", "t n")
def weighted_sums(x, w):
    return cumsum("[t] n")(mul(w, cumsum("[t] n")(x)))


@traced("t d", "t d", "t d")
def products_of_sums(q, k, x):
    """Return sums of (q c)(k c): the coefficient of c c is as symmetric as that."""
    c = cumsum("[t] d")(x)
    one, other = (einsum("t d, t d -> t")(a, c) for a in (q, k))
    return cumsum("[t]")(mul(one, other))


N = 6
ROWS = (N, 3)

PREFIXES = {
    "linear attention": (linear_attention, "t", [ROWS, ROWS, ROWS]),
    "strictly before": (masked("s < t"), "t", [ROWS, ROWS, ROWS]),
    "cumulative sum": (cumsum("[t] m"), "t", [ROWS]),
    "normalised": (normalised, "t", [ROWS, ROWS, ROWS]),
    "gated": (gated, "t", [ROWS, ROWS, ROWS, (N,)]),
    "running greatest": (running_greatest, "t", [ROWS]),
    "greatest again": (greatest_again, "t", [ROWS, ROWS]),
    "recurrence": (recurrence, "t", [(3,), ROWS, ROWS]),
    "mixing": (mixing, "t", [(3,), (N, 3, 3), ROWS]),
    "momentum": (momentum, "t", [(3,), (2,), (N, 2), (N, 2, 3), (N, 3, 2)]),
    "delta rule": (delta_rule, "t", [(2, 3, 2), (N, 2, 3), (N, 2, 2)]),
    "state space": (state_space, "t", [(3, 3), (N, 3, 3), ROWS, ROWS, ROWS]),
    "spread": (spread, "t", [ROWS, ROWS, ROWS]),
    "sums of sums": (sums_of_sums, "t", [ROWS]),
    "mean of sums": (mean_of_sums, "t", [ROWS]),
    "two layers": (two_layers, "t", [ROWS, ROWS, ROWS, (3, 3)]),
    "two linear layers": (two_linear_layers, "t", [ROWS, ROWS, ROWS, (3, 3)]),
    "weighted sums": (weighted_sums, "t", [ROWS, ROWS]),
    "products of sums": (products_of_sums, "t", [ROWS, ROWS, ROWS]),
    "thrice": (sums_of_sums >> cumsum("[t] m"), "t", [ROWS]),
}
"""Circuits with the variable, and shapes of inputs."""


@traced("n", "n", "t n")
def after_a_scan(h, a, x):
    _, every = recurrence(h, view("n -> t n", t="t")(a), x)
    return cumsum("[t] n")(every)


@traced("n", "t n", "t n")
def into_a_scan(h, a, x):
    return recurrence(h, a, cumsum("[t] n")(x))[1]


UNMERGED = {
    "two layers": (two_layers, False), "squares": (squares, True),
    "turned": (turned, False), "exponentials": (exponentials, True),
    "after a scan": (after_a_scan, False), "into a scan": (into_a_scan, False),
}  # fmt: skip
"""Prefix folds whose blocks have no states of their own, and whether by a theorem."""


@traced("t s", "s e")
def biased(b, v):
    return einsum("t s, s e -> t e")(where("t s", "s <= t", outside=0.0)(b), v)


@traced("t d", "t d", "t e")
def after_softmax(q, k, v):
    return softmax("[t] e")(linear_attention(q, k, v))


KEPT = {
    "softmax": (
        (einsum("t d, s d -> t s") >> where("t s", "s <= t") >> softmax("[s]")) @ idle
        >> einsum("t s, s e -> t e"), "t",
    ),
    "window": (masked("s <= t, t - s < 3"), "t"),
    "filled": (
        (einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)
         >> where("t s", "s <= 3", outside=5.0)) @ idle >> einsum("t s, s e -> t e"), "t",
    ),
    "biases": (biased, "t"),
    "read whole": (after_softmax, "t"),
    "later ones, too": (masked("s <= t + 1"), "t"),
    "no mask": (einsum("t d, s d -> t s") @ idle >> einsum("t s, s e -> t e"), "t"),
}  # fmt: skip
"""Circuits that are no prefix folds along a variable."""


def random_prefix(seed):
    """Return a random circuit of arrays t d, where each output depends on what stands before it."""
    random = np.random.default_rng(seed)

    @traced("t d", "t d", "t", "d")
    def grown(x, y, a, h):
        known = [x, y]

        def one():
            return known[random.integers(len(known))]

        def weighted(condition, q, k, v):
            return masked(condition)(q, k, v)

        def forgotten(q, k, v):
            scores = einsum("t d, s d -> t s")(q, k)
            decay = decays(gaps(neg(square(a))))
            return einsum("t s, t s, s e -> t e")(scores, decay, v)

        steps = [
            lambda: cumsum("[t] d")(one()),
            lambda: weighted("s <= t", tanh(one()), tanh(one()), one()),
            lambda: weighted("s < t", one(), one(), tanh(one())),
            lambda: forgotten(tanh(one()), one(), one()),
            lambda: recurrence(h, tanh(one()), one())[1],
            lambda: running_greatest(one()),
        ]
        for _ in range(2 + random.integers(2)):
            made = steps[random.integers(len(steps))]()
            known.append([made, tanh(made), add(made, one()), mul(made, tanh(one()))][
                random.integers(4)
            ])  # fmt: skip
        return known[-1], known[-2]

    return grown
