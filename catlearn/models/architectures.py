"""Architectures: everything about a model except its name and the values of its parameters.

An architecture is a hashable label. Two edges with equal architectures are the same kind of
map, can be glued, and can be run as one batched operation. Every architecture answers

- ``init(key, source, target)``: starting variables, a pytree of arrays;
- ``parts(variables)``: which of them are trained, which are held, which change when called;
- ``run(variables, x, key=None, train=False)``: the map on a batch (leading axis), and what the call
  changed; at a product ``x`` is a tuple of batches; ``apply`` is the value in evaluation;
- ``rebuild(variables)``: the user's object with these variables in it.

A subclass defines ``run``, or only ``apply`` where training is as evaluation and nothing changes.

Identity: a registered architecture is its name and options; a bare function is itself; an
object of a model library is its static part and the shapes and dtypes of its parameters.

>>> Registered("mlp", width=8) == Registered("mlp", width=8, depth=1)
True
>>> Function(abs) == Function(abs), Function(abs) == Function(len)
(True, False)

The registered architectures, in plain JAX.

``linear`` and ``mlp`` are trained; ``parameter`` is a trained value that forgets its input;
``constant`` and ``gaussian_sample`` have no parameters, so that maps made of them are fixed.

The first two flatten what they receive, tuples included, and emit arrays of the target's shape, so
they fit between any two spaces that are not products on the right. Weights have shape
``(inputs, *target shape)`` and are drawn by LeCun's normal initialiser, biases are zero, as is
usual; dtypes are the target's.

>>> import jax
>>> from catlearn.models import Categorical, Registered, Space
>>> X, Y = Space("X", (4, 4)), Categorical("Y", 10)
>>> mlp = Registered("mlp", width=8)
>>> params = mlp.init(jax.random.key(0), X.label, Y.label)
>>> mlp.apply(params, jax.numpy.ones((5, 4, 4))).shape
(5, 10)

References
----------
LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.

Sentences as arrays of word numbers: what teacher forcing reads of them, and what words cost.

A sentence of n + 1 word numbers is read twice: the words before, from which each next one is
predicted, and the words after, which are the targets, as distributions. Padding is no word: it has
the zero distribution, and costs nothing. ``words_before`` and ``words_after`` are registered
architectures without parameters; ``word_cross_entropy`` is the divergence for them.

>>> import numpy as np
>>> from catlearn.models import Model, Space
>>> sentence, later = Space("sentence", 4, "int32"), Space("later", (3, 5))
>>> after = Model("after", sentence, later, "words_after", words=5)
>>> after.architecture.apply((), np.array([[1, 4, 2, 0]]))[0].argmax(axis=-1).tolist()
[4, 2, 0]
>>> after.architecture.apply((), np.array([[1, 4, 2, 0]])).sum(axis=-1).tolist()
[[1.0, 1.0, 0.0]]

References
----------
Williams, Zipser, "A learning algorithm for continually running fully recurrent neural networks",
Neural Computation 1, 1989, for teacher forcing.

Low-rank adaptation: the matrices of a model are held, and a product of two thin ones is added.

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

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from catlearn.display import Brief
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    UnknownName,
    expect,
    fault,
    nesting,
    refuse,
)
from catlearn.files import shorten
from catlearn.models.calls import Call, Options, bind_options, call_of, draw, write_call
from catlearn.models.spaces import AnySpace, Categorical, Space, dtype_kind


class Applied(functools.partial):
    """A function of a batch: the map of an architecture at parameters, which are not shown."""

    def __repr__(self) -> str:
        return f"Applied({getattr(self.func, '__self__', self.func)!s})"


class Architecture(Brief):
    """The protocol; subclasses are hashable values."""

    #: Where the callable expects its argument, for error messages.
    remedy = "functions are called on a batch: the leading axis counts examples"

    #: The import name of the model library whose objects these are, if any.
    library: ClassVar[str | None] = None

    #: Whether the map has no parameters at all, so that any ``params`` is ignored.
    parameter_free: bool = False

    #: Whether ``run`` passes a key on; see ``needs_key`` for whether it must have one.
    accepts_key: bool = False

    #: Whether there is something to run; False only for what a file merely mentions.
    bound: bool = True

    #: Whether a call in training changes some of the variables, as batch norm does.
    stateful: bool = False

    #: Whether ``jax.vmap`` may run several such maps as one.
    stackable: bool = True

    @property
    def has_modes(self) -> bool:
        """Whether training and evaluation may differ."""
        return self.stateful

    def between(self, source: AnySpace, target: AnySpace) -> Architecture:
        """Return the architecture as it is on an edge between two spaces; by default itself."""
        return self

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        """Draw starting parameters for a map from ``source`` to ``target``."""
        raise NotImplementedError

    def parts(self, variables: Any) -> tuple[Any, Any, Any]:
        """Split variables into what is trained, what is held and what calls change.

        Each part is the whole tree with None in the place of what belongs to the others, by their
        :meth:`role`; the last is None if calls change nothing.
        """
        changed = self.only("changed", variables) if self.stateful else None
        return self.only("trained", variables), self.only("held", variables), changed

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        """Whether a variable is ``trained``, ``held``, or ``changed`` by calls, by its place.

        By default floating-point arrays are trained and all others are held.
        """
        import jax.numpy as jnp

        return "trained" if jnp.issubdtype(leaf.dtype, jnp.inexact) else "held"

    def only(self, role: str, variables: Any) -> Any:
        """Return variables with None in the place of those that have another role."""
        import jax

        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf if self.role(path, leaf) == role else None, variables
        )

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        """Run the map on a batch, in training or in evaluation.

        Returns
        -------
        y, changed
            The values, and the part of the variables that the call changed: a tree like the
            third of :meth:`Architecture.parts`, or None if nothing did.
        """
        return self.apply(variables, x, key), None

    def apply(self, params: Any, x: Any, key: Any = None) -> Any:
        """Run the map on a batch, in evaluation."""
        return self.run(params, x, key)[0]

    def rebuild(self, params: Any) -> Any:
        """Return the user's object with these parameters; by default a function of a batch."""
        return Applied(self.apply, params)

    def parameters_of(self, value: Any) -> Any:
        """Read parameters from the user's object, or return parameters as they are."""
        return value

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        """Return the parameters' pytree of ``jax.ShapeDtypeStruct``, without computing."""
        import jax

        return _structure(self, source, target, jax.config.read("jax_enable_x64"))


