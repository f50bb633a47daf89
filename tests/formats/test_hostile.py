"""Bad files get one error that lists all that is wrong, and never another exception."""

import contextlib
import hashlib
import json
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.errors import FileFormatError
from catlearn.formats import from_json, load, save, to_json
from catlearn.tensors import encode_tensors, encode_tree

X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)


def diagram() -> cl.LearningDiagram:
    weights = {"weight": np.ones((4, 3), "float32"), "bias": np.zeros(3, "float32")}
    return cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y),
        cl.Model("f", X, Y, "linear", start=weights),
        equations={"fit": cl.Equation("d.X >> f = d.Y", weight=2.0)},
    )


TEXT = to_json(diagram())
DOCUMENT = json.loads(TEXT)


def changed(*path, value=None, drop=False):
    """The document with one place changed, or dropped."""
    document = json.loads(TEXT)
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if drop:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document)


def refused(text, **options) -> str:
    with pytest.raises(FileFormatError) as caught:
        from_json(text, **options)
    return str(caught.value)


def test_every_truncation_is_refused():
    data = TEXT.rstrip().encode()
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            from_json(data[:length])


@settings(max_examples=300)
@given(st.integers(0, len(TEXT.encode()) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_read_or_refused(place, mask):
    data = bytearray(TEXT.encode())
    data[place] ^= mask
    with contextlib.suppress(FileFormatError):
        value = from_json(bytes(data))
        assert value.failures() == []


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_a_document_with_pieces_swapped_is_read_or_refused(chance: random.Random):
    """Structure-aware fuzzing: some value in the document is replaced by another one of it."""
    document = json.loads(TEXT)
    places = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in items:
            places.append((node, key))
            if isinstance(child, dict | list):
                walk(child)

    walk(document)
    odd = [None, True, -1, 0, 10**30, 1.5, "", "x", [], {}, [[]], {"_type": "tuple", "items": []}]
    for _ in range(chance.randint(1, 3)):
        node, key = chance.choice(places)
        other, there = chance.choice(places)
        node[key] = (
            json.loads(json.dumps(other[there])) if chance.random() < 0.6 else chance.choice(odd)
        )
    with contextlib.suppress(FileFormatError):
        value = from_json(json.dumps(document))
        assert value.failures() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not"),
        ("[]", "must be a JSON object"),
        ("3", "must be a JSON object"),
        ("{}", "does not say what it is"),
        (changed("_catlearn", value=3), "must be an object"),
        (changed("_catlearn", "version", value=99), "is 99, this catlearn reads version 1"),
        (changed("_catlearn", "kind", value="Pickle"), "is 'Pickle', known are LearningDiagram"),
        (changed("_catlearn", "schema", drop=True), "schema: must be an object"),
        (changed("_catlearn", "schema", "Ob", value=[{"name": 1}]), "name must be a text"),
        (changed("_catlearn", "schema", "Attr", value=[]), "schema, attributes"),
        (changed("_catlearn", "kind", value="Graph"), "a Graph has"),
        (changed("V", drop=True), "table V: is missing"),
        (changed("V", value={}), "table V: must be a list of rows"),
        (changed("V", 0, value=7), "V row 1: must be an object"),
        (changed("Pickle", value=[{"_id": 1}]), "unknown table 'Pickle'"),
        (changed("V", 0, "_id", value=2), "_id must be 1, found 2"),
        (changed("V", 1, "_id", value=1), "_id must be 2, found 1"),
        (changed("V", 0, "_id", value=True), "_id must be 1, found True"),
        (changed("V", 0, "_id", value=1.0), "_id must be 1, found 1.0"),
        (changed("V", 0, "_id", drop=True), "_id must be 1, found None"),
        (changed("V", 0, "_name", drop=True), "_name must be a text, as other rows have names"),
        (changed("V", 1, "_name", value="d"), "as V row 1"),
        (changed("Eq", 0, "_name", drop=True), "table Eq: its rows need _name"),
        (
            changed("E", 0, "src", value=4),
            "E row 1 ('d.X'): src is 4, expected the _id of one of 3 rows of V",
        ),
        (changed("E", 0, "src", value=0), "src is 0"),
        (changed("E", 0, "src", value="d"), "src is 'd', expected the _id of one of 3 rows of V"),
        (changed("E", 0, "src", value=1.0), "src is 1.0"),
        (changed("E", 0, "src", value=True), "src is True"),
        (changed("E", 0, "src", drop=True), "src is None, expected the _id"),
        (changed("Eq", 0, "lhs", value=1), "expected a list"),
        (changed("Eq", 0, "lhs", value=[1, 9]), "lhs is 9, expected the _id of one of 3 rows of E"),
        (changed("Eq", 0, "lhs", value=[1]), "parallel"),
        (changed("Eq", 0, "lhs", value=[3, 1]), "composition"),
        (changed("Eq", 0, "extra", value=1), "unknown field 'extra'"),
        (changed("Eq", 0, "weight", drop=True), "has no weight; write null"),
        (changed("Eq", 0, "weight", value=-1.0), "expected a number >= 0"),
        (changed("Eq", 0, "weight", value="2"), "weight is '2', expected a number"),
        (changed("Eq", 0, "strict", value=1), "strict is 1, expected true or false"),
        (changed("Eq", 0, "strict", value=True), "defines no edge"),
        (changed("Eq", 0, "divergence", value=3), "expected a divergence or null"),
        (changed("V", 1, "space", value=None), "space is None, expected a space"),
        (changed("V", 1, "space", value=[]), "a list is no label"),
        (changed("V", 1, "space", value={"_type": "pickle"}), "the tag 'pickle' is not known"),
        (changed("V", 1, "space", value={"_type": ["a"]}), "is not known"),
        (changed("V", 1, "space", value={"a": 1}), "without '_type'"),
        (changed("V", 1, "space", "shape", value=[-1]), "natural number"),
        (changed("V", 1, "space", "shape", value=[10**30]), "natural number"),
        (changed("V", 1, "space", "shape", value=[1] * 33), "at most 32"),
        (changed("V", 1, "space", "dtype", value="object"), "dtype"),
        (changed("V", 1, "space", "dtype", value="f4,f4"), "dtype"),
        (changed("V", 1, "space", "dtype", value={"_type": "data"}), "a text is needed"),
        (changed("V", 1, "space", "divergence", value=None), "makes no sense there"),
        (changed("V", 1, "space", "divergence", "name", value="os.system"), "no divergence"),
        (changed("V", 1, "space", "divergence", "options", value={"a": 1}), "no option 'a'"),
        (changed("V", 2, "space", "n", value=0), "classes"),
        (changed("E", 2, "map", "kind", value="evil"), "kind 'evil'"),
        (changed("E", 2, "map", "architecture", value="linear"), "architecture"),
        (changed("E", 2, "map", "architecture", "options", value=[]), "options"),
        (
            changed("E", 2, "map", "architecture", "options", "use_bias", value=[1]),
            "a list is no label",
        ),
        (changed("E", 2, "map", "architecture", value=3), "needs an architecture"),
        (
            changed("E", 2, "map", "architecture", "options", "use_bias", value=3),
            "option 'use_bias' is 3, expected True or False",
        ),
        (changed("E", 2, "map", "index", value=1), "index"),
        (changed("E", 0, "map", "kind", value="factor"), "index"),
    ],
)
def test_faults_are_named(text, words):
    assert words in refused(text)


