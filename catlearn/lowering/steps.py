"""Steps of a plan."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catlearn.lowering.forms import Form

if TYPE_CHECKING:
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
        :class:`~catlearn.Weight` is found in the state, under its name in ``plan.scales``.
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
    form: Form
    data: str
    digest: int
    column: str = ""
    position: int = 0
    scale: float = 1.0
    repeats: int | None = None
    together: tuple[str, ...] = ()
    divergence: Divergence | None = None
    stop: str | None = None


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
