"""Assertions for a team's own tests: that an axis can be streamed, that a program stays small.

Each returns what it found, and fails with an ``AssertionError`` that says what that was and, where
it can, what to do. Bad arguments are other errors, as everywhere.

>>> from catlearn.arrays import einsum, idle, softmax
>>> from catlearn.testing import assert_memory_below, assert_streamable
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> attention = scores @ idle >> einsum("q x, x e -> q e")
>>> assert_streamable(attention, "x").kinds
('max', 'sum', 'sum')
>>> assert_streamable(scores, "x")
Traceback (most recent call last):
AssertionError: x is not streamed: axis x is in the output of add of softmax; stream it together \
with the contraction that removes it; of this circuit folds are along d
>>> sizes = dict(q=512, x=512, d=8, e=8)
>>> assert_memory_below(attention, "512 kB", sizes=sizes, reverse=True, streams="auto") < 512e3
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from catlearn.arrays import Circuit
from catlearn.arrays.sizes import sizes_hint
from catlearn.category import Equal, Verdict
from catlearn.costing import Device, amount, tile
from catlearn.costing.hierarchy import bytes_text, seconds_text
from catlearn.errors import CatlearnError, expect
from catlearn.lowering.compiled import temporary_memory
from catlearn.streams import Fold, PrefixFold, StreamRefused, stream, streamable

if TYPE_CHECKING:
    from catlearn.costing import Tiling


def assert_streamable(circuit: Circuit, letter: str) -> Fold | PrefixFold:
    """Assert that there is a fold along a variable, and return it.

    Raises
    ------
    AssertionError
        With the box that is in the way, and the variables of which there is a fold.
    UnknownName
        If there is no such variable, or several have that name.
    """
    try:
        return stream(circuit, letter)
    except StreamRefused as error:
        folds = [name for name, one in streamable(circuit).items() if not isinstance(one, str)]
        known = f"folds are along {', '.join(folds)}" if folds else "no axis is a fold"
        raise AssertionError(
            f"{letter} is not streamed: {error}; of this circuit {known}"
        ) from None


def assert_equal(circuit: Circuit, other: Circuit, **options: Any) -> Verdict:
    """Assert that two circuits are shown to be one function, and return the verdict.

    Parameters
    ----------
    circuit, other
        The circuits.
    **options
        As for :meth:`Circuit.equal <catlearn.Circuit.equal>`, such as ``unfold=True``.

    Raises
    ------
    AssertionError
        With the reason, and whether they differ or that is not known.

    Examples
    --------
    >>> from catlearn.arrays import relu
    >>> assert_equal(relu >> relu, relu)
    Traceback (most recent call last):
    AssertionError: not shown to be equal: ...
    """
    expect(circuit, Circuit, "the first argument", "a circuit")
    verdict = circuit.equal(other, **options)
    if verdict == Equal:
        return verdict
    raise AssertionError(f"not shown to be equal: {verdict}")


def assert_memory_below(
    program: Circuit | Callable[..., Any],
    *arguments: Any,
    limit: str | float | None = None,
    reverse: bool = False,
    **options: Any,
) -> int:
    """Assert that a compiled program takes less temporary memory, and return its bytes.

    That is what the compiler reserves beside inputs and outputs, on the device that JAX has. On a
    processor it reports nothing of what some fused calls of a forward pass form; the largest matrix
    that one contraction hands to another inside of such a call is added. That is what was observed,
    and no compiler promises it: a program may take more.

    Parameters
    ----------
    program
        A function of arrays, or a circuit.
    limit
        Such as ``"64 MiB"``, or a number of bytes; the first of the arguments unless it is named.
    *arguments
        Arrays, or ``jax.ShapeDtypeStruct``, and trees of these. A circuit takes its inputs without
        its parameters; they may be left out where all of its sizes are numbers.
    reverse
        Whether the gradient by all real and complex arguments, and by the parameters, is compiled,
        of the sum of all outputs of real numbers.
    **options
        Of a circuit: as for :func:`catlearn.lower`, such as ``sizes=`` and ``streams="auto"``.

    Raises
    ------
    AssertionError
        With the bytes that were found, and the largest arrays that are formed.
    CatlearnError
        If the compiler reports no memory.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def total(x):
    ...     return jnp.tanh(x[:, None] * x).sum()
    >>> assert_memory_below(total, jnp.zeros(1000), limit="1 MB", reverse=True)
    Traceback (most recent call last):
    AssertionError: takes 11.44 MiB of temporary memory, 1 MB allowed; the largest arrays are ...
    """
    import jax

    if limit is None and not arguments:
        raise CatlearnError('no limit is said, such as limit="64 MiB"')
    most: str | float = arguments[0] if limit is None else limit
    arguments = arguments[limit is None :]
    allowed = amount(most)
    fn: Callable[..., Any]
    if isinstance(program, Circuit):
        fn, arguments = _lowered(program, arguments, options)
    else:
        expect(program, Callable, "the first argument", "a circuit, or a function of arrays")
        if options:
            raise CatlearnError(f"{', '.join(options)}: options are of circuits")
        fn = program
    if reverse:
        fn = _gradient(fn)
    traced = jax.jit(fn).trace(*arguments)
    found = temporary_memory(traced.lower().compile())
    if found is None:
        raise CatlearnError(f"the compiler of {jax.default_backend()} reports no memory")
    if found <= allowed:
        return found
    largest: dict[str, float] = {}
    for title, size in _arrays(traced.jaxpr.jaxpr):
        largest[title] = max(largest.get(title, 0), size)
    top = sorted(largest, key=lambda title: -largest[title])[:3]
    shown = ", ".join(f"{title} ({bytes_text(largest[title])})" for title in top)
    message = f"takes {bytes_text(found)} of temporary memory, {_shown(most)} allowed"
    message += f"; the largest arrays are {shown}"
    if isinstance(program, Circuit) and options.get("streams") is None:
        folds = [name for name, one in streamable(program).items() if isinstance(one, Fold)]
        hint = 'streams="auto"'
        message += f"; {', '.join(folds)} can be streamed: {hint}" if folds else ""
    raise AssertionError(message)


def assert_time_below(
    circuit: Circuit,
    limit: str | float,
    device: Device | str,
    *,
    sizes: Mapping[str, int] | None = None,
    reverse: bool = False,
    **options: Any,
) -> Tiling:
    """Assert that a circuit is predicted to take less time as one island, and return its tiles.

    The time is that of units which wait for each other, with the best tiles; nothing is run.

    Parameters
    ----------
    circuit
        The circuit.
    limit
        Such as ``"3 ms"``, or a number of seconds.
    device, sizes, reverse, **options
        As for :func:`catlearn.costing.tile`.

    Raises
    ------
    AssertionError
        With the time of each unit.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> from catlearn.costing import devices
    >>> product, sizes = einsum("a b, b c -> a c"), dict(a=4096, b=4096, c=4096)
    >>> assert_time_below(product, "0.1 ms", devices["H100"], sizes=sizes)
    Traceback (most recent call last):
    AssertionError: takes 333.7 µs, 0.1 ms allowed: matrix 139 µs, ...
    """
    allowed = amount(limit, "s")
    found = tile(circuit, device, sizes=sizes, reverse=reverse, **options)
    if found.time.serial <= allowed:
        return found
    said = [str(one) for one in found.notices]
    message = f"takes {seconds_text(found.time.serial)}, {_shown(limit)} allowed: {found.time}"
    raise AssertionError("\n".join([message, *said]))


def _lowered(
    circuit: Circuit, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A circuit as a function, with shapes of its parameters and inputs."""
    import jax
    import jax.numpy as jnp

    from catlearn.lowering import lower

    if not arguments:
        sized = circuit.at(options["sizes"]) if options.get("sizes") else circuit
        H, shapes = sized.apex, []
        for wire in sized.dom:
            sizes = [H.size_of(axis) for axis in H.lists["axes"].row(wire).tolist()]
            names = sorted({str(name) for size in sizes for name in size.generators})
            if names:
                known = ", ".join(names)
                raise CatlearnError(f"no sizes for {known}; {sizes_hint(names)}; or arguments")
            dtype = jnp.int32 if H.types[wire] == "N" else jnp.zeros(()).dtype
            shapes.append(jax.ShapeDtypeStruct([size.number for size in sizes], dtype))
        arguments = tuple(shapes)
    fn = lower(circuit.at_dom(*(one.shape for one in arguments)), **options)
    params = jax.eval_shape(fn.init, jax.random.key(0))
    return fn, (params, *arguments)


