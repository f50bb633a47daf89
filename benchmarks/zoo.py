"""Every regime of the zoo beside the same loss by hand: step time, compile time, operations.

Both take the value and the gradient of one batch; models have one hidden layer. The losses by hand
are those of the tests, in the folder ``by_hand``. Programs are compiled afresh and run in turns, in
an order that rotates; ratios are medians of the ratios within a round, with quartiles. *Same
program* says whether the optimised programs are equal up to names.

    python benchmarks/zoo.py [--quick] [--only name] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import _measure
from by_hand import (
    autoencoder,
    captioning,
    classification,
    contrastive,
    cycle_gan,
    distillation,
    domain_adversarial,
    few_shot,
    gan,
    maml,
    multi_task,
    physics_informed,
    regression,
    self_distillation,
    translation,
    variational_autoencoder,
)
from by_hand.common import Regime, Sizes
from by_hand.programs import normal_form

LARGE = Sizes(batch=256, other=256, data=128, features=64, latent=32, classes=10, width=256)
SMALL = Sizes(width=4)
EPISODE = {"ways": 20, "shots": 5, "queries": 15}

REGIMES: dict[str, Callable[..., Regime]] = {
    "classification": classification.regime,
    "regression, two heads": regression.regime,
    "autoencoder": autoencoder.regime,
    "variational autoencoder": variational_autoencoder.regime,
    "multi-task, 3 data sets": multi_task.regime,
    "multi-task, 12 heads": partial(multi_task.regime, tasks=12, apart=False, head=64),
    "distillation": distillation.regime,
    "prototypical networks": partial(few_shot.prototypical, **EPISODE),
    "nearest neighbours": partial(few_shot.nearest_neighbour, **EPISODE),
    "contrastive": contrastive.regime,
    "contrastive, temperature learned": partial(contrastive.regime, temperature=None),
    "captioning": partial(captioning.regime, words=100, length=8),
    "self-distillation, BYOL": partial(self_distillation.regime, decay=0.99),
    "self-distillation, SimSiam": partial(self_distillation.regime, decay=None),
    "GAN, minimax": partial(gan.regime, form="minimax"),
    "GAN, non-saturating": partial(gan.regime, form="non-saturating"),
    "GAN, least squares": partial(gan.regime, form="least squares"),
    "translation, 3 domains": translation.regime,
    "CycleGAN": cycle_gan.regime,
    "domain adversarial": domain_adversarial.regime,
    "physics-informed": physics_informed.regime,
    "MAML": maml.regime,
}

COLUMNS = (
    "regime",
    "evaluations (naive)",
    "catlearn, ms",
    "by hand, ms",
    "catlearn / by hand",
    "compile: catlearn / by hand, s",
    "compile ratio",
    "operations ratio",
    "same program",
)


def cells(name: str, regime: Regime, *counts: int) -> list[str]:
    """Compile and run a regime and its loss by hand in turns; return a row of the table."""
    found = _measure.compare(regime.losses(), *counts)
    step, compiling = _measure.medians(found.running), _measure.medians(found.compiling)
    operations = [program.cost_analysis()["flops"] for program in found.programs.values()]
    one, other = (normal_form(program.as_text()) for program in found.programs.values())
    plan = regime.fn.plan
    return [
        name,
        f"{plan.evaluations} ({plan.naive_evaluations})",
        *(f"{1e3 * seconds:.2f}" for seconds in step.values()),
        str(_measure.ratio(found.running, "catlearn", "by hand")),
        " / ".join(f"{seconds:.2f}" for seconds in compiling.values()),
        str(_measure.ratio(found.compiling, "catlearn", "by hand")),
        f"{operations[0] / operations[1]:.3f}",
        "yes" if one == other else "no",
    ]


def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = _measure.parser(__doc__, "few rounds, small sizes, one regime in seven")
    parser.add_argument("--only", help="part of the names of the regimes that are measured")
    options = parser.parse_args()
    sizes, counts = (SMALL, (2, 2, 0)) if options.quick else (LARGE, (61, 5, 7))
    table = _measure.Table(
        COLUMNS, f"One batch, value and gradient, {_measure.device()}.", options=options
    )
    chosen = list(REGIMES.items())[:: 7 if options.quick else 1]
    for name, make in chosen:
        if (options.only or "") in name:
            table.row(cells(name, make(sizes), *counts))
    table.write(options.out)


if __name__ == "__main__":
    main()
