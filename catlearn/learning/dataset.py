"""Data sets: a vertex with a distribution and one fixed edge for each of its columns.

A labelled data set is a span ``X <- S -> Y`` (Theory, section 2). Its arrays travel in the
store of the diagram they enter, never in a label.

>>> import numpy as np
>>> from catlearn.models import Categorical, Space
>>> X, Y = Space("X", (2,)), Categorical("Y", 3)
>>> points = Dataset("points", X=(X, np.zeros((4, 2), "float32")), Y=(Y, np.array([0, 1, 2, 0])))
>>> points
Dataset('points', X='X', Y='Y', size=4)
>>> len(points)
4
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from catlearn.errors import DataError, Failure
from catlearn.models import Product, check_array, is_named
from catlearn.models.spaces import AnySpace


class Dataset:
    """A data set: a vertex of the diagram and its projections.

    Parameters
    ----------
    name
        The name of the vertex. The projection ``X`` becomes the edge ``name.X``.
    check
        Whether to check lengths, shapes, dtypes and that floating-point values are finite.
    **projections
        For each projection either a pair ``(space, array)``, where ``array`` has one example
        for each entry of its leading axis (at a product, a tuple of such arrays), or a space
        alone when the arrays come later (through ``diagram.bind`` or ``fit(data=...)``). An
        array may be a ``numpy.memmap``.

    Raises
    ------
    DataError
        Listing every projection whose length, shape, dtype or values are wrong.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> Dataset("pairs", left=Space("A", (3,)), right=Space("B", ()))
    Dataset('pairs', left='A', right='B')
    """

    def __init__(self, name: str, /, *, check: bool = True, **projections: Any) -> None:
        self.name = name
        spaces: dict[str, AnySpace] = {}
        arrays: dict[str, Any] = {}
        failures: list[Failure] = []
        for key, value in projections.items():
            space, array = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
            if not is_named(space):
                failures.append(
                    Failure(
                        "projection",
                        f"projection '{name}.{key}'",
                        f"expected a space or a pair (space, array), found {type(space).__name__}",
                    )
                )
                continue
            spaces[key] = space
            if array is not None:
                arrays[key] = as_array(array, space.label)
        if not projections:
            failures.append(
                Failure(
                    "projection", f"data set '{name}'", "has no projection; give X=(space, array)"
                )
            )
        self.spaces: Mapping[str, AnySpace] = MappingProxyType(spaces)
        self.arrays: Mapping[str, Any] = MappingProxyType(arrays)
        if check:
            failures += check_columns(name, {k: spaces[k].label for k in arrays}, arrays)
        if failures:
            raise DataError(f"data set '{name}'", failures)

    def __len__(self) -> int:
        """The number of examples; 0 while there are no arrays."""
        return next((examples(array) or 0 for array in self.arrays.values()), 0)

    def __repr__(self) -> str:
        parts = [repr(self.name)]
        parts += [f"{key}={space.name!r}" for key, space in self.spaces.items()]
        if self.arrays:
            parts.append(f"size={len(self)}")
        return f"Dataset({', '.join(parts)})"


def as_array(value: Any, label: AnySpace | None = None) -> Any:
    """Return arrays of numpy and jax as they are, and anything else as a numpy array.

    At a product, a tuple is read factor by factor.
    """
    if isinstance(label, Product) and isinstance(value, tuple):
        factors = (*label.factors, *(None for _ in value))
        return tuple(as_array(part, factor) for part, factor in zip(value, factors, strict=False))
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value
    try:
        return np.asarray(value)
    except ValueError:  # examples of several shapes; the check says so
        return np.array(value, dtype=object)


def examples(array: Any) -> int | None:
    """Return how many examples a column has, None if it has no leading axis."""
    while isinstance(array, tuple):
        array = array[0] if array else None
    return len(array) if getattr(array, "ndim", 0) else None


def without_examples(array: Any) -> Any:
    """Return the empty part of a column, which has its shape and dtype."""
    if isinstance(array, tuple):
        return tuple(map(without_examples, array))
    return array[:0] if array.ndim else array


def check_columns(
    name: str, labels: Mapping[str, AnySpace], arrays: Mapping[str, Any]
) -> list[Failure]:
    """List what is wrong with the arrays of a data set, values and lengths included.

    Parameters
    ----------
    name
        The data set's name.
    labels
        The space label of each projection.
    arrays
        The array of each projection, examples along the leading axis.
    """
    found = (check_array(f"projection '{name}.{key}'", labels[key], arrays[key]) for key in arrays)
    return [failure for failures in found for failure in failures] + check_lengths(name, arrays)


def check_lengths(name: str, arrays: Mapping[str, Any]) -> list[Failure]:
    """Say so if the arrays of a data set do not all have the same number of examples."""
    lengths = {key: examples(array) for key, array in arrays.items()}
    lengths = {key: length for key, length in lengths.items() if length is not None}
    if len(set(lengths.values())) <= 1:
        return []
    found = ", ".join(f"{key} has {length}" for key, length in lengths.items())
    message = f"all projections need one example per row, but {found}"
    return [Failure("length", f"data set '{name}'", message)]
