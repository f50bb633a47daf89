"""Pictures of training regimes say what their equations say."""

import catlearn as cl
from catlearn.drawing.views import learning_scene

X, R = cl.Space("X", 2), cl.Space("R", 1)


def notes(**said):
    models = cl.Model("f", X, X, "linear"), cl.Model("judge", X, R, "linear")
    real = cl.Constant("real", X, R, 1.0)
    sides = "d.X >> f >> judge = d.X >> f >> real"
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X), *models, real, equations={"fool": cl.Equation(sides, **said)}
    )
    return [law.note for law in learning_scene(diagram).laws]


def test_an_equation_says_what_it_trains():
    assert notes() == ["weight 1 · squared error"]
    weight = cl.Weight("beta", 0.5)
    said = {"trains": {"f": 1.0, "judge": -weight}, "stop": "rhs", "weight": weight}
    expected = "weight beta · squared error · trains f, judge by -beta · stop at rhs"
    assert notes(**said) == [expected]
