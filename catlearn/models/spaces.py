"""Spaces: which arrays live at a vertex, and what a prediction costs there.

A *space* says shape and dtype of one example and carries a divergence (Theory, section 2). What
a user writes has a name; its *label* has not, so that equal labels mean equal spaces whatever
they are called. Labels are hashable and hold no values.

There are four kinds of label:

- *array*: examples of a fixed shape and dtype, ``R^64``;
- *categorical*: n classes, ``{0..9}``, with two representations: ``label``, an integer of
  shape (), and ``logits``, floats of shape ``(n,)``. Models emit logits and receive labels
  one-hot; a prediction is always logits;
- *product*: tuples of examples, with one divergence, the sum of the factors';
- *data*: the elements of a data set, on which only projections are defined.

>>> X, Y = Space("X", (64,)), Categorical("Y", 10)
>>> X.label == Space("another name", 64).label
True
>>> print(Product("P", X, Y).label)
R^64 × {0..9}
>>> Y.label.example(32), Y.label.example(32, "label")
(ShapeDtypeStruct(shape=(32, 10), dtype=float32), ShapeDtypeStruct(shape=(32,), dtype=int32))
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.models.divergences import AnyDivergence, Divergence, DivergenceSum

if TYPE_CHECKING:
    import jax

Representation = Literal["label", "logits"]
"""How a categorical value is carried."""


def dtype_kind(dtype: Any) -> str:
    """Return ``"f"``, ``"c"``, ``"i"``, ``"b"`` for float, complex, integer, bool, else ``"?"``.

    Unlike numpy's own ``kind`` it knows the small floats, such as bfloat16.
    """
    dtype = np.dtype(dtype)
    if dtype.kind in "fcb":
        return dtype.kind
    if dtype.kind in "iu":
        return "i"
    return "f" if dtype.name.startswith(("bfloat", "float")) else "?"


@dataclass(frozen=True)
class SpaceLabel:
    """What all labels of vertices have in common; see the four kinds below."""

    kind: ClassVar[str]

    def example(self, batch: int, representation: Any = None) -> Any:
        """Return the abstract batch: a ``jax.ShapeDtypeStruct``, or a tuple for a product.

        Parameters
        ----------
        batch
            The number of examples, the leading axis.
        representation
            For a categorical label ``"label"`` or ``"logits"`` (the default: what models emit,
            and the structure of the one-hot arrays that they receive). For a product either one
            representation for all factors or a tuple with one for each.
        """
        raise NotImplementedError

    @property
    def features(self) -> int:
        """How many numbers a model receives for one example."""
        raise NotImplementedError


@dataclass(frozen=True)
class ArrayLabel(SpaceLabel):
    """Arrays of one shape and dtype."""

    kind: ClassVar[str] = "array"
    shape: tuple[int, ...]
    dtype: str = "float32"
    divergence: AnyDivergence = field(default_factory=lambda: Divergence("squared_error"))

    def example(self, batch: int, representation: Any = None) -> jax.ShapeDtypeStruct:
        import jax

        return jax.ShapeDtypeStruct((batch, *self.shape), np.dtype(self.dtype))

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        letter = {"f": "R", "c": "C", "i": "Z", "b": "B"}[dtype_kind(self.dtype)]
        match self.shape:
            case ():
                return letter
            case (n,):
                return f"{letter}^{n}"
            case shape:
                return f"{letter}^({'×'.join(map(str, shape))})"


@dataclass(frozen=True)
class CategoricalLabel(SpaceLabel):
    """n classes; ``dtype`` is that of logits and one-hot arrays."""

    kind: ClassVar[str] = "categorical"
    n: int
    dtype: str = "float32"
    divergence: AnyDivergence = field(default_factory=lambda: Divergence("cross_entropy"))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example's logits, ``(n,)``."""
        return (self.n,)

    def example(self, batch: int, representation: Any = None) -> jax.ShapeDtypeStruct:
        import jax

        if representation == "label":
            return jax.ShapeDtypeStruct((batch,), np.dtype("int32"))
        return jax.ShapeDtypeStruct((batch, self.n), np.dtype(self.dtype))

    @property
    def features(self) -> int:
        return self.n

    def __str__(self) -> str:
        return "{0}" if self.n == 1 else f"{{0..{self.n - 1}}}"


