"""Maps, models and pairings, and the check that they fit their spaces."""

import pickle
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn import models
from catlearn.errors import InvalidStructure
from catlearn.models import (
    Categorical,
    DataSpace,
    Divergence,
    Map,
    Model,
    Pairing,
    Product,
    Registered,
    Space,
    Unbound,
    check_divergence,
    check_edge,
    check_parameters,
    same_values,
)
from tests.errors import fails, raises

X, F, Y = Space("X", 4), Space("F", 6), Categorical("Y", 3)
P = Product("P", X, Y)
KEY = jax.random.key(0)


def linear(seed=0, inputs=4, outputs=6):
    """Make a linear module with numpy's random weights, which compiles nothing."""
    rng = np.random.default_rng(seed)
    shapes = eqx.filter_eval_shape(eqx.nn.Linear, inputs, outputs, key=KEY)
    return jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(leaf.dtype), shapes)


def messages(model):
    return [str(failure) for failure in model.failures()]


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, catlearn.models as m; X, Y = m.Space('X', 3), m.Categorical('Y', 3); "
        "m.Model('f', X, Y, 'mlp'); "
        "print([x for x in ('jax', 'optax', 'equinox', 'scipy', 'sympy') if x in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


# Labels


def test_map_labels():
    arch = Registered("linear")
    labels = [Map(kind, arch) for kind in ("model", "frozen", "fixed")]
    labels += [Map("projection"), Map("defined"), Map("factor", index=0), Map("factor", index=1)]
    assert len(set(labels)) == 7
    assert [label.trainable for label in labels] == [True] + [False] * 6
    assert str(labels[1]) == "frozen linear(use_bias=True)"
    assert str(Map("projection")) == "projection"
    assert len({type(label) for label in labels}) == 6
    for label in labels:
        assert type(label).kind == label.kind
        assert eval(repr(label), {name: getattr(models, name) for name in models.__all__}) == label
        assert pickle.loads(pickle.dumps(label)) == label


@pytest.mark.parametrize(
    "build",
    [
        lambda: Map("modle"),
        lambda: Map("model"),
        lambda: Map("projection", Registered("linear")),
        lambda: Map("factor"),
        lambda: Map("defined", index=0),
    ],
)
def test_map_labels_that_make_no_sense(build):
    with pytest.raises(InvalidStructure):
        build()


def test_models_of_every_kind():
    pair = (lambda key: jnp.ones((4, 6)), lambda params, x: x @ params)
    given_object = Model("f", X, F, linear())
    made = {
        "registered": Model("f", X, F, "mlp", width=8),
        "pair": Model("f", X, F, pair),
        "object": given_object,
        "factory": Model("f", X, F, lambda key: eqx.nn.Linear(4, 6, key=key)),
        "architecture": Model("f", X, F, Registered("linear")),
        "function": Model("f", X, F, lambda x: jnp.concatenate([x, x[:, :2]], 1)),
        "module without parameters": Model("f", X, X, eqx.nn.Dropout(0.5)),
    }
    assert [model.failures() for model in made.values()] == [[]] * 7
    kinds = [model.label.kind for model in made.values()]
    assert kinds == ["model"] * 5 + ["fixed"] * 2
    assert [name for name, model in made.items() if model.start is not None] == ["object"]
    assert made["factory"].label == given_object.label
    assert made["registered"] == Model("f", X, F, "mlp", width=8)


def test_models_are_compared_by_value_and_labels_without():
    one, other = Model("f", X, F, linear(0)), Model("f", X, F, linear(1))
    assert one == Model("f", X, F, linear(0))
    assert hash(one) == hash(Model("f", X, F, linear(0)))
    assert one != other
    assert one.label == other.label
    assert one != "f"
    with pytest.raises(AttributeError):
        one.name = "g"
    assert repr(one) == "Model('f', X -> F, Linear)"
    assert str(one) == "f : X -> F"


def test_bad_models_list_everything():
    with pytest.raises(InvalidStructure) as caught:
        Model("", "X", F.label, linear())
    assert len(caught.value.failures) == 3
    with raises(InvalidStructure, law="start", where="Model 'f'"):
        Model("f", X, X, lambda x: x, start=3.0)


def test_start_from_elsewhere():
    model = Model("f", X, F, linear(0), start=linear(1))
    assert model == Model("f", X, F, linear(1))
    assert Model("f", X, F, linear(0), start=linear(1, outputs=7)).failures() != []
    start = Registered("linear").init(KEY, X.label, F.label)
    assert Model("f", X, F, "linear", start=start).start is start


# Freezing


def test_freezing_keeps_the_architecture_and_carries_the_values():
    model = Model("f", X, F, linear(0))
    frozen = model.freeze()
    assert frozen.label == Map("frozen", model.architecture)
    assert not frozen.label.trainable
    assert frozen.label != model.label
    assert same_values(frozen.start, model.start)
    assert frozen == model.freeze(linear(0)) == model.freeze(model.start)
    assert frozen != model.freeze(linear(1))
    assert frozen.failures() == []


