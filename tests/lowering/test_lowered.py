"""The lowered loss as a function: its arguments, its transformations, its errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CatlearnError, DataError, InvalidStructure, UnknownName
from catlearn.models import needs_key
from tests.errors import are, raises


def linear(name, source, target):
    """An edge that multiplies by a matrix, written in numpy so that nothing compiles."""
    shape = (source.label.features, target.label.features)

    def init(key):
        return {"w": jnp.asarray(np.eye(*shape, dtype="float32"))}

    return cl.Model(name, source, target, (init, lambda params, x: x @ params["w"]))


X, Y = cl.Space("X", (2,)), cl.Space("Y", (2,))


def line():
    """One model between two columns; the loss at the identity is the mean of |x - y|^2."""
    return cl.lower(cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), linear("f", X, Y)).loss())


BATCH = {
    "d": {
        "X": np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]], "float32"),
        "Y": np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], "float32"),
    }
}


def test_the_value_is_the_weighted_mean_over_the_batch():
    fn = line()
    params, state = fn.init(jax.random.key(0))
    (name,) = state["weights"]
    value, aux = fn(params, state, BATCH)
    assert aux.terms[name] == pytest.approx((0 + 1 + 4) / 3)
    assert value == aux.terms[name]
    doubled = {**state, "weights": {name: jnp.float32(2.0)}}
    assert fn(params, doubled, BATCH)[0] == 2 * value
    assert aux.state == {"mutable": {}}


def test_the_empty_loss_is_zero():
    fn = cl.lower(cl.LearningDiagram(linear("f", X, Y)).loss())
    params, state = fn.init(jax.random.key(0))
    value, aux = fn(params, state, {})
    assert value == 0.0
    assert aux.terms == {}
    assert list(params) == ["f"]


def test_the_value_is_the_functor_applied_to_both_sides(square):
    """[p >> q] is [q] after [p]: the plan computes what the free category's functor does."""
    fn, batch = square.fn, square.batch
    params, state = fn.init(jax.random.key(1))

    functor = fn.evaluation(params, state)
    (term,) = fn.loss.equations
    sides = [functor(path)(batch[term.data]) for path in (term.lhs, term.rhs)]
    expected = jnp.mean(term.divergence(*sides))
    assert jax.jit(fn)(params, state, batch)[0] == pytest.approx(float(expected), rel=1e-5)


def test_it_jits_vmaps_and_differentiates_to_the_same(distillation):
    fn, batch = distillation.fn, distillation.batch
    params, state = fn.init(jax.random.key(0))
    stacked = jax.tree.map(lambda leaf: np.stack([leaf, 0.5 * leaf]), params)
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda params: fn(params, state, batch)[0])))
    values, gradient = both(stacked)
    jitted = jax.jit(fn)
    for i, value in enumerate(values):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], stacked)
        assert value == pytest.approx(float(jitted(one, state, batch)[0]), rel=1e-5)
    assert values[0] != values[1]
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert jitted._cache_size() == 1
    assert hash(fn) == hash(fn)
    assert fn != cl.lower(fn.loss)


def test_frozen_parameters_and_weights_are_arguments():
    """Changing them neither traces again nor is without effect."""
    traces = []

    def apply(params, x):
        traces.append(x)
        return x @ params["w"]

    def init(key):
        return {"w": jnp.eye(2)}

    student = cl.Model("student", X, Y, (init, apply))
    teacher = linear("teacher", X, Y).freeze({"w": jnp.zeros((2, 2))})
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X), student, teacher)
    fn = cl.lower(diagram.loss(["d.X >> student = d.X >> teacher"]))
    params, state = fn.init(jax.random.key(0))
    (name,) = state["weights"]
    jitted = jax.jit(fn)
    traces.clear()
    batch = {"d": {"X": BATCH["d"]["X"]}}
    values = [float(jitted(params, state, batch)[0])]
    heavier = {**state, "weights": {name: jnp.float32(3.0)}}
    values.append(float(jitted(params, heavier, batch)[0]))
    equal = {**state, "frozen": {"teacher": {"w": jnp.eye(2)}}}
    values.append(float(jitted(params, equal, batch)[0]))
    assert values == pytest.approx([2.0, 6.0, 0.0])
    assert len(traces) == 1
    assert jax.make_jaxpr(fn)(params, state, batch).consts == []


