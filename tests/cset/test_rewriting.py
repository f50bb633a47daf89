"""Double-pushout rewriting: the squares, undoing, names, labels that vary, reattaching."""

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import Graph, GraphMorphism, Presentation, PresentationMorphism
from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph, is_isomorphic
from catlearn.cset.complement import is_pushout
from catlearn.cset.rewriting import Rule, Variable
from catlearn.errors import (
    CatlearnError,
    InvalidStructure,
    NoComplement,
    NoMorphism,
    NotUnique,
    PathSyntaxError,
    UnknownName,
)
from catlearn.finset import coproduct
from catlearn.laws import csets, identifications, parts, presentations
from tests.errors import fails, raises

LISTED = Schema(["V", "E"], SchGraph.arrows, lists={"word": ("V", "E")}, attributes={"colour": "V"})
COLOURED = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V"})

EDGE, DETOUR = Graph({"e": ("A", "B")}), Graph({"f": ("A", "M"), "g": ("M", "B")})
SQUARE = Presentation(
    {"p": ("X", "Y"), "q": ("X", "Y"), "r": ("Y", "X")},
    {"same": "p >> r = q >> r", "p = q": "p = q"},
)


def words(edges, equations=()):
    return Presentation(edges, equations)


@st.composite
def rules_and_matches(draw):
    """Rules with a monic left side and any right side, and a match that may glue and dangle."""
    match = draw(parts(draw(csets(LISTED, max_rows=3, max_list=2))))
    match = match >> draw(identifications(match.codomain))
    left = draw(parts(match.domain))
    right, _ = coproduct(left.domain, draw(csets(LISTED, max_rows=1, max_list=1)))
    if draw(st.booleans()):
        right = right >> draw(identifications(right.codomain))
    return Rule(left, right), match


def test_a_vertex_that_an_edge_touches_is_not_deleted():
    rule = Rule.between(Graph(vertices=["v"]), Graph(), name="delete")
    G = Graph({"f": ("A", "B")}, vertices=["C"])
    with raises(NoComplement, "B", law="dangling", where="edge 'f'"):
        rule.rewrite(G, initial={"V": {"v": "B"}})
    (only,) = rule.matches(G)
    assert only.vertex("v") == "C"
    assert rule.rewrite(G).apex == Graph({"f": ("A", "B")})


@settings(max_examples=40)
@given(rules_and_matches())
def test_the_squares_are_pushouts_and_the_inverse_undoes(pair):
    rule, match = pair
    G = match.codomain
    try:
        rewrite = rule.rewrite(G, match)
    except NoComplement as refused:
        laws = {failure.law for failure in refused.failures}
        assert laws <= {"identification", "dangling"}
        return
    applied, (k, d) = rewrite.applied, rewrite.complement
    assert is_pushout(applied.left, k, rewrite.match, d)
    h, comatch = rewrite.right.legs
    assert is_pushout(k, applied.right, h, comatch)
    assert comatch is rewrite.comatch
    assert (rewrite.span.f, rewrite.span.g) == (d, h)
    # What stays has the names it had.
    if G.sets["V"].names and rule.right.is_monic:
        stays, now = G.sets["V"].labels(d.components["V"].values), h.components["V"].values
        assert stays == rewrite.apex.sets["V"].labels(now)
    if rule.right.is_monic:
        back = rewrite.inverse()
        assert back.left.apex == rewrite.apex
        assert is_isomorphic(back.apex, G)
        # Undoing something else is noticed: the sizes tell.
        assert all(back.apex.size(t) == G.size(t) for t in G.shape.tables)


def test_squares_answer_the_universal_property():
    rewrite = Rule.between(EDGE, DETOUR).rewrite(Graph({"p": ("X", "Y")}))
    G, H = rewrite.left.apex, rewrite.apex
    assert rewrite.left.universal(*rewrite.left.legs) == GraphMorphism.identity(G)
    assert rewrite.right.universal(*rewrite.right.legs) == GraphMorphism.identity(H)


