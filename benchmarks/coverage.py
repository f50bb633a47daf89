"""How much of the models of other libraries is imported as circuits, and with which numbers.

For each model the share of boxes that compute, and of their operations on numbers, that are not
opaque; the largest difference of what the circuit and the model return, relative to the
largest entry; parameters and contractions. Models whose library is missing are left out, which is
said. Nothing is timed.

    python benchmarks/coverage.py [--quick] [--only NAME ...] [--out table.md]
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import _measure
import jax
import numpy as np
from by_hand.imported import MODELS, Model, is_there, version

import catlearn as cl

COLUMNS = (
    "model",
    "operations",
    "flops",
    "opaque",
    "difference",
    "parameters",
    "gallery",
    "contractions",
)


def difference(model: Model) -> float:
    """Return the largest difference of values, relative to the largest entry of each array."""
    found = model.found
    fn = jax.jit(cl.lower(found.circuit))
    result = found.result(fn(found.params, *found.inputs(*model.arguments)))
    return max(
        float(np.abs(np.asarray(a) - b).max() / np.abs(b).max())
        for a, b in zip(jax.tree.leaves(result), model.expected, strict=True)
    )


def contractions(circuit: Any) -> int:
    """Return how many sums of products of several arrays there are."""
    return sum(
        one.kernel.name == "contraction" and len(one.readings) > 1 and len(one.targets) > 0
        for one in circuit.apex.operations
    )


def cells(name: str, model: Model) -> list[str]:
    """Return a row of the table."""
    found = model.found
    names = Counter(one.partition(" at ")[0] for one in found.opaque)
    gallery = "" if model.gallery is None else model.gallery.counts().parameters
    if gallery == model.trained:
        gallery = "the same"
    return [
        name,
        *("" if share is None else f"{100 * share:.1f} %" for share in found.coverage.values()),
        ", ".join(f"{n} {name}" for name, n in names.most_common()),
        f"{difference(model):.1e}",
        f"{model.trained:,}",
        str(gallery),
        str(contractions(found.circuit)),
    ]


def main() -> None:
    """Import, compare, print, and write the table if asked to."""
    parser = _measure.parser(__doc__, "two models of JAX alone")
    parser.add_argument("--only", nargs="*", help="the names of models")
    options = parser.parse_args()
    table = _measure.Table(COLUMNS, "Random weights and small sizes.")
    asked = options.only or (["transformer (haiku)"] if options.quick else [])
    missing, libraries = {}, {}
    for title, (library, make) in MODELS.items():
        if asked and not {title, title.rpartition(" (")[0]} & {*asked}:
            continue
        why = is_there(library)
        if why:
            missing[library] = why
            continue
        libraries[library] = version(library)
        table.row(cells(title, make()))
    libraries["jax"] = version("jax")
    table.below(", ".join(libraries.values()) + "." + "".join(f" {w}." for w in missing.values()))
    table.write(options.out)


if __name__ == "__main__":
    main()
