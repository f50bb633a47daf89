"""The laws of folds, each with what breaks it, and cases with known answers."""

from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    add,
    einsum,
    exp,
    idle,
    maximum,
    neg,
    programmed,
    softmax,
    stop,
    tensor,
    traced,
    view,
    where,
)
from catlearn.lowering.streamed import FoldRun
from catlearn.models.circuits import FUNCTIONS, LoweredCircuit, functions_of
from catlearn.streams import RULES, folding, stream
from catlearn.streams.normal import Rewriting
from tests.streams.cascades import cascade, given
from tests.streams.prefixes import PREFIXES
from tests.streams.programs import FOLDS, apart, arrays, attention_by_hand, both
from tests.streams.test_folds import curvature

masked = where("q x") >> softmax("[x]")
masked_attention = masked @ idle >> einsum("q x, x e -> q e")
"""Of scores and a mask: a row may have no open entry in a block, or in none."""

ROWS = np.array([[1] * 8, [0] * 4 + [1] * 4, [0] * 8, [1] + [0] * 7], bool)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def value(fn, xs):
    """Return what a function without parameters makes of arrays, compiled as one."""
    return jax.jit(lambda *xs: fn({}, *xs))(*xs)


def parts(fold, xs):
    """Return what runs a circuit of a fold, by name."""
    sizes = LoweredCircuit(fold.circuit).sizes([x.shape for x in xs])

    @partial(jax.jit, static_argnames=("name", "block"))
    def made(*given, name, block):
        program = programmed(getattr(fold, name), {**sizes, fold.block: block})
        return tuple(program.run(functions_of(None), given))

    return lambda name, *given, block=0: made(*given, name=name, block=block)


# ---------------------------------------------------------------- merging


MERGED = ("attention by hand", "variance", "spherical", "centred twice", "entropy")


@cache
def in_blocks(name):
    """Return what runs parts of a fold, what is fixed, and three blocks with their indices."""
    circuit, variable, shapes, _ = FOLDS[name]
    fold, xs = stream(circuit, variable), arrays(shapes)
    run = parts(fold, xs)
    head = run("head", *xs)
    blocks = []
    for start, end in ((0, 6), (6, 13), (13, 20)):
        read = [jax.lax.slice_in_dim(one, start, end, axis=axis)
                for one, axis in zip(head[fold.fixed :], fold.entries, strict=True)]  # fmt: skip
        blocks.append([*read, jnp.arange(start, end)])
    return run, head[: fold.fixed], blocks


@pytest.mark.parametrize("name", MERGED)
def test_states_are_merged_in_any_order(name):
    circuit, _, shapes, _ = FOLDS[name]
    run, fixed, blocks = in_blocks(name)
    states = [run("lift", *fixed, *one, block=len(one[-1])) for one in blocks]

    def merged(one, other):
        return run("merge", *one, *other, *fixed)

    a, b, c = states
    whole = value(cl.lower(circuit), arrays(shapes))
    for state in (merged(merged(a, b), c), merged(a, merged(b, c)), merged(merged(c, b), a)):
        found = run("tail", *state, *fixed)
        assert apart(found, jax.tree.leaves(whole)) < 1e-11


def step_error(run, fixed, blocks):
    """Return by how much a step differs from the merge with the lift of a block."""
    first, second, _ = blocks
    state, more = (run("lift", *fixed, *one, block=len(one[-1])) for one in (first, second))
    made = run("step", *state, *fixed, *second, block=len(second[-1]))
    return apart(made, run("merge", *state, *more, *fixed))


@pytest.mark.parametrize("name", MERGED)
def test_a_step_is_the_merge_with_the_lift_of_a_block(name):
    assert step_error(*in_blocks(name)) < 1e-12


def test_a_block_at_the_new_references_is_not_moved_again(mutants, monkeypatch):
    merged = folding._merged
    with mutants("streams: a step moves its block from the block's references"):
        monkeypatch.setattr(folding, "_merged", lambda *a, at_new=False: merged(*a))
        assert step_error(*in_blocks.__wrapped__("attention by hand")) > 1e-3


def test_a_softmax_and_its_definition_have_one_fold():
    box = einsum("q d, x d -> q x", scale="d**-0.5") >> softmax("[x]")
    one = stream(box @ idle >> einsum("q x, x e -> q e"), "x")
    other = stream(attention_by_hand, "x")
    assert one.kinds == other.kinds == ("max", "sum", "sum")
    xs = arrays([(5, 3), (100, 3), (100, 4)])
    whole = value(cl.lower(attention_by_hand), xs)
    for fold, block in ((one, 7), (other, 16), (one, 100)):
        assert apart(value(cl.lower(fold, block=block), xs), whole) < 1e-14


