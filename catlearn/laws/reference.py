"""A reference evaluation of losses: every atom by the book, in numpy, path by path.

It shares nothing with the lowering but the diagram, so the two can be held against each other.
Where numpy has no such map (an architecture other than ``linear``) the architecture is asked.

>>> import numpy as np
>>> import catlearn as cl
>>> X, Y = cl.Space("X", 1), cl.Space("Y", 1)
>>> data = cl.Dataset("data", X=(X, np.array([[1.0], [2.0]])), Y=(Y, np.array([[1.0], [3.0]])))
>>> loss = cl.LearningDiagram(data, cl.Model("f", X, Y, "linear", use_bias=False)).loss()
>>> loss.evaluate(interpretation(loss, {"f": {"weight": np.array([[2.0]])}}))
1.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.loss import PAIR
from catlearn.models import Architecture, SpaceLabel, as_input
from catlearn.models.divergences import AnyDivergence


def interpretation(
    loss: Loss,
    params: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what each symbol of a loss means, for ``loss.evaluate``.

    Parameters
    ----------
    loss
        The loss of a learning diagram.
    params
        ``{edge: tree}`` for the trainable edges; frozen ones are in the diagram's store.
    data
        ``{projection edge: array}``; by default what is stored in the diagram.
    """
    diagram = loss.diagram
    values: dict[str, Any] = {PAIR: lambda *parts: parts}
    for edge in diagram.edges:
        values[edge] = _map(diagram, edge, params, diagram.store if data is None else data)
    for (what, _), symbol in loss.symbols.items():
        values[symbol] = _mean if what == "E" else _divergence(what)
    return values


def _map(
    diagram: LearningDiagram, edge: str, params: Mapping[str, Any], data: Mapping[str, Any]
) -> Any:
    label = diagram.map_label(edge)
    match label.kind:
        case "projection":
            return _as_float(data[edge]) if edge in data else None
        case "factor":
            return lambda parts: parts[label.index]
        case "defined":
            return None
    assert label.architecture is not None
    architecture, source = label.architecture, diagram.space_label(diagram.source(edge))
    values = params[edge] if label.kind == "model" else diagram.store.get(edge)
    return lambda x: _run(architecture, values, _numbers(source, x))


def _run(architecture: Architecture, values: Any, x: Any) -> Any:
    if isinstance(values, dict) and set(values) <= {"weight", "bias"}:
        return np.tensordot(_flat(x), _as_float(values["weight"]), 1) + values.get("bias", 0)
    return _as_float(architecture.apply(values, x))


def _numbers(source: SpaceLabel, x: Any) -> Any:
    return _as_float(as_input(source, x))


def _flat(x: Any) -> np.ndarray:
    parts = x if isinstance(x, tuple) else (x,)
    return np.concatenate(
        [_flat(part) if isinstance(part, tuple) else part.reshape(len(part), -1) for part in parts],
        axis=1,
    )


def _as_float(value: Any) -> Any:
    """Return floats in double precision, and integers (labels) as they are."""
    if isinstance(value, tuple):
        return tuple(map(_as_float, value))
    array = np.asarray(value)
    return array if array.dtype.kind in "iu" else array.astype("float64")


def _mean(costs: np.ndarray) -> float:
    return float(np.mean(costs))


def _divergence(divergence: AnyDivergence) -> Callable[[Any, Any], np.ndarray]:
    known = {
        "squared_error": lambda p, t: _total((p - t) ** 2),
        "absolute_error": lambda p, t: _total(abs(p - t)),
        "cross_entropy": _cross_entropy,
    }
    parts = getattr(divergence, "parts", None)
    if parts is not None:
        each = [_divergence(part) for part in parts]
        return lambda p, t: sum(d(a, b) for d, a, b in zip(each, p, t, strict=True))  # type: ignore
    return known.get(divergence.name, lambda p, t: np.asarray(divergence(p, t), "float64"))


def _total(costs: np.ndarray) -> np.ndarray:
    return costs.reshape(len(costs), -1).sum(axis=1)


def _cross_entropy(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    logs = _log_softmax(prediction)
    if target.dtype.kind in "iu":
        return -logs[np.arange(len(target)), target]
    return -(np.exp(_log_softmax(target)) * logs).sum(axis=1)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))
