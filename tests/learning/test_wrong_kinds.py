"""Arguments of another kind in the rooms of models, costs, learning and lowering; and options."""

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.cost import (
    LAWVERE,
    Atom,
    EnrichedCategory,
    EnrichedFunctor,
    Matrix,
    OpenObjective,
    Quantale,
    QuantaleMorphism,
    Term,
    free as free_enriched,
    get_aggregator,
    maximum,
    scaling,
    wire,
)
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName, WrongKind
from catlearn.learning import (
    component,
    emergent,
    freeze,
    inclusion,
    insert,
    learner,
    lens_functor,
    loss_lens,
    pull_back,
    push_forward,
    select,
    split,
    update_rule,
)
from catlearn.models import Constant, LowRank, Operated, Registered, each, on_factors
from catlearn.zoo import maml
from tests.errors import each_call, raises

X, Y = cl.Space("X", 2), cl.Space("Y", 1)
P = cl.Product("P", X, X)
DATA = cl.Dataset("d", X=(X, np.ones((4, 2), "f4")), Y=(Y, np.ones((4, 1), "f4")))
MODEL = cl.Model("f", X, Y, "linear")
D = cl.LearningDiagram(DATA, MODEL)
FN = cl.lower(D.loss())
PARAMS, STATE = FN.init(jax.random.key(0))
BATCH = {"d": {"X": np.ones((4, 2), "f4"), "Y": np.ones((4, 1), "f4")}}
OBJECTIVE = cl.Objective(("f",), {"a(f)": 1})
SPACE = EnrichedCategory(["x"], [[0.0]])


def lower(**options):
    return cl.lower(D.loss(), **options)


