"""From JAX to circuits: the jaxpr of a function, equation by equation.

Each variable of a jaxpr is an array of the circuit and how it is read
(:class:`~catlearn.importing.words.Value`), so transpositions, reshapes, repetitions and slices are
no boxes. Positions that meet identify axes; index variables stay apart: ``x + x.T`` has one axis
and two variables. Numbers, indices (``iota`` and what is computed of it) and conditions on them are
known while a function is read: a mask made of ``iota`` is a condition of a reading.

A primitive without a kernel of its own that is applied to each number is a kernel ``function``; one
that is a function of rows, matrices or whole arrays a kernel ``along``; any other is an opaque box,
which evaluates it as JAX does, with its gradient. So every function that can be traced is imported,
and has the same numbers.

>>> import jax.numpy as jnp
>>> def scores(q, k):
...     return jnp.where(jnp.tri(4, 3, dtype=bool), q @ k.T / 2, -jnp.inf)
>>> print(from_jax(scores, jnp.ones((4, 2)), jnp.ones((3, 2))))
axes k0 = 3, q0 = 4, q1 = 2
x1[q0 q1]: R
x2[k0 q1]: R
a1[q0 k0]: R = contraction(x1[q0 q1], x2[k0 q1]) as "dot_general"
a2[]: R = constant(value=0.5) as "0.5"
a3[q0 k0]: R1 = mul(a1[q0 k0], a2[])
a4[q0 k0]: R1 = view(a3[q0 k0] where k0 <= q0 else -inf) as "where"
return a4
"""

from __future__ import annotations

import inspect
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core, source_info_util

from catlearn.arrays.boxes import line_of
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.kernels import Function
from catlearn.arrays.listing import short_address
from catlearn.errors import Failure, did_you_mean, expect, refuse
from catlearn.importing.building import (
    Builder,
    ImportRefused,
    Number,
    digest,
    function_of,
    is_key,
    number_of,
)
from catlearn.importing.indexing import HANDLERS
from catlearn.importing.primitives import (
    FUNCTIONS,
    batch_of,
    bound,
    call_of,
    flops_of,
    full,
    handles,
    rule_of,
)
from catlearn.importing.words import Value
from catlearn.models.circuits import nested
from catlearn.models.libraries.torch import recognises

ENTERED = ("jit", "pjit", "closed_call", "core_call", "custom_lin")
"""The primitives that call a jaxpr, and nothing else."""


DERIVED = ("_softmax",)
"""Functions of JAX with a rule of their own, which is the derivative of their body."""


