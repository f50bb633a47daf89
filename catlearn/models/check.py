"""The shape check: does a map fit the spaces of its edge?

Maps are run on abstract batches with ``jax.eval_shape``: shapes and dtypes flow, nothing is
computed. Answers are remembered by label, so a diagram with a thousand equal heads asks once.
A user's exception is reported as a failure with its text, so that all wrong edges are
listed together.

>>> from catlearn.models import Model, Space
>>> X, Y = Space("X", 4), Space("Y", 3)
>>> f = Model("f", X, Y, lambda x: x[:, :2])
>>> for failure in f.failures():
...     print(failure)
edge 'f': found float32 (batch, 2), expected float32 (batch, 3) of R^3 [shape]
"""

from __future__ import annotations

import functools
import math
from itertools import chain, count
from typing import Any

from catlearn.errors import CatlearnError, Failure
from catlearn.models.adapters import describe_error
from catlearn.models.architectures import Architecture, Function, abstract_key
from catlearn.models.divergences import AnyDivergence
from catlearn.models.maps import ArchitectureMap, FactorMap, FixedMap, FrozenMap, Map, ProjectionMap
from catlearn.models.spaces import (
    AnySpace,
    Categorical,
    DataSpace,
    Product,
    Space,
    dtype_kind,
)

_Findings = tuple[tuple[str, str], ...]


def check_edge(name: str, label: Map, source: AnySpace, target: AnySpace) -> list[Failure]:
    """Return how a map does not fit between two spaces.

    Parameters
    ----------
    name
        The edge's name.
    label
        What stands on it.
    source, target
        The labels of its ends.

    Returns
    -------
    list of Failure
        Laws: ``shape``, ``dtype``, ``precision`` (a 64-bit space while JAX computes in 32 bits),
        ``call`` (the user's function raised), ``kind`` (a projection that does not start at a data
        set, a factor that the product does not have). A defined map and an unbound architecture
        have nothing to check.

    Notes
    -----
    A map that ends at a categorical space emits logits; a fixed one may also emit integer labels.
    """
    findings = _check(label, source, target, _wide())
    return [Failure(law, f"edge {name!r}", message) for law, message in findings]


def check_parameters(
    name: str, label: ArchitectureMap, source: AnySpace, target: AnySpace, params: Any
) -> list[Failure]:
    """Return how parameters do not have the structure that a map's architecture asks for.

    Parameters
    ----------
    name, label, source, target
        As for ``check_edge``.
    params
        A pytree of arrays.

    Returns
    -------
    list of Failure
        One for each leaf of the wrong shape or dtype, or one if the trees differ.
    """
    import jax

    where = f"edge {name!r}"
    if not label.architecture.bound or label.architecture.parameter_free:
        return []
    try:
        expected = label.architecture.structure(source, target)
    except Exception as error:
        return [Failure("call", where, f"init raised {describe_error(error)}")]
    leaves, tree = jax.tree_util.tree_flatten_with_path(expected)
    if jax.tree.structure(params) != tree:
        found = f"found parameters {_shorten(jax.tree.structure(params))}"
        return [Failure("parameters", where, f"{found}, expected {_shorten(tree)}")]
    failures = []
    for (path, want), have in zip(leaves, jax.tree.leaves(params), strict=True):
        if jax.numpy.shape(have) != want.shape or jax.numpy.result_type(have) != want.dtype:
            place = jax.tree_util.keystr(path) or "the parameters"
            found = f"found {jax.numpy.result_type(have)} {jax.numpy.shape(have)}"
            message = f"{place}: {found}, expected {want.dtype} {want.shape}"
            failures.append(Failure("parameters", where, message))
    return failures


def check_divergence(
    where: str, divergence: AnyDivergence, label: AnySpace, representation: Any = None
) -> list[Failure]:
    """Return why a divergence cannot compare a prediction with a target at a space.

    Parameters
    ----------
    where
        How failures call the place, such as ``"equation 'fit'"``.
    divergence
        What compares.
    label
        The space; the prediction is what models emit there.
    representation
        Of the target: ``"label"`` or ``"logits"`` at a categorical space, a tuple at a product.
    """
    findings = _check_divergence(divergence, label, representation, _wide())
    return [Failure(law, where, message) for law, message in findings]


