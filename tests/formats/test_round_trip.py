"""Writing and reading gives back the value: structure, names, labels, parameters."""

import hashlib
import json
import pickle

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.errors import FileFormatError, InvalidStructure
from catlearn.finset import FLAT, Order, Tables
from catlearn.formats import (
    decode,
    encode,
    from_csv,
    from_json,
    load,
    save,
    to_acset,
    to_csv,
    to_json,
)
from catlearn.formats.codecs import Unwritable
from catlearn.models import Registered, Unbound
from catlearn.tensors import encode_tree, same_values
from tests.errors import raises

X, F, Y = cl.Space("X", 4), cl.Space("F", (2, 3), divergence="huber"), cl.Categorical("Y", 3)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)


@st.composite
def graphs(draw):
    vertices = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    edges = draw(st.lists(names, max_size=6, unique=True))
    ends = st.tuples(st.sampled_from(vertices), st.sampled_from(vertices))
    return cl.Graph({edge: draw(ends) for edge in edges}, vertices=vertices)


@st.composite
def presentations(draw):
    graph = draw(graphs())
    sides = [(v, ()) for v in graph.vertices]
    sides += [(graph.source(e), (e,)) for e in graph.edges]
    ends = {side: graph.target(side[1][0]) if side[1] else side[0] for side in sides}
    pairs = [(p, q) for p in sides for q in sides if p[0] == q[0] and ends[p] == ends[q]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=4))
    equations = {}
    for k, (p, q) in enumerate(chosen):
        left, right = (cl.Path(v, edges, ends[v, edges]) for v, edges in (p, q))
        equations[f"eq {k}"] = cl.Equation((left, right), weight=draw(st.none() | labels))
    return cl.Presentation(graph, equations)


scalars = (
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | names
)
labels = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)


@st.composite
def hypergraphs(draw):
    wires = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    side = st.lists(st.sampled_from(wires), max_size=3)
    boxes = draw(st.dictionaries(names, st.tuples(side, side), max_size=4))
    types = {wire: draw(labels) for wire in wires}
    return cl.category.Hypergraph(boxes, wires, types, {box: draw(labels) for box in boxes})


@st.composite
def csets(draw):
    """C-sets on a schema with an arrow, a list, an attribute and an equation."""
    size, other = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    schema = cl.Schema(
        ["S", "T"],
        arrows={"f": ("T", "S"), "g": ("T", "S")},
        lists={"l": ("S", "T")},
        attributes={"a": "S", "b": ("T", int)},
        equations=["f = g"],
    )
    rows = st.integers(0, size - 1)
    f = draw(st.lists(rows, min_size=other, max_size=other))
    entries = st.lists(st.integers(0, other - 1), max_size=3) if other else st.just([])
    named = draw(st.booleans())
    return cl.CSet(
        schema,
        S=[f"s{k}" for k in range(size)] if named else size,
        T=other,
        f=f,
        g=f,
        l=[draw(entries) for _ in range(size)],
        a=[draw(labels) for _ in range(size)],
        b=draw(st.lists(st.none() | st.integers(0, 9), min_size=other, max_size=other)),
    )


@given(graphs() | presentations() | hypergraphs() | csets())
def test_values_come_back_equal(value):
    text = to_json(value)
    back = from_json(text)
    assert back == value
    assert type(back) is type(value)
    assert back.shape == value.shape
    assert to_json(back) == text


@given(csets(), st.data())
def test_every_field_matters(value, data):
    """The mutant: change or drop any field of a row, and the value is another one, or none."""
    document = json.loads(to_json(value))
    fields = [
        (table, k, field)
        for table in value.shape.tables
        for k, row in enumerate(document[table])
        for field in row
    ]
    table, k, field = data.draw(st.sampled_from(fields))
    before = document[table][k].pop(field)
    if data.draw(st.booleans()):
        after = data.draw(st.sampled_from([0, 1, 2, None, "other", [], [1], 1.5, {}]))
        if after == before:  # True is 1
            return
        document[table][k][field] = after
    try:
        assert from_json(json.dumps(document)) != value
    except FileFormatError as error:
        assert error.failures  # noqa: PT017


