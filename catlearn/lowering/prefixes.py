"""Path prefixes as steps: each prefix of the paths of all equations is one step of the plan.

What the steps are, and why the gradients of some of them are multiplied: see
:mod:`catlearn.lowering.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from catlearn.category import Path
from catlearn.lowering.forms import Form, data_form, emitted_form, has_label, without_labels
from catlearn.lowering.steps import PlannedTerm, Step, stable_hash

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram, LossTerm


@dataclass
class Prefixes:
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
