"""Lenses and Para: the laws, with a mutant for each, and what the papers compute."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn import laws
from catlearn.category import (
    Functor,
    Graph,
    Hypergraph,
    Lens,
    Lenses,
    MonoidalFunctor,
    Para,
    Port,
    StringDiagram,
)
from catlearn.category.monoidal import composite
from catlearn.errors import InvalidStructure, NotComposable

R = Port("R")
SAMPLES = lambda port: [(0.5, -1.5), (-2.0, 3.0), (1.25, 0.75)]  # noqa: E731
C = Lenses(samples=SAMPLES)


def square(x):
    return x * x


GENERATORS = (
    Lens(R, R, square, lambda x, dy: 2 * x * dy),
    Lens(R, R, np.sin, lambda x, dy: np.cos(x) * dy),
    Lens((R, R), R, lambda x, y: x * y, lambda x, y, dz: (y * dz, x * dz)),
    Lens(R, (R, R), lambda x: (x + 1, 3 * x), lambda x, dy, dz: dy + 3 * dz),
    Lens((), R, lambda: 2.0, lambda dy: ()),
)
"""Reverse derivatives, whose puts preserve sums."""


def layers(C, source, generators=GENERATORS):
    """Composites of generators, each beside identities."""
    arrows = [C.identity(source)]
    for lens in generators:
        if lens.domain == source[: len(lens.domain)]:
            rest = source[len(lens.domain) :]
            arrows.append(C.tensor(lens, C.identity(rest)) if rest else lens)
            arrows.append(C.compose(arrows[-1], C.identity(C.ends(arrows[-1])[1])))
    return st.sampled_from(arrows)


OBJECTS = st.lists(st.just(R), max_size=2).map(tuple)


def broken_by(C, spec=laws.cartesian, generators=GENERATORS):
    arrows = partial(layers, C, generators=generators)
    return laws.check(C, spec, objects=OBJECTS, arrows=arrows, max_examples=25, shrink=False).broken


class Unshifted(Lenses):
    """A mutant: the put of a composite looks at where it started only."""

    def composite(self, object, arrows):
        made = super().composite(object, arrows)
        if len(arrows) != 2 or {len(a.domain) for a in arrows} != {1} != {len(made.codomain)}:
            return made
        first, then = arrows
        if len(first.codomain) != 1 or len(then.codomain) != 1:
            return made
        return Lens(made.domain, made.codomain, made.get, lambda a, c: first.put(a, then.put(a, c)))


class Forgetful(Lenses):
    """A mutant: the second of two copies puts nothing back."""

    def copy(self, object):
        made, count = super().copy(object), len(object)
        keep = lambda *given: tuple(given[count : 2 * count])  # noqa: E731
        put = lambda *given: keep(*given)[0] if count == 1 else keep(*given)  # noqa: E731
        return Lens(made.domain, made.codomain, made.get, put)


class Crossed(Lenses):
    """A mutant: values cross and changes do not."""

    def symmetry(self, one, other):
        made = super().symmetry(one, other)
        count = len(made.domain)
        put = lambda *given: given[count] if count == 1 else tuple(given[count:])  # noqa: E731
        return Lens(made.domain, made.codomain, made.get, put)


SQUARED = Lens(R, R, lambda x: x, lambda x, dy: dy * dy)
"""A lens whose put preserves no sums."""


def test_lenses_are_a_cartesian_category_where_puts_preserve_sums(mutants):
    assert broken_by(C) == ()
    with mutants("a put that looks at the wrong place"):
        assert broken_by(Unshifted(samples=SAMPLES), laws.cartesian.only("associativity"))
    with mutants("a copy that puts back one change only"):
        assert broken_by(Forgetful(samples=SAMPLES), laws.cartesian.only("counit"))
    with mutants("changes that do not cross"):
        assert broken_by(Crossed(samples=SAMPLES), laws.cartesian.only("naturality of swaps"))
    with mutants("a put that preserves no sums, copied"):
        generators = (*GENERATORS, SQUARED)
        assert set(broken_by(C, generators=generators)) == {"naturality of copies"}


def test_lenses_are_symmetric_monoidal_without_sums():
    assert broken_by(C, laws.symmetric_monoidal, (*GENERATORS, SQUARED)) == ()


numbers = st.floats(-2, 2, allow_subnormal=False)


@given(st.lists(st.integers(0, 1), max_size=6), numbers, numbers)
def test_a_composite_is_the_chain_rule(chosen, x, dy):
    lenses = [GENERATORS[k] for k in chosen]
    made = C.composite(R, lenses)
    value, slope = x, 1.0
    for lens in lenses:
        slope *= lens.put(value, 1.0)
        value = lens.get(value)
    assert made.get(x) == pytest.approx(value)
    assert made.put(x, dy) == pytest.approx(slope * dy)


def test_each_lens_of_a_string_diagram_runs_once():
    """Where one value is used by many, and in a long chain: neither exponential nor quadratic."""
    calls = {"get": 0, "put": 0}

    def counted(name, run):
        def call(*given):
            calls[name] += 1
            return run(*given)

        return call

    double = Lens(
        R, (R, R), counted("get", lambda x: (x, x)), counted("put", lambda x, dy, dz: dy + dz)
    )
    plus = Lens((R, R), R, lambda x, y: x + y, lambda x, y, dz: (dz, dz))
    made = C.composite(R, [double, plus] * 40)
    assert made.put(1.0, 1.0) == 2.0**40
    assert calls == {"get": 40, "put": 40}


def test_a_string_diagram_is_the_composite_of_copies_and_swaps():
    signature = Hypergraph({"times": (["x", "x"], "x"), "sin": ("x", "x")})
    circuit = Hypergraph(
        {"a": ("0", "1"), "b": (["1", "0"], "2"), "c": (["2", "1"], "3")},
        wires=["0", "1", "2", "3"],
        types=dict.fromkeys("0123", "x"),
        operations={"a": "sin", "b": "times", "c": "times"},
    )
    opened = StringDiagram(circuit, (0,), (3, 1))
    arrows = {"times": GENERATORS[2], "sin": GENERATORS[1]}
    at_once = MonoidalFunctor(signature, C, {"x": (R,)}, arrows, check=False)
    boxes = [arrows[name] for name in circuit.operations]
    step_by_step = composite(C, opened, [(R,)] * 4, boxes)
    assert C.equal(at_once(opened), step_by_step)
    x, dy, dz = 0.7, 2.0, 3.0
    expected = (np.sin(2 * x) * x + np.sin(x) ** 2) * dy + np.cos(x) * dz
    assert step_by_step.put(x, dy, dz) == pytest.approx(expected)


def test_what_does_not_meet_is_refused():
    with pytest.raises(NotComposable) as found:
        GENERATORS[3] >> GENERATORS[0]
    assert [failure.where for failure in found.value.failures] == ["lens 1"]
    with pytest.raises(InvalidStructure):
        Lenses().equal(GENERATORS[0], GENERATORS[0])


# ---------------------------------------------------------------- Para

PARA = Para(C)
TIMES = PARA.arrow(Lens((R, R), R, lambda p, x: p * x, lambda p, x, d: (x * d, p * d)), 1)
PLUS = PARA.arrow(Lens((R, R), R, lambda p, x: p + x, lambda p, x, d: (d, d)), 1)
SQUARE = PARA.arrow(GENERATORS[0])


@dataclass(frozen=True)
class First(Para):
    """A mutant: a composite keeps the parameters of one side in the place of the other's."""

    def composite(self, object, arrows):
        made = super().composite(object, arrows)
        if len(arrows) == 2 and all(len(arrow.parameters) == 1 for arrow in arrows):
            swap = self.base.symmetry((R,), (R,))
            return super().reparametrised(made, swap)
        return made