def test_a_mutant_inverse_does_not_undo():
    """Subdividing and then deleting the new vertex's detour without the edge is no undoing."""
    rewrite = Rule.between(EDGE, DETOUR).rewrite(Graph({"p": ("X", "Y")}))
    assert is_isomorphic(rewrite.inverse().apex, Graph({"p": ("X", "Y")}))
    mutant = Rule.between(DETOUR, Graph(vertices=["A", "B"])).rewrite(rewrite.apex)
    assert not is_isomorphic(mutant.apex, Graph({"p": ("X", "Y")}))


def test_rows_that_merge():
    """The right side may identify what is kept: contracting an edge."""
    ends, point = Graph(vertices=["A", "B"]), Graph(vertices=["C"])
    contract = Rule(
        GraphMorphism(ends, EDGE, V={"A": "A", "B": "B"}, E={}),
        GraphMorphism(ends, point, V={"A": "C", "B": "C"}, E={}),
    )
    G = Graph({"p": ("X", "Y"), "q": ("Y", "Z")})
    rewrite = contract.rewrite(G, initial={"E": {"e": "p"}})
    assert rewrite.apex == Graph({"q": ("X", "Z")})
    with raises(InvalidStructure, law="monic", where="left"):
        contract.inverse()


def test_new_rows_that_clash_get_a_prefix():
    G = Graph({"p": ("M", "f"), "f": ("f", "M")})
    apex = Rule.between(EDGE, DETOUR).rewrite(G, initial={"E": {"e": "p"}}).apex
    assert apex.vertices == ("M", "f", "new/M")
    assert apex.edges == ("f", "new/f", "g")


def test_rows_without_names():
    edge, loop = (CSet(SchGraph, V=n, E=1, src=[0], tgt=[n - 1]) for n in (2, 1))
    ends = CSet(SchGraph, V=2)
    rule = Rule(CSetMorphism(ends, edge, V=[0, 1]), CSetMorphism(ends, loop, V=[0, 0]))
    rewrite = rule.rewrite(CSet(SchGraph, V=2, E=1, src=[1], tgt=[0]))
    assert rewrite.apex == loop
    assert rewrite.apex.sets["V"].names is None


# Replacement.


def test_lists_are_rewritten_along_a_replacement():
    one, two = words({"e": ("A", "B")}), words({"f": ("A", "M"), "g": ("M", "B")})
    rule = Rule.between(one, two, replace={"E": {"e": "f >> g"}})
    rewrite = rule.rewrite(SQUARE, initial={"E": {"e": "p"}})
    assert rewrite.apex == Presentation(
        Graph(
            {"q": ("X", "Y"), "r": ("Y", "X"), "f": ("X", "M"), "g": ("M", "Y")},
            vertices=["X", "Y", "M"],
        ),
        {"same": "f >> g >> r = q >> r", "f >> g = q": "f >> g = q"},
    )
    applied, (k, d) = rewrite.applied, rewrite.complement
    assert is_pushout(applied.left, k, rewrite.match, d)
    assert is_pushout(k, applied.right, *rewrite.right.legs)
    assert is_isomorphic(rewrite.inverse().apex, SQUARE)


def test_an_edge_may_be_replaced_by_an_identity():
    """Contracting p : X -> Y, its ends become one and it vanishes from both sides."""
    ends, edge = words(Graph(vertices=["A", "B"])), words({"e": ("A", "B")})
    point = words(Graph(vertices=["C"]))
    contract = Rule(
        PresentationMorphism(ends, edge, V={"A": "A", "B": "B"}, E={}),
        PresentationMorphism(ends, point, V={"A": "C", "B": "C"}, E={}),
        replace={"E": {"e": []}},
    )
    apex = contract.rewrite(SQUARE, initial={"E": {"e": "p"}}).apex
    assert apex == words(
        {"q": ("X", "X"), "r": ("X", "X")}, {"same": "r = q >> r", "id(X) = q": "id(X) = q"}
    )


