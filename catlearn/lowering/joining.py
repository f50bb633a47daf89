"""Joining: what several data sets have in common is run once, on all their examples.

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
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from catlearn.lowering.steps import Step, stable_hash

Members = tuple[int, ...]
"""Steps of one data set each, or one step by itself."""

_NATURAL = ("one-hot", "tuple", "factor", "scale")


def joined(
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
        kept = [members for members in classes if _repeats_alike(members, steps, home, again)]
        if len(kept) == len(classes):
            return home
        classes = kept


def _repeats_alike(
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
