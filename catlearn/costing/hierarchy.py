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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catlearn.display import Legible
from catlearn.errors import Failure, InvalidStructure, UnknownName, did_you_mean, wrong_kind


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
    written = r"\s*(\d+\.?\d*(?:e[+-]?\d+)?)\s*([A-Za-zµ]*)\s*"
    found = re.fullmatch(written, str(given))
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
    """Devices by name."""

    def __init__(self, *known: Device) -> None:
        self._known = {device.name: device for device in known}

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


def _device(
    name: str,
    levels: list[tuple[Any, ...]],
    floors: Mapping[str, int],
    units: Mapping[str, float | Mapping[int, float]],
    **sources: str,
) -> Device:
    return Device(name, tuple(Level(*level) for level in levels), units, floors, sources)


_SHEET = "vendor: data sheet of"
_GUIDE = "vendor: CUDA programming guide, compute capability"
_HOPPER = {
    "L2": "capacity vendor: Hopper white paper; bandwidth measured: Chips and Cheese, "
    "'Nvidia's H100: Funny L2, and Tons of Bandwidth' (2023), on the PCIe model",
    "SMEM": f"{_GUIDE} 9.0",
    "matrix": f"{_SHEET} H100 SXM5, dense, half of that with sparsity; 4 bytes in TF32",
    "vector": f"{_SHEET} H100 SXM5, float32",
    "exponential": "derived: 16 a clock on each of 132 units at 1.83 GHz; "
    "FlashAttention-3 (arXiv 2407.08608) uses it",
}
_TPU = {
    "HBM": "vendor: Cloud TPU documentation",
    "VMEM": "vendor: jax.experimental.pallas.tpu.get_tpu_info, jax 0.10, by core",
    "matrix": "vendor: Cloud TPU documentation",
}
_WARPS, _TILES = {"g": 16, "s": 16}, {"g": 8, "s": 128}

devices = Devices(
    _device(
        "A100",
        [("HBM", 80e9), ("L2", 40e6, 2.039e12), ("SMEM", 164e3, 7.2e12, 108)],
        _WARPS,
        {"matrix": {1: 624e12, 2: 312e12, 4: 156e12}, "vector": 19.5e12, "exponential": 2.4e12},
        HBM=f"{_SHEET} A100 80GB SXM",
        L2="capacity vendor: A100 white paper; bandwidth derived: its 5120 bytes a clock at "
        "1.41 GHz, of which programs reach some two thirds",
        SMEM=f"{_GUIDE} 8.0",
        matrix=f"{_SHEET} A100, dense; 4 bytes in TF32",
        vector=f"{_SHEET} A100, float32",
        exponential="derived: 16 a clock on each of 108 units at 1.41 GHz",
    ),
    _device(
        "H100",
        [("HBM", 80e9), ("L2", 50e6, 3.35e12), ("SMEM", 228e3, 5.5e12, 132)],
        _WARPS,
        {"matrix": {1: 1979e12, 2: 989e12, 4: 494.5e12}, "vector": 66.9e12, "exponential": 3.9e12},
        HBM=f"{_SHEET} H100 SXM5",
        **_HOPPER,
    ),
    _device(
        "H200",
        [("HBM", 141e9), ("L2", 50e6, 4.8e12), ("SMEM", 228e3, 5.5e12, 132)],
        _WARPS,
        {"matrix": {1: 1979e12, 2: 989e12, 4: 494.5e12}, "vector": 66.9e12, "exponential": 3.9e12},
        HBM=f"{_SHEET} H200; the chip is that of H100",
        **_HOPPER,
    ),
    _device(
        "B200",
        [("HBM", 192e9), ("L2", 126e6, 8e12), ("SMEM", 228e3, 11e12, 148)],
        _WARPS,
        {"matrix": {1: 4500e12, 2: 2250e12, 4: 1100e12}, "vector": 80e12, "exponential": 4.4e12},
        HBM=f"{_SHEET} HGX B200; systems offer 180 GB of it",
        L2="capacity vendor: Blackwell tuning guide; bandwidth derived: twice that of H100, "
        "as there are two dies",
        SMEM=f"{_GUIDE} 10.0",
        matrix=f"{_SHEET} HGX B200 at 1000 W, dense; 4 bytes in TF32",
        vector=f"{_SHEET} HGX B200, float32",
        exponential="derived: 16 a clock on each of 148 units at 1.85 GHz",
    ),
    _device(
        "TPU v5e",
        [("HBM", 17.2e9), ("VMEM", 128 * 2**20, 8.19e11)],
        _TILES,
        {"matrix": {1: 394e12, 2: 197e12}, "vector": 6.1e12, "exponential": 1.5e12},
        vector="derived: 4 operations a clock in each of 8 x 128 lanes at 1.5 GHz",
        exponential="derived: one a clock in each of 8 x 128 lanes at 1.5 GHz",
        **_TPU,
    ),
    _device(
        "TPU v5p",
        [("HBM", 95e9), ("VMEM", 64 * 2**20, 2.765e12, 2)],
        _TILES,
        {"matrix": {1: 918e12, 2: 459e12}, "vector": 14.3e12, "exponential": 3.6e12},
        vector="derived: 4 operations a clock in each of 8 x 128 lanes of two cores at 1.75 GHz",
        exponential="derived: one a clock in each of 8 x 128 lanes of two cores at 1.75 GHz",
        **_TPU,
    ),
    _device(
        "cpu",
        [("RAM", 25.3e9), ("L2", 2 * 2**20, 8.2e9, 2)],
        {},
        {"matrix": {4: 2.3e11}, "vector": 4e10, "exponential": 3.2e9, "box": 1.6e7},
        **dict.fromkeys(
            ("RAM", "L2", "matrix", "vector", "exponential", "box"),
            "measured: two cores of a shared x86 server, float32, by benchmarks/device.py, in "
            "processor time",
        ),
    ),
)
"""Ready-made devices: A100, H100, H200, B200, TPU v5e, TPU v5p, and a processor, ``cpu``."""
