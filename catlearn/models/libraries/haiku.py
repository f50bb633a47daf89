"""Haiku: what ``hk.transform`` and ``hk.transform_with_state`` return.

The pair of functions is the architecture, compared by identity; parameters are drawn by its own
``init``, or given with it as ``(transformed, params)`` or ``(transformed, params, state)``, which
is also what a trained model comes back as. The key of a call is the argument ``rng``; arguments
such as ``is_training`` are found by name and passed the mode. The state is what calls in training
change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catlearn.models.architectures import Library
from catlearn.models.calls import Modes, signature_of
from catlearn.models.modules import arrays, example
from catlearn.models.spaces import AnySpace


@dataclass(frozen=True, repr=False)
class Haiku(Library):
    """A transformed function; build it with :meth:`of`.

    Parameters
    ----------
    transformed
        The pair of functions ``init`` and ``apply``.
    stateful
        Whether it keeps a state.
    """

    transformed: Any
    with_state: bool

    library = "haiku"
    remedy = "haiku's functions are called on a batch: the leading axis counts examples"

    @classmethod
    def of(cls, value: Any, factory: Callable | None = None) -> tuple[Haiku, Any]:
        """Read a transformed function, alone or with its parameters and state."""
        import haiku as hk

        if isinstance(value, hk.Transformed | hk.TransformedWithState):
            return cls(value, isinstance(value, hk.TransformedWithState)), None
        transformed, *values = value
        start = dict(zip(("params", "state"), values, strict=False))
        return cls(transformed, isinstance(transformed, hk.TransformedWithState)), _plain(start)

    @property
    def stateful(self) -> bool:
        return self.with_state

    @property
    def accepts_key(self) -> bool:
        signature = signature_of(self.transformed.apply)
        return signature is not None and "rng" in signature.parameters

    @property
    def has_modes(self) -> bool:
        return bool(self.modes.names) or self.with_state

    @property
    def modes(self) -> Modes:
        """How the function is called; ``init`` has one argument before the inputs."""
        return Modes.of(self.transformed.init, leading=1)

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        modes = self.modes
        inputs = modes.call.spread(example(source))
        # In training, as haiku's batch norm makes its state there only.
        made = self.transformed.init(key, *inputs, **modes.arguments(True))
        params, state = made if self.with_state else (made, None)
        return _plain({"params": params, **({"state": state} if self.with_state else {})})

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        return "changed" if path[0].key == "state" else super().role(path, leaf)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        modes = self.modes
        arguments = [variables["params"]]
        if self.with_state:
            arguments.append(variables["state"])
        if self.accepts_key:
            arguments.append(key)
        out = self.transformed.apply(*arguments, *modes.call.spread(x), **modes.arguments(train))
        if not self.with_state:
            return out, None
        y, state = out
        if not train:
            return y, None
        return y, self.only("changed", {**variables, "state": _plain(state)})

    def rebuild(self, params: Any) -> Any:
        """Return ``(transformed, params)``, or ``(transformed, params, state)``."""
        return (self.transformed, *(params[name] for name in ("params", "state") if name in params))

    def parameters_of(self, value: Any) -> Any:
        return self.of(value)[1] if recognises(value) else value

    def __str__(self) -> str:
        original = getattr(self.transformed.init, "_original_fn", self.transformed.init)
        return getattr(original, "__name__", type(original).__name__)


def recognises(value: Any) -> bool:
    """Whether an object is a transformed function, alone or with its values."""
    haiku = sys.modules.get("haiku")
    if haiku is None:
        return False
    kinds = (haiku.Transformed, haiku.TransformedWithState)
    if isinstance(value, kinds):
        return True
    return isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], kinds)


def _plain(tree: Any) -> Any:
    """Return nested mappings as plain dicts of arrays."""
    import haiku as hk

    return arrays({name: hk.data_structures.to_mutable_dict(part) for name, part in tree.items()})