# ---------------------------------------------------------------- masks


@cache
def masked_slopes():
    """Return what makes gradients and values, of the fold and of the circuit."""

    def slope(fn, mask, s, v):
        def total(s, v):
            made = fn({}, mask, s, v)
            return jnp.sum(jnp.sin(made)), made

        return jax.grad(total, (0, 1), has_aux=True)(s, v)

    fns = cl.lower(stream(masked_attention, "x"), block=4), cl.lower(masked_attention)
    return jax.jit(lambda *given: [slope(fn, *given) for fn in fns])


def masks_agree(shift=0.0, rows=ROWS, slopes=None):
    """Whether values, and gradients if each row has an open entry, are those of the circuit."""
    random = np.random.default_rng(1)
    mask = jnp.asarray(rows)
    s = jnp.asarray(random.normal(size=rows.shape) + shift, jnp.float32)
    v = jnp.asarray(random.normal(size=(8, 3)), jnp.float32)
    (one, made), (other, whole) = jax.device_get((slopes or masked_slopes())(mask, s, v))
    closed = ~rows.any(1)
    same = bool(np.isnan(made[closed]).all() and np.isnan(whole[closed]).all())
    same &= np.allclose(made[~closed], whole[~closed], 1e-6, 1e-6)
    if not closed.any():
        same &= all(np.isfinite(g).all() for g in one) and apart(one, other) < 1e-6
    return same


OPEN = ROWS | (np.arange(4) == 2)[:, None]


@pytest.mark.parametrize("shift", [-200.0, -1e4])
def test_rows_may_be_masked_in_a_block(shift):
    assert masks_agree(shift, OPEN)


def test_rows_without_an_open_entry_are_not_a_number():
    assert masks_agree()


def test_without_a_unit_for_each_row_masked_blocks_are_wrong(mutants, monkeypatch):
    with mutants("streams: a block without an open entry is no unit"):
        monkeypatch.setitem(FUNCTIONS, "shifted", jnp.subtract)
        assert not masks_agree(rows=OPEN, slopes=masked_slopes.__wrapped__())


def test_a_finite_fill_takes_part_in_rows_without_an_open_entry():
    fill = where("q x", "q > x", outside=-1e30) >> softmax("[x]")
    circuit = fill @ idle >> einsum("q x, x e -> q e")
    s, v = arrays([(16, 16), (16, 3)])
    made = value(cl.lower(stream(circuit, "x"), block=4), (s, v))
    assert apart(made, value(cl.lower(circuit), (s, v))) < 1e-13
    assert jnp.allclose(made[0], v.mean(0))


def test_ties_of_the_greatest_entry_share_its_gradient(mutants):
    fold = stream(maximum("[x] -> "), "x")
    x = jnp.array([1.0, 3.0, 3.0, 0.0, 3.0, 2.0])

    def share(fold):
        return jax.jit(jax.grad(lambda x: cl.lower(fold, block=2)({}, x)))(x)

    want = jnp.array([0, 1, 1, 0, 1, 0]) / 3
    assert jnp.allclose(share(fold), want)
    with mutants("streams: a greatest entry that outputs depend on is dropped"):
        assert not jnp.allclose(share(replace(fold, dropped=(True,))), want)


def test_a_finite_fill_does_not_tie_what_is_greatest(monkeypatch):
    """Rounding of a fill of -1e30 is more than all entries."""
    fold = stream(where("q x", "x <= q", outside=-1e30) >> maximum("q [x] -> q"), "x")
    x = arrays([(6, 6)])[0]
    want = jax.grad(lambda x: jnp.where(jnp.tri(6) > 0, x, -1e30).max(1).sum())(x)

    def apart_by():
        return abs(jax.grad(lambda x: cl.lower(fold, block=4)({}, x).sum())(x) - want).max()

    assert apart_by() == 0
    attained = FoldRun.attained
    monkeypatch.setattr(FoldRun, "attained", lambda *of: attained(*of)[1:] * 2)
    assert apart_by() > 0.1


# ---------------------------------------------------------------- references


