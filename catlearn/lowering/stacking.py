r"""Stacking: which parts of a plan are isomorphic, so that they can run as one.

The plan of a loss is a graph: its steps, the edges whose maps they apply, and its equations.
*Partition refinement* (Paige and Tarjan, "Three partition refinement algorithms", 1987) finds the
coarsest classes such that two steps, or equations, of one class are of one kind (operation,
spaces, divergence) and read from the same classes, and two edges of one class are of one kind
(architecture, spaces, options), are made of edges of the same classes (what a moving average
follows, what an operator acts on) and are applied by the same classes, equally often. A class is
then run by one batched operation:

* its members are data sets, whose batches lie in one array, column by column; or
* its members read one common step, which is broadcast, or members of one other class, which are
  aligned by an array of positions;
* its maps are all one edge, whose parameters are broadcast, or the edges of one class, whose
  parameters are stored stacked.

Two data sets are of one kind if equally many of their columns have equal spaces and forms and are
read in equal ways. That they run as one needs batches of one size, which only a call knows: data
sets whose batches differ in size are of different kinds in the stacking of that call. Each member
keeps examples, keys and costs of its own: a shared map is applied to the batch of one after that of
another, side by side, and never to the examples of all of them as to one batch.

Members of a class lie at one depth of the plan, so none reads another and the classes can be run
one after the other. Uses of an edge that changes state follow one another in
depth too, in the order of the plan, so that a class has one of them at most and none is overtaken;
a use that repeats another one goes with the class of that one. Where the members of a class share
edges unevenly (each of a few edges is applied several times) the class is split, by uses or by
edges, and the partition is refined again. Classes with fewer members than asked for are dissolved
in the same way.

Orders of members are chosen along the bijections between classes, starting from first use, so that
mostly nothing has to be rearranged. No JAX is needed for any of this.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
>>> heads = [cl.Model(f"head_{i}", F, Y, "linear") for i in range(3)]
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("encoder", X, F, "mlp"), *heads)
>>> equations = {f"task_{i}": f"d.X >> encoder >> head_{i} = d.Y" for i in range(3)}
>>> stacking = cl.lower(D.loss(equations), stack=True).plan.stacking
>>> stacking.edges
(('head_0', 'head_1', 'head_2'),)
>>> [unit for unit in stacking.units if len(unit) > 1]
[(3, 5, 6)]

Data sets of one kind with models of their own:

>>> sets = [cl.Dataset(f"d{i}", X=X, Y=Y) for i in range(3)]
>>> own = {f"task_{i}": f"d{i}.X >> encoder >> head_{i} = d{i}.Y" for i in range(3)}
>>> D = cl.LearningDiagram(*sets, cl.Model("encoder", X, F, "mlp"), *heads)
>>> print(cl.lower(D.loss(own), stack=True).plan)
equations: 3, evaluations: 6 (path by path: 6), in 2 calls; the program has 6 parts instead of 18
step  runs                      on  at      as      equations  parameters  flops
#0    3 x sample d0..d2             d0..d2  sample  1
#1    3 x project d0.X..d2.X    #0  X       array   1
#2    3 x project d0.Y..d2.Y    #0  Y       label   1
#3    3 x apply encoder         #1  F       array   1          515         3081*n
#4    3 x apply head_0..head_2  #3  Y       logits  1          24          42*n
3 x task_0..task_2: cross_entropy of #4 against #2, 48*n + 6 flops

**Signatures.** What must agree where parts of a loss run as one is everything but names and values.
Of an edge that is made of another one, an operator on it or a moving average of it, the other
ones must agree too, so that their variables lie together. An edge *changes state* if it is trained
and is stateful, as batch norm is: what its calls change is found by the next one. Frozen edges, and
averages, run as in evaluation, and there nothing changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.lowering.arguments import Options
from catlearn.lowering.plan import Plan, Stacking, Step
from catlearn.lowering.storage import architecture_of, changes_state, ends_of

Signature = Callable[[str], Hashable]
"""Everything about an edge that must agree where edges run as one; None if it runs alone."""


def stacking_of(
    plan: Plan,
    signature: Signature,
    term_signature: Callable[[int], Hashable],
    *,
    least: int,
    made_of: Mapping[str, str] | None = None,
    random: Iterable[str] = (),
    in_order: Iterable[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> Stacking:
    """Find what can run as one.

    Parameters
    ----------
    plan
        The plan.
    signature
        For each edge whose map is applied, what must agree; None for an edge that runs alone.
    term_signature
        The same for each equation, by position.
    least
        The least number of members of a class.
    made_of
        For edges that have variables made of those of another edge, which.
    random
        Edges that draw samples, which differ although everything they read agrees.
    in_order
        Edges whose uses hand something on to each other and must stay in order.
    sizes
        The number of examples of each data set; without them all have equally many.
    """
    signatures = signature, term_signature
    graph = _Graph.of(plan, *signatures, made_of or {}, frozenset(in_order), sizes or {})
    colours = graph.classes(least, frozenset(random))
    classes = [members for members in _members(colours) if len(members) > 1]
    if not classes:
        return Stacking.alone(len(plan.steps))
    orders = graph.align(classes)
    steps = [order for order in orders if order[0] < len(plan.steps)]
    stacked = {step for order in steps for step in order}
    units = steps + [(step,) for step in range(len(plan.steps)) if step not in stacked]
    units.sort(key=lambda unit: (graph.depth[unit[0]], min(unit)))
    return Stacking(
        tuple(
            tuple(graph.edges[i - graph.first_edge] for i in o)
            for o in orders
            if graph.is_edge(o[0])
        ),
        tuple(
            tuple(plan.steps[i].name for i in o) for o in steps if plan.steps[o[0]].op == "sample"
        ),
        tuple(order for order in steps if plan.steps[order[0]].op == "project"),
        tuple(tuple(i - graph.first_term for i in o) for o in orders if o[0] >= graph.first_term),
        tuple(units),
    )


@dataclass
class _Graph:
    """The coloured graph of a plan: steps, then edges, then equations, as numbers."""

    plan: Plan
    edges: list[str]
    kinds: list[tuple[Hashable, ...]]
    links: list[tuple[tuple[int, int], ...]]
    depth: list[int]
    readers: list[list[tuple[int, int]]] = field(default_factory=list)

    @property
    def first_edge(self) -> int:
        """The number of the first edge."""
        return len(self.plan.steps)

    @property
    def first_term(self) -> int:
        """The number of the first equation."""
        return len(self.plan.steps) + len(self.edges)

    @classmethod
    def of(
        cls,
        plan: Plan,
        signature: Signature,
        term_signature: Callable[[int], Hashable],
        made_of: Mapping[str, str],
        in_order: frozenset[str],
        sizes: Mapping[str, int],
    ) -> _Graph:
        known = dict.fromkeys(plan.edges)
        for edge in plan.edges:
            while edge in made_of:
                edge = made_of[edge]
                known[edge] = None
        edges = list(known)
        number = {edge: len(plan.steps) + i for i, edge in enumerate(edges)}
        kinds: list[tuple[Hashable, ...]] = []
        links: list[tuple[tuple[int, int], ...]] = []
        depth = _depths(plan.steps, in_order)
        for step in plan.steps:
            kinds.append(("step", depth[step.index], *_step_kind(plan, step)))
            reads = list(enumerate(step.inputs))
            if step.op == "apply":
                reads.append((_EDGE, number[step.name]))
            if step.name in in_order and step.repeats is not None:
                reads.append((_REPEATS, step.repeats))
            links.append(tuple(reads))
        for edge in edges:
            what = signature(edge)
            kinds.append(("edge", edge) if what is None else ("edges", what))
            links.append(((_MADE_OF, number[made_of[edge]]),) if edge in made_of else ())
        for position, term in enumerate(plan.terms):
            kinds.append(("term", term_signature(position)))
            links.append(tuple(enumerate(term.inputs)))
        graph = cls(plan, edges, kinds, links, depth)
        graph.readers = [[] for _ in kinds]
        for node, reads in enumerate(links):
            for role, read in reads:
                graph.readers[read].append((role, node))
        for step in plan.steps:
            if step.op == "project":  # so that inputs and targets lie apart
                roles = {(r, kinds[by][:2]) for r, by in graph.readers[step.index]}
                kinds[step.index] = (*kinds[step.index], frozenset(roles))
        for step in plan.steps:
            if step.op == "sample":
                read = Counter(kinds[by] for _, by in graph.readers[step.index])
                size = sizes.get(step.name)
                kinds[step.index] = (*kinds[step.index], size, frozenset(read.items()))
        return graph

    @cached_property
    def uses(self) -> list[list[int]]:
        """For each edge the steps that apply it; if there are none, the edges made of it."""
        applied, made = (
            [[by for role, by in readers if role == wanted] for readers in self.readers]
            for wanted in (_EDGE, _MADE_OF)
        )
        return [steps or edges for steps, edges in zip(applied, made, strict=True)]

    def is_edge(self, node: int) -> bool:
        return self.first_edge <= node < self.first_term

    def classes(self, least: int, random: frozenset[str]) -> list[int]:
        """Return the colours of the coarsest partition whose classes can run as one."""
        colours = self.refine(_numbered(self.kinds))
        while True:
            split: list[Hashable] = list(colours)
            alone = {members[0] for members in _members(colours) if len(members) == 1}
            for members in _members(colours):
                for node, part in self.split(members, least, random, alone).items():
                    split[node] = (colours[node], part)
            if split == colours:
                return colours
            colours = self.refine(_numbered(split))

    def refine(self, colours: list[int]) -> list[int]:
        """Split classes until members read from, and are applied by, the same classes."""
        count = len(set(colours))
        while True:
            seen: list[Hashable] = [
                (
                    colours[node],
                    tuple((role, colours[read]) for role, read in self.links[node]),
                    tuple(sorted(colours[by] for by in self.uses[node])),
                )
                for node in range(len(colours))
            ]
            colours = _numbered(seen)
            if len(set(colours)) == count:
                return colours
            count = len(set(colours))

    def split(
        self, members: Sequence[int], least: int, random: frozenset[str], alone: set[int]
    ) -> dict[int, int]:
        """Say how a class must be split, as numbers of parts; empty if it can run as one."""
        if len(members) == 1:
            return {}
        apart = {node: node for node in members}
        if len(members) < least:
            return apart
        op = "" if members[0] >= self.first_edge else self.plan.steps[members[0]].op
        if op in ("sample", "project"):  # nothing is gained where readers take them apart again
            return apart if all(by in alone for i in members for _, by in self.readers[i]) else {}
        if op != "apply":
            return {}
        names = [self.plan.steps[node].name for node in members]
        uses = Counter(names)
        if 1 < len(uses) < len(members):
            if len(uses) < least or len(uses) ** 2 < len(members):
                number = {name: i for i, name in enumerate(uses)}
                return {node: number[name] for node, name in zip(members, names, strict=True)}
            return dict(zip(members, _occurrences(names), strict=True))
        inputs = {self.plan.steps[node].inputs for node in members}
        same = len(uses) == 1 and len(inputs) == 1
        return apart if same and names[0] not in random else {}

    def align(self, classes: Sequence[list[int]]) -> list[tuple[int, ...]]:
        """Order the members of each class, equally where there is a bijection between classes."""
        number = {node: i for i, members in enumerate(classes) for node in members}
        orders: list[tuple[int, ...] | None] = [None] * len(classes)
        for first in range(len(classes)):
            if orders[first] is None:
                orders[first] = tuple(classes[first])
            todo = [first]
            while todo:
                order = orders[todo.pop()]
                assert order is not None
                for there, found in self.neighbours(order, number):
                    if orders[there] is None and sorted(found) == classes[there]:
                        orders[there] = tuple(found)
                        todo.append(there)
        return [order for order in orders if order is not None]

    def neighbours(
        self, order: Sequence[int], number: Mapping[int, int]
    ) -> Iterable[tuple[int, list[int]]]:
        """Yield the classes that members read or are read by, with the nodes read, in order."""
        for links in (self.links, self.readers):
            found: dict[tuple[int, int], list[int]] = defaultdict(list)
            for node in order:
                for role, other in links[node]:
                    if other in number:
                        found[role, number[other]].append(other)
            yield from ((there, nodes) for (_, there), nodes in found.items())


# Roles in which a step reads the edge that it applies, or the step that it repeats, and an edge
# the one that it is made of. Inputs have the roles 0, 1, ...
_EDGE, _REPEATS, _MADE_OF = -1, -2, -3


def _step_kind(plan: Plan, step: Step) -> tuple[Hashable, ...]:
    space = plan.diagram.space_label(step.vertex) if step.op != "sample" else None
    return step.op, step.together, space, step.form, step.position, step.scale


def _depths(steps: Sequence[Step], in_order: frozenset[str]) -> list[int]:
    """The longest way to each step, where uses of some edges also follow one another."""
    depth: list[int] = []
    latest: dict[str, int] = {}
    for step in steps:
        before = [depth[i] for i in step.inputs]
        if step.op == "apply" and step.name in in_order:
            before += [latest[step.name]] if step.name in latest else []
            latest[step.name] = 1 + max(before)
        depth.append(1 + max(before, default=-1))
    return depth


def _numbered(values: Sequence[Hashable]) -> list[int]:
    number: Mapping[Hashable, int] = {v: i for i, v in enumerate(dict.fromkeys(values))}
    return [number[value] for value in values]


def _members(colours: Sequence[int]) -> list[list[int]]:
    """The classes, in order of their first members."""
    members: dict[int, list[int]] = defaultdict(list)
    for node, colour in enumerate(colours):
        members[colour].append(node)
    return list(members.values())


def _occurrences(names: Sequence[str]) -> list[int]:
    """For each position, how often its name came before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(seen[name])
        seen[name] += 1
    return found


