"""Spaces: which arrays live at a vertex, and what a prediction costs there.

A *space* says shape and dtype of one example and carries a divergence (Theory, section 2). It is
hashable and holds no values. Its name says which vertex it stands for and does not count when
spaces are compared; the label of a vertex is its space without the name.

There are four kinds of space:

- *array*: examples of a fixed shape and dtype, ``R^64``;
- *categorical*: n classes, ``{0..9}``, with two representations: ``label``, an integer of
  shape (), and ``logits``, floats of shape ``(n,)``. Models emit logits and receive labels
  one-hot; a prediction is always logits;
- *product*: tuples of examples, with one divergence, the sum of the factors';
- *data*: the elements of a data set, on which only projections are defined.

>>> X, Y = Space("X", (64,)), Categorical("Y", 10)
>>> X == Space("another name", 64) == X.label
True
>>> print(Product("P", X, Y).label)
R^64 × {0..9}
>>> Y.example(32), Y.example(32, "label")
(ShapeDtypeStruct(shape=(32, 10), dtype=float32), ShapeDtypeStruct(shape=(32,), dtype=int32))

Values at a vertex: is this array data for that space, and in which form is it carried?

Data for an array space is an array ``(examples, *shape)`` whose dtype converts to the space's
without loss of kind (numpy's ``same_kind``: integers may become floats, never the reverse).
Data for a categorical space is either of

- an *integer* array ``(examples,)`` of labels 0..n-1 (representation ``label``), or
- a *float* array ``(examples, n)`` of scores (representation ``logits``), read through a softmax
  wherever a distribution is meant. Probabilities are refused: give ``np.log`` of them.

So the array's own dtype declares the representation. Data for a product is a tuple.

>>> import numpy as np
>>> from catlearn.models import Categorical, Space
>>> for failure in check_array("digits.Y", Categorical("Y", 3).label, np.array([0, 3, 1, -1])):
...     print(failure)
digits.Y: 2 of 4 labels are outside 0..2, the first is 3 at example 1 [labels]
>>> check_array("digits.X", Space("X", 2).label, np.zeros((4, 2)))
[]
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeGuard

import numpy as np

from catlearn.display import Legible
from catlearn.errors import CatlearnError, Failure, Failures, nesting, refuse
from catlearn.models.divergences import Divergence, DivergenceSum

if TYPE_CHECKING:
    import jax


Representation = Literal["label", "logits"]
"""How a categorical value is carried."""


@functools.cache  # asked of every column of every batch, and numpy parses a name each time
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


class AnySpace(Legible):
    """What all spaces have in common; see the four kinds below.

    Spaces are compared without their names. The one that a diagram holds as the label of a vertex,
    :attr:`label`, has none: its name is None.
    """

    kind: ClassVar[str]
    #: A text; None for the label of a vertex, which most code never asks for its name.
    name: Any

    @property
    def label(self) -> Self:
        """The space without its name, and its factors without theirs."""
        if self.name is None:
            return self
        bare = object.__new__(type(self))
        bare.__dict__.update(self.__dict__, name=None)
        return bare

    @property
    def text(self) -> str:
        """The space in short, without its name."""
        raise NotImplementedError

    def example(self, batch: int, representation: Any = None) -> Any:
        """Return the abstract batch: a ``jax.ShapeDtypeStruct``, or a tuple for a product.

        Parameters
        ----------
        batch
            The number of examples, the leading axis.
        representation
            For a categorical space ``"label"`` or ``"logits"`` (the default: what models emit,
            and the structure of the one-hot arrays that they receive). For a product either one
            representation for all factors or a tuple with one for each.
        """
        raise NotImplementedError

    @property
    def features(self) -> int:
        """How many numbers a model receives for one example."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text if self.name is None else f"{self.name} = {self.text}"


def is_named(value: Any) -> TypeGuard[AnySpace]:
    """Whether a value is a space with a name: what a user writes for a vertex."""
    return isinstance(value, AnySpace) and value.name is not None


