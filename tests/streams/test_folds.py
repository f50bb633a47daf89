"""Folds: derived from circuits, equal to them as numbers, whatever the blocks."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    copy,
    cumsum,
    einsum,
    idle,
    linear,
    logsumexp,
    maximum,
    relu,
    softmax,
    variance,
    where,
)
from catlearn.arrays.evaluation import evaluate
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName, WrongKind
from catlearn.formats import from_json, to_json
from catlearn.lowering import streamed
from catlearn.models import circuits
from catlearn.streams import Fold, StreamRefused, folding, stream, streamable
from tests.streams.programs import (
    FOLDS,
    REFUSED,
    apart,
    arrays,
    attention,
    both,
    cross_entropy_of_linear,
    nearest,
)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


X = cl.Space("X", 2)
LOSS = cl.LearningDiagram(cl.Dataset("d", X=X), cl.Model("f", X, X, "linear")).loss(
    ["d.X >> f = d.X"]
)


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_has_the_values_and_gradients_of_its_circuit(name, monkeypatch):
    monkeypatch.setattr(streamed, "SEVERAL", 1)  # sums are compensated
    monkeypatch.setattr(streamed, "SMALL", 0)
    circuit, variable, shapes, most = FOLDS[name]
    fold = stream(circuit, variable)
    assert len(fold.state) <= most
    assert not fold.check()
    xs = arrays(shapes)
    assert apart(both(cl.lower(fold, block=7), xs), both(cl.lower(circuit), xs)) < 1e-13


def test_outputs_of_two_rows_depend_on_the_references_of_both(mutants, monkeypatch):
    circuit, variable, shapes, _ = FOLDS["ratio of rows"]
    xs = arrays(shapes)
    with mutants("streams: what depends on references alike is taken to be of one row"):
        monkeypatch.setattr(folding, "_drops", lambda *of: True)
        made = both(cl.lower(stream(circuit, variable), block=7), xs)
        assert apart(made, both(cl.lower(circuit), xs)) > 1e-3


def curvature(fn, xs):
    """Return a product with the Hessian, by reverse passes alone, for the arrays that are real."""
    real = [x for x in xs if jnp.issubdtype(x.dtype, jnp.floating)]
    rest, every = xs[len(real) :], tuple(range(len(real)))

    def slope(*own):
        def total(*own):
            return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(fn({}, *own, *rest)))

        along = [jnp.cos(jnp.arange(x.size)).reshape(x.shape) for x in own]
        pairs = zip(jax.grad(total, every)(*own), along, strict=True)
        return sum(jnp.vdot(a, b) for a, b in pairs)

    return jax.jit(jax.grad(slope, every))(*real)


TWICE = {"centred twice": 1e-12, "sum as reference": 1e-12, "attention by hand": 1e-13,
         "cross-entropy": 1e-13, "gated": 1e-13, "variance": 1e-13}  # fmt: skip
"""States of references that depend on others, on sums and on a greatest entry, and of none."""


@pytest.mark.parametrize("name", TWICE)
def test_products_with_hessians(name):
    if name == "cross-entropy":
        circuit, variable, shapes = cross_entropy_of_linear, "v", [(6, 3), (20, 3)]
        more = [jnp.asarray(np.random.default_rng(1).integers(0, 20, size=6))]
    else:
        (circuit, variable, shapes, _), more = FOLDS[name], []
    fn, xs = cl.lower(stream(circuit, variable), block=10), [*arrays(shapes), *more]
    assert apart(curvature(fn, xs), curvature(cl.lower(circuit), xs)) < TWICE[name]


def test_a_loss_along_its_examples_keeps_one_block():
    """The mean squared loss of a network of two layers: gradients are accumulated."""
    circuit, variable, *_ = FOLDS["mean squared"]
    fns = cl.lower(stream(circuit, variable), block=256), cl.lower(circuit)
    shapes = (8192, 4), (4, 256), (256, 2), (8192, 2)
    xs, memory, gradients = [0.1 * x for x in arrays(shapes)], [], []
    for fn in fns:
        slope = jax.jit(jax.grad(lambda *xs, fn=fn: fn({}, *xs), (1, 2))).lower(*xs).compile()
        memory.append(slope.memory_analysis().temp_size_in_bytes)
        gradients.append(slope(*xs))
    assert apart(*gradients) < 1e-12
    assert memory[1] > 20 * memory[0]


def test_the_gradient_of_one_number_is_formed_with_it(mutants, monkeypatch):
    """Each block is formed once: there are as many products as without blocks."""
    circuit, variable, *_ = FOLDS["mean squared"]
    xs = arrays([(8, 4), (4, 6), (6, 2), (8, 2)])

    def products(fn):
        gradient = jax.value_and_grad(lambda *xs: fn({}, *xs), tuple(range(4)))
        return len(re.findall(r",\d+\] = dot_general", str(jax.make_jaxpr(gradient)(*xs))))

    def made():
        return cl.lower(stream(circuit, variable), block=4)

    assert products(made()) == products(cl.lower(circuit)) == 6
    assert stream(attention(), "x").total is None
    with mutants("streams: the gradient of one number forms its blocks again"):
        monkeypatch.setattr(Fold, "total", None)
        assert products(made()) > 6


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_fold_is_refused_with_the_box_that_is_in_the_way(name):
    circuit, variable, said, theorem = REFUSED[name]
    with pytest.raises(StreamRefused) as caught:
        stream(circuit, variable)
    assert said in str(caught.value)
    assert caught.value.theorem == theorem
    assert streamable(circuit)[variable] == str(caught.value)


@pytest.mark.parametrize("name", ["z", "mix/x", "softmax/q"])
def test_variables_that_are_not_there_are_refused_by_name(name):
    with pytest.raises(UnknownName) as caught:
        stream(attention(), name)
    assert repr(name) in str(caught.value)


def test_outputs_may_be_made_in_blocks():
    fold = stream(attention(), "x")
    assert isinstance(fold, Fold)
    xs = arrays([(2, 5, 3), (2, 20, 3), (2, 20, 4)])
    whole, parts = cl.lower(fold, block=20), cl.lower(fold, block=8, group={"h": 1, "q": 2})
    assert apart(both(parts, xs), both(whole, xs)) < 1e-14


def test_labels_are_a_sum_over_the_classes():
    fold = stream(cross_entropy_of_linear, "v")
    assert len(fold.state) == 3
    e, w = arrays([(6, 3), (20, 3)])
    labels = np.random.default_rng(1).integers(0, 20, size=6)
    fns = (cl.lower(fold, block=7), cl.lower(cross_entropy_of_linear))
    made = [
        jax.jit(jax.value_and_grad(lambda e, w, fn=fn: fn({}, e, w, labels), (0, 1)))(e, w)
        for fn in fns
    ]
    assert apart(*made) < 1e-14


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda c: stream(c, "x"), {"remat": True, "check": True, "streams": "auto"}),
        (lambda c: stream(c, "x"), {"stack": True, "opaque": {}}),
        (lambda c: c, {"group": {"q": 2}, "reverse": "checkpoint"}),
        (lambda c: c, {"block": 8}),
        (lambda c: c, {"precision": "bfloat16"}),
        (lambda c: LOSS, {"group": {"q": 2}, "sizes": {}}),
    ],
)
def test_options_that_cannot_be_said_of_what_is_lowered_are_listed(make, options):
    lowered = make(attention())
    with pytest.raises(WrongKind) as caught:
        cl.lower(lowered, **options)
    assert all(f"{name}=" in str(caught.value) for name in options)


def test_a_fold_is_called_with_a_key_as_circuits_are():
    fold, x = stream(maximum("[x] -> "), "x"), jnp.arange(4.0)
    assert cl.lower(fold)({}, x, key=jax.random.key(0)) == 3


def test_the_log_sum_exp_of_nothing_is_minus_infinity():
    circuit, some = logsumexp("b [v] -> b"), jnp.arange(6.0)
    x = jnp.stack([jnp.full(6, -jnp.inf), some, some.at[:4].set(-jnp.inf)])
    want, weights = jax.nn.logsumexp(x, axis=1), jax.nn.softmax(x[1:], axis=1)
    for one in (circuit, circuit.unfold(), stream(circuit, "v")):
        options = {"block": 4} if isinstance(one, Fold) else {}
        fn = cl.lower(one, **options)

        def total(x, fn=fn):
            made = fn({}, x)
            return made[1:].sum(), made

        slope, made = jax.jit(jax.grad(total, has_aux=True))(x)
        assert np.allclose(made, want)
        assert np.allclose(slope[1:], weights)
    assert np.allclose(evaluate(circuit, [x])[0], want)


def infinite_entries_are_those_of_the_circuit():
    """Whether values and gradients are, where rows have infinite entries in some blocks."""
    entries = jnp.array([*itertools.product((-jnp.inf, 0.0, 2.0, jnp.inf), repeat=3)])
    rows = jnp.sin(jnp.arange(80.0)) * jnp.ones((64, 1))
    rows = jnp.concatenate([rows, jnp.full_like(rows, -jnp.inf)]).at[:, [0, 5, 79]]
    x = rows.set(jnp.concatenate([entries, entries]))
    values = jnp.cos(jnp.arange(160.0)).reshape(80, 2)
    weighted = softmax("[v]") @ idle >> einsum("b v, v e -> b e")

    def found(fn, *rest):
        made, back = jax.vjp(lambda x: fn({}, x, *rest), x)
        return made, *back(jnp.ones_like(made))

    for circuit, rest in ((logsumexp("b [v] -> b"), []), (weighted, [values])):
        want = found(cl.lower(circuit), *rest)
        for block in (4, 7):  # sums are compensated in the first
            made = found(cl.lower(stream(circuit, "v"), block=block), *rest)
            if not all(np.allclose(*pair, equal_nan=True) for pair in zip(made, want, strict=True)):
                return False
    return True


def test_infinite_entries_are_those_of_the_circuit(mutants, monkeypatch):
    assert infinite_entries_are_those_of_the_circuit()
    with mutants("streams: a greatest entry of inf is subtracted from itself"):
        monkeypatch.setitem(circuits.FUNCTIONS, "shifted", lambda x, y: x - y)
        assert not infinite_entries_are_those_of_the_circuit()


def test_forward_mode_is_refused_with_the_option_that_has_it():
    circuit, variable, shapes, _ = FOLDS["gated"]
    fold, xs = stream(circuit, variable), arrays(shapes)
    fn, whole = cl.lower(fold, block=10), cl.lower(circuit)
    again = cl.lower(fold, block=10, reverse="checkpoint")

    def forward(fn):
        return jax.jvp(lambda *xs: fn({}, *xs), tuple(xs), tuple(xs))

    compiled = jax.jit(forward, static_argnums=0)
    for run in (forward, compiled):
        with pytest.raises(CatlearnError) as caught:
            run(fn)
        assert 'reverse="checkpoint"' in str(caught.value)
    assert apart(compiled(again), compiled(whole)) < 1e-13

    def over_reverse(fn):
        return jax.jvp(jax.grad(lambda x: jnp.sum(fn({}, x, *xs[1:]))), (xs[0],), (xs[0],))

    both = jax.jit(lambda: [over_reverse(one) for one in (fn, whole)])
    assert apart(*both()) < 1e-13  # over a reverse pass it is not


def test_of_equal_entries_the_first_is_the_least_across_blocks():
    x, centres = np.array([[0.0, 0], [0, 5]]), np.array([[0.0, 0], [1, 0], [-1, 0], [0, 0]])
    place, least = cl.lower(stream(nearest, "k"), block=2)({}, x, centres)
    assert place.tolist() == [0, 0]
    assert least.tolist() == [0, 0]


def test_the_gradient_of_a_greatest_entry_is_shared_by_equal_ones():
    greatest = maximum("[x] -> ")
    fn = cl.lower(stream(greatest, "x"), block=2)
    gradient = jax.grad(lambda s: fn({}, s))(jnp.array([1.0, 3, 3, 0, 3, 2]))
    np.testing.assert_allclose(gradient, [0, 1 / 3, 1 / 3, 0, 1 / 3, 0])


def test_the_greatest_entry_is_found_where_it_is_rounded_in_another_way(mutants, monkeypatch):
    greatest = maximum("[x] -> ")
    x, part = jnp.array([1.0, 3, -2, 0, 3 - 1e-9, 2]), streamed.FoldRun.part

    def again(run, name, arrays, block=0):
        found = part(run, name, arrays, block)
        return tuple(one * (1 - 3e-16) for one in found) if name == "terms" else found

    def share():
        return jax.jit(jax.grad(lambda x: cl.lower(stream(greatest, "x"), block=2)({}, x)))(x)

    monkeypatch.setattr(streamed.FoldRun, "part", again)
    np.testing.assert_allclose(share(), [0, 1, 0, 0, 0, 0])
    with mutants("streams: the greatest entry is found by its bits"):
        monkeypatch.setattr(streamed, "ROUNDING", 0)
        assert not jnp.allclose(share(), jnp.array([0.0, 1, 0, 0, 0, 0]))


def test_a_condition_that_hides_a_row_is_refused_before_anything_runs():
    hidden = attention(where("q x", "x < q"))
    fns = (cl.lower(stream(hidden, "x")), cl.lower(hidden, streams=["x"], block=2))
    for fn in fns:
        with pytest.raises(InvalidStructure):
            fn({}, *arrays([(1, 4, 2)] * 3))


LOOPED = ("attention by hand", "causal attention", "variance", "k-means")


@pytest.mark.parametrize("name", LOOPED)
def test_a_fold_is_a_circuit_with_a_scan(name):
    circuit, variable, shapes, _ = FOLDS[name]
    fold, xs = stream(circuit, variable), arrays(shapes)
    loop = fold.looped(5)
    assert from_json(to_json(loop)) == loop
    assert "over rounds" in str(loop)
    fns = cl.lower(loop), cl.lower(fold, block=5), cl.lower(circuit)
    made, blocks, whole = jax.jit(lambda *xs: [fn({}, *xs) for fn in fns])(*xs)
    assert apart(made, blocks) < 1e-14
    assert apart(made, whole) < 1e-13


def test_a_loop_has_whole_blocks():
    loop = stream(attention(), "x").looped(8)
    with pytest.raises(InvalidStructure):
        cl.lower(loop)({}, *arrays([(2, 5, 3), (2, 20, 3), (2, 20, 4)]))
    with pytest.raises(InvalidStructure):
        stream(attention(), "x").looped(0)


def test_a_fold_draws_its_loop_and_what_is_carried():
    fold = stream(attention(), "x")
    shown = fold._repr_mimebundle_()["image/svg+xml"]
    assert shown == cl.draw(fold).svg
    assert "carrying max[h q], sum[h q], sum[h q e]" in shown


def test_what_is_accumulated_is_named_by_its_variable_and_its_reference():
    rows = einsum("x d, y d -> x y") >> softmax("[y]")
    own = copy(3) >> rows @ idle >> einsum("x y, y d -> x d")
    largest, *sums = stream(own, "y").state
    assert "max_y" in largest
    assert [("sum_y" in one, one.split()[-1]) for one in sums] == [(True, "a0")] * 2
    assert "blocks of y, carrying" in cl.draw(stream(own, "y")).svg
    assert stream(variance("[x] ->"), "x").state[-1].endswith("R(a0, a1)")


def test_what_is_accumulated_is_of_inputs_parameters_and_earlier_sums():
    layer = linear("A", "m -> f") >> relu >> linear("B", "f -> n")
    assert stream(layer, "f").state == ("a0[n] = sum_f relu B",)
    twice = stream(cumsum("[t]") >> cumsum("[t]"), "t").state
    assert [one.partition("= ")[2] for one in twice] == ["sum_t in0", "sum_t cumsum"]


def test_small_arrays_of_a_state_go_round_as_one(mutants, monkeypatch):
    fold, stacks = stream(logsumexp("b [v] -> b"), "v"), streamed.Stacks

    def carried():
        run = cl.lower(fold, block=2)
        loop = str(jax.make_jaxpr(lambda x: run({}, x))(jnp.ones((2, 8))))
        return [len(made.split()) for made in re.findall(r"((?:\w+:\S+ )+)= scan\[", loop)]

    assert carried() == [1]
    with mutants("streams: each array of a state goes round by itself"):
        monkeypatch.setattr(streamed, "Stacks", lambda arrays, read: stacks(arrays, ()))
        assert carried() == [2]
