"""What users nest, deeply: it works, or is refused by an error of the package.

Values bound their nesting where they are made; texts, where they are read; what is defined by other
definitions, where it is followed. Long things that do not nest have no bound.
"""

import base64
import copy
import inspect
import pickle
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.category import HypergraphBuilder, Lens, Port
from catlearn.category.terms import Expr, read_statement
from catlearn.cset.elements import actions
from catlearn.drawing import Node, Scene
from catlearn.errors import DEEPEST, CatlearnError
from catlearn.formats import decode, encode, from_json, from_quiver, from_tikzcd, to_json
from catlearn.formats.codecs import Unreadable, Unwritable
from catlearn.laws.law import compare
from catlearn.learning.lenses import lens_functor
from catlearn.models import Divergence, DivergenceSum, Each, LowRank, Registered, Space

X, Y = Space("X", 1), Space("Y", 1)
PAIR = cl.Product("P", X, X)
ONES = np.ones((3, 1))
DATA = cl.Dataset("D", X=(X, ONES), Y=(X, ONES))
LABELLED = cl.Schema(objects=["V"], attributes={"colour": "V"})
LAYER = cl.Model("g", X, X, "linear")


def nested(step, start, depth):
    for k in range(depth):
        start = step(start, k)
    return start


def tuples(depth):
    return nested(lambda one, _: (one,), "x", depth)


def panel(scene, k):
    return Scene("s", (Node("P", "panel", inner=scene),))


# Each makes a value that nests so many levels deep; at the bound it does what any value does.
VALUES = {
    "products, to the right": lambda n: nested(lambda P, k: cl.Product(f"P{k}", Y, P), X, n),
    "products, to the left": lambda n: nested(lambda P, k: cl.Product(f"P{k}", P, Y), X, n),
    "sums of divergences": lambda n: nested(
        lambda d, _: DivergenceSum((d,)), Divergence("squared_error"), n
    ),
    "terms": lambda n: nested(lambda f, _: Expr("F", (f,)), Expr("f"), n),
    "terms of a law": lambda n: read_statement("(" * n + "f" + ")" * n + " = g"),
    "labels": lambda n: cl.CSet(LABELLED, V=1, colour=[tuples(n)]),
    "sets in labels": lambda n: cl.CSet(
        LABELLED, V=1, colour=[nested(lambda one, _: frozenset([one]), "x", n)]
    ),
    "attributes of equations": lambda n: cl.Presentation(
        {"f": ("A", "B"), "g": ("A", "B")}, [cl.Equation("f = g", note=tuples(n))]
    ),
    "relations": lambda n: cl.Presentation.monoid("ab", ["(" * n + "a" + ")" * n + " = b"]),
    "entries of lists": lambda n: nested(lambda one, _: Each(one, X, Y), Registered("linear"), n),
    "low rank": lambda n: nested(lambda one, _: LowRank(one, 1), Registered("linear"), n),
    "panels": lambda n: nested(panel, Scene("s", (Node("A"),)), n),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_nest_up_to_a_bound(name):
    value = VALUES[name](DEEPEST)
    assert str(value)
    assert repr(value)
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(copy.copy(value)) == hash(value)
    for depth in (DEEPEST + 1, 10_000):
        with pytest.raises(CatlearnError):
            VALUES[name](depth)


def test_products_of_the_bound_go_everywhere(tmp_path):
    """Into diagrams, files, pictures and losses."""
    P = VALUES["products, to the right"](DEEPEST)
    values = nested(lambda one, _: (ONES, one), ONES, DEEPEST)
    D = cl.LearningDiagram(
        cl.Dataset("S", p=(P, values), y=(Y, ONES)),
        cl.Model("f", P, Y, "linear"),
        equations={"fit": "S.p >> f = S.y"},
    )
    assert cl.load(cl.save(D, tmp_path / "d.json")) == D
    assert D.loss().latex_value
    assert "f" in cl.draw(D).svg
    fn = cl.lower(D.loss())
    value, _ = fn(*fn.init(jax.random.key(0)), {"S": {"p": values, "y": ONES}})
    assert np.isfinite(value)


def deep_text(n):
    """A product in JSON."""
    space = to_json(cl.LearningDiagram(LAYER)).split('"space": ', 1)[1].split("}}", 1)[0] + "}}"
    return '{"V": [{"space": %s}]}' % ('{"_type": "product", "factors": [' * n + space + "]}" * n)


def deep_lists(n):
    return nested(lambda one, _: [one], 0.0, n)


def residual(n):
    """Pairings whose components are defined by pairings."""
    parts, last = [DATA, cl.Model("f", PAIR, X, "linear"), LAYER], "g"
    for k in range(n):
        parts.append(cl.Pairing(f"p{k}", PAIR, "g", last))
        last = f"p{k} >> f"
    return cl.LearningDiagram(*parts, equations={"e": f"D.X >> {last} = D.Y"})


def string_diagram_of(diagram):
    return diagram.loss().string_diagram


def shallow(call, value):
    """Call something with a few hundred frames, since interpreters count them differently."""
    string_diagram_of(residual(1))  # what is imported on first use
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 300)
    try:
        return call(value)
    finally:
        sys.setrecursionlimit(before)


