r"""Few-shot classification: prototypical networks, and nearest neighbours on an embedding.

An example of the data set is a *class*: a list of m of its images, of which the first k are its
support and the others its queries. So an n-way episode is a batch of n classes, and the stream of
batches is the stream of episodes. One encoder is applied to each image of the list; two fixed edges
take the lists apart, and the equation says that each query is where its class is:

.. math:: S \to X^m \to Z^m \xrightarrow{\mathrm{queries}} Z^{q \times p}
    \;=\; S \to X^m \to Z^m \xrightarrow{\mathrm{points}} Z^{q \times p}

The p points of a class are its prototype (p = 1, the mean of its support) or its whole support
(p = k). The divergence sees the batch, as labels do not exist: minus the logarithm of the share
that the points of the own class have among those of all classes of the batch,

.. math:: d_i = -\frac1q \sum_j \log
    \frac{\sum_s e^{-|z_{ij} - c_{is}|^2 / T}}{\sum_{i', s} e^{-|z_{ij} - c_{i's}|^2 / T}} .

>>> import catlearn as cl
>>> X, Z, images = cl.Space("X", 4), cl.Space("Z", 2), cl.Space("images", (5, 4))
>>> classes = cl.Dataset("classes", images=images)
>>> encoder = cl.Model("encoder", X, Z, "linear")
>>> diagram = prototypical(encoder, classes, shots=2)
>>> print(*diagram.soft_equations)
classes.images >> encoder >> queries = classes.images >> encoder >> prototype
>>> print(diagram.space_label("Z of queries"))
R^(3×1×2)

References
----------
Snell, Swersky, Zemel, "Prototypical networks for few-shot learning", arXiv 1703.05175, 2017.
Goldberger et al., "Neighbourhood components analysis", 2004, for the soft nearest neighbour.
"""

from __future__ import annotations

import functools
from typing import Any

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Divergence, Model, Space, each, register_divergence


def prototypical(
    encoder: Model,
    classes: Dataset,
    shots: int,
    *,
    temperature: float = 1.0,
    shuffle: bool = False,
) -> LearningDiagram:
    """Return the regime in which a query is nearest to the mean of its class.

    Parameters
    ----------
    encoder
        From images to their embedding.
    classes
        One example a class; a column of lists of images, shape ``(m, ...)``.
    shots
        How many images of the list are support; the others are queries.
    temperature
        By which squared distances are divided.
    shuffle
        Whether each evaluation draws which images are support; it then needs a key.

    Raises
    ------
    InvalidStructure
        If no column has lists of what the encoder reads, or they are not longer than the support.
    """
    return _few_shot(encoder, classes, shots, "prototype", 1, temperature, shuffle)


def nearest_neighbour(
    encoder: Model,
    classes: Dataset,
    shots: int,
    *,
    temperature: float = 1.0,
    shuffle: bool = False,
) -> LearningDiagram:
    """Return the regime in which a query is nearest to an image of its class.

    The loss is that of the stochastic neighbour, which tends to the nearest as the temperature
    tends to 0. For parameters see :func:`prototypical`.
    """
    return _few_shot(encoder, classes, shots, "support", shots, temperature, shuffle)


def error_rate(diagram: LearningDiagram, neighbours: int = 1) -> LearningDiagram:
    """Return a few-shot regime with its equation measured by the share of queries gone wrong.

    Parameters
    ----------
    diagram
        One of the two above.
    neighbours
        How many nearest points vote; among classes with as many votes the nearer one wins.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Z, images = cl.Space("X", 4), cl.Space("Z", 2), cl.Space("images", (5, 4))
    >>> encoder, classes = cl.Model("encoder", X, Z, "linear"), cl.Dataset("classes", images=images)
    >>> regime = error_rate(nearest_neighbour(encoder, classes, shots=3), neighbours=3)
    >>> print(*map(regime.divergence, regime.soft_equations))
    misclassified(neighbours=3)
    """
    counted = Divergence("misclassified", neighbours=neighbours)
    sides = diagram.soft_equations.values()
    equations = [Equation(f"{lhs} = {rhs}", divergence=counted) for lhs, rhs in sides]
    return diagram.with_equations(equations, only=True)


def _few_shot(
    encoder: Model,
    classes: Dataset,
    shots: int,
    name: str,
    points: int,
    temperature: float,
    shuffle: bool,
) -> LearningDiagram:
    column, images = _images(encoder, classes, shots)
    count, inside = images.shape[0], encoder.target.label
    lists = Space(f"Z of {images.name}", (count, *inside.shape), inside.dtype)  # type: ignore
    shape = (count - shots, points, *inside.shape)  # type: ignore
    queries = Space("Z of queries", shape, inside.dtype)  # type: ignore
    start = [Model("shuffle", images, images, shuffled)] if shuffle else []
    gather = _prototype if name == "prototype" else _support
    model = LearningDiagram(
        *start,
        each(encoder, images, lists),
        Model("queries", lists, queries, _part(_queries, shots, points)),
        Model(name, lists, queries, _part(gather, shots)),
    )
    path = " >> ".join([column, *(edge.name for edge in start), encoder.name])
    equation = Equation(
        f"{path} >> queries = {path} >> {name}",
        divergence=Divergence("own_class", temperature=temperature),
    )
    return glue(LearningDiagram(classes), model).with_equations([equation])


