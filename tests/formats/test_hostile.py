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
from tests.errors import raises

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


def refused(text, *names, law="", **options):
    with raises(FileFormatError, *names, law=law):
        from_json(text, **options)


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


FAULTS = [
    ("", "strict JSON", "line 1, column 1"),
    ("[]", "format", "document"),
    ("3", "format", "document"),
    ("{}", "format", "document", "'_catlearn'"),
    (changed("_catlearn", value=3), "format", "_catlearn", 3),
    (changed("_catlearn", "version", value=99), "format", "_catlearn, version", 99, 1),
    (changed("_catlearn", "kind", value="Pickle"), "format", "_catlearn, kind", "'Pickle'"),
    (changed("_catlearn", "schema", drop=True), "format", "schema", None),
    (changed("_catlearn", "schema", "Ob", value=[{"name": 1}]), "format", "schema, Ob 1"),
    (
        changed("_catlearn", "schema", "Attr", value=[]),
        "format",
        "schema, attributes",
        "'space'",
        "'V'",
        "'map'",
    ),
    (changed("_catlearn", "kind", value="Graph"), "format", "schema, tables", "'V'", "'E'", "'Eq'"),
    (changed("V", drop=True), "format", "table V"),
    (changed("V", value={}), "format", "table V"),
    (changed("V", 0, value=7), "format", "V row 1", 7),
    (changed("Pickle", value=[{"_id": 1}]), "format", "document", "'Pickle'"),
    (changed("V", 0, "_id", value=2), "format", "V row 1 ('d')", "_id", 2),
    (changed("V", 1, "_id", value=1), "format", "V row 2 ('X')", "_id", 1),
    (changed("V", 0, "_id", value=True), "format", "V row 1 ('d')", "_id", True),
    (changed("V", 0, "_id", value=1.0), "format", "V row 1 ('d')", "_id", "1.0"),
    (changed("V", 0, "_id", drop=True), "format", "V row 1 ('d')", "_id", None),
    (changed("V", 0, "_name", drop=True), "format", "V row 1", "_name", None),
    (changed("V", 1, "_name", value="d"), "format", "V row 2 ('d')", 1),
    (changed("Eq", 0, "_name", drop=True), "format", "table Eq", "_name"),
    (changed("E", 0, "src", value=4), "dangling", "E row 1 ('d.X')", "src", 4, "_id"),
    (changed("E", 0, "src", value=0), "dangling", "E row 1 ('d.X')", "src", 0, "_id"),
    (changed("E", 0, "src", value="d"), "dangling", "E row 1 ('d.X')", "src", "'d'", "_id"),
    (changed("E", 0, "src", value=1.0), "dangling", "E row 1 ('d.X')", "src", "1.0", "_id"),
    (changed("E", 0, "src", value=True), "dangling", "E row 1 ('d.X')", "src", True, "_id"),
    (changed("E", 0, "src", drop=True), "dangling", "E row 1 ('d.X')", "src", None, "_id"),
    (changed("Eq", 0, "lhs", value=1), "format", "Eq row 1 ('fit')", "lhs", "_id", 3),
    (changed("Eq", 0, "lhs", value=[1, 9]), "dangling", "Eq row 1 ('fit')", "lhs", 9, "_id"),
    (changed("Eq", 0, "lhs", value=[1]), "parallel sides", "equation 'fit', left side"),
    (changed("Eq", 0, "lhs", value=[3, 1]), "composition", "equation 'fit', left side"),
    (changed("Eq", 0, "extra", value=1), "format", "Eq row 1 ('fit')", "'extra'"),
    (changed("Eq", 0, "weight", drop=True), "format", "Eq row 1 ('fit')", "weight"),
    (changed("Eq", 0, "weight", value=-1.0), "weight", "equation 'fit'", "weight", "-1.0", 0),
    (changed("Eq", 0, "weight", value="2"), "format", "Eq 'fit'", "weight", "'2'"),
    (changed("Eq", 0, "strict", value=1), "format", "Eq 'fit'", "strict", 1),
    (changed("Eq", 0, "strict", value=True), "definition", "strict equation 'fit'"),
    (changed("Eq", 0, "divergence", value=3), "format", "Eq 'fit'", "divergence", 3),
    (changed("V", 1, "space", value=None), "format", "V 'X'", "space", None),
    (changed("V", 1, "space", value=[]), "labels", "V row 2 ('X')", "space"),
    (
        changed("V", 1, "space", value={"_type": "pickle"}),
        "labels",
        "V row 2 ('X')",
        "space",
        "'pickle'",
        "divergence",
    ),
    (
        changed("V", 1, "space", value={"_type": ["a"]}),
        "labels",
        "V row 2 ('X')",
        "space",
        "'a'",
        "divergence",
    ),
    (
        changed("V", 1, "space", value={"a": 1}),
        "labels",
        "V row 2 ('X')",
        "space",
        "'_type'",
        "'a'",
    ),
    (
        changed("V", 1, "space", "shape", value=[-1]),
        "labels",
        "V row 2 ('X')",
        "space",
        "axis",
        "shape",
    ),
    (
        changed("V", 1, "space", "shape", value=[10**30]),
        "labels",
        "V row 2 ('X')",
        "space",
        "axis",
        "shape",
    ),
    (
        changed("V", 1, "space", "shape", value=[1] * 33),
        "labels",
        "V row 2 ('X')",
        "space",
        "shape",
        33,
    ),
    (
        changed("V", 1, "space", "dtype", value="object"),
        "labels",
        "V row 2 ('X')",
        "space",
        None,
        "dtype",
    ),
    (
        changed("V", 1, "space", "dtype", value="f4,f4"),
        "labels",
        "V row 2 ('X')",
        "space",
        None,
        "dtype",
    ),
    (
        changed("V", 1, "space", "dtype", value={"_type": "data"}),
        "labels",
        "V row 2 ('X')",
        "space",
        "dtype",
    ),
    (
        changed("V", 1, "space", "divergence", value=None),
        "labels",
        "V row 2 ('X')",
        "space",
        "divergence",
        None,
    ),
    (
        changed("V", 1, "space", "divergence", "name", value="os.system"),
        "labels",
        "V row 2 ('X')",
        "space",
        "divergence",
        "'os.system'",
    ),
    (
        changed("V", 1, "space", "divergence", "options", value={"a": 1}),
        "labels",
        "V row 2 ('X')",
        "space",
        "divergence",
        "'squared_error'",
    ),
    (changed("V", 2, "space", "n", value=0), "labels", "V row 3 ('Y')", "space", None, 0),
    (
        changed("E", 2, "map", "kind", value="evil"),
        "labels",
        "E row 3 ('f')",
        "map",
        "kind",
        "'evil'",
    ),
    (
        changed("E", 2, "map", "architecture", value="linear"),
        "labels",
        "E row 3 ('f')",
        "map",
        "architecture",
        "kind",
    ),
    (
        changed("E", 2, "map", "architecture", "options", value=[]),
        "labels",
        "E row 3 ('f')",
        "map",
        "options",
    ),
    (
        changed("E", 2, "map", "architecture", "options", "use_bias", value=[1]),
        "labels",
        "E row 3 ('f')",
        "map",
        1,
    ),
    (
        changed("E", 2, "map", "architecture", value=3),
        "labels",
        "E row 3 ('f')",
        "map",
        "architecture",
    ),
    (
        changed("E", 2, "map", "architecture", "options", "use_bias", value=3),
        "labels",
        "E row 3 ('f')",
        "'use_bias'",
        3,
        True,
        False,
    ),
    (changed("E", 2, "map", "index", value=1), "labels", "E row 3 ('f')", "map", "index", "kind"),
    (
        changed("E", 0, "map", "kind", value="factor"),
        "labels",
        "E row 1 ('d.X')",
        "map",
        "index",
        "kind",
    ),
]
"""Texts that are refused: each with a law, a place, and names that the error says."""


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault):
    text, law, where, *names = fault
    with raises(FileFormatError, *names, law=law, where=where):
        from_json(text)


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
    with raises(FileFormatError, what="file 'bad.json'") as caught:
        from_json(json.dumps(document), what="file 'bad.json'")
    assert len(caught.value.failures) == 6


