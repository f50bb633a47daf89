"""Outlines: a plan on one page, what runs as one on one line.

An outline has a part for each unit of the plan, a step or a class of isomorphic steps, and for
each equation or class of equations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catlearn.display import Sketch
from catlearn.learning.weights import weight_text
from catlearn.lowering.stacking import Stacking

if TYPE_CHECKING:
    from catlearn.lowering.plan import Form, Plan, Step


@dataclass(frozen=True)
class Part:
    """What runs as one.

    Parameters
    ----------
    op
        What its steps do, or the divergence of its equations.
    names
        What its members are called, edges or equations; none for ``one-hot``.
    reads
        The parts that it reads, by number.
    at
        The vertex, or vertices, of its values.
    form
        The representation of its values.
    size
        The number of members.
    equations
        How many equations need it.
    """

    op: str
    names: tuple[str, ...]
    reads: tuple[int, ...]
    at: str
    form: str
    size: int
    equations: int

    @property
    def title(self) -> str:
        """What it does, on one line."""
        times = f"{self.size} x " if self.size > 1 else ""
        return f"{times}{self.op} {name_of(self.names)}".rstrip()


@dataclass(frozen=True)
class Outline:
    """The parts of a plan.

    Parameters
    ----------
    steps
        The units, in the order in which they run.
    terms
        The equations; they read a prediction and a target.
    """

    steps: tuple[Part, ...]
    terms: tuple[Part, ...]

    @classmethod
    def of(cls, plan: Plan) -> Outline:
        """Return the outline of a plan."""
        stacking: Stacking = plan.stacking
        units = stacking.units or tuple((i,) for i in range(len(plan.steps)))
        place = {step: number for number, unit in enumerate(units) for step in unit}
        together = {i: group for group in stacking.terms for i in group}
        groups = dict.fromkeys(together.get(i, (i,)) for i in range(len(plan.terms)))
        steps = []
        for unit in units:
            members = [plan.steps[i] for i in unit]
            first = members[0]
            reads = dict.fromkeys(place[i] for step in members for i in step.inputs)
            steps.append(
                Part(
                    first.op,
                    tuple(dict.fromkeys(filter(None, map(_name, members)))),
                    tuple(reads),
                    name_of(tuple(dict.fromkeys(step.vertex for step in members))),
                    form_text(first.form),
                    len(unit),
                    max(plan.shared_by[i] for i in unit),
                )
            )
        terms = []
        for group in groups:
            members = [plan.terms[i] for i in group]
            term = members[0].term
            sides = zip(*(planned.sides for planned in members), strict=True)
            reads = [name_of([f"#{p}" for p in dict.fromkeys(place[i] for i in s)]) for s in sides]
            numbers = tuple(dict.fromkeys(place[i] for p in members for i in p.sides))
            names = tuple(planned.term.name for planned in members)
            how = f"{term.divergence} of {reads[0]} against {reads[1]}"
            terms.append(Part(how, names, numbers, term.target, "", len(group), len(group)))
        return cls(tuple(steps), tuple(terms))

    def write(self, head: str) -> str:
        """Return the outline as text, below a line that sums it up."""
        rows = [("step", "runs", "on", "at", "as", "equations")]
        rows += [
            (
                f"#{number}",
                part.title,
                ", ".join(f"#{i}" for i in part.reads),
                part.at,
                part.form,
                str(part.equations),
            )
            for number, part in enumerate(self.steps)
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        ends = [
            f"{f'{part.size} x ' if part.size > 1 else ''}{name_of(part.names)}: {part.op}"
            for part in self.terms
        ]
        return "\n".join([head, *lines, *ends])

    def sketch(self, title: str) -> Sketch:
        """Return the outline as boxes and arrows: values, and what runs between them."""
        boxes: list[tuple[str, str, str]] = []
        arrows: list[tuple[str, str, str, str]] = []
        for number, part in enumerate(self.steps):
            times = f"{part.size} x " if part.size > 1 else ""
            kind = "dataset" if part.op == "sample" else "space"
            boxes.append((f"#{number}", kind, f"{times}{part.at}"))
            arrows += [(f"#{read}", f"#{number}", part.title, "") for read in part.reads]
        for number, part in enumerate(self.terms):
            name = f"cost {number}"
            times = f"{part.size} x " if part.size > 1 else ""
            boxes.append((name, "plain", f"{times}{name_of(part.names)}"))
            arrows += [(f"#{read}", name, "", "") for read in part.reads]
        return Sketch(title, tuple(boxes), tuple(arrows))


def _name(step: Step) -> str:
    """Return what a step is called: its edge, or the number by which gradients are multiplied."""
    return step.name if step.op != "scale" else f"by {weight_text(step.scale)}"


def name_of(names: Sequence[str]) -> str:
    """Return a few names, or the first and the last of many.

    Examples
    --------
    >>> name_of(["a", "b"]), name_of(["a", "b", "c"])
    ('a, b', 'a..c')
    """
    return ", ".join(names) if len(names) < 3 else f"{names[0]}..{names[-1]}"


def form_text(form: Form | Iterable[Form]) -> str:
    """Return a form as text; a tuple of forms in parentheses."""
    return f"({', '.join(map(form_text, form))})" if isinstance(form, tuple) else str(form)
