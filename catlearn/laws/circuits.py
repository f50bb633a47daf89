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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from catlearn import arrays
from catlearn.arrays.aligning import Place, alignment, levels, raised
from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit, compose, lift, tensor
from catlearn.arrays.counting import COUNTS, Counts
from catlearn.arrays.evaluation import numbered, shape_of, used_axes
from catlearn.arrays.sizes import Size
from catlearn.category import Unknown, Verdict
from catlearn.display import Legible
from catlearn.errors import InvalidStructure, NotComposable, fault
from catlearn.finset import Colimit
from catlearn.laws.algebra import CARTESIAN, cartesian
from catlearn.laws.categories import ARROWS, Arrows, strategy_of
from catlearn.laws.law import identical, truth
from catlearn.laws.signature import Signature, Spec

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
        a.where("x y", "y <= x"), a.where("x y", "x - y < 3", outside=-1.5), a.silu,
        a.linear("C", "m -> n", n=4), a.linear("D", "m -> n", n="m"), a.view("m -> k m", k=3),
        a.view("a b -> b a"), a.view("(h d) -> h d", h=2), a.view("h d -> (h d)"),
        a.relu >> a.view("m+1 -> m", outside=-2.0), a.view("2*y+a-1 -> y a", a=3, pad=(1, 1)),
        a.einsum("i i -> i"), a.einsum("m -> ", scale="m**-0.5"), a.mean("[x] m -> m"), a.stop(),
        a.discard, a.copy(2) >> a.idle @ (a.relu >> a.discard), a.copy(2), a.copy(3), a.add, a.mul,
        a.einsum("a b, b c -> a c"),
        a.einsum("a, b -> a b", scale=2.5), a.concat("[x] m, [y] m -> [z] m"), a.swap(),
        a.where("x"), a.top_k("[e -> k]", k=2), a.embed("U", "v -> m", v=5, m=3),
        a.idle @ (a.angles("x p") >> a.cos) >> a.mul, a.idle @ a.constant(2.0) >> a.add,
        a.logsumexp("[y] -> "), a.minimum("[y] -> "), a.argmax("[y] -> "), a.cumsum("[x]"),
        a.take("k, e m -> k m", at="e"), a.one_hot("v"), a.pool("max", "[y] c", 2),
        a.softmax("[y]").block("weights"), a.linear("R", "m -> n", n="m").repeat(2, "layers"),
        a.residual(a.relu >> a.copy(2) >> a.add).repeat(3, "rounds"),
        (a.add >> a.copy(2)).scan("t"),
        (a.linear("S", "m -> n", n="m") @ a.idle >> a.add >> a.copy(2)).scan("t", title="state"),
    ]  # fmt: skip
    if declared:
        found += [
            a.linear("A", "m -> n"), a.linear("B", "m -> m2 k", m2="m*2", bias=True, init="ones"),
            a.shift("p", "c m", at="x", c=9), a.view("m -> k m"), a.embed("T", "V -> m"),
            a.residual(a.relu).repeat("L", "rounds"),
        ]  # fmt: skip
    return (*found, a.dropout(0.5)) if random else tuple(found)


@st.composite
def array_circuits(
    draw: st.DrawFn,
    inputs: int | None = None,
    after: arrays.Circuit | None = None,
    declared: bool = True,
    random: bool = True,
    most: int = 3,
) -> arrays.Circuit:
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
    >>> find(array_circuits(2, most=1), lambda circuit: True) == arrays.idle @ arrays.idle
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
class Undefined(Legible):
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
        """Return the identity on the inputs, or on the outputs, with their types and axes."""

        def made(circuit: Circuit) -> Circuit:
            H, rows = circuit.apex, (circuit.dom, circuit.cod)[which]
            draft = Draft.of(H)
            found = [draft.wire(*draft.wires[row][:2]) for row in rows]
            draft.boxes = []
            return Circuit.of(draft, found, found).live()

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


# ---------------------------------------------------------------- equality of functions


READINGS = (("n k", "k n"), ("(h d)", "h d"), ("h d", "(h d)"), ("n", "k n"), ("n n", "n"))
"""Readings of axes in front, as the sides of patterns; the first three are bijective."""

KEEP_ZERO = ("relu", "neg", "square", "tanh", "silu")
"""Kernels of one number that make 0 of 0."""


