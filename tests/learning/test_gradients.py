"""The gradient of a composite is the composite of the gradients (Theory, section 4, law 5).

In JAX, in double precision, on tiny linear maps; and the lowered loss against the one by the
book.
"""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.finset import pushout
from catlearn.laws import identify, interpretation, learning_diagrams, some_parameters
from catlearn.learning import loss_functor

X, F, Y = (cl.Space(name, 1, "float64") for name in "XFY")


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def model(name, source, target):
    return cl.Model(name, source, target, "linear")


def head(name):
    """A data set, a shared encoder, and a head of its own; the encoder also fits itself."""
    out = cl.Space(f"Y_{name}", 1, "float64")
    generator = np.random.default_rng(len(name))
    return cl.LearningDiagram(
        cl.Dataset(
            name,
            x=(X, generator.normal(size=(4, 1))),
            y=(out, generator.normal(size=(4, 1))),
        ),
        model("encoder", X, F),
        model(f"head_{name}", F, out),
        equations=[f"{name}.x >> encoder >> head_{name} = {name}.y"],
    )


def backbone():
    """Two squares glued along the encoder; the interface has no equation."""
    diagrams = head("a"), head("bb")
    inclusion = diagrams[0].subtables({"V": ["X", "F"], "E": ["encoder"]})[1]
    names = {t: {n: n for n in inclusion.domain.names(t)} for t in ("V", "E", "Eq")}
    return cl.Span(inclusion, cl.learning.LearningMorphism(inclusion.domain, diagrams[1], **names))


def overlap():
    """The interface has the equation of one square, and the whole one more."""
    one = head("a")
    other = cl.glue(one, cl.LearningDiagram(model("other", X, X)))
    names = {t: {n: n for n in one.names(t)} for t in ("V", "E", "Eq")}
    into = cl.learning.LearningMorphism(one, other, **names)
    more = other.with_equations(["a.x >> other >> encoder >> head_a = a.y"])
    return cl.Span(into, cl.learning.LearningMorphism(one, more, **names))


def siamese():
    """One leg shares weights: two encoders become one."""
    diagram = cl.LearningDiagram(
        cl.Dataset("d", x=(X, np.array([[1.0], [2.0]])), y=(X, np.array([[3.0], [5.0]]))),
        model("left", X, F),
        model("right", X, F),
        model("out", F, Y),
        equations=["d.x >> left = d.y >> right", "d.x >> left >> out = d.y >> right >> out"],
    )
    shared = identify(diagram, {"E": [tuple(map(diagram.edges.index, ("left", "right")))]})
    extra = diagram.with_equations(["d.x >> right >> out = d.y >> left >> out"])
    names = {t: {n: n for n in diagram.names(t)} for t in ("V", "E", "Eq")}
    return cl.Span(cl.learning.LearningMorphism(diagram, extra, **names), shared)


SPANS = {"backbone": backbone, "overlap": overlap, "siamese": siamese}


def gradient(diagram, theta):
    """The gradient of the lowered loss on all of its data."""
    fn = cl.lower(loss_functor(diagram))
    state = fn.init(jax.random.key(0))[1]
    return jax.grad(lambda params: fn(params, state, diagram.data)[0])(theta)


def pushed(phi, gradients, zero):
    """(phi_* g)_e' = sum of g_e over phi(e) = e'."""
    found = zero
    for edge, tree in gradients.items():
        image = phi.edge(edge)
        found = {**found, image: jax.tree.map(np.add, found[image], tree)}
    return found


def overwritten(phi, gradients, zero):
    """A mutant that keeps the last gradient instead of adding."""
    return {**zero, **{phi.edge(edge): tree for edge, tree in gradients.items()}}


def is_composite(span, push):
    """grad L + (phi_0)_* grad L_0 = (phi_1)_* grad L_1 + (phi_2)_* grad L_2."""
    i, j = pushout(*span)
    theta = some_parameters(i.codomain, 3)
    zero = jax.tree.map(np.zeros_like, theta)
    l0, l1, l2 = (
        push(phi, gradient(phi.domain, phi.restrict(theta)), zero) for phi in (span.f >> i, i, j)
    )
    whole = gradient(i.codomain, theta)
    left, right = (jax.tree.map(np.add, *pair) for pair in ((whole, l0), (l1, l2)))
    same = jax.tree.map(lambda a, b: np.allclose(a, b, rtol=1e-9), left, right)
    assert any(np.any(leaf != 0) for leaf in jax.tree.leaves(left))
    return all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", SPANS)
def test_gradients_compose_as_losses_do(name):
    assert is_composite(SPANS[name](), pushed)


def test_forgetting_to_add_is_noticed_where_weights_are_shared():
    assert not is_composite(siamese(), overwritten)


def test_it_fails_if_both_legs_merge_equations():
    equation = "a.x >> encoder >> head_a = a.y"
    two = head("a").with_equations({"one": equation, "two": equation}, only=True)
    merge = identify(two, {"Eq": [(0, 1)]})
    assert not is_composite(cl.Span(merge, merge), pushed)


# ---------------------------------------------------------------- against the reference


@settings(max_examples=6)
@given(learning_diagrams(data=True), st.integers(0, 9))
def test_lowered_losses_are_those_by_the_book(diagram, seed):
    loss = loss_functor(diagram)
    theta = some_parameters(diagram, seed, "float32")
    fn = cl.lower(loss)
    value, aux = fn(theta, fn.init(jax.random.key(0))[1], diagram.data)
    expected = loss.evaluate(interpretation(loss, theta))
    assert float(value) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert list(aux.terms) == [term.name for term in loss.equations]


def test_a_product_of_data_is_a_tuple():
    P = cl.Product("P", X, F)
    array = np.arange(3.0)[:, None]
    diagram = cl.LearningDiagram(
        cl.Dataset("d", p=(P, (array, 2 * array)), y=(Y, 3 * array)),
        model("f", P, Y),
    )
    loss = diagram.loss("all")
    theta = some_parameters(diagram, 1)
    fn = cl.lower(loss)
    value = fn(theta, fn.init(jax.random.key(0))[1], diagram.data)[0]
    assert float(value) == pytest.approx(loss.evaluate(interpretation(loss, theta)))
