"""Flax nnx modules: objects that hold their variables.

An object starts from its own variables; a function of ``key`` that makes one is drawn. Variables of
kind ``Param`` are trained, ``RngState`` is given anew by the key of each call, and all others, such
as ``BatchStat``, are what calls in training change. In evaluation the module runs as ``eval()``
makes it; in training its own flags stay as they are.

The label is the graph definition with names, kinds, shapes and dtypes of the variables. Each call
runs on a copy: the object that was given is never changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from catlearn.errors import CatlearnError
from catlearn.models.architectures import Made
from catlearn.models.calls import Modes


@dataclass(frozen=True, repr=False)
class Nnx(Made):
    """An nnx module without the values of its variables; build it with :meth:`of`.

    Parameters
    ----------
    signature
        What it is compared by.
    graph
        The graph definition.
    kinds
        ``{name: kind}`` in the order of the state's leaves: ``"param"``, ``"rng"`` or ``"state"``.
    tree
        The tree structure of the state.
    template
        ``{name: jax.ShapeDtypeStruct}`` of all variables but random keys.
    seeds
        Values of the random streams, by name, for the object that is given back.
    factory
        ``key -> module``, if the module is drawn instead of given.
    """

    signature: Hashable
    graph: Any = field(compare=False)
    kinds: Any = field(compare=False)
    tree: Any = field(compare=False)
    template: Any = field(compare=False)
    seeds: Any = field(compare=False)
    factory: Callable | None = field(default=None, compare=False)

    library = "flax.nnx"
    remedy = "nnx modules are called on a batch: the leading axis counts examples"

    @classmethod
    def of(cls, module: Any, factory: Callable | None = None) -> tuple[Nnx, Any]:
        """Split a module into its architecture and its variables."""
        import jax
        from flax import nnx

        graph, state = nnx.split(module)
        leaves, tree = jax.tree.flatten(state)
        kinds = {_name(path): _kind(variable) for path, variable in nnx.to_flat_state(state)}
        named = dict(zip(kinds, leaves, strict=True))
        variables, seeds = {}, {}
        for name, leaf in named.items():
            if kinds[name] == "rng":
                seeds[name] = _seed(leaf)
            else:
                variables[name] = jax.numpy.asarray(leaf)
        template = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in variables.items()
        }
        shapes = tuple((name, leaf.shape, leaf.dtype.name) for name, leaf in template.items())
        signature = (graph, tuple(kinds.items()), shapes)
        return cls(signature, graph, kinds, tree, template, seeds, factory), variables

    @property
    def parameter_free(self) -> bool:
        return not self.template

    @property
    def accepts_key(self) -> bool:
        return "rng" in self.kinds.values()

    @property
    def stateful(self) -> bool:
        return "state" in self.kinds.values()

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        return "changed" if self.kinds[path[0].key] == "state" else super().role(path, leaf)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        from flax import nnx

        module, counts = self._merge(variables, key)
        if not train:
            module.eval()
        modes = Modes.of(module.__call__, optional=False)
        y = modes.call(module, (), x, None, **modes.arguments(train))
        after = {
            _name(path): variable[...] for path, variable in nnx.to_flat_state(nnx.state(module))
        }
        if key is None and any(after[name] is not count for name, count in counts.items()):
            raise CatlearnError(f"{self} draws random numbers and needs a key")
        if not (train and self.stateful):
            return y, None
        return y, self.only("changed", {name: after[name] for name in variables})

    def rebuild(self, params: Any) -> Any:
        import jax
        from flax import nnx

        values = {**params, **self.seeds} if params else self.seeds
        leaves = [values[name] for name in self.kinds]
        return nnx.merge(self.graph, jax.tree.unflatten(self.tree, leaves))

    def _merge(self, variables: Any, key: Any) -> tuple[Any, dict[str, Any]]:
        """Return a module whose streams start at a key, and how far each has counted."""
        import jax
        from flax import nnx

        streams = [name for name in self.seeds if _is_key(self.seeds[name])]
        values = dict(variables) if variables else {}
        for i, name in enumerate(streams):
            given = self.seeds[name] if key is None else key
            values[name] = jax.random.fold_in(given, i) if len(streams) > 1 else given
        counts = {
            name: jax.numpy.zeros_like(seed)
            for name, seed in self.seeds.items()
            if name not in streams
        }
        leaves = [{**values, **counts}[name] for name in self.kinds]
        return nnx.merge(self.graph, jax.tree.unflatten(self.tree, leaves)), counts

    def parameters_of(self, value: Any) -> Any:
        return self.of(value)[1] if recognises(value) else value

    def __str__(self) -> str:
        return self.graph.nodes[0].type.__name__


def recognises(value: Any) -> bool:
    """Whether an object is an nnx module."""
    kind = getattr(sys.modules.get("flax.nnx"), "Module", None)
    return kind is not None and isinstance(value, kind)


def _name(path: Any) -> str:
    return "/".join(map(str, path))


def _kind(variable: Any) -> str:
    from flax import nnx

    if isinstance(variable, nnx.RngState):
        return "rng"
    return "param" if isinstance(variable, nnx.Param) else "state"


def _is_key(leaf: Any) -> bool:
    import jax

    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _seed(leaf: Any) -> Any:
    """Return the value of a random stream, or one to stand for it while it is traced."""
    import jax
    from jax.core import Tracer

    if not isinstance(leaf, Tracer):
        return leaf
    return jax.random.key(0) if _is_key(leaf) else jax.numpy.zeros(leaf.shape, leaf.dtype)
