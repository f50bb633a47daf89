r"""Co-design: a chip and the tiles of a program that runs on it, chosen together.

A **design problem** from demands F to resources R says which resources suffice for which demands:
a relation P that holds for less demand, and for more resources, where it holds at all. So it is a
bimodule of orders, over truth values (:class:`~catlearn.cost.Bimodule`; Censi, "A mathematical
theory of co-design", arXiv 1512.08055). Problems in series are composites, side by side tensors,
and what is fed back is a trace. A program needs fast memory and bandwidth for a time, a chip needs
area for these: the composite says which areas suffice for which times, and its least elements are
the **Pareto front**.

Transfers, memory and operations are posynomials in tiles, and the area of a chip is one in its
figures. So the least time within an area is a geometric program, in tiles and figures at once;
each budget gives a point of the front.

>>> from catlearn.costing import Chip, Costs, codesign
>>> attention = Costs.of("2*q*x*d/g_q", {"rows": "2*d*g_q"}, bounds={"g_q": "q"})
>>> front = codesign(
...     attention, Chip("M + 3*B"), budget=[1e4, 1e5, 1e6], sizes=dict(q=2**20, x=2**20, d=64)
... )
>>> print(front)
area        time      M          B    g_q  M's share  B's share
1e+04  2.162e+09   5000       1667  39.06        0.5        0.5
1e+05  2.162e+07  5e+04  1.667e+04  390.6        0.5        0.5
1e+06  2.162e+05  5e+05  1.667e+05   3906        0.5        0.5
>>> front.problem
<3 x 3 matrix over Bool>

That half of the area is fast memory does not depend on the prices 1 and 3: where transfers fall as
:math:`M^{-\beta}` the share is :math:`\beta / (1 + \beta)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from operator import matmul
from typing import Any

import numpy as np

from catlearn.arrays import Circuit
from catlearn.arrays.counting import UNITS
from catlearn.arrays.sizes import sizes_hint
from catlearn.cost import BOOL, Bimodule, EnrichedCategory, Infeasible, Posynomial, minimise
from catlearn.costing.costs import Costs
from catlearn.costing.tiling import NoTile, best_way, ways
from catlearn.display import Chart, Charted, Legible, Series, html_table, renderer_of, text_table
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
    expect,
    expect_dicts,
    wrong_kind,
)
from catlearn.names import fresh
from catlearn.typesetting import escape_latex, latex_table

FIGURES = ("M", "B", *UNITS)
"""The figures of a chip: words of fast memory, words a second, and operations a second by unit."""


class NoDesign(CatlearnError, ValueError):
    """No chip within a budget runs a program.

    Parameters
    ----------
    message
        What was asked.
    least
        The area that is needed at least, where time does not count.
    budget
        The area that there is.
    """

    def __init__(self, message: str, least: float, budget: float) -> None:
        super().__init__(message)
        self.least, self.budget = least, budget


# ---------------------------------------------------------------- design problems


@dataclass(frozen=True)
class Quantity:
    """Values of a demand or a resource, as an order.

    Parameters
    ----------
    name
        What it is called.
    values
        Numbers.
    falling
        Whether less is more: of two times to keep the shorter one demands more.

    Examples
    --------
    >>> time = Quantity("t", [1, 2, 3], falling=True)
    >>> bool(time.order("t=3", "t=1")), bool(time.order("t=1", "t=3"))
    (True, False)
    """

    name: str
    values: Sequence[float]
    falling: bool = False

    @cached_property
    def order(self) -> EnrichedCategory:
        """The category over truth values with an arrow from each value to those that are more."""
        values = np.asarray(self.values, float)
        more = values[:, None] >= values if self.falling else values[:, None] <= values
        return EnrichedCategory([f"{self.name}={v:.6g}" for v in values], more, BOOL)


def design_problem(
    demands: Quantity | Sequence[Quantity],
    resources: Quantity | Sequence[Quantity],
    feasible: Callable[..., bool],
) -> Bimodule:
    """Return which resources suffice for which demands, as a bimodule.

    Parameters
    ----------
    demands, resources
        A quantity, or several, which are demanded, or given, together.
    feasible
        Called with a value of each demand, then of each resource.

    Raises
    ------
    InvalidStructure
        Listing entries that hold where those for less demand, or for more resources, do not.

    Examples
    --------
    >>> time, area = Quantity("t", [1, 2], falling=True), Quantity("A", [1, 2])
    >>> print(design_problem(time, area, lambda t, A: t * A >= 2))
           A=1    A=2
    t=1  False   True
    t=2   True   True
    >>> design_problem(Quantity("t", [1, 2]), area, lambda t, A: t * A >= 2)
    Traceback (most recent call last):
    catlearn.errors.InvalidStructure: Bimodule is not valid (1 failure):
      - entry (t=1, A=1): acted upon it is True, expected <= False [left action]
    """
    expect(feasible, Callable, "feasible", "a function of values of demands and resources")
    sides = []
    for given in (demands, resources):
        wanted = "quantities, such as Quantity('M', [])"
        expect(given, (Quantity, Iterable), "demands and resources", wanted)
        some = [given] if isinstance(given, Quantity) else [*given]
        for one in some:
            expect(one, Quantity, "demands and resources", wanted)
        if not some:
            raise wrong_kind(given, "demands and resources", wanted)
        sides.append(some)
    orders = [reduce(matmul, [one.order for one in some]) for some in sides]
    every = [[*product(*(one.values for one in some))] for some in sides]
    entries = [[bool(feasible(*demand, *given)) for given in every[1]] for demand in every[0]]
    return Bimodule(orders[0], orders[1], entries)


def least_resources(problem: Bimodule, demand: str) -> list[str]:
    """Return the least resources that suffice for a demand: its Pareto front.

    Examples
    --------
    >>> room = Quantity("M", [1, 2]), Quantity("B", [1, 2])
    >>> kernel = design_problem(Quantity("t", [1], True), room, lambda t, M, B: M * B >= 2 / t)
    >>> least_resources(kernel, "t=1")
    ['(M=1, B=2)', '(M=2, B=1)']
    """
    expect(problem, Bimodule, "problem", "a design problem")
    if demand not in problem.rows:
        known = did_you_mean(demand, problem.rows)
        raise UnknownName(f"there is no demand {demand!r}; {known}")
    enough = np.flatnonzero(problem.entries[problem.rows.index(demand)])
    more = problem.codomain.hom[np.ix_(enough, enough)]
    below = (more & ~more.T).any(axis=0)
    return [problem.columns[k] for k in enough[~below]]


# ---------------------------------------------------------------- chips


@dataclass(frozen=True)
class Chip(Legible):
    """What the figures of a chip cost.

    Parameters
    ----------
    area
        A posynomial, or its text, in ``M``, the words of fast memory, ``B``, the words that cross
        in a second, and ``matrix``, ``exponential`` and ``vector``, the operations in a second.
        What is not in it costs nothing, and takes no time.

    Raises
    ------
    InvalidStructure
        Listing variables that are no figure of a chip.

    Examples
    --------
    >>> Chip("M + 3*B")
    Chip(area=Posynomial.parse('3*B + M'))
    >>> Chip("M + 3*b")
    Traceback (most recent call last):
    catlearn.errors.InvalidStructure: Chip is not valid (1 failure):
      - area M + 3*b: b is no figure; there are only M, B, matrix, exponential, vector [figure]
    """

    area: Posynomial

    def __post_init__(self) -> None:
        given: Any = self.area
        expect(given, (str, Posynomial), "area", "a posynomial, such as 'M + 3*B'")
        area = Posynomial.parse(given) if isinstance(given, str) else given
        object.__setattr__(self, "area", area)
        failures = [
            Failure("figure", f"area {area}", f"{name} is no figure; {did_you_mean(name, FIGURES)}")
            for name in area.names
            if name not in FIGURES
        ]
        if not area.names:
            failures.append(Failure("figure", f"area {area}", "does not depend on any figure"))
        if failures:
            raise InvalidStructure("Chip", failures)


@dataclass(frozen=True)
class Design:
    """A chip, and the tiles of a program on it: a point of a front.

    Parameters
    ----------
    area
        The budget.
    time
        The least seconds within it.
    point
        The figures of the chip, and the tiles.
    shares
        What part of the area is of each figure.
    parts
        The seconds of transfers, ``B``, and of each unit.
    """

    area: float
    time: float
    point: Mapping[str, float]
    shares: Mapping[str, float]
    parts: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.point[name]


@dataclass(frozen=True)
class Front(Charted, Legible):
    """The Pareto front of area and time; made by :func:`codesign`.

    Parameters
    ----------
    chip
        What was built.
    designs
        Its points, by rising area and falling time.
    shown
        The variables that its table has.
    """

    chip: Chip
    designs: tuple[Design, ...]
    shown: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.designs)

    def __getitem__(self, k: int) -> Design:
        return self.designs[k]

    @property
    def rows(self) -> tuple[list[str], list[list[str]]]:
        """The head of the table, and its cells."""
        shares = [*self.designs[0].shares]
        head = ["area", "time", *self.shown, *(f"{name}'s share" for name in shares)]
        body = [
            [one.area, one.time, *(one.point.get(n) for n in self.shown), *one.shares.values()]
            for one in self.designs
        ]
        return head, [["" if cell is None else f"{cell:.4g}" for cell in row] for row in body]

    def __str__(self) -> str:
        return text_table(*self.rows)

    def to_latex(self) -> str:
        """Return the table as LaTeX, in ``tabular``."""
        head, *body = ([*map(escape_latex, row)] for row in (self.rows[0], *self.rows[1]))
        return latex_table(head, body, "r")

    def chart(self) -> Chart:
        """Return time by area as a chart, and the shares of the area below."""
        areas = [one.area for one in self.designs]
        shares = tuple(
            Series(name, areas, [one.shares[name] for one in self.designs])
            for name in self.designs[0].shares
        )
        below = Chart("shares of the area", shares, "area", "share")
        times = Series("", areas, [one.time for one in self.designs])
        return Chart("least time by area", (times,), "area", "seconds", (below,))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        head, body = self.rows
        draw = renderer_of(type(self))
        picture = (draw(self) if draw is not None else None) or ""
        table = html_table(head, body, right=range(len(head)))
        return {"text/plain": str(self), "text/html": f"{table}{picture}"}

    @cached_property
    def _points(self) -> EnrichedCategory:
        """The chips of the front, ordered by all of their figures."""
        names = self.chip.area.names
        values = np.array([[one[name] for name in names] for one in self.designs])
        titles: list[str] = []
        for row in values:
            text = ", ".join(f"{n}={v:.6g}" for n, v in zip(names, row, strict=True))
            titles.append(fresh(f"({text})", titles, "#"))
        return EnrichedCategory(titles, (values[:, None] <= values).all(axis=2), BOOL)

    @cached_property
    def kernel(self) -> Bimodule:
        """Which chips of the front keep which times."""
        times = Quantity("t", [one.time for one in self.designs], falling=True)
        kept = np.array(times.values) <= np.array(times.values)[:, None]
        return Bimodule(times.order, self._points, kept)

    @cached_property
    def layout(self) -> Bimodule:
        """Which areas have room for which chips of the front."""
        areas = Quantity("A", [one.area for one in self.designs])
        taken = np.array([self.chip.area(dict(one.point)) for one in self.designs])
        fits = taken[:, None] <= np.array(areas.values) * (1 + 1e-6)
        return Bimodule(self._points, areas.order, fits)

    @property
    def problem(self) -> Bimodule:
        """Which areas suffice for which times: the composite of :attr:`kernel`, :attr:`layout`."""
        found = self.kernel @ self.layout
        assert isinstance(found, Bimodule)
        return found


# ---------------------------------------------------------------- the geometric program


def codesign(
    program: Circuit | Costs | Sequence[Circuit | Costs],
    chip: Chip | str,
    over: Iterable[str] | None = None,
    budget: float | Iterable[float] = (),
    *,
    sizes: Mapping[str, int] | None = None,
    at: Mapping[str, float] | None = None,
    reverse: bool = False,
    overlap: bool = False,
) -> Front:
    """Return the least times of a program on chips within budgets, with chips and tiles.

    Parameters
    ----------
    program
        A circuit, or the costs of an island, or several, which run one after the other on one
        chip, each in tiles of its own. A circuit runs in the modes that are best on the chip, of
        those with the tiles that are asked for.
    chip
        The chip, or its area.
    over
        The figures and tiles that may vary, such as ``("M", "B", "g_q")``; by default all. Other
        tiles are 1. A tile is of all islands that have it.
    budget
        Areas.
    sizes
        Numbers for the sizes that are open.
    at
        Values of figures and tiles that do not vary: ``{"B": 1e12}``; also of figures that are not
        in the area, such as ``{"matrix": 989e12}``, which else take no time.
    reverse
        Whether the program is trained: with the reverse pass of each circuit, an island of its own.
    overlap
        Whether transfers and units of an island work at once, instead of one after the other.

    Raises
    ------
    NoDesign
        If the program does not fit on the chip within a budget, with what is needed at least.
    InvalidStructure
        Listing variables that are unknown, figures that are neither varied nor given, budgets that
        are no positive numbers, and sizes that are open.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> sizes = dict(a=4096, b=4096, c=4096)
    >>> front = codesign(einsum("a b, b c -> a c"), "M + 2*B", budget=[1e5, 1e6], sizes=sizes)
    >>> [round(design.shares["M"], 2) for design in front.designs]
    [0.33, 0.32]
    """
    expect(over, (type(None), Iterable), "over", "a list of names of figures and tiles")
    over = None if over is None else [*over]
    chip = Chip(chip) if isinstance(chip, str) else chip  # type: ignore[arg-type]
    expect(chip, Chip, "chip", "a Chip, such as Chip('M + 3*B')")
    expect_dicts("a dict of numbers by names", sizes=sizes, at=at)
    wanted = "a circuit, or the costs of islands, such as Costs.of(...)"
    expect(program, (Circuit, Costs, Sequence), "program", wanted)
    some = [program] if isinstance(program, Circuit | Costs) else [*program]
    for one in some:
        expect(one, (Circuit, Costs), "program", wanted)
    given: list[Any] = [*budget] if isinstance(budget, Iterable) else [budget]
    _refuse_budgets(given, some)
    solver = _Ways(_islands(some, reverse, sizes), chip, over, at or {}, overlap)
    designs: list[Design] = []
    for area in sorted({float(one) for one in given}):
        found = solver.best(area)
        if not designs or found.time < designs[-1].time * (1 - 1e-9):
            designs.append(found)
    return Front(chip, tuple(designs), solver.shown(designs))


def _positive(given: Any) -> bool:
    real = isinstance(given, int | float | np.floating) and not isinstance(given, bool)
    return bool(real and 0 < given < math.inf)


def _refuse_budgets(given: Sequence[Any], some: Sequence[Any]) -> None:
    failures = [
        Failure("budget", repr(one), "expected a positive number")
        for one in given
        if not _positive(one)
    ]
    if not given:
        failures.append(Failure("budget", "budget", "there is none; expected areas"))
    if not some:
        failures.append(Failure("program", "program", "has no islands"))
    if failures:
        raise InvalidStructure("codesign", failures)


def _islands(
    some: Sequence[Circuit | Costs], reverse: bool, sizes: Mapping[str, int] | None
) -> list[list[Costs]]:
    """For each island, forward and reverse, the ways to run it."""
    found = []
    for one in some:
        if isinstance(one, Costs):
            mine = {name: size for name, size in (sizes or {}).items() if name in one.open}
            found.append([one.at(mine)])
        else:
            circuit = one.at(sizes) if sizes else one
            found += [ways(circuit, back) for back in (False, True)[: 1 + reverse]]
    return found


class _Ways:
    """The islands of a program, each in several ways, and the chip that they run on."""

    def __init__(
        self,
        islands: Sequence[Sequence[Costs]],
        chip: Chip,
        over: Iterable[str] | None,
        at: Mapping[str, float],
        overlap: bool,
    ) -> None:
        self.chip, self.over, self.at, self.overlap = chip, over, at, overlap
        every = [one for some in islands for one in some]
        tiles = dict.fromkeys(name for one in every for name in one.bounds)
        self.free = {*FIGURES, *tiles} if over is None else {*over}
        failures = [*self.failures(every, tiles)]
        if failures:
            raise InvalidStructure("codesign", failures)
        self.fixed = {name: float(at[name]) for name in FIGURES if name in at}
        self.known: dict[tuple[int, float], int] = {}
        asked, self.islands = {*(over or ()), *at}.difference(FIGURES), list[list[Costs]]()
        for some in islands:  # those that have the tiles that are asked for
            most = max(len(asked & one.bounds.keys()) for one in some)
            kept = (one for one in some if len(asked & one.bounds.keys()) == most)
            self.islands.append([self.put(one) for one in kept])

    def put(self, one: Costs) -> Costs:
        """Put in the tiles that do not vary: what is given, at most the axis, or else the least."""
        values: dict[str, float] = {}
        for name, (low, size) in one.bounds.items():
            if name in self.at:
                values[name] = min(float(self.at[name]), float(size.number))
            elif name not in self.free:
                values[name] = float(low)
        return one.at(values) if values else one

    def failures(self, every: Sequence[Costs], tiles: Iterable[str]) -> Iterator[Failure]:
        """What of the chip, of what varies, and of sizes is not right."""
        area, at, known = self.chip.area, self.at, {*FIGURES, *tiles}
        for name in dict.fromkeys([*(self.over or ()), *at]):
            if name not in known:
                text = f"is no figure, and no tile; {did_you_mean(name, known)}"
                yield Failure("over", name, text)
        for name, value in at.items():
            if not _positive(value):
                yield Failure("at", name, f"found {value!r}, expected a positive number")
        for name in FIGURES:
            if name in area.names and name not in self.free and name not in at:
                yield Failure("figure", name, "is in the area, and neither in over= nor in at=")
            if name in (self.over or ()) and name not in area.names and name not in at:
                text = f"may vary, and is not in the area {area}; give at={{...}}"
                yield Failure("figure", name, text)
        if "M" not in area.names and "M" not in at:
            text = f"is free in the area {area}; name it there, or give at={{'M': ...}}"
            yield Failure("figure", "M", text)
        for name in dict.fromkeys(name for one in every for name in one.open):
            yield Failure("size", name, f"has no number; {sizes_hint([name])}")
        if not {*area.names, *at} & {"B", *UNITS}:
            yield Failure("figure", f"area {area}", "has nothing that takes time")

    def shown(self, designs: Sequence[Design]) -> tuple[str, ...]:
        """The figures that vary, and the tiles, if they are asked for, or all of one island."""
        figures = [name for name in FIGURES if name in self.chip.area.names and name not in self.at]
        tiles = dict.fromkeys(n for one in designs for n in one.point if n not in FIGURES)
        if self.over is None:
            return (*figures, *(tiles if len(self.islands) == 1 else ()))
        asked = {*self.over}.difference(self.at)
        return (*figures, *(name for name in tiles if name.rpartition("/")[2] in asked))

    def way(self, k: int, memory: float) -> int:
        """The way to run an island that moves least with a fast memory, or that needs least."""
        some = self.islands[k]
        if (k, memory) not in self.known:
            try:
                found = best_way(some, memory) if len(some) > 1 else some[0]
            except NoTile as error:
                found = best_way(some, error.least * (1 + 1e-6))
            self.known[k, memory] = next(n for n, one in enumerate(some) if one is found)
        return self.known[k, memory]

    def best(self, budget: float) -> Design:
        """The least time within a budget.

        The ways of the islands and the memory are chosen in turn, from a memory that takes half of
        what there is for it, and from one that takes a fiftieth.
        """
        most = self.fixed.get("M", math.inf)
        alone = [t for t in self.chip.area.terms if not {n for n, _ in t[0]} - {"M", *self.fixed}]
        if "M" not in self.fixed and any("M" in dict(key) for key, _ in alone):
            room = Posynomial(tuple(alone)).at(self.fixed)
            try:
                most = minimise(1 / Posynomial.of("M"), [(room, budget)])["M"]
            except Infeasible:
                most = 1.0
        found: Design | None = None
        failed: NoDesign | None = None
        for memory in (most,) if "M" in self.fixed else (most / 2, most / 50):
            seen = set[tuple[int, ...]]()
            while True:
                chosen = tuple(self.way(k, memory) for k in range(len(self.islands)))
                if chosen in seen:
                    break
                seen.add(chosen)
                islands = [some[n] for some, n in zip(self.islands, chosen, strict=True)]
                try:
                    made = _Program(islands, self).solve(budget)
                except NoDesign as error:
                    failed = min(failed or error, error, key=lambda one: one.least)
                    break
                memory = made.point.get("M", memory)
                if found is None or made.time < found.time:
                    found = made
        if found is None:
            assert failed is not None
            raise failed
        return found


class _Program:
    """The geometric program of islands, each in one way, on a chip."""

    def __init__(self, islands: Sequence[Costs], ways: _Ways) -> None:
        self.chip, self.overlap, self.fixed = ways.chip, ways.overlap, ways.fixed
        self.bounds = {name: (value, value) for name, value in self.fixed.items()}
        self.limits: list[tuple[Posynomial, float]] = []
        self.parts: list[dict[str, Posynomial]] = []
        timed = {*self.chip.area.names, *self.fixed}
        for k, one in enumerate(islands, 1):
            named = {name: name if len(islands) == 1 else f"{k}/{name}" for name in one.bounds}
            for name, (low, size) in one.bounds.items():
                most = size.number if name in one.transfers.names else low
                self.bounds[named[name]] = float(low), float(most)
            if "M" in timed:
                columns = dict.fromkeys(column.at(named) for _, column in one.columns)
                self.limits += [(column / Posynomial.of("M"), 1.0) for column in columns]
            work = {"B": one.transfers, **one.work}
            self.parts.append({
                unit: size.at(named) / Posynomial.of(unit)
                for unit, size in work.items() if unit in timed and size.terms
            })  # fmt: skip

    def solve(self, budget: float) -> Design:
        """The least time within a budget."""
        area, least = self.chip.area, self.least()
        if budget <= least * (1 + 1e-9):
            message = f"needs an area of more than {least:.6g}, the budget is {budget:.6g}"
            raise NoDesign(message, least, budget)
        limits = [*self.limits, (area, budget)]
        objective = Posynomial.total(one for own in self.parts for one in own.values())
        if self.overlap:
            longest = [Posynomial.of(f"time {k}") for k in range(len(self.parts))]
            objective = Posynomial.total(longest)
            pairs = zip(self.parts, longest, strict=True)
            limits += [(one / most, 1.0) for own, most in pairs for one in own.values()]
        found = minimise(objective, limits, self.bounds)
        point = {name: value for name, value in found.point.items() if name[:5] != "time "}
        whole = area(point)
        shares = {
            name: Posynomial(tuple(t for t in area.terms if name in dict(t[0])))(point) / whole
            for name in FIGURES
            if name in area.names
        }
        parts: dict[str, float] = {}
        for own in self.parts:
            for name, one in own.items():
                parts[name] = parts.get(name, 0.0) + one(point)
        return Design(budget, found.value, point, shares, parts)

    def least(self) -> float:
        """The area at which the program fits, whatever the time."""
        terms = [t for t in self.chip.area.terms if not {n for n, _ in t[0]} - {"M", *self.fixed}]
        try:
            return minimise(Posynomial(tuple(terms)), self.limits, self.bounds).value
        except Infeasible as error:
            message = f"needs {error.least:.6g} times the fast memory {self.fixed.get('M', 0):.6g}"
            raise NoDesign(message, math.inf, math.inf) from None
