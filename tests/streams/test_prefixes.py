"""Prefix folds: outputs keep the axis, and blocks of it are read with a state of the past."""

import functools

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from catlearn.arrays import einsum, idle, where
from catlearn.arrays.forms import Reading
from catlearn.formats import from_json, to_json
from catlearn.lowering import streamed, to_pallas, to_source
from catlearn.lowering.streamed import PrefixRun
from catlearn.models.circuits import LoweredCircuit
from catlearn.streams import StreamRefused, prefix, stream, streamable
from catlearn.streams.merging import Polynomials
from catlearn.streams.normal import Rewriting
from catlearn.streams.prefix import PrefixFold
from catlearn.zoo.architectures import selective
from tests.streams.prefixes import (
    KEPT,
    PREFIXES,
    ROWS,
    UNMERGED,
    N,
    gated_heads,
    random_prefix,
    state_space,
)
from tests.streams.programs import apart, arrays, both
from tests.streams.test_folds import curvature
from tests.streams.test_laws import value


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


SLOPES = ("linear attention", "gated", "running greatest", "recurrence", "spread")
"""Of which gradients are compared, too; they are of random programs."""


@pytest.mark.parametrize("name", PREFIXES)
def test_a_prefix_fold_has_the_values_and_gradients_of_its_circuit(name, monkeypatch):
    monkeypatch.setattr(streamed, "SEVERAL", 1)  # sums are compensated
    monkeypatch.setattr(streamed, "SMALL", 0)
    circuit, variable, shapes = PREFIXES[name]
    fold = stream(circuit, variable)
    assert isinstance(fold, PrefixFold)
    assert not fold.check()
    xs, fns = arrays(shapes), (cl.lower(fold, block=3), cl.lower(circuit))
    found = (both(fn, xs) if name in SLOPES else value(fn, xs) for fn in fns)
    assert apart(*found) < 1e-12


@pytest.mark.parametrize("block", [4, N + 1])
def test_blocks_have_any_size(block):
    circuit, variable, shapes = PREFIXES["gated"]
    fns, xs = (cl.lower(stream(circuit, variable), block=block), cl.lower(circuit)), arrays(shapes)
    assert apart(*(value(fn, xs) for fn in fns)) < 1e-12


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_prefix_fold_is_refused(name):
    circuit, variable = KEPT[name]
    with pytest.raises(StreamRefused) as caught:
        stream(circuit, variable)
    assert streamable(circuit)[variable] == str(caught.value)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_prefix_programs(seed):
    circuit = random_prefix(seed)
    fold = stream(circuit, "t")
    xs = arrays([ROWS, ROWS, (N,), (3,)], seed)
    found, whole = (both(fn, xs) for fn in (cl.lower(fold, block=3), cl.lower(circuit)))
    assert apart(found, whole) < 1e-10


@pytest.mark.parametrize("name", ["gated", "running greatest", "state space", "spread"])
def test_a_prefix_fold_is_a_circuit_with_a_scan_and_a_text(name):
    circuit, variable, shapes = PREFIXES[name]
    xs, whole = arrays(shapes), value(cl.lower(circuit), arrays(shapes))
    fold = stream(circuit.at_dom(*shapes), variable)
    loop = stream(circuit, variable).looped(2)
    assert from_json(to_json(loop)) == loop
    assert "carrying" in cl.draw(fold).svg
    assert apart(value(cl.lower(loop), xs), whole) < 1e-13
    space = {}
    for block in (2, 4):  # a multiple, and with a remainder
        exec(to_source(fold, block=block), space)
        made = jax.jit(space["fold"])(*xs)
        assert apart(made, jax.tree.leaves(whole)) < 1e-13


