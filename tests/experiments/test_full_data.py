"""The scripts run unchanged on the data sets that a user supplies: here tiny ones, same formats.

What the readers refuse is tested beside them; here the command lines run from files to tables.
"""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

image = pytest.importorskip("PIL.Image")
pytest.importorskip("sklearn")
encoders = pytest.importorskip("encoders")
pytestmark = pytest.mark.heavy
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def one_layer(monkeypatch):
    """Compiling takes longer than anything else here."""
    monkeypatch.setattr(encoders, "LAYERS", ((3, 4),))


def encoded(pixels, form):
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, format=form)
    return stream.getvalue()


def mnist(folder):
    folder.mkdir()
    sizes = {"train": 130, "t10k": 20}
    for name, count in sizes.items():
        images = RANDOM.integers(256, size=(count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            sizes = struct.pack(f">{values.ndim}I", *values.shape)
            data = b"\x00\x00\x08" + bytes([values.ndim]) + sizes + values.tobytes()
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(data, 1))


def omniglot(folder):
    """Both archives of the full split; twenty people drew each character."""
    folder.mkdir()
    drawings = [encoded(RANDOM.random((105, 105)) < 0.9, "png") for _ in range(20)]
    alphabets = {"background": ("Alphabet_of_the_Magi", 8), "evaluation": ("Angelic", 20)}
    for name, (alphabet, count) in alphabets.items():
        with zipfile.ZipFile(folder / f"images_{name}.zip", "w") as out:
            for k in range(count):
                for drawer, data in enumerate(drawings):
                    member = f"character{k + 1:02}/{k + 1:04}_{drawer + 1:02}.png"
                    out.writestr(f"images_{name}/{alphabet}/{member}", data)


def flickr8k(folder):
    (folder / "Flicker8k_Dataset").mkdir(parents=True)
    names = [f"{k}_a.jpg" for k in range(12)]
    for name in names:
        pixels = RANDOM.integers(256, size=(30, 40, 3), dtype=np.uint8)
        (folder / "Flicker8k_Dataset" / name).write_bytes(encoded(pixels, "jpeg"))
    told = ("A dog runs .", "One dog is running .", "A dog", "The dog outside .", "A brown dog")
    lines = [f"{name}#{k}\t{text}" for name in names for k, text in enumerate(told)]
    texts = {"Flickr8k.token": lines, "Flickr_8k.trainImages": names[:9]}
    for name, content in {**texts, "Flickr_8k.testImages": names[9:]}.items():
        (folder / f"{name}.txt").write_text("\n".join(content))


def test_distillation_on_mnist(tmp_path, monkeypatch):
    distillation = pytest.importorskip("distillation")
    mnist(tmp_path / "mnist")
    monkeypatch.setenv("CATLEARN_DATA", str(tmp_path))
    out = tmp_path / "table.md"
    distillation.main(["--seeds", "1", "--steps", "0", "--out", str(out)])
    text = out.read_text()
    assert "MNIST's digits of 28 x 28 pixels: 130 for training, of which 100 labelled" in text
    assert "20 for test" in text
    assert len(text.splitlines()) == 2 + 5 + 2


def test_captions_of_pictures_composed_of_mnist(tmp_path):
    pairs = pytest.importorskip("pairs")
    mnist(tmp_path / "mnist")
    train, test, about = pairs.load("mnist", str(tmp_path), 0, (9, 4))
    assert (train.images.shape, test.images.shape) == ((9, 28, 84), (4, 28, 84))
    assert "9 pictures for training from 130 real digits, 4 for test from 20 other ones" in about


def test_captions_of_photographs(tmp_path, monkeypatch):
    pytest.importorskip("sacrebleu", reason="captions are measured by sacrebleu")
    captioning = pytest.importorskip("captioning")
    flickr8k(tmp_path / "flickr8k")
    monkeypatch.setenv("CATLEARN_DATA", str(tmp_path))
    out = tmp_path / "table.md"
    captioning.main(["--quick", "--steps", "2", "--out", str(out)])
    text = out.read_text()
    assert "Flickr8k, published division, 64 x 64 pixels: 9 photographs for training, 3" in text
    assert "Words that occur 5 times or more" in text
    assert text.count("| a dog runs |") == 3


def test_few_shot_on_the_full_archives_and_a_run_that_goes_on(tmp_path, monkeypatch, capsys):
    few_shot = pytest.importorskip("few_shot")
    omniglot(tmp_path / "omniglot")
    monkeypatch.setenv("CATLEARN_DATA", str(tmp_path))
    monkeypatch.setattr(few_shot, "SETTINGS", ((5, 1), (20, 5)))
    out = tmp_path / "table.md"
    common = ["--encoder", "small", "--episodes", "2", "--ways", "4", "--steps", "2"]
    common += ["--checkpoints", str(tmp_path / "runs"), "--out", str(out)]
    few_shot.main([*common, "--seeds", "1"])
    first = out.read_text()
    assert "Split *full*: 8 characters of 1 alphabet" in first
    assert "20 characters of 1 other alphabet for test (Angelic)" in first
    few_shot.main([*common, "--seeds", "1"])
    assert out.read_text().splitlines()[:9] == first.splitlines()[:9]


@pytest.mark.parametrize("name", ["distillation", "captioning", "few_shot"])
def test_what_is_missing_is_said_in_a_line(tmp_path, monkeypatch, capsys, name):
    script = pytest.importorskip(name)
    arguments = ["--data", str(tmp_path), "--quick"]
    arguments += [] if name == "few_shot" else ["--dataset", "mnist"]
    with pytest.raises(SystemExit) as stop:
        script.main(arguments)
    assert str(tmp_path) in str(stop.value)
    assert "get them from https://" in str(stop.value)
