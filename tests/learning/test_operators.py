"""Edges that are operators on other edges: values, sharing, gluing, files and what is refused."""

from functools import partial
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure, LabelConflict, UnknownName
from catlearn.learning import subdiagram
from catlearn.models import operation
from tests import trees
from tests.errors import raises

X, U = cl.Space("X", 2), cl.Space("U", 1)
PLANE = cl.Dataset("plane", X=(X, np.random.default_rng(0).normal(size=(5, 2)).astype("f4")))
NET = cl.Model("u", X, U, "mlp", width=3, activation="tanh")
U_T = cl.Operator("u_t", "derivative", of="u", along=(1,))
U_XX = cl.Operator("u_xx", "derivative", of="u", along=(0, 0))
HEAT = "plane.X >> u_t = plane.X >> u_xx"


def net(params, x):
    first, last = params
    return jnp.tanh(x @ first["weight"] + first["bias"]) @ last["weight"] + last["bias"]


@jax.jit
def heat(params, x, sign=1.0):
    def at(x):
        return net(params, x)[0]

    u_t = jax.vmap(lambda x: jax.grad(at)(x)[1])(x)
    u_xx = jax.vmap(lambda x: jax.hessian(at)(x)[0, 0])(x)
    return jnp.mean((u_t - sign * u_xx) ** 2)


def lowered(*parts, equations: Any = HEAT, **options):
    diagram = cl.LearningDiagram(PLANE, NET, *(parts or (U_T, U_XX)), equations=equations)
    fn = cl.lower(diagram.loss(), **options)
    return fn, *fn.init(jax.random.key(0)), diagram.data


close = partial(trees.close, rtol=1e-4)


def test_an_equation_about_derivatives_trains_the_model():
    fn, params, state, data = lowered()
    assert set(params) == {"u"}
    assert not state["frozen"]
    found = jax.jit(jax.value_and_grad(lambda p: fn(p, state, data)[0]))(params)
    expected = jax.jit(jax.value_and_grad(lambda p: heat(p["u"], data["plane"]["X"])))(params)
    close(found, expected)
    assert abs(float(found[0] - heat(params["u"], data["plane"]["X"], sign=-1.0))) > 1e-4


def test_an_operator_may_act_on_an_operator():
    again = cl.Operator("u_xx", "derivative", of="u_x", along=(0,))
    u_x = cl.Operator("u_x", "derivative", of="u", along=(0,))
    fn, params, state, data = lowered(U_T, u_x, again)
    close(jax.jit(fn)(params, state, data)[0], heat(params["u"], data["plane"]["X"]))
    assert fn.diagram.owner("u_xx") == "u"


@pytest.mark.parametrize("stack", [8, True])
def test_what_is_trained_by_it_is_said_by_the_name_of_the_model(stack):
    trains = cl.Equation(HEAT, trains={"u": -2.0})
    fn, params, state, data = lowered(equations={"heat": trains}, stack=stack)
    found = jax.jit(jax.grad(lambda p: fn(p, state, data)[0]))(params)
    usual = jax.jit(jax.grad(lambda p: heat(p["u"], data["plane"]["X"])))(params)
    close(found, jax.tree.map(lambda leaf: -2 * leaf, usual))
    with raises(InvalidStructure, "u_t", law="trains", where="equation 'heat'"):
        lowered(equations={"heat": cl.Equation(HEAT, trains=["u_t"])})


def test_operators_on_what_does_not_move():
    slow = cl.MovingAverage("slow", of="u", decay=0.5)
    slow_t = cl.Operator("slow_t", "derivative", of="slow", along=(1,))
    equation = "plane.X >> u_t = plane.X >> slow_t"
    fn, params, state, data = lowered(U_T, slow, slow_t, equations=equation)
    assert float(fn(params, state, data)[0]) == 0
    moved = jax.tree.map(lambda leaf: leaf + 1, params)
    assert float(fn(moved, state, data)[0]) > 0
    frozen = cl.LearningDiagram(PLANE, NET.freeze(params["u"]), U_T)
    assert not frozen.is_trainable(frozen.path("plane.X >> u_t"))
    assert fn.diagram.is_trainable(fn.diagram.path("plane.X >> u_t"))


def test_the_derivative_of_what_was_trained():
    diagram = cl.LearningDiagram(PLANE, NET, U_T, U_XX, equations=HEAT)
    result = cl.fit(diagram, optax.sgd(0.01), steps=1, progress=False)
    x = PLANE.arrays["X"]
    slope = jax.vmap(lambda one: jax.grad(lambda one: net(result.params["u"], one)[0])(one)[1])(x)
    close(result.model("u_t")(x)[:, 0], slope)
    # The mutant: the derivative along the other coordinate.
    other = jax.vmap(lambda one: jax.grad(lambda one: net(result.params["u"], one)[0])(one)[0])(x)
    assert jnp.abs(other - slope).max() > 1e-3


