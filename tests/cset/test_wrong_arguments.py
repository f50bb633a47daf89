"""Arguments of another kind, in finite sets, tables and C-sets: refused by the name they have."""

import pytest

import catlearn as cl
from catlearn import cset, finset
from catlearn.errors import CatlearnError, InvalidStructure, WrongKind
from catlearn.finset import FinFunction, FinSet, Tables
from tests.errors import each_call

S, GRAPH = cl.SchGraph, cl.Graph({"e": ("A", "B")})
X = cl.CSet(S, V=2, E=1, src=[0], tgt=[1])
SAME = cl.Functor.identity(S)
WIRES = cl.WiringDiagram.read("(x) <- R(x, y)")
OPEN = cl.open_graph(GRAPH, ["A"], ["B"])
ID = cl.CSetMorphism.identity(X)
Schema, Shape, TableMorphism = cl.Schema, finset.Shape, finset.TableMorphism

WRONG = {
    "tables": [lambda: Schema(3), lambda: Shape(3), lambda: cl.CSet.of(3)],
    "arrows": [lambda: Schema(["V"], [("a", "V")]), lambda: Shape(["V"], ["a"]),
               lambda: Tables(S, {}, [0]), lambda: finset.Diagram([X], 3)],
    "arrows['a']": lambda: Schema(["V"], {"a": 3}),
    "lists": lambda: Schema(["V"], lists=3),
    "attributes": lambda: Schema(["V"], attributes=["a"]),
    "attributes['a']": lambda: Schema(["V"], attributes={"a": 3}),
    "the type of 'a'": [lambda: Schema(["V"], attributes={"a": ("V", 3)}),
                        lambda: Schema(["V"], attributes={"a": ("V",)})],
    "equations": lambda: Schema(["V"], equations=3),
    "orders": lambda: Schema(["V"], attributes={"a": "V"}, orders=["flat"]),
    "order": lambda: Schema(["V"], attributes={"a": "V"}, orders={"a": 3}),
    "keys": lambda: Schema(["V"], keys=["a"]),
    "keys['V']": lambda: Schema(["V"], keys={"V": 3}),
    "side_data": [lambda: Schema(["V"], side_data=["V"]), lambda: X.with_side_data(3)],
    "what C-sets are on": [
        lambda: cl.CSet(3), lambda: cset.pattern(3), lambda: cset.representable(3, "V"),
        lambda: cset.yoneda_embedding(3), lambda: cset.subobject_classifier(3),
        lambda: cset.hom_profunctor(3), lambda: cset.Query(3, S, {}), lambda: cset.Query(S, 3, {}),
        lambda: cset.Profunctor(3, S, {}),
    ],
    "parts": [lambda: cl.CSet(S, 3), lambda: cset.Subobject(X, 3),
              lambda: cset.Subobject.generated(X, 3)],
    "a set": [lambda: cl.CSet(S, V=1.5), lambda: cl.CSet(S, V=None), lambda: FinSet(1.5),
              lambda: FinSet(None)],
    "codomain": [lambda: FinFunction([0], codomain=1.5), lambda: FinFunction([0]),
                 lambda: cl.CSetMorphism(X, 3), lambda: TableMorphism(X, "X")],
    "domain": [lambda: cl.CSetMorphism(3, X), lambda: TableMorphism(None, X)],
    "values": [lambda: cl.CSet(S, V=1, E=1, src=3, tgt=[0]), lambda: FinFunction(3, codomain=4),
               lambda: cl.CSetMorphism(X, X, V=3, E=[0])],
    "components": [lambda: cl.CSetMorphism(X, X, 3), lambda: TableMorphism(X, X, [0])],
    "shape": lambda: Tables(3),
    "sets": lambda: Tables(S, 3),
    "names": lambda: X.with_names(3),
    "rows": [lambda: X.with_rows(3), lambda: X.subtables(3), lambda: X.closure([0])],
    "objects": [lambda: finset.Diagram(3), lambda: cset.Query(S, S, 3)],
    "each arrow": lambda: finset.Diagram([X], [3]),
    "each argument": lambda: finset.Span(3, 4),
    "name": lambda: cl.Variable(3),
    "where": lambda: cl.Variable("x", where="red"),
    "apex": lambda: cl.Open(3),
    "inputs": lambda: cl.Open(GRAPH, 3),
    "outputs": lambda: cl.Open(GRAPH, [], 3),
    "interface": lambda: cl.Open.identity(3),
    "each interface": lambda: cl.Open.swap(GRAPH, 3),
    "each part": [lambda: cl.Open.compose(OPEN, 3), lambda: cl.Open.tensor(OPEN, GRAPH)],
    "shared": lambda: cl.Open.tensor(OPEN, OPEN, shared=3),
    "graph": lambda: cl.open_graph(X),
    "wiring": [lambda: cl.oapply(3, {}), lambda: cset.ocompose("w", {})],
    "fillers": lambda: cl.oapply(WIRES, 3),
    "inner": lambda: cset.ocompose(WIRES, 3),
    "boxes": lambda: cl.WiringDiagram(3),
    "boxes['a']": lambda: cl.WiringDiagram({"a": 3}),
    "outer": lambda: cl.WiringDiagram({}, 3),
    "text": lambda: cl.WiringDiagram.read(3),
    "F": [lambda: cl.left_kan(3, X), lambda: cl.right_kan(GRAPH, X), lambda: cset.delta(3, X),
          lambda: cset.sigma(3, X), lambda: cset.pi(3, X), lambda: cset.sigma_counit(3, X),
          lambda: cset.pi_unit(3, X), lambda: cl.CSet.from_functor(3),
          lambda: cset.Query.of(3)],
    "X": [lambda: cl.left_kan(SAME, 3), lambda: cl.right_kan(SAME, 3), lambda: cset.sigma(SAME, 3),
          lambda: cset.pi(SAME, 3), lambda: cset.yoneda(3, "V"), lambda: cset.density(3),
          lambda: cset.category_of_elements(3), lambda: cset.elements_graph(3),
          lambda: cset.exponential(X, 3), lambda: cset.functions_between(3, X)],
    "Y": lambda: cset.exponential(3, X),
    "the C-set (delta)": lambda: cset.delta(SAME, 3),
    "also": [lambda: cset.delta(SAME, X, also=3), lambda: cl.left_kan(SAME, X, also=["a"])],
    "budget": lambda: cl.left_kan(SAME, X, budget="x"),
    "table": lambda: cset.representable(S, 3),
    "category": lambda: X.as_functor(3),
    "projection": lambda: cset.from_elements(3),
    "the argument": [lambda: cset.Subobject(3, {}), lambda: cset.Subobject.generated(3),
                     lambda: cset.subobject_lattice(3)],
    "the other": lambda: cset.Subobject.top(X) & 3,
    "f": lambda: cset.image(3),
    "H": [lambda: cset.end(3), lambda: cset.coend(X)],
    "signature": [lambda: cset.FreeMonoidal(3), lambda: cset.FreeCartesian(GRAPH)],
    "monic": lambda: list(cl.homomorphisms(X, X, monic=3)),
    "initial": [lambda: list(cl.homomorphisms(X, X, initial=[3])),
                lambda: list(cl.homomorphisms(X, X, initial={"V": 3}))],
    "limit": lambda: list(cl.homomorphisms(X, X, limit="3")),
}  # fmt: skip


@each_call(WRONG)
def test_wrong_kinds_are_refused_by_name(name, make):
    with pytest.raises(WrongKind) as caught:
        make()
    assert str(caught.value).startswith(f"{name} is ")
    assert isinstance(caught.value, CatlearnError)


def test_ends_that_are_no_pairs_are_all_listed():
    with pytest.raises(InvalidStructure) as caught:
        Schema(["V"], {"f": ("V",), "g": ("V", "V", "V")})
    assert {failure.law for failure in caught.value.failures} == {"ends"}
    assert len(caught.value.failures) == 2
