"""Free symmetric monoidal and free cartesian categories, and functors out of them."""

from functools import cache, reduce
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn import laws
from catlearn.category import Functions, Hypergraph, MonoidalFunctor
from catlearn.cset import FreeCartesian, FreeMonoidal, Open
from catlearn.errors import InvalidStructure, NotComposable
from tests.errors import raises

SIGNATURE = Hypergraph(
    {
        "f": ("A", "B"),
        "g": (["B", "A"], "A"),
        "h": ("B", ["A", "B"]),
        "s": ([], "A"),
        "e": ("B", []),
    }
)
FREE, CARTESIAN = FreeMonoidal(SIGNATURE), FreeCartesian(SIGNATURE)


@st.composite
def terms(draw, C, source, most=4):
    """Draw the layers of an arrow: boxes in their places, swaps, copies, discards."""
    at, layers = tuple(source), []
    for _ in range(draw(st.integers(0, most))):
        ways = []
        for place in range(len(at) + 1):
            for box in SIGNATURE.boxes:
                ins, outs = SIGNATURE.ins(box), SIGNATURE.outs(box)
                if at[place : place + len(ins)] == ins:
                    ways.append(("box", place, len(ins), box, outs))
            if place + 1 < len(at):
                ways.append(("symmetry", place, 2, None, at[place : place + 2][::-1]))
            if hasattr(C, "copy") and place < len(at):
                ways.append(("copy", place, 1, None, at[place : place + 1] * 2))
                ways.append(("discard", place, 1, None, ()))
        kind, place, width, box, outs = draw(st.sampled_from(ways))
        layers.append((at, kind, place, width, box))
        at = at[:place] + outs + at[place + width :]
        if len(at) > 4:
            break
    return layers


@cache
def layer(C, box, at, kind, place, width, name):
    """Build one layer; there are few of them, which are drawn again and again."""
    inner = at[place : place + width]
    if kind == "box":
        step = box(name)
    else:
        step = getattr(C, kind)(*((inner[:1], inner[1:]) if width == 2 else (inner,)))
    if at[:place]:
        step = C.tensor(C.identity(at[:place]), step)
    if at[place + width :]:
        step = C.tensor(step, C.identity(at[place + width :]))
    return step


def arrow(C, source, layers, box):
    """Build an arrow from its layers, in any monoidal category with objects and arrows given."""
    steps = [layer(C, box, *one) for one in layers]
    if hasattr(C, "composite"):
        return C.composite(source, steps)
    return reduce(C.compose, steps, C.identity(source))


OBJECTS = st.lists(st.sampled_from("AB"), max_size=2).map(tuple)


def out_of(C):
    return lambda source: terms(C, source).map(lambda layers: arrow(C, source, layers, C.box))


@pytest.mark.parametrize(
    ("C", "spec"),
    [(FREE, laws.symmetric_monoidal), (CARTESIAN, laws.cartesian)],
    ids=["symmetric", "cartesian"],
)
def test_the_laws(C, spec):
    report = laws.check(C, objects=OBJECTS, arrows=out_of(C), max_examples=15)
    assert report, str(report)
    assert report.name == spec.name


class Crossing(FreeMonoidal):
    """A mutant: side by side in the other order."""

    def tensor(self, one, other):
        return super().tensor(other, one)


class Straight(FreeMonoidal):
    """A mutant: what should cross does not, where both are alike."""

    def symmetry(self, one, other):
        if tuple(one) == tuple(other):
            return self.identity(tuple(one) + tuple(other))
        return super().symmetry(one, other)


class Forgetful(FreeMonoidal):
    """A mutant: what ends where it starts is not composed."""

    def compose(self, first, then):
        return first if self.ends(then)[0] == self.ends(then)[1] else super().compose(first, then)


class Unshared(FreeCartesian):
    """A mutant: boxes stay apart, as in the free category with copies that are not natural."""

    def normal_form(self, arrow):
        return arrow