def test_plain_documents_are_what_acsets_writes():
    graph = cl.CSet(cl.SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
    edges = '{"_id":1,"src":1,"tgt":2},{"_id":2,"src":2,"tgt":3}'
    theirs = '{"V":[{"_id":1},{"_id":2},{"_id":3}],"E":[' + edges + "]}"
    assert json.loads(to_json(graph, plain=True)) == json.loads(theirs)
    assert from_json(theirs, cl.SchGraph) == graph
    # ACSets lists attribute variables by type; without any the lists are empty.
    assert from_json(theirs[:-1] + ',"Weight":[]}', cl.SchGraph) == graph


def test_schema_is_in_acsets_own_form():
    schema = cl.Schema(
        ["V", "E"],
        arrows={"src": ("E", "V"), "refl": ("V", "E")},
        attributes={"w": ("E", float)},
        equations=["refl >> src = id(V)"],
    )
    found = json.loads(to_json(cl.CSet(schema)))["_catlearn"]["schema"]
    assert found["Ob"] == [{"name": "V"}, {"name": "E"}]
    assert found["Hom"][0] == {"name": "src", "dom": "E", "codom": "V"}
    assert found["AttrType"] == [{"name": "float"}]
    assert found["Attr"] == [{"name": "w", "dom": "E", "codom": "float"}]
    assert found["equations"][0]["paths"] == [["refl", "src"], []]
    assert from_json(to_json(cl.CSet(schema))).schema == schema


def every_kind() -> cl.LearningDiagram:
    """A diagram with every kind of space, map and equation that a file can hold."""
    product = cl.Product("P", X, cl.Product("Q", Y, F))
    data = cl.Dataset("d", X=X, Y=Y, F=F)
    head = cl.Model("head", product, Y, "mlp", width=5, activation="tanh")
    encoder = cl.Model("encoder", X, F, "linear", use_bias=False)
    inner = cl.Pairing("inner", product.spaces[1], "d.Y", "d.F")
    outer = cl.Pairing("outer", product, "d.X", "inner")
    weights = {"weight": np.ones((6, 3), "float32"), "bias": np.zeros(3, "float32")}
    frozen = cl.Model("frozen", F, Y, "linear").freeze(weights)
    equations = {
        "fit": cl.Equation("outer >> head = d.Y", weight=0.5),
        "same": cl.Equation("d.X >> encoder = d.F", divergence="absolute_error"),
        "soft": cl.Equation(
            "d.F >> frozen = d.Y", weight=0.0, divergence=cl.Divergence("kl", temperature=2.0)
        ),
    }
    parts = (
        data,
        product,
        head,
        encoder,
        frozen,
        inner,
        outer,
        cl.learning.Defined("code", "encoder"),
    )
    return cl.LearningDiagram(*parts, equations=equations)


def test_a_diagram_with_every_kind_comes_back_equal(tmp_path):
    diagram = every_kind()
    assert {diagram.map_label(e).kind for e in diagram.edges} == {
        "model",
        "frozen",
        "projection",
        "factor",
        "defined",
    }
    assert from_json(to_json(diagram)) == diagram
    save(diagram, tmp_path / "d.json")
    back = load(tmp_path / "d.json")
    assert back == diagram
    assert back.definitions.keys() == diagram.definitions.keys()
    assert set(back.starts) == set(diagram.starts) == {"frozen"}
    assert jax.tree.all(jax.tree.map(np.array_equal, back.starts, diagram.starts))


def test_equal_diagrams_of_other_labels_are_told_apart():
    """The mutant: another weight, divergence, option or name gives another document."""

    def made(weight=1.0, divergence=None, width=3, name="f"):
        equation = cl.Equation(f"d.X >> {name} = d.Y", weight=weight, divergence=divergence)
        model = cl.Model(name, X, Y, "mlp", width=width)
        parts = (cl.Dataset("d", X=X, Y=Y), model)
        return cl.LearningDiagram(*parts, equations={"fit": equation})

    one = made()
    for other in (made(weight=2.0), made(divergence="kl"), made(width=4), made(name="g")):
        assert from_json(to_json(other)) == other != one


def module(key=0, width=8):
    return eqx.nn.MLP(4, 4, width, 1, key=jax.random.key(key))


def code_diagram(key=0):
    """A diagram of what files cannot hold: a module, a pair, a function."""
    pair = (lambda key: {"scale": np.ones(4, "float32")}, lambda params, x: params["scale"] * x)
    models = (
        cl.Model("module", X, X, module(key)),
        cl.Model("pair", X, X, pair, start={"scale": 2 * np.ones(4, "float32")}),
        cl.Model("function", X, X, lambda x: x + 1),
    )
    return cl.LearningDiagram(cl.Dataset("d", X=X), *models), pair


def test_code_is_described_and_bound_again(tmp_path):
    diagram, pair = code_diagram()
    text = to_json(diagram)
    assert "lambda" in text  # the name of the function, not its code
    save(diagram, tmp_path / "d.json")
    back = load(tmp_path / "d.json")
    kinds = {e: type(back.map_label(e).architecture) for e in ("module", "pair", "function")}
    assert set(kinds.values()) == {Unbound}
    assert to_json(back) == text
    assert back != diagram
    # Bound to a module of the same make, it has the parameters that were saved.
    function = diagram.map_label("function").architecture.function
    bound = back.bind(module=module(key=99), pair=pair, function=function)
    assert bound == diagram
    assert jax.tree.structure(bound.starts) == jax.tree.structure(diagram.starts)
    assert jax.tree.all(jax.tree.map(np.array_equal, bound.starts, diagram.starts))
    with raises(
        InvalidStructure,
        "layers/0/weight",
        "float32",
        "(8, 4)",
        law="parameters",
        where="bind(module=...)",
    ):
        back.bind(module=module(width=9))


def test_parameters_are_named_by_their_path(tmp_path):
    from catlearn.tensors import decode_tensors

    diagram, _ = code_diagram()
    save(diagram, tmp_path / "d.json")
    tensors, _ = decode_tensors((tmp_path / "d.safetensors").read_bytes())
    assert {"module/layers/0/weight", "module/layers/1/bias", "pair/scale"} <= set(tensors)


def test_data_are_not_saved_and_can_be_bound(tmp_path):
    images = np.ones((3, 4), "float32")
    diagram = cl.LearningDiagram(cl.Dataset("d", X=(X, images)), cl.Model("f", X, X, "linear"))
    save(diagram, tmp_path / "d.json")
    assert not (tmp_path / "d.safetensors").exists()
    back = load(tmp_path / "d.json")
    assert back == diagram
    assert back.data == {}
    assert back.bind(d={"X": images}).data["d"]["X"] is images


def test_trained_parameters_come_back(tmp_path):
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "mlp", width=3))
    params, _ = cl.lower(diagram.loss()).init(jax.random.key(1))
    trained = diagram.with_values({"f": params["f"]})
    save(trained, tmp_path / "d.json")
    back = load(tmp_path / "d.json")
    again, _ = cl.lower(back.loss()).init(jax.random.key(2))
    assert jax.tree.all(jax.tree.map(np.array_equal, again["f"], params["f"]))
    assert not jax.tree.all(
        jax.tree.map(np.array_equal, cl.lower(diagram.loss()).init(jax.random.key(2))[0], params)
    )


