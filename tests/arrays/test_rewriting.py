"""Rules of circuits: laws of the rules that there are, mutants, and what is rewritten by them."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import permutations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    CircuitRule,
    Scalar,
    copy,
    einsum,
    exp,
    idle,
    relu,
    rewrite,
    rewriting,
    rules_for,
    take,
    traced,
)
from catlearn.arrays.circuit_rules import COMMUTING, DEEPEST, RuleRefused
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.rewriting import transfers
from catlearn.category import NotEqual
from catlearn.cset import homomorphisms
from catlearn.errors import CatlearnError
from catlearn.finset import FLAT, Shape, Tables
from catlearn.importing import from_jax, optimise

COUNT, GRADIENTS = range(24), 2
KERNELS = [
    Kernel(name)
    for name in ("contraction", "view", "add", "mul", "neg", "tanh", "max", "stop", "softmax")
]
LINEAR = ("one image of a sum", "one image of a difference", "means before an affine map",
          "means before a difference")  # fmt: skip


@pytest.mark.parametrize("rule", rules_for(KERNELS), ids=str)
def test_the_rules_that_there_are_are_laws(rule):
    """By equal, but for linearity, which is none of its laws: there both are polynomials."""
    assert not rule.failures()
    assert bool(rule.left.equal(rule.right)) == (rule.name not in LINEAR)
    assert rule.written.depth <= DEEPEST


PRODUCT = einsum("i k, k j -> i j")
TAKE = take("i, k j -> i j", at="k")
TWO = traced("i", "k k", "k j", types=["N", "R", "R"])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (exp >> einsum("i ->"), einsum("i ->") >> exp),
        (PRODUCT >> relu, relu @ idle >> PRODUCT),
        (TWO(lambda i, x, w: TAKE(i, PRODUCT(x, w))), TWO(lambda i, x, w: PRODUCT(x, TAKE(i, w)))),
        (PRODUCT >> einsum("i j -> j"), einsum("i k -> k") @ einsum("k j -> j")
         >> einsum("k, j -> j")),
    ],
    ids=["a sum of functions", "a function of a product", "the axis that is summed", "two sums"],
)  # fmt: skip
def test_what_is_no_law_is_refused(left, right):
    """Mutants: functions that are moved through sums, and indices across what is summed."""
    rule = CircuitRule("wrong", left, right)
    assert "law" in {one.law for one in rule.failures()}
    with pytest.raises(RuleRefused):
        rewrite(PRODUCT.at(i=2, j=3, k=4), [rule])
    with pytest.raises(cl.errors.InvalidStructure):
        optimise(jnp.tanh, rules=[rule])


def images(x, y, w):
    return jnp.tanh(x @ w - y @ w)


def last(x, y, w):
    return jnp.exp(jnp.tanh(x @ w + y[:, :1])[-1])


def rows(x, y, w):
    return (x @ w)[::-3] * 2


def pooled(x, y, w):
    return jnp.mean(x @ w, 0), jnp.sum(y @ w, (0, 1))


def halves(x, y, w):
    return (x @ w).reshape(2, 4, 5)[:, 1], (y @ w)[:3]


def firsts(x, y, w):
    """Both factors are read at a prefix, and each view says that it is one."""
    return jnp.tanh(x * y)[:3]


def masked(x, y, w):
    """The last row of causal attention, which needs one query."""
    scores = jnp.where(jnp.tril(jnp.ones((8, 8), bool)), (x @ w) @ (y @ w).T, -jnp.inf)
    scores = scores - jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    return (jnp.exp(scores) @ y)[-2]


def factors(x, y, w):
    """Of each factor an axis is read otherwise."""
    return (x @ w).reshape(8, 5)[2:4, 1:4]


def centre(x, y, w):
    """Of what is affine the mean is that of the inputs; a sum would be other than that."""
    return jnp.mean(x @ w + y[0, 0], 0), jnp.mean(y[0, :1] - y @ w, (0, 1)), jnp.sum(x @ x.T + 1, 0)


def traces(x, y, w):
    return jnp.trace(x @ y.T), jnp.einsum("ii->i", y @ x.T)


FUNCTIONS = {
    centre: ["means before a difference", "means before an affine map"],
    traces: ["indices before products", "sums before products"],
    masked: [
        "indices before add",
        "indices before exp",
        "indices before max",
        "indices before neg",
        "indices before products",
        "indices before stop",
        "indices in turn",
    ],
    factors: ["indices before products"],
    firsts: ["indices before mul", "indices before tanh"],
    images: ["one image of a difference"],
    last: ["indices before tanh", "indices before add", "indices before products"],
    rows: ["indices before products"],
    pooled: ["sums before products"],
    halves: ["indices before products"],
}
SHAPES = ((8, 4), (8, 4), (4, 5))


@pytest.mark.parametrize("fn", FUNCTIONS)
def test_functions_are_rewritten_with_the_same_values(fn):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape) for shape in SHAPES]
    given = from_jax(fn, *(jax.ShapeDtypeStruct(shape, "float32") for shape in SHAPES))
    found = rewrite(given)
    assert sorted(found.used) == sorted(FUNCTIONS[fn])
    assert found.price[1] < found.price[0]
    assert not found.circuit.failures()
    assert found.circuit.equal(given) or fn in (centre, images, masked, traces)
    for one, other in zip(*(evaluate(c, arrays) for c in (given, found.circuit)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


STEPS = [
    lambda a, x, w: a @ w, lambda a, x, w: jnp.tanh(a), lambda a, x, w: a + x[:, :1],
    lambda a, x, w: jax.nn.softmax(jnp.where(jnp.tril(jnp.ones((6, 6), bool)), a @ x.T, -9.0)) @ a,
    lambda a, x, w: a * 2, lambda a, x, w: a @ w - x @ w, lambda a, x, w: a + x @ w,
]  # fmt: skip
ENDS = [
    lambda a: jnp.trace(a @ a.T), lambda a: (a + a[0]).mean(0),
    lambda a: a[-1], lambda a: a.sum(0), lambda a: a[:, 2:4], lambda a: a.mean(),
    lambda a: a[::2], lambda a: (a[1], a.sum()), lambda a: a.T[1:3, 2],
]  # fmt: skip


def programs(seed):
    """Return a random program and arrays; some of what it makes is read twice."""
    random = np.random.default_rng(seed)
    chosen = [STEPS[k] for k in random.integers(0, len(STEPS), 3)]
    end = ENDS[random.integers(0, len(ENDS))]

    def fn(x, w):
        a = x
        for step in chosen:
            a = step(a, x, w)
        return end(a)

    return fn, (random.normal(size=(6, 5)), random.normal(size=(5, 5)) / 3)


def test_values_and_gradients_of_random_programs_stay():
    used, gradients = set[str](), 0
    with jax.enable_x64(True):
        for seed in COUNT:
            fn, arrays = programs(seed)
            given = from_jax(fn, *arrays)
            found = rewrite(given)
            used |= {*found.used}
            pairs = [*zip(evaluate(given, arrays), evaluate(found.circuit, arrays), strict=True)]
            if found.used and gradients < GRADIENTS:
                gradients += 1

                def total(circuit, *arrays):
                    made = cl.lower(circuit)({}, *arrays)
                    return sum(jnp.sin(one).sum() for one in jax.tree.leaves(made))

                pairs += zip(*(
                    jax.jit(jax.grad(partial(total, one), (0, 1)))(*arrays)
                    for one in (given, found.circuit)
                ), strict=True)  # fmt: skip
            for one, other in pairs:
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
    assert len(used) >= 4


def tried(circuit, monkeypatch):
    """Return at how many places rules were written out."""
    made, number = rewriting._Instance.__init__, []

    def counted(self, *arguments):
        number.append(1)
        made(self, *arguments)

    monkeypatch.setattr(rewriting._Instance, "__init__", counted)
    assert rewrite(circuit).used
    monkeypatch.undo()
    return len(number)


def test_rules_are_looked_for_once_and_near_what_was_rewritten(monkeypatch):
    """A slice that goes through layers is linear in them, and what it leaves alone costs nothing.

    A mutant that looks everywhere again is quadratic: the third layer costs more than the second.
    """

    def layers(x, ws, before):
        for w in ws[:before]:
            x = jnp.tanh(jnp.roll(x, 1, 0) @ w)
        for w in ws[before:]:
            x = x - x.mean(-1, keepdims=True)
            x = x + jnp.tanh(x @ w)
        return x[-1]

    def number(before, after):
        ws = [jnp.ones((4, 4))] * (before + after)
        return tried(from_jax(partial(layers, before=before), jnp.ones((8, 4)), ws), monkeypatch)

    first, second, third = (number(0, depth) for depth in (1, 2, 3))
    assert third - second == second - first
    assert number(3, 1) - number(2, 1) <= 4


def test_what_is_there_already_is_not_made_again():
    """The residual stream is read at one index by each of its readers: it is read there once."""

    def norm(x, w):
        x = x @ w
        x = x - x.mean(-1, keepdims=True)
        return (x / jnp.sqrt((x * x).mean(-1, keepdims=True)))[-1]

    found = rewrite(from_jax(norm, jnp.ones((8, 4)), jnp.ones((4, 4))))
    assert found.used["indices before products"] == 1
    sizes = {found.circuit.apex.size_of(axis).number
             for box in found.circuit._walk()
             for axis in found.circuit.apex.lists["vars"].row(box).tolist()}  # fmt: skip
    assert sizes == {4}


def scoped(x, w, scope=jax.named_scope):
    """Layers of two blocks: both read what comes in, and the second one reads the first."""
    for _ in range(2):
        with scope("layer"):
            with scope("early"):
                y = jnp.tanh(x @ w)
            with scope("late"):
                x = y * x
    return x[-1]


def torn(circuit):
    """Return how many blocks are left and entered again."""
    H, count = circuit.apex, 0
    ins, outs = H.sides
    writer = {wire: box for box, wires in enumerate(outs) for wire in wires}
    for block in range(H.size("Block")):
        own = {box for box in H.order if block in H.lists["within"].row(box).tolist()}
        left = set[int]()
        for box in H.order:
            before = {writer[wire] for wire in ins[box] if wire in writer}
            if box in own and before & left:
                count += 1
                break
            if box not in own and before & (own | left):
                left.add(box)
    return count


def test_rules_go_through_blocks_which_stay_whole(monkeypatch):
    """What two blocks read is raised to the one that both are in; a mutant leaves it."""
    x, w = jnp.ones((8, 4)), jnp.ones((4, 4))
    given = from_jax(scoped, x, w)
    found = rewrite(given)
    plain = rewrite(from_jax(partial(scoped, scope=lambda _: nullcontext()), x, w))
    assert found.used == plain.used
    assert found.circuit.equal(given)
    assert found.circuit.apex.size("Block") == given.apex.size("Block")
    assert not torn(found.circuit)
    stays = lambda self, box, within: [*self.draft.boxes[box].within]  # noqa: E731
    monkeypatch.setattr(rewriting._Whole, "raised", stays)
    assert torn(rewrite(given).circuit)


NET = Shape(
    tables=("Wire", "Box"), lists={"ins": ("Box", "Wire"), "outs": ("Box", "Wire")},
    attributes={"kernel": "Box", "reads": "Wire"}, orders={"reads": FLAT},
)  # fmt: skip


def net(parts, reads):
    """Return boxes, (kernel, arrays read, arrays written), as tables without axes."""
    wires = [*dict.fromkeys(w for _, ins, outs in parts for w in (*ins, *outs))]
    place = {wire: k for k, wire in enumerate(wires)}
    lists = {name: [[place[w] for w in part[k]] for part in parts]
             for k, name in ((1, "ins"), (2, "outs"))}  # fmt: skip
    labels = {"kernel": tuple(part[0] for part in parts), "reads": tuple(map(reads, wires))}
    return Tables(NET, {"Wire": len(wires), "Box": len(parts)}, {}, lists, labels, check=False)


@pytest.mark.parametrize("fn", [images, pooled, masked])
def test_places_are_morphisms_of_circuits_without_axes(fn):
    """Oracle: the search for homomorphisms, for each order of operands that have none."""
    circuit = from_jax(fn, *(jax.ShapeDtypeStruct(shape, "float32") for shape in SHAPES))
    whole = rewriting._Whole(circuit, [1] * circuit.apex.size("Axis"), rewriting.price)
    boxes = [*whole.boxes]
    rows = [(whole.boxes[b], whole.draft.boxes[b]) for b in boxes]
    parts = [(kernel, rewriting.values_of(row), row.outs) for kernel, row in rows]
    target = net(parts, whole.reads.__getitem__)
    some = 0
    for rule in rules_for(whole.boxes.values()):
        written = rule.written
        places = {tuple(at) for b in boxes for at, _ in rewriting._places(written, whole, b)}
        orders = product(*(
            permutations(part.ins) if kernel.name in COMMUTING else [part.ins]
            for part, kernel in zip(written.parts, written.kernels, strict=True)
        ))  # fmt: skip
        expected = {
            tuple(boxes[b] for b in m.components["Box"].values.tolist())
            for order in orders
            for m in homomorphisms(
                net([*zip(written.kernels, order, (p.outs for p in written.parts), strict=True)],
                    written.inner.get), target, monic=["Box"])
        }  # fmt: skip
        assert places == expected
        some += len(places)
    assert some


def test_what_is_read_elsewhere_stays():
    shared = PRODUCT >> copy(2) >> einsum("i j -> j") @ idle
    both = shared.at(i=8, j=9, k=7)
    found = rewrite(both)
    assert found.circuit is both
    assert not found.used
    whole = from_jax(lambda x, w: ((x @ w)[0], x @ w), jnp.ones((8, 4)), jnp.ones((4, 5)))
    assert not rewrite(whole).used


def test_equal_factors_are_not_one_axis():
    """Of x x^T both axes are of one array, and only one of them is looked up."""
    given = from_jax(lambda x: (x @ x.T)[1:3], jnp.ones((8, 4)))
    found = rewrite(given)
    assert found.used
    assert found.circuit.equal(given)
    x = np.random.default_rng(0).normal(size=(8, 4))
    np.testing.assert_allclose(*evaluate(found.circuit, [x]), (x @ x.T)[1:3])


def test_masked_readings_stay():
    def padded(x, w):
        return jnp.pad(x @ w, ((2, 0), (0, 0)))[:3]

    given = from_jax(padded, jnp.ones((8, 4)), jnp.ones((4, 5)))
    assert rewrite(given).circuit.equal(given)


def unscaled(self):
    """Match, and forget scales and relations."""
    self.scale, self.relations = Scalar(), []
    return True


def unmasked(self):
    """Read without the mask that was found."""
    return True


MUTANTS = {
    "without the mask": ("_New.masked", unmasked, """axes x = 8, y = 3, z = 2