class Wrapper(Architecture):
    """An architecture that runs another one, and is run as that one is."""

    architecture: Architecture

    def __post_init__(self) -> None:
        depth = nesting([self.architecture], f"{type(self).__name__} of an architecture")
        object.__setattr__(self, "depth", depth)

    @property
    def parameter_free(self) -> bool:
        return self.architecture.parameter_free

    @property
    def accepts_key(self) -> bool:
        return self.architecture.accepts_key

    @property
    def has_modes(self) -> bool:
        return self.architecture.has_modes

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        return self.architecture.role(path, leaf)

    @property
    def bound(self) -> bool:
        return self.architecture.bound

    @property
    def stateful(self) -> bool:
        return self.architecture.stateful

    @property
    def stackable(self) -> bool:
        return self.architecture.stackable


class Library(Architecture):
    """An architecture that is an object of a model library."""

    def __repr__(self) -> str:
        return f"<{self.library} {self}>"


class Made(Library):
    """An object that a library makes with its variables: given, or drawn by a factory."""

    #: The variables as ``jax.ShapeDtypeStruct``.
    template: Any

    #: ``key -> object``, if it is drawn.
    factory: Callable | None

    #: What the library calls its arrays.
    arrays = "arrays"

    @property
    def has_modes(self) -> bool:
        return True

    def structure(self, source: AnySpace | None, target: AnySpace | None) -> Any:
        return self.template

    def init(self, key: Any, source: AnySpace | None, target: AnySpace | None) -> Any:
        if self.parameter_free:
            return self.template
        if self.factory is not None:
            return self.parameters_of(draw(self.factory, key))
        raise CatlearnError(
            f"{self} was given as an object, so it starts from its own {self.arrays} and is not "
            "drawn; give a function of `key` to have it drawn"
        )


