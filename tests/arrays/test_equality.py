"""Circuits as functions: cases with known answers, random ones, and mutants of the rules."""

import inspect
import sys
from dataclasses import replace
from itertools import count, islice
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.arrays import (
    Circuit,
    add,
    compose,
    copy,
    discard,
    dropout,
    einsum,
    entries,
    equality,
    evaluation,
    idle,
    lift,
    linear,
    mul,
    relu,
    residual,
    softmax,
    swap,
    tanh,
    tensor,
    traced,
    view,
    where,
)
from catlearn.arrays.boxes import Draft
from catlearn.arrays.entries import Entries
from catlearn.arrays.evaluation import difference
from catlearn.arrays.forms import Form
from catlearn.arrays.kernels import KERNELS
from catlearn.arrays.sizes import Size
from catlearn.category import Equal, NotEqual, Unknown
from catlearn.laws import Circuits, array_circuits, check, circuit_equality
from catlearn.laws.circuits import near_misses
from catlearn.zoo.architectures import gpt2_layer, mixtral_layer
from tests.arrays.refutation import same_values

DROP, TURN = dropout(0.5), view("a b -> b a")
SPLIT, JOIN = view("(h d) -> h d", h=2), view("h d -> (h d)")
A = linear("A", "m -> n", n="m")
SHIFT, REPEAT = view("m+1 -> m", outside=0.0), view("m -> k m", k=3)


def powers() -> tuple[Circuit, Circuit]:
    """x^8 by three squarings, and by seven products."""
    one, other = idle, copy(8)
    for _ in range(3):
        one = one >> copy(2) >> mul
    for k in range(7):
        other = other >> tensor(mul, *[idle] * (6 - k))
    return one, other


def rings(*letters: str) -> Circuit:
    """A sum over rings of factors, all of which meet at one more index."""
    pairs = [f"{v} {w}" for ring in letters for v, w in zip(ring, ring[1:] + ring[0], strict=True)]
    pairs += [f"{v} h" for ring in letters for v in ring]
    return copy(len(pairs)) >> einsum(f"{', '.join(pairs)} -> ")


QUERIES = "x h d, y h d -> h x y"
SAME = {
    "bracketing": ((A >> relu) >> A, A >> (relu >> A)),
    "copy is natural": (A >> copy(2), copy(2) >> A @ A),
    "discard is natural": (copy(2) >> idle @ (DROP >> discard), idle),
    "dropout, transposed": (lift(DROP, "a b") >> TURN, TURN >> lift(DROP, "a b")),
    "dropout, split": (DROP >> SPLIT, SPLIT >> DROP),
    "dropout, joined": (DROP >> JOIN, JOIN >> DROP),
    "split and joined": (SPLIT >> JOIN, view("m -> m")),
    "relu, split": (relu >> SPLIT, SPLIT >> relu),
    "relu, joined": (relu >> JOIN, JOIN >> relu),
    "softmax, permuted": (
        softmax("x y [m]") >> view("x y m -> y x m"),
        view("x y m -> y x m") >> softmax("[m]"),
    ),
    "repetition": (A >> REPEAT, REPEAT >> A),
    "joined sum": (SPLIT >> einsum("h d -> "), einsum("m -> ")),
    "three operands": (
        einsum("a b, b c -> a c") @ idle >> einsum("a c, c d -> a d"),
        idle @ einsum("b c, c d -> b d") >> einsum("a b, b d -> a d"),
    ),
    "product, transposed": (
        einsum("a b, b c -> a c") >> TURN,
        swap() >> TURN @ TURN >> einsum("a b, b c -> a c"),
    ),
    "diagonal": (einsum("a, b -> a b") >> einsum("a a -> a"), einsum("a, a -> a")),
    "repeat and sum": (REPEAT >> einsum("k m -> m"), einsum("m -> m", scale=3)),
    "scaled queries": (
        einsum("x h d -> x h d", scale="d**-0.5") @ idle >> einsum(QUERIES),
        einsum(QUERIES, scale="d**-0.5"),
    ),
    "repeated keys": (
        einsum("x h d, y d -> h x y"),
        idle @ view("y d -> y h d") >> einsum(QUERIES),
    ),
    "absorbed latent": (
        einsum("x h d, c h d -> x h c") @ idle >> einsum("x h c, y c -> h x y"),
        idle @ einsum("c h d, y c -> y h d") >> einsum(QUERIES),
    ),
    "eighth power": powers(),
    "shifts": (SHIFT >> SHIFT, view("m+2 -> m", outside=0.0)),
    "relu, padded": (relu >> SHIFT, SHIFT >> relu),
    "masks": (
        where("x y", "y <= x") >> where("x y", "y < 5"),
        where("x y", "y < 5") >> where("x y", "y <= x"),
    ),
    "strict": (where("x y", "y < x+1"), where("x y", "y <= x")),
    "two dropouts": (DROP @ DROP >> mul, DROP @ DROP >> swap() >> mul),
    "two axes": (softmax("[a b]"), TURN >> softmax("[a b]") >> TURN),
    "names": (where("x y", "y <= x"), where("a b", "b <= a")),
    "rings of two and three": (rings("ab", "cde"), rings("abc", "de")),
}


