"""Circuits of arrays against the same models written by hand, and how fast they are put together.

Step and compilation are those of value and gradient, measured in turns; whether the optimised
programs are the same is decided on their texts, but for names. Then: composing linear maps, at
once and one by one in a loop, comparing two such circuits, counting a GPT-2, and drawing it.

    python benchmarks/circuits.py [--quick] [--out table.md]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import _measure
import jax
from by_hand.programs import normal_form
from by_hand.residual import CASES as RESIDUAL
from by_hand.transformer import CASES, unrolled

import catlearn as cl
from catlearn.arrays import Circuit, compose, copy, discard, linear, view
from catlearn.zoo.architectures import mixtral_layer

COLUMNS = (
    "case",
    "same program",
    "circuit, ms",
    "by hand, ms",
    "circuit / by hand",
    "compile ratio",
)


def cells(
    name: str,
    circuit: Circuit,
    by_hand: Callable[..., Any],
    sizes: dict[str, int],
    shape: tuple[int, ...],
    *counts: int,
) -> list[str]:
    """Compare a circuit with the function by hand; return a row of the table."""
    fn = cl.lower(circuit.at_dom(shape), sizes=sizes)
    params = fn.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), shape)

    def loss(run: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        return lambda params: ((run(params, x) ** 2).mean(), None)

    losses = {key: (loss(run), (params,)) for key, run in (("circuit", fn), ("hand", by_hand))}
    found = _measure.compare(losses, *counts)
    step = _measure.medians(found.running)
    texts = {normal_form(program.as_text()) for program in found.programs.values()}
    return [
        name,
        "yes" if len(texts) == 1 else "no",
        *(f"{1e3 * seconds:.3f}" for seconds in step.values()),
        str(_measure.ratio(found.running, "circuit", "hand")),
        str(_measure.ratio(found.compiling, "circuit", "hand")),
    ]


def seconds(make: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def chained(maps: list[Circuit]) -> Circuit:
    """Compose in a loop, and read the result."""
    whole = maps[0]
    for one in maps[1:]:
        whole = whole >> one
    assert len(whole.dom) == 1
    return whole


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "few rounds, small sizes").parse_args()
    counts = (3, 2, 0) if options.quick else (41, 5, 5)
    tokens, width = (16, 32) if options.quick else (256, 256)
    table = _measure.Table(COLUMNS, f"Value and gradient, {_measure.device()}.", options=options)
    sizes = {"m": width, "h": 8, "d": width // 8, "f": 4 * width}
    for name, keys in (("attention", "mhd"), ("block of GPT-2", "mhdf")):
        circuit, by_hand = CASES[name]
        own = {key: sizes[key] for key in keys}
        table.row(cells(name, circuit(), by_hand, own, (tokens, width), *counts))
    image = (2, 8, 8, 16) if options.quick else (8, 28, 28, 128)
    for name, (circuit, by_hand, own) in RESIDUAL.items():
        table.row(cells(name, circuit(), by_hand, own(image[-1]), image, *counts))
    number, blocks = (50, 2) if options.quick else (1000, 12)
    maps = [linear(f"A{k}", "m -> n", n="m") for k in range(number)]
    whole = compose(*maps)
    layer = mixtral_layer()
    copied = compose(copy(2), layer @ (layer >> discard))
    model = unrolled(blocks).at(m=768, h=12, d=64, f=3072, V=50257, c=1024)
    viewed = model >> view("m -> m")
    took = {
        f"{number:,} linear maps composed at once": seconds(lambda: compose(*maps)),
        "one by one in a loop": seconds(lambda: chained(maps)),
        "two such circuits compared": seconds(lambda: whole == compose(*maps[:1], *maps[1:])),
        f"a GPT-2 of {blocks} blocks composed": seconds(lambda: unrolled(blocks)),
        "and counted": seconds(model.counts),
        "and decided to be equal to itself with one more view": seconds(
            lambda: model.equal(viewed)
        ),
        "a layer of Mixtral, to one beside a copy": seconds(lambda: layer.equal(copied)),
        "and drawn": seconds(lambda: cl.draw(model).svg),
        "a block of it drawn": seconds(lambda: cl.draw(CASES["block of GPT-2"][0]()).svg),
    }
    table.below("; ".join(f"{name}: {value:.2f} s" for name, value in took.items()) + ".")
    table.write(options.out)


if __name__ == "__main__":
    main()
