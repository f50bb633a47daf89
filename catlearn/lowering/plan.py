r"""The evaluation plan: what a loss computes, each path prefix once.

Take all the paths of all the equations of a loss. Their prefixes form a forest with one tree
for each data set; the circuit of the loss (:mod:`catlearn.learning.circuit`) is this forest with
equal values merged (hash-consing). Naive evaluation walks every path by itself: XLA merges the
repeated forward work, but not the repeated backward work, so sharing has to be there before the
program is differentiated (Theory, section 6). The plan is the circuit in the order in which it
runs, rewritten as the options of lowering ask for.

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
  several data sets one after the other, and those of one of them;
* ``divergence``: the mean cost of a prediction against a target.

No JAX is needed to make a plan; what it costs is counted from traces when it is printed
(:mod:`catlearn.lowering.counting`). Boxes that differ only in what they train are steps with equal
values, of which the later ones *repeat* the first.

A value at a categorical vertex has two forms, ``label`` and ``logits``; products have tuples
of forms. The plan fixes the form of each step and refuses a prediction that is not logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catlearn.category import HypergraphBuilder, evaluate
from catlearn.display import Sketch, Sketched
from catlearn.errors import Failure, InvalidStructure
from catlearn.learning.circuit import Circuit
from catlearn.learning.weights import Weight
from catlearn.lowering.forms import Form, data_form, emitted_form, has_label, without_labels
from catlearn.lowering.joining import joined
from catlearn.lowering.outline import Outline
from catlearn.lowering.stacking import Stacking
from catlearn.lowering.steps import Step, stable_hash
from catlearn.models import FactorMap
from catlearn.names import fresh

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram, Loss
    from catlearn.learning.circuit import Operation


class Plan(Sketched):
    """What the lowered loss runs, in order.

    Parameters
    ----------
    loss
        The loss of a learning diagram.
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
        The divergences, one for each equation of the loss: steps that no other one reads.
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
        loss: Loss,
        independent: Iterable[str] = (),
        stacking: Callable[[Plan], Stacking] | None = None,
        together: Sequence[Sequence[str]] = (),
    ) -> None:
        self.loss, self.diagram = loss, loss.diagram
        independent = frozenset(independent)
        circuit = loss.circuit_for(independent)
        steps, terms = _Typed(self.diagram).steps_of(circuit)
        self.naive_evaluations = _naive_evaluations(steps, terms)
        if together:
            steps, terms = joined(steps, terms, together, independent)
        self.terms: tuple[Step, ...] = tuple(terms)
        self.steps: tuple[Step, ...] = tuple(steps)
        failures = [
            self._prediction_failure(term)
            for term in self.terms
            if has_label(self.steps[term.inputs[0]].form)
        ]
        if failures:
            raise InvalidStructure("the loss", failures)
        alone = Stacking.alone(len(self.steps))
        self.stacking = alone if stacking is None else stacking(self)

    def _prediction_failure(self, term: Step) -> Failure:
        prediction, target = (self.steps[side] for side in term.inputs)
        remedy = (
            "a label cannot be differentiated; drop the equation or predict by a model"
            if has_label(target.form)
            else "write the sides the other way round"
        )
        return Failure(
            "representation",
            f"equation '{term.name}'",
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
            (scale, f"{equation.name}: {edge}")
            for equation in self.loss.equations
            for edge, scale in (equation.trains or {}).items()
        ]
        averages = self.diagram.averages.items()
        said += [(decay, f"decay of {edge}") for edge, (_, decay) in averages]
        found: dict[Weight, str] = {}
        taken = {term.name for term in self.terms}
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
        for term in self.terms:
            for index in self._needs(*term.inputs):
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
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The equations, by position, that run as one, in the order of the first of each."""
        together = {i: group for group in self.stacking.terms for i in group}
        return tuple(dict.fromkeys(together.get(i, (i,)) for i in range(len(self.terms))))

    @cached_property
    def program(self) -> Circuit:
        """What runs, as an open hypergraph: a box for whatever runs as one, and for its costs.

        Boxes are labelled by their steps, wires by the vertex and the form of values. They come in
        the order in which they run: steps when an equation first needs them, classes of them depth
        by depth and before all equations.
        """
        builder, (units, place) = (
            HypergraphBuilder(),
            (self.stacking.units, self.stacking.unit_of()),
        )
        wires: list[int] = []

        def add(members: list[Step]) -> int:
            reads = dict.fromkeys(place[i][0] for step in members for i in step.inputs)
            at = members[0].vertex, members[0].form
            does = tuple(members)
            return builder.box(does, [wires[unit] for unit in reads], [at], alone=True)[0]

        costs = []
        for group in self.groups:
            terms = [self.terms[i] for i in group]
            needed = max(place[i][0] for term in terms for i in term.inputs)
            for unit in units[len(wires) : None if self.stacking.found else needed + 1]:
                wires.append(add([self.steps[i] for i in unit]))
            costs.append(add(terms))
        return Circuit(builder.hypergraph(), outputs=tuple(costs))

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


def _naive_evaluations(steps: Sequence[Step], terms: Iterable[Step]) -> int:
    cost: list[int] = []
    for step in (*steps, *terms):
        cost.append((step.op == "apply") + sum(cost[i] for i in step.inputs))
    return sum(cost[len(steps) :])


class _Typed:
    """The boxes of a circuit as steps: with the forms of their values, and labels one-hot."""

    def __init__(self, diagram: LearningDiagram) -> None:
        self.diagram = diagram
        self.steps: list[Step] = []
        self.terms: list[Step] = []
        self.known: dict[tuple[object, ...], int] = {}
        self.first: dict[int, int] = {}

    def steps_of(self, circuit: Circuit) -> tuple[list[Step], list[Step]]:
        """Return the steps of a circuit, and its divergences."""
        ins, outs = circuit.apex.sides

        def apply(box: int, inputs: tuple[int, ...]) -> tuple[int, ...]:
            does, (wire,) = circuit.operations[box], outs[box]
            vertex, data = circuit.types[wire]
            match does.op:
                case "stop":
                    return inputs
                case "divergence":
                    stopped = [circuit.operations[wire].op == "stop" for wire in ins[box]]
                    stop = "lhs" if stopped[0] else "rhs" if stopped[1] else None
                    at = circuit.types[ins[box][0]].vertex
                    step = Step(len(self.terms), "divergence", does.name, inputs, at, "", data, 0)
                    self.terms.append(replace(step, divergence=does.divergence, stop=stop))
                    return (step.index,)
            return (self.box(does, inputs, vertex, data),)

        evaluate(circuit, apply)
        return self.steps, self.terms

    def box(self, does: Operation, inputs: tuple[int, ...], vertex: str, data: str) -> int:
        """Return the step of a box that makes values at a vertex."""
        diagram, before = self.diagram, [self.steps[i] for i in inputs]
        form: Form = before[0].form if before else "sample"
        part: dict[str, Any] = {}
        match does.op:
            case "project":
                _, column = diagram.projections[does.name]
                stored = diagram.data.get(data, {}).get(column)
                form, part = data_form(diagram.space_label(vertex), stored), {"column": column}
            case "factor":
                factor = diagram.map_label(does.name)
                assert isinstance(factor, FactorMap)
                position = factor.index
                if before[0].op == "tuple":
                    return before[0].inputs[position]
                form, part = form[position], {"position": position}
            case "tuple":
                form = tuple(step.form for step in before)
            case "apply":
                if has_label(form):
                    one_hot = without_labels(form, "one-hot")
                    inputs = (
                        self.step("one-hot", "", "", inputs, before[0].vertex, one_hot, data),
                    )
                form = self.output_form(does.name)
        name = f"{does.name} for the {does.draw}" if does.draw else does.name
        shown = does.name or does.title
        return self.step(does.op, name, shown, inputs, vertex, form, data, scale=does.scale, **part)

    def output_form(self, edge: str) -> Form:
        """Return what a map emits: logits at a categorical vertex, but a fixed map may label."""
        source, target = map(self.diagram.space_label, self.diagram.ends(edge))
        form, label = data_form(target), self.diagram.map_label(edge)
        if label.kind == "fixed" and has_label(form):
            return emitted_form(label, source, target) or without_labels(form, "logits")
        return without_labels(form, "logits")

    def step(
        self,
        op: str,
        name: str,
        shown: str,
        inputs: tuple[int, ...],
        vertex: str,
        form: Form,
        data: str,
        scale: float = 1.0,
        **part: Any,
    ) -> int:
        key = (op, name, inputs, vertex, data, scale)
        if key not in self.known:
            self.known[key] = index = len(self.steps)
            # A gradient that is multiplied is the same value, which draws the same samples.
            same_value = op == "scale"
            text = " ".join([op, name, *(str(self.steps[i].digest) for i in inputs)])
            digest = self.steps[inputs[0]].digest if same_value else stable_hash(text)
            # The same map on the same values, whatever is trained by it.
            forward = (op, name, tuple(self.first[i] for i in inputs), vertex, data)
            same = forward[2][0] if same_value else self.known.setdefault(forward, index)
            self.first[index] = same
            repeats = None if same == index or same_value else same
            step = Step(index, op, shown, inputs, vertex, form, data, digest, scale=scale, **part)
            self.steps.append(replace(step, repeats=repeats))
        return self.known[key]
