"""The guarantees of the layout, on random multigraphs: nothing overlaps, nothing is crossed."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.drawing.arrangement import abridged, arrange
from catlearn.drawing.layout import (
    Box,
    Page,
    Place,
    acyclic,
    components,
    crossings,
    layout,
    loop_room,
    ordered,
    ranks,
    spread,
)
from catlearn.drawing.scene import Node, Scene, SceneArrow, SceneLaw
from catlearn.errors import TooLarge
from catlearn.finset.tables import TABLES


@st.composite
def graphs(draw):
    """Vertices with boxes, and edges with labels; loops, parallels and cycles included."""
    count = draw(st.integers(1, 9))
    sides = st.floats(8, 120).map(lambda v: round(v, 1))
    nodes = {f"v{i}": Box(draw(sides), draw(sides) / 2, draw(sides) / 2) for i in range(count)}
    ends = draw(st.lists(st.tuples(st.sampled_from(list(nodes)), st.sampled_from(list(nodes))),
                         max_size=14))  # fmt: skip
    edges = [
        (f"e{i}", s, t, Box(draw(sides), draw(st.floats(4, 40)), draw(st.floats(2, 20))))
        for i, (s, t) in enumerate(ends)
    ]
    return nodes, edges


def overlaps(page: Page, labels: dict[str, Box]) -> list[tuple[str, str]]:
    """Pairs of boxes, of vertices or labels, that share more than an edge."""
    boxes = {name: page.nodes[name] for name in page.nodes}
    boxes |= {name: Place(*page.routes[name].label, box) for name, box in labels.items()}
    return [
        (a, b)
        for (a, p), (b, q) in itertools.combinations(boxes.items(), 2)
        if abs(p.x - q.x) < (p.box.width + q.box.width) / 2 - 0.2
        and p.y - p.box.above < q.y + q.box.below - 0.2
        and q.y - q.box.above < p.y + p.box.below - 0.2
    ]


def inside(place: Place, x: float, y: float, margin: float = 0.2) -> bool:
    """Whether a point lies in the box of a vertex, and not just at its rim."""
    half, box = place.box.width / 2 - margin, place.box
    is_beside = abs(x - place.x) >= half
    return not is_beside and place.y - box.above + margin < y < place.y + box.below - margin


def trespasses(page: Page, edges, labels: dict[str, Box]) -> list[tuple[str, str]]:
    """Edges that enter the box of a vertex that is no end of theirs, or another edge's label."""
    found = []
    for name, source, target, _ in edges:
        boxes = {v: p for v, p in page.nodes.items() if v not in (source, target)}
        boxes |= {e: Place(*page.routes[e].label, box) for e, box in labels.items() if e != name}
        for x, y in page.routes[name].points(16):
            found += [(name, other) for other, p in boxes.items() if inside(p, x, y)]
    return found


@given(graphs())
def test_boxes_do_not_overlap_and_edges_keep_clear(graph):
    nodes, edges = graph
    page = layout(nodes, edges)
    labels = {name: box for name, _, _, box in edges}
    assert set(page.nodes) == set(nodes)
    assert set(page.routes) == set(labels)
    assert overlaps(page, labels) == []
    assert trespasses(page, edges, labels) == []


@given(graphs())
def test_everything_is_on_the_page(graph):
    nodes, edges = graph
    page = layout(nodes, edges)
    for place in page.nodes.values():
        assert place.x - place.box.width / 2 >= -0.2
        assert place.x + place.box.width / 2 <= page.width + 0.2
        assert place.y - place.box.above >= -0.2
        assert place.y + place.box.below <= page.height + 0.2
    for route in page.routes.values():
        for x, y in route.points():
            assert -0.2 <= x <= page.width + 0.2
            assert -0.2 <= y <= page.height + 0.2


@given(graphs())
def test_edges_join_the_sides_of_their_vertices(graph):
    nodes, edges = graph
    page = layout(nodes, edges)
    for name, source, target, _ in edges:
        for vertex, (x, y) in ((source, page.routes[name].points()[0]),
                               (target, page.routes[name].tip)):  # fmt: skip
            place = page.nodes[vertex]
            wide = place.box.width
            if source == target:
                # A vertex that is too narrow for its loops' feet gets as much as they need.
                wide = max(wide, loop_room(sum(s == t == source for _, s, t, _ in edges)))
            assert abs(x - place.x) <= wide / 2 + 0.2
            assert place.y - place.box.above - 0.2 <= y <= place.y + place.box.below + 0.2


@given(graphs())
def test_layout_is_deterministic(graph):
    nodes, edges = graph
    assert layout(nodes, edges) == layout(dict(nodes), list(edges))


