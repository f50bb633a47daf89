"""discopy's hypergraphs: wiring diagrams as ``discopy.frobenius.Hypergraph``, both ways.

A hypergraph of discopy has boxes whose domains and codomains are wired to *spiders*; spiders are
junctions, and hypergraphs up to the order of spiders are undirected wiring diagrams whose boxes
know which ports are inputs (Bonchi et al., arXiv 2012.01847). A wiring diagram goes to a
hypergraph with all ports of a box in its domain and all outer ports in the codomain; the type
of each spider is its junction's name. Back, ports are those of the domain and then those of the
codomain, and a spider whose type another one has gets a number.

>>> from catlearn.cset import WiringDiagram
>>> chain = WiringDiagram.read("(x, z) <- R(x, y), S(y, z)")
>>> hypergraph = to_discopy_hypergraph(chain)
>>> len(hypergraph.boxes), hypergraph.n_spiders
(2, 3)
>>> print(from_discopy_hypergraph(hypergraph))
(x, z) <- R(x, y), S(y, z)
"""

from __future__ import annotations

import importlib
from typing import Any

from catlearn.cset import WiringDiagram
from catlearn.errors import Failure, FileFormatError
from catlearn.formats.latex import numbered


def to_discopy_hypergraph(wiring: WiringDiagram) -> Any:
    """Return a wiring diagram as a ``discopy.frobenius.Hypergraph``."""
    frobenius = importlib.import_module("discopy.frobenius")
    empty = frobenius.Ty()
    place = {junction: number for number, junction in enumerate(wiring.junctions)}
    boxes, wires = [], []
    for box in wiring.boxes:
        ports = wiring.ports(box)
        boxes.append(frobenius.Box(box, frobenius.Ty(*ports), empty))
        wires.append((tuple(place[port] for port in ports), ()))
    outer = wiring.outside
    return frobenius.Hypergraph(
        empty,
        frobenius.Ty(*outer),
        tuple(boxes),
        ((), tuple(wires), tuple(place[junction] for junction in outer)),
        tuple(frobenius.Ty(junction) for junction in wiring.junctions),
    )


def from_discopy_hypergraph(hypergraph: Any) -> WiringDiagram:
    """Return a discopy hypergraph as a wiring diagram.

    Raises
    ------
    FileFormatError
        If it is none.
    """
    if not all(hasattr(hypergraph, name) for name in ("wires", "spider_types", "boxes")):
        message = f"expected a discopy hypergraph, found {type(hypergraph).__name__}"
        raise FileFormatError("discopy hypergraph", [Failure("format", "value", message)])
    junctions = numbered([str(one) for one in hypergraph.spider_types], "j")
    boxes = numbered([str(box.name) for box in hypergraph.boxes], "box")
    inputs, wired, outputs = hypergraph.wires
    return WiringDiagram(
        {
            box: [junctions[k] for k in (*into, *out)]
            for box, (into, out) in zip(boxes, wired, strict=True)
        },
        outer=[junctions[k] for k in (*inputs, *outputs)],
        junctions=junctions,
    )
