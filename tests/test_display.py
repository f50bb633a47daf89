"""What terminals and notebooks show of values, small and large."""

import numpy as np
import pytest

import catlearn as cl
from catlearn.display import LONGEST, Brief, brief
from catlearn.drawing.picture import MOST_DISPLAYED
from catlearn.finset import Diagram, FinFunction, FinSet, ListFunction, Shape, Tables

ROOMS = (cl.finset, cl.category, cl.cset, cl.cost)
NAMES = {name: getattr(room, name) for room in ROOMS for name in dir(room)}


def ring(n):
    return cl.Graph({f"e{k}": (f"v{k}", f"v{(k + 1) % n}") for k in range(n)})


def loops(n):
    return cl.Presentation(
        {f"e{k}": ("A", "A") for k in range(n)}, [f"e{k} = e0" for k in range(n)]
    )


def objective(n):
    names = [f"x{k}" for k in range(n)]
    return cl.Objective(names, {f"d({name})": 1.0 for name in names})


SHAPE = Shape(("V",), lists={"l": ("V", "V")}, attributes={"c": "V"})

#: Values that evaluate back while they are small, by how many rows they have.
WRITTEN = {
    "set": lambda n: FinSet([f"x{k}" for k in range(n)]),
    "function": lambda n: FinFunction(np.arange(n)[::-1], codomain=n),
    "list function": lambda n: ListFunction.of([[0, k] for k in range(n)], codomain=n),
    "tables": lambda n: Tables(SHAPE, {"V": n}, lists={"l": [[k] for k in range(n)]}),
    "graph": ring,
    "graph morphism": lambda n: cl.GraphMorphism.identity(ring(n)),
    "presentation": loops,
    "path": lambda n: ring(n).path([f"e{k}" for k in range(n)]),
    "C-set": lambda n: cl.CSet(cl.SchGraph, V=n, E=n, src=range(n), tgt=range(n)),
    "diagram": lambda n: Diagram([FinSet(2)] * n),
    "objective": objective,
    "subobject": lambda n: cl.cset.Subobject.generated(ring(n), V=[f"v{k}" for k in range(n)]),
}

#: Values that are described.
DESCRIBED = {
    "category": lambda n: cl.FiniteCategory.discrete([f"o{k}" for k in range(n)]),
    "presented category": lambda n: ring(n).category(),
    "functor": lambda n: cl.Functor.identity(cl.FiniteCategory.discrete(list(map(str, range(n))))),
    "pushout": lambda n: cl.pushout(FinFunction.identity(n), FinFunction.identity(n)),
    "open graph": lambda n: cl.open_graph(ring(n), ["v0"], ["v1"]),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_small_values_evaluate_back(kind):
    value = WRITTEN[kind](3)
    assert eval(repr(value), dict(NAMES)) == value


@pytest.mark.parametrize("kind", [*WRITTEN, *DESCRIBED])
@pytest.mark.parametrize("n", [3, 30, 3_000])
def test_a_repr_is_one_line_of_moderate_length(kind, n):
    text = repr((WRITTEN | DESCRIBED)[kind](n))
    assert "\n" not in text
    assert len(text) <= LONGEST


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_repr_that_leaves_something_out_does_not_evaluate(kind):
    text = repr(WRITTEN[kind](3_000))
    with pytest.raises(SyntaxError):
        eval(text, dict(NAMES))


def test_a_long_repr_says_how_large_the_value_is():
    assert repr(ring(3_000)).endswith("… (V: 3,000, E: 3,000)")
    assert "3000 in all" in repr(FinSet([f"x{k}" for k in range(3_000)]))
    assert repr(objective(3_000)).endswith(" characters)")


def test_a_repr_without_bound_is_noticed(mutants):
    class Loud(Brief):
        __repr__ = Brief.__repr__

    Loud.__repr__ = lambda self: "x" * 10_000
    with mutants("a repr without bound"):
        assert len(repr(Loud())) > LONGEST


def test_lists_are_written_out_while_they_are_short():
    assert brief([1, 2]) == "[1, 2]"
    assert brief(["x" * 50] * 30).endswith("30 in all]")
    assert brief(range(5_000)).endswith("9, ... 5000 in all]")


def test_notebooks_draw_what_is_not_too_large():
    assert set(ring(3)._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}
    assert set(ring(MOST_DISPLAYED)._repr_mimebundle_()) == {"text/plain"}
