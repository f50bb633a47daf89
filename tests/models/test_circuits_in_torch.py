"""Circuits as PyTorch modules, against the same circuits in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    argmax,
    argmin,
    copy,
    dropout,
    embed,
    lift,
    linear,
    norm,
    relu,
    scatter,
    sort,
    top_k,
)
from catlearn.arrays.kernels import KERNELS
from catlearn.errors import CatlearnError
from catlearn.lowering import to_torch
from catlearn.models.circuits import FUNCTIONS
from catlearn.zoo.architectures import gpt2_layer, rotary
from tests.models.test_circuits import CASES
from tests.trees import close

torch = pytest.importorskip("torch", reason="torch is not installed")
from catlearn.lowering.pytorch import FUNCTIONS as OTHERS  # noqa: E402

KEY = jax.random.key(0)


def tensors(tree):
    return jax.tree.map(lambda x: torch.from_numpy(np.array(x)), tree)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_jax(name):
    circuit, shapes, sizes = CASES[name]
    circuit = circuit.at_dom(*shapes)
    fn = cl.lower(circuit, sizes=sizes)
    rng = np.random.default_rng(0)
    types = [fn.circuit.apex.types[row] for row in fn.circuit.dom]
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    arrays = [x > 0 if kind == "B" else x for x, kind in zip(arrays, types, strict=True)]
    params = fn.init(KEY)
    module = to_torch(circuit, sizes, params)

    def loss(params):
        found = fn(params, *arrays)
        found = found if isinstance(found, tuple) else (found,)
        return sum(jnp.sum(jnp.where(jnp.isfinite(x), jnp.sin(x), 0.0)) for x in found), found

    (_, expected), gradient = jax.value_and_grad(loss, has_aux=True)(params)
    found = module(*map(torch.as_tensor, arrays))
    found = found if isinstance(found, tuple) else (found,)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        close(one.detach().numpy(), np.asarray(other), rtol=2e-5, atol=2e-6)
    if params:
        total = sum(torch.where(torch.isfinite(x), torch.sin(x), 0.0).sum() for x in found)
        total.backward()
        slopes = [np.asarray(one.grad) for one in module.tensors()]
        close(slopes, fn.values(gradient), rtol=2e-4, atol=1e-5)


def test_every_function_is_there():
    """Each kernel runs in both back ends, and each step has one function in each."""
    own = {"array", "arange", "constant", "indicator"}
    assert FUNCTIONS.keys() == OTHERS.keys() | own
    rearranging = {
        "contraction",
        "view",
        "concat",
        "dropout",
        "angle",
        "index",
        "start",
        "each",
        "last",
        "stack",
        "opaque",  # what it is, is given
        "function",
        "along",
    }
    assert KERNELS.keys() - rearranging <= FUNCTIONS.keys()


def test_parameters_go_both_ways():
    circuit = lift(norm("enc/ln", "[m]") >> linear("enc/Q", "m -> n", bias=True), "x")
    fn = cl.lower(circuit, sizes={"m": 3, "n": 2})
    params = fn.init(KEY)
    module = to_torch(circuit, {"m": 3, "n": 2}, params)
    names = {"enc.ln.gain", "enc.ln.shift", "enc.Q.weight", "enc.Q.bias"}
    assert set(module.state_dict()) == names
    close(module.tree(), params, rtol=0, atol=0)
    other = to_torch(circuit, {"m": 3, "n": 2})
    assert not torch.equal(other.enc.Q.weight, module.enc.Q.weight)
    other.load_state_dict(module.state_dict())
    close(other.tree(), params, rtol=0, atol=0)
    module.load_tree(jax.tree.map(jnp.zeros_like, params))
    assert all(not one.any() for one in module.state_dict().values())


def test_the_seed_of_torch_decides_where_parameters_start():
    starts = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        starts.append(to_torch(linear("A", "m -> n"), {"m": 3, "n": 2}).A.weight)
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


def test_equal_entries_are_chosen_in_order():
    """Oracle 21b."""
    circuit, x = top_k("[e -> k]", k=2), np.array([1.0, 3.0, 3.0, 3.0], "float32")
    for found in (cl.lower(circuit)({}, x), to_torch(circuit)(torch.tensor(x))):
        values, index = (np.asarray(one) for one in found)
        np.testing.assert_array_equal(values, [3, 3])
        np.testing.assert_array_equal(index, [1, 2])
    for circuit, sign, place in ((argmax("[e] -> "), 1, 1), (argmin("[e] -> "), -1, 1)):
        y = sign * x
        for one in (cl.lower(circuit)({}, y), to_torch(circuit)(torch.tensor(y))):
            assert int(one) == place


def test_entries_are_sorted_and_put_as_in_jax():
    x, index = np.array([2.0, 0.0, 2.0, 1.0], "float32"), np.array([1, 2, 1, 0])
    for circuit, given in ((sort("[x]"), [x]), (scatter("k, k -> e", at="e").at(e=4), [index, x])):
        found = to_torch(circuit)(*map(torch.tensor, given))
        close(jax.tree.map(np.asarray, tuple(found)), tuple(cl.lower(circuit)({}, *given)))


def test_rounds_of_a_block_are_a_loop():
    layer = linear("A", "m -> n", bias=True) >> relu
    circuit = layer.repeat("L", "layers")
    fn = cl.lower(circuit, sizes={"L": 3, "n": 4})
    params, x = fn.init(KEY), np.linspace(-1, 1, 4, dtype="float32")
    module = to_torch(circuit, {"L": 3, "n": 4}, params)
    close(module(torch.tensor(x)).detach().numpy(), np.asarray(fn(params, x)))
    module(torch.tensor(x)).sum().backward()
    expected = jax.grad(lambda params: fn(params, x).sum())(params)
    close([one.grad.numpy() for one in module.tensors()], fn.values(expected))


def test_norms_and_softmax_are_accumulated_in_a_wider_type():
    circuit = lift(norm("g", "[m]", kind="rms"), "x")
    x = torch.randn(4, 512).bfloat16()
    plain, wide = (
        to_torch(circuit, {"m": 512}, accumulate=a).bfloat16() for a in (None, "float32")
    )
    exact = to_torch(circuit, {"m": 512})(x.float())
    errors = [(module(x).float() - exact).abs().mean() for module in (plain, wide)]
    assert wide(x).dtype == torch.bfloat16
    assert errors[1] < errors[0]


def test_what_is_known_is_computed_in_full_and_meets_arrays_in_their_type(monkeypatch, mutants):
    turned = to_torch(rotary("x d", 10000.0))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2048, 4)).astype("float32"))
    exact, found = turned(x), turned(x.bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found - exact).abs().max() < 0.1
    with mutants("positions at 16 bits in PyTorch"):
        monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.bfloat16)
        assert (turned(x.bfloat16()) - exact).abs().max() > 1


def test_dropouts_are_for_training_and_draw_apart():
    drop = lift(dropout(0.5), "x")
    module, x = to_torch(copy(2) >> drop @ drop), torch.ones(64)
    one, other = module(x)
    assert set(one.tolist()) == {0.0, 2.0}
    assert not torch.equal(one, other)
    assert all(torch.equal(found, x) for found in module.eval()(x))


def test_a_block_is_trained():
    sizes = {"m": 8, "h": 2, "d": 4, "f": 16}
    module = to_torch(gpt2_layer(), sizes).double()
    x = torch.randn(5, 8, dtype=torch.float64)
    assert module(x).dtype == torch.float64
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = (module(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


def test_a_module_that_was_called_is_compiled_as_one_graph():
    module, x = to_torch(gpt2_layer(), {"m": 8, "h": 2, "d": 4, "f": 16}), torch.randn(5, 8)
    first = torch.compile(module, backend="eager")(x)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), first)
    assert torch.equal(module(x), first)


def imported(x, y):
    """Functions of each number, along axes, and of whole arrays."""
    factor = jnp.linalg.cholesky(jnp.einsum("bij,bkj->bik", x, x) + 3 * jnp.eye(3))
    chosen = jax.lax.cond(y.sum() > 0, jnp.sin, jnp.cos, y)
    return jnp.arctan(factor) ** 2.5, chosen, y > 0


def test_functions_of_jax_run_in_modules():
    """Oracle: JAX."""
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 1, shape).astype("float32") for shape in ((2, 3, 3), (4,))]
    circuit = cl.from_jax(imported, *arrays)
    kinds = {one.kernel.name for one in circuit.apex.operations}
    assert {"function", "along", "opaque"} <= kinds
    given = [torch.tensor(one, requires_grad=True) for one in arrays]
    module = to_torch(circuit)
    found = module(*given)
    expected = imported(*arrays)
    close([np.asarray(one.detach()) for one in found], [np.asarray(one) for one in expected])
    slopes = torch.autograd.grad(found[0].sum() + found[1].sum(), given)
    wanted = jax.grad(lambda *x: sum(map(jnp.sum, imported(*x)[:2])), (0, 1))(*arrays)
    close([*map(np.asarray, slopes)], [*map(np.asarray, wanted)], rtol=1e-4, atol=1e-5)
    kernels = [one.kernel for one in circuit.apex.operations if one.kernel.name == "along"]
    zeros = {one.option("label"): torch.zeros_like for one in kernels}
    assert not to_torch(circuit, opaque=zeros)(*given)[0].any()
    wide = module.double()(*(one.double() for one in given))
    assert [one.dtype for one in wide[:2]] == [torch.float64] * 2


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: to_torch(linear("A", "m -> n"), {"m": 2}), ["'A'", "n"]),
        (lambda: to_torch(linear("A", "m -> n"), {"m": 2, "n": 3}, {}), ["'A'", "missing"]),
        (lambda: to_torch(linear("forward", "m -> n"), {"m": 2, "n": 3}), ["'forward'"]),
        (lambda: to_torch(linear("A", "m -> n"), {"m": 2, "n": 3})(), ["takes 1", "0"]),
        (
            lambda: to_torch(cl.Circuit.parse(str(cl.from_jax(jnp.arctan, jnp.ones(3))))),
            ["'atan(_)'", "opaque="],
        ),
        (
            lambda: to_torch(embed("A", "V -> m"), {"V": 2, "m": 3}).load_tree(
                {"A": np.ones((3, 3))}
            ),
            ["'A'", "(2, 3)", "(3, 3)"],
        ),
    ],
)
def test_errors_name_what_is_wrong(call, names):
    with pytest.raises(CatlearnError) as caught:
        call()
    for name in names:
        assert name in str(caught.value)
