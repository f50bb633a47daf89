"""Flickr8k's files: both editions, the published division, and what is refused."""

import io

import numpy as np
import pytest

from catlearn.datasets import load_flickr8k, parse_captions
from catlearn.errors import CatlearnError, DataError
from tests.errors import raises, says

image = pytest.importorskip("PIL.Image")

NAMES = [f"{number}_a{number}.jpg" for number in range(9)]


def jpeg(shade, width=30, height=20):
    """Return a picture of one colour, red as told, without green, all blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = shade, 255
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, format="jpeg", quality=95)
    return stream.getvalue()


def photographs(folder):
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(jpeg(20 * number))


def token_edition(folder):
    """The edition of 2013, with its misspelt folder and its sentence about no photograph."""
    photographs(folder / "Flicker8k_Dataset")
    lines = [f"{name}#{k}\tA dog number {k} ." for name in NAMES for k in range(5)]
    lines.append("2258277193_586949ec62.jpg.1#0\tSome people .")
    texts = {
        "Flickr8k.token.txt": "\n".join(lines) + "\n",
        "Flickr_8k.trainImages.txt": "\n".join(NAMES[:6]) + "\n",
        "Flickr_8k.testImages.txt": "\n".join(NAMES[6:8]) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)


def table_edition(folder):
    photographs(folder / "Images")
    rows = [f'{name},"A ""dog"", number {k}"' for name in NAMES for k in range(5)]
    (folder / "captions.txt").write_text("\n".join(["image,caption", *rows]) + "\n")


def test_the_first_edition_with_its_division(tmp_path, monkeypatch):
    token_edition(tmp_path / "flickr8k")
    monkeypatch.setenv("CATLEARN_DATA", str(tmp_path))
    data = load_flickr8k(size=8)
    assert data.division == "published"
    assert data.train.names == tuple(NAMES[:6])
    assert data.test.names == tuple(NAMES[6:8])
    assert data.test.captions[0] == tuple(f"A dog number {k} ." for k in range(5))
    assert data.train.images.dtype == np.uint8
    assert repr(data.train) == "Captioned(6 images (8, 8, 3), 30 sentences)"
    for row, photo in enumerate(data.train.images.astype(int)):
        assert np.abs(photo - [20 * row, 0, 255]).max() < 6


def test_the_second_edition_is_divided_by_a_draw(tmp_path):
    table_edition(tmp_path)
    data, again = load_flickr8k(tmp_path, size=4), load_flickr8k(tmp_path, size=4)
    assert (data.division, len(data.train), len(data.test)) == ("drawn", 8, 1)
    assert data.test.captions[0][3] == 'A "dog", number 3'
    assert data.test.names == again.test.names
    assert {*data.train.names, *data.test.names} == set(NAMES)


def test_texts_may_lie_in_a_folder_of_their_own(tmp_path):
    token_edition(tmp_path)
    (tmp_path / "Flickr8k_text").mkdir()
    for path in tmp_path.glob("*.txt"):
        path.rename(tmp_path / "Flickr8k_text" / path.name)
    assert load_flickr8k(tmp_path, size=4).division == "published"


def test_what_is_missing_is_told_with_where_to_get_it(tmp_path, monkeypatch):
    with raises(CatlearnError, "Flickr8k.token.txt", "captions.txt", "Flicker8k_Dataset", "https:"):
        load_flickr8k(tmp_path)
    photographs(tmp_path / "Images")
    with raises(CatlearnError, "captions.txt", "https:") as told:
        load_flickr8k(tmp_path)
    assert "and no folder" not in str(told.value)
    monkeypatch.delenv("CATLEARN_DATA", raising=False)
    with raises(CatlearnError, "CATLEARN_DATA", "Flickr8k"):
        load_flickr8k()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.jpg A dog .", ("line 1", "'a.jpg A dog .'", "'name.jpg#0'")),
        ("a.jpg#0\tA dog .\n../b.jpg#0\tA cat .", ("sentence 2", "'../b.jpg'", "JPEG")),
        ("image,caption\na.jpg,A dog\nb.jpg,A cat,a dog", (3, 2)),
        ('image,caption\na.jpg,"A dog"s', ("','", "'\"'")),
        ("image,caption\n/etc/passwd,A dog", ("sentence 1", "'/etc/passwd'", "JPEG")),
    ],
)
def test_lines_of_another_format_are_refused(tmp_path, text, names):
    with raises(ValueError, *names):
        parse_captions(text)
    table_edition(tmp_path)
    (tmp_path / "captions.txt").write_text(text)
    with raises(DataError, *names, law="file", where="captions.txt"):
        load_flickr8k(tmp_path)


def test_texts_that_cannot_be_read_are_refused(tmp_path, monkeypatch):
    table_edition(tmp_path)
    path = tmp_path / "captions.txt"
    good = path.read_bytes()
    path.write_bytes(b"image,caption\na.jpg,\xff\n")
    with raises(DataError, "'utf-8'", law="file", where="captions.txt"):
        load_flickr8k(tmp_path)
    path.write_bytes(b"image,caption\na.jpg,A dog\n")
    with raises(DataError, 1, 2, law="file", where="captions.txt"):
        load_flickr8k(tmp_path)
    path.write_bytes(good)
    monkeypatch.setattr("catlearn.datasets.flickr.MAX_TEXT", len(good) - 1)
    with raises(DataError, len(good), len(good) - 1, law="file", where="captions.txt"):
        load_flickr8k(tmp_path)


def test_all_photographs_that_cannot_be_used_are_named(tmp_path):
    token_edition(tmp_path)
    folder = tmp_path / "Flicker8k_Dataset"
    (folder / NAMES[0]).unlink()
    (folder / NAMES[2]).write_bytes(b"no image")
    (folder / NAMES[3]).write_bytes(jpeg(0, width=4097, height=1))
    with raises(DataError) as told:
        load_flickr8k(tmp_path)
    assert len(told.value.failures) == 3
    for number, *names in ((0,), (2,), (3, 4096)):
        says(told.value, *names, where=NAMES[number])


def test_lists_of_strangers_are_refused(tmp_path):
    token_edition(tmp_path)
    (tmp_path / "Flickr_8k.testImages.txt").write_text("x.jpg\n" + NAMES[0])
    with raises(DataError, 2, 1, "x.jpg", law="file", where="Flickr_8k.testImages.txt"):
        load_flickr8k(tmp_path)
