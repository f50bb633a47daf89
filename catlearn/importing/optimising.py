"""Functions of JAX that run with the same numbers in less memory.

A function is traced for the arguments of a call, imported as a circuit
(:mod:`catlearn.importing.jaxpr`), and runs with its large arrays formed block by block
(:mod:`catlearn.lowering.streaming`), with a reverse pass that keeps none of them. Where there is
nothing to stream it is left alone: then the function itself runs. Sums are taken in another order,
so numbers differ by rounding.

>>> import jax, jax.numpy as jnp
>>> def attention(q, k, v):
...     return jax.nn.softmax(q @ k.T / 8, axis=-1) @ v
>>> fast = optimise(attention)
>>> q = jnp.ones((512, 64))
>>> jax.grad(lambda *arrays: fast(*arrays).sum())(q, q, q).shape
(512, 64)
>>> fast.plan(q, q, q).left_alone, fast.plan(q[:8], q[:8], q[:8]).left_alone
(False, True)
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer, eval_jaxpr

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.circuit_rules import CircuitRule
from catlearn.arrays.contracting import reordered
from catlearn.arrays.counting import Counts
from catlearn.arrays.rewriting import rewrite
from catlearn.arrays.sizes import Size
from catlearn.costing.hierarchy import Device, amount, bytes_text, device_named, seconds_text
from catlearn.display import Legible, Progress
from catlearn.errors import CatlearnError, Failure, InvalidStructure, UnknownName, WrongKind, refuse
from catlearn.importing.attending import attending
from catlearn.importing.building import ImportRefused, is_key
from catlearn.importing.exported import in_jax, recognises
from catlearn.importing.jaxpr import Imported, imported, untraced
from catlearn.lowering.compiled import temporary_memory
from catlearn.lowering.streamed import is_forward
from catlearn.lowering.streaming import StreamedCircuit, StreamPlan

BLOCKS = (1024, 256, 64, 16)
"""How many indices may be read at a time, of what is tried where memory is bounded."""

TOLERANCES = {1: 0.3, 2: 3e-2, 4: 1e-4, 8: 1e-10}
"""The relative difference that is put down to rounding, by the bytes of a number."""

IMPLEMENTATIONS = ("jax", "cudnn", "xla", "torch")
"""By what attention may run: what JAX takes by itself, one of its implementations, or PyTorch."""

REORDERED = "products in a cheaper order"
"""What the order of products is called among rules."""

ROUNDINGS = 30
"""How many times as much as by moving each number to one beside it results may differ, at least."""

TINY = float(np.finfo(np.float32).tiny)

SHOWN = {
    "multiply_adds": "multiply-adds",
    "operations": "operations",
    "bytes": "bytes of arrays that are written",
}
"""Counts of a circuit that a plan shows where it is another one."""

_original: ContextVar[bool] = ContextVar("original", default=False)


@contextmanager
def unoptimised() -> Iterator[None]:
    """Run the originals of all functions that were optimised, inside of a ``with``.

    What ``jax.jit`` has compiled already stays as it is.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> fast = optimise(jnp.tanh)
    >>> with unoptimised():
    ...     float(fast(0.0))
    0.0
    """
    token = _original.set(True)
    try:
        yield
    finally:
        _original.reset(token)


class NoPlan(CatlearnError, ValueError):
    """No way to run a function keeps within a bound of memory.

    Parameters
    ----------
    message
        What is needed, what is allowed, what sets the peak, and what to ask for.
    least
        The least peak that was found, in bytes.
    memory
        What is allowed, in bytes.
    """

    def __init__(self, message: str, least: int, memory: int) -> None:
        super().__init__(message)
        self.least, self.memory = least, memory


class NumbersDiffer(InvalidStructure, ArithmeticError):
    """An optimised function has other numbers than the original."""


@dataclass(frozen=True)
class OptimisedPlan(Legible):
    """How a function runs for arguments of given types and shapes.

    Parameters
    ----------
    streams
        What is formed block by block, and what is not and why.
    program
        The function as a circuit; None where it was not imported.
    run
        From the arrays of the arguments to the result.
    counts
        What is counted of the circuit, before and after, where it is another one.
    rules
        How often each rule was used, by its name; with the order of products, which is one.
    reason
        Why the function itself runs, where it does.
    """

    streams: StreamPlan
    program: Imported | None = field(repr=False)
    run: Callable[..., Any] = field(repr=False)
    counts: tuple[Counts, Counts] | None = None
    rules: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""

    @property
    def left_alone(self) -> bool:
        """Whether the function itself runs."""
        return not self.streams.streamed and self.counts is None

    @property
    def multiply_adds(self) -> tuple[int, int] | None:
        """Those of all products, before and after, where the circuit is another one."""
        if self.counts is None:
            return None
        before, after = (Size.of(one.multiply_adds).number or 0 for one in self.counts)
        return before, after

    def __str__(self) -> str:
        lines = [f"left alone: {self.reason}"] if self.left_alone else []
        if self.counts is not None:
            used = ", ".join(f"{name} ({times})" for name, times in self.rules.items())
            pairs = [(name, *(getattr(one, name) for one in self.counts)) for name in SHOWN]
            gains = [f"{before:,} -> {after:,} {SHOWN[name]}" for name, before, after in pairs
                     if before != after]  # fmt: skip
            lines.append(f"{used}: {', '.join(gains)}")
        return "\n".join([*lines, str(self.streams)]).strip()


@dataclass(frozen=True)
class Measured(Legible):
    """What a function needs, before and after.

    Parameters
    ----------
    memory
        Bytes of temporary memory.
    compiling
        Seconds before the first run: of tracing, lowering and compiling.
    running
        Seconds of a run once it is compiled, the median of three.
    difference
        The largest relative difference of numbers.
    """

    memory: tuple[int, int]
    compiling: tuple[float, float]
    running: tuple[float, float]
    difference: float

    def __str__(self) -> str:
        memory = " -> ".join(map(bytes_text, self.memory))
        return (
            f"temporary memory {memory}, run in {_shown(self.running)}, "
            f"compiled in {_shown(self.compiling)}, "
            f"largest relative difference {self.difference:.1e}"
        )


@dataclass(frozen=True)
class OptimisedReport(Legible):
    """What optimising a function did, for some arguments.

    Parameters
    ----------
    plan
        How it runs.
    value, gradient
        What running it costs, and its gradient by all real and complex arguments.
    """

    plan: OptimisedPlan
    value: Measured
    gradient: Measured

    @property
    def difference(self) -> float:
        """The largest relative difference of values and gradients."""
        return max(self.value.difference, self.gradient.difference)

    @property
    def predicted(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Bytes read and written, and seconds, of value and gradient of what is streamed.

        Both before and after, as costs predict them for the device: the rest of the function is
        the same.
        """
        prices = [one.price for one in self.plan.streams.streamed if not one.attention]
        moved = [sum(price.transfers[k] for price in prices) for k in (0, 1)]
        took = [sum(one.serial for one in part)
                for part in zip(*((p.whole, p.blocks) for p in prices), strict=True)]  # fmt: skip
        return (moved[0], moved[1]), (took[0], took[1]) if took else (0.0, 0.0)

    def __str__(self) -> str:
        text = f"{self.plan}\nvalue: {self.value}\ngradient: {self.gradient}"
        if all(one.attention for one in self.plan.streams.streamed):
            return text
        moved, took = self.predicted
        transfers = " -> ".join(bytes_text(int(n)) for n in moved)
        return f"{text}\npredicted of what is streamed: transfers {transfers}, {_shown(took)}"


