"""Circuits with rounds as functions: laws, near misses, random ones, and mutants of the rules."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest

from catlearn.arrays import (
    Circuit,
    add,
    compose,
    copy,
    discard,
    dropout,
    einsum,
    equality,
    idle,
    lift,
    linear,
    mul,
    relu,
    softmax,
    swap,
    tanh,
    traced,
    view,
)
from catlearn.arrays.boxes import Draft
from catlearn.arrays.entries import Entries
from catlearn.arrays.forms import Form
from catlearn.arrays.recurrences import Recurrence
from catlearn.category import Equal, NotEqual, Unknown
from catlearn.errors import InvalidStructure
from catlearn.laws import Circuits, check, circuit_equality
from tests.arrays.refutation import same_values
from tests.arrays.test_equality import shuffled

STEP = add >> copy(2)
SUM = STEP.scan("t")
A, B = (linear(name, "m -> n", n="m") for name in "AB")
DROP, TURN = dropout(0.5), view("a b -> b a")
GATE = copy(2) >> (A >> relu) @ B >> mul
TURNED = copy(2) >> B @ (A >> relu) >> mul


def slid(left: str, right: str, before: str, after: str) -> tuple[Circuit, Circuit]:
    """A reading of the axes in front of a scan of sums, behind it and before it."""
    reading = view(f"{left} -> {right}") @ view(f"{left} t -> {right} t")
    return lift(SUM, before) >> reading, reading >> lift(SUM, after)


SAME = {
    "what follows a state": (SUM >> idle @ relu, (STEP >> idle @ relu).scan("t")),
    "what reads no state": ((idle @ (A >> relu)).scan("t"), idle @ lift(A >> relu, "t")),
    "a state that stays": (
        (copy(2) @ idle >> idle @ mul).scan("t"),
        copy(2) @ idle >> idle @ einsum(", t -> t"),
    ),
    "a transposition in front": slid("a b", "b a", "a b", "b a"),
    "a repetition in front": slid("m", "k m", "m", "k m"),
    "a split in front": slid("(h d)", "h d", "m", "h d"),
    "a join in front": [
        one.at_dom((2, 3), (2, 3, 4)) for one in slid("a b", "(a b)", "a b", "m")
    ],
    "a diagonal in front": slid("a a", "a", "a b", "a"),
    "operands in a round": (GATE.repeat("L", "layers"), TURNED.repeat("L", "layers")),
    "parameters that are shared": (
        GATE.repeat("L", "layers", shared="A"), TURNED.repeat("L", "layers", shared="A"),
    ),
    "rounds of rounds": (
        GATE.repeat("L", "one").repeat("M", "two"), TURNED.repeat("L", "one").repeat("M", "two"),
    ),
    "a lift goes into rounds": (
        lift(GATE.repeat(3, "layers"), "x"), lift(TURNED, "x").repeat(3, "layers"),
    ),
    "states apart": ((A @ B).repeat("L", "l"), A.repeat("L", "l") @ B.repeat("L", "l")),
    "states permuted": (
        (A @ B >> idle @ copy(2) >> add @ idle).repeat("L", "l"),
        swap() >> (B @ A >> copy(2) @ idle >> idle @ add).repeat("L", "l") >> swap(),
    ),
    "alike states are one": (copy(2) >> (A @ A).repeat("L", "l"), A.repeat("L", "l") >> copy(2)),
    "alike states that stay": (copy(2) >> swap().repeat("L", "turns"), copy(2)),
    "a state that no output needs": (
        (A @ relu).repeat("L", "l") >> idle @ discard, A.repeat("L", "l") @ (relu >> discard),
    ),
    "rounds in rounds": ((SUM >> idle @ relu).scan("u"), SUM.scan("u") >> idle @ relu),
    "samples of rounds": ((idle @ DROP).scan("t"), idle @ lift(DROP, "t")),
    "samples that go round": (
        (DROP @ DROP >> STEP).scan("t"), (DROP @ DROP >> swap() >> STEP).scan("t"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_equal(name):
    one, other = SAME[name]
    assert one.equal(other) == Equal
    assert other.equal(one) == Equal


def moved(change: Circuit) -> Circuit:
    """What a state is before each round, in which it is changed, and an entry is added."""
    added = change @ idle >> lift(add, "a b")
    found = (copy(2) @ idle >> swap(0, 2, 1) >> added @ idle).scan("t") >> discard @ idle
    return found.at_dom((3, 3), (4, 3, 3))


def follows(step: Callable[[Any, Any], Any], start: Circuit = idle @ idle) -> Circuit:
    """The first of two states, after three rounds."""
    return start >> traced("", "")(step).repeat(3, "a") >> idle @ discard


NESTED = STEP.scan("t").scan("u")
APART = {
    "another start": ((relu @ tanh).repeat(3, "a"), swap() >> (relu @ tanh).repeat(3, "a")),
    "which state follows": (
        follows(lambda s, r: (s * r, tanh(s))), follows(lambda s, r: (s * r, tanh(r))),
    ),
    "states that start alike": (
        follows(lambda s, r: (s * r, tanh(r)), copy(2)),
        follows(lambda s, r: (s * r, relu(r)), copy(2)),
    ),
    "states swapped": (swap().repeat(3, "a"), swap().repeat(4, "a")),
    "another number of rounds": (tanh.repeat(2, "a"), tanh.repeat(3, "a")),
    "before and after a round": (SUM, (copy(2) @ idle >> idle @ add >> swap()).scan("t")),
    "outer rounds for inner ones": [
        one.at_dom((), (3, 3)) for one in (NESTED, idle @ TURN >> NESTED)
    ],
    "a transposition in each round": (moved(view("a b -> a b")), moved(TURN)),
    "a diagonal in each round": (
        moved(view("a b -> a b")), moved(view("a a -> a") >> view("a -> a b")),
    ),
    "what is read in each round": (
        (idle @ relu >> STEP).scan("t"), (idle @ tanh >> STEP).scan("t"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_near_misses(name):
    one, other = APART[name]
    assert one.equal(other) != Equal
    assert one.equal(other, numbers=0) == NotEqual


def test_what_scans_are_made_of_decides():
    assert (SUM @ relu).equal(SUM @ tanh) == NotEqual
    assert SUM.equal(APART["before and after a round"][1]) == Unknown
    assert (DROP @ DROP >> STEP).scan("t").equal((DROP @ idle >> STEP).scan("t")) != Equal
    drawn = [DROP >> copy(2), copy(2) >> DROP @ DROP]
    assert (idle @ drawn[0]).scan("t").equal((idle @ drawn[1]).scan("t")) != Equal


IN_TURN = [
    (swap().repeat(2, "a"), swap().repeat(4, "a"), Equal),
    (tanh.repeat(1, "a"), tanh, Equal),
    (tanh.repeat(2, "a").repeat(2, "b"), tanh >> tanh.repeat(3, "a"), Equal),
    ((A >> tanh).repeat(3, "a", shared="A"), compose(*[A >> tanh] * 3), Equal),
    (tanh.repeat("L", "a"), tanh.repeat(3, "a"), NotEqual),
    (tanh.repeat("L", "a"), tanh.repeat("M", "a"), NotEqual),
    (tanh.repeat("L", "a") >> tanh, relu >> tanh.repeat("L", "a"), NotEqual),
    (swap().repeat("L", "a"), idle @ idle, NotEqual),
    (tanh.repeat("L", "a") >> tanh, tanh >> tanh.repeat("L", "a"), Unknown),
    (swap().repeat("2*L", "a"), idle @ idle, Unknown),
]


@pytest.mark.parametrize(("one", "other", "verdict"), IN_TURN)
def test_rounds_in_turn(one, other, verdict, monkeypatch):
    """An open number of rounds shows that repetitions differ, and no more."""
    assert one.equal(other) == verdict
    monkeypatch.setattr(equality, "MOST_IN_TURN", 0)
    assert one.equal(other) == Unknown


def starts_do_not_matter(monkeypatch):
    apply = Entries.apply

    def changed(self, kernel, operands, *rest):
        operands = [one for one in operands if one[0] != "start"]
        return apply(self, kernel, operands, *rest)

    monkeypatch.setattr(Entries, "apply", changed)


def states_have_no_names(monkeypatch):
    state = Entries.state
    monkeypatch.setattr(Entries, "state", lambda self, name, places: state(self, Form(), places))


def states_are_alike_that_start_alike(monkeypatch):
    seen = Recurrence._seen
    monkeypatch.setattr(Recurrence, "_seen", lambda self, k, call: seen(self, k, self.starts[k][1]))


def a_state_stays_as_it_starts(monkeypatch):
    monkeypatch.setattr(Recurrence, "entry", lambda self, k: self.starts[k])


def states_are_read_where_they_are_written(monkeypatch):
    needed = Recurrence._needed

    def changed(self, asked):
        own = self.starts[asked][0]
        return needed(self, asked)[0], {
            p: own[k] for places in self.places for k, p in enumerate(places)
        }

    monkeypatch.setattr(Recurrence, "_needed", changed)


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        (starts_do_not_matter, "another start"),
        (states_have_no_names, "which state follows"),
        (states_are_alike_that_start_alike, "states that start alike"),
        (a_state_stays_as_it_starts, "another number of rounds"),
        (states_are_read_where_they_are_written, "a transposition in each round"),
        (states_are_read_where_they_are_written, "a diagonal in each round"),
    ],
)
def test_mutants_are_rejected(mutant, name, monkeypatch):
    mutant(monkeypatch)
    one, other = APART[name]
    assert one.equal(other) == Equal


def states_do_not_stay(monkeypatch):
    still = Recurrence.settled

    def changed(self, following):
        still(self, following)
        self.alike = [*range(len(self.starts))]
        return True

    monkeypatch.setattr(Recurrence, "settled", changed)


def states_are_never_alike(monkeypatch):
    numbers = count()
    monkeypatch.setattr(Recurrence, "_seen", lambda self, k, call: next(numbers))


def no_index_is_free(monkeypatch):
    needed = Recurrence._needed

    def changed(self, asked):
        found, index = needed(self, asked)
        return found, dict.fromkeys(index)

    monkeypatch.setattr(Recurrence, "_needed", changed)


def states_are_not_interned(monkeypatch):
    entry, numbers = Recurrence.entry, count()

    def changed(self, k):
        own, call = entry(self, k)
        return own, self.table.apply(("apart", next(numbers)), [("of", call)])

    monkeypatch.setattr(Recurrence, "entry", changed)


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        (states_do_not_stay, "a state that stays"),
        (states_are_never_alike, "alike states that stay"),
        (no_index_is_free, "a repetition in front"),
        (no_index_is_free, "a diagonal in front"),
        (states_are_not_interned, "operands in a round"),
    ],
)
def test_incomplete_mutants_are_rejected(mutant, name, monkeypatch):
    mutant(monkeypatch)
    one, other = SAME[name]
    assert one.equal(other) != Equal


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (states_do_not_stay, "rounds without states"),
        (states_are_not_interned, "what follows rounds"),
    ],
)
def test_laws_of_rounds_reject_mutants(mutant, law, monkeypatch):
    decided = Circuits(lambda one, other: one.equal(other) == Equal)
    only = circuit_equality.only(law)
    check(decided, only, max_examples=5).raise_()
    mutant(monkeypatch)
    assert check(decided, only, max_examples=2, shrink=False).broken == (law,)


SIZES = {"a": 2, "b": 3}
KINDS = (("ab", "b", "a"), ("a", "a", "a"), ("", "a", "a"), ("ab", "ab", "b"), ("", "", "a"))


def step(rng: Random, kinds: tuple[str, ...]) -> Circuit:
    """A random circuit whose outputs have the axes of its inputs, but for the last."""

    @traced(*map(" ".join, kinds))
    def made(*arrays):
        pool = [*zip(arrays, kinds, strict=True)]
        for _ in range(rng.randrange(1, 5)):
            kind = rng.choice(["map", "same", "softmax", "repeat", "sum", "pair", "linear", "drop"])
            (x, own), (y, other) = rng.choice(pool), rng.choice(pool)
            shown = " ".join(own)
            if kind in ("map", "drop"):
                pool.append((rng.choice([relu, tanh] if kind == "map" else [DROP])(x), own))
            elif kind == "same":
                pool.append(
                    (rng.choice([add, mul])(x, rng.choice([z for z, w in pool if w == own])), own)
                )
            elif kind == "pair":
                kept = "".join(v for v in "ab" if v in own + other and rng.random() < 0.6)
                pattern = f"{shown}, {' '.join(other)} -> {' '.join(kept)}"
                pool.append((einsum(pattern)(x, y), kept))
            elif own and kind == "softmax":
                pool.append((softmax(f"[{shown}]")(x), own))
            elif own and kind == "linear":
                v = own[-1]
                pool.append((linear(f"W{v}", f"{v} -> {v}o", sizes={f"{v}o": SIZES[v]})(x), own))
            elif own and kind == "sum":
                pool.append((einsum(f"{shown} -> {' '.join(own[1:])}")(x), own[1:]))
            elif kind == "repeat" and own == "b":
                pool.append((view("b -> a b", a=2)(x), "ab"))
        ends = [[z for z, w in pool if w == own][-1] for own in kinds[:-1]]
        return (*ends, pool[-1][0])

    return made


def rounds(seed: int) -> Circuit:
    """A random circuit that goes round, some lifted and some twice."""
    rng = Random(seed)
    kinds, states = rng.choice(KINDS), rng.randrange(3)
    found = step(rng, kinds).scan("t", states=states)
    shapes = [tuple(SIZES[v] for v in own) for own in kinds]
    shapes = [shape if k < states else (4, *shape) for k, shape in enumerate(shapes)]
    if rng.random() < 0.3:
        states, again = rng.randrange(3), rng.random() < 0.5
        found = found.scan("u", states=states) if again else lift(found, "q")
        shapes = [s if again and k < states else (2, *s) for k, s in enumerate(shapes)]
    return found.at_dom(*shapes)


@pytest.mark.parametrize("part", range(4))
def test_shuffled_copies_are_equal(part):
    for seed in range(8 * part, 8 * part + 8):
        circuit = rounds(seed)
        assert circuit.equal(shuffled(circuit, seed)) == Equal


def rewired(circuit: Circuit, seed: int) -> Circuit | None:
    """A copy in which some box reads another array, or an output is another one, if that fits."""
    rng, draft, cod = Random(seed), Draft.of(circuit.apex), [*circuit.cod]
    ends = [(box, k) for box, row in enumerate(draft.boxes) for k in range(len(row.ins))]
    box, place = rng.choice([*ends, *((-1, k) for k in range(len(cod)))])
    old = cod[place] if box < 0 else draft.boxes[box].ins[place]
    fits = [
        w for w, row in enumerate(draft.wires) if row.axes == draft.wires[old].axes and w != old
    ]
    if not fits:
        return None
    if box < 0:
        cod[place] = rng.choice(fits)
    else:
        ins = [*draft.boxes[box].ins]
        ins[place] = rng.choice(fits)
        draft.boxes[box] = draft.boxes[box]._replace(ins=ins)
    try:
        return Circuit(draft.made(), circuit.dom, cod)
    except InvalidStructure:
        return None


def refuted(circuit: Circuit, seed: int) -> str:
    """Say what comes of comparing a circuit and one that is rewired; if equal, as numbers, too."""
    tried = (rewired(circuit, 10 * seed + k) for k in range(10))
    other = next((one for one in tried if one is not None), None)
    if other is None or any(not one.kernel.entry.deterministic for one in circuit.apex.operations):
        return "skipped"
    verdict = circuit.equal(shuffled(other, seed))
    if verdict == Equal:
        assert same_values(circuit, other, seed)
        return "equal" if circuit != other else "same"
    return verdict.name


def test_equal_circuits_are_equal_as_numbers():
    found = Counter(refuted(rounds(seed), seed) for seed in range(40))
    assert found["equal"] > 3, found
    assert found["Unknown"] + found["NotEqual"] > 3, found
