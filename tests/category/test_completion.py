"""Completion: known systems, models that tell words apart, brute force, other programs, mutants."""

import pickle
import shutil
import subprocess
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import (
    Budget,
    Equal,
    Graph,
    NotEqual,
    Path,
    Presentation,
    RewritingSystem,
    Unknown,
    Verdict,
    complete,
)
from catlearn.category.completion import Completion, Lattice, shortlex
from catlearn.errors import InvalidStructure, NotComposable, Undecided
from tests.errors import raises

A4 = ("ab", ["aa = 1", "bbb = 1", "ababab = 1"])
A5 = ("ab", ["aa = 1", "bbb = 1", "(ab)^5 = 1"])
PSL27 = ("abc", ["aa = 1", "bc = 1", "bbb = 1", "(ab)^7 = 1", "(abac)^4 = 1"])
UNITS = ["aA = 1", "Aa = 1", "bB = 1", "Bb = 1"]
SL27 = ("abAB", ["a^7 = 1", "bb = ababab", "bb = (aaaab)^4", *UNITS])
Z2 = ("aAbB", [*UNITS, "ab = ba"])
BICYCLIC = ("ab", ["ab = 1"])
FIBONACCI = ("abcde", ["ab = c", "bc = d", "cd = e", "de = a", "ea = b"])


@pytest.mark.parametrize(
    ("monoid", "rules", "classes"),
    [
        (A4, 6, 12),
        (A5, 7, 60),
        (PSL27, 40, 168),
        (SL27, 152, 336),
        (FIBONACCI, None, 12),  # F(2, 5) has 11 elements as a semigroup
        (Z2, 8, None),
        (BICYCLIC, 1, None),
        (("a", []), 0, None),
        (("", []), 0, 1),
    ],
)
def test_known_numbers_of_rules_and_classes(monoid, rules, classes):
    """From the libsemigroups suite (Sims, 5.3, 5.4, 6.4; Ruskuc, Proposition 3.1.5)."""
    system = complete(Presentation.monoid(*monoid))
    assert system.is_complete
    assert rules in (len(system), None)
    assert system.failures() == []
    loop = system.automaton.loop
    assert (loop is None) == (classes is not None)
    if classes is not None:
        assert system.automaton.count == classes


def test_the_automaton_has_the_known_size():
    automaton = complete(Presentation.monoid(*SL27)).automaton
    assert len(automaton.words) == 232
    assert sum(map(len, automaton.growth.values())) == 265


def test_groups_by_generators_and_relators():
    for letters, relations, order in (
        ("a", ["a^4"], 4),
        ("ij", ["i^2 = j^2 = (ij)^2"], 8),
        ("rs", ["r^5", "s^2", "(rs)^2"], 10),
        ("ab", ["a^2", "b^3", "(ab)^7", "[a, b]^4"], 168),
        ("xyz", ["x = y^-1", "y z = 1", "x^-6"], 6),
    ):
        system = complete(Presentation.group(letters, relations))
        assert system.automaton.count == order, relations
        assert system.failures() == []


def test_a_budget_ends_completion_and_says_so():
    monoid = Presentation.monoid("abAB", Z2[1])
    system = complete(monoid, 30)
    assert not system.is_complete
    assert system.stopped.startswith("completion stopped at 31 rules, over its budget of 30")
    assert system.equal("a >> b", "b >> a") == Equal
    assert system.equal("a >> b", "b >> b") == NotEqual  # by the use of edges alone
    stopped = complete(monoid, Budget(letters=50)).stopped
    assert stopped.startswith("completion stopped at 50 edges read in rewriting, its budget")
    assert "a larger budget or another order" in stopped


def test_unknown_is_never_a_no():
    A, budget = Presentation.monoid(*A4), 0
    assert complete(A).equal("a >> b >> a >> b", "b >> b >> a") == Equal
    answer = complete(A, budget).equal("a >> b >> a >> b", "b >> b >> a")
    assert answer == Unknown
    assert "completion stopped" in answer.reason
    with raises(Undecided, "budget"):
        bool(answer)
    with raises(NotComposable, "A", "B", law="composition", where="path 'f >> f'"):
        complete(Graph({"f": ("A", "B")})).equal("f", "f >> f")
    with raises(NotComposable, "A", "B", law="parallel sides", where="'f' and 'id(A)'"):
        complete(Graph({"f": ("A", "B")})).equal("f", "id(A)")


def test_verdicts_compare_without_their_reasons():
    verdicts = (Equal, NotEqual, Unknown)
    for one, other in product(verdicts, repeat=2):
        assert (one("for a reason") == other) == (one is other)
        assert (hash(one("for a reason")) == hash(other)) == (one is other)
    assert [verdict.is_known for verdict in verdicts] == [True, True, False]
    assert Verdict.of(True) == Equal
    assert Verdict.of(False, "why") == NotEqual
    assert str(NotEqual("why")) == "NotEqual: why"
    assert pickle.loads(pickle.dumps(Unknown("why"))).reason == "why"
    with raises(ValueError, "Equal", "NotEqual", "Unknown", "Maybe"):
        Verdict("Maybe")


