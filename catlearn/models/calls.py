"""Options given by keyword: checked against a signature and kept as a hashable value.

Divergences and architectures are named in a registry and refined by options, such as
``huber`` with ``delta=0.5``. Defaults are filled in, so that leaving an option out and giving
its default are the same value.

How a user's function wants to be called, read from its signature.

>>> call = call_of(lambda x, y, key=None: (x, y, key))
>>> call(lambda x, y, key=None: (x, y, key), (), (1, 2), "a key")
(1, 2, 'a key')

Arguments by which a call says whether it trains, found in its signature.

>>> modes = Modes.of(lambda x, train, deterministic=None: x)
>>> modes.call.spread((1, 2)), modes.arguments(True)
(((1, 2),), {'train': True, 'deterministic': False})
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from catlearn.errors import Failure, Failures, bounded, did_you_mean, refuse
from catlearn.files import shorten_repr

Options = tuple[tuple[str, Any], ...]


def signature_of(fn: Callable) -> inspect.Signature | None:
    """Return a callable's signature, or None where Python cannot tell (some builtins)."""
    try:
        return inspect.signature(fn)
    except (ValueError, TypeError):
        return None


def draw(factory: Callable, key: Any) -> Any:
    """Call a factory with its key, by name where it has to be."""
    signature = signature_of(factory)
    parameter = signature.parameters["key"] if signature else None
    if parameter is not None and parameter.kind is parameter.KEYWORD_ONLY:
        return factory(key=key)
    return factory(key)


