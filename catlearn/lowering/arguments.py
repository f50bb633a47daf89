"""The options of lowering, and what can be wrong with arguments of a lowered loss, by name.

Names, shapes and dtypes are looked at while a call is traced, which leaves nothing in the compiled
program; values are those of concrete NumPy arrays alone. Inside of ``jax.jit`` and other
transformations, and of arrays on a device, they are not known, or would have to be fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import DataError, Failure, did_you_mean, expect, listed, refuse
from catlearn.lowering.plan import Plan, Step
from catlearn.lowering.representations import Representation
from catlearn.lowering.stacked import Columns
from catlearn.lowering.storage import ends_of
from catlearn.models import ArchitectureMap, check_array, needs_key
from catlearn.models.spaces import dtype_kind

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.models import AnySpace


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
    streams
        Which variables of circuits on edges may be streamed; None for none.
    block
        How many of their indices are read at a time; None to choose.
    """

    remat: frozenset[str] = frozenset()
    precision: Mapping[str, Any] = field(default_factory=dict)
    independent: frozenset[str] = frozenset()
    stack: int = 8
    groups: Mapping[str, Any] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    streams: str | tuple[str, ...] | None = None
    block: int | None = None

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
        streams: str | Iterable[str] | None = None,
        block: int | None = None,
    ) -> Options:
        """Read options as they are given to :func:`~catlearn.lowering.lower`."""
        every = [
            edge for edge in diagram.edges if isinstance(diagram.map_label(edge), ArchitectureMap)
        ]
        if isinstance(remat, bool):
            remat = every if remat else ()
        if not isinstance(precision, Mapping):
            precision = {} if precision is None else dict.fromkeys(every, precision)
        dtypes = {edge: _dtype(dtype) for edge, dtype in precision.items()}
        given = {"remat": remat, "independent": independent}
        remat, independent = (frozenset(_names(one, option)) for option, one in given.items())
        expect(stack, Integral, "stack", "True, False or a number of parts")
        least = 2 * stack if isinstance(stack, bool) else max(2, stack) if stack >= 0 else stack
        expect(together, Iterable, "together", "groups of names of data sets")
        data_sets = tuple(_names(group, "a group of together") for group in together)
        if groups is not None:
            expect(groups, Mapping, "groups", "a dict from edges to labels")
        letters: Any = streams
        if streams is not None:
            named = named_variables(streams)
            letters = "auto" if named is None else tuple(named)
        return cls(remat, dtypes, independent, least, dict(groups or {}), data_sets, letters, block)

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
        alone = self.block is not None and self.streams is None
        failures = [
            Failure("options", "block", "says how streams are read; give streams= as well")
            for _ in [self.block]
            if alone
        ] + block_failures(self.block)
        failures += [
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
                if not (isinstance(dtype, np.dtype) and jnp.issubdtype(dtype, jnp.floating))
            ]
            + [
                Failure("options", "stack", f"is {self.stack}, expected a number of parts")
                for least in [self.stack]
                if least < 0
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


def named_variables(streams: Any) -> list[str] | None:
    """Return the variables that an option names, or None where it is to be chosen.

    Raises
    ------
    WrongKind
        If it is no ``"auto"``, no name and no list of names.
    """
    wanted = "'auto', or a list of names of variables, such as ['v']"
    expect(streams, Iterable, "streams", wanted)
    if isinstance(streams, str):
        return None if streams == "auto" else [streams]
    names = [*streams]
    for name in names:
        expect(name, str, "streams", wanted)
    return names


def block_failures(block: Any) -> list[Failure]:
    """List what is wrong with a number of indices that are read at a time."""
    if block is None or (type(block) is int and block >= 1):
        return []
    message = f"has blocks of {block!r} indices; a number from 1 is expected"
    return [Failure("blocks", "block", message)]


def _names(names: Iterable[str], option: str) -> tuple[str, ...]:
    expect(names, Iterable, option, "a name, or several")
    return (names,) if isinstance(names, str) else tuple(names)


def _dtype(given: Any) -> Any:
    """Return a dtype, or what was given if it is none."""
    try:
        return jnp.dtype(given)
    except TypeError:
        return given


def expect_dicts(**arguments: Any) -> None:
    """Refuse arguments that are no mappings by name."""
    for name, value in arguments.items():
        expect(value, Mapping, name, "a dict by name")


def part_failures(state: Mapping[str, Any]) -> list[Failure]:
    """List the parts of a state that are missing."""
    return [
        Failure("state", f"state['{part}']", "is missing; start from fn.init(key)")
        for part in ("frozen", "mutable", "weights")
        if part not in state
    ]


def expect_parts(state: Mapping[str, Any]) -> None:
    """Refuse a state that lacks parts, listing them."""
    refuse("the arguments of the loss", part_failures(state), DataError)


def argument_failures(
    plan: Plan,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    batch: Mapping[str, Mapping[str, Any]],
    key: jax.Array | None,
    train: bool,
) -> list[Failure]:
    """List what is missing from the arguments of a call, or does not fit."""
    expect_dicts(params=params, state=state, batch=batch)
    if key is not None:
        expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")
    if failures := part_failures(state):
        return failures
    diagram = plan.diagram
    trainable, frozen = set(diagram.trainable), set(diagram.frozen)
    owners = dict.fromkeys(map(diagram.owner, plan.edges))
    failures = [
        Failure("params", f"edge '{edge}'", "has no parameters; start from fn.init(key)")
        for edge in owners
        if edge in trainable and edge not in params
    ]
    failures += [
        Failure("state", f"frozen edge '{edge}'", f"has no parameters in state['{part}']")
        for edge in owners
        if edge in frozen
        for part in ["mutable" if edge in diagram.averages else "frozen"]
        if edge not in state[part]
    ]
    failures += [
        Failure("state", f"equation '{term.name}'", "has no weight in state['weights']")
        for term in plan.loss.equations
        if term.name not in state["weights"]
    ]
    failures += [
        Failure("state", f"scale '{name}'", "has no number in state['weights']; see fn.weights")
        for name in plan.scales.values()
        if name not in state["weights"]
    ]
    if key is None:
        failures += [
            Failure("key", f"edge '{edge}'", "is random and needs key=jax.random.key(...)")
            for edge in plan.edges
            if needs_key(diagram.runs(edge), *ends_of(diagram, edge), train)
        ]
    return failures + batch_failures(plan, batch)


@listed
def batch_failures(plan: Plan, batch: Mapping[str, Mapping[str, Any]]) -> Iterator[Failure]:
    """List what a plan reads and a batch lacks, or has in another shape or dtype."""
    batch = batch.shapes() if isinstance(batch, Columns) else batch
    for data, steps in plan.columns.items():
        if data not in batch:
            found = ", ".join(map(repr, batch)) or "nothing"
            message = f"is missing from the batch, which has {found}"
            yield Failure("batch", f"data set '{data}'", message)
            continue
        expect(batch[data], Mapping, f"the batch of '{data}'", "a dict of arrays by projection")
        for step in steps:
            label = plan.diagram.space_label(step.vertex)
            yield from _column_failures(step, label, batch[data])
        yield from _length_failures(data, [step.column for step in steps], batch[data])


def _column_failures(step: Step, label: AnySpace, columns: Mapping[str, Any]) -> list[Failure]:
    where = f"data set '{step.data}', projection '{step.column}'"
    if step.column not in columns:
        found = ", ".join(map(repr, columns)) or "nothing"
        return [Failure("batch", where, f"is missing; the batch has {found}")]
    return _array_failures(where, label, step.form, columns[step.column])


def batch_sizes(
    plan: Plan, data_sets: Iterable[str], batch: Mapping[str, Mapping[str, Any]]
) -> dict[str, int | None]:
    """Return how many examples a batch has of data sets that a plan reads; None if it has none."""
    batch = batch.shapes() if isinstance(batch, Columns) else batch

    def size(data: str) -> int | None:
        leaves = jax.tree.leaves(batch.get(data, {}).get(plan.columns[data][0].column))
        return (*jnp.shape(leaves[0]), None)[0] if leaves else None

    return {data: size(data) for data in data_sets}


def _array_failures(where: str, label: AnySpace, form: Representation, value: Any) -> list[Failure]:
    if isinstance(form, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(form):
            message = f"expected a tuple of {len(form)} arrays, found {type(value).__name__}"
            return [Failure("batch", where, message)]
        parts = zip(label.factors, form, value, strict=True)  # type: ignore[attr-defined]
        return [
            failure
            for i, part in enumerate(parts)
            for failure in _array_failures(f"{where}, factor {i}", *part)
        ]
    if not hasattr(value, "dtype") and not isinstance(value, int | float | complex):
        message = f"expected an array, found {type(value).__name__}"
        return [Failure("batch", where, message)]
    shape, dtype = jnp.shape(value), jnp.result_type(value)
    expected = label.example(shape[0] if shape else 0, form)
    if shape == expected.shape and _converts(dtype, expected.dtype, form):
        return check_array(where, label, value) if isinstance(value, np.ndarray) else []
    needed = "".join(f", {size}" for size in expected.shape[1:])
    message = f"found shape {shape} of {dtype}, expected (batch{needed}) of {expected.dtype}"
    return [Failure("batch", where, message)]


def _converts(found: Any, expected: Any, form: Representation) -> bool:
    """Whether data of one dtype may stand for another: upwards, except between the two forms."""
    ranks = "?bifc"
    one, other = ranks.index(dtype_kind(found)), ranks.index(dtype_kind(expected))
    return one == other if form in ("label", "logits") else 0 < one <= other


def _length_failures(data: str, names: Sequence[str], columns: Mapping[str, Any]) -> list[Failure]:
    lengths = {
        name: jnp.shape(leaf)[0]
        for name in names
        if name in columns
        for leaf in jax.tree.leaves(columns[name])
        if jnp.ndim(leaf)
    }
    if len(set(lengths.values())) <= 1:
        empty = 0 in lengths.values()
        return [Failure("batch", f"data set '{data}'", "has no examples")] if empty else []
    found = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
    message = f"its projections need equally many examples, but {found}"
    return [Failure("batch", f"data set '{data}'", message)]
