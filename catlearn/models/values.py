"""Values at a vertex: is this array data for that space, and in which form is it carried?

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

from typing import Any

import numpy as np

from catlearn.errors import Failure
from catlearn.models.spaces import (
    AnySpace,
    Categorical,
    DataSpace,
    Product,
    Space,
    dtype_kind,
)


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
        Laws: ``shape``, ``dtype``, ``finite`` (count and first position), ``labels`` (count,
        first position and value), ``representation``. Empty if the array is good data.
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
        return tuple(cast(f, part) for f, part in zip(label.factors, array, strict=True))
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
            shape, kind = _shape_of(value), _kind_of(value)
            if len(shape) == 1 and kind == "i":
                return "label"
            return "logits" if len(shape) == 2 and shape[1] == n and kind == "f" else None
        case Space(shape, dtype):
            found = _shape_of(value)
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
        return tuple(as_input(f, part) for f, part in zip(label.factors, value, strict=True))
    if isinstance(label, Categorical) and _kind_of(value) == "i":
        import jax

        return jax.nn.one_hot(value, label.n, dtype=label.dtype)
    return value


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _kind_of(value: Any) -> str:
    return dtype_kind(value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype)


def _a(value: Any) -> str:
    return f"a {type(value).__name__}"


def _unequal_lengths(where: str, arrays: tuple) -> list[Failure]:
    lengths = {len(part) for part in arrays if np.ndim(part) > 0 and not isinstance(part, tuple)}
    if len(lengths) < 2:
        return []
    return [Failure("shape", where, f"the factors have unequal lengths {sorted(lengths)}")]


def _check_plain(where: str, label: Space, array: np.ndarray) -> list[Failure]:
    failures = []
    if array.ndim == 0 or array.shape[1:] != label.shape:
        expected = f"expected (examples, {', '.join(map(str, label.shape))})".replace(", )", ",)")
        failures.append(Failure("shape", where, f"found {array.shape}, {expected} for {label}"))
    # numpy's own rule knows nothing of bfloat16, whence the kinds.
    ranks = "bifc"
    found, expected = dtype_kind(array.dtype), dtype_kind(label.dtype)
    if ranks.index(found) > ranks.index(expected):
        message = f"found dtype {array.dtype}, expected {label.dtype} or what converts to it"
        failures.append(Failure("dtype", where, f"{message}; convert it with .astype"))
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
    """Report what is not finite, also once converted (1e300 is infinite in float32)."""
    if dtype_kind(dtype) not in "fc":
        return []
    converted = array
    if array.dtype != dtype:
        with np.errstate(over="ignore"):
            converted = array.astype(dtype)
    finite = np.isfinite(converted)
    if finite.all():
        return []
    count, first = int((~finite).sum()), np.unravel_index((~finite).argmax(), finite.shape)
    place = tuple(map(int, first))
    message = f"{count} of {array.size} values are not finite in {dtype}"
    return [Failure("finite", where, f"{message}, the first is {array[first]} at {place}")]