def test_references_are_read_from_moved_accumulators(mutants):
    """If they are not, values are right and gradients wrong."""
    circuit, variable, shapes, _ = FOLDS["centred twice"]
    fold, xs = stream(circuit, variable), arrays(shapes)
    with mutants("streams: references are read from the state as it is"):
        moved = Circuit.of(fold.moved.apex, fold.moved.dom, fold.moved.dom[: len(fold.state)])
        fn, whole = cl.lower(replace(fold, moved=moved), block=7), cl.lower(circuit)
        (gradients, made), (slopes, wanted) = both(fn, xs), both(whole, xs)
        assert apart(made, wanted) < 1e-13
        assert apart(gradients, slopes) > 1e-3


def test_references_are_values_of_the_state(mutants):
    """If gradients of them are stopped, those are right and second ones wrong."""
    circuit, variable, shapes, _ = FOLDS["variance"]
    fold, xs = stream(circuit, variable), arrays(shapes)
    with mutants("streams: gradients of references are stopped"):
        stopped = fold.references >> tensor(*(stop() for _ in fold.references.cod))
        fn, whole = cl.lower(replace(fold, references=stopped), block=7), cl.lower(circuit)
        assert apart(both(fn, xs), both(whole, xs)) < 1e-13
        assert apart(curvature(fn, xs), curvature(whole, xs)) > 1e-3


# ---------------------------------------------------------------- certificates


BROKEN = {
    "distribution": lambda data: {"products": data["products"][1:]},
    "exp of a sum": lambda data: {"sign": -1},
    "log of a product": lambda data: {"sign": -1},
    "indicator": lambda data: {"inside": 1.0},
    "fill": lambda data: {"outside": 0.0},
    "greatest": lambda data: {"sign": -1},
    "sum": lambda data: {"order": (0, 1, 1)},
    "larger": lambda data: {"order": (0, 1, 1)},
    "unit": lambda data: {"empty": 0.0},
    "prefix": lambda data: {"order": (0, 1, 1)},
    "rounds": lambda data: {"kept": 0.5},
    "affine maps": lambda data: {"by": 0},
    "decays": lambda data: {"weight": 1.0, "add": 1.0, "by": 1},
    "polynomial maps": lambda data: {"by": 1},
    "cocycle of exp": lambda data: {"sign": -1},
    "cocycle of powers": lambda data: {"coefficients": ((1,), (1, 1), (1, 0, 1))},
}
"""For each rule what is changed in the data of an instance."""


@traced("q x", "x e")
def masked_after(s, v):
    """Mask what the greatest entry was subtracted from."""
    gap = add(s, neg(view("q -> q x")(maximum("q [x] -> q")(s))))
    return einsum("q x, x e -> q e")(exp(where("q x", "x <= q")(gap)), v)


USED = (
    FOLDS["centred twice"][:2], (masked_after, "x"), (cascade(10)[0], "x"),
    PREFIXES["cumulative sum"][:2], PREFIXES["recurrence"][:2], PREFIXES["gated"][:2],
    PREFIXES["sums of sums"][:2],
)  # fmt: skip
"""Folds that have instances of all rules."""


def test_an_instance_of_a_rule_that_is_changed_is_named(mutants):
    left = {*RULES}
    for circuit, variable in USED:
        fold = stream(circuit, variable)
        for place, one in enumerate(fold.certificate):
            if one.rule.name in left:
                left.remove(one.rule.name)
                data = {**dict(one.data), **BROKEN[one.rule.name](dict(one.data))}
                changed = [*fold.certificate]
                changed[place] = replace(one, data=tuple(data.items()))
                with mutants(f"streams: {one.rule.name} is changed in a certificate"):
                    (failure,) = replace(fold, certificate=tuple(changed)).check()
                    assert one.rule.name in str(failure)
    assert not left  # each is used


def inputs(name):
    circuit, variable, shapes, _ = FOLDS[name]
    return circuit, variable, arrays(shapes)


NUMBERS = {
    "cocycle of exp": inputs("attention by hand"),
    "cocycle of powers": inputs("centred twice"),
    "distribution": (cascade(9)[0], "x", given(9)),
}


@pytest.mark.parametrize("rule", NUMBERS)
def test_what_is_used_is_what_the_certificate_says(rule, mutants, monkeypatch):
    circuit, variable, xs = NUMBERS[rule]
    note = Rewriting.note

    def noted(self, what, box, **data):
        changed = BROKEN[rule](data) if what == rule else {}
        return note(self, what, box, **{**data, **changed})

    with mutants(f"streams: {rule} with other data"):
        monkeypatch.setattr(Rewriting, "note", noted)
        fn, whole = cl.lower(stream(circuit, variable), block=10), cl.lower(circuit)
        assert not apart(value(fn, xs), value(whole, xs)) < 1e-3
