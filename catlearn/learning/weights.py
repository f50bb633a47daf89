"""Weights that change while training: a number with a name, a schedule, or both.

A weight is a number, and is one wherever numbers are compared or added. That it may change is
known to the lowering, where weights are arguments of the loss: nothing is compiled again.

>>> beta = Weight("beta", 0.5)
>>> beta + 1, beta
(1.5, Weight('beta', 0.5))
>>> ramp = Weight.of(lambda step: step / 100)
>>> float(ramp), ramp.at(50)
(0.0, 0.5)
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

from catlearn.errors import Failure, InvalidStructure


class Weight(float):
    """The weight of an equation, to be changed by name or by a schedule.

    Parameters
    ----------
    name
        What it is called; equations whose weights have one name share it. None for a schedule
        that nothing else shares.
    value
        A number, not negative; with a schedule, by default its value at step 0.
    schedule
        ``step -> number``, such as an optax schedule.

    Raises
    ------
    InvalidStructure
        If there is neither a number nor a schedule.
    """

    name: str | None
    schedule: Callable[[Any], Any] | None

    def __new__(
        cls,
        name: str | None,
        value: float | None = None,
        schedule: Callable[[Any], Any] | None = None,
    ) -> Weight:
        if value is None and schedule is None:
            message = "needs a number or a schedule: Weight('beta', 1.0)"
            raise InvalidStructure("Weight", [Failure("value", f"weight {name!r}", message)])
        start = float(schedule(0)) if value is None and schedule is not None else value
        made = super().__new__(cls, start)  # type: ignore[arg-type]
        made.name, made.schedule = name, schedule
        return made

    @classmethod
    def of(cls, given: Any) -> Any:
        """Return a number as Python's own float, and a schedule as a weight."""
        if isinstance(given, cls):
            return given
        if isinstance(given, numbers.Real):
            return float(given)
        return cls(None, schedule=given) if callable(given) else given

    def at(self, step: Any, values: Mapping[str, Any] | None = None) -> Any:
        """Return the value at a step: the one given by name, the schedule's, or the number."""
        if self.name is not None and self.name in (values or {}):
            return (values or {})[self.name]
        return float(self) if self.schedule is None else self.schedule(step)

    def _key(self) -> tuple[Any, ...]:
        return float(self), self.name, self.schedule

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weight) and self._key() == other._key()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._key())

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return self.name, float(self), self.schedule

    def __repr__(self) -> str:
        more = "" if self.schedule is None else f", schedule={self.schedule!r}"
        return f"Weight({self.name!r}, {float(self)!r}{more})"

    def __str__(self) -> str:
        return self.name or f"{float(self):g}"
