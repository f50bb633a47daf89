"""Tracing: circuits written as functions of arrays.

Where arrays are used more than once, or several live at a time, a circuit is easier to write as a
function. Operations are circuits, and circuits are callable on arrays; what is called is noted, and
all of it is glued once when the function returns. Arrays have axes already, so they are never
lifted: an operation is lifted to them.

>>> from catlearn.arrays import linear, relu, traced
>>> @traced("x m")
... def feed_forward(t):
...     return linear("down", "f -> m")(relu(linear("up", "m -> f")(t))) + t
>>> feed_forward
Circuit(R[x m] -> R[x m])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from catlearn import arrays
from catlearn.arrays import operations
from catlearn.arrays.aligning import Place, glue, levels, raised
from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import TRACES, Circuit, compose
from catlearn.arrays.operations import (
    absolute,
    add,
    constant,
    einsum,
    idle,
    mul,
    neg,
    reciprocal,
    sqrt,
    square,
)
from catlearn.arrays.patterns import read_pattern
from catlearn.arrays.sizes import read_scalar
from catlearn.errors import CatlearnError, NotComposable, expect, fault


@dataclass
class Trace:
    """The circuits that were called, and which arrays met."""

    parts: list[Circuit] = field(default_factory=list)
    meets: list[tuple[Place, Place]] = field(default_factory=list)
    done: bool = False

    def call(self, circuit: Circuit, given: Sequence[TracedArray]) -> list[TracedArray]:
        """Note that a circuit is called on arrays; return what it returns."""
        if len(given) != len(circuit.dom):
            message = f"takes {len(circuit.dom)}, is called with {len(given)}"
            raise fault("this call", "arity", f"{circuit!r}", message, NotComposable)
        if self.done or any(one.trace is not self for one in given):
            raise CatlearnError("an array is used outside of the function in which it was traced")
        number = len(self.parts)
        sources = sorted({one.place[0] for one in given})
        local = [*(self.parts[k] for k in sources), circuit]
        meets = [
            ((sources.index(one.place[0]), one.place[1]), (len(sources), row))
            for one, row in zip(given, circuit.dom, strict=True)
        ]
        lifted = raised(circuit, levels(local, meets, rigid=range(len(sources)))[-1])
        lifted = Circuit.of(lifted.apex.with_lines(), lifted.dom, lifted.cod)
        self.parts.append(lifted)
        pairs = zip(given, lifted.dom, strict=True)
        self.meets += [(one.place, (number, row)) for one, row in pairs]
        return [TracedArray(self, (number, row)) for row in lifted.cod]

    def circuit(self, found: Sequence[TracedArray]) -> Circuit:
        """Glue what was called; the first circuit has the arguments, and these are returned."""
        self.done = True
        apex, legs = glue(self.parts, self.meets)
        dom = legs[0][list(self.parts[0].dom)].tolist()
        cod = [int(legs[one.place[0]][one.place[1]]) for one in found]
        return Circuit.of(apex, dom, cod)


@dataclass(frozen=True, eq=False)
class TracedArray:
    """An array inside of a traced function."""

    trace: Trace
    place: Place

    def _refused(self, *_: Any) -> Any:
        """Refuse what is done to arrays of numbers, and say what is done to this one."""
        known = vars(operations)
        own = (name for name in dir(arrays) if isinstance(known.get(name), Circuit)
               or getattr(known.get(name), "__module__", "") == operations.__name__)  # fmt: skip
        message = "holds no numbers yet: besides +, -, *, / and powers 2, -1 and 0.5, operations of"
        # no TypeError, which JAX takes for one of its own
        raise CatlearnError(f"{self!r} {message} catlearn.arrays are applied, as tanh(x): "
                            f"{', '.join(own)}")  # fmt: skip

    __array__ = __bool__ = __float__ = __getitem__ = __matmul__ = _refused
    __lt__ = __le__ = __gt__ = __ge__ = _refused
    __jax_array__ = shape = dtype = property(_refused)

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **_: Any) -> Any:
        """Let numbers of NumPy stand on the left; its functions and arrays are refused."""
        name = {"add": "radd", "subtract": "rsub", "multiply": "rmul", "divide": "rtruediv"}
        if ufunc.__name__ not in name or not isinstance(given[0], Real):
            return self._refused()
        return getattr(self, f"__{name[ufunc.__name__]}__")(given[0])

    def __add__(self, other: TracedArray | float) -> TracedArray:
        if isinstance(other, Real):
            return compose(idle @ constant(_number(other)), add)(self)
        return add(self, other) if isinstance(other, TracedArray) else NotImplemented

    def __mul__(self, other: TracedArray | float) -> TracedArray:
        if isinstance(other, Real):
            return einsum(" -> ", scale=_number(other))(self)
        return mul(self, other) if isinstance(other, TracedArray) else NotImplemented

    def __truediv__(self, other: TracedArray | float) -> TracedArray:
        if isinstance(other, Real):
            return einsum(" -> ", scale=read_scalar(_number(other)) ** -1)(self)
        return self * reciprocal(other) if isinstance(other, TracedArray) else NotImplemented

    def __rtruediv__(self, other: float) -> TracedArray:
        return reciprocal(self) * other

    def __neg__(self) -> TracedArray:
        return neg(self)

    def __abs__(self) -> TracedArray:
        return absolute(self)

    def __pow__(self, exponent: float) -> TracedArray:
        powers = {2: square, -1: reciprocal, 0.5: sqrt}
        return powers[exponent](self) if exponent in powers else self._refused()

    def __sub__(self, other: TracedArray | float) -> TracedArray:
        if isinstance(other, Real):
            return self + -_number(other)
        return self + -other if isinstance(other, TracedArray) else NotImplemented

    def __rsub__(self, other: float) -> TracedArray:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        number, row = self.place
        return f"TracedArray({self.trace.parts[number].apex.array_text(row)})"


def _number(number: Any) -> int | float:
    """Return a number as one of Python, such as one of NumPy."""
    return number if isinstance(number, int | float) else float(number)


def traced(
    *arrays: str, types: Sequence[str | None] = ()
) -> Callable[[Callable[..., Any]], Circuit]:
    """Return a decorator that makes a circuit of a function of arrays.

    Parameters
    ----------
    *arrays
        The axes of each argument, such as ``"x m"``; axes of one letter are one axis.
    types
        The type of each argument: ``"R"``, ``"B"``, ``"N"``, or None for any; R unless said.

    Returns
    -------
    callable
        From a function that is given arrays, and returns one or a tuple of them, to the circuit.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> @traced("i j", "j k")
    ... def product(a, b):
    ...     return einsum("i j, j k -> i k")(a, b)
    >>> product
    Circuit(R[i j], R[j k] -> R[i k])

    Arrays are added, multiplied and divided, also by numbers; arrays without inputs are called.

    >>> from catlearn.arrays import parameter, sigmoid
    >>> @traced("m")
    ... def highway(x):
    ...     gate = sigmoid(x + parameter("g", "m")())
    ...     return gate * x + (1 - gate) * parameter("p", "m")()
    >>> highway
    Circuit(R[m] -> R[m])
    """
    draft, axes = Draft(), {}
    dom = []
    for number, text in enumerate(arrays):
        pattern = read_pattern(text)
        if len(pattern.left) != 1 or pattern.right:
            raise pattern.error("each argument is one array")
        for item in pattern.left[0]:
            if not item.name:
                raise pattern.error("only names of axes can stand here", item)
            axes.setdefault(item.name, draft.axis(item.name) if item.name not in axes else 0)
        dtype = types[number] if number < len(types) else "R"
        kind = draft.type(dtype)
        dom.append(draft.wire((axes[item.name] for item in pattern.left[0]), kind))
    start = Circuit.of(draft, dom, dom)

    def made(function: Callable[..., Any]) -> Circuit:
        trace = Trace([start])
        given = [TracedArray(trace, (0, row)) for row in start.cod]
        before = TRACES.set(trace)
        try:
            found = function(*given)
        finally:
            TRACES.reset(before)
        found = tuple(found) if isinstance(found, tuple | list) else (found,)
        for one in found:
            expect(one, TracedArray, "what a traced function returns", "one of its arrays")
        return trace.circuit(found)

    return made
