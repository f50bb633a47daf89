"""Optimizers by edge: a mapping from trainable edges to optimizers is one optimizer.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Space("Y", 1)
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), encoder, head)
>>> fn = cl.lower(D.loss())
>>> optimizer = optimizer_of(fn, {"encoder": optax.sgd(0.01), "*": optax.adam(0.1)})
>>> optimizer_of(fn, {"encodr": optax.sgd(0.01), "*": None})
Traceback (most recent call last):
catlearn.errors.InvalidStructure: the optimizers is not valid (1 failure):
  - edge 'encodr': is not trainable; did you mean encoder? [optimizer]
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optax

from catlearn.errors import Failure, InvalidStructure, did_you_mean

if TYPE_CHECKING:
    from catlearn.lowering import Lowered

Optimizer = optax.GradientTransformation
Optimizers = Mapping[str | tuple[str, ...], Optimizer | None]

REST = "*"
"""Stands for every edge that is not named."""


def optimizer_of(fn: Lowered, given: Optimizer | Optimizers) -> Optimizer:
    """Return one optimizer for what was given, the same one each time.

    Parameters
    ----------
    fn
        The lowered loss.
    given
        An optimizer, or a mapping whose keys are trainable edges, tuples of them, and ``"*"`` for
        all others. Edges with the very same optimizer form a group: what it computes of a whole
        tree, such as a norm, it computes of the group. None leaves edges as they are.

    Raises
    ------
    InvalidStructure
        Listing all edges that are not trainable, named twice, or left without an optimizer.
    """
    if not isinstance(given, Mapping):
        return given
    by_edge = by_edge_of(fn.trainable, given)
    known: dict[Any, Any] = fn.compiled
    key = ("optimizers", tuple(by_edge.items()))
    if key not in known:
        known[key] = _grouped(fn, by_edge)
    return known[key]


def by_edge_of(trainable: Sequence[str], given: Optimizers) -> dict[str, Optimizer | None]:
    """Return the optimizer of each trainable edge.

    Where a loss is lowered with these as ``groups``, edges with different ones are not stacked.

    Raises
    ------
    InvalidStructure
        As for :func:`optimizer_of`.
    """
    chosen: dict[str, Optimizer | None] = {}
    failures: list[Failure] = []
    for names, optimizer in given.items():
        for name in (names,) if isinstance(names, str) else names:
            if name != REST and name not in trainable:
                message = f"is not trainable; {did_you_mean(name, trainable)}"
                failures.append(Failure("optimizer", f"edge '{name}'", message))
            if name in chosen:
                failures.append(Failure("optimizer", f"edge '{name}'", "has two optimizers"))
            chosen[name] = optimizer
    failures += [
        Failure("optimizer", f"edge '{edge}'", f"has no optimizer; name it, or give '{REST}'")
        for edge in trainable
        if edge not in chosen and REST not in chosen
    ]
    if failures:
        raise InvalidStructure("the optimizers", failures)
    return {edge: chosen.get(edge, chosen.get(REST)) for edge in trainable}


def _grouped(fn: Lowered, by_edge: Mapping[str, Optimizer | None]) -> Optimizer:
    labels: dict[Optimizer | None, str] = {}
    for edge, optimizer in by_edge.items():
        labels.setdefault(optimizer, edge)
    transforms: dict[Hashable, Optimizer] = {
        label: optax.set_to_zero() if optimizer is None else optimizer
        for optimizer, label in labels.items()
    }
    chosen = {edge: labels[optimizer] for edge, optimizer in by_edge.items()}
    return optax.multi_transform(transforms, fn.select(chosen))
