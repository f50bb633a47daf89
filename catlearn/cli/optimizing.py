"""Optimizers and schedules of optax by name, with options that are checked.

Only these names can be said, and only options that are numbers or truth values; a configuration
cannot name any other function.

>>> from catlearn.cli.settings import Reader
>>> reader = Reader()
>>> make_optimizer({"name": "adam", "learning_rte": 0.1}, reader, ["encoder"])
>>> print(*reader.failures, sep="\\n")
optimizer.learning_rte: did you mean learning_rate? [unknown key]
optimizer.learning_rate: has to be given: a number or a table with a schedule [missing]
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from catlearn.cli.settings import Reader, dotted
from catlearn.errors import did_you_mean
from catlearn.files import shorten

if TYPE_CHECKING:
    import optax

    from catlearn.lowering import Lowered

OPTIMIZERS = (
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "adan",
    "amsgrad",
    "fromage",
    "lamb",
    "lars",
    "lion",
    "nadam",
    "nadamw",
    "novograd",
    "optimistic_gradient_descent",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
    "sm3",
    "yogi",
)
SCHEDULES = {
    "constant": "constant_schedule",
    "cosine_decay": "cosine_decay_schedule",
    "cosine_onecycle": "cosine_onecycle_schedule",
    "exponential_decay": "exponential_decay",
    "linear": "linear_schedule",
    "linear_onecycle": "linear_onecycle_schedule",
    "polynomial": "polynomial_schedule",
    "warmup_constant": "warmup_constant_schedule",
    "warmup_cosine_decay": "warmup_cosine_decay_schedule",
    "warmup_exponential_decay": "warmup_exponential_decay_schedule",
}
#: Options without a default value that are numbers all the same.
_NUMBERS = ("momentum", "end_value", "weight_decay_rate")
_NOT_SAID = ("key", "seed", "weight_decay_mask", "trust_ratio_mask")


class Optimizer(NamedTuple):
    """An optimizer, and those of single models.

    Parameters
    ----------
    rest
        For all models that have none of their own.
    models
        By model.
    clip
        The largest norm of all gradients together, None for any.
    """

    rest: optax.GradientTransformation
    models: dict[str, optax.GradientTransformation]
    clip: float | None

    @property
    def groups(self) -> dict[str, str]:
        """Labels for ``lower(groups=...)``: models with an optimizer of their own are apart."""
        return {edge: f"model {edge}" for edge in self.models}

    def over(self, fn: Lowered) -> optax.GradientTransformation:
        """Return one transformation of the parameters of a lowered loss."""
        import optax

        parts = [] if self.clip is None else [optax.clip_by_global_norm(self.clip)]
        if not self.models:
            return optax.chain(*parts, self.rest) if parts else self.rest
        named = {self.groups[edge]: one for edge, one in self.models.items()}
        labels = fn.select(self.groups, "others")
        parts.append(optax.multi_transform({"others": self.rest, **named}, labels))  # type: ignore
        return optax.chain(*parts)


def make_optimizer(
    table: Mapping[str, Any], reader: Reader, trainable: Iterable[str]
) -> Optimizer | None:
    """Make the optimizer that a table describes, or note all that is wrong with it.

    Parameters
    ----------
    table
        ``name``, the optimizer's options, ``clip``, and ``models``: such tables by model.
    reader
        Collects the faults.
    trainable
        The models that there are.
    """
    before, trainable = len(reader.failures), list(trainable)
    clip = reader.value(
        table, "clip", "a number", "optimizer",
        default=None, good=lambda norm: norm > 0, expected="a positive number",
    )  # fmt: skip
    tables = reader.value(table, "models", "a table", "optimizer", default={})
    rest = _one(
        {k: v for k, v in table.items() if k not in ("clip", "models")}, reader, "optimizer"
    )
    models = {}
    for edge, own in tables.items():
        where = dotted("optimizer.models", edge)
        if edge not in trainable:
            message = f"is no trainable model; {did_you_mean(edge, trainable)}"
            reader.fault("unknown name", where, message)
        if isinstance(own, dict):
            models[edge] = _one(own, reader, where)
        else:
            message = f"is {shorten(repr(own))}, expected a table with name = ..."
            reader.fault("value", where, message)
    return None if len(reader.failures) > before else Optimizer(rest, models, clip)


def _one(table: Mapping[str, Any], reader: Reader, at: str) -> Any:
    import optax

    name = reader.value(table, "name", "a text", at, expected="the name of an optimizer")
    if name is None:
        return None
    if name not in OPTIMIZERS:
        message = f"is {shorten(name)!r}, no optimizer; {did_you_mean(name, OPTIMIZERS)}"
        reader.fault("unknown name", dotted(at, "name"), message)
        return None
    given = {key: value for key, value in table.items() if key != "name"}
    rate = given.get("learning_rate")
    before = len(reader.failures)
    if isinstance(rate, dict):
        given["learning_rate"] = _schedule(rate, reader, dotted(at, "learning_rate"))
    options = _options(getattr(optax, name), given, reader, at)
    return None if len(reader.failures) > before else _made(optax, name, options, reader, at)


def _schedule(table: Mapping[str, Any], reader: Reader, at: str) -> Any:
    import optax

    name = reader.value(table, "schedule", "a text", at, expected="the name of a schedule")
    if name is None:
        return None
    known = SCHEDULES.get(name.removesuffix("_schedule"))
    if known is None:
        message = f"is {shorten(name)!r}, no schedule; {did_you_mean(name, SCHEDULES)}"
        reader.fault("unknown name", dotted(at, "schedule"), message)
        return None
    before = len(reader.failures)
    given = {key: value for key, value in table.items() if key != "schedule"}
    options = _options(getattr(optax, known), given, reader, at)
    return None if len(reader.failures) > before else _made(optax, known, options, reader, at)


def _made(optax: Any, name: str, options: dict[str, Any], reader: Reader, at: str) -> Any:
    try:
        return getattr(optax, name)(**options)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        reader.fault("value", at, shorten(str(error), 200))
        return None


def _options(
    function: Any, given: Mapping[str, Any], reader: Reader, at: str
) -> dict[str, Any]:  # fmt: skip
    """Check options by the signature of what they are for."""
    kinds: dict[str, tuple[str, bool]] = {}
    for key, parameter in inspect.signature(function).parameters.items():
        kind = _kind(key, parameter.default)
        if kind is not None:
            kinds[key] = kind, parameter.default is inspect.Parameter.empty
    reader.unknown(given, kinds, at)
    options = {}
    for key, (kind, required) in kinds.items():
        if callable(given.get(key)):
            options[key] = given[key]
        elif key in given and given[key] is None:
            continue  # a schedule whose faults are noted
        elif key in given or required:
            rate = key == "learning_rate"
            expected = "a number or a table with a schedule" if rate else ""
            options[key] = reader.value(given, key, kind, at, expected=expected)
    return options


def _kind(key: str, default: Any) -> str | None:
    if key in _NOT_SAID:
        return None
    if isinstance(default, bool):
        return "true or false"
    if key == "learning_rate" or isinstance(default, float) or key in _NUMBERS:
        return "a number"
    if isinstance(default, int):
        return (
            "an integer" if key.endswith(("_steps", "_begin", "_size", "_factor")) else "a number"
        )
    if default is inspect.Parameter.empty:
        return "an integer" if key.endswith("_steps") else "a number"
    return None