def test_laplacian_jacobian_and_tangent():
    def f(x):
        return jnp.stack([x[:, 0] ** 2 * x[:, 1], jnp.sin(x[:, 1])], axis=1)

    x = jnp.asarray(PLANE.arrays["X"])
    jacobian = np.zeros((5, 2, 2), "f4")
    jacobian[:, 0, 0], jacobian[:, 0, 1] = 2 * x[:, 0] * x[:, 1], x[:, 0] ** 2
    jacobian[:, 1, 1] = jnp.cos(x[:, 1])
    close(operation("jacobian")(f)(x), jacobian)
    close(operation("laplacian")(f)(x), jnp.stack([2 * x[:, 1], -jnp.sin(x[:, 1])], axis=1))
    only = operation("laplacian")(f, along=(1,))(x)
    close(only, jnp.stack([0 * x[:, 1], -jnp.sin(x[:, 1])], axis=1))
    v = x[::-1]
    value, along = operation("tangent")(f)((x, v))
    close((value, along), (f(x), jnp.einsum("bij,bj->bi", jacobian, v)))
    # Mutants: transposed derivatives, and those along another coordinate.
    assert jnp.abs(jnp.einsum("bji,bj->bi", jacobian, v) - along).max() > 1e-3
    assert jnp.abs(np.swapaxes(jacobian, 1, 2) - jacobian).max() > 1e-3
    assert jnp.abs(operation("laplacian")(f, along=(0,))(x) - only).max() > 1e-3


def test_the_tangent_is_a_functor():
    tangent = operation("tangent")
    x = jnp.asarray(PLANE.arrays["X"])
    pair = (x, x[::-1])

    def f(x):
        return jnp.sin(x) * x[:, ::-1]

    def g(x):
        return x**3

    close(tangent(lambda x: g(f(x)))(pair), tangent(g)(tangent(f)(pair)))
    wrong = tangent(f)(tangent(g)(pair))
    assert jnp.abs(wrong[1] - tangent(g)(tangent(f)(pair))[1]).max() > 1e-3


def test_an_edge_may_end_elsewhere():
    D = cl.Space("D", (1, 2))
    diagram = cl.LearningDiagram(NET, cl.Operator("du", "jacobian", of="u", target=D))
    assert diagram.ends("du") == ("X", "D")
    TX, TU = cl.Product("TX", X, X), cl.Product("TU", U, U)
    lifted = cl.Operator("Tu", "tangent", of="u", source=TX, target=TU)
    assert cl.LearningDiagram(NET, lifted).ends("Tu") == ("TX", "TU")
    with raises(InvalidStructure, "float32", "(batch, 1, 2)", law="shape", where="edge 'du'"):
        cl.LearningDiagram(NET, cl.Operator("du", "jacobian", of="u"))


def test_gluing_files_and_parts_carry_operators():
    one = cl.LearningDiagram(NET, U_T)
    other = cl.LearningDiagram(NET, U_XX, PLANE)
    whole = cl.glue(one, other)
    assert whole.operators == {"u_t": "u", "u_xx": "u"}
    i, _ = whole.gluing.legs  # type: ignore[union-attr]
    edges = {edge: edge for edge in one.edges}
    assert cl.LearningMorphism(one, whole, V={v: v for v in one.vertices}, E=edges) == i
    assert cl.formats.from_json(cl.formats.to_json(whole)) == whole
    assert subdiagram(whole, edges=["u_t"]).operators == {"u_t": "u"}
    twin = cl.Model("twin", X, U, "mlp", width=3, activation="tanh")
    mine = cl.LearningDiagram(NET, twin, U_T)
    theirs = cl.LearningDiagram(NET, twin, cl.Operator("u_t", "derivative", of="twin", along=(1,)))
    with raises(LabelConflict, "u", "twin", law="operand", where="edge 'u_t'"):
        cl.glue(mine, theirs)


def test_an_operator_that_is_code_is_filled_in_after_reading():
    def double(f):
        return lambda x: 2 * f(x)

    diagram = cl.LearningDiagram(NET, cl.Operator("twice", double, of="u"))
    read = cl.formats.from_json(cl.formats.to_json(diagram))
    assert read != diagram
    assert read.bind(twice=double) == diagram


