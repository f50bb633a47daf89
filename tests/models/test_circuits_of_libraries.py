"""Oracle 24: circuits with copied weights against the modules of other libraries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.zoo.architectures import attention, gpt2_layer

KEY, SIZES = jax.random.key(0), {"m": 12, "h": 3, "d": 4}
X = jax.random.normal(KEY, (5, 12))


def agree(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    assert np.abs(found - expected).max() < 5e-7 * np.abs(expected).max()


def test_attention_of_equinox():
    eqx = pytest.importorskip("equinox", reason="equinox is not installed")
    module = eqx.nn.MultiheadAttention(3, 12, key=KEY)
    layers = zip("QKV", (module.query_proj, module.key_proj, module.value_proj), strict=True)
    params = {name: one.weight.T.reshape(12, 3, 4) for name, one in layers}
    params["O"] = module.output_proj.weight.T.reshape(3, 4, 12)
    mask = jnp.tril(jnp.ones((5, 5), bool))
    agree(cl.lower(attention(causal=True), sizes=SIZES)(params, X), module(X, X, X, mask))
    unmasked = cl.lower(attention(), sizes=SIZES)
    agree(unmasked(params, X), module(X, X, X))


def test_attention_of_flax():
    linen = pytest.importorskip("flax.linen", reason="flax is not installed")
    module = linen.MultiHeadDotProductAttention(num_heads=3)
    theirs = module.init(KEY, X)["params"]
    theirs = jax.tree.map(lambda x: x + 0.1 * jax.random.normal(KEY, x.shape), theirs)
    names = zip("QKVO", ("query", "key", "value", "out"), strict=True)
    params = {}
    for name, other in names:
        params[name], params[f"{name}.bias"] = theirs[other]["kernel"], theirs[other]["bias"]
    fn = cl.lower(attention(bias=True, causal=True), sizes=SIZES)
    mask = linen.make_causal_mask(jnp.ones(5))
    agree(fn(params, X), module.apply({"params": theirs}, X, mask=mask))


def test_a_layer_of_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.0, norm_first=True, batch_first=True,
        activation=lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    )  # fmt: skip
    theirs = {name: one.detach().numpy() for name, one in module.state_dict().items()}
    params = {}
    for name, weight, bias in zip(
        "QKV",
        np.split(theirs["self_attn.in_proj_weight"], 3),
        np.split(theirs["self_attn.in_proj_bias"], 3),
        strict=True,
    ):
        params[name], params[f"{name}.bias"] = weight.T.reshape(12, 3, 4), bias.reshape(3, 4)
    params["O"] = theirs["self_attn.out_proj.weight"].T.reshape(3, 4, 12)
    params["O.bias"] = theirs["self_attn.out_proj.bias"]
    for name, other in (("up", "linear1"), ("down", "linear2")):
        params[name], params[f"{name}.bias"] = theirs[f"{other}.weight"].T, theirs[f"{other}.bias"]
    for name, other in (("ln1", "norm1"), ("ln2", "norm2")):
        params[f"{name}.gain"] = theirs[f"{other}.weight"]
        params[f"{name}.shift"] = theirs[f"{other}.bias"]
    x = torch.from_numpy(np.array(X))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    expected = module(x[None], src_mask=mask)[0].detach()
    sizes = SIZES | {"f": 20}
    agree(cl.lower(gpt2_layer(), sizes=sizes)(params, X), expected)
    agree(cl.lowering.to_torch(gpt2_layer(), sizes, params)(x).detach(), expected)