@dataclass(frozen=True)
class Contractions(Legible):
    """Two contractions of which the second reads the first, and what they come to, as patterns.

    The second takes the result of the first, then further arrays; so does the whole.
    """

    first: str
    second: str
    whole: str

    @property
    def arrays(self) -> int:
        """How many arrays the whole takes."""
        return self.whole.count(",") + 1

    def in_turn(self) -> Circuit:
        """Return the first contraction, then the second."""
        rest = self.second.count(",")
        return arrays.einsum(self.first, scale=2) @ _idle(rest) >> arrays.einsum(self.second)

    def at_once(self, order: Sequence[int] = ()) -> Circuit:
        """Return the whole as one contraction, with its arrays put in another order and back."""
        operands, out = self.whole.split(" -> ")
        parts, order = operands.split(", "), order or range(self.arrays)
        pattern = f"{', '.join(parts[k] for k in order)} -> {out}"
        return arrays.swap(*order) >> arrays.einsum(pattern, scale=2)

    def __str__(self) -> str:
        return f"{self.first}; {self.second}"


@st.composite
def contractions(draw: st.DrawFn) -> Contractions:
    """Draw two contractions, and compose them by the pushout of their variables."""
    letter = st.sampled_from("abc")
    operands = [draw(st.lists(letter, max_size=2)) for _ in range(draw(st.integers(1, 2)))]
    known = sorted({x for one in operands for x in one})
    out = draw(st.lists(st.sampled_from(known), unique=True, max_size=2)) if known else []
    there = st.sampled_from("uvw")
    back = [draw(there) for _ in out]
    more = [draw(st.lists(there, max_size=2)) for _ in range(draw(st.integers(0, 1)))]
    others = sorted({x for one in (back, *more) for x in one})
    last = draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others else []
    classes = {x: x for x in "abcuvw"}
    for one, other in zip(out, back, strict=True):
        old, new = classes[other], classes[one]
        classes = {x: new if at == old else at for x, at in classes.items()}

    def text(reads: Sequence[Sequence[str]], writes: Sequence[str], places: Any) -> str:
        sides = [
            ", ".join(" ".join(map(places, one)) for one in side) for side in (reads, [writes])
        ]
        return " -> ".join(sides)

    return Contractions(
        text(operands, out, str), text([back, *more], last, str),
        text([*operands, *more], last, classes.__getitem__),
    )  # fmt: skip


def _idle(count: int) -> Circuit:
    return tensor(*[arrays.idle] * count)


def _read_in_front(circuit: Circuit, which: int, reading: tuple[str, str]) -> Circuit:
    """Return the reading of axes in front of all inputs, or of all outputs."""
    left, right = reading
    ranks = [circuit.apex.lists["axes"].row(row) for row in (circuit.dom, circuit.cod)[which]]
    letters = [" ".join(f"a{k}" for k in range(len(rank))) for rank in ranks]
    return tensor(*(arrays.view(f"{left} {own} -> {right} {own}") for own in letters))


def _slid(C: Circuits, f: Arrow, reading: tuple[str, str], before: bool) -> Arrow:
    """Return a reading in front of what a circuit takes, or of what it returns.

    Axes in front are shared by all arrays on both sides.
    """
    left, right = (("j",) if "(" in one else tuple(one.split()) for one in reading)

    def made(f: Circuit) -> Circuit:
        if not f.cod and len({*left}) < len(left):
            message = "there is none that says which axes are one"
            raise fault("this circuit", "readings", "outputs", message, NotComposable)
        one, other = (
            lift(C.boundary(f, which), shape)  # type: ignore[arg-type]
            for which, shape in ((0, left), (1, right))
        )
        if before:
            return one >> _read_in_front(f, 0, reading) >> lift(f, right) >> other
        return one >> lift(f, left) >> _read_in_front(f, 1, reading) >> other

    return C._defined(C.ends(f), made, f)


def _summed(circuit: Circuit, after: Circuit) -> Circuit:
    """Return a scan of sums of what a circuit takes, each of which goes through another."""
    a, rank = arrays, len(circuit.apex.lists["axes"].row(circuit.dom[0]))
    sums = lift(a.add, [f"m{k}" for k in range(rank)])
    return (sums >> a.copy(2) >> a.idle @ after).scan("t")


@cache
def endomorphisms() -> tuple[Circuit, ...]:
    """Return circuits on one array that end where they start."""
    a = arrays
    linear = a.linear("A", "m -> n", n="m", bias=True)
    return a.tanh, a.softmax("[y]"), linear, a.residual(linear >> a.tanh), a.norm("g", "[m]")


@dataclass(frozen=True)
class Pair(Legible):
    """Two circuits that are different functions, or different as random ones."""

    name: str
    one: Circuit
    other: Circuit

    def __str__(self) -> str:
        return self.name


