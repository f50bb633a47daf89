"""Equinox modules as architectures: per example, with their float arrays as parameters.

A module is split in two: its inexact array leaves are the parameters, all else (activation
functions, sizes, flags, integer arrays) is the static part. The label is the static part
with the shapes and dtypes of the parameters, so two modules of the same make have equal labels
whatever their weights. Integer and boolean arrays are constants of the architecture, compared
by content: a different permutation is a different map.

A module is called on one example, as equinox users write it, and is vmapped over the batch; a
key is split so that examples are independent. In evaluation it runs as ``eqx.nn.inference_mode``
makes it; in training its own flags stay as they are.

A module with state between calls, such as batch norm, is given with its state, as
``eqx.nn.make_with_state`` returns them. The state is one for the batch and belongs to what calls
change; the vmap over the batch carries the axis names that its layers mention.

>>> import equinox as eqx, jax
>>> one, params = ModuleArchitecture.of(eqx.nn.Linear(4, 3, key=jax.random.key(0)))
>>> two, _ = ModuleArchitecture.of(eqx.nn.Linear(4, 3, key=jax.random.key(1)))
>>> one == two, one.apply(params, jax.numpy.ones((5, 4))).shape
(True, (5, 3))

Small helpers for trees of variables.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from catlearn.errors import Failure, fault, refuse
from catlearn.models.architectures import Made
from catlearn.models.calls import Call, call_of
from catlearn.models.spaces import AnySpace


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
class ModuleArchitecture(Made):
    """An equinox module without the values of its parameters.

    Build it with :meth:`of`. Compared by ``signature`` alone.

    Parameters
    ----------
    signature
        Static tree, static leaves, and shape and dtype of each parameter.
    static
        The module with None for each parameter.
    template
        The variables as ``jax.ShapeDtypeStruct``: the parameters, or for a module with state
        ``{"module": parameters, "state": arrays}``.
    factory
        ``key -> module``, if the module is drawn instead of given.
    state
        The tree structure of its state, or None if it has none.
    """

    signature: Hashable
    static: Any = field(compare=False)
    template: Any = field(compare=False)
    factory: Callable | None = field(default=None, compare=False)
    state: Any = field(default=None, compare=False)

    library = "equinox"
    remedy = "modules are called on one example, without the batch axis"

    @classmethod
    def of(cls, value: Any, factory: Callable | None = None) -> tuple[ModuleArchitecture, Any]:
        """Split a module, or a pair of a module and its state, into architecture and variables.

        Raises
        ------
        InvalidStructure
            If a static field holds an array, or the state of a module is missing.
        TracedConstant
            If the module was made under a trace and holds arrays that are not parameters.
        """
        import equinox as eqx
        import jax

        module, state = _with_state(value)
        _check_static_fields(module)
        static = eqx.filter(module, eqx.is_inexact_array, inverse=True)
        leaves, treedef = jax.tree.flatten(static)
        structure = None if state is None else jax.tree.structure(state)
        variables = _variables(module, state)
        template = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), variables
        )
        shapes = tuple((leaf.shape, leaf.dtype.name) for leaf in jax.tree.leaves(template))
        signature = (treedef, tuple(map(static_key, leaves)), shapes, structure)
        return cls(signature, static, template, factory, structure), variables

    @property
    def parameter_free(self) -> bool:
        import jax

        return not jax.tree.leaves(self.template)

    @property
    def stateful(self) -> bool:
        return self.state is not None

    @property
    def accepts_key(self) -> bool:
        return self.call.key

    @property
    def call(self) -> Call:
        """How the module wants to be called."""
        return call_of(self.static, passed=("key", "state"))._replace(train=False)

    @functools.cached_property
    def axis_names(self) -> tuple[Hashable, ...]:
        """The names that layers give to the axis of examples."""
        import equinox as eqx

        def named(node: Any) -> bool:
            return isinstance(node, eqx.Module) and hasattr(node, "axis_name")

        given = [node.axis_name for node in _layers(self.static, named)]
        names = [name if isinstance(name, tuple | list) else (name,) for name in given]
        return tuple(dict.fromkeys(itertools.chain.from_iterable(names)))

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        is_state = self.stateful and path[0].key == "state"
        return "changed" if is_state else super().role(path, leaf)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        import equinox as eqx
        import jax

        module, state = self._split(variables)
        if not train:
            module = eqx.nn.inference_mode(module)
        call, key = self.call, key if self.call.key else None
        keys = None if key is None else jax.random.split(key, jax.tree.leaves(x)[0].shape[0])
        if not self.stateful:
            return jax.vmap(lambda one, k: call(module, (), one, k))(x, keys), None

        def one(x: Any, key: Any, state: Any) -> Any:
            return call(module, (), x, key, state=state)

        y, after = _over_batch(one, self.axis_names)(x, keys, state)
        if not train:
            return y, None
        return y, self.only("changed", {**variables, "state": tuple(jax.tree.leaves(after))})

    def rebuild(self, params: Any) -> Any:
        """Return the module, or the pair of the module and its state."""
        module, state = self._split(params)
        return (module, state) if self.stateful else module

    def _split(self, variables: Any) -> tuple[Any, Any]:
        import equinox as eqx
        import jax

        if not self.stateful:
            return (
                self.static if self.parameter_free else eqx.combine(variables, self.static)
            ), None
        state = jax.tree.unflatten(self.state, variables["state"])
        return eqx.combine(variables["module"], self.static), state

    def parameters_of(self, value: Any) -> Any:
        import equinox as eqx

        if isinstance(value, eqx.Module) and not self.stateful:
            return _variables(value, None)
        if self.stateful and (isinstance(value, eqx.Module) or _is_pair(value)):
            return _variables(*_with_state(value))
        return value

    def __repr__(self) -> str:
        import jax

        count = sum(leaf.size for leaf in jax.tree.leaves(self.template))
        return f"<equinox {type(self.static).__name__}, {count} parameters>"

    def __str__(self) -> str:
        return type(self.static).__name__


def static_key(leaf: Any, above: tuple[int, ...] = ()) -> Hashable:
    """Return a hashable value that is equal for static leaves that mean the same.

    Containers, data classes and arrays are compared by what is in them, other objects that are not
    hashed by identity. Of a tensor that requires a gradient the numbers do not count.

    Parameters
    ----------
    leaf
        The static leaf.
    above
        The addresses of what it is inside of, which it may have in it again.

    Examples
    --------
    >>> static_key(1) == static_key(1.0), static_key(np.arange(3)) == static_key(np.arange(3))
    (False, True)
    """
    if leaf is None or isinstance(leaf, bool | int | str):
        return type(leaf), leaf
    if id(leaf) in above:
        return "above", above.index(id(leaf))
    inner = functools.partial(static_key, above=(*above, id(leaf)))
    if isinstance(leaf, list | tuple):
        return type(leaf), *map(inner, leaf)
    if isinstance(leaf, dict):
        return type(leaf), *((inner(key), inner(value)) for key, value in leaf.items())
    if isinstance(leaf, set | frozenset):
        return type(leaf), frozenset(map(inner, leaf))
    if isinstance(leaf, getattr(sys.modules.get("torch"), "Tensor", ())):
        return _tensor_key(leaf)
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
        return functools.partial, *map(inner, (leaf.func, leaf.args, leaf.keywords))
    if isinstance(leaf, float | complex):
        # By text, since nan differs from itself; with the type, since 1 == 1.0 == True.
        return type(leaf), repr(leaf)
    try:
        hash(leaf)
    except TypeError:
        contents = _contents(leaf)
        return ByIdentity(leaf) if contents is None else (type(leaf), inner(contents))
    return type(leaf), leaf


def _contents(leaf: Any) -> dict[Any, Any] | tuple[Any, ...] | None:
    """Return what is in an object that is not hashed, if it is known to be all of it."""
    if isinstance(leaf, Mapping):
        return dict(leaf)
    if isinstance(leaf, Sequence):
        return tuple(leaf)
    if is_dataclass(leaf) or isinstance(leaf, SimpleNamespace):
        names = [*getattr(leaf, "__dataclass_fields__", ()), *getattr(leaf, "__dict__", ())]
        return {name: getattr(leaf, name, None) for name in names}
    return None


def _tensor_key(tensor: Any) -> Hashable:
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
        return ByIdentity(tensor)
    content = b""
    if not tensor.requires_grad:
        flat = tensor.cpu().resolve_conj().resolve_neg().reshape(-1)
        content = flat.view(torch.uint8).numpy().tobytes()
    return Constant(tuple(tensor.shape), str(tensor.dtype), content)


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
    refuse("Architecture", failures)


def _nodes(tree: Any) -> Iterator[tuple[type, tuple]]:
    """Yield the type and the static data of each node of a tree structure."""
    if tree.node_data() is not None:
        kind, data = tree.node_data()
        yield kind, data if isinstance(data, tuple) else (data,)
    for child in tree.children():
        yield from _nodes(child)


def is_module(value: Any) -> bool:
    """Whether an object is an equinox module, or a pair of one and its state."""
    module = getattr(sys.modules.get("equinox"), "Module", None)
    return module is not None and (isinstance(value, module) or _is_pair(value))


def _is_pair(value: Any) -> bool:
    import equinox as eqx

    types = (eqx.Module, eqx.nn.State)
    return isinstance(value, tuple) and len(value) == 2 and all(map(isinstance, value, types))


def _with_state(value: Any) -> tuple[Any, Any]:
    """Return a module and its state, which is None if it keeps none."""
    import equinox as eqx

    if _is_pair(value):
        return value
    indices = _layers(value, lambda node: isinstance(node, eqx.nn.StateIndex))
    if not indices:
        return value, None
    try:
        return eqx.nn.make_with_state(lambda: value)()
    except ValueError as error:
        where = f"module {type(value).__name__!r}"
        message = (
            "found a module whose state stands apart, expected the pair (module, state) that "
            "eqx.nn.make_with_state returns"
        )
        raise fault("Architecture", "state", where, message) from error


def _variables(module: Any, state: Any) -> Any:
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    params = jax.tree.map(jnp.asarray, eqx.filter(module, eqx.is_inexact_array))
    if state is None:
        return params
    return {"module": params, "state": tuple(map(jnp.asarray, jax.tree.leaves(state)))}


def _over_batch(one: Callable, names: tuple[Hashable, ...]) -> Callable:
    """Map a function of an example, a key and the one state over a batch whose axis has names."""
    import jax

    first, *others = names or (None,)
    over = jax.vmap(one, (0, 0, None), (0, None), axis_name=first)
    for name in others:
        over = jax.vmap(over, None, None, axis_name=name, axis_size=1)
    return over


def _layers(tree: Any, wanted: Callable[[Any], bool]) -> list[Any]:
    """Return the nodes of a kind, outermost first."""
    import jax

    return [node for node in jax.tree.leaves(tree, is_leaf=wanted) if wanted(node)]


def example(source: AnySpace) -> Any:
    """Return a batch of one example, all zero, by which a library learns shapes."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), source.example(1))


def arrays(tree: Any) -> Any:
    """Return the tree with JAX arrays as leaves."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(jnp.asarray, tree)
