"""MNIST's files: what they hold, which spellings are found, and what is refused."""

import gzip
import struct

import numpy as np
import pytest

from catlearn.datasets import load_mnist, parse_idx, read_idx
from catlearn.datasets.mnist import MAX_VALUES
from catlearn.errors import CatlearnError, DataError

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
    with pytest.raises(CatlearnError, match=r"train-labels.*t10k-images.*get them from") as told:
        load_mnist(tmp_path)
    assert "train-images" not in str(told.value)
    monkeypatch.delenv("CATLEARN_DATA", raising=False)
    with pytest.raises(CatlearnError, match="CATLEARN_DATA; get the four files of MNIST"):
        load_mnist()


def test_all_that_does_not_fit_together_is_listed(tmp_path):
    images, labels, others, wrong = arrays()
    write(tmp_path, [images, labels[:5], others[:, :3], wrong + 9])
    with pytest.raises(DataError, match=r"3 failures") as told:
        load_mnist(tmp_path)
    for text in ("6 images and 5 labels", "label 11", r"(4, 4) pixels for training and (3, 4)"):
        assert text in str(told.value)


def test_files_that_are_none_are_all_listed(tmp_path):
    write(tmp_path, arrays())
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"no gzip")
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(idx(np.zeros((2, 2)))))
    with pytest.raises(DataError, match="2 failures") as told:
        load_mnist(tmp_path)
    assert f"{NAMES[0]}.gz': cannot be read" in str(told.value)
    assert f"{NAMES[3]}.gz': has 2 axes, expected 1" in str(told.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x00\x00\x08", "begins with 000008"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "begins with 00000d01"),
        (b"\x00\x00\x08\x00", "begins with 00000800"),
        (b"\x00\x00\x08\xff" + bytes(64), "begins with 000008ff"),
        (b"\x00\x00\x08\x02\x00\x00\x00\x01", "begins with 00000802"),
        (idx([1, 2, 3])[:-1], "announces 3 values, found 2"),
        (idx([1, 2, 3]) + b"\x00", "announces 3 values, found 4"),
        (b"\x00\x00\x08\x02" + b"\xff" * 8, "announces 4294967295 × 4294967295 values, found 0"),
    ],
)
def test_what_is_no_idx_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        parse_idx(data)
    path = tmp_path / "values"
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"values': {message}"):
        read_idx(path)


def test_any_shape_comes_back():
    values = np.random.default_rng(1).integers(256, size=(2, 3, 4, 5))
    assert (parse_idx(idx(values)) == values).all()


def test_a_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(np.arange(200)))[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    """What is read is bounded, whatever the archive holds: here with a smaller bound."""
    monkeypatch.setattr("catlearn.datasets.mnist.MAX_VALUES", 100)
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(1_000_000))))
    with pytest.raises(DataError, match="announces 1000000 values, found more than 100"):
        read_idx(path)
    assert MAX_VALUES > 60_000 * 28 * 28
