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
from catlearn.importing.primitives import FUNCTIONS

PARTLY = {
    "scan": "with several types of real numbers, or with effects",
    "scatter": "at computed indices of which two may be equal, and where it goes round a loop",
    "custom_jvp_call": "with a rule that is not JAX's own",
    "dot_general": "of booleans",
}
"""Where primitives that have a kernel are opaque all the same."""

WHY = {
    "its rule of differentiation is kept": ("custom_vjp_call", "custom_linear_solve"),
    "branches and loops of unknown length": ("cond", "while"),
    "computed again in the reverse pass": ("remat2",),
    "no sum or extreme": ("reduce", "reduce_window", "reduce_xor"),
    "which of equal entries counts": (
        "scatter-max", "scatter-min", "scatter-mul", "select_and_scatter",
        "select_and_gather_add", "select_and_scatter_add", "approx_top_k",
    ),
    "samples": (
        "random_bits", "random_fold_in", "random_gamma", "random_seed", "random_split",
        "rng_bit_generator", "rng_uniform", "threefry2x32",
    ),
    "linear algebra": (
        "cholesky", "eig", "eigh", "hessenberg", "householder_product", "lu", "qr", "schur", "svd",
        "triangular_solve", "tridiagonal", "tridiagonal_solve",
    ),
    "complex numbers": ("complex", "fft"),
    "places and devices": (
        "after_all", "all_gather", "all_to_all", "axis_index", "create_token", "device_put",
        "pmax", "pmin", "ppermute", "psum", "ragged_all_to_all", "sharding_constraint",
    ),
}  # fmt: skip
"""Why primitives are opaque."""


def main() -> None:
    """Sort the primitives, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "the same").parse_args()
    every = {getattr(primitives, name).name for name in dir(primitives) if name.endswith("_p")}
    groups = {
        "a kernel or a reading": every & {*HANDLERS} - {*PARTLY},
        **{f"a kernel; opaque {why}": {name} & every for name, why in PARTLY.items()},
        "a function of each number": every & FUNCTIONS - {*HANDLERS},
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
