r"""Clusters: what crosses between devices, as one more level of memory.

Data, sequence and tensor parallelism are modes of variables over devices: examples, positions,
heads or hidden units are grouped, or split where they are added up, in as many blocks as a mesh of
devices has along an axis. An input that several devices read is *gathered*; what is added up in
parts on several is *reduced*, so that all have the sum. In a ring of n devices a gathered array of
w words crosses n - 1 times, and a reduced one 2 (n - 1) times, so :math:`2 w (n - 1) / n` words for
each device. Transfers of an island count n and 2 n for these, a posynomial that is above by the
factor n / (n - 1).

The numbers are computed, not measured.

>>> from catlearn.arrays import einsum
>>> from catlearn.costing import Island, collectives
>>> gradient = Island(einsum("t m, t f -> m f"), {"t": "split", "f": "grouped"})
>>> for one in collectives(gradient, {"t": "data", "f": "tensor"}, resident=["in0"]):
...     print(one, "|", one.bound, "|", one.volume(data=4, tensor=2, m=8, f=8))
reduced einsum[m f] | 2*data*f*m | 384
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catlearn.arrays import Circuit
from catlearn.cost import Posynomial
from catlearn.costing.island import PARALLEL, Island
from catlearn.display import Legible
from catlearn.errors import Failure, did_you_mean, expect, refuse


@dataclass(frozen=True)
class Collective(Legible):
    """An array that crosses between devices.

    Parameters
    ----------
    title
        What it is.
    kind
        ``"gathered"``, of which devices read what others have, or ``"reduced"``, the sum of what
        devices have.
    words
        Its numbers.
    times
        How often they cross, rounded up by the factor n / (n - 1).
    among
        n, how many devices share it.
    """

    title: str
    kind: str
    words: Posynomial
    times: Posynomial
    among: Posynomial

    @property
    def bound(self) -> Posynomial:
        """The words that cross at most, on all devices together."""
        return self.words * self.times

    def volume(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> float:
        """Return the words that cross in a ring, on all devices together.

        Raises
        ------
        UnknownName
            Listing variables without a value.
        """
        given = {**(values or {}), **more}
        devices = self.among(given)
        found = self.bound(given) * (devices - 1) / devices
        return int(found) if found == int(found) else found

    def __str__(self) -> str:
        return f"{self.kind} {self.title}"


def collectives(
    island: Island | Circuit, devices: Mapping[str, Any], resident: Iterable[str] = ()
) -> tuple[Collective, ...]:
    """Return what crosses between the devices over which an island is spread.

    Parameters
    ----------
    island
        The island, with the variables that are spread grouped, or split; or a circuit, of which
        they are grouped where they are in every output, and split where they are added up.
    devices
        For each of these the number of devices along it, or the name of an axis of the mesh, or a
        monomial of several: ``{"b": "data", "t": "data*sequence"}``.
    resident
        Inputs that every device has: those that a reduction left on all of them. Parameters are
        resident.

    Raises
    ------
    InvalidStructure
        Listing variables that are not in parallel modes, that have no number of devices, and inputs
        that there are not.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax
    >>> attention = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle
    >>> attention = attention >> einsum("q x, x e -> q e")
    >>> for one in collectives(attention, {"q": "sequence"}):
    ...     print(one, "|", one.bound)
    gathered in2[x e] | e*sequence*x
    gathered in1[x d] | d*sequence*x
    """
    expect(island, (Island, Circuit), "island", "an island, or a circuit")
    expect(devices, Mapping, "devices", "a dict, such as {'b': 'data'}")
    if isinstance(island, Circuit):
        read = Island(island, {}).read
        spread = {}
        for name in devices:
            v = read[name]
            spread[read.names[v]] = "split" if v in read.reduced else "grouped"
        island = Island(island, spread)
    read = island.read
    counts = {
        name: Posynomial.parse(given) if isinstance(given, str) else Posynomial.of(given)
        for name, given in devices.items()
    }
    parallel = [name for name, mode in island.modes.items() if mode.kind in PARALLEL]
    inputs = {node.name for node in read.nodes if node.kind == "input"}
    failures = [
        Failure("devices", f"axis {name}", f"is not spread; {did_you_mean(name, parallel)}")
        for name in counts
        if name not in parallel
    ]
    failures += [
        Failure("devices", f"axis {name}", "is spread over no number of devices")
        for name in parallel
        if name not in counts
    ]
    failures += [
        Failure("resident", name, f"is no input; {did_you_mean(name, inputs)}")
        for name in resident
        if name not in inputs
    ]
    refuse("collectives", failures)
    blocks = {
        island.block_name(name): island.bounds[island.block_name(name)] / counts[name]
        for name in parallel
    }
    names = [] if read.circuit is None else read.circuit.apex.column("name")
    here = {*resident, *(name for name in names if name is not None)}
    titles = {read.title(k): node.name for k, node in enumerate(read.nodes) if node.kind == "input"}
    found = []
    for one in island.crossings:
        times = one.times.at(blocks)
        if one.state is not None:
            found.append(Collective(one.title.removeprefix("state "), "reduced", one.words, times,
                                    counts[one.state]))  # fmt: skip
        elif one.title in titles and titles[one.title] not in here and times != Posynomial.of(1):
            found.append(Collective(one.title, "gathered", one.words, times, times))
    return tuple(found)
