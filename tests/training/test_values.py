"""Values that a space does not hold are refused wherever they enter, and are named."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import DataError, InvalidStructure
from catlearn.training.data import PROGRAMS, ManyPrograms
from catlearn.training.step import ExamplesApart
from tests.errors import raises

N, C, Y = cl.Space("I", (), dtype="uint8"), cl.Categorical("C", 3), cl.Space("Y", 1)
GOOD = {"I": np.arange(4), "C": np.array([0, 1, 2, 0]), "Y": np.ones((4, 1), "f4")}
BAD = {
    "range": {"I": np.array([0, 1, 300, 3])},
    "labels": {"C": np.array([0, 1, 3, 0])},
    "finite": {"Y": np.full((4, 1), 1e300)},
    "mask": {"Y": np.ma.array(np.ones((4, 1)), mask=[[0], [1], [0], [0]])},
    "length": {name: column[:0] for name, column in GOOD.items()},
}
BARE = cl.Dataset("d", I=N, C=C, Y=Y)
QUIET = {"steps": 1, "batch_size": 4, "progress": False}


def widen(i, c):
    return jnp.stack([i.astype("float32"), c.sum(axis=1)], axis=1)


def diagram(data=BARE):
    W, both = cl.Space("W", 2), cl.Product("both", N, C)
    return cl.LearningDiagram(
        data,
        cl.Pairing("pair", both, "d.I", "d.C"),
        cl.Model("widen", both, W, widen),
        cl.Model("f", W, Y, "linear"),
        equations="pair >> widen >> f = d.Y",
    )


@pytest.fixture(scope="module")
def fn():
    return cl.lower(diagram().loss())


@pytest.fixture(scope="module")
def result(fn):
    return cl.fit(fn, optax.sgd(0.01), data={"d": GOOD}, **QUIET)


ENTRIES = {
    "Dataset": lambda fn, _, columns: diagram(
        cl.Dataset("d", **{n: (s, columns[n]) for n, s in (("I", N), ("C", C), ("Y", Y))})
    ),
    "bind": lambda fn, _, columns: diagram().bind(d=columns),
    "fit": lambda fn, _, columns: cl.fit(fn, optax.sgd(0.01), data={"d": columns}, **QUIET),
    "batches": lambda fn, _, columns: cl.fit(fn, optax.sgd(0.01), data={"d": [columns]}, **QUIET),
    "evaluate": lambda fn, result, columns: result.evaluate({"d": columns}),
    "call": lambda fn, result, columns: fn(result.params, result.state, {"d": columns}),
}


@pytest.mark.parametrize("law", BAD)
@pytest.mark.parametrize("entry", ENTRIES)
def test_values_that_a_space_does_not_hold_are_refused(fn, result, entry, law):
    run = ENTRIES[entry]
    run(fn, result, GOOD)
    if law == "length" and entry in ("Dataset", "bind"):  # they may have no examples yet
        return
    with pytest.raises(InvalidStructure) as caught:
        run(fn, result, {**GOOD, **BAD[law]})
    laws = {failure.law for failure in caught.value.failures}
    assert laws == {law} or (law == "length" and laws == {"batch"})


def test_no_examples_are_refused_inside_transformations_too(fn, result):
    empty = {"d": BAD["length"]}
    with raises(DataError, law="batch", where="data set 'd'"):
        jax.jit(fn)(result.params, result.state, empty)
    # Values are not known there, nor fetched from a device.
    jax.jit(fn)(result.params, result.state, {"d": {**GOOD, **BAD["range"]}})


@pytest.mark.parametrize(
    ("lists", "shape"),
    [([np.ma.array([1.0, 2.0], mask=[0, 1])], 2), ([1.0, np.ma.masked], ())],
)
def test_masks_inside_of_lists_are_not_lost(lists, shape):
    with raises(DataError, 1, 2, law="mask", where="projection 'd.X'"):
        cl.Dataset("d", X=(cl.Space("X", shape), lists))


def centred(prediction, target):
    return jnp.sum((prediction - prediction.mean(0) - target) ** 2, axis=1)


def plain(prediction, target):
    return jnp.sum((prediction - target) ** 2, axis=1)


@pytest.mark.parametrize(
    ("divergence", "warned"),
    [
        (centred, True),
        (plain, False),
        (cl.Divergence(plain, batch_level=True), True),
        (cl.Divergence(centred, batch_level=False), False),
    ],
)
def test_parts_of_batches_warn_where_a_bare_callable_compares_examples(divergence, warned):
    X, Z = cl.Space("X", 2), cl.Space("Z", 2, divergence=divergence)
    data = {"d": {"X": np.ones((4, 2), "f4"), "Z": np.ones((4, 2), "f4")}}
    D = cl.LearningDiagram(cl.Dataset("d", X=X, Z=Z), cl.Model("f", X, Z, "linear"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cl.fit(D, optax.sgd(0.01), data=data, accumulate=2, **QUIET)
    assert [w.category for w in caught if w.category is ExamplesApart] == [ExamplesApart] * warned


def ragged(sizes):
    for size in sizes:
        yield {name: np.resize(column, (size, *column.shape[1:])) for name, column in GOOD.items()}


@pytest.mark.parametrize(("sizes", "warned"), [(range(1, PROGRAMS + 3), 1), ([4, 4, 3] * 3, 0)])
def test_sizes_of_batches_that_make_many_programs_warn_once(fn, sizes, warned):
    options = {**QUIET, "steps": len(sizes)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cl.fit(fn, optax.sgd(0.01), data={"d": ragged(sizes)}, **options)
    assert [w.category for w in caught] == [ManyPrograms] * warned


def test_several_steps_in_one_call_need_batches_of_one_size(fn):
    options = {**QUIET, "steps": 4, "scan_steps": 2}
    with raises(DataError, 4, 3, law="batch", where="data set 'd'"):
        cl.fit(fn, optax.sgd(0.01), data={"d": ragged([4, 3, 4, 4])}, **options)