def test_the_checks_reject_mutants():
    nodes = {v: Box(20, 10, 10) for v in "ABC"}
    label = Box(10, 12, 4)
    edges = [("f", "A", "B", label), ("g", "B", "C", label), ("h", "A", "C", label)]
    page = layout(nodes, edges)
    moved = {**page.nodes, "B": replace(page.nodes["A"], x=page.nodes["A"].x + 5)}
    assert overlaps(replace(page, nodes=moved), {})
    middle = page.routes["h"].points()[4]
    moved = {**page.nodes, "B": Place(*middle, Box(20, 10, 10))}
    assert trespasses(replace(page, nodes=moved), edges, {})


def test_examples_keep_clear(scene):
    page = arrange(scene)
    edges = [(a.name, a.source, a.target, None) for a in scene.arrows]
    labels = {name: tag.box for name, tag in page.tags.items()}
    assert overlaps(page.layout, labels) == []
    assert trespasses(page.layout, edges, labels) == []


def test_long_edges_are_level(examples):
    """Inner parts of the six long projections do not wiggle."""
    page = arrange(examples["heads"])
    for i in range(1, 7):
        route = page.layout.routes[f"tasks.Y_{i}"]
        levels = {round(p[-1], 1) for p in route.pieces if p[0] == "L"}
        assert len(levels) <= 2, levels


def test_the_given_order_reads_from_the_top(examples):
    places = arrange(examples["heads"]).layout.nodes
    heights = [places[f"Y_{i}"].y for i in range(1, 7)]
    assert heights == sorted(heights)


def test_a_chain_of_a_thousand_vertices_is_no_recursion_problem():
    nodes = {str(i): Box(10, 5, 5) for i in range(1000)}
    edges = [(f"e{i}", str(i), str(i + 1), Box(4, 4, 4)) for i in range(999)]
    page = layout(nodes, edges)
    assert page.nodes["999"].x > page.nodes["0"].x


edge_lists = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=16).map(
            lambda es: [(a, b) for a, b in es if a != b]
        ),
    )
)


@given(edge_lists)
def test_turning_edges_leaves_no_cycle_and_ranks_go_up(graph):
    count, edges = graph
    forward = acyclic(count, edges)
    assert [set(e) for e in forward] == [set(e) for e in edges]
    rank = ranks(count, forward)
    assert all(rank[a] < rank[b] for a, b in forward)
    assert min(rank) == 0


def test_acyclic_graphs_are_left_alone():
    edges = [(2, 1), (1, 0), (2, 0)]
    assert acyclic(3, edges) == edges


@given(edge_lists)
def test_components_partition_the_vertices(graph):
    count, edges = graph
    groups = components(count, edges)
    assert sorted(v for group in groups for v in group) == list(range(count))
    home = {v: i for i, group in enumerate(groups) for v in group}
    assert all(home[a] == home[b] for a, b in edges)


@given(st.permutations(range(5)), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4))))
def test_crossings_agree_with_counting_pairs(right, edges):
    place = {v: i for i, v in enumerate(right)}
    slow = sum(
        (a - c) * (place[b] - place[d]) < 0 for (a, b), (c, d) in itertools.combinations(edges, 2)
    )
    shifted = [(a, b + 5) for a, b in edges]
    assert crossings(range(5), [v + 5 for v in right], shifted) == slow


@pytest.mark.parametrize("seed", range(20))
def test_ordering_undoes_a_shuffle_of_a_ladder(seed):
    """Five disjoint paths can be drawn without a crossing, whatever the order at the start."""
    layers = [[5 * r + i for i in range(5)] for r in range(4)]
    edges = [(5 * r + i, 5 * r + 5 + i) for r in range(3) for i in range(5)]
    for layer in layers:
        random.Random(seed).shuffle(layer)
    found = ordered(layers, edges)
    assert [sorted(a) for a in found] == [sorted(a) for a in layers]
    pairs = itertools.pairwise(found)
    assert sum(crossings(a, b, [e for e in edges if e[0] in a]) for a, b in pairs) == 0


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 10)), min_size=1, max_size=7),
    st.lists(st.floats(0, 20), min_size=6, max_size=6),
    st.integers(0, 6),
    st.floats(-5, 5),
)
def test_spread_is_feasible_and_no_nearby_choice_is_better(points, gaps, i, step):
    wish, weights = [w for w, _ in points], [v for _, v in points]
    gaps = gaps[: len(points) - 1]  # one fewer than points
    found = spread(wish, weights, gaps)

    def cost(y):
        return sum(w * (a - b) ** 2 for w, a, b in zip(weights, y, wish, strict=True))

    def feasible(y):
        return all(b - a >= g - 1e-9 for (a, b), g in zip(itertools.pairwise(y), gaps, strict=True))

    assert feasible(found)
    for moved in (
        [y + (step if k == i else 0) for k, y in enumerate(found)],
        [y + (step if k >= i else 0) for k, y in enumerate(found)],
    ):
        assert not feasible(moved) or cost(moved) >= cost(found) - 1e-6


