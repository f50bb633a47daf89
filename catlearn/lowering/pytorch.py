"""Circuits as PyTorch modules: the functions of PyTorch that the steps of a program call.

What runs is decided in :mod:`catlearn.arrays.programs`, as for JAX.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]

from catlearn.arrays.evaluation import hashed
from catlearn.arrays.programs import NEUTRAL, Program
from catlearn.errors import Failure, expect, refuse
from catlearn.models.circuits import WIDER, LoweredCircuit
from catlearn.models.libraries.torch import OfTensors


def _einsum(*arguments: Any) -> torch.Tensor:
    *arrays, text = arguments
    dtype = functools.reduce(torch.promote_types, [one.dtype for one in arrays])
    return torch.einsum(text, *(one.to(dtype) for one in arrays))


def _like(x: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    """Return what is known in the type of real numbers that it meets."""
    reals = [one.dtype for one in others if one.is_floating_point()]
    return x.to(functools.reduce(torch.promote_types, reals)) if reals else x


def _expand(x: torch.Tensor, places: tuple[int, ...]) -> torch.Tensor:
    for place in places:
        x = x.unsqueeze(place)
    return x


def _slice(x: torch.Tensor, axis: int, start: int, stop: int, step: int) -> torch.Tensor:
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def _outside(value: float, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Return an outside value, and an array of a type that has it."""
    if x.is_floating_point():
        return value, x
    if float(value).is_integer():
        return int(value), x
    return value, x.to(torch.get_default_dtype())


def _where(mask: torch.Tensor, x: torch.Tensor, outside: float) -> torch.Tensor:
    value, x = _outside(outside, x)
    return torch.where(mask, x, torch.full((), value, dtype=x.dtype, device=x.device))


def _pad(x: torch.Tensor, axis: int, low: int, high: int, outside: float) -> torch.Tensor:
    value, x = _outside(outside, x)
    return F.pad(x, [0, 0] * (x.ndim - 1 - axis) + [low, high], value=value)


def _wide(index: Any) -> Any:
    """Return indices in a type that holds sizes of axes; others wrap around at these."""
    small = torch.is_tensor(index) and index.dtype in (torch.int8, torch.uint8, torch.int16)
    return index.long() if small else index


def _clipped(index: torch.Tensor, size: int) -> torch.Tensor:
    return _wide(index).clamp(0, size - 1)


def _softmax(x: torch.Tensor, places: tuple[int, ...]) -> torch.Tensor:
    if len(places) == 1:
        return torch.softmax(x, places[0])
    x = (x - x.amax(places, keepdim=True)).exp()
    return x / x.sum(places, keepdim=True)


def _norm(x: torch.Tensor, places: tuple[int, ...], kind: str, eps: float) -> torch.Tensor:
    if kind == "layer":
        x = x - x.mean(places, keepdim=True)
    return x * torch.rsqrt(x.square().mean(places, keepdim=True) + eps)


