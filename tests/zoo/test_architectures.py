"""The architectures: their published counts, and their layers against code by hand."""

import jax
import numpy as np
import pytest

from benchmarks.by_hand.transformer import gpt2_block
from catlearn.arrays import Size, linear
from catlearn.errors import InvalidStructure
from catlearn.models import LoweredCircuit
from catlearn.zoo import architectures as zoo
from catlearn.zoo.architectures import (
    attending,
    contracting,
    decoding,
    encoder_decoder,
    latent_attention,
    residual_networks,
)
from tests.zoo import by_hand


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def run(circuit, functions, sizes, arrays):
    """Run a circuit with parameters that are drawn, and functions by hand, in float64."""
    with jax.enable_x64(True):
        fn = LoweredCircuit(circuit.at_dom(*map(np.shape, arrays)), sizes)
        shapes = jax.eval_shape(fn.init, jax.random.key(0))
        rng = np.random.default_rng(0)
        params = jax.tree.map(lambda one: rng.normal(size=one.shape), shapes)
        found = [jax.jit(fn)(params, *arrays), *(one(params, *arrays) for one in functions)]
        sides = (one if isinstance(one, tuple) else (one,) for one in found)
        return [[np.asarray(part) for part in one] for one in sides]


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


HEADS = {"m": 6, "h": 2, "d": 4, "f": 5}
GROUPS = {"m": 6, "g": 2, "q": 3, "d": 4, "f": 5}
LATENT = {"m": 6, "a": 5, "c": 4, "h": 2, "d": 3, "r": 2, "v": 5, "w": 5}
LAYERS = {
    "encoder": (encoder_decoder.encoder_layer, by_hand.encoder_layer, HEADS, [(3, 6)]),
    "decoder": (encoder_decoder.decoder_layer, by_hand.decoder_layer, HEADS, [(3, 6), (4, 6)]),
    "llama": (decoding.llama_layer, by_hand.llama_layer, GROUPS, [(3, 6)]),
    "mixtral": (decoding.mixtral_layer, by_hand.mixtral_layer, GROUPS | {"e": 4, "k": 2},
                [(3, 6)]),
    "deepseek": (lambda: latent_attention.deepseek_layer(latent_attention.shared_and_routed()),
                 by_hand.deepseek_layer, LATENT | {"e": 8, "k": 3, "n": 4, "i": 2}, [(5, 6)]),
    "resnet": (lambda: residual_networks.bottleneck("w", stride=2, fitted=True), by_hand.bottleneck,
               {"w": 3}, [(5, 6, 4)]),
    "resnet, the same size": (lambda: residual_networks.bottleneck("w"),
                              lambda p, x: by_hand.bottleneck(p, x, stride=1), {"w": 1},
                              [(5, 6, 4)]),
    "u-net": (lambda: contracting.scale(0, scales=1), by_hand.unet_scale, {"w": 2}, [(18, 20, 1)]),
    "rotary": (lambda: attending.rotary("x h d", 10000.0),
               lambda p, x: by_hand.rotary(x, 10000.0), {}, [(3, 2, 6)]),
}  # fmt: skip