def test_without_a_replacement_an_equation_dangles():
    rule = Rule.between(words({"e": ("A", "B")}), words({"f": ("A", "M"), "g": ("M", "B")}))
    left = [("dangling", f"equation '{name}'", "edge 'p'", "lhs") for name in ("same", "p = q")]
    with fails(NoComplement, *left):
        rule.rewrite(SQUARE, initial={"E": {"e": "p"}})
    assert list(rule.matches(SQUARE)) == []
    free = words({"a": ("X", "X"), "b": ("X", "X")}, ["a = a"])
    assert [m.edge("e") for m in rule.matches(free)] == ["b"]


@settings(max_examples=40)
@given(presentations(), st.data())
def test_replacement_is_substitution(P, data):
    """Against the definition: every e in every side becomes f, g, and nothing else changes."""
    if not P.edges:
        return
    edge = data.draw(st.sampled_from(P.edges))
    shape = P.shape
    one, two = (
        Presentation._build(shape, g.sets, g.arrows, g.lists, dict.fromkeys(shape.attributes, ()))
        for g in (words({"e_": ("A_", "B_")}), words({"f_": ("A_", "M_"), "g_": ("M_", "B_")}))
    )
    loop = P.source(edge) == P.target(edge)
    rule = Rule.between(one, two, replace={"E": {"e_": "f_ >> g_"}})
    rewrite = rule.rewrite(P, initial={"E": {"e_": edge}})
    H = rewrite.apex

    def replaced(edges):
        return tuple(x for e in edges for x in (("f_", "g_") if e == edge else (e,)))

    assert set(H.edges) == set(replaced(P.edges))
    assert H.source("f_") == P.source(edge)
    assert H.target("g_") == P.target(edge)
    found = sorted(tuple(side.edges for side in H.sides(name)) for name in H.names("Eq"))
    wanted = [tuple(replaced(side.edges) for side in P.sides(name)) for name in P.names("Eq")]
    assert found == sorted(wanted)
    assert is_pushout(rewrite.complement.k, rewrite.applied.right, *rewrite.right.legs)
    assert loop or is_isomorphic(rewrite.inverse().apex, P)


def test_an_arrow_cannot_point_at_a_path():
    schema = Schema(["V", "T"], {"at": ("T", "V")})
    point, pair = CSet(schema, V=["a"]), CSet(schema, V=["b", "c"])
    G = CSet(schema, V=["v"], T=["t"], at=["v"])
    with raises(NoComplement, "v", law="dangling", where="T 't'"):
        Rule.between(point, pair, replace={"V": {"a": ["b", "c"]}}).rewrite(G)
    one = Rule.between(point, pair, replace={"V": {"a": "b"}}).rewrite(G).apex
    assert one == CSet(schema, V=["b", "c"], T=["t"], at=["b"])


# Labels.


PAINTED = Schema(
    ("V", "Paint"),
    arrows={"of": ("Paint", "V"), "beside": ("Paint", "V")},
    attributes={"colour": "Paint"},
)


def painted(paints, *vertices):
    """Vertices, and relations between them: {name: (of, beside)}."""
    number = {vertex: row for row, vertex in enumerate(vertices)}
    ends = zip(*(map(number.__getitem__, pair) for pair in paints.values()), strict=True)
    of, beside = map(list, ends) if paints else ([], [])
    return CSet(
        PAINTED,
        V=vertices,
        Paint=tuple(paints),
        of=of,
        beside=beside,
        colour=tuple("red" for _ in paints),
    )


