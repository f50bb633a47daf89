"""Outlines: a plan on one page, what runs as one on one line.

An outline has a part for each unit of the plan, a step or a class of isomorphic steps, and for
each equation or class of equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catlearn.display import Sketch, text_table
from catlearn.learning.weights import weight_text
from catlearn.lowering.forms import form_text
from catlearn.lowering.stacking import Stacking

if TYPE_CHECKING:
    from catlearn.lowering.plan import Plan
    from catlearn.lowering.steps import Step


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
    parameters, flops
        The numbers that its members train, and the floating-point operations of all of them
        forward, in the number n of examples; None where they cannot be counted.
    """

    op: str
    names: tuple[str, ...]
    reads: tuple[int, ...]
    at: str
    form: str
    size: int
    equations: int
    parameters: Any = 0
    flops: Any = 0

    @property
    def title(self) -> str:
        """What it does, on one line."""
        return f"{self.times}{self.op} {name_of(self.names)}".rstrip()

    @property
    def times(self) -> str:
        """How often it does that, where it is more than once."""
        return f"{self.size} x " if self.size > 1 else ""


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
        place = {step: number for step, (number, _) in stacking.unit_of().items()}
        costs = _Costs(plan)
        steps = []
        for unit in stacking.units:
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
                    *costs.steps(members),
                )
            )
        terms = []
        for group in plan.groups:
            members = [plan.terms[i] for i in group]
            term = members[0]
            sides = zip(*(one.inputs for one in members), strict=True)
            reads = [name_of([f"#{p}" for p in dict.fromkeys(place[i] for i in s)]) for s in sides]
            numbers = tuple(dict.fromkeys(place[i] for p in members for i in p.inputs))
            names = tuple(one.name for one in members)
            how = f"{term.divergence} of {reads[0]} against {reads[1]}"
            cost = costs.terms(members)
            terms.append(Part(how, names, numbers, term.vertex, "", len(group), len(group), *cost))
        return cls(tuple(steps), tuple(terms))

    def write(self, head: str) -> str:
        """Return the outline as text, below a line that sums it up."""
        columns = ("step", "runs", "on", "at", "as", "equations", "parameters", "flops")
        rows = [
            (
                f"#{number}",
                part.title,
                ", ".join(f"#{i}" for i in part.reads),
                part.at,
                part.form,
                str(part.equations),
                _amount(part.parameters),
                _amount(part.flops),
            )
            for number, part in enumerate(self.steps)
        ]
        table = text_table(columns, rows, numbers=False)
        ends = [
            f"{part.times}{name_of(part.names)}: {part.op}"
            + (f", {_amount(part.flops)} flops" if part.flops != 0 else "")
            for part in self.terms
        ]
        return "\n".join([head, table, *ends])

    def sketch(self, title: str) -> Sketch:
        """Return the outline as boxes and arrows: values, and what runs between them."""
        boxes: list[tuple[str, str, str]] = []
        arrows: list[tuple[str, str, str, str]] = []
        for number, part in enumerate(self.steps):
            kind = "dataset" if part.op == "sample" else "space"
            boxes.append((f"#{number}", kind, f"{part.times}{part.at}"))
            note = f"{_amount(part.parameters) or 0} parameters, {_amount(part.flops) or 0} flops"
            note = note if part.op == "apply" else ""
            # Arrows are what edges are drawn as, so that only what is no edge has to be said.
            does = "" if part.op in ("apply", "project") else f"{part.op} "
            title = f"{part.times}{does}{short_name_of(part.names)}".rstrip()
            arrows += [(f"#{read}", f"#{number}", title, note) for read in part.reads]
        for number, part in enumerate(self.terms):
            name = f"cost {number}"
            boxes.append((name, "plain", f"{part.times}{short_name_of(part.names)}"))
            arrows += [(f"#{read}", name, "", "") for read in part.reads]
        return Sketch(title, tuple(boxes), tuple(arrows))


class _Costs:
    """What the parts of a plan take; it is counted from traces, so this is where JAX comes in."""

    def __init__(self, plan: Plan) -> None:
        from catlearn.lowering.amounts import Counter

        self.plan, self.edges = plan, Counter(plan.diagram)

    def steps(self, members: Sequence[Step]) -> tuple[Any, Any]:
        """Return the parameters and operations of steps that apply maps; 0 for others."""
        if members[0].op != "apply":
            return 0, 0
        edges = [step.name for step in members]
        try:
            parameters = sum(self.edges[edge].parameters for edge in dict.fromkeys(edges))
            return parameters, sum(self.edges[edge].flops for edge in edges)
        except Exception:  # a map that cannot be traced is not known, and is printed all the same
            return None, None

    def terms(self, members: Sequence[Step]) -> tuple[Any, Any]:
        """Return the operations of divergences, which have no parameters."""
        from catlearn.lowering.amounts import count_divergence, wide_numbers

        first = members[0]
        label = self.plan.diagram.space_label(first.vertex)
        form = self.plan.steps[first.inputs[1]].form
        try:
            counted = count_divergence(first.divergence, label, form, wide_numbers())
        except Exception:  # as above
            return 0, None
        return 0, len(members) * counted.flops


def _amount(amount: Any) -> str:
    """Write an amount; nothing for 0, and a question mark for what is not known."""
    if amount is None:
        return "?"
    return "" if amount == 0 else str(amount)


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


def short_name_of(names: Sequence[str]) -> str:
    """Return the same where there is little room: what numbered names share is written once.

    Examples
    --------
    >>> short_name_of(["f", "g"]), short_name_of([f"head_{i}" for i in range(10, 20)])
    ('f, g', 'head_10..19')
    """
    if len(names) < 3:
        return name_of(names)
    stems = [name.rstrip("0123456789") for name in (names[0], names[-1])]
    number = names[-1][len(stems[1]) :]
    return f"{names[0]}..{number}" if stems[0] == stems[1] and number else name_of(names)