def test_init_depends_on_the_name_of_the_edge_alone():
    def model(name):
        return cl.Model(name, X, Y, "linear")

    def params_of(*names):
        diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), *map(model, names))
        equations = [f"d.X >> {name} = d.Y" for name in names]
        return cl.lower(diagram.loss(equations)).init(jax.random.key(4))[0]

    both, alone = params_of("f", "g"), params_of("g")
    np.testing.assert_array_equal(both["g"]["weight"], alone["g"]["weight"])
    assert not np.array_equal(both["f"]["weight"], both["g"]["weight"])


def test_a_model_given_as_an_object_starts_from_its_own_arrays_and_keeps_them():
    eqx = pytest.importorskip("equinox")
    module = eqx.nn.Linear(2, 2, key=jax.random.key(9))
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, module))
    fn = cl.lower(diagram.loss())
    params, state = fn.init(jax.random.key(0))
    np.testing.assert_array_equal(params["f"].weight, module.weight)
    assert params["f"].weight is not module.weight
    by_hand = jnp.mean(jnp.sum((jax.vmap(module)(BATCH["d"]["X"]) - BATCH["d"]["Y"]) ** 2, axis=1))
    assert fn(params, state, BATCH)[0] == pytest.approx(float(by_hand), rel=1e-5)


def test_integers_among_parameters_are_kept_from_the_gradient():
    def init(key):
        return {"w": jnp.eye(2), "order": jnp.array([1, 0])}

    def apply(params, x):
        return (x @ params["w"])[:, params["order"]]

    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, (init, apply)))
    fn = cl.lower(diagram.loss())
    params, state = fn.init(jax.random.key(0))
    assert params["f"]["order"] is None
    assert state["frozen"]["f"]["order"].tolist() == [1, 0]
    value, gradient = jax.value_and_grad(lambda p: fn(p, state, BATCH)[0])(params)
    assert value == pytest.approx((2 + 1 + 4) / 3)
    assert len(jax.tree.leaves(gradient)) == 1


def noisy(name):
    def apply(params, x, key=None):
        return x if key is None else x + jax.random.normal(key, x.shape)

    return cl.Model(name, X, Y, (lambda key: {"unused": jnp.zeros(())}, apply))


def test_one_edge_on_one_input_is_one_sample():
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X), noisy("f"), linear("g", Y, Y))
    fn = cl.lower(diagram.loss(["d.X >> f >> g = d.X >> f"]))
    params, state = fn.init(jax.random.key(0))
    batch = {"d": {"X": np.zeros((3, 2), "float32")}}
    assert jax.jit(fn)(params, state, batch, jax.random.key(1))[0] == 0.0


def test_different_inputs_draw_different_samples():
    diagram = cl.LearningDiagram(cl.Dataset("one", A=X, B=X, Y=Y), noisy("f"))
    zeros = np.zeros((3, 2), "float32")
    fn = cl.lower(diagram.loss(["one.A >> f = one.B >> f"]))
    params, state = fn.init(jax.random.key(0))
    batch = {"one": {"A": zeros, "B": zeros}}
    assert fn(params, state, batch, jax.random.key(1))[0] > 0.1
    # Without a key an optional key stays away, and the edge is a function.
    assert fn(params, state, batch)[0] == 0.0
    twice = [fn(params, state, batch, jax.random.key(2))[0] for _ in range(2)]
    assert twice[0] == twice[1] != fn(params, state, batch, jax.random.key(1))[0]


