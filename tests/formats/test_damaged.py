"""Damaged files of every format: what is read can be used, and all else is one error of ours.

A file is damaged by a seed: bytes are flipped, left out, doubled, cut off or replaced by what
readers stumble over, and where there are values inside (JSON, the header of safetensors, members of
an archive), values are exchanged for others. The processor's time for one file is bounded, too.
"""

import base64
import contextlib
import io
import json
import random
import re
import shutil
import time
import zipfile
from functools import cache
from pathlib import Path

import pytest

import catlearn as cl
from catlearn.cli.configuration import choose_optimizers, make_loss, parse_toml, read_settings
from catlearn.cli.run_folder import load_run, page
from catlearn.cli.running import open_columns
from catlearn.errors import CatlearnError, FileFormatError
from catlearn.files import reading
from catlearn.formats import from_csv, from_json, from_quiver, from_tikzcd, to_json
from catlearn.tensors import load_tree
from tests.fixtures import made

FOLDER = Path(made.__file__).parent / "0.1.0"
ROUNDS, SECONDS = 30, 20
pytestmark = pytest.mark.filterwarnings("ignore::catlearn.tensors.NotVerified")
VALUES = [None, True, -1, 0, 10**30, 2**63, 1.5, 1e308, "", "x", "\0", "\u202e", [], {}, [[]],
          {"a": 1}, {"_type": "float", "value": "nan"}, {"_type": "tuple", "items": [None]},
          {"_type": "unbound", "description": "x"}, {"_type": "data"},
          {"_type": "weight", "name": "w", "value": 1}]  # fmt: skip
PIECES = [b"9" * 5000, b"1e999", b"-", b'"', b"\0", b"[", b"{", b"nan", b"0x" + b"f" * 300, b",",
          b"*" * 50, b"\n", "\u202e".encode(), b"\xff" * 4, b"a" * 200_000, b"(" * 3000,
          b"{" * 3000, b"a." * 3000]  # fmt: skip
NUMBERS = [b"0", b"-1", b"1e999", b"9" * 400, b"9" * 5000, b"2147483648", b"nan", b"0.5"]


def bytes_of(data, chance):
    """Damage bytes here and there."""
    new = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, size = chance.randrange(len(new) + 1), chance.randrange(1, 40)
        numbers = [found.span() for found in re.finditer(rb"-?\d+(\.\d+)?", bytes(new))]
        match chance.randrange(7):
            case 0 | 1 if at < len(new):
                new[at] ^= chance.randrange(1, 256)
            case 2:
                del new[at:]
            case 3:
                del new[at : at + size]
            case 4:
                new[at:at] = new[at : at + size]
            case 5:
                new[at : at + chance.randrange(3)] = chance.choice(PIECES)
            case _ if numbers:
                begin, end = chance.choice(numbers)
                new[begin:end] = chance.choice(NUMBERS)
    return bytes(new)


def json_of(data, chance):
    """Exchange values of a document for others."""
    document = json.loads(data)
    for _ in range(chance.choice([1, 1, 2, 3])):
        places, waiting = [], [document]
        while waiting:
            node = waiting.pop()
            for key, child in node.items() if isinstance(node, dict) else enumerate(node):
                places.append((node, key))
                waiting += [child] if isinstance(child, dict | list) else []
        if not places:
            break
        (node, key), (other, there) = chance.choice(places), chance.choice(places)
        value = other[there] if chance.random() < 0.4 else chance.choice(VALUES)
        node[key] = json.loads(json.dumps(value))
    return json.dumps(document).encode()


def header_of(data, chance):
    """Damage the header of safetensors, or the tree in it."""
    size = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + size], data[8 + size :]
    table = json.loads(header)
    if "catlearn.tree" in table["__metadata__"] and chance.random() < 0.5:
        tree = table["__metadata__"]["catlearn.tree"].encode()
        table["__metadata__"]["catlearn.tree"] = json_of(tree, chance).decode()
        header = json.dumps(table).encode()
    else:
        header = chance.choice([json_of, bytes_of])(header, chance)
    claimed = len(header) if chance.random() < 0.9 else chance.choice([0, 2**20, 2**63])
    return claimed.to_bytes(8, "little") + header + body