class Merging(FreeCartesian):
    """A mutant: equal boxes are one, but those that no output needs stay."""

    def normal_form(self, arrow):
        onto = arrow.apex.merged()
        ends = ([onto("Wire", wire) for wire in side] for side in (arrow.inputs, arrow.outputs))
        return Open(onto.codomain, *ends, "Wire")


class Doubling(FreeCartesian):
    """A mutant: of a list of objects it copies the first alone, twice."""

    def copy(self, objects):
        objects = tuple(objects)
        rows = range(len(objects))
        first = [0] * len(objects) if len(set(objects)) == 1 else rows
        return Open(self.identity(objects).apex, rows, [*rows, *first], "Wire")


class Single(FreeCartesian):
    """A mutant: a copy is one."""

    def copy(self, objects):
        return self.identity(tuple(objects))


class Keeping(FreeCartesian):
    """A mutant: nothing is discarded."""

    def discard(self, objects):
        return self.identity(tuple(objects))


class Replacing(FreeCartesian):
    """A mutant: of A the second copy is another value."""

    def copy(self, objects):
        if tuple(objects) != ("A",):
            return super().copy(objects)
        return self.tensor(self.identity("A"), self.compose(self.discard("A"), self.box("s")))


class Moving(FreeCartesian):
    """A mutant: of A the first copy has gone through f and back."""

    def copy(self, objects):
        if tuple(objects) != ("A",):
            return super().copy(objects)
        parts = [super().copy("A"), self.tensor(self.identity("A"), super().copy("A"))]
        moved = self.compose(self.tensor(self.box("f"), self.identity("A")), self.box("g"))
        return self.compose(self.compose(*parts), self.tensor(moved, self.identity("A")))


MUTANTS = [
    (Crossing, {"ends of tensors"}),
    (Straight, {"naturality of swaps"}),
    (Forgetful, {"involution"}),
    (Unshared, {"naturality of copies", "naturality of discards"}),
    (Merging, {"naturality of discards"}),
    (Doubling, {"cocommutativity", "copies of tensors"}),
    (Single, {"ends of copies"}),
    (Keeping, {"ends of discards"}),
    (Replacing, {"counit"}),
    (Moving, {"coassociativity"}),
]


def test_every_law_that_is_new_has_a_mutant():
    broken = {name for _, names in MUTANTS for name in names}
    new = set(laws.cartesian.laws) - set(laws.symmetric_monoidal.laws)
    assert {law.name for law in new} <= broken
    new = set(laws.monoidal_functor.laws) - set(laws.functor.laws)
    assert {law.name for law in new} <= {name for name, _ in FUNCTOR_MUTANTS.values()}


@pytest.mark.parametrize(("kind", "broken"), MUTANTS)
def test_the_laws_reject_mutants(kind, broken):
    arrows = out_of(CARTESIAN if issubclass(kind, FreeCartesian) else FREE)
    spec = laws.cartesian if issubclass(kind, FreeCartesian) else laws.symmetric_monoidal
    report = laws.check(
        kind(SIGNATURE), spec.only(*broken), objects=OBJECTS, arrows=arrows, max_examples=25,
        shrink=False,
    )  # fmt: skip
    assert set(report.broken) == broken


@given(st.data())
def test_arrows_of_the_free_symmetric_category_are_monogamous(data):
    f = data.draw(out_of(FREE)(data.draw(OBJECTS)))
    assert FREE.failures(f) == []
    copied = f >> CARTESIAN.copy(FREE.ends(f)[1])
    assert bool(FREE.failures(copied)) == bool(FREE.ends(f)[1])
    assert CARTESIAN.failures(copied) == []


def test_what_is_not_an_arrow_says_why():
    H = Hypergraph(
        {"b": (["x"], ["y"]), "c": (["y"], ["z"])},
        types={"x": "A", "y": "B", "z": "C"},
        operations={"b": "f", "c": "fold"},
    )
    found = FREE.failures(Open(H, ["x", "x"], ["z"], "Wire"))
    assert [(f.where, f.law) for f in found] == [
        ("box c", "known names"),
        ("wire z", "known names"),
        ("wire x", "monogamy"),
    ]
    with raises(InvalidStructure, law="known names", where="object 'C'"):
        FREE.identity(["A", "C"])
    with pytest.raises(NotComposable):
        FREE.box("f") >> FREE.box("f")


