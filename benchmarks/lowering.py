"""Step and compile time of lowered losses against the same losses written by hand.

Three programs for each diagram, all taking the value and the gradient of one batch:

* ``catlearn``: the lowered loss;
* ``by hand``: what an expert would write for the diagram, with the same pytrees;
* ``naive``: every path of every equation evaluated by itself.

The programs run in turns, in an order that rotates from round to round; times are medians, and
ratios are medians of the ratios within a round, with quartiles.

    python benchmarks/lowering.py [--quick] [--out table.md]
"""

from __future__ import annotations

import _measure
from by_hand.common import Regime, Sizes
from by_hand.diagrams import diamonds, distillation, square
from by_hand.naive import naive

LARGE = Sizes(batch=256, other=256, data=64, features=32, classes=10, width=256)
SMALL = Sizes(batch=32, other=32, data=64, features=32, classes=10, width=32)

COLUMNS = (
    "case",
    "evaluations (naive)",
    "catlearn, ms",
    "by hand, ms",
    "naive, ms",
    "catlearn / by hand",
    "naive / catlearn",
    "compile: catlearn / by hand / naive, s",
)


def cells(name: str, regime: Regime, *counts: int) -> list[str]:
    """Compile the three programs and run them in turns; return a row of the table."""
    losses = regime.losses()
    _, plain = losses["by hand"]
    found = _measure.compare({**losses, "naive": (naive(regime.fn), plain)}, *counts)
    step, compiling = _measure.medians(found.running), _measure.medians(found.compiling)
    plan = regime.fn.plan
    return [
        name,
        f"{plan.evaluations} ({plan.naive_evaluations})",
        *(f"{1e3 * seconds:.3f}" for seconds in step.values()),
        str(_measure.ratio(found.running, "catlearn", "by hand")),
        f"{_measure.ratio(found.running, 'naive', 'catlearn').median:.2f}",
        " / ".join(f"{seconds:.2f}" for seconds in compiling.values()),
    ]


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "few rounds, small sizes").parse_args()
    sizes, length = (SMALL, 3) if options.quick else (LARGE, 8)
    counts = (3, 2, 0) if options.quick else (41, 5, 7)
    table = _measure.Table(
        COLUMNS, f"One batch, value and gradient, {_measure.device()}.", options=options
    )
    table.row(cells("square", square(sizes), *counts))
    table.row(cells("distillation", distillation(sizes), *counts))
    table.row(cells(f"{length} diamonds", diamonds(sizes, length), *counts))
    table.write(options.out)


if __name__ == "__main__":
    main()