def no_space(value: Any) -> str:
    """Say what a value is that is no space with a name, in a message."""
    return "a space without a name" if isinstance(value, AnySpace) else f"a {type(value).__name__}"


def names_of(space: AnySpace) -> tuple[Any, ...]:
    """Return the name of a space and those of its factors, which do not count in its ``==``.

    Examples
    --------
    >>> names_of(Product("P", Space("X", 2), Space("Y", 3)))
    ('P', ('X',), ('Y',))
    """
    factors = space.spaces if isinstance(space, Product) else ()
    return space.name, *map(names_of, factors)


@dataclass(frozen=True, repr=False)
class Space(AnySpace):
    """Arrays of a fixed shape and dtype.

    Parameters
    ----------
    name
        The vertex's name; None for the label of one. It does not count in comparisons.
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

    kind: ClassVar[str] = "array"
    __match_args__ = ("shape", "dtype", "divergence")
    name: Any = field(compare=False)
    shape: Any
    dtype: Any = "float32"
    divergence: Any = "squared_error"

    def __post_init__(self) -> None:
        failures = Failures(_name_failures(self.name))
        shape = _shape_of(self.shape)
        if shape is None:
            message = f"found shape {self.shape!r}, expected sizes that are integers >= 0"
            failures.add("space", f"space {self.name!r}", message)
        dtype = _dtype_of(self.dtype, "fcib")
        if dtype is None:
            message = f"found dtype {self.dtype!r}, expected a number type such as 'float32'"
            failures.add("space", f"space {self.name!r}", message)
        refuse("Space", failures)
        vars(self).update(shape=shape, dtype=dtype, divergence=Divergence.of(self.divergence))

    def example(self, batch: int, representation: Any = None) -> jax.ShapeDtypeStruct:
        import jax

        return jax.ShapeDtypeStruct((batch, *self.shape), np.dtype(self.dtype))

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    @property
    def text(self) -> str:
        letter = {"f": "R", "c": "C", "i": "Z", "b": "B"}[dtype_kind(self.dtype)]
        match self.shape:
            case ():
                return letter
            case (n,):
                return f"{letter}^{n}"
            case shape:
                return f"{letter}^({'×'.join(map(str, shape))})"

    def __repr__(self) -> str:
        return _write(f"Space({self.name!r}, {self.shape!r}", self, "squared_error")


@dataclass(frozen=True, repr=False)
class Categorical(AnySpace):
    """n classes, carried as integer labels or as logits.

    Parameters
    ----------
    name
        The vertex's name; None for the label of one. It does not count in comparisons.
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

    kind: ClassVar[str] = "categorical"
    __match_args__ = ("n", "dtype", "divergence")
    name: Any = field(compare=False)
    n: int
    divergence: Any = "cross_entropy"
    dtype: Any = "float32"

    def __post_init__(self) -> None:
        failures = Failures(_name_failures(self.name))
        n = _shape_of(self.n)
        if n is None or n == (0,) or not hasattr(self.n, "__index__"):
            message = f"found n = {self.n!r}, expected the number of classes, at least 1"
            failures.add("space", f"space {self.name!r}", message)
        dtype = _dtype_of(self.dtype, "f")
        if dtype is None:
            message = f"found dtype {self.dtype!r}, expected a float type for the logits"
            failures.add("space", f"space {self.name!r}", message)
        refuse("Categorical", failures)
        vars(self).update(
            n=operator.index(self.n), dtype=dtype, divergence=Divergence.of(self.divergence)
        )

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

    @property
    def text(self) -> str:
        return "{0}" if self.n == 1 else f"{{0..{self.n - 1}}}"

    def __repr__(self) -> str:
        return _write(f"Categorical({self.name!r}, {self.n}", self, "cross_entropy")


