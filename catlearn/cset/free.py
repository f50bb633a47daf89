"""Free symmetric monoidal and free cartesian categories: open hypergraphs on a signature.

Objects are lists of the signature's wires; arrows are open hypergraphs whose wires and boxes are
labelled by those of the signature. They compose by the pushout of their interfaces, like all open
objects (:class:`~catlearn.cset.Open`). Acyclic and monogamous ones, up to isomorphism, are the
arrows of the free symmetric monoidal category (Bonchi, Gadducci, Kissinger, Sobociński, Zanasi,
"String diagram rewrite theory I", 2022). In the free cartesian category wires may be read any
number of times; equal boxes on equal inputs are one, and what no output needs is not there (Fox,
"Coalgebras and cartesian categories", 1976).

Laws, up to isomorphism: ``>>`` is associative with units, ``@`` too, and a functor of both sides
(interchange); ``symmetry`` is natural and its own inverse; in the cartesian one,
``f >> discard == discard`` and ``f >> copy == copy >> f @ f``.

>>> from catlearn.category import Hypergraph
>>> C = FreeCartesian(Hypergraph({"f": ("A", "B"), "g": (["B", "B"], "A")}))
>>> f, g = C.box("f"), C.box("g")
>>> C.ends(f @ f >> g)
(('A', 'A'), ('A',))
>>> C.equal(f >> C.copy(["B"]) >> g, C.copy(["A"]) >> f @ f >> g)
True
>>> C.equal(f >> C.copy(["B"]), C.copy(["A"]) >> f @ f)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from catlearn.category import Hypergraph, HypergraphBuilder, evaluate
from catlearn.cset.cospan import Open
from catlearn.errors import Failure, did_you_mean, expect, refuse
from catlearn.finset import Frozen

Objects = tuple[str, ...]


class FreeMonoidal(Frozen, by="signature"):
    """The free symmetric monoidal category on a signature.

    It is a target of :class:`~catlearn.category.MonoidalFunctor`, whose value puts hypergraphs
    into the boxes of another.

    Parameters
    ----------
    signature
        A hypergraph: wires are generating objects, boxes are operations.

    Examples
    --------
    >>> from catlearn.category import MonoidalFunctor
    >>> C = FreeMonoidal(Hypergraph({"f": ("A", "B"), "g": (["B", "B"], "A")}))
    >>> twice = FreeMonoidal(Hypergraph({"h": (["A", "A"], "A")}))
    >>> F = MonoidalFunctor(twice.signature, C, arrows={"h": C.box("f") @ C.box("f") >> C.box("g")})
    >>> print(F(twice.box("h") @ twice.identity("A") >> twice.box("h")).apex)
    0 = f : 0 → 3
    1 = f : 1 → 4
    2 = g : 3, 4 → 5
    3 = f : 5 → 6
    4 = f : 2 → 7
    5 = g : 6, 7 → 8
    """

    signature: Hypergraph
    unit: Objects = ()
    _copying = False

    def __init__(self, signature: Hypergraph) -> None:
        expect(signature, Hypergraph, "signature", "a Hypergraph")
        self._set(signature=signature)

    def object(self, objects: str | Iterable[str]) -> Objects:
        """Return a list of wires of the signature as an object; one may be given by its name."""
        listed, known = _listed(objects), self.signature.wires
        refuse(
            "object",
            (
                Failure("known names", f"object {at!r}", f"is not there; {did_you_mean(at, known)}")
                for at in listed
                if at not in self.signature.sets["Wire"]
            ),
        )
        return listed

    def tensor_objects(self, one: str | Iterable[str], other: str | Iterable[str], /) -> Objects:
        """Return two lists of objects as one."""
        return _listed(one) + _listed(other)

    def _wires(
        self, objects: str | Iterable[str], outputs: Callable[[range], Iterable[int]]
    ) -> Open:
        """Return an arrow without boxes, whose outputs are said of its wires."""
        wires = Hypergraph.discrete(self.object(objects))
        rows = range(wires.size("Wire"))
        return Open(wires, rows, outputs(rows), "Wire")

    def box(self, name: str) -> Open:
        """Return an operation of the signature as an arrow; UnknownName if there is none."""
        row = self.signature.row("Box", name)
        ins, outs = self.signature.ins(row), self.signature.outs(row)
        builder = HypergraphBuilder()
        read = [builder.wire(type) for type in ins]
        made = builder.box(name, read, outs)
        return Open(builder.hypergraph(), read, made, "Wire")

    def identity(self, objects: str | Iterable[str], /) -> Open:
        """Return the identity arrow of a list of objects."""
        return self._wires(objects, tuple)

    def compose(self, first: Open, then: Open, /) -> Open:
        """Return ``first >> then``."""
        return first >> then

    def composite(self, objects: str | Iterable[str], arrows: Sequence[Open], /) -> Open:
        """Return the composite of arrows, the first of which starts at some objects, in one go."""
        return Open.compose(self.identity(objects), *arrows)

    def tensor(self, one: Open, other: Open, /) -> Open:
        """Return ``one @ other``."""
        return one @ other

    def symmetry(self, one: str | Iterable[str], other: str | Iterable[str], /) -> Open:
        """Return the arrow that crosses two lists of objects."""
        left, right = _listed(one), _listed(other)
        return self._wires(left + right, lambda rows: [*rows[len(left) :], *rows[: len(left)]])

    def ends(self, arrow: Open, /) -> tuple[Objects, Objects]:
        """Return the lists of objects between which an arrow is."""
        types = arrow.apex.types
        return tuple(tuple(types[wire] for wire in side) for side in (arrow.inputs, arrow.outputs))  # type: ignore

    def same(self, one: str | Iterable[str], other: str | Iterable[str], /) -> bool:
        """Whether two lists of objects are equal."""
        return _listed(one) == _listed(other)

    def failures(self, arrow: Open) -> list[Failure]:
        """List what keeps an open hypergraph from being an arrow of this category."""
        failures = self.signature.labels_failures(arrow.apex)
        return failures + arrow.apex.open_failures(arrow.inputs, arrow.outputs, self._copying)

    def equal(self, one: Open, other: Open, /) -> bool:
        """Whether two arrows are equal."""
        return one.is_equivalent(other)

    def wired(self, diagram: Any, objects: Sequence[str | Objects], arrows: Sequence[Open]) -> Open:
        """Put arrows into the boxes of a string diagram whose wires stand for lists of objects."""
        builder = HypergraphBuilder(sharing=False)
        lists = [self.object(one) for one in objects]
        inputs = [tuple(builder.wire(at) for at in lists[w]) for w in diagram.inputs]

        def apply(box: int, values: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
            made = iter(_inserted(builder, arrows[box], [w for wires in values for w in wires]))
            return [tuple(next(made) for _ in lists[wire]) for wire in diagram.apex.sides[1][box]]

        outputs = evaluate(diagram, apply, inputs)
        ends = [[wire for wires in side for wire in wires] for side in (inputs, outputs)]
        return Open(builder.hypergraph(), ends[0], ends[1], "Wire")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.signature!r})"


class FreeCartesian(FreeMonoidal):
    """The free cartesian category on a signature: objects are copied and discarded, naturally.

    Parameters
    ----------
    signature
        A hypergraph: wires are generating objects, boxes are operations.
    """

    _copying = True

    def copy(self, objects: str | Iterable[str], /) -> Open:
        """Return the arrow from a list of objects to two copies of it."""
        return self._wires(objects, lambda rows: [*rows] * 2)

    def discard(self, objects: str | Iterable[str], /) -> Open:
        """Return the arrow from a list of objects to the empty one."""
        return self._wires(objects, lambda rows: ())

    def normal_form(self, arrow: Open) -> Open:
        """Return an arrow whose equal boxes are one, and without boxes that no output needs."""
        onto = arrow.apex.merged()
        inputs, outputs = (
            [onto("Wire", wire) for wire in side] for side in (arrow.inputs, arrow.outputs)
        )
        into = onto.codomain.live(outputs, inputs)
        place = {int(wire): row for row, wire in enumerate(into.components["Wire"].values)}
        inputs, outputs = ([place[wire] for wire in side] for side in (inputs, outputs))
        return Open(into.domain, inputs, outputs, "Wire")

    def equal(self, one: Open, other: Open, /) -> bool:
        """Whether two arrows have isomorphic normal forms."""
        return self.normal_form(one).is_equivalent(self.normal_form(other))


def _listed(objects: str | Iterable[str]) -> Objects:
    return (objects,) if isinstance(objects, str) else tuple(objects)


def _inserted(builder: HypergraphBuilder, arrow: Open, wires: Iterable[int]) -> tuple[int, ...]:
    """Add the boxes of an arrow, with some wires as its inputs; return those of its outputs."""
    H = arrow.apex

    def apply(box: int, read: tuple[int, ...]) -> tuple[int, ...]:
        types = (H.types[wire] for wire in H.sides[1][box])
        return builder.box(H.operations[box], read, types)

    return evaluate(arrow, apply, wires)
