"""What can be wrong with the arguments of a lowered loss, in the user's names.

Names, shapes and dtypes are looked at while a call is traced, which leaves nothing in the compiled
program; values are those of concrete NumPy arrays alone. Inside of ``jax.jit`` and other
transformations, and of arrays on a device, they are not known, or would have to be fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import Failure, expect
from catlearn.lowering.forms import Form
from catlearn.lowering.plan import Plan, Step
from catlearn.lowering.stacked import Columns
from catlearn.lowering.variables import ends_of
from catlearn.models import check_array, needs_key
from catlearn.models.spaces import dtype_kind

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered
    from catlearn.models import AnySpace


def expect_dicts(**arguments: Any) -> None:
    """Refuse arguments that are no mappings by name."""
    for name, value in arguments.items():
        expect(value, Mapping, name, "a dict by name")


def argument_failures(
    fn: Lowered,
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
    failures = [
        Failure("state", f"state['{part}']", "is missing; start from fn.init(key)")
        for part in ("frozen", "mutable", "weights")
        if part not in state
    ]
    if failures:
        return failures
    trainable, frozen = set(fn.trainable), set(fn.frozen)
    owners = dict.fromkeys(map(fn.diagram.owner, fn.plan.edges))
    failures = [
        Failure("params", f"edge '{edge}'", "has no parameters; start from fn.init(key)")
        for edge in owners
        if edge in trainable and edge not in params
    ]
    failures += [
        Failure("state", f"frozen edge '{edge}'", f"has no parameters in state['{part}']")
        for edge in owners
        if edge in frozen
        for part in ["mutable" if edge in fn.diagram.averages else "frozen"]
        if edge not in state[part]
    ]
    failures += [
        Failure("state", f"equation '{term.name}'", "has no weight in state['weights']")
        for term in fn.loss.equations
        if term.name not in state["weights"]
    ]
    failures += [
        Failure("state", f"scale '{name}'", "has no number in state['weights']; see fn.weights")
        for name in fn.plan.scales.values()
        if name not in state["weights"]
    ]
    if key is None:
        failures += [
            Failure("key", f"edge '{edge}'", "is random and needs key=jax.random.key(...)")
            for edge in fn.plan.edges
            if edge in fn.random and needs_key(fn.diagram.runs(edge), *ends_of(fn, edge), train)
        ]
    return failures + batch_failures(fn.plan, batch)


def batch_failures(plan: Plan, batch: Mapping[str, Mapping[str, Any]]) -> list[Failure]:
    """List what a plan reads and a batch lacks, or has in another shape or dtype."""
    batch = batch.shapes() if isinstance(batch, Columns) else batch
    failures: list[Failure] = []
    for data, steps in plan.columns.items():
        if data not in batch:
            found = ", ".join(map(repr, batch)) or "nothing"
            message = f"is missing from the batch, which has {found}"
            failures.append(Failure("batch", f"data set '{data}'", message))
            continue
        expect(batch[data], Mapping, f"the batch of '{data}'", "a dict of arrays by projection")
        for step in steps:
            label = plan.diagram.space_label(step.vertex)
            failures += _column_failures(step, label, batch[data])
        failures += _length_failures(data, [step.column for step in steps], batch[data])
    return failures


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


def _array_failures(where: str, label: AnySpace, form: Form, value: Any) -> list[Failure]:
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
    shape, dtype = jnp.shape(value), jnp.result_type(value)
    expected = label.example(shape[0] if shape else 0, form)
    if shape == expected.shape and _converts(dtype, expected.dtype, form):
        return check_array(where, label, value) if isinstance(value, np.ndarray) else []
    needed = "".join(f", {size}" for size in expected.shape[1:])
    message = f"found shape {shape} of {dtype}, expected (batch{needed}) of {expected.dtype}"
    return [Failure("batch", where, message)]


def _converts(found: Any, expected: Any, form: Form) -> bool:
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
