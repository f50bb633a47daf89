"""What is measured at the end of a run: costs, accuracies, and what it was made with."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cli.columns import count, digest
from catlearn.cli.equations import at_step
from catlearn.learning import LearningDiagram, LossTerm
from catlearn.models import CategoricalLabel, needs_key

if TYPE_CHECKING:
    from catlearn.cli.planning import Data, Plan
    from catlearn.training import Result


def metrics_of(plan: Plan, result: Result) -> dict[str, Any]:
    """Return what ``metrics.json`` says of a run.

    Costs are means over whole data sets, with models in evaluation mode and weights as in the last
    step. An equation whose one side is a column of labels has an *accuracy*: how often the
    likeliest class is the label.
    """
    import jax

    settings, last = plan.settings, max(result.steps - 1, 0)
    loss, weights = at_step(plan.loss, last), plan.fn.weights(last)
    key = jax.random.key(settings.seed)
    result = replace(result, state={**result.state, "weights": weights})
    value, costs = result.evaluate(plan.train, key)
    tested: dict[str, Any] = {}
    if plan.test:
        _, every = result.evaluate({**plan.train, **plan.test}, key)
        names = [term.name for term in loss.equations if term.data in plan.test]
        tested = {"equations": {name: every[name] for name in names}}
        tested["accuracy"] = _accuracies(plan, result, plan.test)
    return {
        "steps": result.steps,
        "seed": settings.seed,
        "loss": str(loss),
        "aggregator": loss.aggregator.name,
        "equations": [
            {
                "name": term.name,
                "equation": str(term),
                "data": term.data,
                "weight": float(term.weight),
                "divergence": str(term.divergence),
            }
            for term in loss.equations
        ],
        "train": {
            "value": value,
            "equations": costs,
            "accuracy": _accuracies(plan, result, plan.train),
        },
        "test": tested,
        "data": {
            name: {
                "file": str(given.file),
                "sha256": digest(given.file),
                "train": count(plan.train.get(name, {})),
                "test": count(plan.test.get(name, {})),
            }
            for name, given in settings.data.items()
        },
        "parameters": {
            edge: sum(int(np.size(leaf)) for leaf in jax.tree.leaves(result.params[edge]))
            for edge in plan.fn.trainable
        },
        "versions": versions(),
        "environment": environment(),
        "device": f"{jax.device_count()} {jax.devices()[0].device_kind}",
    }


def _accuracies(plan: Plan, result: Result, data: Data) -> dict[str, float]:
    """Return how often the likeliest class is the label, for equations that end at labels."""
    evaluate = plan.fn.evaluation(result.params, result.state)
    found = {}
    for term in plan.loss.equations:
        if term.data in data and _is_classification(plan.diagram, term):
            sides = [_classes(evaluate(side)(data[term.data])) for side in (term.lhs, term.rhs)]
            found[term.name] = float(np.mean(sides[0] == sides[1]))
    return found


def _is_classification(diagram: LearningDiagram, term: LossTerm) -> bool:
    """Whether labels are predicted, by maps that need no random key."""
    kinds = [diagram.map_label(edge).kind for edge in term.rhs.edges]
    used = {part for side in (term.lhs, term.rhs) for part in diagram.rewriting.edges_of(side)}
    random = any(
        needs_key(diagram.runs(e), *map(diagram.space_label, diagram.ends(e)), train=False)
        for e in used
    )
    label = diagram.space_label(term.target)
    return isinstance(label, CategoricalLabel) and kinds == ["projection"] and not random


def _classes(values: Any) -> np.ndarray:
    values = np.asarray(values)
    return values if values.ndim == 1 else values.argmax(axis=-1)


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    packages = ("catlearn", "jax", "optax", "numpy")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def environment() -> dict[str, str]:
    """Return when and on what machine it was."""
    return {
        "date": datetime.now(UTC).isoformat(sep=" ", timespec="seconds"),
        "machine": f"{platform.platform()}, {os.cpu_count()} CPU cores",
    }
