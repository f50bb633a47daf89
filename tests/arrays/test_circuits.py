"""Circuits of arrays: alignment, lifting, sizes and equality, with known answers."""

import copy as copying
import math
import pickle
from dataclasses import replace

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    Kernel,
    add,
    angles,
    compose,
    concat,
    constant,
    conv,
    copy,
    discard,
    dropout,
    einsum,
    embed,
    exp,
    gain,
    gelu,
    idle,
    lift,
    linear,
    masks,
    mean,
    mul,
    norm,
    one_hot,
    parameter,
    permute,
    pool,
    programs,
    read_scalar,
    relu,
    residual,
    scatter,
    shift,
    silu,
    softmax,
    sort,
    stop,
    swap,
    take,
    tensor,
    top_k,
    traced,
    view,
    where,
)
from catlearn.arrays.boxes import Draft
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.programs import programmed
from catlearn.errors import CatlearnError, InvalidStructure, NotComposable, PathSyntaxError
from catlearn.zoo.architectures import attention


def parts(circuit):
    H = circuit.apex
    used = dict.fromkeys(H.lists["axes"].values.tolist())
    return len(used), H.size("Wire") - len(circuit.parameters), H.size("Box")


# Alignment


def test_alignment_identifies_axes_and_nothing_else():
    """Oracle 1: queries and keys meet a contraction; the two h are one, and so are the two d."""
    free = lift(linear("Q", "m -> h d"), "q") @ lift(linear("K", "m -> h d"), "x")
    whole = free >> einsum("q h d, x h d -> h q x")
    assert parts(whole) == (6, 5, 3)
    assert whole.apex.array_text(whole.cod[0]) == "R[h q x]"


def test_parameters_of_one_name_are_one():
    A, B = linear("A", "m -> n"), linear("B", "k -> l")
    assert parts(A @ A)[0] == 2
    assert len((A @ A).parameters) == 1
    assert parts(A @ B)[0] == 4
    assert len((A @ B).parameters) == 2


def test_self_attention_has_one_axis_twice():
    """Oracle 2: four parameters; the scores have one axis twice, under two variables."""
    f = attention(causal=True)
    assert repr(f) == "Circuit(R[x m#2] -> R[x m])"
    assert list(f.parameters) == ["Q", "K", "V", "O"]
    H = f.apex
    (box,) = (k for k, one in enumerate(H.operations) if one.kernel.name == "softmax")
    h, x, y = H.lists["axes"].row(H.sides[0][box][0]).tolist()
    assert x == y != h
    g = copy(2) >> idle @ permute("i j -> j i") >> add
    (row,) = g.dom
    assert len(set(g.apex.lists["axes"].row(row).tolist())) == 1
    x = np.arange(9.0).reshape(3, 3)
    assert np.array_equal(evaluate(g, [x])[0], x + x.T)


def test_sizes_that_differ_are_refused_with_both_axes():
    """Oracle 3."""
    one, other = linear("V", "m -> h k", h=4, k=20), linear("O", "h d -> m", h=4, d=16)
    with pytest.raises(NotComposable) as caught:
        one >> other
    (failure,) = caught.value.failures
    for name in ("linear 'V'", "axis k", "20", "linear 'O'", "axis d", "16"):
        assert name in str(failure)


def test_declared_sizes():
    """Oracle 3: two declared symbols differ, unless a number or a relation says otherwise."""
    to_m, to_n = linear("A", "a -> m"), linear("B", "b -> n")
    with pytest.raises(NotComposable):
        to_m @ to_n >> add
    with_d = linear("A", "a -> d") @ linear("B", "b -> d") >> add
    meets = linear("C", "c -> e", e=16)
    whole = with_d @ meets >> add
    assert whole.apex.size_of(whole.apex.lists["axes"].row(whole.cod[0])[0]).number == 16
    assert whole.parameters["A"][1].number == 16


def test_numbers_are_put_in_before_symbols_meet():
    """Declared m, n: (m >> n) >> 16 is an error, m >> (n >> 16) is 16, and so is all at once."""
    m, n, sixteen = linear("A", "a -> m"), through("n"), through("k", k=16)
    with pytest.raises(NotComposable):
        (m >> n) >> sixteen
    late = m >> (n >> sixteen)
    assert late == compose(m, n, sixteen)
    assert late.parameters["A"][1].number == 16


def through(letter, **sizes):
    """A map between arrays whose axis has a declared size on both sides."""
    there = linear(f"W{letter}", f"{letter}' -> {letter}", **sizes)
    return residual(view(f"{letter} -> {letter} {letter}'", **{f"{letter}'": 3}) >> there >> mean(
        f"[x] {letter} -> {letter}"
    ))  # fmt: skip


