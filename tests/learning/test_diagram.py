"""Building, binding and writing learning diagrams; everything wrong is listed at once."""

import copy
import pickle

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given, settings

import catlearn as cl
from catlearn.category import Presentation
from catlearn.cset import CSet
from catlearn.errors import DataError, InvalidStructure
from catlearn.finset import coproduct
from catlearn.laws import learning_diagrams, renamed
from catlearn.learning import LEARNING
from catlearn.learning.schema import STORED
from catlearn.models import Map, Unbound
from tests.errors import are, named, raises, refused, says

X, F, Y = cl.Space("X", 1), cl.Space("F", 2), cl.Categorical("Y", 3)
few = settings(max_examples=25)


def model(name, source, target, **options):
    return cl.Model(name, source, target, "linear", **options)


def failures(build, *arguments, **options):
    return refused(InvalidStructure, build, *arguments, **options).failures


# ---------------------------------------------------------------- what it is


@few
@given(learning_diagrams())
def test_a_learning_diagram_is_a_presentation_and_a_c_set(diagram):
    assert isinstance(diagram, Presentation)
    assert isinstance(diagram, CSet)
    assert diagram.shape is LEARNING
    assert not diagram.failures()
    assert [diagram.sides(name) for name in diagram.equations] == [
        equation.resolve(diagram) for equation in diagram.equations.values()
    ]


@few
@given(learning_diagrams(templates=True))
def test_rows_make_the_diagram_again(diagram):
    steps, labels = diagram.shape.steps(), diagram.shape.attributes
    rows = {table: {} for table in diagram.shape.tables}
    for table, held in rows.items():
        for row, name in enumerate(diagram.names(table)):
            held[name] = {a: diagram.attributes[a][row] for a in labels if labels[a] == table}
            for step, (source, target) in steps.items():
                if source == table:
                    ends = diagram.sets[target].labels(diagram.step(step).row(row))
                    held[name][step] = ends[0] if step in diagram.arrows else ends
            if table == "E" and name in diagram.store:
                held[name][STORED] = diagram.store[name]
    again = cl.LearningDiagram.empty().with_rows(rows)
    assert again == diagram
    assert again.store.keys() == diagram.store.keys()
    assert all(again.store[edge] is diagram.store[edge] for edge in diagram.store)
    assert hash(again) == hash(diagram)
    assert again.with_equations([]) == diagram
    assert pickle.loads(pickle.dumps(diagram)) == copy.deepcopy(diagram) == diagram


@few
@given(learning_diagrams())
def test_names_are_seen_by_equality_and_not_by_morphisms(diagram):
    other = renamed(diagram).codomain
    assert (other == diagram) == (diagram.size("V") == 0)
    assert other.matches(diagram)


def test_labels_never_hold_names_or_values():
    one = cl.LearningDiagram(model("f", X, F))
    other = cl.LearningDiagram(model("g", cl.Space("A", 1), cl.Space("B", 2)))
    assert one.map_label("f") == other.map_label("g")
    assert one.space_label("X") == other.space_label("A")
    linear = eqx.nn.Linear(1, 2, key=jax.random.key(0))
    moved = eqx.nn.Linear(1, 2, key=jax.random.key(1))
    three = [cl.LearningDiagram(cl.Model("f", X, F, net)) for net in (linear, moved)]
    assert three[0] == three[1]
    assert three[0].starts["f"] is not three[1].starts["f"]


