"""Losses as circuits: the values and gradients of the lowered loss, its listing and its counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import Size, dropout, embed, linear, relu
from catlearn.errors import CatlearnError
from catlearn.lowering import loss_circuit

KEY = jax.random.key(0)
X, F, Y, Z = cl.Space("X", 6), cl.Space("F", 4), cl.Categorical("Y", 3), cl.Categorical("Z", 5)
FF = cl.Product("FF", F, F)
rng = np.random.default_rng(1)
DATA = cl.Dataset("d", X=X, Y=Y, Z=Z, F=F)
BATCH = {
    "d": {
        "X": rng.normal(size=(9, 6)).astype("float32"),
        "F": rng.normal(size=(9, 4)).astype("float32"),
        "Y": rng.integers(0, 3, 9),
        "Z": rng.integers(0, 5, 9),
    }
}
ENCODER = cl.Model(
    "encoder", X, F, linear("A", "m -> h", bias=True) >> relu >> linear("B", "h -> k"), h=5
)
HEAD, OTHER = (
    cl.Model(name, F, space, linear("A", "m -> h") >> linear("B", "h -> k"), h=h)
    for name, space, h in (("head", Y, 2), ("other", Z, 3))
)
PLAIN = cl.Model("plain", F, Y, "linear")
BACK = cl.Model("back", F, X, linear("C", "m -> k"))


def two_gaussians():
    both = cl.Pairing("both", FF, "encoder", "mean")
    second = cl.Model("mean", X, F, linear("D", "m -> k"))
    target = cl.Pairing("target", FF, "second", "encoder")
    third = cl.Model("second", X, F, "linear")
    fit = cl.Equation("d.X >> both = d.X >> target", divergence="gaussian_kl")
    return cl.LearningDiagram(DATA, F, FF, ENCODER, second, third, both, target,
                              equations={"fit": fit})  # fmt: skip


def diagram(*models, **equations):
    read = {name: cl.Equation(*one) if isinstance(one, tuple) else one
            for name, one in equations.items()}  # fmt: skip
    return cl.LearningDiagram(DATA, *models, equations=read)


CASES = {
    "squared error": diagram(ENCODER, fit="d.X >> encoder = d.F"),
    "cross-entropy": diagram(ENCODER, HEAD, fit="d.X >> encoder >> head = d.Y"),
    "several tasks with weights": diagram(
        ENCODER, HEAD, OTHER, BACK,
        one=cl.Equation("d.X >> encoder >> head = d.Y", weight=0.3),
        two=cl.Equation("d.X >> encoder >> other = d.Z", weight=2.0),
        three="d.X >> encoder >> back = d.X",
    ),
    "a model that is no circuit": diagram(ENCODER, PLAIN, fit="d.X >> encoder >> plain = d.Y"),
    "logits against logits": diagram(
        ENCODER, HEAD, PLAIN,
        fit=cl.Equation("d.X >> encoder >> head = d.X >> encoder >> plain", stop="rhs"),
    ),
    "distillation": diagram(
        ENCODER, HEAD, PLAIN,
        fit=cl.Equation("d.X >> encoder >> head = d.X >> encoder >> plain",
                        divergence=cl.Divergence("kl", temperature=2.0)),
    ),
    "a divergence that is not known": diagram(
        ENCODER, fit=cl.Equation("d.X >> encoder = d.F", divergence="huber")
    ),
    "equations that train": diagram(
        ENCODER, HEAD,
        one=cl.Equation("d.X >> encoder >> head = d.Y", trains={"head": 1.0}),
        two=cl.Equation("d.F >> head = d.Y", trains={"head": -0.5}),
        three=cl.Equation("d.X >> encoder >> head = d.Y", trains={"encoder": -1.0, "head": 0.5}),
    ),
    "labels are looked up": diagram(
        cl.Model("table", Y, F, embed("E", "V -> m")), fit="d.Y >> table = d.F"
    ),
    "labels are vectors": diagram(
        cl.Model("table", Y, F, linear("E", "y -> m")), fit="d.Y >> table = d.F"
    ),
    "scores are looked up where they are greatest": diagram(
        HEAD, cl.Model("table", Y, F, embed("E", "V -> m")), fit="d.F >> head >> table = d.F"
    ),
    "pairs": two_gaussians(),
    "a batch against itself": diagram(
        ENCODER, fit=cl.Equation("d.X >> encoder = d.F", divergence="info_nce")
    ),
    "one side of a batch": diagram(
        ENCODER,
        fit=cl.Equation("d.X >> encoder = d.F",
                        divergence=cl.Divergence("info_nce", symmetric=False, temperature=0.5)),
    ),
}  # fmt: skip


def both(loss):
    """Return value and gradient of the lowered loss, and of the circuit of the loss."""
    fn, found = cl.lower(loss, stack=False), loss_circuit(loss)
    params, state = fn.init(KEY)
    own = found.lower()

    def by_circuit(p):
        return own(*found.arguments(p, state, BATCH))

    return [
        jax.jit(jax.value_and_grad(f))(params)
        for f in (lambda p: fn(p, state, BATCH, train=False)[0], by_circuit)
    ]


def assert_close(one, other):
    for x, y in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_circuit_of_a_loss_computes_the_lowered_loss(name):
    loss = CASES[name].loss()
    assert_close(*both(loss))
    circuit = loss_circuit(loss).circuit
    assert not circuit.failures()
    assert cl.Circuit.parse(str(circuit)) == circuit


def test_another_stop_is_another_gradient():
    """The mutant: the circuit of the loss without the stop has the value, and not the gradient."""
    D = CASES["logits against logits"]
    free = diagram(ENCODER, HEAD, PLAIN, fit="d.X >> encoder >> head = d.X >> encoder >> plain")
    (value, slope), _ = both(D.loss())
    _, (other, wrong) = both(free.loss())
    np.testing.assert_allclose(value, other, rtol=1e-5)
    assert not np.allclose(slope["encoder"]["A"], wrong["encoder"]["A"], atol=1e-4)


def test_counts_are_sums():
    """A loss counts what its edges do for each example, and what its divergences do."""
    D = CASES["several tasks with weights"]
    counts = loss_circuit(D.loss()).circuit.counts()
    edges = [D.zoom(edge).counts() for edge in D.trainable]
    assert counts.parameters == sum(one.parameters for one in edges)
    assert counts.multiply_adds == Size.of("d") * sum(one.multiply_adds for one in edges)


def test_what_is_not_known_is_opaque():
    found = loss_circuit(CASES["a model that is no circuit"].loss())
    assert list(found.opaque) == ["model plain"]
    assert loss_circuit(CASES["cross-entropy"].loss()).opaque == {}
    with pytest.raises(CatlearnError) as caught:
        cl.lower(found.circuit)
    assert "model plain" in str(caught.value)
    assert found.circuit != loss_circuit(CASES["cross-entropy"].loss()).circuit


def test_random_edges_draw_where_there_is_a_key():
    drop = cl.Model("drop", X, F, linear("A", "m -> k") >> dropout(0.5))
    sample = cl.Model("sample", FF, F, "gaussian_sample")
    pair = cl.Pairing("pair", FF, "drop", "drop")
    loss = cl.LearningDiagram(DATA, drop, FF, sample, pair,
                              equations="d.X >> pair >> sample = d.F").loss()  # fmt: skip
    found = loss_circuit(loss)
    random = [one.kernel.name for one in found.circuit.apex.operations
              if not one.kernel.entry.deterministic]  # fmt: skip
    assert sorted(random) == ["dropout", "opaque"]
    params, state = cl.lower(loss).init(KEY)
    arguments = found.arguments(params, state, BATCH)
    values = [float(found.lower()(*arguments, key=jax.random.key(k))) for k in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_frozen_models_and_other_aggregators():
    encoder = cl.Model(
        "encoder",
        X,
        F,
        ENCODER.architecture,
        start={"A": jnp.ones((6, 5)), "A.bias": jnp.ones(5), "B": jnp.ones((5, 4))},
    )
    D = diagram(encoder.freeze(), HEAD, one="d.X >> encoder >> head = d.Y", two="d.F >> head = d.Y")
    assert_close(*both(D.loss(aggregator="max")))


def test_frozen_models_draw_nothing():
    """With a key too; the mutant, the same model unfrozen, is another loss for each key."""
    start = {"A": jnp.ones((6, 5)), "B": jnp.ones((5, 4))}
    drop = linear("A", "m -> h") >> dropout(0.5) >> linear("B", "h -> k") >> dropout(0.5)
    model = cl.Model("encoder", X, F, drop, start=start, h=5)
    for one in (model.freeze(), model):
        loss = diagram(one, HEAD, fit="d.X >> encoder >> head = d.Y").loss()
        params, state = cl.lower(loss).init(KEY)
        found = loss_circuit(loss)
        assert not found.circuit.failures()
        fn, arguments = found.lower(), found.arguments(params, state, BATCH)
        values = {float(fn(*arguments, key=key)) for key in (None, *jax.random.split(KEY, 2))}
        assert fn.is_random == (one is model)
        assert len(values) == (3 if one is model else 1)
        if one is not model:
            lowered = cl.lower(loss)(params, state, BATCH, key=KEY, train=True)[0]
            np.testing.assert_allclose(values.pop(), lowered, rtol=1e-5)


def test_it_is_drawn():
    assert (
        "encoder" in cl.draw(loss_circuit(CASES["a model that is no circuit"].loss()).circuit).svg
    )
