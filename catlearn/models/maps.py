"""Maps: what stands on an edge.

An edge carries one of seven kinds of map (Theory, section 2): a *model* with trainable parameters,
a *frozen* model, a *fixed* function without parameters, an *operator* on another edge, whose
parameters it has, a *projection* of a data set, a *factor* (projection of a product), or a
*defined* map, given by strict equations. Labels are of the sum type ``Map``, with a class for each
kind, and have neither name nor values; ``Model`` and ``Pairing`` are what a user writes.

>>> from catlearn.models import Categorical, Space
>>> X, Y = Space("X", 4), Categorical("Y", 3)
>>> head = Model("head", X, Y, "mlp", width=8)
>>> head
Model('head', X -> Y, mlp(activation=relu, depth=1, use_bias=True, width=8))
>>> head.label == Model("other", X, Y, "mlp", width=8).label
True
>>> Model("double", X, X, lambda x: 2 * x).label.kind
'fixed'

The shape check: does a map fit the spaces of its edge?

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
from dataclasses import dataclass, fields
from itertools import chain, count
from typing import Any, ClassVar

import numpy as np

from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    InvalidStructure,
    expect,
    fault,
    refuse,
)
from catlearn.models.adapters import as_architecture, describe_error
from catlearn.models.architectures import Architecture, Function, LowRank, abstract_key
from catlearn.models.divergences import AnyDivergence
from catlearn.models.spaces import (
    AnySpace,
    Categorical,
    DataSpace,
    Product,
    Space,
    dtype_kind,
    is_named,
    names_of,
    no_space,
)
from catlearn.tensors import same_values


class _OfKind(type):
    """``Map("factor", index=1)`` is the map of that kind, ``FactorMap(1)``."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return _map_of(*args, **options) if cls is Map else super().__call__(*args, **options)


class Map(Legible, metaclass=_OfKind):
    """The label of an edge, of one of the seven kinds below; a sum type.

    ``Map(kind, architecture)`` and ``Map("factor", index=1)`` make the map of a kind.

    Parameters
    ----------
    kind
        ``"model"``, ``"frozen"``, ``"fixed"``, ``"operator"``, ``"projection"``, ``"factor"`` or
        ``"defined"``.
    architecture
        Of the first four kinds.
    index
        Which factor, for kind ``"factor"``.

    Raises
    ------
    InvalidStructure
        If there is no such kind, or it does not have these parts.

    Examples
    --------
    >>> print(Map("factor", index=1))
    factor 1
    >>> Map("factor", index=1)
    FactorMap(index=1)
    """

    kind: ClassVar[str]

    @property
    def trainable(self) -> bool:
        """Whether training moves its parameters."""
        return isinstance(self, ModelMap)

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class ArchitectureMap(Map):
    """A map that an architecture computes: a model, trainable or frozen, fixed, or an operator."""

    architecture: Architecture

    def __post_init__(self) -> None:
        if not isinstance(self.architecture, Architecture):
            raise fault("Map", "kind", f"a {self.kind} map", "it needs an architecture")

    def __str__(self) -> str:
        return f"{self.kind} {self.architecture}"


@dataclass(frozen=True)
class ModelMap(ArchitectureMap):
    """A model with trainable parameters."""

    kind: ClassVar[str] = "model"

    def __str__(self) -> str:
        return str(self.architecture)


@dataclass(frozen=True)
class FrozenMap(ArchitectureMap):
    """A model whose parameters do not move."""

    kind: ClassVar[str] = "frozen"


@dataclass(frozen=True)
class FixedMap(ArchitectureMap):
    """A function without parameters."""

    kind: ClassVar[str] = "fixed"


@dataclass(frozen=True)
class OperatorMap(ArchitectureMap):
    """An operator on another edge, whose parameters it has."""

    kind: ClassVar[str] = "operator"


@dataclass(frozen=True)
class ProjectionMap(Map):
    """A column of a data set."""

    kind: ClassVar[str] = "projection"


@dataclass(frozen=True)
class FactorMap(Map):
    """The projection of a product to one of its factors."""

    kind: ClassVar[str] = "factor"
    index: int

    def __str__(self) -> str:
        return f"factor {self.index}"


@dataclass(frozen=True)
class DefinedMap(Map):
    """A map that strict equations define."""

    kind: ClassVar[str] = "defined"


MAPS: dict[str, type[Map]] = {
    one.kind: one
    for one in (
        ModelMap, FrozenMap, FixedMap, OperatorMap, ProjectionMap, FactorMap, DefinedMap,
    )
}  # fmt: skip
"""The kinds of maps by their names."""