def bind_options(what: str, fn: Callable, options: Mapping[str, Any], skip: int = 0) -> Options:
    """Check options against the parameters of ``fn`` after the first ``skip`` of them.

    Parameters
    ----------
    what
        How errors call the thing, such as ``"Divergence 'huber'"``.
    fn
        The callable that will receive the options.
    options
        What the user gave.
    skip
        How many leading parameters are not options.

    Returns
    -------
    tuple
        Pairs (name, value) sorted by name, defaults filled in.

    Raises
    ------
    InvalidStructure
        Listing every option that is unknown, missing, unhashable or of another kind than its
        annotation says, else its default; or if ``fn`` cannot be hashed.

    Examples
    --------
    >>> bind_options("f", lambda x, a, b=2: x, {"a": 1}, skip=1)
    (('a', 1), ('b', 2))
    """
    _hashable(what, {"function": fn})
    signature = signature_of(fn)
    if signature is None:
        return _hashable(what, dict(options))
    parameters = list(signature.parameters.values())[skip:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return _hashable(what, dict(options))
    accepted = {p.name: p for p in parameters if p.kind is not p.VAR_POSITIONAL}
    failures = [
        Failure("options", what, f"there is no option {name!r}; {did_you_mean(name, accepted)}")
        for name in options
        if name not in accepted
    ]
    failures += [
        Failure("options", what, f"option {name!r} is required")
        for name, p in accepted.items()
        if p.default is p.empty and name not in options
    ]
    failures += [
        Failure("options", what, f"option {name!r} is {shorten_repr(value)}, expected {wanted}")
        for name, value in options.items()
        if name in accepted and (wanted := _wanted(value, accepted[name]))
    ]
    refuse(what, failures)
    defaults = {name: p.default for name, p in accepted.items() if p.default is not p.empty}
    return _hashable(what, {**defaults, **options})


_KINDS: dict[str, tuple[Any, str]] = {
    "bool": ((bool, np.bool_), "True or False"),
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "str": (str, "text"),
    "tuple": (tuple, "a tuple"),
    "None": (type(None), "None"),
}
"""What annotations of options admit, as far as they are checked, and what messages call it."""


def _wanted(value: Any, option: inspect.Parameter) -> str:
    """Say of which kind an option has to be, if a value is of another; empty if it fits."""
    text = inspect.formatannotation(option.annotation).strip("'")
    if option.annotation is option.empty:
        known = {str: "str", tuple: "tuple", int: "float", float: "float"}
        text = f"{known.get(type(option.default), 'Any')} | None"
    names = re.sub(r"\[[^]]*\]", "", text).split(" | ")
    if not _KINDS.keys() >= set(names):
        return ""
    numeric = {"int", "float"} if isinstance(value, bool) else set()
    fits = any(isinstance(value, _KINDS[name][0]) for name in names if name not in numeric)
    return "" if fits else " or ".join(_KINDS[name][1] for name in names)


def _hashable(what: str, options: dict[str, Any]) -> Options:
    failures = Failures()
    for name, value in options.items():
        try:
            with bounded(f"option {name!r} of {what}"):
                repr((value, hash(value)))
        except TypeError:
            message = f"{name!r} is a {type(value).__name__}, which cannot be hashed"
            remedy = "give a number, a tuple or a plain function"
            failures.add("options", what, f"{message}; {remedy}")
    refuse(what, failures)
    return tuple(sorted(options.items()))


def write_call(name: str, first: str, options: Options) -> str:
    """Write a call that evaluates back to the value, such as ``Divergence('huber', delta=1.0)``."""
    return f"{name}({', '.join([first, *(f'{key}={value!r}' for key, value in options)])})"


class Call(NamedTuple):
    """How to call a user's function: does it take a key, how many inputs, does it take the mode?"""

    key: bool
    inputs: int
    train: bool = False

    def __call__(
        self, fn: Callable, leading: tuple, x: Any, key: Any, train: bool = False, **more: Any
    ) -> Any:
        if self.key and key is not None:
            more["key"] = key
        if self.train:
            more["train"] = train
        return fn(*leading, *self.spread(x), **more)

    def spread(self, x: Any) -> tuple:
        """Return what stands for x among the arguments.

        A function with as many required arguments as the product has factors gets them spread;
        any other function gets the tuple.
        """
        return x if isinstance(x, tuple) and self.inputs == len(x) > 1 else (x,)


def call_of(fn: Callable, leading: int = 0, passed: Collection[str] = ("key", "train")) -> Call:
    """Read from a signature how a function wants to be called.

    Parameters
    ----------
    fn
        The function.
    leading
        How many arguments come before its inputs.
    passed
        Names of arguments that are given by name and are no inputs.

    Examples
    --------
    >>> call_of(lambda params, x, y, train, key=None: x, leading=1)
    Call(key=True, inputs=2, train=True)
    """
    signature = signature_of(fn)
    if signature is None:
        return Call(False, 1)
    parameters = signature.parameters
    positional = [
        p
        for p in parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        and p.default is p.empty
        and p.name not in passed
    ]
    by_name = {p.name for p in parameters.values() if p.kind is not p.POSITIONAL_ONLY}
    return Call("key" in by_name, len(positional) - leading, "train" in by_name)


#: Names of such arguments, with their value in training.
NAMES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "inference": False,
    "use_running_average": False,
}


class Modes(NamedTuple):
    """How a function is called on a batch, and by which arguments it gets the mode."""

    call: Call
    names: tuple[str, ...]

    @classmethod
    def of(cls, fn: Callable, leading: int = 0, optional: bool = True) -> Modes:
        """Read a signature, whose first ``leading`` arguments are no inputs.

        With ``optional`` False, arguments that are None by default are left alone.
        """
        signature = signature_of(fn)
        parameters = {} if signature is None else signature.parameters
        names = [
            name for name in parameters if name in NAMES and (optional or _asks(parameters[name]))
        ]
        call = call_of(fn, leading, passed=tuple(NAMES))
        return cls(call, tuple(names))

    def arguments(self, train: bool) -> dict[str, bool]:
        """Return the arguments that say the mode."""
        return {name: NAMES[name] == train for name in self.names}


def _asks(parameter: Any) -> bool:
    return parameter.default is not None
