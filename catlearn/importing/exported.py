"""PyTorch modules as functions of JAX: the graph that ``torch.export`` makes, run by a table.

``torch.export`` writes down what a call of a module does as a graph of ATen operations, for the
shapes of the given inputs. :func:`to_jax` runs that graph in JAX, by the functions of
:mod:`catlearn.importing.aten` and the files for images, matrices and recurrent layers beside it.
The graph is made functional but not decomposed: attention, norms and convolutions are still one
operation each. Only what the table lacks is decomposed, by PyTorch's own definitions.

What depends neither on a parameter nor on an input (positions, masks, tables of rotations) is
computed by PyTorch once, when the module is imported, and written as simply as it can be: by
indices where these say it, as an array otherwise.

:func:`from_torch` reads that function as a circuit, as :func:`catlearn.importing.from_jax` does.
:func:`in_jax` is the way back: the module again, run by JAX, with gradients.

>>> import pytest; torch = pytest.importorskip("torch", reason="torch is not installed")
>>> module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2))
>>> fn, state = to_jax(module, torch.zeros(5, 3))
>>> list(state)
['0.weight', '0.bias', '2.weight', '2.bias']
>>> fn(state, jax.numpy.ones((5, 3))).shape
(5, 2)
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import itertools
import logging
import math
import operator
import os
import re
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import source_info_util

from catlearn.arrays.circuit import Circuit
from catlearn.errors import DataError, Failure, UnknownName, listed, wrong_kind
from catlearn.importing import images, matrices, recurrent  # noqa: F401 - they are in the table
from catlearn.importing.aten import FIRST, LACKING, SAMPLED, TABLE, Drop, drop_p
from catlearn.importing.building import ImportRefused
from catlearn.importing.jaxpr import Imported, imported, where
from catlearn.importing.known import written
from catlearn.models.libraries.torch import (
    OfTensors,
    describe,
    library,
    numpy_dtype,
    recognises,
    shared,
    to_numpy,
    to_torch,
)
from catlearn.models.modules import static_key

Array = Any


def from_torch(module: Any, *inputs: Any, **named: Any) -> Circuit:
    """Return what a PyTorch module computes as a circuit.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` on the CPU, most often after ``eval()``. It is not changed.
    inputs, named
        What it is called with: tensors or arrays, and whatever else its ``forward`` takes.

    Returns
    -------
    Circuit
        Its inputs are the tensors of a call, its outputs those that it returns,
        its parameters those of ``state_dict()`` that the call reads, by their names there. Of a
        module that trains, dropouts are boxes, which draw by the ``key`` of a call.

    Raises
    ------
    ImportRefused, WrongKind
        As :func:`to_jax`.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch", reason="torch is not installed")
    >>> circuit = from_torch(torch.nn.Linear(3, 2), torch.zeros(5, 3))
    >>> {name: tuple(map(str, sizes)) for name, sizes in circuit.parameters.items()}
    {'bias': ('2',), 'weight': ('2', '3')}
    """
    return to_jax(module, *inputs, **named)[0].imported().circuit


def to_jax(module: Any, *inputs: Any, **named: Any) -> tuple[Callable[..., Any], dict[str, Array]]:
    """Return what a PyTorch module computes as a pure function of JAX, and its parameters.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` on the CPU, most often after ``eval()``. It is not changed.
    inputs, named
        What it is called with: tensors or arrays, and whatever else its ``forward`` takes. The
        function is for tensors of these shapes, and for the other values as they are.

    Returns
    -------
    fn
        ``fn(state, *inputs, **named)`` returns arrays where the module returns tensors, and dicts
        where it returns mappings. Like any function of JAX it can be compiled, mapped and
        differentiated. Of a module that trains, ``fn.drawn(key)`` is the function that drops
        entries by a key; fn drops none.
    state
        Parameters and buffers that the call reads, by their names in ``state_dict()``. A tensor of
        two names is there once, under the first of them.

    Raises
    ------
    ImportRefused
        If the module or an input is on another device, an input is sparse or nested, or changed in
        place, the module cannot be exported, has shapes that depend on data,
        draws random numbers other than for dropout, changes buffers, reads a tensor with a gradient
        that is no attribute, or has operations that are not in the table. All of these are
        listed.
    WrongKind
        If it is no module.
    """
    if not recognises(module):
        raise wrong_kind(module, "module", "a torch.nn.Module")
    program = Exported(module, inputs, named)
    return program, program.state


class Exported:
    """A PyTorch module as a function ``(state, *inputs, **named)`` of JAX; see :func:`to_jax`.

    It need not be one as a whole with ``whole=False``: then parts of its graph are asked for. With
    ``changing`` a call may change buffers, and the function returns these, too, in a list.
    """

    def __init__(
        self, module: Any, inputs: tuple[Any, ...], named: Mapping[str, Any], *,
        whole: bool = True, changing: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.trains = type(module).__name__, module.training
        as_tensors = library().utils._pytree.tree_map(_tensor, (inputs, dict(named)))
        if whole:
            self._refuse(_elsewhere(module, *as_tensors))
        self.program = program = _exported(self.name, module, *as_tensors, whole=whole)
        held, first = dict(_tensors(module)), {}
        for name, value in held.items():
            first.setdefault(id(value), name)
        self.known: dict[Any, Any] = {}
        self.read: dict[Any, str] = {}
        self.given: list[Any] = []
        placeholders = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
        self.tensors: dict[str, Any] = {}
        for spec in program.graph_signature.input_specs:
            node = placeholders.get(spec.arg.name)
            if spec.kind.name == "TOKEN":
                continue
            if spec.kind.name == "USER_INPUT":
                self.given.append((spec.arg, node))
            elif spec.target in program.constants and not (
                spec.target in held and held[spec.target].requires_grad
            ):
                self.known[node] = program.constants[spec.target]
            elif node is not None and node.users:
                self.read[node] = first.get(id(held.get(spec.target)), spec.target)
                self.tensors[self.read[node]] = held[spec.target]
        self.tree, self.result = program.call_spec.in_spec, program.call_spec.out_spec
        both = _results(program)
        self.outputs = [one for spec, one in both if spec.kind.name == "USER_OUTPUT"]
        self.changes = {spec.target: one for spec, one in both if spec.kind.name in CHANGING}
        known, self.steps, self.missing = _sorted(program)
        if whole:
            missing = [node for node in self.missing if not _is_open(node)]
            self._refuse([*_changed(program, changing), *_missing(missing), *_unnamed(self.known)])
        for node in known:
            self.known[node] = self._evaluated(node)
        # Not while JAX traces, when it may say another line.
        self.lines = {node: _traceback(*line) for node in self.steps if (line := _line(node))}

    @functools.cached_property
    def state(self) -> dict[str, Array]:
        """The parameters and buffers that are read, by name."""
        return {name: jnp.asarray(to_numpy(value)) for name, value in self.tensors.items()}

    @property
    def draws(self) -> bool:
        """Whether it drops entries."""
        return any(map(drops, self.steps))

    def _refuse(self, failures: list[Failure]) -> None:
        if failures:
            raise ImportRefused(self.name, failures)

    def _evaluated(self, node: Any) -> Any:
        """Return what PyTorch computes of what is known, or of shapes alone."""
        torch = library()
        if node.target is operator.getitem:
            return self.known[node.args[0]][node.args[1]]

        def tensor(one: Any) -> Any:
            said = one.meta["val"]
            return self.known.get(one, torch.empty(said.shape, dtype=said.dtype))

        with torch.no_grad():
            args, options = torch.fx.node.map_arg((node.args, node.kwargs), tensor)
            return node.target(*args, **options)

    @functools.cached_property
    def constants(self) -> dict[Any, np.ndarray]:
        """What is known and read by the steps; equal arrays are one."""
        wanted = {one for node in self.steps for one in node.all_input_nodes}
        wanted.update(one for one in (*self.outputs, *self.changes.values()) if _is_node(one))
        arrays = {node: to_numpy(self.known[node]) for node in self.known if node in wanted}
        one: dict[Any, np.ndarray] = {}
        return {
            node: one.setdefault((value.shape, value.dtype.str, value.tobytes()), value)
            for node, value in arrays.items()
        }

    def __call__(self, state: Mapping[str, Array], *inputs: Any, **named: Any) -> Any:
        return self.drawn(None)(state, *inputs, **named)

    def drawn(self, key: Any) -> Callable[..., Any]:
        """Return the function with samples by a key: each dropout has one of its own."""

        def call(state: Mapping[str, Array], *inputs: Any, **named: Any) -> Any:
            numbers = itertools.count()

            def drop(x: Array, rate: float) -> Array:
                if key is None:
                    return x
                own = jax.random.fold_in(key, next(numbers))
                kept = jax.random.bernoulli(own, 1 - rate, x.shape)
                return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))

            return self._returned(state, self._bind(inputs, named), drop)

        return call

    def _returned(self, state: Mapping[str, Array], given: Mapping[Any, Array], drop: Drop) -> Any:
        flat = self._run(state, given, drop)
        count = len(self.outputs)
        found = _plain(library().utils._pytree.tree_unflatten(flat[:count], self.result))
        return (found, flat[count:]) if self.changes else found

    def imported(self) -> Imported:
        """Return the module as a circuit, from the tensors of a call to a list of those returned.

        The arguments that it is of are the state, and the tensors of a call in order.
        """
        placed = [
            (spec.name, node) for spec, node in self.given if hasattr(node.meta["val"], "shape")
        ]

        def call(state: Mapping[str, Array], *tensors: Any) -> Any:
            nodes = (node for _, node in placed)
            given = dict(zip(nodes, tensors, strict=True))
            flat = self._run(state, given, lambda x, rate: drop_p.bind(x, rate=rate))
            return [one for one in flat if isinstance(one, jax.Array)]

        names = ["state", *(name for name, _ in placed)]
        kind = inspect.Parameter.POSITIONAL_ONLY
        call.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        said = [node.meta["val"] for _, node in placed]
        shapes = [jax.ShapeDtypeStruct(tuple(one.shape), numbers_of(one.dtype)) for one in said]
        return imported(call, self.state, *shapes, params=0)

    def _run(self, state: Mapping[str, Array], given: Mapping[Any, Array], drop: Drop) -> list[Any]:
        """Run the graph in JAX; return the leaves of what the module returns, and what changes."""
        values = {**given, **{node: state[name] for node, name in self.read.items()}}
        return self.computed(self.steps, values, [*self.outputs, *self.changes.values()], drop)

    def computed(
        self, steps: Iterable[Any], values: dict[Any, Array], wanted: Iterable[Any], drop: Drop
    ) -> list[Any]:
        """Run steps of the graph in JAX, from values that they read; return what is wanted."""
        map_aggregate, dtype = library().fx.node.map_aggregate, library().dtype
        constants: dict[int, Array] = {}

        def read(one: Any) -> Any:
            if isinstance(one, dtype):
                return numbers_of(one)
            if not _is_node(one):
                return one
            if one in values:
                return values[one]
            array = self.constants[one]
            if id(array) not in constants:
                constants[id(array)] = written(array)
            return constants[id(array)]

        for node in steps:
            with _scopes(node), source_info_util.user_context(self.lines.get(node)):
                args, options = map_aggregate((node.args, node.kwargs), read)
                if node.target is operator.getitem:
                    values[node] = args[0][args[1]]
                    continue
                options = {key: one for key, one in options.items() if key not in _PLACEMENT}
                name = name_of(node)
                if name == "embedding" and not self.trains:
                    args = args[:2]  # which row pads counts for gradients alone
                if name == "scaled_dot_product_attention":
                    options["hides"] = self._hides(node)
                drawn = functools.partial(SAMPLED[name], drop) if name in SAMPLED else None
                function = drawn or TABLE[name]
                try:
                    found = function(*args, **options)
                except NotImplementedError as error:
                    what = "derivative" if _stays(function, args, options) else "operation"
                    why = f"JAX has no {what} for it: {error}"
                    fault = Failure(what, f"{name} at {place_of(node)}", why)
                    raise ImportRefused(self.name, [fault]) from error
                values[node] = _as_said(found, node.meta["val"])
        return [read(one) for one in wanted]

    def _hides(self, node: Any) -> bool:
        """Whether a mask that is known hides all keys of a query."""
        known = self.constants.get(node.kwargs.get("attn_mask", [*node.args, None][3]))
        if known is None:
            return False
        return not (known if known.dtype == bool else known > -np.inf).any(-1).all()

    def rebuilt(self, leaves: Sequence[Any]) -> Any:
        """Return what the module returns, from its tensors in the order in which JAX has leaves."""
        unflatten = library().utils._pytree.tree_unflatten
        flat = [*self.outputs]
        places = [k if _is_node(one) else None for k, one in enumerate(flat)]
        order = jax.tree.leaves(_plain(unflatten(places, self.result)))
        for k, tensor in zip(order, leaves, strict=True):
            flat[k] = tensor.to(flat[k].meta["val"].dtype)
        return unflatten(flat, self.result)

    def _bind(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> dict[Any, Array]:
        """Return the arrays of the placeholders of inputs, if the inputs are as they were."""
        what = f"what is given to {self.name}"
        order = self.tree.children()[1].context
        named = {key: named[key] for key in order if key in named} | dict(named)
        leaves, tree = library().utils._pytree.tree_flatten((inputs, named))
        if tree != self.tree:
            found, wanted = (_shown(one) for one in (tree, self.tree))
            text = f"found {found}, imported for {wanted}, where numbers stand for arrays"
            raise DataError(what, [Failure("inputs", "arguments", text)])
        values, failures = {}, []
        for (spec, node), leaf in zip(self.given, leaves, strict=True):
            shape = getattr(node.meta["val"], "shape", None)
            if shape is None:
                found, wanted = leaf, spec.value
            else:
                values[node] = jnp.asarray(leaf)
                found, wanted = values[node].shape, tuple(shape)
            if found != wanted:
                text = f"found {found}, imported for {wanted}; import it again for other shapes"
                failures.append(Failure("inputs", f"input {spec.name}", text))
        if failures:
            raise DataError(what, failures)
        return values


def _shown(tree: Any) -> str:
    """Write the arguments of a call, with numbers for leaves."""
    leaves = [*range(tree.num_leaves)]
    inputs, named = library().utils._pytree.tree_unflatten(leaves, tree)
    return f"({', '.join([*map(str, inputs), *(f'{key}={one}' for key, one in named.items())])})"


def in_jax(
    module: Any, transform: Callable[..., Any] | None = None, methods: Sequence[str] = ()
) -> Any:
    """Return a PyTorch module that computes by JAX what another one does.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` that :func:`to_jax` imports.
    transform
        What is done with its function ``fn(state, *inputs, **named)``; nothing by default.
    methods
        Names of methods of what `transform` returns, with the same arguments, which the module then
        has as well: ``module.plan(*inputs)``. Those that it had itself stay as they are.

    Returns
    -------
    module
        A module of a subclass, with the same parameters (not copies), so with the same
        ``state_dict()``. A call imports the module for the shapes, types and modes that it has, the
        first time that they occur, and runs the compiled function; real numbers are shared with
        JAX, not copied. So it is where a module inside of it, a hook or another attribute is
        changed, also in a copy; but not where something inside of an object is, other than a
        container, a data class or an array, nor where a buffer that is no part of the state is by
        its ``data``, and what a call assigns to attributes is not kept. Gradients are those of JAX,
        of first order. What is dropped is drawn by JAX, with a seed from PyTorch; buffers that a
        call changes are changed, and `transform` is given a function that returns them, too.
        ``module.original()`` computes as before.

    Raises
    ------
    ImportRefused
        When it is called, for what cannot be imported.
    WrongKind
        If it is no module, or one that ``torch.jit`` has compiled, or `transform` is no function,
        or `methods` no list of names.
    UnknownName
        When one of `methods` is called that what `transform` returns does not have.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch", reason="torch is not installed")
    >>> linear, x = torch.nn.Linear(3, 2), torch.ones(5, 3)
    >>> same = in_jax(linear)
    >>> torch.allclose(same(x), linear(x), atol=1e-6), same.weight is linear.weight
    (True, True)
    >>> same(x).sum().backward()
    >>> linear.weight.grad
    tensor([[5., 5., 5.],
            [5., 5., 5.]])
    """

    if transform is not None and not callable(transform):
        raise wrong_kind(transform, "transform", "a function of a function, or None")
    several = isinstance(methods, list | tuple)
    if not several or not all(isinstance(one, str) for one in methods):
        raise wrong_kind(methods, "methods", "a list of names, such as ['plan']")

    def asked(name: str) -> Callable[..., Any]:
        return lambda run, held, leaves: run.asked(name, held, leaves)

    made = functools.partial(_Runner, transform)
    again = (in_jax, transform, methods)
    return remade(module, made, again, {name: asked(name) for name in methods})


def remade(
    module: Any, made: Callable[..., Callable[..., Any]], again: tuple[Any, ...],
    methods: Mapping[str, Callable[..., Any]],
) -> Any:  # fmt: skip
    """Return a module of a subclass, whose calls run as is decided once for each kind of them.

    Parameters
    ----------
    module
        A ``torch.nn.Module``.
    made
        From the module as it was, without its hooks, the arguments of a call, and the leaves and
        the tree of these, to a function of tensors by name and leaves. Arrays are tensors there.
        It is asked again where what the modules hold besides parameters and buffers has changed.
    again
        A function that makes the same of a module that was pickled, and what it is given besides.
    methods
        By name, what else the module is asked with the arguments of a call, as a function of what
        was made, tensors by name and leaves. Methods that it has itself stay as they are.

    Raises
    ------
    WrongKind
        If it is no module, or one that ``torch.jit`` has compiled.
    """
    if not recognises(module):
        raise wrong_kind(module, "module", "a torch.nn.Module")
    torch = library()
    if isinstance(module, torch.jit.ScriptModule):
        wanted = "a torch.nn.Module that torch.jit has not compiled, as torch.export needs it"
        raise wrong_kind(module, "module", wanted)
    kind: Any = type(module)
    if torch.nn.utils.parametrize.is_parametrized(module):
        kind = kind.__bases__[0]
    runs: dict[Any, Callable[..., Any]] = {}

    def of(kind: Any, own: Mapping[str, Any]) -> Any:
        same = kind.__new__(kind)
        same.__dict__ = dict(own)
        return same

    def original(self: Any) -> Any:
        return of(_derived(type(self), ours, kind), self.__dict__)

    @torch.compiler.disable
    def run_of(self: Any, inputs: Any, named: Any) -> tuple[Callable[..., Any], Any, list[Any]]:
        pytree = torch.utils._pytree
        inputs, named = pytree.tree_map(_tensor, (inputs, named))
        leaves, tree = pytree.tree_flatten((inputs, named))
        # What is hooked to the whole is called around this.
        bare = original(self)
        bare.__dict__ |= {name: type(one)() for name, one in vars(self).items()
                          if name.endswith("_hooks") and isinstance(one, dict)}  # fmt: skip
        held, first = dict(_tensors(bare)), {}
        kinds = [
            (tuple(x.shape), x.dtype, x.device) if torch.is_tensor(x) else repr(x) for x in leaves
        ]
        key = (
            str(tree), *kinds, *describe(bare), *_fixed(bare), _autocast(),
            numbers_of(torch.float64),
            *((name, first.setdefault(id(x), name), x.shape, x.dtype, x.device)
              for name, x in held.items()),
        )  # fmt: skip
        if key not in runs:
            runs[key] = made(bare, inputs, named, leaves, tree)
        return runs[key], held, leaves

    def forward(self: Any, *inputs: Any, **named: Any) -> Any:
        if torch.compiler.is_exporting() or torch.jit.is_tracing():
            why = "runs by a graph of its own, which cannot be exported; take module.original()"
            raise ImportRefused(kind.__name__, [Failure("export", kind.__name__, why)])
        run, held, leaves = run_of(self, inputs, named)
        return run(held, leaves)

    def method(ask: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *inputs, **named: ask(*run_of(self, inputs, named))

    def again_of(self: Any, protocol: Any) -> Any:
        return again[0], (original(self), *again[1:])

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        same = memo[id(self)] = of(type(self), {})
        same.__dict__ = copy.deepcopy(self.__dict__, memo)
        return same

    own = {name: method(ask) for name, ask in methods.items() if not hasattr(module, name)}
    body = own | {
        "forward": forward, "original": original, "__doc__": kind.__doc__,
        "__deepcopy__": copied, "__reduce_ex__": again_of,
    }  # fmt: skip
    ours = type(kind.__name__, (kind,), body)
    return of(_derived(type(module), kind, ours), module.__dict__)


def _derived(kind: Any, base: Any, other: Any) -> Any:
    """Return a class with another one in place of a base, or of itself.

    ``torch.nn.utils.parametrize`` derives a class from that of a module.
    """
    if base not in kind.__mro__:
        return kind
    if kind is base:
        return other
    own = {name: one for name, one in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    return type(kind.__name__, tuple(_derived(one, base, other) for one in kind.__bases__), own)


def _autocast() -> tuple[Any, ...]:
    """Return in which types PyTorch computes by itself, by the kind of device."""
    torch = library()
    return tuple(
        (kind, torch.get_autocast_dtype(kind))
        for kind in ("cpu", "cuda")
        if torch.is_autocast_enabled(kind)
    )


class _Runner:
    """The calls of one kind of a module, by JAX: tensors by name and leaves to what it returns."""

    def __init__(
        self, transform: Callable[..., Any] | None, module: Any, inputs: Any, named: Any,
        leaves: list[Any], tree: Any,
    ) -> None:  # fmt: skip
        torch = library()
        self.program = program = Exported(module, inputs, named, changing=True)
        self.drawn = [KEY] * program.draws

        def keyed(state: Mapping[str, Array], *inputs: Any, **named: Any) -> Any:
            own = {name: one for name, one in state.items() if name != KEY}
            key = jax.random.wrap_key_data(state[KEY].astype(np.uint32))
            return program.drawn(key)(own, *inputs, **named)

        fn = keyed if self.drawn else program
        self.fn = fn = fn if transform is None else transform(fn)
        self.tree, names = tree, [*program.tensors, *self.drawn]
        self.places = [k for k, leaf in enumerate(leaves) if torch.is_tensor(leaf)]
        constants = [None if torch.is_tensor(leaf) else leaf for leaf in leaves]

        def flat(arrays: list[Array]) -> list[Array]:
            given = list(constants)
            for k, array in zip(self.places, arrays[len(names) :], strict=True):
                given[k] = array
            inputs, named = torch.utils._pytree.tree_unflatten(given, tree)
            state = dict(zip(names, arrays[: len(names)], strict=True))
            found = jax.tree.leaves(fn(state, *inputs, **named))
            return [one for one in found if isinstance(one, jax.Array | np.ndarray)]

        self.of_tensors = OfTensors(flat)
        self.call = torch.compiler.disable(self._called)

    def __call__(self, held: Mapping[str, Any], leaves: list[Any]) -> Any:
        return self.call(held, leaves)

    def _called(self, held: Mapping[str, Any], leaves: list[Any]) -> Any:
        keys = [library().randint(2**31, (2,)) for _ in self.drawn]
        given = [leaves[k] for k in self.places]
        found = self.of_tensors([*(held[name] for name in self.program.tensors), *keys, *given])
        count = len(found) - len(self.program.changes)
        with library().no_grad():
            for name, one in zip(self.program.changes, found[count:], strict=True):
                held[name].copy_(one)
        return self.program.rebuilt(found[:count])

    def asked(self, name: str, held: Mapping[str, Any], leaves: list[Any]) -> Any:
        """Return what a method of the function says of a call."""
        state = {one: shared(held[one]) for one in self.program.tensors}
        state |= dict.fromkeys(self.drawn, jnp.zeros(2, int))
        given = [shared(leaf) if library().is_tensor(leaf) else leaf for leaf in leaves]
        inputs, named = library().utils._pytree.tree_unflatten(given, self.tree)
        method = getattr(self.fn, name, None)
        if not callable(method):
            raise UnknownName(f"methods= names {name!r}, which what transform returns has not")
        return method(state, *inputs, **named)


_OF_SHAPES = {
    *("empty_like", "full_like", "ones_like", "zeros_like"),
    *("new_empty", "new_full", "new_ones", "new_zeros"),
}
"""Operations that look at the shape and type of what they are given, not at its values."""

KEY = ".key"
"""Where the numbers are, among parameters, by which a call drops entries."""

CHANGING = ("BUFFER_MUTATION", "USER_INPUT_MUTATION")
"""What PyTorch calls outputs of a graph that stand for changes of tensors."""

_PLACEMENT = {
    *("copy", "device", "generator", "layout", "memory_format", "non_blocking", "pin_memory"),
}
"""Arguments that say where and how tensors are stored, and by what they are drawn."""


def _tensor(value: Any) -> Any:
    return to_torch(value) if isinstance(value, np.ndarray | jax.Array) else value


def _tensors(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield parameters and buffers by name, those of several names by each.

    And what has a gradient and is set before a call, as by ``torch.nn.utils.weight_norm``.
    """
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)
    kind = library().Tensor
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, kind) and value.requires_grad:
                yield f"{path}.{name}" if path else name, value


def _fixed(module: Any) -> Iterator[Any]:
    """Yield what the buffers hold that are no part of the state: a graph has them as they are."""
    for part in module.modules():
        for name in sorted(part._non_persistent_buffers_set):
            yield name, _content(part._buffers[name])


@functools.cache
def _contents() -> Any:
    """Return what tensors are known to hold, with where and at which change they hold it."""
    return library().utils.weak.WeakTensorKeyDictionary()


def _content(tensor: Any) -> Any:
    """Return what a tensor holds as a key, which is read again where PyTorch counts a change."""
    if tensor is None or tensor.is_inference() or tensor.layout is not library().strided:
        return static_key(tensor)
    now, known = (tensor._version, tensor.data_ptr()), _contents()
    if tensor not in known or known[tensor][0] != now:
        known[tensor] = now, static_key(tensor)
    return known[tensor][1]


@listed
def _elsewhere(module: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield the parameters and inputs that are on other devices, and inputs that are not dense."""
    torch, given = library(), [*enumerate(inputs), *named.items()]
    places = [
        (f"input {key}", one) for key, tree in given
        for one in torch.utils._pytree.tree_leaves(tree) if torch.is_tensor(one)
    ]  # fmt: skip
    both = (([*_tensors(module)], "import module.to('cpu')"), (places, "give it on the CPU"))
    for found, advice in both:
        devices: dict[str, list[str]] = {}
        for name, value in found:
            if value.device.type != "cpu":
                devices.setdefault(str(value.device), []).append(name)
        for device, names in devices.items():
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            if device == "meta" and found is not places:
                advice = "it has no numbers: module.to_empty(device='cpu'), and load its state"
            yield Failure("device", some, f"on {device}; {advice}")
    for name, value in places:
        if value.is_nested:
            yield Failure("layout", name, "is nested; give it padded, and its mask")
        elif value.layout is not torch.strided:
            yield Failure("layout", name, "is sparse; give it dense")


def _exported(
    name: str, module: Any, inputs: tuple[Any, ...], named: dict[str, Any], *, whole: bool
) -> Any:
    """Return the functional graph of a call; what the table lacks of it is decomposed if it can be.

    Unless it need not be read as a whole.
    """
    torch = library()
    try:
        with _quietly(), _masks_as_data(), warnings.catch_warnings(), torch.enable_grad():
            # What PyTorch says of its own code.
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            for text in (
                "The .grad attribute of",
                "A model attribute `.*` requires gradient",
                "The tensor attributes self.*_flat_weights",  # which are parameters
            ):
                warnings.filterwarnings("ignore", text)
            program = torch.export.export(module, inputs, named, strict=False)
            _detach(program)
            program = program.run_decompositions({})
            known = torch.export.default_decompositions()
            while whole:
                lacking = {node.target for node in _sorted(program)[2]}
                chosen = {one: known.pop(one) for one in lacking if one in known}
                if not chosen:
                    return program
                program = program.run_decompositions(chosen)
            return program
    except ImportRefused:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        short = text if len(text) < 400 else text[:400] + " ..."
        title = f"{name}{where(error)}"
        if "data-dependent" in text.lower():
            own, title = title, f"{name}{where(error, _of_layers)}"
            advice = "choose by torch.where" if own == title else "an argument of it may decide it"
            fault = Failure("shape", title, f"a branch or a number depends on data; {advice}")
        else:
            fault = Failure("export", title, f"torch.export raised {type(error).__name__}: {short}")
        raise ImportRefused(name, [fault]) from error


def _detach(program: Any) -> None:
    """Write down that what ``torch.no_grad`` encloses has no gradient: it is forgotten else."""
    torch = library()
    for node in [*program.graph.nodes]:
        if node.target is not torch.ops.higher_order.wrap_with_set_grad_enabled or node.args[0]:
            continue
        for one in [*node.users]:
            with program.graph.inserting_after(one):
                stopped = program.graph.call_function(torch.ops.aten.detach.default, (one,))
            stopped.meta = dict(one.meta)
            one.replace_all_uses_with(
                stopped, delete_user_cb=lambda user, new=stopped: user is not new
            )
    program.graph_module.recompile()


def _of_layers(frame: traceback.FrameSummary) -> bool:
    """Whether a function is one of layers in a library, and not of what exports them."""
    torch = library()
    if frame.filename.startswith(os.path.dirname(torch.__file__)):
        layers = os.path.dirname(torch.nn.__file__)
        return frame.filename.startswith(layers) and not frame.name.endswith("_call_impl")
    return "site-packages" in frame.filename


def _masks_as_data() -> Any:
    """Let layers of PyTorch not look whether a mask is causal: it is read, whatever is in it."""

    def hinted(mask: Any, is_causal: bool | None = None, size: int | None = None) -> bool:
        return is_causal is True

    layers = library().nn.modules.transformer
    return mock.patch.object(layers, "_detect_is_causal_mask", hinted, create=True)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep logs and graphs of an export that fails from the terminal; the error says it."""

    def quiet(record: logging.LogRecord) -> bool:
        return record.levelno < logging.WARNING

    names = (
        "torch.export._trace", "torch.fx.experimental.symbolic_shapes",
        "torch._subclasses.fake_tensor",
    )  # fmt: skip
    loggers, said, graph = [*map(logging.getLogger, names)], io.StringIO(), ""
    for one in loggers:
        one.addFilter(quiet)
    try:
        with contextlib.redirect_stderr(said):
            yield
    except Exception as error:
        made = getattr(error, "partial_fx_graph", None)
        graph = "" if made is None else f"{made}\n"
        raise
    finally:
        for one in loggers:
            one.removeFilter(quiet)
        text = said.getvalue()
        sys.stderr.write(text.replace(graph, "") if graph else text)


def _is_node(one: Any) -> bool:
    return hasattr(one, "meta")


def _results(program: Any) -> list[tuple[Any, Any]]:
    """Return what a graph returns, with what it is; that checks were made is left out."""
    last = next(iter(reversed(program.graph.nodes)))
    pairs = zip(program.graph_signature.output_specs, last.args[0], strict=True)
    return [(spec, one) for spec, one in pairs if spec.kind.name != "TOKEN"]


def _sorted(program: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the nodes on which the outputs depend: known, of the table, and neither."""
    wanted = {one for _, one in _results(program) if _is_node(one)}
    for node in reversed(program.graph.nodes):
        if node in wanted:
            wanted.update(node.all_input_nodes)
    held = {
        spec.arg.name
        for spec in program.graph_signature.input_specs
        if spec.target in program.constants
    }
    is_known = {n for n in wanted if n.op == "placeholder" and n.name in held}
    known, steps, missing = [], [], []
    for node in program.graph.nodes:
        if node not in wanted or node.op != "call_function":
            continue
        name = name_of(node)
        if (is_known.issuperset(node.all_input_nodes) or name in _OF_SHAPES) and not drops(node):
            kind = missing if _is_random(node) else known
        elif node.target is operator.getitem:
            # what was dropped is not said
            one, place = node.args
            count = 1 if drops(one) else FIRST.get(name_of(one), math.inf)
            kind = missing if place >= count else steps
        else:
            kind = steps if (name in TABLE or drops(node)) and not lacked(node) else missing
        kind.append(node)
        if kind is known:
            is_known.add(node)
    return known, steps, missing


@listed
def _missing(nodes: list[Any]) -> Iterator[Failure]:
    """Yield each operation that there is no function for, and why, with its first place."""
    alike: dict[tuple[str, str], list[Any]] = {}
    for node in nodes:
        why = f"there is no function of JAX for {', '.join(lacked(node)) or 'it'}"
        if not lacked(node) and (_is_random(node) or drops(node)):
            why = "it draws random numbers; module.eval() may need none"
        alike.setdefault((name_of(node), why), []).append(node)
    for (name, why), those in alike.items():
        times = f", {len(those)} times" if len(those) > 1 else ""
        yield Failure("operation", f"{name} at {place_of(those[0])}{times}", why)


@listed
def _changed(program: Any, changing: bool) -> Iterator[Failure]:
    """Yield what a call changes, and the shapes that depend on data."""
    for spec, _ in _results(program):
        own = spec.kind.name == "BUFFER_MUTATION"
        if spec.kind.name != "USER_OUTPUT" and not (own and changing):
            why = "a call changes it" + (
                "; after module.eval() it may stay" if own else " in place"
            )
            yield Failure("mutation", str(spec.target), why)
    for node in program.graph.nodes:
        if _is_open(node):
            yield Failure(
                "shape", f"{name_of(node)} at {place_of(node)}", "its shape depends on data"
            )


@listed
def _unnamed(known: Mapping[Any, Any]) -> Iterator[Failure]:
    """Yield what is known that has a gradient."""
    for node, value in known.items():
        if node is not None and value.requires_grad:
            why = "requires a gradient and is no attribute of a module; make it a parameter of one"
            yield Failure("attribute", node.name, f"of the shape {tuple(value.shape)} {why}")


def _is_open(node: Any) -> bool:
    """Whether the shape of what a node makes depends on data."""
    shape = getattr(node.meta.get("val"), "shape", ())
    return any(isinstance(size, library().SymInt) for size in shape)


def name_of(node: Any) -> str:
    """Return the name of an operation without its overload."""
    if getattr(node.target, "namespace", None) == "aten":
        return node.target.overloadpacket.__name__
    return str(node.target)


def _stays(function: Callable[..., Any], args: Any, options: Any) -> bool:
    """Whether there is a function for arrays that do not move."""

    def still(one: Any) -> Any:
        return jax.lax.stop_gradient(one) if isinstance(one, jax.Array) else one

    args, options = library().fx.node.map_aggregate((args, options), still)
    try:
        function(*args, **options)
    except NotImplementedError:
        return False
    return True


def lacked(node: Any) -> list[str]:
    """Return what an operation is given for which its function is none."""
    said = LACKING.get(name_of(node))
    return [] if said is None else [*said(*node.args, **node.kwargs)]


def _is_random(node: Any) -> bool:
    tags = getattr(node.target, "tags", ())
    return library().Tag.nondeterministic_seeded in tags and name_of(node) not in TABLE


def drops(node: Any) -> bool:
    """Whether an operation draws numbers, by what there is a function for."""
    name = name_of(node)
    if name == "scaled_dot_product_attention":
        return bool(node.kwargs.get("dropout_p", [*node.args, *[0.0] * 5][4]))
    return name in SAMPLED and isinstance(node.args[1], float)


def _modules(node: Any) -> list[str]:
    """Return the paths of the modules that a node is in, the outermost first."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return [path for path in paths if path]


def _line(node: Any) -> tuple[str, int, str] | None:
    """Return the file, the line and the function that a node comes from.

    It is the innermost one outside of PyTorch, or of PyTorch's layers where there is none.
    """
    own = (os.path.dirname(library().__file__) + os.sep, __file__)
    trace = node.meta.get("stack_trace") or ""
    found = [
        (file, int(line), name)
        for file, line, name in re.findall(r'File "(.*)", line (\d+), in (.*)', trace)
    ]
    return next(
        (one for one in reversed(found) if not one[0].startswith(own)), (found or [None])[-1]
    )


def _here() -> Any:
    return source_info_util.current().traceback


def _traceback(file: str, line: int, name: str) -> Any:
    """Return a traceback, as JAX has it for an equation, that ends at a line of a module."""
    code = _here.__code__.replace(
        co_filename=file, co_firstlineno=line - 1, co_name=name, co_qualname=name
    )
    return types.FunctionType(code, globals())()


def place_of(node: Any) -> str:
    """Return the module and the line that a node comes from."""
    inside = (_modules(node) or ["the module"])[-1]
    line = _line(node)
    return f"{inside}, line {line[1]} of {os.path.basename(line[0])}" if line else inside


@contextlib.contextmanager
def _scopes(node: Any) -> Iterator[None]:
    """Name what is computed by the modules that it is in."""
    outer = ""
    with contextlib.ExitStack() as stack:
        for path in _modules(node):
            # A module that is called from elsewhere goes by its whole path.
            inner = path.removeprefix(f"{outer}.") if outer else path
            stack.enter_context(jax.named_scope(inner))
            outer = path
        yield


def numbers_of(dtype: Any) -> Any:
    return jax.dtypes.canonicalize_dtype(numpy_dtype(dtype))


def _as_said(found: Any, said: Any) -> Any:
    """Return what was found in the types that PyTorch gives it."""
    if found is None:
        return None
    if isinstance(found, tuple | list):
        return tuple(_as_said(one, what) for one, what in zip(found, said, strict=True))
    dtype = numbers_of(said.dtype)
    return found if found.dtype == dtype else found.astype(dtype)


def _plain(value: Any) -> Any:
    """Return tuples, lists and dicts for whatever a module returns."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return (list if type(value) is list else tuple)(map(_plain, value))
    return value