def test_splits_and_bounds():
    """Oracle 4."""
    split = view("(h d) -> h d", h=12)
    assert str(split.axes["hd"]) == "12*d"
    assert split.at_dom((768,)).axes["d"].number == 64
    with pytest.raises(InvalidStructure) as caught:
        split.at(d=65).at({"hd": 768})
    assert "768" in str(caught.value)
    assert "780" in str(caught.value)
    table = shift("wpe", "c m", at="x", c=1024)
    assert table.at(x=12).axes["x"].number == 12
    with pytest.raises(InvalidStructure) as caught:
        table.at(x=1025)
    assert "1025" in str(caught.value)
    assert "1024" in str(caught.value)
    window = view("2*y+a-1 -> y a", a=3, pad=(1, 1))
    assert window.at_dom((7,)).axes["y"].number == 4
    assert window.at_dom((8,)).axes["y"].number == 4
    open_ = view("2*y+a -> y a")
    assert open_.at(a=2).at_dom((6,)).axes["y"].number == 3


# Lifting


def test_components_are_lifted_apart():
    """Oracle 5: interchange with different lifts."""
    A, B, C = linear("A", "m -> n"), linear("B", "n -> p"), linear("C", "k -> l")
    assert (A @ C) >> (B @ relu) == (A >> B) @ (C >> relu)


def test_nothing_is_repeated_silently():
    """Oracle 6."""

    def sums(*axes):
        return traced(*axes)(lambda a, b: a + b)

    for axes in (("x m", "m"), ("m", "x m")):
        with pytest.raises(NotComposable) as caught:
            sums(*axes)
        (failure,) = caught.value.failures
        assert failure.law == "lifting"
        assert failure.where == "R[m]"
    assert repr(sums("x m", "x m")) == "Circuit(R[x m], R[x m] -> R[x m])"
    repeated = traced("x m", "m")(lambda a, b: a + view("m -> x m")(b))
    assert repr(repeated) == "Circuit(R[x m], R[m] -> R[x m])"
    f = copy(2) >> view("m -> k m") @ idle
    whole = f >> softmax("[m]") @ einsum("n m -> n")
    assert repr(whole).startswith("Circuit(R[")
    assert [text.count(" ") + 1 for text in whole.shapes((*whole.dom, *whole.cod))] == [2, 3, 1]


def test_what_no_input_reaches_is_not_repeated():
    draft = linear("p", "m -> n")
    weight = Circuit.of(draft.apex, (), (next(
        row for row, name in enumerate(draft.apex.attributes["name"]) if name == "p"
    ),))  # fmt: skip
    with pytest.raises(NotComposable) as caught:
        weight >> softmax("[a] b c")
    assert "repeat" in str(caught.value)
    assert repr(weight >> softmax("[a] b")) == "Circuit(() -> R[m n])"
    assert repr(lift(weight, "x")) == "Circuit(() -> R[x m n])"


def test_a_long_chain_and_dead_boxes():
    """Oracle 7."""
    chain = compose(*(linear(f"A{k}", "m -> n", n="m") for k in range(61)))
    assert chain.apex.size("Box") == 61
    assert len(chain.parameters) == 61
    dead = linear("A", "m -> n") >> discard
    assert dead.apex.size("Box") == 1
    assert len(dead.parameters) == 1
    assert dead.live().apex.size("Box") == 0
    assert not dead.live().parameters
    assert dead != discard
    assert dead == linear("A", "k -> n") >> discard


# Laws of ==