@dataclass
class Importer(Builder):
    """A circuit while it is made of a jaxpr."""

    outer: tuple[str, ...] = ()
    token: Value | None = None

    def run(self, jaxpr: Any, consts: Sequence[Any], values: Sequence[Value]) -> list[Value]:
        """Import the equations of a jaxpr."""
        known = dict(zip(jaxpr.constvars, map(self.known, consts), strict=True))
        known |= dict(zip(jaxpr.invars, values, strict=True))

        def value(atom: Any) -> Value:
            if isinstance(atom, core.Literal):
                aval: Any = atom.aval
                return self.known(np.asarray(atom.val, aval.dtype))
            return known[atom]

        for eqn in jaxpr.eqns:
            found = self.equation(eqn, [value(atom) for atom in eqn.invars])
            known |= zip(eqn.outvars, found, strict=True)
        return [value(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: Any, values: list[Value]) -> list[Value]:
        """Import one equation."""
        before, outer = self.source, self.outer
        self.source = _line(eqn) or before
        self.outer = outer + _scopes(eqn)
        try:
            return self.entered(eqn, values)
        finally:
            self.source, self.outer = before, outer

    def entered(self, eqn: Any, values: list[Value]) -> list[Value]:
        """Import one equation in its blocks."""
        name, inner = eqn.primitive.name, _entered(eqn)
        if inner is not None:
            return self.run(getattr(inner, "jaxpr", inner), inner.consts, values)
        self.enter(self.outer)
        numbers = [one.source for one in values if isinstance(one.source, Number)]
        if len(numbers) == len(values) > 0 and not eqn.effects and _of_numbers(eqn):
            return [self.folded(eqn, numbers)]
        without = [0 in var.aval.shape for var in eqn.outvars]
        plain = name.startswith(("gather", "scatter")) and values[1].shape == (0,)
        empty = any(0 in one.shape for k, one in enumerate(values) if k != 1 or not plain)
        if empty or (without and all(without)):
            return self.empty(eqn, values)
        handler = HANDLERS.get(name)
        found = handler(self, eqn, values) if handler is not None else None
        if found is None and _of_numbers(eqn):
            found = self.function(eqn, values)
        if found is None:
            dtypes = [atom.aval.dtype for atom in eqn.invars]
            label = f"{name} {digest(f'{eqn.params} {_held(eqn.params)}')}"
            results = [var.aval for var in eqn.outvars]
            label = Function(label, call_of(eqn), flops_of(eqn))
            if eqn.effects:
                return self.after(label, values, dtypes, results, name)
            return self.opaque(label, values, dtypes, results, name, batch_of(eqn))
        return found if isinstance(found, list) else [found]

    def empty(self, eqn: Any, values: Sequence[Value]) -> list[Value]:
        """Import an equation of arrays without entries, on which no number depends."""
        avals = [var.aval for var in eqn.outvars]
        if all(0 in one.shape for one in avals):
            zeros = (Value(Number(np.zeros((), one.dtype)), ()) for one in avals)
            return [one.repeated(aval.shape, ()) for one, aval in zip(zeros, avals, strict=True)]
        if eqn.primitive.name == "concatenate":
            kept = [one for one in values if 0 not in one.shape]
            return [self.joined(kept, eqn.params["dimension"], avals[0].dtype)]
        if not all(isinstance(one.source, Number) for one in values):
            message = "has an array without entries among others"
            raise ImportRefused("this function", [Failure("sizes", str(eqn.primitive), message)])
        with jax.ensure_compile_time_eval():
            found = call_of(eqn)(*(jnp.full(one.shape, one.source.value) for one in values))
        return [*map(self.known, found if isinstance(found, list | tuple) else [found])]

    def after(
        self, label: Function, values: Sequence[Value], dtypes: Sequence[Any],
        results: Sequence[Any], title: str,
    ) -> list[Value]:  # fmt: skip
        """Add an opaque box with effects: it reads what the one before it writes, and hands it on.

        The last of them is read with the first output (:meth:`Importer.finish`), so that all are
        run, in their order.
        """

        def ordered(*arrays: Any) -> list[Any]:
            assert label.call is not None
            found = label.call(*arrays[:-1])
            return [*(found if isinstance(found, list | tuple) else [found]), arrays[-1]]

        token = jax.ShapeDtypeStruct((), np.float32)
        before = self.token or Value(Number(np.zeros((), np.float32)), ())
        *found, self.token = self.opaque(
            Function(label, ordered, label.operations), [*values, before], [*dtypes, token.dtype],
            [*results, token], title,
        )  # fmt: skip
        return found

    def finish(self, values: Sequence[Value], dtypes: Sequence[Any]) -> list[int]:
        """Return the arrays that the program returns, after all that has effects."""
        self.enter(())
        failures = [
            Failure("sizes", f"output {k}", f"has the shape {one.shape}; sizes are at least 1")
            for k, one in enumerate(values)
            if 0 in one.shape
        ]
        if failures:
            raise ImportRefused("this function", failures)
        values = [*values]
        if self.token is not None and values:
            shown = jax.ShapeDtypeStruct(values[0].shape, dtypes[0])
            values[:1] = self.opaque(
                Function("after effects", lambda x, token: x), [values[0], self.token],
                [dtypes[0], np.dtype(np.float32)], [shown], "after effects",
            )  # fmt: skip
        return [self.whole(one, dtype) for one, dtype in zip(values, dtypes, strict=True)]

    def folded(self, eqn: Any, numbers: Sequence[Number]) -> Value:
        """Evaluate an equation of numbers."""
        with jax.ensure_compile_time_eval():
            found = bound(eqn)(*(jnp.asarray(one.value) for one in numbers))
        return Value(Number(np.asarray(found)), ()).repeated(eqn.outvars[0].aval.shape, ())

    def function(self, eqn: Any, values: Sequence[Value]) -> Value:
        """Apply a primitive to each number, with the numbers that are known."""
        aval = eqn.outvars[0].aval
        texts = [number_text(one) for one in values]
        dtypes = [atom.aval.dtype for atom in eqn.invars]
        values = full(values, aval.shape)
        known = [one.source if isinstance(one.source, Number) else None for one in values]
        arrays = [
            self.typed(one, dtype)
            for one, dtype, number in zip(values, dtypes, known, strict=True)
            if number is None
        ]
        params = ", ".join(f"{key}={eqn.params[key]}" for key in sorted(eqn.params)
                           if key not in ("sharding", "out_sharding"))  # fmt: skip
        label = f"{eqn.primitive.name}({', '.join(texts)}{'; ' if params else ''}{params})"
        evaluate = bound(eqn)

        def call(*given: Any) -> Any:
            own = iter(jnp.broadcast_arrays(*given))
            shape = jnp.broadcast_shapes(*map(jnp.shape, given))
            every = [next(own) if number is None else None for number in known]
            # inside of a pass arrays are wider than here, and what is known is as they are
            wider = {dtype: one.dtype for dtype, one in zip(dtypes, every, strict=True)
                     if one is not None}  # fmt: skip
            return evaluate(
                *(
                    jnp.full(shape, number.value, wider.get(dtype, dtype)) if number else one
                    for one, number, dtype in zip(every, known, dtypes, strict=True)
                )
            )

        found = self.applied(function_of(label, call), arrays, aval.dtype, title=eqn.primitive.name)
        self.calls[found.source] = eqn.primitive.name, values
        return found


def _of_numbers(eqn: Any) -> bool:
    """Whether an equation applies a function to each number."""
    if eqn.primitive.name == "bitcast_convert_type":
        return eqn.outvars[0].aval.dtype.itemsize == eqn.invars[0].aval.dtype.itemsize
    return eqn.primitive.name in FUNCTIONS


def _entered(eqn: Any) -> Any:
    """Return the jaxpr that an equation does nothing but call."""
    if eqn.primitive.name in ENTERED:
        return eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
    if eqn.primitive.name == "custom_jvp_call" and rule_of(eqn) in DERIVED:
        return eqn.params["call_jaxpr"]
    return None


def number_text(value: Value) -> str:
    """Write what a function is given: a number that is known, or an array."""
    if isinstance(value.source, Number):
        return f"{value.source.value.item()!r}:{value.source.value.dtype}"
    return "_"


@handles("cond")
def _chosen(self: Any, eqn: Any, values: list[Value]) -> list[Value] | None:
    """Import the branch that is taken, if that is known."""
    (index, *given), branches = values, eqn.params["branches"]
    number = number_of(index)
    if number is None:
        return None
    inner = branches[min(max(int(number), 0), len(branches) - 1)]
    return self.run(getattr(inner, "jaxpr", inner), inner.consts, given)


@handles("platform_index")
def _platform(self: Any, eqn: Any, values: list[Value]) -> Value | None:
    """Say that what is for other compilers than XLA is not taken."""
    platforms = eqn.params["platforms"]
    if None not in platforms or {*PLATFORMS}.intersection(*filter(None, [*platforms, ()])):
        return None
    return Value(Number(np.asarray(platforms.index(None), np.int32)), ())


@handles("while")
def _while(self: Any, eqn: Any, values: list[Value]) -> list[Value] | None:
    """Import a loop whose number of rounds is known as a block with rounds."""
    sizes = [size for one in (*eqn.invars, *eqn.outvars) for size in one.aval.shape]
    length = None if eqn.effects or 0 in sizes else rounds_of(eqn, values)
    if length is None:
        return None
    inner = eqn.params["body_jaxpr"]
    values, consts = values[eqn.params["cond_nconsts"] :], eqn.params["body_nconsts"]
    return _repeated(self, inner, values, consts, len(eqn.outvars), length) if (
        length
    ) else values[consts:]  # fmt: skip


@handles("scan")
def _scan(self: Any, eqn: Any, values: list[Value]) -> list[Value] | None:
    """Import a loop as a block with rounds."""
    inner, length = eqn.params["jaxpr"], eqn.params["length"]
    avals = [*(atom.aval for atom in eqn.invars), *(var.aval for var in eqn.outvars)]
    if any(0 in one.shape for one in avals) or eqn.effects:
        return None
    if len(getattr(inner, "jaxpr", inner).outvars) != len(eqn.outvars):
        return None
    consts, count = _ends(eqn.params)
    if length == 0:
        return values[consts:] if count == len(eqn.outvars) else None
    return _repeated(self, inner, values, consts, count, length, eqn.params["reverse"])


def _repeated(
    self: Any, inner: Any, values: list[Value], consts: int, count: int, length: int,
    reverse: bool = False,
) -> list[Value]:  # fmt: skip
    """Add a block with rounds.

    Parameters
    ----------
    inner
        The jaxpr of a round: of what is the same in all, what goes round, and entries.
    values
        These, and arrays of the entries.
    consts, count
        How many are the same in all rounds, and how many go round.
    length
        How many rounds there are.
    reverse
        Whether the last entries come first.
    """
    jaxpr, own = getattr(inner, "jaxpr", inner), consts + count
    dtypes = [atom.aval.dtype for atom in jaxpr.invars]

    def turned(value: Value) -> Value:
        backwards = reverse and length > 1
        return value.sliced(0, length - 1, length, -1) if backwards else value

    before = [
        self.whole(one, dtype)
        for one, dtype in zip(values[consts:own], dtypes[consts:own], strict=True)
    ]
    pairs = zip(values[own:], dtypes[own : len(values)], strict=True)
    along = [self.whole(turned(one), dtype) for one, dtype in pairs]
    rounds, title = self.axis(length), "scan"
    self.draft.blocks.append((title, [rounds]))
    self.within.append(len(self.draft.blocks) - 1)
    scopes, self.scopes, outer, self.outer = self.scopes, [], self.outer, ()
    states = [self.gate("start", [wire], rounds, title) for wire in before]
    entries = [self.gate("each", [wire], rounds, title) for wire in along]
    self.natural |= {one: self.natural[wire] for one, wire in zip(entries, along, strict=True)
                     if wire in self.natural}  # fmt: skip
    given = [*values[:consts], *map(self.of_wire, (*states, *entries))]
    found = self.run(jaxpr, inner.consts, given)
    types = [atom.aval.dtype for atom in jaxpr.outvars]
    self.enter(())
    wires = [self.whole(one, dtype) for one, dtype in zip(found, types, strict=True)]
    after = [
        self.gate("last", pair, rounds, title) for pair in zip(states, wires[:count], strict=True)
    ]
    stacked = [self.gate("stack", [wire], rounds, title) for wire in wires[count:]]
    self.within.pop()
    self.scopes, self.outer = scopes, outer
    return [*map(self.of_wire, after), *(turned(self.of_wire(one)) for one in stacked)]


PLATFORMS = ("cpu", "gpu", "cuda", "rocm", "tpu")
"""What XLA compiles for."""


def rounds_of(eqn: Any, values: Sequence[Value]) -> int | None:
    """Return how many rounds a loop has, if only numbers that are known decide it."""
    params = eqn.params
    first, count = params["cond_nconsts"], params["body_nconsts"]
    carried = [*values[first + count :]]
    going, own = _parts(params["cond_jaxpr"]), _parts(params["body_jaxpr"])
    asked, kept = [going[0].outvars[0]], dict[int, None]()
    while True:  # what decides it, and what that follows from
        used = [k - first for k in needed(going[0], asked)[1] if k >= first]
        outs = [own[0].outvars[k] for k in kept]
        used += [k - count for k in needed(own[0], outs)[1] if k >= count]
        if {*used} <= {*kept}:
            break
        kept |= dict.fromkeys(used)
    fixed = [k for k in needed(own[0], outs)[1] if k < count]
    fixed = [first + k for k in fixed] + [k for k in needed(going[0], asked)[1] if k < first]
    known = [values[k] for k in fixed] + [carried[k] for k in kept]
    if not all(isinstance(one.source, Number) and not one.words for one in known):
        return None

    def run(which: Any, before: int, start: int, outs: list[Any], states: Any) -> list[Any]:
        jaxpr, consts = which
        at = dict(zip(jaxpr.constvars, consts, strict=True))
        at |= {jaxpr.invars[k]: values[start + k].source.value for k in range(before)
               if start + k in fixed}  # fmt: skip
        at |= {jaxpr.invars[before + k]: one for k, one in zip(kept, states, strict=True)}

        def value(atom: Any) -> Any:
            return atom.val if isinstance(atom, core.Literal) else at[atom]

        for one in needed(jaxpr, outs)[0]:
            found = bound(one)(*map(value, one.invars))
            several = one.primitive.multiple_results
            at.update(zip(one.outvars, found if several else [found], strict=True))
        return [*map(value, outs)]

    def counted() -> Any:
        starts = [jnp.asarray(carried[k].source.value) for k in kept]
        return jax.lax.while_loop(
            lambda now: run(going, first, 0, asked, now[1])[0],
            lambda now: (now[0] + 1, run(own, count, first, outs, now[1])), (0, starts),
        )[0]  # fmt: skip

    with jax.ensure_compile_time_eval():
        return int(counted())


def _parts(inner: Any) -> tuple[Any, Sequence[Any]]:
    return getattr(inner, "jaxpr", inner), inner.consts


def needed(jaxpr: Any, outs: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """Return the equations that variables of a jaxpr follow from, and the places of its inputs."""
    asked, found = {one for one in outs if not isinstance(one, core.Literal)}, []
    for eqn in reversed(jaxpr.eqns):
        if asked.intersection(eqn.outvars):
            found.append(eqn)
            asked |= {one for one in eqn.invars if not isinstance(one, core.Literal)}
    return found[::-1], [k for k, var in enumerate(jaxpr.invars) if var in asked]


def _ends(params: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many arrays of a loop are the same in all rounds, and how many go round."""
    if "num_carry" in params:
        return params["num_consts"], params["num_carry"]
    consts, carry, _ = params["ft_in"].unpack()  # from JAX 0.12 on
    return len([*consts]), len([*carry])


def _held(params: Any) -> list[str]:
    """Return digests of the arrays that the jaxprs among the parameters of an equation hold."""
    every = params if isinstance(params, tuple | list) else [*params.values()]
    found = []
    for one in every:
        if isinstance(one, tuple | list):
            found += _held(one)
        elif hasattr(one, "eqns"):
            found += map(digest, getattr(one, "consts", ()))
            for eqn in one.eqns:
                found += _held(eqn.params)
    return found


def _line(eqn: Any) -> str:
    """Return where an equation was made, ``"model.py:12 (attend)"``, if that is known."""
    found = line_of(source_info_util.summarize(eqn.source_info))
    return f"{found[0]}:{found[1]} ({found[2]})" if found else ""


def _scopes(eqn: Any) -> tuple[str, ...]:
    """Return the names of the scopes in which an equation was made, of which gradients have two."""
    text = str(eqn.source_info.name_stack)
    plain = re.sub(r"\b(jvp|vmap|transpose|remat|checkpoint|rematted_computation)\(", "", text)
    names = [one for one in plain.replace(")", "").split("/") if one and "->" not in one]
    return tuple(f"gradient of {one}" if "transpose(" in text else one for one in names)


@dataclass(frozen=True)
class Imported:
    """A function as a circuit, and how its arguments and its result are lists of arrays.

    Parameters
    ----------
    circuit
        The circuit: inputs are the arrays of the arguments that are no parameters, in order, and
        outputs those of the result.
    params
        The parameters by address, as :func:`cl.lower <catlearn.lower>` takes them.
    """

    circuit: Circuit
    params: Mapping[str, Any]
    _flatten: Callable[..., tuple[list[Any], Mapping[str, Any]]] = field(repr=False)
    _tree: Any = field(repr=False)

    def inputs(self, *arguments: Any) -> list[Any]:
        """Return the arrays of arguments in the order of the circuit's inputs."""
        return self._flatten(*arguments)[0]

    def parameters(self, *arguments: Any) -> Mapping[str, Any]:
        """Return the parameters that are in arguments, by address."""
        return self._flatten(*arguments)[1]

    def result(self, outputs: Any) -> Any:
        """Return what the function returns, of the outputs of the lowered circuit."""
        count = len(self.circuit.cod)
        return jax.tree.unflatten(self._tree, [outputs] if count == 1 else [*outputs])

    @property
    def coverage(self) -> dict[str, float | None]:
        """The share of boxes that compute, and of operations on numbers, that are not opaque."""
        return self.circuit.coverage

    @property
    def sources(self) -> list[str]:
        """For each box of the circuit the line that it was made from."""
        return [one.source for one in self.circuit.apex.operations]

    @property
    def opaque(self) -> list[str]:
        """What is opaque: the primitive, and the line of the source."""
        return self.circuit.opaque


def from_jax(
    fn: Callable[..., Any], *arguments: Any, static_argnums: int | Iterable[int] = (),
    params: int | str | None = None, **named: Any,
) -> Circuit:  # fmt: skip
    """Return a function of JAX as a circuit.

    Parameters
    ----------
    fn
        A function that JAX can trace, of arguments that are trees of arrays.
    *arguments, **named
        Its arguments, or ``jax.ShapeDtypeStruct`` of them; those by name come last. Leaves that are
        no numbers are kept as they are, and so are flags inside of trees, and numbers of Python
        among parameters.
    static_argnums
        The places of arguments that are no arrays; those below 0 count from the end.
    params
        The argument, by its place or name, whose arrays are parameters: their addresses are the
        paths in its tree, such as ``layers/0/weight``.

    Returns
    -------
    Circuit
        Its inputs are the arrays of the other arguments, in order, and its outputs those of the
        result. It holds what the function holds: ``cl.lower(circuit)(params, *inputs)``.

    Raises
    ------
    ImportRefused
        If the function cannot be traced, has arrays without entries, or lacks an argument that
        ``static_argnums`` or ``params`` names; or is a PyTorch module, which :func:`from_torch`
        imports.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def layer(weights, x):
    ...     return jnp.tanh(x @ weights["up"]) @ weights["down"]
    >>> weights = {"up": jnp.ones((4, 8)), "down": jnp.ones((8, 2))}
    >>> circuit = from_jax(layer, weights, jnp.ones((5, 4)), params=0)
    >>> {name: [str(n) for n in sizes] for name, sizes in circuit.parameters.items()}
    {'down': ['8', '2'], 'up': ['4', '8']}
    """
    return imported(
        fn, *arguments, static_argnums=static_argnums, params=params, named=named
    ).circuit


def imported(
    fn: Callable[..., Any], *arguments: Any, static_argnums: int | Iterable[int] = (),
    params: int | str | None = None, exact: bool = False, traced: tuple[Any, Any] | None = None,
    named: Mapping[str, Any] | None = None,
) -> Imported:  # fmt: skip
    """Return a function of JAX as a circuit, with how it is called and what is opaque.

    Parameters, arguments and errors are those of :func:`from_jax`. With ``exact``, integers that
    are given and looked up in need not be indices of their axis: others read what they do in JAX.
    It is not traced again if ``traced`` is its jaxpr for these arguments, all of them arrays and no
    keys, with the shapes of its result. Arguments that are `named` come after the others, in order.

    Examples
    --------
    >>> import catlearn as cl
    >>> import jax.numpy as jnp
    >>> def layer(weights, x):
    ...     return {"y": jnp.sin(x) @ weights}
    >>> found = imported(layer, jnp.ones((4, 2)), jnp.ones(4), params="weights")
    >>> fn = cl.lower(found.circuit)
    >>> found.result(fn(found.params, *found.inputs(jnp.ones((4, 2)), jnp.ones(4))))["y"].shape
    (2,)
    >>> found.coverage, found.opaque
    ({'operations': 1.0, 'flops': 1.0}, [])
    """
    if not callable(fn):
        raise ImportRefused("this function", [Failure("call", f"{fn!r:.60}", "is no function")])
    if recognises(fn):
        why = "is a PyTorch module, which cl.from_torch imports"
        raise ImportRefused("this function", [Failure("call", type(fn).__name__, why)])
    expect(static_argnums, (int, Iterable), "static_argnums", "the places of arguments")
    expect(named, (type(None), Mapping), "named", "a dict of arguments by names")
    count, named = len(arguments), named or {}
    names = [*_names(fn, count), *named]
    arguments = (*arguments, *named.values())
    asked = [static_argnums] if isinstance(static_argnums, int) else [*static_argnums]
    refuse(
        "this function",
        (
            Failure("static_argnums", repr(k), f"is no place of {count} arguments")
            for k in asked
            if not isinstance(k, int) or not -count <= k < count
        ),
        ImportRefused,
    )
    static = {k % count for k in asked}
    at = _argument(params, names)
    leaves, tree = jax.tree.flatten_with_path(
        [None if k in static else one for k, one in enumerate(arguments)]
    )
    places = [k for k, (path, leaf) in enumerate(leaves) if _is_array(leaf, path, at)]
    addresses = [_address(path, names) if path[0].idx == at else None for path, _ in leaves]

    labels = ["/".join(dict.fromkeys((names[path[0].idx], _address(path, names))))
              for path, _ in leaves]  # fmt: skip
    starts = [_plain(leaves[k][1]) for k in places]

    def flatten(*given: Any) -> tuple[list[Any], dict[str, Any]]:
        own = jax.tree.leaves([None if k in static else one for k, one in enumerate(given)])
        if len(own) != len(leaves):
            message = f"have {len(own)} arrays, those that were imported {len(leaves)}"
            raise ImportRefused("this call", [Failure("arity", "arguments", message)])
        arrays = [_plain(own[k]) for k in places]
        failures = [
            Failure("sizes", f"argument {labels[k]}", f"axis {j}: {n}, but {m} is expected")
            for k, start, array in zip(places, starts, arrays, strict=True)
            if np.ndim(array) == np.ndim(start)
            for j, (n, m) in enumerate(zip(np.shape(array), np.shape(start), strict=True))
            if n != m
        ]
        if failures:
            raise ImportRefused("this call", failures)
        pairs = [*zip((addresses[k] for k in places), arrays, strict=True)]
        inner = {address: one for address, one in pairs if address is not None}
        return [one for address, one in pairs if address is None], nested(inner)

    def flat(*arrays: Any) -> Any:
        every = [leaf for _, leaf in leaves]
        for k, array in zip(places, arrays, strict=True):
            every[k] = jax.random.wrap_key_data(
                array, impl=jax.random.key_impl(jnp.empty((), every[k].dtype))
            ) if is_key(every[k]) else array  # fmt: skip
        found = jax.tree.unflatten(tree, every)
        given = [arguments[k] if k in static else one for k, one in enumerate(found)]
        return fn(*given[:count], **dict(zip(named, given[count:], strict=True)))

    try:
        closed, shape = traced or jax.make_jaxpr(flat, return_shape=True)(*starts)
    except REFUSED as error:
        raise untraced(fn, error) from error
    jaxpr = getattr(closed, "jaxpr", closed)
    importer, dom, values = Importer(), [], []
    for var, k in zip(jaxpr.invars, places, strict=True):
        name = addresses[k]
        letter = short_address(_address(leaves[k][0], names))
        letter = letter if letter.isidentifier() else names[leaves[k][0][0].idx]
        wire, value = importer.given(var.aval.shape, var.aval.dtype, name, letter)
        values.append(value)
        dom += [wire] if name is None else []
        if jnp.issubdtype(var.aval.dtype, jnp.integer) and not exact:
            importer.natural[wire] = 0
    found = importer.run(jaxpr, closed.consts, values)
    outs = [atom.aval.dtype for atom in jaxpr.outvars]
    cod = importer.finish(found, outs)
    return Imported(
        importer.circuit(dom, cod), flatten(*arguments)[1], flatten,
        jax.tree.structure(shape),
    )  # fmt: skip


REFUSED = (
    jax.errors.JAXTypeError, jax.errors.JAXIndexError, jax.errors.UnexpectedTracerError,
    TypeError, ValueError,
)  # fmt: skip
"""Errors of a function that cannot be traced."""


ADVICE: dict[type, str] = {
    jax.errors.TracerBoolConversionError: (
        "branch by jnp.where or jax.lax.cond, or name arguments that are no arrays in "
        "static_argnums"
    ),
    jax.errors.TracerIntegerConversionError: "name arguments that are no arrays in static_argnums",
    jax.errors.TracerArrayConversionError: "use jax.numpy",
    jax.errors.NonConcreteBooleanIndexError: "choose by jnp.where",
    jax.errors.ConcretizationTypeError: (
        "no number and no shape depends on data: name arguments that are no arrays in "
        "static_argnums; jnp.nonzero and others take size="
    ),
}
"""What to do about an error, by its kind; the first one counts."""


def untraced(fn: Callable[..., Any], error: Exception) -> ImportRefused:
    """Return what is said of a function that cannot be traced, of the error of its trace."""
    title = f"{getattr(fn, '__name__', type(fn).__name__)}{where(error)}"
    why = re.sub("^function flat at .* traced for jit ", "", f"{error}".partition("\n")[0])
    advice = (text for kind, text in ADVICE.items() if isinstance(error, kind))
    why = "; ".join([why.rstrip("."), *advice][:2])
    return ImportRefused("this function", [Failure("trace", title, why)])


_OTHERS = __file__.rpartition("jaxpr.py")[0], sysconfig.get_path("stdlib")


def where(
    error: BaseException, inside: Callable[[traceback.FrameSummary], bool] = lambda one: False
) -> str:
    """Say at which line of the user's an error was raised: the last one that is in no library.

    Of what was called there, the last function that ``inside`` holds of is said as well.
    """
    found, called = "", ""
    for one in traceback.extract_tb(error.__traceback__):
        place = f"{one.filename.rpartition('/')[2]}:{one.lineno}"
        if inside(one):
            called = f", in {one.name} at {place}"
        elif (
            "site-packages" not in one.filename
            and not one.filename.startswith(_OTHERS)
            and (one.filename, one.name) != ("<string>", "<lambda>")  # which libraries make
        ):
            found, called = f" at {place}", ""
    return found + called


def _names(fn: Callable[..., Any], count: int) -> list[str]:
    """Return what the arguments of a function are called."""
    try:
        found = inspect.signature(fn).parameters.values()
        names = [one.name for one in found if one.kind is not one.VAR_POSITIONAL]
        given = [one.kind is one.VAR_POSITIONAL for one in found]
        if any(given):  # arguments of no name are those of a module that is applied, or x, y, ...
            names = names[: given.index(True)]
            module = getattr(fn, "__self__", None)
            call = inspect.signature(module).parameters if callable(module) else ()
            names += [name for name in [*call, *"xyzuvw"] if name not in names]
    except (TypeError, ValueError):
        names = []
    return [names[k] if k < len(names) else f"argument {k}" for k in range(count)]


def _argument(params: int | str | None, names: Sequence[str]) -> int | None:
    """Return the place of the argument that has parameters."""
    if params is None or (isinstance(params, int) and 0 <= params < len(names)):
        return params
    if params in names:
        return names.index(params)
    message = f"is no argument; {did_you_mean(str(params), names)}"
    raise ImportRefused("this function", [Failure("params", repr(params), message)])


def _address(path: Sequence[Any], names: Sequence[str]) -> str:
    """Return the address of an array in the tree of parameters."""
    own: list[str] = [str(getattr(key, "name", getattr(key, "key", getattr(key, "idx", key))))
           for key in path[1:]]  # fmt: skip
    return "/".join(own) if own else str(names[path[0].idx])


def _is_array(leaf: Any, path: Sequence[Any], params: int | None) -> bool:
    """Whether a leaf is an array: of numbers of Python in trees flags and settings are none."""
    if isinstance(leaf, bool | int | float | complex):
        return len(path) == 1 or not (isinstance(leaf, bool) or path[0].idx == params)
    return isinstance(leaf, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct)


def _plain(leaf: Any) -> Any:
    """Return an array without keys, which are numbers of their own."""
    if not is_key(leaf):
        return leaf
    if isinstance(leaf, jax.ShapeDtypeStruct):
        return jax.eval_shape(jax.random.key_data, leaf)
    return jax.random.key_data(leaf)
