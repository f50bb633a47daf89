r"""Models made of others, and small ready ones: on lists, on factors, of low rank, by operators.

Small ready pieces of diagrams: constants, and one map applied to each factor of a power.

>>> from catlearn.models import Space
>>> X, Y = Space("X", 4), Space("Y", 2)
>>> Constant("real", X, Y, 1.0)
Model('real', X -> Y, fixed constant(dtype=float32, shape=(2,), value=1.0))

One map applied to each entry of a list: the functor that sends X to X^n, on architectures.

An example of X^n is an array with n in front of the shape of X, or a grid of entries with more
axes in front. A model on such lists has the parameters of the model on entries, and sends entry to
entry; entries and examples are run as one batch. So it is a functor: lists of a composite are the
composite of lists.

>>> import numpy as np
>>> from catlearn.models import Model, Space
>>> X, Z = Space("X", 4), Space("Z", 2)
>>> lists = each(Model("encoder", X, Z, "linear"), Space("Xs", (5, 4)), Space("Zs", (5, 2)))
>>> lists
Model('encoder', Xs -> Zs, each linear(use_bias=True))
>>> lists.failures()
[]

Operators: maps made of other maps, with the same parameters.

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
inner_step           (x, y, z) to f(z) after steps down the        X^k x U^k x X^m -> U^m
                     gradient of the cost of f(x) against y
===================  ============================================  ==============================

Coordinates are counted along an example, row by row. Derivatives are taken forward, by
``jax.jvp`` on the whole batch, so that there is one pass for each; examples must not depend on
each other. ``tangent`` is a functor: the tangent of a composite is the composite of tangents, which
is the chain rule.

An operator with an argument called ``params`` sees parameters: ``operator(f, params, **options)``
gets ``f(params, x)`` and the trained parameters, and may move or differentiate them. ``inner_step``
is such a one: an example is a task, with points to learn from and points to be asked. At a product,
what an operator returns gets the factors one by one if it takes as many, as a model does.

>>> def halved(f, params):
...     return lambda x: f(params / 2, x)
>>> halved(lambda params, x: params * x, 4.0)(3.0)
6.0
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
ICFP 2018, for the functor. Finn, Abbeel, Levine, "Model-agnostic meta-learning for fast adaptation
of deep networks", ICML 2017, for the inner step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

import numpy as np

from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    UnknownName,
    expect,
    expect_each,
    fault,
    nesting,
    refuse,
)
from catlearn.models.architectures import (
    Architecture,
    LowRank as LowRank,
    Registered,
    Wrapper,
    combined,
    function_name,
)
from catlearn.models.calls import Options, bind_options, call_of, signature_of
from catlearn.models.divergences import AnyDivergence, Divergence
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
    expect_each(AnySpace, "a Space", source=source, target=target)
    failures = Failures()
    written = _written(f"constant {name!r}", target.label, value, failures)
    refuse(f"Constant {name!r}", failures)
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
    expect(model, Model, "model", "a Model of the factors")
    expect_each(Product, "a Product of copies of a space", source=source, target=target)
    sides = (("source", source, model.source), ("target", target, model.target))
    failures = Failures(
        Failure("power", f"{side} {power.name!r}", f"expected a product of copies of {one.name!r}")
        for side, power, one in sides
        if any(factor != one for factor in power.spaces)
    )
    if len(source.spaces) != len(target.spaces):
        message = (
            f"found {len(source.spaces)} and {len(target.spaces)} factors, expected equally many"
        )
        failures.add("power", "its two products", message)
    refuse(f"{name!r}, {model.name!r} on factors", failures)
    paths = [f"{factor} >> {model.name}" for factor in factor_edges(source)]
    return source, target, model, Pairing(name, target, *paths)


def _written(where: str, label: AnySpace, value: Any, failures: Failures) -> tuple[Any, Any, Any]:
    """Return a value as hashable numbers, with the shape and the dtype that it is to have."""
    if isinstance(label, Product):
        if not isinstance(value, tuple | list) or len(value) != len(label.factors):
            message = f"expected a tuple of {len(label.factors)} values for {label}"
            failures.add("value", where, message)
            return (), (), ()
        parts = [
            _written(f"{where}, factor {i}", factor, part, failures)
            for i, (factor, part) in enumerate(zip(label.factors, value, strict=True))
        ]
        values, shapes, dtypes = zip(*parts, strict=True)
        return values, shapes, dtypes
    assert isinstance(label, Space | Categorical)
    try:
        array = np.asarray(value)
    except ValueError as error:
        failures.add("value", where, f"expected one example of {label}: {error}")
        return (), (), ()
    shape, dtype = label.shape, label.dtype
    if isinstance(label, Categorical) and array.dtype.kind in "iu" and array.ndim == 0:
        if not 0 <= array < label.n:
            message = f"found the label {value}, expected one of 0..{label.n - 1}"
            failures.add("value", where, message)
        shape, dtype = (), "int32"
    ranks = "bifc?"
    converts = ranks.index(dtype_kind(array.dtype)) <= ranks.index(dtype_kind(dtype))
    if array.shape not in ((), shape) or not converts:
        message = f"found {array.dtype} of shape {array.shape}, expected one example of {label}"
        failures.add("value", where, message)
    return _tuples(array.tolist()), shape, dtype


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Each(Wrapper):
    """An architecture on the entries of lists.

    Parameters
    ----------
    architecture
        The architecture on entries; its parameters and its object are those of this one.
    source, target
        The spaces of the entries.
    """

    architecture: Architecture
    source: AnySpace
    target: AnySpace

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return f"it is applied to each entry of a list; {self.architecture.remedy}"

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return self.architecture.init(key, self.source, self.target)

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        return self.architecture.structure(self.source, self.target)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        import jax

        entry = self.source.shape  # type: ignore[attr-defined]
        leading = x.shape[: x.ndim - len(entry)]
        y, changed = self.architecture.run(
            variables, x.reshape(math.prod(leading), *entry), key=key, train=train
        )
        return jax.tree.map(lambda leaf: leaf.reshape(*leading, *leaf.shape[1:]), y), changed

    def rebuild(self, params: Any) -> Any:
        return self.architecture.rebuild(params)

    def parameters_of(self, value: Any) -> Any:
        return self.architecture.parameters_of(value)

    def __str__(self) -> str:
        return f"each {self.architecture}"


def each(model: Model, source: AnySpace, target: AnySpace) -> Model:
    """Return a model applied to each entry of a list, with the same name and parameters.

    Parameters
    ----------
    model
        A model from a space of arrays.
    source, target
        The spaces of lists: shapes end as those of the model's own spaces, and have the same
        axes in front.

    Raises
    ------
    InvalidStructure
        If the shapes are not such.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> X, Z = Space("X", 4), Space("Z", 2)
    >>> each(Model("encoder", X, Z, "linear"), Space("Xs", (5, 4)), Space("Zs", (5, 2)))
    Model('encoder', Xs -> Zs, each linear(use_bias=True))
    """
    expect(model, Model, "model", "a Model of entries")
    expect_each(AnySpace, "a Space of lists", source=source, target=target)
    entries = model.source.label, model.target.label
    lists = source.label, target.label
    fronts = list(starmap(_front, zip(entries, lists, strict=True)))
    if None in fronts or fronts[0] != fronts[1]:
        message = f"expected lists of {entries[0]} and of {entries[1]}, equally long"
        raise fault(f"model {model.name!r} on lists", "shape", f"{source} and {target}", message)
    lifted = object.__new__(Model)
    label = replace(model.label, architecture=Each(model.architecture, *entries))
    lifted._set(model.name, source, target, label, model.start)
    return lifted


def _front(entry: AnySpace, many: AnySpace) -> tuple[int, ...] | None:
    """Return the axes in front of the entries, None if there are no such entries."""
    shape = getattr(entry, "shape", None)
    if shape is None or not isinstance(many, Space):
        return None
    cut = len(many.shape) - len(shape)
    return many.shape[:cut] if cut > 0 and many.shape[cut:] == shape else None


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
    expect(model, Model, "model", "a Model to adapt")
    return model.lora(rank, alpha=alpha, key=key)


Batched = Callable[[Any], Any]
Operation = Callable[..., Callable[..., Any]]

_registry: dict[str, Operation] = {}


@dataclass(frozen=True, init=False)
class Operated(Wrapper):
    """An operator on an architecture.

    Parameters
    ----------
    operator
        A registered name, or a callable ``operator(f, **options) -> g`` on functions of a batch, or
        ``operator(f, params, **options) -> g``, where ``f(params, x)`` is the function at any
        parameters.
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
    stateful = False  # type: ignore[assignment]

    def __init__(
        self,
        operator: str | Operation,
        of: Architecture | None = None,
        source: AnySpace | None = None,
        target: AnySpace | None = None,
        **options: Any,
    ) -> None:
        wanted = "the name of one, such as 'derivative', or a function of functions"
        expect(operator, (str, Callable), "an operator", wanted)
        what = f"Operator {_name_of(operator)!r}"
        called = operation(operator)
        bound = bind_options(what, called, options, skip=2 if sees_parameters(called) else 1)
        vars(self).update(operator=operator, options=bound, of=of, source=source, target=target)
        vars(self).update(depth=nesting([of], "an operator on operators"))

    def on(self, of: Architecture, source: AnySpace, target: AnySpace) -> Operated:
        """Return the same operator on an architecture between two spaces."""
        return Operated(self.operator, of, source, target, **dict(self.options))

    @property
    def architecture(self) -> Architecture:  # type: ignore[override]
        if self.of is None:
            raise CatlearnError(f"the operator {self} acts on no architecture yet")
        return self.of

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return f"it is an operator on {self.of}"

    @property
    def bound(self) -> bool:
        return self.of is None or self.of.bound

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        assert self.source is not None
        assert self.target is not None
        return self.architecture.structure(self.source, self.target)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        def on(variables: Any, x: tuple[Any, ...]) -> Any:
            (whole,) = x if len(x) == 1 else (x,)
            return self.architecture.run(variables, whole, key=key, train=train)[0]

        operator, options = operation(self.operator), dict(self.options)
        if sees_parameters(operator):
            trained, *others = self.architecture.parts(variables)
            g = operator(lambda params, *x: on(combined(params, *others), x), trained, **options)
        else:
            g = operator(lambda *x: on(variables, x), **options)
        return g(*call_of(g).spread(x)), None

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={value}" for key, value in self.options)
        return f"{_name_of(self.operator)}({inner})" if inner else _name_of(self.operator)


