r"""The laws of array circuits: composition up to alignment, lifting, and what is shared.

Circuits compose where their arrays align: ranks by lifting connected components, axes by a pushout,
sizes by unification. So they are the arrows of a category whose objects are numbers of arrays: it
is strict symmetric monoidal, with copies and discards that obey the comonoid laws, up to
isomorphism of tables, which is ``==``: :data:`~catlearn.laws.symmetric_monoidal`, and what
:data:`~catlearn.laws.cartesian` adds but naturality. The laws here are those of lifts.

Composition is partial, and laws hold *where both sides are defined*: what is not is a value,
:class:`Undefined`, too, and comparisons with it are not known. Where no size is declared, both
sides are defined or neither is; ``partial=False`` says so.

>>> from catlearn.laws import Circuits, check, symmetric_monoidal
>>> interchange = symmetric_monoidal.only("associativity", "interchange")
>>> check(Circuits(), interchange, max_examples=5).broken, check(Circuits(), max_examples=5).broken
((), ())

A circuit of parts is the colimit of what they share, so that alignment adds no equation that
composition does not force: :func:`alignments` draws such colimits, for the laws of
:data:`~catlearn.laws.colimit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from catlearn import arrays
from catlearn.arrays.circuit import Circuit, Place, alignment, compose, levels, lift, raised, tensor
from catlearn.category import Unknown, Verdict
from catlearn.errors import NotComposable
from catlearn.finset import Colimit
from catlearn.laws.algebra import CARTESIAN
from catlearn.laws.categories import ARROWS, Arrows, strategy_of
from catlearn.laws.law import Spec, identical
from catlearn.laws.signature import Signature

MOST_ARRAYS = 6
"""The most arrays that a circuit that is drawn returns."""


@cache
def operations(declared: bool = True, random: bool = True) -> tuple[Circuit, ...]:
    """Return circuits of one box or a few, on one array or two, of which others are made.

    Parameters
    ----------
    declared
        Whether sizes are declared by name.
    random
        Whether some draw samples.
    """
    a = arrays
    found = [
        a.relu, a.softmax("[y]"), a.softmax("[y z]"), a.norm("g", "[m]", kind="rms"),
        a.where("x y", "y <= x"), a.where("x y", "x - y < 3", outside=-1.5), a.gelu("tanh"),
        a.linear("C", "m -> n", n=4), a.linear("D", "m -> n", n="m"), a.view("m -> k m", k=3),
        a.view("a b -> b a"), a.view("(h d) -> h d", h=2), a.view("h d -> (h d)"),
        a.view("m+1 -> m", outside=-2.0), a.view("2*y+a-1 -> y a", a=3, pad=(1, 1)),
        a.einsum("i i -> i"), a.einsum("m -> ", scale="m**-0.5"), a.mean("[x] m -> m"), a.stop(),
        a.discard, a.copy(2) >> a.idle @ (a.relu >> a.discard), a.copy(2), a.copy(3), a.add, a.mul,
        a.einsum("a b, b c -> a c"),
        a.einsum("a, b -> a b", scale=2.5), a.concat("[x] m, [y] m -> [z] m"), a.swap(),
        a.where("x"), a.top_k("[e -> k]", k=2), a.embed("U", "v -> m", v=5, m=3),
    ]  # fmt: skip
    if declared:
        found += [
            a.linear("A", "m -> n"), a.linear("B", "m -> m2 k", m2="m*2", bias=True, init="ones"),
            a.shift("p", "c m", at="x", c=9), a.view("m -> k m"), a.embed("T", "V -> m"),
        ]  # fmt: skip
    return (*found, a.dropout(0.5)) if random else tuple(found)


@st.composite
def array_circuits(
    draw: st.DrawFn,
    inputs: int | None = None,
    after: Circuit | None = None,
    declared: bool = True,
    random: bool = True,
    most: int = 3,
) -> Circuit:
    """Draw circuits of arrays.

    Parameters
    ----------
    inputs
        How many arrays they take; up to 2 unless said.
    after
        A circuit that those that are drawn can follow.
    declared, random
        Whether sizes are declared by name, and samples are drawn.
    most
        The most operations in one circuit.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(array_circuits(2), lambda circuit: True) == arrays.idle @ arrays.idle
    True
    """
    if inputs is None:
        inputs = draw(st.integers(0, 2)) if after is None else len(after.cod)
    found = tensor(*[arrays.idle] * inputs)
    for _ in range(draw(st.integers(0, most))):
        count = len(found.cod)
        fits = [f for f in operations(declared, random) if len(f.dom) <= count]
        if not count or not fits:
            break
        f = draw(st.sampled_from(fits))
        place = draw(st.integers(0, count - len(f.dom)))
        rest = count - place - len(f.dom)
        try:
            grown = found >> tensor(*[arrays.idle] * place, f, *[arrays.idle] * rest)
            if after is not None:
                compose(after, grown)
        except NotComposable:
            continue
        found = grown if len(grown.cod) <= MOST_ARRAYS else found
    return found


@st.composite
def alignments(draw: st.DrawFn, **options: Any) -> Colimit:
    """Draw colimits of two circuits that meet, along their boundary and what has one name.

    Parameters
    ----------
    **options
        As for :func:`array_circuits`.
    """
    one = draw(array_circuits(**options))
    return aligned(*meeting(one, draw(array_circuits(after=one, **options))))


def aligned(one: Circuit, other: Circuit) -> Colimit:
    """Return the colimit of two circuits whose ranks agree."""
    return alignment((one, other), _places(one, other))


def meeting(one: Circuit, other: Circuit) -> tuple[Circuit, Circuit]:
    """Return two circuits, lifted to meet each other."""
    found = levels((one, other), _places(one, other))
    return raised(one, found[0]), raised(other, found[1])


def _places(one: Circuit, other: Circuit) -> list[tuple[Place, Place]]:
    return [((0, row), (1, there)) for row, there in zip(one.cod, other.dom, strict=True)]


@dataclass(frozen=True)
class Undefined:
    """A composite that is not defined.

    Parameters
    ----------
    ends
        How many arrays it would take and return.
    why
        What was refused.
    """

    ends: tuple[int, int]
    why: str

    def __str__(self) -> str:
        return f"not defined: {self.why}"


Arrow = Circuit | Undefined


class Circuits:
    """Circuits of arrays as a category to be checked; objects are numbers of arrays.

    Parameters
    ----------
    decide
        Whether two circuits are equal; ``==`` unless said.
    partial
        Whether one side of a law may be defined where the other is not.
    **options
        What circuits are drawn, as for :func:`array_circuits`.
    """

    unit = 0
    objects = (0, 1, 2)

    def __init__(
        self,
        decide: Callable[[Circuit, Circuit], Any] = identical,
        partial: bool = True,
        **options: Any,
    ) -> None:
        self.decide, self.partial = decide, partial
        self.options = {"declared": partial, "most": 2, **options}

    def _defined(self, ends: tuple[int, int], make: Callable[..., Circuit], *given: Arrow) -> Arrow:
        for one in given:
            if isinstance(one, Undefined):
                return replace(one, ends=ends)
        try:
            return make(*given)
        except NotComposable as error:
            return Undefined(ends, str(error))

    def identity(self, at: int, /) -> Arrow:
        """Return the identity on so many arrays of any ranks and types."""
        return tensor(*[arrays.idle] * at)

    def compose(self, first: Arrow, then: Arrow, /) -> Arrow:
        """Return ``first >> then``."""
        both = self.ends(first)[0], self.ends(then)[1]
        return self._defined(both, lambda f, g: f >> g, first, then)

    def ends(self, arrow: Arrow, /) -> tuple[int, int]:
        """Return how many arrays a circuit takes and returns."""
        if isinstance(arrow, Undefined):
            return arrow.ends
        return len(arrow.dom), len(arrow.cod)

    def equal(self, one: Arrow, other: Arrow, /) -> Any:
        """Whether two circuits are equal; not known where one of them is not defined."""
        undefined = isinstance(one, Undefined), isinstance(other, Undefined)
        if undefined == (False, False):
            return self.decide(one, other)  # type: ignore[arg-type]
        return Unknown("a side is not defined") if self.partial or all(undefined) else False

    def tensor(self, one: Arrow, other: Arrow, /) -> Arrow:
        """Put two side by side."""
        a, b = zip(self.ends(one), self.ends(other), strict=True)
        return self._defined((sum(a), sum(b)), lambda f, g: f @ g, one, other)

    def tensor_objects(self, one: int, other: int, /) -> int:
        """Return the number of arrays of both."""
        return one + other

    def symmetry(self, one: int, other: int, /) -> Arrow:
        """Return the circuit that exchanges some arrays and others."""
        order = (*range(one, one + other), *range(one))
        return arrays.swap(*order) if order else self.identity(0)

    def copy(self, at: int, /) -> Arrow:
        """Return the copies of so many arrays, the first ones together."""
        found = tensor(*[arrays.idle] * at)
        return Circuit.of(found.apex, found.dom, found.cod * 2)

    def discard(self, at: int, /) -> Arrow:
        """Return the map from so many arrays to none."""
        found = tensor(*[arrays.idle] * at)
        return Circuit.of(found.apex, found.dom, ())

    def lift(self, arrow: Arrow, shape: tuple[str, ...], /) -> Arrow:
        """Return a circuit with axes in front of every array."""
        return self._defined(self.ends(arrow), lambda f: lift(f, shape), arrow)

    def meeting(self, one: Arrow, other: Arrow, which: int, /) -> Arrow:
        """Return one of two circuits, lifted to meet the other."""
        ends = self.ends((one, other)[which])
        return self._defined(ends, lambda f, g: meeting(f, g)[which], one, other)

    def boundary(self, arrow: Arrow, which: int, /) -> Arrow:
        """Return the identity on the inputs, or on the outputs, with the ranks that they have."""

        def made(circuit: Circuit) -> Circuit:
            H, draft = circuit.apex, arrays.boxes.Draft()
            rows = (circuit.dom, circuit.cod)[which]
            found = [
                draft.wire([draft.axis(None) for _ in H.lists["axes"].row(row)], draft.type(None))
                for row in rows
            ]
            return Circuit.of(draft, found, found)

        count = self.ends(arrow)[which]
        return self._defined((count, count), made, arrow)

    def parameters(self, arrow: Arrow, /) -> Any:
        """Return what each parameter is: its axes, numbered in the order in which they occur."""
        if isinstance(arrow, Undefined):
            return arrow
        H, found = arrow.apex, {}
        numbers: dict[int, int] = {}
        names = [(name, row) for row, name in enumerate(H.column("name")) if name is not None]
        for name, row in sorted(names):
            rank = H.lists["axes"].row(row).tolist()
            start = H.column("initialiser")[row]
            own = (start, *(numbers.setdefault(axis, len(numbers)) for axis in rank))
            found.setdefault(name, []).append(own)
        return found

    def out_of(self, source: int, /) -> st.SearchStrategy[Circuit]:
        """Return a strategy for circuits on so many arrays."""
        return array_circuits(source, **self.options)

    def after(self, arrow: Circuit, /) -> st.SearchStrategy[Circuit]:
        """Return a strategy for circuits that can follow one."""
        return array_circuits(after=arrow, **self.options)


def _same_values(C: Circuits, one: Any, other: Any) -> Verdict | bool:
    return Unknown if Undefined in (type(one), type(other)) else identical(one, other)


CIRCUITS = Signature(
    operations={
        "lift(f: A -> B, P: shape): A -> B": lambda C, f, P: C.lift(f, P),
        "+(Q, P: shape): shape": lambda C, Q, P: (*Q, *P),
        "first(f: A -> B, g: B -> D): A -> B": lambda C, f, g: C.meeting(f, g, 0),
        "then(f: A -> B, g: B -> D): B -> D": lambda C, f, g: C.meeting(f, g, 1),
        "dom(f: A -> B): A -> A": lambda C, f: C.boundary(f, 0),
        "cod(f: A -> B): B -> B": lambda C, f: C.boundary(f, 1),
        "parameters(f: A -> B): names": lambda C, f: C.parameters(f),
        "none: shape": lambda C: (),
    },
    relations={"=": _same_values},
    latex={
        "lift": r"[{0} ; {1}]",
        "first": r"{0}^{{({1})}}",
        "then": r"{1}_{{({0})}}",
        "none": "()",
    },
    extends=CARTESIAN,
)
"""Circuits f with lifts [f; P]; ``first(f, g)`` and ``then(f, g)`` are f and g, lifted to meet."""


def _sorts(C: Circuits, given: Mapping[str, Any]) -> dict[str, Any]:
    shapes = given.get("shapes", [("n",), (), ("n", "k")])
    return {**Arrows(C, given).sorts(), "shape": lambda: strategy_of(shapes)}


PAIR = "f: A -> B, g: B -> D"

circuit = Spec(
    "category of circuits",
    (
    CIRCUITS.law(
        "lifting of composites",
        "lift(f >> g, P) = lift(first(f, g), P) >> lift(then(f, g), P)",
        f"{PAIR}, P: shape",
    ),
    CIRCUITS.law(
        "lifting of tensors",
        "lift(f ⊗ g, P)"
        " = lift(dom(f) ⊗ dom(g), P) >> (lift(f, P) ⊗ lift(g, P)) >> lift(cod(f) ⊗ cod(g), P)",
        "f: A -> B, g: D -> E, P: shape",
    ),
    CIRCUITS.law("lifting of copies", "lift(copy(A), P) = lift(id(A), P) >> copy(A)",
                 "A: object, P: shape"),
    CIRCUITS.law("lifting by nothing", "lift(f, none) = f", "f: A -> B"),
    CIRCUITS.law("lifting twice", "lift(lift(f, P), Q) = lift(f, Q + P)",
                 "f: A -> B, P, Q: shape"),
    CIRCUITS.law("parameters of lifts", "parameters(lift(f, P)) = parameters(f)",
                 "f: A -> B, P: shape"),
    CIRCUITS.law("sharing", "parameters(f ⊗ f) = parameters(f)", "f: A -> B"),
    ),
    _sorts,
    {**ARROWS, "shapes": "tuples of letters by which circuits are lifted, or a strategy"},
    lambda structure: isinstance(structure, Circuits),
    "the theory of this package, Circuits, 3",
    CIRCUITS,
)  # fmt: skip
"""The laws of lifts and of shared parameters: :class:`Circuits`."""