def test_what_is_refused():
    with raises(InvalidStructure, "v", "u", law="operator", where="operator 'd'"):
        cl.LearningDiagram(NET, cl.Operator("d", "derivative", of="v"))
    with raises(InvalidStructure, "axis", law="options", where="Operator 'derivative'"):
        cl.Operator("d", "derivative", of="u", axis=1)
    with raises(UnknownName, "gradient"):
        cl.Operator("d", "gradient", of="u")
    with raises(InvalidStructure, 2, law="call", where="edge 'd'"):
        cl.LearningDiagram(NET, cl.Operator("d", "derivative", of="u", along=(2,)))
    with raises(InvalidStructure, "along=(-1,)", law="call", where="edge 'd'"):
        cl.LearningDiagram(NET, cl.Operator("d", "derivative", of="u", along=(-1,)))


def test_counting_and_drawing():
    diagram = cl.LearningDiagram(PLANE, NET, U_T, U_XX, equations=HEAT)
    assert cl.resources(diagram).edges["u_t"].parameters == 0
    assert "derivative(along=(1,)) of u" in cl.draw(diagram).svg


def sharpness(f, params, scale=1.0):
    """The curvature of the mean output along its own gradient, at the parameters there are."""

    def along(x):
        def mean(params):
            return f(params, x).mean()

        slope = jax.grad(mean)
        here = slope(params)
        _, curved = jax.jvp(slope, (params,), (here,))
        dots = map(jnp.vdot, jax.tree.leaves(here), jax.tree.leaves(curved))
        return jnp.full((len(x), 1), scale * sum(dots))

    return along


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_an_operator_sees_parameters_in_a_hessian_vector_product(scale):
    sharp = cl.Operator("sharp", sharpness, of="u", scale=scale)
    fn, params, state, data = lowered(sharp, equations="plane.X >> sharp = plane.X >> u")
    x = data["plane"]["X"]

    @jax.jit
    def by_hand(params):
        flat, tree = jax.flatten_util.ravel_pytree(params["u"])

        def mean(flat):
            return net(tree(flat), x).mean()

        g = jax.grad(mean)(flat)
        return jnp.mean((g @ jax.hessian(mean)(flat) @ g - net(params["u"], x)) ** 2)

    @jax.jit
    def loss(params):
        return fn(params, state, data)[0]

    same = np.allclose(loss(params), by_hand(params), rtol=1e-4)
    assert same == (scale == 1)
    if same:
        close(*(jax.jit(jax.grad(function))(params) for function in (loss, by_hand)))


def test_at_a_product_an_operator_gets_the_factors_as_a_model_does():
    V = cl.Space("V", 1)
    P = cl.Product("P", X, V)
    f = cl.Model("f", P, V, lambda x, v: x[:, :1] * v)

    def twice(f):
        return lambda x, v: f(x, f(x, v))

    def paired(f):
        return lambda pair: f((pair[0], f(pair)))

    columns = {"X": (X, np.full((3, 2), 2.0, "f4")), "V": (V, np.ones((3, 1), "f4"))}
    D = cl.LearningDiagram(
        cl.Dataset("d", **columns),
        f,
        cl.Model("w", V, V, "linear"),
        cl.Pairing("both", P, "d.X", "d.V"),
        cl.Operator("ff", twice, of="f"),
        cl.Operator("pp", paired, of="f"),
    )
    fn = cl.lower(D.loss(["both >> ff >> w = both >> pp"]))
    evaluate = fn.evaluation(*fn.init(jax.random.key(0)))
    for name in ("ff", "pp"):
        np.testing.assert_array_equal(evaluate(D.path(name))((columns["X"][1], columns["V"][1])), 4)


def test_an_operator_that_sees_parameters_gets_the_factors_too():
    """As many arguments as factors get them one by one; one argument gets the tuple."""
    V = cl.Space("V", 1)
    P = cl.Product("P", X, V)
    f = cl.Model("f", P, V, (lambda key: np.full(1, 3.0, "f4"), lambda w, x, v: w * x[:, :1] * v))

    def apart(f, params):
        return lambda x, v: f(2 * params, x, v)

    def together(f, params):
        return lambda pair: f(2 * params, *pair)

    def first_twice(f, params):
        return lambda x, v: f(2 * params, x, x[:, :1])

    columns = {"X": (X, np.full((3, 2), 2.0, "f4")), "V": (V, np.full((3, 1), 5.0, "f4"))}
    D = cl.LearningDiagram(
        *(cl.Dataset("d", **columns), f, cl.Pairing("both", P, "d.X", "d.V")),
        *(cl.Operator(g.__name__, g, of="f") for g in (apart, together, first_twice)),
        equations=["both >> apart = d.V", "both >> together = d.V"],
    )
    fn = cl.lower(D.loss())
    evaluate = fn.evaluation(*fn.init(jax.random.key(0)))
    point = (columns["X"][1], columns["V"][1])
    found = {name: np.unique(evaluate(D.path(name))(point)).tolist() for name in D.operators}
    assert found == {"apart": [60.0], "together": [60.0], "first_twice": [24.0]}
