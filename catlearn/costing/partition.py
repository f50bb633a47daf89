r"""Islands: which stages of a program run together, so that least is moved.

Let c(i, j) be what the stages i, ..., j - 1 of a chain cost as one island, infinite if there is no
such island. The best partition is a shortest path from 0 to n: the entry (0, n) of the star of c
over LAWVERE. Since every sequence of islands is a path, the plan of a composite costs at most the
plans of its parts, one after the other.

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

import contextlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from catlearn.arrays import Circuit
from catlearn.cost import LAWVERE, Matrix
from catlearn.costing.costs import Costs
from catlearn.costing.hierarchy import Device
from catlearn.costing.indexed import Indexed, part_of
from catlearn.costing.notices import Notice
from catlearn.costing.tiling import NoTile, Tiling, tile
from catlearn.display import Legible
from catlearn.errors import CatlearnError, Failure, InvalidStructure, expect


@dataclass(frozen=True)
class Partition(Legible):
    """A partition of a chain of stages into islands.

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
    """

    stages: tuple[str, ...]
    cuts: tuple[int, ...]
    cost: float
    why: tuple[Notice, ...] = ()
    tilings: tuple[Tiling, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The stages of each island."""
        return tuple(self.stages[i:j] for i, j in pairwise((0, *self.cuts, len(self.stages))))

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
    given = LAWVERE.array(costs).copy()
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 2:
        message = f"found the shape {given.shape}, expected as many rows as columns, two at least"
        raise InvalidStructure("costs of islands", [Failure("shape", "costs", message)])
    given[np.tril_indices(len(given))] = np.inf
    count = len(given) - 1
    names = tuple(map(str, range(count))) if stages is None else tuple(stages)
    if len(names) != count:
        raise CatlearnError(f"found {len(names)} stages for {count + 1} rows, expected {count}")
    star = Matrix(given, LAWVERE).star().entries
    if not math.isfinite(star[0, count]):
        missing = [names[i] for i in range(count) if not np.isfinite(given[i, i + 1 :]).any()]
        blame = f"; no island begins at {', '.join(missing)}" if missing else ""
        raise CatlearnError(f"no sequence of islands covers all stages{blame}")
    cuts, at = [], 0
    while at < count:
        rest = star[at, at + 1 :] + star[at + 1 :, count]
        at += 1 + int(np.argmax(LAWVERE.equal(rest, star[at, count])))
        cuts.append(at)
    cuts = cuts[:-1]
    why = tuple(_reasons(given, (0, *cuts, count), names))
    return Partition(names, tuple(cuts), float(star[0, count]), why)


def _reasons(costs: np.ndarray, ends: Sequence[int], names: Sequence[str]) -> Iterable[Notice]:
    for i, j, k in zip(ends, ends[1:], ends[2:], strict=False):
        whole, apart = float(costs[i, k]), float(costs[i, j] + costs[j, k])
        node = ", ".join(names[i:k])
        text = f"as one island {whole:.4g}, apart {apart:.4g}"
        if math.isinf(whole):
            text = "there is no such island, or no tiles of it fit"
        figures = {"whole": whole, "apart": apart}
        yield Notice("fusing-costs-more", "note", node, text, figures)


Stages = list[tuple[str, list[int]]]
"""Boxes in stages, each with a name."""


def stages_of(circuit: Circuit) -> list[Stages]:
    """Return the boxes of a circuit in stages, in one or two orders in which they may run.

    A stage has one box that reduces or takes an axis whole, and those before it that do not; what
    comes after the last one is in its stage. The orders are that in which boxes are listed, and, if
    it is another one, that in which each box runs as soon as it can.

    Examples
    --------
    >>> from catlearn.arrays import einsum, relu, softmax
    >>> circuit = einsum("a b, b c -> a c") >> relu >> softmax("[c]") >> relu
    >>> stages_of(circuit)
    [[('einsum', [0]), ('softmax', [1, 2, 3])]]
    """
    H, listed = circuit.apex, circuit._walk()
    ins, outs = H.sides
    depth: dict[int, int] = {}  # of wires
    when: dict[int, int] = {}
    heavy = set()
    for box in listed:
        when[box] = 1 + max((depth.get(wire, 0) for wire in ins[box]), default=0)
        for wire in outs[box]:
            depth[wire] = when[box]
        read = Indexed.of(part_of(circuit, [box]))
        if read.reduced or read.whole or read.along:
            heavy.add(box)
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
    return found


def islands(
    costs: Mapping[tuple[int, int], Costs | Sequence[Costs]] | Circuit,
    device: Device | None = None,
    fast_memory: float | None = None,
    *,
    stages: Iterable[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    longest: int = 4,
    **options: Any,
) -> Partition:
    """Return the partition of a chain into islands that move least, each with its best tiles.

    Of a circuit the boxes are taken in the orders of :func:`stages_of`, and an island is a stretch
    of one, of at most ``longest`` stages: for a chain that is every island of that length, and of
    others the best of those orders.

    Parameters
    ----------
    costs
        A circuit; or for pairs (i, j) the costs of stages i to j - 1 as one island, or of several
        ways to run it, where pairs that are left out are no island.
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
    CatlearnError
        If no sequence of islands, each with tiles that fit, covers all stages.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax
    >>> attention = einsum("q d, x d -> q x") >> softmax("[x]")
    >>> attention = attention @ idle >> einsum("q x, x e -> q e")
    >>> print(islands(attention, fast_memory=2**9, sizes=dict(q=256, x=256, d=32, e=32)))
    einsum | softmax, einsum: 428389
    note fusing-costs-more (einsum, softmax, einsum): as one island 4.93e+05, apart 4.284e+05
    """
    known: dict[Any, Tiling | None] = {}

    def best(key: Any, one: Any) -> Tiling | None:
        if key not in known:
            known[key] = None
            costs = [one] if isinstance(one, Costs) else [] if isinstance(one, Circuit) else one
            mine = {name for some in costs for name in some.open}
            given = {name: size for name, size in (sizes or {}).items() if name in mine}
            with contextlib.suppress(NoTile):
                known[key] = tile(one, device, fast_memory, sizes=given, **options)
        return known[key]

    expect(costs, (Circuit, Mapping), "costs", "a circuit, or a dict of costs by pairs (i, j)")
    if not isinstance(costs, Circuit):
        if not costs:
            raise InvalidStructure("islands", [Failure("costs", "costs", "are of no island")])
        return _planned({pair: best(pair, one) for pair, one in costs.items()}, stages)
    circuit, sizes, found = costs.at(sizes) if sizes else costs, None, []
    for order in stages_of(circuit):
        tilings = {}
        for i, j in itertools.combinations(range(len(order) + 1), 2):
            if j - i <= longest:
                boxes = frozenset(itertools.chain(*(some for _, some in order[i:j])))
                tilings[i, j] = best(boxes, part_of(circuit, boxes))
        found.append(_planned(tilings, [name for name, _ in order]))
    return min(found, key=lambda plan: plan.cost)


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
