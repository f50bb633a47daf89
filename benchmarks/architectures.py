"""Circuits against modules of flax, equinox and PyTorch with equal weights, and the gallery drawn.

Step and first call are those of value and gradient of the mean of squares, on what each library
takes in its own layout. Values and lengths of gradients are compared before anything is timed. Of
PyTorch there are its own modules and the circuits in it, eager and through ``torch.compile``, with
as many threads as XLA. All programs of one case run in turns; ratios are over the circuit in JAX.
Libraries that are not installed are left out. Then: seconds to draw each circuit of the gallery.

    python benchmarks/architectures.py [--quick] [--out table.md]
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import _measure
import jax
import jax.numpy as jnp
import numpy as np
from by_hand.residual import resnet_block

import catlearn as cl
from catlearn.arrays import Circuit, lift
from catlearn.zoo import architectures
from catlearn.zoo.architectures import attention, gpt2_layer

Params = Mapping[str, Any]
KEY = jax.random.key(0)


PARTS = (3, 4, 6, 3)
"""How many blocks each stage of ResNet-50 has."""


class Ran(NamedTuple):
    """What a model returned, in the layout of circuits, and the length of its gradient."""

    values: np.ndarray
    gradient: float


def ran(values: Any, leaves: list[Any], back: Callable[[Any], Any]) -> Ran:
    """Return values in our layout, and the length of a gradient."""
    length = sum(float((np.asarray(leaf) ** 2).sum()) for leaf in leaves) ** 0.5
    return Ran(back(np.asarray(values)), length)


@dataclass
class InJax:
    """A function of parameters and further arrays, and what takes its values to our layout."""

    run: Callable[..., Any]
    arguments: tuple[Any, ...]
    back: Callable[[Any], Any] = np.asarray

    def program(self) -> Callable[[], Any]:
        """Compile; return a run of value and gradient that waits."""

        def loss(*arguments: Any) -> Any:
            values = self.run(*arguments)
            return (values**2).mean(), values

        jax.clear_caches()
        arguments = jax.device_put(self.arguments)
        step = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments).compile()
        return lambda: jax.block_until_ready(step(*arguments))

    def ran(self, found: Any) -> Ran:
        """Return what a run found, to be compared."""
        (_, values), gradient = found
        return ran(values, jax.tree.leaves(gradient), self.back)


@dataclass
class InTorch:
    """A module and its inputs, and what takes its values to our layout."""

    module: Any
    inputs: tuple[Any, ...]
    back: Callable[[Any], Any] = np.asarray
    compiled: bool = False

    def program(self) -> Callable[[], Any]:
        """Return a run of value and gradient that waits, and compiles the first time."""
        import torch

        def loss(*inputs: Any) -> Any:
            values = self.module(*inputs)
            return (values**2).mean(), values

        torch.compiler.reset()
        run = torch.compile(loss) if self.compiled else loss

        def step() -> Any:
            self.module.zero_grad()
            value, values = run(*self.inputs)
            value.backward()
            if values.is_cuda:
                torch.cuda.synchronize()
            return values

        return step

    def ran(self, found: Any) -> Ran:
        """Return what a run found, to be compared."""
        gradient = [one.grad.cpu() for one in self.module.parameters() if one.grad is not None]
        return ran(found.detach().cpu(), gradient, self.back)


def flax_attention(params: Params) -> tuple[Any, Any]:
    """Return attention of flax, which takes a mask, and its parameters."""
    from flax import linen

    module = linen.MultiHeadDotProductAttention(params["Q"].shape[1], use_bias="Q.bias" in params)
    return module, {
        other: {"kernel": params[name]}
        | ({"bias": params[f"{name}.bias"]} if module.use_bias else {})
        for name, other in zip("QKVO", ("query", "key", "value", "out"), strict=True)
    }


def of_flax(case: str, params: Params, x: Any) -> InJax:
    """Return a model of flax with the parameters of the circuit."""
    from flax import linen

    if case == "block of ResNet":

        class Bottleneck(linen.Module):
            @linen.compact
            def __call__(self, x: Any) -> Any:
                t = x
                for name in ("conv1", "conv2", "conv3"):
                    height, width, _, o = params[name].shape
                    t = linen.Conv(o, (height, width), use_bias=False, name=name)(t)
                    norm = f"{name}_norm"
                    t = linen.BatchNorm(use_running_average=True, epsilon=0.0, name=norm)(t)
                    t = linen.relu(t + x if name == "conv3" else t)
                return t

        trained: dict[str, Any] = {}
        statistics: dict[str, Any] = {}
        for name in ("conv1", "conv2", "conv3"):
            gain, norm = params[f"{name}.gain"], f"{name}_norm"
            trained[name] = {"kernel": params[name]}
            trained[norm] = {"scale": gain, "bias": params[f"{name}.shift"]}
            statistics[norm] = {"mean": np.zeros_like(gain), "var": np.ones_like(gain)}

        def run(own: Any, statistics: Any, x: Any) -> Any:
            return Bottleneck().apply({"params": own, "batch_stats": statistics}, x)

        return InJax(run, (trained, statistics, x))
    module, own = flax_attention(params)
    if case == "attention":

        def attend(own: Any, x: Any) -> Any:
            mask = linen.make_causal_mask(jnp.ones(len(x)))
            return module.apply({"params": own}, x, mask=mask)

        return InJax(attend, (own, x))

    class Block(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            mask = linen.make_causal_mask(jnp.ones(len(x)))
            attending = linen.MultiHeadDotProductAttention(module.num_heads, name="attention")
            x = x + attending(linen.LayerNorm(1e-5, name="ln1")(x), mask=mask)
            t = linen.Dense(params["up"].shape[1], name="up")(linen.LayerNorm(1e-5, name="ln2")(x))
            return x + linen.Dense(x.shape[1], name="down")(linen.gelu(t))

    own = {"attention": own}
    for name in ("up", "down"):
        own[name] = {"kernel": params[name], "bias": params[f"{name}.bias"]}
    for name in ("ln1", "ln2"):
        own[name] = {"scale": params[f"{name}.gain"], "bias": params[f"{name}.shift"]}
    return InJax(lambda own, x: Block().apply({"params": own}, x), (own, x))


def resnet50_of_flax(params: Params) -> tuple[Any, Any]:
    """Return ResNet-50 of flax with the parameters of the circuit, and its variables."""
    from flax import linen

    trained: dict[str, Any] = {"head": {"kernel": params["head"], "bias": params["head.bias"]}}
    statistics: dict[str, Any] = {}

    def put(name: str, own: Params, place: Any = ...) -> None:
        for key in own:
            if f"{key}.gain" in own:
                gain = own[f"{key}.gain"][place]
                trained[f"{name}{key}"] = {"kernel": own[key][place]}
                trained[f"{name}{key}_norm"] = {"scale": gain, "bias": own[f"{key}.shift"][place]}
                zeros, ones = np.zeros_like(gain), np.ones_like(gain)
                statistics[f"{name}{key}_norm"] = {"mean": zeros, "var": ones}

    put("", params)
    for k, number in enumerate(PARTS, 1):
        put(f"{k}.0.", params[f"stage{k}"]["0"])
        for each in range(number - 1):
            put(f"{k}.{each + 1}.", params[f"stage{k}"]["rest"], each)

    class ResNet(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            def normed(name: str, x: Any, stride: int = 1) -> Any:
                kernel = trained[name]["kernel"].shape
                pads = [(size // 2, size // 2) for size in kernel[:2]]
                x = linen.Conv(kernel[3], kernel[:2], stride, pads, use_bias=False, name=name)(x)
                norm = f"{name}_norm"
                return linen.BatchNorm(use_running_average=True, epsilon=0.0, name=norm)(x)

            x = linen.relu(normed("conv", x, 2))
            x = linen.max_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)])
            for k, number in enumerate(PARTS, 1):
                for each in range(number):
                    name, stride = f"{k}.{each}.", 2 if k > 1 and not each else 1
                    t = linen.relu(normed(f"{name}conv1", x))
                    t = linen.relu(normed(f"{name}conv2", t, stride))
                    side = x if each else normed(f"{name}fit", x, stride)
                    x = linen.relu(normed(f"{name}conv3", t) + side)
            return linen.Dense(params["head"].shape[1], name="head")(x.mean((1, 2)))

    return ResNet(), {"params": trained, "batch_stats": statistics}


def forward_rows(shape: tuple[int, ...], width: int, quick: bool) -> list[list[str]]:
    """Compare values alone of ResNet-50 with those of flax; return rows of the table."""
    circuit = lift(architectures.resnet50(), "b").at_dom(shape)
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    runs: dict[str, Any] = {}
    params: Any = None
    for name, unroll in (("circuit", 1), ("circuit, unrolled", max(PARTS))):
        fn = cl.lower(circuit, sizes={"w": width, "n": 1000}, unroll=unroll)
        params = params or jax.tree.map(np.asarray, fn.init(KEY))
        runs[name] = fn
    module, variables = resnet50_of_flax(params)
    runs["flax"] = module.apply
    given = {name: (variables if name == "flax" else params) for name in runs}
    programs: dict[str, Any] = {}
    found: dict[str, Any] = {}

    def first(name: str) -> Callable[[], None]:
        def call() -> None:
            jax.clear_caches()
            arguments = jax.device_put((given[name], x))
            step = jax.jit(runs[name]).lower(*arguments).compile()
            programs[name] = lambda: jax.block_until_ready(step(*arguments))
            found[name] = ran(programs[name](), [], np.asarray)

        return call

    compiling = _measure.in_turns({name: first(name) for name in runs}, 1 if quick else 3)
    for name, one in found.items():
        error = np.abs(one.values - found["flax"].values).max()
        assert error < 1e-5 * np.abs(found["flax"].values).max(), f"{name} differs by {error}"
    running = _measure.in_turns(programs, *((2, 1) if quick else (15, 3)), settle=True)
    return [
        ["ResNet-50, values alone", name, f"{1e3 * step:.3f}"]
        + [str(_measure.ratio(times, name, "circuit")) for times in (running, compiling)]
        for name, step in _measure.medians(running).items()
    ]


def of_equinox(case: str, params: Params, x: Any) -> InJax:
    """Return a model of equinox with the parameters of the circuit."""
    import equinox as eqx

    def made(module: Any, *sizes: Any, **options: Any) -> Any:
        # Its arrays are put in afterwards, so none is drawn.
        return eqx.filter_eval_shape(lambda key: module(*sizes, **options, key=key), KEY)

    def put(module: Any, **fields: Any) -> Any:
        names = list(fields)
        return eqx.tree_at(
            lambda one: [getattr(one, name) for name in names], module, list(fields.values())
        )

    def linear(name: str) -> Any:
        w = params[name]
        inward = w.shape[:-1] if name in "O" else w.shape[:1]
        flat = w.reshape(int(np.prod(inward)), -1)
        given = f"{name}.bias" in params
        module = made(eqx.nn.Linear, *flat.shape, use_bias=given)
        own = {"bias": params[f"{name}.bias"].reshape(-1)} if given else {}
        return put(module, weight=flat.T, **own)

    if case == "block of ResNet":
        own: dict[str, Any] = {}
        for name in ("conv1", "conv2", "conv3"):
            height, width, i, o = params[name].shape
            pads = (height // 2, width // 2)
            conv = made(eqx.nn.Conv2d, i, o, (height, width), padding=pads, use_bias=False)
            own[name] = put(conv, weight=params[name].transpose(3, 2, 0, 1))
            for end in ("gain", "shift"):
                own[f"{name}.{end}"] = params[f"{name}.{end}"][:, None, None]

        def whole(own: Any, x: Any) -> Any:
            t = x
            for name in ("conv1", "conv2", "conv3"):
                t = own[name](t) * own[f"{name}.gain"] + own[f"{name}.shift"]
                t = jax.nn.relu(t + x if name == "conv3" else t)
            return t

        run, given = jax.vmap(whole, (None, 0)), x.transpose(0, 3, 1, 2)
    else:
        ends = ("query", "key", "value", "output")
        biases = {f"use_{end}_bias": "Q.bias" in params for end in ends}
        module = made(eqx.nn.MultiheadAttention, *params["Q"].shape[1::-1], **biases)
        maps = {f"{end}_proj": linear(name) for name, end in zip("QKVO", ends, strict=True)}
        own = {"attention": put(module, **maps)}
        if case != "attention":
            for name in ("ln1", "ln2"):
                weights = {"weight": params[f"{name}.gain"], "bias": params[f"{name}.shift"]}
                own[name] = put(eqx.nn.LayerNorm(len(weights["bias"]), eps=1e-5), **weights)
            own |= {name: linear(name) for name in ("up", "down")}

        def run(own: Any, x: Any) -> Any:
            mask = jnp.tril(jnp.ones((len(x), len(x)), bool))
            if case == "attention":
                return own["attention"](x, x, x, mask)
            t = jax.vmap(own["ln1"])(x)
            x = x + own["attention"](t, t, t, mask)
            t = jax.vmap(own["up"])(jax.vmap(own["ln2"])(x))
            return x + jax.vmap(own["down"])(jax.nn.gelu(t))

        given = x
    # Rates of dropout are leaves, too.
    arrays, rest = eqx.partition(own, eqx.is_inexact_array)
    back = (lambda y: y.transpose(0, 2, 3, 1)) if case == "block of ResNet" else np.asarray
    return InJax(lambda arrays, x: run(eqx.combine(arrays, rest), x), (arrays, given), back)


def of_torch(case: str, params: Params, x: Any) -> InTorch:
    """Return a model of PyTorch with the parameters of the circuit."""
    import torch
    from torch import nn

    place = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"
    theirs: dict[str, Any] = {}
    if case == "block of ResNet":

        class Bottleneck(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                for name in ("conv1", "conv2", "conv3"):
                    height, width, i, o = params[name].shape
                    pads = (height // 2, width // 2)
                    conv = nn.Conv2d(i, o, (height, width), padding=pads, bias=False)
                    setattr(self, name, nn.Sequential(conv, nn.BatchNorm2d(o, eps=0.0)))

            def forward(self, x: Any) -> Any:
                t = torch.relu(self.conv2(torch.relu(self.conv1(x))))
                return torch.relu(self.conv3(t) + x)

        for name in ("conv1", "conv2", "conv3"):
            theirs[f"{name}.0.weight"] = params[name].transpose(3, 2, 0, 1)
            theirs[f"{name}.1.weight"] = params[f"{name}.gain"]
            theirs[f"{name}.1.bias"] = params[f"{name}.shift"]
        module: Any = Bottleneck().eval()
        inputs = (torch.tensor(np.array(x.transpose(0, 3, 1, 2))),)
    else:
        size, heads = params["Q"].shape[:2]
        inner = "" if case == "attention" else "self_attn."
        theirs[f"{inner}in_proj_weight"] = np.concatenate(
            [params[name].reshape(size, -1).T for name in "QKV"]
        )
        theirs[f"{inner}out_proj.weight"] = params["O"].reshape(-1, size).T
        mask = nn.Transformer.generate_square_subsequent_mask(len(x))

        class Attention(nn.MultiheadAttention):
            def forward(self, x: Any, mask: Any) -> Any:
                found = super().forward(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)
                return found[0]

        if case == "attention":
            module = Attention(size, heads, bias=False, batch_first=True)
        else:
            theirs[f"{inner}in_proj_bias"] = np.concatenate(
                [params[f"{name}.bias"].reshape(-1) for name in "QKV"]
            )
            theirs[f"{inner}out_proj.bias"] = params["O.bias"]
            for name, other in (("up", "linear1"), ("down", "linear2")):
                theirs[f"{other}.weight"] = params[name].T
                theirs[f"{other}.bias"] = params[f"{name}.bias"]
            for name, other in (("ln1", "norm1"), ("ln2", "norm2")):
                theirs[f"{other}.weight"] = params[f"{name}.gain"]
                theirs[f"{other}.bias"] = params[f"{name}.shift"]
            module = nn.TransformerEncoderLayer(
                size, heads, params["up"].shape[1], dropout=0.0, norm_first=True, batch_first=True,
                activation=lambda x: nn.functional.gelu(x, approximate="tanh"),
            )  # fmt: skip
        inputs = torch.tensor(np.array(x)[None]), mask
    tensors = {name: torch.tensor(np.array(one)) for name, one in theirs.items()}
    left = module.load_state_dict(tensors, strict=False)
    trained = dict(module.named_parameters())
    assert not trained.keys() & set(left.missing_keys), left
    assert not left.unexpected_keys, left
    back = (lambda y: y.transpose(0, 2, 3, 1)) if case == "block of ResNet" else (lambda y: y[0])
    return InTorch(module.to(place), tuple(one.to(place) for one in inputs), back)


def circuit_in_torch(circuit: Circuit, sizes: Any, params: Params, x: Any) -> InTorch:
    """Return the circuit as a module of PyTorch."""
    import torch

    place = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"
    module = cl.lowering.to_torch(circuit, sizes, params).to(place)
    return InTorch(module, (torch.tensor(np.array(x), device=place),))


def equal(name: str, found: Ran, expected: Ran) -> None:
    """Stop unless values agree to 1e-5 of the largest one, and lengths of gradients to 1e-4."""
    error = np.abs(found.values - expected.values).max() / np.abs(expected.values).max()
    assert error < 1e-5, f"values of {name} differ by {error} of the largest one"
    _measure.agreeing({"circuit": expected.gradient, name: found.gradient}, 1e-4)


def rows(
    case: str,
    circuit: Circuit,
    sizes: dict[str, int],
    shape: tuple[int, ...],
    libraries: set[str],
    quick: bool,
) -> list[list[str]]:
    """Compare a circuit with the models of libraries; return rows of the table."""
    circuit = circuit.at_dom(shape)
    fn = cl.lower(circuit, sizes=sizes)
    rng = np.random.default_rng(0)
    # No weight is 0 or 1, so that none can be in another one's place.
    params = {
        name: np.asarray(leaf) + 0.1 * rng.normal(size=leaf.shape).astype("float32")
        for name, leaf in fn.init(KEY).items()
    }
    x = rng.normal(size=shape).astype("float32")
    models: dict[str, Any] = {"circuit": InJax(fn, (params, x))}
    if "flax" in libraries:
        models["flax"] = of_flax(case, params, x)
    if "equinox" in libraries:
        models["equinox"] = of_equinox(case, params, x)
    if "torch" in libraries:
        models["PyTorch"] = of_torch(case, params, x)
        models["circuit in PyTorch"] = circuit_in_torch(circuit, sizes, params, x)
        for name in () if quick else ("PyTorch", "circuit in PyTorch"):
            models[f"{name}, compiled"] = replace(models[name], compiled=True)
    programs: dict[str, Any] = {}
    found: dict[str, Ran] = {}

    def first(name: str) -> Callable[[], None]:
        def call() -> None:
            programs[name] = models[name].program()
            found[name] = models[name].ran(programs[name]())

        return call

    compiling = _measure.in_turns({name: first(name) for name in models}, 1 if quick else 3)
    for name, one in found.items():
        equal(name, one, found["circuit"])
    running = _measure.in_turns(programs, *((2, 1) if quick else (41, 5)), settle=True)
    return [
        [case, name, f"{1e3 * step:.3f}"]
        + [str(_measure.ratio(times, name, "circuit")) for times in (running, compiling)]
        for name, step in _measure.medians(running).items()
    ]


def seconds(make: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def gallery() -> dict[str, Callable[[], Any]]:
    """Return the circuits of the gallery that need no further choice, by name."""
    found = {name: getattr(architectures, name) for name in sorted(dir(architectures))}
    return {
        name: make
        for name, make in found.items()
        if callable(make)
        and all(p.default is not p.empty for p in inspect.signature(make).parameters.values())
    }


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "small sizes, without torch.compile").parse_args()
    libraries = {"flax", "equinox", "torch"}
    for name in sorted(libraries):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed: not compared")
            libraries.remove(name)
    where = _measure.device()
    if "torch" in libraries:
        # Each first call compiles anew, rather than read what an earlier one left on disk.
        os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
        import torch

        torch.set_num_threads(_measure.threads())
        where = f"{where}, PyTorch {torch.__version__}"
    columns = ("case", "model", "step, ms", "step / circuit", "first call / circuit")
    table = _measure.Table(columns, f"Value and gradient, {where}.", options=options)
    tokens, width, image = (16, 32, (2, 8, 8, 16))
    if not options.quick:
        tokens, width, image = (256, 256, (8, 28, 28, 128))
    sizes = {"m": width, "h": 8, "d": width // 8}
    cases = {
        "attention": (attention(causal=True), sizes, (tokens, width)),
        "block of GPT-2": (gpt2_layer(), sizes | {"f": 4 * width}, (tokens, width)),
        "block of ResNet": (resnet_block(), {"w": image[-1] // 4}, image),
    }
    for case, given in cases.items():
        for row in rows(case, *given, libraries, options.quick):
            table.row(row)
    if "flax" in libraries:
        shape, base = ((2, 32, 32, 3), 8) if options.quick else ((8, 224, 224, 3), 64)
        for row in forward_rows(shape, base, options.quick):
            table.row(row)
    every = gallery()
    names = ("gpt2", "resnet50") if options.quick else every
    drawn = {}
    # The first picture imports what draws.
    seconds(lambda: cl.draw(architectures.attention()).svg)
    for name in names:
        circuit = every[name]()
        depths = [seconds(lambda d=d, c=circuit: cl.draw(c, depth=d).svg) for d in (1, None)]
        drawn[name] = " and ".join(f"{one:.2f}" for one in depths)
    found = "; ".join(f"{name} {value}" for name, value in drawn.items())
    table.below(f"Seconds to draw, with one depth of blocks and with all of them open: {found}.")
    table.write(options.out)


if __name__ == "__main__":
    main()
