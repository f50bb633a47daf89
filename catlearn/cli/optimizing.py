"""Optimizers of optax by name, one for all models or several by model.

Only the names in this module can be said, and only options that are numbers, truth values and
schedules; a configuration cannot name any other function.

>>> reader = Reader()
>>> make_optimizer({"name": "adam", "learning_rte": 0.1}, reader, ["encoder"])
>>> print(*reader.failures, sep="\\n")
optimizer.learning_rte: did you mean learning_rate? [unknown key]
optimizer.learning_rate: has to be given: a number or a table with a schedule [missing]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from catlearn.cli.calls import call
from catlearn.cli.keys import read_key
from catlearn.cli.reader import Reader, dotted, shown
from catlearn.errors import did_you_mean

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
    "sign_sgd",
    "sm3",
    "yogi",
)
TRANSFORMATIONS = (
    "adaptive_grad_clip",
    "add_decayed_weights",
    "apply_every",
    "centralize",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "ema",
    "keep_params_nonnegative",
    "normalize_by_update_norm",
    "scale",
    "trace",
    "zero_nans",
)
"""What stands in a chain beside an optimizer."""
#: Leaves models as they are.
NONE = "none"
#: What looks at whole arrays is shown the arrays of each model, though they are stored stacked.
ARRAYWISE = (
    "adafactor",
    "adaptive_grad_clip",
    "centralize",
    "clip_by_block_rms",
    "fromage",
    "lamb",
    "lars",
    "novograd",
    "sm3",
)


class Optimizer(NamedTuple):
    """Optimizers by model.

    Parameters
    ----------
    by_model
        ``{models: optimizer}`` as for :func:`catlearn.fit`; None leaves models as they are.
    clip
        The largest norm of all gradients together, None for any.
    names
        What each is called, by the key of ``by_model``.
    """

    by_model: Mapping[tuple[str, ...], optax.GradientTransformation | None]
    clip: float | None
    names: Mapping[tuple[str, ...], str]

    @property
    def groups(self) -> dict[str, str]:
        """Labels for ``lower(groups=...)``: models with different optimizers are stored apart."""
        if len(self.by_model) == 1:
            return {}
        return {model: " ".join(models) for models in self.by_model for model in models}

    def over(self, fn: Lowered) -> optax.GradientTransformation:
        """Return one transformation of the parameters of a lowered loss."""
        import optax

        from catlearn.training.step import optimizer_of

        one, *others = self.by_model.values()
        moved = one if one is not None and not others else optimizer_of(fn, {**self.by_model})
        return moved if self.clip is None else optax.chain(
            optax.clip_by_global_norm(self.clip), moved
        )  # fmt: skip

    def __str__(self) -> str:
        clip = "" if self.clip is None else f", gradients clipped to norm {self.clip:g}"
        if len(self.names) == 1:
            return f"{next(iter(self.names.values()))}{clip}"
        said = (f"{name} for {', '.join(models)}" for models, name in self.names.items())
        return f"{'; '.join(said)}{clip}"


def make_optimizer(
    table: Mapping[str, Any], reader: Reader, trainable: Iterable[str]
) -> Optimizer | None:
    """Make the optimizers that a table describes, or note all that is wrong with them.

    Parameters
    ----------
    table
        ``name`` or ``chain``, options, ``clip``, and ``models``: such tables by model.
    reader
        Collects the faults.
    trainable
        The models that there are.
    """
    before, trainable, at = len(reader.failures), list(trainable), "optimizer"
    clip = read_key(reader, table, "optimizer.clip")
    tables = reader.value(table, "models", "a table", at, default={})
    made = {key: _own(key, own, reader) for key, own in tables.items()}
    chosen = reader.by_name(tables, trainable, "optimizer.models", "trainable model")
    rest = {key: value for key, value in table.items() if key not in ("clip", "models")}
    if rest or len(chosen) < len(trainable) or not trainable:
        made[""] = _one(rest, reader, at)
    if rest and "*" in tables:
        reader.fault("ambiguous", "optimizer.models.*", "is given beside [optimizer] itself")
    if len(reader.failures) > before:
        return None
    keys = [chosen.get(model, ("", None))[0] for model in trainable]
    groups = {
        tuple(m for m, own in zip(trainable, keys, strict=True) if own == key): made[key]
        for key in dict.fromkeys(keys)
    }
    if trainable and all(one.transform is None for one in groups.values()):
        reader.fault("value", at, f"is {NONE!r} for all models, so that nothing is trained")
        return None
    return Optimizer(
        {models: one.transform for models, one in groups.items()},
        clip,
        {models: one.name for models, one in groups.items()},
    )


class _Made(NamedTuple):
    """A transformation and what to call it."""

    transform: Any
    name: str


def _own(key: str, table: Any, reader: Reader) -> _Made:
    where = dotted("optimizer.models", key)
    if isinstance(table, dict):
        return _one(table, reader, where)
    reader.fault("value", where, f"is {shown(table)}, expected a table with name = ...")
    return _Made(None, "")


def _one(table: Mapping[str, Any], reader: Reader, at: str) -> _Made:
    """Make one optimizer: by its name, or as a chain."""
    if "chain" not in table:
        return _made(table, (*OPTIMIZERS, NONE), reader, at)
    tables = read_key(reader, table, "optimizer.chain", at)
    said = "stands beside chain, where each table has its own options"
    for key in (key for key in table if key != "chain"):
        reader.fault("value", dotted(at, key), said)
    parts = [
        _made(part, (*OPTIMIZERS, *TRANSFORMATIONS), reader, f"{dotted(at, 'chain')}[{n}]")
        for n, part in enumerate(tables or [])
    ]
    names = [part.name for part in parts]
    if parts and all(names) and sum(name in OPTIMIZERS for name in names) != 1:
        message = f"has {', '.join(names)}, expected exactly one optimizer such as adam among them"
        reader.fault("value", dotted(at, "chain"), message)
    if not parts or any(part.transform is None for part in parts):
        return _Made(None, "")
    import optax

    return _Made(optax.chain(*(part.transform for part in parts)), ", ".join(names))


def _made(table: Mapping[str, Any], known: tuple[str, ...], reader: Reader, at: str) -> _Made:
    """Make what a table names, out of what may be named there."""
    name = reader.value(table, "name", "a text", at, expected="the name of an optimizer")
    if name is None:
        return _Made(None, "")
    if name not in known:
        message = f"is {shown(name)}, no optimizer; {did_you_mean(name, known)}"
        reader.fault("unknown name", dotted(at, "name"), message)
        return _Made(None, "")
    given = {key: value for key, value in table.items() if key != "name"}
    if name == NONE:
        reader.unknown(given, (), at)
        return _Made(None, NONE)
    transform = call(name, given, reader, at)
    if transform is not None and name in ARRAYWISE:
        from catlearn.training import per_edge

        transform = per_edge(transform)
    return _Made(transform, name)
