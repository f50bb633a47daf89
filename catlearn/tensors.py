"""Trees of arrays as safetensors: named tensors, and the tree's shape as JSON beside them.

A *tree* is nested dicts (with text keys), lists and tuples over leaves: arrays, typed random
keys, and plain JSON scalars. Arrays become the tensors of a `safetensors
<https://huggingface.co/docs/safetensors>`_ file, named by their path (``"encoder/layers/0"``,
with ``~`` and ``/`` in keys escaped as in JSON Pointer, RFC 6901); the shape of the tree goes
into the file's metadata, and the CRC-32 of each array and of all else, so that damage is seen. Any
safetensors reader can open such a file, and nothing in it is ever executed.

Law: ``load_tree`` after ``save_tree`` gives back an equal tree, dtypes and containers included,
and equal trees give equal files.

>>> import numpy as np, pathlib, tempfile
>>> from catlearn.tensors import load_tree, save_tree
>>> tree = {"encoder": {"layers": [np.ones((2, 3)), None]}, "step": 7}
>>> with tempfile.TemporaryDirectory() as folder:
...     file = pathlib.Path(folder) / "p.safetensors"
...     save_tree(file, tree, {"note": "after step 7"})
...     back, metadata = load_tree(file)
>>> back["encoder"]["layers"][0].shape, back["step"], metadata
((2, 3), 7, {'note': 'after step 7'})
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.errors import (
    Failure,
    Failures,
    FileFormatError,
    InvalidStructure,
    fault,
    listed,
    refuse,
)
from catlearn.files import atomic_write, has_surrogate, parse_json, read_bounded, shorten

#: Bytes of one file that are read unless the caller allows more.
MAX_TENSOR_BYTES = 64 * 2**30

#: Bytes of a file's header that are read; the format's own readers stop at 100 MB.
MAX_HEADER_BYTES = 32 * 2**20

_METADATA = "__metadata__"
_TREE = "catlearn.tree"
_SUMS = "catlearn.crc32"
_HEADER = "catlearn.header"
_RESERVED = (_TREE, _SUMS, _HEADER)
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_CODES = {name: code for code, name in _DTYPES.items()}


def save_tree(path: str | os.PathLike[str], tree: Any, metadata: Mapping[str, str]) -> None:
    """Write a tree of arrays, atomically.

    Parameters
    ----------
    path
        Where to write, usually ``*.safetensors``.
    tree
        Nested dicts, lists and tuples of arrays, typed random keys, and JSON scalars.
    metadata
        Text to keep beside it; ``load_tree`` gives it back.

    Raises
    ------
    InvalidStructure
        If the tree has other nodes, keys or dtypes; every one is listed by its path.
    """
    atomic_write(path, encode_tree(tree, metadata))


def load_tree(
    path: str | os.PathLike[str], max_bytes: int = MAX_TENSOR_BYTES
) -> tuple[Any, dict[str, str]]:
    """Read a tree of arrays that :func:`save_tree` wrote.

    Returns
    -------
    tuple
        The tree, with numpy arrays at its leaves, and the metadata.

    Raises
    ------
    FileFormatError
        If the file is malformed, damaged, truncated or larger than ``max_bytes``; every fault is
        listed.

    Warns
    -----
    NotVerified
        If the file is of an earlier version, which wrote no checksums.
    """
    name = os.path.basename(os.fspath(path))
    return decode_tree(read_bounded(path, max_bytes), what=f"file {name!r}")


def header_of(path: str | os.PathLike[str]) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Read the header of a safetensors file alone: the shapes of its arrays, and the metadata.

    Raises
    ------
    FileFormatError
        If the file has no such header.
    OSError
        If it cannot be read.
    """
    what = f"file {os.path.basename(os.fspath(path))!r}"
    if not os.path.isfile(path):  # a pipe would be waited for
        raise fault(what, "file", os.fspath(path), "is no file", FileFormatError)
    with open(path, "rb") as stream:
        size = stream.read(8)
        text = stream.read(min(int.from_bytes(size, "little"), MAX_HEADER_BYTES + 1))
    header, _ = _split(size + text, what)
    metadata = header.pop(_METADATA, {})
    shapes = {
        name: tuple(entry["shape"])
        for name, entry in header.items()
        if isinstance(entry, dict) and isinstance(entry.get("shape"), list)
    }
    return shapes, metadata if isinstance(metadata, dict) else {}


