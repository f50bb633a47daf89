"""Monoidal categories that are not strict, and for each of their laws one that breaks it alone.

Objects are bracketed: atoms and pairs. Over a strict category (finite sets with sums or products,
matrices with direct sums or tensor products) these make one that is not strict.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from catlearn import laws
from catlearn.finset import FinFunction, FinSet
from catlearn.laws import check
from catlearn.laws.law import identical


@dataclass(frozen=True)
class Arrow:
    """An arrow between bracketed objects, or one of its twins, which no law should make of it."""

    source: Any
    target: Any
    value: Any
    twin: bool = False


@dataclass
class Bracketed:
    """A category whose objects are atoms and pairs of objects, over a strict monoidal one."""

    sizes: dict
    identity_of: Any
    compose_of: Any
    tensor_of: Any
    swap_of: Any
    product: Any
    objects: Any = ("z",)
    arrows: Any = ()
    unit: Any = "I"
    mistaken: dict = field(default_factory=dict)

    def size(self, A):
        return self.product(*map(self.size, A)) if isinstance(A, tuple) else self.sizes[A]

    def _structural(self, source, target):
        return Arrow(source, target, self.identity_of(self.size(source)))

    def identity(self, A):
        return self._structural(A, A)

    def _is_identity(self, f):
        return f.source == f.target and self.equal(f, self.identity(f.source))

    def compose(self, f, g):
        if self._is_identity(f) or self._is_identity(g):
            return g if self._is_identity(f) else f
        return Arrow(f.source, g.target, self.compose_of(f.value, g.value))

    def ends(self, f):
        return f.source, f.target

    def equal(self, f, g):
        one, other = replace(f, value=None), replace(g, value=None)
        return one == other and identical(f.value, g.value)

    def tensor_objects(self, A, B):
        return A, B

    def tensor(self, f, g):
        values = self.tensor_of(f.value, g.value)
        return Arrow((f.source, g.source), (f.target, g.target), values)

    def associator(self, A, B, D):
        return self._structural(((A, B), D), (A, (B, D)))

    def left_unitor(self, A):
        return self._structural(("I", A), A)

    def right_unitor(self, A):
        return self._structural((A, "I"), A)

    def inverse(self, f):
        assert identical(f.value, self.identity_of(self.size(f.source)))
        return self._structural(f.target, f.source)

    def symmetry(self, A, B):
        return Arrow((A, B), (B, A), self.swap_of(self.size(A), self.size(B)))

    def copy(self, A):
        n = self.size(A)
        return Arrow(A, (A, A), FinFunction([k * (n + 1) for k in range(n)], n, n * n))

    def discard(self, A):
        return Arrow(A, "I", FinFunction([0] * self.size(A), codomain=1))

    def dagger(self, f):
        values = np.argsort(f.value.values)
        return Arrow(f.target, f.source, FinFunction(values, codomain=len(f.value)), f.twin)


def permutation(rows):
    return np.eye(len(rows))[rows]


def swap(m, n):
    return [*range(m, m + n), *range(m)]


def transpose(m, n):
    """Where the pair (x, y) of one of m and one of n goes as (y, x)."""
    return np.arange(m * n).reshape(n, m).T.reshape(-1).tolist()


def summed(f, g):
    return np.block([[f, np.zeros((len(f), g.shape[1]))], [np.zeros((len(g), f.shape[1])), g]])


def functions(rows):
    return FinFunction(rows, codomain=len(rows))


def identity_function(n):
    return FinFunction.identity(FinSet(n))


ATOMS = {"I": 1, "z": 2, **dict.fromkeys("abcd", 2)}
KINDS = {
    "finite sets with products": (
        ATOMS, identity_function, lambda f, g: f >> g, lambda f, g: f @ g,
        lambda m, n: functions(transpose(m, n)), lambda m, n: m * n),
    "finite sets with sums": (
        ATOMS | {"I": 0}, identity_function, lambda f, g: f >> g, lambda f, g: f + g,
        lambda m, n: functions([*range(n, m + n), *range(n)]), lambda m, n: m + n),
    "matrices with tensor products": (
        ATOMS | {"z": 3}, np.eye, lambda f, g: f @ g, np.kron,
        lambda m, n: permutation(transpose(m, n)), lambda m, n: m * n),
    "matrices with direct sums": (
        ATOMS | {"I": 0, "z": 3}, np.eye, lambda f, g: f @ g, summed,
        lambda m, n: permutation([*range(n, m + n), *range(n)]), lambda m, n: m + n),
}  # fmt: skip


def category(name="finite sets with products"):
    C = Bracketed(*KINDS[name])
    flip = functions([1, 0]) if "sets" in name else np.array([[1.0, 2.0], [0.0, 3.0]])
    steps = [Arrow(a, b, flip) for a, b in ("ab", "bc", "cd")]
    C.arrows = [C.identity("a"), *steps]
    return C


@pytest.mark.parametrize("name", KINDS)
def test_bracketed_categories_are_symmetric_monoidal(name):
    report = check(
        category(name), laws.symmetric_monoidal, max_examples=30, objects=["I", "z", "a"]
    )
    assert report, str(report)
    assert not report.untested


def test_bracketed_sets_are_cartesian():
    C = category()
    constant = Arrow("a", "b", FinFunction([0, 0], codomain=2))
    report = check(C, max_examples=30, objects=["I", "z"], arrows=[*C.arrows, constant])
    assert report, str(report)
    assert report.name == "cartesian monoidal category"
    assert not report.untested


def test_a_strict_category_needs_no_associators():
    """One spec: the laws about structural arrows are then tried with identities."""

    class Additive:
        objects, arrows, unit = [0, 1, 2], [0, 1, 2], 0
        identity, compose = staticmethod(lambda A: A), staticmethod(lambda f, g: f)
        ends = staticmethod(lambda f: (f, f))
        tensor_objects = tensor = staticmethod(lambda f, g: f + g)
        symmetry = staticmethod(lambda A, B: A + B)

    report = check(Additive(), max_examples=20)
    assert report, str(report)
    assert {"pentagon", "triangle", "inverse after associators"} <= set(report.passed)


# ---------------------------------------------------------------- one law at a time


def twin(found):
    return replace(found, twin=True)


def astray(found):
    return found[0], "elsewhere"


Z = ("z", "z")


def made(C):
    """The arrows at which the structures below are changed, by name."""
    identity, a, s = C.identity("z"), C.associator, C.symmetry
    _, x, y, w = C.arrows
    λ, ρ, α, copy = C.left_unitor("z"), C.right_unitor("z"), a("z", "z", "z"), C.copy("z")
    half = C.tensor(C.discard("z"), identity)
    return {
        "id": identity, "x": x, "x'": twin(x), "y": y, "w": w, "xy": C.compose(x, y),
        "xx": C.tensor(x, x),
        "xxx": C.tensor(x, C.tensor(x, x)), "x†": C.dagger(x), "id_b": C.identity("b"),
        "α": α, "λ": λ, "ρ": ρ, "α⁻": C.inverse(α), "λ⁻": C.inverse(λ), "ρ⁻": C.inverse(ρ),
        "αa": a("a", "a", "a"), "λa": C.left_unitor("a"), "ρa": C.right_unitor("a"),
        "α1": a(Z, "z", "z"), "α2": a("z", "z", Z), "αI": a("z", "I", "z"),
        "id λ": C.tensor(identity, λ), "σ": s("z", "z"), "σa": s("a", "a"),
        "ασ": C.compose(α, s("z", Z)), "copy": copy, "copy b": C.copy("b"),
        "copied": C.compose(copy, C.tensor(copy, identity)), "discard": C.discard("z"),
        "discard b": C.discard("b"), "discard id": half, "counted": twin(C.compose(copy, half)),
    }  # fmt: skip


COUNTED = ("compose", "copy", "discard id")
"""A second change: this composite is otherwise the inverse of λ, which another law is about."""

CATEGORY = {
    "ends of identities": [("ends", "id")],
    "ends of composites": [("ends", "xy")],
    "left unit": [("compose", "id_b", "y")],
    "right unit": [("compose", "x", "id_b")],
    "associativity": [("compose", "xy", "w")],
}
TENSOR = {
    "associativity on objects": [("ends", "α")],
    "ends of tensors": [("ends", "xx")],
    "associativity of the tensor": [("compose", "αa", "xxx")],
    "tensor of identities": [("tensor", "id", "id")],
    "interchange": [("tensor", "xy", "xy")],
    "inverse after associators": [("compose", "α", "α⁻")],
    "inverse before associators": [("compose", "α⁻", "α")],
    "pentagon": [("compose", "α1", "α2")],
}
UNITS = {
    "unit object": [("ends", "λ")],
    "unit object on the right": [("ends", "ρ")],
    "unit of the tensor": [("compose", "λa", "x")],
    "unit of the tensor on the right": [("compose", "ρa", "x")],
    "inverse after left unitors": [("compose", "λ", "λ⁻")],
    "inverse before left unitors": [("compose", "λ⁻", "λ"), COUNTED],
    "inverse after right unitors": [("compose", "ρ", "ρ⁻")],
    "inverse before right unitors": [("compose", "ρ⁻", "ρ")],
    "triangle": [("compose", "αI", "id λ")],
}
SWAPS = {
    "ends of swaps": [("ends", "σ")],
    "involution": [("compose", "σ", "σ")],
    "naturality of swaps": [("compose", "σa", "xx")],
    "hexagon": [("compose", "ασ", "α")],
}
COPIES = {
    "ends of copies": [("ends", "copy")],
    "ends of discards": [("ends", "discard")],
    "coassociativity": [("compose", "copied", "α")],
    "counit": [("compose", "counted", "λ"), COUNTED],
    "cocommutativity": [("compose", "copy", "σ")],
    "copies of tensors": [("copy", Z)],
    "naturality of copies": [("compose", "x", "copy b")],
    "naturality of discards": [("compose", "x", "discard b")],
}
DAGGERS = {
    "ends of daggers": [("ends", "x†")],
    "dagger": [("dagger", "x†")],
    "dagger of identities": [("dagger", "id")],
    "dagger of tensors": [("dagger", "xx")],
    "dagger of swaps": [("dagger", "σ")],
    "dagger of composites": [("dagger", "xy")],
}
"""Law -> the operations whose values are changed, and the arguments at which they are."""


def changed(*changes):
    """Finite sets and some functions of them, with one value of an operation changed, or two.

    A composite, tensor or copy becomes a twin of the arrow that it should be, with the same
    function and ends; where ends are changed, an arrow says that it leads elsewhere.
    """
    C = category()
    named = made(C)
    for name, *at in changes:
        setattr(C, name, partial(once, C, getattr(C, name), [named.get(one, one) for one in at]))
    return C


def once(C, old, wanted, *given):
    """The value of an operation, changed at some arguments."""
    found = old(*given)
    if all(
        C.equal(one, other) if isinstance(one, Arrow) else one == other
        for one, other in zip(given, wanted, strict=True)
    ):
        return twin(found) if isinstance(found, Arrow) else astray(found)
    return found


def functor(*changes):
    """The identity of bracketed sets, as a functor, with some of its values changed."""
    C = category()
    named, F = made(C), SimpleNamespace(domain=C, codomain=category())
    F.on_object, F.on_arrow = (lambda A: A), (lambda f: f)
    for name, place in changes:
        of = F.codomain if name == "ends" else F
        setattr(of, name, partial(once, C, getattr(of, name), [named.get(place, place)]))
    return F


FUNCTORS = {
    "ends of values": [("on_arrow", "x"), ("ends", "x'")],
    "identities": [("on_arrow", "id")],
    "composites": [("on_arrow", "xy")],
    "unit": [("on_object", "I")],
    "tensors of objects": [("on_object", Z)],
    "tensors": [("on_arrow", "xx")],
    "swaps": [("on_arrow", "σ")],
}

ALONE = [
    *((laws.cartesian, law, partial(changed, *where))
      for law, where in {**CATEGORY, **TENSOR, **UNITS, **SWAPS, **COPIES}.items()),
    *((laws.cospan, law, partial(changed, *where))
      for law, where in {**CATEGORY, **TENSOR, **SWAPS, **DAGGERS}.items()),
    *((laws.monoidal_functor, law, partial(functor, *where)) for law, where in FUNCTORS.items()),
]  # fmt: skip
"""Spec, law, and what makes a structure that breaks this law and no other.

The laws of categories, of monoidal and of symmetric monoidal ones are among those of cartesian
ones. Laws are tried at the objects and arrows that a structure names.
"""


@pytest.mark.parametrize(("spec", "law", "make"), ALONE)
def test_a_law_fails_alone(spec, law, make, mutants):
    with mutants(f"{spec.name}, alone: {law}"):
        assert check(make(), spec.only(law), max_examples=400, shrink=False).broken == (law,)
        others = [one.name for one in spec.laws if one.name != law]
        report = check(make(), spec.only(*others), max_examples=20)
        assert report.broken == (), str(report)
        assert set(report.untested) <= {"equations"}  # no presentation is monoidal
