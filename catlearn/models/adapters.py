"""Adapters: how an object of somebody's model library becomes an architecture.

An adapter recognises objects of one library without importing it: if the library is not in
``sys.modules``, nobody can have made one of its objects. There are entries for equinox, flax linen,
flax nnx, haiku and PyTorch; others can be registered.

>>> import equinox as eqx, jax
>>> adapter_of(eqx.nn.Linear(2, 3, key=jax.random.key(0))).library
'equinox'
>>> adapter_of(print) is None
True
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catlearn.errors import CatlearnError, fault
from catlearn.models.architectures import Architecture, Function, Plain, Registered, abstract_key
from catlearn.models.calls import draw, signature_of
from catlearn.models.libraries import haiku, linen, nnx, torch
from catlearn.models.modules import ModuleArchitecture, TracedConstant, is_module


@dataclass(frozen=True)
class Adapter:
    """One model library.

    Parameters
    ----------
    library
        The library's import name.
    recognises
        Whether an object is a model of that library; must not import anything.
    adapt
        ``adapt(object, factory)`` returns the architecture and the parameters. It must also
        work on an object made under a JAX trace, whose parameters are tracers.
    options
        Whether ``adapt`` takes options as keywords.
    """

    library: str
    recognises: Callable[[Any], bool]
    adapt: Callable[..., tuple[Architecture, Any]]
    options: bool = False


_adapters: dict[str, Adapter] = {}

# Libraries whose objects are callable and would otherwise pass for functions.
_FOREIGN = ("torch", "flax", "haiku", "keras", "tensorflow", "sklearn", "objax", "paddle")


def register_adapter(adapter: Adapter) -> None:
    """Support one more model library.

    Raises
    ------
    CatlearnError
        If the library has another adapter already.
    """
    if _adapters.setdefault(adapter.library, adapter) != adapter:
        raise CatlearnError(f"the library {adapter.library!r} has an adapter already")


def adapter_of(value: Any) -> Adapter | None:
    """Return the adapter that recognises an object, or None."""
    return next((a for a in _adapters.values() if a.recognises(value)), None)


def is_factory(value: Any) -> bool:
    """Whether a callable makes a model: its one required argument is called ``key``.

    Examples
    --------
    >>> is_factory(lambda key: key), is_factory(lambda x: x), is_factory(lambda x, key: x)
    (True, False, False)
    """
    signature = signature_of(value) if callable(value) else None
    if signature is None:
        return False
    required = [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return required == ["key"]


def as_architecture(what: str, value: Any, **options: Any) -> tuple[Architecture, Any]:
    """Read an architecture from whatever a user gives for a model.

    Parameters
    ----------
    what
        How errors call it, such as ``"Model 'encoder'"``.
    value
        A registered name; an ``Architecture``; a circuit of arrays; a pair ``(init, apply)``; an
        object of a supported library; a factory of such objects, whose one required argument is
        called ``key``; or a function of a batch.
    options
        Options of a registered name, or sizes of a circuit; nothing else has options.

    Returns
    -------
    (Architecture, start)
        ``start`` holds the starting parameters, or is None if they are drawn by ``init``.

    Raises
    ------
    InvalidStructure
        If the value is none of these, or a factory fails.
    UnknownName
        If no architecture is registered under the name.
    """
    if isinstance(value, str):
        return Registered(value, **options), None
    adapter = adapter_of(value)
    if adapter is not None and adapter.options:
        return adapter.adapt(value, None, **options)
    if options:
        message = (
            f"found options {sorted(options)}, but only registered architectures and circuits "
            "have options"
        )
        raise fault(what, "options", what, message)
    if isinstance(value, Architecture):
        return value, None
    if adapter is not None:
        return adapter.adapt(value, None)
    _check_supported(what, value)
    _check_hashable(what, value)
    if isinstance(value, tuple):
        return Plain(*value), None
    if is_factory(value):
        return _read_factory(what, value), None
    return Function(value), None


def _read_factory(what: str, factory: Callable) -> Architecture:
    """Learn what a factory makes, from its shapes alone wherever that is possible."""
    import jax

    try:
        found: list[Architecture] = []

        def trace(key: Any) -> Any:
            architecture, params = _adapt_made(what, factory, key)
            found.append(architecture)
            return params

        try:
            jax.eval_shape(trace, abstract_key())
            return found[0]
        except TracedConstant:
            first, second = (_adapt_made(what, factory, jax.random.key(i))[0] for i in range(2))
    except CatlearnError:
        raise
    except Exception as error:
        raise fault(what, "factory", what, f"the factory raised {describe_error(error)}") from error
    if first == second:
        return first
    message = (
        "two keys give two different architectures, so arrays that are not parameters (integers, "
        "booleans) depend on the key; make the object first and give the object"
    )
    raise fault(what, "factory", what, message)


def _adapt_made(what: str, factory: Callable, key: Any) -> tuple[Architecture, Any]:
    made = draw(factory, key)
    adapter = adapter_of(made)
    if adapter is None:
        message = (
            f"the factory (its one required argument is called 'key') returned a "
            f"{type(made).__name__}, expected an object of a supported library: {_supported()}"
        )
        raise fault(what, "factory", what, message)
    return adapter.adapt(made, factory)


def describe_error(error: BaseException, limit: int = 400) -> str:
    """Return an exception's type and text on one line, shortened."""
    text = " ".join(str(error).split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _supported() -> str:
    return ", ".join(_adapters)


def _check_supported(what: str, value: Any) -> None:
    kind = value if isinstance(value, type) else type(value)
    foreign = any(base.__module__.split(".")[0] in _FOREIGN for base in kind.__mro__)
    pair = isinstance(value, tuple) and len(value) == 2 and all(map(callable, value))
    wrong_class = isinstance(value, type) and not is_factory(value)
    if not foreign and not wrong_class and (pair or callable(value)):
        return
    name = f"{kind.__module__}.{kind.__qualname__}"
    message = (
        f"found {'the class' if isinstance(value, type) else 'an object of'} {name}, expected a "
        "pair (init, apply), a function of a batch, a registered name, an object of a supported "
        f"library ({_supported()}), or a function of `key` that makes one"
    )
    raise fault(what, "architecture", what, message)


def _check_hashable(what: str, value: Any) -> None:
    try:
        hash(value)
    except TypeError as error:
        message = f"the callable cannot be hashed ({error}); wrap it in a function"
        raise fault(what, "architecture", what, message) from error


def _is_circuit(value: Any) -> bool:
    module = sys.modules.get("catlearn.arrays.circuit")
    return module is not None and isinstance(value, module.Circuit)


def _of_circuit(
    value: Any, factory: Callable | None, sizes: Any = None, **more: Any
) -> tuple[Architecture, Any]:
    from catlearn.models.circuits import CircuitArchitecture

    return CircuitArchitecture(value.at(sizes, **more)), None


register_adapter(Adapter("catlearn.arrays", _is_circuit, _of_circuit, options=True))
register_adapter(Adapter("equinox", is_module, ModuleArchitecture.of))
register_adapter(Adapter("flax.linen", linen.recognises, linen.Linen.of))
register_adapter(Adapter("flax.nnx", nnx.recognises, nnx.Nnx.of))
register_adapter(Adapter("haiku", haiku.recognises, haiku.Haiku.of))
register_adapter(Adapter("torch", torch.recognises, torch.Torch.of))