def encode_tree(tree: Any, metadata: Mapping[str, str], sums: bool = True) -> bytes:
    """Return the bytes of the file that :func:`save_tree` writes.

    Without ``sums`` there are no checksums, for files whose digest is kept elsewhere.
    """
    faults = Failures()
    tensors: dict[str, np.ndarray] = {}
    node = _encode(tree, (), tensors, faults)
    for key, value in metadata.items():
        if not _is_text(key) or not _is_text(value) or key in _RESERVED:
            message = f"metadata is text by text, and {' and '.join(_RESERVED)} are reserved"
            faults.add("metadata", f"metadata {key!r}", message)
    refuse("tree of arrays", faults)
    kept: dict[str, Any] = {_TREE: node}
    if sums:
        kept[_SUMS] = {name: zlib.crc32(_bytes(array)) for name, array in tensors.items()}
    texts = {
        key: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        for key, value in kept.items()
    }
    texts = {**metadata, **texts}
    if sums:
        texts[_HEADER] = str(_header_sum(tensors, texts))
    return encode_tensors(tensors, texts)


def decode_tree(
    data: bytes, what: str = "safetensors", sums: bool = True
) -> tuple[Any, dict[str, str]]:
    """Read the bytes of a file that :func:`save_tree` wrote; see :func:`load_tree`."""
    tensors, metadata = decode_tensors(data, what)
    if _TREE not in metadata:
        message = f"metadata has no {_TREE!r}; this file was not written by catlearn"
        raise fault(what, "tree", "header", message, FileFormatError)
    header = metadata.pop(_HEADER, None)
    faults = Failures()
    if sums and header is not None and header != str(_header_sum(tensors, metadata)):
        faults.add("checksum", "header", "is damaged: its CRC-32 is another one")
    node = parse_json(metadata.pop(_TREE), what, max_bytes=MAX_HEADER_BYTES)
    faults += _damaged(tensors, metadata, what) if sums else []
    used: set[str] = set()
    tree = _decode(node, "tree", tensors, used, faults)
    for name in tensors:
        if name not in used:
            faults.add("tree", f"tensor {shorten(name)!r}", "is in the file but not in its tree")
    refuse(what, faults, FileFormatError)
    return tree, metadata


class NotVerified(UserWarning):
    """A file of an earlier version has no checksums, so damage to its numbers is not seen."""


def _header_sum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> int:
    """Return the CRC-32 of all but the numbers: names, dtypes, shapes, scalars and metadata."""
    arrays = sorted((name, str(a.dtype), list(a.shape)) for name, a in tensors.items())
    text = json.dumps([arrays, sorted(metadata.items())], ensure_ascii=True)
    return zlib.crc32(text.encode())


def _damaged(
    tensors: Mapping[str, np.ndarray], metadata: dict[str, str], what: str
) -> list[Failure]:
    """List the arrays whose bytes are not those that were written."""
    if _SUMS not in metadata and not tensors:
        return []
    if _SUMS not in metadata:
        message = f"{what} is of an earlier version and has no checksums: numbers are not verified"
        warnings.warn(message, NotVerified, stacklevel=4)
        return []
    sums = parse_json(metadata.pop(_SUMS), what, max_bytes=MAX_HEADER_BYTES)
    if not isinstance(sums, dict):
        return [Failure("checksum", "header", f"{_SUMS!r} must be an object")]
    return [
        Failure("checksum", f"tensor {shorten(name)!r}", "is damaged: its CRC-32 is another one")
        for name, array in tensors.items()
        if sums.get(name) != zlib.crc32(_bytes(array))
    ]


