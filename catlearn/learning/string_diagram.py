r"""The string diagram of a loss: what its equations compute, as one open hypergraph.

It is a directed hypergraph (:class:`~catlearn.category.Hypergraph`) without inputs, whose outputs
are the costs of the equations. Its wires carry values at the vertices of the diagram, one for each
example of a data set. Its boxes are

* ``sample``: the examples of a data set, and ``project``: a column of them;
* ``apply``: the map of an edge; ``tuple``: :math:`\langle f_1, \dots, f_n \rangle`, a point of a
  product; ``factor``: a component of such a point;
* ``scale`` and ``stop``: the identity on values, of which the gradient is multiplied, or is none;
* ``divergence``: the mean cost of a prediction against a target.

It is the value of a functor that is given on edges: a path goes to the boxes of its edges one after
the other, a pairing to those of its components side by side. Boxes with equal labels and inputs are
one (the free cartesian category on the edges), so equations share what they have in common; only
edges that draw a new sample for each side of each equation (``independent``) stay apart.

An equation may say which edges it trains, and by what scale. As long as all that a path has come
through is trained by one scale, its values are those of all other equations, and the gradient into
them is multiplied: it is one pass backward for all of them. From the first edge that is trained by
another scale on, boxes have equal values and different gradients, so they are different boxes.

What is made of it is one evaluation of it (:func:`~catlearn.category.evaluate`): the atoms of the
loss in Cost, and its plan (:mod:`catlearn.lowering.plan`).

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> head = cl.Model("head", X, Y, "linear")
>>> print(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), head).loss().string_diagram.apex)
0 = sample data : () → 0
1 = project data.X : 0 → 1
2 = apply head : 1 → 2
3 = project data.Y : 0 → 3
4 = cross_entropy : 2, 3 → 4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, cast

from catlearn.category import Equation, Functions, Functor, HypergraphBuilder, StringDiagram
from catlearn.cost import CommutativeMonoid
from catlearn.display import Legible
from catlearn.errors import bounded
from catlearn.learning.weights import weight_text
from catlearn.models import Divergence

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram


class Wire(NamedTuple):
    """What a wire carries.

    Parameters
    ----------
    vertex
        The vertex at which the values live; empty for a cost.
    data
        The data set with one example for each of them.
    """

    vertex: str
    data: str


@dataclass(frozen=True)
class LossOperation(Legible):
    """What a box does.

    Parameters
    ----------
    op
        ``sample``, ``project``, ``apply``, ``tuple``, ``factor``, ``scale``, ``stop`` or
        ``divergence``.
    name
        The data set, the edge or the equation; empty where the gradient alone changes.
    scale
        By what the gradient of the edge's parameters, or of all that came before a ``scale``, is
        multiplied: 1, but where an equation says which edges it trains.
    draw
        For which side of which equation an edge draws a sample; empty if there is one for all.
    divergence
        The cost of a prediction against a target, one number for each example.
    title
        What a pairing is called, which does not tell pairings apart.
    """

    op: str
    name: str = ""
    scale: float = 1.0
    draw: str = ""
    divergence: Divergence | None = None
    title: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.op == "divergence":
            return str(self.divergence)
        by = f"by {weight_text(self.scale)}" if self.scale != 1 else ""
        return " ".join(filter(None, [self.op, self.name or self.title, by]))


class _Value(NamedTuple):
    """A wire, and the scales that trained all it came through; None if boxes differ in scale."""

    wire: int
    scales: frozenset[float] | None = frozenset()


_OPS = {"projection": "project", "factor": "factor"}
_UNION = CommutativeMonoid("union", frozenset(), frozenset.union)


def string_diagram_of(
    diagram: LearningDiagram, equations: Iterable[Equation], independent: Iterable[str] = ()
) -> StringDiagram:
    """Return the string diagram of some equations of a diagram.

    Parameters
    ----------
    diagram
        The learning diagram.
    equations
        The equations, from data sets.
    independent
        Edges that draw a new sample for each side of each equation.

    Returns
    -------
    StringDiagram
        A hypergraph whose wires are labelled by :class:`Wire` and whose boxes by
        :class:`LossOperation`; a box writes one wire. The outputs are the costs, in order.
    """
    builder = _Builder(diagram, frozenset(independent))
    with bounded("what is defined by pairings of pairings"):
        costs = [builder.cost(equation) for equation in equations]
    return StringDiagram(builder.builder.hypergraph(), outputs=tuple(costs))


class _Builder:
    """Builds a string diagram: a functor from the paths of a diagram to functions of wires."""

    def __init__(self, diagram: LearningDiagram, independent: frozenset[str]) -> None:
        self.diagram, self.independent = diagram, independent
        self.builder = HypergraphBuilder()
        self.trains: Mapping[str, float] | None = None
        self.side = ""
        self.asked: tuple[object, ...] = ()
        self.known: dict[tuple[object, ...], _Value] = {}
        follow = {
            edge: partial(self.once, self.follow, edge)
            for edge in diagram.edges
            if edge not in diagram.definitions
        }
        pair = {
            edge: partial(self.once, self.pair, edge)
            for edge, definition in diagram.definitions.items()
            if definition.is_pairing
        }
        self.along = Functor(diagram, Functions(), arrows={**follow, **pair}, check=False)

    @cached_property
    def models(self) -> Mapping[str, frozenset[str]]:
        """The models that an edge evaluates: along a path, and for a pairing, all of them."""
        owners = {e: self.diagram.owner(e) for e in self.diagram.edges}
        sets = {
            edge: frozenset([owner] if self.diagram.map_label(owner).kind == "model" else [])
            for edge, owner in owners.items()
            if edge not in self.diagram.definitions
        }
        return Functor(self.diagram, _UNION, arrows=sets, check=False).arrows

    def cost(self, equation: Equation) -> int:
        """Add an equation; return the wire of its cost."""
        self.trains, sides = equation.trains, []
        trains = None if self.trains is None else frozenset(self.trains.items())
        for name, path in (("lhs", equation.lhs), ("rhs", equation.rhs)):
            self.side = f"{name} of {equation.name}" if self.independent else ""
            self.asked = self.side, trains
            start = _Value(self.box(LossOperation("sample", path.source), (), path.source))
            wire = self.flush(self.along(path)(start)).wire
            sides.append(self.again("stop", wire) if equation.stop == name else wire)
        does = LossOperation("divergence", equation.name, divergence=equation.divergence)
        (cost,) = self.builder.box(does, sides, [Wire("", equation.data)], alone=True)
        return cost

    def once(self, run: Callable[[str, _Value], _Value], edge: str, at: _Value) -> _Value:
        """Follow an edge, unless that was done before for an equation that asks for the same."""
        key = (edge, at, *self.asked)
        if key not in self.known:
            self.known[key] = run(edge, at)
        return self.known[key]

    def box(self, does: LossOperation, ins: tuple[int, ...], vertex: str) -> int:
        data = self.carried(ins[0]).data if ins else does.name
        (wire,) = self.builder.box(does, ins, [Wire(vertex, data)])
        return wire

    def again(self, op: str, wire: int, scale: float = 1.0) -> int:
        """Return a wire with the same values, of which the gradient is another."""
        return self.box(LossOperation(op, scale=scale), (wire,), self.carried(wire).vertex)

    def carried(self, wire: int) -> Wire:
        """Return what a wire carries."""
        return cast(Wire, self.builder.types[wire])

    def flush(self, at: _Value) -> _Value:
        """Multiply the gradient into a value by the one scale of all that it came through."""
        shared = next(iter(at.scales or ()), 1.0)
        return _Value(at.wire if shared == 1.0 else self.again("scale", at.wire, shared), None)

    def joined(self, edge: str, at: _Value) -> frozenset[float] | None:
        """Return the scales of a value followed by an edge; None if there are several."""
        if at.scales is None or self.trains is None:
            return at.scales
        found = at.scales.union(self.trains.get(model, 0.0) for model in self.models[edge])
        return found if len(found) < 2 else None

    def follow(self, edge: str, at: _Value) -> _Value:
        """Return a value followed by an edge that is not defined by others."""
        diagram, scales, scale = self.diagram, self.joined(edge, at), 1.0
        if scales is None:
            at = self.flush(at)
            if self.trains is not None and self.models[edge]:
                scale = self.trains.get(diagram.owner(edge), 0.0)
        op = _OPS.get(diagram.map_label(edge).kind, "apply")
        does = LossOperation(op, edge, scale, self.side if edge in self.independent else "")
        return _Value(self.box(does, (at.wire,), diagram.target(edge)), scales)

    def pair(self, edge: str, at: _Value) -> _Value:
        """Return a value followed by a pairing."""
        scales, paths = self.joined(edge, at), self.diagram.definitions[edge].paths
        # Scales go up to where a path begins: with data, nothing comes before it.
        source = cast(LossOperation, self.builder.operations[at.wire])
        begins = scales is None and source.op in ("sample", "project")
        if scales is None and not begins:
            at = self.flush(at)
        parts = [self.along(path)(at) for path in paths]
        wires = tuple(self.flush(part).wire if begins else part.wire for part in parts)
        return _Value(
            self.box(LossOperation("tuple", title=edge), wires, self.diagram.target(edge)), scales
        )
