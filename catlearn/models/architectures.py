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
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from catlearn.errors import CatlearnError, Failure, InvalidStructure, UnknownName
from catlearn.models.calls import Call, call_of
from catlearn.models.options import Options, bind_options, write_call
from catlearn.models.spaces import AnySpace


class Architecture:
    """The protocol; subclasses are hashable values."""

    #: Where the callable expects its argument, for error messages.
    remedy = "functions are called on a batch: the leading axis counts examples"

    #: The import name of the model library whose objects these are, if any.
    library: ClassVar[str | None] = None

    @property
    def parameter_free(self) -> bool:
        """Whether the map has no parameters at all, so that any ``params`` is ignored."""
        return False

    @property
    def accepts_key(self) -> bool:
        """Whether ``run`` passes a key on; see ``needs_key`` for whether it must have one."""
        return False

    @property
    def has_modes(self) -> bool:
        """Whether training and evaluation may differ."""
        return self.stateful

    @property
    def bound(self) -> bool:
        """Whether there is something to run; False only for what a file merely mentions."""
        return True

    @property
    def stateful(self) -> bool:
        """Whether a call in training changes some of the variables, as batch norm does."""
        return False

    @property
    def stackable(self) -> bool:
        """Whether ``jax.vmap`` may run several such maps as one."""
        return True

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        """Draw starting parameters for a map from ``source`` to ``target``."""
        raise NotImplementedError

    def parts(self, variables: Any) -> tuple[Any, Any, Any]:
        """Split variables into what is trained, what is held and what calls change.

        Each part is the whole tree with None in the place of what belongs to the others. By
        default floating-point arrays are trained and all others are held.
        """
        import jax
        import jax.numpy as jnp

        def part(floating: bool) -> Any:
            return jax.tree.map(
                lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) == floating else None,
                variables,
            )

        return part(True), part(False), None

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        """Run the map on a batch, in training or in evaluation.

        Returns
        -------
        y, changed
            The values, and the part of the variables that the call changed: a tree like the
            third of :meth:`parts`, or None if nothing did.
        """
        return self.apply(variables, x, key), None

    def apply(self, params: Any, x: Any, key: Any = None) -> Any:
        """Run the map on a batch, in evaluation."""
        return self.run(params, x, key)[0]

    def rebuild(self, params: Any) -> Any:
        """Return the user's object with these parameters; by default a function of a batch."""
        return functools.partial(self.apply, params)

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

    @property
    def accepts_key(self) -> bool:
        return self.architecture.accepts_key

    @property
    def has_modes(self) -> bool:
        return self.architecture.has_modes

    @property
    def bound(self) -> bool:
        return self.architecture.bound

    @property
    def stateful(self) -> bool:
        return self.architecture.stateful

    @property
    def stackable(self) -> bool:
        return self.architecture.stackable


@dataclass(frozen=True, init=False, repr=False)
class Registered(Architecture):
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
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", bound)
        _build(name, bound)

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return _build(self.name, self.options)[0](key, source, target)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        return self._call(self._function, (variables,), x, key, train), None

    @property
    def parameter_free(self) -> bool:
        return self.name in _parameter_free

    @property
    def accepts_key(self) -> bool:
        return self._call.key

    @property
    def has_modes(self) -> bool:
        return self._call.train

    @property
    def _function(self) -> Callable:
        return _build(self.name, self.options)[1]

    @property
    def _call(self) -> Call:
        return call_of(self._function, leading=1)

    def __repr__(self) -> str:
        return write_call("Registered", repr(self.name), self.options)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.options)})"


@dataclass(frozen=True)
class Plain(Architecture):
    """A pair of functions: ``init(key) -> params`` and ``apply(params, x) -> y`` on a batch.

    Compared by the identity of the two functions. If ``apply`` has arguments ``key`` or ``train``,
    it is given them by name.

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

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        call = call_of(self.function, leading=1)
        return call(self.function, (variables,), x, key, train), None

    @property
    def accepts_key(self) -> bool:
        return call_of(self.function, leading=1).key

    @property
    def has_modes(self) -> bool:
        return call_of(self.function, leading=1).train

    def __str__(self) -> str:
        return function_name(self.function)


@dataclass(frozen=True)
class Function(Architecture):
    """A function of a batch without parameters, compared by identity.

    Examples
    --------
    >>> Function(abs).apply((), -1.0)
    1.0
    """

    function: Callable

    @property
    def parameter_free(self) -> bool:
        return True

    def init(self, key: Any, source: AnySpace | None, target: AnySpace | None) -> Any:
        return ()

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        return call_of(self.function)(self.function, (), x, key, train), None

    @property
    def accepts_key(self) -> bool:
        return call_of(self.function).key

    @property
    def has_modes(self) -> bool:
        return call_of(self.function).train

    def rebuild(self, params: Any) -> Any:
        return self.function

    def __str__(self) -> str:
        return function_name(self.function)


@dataclass(frozen=True)
class Unbound(Architecture):
    """What a file names but cannot contain: code. ``diagram.bind(name=...)`` supplies it.

    Parameters
    ----------
    description
        What stood there when the file was written, such as ``"equinox MLP"``.
    """

    description: str

    @property
    def bound(self) -> bool:
        return False

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
            "register_architecture(name, factory) adds one"
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
def _build(name: str, options: Options) -> tuple[Callable, Callable]:
    pair = architecture_factory(name)(**dict(options))
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(callable, pair)):
        message = "its factory returned something else than a pair (init, apply)"
        raise InvalidStructure("Architecture", [Failure("registry", f"{name!r}", message)])
    return pair