def encode_tensors(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file of named arrays.

    The layout depends on the names alone: tensors by falling item size, then by name, as the
    format's own writer orders them, and metadata in sorted order, so that equal content gives
    equal bytes.
    """
    arrays = {name: np.asarray(value) for name, value in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {_METADATA: dict(sorted(metadata.items()))}
    blobs: list[bytes] = []
    offset = 0
    for name in order:
        array = arrays[name]
        blob = _bytes(array)
        header[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *blobs])


def decode_tensors(
    data: bytes, what: str = "safetensors"
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file: named arrays and metadata.

    Every tensor is checked before any is made, so the memory used is at most the file's size.

    Raises
    ------
    FileFormatError
        Listing every tensor whose dtype, shape or place in the file is wrong.
    """
    header, body = _split(data, what)
    faults = Failures()
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        faults.add("header", _METADATA, "must be an object of texts")
        metadata = {}
    places: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        problem = _entry_problem(entry, len(body))
        if problem:
            faults.add("header", f"tensor {shorten(name)!r}", problem)
        else:
            begin, end = entry["data_offsets"]
            places.append((begin, end, name))
    refuse(what, faults or _coverage(sorted(places), len(body)), FileFormatError)
    arrays = {name: _array(header[name], body, begin, end) for begin, end, name in places}
    return arrays, metadata


def _split(data: bytes, what: str) -> tuple[dict[str, Any], memoryview]:
    def wrong(message: str) -> InvalidStructure:
        return fault(what, "header", "first bytes", message, FileFormatError)

    if len(data) < 8:
        raise wrong(f"the file has {len(data)} bytes, a header needs 8; is it complete?")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise wrong(f"the header claims {length} bytes, at most {MAX_HEADER_BYTES} are read")
    if 8 + length > len(data):
        found = len(data) - 8
        raise wrong(f"the header claims {length} bytes, {found} follow; is the file complete?")
    header = parse_json(data[8 : 8 + length], what, max_bytes=MAX_HEADER_BYTES)
    if not isinstance(header, dict):
        raise wrong("the header must be a JSON object")
    return header, memoryview(data)[8 + length :]


def _natural(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _entry_problem(entry: Any, size: int) -> str | None:
    """Say what is wrong with one tensor's header entry, or None."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "must have exactly dtype, shape and data_offsets"
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        return f"has dtype {shorten(repr(code))}, known are {', '.join(_DTYPES)}"
    if not isinstance(shape, list) or len(shape) > 64 or not all(map(_natural, shape)):
        return f"has shape {shorten(repr(shape))}, a list of at most 64 natural numbers is needed"
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
        return f"has data_offsets {shorten(repr(offsets))}, two natural numbers are needed"
    begin, end = offsets
    needed = math.prod(shape) * _dtype(code).itemsize
    if end - begin != needed:
        return f"has shape {shorten(str(shape))} of {needed} bytes, its place has {end - begin}"
    if end > size:
        return f"ends at byte {end} of a body of {size}; is the file complete?"
    # An empty array costs no bytes, yet numpy refuses one whose other axes overflow its index.
    if math.prod(max(n, 1) for n in shape) > np.iinfo(np.intp).max // 16:
        return f"has shape {shorten(str(shape))}, which no array can have"
    return None


@listed
def _coverage(places: list[tuple[int, int, str]], size: int) -> Iterator[Failure]:
    """Check that the tensors lie one after another and fill the body."""
    at = 0
    for begin, end, name in places:
        if begin != at:
            message = f"starts at byte {begin}, the tensor before it ends at {at}"
            yield Failure("header", f"tensor {shorten(name)!r}", message)
        at = end
    if at != size:
        yield Failure("header", "body", f"the tensors need {at} bytes, the body has {size}")


def _dtype(code: str) -> np.dtype:
    name = _DTYPES[code]
    if name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name).newbyteorder("<")


def _array(entry: dict[str, Any], body: memoryview, begin: int, end: int) -> np.ndarray:
    dtype = _dtype(entry["dtype"])
    array = np.frombuffer(body[begin:end], dtype=dtype).reshape(entry["shape"])
    # A copy is aligned, writable and free of the file's buffer.
    return array.astype(dtype.newbyteorder("="), copy=True)


def _bytes(array: np.ndarray) -> bytes:
    """Return the bytes of an array as files hold them, the lowest first."""
    big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    return (array.astype(array.dtype.newbyteorder("<")) if big else array).tobytes()


def _name(path: tuple[str, ...]) -> str:
    name = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
    return "~2metadata" if name == _METADATA else name


def _children(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        yield from tree.items()
    else:
        yield from ((str(i), child) for i, child in enumerate(tree))


def _encode(
    tree: Any, path: tuple[str, ...], tensors: dict[str, np.ndarray], faults: Failures
) -> Any:
    """Describe a tree as JSON and collect its arrays by name."""
    where = f"leaf {_name(path)!r}"
    if type(tree) in (dict, list, tuple):
        if len(path) >= 24:
            faults.add("tree", where, "nests more than 24 levels deep")
            return None
        bad = [k for k in tree if not _is_text(k)] if isinstance(tree, dict) else []
        for key in bad:
            faults.add("tree", f"node {_name(path)!r}", f"has the key {key!r}; keys must be text")
        if bad:
            return None
        inner = [(k, _encode(v, (*path, k), tensors, faults)) for k, v in _children(tree)]
        if isinstance(tree, dict):
            return {"dict": dict(inner)}
        return {type(tree).__name__: [node for _, node in inner]}
    if tree is None or type(tree) is bool or (type(tree) is int and abs(tree) < 10**39):
        return {"value": tree}
    if type(tree) is float and math.isfinite(tree):
        return {"value": tree}
    if type(tree) is str and _is_text(tree):
        return {"value": tree}
    return _encode_array(tree, path, tensors, faults)


def _encode_array(
    leaf: Any, path: tuple[str, ...], tensors: dict[str, np.ndarray], faults: Failures
) -> Any:
    name = _name(path)
    where = f"leaf {name!r}"
    dtype = getattr(leaf, "dtype", None)
    if dtype is None or not hasattr(leaf, "shape"):
        kind = type(leaf).__name__
        message = f"is a {kind}; only dicts, lists, tuples, arrays and JSON scalars are stored"
        faults.add("tree", where, message)
        return None
    if str(dtype).startswith("key<"):
        import jax

        tensors[name] = np.asarray(jax.random.key_data(leaf))
        return {"key": name, "impl": str(jax.random.key_impl(leaf))}
    array = np.asarray(leaf)
    if array.dtype.name not in _CODES:
        faults.add("tree", where, f"has dtype {array.dtype}, known are {', '.join(_CODES)}")
        return None
    tensors[name] = array
    return {"array": name}


def _is_text(key: Any) -> bool:
    return isinstance(key, str) and not has_surrogate(key)


def _decode(
    node: Any,
    where: str,
    tensors: dict[str, np.ndarray],
    used: set[str],
    faults: Failures,
) -> Any:
    """Rebuild a tree from its description; faults are noted and None stands in."""
    if not isinstance(node, dict):
        faults.add("tree", where, f"must be an object, found {shorten(repr(node))}")
        return None
    tag = next(iter(node), "")
    inner = node.get(tag)
    if tag == "dict" and len(node) == 1 and isinstance(inner, dict):
        return {
            key: _decode(child, f"{where}/{shorten(key)}", tensors, used, faults)
            for key, child in inner.items()
        }
    if tag in ("list", "tuple") and len(node) == 1 and isinstance(inner, list):
        items = [
            _decode(child, f"{where}/{i}", tensors, used, faults) for i, child in enumerate(inner)
        ]
        return items if tag == "list" else tuple(items)
    if tag == "value" and len(node) == 1 and not isinstance(inner, (dict, list)):
        return inner
    if tag == "array" and len(node) == 1:
        return _take(inner, where, tensors, used, faults)
    if tag == "key" and set(node) == {"key", "impl"}:
        return _wrap_key(_take(inner, where, tensors, used, faults), node["impl"], where, faults)
    message = f"has fields {shorten(str(list(node)))}; one of dict, list, tuple, value, array, key"
    faults.add("tree", where, message)
    return None


def _take(
    name: Any, where: str, tensors: dict[str, np.ndarray], used: set[str], faults: Failures
) -> np.ndarray | None:
    if not isinstance(name, str) or name not in tensors:
        message = f"refers to tensor {shorten(repr(name))}, which is not in the file"
        faults.add("tree", where, message)
        return None
    if name in used:
        faults.add("tree", where, f"refers to tensor {shorten(name)!r}, which is already taken")
    used.add(name)
    return tensors[name]


def _wrap_key(data: np.ndarray | None, impl: Any, where: str, faults: Failures) -> Any:
    if data is None:
        return None
    import jax

    try:
        return jax.random.wrap_key_data(jax.numpy.asarray(data), impl=impl)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        message = f"is no random key of kind {shorten(repr(impl))}: {shorten(str(error))}"
        faults.add("tree", where, message)
        return None


def same_values(one: Any, other: Any) -> bool:
    """Whether two trees are one: the same object, or of equal structure, shapes, dtypes and bytes.

    So NaN is itself where its bytes are, and 0 and -0 differ.

    Parameters
    ----------
    one, other
        Arrays, or any JAX pytrees of arrays, typed random keys and numbers.

    Examples
    --------
    >>> ones = np.ones(2)
    >>> same_values({"w": ones}, {"w": np.ones(2)}), same_values(ones, np.ones(2, "f4"))
    (True, False)
    >>> same_values(None, ones), same_values(np.full(2, np.nan), np.full(2, np.nan))
    (False, True)
    """
    if one is other:
        return True
    if hasattr(one, "dtype") and hasattr(other, "dtype"):
        return _same_array(one, other)
    import jax

    (ours, here), (theirs, there) = jax.tree.flatten(one), jax.tree.flatten(other)
    return here == there and all(map(_same_array, ours, theirs))


def _same_array(one: Any, other: Any) -> bool:
    if one is other:
        return True
    (here, ours), (there, theirs) = map(_plain_array, (one, other))
    if here != there or ours.shape != theirs.shape:
        return False
    if ours.dtype.hasobject:
        return ours.tobytes() == theirs.tobytes()
    ours, theirs = (np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in (ours, theirs))
    return np.array_equal(ours, theirs)


def _plain_array(leaf: Any) -> tuple[str, np.ndarray]:
    """Return the dtype of an array as text, and its values; those of a random key are numbers."""
    dtype = str(getattr(leaf, "dtype", ""))
    if dtype.startswith("key<"):
        import jax

        return dtype, np.asarray(jax.random.key_data(leaf))
    array = np.asarray(leaf)
    return str(array.dtype), array


def plain_tree(tree: Any) -> Any:
    """Return a tree of dicts, lists and tuples with the leaves of any JAX pytree.

    A tree that :func:`save_tree` can store is returned as it is. Other nodes, such as the
    modules of a model library, become dicts by the names of their fields.

    Examples
    --------
    >>> from collections import namedtuple
    >>> Layer = namedtuple("Layer", "weight bias")
    >>> plain_tree([Layer(1.0, 2.0)])
    {'0': {'weight': 1.0, 'bias': 2.0}}
    >>> plain_tree([{"w": 1.0}])
    [{'w': 1.0}]
    """
    if _is_plain(tree):
        return tree
    out: dict[str, Any] = {}
    for names, leaf in _by_names(tree):
        node = out
        for name in names[:-1]:
            node = node.setdefault(name, {})
        node[names[-1]] = leaf
    return out


def like(template: Any, tree: Any) -> tuple[Any, list[str]]:
    """Give the leaves of a stored tree the form of another: matched by their names.

    Parameters
    ----------
    template
        A JAX pytree whose leaves have ``shape`` and ``dtype``.
    tree
        What ``load_tree`` gave back for a tree of that form, or :func:`plain_tree` of one.

    Returns
    -------
    tuple
        A tree of the template's form with JAX arrays, or None; and what does not match.

    Examples
    --------
    >>> import numpy as np
    >>> like((np.zeros(2, "int32"),), {"0": np.arange(2, dtype="int32")})
    ((Array([0, 1], dtype=int32),), [])
    >>> like({"w": np.zeros(2)}, {"w": np.zeros(3), "v": 1})[1]
    ['v is in the file, but not among its parameters', 'w is float64 (3,), expected float64 (2,)']
    """
    import jax
    import jax.numpy as jnp

    found = dict(_by_names(tree))
    wanted = _by_names(template)
    problems = [
        f"{'/'.join(names)} is in the file, but not among its parameters"
        for names in found
        if names not in dict(wanted)
    ]
    leaves = []
    for names, want in wanted:
        place = "/".join(names) or "the parameters"
        if names not in found:
            problems.append(f"{place} is not in the file")
            continue
        have = found[names]
        try:
            dtype = have.dtype if hasattr(have, "dtype") else jnp.result_type(have)
            if jnp.shape(have) == tuple(want.shape) and str(dtype) == str(want.dtype):
                leaves.append(jnp.asarray(have))
                continue
            what = f"{dtype} {jnp.shape(have)}"
        except (TypeError, ValueError, OverflowError):
            what = shorten(repr(have))
        problems.append(f"{place} is {what}, expected {want.dtype} {tuple(want.shape)}")
    if problems:
        return None, problems
    return jax.tree.unflatten(jax.tree.structure(template), leaves), []


def _is_plain(tree: Any) -> bool:
    if type(tree) is dict:
        return all(isinstance(key, str) for key in tree) and all(map(_is_plain, tree.values()))
    if type(tree) in (list, tuple):
        return all(map(_is_plain, tree))
    plain = tree is None or type(tree) in (bool, int, float, str)
    return plain or (hasattr(tree, "dtype") and hasattr(tree, "shape"))


def _by_names(tree: Any) -> list[tuple[tuple[str, ...], Any]]:
    """Return the leaves of a pytree, each with the names of the nodes on the way to it."""
    import jax

    return [
        (tuple(_key_name(key) for key in path), leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _key_name(key: Any) -> str:
    for field in ("name", "key", "idx"):
        if hasattr(key, field):
            return str(getattr(key, field))
    return str(key)
