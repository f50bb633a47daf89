"""Directed hypergraphs: boxes between lists of wires, and their evaluation.

A *directed hypergraph* is a set of wires, a set of boxes and two list-valued functions
ins, outs : Box -> List(Wire). A graph is one whose boxes have one wire on either side
(:meth:`Hypergraph.of`, :meth:`Hypergraph.graph`). Read as a *signature*, wires are generating
objects and boxes are operations between lists of them. An *open* hypergraph has lists of wires as
inputs and outputs; labelled by a signature these are the arrows of the free symmetric monoidal
category on it, if they are acyclic and *monogamous*: every wire is written once (by a box or as
an input) and read once (Bonchi, Gadducci, Kissinger, Sobociński, Zanasi, "String diagram rewrite
theory I", 2022). If wires may be read any number of times, these are the arrows of the free
category with copying and discarding (Fritz, Liang, "Free gs-monoidal categories and free Markov
categories", 2023); it becomes the free cartesian one when boxes with equal inputs are one
(:meth:`Hypergraph.merged`) and boxes that no output needs are dropped (:meth:`Hypergraph.live`),
as Fox's theorem says (1976). Composition is a pushout, as for all open objects
(``catlearn.cset.Open``).

Laws: evaluation is a functor, ``evaluate(f >> g) == evaluate(f) then evaluate(g)``, side by side
for ``f @ g``; each box is applied once.

>>> from types import SimpleNamespace
>>> from catlearn.category import Hypergraph
>>> H = Hypergraph({"square": ("x", "y"), "add": (["y", "y"], "z")})
>>> print(H)
square : x → y
add : y, y → z
>>> rule = {"square": lambda x: (x * x,), "add": lambda x, y: (x + y,)}
>>> diagram = SimpleNamespace(apex=H, inputs=[0], outputs=[2])
>>> evaluate(diagram, lambda box, values: rule[H.boxes[box]](*values), [3])
(18,)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import Any, NamedTuple, Protocol, overload, runtime_checkable

import numpy as np

from catlearn.category.graph import GRAPH, Graph, GraphMorphism
from catlearn.category.path import written
from catlearn.errors import (
    Failure,
    Failures,
    did_you_mean,
    expect,
    expect_dicts,
    fault,
    listed,
    refuse,
)
from catlearn.finset import FinFunction, FinSet, Shape, TableMorphism, Tables
from catlearn.finset.shapes import label_key
from catlearn.finset.tables import morphism, part

HYPERGRAPH = Shape(
    tables=("Wire", "Box"),
    lists={"ins": ("Box", "Wire"), "outs": ("Box", "Wire")},
    attributes={"type": "Wire", "operation": "Box"},
)
"""The shape of hypergraphs: what a wire carries and what a box does are labels."""

_OF_GRAPH = {"V": "Wire", "E": "Box", "src": "ins", "tgt": "outs"}


@runtime_checkable
class OpenHypergraph(Protocol):
    """A hypergraph with lists of wires as inputs and outputs, as ``catlearn.cset.Open`` is."""

    @property
    def apex(self) -> Any:
        """The hypergraph."""
        ...

    @property
    def inputs(self) -> Sequence[int]:
        """The wires that are given."""
        ...

    @property
    def outputs(self) -> Sequence[int]:
        """The wires that are asked for."""
        ...


class Hypergraph(Tables):
    """A finite directed hypergraph.

    Parameters
    ----------
    boxes
        For each box the wires that it reads and those that it writes, in order; one wire may be
        given by its name.
    wires
        Names of wires that come first; the others follow as they are met.
    types
        What wires carry, by name: any hashable labels. A wire without one carries what it is
        called.
    operations
        What boxes do, by name; a box without a label does what it is called.

    Raises
    ------
    InvalidStructure
        Listing every box whose ends are not two lists, and labels of unknown rows.

    Examples
    --------
    >>> H = Hypergraph({"f": (["a", "b"], "c")}, types={"a": "N", "b": "N"})
    >>> H.wires, H.ins("f"), H.outs("f"), H.types
    (('a', 'b', 'c'), ('a', 'b'), ('c',), ('N', 'N', 'c'))
    """

    shape = HYPERGRAPH

    def __init__(
        self,
        boxes: Mapping[str, tuple[Iterable[str], Iterable[str]]] | None = None,
        wires: Iterable[str] = (),
        types: Mapping[str, Hashable] | None = None,
        operations: Mapping[str, Hashable] | None = None,
    ) -> None:
        expect_dicts("a dict by name", boxes=boxes, types=types, operations=operations)
        expect(wires, Iterable, "wires", "a list of names")
        ends, failures = {}, Failures()
        for box, sides in (boxes or {}).items():
            both = () if isinstance(sides, str) or not isinstance(sides, Iterable) else tuple(sides)
            if len(both) != 2:
                message = f"its ends are (wires read, wires written), not {sides!r}"
                failures.add("ends", f"box {written(box)}", message)
                continue
            ends[box] = [(side,) if isinstance(side, str) else tuple(side) for side in both]
        refuse("Hypergraph", failures)
        met = dict.fromkeys([*wires, *(w for sides in ends.values() for one in sides for w in one)])
        Tables.__init__(
            self,
            HYPERGRAPH,
            sets={"Wire": tuple(met), "Box": tuple(ends)},
            lists={
                "ins": [ins for ins, _ in ends.values()],
                "outs": [outs for _, outs in ends.values()],
            },
            attributes={"type": types or {}, "operation": operations or {}},
        )

    @overload
    @classmethod
    def of(cls, graph: Graph) -> Hypergraph: ...
    @overload
    @classmethod
    def of(cls, graph: GraphMorphism) -> TableMorphism: ...
    @classmethod
    def of(cls, graph: Graph | GraphMorphism) -> Hypergraph | TableMorphism:
        """Return a graph, or a morphism of graphs, as one of hypergraphs: this is a functor.

        Examples
        --------
        >>> print(Hypergraph.of(Graph({"f": ("A", "B")})))
        f : A → B
        """
        if isinstance(graph, GraphMorphism):
            ends = cls.of(graph.domain), cls.of(graph.codomain)
            parts = {_OF_GRAPH[table]: f for table, f in graph.components.items()}
            return morphism(*ends, parts)
        return Hypergraph._of_steps(
            HYPERGRAPH,
            {_OF_GRAPH[table]: graph.sets[table] for table in GRAPH.tables},
            {_OF_GRAPH[arrow]: graph.step(arrow) for arrow in GRAPH.arrows},
            {
                "type": (None,) * graph.size("V"),
                "operation": (None,) * graph.size("E"),
            },
        )

    def graph(self) -> Graph:
        """Return the graph that a hypergraph is, whose boxes all have one wire on either side.

        Raises
        ------
        InvalidStructure
            Listing every box that has more, or none.

        Examples
        --------
        >>> G = Graph({"f": ("A", "B")})
        >>> Hypergraph.of(G).graph() == G
        True
        """
        lengths = [self.lists[side].lengths for side in ("ins", "outs")]
        other = np.flatnonzero((lengths[0] != 1) | (lengths[1] != 1))
        failures = [
            Failure("ends", self.name(box), f"reads {lengths[0][box]} wires, writes "
                    f"{lengths[1][box]}; an edge has one source and one target")
            for box in other.tolist()
        ]  # fmt: skip
        refuse("graph", failures)
        sets = {table: self.sets[_OF_GRAPH[table]] for table in GRAPH.tables}
        steps = {arrow: self.lists[_OF_GRAPH[arrow]] for arrow in GRAPH.arrows}
        return Graph._of_steps(GRAPH, sets, steps, {})

    @classmethod
    def discrete(cls, types: Iterable[Hashable]) -> Hypergraph:
        """Return the hypergraph of some wires, without names and without boxes."""
        builder = HypergraphBuilder()
        for one in types:
            builder.wire(one)
        return builder.hypergraph()

    @property
    def wires(self) -> tuple[str, ...]:
        """The names of the wires."""
        return self.names("Wire")

    @property
    def boxes(self) -> tuple[str, ...]:
        """The names of the boxes."""
        return self.names("Box")

    def ins(self, box: int | str) -> tuple[str, ...]:
        """Return the wires that a box reads, in order."""
        return self.sets["Wire"].labels(self.lists["ins"].row(box).tolist())

    def outs(self, box: int | str) -> tuple[str, ...]:
        """Return the wires that a box writes, in order."""
        return self.sets["Wire"].labels(self.lists["outs"].row(box).tolist())

    @cached_property
    def types(self) -> tuple[Hashable, ...]:
        """What each wire carries: its label, or what it is called."""
        pairs = zip(self.attributes["type"], self.wires, strict=True)
        return tuple(name if label is None else label for label, name in pairs)

    @cached_property
    def operations(self) -> tuple[Hashable, ...]:
        """What each box does: its label, or what it is called."""
        pairs = zip(self.attributes["operation"], self.boxes, strict=True)
        return tuple(name if label is None else label for label, name in pairs)

    def name(self, *boxes: int) -> str:
        """Say which boxes are meant, in a message."""
        labels = (written(self.sets["Box"].label(box)) for box in boxes)
        return f"{'box' if len(boxes) == 1 else 'boxes'} {', '.join(labels)}"

    @cached_property
    def sides(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """The rows of the wires that each box reads, and of those that it writes."""
        ins, outs = (list(map(tuple, self.lists[side])) for side in ("ins", "outs"))
        return ins, outs

    @cached_property
    def writer(self) -> dict[int, int]:
        """The box that writes each wire, where one does."""
        return {wire: box for box, wires in enumerate(self.sides[1]) for wire in wires}

    @cached_property
    def _sorted(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The boxes in topological order, and those that have no place in it."""
        ins, outs = self.sides
        readers: dict[int, list[int]] = {}
        for box, wires in enumerate(ins):
            for wire in wires:
                readers.setdefault(wire, []).append(box)
        needed = [[box for wire in wires for box in readers.get(wire, ())] for wires in outs]
        waiting = np.bincount([box for boxes in needed for box in boxes], minlength=len(ins))
        left, order = waiting.tolist(), []
        ready = np.flatnonzero(waiting == 0).tolist()
        while ready:
            order.append(heappop(ready))
            for box in needed[order[-1]]:
                left[box] -= 1
                if not left[box]:
                    heappush(ready, box)
        return tuple(order), tuple(box for box, count in enumerate(left) if count)

    @property
    def order(self) -> tuple[int, ...]:
        """The boxes such that each comes after those that write what it reads.

        It is the order of the rows wherever that is possible.

        Raises
        ------
        InvalidStructure
            If boxes are on a cycle, or need one that is.
        """
        refuse("order", self._cycles())
        return self._sorted[0]

    def _cycles(self) -> list[Failure]:
        message = "need what they write themselves, or a box that does; nothing can come first"
        stuck = self._sorted[1]
        return [Failure("acyclic", self.name(*stuck), message)] if stuck else []

    def open_failures(
        self, inputs: Iterable[int], outputs: Iterable[int], copying: bool = False
    ) -> list[Failure]:
        """List what keeps it from being an arrow between lists of wires.

        Parameters
        ----------
        inputs, outputs
            Rows of wires.
        copying
            Whether wires may be read any number of times, or else exactly once.
        """
        failures = Failures()
        for verb, ends, side in (
            ("written", list(inputs), "outs"),
            ("read", list(outputs), "ins"),
        ):
            if verb == "read" and copying:
                continue
            found = self.lists[side]
            count = np.bincount([*ends, *found.values.tolist()], minlength=self.size("Wire"))
            owner = found.owners
            for wire in np.flatnonzero(count != 1).tolist():
                boxes = owner[found.values == wire].tolist()
                by = [f"as an {'input' if verb == 'written' else 'output'}"] * ends.count(wire)
                by += [f"by {self.name(*boxes)}"] if boxes else []
                message = f"is {verb} {' and '.join(by)}" if by else f"is never {verb}"
                where = f"wire {written(self.sets['Wire'].label(wire))}"
                failures.add("monogamy", where, f"{message}; expected once")
        return failures + self._cycles()

    @listed
    def labels_failures(self, H: Hypergraph) -> Iterator[Failure]:
        """List what keeps another from being labelled by the wires and boxes of this one."""
        for row, operation in enumerate(H.operations):
            if not isinstance(operation, str) or operation not in self.sets["Box"]:
                hint = did_you_mean(str(operation), self.boxes)
                message = f"does {operation!r}, which the signature does not have; {hint}"
                yield Failure("known names", H.name(row), message)
                continue
            for verb, side, expected in (
                ("reads", H.sides[0], self.ins(operation)),
                ("writes", H.sides[1], self.outs(operation)),
            ):
                found = tuple(H.types[wire] for wire in side[row])
                if found != expected:
                    message = f"{verb} {list(found)}, but {operation} {verb} {list(expected)}"
                    yield Failure("ends", H.name(row), message)
        known = self.sets["Wire"]
        for wire, type in enumerate(H.types):
            if not isinstance(type, str) or type not in known:
                message = f"carries {type!r}, which the signature does not have"
                yield Failure("known names", f"wire {written(H.wires[wire])}", message)

    def merged(self, alone: Iterable[int | str] = ()) -> TableMorphism:
        """Identify boxes with equal labels and equal inputs, and what they write.

        This is the quotient by naturality of copying: ``f >> copy`` becomes ``copy >> f @ f``.

        Parameters
        ----------
        alone
            Boxes that are equal to no other, such as those that draw samples.

        Returns
        -------
        TableMorphism
            Onto the quotient, in which the first of equal boxes stands for them.

        Examples
        --------
        >>> H = Hypergraph({"f": ("x", "y"), "g": ("x", "z")}, types=dict.fromkeys("xyz", "N"),
        ...                operations={"f": "h", "g": "h"})
        >>> print(H.merged().codomain)
        f = h : x → y
        """
        kept = {self.row("Box", box) for box in alone}
        wire, box = (np.arange(self.size(table)) for table in ("Wire", "Box"))
        first: dict[Hashable, int] = {}
        ins, outs = self.sides
        for one in self.order:
            read = tuple(wire[list(ins[one])].tolist())
            write = tuple(self.types[w] for w in outs[one])
            key = one if one in kept else label_key((self.operations[one], read, write))
            box[one] = same = first.setdefault(key, one)
            wire[list(outs[one])] = wire[list(outs[same])]
        rows = {"Wire": np.unique(wire), "Box": np.unique(box)}
        steps = {
            name: f.map(FinFunction._of(wire, self.sets["Wire"], self.sets["Wire"]))
            for name, f in self.lists.items()
        }
        whole = part(
            type(self), self.shape, rows, self.sets, steps, self.attributes, self.side_data
        )
        values = {"Wire": wire, "Box": box}
        place = {table: np.searchsorted(rows[table], values[table]) for table in rows}
        return morphism(self, whole, place)

    def live(self, outputs: Iterable[int | str], inputs: Iterable[int | str] = ()) -> TableMorphism:
        """Return the inclusion of what some outputs need.

        This is the quotient by naturality of discarding: ``f >> discard`` becomes ``discard``.

        Parameters
        ----------
        outputs
            Wires that are asked for.
        inputs
            Wires that stay in any case.
        """
        ins, outs = self.sides
        needed = {self.row("Wire", wire) for wire in outputs}
        boxes = []
        for box in reversed(self.order):
            if not needed.isdisjoint(outs[box]):
                boxes.append(box)
                needed.update(ins[box], outs[box])
        wires = needed | {self.row("Wire", wire) for wire in inputs}
        return self.subtables({"Wire": sorted(wires), "Box": sorted(boxes)})[1]

    def __repr__(self) -> str:
        ends = {box: (self.ins(row), self.outs(row)) for row, box in enumerate(self.boxes)}
        met = dict.fromkeys(w for sides in ends.values() for side in sides for w in side)
        wires = "" if tuple(met) == self.wires else f", wires={self.wires!r}"
        for field, table in (("type", "Wire"), ("operation", "Box")):
            column = zip(self.names(table), self.attributes[field], strict=True)
            labels = {name: label for name, label in column if label is not None}
            wires += f", {field}s={labels!r}" if labels else ""
        return f"{type(self).__name__}({ends!r}{wires})"

    def __str__(self) -> str:
        def side(wires: Iterable[str]) -> str:
            return ", ".join(map(written, wires)) or "()"

        lines = []
        for row, (box, label) in enumerate(zip(self.boxes, self.operations, strict=True)):
            name = written(box) if label == box else f"{written(box)} = {label}"
            lines.append(f"{name} : {side(self.ins(row))} → {side(self.outs(row))}")
        touched = {wire for side in self.lists.values() for wire in side.values.tolist()}
        loose = [written(w) for row, w in enumerate(self.wires) if row not in touched]
        return "\n".join(([", ".join(loose)] if loose else []) + lines)


