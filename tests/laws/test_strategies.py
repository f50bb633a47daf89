"""The strategies draw valid things, all kinds of them, and shrink to the plain ones."""

import pytest
from hypothesis import Phase, find, given, settings, strategies as st

from catlearn.cset import Schema
from catlearn.errors import NotCertified
from catlearn.finset import TABLES, pushout
from catlearn.laws import (
    csets,
    finite_categories,
    finite_functions,
    functors,
    graphs,
    identifications,
    identify,
    learning_diagrams,
    learning_morphisms,
    learning_parts,
    learning_spans,
    morphisms,
    natural_transformations,
    parameters,
    paths,
    presentations,
    renamed,
    spans,
)
from catlearn.learning import loss_functor
from tests.cset.schemas import COLOURED_WALKS

few = settings(max_examples=15)
SEARCH_AND_SHRINK = settings(max_examples=1000, database=None, deadline=None)
WHOLES = {
    "csets": csets(COLOURED_WALKS),
    "graphs": graphs(),
    "presentations": presentations(),
    "learning diagrams": learning_diagrams(data=True),
}


@given(finite_functions(), finite_functions(injective=True), finite_functions(3, 2))
def test_functions_are_valid(f, g, h):
    assert not f.failures()
    assert g.is_injective
    assert (h.domain.size, h.codomain.size) == (3, 2)


@few
@pytest.mark.parametrize("kind", WHOLES)
@given(data=st.data())
def test_objects_and_morphisms_are_valid(kind, data):
    phi = data.draw(
        learning_morphisms(WHOLES[kind]) if "learning" in kind else morphisms(WHOLES[kind])
    )
    assert not phi.failures()
    assert not phi.domain.failures()
    assert not phi.codomain.failures()
    assert type(phi) is type(TABLES.identity(phi.domain))


@few
@pytest.mark.parametrize("kind", WHOLES)
@given(data=st.data())
def test_spans_have_pushouts(kind, data):
    draw = learning_spans if "learning" in kind else spans
    span = data.draw(draw(WHOLES[kind], merge=True))
    assert span.f.is_monic
    i, j = pushout(*span)
    assert span.f >> i == span.g >> j


@given(graphs(acyclic=True), presentations(acyclic=True))
def test_acyclic_means_acyclic(graph, presentation):
    assert graph.is_acyclic()
    assert presentation.is_acyclic()


@few
@given(learning_diagrams(acyclic=True, defined=False), st.data())
def test_parts_are_diagrams_and_paths_are_paths(diagram, data):
    assert diagram.is_acyclic()
    inclusion = data.draw(learning_parts(diagram))
    assert inclusion.is_monic
    assert not inclusion.domain.failures()
    path = data.draw(paths(diagram))
    assert path == diagram.path([path] if not path.edges else path.edges)
    assert set(data.draw(parameters(diagram))) == set(diagram.trainable)


KINDS = ["free", "preorder", "quotient", "monoid", "part", "opposite", "sum", "product"]


@few
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_finite_categories_are_valid(kind, data):
    category = data.draw(finite_categories(kinds=(kind,)))
    assert not category.failures()
    assert len(category.objects) <= 4
    assert data.draw(finite_categories(kinds=(kind,), nonempty=True)).objects


@few
@given(functors(), natural_transformations())
def test_functors_and_transformations_are_valid(F, alpha):
    assert not F.failures()
    assert not alpha.failures()
    assert not alpha.codomain.failures()


@few
@given(st.data())
def test_functors_and_transformations_between_given_ones(data):
    C = data.draw(finite_categories(2, 2, nonempty=True))
    F = data.draw(functors(C, C))
    assert (F.domain, F.codomain) == (C, C)
    alpha = data.draw(natural_transformations(F))
    beta = data.draw(natural_transformations(F, alpha.codomain))
    assert (beta.domain, beta.codomain) == (F, alpha.codomain)


def test_the_plainest_counterexample_is_small():
    """A category with two parallel arrows: it needs two objects, or two loops."""

    def has_parallel(C):
        return any(len(C.hom(a, b)) > 1 for a in C.objects for b in C.objects)

    found = find(finite_categories(), has_parallel, settings=SEARCH_AND_SHRINK)
    assert (len(found.objects), len(found.arrows)) in [(1, 2), (2, 4)]


@few
@given(learning_diagrams(data=True))
def test_copies_are_isomorphic(diagram):
    phi = renamed(diagram)
    assert all(f.is_bijective for f in phi.components.values())
    assert not phi.failures()
    assert {phi.edge(edge) for edge in diagram.store} == set(phi.codomain.store)


@few
@given(csets(COLOURED_WALKS), st.data())
def test_quotients_are_congruences(whole, data):
    quotient = data.draw(identifications(whole))
    assert all(f.is_surjective for f in quotient.components.values())
    assert not quotient.codomain.failures()


def test_what_cannot_be_identified_is_not():
    shape = Schema(["W", "E"], lists={"walk": ("W", "E")}, attributes={"colour": "E"})

    def tables(walks, colours):
        from catlearn.cset import CSet

        return CSet(shape, W=len(walks), E=len(colours), walk=walks, colour=colours)

    assert identify(tables([[0], [0, 0]], ["red"]), {"W": [(0, 1)]}) is None
    assert identify(tables([[0], [1]], ["red", "blue"]), {"W": [(0, 1)]}) is None
    together = identify(tables([[0], [1]], ["red", "red"]), {"W": [(0, 1)]})
    assert (together.codomain.size("W"), together.codomain.size("E")) == (1, 1)


# ---------------------------------------------------------------- what is drawn, and shrinking

INTERESTING = {
    "a template": lambda d: any(p.source not in d.data_sets for p, _ in d.soft_equations.values()),
    "a cycle": lambda d: not d.is_acyclic(),
    "a pairing": lambda d: "pair" in d.edges,
    "a model of a product": lambda d: "out" in d.edges,
    "an alias": lambda d: "alias" in d.edges,
    "frozen, fixed and trainable": lambda d: {"m", "z", "c"} <= {edge[0] for edge in d.edges},
    "weight zero": lambda d: 0.0 in [d.weight(name) for name in d.soft_equations],
    "its own divergence": lambda d: any(d.attributes["divergence"]),
    "a declared loss": lambda d: len(d.soft_equations) > 1,
}
SEARCH = settings(max_examples=1000, database=None, deadline=None, phases=[Phase.generate])


@pytest.mark.parametrize("kind", INTERESTING)
def test_each_kind_of_diagram_is_drawn(kind):
    found = find(learning_diagrams(templates=True), INTERESTING[kind], settings=SEARCH)
    assert INTERESTING[kind](found)


def merges_equations(phi):
    try:
        loss_functor(phi)
    except NotCertified:
        return True
    return False


def shares_weights(phi):
    return len({phi.edge(edge) for edge in phi.domain.trainable}) < len(phi.domain.trainable)


def test_each_kind_of_morphism_is_drawn():
    draws = learning_morphisms(learning_diagrams())
    assert merges_equations(find(draws, merges_equations, settings=SEARCH))
    assert shares_weights(find(draws, shares_weights, settings=SEARCH))


def test_the_plainest_diagram_is_one_data_set():
    plain = find(learning_diagrams(), lambda diagram: True, settings=SEARCH)
    assert (plain.vertices, plain.edges) == (("A", "s"), ("s.x",))
