"""Functions of optax called by name, with options that are checked by their signature.

A number that optax lets follow a schedule may be a table with the schedule's name:

>>> reader = Reader()
>>> ramp = schedule_of({"schedule": "linear", "init_value": 0, "end_value": 1,
...                     "transition_steps": 4}, reader, "rate")
>>> float(ramp(2)), reader.failures
(0.5, [])
>>> call("sgd", {"learning_rate": 0.1, "nestrov": True}, reader, "optimizer")
>>> print(*reader.failures)
optimizer.nestrov: did you mean nesterov? [unknown key]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from catlearn.cli.keys import advice
from catlearn.cli.reader import Reader, dotted, shown
from catlearn.errors import did_you_mean
from catlearn.files import shorten

SCHEDULES = {
    "constant": "constant_schedule",
    "cosine_decay": "cosine_decay_schedule",
    "cosine_onecycle": "cosine_onecycle_schedule",
    "exponential_decay": "exponential_decay",
    "join": "join_schedules",
    "linear": "linear_schedule",
    "linear_onecycle": "linear_onecycle_schedule",
    "piecewise_constant": "piecewise_constant_schedule",
    "polynomial": "polynomial_schedule",
    "warmup_constant": "warmup_constant_schedule",
    "warmup_cosine_decay": "warmup_cosine_decay_schedule",
    "warmup_exponential_decay": "warmup_exponential_decay_schedule",
}
#: Options without a default value that are numbers all the same.
_NUMBERS = ("momentum", "end_value", "weight_decay_rate")
_NOT_SAID = ("key", "seed", "weight_decay_mask", "trust_ratio_mask")
_STEPS = ("_steps", "_begin", "_size", "_factor")
_LISTS = {
    "schedules": "a list of tables with schedule = ...",
    "boundaries": "a list of steps",
    "boundaries_and_scales": "a table of numbers by step, such as {1000 = 0.1}",
}


class _Option(NamedTuple):
    """What an option takes: a kind of value, and whether a schedule."""

    kind: str
    required: bool
    scheduled: bool


def call(name: str, given: Mapping[str, Any], reader: Reader, at: str) -> Any:
    """Call a function of optax, or note all that is wrong with its options and return None.

    Parameters
    ----------
    name
        What optax calls it.
    given
        The options, as they stand in the file.
    reader
        Collects the faults.
    at
        The TOML path of the table that they are in.
    """
    import optax

    function, before = getattr(optax, name), len(reader.failures)
    known = _options_of(function)
    reader.unknown(given, known, at, advice)
    options = {
        key: _value(given, key, option, reader, at)
        for key, option in known.items()
        if key in given or option.required
    }
    if len(reader.failures) > before:
        return None
    try:
        return function(**options)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        reader.fault("value", at, shorten(str(error), 200))
        return None


def schedule_of(table: Mapping[str, Any], reader: Reader, at: str) -> Callable[[Any], Any] | None:
    """Return the schedule that a table describes, or note all that is wrong with it.

    Parameters
    ----------
    table
        ``schedule``, its name, and its options.
    reader
        Collects the faults.
    at
        The TOML path.
    """
    name = reader.value(table, "schedule", "a text", at, expected="the name of a schedule")
    if name is None:
        return None
    known = SCHEDULES.get(name.removesuffix("_schedule"))
    if known is None:
        message = f"is {shown(name)}, no schedule; {did_you_mean(name, SCHEDULES)}"
        reader.fault("unknown name", dotted(at, "schedule"), message)
        return None
    return call(known, {k: v for k, v in table.items() if k != "schedule"}, reader, at)


def _value(
    given: Mapping[str, Any], key: str, option: _Option, reader: Reader, at: str
) -> Any:  # fmt: skip
    where = dotted(at, key)
    if key in _LISTS:
        return _listed(given, key, reader, at)
    if option.scheduled and isinstance(given.get(key), dict):
        return schedule_of(given[key], reader, where)
    expected = "a number or a table with a schedule" if option.scheduled else ""
    return reader.value(given, key, option.kind, at, expected=expected)


def _listed(given: Mapping[str, Any], key: str, reader: Reader, at: str) -> Any:
    where, expected = dotted(at, key), _LISTS[key]
    kind = "a table" if key == "boundaries_and_scales" else "a list"
    value = reader.value(given, key, kind, at, expected=expected)
    if value is None:
        return None
    if key == "schedules" and all(isinstance(table, dict) for table in value):
        return [schedule_of(table, reader, f"{where}[{n}]") for n, table in enumerate(value)]
    if key == "boundaries" and all(type(step) is int for step in value):
        return value
    if kind == "a table" and all(step.isdecimal() for step in value):
        return {int(step): reader.value(value, step, "a number", where) for step in value}
    reader.fault("value", where, f"is {shown(value)}, expected {expected}")
    return None


def _options_of(function: Any) -> dict[str, _Option]:
    found = {}
    for key, parameter in inspect.signature(function).parameters.items():
        kind, required = _kind(key, parameter.default), parameter.default is parameter.empty
        if kind is not None:
            scheduled = kind == "a number" and "Callable" in str(parameter.annotation)
            found[key] = _Option(kind, required or key in _LISTS, scheduled)
    return found


def _kind(key: str, default: Any) -> str | None:
    if key in _NOT_SAID:
        return None
    if isinstance(default, bool):
        return "true or false"
    if key == "learning_rate" or isinstance(default, float) or key in _NUMBERS:
        return "a number"
    if isinstance(default, int):
        return "an integer" if key.endswith(_STEPS) else "a number"
    if key in _LISTS:
        return "a list"
    if default is inspect.Parameter.empty:
        return "an integer" if key.endswith("_steps") else "a number"
    return None