def test_an_arrow_may_spread_over_what_replaces_a_row():
    one, three = painted({}, "v"), painted({}, "x", "y", "z")
    G = painted({"p": ("a", "b"), "q": ("b", "b")}, "a", "b")
    replace = {"V": {"v": ["x", "y", "z"]}}
    only = Rule.between(one, three, replace=replace, spread={"of": ["x", "z"]})
    rewrite = only.rewrite(G, initial={"V": {"v": "a"}})
    expected = painted({"p": ("x", "b"), "q": ("b", "b"), "r": ("z", "b")}, "b", "x", "y", "z")
    assert is_isomorphic(rewrite.apex, expected)
    k, d = rewrite.complement
    assert is_pushout(rewrite.applied.left, k, rewrite.match, d)
    assert is_pushout(k, rewrite.applied.right, *rewrite.right.legs)
    assert is_isomorphic(rewrite.inverse().apex, G)
    # Mutants: a row for each of the three, or for one of them.
    for others in (["x", "y", "z"], ["x"]):
        other = Rule.between(one, three, replace=replace, spread={"of": others})
        assert not is_isomorphic(other.rewrite(G, initial={"V": {"v": "a"}}).apex, expected)
    both = Rule.between(one, three, replace=replace, spread={"of": ["x", "y"], "beside": ["z"]})
    rewrite = both.rewrite(G, initial={"V": {"v": "b"}})
    expected = painted({"p": ("a", "z"), "q": ("x", "z"), "r": ("y", "z")}, "a", "x", "y", "z")
    assert is_isomorphic(rewrite.apex, expected)
    with raises(NoComplement, "vertex 'b'", "beside", law="dangling", where="Paint 'p'"):
        only.rewrite(G, initial={"V": {"v": "b"}})


def test_what_spreads_is_checked():
    edge, path = Graph({"e": ("A", "B")}), Graph({"f": ("A", "M"), "g": ("M", "B")})
    with raises(UnknownName, "srcc", "src"):
        Rule.between(edge, path, spread={"srcc": []})
    words = Presentation({"e": ("A", "B")})
    with raises(InvalidStructure, law="spread", where="arrow 'src'"):
        Rule.between(words, words, spread={"src": []})


def test_relabelling_makes_rows_anew():
    red, blue = (CSet(COLOURED, V=["v"], colour=[c]) for c in ("red", "blue"))
    G = CSet(COLOURED, V=["a", "b"], E=["f", "g"], src=[0, 1], tgt=[1, 1], colour=["red", "blue"])
    rewrite = Rule.between(red, blue).rewrite(G)
    H = rewrite.apex
    assert {n: H.colour[H.row("V", n)] for n in H.names("V")} == {"a": "blue", "b": "blue"}
    assert H.names("E") == ("g", "f")  # f leads to a, so it is made anew
    ends = {n: (H.names("V")[H.src(n)], H.names("V")[H.tgt(n)]) for n in H.names("E")}
    assert ends == {"f": ("a", "b"), "g": ("b", "b")}
    assert is_pushout(
        rewrite.applied.left, rewrite.complement.k, rewrite.match, rewrite.complement.d
    )
    assert is_isomorphic(rewrite.inverse().apex, G)


def test_variables_stand_for_one_label():
    c = Variable("c")
    pattern = CSet(COLOURED, V=["a", "b"], E=["e"], src=["a"], tgt=["b"], colour=[c, c])
    bare = CSet(COLOURED, V=["a", "b"], colour=[c, c])
    rule = Rule.between(pattern, bare)
    G = CSet(
        COLOURED,
        V=["x", "y", "z"],
        E=["same", "other"],
        src=["x", "y"],
        tgt=["y", "z"],
        colour=["red", "red", "blue"],
    )
    (match,) = rule.matches(G)
    assert match.domain.colour == ("red", "red")
    assert rule.rewrite(G, match).apex.names("E") == ("other",)
    picky = CSet(COLOURED, V=["a"], colour=[Variable("c", where=lambda label: label == "blue")])
    loud = CSet(COLOURED, V=["a"], colour=[Variable("c").map(str.upper)])
    apex = Rule.between(picky, loud).rewrite(G).apex
    assert sorted(apex.colour) == ["BLUE", "red", "red"]
    wrong = CSetMorphism(CSet(COLOURED, V=["a"], colour=["red"]), G, V=[0])
    with raises(CatlearnError, "labels"):
        Rule.between(picky, loud).rewrite(G, wrong)


