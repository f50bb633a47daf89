"""Small ready pieces of diagrams: constants, and one map applied to each factor of a power.

>>> from catlearn.models import Space
>>> X, Y = Space("X", 4), Space("Y", 2)
>>> Constant("real", X, Y, 1.0)
Model('real', X -> Y, fixed constant(dtype=float32, shape=(2,), value=1.0))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.architectures import Registered
from catlearn.models.maps import Model, Pairing
from catlearn.models.spaces import (
    AnySpace,
    Categorical,
    Product,
    Space,
    dtype_kind,
    factor_edges,
)


def Constant(name: str, source: AnySpace, target: AnySpace, value: Any) -> Model:
    """A fixed map that forgets its input.

    Parameters
    ----------
    name
        The edge's name.
    source, target
        Its ends.
    value
        One example of the target, or a number for all of its entries; at a categorical space an
        integer label or logits; at a product a tuple with one value for each factor. The value
        belongs to the label of the map, so that maps of different values are different; a value
        that is trained is ``Model(name, source, target, "parameter")``.

    Returns
    -------
    Model
        Of the fixed kind, with the registered architecture ``constant``.

    Raises
    ------
    InvalidStructure
        If the value is none of the target.

    Examples
    --------
    >>> from catlearn.models import Categorical, Product, Space
    >>> X, Z = Space("X", 4), Space("Z", 2)
    >>> Constant("prior", X, Product("P", Z, Z), (0.0, 0.0)).failures()
    []
    >>> Constant("first", X, Categorical("Y", 3), 0).failures()
    []
    """
    failures: list[Failure] = []
    written = _written(f"constant {name!r}", target.label, value, failures)
    if failures:
        raise InvalidStructure(f"Constant {name!r}", failures)
    value, shape, dtype = written
    return Model(
        name, source, target, Registered("constant", value=value, shape=shape, dtype=dtype)
    )


def on_factors(name: str, model: Model, source: Product, target: Product) -> tuple:
    """One model applied to each factor of a power: the parts of a diagram that say so.

    Parameters
    ----------
    name
        The name of the edge from ``source`` to ``target``.
    model
        The model; all factors share it.
    source, target
        Products of equally many factors, all of which are the model's source, or its target.

    Returns
    -------
    tuple
        The two products, the model, and the pairing of ``factor >> model``.

    See Also
    --------
    each : the same on arrays with one axis more, as one batched operation.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> X, Z = Space("X", 4), Space("Z", 2)
    >>> f, X2, Z2 = Model("f", X, Z, "linear"), Product("X2", X, X), Product("Z2", Z, Z)
    >>> print(on_factors("f2", f, X2, Z2)[-1])
    f2 = <X2.0 >> f, X2.1 >> f>
    """
    sides = (("source", source, model.source), ("target", target, model.target))
    failures = [
        Failure("power", f"{side} {power.name!r}", f"expected a product of copies of {one.name!r}")
        for side, power, one in sides
        if any(factor != one for factor in power.spaces)
    ]
    if len(source.spaces) != len(target.spaces):
        message = (
            f"found {len(source.spaces)} and {len(target.spaces)} factors, expected equally many"
        )
        failures.append(Failure("power", "its two products", message))
    if failures:
        raise InvalidStructure(f"{name!r}, {model.name!r} on factors", failures)
    paths = [f"{factor} >> {model.name}" for factor in factor_edges(source)]
    return source, target, model, Pairing(name, target, *paths)


def _written(
    where: str, label: AnySpace, value: Any, failures: list[Failure]
) -> tuple[Any, Any, Any]:
    """Return a value as hashable numbers, with the shape and the dtype that it is to have."""
    if isinstance(label, Product):
        if not isinstance(value, tuple | list) or len(value) != len(label.factors):
            message = f"expected a tuple of {len(label.factors)} values for {label}"
            failures.append(Failure("value", where, message))
            return (), (), ()
        parts = [
            _written(f"{where}, factor {i}", factor, part, failures)
            for i, (factor, part) in enumerate(zip(label.factors, value, strict=True))
        ]
        values, shapes, dtypes = zip(*parts, strict=True)
        return values, shapes, dtypes
    assert isinstance(label, Space | Categorical)
    array = np.asarray(value)
    shape, dtype = label.shape, label.dtype
    if isinstance(label, Categorical) and array.dtype.kind in "iu" and array.ndim == 0:
        if not 0 <= array < label.n:
            message = f"found the label {value}, expected one of 0..{label.n - 1}"
            failures.append(Failure("value", where, message))
        shape, dtype = (), "int32"
    ranks = "bifc?"
    converts = ranks.index(dtype_kind(array.dtype)) <= ranks.index(dtype_kind(dtype))
    if array.shape not in ((), shape) or not converts:
        message = f"found {array.dtype} of shape {array.shape}, expected one example of {label}"
        failures.append(Failure("value", where, message))
    return _tuples(array.tolist()), shape, dtype


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