def test_freezing_what_is_drawn_needs_variables():
    model = Model("f", X, F, lambda key: eqx.nn.Linear(4, 6, key=key))
    with raises(InvalidStructure, "freeze(variables)", law="freeze", where="Model 'f'"):
        model.freeze()
    assert model.freeze(linear(3)).start is not None
    mlp = Model("f", X, F, "linear")
    params = mlp.architecture.init(KEY, X.label, F.label)
    assert mlp.freeze(params).start is params
    fixed = Model("f", X, X, lambda x: x)
    assert fixed.freeze() is fixed


def test_freezing_checks_shapes_and_lists_every_wrong_leaf():
    found = [
        ("parameters", "edge 'f'", "['bias']", "int32 (6,)", "float32 (6,)"),
        ("parameters", "edge 'f'", "['weight']", "float32 (4, 5)", "float32 (4, 6)"),
    ]
    with fails(InvalidStructure, *found):
        Model("f", X, F, "linear").freeze({"weight": jnp.ones((4, 5)), "bias": jnp.ones(6, int)})
    with raises(InvalidStructure, "'bias'", law="parameters", where="edge 'f'"):
        Model("f", X, F, "linear").freeze({"weight": jnp.ones((4, 6))})


def test_parameters_are_not_asked_of_what_has_none_or_is_unbound():
    for label in (Map("fixed", Model("f", X, X, abs).architecture), Map("model", Unbound("it"))):
        assert check_parameters("f", label, X.label, X.label, {"anything": 3}) == []
    (failure,) = check_parameters("f", Map("model", Registered("linear")), X.label, P.label, ())
    assert "init raised" in failure.message


@given(seed=st.integers(0, 2**32 - 1), place=st.integers(0, 5))
def test_same_values_sees_one_changed_value(seed, place):
    values = np.random.default_rng(seed).standard_normal(6).astype(np.float32)
    changed = values.copy()
    changed[place] += 1
    assert same_values({"w": values}, {"w": jnp.asarray(values)})
    assert not same_values({"w": values}, {"w": changed})
    assert not same_values({"w": values}, {"v": values})
    assert not same_values(values, values.astype(np.float64))
    assert not same_values(values, values.reshape(2, 3))


# The shape check


def test_wrong_edges_are_all_reported_with_found_and_expected():
    models = [
        Model("narrow", X, F, linear(outputs=5)),
        Model("deep", F, F, linear(inputs=4)),
        Model("labels", X, Y, (lambda key: 0.0, lambda params, x: x.argmax(1))),
        Model("whole", X, F, lambda x: jnp.zeros((6,))),
        Model("half", X, X, lambda x: x.astype(jnp.float16)),
        Model("ends", X, P, lambda x: x),
        Model("pairs", X, P, lambda x: (x, x)),
        Model("text", X, X, lambda x: {"x": x}),
        Model("draws", X, F, lambda k: eqx.nn.Linear(4, 6, key=k)),
        Model("list", X, P, lambda x: [x, x[:, :3]]),
        Model("numpy", X, X, np.tanh),
        Model("init", X, F, (lambda key: 1 / 0, lambda params, x: x)),
    ]
    found = [text for model in models for text in messages(model)]
    expected = [
        "edge 'narrow': found float32 (batch, 5), expected float32 (batch, 6) of R^6 [shape]",
        "edge 'deep': Linear raised TypeError: ",
        "edge 'labels': found int32 (batch,), expected float32 (batch, 3) of {0..2}; a prediction",
        "edge 'whole': found float32 (6,), expected float32 (batch, 6) of R^6 [shape]",
        "edge 'half': found float16 (batch, 4), expected float32 (batch, 4) of R^4 [dtype]",
        "edge 'ends': found a ShapeDtypeStruct, expected a tuple of 2 arrays for R^4 × {0..2}",
        "edge 'pairs': factor 1: found float32 (batch, 4), expected float32 (batch, 3) of {0..2}",
        "edge 'text': found a dict, expected one array for R^4 [shape]",
        "edge 'draws': <lambda> raised ",
        "edge 'list': found a list, expected a tuple of 2 arrays for R^4 × {0..2} [shape]",
        "edge 'numpy': tanh turns its argument into a numpy array; use jax.numpy inside maps",
        "edge 'init': init raised ZeroDivisionError: division by zero [call]",
    ]
    assert len(found) == len(expected)
    for have, want in zip(found, expected, strict=True):
        assert have.startswith(want)
    assert "modules are called on one example" in found[1]
    assert "the leading axis counts examples" in found[8]
    assert "call its argument 'key'" in found[8]


