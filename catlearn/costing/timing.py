r"""Time: what each unit of a device needs, one after the other or all at once.

The seconds of the units are values in :math:`[0, \infty]`. Units that wait for each other take the
tensor of LAWVERE, the sum; units that overlap perfectly that of ULTRAMETRIC, the maximum. Both are
commutative monoids, and what a program takes lies between them.

The serial model of the matrix unit and exponentials agrees with published figures of attention to
some percent; no parameter is fitted.

>>> from catlearn.costing import devices, timed
>>> h, q, d = 16, 16384, 128
>>> work = {"matrix": 4 * h * q * q * d, "exponential": h * q * q}
>>> found = timed(work, [2 * 4 * h * q * d], devices["H100"])
>>> print(found)
matrix 2.223 ms, exponential 1.101 ms, HBM 80.13 µs
>>> found.bound, f"{work['matrix'] / found.of('matrix', 'exponential').serial:.3g}"
('matrix', '6.61e+14')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real

from catlearn.cost import LAWVERE, ULTRAMETRIC, CommutativeMonoid
from catlearn.costing.hierarchy import Device, device_named, seconds_text
from catlearn.display import Legible
from catlearn.errors import Failure, expect, expect_known, refuse, wrong_kind


@dataclass(frozen=True)
class Time(Legible):
    """Seconds by unit; the units of a memory are the slower of two levels.

    Parameters
    ----------
    by_unit
        Seconds of each unit.
    """

    by_unit: Mapping[str, float]

    @property
    def serial(self) -> float:
        """Seconds if each unit waits for the others: the sum."""
        return float(CommutativeMonoid.of(LAWVERE).total(self.by_unit.values()))

    @property
    def overlapped(self) -> float:
        """Seconds if all work at once: the maximum."""
        return float(CommutativeMonoid.of(ULTRAMETRIC).total(self.by_unit.values()))

    @property
    def bound(self) -> str:
        """The unit that takes longest."""
        return max(self.by_unit, key=self.by_unit.__getitem__)

    def of(self, *units: str) -> Time:
        """Return the time of some units alone."""
        for unit in units:
            expect_known(unit, self.by_unit, f"there is no time of {unit!r}")
        return Time({unit: self.by_unit[unit] for unit in units})

    def __str__(self) -> str:
        return ", ".join(f"{unit} {seconds_text(value)}" for unit, value in self.by_unit.items())


def timed(
    work: Mapping[str, float], transfers: Iterable[float], device: Device | str, width: int = 2
) -> Time:
    """Return the time of given operations and transfers on a device.

    Parameters
    ----------
    work
        Operations by unit.
    transfers
        Bytes that cross below each level, from the slowest on; those that are left out count none.
    device
        The device, or the name of one of :data:`devices`.
    width
        Bytes of the numbers that are multiplied.

    Raises
    ------
    UnknownName
        If the device has no such unit.
    InvalidStructure
        If there are more transfers than levels to cross, or what is given is no number from 0 on.
    """
    expect(work, Mapping, "work", "a dict of operations by unit")
    expect(transfers, Iterable, "transfers", "a list of bytes for each level")
    found = device_named(device)
    if found is None:
        raise wrong_kind(device, "device", "a Device, or the name of one of devices")
    crossings, below = list(transfers), found.levels[1:]
    given = {**work, **{f"transfer {k}": one for k, one in enumerate(crossings)}}
    failures = [
        Failure("number", name, f"found {one!r}, expected a number from 0 on")
        for name, one in given.items()
        if not isinstance(one, Real) or not one >= 0
    ]
    if len(crossings) > len(below):
        message = f"{len(crossings)} are given; {found.name} has {len(below)} levels to cross"
        failures.append(Failure("levels", "transfers", message))
    refuse("what is timed", failures)
    units = {unit: float(n) / found.throughput(unit, width) for unit, n in work.items()}
    for above, level, crossing in zip(found.levels, below, crossings, strict=False):
        assert level.bandwidth is not None
        units[above.name] = float(crossing) / level.bandwidth
    return Time(units)