def test_a_number_or_a_text_where_something_else_stands_is_refused_or_drawn():
    """What passes the check of a document is of the right kind, for whatever comes after."""
    U = cl.Space("U", 1)
    whole = cl.LearningDiagram(
        *(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "mlp"), cl.Model("u", X, U, "linear")),
        *(cl.Operator("ux", "derivative", of="u", along=(0,)), cl.Constant("c", X, U, 1.0)),
        cl.MovingAverage("t", of="f", decay=cl.Weight("w", 0.5)),
        cl.lora(cl.Model("g", X, U, "linear"), 2, alpha=1.0),
        equations={
            "a": cl.Equation("d.X >> f = d.Y", divergence=cl.Divergence("kl"), trains=["f"]),
            "b": "ux = g",
        },
    )
    document, read = json.loads(to_json(whole)), 0
    places = [
        (node, key)
        for row in [*document["E"], *document["Average"]]
        for node in _objects(row)
        for key in node
    ]
    for node, key in places:
        before = node[key]
        for odd in (3, 1.5, "x", {"_type": "tuple", "items": ["a"]}):
            node[key] = odd
            with contextlib.suppress(FileFormatError):
                value = from_json(json.dumps(document))
                assert all([str(value), cl.draw(value).svg, value.loss(), to_json(value)])
                read += 1
        node[key] = before
    assert from_json(json.dumps(document)) == whole
    assert 0 < read < 4 * len(places)


