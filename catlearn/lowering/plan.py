r"""The evaluation plan: what a loss computes, each path prefix once.

Take all the paths of all the equations of a loss. Their prefixes form a forest with one tree
for each data set; the string diagram of the loss (:mod:`catlearn.learning.string_diagram`) is this
forest with equal values merged (hash-consing). Naive evaluation walks every path by itself: XLA
merges the repeated forward work, but not the repeated backward work, so sharing has to be there
before the program is differentiated (Theory, section 6). The plan is the string diagram in the
order in which it runs, rewritten as the options of lowering ask for.

A step of the plan is one of

* ``sample``: a batch of a data set;
* ``project``: a column of a sample;
* ``apply``: the map of an edge, applied to the value of an earlier step; these are the
  *evaluations* that are counted;
* ``one-hot``: labels as vectors, for a map that reads a categorical value;
* ``tuple``: :math:`\langle f_1, \dots, f_n \rangle`, a point of a product;
* ``factor``: a component of such a point;
* ``scale``: the same value, of which the gradient is multiplied;
* ``join`` and ``part``: where it is asked for, the examples of several data sets one after the
  other, and those of one of them;
* ``divergence``: the mean cost of a prediction against a target.

No JAX is needed to make a plan; what it costs is counted from traces when it is printed
(:mod:`catlearn.lowering.amounts`). Boxes that differ only in what they train are steps with equal
values, of which the later ones *repeat* the first.

A value at a categorical vertex has two forms, ``label`` and ``logits``; products have tuples
of forms. The plan fixes the form of each step and refuses a prediction that is not logits.

**Together.** What several data sets have in common is run once, on all their examples, if asked.
Without being asked, a plan evaluates an edge once for each data set: to run it once on the examples
of several is another function where examples of a batch see each other (batch norm) or where an
edge is random. With ``lower(loss, together=[("photos", "sketches")])`` steps that apply one edge to
paths that differ in the data set alone are one step, on arrays that lie one after the other along
the examples:

* ``join``: the values of several data sets, one after the other;
* ``part``: the examples of one of them.

Joining is natural: what acts on each example, such as a pairing, is done to the joined value, so
that values are joined once, at the columns, and taken apart where an equation or another edge
needs those of one data set.

Steps *correspond* if they do the same to corresponding values; columns correspond if they end at
one vertex and have the same name there, or are the only ones of their data sets. Corresponding
steps of one data set are equal, and lie equally deep, so steps can be joined without a circle.
A call that is made again for equations that train other edges must find what the first one found:
such calls are joined only if all of them are.

**Outline.** A plan is printed on one page, with a line for whatever runs as one: a step or a class
of isomorphic steps, an equation or a class of equations.
"""

from __future__ import annotations

