"""Options of lowering: how maps are run, without changing what they mean.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
>>> Options.of(D, remat=True, precision="bfloat16")  # doctest: +ELLIPSIS
Options(remat=frozenset({'f'}), precision={'f': dtype(bfloat16)}, independent=frozenset(), ...)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from catlearn.errors import Failure, did_you_mean
from catlearn.models import ArchitectureMap

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.lowering.plan import Plan


@dataclass(frozen=True)
class Options:
    """How the maps of a diagram are run.

    Parameters
    ----------
    remat
        Edges whose intermediate values are computed again in the backward pass.
    precision
        The dtype in which the map of an edge computes.
    independent
        Random edges that draw a new sample for each side of each equation.
    stack
        The least number of isomorphic parts that run as one; 0 for never.
    groups
        Edges with different labels are not stored together.
    together
        Groups of data sets: edges that apply to all of a group run once on all their examples.
    """

    remat: frozenset[str] = frozenset()
    precision: Mapping[str, Any] = field(default_factory=dict)
    independent: frozenset[str] = frozenset()
    stack: int = 8
    groups: Mapping[str, Any] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(
        cls,
        diagram: LearningDiagram,
        remat: Iterable[str] | bool = (),
        precision: Any = None,
        independent: Iterable[str] = (),
        stack: bool | int = 8,
        groups: Mapping[str, Any] | None = None,
        together: Iterable[Iterable[str]] = (),
    ) -> Options:
        """Read options as they are given to :func:`~catlearn.lower`."""
        every = [
            edge for edge in diagram.edges if isinstance(diagram.map_label(edge), ArchitectureMap)
        ]
        if isinstance(remat, bool):
            remat = every if remat else ()
        if not isinstance(precision, Mapping):
            precision = {} if precision is None else dict.fromkeys(every, precision)
        dtypes = {edge: jnp.dtype(dtype) for edge, dtype in precision.items()}
        remat, independent = (_names(names) for names in (remat, independent))
        least = 2 * stack if isinstance(stack, bool) else max(2, stack)
        joined = tuple((g,) if isinstance(g, str) else tuple(g) for g in together)
        return cls(remat, dtypes, independent, least, dict(groups or {}), joined)

    def failures(self, diagram: LearningDiagram) -> list[Failure]:
        """List what options say of edges that have no map to run, and of unknown data sets."""
        every = [
            edge for edge in diagram.edges if isinstance(diagram.map_label(edge), ArchitectureMap)
        ]
        given = {
            "remat": self.remat,
            "precision": self.precision,
            "independent": self.independent,
            "groups": self.groups,
        }
        failures = [
            Failure("options", f"{option} of '{edge}'", f"is no model; {did_you_mean(edge, every)}")
            for option, edges in given.items()
            for edge in edges
            if edge not in every
        ]
        return (
            failures
            + [
                Failure("options", f"precision of '{edge}'", f"is {dtype}, expected a float dtype")
                for edge, dtype in self.precision.items()
                if not jnp.issubdtype(dtype, jnp.floating)
            ]
            + self._together_failures(diagram)
        )

    def plan_failures(self, plan: Plan) -> list[Failure]:
        """List the groups of data sets that a plan does not run together anywhere."""
        found = {frozenset(step.together) for step in plan.steps if step.op == "apply"}
        return [
            Failure(
                "options",
                f"together of {', '.join(map(repr, group))}",
                "no edge is applied to paths that differ in these data sets alone; columns at one "
                "vertex correspond if they have one name or are the only ones there",
            )
            for group in self.together
            if not any(data and data <= {*group} for data in found)
        ]

    def _together_failures(self, diagram: LearningDiagram) -> list[Failure]:
        known = list(diagram.data_sets)
        count = Counter(data for group in self.together for data in group)
        failures = [
            Failure(
                "options", f"together of '{name}'", f"is no data set; {did_you_mean(name, known)}"
            )
            for name in count
            if name not in known
        ]
        failures += [
            Failure("options", f"together of '{name}'", f"is named {times} times; name it once")
            for name, times in count.items()
            if times > 1
        ]
        return failures + [
            Failure(
                "options",
                f"together of {', '.join(map(repr, group)) or 'nothing'}",
                "is no group of two or more data sets; write together=[('one', 'other')]",
            )
            for group in self.together
            if len(group) < 2
        ]


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset([names] if isinstance(names, str) else names)
