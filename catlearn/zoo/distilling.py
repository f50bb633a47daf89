r"""Knowledge distillation: a student between labels, teachers, and hints from inside a teacher.

The student X -> F -> Y makes a square with the data. A teacher X -> G -> Y, frozen, makes another
equation with it: their logits agree, softened by a temperature T. A hint is one more edge
F -> G, the regressor, which makes the inside of the student speak of the inside of the teacher.
All these diagrams have the student in common, and are glued along it.

.. math::
    S \to X \to F \to Y &= S \to Y \\
    S \to X \to F \to Y &= S \to X \to G \to Y \\
    S \to X \to F \to G &= S \to X \to G

The first is measured by cross-entropy, the second by :math:`T^2\,\mathrm{KL}` of the softened
distributions, the third by the divergence of G.

>>> import catlearn as cl, numpy as np
>>> X, F, G, Y = cl.Space("X", 4), cl.Space("F", 2), cl.Space("G", 3), cl.Categorical("Y", 2)
>>> body, head = cl.Model("body", X, F, "mlp"), cl.Model("head", F, Y, "linear")
>>> def affine(n, m):
...     return {"weight": np.ones((n, m), "float32"), "bias": np.zeros(m, "float32")}
>>> big = cl.Model("big", X, G, "linear", start=affine(4, 3))
>>> top = cl.Model("top", G, Y, "linear", start=affine(3, 2))
>>> hint = cl.Model("hint", F, G, "linear")
>>> data = cl.Dataset("digits", X=X, Y=Y)
>>> diagram = distillation([body, head], [[big, top]], data, hints=[hint])
>>> for name in diagram.soft_equations:
...     print(name, "by", diagram.divergence(name))
digits.X >> body >> head = digits.Y by cross_entropy
digits.X >> body >> head = digits.X >> big >> top by kl(temperature=4.0)
digits.X >> body >> hint = digits.X >> big by squared_error

References
----------
Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531, 2015, for
labels and teachers; Romero et al., "FitNets: hints for thin deep nets", arXiv 1412.6550, 2015, for
hints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Divergence, Model
from catlearn.zoo.squares import along, chain, square

Models = Model | Sequence[Model]


def distillation(
    student: Models,
    teachers: Sequence[Models],
    data: Dataset,
    *,
    hints: Sequence[Model] = (),
    transfer: Dataset | None = None,
    temperature: float = 4.0,
    weight: float = 1.0,
    hint_weight: Any = 1.0,
) -> LearningDiagram:
    """Return the regime in which a student learns from labels and from teachers.

    Parameters
    ----------
    student
        One model, or several in a row.
    teachers
        Each one model or several in a row, between the same spaces as the student. They have
        their parameters, and are frozen here.
    data
        With a column where the student starts, and one where it ends.
    hints
        Models from a space inside the student to one inside a teacher.
    transfer
        The data on which the student imitates the teachers, which needs no labels; by default
        those above.
    temperature
        By which logits are divided before they are compared.
    weight
        Of all teachers together, who share it equally; labels have weight 1.
    hint_weight
        The weight of each hint's equation.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, a teacher has no parameters, or a hint does not
        lead from the student to a teacher.
    """
    pupil, masters = chain(student), [[m.freeze() for m in chain(t)] for t in teachers]
    on = data if transfer is None else transfer
    soft = Divergence("kl", temperature=temperature)
    parts = [square(pupil, data)]
    for master in masters:
        agreement = Equation(
            f"{along(on, pupil)} = {along(on, master)}",
            weight=weight / len(masters),
            divergence=soft,
        )
        parts.append(LearningDiagram(on, *pupil, *master, equations=[agreement]))
    for hint in hints:
        for inner, outer in _between(pupil, masters, hint):
            sides = f"{along(on, [*inner, hint])} = {along(on, outer)}"
            equation = Equation(sides, weight=hint_weight)
            parts.append(LearningDiagram(on, *inner, hint, *outer, equations=[equation]))
    return glue(*parts)


def _between(
    pupil: Sequence[Model], masters: Sequence[Sequence[Model]], hint: Model
) -> Iterator[tuple[Sequence[Model], Sequence[Model]]]:
    """Yield the part of the student before a hint, with the part of each teacher it speaks of."""
    ends = [_until(models, hint.target.name) for models in masters]
    start, found = _until(pupil, hint.source.name), [end for end in ends if end]
    if not start or not found:
        message = (
            f"leads from '{hint.source.name}' to '{hint.target.name}'; it has to lead from a "
            "space that the student reaches to one that a teacher reaches"
        )
        raise fault("distillation", "hint", f"hint '{hint.name}'", message)
    yield from ((start, end) for end in found)


def _until(models: Sequence[Model], space: str) -> Sequence[Model]:
    """Return the models up to the one that ends at a space; none if no one does."""
    ends = [model.target.name for model in models]
    return models[: ends.index(space) + 1] if space in ends else ()
