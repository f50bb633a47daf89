"""Undirected wiring diagrams: which ports of which boxes meet, and what composing along them makes.

An *undirected wiring diagram* has boxes with ports, junctions at which ports meet, and outer ports;
it is a C-set on :data:`WIRING`. Reading junctions as variables it is a conjunctive query: boxes
are relations, and the junctions that no outer port is at are quantified away (Spivak, "The operad
of wiring diagrams", 2013). Wiring diagrams are the operations of an operad:

- :func:`oapply` fills each box with an open object (:class:`~catlearn.cset.Open`) and glues them
  where their ports meet, by one colimit (structured multicospans; Libkind, Baas, Patterson,
  Fairbanks, "Operadic modeling of dynamical systems", 2021);
- :func:`ocompose` puts wiring diagrams into the boxes of another.

Laws, up to isomorphism: filling boxes of filled boxes at once or one after the other is the same,
``oapply(ocompose(w, v), x) == oapply(w, {b: oapply(v[b], x[b])})``; the diagram with one box whose
ports are the outer ports does nothing.

>>> from catlearn.category import Graph
>>> from catlearn.cset.cospan import open_graph
>>> chain = WiringDiagram.read("(x, z) <- R(x, y), S(y, z)")
>>> print(chain)
(x, z) <- R(x, y), S(y, z)
>>> step = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
>>> oapply(chain, {"R": step, "S": step})
Open(() -> x, z)
>>> print(oapply(chain, {"R": step, "S": step}).apex)
R/f : x → y, S/f : y → z
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.cset.cospan import Open, free_leg, free_rows, leg_along
from catlearn.cset.cset import CSet, Schema
from catlearn.errors import Failure, Failures, did_you_mean, expect, fault, refuse
from catlearn.finset import Diagram, FinFunction, FinSet, colimit, coproduct

WIRING = Schema(
    ["Box", "Port", "Junction", "Outer"],
    arrows={
        "box": ("Port", "Box"),
        "junction": ("Port", "Junction"),
        "outer": ("Outer", "Junction"),
    },
)
"""The schema of undirected wiring diagrams; ports, those of a box and the outer, are in order."""

CALL = re.compile(r"\s*([^\s(),]+)?\s*\(([^()]*)\)\s*")


class WiringDiagram(CSet):
    """An undirected wiring diagram.

    Parameters
    ----------
    boxes
        Box -> the junctions that its ports are at, in order, by name.
    outer
        The junctions that the outer ports are at, in order.
    junctions
        Names of junctions that come first, and may have no ports.

    Raises
    ------
    InvalidStructure
        Listing names that are no texts.

    Examples
    --------
    >>> w = WiringDiagram({"data": ("X", "Y"), "model": ("X", "Y")}, outer=("Y",))
    >>> w.boxes, w.junctions, w.ports("model")
    (('data', 'model'), ('X', 'Y'), ('X', 'Y'))
    >>> print(w)
    (Y) <- data(X, Y), model(X, Y)
    """

    shape = WIRING

    def __init__(
        self,
        boxes: Mapping[str, Iterable[str]],
        outer: Iterable[str] = (),
        junctions: Iterable[str] = (),
    ) -> None:
        expect(boxes, Mapping, "boxes", "a dict of lists of junctions")
        named = {"outer": outer, "junctions": junctions}
        for called, some in {**named, **{f"boxes[{b!r}]": at for b, at in boxes.items()}}.items():
            expect(some, Iterable, called, "a list of junctions")
        at = {
            box: (ports,) if isinstance(ports, str) else tuple(ports)
            for box, ports in boxes.items()
        }
        outside = (outer,) if isinstance(outer, str) else tuple(outer)
        names = dict.fromkeys([*junctions, *(j for ports in at.values() for j in ports), *outside])
        CSet.__init__(
            self,
            WIRING,
            Box=tuple(at),
            Port=[f"{box}.{k}" for box, ports in at.items() for k in range(len(ports))],
            Junction=tuple(names),
            Outer=[str(k) for k in range(len(outside))],
            box=[box for box, ports in at.items() for _ in ports],
            junction=[j for ports in at.values() for j in ports],
            outer=list(outside),
        )

    @classmethod
    def read(cls, text: str) -> WiringDiagram:
        """Read a wiring diagram written as a query, ``"(x, z) <- R(x, y), S(y, z)"``.

        Before the arrow stand the outer ports, behind it the boxes with their ports.

        Raises
        ------
        InvalidStructure
            Saying what could not be read, or which box comes twice.
        """
        expect(text, str, "text", "a query, such as '(x, z) <- R(x, y), S(y, z)'")
        head, arrow, body = text.partition("<-")
        outer = CALL.fullmatch(head)
        boxes: dict[str, list[str]] = {}
        failures = Failures()
        if not arrow or outer is None or outer[1]:
            message = f"found {head.strip()!r}, expected (x, ...) <- R(x, ...), ..."
            failures.add("syntax", "head", message)
        at = 0
        while body.strip() and at < len(body):
            call = CALL.match(body, at)
            if call is None or not call[1] or body[call.end() : call.end() + 1] not in ("", ","):
                message = f"cannot read {body[at:].strip()!r}, expected R(x, ...), ..."
                failures.add("syntax", "body", message)
                break
            if call[1] in boxes:
                message = "comes twice; give its copies names of their own"
                failures.add("names", f"box {call[1]!r}", message)
            boxes[call[1]] = _names(call[2])
            at = call.end() + 1
        refuse("wiring diagram", failures)
        assert outer is not None
        return cls(boxes, _names(outer[2]))

    @classmethod
    def identity(cls, junctions: Sequence[str], box: str = "box") -> WiringDiagram:
        """Return the diagram of one box whose ports are the outer ports."""
        return cls({box: junctions}, junctions)

    @property
    def boxes(self) -> tuple[str, ...]:
        """The names of the boxes."""
        return self.names("Box")

    @property
    def junctions(self) -> tuple[str, ...]:
        """The names of the junctions."""
        return self.names("Junction")

    @property
    def outside(self) -> tuple[str, ...]:
        """The junctions that the outer ports are at, in order."""
        return self.sets["Junction"].labels(self.arrows["outer"].values.tolist())

    def ports(self, box: str) -> tuple[str, ...]:
        """Return the junctions that the ports of a box are at, in order."""
        return self.sets["Junction"].labels(self.junctions_of(box).tolist())

    def junctions_of(self, box: str) -> np.ndarray:
        """Return the rows of the junctions that the ports of a box are at, in order."""
        mine = self.arrows["box"].values == self.row("Box", box)
        return self.arrows["junction"].values[mine]

    def __str__(self) -> str:
        body = ", ".join(f"{box}({', '.join(self.ports(box))})" for box in self.boxes)
        return f"({', '.join(self.outside)}) <- {body}"

    def __repr__(self) -> str:
        boxes = {box: self.ports(box) for box in self.boxes}
        met = dict.fromkeys([*(j for ports in boxes.values() for j in ports), *self.outside])
        alone = "" if tuple(met) == self.junctions else f", junctions={list(self.junctions)!r}"
        return f"WiringDiagram({boxes!r}, outer={self.outside!r}{alone})"


def oapply(wiring: WiringDiagram, fillers: Mapping[str, Open] | Sequence[Open]) -> Open:
    """Fill the boxes with open objects, and glue them where their ports meet.

    Parameters
    ----------
    wiring
        The wiring diagram.
    fillers
        Box -> an open object with as many ports (its inputs, then its outputs) as the box; or
        one for each box, in order.

    Returns
    -------
    Open
        Its outputs are the outer ports. What meets at a junction is called like it; other rows
        that clash in name are prefixed by the box.

    Raises
    ------
    InvalidStructure
        Listing boxes without fillers, fillers without boxes, and numbers of ports that differ;
        and junctions at which nothing is, so that nobody knows what to put there.
    LabelConflict
        If labels differ that meet at a junction.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> w = WiringDiagram({"data": ("X", "Y"), "model": ("X", "Y")})
    >>> data = cl.open_diagram(cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y)), [], ["X", "Y"])
    >>> model = cl.open_diagram(cl.LearningDiagram(cl.Model("f", X, Y, "linear")), ["X"], ["Y"])
    >>> print(oapply(w, {"data": data, "model": model}).apex.loss())
    L(f) = E_data(d_Y(f(data.X), data.Y))
    """
    expect(wiring, WiringDiagram, "wiring", "a wiring diagram")
    expect(fillers, (Mapping, Sequence), "fillers", "a dict by box, or a list of open objects")
    if not isinstance(fillers, Mapping):
        if len(fillers) != len(wiring.boxes):
            message = f"found {len(fillers)} fillers for {len(wiring.boxes)} boxes"
            raise fault("oapply", "boxes", "fillers", message)
        fillers = dict(zip(wiring.boxes, fillers, strict=True))
    given = {box: filler for box, filler in fillers.items() if isinstance(filler, Open)}
    sizes = {box: len(filler.ports) for box, filler in given.items()}
    failures = _fits(wiring, fillers, sizes, "an open object")
    tables = {filler.table for filler in given.values()}
    if len(tables) > 1:
        message = f"are rows of different tables: {', '.join(sorted(tables))}"
        failures.add("interface", "the ports", message)
    if not failures and not given:
        failures.add("boxes", "boxes", "there are none, so there is nothing to compose")
    refuse("oapply", failures)
    table, some = tables.pop(), [given[box] for box in wiring.boxes]
    junctions = _at_junctions(wiring, some, table)
    objects: list[Any] = [junctions, *(filler.apex for filler in some)]
    arrows = []
    for number, (box, filler) in enumerate(zip(wiring.boxes, some, strict=True), start=1):
        foot = free_rows(filler.apex, table, filler.ports)[0]  # no names, so junctions' names stand
        there = leg_along(foot, junctions, table, wiring.junctions_of(box))
        here = leg_along(foot, filler.apex, table, filler.ports)
        arrows += [(len(objects), 0, there), (len(objects), number, here)]
        objects.append(foot)
    names = ["junction", *wiring.boxes]
    whole = colimit(Diagram(objects, arrows, legs=range(len(some) + 1), names=names))
    place = whole.legs[0].components[table].values
    outer = place[wiring.arrows["outer"].values].tolist()
    return Open(whole.apex, (), outer, table)._with_gluing(whole)


def ocompose(wiring: WiringDiagram, inner: Mapping[str, WiringDiagram]) -> WiringDiagram:
    """Put wiring diagrams into boxes of another.

    Parameters
    ----------
    wiring
        The outer diagram.
    inner
        Box -> a diagram with as many outer ports as the box has ports. Other boxes stay.

    Returns
    -------
    WiringDiagram
        Box c of what was put into box b is called ``b/c``.

    Raises
    ------
    InvalidStructure
        Listing unknown boxes, and numbers of ports that differ.

    Examples
    --------
    >>> w = WiringDiagram.read("(x, z) <- R(x, y), S(y, z)")
    >>> print(ocompose(w, {"S": WiringDiagram.read("(a, c) <- f(a, b), g(b, c)")}))
    (x, z) <- R(x, y), S/f(y, b), S/g(b, z)
    """
    expect(wiring, WiringDiagram, "wiring", "a wiring diagram")
    expect(inner, Mapping, "inner", "a dict of wiring diagrams, by box")
    given = {box: one for box, one in inner.items() if isinstance(one, WiringDiagram)}
    sizes = {box: len(one.outside) for box, one in given.items()}
    refuse("ocompose", _fits(wiring, inner, sizes, "a wiring diagram", all_boxes=False))
    order = [box for box in wiring.boxes if box in given]
    objects = [wiring.sets["Junction"], *(given[box].sets["Junction"] for box in order)]
    arrows = []
    for number, box in enumerate(order, start=1):
        there, here = wiring.junctions_of(box), given[box].arrows["outer"].values
        foot = FinSet(len(here))
        arrows += [
            (len(objects), 0, FinFunction(there, foot, objects[0])),
            (len(objects), number, FinFunction(here, foot, objects[number])),
        ]
        objects.append(foot)
    legs = range(len(order) + 1)
    glued = colimit(Diagram(objects, arrows, legs=legs, names=["outer", *order]))
    label, outer = glued.apex.label, glued.legs[0]
    boxes: dict[str, list[str]] = {}
    for box in wiring.boxes:
        if box not in given:
            boxes[box] = [label(outer(int(j))) for j in wiring.junctions_of(box)]
            continue
        leg, one = glued.legs[1 + order.index(box)], given[box]
        for part in one.boxes:
            boxes[f"{box}/{part}"] = [label(leg(int(j))) for j in one.junctions_of(part)]
    outside = [label(outer(int(j))) for j in wiring.arrows["outer"].values]
    return WiringDiagram(boxes, outside, glued.apex.labels())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fits(
    wiring: WiringDiagram,
    given: Mapping[str, Any],
    sizes: Mapping[str, int],
    kind: str,
    all_boxes: bool = True,
) -> Failures:
    """List boxes without something to fill them, and what does not fit its box."""
    failures = Failures(
        Failure("boxes", f"box {box!r}", f"is not there; {did_you_mean(box, wiring.boxes)}")
        for box in given
        if box not in wiring.boxes
    )
    for box in wiring.boxes:
        where = f"box {box!r}"
        if box not in given:
            if all_boxes:
                failures.add("boxes", where, f"has nothing in it, expected {kind}")
        elif box not in sizes:
            found = type(given[box]).__name__
            failures.add("boxes", where, f"expected {kind}, found {found}")
        elif sizes[box] != len(wiring.ports(box)):
            message = f"has {len(wiring.ports(box))} ports, what is put there has {sizes[box]}"
            failures.add("ports", where, message)
    return failures


def _at_junctions(wiring: WiringDiagram, fillers: Sequence[Open], table: str) -> Any:
    """Return the interface with one row for each junction, like what meets there first."""
    union = coproduct(*(filler.apex for filler in fillers), names=wiring.boxes)
    first: dict[int, int] = {}
    for box, filler, leg in zip(wiring.boxes, fillers, union.legs, strict=True):
        rows = leg.components[table].values[list(filler.ports)].tolist()
        for junction, row in zip(wiring.junctions_of(box).tolist(), rows, strict=True):
            first.setdefault(junction, row)
    shape, junctions = union.apex.shape, wiring.sets["Junction"]
    alone = [k for k in junctions if k not in first]
    columns = [n for n, home in shape.attributes.items() if home == table and n not in shape.orders]
    columns += [name for name, (source, _) in shape.steps().items() if source == table]
    message = f"no box has a port there, so its {', '.join(columns)} is not known"
    refuse(
        "oapply",
        (
            Failure("junctions", f"junction {label!r}", message)
            for label in (junctions.labels(alone) if columns else ())
        ),
    )
    rows = [first.get(k, -1) for k in junctions]  # -1 where there is nothing of a row to copy
    names = junctions.labels() if union.apex.sets[table].names else None
    return free_leg(union.apex, table, rows, names).domain
