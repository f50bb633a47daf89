"""Trees of arrays come back equal, and a bad file is refused with every fault."""

import contextlib
import json
import zlib
from typing import NamedTuple

import jax
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, strategies as st

from catlearn.errors import FileFormatError, InvalidStructure
from catlearn.tensors import (
    NotVerified,
    decode_tensors,
    decode_tree,
    encode_tensors,
    encode_tree,
    like,
    load_tree,
    plain_tree,
    same_values,
    save_tree,
)
from tests.errors import raises

DTYPES = ["bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]


@st.composite
def arrays(draw):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return np.asarray(rng.normal(size=shape) * 9).astype(dtype).reshape(shape)


keys = st.text(st.sampled_from("ab/~_. é"), max_size=3) | st.just("__metadata__")
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab\n", max_size=3)
)
trees = st.recursive(
    arrays() | scalars,
    lambda inner: (
        st.dictionaries(keys, inner, max_size=3)
        | st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def same(a, b):
    """Whether two trees are equal: containers, order of keys, dtypes, shapes and bits."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def test_same_rejects_mutants():
    one = {"a": [np.zeros(2, "float32")], "b": 1}
    for other in (
        {"a": (np.zeros(2, "float32"),), "b": 1},
        {"a": [np.zeros(2, "float64")], "b": 1},
        {"a": [np.zeros((2, 1), "float32")], "b": 1},
        {"b": 1, "a": [np.zeros(2, "float32")]},
        {"a": [np.zeros(2, "float32")], "b": True},
    ):
        assert not same(one, other)


@given(
    trees,
    st.dictionaries(
        st.text("ab", max_size=3),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        max_size=2,
    ),
)
def test_trees_come_back_equal(tree, metadata):
    data = encode_tree(tree, metadata)
    back, notes = decode_tree(data)
    assert same(tree, back)
    assert notes == metadata
    assert encode_tree(back, notes) == data


@given(st.dictionaries(st.text("abc/", max_size=4), arrays(), max_size=4))
def test_agrees_with_the_formats_own_library(tensors):
    theirs = safetensors.numpy.load(encode_tensors(tensors, {"a": "b"}))
    assert same(dict(sorted(theirs.items())), dict(sorted(tensors.items())))
    ours, metadata = decode_tensors(safetensors.numpy.save(tensors, {"a": "b"}))
    assert same(dict(sorted(ours.items())), dict(sorted(tensors.items())))
    assert metadata == {"a": "b"}


def test_names_are_paths_and_narrow_floats_keep_their_bits(tmp_path):
    weights = np.arange(4).astype(ml_dtypes.bfloat16)
    tree = {"enc/oder": {"layers": [weights, (np.float32(2),)]}}
    save_tree(tmp_path / "p.safetensors", tree, {})
    tensors, _ = decode_tensors((tmp_path / "p.safetensors").read_bytes())
    assert set(tensors) == {"enc~1oder/layers/0", "enc~1oder/layers/1/0"}
    back, _ = load_tree(tmp_path / "p.safetensors")
    assert same(back["enc/oder"]["layers"][0], weights)
    assert back["enc/oder"]["layers"][1][0].shape == ()


def test_random_keys_and_jax_arrays_come_back():
    key = jax.random.key(7)
    back, _ = decode_tree(encode_tree({"key": key, "x": jax.numpy.ones(3)}, {}))
    assert jax.random.key_impl(back["key"]) == jax.random.key_impl(key)
    assert (jax.random.key_data(back["key"]) == jax.random.key_data(key)).all()
    assert same(back["x"], np.ones(3, "float32"))


def test_all_that_cannot_be_stored_is_listed():
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    tree = {"f": print, 3: 1, "ok": 2}
    inner = {"f": print, "nan": float("nan"), "o": np.array([None]), "deep": deep, "s": {1, 2}}
    with raises(InvalidStructure, 3):
        encode_tree(tree, {})
    with pytest.raises(InvalidStructure) as caught:
        encode_tree(inner, {"catlearn.tree": ""})
    where = " ".join(str(f) for f in caught.value.failures)
    assert all(word in where for word in ("'f'", "'nan'", "'o'", "24 levels", "'s'", "reserved"))


def example() -> bytes:
    return encode_tree(
        {"a": [np.arange(3.0), np.ones((2, 2), "int32")], "b": (None, 1)}, {"n": "x"}
    )


def test_every_truncation_is_refused():
    data = example()
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            decode_tree(data[:length])


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_flipped_byte_changes_no_value_unseen(place, mask):
    """Names, dtypes, shapes, scalars and metadata have a checksum of their own."""
    data = bytearray(example())
    data[place % len(data)] ^= mask
    with contextlib.suppress(FileFormatError, NotVerified):
        tree, metadata = decode_tree(bytes(data))
        # What is accepted is blank space, or the name under which a checksum stands.
        assert same_values(tree, decode_tree(example())[0])
        assert metadata["n"] == "x"


def test_a_flipped_bit_of_any_number_is_seen(mutants, monkeypatch):
    data = example()
    body = 8 + int.from_bytes(data[:8], "little")

    def laws(place, bit):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        try:
            decode_tree(bytes(flipped))
        except FileFormatError as error:
            return [failure.law for failure in error.failures]
        return []

    def unseen():
        places = [(place, bit) for place in range(body, len(data)) for bit in range(8)]
        return sum(laws(*place) != ["checksum"] for place in places)

    assert unseen() == 0
    with mutants("arrays without checksums"), monkeypatch.context() as patch:
        patch.setattr("zlib.crc32", len)
        data = example()
        assert unseen() > 0


def test_files_without_checksums_are_read_with_a_word():
    tree = {"array": "a"}
    data = encode_tensors({"a": np.zeros(2, "float32")}, {"catlearn.tree": json.dumps(tree)})
    with pytest.warns(NotVerified):
        found, metadata = decode_tree(data)
    assert found.tolist() == [0, 0]
    assert metadata == {}


CRC_OF_ZEROS = zlib.crc32(bytes(8))


def file_of(header, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def tensor(**changes):
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


HEADERS = [
    (b"", "header", "first bytes", 0, "header", 8),
    (
        (2**62).to_bytes(8, "little"),
        "header",
        "first bytes",
        "header",
        4611686018427387904,
        33554432,
    ),
    (file_of([]), "header", "first bytes", "header"),
    (file_of(b'{"a": '), "strict JSON", "line 1, column 7"),
    (file_of(b"{" + b'"a":{' * 100), "depth limit", "document", 101, 64),
    (file_of({"a": tensor(dtype="PICKLE")}, bytes(8)), "header", "tensor 'a'", "dtype", "'PICKLE'"),
    (
        file_of({"a": tensor(shape=[2**70])}, bytes(8)),
        "header",
        "tensor 'a'",
        "shape",
        1180591620717411303424,
        4722366482869645213696,
    ),
    (
        file_of({"a": tensor(shape=[2**70, 0], data_offsets=[0, 0])}),
        "header",
        "tensor 'a'",
        "shape",
        1180591620717411303424,
        0,
    ),
    (file_of({"a": tensor(shape=[0] * 65)}, bytes(8)), "header", "tensor 'a'", "shape", 0, 64),
    (file_of({"a": tensor(shape=[-2])}, bytes(8)), "header", "tensor 'a'", "shape", "-2", 64),
    (file_of({"a": tensor(shape=[True, 2])}, bytes(8)), "header", "tensor 'a'", "shape", True, 2),
    (
        file_of({"a": tensor(data_offsets=[0, 2**70])}, bytes(8)),
        "header",
        "tensor 'a'",
        "shape",
        2,
        8,
    ),
    (file_of({"a": tensor(data_offsets=[8, 16])}, bytes(8)), "header", "tensor 'a'", 16, 8),
    (file_of({"a": tensor(data_offsets="08")}, bytes(8)), "header", "tensor 'a'", "'08'"),
    (file_of({"a": {"dtype": "F32"}}), "header", "tensor 'a'", "dtype", "shape"),
    (file_of({"a": tensor(), "b": tensor()}, bytes(8)), "header", "tensor 'b'", 0, 8),
    (file_of({"a": tensor()}, bytes(9)), "header", "body", 8, 9),
    (file_of({"__metadata__": {"a": 1}}), "header", "__metadata__"),
    (file_of({"a": tensor()}, bytes(8)), "tree", "header", "metadata", "'catlearn.tree'"),
]
"""Files whose header is wrong: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", HEADERS)
def test_hostile_headers_are_refused(fault):
    data, law, where, *names = fault
    with raises(FileFormatError, *names, law=law, where=where):
        decode_tree(data)


TREES = [
    ({"array": "b"}, "tree", "tree", "'b'"),
    ({"list": [{"array": "a"}, {"array": "a"}]}, "tree", "tree/1", "'a'"),
    ({"value": 1}, "tree", "tensor 'a'"),
    ({"value": [1]}, "tree", "tree", "'value'"),
    ({"pickle": "a"}, "tree", "tree", "'pickle'"),
    ({"key": "a", "impl": "no such"}, "tree", "tree", "kind"),
    ({"key": "a", "impl": ["no"]}, "tree", "tree", "kind", "'no'"),
    ({"key": "a", "impl": "threefry2x32"}, "tree", "tree", "kind", "'threefry2x32'", "dtype"),
    ([1], "tree", "tree", 1),
    ({"dict": [1]}, "tree", "tree", "'dict'"),
    ({}, "tree", "tree"),
]
"""Trees that are none: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", TREES)
def test_hostile_trees_are_refused(fault):
    tree, law, where, *names = fault
    kept = {"catlearn.tree": json.dumps(tree), "catlearn.crc32": json.dumps({"a": CRC_OF_ZEROS})}
    data = encode_tensors({"a": np.zeros(2, "float32")}, kept)
    with raises(FileFormatError, *names, law=law, where=where):
        decode_tree(data)


def test_all_bad_tensors_are_listed_at_once():
    header = {"a": tensor(dtype="X"), "b": tensor(shape=[3]), "c": tensor()}
    with pytest.raises(FileFormatError) as caught:
        decode_tensors(file_of(header, bytes(8)))
    assert [f.where for f in caught.value.failures] == ["tensor 'a'", "tensor 'b'"]


class Layer(NamedTuple):
    weight: object
    bias: object


@pytest.mark.parametrize(
    "tree",
    [
        {"a": np.ones(2, "float32"), "b": [np.zeros((), "int32"), ()]},
        [
            Layer(np.ones(2, "float32"), None),
            {"x": (Layer(np.zeros(1, "int32"), np.ones(1, "int32")),)},
        ],
        Layer(np.ones(3, "float32"), {}),
    ],
)
def test_any_pytree_survives_as_a_plain_tree_and_its_template(tree):
    plain = plain_tree(tree)
    stored, _ = decode_tree(encode_tree(plain, {}))
    template = jax.eval_shape(lambda: tree)
    back, problems = like(template, stored)
    assert problems == []
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert jax.tree.all(jax.tree.map(np.array_equal, back, tree))
    assert plain_tree(plain) is plain


def test_every_leaf_that_does_not_fit_its_template_is_named():
    template = jax.eval_shape(
        lambda: {"a": np.ones(2, "float32"), "b": np.ones(2, "float32"), "c": np.float32(0)}
    )
    tree = {"a": np.ones(3, "float32"), "b": np.ones(2, "int32"), "d": 1, "c": "text"}
    back, problems = like(template, tree)
    assert back is None
    assert problems == [
        "d is in the file, but not among its parameters",
        "a is float32 (3,), expected float32 (2,)",
        "b is int32 (2,), expected float32 (2,)",
        "c is 'text', expected float32 ()",
    ]
