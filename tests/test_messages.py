"""How errors read: one page, ``tests/errors.txt``, to be reviewed where a message changes.

python -m tests.test_messages     # write the page again

It has, by subject, what the cells of ``docs/errors.md`` print, one example of each further kind of
error through a public entrance, and tables of bad input that other tests have. Those tests ask for
classes, laws, places and names (``tests/errors.py``), so that wording is changed in the package and
on this page, and nowhere else.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optax

import catlearn as cl
from catlearn import arrays as ar, costing, errors
from catlearn.category import (
    Hypergraph,
    Morphisms,
    Paths,
    PresentedCategory,
    adjunction,
    arrow_category,
    functor_category,
)
from catlearn.cost import Posynomial, minimise
from catlearn.errors import CatlearnError
from tests.category.test_presented import UNREADABLE
from tests.formats.test_hostile import FAULTS

ROOT = Path(__file__).parents[1]
PAGE, DOCS = ROOT / "tests" / "errors.txt", ROOT / "docs" / "errors.md"

ROSE = cl.Graph({"a": ("A", "A"), "b": ("A", "A")})
FORK = cl.Graph({"f": ("A", "B"), "g": ("A", "B"), "h": ("B", "C")})
EDGE, ROAD = cl.Graph({"e": ("A", "B")}), cl.Graph({"f": ("A", "M"), "g": ("M", "B")})
Z2 = cl.FiniteCategory.group(range(2), lambda x, y: (x + y) % 2)
S3 = cl.FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
WALK, ARROW = cl.FiniteCategory.chain(2), cl.FiniteCategory.chain(1)
COLOURED = cl.Schema(["V"], attributes={"colour": "V"})
WORDS = cl.Schema(["Letter", "Word"], lists={"spelling": ("Word", "Letter")})
SWAP = cl.Schema(["X"], {"s": ("X", "X")}, equations=["s >> s = id(X)"])
RED, BLUE = (cl.CSet(COLOURED, V=["v"], colour=[colour]) for colour in ("red", "blue"))

TWO_SUMS = ar.einsum("a n, n b -> a b") @ ar.idle >> ar.einsum("a b, b n -> a n")
MATRICES = ar.einsum("a b, b c -> a c")
PRODUCT = costing.Costs.of(
    "n**3/g_a + n**3/g_c", {"sum": "g_a*g_c + g_a + g_c"}, bounds={"g_a": "n", "g_c": "n"}
)

X, F, Y = cl.Space("X", 2), cl.Space("F", 3), cl.Categorical("Y", 2)
P = cl.Product("P", X, F)
POINTS = cl.Dataset("points", X=(X, np.ones((4, 2), "float32")), Y=(Y, [0, 1, 1, 0]))
ENCODER, HEAD = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
FIT = "points.X >> encoder >> head = points.Y"
SQUARE = cl.LearningDiagram(POINTS, ENCODER, HEAD, equations={"fit": FIT})
ONES = {"weight": np.ones((2, 3), "float32"), "bias": np.ones(3, "float32")}


def fit(optimizer=None, **options):
    given = {"steps": 1, "progress": False, **options}
    return cl.fit(SQUARE, optimizer or optax.sgd(0.1), **given)


def checkpointed(**options):
    fit(checkpoint="run.safetensors", steps=2, overwrite=True)
    return fit(checkpoint="run.safetensors", **options)


def written(name: str, text: str):
    Path(name).write_text(text)
    return cl.load(name)


EXAMPLES: dict[str, dict[str, Callable[[], object]]] = {
    "Graphs, paths and equations": {
        "a vertex that is not there": lambda: PresentedCategory(ROSE).identity("Q"),
        "an empty path between two vertices": lambda: cl.Path("A", (), "B"),
        "paths that do not meet": lambda: cl.Path("A", ("f",), "B") >> cl.Path("C", ("g",), "D"),
        "more paths than the bound": lambda: FORK.paths("A", "C", bound=1),
        "an edge that is not in the part": lambda: FORK.reachable("B").path("f"),
        "an empty side without its vertex": lambda: cl.Equation(([], "f")).resolve(FORK),
        "a name that is given twice": lambda: cl.Graph({}, vertices=[1, "1"]),
        "an equation that is not there": lambda: cl.Presentation(ROSE, {"one": "a = b"}).sides(
            "on"
        ),
        "an image that is an equation twice": lambda: cl.category.PresentationMorphism(
            cl.Presentation(ROSE, ["a = b"]),
            cl.Presentation(ROSE, {"x": "a = b", "y": "a = b"}),
            V=[0],
            E=[0, 1],
        ),
        "a search that finds nothing": lambda: cl.homomorphism(ROAD, EDGE),
    },
    "Categories": {
        "a composite that is wrong": lambda: cl.FiniteCategory(
            ["A", "B"], {"f": ("A", "B"), "h": ("A", "B")}, {("id(A)", "f"): "h"}
        ),
        "arrows that do not meet": lambda: WALK.read('"0 <= 1" >> "0 <= 1"'),
        "arrows that are not parallel": lambda: WALK.equal("0 <= 1", "1 <= 2"),
        "a relation that goes both ways": lambda: cl.FiniteCategory.poset([("a", "b"), ("b", "a")]),
        "products that are no elements": lambda: cl.FiniteCategory.monoid("01", [["0", "1"], "12"]),
        "no unit": lambda: cl.FiniteCategory.monoid("01", [["1", "1"], ["1", "1"]]),
        "an undirected graph": lambda: cl.Graph.from_networkx(_undirected()),
        "no permutation": lambda: cl.FiniteCategory.permutation_group({"a": [0, 0]}),
        "a group that is too large": lambda: cl.FiniteCategory.permutation_group(
            {"s": [1, 0, 2, 3, 4], "t": [1, 2, 3, 4, 0]}, bound=100
        ),
        "an arrow without an inverse": lambda: WALK.inverse("0 <= 1"),
        "an idempotent that does not split": lambda: cl.FiniteCategory.monoid(
            "1e", lambda x, y: max(x, y)
        ).splitting("e"),
        "something of another category": lambda: cl.product(WALK["0"], ARROW["0"]),
        "a name of nothing": lambda: WALK["k"],
        "infinitely many arrows": lambda: cl.Presentation(ROSE).category().arrows,
        "a completion that stopped": lambda: (
            cl.Presentation.monoid("abc", ["a b a = b a b", "b c b = c b c", "a c a = c a c"])
            .category(cl.Budget(rules=20))
            .finite()
        ),
        "more squares than the budget": lambda: arrow_category(
            cl.FiniteCategory.group(range(400), lambda x, y: (x + y) % 400, check=False)
        ),
        "more functors than the bound": lambda: functor_category(ARROW, WALK, bound=3),
    },
    "Functors, transformations and adjunctions": {
        "an equation that does not hold": lambda: cl.Functor(
            cl.Presentation(ROSE, {"idle": "a >> a = id(A)"}),
            Morphisms(),
            arrows=dict.fromkeys("ab", cl.FinFunction([1, 2, 0], codomain=3)),
        ),
        "an arrow without an image": lambda: cl.Functor(
            WALK, WALK, objects={"0": "2", "1": "0", "2": "2"}
        ),
        "an image that does not compose": lambda: cl.Functor(Z2, Z2, arrows={"0": "1", "1": "0"}),
        "a target that is no category": lambda: cl.Functor(ROSE, 3),
        "a source that is no category": lambda: cl.Functor(3, WALK),
        "functors that do not meet": lambda: cl.Functor.identity(WALK) >> cl.Functor.identity(Z2),
        "what only finite categories have": lambda: (
            cl.Functor(ROSE, Paths(), arrows={"a": ROSE.path("b"), "b": ROSE.path("a")}).is_full
        ),
        "a square that does not commute": lambda: cl.NaturalTransformation(
            *[cl.Functor.identity(S3)] * 2, {"*": "s"}
        ),
        "components that are missing": lambda: cl.NaturalTransformation(
            *[cl.Functor.identity(WALK)] * 2, {"0": "0 <= 1"}
        ),
        "functors that are not parallel": lambda: cl.natural_transformations(
            cl.Functor.identity(WALK), cl.Functor.identity(Z2)
        ),
        "what is not left adjoint": lambda: adjunction(
            cl.Functor.constant(ARROW, ARROW, "0"), cl.Functor.constant(ARROW, ARROW, "0")
        ),
        "several adjunctions": lambda: adjunction(cl.Functor.identity(Z2), cl.Functor.identity(Z2)),
        "colimits of infinite categories": lambda: cl.coproduct(
            WALK, cl.Presentation(ROSE).category()
        ),
        "a colimit that is infinite": lambda: cl.coequalizer(
            *(cl.Functor(cl.FiniteCategory.chain(0), ARROW, objects={"0": at}) for at in "01")
        ),
        "a map of categories that does not commute": lambda: cl.pushout(
            *[cl.Functor(cl.FiniteCategory.chain(0), ARROW, objects={"0": "0"})] * 2
        ).universal(cl.Functor.identity(ARROW), cl.Functor.constant(ARROW, ARROW, "1")),
    },
    "Hypergraphs": {
        "a box that is no edge": lambda: Hypergraph({"f": (["a", "b"], "c")}).graph(),
    },
    "Sets and tables": {
        "values outside the codomain": lambda: cl.FinFunction([0, 5, -1], codomain=2),
        "no codomain": lambda: cl.FinFunction([0]),
        "what is not one to one": lambda: cl.FinFunction([0, 0], codomain=2).inverse(),
        "an element that is not there": lambda: cl.FinSet(["a", "b"]).index("c"),
        "functions that do not meet": lambda: (
            cl.FinFunction([0], codomain=1) >> cl.FinFunction([0, 1], codomain=2)
        ),
        "a set that is too large": lambda: (
            cl.FinFunction([2**32 - 1], codomain=2**32) @ cl.FinFunction([2**32], codomain=2**33)
        ),
        "a cone that does not commute": lambda: cl.equalizer(
            cl.FinFunction([0], codomain=["a", "b"]), cl.FinFunction([1], codomain=["a", "b"])
        ).universal(cl.FinFunction([0], codomain=1)),
        "a row that is not there": lambda: cl.CSet(cl.SchGraph, V=["a", "b"]).row("V", "d"),
        "an arrow to no table": lambda: cl.Schema(["A"], {"f": ("A", "B")}),
        "a broken equation": lambda: cl.CSet(SWAP, X=["a", "b", "c"], s=["b", "c", "a"]),
        "a label of another type": lambda: cl.CSet(
            cl.Schema(["V"], attributes={"colour": ("V", str)}), V=2, colour=["red", 3]
        ),
        "a column that is too short": lambda: cl.CSet(COLOURED, V=2, colour=["red"]),
        "an order that is not there": lambda: cl.Schema(
            ["V"], attributes={"size": "V"}, orders={"size": "flatt"}
        ),
        "labels that differ": lambda: cl.CSetMorphism(RED, BLUE, V=[0]),
        "lists that differ": lambda: cl.CSetMorphism(
            cl.CSet(WORDS, Letter=["a"], Word=["w"], spelling=[["a"]]),
            cl.CSet(WORDS, Letter=["a"], Word=["w"], spelling=[["a", "a"]]),
            Letter=[0],
            Word=[0],
        ),
        "a table that is not there": lambda: cl.CSetMorphism(RED, RED, W=[0]),
        "other schemas": lambda: cl.CSetMorphism(RED, cl.CSet(SWAP, X=1, s=[0]), V=[0]),
        "no terminal object": lambda: cl.terminal(RED),
        "labels that are identified": lambda: cl.pushout(
            *(
                cl.CSetMorphism(cl.CSet(COLOURED, V=["v"], colour=[None]), C, V=[0], check=False)
                for C in (RED, BLUE)
            )
        ),
        "rows that a part needs": lambda: cl.cset.Subobject(EDGE, E=["e"]),
        "more parts than the budget": lambda: list(
            cl.subobjects(cl.CSet(cl.SchGraph, V=30), budget=1000)
        ),
        "one of several": lambda: cl.homomorphism(cl.Graph(vertices=["v"]), EDGE),
        "exponentials of lists": lambda: cl.cset.exponential(cl.CSet(WORDS), cl.CSet(WORDS)),
        "exponentials that are too large": lambda: cl.cset.exponential(
            *[cl.CSet(cl.SchGraph, V=9)] * 2, budget=1000
        ),
        "no complement": lambda: cl.cset.pushout_complement(
            cl.FinFunction([0, 2], codomain=4), cl.FinFunction([0, 1, 1, 2], codomain=3)
        ),
        "data on another schema": lambda: cl.cset.delta(cl.Functor.identity(SWAP), RED),
        "a Kan extension that is too large": lambda: cl.right_kan(
            cl.Functor(cl.Schema(["L", "R"]), cl.Schema(["X"]), objects={"L": "X", "R": "X"}),
            cl.CSet(cl.Schema(["L", "R"]), L=100_000, R=100_000),
        ),
    },
    "Wiring": {
        "text that is no wiring": lambda: cl.WiringDiagram.read("(x) <- R(x"),
        "a box that comes twice": lambda: cl.WiringDiagram.read("(x) <- R(x), R(x)"),
        "too few parts": lambda: cl.oapply(
            cl.WiringDiagram.read("(x) <- R(x), T(x)"), [cl.open_graph(EDGE, ["A"])]
        ),
        "a part that is not open": lambda: cl.oapply(
            cl.WiringDiagram.read("() <- R()"), {"R": EDGE}
        ),
        "ends that differ": lambda: cl.Open(RED, [], ["v"]) >> cl.Open(BLUE, ["v"], []),
        "ends that differ in number": lambda: cl.Open(RED, [], ["v"]) >> cl.Open(BLUE, [], []),
        "an end that is no object": lambda: cl.open_graph(RED),
    },
    "Circuits of arrays": {
        "sizes that differ": lambda: (
            ar.linear("V", "m -> h k", h=4, k=20) >> ar.linear("O", "h d -> m", h=4, d=16)
        ),
        "declared sizes that differ": lambda: (
            ar.linear("A", "a -> m") @ ar.linear("B", "b -> n") >> ar.add
        ),
        "several faults at once": lambda: (
            ar.linear("A", "m -> n", n=4) @ ar.linear("B", "m -> k", k=5)
            >> ar.linear("A", "a -> b c").at(a=3) @ ar.embed("T", "V -> m")
        ),
        "ranks that nothing aligns": lambda: (
            ar.copy(2) >> ar.softmax("[m]") @ ar.einsum("m -> ") >> ar.add
        ),
        "a parameter that would be repeated": lambda: (
            ar.Circuit.parse("x[n m]: R\nparameter p[m]: R\nreturn x, p") >> ar.lift(ar.add, "n m")
        ),
        "an array that would be repeated": lambda: cl.traced("x m", "m")(lambda t, u: t + u),
        "too few arrays": lambda: (
            ar.linear("Q", "m -> h d") @ ar.linear("K", "m -> h d")
            >> ar.einsum("x h d, y h d, y h d -> h x y")
        ),
        "an array that is given twice": lambda: ar.Circuit(ar.relu.apex, (0, 0), (1,)),
        "names of two rows": lambda: ar.Circuit(_two_rows(), (0,), (2,)),
        "a pattern that is none": lambda: ar.linear("A", "m -> -> h"),
        "a name of another axis": lambda: ar.linear("A", "m -> head", heads=3),
        "an axis that is called like an option": lambda: ar.linear("A", "m -> bias"),
        "an axis that is written twice": lambda: ar.einsum("a -> a a"),
        "brackets where none stand": lambda: ar.linear("A", "m -> [n]"),
        "a split that does not divide": lambda: ar.view("(h d) -> h d", h=12, d=65).at_dom((768,)),
        "more positions than rows": lambda: ar.shift("p", "c m", at="x", c=1024).at_dom((2048, 8)),
        "a size of several axes": lambda: (ar.softmax("[x]") @ ar.softmax("[x]")).at(x=3),
        "a size of no axis": lambda: ar.linear("A", "m -> n").at(k=3),
        "sizes that are not known": lambda: cl.lower(ar.linear("A", "m -> n")).init(_key()),
        "an axis that becomes another without brackets": lambda: ar.top_k("[e] -> [k]"),
        "an axis that comes in and a declared size of one letter": lambda: cl.lower(
            ar.linear("A", "m -> f") >> ar.linear("B", "f -> m"), sizes={"m": 8, "f": 2}
        ).init(_key()),
        "one parameter of two shapes": lambda: (
            ar.linear("W", "m -> f") @ ar.linear("W", "m -> f g")
        ),
        "one parameter that starts twice": lambda: (
            ar.linear("W", "m -> f", init="ones") @ ar.linear("W", "m -> f", init="zeros")
        ),
        "something else than an index outside of indices": lambda: (
            ar.top_k("[e -> k]", k=2) >> ar.relu @ ar.view("m+1 -> m", outside=-2.0)
        ),
        "a number for an axis": lambda: ar.top_k("[e -> 2]"),
        "a number for an axis in front": lambda: ar.lift(ar.relu, "n 0"),
        "arrays of other numbers": lambda: ar.relu >> ar.embed("T", "V -> m"),
        "a function that makes circuits": lambda: ar.linear("A", "m -> n") >> ar.gelu,
        "an array for an option": lambda: cl.traced("x m")(lambda x: ar.gelu(x)),
        "a function of another library in a traced one": lambda: cl.traced("x m")(np.tanh),
        "a kernel without a definition": lambda: ar.relu.unfold(["relu", "silo"]),
        "an attention without an axis that is summed": lambda: ar.attention("x d, y d, y d -> x d"),
        "a number in a traced function": lambda: cl.traced("x m")(lambda x: ar.add(x, 1.0)),
        "axes without spaces": lambda: ar.einsum("xhd, yhd -> hxy"),
        "an axis twice in a group": lambda: ar.view("(p a) (q a) -> (p q) (a a)", a=2),
        "an array of another size": lambda: cl.lower(ar.softmax("[y]").at_dom((8,)))(
            {}, np.ones(7)
        ),
        "a batch for one example": lambda: cl.lower(ar.linear("A", "m -> n"))(
            {"A": np.ones((2, 3))}, np.ones((5, 2))
        ),
        "an array for parameters": lambda: cl.lower(ar.linear("A", "m -> n"))(np.ones(2)),
        "a space of fewer axes": lambda: cl.LearningDiagram(
            cl.Model("e", X, F, ar.mean("[x] m -> m") >> ar.linear("A", "m -> n"))
        ),
        "no initialiser": lambda: cl.lower(ar.linear("A", "m -> n", init="lecun(2)")),
        "arrays of other sizes": lambda: cl.lower(ar.linear("A", "m -> n"))(
            {"A": np.ones((2, 3))}, np.ones(4)
        ),
        "a layer that ends elsewhere": lambda: (
            ar.linear("A", "m -> f").at(m=4, f=5).repeat(3, "layers")
        ),
        "layers of other numbers of arrays": lambda: ar.add.repeat(3, "layers"),
        "shared parameters that are not there": lambda: ar.linear("A", "m -> n", n="m").repeat(
            3, "layers", shared=["B"]
        ),
        "states that do not come back": lambda: ar.relu.scan("t", states=2),
        "a mask that hides whole rows": lambda: cl.lower(
            ar.where("x y", "y < x") >> ar.softmax("[y]")
        )({}, np.ones((3, 3))),
        "parameters that are missing": lambda: cl.lower(ar.linear("A", "m -> n", bias=True))(
            {}, np.ones(4)
        ),
        "a space without numbers": lambda: cl.LearningDiagram(
            cl.Model("e", cl.Space("E", 0), F, ar.linear("A", "m -> n"))
        ),
        "a space of another size": lambda: cl.LearningDiagram(
            cl.Model("e", X, F, ar.linear("A", "m -> n", n=5))
        ),
        "a listing that is none": lambda: ar.Circuit.parse(
            "x[m]: R\ny[m]: R = relo(x[m])\nreturn y"
        ),
        "a listing of no circuit": lambda: ar.Circuit.parse(
            "x[m]: R\ny[m k]: R = relu(x[k])\nreturn y"
        ),
    },
    "Rewriting": {
        "what still hangs there": lambda: cl.Rule.between(
            cl.Graph(vertices=["v"]), cl.Graph()
        ).rewrite(EDGE, initial={"V": {"v": "B"}}),
        "several matches": lambda: cl.Rule.between(EDGE, ROAD).rewrite(ROAD),
        "no match": lambda: cl.Rule.between(EDGE, ROAD).rewrite(cl.Graph(vertices=["A"])),
        "a rule that has no inverse": lambda: cl.Rule.between(
            ROAD, EDGE, replace={"V": {"M": "A"}}
        ).inverse(),
        "a variable that nothing binds": lambda: cl.Rule.between(
            RED, cl.CSet(COLOURED, V=["v"], colour=[cl.Variable("c")])
        ),
        "a match of another rule": lambda: cl.Rule.between(EDGE, ROAD).rewrite(
            ROAD, cl.GraphMorphism.identity(ROAD)
        ),
        "an arrow that is not there": lambda: cl.Rule.between(EDGE, ROAD, spread={"srcc": []}),
    },
    "Costs": {
        "postfix that does not add up": lambda: cl.cost.Atom(()),
        "values that are missing": lambda: cl.cost.Atom.parse("d(f(x), y)").evaluate({"y": 1}),
        "a name that is taken": lambda: cl.Objective(
            (), [cl.cost.Term("a", name="fit"), cl.cost.Term("b", name="fit")]
        ),
        "a constant that becomes a parameter": lambda: cl.Objective(
            ("f",), {"d(f(x), y)": 1}
        ).rename({"x": "f"}),
        "an aggregator that is not there": lambda: cl.Objective((), {}, "mean"),
        "aggregators that differ": lambda: cl.Objective(()) + cl.Objective.zero("max"),
        "a cocone to another objective": lambda: cl.pushout(
            *[cl.CostMorphism.identity(cl.Objective(("f",), {"a(f)": 1}))] * 2
        ).universal(
            cl.CostMorphism.identity(cl.Objective(("f",), {"a(f)": 1})),
            cl.CostMorphism(
                cl.Objective(("f",), {"a(f)": 1}),
                cl.Objective(("f", "g"), {"a(f)": 1, "a(g)": 1}),
                {"f": "g"},
            ),
        ),
        "what is no value": lambda: cl.cost.Matrix([[np.nan]]),
        "names that are too few": lambda: cl.cost.Matrix([[1], [2]], rows=["a"]),
        "matrices that do not meet": lambda: cl.cost.Matrix([[1, 2]]) @ cl.cost.Matrix([[1]]),
        "distances that are no matrix of the objects": lambda: cl.cost.EnrichedCategory(
            "xy", [[0]]
        ),
        "an object that is not there": lambda: cl.cost.EnrichedCategory("x", [[0]])("x", "q"),
    },
    "Posynomials, tiles and devices": {
        "text that is no posynomial": lambda: Posynomial.parse("q*d - x"),
        "a quotient that is none": lambda: 1 / Posynomial.parse("q + x"),
        "a variable without a value": lambda: Posynomial.parse("q*x/g_q")(q=3),
        "limits that nothing keeps": lambda: minimise(
            Posynomial.parse("1/g"), [(Posynomial.parse("g + 1"), 1.5)], {"g": (1, 4)}
        ),
        "modes that axes cannot have": lambda: costing.Island(
            TWO_SUMS, {"n": "streamed", "a": "grouped", "z": "whole", "b": ("split", 0)}
        ),
        "a letter of several axes": lambda: costing.Indexed.of(TWO_SUMS)["n"],
        "blocks that are not there": lambda: cl.resources(TWO_SUMS)(g_x=3),
        "a repeated layer as an island": lambda: cl.resources(
            ar.residual(ar.linear("A", "m -> m")).repeat(3, "layers")
        ),
        "the table of another circuit": lambda: cl.draw(ar.relu, resources=cl.resources(TWO_SUMS)),
        "tiles that do not fit": lambda: costing.tile(PRODUCT.at(n=64), fast_memory=2),
        "tiles of open sizes": lambda: costing.tile(PRODUCT, fast_memory=64),
        "a figure that a chip does not have": lambda: costing.Chip("M + 3*b"),
        "a budget in which nothing fits": lambda: costing.codesign(
            PRODUCT.at(n=64), "M + 3*B", budget=2
        ),
        "other arguments of a co-design": lambda: costing.codesign(
            PRODUCT, "M + 3*B", ("M", "g_z"), [1e3], at={"matrix": 0}
        ),
        "a chain that no islands cover": lambda: costing.cheapest([[9, 9], [9, 9]], ["a", "b"]),
        "a device that is not there": lambda: costing.devices["H10"],
        "a figure that is not there": lambda: costing.devices["H100"].replace(HBN=1, matrx=2),
        "figures that are none": lambda: costing.Device("none", (costing.Level("only", 0),)),
    },
    "Dashboards": {
        "a page about something else": lambda: cl.dashboard(3),
        "sizes that nothing has": lambda: cl.dashboard(MATRICES, sizes={"aa": 3, "z": 4}),
        "numbers that are none": lambda: cl.dashboard(MATRICES, sizes={"a": 0}, memory=2.5),
        "times that are none": lambda: cl.dashboard(MATRICES, measured={"time": -1}),
        "arguments of a circuit": lambda: cl.dashboard(MATRICES, 1.0),
        "a page that is a text": lambda: cl.dashboard(MATRICES).save("page.txt"),
    },
    "Spaces, divergences and models": {
        "sizes that are none": lambda: cl.Space("X", (1, None)),
        "a type that is none": lambda: cl.Space("X", 3, dtype="floot"),
        "a factor that is no space": lambda: cl.Product("P", X, "Y"),
        "a product of nothing": lambda: cl.Product("P"),
        "an unknown divergence": lambda: cl.Divergence("squared_eror"),
        "an unknown option": lambda: cl.Divergence("huber", dleta=1.0),
        "an option out of range": lambda: cl.Divergence("kl", temperature=-1.0),
        "a divergence that is none": lambda: cl.Divergence(3),
        "shapes that would broadcast": lambda: cl.Divergence("squared_error")(
            np.ones((5, 4), "float32"), np.ones((5, 1), "float32")
        ),
        "probabilities where labels are wanted": lambda: cl.Divergence("cross_entropy")(
            np.ones((5, 4), "float32"), np.zeros((5, 4), "int32")
        ),
        "an unknown architecture": lambda: cl.Model("f", X, F, "mpl"),
        "an option that is not there": lambda: cl.Model("f", X, F, "mlp", widht=3),
        "an architecture that is none": lambda: cl.Model("f", X, F, 3),
        "parameters that there are not": lambda: ENCODER.freeze(),
        "parameters of other shapes": lambda: ENCODER.freeze({"weight": np.ones((4, 6))}),
        "a pairing of too few": lambda: cl.Pairing("both", P, "f"),
        "a pairing into no product": lambda: cl.Pairing("both", X, "f"),
        "a constant outside its space": lambda: cl.Constant("c", X, Y, 7),
        "an unknown operator": lambda: cl.Operator("d", "gradient", of="u"),
        "an operator on nothing": lambda: cl.LearningDiagram(
            ENCODER, cl.Operator("d", "derivative", of="encodr")
        ),
        "an average of nothing": lambda: cl.LearningDiagram(
            ENCODER, cl.MovingAverage("slow", of="encodr", decay=0.9)
        ),
        "a decay out of range": lambda: cl.LearningDiagram(
            ENCODER, cl.MovingAverage("slow", of="encoder", decay=1.5)
        ),
    },
    "Diagrams": {
        "a data set of nothing": lambda: cl.Dataset("points"),
        "arrays of another shape": lambda: cl.Dataset("points", p=(P, np.ones((3, 2)))),
        "labels out of range": lambda: cl.Dataset("points", Y=(Y, [0, 3])),
        "an edge that is not there": lambda: cl.subdiagram(SQUARE, edges=["hed"]),
        "an edge where a vertex is wanted": lambda: cl.subdiagram(SQUARE, ["head"]),
        "freezing what has no values": lambda: cl.with_frozen(SQUARE),
        "training what is not frozen": lambda: cl.with_trained(SQUARE, ["head"]),
        "diagrams in a list": lambda: cl.glue([SQUARE, SQUARE]),
        "names that are not on both sides": lambda: cl.glue(
            SQUARE, cl.LearningDiagram(HEAD), along={"encoder": "hed"}
        ),
        "ends that differ": lambda: cl.glue(
            cl.LearningDiagram(ENCODER),
            cl.LearningDiagram(HEAD),
            along={"encoder": "head", "X": "F", "F": "F"},
        ),
        "values that differ": lambda: cl.merge(
            *(
                cl.LearningDiagram(ENCODER).with_values(
                    {"encoder": {key: scale * value for key, value in ONES.items()}}
                )
                for scale in (1, 2)
            )
        ),
        "a selection that is not there": lambda: SQUARE.select("everything"),
        "what was not glued": lambda: SQUARE.emergent,
        "names that are taken": lambda: SQUARE.rename({"encoder": "head"}),
        "a swap that does not fit": lambda: cl.swap(
            "encoder", cl.Model("new", X, Y, "linear")
        ).rewrite(SQUARE),
        "an equation that defines itself": lambda: cl.LearningDiagram(
            cl.learning.Defined("e", "e >> e"), X
        ),
        "two definitions": lambda: cl.glue(
            *(
                cl.LearningDiagram(cl.Model(name, X, X, "linear"), cl.learning.Defined("e", name))
                for name in "fg"
            )
        ),
    },
    "Losses and lowering": {
        "no equation": lambda: cl.fit(
            cl.LearningDiagram(POINTS), optax.sgd(0.1), steps=1, progress=False
        ),
        "models to train that are none": lambda: cl.LearningDiagram(
            POINTS, ENCODER, HEAD, equations={"fit": cl.Equation(FIT, trains=["hed"])}
        ),
        "a weight that is not there": lambda: cl.lower(SQUARE.loss()).weights(values={"beta": 1.0}),
        "an edge that is not trained": lambda: cl.lower(SQUARE.loss()).select({"k": True}),
        "a batch without a column": lambda: cl.lower(SQUARE.loss())(
            *cl.lower(SQUARE.loss()).init(_key()), {"points": {"X": np.ones((4, 2), "float32")}}
        ),
        "a metric that is none": lambda: fit(metrics={"much": FIT + " ="}, validate={}),
        "an amount that is not there": lambda: cl.resources(SQUARE.loss()).functor("flop"),
    },
    "Training": {
        "a data set that is no data": lambda: fit(data={"points": 7}),
        "columns of another shape": lambda: fit(
            data={"points": {"X": np.ones((4, 1), "float32"), "Y": np.zeros(4, "int32")}}
        ),
        "a source that ends": lambda: fit(data={"points": iter([])}),
        "an optimizer for nothing": lambda: fit({"hed": optax.sgd(0.1), "*": optax.sgd(0.1)}),
        "parts of a batch that are unequal": lambda: fit(batch_size=3, accumulate=2),
        "a run that diverges": lambda: fit(optax.sgd(float("inf"))),
        "a model that is not there": lambda: fit().model("nobody"),
        "a checkpoint of another run": lambda: checkpointed(steps=1),
        "a checkpoint with another optimizer": lambda: checkpointed(
            optimizer=optax.adam(0.1), steps=4, resume=True
        ),
        "no checkpoint": lambda: [
            Path("notes.txt").write_text("notes"),
            fit(checkpoint="notes.txt"),
        ],
        "a folder that goes": lambda: fit(
            checkpoint="gone/run.safetensors", callback=lambda *_: Path("gone").rmdir()
        ),
        "a folder that is a file": lambda: [
            Path("file").write_text("notes"),
            fit(checkpoint="file/run.safetensors"),
        ],
    },
    "Files": {
        "text that is no JSON": lambda: written("bad.json", "{"),
        "a file of something else": lambda: written("bad.json", '{"V": []}'),
        "a file that is not there": lambda: cl.load("missing.json"),
        "what has no file": lambda: cl.formats.to_json(3),
        "a divergence that is code": lambda: cl.formats.to_json(
            cl.LearningDiagram(
                cl.Dataset("d", X=cl.Space("X", 4, divergence=lambda p, t: (p - t).sum(-1)))
            )
        ),
        "what is no diagram of LaTeX": lambda: cl.formats.from_tikzcd("\\begin{tikzcd} A \\arrow"),
        "what is no link": lambda: cl.formats.from_quiver("https://example.org"),
    },
    "Functions that are imported": {
        "no function": lambda: cl.from_jax(3, np.ones(2)),
        "the name of an argument": lambda: cl.from_jax(
            lambda weights: weights, np.ones(2), params="weigths"
        ),
        "no entries": lambda: cl.from_jax(lambda x: x, np.ones((0, 2))),
        "no entries in what is returned": lambda: cl.from_jax(lambda x: x[:0], np.ones((2, 2))),
    },
    "Relations of monoids": {
        relation or "nothing": lambda relation=relation: cl.Presentation.monoid("ab", [relation])
        for relation in UNREADABLE
    },
    "Faults in a file of a diagram": {
        f"{where} {k}": lambda text=text: cl.formats.from_json(text)
        for k, (text, _, where, *_) in enumerate(FAULTS)
    },
}


def _key():
    import jax

    return jax.random.key(0)


def _two_rows():
    draft = ar.boxes.Draft.of(ar.linear("A", "m -> n").apex)
    draft.symbols.append(("n", None))
    draft.wire([0], name="A")
    return draft.made()


def _undirected():
    import networkx

    return networkx.Graph([("a", "b")])


def message(make: Callable[[], object]) -> str:
    """What is said where an example is refused."""
    try:
        make()
    except (CatlearnError, TypeError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("this should have been an error")


@contextlib.contextmanager
def elsewhere() -> Iterator[Callable[[str], str]]:
    """An empty folder to write to, and no warnings; what is given leaves it and addresses out."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        here = f"{Path.cwd()}/"
        try:
            yield lambda text: re.sub(r"0x[0-9a-f]+", "0x...", text.replace(here, ""))
        finally:
            os.chdir(before)