# ---------------------------------------------------------------- functors and oracles


FUNCTIONS = {
    "f": lambda a: 2 * a + 1,
    "g": lambda b, a: 3 * b - a,
    "h": lambda b: (b + 1, b - 1),
    "s": lambda: 7,
    "e": lambda b: (),
}
EVALUATE = MonoidalFunctor(SIGNATURE, Functions(), arrows=FUNCTIONS)


def called(f, values):
    made = EVALUATE(f)(*values)
    return made if isinstance(made, tuple) else (made,)


@given(st.data())
def test_evaluation_is_a_functor(data):
    source = data.draw(OBJECTS)
    f = data.draw(out_of(CARTESIAN)(source))
    g = data.draw(out_of(CARTESIAN)(CARTESIAN.ends(f)[1]))
    x, y = (tuple(data.draw(st.integers(-9, 9)) for _ in source) for _ in range(2))
    assert called(f >> g, x) == called(g, called(f, x))
    assert called(f @ f, x + y) == called(f, x) + called(f, y)
    assert called(CARTESIAN.identity(source), x) == x
    assert called(CARTESIAN.normal_form(f), x) == called(f, x)


class Tensors:
    """discopy's tensors as a target, with dimensions as objects."""

    def __init__(self):
        from discopy import tensor

        self.kind, self.dim = tensor.Tensor[int], tensor.Dim
        self.unit = self.dim(1)

    def tensor_objects(self, one, other):
        return one @ other

    def identity(self, at):
        return self.kind.id(at)

    def compose(self, first, then):
        return first >> then

    def tensor(self, one, other):
        return one @ other

    def symmetry(self, one, other):
        return self.kind.swap(one, other)

    def copy(self, at):
        return self.kind.spiders(1, 2, at)

    def discard(self, at):
        return self.kind.spiders(1, 0, at)

    def ends(self, arrow):
        return arrow.dom, arrow.cod

    def same(self, one, other):
        return one == other


SIZES = {"A": 2, "B": 3}


def arrays():
    rng = np.random.default_rng(0)
    return {
        box: rng.integers(-3, 4, [SIZES[w] for w in SIGNATURE.ins(box) + SIGNATURE.outs(box)])
        for box in SIGNATURE.boxes
    }


def contracted(f, tables):
    """The tensor of an open hypergraph by one contraction along its wires."""
    H, operands = f.apex, []
    for box, operation in enumerate(H.operations):
        operands += [tables[operation], [*H.sides[0][box], *H.sides[1][box]]]
    for wire, type in enumerate(H.types):
        operands += [np.ones(SIZES[type], int), [wire]]
    new, ends = H.size("Wire"), []
    for wire in (*f.inputs, *f.outputs):
        operands += [np.eye(SIZES[H.types[wire]], dtype=int), [wire, new]]
        ends.append(new)
        new += 1
    return np.einsum(*operands, ends) if operands else np.array(1)


def in_tensors():
    """Tensors as a target, and the values of the wires and boxes of the signature there."""
    target = Tensors()
    objects = {wire: target.dim(size) for wire, size in SIZES.items()}
    boxes = {}
    for box, table in arrays().items():
        ends = (target.unit.tensor(*(objects[w] for w in side)) for side in
                (SIGNATURE.ins(box), SIGNATURE.outs(box)))  # fmt: skip
        boxes[box] = target.kind(table.ravel().tolist(), *ends)
    return target, objects, boxes


@given(st.data())
def test_values_in_tensors_are_contractions(data):
    target, objects, boxes = in_tensors()
    F = MonoidalFunctor(SIGNATURE, target, objects, boxes)
    f = data.draw(out_of(CARTESIAN)(data.draw(OBJECTS)))
    assert np.array_equal(np.array(F(f).array).ravel(), contracted(f, arrays()).ravel())


