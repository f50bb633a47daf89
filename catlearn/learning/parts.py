"""The parts of a learning diagram: data sets, and edges that are made of others.

A labelled *data set* is a span ``X <- S -> Y``: a vertex with a distribution, and one fixed edge
for each of its columns (Theory, section 2). Its arrays are side data of the diagram that it enters,
never in a label.

An *operator* is an edge whose map is made of that of another one, such as the derivative of a
model, with the model's parameters. The table ``Operator`` has of which edge it is one. So sharing
is a fact of the diagram: gluing carries it, and equations about a derivative train the model. An
operator may act on a frozen edge, on a moving average, or on another operator.

Spaces, models and pairings are parts too; :mod:`catlearn.learning.assembly` turns all of them into
rows.

>>> import numpy as np
>>> from catlearn.models import Categorical, Space
>>> X, Y = Space("X", (2,)), Categorical("Y", 3)
>>> points = Dataset("points", X=(X, np.zeros((4, 2), "float32")), Y=(Y, np.array([0, 1, 2, 0])))
>>> points
Dataset('points', X='X', Y='Y', size=4)
>>> len(points)
4
>>> import catlearn as cl
>>> X, U = cl.Space("X", 2), cl.Space("U", 1)
>>> u = cl.Model("u", X, U, "mlp", activation="tanh")
>>> u_t = cl.Operator("u_t", "derivative", of="u", along=(1,))
>>> u_xx = cl.Operator("u_xx", "derivative", of="u", along=(0, 0))
>>> D = cl.LearningDiagram(u, u_t, u_xx, cl.Dataset("inside", X=X), equations="u_t = u_xx")
>>> print(D.loss())
L(u) = E_inside(d_U(u_t(inside.X), u_xx(inside.X)))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from numbers import Real
from typing import Any

import numpy as np

from catlearn.errors import DataError, Failure, Failures, expect, expect_each, refuse, wrong_kind
from catlearn.finset import Record
from catlearn.models import (
    Model,
    Operated,
    Pairing,
    Product,
    check_array,
    is_named,
)
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
    WrongKind
        If its name is no text.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> Dataset("pairs", left=Space("A", (3,)), right=Space("B", ()))
    Dataset('pairs', left='A', right='B')
    """

    def __init__(self, name: str, /, *unnamed: Any, check: bool = True, **projections: Any) -> None:
        expect(name, str, "the name of a data set", "text, such as 'digits'")
        for value in unnamed:
            raise wrong_kind(value, "each projection", "given by name, X=(space, array)")
        self.name = name
        spaces: dict[str, AnySpace] = {}
        arrays: dict[str, Any] = {}
        failures = Failures()
        for key, value in projections.items():
            space, array = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
            if not is_named(space):
                failures.add(
                    "projection",
                    f"projection '{name}.{key}'",
                    f"expected a space or a pair (space, array), found {type(space).__name__}",
                )
                continue
            spaces[key] = space
            if array is not None:
                arrays[key] = as_array(array, space.label)
        if not projections:
            failures.add(
                "projection", f"data set '{name}'", "has no projection; give X=(space, array)"
            )
        self.spaces: Mapping[str, AnySpace] = Record(spaces)
        self.arrays: Mapping[str, Any] = Record(arrays)
        if check:
            failures += check_columns(name, {k: spaces[k].label for k in arrays}, arrays)
        refuse(f"data set '{name}'", failures, DataError)

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
        return tuple(starmap(as_array, zip(value, factors, strict=False)))
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value
    masked = isinstance(value, list | tuple) and any(map(np.ma.isMaskedArray, value))
    try:
        if masked:  # the check reports what is missing
            return np.ma.stack([np.ma.asanyarray(part) for part in value])
        return np.asarray(value)
    except ValueError:  # examples of several shapes; the check reports it
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
    if len({*lengths.values()} - {None}) <= 1:
        return []
    found = ", ".join(f"{key} has {n}" for key, n in lengths.items() if n is not None)
    message = f"all projections need one example per row, but {found}"
    return [Failure("length", f"data set '{name}'", message)]


class Operator:
    """An edge whose map is made of that of another edge, and has its parameters.

    Parameters
    ----------
    name
        The name of the edge.
    operator
        ``"derivative"``, ``"laplacian"``, ``"jacobian"``, ``"tangent"``, ``"inner_step"``, another
        registered name, or a callable ``operator(f, **options) -> g`` on functions of a batch. With
        an argument ``params``, ``operator(f, params, **options) -> g``, it sees parameters:
        ``f(params, x)`` is the function at any. At a product ``g`` gets the factors one by one if
        it takes as many.
    of
        The name of the edge that it acts on.
    source, target
        Where it starts and ends, by default as the edge that it acts on.
    options
        Options of the operator.

    Raises
    ------
    UnknownName, InvalidStructure
        If there is no such operator, or an option is not one of its.

    Examples
    --------
    >>> Operator("u_xx", "derivative", of="u", along=(0, 0))
    Operator('u_xx', derivative(along=(0, 0)), of='u')
    """

    def __init__(
        self,
        name: str,
        operator: Any,
        *,
        of: str,
        source: AnySpace | None = None,
        target: AnySpace | None = None,
        **options: Any,
    ) -> None:
        expect(name, str, "the name of an operator", "text, such as 'u_x'")
        expect(of, str, "what an operator acts on", "the name of an edge")
        expect_each((AnySpace, type(None)), "a Space", source=source, target=target)
        self.name, self.of = name, of
        self.source, self.target = source, target
        self.architecture = Operated(operator, **options)

    def __repr__(self) -> str:
        return f"Operator({self.name!r}, {self.architecture}, of={self.of!r})"


class Defined:
    """An edge that stands for a path: a strict equation ``name = path``.

    Parameters
    ----------
    name
        The name of the edge.
    path
        The text of the path, such as ``"encoder >> head"``.

    Examples
    --------
    >>> Defined("classifier", "encoder >> head")
    Defined('classifier', 'encoder >> head')
    """

    def __init__(self, name: str, path: str) -> None:
        expect(name, str, "the name of a defined edge", "text, such as 'classifier'")
        self.name = name
        self.path = path

    def __repr__(self) -> str:
        return f"Defined({self.name!r}, {self.path!r})"


class MovingAverage:
    """An edge whose parameters are the moving average of those of another edge.

    With each evaluation in training they become ``decay`` times what they were and ``1 - decay``
    times those of the other edge; they start as the other's, and no gradient reaches them.
    A result's models have followed the last step as well.

    Parameters
    ----------
    name
        The name of the edge.
    of
        The name of the edge that it follows, a model between the same spaces.
    decay
        A number from 0 to 1; or a :class:`~catlearn.learning.Weight` or a schedule, which change
        while training as weights of equations do.

    Examples
    --------
    >>> MovingAverage("target", of="online", decay=0.99)
    MovingAverage('target', of='online', decay=0.99)
    """

    def __init__(self, name: str, of: str, decay: Any) -> None:
        expect(name, str, "the name of a moving average", "text, such as 'target'")
        expect(of, str, "what a moving average follows", "the name of an edge")
        wanted = "a number from 0 to 1, a Weight or a schedule"
        expect(decay, (int, Real, Callable), "decay", wanted)
        self.name = name
        self.of = of
        self.decay = decay

    def __repr__(self) -> str:
        return f"MovingAverage({self.name!r}, of={self.of!r}, decay={self.decay!r})"


Part = AnySpace | Dataset | Model | Pairing | Defined | MovingAverage | Operator