HEADS = einsum("h t d, h s d -> h t s") >> where("t s", "s <= t", outside=0.0)
HEADS = HEADS @ idle >> einsum("h t s, h s e -> h t e")


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", ["heads", "gated", "recurrence"])
def test_a_kernel_writes_blocks_of_outputs_and_states(name, inside):
    cases = {**PREFIXES, "heads": (HEADS, "t", [(4, N, 3)] * 3)}
    circuit, variable, shapes = cases[name]
    tiles = {"t": 2 if name == "heads" else 4, **({"h": 2} if name == "heads" else {})}
    fn, xs = (
        to_pallas(stream(circuit, variable), tiles, interpret=True, inside=inside),
        arrays(shapes),
    )
    assert apart(both(fn, xs), both(cl.lower(circuit), xs)) < 1e-13


def test_a_kernel_has_no_blocks_of_what_runs_whole_before():
    with pytest.raises(StreamRefused):
        to_pallas(stream(state_space, "t"), {"t": 2, "c": 1})


# ---------------------------------------------------------------- laws


STATES = (
    "linear attention", "normalised", "gated", "running greatest", "recurrence", "state space",
    "sums of sums", "mean of sums", "two linear layers", "weighted sums", "thrice",
    "products of sums", "mixing", "momentum", "delta rule",
)  # fmt: skip


def run_of(fold, xs, block):
    """Return what runs a fold by blocks, what is fixed, and of what blocks are read."""
    run = PrefixRun(fold, LoweredCircuit(fold.circuit).sizes([x.shape for x in xs]), block, {},
                    "stream")  # fmt: skip
    return run, *run.head(*xs)


def in_parts(fold, xs):
    """Return the states of three parts of the indices, that of all, and what merges two."""
    run, fixed, entries = run_of(fold, xs, N)
    inner = fixed[run.scans :]

    @jax.jit
    def merged(one, other):
        return run.part("merge", (*one, *other, *inner))

    @jax.jit
    def lifted():
        return [
            run.part("lift", (*inner, *run.blocks(entries, start, end - start)), end - start)
            for start, end in ((0, 2), (2, 4), (4, N), (0, N))
        ]

    *parts, whole = lifted()
    return parts, whole, merged


@pytest.mark.parametrize("name", [*STATES, "gated heads"])
def test_states_are_merged_in_any_bracketing(name):
    cases = {**PREFIXES, "gated heads": (gated_heads, "t", [(N, 2, 3)] * 3 + [(N, 2)])}
    circuit, variable, shapes = cases[name]
    fold, xs = stream(circuit, variable), arrays(shapes)
    (a, b, c), whole, merged = in_parts(fold, xs)
    for found in (merged(merged(a, b), c), merged(a, merged(b, c))):
        assert apart(found, whole) < 1e-13
    run, fixed, _ = run_of(fold, xs, N)
    if run.scans:
        ends = value(cl.lower(circuit), xs)[: run.scans]
        assert apart(run.placed(whole, fixed), [*ends]) < 1e-13


def test_the_state_of_rounds_that_mix_indices_is_a_product_of_matrices(mutants, monkeypatch):
    circuit, variable, shapes = PREFIXES["mixing"]
    xs, identity = arrays(shapes), prefix._Derivation._identity
    want = functools.reduce(lambda made, a: a @ made, xs[1], jnp.eye(3))

    def made():
        return in_parts(stream(circuit, variable), xs)[1][0]

    assert apart(made(), want) < 1e-13
    circuit_of_heads, _, _ = PREFIXES["delta rule"]
    (factor, _), rows = stream(circuit_of_heads, "t").lift.cod, "h d e d"
    assert stream(circuit_of_heads, "t").lift.shapes([factor]) == [f"R[{rows}]"]
    with mutants("streams: the derivative of what goes round by its start is not 1 there"):
        monkeypatch.setattr(
            prefix._Derivation, "_identity", lambda self, *of: identity(self, *of[:2], False)
        )
        assert apart(made(), want) > 1e-3


def test_what_is_kept_moves_by_the_decays_before_it(mutants, monkeypatch):
    """The greatest -c is of sums from the part on; it is less by the sum before."""
    circuit, variable, shapes = PREFIXES["gated"]
    with mutants("streams: a later state is merged as if nothing were before it"):
        monkeypatch.setattr(prefix, "sloped", lambda *row: prefix.FLAT)
        (a, b, c), whole, merged = in_parts(stream(circuit, variable), arrays(shapes))
        assert not apart(merged(merged(a, b), c), whole) < 1e-3