def test_an_edge_that_needs_a_key_says_so():
    def apply(params, x, key):
        return x + jax.random.normal(key, x.shape)

    model = cl.Model("f", X, Y, (lambda key: {}, apply))
    assert needs_key(model.label, X.label, Y.label)
    fn = cl.lower(cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), model).loss())
    params, state = fn.init(jax.random.key(0))
    with raises(DataError, "key=", law="key", where="edge 'f'"):
        fn(params, state, BATCH)
    assert np.isfinite(fn(params, state, BATCH, jax.random.key(0))[0])


def test_labels_reach_models_one_hot_and_logits_as_they_are():
    C, Z = cl.Categorical("C", 3), cl.Space("Z", (3,))
    seen = []

    def embed(x):
        seen.append(x)
        return x

    diagram = cl.LearningDiagram(
        cl.Dataset("d", C=C, Z=Z),
        cl.Model("embed", C, Z, embed),
        linear("guess", Z, C),
    )
    fn = cl.lower(diagram.loss(["d.C >> embed >> guess = d.C", "d.Z >> guess >> embed = d.Z"]))
    params, state = fn.init(jax.random.key(0))
    seen.clear()
    batch = {"d": {"C": np.array([2, 0], "uint8"), "Z": np.zeros((2, 3), "float32")}}
    fn(params, state, batch)
    np.testing.assert_array_equal(seen[0], [[0, 0, 1], [1, 0, 0]])
    assert seen[1].shape == (2, 3)


def test_stored_floats_at_a_categorical_space_are_logits():
    C = cl.Categorical("C", 3)
    scores = np.array([[0.0, 1.0, 5.0], [2.0, 0.0, -1.0]], "float32")
    data = cl.Dataset("d", X=(X, np.zeros((2, 2), "float32")), C=(C, scores))
    fn = cl.lower(cl.LearningDiagram(data, linear("f", X, C)).loss())
    (column,) = (step for step in fn.plan.steps if step.column == "C")
    assert column.form == "logits"
    params, state = fn.init(jax.random.key(0))
    with raises(DataError, "(2,)", "int32", law="batch", where="data set 'd', projection 'C'"):
        fn(params, state, {"d": {"X": scores[:, :2], "C": np.array([0, 1], "int32")}})


def test_a_fixed_map_may_emit_labels_as_a_target():
    C = cl.Categorical("C", 2)
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X),
        cl.Model("sign", X, C, lambda x: (x[:, 0] > 0.5).astype("int32")),
        linear("guess", X, C),
    )
    fn = cl.lower(diagram.loss(["d.X >> guess = d.X >> sign"]))
    (step,) = (step for step in fn.plan.steps if step.name == "sign")
    assert step.form == "label"
    params, state = fn.init(jax.random.key(0))
    assert np.isfinite(fn(params, state, {"d": {"X": BATCH["d"]["X"]}})[0])


def test_products_pair_and_project():
    P = cl.Product("P", X, Y)
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y, P=P),
        linear("f", X, Y),
        cl.Pairing("both", P, "d.X", "d.X >> f"),
        cl.Model("add", P, Y, lambda x, y: x + y),
    )
    equations = {"sum": "both >> add = d.Y", "pair": "both = d.P", "part": "d.X >> f = d.P >> P.Y"}
    fn = cl.lower(diagram.loss(equations))
    params, state = fn.init(jax.random.key(0))
    x, y = BATCH["d"]["X"], BATCH["d"]["Y"]
    batch = {"d": {"X": x, "Y": y, "P": (x, y)}}
    terms = fn(params, state, batch)[1].terms
    assert terms["sum"] == pytest.approx(np.square(2 * x - y).sum(1).mean())
    assert terms["pair"] == terms["part"] == pytest.approx(5 / 3)
    assert fn.plan.evaluations == 2
    with pytest.raises(DataError) as caught:
        fn(params, state, {"d": {"X": x, "Y": y, "P": (x, y[:, :1])}})
    (failure,) = caught.value.failures
    assert failure.where == "data set 'd', projection 'P', factor 1"