def test_right_edges_pass():
    right = [
        Model("takes labels one-hot", Y, F, linear(inputs=3)),
        Model("from a pair", P, F, lambda x, y: jnp.concatenate([x, y[:, :2]], 1)),
        Model("to a pair", X, P, lambda x: (x, x[:, :3])),
        Model("random", X, X, lambda x, key: x + jax.random.normal(key, x.shape)),
        Model("fixed maps may emit labels", X, Y, lambda x: x.argmax(1)),
        Model("tokens", Space("T", (), dtype="int32"), F, eqx.nn.Embedding(9, 6, key=KEY)),
        Model("half", Space("H", 4, dtype="bfloat16"), Space("G", 2, dtype="bfloat16"), "mlp"),
    ]
    assert [model.failures() for model in right] == [[]] * len(right)


def test_the_batch_size_is_like_no_axis():
    """A map that transposes its batch must fail, though 3 would be the natural size to try."""
    square = Space("S", 3)
    assert Model("transpose", square, square, lambda x: x.T).failures() != []
    assert Model("per example", Space("A", 5), square, lambda x: x[:3]).failures() != []


def test_kinds_of_edges_without_architecture():
    data, x, y, p = DataSpace(), X.label, Y.label, P.label
    good = [(Map("projection"), data, x), (Map("factor", index=1), p, y), (Map("defined"), x, p)]
    assert [check_edge("e", *edge) for edge in good] == [[]] * 3
    bad = [
        (Map("projection"), x, x),
        (Map("projection"), data, data),
        (Map("factor", index=0), x, x),
        (Map("factor", index=2), p, x),
        (Map("factor", index=-1), p, y),
        (Map("factor", index=0), p, y),
        (Map("model", Registered("linear")), data, x),
    ]
    assert [[f.law for f in check_edge("e", *edge)] for edge in bad] == [["kind"]] * 7
    assert check_edge("e", Map("model", Unbound("it")), x, y) == []


def test_answers_are_remembered_by_label():
    calls = []

    def counted(x):
        calls.append(x)
        return x

    for name in "abc":
        assert Model(name, X, X, counted).failures() == []
    assert len(calls) == 1


def test_float64_is_refused_in_32_bits_and_checked_in_64():
    wide = Space("W", 3, dtype="float64")
    model = Model("f", wide, wide, "mlp", width=4)
    assert [f.law for f in model.failures()] == ["precision"] * 2
    assert "jax_enable_x64" in model.failures()[0].message
    with jax.enable_x64(True):
        assert model.failures() == []
        params = model.architecture.init(KEY, wide.label, wide.label)
        assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float64"}
        narrow = Model("g", wide, wide, lambda x: x.astype(jnp.float32))
        assert [f.law for f in narrow.failures()] == ["dtype"]
    assert model.failures() != []


def test_divergences_are_checked_against_spaces():
    def texts(divergence, space, representation=None):
        found = check_divergence("equation 'fit'", divergence, space.label, representation)
        return [str(failure) for failure in found]

    assert texts(X.label.divergence, X) == []
    assert texts(Y.label.divergence, Y, "label") == texts(Y.label.divergence, Y, "logits") == []
    assert texts(P.label.divergence, P, (None, "label")) == []
    assert "use cross_entropy" in texts(Divergence("kl"), Y, "label")[0]
    assert "equal shapes" in texts(Divergence("squared_error"), Y, "label")[0]
    assert "one floating cost" in texts(Divergence(lambda p, t: (p - t).sum()), X)[0]
    assert "raised ZeroDivisionError" in texts(Divergence(lambda p, t: 1 / 0), X)[0]


# Pairings


def test_pairings():
    both = Pairing("both", P, "pairs.X >> f", "pairs.Y")
    assert both == Pairing("both", P, "pairs.X >> f", "pairs.Y")
    assert both.label == Map("defined")
    assert str(both) == "both = <pairs.X >> f, pairs.Y>"
    assert eval(repr(both)) == both
    with raises(InvalidStructure, 1, 2, law="paths", where="Pairing 'both'"):
        Pairing("both", P, "f")
    with raises(InvalidStructure, "Space", "Product", law="product", where="Pairing 'both'"):
        Pairing("both", X, "f")


def test_models_and_pairings_are_told_apart_by_the_names_of_their_spaces():
    """Spaces are compared without names; what goes to other vertices is another value."""
    X, A = Space("X", 2), Space("A", 2)
    P, Q, R = Product("P", X, X), Product("Q", X, X), Product("P", A, X)
    assert P == Q == R
    assert len({Pairing("both", one, "f", "g") for one in (P, Q, R)}) == 3
    assert len({Model("f", one, X, "linear") for one in (P, Q, R)}) == 3
    assert Pairing("both", P, "f", "g") == Pairing("both", Product("P", X, X), "f", "g")
    assert Model("f", P, X, "linear") == Model("f", Product("P", X, X), X, "linear")
    with raises(InvalidStructure, law="space", where="Model 'f', source"):
        Model("f", X.label, A, "linear")