def test_a_selective_state_space_is_a_prefix_fold():
    fold = stream(selective(), "x")
    assert fold.kinds == ("scan",)
    assert fold.merge is not None


def test_polynomials_are_composed(mutants, monkeypatch):
    circuit, variable, shapes = PREFIXES["two linear layers"]
    with mutants("streams: of polynomials that are composed the second is at the states before"):
        added_to = Polynomials._added_to
        monkeypatch.setattr(Polynomials, "_added_to", lambda *of: added_to(*of)[:1])
        (a, b, c), whole, merged = in_parts(stream(circuit, variable), arrays(shapes))
        assert not apart(merged(merged(a, b), c), whole) < 1e-3


@pytest.mark.parametrize("name", UNMERGED)
def test_states_that_depend_on_those_before_are_not_merged(name):
    circuit, theorem = UNMERGED[name]
    fold = stream(circuit, "t")
    assert fold.merge is None
    assert fold.unmerged
    assert ("Theorem B" in fold.unmerged) == theorem


@pytest.mark.parametrize("name", STATES)
def test_why_states_are_not_merged_is_not_said_of_those_that_are(name):
    circuit, variable, _ = PREFIXES[name]
    assert not stream(circuit, variable).unmerged


def test_second_derivatives():
    circuit, variable, shapes = PREFIXES["gated"]
    xs = arrays(shapes)
    fns = (cl.lower(stream(circuit, variable), block=3), cl.lower(circuit))
    assert apart(*(curvature(fn, xs) for fn in fns)) < 1e-11


def test_a_checkpointed_loop_has_the_same_gradients_and_is_differentiated_forward():
    circuit, variable, shapes = PREFIXES["linear attention"]
    fold, xs = stream(circuit, variable), arrays(shapes)
    again, whole = cl.lower(fold, block=3, reverse="checkpoint"), cl.lower(circuit)
    assert apart(both(again, xs), both(whole, xs)) < 1e-13
    along = tuple(map(jnp.cos, xs))

    @jax.jit
    def forward():
        return [
            jax.jvp(lambda *own, fn=fn: fn({}, *own), tuple(xs), along) for fn in (again, whole)
        ]

    assert apart(*forward()) < 1e-13


def test_heads_may_be_made_in_blocks():
    circuit = HEADS
    xs = arrays([(2, N, 3)] * 3)
    fold = stream(circuit, "t")
    fns = (cl.lower(fold, block=3, group={"h": 1}), cl.lower(circuit))
    assert apart(*(value(fn, xs) for fn in fns)) < 1e-13
    with pytest.raises(StreamRefused):
        cl.lower(fold, group={"e": 1})


def test_the_state_has_32_bits_of_narrower_numbers():
    circuit, variable, _ = PREFIXES["linear attention"]
    exact = arrays([(48, 3)] * 3)
    xs = [x.astype(jnp.bfloat16) for x in exact]
    want = value(cl.lower(circuit), [x.astype(jnp.float64) for x in xs])
    found, whole = (
        value(fn, xs) for fn in (cl.lower(stream(circuit, variable), block=3), cl.lower(circuit))
    )
    assert found.dtype == whole.dtype == jnp.bfloat16
    errors = [jnp.abs(one.astype(jnp.float64) - want).max() for one in (found, whole)]
    assert errors[0] <= 1.2 * errors[1]


@pytest.mark.parametrize("name", ["linear attention", "gated"])
def test_errors_are_at_most_twice_those_of_the_circuit(name):
    """In float32 against float64: of values and gradients, where decays are large, too."""
    circuit, variable, shapes = PREFIXES[name]
    exact = arrays([[256 if size == N else size for size in shape] for shape in shapes])
    xs = [x.astype(jnp.float32) for x in exact]
    want = both(cl.lower(circuit), [x.astype(jnp.float64) for x in xs])
    fns = cl.lower(stream(circuit, variable), block=32), cl.lower(circuit)
    found, whole = (
        [float(jnp.sqrt(jnp.mean(jnp.square(a.astype(jnp.float64) - b))))
         for a, b in zip(jax.tree.leaves(both(fn, xs)), jax.tree.leaves(want), strict=True)]
        for fn in fns
    )  # fmt: skip
    assert all(one <= 2 * other for one, other in zip(found, whole, strict=True))