def _map_of(kind: str, architecture: Architecture | None = None, index: int | None = None) -> Map:
    """Return the map of a kind, or raise all that is wrong with its parts."""
    given = {"architecture": architecture, "index": index}
    parts = {name: part for name, part in given.items() if part is not None}
    if kind not in MAPS:
        message = f"found kind {kind!r}, expected one of {', '.join(MAPS)}"
        raise fault("Map", "kind", "a map", message)
    has = MAPS[kind].__dataclass_fields__  # type: ignore[attr-defined]
    refuse(
        "Map",
        (
            Failure("kind", f"a {kind} map", f"it {'needs an' if name in has else 'has no'} {name}")
            for name in given
            if (name in has) != (name in parts)
        ),
    )
    return MAPS[kind](**parts)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Model(Legible):
    """A named map between two spaces, with its starting parameters if it has some.

    Parameters
    ----------
    name
        The edge's name.
    source, target
        A ``Space``, ``Categorical`` or ``Product``.
    architecture
        One of

        - a registered name, with ``options``: ``Model("f", X, Y, "mlp", width=32)``;
        - a pair ``(init, apply)``: ``init(key) -> params``, ``apply(params, x) -> y`` on a batch;
        - an object of a supported library (equinox, called per example; flax linen, flax nnx,
          haiku, PyTorch, called on a batch): it starts from its own arrays, if it holds them;
        - a factory of such objects, a callable whose one required argument is called ``key``:
          drawn at initialisation. Its shapes are read once without drawing values;
        - a function of a batch without parameters: the map is then *fixed*;
        - an ``Architecture``.
    start
        Starting parameters instead of the object's own or drawn ones.
    options
        Options of a registered architecture.

    Attributes
    ----------
    label : Map
        Kind and architecture, without name and values.
    start
        Starting parameters, or None if they are drawn by ``architecture.init``.

    Raises
    ------
    InvalidStructure
        If the architecture or a space is not recognised. Whether the map fits its spaces is
        asked of the diagram, for all edges at once, and here by :meth:`failures`.

    Notes
    -----
    At a product source, a function with as many required arguments as there are factors gets
    them one by one; any other gets one tuple. If it has an argument ``key``, a random key is
    passed there whenever there is one; an argument ``train`` is passed whether the call is one of
    training.
    """

    name: str
    source: AnySpace
    target: AnySpace
    label: ArchitectureMap
    start: Any

    def __init__(
        self,
        name: str,
        source: AnySpace,
        target: AnySpace,
        architecture: Any,
        *,
        start: Any = None,
        **options: Any,
    ) -> None:
        what = f"Model {name!r}"
        failures = Failures(
            Failure("space", f"{what}, {side}", f"found {no_space(space)}, expected a Space")
            for side, space in (("source", source), ("target", target))
            if not is_named(space)
        )
        if not isinstance(name, str) or not name:
            failures.add("name", what, "expected non-empty text")
        refuse(what, failures)
        found, own = as_architecture(what, architecture, **options)
        try:
            found = found.between(source, target)
        except InvalidStructure as error:
            raise InvalidStructure(
                f"{what} from {source.name} to {target.name}", error.failures
            ) from None
        if found.parameter_free and start is not None:
            message = "found starting parameters for a map that has no parameters"
            raise fault(what, "start", what, message)
        label = FixedMap(found) if found.parameter_free else ModelMap(found)
        values = own if start is None else found.parameters_of(start)
        self._set(name, source, target, label, None if found.parameter_free else values)

    def _set(self, *values: Any) -> None:
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)

    @property
    def architecture(self) -> Architecture:
        """The architecture of its label."""
        return self.label.architecture

    def failures(self) -> list[Failure]:
        """Return how the map, or its starting parameters, do not fit; see ``check_edge``."""

        source, target = self.source.label, self.target.label
        failures = check_edge(self.name, self.label, source, target)
        if not failures and self.start is not None:
            failures = check_parameters(self.name, self.label, source, target, self.start)
        return failures

    def freeze(self, variables: Any = None) -> Model:
        """Return the same map with parameters that do not move.

        Parameters
        ----------
        variables
            The parameters, as a pytree or inside the user's object; by default the model's own.
            A fixed model has none and is returned as it is.

        Raises
        ------
        InvalidStructure
            If there are no parameters to freeze, or they do not have the right shapes.
        """

        if isinstance(self.label, FixedMap):
            return self
        start = self.start if variables is None else self.architecture.parameters_of(variables)
        what = f"Model {self.name!r}"
        if start is None:
            message = "it is drawn at initialisation and has no parameters yet; freeze(variables)"
            raise fault(what, "freeze", what, message)
        source, target = self.source.label, self.target.label
        refuse(what, check_parameters(self.name, self.label, source, target, start))
        frozen = object.__new__(Model)
        frozen._set(self.name, self.source, self.target, FrozenMap(self.architecture), start)
        return frozen

    def lora(self, rank: int, *, alpha: float | None = None, key: Any = None) -> Model:
        """Return the model held still, with trained products of low rank added; see ``lora``."""
        import jax

        adapted, start = LowRank(self.architecture, rank, alpha), self.start
        if key is not None:
            expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")
        if start is not None:
            start = adapted.around(start, jax.random.key(0) if key is None else key)
        made = object.__new__(Model)
        made._set(self.name, self.source, self.target, ModelMap(adapted), start)
        return made

    def _parts(self) -> tuple:
        names = self.name, names_of(self.source), names_of(self.target)
        return (*names, self.source, self.target, self.label)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return self._parts() == other._parts() and same_values(self.start, other.start)

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"Model({self.name!r}, {self.source.name} -> {self.target.name}, {self.label})"

    def __str__(self) -> str:
        return f"{self.name} : {self.source.name} -> {self.target.name}"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Pairing(Legible):
    """The defined edge <f_1, ..., f_n> into a product, from paths into its factors.

    Parameters
    ----------
    name
        The edge's name.
    product
        Where it ends.
    paths
        One path for each factor, as text such as ``"pairs.X >> encoder"``, all from one vertex.

    Raises
    ------
    InvalidStructure
        If ``product`` is not a ``Product``, or the paths are not as many as its factors.

    Examples
    --------
    >>> from catlearn.models import Product, Space
    >>> X, P = Space("X", 2), Product("P", Space("X", 2), Space("X", 2))
    >>> print(Pairing("both", P, "f", "g >> h"))
    both = <f, g >> h>
    """

    name: str
    product: Product
    paths: tuple[str, ...]

    def __init__(self, name: str, product: Product, *paths: str) -> None:
        expect(name, str, "the name of a pairing", "text, such as 'both'")
        what = f"Pairing {name!r}"
        if not isinstance(product, Product):
            message = f"found a {type(product).__name__}, expected a Product to end at"
            raise fault(what, "product", what, message)
        if len(paths) != len(product.spaces):
            message = f"found {len(paths)} paths, expected {len(product.spaces)}, one for a factor"
            raise fault(what, "paths", what, message)
        vars(self).update(name=name, product=product, paths=tuple(paths))

    @property
    def label(self) -> Map:
        """A defined map."""
        return DefinedMap()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pairing):
            return NotImplemented
        same = names_of(self.product) == names_of(other.product)
        return same and (self.name, self.product, self.paths) == (
            other.name,
            other.product,
            other.paths,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.product, self.paths))

    def __repr__(self) -> str:
        return (
            f"Pairing({', '.join([repr(self.name), repr(self.product), *map(repr, self.paths)])})"
        )

    def __str__(self) -> str:
        return f"{self.name} = <{', '.join(self.paths)}>"


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
    failures = Failures()
    for (path, want), have in zip(leaves, jax.tree.leaves(params), strict=True):
        if jax.numpy.shape(have) != want.shape or jax.numpy.result_type(have) != want.dtype:
            place = jax.tree_util.keystr(path) or "the parameters"
            found = f"found {jax.numpy.result_type(have)} {jax.numpy.shape(have)}"
            message = f"{place}: {found}, expected {want.dtype} {want.shape}"
            failures.add("parameters", where, message)
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