def test_saving_again_without_parameters_forgets_them(tmp_path):
    diagram = every_kind()
    save(diagram, tmp_path / "d.json")
    bare = from_json(to_json(diagram))
    save(bare, tmp_path / "d.json")
    assert load(tmp_path / "d.json").starts == {}


@given(labels)
def test_labels_come_back(label):
    back = decode(json.loads(json.dumps(encode(label))))
    assert back == label
    assert repr(back) == repr(label)  # 1 is not True, and 1.0 is not 1


@pytest.mark.parametrize("label", [print, object(), 1j, {1, 2}, 10**50, "\ud800", b"x"])
def test_labels_that_files_cannot_hold_are_refused(label):
    with pytest.raises(Unwritable):
        encode(label)


def test_all_that_cannot_be_written_is_listed(tmp_path):
    schema = cl.Schema(["T"], attributes={"a": "T"})
    with pytest.raises(InvalidStructure) as caught:
        save(cl.CSet(schema, T=["x", "y"], a=[print, frozenset()]), tmp_path / "t.json")
    assert [f.where for f in caught.value.failures] == ["a of T 'x'", "a of T 'y'"]
    assert list(tmp_path.iterdir()) == []


def test_a_bare_divergence_is_refused_with_the_remedy():
    space = cl.Space("X", 4, divergence=lambda p, t: ((p - t) ** 2).sum(-1))
    with raises(InvalidStructure, "register_divergence", law="labels", where="space of V 'X'"):
        to_json(cl.LearningDiagram(cl.Dataset("d", X=space)))


def test_an_architecture_that_is_not_registered_here_is_unbound():
    text = to_json(cl.LearningDiagram(cl.Model("f", X, Y, "linear")))
    other = from_json(text.replace('"name": "linear"', '"name": "their own"'))
    assert other.map_label("f").architecture == Unbound("their own(use_bias=True)")


def test_a_registered_architecture_with_a_function_among_its_options_is_described():
    def factory(activation=abs):
        return lambda key, source, target: {}, lambda params, x: activation(x)

    cl.models.register_architecture("with a function", factory)
    written = encode(Registered("with a function"))
    assert written["_type"] == "unbound"
    assert "with a function" in written["description"]


def test_what_is_no_tables_is_refused():
    with raises(TypeError, "int"):
        to_json(3)


ARRAYS = cl.Schema(
    ["V"],
    attributes={"size": "V", "name": "V"},
    side_data={"data": "V", "more": "V"},
    orders={"size": "flat"},
)

AVERAGES = cl.finset.Shape(
    ["Edge", "Average"],
    arrows={"of": ("Average", "Edge"), "to": ("Average", "Edge")},
    keys={"Average": [["to"], ["of", "to"]]},
)