def test_what_is_kept_moves_with_its_reference(mutants, monkeypatch):
    """Decays are kept relative to the past: by the wrong sign they do not move there."""
    circuit, variable, shapes = PREFIXES["gated"]
    xs, note = arrays(shapes), Rewriting.note

    def noted(self, what, box, **data):
        return note(self, what, box, **({"sign": -1} if what == "cocycle of exp" else data))

    whole = value(cl.lower(circuit), xs)
    with mutants("streams: what is kept of the past moves the wrong way"):
        monkeypatch.setattr(Rewriting, "note", noted)
        made = value(cl.lower(stream(circuit, variable), block=2), xs)
        assert not apart(made, whole) < 1e-3


def test_a_block_is_read_with_the_state_before_it(mutants, monkeypatch):
    circuit, variable, shapes = PREFIXES["linear attention"]
    xs, parts = arrays(shapes), PrefixRun.parts
    whole = value(cl.lower(circuit), xs)

    def made():
        return value(cl.lower(stream(circuit, variable), block=3), xs)

    def late(self, name, state, *rest):
        after, emitted = parts(self, name, state, *rest)
        return after, parts(self, name, after, *rest)[1] if state else emitted

    assert apart(made(), whole) < 1e-13
    with mutants("streams: a block is read with the state after it"):
        monkeypatch.setattr(PrefixRun, "parts", late)
        assert not apart(made(), whole) < 1e-3


def test_what_is_hidden_later_and_filled_again_is_no_prefix(mutants, monkeypatch):
    circuit, variable = KEPT["filled"]
    xs = arrays([ROWS] * 3)
    whole = value(cl.lower(circuit), xs)
    with mutants("streams: what a second mask puts is what the first one did"):
        monkeypatch.setattr(Reading, "is_plain", True)
        made = value(cl.lower(stream(circuit, variable), block=2), xs)
        assert not apart(made, whole) < 1e-3


def test_a_mask_that_is_open_to_later_ones_is_no_prefix(mutants, monkeypatch):
    """Blocks of what is hidden later alone would give other numbers."""
    circuit, variable = KEPT["later ones, too"]
    xs = arrays([ROWS] * 3)
    whole = value(cl.lower(circuit), xs)
    with mutants("streams: masks hide what is later whatever they say"):
        monkeypatch.setattr(prefix, "_gap", lambda form, s, t: 0)
        made = value(cl.lower(stream(circuit, variable), block=3), xs)
        assert not apart(made, whole) < 1e-3


def test_prefix_folds_are_found_where_they_save_large_arrays():
    circuit, shapes = PREFIXES["gated"][0], [(64, 3)] * 3 + [(64,)]
    found = cl.lower(circuit, streams=["t"], block=16)
    (made,) = found.plan(*shapes).streamed
    assert made.title.endswith("/t")
    (island,), _ = found.islands(*shapes)
    assert isinstance(island.fold, PrefixFold)
    assert isinstance(streamable(circuit)["t"], PrefixFold)


def test_linear_attention_takes_a_twentieth_of_the_memory():
    circuit, variable, _ = PREFIXES["linear attention"]
    given = [jax.ShapeDtypeStruct((4096, 64), jnp.float32)] * 3

    def held(fn):
        def total(*xs):
            return jnp.sum(jnp.square(value(fn, xs)))

        made = jax.jit(jax.grad(total, (0, 1, 2))).lower(*given).compile()
        return made.memory_analysis().temp_size_in_bytes

    fold = cl.lower(stream(circuit, variable), block=64)
    assert held(fold) < held(cl.lower(circuit)) / 20
