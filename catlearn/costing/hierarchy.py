"""Devices: levels of memory, and units that compute, with their figures and where these are from.

Level 0 is large and slow, the last one small and fast. A level has a capacity, a bandwidth to the
level above it, of all its units together, and a number of units. Throughputs are those of the
whole device, in operations a second, a multiply-add being two; of the matrix unit by the width of
a number in bytes.

>>> from catlearn.costing import devices
>>> H100 = devices["H100"]
>>> print(H100)
H100: HBM 80 GB, L2 50 MB at 3.35 TB/s, SMEM 228 kB x 132 at 5.5 TB/s
>>> round(H100.ridge(), 1)
295.2
>>> H100.replace(name="more bandwidth", HBM=6.7e12).ridge() == H100.ridge() / 2
True
>>> print(H100.sources["exponential"])
derived: 16 a clock on each of 132 units at 1.83 GHz; FlashAttention-3 (arXiv 2407.08608) uses it
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from catlearn.display import Legible
from catlearn.errors import (
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    wrong_kind,
)


@dataclass(frozen=True)
class Level:
    """A level of memory.

    Parameters
    ----------
    name
        Such as ``"HBM"``.
    capacity
        Bytes, of one unit.
    bandwidth
        Bytes a second from and to the level above, of all units together; None of the first level.
    units
        How many there are, each with that capacity.
    """

    name: str
    capacity: float
    bandwidth: float | None = None
    units: int = 1


@dataclass(frozen=True)
class Device(Legible):
    """A device: a value, edited with :meth:`replace`.

    Parameters
    ----------
    name
        What it is called.
    levels
        From the large and slow to the small and fast one.
    throughputs
        Operations a second by unit: a number, or numbers by the width in bytes.
    floors
        The least sides that its matrix unit works with, by mode: ``g`` of grouped axes, ``s`` of
        streamed ones. Heads, and other axes of which each has a product of its own, have none.
    sources
        Where each figure is from, by the name of a level or a unit: a vendor, a measurement, or
        derived from others.

    Raises
    ------
    InvalidStructure
        If there are fewer than two levels, or a figure is not positive.
    """

    name: str
    levels: tuple[Level, ...]
    throughputs: Mapping[str, float | Mapping[int, float]] = field(default_factory=dict)
    floors: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        expect(self.name, str, "the name of a device", "a text")
        expect(self.levels, Sequence, "levels", "a list of Level(...), the slow one first")
        for level in self.levels:
            expect(level, Level, "each of levels", "a Level(...), with its capacity")
        expect_each(
            Mapping, "a dict by names",
            throughputs=self.throughputs, floors=self.floors, sources=self.sources,
        )  # fmt: skip
        failures = []
        if len(self.levels) < 2:
            failures.append(Failure("levels", "levels", "expected a slow and a fast one"))
        for k, level in enumerate(self.levels):
            bandwidth = level.bandwidth if k else 1
            for figure in ("capacity", "units", "bandwidth"):
                value = bandwidth if figure == "bandwidth" else getattr(level, figure)
                if value is None or not value > 0:
                    message = f"found {value}, expected a positive number"
                    failures.append(Failure(figure, f"level {level.name}", message))
        for unit, given in self.throughputs.items():
            each = given.values() if isinstance(given, Mapping) else [given]
            if not all(value > 0 for value in each):
                failures.append(Failure("throughput", unit, "expected positive numbers"))
        if failures:
            raise InvalidStructure(f"Device {self.name}", failures)

    def __hash__(self) -> int:
        return hash((self.name, self.levels))

    def throughput(self, unit: str, width: int = 2) -> float:
        """Return the operations a second of a unit, for numbers of a width in bytes.

        Raises
        ------
        UnknownName
            If the device has no such unit, or the unit takes no numbers of that width.
        """
        expect(unit, str, "unit", "the name of a unit, such as 'matrix'")
        expect(width, int, "width", "a number of bytes")
        given = self.throughputs.get(unit)
        if given is None:
            near = did_you_mean(unit, self.throughputs)
            raise UnknownName(f"{self.name} has no unit {unit}; {near}")
        if not isinstance(given, Mapping):
            return given
        if width not in given:
            widths = ", ".join(map(str, given))
            raise UnknownName(f"the {unit} unit of {self.name} takes {widths} bytes, found {width}")
        return given[width]

    def ridge(self, width: int = 2, level: int = 0) -> float:
        """Return the matrix operations in the time in which one byte crosses below a level.

        With two-byte keys and values an attention of groups of that many queries would take as long
        to read them as to compute, if the level were read by one group alone. Groups that are in
        flight together share what they read, so it says little about the group of one unit.
        """
        expect(level, int, "level", "the number of a level")
        if not 0 <= level < len(self.levels) - 1:
            below = ", ".join(f"{k} ({one.name})" for k, one in enumerate(self.levels[:-1]))
            raise UnknownName(f"{self.name} has nothing below level {level}; there are {below}")
        bandwidth = self.levels[level + 1].bandwidth
        assert bandwidth is not None
        return self.throughput("matrix", width) / bandwidth

    def replace(self, **changes: Any) -> Device:
        """Return the device with other fields, or another figure of a level or a unit.

        The name of a level stands for the bandwidth below it, that of a unit for its throughput;
        ``HBM_capacity``, ``HBM_units`` for the others.

        Raises
        ------
        UnknownName
            Listing the names that are none of these.
        """
        fields = {one.name for one in dataclasses.fields(self)}
        levels, throughputs = list(self.levels), dict(self.throughputs)
        place = {level.name: k for k, level in enumerate(levels)}
        known = {*fields, *place, *throughputs, *(f"{n}_{f}" for n in place for f in _FIGURES)}
        unknown = [name for name in changes if name not in known]
        if unknown:
            listed = "; ".join(f"{name}: {did_you_mean(name, known)}" for name in unknown)
            raise UnknownName(f"{self.name} has no figures of these names: {listed}")
        rest = {name: value for name, value in changes.items() if name in fields}
        for name, value in changes.items():
            level, _, figure = name.rpartition("_")
            if name in place:
                below = place[name] + 1
                if below == len(levels):
                    raise UnknownName(f"nothing is below {name}, the last level of {self.name}")
                levels[below] = dataclasses.replace(levels[below], bandwidth=value)
            elif name in throughputs:
                throughputs[name] = value
            elif level in place:
                k = place[level]
                levels[k] = dataclasses.replace(levels[k], **{figure: value})
        made = {"levels": tuple(levels), "throughputs": throughputs} | rest
        return dataclasses.replace(self, **made)

    def __str__(self) -> str:
        words = [
            f"{one.name} {_written(one.capacity, 'B', _DECIMAL)}"
            + (f" x {one.units}" if one.units > 1 else "")
            + (f" at {_written(one.bandwidth, 'B/s', _DECIMAL)}" if one.bandwidth else "")
            for one in self.levels
        ]
        return f"{self.name}: {', '.join(words)}"


_FIGURES = ("capacity", "units")


_DECIMAL = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1}
_SMALL = {"": 1, "m": 1e-3, "µ": 1e-6, "n": 1e-9}
_BINARY = {"Ti": 2**40, "Gi": 2**30, "Mi": 2**20, "Ki": 2**10, "": 1}


def _written(value: float, unit: str, prefixes: Mapping[str, float]) -> str:
    """Write a quantity by the first of some prefixes that it reaches, or the last one."""
    reached = (prefix for prefix, factor in prefixes.items() if value >= factor)
    prefix = next(reached, [*prefixes][-1])
    return f"{value / prefixes[prefix]:.4g} {prefix}{unit}"


def amount(given: str | float, unit: str = "B") -> float:
    """Return a number of bytes, or of another unit, that a text or a number says.

    Parameters
    ----------
    given
        Such as ``"64 MiB"``, ``"8GB"``, ``"3 ms"`` or a number.
    unit
        The unit: ``"B"``, bytes, or ``"s"``, seconds.

    Raises
    ------
    WrongKind
        If it is neither, or of another unit, or not positive.

    Examples
    --------
    >>> amount("64 MiB"), amount("8GB"), amount("3 ms", "s"), amount(100)
    (67108864.0, 8000000000.0, 0.003, 100.0)
    """
    prefixes = {**_DECIMAL, **_SMALL, **_BINARY, "u": 1e-6}
    known = {f"{prefix}{unit}": factor for prefix, factor in prefixes.items()}
    found = re.fullmatch(r"\s*(\d+\.?\d*(?:e[+-]?\d+)?)\s*([A-Za-zµ]*)\s*", str(given))
    value, plain = math.nan, not isinstance(given, str | bool)
    if found is not None and (found[2] in known or (plain and not found[2])):
        value = float(found[1]) * known.get(found[2], 1)
    if not value > 0:
        what, text, units = (
            ("bytes", "64 MiB", "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
            if unit == "B"
            else ("seconds" if unit == "s" else unit, f"3 m{unit}", f"{unit}, m{unit} or µ{unit}")
        )
        wanted = f"a number of {what} above 0, or a text with its unit, such as {text!r} ({units})"
        raise wrong_kind(given, "an amount", wanted)
    return value


def bytes_text(count: float) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> bytes_text(100), bytes_text(2**26)
    ('100 B', '64 MiB')
    """
    return _written(count, "B", _BINARY)