SAMPLES = {
    "linear": linear("A", "m -> n"),
    "biased": linear("B", "n -> p q", bias=True),
    "relu": relu,
    "copy": copy(2),
    "softmax": softmax("[n]"),
    "norm": norm("g", "[n]"),
    "dropout": dropout(0.5),
    "view": view("m -> k m"),
    "attention": attention(causal=True),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_units(name):
    f = SAMPLES[name]
    before, after = tensor(*[idle] * len(f.dom)), tensor(*[idle] * len(f.cod))
    assert before >> f == f == f >> after
    assert f @ Circuit.identity() == f == Circuit.identity() @ f
    assert hash(before >> f) == hash(f)
    assert not f.failures()


@pytest.mark.parametrize("first", ["linear", "copy", "attention", "view"])
@pytest.mark.parametrize("last", ["relu", "dropout", "norm", "biased"])
def test_associativity_and_interchange(first, last):
    f, h = SAMPLES[first], SAMPLES[last]
    g = tensor(*[relu] * len(f.cod))
    h = tensor(*[h.named(str(k)) for k in range(len(f.cod))])
    assert (f >> g) >> h == f >> (g >> h) == compose(f, g, h)
    k = linear("other", "a -> b")
    assert (f @ k) >> (g @ exp) == (f >> g) @ (k >> exp)


def test_equations_have_no_sides():
    """Two boxes in either order, whose axes meet: h*d = k*e, and k*e = h*d."""
    join = view("h d -> (h d)")
    first, last = idle @ join, join @ idle
    assert first >> last >> add == last >> first >> add
    assert hash(first >> last >> add) == hash(last >> first >> add)


def test_valid_circuits_have_no_failures():
    """Also a table that is read at a prefix, and arrays one after the other."""
    for f in (shift("wpe", "c m", at="x"), concat("[x] m, [y] m -> [z] m"), attention(causal=True)):
        assert f.failures() == []
        assert f.at_dom(*[(3, 4)] * len(f.dom)).failures() == []


def test_boxes_keep_their_letters_and_titles():
    """Equal operations in one circuit are two boxes, each as its user wrote it."""
    f = linear("A", "m -> f") >> linear("B", "f -> n")
    assert [one.title for one in f.apex.operations] == ["linear 'A'", "linear 'B'"]
    assert [one.letters for one in f.apex.operations] == [("f", "m"), ("n", "f")]


def test_types_that_meet_across_a_copy():
    with pytest.raises(NotComposable) as caught:
        copy(2) >> where("x")
    assert [one.law for one in caught.value.failures] == ["types"]


def test_an_axis_that_is_looked_up_is_not_written():
    for wrong in (lambda: embed("T", "V -> V"), lambda: linear("w", "k, k m -> e", at="e")):
        with pytest.raises(CatlearnError):
            wrong()


def test_comonoid():
    assert copy(2) >> copy(2) @ idle == copy(2) >> idle @ copy(2) == copy(3)
    assert copy(2) >> swap() == copy(2)
    assert copy(2) >> discard @ idle == idle
    assert swap(2, 0, 1) >> swap(1, 2, 0) == tensor(idle, idle, idle)


def test_copies_of_a_random_box_differ():
    assert copy(2) >> dropout() @ dropout() != dropout() >> copy(2)
    assert copy(2) >> relu @ relu != relu >> copy(2)


def test_options_and_names_are_compared():
    assert gelu() != gelu("tanh")
    assert stop() != idle
    assert add != mul
    assert linear("A", "m -> n") == linear("A", "k -> n") != linear("B", "m -> n")
    assert linear("A", "m -> n", init="zeros") != linear("A", "m -> n")
    assert linear("", "m -> n", init="zeros") != linear("", "m -> n")
    assert linear("A", "m -> n", n=4) != linear("A", "m -> n")
    assert dropout(0.1) != dropout(0.2)
    assert einsum("a, a -> a") != einsum("a, b -> a b")
    assert einsum("x h, y h -> x y") == einsum("i k, j k -> i j")


def test_point_free_and_traced_are_equal():
    """Oracle 12."""

    @traced("x m")
    def same(t):
        q, k, v = (linear(name, "m -> h d")(t) for name in "QKV")
        s = einsum("x h d, y h d -> h x y", scale="d**-0.5")(q, k)
        w = softmax("[y]")(where("x y", "y <= x")(s))
        return linear("O", "h d -> m")(einsum("h x y, y h d -> x h d")(w, v))

    assert same == attention(causal=True)
    assert same != attention()


def test_lifting_laws():
    A, B = linear("A", "m -> n"), linear("B", "n -> p")
    assert lift(A >> B, "x") == lift(A, "x") >> lift(B, "x")
    assert lift(A @ B, "x").parameters == (A @ B).parameters
    assert lift(A, "") == A
    assert lift(lift(A, "x"), "y") == lift(A, "y x")
    assert lift(copy(2), "x") == lift(idle, "x") >> copy(2)


def test_circuits_with_dead_boxes_are_compared_by_what_sizes_come_to():
    """An axis that is absent has no sizes; lifting before or after composing is the same."""
    f = copy(2) >> (relu >> discard) @ idle
    assert lift(f >> lift(relu, "r"), "q") == lift(f, "q r") >> lift(relu, "q r")
    dead = linear("A", "m -> n") >> discard
    assert dead.at(n=3) != dead
    dead = lift(relu >> discard, "n")
    assert dead >> lift(Circuit.identity(), "n") == dead


# Numbers


def test_readings_as_numbers():
    """Oracles 14 to 18."""
    windows = view("2*y+a -> y a", a=2)
    assert evaluate(windows, [np.arange(1, 7)])[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    moved = view("m+1 -> m", outside=0)
    assert evaluate(moved, [np.arange(1, 5)])[0].tolist() == [2, 3, 4, 0]
    back = view("m-1 -> m", outside=0)
    assert evaluate(moved >> back, [np.arange(1, 5)])[0].tolist() == [0, 2, 3, 4]
    filter_ = conv("w", "[x] -> [x]", window=3, pad=1)
    found = evaluate(filter_, [np.array([1, 2, 4, 7])], {"w": np.array([1, 0, -1])})
    assert found[0].tolist() == [-2, -3, -5, 4]
    scores = einsum("x h d, y h d -> h x y")
    k = np.array([[1, 0], [0, 1], [1, 1]]).reshape(3, 1, 2)
    found = evaluate(scores, [np.arange(6).reshape(3, 1, 2), k])
    assert found[0][0].tolist() == [[0, 1, 1], [2, 3, 5], [4, 5, 9]]
    found = evaluate(softmax("[y]"), [np.log([1, 2, 5])])[0]
    assert np.allclose(found, [1 / 8, 1 / 4, 5 / 8])


def test_causal_attention_as_numbers():
    """Oracle 19: with queries 0, row n is the mean of the values up to n."""
    core = compose(
        einsum("x d, y d -> x y") >> where("x y", "y <= x") >> softmax("[y]"),
    )
    core = core @ idle >> einsum("x y, y d -> x d")
    values = np.random.default_rng(0).normal(size=(4, 3))
    found = evaluate(core, [np.zeros((4, 3)), values, values])[0]
    assert np.allclose(found, np.cumsum(values, 0) / np.arange(1, 5)[:, None])


def test_top_k_and_experts_as_numbers():
    """Oracles 21 and 22."""
    assert [one.tolist() for one in evaluate(top_k("[e -> k]", k=2), [np.array([3, 1, 2])])] == [
        [3, 2],
        [0, 2],
    ]
    found = evaluate(top_k("[e -> k]", k=2), [np.array([1, 3, 3, 3])])
    assert [one.tolist() for one in found] == [[3, 3], [1, 2]]

    @traced("m")
    def experts(t):
        g, i = top_k("[e -> k]", k=2)(linear("gate", "m -> e")(t))
        u = view("m -> k m")(t)
        y = linear("w", "k, k m -> k n", at="e")(i, u)
        return einsum("k, k n -> n")(softmax("[k]")(g), y)

    gate = np.array([[1, 0, 2], [0, 1, -1]])
    w = np.stack([np.eye(2), 2 * np.eye(2), np.eye(2)[::-1]])
    (found,) = evaluate(experts, [np.array([1.0, 2.0])], {"gate": gate, "w": w})
    assert np.allclose(found, [1.73105858, 3.46211716])


def test_equal_entries_are_sorted_in_order():
    x = np.array([[2.0, 1.0], [0.0, 1.0], [2.0, 0.0]])
    values, places = evaluate(sort("[x] m"), [x])
    assert values.tolist() == [[0, 0], [2, 1], [2, 1]]
    assert places.tolist() == [[1, 2], [0, 0], [2, 1]]
    for one, other in zip(cl.lower(sort("[x] m"))({}, x), (values, places), strict=True):
        assert np.array_equal(one, other)


def test_entries_are_put_where_indices_say():
    circuit = scatter("k b, b m k -> b e m", at="e").at(e=4)
    index, x = np.array([[3, 0], [3, 1], [1, 0]]), np.arange(12.0).reshape(2, 2, 3)
    wanted = np.zeros((2, 4, 2))
    for k, b in np.ndindex(3, 2):
        wanted[b, index[k, b]] += x[b, :, k]
    assert np.array_equal(evaluate(circuit, [index, x])[0], wanted)
    program = programmed(circuit.at(k=3, b=2, m=2))
    assert [step.name for step in program.steps if step.name in ("scatter", "where")] == ["scatter"]
    assert np.array_equal(cl.lower(circuit)({}, index, x), wanted)
    assert circuit.at(k=3, b=2, m=2).counts().operations == 12

    masked = lift(one_hot("e"), "k b") @ idle >> einsum("k b e, b m k -> b e m")
    assert np.array_equal(evaluate(masked.at(e=4), [index, x])[0], wanted)


def test_what_is_put_twice_is_seen(monkeypatch):
    """A mutant: each entry is put at the first of its indices."""
    whole = masks.ties
    monkeypatch.setattr(
        programs, "ties", lambda one: [(k, v, form.times(0)) for k, v, form in whole(one)]
    )
    with pytest.raises(AssertionError):
        test_entries_are_put_where_indices_say()


def test_splits_and_joins_are_reshapes():
    x = np.arange(24).reshape(2, 3, 4)
    joined = view("a b c -> a (b c)")
    assert np.array_equal(evaluate(joined, [x])[0], x.reshape(2, 12))
    patches = view("c (u a) (v b) -> u v a b c", a=2, b=2)
    y = np.arange(3 * 4 * 6).reshape(3, 4, 6)
    expected = y.reshape(3, 2, 2, 3, 2).transpose(1, 3, 2, 4, 0)
    assert np.array_equal(evaluate(patches, [y])[0], expected)
    three = view("a b c -> (a b c)")
    assert np.array_equal(evaluate(three, [x])[0], x.ravel())
    again = three >> view("(a b c) -> a b c", b=3, c=4)
    assert np.array_equal(evaluate(again, [x])[0], x)


def test_parts_of_a_block_as_numbers():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 4))
    W, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    biased = linear("W", "m -> n", bias=True)
    assert np.allclose(evaluate(biased, [x[0]], {"W": W, "W.bias": b})[0], x[0] @ W + b)
    f = norm("g", "[m]")
    g, s = rng.normal(size=4), rng.normal(size=4)
    normed = (x[0] - x[0].mean()) / np.sqrt(x[0].var() + 1e-5) * g + s
    assert np.allclose(evaluate(f, [x[0]], {"g.gain": g, "g.shift": s})[0], normed)
    table = rng.normal(size=(7, 4))
    rows = lift(embed("E", "V -> m"), "x")
    assert np.allclose(evaluate(rows, [np.array([3, 0])], {"E": table})[0], table[[3, 0]])
    moved = shift("P", "c m", at="x")
    assert np.allclose(evaluate(moved, [x], {"P": table})[0], x + table[:5])
    both = concat("[x] m, [y] m -> [z] m")
    assert np.allclose(evaluate(both, [x, table])[0], np.concatenate([x, table]))
    assert np.allclose(evaluate(mean("[x] m -> m"), [x])[0], x.mean(0))
    assert np.allclose(
        evaluate(residual(silu), [np.float64(0.3)])[0], 0.3 + 0.3 / (1 + np.exp(-0.3))
    )