def _gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient of the sum of what is real or complex, by what is."""
    import jax
    import jax.numpy as jnp

    def total(*arguments: Any) -> Any:
        found = [x for x in jax.tree.leaves(fn(*arguments)) if jnp.issubdtype(
            jnp.result_type(x), jnp.inexact)]  # fmt: skip
        parts = (jnp.real(x) + jnp.imag(x) if jnp.iscomplexobj(x) else x for x in found)
        return sum(map(jnp.sum, parts), jnp.zeros(()))

    def gradient(*arguments: Any) -> Any:
        every = range(len(arguments))
        return jax.value_and_grad(total, every, allow_int=True)(*arguments)

    return gradient


def _arrays(jaxpr: Any) -> Iterator[tuple[str, float]]:
    """What steps of a program write, with their bytes, also inside of loops."""
    import jax

    def inside(one: Any) -> bool:
        return hasattr(one, "eqns") or hasattr(one, "jaxpr")

    for step in jaxpr.eqns:
        leaves = jax.tree.leaves([*step.params.values()], is_leaf=inside)
        inner = [getattr(one, "jaxpr", one) for one in leaves if inside(one)]
        for one in inner:
            yield from _arrays(one)
        for made in step.outvars if not inner else ():
            shape = getattr(made.aval, "shape", ())
            size = math.prod(shape) * getattr(made.aval.dtype, "itemsize", 1)
            yield f"{step.primitive} {[*shape]}", size


def _shown(limit: str | float) -> str:
    return limit if isinstance(limit, str) else f"{limit:g}"