def section(subject: str) -> str:
    """The part of the page about a subject."""
    with elsewhere() as plain:
        said = {name: plain(message(make)) for name, make in EXAMPLES[subject].items()}
    lines = (f"{name}\n{textwrap.indent(text, '    ')}\n" for name, text in said.items())
    return "\n".join(lines)


def documented() -> str:
    """What the cells of the page of the documentation print, in order."""
    text = DOCS.read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    namespace: dict[str, object] = {}
    with elsewhere() as plain, contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell in cells:
            exec(cell, namespace)
    return plain(printed.getvalue())


SECTIONS: dict[str, Callable[[], str]] = {
    "The page of the documentation": documented,
    **{subject: lambda subject=subject: section(subject) for subject in EXAMPLES},
}


def test_errors_read_as_they_were_reviewed():
    """In a process of its own, since messages list what other tests have registered."""
    run = [sys.executable, "-m", "tests.test_messages", "--show"]
    made = subprocess.run(run, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    assert made == PAGE.read_text("utf-8"), "python -m tests.test_messages writes the page again"


def test_the_page_has_every_class_of_error():
    page = PAGE.read_text("utf-8")
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, CatlearnError)
    }
    assert {name for name in classes if f"{name}: " not in page} == set()


if __name__ == "__main__":
    parts = [f"## {subject}\n\n{make().rstrip()}\n" for subject, make in SECTIONS.items()]
    if "--show" in sys.argv:
        sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write("\n".join(parts))
    else:
        PAGE.write_text("\n".join(parts), encoding="utf-8")