def test_interchange_and_lifting_as_numbers():
    rng = np.random.default_rng(2)
    A, C = linear("A", "m -> n"), linear("C", "k -> l")
    B = linear("B", "n -> p")
    whole = (A @ C) >> (B @ relu)
    params = {
        "A": rng.normal(size=(2, 3)),
        "C": rng.normal(size=(4, 5)),
        "B": rng.normal(size=(3, 6)),
    }
    x, y = rng.normal(size=2), rng.normal(size=4)
    found = evaluate(whole, [x, y], params)
    assert np.allclose(found[0], x @ params["A"] @ params["B"])
    assert np.allclose(found[1], np.maximum(y @ params["C"], 0))
    lifted = lift(A, "b")
    xs = rng.normal(size=(7, 2))
    assert np.allclose(evaluate(lifted, [xs], params)[0], xs @ params["A"])


def test_circuits_are_copied_and_pickled():
    layer = residual(linear("A", "m -> n", n="m") >> relu).repeat("L", "layers")
    for same in (copying.copy(layer), copying.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert same == layer
        assert str(same) == str(layer)
        assert (same >> same) == (layer >> layer)


# Bad input


@pytest.mark.parametrize(
    ("call", "names"),
    {
        "twice": (lambda: einsum("a -> a a"), ["a -> a a", "^"]),
        "arrow": (lambda: linear("A", "m -> -> n"), ["^"]),
        "size": (lambda: linear("A", "m -> head", heads=3), ["heads", "head"]),
        "option": (lambda: linear("A", "m -> bias"), ["bias"]),
        "lost": (lambda: view("a b -> a"), ["b", "^"]),
        "no brackets": (lambda: softmax("y"), ["[y]"]),
        "condition": (lambda: where("x y", "z <= x"), ["z"]),
        "scale": (lambda: einsum("a, a -> ", scale="b**-1"), ["b"]),
        "arity": (lambda: relu >> add, ["1", "2"]),
        "number": (lambda: copy(-1), ["-1"]),
        "kind": (lambda: residual(3), ["residual", "3"]),
        "size of a name": (lambda: linear("A", "m -> n").at(k=3), ["k"]),
        "sharing": (lambda: linear("A", "m -> n") @ linear("A", "m -> n k"), ["'A'", "m n"]),
        "initialiser": (
            lambda: linear("A", "m -> n", init="ones") @ linear("A", "m -> n", init="zeros"),
            ["'A'", "ones", "zeros"],
        ),
        "types": (lambda: relu >> embed("E", "V -> m"), ["N<V>"]),
        "outside": (lambda: relu(3), ["traced"]),
        "rate": (lambda: dropout(1.5), ["dropout", "1.5"]),
        "norm": (lambda: norm("g", "[m]", kind="batch"), ["kind", "batch", "layer"]),
        "eps": (lambda: norm("g", "[m]", eps=-1.0), ["eps", "-1.0"]),
        "gelu": (lambda: gelu("sigmoid"), ["approximation", "sigmoid", "tanh"]),
        "options": (lambda: Kernel("relu", (("rate", 0.5),)), ["relu", "rate"]),
        "a product of indices": (lambda: where("x y", "x*y <= 3"), ["condition", "^"]),
        "a size in a condition": (lambda: where("x", "x < |x| - 1"), ["condition", "^"]),
        "a mean of nothing": (lambda: mean("x m -> m"), ["[x]", "^"]),
        "a mean of what stays": (lambda: mean("[x] m -> x"), ["[x]", "^"]),
        "a root of less than 0": (
            lambda: read_scalar("(d-5)**0.5").substitute({"d": 2}),
            ["-3", "1/2"],
        ),
        "a division by 0": (lambda: read_scalar("1/0"), ["0"]),
        "no number": (lambda: einsum("a -> ", scale=float("nan")), ["nan"]),
        "a long number": (lambda: linear("A", "m -> n", n="1e999999999"), ["^"]),
        "an array of NumPy": (lambda: relu(np.ones(3)), ["traced"]),
        "no size": (lambda: linear("A", "m -> n", n=0), ["'n'", "0"]),
        "a negative size": (lambda: linear("A", "m -> n", n=-3), ["'n'", "-3"]),
        "nothing returned": (lambda: traced("x")(lambda t: None), ["None"]),
        "brackets": (lambda: linear("A", "m -> [n]"), ["[n]", "^"]),
        "another axis": (lambda: softmax("[e -> k]"), ["[e -> k]", "^"]),
        "at an axis": (lambda: linear("w", "k, k m -> k f", at="m"), ["'m'"]),
        "positions at an axis": (lambda: shift("p", "c m", at="m"), ["'m'"]),
        "no table": (lambda: shift("p", "", at="x"), ["'x'"]),
        "a number for a name": (lambda: embed(3, "V -> m"), ["embed", "3"]),
        "a number in a group": (lambda: view("x -> (2 x)"), ["'2'", "^"]),
        "chosen from itself": (lambda: top_k("[e -> e]"), ["[e -> e]", "^"]),
        "an option": (lambda: linear("w", "k, k m -> k f", at="bias"), ["'bias'", "option"]),
        "two axes at once": (lambda: linear("w", "k, k m -> k f", at="e d"), ["e d", "^"]),
        "no axis at all": (lambda: shift("p", "c m", at=""), ["one axis"]),
        "no experts": (lambda: linear("w", "k, k m -> k f", at="e", e=0), ["'e'", "0"]),
        "a sum of biases": (
            lambda: linear("w", "k, k m -> f", bias=True, at="e"), ["k is summed", "^"],
        ),
        "an axis twice": (lambda: concat("[x] x, [y] x -> [z] x"), ["x is there twice", "^"]),
        "positions twice": (lambda: shift("p", "c m m", at="x"), ["m is there twice", "^"]),
        "a letter of two axes in a size": (
            lambda: (softmax("[m]") @ softmax("[m]") @ linear("A", "k -> f")).at(f="4*m"), ["m#2"],
        ),
        "other axes": (lambda: concat("[x] m, [y] -> [z] m"), ["[x] m"]),
        "axes twice": (lambda: concat("[x] m m, [y] m m -> [z] m m"), ["m m"]),
        "a number to write": (lambda: view("m -> 3 m"), ["3 m", "^"]),
        "a number before the first": (lambda: view("y-y-1 m -> m"), ["0", "^"]),
        "a number beyond the last": (lambda: view("5 m -> m").at_dom((5, 3)), ["6", "5"]),
        "an axis of a mask alone": (lambda: where("z y, x y"), ["z", "^"]),
        "a pad that is too short": (lambda: view("y+a-2 -> y a", a=3, pad=(1, 1)), ["2", "1"]),
        "deep brackets": (
            lambda: where("x y", "(" * 4000 + "x" + ")" * 4000 + " <= y"),
            ["condition", "too long"],
        ),
        "a large power": (lambda: where("x y", "(x+y+z+w)**100 <= x"), ["terms"]),
        "a window of another kind": (lambda: pool("median", "[y]", 2), ["max", "median"]),
        "a pad before the beginning": (lambda: conv("c", "[x] i -> [x] o", 3, pad=(-1, 0)),
                                       ["pad", "-1"]),
        "angles of one axis": (lambda: angles("x"), ["frequencies", "^"]),
        "angles without a base": (lambda: angles("x p", base=-1.0), ["base", "-1"]),
        "an index of two axes": (lambda: one_hot("x y"), ["index", "^"]),
        "what is taken along no axis": (lambda: take("k, e m -> k m", at="f"), ["'f'", "second"]),
        "what is taken and lost": (lambda: take("k, e m -> k", at="e"), ["m", "^"]),
        "a parameter with an axis twice": (lambda: parameter("p", "m m"), ["m", "^"]),
        "a gain without a name": (lambda: gain("[m]", "[m]"), ["brackets", "^"]),
        "a constant that is no number": (lambda: constant(float("nan")), ["value", "nan"]),
        "no options": (lambda: Kernel("dropout"), ["dropout", "rate"]),
        "a function after a circuit": (lambda: relu >> gelu, ["gelu(...)"]),
        "a function before a circuit": (lambda: gelu >> relu, ["gelu(...)"]),
        "a function of JAX after a circuit": (lambda: relu >> jax.nn.relu, ["cl.from_jax"]),
        "a function of JAX before one": (lambda: jax.nn.relu >> relu, ["cl.from_jax"]),
        "a circuit of arrays": (lambda: relu(np.ones(2)), ["cl.lower(circuit)({}, x0)"]),
        "brackets on both sides": (lambda: top_k("[e] -> [k]"), ['"[e -> k]"']),
        "a function beside a circuit": (lambda: relu @ gelu, ["gelu(...)"]),
        "a function in a residual": (lambda: residual(gelu), ["residual", "gelu(...)"]),
        "an array for an option": (lambda: traced("m")(lambda x: gelu(x)), ["gelu()(x)"]),
        "a number in a traced function": (lambda: traced("")(lambda x: add(x, 1.0)), ["constant"]),
        "an axis twice in a group": (lambda: view("(p a) (q a) -> (p q) (a a)"), ["a is", "^"]),
        "axes without spaces": (lambda: einsum("xhd, yhd -> hxy"), ["spaces", "^"]),
    }.values(),
)  # fmt: skip
def test_errors_name_what_is_wrong(call, names):
    with pytest.raises(CatlearnError) as caught:
        call()
    for name in names:
        assert name in str(caught.value)


A4, B5 = linear("A", "m -> n", n=4), linear("B", "m -> k", k=5)
SEVERAL = {
    "sizes twice": (
        lambda: A4 @ B5 >> linear("C", "a -> b").at(a=3) @ linear("D", "c -> b").at(c=7),
        ["alignment", "alignment"],
    ),
    "a type and a size": (
        lambda: A4 @ B5 >> linear("C", "a -> b").at(a=3) @ embed("T", "V -> m"),
        ["types", "alignment"],
    ),
    "a type, a parameter and a size": (
        lambda: A4 @ B5 >> linear("A", "a -> b c").at(a=3) @ embed("T", "V -> m"),
        ["types", "sharing", "alignment"],
    ),
    "a rank, a type and a parameter": (
        lambda: compose(
            idle @ A4, copy(2) @ embed("T", "V -> m"), softmax("[m]") @ einsum("m -> ") @ idle,
            add @ idle,
        ),
        ["lifting", "types"],
    ),
    "a number of arrays and a parameter": (
        lambda: A4 >> linear("A", "m -> n k") @ relu, ["arity", "sharing"],
    ),
    "two ranks": (
        lambda: compose(*[one @ one for one in (copy(2), softmax("[m]") @ einsum("m -> "), add)]),
        ["lifting", "lifting"],
    ),
}  # fmt: skip
"""What does not compose for several reasons, and the laws that are broken."""


@pytest.mark.parametrize("name", SEVERAL)
def test_all_faults_are_listed_at_once(name):
    call, broken = SEVERAL[name]
    with pytest.raises(NotComposable) as caught:
        call()
    assert [one.law for one in caught.value.failures] == broken


def test_sizes_of_inputs_are_numbers_or_texts():
    assert linear("A", "m -> n").at_dom((np.int64(8),)).parameters["A"][0].number == 8
    f = linear("A", "m -> n").at_dom(("2*k",))
    assert str(f.axes["m"] if "m" in f.axes else f.parameters["A"][0]) == "2*k"
    assert linear("w", "k, k m -> k f", at="e", sizes={"e": 8}).parameters["w"][0].number == 8


def test_sizes_are_given_by_other_axes_of_a_pattern():
    f = linear("up", "m -> f", f="4*m")
    assert [str(size) for size in f.at_dom((8,)).parameters["up"]] == ["8", "32"]
    square = linear("A", "m -> n", n="m")
    assert [str(size) for size in square.at_dom((5,)).parameters["A"]] == ["5", "5"]
    assert [str(one) for one in linear("B", "m -> f", f="4*q").parameters["B"]] == ["m", "4*q"]
    biased = linear("up", "m -> f", f="4*m", bias=True)
    assert biased.at_dom((8,)).parameters["up.bias"][0].number == 32
    assert biased.apex.symbols == ()
    halves = concat("[x] m, [y] m -> [z] m", y="x")
    assert halves.at_dom((3, 2), (3, 2)).axes["z"].number == 6
    with pytest.raises(NotComposable):
        halves.at_dom((3, 2), (4, 2))
    whole = shift("p", "c m", at="x", c="x").at_dom((5, 2))
    assert whole.parameters["p"][0].number == 5
    experts = linear("w", "k, k m -> k f", at="e", bias=True, e="m").at_dom((2,), (2, 3))
    assert experts.parameters["w.bias"][0].number == 3


def test_sizes_are_put_by_other_axes_of_a_circuit():
    """A name in a size is a declared size, or the axis that is called so; else it is new."""
    f = linear("up", "m -> f").at(f="4*m")
    assert [str(size) for size in f.at_dom((8,)).parameters["up"]] == ["8", "32"]
    assert str(linear("up", "m -> f").at(f="4*q").axes["f"]) == "4*q"
    square = conv("c", "[y] i -> [y] o", window=2, y="i", o="2*i", bias=True).at(i=3)
    assert square.parameters["c.bias"][0].number == 6
    assert square.axes["a"].number == 4


def test_biases_of_experts():
    """Each expert has a bias of its own."""
    f = linear("w", "k, k m -> k f", at="e", bias=True)
    assert repr(f) == repr(linear("w", "k, k m -> k f", at="e"))
    assert [str(size) for size in f.parameters["w.bias"]] == ["e", "f"]
    rng = np.random.default_rng(0)
    w, b, x = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4)), rng.normal(size=(2, 2))
    chosen = np.array([2, 0])
    (y,) = evaluate(f, [chosen, x], {"w": w, "w.bias": b})
    assert np.allclose(y, np.einsum("kmf,km->kf", w[chosen], x) + b[chosen])


