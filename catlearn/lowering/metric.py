r"""The metric on paths: how far parallel paths of a diagram are from each other.

At fixed parameters theta, a data set S and a vertex v, the losses of all pairs of paths S -> v,

.. math:: \ell_\theta(p, q) = \mathrm{mean}_s \, d_v([p]_\theta(s), [q]_\theta(s)),

are a Lawvere metric if the divergence d_v is one (Theory, section 4): the triangle law of d_v is
averaged. Absolute error is such a divergence; squared error, Huber's and the cross-entropy are not,
and then the laws that fail are listed. A diagram commutes on the data if all distances are 0.

**Law.** If h : v -> w is K-Lipschitz for the divergences, l(p >> h, q >> h) <= K l(p, q).

>>> import catlearn as cl, jax, numpy as np
>>> X, Y = cl.Space("X", 2, divergence="absolute_error"), cl.Space("Y", 2)
>>> points = cl.Dataset("points", X=X)
>>> steps = [cl.Model(f"add{k}", X, X, lambda x, k=k: x + k) for k in (1, 2)]
>>> D = cl.LearningDiagram(points, *steps, equations=["points.X >> add1 = points.X >> add2"])
>>> fn = cl.lower(D.loss(["points.X >> add1 = points.X >> add2"]))
>>> params, state = fn.init(jax.random.key(0))
>>> batch = {"points": {"X": np.zeros((3, 2), "float32")}}
>>> print(path_metric(fn, params, state, batch, "points", "X", max_length=2))
                  points.X  points.X >> add1  points.X >> add2
points.X                 0                 2                 4
points.X >> add1         2                 0                 2
points.X >> add2         4                 2                 0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import starmap
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.category import Path
from catlearn.cost import LawvereMetric
from catlearn.errors import DataError, Failure, expect, refuse
from catlearn.models.spaces import Categorical, Product, dtype_kind

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered


def path_metric(
    fn: Lowered,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    batch: Mapping[str, Mapping[str, Any]],
    data: str,
    vertex: str,
    paths: Iterable[Path | str] | None = None,
    max_length: int | None = None,
    bound: int = 200,
    check: bool = True,
    tolerance: float = 1e-4,
) -> LawvereMetric:
    """Return the losses of all pairs of paths from a data set to a vertex, as a metric space.

    Parameters
    ----------
    fn
        A lowered loss; its diagram is looked at, not its equations.
    params, state
        As ``fn.init`` or training return them.
    batch
        ``{data set: {projection: array}}``, as ``fn`` takes it.
    data, vertex
        Where the paths start and end.
    paths
        The paths to compare; by default all from the data set to the vertex.
    max_length
        The most edges that a path may have, needed where the diagram has a cycle.
    bound
        The most paths to compare.
    check
        Whether the laws of a metric are checked; False returns the numbers as they are.
    tolerance
        By how much, relatively, rounding may break the laws.

    Returns
    -------
    LawvereMetric
        Its points are the paths as text; row p, column q is the cost of p as a prediction of q.

    Raises
    ------
    InvalidStructure
        Listing every broken law, if the divergence is no metric; or every path whose values are
        labels, which predict nothing.
    DataError
        If the batch lacks the data set or one of the projections.
    TooManyPaths
        If there are more paths than the bound.
    """
    expect(fn, "diagram", "fn", "a lowered loss, cl.lower(diagram.loss())")
    diagram = fn.diagram
    if paths is None:
        chosen = diagram.paths(data, vertex, max_length, bound)
    else:
        chosen = [diagram.path(str(path)) for path in paths]
        refuse(
            "the metric on paths",
            (
                Failure(
                    "ends",
                    f"path '{p}'",
                    f"goes from {p.source} to {p.target}, expected {data} to {vertex}",
                )
                for p in chosen
                if (p.source, p.target) != (data, vertex)
            ),
        )
    needed = dict.fromkeys(e for p in chosen for e in p.edges if e in diagram.projections)
    refuse(
        "the batch",
        (
            Failure("batch", f"projection '{e}'", "is missing")
            for e in needed
            if diagram.projections[e][1] not in batch.get(data, {})
        ),
        DataError,
    )
    label = diagram.space_label(vertex)
    evaluate = fn.evaluation(params, state)
    sample = {name: jax.tree.map(jnp.asarray, value) for name, value in batch[data].items()}
    values = [evaluate(path)(sample) for path in chosen]
    message = "its values are labels, which predict nothing; leave it out with paths="
    refuse(
        "the metric on paths",
        (
            Failure("representation", f"path '{p}'", message)
            for p, value in zip(chosen, values, strict=True)
            if _has_labels(label, value)
        ),
    )
    divergence = label.divergence  # type: ignore[attr-defined]
    names = [str(path) for path in chosen]
    distances = _all_pairs(divergence, values)
    metric = LawvereMetric(names, distances, check=False, tolerance=tolerance)
    what = f"the metric on paths at '{vertex}' (its divergence, {divergence}, is no metric)"
    refuse(what, metric.failures() if check else ())
    return metric


def _all_pairs(divergence: Any, values: list[Any]) -> np.ndarray:
    """The mean divergence of each value from each other; one call for each prediction."""
    count = len(values)
    if not count:
        return np.zeros((0, 0))
    stacked = jax.tree.map(lambda *parts: jnp.concatenate(parts), *values)

    def row(value: Any) -> jax.Array:
        repeated = jax.tree.map(lambda a: jnp.tile(a, (count,) + (1,) * (a.ndim - 1)), value)
        return jnp.mean(divergence(repeated, stacked).reshape(count, -1), axis=1)

    compiled = jax.jit(row)
    rows = np.stack([np.asarray(compiled(value), "float64") for value in values])
    # Rounding may leave a distance a little below 0.
    return np.where((rows < 0) & (rows > -1e-6), 0.0, rows)


def _has_labels(label: Any, value: Any) -> bool:
    if isinstance(label, Product):
        return any(starmap(_has_labels, zip(label.factors, value, strict=True)))
    return isinstance(label, Categorical) and dtype_kind(value.dtype) == "i"
