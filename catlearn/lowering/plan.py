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

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catlearn.category import Path
from catlearn.display import Sketch, Sketched
from catlearn.errors import Failure, InvalidStructure
from catlearn.learning.weights import Weight
from catlearn.lowering.forms import Form, data_form, emitted_form, has_label, without_labels
from catlearn.lowering.joining import joined
from catlearn.lowering.outline import Outline
from catlearn.lowering.stacking import Stacking

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram, LossTerm


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    Parameters
    ----------
    index
        Its number; steps read only earlier ones.
    op
        ``sample``, ``project``, ``apply``, ``one-hot``, ``tuple``, ``factor``, ``scale``, ``join``
        or ``part``.
    name
        The data set or the edge; empty for ``one-hot`` and ``scale``.
    inputs
        The numbers of the steps it reads.
    vertex
        The vertex at which the value lives.
    form
        The representation of the value.
    data
        The data set at which the path starts; the first of them, where there are several.
    digest
        A hash of the data set and the path prefix, the same in every process: random edges
        fold it into their key.
    column
        Which column of the data set a projection reads.
    position
        Which component a factor reads, or which data set a ``part`` is of.
    scale
        By what the gradient of the map's parameters, or of all that came before a step ``scale``,
        is multiplied here: 1, but where an equation says which edges it trains. A
        :class:`~catlearn.Weight` is found in the state, under its name in ``plan.scales``.
    repeats
        The number of the step that evaluates the same map on the same values for equations that
        train other edges; None for the first of its kind.
    together
        The data sets whose examples lie one after the other, in the value or, for a ``part``, in
        what it reads; empty for one data set.
    """

    index: int
    op: str
    name: str
    inputs: tuple[int, ...]
    vertex: str
    form: Form
    data: str
    digest: int
    column: str = ""
    position: int = 0
    scale: float = 1.0
    repeats: int | None = None
    together: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedTerm:
    """One equation of the loss: the steps that hold its prediction and its target."""

    term: LossTerm
    prediction: int
    target: int

    @property
    def sides(self) -> tuple[int, int]:
        """The prediction and the target."""
        return self.prediction, self.target


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
        The scales of gradients that may change.
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
        builder = _Builder(diagram, frozenset(independent))
        planned = list(map(builder.term, terms))
        steps, self.naive_evaluations = builder.steps, _naive_evaluations(builder.steps, planned)
        if together:
            steps, planned = joined(steps, planned, together, builder.independent)
        self.terms: tuple[PlannedTerm, ...] = tuple(planned)
        self.steps: tuple[Step, ...] = tuple(steps)
        failures = [
            self._prediction_failure(planned)
            for planned in self.terms
            if has_label(self.steps[planned.prediction].form)
        ]
        if failures:
            raise InvalidStructure("the loss", failures)
        self.stacking = Stacking() if stacking is None else stacking(self)

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
        """The scales that may change, and where the state has each: under its name.

        One without a name, or whose name stands for something else, goes by its equation and edge.
        """
        found: dict[Weight, str] = {}
        taken = {planned.term.name for planned in self.terms}
        for term in (planned.term for planned in self.terms):
            for edge, scale in (term.trains or {}).items():
                if not isinstance(scale, Weight) or scale.source in found:
                    continue
                name = scale.name
                if name is None or name in taken:
                    name = f"{term.name}: {edge}"
                while name in taken:
                    name += "'"
                found[scale.source] = name
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


@dataclass
class _Builder:
    """Steps in order of first need; a step that is there already is not made again."""

    diagram: LearningDiagram
    independent: frozenset[str] = frozenset()
    steps: list[Step] = field(default_factory=list)
    known: dict[tuple[object, ...], int] = field(default_factory=dict)
    followed: dict[tuple[object, ...], int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    trains: Mapping[str, float] | None = None
    side: str = ""

    def term(self, term: LossTerm) -> PlannedTerm:
        """Return an equation with the steps that hold its two sides."""
        self.trains = term.trains
        sides = []
        for name, path in (("lhs", term.lhs), ("rhs", term.rhs)):
            self.side = f"{name} of {term.name}"
            sides.append(self.path(path))
        return PlannedTerm(term, *sides)

    @property
    def mode(self) -> tuple[object, ...]:
        """What an equation asks of a step beside its edge and its input."""
        trains = None if self.trains is None else frozenset(self.trains.items())
        return (trains, self.side) if self.independent else (trains,)

    def path(self, path: Path) -> int:
        """Return the step that holds the value of a path out of a data set."""
        data = path.source
        return self.trained(path.edges, self.step("sample", data, (), data, "sample", data))

    def trained(self, edges: Sequence[str], index: int) -> int:
        """Follow edges from data, with what all equations share as far as one scale goes."""
        said, shared, cut = self.trains, None, 0
        if said is None:
            return self.along(edges, index)
        for edge in edges:
            scales = {*self.scales(edge), *(() if shared is None else (shared,))}
            if len(scales) > 1:
                break
            shared, cut = next(iter(scales), None), cut + 1
        self.trains = None
        index = self.along(edges[:cut], index)
        self.trains = said
        if shared not in (None, 1.0):
            before = self.steps[index]
            at = before.vertex, before.form, before.data
            index = self.step("scale", "", (index,), *at, scale=shared)
        return self.along(edges[cut:], index)

    def scales(self, edge: str) -> set[float]:
        """Return the scales by which the equation trains what an edge evaluates."""
        diagram = self.diagram
        path = Path(diagram.source(edge), (edge,), diagram.target(edge))
        return {
            (self.trains or {}).get(one, 0.0)
            for one in diagram.rewriting.edges_of(path)
            if diagram.map_label(one).kind == "model"
        }

    def along(self, edges: Sequence[str], index: int) -> int:
        """Follow edges from a step: the action of the free category on the steps."""
        for edge in edges:
            before = (edge, index, *self.mode)
            if before not in self.followed:
                self.followed[before] = self.edge(edge, index)
            index = self.followed[before]
        return index

    def edge(self, edge: str, at: int) -> int:
        """Return the step that holds the value of a step's path followed by an edge."""
        match self.diagram.map_label(edge).kind:
            case "projection":
                return self.project(edge, at)
            case "factor":
                return self.factor(edge, at)
            case "defined":
                return self.defined(edge, at)
        return self.apply(edge, at)

    def project(self, edge: str, at: int) -> int:
        vertex = self.diagram.target(edge)
        data, column = self.diagram.projections[edge]
        stored = self.diagram.data.get(data, {}).get(column)
        form = data_form(self.diagram.space_label(vertex), stored)
        return self.step("project", edge, (at,), vertex, form, data, column=column)

    def factor(self, edge: str, at: int) -> int:
        position, before = self.diagram.map_label(edge).index, self.steps[at]
        assert position is not None
        if before.op == "tuple":
            return before.inputs[position]
        form, vertex = before.form[position], self.diagram.target(edge)
        return self.step("factor", edge, (at,), vertex, form, before.data, position=position)

    def defined(self, edge: str, at: int) -> int:
        definition = self.diagram.definitions[edge]
        # Scales go up to where a path begins: with data, nothing comes before it.
        follow = self.trained if self.steps[at].op in ("sample", "project") else self.along
        parts = tuple(follow(path.edges, at) for path in definition.paths)
        if not definition.is_pairing:
            return parts[0]
        form = tuple(self.steps[i].form for i in parts)
        vertex, data = self.diagram.target(edge), self.steps[at].data
        return self.step("tuple", edge, parts, vertex, form, data)

    def apply(self, edge: str, at: int) -> int:
        source = self.one_hot(at) if has_label(self.steps[at].form) else at
        vertex, data = self.diagram.target(edge), self.steps[at].data
        scale = 1.0
        owner = self.diagram.owner(edge)
        if self.trains is not None and self.diagram.map_label(owner).kind == "model":
            scale = self.trains.get(owner, 0.0)
        form = self.output_form(edge)
        return self.step("apply", edge, (source,), vertex, form, data, scale=scale)

    def output_form(self, edge: str) -> Form:
        """Return what a map emits: logits at a categorical vertex, but a fixed map may label."""
        source, target = (
            self.diagram.space_label(vertex)
            for vertex in (self.diagram.source(edge), self.diagram.target(edge))
        )
        form = data_form(target)
        label = self.diagram.map_label(edge)
        if label.kind == "fixed" and has_label(form):
            return emitted_form(label, source, target) or without_labels(form, "logits")
        return without_labels(form, "logits")

    def one_hot(self, at: int) -> int:
        before = self.steps[at]
        form = without_labels(before.form, "one-hot")
        return self.step("one-hot", "", (at,), before.vertex, form, before.data)

    def step(
        self,
        op: str,
        name: str,
        inputs: tuple[int, ...],
        vertex: str,
        form: Form,
        data: str,
        **part: Any,
    ) -> int:
        # A pairing's name is for display only: equal components make equal tuples.
        essence = "" if op == "tuple" else name
        if op == "apply" and name in self.independent:
            essence = f"{name} for the {self.side}"
        key = (op, essence, inputs, data, part.get("scale", 1.0))
        if key not in self.known:
            self.known[key] = index = len(self.steps)
            text = " ".join([op, essence, *(str(self.steps[i].digest) for i in inputs)])
            # A gradient that is multiplied is the same value, which draws the same samples.
            same_value = op == "scale"
            digest = self.steps[inputs[0]].digest if same_value else stable_hash(text)
            # The same map on the same values, whatever is trained by it.
            forward = (op, essence, tuple(self.first.get(i, i) for i in inputs), data)
            same = forward[2][0] if same_value else self.known.setdefault(forward, index)
            self.first[index] = same
            repeats = None if same == index or same_value else same
            step = Step(index, op, name, inputs, vertex, form, data, digest, **part)
            self.steps.append(replace(step, repeats=repeats))
        return self.known[key]


def stable_hash(text: str) -> int:
    """Return 32 bits that depend on the text alone, in every process.

    CRC-32 tells apart any two texts that differ in at most four adjacent bytes, as numbered
    names do.

    Examples
    --------
    >>> hex(stable_hash("123456789"))
    '0xcbf43926'
    """
    return zlib.crc32(text.encode())
