r"""Gradients of a step: at once, or accumulated over the parts of its batch.

With ``accumulate=k`` a batch of :math:`b` examples is cut into :math:`k` parts of :math:`b/k`,
which are evaluated one after the other inside the compiled step; costs and gradients are the
means of theirs. A mean over examples is the mean of the means of equal parts, so for such losses
the step is the same, in the memory of one part. A loss that compares the examples of a batch with
each other (a contrastive one), or statistics of a batch, see one part at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from catlearn.errors import DataError, Failure
from catlearn.training.columns import along_examples, batch_lengths

if TYPE_CHECKING:
    from catlearn.lowering import Lowered

Gradient = Callable[..., tuple[tuple[jax.Array, Any], Any]]


def gradient_of(fn: Lowered, accumulate: int = 1) -> Gradient:
    """Return ``(params, state, batch, key) -> ((value, aux), gradient)``.

    Parameters
    ----------
    fn
        The lowered loss.
    accumulate
        The number of parts of a batch that are evaluated one after the other.
    """
    whole = jax.value_and_grad(fn, has_aux=True)
    if accumulate == 1:
        return whole
    averages = tuple(fn.diagram.averages)

    def gradient(
        params: Any, state: Any, batch: Any, key: jax.Array
    ) -> tuple[tuple[jax.Array, Any], Any]:
        parts = _split(batch, accumulate)
        first = jax.tree.map(lambda leaf: leaf[0], parts)
        start = state["mutable"]
        (value, aux), gradients = jax.eval_shape(whole, params, state, first, key)
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), gradients)
        costs = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (value, aux.terms))

        def add(carry: Any, part: Any) -> tuple[Any, None]:
            sums, mutable = carry
            index, batch = part
            if averages:  # they move once in a step, not once in each part of it
                mutable = mutable | {edge: start[edge] for edge in averages}
            (value, aux), gradients = whole(
                params, {**state, "mutable": mutable}, batch, jax.random.fold_in(key, index)
            )
            sums = jax.tree.map(jnp.add, sums, (gradients, (value, aux.terms)))
            return (sums, aux.state["mutable"]), None

        numbered = (jnp.arange(accumulate), parts)
        ((gradients, costs), mutable), _ = jax.lax.scan(add, ((zeros, costs), start), numbered)
        gradients, (value, terms) = jax.tree.map(lambda leaf: leaf / accumulate, (gradients, costs))
        return (value, type(aux)(terms, {"mutable": mutable})), gradients

    return gradient


def _split(batch: Any, parts: int) -> Any:
    """Cut every column into parts, of examples at equal distances.

    Where a batch is spread over devices, each device so finds its own examples in every part.
    """
    failures = [
        Failure(
            "accumulate",
            f"data set '{name}'",
            f"a batch of {size} examples has no {parts} equal parts; choose another batch size",
        )
        for name, columns in batch.items()
        for size in batch_lengths(columns)
        if size % parts
    ]
    if failures:
        raise DataError("accumulation", failures)

    def cut(leaf: jax.Array, axis: int) -> jax.Array:
        leaf = jnp.asarray(leaf)
        before, after = leaf.shape[:axis], leaf.shape[axis + 1 :]
        shape = (*before, leaf.shape[axis] // parts, parts, *after)
        return jnp.moveaxis(jnp.reshape(leaf, shape), axis + 1, 0)

    return {name: along_examples(cut, columns) for name, columns in batch.items()}
