r"""Generative adversarial networks: equations that one player wants and the other does not.

A critic gives logits to examples, a generator makes examples out of noise. Edges that are constant
say "real" and "fake". The critic wants

.. math::
    S \to X \xrightarrow{D} R &= S \to X \xrightarrow{\mathrm{real}} R \\
    N \to Z \xrightarrow{G} X \xrightarrow{D} R &= N \to Z \xrightarrow{G} X
    \xrightarrow{\mathrm{fake}} R

and in the minimax game the generator wants the second not to hold: it is trained by the opposite
of its gradient. In the non-saturating form it wants a third equation instead, that what it makes is
real, which does not train the critic. With the squared error as divergence, that form is the least
squares GAN.

>>> import catlearn as cl
>>> Z, X, R = cl.Space("Z", 2), cl.Space("X", 8), cl.Space("R", 1)
>>> G, D = cl.Model("G", Z, X, "mlp"), cl.Model("D", X, R, "mlp")
>>> noise, images = cl.Dataset("noise", Z=Z), cl.Dataset("images", X=X)
>>> game = gan(G, D, images, noise, form="minimax")
>>> for name in game.soft_equations:
...     print(name, "trains", game.trains(name))
images.X >> D = images.X >> real_D trains {'D': 1.0}
noise.Z >> G >> D = noise.Z >> G >> fake_D trains {'G': -1.0, 'D': 1.0}

References
----------
Goodfellow et al., "Generative adversarial networks", arXiv 1406.2661, 2014, for the first two
forms; Mao et al., "Least squares generative adversarial networks", arXiv 1611.04076, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Constant, Model
from catlearn.zoo.squares import along, chain, column

FORMS = {
    "minimax": "binary_cross_entropy",
    "non-saturating": "binary_cross_entropy",
    "least squares": "squared_error",
}


def gan(
    generator: Model | Sequence[Model],
    critic: Model | Sequence[Model],
    data: Dataset,
    noise: Dataset,
    *,
    form: str = "non-saturating",
    weight: Any = 1.0,
) -> LearningDiagram:
    """Return the regime in which a generator makes what a critic cannot tell from data.

    Parameters
    ----------
    generator
        From a space of the noise to one of the data: one model, or several in a row.
    critic
        From there to logits.
    data, noise
        With a column where the critic, and where the generator starts.
    form
        ``"minimax"``, ``"non-saturating"`` or ``"least squares"``.
    weight
        Of each equation.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, or there is no such form.
    """
    if form not in FORMS:
        message = f"found {form!r}, expected one of {', '.join(map(repr, FORMS))}"
        raise fault("gan", "form", "form=", message)
    makers, judges = chain(generator), chain(critic)
    here, there = judges[0].source, judges[-1].target
    real, fake = (
        Constant(f"{name}_{judges[-1].name}", here, there, value)
        for name, value in (("real", 1.0), ("fake", 0.0))
    )
    made, judged = along(noise, makers), " >> ".join(model.name for model in judges)
    by_critic = {model.name: 1.0 for model in judges}
    by_generator = {model.name: 1.0 for model in makers}
    against = dict.fromkeys(by_generator, -1.0) if form == "minimax" else {}
    read = column(data, here)
    games = [
        (f"{read} >> {judged} = {read} >> {real.name}", by_critic),
        (f"{made} >> {judged} = {made} >> {fake.name}", {**against, **by_critic}),
    ]
    if form != "minimax":
        games.append((f"{made} >> {judged} = {made} >> {real.name}", by_generator))
    equations = [
        Equation(sides, trains=trains, weight=weight, divergence=FORMS[form])
        for sides, trains in games
    ]
    players = LearningDiagram(noise, *makers), LearningDiagram(data, *judges, real, fake)
    return glue(*players).with_equations(equations)