@dataclass(frozen=True, init=False, repr=False)
class Product(AnySpace):
    """Tuples of examples; its divergence is the sum of the factors'.

    In a diagram the projection to a factor is the edge ``P.X``, called by product and factor; or
    ``P.0``, by its position, where factors of one name repeat.

    Parameters
    ----------
    name
        The vertex's name; None for the label of one. It does not count in comparisons.
    spaces
        The factors, each a ``Space``, ``Categorical`` or ``Product``.

    Raises
    ------
    InvalidStructure
        If the name or a factor makes no sense, or there is none.
    TooLarge
        If products are nested more than 64 levels deep.

    Examples
    --------
    >>> import catlearn as cl
    >>> P = Product("P", Space("X", 2), Categorical("Y", 3))
    >>> P
    Product('P', Space('X', (2,)), Categorical('Y', 3))
    >>> cl.LearningDiagram(P).edges
    ('P.X', 'P.Y')
    """

    kind: ClassVar[str] = "product"
    __match_args__ = ("factors",)
    name: Any = field(compare=False)
    spaces: tuple[AnySpace, ...]

    def __init__(self, name: str | None, *spaces: AnySpace) -> None:
        failures = Failures(_name_failures(name))
        for position, space in enumerate(spaces):
            if not (is_named(space) or (name is None and isinstance(space, Factor))):
                message = f"found {no_space(space)}, expected a Space"
                failures.add("space", f"factor {position} of {name!r}", message)
        if not spaces:
            message = "found no factors, expected at least one, which says how long a batch is"
            failures.add("space", f"product {name!r}", message)
        refuse("Product", failures)
        vars(self).update(
            depth=nesting(spaces, f"the product {name!r}"), name=name, spaces=tuple(spaces)
        )

    @property
    def label(self) -> Product:
        if self.name is None:
            return self
        return Product(None, *(space.label for space in self.spaces))

    @property
    def factors(self) -> tuple[AnySpace, ...]:
        """The factors without their names."""
        return tuple(space.label for space in self.spaces)

    @property
    def divergence(self) -> DivergenceSum:
        """The sum of the factors' divergences."""
        return DivergenceSum(tuple(factor.divergence for factor in self.spaces))  # type: ignore

    def example(self, batch: int, representation: Any = None) -> tuple:
        each = representation
        if not isinstance(representation, tuple):
            each = (representation,) * len(self.spaces)
        pairs = zip(self.spaces, each, strict=True)
        return tuple(factor.example(batch, one) for factor, one in pairs)

    @property
    def features(self) -> int:
        return sum(factor.features for factor in self.spaces)

    @property
    def text(self) -> str:
        texts = (f"({f.text})" if isinstance(f, Product) else f.text for f in self.spaces)
        return " × ".join(texts)

    def __repr__(self) -> str:
        return f"Product({', '.join([repr(self.name), *map(repr, self.spaces)])})"


@dataclass(frozen=True)
class DataSpace(AnySpace):
    """The elements of a data set: no arrays of its own, only projections out of it."""

    kind: ClassVar[str] = "data"
    name: ClassVar[None] = None

    def example(self, batch: int, representation: Any = None) -> Any:
        raise CatlearnError("a data set has no array of its own; follow one of its projections")

    @property
    def features(self) -> int:
        return 0

    @property
    def text(self) -> str:
        return "data"


Factor = Space | Categorical | Product
"""What a product may have as a factor."""


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


def _write(start: str, space: Space | Categorical, default: str) -> str:
    parts = [start]
    if space.dtype != "float32":
        parts.append(f"dtype={space.dtype!r}")
    if space.divergence != Divergence(default):
        divergence = space.divergence
        plain = isinstance(divergence, Divergence) and isinstance(divergence.function, str)
        short = plain and divergence == Divergence(divergence.function)
        parts.append(f"divergence={divergence.name if short else divergence!r}")
    return ", ".join(parts) + ")"


def _name_failures(name: Any) -> list[Failure]:
    if name is None or (isinstance(name, str) and name):
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


