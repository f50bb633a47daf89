"""The laws of circuits: the package's circuits obey them, and each mutant breaks what it should."""

import numpy as np
import pytest

from catlearn import laws
from catlearn.arrays import Circuit, compose, idle, linear, permute, relu, swap, tensor
from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import components, levels, raised
from catlearn.cset.cospan import glued
from catlearn.finset import Colimit
from catlearn.laws import Circuits, alignments, check, circuit
from catlearn.laws.circuits import aligned, meeting


@pytest.mark.parametrize("declared", [False, True])
def test_circuits_are_a_category(declared):
    """Where no size is declared, both sides of a law are defined or neither is."""
    check(Circuits(partial=declared), circuit, max_examples=8).raise_()


def test_composites_are_colimits():
    """Alignment adds no equation that composition does not force."""
    check(alignments(), laws.colimit, max_examples=8).raise_()


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


class Apart(Circuits):
    """Parameters of one name are two."""

    def tensor(self, one, other):
        return super().tensor(one, other.named("other") if isinstance(other, Circuit) else other)


class Straight(Circuits):
    """Arrays that should be exchanged stay."""

    def symmetry(self, one, other):
        return self.identity(one + other)


class InTurn(Circuits):
    """The copies of each array stand together."""

    def copy(self, at):
        found = tensor(*[idle] * at)
        return Circuit.of(found.apex, found.dom, np.repeat(found.cod, 2).tolist())


class Behind(Circuits):
    """The second of two lifts stands behind the first, as if it came before."""

    def lift(self, arrow, shape):
        found = super().lift(arrow, shape)
        if not isinstance(found, Circuit) or len(shape) != 1:
            return found
        count = [len(found.apex.lists["axes"].row(row)) for row in found.cod]
        last = [_rotation(n) for n in count]
        return found if not last else compose(found, tensor(*last))


def _rotation(count):
    letters = [f"a{k}" for k in range(count)]
    return permute(f"{' '.join(letters)} -> {' '.join([*letters[1:], *letters[:1]])}")


class LiftedWeights(Circuits):
    """Parameters are lifted, too."""

    def lift(self, arrow, shape):
        found = super().lift(arrow, shape)
        if not isinstance(found, Circuit) or not shape:
            return found
        draft = Draft.of(found.apex)
        for row, wire in enumerate(draft.wires):
            if wire.name is not None:
                axes = [draft.axis(letter) for letter in shape]
                draft.wires[row] = wire._replace(axes=[*axes, *wire.axes])
        return Circuit.of(draft, found.dom, found.cod)


MUTANTS = {
    "one shape for all lifting": (OneShape, "interchange"),
    "axes of one letter are one": (ByLetters, "left unit", "right unit"),
    "composites without dead boxes": (Tidy, "left unit", "right unit"),
    "composites without sizes": (Forgetful, "left unit", "right unit"),
    "parameters of one name are two": (Apart, "sharing"),
    "swaps that stay": (Straight, "naturality of swaps"),
    "copies that stand together": (InTurn, "copies of tensors"),
    "lifts behind": (Behind, "lifting twice", "lifting of composites"),
    "parameters that are lifted": (LiftedWeights, "parameters of lifts"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_circuits_are_rejected(name, mutants):
    made, *broken = MUTANTS[name]
    with mutants(f"circuits: {name}"):
        report = check(made(partial=False), circuit.only(*broken), max_examples=60)
        assert report.broken == tuple(broken)
        assert all(one.error is None for one in report.failures)


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
        assert "existence" in check(by_letters(one, other), laws.colimit, max_examples=20).broken
    with mutants("an alignment that keeps parameters apart"):
        assert "cocone" in check(without_names(one, other), laws.colimit, max_examples=20).broken


def test_what_is_not_defined_is_not_known():
    """A law is tested where both sides are defined; without declared sizes, both are or neither."""
    C = Circuits()
    wrong = C.compose(linear("A", "m -> n", n=4), linear("B", "k -> n", k=5))
    assert C.ends(wrong) == (1, 1)
    assert not C.equal(wrong, relu).is_known
    assert Circuits(partial=False).equal(wrong, relu) is False
    law = circuit.law("associativity")
    to_m, through = linear("A", "a -> m"), linear("B", "n -> n2", n="n") >> idle
    assert law.check(C, f=to_m, g=through, h=relu).equal is not False
    assert swap() == C.symmetry(1, 1)
