"""Options given by keyword: checked against a signature and kept as a hashable value.

Divergences and architectures are named in a registry and refined by options, such as
``huber`` with ``delta=0.5``. Defaults are filled in, so that leaving an option out and giving
its default are the same value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from catlearn.errors import Failure, InvalidStructure

Options = tuple[tuple[str, Any], ...]


def signature_of(fn: Callable) -> inspect.Signature | None:
    """Return a callable's signature, or None where Python cannot tell (some builtins)."""
    try:
        return inspect.signature(fn)
    except (ValueError, TypeError):
        return None


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
        Listing every unknown, missing and unhashable option, or if ``fn`` cannot be hashed.

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
    known = ", ".join(accepted) or "none"
    failures = [
        Failure("options", what, f"there is no option {name!r}; its options are: {known}")
        for name in options
        if name not in accepted
    ]
    failures += [
        Failure("options", what, f"option {name!r} is required")
        for name, p in accepted.items()
        if p.default is p.empty and name not in options
    ]
    if failures:
        raise InvalidStructure(what, failures)
    defaults = {name: p.default for name, p in accepted.items() if p.default is not p.empty}
    return _hashable(what, {**defaults, **options})


def _hashable(what: str, options: dict[str, Any]) -> Options:
    failures = []
    for name, value in options.items():
        try:
            hash(value)
        except TypeError:
            message = f"{name!r} is a {type(value).__name__}, which cannot be hashed"
            remedy = "give a number, a tuple or a plain function"
            failures.append(Failure("options", what, f"{message}; {remedy}"))
    if failures:
        raise InvalidStructure(what, failures)
    return tuple(sorted(options.items()))


def write_call(name: str, first: str, options: Options) -> str:
    """Write a call that evaluates back to the value, such as ``Divergence('huber', delta=1.0)``."""
    return f"{name}({', '.join([first, *(f'{key}={value!r}' for key, value in options)])})"