def test_sizes_that_are_put_stay_names():
    """A size that is put is still shared by its name, so ``==`` tells it from a plain number.

    It is a congruence: what is composed with equal circuits is equal.
    """
    late, once, other = (
        linear("A", "m -> n").at(n=4), linear("A", "m -> n", n=4), linear("B", "m -> n"),
    )  # fmt: skip
    assert (late @ other).parameters["B"][1].number == 4
    assert (once @ other).parameters["B"][1].number is None
    assert late != once


def test_traced_numbers_are_finite():
    half = traced("x m")(lambda t: np.float64(1) - t / np.int64(2))
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(evaluate(half, [x])[0], 1 - x / 2)
    for wrong in (lambda t: t / 0, lambda t: t * float("inf"), lambda t: float("nan") - t):
        with pytest.raises(CatlearnError):
            traced("x m")(wrong)


def test_what_no_output_needs_leaves_nothing_behind():
    """Neither do declared sizes, and axes with their sizes."""
    one, other = linear("A", "m -> n") >> discard, linear("B", "m -> k").at(k="2*l", l=3) >> discard
    assert one != other
    assert one.live() == other.live()
    assert str(one.live()) == "x1[m]: R\nreturn"
    f = linear("A", "m -> n").at(n="2*l", l=3)
    assert (copy(2) >> f @ one).live() == f
    assert {*f.live().apex.symbols} == {"n", "l"}
    assert attention(causal=True).live() == attention(causal=True)


