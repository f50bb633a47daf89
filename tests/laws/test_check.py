"""Checking: reports, counterexamples, seeds, suites, and what users may do wrong."""

import random
import subprocess
import sys

import pytest
from hypothesis import strategies as st

from catlearn import laws
from catlearn.category import FiniteCategory, Graph, Path, Unknown
from catlearn.errors import CatlearnError, UnknownName
from catlearn.laws import Law, LawsBroken, Spec, check, suite
from tests.errors import raises


class Matrices:
    """Natural numbers and matrices of 0 and 1 between them, over the Booleans."""

    def identity(self, n):
        return tuple(tuple(int(i == j) for j in range(n)) for i in range(n)), n

    def compose(self, f, g):
        (a, _), (b, n) = f, g
        rows = (tuple(max((x & y[j] for x, y in zip(r, b, strict=True)), default=0)
                      for j in range(n)) for r in a)  # fmt: skip
        return tuple(rows), n

    def ends(self, f):
        return len(f[0]), f[1]


def matrices(n):
    rows = st.integers(0, 2).flatmap(
        lambda m: st.tuples(
            st.tuples(*[st.tuples(*[st.integers(0, 1)] * m)] * n),
            st.just(m),
        )
    )
    return rows


class Flipping(Matrices):
    """A mutant: composites have another first entry, but for those with identities."""

    def compose(self, f, g):
        rows, n = super().compose(f, g)
        if rows and n and self.identity(len(rows)) != f and self.identity(n) != g:
            rows = ((1 - rows[0][0], *rows[0][1:]), *rows[1:])
        return rows, n


SIZES = st.integers(0, 2)


def test_a_category_of_ones_own_passes():
    report = check(Matrices(), objects=SIZES, arrows=matrices, max_examples=40)
    assert report
    assert report.passed == tuple(law.name for law in laws.category.laws)
    assert report.raise_() is report
    assert report.failures == ()
    assert all(10 <= n <= 40 for name, n in report.examples.items() if "identities" not in name)


def test_a_mutant_fails_at_plain_values_and_is_drawn(mutants):
    with mutants("a category whose composites have a flipped entry"):
        report = check(Flipping(), objects=SIZES, arrows=matrices, max_examples=30)
        assert not report
        assert report.broken == ("associativity",)
    (found,) = report.failures
    assert found.lhs != found.rhs
    assert set(found.values) == {"f", "g", "h"}
    # Shrunken: no larger than two by two.
    assert max(max(len(rows), m) for rows, m in found.values.values()) <= 2
    assert found.diagram.names("Eq") == ("associativity",)
    left, right = found.diagram.sides("associativity")
    assert (len(left), len(right)) == (2, 2)
    assert len(found.diagram.vertices) == 4
    bundle = found._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert bundle["image/svg+xml"].startswith("<svg")
    text = str(report)
    assert "associativity fails" in text
    assert "(f >> g) >> h = f >> (g >> h)" in text
    page = report._repr_mimebundle_()["text/html"]
    assert page.count("<svg") == 1
    assert "broken" in page
    with raises(LawsBroken, law="associativity"):
        report.raise_()


def test_the_same_seed_gives_the_same_examples():
    def run(seed):
        seen = []

        def out(n):
            return matrices(n).map(lambda f: seen.append(f) or f)

        check(Matrices(), objects=SIZES, arrows=out, max_examples=10, seed=seed)
        return seen

    random.seed(5)
    once = run(3)
    random.seed(6)
    assert once == run(3)
    assert once != run(4)