def stacking_for(
    options: Options,
    plan: Plan,
    sizes: Mapping[str, int] | None = None,
    idle_apart: bool = True,
) -> Stacking:
    """Find what runs as one, where batches of data sets have some sizes; by default equal ones.

    Edges that no equation trains are kept apart from others, but for ``idle_apart=False``, as in
    version 0.1.0.
    """
    diagram = plan.diagram
    if options.stack < 2:
        return Stacking.alone(len(plan.steps))
    schedules = {one.name: getattr(one.weight, "schedule", None) for one in plan.loss.equations}

    def signature(edge: str) -> Hashable:
        architecture = architecture_of(diagram, edge)
        if not architecture.stackable:
            return None
        _, decay = diagram.averages.get(edge, (edge, None))
        return (
            architecture,
            diagram.map_label(edge).kind,
            idle_apart and edge in plan.trained,
            decay,
            *ends_of(diagram, edge),
            edge in options.remat,
            options.precision.get(edge),
            edge in options.independent,
            options.groups.get(edge),
            _structure(diagram.starts.get(edge)),
        )

    def term_signature(position: int) -> Hashable:
        term = plan.terms[position]
        space = diagram.space_label(term.vertex)
        return term.divergence, term.stop, space, schedules[term.name]

    return stacking_of(
        plan,
        signature,
        term_signature,
        least=options.stack,
        made_of={**diagram.operators, **{one: of for one, (of, _) in diagram.averages.items()}},
        random=[edge for edge in plan.edges if architecture_of(diagram, edge).accepts_key],
        in_order=[
            edge
            for edge in plan.edges
            if changes_state(diagram, edge) or not architecture_of(diagram, edge).stackable
        ],
        sizes=sizes,
    )


def _structure(start: Any) -> Hashable:
    """The structure of starting values, which an architecture alone may not tell."""
    if start is None:
        return None
    leaves, structure = jax.tree.flatten(start)
    return structure, tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