def test_systems_are_values():
    system = complete(Presentation.monoid(*A4))
    assert system.normal_form("a >> a") == Path.identity("*")  # fills the caches
    again = pickle.loads(pickle.dumps(system))
    assert again == system
    assert hash(again) == hash(system)
    assert again != complete(Presentation.monoid(*A4), 0)
    assert RewritingSystem(system.graph, system.rules) == system


# A model in which words are equal if and only if they are in the group.
MODELS = {
    A4[0]: (A4, {"a": (1, 0, 3, 2), "b": (1, 2, 0, 3)}),
    "ij": (
        ("ij", ["i i i i = 1", "i i = j j", "i j i = j"]),
        # The quaternions on themselves, 1 i -1 -i j k -j -k, from the right.
        {"i": (1, 2, 3, 0, 7, 4, 5, 6), "j": (4, 5, 6, 7, 2, 3, 0, 1)},
    ),
}
SYSTEMS = {name: complete(Presentation.monoid(*monoid)) for name, (monoid, _) in MODELS.items()}
cases = st.sampled_from(sorted(MODELS)).flatmap(
    lambda name: st.tuples(
        st.just(name), *(st.lists(st.sampled_from(name), max_size=12).map(tuple) for _ in range(3))
    )
)


def image(model: dict[str, tuple[int, ...]], word: tuple[str, ...]) -> tuple[int, ...]:
    points = tuple(range(len(next(iter(model.values())))))
    for letter in word:
        points = tuple(model[letter][point] for point in points)
    return points


def loops(*words: tuple[str, ...]) -> list[Path]:
    return [Path("*", word, "*") for word in words]


def decides_equality_as(system: RewritingSystem, model, p: Path, q: Path) -> None:
    same = image(model, p.edges) == image(model, q.edges)
    assert bool(system.equal(p, q)) == same
    assert (system.normal_form(p) == system.normal_form(q)) == same


def decides_equality_of_all(system: RewritingSystem, model, paths: list[Path]) -> None:
    """Compare each path with the first one that has its image."""
    first: dict[tuple[int, ...], Path] = {}
    for path in paths:
        decides_equality_as(system, model, path, first.setdefault(image(model, path.edges), path))


def is_congruence(system: RewritingSystem, p: Path, q: Path, r: Path) -> None:
    normal = system.normal_form
    assert normal(normal(p)) == normal(p)
    assert normal(p >> q) == normal(normal(p) >> normal(q))
    if system.equal(p, q) == Equal:
        assert system.equal(p >> r, q >> r) == system.equal(r >> p, r >> q) == Equal
    key = (len(normal(p)), normal(p).edges)
    assert key <= (len(p), p.edges)


@settings(max_examples=60)
@given(cases)
def test_words_are_equal_as_in_a_model(case):
    name, *words = case
    p, q, r = loops(*words)
    decides_equality_as(SYSTEMS[name], MODELS[name][1], p, q)
    decides_equality_as(SYSTEMS[name], MODELS[name][1], p, SYSTEMS[name].normal_form(p))
    is_congruence(SYSTEMS[name], p, q, r)


def test_a_system_without_one_of_its_rules_does_not_decide():
    """Each rule is needed: without it some equal words keep different normal forms."""
    words = [word for n in range(6) for word in product("ab", repeat=n)]
    system, model = SYSTEMS["ab"], MODELS["ab"][1]
    for k in range(len(system)):
        rules = [rule for j, rule in enumerate(system.rules) if j != k]
        mutant = RewritingSystem(system.graph, rules, check=False)
        assert mutant.failures(), system.rules[k]
        left, right = system.rules[k]
        assert image(model, left.edges) == image(model, right.edges)
        with pytest.raises(AssertionError):
            decides_equality_of_all(mutant, model, loops(*words))


def test_a_presentation_without_one_of_its_equations_has_another_number_of_classes():
    letters, relations = A4
    for k in range(3):
        rest = relations[:k] + relations[k + 1 :]
        system = complete(Presentation.monoid(letters, rest))
        assert system.is_complete
        assert system.automaton.loop is not None


# Random presentations without cycles, whose classes of paths brute force finds.


