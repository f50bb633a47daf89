"""Arguments of another kind: the package's own error, which says the argument and what it is."""

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CatlearnError, WrongKind, expect

X, Y = cl.Space("X", 2), cl.Space("Y", 1)
DATA = cl.Dataset("d", X=(X, np.ones((4, 2), "f4")), Y=(Y, np.ones((4, 1), "f4")))
MODEL = cl.Model("f", X, Y, "linear")
DIAGRAM = cl.LearningDiagram(DATA, MODEL)
GRAPH = cl.Graph({"e": ("A", "B")})


SGD = optax.sgd(0.1)


def fit(value=DIAGRAM, optimizer=SGD, **options):
    return cl.fit(value, optimizer, **{"steps": 1, "progress": False, **options})


WRONG = {
    "what fit minimises": lambda: fit(MODEL),
    "optimizer": [lambda: fit(optimizer=0.01), lambda: fit(optimizer=optax.adam),
                  lambda: fit(optimizer="adam"), lambda: fit(optimizer={"f": 0.1})],
    "steps": [lambda: fit(steps=1.5), lambda: fit(steps="3"), lambda: fit(steps=True)],
    "batch_size": [lambda: fit(batch_size="8"), lambda: fit(batch_size={"d": 2.5})],
    "key": [lambda: fit(key=0), lambda: cl.batches(DIAGRAM.data, 2, 0)],
    "data": [lambda: fit(data=[1]), lambda: cl.batches(3)],
    "validate": lambda: fit(validate=[1]),
    "metrics": lambda: fit(validate={}, metrics=["accuracy"]),
    "checkpoint": lambda: fit(checkpoint=3),
    "callback": lambda: fit(callback=3),
    "what is lowered": [lambda: cl.lower(MODEL), lambda: cl.lower("loss")],
    "left": lambda: cl.Rule(GRAPH, GRAPH),
    "L": lambda: cl.Rule.between(3, GRAPH),
    "G": [lambda: list(cl.homomorphisms(3, GRAPH)), lambda: cl.is_isomorphic("G", GRAPH)],
    "H": lambda: list(cl.homomorphisms(GRAPH, 3)),
    "what a limit is of": lambda: cl.limit(3),
    "what a colimit is of": lambda: cl.colimit([GRAPH]),
    "each argument": [lambda: cl.pullback(GRAPH, GRAPH), lambda: cl.pushout(GRAPH, GRAPH),
                      lambda: cl.coequalizer(GRAPH, GRAPH), lambda: cl.equalizer(3, 4)],
    "each object": [lambda: cl.product(3, 4), lambda: cl.coproduct(GRAPH, "B")],
    "the argument": [lambda: cl.loss_functor(3), lambda: list(cl.subobjects(3))],
}  # fmt: skip
CASES = [
    (name, make) for name, makes in WRONG.items()
    for make in (makes if isinstance(makes, list) else [makes])
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make"), CASES, ids=[f"{n} {k}" for k, (n, _) in enumerate(CASES)]
)
def test_wrong_kinds_are_refused_by_name(name, make):
    with pytest.raises(WrongKind) as caught:
        make()
    assert str(caught.value).startswith(f"{name} is ")
    assert isinstance(caught.value, CatlearnError)
    assert isinstance(caught.value, TypeError)


def test_right_kinds_are_taken():
    fit(steps=np.int64(1), key=jax.random.key(1), batch_size=np.int32(2))
    fit(key=jax.random.PRNGKey(0))
    fit(optimizer={"f": optax.adam(0.1)})
    expect(True, bool, "flag", "a flag")
    with pytest.raises(WrongKind):
        expect(True, int, "number", "a number")
