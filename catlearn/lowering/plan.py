r"""The evaluation plan: what a loss computes, each path prefix once.

Take all the paths of all the equations of a loss. Their prefixes form a forest with one tree
for each data set; the plan is this forest with equal values merged (hash-consing). Naive
evaluation walks every path by itself: XLA merges the repeated forward work, but not the
repeated backward work, so sharing has to be there before the program is differentiated
(Theory, section 6).

A step of the plan is one of

* ``sample``: a batch of a data set;
* ``project``: a column of a sample;
* ``apply``: the map of an edge, applied to the value of an earlier step; these are the
  *evaluations* that are counted;
* ``one-hot``: labels as vectors, for a map that reads a categorical value;
* ``tuple``: :math:`\langle f_1, \dots, f_n \rangle`, a point of a product;
* ``factor``: a component of such a point;
* ``scale``: the same value, of which the gradient is multiplied;
* ``join`` and ``part``: where it is asked for (:mod:`catlearn.lowering.joining`), the examples of
  several data sets one after the other, and those of one of them.

The plan of a path is a functor out of the free category on the diagram: the identity path
leaves a value as it is, and ``plan(p >> q) = plan(q) after plan(p)``, so that two paths with a
common prefix share its steps. No JAX is needed to make a plan; what it costs is counted from
traces when it is printed (:mod:`catlearn.lowering.counting`).

An equation may say which edges it trains, and by what scale. As long as all that a path has come
through is trained by one scale, its values are those of all other equations, and the gradient into
them is multiplied: it is one pass backward for all of them. From the first edge that is trained by
another scale on, steps have equal values and different gradients, so they are different steps.

A value at a categorical vertex has two forms, ``label`` and ``logits``; products have tuples
of forms. The plan fixes the form of each step and refuses a prediction that is not logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from catlearn.display import Sketch, Sketched
from catlearn.errors import Failure, InvalidStructure
from catlearn.learning.weights import Weight
from catlearn.lowering.forms import has_label
from catlearn.lowering.joining import joined
from catlearn.lowering.outline import Outline
from catlearn.lowering.prefixes import Prefixes
from catlearn.lowering.stacking import Stacking
from catlearn.lowering.steps import PlannedTerm, Step
from catlearn.names import fresh

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram, LossTerm


class Plan(Sketched):
    """What the lowered loss runs, in order.

    Parameters
    ----------
    diagram
        The learning diagram in which the equations live.
    terms
        The equations of the loss, in order.
    independent
        Random edges that draw a new sample for each side of each equation.
    stacking
        Finds what runs as one; by default nothing does.
    together
        Groups of data sets whose common edges run once on all their examples.

    Raises
    ------
    InvalidStructure
        If a prediction is a label, listing every such equation.

    Attributes
    ----------
    steps
        The steps, each after those it reads.
    terms
        The equations with the steps that hold their two sides.
    scales
        The scales of gradients, and the decays of moving averages, that may change.
    stacking
        What runs as one.
    evaluations
        How many times a map of an edge is applied.
    naive_evaluations
        How many times it would be if every path were evaluated by itself.
    """

    def __init__(
        self,
        diagram: LearningDiagram,
        terms: Iterable[LossTerm],
        independent: Iterable[str] = (),
        stacking: Callable[[Plan], Stacking] | None = None,
        together: Sequence[Sequence[str]] = (),
    ) -> None:
        self.diagram = diagram
        prefixes = Prefixes(diagram, frozenset(independent))
        planned = list(map(prefixes.term, terms))
        steps, self.naive_evaluations = prefixes.steps, _naive_evaluations(prefixes.steps, planned)
        if together:
            steps, planned = joined(steps, planned, together, prefixes.independent)
        self.terms: tuple[PlannedTerm, ...] = tuple(planned)
        self.steps: tuple[Step, ...] = tuple(steps)
        failures = [
            self._prediction_failure(planned)
            for planned in self.terms
            if has_label(self.steps[planned.prediction].form)
        ]
        if failures:
            raise InvalidStructure("the loss", failures)
        alone = Stacking.alone(len(self.steps))
        self.stacking = alone if stacking is None else stacking(self)

    def _prediction_failure(self, planned: PlannedTerm) -> Failure:
        prediction, target = (self.steps[side] for side in planned.sides)
        remedy = (
            "a label cannot be differentiated; drop the equation or predict by a model"
            if has_label(target.form)
            else "write the sides the other way round"
        )
        return Failure(
            "representation",
            f"equation '{planned.term.name}'",
            f"the prediction '{self.path(prediction)}' carries labels at '{prediction.vertex}' "
            f"where logits are needed; {remedy}",
        )

    @cached_property
    def columns(self) -> dict[str, tuple[Step, ...]]:
        """The projections that are read of each data set, in order of first use."""
        columns: dict[str, tuple[Step, ...]] = {}
        for step in self.steps:
            if step.op == "project":
                columns[step.data] = (*columns.get(step.data, ()), step)
        return columns

    @cached_property
    def scales(self) -> dict[Weight, str]:
        """The scales of gradients, and decays, that may change, and where the state has each.

        It is under its name. One without a name, or whose name stands for something else, goes by
        where it is said first.
        """
        said = [
            (scale, f"{planned.term.name}: {edge}")
            for planned in self.terms
            for edge, scale in (planned.term.trains or {}).items()
        ]
        averages = self.diagram.averages.items()
        said += [(decay, f"decay of {edge}") for edge, (_, decay) in averages]
        found: dict[Weight, str] = {}
        taken = {planned.term.name for planned in self.terms}
        for scale, where in said:
            if not isinstance(scale, Weight) or scale.unscaled in found:
                continue
            name = where if scale.name is None or scale.name in taken else scale.name
            name = fresh(name, taken, "'")
            found[scale.unscaled] = name
            taken.add(name)
        return found

    @cached_property
    def edges(self) -> tuple[str, ...]:
        """The edges whose maps are applied, in order of first use."""
        return tuple(dict.fromkeys(step.name for step in self.steps if step.op == "apply"))

    @cached_property
    def evaluations(self) -> int:
        """How many times a map is applied."""
        return sum(step.op == "apply" for step in self.steps)

    @cached_property
    def shared_by(self) -> tuple[int, ...]:
        """For each step, how many equations need it."""
        count = [0] * len(self.steps)
        for planned in self.terms:
            for index in self._needs(planned.prediction, planned.target):
                count[index] += 1
        return tuple(count)

    def path(self, step: Step) -> str:
        """Return the path prefix that a step evaluates, from its data set or last pairing on."""
        edges: list[str] = []
        while step.op != "sample":
            if step.name and step.op not in ("join", "part"):
                edges.append(step.name)
            if step.op == "tuple":
                break
            step = self.steps[step.inputs[0]]
        return " >> ".join(reversed(edges)) or f"id({step.name})"

    def _needs(self, *roots: int) -> set[int]:
        seen: set[int] = set()
        todo = list(roots)
        while todo:
            index = todo.pop()
            if index not in seen:
                seen.add(index)
                todo.extend(self.steps[index].inputs)
        return seen

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"Plan(equations={len(self.terms)}, steps={len(self.steps)}, "
            f"evaluations={self.evaluations}, naive_evaluations={self.naive_evaluations})"
        )

    @cached_property
    def outline(self) -> Outline:
        """What runs, one part for whatever runs as one."""
        return Outline.of(self)

    def __str__(self) -> str:
        head = (
            f"equations: {len(self.terms)}, evaluations: {self.evaluations} "
            f"(path by path: {self.naive_evaluations})"
        )
        if self.stacking.found:
            calls = sum(part.op == "apply" for part in self.outline.steps)
            parts = len(self.outline.steps) + len(self.outline.terms)
            whole = len(self.steps) + len(self.terms)
            head += f", in {calls} calls; the program has {parts} parts instead of {whole}"
        return self.outline.write(head)

    def sketch(self) -> Sketch:
        """Return what is drawn of a plan: its values, and what runs between them."""
        count = "evaluation" if self.evaluations == 1 else "evaluations"
        return self.outline.sketch(f"Plan with {self.evaluations} {count}")


def _naive_evaluations(steps: Sequence[Step], terms: Iterable[PlannedTerm]) -> int:
    cost: list[int] = []
    for step in steps:
        cost.append((step.op == "apply") + sum(cost[i] for i in step.inputs))
    return sum(cost[planned.prediction] + cost[planned.target] for planned in terms)
