"""What importing makes of each primitive of JAX, by walking those that JAX has.

Nothing is timed.

    python benchmarks/primitives.py [--out docs/tables/primitives.md]
"""

from __future__ import annotations

import _measure
import jax
from jax.extend.core import primitives

from catlearn.importing.indexing import HANDLERS
from catlearn.importing.jaxpr import ENTERED
from catlearn.importing.primitives import ALONG, FUNCTIONS

PARTLY = {
    "scan": "with effects",
    "while": "where data decide how many rounds there are",
    "cond": "where data decide which branch is taken",
    "custom_jvp_call": "with a rule that is not JAX's own",
    "custom_linear_solve": "with a solver that is not JAX's own",
    "device_put": "of a device",
    "platform_index": "of a platform that XLA compiles for",
}
"""Where primitives that are read or have a kernel are opaque all the same."""

WHOLE = {"custom_linear_solve", "fft"} | {*ALONG}
"""The primitives that are functions along axes, where nothing else is said of them."""

WHY = {
    "its rule of differentiation is kept": ("custom_vjp_call",),
    "computed again in the reverse pass": ("remat2",),
    "places and devices": (
        "after_all", "all_gather", "all_to_all", "axis_index", "create_token", "pmax", "pmin",
        "ppermute", "psum", "ragged_all_to_all", "sharding_constraint",
    ),
}  # fmt: skip
"""Why primitives are opaque."""


def main() -> None:
    """Sort the primitives, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "the same").parse_args()
    every = {getattr(primitives, name).name for name in dir(primitives) if name.endswith("_p")}
    groups = {
        "a kernel or a reading": every & {*HANDLERS} - {*PARTLY},
        **{f"read; opaque {why}": {name} & every for name, why in PARTLY.items()},
        "a function of each number": every & FUNCTIONS - {*HANDLERS},
        "a function along axes": every & WHOLE - {*HANDLERS} - FUNCTIONS - {*PARTLY},
        "entered": every & {*ENTERED},
        **{f"opaque: {why}": every & {*names} for why, names in WHY.items()},
    }
    groups["opaque"] = every.difference(*groups.values())
    table = _measure.Table(("what it becomes", "primitives"))
    for what, names in groups.items():
        if names:
            table.row((what, ", ".join(f"`{name}`" for name in sorted(names))))
    table.below(f"The {len(every)} primitives of jax {jax.__version__}.")
    table.write(options.out)


if __name__ == "__main__":
    main()
