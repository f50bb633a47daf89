"""Splitting a head: copies of edges, and of the equations that run through it."""

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.cset import is_isomorphic
from catlearn.errors import InvalidStructure
from catlearn.learning import split
from tests.errors import raises
from tests.learning.rewrites import squares_are_pushouts

X, F, Y = cl.Space("X", 3), cl.Space("F", 2), cl.Categorical("Y", 3)
DATA = cl.Dataset(
    "data",
    X=(X, np.arange(12, dtype=np.float32).reshape(4, 3) / 10),
    Y=(Y, np.array([0, 1, 2, 1], "int32")),
)
SHAPES = {"encoder": (3, 2), "head": (2, 3)}


def linear(name, source, target):
    rng = np.random.default_rng(len(name))
    shape = SHAPES.get(name, (source.label.features, target.label.features))
    start = {"weight": rng.normal(size=shape).astype("f4"), "bias": np.ones(shape[1:], "f4")}
    return cl.Model(name, source, target, "linear", start=start)


def diagram(**equations):
    return cl.LearningDiagram(
        DATA, linear("encoder", X, F), linear("head", F, Y), equations=equations
    )


FIT = "data.X >> encoder >> head = data.Y"
AGAIN = "data.X >> encoder >> other = data.Y2"
D = diagram(fit=cl.Equation(FIT, weight=2.0))
COPIES = {"data.Y": "data.Y2"}


def value(diagram, equations=None):
    fn = cl.lower(diagram.loss(equations))
    params, state = fn.init(jax.random.key(0))
    return float(fn(params, state, diagram.data)[0])


def test_a_head_comes_again_with_its_data_and_its_equation():
    rewrite = split("head", "other", "Y2", data=COPIES).rewrite(D)
    E = rewrite.apex
    assert squares_are_pushouts(rewrite)
    assert E.ends("other") == ("F", "Y2")
    assert E.ends("data.Y2") == ("data", "Y2")
    assert E.store["data.Y2"] is D.store["data.Y"]
    assert "other" not in E.store
    assert {name: " = ".join(map(str, sides)) for name, sides in E.soft_equations.items()} == {
        "fit": FIT,
        "fit of other": AGAIN,
    }
    assert E.weight("fit of other") == 2.0
    assert is_isomorphic(rewrite.inverse().apex, D)


def test_two_heads_that_start_alike_cost_twice():
    same = split("head", "other", "Y2", data=COPIES, values=True)
    twice = same.rewrite(D).apex
    assert twice.starts["other"] is D.starts["head"]
    assert value(twice) == pytest.approx(2 * value(D))
    # A mutant: the head alone, as without declared equations.
    alone = split("head", "other", "Y2", data=COPIES, values=True, equations=False).rewrite(D)
    assert squares_are_pushouts(alone)
    assert list(alone.apex.soft_equations) == ["fit"]
    assert value(alone.apex) == pytest.approx(value(D))
    assert value(alone.apex, "all") == pytest.approx(1.5 * value(D))  # undeclared ones weigh 1


def test_what_an_equation_says_is_said_of_its_copy():
    against = -cl.Weight("strength", 0.5)
    told = cl.Equation(FIT, trains={"encoder": against, "head": 1.0}, divergence="kl", stop="rhs")
    E = split("head", "other", "Y2", data=COPIES).rewrite(diagram(fit=told, **{FIT: FIT})).apex
    assert E.trains("fit of other") == {"encoder": against, "other": 1.0}
    assert E.trains("fit") == {"encoder": against, "head": 1.0}
    assert E.divergence("fit of other").name == "kl"
    assert E.stop("fit of other") == "rhs"
    # An equation that is called by its text is called by its new one.
    assert list(E.soft_equations) == ["fit", FIT, "fit of other", AGAIN]


def test_equations_come_again_only_where_their_sides_are_paths():
    teacher, back = linear("teacher", X, Y), cl.Model("back", Y, X, lambda y: y)
    parts = DATA, linear("encoder", X, F), linear("head", F, Y), teacher, back
    equations = {
        "fit": FIT,
        "taught": "encoder >> head = teacher",
        "round": "encoder >> head >> back = id(X)",
        "aside": "data.X >> teacher = data.Y",
    }
    G = cl.LearningDiagram(*parts, equations=equations)
    bare = split("head", "other", "Y2").rewrite(G).apex
    assert list(bare.soft_equations) == list(equations)
    rewrite = split("head", "other", "Y2", data={"teacher": "master"}).rewrite(G)
    assert squares_are_pushouts(rewrite)
    assert list(rewrite.apex.soft_equations)[4:] == ["taught of other"]
    assert [*map(str, rewrite.apex.sides("taught of other"))] == ["encoder >> other", "master"]
    assert rewrite.apex.starts["master"] is G.starts["teacher"]


def test_a_split_twice_keeps_names_apart():
    once = split("head", "other", "Y2", data=COPIES).rewrite(D).apex
    third = split("head", "third", "Y3", data={"data.Y": "data.Y3"}).rewrite(once).apex
    assert list(third.soft_equations) == ["fit", "fit of other", "fit of third"]
    clash = split("head", "other", "Y2", data=COPIES).rewrite(once).apex
    assert len(clash.soft_equations) == 3
    assert len(clash.edges) == len(once.edges) + 2


def test_copies_have_names_of_their_own():
    for names, data in ((("head", "Y2"), {}), (("other", "Y2"), {"head": "more"})):
        with raises(InvalidStructure, law="names", where="'head'"):
            split("head", *names, data=data)