def test_what_there_is_is_told():
    frozen = model("z", X, F).freeze({"weight": np.ones((1, 2), "f4"), "bias": np.ones(2, "f4")})
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=X, y=Y),
        model("f", X, F),
        frozen,
        equations={
            "fit": cl.Equation("data.x >> f = data.x >> z", weight=2, divergence="huber"),
            "self": "data.y = data.y",
        },
    )
    assert diagram.data_sets == ("data",)
    assert diagram.projections == {"data.x": ("data", "x"), "data.y": ("data", "y")}
    assert (diagram.trainable, diagram.frozen) == (("f",), ("z",))
    assert diagram.weight("fit") == 2.0
    assert str(diagram.divergence("fit")) == "huber(delta=1.0)"
    assert str(diagram.divergence("self")) == "cross_entropy"
    assert repr(diagram) == "LearningDiagram(4 vertices, 4 edges, 2 equations)"
    assert str(diagram).splitlines() == [
        "X = R^1",
        "Y = {0..2}",
        "F = R^2",
        "data.x : data -> X  (projection)",
        "data.y : data -> Y  (projection)",
        "f : X -> F  (linear(use_bias=True))",
        "z : X -> F  (frozen linear(use_bias=True))",
        "fit: data.x >> f = data.x >> z  (weight 2)",
        "self: data.y = data.y",
    ]


def test_definitions_are_written_with_their_own_sign():
    diagram = cl.LearningDiagram(model("f", X, F), cl.learning.Defined("e", "f"))
    assert str(diagram).splitlines()[-2:] == ["e : X -> F  (defined)", "e = f: e := f"] or str(
        diagram
    ).splitlines()[-2:] == ["e : X -> F  (defined)", "e := f"]


def test_disjoint_unions_are_written_with_plus():
    diagram = cl.LearningDiagram(model("f", X, F))
    assert (diagram + diagram) == coproduct(diagram, diagram).apex
    assert (diagram + diagram).edges == ("left/f", "right/f")


# ---------------------------------------------------------------- parts that disagree


def test_parts_of_one_name_must_agree():
    found = failures(
        cl.LearningDiagram,
        model("f", X, F),
        model("f", F, X),
        cl.Space("X", 3),
        cl.Dataset("F", x=X),
    )
    assert [failure.where for failure in found] == [
        "edge 'f'",
        "space 'X'",
        "data set 'F'",
        "edge 'F.x'",
    ]
    assert named("R^1", str(found[1]))
    assert named("R^3", str(found[1]))
    assert cl.LearningDiagram(model("f", X, F), model("f", X, F), X).edges == ("f",)


def test_parts_of_one_name_must_hold_the_same_values():
    ones, zeros = (np.full((2, 1), k, "float32") for k in (1, 0))
    found = failures(
        cl.LearningDiagram, cl.Dataset("d", x=(X, ones)), cl.Dataset("d", x=(X, zeros))
    )
    assert are(found, ("stored values", "edge 'd.x'"))
    once = cl.LearningDiagram(cl.Dataset("d", x=(X, ones)), cl.Dataset("d", x=(X, ones.copy())))
    assert once.store["d.x"] is ones


def test_only_parts_are_parts():
    found = failures(cl.LearningDiagram, "f", cl.LearningDiagram())
    assert len(found) == 2
    assert named("glue(...)", str(found[1]))


def test_nothing_leads_into_a_data_set_and_only_projections_out():
    D = cl.LearningDiagram(cl.Dataset("d", x=X), cl.Dataset("e", x=X), model("f", X, X))
    label = D.map_label("f")
    edges = {
        "in": {"src": "X", "tgt": "d", "map": label},
        "out": {"src": "e", "tgt": "X", "map": label},
        "not data": {"src": "X", "tgt": "X", "map": Map("projection")},
        "factor": {"src": "X", "tgt": "X", "map": Map("factor", index=0)},
    }
    found = failures(D.with_rows, {"E": edges})
    assert [failure.where for failure in found] == [
        "edge 'in'",
        "edge 'out'",
        "edge 'not data'",
        "edge 'factor'",
    ]
    assert named("'d'", str(found[0]))
    assert named("'e'", str(found[1]))


def test_factors_have_an_index_and_end_at_their_factor():
    edges = {
        "to F": {"src": "P", "tgt": "F", "map": Map("factor", index=0)},
        "P.Z": {"src": "P", "tgt": "F", "map": Map("factor", index=2)},
    }
    found = failures(cl.LearningDiagram(cl.Product("P", X, F)).with_rows, {"E": edges})
    assert [failure.where for failure in found] == ["edge 'to F'", "edge 'P.Z'"]
    assert all(named(name, str(found[0])) for name in (0, "R^1 × R^2", "R^1", "R^2"))
    assert all(named(name, str(found[1])) for name in (2, "R^1 × R^2"))


