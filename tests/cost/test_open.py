"""Open objectives: composition by hiding, its laws, its meaning; each law beside a mutant."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.cost import (
    LAWVERE,
    Atom,
    Matrix,
    Objective,
    OpenObjective,
    Term,
    join,
    maximum,
    minimise_by_scipy,
    wire,
)
from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from tests.errors import raises

few = settings(max_examples=40)
aggregators = st.sampled_from(["sum", "max"])
VALUES = [0, 1, 3]
MEANING = {"d": lambda a, b: (a - b) ** 2, "e": lambda a: a, "c": 2}


@st.composite
def opens(draw, inputs, outputs, how="sum", names="uvw"):
    """Open objectives of given arities; a variable may be exposed more than once."""
    variables = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    variable = st.sampled_from(variables)
    atom = st.one_of(
        st.builds(Atom.of, st.just("d"), variable, variable),
        st.builds(Atom.of, st.just("e"), variable),
        st.just(Atom.parse("e(c)")),
    )
    terms = draw(st.lists(st.builds(Term, atom, st.sampled_from([1, 2])), max_size=3))
    sides = [draw(st.lists(variable, min_size=k, max_size=k)) for k in (inputs, outputs)]
    return OpenObjective(Objective(variables, terms, how), *sides)


def table(A):
    return A.matrix(dict.fromkeys(A.variables, VALUES), MEANING)


def by_brute_force(A):
    """The infimum over all values of the hidden variables, without any algebra."""
    best = {}
    for at in itertools.product(VALUES, repeat=len(A.variables)):
        values = dict(zip(A.variables, at, strict=True))
        place = tuple(values[v] for v in A.inputs), tuple(values[v] for v in A.outputs)
        cost = A.cost({**MEANING, **values})
        best[place] = min(best.get(place, np.inf), cost)
    sides = [itertools.product(VALUES, repeat=len(side)) for side in (A.inputs, A.outputs)]
    rows, columns = map(list, sides)
    return np.array([[best.get((r, c), np.inf) for c in columns] for r in rows])


@given(opens(1, 2), opens(2, 1))
@few
def test_elimination_is_brute_force(A, B):
    for one in (A, B, A >> B):
        assert table(one).entries.tolist() == by_brute_force(one).tolist()


def is_functorial(compose, multiply, A, B):
    one, two = table(A), table(B)
    return np.array_equal(table(compose(A, B)).entries, multiply(one.entries, two.entries))


def right(A, B):
    return A >> B


def min_plus(one, two):
    return (Matrix(one) @ Matrix(two)).entries


@given(opens(1, 2), opens(2, 1))
@few
def test_meaning_is_a_functor(A, B):
    assert is_functorial(right, min_plus, A, B)
    identity = OpenObjective.identity(("a", "b"))
    assert np.array_equal(table(identity).entries, Matrix.identity(9, LAWVERE).entries)


@given(opens(1, 1, "max"), opens(1, 1, "max"))
@few
def test_with_max_it_is_the_minimax_product(A, B):
    product = table(A) @ table(B)
    assert product.quantale.name == "ultrametric"
    assert np.array_equal(table(A >> B).entries, product.entries)


def test_meanings_that_are_not_functors_are_rejected():
    A = OpenObjective.of({"d(x, y)": 1}, "x", "y")
    assert is_functorial(right, min_plus, A, A)
    assert not is_functorial(right, np.matmul, A, A)

    def exposing(A, B):  # forgets to hide: outputs of the first stay fixed to their first value
        whole = A >> B
        return OpenObjective(
            Objective(
                whole.variables, [*whole.objective.terms, Term(f"d({whole.hidden[0]}, c)", 9)]
            ),
            whole.inputs,
            whole.outputs,
        )

    assert not is_functorial(exposing, min_plus, A, A)


@given(opens(1, 2), opens(2, 1), opens(1, 2))
@few
def test_associativity_and_units(A, B, C):
    assert ((A >> B) >> C).is_same(A >> (B >> C))
    assert (OpenObjective.identity(("i",)) >> A).is_same(A)
    assert (A >> OpenObjective.identity(("i", "j"))).is_same(A)


@given(opens(1, 2), opens(2, 1), opens(1, 2))
@few
def test_many_are_composed_at_once(A, B, C):
    assert A.compose(B, C).is_same(A >> B >> C)
    assert A.tensor(B, C).is_same(A @ B @ C)


@given(opens(1, 1), opens(1, 2), opens(1, 1), opens(2, 1))
@few
def test_interchange(A, B, C, D):
    one, two = (A @ B) >> (C @ D), (A >> C) @ (B >> D)
    assert np.array_equal(table(one).entries, table(two).entries)
    assert len(one.variables) == len(two.variables)


@given(opens(1, 2), opens(2, 1))
@few
def test_they_are_open_objects(A, B):
    """Composites of objectives are composites of tables of variables and terms."""
    assert (A >> B).cospan.is_equivalent(A.cospan >> B.cospan)
    assert (A @ B).cospan.is_equivalent(A.cospan @ B.cospan)
    other = OpenObjective(
        Objective(A.variables, [*A.objective.terms, Term("new", 1)]), A.inputs, A.outputs
    )
    assert not other.cospan.is_equivalent(A.cospan)  # a mutant with one term more


def test_a_composition_that_forgets_a_cost_is_not_unital():
    A = OpenObjective.of({"d(x, y)": 1}, "x", "y")
    forgetful = OpenObjective(Objective(A.variables), A.inputs, A.outputs)
    assert not (OpenObjective.identity("i") >> forgetful).is_same(A)


def test_infima_may_be_taken_in_any_order_but_not_before_adding():
    """inf (a + b) over the shared variable is not inf a + inf b."""
    A = OpenObjective.of({"d(x, z)": 1}, "x", "z")
    B = OpenObjective.of({"d(z, y)": 1}, "z", "y")
    apart = table(A.hide("z")).entries + table(B.hide("z")).entries.T
    assert not np.array_equal(table(A >> B).entries, apart)


# ---------------------------------------------------------------- wiring


@given(opens(1, 1), opens(1, 1))
@few
def test_wiring_contains_composition(A, B):
    first = OpenObjective(A.objective.rename(dict(zip("uvw", "pqr", strict=True))),
                          *([dict(zip("uvw", "pqr", strict=True))[v] for v in side]
                            for side in (A.inputs, A.outputs)))  # fmt: skip
    plug = {first.outputs[0]: B.inputs[0]}
    if first.inputs[0] == first.outputs[0] or B.inputs[0] == B.outputs[0]:
        return
    plugged = OpenObjective(first.objective.rename(plug), first.inputs, [plug[first.outputs[0]]])
    wired = wire(plugged, B, inputs=plugged.inputs, outputs=B.outputs)
    assert np.array_equal(table(wired).entries, table(A >> B).entries)


def test_private_variables_stay_private():
    part = OpenObjective.of({"d(x, z)": 1, "e(z)": 1}, "x")
    whole = wire(part, part, inputs="x")
    assert str(whole) == ("(x) -> (): inf over z, z.1 of d(x, z) + e(z) + d(x, z.1) + e(z.1)")
    clash = wire(part, OpenObjective.of({"e(z)": 1}, "z"), inputs=["x", "z"])
    assert clash.inputs == ("x", "z")
    assert clash.hidden == ("z.1",)
    with raises(InvalidStructure, law="interface", where="name 'z'"):
        wire(part, inputs="z")


def test_a_long_chain_is_eliminated_link_by_link():
    links = [
        OpenObjective.of({f"d(x{k}, x{k + 1})": 1}, [f"x{k}"], [f"x{k + 1}"]) for k in range(40)
    ]
    chain = wire(*links, inputs=["x0"], outputs=["x40"])
    one = Matrix([[(a - b) ** 2 for b in VALUES] for a in VALUES])
    expected = one
    for _ in range(39):
        expected = expected @ one
    assert np.array_equal(table(chain).entries, expected.entries)


# ---------------------------------------------------------------- closed forms and gradients


positive = st.floats(0.5, 4)


@given(st.lists(positive, min_size=2, max_size=4), st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=15)
def test_springs_in_series(stiffness, x, y):
    """The infimum of sum k_i (z_{i-1} - z_i)^2 is (x - y)^2 / sum 1/k_i, the Schur complement."""
    springs = [OpenObjective.of({"d(x, y)": k}, "x", "y") for k in stiffness]
    chain = springs[0]
    for spring in springs[1:]:
        chain = chain >> spring
    values = {"x": x, "y": y, "d": lambda a, b: (a - b) ** 2}
    series = 1 / sum(1 / k for k in stiffness)
    assert chain.value(values) == pytest.approx(series * (x - y) ** 2, abs=1e-5)
    parallel = sum(stiffness)  # the mutant: springs side by side
    assert abs(x - y) < 0.1 or chain.value(values) < 0.9 * parallel * (x - y) ** 2


def test_values_with_arrays_and_other_minimisers():
    A = OpenObjective.of({"n(x, z)": 1, "n(z, y)": 1}, "x", "y")
    values = {"x": np.zeros(3), "y": np.ones(3), "n": lambda a, b: float(((a - b) ** 2).sum())}
    found = A.value(values, minimise_by_scipy({"z": np.zeros(3)}, method="Nelder-Mead", tol=1e-8))
    assert found == pytest.approx(1.5, abs=1e-4)

    def on_a_grid(cost, names):
        return min(cost({names[0]: np.full(3, t)}) for t in (0.0, 0.25, 0.5))

    assert A.value(values, on_a_grid) == 1.5
    assert A.expose(outputs="z").value({**values, "z": np.zeros(3)}) == 3.0


@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4))
@settings(max_examples=5)
def test_gradient_flow_of_a_composite_is_the_composite_of_gradient_flows(at):
    """A step of the whole is the sum of the parts' steps, pushed forward along the wiring."""
    A = OpenObjective.of({"d(x, u)": 1, "d(u, y)": 3}, "x", "y")
    B = OpenObjective.of({"d(y, z)": 2, "e(y)": 1}, "y", "z")
    pairs = [((0, "y"), (1, "y"))]
    whole, wiring = join([A.objective, B.objective], pairs)
    values = dict(zip(whole.parameters, at, strict=True))
    meaning = {"d": lambda a, b: (a - b) ** 2, "e": lambda a: a**4}
    assert set(whole.parameters) == set((A >> B).variables)

    def pushed_forward(parts):
        total = dict.fromkeys(whole.parameters, 0.0)
        for part, to in zip((A, B), wiring, strict=True):
            here = {v: values[to[v]] for v in part.variables}
            for v, g in part.gradient({**here, **meaning}).items():
                total[to[v]] = total[to[v]] + float(g) if parts == "added" else float(g)
        return [total[v] for v in whole.parameters]

    found = OpenObjective(whole).gradient({**values, **meaning})
    flow = [float(found[v]) for v in whole.parameters]
    assert flow == pytest.approx(pushed_forward("added"), rel=1e-4, abs=1e-4)
    shared = values["y"] - values["u"]
    if abs(shared) > 0.1:  # the mutant keeps only the last part's share at the shared variable
        assert flow != pytest.approx(pushed_forward("overwritten"), rel=1e-4, abs=1e-4)