class Calling(Architecture):
    """An architecture that calls a function of a batch, with its parameters before if it has some.

    If the function has arguments ``key`` or ``train``, it is given them by name.
    """

    #: What is called.
    function: Any

    #: How many of its arguments are before its inputs.
    leading = 1

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        return self._call(self.function, (variables,)[: self.leading], x, key, train), None

    @property
    def accepts_key(self) -> bool:
        return self._call.key

    @property
    def has_modes(self) -> bool:
        return self._call.train

    @property
    def _call(self) -> Call:
        return call_of(self.function, self.leading)

    def __str__(self) -> str:
        return function_name(self.function)


@dataclass(frozen=True, init=False, repr=False)
class Registered(Calling):
    """An architecture by name, refined by options; the only kind that files can contain.

    Parameters
    ----------
    name
        A registered name; ``linear`` and ``mlp`` are built in.
    options
        Hashable keyword options; left out ones take their defaults.

    Examples
    --------
    >>> Registered("linear")
    Registered('linear', use_bias=True)
    """

    name: str
    options: Options

    def __init__(self, name: str, **options: Any) -> None:
        factory = architecture_factory(name)
        bound = bind_options(f"Architecture {name!r}", factory, options)
        vars(self).update(name=name, options=bound)
        _build(name, bound)

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return _build(self.name, self.options)[0](key, source, target)

    @property
    def parameter_free(self) -> bool:
        return self.name in _parameter_free

    @property
    def function(self) -> Callable:
        """The function of parameters and a batch."""
        return _build(self.name, self.options)[1]

    def __repr__(self) -> str:
        return write_call("Registered", repr(self.name), self.options)

    def __str__(self) -> str:
        options = (f"{key}={shorten(str(value))}" for key, value in self.options)
        return f"{self.name}({', '.join(options)})"


@dataclass(frozen=True)
class Plain(Calling):
    """A pair of functions: ``init(key) -> params`` and ``apply(params, x) -> y`` on a batch.

    Compared by the identity of the two functions.

    Examples
    --------
    >>> scale = Plain(lambda key: 2.0, lambda params, x: params * x)
    >>> scale.apply(scale.init(None, None, None), 3.0)
    6.0
    """

    initialise: Callable
    function: Callable

    def init(self, key: Any, source: AnySpace | None, target: AnySpace | None) -> Any:
        return self.initialise(key)


@dataclass(frozen=True)
class Function(Calling):
    """A function of a batch without parameters, compared by identity.

    Examples
    --------
    >>> Function(abs).apply((), -1.0)
    1.0
    """

    function: Callable
    parameter_free = True
    leading = 0

    def init(self, key: Any, source: AnySpace | None, target: AnySpace | None) -> Any:
        return ()

    def rebuild(self, params: Any) -> Any:
        return self.function


@dataclass(frozen=True)
class Unbound(Architecture):
    """What a file names but cannot contain: code. ``diagram.bind(name=...)`` supplies it.

    Parameters
    ----------
    description
        What stood there when the file was written, such as ``"equinox MLP"``.
    """

    description: str
    bound = False

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        raise self._error()

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        raise self._error()

    def rebuild(self, params: Any) -> Any:
        raise self._error()

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        raise self._error()

    def _error(self) -> CatlearnError:
        return CatlearnError(
            f"the architecture {self.description!r} is not bound: it came from a file, which "
            "holds no code; supply the model with diagram.bind(name=model)"
        )

    def __str__(self) -> str:
        return f"unbound {self.description}"


_registry: dict[str, Callable] = {}
_parameter_free: set[str] = set()