def test_everything_wrong_with_the_arguments_is_said_at_once():
    diagram = cl.LearningDiagram(
        cl.Dataset("one", X=X, Y=Y),
        cl.Dataset("two", X=X, Y=Y),
        cl.Dataset("three", X=X, Y=Y),
        linear("f", X, Y),
        linear("g", X, Y).freeze({"w": jnp.eye(2)}),
    )
    fn = cl.lower(
        diagram.loss(
            {
                "a": "one.X >> f = one.Y",
                "b": "two.X >> f = two.X >> g",
                "c": "three.X >> f = three.Y",
            }
        )
    )
    x = np.zeros((3, 2), "float32")
    batch = {"one": {"X": x[:, :1], "Y": x[:2]}, "three": {"X": x.astype("complex64")}}
    with pytest.raises(DataError) as caught:
        fn({}, {"frozen": {}, "mutable": {}, "weights": {"a": 1.0, "c": 1.0}}, batch)
    assert are(
        caught.value.failures,
        ("params", "edge 'f'", "fn.init(key)"),
        ("state", "frozen edge 'g'", "state['frozen']"),
        ("state", "equation 'b'", "state['weights']"),
        ("batch", "data set 'one', projection 'X'", "(3, 1)", "(batch, 2)"),
        ("batch", "data set 'one'", "'X'", 3, "'Y'", 2),
        ("batch", "data set 'two'", "'one'", "'three'"),
        ("batch", "data set 'three', projection 'X'", "complex64", "float32"),
        ("batch", "data set 'three', projection 'Y'", "'X'"),
    )


@pytest.mark.parametrize("wrong", [[[1.0, 2.0]], [[1.0], [2.0, 3.0]], None, "x", ([1.0], 2)])
def test_columns_that_are_no_arrays_are_refused(wrong):
    fn = line()
    params, state = fn.init(jax.random.key(0))
    ((data, columns),) = fn.plan.columns.items()
    batch = {data: {step.column: wrong for step in columns}}
    with pytest.raises(DataError) as caught:
        fn(params, state, batch)
    assert {one.law for one in caught.value.failures} == {"batch"}


def test_integers_may_stand_for_floats():
    fn = line()
    params, state = fn.init(jax.random.key(0))
    integers = {"d": {name: column.astype("uint8") for name, column in BATCH["d"].items()}}
    assert fn(params, state, integers)[0] == fn(params, state, BATCH)[0]


def test_an_error_inside_a_model_names_the_edge_and_the_path():
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"), check=False
    )
    fn = cl.lower(diagram.loss())
    params, state = fn.init(jax.random.key(0))
    params["f"]["weight"] = jnp.ones((7, 2))
    with pytest.raises(TypeError) as caught:
        fn(params, state, BATCH)
    assert "in edge 'f' on the path 'd.X >> f'" in caught.value.__notes__


def test_an_error_inside_a_divergence_names_the_equation():
    def picky(prediction, target):
        raise ArithmeticError("no")

    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y),
        linear("f", X, Y),
        equations={"{odd} name": cl.Equation("d.X >> f = d.Y", divergence=picky)},
        check=False,
    )
    fn = cl.lower(diagram.loss())
    params, state = fn.init(jax.random.key(0))
    with pytest.raises(ArithmeticError) as caught:
        fn(params, state, BATCH)
    assert "in equation '{odd} name'" in caught.value.__notes__


