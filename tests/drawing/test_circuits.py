"""Pictures of circuits: the rules of neural circuit diagrams as facts of scenes and places."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import catlearn as cl
from catlearn import arrays as a
from catlearn.arrays.boxes import Draft
from catlearn.drawing.arrangement import arrange
from catlearn.drawing.circuits.glyphs import glyphs_of
from catlearn.drawing.circuits.placing import APART, PITCH, placed
from catlearn.drawing.circuits.scene import circuit_scene
from catlearn.errors import CatlearnError, InvalidStructure, WrongKind
from catlearn.laws.circuits import array_circuits
from catlearn.zoo import architectures as zoo
from catlearn.zoo.architectures import (
    gpt2,
    gpt2_layer,
    mamba_layer,
    transformer,
)


def plain(circuit):
    """A circuit without the frames of its own."""
    draft = Draft.of(circuit.apex)
    draft.keep_blocks(())
    return a.Circuit.of(draft, circuit.dom, circuit.cod)


def attention(**options):
    return plain(zoo.attention(**options))


def feed_forward(activation):
    return plain(zoo.feed_forward(activation))


@cl.traced("x m")
def experts(t):
    g, i = a.top_k("[e -> k]", k=2)(a.linear("gate", "m -> e")(t))
    u = a.view("m -> k m")(t)
    w1, w3 = (a.linear(name, "k, k m -> k f", at="e")(i, u) for name in ("w1", "w3"))
    y = a.linear("w2", "k, k f -> k m", at="e")(i, a.mul(a.silu(w1), w3))
    return a.einsum("k, k m -> m")(a.softmax("[k]")(g), y)


def translator():
    """An encoder, and a decoder whose input is needed late."""
    encoder = a.residual(attention()) >> a.residual(feed_forward(a.relu))
    crossing = a.copy(2) @ a.idle >> a.idle @ a.swap() >> attention(cross=True) @ a.idle >> a.add
    start = a.embed("tgt", "V -> m") @ (a.embed("src", "U -> m") >> encoder)
    return start >> a.residual(attention(causal=True)) @ a.idle >> crossing


def convolutions():
    conv = [a.conv(f"c{k}", "[y z] i -> [y z] i", window=3, pad=1) for k in (1, 2)]
    return a.residual(conv[0] >> a.norm("n", "[i]") >> a.relu >> conv[1]) >> a.relu


@cl.traced("x d")
def turned(t):
    """What no input reaches is read by what stands as early as it can."""
    p = a.view("(p s) -> p s", s=2)(t)
    angle = a.angles("x p")()
    sides = a.view("p 0 -> p")(p) * a.cos(angle), a.view("p 1 -> p")(p) * a.sin(angle)
    return sides[0] + a.tanh(a.relu(sides[1]))


GALLERY = {
    "turned": lambda: turned,
    "attention": lambda: attention(causal=True),
    "layer": gpt2_layer,
    "experts": lambda: experts,
    "translator": translator,
    "convolutions": convolutions,
}


def lost(scene):
    """Lines that come from nowhere, go nowhere, or do so twice."""
    found = []
    for k, step in enumerate(scene.steps):
        left = [row for link in step.links for row in link.left]
        left += [row for stand in step.stands for row in stand.left if row not in left]
        right = [row for link in step.links for row in link.right]
        right += [row for stand in step.stands for row in stand.right if row not in right]
        for side, rows, state in (("left", left, k), ("right", right, k + 1)):
            if sorted(rows) != [*range(len(scene.states[state].rows))]:
                found.append((k, side))
    return found


def overlaps(scene, pages):
    """Lines nearer than they may be, lines in glyphs that they pass, glyphs in one another."""
    found = []
    for page in pages:
        steps = scene.steps[page.first : page.last]
        for k, heights in enumerate(page.heights):
            rows = scene.states[page.first + k].rows
            for j, (one, other) in enumerate(pairwise(heights)):
                room = PITCH if rows[j].strand == rows[j + 1].strand else APART
                found += [("near", k, j)] * (other - one < room - 0.11)
        for k, step in enumerate(steps):
            for stand, (top, bottom) in zip(step.stands, page.stands[k], strict=True):
                for at, own in ((k, stand.left), (k + 1, stand.right)):
                    for row, y in enumerate(page.heights[at]):
                        found += [("in", k, row)] * ((row in own) != (top < y < bottom))
            for (_, bottom), (top, _) in pairwise(sorted(page.stands[k])):
                found += [("glyphs", k)] * (top < bottom)
    return found


def unruly(scene):
    """Steps in which lines cross though nothing forks, meets, or is permuted by a kernel."""
    return [
        k
        for k, step in enumerate(scene.steps)
        if scene.crossings(k)
        and step.kind != "joins"
        and not any(link.kind == "copy" for link in step.links)
    ]


def stands(scene):
    return [(stand.glyph.kind, stand.glyph.name) for stand in scene.stands]


# ---------------------------------------------------------------- rules


@pytest.mark.parametrize("name", GALLERY)
def test_a_picture_begins_with_inputs_alone(name):
    """What no input reaches begins at a glyph."""
    circuit = GALLERY[name]()
    strands = {row.strand for row in circuit_scene(circuit).states[0].rows}
    assert len(strands) <= len(circuit.dom)


@pytest.mark.parametrize("name", GALLERY)
def test_time_runs_right_no_line_is_lost_and_none_touches_what_it_passes(name):
    circuit = GALLERY[name]()
    scene = circuit_scene(circuit)
    pages = placed(scene)
    assert lost(scene) == []
    assert overlaps(scene, pages) == []
    assert unruly(scene) == []
    assert came(scene) == sorted(circuit.live().dom)
    for page in pages:
        assert all(one < other for one, other in pairwise(page.left))
    kinds = {(one.kind, other.kind) for one, other in pairwise(scene.steps)}
    assert ("copies", "copies") not in kinds


@settings(max_examples=50)
@given(array_circuits())
@example((a.add >> a.copy(2)).scan("t"))
@example((a.linear("S", "m -> n", n="m") @ a.idle >> a.add >> a.copy(2)).scan("t"))
def test_so_it_is_for_every_circuit(circuit):
    scene = circuit_scene(circuit)
    assert lost(scene) == []
    assert overlaps(scene, placed(scene)) == []
    assert len(scene.states[-1].rows) == sum(rank(circuit, wire) for wire in circuit.cod)
    H = circuit.live().apex
    gates = {wire for box, one in enumerate(H.operations) if one.kernel.name in ("each", "stack")
             for wire in H.sides[1][box]}  # fmt: skip
    assert [wire for wire in came(scene) if wire not in gates] == sorted(circuit.live().dom)


def came(scene):
    """The arrays of which lines begin at the left end, or later."""
    found = {row.wire for row in scene.states[0].rows}
    for k, step in enumerate(scene.steps):
        begun = (line for link in step.links if link.kind == "begin" for line in link.right)
        found |= {scene.states[k + 1].rows[line].wire for line in begun}
    return sorted(found)


def rank(circuit, wire):
    axes = len(circuit.apex.lists["axes"].row(wire))
    return axes + (circuit.apex.types[wire] == "N") or 1


def test_scenes_and_places_that_break_the_rules_are_seen():
    scene = circuit_scene(gpt2_layer())
    (page,) = placed(scene)
    step = scene.steps[0]
    broken = replace(scene, steps=(replace(step, links=step.links[:-1]), *scene.steps[1:]))
    assert lost(broken)
    swapped = (page.heights[0], page.heights[1][::-1], *page.heights[2:])
    assert overlaps(scene, [replace(page, heights=swapped)])
    wide = tuple(tuple((top - 40, bottom) for top, bottom in pairs) for pairs in page.stands)
    assert overlaps(scene, [replace(page, stands=wide)])
    links = tuple(replace(link, kind="pass") for link in step.links)
    assert unruly(replace(scene, steps=(replace(step, links=links), *scene.steps[1:])))


def test_an_axis_is_a_line_naturals_have_one_more_and_a_number_is_one():
    kinds = [row.kind for row in circuit_scene(a.embed("E", "V -> m")).states[0].rows]
    assert kinds == ["value"]
    assert [row.kind for row in circuit_scene(a.relu).states[0].rows] == ["scalar"]
    scene = circuit_scene(a.einsum("a b, b c -> a c"))
    assert [row.label for row in scene.states[0].rows] == ["a", "b", "b", "c"]
    svg = cl.draw(a.embed("E", "V -> m")).svg
    assert "head open" in svg
    assert ">N<" in svg
    assert 'stroke-dasharray="1.5 3.5"' in cl.draw(a.relu).svg


def test_a_dashed_line_is_between_arrays_and_ends_where_they_meet():
    scene = circuit_scene(a.einsum("a b, b c -> a c"))
    assert [scene.dashed(k) for k in range(2)] == [[1], []]
    outer = circuit_scene(a.einsum("a, b -> a b"))
    assert [outer.dashed(k) for k in range(2)] == [[0], []]
    svg = cl.draw(gpt2_layer()).svg
    assert svg.count(' between"') == 4, "one path each: they go on across copies"


def test_an_operation_stands_on_its_targets_and_the_rest_passes_above():
    (stand,) = circuit_scene(a.lift(a.linear("A", "m -> h d"), "x")).stands
    assert (stand.left, stand.right) == ((1,), (1, 2))
    (stand,) = circuit_scene(a.lift(a.softmax("[y]"), ["x", "z"])).stands
    assert (stand.left, stand.right) == ((2,), (2,))
    (glyph,) = glyphs_of(a.softmax("[y] h"))
    assert glyph.above == 0
    assert glyph.passing == [(1, 1)]


def test_functions_of_each_number_are_called_by_their_names():
    read = cl.from_jax(lambda x: x >> 3, jax.ShapeDtypeStruct((4,), "uint32"))
    assert "shift_right_logical" in [glyph.sign for glyph in glyphs_of(read)]


def test_copies_fork_from_dots_and_what_is_discarded_ends_in_one():
    scene = circuit_scene(a.relu @ a.discard)
    assert [link.kind for link in scene.links("end")] == ["end"]
    scene = circuit_scene(a.lift(a.copy(3) >> a.relu @ a.exp @ a.idle, "x"))
    (copy,) = scene.links("copy")
    assert len(copy.right) == 3


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [
        ("a b, b c -> a c", ["cup"]),
        ("a b -> a", ["end"]),
        ("a, a -> a", ["join"]),
        ("a a -> a", ["join"]),
        ("a, b -> a b", []),
        ("a a -> ", ["cup", "start"]),
    ],
)
def test_contractions_are_cups_dots_and_joins(pattern, kinds):
    scene = circuit_scene(a.einsum(pattern))
    found = [link.kind for link in scene.links("cup", "end", "join", "start")]
    assert sorted(found) == kinds


def test_a_repetition_starts_in_a_dot_and_a_scale_is_written():
    scene = circuit_scene(a.view("m -> k m", k=3))
    assert [link.kind for link in scene.links("start", "join", "copy")] == ["start"]
    (sign,) = circuit_scene(a.einsum("m, m -> ", scale="m**-0.5")).signs
    assert sign.text == "m**(-1/2)"


def test_the_scale_of_a_mean_is_written_beside_its_dots():
    """Nothing else is there; above what waits it would be far from them."""
    picture = cl.draw(a.lift(a.mean("[y z] c -> c"), "n"), legend=False)
    dots = re.findall(r'd="M([\d.]+) ([\d.]+)C[^"]*" class="f-ink dot"', picture.svg)
    (text,) = re.findall(
        r'class="scale">.*?<text x="([\d.]+)" y="([\d.]+)"', picture.svg, re.DOTALL
    )
    x, y = map(float, text)
    assert len(dots) == 2
    assert min(abs(y - 4 - float(there)) for _, there in dots) < 1
    assert 0 < x - max(float(here) for here, _ in dots) < 12
    assert "^{\\mathit{-1}}" in picture.tikzcd


def test_axes_without_letters_are_called_as_they_are_read():
    image = circuit_scene(a.conv("c", "[y z] i -> [y z] o", 3, stride=2, pad=1))
    assert [row.label for row in image.states[0].rows] == ["y", "z", "i"]
    patches = circuit_scene(a.view("(u a) c -> u a c", a=2))
    assert patches.states[0].rows[0].label in ("(u a)", "ua")


def test_what_is_read_elsewhere_is_read_first_and_numbers_stand_where_they_are_read():
    half = cl.from_jax(lambda x: (jnp.tanh(x[1:4]) + 0.5) * jnp.exp(x[:3] + 0.5), jnp.ones(4))
    scene = circuit_scene(half)
    kinds = [(stand.glyph.kind, stand.glyph.sign) for stand in scene.stands]
    assert kinds.count(("constant", "0.5")) == 2
    assert [sign for kind, sign in kinds if kind == "reading"] == ["a+1"]
    assert lost(scene) == [] == overlaps(scene, placed(scene))
    assert all(stand.left for stand in scene.stands if stand.glyph.kind != "constant")


def test_an_array_that_is_known_is_a_constant():
    table = np.arange(6.0).reshape(2, 3)
    scene = circuit_scene(cl.from_jax(lambda x: x @ table, jnp.ones(2)))
    assert [(one.glyph.kind, one.glyph.sign) for one in scene.stands] == [("constant", "array")]


def test_constants_are_drawn_as_their_number():
    glyphs = glyphs_of(a.idle @ a.constant(2.5) >> a.mul)
    assert [one.sign for one in glyphs if one.kind == "constant"] == ["2.5"]


PLACE = r"\(-?[\d.]+,-?[\d.]+\)"
OPTIONS = r"(?:[a-z ]+(?:=[^,\[\]]+)?)"
TIKZ = re.compile(
    rf"    (?:%.*|\\path\[(?:{OPTIONS}(?:, {OPTIONS})*)?\] "
    rf"(?:(?:^| )(?:-- )?{PLACE}| -- cycle| \.\. controls {PLACE} and {PLACE} \.\. {PLACE}|"
    rf"{PLACE})+;|"
    rf"\\node\[anchor=base(?: west| east)?, inner sep=0, font=\\fontsize{{[\d.]+}}{{[\d.]+}}"
    rf"\\selectfont\] at {PLACE} {{\$.*\$}};)"
)


@pytest.mark.parametrize(
    "make",
    [
        *GALLERY.values(),
        mamba_layer,
        lambda: a.mean("[x_1] m_2 -> m_2").block("50% of {x}$"),
    ],
)
def test_tikz_has_the_paths_and_texts_of_the_picture_and_is_well_formed(make):
    """It is not compiled here: each line has the form of a command, and brackets are balanced."""
    picture = cl.draw(make(), legend=False)
    first, begin, *body, end = picture.tikzcd.rstrip().splitlines()
    assert first.startswith("% ")
    assert (begin, end) == ("\\begin{tikzpicture}[x=1bp, y=-1bp]", "\\end{tikzpicture}")
    for line in body:
        assert TIKZ.fullmatch(line), line
        bare = re.sub(r"\\[{}$%]", "", line)
        if not line.startswith("    %"):
            assert bare.count("{") == bare.count("}")
            assert bare.count("$") % 2 == 0
            assert "%" not in bare
    commands = [line.split("[")[0].strip() for line in body]
    assert commands.count("\\path") == picture.svg.count("<path ")
    assert commands.count("\\node") == picture.svg.count("<text ")


@pytest.mark.parametrize(
    ("circuit", "kind"),
    [
        (a.linear("A", "m -> n", bias=True), "linear"),
        (a.norm("n", "[m]"), "norm"),
        (a.norm("n", "[m]", kind="rms"), "rms"),
        (a.embed("T", "V -> m"), "embed"),
        (a.shift("p", "c m", at="x"), "learned"),
        (a.softmax("[m]"), "softmax"),
        (a.where("x y", "y <= x"), "mask"),
        (a.top_k("[e -> k]", k=2), "choice"),
        (a.view("2*y+a-1 -> y a", a=3, pad=(1, 1)), "reading"),
        (a.view("(h d) -> h d", h=2), "reading"),
        (a.concat("[x] m, [y] m -> [z] m"), "reading"),
        (a.gelu("tanh"), "elementwise"),
        (a.dropout(0.5), "elementwise"),
    ],
)
def test_each_kind_of_operation_has_a_glyph_that_the_legend_explains(circuit, kind):
    (stand,) = circuit_scene(circuit).stands
    assert stand.glyph.kind == kind
    picture = cl.draw(circuit)
    assert f'class="glyph {kind}"' in picture.svg
    assert "key" in picture.svg
    assert "key" not in cl.draw(circuit, legend=False).svg
    assert picture.tikzcd.startswith("% Circuit")
    assert "tikzpicture" in picture.tikzcd


def test_sums_products_and_masks_of_arrays_are_signs_where_these_join():
    for circuit, kind in ((a.add, "add"), (a.mul, "mul"), (a.where("x"), "mask")):
        scene = circuit_scene(circuit)
        assert [sign.kind for sign in scene.signs] == [kind]
        assert not [*scene.stands]


def test_labels_stand_where_lines_begin_at_both_ends_and_where_arrays_are_rearranged():
    scene = circuit_scene(attention())

    def shown(k):
        state = scene.states[k]
        return [state.rows[row].label for row in sorted(state.labelled)]

    assert shown(0) == ["x", "m"]
    assert shown(len(scene.states) - 1) == ["x", "m"]
    after = next(k for k, s in enumerate(scene.steps) if s.stands) + 1
    assert shown(after) == ["h", "d"] * 3
    assert ["h", "x", "y"] in [shown(k) for k in range(len(scene.states))]


def waiting(axes, steps):
    """A residual connection over steps, of an array with some axes in front."""
    body = a.compose(*[a.linear(f"A{k}", "m -> m") for k in range(steps)])
    return a.lift(a.residual(body), axes)


def test_an_array_of_many_lines_that_waits_long_is_one_line():
    scene = circuit_scene(waiting(["a", "b", "c", "d"], 6))
    one, other = scene.links("bus")
    assert (len(one.left), len(one.right)) == (len(other.right), len(other.left)) == (5, 1)
    (label,) = {row.label for state in scene.states for row in state.rows if row.kind == "bus"}
    assert label == "a b c d m"
    assert lost(scene) == []
    assert overlaps(scene, placed(scene)) == []
    assert unruly(scene) == []
    assert "several axes" in cl.draw(waiting(["a", "b", "c", "d"], 6)).svg
    for few in (waiting(["a", "b", "c"], 6), waiting(["a", "b", "c", "d"], 2)):
        assert circuit_scene(few).links("bus") == []


def test_arrays_that_wait_side_by_side_are_one_line_each():
    three = a.compose(*[a.relu] * 6) @ a.idle @ a.idle @ a.idle
    scene = circuit_scene(a.lift(three, ["a", "b"]))
    assert len(scene.links("bus")) == 6
    assert lost(scene) == []
    assert overlaps(scene, placed(scene)) == []


# ---------------------------------------------------------------- oracles


def test_attention():
    scene = circuit_scene(GALLERY["attention"]())
    kinds = [kind for kind, _ in stands(scene)]
    assert kinds == ["linear"] * 3 + ["mask", "softmax", "linear"]
    assert [name for kind, name in stands(scene) if kind == "linear"] == ["Q", "K", "V", "O"]
    columns = [step for step in scene.steps if step.kind in ("glyphs", "joins")]
    assert len(columns) == 6
    assert [len(link.right) for link in scene.links("copy")] == [3, 3]
    assert len(scene.links("cup")) == 2
    assert len(scene.links("join")) == 2
    (copied,) = [
        k for k, step in enumerate(scene.steps) if any(one.kind == "copy" for one in step.links)
    ]
    assert len(scene.dashed(copied + 1)) == 2
    assert unruly(scene) == []


def test_an_input_that_is_needed_late_enters_below_what_waits():
    scene = circuit_scene(translator())
    (k,) = {k for k, step in enumerate(scene.steps) if any(x.kind == "begin" for x in step.links)}
    begun = [line for x in scene.steps[k].links if x.kind == "begin" for line in x.right]
    count = len(scene.states[k + 1].rows)
    assert k > 0
    assert begun == [count - 2, count - 1]


# ---------------------------------------------------------------- pages


def test_wide_pictures_are_lines_of_music_that_repeat_their_labels():
    scene = circuit_scene(gpt2())
    pages = placed(scene)
    assert len(pages) > 1
    assert all(page.width < 1100 for page in pages)
    for one, other in pairwise(pages):
        assert one.last == other.first
        assert len(scene.states[one.last].rows) <= 4
    assert [page.first for page in placed(scene, page=1e9)] == [0]


def test_hints_say_the_order_of_inputs_and_where_a_line_begins():
    scene = circuit_scene(a.einsum("a, b -> a b"), inputs=[1, 0])
    assert [row.label for row in scene.states[0].rows] == ["b", "a"]
    pages = placed(circuit_scene(gpt2_layer(), breaks=["ln2"]))
    assert len(pages) == 2
    for hint in ({"inputs": [0, 0]}, {"breaks": ["ln3"]}, {"open": "layers"}):
        with pytest.raises(InvalidStructure):
            circuit_scene(gpt2_layer(), **hint)


def test_glyphs_are_of_bounded_height():
    for circuit in (make() for make in GALLERY.values()):
        scene = circuit_scene(circuit)
        for page in placed(scene):
            for step, pairs in zip(scene.steps[page.first : page.last], page.stands, strict=True):
                for stand, (top, bottom) in zip(step.stands, pairs, strict=True):
                    lines = max(len(stand.left), len(stand.right))
                    assert bottom - top <= PITCH * (lines + 1) + APART


def test_pictures_are_the_same_bytes_in_every_process():
    code = "import catlearn as cl; from catlearn.zoo.architectures import gpt2_layer as f;"
    code += "print(cl.draw(f()).svg, end='')"
    seed = {**os.environ, "PYTHONHASHSEED": "7"}
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, env=seed, capture_output=True, text=True, check=True).stdout
    assert found == cl.draw(gpt2_layer()).svg


@given(st.text(max_size=8))
@settings(max_examples=20)
def test_every_name_is_there_escaped(name):
    try:
        circuit = a.linear(name, "m -> n")
    except InvalidStructure:
        return
    cl.draw(circuit).svg.encode()


def test_notebooks_show_circuits_that_are_not_too_large():
    assert "<svg" in gpt2_layer()._repr_mimebundle_()["image/svg+xml"]
    long = a.compose(*[a.relu] * 300)
    assert set(long._repr_mimebundle_()) == {"text/plain"}


def test_lines_and_glyphs_say_what_they_are():
    svg = cl.draw(a.linear("Q", "m -> h d", bias=True).at(m=8, h=2, d=4)).svg
    assert "<title>linear &apos;Q&apos;" in svg or "<title>linear 'Q'" in svg
    assert "Q, Q.bias: 72 numbers" in svg
    assert "axis d of size 4" in svg
    for ending in ("dot", "quiver"):
        with pytest.raises(InvalidStructure):
            getattr(cl.draw(a.relu), ending)


# ---------------------------------------------------------------- edges


def square():
    sequence, feature, digit = cl.Space("X", (6, 8)), cl.Space("F", 8), cl.Categorical("Y", 10)
    circuit = a.residual(attention()) >> a.mean("[x] m -> m")
    encoder = cl.Model("encoder", sequence, feature, circuit, h=2, d=4)
    return cl.LearningDiagram(encoder, cl.Model("head", feature, digit, "linear"))


def test_an_edge_is_opened_and_its_circuit_stands_in_its_panel():
    plain, opened = cl.draw(square()), cl.draw(square(), open="encoder")
    (panel,) = [arrow.inner for arrow in opened.scene.arrows if arrow.inner is not None]
    assert [name for kind, name in stands(panel.scene) if kind == "linear"] == ["Q", "K", "V", "O"]
    assert "glyph linear" in opened.svg
    assert "glyph" not in plain.svg
    page = arrange(opened.scene)
    routes, box = page.layout.routes, page.tags["encoder"].box
    assert box.width > panel.size[0]
    assert box.above + box.below > panel.size[1]
    x, _ = routes["encoder"].label
    for node in page.layout.nodes.values():
        assert node.right < x - box.width / 2 or node.left > x + box.width / 2


@pytest.mark.parametrize("name", ["head", "tail"])
def test_edges_that_are_not_there_or_are_no_circuits_are_not_opened(name):
    with pytest.raises(InvalidStructure):
        cl.draw(square(), open=name)


# ---------------------------------------------------------------- blocks


def blocks():
    """An encoder whose layers are repeated, and a decoder that begins when it is done."""
    encoder = a.residual(attention()).block("self-attention")
    encoder = (encoder >> a.residual(feed_forward(a.relu)).block("feed forward")).repeat(
        6, "encoder"
    )
    own = a.residual(attention(causal=True)).block("masked attention")
    crossing = a.copy(2) @ a.idle >> a.idle @ a.swap() >> attention(cross=True) @ a.idle >> a.add
    decoder = own @ a.idle >> crossing.block("attention")
    start = a.embed("tgt", "V -> m") @ (a.embed("src", "U -> m") >> encoder)
    return start >> decoder.block("decoder") >> a.linear("out", "m -> V")


def intruders(scene, pages):
    """Lines of a block outside of its frame, other lines in it, and frames that overlap."""
    found = []
    for page in pages:
        shown = [frame for frame in scene.frames if frame.block in page.frames]
        for frame in shown:
            top, bottom = page.frames[frame.block]
            for k in range(max(frame.first, page.first), min(frame.last, page.last) + 1):
                for row, y in zip(scene.states[k].rows, page.heights[k - page.first], strict=True):
                    if (frame.block in row.path) != (top < y < bottom):
                        found.append((frame.title, k))
        for one, other in combinations(shown, 2):
            apart = one.last < other.first or other.last < one.first
            (top, bottom), (other_top, other_bottom) = (page.frames[f.block] for f in (one, other))
            inside = (top - other_top) * (bottom - other_bottom) < 0
            beside = bottom < other_top or other_bottom < top
            found += [(one.title, other.title)] * (not (apart or inside or beside))
    return found


def test_frames_have_the_lines_of_their_blocks_inside_and_others_outside():
    scene = circuit_scene(blocks())
    pages = placed(scene)
    titles = [frame.title for frame in scene.frames]
    assert sorted(titles) == [
        "attention", "decoder", "encoder", "feed forward", "masked attention", "self-attention",
    ]  # fmt: skip
    assert lost(scene) == []
    assert overlaps(scene, pages) == []
    assert intruders(scene, pages) == []
    assert unruly(scene) == []
    (page,) = placed(scene, page=1e9)
    assert intruders(scene, [page]) == []
    encoder, decoder = (
        next(f for f in scene.frames if f.title == t) for t in ("encoder", "decoder")
    )
    assert encoder.last < decoder.first
    low, high = page.frames[decoder.block]
    broken = replace(page, frames={**page.frames, decoder.block: (low + 60, high)})
    assert intruders(scene, [broken])


def test_blocks_are_closed_by_depth_and_by_title_and_repeated_ones_say_how_often():
    def closed(scene):
        return [stand.glyph.sign for stand in scene.stands if stand.glyph.kind == "closed"]

    scene = circuit_scene(blocks(), depth=0)
    assert (closed(scene), scene.frames) == (["encoder ×6", "decoder"], ())
    scene = circuit_scene(blocks(), depth=1)
    assert [(frame.title, frame.times) for frame in scene.frames] == [
        ("encoder", "×6"),
        ("decoder", ""),
    ]
    assert len(closed(scene)) == 4
    scene = circuit_scene(blocks(), open="feed forward")
    assert {frame.title for frame in scene.frames} == {"encoder", "feed forward"}
    assert closed(scene) == ["self-attention", "decoder"]
    assert intruders(scene, placed(scene)) == []
    assert "×6" in cl.draw(blocks()).svg


def test_the_transformer_has_two_repeated_frames_and_five_closed_boxes_in_them():
    scene = circuit_scene(transformer().at(L=6), depth=1)
    assert sorted((frame.title, frame.times) for frame in scene.frames) == [
        ("decoder", "×6"), ("encoder", "×6"),
    ]  # fmt: skip
    inside = {frame.block: frame.title for frame in scene.frames}
    found = [inside[s.glyph.path[0]] for s in scene.stands if s.glyph.kind == "closed"]
    assert sorted(found) == ["decoder"] * 3 + ["encoder"] * 2
    pages = placed(scene)
    assert intruders(scene, pages) == []
    assert overlaps(scene, pages) == []


def test_layers_that_were_written_one_after_the_other_are_drawn_once():
    unrolled = a.compose(*(gpt2_layer().named(f"h/{k}").block(f"h.{k}") for k in range(3)))
    scene = circuit_scene(unrolled, depth=0)
    assert [stand.glyph.sign for stand in scene.stands] == ["h ×3"]
    for hints in ({"depth": 1}, {"open": "h.0"}):
        scene = circuit_scene(unrolled, **hints)
        assert [(frame.title, frame.times) for frame in scene.frames] == [("h", "×3")]
        assert lost(scene) == [] == intruders(scene, placed(scene))
    for hints in ({"fold": False}, {"open": "h.1"}):
        scene = circuit_scene(unrolled, depth=0, **hints)
        found = [stand.glyph.sign for stand in scene.stands if stand.glyph.kind == "closed"]
        assert len([*found, *{frame.title for frame in scene.frames}]) >= 3


def test_a_state_that_is_not_read_after_the_last_round_ends_beside_its_block():
    scene = circuit_scene(mamba_layer())
    assert intruders(scene, placed(scene)) == []


def test_what_goes_in_and_out_of_a_scan_passes_its_border():
    step = a.linear("W", "m -> m") @ a.linear("U", "k -> m") >> a.add >> a.tanh >> a.copy(2)
    scene = circuit_scene(step.scan("t"))
    (frame,) = scene.frames
    assert (frame.title, frame.times) == ("scan", "×t")
    ended = [k for k, s in enumerate(scene.steps) for link in s.links if link.kind == "sign"]
    begun = [k for k, s in enumerate(scene.steps) for link in s.links if link.kind == "begin"]
    assert len(ended) == len(begun) == 1
    assert ended[0] < begun[0]
    assert [row.label for row in scene.states[0].rows] == ["m", "t", "k"]
    assert [row.label for row in scene.states[-1].rows] == ["m", "t", "m"]
    assert lost(scene) == []
    assert intruders(scene, placed(scene)) == []


LEVELS = (
    (a.einsum("q d, x d -> q x") >> a.where("q x", "x <= q") >> a.softmax("[x]")) @ a.idle
    >> a.einsum("q x, x e -> q e")
)  # fmt: skip


def test_a_table_stands_above_the_columns_and_levels_are_lines():
    spent = cl.resources(LEVELS)
    scene = circuit_scene(LEVELS, resources=spent)
    first, last = scene.states[0], scene.states[-1]
    assert first.above == ("H", "d*q*x/g_q", "+ d*q", "+ e*q*x/g_q")
    assert last.above == ("H", "e*q")
    above = [step.above for step in scene.steps if step.above]
    assert [one[0] for one in above] == ["M"] * 3  # a mask takes no room
    assert set(above[0][1:]) == {"d*g_q", "+ d*s_x", "+ e*g_q", "+ g_q*s_x", "+ 2*g_q"}
    blocks = {(row.label, row.block) for state in scene.states for row in state.rows}
    assert blocks == {("q", "g_q"), ("x", "s_x"), ("d", ""), ("e", "")}
    assert not any(row.fast for row in (*first.rows, *last.rows))
    assert all(row.fast for stand in scene.stands for row in stood(scene, stand))
    picture = cl.draw(LEVELS, resources=spent)
    assert "in fast memory" in picture.svg
    assert 'class="wire axis fast"' in picture.svg
    assert "line width=2.2bp, draw=orange!60!black" in picture.tikzcd
    assert "fast" not in cl.draw(LEVELS).svg


def test_numbers_of_blocks_stand_on_axes():
    spent = cl.resources(LEVELS, sizes={"q": 4096, "x": 4096, "d": 64, "e": 64})
    scene = circuit_scene(LEVELS, resources=spent(g_q=128, s_x=32))
    blocks = {row.block for state in scene.states for row in state.rows}
    assert blocks == {"128", "32", ""}
    assert scene.states[-1].above == ("H", "262,144")


def test_tables_of_other_circuits_are_refused():
    with pytest.raises(InvalidStructure):
        cl.draw(a.relu, resources=cl.resources(LEVELS))
    with pytest.raises(WrongKind):
        cl.draw(a.relu, resources={})
    with pytest.raises(CatlearnError):
        cl.draw(LEVELS, resources=cl.resources(LEVELS, reverse=True))


def stood(scene, stand):
    """The lines on which a glyph stands."""
    k = next(k for k, step in enumerate(scene.steps) if stand in step.stands)
    return [scene.states[k].rows[row] for row in stand.left]
