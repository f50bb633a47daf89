"""Omniglot's archives: what they are made of, what is refused, and where they are looked for."""

import io
import zipfile

import numpy as np
import pytest

from catlearn.datasets import Characters, load_omniglot, read_archive
from catlearn.datasets.folders import FOLDER
from catlearn.datasets.omniglot import MAX_BYTES, SPLITS
from catlearn.errors import CatlearnError, DataError
from tests.errors import raises

image = pytest.importorskip("PIL.Image")

SIDE = 105


def png(ink=(), side=SIDE):
    """Return a white image with black pixels, as the archives have them: one bit each."""
    pixels = np.full((side, side), 255, np.uint8)
    for row, column in ink:
        pixels[row, column] = 0
    stream = io.BytesIO()
    image.fromarray(pixels).convert("1").save(stream, format="png")
    return stream.getvalue()


def archive(path, alphabets, characters=2, drawings=3):
    """Write an archive in which drawing d of each character has all its ink in row 10 d."""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(f"{path.stem}/", b"")
        for alphabet in alphabets:
            for number in range(1, characters + 1):
                for d in range(1, drawings + 1):
                    name = f"{path.stem}/{alphabet}/character{number:02}/{number:04}_{d:02}.png"
                    out.writestr(name, png([(10 * d, column) for column in range(SIDE)]))


@pytest.fixture
def small(tmp_path):
    archive(tmp_path / "images_background_small1.zip", ["Greek", "Korean"])
    archive(tmp_path / "images_background_small2.zip", ["Greek", "Tagalog"])
    return tmp_path


def test_small_archives_are_split_by_alphabets(small):
    data = load_omniglot(small)
    assert (data.split, len(data.train), len(data.test)) == ("small", 4, 2)
    assert data.train.alphabets == ("Greek", "Tagalog")
    assert data.test.alphabets == ("Korean",)
    assert data.train.images.shape == (4, 3, 28, 28)
    assert data.train.images.dtype == np.float32


def test_full_archives_are_preferred_and_found_in_a_folder_of_their_own(small, monkeypatch):
    folder = small / "omniglot"
    folder.mkdir()
    archive(folder / "images_background.zip", ["Greek"])
    archive(folder / "images_evaluation.zip", ["Oriya"], characters=1)
    monkeypatch.setenv(FOLDER, str(small))
    assert load_omniglot().split == "full"
    assert load_omniglot().test.names == ("Oriya/character01",)
    assert load_omniglot(split="small").split == "small"


def test_ink_is_one_where_it_is_drawn_and_its_amount_is_kept(small):
    images = read_archive(small / "images_background_small1.zip", size=21).images
    assert images.mean() == pytest.approx(1 / SIDE, rel=1e-2)
    for number in range(3):
        rows = images[0, number].sum(axis=1)
        assert rows.argmax() == 10 * (number + 1) // 5
        assert rows.max() == pytest.approx(21 / 5, rel=1e-2)


def test_turned_characters_are_classes_of_their_own():
    images = np.arange(8.0).reshape(1, 2, 2, 2)
    turned = Characters(images, ("Greek/character01",)).rotated()
    assert turned.alphabets == ("Greek",)
    assert turned.images.shape == (4, 2, 2, 2)
    for number in range(4):
        assert (turned.images[number, 1] == np.rot90(images[0, 1], number)).all()


def test_missing_archives_are_told_with_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    with raises(CatlearnError, "CATLEARN_DATA", "https://github.com/brendenlake/omniglot"):
        load_omniglot()
    with raises(CatlearnError, SPLITS["full"][0], "https://github.com/brendenlake/omniglot"):
        load_omniglot(tmp_path)
    with raises(CatlearnError, "large", "full", "small"):
        load_omniglot(tmp_path, split="large")


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({}, []),
        ({"a/b/c/1.png": b"no image"}, ["'a/b/c/1.png'"]),
        ({"a/b/c/1.png": b"0" * (MAX_BYTES + 1)}, ["'a/b/c/1.png'", 65536]),
        ({"a/b/c/1.png": png(side=1025)}, ["'a/b/c/1.png'", 1024]),
        ({"a/b/c/1.png": png(), "a/b/d/1.png": png(), "a/b/d/2.png": png()}, [1, 2]),
    ],
)
def test_what_is_no_such_archive_is_refused(tmp_path, members, names):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    with raises(DataError, *names, law="archive", where="images.zip"):
        read_archive(path)


def test_names_lead_nowhere(tmp_path):
    """Members are read, never unpacked; those that are no drawings are not even read."""
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("../../../escaped.png", b"no image")
        out.writestr("a/../../escaped/1.png/more", b"no image")
        out.writestr("a/b/c/1.png", png())
    assert read_archive(path).names == ("b/c",)
    assert [entry.name for entry in tmp_path.iterdir()] == ["images.zip"]


def test_what_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "images.zip"
    path.write_bytes(b"not a zip")
    with raises(DataError, law="archive", where="images.zip"):
        read_archive(path)
    with raises(DataError, law="archive", where="missing.zip"):
        read_archive(tmp_path / "missing.zip")