def _shown(seconds: Iterable[float]) -> str:
    return " -> ".join(map(seconds_text, seconds))


class Optimised:
    """A function that runs with the same numbers in less memory; :func:`optimise` makes it.

    Attributes
    ----------
    original
        The function as it was.
    """

    def __init__(self, fn: Callable[..., Any], options: _Options) -> None:
        functools.update_wrapper(self, fn)
        self.original, self.options = fn, options
        self._plans: dict[Any, OptimisedPlan] = {}
        self._checked: set[Any] = set()

    def __get__(self, one: Any, kind: type | None = None) -> Any:
        """Return it as a method."""
        return self if one is None else functools.partial(self, one)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return what the original returns.

        Raises
        ------
        NoPlan
            If no way to run it keeps within the bound of memory.
        NumbersDiffer
            If it is checked, and numbers differ.
        """
        if _original.get():
            return self.original(*arguments, **named)
        call = _Call(self.original, self.options, arguments, named)
        if any(map(is_forward, call.arrays)):
            return self.original(*arguments, **named)
        plan = self._planned(call)
        checked = self.options.check and not plan.left_alone
        if checked and call.is_concrete and call.key not in self._checked:
            _check(call, plan, self.options)
            self._checked.add(call.key)
        return plan.run(*call.arrays)

    def plan(self, *arguments: Any, **named: Any) -> OptimisedPlan:
        """Return how such arguments are run; of arrays ``jax.ShapeDtypeStruct`` are enough."""
        return self._planned(_Call(self.original, self.options, arguments, named))

    def report(self, *arguments: Any, **named: Any) -> OptimisedReport:
        """Return what running these arguments needs, before and after; all is compiled and run.

        Raises
        ------
        ImportRefused
            If the function cannot be traced.

        Examples
        --------
        >>> fast = optimise(lambda x, w: jnp.tanh(x @ w)[-1])
        >>> report = fast.report(jnp.ones((512, 64)), jnp.ones((64, 64)))
        >>> for name, times in report.plan.rules.items():
        ...     print(f"{name}: {times}")
        indices before tanh: 1
        indices before products: 1
        >>> report.plan.multiply_adds, report.difference < 1e-5
        ((2097152, 4096), True)
        """
        call = _Call(self.original, self.options, arguments, named)
        plan = self._planned(call)
        if isinstance(call.traced, Exception):
            raise untraced(self.original, call.traced) from call.traced
        return OptimisedReport(plan, *(_measured(make, call, plan) for make in (_value, _gradient)))

    def _planned(self, call: _Call) -> OptimisedPlan:
        """Return the plan of a call; it is kept, unless the function closes over what is traced."""
        plan = self._plans.get(call.key)
        if plan is None:
            plan = _plan(call, self.options)
            if not call.outer:
                self._plans[call.key] = plan
        return plan

    def __repr__(self) -> str:
        return f"optimise({self.original!r})"


@dataclass(frozen=True)
class _Options:
    """How functions are optimised; see :func:`optimise`.

    With `constants`, numbers of Python are part of the function, as they are of PyTorch modules.
    """

    static_argnums: tuple[int, ...]
    static_argnames: tuple[str, ...]
    block: int | None
    threshold: int | None
    min_saving: float
    memory: int | str | None
    gradient: bool
    device: Device | str | None
    check: bool
    tolerance: float | None
    progress: bool
    rules: tuple[CircuitRule, ...] = ()
    attention: str | None = None
    constants: bool = False

    @cached_property
    def bytes(self) -> int | None:
        """The memory that is allowed."""
        return None if self.memory is None else int(amount(self.memory))

    def failures(self) -> list[Failure]:
        """List what is no such option."""
        wanted = {
            "block": (self.block is None or (type(self.block) is int and self.block > 0),
                      "a number of indices from 1"),
            "threshold": (self.threshold is None
                          or (type(self.threshold) is int and self.threshold >= 0),
                          "a number of numbers"),
            "min_saving": (isinstance(self.min_saving, (int, float)) and self.min_saving >= 1,
                           "a number from 1"),
            "tolerance": (self.tolerance is None or (isinstance(self.tolerance, (int, float))
                          and self.tolerance >= 0), "a number from 0"),
            "attention": (self.attention in (None, *IMPLEMENTATIONS),
                          " or ".join(map(repr, IMPLEMENTATIONS))),
            **{name: (all(isinstance(one, kind) for one in getattr(self, name)), what)
               for name, kind, what in (("static_argnums", int, "places of arguments"),
                                        ("static_argnames", str, "names of arguments"))},
            **{name: (isinstance(getattr(self, name), (bool, int, np.bool_)), "True or False")
               for name in ("gradient", "check", "progress")},
        }  # fmt: skip
        found = [
            Failure(name, name, f"is {getattr(self, name)!r}; {what} is expected")
            for name, (right, what) in wanted.items()
            if not right
        ]
        try:
            _ = self.bytes
        except WrongKind as error:
            found.append(Failure("memory", "memory", f"{error}"))
        try:
            device_named(self.device)
        except (UnknownName, WrongKind) as error:
            found.append(Failure("device", "device", f"{error}"))
        for one in self.rules:
            found += (
                one.failures() if isinstance(one, CircuitRule)
                else [Failure("rules", "rules", f"has {one!r}; a CircuitRule is expected")]
            )  # fmt: skip
        return found


class _Call:
    """A call of a function: its arrays, and the function of these alone."""

    def __init__(
        self, fn: Callable[..., Any], options: _Options, arguments: Sequence[Any],
        named: Mapping[str, Any],
    ) -> None:  # fmt: skip
        numbers = {k + len(arguments) if k < 0 else k for k in options.static_argnums}
        static = {k: one for k, one in enumerate(arguments) if k in numbers}
        static |= {k: one for k, one in named.items() if k in options.static_argnames}
        given = [None if k in static else one for k, one in enumerate(arguments)]
        rest = {k: None if k in static else one for k, one in named.items()}
        leaves, tree = jax.tree.flatten((given, rest))
        constant = (int, float, complex) if options.constants else ()
        places = [k for k, leaf in enumerate(leaves)
                  if is_array(leaf) and not isinstance(leaf, constant)]  # fmt: skip
        self.arrays, kept = [leaves[k] for k in places], leaves[:]
        for k in places:
            kept[k] = None

        def flat(*arrays: Any) -> Any:
            own = [*kept]
            for k, array in zip(places, arrays, strict=True):
                own[k] = array
            some, others = jax.tree.unflatten(tree, own)
            found = [static.get(k, one) for k, one in enumerate(some)]
            return fn(*found, **{k: static.get(k, one) for k, one in others.items()})

        self.fn, self.flat = fn, flat
        self.cheaper: tuple[Circuit, dict[str, int]] | None = None
        self.key = (
            tree, tuple(places), tuple((k, *_identity(one)) for k, one in static.items()),
            tuple(_identity(one) for one in kept if one is not None),
            tuple(map(_kind, self.arrays)), tuple(map(_sharding, self.arrays)),
            bool(jax.config.read("jax_enable_x64")),
        )  # fmt: skip
        try:
            hash(self.key)
        except TypeError as error:
            message = f"what is no array of the arguments is part of the function, but: {error}"
            raise WrongKind(message) from error

    @cached_property
    def specs(self) -> list[jax.ShapeDtypeStruct]:
        """The shapes and types of its arrays."""
        return [
            jax.ShapeDtypeStruct(shape, dtype, weak_type=weak)
            for shape, dtype, weak in map(_kind, self.arrays)
        ]

    @cached_property
    def traced(self) -> Any:
        """The function's jaxpr, with what it closes over, and the shapes of its result.

        It is the error if it cannot be traced, which the function itself raises if it is its own.
        """
        try:
            return jax.make_jaxpr(self.flat, return_shape=True)(*self.specs)
        except Exception as error:
            return error

    @cached_property
    def outer(self) -> list[Any]:
        """The arrays that it closes over and that are traced themselves."""
        consts = [] if isinstance(self.traced, Exception) else self.traced[0].consts
        return [one for one in consts if isinstance(one, Tracer)]

    @property
    def is_concrete(self) -> bool:
        """Whether its arrays are numbers."""
        traced = (Tracer, jax.ShapeDtypeStruct)
        return not any(isinstance(one, traced) for one in self.arrays)


ARRAYS = (jax.Array, np.ndarray, np.generic, int, float, complex, jax.ShapeDtypeStruct)


def is_array(leaf: Any) -> bool:
    """Whether a leaf of arguments is an array; any other, and True or False, is of the function."""
    return isinstance(leaf, ARRAYS) and not isinstance(leaf, bool)


def _identity(one: Any) -> tuple[Any, ...]:
    """Return what values have alike that a function may not tell apart: 1, 1.0 and True it may."""
    return type(one), repr(one) if isinstance(one, float) else one


def _kind(array: Any) -> tuple[tuple[int, ...], Any, bool]:
    """Return the shape of an array, its type, and whether that is weak."""
    known = getattr(array, "aval", array)
    if not hasattr(known, "weak_type"):
        known = jax.typeof(array)
    return known.shape, known.dtype, bool(getattr(known, "weak_type", False))


def _sharding(array: Any) -> Any:
    """Return how an array is spread over devices, if it is."""
    found = getattr(array, "sharding", None)
    return found if isinstance(found, jax.sharding.NamedSharding) else None


def _plan(call: _Call, options: _Options) -> OptimisedPlan:
    """Find how a call runs."""

    def alone(reason: str | ImportRefused) -> OptimisedPlan:
        if isinstance(reason, ImportRefused):
            reason = "; ".join(map(str, reason.failures))
        return OptimisedPlan(StreamPlan(), None, call.flat, reason=reason)

    if isinstance(call.traced, Exception):
        return alone(untraced(call.fn, call.traced))
    if call.traced[0].effects:
        return alone("the function has effects, such as prints, that are left in order")
    if any(jnp.issubdtype(one.dtype, jnp.complexfloating) for one in (*call.outer, *call.specs)):
        return alone("it is given complex numbers, which circuits do not have")
    again = call.outer or any(map(is_key, call.specs))
    try:
        program = imported(_closed(call), *call.outer, *call.specs, exact=True,
                           traced=None if again else call.traced)  # fmt: skip
    except ImportRefused as error:
        return alone(error)
    if options.bytes is not None:
        return _within(call, program, options, options.bytes)
    return _streamed(call, program, options, options.block, options.threshold)


def _cheaper(call: _Call, program: Imported, options: _Options) -> tuple[Circuit, dict[str, int]]:
    """Return a circuit that is cheaper by rules, and how often each was used; it is kept."""
    if call.cheaper is None:
        found = rewrite(program.circuit, options.rules, sizes=_sizes(program.circuit))
        circuit, used = reordered(found.circuit, _sizes(found.circuit)), {**found.used}
        if circuit is not found.circuit:
            used[REORDERED] = 1
        call.cheaper = circuit, used
    return call.cheaper


def _sizes(circuit: Circuit) -> dict[int, int]:
    """Return the sizes of axes, by their rows; in a program that was imported all have one."""
    H = circuit.apex
    found = {axis: H.size_of(axis).number for axis in range(H.size("Axis"))}
    return {axis: size for axis, size in found.items() if size is not None}


def _closed(call: _Call) -> Callable[..., Any]:
    """Return the function of a call, with what is traced outside as arguments."""
    if not call.outer:
        return call.flat
    (closed, shape), count = call.traced, len(call.outer)

    def function(*arrays: Any) -> Any:
        given = iter(arrays[:count])
        own = [next(given) if isinstance(one, Tracer) else one for one in closed.consts]
        found = eval_jaxpr(getattr(closed, "jaxpr", closed), own, *arrays[count:])
        return jax.tree.unflatten(jax.tree.structure(shape), found)

    return function


def _streamed(
    call: _Call, program: Imported, options: _Options, block: int | None, threshold: int | None
) -> OptimisedPlan:
    """Return the plan that streams what is larger than a threshold."""
    whole = [
        (len(call.outer) + k, place)
        for k, spec in enumerate(map(_sharding, call.arrays))
        for place, axis in enumerate(spec.spec if spec is not None else ())
        if axis is not None
    ]
    shapes = [one.shape for one in program.inputs(*call.outer, *call.specs)]
    circuit, used = _cheaper(call, program, options)
    lowered = StreamedCircuit(
        circuit, block=block, threshold=threshold, whole=whole,
        least=options.min_saving if threshold is None else 0,
        slower=None if options.bytes is None and block is None else inf, device=options.device,
        attention=options.attention,
    )  # fmt: skip
    streams = lowered.plan(*shapes)
    if not streams.streamed and circuit is program.circuit:
        sizes = [f"{lowered.threshold:,} numbers"] if lowered.threshold else []
        sizes += [f"{lowered.least:g} times what is read and returned"] if lowered.least else []
        large = f"no reduction reads an array of at least {' and '.join(sizes) or 'some size'}"
        text = "nothing can be streamed" if streams.refused else large
        return OptimisedPlan(
            streams, program, call.flat, reason=f"{text}, and no rule makes it cheaper"
        )

    @jax.jit
    def run(*arrays: Any) -> Any:
        return program.result(lowered({}, *program.inputs(*arrays)))

    function = functools.partial(run, *call.outer) if call.outer else run
    if circuit is program.circuit:
        return OptimisedPlan(streams, program, function)
    counts = program.circuit.counts().plain(), circuit.counts().plain()
    return OptimisedPlan(streams, program, function, counts, used)


def _within(call: _Call, program: Imported, options: _Options, memory: int) -> OptimisedPlan:
    """Return the plan that forms most at once of those whose peak of memory is allowed.

    Less is computed again where less is streamed, and there are fewer steps in larger blocks. The
    peak is taken to fall with both, so that not all plans are compiled: the last ones are, and of
    others as many as halve what is left.
    """
    every = _streamed(call, program, options, BLOCKS[-1], 0)
    sizes = sorted({one.largest for one in every.streams.streamed}, reverse=True)
    ways: list[tuple[int, int] | None] = [None, *((n, block) for n in sizes for block in BLOCKS)]
    plans: dict[int, OptimisedPlan] = {}
    peaks: dict[int, int] = {}
    last = len(ways) - 1
    bar = Progress(1 + len(BLOCKS) + last.bit_length(), options.progress, "plan")

    def fits(k: int) -> bool:
        if k not in peaks:
            way = ways[k]
            plans[k] = (
                OptimisedPlan(StreamPlan(), program, call.flat,
                              reason=f"its peak is within {bytes_text(memory)}") if way is None
                else _streamed(call, program, options, way[1], way[0])
            )  # fmt: skip
            made = _gradient(plans[k].run) if options.gradient else plans[k].run
            peaks[k] = _compiled(made, call.specs)[1]
            bar.show(len(peaks), peak=bytes_text(peaks[k]), allowed=bytes_text(memory))
        return peaks[k] <= memory

    try:
        if fits(0):
            return plans[0]
        least = next((k for k in range(last, max(last - len(BLOCKS), 0), -1) if fits(k)), None)
        if least is None:
            names = [one.title for one in every.streams.streamed] or ["what it reads and returns"]
            found = min(peaks.values())
            peak = "peak of the gradient" if options.gradient else "peak"
            message = (
                f"least {peak} found {bytes_text(found)}, allowed {bytes_text(memory)}; it is set "
                f"by {names[0]}; give memory={found} or more, or smaller arguments"
            )
            raise NoPlan(message, found, memory)
        first = 1
        while first < least:
            middle = (first + least) // 2
            first, least = (first, middle) if fits(middle) else (middle + 1, least)
        return plans[least]
    finally:
        bar.close()


def _value(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays: [
        jax.random.key_data(one) if is_key(one) else jnp.asarray(one)
        for one in jax.tree.leaves(fn(*arrays))
    ]


def _moves(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jnp.inexact)


def _gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the gradient, by real and complex arrays, of a sum of the numbers of a result."""

    def total(moving: Sequence[Any], arrays: Sequence[Any]) -> Any:
        found = [one for one in _value(fn)(*_put(arrays, moving)) if _moves(one)]
        parts = [part for one in found for part in (
            (one.real, one.imag) if jnp.iscomplexobj(one) else (one,))]  # fmt: skip
        weights = (jnp.cos(jnp.arange(one.size, dtype=one.dtype)).reshape(one.shape)
                   for one in parts)  # fmt: skip
        return sum((jnp.vdot(one, w) for one, w in zip(parts, weights, strict=True)), jnp.zeros(()))

    def gradient(*arrays: Any) -> list[Any]:
        return jax.grad(total)([one for one in map(jnp.asarray, arrays) if _moves(one)], arrays)

    return gradient


