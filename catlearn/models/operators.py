r"""Operators: maps made of other maps, with the same parameters.

An operator sends a function on batches to another one: the function that a model computes to its
derivative, say. On an edge it makes a map whose parameters are those of the edge that it acts on,
as a differential equation asks for: u, its derivatives, and one set of parameters.

===================  ============================================  ==============================
name                 of f : X -> U                                 lies between
===================  ============================================  ==============================
derivative(along)    partial derivatives, one after the other      X -> U
laplacian(along)     the sum of second derivatives                 X -> U
jacobian             all first derivatives                         X -> the shapes of U and X
tangent              (x, v) to f(x) and the derivative along v     X x X -> U x U
===================  ============================================  ==============================

Coordinates are counted along an example, row by row. Derivatives are taken forward, by
``jax.jvp`` on the whole batch, so that there is one pass for each; examples must not depend on
each other. ``tangent`` is a functor: the tangent of a composite is the composite of tangents, which
is the chain rule.

>>> import jax.numpy as jnp
>>> x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
>>> derivative(lambda x: x[:, :1] ** 2 * x[:, 1:], along=(0, 1))(x).tolist()
[[2.0], [6.0]]
>>> laplacian(lambda x: (x**2).sum(axis=1))(x).tolist()
[4.0, 4.0]

References
----------
Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks", Journal of Computational
Physics 378, 2019, for the use. Elliott, "The simple essence of automatic differentiation",
ICFP 2018, for the functor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catlearn.errors import CatlearnError, Failure, InvalidStructure, UnknownName
from catlearn.models.architectures import Architecture, function_name
from catlearn.models.options import Options, bind_options
from catlearn.models.spaces import AnySpace

Batched = Callable[[Any], Any]
Operation = Callable[..., Batched]

_registry: dict[str, Operation] = {}


@dataclass(frozen=True, init=False)
class Operated(Architecture):
    """An operator on an architecture.

    Parameters
    ----------
    operator
        A registered name, or a callable ``operator(f, **options) -> g`` on functions of a batch.
    options
        Keyword options of the operator; left out ones take their defaults.

    Attributes
    ----------
    of
        The architecture that it acts on; None in the label of an edge, where the diagram says of
        which edge it is.
    source, target
        The labels between which ``of`` lies.

    Examples
    --------
    >>> print(Operated("derivative", along=(0, 0)))
    derivative(along=(0, 0))
    """

    operator: str | Operation
    options: Options
    of: Architecture | None
    source: AnySpace | None
    target: AnySpace | None

    def __init__(
        self,
        operator: str | Operation,
        of: Architecture | None = None,
        source: AnySpace | None = None,
        target: AnySpace | None = None,
        **options: Any,
    ) -> None:
        what = f"Operator {_name_of(operator)!r}"
        bound = bind_options(what, operation(operator), options, skip=1)
        values = operator, bound, of, source, target
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def on(self, of: Architecture, source: AnySpace, target: AnySpace) -> Operated:
        """Return the same operator on an architecture between two spaces."""
        return Operated(self.operator, of, source, target, **dict(self.options))

    @property
    def _on(self) -> Architecture:
        if self.of is None:
            raise CatlearnError(f"the operator {self} acts on no architecture yet")
        return self.of

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return f"it is an operator on {self.of}"

    @property
    def parameter_free(self) -> bool:
        return self._on.parameter_free

    @property
    def accepts_key(self) -> bool:
        return self._on.accepts_key

    @property
    def has_modes(self) -> bool:
        return self._on.has_modes

    @property
    def bound(self) -> bool:
        return self.of is None or self.of.bound

    @property
    def stackable(self) -> bool:
        return self._on.stackable

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        assert self.source is not None
        assert self.target is not None
        return self._on.structure(self.source, self.target)

    def parts(self, variables: Any) -> tuple[Any, Any, Any]:
        return self._on.parts(variables)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        def f(x: Any) -> Any:
            return self._on.run(variables, x, key=key, train=train)[0]

        return operation(self.operator)(f, **dict(self.options))(x), None

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={value}" for key, value in self.options)
        return f"{_name_of(self.operator)}({inner})" if inner else _name_of(self.operator)


def register_operator(name: str, fn: Operation) -> None:
    """Give an operator a name, under which labels, files and users can mention it.

    Parameters
    ----------
    name
        A name that is still free; once given it keeps its meaning.
    fn
        ``fn(f, **options) -> g``, where ``f`` and ``g`` are functions of a batch.

    Raises
    ------
    CatlearnError
        If the name already means something else.
    """
    if _registry.setdefault(name, fn) is not fn:
        raise CatlearnError(f"the operator {name!r} is registered already; choose another name")


def operation(operator: str | Operation) -> Operation:
    """Return a callable as it is, or the operator registered under a name."""
    if not isinstance(operator, str):
        return operator
    if operator not in _registry:
        known = ", ".join(_registry)
        message = f"no operator is called {operator!r}; there are: {known}"
        raise UnknownName(f"{message}. register_operator(name, fn) adds one")
    return _registry[operator]


def derivative(f: Batched, along: tuple[int, ...] = (0,)) -> Batched:
    """Return the derivative of a function along coordinates, one after the other."""
    for axis in _axes(along):
        f = _partial(f, axis)
    return f


def laplacian(f: Batched, along: tuple[int, ...] | None = None) -> Batched:
    """Return the sum of the second derivatives of a function, by default along all coordinates."""

    def sum_of(x: Any) -> Any:
        axes = range(math.prod(x.shape[1:])) if along is None else _axes(along)
        first, *others = (_partial(_partial(f, axis), axis)(x) for axis in axes)
        for other in others:
            first = first + other
        return first

    return sum_of


def jacobian(f: Batched) -> Batched:
    """Return all first derivatives of a function, the axes of its argument behind its own."""
    import jax

    return jax.vmap(jax.jacfwd(lambda one: f(one[None])[0]))


def tangent(f: Batched) -> Batched:
    """Return the tangent map: a point and a direction to the value and the derivative along it."""
    import jax

    return lambda pair: jax.jvp(f, (pair[0],), (pair[1],))


for _operation in (derivative, laplacian, jacobian, tangent):
    register_operator(_operation.__name__, _operation)


def _name_of(operator: str | Operation) -> str:
    return operator if isinstance(operator, str) else function_name(operator)


def _axes(along: tuple[int, ...]) -> tuple[int, ...]:
    good = isinstance(along, tuple) and along and all(isinstance(a, int) and a >= 0 for a in along)
    if not good:
        message = f"found along={along!r}, expected a tuple of coordinates such as (0, 0)"
        raise InvalidStructure("the operator", [Failure("options", "along", message)])
    return along


def _partial(f: Batched, axis: int) -> Batched:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def differentiated(x: Any) -> Any:
        shape, size = x.shape[1:], math.prod(x.shape[1:])
        if axis >= size:
            message = f"found coordinate {axis} of examples with {size}"
            raise InvalidStructure("the operator", [Failure("options", "along", message)])
        direction = np.zeros(size, x.dtype)
        direction[axis] = 1
        along = jnp.broadcast_to(direction.reshape(shape), x.shape)
        return jax.jvp(f, (x,), (along,))[1]

    return differentiated