def sees_parameters(operator: Operation) -> bool:
    """Whether an operator gets the parameters of what it acts on, as its argument ``params``."""
    signature = signature_of(operator)
    return signature is not None and list(signature.parameters)[1:2] == ["params"]


def register_operator(name: str, fn: Operation) -> None:
    """Give an operator a name, under which labels, files and users can mention it.

    Parameters
    ----------
    name
        A name that is still free; once given it keeps its meaning.
    fn
        ``fn(f, **options) -> g``, where ``f`` and ``g`` are functions of a batch; or
        ``fn(f, params, **options) -> g``, where ``f`` is one of parameters and a batch.

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
        raise UnknownName(f"{message}. catlearn.models.register_operator(name, fn) adds one")
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


def inner_step(
    f: Callable[[Any, Any], Any],
    params: Any,
    rate: float = 0.1,
    steps: int = 1,
    divergence: str | AnyDivergence | Callable = "squared_error",
    first_order: bool = False,
) -> Callable[[Any, Any, Any], Any]:
    """Return a function of tasks that learns from points of each, and then is asked others.

    Parameters
    ----------
    f
        The function, of parameters and a batch.
    params
        The parameters from which each task starts.
    rate, steps
        How far a step goes down the gradient, and how many there are.
    divergence
        What a prediction costs against a target; the cost of a task is its mean over the points.
    first_order
        Whether the derivative of the steps is left out of that of the result.

    Returns
    -------
    callable
        ``(x, y, z) -> f(z)`` at the parameters of each task, with tasks on the first axis of all
        and points on the second.

    References
    ----------
    Finn, Abbeel, Levine, "Model-agnostic meta-learning for fast adaptation of deep networks",
    ICML 2017; section 5.2 for the first order.
    """
    import jax

    cost = Divergence.of(divergence)
    if not hasattr(steps, "__index__") or steps < 1:
        message = f"found steps={steps!r}, expected a positive number of them"
        raise fault("inner_step", "options", "steps", message)

    def one(x: Any, y: Any, z: Any) -> Any:
        own = params
        for _ in range(steps):
            slope = jax.grad(lambda own: cost(f(own, x), y).mean())(own)
            if first_order:
                slope = jax.lax.stop_gradient(slope)
            own = jax.tree.map(lambda leaf, down: leaf - rate * down, own, slope)
        return f(own, z)

    return jax.vmap(one)


for _operation in (derivative, laplacian, jacobian, tangent, inner_step):
    register_operator(_operation.__name__, _operation)


def _name_of(operator: str | Operation) -> str:
    return operator if isinstance(operator, str) else function_name(operator)


def _axes(along: tuple[int, ...]) -> tuple[int, ...]:
    good = isinstance(along, tuple) and along and all(isinstance(a, int) and a >= 0 for a in along)
    if not good:
        message = f"found along={along!r}, expected a tuple of coordinates such as (0, 0)"
        raise fault("the operator", "options", "along", message)
    return along


def _partial(f: Batched, axis: int) -> Batched:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def differentiated(x: Any) -> Any:
        shape, size = x.shape[1:], math.prod(x.shape[1:])
        if axis >= size:
            message = f"found coordinate {axis} of examples with {size}"
            raise fault("the operator", "options", "along", message)
        direction = np.zeros(size, x.dtype)
        direction[axis] = 1
        along = jnp.broadcast_to(direction.reshape(shape), x.shape)
        return jax.jvp(f, (x,), (along,))[1]

    return differentiated
