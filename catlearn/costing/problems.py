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

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from operator import matmul
from typing import Any

import numpy as np

from catlearn.arrays import Circuit
from catlearn.cost import BOOL, Bimodule, EnrichedCategory, Infeasible, Posynomial, minimise
from catlearn.costing.costs import Costs
from catlearn.costing.table import circuit_resources
from catlearn.costing.tiling import NoTile, tile, ways
from catlearn.costing.work import UNITS
from catlearn.display import Chart, Charted, Legible, Series, html_table, renderer_of, text_table
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    UnknownName,
    did_you_mean,
    expect,
    expect_dicts,
)
from catlearn.names import fresh
from catlearn.typesetting import escape_latex

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
    sides = []
    for given in (demands, resources):
        some = [given] if isinstance(given, Quantity) else [*given]
        for one in some:
            expect(one, Quantity, "demands and resources", "quantities, such as Quantity('M', [])")
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
            [one.area, one.time, *(one[n] for n in self.shown), *(one.shares[n] for n in shares)]
            for one in self.designs
        ]
        return head, [[f"{cell:.4g}" for cell in row] for row in body]

    def __str__(self) -> str:
        return text_table(*self.rows)

    def to_latex(self) -> str:
        """Return the table as LaTeX, in ``tabular``."""
        head, body = self.rows
        lines = [" & ".join(map(escape_latex, row)) + r" \\" for row in (head, *body)]
        text = "\n".join([lines[0], r"\hline", *lines[1:]])
        return f"\\begin{{tabular}}{{{'r' * len(head)}}}\n{text}\n\\end{{tabular}}"

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
        chip, each in tiles of its own. A circuit runs in the modes that are best on the chip of the
        middle budget.
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
    circuits = [one.at(sizes) if sizes and isinstance(one, Circuit) else one for one in some]
    usual: list[Costs] = []
    for one in circuits:
        usual += _costs_of(one, reverse, sizes)
    middle = sorted(given)[len(given) // 2]
    solver = _Solver(usual, chip, over, at or {}, overlap)
    if any(isinstance(one, Circuit) for one in circuits):
        memory = solver.solve(middle)["M"]
        best: list[Costs] = []
        for one in circuits:
            best += _costs_of(one, reverse, sizes, memory, {*(over or ()), *(at or {})})
        solver = _Solver(best, chip, over, at or {}, overlap)
    designs: list[Design] = []
    for one in sorted({float(area) for area in given}):
        found = solver.solve(one)
        if not designs or found.time < designs[-1].time * (1 - 1e-9):
            designs.append(found)
    return Front(chip, tuple(designs), solver.shown)


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


def _costs_of(
    one: Circuit | Costs,
    reverse: bool,
    sizes: Mapping[str, int] | None,
    memory: float = 0,
    asked: Iterable[str] = (),
) -> list[Costs]:
    """The costs of a circuit in its usual modes, or in those that are best for a fast memory.

    Of these they are among those that have the tiles that are asked for.
    """
    if isinstance(one, Costs):
        mine = {name: size for name, size in (sizes or {}).items() if name in one.open}
        return [one.at(mine)]
    found = []
    for back in (False, True)[: 1 + reverse]:
        usual = circuit_resources(one, reverse=back).costs
        if memory:
            mine = {*asked} & usual.bounds.keys()
            some = [costs for costs in ways(one, back) if mine <= costs.bounds.keys()]
            with contextlib.suppress(NoTile):  # the usual modes fit, with tiles that are fractions
                usual = tile(some, fast_memory=memory * (1 + 1e-6)).symbolic
        found.append(usual)
    return found


class _Solver:
    """The geometric program of some islands on a chip."""

    def __init__(
        self,
        islands: Sequence[Costs],
        chip: Chip,
        over: Iterable[str] | None,
        at: Mapping[str, float],
        overlap: bool,
    ) -> None:
        self.chip, self.overlap = chip, overlap
        self.named = [
            {name: name if len(islands) == 1 else f"{k}/{name}" for name in one.bounds}
            for k, one in enumerate(islands, 1)
        ]
        self.islands = islands
        tiles = {name for one in islands for name in one.bounds}
        free = {*FIGURES, *tiles} if over is None else {*over}
        self._refuse(islands, free, at, tiles, over is not None)
        figures = {name: float(at[name]) for name in FIGURES if name in at}
        self.fixed = figures
        self.bounds: dict[str, tuple[float, float]] = {}
        self.limits: list[tuple[Posynomial, float]] = []
        self.parts: list[dict[str, Posynomial]] = []
        for name, value in figures.items():
            self.bounds[name] = value, value
        timed = {*chip.area.names, *figures}
        for one, named in zip(islands, self.named, strict=True):
            for name, (low, size) in one.bounds.items():
                most, floor = float(size.number), float(low)
                if name in at:
                    floor = most = min(float(at[name]), most)
                elif name not in free or name not in one.transfers.names:
                    most = floor
                self.bounds[named[name]] = floor, most
            columns = dict.fromkeys(column.at(named) for _, column in one.columns)
            self.limits += [(column / Posynomial.of("M"), 1.0) for column in columns]
            own = {"B": one.transfers.at(named) / Posynomial.of("B")} if "B" in timed else {}
            for unit, size in one.work.items():
                if unit in timed and size.terms:
                    own[unit] = size.at(named) / Posynomial.of(unit)
            self.parts.append(own)
        if not timed & {"M"}:
            self.limits = []
        self.shown = tuple(
            name
            for name in (*FIGURES, *self.bounds)
            if (name in chip.area.names or name not in FIGURES)
            and self.bounds.get(name, (0, 1))[0] < self.bounds.get(name, (0, 1))[1]
        )

    def _refuse(
        self,
        islands: Sequence[Costs],
        free: set[str],
        at: Mapping[str, Any],
        tiles: set[str],
        said: bool,
    ) -> None:
        area = self.chip.area
        known = {*FIGURES, *tiles}
        failures = [
            Failure("over", name, f"is no figure, and no tile; {did_you_mean(name, known)}")
            for name in dict.fromkeys([*free, *at])
            if name not in known
        ]
        failures += [
            Failure("at", name, f"found {value!r}, expected a positive number")
            for name, value in at.items()
            if not _positive(value)
        ]
        failures += [
            Failure("figure", name, "is in the area, and neither in over= nor in at=")
            for name in area.names
            if name not in free and name not in at
        ]
        failures += [
            Failure("figure", name, f"may vary, and is not in the area {area}; give at={{...}}")
            for name in FIGURES
            if said and name in free and name not in area.names and name not in at
        ]
        failures += [
            Failure("size", name, "has no number; give sizes={...}")
            for name in dict.fromkeys(name for one in islands for name in one.open)
        ]
        if not failures and not {*area.names, *at} & {"B", *UNITS}:
            failures.append(Failure("figure", f"area {area}", "has nothing that takes time"))
        if failures:
            raise InvalidStructure("codesign", failures)

    def solve(self, budget: float) -> Design:
        """The least time within a budget."""
        area = self.chip.area
        limits = [*self.limits, (area, budget)]
        need = self.least
        if budget <= need * (1 + 1e-9):
            message = f"needs an area of more than {need:.6g}, the budget is {budget:.6g}"
            raise NoDesign(message, need, budget)
        if self.overlap:
            objective = Posynomial.total(Posynomial.of(f"time {k}") for k in range(len(self.parts)))
            limits += [
                (one / Posynomial.of(f"time {k}"), 1.0)
                for k, own in enumerate(self.parts)
                for one in own.values()
            ]
        else:
            objective = Posynomial.total(one for own in self.parts for one in own.values())
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

    @cached_property
    def least(self) -> float:
        """The area at which the program fits, whatever the time."""
        terms = [t for t in self.chip.area.terms if not {n for n, _ in t[0]} - {"M", *self.fixed}]
        room = Posynomial(tuple(terms))
        if not terms:
            return 0.0
        try:
            return minimise(room, self.limits, self.bounds).value
        except Infeasible as error:
            message = f"needs {error.least:.6g} times the fast memory {self.fixed.get('M', 0):.6g}"
            raise NoDesign(message, math.inf, math.inf) from None