@pytest.mark.parametrize("name", SAME)
def test_equal(name):
    one, other = SAME[name]
    assert one.equal(other) == Equal
    assert other.equal(one) == Equal


def test_laws():
    options = {"declared": False, "random": False}
    check(Circuits(Circuit.equal, **options), circuit_equality, max_examples=15).raise_()


PLAIN = [pair for name, pair in SAME.items() if "dropout" not in name and "discard" not in name]


def test_numbers_tell_apart():
    for one, other in PLAIN:
        assert not difference(one, other, 1)
    assert relu.equal(relu >> relu, numbers=0) == NotEqual  # not by these laws, and numbers agree
    for one, other in [(relu, relu >> view("m -> m", outside=1.0)), (DROP, relu), (A, A @ A)]:
        assert one.equal(other) == one.equal(other, numbers=0)
    found = A.equal(A >> relu, numbers=0)
    assert "entry" in found.reason
    assert "laws" in found.reason


def other_parameters(monkeypatch):
    names = iter("abcdefghijklmnopqrstuvwxyz" * 100)
    seeds = evaluation.np.random.default_rng
    monkeypatch.setattr(
        evaluation.np.random, "default_rng", lambda seed: seeds([ord(next(names)), *seed])
    )


def no_tolerance(monkeypatch):
    monkeypatch.setattr(evaluation, "TOLERANCE", 0.0)


@pytest.mark.parametrize("mutant", [other_parameters, no_tolerance])
def test_mutants_of_numbers_are_rejected(mutant, monkeypatch):
    mutant(monkeypatch)
    assert any(difference(one, other, 1) for one, other in PLAIN)


def forms_alone(monkeypatch):
    monkeypatch.setattr(Entries, "guard", lambda self, conditions, outside, call: call)


def samples_are_values(monkeypatch):
    monkeypatch.setitem(KERNELS, "dropout", replace(KERNELS["dropout"], deterministic=True))


def exp_is_fixed(monkeypatch):
    monkeypatch.setitem(KERNELS, "exp", replace(KERNELS["exp"], fixes=None))


def biases_are_factors(monkeypatch):
    monkeypatch.setattr(Entries, "add", Entries.product)


def isolated_variables_vanish(monkeypatch):
    total = Entries.total
    monkeypatch.setattr(Entries, "total", lambda self, product, summed: total(
        self, product, {v for call in product.factors for v in call[1]}.intersection(summed)
    ))  # fmt: skip


def axes_have_one_index(monkeypatch):
    variable = Entries.variable
    monkeypatch.setattr(Entries, "variable", lambda self, size: variable(self, Size.of(1)))


def targets_have_no_order(monkeypatch):
    monkeypatch.setitem(KERNELS, "angle", replace(KERNELS["angle"], symmetric=True))


def axes_are_not_compared(monkeypatch):
    monkeypatch.setattr(equality, "sizes_apart", lambda *given: "")


def refined_alone(monkeypatch):
    seen = Entries.seen

    def orders(self, groups, colours, free):
        colours = self.refined(groups, colours)
        self.colours = colours
        yield tuple(sorted(colours, key=lambda v: (v >= free, colours[v])))

    monkeypatch.setattr(Entries, "orders", orders)
    monkeypatch.setattr(Entries, "seen", lambda self, group, at: seen(
        self, group, at if min(at.values(), default=0) < 0 else self.colours
    ))  # fmt: skip


UNSOUND = [
    (forms_alone, "up and down, as forms"),
    (samples_are_values, "two dropouts and one"),
    (exp_is_fixed, "exp and an outside value"),
    (biases_are_factors, "a square and a sum"),
    (isolated_variables_vanish, "a repetition that is summed"),
    (axes_have_one_index, "a repetition that is summed"),
    (targets_have_no_order, "angles and places that change roles"),
    (axes_are_not_compared, "one axis and two"),
]


