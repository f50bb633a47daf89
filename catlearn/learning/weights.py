"""Weights that change while training: a number with a name, a schedule, or both.

A weight is a number, and is one wherever numbers are compared or added. That it may change is
known to the lowering, where weights are arguments of the loss: nothing is compiled again. It may
weigh an equation, or be the scale by which an equation trains an edge; there it may be negative.

>>> beta = Weight("beta", 0.5)
>>> beta + 1, beta
(1.5, Weight('beta', 0.5))
>>> ramp = Weight.of(lambda step: step / 100)
>>> float(ramp), ramp.at(50), (-ramp).at(50)
(0.0, 0.5, -0.5)
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

from catlearn.display import Legible
from catlearn.errors import expect, fault


class Weight(Legible, float):
    """A weight or a scale of an equation, to be changed by name or by a schedule.

    Parameters
    ----------
    name
        What it is called; weights of one name share what is given by name. None for a schedule
        that nothing else shares.
    value
        A number; with a schedule, by default its value at step 0. Equations are not weighed by
        negative ones.
    schedule
        ``step -> number``, such as an optax schedule.
    factor
        What all of it is multiplied by; ``-weight`` has the opposite one.

    Raises
    ------
    InvalidStructure
        If there is neither a number nor a schedule.
    WrongKind
        If one of them, or the name, is something else.

    Examples
    --------
    >>> -Weight("strength", 0.5)
    Weight('strength', 0.5, factor=-1.0)
    >>> print(-Weight("strength", 0.5), float(-Weight("strength", 0.5)))
    -strength -0.5
    """

    name: str | None
    value: float
    schedule: Callable[[Any], Any] | None
    factor: float

    def __new__(
        cls,
        name: str | None,
        value: float | None = None,
        schedule: Callable[[Any], Any] | None = None,
        factor: float = 1.0,
    ) -> Weight:
        if value is None and schedule is None:
            message = "needs a number or a schedule: Weight('beta', 1.0)"
            raise fault("Weight", "value", f"weight {name!r}", message)
        expect(name, (str, type(None)), "the name of a weight", "text, or None")
        for what, number in (("value", value), ("factor", factor)):
            if number is not None:
                expect(number, "__float__", f"the {what} of a weight", "a number")
        if schedule is not None:
            expect(schedule, Callable, "the schedule of a weight", "a function of the step")
        start = float(schedule(0)) if value is None and schedule is not None else value
        made = super().__new__(cls, factor * start)  # type: ignore[operator]
        made.name, made.value, made.schedule = name, float(start), schedule  # type: ignore[arg-type]
        made.factor = float(factor)
        return made

    @classmethod
    def of(cls, given: Any) -> Any:
        """Return a number as Python's own float, and a schedule as a weight."""
        if isinstance(given, cls):
            return given
        if isinstance(given, numbers.Real):
            return float(given)
        return cls(None, schedule=given) if callable(given) else given

    @property
    def unscaled(self) -> Weight:
        """The weight without its factor: what is given by name, or follows the schedule."""
        return Weight(self.name, self.value, self.schedule)

    def at(self, step: Any, values: Mapping[str, Any] | None = None) -> Any:
        """Return the value at a step: the one given by name, the schedule's, or the number."""
        if self.name is not None and self.name in (values or {}):
            return self.factor * (values or {})[self.name]
        return self.factor * (self.value if self.schedule is None else self.schedule(step))

    def _key(self) -> tuple[Any, ...]:
        return self.name, self.value, self.schedule, self.factor

    def __neg__(self) -> Weight:
        return Weight(self.name, self.value, self.schedule, -self.factor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weight) and self._key() == other._key()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._key())

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return self._key()

    def __repr__(self) -> str:
        more = "" if self.schedule is None else f", schedule={self.schedule!r}"
        more += "" if self.factor == 1 else f", factor={self.factor!r}"
        return f"Weight({self.name!r}, {self.value!r}{more})"

    def __str__(self) -> str:
        if self.name is None:
            return f"{'' if self.schedule is None else 'a schedule from '}{float(self) + 0:g}"
        times = {1.0: "", -1.0: "-"}.get(self.factor, f"{self.factor:g} ")
        return f"{times}{self.name}"


def weight_text(weight: float) -> str:
    """Return a weight, or a scale, in short: its name, or the number.

    Examples
    --------
    >>> weight_text(-0.5), weight_text(-Weight("strength", 0.5))
    ('-0.5', '-strength')
    """
    return str(weight) if isinstance(weight, Weight) else f"{weight:g}"


def training_text(trains: Mapping[str, float] | None, stop: str | None) -> list[str]:
    """Return in words which edges an equation trains, and where gradients stop.

    Examples
    --------
    >>> training_text({"head": 1.0, "encoder": -0.5}, "rhs")
    ['trains head, encoder by -0.5', 'stop at rhs']
    >>> training_text(None, None)
    []
    """
    parts = []
    if trains is not None:
        names = (
            edge if scale == 1 else f"{edge} by {weight_text(scale)}"
            for edge, scale in trains.items()
        )
        parts.append(f"trains {', '.join(names)}")
    return parts if stop is None else [*parts, f"stop at {stop}"]
