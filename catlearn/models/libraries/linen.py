"""Flax linen modules: ``init`` and ``apply`` with collections of variables.

A module is given unbound, then its variables are drawn by its own ``init``; or bound, or as a pair
``(module, variables)``, then it starts from those. Its collection ``params`` is trained; all
others, such as ``batch_stats``, are what calls in training change. The key of a call is the stream
``dropout``; other streams are derived from it. Arguments such as ``train``, ``deterministic`` and
``use_running_average`` of ``__call__`` are found by name and passed the mode.

The label is the module itself, which linen compares by its fields.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catlearn.models.architectures import Library
from catlearn.models.calls import Modes
from catlearn.models.modules import ByIdentity, arrays, example
from catlearn.models.spaces import AnySpace

# Whether modules have collections besides "params", known once their structure has been asked for.
_stateful: dict[Any, bool] = {}


@dataclass(frozen=True, repr=False)
class Linen(Library):
    """A linen module without its variables; build it with :meth:`of`.

    Parameters
    ----------
    identity
        What it is compared by: the module if it can be hashed.
    module
        The unbound module.
    """

    identity: Hashable
    module: Any = field(compare=False)

    library = "flax.linen"
    remedy = "linen modules are called on a batch: the leading axis counts examples"
    has_modes = True  # type: ignore[assignment]
    accepts_key = True

    @classmethod
    def of(cls, value: Any, factory: Callable | None = None) -> tuple[Linen, Any]:
        """Split a module, bound or not, or a pair (module, variables)."""
        module, variables = value if isinstance(value, tuple) else (value, None)
        if module.scope is not None:
            module, variables = module.unbind()
        try:
            hash(module)
            identity: Hashable = module
        except TypeError:
            identity = ByIdentity(module)
        return cls(identity, module), None if variables is None else _plain(variables)

    @property
    def stateful(self) -> bool:
        return _stateful.get(self, True)

    @property
    def modes(self) -> Modes:
        """How the module is called."""
        return Modes.of(self.module.__call__)

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        modes = self.modes
        inputs = modes.call.spread(example(source))
        return _plain(self.module.init(key, *inputs, **modes.arguments(False)))

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        found = super().structure(source, target)
        _stateful[self] = any(name != "params" for name in found)
        return found

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        return super().role(path, leaf) if path[0].key == "params" else "changed"

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        import jax

        modes = self.modes
        rngs = None
        if key is not None:
            # Streams that are not named here fall back to that of the parameters.
            rngs = {"dropout": key, "params": jax.random.fold_in(key, 1)}
        others = [name for name in variables if name != "params"] if train else []
        out = self.module.apply(
            variables,
            *modes.call.spread(x),
            **modes.arguments(train),
            rngs=rngs,
            mutable=others or False,
        )
        if not others:
            return out, None
        y, changed = out
        return y, self.only("changed", {**variables, **_plain(changed)})

    def rebuild(self, params: Any) -> Any:
        """Return the module bound to its variables; ``unbind()`` takes them apart."""
        return self.module.bind(params)

    def parameters_of(self, value: Any) -> Any:
        if _is_bound(value) or isinstance(value, tuple):
            return self.of(value)[1]
        return _plain(value) if isinstance(value, Mapping) else value

    def __str__(self) -> str:
        return type(self.module).__name__


def recognises(value: Any) -> bool:
    """Whether an object is a linen module, or a pair of one and its variables."""
    kind = getattr(sys.modules.get("flax.linen"), "Module", None)
    if kind is None:
        return False
    if isinstance(value, tuple) and len(value) == 2:
        return isinstance(value[0], kind) and isinstance(value[1], Mapping)
    return isinstance(value, kind)


def _is_bound(value: Any) -> bool:
    return recognises(value) and not isinstance(value, tuple) and value.scope is not None


def _plain(variables: Any) -> Any:
    """Return variables as plain dicts of arrays."""
    import flax.core

    return arrays(flax.core.unfreeze(variables))