def needs_key(label: Map, source: AnySpace, target: AnySpace, train: bool = True) -> bool:
    """Whether a map is random: it fails without a key and works with one.

    Frozen maps are asked in evaluation, others in training unless ``train`` is False. A map that
    works neither way raises its own error here; ask ``check_edge`` first.
    """
    if not isinstance(label, ArchitectureMap) or not label.architecture.accepts_key:
        return False
    train = train and not isinstance(label, FrozenMap)
    return _needs_key(label.architecture, source, target, train, _wide())


def _wide() -> bool:
    import jax

    return bool(jax.config.read("jax_enable_x64"))


@functools.lru_cache(maxsize=4096)
def _check(label: Map, source: AnySpace, target: AnySpace, wide: bool) -> _Findings:
    match label:
        case ProjectionMap():
            return _check_projection(source, target)
        case FactorMap(index):
            return _check_factor(index, source, target)
    if not isinstance(label, ArchitectureMap) or not label.architecture.bound:
        return ()
    ends = [("source", source), ("target", target)]
    findings = [
        ("kind", f"its {end} is a data set; only projections touch data sets")
        for end, space in ends
        if isinstance(space, DataSpace)
    ]
    if findings:
        return tuple(findings)
    findings = [("precision", text) for _, space in ends for text in _precision(space, wide)]
    return tuple(findings) or _check_run(label, source, target)


def _check_projection(source: AnySpace, target: AnySpace) -> _Findings:
    findings = []
    if not isinstance(source, DataSpace):
        findings.append(("kind", f"a projection starts at a data set, found {source}"))
    if isinstance(target, DataSpace):
        findings.append(("kind", "a projection ends at a space, found a data set"))
    return tuple(findings)


def _check_factor(index: int, source: AnySpace, target: AnySpace) -> _Findings:
    if not isinstance(source, Product):
        return (("kind", f"a factor starts at a product, found {source}"),)
    if not 0 <= index < len(source.factors):
        return (("kind", f"found index {index}, but {source} has {len(source.factors)} factors"),)
    if source.factors[index] != target:
        return (("kind", f"factor {index} of {source} is {source.factors[index]}, found {target}"),)
    return ()


def _precision(label: AnySpace, wide: bool) -> list[str]:
    if isinstance(label, Product):
        return [text for factor in label.factors for text in _precision(factor, wide)]
    assert isinstance(label, Space | Categorical)
    if wide or label.dtype not in ("float64", "complex128", "int64", "uint64"):
        return []
    remedy = 'set jax.config.update("jax_enable_x64", True) first, or use 32 bits'
    return [f"{label} has dtype {label.dtype}, but JAX computes in 32 bits; {remedy}"]


def _check_run(label: ArchitectureMap, source: AnySpace, target: AnySpace) -> _Findings:
    architecture, batch = label.architecture, _batch_size(source, target)
    try:
        params = architecture.structure(source, target)
    except Exception as error:
        return (("call", f"init raised {describe_error(error)}"),)
    for train in _modes(label):
        try:
            y = _run_somehow(architecture, params, source, batch, train)
        except Exception as error:
            return (("call", _explain(architecture, error)),)
        findings = _compare(y, target, batch, isinstance(label, FixedMap))
        if findings:
            return findings
    return ()


def _modes(label: ArchitectureMap) -> tuple[bool, ...]:
    """In which modes a map is run; frozen ones are never in training."""
    differ = label.architecture.has_modes and not isinstance(label, FrozenMap)
    return (True, False) if differ else (False,)


def _run_somehow(
    architecture: Architecture, params: Any, source: AnySpace, batch: int, train: bool
) -> Any:
    """Run with a key where it does not go without one."""
    try:
        return _run(architecture, params, source, batch, train, with_key=False)
    except Exception:
        if not architecture.accepts_key:
            raise
    return _run(architecture, params, source, batch, train, with_key=True)