# What the message calls the argument -> calls that give another kind.
WRONG = {
    # Parts of diagrams.
    "the name of a data set": lambda: cl.Dataset(3, X=X),
    "each projection": [lambda: cl.Dataset("d", [1, 2]), lambda: cl.Dataset("d", {"X": X})],
    "the name of a pairing": lambda: cl.Pairing(3, P, "f", "f"),
    "the name of an operator": lambda: cl.Operator(3, "derivative", of="f"),
    "an operator": [lambda: cl.Operator("o", 3, of="f"), lambda: Operated(3)],
    "what an operator acts on": lambda: cl.Operator("o", "derivative", of=MODEL),
    "the name of a moving average": lambda: cl.MovingAverage(3, "f", 0.5),
    "what a moving average follows": lambda: cl.MovingAverage("a", MODEL, 0.5),
    "decay": [lambda: cl.MovingAverage("a", "f", "x"), lambda: cl.MovingAverage("a", "f", None)],
    "a divergence": [lambda: cl.Divergence(3), lambda: cl.Space("Z", 2, divergence=3)],
    "the name of a weight": lambda: cl.Weight(3, 1.0),
    "the value of a weight": lambda: cl.Weight("w", "a"),
    "the factor of a weight": lambda: cl.Weight("w", 1.0, factor="a"),
    "the schedule of a weight": lambda: cl.Weight("w", schedule=3),
    "source": [
        lambda: Constant("c", 3, Y, 0.0),
        lambda: cl.Operator("o", "derivative", of="f", source="X"),
        lambda: each(MODEL, 3, Y),
        lambda: on_factors("f2", MODEL, X, P),
        lambda: QuantaleMorphism(3, LAWVERE, np.square),
    ],
    "target": [lambda: Constant("c", X, "Y", 0.0), lambda: split("f", "g", 3)],
    "what is adapted": lambda: LowRank(3, 2),
    "alpha": lambda: cl.lora(MODEL, 2, alpha="x"),
    "model": [lambda: cl.lora(3, 2), lambda: each(3, X, Y), lambda: on_factors("f", 3, P, P)],
    "key": [
        lambda: FN.init(0),
        lambda: FN(PARAMS, STATE, BATCH, 0),
        lambda: MODEL.lora(1, key=0),
    ],
    # Equations, and which are chosen.
    "an equation": [lambda: cl.category.Equation(3), lambda: cl.Equation(("f", "g", "h"))],
    "a path": lambda: cl.Equation((3, "f")),
    "each step": lambda: cl.Equation((["f", 3], "f")),
    "equations": [
        lambda: cl.LearningDiagram(DATA, MODEL, equations=3),
        lambda: D.loss(3),
        lambda: D.with_equations(3),
        lambda: D.instantiate(3),
    ],
    "max_length": lambda: D.loss("all", max_length="2"),
    "bound": lambda: D.loss("all", bound="many"),
    "instances": lambda: D.loss(instances=["f"]),
    "an aggregator": [lambda: D.loss(aggregator=3), lambda: get_aggregator([1])],
    # Operations on diagrams.
    "diagram": [
        lambda: cl.with_frozen(3), lambda: cl.with_trained(MODEL), lambda: cl.subdiagram(3),
        lambda: component(3, "f"), lambda: inclusion(3, D), lambda: cl.open_diagram(3),
        lambda: select(3), lambda: lens_functor(3),
    ],
    "edges": [lambda: cl.with_frozen(D, 3), lambda: cl.subdiagram(D, edges=3)],
    "vertices": lambda: cl.subdiagram(D, 3),
    "each argument": [
        lambda: cl.swap("a", "b"), lambda: insert("b", after="a"), lambda: maximum(3),
        lambda: wire(3),
    ],
    "edge": [lambda: cl.swap(3, MODEL), lambda: freeze(3), lambda: insert(MODEL, after=3)],
    "data": lambda: split("f", "g", "Z", data=["d.Y"]),
    "values": [lambda: D.bind(3), lambda: D.with_values([1]), lambda: FN.weights(values=[1])],
    "names": [lambda: D.rename(3), lambda: cl.glue(D, D, names=3)],
    "along": lambda: cl.glue(D, D, along=3),
    "inputs": [lambda: cl.open_diagram(D, 3), lambda: OpenObjective(OBJECTIVE, 3)],
    "the argument": [lambda: emergent(3), lambda: cl.resources(3), lambda: cl.loss_functor(3)],
    "phi": [lambda: pull_back(3, {}), lambda: push_forward(3, {})],
    "domain": [
        lambda: cl.LearningMorphism(3, D), lambda: EnrichedFunctor(3, SPACE, {}),
        lambda: cl.CostMorphism(3, OBJECTIVE),
    ],
    "loss": lambda: loss_lens(D),
    "optimizer": [
        lambda: update_rule(3, []), lambda: cl.per_edge(3), lambda: learner(D.loss(), optax.sgd),
    ],
    # Lowering, and calls of what was lowered.
    "what is lowered": [lambda: cl.lower(D), lambda: cl.lower(OBJECTIVE), lambda: cl.lower(3)],
    "stack": [lambda: lower(stack="yes"), lambda: lower(stack=2.5)],
    "remat": lambda: lower(remat=3),
    "independent": lambda: lower(independent=3),
    "together": lambda: lower(together=3),
    "a group of together": lambda: lower(together=[3]),
    "groups": lambda: lower(groups=["f"]),
    "params": [lambda: FN([1], STATE, BATCH), lambda: FN.evaluation([1], STATE)],
    "state": lambda: FN(PARAMS, [1], BATCH),
    "batch": lambda: FN(PARAMS, STATE, [1]),
    "the batch of 'd'": lambda: FN(PARAMS, STATE, {"d": 3}),
    "labels": lambda: FN.select(["f"]),
    # Costs.
    "an atom": [lambda: Atom.parse(3), lambda: Term(3)],
    "a postfix": lambda: Atom("f"),
    "parameters": lambda: cl.Objective(3),
    "terms": lambda: cl.Objective((), 3),
    "each term": lambda: cl.Objective((), ["a(f)"]),
    "the objective": lambda: OpenObjective(3),
    "factor": lambda: scaling("2"),
    "join": lambda: Quantale("q", 3, np.maximum, np.add, 0.0, np.inf, 0.0, np.subtract),
    "quantale": [lambda: Matrix([[0.0]], 3), lambda: EnrichedCategory(["x"], [[0]], "max")],
    "objects": [lambda: EnrichedCategory(3, [[0]]), lambda: EnrichedFunctor(SPACE, SPACE, ["x"])],
    "rows": lambda: Matrix([[0.0]], rows=3),
    "graph": lambda: free_enriched(3),
}  # fmt: skip


@each_call(WRONG)
def test_wrong_kinds_are_refused_by_name(name, make):
    with raises(WrongKind, name):
        make()