def _compiled(fn: Callable[..., Any], arrays: Sequence[Any]) -> tuple[Any, int, float]:
    """Return a function compiled, its temporary memory in bytes, and the seconds that it took."""
    start = time.perf_counter()
    made = jax.jit(fn).lower(*arrays).compile()
    took = time.perf_counter() - start
    return made, temporary_memory(made) or 0, took


def _measured(make: Callable[..., Any], call: _Call, plan: OptimisedPlan) -> Measured:
    """Return what a function needs, before and after."""
    made = [_compiled(make(fn), call.arrays) for fn in (call.flat, plan.run)]
    before, after = (one(*call.arrays) for one, _, _ in made)
    (_, m0, s0), (_, m1, s1) = made
    took: list[list[float]] = [[], []]
    for _ in range(3):
        for times, (one, _, _) in zip(took, made, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(one(*call.arrays))
            times.append(time.perf_counter() - start)
    running = median(took[0]), median(took[1])
    return Measured((m0, m1), (s0, s1), running, max(_differences(before, after), default=0.0))


def _differences(before: Sequence[Any], after: Sequence[Any]) -> list[float]:
    """Return how much arrays differ, relative to the greatest number of each.

    Where an array is tiny beside others, such as a gradient that is 0 but for rounding, it is
    a hundredth of the greatest of all.
    """
    wide = [
        [np.asarray(x, np.complex128 if x.dtype.kind == "c" else float) for x in some]
        for some in (before, after)
    ]
    scales = [np.max(np.abs(x), where=np.isfinite(x), initial=0) for x in wide[0]]
    least = max([TINY, *(scale / 100 for scale in scales)])
    found = []
    for one, other, scale in zip(*wide, scales, strict=True):
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        gaps = np.where(same, 0, np.abs(np.where(same, 0, one) - np.where(same, 0, other)))
        found.append(float(np.max(gaps, initial=0) / max(scale, least)))
    return found


def _nudged(arrays: Sequence[Any]) -> list[Any]:
    """Return arrays of which each number that is no integer has moved to one beside it."""
    rng, found = np.random.default_rng(0), [*map(jnp.asarray, arrays)]
    for k, one in enumerate(found):
        if _moves(one):
            signs = jnp.asarray(rng.choice([-1.0, 1.0], one.shape), one.dtype)
            found[k] = one * (1 + jnp.finfo(one.dtype).eps * signs)
    return found


def _check(call: _Call, plan: OptimisedPlan, options: _Options) -> None:
    """Refuse a plan whose values or gradients are not those of the original."""
    failures = []
    for name, make in (("value", _value), ("gradient", _gradient)):
        before, after = (jax.jit(make(fn))(*call.arrays) for fn in (call.flat, plan.run))
        gaps, noise = _differences(before, after), None
        for k, (gap, one) in enumerate(zip(gaps, before, strict=True)):
            least = TOLERANCES.get(one.dtype.itemsize, TOLERANCES[4])
            allowed = least if options.tolerance is None else options.tolerance
            if not gap <= allowed:
                if noise is None:
                    nudged = jax.jit(make(call.flat))(*_nudged(call.arrays))
                    noise = _differences(before, nudged)
                if options.tolerance is None and gap <= ROUNDINGS * noise[k]:
                    continue
                message = f"differs by {gap:.1e} of its greatest number; {allowed:.0e} is allowed"
                failures.append(Failure("numbers", f"{name} {k}", message))
    refuse("the optimised function", failures, NumbersDiffer)


def optimise(
    fn: Callable[..., Any] | None = None, *, static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (), block: int | None = None,
    threshold: int | None = None, min_saving: float = 2.0, memory: int | str | None = None,
    gradient: bool = False, device: Device | str | None = None, check: bool = False,
    tolerance: float | None = None, progress: bool = True,
    rules: CircuitRule | Iterable[CircuitRule] = (), attention: str | None = None,
) -> Any:  # fmt: skip
    """Return a function with the same numbers, up to rounding, in less memory.

    It may be jitted, differentiated and vmapped, called with trees of parameters, and used as a
    decorator, also with options. A function, or the kinds and shapes of its arguments, for which
    nothing is gained is left alone.

    Parameters
    ----------
    fn
        A function that JAX can trace; or a PyTorch module, see :func:`in_jax`.
    static_argnums, static_argnames
        The arguments that are no arrays, as for ``jax.jit``; True and False never are. They and
        what else is no array have to be hashable.
    block
        How many indices of an axis are read at a time; follows from the arrays unless said.
    threshold
        How many numbers an array has at least that is not formed whole; ``min_saving`` times what
        is read and returned unless said.
    min_saving
        How many times as large as what is read and returned an array is that is not formed whole.
    memory
        The peak of temporary memory that is allowed, in bytes or as ``"8 GiB"``, as far as it is
        known of the compiled function, which may take more. Of the ways to run within it the one is
        taken that computes least again, in the largest blocks; it is looked for by halves, and each
        that is looked at is compiled.
    gradient
        Whether that is the peak of the gradient by all real and complex arguments.
    device
        The device, or the name of one of :data:`catlearn.costing.devices`, on which time is
        predicted; that at hand unless said.
    check
        Whether the original runs too with the first numbers of each kind of arguments, and its
        values and gradients are compared.
    tolerance
        By how much of the greatest number they may differ. Unless said, by :data:`TOLERANCES`, or
        by what rounding the arguments does to the original, some times, where that is more.
    rules
        Equations of circuits, or one, by which the function is rewritten where that is cheaper,
        beside those that there are; see :func:`catlearn.arrays.rewrite`.
    attention
        ``"jax"`` hands passes that are attention, full, causal or masked by indices, with a bias or
        none, to ``jax.nn.dot_product_attention``, and ``"cudnn"`` or ``"xla"`` to that
        implementation of it, which says what it can run where it runs. What it costs is not
        predicted, and ``"xla"`` forms all scores. The plan says which are, and why others are not.
        ``"torch"`` is for PyTorch modules, which stay in PyTorch: what is attention there runs by
        ``scaled_dot_product_attention``, and ``.attentions(*arguments)`` lists it.

    Returns
    -------
    Optimised
        ``.original`` is ``fn``, ``.plan(*arguments)`` is how arguments run, and
        ``.report(*arguments)`` what is gained. Of a PyTorch module a module with the same
        parameters and these two, run and differentiated by JAX, or with ``attention="torch"`` by
        PyTorch.

    Raises
    ------
    InvalidStructure
        Listing options that are none, or if `fn` is a circuit or no function.

    Notes
    -----
    A derivative forward, as of ``jax.jvp``, is that of the original; of what ``jax.jit`` has traced
    it is not known, nor in ``jax.linearize``, and JAX refuses it, unless that stands in ``with
    unoptimised():``.

    An axis along which a given array is sharded is not streamed; of arrays that ``jax.jit`` traces
    it is not known. What is not left alone returns no weak types. Integers that are looked up in an
    array and are no indices of it read what they read in JAX: they count from the end, are filled
    with NaN, clipped or dropped. Of a read whose mode promises that there are none, which ``x[i]``
    is, only the gradient differs: it goes to the entry that was read.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> @optimise
    ... def loss(weights, x, labels):
    ...     scores = jax.nn.log_softmax(x @ weights)
    ...     return -jnp.take_along_axis(scores, labels[:, None], 1).mean()
    >>> arrays = jnp.ones((8, 2048)), jnp.ones((256, 8)), jnp.zeros(256, int)
    >>> gradient = jax.grad(loss)(*arrays)
    >>> len(loss.plan(*arrays).streams.streamed)
    1
    """
    options = _Options(
        _listed(static_argnums, int), _listed(static_argnames, str), block, threshold, min_saving,
        memory, gradient, device, check, tolerance, progress, _listed(rules, CircuitRule),
        attention,
    )  # fmt: skip
    failures = [*options.failures(), *([] if fn is None else _unfit(fn))]
    if attention == "torch":
        others = {"block": block, "threshold": threshold, "memory": memory, "gradient": gradient,
                  "device": device, "check": check, "tolerance": tolerance,
                  "rules": options.rules}  # fmt: skip
        why = "is given, but with attention='torch' all else is left as it is"
        failures += [Failure(name, name, why) for name, one in others.items() if one]
        if not recognises(fn):
            why = "is 'torch'; a PyTorch module is expected to be optimised"
            failures = [*failures, Failure("attention", "attention", why)]
    refuse("options", failures)
    if attention == "torch":
        return attending(fn)
    return functools.partial(_made, options=options) if fn is None else _made(fn, options)


def _unfit(fn: Any) -> list[Failure]:
    """List why something is no function that could be optimised."""
    why = 'is a circuit; cl.lower(circuit, streams="auto") streams it'
    why = why if isinstance(fn, Circuit) else f"is {fn!r:.60}; a function is expected"
    return [] if callable(fn) and not isinstance(fn, Circuit) else [Failure("fn", "fn", why)]


def _made(fn: Any, options: _Options) -> Any:
    """Return a function, or a PyTorch module, as it is optimised."""
    refuse("options", _unfit(fn))
    if not recognises(fn):
        return Optimised(fn, options)
    made = functools.partial(Optimised, options=replace(options, constants=True))
    return in_jax(fn, made, ("plan", "report"))


def _listed(one: Any, kind: type) -> tuple[Any, ...]:
    """Return what is one or several as several."""
    return (one,) if isinstance(one, kind) or not isinstance(one, Iterable) else tuple(one)


def _put(arrays: Sequence[Any], moving: Sequence[Any]) -> list[Any]:
    """Return arrays with others for those of real and complex numbers."""
    left = iter(moving)
    return [next(left) if _moves(one) else one for one in map(jnp.asarray, arrays)]