def _run(
    architecture: Architecture,
    params: Any,
    source: AnySpace,
    batch: int,
    train: bool,
    with_key: bool,
) -> Any:
    import jax

    def run(params: Any, x: Any, key: Any = None) -> Any:
        return architecture.run(params, x, key, train)[0]

    keys = (abstract_key(),) if with_key else ()
    return jax.eval_shape(run, params, source.example(batch), *keys)


@functools.lru_cache(maxsize=4096)
def _needs_key(
    architecture: Architecture, source: AnySpace, target: AnySpace, train: bool, wide: bool
) -> bool:
    batch = _batch_size(source, target)
    params = architecture.structure(source, target)
    try:
        _run(architecture, params, source, batch, train, with_key=False)
        return False
    except Exception:
        _run(architecture, params, source, batch, train, with_key=True)
        return True


@functools.lru_cache(maxsize=4096)
def _check_divergence(
    divergence: AnyDivergence, label: AnySpace, representation: Any, wide: bool
) -> _Findings:
    import jax

    batch = _batch_size(label, label)
    try:
        jax.eval_shape(divergence, label.example(batch), label.example(batch, representation))
    except CatlearnError as error:
        failures = getattr(error, "failures", ())
        texts = [str(f.message) for f in failures] or [str(error)]
        return tuple(("divergence", f"{divergence}: {text} (at {label})") for text in texts)
    except Exception as error:
        return (("divergence", f"{divergence} raised {describe_error(error)} (at {label})"),)
    return ()


def _explain(architecture: Architecture, error: Exception) -> str:
    import jax

    if isinstance(error, jax.errors.TracerArrayConversionError):
        return f"{architecture} turns its argument into a numpy array; use jax.numpy inside maps"
    text = f"{architecture} raised {describe_error(error)}; {architecture.remedy}"
    if isinstance(architecture, Function):
        text += "; if it is meant to make a model from a random key, call its argument 'key'"
    return text


def _compare(y: Any, target: AnySpace, batch: int, may_label: bool) -> _Findings:
    if isinstance(target, Product):
        if not isinstance(y, tuple) or len(y) != len(target.factors):
            found = f"a tuple of {len(y)}" if isinstance(y, tuple) else f"a {_kind(y)}"
            expected = f"a tuple of {len(target.factors)} arrays for {target}"
            return (("shape", f"found {found}, expected {expected}"),)
        return tuple(
            (law, f"factor {i}: {message}")
            for i, (part, factor) in enumerate(zip(y, target.factors, strict=True))
            for law, message in _compare(part, factor, batch, may_label)
        )
    if not hasattr(y, "shape"):
        return (("shape", f"found a {_kind(y)}, expected one array for {target}"),)
    expected = target.example(batch)
    labels = isinstance(target, Categorical) and dtype_kind(y.dtype) == "i"
    if labels and may_label and y.shape == (batch,):
        return ()
    found = f"found {y.dtype} {_shape(y.shape, batch)}"
    law = "shape" if y.shape != expected.shape else "dtype"
    if law == "dtype" and y.dtype == expected.dtype:
        return ()
    note = "; a prediction must be logits" if labels else ""
    wanted = f"expected {expected.dtype} {_shape(expected.shape, batch)} of {target}"
    return ((law, f"{found}, {wanted}{note}"),)


def _batch_size(*labels: AnySpace) -> int:
    """Return a small batch size that no axis has, so that no mistake fits by accident."""
    taken = {size for label in labels for size in _sizes(label)}
    return next(b for b in chain((3, 5, 7), count(11)) if b not in taken)


def _sizes(label: AnySpace) -> set[int]:
    if isinstance(label, Product):
        return {label.features}.union(*(_sizes(factor) for factor in label.factors))
    shape = getattr(label, "shape", ())
    return {*shape, math.prod(shape)}


def _shape(shape: tuple[int, ...], batch: int) -> str:
    sizes = ["batch" if i == 0 and size == batch else str(size) for i, size in enumerate(shape)]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _kind(value: Any) -> str:
    return type(value).__name__


def _shorten(tree: Any, limit: int = 200) -> str:
    text = str(tree)
    return text if len(text) <= limit else text[: limit - 1] + "…"