def test_no_example_is_remembered(tmp_path):
    program = (
        "import os\n"
        "from catlearn import laws\n"
        "from catlearn.category import FiniteCategory\n"
        "C = FiniteCategory(['A'], {'s': ('A', 'A')}, {('s', 's'): 's'})\n"
        "assert laws.check(C)\n"
        "assert not os.path.exists('.hypothesis/examples')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)


def test_what_the_structure_raises_is_a_failure():
    class Raising(Matrices):
        def compose(self, f, g):
            if f[1] == 2:
                raise ValueError("no twos here")
            return super().compose(f, g)

    report = check(Raising(), objects=SIZES, arrows=matrices, max_examples=30)
    assert set(report.broken) == {"ends of composites", "right unit", "left unit", "associativity"}
    found = report.failures[-1]
    assert isinstance(found.error, ValueError)
    assert found.comparison is None
    assert found.diagram is None
    assert "ValueError: no twos here" in str(found)
    assert set(found._repr_mimebundle_()) == {"text/plain"}
    with raises(LawsBroken, "no twos here", law="ends of composites") as raised:
        report.raise_()
    assert isinstance(raised.value.__cause__, ValueError)


def test_an_error_in_a_strategy_is_a_failure_too():
    def out(n):
        raise RuntimeError("cannot draw")

    report = check(Matrices(), objects=SIZES, arrows=out, max_examples=5)
    assert report.passed == ("ends of identities",)
    assert "cannot draw" in str(report)


def test_a_law_without_examples_is_not_passed():
    report = check(Matrices(), objects=st.nothing(), arrows=st.nothing())
    assert not report
    assert report.untested == tuple(law.name for law in laws.category.laws)
    assert report.passed == report.failures == ()
    assert "not tested" in str(report)
    with raises(LawsBroken, law="ends of identities", where="not tested"):
        report.raise_()
    assert report.raise_(untested=False) is report


def test_arrows_that_never_meet_are_not_tested():
    report = check(
        FiniteCategory(["A", "B", "C"], {"f": ("A", "B")}), arrows=["f"], max_examples=20
    )
    assert set(report.untested) == {"ends of composites", "associativity"}


def test_unknown_answers_count_neither_way():
    class Undecided(Matrices):
        def equal(self, f, g):
            return Unknown("nobody knows")

        def same(self, m, n):
            return m == n

    report = check(Undecided(), objects=SIZES, arrows=matrices, max_examples=10)
    assert set(report.untested) == {"left unit", "right unit", "associativity"}
    assert report.outcomes[-1].undecided == 10
    assert "10 undecided" in str(report)


def test_a_structure_that_changes_its_mind_fails():
    calls = iter(range(10**6))

    class Moody(Matrices):
        def compose(self, f, g):
            return super().compose(f, g) if next(calls) % 7 else self.identity(9)

    assert not check(Moody(), objects=SIZES, arrows=matrices)


def test_a_plain_strategy_of_arrows_will_do():
    arrows = st.sampled_from(
        [((), 1), (((0,),), 1), (((1,),), 1), (((0, 1),), 2), (((1,),) * 2, 1)]
    )
    report = check(Matrices(), arrows=arrows, max_examples=20)
    assert report
    assert check(Flipping(), arrows=arrows, max_examples=20).broken == ("associativity",)


def test_collections_will_do():
    G = Graph({"f": ("A", "B"), "g": ("B", "A")})
    paths = [p for v in G.vertices for p in G.paths(v, max_length=2)]
    from catlearn.category import Paths

    assert check(Paths(), arrows=paths, max_examples=20)


def test_one_law_alone():
    law = laws.category.law("associativity")
    report = check(Matrices(), law, objects=SIZES, arrows=matrices, max_examples=5)
    assert report.passed == ("associativity",)
    comparison = law.check(Matrices(), f=((), 0), g=((), 0), h=((), 0))
    assert comparison
    assert comparison.lhs == comparison.rhs == ((), 0)
    with raises(UnknownName, "g", "h"):
        law.check(Matrices(), f=((), 0))
    with raises(UnknownName, "k"):
        law.check(Matrices(), f=0, g=0, h=0, k=0)
    with raises(UnknownName, "asociativity", "associativity"):
        laws.category.law("asociativity")


def test_a_spec_of_ones_own():
    def even(n, x):
        return (x * n) % 2 == 0

    evenness = Law("evenness", r"2 \mid x n", {"x": "number"}, even)
    spec = Spec("even number", (evenness,), lambda n, given: {"number": lambda: st.integers(0, 50)})
    assert check(4, spec)
    report = check(3, spec)
    assert report.failures[0].values == {"x": 1}
    drawn = check(st.integers(0, 9), spec)
    assert (drawn.failures[0].structure, drawn.failures[0].values) == (1, {"x": 1})
    assert check(st.sampled_from([2, 4]), spec)
    wrong = Law("lost", "", {"x": "nmber"}, even)
    assert "did you mean number" in str(check(4, spec.extended(wrong, name="more")))


def test_misuse_is_explained():
    with raises(UnknownName, "arows", "arrows"):
        check(Matrices(), arows=matrices)
    with raises(CatlearnError, "spec=", "int"):
        check(3)
    with raises(CatlearnError, "spec=", "LazyStrategy"):
        check(st.integers())
    assert "give arrows=" in str(check(Matrices()))
    assert "give objects= too" in str(check(Matrices(), arrows=matrices))


@pytest.mark.parametrize(
    ("structure", "name"),
    [
        (FiniteCategory(["A"]), "category"),
        (Matrices(), "category"),
        (laws.Monoid(0, max), "monoid"),
        (Graph({"f": ("A", "B")}), "C-set"),
    ],
)
def test_the_spec_is_found_by_the_structure(structure, name):
    from catlearn.laws.checking import spec_of

    assert spec_of(structure).name == name


TestMatrices = suite(Matrices(), laws.category, objects=SIZES, arrows=matrices, max_examples=20)


def test_a_suite_has_a_test_for_each_law():
    class_ = suite(Flipping(), objects=SIZES, arrows=matrices, max_examples=30)
    names = [name for name in vars(class_) if name.startswith("test_")]
    assert names == [
        "test_ends_of_identities",
        "test_ends_of_composites",
        "test_left_unit",
        "test_right_unit",
        "test_associativity",
    ]
    class_().test_left_unit()
    with raises(LawsBroken, law="associativity"):
        class_().test_associativity()
    empty = suite(Matrices(), objects=st.nothing(), arrows=st.nothing())
    import unittest

    with raises(unittest.SkipTest, "associativity"):
        empty().test_associativity()


def test_pictures_name_corners_apart():
    same = laws.sketch({"A": "*", "B": "*"}, {"f": ("A", "B", "x" * 99)}, "q", ["f"], ["f"])
    assert same.vertices == ("A = *", "B = *")
    assert same.edges == ("f",)
    assert same.sides("q") == (Path("A = *", ("f",), "B = *"),) * 2


def test_texts_of_values_never_raise():
    class Mute:
        def __str__(self):
            raise ValueError

    from catlearn.laws.law import shown

    assert shown(Mute()) == "<Mute, whose text raises ValueError>"