def test_every_model_that_does_not_fit_its_spaces_is_listed():
    found = failures(
        cl.LearningDiagram,
        cl.Model("short", X, F, lambda x: x),
        cl.Model("ints", X, F, lambda x: (x * np.ones((1, 2))).astype("int32")),
        cl.Model("breaks", X, F, lambda x: x @ np.ones((3, 2))),
        cl.Model("net", X, F, eqx.nn.Linear(4, 2, key=jax.random.key(0))),
    )
    assert [failure.where for failure in found] == [
        f"edge '{name}'" for name in ("short", "ints", "breaks", "net")
    ]
    assert [failure.law for failure in found[:2]] == ["shape", "dtype"]
    assert all(named(shape, str(found[0])) for shape in ("(batch, 1)", "(batch, 2)"))


def test_starting_values_must_fit_the_architecture():
    found = failures(
        cl.LearningDiagram,
        model("f", X, F, start={"weight": np.ones((2, 2), "f4"), "bias": np.ones(2, "f4")}),
        model("g", X, F, start={"weight": np.ones((1, 2), "f4")}),
    )
    assert are(
        found,
        ("parameters", "edge 'f'", "['weight']", "(2, 2)", "(1, 2)"),
        ("parameters", "edge 'g'"),
    )


def test_checks_can_be_switched_off():
    diagram = cl.LearningDiagram(cl.Model("short", X, F, lambda x: x), check=False)
    assert len(diagram.failures()) == 1


# ---------------------------------------------------------------- equations


def test_everything_wrong_with_equations_is_listed():
    found = failures(
        cl.LearningDiagram,
        model("f", X, F),
        model("g", F, X),
        equations={
            "syntax": "f f = g",
            "unknown": "f >> h = g",
            "step": "f >> f = f >> g",
            "parallel": "f = g",
            "weight": cl.Equation("f = f", weight=-1),
            "infinite": cl.Equation("f = f", weight=float("inf")),
            "text": cl.Equation("f = f", weight="2"),
            "word": cl.Equation("f = f", wieght=2),
            "divergence": cl.Equation("f = f", divergence="euclid"),
        },
    )
    where = [failure.where for failure in found]
    assert where == [
        "equation 'syntax'",
        "equation 'unknown', left side",
        "equation 'step', left side",
        "equation 'parallel'",
        "equation 'parallel'",
        "equation 'word'",
        "equation 'divergence'",
        "equation 'weight'",
        "equation 'infinite'",
        "equation 'text'",
    ]
    by_place = {failure.where: str(failure) for failure in found}
    for place, *names in (
        ("equation 'step', left side", "f", "F", "X"),
        ("equation 'weight'", -1.0, 0),
        ("equation 'word'", "'wieght'", "weight"),
        ("equation 'divergence'", "'euclid'"),
    ):
        assert all(named(name, by_place[place]) for name in names)


def test_equations_may_be_one_text_a_list_or_named():
    parts = (cl.Dataset("d", x=X, y=X), model("f", X, X))
    text = "d.x >> f = d.y"
    forms = [text, [text], {text: text}, cl.Equation(text), [cl.Equation(text, weight=1)]]
    assert len({cl.LearningDiagram(*parts, equations=form) for form in forms}) == 1
    found = failures(cl.LearningDiagram, *parts, equations=[text, text])
    assert are(found, ("names", f"equation '{text}'"))


def test_weights_become_numbers_of_python():
    equations = {
        "one": cl.Equation("f = f", weight=np.float32(0.5)),
        "two": cl.Equation("f = f", weight=np.int64(2)),
    }
    diagram = cl.LearningDiagram(model("f", X, X), equations=equations)
    assert diagram.attributes["weight"] == (0.5, 2.0)
    assert {type(weight) for weight in diagram.attributes["weight"]} == {float}


