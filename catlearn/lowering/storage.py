"""Storage: how a lowered loss keeps what is addressed by name, following its plan.

Parameters, frozen parameters, weights, costs and columns of data sets are mappings by name. What
runs as one (:mod:`catlearn.lowering.stacking`) is stored as one, because stacking arrays inside
the compiled program costs a multiple of the time to compile and to run; everything else, and all
of it where nothing is stacked, is a plain dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catlearn.errors import CatlearnError, UnknownName
from catlearn.lowering.plan import Plan
from catlearn.lowering.stacked import Layout, Stacked

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Storage:
    """The layouts of a lowered loss; None stands for plain dicts.

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
        The layout of the columns of each data set some of whose columns are stacked.
    """

    edges: Groups = ()
    trainable: tuple[str, ...] = ()
    terms: Layout | None = None
    weights: Layout | None = None
    columns: Mapping[str, Layout] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> Storage:
        """Return the storage for what a plan runs as one."""
        stacking, steps = plan.stacking, plan.steps
        names = [planned.term.name for planned in plan.terms]
        classes = [[names[i] for i in group] for group in stacking.terms]
        stacked: dict[str, list[tuple[str, ...]]] = {}
        for unit in stacking.columns:
            columns = tuple(steps[i].column for i in unit)
            stacked.setdefault(steps[unit[0]].data, []).append(columns)
        return cls(
            stacking.edges,
            tuple(plan.diagram.trainable),
            _layout(names, classes),
            _layout([*names, *plan.scales.values()], classes),
            {
                data: Layout.of([step.column for step in plan.columns[data]], classes)
                for data, classes in stacked.items()
            },
        )

    @property
    def params(self) -> Layout | None:
        """The layout of the trainable parameters."""
        return _layout(self.trainable, self.edges)

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
        layout = self.params
        return every if layout is None else layout.spread(every)

    def pack_params(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store parameters; trainable edges that are missing, and further ones, are ignored."""
        return self._pack_edges(params, [edge for edge in self.trainable if edge in params])

    def pack_state(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store frozen parameters, what calls change, and weights."""
        packed = {
            name: self._pack_edges(state[name], list(state[name])) for name in ("frozen", "mutable")
        }
        if self.weights is not None:
            packed["weights"] = self.weights.pack(state["weights"])
        return {**state, **packed}

    def pack_batch(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store the columns of data sets, or of a batch of them."""
        return {
            data: layout.pack(columns)
            if (layout := self.columns.get(data)) and all(n in columns for n in layout.names)
            else columns
            for data, columns in batch.items()
        }

    def by_group(self, parts: Mapping[tuple[str, ...], Any], order: Iterable[str]) -> Any:
        """Return values that are known by groups of edges."""
        there = {name for names in parts for name in names}
        layout = Layout.of([name for name in order if name in there], parts)
        if layout.stacks:
            return Stacked(layout, tuple(parts[names] for names in layout.groups))
        return {names[0]: part for names, part in parts.items()}

    def _pack_edges(self, values: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
        layout = _layout(names, self.edges)
        return values if layout is None else layout.pack(values)


def _layout(names: Iterable[str], classes: Iterable[Sequence[str]]) -> Layout | None:
    layout = Layout.of(names, classes)
    return layout if layout.stacks else None