def test_types_are_not_promoted_behind_the_user(square, distillation):
    """Value and gradient trace where JAX refuses to promote dtypes and ranks."""
    for regime in (square, distillation):
        arguments = (*regime.fn.init(jax.random.key(0)), regime.batch)
        with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
            (value, _), _ = jax.eval_shape(jax.value_and_grad(regime.fn, has_aux=True), *arguments)
            assert (value.shape, value.dtype) == ((), "float32")
            # The mutant: a loss that adds an integer of another rank.
            with pytest.raises((TypeError, ValueError), match="promot"):
                jax.eval_shape(
                    lambda *given, fn=regime.fn: fn(*given)[0] + jnp.ones(1, int), *arguments
                )


def test_every_edge_has_its_scope(distillation):
    fn = distillation.fn
    params, state = fn.init(jax.random.key(0))
    lowered = jax.jit(fn).lower(params, state, distillation.batch)
    text = lowered.as_text(debug_info=True)
    assert "student/" in text
    assert "teacher/" in text


def test_select_makes_masks_and_labels():
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y), *(linear(name, X, Y) for name in ("f", "g", "h"))
    )
    fn = cl.lower(diagram.loss([f"d.X >> {name} = d.Y" for name in ("f", "g", "h")]))
    assert fn.select({"g": True}) == {"f": False, "g": True, "h": False}
    labels = fn.select({"f": "slow"}, default="fast")
    assert labels == {"f": "slow", "g": "fast", "h": "fast"}
    params, _ = fn.init(jax.random.key(0))
    ones = jax.tree.map(jnp.ones_like, params)
    for optimizer in (
        optax.multi_transform({"slow": optax.sgd(0.1), "fast": optax.sgd(1.0)}, labels),
        optax.chain(optax.sgd(1.0), optax.masked(optax.scale(0.1), fn.select({"f": True}))),
    ):
        updates, _ = optimizer.update(ones, optimizer.init(params), params)
        scales = {edge: float(tree["w"][0, 0]) for edge, tree in updates.items()}
        assert scales == pytest.approx({"f": -0.1, "g": -1.0, "h": -1.0})
    with raises(UnknownName, "k", "f", "g", "h"):
        fn.select({"k": True})
    with raises(CatlearnError, "g", "h"):
        fn.select({"f": "slow"})


def test_edges_that_a_file_could_not_contain_are_all_named_before_anything_runs():
    X, Y = cl.Space("X", (2,)), cl.Space("Y", (2,))
    parts = (
        cl.Dataset("d", X=X, Y=Y),
        cl.Model("f", X, Y, lambda x: x),
        cl.Model("g", X, Y, "mlp"),
    )
    loaded = cl.formats.from_json(
        cl.formats.to_json(cl.LearningDiagram(*parts, equations=["d.X >> g = d.X >> f"]))
    )
    with raises(InvalidStructure, "<lambda>", "diagram.bind", law="unbound", where="edge 'f'"):
        cl.lower(loaded.loss())
    assert cl.lower(loaded.bind(f=lambda x: x).loss()).plan.evaluations == 2


def test_evaluation_is_a_functor_also_through_pairings_aliases_and_frozen_edges():
    P = cl.Product("P", X, Y)
    frozen = linear("g", X, Y).freeze({"w": 3 * np.eye(2, dtype="float32")})
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y),
        linear("f", X, Y),
        frozen,
        cl.Pairing("both", P, "d.X", "d.X >> f"),
        cl.learning.Defined("alias", "both >> P.X >> g"),
        equations=["both >> P.Y = alias"],
    )
    fn = cl.lower(diagram.loss())
    evaluate = fn.evaluation(*fn.init(jax.random.key(0)))
    sample = BATCH["d"]
    for first, then in (("d.X", "f"), ("both", "P.Y"), ("both >> P.X", "g")):
        p, q = diagram.path(first), diagram.path(then)
        composite = evaluate(q)(evaluate(p)(sample))
        np.testing.assert_array_equal(evaluate(p >> q)(sample), composite)
    np.testing.assert_array_equal(evaluate(diagram.path("alias"))(sample), 3 * sample["X"])
