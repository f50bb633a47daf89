r"""Tiles: the blocks in which an island runs, so that transfers take the least time.

For given sizes the transfers H and the columns of memory are posynomials in the tiles. With tiles
:math:`g^{(\ell)}` for each level :math:`\ell` of a device, nested as :math:`g^{(\ell)} \ge
g^{(\ell+1)}`, the least of :math:`\sum_\ell H(g^{(\ell)}) / B_\ell` where no column is larger than
:math:`M_\ell` is one geometric program; the levels are solved together, since best tiles do not
always grow with memory and so need not nest by themselves.

Whole tiles are then the largest divisors below. A search, one or two coordinates at a time, tries
others, also such that do not divide their axis, where a last block is smaller; blocks are counted
as they are, rounded up. At last streamed tiles grow as long as they fit and transfers stay the
same. ``gap`` is what whole tiles cost: their transfers by those of the geometric program.

>>> from catlearn.costing import Costs, tile
>>> attention = Costs.of(
...     "2*q*d + 2*q*x*d/g_q",
...     {"scores": "g_q*(2*d + 2) + g_q*s_x + s_x*d"},
...     {"matrix": "4*q*x*d", "exponential": "q*x"},
...     {"g_q": "q", "s_x": "x"},
... )
>>> t = tile(attention, fast_memory=2**16, sizes={"q": 16384, "x": 16384, "d": 128})
>>> t.tiles, f"{t.transfers:.4g}", f"{t.gap:.3f}"
({'g_q': 249, 's_x': 2}, '2.81e+08', '1.017')
>>> print(t.closed_form)
2*d*q + 4*d**2*q*x/M
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.sizes import sizes_hint
from catlearn.cost import Infeasible, Optimum, Posynomial, minimise
from catlearn.costing.closed import ClosedForm, closed_form
from catlearn.costing.costs import Costs
from catlearn.costing.hierarchy import Device, Level, device_named
from catlearn.costing.island import Island, candidates, expect_widths, least_memory
from catlearn.costing.notice import Notice
from catlearn.costing.table import circuit_resources
from catlearn.costing.timing import Time, timed
from catlearn.display import Legible, text_table
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
    expect,
    expect_dicts,
)

_WAYS, _CHOICES = 128, 20_000
"""How many modes of an island are tried, of how many that are looked at."""

_GAP = 1.05
"""A larger gap is said in a notice."""


class NoTile(CatlearnError, ValueError):
    """The smallest tiles do not fit.

    Parameters
    ----------
    message
        What does not fit where.
    least
        The words that are needed at least.
    memory
        The words that there are.
    """

    def __init__(self, message: str, least: float, memory: float) -> None:
        super().__init__(message)
        self.least, self.memory = least, memory


@dataclass(frozen=True)
class LevelTiles:
    """The tiles at one level of memory, and what they cost there.

    Parameters
    ----------
    level
        The level that holds them.
    tiles
        Whole numbers.
    transfers
        Words that cross between the level and the one above it.
    memory
        Words that one unit of the level holds.
    """

    level: Level
    tiles: Mapping[str, int]
    transfers: float
    memory: float


@dataclass(frozen=True)
class Tiling(Legible):
    """The tiles of an island on a device; made by :func:`tile`.

    Parameters
    ----------
    costs
        The costs, with sizes that are numbers.
    device
        The device.
    unit
        Bytes of what the costs count: of a word, or 1.
    widths
        Bytes of inputs, which are those that are multiplied, of outputs, and of what stays inside.
    optimum
        The solution of the geometric program.
    symbolic
        The costs with the sizes as they were given.
    floors
        The least tiles, by variable or mode.
    remainders
        Whether tiles need not divide their axis.
    parted
        The costs of the ways to run it in which something streamed is split.
    """

    costs: Costs
    device: Device
    unit: int
    widths: tuple[int, int, int]
    optimum: Optimum
    symbolic: Costs
    floors: Mapping[str, int] = field(default_factory=dict)
    remainders: bool = True
    parted: tuple[Costs, ...] = ()

    @cached_property
    def levels(self) -> tuple[LevelTiles, ...]:
        """The tiles of each level, from the slow one on."""
        return _whole(
            self.costs, self.device, self.unit, self.optimum, self.floors, self.remainders
        )

    @cached_property
    def split(self) -> tuple[str, int, float] | None:
        """Where there are fewer groups than units, and it pays to split what is streamed, how.

        That is the variable, the number of parts, and by how much that divides the time of
        transfers.
        """
        return _split(self, self.parted, self.floors)

    @property
    def tiles(self) -> Mapping[str, int]:
        """The tiles of the fastest level."""
        return self.levels[-1].tiles

    @property
    def transfers(self) -> float:
        """The words that cross to and from the fastest level."""
        return self.levels[-1].transfers

    @property
    def memory(self) -> float:
        """The words that one unit of the fastest level holds."""
        return self.levels[-1].memory

    @property
    def groups(self) -> int:
        """How many groups run in parallel, each on a unit of the fastest level."""
        sizes = {name: int(size.number) for name, (_, size) in self.costs.bounds.items()}
        grouped = ((n, t) for n, t in self.tiles.items() if n.startswith("g"))
        fixed = int(self.costs.groups.number)
        return fixed * math.prod(-(-sizes[name] // block) for name, block in grouped)

    @property
    def gap(self) -> float:
        """The time of transfers in whole tiles by that of the geometric program."""
        found = sum(one.transfers * self.unit / (one.level.bandwidth or 1) for one in self.levels)
        return found / self.optimum.value if self.optimum.value else 1.0

    @cached_property
    def work(self) -> dict[str, float]:
        """Operations by unit."""
        counts = {
            name: blocks(int(size.number), [one.tiles[name] for one in self.levels]) / size.number
            for name, (_, size) in self.costs.bounds.items()
        }
        return {unit: _value(one, self.tiles, counts) for unit, one in self.costs.work.items()}

    @property
    def time(self) -> Time:
        """Seconds by unit.

        Raises
        ------
        UnknownName
            If the device does not have a unit that the costs name.
        """
        moved = [one.transfers * self.unit for one in self.levels]
        return timed(self.work, moved, self.device, self.widths[0])

    @property
    def bound(self) -> str:
        """The unit that takes longest."""
        return self.time.bound

    @cached_property
    def closed_form(self) -> ClosedForm | None:
        """The transfers as a formula in sizes and memory, where one is known, else None."""
        return closed_form(self.symbolic)

    @cached_property
    def notices(self) -> tuple[Notice, ...]:
        """What a reader should know."""
        return tuple(_notices(self))

    def __str__(self) -> str:
        head = ["level", *self.tiles, "memory", "transfers"]
        body = [
            [
                one.level.name,
                *(str(value) for value in one.tiles.values()),
                f"{one.memory:,.6g}",
                f"{one.transfers:,.6g}",
            ]
            for one in self.levels
        ]
        return "\n".join([text_table(head, body), *map(str, self.notices)])


def runs(
    circuit: Circuit, reverse: bool = False, widths: tuple[int, int, int] = (1, 1, 1),
    room: float = math.inf,
) -> list[Island]:  # fmt: skip
    """Return a circuit as one island, for each choice of modes of which transfers or memory differ.

    What is streamed or split has to be a fold (:func:`catlearn.streams.stream`). The reverse
    pass has the state of a forward pass in the usual modes. Of many choices these are those that
    differ least from the usual one. Those are left out of which it is seen, before they are made,
    that even blocks of one index need more than the room that there is.
    """
    expect(room, (int, Real), "room", "a number of words")
    expect_widths(widths)
    spent = circuit_resources(circuit, reverse=reverse)
    first = spent.island
    read, known, found = first.read, first.modes, {}
    choices = [*itertools.islice(candidates(read), _CHOICES)]
    if len(choices) > _WAYS:
        choices.sort(key=lambda modes: sum(known.get(n) != modes.get(n) for n in read.variables))
    for modes in choices[:_WAYS]:
        if room < math.inf and least_memory(read, modes, min(widths)) > room:
            continue
        island = Island(read, {name: mode.kind for name, mode in modes.items()}, widths=widths)
        island.circuit, island.again = first.circuit, spent.again
        found.setdefault((island.transfers, tuple(island.memory)), island)
    return [*found.values()]


def ways(
    circuit: Circuit, reverse: bool = False, widths: tuple[int, int, int] = (1, 1, 1),
    room: float = math.inf,
) -> list[Costs]:  # fmt: skip
    """Return the costs of :func:`runs`.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> [", ".join(one.bounds) for one in ways(einsum("a b, b c -> a c"))][-1]
    'g_b, s_c, s_a'
    """
    return [island.costs() for island in runs(circuit, reverse, widths, room)]


def tile(
    costs: Costs | Sequence[Costs] | Circuit,
    device: Device | str | None = None,
    fast_memory: float | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    reverse: bool = False,
    width: int = 2,
    widths: tuple[int, int, int] | None = None,
    floors: Mapping[str, int] | None = None,
    remainders: bool = True,
) -> Tiling:
    """Return the tiles with which an island moves least.

    Parameters
    ----------
    costs
        The costs of an island, or of several ways to run it, or a circuit, which runs as one island
        in any of its modes. The best way is taken, the first of equal ones.
    device
        Where it runs, or the name of one of :data:`devices`.
    fast_memory
        Instead of a device: the words of the fast one of two levels.
    sizes
        Numbers for the sizes that are open.
    reverse
        Of a circuit: whether to tile its reverse pass.
    width
        Bytes of a word on the device.
    widths
        Of a circuit: bytes of its inputs, its outputs, and what stays inside, if they are not the
        same, such as (2, 2, 4). Transfers and memory, also ``fast_memory``, are then in bytes.
    floors
        The least tiles, by variable (``"s_x"``) or mode (``"s"``), beside those of the device.
    remainders
        Whether tiles need not divide their axis.

    Raises
    ------
    NoTile
        If the smallest tiles do not fit; ``least`` and ``memory`` are in words.
    UnknownName
        If sizes are open.
    InvalidStructure
        Listing names that are no sizes and no tiles, and what is no positive whole number.

    Examples
    --------
    >>> matmul = Costs.of(
    ...     "a*b*c/g_a + a*b*c/g_c + a*c", {"sum": "g_a*g_c + g_a*s_b + g_c*s_b"},
    ...     {"matrix": "2*a*b*c"}, {"g_a": "a", "s_b": "b", "g_c": "c"},
    ... ).at(a=4096, b=4096, c=4096)
    >>> tile(matmul, fast_memory=2**14).optimum.point["g_a"].__round__(1)
    127.0
    >>> tile(matmul, fast_memory=2)
    Traceback (most recent call last):
    catlearn.costing.tiling.NoTile: needs at least 3 words, fast memory has 2
    """
    unit, made = width, list[Island]()
    wanted = "a circuit, or the costs of islands, such as Costs.of(...)"
    expect(costs, (Circuit, Costs, Sequence), "costs", wanted)
    device = device_named(device)
    expect(fast_memory, (int, Real, type(None)), "fast_memory", "a number of words")
    expect_dicts("a dict of numbers by names", sizes=sizes, floors=floors)
    if widths is not None:
        expect_widths(widths)
        expect(costs, Circuit, "costs", "a circuit, where widths are given")
        unit = 1
    if device is not None:
        room = min(level.capacity for level in device.levels[1:]) / unit
    else:
        room = fast_memory or 0
    if isinstance(costs, Circuit):
        circuit, each = costs, widths or (1, 1, 1)

        def every(one: Circuit) -> tuple[list[Island], list[Costs]]:
            found = runs(one, reverse, each, room) or runs(one, reverse, each)
            return found, [island.costs(work=island.read.counts is None) for island in found]

        try:
            made, costs = every(circuit)
        except CatlearnError:  # a size with a minus is a number, or nothing
            if not sizes:
                raise
            (made, costs), sizes = every(circuit.at(sizes)), None
    given = [costs] if isinstance(costs, Costs) else list(costs)
    for one in given:
        expect(one, Costs, "costs", wanted)
    _refuse_unknown(given, sizes or {}, floors or {})
    if (device is None) == (fast_memory is None):
        found = "neither" if device is None else "both"
        raise CatlearnError(f"give a device, or fast_memory= in words; found {found}")
    if device is None:
        fast = Level("fast memory", fast_memory or 0, 1.0)
        device, unit = Device("two levels", (Level("slow memory", math.inf), fast)), 1
    least = {**device.floors, **(floors or {})}
    numbers = [one.at(sizes) for one in given] if sizes else given
    optimum, chosen = _best(numbers, device, unit, least)
    symbolic = made[chosen].costs() if made else given[chosen]
    numeric = symbolic.at(sizes) if sizes else symbolic
    each = widths or (width, width, width)
    parted = tuple(one for one in numbers if one.split)
    return Tiling(numeric, device, unit, each, optimum, symbolic, least, remainders, parted)


def best_way(ways: Sequence[Costs], fast_memory: float) -> Costs:
    """Return the way to run an island that moves least within a fast memory, in words.

    Raises
    ------
    NoTile
        If none fits.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> update = ways(einsum("a b, b c -> a c").at(a=4096, b=16, c=4096))
    >>> [*best_way(update, 2**14).bounds]
    ['g_a', 's_c']
    """
    expect(ways, Sequence, "ways", "a list of costs, as ways(circuit) returns them")
    for one in ways:
        expect(one, Costs, "each of ways", "the costs of an island, such as Costs.of(...)")
    expect(fast_memory, (int, Real), "fast_memory", "a number of words")
    levels = Level("slow memory", math.inf), Level("fast memory", fast_memory, 1.0)
    return ways[_best(ways, Device("two levels", levels), 1, {})[1]]


def _best(
    given: Sequence[Costs], device: Device, unit: int, floors: Mapping[str, int]
) -> tuple[Optimum, int]:
    """The best of several ways to run an island, and which it is: the first of equal ones."""
    refused: list[NoTile] = []
    solved: dict[int, Optimum] = {}
    bounds = [_bound(one, device, unit, floors) if len(given) > 1 else 0.0 for one in given]
    bar = math.inf
    for k in sorted(range(len(given)), key=bounds.__getitem__):
        if bounds[k] <= bar:
            try:
                solved[k] = _optimum(given[k], device, unit, floors)
            except NoTile as error:
                refused.append(error)
                continue
            bar = min(bar, solved[k].value * (1 + 1e-6))
    if not solved:
        raise min(refused, key=lambda error: error.least)
    chosen = min(k for k, found in solved.items() if found.value <= bar)
    return solved[chosen], chosen


_PAYS = 1.1
"""What a split has to divide the time by."""


def _split(
    found: Tiling, others: Iterable[Costs], floors: Mapping[str, int]
) -> tuple[str, int, float] | None:
    """What is won if something streamed is split, where units have nothing to do else."""
    units, groups = found.levels[-1].level.units, found.groups
    best, parts = None, -(-units // groups)
    if parts < 2:
        return None
    axes = {name.partition("_")[2] for name in found.tiles}
    for one in others:
        (name,) = one.split
        axis = name.partition("_")[2]
        if {other.partition("_")[2] for other in one.bounds} - {axis} != axes - {axis}:
            continue
        low, size = one.bounds[name]
        most = Posynomial.of(-(-int(size.number) // parts))
        with contextlib.suppress(NoTile):
            some = replace(one, bounds={**one.bounds, name: (low, most)})
            made = _optimum(some, found.device, found.unit, floors)
            counts = {
                other: math.ceil(top.number / made[other] * (1 - 1e-9))
                for other, (_, top) in one.bounds.items()
                if other.startswith("g")
            }
            many = int(one.groups.number) * math.prod(counts.values())
            gain = found.optimum.value / groups / (made.value / min(many, units))
            if gain > max(_PAYS, best[2] if best else 0):
                best = axis, counts[name], gain
    return best


def _refuse_unknown(
    given: Sequence[Costs], sizes: Mapping[str, Any], floors: Mapping[str, Any]
) -> None:
    """Refuse names that are no size, or no tile or mode, and what is no positive number."""
    known = {name for one in given for name in one.open}
    tiles = {name for one in given for name in one.bounds} | {"g", "s"}
    failures = [
        Failure("size", name, f"is no size; {did_you_mean(name, known)}")
        for name in sizes
        if name not in known
    ]
    failures += [
        Failure("tile", name, f"is no tile, and no mode of one; {did_you_mean(name, tiles)}")
        for name in floors
        if name not in tiles
    ]
    failures += [
        Failure("number", name, f"found {value!r}, expected a whole number from 1 on")
        for name, value in (*sizes.items(), *floors.items())
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1
    ]
    if failures or not given:
        failures = failures or [Failure("costs", "costs", "are of no island")]
        raise InvalidStructure("tile", failures)


def _ends(costs: Costs, floors: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """The least and the largest tile of each variable.

    A floor of a mode is what a matrix unit has at least of each side of a product
    (:attr:`Costs.sides`): the largest axes of a side make it up. Heads and other axes that are in
    no side run one by one. Where sides are not known, they are what is streamed, and each grouped
    axis that transfers depend on. What only takes memory is at its least.
    """
    moving = costs.transfers.names
    sizes = {name: int(size.number) for name, (_, size) in costs.bounds.items()}
    least = {name: max(int(low), floors.get(name, 1)) for name, (low, _) in costs.bounds.items()}
    sides = costs.sides
    if sides is None:
        one = Posynomial.of(1)
        sides = tuple(((n,), one) for n in sizes if n in moving or n.startswith("s_"))
    for side, whole in sides:
        if any(name in floors for name in side):
            continue
        have = float(whole.number)
        for name in sorted(side, key=lambda name: -sizes[name]):
            wanted = floors.get(name.partition("_")[0], 1)
            least[name] = max(least[name], min(math.ceil(wanted / have), sizes[name]))
            have *= least[name]
    ends = {}
    for name, size in sizes.items():
        low = min(least[name], size)
        ends[name] = low, size if name in moving else low
    return ends


def _bound(costs: Costs, device: Device, unit: int, floors: Mapping[str, int]) -> float:
    """The time of transfers at least: each tile as large as it could be by itself.

    In a column no term is larger than the memory, so neither is a tile in it where the others are
    at their least.
    """
    if costs.open:
        return 0.0
    ends, total = _ends(costs, floors), 0.0
    for level in device.levels[1:]:
        room = level.capacity / unit
        most = {name: float(high) for name, (_, high) in ends.items()}
        for _, column in costs.columns:
            for key, c in column.terms:
                at = math.prod(ends[n][0] ** float(p) for n, p in key if p > 0) * float(c)
                if any(p < 0 for _, p in key):
                    continue
                for name, p in key:
                    alone = room / (at / ends[name][0] ** float(p))
                    most[name] = min(most[name], alone ** (1 / float(p)))
        for key, c in costs.transfers.terms:
            parts = (max(most[n], ends[n][0]) if p < 0 else ends[n][0] for n, p in key)
            term = math.prod(at ** float(p) for at, (_, p) in zip(parts, key, strict=True))
            total += float(c) * term * unit / (level.bandwidth or 1)
    return total * (1 - 1e-9)


def _optimum(costs: Costs, device: Device, unit: int, floors: Mapping[str, int]) -> Optimum:
    """Solve all levels as one geometric program; outer levels have variables ``tile@level``."""
    unknown = costs.open
    if unknown:
        raise UnknownName(f"no sizes for {', '.join(unknown)}; {sizes_hint(unknown)}")
    every = dict.fromkeys(one for _, one in costs.columns)
    columns = [one for one in every if not any(one < other for other in every)]
    bounds, limits, objective = {}, [], Posynomial()
    above: dict[str, str] = {}
    own = _ends(costs, floors)
    need = _needed(columns, own)
    for level in device.levels[1:]:
        here = {name: _variable(name, level, device) for name in costs.bounds}
        outer = {name: new for name, new in here.items() if new != name}
        room = level.capacity / unit
        if need > room * (1 + 1e-9):
            message = f"needs at least {need:.10g} words, {level.name} has {room:.10g}"
            raise NoTile(message, need, room)
        limits += [(one.at(outer), room) for one in columns]
        bounds |= {here[name]: both for name, both in own.items()}
        objective += costs.transfers.at(outer) * (unit / (level.bandwidth or 1))
        limits += [(Posynomial.of(here[name]) / high, 1) for name, high in above.items()]
        above = here
    return minimise(objective, limits, bounds)


def _needed(columns: Sequence[Posynomial], ends: Mapping[str, tuple[int, int]]) -> float:
    """The greatest column at the tiles of which it is least."""
    if not any(power < 0 for one in columns for key, _ in one.terms for _, power in key):
        return max((one({n: low for n, (low, _) in ends.items()}) for one in columns), default=0)
    try:
        minimise(Posynomial.of(1), [(one, 1) for one in columns], ends)
    except Infeasible as error:
        return error.least
    return 0.0


def _variable(name: str, level: Level, device: Device) -> str:
    return name if level == device.levels[-1] else f"{name}@{level.name}"


def blocks(size: int, tiles: Sequence[int]) -> int:
    """Return how many blocks of the last tile an axis has, where each tile is cut by the next.

    Examples
    --------
    >>> blocks(100, [30]), blocks(100, [30, 20])
    (4, 7)
    """
    if not tiles:
        return 1
    whole, left = divmod(size, tiles[0])
    rest = tiles[1:]
    return whole * blocks(tiles[0], rest) + (blocks(left, rest) if left else 0)


def _value(posynomial: Posynomial, tiles: Mapping[str, int], counts: Mapping[str, float]) -> float:
    """A value at whole tiles, with ``1/g`` as the number of blocks by the size of the axis."""
    total = 0.0
    for key, c in posynomial.terms:
        term = float(c)
        for name, power in key:
            p = float(power)
            term *= float(tiles[name]) ** p if p > 0 else counts[name] ** -p
        total += term
    return total


class _Rounding:
    """The search for whole tiles of all levels: ``state`` has those of each, from the slow one."""

    def __init__(self, costs: Costs, device: Device, unit: int, floors: Mapping[str, int]) -> None:
        self.costs, self.levels = costs, device.levels[1:]
        self.rooms = [level.capacity / unit * (1 + 1e-12) for level in self.levels]
        self.low = {name: least for name, (least, _) in _ends(costs, floors).items()}
        self.sizes = {name: int(size.number) for name, (_, size) in costs.bounds.items()}
        self.state: list[dict[str, int]] = [{} for _ in self.levels]

    def values(self, k: int, *wanted: Posynomial) -> list[float]:
        """The values of posynomials at a level."""
        counts = {
            name: blocks(size, [one[name] for one in self.state[: k + 1]]) / size
            for name, size in self.sizes.items()
        }
        return [_value(one, self.state[k], counts) for one in wanted]

    def memory(self, k: int) -> float:
        """The greatest column at a level."""
        return max(self.values(k, *(one for _, one in self.costs.columns)), default=0.0)

    def seconds(self) -> float:
        """The time of all transfers, in words; infinite if something does not fit."""
        if any(self.memory(k) > room for k, room in enumerate(self.rooms)):
            return math.inf
        return sum(
            self.values(k, self.costs.transfers)[0] / (level.bandwidth or 1)
            for k, level in enumerate(self.levels)
        )

    def parent(self, k: int, name: str) -> int:
        """The block that a tile of a level cuts."""
        return self.state[k - 1][name] if k else self.sizes[name]

    def start(self, optimum: Optimum, device: Device, even: bool) -> None:
        """Take the largest divisors, or whole numbers, below the optimum."""
        for k, level in enumerate(self.levels):
            for name, least in self.low.items():
                parent = self.parent(k, name)
                best = optimum[_variable(name, level, device)] * (1 + 1e-9)
                fitting = _divisors(parent) if even else [min(int(best), parent)]
                fitting = [n for n in fitting if least <= n <= best]
                self.state[k][name] = max(fitting, default=min(least, parent))
        if (
            self.seconds() == math.inf
        ):  # a divisor below an outer tile is too small for an inner one
            self.state = [dict(self.low) for _ in self.levels]

    def options(self, k: int, name: str, even: bool) -> list[int]:
        """Tiles to try, from the largest on: divisors, and blocks of about as many as there are."""
        parent, now = self.parent(k, name), self.state[k][name]
        least = self.state[k + 1][name] if k + 1 < len(self.levels) else self.low[name]
        found = {now, *_divisors(parent)}
        if not even:
            count = max(1, round(parent / now))
            found |= {-(-parent // n) for n in range(max(1, count - 4), count + 5)}
        return sorted((n for n in found if min(least, parent) <= n <= parent), reverse=True)

    def improve(self, even: bool) -> bool:
        """Try each tile, together with the largest of each other that then fits."""
        changed, moving = False, [n for n in self.low if n in self.costs.transfers.names]
        for k in reversed(range(len(self.levels))):
            for name, other in itertools.product(moving, [None, *moving]):
                here = self.state[k]
                if name == other:
                    continue
                best, at = self.seconds() * (1 - 1e-12), dict(here)
                for n in self.options(k, name, even):
                    here[name] = n
                    if other:
                        self.fill(k, other, self.options(k, other, even))
                    found = self.seconds()
                    if found < best:
                        best, at, changed = found, dict(here), True
                here.update(at)
        return changed

    def fill(self, k: int, name: str, options: Sequence[int]) -> None:
        """Take the first of tiles, from the largest on, that fits, else the last."""

        def fits(n: int) -> bool:
            self.state[k][name] = n
            return self.memory(k) <= self.rooms[k]

        place = bisect.bisect_left(options, True, hi=len(options) - 1, key=fits)
        self.state[k][name] = options[place]

    def grow(self) -> None:
        """Take the largest streamed tiles that fit and move no more."""
        for k in range(len(self.levels)):
            for name in self.low:
                if name.startswith("s"):
                    now, best = self.state[k][name], self.seconds() * (1 + 1e-12)
                    for n in self.options(k, name, even=True):
                        self.state[k][name] = n
                        if n <= now or self.seconds() <= best:
                            break
                    self.state[k][name] = max(n, now)


def _whole(
    costs: Costs,
    device: Device,
    unit: int,
    optimum: Optimum,
    floors: Mapping[str, int],
    remainders: bool,
) -> tuple[LevelTiles, ...]:
    """Round to whole tiles, from divisors and from whole numbers."""
    search, found = _Rounding(costs, device, unit, floors), []
    for even in (True, False) if remainders else (True,):
        search.start(optimum, device, even)
        for _ in range(20):
            if not search.improve(even=not remainders):
                break
        found.append((search.seconds(), [dict(one) for one in search.state]))
    search.state = min(found, key=lambda one: one[0])[1]
    search.grow()
    return tuple(
        LevelTiles(level, search.state[k], search.values(k, costs.transfers)[0], search.memory(k))
        for k, level in enumerate(search.levels)
    )


def _divisors(n: int) -> list[int]:
    small = [k for k in range(1, math.isqrt(n) + 1) if n % k == 0]
    return sorted({*small, *(n // k for k in small)})


def _notices(found: Tiling) -> Iterable[Notice]:
    if len({*found.widths}) > 1:
        text = "inputs, outputs and what stays inside have {} bytes, {} and {}".format(
            *found.widths
        )
        text += ", so narrower inputs save less than they are narrower"
        yield Notice("mixed-width", "note", "numbers", text, {"widths": found.widths})
    if found.gap > _GAP:
        text = f"whole tiles move {found.gap:.3g} times what the optimum does"
        yield Notice("integral-gap", "note", "tiles", text, {"gap": found.gap})
    for name, (_, size) in found.costs.bounds.items():
        if found.optimum[name] >= size.number * (1 - 1e-6) and name in found.costs.transfers.names:
            text = f"the tile is the whole axis of {size}"
            yield Notice("clamped", "note", name, text, {"size": size.number})
    yield from _recomputed(found)
    units = found.levels[-1].level.units
    if units > 1 and found.groups < units:
        text = f"{found.groups} group{'s' * (found.groups > 1)} for {units} units"
        node = ", ".join(name for name in found.tiles if name.startswith("g")) or "island"
        yield Notice("few-tiles", "warning", node, text, {"groups": found.groups, "units": units})
    if found.split is not None:
        axis, parts, gain = found.split
        text = f"split in {parts} parts, whose states are merged, transfers take 1/{gain:.3g}"
        yield Notice("split-pays", "note", axis, text, {"parts": parts, "gain": gain})
    if not found.device.throughputs:
        return
    time = found.time
    unit = time.bound
    if unit in found.work:
        moved = found.levels[0].transfers * found.unit
        figures = {"seconds": time.by_unit[unit], "per_byte": found.work[unit] / moved}
        text = f"{figures['per_byte']:.4g} operations for each byte that crosses below "
        text += found.device.levels[0].name
        if unit == "matrix":
            figures["ridge"] = found.device.ridge(found.widths[0])
            text += f"; the ridge is {figures['ridge']:.4g}"
        yield Notice("compute-bound", "note", unit, text, figures)
    else:
        seconds = time.by_unit[unit]
        text = f"takes {seconds / time.serial:.0%} of the serial time"
        yield Notice("bandwidth-bound", "note", unit, text, {"seconds": seconds})


def _recomputed(found: Tiling) -> Iterable[Notice]:
    """What a reverse pass makes again, and what each group makes that has no axis of it."""
    sizes = {name: int(size.number) for name, (_, size) in found.costs.bounds.items()}
    once = {name: 1 / size for name, size in sizes.items()}
    for unit, every in found.work.items():
        again = float(found.costs.again[unit].number) if unit in found.costs.again else 0.0
        groups = every - _value(found.costs.work[unit], sizes, once)
        if again + groups > every / 100:
            figures = {"reverse": again, "groups": groups, "all": every}
            parts = [f"{again:.4g} in the reverse pass"] if again else []
            parts += [f"{groups:.4g} by groups that lack an axis"] if groups else []
            text = f"of {every:.4g} operations are made again: {', '.join(parts)}"
            yield Notice("recomputed", "note", unit, text, figures)
