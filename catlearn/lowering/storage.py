"""Variables of edges: where they start, and how the parts in which they are kept fit together.

An architecture says which of its variables are trained, which are held and which calls change;
they are kept apart, by edge, in ``params``, ``state["frozen"]`` and ``state["mutable"]``. A moving
average is changed as a whole. The edges of a class (:mod:`catlearn.lowering.stacking`) are drawn
as one, each with the key that it would have by itself.

The *storage* of a lowered loss has a layout for whatever is addressed by name: parameters, frozen
parameters, weights, costs and columns of data sets. What runs as one is stored as one, because
stacking arrays inside the compiled program costs a multiple of the time to compile and to run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import CatlearnError, Failure, UnknownName
from catlearn.lowering.plan import Plan, stable_hash
from catlearn.lowering.stacked import Columns, Layout, Stacked
from catlearn.models import ArchitectureMap

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.models import AnySpace, Architecture


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
        The layout of columns, which are called ``(data set, projection)``.
    """

    edges: Groups
    trainable: tuple[str, ...]
    terms: Layout
    weights: Layout
    columns: Layout

    @classmethod
    def of(cls, plan: Plan) -> Storage:
        """Return the storage for what a plan runs as one."""
        stacking, steps = plan.stacking, plan.steps
        names = [term.name for term in plan.terms]
        classes = [[names[i] for i in group] for group in stacking.terms]
        read = [steps[i].read for unit in stacking.units for i in unit if steps[i].op == "project"]
        return cls(
            stacking.edges,
            tuple(plan.diagram.trainable),
            Layout.of(names, classes),
            Layout.of([*names, *plan.scales.values()], classes),
            Layout.of(read, [[steps[i].read for i in unit] for unit in stacking.columns]),
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
        """Store the columns of data sets, or of a batch of them, that the loss reads."""
        if not self.columns.stacks:
            return batch
        columns = Columns.of(batch)
        if not all(name in columns.stacked for name in self.columns.names):
            return batch  # a call says what is missing
        return Columns(self.columns.stacked(columns.stacked))

    def stacked(
        self, params: Mapping[str, Any], state: Mapping[str, Any]
    ) -> tuple[Stacked, dict[str, Stacked]]:
        """Return variables of the loss as mappings that are all stacked, for a run of the plan."""
        held = {
            name: self._held(state[name]).stacked(state[name]) for name in ("frozen", "mutable")
        }
        return (
            self._trained(params).stacked(params),
            {**held, "weights": self.weights.stacked(state["weights"])},
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


def start_of(diagram: LearningDiagram, storage: Storage, key: jax.Array) -> tuple[Any, Any, Any]:
    """Return what training moves, what it holds and what calls change, where they start.

    Parameters
    ----------
    diagram
        The diagram.
    storage
        How its variables are stored.
    key
        The key that the name of each edge is folded into.
    """
    found: dict[str, dict[tuple[str, ...], Any]] = {"params": {}, "frozen": {}, "mutable": {}}
    alone = {edge: (edge,) for edge in (*diagram.trainable, *diagram.frozen)}
    together = {edge: group for group in storage.edges for edge in group}
    for edges in dict.fromkeys({**alone, **together}.values()):
        if edges[0] not in alone:
            continue
        followed = diagram.averages.get(edges[0])
        given = followed is None or edges[0] in diagram.starts
        start = _start(diagram, edges if given else [diagram.averages[e][0] for e in edges], key)
        if edges[0] in diagram.trainable:
            parts = architecture_of(diagram, edges[0]).parts(start)
        else:
            parts = (None, start, None) if followed is None else (None, None, start)
        for name, part in zip(found, parts, strict=True):
            if jax.tree.leaves(part) or (name == "params" and edges[0] in diagram.trainable):
                found[name][edges] = part
    params, frozen, mutable = (storage.by_group(part, alone) for part in found.values())
    return params, frozen, mutable


def unbound_failures(diagram: LearningDiagram, edges: Iterable[str]) -> list[Failure]:
    """List the edges whose architecture a file named and could not contain."""
    return [
        Failure(
            "unbound",
            f"edge '{edge}'",
            f"has {architecture_of(diagram, edge)}, which names what a file cannot contain; "
            f"fill it in with diagram.bind({{'{edge}': ...}})",
        )
        for edge in dict.fromkeys(edges)
        if not architecture_of(diagram, edge).bound
    ]


def architecture_of(diagram: LearningDiagram, edge: str) -> Architecture:
    """Return the architecture of the map on an edge."""
    label = diagram.runs(edge)
    assert isinstance(label, ArchitectureMap)
    return label.architecture


def changes_state(diagram: LearningDiagram, edge: str) -> bool:
    """Whether a call of an edge in training changes what the next one finds."""
    frozen = diagram.map_label(edge).kind == "frozen"
    return not frozen and architecture_of(diagram, edge).stateful


def ends_of(diagram: LearningDiagram, edge: str) -> tuple[AnySpace, AnySpace]:
    """Return the labels of the spaces between which an edge lies."""
    source, target = diagram.ends(edge)
    return diagram.space_label(source), diagram.space_label(target)


def part_of(values: Stacked, edges: Sequence[str]) -> Any:
    """Return what one part has of edges, stacked if there are several; None if it has nothing."""
    return values.gather(edges) if edges[0] in values else None


def owners_of(diagram: LearningDiagram, edges: Sequence[str]) -> Sequence[str]:
    """Return the edges whose variables a class has: one for each of its members, or one for all."""
    owners = [diagram.owner(edge) for edge in edges]
    return owners if len(set(owners)) > 1 else owners[:1]


def _start(diagram: LearningDiagram, edges: Sequence[str], key: jax.Array) -> Any:
    """Return the variables that edges of one class start from, stacked if there are more."""
    given = [diagram.starts.get(edge) for edge in edges]
    folded = [stable_hash(edge) for edge in edges]
    first, *others = edges
    draw = functools.partial(_draw, diagram, first)
    if not others:
        if given[0] is None:
            given[0] = draw(jax.random.fold_in(key, folded[0]))
        return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), given[0])
    if given[0] is not None:
        return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *given)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.array(folded, "uint32"))
    try:
        return jax.vmap(draw)(keys)
    except Exception:
        # A function that JAX cannot trace draws for one edge after the other.
        drawn = [draw(each) for each in keys]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)


def _draw(diagram: LearningDiagram, edge: str, key: jax.Array) -> Any:
    return architecture_of(diagram, edge).init(key, *ends_of(diagram, edge))