def register_architecture(name: str, factory: Callable, *, parameter_free: bool = False) -> None:
    """Give an architecture a name, under which labels, files and users can mention it.

    Parameters
    ----------
    name
        A name that is still free. A name once given keeps its meaning, because labels that
        mention it are compared by name.
    factory
        ``factory(**options)`` returning a pair: ``init(key, source, target) -> params``, given
        the labels of the two spaces, and ``apply(params, x) -> y`` on a batch, which may take
        ``key`` and ``train`` too.
    parameter_free
        Whether its maps have no parameters, so that they are fixed maps.

    Raises
    ------
    CatlearnError
        If the name already means something else.
    """
    if _registry.setdefault(name, factory) is not factory:
        raise CatlearnError(f"the architecture {name!r} is registered already; choose another name")
    if parameter_free:
        _parameter_free.add(name)


def architecture_names() -> tuple[str, ...]:
    """Return the registered names, in the order of registration."""
    return tuple(_registry)


def architecture_factory(name: str) -> Callable:
    """Return the factory registered under a name."""
    if name not in _registry:
        raise UnknownName(
            f"no architecture is called {name!r}; there are: {', '.join(_registry)}. "
            "catlearn.models.register_architecture(name, factory) adds one"
        )
    return _registry[name]


def function_name(fn: Any) -> str:
    """Return how a callable is called in messages and drawings."""
    return getattr(fn, "__name__", type(fn).__name__)


@functools.lru_cache(maxsize=4096)
def _structure(architecture: Architecture, source: AnySpace, target: AnySpace, wide: bool) -> Any:
    import jax

    return jax.eval_shape(lambda key: architecture.init(key, source, target), abstract_key())


@functools.lru_cache(maxsize=1)
def abstract_key() -> Any:
    """Return the shape of a typed random key."""
    import jax

    return jax.eval_shape(lambda: jax.random.key(0))


@functools.lru_cache(maxsize=1024)
def _build(name: str, options: Options) -> Pair:
    pair = architecture_factory(name)(**dict(options))
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(callable, pair)):
        message = "its factory returned something else than a pair (init, apply)"
        raise fault("Architecture", "registry", f"{name!r}", message)
    return pair


Pair = tuple[Callable, Callable]
"""The functions ``init`` and ``apply`` of a registered architecture."""


def _nothing(key: Any, source: AnySpace, target: AnySpace) -> tuple:
    """Draw the parameters of what has none."""
    return ()


ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "silu", "elu", "softplus", "leaky_relu")


def linear(use_bias: bool = True) -> Pair:
    """An affine map; parameters ``{"weight", "bias"}``.

    Parameters
    ----------
    use_bias
        Whether a bias is added.
    """

    def init(key: Any, source: AnySpace, target: AnySpace) -> dict:
        return _draw_layer(key, source.features, *_output("linear", target), use_bias)

    def apply(params: dict, x: Any) -> Any:
        return _run_layer(params, _flatten(x))

    return init, apply


def mlp(width: int = 64, depth: int = 1, activation: str = "relu", use_bias: bool = True) -> Pair:
    """Layers of equal width with an activation between; parameters: a tuple of linear layers.

    Parameters
    ----------
    width
        The size of each hidden layer.
    depth
        The number of hidden layers, at most 1000; 0 is a linear map.
    activation
        The name of a function of ``jax.nn``, one of ``ACTIVATIONS``.
    use_bias
        Whether each layer adds a bias.
    """
    failures = [
        Failure("options", f"option {name!r}", f"found {value!r}, expected {expected}")
        for name, value, good, expected in (
            ("width", width, isinstance(width, int) and width > 0, "a positive integer"),
            # Each layer is traced; a depth that comes from a file must not exhaust the machine.
            ("depth", depth, isinstance(depth, int) and 0 <= depth <= 1000, "0 to 1000"),
            ("activation", activation, activation in ACTIVATIONS, f"one of {ACTIVATIONS}"),
        )
        if not good
    ]
    refuse("Architecture 'mlp'", failures)

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        import jax

        shape, dtype = _output("mlp", target)
        inputs = [source.features] + [width] * depth
        outputs = [(width,)] * depth + [shape]
        keys = jax.random.split(key, depth + 1)
        return tuple(
            _draw_layer(k, size, out, dtype, use_bias)
            for k, size, out in zip(keys, inputs, outputs, strict=True)
        )

    def apply(params: tuple, x: Any) -> Any:
        import jax

        x = _flatten(x)
        for layer in params[:-1]:
            x = getattr(jax.nn, activation)(_run_layer(layer, x))
        return _run_layer(params[-1], x)

    return init, apply


