r"""Gradients of a step: at once, or accumulated over the parts of its batch.

With ``accumulate=k`` a batch of :math:`b` examples is cut into :math:`k` parts of :math:`b/k`,
which are evaluated one after the other inside the compiled step, in the memory of one part. The
cost :math:`c_i` of an equation is a mean over examples, hence the mean of the means of equal parts,
and the gradient is that of the whole batch:

.. math:: \nabla L = \sum_i \frac{\partial L}{\partial c_i} \cdot
    \frac1k \sum_{p=1}^k \nabla c_i^p .

Where costs are added, the slopes :math:`\partial L / \partial c_i` are the weights; for another
aggregator, such as the maximum, the costs of all parts are found first, without gradients. What
compares the examples of a batch with each other (a contrastive divergence, statistics of a batch)
sees one part at a time; for such divergences there is a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from catlearn.errors import DataError, Failure
from catlearn.lowering.lowered import Aux
from catlearn.lowering.stacked import chosen
from catlearn.training.columns import along_examples, batch_lengths

if TYPE_CHECKING:
    from catlearn.lowering import Lowered

Gradient = Callable[..., tuple[tuple[jax.Array, Any], Any]]


class ExamplesApart(UserWarning):
    """A divergence compares the examples of a batch, and batches are cut into parts."""


def warn_of_parts(fn: Lowered, accumulate: int) -> None:
    """Warn of equations whose costs are not those of the whole batch."""
    names = [term.name for term in fn.loss.equations if term.divergence.batch_level]
    if accumulate > 1 and names:
        message = (
            f"the divergence of {', '.join(map(repr, names))} compares the examples of a batch, "
            f"and with accumulate={accumulate} only those of one part of it"
        )
        warnings.warn(message, ExamplesApart, stacklevel=3)


def gradient_of(fn: Lowered, accumulate: int = 1) -> Gradient:
    """Return ``(params, state, batch, key) -> ((value, aux), gradient)``.

    Parameters
    ----------
    fn
        The lowered loss.
    accumulate
        The number of parts of a batch that are evaluated one after the other.
    """
    if accumulate == 1:
        return jax.value_and_grad(fn, has_aux=True)
    averages = tuple(fn.diagram.averages)

    def mean(each: Callable[..., Any], parts: Any, start: Any, key: jax.Array) -> tuple[Any, Any]:
        """Return the mean of what a function finds in each part, and the variables at the end."""
        shapes, _ = jax.eval_shape(each, start, jax.tree.map(lambda leaf: leaf[0], parts), key)
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def add(carry: Any, part: Any) -> tuple[Any, None]:
            sums, mutable = carry
            index, batch = part
            if averages:  # they move once in a step, not once in each part of it
                mutable = mutable | chosen(start, averages)
            found, mutable = each(mutable, batch, jax.random.fold_in(key, index))
            return (jax.tree.map(jnp.add, sums, found), mutable), None

        numbered = (jnp.arange(accumulate), parts)
        (sums, mutable), _ = jax.lax.scan(add, (zeros, start), numbered)
        return jax.tree.map(lambda leaf: leaf / accumulate, sums), mutable

    def gradient(
        params: Any, state: Any, batch: Any, key: jax.Array
    ) -> tuple[tuple[jax.Array, Any], Any]:
        parts, start = _split(batch, accumulate), state["mutable"]
        slopes = None

        def cost(params: Any, mutable: Any, batch: Any, key: jax.Array) -> tuple[jax.Array, Any]:
            value, aux = fn(params, {**state, "mutable": mutable}, batch, key)
            return value if slopes is None else _inner(slopes, aux.terms), aux

        def costs(mutable: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
            _, aux = cost(params, mutable, batch, key)
            return aux.terms, aux.state["mutable"]

        def both(mutable: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
            (_, aux), found = jax.value_and_grad(cost, has_aux=True)(params, mutable, batch, key)
            return (found, aux.terms), aux.state["mutable"]

        if fn.loss.aggregator.name != "sum":
            terms, _ = mean(costs, parts, start, key)
            slopes = jax.grad(fn.total)(terms, state["weights"])
        (found, terms), mutable = mean(both, parts, start, key)
        aux = Aux(terms, {"mutable": mutable})
        return (fn.total(terms, state["weights"]), aux), found

    return gradient


def _inner(slopes: Any, terms: Any) -> jax.Array:
    return sum(
        jnp.vdot(slope, cost)
        for slope, cost in zip(jax.tree.leaves(slopes), jax.tree.leaves(terms), strict=True)
    )  # type: ignore[return-value]


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