def _objects(node):
    """Yield the objects in JSON, outer ones first."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from _objects(child)


def test_all_faults_are_listed_at_once():
    document = json.loads(TEXT)
    document["V"][1]["_id"] = "two"
    document["E"][0]["src"] = 77
    document["E"][2]["map"]["architecture"]["_type"] = "code"
    document["Eq"][0]["extra"] = 1
    document["Other"] = [1]
    del document["Eq"][0]["rhs"]
    with pytest.raises(FileFormatError) as caught:
        from_json(json.dumps(document), what="file 'bad.json'")
    assert len(caught.value.failures) == 6
    assert str(caught.value).startswith("file 'bad.json' could not be read (6 failures)")


def test_a_flood_of_faults_is_counted():
    rows = [{"_id": 0} for _ in range(5000)]
    with pytest.raises(FileFormatError) as caught:
        from_json(json.dumps({"V": rows, "E": []}), cl.SchGraph)
    assert len(caught.value.failures) == 201
    assert "and 4800 more faults" in str(caught.value)


def test_limits_hold():
    assert "bytes" in refused(TEXT, max_bytes=100)
    assert "levels" in refused("[" * 10**6)
    deep = changed("V", 1, "space", value=None).replace(
        "null", '{"_type":"product","factors":[' * 40
    )
    refused(deep)


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 10**9},
        {"depth": 10**9, "width": 10**9},
        {"width": 10**30},
        {"depth": -1},
        {"activation": "__import__"},
        {"depth": {"_type": "tuple", "items": [1] * 1000}},
        {"depth": 10**25},
    ],
)
def test_greedy_options_are_refused_quickly(options):
    document = json.loads(TEXT)
    document["E"][2]["map"]["architecture"] = {
        "_type": "registered",
        "name": "mlp",
        "options": options,
    }
    began = time.process_time()
    refused(json.dumps(document))
    assert time.process_time() - began < 20


def test_many_costly_architectures_are_read_without_being_traced():
    """Shapes of more maps than is worth while are left to their first use."""
    model = {"_type": "map", "kind": "model", "index": None}
    document = json.loads(TEXT)
    edges = []
    for k in range(400):
        options = {"width": k + 1, "depth": 1000}
        label = {
            **model,
            "architecture": {"_type": "registered", "name": "mlp", "options": options},
        }
        edges.append({"_id": k + 3, "_name": f"f{k}", "src": 2, "tgt": 3, "map": label})
    document["E"][2:] = edges
    document["Eq"] = []
    value = from_json(json.dumps(document))
    assert len(value.trainable) == 400
    document["E"][0]["map"]["index"] = 5
    refused(json.dumps(document))


def test_a_file_without_schema_needs_one():
    text = '{"V": [{"_id": 1}], "E": []}'
    assert from_json(text, cl.SchGraph).V.size == 1
    assert "schema=" in refused(text)


def test_equations_of_a_schema_are_checked():
    schema = cl.Schema(["A"], arrows={"s": ("A", "A")}, equations=["s >> s = id(A)"])
    text = to_json(cl.CSet(schema, A=2, s=[1, 0]))
    good = from_json(text)
    assert good.s.values.tolist() == [1, 0]
    bad = json.loads(text)
    bad["A"][0]["s"] = 1
    assert "equation" in refused(json.dumps(bad))


# The tensors beside.


@pytest.fixture
def saved(tmp_path):
    save(diagram(), tmp_path / "d.json")
    return tmp_path / "d.json"


def with_tensors(path, data: bytes) -> None:
    """Put other tensors beside a diagram, with the digest that a forger would put too."""
    document = json.loads(path.read_text())
    document["_catlearn"]["tensors"] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(document))
    path.with_suffix(".safetensors").write_bytes(data)


def test_tensors_must_be_there_and_be_the_same(saved):
    assert load(saved) == diagram()
    beside = saved.with_suffix(".safetensors")
    data = beside.read_bytes()
    beside.write_bytes(data[:-1] + b"\x01")
    with pytest.raises(FileFormatError, match="not the file that was saved"):
        load(saved)
    beside.unlink()
    with pytest.raises(FileFormatError, match="is missing"):
        load(saved)
    with pytest.raises(FileNotFoundError):
        load(saved.with_name("no.json"))


GOOD = {"weight": np.ones((4, 3), "float32"), "bias": np.zeros(3, "float32")}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"f": {**GOOD, "weight": np.ones((3, 4), "float32")}}, "weight is float32 (3, 4)"),
        ({"f": {**GOOD, "bias": np.zeros(3, "float64")}}, "bias is float64 (3,)"),
        ({"f": {"weight": GOOD["weight"]}}, "bias is not in the file"),
        ({"f": {**GOOD, "extra": np.zeros(1)}}, "extra is in the file"),
        ({"f": 3}, "not in the file"),
        ({"f": {**GOOD, "bias": "text"}}, "bias is 'text', expected float32 (3,)"),
        ({"f": {**GOOD, "bias": 10**30}}, "bias is"),
        ({"g": GOOD}, "no model of this name"),
        ({"d.X": np.zeros((2, 4), "float32")}, "no model of this name"),
        ([1], "one entry for each edge"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(saved, tree, words):
    with_tensors(saved, encode_tree(tree, {}))
    with pytest.raises(FileFormatError) as caught:
        load(saved)
    assert words in str(caught.value)


def test_all_tensors_that_do_not_fit_are_listed(saved):
    tree = {"f": {"weight": np.ones(2), "bias": np.ones(2)}, "g": {}, "h": np.ones(1)}
    with_tensors(saved, encode_tree(tree, {}))
    with pytest.raises(FileFormatError) as caught:
        load(saved)
    assert len(caught.value.failures) == 4


def test_foreign_and_truncated_tensors_are_refused(saved):
    with_tensors(saved, encode_tensors({"a": np.ones(3)}, {}))
    with pytest.raises(FileFormatError, match="not written by catlearn"):
        load(saved)
    data = encode_tree({"f": GOOD}, {})
    for length in (0, 7, 8, 20, len(data) - 1):
        with_tensors(saved, data[:length])
        with pytest.raises(FileFormatError):
            load(saved)
    with_tensors(saved, data)
    with pytest.raises(FileFormatError, match="at most 10"):
        load(saved, max_tensor_bytes=10)


def test_only_tables_with_side_data_have_tensors(tmp_path):
    save(cl.Graph({"f": ("A", "B")}), tmp_path / "g.json")
    document = json.loads((tmp_path / "g.json").read_text())
    document["_catlearn"]["tensors"] = "0" * 64
    (tmp_path / "g.json").write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load(tmp_path / "g.json")
    assert [failure.law for failure in caught.value.failures] == ["tensors"]


def test_a_failed_save_leaves_both_files(saved, monkeypatch):
    before = {p.name: p.read_bytes() for p in saved.parent.iterdir()}
    from catlearn import files

    def crash(*args):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", crash)
    with pytest.raises(OSError, match="disk full"):
        save(diagram(), saved)
    assert {p.name: p.read_bytes() for p in saved.parent.iterdir()} == before