class StringDiagram(NamedTuple):
    """An open hypergraph, as plain as can be: of its wires some are given and some asked for."""

    apex: Hypergraph
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()

    @property
    def types(self) -> tuple[Any, ...]:
        """What each wire carries."""
        return self.apex.types

    @property
    def operations(self) -> tuple[Any, ...]:
        """What each box does."""
        return self.apex.operations


class HypergraphBuilder:
    """A hypergraph that grows box by box.

    Parameters
    ----------
    sharing
        Whether a box with the label, inputs and types of one that is there is that one.

    Examples
    --------
    >>> builder = HypergraphBuilder()
    >>> x = builder.wire("N")
    >>> (y,) = builder.box("square", [x], ["N"])
    >>> builder.box("square", [x], ["N"]) == (y,)
    True
    >>> print(builder.hypergraph())
    0 = square : 0 → 1
    """

    def __init__(self, sharing: bool = True) -> None:
        self.sharing = sharing
        self.types: list[Hashable] = []
        self.operations: list[Hashable] = []
        self.sides: tuple[list[tuple[int, ...]], list[tuple[int, ...]]] = ([], [])
        self._known: dict[Hashable, tuple[int, ...]] = {}

    def wire(self, type: Hashable) -> int:
        """Add a wire; return its row."""
        self.types.append(type)
        return len(self.types) - 1

    def box(
        self,
        operation: Hashable,
        ins: Iterable[int],
        types: Iterable[Hashable],
        alone: bool = False,
    ) -> tuple[int, ...]:
        """Add a box, unless one that is equal is there; return the wires that it writes.

        Parameters
        ----------
        operation
            Its label.
        ins
            The wires that it reads.
        types
            The labels of those that it writes.
        alone
            Whether it is equal to no other.
        """
        read, carried = tuple(ins), tuple(types)
        key = label_key((operation, read, carried))
        if key in self._known and not alone and self.sharing:
            return self._known[key]
        outs = tuple(self.wire(one) for one in carried)
        self.operations.append(operation)
        for side, wires in zip(self.sides, (read, outs), strict=True):
            side.append(wires)
        if not alone:
            self._known[key] = outs
        return outs

    def hypergraph(self) -> Hypergraph:
        """Return the hypergraph; its rows have no names."""
        sets = {"Wire": FinSet(len(self.types)), "Box": FinSet(len(self.operations))}
        ins, outs = self.sides
        columns = {"type": self.types, "operation": self.operations, "ins": ins, "outs": outs}
        return Hypergraph._of_columns(HYPERGRAPH, sets, columns)