MUTANTS = {
    "encoder": lambda p, x: by_hand.encoder_layer(p, x) + 1e-6,
    "decoder": lambda p, y, x: (by_hand.decoder_layer(p, y, x[::-1] * 1.01)[0], x),
    "llama": lambda p, x: by_hand.llama_layer(p, x, base=10000.0),
    "mixtral": lambda p, x: by_hand.mixtral_layer(p, x, k=1),
    "deepseek": lambda p, x: by_hand.deepseek_layer(p, x, kept=4),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_those_by_hand(name, mutants):
    """In float64, to 1e-10; other layers differ."""
    make, function, sizes, shapes = LAYERS[name]
    arrays = [normal(*shape, seed=k) for k, shape in enumerate(shapes, 1)]
    other = [MUTANTS[name]] if name in MUTANTS else []
    found, expected, *others = run(make(), [function, *other], sizes, arrays)
    close(found, expected)
    for wrong in others:
        with mutants(f"another layer: {name}"):
            assert any(np.abs(a - b).max() > 1e-8 for a, b in zip(found, wrong, strict=True))


PARAMETERS = {
    "transformer, base": (zoo.transformer, zoo.TRANSFORMER_BASE, 63_045_632),
    "transformer, big": (zoo.transformer, zoo.TRANSFORMER_BIG, 214_171_648),
    "gpt2, small": (zoo.gpt2, zoo.GPT2_SMALL, 124_439_808),
    "gpt2, medium": (zoo.gpt2, zoo.GPT2_MEDIUM, 354_823_168),
    "gpt2, large": (zoo.gpt2, zoo.GPT2_LARGE, 774_030_080),
    "gpt2, xl": (zoo.gpt2, zoo.GPT2_XL, 1_557_611_200),
    "vit": (lambda: zoo.vit().at_dom((224, 224, 3)), zoo.VIT_B16, 86_567_656),
    "resnet": (lambda: zoo.resnet50().at_dom((224, 224, 3)), zoo.RESNET50, 25_557_032),
    "u-net": (zoo.u_net, zoo.U_NET, 31_030_658),
    "llama": (zoo.llama, zoo.LLAMA3_8B, 8_030_261_248),
    "mixtral": (zoo.mixtral, zoo.MIXTRAL_8X7B, 46_702_792_704),
    "deepseek": (zoo.deepseek_v3, zoo.DEEPSEEK_V3, 671_026_419_200),
    "mamba": (zoo.mamba, zoo.MAMBA_130M, 129_135_360),
}
OTHERS = {
    "mixtral": ("active", 12_879_925_248),
    "deepseek": ("active", 37_552_297_472),
    "resnet": ("multiply_adds", 4_089_184_256),
    "vit": ("multiply_adds", 17_563_828_224),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_counts_are_those_that_were_published(name):
    """Oracles 26 to 28."""
    circuit, sizes, parameters = PARAMETERS[name]
    found = circuit().at(sizes).counts()
    assert found.parameters == parameters
    kind, number = OTHERS.get(name, ("parameters", parameters))
    assert getattr(found, kind) == number


def test_parts_take_the_published_sizes_that_they_have():
    layer, head = zoo.gpt2_layer(), linear("head", "m -> n")
    assert zoo.sized(layer, zoo.GPT2_SMALL) == layer.at(m=768, h=12, d=64, f=3072)
    variant = layer.repeat("L", "layers") >> head
    sizes = {name: zoo.GPT2_SMALL[name] for name in "Lmhd"}
    assert zoo.sized(variant, zoo.GPT2_SMALL, f="2*m", n=3) == variant.at(sizes, f="2*m", n=3)
    with pytest.raises(InvalidStructure) as caught:
        zoo.sized(layer, zoo.GPT2_SMALL, V=3)
    assert [one.where for one in caught.value.failures] == ["V"]


def test_operations_of_transformers():
    """Oracle 28: GPT-2 on 1024 tokens; Llama 3 for each, but for the core of attention."""
    found = zoo.gpt2().at(zoo.GPT2_SMALL).at(x=1024).counts()
    assert 2 * found.multiply_adds == 291_648_307_200
    sizes, x = zoo.LLAMA3_8B, Size.of("x")
    core = 2 * sizes["L"] * sizes["g"] * sizes["q"] * sizes["d"]
    counts = zoo.llama().at(sizes).counts()
    assert counts.multiply_adds - core * x * x == 7_504_658_432 * x
    m = sizes["m"]
    assert counts.parameters - sizes["V"] * m - 65 * m == 7_504_658_432


def layered(p, layer, *arrays, title="layers"):
    """Apply a layer with each slice of the stacked parameters."""
    for k in range(2):
        arrays = layer(jax.tree.map(lambda one, k=k: one[k], p[title]), *arrays)
        arrays = arrays if isinstance(arrays, tuple) else (arrays,)
    return arrays[0]


def transformer_by_hand(p, source, target):
    table, m = p["table"], p["table"].shape[1]
    x, y = (
        table[one] * np.sqrt(m) + by_hand.positions(len(one), m) for one in (source, target)
    )  # fmt: skip
    memory = layered(p, by_hand.encoder_layer, x, title="encoder")
    return layered(p, by_hand.decoder_layer, y, memory, title="decoder") @ table.T


def gpt2_by_hand(p, tokens):
    x = p["wte"][tokens] + p["wpe"][: len(tokens)]
    x = layered(p, jax.jit(gpt2_block), x)
    return by_hand.layer_norm(p, "lnf", x) @ p["wte"].T


def vit_by_hand(p, image):
    y, z, i = image.shape
    cut = image.reshape(y // 2, 2, z // 2, 2, i).swapaxes(1, 2)
    x = np.einsum("uvabi,abim->uvm", cut, p["patch"]).reshape(-1, 6) + p["patch.bias"]
    x = np.concatenate([p["class"], x]) + p["positions"]
    x = by_hand.layer_norm(p, "ln", layered(p, by_hand.vit_layer, x), 1e-6)
    return x[0] @ p["head"] + p["head.bias"]


def llama_by_hand(p, tokens):
    x = layered(p, by_hand.llama_layer, p["tokens"][tokens])
    return by_hand.rms_norm(p, "norm", x) @ p["output"]


def mamba_by_hand(p, tokens):
    x = layered(p, by_hand.mamba_layer, p["tokens"][tokens])
    return by_hand.rms_norm(p, "norm", x) @ p["tokens"].T


TOKENS = np.array([3, 0, 4, 3])
SMALL = HEADS | {"L": 2, "V": 7}
WHOLE = {
    "transformer": (zoo.transformer, transformer_by_hand, SMALL, [TOKENS, TOKENS[1:]]),
    "gpt2": (zoo.gpt2, gpt2_by_hand, SMALL | {"c": 5}, [TOKENS]),
    "vit": (zoo.vit, vit_by_hand, HEADS | {"L": 2, "a": 2, "b": 2, "c": 7, "n": 3},
            [normal(4, 6, 2)]),
    "llama": (zoo.llama, llama_by_hand, GROUPS | {"L": 2, "V": 7}, [TOKENS]),
    "mamba": (zoo.mamba, mamba_by_hand,
              {"m": 4, "f": 6, "s": 3, "r": 2, "L": 2, "V": 7}, [TOKENS]),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_models_are_those_by_hand(name):
    make, function, sizes, arrays = WHOLE[name]
    close(*run(make(), [function], sizes, arrays))