def test_an_arrow_between_other_objects_is_refused():
    target, objects, boxes = in_tensors()
    with raises(InvalidStructure, law="ends", where="box f"):
        MonoidalFunctor(SIGNATURE, target, objects, boxes | {"f": boxes["g"]})


class Diagrams:
    """discopy's hypergraphs as a monoidal category."""

    def __init__(self):
        from discopy import frobenius

        self.kind, self.box_class, self.ty = frobenius.Hypergraph, frobenius.Box, frobenius.Ty
        self.unit = self.ty()

    def identity(self, at):
        return self.kind.id(self.ty(*at))

    def compose(self, first, then):
        return first >> then

    def tensor(self, one, other):
        return one @ other

    def symmetry(self, one, other):
        return self.kind.swap(self.ty(*one), self.ty(*other))

    def copy(self, at):
        return self.kind.copy(self.ty(*at))

    def discard(self, at):
        return self.kind.copy(self.ty(*at), 0)

    def box(self, name):
        ends = (self.ty(*side) for side in (SIGNATURE.ins(name), SIGNATURE.outs(name)))
        return self.kind.from_box(self.box_class(name, *ends))


@given(st.data())
def test_equality_is_that_of_discopy(data):
    D = Diagrams()
    source = data.draw(OBJECTS)
    both = [data.draw(terms(CARTESIAN, source, most=3)) for _ in range(2)]
    mine = [arrow(CARTESIAN, source, layers, CARTESIAN.box) for layers in both]
    theirs = [arrow(D, source, layers, D.box) for layers in both]
    if FREE.ends(mine[0]) == FREE.ends(mine[1]):
        assert FREE.equal(*mine) == (theirs[0] == theirs[1])
    assert FREE.equal(mine[0], mine[0])
    reordered = Open(shuffled(mine[0].apex), mine[0].inputs, mine[0].outputs, "Wire")
    assert FREE.equal(mine[0], reordered)


def shuffled(H):
    """The same hypergraph with its boxes in the other order."""
    boxes = {str(box): (H.ins(box), H.outs(box)) for box in reversed(range(H.size("Box")))}
    types = dict(zip(H.wires, H.types, strict=True))
    return Hypergraph(boxes, H.wires, types, {name: H.operations[int(name)] for name in boxes})


@given(st.data())
def test_composing_many_is_composing_one_after_the_other(data):
    at = source = data.draw(OBJECTS)
    parts = []
    for _ in range(data.draw(st.integers(0, 4))):
        parts.append(data.draw(out_of(CARTESIAN)(at)))
        at = CARTESIAN.ends(parts[-1])[1]
    one = reduce(CARTESIAN.compose, parts, CARTESIAN.identity(source))
    assert FREE.equal(CARTESIAN.composite(source, parts), one)


PARTS = {"A": ("B", "A"), "B": ()}


def substitution():
    """A functor to the same category: boxes become hypergraphs, wires become lists of wires."""
    arrows = {}
    for box in SIGNATURE.boxes:
        ins, outs = (
            tuple(at for wire in side for at in PARTS[wire])
            for side in (SIGNATURE.ins(box), SIGNATURE.outs(box))
        )
        made = CARTESIAN.discard(ins)
        for at in outs:
            made = made @ CARTESIAN.box("s")
            made = made if at == "A" else made @ CARTESIAN.identity(()) >> last(made)
        arrows[box] = made
    return MonoidalFunctor(SIGNATURE, CARTESIAN, PARTS, arrows)


def last(made):
    """Apply f to the last of some wires."""
    before = CARTESIAN.ends(made)[1][:-1]
    return CARTESIAN.identity(before) @ CARTESIAN.box("f")


def as_functor(F, **changed):
    given = {"domain": CARTESIAN, "codomain": F.target, "on_object": F.at, "on_arrow": F}
    return SimpleNamespace(**{**given, **changed})


