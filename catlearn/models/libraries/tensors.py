"""PyTorch's tensors as arrays and back, its random state, and what modules hold beside tensors."""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from catlearn.errors import CatlearnError
from catlearn.models.modules import static_key

# What torch.nn.Module keeps for itself.
_OWN = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}


def library() -> Any:
    """Return PyTorch, which is imported nowhere else."""
    return importlib.import_module("torch")


class seeded:
    """Run PyTorch with a seed of its own, and leave its random state as it was."""

    def __init__(self, seed: int) -> None:
        torch = library()

        self.seed, self.fork = seed, torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        torch = library()

        self.fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *error: Any) -> None:
        self.fork.__exit__(*error)


class unseeded:
    """Notice whether PyTorch draws random numbers, which it must not do without a key."""

    def __enter__(self) -> None:
        torch = library()

        self.before = torch.get_rng_state()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        torch = library()

        drawn = not torch.equal(self.before, torch.get_rng_state())
        torch.set_rng_state(self.before)
        if drawn and error is None:
            raise CatlearnError("the PyTorch module draws random numbers and needs a key")


def dtypes_of(module: Any) -> dict[str, Any]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.dtype for name, tensor in named}


def tensors_of(module: Any) -> dict[str, dict[str, Any]]:
    """Return a module's parameters and buffers as JAX arrays."""
    import jax.numpy as jnp

    return {
        "params": {n: jnp.asarray(to_numpy(p)) for n, p in module.named_parameters()},
        "buffers": {n: jnp.asarray(_narrow(to_numpy(b))) for n, b in module.named_buffers()},
    }


def _narrow(array: np.ndarray) -> np.ndarray:
    import jax

    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def to_numpy(tensor: Any) -> np.ndarray:
    torch = library()

    tensor = tensor.detach().cpu()
    if tensor.dtype is torch.bfloat16:
        import ml_dtypes

        return tensor.float().numpy().astype(ml_dtypes.bfloat16)
    return tensor.numpy().copy()


def to_torch(value: Any, dtype: Any = None) -> Any:
    """Return a tensor with an array's values, which it does not share."""
    torch = library()

    array = np.array(value)
    if array.dtype.name == "bfloat16":
        tensor = torch.from_numpy(array.astype(np.float32)).bfloat16()
    else:
        tensor = torch.from_numpy(array)
    return tensor if dtype is None else tensor.to(dtype)


def numpy_dtype(dtype: Any) -> Any:
    torch = library()

    return to_numpy(torch.zeros(0, dtype=dtype)).dtype


def as_tuple(y: Any) -> Any:
    return tuple(map(as_tuple, y)) if isinstance(y, tuple | list) else y


def describe(module: Any) -> Iterator[Hashable]:
    """Yield what modules hold beside tensors and other modules."""
    for name, layer in module.named_modules():
        held = {key: value for key, value in vars(layer).items() if key not in _OWN}
        # Hooks are kept in dicts, most of them empty.
        settings = [
            (key, static_key(value))
            for key, value in held.items()
            if not (isinstance(value, dict) and not value)
        ]
        yield name, type(layer), tuple(settings)