def check_array(where: str, label: AnySpace, array: Any) -> list[Failure]:
    """Return everything that is wrong with an array as data for a space.

    Parameters
    ----------
    where
        How failures call the array, such as ``"digits.X"``.
    label
        The space's label.
    array
        One array with the examples on its leading axis; a tuple of them at a product.

    Returns
    -------
    list of Failure
        Laws: ``shape``, ``dtype``, ``finite`` and ``range`` (count and first position), ``labels``
        (count, first position and value), ``representation``, ``mask``. Empty if the array is good
        data.
    """
    match label:
        case Product(factors):
            if not isinstance(array, tuple) or len(array) != len(factors):
                found = f"a tuple of {len(array)}" if isinstance(array, tuple) else _a(array)
                message = f"found {found}, expected a tuple of {len(factors)} arrays for {label}"
                return [Failure("shape", where, message)]
            return [
                failure
                for i, (factor, part) in enumerate(zip(factors, array, strict=True))
                for failure in check_array(f"{where}[{i}]", factor, part)
            ] + _unequal_lengths(where, array)
        case DataSpace():
            return [Failure("shape", where, "a data set has no array of its own")]
    if isinstance(array, np.ma.MaskedArray):
        count = int(np.ma.getmaskarray(array).sum())
        message = f"is a masked array, {count} of {array.size} values are missing"
        remedy = "leave these examples out, or fill them with .filled(value)"
        return [Failure("mask", where, f"{message}; {remedy}")]
    try:
        array = np.asarray(array)
    except ValueError:
        return [Failure("shape", where, "the examples do not all have the same shape")]
    if dtype_kind(array.dtype) == "?":
        expected = "integers or floats" if isinstance(label, Categorical) else "numbers"
        return [Failure("dtype", where, f"found dtype {array.dtype}, expected {expected}")]
    if isinstance(label, Categorical):
        return _check_categorical(where, label, array)
    assert isinstance(label, Space)
    return _check_plain(where, label, array)


def cast(label: AnySpace, array: Any) -> Any:
    """Return checked data in the space's own dtype; labels become int32. No copy if it has it."""
    if isinstance(label, Product):
        return tuple(starmap(cast, zip(label.factors, array, strict=True)))
    array = np.asarray(array)
    if isinstance(label, Categorical) and dtype_kind(array.dtype) == "i":
        return array.astype(np.int32, copy=False)
    assert isinstance(label, Space | Categorical)
    return array.astype(label.dtype, copy=False)


def representation_of(label: AnySpace, value: Any) -> Any:
    """Say in which representation a batch is carried, by its shape and dtype alone.

    Parameters
    ----------
    label
        The space's label.
    value
        An array, a tracer or a ``jax.ShapeDtypeStruct``; a tuple of them at a product.

    Returns
    -------
    str, tuple or None
        ``"array"``; ``"label"`` or ``"logits"`` at a categorical space; a tuple at a product;
        None if the value does not live in the space.
    """
    match label:
        case Product(factors):
            if not isinstance(value, tuple) or len(value) != len(factors):
                return None
            parts = tuple(map(representation_of, factors, value))
            return None if None in parts else parts
        case Categorical(n):
            shape, kind = _shape_in(value), _kind_of(value)
            if len(shape) == 1 and kind == "i":
                return "label"
            return "logits" if len(shape) == 2 and shape[1] == n and kind == "f" else None
        case Space(shape, dtype):
            found = _shape_in(value)
            fits = found[1:] == shape and len(found) > 0 and _kind_of(value) == dtype_kind(dtype)
            return "array" if fits else None
    return None


def as_input(label: AnySpace, value: Any) -> Any:
    """Turn a value into what a model receives: integer labels one-hot, all else unchanged.

    Parameters
    ----------
    label
        The space's label.
    value
        A batch at that space. At a product, a tuple, turned factor by factor.

    Returns
    -------
    array or tuple
        For labels ``(batch,)`` a float array ``(batch, n)`` of the space's dtype.
    """
    if isinstance(label, Product):
        return tuple(starmap(as_input, zip(label.factors, value, strict=True)))
    if isinstance(label, Categorical) and _kind_of(value) == "i":
        import jax

        return jax.nn.one_hot(value, label.n, dtype=label.dtype)
    return value


