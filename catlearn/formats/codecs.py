"""Codecs: how the labels on rows are written as JSON, and read without running anything.

Numbers, texts, booleans and None stand for themselves. Everything else is an object whose
``_type`` is the *tag* of a codec, one of a fixed registry: spaces, divergences by name, maps,
architectures by name and options, tuples. Reading a tag calls the codec's own function on
values that have been read already; an unknown tag is a fault, and nothing in a file can name
code. What cannot be written as data, such as a bare function or an object of a model library,
becomes an ``unbound`` description that ``diagram.bind`` can fill.

Law: ``decode(encode(label)) == label``, but for architectures that files cannot hold.

>>> from catlearn.formats.codecs import decode, encode
>>> from catlearn.models import Space
>>> label = Space("X", 64, divergence="huber").label
>>> written = encode(label)
>>> written["_type"], written["shape"], written["divergence"]["name"]
('array', [64], 'huber')
>>> decode(written) == label
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from catlearn.arrays import Circuit
from catlearn.errors import CatlearnError, Failures, InvalidStructure, UnknownName
from catlearn.files import has_surrogate, shorten, shorten_repr
from catlearn.learning import Weight
from catlearn.models import (
    AnySpace,
    Architecture,
    Categorical,
    DataSpace,
    Divergence,
    DivergenceSum,
    Each,
    Function,
    LowRank,
    Map,
    Operated,
    Plain,
    Product,
    Registered,
    Space,
    Unbound,
    divergence_names,
)
from catlearn.models.circuits import CircuitArchitecture

TAG = "_type"
#: No axis, number of classes or option of a label that is read may be larger.
MOST_SIZE = 2**31 - 1
_MOST_DIGITS = 10**39


class Unreadable(Exception):
    """A label that cannot be read; the reader notes where it stood."""


class Unwritable(Exception):
    """A label that cannot be written; the writer notes where it stood."""


@dataclass(frozen=True)
class Codec:
    """How one class of labels is written and read.

    Parameters
    ----------
    tag
        What files call it.
    kind
        The class; its subclasses are written so too, unless they have a codec of their own.
    fields
        ``fields(label)`` returns what to write, by name; the values are encoded in turn.
    make
        ``make(**fields)`` returns the label. It is given exactly the ``names`` below, decoded,
        and must check them; anything in :mod:`catlearn.errors`, ``TypeError`` or ``ValueError``
        that it raises is reported as a fault of the file.
    names
        The names of the fields.
    optional
        Names of fields that may be missing.
    """

    tag: str
    kind: type
    fields: Callable[[Any], Mapping[str, Any]]
    make: Callable[..., Any]
    names: tuple[str, ...]
    optional: tuple[str, ...] = ()


_by_kind: dict[type, Codec] = {}
_by_tag: dict[str, Codec] = {}


def register_codec(codec: Codec) -> None:
    """Let files hold one more class of labels.

    Raises
    ------
    CatlearnError
        If the tag or the class is taken.
    """
    if codec.tag in _by_tag or codec.kind in _by_kind:
        raise CatlearnError(f"the tag {codec.tag!r} or its class has a codec already")
    _by_tag[codec.tag] = _by_kind[codec.kind] = codec


def encode(label: Any) -> Any:
    """Return a label as JSON data.

    Raises
    ------
    Unwritable
        If it has no codec.
    """
    if label is None or isinstance(label, bool | np.bool_):
        return None if label is None else bool(label)
    if isinstance(label, str):
        if has_surrogate(label):
            raise Unwritable(f"the text {shorten(label)!r} holds half a surrogate pair")
        return str(label)
    if isinstance(label, int | np.integer):
        if abs(int(label)) >= _MOST_DIGITS:
            raise Unwritable(f"an integer of {len(str(abs(int(label))))} digits; 39 are the most")
        return int(label)
    if isinstance(label, float | np.floating) and type(label) not in _by_kind:
        value = float(label)
        return value if math.isfinite(value) else {TAG: "float", "value": repr(value)}
    codec = next((_by_kind[k] for k in type(label).__mro__ if k in _by_kind), None)
    if codec is None:
        kind = type(label).__name__
        raise Unwritable(f"a {kind} has no codec; catlearn.formats.register_codec adds one")
    try:
        fields = {name: _encode_field(value) for name, value in codec.fields(label).items()}
    except Unwritable:
        if not isinstance(label, Architecture):
            raise
        # A registered architecture may have a function among its options.
        return encode(Unbound(describe(label)))
    except RecursionError:
        raise Unwritable("it nests too deeply") from None
    return {TAG: codec.tag, **fields}


def encoded(label: Any, where: str, failures: Failures) -> Any:
    """Return a label as JSON; note where it stood if that cannot be."""
    try:
        return encode(label)
    except Unwritable as error:
        failures.add("labels", where, str(error))
        return None


def _encode_field(value: Any) -> Any:
    """Encode a field; lists and text-keyed dicts are what codecs write plainly."""
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        if TAG in value:
            raise Unwritable(f"an option is called {TAG!r}, which files keep for themselves")
        return {key: encode(item) for key, item in value.items()}
    return encode(value)


def decode(data: Any) -> Any:
    """Return the label that JSON data stand for.

    Raises
    ------
    Unreadable
        If the data are no label: an unknown tag, other fields, values that make no sense.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        raise Unreadable(f"a list is no label; found {shorten_repr(data)}")
    tag = data.get(TAG)
    if tag == "float" and set(data) == {TAG, "value"} and data["value"] in ("nan", "inf", "-inf"):
        return float(data["value"])
    if tag is None:
        raise Unreadable(f"an object without {TAG!r} is no label; found {shorten_repr(data)}")
    codec = _by_tag.get(tag) if isinstance(tag, str) else None
    if codec is None:
        known = ", ".join(_by_tag)
        raise Unreadable(f"the tag {shorten_repr(tag)} is not known; known are {known}")
    fields = {key: value for key, value in data.items() if key != TAG}
    if set(fields) - set(codec.optional) != set(codec.names):
        expected = ", ".join(codec.names) or "none"
        raise Unreadable(f"{tag} has fields {shorten(str(sorted(fields)))}, expected {expected}")
    try:
        return codec.make(**{name: _decode_field(value) for name, value in fields.items()})
    except RecursionError:
        raise Unreadable("it nests too deeply") from None
    except (CatlearnError, TypeError, ValueError, OverflowError) as error:
        raise Unreadable(f"{tag}: {_reason(error)}") from None