@cache
def near_misses() -> tuple[Pair, ...]:
    """Return pairs of circuits that a law without one of its hypotheses would make equal."""
    a = arrays
    drop, repeat, soft = a.dropout(0.5), a.view("m -> k m", k=3), a.softmax("[m]")
    up, down = a.view("m+1 -> m", outside=0.0), a.view("m-1 -> m", outside=0.0)
    mask, gone = a.where("x y", "y <= x"), a.view("m+1 -> m", outside=float("-inf"))
    split, masked = a.view("(h d) -> h d", h=2), a.where("x y", "y <= x", outside=0.0)
    W, V = a.linear("W", "m -> n", n="m"), a.linear("V", "m -> n", n="m")
    b = a.linear("W", "m -> n", n="m", bias=True)
    six = "a b, b c, c d, d e, e f, f a -> "
    threes = "a b, b c, c a, d e, e f, f d -> "

    def same(pattern: str) -> Circuit:
        return a.copy(6) >> a.einsum(pattern)

    return (
        Pair("two dropouts and one", a.copy(2) >> drop @ drop, drop >> a.copy(2)),
        Pair("two dropouts and one, added", a.copy(2) >> drop @ drop >> a.add,
             drop >> a.copy(2) >> a.add),
        Pair("dropout and a repetition", repeat >> drop, drop >> repeat),
        Pair("softmax of two axes", a.softmax("[x] y"), a.softmax("x [y]")),
        Pair("softmax and a split", soft >> split, split >> a.softmax("[d]")),
        Pair("a mask and softmax", mask >> a.softmax("[y]"), a.softmax("[y]") >> masked),
        Pair("a sum that is repeated", a.einsum("k m -> m", k=3) >> repeat,
             a.einsum("k m -> k m", k=3)),
        Pair("a repetition that is summed", repeat >> a.einsum("k m -> m"), a.view("m -> m")),
        Pair("angles and places that change roles", a.angles("x p").at(x=3, p=3),
             a.angles("p x").at(x=3, p=3) >> a.view("p x -> x p")),
        Pair("up and down, as forms", up >> down, a.view("m -> m")),
        Pair("exp and an outside value", up >> a.exp, a.exp >> up),
        Pair("outside values in turn", up >> gone, gone >> up),
        Pair("a bias and a linear map", b >> V, W >> V >> a.bias("W.bias", "n")),
        Pair("a ring of six and two of three", same(six), same(threes)),
        Pair("other numbers of rounds", a.tanh.repeat(2, "a"), a.tanh.repeat(3, "a")),
        Pair("a square and a sum", a.copy(2) >> a.mul, a.copy(2) >> a.add),
        Pair("other initialisers", W, a.linear("W", "m -> n", n="m", init="ones")),
        Pair("other sizes", a.relu.at_dom((3,)), a.relu.at_dom((4,))),
        Pair("one axis and two", lift(a.relu @ a.relu, "x"), lift(a.relu, "x") @ lift(a.relu, "x")),
    )  # fmt: skip


def _equality_sorts(C: Circuits, given: Mapping[str, Any]) -> dict[str, Any]:
    def drawn(name: str, values: Any) -> Any:
        return lambda: strategy_of(given.get(name, values))

    return {
        **_sorts(C, given),
        "reading": drawn("readings", READINGS),
        "kernel": drawn("kernels", KEEP_ZERO),
        "chain": drawn("chains", contractions()),
        "endo": drawn("endomorphisms", endomorphisms()),
        "pair": drawn("pairs", near_misses()),
    }