@pytest.mark.parametrize(("mutant", "name"), UNSOUND)
def test_unsound_mutants_are_rejected(mutant, name, monkeypatch):
    mutant(monkeypatch)
    (pair,) = (pair for pair in near_misses() if pair.name == name)
    apart = circuit_equality.only("apart")
    found = check(Circuits(Circuit.equal), apart, max_examples=1, pairs=[pair], shrink=False)
    assert found.broken == ("apart",)


def test_refinement_alone_is_unsound(monkeypatch):
    one, other = rings("abcdef"), rings("abc", "def")
    assert one.equal(other) == NotEqual
    refined_alone(monkeypatch)
    assert one.equal(other) == Equal


def sums_are_not_joined(monkeypatch):
    monkeypatch.setattr(Entries, "_joined", lambda self, found, bound: (found, bound))


def targets_have_an_order(monkeypatch):
    monkeypatch.setitem(KERNELS, "softmax", replace(KERNELS["softmax"], symmetric=False))


def the_first_of_ties_alone(monkeypatch):
    orders = Entries.orders
    monkeypatch.setattr(Entries, "orders", lambda *given: islice(orders(*given), 1))


INCOMPLETE = [
    (isolated_variables_vanish, "repeat and sum"),
    (sums_are_not_joined, "joined sum"),
    (targets_have_an_order, "two axes"),
    (the_first_of_ties_alone, "rings of two and three"),
]


@pytest.mark.parametrize(("mutant", "name"), INCOMPLETE)
def test_incomplete_mutants_are_rejected(mutant, name, monkeypatch):
    mutant(monkeypatch)
    one, other = SAME[name]
    assert one.equal(other) == NotEqual


def shuffled(circuit: Circuit, seed: int) -> Circuit:
    """A copy with boxes, variables, and operands that commute in another order."""
    rng, draft = Random(seed), Draft.of(circuit.apex)
    for k, box in enumerate(draft.boxes):
        operation = box.operation
        if operation.kernel.name not in ("add", "mul", "contraction"):
            continue
        pairs = [*zip(box.ins, operation.readings, strict=True)]
        if any(reading is None for _, reading in pairs):
            continue
        rng.shuffle(pairs)
        made = replace(operation, readings=tuple(reading for _, reading in pairs))
        if not any(one is not None and one.atoms and any(
            hasattr(atom, "operand") for atom, _ in one.atoms) for _, one in pairs):  # fmt: skip
            draft.boxes[k] = box._replace(ins=[wire for wire, _ in pairs], operation=made)
    rng.shuffle(draft.boxes)
    return Circuit.of(draft, circuit.dom, circuit.cod)


@settings(max_examples=40, deadline=None)
@given(array_circuits(most=4), st.integers(0, 9))
def test_shuffled_copies_are_equal(circuit, seed):
    other = shuffled(circuit, seed)
    assert circuit.equal(circuit) == Equal
    assert circuit.equal(other) == Equal


@settings(max_examples=40, deadline=None)
@given(st.lists(array_circuits(1, declared=False, random=False), min_size=6, max_size=6))
def test_equal_circuits_are_equal_as_numbers(circuits):
    for k, one in enumerate(circuits):
        for other in circuits[:k]:
            if len(one.cod) == len(other.cod) and one.equal(other) == Equal:
                assert same_values(one, other)


def test_reasons():
    assert "softmax" in softmax("[x] y").equal(softmax("x [y]")).reason
    assert "input 0" in relu.at_dom((3,)).equal(relu.at_dom((4,))).reason
    assert relu.equal(relu).reason
    assert (A >> relu).equal(relu >> A) == NotEqual


def test_definitions_are_unfolded_on_request():
    folded, whole = softmax("[y]"), softmax("[y]").unfold()
    assert folded.equal(whole) == NotEqual
    assert folded.equal(whole, unfold=True) == Equal
    assert folded.equal(softmax("[y]") >> relu, unfold=True) == NotEqual


def doubled(times: int) -> Circuit:
    return compose(*[lift(copy(2) >> mul, "m")] * times)


def chained(times: int) -> Circuit:
    return compose(*[residual(linear(f"A{k}", "m -> n", n="m")) for k in range(times)])


@pytest.mark.parametrize(("circuit", "first", "each"), [(doubled, 1, 1), (chained, 1, 3)])
def test_entries_grow_linearly(circuit, first, each, monkeypatch):
    """So few are enough; with fewer, nothing is known."""
    for times in (10, 20):
        one = circuit(times)
        other = one >> view("m -> m")
        monkeypatch.setattr(entries, "MOST_NODES", first + each * times)
        assert one.equal(other) == Equal
        monkeypatch.setattr(entries, "MOST_NODES", first + each * times - 1)
        assert one.equal(other) == Unknown