def heads_meet(page: Page, entering: list[str], tall: float = 10.0) -> bool:
    """Whether arrowheads at a side of a vertex touch."""
    tips = sorted(page.routes[edge].tip[1] for edge in entering)
    return any(below - above < tall for above, below in itertools.pairwise(tips))


def test_arrowheads_at_a_tall_box_do_not_touch(mutants, monkeypatch):
    nodes = {"A": Box(40, 30, 30), "B": Box(40, 30, 30)}
    edges = [(f"e{k}", "A", "B", Box(20, 12, 4)) for k in range(4)]
    names = [name for name, *_ in edges]
    assert not heads_meet(layout(nodes, edges), names)
    monkeypatch.setattr("catlearn.drawing.layout.PORT_GAP", 9.0)
    with mutants("ends of edges closer than heads are tall"):
        assert heads_meet(layout(nodes, edges), names)


def clique(size):
    ends = itertools.permutations(range(size), 2)
    return cl.Graph({f"{i}-{j}": (f"v{i}", f"v{j}") for i, j in ends})


def test_what_is_too_large_for_a_picture_is_refused_before_it_is_laid_out():
    with pytest.raises(TooLarge):
        _ = cl.draw(clique(150), whole=True).svg


def is_part(scene: Scene, part: Scene) -> bool:
    """Whether all that is shown is there, is whole, and is quickly laid out."""
    nodes = [node.name for node in part.nodes]
    ends = {end for arrow in part.arrows for end in (arrow.source, arrow.target)}
    steps = {step for law in part.laws for step in law.steps}
    page = arrange(part)
    pieces = sum(len(route.pieces) for route in page.layout.routes.values())
    return (
        nodes == [node.name for node in scene.nodes][: len(nodes)]
        and ends <= set(nodes)
        and steps <= {arrow.name for arrow in part.arrows} <= {a.name for a in scene.arrows}
        and len(nodes) + pieces // 2 <= 60
        and bool(part.rest) == (part != scene)
    )


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=80))
def test_a_large_picture_has_a_first_part(count, pairs):
    nodes = tuple(Node(f"v{k}") for k in range(count))
    arrows = tuple(
        SceneArrow(f"e{k}", f"v{a % count}", f"v{b % count}") for k, (a, b) in enumerate(pairs)
    )
    laws = tuple(
        SceneLaw(a.name, (a.name,), (b.name,), a.source) for a, b in itertools.pairwise(arrows)
    )
    scene = Scene("s", nodes, arrows, laws)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catlearn.drawing.arrangement.QUICK_SLOTS", 30)
        part = abridged(scene)
        assert is_part(scene, part)
        assert abridged(replace(scene, whole=True)).nodes == nodes


def test_a_first_part_that_is_too_large_is_noticed(mutants, monkeypatch):
    names = [f"v{k}" for k in range(50)]
    ends = [(a, b) for a, b in itertools.combinations(names, 2) if names.index(b) % 5 == 0]
    arrows = tuple(SceneArrow(f"{a}-{b}", a, b) for a, b in ends)
    scene = Scene("s", tuple(map(Node, names)), arrows)
    monkeypatch.setattr("catlearn.drawing.arrangement.QUICK_SLOTS", 30)
    assert is_part(scene, abridged(scene))
    monkeypatch.setattr("catlearn.drawing.arrangement._first", lambda n, e: (n, [True] * len(e)))
    with mutants("pictures that take as long as they like"):
        assert not is_part(scene, abridged(scene))


def test_pictures_say_what_they_leave_out():
    """In the picture and in its words; others, who would read a part as all, get none."""
    path = cl.Graph({f"f{k}": (f"A{k}", f"A{k + 1}") for k in range(7_000)})
    for graph in (clique(40), path):
        picture = cl.draw(graph)
        assert picture.svg.count("are not drawn") == 2
        assert len(picture.svg) < 10_000_000
        assert len(picture.dot) > len(graph.edges) * 20
        for text in ("tikzcd", "quiver"):
            with pytest.raises(TooLarge):
                getattr(picture, text)
        assert "not drawn" in picture.html
    inside = cl.draw(TABLES.identity(path)).scene
    assert [node.note.count("not drawn") for node in abridged(inside).nodes] == [1, 1]


def test_parallel_edges_are_drawn_as_far_as_they_go():
    svg = cl.draw(cl.Graph({f"f{k}": ("A", "B") for k in range(20_000)})).svg
    assert "f0: A → B" in svg
    assert "f11: A → B" in svg
    assert "f12: A → B" not in svg