def parameter() -> Pair:
    """A trained value, the same for every input; it starts at zero."""

    def init(key: Any, source: AnySpace, target: AnySpace) -> Any:
        import jax.numpy as jnp

        return jnp.zeros(*_output("parameter", target))

    def apply(params: Any, x: Any) -> Any:
        import jax
        import jax.numpy as jnp

        return jnp.broadcast_to(params, (jax.tree.leaves(x)[0].shape[0], *params.shape))

    return init, apply


def constant(value: Any, shape: tuple = (), dtype: Any = "float32") -> Pair:
    """A given value, the same for every input.

    Parameters
    ----------
    value
        A number, or nested tuples of them that broadcast to the shape; at a product a tuple with
        one for each factor.
    shape, dtype
        Of one example; at a product tuples of them.
    """

    def apply(params: Any, x: Any) -> Any:
        import jax

        return _constant(jax.tree.leaves(x)[0].shape[0], value, shape, dtype)

    return _nothing, apply


def gaussian_sample() -> Pair:
    """A sample of a diagonal Gaussian, from a product of its mean and its log-variance.

    The sample is ``mean + exp(log_variance / 2) * noise``, so that gradients pass to both
    (reparametrisation; Kingma, Welling, arXiv 1312.6114, section 2.4). It needs a key.
    """

    def apply(params: Any, mean: Any, log_variance: Any, *, key: Any) -> Any:
        import jax
        import jax.numpy as jnp

        noise = jax.random.normal(key, mean.shape, mean.dtype)
        return mean + jnp.exp(0.5 * log_variance) * noise

    return _nothing, apply


register_architecture("linear", linear)
register_architecture("mlp", mlp)
register_architecture("parameter", parameter)
register_architecture("constant", constant, parameter_free=True)
register_architecture("gaussian_sample", gaussian_sample, parameter_free=True)


def _constant(batch: int, value: Any, shape: tuple, dtype: Any) -> Any:
    import jax.numpy as jnp

    if isinstance(dtype, tuple):
        parts = zip(value, shape, dtype, strict=True)
        return tuple(_constant(batch, *part) for part in parts)
    return jnp.broadcast_to(jnp.asarray(value, dtype), (batch, *shape))


def _output(name: str, target: AnySpace) -> tuple[tuple[int, ...], str]:
    if isinstance(target, Space | Categorical) and dtype_kind(target.dtype) == "f":
        return target.shape, target.dtype
    message = f"found {target}, expected a space of floats or a categorical space"
    raise fault(f"Architecture {name!r}", "target", "its end", message)


def _draw_layer(
    key: Any, inputs: int, shape: tuple[int, ...], dtype: str, use_bias: bool
) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    draw = jax.nn.initializers.lecun_normal()
    layer = {"weight": draw(key, (inputs, math.prod(shape)), dtype).reshape(inputs, *shape)}
    return {**layer, "bias": jnp.zeros(shape, dtype)} if use_bias else layer


def _run_layer(layer: dict[str, Any], x: Any) -> Any:
    import jax.numpy as jnp

    y = jnp.tensordot(x, layer["weight"], 1)
    return y + jnp.expand_dims(layer["bias"], 0) if "bias" in layer else y