def test_with_equations_adds_or_replaces():
    diagram = cl.LearningDiagram(
        cl.Dataset("d", x=X, y=X),
        model("f", X, X),
        cl.learning.Defined("e", "f"),
        equations={"fit": "d.x >> f = d.y"},
    )
    more = diagram.with_equations({"more": "d.x = d.y"})
    assert list(more.soft_equations) == ["fit", "more"]
    only = diagram.with_equations({"more": "d.x >> e = d.y"}, only=True)
    assert list(only.soft_equations) == ["more"]
    assert list(only.strict_equations) == ["e = f"]
    found = failures(diagram.with_equations, {"fit": "d.x = d.y"})
    assert are(found, ("names", "equation 'fit'"))


# ---------------------------------------------------------------- data sets


def test_everything_wrong_with_a_data_set_is_listed():
    with pytest.raises(DataError) as error:
        cl.Dataset(
            "data",
            long=(X, np.zeros((3, 1))),
            infinite=(X, np.array([[1.0], [np.nan]])),
            label=(Y, np.array([0, 3])),
            wide=(X, np.zeros((2, 2))),
            text=(X, np.array([["a"], ["b"]])),
            ragged=(X, [[1.0], [1.0, 2.0]]),
            nothing="X",
        )
    assert [(failure.law, failure.where) for failure in error.value.failures] == [
        ("projection", "projection 'data.nothing'"),
        ("finite", "projection 'data.infinite'"),
        ("labels", "projection 'data.label'"),
        ("shape", "projection 'data.wide'"),
        ("dtype", "projection 'data.text'"),
        ("dtype", "projection 'data.ragged'"),
        ("length", "data set 'data'"),
    ]
    says(error.value, "long", 3, law="length")
    says(error.value, "nan", "(1, 0)", law="finite")
    says(error.value, 1, 2, "0..2", 3, law="labels")
    with raises(DataError, "X=(space, array)", law="projection", where="data set 'data'"):
        cl.Dataset("data")


def test_a_product_is_read_factor_by_factor():
    P = cl.Product("P", X, Y)
    data = cl.Dataset("data", p=(P, ([[1.0], [2.0]], [0, 2])), x=(X, np.zeros((2, 1))))
    assert len(data) == 2
    assert [array.shape for array in data.arrays["p"]] == [(2, 1), (2,)]
    diagram = cl.LearningDiagram(data)
    assert diagram.data["data"]["p"] is data.arrays["p"]
    with pytest.raises(DataError) as error:
        cl.Dataset("data", p=(P, (np.zeros((3, 1)), np.array([0, 7, 0]))), x=(X, np.zeros((2, 1))))
    assert [failure.law for failure in error.value.failures] == ["labels", "length"]
    with raises(DataError, 2, law="shape", where="projection 'data.p'"):
        cl.Dataset("data", p=(P, np.zeros((3, 2))))


def test_unchecked_values_stay_unchecked_but_shapes_do_not():
    broken = np.array([[np.nan], [1.0]])
    data = cl.Dataset("data", check=False, x=(X, broken))
    assert cl.LearningDiagram(data).data["data"]["x"] is broken
    wrong = cl.Dataset("data", check=False, x=(F, broken), y=(X, np.zeros((3, 1))))
    found = failures(cl.LearningDiagram, wrong)
    assert [failure.law for failure in found] == ["shape", "length"]


def test_a_data_set_is_told_in_a_line():
    assert repr(cl.Dataset("d", x=X)) == "Dataset('d', x='X')"
    assert len(cl.Dataset("d", x=X)) == 0
    assert repr(cl.Dataset("d", x=(X, np.zeros((4, 1))))) == "Dataset('d', x='X', size=4)"


# ---------------------------------------------------------------- bind


def loaded():
    """A diagram as files give it: an edge whose architecture has no registered name."""
    diagram = cl.LearningDiagram(cl.Dataset("data", x=X, y=F), model("f", X, F))
    edge = {"src": "X", "tgt": "F", "map": Map("model", Unbound("equinox Linear"))}
    return diagram.with_rows({"E": {"net": edge}})