@dataclass(frozen=True)
class ProductLabel(SpaceLabel):
    """Tuples of examples of the factors."""

    kind: ClassVar[str] = "product"
    factors: tuple[SpaceLabel, ...]

    @property
    def divergence(self) -> DivergenceSum:
        """The sum of the factors' divergences."""
        return DivergenceSum(tuple(factor.divergence for factor in self.factors))  # type: ignore

    def example(self, batch: int, representation: Any = None) -> tuple:
        each = representation
        if not isinstance(representation, tuple):
            each = (representation,) * len(self.factors)
        pairs = zip(self.factors, each, strict=True)
        return tuple(factor.example(batch, one) for factor, one in pairs)

    @property
    def features(self) -> int:
        return sum(factor.features for factor in self.factors)

    def __str__(self) -> str:
        texts = (f"({f})" if isinstance(f, ProductLabel) else str(f) for f in self.factors)
        return " × ".join(texts)


@dataclass(frozen=True)
class DataLabel(SpaceLabel):
    """The elements of a data set: no arrays of its own, only projections out of it."""

    kind: ClassVar[str] = "data"

    def example(self, batch: int, representation: Any = None) -> Any:
        raise CatlearnError("a data set has no array of its own; follow one of its projections")

    @property
    def features(self) -> int:
        return 0

    def __str__(self) -> str:
        return "data"