def _shifted(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    gone, both = torch.isneginf(x) | torch.isneginf(y), torch.isposinf(x) & torch.isposinf(y)
    gap = torch.where(gone, 0.0, x) - torch.where(gone | both, 0.0, y)
    return torch.where(gone, -torch.inf, gap)


def _earlier(x: torch.Tensor, y: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
    first = (x > y) | (torch.isnan(x) & ~torch.isnan(y))
    second = (y > x) | (torch.isnan(y) & ~torch.isnan(x))
    return torch.where(first, i, torch.where(second, j, torch.minimum(i, j)))


def _top_k(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    # torch.topk does not say which of equal entries comes first
    found = torch.sort(x, dim=-1, descending=True, stable=True)
    return found.values[..., :k], found.indices[..., :k]


def _scattered(x: torch.Tensor, *arguments: Any) -> torch.Tensor:
    *index, shape = arguments
    index = torch.broadcast_tensors(
        *(_wide(torch.as_tensor(one, device=x.device)) for one in index)
    )
    inside = torch.ones_like(index[0], dtype=torch.bool)
    for one, size in zip(index, shape, strict=False):
        inside = inside & (one >= 0) & (one < size)
    x = x * inside.reshape(*inside.shape, *[1] * (x.ndim - inside.ndim))
    at = tuple(_clipped(one, size) for one, size in zip(index, shape, strict=False))
    return x.new_zeros(shape).index_put(at, x, accumulate=True)


def _convolve(
    x: torch.Tensor, w: torch.Tensor, specs: tuple[str, str, str], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[tuple[int, int], ...], groups: int,
) -> torch.Tensor:  # fmt: skip
    space = "012"[: len(strides)]
    dtype = torch.promote_types(x.dtype, w.dtype)
    x = x.to(dtype).permute([specs[0].index(name) for name in f"NC{space}"])
    w = w.to(dtype).permute([specs[1].index(name) for name in f"OI{space}"])
    sides = [side for pad in reversed(pads) for side in pad]
    convolved = (F.conv1d, F.conv2d, F.conv3d)[len(strides) - 1]
    if all(low == high >= 0 for low, high in pads):
        padding = tuple(low for low, _ in pads)
    else:
        x, padding = F.pad(x, sides), (0,) * len(pads)
    found = convolved(x, w, None, strides, padding, dilations, groups)
    return found.permute([f"NC{space}".index(name) for name in specs[2]])


def _pool(
    x: torch.Tensor, kind: str, lengths: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[tuple[int, int], ...],
) -> torch.Tensor:  # fmt: skip
    outside = NEUTRAL.get(kind, 0.0)
    for axis, (low, high) in enumerate(pads):
        if low or high:
            x = _pad(x, axis, low, high, outside)
    count = x.ndim
    for axis, (length, stride, by) in enumerate(zip(lengths, strides, dilations, strict=True)):
        x = x.unfold(axis, (length - 1) * by + 1, stride)[..., ::by]
    inside = tuple(range(count, 2 * count))
    return {"max": x.amax, "min": x.amin}.get(kind, x.sum)(inside)


def _wider(
    function: Callable[..., Any], dtype: torch.dtype, x: torch.Tensor, *options: Any
) -> torch.Tensor:
    return function(x.to(torch.promote_types(x.dtype, dtype)), *options).to(x.dtype)


def _loop(functions: Mapping[str, Callable[..., Any]], *arguments: Any) -> list[torch.Tensor]:
    """Run a block with rounds."""
    *arrays, rounds = arguments
    count, own = rounds.states, rounds.states + rounds.entries
    states, made = arrays[:count], []
    for number in range(rounds.number):
        entries = (one[number] for one in arrays[count:own])
        found = rounds.body.run(functions, (*states, *entries, *arrays[own:]))
        states = found[:count]
        made.append(found[count:])
    return [*states, *map(torch.stack, zip(*made, strict=True))]


def _dropped(x: torch.Tensor, *keys: Any) -> torch.Tensor:
    """Drop entries as JAX does: by what a seed and their indices hash to; with -1 none."""
    *integers, rate = keys
    own = (torch.as_tensor(one, device=x.device).long() & 0xFFFFFFFF for one in integers)
    found = hashed(int, *own)
    kept = (found >= int(rate * 2**32)) | (torch.as_tensor(integers[0], device=x.device) < 0)
    return torch.where(kept, x / (1 - rate), 0.0)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dropped": _dropped,
    "einsum": _einsum,
    "like": _like,
    "transpose": lambda x, order: x.permute(order),
    "reshape": lambda x, shape: x.reshape(shape),
    "broadcast": lambda x, shape: x.expand(shape),
    "expand": _expand,
    "slice": _slice,
    "pad": _pad,
    "take": lambda x, index, axis: x[(slice(None),) * axis + (_clipped(index, x.shape[axis]),)],
    "one_hot": lambda index, size: (
        _clipped(index, size)[..., None] == torch.arange(size, device=index.device)
    ),
    "gather": lambda x, *index: x[tuple(map(_clipped, index, x.shape))],
    "inside": lambda x, size: (x >= 0) & (_wide(x) < size),
    "at_least": torch.ge,
    "plus": lambda x, number: _wide(x) + number,
    "times": lambda x, number: _wide(x) * number,
    "div": lambda x, by: torch.div(x, by, rounding_mode="floor"),
    "mod": torch.remainder,
    "convolve": _convolve,
    "pool": _pool,
    "concatenate": lambda *arguments: torch.cat(arguments[:-1], dim=arguments[-1]),
    "add": lambda *arrays: functools.reduce(torch.add, arrays),
    "mul": lambda *arrays: functools.reduce(torch.mul, arrays),
    "where": _where,
    "max": lambda x, places: x.amax(places),
    "min": lambda x, places: x.amin(places),
    "argmax": lambda x, places: x.argmax(*places),
    "argmin": lambda x, places: x.argmin(*places),
    "product": lambda x, places: functools.reduce(torch.prod, reversed(places), x),
    "cumsum": lambda x, places: x.cumsum(*places),
    "cumprod": lambda x, places: x.cumprod(*places),
    "cummax": lambda x, places: x.cummax(*places).values,
    "cummin": lambda x, places: x.cummin(*places).values,
    "cumlogsumexp": lambda x, places: x.logcumsumexp(*places),
    "top_k": _top_k,
    "sort": lambda x, axis: tuple(torch.sort(x, dim=axis, stable=True)),
    "scatter": _scattered,
    "softmax": _softmax,
    "logsumexp": torch.logsumexp,
    "norm": _norm,
    "gelu": lambda x, how: F.gelu(x, approximate="tanh" if how == "tanh" else "none"),
    "relu": torch.relu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "log": torch.log,
    "neg": torch.neg,
    "abs": torch.abs,
    "reciprocal": torch.reciprocal,
    "square": torch.square,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "softplus": F.softplus,
    "stop": lambda x: x.detach(),
    "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "larger": torch.maximum,
    "shifted": _shifted,
    "earlier": _earlier,
    "rounded": lambda x: x,  # each result is a number of its type
    "compensated": lambda *arrays: (sum(arrays), torch.zeros_like(arrays[-1])),
}
"""What the steps of a program are in PyTorch, besides those that speak of a device or a type."""


LABELED = {
    "not(_)": torch.bitwise_not,
    "and(_, _)": torch.bitwise_and,
    "or(_, _)": torch.bitwise_or,
    "xor(_, _)": torch.bitwise_xor,
}
"""What functions of each number are in PyTorch, by the labels that they have from JAX."""


@functools.lru_cache(maxsize=1024)
def _of_tensors(call: Callable[..., Any]) -> OfTensors:
    """Return what a label stands for, a function of arrays of JAX, as one of tensors."""

    def several(arrays: list[Any]) -> list[Any]:
        found = call(*arrays)
        return [*found] if isinstance(found, list | tuple) else [found]

    return OfTensors(several)


WIDE = {torch.float32: torch.float64, torch.complex64: torch.complex128}
"""Types of 64 bits, for those that JAX has instead."""


def _meant(opaque: Mapping[str, Callable[..., Any]], *arguments: Any) -> Any:
    """Call what a label stands for: a function of tensors, or what it holds, which JAX runs."""
    *tensors, label = arguments
    given = opaque.get(label, LABELED.get(label))
    if given is not None:
        return given(*tensors)
    found = _of_tensors(label.call)(tensors)
    if any(one.dtype in WIDE.values() for one in tensors):
        found = tuple(one.to(WIDE.get(one.dtype, one.dtype)) for one in found)
    return found[0] if len(found) == 1 else found


def functions_on(device: torch.device, real: torch.dtype) -> dict[str, Callable[..., Any]]:
    """Return what the steps of a program are on a device, with real numbers of a type.

    Of functions that labels stand for they have those of PyTorch.
    """
    return {
        **FUNCTIONS,
        "array": functools.partial(torch.as_tensor, device=device),
        "arange": functools.partial(torch.arange, device=device),
        "constant": lambda value: torch.full((), value, dtype=real, device=device),
        "indicator": lambda x: x.to(real),
        "function": lambda *arguments: LABELED[arguments[-1]](*arguments[:-1]),
    }


class CircuitModule(torch.nn.Module):
    """A circuit as a PyTorch module; see :func:`~catlearn.lowering.to_torch`.

    Parameters
    ----------
    lowered
        The circuit.
    params
        Its parameters, as :meth:`LoweredCircuit.init <catlearn.models.LoweredCircuit.init>` returns
        them.
    """

    def __init__(self, lowered: LoweredCircuit, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.lowered = lowered
        self._places = {name: _place(name) for name in lowered.parameters}
        self._programs: dict[tuple[tuple[int, ...], ...], Program] = {}
        self._held: dict[tuple[int, torch.device, torch.dtype], torch.Tensor] = {}
        values = lowered.values(params)
        failures = []
        for (name, path), value in zip(self._places.items(), values, strict=True):
            at: torch.nn.Module = self
            try:
                for part in path[:-1]:
                    if part not in at._modules:
                        at.add_module(part, torch.nn.Module())
                    at = at.get_submodule(part)
                tensor = torch.from_numpy(np.array(value, copy=True))
                at.register_parameter(path[-1], torch.nn.Parameter(tensor))
            except KeyError as error:
                message = f"is {'.'.join(path)} in PyTorch: {error.args[0]}; rename it"
                failures.append(Failure("sharing", f"parameter {name!r}", message))
        refuse("parameters", failures)

    def tensors(self) -> list[torch.nn.Parameter]:
        """Return the parameters in the order of the circuit's."""
        return [self.get_parameter(".".join(path)) for path in self._places.values()]

    def tree(self) -> dict[str, Any]:
        """Return the parameters as those of the JAX function, in arrays of NumPy."""
        found: dict[str, Any] = {}
        for name, tensor in zip(self._places, self.tensors(), strict=True):
            at = found
            *path, last = name.split("/")
            for part in path:
                at = at.setdefault(part, {})
            at[last] = tensor.detach().cpu().numpy().copy()
        return found

    def load_tree(self, params: Mapping[str, Any]) -> None:
        """Take over the parameters of the JAX function.

        Raises
        ------
        InvalidStructure
            If parameters are missing or have other shapes, listing all.
        """
        values, tensors = self.lowered.values(params), self.tensors()
        failures = [
            Failure("shape", f"parameter {name!r}",
                    f"is {tuple(tensor.shape)}, found the shape {np.shape(value)}")
            for name, tensor, value in zip(self._places, tensors, values, strict=True)
            if tuple(tensor.shape) != np.shape(value)
        ]  # fmt: skip
        refuse("parameters", failures)
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(torch.from_numpy(np.array(value, copy=True)))

    def forward(self, *arrays: Any) -> Any:
        """Return the outputs: a tensor, or a tuple of them."""
        self.lowered.takes(len(arrays))
        tensors = [*map(torch.as_tensor, arrays), *self.tensors()]
        shapes = tuple(tuple(one.shape) for one in tensors)
        # what is known is part of a compiled graph; what has to be planned first interrupts it
        plan: Any = self._planned
        program = self._programs[shapes] if shapes in self._programs else plan(shapes)
        device = tensors[-1].device if tensors else torch.device("cpu")
        floats = [one.dtype for one in tensors if one.is_floating_point()]
        real = floats[-1] if floats else torch.get_default_dtype()
        wide = torch.promote_types(real, torch.get_default_dtype())

        def array(value: np.ndarray) -> torch.Tensor:
            key = (id(value), device, wide)
            if key not in self._held:
                made = torch.as_tensor(value, device=device)
                self._held[key] = made.to(wide) if made.is_floating_point() else made
            return self._held[key]

        def dropout(x: torch.Tensor, rate: float, address: str) -> torch.Tensor:
            return F.dropout(x, rate, self.training)

        meant = functools.partial(_meant, self.lowered.opaque)
        functions = {
            **functions_on(device, real), "array": array, "dropout": dropout,
            "function": meant, "along": meant,
            "opaque": lambda *arguments: meant(*arguments[:-1]),
        }  # fmt: skip
        if self.lowered.accumulate is not None:
            accumulated = getattr(torch, np.dtype(self.lowered.accumulate).name)
            for name in WIDER:
                functions[name] = functools.partial(_wider, FUNCTIONS[name], accumulated)
        functions["loop"] = functools.partial(_loop, functions)
        found = program.run(functions, tensors)
        return found[0] if len(found) == 1 else tuple(found)

    @torch.compiler.disable
    def _planned(self, shapes: tuple[tuple[int, ...], ...]) -> Program:
        self._programs[shapes] = self.lowered.program(shapes)
        return self._programs[shapes]

    def extra_repr(self) -> str:
        """Return what ``repr`` shows of it."""
        return repr(self.lowered.circuit)


def _place(name: str) -> list[str]:
    """Return where a parameter is: ``enc/Q`` at enc.Q.weight, ``enc/Q.bias`` at enc.Q.bias."""
    path = name.replace("/", ".").split(".")
    return path if "." in name.rpartition("/")[2] else [*path, "weight"]


def module_of(lowered: LoweredCircuit, params: Mapping[str, Any] | None) -> CircuitModule:
    """Return the module of a circuit, with parameters that PyTorch's seed decides, unless given."""
    if params is None:
        params = lowered.init(jax.random.key(int(torch.randint(2**31, ()))))
    expect(params, Mapping, "params", "the parameters of the circuit, by name")
    return CircuitModule(lowered, params)