def seconds_text(value: float) -> str:
    """Write seconds.

    Examples
    --------
    >>> seconds_text(0.0123), seconds_text(2e-6)
    ('12.3 ms', '2 µs')
    """
    return _written(value, "s", _SMALL)


class Devices(Mapping):
    """The devices of a file, by name; it is read when one is asked for."""

    @cached_property
    def _known(self) -> dict[str, Device]:
        text = (Path(__file__).parent / "devices.toml").read_text(encoding="utf-8")
        known = tomllib.loads(text)
        return {name: _device(name, known) for name in known}

    def __getitem__(self, name: str) -> Device:
        if name not in self._known:
            raise UnknownName(f"no device is called {name}; {did_you_mean(name, self._known)}")
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<devices {', '.join(self._known)}>"


def _device(name: str, known: Mapping[str, Any]) -> Device:
    """Return a device of a table; what it does not say is as of the one that it is like."""
    base = known.get(known[name].get("like"), {})
    whole = {**base, **known[name]}
    units = {
        unit: {int(width): n for width, n in given.items()} if isinstance(given, dict) else given
        for unit, given in whole["throughputs"].items()
    }
    levels, sources = tuple(Level(*level) for level in whole["levels"]), whole["sources"]
    if isinstance(sources, str):
        sources = dict.fromkeys([*(level.name for level in levels), *units], sources)
    sources = {**base.get("sources", {}), **sources}
    return Device(name, levels, units, whole.get("floors", {}), sources)


devices = Devices()
"""Ready-made devices: A100, H100, H200, B200, TPU v5e, TPU v5p, and a processor, ``cpu``."""


def device_named(device: Device | str | None) -> Device | None:
    """Return a device, or the one of :data:`devices` that has a name; None stays None.

    Raises
    ------
    UnknownName
        If no device has that name.
    WrongKind
        If it is something else.

    Examples
    --------
    >>> device_named("H100").name
    'H100'
    """
    expect(device, (Device, str, type(None)), "device", 'a Device, or a name such as "H100"')
    return devices[device] if isinstance(device, str) else device
