"""Arguments of another kind: the package's own error, which says the argument and what it is."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn import costing
from catlearn.arrays import einsum
from catlearn.costing import Island
from catlearn.errors import CatlearnError, WrongKind, expect
from tests.errors import each_call, raises

X, Y = cl.Space("X", 2), cl.Space("Y", 1)
DATA = cl.Dataset("d", X=(X, np.ones((4, 2), "f4")), Y=(Y, np.ones((4, 1), "f4")))
MODEL = cl.Model("f", X, Y, "linear")
DIAGRAM = cl.LearningDiagram(DATA, MODEL)
GRAPH = cl.Graph({"e": ("A", "B")})


SGD = optax.sgd(0.1)


def fit(value=DIAGRAM, optimizer=SGD, **options):
    return cl.fit(value, optimizer, **{"steps": 1, "progress": False, **options})


WRONG = {
    "what fit minimises": lambda: fit(MODEL),
    "optimizer": [lambda: fit(optimizer=0.01), lambda: fit(optimizer=optax.adam),
                  lambda: fit(optimizer="adam"), lambda: fit(optimizer={"f": 0.1})],
    "steps": [lambda: fit(steps=1.5), lambda: fit(steps="3"), lambda: fit(steps=True)],
    "batch_size": [lambda: fit(batch_size="8"), lambda: fit(batch_size={"d": 2.5})],
    "key": [lambda: fit(key=0), lambda: cl.batches(DIAGRAM.data, 2, 0)],
    "data": [lambda: fit(data=[1]), lambda: cl.batches(3)],
    "validate": lambda: fit(validate=[1]),
    "metrics": lambda: fit(validate={}, metrics=["accuracy"]),
    "checkpoint": lambda: fit(checkpoint=3),
    "callback": lambda: fit(callback=3),
    "what is lowered": [lambda: cl.lower(MODEL), lambda: cl.lower("loss")],
    "left": lambda: cl.Rule(GRAPH, GRAPH),
    "L": lambda: cl.Rule.between(3, GRAPH),
    "G": [lambda: list(cl.homomorphisms(3, GRAPH)), lambda: cl.is_isomorphic("G", GRAPH)],
    "H": lambda: list(cl.homomorphisms(GRAPH, 3)),
    "what a limit is of": lambda: cl.limit(3),
    "what a colimit is of": lambda: cl.colimit([GRAPH]),
    "each argument": [lambda: cl.pullback(GRAPH, GRAPH), lambda: cl.pushout(GRAPH, GRAPH),
                      lambda: cl.coequalizer(GRAPH, GRAPH), lambda: cl.equalizer(3, 4)],
    "each object": [lambda: cl.product(3, 4), lambda: cl.coproduct(GRAPH, "B")],
    "the argument": [lambda: cl.loss_functor(3), lambda: list(cl.subobjects(3))],
}  # fmt: skip

CAT = cl.FiniteCategory.chain(1)
ONE = cl.Functor.identity(CAT)
finite, many = cl.FiniteCategory, cl.category
CATEGORIES = {
    "domain": [lambda: cl.Functor(3, CAT), lambda: cl.NaturalTransformation(CAT, ONE, {}),
               lambda: cl.GraphMorphism(3, GRAPH, {}), lambda: cl.Functor.identity(3)],
    "codomain": [lambda: cl.NaturalTransformation(ONE, "F", {}),
                 lambda: cl.GraphMorphism(GRAPH, 3, {})],
    "target": [lambda: cl.Functor(CAT, 3), lambda: many.MonoidalFunctor(many.Hypergraph(), 3)],
    "objects": [lambda: cl.Functor(CAT, CAT, ["0"]), lambda: finite(3.5), lambda: finite(None),
                lambda: finite.discrete(3), lambda: finite.codiscrete(3),
                lambda: list(cl.functors(CAT, CAT, objects=["0"])),
                lambda: many.full_subcategory(CAT, 3)],
    "arrows": [lambda: cl.Functor(CAT, CAT, arrows=["0"]), lambda: finite(["A"], ["f"]),
               lambda: cl.Functor(GRAPH, many.Functions(), arrows=len),
               lambda: list(cl.functors(CAT, CAT, arrows=3)),
               lambda: many.subcategory(CAT, 3), lambda: many.wide_subcategory(CAT, 3)],
    "compose": lambda: finite(["A"], {"f": ("A", "A")}, ["ff"]),
    "identities": lambda: finite(["A"], {}, {}, ["x"]),
    "elements": lambda: finite.monoid(3, 3),
    "table": lambda: finite.group([1], 3),
    "relation": lambda: finite.poset(3),
    "each pair": lambda: finite.preorder([3]),
    "generators": [lambda: finite.transformation_monoid([[0]]),
                   lambda: finite.permutation_group(3)],
    "the generator s": lambda: finite.permutation_group({"s": 3}),
    "each value of s": lambda: finite.permutation_group({"s": ["a"]}),
    "n": [lambda: finite.chain("3"), lambda: finite.chain(1.5)],
    "graph": [lambda: cl.Presentation(3), lambda: cl.Presentation("f >> g"),
              lambda: cl.Presentation.commutative(3), lambda: finite.free({"f": ("A", "B")})],
    "presentation": [lambda: many.complete(3), lambda: many.PresentedCategory(3),
                     lambda: many.RewritingSystem(3, [])],
    "rules": [lambda: cl.Budget("x"), lambda: many.RewritingSystem(GRAPH, 3)],
    "letters": [lambda: cl.Budget(letters=None), lambda: cl.Presentation.monoid(3),
                lambda: cl.Presentation.group(3)],
    "relations": lambda: cl.Presentation.monoid("a", 3),
    "each relation": lambda: cl.Presentation.monoid("a", [3]),
    "budget": [lambda: GRAPH.category("x"), lambda: many.complete(GRAPH, [1])],
    "equations": lambda: cl.Presentation(GRAPH, 3),
    "an equation": [lambda: cl.Equation(3), lambda: cl.Presentation(GRAPH, [3]),
                    lambda: cl.Equation(["e = e"])],
    "a path": [lambda: cl.Equation(("e", 3)), lambda: GRAPH.path(3)],
    "each step": lambda: GRAPH.path([3]),
    "edges": [lambda: cl.Graph(3), lambda: cl.Graph(["e"]), lambda: cl.Path("A", 3, "B"),
              lambda: cl.Path("A", "ef", "B")],
    "each name of a path": [lambda: cl.Path(3, (), 3), lambda: cl.Path("A", [3], "B")],
    "vertices": lambda: cl.Graph({}, 3),
    "V": lambda: cl.GraphMorphism(GRAPH, GRAPH, 3),
    "E": lambda: cl.GraphMorphism(GRAPH, GRAPH, ["A", "B"], 3),
    "components": [lambda: cl.NaturalTransformation(ONE, ONE, ["a"]),
                   lambda: list(cl.natural_transformations(ONE, ONE, ["a"]))],
    "each transformation": lambda: many.Adjunction(ONE, ONE, 3, {}),
    "F": [lambda: list(cl.natural_transformations(3, ONE)), lambda: many.grothendieck(CAT),
          lambda: many.comma(CAT, ONE)],
    "G": [lambda: list(cl.natural_transformations(ONE, CAT)),
          lambda: many.naturally_isomorphic(ONE, 3), lambda: many.comma(ONE, 3)],
    "left": [lambda: cl.right_adjoint(CAT), lambda: many.adjunction(3, ONE)],
    "right": [lambda: cl.left_adjoint(3), lambda: many.Adjunction(ONE, 3, {}, {})],
    "limit": [lambda: list(cl.functors(CAT, CAT, limit="3")),
              lambda: list(cl.natural_transformations(ONE, ONE, limit=1.5))],
    "C": [lambda: list(cl.functors(3, CAT)), lambda: many.are_isomorphic(3, CAT),
          lambda: many.functor_category("C", CAT), lambda: many.karoubi(3),
          lambda: many.skeleton(ONE), lambda: many.slice_category(3, "0"),
          lambda: many.coslice_category(ONE, "0"), lambda: many.arrow_category(3),
          lambda: many.twisted_arrow_category(3), lambda: many.subcategory(ONE, [])],
    "D": [lambda: list(cl.functors(CAT, "D")), lambda: many.are_equivalent(CAT, 3)],
    "what is turned round": lambda: many.opposite(3),
    "what a colimit is of": lambda: many.presentation_of_colimit(3),
    "functor": [lambda: many.Monad(3, {}, {}), lambda: many.Comonad(CAT, {}, {})],
    "pair": [lambda: many.Monad.of(ONE), lambda: many.Comonad.of(3)],
    "monad": [lambda: many.kleisli(ONE), lambda: many.eilenberg_moore(3)],
    "boxes": lambda: many.Hypergraph(3),
    "an open hypergraph": lambda: many.evaluate(3, len, []),
    "signature": lambda: many.MonoidalFunctor(GRAPH, many.Functions()),
    "what a lens lies between": lambda: many.Lens(3, many.Port("R"), len, len),
}  # fmt: skip

CIRCUIT = einsum("a b, b c -> a c").at(a=8, b=8, c=8)
COSTS, TILED = Island(CIRCUIT).costs(), costing.tile(CIRCUIT, fast_memory=64)
FOLD, ARRAY, DEVICE = cl.streams.stream(CIRCUIT, "b"), np.ones((2, 3)), costing.devices["H100"]
RUN, FUSED, LOSS = cl.lower(CIRCUIT), cl.lower(FOLD), cl.lower(DIAGRAM.loss())
NAMED = {"sizes": [lambda: cl.lower(CIRCUIT, sizes=ARRAY), lambda: Island(CIRCUIT, sizes=ARRAY),
                   lambda: costing.islands(CIRCUIT, fast_memory=64, sizes=ARRAY),
                   lambda: costing.notices(CIRCUIT, sizes=ARRAY), lambda: COSTS.at(3),
                   lambda: costing.priced(FOLD, 3, 4)],
         "widths": [lambda: costing.tile(CIRCUIT, "H100", widths=3),
                    lambda: costing.runs(CIRCUIT, widths=ARRAY)],
         "room": lambda: costing.ways(CIRCUIT, room=None),
         "longest": lambda: costing.islands(CIRCUIT, fast_memory=64, longest=None)}  # fmt: skip
CIRCUITS = NAMED | {
    "params": [lambda: RUN(), lambda: FUSED(), lambda: LOSS(), lambda: LOSS.evaluation(3, {})],
    "kye": [lambda: RUN({}, key=None, kye=1), lambda: LOSS({}, {}, {}, kye=1)],
    "device=": [lambda: cl.lower(CIRCUIT, streams="auto", device="H100"),
                lambda: cl.lower(FOLD, device=None), lambda: cl.lower(DIAGRAM.loss(), device=3)],
    "key": [lambda: RUN.init(3), lambda: RUN.init(None)],
    "dtype": [lambda: RUN.init(jax.random.key(0), "x"), lambda: RUN.init(jax.random.key(0), int)],
    "accumulate": [lambda: cl.lower(CIRCUIT, accumulate=3),
                   lambda: cl.lower(CIRCUIT, accumulate=int)],
    "shapes": [lambda: RUN.program(3), lambda: RUN.sizes(3)],
    "each of shapes": [lambda: RUN.program([3, 3]), lambda: CIRCUIT.at_dom(3)],
    "rows": lambda: CIRCUIT.shapes(3),
    "seed": [lambda: FOLD.check(-1), lambda: FOLD.check("x")],
    "edge": [lambda: LOSS.architecture(3), lambda: LOSS.variables(None, {}, {})],
    "what is planned": lambda: cl.lowering.Plan(3),
    "fn": [lambda: cl.lowering.count_operations(3),
           lambda: cl.lowering.path_metric(3, {}, {}, {}, "d", "X")],
    "costs": [lambda: costing.islands(3), lambda: costing.closed_form(3),
              lambda: costing.bounds.compulsory(CIRCUIT)],
    "each of costs": lambda: costing.islands({(0, 1): 3}, fast_memory=8),
    "ways": lambda: costing.best_way(3, 8),
    "each of ways": lambda: costing.best_way([3], 8),
    "fast_memory": lambda: costing.best_way([COSTS], "8"),
    "fold": lambda: costing.priced(3, {}, 4),
    "over": lambda: costing.codesign(CIRCUIT, "M", over=3, budget=3),
    "demands and resources": [lambda: costing.design_problem(3, 3, len),
                              lambda: costing.design_problem([], [], len)],
    "feasible": lambda: costing.design_problem([], [], 3),
    "levels": lambda: costing.Device("d", 3),
    "each of levels": lambda: costing.Device("d", [3, 4]),
    "throughputs": lambda: replace(DEVICE, throughputs=3),
    "level": lambda: DEVICE.ridge(level=None),
    "unit": lambda: DEVICE.throughput({}),
    "columns": [lambda: costing.Costs.of(1, 3), lambda: costing.Costs.of(1, "g*d")],
    "arrays": lambda: costing.bounds.projective({"a": 4}, "a", 8),
    "the argument": [lambda: cl.cost.Posynomial.of({"x": 2}),
                     lambda: costing.Costs.of({"x": "y"}, {})],
    "the name of an axis": [lambda: costing.Indexed.of(CIRCUIT)[{}],
                            lambda: Island(CIRCUIT).block_name(3)],
    "boxes": lambda: costing.part_of(CIRCUIT, 3),
    "stages_of": lambda: costing.stages_of(3),
    "stages": lambda: costing.convex_cuts(3, [], len),
    "cost": lambda: costing.convex_cuts("ab", [], 3),
    "each of flows": lambda: costing.convex_cuts("ab", [3], len),
    "work": [lambda: costing.timed(3, [], DEVICE), lambda: costing.Costs.of(1, {}, 3)],
    "memory": [lambda: costing.bounds.matmul(4, 4, 4, 0),
               lambda: costing.bounds.attention(4, 4, 4, "8"),
               lambda: costing.bounds.projective({"a": 4}, ["a"], 1)],
    "static_argnums": lambda: cl.from_jax(abs, 3, static_argnums=None),
    "named": lambda: cl.importing.imported(abs, 3, named=3),
    "values": [lambda: RUN.arrays(None), lambda: DIAGRAM.loss().evaluate(3)],
    "other": [lambda: DIAGRAM.loss().is_same_function(3),
              lambda: DIAGRAM.loss().has_same_values(3)],
    "bounds": lambda: DIAGRAM.loss().is_below(3),
    "mapping": lambda: DIAGRAM.loss().rename(3),
}  # fmt: skip


@each_call(WRONG, CATEGORIES, CIRCUITS)
def test_wrong_kinds_are_refused_by_name(name, make):
    with raises(WrongKind, name) as caught:
        make()
    assert isinstance(caught.value, CatlearnError)
    assert isinstance(caught.value, TypeError)


def test_right_kinds_are_taken():
    fit(steps=np.int64(1), key=jax.random.key(1), batch_size=np.int32(2))
    fit(key=jax.random.PRNGKey(0))
    fit(optimizer={"f": optax.adam(0.1)})
    assert cl.Presentation([("e", ["A", "B"])], "e = e") == cl.Presentation(GRAPH, ["e = e"])
    assert cl.Presentation({"e": ("A", "B")}.items()) == cl.Presentation(GRAPH)
    assert cl.Path("A", iter(["e"]), "B") == cl.Path("A", ["e"], "B") == GRAPH.path("e")
    assert cl.Budget(arrows=float("inf")).arrows > cl.Budget(rules=np.int64(3)).rules == 3
    assert finite.chain(np.int64(1)) == finite.poset(iter([["0", "1"]]))
    assert finite.permutation_group({"s": np.array([1, 0])}).arrows == ("id(*)", "s")
    expect(True, bool, "flag", "a flag")
    with pytest.raises(WrongKind):
        expect(True, int, "number", "a number")