def test_residual_chains_take_time_that_grows_linearly(monkeypatch):
    """So many items are handled; without trees of sums four times as many for twice the length."""
    handled, make = [], Entries.make
    monkeypatch.setattr(Entries, "make", lambda self, head, items, *more: (
        handled.append(len(items)) or make(self, head, items, *more)
    ))  # fmt: skip
    found = []
    for times in (100, 200):
        handled.clear()
        chain = compose(*[copy(2) >> relu @ idle >> add] * times)
        assert chain.equal(chain >> relu) == NotEqual
        found.append(sum(handled))
    assert found[1] < 2.6 * found[0]


def test_deep_circuits_are_read_at_other_indices():
    limit = sys.getrecursionlimit()
    deep = compose(*[relu] * 150)
    sys.setrecursionlimit(len(inspect.stack(0)) + 250)
    try:
        assert (deep >> SHIFT).equal(SHIFT >> deep) == Equal
    finally:
        sys.setrecursionlimit(limit)


def test_models_equal_themselves_bracketed_otherwise():
    layers = [gpt2_layer().named(str(k)) for k in range(3)]
    one = (layers[0] >> layers[1]) >> layers[2]
    assert one.equal(layers[0] >> (layers[1] >> layers[2])) == Equal
    twice = copy(2) >> mixtral_layer() @ (mixtral_layer() >> discard)
    assert mixtral_layer().equal(twice) == Equal


def long_sum(terms, random):
    """Return a sum of maps of an array, as it is or transposed, bracketed at random."""

    @traced("x y")
    def total(one):
        made = [[one], [view("x y -> y x")(one)]]
        for some in made:
            for _ in range(7):
                some.append(tanh(some[-1]))
        items = [made[k % 2][k // 2] for k in terms]
        while len(items) > 1:
            k = random.randrange(len(items) - 1)
            left, right = items.pop(k), items.pop(k)
            items.insert(k, add(left, right) if random.random() < 0.5 else add(right, left))
        return items[0]

    return total


def test_long_sums_are_equal_if_their_terms_are(monkeypatch):
    monkeypatch.setattr(entries, "MOST_TERMS", 2)
    monkeypatch.setattr(entries, "BITS", 1)
    turn = view("x y -> y x")
    for seed in range(3):
        random = Random(seed)
        terms = [random.randrange(16) for _ in range(12)]
        one, other = long_sum(terms, random), long_sum(sorted(terms), random)
        assert (turn >> one).equal(other >> turn) == Equal
        assert one.equal(long_sum([*terms[1:], terms[0] ^ 2], random)) == NotEqual


def sums_are_one_tree(random):
    """Whether a sum is the same whichever sums it is made of, branches of its own tree too."""
    table = Entries()
    x = (Form.variable(table.variable(Size.of("n"))),)
    terms = [table.array(("input", k), x) for k in range(100)]
    whole = table.add((one, 1) for one in terms)
    parts = [[whole]]
    while parts[-1]:
        items = [one for call in parts[-1] for _, one in table._items_of(call)]
        parts.append([one for one in items if table._terms_of(one) > 1])
    for part in [one for some in parts[1:] for one in some]:
        inside = table._written_out([(part, 1)])
        rest = [(one, 1) for one in terms if one not in inside]
        random.shuffle(rest)
        half = len(rest) // 2
        sums = [(part, 1), *rest], [(table.add(rest[:half]), 1), (part, 1), *rest[half:]]
        if any(table.add(some) != whole for some in sums):
            return False
    return len(parts) > 2


def test_long_sums_are_one_tree(monkeypatch, mutants):
    monkeypatch.setattr(entries, "MOST_TERMS", 3)
    monkeypatch.setattr(entries, "BITS", 2)
    assert sums_are_one_tree(Random(0))
    with mutants("a branch of a sum is taken for the whole sum"), monkeypatch.context() as patch:
        patch.setattr(Entries, "_is_tree", lambda self, call: self._terms_of(call) > 1)
        assert not sums_are_one_tree(Random(0))
    with mutants("terms of a long sum stand where they came"), monkeypatch.context() as patch:
        places = count()
        patch.setattr(entries, "_branch", lambda call, level: next(places) % 4)
        assert not sums_are_one_tree(Random(0))
