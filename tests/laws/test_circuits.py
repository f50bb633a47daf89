"""The laws of circuits: the package's circuits obey them, and each mutant breaks what it should."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import pytest

from catlearn import laws
from catlearn.arrays import (
    Circuit,
    angles,
    bias,
    compose,
    copy,
    cos,
    discard,
    idle,
    lift,
    linear,
    mul,
    relu,
    stop,
    swap,
    tensor,
)
from catlearn.arrays.aligning import components, levels, raised
from catlearn.arrays.boxes import Draft
from catlearn.arrays.counting import COUNTS
from catlearn.arrays.sizes import ONE
from catlearn.cset.cospan import glued
from catlearn.finset import Colimit
from catlearn.laws import Circuits, alignments, check, circuit, circuit_equality
from catlearn.laws.circuits import (
    ClosedCircuits,
    Contractions,
    Undefined,
    aligned,
    counting,
    meeting,
    near_misses,
)
from tests.arrays.refutation import same_values

UP_TO_EQUALITY = {"naturality of copies", "naturality of discards"}
CATEGORY = laws.cartesian.only(
    *(law.name for law in laws.cartesian.laws if law.name not in UP_TO_EQUALITY)
)


@pytest.mark.parametrize("declared", [False, True])
def test_circuits_are_a_category(declared):
    """Where no size is declared, both sides of a law are defined or neither is."""
    check(Circuits(partial=declared), CATEGORY, max_examples=4).raise_()


@pytest.mark.parametrize("declared", [False, True])
def test_lifts(declared):
    check(Circuits(partial=declared), circuit, max_examples=5).raise_()


def test_composites_are_colimits():
    """Alignment adds no equation that composition does not force."""
    check(alignments(), laws.colimit, max_examples=8).raise_()


# ---------------------------------------------------------------- equality of functions


NUMBERS = Circuits(same_values, random=False)


def test_circuits_are_functions():
    """The laws hold as numbers, at random sizes, inputs and parameters."""
    laws_of_numbers = [law.name for law in circuit_equality.laws if law.name != "apart"]
    check(NUMBERS, circuit_equality.only(*laws_of_numbers), max_examples=10).raise_()


ALIKE = {"other initialisers", "other sizes", "one axis and two"}


@pytest.mark.parametrize("pair", near_misses(), ids=str)
def test_near_misses_are_different_functions(pair):
    """But for those that draw samples, and for those that differ in what they are made of."""
    kernels = [one.kernel.name for side in (pair.one, pair.other) for one in side.apex.operations]
    if "dropout" not in kernels and pair.name not in ALIKE:
        assert not same_values(pair.one, pair.other)


@dataclass(frozen=True)
class Biased(Contractions):
    """A bias stands between two contractions, and is put behind them."""

    def in_turn(self):
        return linear("A", "m -> n", n="m", bias=True) >> linear("B", "m -> n", n="m")

    def at_once(self, order=()):
        both = linear("A", "m -> n", n="m") >> linear("B", "m -> n", n="m")
        return both >> bias("A.bias", "n")


WITHOUT = {
    "exp keeps no 0": ("guards slide", {"kernels": ["exp"]}),
    "a bias stops fusion": ("fusion", {"chains": [Biased("m -> m", "m -> m", "m -> m")]}),
}
"""Laws without one of their hypotheses."""


@pytest.mark.parametrize("name", WITHOUT)
def test_laws_without_a_hypothesis_fail(name, mutants):
    law, given = WITHOUT[name]
    with mutants(f"equality of circuits: {name}"):
        report = check(NUMBERS, circuit_equality.only(law), max_examples=20, shrink=False, **given)
        assert report.broken == (law,)
        assert report.failures[0].error is None


# ---------------------------------------------------------------- counting


def test_counting_is_a_functor():
    """Up to parameters that are shared, |f >> g| + |shared| = |f| + |g|."""
    check(ClosedCircuits(), counting, max_examples=12).raise_()


def by_use(f):
    """Parameters count at each use."""
    H, found = f.apex, f.counts()
    names = [H.column("name")[wire] for wires in H.sides[0] for wire in wires]
    sizes = [prod(size.number for size in f.parameters[name]) for name in names if name is not None]
    return replace(found, parameters=sum(sizes), active=sum(sizes))


def live_ones(f):
    """Only what outputs need counts."""
    return f.live().counts()


def with_copies(f):
    """Copies have a price."""
    found = f.counts()
    return replace(found, operations=found.operations + len(f.cod) - len({*f.cod}))


class LiftedCounts(ClosedCircuits):
    """All boxes are lifted, also those that no input reaches."""

    def still(self, arrow):
        found = super().still(arrow)
        return found if isinstance(found, Undefined) else COUNTS.unit


SQUARE = linear("A", "m -> n", n="m").at_dom((3,))
ANGLES = (idle @ (angles("x p") >> cos) >> mul).at_dom((3, 4))
THREES = {"f": relu.at_dom((3,)), "g": discard.at_dom((3,))}
WRONG_COUNTS = {
    "parameters that count at each use": (
        ClosedCircuits(by_use), {"composites": {"f": SQUARE, "g": SQUARE},
                                 "tensors": {"f": SQUARE, "g": SQUARE}},
    ),
    "boxes that are not needed count nothing": (ClosedCircuits(live_ones), {"composites": THREES}),
    "copies have a price": (ClosedCircuits(with_copies), {"copies": {"A": 2}}),
    "what no input reaches is lifted": (
        LiftedCounts(), {"lifts": {"f": ANGLES, "P": ("n",)}},
    ),
}  # fmt: skip
"""Structures, and laws that they break at some values."""


@pytest.mark.parametrize("name", WRONG_COUNTS)
def test_other_counts_are_no_functor(name, mutants):
    structure, broken = WRONG_COUNTS[name]
    with mutants(f"counting: {name}"):
        for law, at in broken.items():
            assert counting.law(law).check(ClosedCircuits(), **at).equal is True
            assert counting.law(law).check(structure, **at).equal is False


# ---------------------------------------------------------------- mutants


def renamed_rows(found, place):
    """Return a circuit with some rows of axes in place of others."""
    draft = Draft.of(found.apex)
    for attribute, fields in (("wires", ["axes"]), ("boxes", ["vars", "mentions"])):
        rows = getattr(draft, attribute)
        for k, row in enumerate(rows):
            rows[k] = row._replace(**{f: [place[axis] for axis in getattr(row, f)] for f in fields})
    draft.types = [(dtype, place[axis]) for dtype, axis in draft.types]
    return Circuit.of(draft, found.dom, found.cod)


class OneShape(Circuits):
    """Ranks are reconciled by lifting all of a circuit by one shape."""

    def compose(self, first, then):
        def made(f, g):
            pairs = [((0, row), (1, there)) for row, there in zip(f.cod, g.dom, strict=True)]
            whole = []
            for one, level in zip((f, g), levels((f, g), pairs), strict=True):
                most = max(level.values(), default=0)
                every = {int(c) for c in components(one)[0]}
                whole.append(raised(one, dict.fromkeys(every, most) if most else {}))
            return compose(*whole)

        return self._defined((self.ends(first)[0], self.ends(then)[1]), made, first, then)


class ByLetters(Circuits):
    """Axes of one letter are one."""

    def compose(self, first, then):
        def made(f, g):
            found, first_of = f >> g, {}
            for row, letter in enumerate(found.apex.column("letter")):
                first_of.setdefault(letter or row, row)
            letters = found.apex.column("letter")
            return renamed_rows(found, [first_of[x or row] for row, x in enumerate(letters)])

        return self._defined((self.ends(first)[0], self.ends(then)[1]), made, first, then)


class Tidy(Circuits):
    """A composite forgets what its outputs do not need."""

    def compose(self, first, then):
        found = super().compose(first, then)
        return found.live() if isinstance(found, Circuit) else found


class Forgetful(Circuits):
    """A composite forgets the sizes that its parts were given."""

    def compose(self, first, then):
        found = super().compose(first, then)
        if not isinstance(found, Circuit):
            return found
        draft = Draft.of(found.apex)
        draft.axes = [(letter, None) for letter, _ in draft.axes]
        return Circuit.of(draft, found.dom, found.cod)


class Straight(Circuits):
    """Arrays that should be exchanged stay."""

    def symmetry(self, one, other):
        return self.identity(one + other)


class InTurn(Circuits):
    """The copies of each array stand together."""

    def copy(self, at):
        found = tensor(*[idle] * at)
        return Circuit.of(found.apex, found.dom, np.repeat(found.cod, 2).tolist())


MUTANTS = {
    "one shape for all lifting": (OneShape, "interchange"),
    "axes of one letter are one": (ByLetters, "left unit", "right unit"),
    "composites without dead boxes": (Tidy, "left unit", "right unit"),
    "composites without sizes": (Forgetful, "left unit", "right unit"),
    "swaps that stay": (Straight, "naturality of swaps"),
    "copies that stand together": (InTurn, "copies of tensors"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_circuits_are_rejected(name, mutants):
    made, *broken = MUTANTS[name]
    with mutants(f"circuits: {name}"):
        report = check(made(partial=False), CATEGORY.only(*broken), max_examples=60, shrink=False)
        assert report.broken == tuple(broken)
        assert all(one.error is None for one in report.failures)


class Apart(Circuits):
    """Parameters of one name are two."""

    def tensor(self, one, other):
        return super().tensor(one, other.named("other") if isinstance(other, Circuit) else other)


class Lifted(Circuits):
    """Circuits whose lifts are changed."""

    change: Any

    def lift(self, arrow, shape):
        ends = self.ends(arrow)
        return self._defined(ends, lambda f: type(self).change(f, shape), arrow)


def lifted(change):
    return type(change.__name__, (Lifted,), {"change": staticmethod(change)})


@lifted
def dead_boxes(f, shape):
    """A dead box for each axis and each pair of boxes of which one reads what the other writes."""
    H = f.apex
    written = {wire: box for box, wires in enumerate(H.sides[1]) for wire in wires}
    pairs = {(written[w], box) for box, ins in enumerate(H.sides[0]) for w in ins if w in written}
    found = lift(f, shape)
    for _ in range(len(pairs) * len(shape) if f.dom else 0):
        dead = copy(2) >> (stop() >> discard) @ idle
        found = tensor(dead, *[idle] * (len(f.dom) - 1)) >> found
    return found


@lifted
def three_arrays_turned(f, shape):
    """The first of three arrays change places, for an odd number of axes."""
    found = lift(f, shape)
    if len(shape) % 2 and len(f.dom) == 3:
        found = swap(1, 0, 2) >> found
    if len(shape) % 2 and len(f.cod) == 3:
        found = found >> swap(1, 0, 2)
    return found


@lifted
def copies_in_turn(f, shape):
    """Copies of two arrays are lifted to others."""
    found = lift(f, shape)
    return found >> swap(0, 1, 3, 2) if shape and f == Circuits().copy(2) else found


@lifted
def without_scales(f, shape):
    """Contractions lose their scale."""
    column = [replace(one, scale=ONE) for one in f.apex.operations]
    return lift(Circuit.of(f.apex.with_column("operation", column), f.dom, f.cod), shape)


@lifted
def one_axis(f, shape):
    """Of several axes the first alone is put in front."""
    return lift(f, shape[:1])


@lifted
def renamed(f, shape):
    """Parameters get other names."""
    names = [
        f"x/{x}" if shape and x is not None and not x.startswith("x/") else x
        for x in f.apex.column("name")
    ]
    return lift(Circuit.of(f.apex.with_column("name", names), f.dom, f.cod), shape)


ALONE = [
    (circuit, "lifting of composites", dead_boxes(partial=False)),
    (circuit, "lifting of tensors", three_arrays_turned(partial=False)),
    (circuit, "lifting of copies", copies_in_turn(partial=False)),
    (circuit, "lifting by nothing", without_scales(partial=False)),
    (circuit, "lifting twice", one_axis(partial=False)),
    (circuit, "parameters of lifts", renamed(partial=False)),
    (circuit, "sharing", Apart(partial=False)),
]
"""Spec, law, and circuits with other lifts that break this law and no other."""


@pytest.mark.parametrize(("spec", "law", "structure"), ALONE, ids=lambda one: str(one)[:30])
def test_a_law_fails_alone(spec, law, structure, mutants):
    with mutants(f"{spec.name}, alone: {law}"):
        found = check(structure, spec.only(law), max_examples=200, shrink=False)
        assert found.broken == (law,)
        others = [one.name for one in spec.laws if one.name != law]
        report = check(structure, spec.only(*others), max_examples=6)
        assert report.broken == (), str(report)


def one_alignment():
    """Two axes have one letter; a parameter is used before and after."""
    first = linear("A", "m -> n") @ linear("B", "m -> k") @ relu
    return meeting(first, relu @ relu @ linear("A", "m -> n"))


def by_letters(one, other):
    found = aligned(one, other)
    letters = found.apex.column("letter")
    rows = [letters.index(x) if x else row for row, x in enumerate(letters)]
    whole = laws.identify(found.apex, {"Axis": list(enumerate(rows))})
    return Colimit(found.diagram, whole.codomain, tuple(leg >> whole for leg in found.legs))


def without_names(one, other):
    """The colimit along the arrays that meet alone, as if that were all that is shared."""
    found = aligned(one, other)
    foot, legs = 2, [(t, leg) for s, t, leg in found.diagram.arrows if s == 2]
    part = glued([one.apex, other.apex], [(found.diagram.objects[foot], legs)], None)
    return Colimit(found.diagram, part.apex, part.legs)


def test_alignments_that_are_no_colimits_are_rejected(mutants):
    one, other = one_alignment()
    assert check(aligned(one, other), laws.colimit, max_examples=10)
    with mutants("an alignment by letters"):
        report = check(by_letters(one, other), laws.colimit, max_examples=20, shrink=False)
        assert "existence" in report.broken
    with mutants("an alignment that keeps parameters apart"):
        report = check(without_names(one, other), laws.colimit, max_examples=20, shrink=False)
        assert "cocone" in report.broken


def test_what_is_not_defined_is_not_known():
    """A law is tested where both sides are defined; without declared sizes, both are or neither."""
    C = Circuits()
    wrong = C.compose(linear("A", "m -> n", n=4), linear("B", "k -> n", k=5))
    assert C.ends(wrong) == (1, 1)
    assert not C.equal(wrong, relu).is_known
    assert Circuits(partial=False).equal(wrong, relu) is False
    law = CATEGORY.law("associativity")
    to_m, through = linear("A", "a -> m"), linear("B", "n -> n2", n="n") >> idle
    assert law.check(C, f=to_m, g=through, h=relu).equal is not False
    assert swap() == C.symmetry(1, 1)