def test_negative_application_conditions():
    two = Graph(vertices=["a", "b"])
    forbidden = GraphMorphism(two, Graph({"e": ("a", "b")}), V={"a": "a", "b": "b"}, E={})
    connect = Rule.between(two, Graph({"new": ("a", "b")}), forbidden=[forbidden])
    G = Graph({"f": ("X", "Y")})
    ends = {(m.vertex("a"), m.vertex("b")) for m in connect.matches(G, monic=True)}
    assert ends == {("Y", "X")}


# What is refused.


def test_a_match_has_to_be_one_or_told():
    rule = Rule.between(EDGE, DETOUR)
    with raises(NotUnique, "rule.matches(...)", "initial="):
        rule.rewrite(Graph({"f": ("A", "B"), "g": ("A", "B")}))
    with raises(NoMorphism):
        rule.rewrite(Graph(vertices=["A"]))
    other = GraphMorphism(Graph(vertices=["v"]), Graph({"f": ("A", "B")}), V={"v": "A"}, E={})
    with raises(CatlearnError, "V", 1, 2):
        rule.rewrite(other.codomain, other)
    with raises(CatlearnError, "V", 2, 0):
        rule.rewrite(Graph(), GraphMorphism.identity(EDGE))


def test_rules_are_checked():
    c = Variable("c")
    blank, red = (CSet(COLOURED, V=["v"], colour=[label]) for label in (c, "red"))
    with raises(InvalidStructure, "?c", law="variables", where="right, row 'v'"):
        Rule.between(red, blank)
    with raises(InvalidStructure, "f(?c)", law="variables", where="left, row 'w'"):
        Rule.between(CSet(COLOURED, V=["v", "w"], colour=[c, c.map(str)]), red)
    with raises(InvalidStructure, "?c", law="variables", where="right, row 'v'"):
        Rule.between(blank, CSet(COLOURED, V=["v"], colour=[c.map(str)])).inverse()
    kept = Rule.between(EDGE, EDGE)
    with raises(InvalidStructure, law="replacement", where="V 'A'"):
        Rule(kept.left, kept.right, replace={"V": {"A": "B"}})
    with raises(InvalidStructure, law="span", where="left and right"):
        Rule(kept.left, Rule.between(EDGE, Graph()).right)
    with pytest.raises((CatlearnError, PathSyntaxError)):
        Rule.between(words({"e": ("A", "B")}), words({"f": ("A", "B")}), replace={"E": {"e": "q"}})


def test_a_result_that_breaks_laws_is_refused():
    """Replacing an edge by one that goes elsewhere leaves sides that are no paths."""
    one, two = words({"e": ("A", "B")}), words({"f": ("B", "A")})
    rule = Rule.between(one, two, replace={"E": {"e": "f"}})
    with raises(
        InvalidStructure, "f", "X", "r", "Y", law="composition", where="equation 'same', left side"
    ):
        rule.rewrite(SQUARE, initial={"E": {"e": "p"}})


def test_equality_and_text():
    rule = Rule.between(EDGE, DETOUR, name="subdivide")
    assert rule == Rule.between(EDGE, DETOUR, name="subdivide")
    assert hash(rule) == hash(Rule.between(EDGE, DETOUR, name="subdivide"))
    assert rule != Rule.between(EDGE, DETOUR)
    assert repr(rule) == "Rule(subdivide: deletes e; keeps A, B; adds M, f, g)"
    edge, ends = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]), CSet(SchGraph, V=2)
    kept = CSetMorphism(ends, edge, V=[0, 1])
    assert repr(Rule(kept, CSetMorphism.identity(ends))) == "Rule(deletes E 0; keeps V 0, V 1)"
    G = Graph({"p": ("X", "Y")})
    assert rule.rewrite(G) == rule.rewrite(G)
    P = PresentationMorphism.identity(SQUARE)
    assert Rule(P, P).rewrite(SQUARE).apex == SQUARE