def compares_examples(divergence: AnyDivergence, space: AnySpace) -> bool:
    """Whether the cost of an example depends on the others in its batch, said so or found out.

    A callable that declares nothing is tried on a few numbers between 0 and 1: do the first two
    examples of four cost the same without the others? One that refuses such numbers is not found.

    Parameters
    ----------
    divergence
        The divergence.
    space
        Where its arguments live.

    Examples
    --------
    >>> from catlearn.models import Divergence, Space
    >>> centred = Divergence(lambda p, t: ((p - p.mean(0) - t) ** 2).sum(1))
    >>> centred.batch_level, compares_examples(centred, Space("X", 2))
    (False, True)
    >>> compares_examples(Divergence("huber"), Space("X", 2))
    False
    """
    import jax

    if divergence.batch_level:
        return True
    parts = getattr(divergence, "parts", None)
    if parts is not None:
        factors = space.factors  # type: ignore[attr-defined]
        return any(map(compares_examples, parts, factors))
    if divergence.declared is not None:  # type: ignore[union-attr]
        return False
    draw = np.random.default_rng(0)

    def some(leaf: Any) -> np.ndarray:
        values = draw.uniform(size=leaf.shape)
        return (values if leaf.dtype.kind in "fcV" else values.round()).astype(leaf.dtype)

    for form in ("label", "logits"):  # of a target at a categorical space
        both = jax.tree.map(some, (space.example(4), space.example(4, form)))
        try:
            whole = divergence(*both)[:2]
            half = divergence(*jax.tree.map(lambda leaf: leaf[:2], both))
        except Exception:  # it reads other values; a step of training says if something is wrong
            continue
        return not np.allclose(whole, half, rtol=1e-3, atol=1e-5, equal_nan=True)
    return False


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
