"""Values pickle, copy, and pass through a pool of processes, or say what they left behind."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import (
    CatlearnError,
    CheckpointNotWritten,
    DataError,
    Failure,
    InfinitelyManyPaths,
    TooManyPaths,
    TrainingDiverged,
)
from tests.errors import raises
from tests.training import pooled

RESULT = pooled.run("named")
DIAGRAM = pooled.diagram("linear")
VALUES = {
    "data set": cl.Dataset("data", X=(pooled.X, np.ones((3, 2), "float32"))),
    "model": cl.Model("f", pooled.X, pooled.Y, "mlp"),
    "frozen model": cl.Model("f", pooled.X, pooled.Y, "linear").freeze(RESULT.params["f"]),
    "diagram": DIAGRAM,
    "loss": DIAGRAM.loss(),
    "lowered": RESULT.fn,
    "history": RESULT.history,
    "result": RESULT,
    "gluing": cl.glue(DIAGRAM, cl.LearningDiagram(cl.Model("g", pooled.Y, pooled.X, "linear"))),
    "objective": cl.loss_functor(DIAGRAM.instantiate("all")),
    "graph": cl.Graph({"f": ("A", "B")}),
    "category": cl.FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 4]),
    "lenses": cl.category.Lenses(),
    "picture": cl.draw(DIAGRAM),
}
ERRORS = [
    TrainingDiverged("step 3", RESULT),
    CheckpointNotWritten("the disk is full", RESULT),
    DataError("the batch", [Failure("shape", "X", "is another")]),
    TooManyPaths("there are 5", 5),
    InfinitelyManyPaths("there is a circle", ["a", "b"]),
]


@pytest.mark.parametrize("how", [lambda v: pickle.loads(pickle.dumps(v)), copy.copy, copy.deepcopy],
                         ids=["pickle", "copy", "deepcopy"])  # fmt: skip
@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(name, how):
    value = VALUES[name]
    back = how(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if type(value).__eq__ is not object.__eq__ and name not in ("result", "lowered"):
        assert back == value
    if name == "lowered":
        batch = RESULT.data
        params, state = value.init(jax.random.key(0))
        assert back(params, state, batch)[0] == value(params, state, batch)[0]
    if name == "result":
        assert back.evaluate() == value.evaluate()
        assert back.history == value.history


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_come_back(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back).keys() == vars(error).keys()
    if getattr(error, "result", None) is not None:
        assert back.result.evaluate() == error.result.evaluate()


def test_copies_of_results_keep_what_cannot_be_sent():
    result = pooled.run("local")
    for made in (copy.copy(result), copy.deepcopy(result), replace(result)):
        assert made.evaluate() == result.evaluate()


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as one:
        yield one


@pytest.mark.parametrize("kind", ["named", "pair", "local"])
def test_results_come_from_another_process(pool, kind):
    there, here = pool.submit(pooled.run, kind).result(timeout=120), pooled.run(kind)
    assert there.history == here.history
    same = jax.tree.map(np.array_equal, there.params, dict(here.params))
    assert all(jax.tree.leaves(same))
    if kind == "local":
        with raises(CatlearnError, "replace(result, fn=fn)"):
            there.evaluate()
        there = replace(there, fn=here.fn)
    assert there.evaluate() == here.evaluate()


@pytest.mark.parametrize("kind", ["named", "local"])
def test_errors_come_from_another_process_with_their_results(pool, kind):
    with pytest.raises(TrainingDiverged) as caught:
        pool.submit(pooled.run, kind, rate=1e30, size=1e15).result(timeout=120)
    assert caught.value.result.params["f"]
    with pytest.raises(ValueError, match="of a callback") as caught:
        pool.submit(pooled.raising, kind).result(timeout=120)
    assert caught.value.result.steps == 1


def test_a_model_is_written_without_its_numbers():
    many = cl.Constant("c", pooled.X, cl.Space("Z", 400), np.arange(400.0))
    for value in (many, many.architecture, many.freeze()):
        assert len(repr(value)) < 300
        assert len(str(value)) < 300
    few = cl.Constant("c", pooled.X, cl.Space("Z", 2), np.arange(2.0))
    assert "(0.0, 1.0)" in repr(few)