@st.composite
def acyclic(draw: st.DrawFn) -> Presentation:
    ends = draw(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda e: e[0] < e[1]),
            min_size=1,
            max_size=7,
        )
    )
    vertices = [f"v{k}" for k in range(4)]
    graph = Graph({f"e{k}": (f"v{s}", f"v{t}") for k, (s, t) in enumerate(ends)}, vertices)
    parallel: dict[tuple[str, str], list[Path]] = {}
    for path in (path for vertex in vertices for path in graph.paths(vertex)):
        parallel.setdefault((path.source, path.target), []).append(path)
    choices = [(p, q) for paths in parallel.values() for p in paths for q in paths if p != q]
    if not choices:
        return Presentation(graph)
    chosen = draw(st.lists(st.sampled_from(choices), max_size=3, unique=True))
    return Presentation(graph, {f"q{k}": pair for k, pair in enumerate(chosen)})


def classes_by_force(presentation: Presentation) -> dict[Path, Path]:
    """For each path the least one that single replacements lead to."""
    paths = [p for v in presentation.vertices for p in presentation.paths(v)]
    sides = [pair for name in presentation.equations for pair in [presentation.sides(name)]]
    sides += [(right, left) for left, right in sides]
    least: dict[Path, Path] = {}
    for path in sorted(
        paths, key=lambda p: (len(p), [presentation.edges.index(e) for e in p.edges])
    ):
        waiting = [path] if path not in least else []
        while waiting:
            at = waiting.pop()
            if at in least:
                continue
            least[at] = path
            for left, right in sides:
                for cut in range(len(at) - len(left) + 1):
                    if at.edges[cut : cut + len(left)] == left.edges:
                        edges = at.edges[:cut] + right.edges + at.edges[cut + len(left) :]
                        waiting.append(Path(at.source, edges, at.target))
    return least


def agrees_with_force(presentation: Presentation, system: RewritingSystem) -> None:
    least = classes_by_force(presentation)
    assert system.automaton.count == len(set(least.values()))
    for path, smallest in least.items():
        assert system.normal_form(path) == smallest


@settings(max_examples=60)
@given(acyclic())
def test_normal_forms_are_the_least_paths_of_their_classes(presentation):
    system = complete(presentation)
    assert system.is_complete
    assert system.failures() == []
    agrees_with_force(presentation, system)


@settings(max_examples=60)
@given(acyclic())
def test_a_small_budget_is_sound(presentation):
    """What an incomplete system proves, of either kind, is so."""
    system, least = complete(presentation, 1), classes_by_force(presentation)
    for p, q in product(least, repeat=2):
        if p.is_parallel(q):
            verdict = system.equal(p, q)
            assert verdict in (Unknown, Equal if least[p] == least[q] else NotEqual)


class Careless(Completion):
    """Takes every overlap for one that follows from others."""

    def _follows(self, left: str, right: str, shared: int) -> bool:
        return True


def test_completion_that_skips_overlaps_is_caught(monkeypatch):
    chain = Graph(
        {"a": ("A", "B"), "b": ("B", "C"), "c": ("C", "D"), "d": ("B", "D"), "e": ("A", "C")}
    )
    presentation = Presentation(chain, ["b >> c = d", "a >> b = e"])
    assert len(complete(presentation)) == 3  # also e >> c and a >> d agree
    monkeypatch.setattr("catlearn.category.completion.Completion", Careless)
    mutant = complete(presentation)
    assert [failure.law for failure in mutant.failures()] == ["confluence"]
    assert "a >> d" in str(mutant.failures()[0])
    with pytest.raises(AssertionError):
        agrees_with_force(presentation, mutant)
    with raises(InvalidStructure, law="confluence", where="a >> b >> c"):
        RewritingSystem(presentation, mutant.rules)
    assert not RewritingSystem(presentation, mutant.rules, stopped="on purpose").is_complete


def test_what_is_wrong_with_a_system_is_listed():
    P = Presentation.monoid("ab", ["b = a"])
    for rules, laws in (
        ([("a", "b")], ["decreasing"]),
        ([("b", "a"), ("b b", "a a")], ["reduced"]),
        ([("b", "a"), ("a a a", "a a"), ("a a", "a")], ["reduced", "reduced"]),
        ([], ["equations"]),
        ([("b", "a"), ("a a a", "a")], []),
    ):
        pairs = [(left.replace(" ", " >> "), right.replace(" ", " >> ")) for left, right in rules]
        system = RewritingSystem(P, pairs, check=False)
        assert [failure.law for failure in system.failures()] == laws
    G = Graph({"f": ("A", "B"), "g": ("A", "C")})
    assert RewritingSystem(G, [("g", "f")], check=False).failures()[0].law == "parallel sides"


# Other programs, where they are installed.

monoids = st.tuples(
    st.just("ab"),
    st.lists(
        st.tuples(st.text("ab", min_size=1, max_size=4), st.text("ab", max_size=4)),
        min_size=1,
        max_size=3,
    ),
)