def test_one_name_is_one_row():
    draft = Draft.of(linear("A", "m -> n").apex)
    draft.symbols.append(("n", None))
    draft.wire([0], name="A")
    with pytest.raises(InvalidStructure) as caught:
        Circuit(draft.made(), (0,), (2,))
    assert [one.law for one in caught.value.failures] == ["sharing", "sharing"]
    assert [one.where for one in caught.value.failures] == ["parameter 'A'", "size 'n'"]


def test_parameters_that_nothing_reads_are_compared():
    alone = Circuit.parse("parameter W[m]: R\nreturn")
    assert alone != Circuit.identity()
    assert alone.live() == Circuit.identity()
    assert alone == Circuit.parse("parameter W[k]: R\nreturn")


def test_sizes_are_given_by_what_axes_are_called():
    f = linear("A", "m -> n") @ linear("B", "m -> n")
    assert f.at({"m#2": 3}).parameters["B"][0].number == 3
    assert f.at({"m#2": 3}).parameters["A"][0].number is None


def test_what_is_no_number_equals_itself():
    one, other = (where("a b", "b <= a", outside=float("nan")) for _ in range(2))
    assert one == other == Circuit.parse(str(one))
    assert hash(one) == hash(other)
    assert one.equal(other)
    kernels = {Kernel("where", (("outside", value),)) for value in (float("nan"), -math.nan)}
    assert len(kernels) == 1
    assert one != where("a b", "b <= a", outside=float("inf"))