def test_bind_fills_in_architectures_and_data():
    linear = eqx.nn.Linear(1, 2, key=jax.random.key(0))
    diagram = loaded().bind(net=linear, data={"x": np.ones((2, 1)), "data.y": np.ones((2, 2))})
    assert diagram.map_label("net").architecture.bound
    assert set(diagram.store) == {"net", "data.x", "data.y"}
    assert {key: len(array) for key, array in diagram.data["data"].items()} == {"x": 2, "y": 2}
    again = loaded().bind({"data": cl.Dataset("other", x=(X, np.ones((2, 1))))})
    assert set(again.data["data"]) == {"x"}


def test_everything_wrong_with_a_bind_is_listed():
    found = failures(
        loaded().bind,
        {"dta": {}, "data.x": np.ones((2, 1))},
        net=eqx.nn.Linear(3, 2, key=jax.random.key(0)),
        f="mlp",
        data={"x": np.array([[np.inf]]), "z": np.ones(2), "y": np.ones((1, 3))},
    )
    laws = [failure.law for failure in found]
    assert laws == ["names", "names", "architecture", "projection", "finite", "shape", "call"]
    text = "\n".join(map(str, found))
    for name in ("bind(dta=...)", "data", "linear(use_bias=True)", "mlp", "'z'"):
        assert named(name, text)
    assert found[-1].where == "edge 'net'"
    wrong = failures(loaded().bind, data=3)
    assert are(wrong, ("projection", "bind(data=...)", "{projection: array}", "int"))


def test_what_a_file_brought_is_not_overwritten_by_bind():
    trained = {"weight": np.ones((1, 2), "f4"), "bias": np.ones(2, "f4")}
    other = {"weight": np.zeros((1, 2), "f4"), "bias": np.zeros(2, "f4")}
    edge = {"src": "X", "tgt": "F", "map": Map("model", Unbound("plain")), STORED: trained}
    from_file = cl.LearningDiagram(X, F).with_rows({"E": {"f": edge}})

    def init(key):
        return other

    def apply(params, x):
        return x @ params["weight"] + params["bias"]

    bound = from_file.bind(f=(init, apply))
    assert np.array_equal(bound.store["f"]["weight"], trained["weight"])
    linear = [eqx.nn.Linear(1, 2, key=jax.random.key(k)) for k in range(2)]
    diagram = cl.LearningDiagram(cl.Model("f", X, F, linear[0]))
    renewed = diagram.bind(f=linear[1])
    assert renewed == diagram
    assert np.array_equal(renewed.starts["f"].weight, linear[1].weight)


def test_values_are_given_and_checked():
    diagram = cl.LearningDiagram(model("f", X, F))
    trained = {"weight": np.ones((1, 2), "f4"), "bias": np.ones(2, "f4")}
    assert diagram.with_values({"f": trained}).starts["f"] is trained
    found = failures(diagram.with_values, {"g": trained, "f": {"weight": trained["weight"]}})
    assert len(found) == 2
    assert named("f", str(found[0]))


# ---------------------------------------------------------------- the loss as text


def test_losses_are_written_as_on_a_board():
    diagram = cl.LearningDiagram(
        cl.Dataset("digits", X=X, Y=Y),
        model("encoder", X, F),
        model("head", F, Y),
        equations=[
            cl.Equation("digits.X >> encoder >> head = digits.Y", weight=2),
            cl.Equation(
                "digits.X >> encoder >> head = digits.X >> encoder >> head", divergence="kl"
            ),
        ],
    )
    loss = diagram.loss()
    assert str(loss) == (
        "L(encoder, head) = 2 E_digits(d_Y(head(encoder(digits.X)), digits.Y)) + "
        "E_digits(kl(temperature=1.0)_Y(head(encoder(digits.X)), head(encoder(digits.X))))"
    ) or str(loss).startswith(
        "L(encoder, head) = 2 E_digits(d_Y(head(encoder(digits.X)), digits.Y))"
    )
    assert loss.diagram is diagram
    assert [term.weight for term in loss.equations] == [2.0, 1.0]
    assert r"\mathbb{E}_{\mathrm{digits}}" in loss._repr_latex_()
