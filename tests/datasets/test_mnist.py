"""MNIST's files: what they hold, which spellings are found, and what is refused."""

import gzip
import struct

import numpy as np
import pytest

from catlearn.datasets import load_mnist, parse_idx, read_idx
from catlearn.datasets.mnist import MAX_VALUES
from catlearn.errors import CatlearnError, DataError
from tests.errors import are, raises, says

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(values):
    """Return the bytes of an IDX file, by the description of the format."""
    values = np.asarray(values, np.uint8)
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return b"\x00\x00\x08" + bytes([values.ndim]) + sizes + values.tobytes()


def arrays(train=6, test=3, side=4):
    random = np.random.default_rng(0)
    images = (random.integers(256, size=(count, side, side)) for count in (train, test))
    labels = (np.arange(count) % 10 for count in (train, test))
    return [part for pair in zip(images, labels, strict=True) for part in pair]


def write(folder, values, packed=True, names=NAMES):
    for name, one in zip(names, values, strict=True):
        data = idx(one)
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [True, False])
def test_the_four_files_are_read_as_they_are(tmp_path, monkeypatch, packed):
    (tmp_path / "mnist").mkdir()
    values = arrays()
    write(tmp_path / "mnist", values, packed)
    monkeypatch.setenv("CATLEARN_DATA", str(tmp_path))
    digits = load_mnist()
    found = (*digits.train, *digits.test)
    for one, expected, scale in zip(found, values, (255, 1, 255, 1), strict=True):
        np.testing.assert_allclose(one * scale, expected, rtol=1e-6)
    assert [one.dtype.name for one in found] == ["float32", "int32"] * 2
    assert repr(digits) == "Digits(6 for training, 3 for test, 4 x 4 pixels)"


def test_files_with_a_dot_in_their_names_are_found(tmp_path):
    write(tmp_path, arrays(), packed=False, names=[name.replace("-idx", ".idx") for name in NAMES])
    assert len(load_mnist(tmp_path).test[1]) == 3


def test_all_missing_files_are_told_with_where_to_get_them(tmp_path, monkeypatch):
    write(tmp_path, arrays())
    for name in (NAMES[1], NAMES[2]):
        (tmp_path / f"{name}.gz").unlink()
    with raises(
        CatlearnError, "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "https:"
    ) as told:
        load_mnist(tmp_path)
    assert "train-images" not in str(told.value)
    monkeypatch.delenv("CATLEARN_DATA", raising=False)
    with raises(CatlearnError, "CATLEARN_DATA", "MNIST"):
        load_mnist()


def test_all_that_does_not_fit_together_is_listed(tmp_path):
    images, labels, others, wrong = arrays()
    write(tmp_path, [images, labels[:5], others[:, :3], wrong + 9])
    with raises(DataError) as told:
        load_mnist(tmp_path)
    assert are(
        told.value.failures,
        ("lengths", "training files", 6, 5),
        ("labels", "test labels", 11),
        ("sizes", "images", "(4, 4)", "(3, 4)"),
    )


def test_files_that_are_none_are_all_listed(tmp_path):
    write(tmp_path, arrays())
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"no gzip")
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(idx(np.zeros((2, 2)))))
    with raises(DataError) as told:
        load_mnist(tmp_path)
    assert len(told.value.failures) == 2
    says(told.value, law="file", where=f"{NAMES[0]}.gz")
    says(told.value, 2, 1, law="file", where=f"{NAMES[3]}.gz")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"", ["IDX"]),
        (b"\x00\x00\x08", ["IDX", "000008"]),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", ["IDX", "00000d01"]),
        (b"\x00\x00\x08\x00", ["IDX", "00000800"]),
        (b"\x00\x00\x08\xff" + bytes(64), ["IDX", "000008ff"]),
        (b"\x00\x00\x08\x02\x00\x00\x00\x01", ["IDX", "00000802"]),
        (idx([1, 2, 3])[:-1], [3, 2]),
        (idx([1, 2, 3]) + b"\x00", [3, 4]),
        (b"\x00\x00\x08\x02" + b"\xff" * 8, ["4294967295 × 4294967295", 0]),
    ],
)
def test_what_is_no_idx_is_refused(tmp_path, data, names):
    with raises(ValueError, *names):
        parse_idx(data)
    path = tmp_path / "values"
    path.write_bytes(data)
    with raises(DataError, *names, law="file", where="values"):
        read_idx(path)


def test_any_shape_comes_back():
    values = np.random.default_rng(1).integers(256, size=(2, 3, 4, 5))
    assert (parse_idx(idx(values)) == values).all()


def test_a_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(np.arange(200)))[:-12])
    with raises(DataError, law="file", where="values.gz"):
        read_idx(path)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    """What is read is bounded, whatever the archive holds: here with a smaller bound."""
    monkeypatch.setattr("catlearn.datasets.mnist.MAX_VALUES", 100)
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(1_000_000))))
    with raises(DataError, 1000000, 100, law="file", where="values.gz"):
        read_idx(path)
    assert MAX_VALUES > 60_000 * 28 * 28