def members_of(data, chance):
    """Damage the beginnings of what an archive holds, whose checksums are right again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            inside = old.read(member)
            name = chance.choice([member.filename] * 5 + ["../x", "x"])
            new.writestr(name, bytes_of(inside[:128], chance) + inside[128:])
    return out.getvalue()


def link_of(data, chance):
    """Damage what a link holds."""
    inside = base64.b64decode(data.split(b"q=")[1] + b"===")
    return b"#q=" + base64.b64encode(chance.choice([json_of, bytes_of])(inside, chance))


def use(value):
    """What is read keeps its laws, is written and read again, and can be looked at."""
    assert value.failures() == []
    assert from_json(to_json(value)) == value
    assert str(value)
    assert repr(value)
    assert cl.draw(value).svg
    if isinstance(value, cl.LearningDiagram):
        with contextlib.suppress(CatlearnError):
            str(value.loss(max_length=5))


@cache
def shape_of(name):
    return (made.DIAGRAMS | made.TABLES)[name]().shape


def table(path, folder):
    shape = shape_of(path.parent.name)
    str(from_csv(shape, folder, extra=True))
    repr(from_csv(shape, folder))


def columns(path, folder):
    file = open_columns(folder / path.name)
    for name in file.names:
        assert file.read(name).nbytes >= 0


DIAGRAM = cl.load(FOLDER / "run" / "diagram.json")


def configuration(path, folder):
    settings = read_settings(folder / path.name)
    choose_optimizers(settings.file.section("optimizer"), ["encoder", "head"])
    make_loss(DIAGRAM, settings.loss, settings.file.section("loss"))
    assert all(map(str, settings.file.faults))


def run(path, folder):
    assert page(load_run(folder))


def document(path, folder):
    use(from_json((folder / path.name).read_bytes()))


def plain(path, folder):
    use(from_json((folder / path.name).read_bytes(), shape_of(path.stem)))


def drawing(read):
    def both(path, folder):
        text = (folder / path.name).read_bytes().decode("latin1")
        assert cl.draw(read(text)).svg
        read(text, commutes=True)

    return both


READERS = {
    "json/*.json": (document, json_of),
    "acset/*.json": (plain, json_of),
    "**/*.safetensors": (lambda path, folder: load_tree(folder / path.name), header_of),
    "run/out/params.safetensors": (columns, header_of),
    "csv/*/*.csv": (table, bytes_of),
    "drawn.quiver": (drawing(from_quiver), link_of),
    "drawn.tex": (drawing(from_tikzcd), bytes_of),
    "run/digits.npz": (columns, members_of),
    "run/out/history.csv": (columns, bytes_of),
    "run/run.toml": (configuration, bytes_of),
    "run/out/*.json": (run, json_of),
    "run/out/[chp]*.*": (run, bytes_of),
}  # fmt: skip


def try_damaged(path, read, inside, folder, rounds):
    """Read a file that is damaged in many ways; return how often it could be read all the same."""
    good = 0
    for other in path.parent.iterdir():
        if other.is_file():
            shutil.copy(other, folder / other.name)
    for seed in range(rounds):
        chance = random.Random(f"{path.relative_to(FOLDER)} {seed}")
        data = chance.choice([bytes_of, inside, inside])(path.read_bytes(), chance)
        (folder / path.name).write_bytes(data)
        began = time.process_time()
        try:
            read(path, folder)
            good += 1
        except CatlearnError:
            pass
        except Exception as error:
            error.add_note(f"{path.name}, seed {seed}")
            raise
        assert time.process_time() - began < SECONDS
    return good


@pytest.mark.parametrize("files", READERS)
def test_a_damaged_file_is_read_or_refused(files, tmp_path):
    paths = sorted(FOLDER.glob(files))
    assert paths
    for path in paths:
        try_damaged(path, *READERS[files], tmp_path, ROUNDS)


@pytest.mark.parametrize(
    ("files", "read", "library"),
    [
        ("run/out/history.csv", lambda p, f: [
            float(x) for row in (f / p.name).read_text().splitlines()[1:] for x in row.split(",")
        ], "text"),
        ("run/digits.npz", lambda p, f: zipfile.ZipFile(f / p.name).testzip(), "zipfile"),
        ("json/graph.json", lambda p, f: json.loads((f / p.name).read_bytes())["V"], "json"),
    ],
)  # fmt: skip
def test_a_reader_without_a_boundary_is_noticed(files, read, library, tmp_path, mutants):
    with mutants(f"{library} without a boundary"), pytest.raises(Exception, match=r".") as caught:
        try_damaged(FOLDER / files, read, bytes_of, tmp_path, 100)
    assert not isinstance(caught.value, CatlearnError | AssertionError)


def test_the_boundary_lets_through_what_is_ours_and_what_is_not_about_the_file():
    with pytest.raises(CatlearnError, match="ours"), reading("a file"):
        raise CatlearnError("ours")
    with pytest.raises(KeyboardInterrupt), reading("a file"):
        raise KeyboardInterrupt
    for error in (MemoryError(), RecursionError("deep"), KeyError("x"), OSError("bad seek")):
        with pytest.raises(FileFormatError), reading("a file"):
            raise error


@pytest.mark.parametrize(
    "text", ["a." * 100_000 + "b = 1", '"a b".' * 100_000 + "b = 1", "x = 0x" + "f" * 500_000]
)
def test_toml_is_bounded_before_it_is_parsed(text):
    began = time.process_time()
    with pytest.raises(FileFormatError) as caught:
        parse_toml(text.encode(), "a file")
    assert time.process_time() - began < SECONDS
    assert [failure.law for failure in caught.value.failures] == ["TOML"]


def test_every_integer_of_more_than_64_bits_is_named():
    text = f"a = {2**63}\nb = [1, {{c = {-(2**63) - 1}}}]\nd = {2**63 - 1}\n"
    with pytest.raises(FileFormatError) as caught:
        parse_toml(text.encode(), "a file")
    assert {failure.where for failure in caught.value.failures} == {"a", "b[1].c"}