EQUALITY = Signature(
    operations={
        "before(f: A -> B, e: reading): A -> B": lambda C, f, e: _slid(C, f, e, True),
        "behind(f: A -> B, e: reading): A -> B": lambda C, f, e: _slid(C, f, e, False),
        "one: object": lambda C: 1,
        "guard: one -> one": lambda C: arrays.view("m+1 -> m", outside=0.0),
        "apply(k: kernel): one -> one": lambda C, k: getattr(arrays, k),
        "rounds(e: endo): one -> one": lambda C, e: e.repeat(3, "rounds"),
        "inside(e: endo, P: shape): one -> one": lambda C, e, P: lift(e, P).repeat(3, "rounds"),
        "two: object": lambda C: 2,
        "stays(e: endo): two -> two": lambda C, e: (arrays.idle @ e).scan("t"),
        "beside(e: endo): two -> two": lambda C, e: arrays.idle @ lift(e, "t"),
        "sums(e: endo): two -> two": lambda C, e: _summed(e, arrays.idle),
        "inner(e: endo): two -> two": lambda C, e: _summed(e, e),
        "many(c: chain): object": lambda C, c: c.arrays,
        "two(c: chain): many(c) -> one": lambda C, c: c.in_turn(),
        "whole(c: chain): many(c) -> one": lambda C, c: c.at_once(),
        "turned(c: chain): many(c) -> one": lambda C, c: c.at_once(range(c.arrays)[::-1]),
        "equal(p: pair): truth": lambda C, p: truth(C.decide(p.one, p.other)),
        "no: truth": lambda C: False,
        "repeat: one -> one": lambda C: arrays.view("m -> k m", k=3),
        "total: one -> one": lambda C: arrays.einsum("k m -> m"),
        "thrice: one -> one": lambda C: arrays.einsum("m -> m", scale=3),
        "split: one -> one": lambda C: arrays.view("(h d) -> h d", h=2),
        "both: one -> one": lambda C: arrays.einsum("h d -> "),
        "joined: one -> one": lambda C: arrays.einsum("m -> "),
    },
    latex={
        "before": r"\eta^*_{{{1}}} ; [{0} ; P]",
        "behind": r"[{0} ; Q] ; \eta^*_{{{1}}}",
        "apply": "{0}",
    },
    extends=CIRCUITS,
)
"""Readings of axes in front before and after a circuit, contractions in turn and at once."""

circuit_equality = Spec(
    "equality of circuits",
    (
        cartesian.law("naturality of copies"),
        EQUALITY.law(
            "naturality of discards", "f >> discard(B) = dom(f) >> discard(A)", "f: A -> B"
        ),
        EQUALITY.law("readings slide", "before(f, e) = behind(f, e)", "f: A -> B, e: reading"),
        EQUALITY.law("guards slide", "guard >> apply(k) = apply(k) >> guard", "k: kernel"),
        EQUALITY.law("fusion", "two(c) = whole(c)", "c: chain"),
        EQUALITY.law("operands commute", "whole(c) = turned(c)", "c: chain"),
        EQUALITY.law("lifts of rounds", "lift(rounds(e), P) = inside(e, P)", "e: endo, P: shape"),
        EQUALITY.law("rounds without states", "stays(e) = beside(e)", "e: endo"),
        EQUALITY.law("what follows rounds", "inner(e) = sums(e) >> beside(e)", "e: endo"),
        EQUALITY.law("isolated variables", "repeat >> total = thrice"),
        EQUALITY.law("joined sums", "split >> both = joined"),
        EQUALITY.law("apart", "equal(p) = no", "p: pair"),
    ),
    _equality_sorts,
    {
        **circuit.given,
        "readings": "readings of axes in front: pairs of the sides of a pattern",
        "kernels": "names of kernels of one number that keep 0",
        "chains": "pairs of contractions with their composite",
        "endomorphisms": "circuits that end where they start",
        "pairs": "pairs of circuits that are different functions",
    },
    lambda structure: False,  # circuits do not say that they are compared as functions
    "the theory of this package, Circuits, 4 to 6",
    EQUALITY,
)
"""The laws of circuits as functions, for those that draw no samples: ``Circuits(decide)``, where
``decide`` is the equality, such as :meth:`Circuit.equal <catlearn.Circuit.equal>`."""


# ---------------------------------------------------------------- counting


