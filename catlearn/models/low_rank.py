"""Low-rank adaptation: the matrices of a model are held, and a product of two thin ones is added.

A weight W of m x n numbers becomes W + (alpha / r) A B with A of m x r and B of r x n, and only A
and B are trained. B starts at zero, so the adapted model starts as the same map. This works for
any architecture, since it acts on arrays: every trained array with two axes or more is adapted, a
kernel with more axes being read as the matrix that is nearest to square when its axes are cut in
two; vectors, such as biases, are held.

The weights are added before the model runs, at the price of one product of thin matrices.

>>> import jax
>>> from catlearn.models import Registered, Space
>>> X, Y = Space("X", 6), Space("Y", 5)
>>> adapted = LowRank(Registered("linear"), rank=2)
>>> variables = adapted.init(jax.random.key(0), X.label, Y.label)
>>> jax.tree.map(lambda leaf: leaf.shape, variables["low_rank"])
{'weight': {'a': (6, 2), 'b': (2, 5)}}

References
----------
Hu et al., "LoRA: low-rank adaptation of large language models", arXiv 2106.09685.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.architectures import Architecture, Wrapper, abstract_key
from catlearn.models.maps import Model, ModelMap
from catlearn.models.spaces import AnySpace


@dataclass(frozen=True)
class LowRank(Wrapper):
    """An architecture whose matrices are held and adapted by products of low rank.

    Parameters
    ----------
    architecture
        What is adapted. Its object is also the object of this one, with the products added.
    rank
        The rank of the products, at least 1; never more than a matrix's own smaller side.
    alpha
        The products are multiplied by ``alpha / rank``; by default by one.
    """

    architecture: Architecture
    rank: int
    alpha: float | None = None

    def __post_init__(self) -> None:
        failures = []
        if not isinstance(self.rank, int) or self.rank < 1:
            message = f"found {self.rank!r}, expected a positive integer"
            failures.append(Failure("rank", "low-rank adaptation", message))
        if self.alpha is not None and not (math.isfinite(self.alpha) and self.alpha > 0):
            message = f"found alpha = {self.alpha!r}, expected a positive number"
            failures.append(Failure("alpha", "low-rank adaptation", message))
        if self.architecture.parameter_free:
            message = f"{self.architecture} has no parameters to adapt"
            failures.append(Failure("parameters", "low-rank adaptation", message))
        if failures:
            raise InvalidStructure("LowRank", failures)

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return self.architecture.remedy

    @property
    def library(self) -> str | None:  # type: ignore[override]
        return self.architecture.library

    @property
    def scale(self) -> float:
        """By what the products are multiplied."""
        return 1.0 if self.alpha is None else self.alpha / self.rank

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        import jax

        base, thin = jax.random.split(key)
        return self.around(self.architecture.init(base, source, target), thin)

    def around(self, base: Any, key: Any) -> dict[str, Any]:
        """Return variables that start at those of the adapted architecture.

        Parameters
        ----------
        base
            Variables of the adapted architecture.
        key
            From which the first factors are drawn; the second ones are zero.
        """
        import jax
        import jax.numpy as jnp

        thin = {}
        for i, (name, leaf) in enumerate(self._matrices(base).items()):
            rows, columns = _cut(leaf.shape)
            rank = min(self.rank, rows, columns)
            a = jax.random.normal(jax.random.fold_in(key, i), (rows, rank), leaf.dtype)
            b = jnp.zeros((rank, columns), leaf.dtype)
            thin[name] = {"a": a / math.sqrt(rows), "b": b}
        if not thin:
            message = f"{self.architecture} has no array with two axes or more"
            raise InvalidStructure(str(self), [Failure("parameters", "its matrices", message)])
        return {"base": base, "low_rank": thin}

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        import jax

        base = self.architecture.structure(source, target)
        return jax.eval_shape(self.around, base, abstract_key())

    def parts(self, variables: Any) -> tuple[Any, Any, Any]:
        import jax

        base, thin = variables["base"], variables["low_rank"]
        *_, changed = self.architecture.parts(base)
        held = base
        if changed is not None:
            held = jax.tree.map(
                lambda new, leaf: leaf if new is None else None,
                changed,
                base,
                is_leaf=lambda leaf: leaf is None,
            )
            changed = {"base": changed, "low_rank": _gaps(thin)}
        return (
            {"base": _gaps(base), "low_rank": thin},
            {"base": held, "low_rank": _gaps(thin)},
            changed,
        )

    def merge(self, variables: Any) -> Any:
        """Return variables of the adapted architecture, with the products added."""
        import jax

        thin = variables["low_rank"]

        def add(path: Any, leaf: Any) -> Any:
            name = _name(path)
            if name not in thin:
                return leaf
            product = thin[name]["a"] @ thin[name]["b"]
            return leaf + (self.scale * product).reshape(leaf.shape).astype(leaf.dtype)

        return jax.tree_util.tree_map_with_path(add, variables["base"])

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        y, changed = self.architecture.run(self.merge(variables), x, key, train)
        if changed is not None:
            changed = {"base": changed, "low_rank": _gaps(variables["low_rank"])}
        return y, changed

    def rebuild(self, params: Any) -> Any:
        return self.architecture.rebuild(self.merge(params))

    def _matrices(self, base: Any) -> dict[str, Any]:
        import jax

        trained, *_ = self.architecture.parts(base)
        leaves = jax.tree_util.tree_leaves_with_path(trained)
        return {_name(path): leaf for path, leaf in leaves if len(leaf.shape) > 1}

    def __str__(self) -> str:
        return f"{self.architecture} adapted at rank {self.rank}"


def lora(model: Model, rank: int, *, alpha: float | None = None, key: Any = None) -> Model:
    """Return a model whose own parameters are held, and products of low rank are trained.

    Parameters
    ----------
    model
        A model, frozen or not. If it has starting parameters the adapted one starts from them.
    rank
        The rank of the products.
    alpha
        They are multiplied by ``alpha / rank``; by default by one.
    key
        From which the first factors are drawn if the model has starting parameters, by default
        ``jax.random.key(0)``; since the second factors are zero, no value depends on it at the
        start.

    Returns
    -------
    Model
        Of the same name; trained, ``result.model(name)`` is the object that the model was given
        as, with the products added.

    Raises
    ------
    InvalidStructure
        If the model has no matrices.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> lora(Model("f", Space("X", 6), Space("Y", 5), "linear"), rank=2)
    Model('f', X -> Y, linear(use_bias=True) adapted at rank 2)
    """
    import jax

    adapted = LowRank(model.architecture, rank, alpha)
    start = model.start
    if start is not None:
        start = adapted.around(start, jax.random.key(0) if key is None else key)
    made = object.__new__(Model)
    made._set(model.name, model.source, model.target, ModelMap(adapted), start)
    return made


def _cut(shape: tuple[int, ...]) -> tuple[int, int]:
    """Read a shape as that of a matrix: cut where the two sides are most nearly equal."""
    sides = [(math.prod(shape[:i]), math.prod(shape[i:])) for i in range(1, len(shape))]
    return max(sides, key=min)


def _gaps(tree: Any) -> Any:
    import jax

    return jax.tree.map(lambda _: None, tree)


def _name(path: Any) -> str:
    import jax

    return jax.tree_util.keystr(path, simple=True, separator="/")