def test_orders_and_side_data_come_back(tmp_path):
    """JSON has the schema, and safetensors what rows hold."""
    held = {"data": {1: {"w": [np.array([np.nan, -0.0]), 3]}}, "more": {0: np.ones((2, 1), "f4")}}
    whole = cl.CSet(ARRAYS, V=["a", "b"], size=[None, 3], name=["x", None], **held)
    save(whole, tmp_path / "v.json")
    back = load(tmp_path / "v.json")
    assert (back, back.schema) == (whole, ARRAYS)
    assert back.schema.order("size") == FLAT
    assert all(same_values(dict(back.side_data[name]), rows) for name, rows in held.items())
    assert from_json(to_json(whole)) == whole
    assert pickle.loads(pickle.dumps(whole)).schema == ARRAYS
    save(cl.CSet(ARRAYS, V=1), tmp_path / "nothing.json")
    assert not (tmp_path / "nothing.safetensors").exists()


@pytest.mark.parametrize(
    "tree", [{"other": {"0": np.ones(1)}}, {"data": {"2": np.ones(1)}}, {"data": np.ones(1)}]
)
def test_side_data_of_no_row_are_refused(tmp_path, tree):
    whole = cl.CSet(ARRAYS, V=2, data=[np.ones(1), None])
    save(whole, tmp_path / "v.json")
    data = encode_tree(tree, {})
    (tmp_path / "v.safetensors").write_bytes(data)
    document = json.loads((tmp_path / "v.json").read_text())
    document["_catlearn"]["tensors"] = hashlib.sha256(data).hexdigest()
    (tmp_path / "v.json").write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load(tmp_path / "v.json")
    assert {failure.law for failure in caught.value.failures} == {"tensors"}


@pytest.mark.parametrize("shape", [AVERAGES, cl.Schema.of(AVERAGES)])
def test_keys_come_back(shape):
    """So rows that share a key are refused in what is read, as in what is written."""
    kind = cl.CSet if isinstance(shape, cl.Schema) else Tables
    rows = {"Edge": 2, "Average": 2}
    arrows = {"of": [0, 1], "to": [1, 0]}
    whole = Tables(shape, rows, arrows) if kind is Tables else cl.CSet(shape, rows | arrows)
    text = to_json(whole)
    assert from_json(text) == whole
    assert from_json(text).shape.keys == AVERAGES.keys
    with pytest.raises(FileFormatError) as caught:
        from_json(text.replace('"to": 1', '"to": 2'))
    assert {failure.law for failure in caught.value.failures} == {"key"}


def test_a_schema_without_keys_says_nothing_of_them():
    assert "Key" not in to_json(cl.CSet(cl.SchGraph, V=1))
    assert "Key" not in to_json(cl.LearningDiagram(X))


@pytest.mark.parametrize("key", [{"dom": "Average"}, {"dom": 1, "arrows": []}, {"arrows": [1]}])
def test_keys_that_are_none_are_refused(key):
    document = json.loads(to_json(Tables(AVERAGES, {})))
    document["_catlearn"]["schema"]["Key"] = [key]
    with pytest.raises(FileFormatError):
        from_json(json.dumps(document))


def test_formats_without_a_place_for_them_refuse_side_data(tmp_path):
    """py-acsets has no orders either; CSV gets them from the schema that the reader says."""
    whole = cl.CSet(ARRAYS, V=2, data=[np.ones(1), None], name=["x", None])
    with pytest.raises(InvalidStructure) as caught:
        to_csv(whole, tmp_path / "csv")
    assert [failure.law for failure in caught.value.failures] == ["side data"]
    assert not (tmp_path / "csv").exists()
    with pytest.raises(InvalidStructure) as caught:
        to_acset(whole)
    assert {failure.where for failure in caught.value.failures} == {
        "the order of 'size'",
        "side data 'data'",
    }
    with raises(InvalidStructure, law="acsets", where="the keys of 'Average'"):
        to_acset(cl.CSet(AVERAGES))
    bare = cl.CSet(ARRAYS, V=2, size=[None, 3])
    to_csv(bare, tmp_path / "csv")
    back = from_csv(ARRAYS, tmp_path / "csv")
    assert (back, back.schema) == (bare, ARRAYS)


def test_orders_that_files_cannot_hold_are_refused():
    shape = cl.finset.Shape(["V"], attributes={"size": "V"}, orders={"size": Order("mine")})
    with pytest.raises(InvalidStructure) as caught:
        to_json(Tables(shape, {"V": 1}))
    assert [failure.law for failure in caught.value.failures] == ["orders"]
    flat = cl.finset.Shape(["V"], attributes={"size": "V"}, orders={"size": "flat"})
    with raises(
        FileFormatError, "flatt", "discrete", "flat", law="format", where="attribute 'size'"
    ):
        from_json(to_json(Tables(flat, {"V": 1})).replace('"flat"', '"flatt"'))
