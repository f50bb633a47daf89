"""Equinox modules as architectures: per example, with their float arrays as parameters.

A module is split in two: its inexact array leaves are the parameters, all else (activation
functions, sizes, flags, integer arrays) is the static part. The label is the static part
with the shapes and dtypes of the parameters, so two modules of the same make have equal labels
whatever their weights. Integer and boolean arrays are constants of the architecture, compared
by content: a different permutation is a different map.

A module is called on one example, as equinox users write it, and is vmapped over the batch; a
key is split so that examples are independent.

>>> import equinox as eqx, jax
>>> one, params = ModuleArchitecture.of(eqx.nn.Linear(4, 3, key=jax.random.key(0)))
>>> two, _ = ModuleArchitecture.of(eqx.nn.Linear(4, 3, key=jax.random.key(1)))
>>> one == two, one.apply(params, jax.numpy.ones((5, 4))).shape
(True, (5, 3))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.models.architectures import Architecture, Call, call_of
from catlearn.models.spaces import SpaceLabel


class TracedConstant(Exception):
    """A constant array is being traced, so that its content is not known yet."""


class Constant(NamedTuple):
    """An array that belongs to the architecture, compared by content."""

    shape: tuple[int, ...]
    dtype: str
    content: bytes


class ByIdentity:
    """A static leaf that cannot be hashed, compared by identity; it is kept alive."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, repr=False)
class ModuleArchitecture(Architecture):
    """An equinox module without the values of its parameters.

    Build it with :meth:`of`. Compared by ``signature`` alone.

    Parameters
    ----------
    signature
        Static tree, static leaves, and shape and dtype of each parameter.
    static
        The module with None for each parameter.
    template
        The parameters as ``jax.ShapeDtypeStruct``.
    factory
        ``key -> module``, if the module is drawn instead of given.
    """

    signature: Hashable
    static: Any = field(compare=False)
    template: Any = field(compare=False)
    factory: Callable | None = field(default=None, compare=False)

    remedy = "modules are called on one example, without the batch axis"

    @classmethod
    def of(cls, module: Any, factory: Callable | None = None) -> tuple[ModuleArchitecture, Any]:
        """Split a module into its architecture and its parameters.

        Raises
        ------
        InvalidStructure
            If a static field holds an array, or the module keeps state between calls.
        TracedConstant
            If the module was made under a trace and holds arrays that are not parameters.
        """
        import equinox as eqx
        import jax
        import jax.numpy as jnp

        _check_stateless(module)
        _check_static_fields(module)
        params, static = eqx.partition(module, eqx.is_inexact_array)
        params = jax.tree.map(jnp.asarray, params)
        leaves, treedef = jax.tree.flatten(static)
        template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params)
        shapes = tuple((leaf.shape, leaf.dtype.name) for leaf in jax.tree.leaves(template))
        signature = (treedef, tuple(map(static_key, leaves)), shapes)
        return cls(signature, static, template, factory), params

    @property
    def parameter_free(self) -> bool:
        import jax

        return not jax.tree.leaves(self.template)

    @property
    def accepts_key(self) -> bool:
        return self.call.key

    @property
    def call(self) -> Call:
        """How the module wants to be called."""
        return call_of(self.static)

    def init(self, key: Any, source: SpaceLabel | None, target: SpaceLabel | None) -> Any:
        if self.factory is not None:
            return self.parameters_of(draw(self.factory, key))
        if self.parameter_free:
            return self.template
        raise CatlearnError(
            f"{self} was given as an object, so it starts from its own arrays and is not drawn; "
            "give a function of `key` to have it drawn"
        )

    def apply(self, params: Any, x: Any, key: Any = None) -> Any:
        import jax

        module, call = self.rebuild(params), self.call
        if key is None or not call.key:
            return jax.vmap(lambda one: call(module, (), one, None))(x)
        keys = jax.random.split(key, jax.tree.leaves(x)[0].shape[0])
        return jax.vmap(lambda one, k: call(module, (), one, k))(x, keys)

    def rebuild(self, params: Any) -> Any:
        import equinox as eqx

        return self.static if self.parameter_free else eqx.combine(params, self.static)

    def parameters_of(self, value: Any) -> Any:
        import equinox as eqx
        import jax
        import jax.numpy as jnp

        if not isinstance(value, eqx.Module):
            return value
        return jax.tree.map(jnp.asarray, eqx.filter(value, eqx.is_inexact_array))

    def structure(self, source: SpaceLabel | None, target: SpaceLabel | None) -> Any:
        return self.template

    def __repr__(self) -> str:
        import jax

        count = sum(leaf.size for leaf in jax.tree.leaves(self.template))
        return f"<equinox {type(self.static).__name__}, {count} parameters>"

    def __str__(self) -> str:
        return type(self.static).__name__


