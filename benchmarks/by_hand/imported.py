"""Models of other libraries, small and with random weights, that are imported as circuits.

Each entry of :data:`MODELS` makes a :class:`Model`; its library is imported when it is made.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays import Circuit
from catlearn.importing import imported, to_jax
from catlearn.zoo import architectures as zoo

KEY = jax.random.key(0)
TOKENS, TEXT = 99, (2, 10)
IDS = np.asarray(jax.random.randint(KEY, TEXT, 0, TOKENS))
IMAGE = np.asarray(jax.random.normal(KEY, (2, 3, 32, 32)))
VECTORS = np.asarray(jax.random.normal(KEY, (2, 8, 32)))
SIZES = {"L": 2, "m": 32, "h": 4, "d": 8, "f": 64, "V": TOKENS}
GROUPED = SIZES | {"g": 2, "q": 2}


@dataclass(frozen=True)
class Model:
    """A model that was imported.

    Parameters
    ----------
    found
        The circuit, and what is opaque in it.
    arguments
        Those of the function that was imported.
    expected
        What the model itself returns for them, as a list of arrays.
    trained
        How many numbers its library calls parameters.
    gallery
        The circuit of the zoo that is the same model, at the same sizes.
    """

    found: Any
    arguments: tuple[Any, ...]
    expected: list[np.ndarray]
    trained: int
    gallery: Circuit | None = field(default=None)


MODELS: dict[str, tuple[str, Callable[[], Model]]] = {}
"""The library and the maker of each model, by its name and library."""


def entry(name: str, library: str) -> Callable[[Callable[[], Model]], Callable[[], Model]]:
    def entered(make: Callable[[], Model]) -> Callable[[], Model]:
        MODELS[f"{name} ({library})"] = library, make
        return make

    return entered


def of_jax(fn: Callable[..., Any], params: Any, *inputs: Any, trained: Any = None) -> Model:
    """Import a function of parameters, of which all or some are trained, and inputs."""
    expected = [np.asarray(one) for one in jax.tree.leaves(fn(params, *inputs))]
    count = sum(one.size for one in jax.tree.leaves(params if trained is None else trained))
    return Model(imported(fn, params, *inputs, params=0), (params, *inputs), expected, count)


def of_torch(module: Any, *inputs: Any, gallery: Circuit | None = None, **named: Any) -> Model:
    """Import a module, in evaluation."""
    import torch

    module.eval()
    inputs = tuple(map(torch.tensor, inputs))
    named = {key: torch.tensor(x) if isinstance(x, np.ndarray) else x for key, x in named.items()}
    fn, state = to_jax(module, *inputs, **named)
    with torch.no_grad():
        leaves = torch.utils._pytree.tree_leaves(module(*inputs, **named))
    expected = [one.numpy() for one in leaves if one is not None]
    tensors = [one.numpy() for one in (*inputs, *named.values()) if torch.is_tensor(one)]
    count = sum(one.numel() for one in module.parameters())
    return Model(fn.imported(), (state, *tensors), expected, count, gallery)


def is_there(library: str) -> str | None:
    """Return why a library cannot be asked; None if it can."""
    if importlib.util.find_spec(library) is None:
        return f"{library} is not installed"
    if library == "torchvision":
        try:
            torchvision()
        except (ImportError, RuntimeError, OSError) as error:
            return f"torchvision cannot be imported: {error}"
    return None


def version(library: str) -> str:
    """Return a library and its release."""
    return f"{library} {importlib.metadata.version({'haiku': 'dm-haiku'}.get(library, library))}"


@functools.cache
def torchvision() -> Any:
    """Import torchvision, whose wheel beside a PyTorch for processors alone lacks two schemas."""
    with contextlib.suppress(RuntimeError):
        return importlib.import_module("torchvision")
    import torch

    # They are there for as long as their library is.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    found = importlib.import_module("torchvision")
    found.schemas = library
    return found


def transformers() -> Any:
    """Import transformers, which loads nothing, but torchvision if it is there."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    if importlib.util.find_spec("torchvision") is not None:
        torchvision()
    import transformers as found

    torch.manual_seed(0)
    found.logging.set_verbosity_error()
    return found


