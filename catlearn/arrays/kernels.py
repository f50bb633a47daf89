"""Kernels: what a box does to the numbers that it reads, apart from where it reads them.

A box applies its kernel at every index of its *degree*, the variables that are in its outputs and
that the kernel does not take whole; the others are the kernel's *targets*. What is known of a
kernel is an entry in a registry; rooms above add what they need (how it runs, how it is drawn).

>>> Kernel("gelu", (("approximation", "tanh"),))
Kernel('gelu', approximation='tanh')
>>> Kernel("softmax").entry.deterministic, Kernel("dropout", (("rate", 0.5),)).entry.deterministic
(True, False)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from catlearn.arrays.forms import one_nan
from catlearn.display import Legible
from catlearn.errors import Failure, UnknownName, did_you_mean, refuse


class Function(str):
    """The label of a kernel that is opaque, or a function, with what it stands for.

    It is a text, and equal to others as a text; what is read from a file stands for nothing.

    Parameters
    ----------
    label
        The text.
    call
        What it stands for: a function of arrays of JAX to one, or a list of them.
    operations
        About how many operations on numbers it takes, if that is known.

    Examples
    --------
    >>> Function("double", lambda x: 2 * x).call(3), Function("double") == "double"
    (6, True)
    """

    call: Callable[..., Any] | None
    operations: int

    def __new__(
        cls, label: str, call: Callable[..., Any] | None = None, operations: int = 0
    ) -> Function:
        made = super().__new__(cls, label)
        made.call, made.operations = call, operations
        return made

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return str, (str(self),)


@dataclass(frozen=True)
class Entry:
    """What is known of the kernels of one name.

    Parameters
    ----------
    operands
        How many arrays it reads at least, and at most; None is any number. Where it reads none, an
        entry is a number by itself, or follows from its indices.
    outputs
        How many it writes; None is any number.
    targets
        Where its targets stand: ``"none"``; ``"read"``, in operands alone (they are summed over,
        or the greatest is taken); ``"written"``, in outputs alone; ``"both"``, in the output, and
        the operand if there is one;
        ``"chosen"``, one in the operand, and another one in the outputs; ``"whole"``, anywhere, and
        all of them where nothing is known of a kernel.
    deterministic
        Whether it draws no sample.
    options
        The names of its options, in order; each has a value.
    fixes
        Numbers that it leaves as they are; None is all.
    symmetric
        Whether its targets have no order.
    single
        Whether it has one target.
    """

    operands: tuple[int, int | None] = (1, 1)
    outputs: int | None = 1
    targets: str = "none"
    deterministic: bool = True
    options: tuple[str, ...] = ()
    fixes: tuple[float, ...] | None = ()
    symmetric: bool = True
    single: bool = False


KERNELS: dict[str, Entry] = {
    "contraction": Entry((1, None), targets="read"),
    "view": Entry(),
    "add": Entry((2, None)),
    "mul": Entry((2, None)),
    "constant": Entry((0, 0), options=("value",)),
    "angle": Entry((0, 0), targets="both", options=("base",), symmetric=False),
    **{name: Entry(targets="read") for name in ("max", "min", "logsumexp", "product")},
    **{name: Entry(targets="read", single=True) for name in ("argmax", "argmin")},
    "concat": Entry((1, None)),
    "where": Entry((2, 2), options=("outside",)),
    "softmax": Entry(targets="both"),
    **{
        name: Entry(targets="both", single=True)
        for name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
    },
    "norm": Entry(targets="both", options=("kind", "eps")),
    "top_k": Entry(outputs=2, targets="chosen"),
    "sort": Entry(outputs=2, targets="both", single=True),
    "dropout": Entry(deterministic=False, options=("rate",)),
    "index": Entry((0, 0), targets="both", symmetric=False, single=True),
    "dropped": Entry((2, None), options=("rate",)),
    "stop": Entry(fixes=None),
    "gelu": Entry(options=("approximation",), fixes=(0.0, math.inf)),
    "relu": Entry(fixes=(0.0, math.inf)),
    "silu": Entry(fixes=(0.0, math.inf)),
    **{name: Entry(fixes=(0.0, 1.0, math.inf)) for name in ("square", "sqrt", "abs")},
    **{name: Entry(fixes=(0.0,)) for name in ("neg", "tanh", "erf", "sin")},
    "reciprocal": Entry(fixes=(1.0,)),
    **{name: Entry() for name in ("exp", "exp2", "log", "sigmoid", "cos", "softplus", "indicator")},
    **{name: Entry((2, 2)) for name in ("larger", "shifted")},
    "earlier": Entry((4, 4)),
    "rounded": Entry(fixes=None),
    "compensated": Entry((3, None), outputs=2),
    "start": Entry(),
    "each": Entry(targets="read"),
    "last": Entry((2, 2)),
    "stack": Entry(targets="written"),
    "opaque": Entry((0, None), None, "whole", options=("label", "random")),
    "cast": Entry(options=("dtype",), fixes=None),
    "function": Entry((1, None), options=("label",)),
    "along": Entry((1, None), None, "whole", options=("label",)),
}
"""The kernels that there are, by name."""

REALS = ("float16", "bfloat16", "float32", "float64")
"""The types of real numbers that arrays are cast to."""

VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "outside": ("a number", lambda value: type(value) is float),
    "value": ("a number", lambda value: type(value) is float and math.isfinite(value)),
    "base": ("a number above 0", lambda value: type(value) is float and 0 < value < math.inf),
    "kind": ("'layer' or 'rms'", lambda value: value in ("layer", "rms")),
    "eps": ("a number from 0", lambda value: type(value) is float and 0 <= value < math.inf),
    "rate": ("a number from 0, and below 1", lambda value: type(value) is float and 0 <= value < 1),
    "label": ("text", lambda value: isinstance(value, str) and value != ""),
    "random": ("True or False", lambda value: type(value) is bool),
    "dtype": ("the name of a type of real numbers", lambda value: value in REALS),
    "approximation": ("'erf' or 'tanh'", lambda value: value in ("erf", "tanh")),
}
"""The values that an option may have: in words, and a test."""


@dataclass(frozen=True, repr=False)
class Kernel(Legible):
    """A kernel with its options.

    Parameters
    ----------
    name
        One of :data:`KERNELS`.
    options
        Pairs of a name and a value: what is part of the function, and so of equality.

    Raises
    ------
    UnknownName
        If there is no such kernel.
    InvalidStructure
        Listing options that are missing, or not its own, and values that they may not have.
    """

    name: str
    options: tuple[tuple[str, Hashable], ...] = ()

    def __post_init__(self) -> None:
        if self.name not in KERNELS:
            hint = did_you_mean(self.name, KERNELS)
            raise UnknownName(f"there is no kernel {self.name!r}; {hint}")
        where, failures = f"kernel {self.name!r}", []
        names = tuple(name for name, _ in self.options)
        if names != self.entry.options:
            message = f"has the options {list(names)}; expected {list(self.entry.options)}"
            failures.append(Failure("options", where, message))
        for name, value in self.options:
            wanted, holds = VALUES.get(name, ("", lambda value: True))
            if not holds(value):
                failures.append(Failure("options", where, f"{name} is {wanted}; found {value!r}"))
        refuse("Kernel", failures)
        options = tuple((name, one_nan(value)) for name, value in self.options)
        object.__setattr__(self, "options", options)

    @property
    def entry(self) -> Entry:
        """What is known of it; one that is opaque says itself whether it is random."""
        entry = KERNELS[self.name]
        random = ("random", True) in self.options
        return replace(entry, deterministic=False) if random else entry

    def option(self, name: str) -> Hashable:
        """Return the value of an option."""
        return dict(self.options)[name]

    def __str__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.options)
        return f"{self.name}({options})" if options else self.name

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options)
        return f"Kernel({self.name!r}{options})"