x1[x y]: R
a1[x y]: R = view(x1[x y] where y <= x else -inf)
a2[z y]: R = view(a1[3*z y])
return a2
"""),
    "masked readings, too": ("_Instance._read", lambda self: True, """axes x = 8, y = 3
x1[x]: R
a1[x]: R = exp(x1[x])
a2[y]: R = view(a1[2*y] where y <= 1)
return a2
"""),
    "of sums as of means": ("_Instance._alike", unscaled, """axes x = 8, y = 5, z = 4
x1[x y]: R
x2[y z]: R
x3[z]: R
a1[x z]: R = contraction(x1[x y], x2[y z])
a2[x z]: R = add(a1[x z], x3[z])
a3[z]: R = contraction(a2[x z]) scale 1/2
return a3
"""),
    "whatever the scale": ("_Instance._alike", unscaled, """axes x = 8, y = 5, z = 4
x1[x y]: R
x2[y z]: R
a1[x z]: R = contraction(x1[x y], x2[y z])
a2[z]: R = contraction(a1[x z]) scale 1/8
return a2
"""),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_of_where_a_rule_holds_give_other_numbers(name, monkeypatch):
    method, mutant, text = MUTANTS[name]
    circuit = Circuit.parse(text)
    assert rewrite(circuit).circuit.equal(circuit)
    kind, name = method.split(".")
    monkeypatch.setattr(getattr(rewriting, kind), name, mutant)
    assert rewrite(circuit).circuit.equal(circuit) == NotEqual


def masked_sum(mask, x=7, y=5):
    """A sum over x of what a mask leaves of products, as a circuit."""
    return Circuit.parse(f"""axes x = {x}, y = {y}, z = 3
