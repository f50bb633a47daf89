"""Storage: how a lowered loss keeps what is addressed by name, following its plan.

Parameters, frozen parameters, weights, costs and columns of data sets are mappings by name. What
runs as one (:mod:`catlearn.lowering.stacking`) is stored as one, because stacking arrays inside
the compiled program costs a multiple of the time to compile and to run. A mapping in which nothing
is stacked is a plain dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catlearn.errors import CatlearnError, UnknownName
from catlearn.lowering.plan import Plan
from catlearn.lowering.stacked import Layout, Stacked

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Storage:
    """The layouts of a lowered loss.

    Parameters
    ----------
    edges
        The classes of edges, for parameters, frozen parameters and what calls change.
    trainable
        The trainable edges, in order.
    terms
        The layout of equations, for costs.
    weights
        The same, followed by the scales of gradients that may change.
    columns
        The layout of the columns of each data set.
    """

    edges: Groups
    trainable: tuple[str, ...]
    terms: Layout
    weights: Layout
    columns: Mapping[str, Layout]

    @classmethod
    def of(cls, plan: Plan) -> Storage:
        """Return the storage for what a plan runs as one."""
        stacking, steps = plan.stacking, plan.steps
        names = [term.name for term in plan.terms]
        classes = [[names[i] for i in group] for group in stacking.terms]
        stacked: dict[str, list[tuple[str, ...]]] = {}
        for unit in stacking.columns:
            columns = tuple(steps[i].column for i in unit)
            stacked.setdefault(steps[unit[0]].data, []).append(columns)
        return cls(
            stacking.edges,
            tuple(plan.diagram.trainable),
            Layout.of(names, classes),
            Layout.of([*names, *plan.scales.values()], classes),
            {
                data: Layout.of([step.column for step in read], stacked.get(data, ()))
                for data, read in plan.columns.items()
            },
        )

    @property
    def params(self) -> Layout:
        """The layout of the trainable parameters."""
        return Layout.of(self.trainable, self.edges)

    def labels(self, labels: Mapping[str, Any], default: Any = None) -> Mapping[str, Any]:
        """Label the trainable edges; see :meth:`Lowered.select`."""
        unknown = [edge for edge in labels if edge not in self.trainable]
        if unknown:
            raise UnknownName(
                f"not trainable here: {', '.join(map(repr, unknown))}; the trainable edges are "
                f"{', '.join(map(repr, self.trainable))}"
            )
        rest = default
        if rest is None and labels and all(isinstance(label, bool) for label in labels.values()):
            rest = False
        missing = [edge for edge in self.trainable if edge not in labels]
        if rest is None and missing:
            raise CatlearnError(
                f"no label for {', '.join(map(repr, missing))}; name every edge or give default="
            )
        every = {edge: labels.get(edge, rest) for edge in self.trainable}
        return self.params.spread(every)

    def pack_params(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store parameters; trainable edges that are missing, and further ones, are ignored."""
        return self._trained(params).pack(params)

    def pack_state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store frozen parameters, what calls change, and weights."""
        packed = {name: self._held(state[name]).pack(state[name]) for name in ("frozen", "mutable")}
        return {**state, **packed, "weights": self.weights.pack(state["weights"])}

    def pack_batch(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store the columns of data sets, or of a batch of them."""
        return {
            data: layout.pack(columns)
            if (layout := self.columns.get(data)) and layout.places.keys() <= columns.keys()
            else columns
            for data, columns in batch.items()
        }

    def stacked(
        self, params: Mapping[str, Any], state: Mapping[str, Any], batch: Mapping[str, Any]
    ) -> tuple[Stacked, dict[str, Stacked], dict[str, Stacked]]:
        """Return arguments of the loss as mappings that are all stacked, for a run of the plan."""
        held = {
            name: self._held(state[name]).stacked(state[name]) for name in ("frozen", "mutable")
        }
        return (
            self._trained(params).stacked(params),
            {**held, "weights": self.weights.stacked(state["weights"])},
            {data: layout.stacked(batch[data]) for data, layout in self.columns.items()},
        )

    def by_group(self, parts: Mapping[tuple[str, ...], Any], order: Iterable[str]) -> Any:
        """Return values that are known by groups of edges."""
        there = {name for names in parts for name in names}
        layout = Layout.of([name for name in order if name in there], parts)
        return Stacked(layout, tuple(parts[names] for names in layout.groups)).plain

    def _trained(self, params: Mapping[str, Any]) -> Layout:
        return Layout.of([edge for edge in self.trainable if edge in params], self.edges)

    def _held(self, values: Mapping[str, Any]) -> Layout:
        return Layout.of(values, self.edges)
