"""Circuits of arrays in files: as documents, and as models on edges."""

import json
import random
import time

import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import Circuit, linear, relu
from catlearn.errors import CatlearnError, FileFormatError
from catlearn.formats import from_json, to_json
from tests.arrays.test_listing import CIRCUITS
from tests.errors import raises


@pytest.mark.parametrize("name", CIRCUITS)
def test_documents_are_read_back(name, tmp_path):
    circuit = CIRCUITS[name]
    assert from_json(to_json(circuit)) == circuit
    assert to_json(from_json(to_json(circuit))) == to_json(circuit)
    assert cl.load(cl.save(circuit, tmp_path / "layer.json")) == circuit


def diagram():
    X, Y = cl.Space("X", 4), cl.Space("Y", 2)
    mlp = linear("A", "m -> h") >> relu >> linear("B", "h -> k")
    start = {"A": np.ones((4, 8), "float32"), "B": np.ones((8, 2), "float32")}
    return cl.LearningDiagram(cl.Model("encoder", X, Y, mlp, h=8, start=start))


def test_models_on_edges_are_read_back_without_binding(tmp_path):
    given = diagram()
    found = cl.load(cl.save(given, tmp_path / "d.json"))
    assert found == given
    assert found.map_label("encoder").architecture == given.map_label("encoder").architecture
    assert found.starts["encoder"]["A"].shape == (4, 8)


DOCUMENT = json.loads(to_json(CIRCUITS["experts"]))
META = DOCUMENT["_catlearn"]


@pytest.mark.parametrize(
    "document",
    [
        {"_catlearn": META},
        {**DOCUMENT, "more": 1},
        {**DOCUMENT, "_catlearn": {**META, "version": 2}},
        {**DOCUMENT, "_catlearn": {**META, "version": True}},
        {**DOCUMENT, "_catlearn": {**META, "more": 1}},
        *({**DOCUMENT, "listing": wrong} for wrong in (None, 3, "return", [1], [["return"]], {})),
        {**DOCUMENT, "listing": []},
        {**DOCUMENT, "listing": ["x1[m]: R", "y[m]: R = system(x1[m])", "return y"]},
        {**DOCUMENT, "listing": ["x1[m]: R", "y[m]: R = relu(x1[m], x1[m])", "return y"]},
    ],
)
def test_other_documents_are_refused(document):
    with raises(FileFormatError):
        from_json(json.dumps(document))


def test_faults_of_a_listing_say_the_line():
    lines = [*DOCUMENT["listing"][:-1], "return nothing"]
    with raises(FileFormatError, f"line {len(lines)}", "nothing"):
        from_json(json.dumps({**DOCUMENT, "listing": lines}))
    text = to_json(diagram()).replace("relu", "system")
    with raises(FileFormatError, "system"):
        from_json(text)


@pytest.mark.parametrize("name", ["experts", "gpt2", "odd names", "convolution", "several sizes"])
def test_damaged_files_are_circuits_or_refused(name):
    text, chance = to_json(CIRCUITS[name]), random.Random(name)
    for _ in range(100):
        made = text
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(made))
            to = min(len(made), at + chance.choice([1, 8, 60]))
            pieces = ["", made[at:to] * 2, made[at:to][::-1], chance.choice('"[]{}:,=0-\\')]
            made = made[:at] + chance.choice(pieces) + made[to:]
        try:
            found = from_json(made)
        except FileFormatError:
            continue
        assert from_json(to_json(found)) == found


LONG = 20_000
HOSTILE = {
    "towers of powers": ["sizes " + ", ".join(f"n{k} = n{k + 1}**100" for k in range(40)) + ", n40",
                         "axes a = n0", "x[a]: R", "return x"],
    "wide products": ["axes a = " + "+".join(f"n{k}" for k in range(300)),
                      "sizes " + ", ".join(f"n{k}" for k in range(300)), "x[a]: R", "return x"],
    "many axes": [f"x[{' '.join(f'a{k}' for k in range(LONG))}]: R", "return x"],
    "a long number": [f"axes a = {'9' * LONG}", "x[a]: R", "return x"],
    "a large scale": ["x[a]: R", "y[a]: R = contraction(x[a]) scale " + "9" * 39 + "**100",
                      "return y"],
    "a root of a large number": ["x[a]: R", f"y[a]: R = contraction(x[a]) scale {'9' * 39}**(1/2)",
                                 "return y"],
    "deep brackets": ["x[a]: R", f"y[a]: R = relu(x[{'(' * LONG}a{')' * LONG}])", "return y"],
    "many boxes": ["a0[]: R", *(f"a{k + 1}[]: R = relu(a{k}[])" for k in range(2_000)),
                   "return a2000"],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_listings_take_little_time(name):
    start = time.perf_counter()
    try:
        found = Circuit.parse("\n".join(HOSTILE[name]))
    except CatlearnError:
        found = None
    assert time.perf_counter() - start < 20
    assert found is None or Circuit.parse(str(found)) == found