@settings(max_examples=40, deadline=None)
@given(monoids)
def test_the_rules_are_those_of_libsemigroups(monoid):
    """The reduced complete system for an order is unique, so any two programs must agree."""
    reason = "libsemigroups_pybind11 is not installed"
    lib = pytest.importorskip("libsemigroups_pybind11", reason=reason)
    letters, relations = monoid
    texts = [f"{left} = {right or 1}" for left, right in relations]
    system = complete(Presentation.monoid(letters, texts), Budget(rules=60, letters=20_000))
    assume(system.is_complete)
    theirs = lib.Presentation(letters)
    theirs.contains_empty_word(True)
    for left, right in relations:
        lib.presentation.add_rule(theirs, left, right)
    lib.ReportGuard(False)
    knuth_bendix = lib.KnuthBendix(lib.congruence_kind.twosided, theirs)
    knuth_bendix.run_for(timedelta(seconds=2))
    assume(knuth_bendix.finished())
    ours = {("".join(left.edges), "".join(right.edges)) for left, right in system.rules}
    assert ours == set(knuth_bendix.active_rules())
    automaton = system.automaton
    infinite = knuth_bendix.number_of_classes() == lib.POSITIVE_INFINITY
    assert infinite == (automaton.loop is not None)
    assert infinite or knuth_bendix.number_of_classes() == automaton.count


@pytest.mark.skipif(shutil.which("gap") is None, reason="GAP is not installed")
def test_orders_of_groups_are_those_of_gap():
    for relators in (["a^2", "b^3", "(a*b)^4"], ["a^4", "b^2*a^2", "a*b*a*b^-1"], ["a^7", "b"]):
        text = 'F := FreeGroup("a", "b");; a := F.1;; b := F.2;; '
        text += f'Print(Size(F / [{", ".join(relators)}]), "\\n"); QUIT;\n'
        run = subprocess.run(["gap", "-q"], input=text, capture_output=True, text=True, check=True)
        group = Presentation.group("ab", [relator.replace("*", "") for relator in relators])
        assert complete(group).automaton.count == int(run.stdout)


# The parts.


@given(
    st.lists(st.lists(st.integers(-4, 4), min_size=3, max_size=3), max_size=3),
    st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    st.lists(st.integers(-6, 6), min_size=3, max_size=3),
)
def test_a_lattice_knows_its_members(vectors, factors, other):
    lattice = Lattice(dict(enumerate(vector)) for vector in vectors)
    member = [
        sum(f * vector[k] for f, vector in zip(factors, vectors, strict=False)) for k in range(3)
    ]
    assert dict(enumerate(member)) in lattice
    # Only small factors are tried, so finding none proves nothing: membership is checked by
    # adding the vector, which must leave the lattice as it was.
    if dict(enumerate(other)) in lattice:
        larger = Lattice(dict(enumerate(vector)) for vector in [*vectors, other])
        assert volume(larger) == volume(lattice)


def volume(lattice: Lattice) -> dict[object, int]:
    """The leading coordinates and the absolute values there, which only the lattice determines."""
    return {lead: abs(row[lead]) for lead, row in sorted(lattice._rows.items())}


def test_differences_that_no_equation_makes_up_for():
    assert {"a": 3} not in Lattice([{"a": 2}])
    assert {"a": 1} not in Lattice([])
    assert {} in Lattice([])
    assert {"a": 1, "b": 1} in Lattice([{"a": 2, "b": 1}, {"a": 3, "b": 2}])
    assert {"c": 1} not in Lattice([{"a": 2, "b": 1}, {"a": 3, "b": 2}])
    assert Lattice([{"a": 2, "b": 1}, {"b": 3}]).has_multiple({"a": 1})
    assert not Lattice([{"a": 2, "b": 1}]).has_multiple({"a": 1})
    assert not Lattice([{"a": 2, "b": 1}]).has_multiple({"c": 1})


def test_words_are_ordered_by_length_first():
    assert sorted(["b", "", "aab", "ab", "aaa"], key=shortlex) == ["", "b", "ab", "aaa", "aab"]


def test_a_long_path_is_reduced_in_one_pass():
    system = complete(Presentation.monoid("ab", ["ba = ab", "aaa = 1"]))
    path = Path("*", ("b", "a") * 200, "*")
    assert system.normal_form(path) == Path("*", ("a",) * (200 % 3) + ("b",) * 200, "*")


def test_rules_stay_parallel_between_many_objects():
    P = Presentation(
        {"f": ("A", "B"), "g": ("B", "A"), "h": ("B", "C"), "k": ("A", "C")},
        ["f >> g = id(A)", "f >> h = k"],
    )
    system = complete(P)
    assert [str(left) for left, _ in system.rules] == ["f >> g", "f >> h"]
    assert system.equal("g >> k", "h") == NotEqual
    assert system.equal("f >> g >> k", "k") == Equal
    assert all(left.is_parallel(right) for left, right in system.rules)