def tree(n):
    def init(key):
        return nested(lambda one, _: {"a": one}, {"w": jnp.ones(1)}, n)

    model = cl.Model("f", X, X, (init, lambda params, x: x))
    return cl.lower(cl.LearningDiagram(DATA, model).loss("all"))


REFUSED = {
    "brackets of a relation": lambda: cl.Presentation.group("ab", ["[" * 10_000 + "a"]),
    "a product in a file": lambda: from_json(deep_text(10_000)),
    "lists of a quiver link": lambda: from_quiver(
        base64.b64encode(f"[0,1,{'[' * 10_000}{']' * 10_000}]".encode()).decode()
    ),
    "a label to be written": lambda: encode(tuples(10_000)),
    "a label that is read": lambda: decode(
        nested(lambda one, _: {"_type": "tuple", "items": [one]}, 1, 10_000)
    ),
    "an operation": lambda: HypergraphBuilder().box(tuples(10_000), [], ["X"]),
    "options": lambda: Divergence("huber", delta=tuples(10_000)),
    "an argument": lambda: cl.lower(tuples(10_000)),
    "a constant": lambda: cl.LearningDiagram(cl.Constant("c", X, Y, deep_lists(10_000))),
    "data": lambda: cl.LearningDiagram(cl.Dataset("D", X=(X, tuples(10_000)))),
    "parameters": lambda: tree(10_000),
    "pairings of pairings": lambda: shallow(string_diagram_of, residual(150)),
    "lenses of pairings": lambda: lens_functor(residual(300)),
    "lenses beside lenses": lambda: nested(lambda f, _: f @ SHIFT, SHIFT, 10_000),
    "the sides of a law": lambda: compare(deep_lists(10_000), deep_lists(10_000)),
    "operators on operators": lambda: cl.LearningDiagram(
        cl.Model("u0", X, X, "linear"),
        *[cl.Operator(f"u{k + 1}", lambda f: f, of=f"u{k}") for k in range(DEEPEST + 1)],
    ),
    "applications, in LaTeX": lambda: deep_loss(2_000).latex_value,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nests_too_deeply_is_refused(name):
    with pytest.raises((CatlearnError, Unreadable, Unwritable)):
        REFUSED[name]()


SHIFT = Lens(Port("R"), Port("R"), lambda x: x + 1, lambda x, dy: 2 * dy)


def deep_loss(n):
    equation = f"D.X >> {'g >> ' * n}g = D.Y"
    return cl.LearningDiagram(DATA, LAYER, equations={"e": equation}).loss()


def test_long_things_do_not_nest():
    long = nested(lambda f, _: f >> SHIFT, SHIFT, 2_000)
    assert long.get(0) == 2_001
    assert long.put(0, 0) == 0
    path = nested(lambda p, _: p >> cl.Path("A", ("f",), "A"), cl.Path.identity("A"), 10_000)
    assert len(copy.deepcopy(pickle.loads(pickle.dumps(path)))) == 10_000
    F = cl.Functor(cl.Graph({"f": ("A", "A")}), cl.category.Functions(), arrows={"f": abs})
    assert F(path)(-3) == 3
    loss = deep_loss(3_000)
    assert str(loss.rename({"g": "h"})).count("h(") == 3_001
    assert loss._repr_latex_() is None
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert from_tikzcd(
        r"\begin{tikzcd} " + "{" * 9_000 + "A" + "}" * 9_000 + r" \end{tikzcd}"
    ).vertices


def test_many_gluings_are_copied_and_pickled(mutants, monkeypatch):
    X = Space("X", 1)
    parts = [cl.LearningDiagram(cl.Model(f"f{k}", X, X, "linear")) for k in range(150)]
    whole = nested(lambda D, k: cl.glue(D, parts[k + 1]), parts[0], 149)
    assert whole.gluings == 149
    for again in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert again == whole
        assert again.gluings == 149
        assert nested(lambda D, _: D.gluing.diagram.objects[0], again, 149) == parts[0]
        assert again.gluing.apex is again
    monkeypatch.setattr("catlearn.learning.diagram.STRIDE", 1_000)
    with mutants("gluings that are followed deep"), pytest.raises(RecursionError):
        copy.deepcopy(whole)


def test_words_of_any_length_act():
    n = 1_200
    table = np.add.outer(np.arange(n), np.arange(n)) % n
    C = cl.FiniteCategory.monoid(range(n), table, check=False)
    (a,) = C.generators.edges
    S = cl.Schema(objects=["*"], arrows={a: ("*", "*")})
    X = cl.CSet(S, {"*": n, a: (np.arange(n) + 1) % n})
    assert [rows[0] for rows in actions(X, C)] == list(range(n))


def test_a_product_without_a_bound_is_noticed(mutants, monkeypatch):
    monkeypatch.setattr("catlearn.models.spaces.nesting", lambda parts, what: 0)
    P = VALUES["products, to the right"](10_000)
    with mutants("products of any depth"), pytest.raises(RecursionError):
        repr(P)