def test_a_flood_of_faults_is_counted():
    rows = [{"_id": 0} for _ in range(5000)]
    with raises(FileFormatError, 4800) as caught:
        from_json(json.dumps({"V": rows, "E": []}), cl.SchGraph)
    assert len(caught.value.failures) == 201


def test_limits_hold():
    refused(TEXT, 100, law="size limit", max_bytes=100)
    refused("[" * 10**6, 10**6, law="depth limit")
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
    refused(text, "schema=")


def test_equations_of_a_schema_are_checked():
    schema = cl.Schema(["A"], arrows={"s": ("A", "A")}, equations=["s >> s = id(A)"])
    text = to_json(cl.CSet(schema, A=2, s=[1, 0]))
    good = from_json(text)
    assert good.s.values.tolist() == [1, 0]
    bad = json.loads(text)
    bad["A"][0]["s"] = 1
    refused(json.dumps(bad), "s >> s = id(A)", law="equations")


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
    with raises(FileFormatError, law="tensors", where="d.safetensors"):
        load(saved)
    beside.unlink()
    with raises(FileFormatError, law="tensors", where="d.safetensors"):
        load(saved)
    with pytest.raises(FileNotFoundError):
        load(saved.with_name("no.json"))


GOOD = {"weight": np.ones((4, 3), "float32"), "bias": np.zeros(3, "float32")}