def static_key(leaf: Any) -> Hashable:
    """Return a hashable value that is equal for static leaves that mean the same.

    Examples
    --------
    >>> static_key(1) == static_key(1.0), static_key(np.arange(3)) == static_key(np.arange(3))
    (False, True)
    """
    import jax
    from jax.core import Tracer

    if isinstance(leaf, Tracer):
        raise TracedConstant
    if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return str(jax.random.key_impl(leaf)), static_key(jax.random.key_data(leaf))
    if isinstance(leaf, jax.Array | np.ndarray | np.generic):
        array = np.asarray(leaf)
        return Constant(array.shape, array.dtype.name, array.tobytes())
    if isinstance(leaf, functools.partial):
        keywords = tuple((name, static_key(value)) for name, value in leaf.keywords.items())
        return functools.partial, static_key(leaf.func), tuple(map(static_key, leaf.args)), keywords
    if isinstance(leaf, float | complex):
        # By text, since nan differs from itself; with the type, since 1 == 1.0 == True.
        return type(leaf), repr(leaf)
    try:
        hash(leaf)
    except TypeError:
        return ByIdentity(leaf)
    return type(leaf), leaf


def draw(factory: Callable, key: Any) -> Any:
    """Call a factory with its key, by name where it has to be."""
    from catlearn.models.options import signature_of

    signature = signature_of(factory)
    parameter = signature.parameters["key"] if signature else None
    if parameter is not None and parameter.kind is parameter.KEYWORD_ONLY:
        return factory(key=key)
    return factory(key)


def _check_static_fields(module: Any) -> None:
    """Refuse arrays in static fields: comparing them has no single answer, true or false."""
    import jax

    failures = [
        Failure(
            "static",
            f"module {type(module).__name__!r}",
            f"a static field of {kind.__name__} holds an array; make it an ordinary field (a float "
            "array is then a parameter, any other a constant)",
        )
        for kind, data in _nodes(jax.tree.structure(module))
        if any(isinstance(part, np.ndarray | jax.Array) for part in data)
    ]
    if failures:
        raise InvalidStructure("Architecture", failures)


def _nodes(tree: Any) -> Iterator[tuple[type, tuple]]:
    """Yield the type and the static data of each node of a tree structure."""
    if tree.node_data() is not None:
        kind, data = tree.node_data()
        yield kind, data if isinstance(data, tuple) else (data,)
    for child in tree.children():
        yield from _nodes(child)


def _check_stateless(module: Any) -> None:
    import equinox as eqx
    import jax

    def is_index(node: Any) -> bool:
        return isinstance(node, eqx.nn.StateIndex)

    if any(map(is_index, jax.tree.leaves(module, is_leaf=is_index))):
        where = f"module {type(module).__name__!r}"
        message = (
            "found a layer with state between calls (such as BatchNorm), expected a function of "
            "one example; use LayerNorm, GroupNorm or RMSNorm"
        )
        raise InvalidStructure("Architecture", [Failure("state", where, message)])
