"""What one should know of a circuit while one builds it, as a list of notices.

>>> from catlearn.arrays import einsum, idle, softmax
>>> from catlearn.costing import devices, notices
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> attention = scores @ idle >> einsum("q x, x e -> q e")
>>> for one in notices(scores):
...     print(one)
warning blocks-streaming (x): axis x is in the output of add of softmax; stream it together with \
the contraction that removes it
>>> [one.code for one in notices(attention, devices["H100"], sizes=dict(q=1, x=4096, d=64, e=64))]
['few-tiles', 'split-pays', 'bandwidth-bound', 'order-of-sums-changed']
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.sizes import sizes_hint
from catlearn.costing.hierarchy import Device, device_named
from catlearn.costing.indexed import Indexed
from catlearn.costing.notice import Notice
from catlearn.costing.partition import islands, stages_of
from catlearn.costing.tiling import NoTile, Tiling, tile
from catlearn.errors import UnknownName, expect, expect_dicts
from catlearn.streams import StreamRefused, stream
from catlearn.streams.folding import Loop


def notices(
    circuit: Circuit,
    device: Device | str | None = None,
    fast_memory: float | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    reverse: bool = False,
    longest: int = 4,
    **options: Any,
) -> tuple[Notice, ...]:
    """Return what a reader of a circuit should know.

    Without a device these are the axes that are added up, or of which the greatest entry is taken,
    and of which no fold is known, with the box that is in the way; and where the fold of one adds
    up the terms of a product of sums one by one, which may cancel. With one also the notices of the
    best tiles: of one island, or of the best islands of a circuit that has more than ``longest``
    stages, and why it is cut there; and which sums are then added up block by block, in another
    order. What does not fit is a notice, too.

    Parameters
    ----------
    circuit
        The circuit.
    device, fast_memory, sizes, **options
        As for :func:`tile`.
    reverse
        Whether to tile the reverse pass, as one island.
    longest
        The most stages of an island.

    Raises
    ------
    UnknownName
        If there is a device, and sizes are open.
    """
    device = device_named(device)
    expect(circuit, Circuit, "circuit", "a circuit")
    expect_dicts("a dict of numbers by names", sizes=sizes)
    circuit = circuit.at(sizes) if sizes else circuit
    found, folds = _streams(circuit)
    tilings: Sequence[Tiling] = ()
    if device is None and fast_memory is None:
        return tuple(found)
    sizes_of = Indexed.of(circuit).sizes
    names = sorted({str(name) for size in sizes_of for name in size.generators})
    if names:
        raise UnknownName(f"no sizes for {', '.join(names)}; {sizes_hint(names)}")
    try:
        if reverse or len(stages_of(circuit)[0]) <= longest:
            tilings = [tile(circuit, device, fast_memory, reverse=reverse, **options)]
            found += tilings[0].notices
        else:
            plan = islands(circuit, device, fast_memory, longest=longest, **options)
            tilings = plan.tilings
            found += plan.why
            for part, tiling in zip(plan.parts, plan.tilings, strict=True):
                title = ", ".join(part)
                found += (replace(one, node=f"{title}: {one.node}") for one in tiling.notices)
    except NoTile as error:
        figures = {"least": error.least, "memory": error.memory}
        found.append(Notice("tile-exceeds-memory", "warning", "island", str(error), figures))
    return (*found, *_reordered(folds, tilings))


def _streams(circuit: Circuit) -> tuple[list[Notice], dict[str, Loop]]:
    """Of the variables that are reduced the folds, and notices of them and where there is none."""
    read, found, folds = Indexed.of(circuit), list[Notice](), dict[str, Loop]()
    for v in {**read.reduced, **dict.fromkeys(sorted(read.whole))}:
        name = read.names[v]
        try:
            folds[name] = stream(circuit, name)
        except StreamRefused as error:
            figures = {"size": str(read.sizes[v])}
            found.append(Notice("blocks-streaming", "warning", name, str(error), figures))
        except UnknownName:  # a variable that patterns call otherwise
            continue
    for name, fold in folds.items():
        for one in fold.certificate:
            if one.rule.name == "distribution":
                terms = len(dict(one.data)["products"])
                text = f"as a fold along {name} it is the sum of {terms} products, which may cancel"
                found.append(Notice("cancellation", "note", one.box, text, {"terms": terms}))
    return found, folds


def _reordered(folds: Mapping[str, Loop], tilings: Iterable[Tiling]) -> Iterator[Notice]:
    """The sums of folds that tiles cut into blocks."""
    for tiling in tilings:
        for tile_name, n in tiling.tiles.items():
            kind, _, name = tile_name.partition("_")
            blocks = math.ceil(tiling.costs.bounds[tile_name][1].number / n)
            sums = folds[name].kinds.count("sum") if name in folds else 0
            if sums and blocks > 1 and (kind == "s" or tile_name in tiling.costs.split):
                text = f"{sums} sum{'s' * (sums > 1)} over {name} in {blocks} blocks, "
                text += "which round otherwise"
                figures = {"sums": sums, "blocks": blocks}
                yield Notice("order-of-sums-changed", "note", name, text, figures)
