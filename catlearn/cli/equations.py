"""The loss of a run: which equations, and what they weigh.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
>>> print(make_loss(D, LossSettings(weights={"d.*": 0.5}), Reader()))
L(f) = 0.5 E_d(d_Y(f(d.X), d.Y))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from catlearn.cli.calls import schedule_of
from catlearn.cli.reader import Reader, dotted
from catlearn.cli.settings import LossSettings
from catlearn.cost import get_aggregator
from catlearn.errors import CatlearnError, InvalidStructure
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.weights import Weight


def make_loss(diagram: LearningDiagram, given: LossSettings, reader: Reader) -> Loss | None:
    """Make the loss that a configuration describes, or note all that is wrong with it.

    Parameters
    ----------
    diagram
        The diagram.
    given
        The section of the configuration.
    reader
        Collects the faults.
    """
    try:
        get_aggregator(given.aggregator)
    except CatlearnError as error:
        reader.fault("unknown name", "loss.aggregator", str(error))
        return None
    try:
        loss = diagram.loss(
            given.equations, aggregator=given.aggregator, max_length=given.max_length
        )
    except InvalidStructure as error:
        for failure in error.failures:
            reader.fault(failure.law, f"loss.equations: {failure.where}", failure.message)
        return None
    except CatlearnError as error:
        reader.fault("loss", "loss.equations", str(error))
        return None
    if not loss.equations:
        message = "no equation has a trainable model; glue data to a model, or declare one"
        reader.fault("loss", "loss.equations", message)
        return None
    weighted = _weighted(loss, given.weights, reader)
    if not weighted.equations:
        reader.fault("loss", "loss.weights", "are 0 for all equations, so that nothing is trained")
        return None
    return weighted


def _weighted(loss: Loss, given: Mapping[str, Any], reader: Reader) -> Loss:
    """Return the loss with the weights of a file."""
    weights = {key: _weight(given, key, reader) for key in given}
    names = [term.name for term in loss.equations]
    chosen = reader.by_name(weights, names, "loss.weights", "equation")
    terms = []
    for term in loss.equations:
        _, weight = chosen.get(term.name, ("", None))  # None where it is at fault, too
        terms.append(term if weight is None else replace(term, weight=weight))
    left = tuple(term for term in terms if _counts(term.weight))
    return Loss(loss.diagram, replace(loss.selection, terms=left), loss.aggregator)


def at_step(loss: Loss, step: int) -> Loss:
    """Return the loss whose weights are the numbers that they are at a step.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> fit = cl.Equation("d.X >> f = d.Y", weight=lambda step: step / 10)
    >>> d, f = cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear")
    >>> print(at_step(cl.LearningDiagram(d, f, equations={"fit": fit}).loss(), 5))
    L(f) = 0.5 E_d(d_Y(f(d.X), d.Y))
    """
    weights = [term.weight for term in loss.equations]
    return weighing(loss, [float(w.at(step)) if isinstance(w, Weight) else w for w in weights])


def weighing(loss: Loss, weights: Sequence[float]) -> Loss:
    """Return the loss with other weights, one for each equation."""
    pairs = zip(loss.equations, weights, strict=True)
    terms = tuple(replace(term, weight=weight) for term, weight in pairs)
    return Loss(loss.diagram, replace(loss.selection, terms=terms), loss.aggregator)


def _counts(weight: Any) -> bool:
    """Whether an equation of this weight is trained; schedules may start at 0."""
    return getattr(weight, "schedule", None) is not None or weight != 0


def _weight(given: Mapping[str, Any], key: str, reader: Reader) -> float | Weight | None:
    at = "loss.weights"
    if isinstance(given[key], dict):
        schedule = schedule_of(given[key], reader, dotted(at, key))
        return None if schedule is None else Weight(None, schedule=schedule)
    return reader.value(
        given, key, "a number", at,
        good=lambda weight: weight >= 0, expected="a number from 0, or a table with a schedule",
    )  # fmt: skip