def para_laws(para):
    arrows = lambda source: st.sampled_from([para.identity(source), TIMES, PLUS, SQUARE])  # noqa: E731
    return laws.check(
        para, laws.category, objects=st.just((R,)), arrows=arrows, max_examples=40, shrink=False
    ).broken


def test_para_is_a_category(mutants):
    assert para_laws(PARA) == ()
    with mutants("parameters in the wrong order"):
        assert "associativity" in para_laws(First(C))


def test_reparametrisations_compose():
    r, s = GENERATORS[1], GENERATORS[0]
    left = PARA.reparametrised(PARA.reparametrised(TIMES, r), s)
    assert PARA.equal(left, PARA.reparametrised(TIMES, C.compose(s, r)))
    assert PARA.equal(PARA.reparametrised(TIMES, C.identity(R)), TIMES)


@given(numbers, numbers)
def test_a_tied_parameter_gets_the_sum_of_its_changes(p, x):
    path = Functor(Graph({"f": ("A", "A")}), PARA, {"A": (R,)}, {"f": TIMES})("f >> f >> f")
    assert path.parameters == (R, R, R)
    tied = PARA.tied(path)
    assert tied.parameters == (R,)
    assert tied.arrow.get(p, x) == pytest.approx(p**3 * x)
    assert tied.arrow.put(p, x, 1.0) == pytest.approx((3 * p**2 * x, p**3))


def test_a_pairing_is_a_copy_and_components_side_by_side():
    made = PARA.pairing((R,), [TIMES, PLUS, SQUARE])
    assert made.arrow.get(2.0, 5.0, 3.0) == (6.0, 8.0, 9.0)
    assert made.arrow.put(2.0, 5.0, 3.0, 1.0, 10.0, 100.0) == (3.0, 10.0, 2.0 + 10.0 + 600.0)
    nothing = PARA.pairing((R,), [])
    assert nothing.codomain == ()
    assert nothing.arrow.put(3.0) == 0