def test_putting_hypergraphs_into_boxes_is_a_functor():
    F = as_functor(substitution())
    report = laws.check(F, objects=OBJECTS, arrows=out_of(CARTESIAN), max_examples=15)
    assert report, str(report)
    assert report.name == laws.monoidal_functor.name


def test_values_in_tensors_are_those_of_a_functor():
    target, objects, boxes = in_tensors()
    F = as_functor(MonoidalFunctor(SIGNATURE, target, objects, boxes))
    report = laws.check(F, objects=OBJECTS, arrows=out_of(CARTESIAN), max_examples=15)
    assert report, str(report)
    assert report.name == laws.monoidal_functor.name


def few_boxes(F):
    """Values that are right of arrows with one box at most."""
    return {"on_arrow": lambda f: F(f) if f.apex.size("Box") < 2 else F(constant(f))}


FUNCTOR_MUTANTS = {
    "values of boxes alone": ("identities", lambda F: {"on_arrow": lambda f: F(bare(f))}),
    "something of nothing": ("unit", lambda F: {"on_object": lambda A: F.at(A) or ("A",)}),
    "the first factor": ("tensors of objects", lambda F: {"on_object": lambda A: F.at(A[:1])}),
    "right of one box, in a row": ("composites", few_boxes),
    "right of one box, side by side": ("tensors", few_boxes),
    "swaps that stay": (
        "swaps",
        lambda F: {"on_arrow": lambda f: F(sorted_outputs(f) if not f.apex.size("Box") else f)},
    ),
}


def bare(f):
    return f if f.apex.size("Box") else CARTESIAN.box("s")


def constant(f):
    """The same with s in place of each output of type A."""
    other = CARTESIAN.discard("A") @ CARTESIAN.box("s")
    parts = [other if at == "A" else CARTESIAN.identity(at) for at in CARTESIAN.ends(f)[1]]
    return f >> reduce(CARTESIAN.tensor, parts, CARTESIAN.identity(()))


def sorted_outputs(f):
    if sorted(CARTESIAN.ends(f)[0]) != sorted(CARTESIAN.ends(f)[1]):
        return f
    types = CARTESIAN.ends(f)[1]
    place = {wire: row for row, wire in enumerate(f.inputs)}
    order = sorted(f.outputs, key=lambda wire: (f.apex.types[wire], place.get(wire, 0)))
    if tuple(f.apex.types[wire] for wire in order) != types:
        return f
    return Open(f.apex, f.inputs, order, "Wire")


@pytest.mark.parametrize("name", FUNCTOR_MUTANTS)
def test_the_laws_of_functors_reject_mutants(name):
    broken, change = FUNCTOR_MUTANTS[name]
    F = MonoidalFunctor(SIGNATURE, CARTESIAN, arrows={b: CARTESIAN.box(b) for b in SIGNATURE.boxes})
    report = laws.check(
        as_functor(F, **change(F)),
        laws.monoidal_functor.only(broken),
        objects=OBJECTS,
        arrows=out_of(CARTESIAN),
        max_examples=100,
        shrink=False,
    )
    assert report.broken == (broken,)


@given(st.data())
def test_functors_compose(data):
    F, f = substitution(), data.draw(out_of(CARTESIAN)(data.draw(OBJECTS)))
    assert CARTESIAN.ends(F(f)) == tuple(map(F.at, CARTESIAN.ends(f)))
    values = [7 if at == "A" else 15 for at in CARTESIAN.ends(F(f))[0]]
    assert called(F(f), values) == flat((F >> EVALUATE)(f)(*values))


def flat(made):
    return made if isinstance(made, tuple) else (made,)


def test_a_functor_on_itself_is_the_identity():
    F = MonoidalFunctor(SIGNATURE, FREE, arrows={box: FREE.box(box) for box in SIGNATURE.boxes})
    f = FREE.box("h") @ FREE.identity("A") >> FREE.identity("A") @ FREE.box("g")
    assert FREE.equal(F(f), f)
    assert (F >> F) == F or FREE.equal((F >> F)(f), f)
