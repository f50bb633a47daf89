"""Multi-task learning: heads on one backbone, with data sets of their own or one for all."""

from dataclasses import replace
from typing import Any

import catlearn as cl

from .common import Regime, Sizes, entropy, network, total


def regime(sizes: Sizes, tasks: int = 3, apart: bool = True, head: int | None = None) -> Regime:
    """Return the regime at some size.

    ``apart``: each task has a data set of its own. ``head``: the width of the heads, if another.
    """
    X, F = sizes.space("X", sizes.data), sizes.space("F", sizes.features)
    targets = [sizes.labels_of(f"Y{i}") for i in range(tasks)]
    own = sizes if head is None else replace(sizes, width=head)
    heads = [own.model(f"head{i}", F, Y) for i, Y in enumerate(targets)]
    columns: dict[str, Any] = {"X": X, **{f"Y{i}": Y for i, Y in enumerate(targets)}}
    data: Any = cl.Dataset("all", **columns)
    if apart:
        data = [cl.Dataset(f"task{i}", X=X, Y=Y) for i, Y in enumerate(targets)]
    diagram = cl.zoo.multi_task(sizes.model("backbone", X, F), heads, data)
    x = sizes.noise(sizes.batch, sizes.data)
    labels = {f"Y{i}": sizes.labels(sizes.batch, seed=i) for i in range(tasks)}
    batch = {"all": {"X": x, **labels}}
    if apart:
        counts = range(sizes.batch, sizes.batch - tasks, -1)
        batch = {
            f"task{i}": {"X": sizes.noise(size, sizes.data, seed=i), "Y": labels[f"Y{i}"][:size]}
            for i, size in enumerate(counts)
        }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand if apart else loop, batch)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, tied: bool = False) -> Any:
    """Cross-entropies on data sets apart; ``tied``: all tasks have the first one's head."""
    terms = {}
    for i in range(len(batch)):
        data, head = batch[f"task{i}"], params[f"head{0 if tied else i}"]
        logits = network(head, network(params["backbone"], data["X"]))
        terms[f"task{i}.X >> backbone >> head{i} = task{i}.Y"] = entropy(logits, data["Y"])
    return total(terms, state)


def loop(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
    """Cross-entropies on one data set, in a loop over the heads."""
    data = batch["all"]
    inside = network(params["backbone"], data["X"])
    terms = {
        f"all.X >> backbone >> head{i} = all.Y{i}": entropy(
            network(params[f"head{i}"], inside), data[f"Y{i}"]
        )
        for i in range(len(data) - 1)
    }
    return total(terms, state)