def test_ambiguous_letters_are_listed():
    two = softmax("[x]") @ softmax("[x]")
    with pytest.raises(InvalidStructure) as caught:
        two.at(x=3)
    assert "x#2" in str(caught.value)
    sizes = [str(size) for size in two.at_dom((3,), (4,)).axes.values()]
    assert sizes == ["3", "4"]


@pytest.mark.parametrize("outside", [-2.0, 0.5, float("inf"), float("nan")])
def test_outside_of_indices_stands_an_index(outside):
    """The mutants: another index, real numbers, and a reading that is never outside."""

    def shifted(pattern, value):
        return top_k("[e -> k]", k=2) >> relu @ view(pattern, outside=value)

    with pytest.raises(NotComposable) as caught:
        shifted("m+1 -> m", outside)
    assert [one.law for one in caught.value.failures] == ["types"]
    made = shifted("m+1 -> m", 3.0)
    assert not made.failures()
    operations = [
        replace(one, readings=tuple(replace(read, outside=outside) for read in one.readings))
        for one in made.apex.operations
    ]
    wrong = made.apex.with_column("operation", tuple(operations), check=False)
    with pytest.raises(InvalidStructure) as caught:
        Circuit(wrong, made.dom, made.cod)
    assert [one.law for one in caught.value.failures] == ["types"]
    relu >> view("m+1 -> m", outside=outside)
    shifted("m -> m", outside)


@pytest.mark.parametrize(
    "make",
    [
        lambda: top_k("[e->2]"),
        lambda: lift(relu, "0"),
        lambda: lift(relu, ["n", "0"]),
        lambda: lift(relu, "n,x"),
        lambda: (add >> copy(2)).scan("0"),
    ],
)
def test_numbers_are_no_names_of_axes(make):
    with pytest.raises(PathSyntaxError):
        make()
