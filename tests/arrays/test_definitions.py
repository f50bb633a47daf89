"""Definitions of kernels: as circuits, as numbers, and what may not be one."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import special

from catlearn.arrays import (
    Circuit,
    absolute,
    argmax,
    argmin,
    attention,
    compose,
    copy,
    cross_entropy,
    cumsum,
    dropout,
    einsum,
    elementwise,
    embed,
    exp,
    gelu,
    idle,
    lift,
    linear,
    logsumexp,
    maximum,
    minimum,
    norm,
    permute,
    programmed,
    reciprocal,
    residual,
    silu,
    softmax,
    traced,
    variance,
)
from catlearn.arrays.definitions import DEFINITIONS
from catlearn.arrays.evaluation import evaluate
from catlearn.errors import CatlearnError, InvalidStructure, PathSyntaxError
from catlearn.laws import array_circuits
from catlearn.models.circuits import LoweredCircuit
from catlearn.zoo.architectures import gpt2_layer, llama_layer, mamba_layer, mixtral_layer
from tests.arrays.refutation import same_values

DEFINED = {
    "softmax": softmax("[y]"),
    "softmax of two axes": softmax("[y] a [z]"),
    "logsumexp": logsumexp("a [y] b -> b a"),
    "layer norm": norm("g", "[m]", eps=0.1),
    "rms norm": norm("g", "[m] n", kind="rms", eps=0.1),
    "silu": silu,
    "gelu": gelu(),
    "gelu by tanh": gelu("tanh"),
    "sums": cumsum("a [y] b"),
}


def kernels(circuit: Circuit) -> set[str]:
    return {operation.kernel.name for operation in circuit.apex.operations}


@pytest.mark.parametrize("name", DEFINED)
def test_a_definition_is_its_kernel(name):
    circuit = DEFINED[name]
    made = circuit.unfold()
    assert kernels(circuit) & {*DEFINITIONS}
    assert not kernels(made) & {*DEFINITIONS}
    assert same_values(circuit, made)
    assert made != circuit
    assert made == made.unfold()
    assert Circuit.parse(str(made)) == made
    assert not made.failures()
    assert lift(circuit, "n").unfold() == lift(made, "n")


def test_gradients_of_definitions():
    def total(circuit, x):
        run = LoweredCircuit(circuit.at_dom(x.shape))
        return jnp.sum(jnp.sin(run(run.init(jax.random.key(1), x.dtype), x)))

    def every(x, change):
        ranks = {c: len(c.apex.lists["axes"].row(c.dom[0])) for c in DEFINED.values()}
        return [total(change(c), x[(0,) * (x.ndim - rank)]) for c, rank in ranks.items()]

    with jax.enable_x64():
        x = jax.random.normal(jax.random.key(3), (2, 3, 4), float)
        x = x.at[0, 1].set(x[0, 2])  # of equal entries
        changes = (lambda c: c, Circuit.unfold)
        both = jax.jacobian(lambda x: jnp.stack([jnp.stack(every(x, one)) for one in changes]))
        one, other = jax.jit(both)(x)
    assert np.allclose(one, other, 1e-11, 1e-11)
    assert np.all(np.abs(one).sum((1, 2, 3)) > 0.01)


@settings(max_examples=25)
@given(st.data())
def test_unfolding_is_a_functor(data):
    one = data.draw(array_circuits(1))
    other = data.draw(array_circuits(after=one))
    both = one >> other
    assert both.unfold() == one.unfold() >> other.unfold() == both.unfold().unfold()
    assert (one @ other).unfold() == one.unfold() @ other.unfold()
    assert not kernels(both.unfold()) & {*DEFINITIONS}
    assert not both.unfold().failures()


CLASSES = """sizes d
axes h = 2
x1[hd]: N1<v>
a1[]: R = constant(value=1.0)
a2[h d]: N1<v> = view(x1[|d|*h+d]) with hd relations hd = d*h
a3[h d v]: R = view(a1[] where v <= a2[h d] and a2[h d] <= v, a2) as "one_hot"
return a3
"""


def test_sizes_that_are_open_are_the_same_in_both():
    """No shape of an input says how many classes there are."""
    circuit = Circuit.parse(CLASSES)
    assert same_values(circuit, circuit.unfold())


@settings(max_examples=25)
@given(array_circuits(random=False, declared=False), st.integers(0, 5))
def test_unfolded_circuits_have_the_same_values(circuit, seed):
    assert same_values(circuit, circuit.unfold(), seed)


GALLERY = {
    "llama": (llama_layer, {"m": 3, "g": 2, "q": 1, "d": 2, "f": 3}, (3, 3)),
    "mixtral": (mixtral_layer, {"m": 2, "g": 1, "q": 2, "d": 2, "f": 2, "e": 3, "k": 2}, (2, 2)),
    "mamba": (mamba_layer, {"m": 2, "f": 3, "s": 2, "r": 2}, (3, 2)),
    "gpt2": (gpt2_layer, {"m": 3, "h": 2, "d": 2, "f": 3}, (3, 3)),
}


@pytest.mark.parametrize("name", GALLERY)
def test_layers_of_the_gallery_unfold(name):
    make, sizes, shape = GALLERY[name]
    circuit = make().at_dom(shape).at(sizes)
    made = circuit.unfold()
    assert not kernels(made) & {*DEFINITIONS}
    assert made.parameters == circuit.parameters
    assert same_values(circuit, made)


@traced("x y")
def by_hand(s):
    e = exp(elementwise("add", pattern="x y, x -> x y")(s, -maximum("x [y] -> x")(s)))
    return einsum("x y, x -> x y")(e, reciprocal(einsum("x y -> x")(e)))


def test_softmax_by_hand():
    box = lift(softmax("[y]"), "x")
    assert box.equal(by_hand, unfold=True).name == "Equal"
    assert box.equal(by_hand).name == "NotEqual"


@pytest.mark.parametrize("function", [jnp.tanh, np.tanh, math.tanh, lambda x: x**3, lambda x: x[0]])
def test_functions_of_other_libraries_are_refused_with_the_operations(function):
    with pytest.raises(CatlearnError) as error:
        traced("x m")(function)
    assert all(name in str(error.value) for name in ("tanh", "softmax", "einsum", "attention"))
    assert "lazy_loader" not in str(error.value)


def test_powers_and_absolute_values_of_traced_arrays():
    made = traced("m")(lambda x: (abs(x) ** 0.5 + np.float32(1)) ** -1 - 1 / x**2)
    x = np.array([1.0, -4.0])
    assert np.allclose(evaluate(made, [x]), [1 / (np.abs(x) ** 0.5 + 1) - 1 / x**2])


def test_names_say_which_kernels_are_unfolded():
    circuit = softmax("[m]") >> norm("g", "[m]")
    assert kernels(circuit.unfold("softmax")) & {*DEFINITIONS} == {"norm"}
    assert circuit.unfold(["norm", "softmax"]) == circuit.unfold()
    assert circuit.unfold([]) == circuit
    with pytest.raises(InvalidStructure):
        circuit.unfold(["relu", "sofmax"])


def drawn(program):
    """List how boxes draw, with their addresses, also those of rounds."""
    inner = [step.options[-1].body for step in program.steps if step.name == "loop"]
    own = [step.options for step in program.steps if step.name == "dropout"]
    return own + [one for body in inner for one in drawn(body)]


def test_all_else_stays():
    layer = residual(norm("ln", "[m]") >> linear("A", "m -> n", n="m") >> dropout(0.5) >> silu)
    circuit = compose(layer.block("first"), dropout(0.2)).repeat(2, "layers").at(m=3)
    made = circuit.unfold()
    assert made.parameters == circuit.parameters
    assert made.apex.column("title") == circuit.apex.column("title")
    assert drawn(programmed(made)) == drawn(programmed(circuit))
    assert len(drawn(programmed(made))) == 2


def test_boxes_read_where_the_box_did():
    circuit = permute("y x -> x y") >> softmax("[y]")
    text = (
        str(lift(softmax("[y]"), "x"))
        .replace("x1[x y]:", "x1[y x]:")
        .replace("(x1[x y]", "(x1[y x]")
    )
    read = Circuit.parse(text)
    assert same_values(read, circuit)
    assert same_values(read.unfold(), circuit)
    masked = Circuit.parse(text.replace("(x1[y x])", "(x1[y+1 x] where y <= x else -2)"))
    assert same_values(masked, masked.unfold())
    assert not same_values(masked, read)
    assert kernels(masked.unfold()) - kernels(read.unfold()) == {"view"}


WRONG = {
    "another sign": (
        "softmax",
        "d[{all}]: R = add(x[{given}], n[{kept}])",
        "z[{all}]: R = neg(x[{given}])\nd[{all}]: R = add(z[{all}], n[{kept}])",
    ),
    "divided by the greatest": ("softmax", "contraction(e[{all}])", "max(e[{all}])"),
    "of each number": ("softmax", "reciprocal(s[{kept}])", "neg(s[{kept}])"),
    "not a sum of powers": ("logsumexp", "exp(d[{all}])", "exp(x[{given}])"),
    "eps outside of the root": (
        "norm",
        "r[{kept}]: R = sqrt(w[{kept}])",
        "q[{kept}]: R = sqrt(v[{kept}])\nr[{kept}]: R = add(q[{kept}], e[])",
    ),
    "centred at the greatest": ("norm", "contraction(x[{given}]) scale {mean}", "max(x[{given}])"),
    "relu": ("silu", "mul(x[{given}], s[{all}])", "relu(x[{given}])"),
}


def replaced(kernel, old, new):
    """A definition with other text in place of some of its."""
    found = DEFINITIONS[kernel]
    if isinstance(found, str):
        assert old in found
        return found.replace(old, new)
    return {name: text.replace(old, new) for name, text in found.items()}


NORMAL = np.random.default_rng(0).normal(size=(3, 4, 5))
LABELS = np.full((3, 4), 2)
SCORES = np.einsum("xhd,yhd->hxy", NORMAL, NORMAL) / np.sqrt(5)
WEIGHTS = special.softmax(np.where(np.tri(3) > 0, SCORES, -np.inf), -1)
ATTENDED = np.einsum("hxy,yhe->xhe", WEIGHTS, NORMAL)
TIES = np.array([[2.0, -1.0, 3.0, -1.0], [3.0, 3.0, 3.0, 3.0]])


@pytest.mark.parametrize(
    ("circuit", "arrays", "expected"),
    [
        (minimum("[x] -> "), [NORMAL], NORMAL.min(-1)),
        (argmin("[x] -> "), [TIES], [1, 0]),
        (argmax("[x] y -> y"), [TIES], [1, 1, 0, 1]),
        (cumsum("[x] y"), [NORMAL], NORMAL.cumsum(1)),
        (cumsum("[x]"), [np.array([1.0, 2.0, -np.inf, 3.0])], [1.0, 3.0, -np.inf, -np.inf]),
        (absolute, [TIES], np.abs(TIES)),
        (variance("[x] y -> y"), [NORMAL], NORMAL.var(1)),
        (logsumexp("[x y] -> "), [NORMAL], special.logsumexp(NORMAL, (1, 2))),
        (cross_entropy("[v]"), [NORMAL, LABELS], -special.log_softmax(NORMAL, -1)[..., 2]),
        (attention("x h d, y h d, y h e -> x h e", "y <= x"), [NORMAL] * 3, ATTENDED),
    ],
)  # fmt: skip
def test_operations_of_other_libraries(circuit, arrays, expected):
    circuit = circuit.at_dom(*map(np.shape, arrays))
    with jax.enable_x64(), jax.disable_jit():
        assert np.allclose(LoweredCircuit(circuit)({}, *arrays), expected, 1e-12, 1e-12)
    with np.errstate(all="ignore"):
        for made in (circuit, circuit.unfold()):
            assert np.allclose(evaluate(made, arrays)[0], expected, 1e-12, 1e-12)
    assert Circuit.parse(str(circuit)) == circuit


def test_places_are_indices_of_their_axis():
    rows = argmax("[v] -> ") >> embed("T", "v -> m")
    assert rows.at(v=4, m=3).counts().active == 3
    chosen = linear("gate", "m -> e") >> argmax("[e] -> ")
    routed = compose(copy(2), chosen @ idle, linear("w", ", m -> f", at="e"))
    counts = routed.at(m=2, e=4, f=3).counts()
    assert (counts.parameters, counts.active) == (8 + 24, 8 + 6)
    with pytest.raises(InvalidStructure):
        linear("A", "m -> e", e=5) >> argmax("[e] -> ") >> embed("T", "v -> m", v=4)


def test_places_are_along_one_axis():
    text = str(argmin("[x] y z -> y z"))
    with pytest.raises(InvalidStructure):
        Circuit.parse(text.replace("a1[y z]", "a1[z]"))
    with pytest.raises(PathSyntaxError):
        argmin("[x y] -> ")
    with pytest.raises(PathSyntaxError):
        cumsum("[x y]")


def test_of_no_axes_the_greatest_entry_is_the_entry():
    for make in (maximum, minimum, logsumexp):
        steps = programmed(make("m -> m").at_dom((3,))).steps
        assert not steps


def test_sums_up_to_each_are_linear():
    scaled = einsum("m -> m", scale=3)
    one, other = (scaled >> cumsum("[m]")).unfold(), (cumsum("[m]") >> scaled).unfold()
    assert one.equal(other).name == "Equal"
    assert one.equal(cumsum("[m]").unfold()).name == "NotEqual"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_definitions_are_rejected(name, monkeypatch):
    kernel, *texts = WRONG[name]
    monkeypatch.setitem(DEFINITIONS, kernel, replaced(kernel, *texts))
    tried = [c for c in DEFINED.values() if kernel in kernels(c)]
    assert not all(same_values(c, c.unfold()) for c in tried)


def test_a_definition_without_the_greatest_is_another_circuit(monkeypatch):
    circuit = DEFINED["softmax"]
    known = circuit.unfold()

    bare = replaced("softmax", "exp(d[{all}])", "exp(x[{given}])")
    monkeypatch.setitem(DEFINITIONS, "softmax", bare)
    assert same_values(circuit, circuit.unfold())
    assert circuit.unfold() != known
    assert circuit.unfold().equal(known).name == "NotEqual"