def evaluate(
    diagram: OpenHypergraph,
    apply: Callable[[int, tuple[Any, ...]], Iterable[Any]],
    values: Iterable[Any] = (),
    note: Callable[[int], str] | None = None,
) -> tuple[Any, ...]:
    """Evaluate an open hypergraph: apply each box once, after those that write what it reads.

    This is the one interpreter; what values and boxes mean is up to ``apply``.

    Parameters
    ----------
    diagram
        A hypergraph with inputs and outputs. Wires may be read any number of times.
    apply
        What a box, given by its row, makes of the values of the wires that it reads: one value
        for each wire that it writes.
    values
        One for each input.
    note
        What is added to an error that ``apply`` raises at a box; by default it names the box.

    Returns
    -------
    tuple
        The values of the outputs.

    Raises
    ------
    InvalidStructure
        If values are too few or too many, boxes are on a cycle, or a wire is written twice or
        never. What ``apply`` raises gets a note.
    """
    expect(diagram, "apex", "diagram", "an open hypergraph")
    expect(values, Iterable, "values", "a list with one for each input")
    H, given = diagram.apex, tuple(values)
    ins, outs = H.sides
    known: dict[int, Any] = {}

    def place(at: int | str) -> str:
        return at if isinstance(at, str) else H.name(at)

    def write(wires: Sequence[int], made: tuple[Any, ...], at: int | str) -> None:
        twice = [wire for number, wire in enumerate(wires) if wire in wires[:number]]
        twice = twice or [wire for wire in wires if wire in known]
        if len(made) != len(wires):
            problem = f"found {len(made)} values for {len(wires)} wires"
        elif twice:
            problem = f"wire {written(H.wires[twice[0]])} has a value already"
        else:
            known.update(zip(wires, made, strict=True))
            return
        raise fault("evaluation", "monogamy", place(at), problem)

    def read(wires: Sequence[int], at: int | str) -> tuple[Any, ...]:
        try:
            return tuple([known[wire] for wire in wires])
        except KeyError as error:
            problem = f"wire {written(H.wires[error.args[0]])} is no input, and no box writes it"
            raise fault("evaluation", "monogamy", place(at), problem) from None

    write(diagram.inputs, given, "inputs")
    for box in H.order:
        values = read(ins[box], box)
        try:
            made = tuple(apply(box, values))
        except Exception as error:
            error.add_note(note(box) if note else f"in {H.name(box)}, {H.operations[box]}")
            raise
        write(outs[box], made, box)
    return read(diagram.outputs, "outputs")