def _shape_in(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _kind_of(value: Any) -> str:
    return dtype_kind(value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype)


def _a(value: Any) -> str:
    return f"a {type(value).__name__}"


def _unequal_lengths(where: str, arrays: tuple) -> list[Failure]:
    lengths = {len(part) for part in arrays if not isinstance(part, tuple) and np.ndim(part) > 0}
    if len(lengths) < 2:
        return []
    return [Failure("shape", where, f"the factors have unequal lengths {sorted(lengths)}")]


def _check_plain(where: str, label: Space, array: np.ndarray) -> list[Failure]:
    failures = Failures()
    if array.ndim == 0 or array.shape[1:] != label.shape:
        expected = f"expected (examples, {', '.join(map(str, label.shape))})".replace(", )", ",)")
        failures.add("shape", where, f"found {array.shape}, {expected} for {label}")
    # numpy's own rule knows nothing of bfloat16, whence the kinds.
    ranks = "bifc"
    found, expected = dtype_kind(array.dtype), dtype_kind(label.dtype)
    if ranks.index(found) > ranks.index(expected):
        message = f"found dtype {array.dtype}, expected {label.dtype} or what converts to it"
        failures.add("dtype", where, f"{message}; convert it with .astype")
        return failures
    return failures + _check_values(where, array, label.dtype)


def _check_categorical(where: str, label: Categorical, array: np.ndarray) -> list[Failure]:
    match dtype_kind(array.dtype):
        case "i" if array.ndim == 1:
            outside = (array < 0) | (array >= label.n)
            if not outside.any():
                return []
            first = int(outside.argmax())
            message = (
                f"{int(outside.sum())} of {array.size} labels are outside 0..{label.n - 1}, "
                f"the first is {array[first]} at example {first}"
            )
            return [Failure("labels", where, message)]
        case "f" if array.ndim == 2 and array.shape[1] == label.n:
            return _check_values(where, array, label.dtype) or _check_scores(where, array)
    found = f"found {array.dtype} of shape {array.shape}"
    expected = f"integer labels (examples,) or float logits (examples, {label.n}) for {label}"
    law = "shape" if dtype_kind(array.dtype) in "if" else "dtype"
    return [Failure(law, where, f"{found}, expected {expected}")]


def _check_scores(where: str, array: np.ndarray) -> list[Failure]:
    """Refuse probabilities, which a softmax would flatten without anybody noticing."""
    several = array.shape[0] > 0 and array.shape[1] > 1
    array = array.astype(np.float32, copy=False)
    if not several or array.min() < 0 or not np.allclose(array.sum(axis=1), 1, atol=1e-3):
        return []
    message = "every row is a probability distribution, but floats here are logits"
    return [Failure("representation", where, f"{message}; give np.log of the probabilities")]


def _check_values(where: str, array: np.ndarray, dtype: str) -> list[Failure]:
    """Report what the dtype of a space does not hold: 1e300 in float32, 300 in uint8."""
    if dtype_kind(dtype) == "i":
        return _check_range(where, array, dtype)
    if dtype_kind(dtype) not in "fc":
        return []
    converted = array
    if array.dtype != dtype:
        with np.errstate(over="ignore"):
            converted = array.astype(dtype)
    return _outside("finite", where, array, np.isfinite(converted), f"not finite in {dtype}")


def _check_range(where: str, array: np.ndarray, dtype: str) -> list[Failure]:
    if array.dtype.kind == "b" or np.can_cast(array.dtype, dtype):
        return []
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    inside = (array >= least) & (array <= most)
    return _outside("range", where, array, inside, f"outside {least}..{most}, the range of {dtype}")


def _outside(
    law: str, where: str, array: np.ndarray, right: np.ndarray, what: str
) -> list[Failure]:
    """Say how many values are not right, and which is the first."""
    wrong = right.size - np.count_nonzero(right)
    if not wrong:
        return []
    first = np.unravel_index(right.argmin(), right.shape)
    place = tuple(map(int, first))
    message = f"{wrong} of {array.size} values are {what}"
    return [Failure(law, where, f"{message}, the first is {array[first]} at {place}")]


# The names of labels before spaces were their own.
ArrayLabel, CategoricalLabel, ProductLabel, DataLabel = Space, Categorical, Product, DataSpace
SpaceLabel = NamedSpace = AnySpace
