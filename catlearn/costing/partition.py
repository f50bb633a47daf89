r"""Islands: which stages of a program run together, so that least is moved.

A plan is a shortest path through the sets of stages that may have run. Of a chain, where c(i, j) is
what the stages i, ..., j - 1 cost as one island, infinite if there is no such island, it goes from
0 to n, and costs the entry (0, n) of the star of c over LAWVERE. Since every sequence of islands is
a path, the plan of a composite costs at most the plans of its parts, one after the other.

Fusing may cost more: attention moves more as one island than as two where the fast memory is
smaller than :math:`d^2`.

>>> from catlearn.costing import cheapest
>>> inf = float("inf")
>>> plan = cheapest([[inf, 4, 9], [inf, inf, 3], [inf, inf, inf]], ["scores", "values"])
>>> print(plan)
scores | values: 7
note fusing-costs-more (scores, values): as one island 9, apart 7
>>> plan.cuts, plan.parts
((1,), (('scores',), ('values',)))
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from catlearn.arrays import Circuit
from catlearn.arrays.boxes import Draft
from catlearn.cost import LAWVERE, Matrix
from catlearn.costing.costs import Costs
from catlearn.costing.hierarchy import Device, device_named
from catlearn.costing.indexed import Indexed, part_of
from catlearn.costing.island import Island
from catlearn.costing.notice import Notice
from catlearn.costing.tiling import NoTile, Tiling, tile
from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    expect,
    expect_dicts,
    expect_each,
    fault,
    refuse,
)


@dataclass(frozen=True)
class Partition(Legible):
    """A partition of stages into islands.

    Parameters
    ----------
    stages
        Their names.
    cuts
        The numbers of the stages where a new island begins, but for the first.
    cost
        What all islands cost.
    why
        What each cut avoids.
    tilings
        The tiles of the islands, where they were asked for.
    circuits
        The islands, where they are of a circuit: each reads and writes what crosses its border.
    order
        The numbers that the stages had, if islands are no stretches of these; by default as they
        are.
    """

    stages: tuple[str, ...]
    cuts: tuple[int, ...]
    cost: float
    why: tuple[Notice, ...] = ()
    tilings: tuple[Tiling, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    order: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The stages of each island."""
        return tuple(self.stages[i:j] for i, j in pairwise((0, *self.cuts, len(self.stages))))

    @property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the stages of each island."""
        order = self.order or tuple(range(len(self.stages)))
        return tuple(order[i:j] for i, j in pairwise((0, *self.cuts, len(order))))

    def __str__(self) -> str:
        line = " | ".join(", ".join(part) for part in self.parts)
        return "\n".join([f"{line}: {self.cost:.6g}", *map(str, self.why)])


def cheapest(costs: Any, stages: Iterable[str] | None = None) -> Partition:
    """Return the partition of a chain that costs least.

    Parameters
    ----------
    costs
        A square matrix of which the entry (i, j), i < j, is what stages i to j - 1 cost as one
        island; infinite where they cannot be one.
    stages
        Names of the stages, one less than there are rows.

    Raises
    ------
    InvalidStructure
        If the matrix is not square, or has negative entries.
    CatlearnError
        If no sequence of islands covers all stages.
    """
    given = LAWVERE.array(costs)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 2:
        message = f"found the shape {given.shape}, expected as many rows as columns, two at least"
        raise InvalidStructure("costs of islands", [Failure("shape", "costs", message)])
    count = len(given) - 1
    names = tuple(map(str, range(count))) if stages is None else tuple(stages)
    if len(names) != count:
        raise CatlearnError(f"found {len(names)} stages for {count + 1} rows, expected {count}")
    entries = Matrix(given, LAWVERE).entries

    def cost(some: frozenset[int]) -> float:
        return float(entries[min(some), max(some) + 1])

    chain = pairwise(range(count))
    return convex_cuts(names, chain, cost, bound=cost, longest=count, exact=count)


def fusing(node: str, whole: float, apart: float) -> Notice:
    """Say what an island would cost that is kept apart."""
    text = f"as one island {whole:.4g}, apart {apart:.4g}"
    if math.isinf(whole):
        text = "there is no such island, or no tiles of it fit"
    return Notice("fusing-costs-more", "note", node, text, {"whole": whole, "apart": apart})


Stages = list[tuple[str, list[int]]]
"""Boxes in stages, each with a name."""


def stages_of(circuit: Circuit) -> list[Stages]:
    """Return the boxes of a circuit in stages, in some ways: one to three.

    A stage has one box that reduces or takes an axis whole. The others are with the next one in
    the order in which boxes are listed, with the next one in that in which each runs as soon as it
    can, or with the last one that they depend on. What comes after the last one is in its stage,
    what depends on none in that of the first.

    Examples
    --------
    >>> from catlearn.arrays import einsum, relu, softmax
    >>> circuit = einsum("a b, b c -> a c") >> relu >> softmax("[c]") >> relu
    >>> for stages in stages_of(circuit):
    ...     print(stages)
    [('einsum', [0]), ('softmax', [1, 2, 3])]
    [('einsum', [0, 1]), ('softmax', [2, 3])]
    """
    expect(circuit, Circuit, "stages_of", "called with a circuit")
    H, listed = circuit.apex, circuit._walk()
    ins, outs = H.sides
    depth: dict[int, int] = {}  # of wires
    when: dict[int, int] = {}
    after: dict[int, int] = {}  # of wires, the number of the last heavy box before
    heavy: dict[int, int] = {}
    behind: dict[int, list[int]] = {}
    for box in listed:
        when[box] = 1 + max((depth.get(wire, 0) for wire in ins[box]), default=0)
        last = max((after.get(wire, 0) for wire in ins[box]), default=0)
        read = Indexed.of(part_of(circuit, [box]))
        if read.reduced or read.whole or read.along:
            last = heavy[box] = len(heavy)
        behind.setdefault(last, []).append(box)
        for wire in outs[box]:
            depth[wire], after[wire] = when[box], last
    found = []
    for order in (listed, sorted(listed, key=when.__getitem__)):
        stages: Stages = []
        waiting: list[int] = []
        for box in order:
            waiting.append(box)
            if box in heavy:
                stages.append((H.title(box), waiting))
                waiting = []
        if waiting and stages:
            stages[-1][1].extend(waiting)
        elif waiting:
            stages.append((H.title(waiting[-1]), waiting))
        if stages not in found:
            found.append(stages)
    stages = [(H.title(box), behind[number]) for box, number in heavy.items()]
    if stages and stages not in found:
        found.append(stages)
    return found


def islands(
    costs: Mapping[tuple[int, int], Costs | Sequence[Costs]] | Circuit,
    device: Device | str | None = None,
    fast_memory: float | None = None,
    *,
    stages: Iterable[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    longest: int = 4,
    **options: Any,
) -> Partition:
    """Return the partition into islands that move least, each with its best tiles.

    The boxes of a circuit are in stages (:func:`stages_of`). An island is a set of at most
    ``longest`` stages that are connected and *convex*: what is between two of them is in it, so
    islands run one after the other. Plans are the ways through the sets of stages that have run,
    of which the shortest is found, for up to 16 stages; tiles are looked for only where what an
    island has to move does not rule it out. Of more stages the islands of the best plan of
    stretches of their order, and each stage alone, are joined, two at a time, while that moves
    less; ``why`` then says so.

    Parameters
    ----------
    costs
        A circuit; or for pairs (i, j) the costs of stages i to j - 1 of a chain as one island, or
        of several ways to run it, where pairs that are left out are no island.
    device, fast_memory
        As for :func:`tile`: seconds, or words, are added.
    stages
        The names of those of a mapping.
    sizes
        Numbers for the sizes that are open.
    longest
        Of a circuit: the most stages of an island.
    **options
        Passed to :func:`tile`, such as ``floors``.

    Raises
    ------
    NoTile
        If no sequence of islands, each with tiles that fit, covers all stages; ``least`` and
        ``memory`` are those of a stage alone that does not fit.
    InvalidStructure
        Listing pairs that are none, and if ``longest`` is less than 1.
    CatlearnError
        If islands that cover all stages were left out.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax
    >>> attention = einsum("q d, x d -> q x") >> softmax("[x]")
    >>> attention = attention @ idle >> einsum("q x, x e -> q e")
    >>> print(islands(attention, fast_memory=2**9, sizes=dict(q=256, x=256, d=32, e=32)))
    einsum | softmax, einsum: 428389
    note fusing-costs-more (einsum, softmax, einsum): as one island 4.93e+05, apart 4.284e+05
    """
    device = device_named(device)
    known: dict[Any, Tiling | None] = {}
    unfit: dict[Any, NoTile] = {}

    def best(key: Any, one: Any) -> Tiling | None:
        if key not in known:
            known[key] = None
            costs = [one] if isinstance(one, Costs) else [] if isinstance(one, Circuit) else one
            mine = {name for some in costs for name in some.open}
            given = {name: size for name, size in (sizes or {}).items() if name in mine}
            try:
                known[key] = tile(one, device, fast_memory, sizes=given, **options)
            except NoTile as error:
                unfit[key] = error
        return known[key]

    expect(costs, (Circuit, Mapping), "costs", "a circuit, or a dict of costs by pairs (i, j)")
    expect_dicts("a dict of numbers by names", sizes=sizes)
    if not isinstance(costs, Circuit):
        wanted = "the costs of an island, or a list of them, such as Costs.of(...)"
        for one in costs.values():
            for some in one if isinstance(one, list | tuple) else [one]:
                expect(some, Costs, "each of costs", wanted)
        failures = [
            Failure("stages", repr(pair), "is no pair of numbers of stages (i, j), i < j")
            for pair in costs
            if not (isinstance(pair, tuple) and len(pair) == 2)
            or not all(type(k) is int for k in pair)
            or not 0 <= pair[0] < pair[1]
        ]
        refuse("islands", failures)
        if not costs:
            raise InvalidStructure("islands", [Failure("costs", "costs", "are of no island")])
        tilings = {pair: best(pair, one) for pair, one in costs.items()}
        try:
            return _planned(tilings, stages)
        except CatlearnError as error:
            raise _unfit(error, [unfit[i, j] for i, j in unfit if j == i + 1]) from None
    circuit, sizes = costs.at(sizes) if sizes else costs, None
    scale = sum(1 / (one.bandwidth or 1) for one in device.levels[1:]) if device else 1.0
    if device is not None and "widths" not in options:
        scale *= options.get("width", 2)

    part = functools.cache(functools.partial(part_of, circuit))

    @functools.cache
    def bound(boxes: frozenset[int]) -> float:
        widths = options.get("widths") or (1, 1, 1)
        island = Island(Indexed.of(part(boxes)), {}, widths=widths)
        return scale * (island.compulsory.number or 0)

    prices: dict[Circuit, float] = {}

    def price(boxes: frozenset[int]) -> float:
        alike = _nameless(part(boxes))
        if alike not in prices:
            found = best(boxes, part(boxes))
            prices[alike] = math.inf if found is None else found.optimum.value
        return prices[alike]

    plans: list[tuple[Partition, list[frozenset[int]]]] = []
    failed = None
    for order in stages_of(circuit):

        def boxes(some: Iterable[int], order: Stages = order) -> frozenset[int]:
            return frozenset(itertools.chain(*(order[k][1] for k in some)))

        flows, shared = _flows(circuit, order)
        try:
            plan = convex_cuts(
                [name for name, _ in order], flows, lambda some: price(boxes(some)),
                shared=shared, bound=lambda some: bound(boxes(some)), longest=longest,
            )  # fmt: skip
        except CatlearnError as error:
            failed = error
            continue
        rows = [boxes(part) for part in plan.numbers]
        plans.append((plan, rows))
    if not plans:
        assert failed is not None
        alone = {frozenset(stage) for order in stages_of(circuit) for _, stage in order}
        raise _unfit(failed, [unfit[some] for some in unfit if some in alone]) from None
    plan, rows = min(plans, key=lambda found: found[0].cost)
    circuits = tuple(map(part, rows))
    made = (best(row, one) for row, one in zip(rows, circuits, strict=True))
    return replace(plan, tilings=tuple(one for one in made if one), circuits=circuits)


def _unfit(failed: CatlearnError, alone: Sequence[NoTile]) -> CatlearnError:
    """The error of a plan that there is not, with what the stage that needs most alone needs."""
    if not alone:
        return failed
    worst = max(alone, key=lambda error: error.least)
    return NoTile(f"{failed}, which {worst}", worst.least, worst.memory)


def _nameless(circuit: Circuit) -> Circuit:
    """The circuit with parameters as inputs, as boxes read them: equal ones cost the same."""
    H, draft = circuit.apex, Draft.of(circuit.apex)
    read = dict.fromkeys(wire for box in circuit._walk() for wire in H.sides[0][box])
    given = [wire for wire in read if draft.wires[wire].name is not None]
    draft.wires = [wire._replace(name=None, initialiser=None) for wire in draft.wires]
    return Circuit.of(draft, [*circuit.dom, *given], circuit.cod)


def _flows(circuit: Circuit, stages: Stages) -> tuple[list[tuple[int, int]], list[set[int]]]:
    """Which stages read what others write, and the stages that read one array."""
    ins, outs = circuit.apex.sides
    home = {box: k for k, (_, boxes) in enumerate(stages) for box in boxes}
    writer = {wire: k for box, k in home.items() for wire in outs[box]}
    readers: dict[int, set[int]] = {}
    for box, k in home.items():
        for wire in ins[box]:
            readers.setdefault(wire, set()).add(k)
    flows = [(writer[wire], k) for wire, some in readers.items() if wire in writer for k in some]
    return [(i, k) for i, k in flows if i != k], [*readers.values()]


_PAIRS = 20_000
"""Of so many ways to go on from sets of stages all plans are compared."""


def convex_cuts(
    stages: Sequence[str],
    flows: Iterable[tuple[int, int]],
    cost: Callable[[frozenset[int]], float],
    *,
    shared: Iterable[Iterable[int]] = (),
    bound: Callable[[frozenset[int]], float] | None = None,
    longest: int = 4,
    exact: int = 16,
) -> Partition:
    """Return the partition of stages into islands that costs least.

    Islands are connected, and convex: they run one after the other. So a plan is a way from no
    stage to all of them through sets that are closed, with what is before a stage also the stage's.
    The shortest is found by dynamic programming, where an island is priced only if its bound does
    not rule it out. Of more than ``exact`` stages the islands of the best plan of stretches of
    their order, and each stage alone, are joined, two at a time, while that costs less; ``why``
    then says so.

    Parameters
    ----------
    stages
        Their names, each after those that it depends on.
    flows
        Pairs (i, j): stage j reads what stage i writes.
    cost
        What a set of stages costs as one island; infinite if it is none. Asked once for each.
    shared
        Sets of stages that read one array; they are connected, too.
    bound
        What an island costs at least; by default 0.
    longest
        The most stages of an island.
    exact
        Of how many stages all plans are compared.

    Raises
    ------
    InvalidStructure
        Listing flows that are not from a stage to a later one.
    CatlearnError
        If no sequence of islands covers all stages.

    Examples
    --------
    >>> def cost(some):  # b and c read what a writes
    ...     return 5 if some == {0, 2} else 3 * len(some)
    >>> print(convex_cuts(["a", "b", "c"], [(0, 1), (0, 2)], cost))
    a, c | b: 8
    note fusing-costs-more (a, c, b): as one island 9, apart 8
    """
    expect(stages, Sequence, "stages", "a list of names")
    expect(cost, Callable, "cost", "a function from a set of stages to a number")
    expect_each(Iterable, "a list of stages of each", flows=flows, shared=shared)
    expect_each(int, "a number of stages", longest=longest, exact=exact)
    if longest < 1:
        message = f"is {longest}; an island has a stage at least"
        raise fault("islands", "longest", "longest", message)
    pairs = "pairs (i, j) of numbers of stages"
    flows, count = [*flows], len(stages)
    for pair in flows:
        expect(pair, tuple, "each of flows", pairs)
        for one in pair:
            expect(one, int, "each of flows", pairs)
    bad = [
        Failure("flow", f"flow {pair}", f"expected numbers i < j of {count} stages")
        for pair in flows
        if not 0 <= pair[0] < pair[1] < count
    ]
    if bad or not count:
        raise InvalidStructure("islands", bad or [Failure("stages", "stages", "there are none")])
    return _Search(stages, flows, shared, cost, bound or (lambda _: 0.0), longest, exact).plan()


class _Search:
    """The search for the best islands of stages; sets of stages are the bits of a number."""

    def __init__(
        self,
        stages: Sequence[str],
        flows: Iterable[tuple[int, int]],
        shared: Iterable[Iterable[int]],
        cost: Callable[[frozenset[int]], float],
        bound: Callable[[frozenset[int]], float],
        longest: int,
        exact: int,
    ) -> None:
        self.stages, self.longest, self.exact = stages, longest, exact
        self.before, self.touching = [0] * len(stages), [0] * len(stages)
        for i, j in flows:
            self.before[j] |= 1 << i
        for some in (*flows, *shared):
            both = sum(1 << k for k in {*some})
            for k in _bits(both):
                self.touching[k] |= both
        self.priced: dict[int, float] = {}
        self.prices, self.bounds = cost, bound

    def cost(self, some: int) -> float:
        """What an island costs."""
        if some not in self.priced:
            self.priced[some] = self.prices(frozenset(_bits(some)))
        return self.priced[some]

    def bound(self, some: int) -> float:
        """What it costs at least."""
        return self.bounds(frozenset(_bits(some)))

    def connected(self, some: int) -> bool:
        """Whether stages hang together, by what they give each other or read together."""
        reached, new = 0, some & -some
        while new:
            reached |= new
            new = some & ~reached & functools.reduce(
                int.__or__, (self.touching[k] for k in _bits(new)), 0
            )  # fmt: skip
        return reached == some

    def next(self, done: int) -> list[int]:
        """The islands that may run after some stages, in a canonical order."""
        found, stack = [], [(0, 0)]
        while stack:
            some, start = stack.pop()
            if some and self.connected(some):
                found.append(some)
            if some.bit_count() < self.longest:
                for k in range(start, len(self.stages)):
                    if not done >> k & 1 and not self.before[k] & ~(done | some):
                        stack.append((some | 1 << k, k + 1))
        return found

    def every(self) -> dict[int, list[int]] | None:
        """The islands that may run after each set of stages that is closed; None if too many."""
        if len(self.stages) > self.exact:
            return None
        found: dict[int, list[int]] = {}
        waiting, pairs = [0], 0
        while waiting:
            done = waiting.pop()
            if done not in found:
                found[done] = self.next(done)
                pairs += len(found[done])
                waiting += [done | some for some in found[done]]
            if pairs > _PAIRS:
                return None
        return found

    def stretches(self) -> dict[int, list[int]]:
        """The same of stretches of the order alone."""
        count, found = len(self.stages), {}
        for i in range(count + 1):
            most = min(i + self.longest, count)
            ends = ((1 << j) - (1 << i) for j in range(i + 1, most + 1))
            found[(1 << i) - 1] = [some for some in ends if self.connected(some)]
        return found

    def shortest(self, steps: Mapping[int, list[int]]) -> list[int]:
        """The islands of the plan that costs least.

        Of the best plan by bounds one island is priced, and that again, until all of it is.
        """
        order, known = sorted(steps, key=int.bit_count), dict[int, float]()
        while True:
            least, last = {0: 0.0}, dict[int, int]()
            for done in order:
                for some in steps[done] if done in least else ():
                    if some not in known:
                        known[some] = self.priced[some] if some in self.priced else self.bound(some)
                    reached = least[done] + known[some]
                    if reached < least.get(done | some, math.inf):
                        least[done | some], last[done | some] = reached, some
            at, plan = order[-1], []
            if at not in least:
                alone = [k for k in range(len(self.stages)) if known.get(1 << k) == math.inf]
                blame = ", ".join(self.stages[k] for k in alone)
                blame = f"; there is no island of {blame} alone" if blame else ""
                raise CatlearnError(f"no sequence of islands covers all stages{blame}")
            while at:
                plan.append(last[at])
                at ^= last[at]
            new = [some for some in plan if some not in self.priced]
            if not new:
                return plan[::-1]
            known[new[-1]] = self.cost(new[-1])

    def joined(self, plan: list[int]) -> list[int]:
        """Join two islands at a time, those that save most, while that costs less."""
        while True:
            gains = []
            for one, other in itertools.combinations(plan, 2):
                both, apart = one | other, self.cost(one) + self.cost(other)
                if both.bit_count() > self.longest or not self.connected(both):
                    continue
                made = self.ordered([both, *(some for some in plan if not some & both)])
                if made and self.bound(both) < apart and self.cost(both) < apart:
                    gain = apart - self.cost(both) if math.isfinite(apart) else math.inf
                    gains.append((gain, made))
            if not gains:
                return plan
            plan = max(gains, key=lambda gain: gain[0])[1]

    def ordered(self, plan: list[int]) -> list[int]:
        """Islands in an order in which they can run; empty if there is none."""
        found, done, left = [], 0, sorted(plan, key=lambda some: some & -some)
        while left:
            for some in left:
                needed = functools.reduce(int.__or__, (self.before[k] for k in _bits(some)), 0)
                if not needed & ~(done | some):
                    break
            else:
                return []
            left.remove(some)
            found.append(some)
            done |= some
        return found

    def plan(self) -> Partition:
        """The best plan that is found."""
        steps, why = self.every(), []
        plan = self.shortest(self.stretches() if steps is None else steps)
        if steps is None:
            alone = [1 << k for k in range(len(self.stages))]
            found = [self.joined(one) for one in (plan, alone)]
            plan = min(found, key=lambda some: sum(map(self.cost, some)))
            text = f"of {len(self.stages)} stages not all plans were compared: the best stretches "
            text += "of their order, and each stage alone, were joined two at a time"
            figures = {"stages": len(self.stages)}
            why.append(Notice("bounded-search", "note", "islands", text, figures))
        numbers = tuple(k for some in plan for k in _bits(some))
        cuts = [*itertools.accumulate(some.bit_count() for some in plan)][:-1]
        return Partition(
            tuple(self.stages[k] for k in numbers), tuple(cuts),
            sum(map(self.cost, plan)), (*why, *self.reasons(plan)), order=numbers,
        )  # fmt: skip

    def reasons(self, plan: list[int]) -> Iterator[Notice]:
        """What the cuts avoid between islands that follow each other."""
        for one, other in pairwise(plan):
            both, apart = one | other, self.cost(one) + self.cost(other)
            if not self.connected(both):
                continue
            node = ", ".join(self.stages[k] for some in (one, other) for k in _bits(some))
            if both.bit_count() > self.longest:
                text = f"an island has at most {self.longest} stages"
                figures = {"stages": both.bit_count(), "apart": apart}
                yield Notice("longest", "note", node, text, figures)
            else:
                least = self.bound(both)
                yield fusing(node, least if least > apart else self.cost(both), apart)


def _bits(number: int) -> list[int]:
    return [k for k in range(number.bit_length()) if number >> k & 1]


def _planned(
    tilings: Mapping[tuple[int, int], Tiling | None], stages: Iterable[str] | None
) -> Partition:
    """The best partition, if these are the tiles of islands."""
    count = max(j for _, j in tilings)
    entries = np.full((count + 1, count + 1), np.inf)
    for pair, one in tilings.items():
        entries[pair] = np.inf if one is None else one.optimum.value
    plan = cheapest(entries, stages)
    chosen = (tilings[pair] for pair in pairwise((0, *plan.cuts, count)))
    return replace(plan, tilings=tuple(one for one in chosen if one is not None))