TEXTUAL = {"vocab_size": TOKENS, "max_position_embeddings": 64, "use_cache": False}
WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MIDDLE = {"intermediate_size": 64}


# PyTorch


@entry("MultiheadAttention", "torch")
def attention_of_torch() -> Model:
    import torch

    torch.manual_seed(0)
    module = torch.nn.MultiheadAttention(32, 4, batch_first=True)
    return of_torch(module, VECTORS, VECTORS, VECTORS, need_weights=False)


@entry("TransformerEncoderLayer", "torch")
def layer_of_torch() -> Model:
    import torch

    torch.manual_seed(0)
    return of_torch(torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), VECTORS)


@entry("Transformer", "torch")
def transformer_of_torch() -> Model:
    import torch

    torch.manual_seed(0)
    module = torch.nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
    return of_torch(module, VECTORS, VECTORS[:, :6])


@entry("BERT", "transformers")
def bert() -> Model:
    t = transformers()
    module = t.BertModel(t.BertConfig(**TEXTUAL, **WIDE, **MIDDLE))
    sizes = SIZES | {"c": 64, "t": 2}
    named = {"attention_mask": np.ones(TEXT, bool), "token_type_ids": np.zeros(TEXT, int)}
    return of_torch(module, IDS, **named, gallery=zoo.bert().at(sizes))


@entry("GPT-2", "transformers")
def gpt2() -> Model:
    t = transformers()
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    config = t.GPT2Config(vocab_size=TOKENS, n_positions=64, n_embd=32, n_layer=2, n_head=4, **ends)
    config.use_cache = False
    gallery = zoo.gpt2().at(SIZES | {"f": 128, "c": 64})
    return of_torch(t.GPT2LMHeadModel(config), IDS, gallery=gallery)


@entry("Llama", "transformers")
def llama() -> Model:
    t = transformers()
    config = t.LlamaConfig(**TEXTUAL, **WIDE, **MIDDLE, num_key_value_heads=2)
    return of_torch(t.LlamaForCausalLM(config), IDS, gallery=zoo.sized(zoo.llama(), GROUPED))


@entry("Mixtral", "transformers")
def mixtral() -> Model:
    t = transformers()
    config = t.MixtralConfig(
        **TEXTUAL, **WIDE, **MIDDLE, num_key_value_heads=2, num_local_experts=4,
        num_experts_per_tok=2, experts_implementation="batched_mm",
    )  # fmt: skip
    gallery = zoo.sized(zoo.mixtral(), GROUPED | {"e": 4, "k": 2})
    return of_torch(t.MixtralForCausalLM(config), IDS, gallery=gallery)


@entry("ViT", "transformers")
def vit() -> Model:
    t = transformers()
    config = t.ViTConfig(**WIDE, **MIDDLE, image_size=32, patch_size=8)
    gallery = zoo.sized(zoo.vit(), SIZES | {"a": 8, "b": 8, "c": 17, "n": 2, "i": 3})
    return of_torch(t.ViTForImageClassification(config), IMAGE, gallery=gallery)


@entry("T5", "transformers")
def t5() -> Model:
    t = transformers()
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    config = t.T5Config(vocab_size=TOKENS, **sizes, decoder_start_token_id=0)
    named = {"decoder_input_ids": IDS[:, :7], "use_cache": False}
    return of_torch(t.T5ForConditionalGeneration(config), IDS, **named)


@entry("Whisper, encoder", "transformers")
def whisper() -> Model:
    t = transformers()
    sides = ("encoder", "decoder")
    config = t.WhisperConfig(
        vocab_size=TOKENS, d_model=32, num_mel_bins=16, max_source_positions=32, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        **{f"{side}_layers": 2 for side in sides}, **{f"{side}_ffn_dim": 64 for side in sides},
        **{f"{side}_attention_heads": 4 for side in sides},
    )  # fmt: skip
    sound = np.asarray(jax.random.normal(KEY, (2, 16, 64)))
    return of_torch(t.WhisperModel(config).encoder, sound)


