"""How compile time and step time grow with heads, depth and equations.

Three families of diagrams, each lowered by catlearn and written by hand, as the plain loop that one
writes for it. *Heads* are N models on one encoder, *depth* is a chain of n diamonds whose basis is
trained, *equations* are m models that should agree with one other on one input. A step is value and
gradient of one batch; times are medians of programs that run in turns.

    python benchmarks/growth.py [--quick] [--out table.md] [--plot plot.svg]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import _measure
from by_hand.common import Regime, Sizes
from by_hand.diagrams import diamonds, equations, heads

LARGE = Sizes(batch=128, data=32, features=32, latent=16, width=64)
SMALL = Sizes(batch=16, data=32, features=32, latent=16, width=16)

FAMILIES: dict[str, tuple[Callable[[Sizes, int], Regime], Sequence[int]]] = {
    "heads": (heads, (1, 4, 16, 64)),
    "depth": (diamonds, (1, 2, 4, 8, 16)),
    "equations": (equations, (1, 4, 16, 64)),
}
COLORS = {"catlearn": "#4c8dd6", "by hand": "#d9822b"}

Measured = dict[str, tuple[float, float]]
"""Seconds to compile and seconds for a step, by program."""


def measure(regime: Regime, *counts: int) -> Measured:
    """Compile and run both programs in turns."""
    found = _measure.compare(regime.losses(), *counts)
    compiling, step = _measure.medians(found.compiling), _measure.medians(found.running)
    return {name: (compiling[name], step[name]) for name in step}


def plot(found: dict[str, dict[int, Measured]], path: Path) -> None:
    """Draw compile and step times over sizes, on logarithmic axes, for light and dark pages."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    grey = "#808080"
    style = {"svg.hashsalt": "catlearn", "font.size": 10, "svg.fonttype": "path"}
    colored = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    plt.rcParams |= style | dict.fromkeys(colored, grey)
    figure, axes = plt.subplots(2, len(found), figsize=(9, 5), sharex="col", sharey="row")
    for column, (family, sizes) in enumerate(found.items()):
        for row, what in enumerate(("time to compile, s", "time of a step, ms")):
            axis = axes[row][column]
            axis.patch.set_alpha(0)
            for (name, color), marker in zip(COLORS.items(), ("o-", "s--"), strict=True):
                scale = 1.0 if row == 0 else 1e3
                values = [scale * times[name][row] for times in sizes.values()]
                axis.loglog(list(sizes), values, marker, color=color, label=name, markersize=4)
            axis.set_ylabel(what if column == 0 else "")
            axis.set_xlabel(f"number of {family}" if family != "depth" else "diamonds in a row")
            axis.xaxis.label.set_visible(row == 1)
            axis.set_xticks(list(sizes), labels=list(map(str, sizes)))
            axis.grid(alpha=0.3)
            axis.minorticks_off()
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, transparent=True)


def main() -> None:
    """Measure, print, and write the table and the plot if asked to."""
    parser = _measure.parser(__doc__, "the smallest sizes, few rounds")
    parser.add_argument("--plot", type=Path, help="where to write the plot, as SVG")
    options = parser.parse_args()
    sizes, counts = (SMALL, (2, 2, 0)) if options.quick else (LARGE, (21, 5, 3))
    found: dict[str, dict[int, Measured]] = {}
    table = _measure.Table(
        ("what", "how many", "compile, s (by hand)", "step, ms (by hand)"),
        f"One batch, value and gradient, {_measure.device()}.",
        options=options,
    )
    for family, (make, numbers) in FAMILIES.items():
        found[family] = {}
        for number in numbers[:2] if options.quick else numbers:
            times = found[family][number] = measure(make(sizes, number), *counts)
            (ours, step), (hand, theirs) = times["catlearn"], times["by hand"]
            steps = f"{1e3 * step:.3f} ({1e3 * theirs:.3f})"
            table.row((family, number, f"{ours:.2f} ({hand:.2f})", steps))
    table.write(options.out)
    if options.plot is not None:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
