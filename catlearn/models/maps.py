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
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.adapters import as_architecture
from catlearn.models.architectures import Architecture
from catlearn.models.spaces import AnySpace, Product, is_named
from catlearn.tensors import same_values


class _OfKind(type):
    """``Map("factor", index=1)`` is the map of that kind, ``FactorMap(1)``."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return _map_of(*args, **options) if cls is Map else super().__call__(*args, **options)


class Map(metaclass=_OfKind):
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
            failure = Failure("kind", f"a {self.kind} map", "it needs an architecture")
            raise InvalidStructure("Map", [failure])

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
        raise InvalidStructure("Map", [Failure("kind", "a map", message)])
    has = MAPS[kind].__dataclass_fields__  # type: ignore[attr-defined]
    failures = [
        Failure("kind", f"a {kind} map", f"it {'needs an' if name in has else 'has no'} {name}")
        for name in given
        if (name in has) != (name in parts)
    ]
    if failures:
        raise InvalidStructure("Map", failures)
    return MAPS[kind](**parts)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Model:
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
        failures = [
            Failure("space", f"{what}, {side}", f"found a {type(space).__name__}, expected a Space")
            for side, space in (("source", source), ("target", target))
            if not is_named(space)
        ]
        if not isinstance(name, str) or not name:
            failures.append(Failure("name", what, "expected non-empty text"))
        if failures:
            raise InvalidStructure(what, failures)
        found, own = as_architecture(what, architecture, **options)
        if found.parameter_free and start is not None:
            message = "found starting parameters for a map that has no parameters"
            raise InvalidStructure(what, [Failure("start", what, message)])
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
        from catlearn.models.check import check_edge, check_parameters

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
        from catlearn.models.check import check_parameters

        if isinstance(self.label, FixedMap):
            return self
        start = self.start if variables is None else self.architecture.parameters_of(variables)
        what = f"Model {self.name!r}"
        if start is None:
            message = "it is drawn at initialisation and has no parameters yet; freeze(variables)"
            raise InvalidStructure(what, [Failure("freeze", what, message)])
        source, target = self.source.label, self.target.label
        failures = check_parameters(self.name, self.label, source, target, start)
        if failures:
            raise InvalidStructure(what, failures)
        frozen = object.__new__(Model)
        frozen._set(self.name, self.source, self.target, FrozenMap(self.architecture), start)
        return frozen

    def lora(self, rank: int, *, alpha: float | None = None, key: Any = None) -> Model:
        """Return the model held still, with trained products of low rank added; see ``lora``."""
        from catlearn.models.low_rank import lora

        return lora(self, rank, alpha=alpha, key=key)

    def _parts(self) -> tuple:
        names = self.name, self.source.name, self.target.name
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


@dataclass(frozen=True, init=False, repr=False)
class Pairing:
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
        what = f"Pairing {name!r}"
        if not isinstance(product, Product):
            message = f"found a {type(product).__name__}, expected a Product to end at"
            raise InvalidStructure(what, [Failure("product", what, message)])
        if len(paths) != len(product.spaces):
            message = f"found {len(paths)} paths, expected {len(product.spaces)}, one for a factor"
            raise InvalidStructure(what, [Failure("paths", what, message)])
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "product", product)
        object.__setattr__(self, "paths", tuple(paths))

    @property
    def label(self) -> Map:
        """A defined map."""
        return DefinedMap()

    def __repr__(self) -> str:
        return (
            f"Pairing({', '.join([repr(self.name), repr(self.product), *map(repr, self.paths)])})"
        )

    def __str__(self) -> str:
        return f"{self.name} = <{', '.join(self.paths)}>"