x1[x z]: R
x2[y z]: R
a1[x y]: R = contraction(x1[x z], x2[y z])
a2[x y]: R = view(a1[x y] where {mask})
a3[y]: R = contraction(a2[x y])
return a3
""")


def spoiled(circuit):
    """Whether what a circuit is rewritten to is no circuit, or has other values."""
    H, random = circuit.apex, np.random.default_rng(3)
    shapes = ([H.size_of(axis).number for axis in H.lists["axes"].row(w)] for w in circuit.dom)
    arrays = [*map(random.normal, (0, 0), (1, 1), shapes)]
    try:
        found = evaluate(rewrite(circuit).circuit, arrays)
    except (CatlearnError, IndexError, KeyError):
        return True
    return not np.allclose(found[0], evaluate(circuit, arrays)[0])


EQUAL = "y <= x and x <= y"


@pytest.mark.parametrize(("x", "y"), [(7, 7), (7, 5), (5, 7)])
def test_a_sum_of_a_diagonal_forms_what_is_on_it_alone(x, y):
    """The law of an indicator: the sum over i of [i = j] a_ij is a_jj, if there is such an i."""
    circuit = masked_sum(EQUAL, x, y)
    found = rewrite(circuit)
    assert not spoiled(circuit)
    H = found.circuit.apex
    ranks = [len(H.lists["axes"].row(w)) for box in H.order for w in H.sides[1][box]]
    both = any(rank == 2 and H.operations[b].kernel.name == "contraction"
               for b, rank in zip(H.order, ranks, strict=True))  # fmt: skip
    assert both == (y > x)
    assert (found.price[1] < found.price[0]) == (y <= x)


DIAGONALS = {
    "whatever stands outside": (
        lambda own, reading, *given: own(replace(reading, outside=0.0), *given),
        masked_sum(f"{EQUAL} else 1"),
    ),
    "whatever the second condition": (
        lambda own, reading, *given: own(
            replace(reading, conditions=(one := reading.conditions[0], one.times(-1))), *given
        ),
        masked_sum("y <= x and x <= y + 1"),
    ),
    "whatever the sizes": (
        lambda own, reading, mask, summed, sizes: own(reading, mask, summed, [1] * len(sizes)),
        masked_sum(EQUAL, 5, 7),
    ),
}


@pytest.mark.parametrize("name", DIAGONALS)
def test_mutants_of_diagonals_give_other_numbers(name, monkeypatch, mutants):
    mutant, circuit = DIAGONALS[name]
    assert not spoiled(circuit)
    own = rewriting._diagonal
    monkeypatch.setattr(rewriting, "_diagonal", lambda *given: mutant(own, *given))
    with mutants(f"diagonals: {name}"):
        assert spoiled(circuit)


def test_own_rules_and_prices():
    sums = CircuitRule("sums in turn", einsum("a b -> a") >> einsum("a ->"), einsum("a b ->"))
    given = (einsum("x y z -> x z") >> einsum("x z -> x") >> einsum("x ->")).at(x=3, y=4, z=5)
    found = rewrite(given, [sums])
    assert found.used == {"sums in turn": 2}
    assert found.circuit.equal(given)
    assert found.circuit.apex.size("Box") == 1
    moved = rewrite(given, [sums], price=transfers)
    assert moved.price == (60 + 15 + 15 + 3 + 3 + 1, 61)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: CircuitRule("x", "a b -> a", PRODUCT),
        lambda: CircuitRule("x", PRODUCT, "a b -> a"),
        lambda: CircuitRule(3, PRODUCT, PRODUCT),
        lambda: rewrite(PRODUCT.at(i=2, j=3, k=4), "nope"),
        lambda: rewrite(PRODUCT.at(i=2, j=3, k=4), CircuitRule("x", PRODUCT, PRODUCT)),
        lambda: rewrite(PRODUCT.at(i=2, j=3, k=4), [3]),
        lambda: rewrite(PRODUCT.at(i=2, j=3, k=4), price=3),
        lambda: rewrite("i k, k j -> i j"),
    ],
    ids=["left", "right", "name", "a string of rules", "one rule", "no rule", "price", "circuit"],
)
def test_what_is_no_rule_circuit_or_price_is_refused(wrong):
    with pytest.raises(cl.errors.WrongKind):
        wrong()


def test_plans_say_which_rules_were_used():
    def fn(x, w):
        return jnp.tanh(x @ w)[-1]

    x, w = jnp.ones((64, 32)), jnp.ones((32, 32))
    plan = optimise(fn).plan(x, w)
    assert plan.rules == {"indices before tanh": 1, "indices before products": 1}
    assert plan.multiply_adds == (64 * 32 * 32, 32 * 32)
    assert "indices before products (1)" in str(plan)
    np.testing.assert_allclose(optimise(fn)(x, w), fn(x, w), rtol=1e-6)
