r"""Mamba: a recurrence whose coefficients depend on what it reads, instead of attention.

Each of f channels has a state of s numbers, which a step of size dt > 0 lets decay and adds to; how
long the step is, what is added and what is read are linear in the present token:

.. math:: h_t = \exp(dt_t A)\,h_{t-1} + dt_t B_t x_t, \qquad y_t = C_t h_t + D x_t

In front of it there are a linear map and a causal convolution of windows of 4, behind it a gate.
The norm is a root mean square; the table of tokens is used twice.

>>> mamba().at(MAMBA_130M).counts().parameters
129135360

Left out: what parameters start from (A from -1 to -s), and the program that runs the recurrence in
parallel.

References
----------
Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    compose,
    constant,
    conv,
    einsum,
    embed,
    exp,
    gain,
    linear,
    norm,
    parameter,
    residual,
    silu,
    softplus,
    traced,
    view,
)

MAMBA_130M = {"L": 24, "m": 768, "f": 1536, "s": 16, "r": 48, "V": 50280}
MAMBA_2_8B = MAMBA_130M | {"L": 64, "m": 2560, "f": 5120, "r": 160}


def step() -> Circuit:
    """Return one step of the recurrence: the next state, and what is read of it.

    It takes the state, how much of it stays, what is added, and what is read.

    Examples
    --------
    >>> step()
    Circuit(R[f s], R[f s], R[f s], R[s] -> R[f s], R[f])
    """

    @traced("f s", "f s", "f s", "s")
    def next_state(h, kept, given, read):
        h = kept * h + given
        return h, einsum("f s, s -> f")(h, read)

    return next_state


def selective() -> Circuit:
    """Return the recurrence over all tokens, R[x f] -> R[x f].

    Examples
    --------
    >>> selective().at(f=8, s=4, r=2).parameters["A"]
    (Size('8'), Size('4'))
    """
    zero = constant(0.0) >> view(" -> f s")

    @traced("x f")
    def mixed(t):
        dt = softplus(linear("dt", "r -> f", bias=True)(linear("rank", "f -> r")(t)))
        B, C = linear("B", "f -> s")(t), linear("C", "f -> s")(t)
        kept = exp(einsum("x f, f s -> x f s")(dt, -exp(parameter("A", "f s")())))
        given = einsum("x f, x s, x f -> x f s")(dt, B, t)
        _, y = step().scan("x", states=1)(zero(), kept, given, C)
        return gain("D", "f")(t) + y

    return mixed.block("selective")


def mamba_layer() -> Circuit:
    """Return a layer of Mamba.

    Examples
    --------
    >>> mamba_layer()
    Circuit(R[x m] -> R[x m])
    """

    @traced("x m")
    def mixed(t):
        gate = silu(linear("gate", "m -> f")(t))
        causal = conv("conv", "[x] f -> [x] f", window=4, pad=(3, 0), bias=True)
        made = selective()(silu(causal(linear("in", "m -> f")(t))))
        return linear("out", "f -> m")(made * gate)

    return residual(norm("norm", "[m]", kind="rms") >> mixed)


def mamba() -> Circuit:
    """Return Mamba, from tokens to scores of the next ones.

    Examples
    --------
    >>> mamba()
    Circuit(N<V>[x] -> R[x V])
    """
    end = norm("norm", "[m]", kind="rms"), linear("tokens", "m -> V", transpose=True)
    return compose(embed("tokens", "V -> m"), mamba_layer().repeat("L", "layers"), *end)
