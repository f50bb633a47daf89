"""Columns from files: what is read, and what is refused."""

import zipfile

import numpy as np
import pytest

import catlearn as cl
from catlearn.cli.configuration import Section
from catlearn.cli.running import count, divide, load_columns, open_columns
from catlearn.errors import CatlearnError, FileFormatError
from catlearn.tensors import encode_tensors
from tests.errors import raises

IMAGE, LABEL = cl.Space("X", (2, 2)), cl.Categorical("Y", 3)
PAIR = cl.Product("P", cl.Space("A", 2), LABEL)
DIAGRAM = cl.LearningDiagram(cl.Dataset("digits", X=IMAGE, Y=LABEL, P=PAIR))
X = np.arange(20, dtype="f4").reshape(5, 2, 2) / 8
Y = np.array([0, 1, 2, 1, 0])


def load(path, columns):
    section = Section({"columns": columns}, "data.digits")
    found = load_columns(DIAGRAM, "digits", path, columns, section)
    return found, [str(fault) for fault in section.faults]


def write_csv(path, names=("a0", "a1", "a2", "a3", "class")):
    rows = [[*x.ravel().tolist(), y] for x, y in zip(X, Y.tolist(), strict=True)]
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8-sig")


def test_three_formats_hold_the_same(tmp_path):
    np.savez(tmp_path / "d.npz", images=X.astype("f8"), Y=Y.astype("u1"))
    tensors = encode_tensors({"images": X, "Y": Y}, {})
    (tmp_path / "d.safetensors").write_bytes(tensors)
    write_csv(tmp_path / "d.csv")
    for name, columns in (
        ("d.npz", {"X": "images"}),
        ("d.safetensors", {"X": "images"}),
        ("d.csv", {"X": ["a0", "a1", "a2", "a3"], "Y": "class"}),
        ("d.csv", {"X": "a*", "Y": "class"}),
    ):
        found, failures = load(tmp_path / name, columns)
        assert not failures
        assert (found["X"].dtype, found["Y"].dtype) == (np.float32, np.int32)
        np.testing.assert_array_equal(found["X"], X)
        np.testing.assert_array_equal(found["Y"], Y)
        assert "P" not in found
    found, failures = load(tmp_path / "d.csv", {"P": [["a0", "a1"], "class"]})
    assert not failures
    np.testing.assert_array_equal(found["P"][0], X.reshape(5, 4)[:, :2])
    np.testing.assert_array_equal(found["P"][1], Y)
    assert count(found) == 5
    # Columns in another order are another array.
    other, _ = load(tmp_path / "d.csv", {"X": ["a1", "a0", "a2", "a3"]})
    assert not np.array_equal(other["X"], X)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"X": "a0"}, "data.digits.columns.X [column] 4"),
        ({"X": ["a0", "a1"]}, "data.digits.columns.X [column] 2 columns"),
        ({"X": "b*"}, "data.digits.columns.X [column] 'b*'"),
        ({"Y": "clas"}, "data.digits.columns.Y [column] class?"),
        ({"Y": "a1"}, "data.digits.columns.Y [shape] float64"),
        ({"P": "a*"}, "data.digits.columns.P [column]"),
        ({"Z": "a0"}, "data.digits.columns.Z [unknown name]"),
    ],
)
def test_columns_that_do_not_fit_are_named(tmp_path, names, columns, says):
    write_csv(tmp_path / "d.csv")
    _, failures = load(tmp_path / "d.csv", columns)
    assert names("\n".join(failures), says)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.csv", b"a,b\n1\n2,3\n", "data.digits [file] record 2"),
        ("d.csv", b"a,a\n1,2\n", "data.digits [file]"),
        (
            "d.csv",
            b"class\nthree\n",
            "data.digits.columns.Y [column] record 2, column 'class': 'three'",
        ),
        ("d.csv", b"\xff\xfe", "data.digits [file]"),
        ("d.npz", b"PK nothing", "data.digits [file]"),
        ("d.safetensors", b"\x00", "data.digits [header]"),
        ("d.pkl", b"", "data.digits [file] .npz, .csv, .safetensors"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, names, name, content, says):
    (tmp_path / name).write_bytes(content)
    _, failures = load(tmp_path / name, {"Y": "class"})
    assert names("\n".join(failures), says)


def test_nothing_is_unpickled_and_nothing_too_large_is_unpacked(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("was unpickled",))

    np.savez(tmp_path / "d.npz", class_=np.array([Trap()], dtype=object))
    _, failures = load(tmp_path / "d.npz", {"Y": "class_"})
    assert "allow_pickle=False" in "\n".join(failures)
    good = tmp_path / "good.npz"
    np.savez_compressed(good, y=np.zeros(1000))
    whole = good.read_bytes()
    with zipfile.ZipFile(tmp_path / "cut.npz", "w") as archive, zipfile.ZipFile(good) as source:
        archive.writestr("y.npy", source.read("y.npy")[:-8])
    _, failures = load(tmp_path / "cut.npz", {"Y": "y"})
    assert "'cut.npz': array 'y'" in "\n".join(failures)
    monkeypatch.setattr("catlearn.cli.running.MAX_TENSOR_BYTES", len(whole))
    with raises(FileFormatError, len(whole), law="size limit", where="document"):
        open_columns(good)


def test_what_is_held_out_depends_on_the_seed_and_the_name_alone():
    columns = {"X": X, "P": (Y, Y)}
    rest, held = divide(columns, 2, 0, "digits")
    assert (count(rest), count(held)) == (3, 2)
    np.testing.assert_array_equal(np.sort([*rest["P"][0], *held["P"][1]]), np.sort(Y))
    again = divide(columns, 0.4, 0, "digits")[1]
    np.testing.assert_array_equal(held["X"], again["X"])
    others = [
        divide({"X": np.arange(50)}, 5, s, n)[1]["X"] for s, n in ((0, "a"), (1, "a"), (0, "b"))
    ]
    assert len({tuple(other) for other in others}) == 3
    for share in (5, 0.01):
        with raises(CatlearnError, 5):
            divide(columns, share, 0, "digits")
