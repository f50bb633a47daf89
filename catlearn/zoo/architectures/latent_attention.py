r"""DeepSeek-V3: attention by latents, and many small experts with a router that balances itself.

Queries come from a latent of a numbers, keys and values from one of c numbers; r more numbers of
queries and keys are turned by positions, those of keys for all heads:

.. math:: q = [\,Q z_a;\ \mathrm{turned}(Q' z_a)\,], \quad
   k = [\,K z_c;\ \mathrm{turned}(K' x)\,], \quad v = V z_c

The first D layers have a gated feed-forward layer; the L others e experts, of which k are chosen,
and a shared one. Scores are sigmoids. Who is chosen depends on scores plus a bias of each expert,
which training moves to balance the load: i of n groups, by the sums of their two highest, then the
k highest in these. Weights are the scores without the bias, divided by their sum, times 2.5.

>>> counts = deepseek_v3().at(DEEPSEEK_V3).counts()
>>> counts.parameters, counts.active
(671026419200, 37552297472)

Left out: the module that predicts a second token (multi-token prediction, 14e9 more parameters in
training); how the biases are moved, and the loss that balances each sequence; longer contexts
(YaRN); caches.

References
----------
DeepSeek-AI, "DeepSeek-V3 technical report", 2024.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    bias,
    compose,
    concat,
    einsum,
    embed,
    linear,
    log,
    norm,
    one_hot,
    residual,
    sigmoid,
    softmax,
    take,
    top_k,
    traced,
    view,
    where,
)
from catlearn.zoo.architectures.attending import experts, rotary, swiglu

DEEPSEEK_V3 = {
    "D": 3, "L": 58, "m": 7168, "a": 1536, "c": 512, "h": 128, "d": 128, "r": 64, "v": 128,
    "f": 18432, "w": 2048, "e": 256, "k": 8, "n": 8, "i": 4, "V": 129280,
}  # fmt: skip


def _norm(name: str, axis: str) -> Circuit:
    return norm(name, f"[{axis}]", kind="rms", eps=1e-6)


def latent_attention(base: float = 10000.0) -> Circuit:
    """Return causal attention whose queries, keys and values come from latents.

    Examples
    --------
    >>> f = latent_attention().at_dom((5, 8)).at(a=6, c=5, h=2, d=4, r=2, v=3)
    >>> f.parameters["K"], f.parameters["K_turned"]
    ((Size('5'), Size('2'), Size('4')), (Size('8'), Size('2')))
    """
    scores = einsum("x h k, y h k -> h x y", scale="k**-0.5")

    @traced("x m")
    def attend(t):
        z = _norm("Q_norm", "a")(linear("Q_latent", "m -> a")(t))
        turned = rotary("x h r", base)(linear("Q_turned", "a -> h r")(z))
        q = concat("x h [d], x h [r] -> x h [k]")(linear("Q", "a -> h d")(z), turned)
        z = _norm("KV_norm", "c")(linear("KV_latent", "m -> c")(t))
        shared = view("r -> h r")(rotary("y r", base)(linear("K_turned", "m -> r")(t)))
        k = concat("y h [d], y h [r] -> y h [k]")(linear("K", "c -> h d")(z), shared)
        v = linear("V", "c -> h v")(z)
        weights = softmax("[y]")(where("x y", "y <= x")(scores(q, k)))
        return linear("O", "h v -> m")(einsum("h x y, y h v -> x h v")(weights, v))

    return attend.block("latent attention")


def router(scale: float = 2.5) -> Circuit:
    """Return the weights of the k experts that are chosen for each token, and which these are.

    Examples
    --------
    >>> router().at(e=8, k=2, n=4, i=2)
    Circuit(R[x m] -> R[x k], N<e>[x k])
    """

    @traced("x m")
    def routed(t):
        scores = sigmoid(linear("router", "m -> e")(t))
        groups = view("(n o) -> n o")(bias("router.bias", "e")(scores))
        best = einsum("n j -> n")(top_k("[o -> j]", j=2)(groups)[0])
        allowed = einsum("i n -> n")(one_hot("n")(top_k("[n -> i]")(best)[1]))
        open_ = groups + view("n -> n o")(log(allowed))
        chosen = top_k("[e -> k]")(view("n o -> (n o)")(open_))[1]
        weights = take("k, e -> k", at="e")(chosen, scores)
        return weights / view(" -> k")(einsum("k -> ")(weights)) * scale, chosen

    return routed.block("router")


def shared_and_routed() -> Circuit:
    """Return the sum of the experts that are chosen, and of one through which all tokens go.

    Examples
    --------
    >>> shared_and_routed().at_dom((5, 4)).at(e=8, k=2, n=4, i=2, m=4, w=6).counts().active
    256
    """

    @traced("x m")
    def mixed(t):
        return experts("w")(*router()(t), t) + swiglu("w").named("shared")(t)

    return mixed.block("mixture")


def deepseek_layer(feed_forward: Circuit) -> Circuit:
    """Return a layer of DeepSeek-V3, dense or of experts.

    Examples
    --------
    >>> deepseek_layer(swiglu())
    Circuit(R[x m] -> R[x m])
    """
    mixing = _norm("attention_norm", "m") >> latent_attention()
    return residual(mixing) >> residual(_norm("norm", "m") >> feed_forward)


def deepseek_v3() -> Circuit:
    """Return DeepSeek-V3, from tokens to scores of the next ones.

    Examples
    --------
    >>> deepseek_v3()
    Circuit(N<V>[x] -> R[x V#2])
    """
    dense = deepseek_layer(swiglu()).repeat("D", "dense")
    layers = deepseek_layer(shared_and_routed()).repeat("L", "layers")
    end = _norm("norm", "m"), linear("output", "m -> V")
    return compose(embed("tokens", "V -> m"), dense, layers, *end)