def _images(encoder: Model, classes: Dataset, shots: int) -> tuple[str, Any]:
    """Return the column that holds lists of what the encoder reads, and its space."""
    entry = getattr(encoder.source.label, "shape", None)
    found = [
        (f"{classes.name}.{key}", space)
        for key, space in classes.spaces.items()
        if isinstance(space, Space) and space.shape[:1] and space.shape[1:] == entry
    ]
    where = f"data set '{classes.name}'"
    if len(found) != 1:
        message = f"needs one column of lists of {encoder.source.label}, found {len(found)}"
        raise fault("the regime", "column", where, message)
    count = found[0][1].shape[0]
    if not 0 < shots < count:
        message = f"lists of {count} have no {shots} for support and at least one query"
        raise fault("the regime", "shots", where, message)
    return found[0]


@functools.lru_cache(maxsize=256)
def _part(function: Any, *sizes: int) -> Any:
    """Return one function for equal arguments, so that edges made twice can be glued."""

    def part(z: Any) -> Any:
        return function(z, *sizes)

    part.__name__ = function.__name__.strip("_")
    return part


def _queries(z: Any, shots: int, points: int) -> Any:
    """Each query, as often as there are points: ``(batch, m, ...)`` to ``(batch, q, p, ...)``."""
    import jax.numpy as jnp

    queries = z[:, shots:, None]
    return jnp.broadcast_to(queries, (*queries.shape[:2], points, *z.shape[2:]))


def _prototype(z: Any, shots: int) -> Any:
    """The mean of the support, for each query: ``(batch, m, ...)`` to ``(batch, q, 1, ...)``."""
    return _support(z[:, :shots].mean(axis=1, keepdims=True), 1, z.shape[1] - shots)


def _support(z: Any, shots: int, queries: int | None = None) -> Any:
    """The support, for each query: ``(batch, m, ...)`` to ``(batch, q, k, ...)``."""
    import jax.numpy as jnp

    support, count = z[:, None, :shots], z.shape[1] - shots if queries is None else queries
    return jnp.broadcast_to(support, (z.shape[0], count, shots, *z.shape[2:]))


def shuffled(x: Any, key: Any) -> Any:
    """Permute each list of a batch, ``(batch, m, ...)``, by itself."""
    import jax

    permute = jax.vmap(jax.random.permutation)
    return permute(jax.random.split(key, x.shape[0]), x)


def own_class(prediction: Any, target: Any, temperature: float = 1.0) -> Any:
    """Minus the logarithm of the own class's share among the points near each query.

    Parameters
    ----------
    prediction
        Queries, ``(classes, q, p, ...)``, each p times.
    target
        The points of each class, for each query, of the same shape.
    temperature
        By which squared distances are divided.

    Returns
    -------
    array
        For each class the mean over its queries, shape ``(classes,)``.
    """
    import jax
    import jax.numpy as jnp

    near = -_squared_distances(prediction, target) / temperature
    classes, queries, _, points = near.shape
    own = jnp.moveaxis(jnp.diagonal(near, axis1=0, axis2=2), -1, 0)
    own = own[..., 0] if points == 1 else jax.nn.logsumexp(own, axis=-1)
    among = jax.nn.logsumexp(near.reshape(classes, queries, -1), axis=-1)
    return jnp.mean(among - own, axis=1)


def misclassified(prediction: Any, target: Any, neighbours: int = 1) -> Any:
    """The share of queries whose nearest points are of another class, for each class."""
    import jax
    import jax.numpy as jnp

    far = _squared_distances(prediction, target)
    classes, queries, _, points = far.shape
    near, which = jax.lax.top_k(-far.reshape(classes, queries, -1), neighbours)
    which = which // points
    votes = (which[..., None] == which[..., None, :]).sum(axis=-1)
    # Neighbours come in order of distance, and argmax takes the first of the largest.
    winner = jnp.take_along_axis(which, votes.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return jnp.mean(winner != jnp.arange(classes)[:, None], axis=1, dtype=near.dtype)


register_divergence("own_class", own_class, batch_level=True)
register_divergence("misclassified", misclassified, batch_level=True)


def _squared_distances(prediction: Any, target: Any) -> Any:
    """Of each query from each point: ``(classes, q, classes, p)``."""
    import jax.numpy as jnp

    classes, queries, points = prediction.shape[:3]
    shape = (classes, queries, points, -1)
    away = prediction.reshape(shape)[:, :, None] - jnp.moveaxis(target.reshape(shape), 0, 1)[None]
    return jnp.sum(away**2, axis=-1)