TREES = [
    (
        {"f": {**GOOD, "weight": np.ones((3, 4), "float32")}},
        "tensors",
        "edge 'f'",
        "weight",
        "(3, 4)",
        "(4, 3)",
    ),
    (
        {"f": {**GOOD, "bias": np.zeros(3, "float64")}},
        "tensors",
        "edge 'f'",
        "bias",
        "float64",
        "(3,)",
    ),
    ({"f": {"weight": GOOD["weight"]}}, "tensors", "edge 'f'", "bias"),
    ({"f": {**GOOD, "extra": np.zeros(1)}}, "tensors", "edge 'f'", "extra"),
    ({"f": 3}, "tensors", "edge 'f'", "bias"),
    ({"f": {**GOOD, "bias": "text"}}, "tensors", "edge 'f'", "bias", "'text'", "(3,)"),
    ({"f": {**GOOD, "bias": 10**30}}, "tensors", "edge 'f'", "bias", "(3,)"),
    ({"g": GOOD}, "format", "edge 'g'"),
    ({"d.X": np.zeros((2, 4), "float32")}, "format", "edge 'd.X'"),
    ([1], "format", "tree"),
]
"""Tensors that do not fit the diagram: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", TREES)
def test_tensors_that_do_not_fit_are_refused(saved, fault):
    tree, law, where, *names = fault
    with_tensors(saved, encode_tree(tree, {}))
    with raises(FileFormatError, *names, law=law, where=where):
        load(saved)


def test_all_tensors_that_do_not_fit_are_listed(saved):
    tree = {"f": {"weight": np.ones(2), "bias": np.ones(2)}, "g": {}, "h": np.ones(1)}
    with_tensors(saved, encode_tree(tree, {}))
    with pytest.raises(FileFormatError) as caught:
        load(saved)
    assert len(caught.value.failures) == 4


def test_foreign_and_truncated_tensors_are_refused(saved):
    with_tensors(saved, encode_tensors({"a": np.ones(3)}, {}))
    with raises(FileFormatError, "catlearn.tree", law="tree", where="header"):
        load(saved)
    data = encode_tree({"f": GOOD}, {})
    for length in (0, 7, 8, 20, len(data) - 1):
        with_tensors(saved, data[:length])
        with pytest.raises(FileFormatError):
            load(saved)
    with_tensors(saved, data)
    with raises(FileFormatError, len(data), 10, law="size limit", where="d.safetensors"):
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