@entry("Mamba", "transformers")
def mamba() -> Model:
    t = transformers()
    config = t.MambaConfig(vocab_size=TOKENS, hidden_size=32, state_size=8, num_hidden_layers=2)
    config.use_cache = False
    gallery = zoo.sized(zoo.mamba(), {"L": 2, "m": 32, "f": 64, "s": 8, "r": 2, "V": TOKENS})
    return of_torch(t.MambaForCausalLM(config), IDS, gallery=gallery)


@entry("ResNet-50", "torchvision")
def resnet_of_torchvision() -> Model:
    import torch

    torch.manual_seed(0)
    module = torchvision().models.resnet50(num_classes=10)
    # Statistics that are not those of the start.
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(part.running_mean, 0, 0.1)
            torch.nn.init.uniform_(part.running_var, 0.8, 1.2)
    return of_torch(module, IMAGE, gallery=zoo.resnet50().at(w=64, n=10))


@entry("Swin", "torchvision")
def swin() -> Model:
    import torch

    torch.manual_seed(0)
    make = torchvision().models.SwinTransformer
    return of_torch(make([4, 4], 24, [2, 2], [3, 6], [4, 4], num_classes=10), IMAGE)


# equinox


def equinox_parts() -> Any:
    import equinox as eqx

    class Block(eqx.Module):
        norms: list
        attention: Any
        mlp: Any

        def __init__(self, key: Any) -> None:
            one, two = jax.random.split(key)
            self.norms = [eqx.nn.LayerNorm(32), eqx.nn.LayerNorm(32)]
            self.attention = eqx.nn.MultiheadAttention(4, 32, key=one)
            self.mlp = eqx.nn.MLP(32, 32, 64, 1, jax.nn.gelu, key=two)

        def __call__(self, x: Any) -> Any:
            y = jax.vmap(self.norms[0])(x)
            causal = jnp.tril(jnp.ones((len(x), len(x)), bool))
            x = x + self.attention(y, y, y, causal)
            return x + jax.vmap(self.mlp)(jax.vmap(self.norms[1])(x))

    class Transformer(eqx.Module):
        words: Any
        places: Any
        blocks: list
        out: Any

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, 5)
            self.words = eqx.nn.Embedding(TOKENS, 32, key=keys[0])
            self.places = eqx.nn.Embedding(64, 32, key=keys[1])
            self.blocks = [Block(one) for one in keys[2:4]]
            self.out = eqx.nn.Linear(32, TOKENS, key=keys[4])

        def __call__(self, ids: Any) -> Any:
            x = jax.vmap(self.words)(ids) + jax.vmap(self.places)(jnp.arange(len(ids)))
            for block in self.blocks:
                x = block(x)
            return jax.vmap(self.out)(x)

    class Double(eqx.Module):
        first: Any
        second: Any
        skip: Any
        norm: Any

        def __init__(self, given: int, width: int, key: Any, stride: int = 1) -> None:
            keys = jax.random.split(key, 3)
            self.first = eqx.nn.Conv2d(given, width, 3, stride, padding=1, key=keys[0])
            self.second = eqx.nn.Conv2d(width, width, 3, padding=1, key=keys[1])
            self.skip = eqx.nn.Conv2d(given, width, 1, stride, key=keys[2])
            self.norm = eqx.nn.GroupNorm(4, width)

        def __call__(self, x: Any) -> Any:
            return jax.nn.relu(self.skip(x) + self.second(jax.nn.relu(self.norm(self.first(x)))))

    class ResNet(eqx.Module):
        stem: Any
        pool: Any
        blocks: list
        out: Any

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, 4)
            self.stem = eqx.nn.Conv2d(3, 8, 3, padding=1, key=keys[0])
            self.pool = eqx.nn.MaxPool2d(3, 2, padding=1)
            self.blocks = [Double(8, 8, keys[1]), Double(8, 16, keys[2], 2)]
            self.out = eqx.nn.Linear(16, 10, key=keys[3])

        def __call__(self, x: Any) -> Any:
            x = self.pool(self.stem(x))
            for block in self.blocks:
                x = block(x)
            return self.out(x.mean((1, 2)))

    class UNet(eqx.Module):
        down: list
        pool: Any
        middle: Any
        up: list
        across: list
        out: Any

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, 8)
            self.down = [Double(3, 8, keys[0]), Double(8, 16, keys[1])]
            self.pool = eqx.nn.MaxPool2d(2, 2)
            self.middle = Double(16, 32, keys[2])
            made = zip((32, 16), keys[3:5], strict=True)
            self.up = [eqx.nn.ConvTranspose2d(n, n // 2, 2, 2, key=key) for n, key in made]
            self.across = [Double(32, 16, keys[5]), Double(16, 8, keys[6])]
            self.out = eqx.nn.Conv2d(8, 2, 1, key=keys[7])

        def __call__(self, x: Any) -> Any:
            held = []
            for block in self.down:
                held.append(block(x))
                x = self.pool(held[-1])
            x = self.middle(x)
            for up, across, kept in zip(self.up, self.across, held[::-1], strict=True):
                x = across(jnp.concatenate([kept, up(x)]))
            return self.out(x)

    return Transformer, ResNet, UNet


def of_equinox(place: int, x: Any) -> Model:
    import equinox as eqx

    params, rest = eqx.partition(equinox_parts()[place](KEY), eqx.is_array)

    def fn(params: Any, x: Any) -> Any:
        return jax.vmap(eqx.combine(params, rest))(x)

    return of_jax(fn, params, x)


entry("transformer", "equinox")(lambda: of_equinox(0, IDS))
entry("residual network", "equinox")(lambda: of_equinox(1, IMAGE))
entry("U-Net", "equinox")(lambda: of_equinox(2, IMAGE))


# flax and haiku


def images_last() -> np.ndarray:
    return IMAGE.transpose(0, 2, 3, 1)


@entry("transformer, linen", "flax")
def transformer_of_linen() -> Model:
    from flax import linen

    class Transformer(linen.Module):
        @linen.compact
        def __call__(self, ids: Any) -> Any:
            x = linen.Embed(TOKENS, 32)(ids) + linen.Embed(64, 32)(jnp.arange(ids.shape[1]))
            for _ in range(2):
                mask = linen.make_causal_mask(ids)
                x = x + linen.MultiHeadDotProductAttention(4)(linen.LayerNorm()(x), mask=mask)
                y = linen.Dense(64)(linen.LayerNorm()(x))
                x = x + linen.Dense(32)(linen.gelu(y))
            return linen.Dense(TOKENS)(linen.LayerNorm()(x))

    module = Transformer()
    return of_jax(module.apply, module.init(KEY, IDS), IDS)


@entry("residual network, linen", "flax")
def resnet_of_linen() -> Model:
    from flax import linen

    class ResNet(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            norm = lambda: linen.BatchNorm(use_running_average=True)  # noqa: E731
            x = linen.max_pool(linen.Conv(8, (7, 7), 2)(x), (3, 3), (2, 2), "SAME")
            for width, stride in ((8, 1), (16, 2)):
                y = linen.relu(norm()(linen.Conv(width, (3, 3), stride)(x)))
                y = norm()(linen.Conv(width, (3, 3))(y))
                x = linen.relu(y + norm()(linen.Conv(width, (1, 1), stride)(x)))
            return linen.Dense(10)(x.mean((1, 2)))

    module = ResNet()
    held = module.init(KEY, images_last())
    return of_jax(module.apply, held, images_last(), trained=held["params"])


def of_nnx(module: Any, x: Any) -> Model:
    from flax import nnx

    graph, state = nnx.split(module)
    params = nnx.to_pure_dict(state)

    def fn(params: Any, x: Any) -> Any:
        held = jax.tree.map(lambda x: x, state)
        nnx.replace_by_pure_dict(held, params)
        return nnx.merge(graph, held)(x)

    return of_jax(fn, params, x, trained=nnx.state(module, nnx.Param))


@entry("transformer, nnx", "flax")
def transformer_of_nnx() -> Model:
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first, self.second = nnx.LayerNorm(32, rngs=rngs), nnx.LayerNorm(32, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(4, 32, decode=False, rngs=rngs)
            self.up, self.down = nnx.Linear(32, 64, rngs=rngs), nnx.Linear(64, 32, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            mask = nnx.make_causal_mask(x[..., 0])
            x = x + self.attention(self.first(x), mask=mask)
            return x + self.down(nnx.gelu(self.up(self.second(x))))

    class Transformer(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.words = nnx.Embed(TOKENS, 32, rngs=rngs)
            self.places = nnx.Embed(64, 32, rngs=rngs)
            self.one, self.two = Block(rngs), Block(rngs)
            self.out = nnx.Linear(32, TOKENS, rngs=rngs)

        def __call__(self, ids: Any) -> Any:
            x = self.words(ids) + self.places(jnp.arange(ids.shape[1]))
            return self.out(self.two(self.one(x)))

    return of_nnx(Transformer(nnx.Rngs(0)), IDS)


@entry("residual network, nnx", "flax")
def resnet_of_nnx() -> Model:
    from flax import nnx

    class ResNet(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.stem = nnx.Conv(3, 8, (3, 3), 2, rngs=rngs)
            self.norms = nnx.List(
                [nnx.BatchNorm(8, use_running_average=True, rngs=rngs) for _ in range(2)]
            )
            self.convs = nnx.List([nnx.Conv(8, 8, (3, 3), rngs=rngs) for _ in range(2)])
            self.out = nnx.Linear(8, 10, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.max_pool(self.stem(x), (2, 2), (2, 2))
            y = nnx.relu(self.norms[0](self.convs[0](x)))
            x = nnx.relu(x + self.norms[1](self.convs[1](y)))
            return self.out(x.mean((1, 2)))

    return of_nnx(ResNet(nnx.Rngs(0)), images_last())


def of_haiku(forward: Callable[[Any, bool], Any], x: Any) -> Model:
    import haiku as hk

    fn = hk.without_apply_rng(hk.transform_with_state(forward))
    params, state = fn.init(KEY, x, True)
    # Averages of a few images would make the model one of which rounding decides.
    state = {
        name: jax.tree.map(jnp.ones_like if "var_ema" in name else jnp.zeros_like, held)
        for name, held in state.items()
    }
    held = params, state
    return of_jax(lambda held, x: fn.apply(*held, x, False)[0], held, x, trained=params)


@entry("transformer", "haiku")
def transformer_of_haiku() -> Model:
    import haiku as hk

    def norm(x: Any) -> Any:
        return hk.LayerNorm(-1, True, True)(x)

    def forward(ids: Any, train: bool) -> Any:
        start = hk.initializers.VarianceScaling(1.0)
        x = hk.Embed(TOKENS, 32)(ids) + hk.Embed(64, 32)(jnp.arange(ids.shape[1]))
        mask = jnp.tril(jnp.ones((1, 1, ids.shape[1], ids.shape[1]), bool))
        for _ in range(2):
            y = norm(x)
            x = x + hk.MultiHeadAttention(4, 8, w_init=start)(y, y, y, mask)
            x = x + hk.Linear(32)(jax.nn.gelu(hk.Linear(64)(norm(x))))
        return hk.Linear(TOKENS)(norm(x))

    return of_haiku(forward, IDS)


@entry("ResNet-18", "haiku")
def resnet_of_haiku() -> Model:
    import haiku as hk

    last = {"w_init": hk.initializers.VarianceScaling()}
    return of_haiku(lambda x, t: hk.nets.ResNet18(10, logits_config=last)(x, t), images_last())