# ---------------------------------------------------------------- misfits


def test_misfits():
    A = OpenObjective.of({"d(x, y)": 1}, "x", "y")
    with raises(InvalidStructure, law="interface", where="input 'q'"):
        OpenObjective(A.objective, ["q"])
    with raises(NotComposable, 1, 2, law="composition", where="the outputs"):
        A >> A.expose(inputs="y")
    with raises(InvalidStructure, law="interface", where="variable 'q'"):
        A.hide("q")
    with raises(UnknownName, "y"):
        A.value({"x": 0, "d": max})
    with raises(InvalidStructure, law="domains", where="variable 'y'"):
        A.matrix({"x": [1]}, MEANING)
    with raises(InvalidStructure, 9, 8, law="size", where="the table over x, y"):
        A.matrix(dict.fromkeys("xy", VALUES), MEANING, bound=8)
    with raises(InvalidStructure, "sum", "max", law="aggregator"):
        A >> OpenObjective.of({"d(x, y)": 1}, "x", "y", aggregator="max")
    either = maximum(Objective("x", {"a(x)": 1}), Objective("x", {"b(x)": 1}))
    with raises(InvalidStructure, law="objective", where="the objective"):
        OpenObjective(either, "x")
    assert eval(repr(A)) == A
    assert len({A, eval(repr(A))}) == 1


def test_a_hidden_variable_without_values_makes_everything_impossible():
    A = OpenObjective.of({"e(z)": 1}, variables="xz", inputs="x")
    assert A.matrix({"x": [0], "z": []}, MEANING).entries.tolist() == [[np.inf]]