REFUSED = {
    "stack": lambda: lower(stack=-1),
    "precision": lambda: lower(precision="bf16"),
    "precision of one": lambda: lower(precision={"f": "int32"}),
    "ragged constant": lambda: Constant("c", X, Y, [[1.0], [1.0, 2.0]]),
    "constant of text": lambda: Constant("c", X, Y, "a"),
    "values of a quantale": lambda: Matrix([["a"]]),
    "parts of the state": lambda: FN(PARAMS, {}, BATCH),
    "rank": lambda: cl.lora(MODEL, "2"),
    "a registered option": lambda: Registered("linear", use_bias=3),
    "an option of a model": lambda: cl.Model("f", X, Y, "mlp", width="8"),
    "an option of an operator": lambda: cl.Operator("o", "derivative", of="f", along=0),
    "an option of a divergence": lambda: cl.Divergence("info_nce", symmetric=3),
    "a name that is no text": lambda: cl.with_frozen(D, [3]),
    "a path of a pairing": lambda: cl.LearningDiagram(MODEL, P, cl.Pairing("p", P, "f", 3)),
    "an equation in a list": lambda: cl.LearningDiagram(DATA, MODEL, equations=[3]),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_wrong_values_are_refused(make):
    with pytest.raises(CatlearnError):
        make()


EQUATIONS = {
    "divergence": {"divergence": 3},
    "strict": {"strict": "no"},
    "trains": {"trains": 3},
    "stop": {"stop": 1},
    "weight": {"weight": "2"},
}


def test_a_diagram_says_all_that_is_of_another_kind_in_its_equations():
    equations = {name: cl.Equation("f = f", **given) for name, given in EQUATIONS.items()}
    with pytest.raises(InvalidStructure) as caught:
        cl.LearningDiagram(DATA, MODEL, equations=equations)
    assert {failure.law for failure in caught.value.failures} == EQUATIONS.keys()
    for name, equation in equations.items():
        with pytest.raises(InvalidStructure) as caught:
            D.loss([equation])
        assert [failure.law for failure in caught.value.failures] == [name]


def test_a_task_is_learnt_from_by_one_step_or_more():
    lists = {name: cl.Space(f"{name}s", (3, 2 if name in "xz" else 1)) for name in "xyzw"}
    for steps in (0, -1, 1.5):
        with raises(InvalidStructure, "steps", steps):
            maml(MODEL, cl.Dataset("tasks", **lists), ("x", "y"), ("z", "w"), steps=steps)


UNKNOWN = {
    "max_length": [
        lambda: D.loss(max_lenght=3), lambda: D.select(max_lengths=3),
        lambda: D.instantiate(maxlength=3),
    ],
    "weight": [
        lambda: cl.Equation("a = b").given(weigth=3),
        lambda: cl.LearningDiagram(MODEL, equations=[cl.Equation("f = f", weigth=3)]),
    ],
    "width": [lambda: cl.Model("f", X, Y, "mlp", widht=3), lambda: Registered("mlp", widht=3)],
    "along": lambda: cl.Operator("o", "derivative", of="f", alng=(0,)),
    "temperature": lambda: cl.Divergence("kl", temprature=2.0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("meant", "make"),
    [(n, m) for n, ms in UNKNOWN.items() for m in (ms if isinstance(ms, list) else [ms])],
)
def test_unknown_options_are_refused_with_what_was_meant(meant, make):
    with pytest.raises(CatlearnError) as caught:
        make()
    assert f"did you mean {meant}" in str(caught.value)


def test_right_kinds_are_taken():
    assert lower(stack=np.int64(3), precision="bfloat16", together=[]).options.stack == 3
    assert cl.Equation("f = g", weight=np.float32(2), strict=np.bool_(True)).weight == 2
    assert (
        cl.Equation("f = g", weight=lambda step: 1.0, trains=None).given(stop="lhs").stop == "lhs"
    )
    assert cl.Equation("f = g", colour="red").given(colour="blue").colour == "blue"
    assert cl.MovingAverage("a", "f", np.float32(0.5)).decay == 0.5
    assert Registered("linear", use_bias=np.bool_(True)) == Registered("linear")
    assert float(cl.Weight("w", np.float32(2))) == 2.0
    assert FN.init(jax.random.PRNGKey(0))[0].keys() == {"f"}
    with pytest.raises(UnknownName):
        FN.weights(values={"beta": 1.0})