import copy
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catlearn.category import HypergraphBuilder, StringDiagram, evaluate
from catlearn.display import Sketch, Sketched, text_table
from catlearn.errors import Failure, expect, refuse
from catlearn.learning.weights import Weight, weight_text
from catlearn.lowering.representations import (
    Representation,
    data_form,
    emitted_form,
    form_text,
    has_label,
    without_labels,
)
from catlearn.models import FactorMap
from catlearn.names import fresh

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram, Loss
    from catlearn.learning.string_diagram import LossOperation
    from catlearn.models import Divergence


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    Parameters
    ----------
    index
        Its number; steps read only earlier ones.
    op
        ``sample``, ``project``, ``apply``, ``one-hot``, ``tuple``, ``factor``, ``scale``, ``join``,
        ``part`` or ``divergence``.
    name
        The data set, the edge or the equation; empty for ``one-hot`` and ``scale``.
    inputs
        The numbers of the steps it reads.
    vertex
        The vertex at which the value lives, or for a ``divergence`` those that it compares.
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
        :class:`~catlearn.learning.Weight` is found in the state, under its name in ``plan.scales``.
    repeats
        The number of the step that evaluates the same map on the same values for equations that
        train other edges; None for the first of its kind.
    together
        The data sets whose examples lie one after the other, in the value or, for a ``part``, in
        what it reads; empty for one data set.
    divergence
        The cost of a prediction against a target.
    stop
        ``"lhs"`` or ``"rhs"``: the side of a ``divergence`` through which no gradient passes.
    """

    index: int
    op: str
    name: str
    inputs: tuple[int, ...]
    vertex: str
    form: Representation
    data: str
    digest: int
    column: str = ""
    position: int = 0
    scale: float = 1.0
    repeats: int | None = None
    together: tuple[str, ...] = ()
    divergence: Divergence | None = None
    stop: str | None = None

    @property
    def read(self) -> tuple[str, str]:
        """The data set and the column that a projection reads."""
        return self.data, self.column


@dataclass(frozen=True)
class Stacking:
    """The classes of a plan that run as one.

    Parameters
    ----------
    edges
        Classes of edges; the variables of each are stored stacked in this order.
    data
        Classes of data sets.
    columns
        Classes of steps that project columns.
    terms
        Classes of equations, by position in the plan.
    units
        All steps, class by class: tuples of their numbers, in an order in which they can run.
    """

    edges: tuple[tuple[str, ...], ...]
    data: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[int, ...], ...]
    terms: tuple[tuple[int, ...], ...]
    units: tuple[tuple[int, ...], ...]

    @classmethod
    def alone(cls, count: int) -> Stacking:
        """Return the stacking of some steps of which each runs by itself."""
        return cls((), (), (), (), tuple((step,) for step in range(count)))

    @property
    def found(self) -> bool:
        """Whether anything runs as one."""
        return bool(self.edges or self.terms or any(len(unit) > 1 for unit in self.units))

    def unit_of(self) -> dict[int, tuple[int, int]]:
        """Return for each step its unit and its position there."""
        return {
            step: (number, position)
            for number, unit in enumerate(self.units)
            for position, step in enumerate(unit)
        }


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
        costs = _CostGroups(plan)
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


class _CostGroups:
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


Members = tuple[int, ...]
"""Steps of one data set each, or one step by itself."""

_NATURAL = ("one-hot", "tuple", "factor", "scale")


def run_together(
    steps: Sequence[Step],
    terms: Iterable[Step],
    groups: Sequence[Sequence[str]],
    independent: frozenset[str] = frozenset(),
) -> tuple[list[Step], list[Step]]:
    """Return a plan in which the common edges of data sets run once for all of them.

    Parameters
    ----------
    steps, terms
        The steps of a plan, and its divergences.
    groups
        The data sets whose examples are run together, in the order in which they are to lie.
    independent
        Edges that draw a sample for each side of each equation, and are not joined.
    """
    join = _Join(steps, _classes(steps, groups, independent))
    placed = [
        replace(term, inputs=tuple(join.place((side,)) for side in term.inputs)) for term in terms
    ]
    return join.made, placed


def _classes(
    steps: Sequence[Step], groups: Sequence[Sequence[str]], independent: frozenset[str]
) -> dict[int, Members]:
    """Return for each step that is joined all that are joined with it."""
    order = {data: i for group in groups for i, data in enumerate(group)}
    found: dict[int, list[int]] = defaultdict(list)
    for index, colour in enumerate(_colours(steps, groups, independent)):
        if steps[index].op == "apply" and steps[index].data in order:
            found[colour].append(index)
    classes = [tuple(sorted(c, key=lambda i: order[steps[i].data])) for c in found.values()]
    classes = [c for c in classes if 1 < len(c) == len({steps[i].data for i in c})]
    again: dict[int, list[int]] = defaultdict(list)
    for step in steps:
        if step.repeats is not None:
            again[step.repeats].append(step.index)
    while True:
        home = {i: members for members in classes for i in members}
        kept = [members for members in classes if _repeats_together(members, steps, home, again)]
        if len(kept) == len(classes):
            return home
        classes = kept


def _repeats_together(
    members: Members,
    steps: Sequence[Step],
    home: Mapping[int, Members],
    again: Mapping[int, Sequence[int]],
) -> bool:
    """Whether what members repeat, and what repeats them, is joined as they are."""
    before = _repeated(members, steps)
    if any(i is not None for i in before) and all(home.get(i or 0) != before for i in before):
        return False
    repeating = [home.get(i, ()) for member in members for i in again.get(member, ())]
    return all(_repeated(others, steps) == members for others in repeating)


def _repeated(members: Members, steps: Sequence[Step]) -> tuple[int | None, ...]:
    return tuple(steps[i].repeats for i in members)


def _colours(
    steps: Sequence[Step], groups: Sequence[Sequence[str]], independent: frozenset[str]
) -> list[int]:
    """Return a number for each step, the same for steps that correspond."""
    group_of = {data: number for number, group in enumerate(groups) for data in group}
    columns = Counter((step.data, step.vertex) for step in steps if step.op == "project")
    crowded = {(group_of.get(data), at) for (data, at), count in columns.items() if count > 1}
    known: dict[Hashable, int] = {}
    colours: list[int] = []
    for step in steps:
        group = group_of.get(step.data)
        name = step.name if step.op == "apply" else ""
        if step.op == "project" and (group, step.vertex) in crowded:
            name = step.column
        alone = step.index if group is None or name in independent else None
        inputs = tuple(colours[i] for i in step.inputs)
        kind = step.op, name, step.vertex if step.inputs else "", step.form
        key = group, alone, *kind, step.position, step.scale, inputs
        colours.append(known.setdefault(key, len(known)))
    return colours


@dataclass
class _Join:
    """The steps of the new plan, made when they are first needed."""

    steps: Sequence[Step]
    classes: Mapping[int, Members]
    made: list[Step] = field(default_factory=list)
    known: dict[Members, int] = field(default_factory=dict)

    def place(self, members: Members) -> int:
        """Return the new step that holds the values of some steps, one after the other."""
        todo = [members]
        while todo:
            missing = [m for m in self.reads(todo[-1]) if m not in self.known]
            if missing:
                todo += reversed(missing)
                continue
            last = todo.pop()
            if last not in self.known:
                self.known[last] = len(self.made)
                self.made.append(self.make(last))
        return self.known[members]

    def parted(self, members: Members) -> bool:
        """Whether the value of a step is cut out of what it is joined with."""
        return len(members) == 1 and members[0] in self.classes

    def natural(self, members: Members) -> bool:
        """Whether steps are one step on their inputs, joined."""
        first = self.steps[members[0]]
        return self.classes.get(first.index, (first.index,)) == members or first.op in _NATURAL

    def reads(self, members: Members) -> list[Members]:
        """Return of what steps the values are needed first, in order."""
        if self.parted(members):
            return [self.classes[members[0]]]
        if not self.natural(members):
            return [(i,) for i in members]
        inputs = zip(*(self.steps[i].inputs for i in members), strict=True)
        repeats = tuple(i for i in _repeated(members, self.steps) if i is not None)
        return [*inputs, repeats] if repeats else list(inputs)

    def make(self, members: Members) -> Step:
        """Return the new step, when those that it reads are there."""
        index, reads = len(self.made), tuple(self.known[m] for m in self.reads(members))
        first = self.steps[members[0]]
        if self.parted(members):
            whole = self.classes[first.index]
            names = tuple(self.steps[i].data for i in whole)
            step = replace(first, op="part", name=first.data, column="", scale=1.0)
            position = whole.index(first.index)
            return replace(
                step, index=index, inputs=reads, position=position, together=names, repeats=None
            )
        if len(members) > 1:
            names = tuple(self.steps[i].data for i in members)
            digests = " ".join(str(self.steps[i].digest) for i in members)
            first = replace(first, digest=stable_hash(digests), together=names)
            if not self.natural(members):
                first = replace(first, op="join", name=" + ".join(names), column="", scale=1.0)
                return replace(first, index=index, inputs=reads, repeats=None)
        count = len(first.inputs)
        repeats = reads[count] if len(reads) > count else None
        return replace(first, index=index, inputs=reads[:count], repeats=repeats)


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
    streams
        What runs as circuits in which passes are streamed, if that was asked for.
    """

    streams: Any = None

    def __init__(
        self,
        loss: Loss,
        independent: Iterable[str] = (),
        stacking: Callable[[Plan], Stacking] | None = None,
        together: Sequence[Sequence[str]] = (),
    ) -> None:
        expect(loss, "string_diagram_for", "what is planned", "a loss, such as diagram.loss()")
        self.loss, self.diagram = loss, loss.diagram
        independent = frozenset(independent)
        drawn = loss.string_diagram_for(independent)
        steps, terms = _PlanBuilder(self.diagram).steps_of(drawn)
        self.naive_evaluations = _naive_evaluations(steps, terms)
        if together:
            steps, terms = run_together(steps, terms, together, independent)
        self.terms: tuple[Step, ...] = tuple(terms)
        self.steps: tuple[Step, ...] = tuple(steps)
        refuse(
            "the loss",
            (
                self._prediction_failure(term)
                for term in self.terms
                if has_label(self.steps[term.inputs[0]].form)
            ),
        )
        alone = Stacking.alone(len(self.steps))
        self.stacking = alone if stacking is None else stacking(self)

    def run_as(self, stacking: Stacking) -> Plan:
        """Return the same plan where other parts run as one."""
        plan = copy.copy(self)
        for name in ("groups", "program", "outline", "places", "streams"):
            plan.__dict__.pop(name, None)
        plan.stacking = stacking
        return plan

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
        where it is first given.
        """
        given = [
            (scale, f"{equation.name}: {edge}")
            for equation in self.loss.equations
            for edge, scale in (equation.trains or {}).items()
        ]
        averages = self.diagram.averages.items()
        given += [(decay, f"decay of {edge}") for edge, (_, decay) in averages]
        found: dict[Weight, str] = {}
        taken = {term.name for term in self.terms}
        for scale, where in given:
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
    def _carries(self) -> tuple[bool, ...]:
        """For each step, whether a gradient into its value would reach a trainable edge."""
        carries: list[bool] = []
        for step in self.steps:
            found = bool(self._trained_by(step)) or any(carries[i] for i in step.inputs)
            carries.append(found and self._passes(step))
        return tuple(carries)

    def _trained_by(self, step: Step) -> set[str]:
        """The edge that a gradient into the value of a step trains there, if there is one."""
        applied = {self.diagram.owner(step.name)} if step.op == "apply" else set()
        return applied & {*self.diagram.trainable} if step.scale != 0 else set()

    def _passes(self, step: Step) -> bool:
        """Whether a gradient passes: not to labels, which are integers, nor where it is stopped."""
        return step.form != "label" and not (step.op == "scale" and step.scale == 0)

    @cached_property
    def trained(self) -> tuple[str, ...]:
        """The trainable edges to which some equation sends a gradient, in order.

        An edge that no equation reaches, or only behind a ``stop`` or where no ``trains`` names it,
        is not among them. A weight or a scale that may change counts, whatever it is now.

        Examples
        --------
        >>> import catlearn as cl
        >>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Space("Y", 1)
        >>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
        >>> fit = cl.Equation("d.X >> encoder >> head = d.Y", trains=["head"])
        >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), encoder, head, equations={"fit": fit})
        >>> cl.lower(D.loss()).plan.trained
        ('head',)
        """
        todo = [side for term in self.terms for side in _open_sides(term) if self._carries[side]]
        seen, found = set(todo), set()
        while todo:
            step = self.steps[todo.pop()]
            found |= self._trained_by(step)
            further = [i for i in step.inputs if self._carries[i] and i not in seen]
            seen.update(further)
            todo += further
        return tuple(edge for edge in self.diagram.trainable if edge in found)

    @cached_property
    def untrained(self) -> tuple[str, ...]:
        """The equations through which no gradient reaches any edge."""
        return tuple(
            term.name
            for term in self.terms
            if not any(self._carries[side] for side in _open_sides(term))
        )

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
    def program(self) -> StringDiagram:
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
        return StringDiagram(builder.hypergraph(), outputs=tuple(costs))

    @cached_property
    def places(self) -> dict[int, tuple[int, int]]:
        """The box of each step, which is also the wire that it writes, and the place there."""
        boxes: tuple[tuple[Step, ...], ...] = self.program.apex.operations  # type: ignore
        return {
            step.index: (box, position)
            for box, steps in enumerate(boxes)
            for position, step in enumerate(steps)
            if step.op != "divergence"
        }

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
        text = self.outline.write(head)
        return text if self.streams is None else f"{text}\n{self.streams}"

    def sketch(self) -> Sketch:
        """Return what is drawn of a plan: its values, and what runs between them."""
        count = "evaluation" if self.evaluations == 1 else "evaluations"
        return self.outline.sketch(f"Plan with {self.evaluations} {count}")


def _open_sides(term: Step) -> tuple[int, ...]:
    """The sides of a divergence through which a gradient passes."""
    return tuple(
        i for i, name in zip(term.inputs, ("lhs", "rhs"), strict=True) if name != term.stop
    )


def _naive_evaluations(steps: Sequence[Step], terms: Iterable[Step]) -> int:
    cost: list[int] = []
    for step in (*steps, *terms):
        cost.append((step.op == "apply") + sum(cost[i] for i in step.inputs))
    return sum(cost[len(steps) :])


class _PlanBuilder:
    """Makes boxes steps: with the forms of their values, and labels one-hot."""

    def __init__(self, diagram: LearningDiagram) -> None:
        self.diagram = diagram
        self.steps: list[Step] = []
        self.terms: list[Step] = []
        self.known: dict[tuple[object, ...], int] = {}
        self.first: dict[int, int] = {}

    def steps_of(self, drawn: StringDiagram) -> tuple[list[Step], list[Step]]:
        """Return the steps of a string diagram, and its divergences."""
        ins, outs = drawn.apex.sides

        def apply(box: int, inputs: tuple[int, ...]) -> tuple[int, ...]:
            does, (wire,) = drawn.operations[box], outs[box]
            vertex, data = drawn.types[wire]
            match does.op:
                case "stop":
                    return inputs
                case "divergence":
                    stopped = [drawn.operations[wire].op == "stop" for wire in ins[box]]
                    stop = "lhs" if stopped[0] else "rhs" if stopped[1] else None
                    at = drawn.types[ins[box][0]].vertex
                    step = Step(len(self.terms), "divergence", does.name, inputs, at, "", data, 0)
                    self.terms.append(replace(step, divergence=does.divergence, stop=stop))
                    return (step.index,)
            return (self.box(does, inputs, vertex, data),)

        evaluate(drawn, apply)
        return self.steps, self.terms

    def box(self, does: LossOperation, inputs: tuple[int, ...], vertex: str, data: str) -> int:
        """Return the step of a box that makes values at a vertex."""
        diagram, before = self.diagram, [self.steps[i] for i in inputs]
        form: Representation = before[0].form if before else "sample"
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

    def output_form(self, edge: str) -> Representation:
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
        form: Representation,
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
