"""Costs of array programs on a memory hierarchy: transfers, memory, time, tiles.

A program runs in **islands**, sets of boxes that run together, so that only inputs and outputs of
an island cross between slow and fast memory. What crosses, and what has to be held, are posynomials
in sizes and tiles (:class:`Costs`).

>>> from catlearn.costing import Costs
>>> copied = Costs.of("2*n", {"move": "g_n"}, bounds={"g_n": "n"}).at(n=1024)
>>> copied.compulsory.number, copied.memory(g_n=64)
(2048, 64)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bounds": ["LowerBound"],
        "clusters": ["Collective", "collectives"],
        "closed": ["ClosedForm", "closed_form"],
        "costs": ["Costs"],
        "hierarchy": ["Device", "Level", "amount", "devices"],
        "indexed": ["AmbiguousAxis", "Indexed", "IndexedArray", "part_of"],
        "island": ["Column", "Crossing", "Island", "Mode", "candidates", "usual"],
        "notice": ["Notice"],
        "partition": ["Partition", "cheapest", "convex_cuts", "islands", "stages_of"],
        "problems": [
            "Chip",
            "Design",
            "Front",
            "NoDesign",
            "Quantity",
            "codesign",
            "design_problem",
            "least_resources",
        ],
        "remarks": ["notices"],
        "reverse": ["reverse_of"],
        "prices": ["Price", "priced", "spent"],
        "table": ["CircuitResources"],
        "tiling": ["LevelTiles", "NoTile", "Tiling", "best_way", "blocks", "runs", "tile", "ways"],
        "timing": ["Time", "timed"],
    },
)