def _flatten(x: Any) -> Any:
    """Put all of an example's numbers on one axis: ``(batch, ...)`` or tuples to ``(batch, n)``."""
    import jax.numpy as jnp

    if not isinstance(x, tuple):
        return jnp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
    return jnp.concatenate([_flatten(part) for part in x], axis=1)


def words_before() -> Pair:
    """All words of a sentence but the last."""

    def apply(params: Any, sentence: Any) -> Any:
        return sentence[:, :-1]

    return _nothing, apply


def words_after(words: int, padding: int = 0, dtype: str = "float32") -> Pair:
    """All words of a sentence but the first, as distributions over the words.

    Parameters
    ----------
    words
        How many words there are.
    padding
        The number that stands for no word.
    dtype
        The type of the distributions.
    """

    def apply(params: Any, sentence: Any) -> Any:
        import jax

        later = sentence[:, 1:]
        there = (later != padding)[..., None]
        return jax.nn.one_hot(later, words, dtype=dtype) * there.astype(dtype)

    return _nothing, apply


register_architecture("words_before", words_before, parameter_free=True)
register_architecture("words_after", words_after, parameter_free=True)


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
        super().__post_init__()
        expect(self.architecture, Architecture, "what is adapted", "an architecture")
        if self.alpha is not None:
            expect(self.alpha, (int, Real), "alpha", "a positive number")
        failures = Failures()
        if not isinstance(self.rank, int) or self.rank < 1:
            message = f"found {self.rank!r}, expected a positive integer"
            failures.add("rank", "low-rank adaptation", message)
        if self.alpha is not None and not (math.isfinite(self.alpha) and self.alpha > 0):
            message = f"found alpha = {self.alpha!r}, expected a positive number"
            failures.add("alpha", "low-rank adaptation", message)
        if self.architecture.parameter_free:
            message = f"{self.architecture} has no parameters to adapt"
            failures.add("parameters", "low-rank adaptation", message)
        refuse("LowRank", failures)

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
            raise fault(str(self), "parameters", "its matrices", message)
        return {"base": base, "low_rank": thin}

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        import jax

        base = self.architecture.structure(source, target)
        return jax.eval_shape(self.around, base, abstract_key())

    def role(self, path: tuple[Any, ...], leaf: Any) -> str:
        if path[0].key == "low_rank":
            return "trained"
        return "changed" if super().role(path[1:], leaf) == "changed" else "held"

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
            changed = {"base": changed, "low_rank": gaps(variables["low_rank"])}
        return y, changed

    def rebuild(self, params: Any) -> Any:
        return self.architecture.rebuild(self.merge(params))

    def _matrices(self, base: Any) -> dict[str, Any]:
        import jax

        leaves = jax.tree_util.tree_leaves_with_path(self.architecture.only("trained", base))
        return {_name(path): leaf for path, leaf in leaves if len(leaf.shape) > 1}

    def __str__(self) -> str:
        return f"{self.architecture} adapted at rank {self.rank}"


def _cut(shape: tuple[int, ...]) -> tuple[int, int]:
    """Read a shape as that of a matrix: cut where the two sides are most nearly equal."""
    sides = [(math.prod(shape[:i]), math.prod(shape[i:])) for i in range(1, len(shape))]
    return max(sides, key=min)


def gaps(tree: Any) -> Any:
    """Return the tree with None for each leaf."""
    import jax

    return jax.tree.map(lambda _: None, tree)


def combined(tree: Any, *parts: Any) -> Any:
    """Return variables from the parts into which they were split, of which some may be missing."""
    import jax

    for part in parts:
        if tree is None or part is None:
            tree = part if tree is None else tree
            continue
        tree = jax.tree.map(
            lambda leaf, other: other if leaf is None else leaf,
            tree,
            part,
            is_leaf=lambda leaf: leaf is None,
        )
    return tree


def _name(path: Any) -> str:
    import jax

    return jax.tree_util.keystr(path, simple=True, separator="/")
