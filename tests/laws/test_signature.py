"""Laws as text: their types, how they are drawn, evaluated, written and pictured."""

import pytest
from hypothesis import strategies as st

from catlearn import laws
from catlearn.category import FiniteCategory
from catlearn.errors import NotComposable, UnknownName
from catlearn.laws import Law, Signature, check, compare

CATEGORY = laws.category.signature
GROUP = FiniteCategory.permutation_group({"a": [1, 0, 2], "b": [0, 2, 1]})


PROCEDURES = {
    laws.loss_functor.law(name) for name in ("pullback of parameters", "gradients", "zeros")
}


def test_every_text_is_read_again():
    for spec in laws.SPECS:
        for law in spec.laws:
            assert law.text, law
            if law in PROCEDURES:
                continue
            again = spec.signature.law(law.name, law.text, law.typing)
            assert (again.text, again.statement) == (law.text, law.statement)
            assert again.variables == law.variables


def test_a_law_of_ones_own_as_text_and_as_python():
    text = CATEGORY.law("commutativity", "f >> g = g >> f", "f: A -> A, g: A -> A")
    python = Law(
        "commutativity",
        "f ; g = g ; f",
        {"f": "arrow", "g": "arrow after f"},
        lambda C, f, g: compare(C.compose(f, g), C.compose(g, f), "f >> g", "g >> f"),
    )
    one, other = (check(GROUP, laws.category.extended(law)) for law in (text, python))
    assert one.broken == other.broken == ("commutativity",)
    assert str(one.failures[0]) == str(other.failures[0])
    assert one.failures[0].diagram.names("Eq") == ("commutativity",)
    assert text.statement == python.statement
    assert check(
        FiniteCategory.group(range(3), lambda x, y: (x + y) % 3), laws.category.extended(text)
    )


def test_values_that_do_not_fit_are_not_tried():
    chain = FiniteCategory.chain(2)
    loops = CATEGORY.law("loops", "f >> f = f", "f: A -> A")
    report = check(chain, laws.category.extended(loops))
    assert report
    assert not loops.fits(chain, f="0 <= 1")
    assert loops.fits(chain, f="id(0)")


def test_a_chain_stops_at_the_first_relation_that_fails():
    numbers = Signature(
        {}, {"+(x, y: number): number": lambda n, x, y: (x + y) % n}, {"≤": lambda n, x, y: x <= y}
    )
    law = numbers.law("growth", "x <= x + y <= x", "x, y: number")
    assert (law.check(10, x=1, y=2).left, law.check(10, x=1, y=2).right) == ("x + y", "x")
    assert (law.check(10, x=9, y=2).lhs, law.check(10, x=9, y=2).rhs) == (9, 1)
    assert law.check(10, x=9, y=0)
    assert law.check(10, x=1, y=2).diagram is None


def test_families_range_over_an_index():
    sums = Signature(
        {},
        {
            "sum(h: [number for k in places]): number": lambda xs, h: sum(h),
            "*(x, y: number): number": lambda xs, x, y: x * y,
            "total: number": lambda xs: sum(xs),
        },
        indices={"places": len},
        alias={"weights": "[number for k in places]"},
    )
    law = sums.law("constants", "sum([n * h(k) for k in places]) = n * sum(h)",
                   "n: number, h: [number for k in places]")  # fmt: skip
    assert law.check((4, 5), n=3, h=(1, 2)).lhs == 9
    assert law.variables == {"n": "number", "h": "[number for k in places]"}
    assert "for k in places" in law.text


@pytest.mark.parametrize(
    ("text", "typing", "error", "words"),
    [
        ("f >> h = f", "f: A -> B, h: C -> D", NotComposable, ["A -> B", "C -> D"]),
        ("f = g", "f: A -> B, g: B -> C", NotComposable, ["A -> B", "B -> C"]),
        ("f >> g : A -> B", "f: A -> B, g: B -> C", NotComposable, ["A -> C", "A -> B"]),
        ("id(f) = f", "f: A -> A", UnknownName, ["id"]),
        ("F(f) = f", "f: A -> B", UnknownName, ["F"]),
        ("f <= f", "f: A -> B", UnknownName, ["≤"]),
        ("f = f", "f: A -> B in E", UnknownName, ["E"]),
        ("[f for i in legs] = f", "f: A -> B", UnknownName, ["legs"]),
    ],
)
def test_texts_that_mean_nothing_are_refused(text, typing, error, words):
    with pytest.raises(error) as refused:
        CATEGORY.law("nonsense", text, typing)
    assert all(word in str(refused.value) for word in words)


def test_what_is_undecided_is_not_known():
    from catlearn.category import Unknown

    class Undecided:
        objects, arrows = ["*"], [0, 1]

        def identity(self, at):
            return 0

        def compose(self, f, g):
            return f

        def ends(self, f):
            return "*", "*"

        def same(self, a, b):
            return a == b

        def equal(self, f, g):
            return Unknown

    assert CATEGORY.law("unit", "id(A) >> f = f", "f: A -> B").check(Undecided(), f=1).equal is None
    assert check(Undecided(), arrows=st.sampled_from([0, 1])).untested


def test_relations_are_named_as_they_are_typed():
    numbers = Signature({"X": lambda X: X}, relations={"<=": lambda X, one, other: one <= other})
    law = numbers.law("order", "a <= b", "a: value, b: value")
    assert [law.evaluate(None, a=a, b=b).equal for a, b in ((1, 2), (2, 1))] == [True, False]


def test_variables_may_be_called_like_operations():
    law = CATEGORY.law("reflexivity", "id = id", "id: A -> A")
    assert law.statement == r"\mathrm{id} = \mathrm{id}"