class ClosedCircuits(Circuits):
    """Circuits whose sizes are numbers, with their counts.

    Parameters
    ----------
    count
        From a circuit to its :class:`~catlearn.arrays.Counts`.
    **options
        What circuits are drawn, as for :func:`array_circuits`.
    """

    declared: Mapping[str, int] = MappingProxyType({"n": 3, "k": 2, "c": 9, "V": 5, "m2": 6})

    def __init__(self, count: Callable[[Circuit], Counts] = Circuit.counts, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def out_of(self, source: int, /) -> st.SearchStrategy[Circuit]:
        """Return a strategy for circuits on so many arrays."""
        found = super().out_of(source).map(lambda f: numbered(f, dict(self.declared)))
        return found.filter(is_closed)

    def after(self, arrow: Circuit, /) -> st.SearchStrategy[Circuit]:
        """Return a strategy for circuits that can follow one, without lifting it."""
        H = arrow.apex
        own = {name: shape_of(arrow, row) for row, name in enumerate(H.column("name")) if name}

        def closed(other: Circuit) -> Circuit | None:
            if levels((arrow, other), _places(arrow, other))[0]:
                return None
            found = meeting(arrow, other)[1]
            rows = {name: row for row, name in enumerate(found.apex.column("name"))}
            shapes = {rows[name]: shape for name, shape in own.items() if name in rows}
            pairs = zip(found.dom, arrow.cod, strict=True)
            shapes |= {row: shape_of(arrow, there) for row, there in pairs}
            try:
                found = numbered(found, dict(self.declared), shapes)
            except InvalidStructure:
                return None
            return found if is_closed(found) else None

        found: Any = super().after(arrow).map(closed)
        return found.filter(lambda one: one is not None)

    def lift(self, arrow: Arrow, shape: tuple[str, ...], /) -> Arrow:
        """Return a circuit with axes of size 2 in front of every array."""
        found = super().lift(arrow, shape)
        if isinstance(found, Undefined):
            return found
        draft = Draft.of(found.apex)
        for axis in range(len(draft.axes) - len(shape), len(draft.axes)):
            draft.axes[axis] = draft.axes[axis][0], frozenset([Size.of(2)])
        return Circuit.of(draft, found.dom, found.cod)

    def counted(self, arrow: Arrow, /) -> Any:
        """Return the counts of a circuit."""
        return arrow if isinstance(arrow, Undefined) else self.count(arrow)

    def still(self, arrow: Arrow, /) -> Any:
        """Return the counts of the boxes that no input reaches, which are not lifted."""
        if isinstance(arrow, Undefined):
            return arrow
        H, reached, draft = arrow.apex, {*arrow.dom}, Draft.of(arrow.apex)
        still = []
        for box in H.order:
            if reached.isdisjoint(H.sides[0][box]):
                still.append(draft.boxes[box])
            else:
                reached.update(H.sides[1][box])
        draft.boxes = still
        return replace(self.count(Circuit.of(draft, (), ())), parameters=0, active=0)

    def shared(self, one: Arrow, other: Arrow, /) -> Any:
        """Return the counts of the parameters that two circuits share."""
        found = [{} if isinstance(f, Undefined) else f.parameters for f in (one, other)]
        sizes = [found[0][name] for name in found[0].keys() & found[1].keys()]
        numbers = sum(prod(size.number or 0 for size in rank) for rank in sizes)
        return Counts(numbers, numbers, 0, 0, 0)


def is_closed(circuit: Circuit) -> bool:
    """Whether all its sizes are numbers."""
    return all(circuit.apex.size_of(axis).number is not None for axis in used_axes(circuit))


def _plus(C: ClosedCircuits, one: Any, other: Any) -> Any:
    for side in (one, other):
        if isinstance(side, Undefined):
            return side
    return COUNTS.combine(one, other)


def _times(C: ClosedCircuits, shape: tuple[str, ...], counts: Any) -> Any:
    if isinstance(counts, Undefined):
        return counts
    by, own = 2 ** len(shape), (counts.parameters, counts.active)
    return Counts(*own, by * counts.operations, by * counts.multiply_adds, by * counts.bytes)


COUNTING = Signature(
    operations={
        "count(f: A -> B): amount": lambda C, f: C.counted(f),
        "shared(f: A -> B, g: D -> E): amount": lambda C, f, g: C.shared(f, g),
        "+(a, b: amount): amount": _plus,
        "times(P: shape, a: amount): amount": _times,
        "still(f: A -> B): amount": lambda C, f: C.still(f),
        "nothing: amount": lambda C: COUNTS.unit,
    },
    latex={"count": r"|{0}|", "shared": r"|{0} \cap {1}|", "nothing": "0"},
    extends=CIRCUITS,
)
"""Circuits whose sizes are numbers, with counts in a commutative monoid."""

counting = Spec(
    "counting of circuits",
    (
        COUNTING.law("identities", "count(id(A)) = nothing", "A: object"),
        COUNTING.law("composites", "count(f >> g) + shared(f, g) = count(f) + count(g)", PAIR),
        COUNTING.law(
            "tensors", "count(f ⊗ g) + shared(f, g) = count(f) + count(g)", "f: A -> B, g: D -> E"
        ),
        COUNTING.law("swaps", "count(σ(A, B)) = nothing", "A, B: object"),
        COUNTING.law("copies", "count(copy(A)) = nothing", "A: object"),
        COUNTING.law(
            "lifts",
            "count(lift(f, P)) + times(P, still(f)) = times(P, count(f)) + still(f)",
            "f: A -> B, P: shape",
        ),
    ),
    _sorts,
    circuit.given,
    lambda structure: isinstance(structure, ClosedCircuits),
    "the theory of this package, Circuits, 7 and 9",
    COUNTING,
)
"""Counting is a functor to a commutative monoid, but for parameters that are shared, which count
once: :class:`ClosedCircuits`."""