def _decode_field(value: Any) -> Any:
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict) and TAG not in value:
        return {key: decode(item) for key, item in value.items()}
    return decode(value)


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidStructure):
        return shorten("; ".join(str(failure) for failure in error.failures), 300)
    return shorten(str(error), 300)


# What the readers below ask of fields.


def _sized(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SIZE:
        raise ValueError(f"{what} is {value!r}, a natural number up to {MOST_SIZE} is needed")
    return value


def _is_text(what: str, value: Any, most: int = 10_000) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{what} is {shorten_repr(value)}, a text is needed")
    return value


def _instance(what: str, value: Any, kinds: Any) -> Any:
    if not isinstance(value, kinds):
        raise ValueError(f"{what} is {shorten_repr(value)}, which makes no sense there")
    return value


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number, found {shorten_repr(value)}")
    return value


def _options(value: Any) -> dict[str, Any]:
    _instance("options", value, dict)
    for key, option in value.items():
        if isinstance(option, int) and abs(option) > MOST_SIZE:
            raise ValueError(f"option {key!r} is {option}, at most {MOST_SIZE} is read")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    _instance("shape", value, list)
    if len(value) > 32:
        raise ValueError(f"shape has {len(value)} axes, at most 32 are read")
    return tuple(_sized("an axis of shape", n) for n in value)


# The codecs.


def _attributes(names: tuple[str, ...], label: Any) -> dict[str, Any]:
    values = {name: getattr(label, name) for name in names}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _make_divergence(name: Any, options: Any) -> Divergence:
    _is_text("name", name, 200)
    if name not in divergence_names():
        known = ", ".join(divergence_names())
        raise ValueError(
            f"no divergence is called {name!r}; there are {known}. Register it with "
            "catlearn.models.register_divergence before loading"
        )
    return Divergence(name, **_options(options))


def _divergence_fields(divergence: Divergence) -> dict[str, Any]:
    if not isinstance(divergence.function, str):
        raise Unwritable(
            f"the divergence {divergence.name!r} is a bare function; files hold divergences by "
            "name: catlearn.models.register_divergence(name, function), and use the name"
        )
    return {"name": divergence.function, "options": dict(divergence.options)}


def _make_array(shape: Any, dtype: Any, divergence: Any) -> Space:
    _instance("divergence", divergence, Divergence | DivergenceSum)
    return Space(None, _shape(shape), _is_text("dtype", dtype, 20), divergence)


def _make_categorical(n: Any, dtype: Any, divergence: Any) -> Categorical:
    _instance("divergence", divergence, Divergence | DivergenceSum)
    return Categorical(None, _sized("n", n), divergence, _is_text("dtype", dtype, 20))


def _make_product(factors: Any) -> Product:
    kinds = Space | Categorical | Product
    if not _instance("factors", factors, list):
        raise ValueError("a product needs at least one factor")
    return Product(None, *(_instance("a factor", factor, kinds) for factor in factors))


def _make_sum(parts: Any) -> DivergenceSum:
    kinds = Divergence | DivergenceSum
    items = _instance("parts", parts, list)
    return DivergenceSum(tuple(_instance("a part", part, kinds) for part in items))


def _make_map(kind: Any, architecture: Any, index: Any) -> Map:
    if index is not None:
        _sized("index", index)
    return Map(_is_text("kind", kind, 40), architecture, index)


def _operator_fields(operated: Operated) -> dict[str, Any]:
    if not isinstance(operated.operator, str):
        raise Unwritable("an operator without a name is code; register_operator gives it one")
    return {"name": operated.operator, "options": dict(operated.options)}


def _make_named(kind: type, name: Any, options: Any) -> Architecture:
    """Return the architecture or operator, or an unbound one if nothing here has its name."""
    _is_text("name", name, 200)
    options = _options(options)
    try:
        return kind(name, **options)
    except UnknownName:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        return Unbound(shorten(f"{name}({given})", 200))


def _around_fields(architecture: LowRank | Each) -> dict[str, Any]:
    """The fields of an architecture around another one, which a file must be able to hold."""
    if encode(architecture.architecture)[TAG] == "unbound":
        raise Unwritable(f"{describe(architecture.architecture)} is code")
    return {field.name: getattr(architecture, field.name) for field in fields(architecture)}


def _make_low_rank(architecture: Any, rank: Any, alpha: Any) -> Architecture:
    _instance("architecture", architecture, Architecture)
    if alpha is not None:
        _number("alpha", alpha)
    if not architecture.bound:
        return Unbound(shorten(f"{architecture} adapted at rank {rank}", 200))
    return LowRank(architecture, rank, alpha)


def _make_each(architecture: Any, source: Any, target: Any) -> Architecture:
    _instance("architecture", architecture, Architecture)
    for name, space in (("source", source), ("target", target)):
        _instance(name, space, AnySpace)
    return Each(architecture, source, target) if architecture.bound else architecture


def _architecture_fields(architecture: Architecture) -> dict[str, Any]:
    return {"description": describe(architecture)}


def describe(architecture: Architecture) -> str:
    """Return the words by which a file mentions an architecture that it cannot hold."""
    match architecture:
        case Unbound(description):
            return description
        case Plain():
            return f"pair (init, {architecture})"
        case Function():
            return f"function {architecture}"
    if architecture.library is not None:
        return f"{architecture.library} {architecture}"
    return f"{type(architecture).__name__} {architecture}"


def lines_of(circuit: Circuit) -> list[str]:
    """Return what files hold of a circuit of arrays: the lines of its listing."""
    return str(circuit).split("\n")


def circuit_of(lines: Any) -> Circuit:
    """Return the circuit of the lines of a listing, which are checked."""
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise TypeError(f"listing is {shorten_repr(lines)}, a list of texts is needed")
    return Circuit.parse("\n".join(lines))


def _make_tuple(items: Any) -> tuple:
    return tuple(_instance("items", items, list))


def _weight_fields(weight: Weight) -> dict[str, Any]:
    if weight.schedule is not None:
        raise Unwritable("a schedule is code; give the weight a name and its number instead")
    more = {} if weight.factor == 1 else {"factor": weight.factor}
    return {"name": weight.name, "value": weight.value, **more}


def _make_weight(name: Any, value: Any, factor: Any = 1.0) -> Weight:
    value, factor = _number("value", value), _number("factor", factor)
    return Weight(_is_text("name", name), value, factor=factor)


def _make_unbound(description: Any) -> Unbound:
    return Unbound(_is_text("description", description))


for _codec in (
    Codec("tuple", tuple, lambda t: {"items": list(t)}, _make_tuple, ("items",)),
    Codec("divergence", Divergence, _divergence_fields, _make_divergence, ("name", "options")),
    *(
        Codec(tag, kind, partial(_attributes, names), make, names)
        for tag, kind, make, names in (
            ("divergence sum", DivergenceSum, _make_sum, ("parts",)),
            ("array", Space, _make_array, ("shape", "dtype", "divergence")),
            ("categorical", Categorical, _make_categorical, ("n", "dtype", "divergence")),
            ("product", Product, _make_product, ("factors",)),
        )
    ),
    Codec("data", DataSpace, lambda s: {}, DataSpace, ()),
    Codec("map", Map,
          lambda m: {"kind": m.kind, **{k: getattr(m, k, None) for k in ("architecture", "index")}},
          _make_map, ("kind", "architecture", "index")),
    Codec("registered", Registered, lambda a: {"name": a.name, "options": dict(a.options)},
          partial(_make_named, Registered), ("name", "options")),
    Codec("low rank", LowRank, _around_fields, _make_low_rank, ("architecture", "rank", "alpha")),
    Codec("each", Each, _around_fields, _make_each, ("architecture", "source", "target")),
    Codec("circuit", CircuitArchitecture, lambda a: {"listing": lines_of(a.circuit)},
          lambda listing: CircuitArchitecture(circuit_of(listing)), ("listing",)),
    Codec("operator", Operated, _operator_fields, partial(_make_named, Operated),
          ("name", "options")),
    Codec("weight", Weight, _weight_fields, _make_weight, ("name", "value"), ("factor",)),
    Codec("unbound", Architecture, _architecture_fields, _make_unbound, ("description",)),
):  # fmt: skip
    register_codec(_codec)