class NamedSpace:
    """What a user writes for a vertex: a name and a label."""

    name: str

    @property
    def label(self) -> SpaceLabel:
        """The space without its name; equal labels are equal spaces."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.name} = {self.label}"


@dataclass(frozen=True, repr=False)
class Space(NamedSpace):
    """Arrays of a fixed shape and dtype.

    Parameters
    ----------
    name
        The vertex's name.
    shape
        Shape of one example, without the batch axis; an integer n means ``(n,)``.
    dtype
        Any numpy or JAX number type, by name or as an object. ``float64`` needs
        ``jax_enable_x64``.
    divergence
        A registered name, a ``Divergence`` or a callable on two batches.

    Raises
    ------
    InvalidStructure
        If the name, the shape or the dtype makes no sense.

    Examples
    --------
    >>> Space("image", (28, 28))
    Space('image', (28, 28))
    >>> print(Space("image", (28, 28), divergence="huber"))
    image = R^(28×28)
    """

    name: str
    shape: Any
    dtype: Any = "float32"
    divergence: Any = "squared_error"

    def __post_init__(self) -> None:
        failures: list[Failure] = _name_failures(self.name)
        shape = _shape_of(self.shape)
        if shape is None:
            message = f"found shape {self.shape!r}, expected sizes that are integers >= 0"
            failures.append(Failure("space", f"space {self.name!r}", message))
        dtype = _dtype_of(self.dtype, "fcib")
        if dtype is None:
            message = f"found dtype {self.dtype!r}, expected a number type such as 'float32'"
            failures.append(Failure("space", f"space {self.name!r}", message))
        if failures:
            raise InvalidStructure("Space", failures)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "divergence", Divergence.of(self.divergence))

    @property
    def label(self) -> ArrayLabel:
        return ArrayLabel(self.shape, self.dtype, self.divergence)

    def __repr__(self) -> str:
        default = ArrayLabel(self.shape)
        return _write(f"Space({self.name!r}, {self.shape!r}", self, default)


@dataclass(frozen=True, repr=False)
class Categorical(NamedSpace):
    """n classes, carried as integer labels or as logits.

    Parameters
    ----------
    name
        The vertex's name.
    n
        The number of classes, at least 1.
    divergence
        A registered name, a ``Divergence`` or a callable on two batches; its prediction is
        logits ``(batch, n)``, its target integer labels ``(batch,)`` or logits.
    dtype
        The float type of logits and of the one-hot arrays that models receive.

    Examples
    --------
    >>> Categorical("Y", 10)
    Categorical('Y', 10)
    >>> print(Categorical("Y", 10))
    Y = {0..9}
    """

    name: str
    n: int
    divergence: Any = "cross_entropy"
    dtype: Any = "float32"

    def __post_init__(self) -> None:
        failures = _name_failures(self.name)
        n = _shape_of(self.n)
        if n is None or n == (0,) or not hasattr(self.n, "__index__"):
            message = f"found n = {self.n!r}, expected the number of classes, at least 1"
            failures.append(Failure("space", f"space {self.name!r}", message))
        dtype = _dtype_of(self.dtype, "f")
        if dtype is None:
            message = f"found dtype {self.dtype!r}, expected a float type for the logits"
            failures.append(Failure("space", f"space {self.name!r}", message))
        if failures:
            raise InvalidStructure("Categorical", failures)
        object.__setattr__(self, "n", operator.index(self.n))
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "divergence", Divergence.of(self.divergence))

    @property
    def label(self) -> CategoricalLabel:
        return CategoricalLabel(self.n, self.dtype, self.divergence)

    def __repr__(self) -> str:
        return _write(f"Categorical({self.name!r}, {self.n}", self, CategoricalLabel(self.n))


@dataclass(frozen=True, init=False, repr=False)
class Product(NamedSpace):
    """Tuples of examples; its divergence is the sum of the factors'.

    Parameters
    ----------
    name
        The vertex's name.
    spaces
        The factors, each a ``Space``, ``Categorical`` or ``Product``.

    Examples
    --------
    >>> Product("P", Space("X", 2), Categorical("Y", 3))
    Product('P', Space('X', (2,)), Categorical('Y', 3))
    """

    name: str
    spaces: tuple[NamedSpace, ...]

    def __init__(self, name: str, *spaces: NamedSpace) -> None:
        failures = _name_failures(name)
        for position, space in enumerate(spaces):
            if not isinstance(space, NamedSpace):
                message = f"found a {type(space).__name__}, expected a Space"
                failures.append(Failure("space", f"factor {position} of {name!r}", message))
        if not spaces:
            message = "found no factors, expected at least one, which says how long a batch is"
            failures.append(Failure("space", f"product {name!r}", message))
        if failures:
            raise InvalidStructure("Product", failures)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "spaces", tuple(spaces))

    @property
    def label(self) -> ProductLabel:
        return ProductLabel(tuple(space.label for space in self.spaces))

    def __repr__(self) -> str:
        return f"Product({', '.join([repr(self.name), *map(repr, self.spaces)])})"


def factor_edges(product: Product) -> list[str]:
    """Name the edges from a product to its factors: ``P.X``, or ``P.0`` where factors repeat.

    Examples
    --------
    >>> X, Y = Space("X", 1), Space("Y", 1)
    >>> factor_edges(Product("P", X, Y)), factor_edges(Product("P", X, Y, X))
    (['P.X', 'P.Y'], ['P.0', 'P.Y', 'P.2'])
    """
    names = [factor.name for factor in product.spaces]
    return [
        f"{product.name}.{name if names.count(name) == 1 else index}"
        for index, name in enumerate(names)
    ]


def _write(start: str, space: Space | Categorical, default: SpaceLabel) -> str:
    parts = [start]
    if space.dtype != default.dtype:  # type: ignore
        parts.append(f"dtype={space.dtype!r}")
    if space.divergence != default.divergence:  # type: ignore
        divergence = space.divergence
        plain = isinstance(divergence, Divergence) and isinstance(divergence.function, str)
        short = plain and divergence == Divergence(divergence.function)
        parts.append(f"divergence={divergence.name if short else divergence!r}")
    return ", ".join(parts) + ")"


def _name_failures(name: Any) -> list[Failure]:
    if isinstance(name, str) and name:
        return []
    return [Failure("name", "a space", f"found the name {name!r}, expected non-empty text")]


def _shape_of(shape: Any) -> tuple[int, ...] | None:
    sizes: Sequence = (shape,) if hasattr(shape, "__index__") else shape
    try:
        result = tuple(operator.index(size) for size in sizes)
    except TypeError:
        return None
    return result if all(size >= 0 for size in result) else None


def _dtype_of(dtype: Any, kinds: str) -> str | None:
    # numpy learns the names of the small floats from ml_dtypes, on which JAX depends.
    if isinstance(dtype, str) and dtype.startswith(("bfloat", "float8")):
        import ml_dtypes

        dtype = getattr(ml_dtypes, dtype, None)
    try:
        result = None if dtype is None else np.dtype(dtype)
    except TypeError:
        return None
    return result.name if result is not None and dtype_kind(result) in kinds else None
