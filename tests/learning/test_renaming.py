"""Other names for the rows of a diagram, and names that need no prefixes."""

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.learning import with_frozen
from tests.errors import fails, raises

X, Y = cl.Space("X", 2), cl.Space("Y", 2)
P = cl.Product("P", X, Y)
NAMES = {"d": "train", "X": "pixels", "P": "both", "f": "student", "fit": "match"}


def diagram():
    column = np.arange(6, dtype="float32").reshape(3, 2)
    f = cl.Model("f", X, Y, "linear", use_bias=False)
    return cl.LearningDiagram(
        cl.Dataset("d", X=(X, column), Y=(Y, column + 1)),
        f,
        cl.Model("g", P, Y, lambda x, y: x + y),
        cl.Pairing("pair", P, "d.X", "d.X >> f"),
        cl.MovingAverage("slow", of="f", decay=0.5),
        cl.Operator("df", "derivative", of="f"),
        equations={
            "fit": cl.Equation("d.X >> f = d.Y", trains={"f": 2.0}),
            "pair >> g = d.X >> slow": cl.Equation("pair >> g = d.X >> slow", stop="rhs"),
            "d.X >> df = d.Y": cl.Equation("d.X >> df = d.Y"),
        },
    )


def plainly(D, names):
    """The mutant: what is called after others keeps its name."""
    return D.with_names({t: [names.get(n, n) for n in D.names(t)] for t in ("V", "E", "Eq")})


@pytest.mark.parametrize("rename", [cl.LearningDiagram.rename, plainly])
def test_the_same_rows_with_other_names(rename):
    D = diagram()
    R = rename(D, NAMES)
    faults = R.failures()
    faults += [edge for edge in R.edges if edge.startswith(("d.", "P."))]
    faults += [] if list(R.data) == ["train"] and set(R.data["train"]) == {"X", "Y"} else ["data"]
    # Rows of equal name are glued, so what is made with the new names is the same diagram.
    assert bool(faults) == (rename is plainly)
    if faults:
        return
    back = R.rename({new: old for old, new in NAMES.items()})
    for table in D.shape.tables:
        assert back.names(table) == D.names(table)
    assert back == D
    assert R.edges[:5] == ("train.X", "train.Y", "student", "both.pixels", "both.Y")
    assert R.names("Eq")[-1] == "train.X >> df = train.Y"
    assert "pair >> g = train.X >> slow" in R.names("Eq")
    assert R.names("Trains") == ("match: student",)
    E = dict(zip(D.edges, R.edges, strict=True))
    cl.LearningMorphism(D, R, dict(zip(D.vertices, R.vertices, strict=True)), E)
    values = {"f": {"weight": np.array([[1.0, 2.0], [0.5, -1.0]], "float32")}}
    losses = []
    for one, name in ((D, "f"), (R, "student")):
        fn = cl.lower(one.with_values({name: values["f"]}).loss())
        losses.append(fn(*fn.init(jax.random.key(0)), one.data)[0])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"q": "r", "F": "G"}, [("'q'",), ("'F'",)]),
        ({"stuent": "t"}, [("'stuent'", "student")]),
        ({"student": "slow"}, [("'slow'", "'student'")]),
        ({"pixels": "Y"}, [("'Y'", "'pixels'"), ("'both.Y'", "'both.pixels'")]),
        ({"student": ""}, [("'student'", "''")]),
    ],
)
def test_names_that_do_not_go_are_listed(names, found):
    with fails(InvalidStructure, *[("names", *one) for one in found]):
        diagram().rename(NAMES).rename(names)


def test_prefixes_do_not_grow():
    f = cl.LearningDiagram(cl.Model("f", X, Y, "linear"))
    whole = grown = cl.glue(f, f, along=["X"], names=("", "second"))
    for name in ("third", "fourth"):
        whole = cl.glue(whole, f, along=["X"], names=("", name))
        grown = cl.glue(grown, f, along=["X"])
    assert whole.edges == ("f", "second/f", "third/f", "fourth/f")
    assert whole.edges != grown.edges
    one, other = cl.FinFunction(["x"], ["x"], "xa"), cl.FinFunction(["x"], ["x"], "xa")
    names = cl.pushout(one, other, names=("", "second")).apex.names
    assert names == ("x", "a", "second/a")


def test_what_a_moving_average_follows_is_frozen_by_taking_the_part_without_it():
    D = diagram()
    trained = D.with_values({"f": {"weight": np.ones((2, 2), "float32")}})
    with raises(InvalidStructure, "slow", "subdiagram", law="freeze", where="edge 'f'"):
        with_frozen(trained, "f")
