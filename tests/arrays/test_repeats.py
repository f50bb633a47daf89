"""Equal blocks that follow each other: which are, which are not, and what is kept of them."""

import jax
import jax.numpy as jnp
import pytest

from catlearn import arrays as a
from catlearn.arrays import repeats
from catlearn.arrays.boxes import ArrayHypergraph
from catlearn.arrays.repeats import once
from catlearn.importing import from_jax
from catlearn.zoo.architectures import bert_layer, feed_forward, gpt2_layer


def layers(make, count=3, block="layer"):
    """A layer so many times one after the other, each with parameters of its own."""
    made = [make(k).named(f"layers/{k}") for k in range(count)]
    return a.compose(
        *((one.block(f"{block}.{k}") for k, one in enumerate(made)) if block else made)
    )


def dense(k):
    return a.residual(a.linear("W", "m -> f") >> a.relu >> a.linear("V", "f -> m"))


ALIKE = {
    "blocks": lambda: layers(dense),
    "no blocks": lambda: layers(dense, block=""),
    "of blocks": lambda: layers(lambda k: gpt2_layer(), block=""),
    "rounds": lambda: layers(lambda k: dense(k).repeat(2, "inner")),
}


@pytest.mark.parametrize("name", ALIKE)
def test_of_equal_layers_the_first_is_kept(name):
    circuit = (a.linear("in", "k -> m") >> ALIKE[name]() >> a.linear("out", "m -> n")).live()
    found = once(circuit)
    assert [*found.times.values()] == [3]
    (block,) = found.times
    assert found.circuit.apex.column("title")[block] in ("layer", "layers")
    boxes = circuit.apex.size("Box") - 2
    assert found.circuit.apex.size("Box") == boxes // 3 + 2
    kept = {one.partition("/")[2][:1] for one in found.circuit.live().parameters if "/" in one}
    assert kept == {"0"}
    first = {"of blocks": gpt2_layer, "rounds": lambda: dense(0).repeat(2, "inner")}
    layer = first.get(name, lambda: dense(0))().named("layers/0")
    assert found.circuit.live().equal(
        a.linear("in", "k -> m") >> layer >> a.linear("out", "m -> n")
    )


def test_repeats_are_found_inside_of_repeats():
    stage = lambda k: layers(dense, 2) >> a.linear("down", "m -> m")  # noqa: E731
    found = once(layers(stage, 2, "stage").live())
    titles = found.circuit.apex.column("title")
    assert {titles[block]: times for block, times in found.times.items()} == {
        "stage": 2, "layer": 2,
    }  # fmt: skip
    assert found.circuit.apex.size("Box") == 5


def test_what_all_read_is_no_difference():
    @a.traced("x m", "x", types=[None, "B"])
    def model(t, mask):
        for k in range(3):
            t, _ = bert_layer().named(f"layers/{k}").block(f"layer.{k}")(t, mask)
        return t

    assert [*once(model.live()).times.values()] == [3]


def tapped():
    """The array between two layers is read after the last one, too."""

    @a.traced("m")
    def model(t):
        made = [t]
        for k in range(3):
            made.append(dense(k).named(f"layers/{k}").block(f"layer.{k}")(made[-1]))
        return made[-1] + made[-2]

    return model


def given():
    """Each layer reads an input of its own."""

    @a.traced("m", "m", "m")
    def model(t, u, v):
        for k, own in enumerate((u, v)):
            t = (a.linear("W", "m -> m").named(f"layers/{k}")(t) * own) + t
        return t

    return model


def beside():
    made = [dense(k).named(f"layers/{k}").block(f"layer.{k}") for k in range(2)]
    return a.copy(2) >> made[0] @ made[1] >> a.add


DIFFERENT = {
    "in operations": lambda: layers(
        lambda k: a.linear("W", "m -> m") >> (a.relu, a.tanh)[k % 2], 2
    ),
    "in sizes": lambda: layers(
        lambda k: a.residual(a.linear("W", f"m -> f{k}") >> a.linear("V", f"f{k} -> m")), 2
    ),
    "in what is between": tapped,
    "in inputs": given,
    "as they stand side by side": beside,
    "as one shares its parameters": lambda: layers(
        lambda k: a.linear("W", "m -> m") >> a.linear("WV"[k % 2], "m -> m"), 2
    ),
    "as nothing says that they belong together": lambda: a.compose(
        *(a.linear(name, "m -> m") >> a.relu for name in "UV")
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_layers_that_are_different_are_kept_apart(name):
    circuit = DIFFERENT[name]().live()
    found = once(circuit)
    assert set(found.times.values()) <= ({2} if name == "in what is between" else set())
    if not found.times:
        assert found.circuit is circuit


def test_a_finder_that_is_blind_to_sizes_is_seen(monkeypatch):
    circuit = DIFFERENT["in sizes"]().live()
    monkeypatch.setattr(ArrayHypergraph, "size_of", lambda self, axis: 0)
    assert once(circuit).times


def test_a_block_that_is_named_is_kept_apart():
    circuit = layers(dense).live()
    assert once(circuit, ["layer.1"]).times == {}
    assert [*once(circuit, ["layer.0"]).times.values()] == [3]
    inner = layers(lambda k: a.residual(feed_forward(a.relu))).live()
    assert [*once(inner, ["feed-forward"]).times.values()] == [3]


def pre_norm(k, titled=False):
    """Attention, here without a softmax, and a feed-forward network, each added to its input."""
    mixed = a.copy(3) >> a.einsum("x m, y m, y n -> x n") >> a.linear("mix", "m -> m")
    wide = a.linear("up", "m -> f") >> a.relu >> a.linear("down", "f -> m")
    halves = [a.norm("n", "[m]").named(f"n{k}") >> one for k, one in enumerate((mixed, wide))]
    if titled:
        halves = [one.block(name) for one, name in zip(halves, ("mixed", "wide"), strict=True)]
    return a.residual(halves[0]) >> a.residual(halves[1])


def after(start, *kinds):
    """Layers that start from the sum of two arrays, as each of them ends with one."""

    @a.traced(*kinds)
    def model(*given):
        return layers(pre_norm, block="")(start(*given))

    return model


def functions():
    """Layers as functions of JAX without scopes, that start from learned positions."""

    def layer(w, x):
        y = x - x.mean(-1, keepdims=True)
        x = x + jax.nn.softmax((y @ w["q"]) @ (y @ w["k"]).T) @ (y @ w["v"])
        return x + jnp.tanh((x * w["n"]) @ w["up"]) @ w["down"]

    def model(w, x):
        x = x @ w["emb"] + w["pos"]
        for one in w["layers"]:
            x = layer(one, x)
        return x.sum(0)

    shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")  # noqa: E731
    own = {name: shape(4, 4) for name in "qkv"} | {"n": shape(4)}
    own |= {"up": shape(4, 7), "down": shape(7, 4)}
    weights = {"emb": shape(3, 4), "pos": shape(5, 4), "layers": [own] * 3}
    return from_jax(model, weights, shape(5, 3), params=0)


def early():
    """Halves of a layer before and behind, so that from there on there are four of a kind."""
    layer = lambda k: pre_norm(k, titled=True)  # noqa: E731
    halves = [a.norm("n", "[m]").named("n1") >> a.linear("up", "m -> f"), a.norm("n", "[m]")]
    wide = (halves[0] >> a.relu >> a.linear("down", "f -> m")).block("wide")
    mixed = a.copy(3) >> a.einsum("x m, y m, y n -> x n") >> a.linear("mix", "m -> m")
    last = (halves[1].named("n0") >> mixed).block("mixed")
    stem, end = a.residual(wide).named("stem"), a.residual(last).named("end")
    return stem >> layers(layer, block="") >> end


STARTS = {
    "positions": lambda: after(lambda x: x + a.parameter("pos", "x m")(), "x m"),
    "a function of parameters": lambda: after(
        lambda x: x + a.relu(a.parameter("pos", "x m")()), "x m"
    ),
    "two inputs": lambda: after(lambda x, y: x + y, "x m", "x m"),
    "one input, twice": lambda: after(lambda x: x + x, "x m"),
    "functions": functions,
    "half a layer": early,
}


def compose(found):
    """Whether what is there once hands on as many arrays as it reads, and parameters of one."""
    (block,), H = found.times, found.circuit.apex
    ins, outs = H.sides
    within = [block in H.lists["within"].row(box).tolist() for box in range(len(ins))]
    read, made = ({w for k, b in enumerate(sides) if within[k] for w in b} for sides in (ins, outs))
    others = {wire for k, box in enumerate(ins) if not within[k] for wire in box}
    names = {w: H.column("name")[w] for w in read if H.column("name")[w] is not None}
    handed = made & {*others, *found.circuit.cod}
    addressed = all(name.startswith("layers/0/") for name in names.values())
    return len(read - made - {*names}) == len(handed) == 1 and addressed


@pytest.mark.parametrize("name", STARTS)
def test_repeats_compose(name):
    found = once(STARTS[name]().live())
    assert [*found.times.values()] == [3]
    assert compose(found)


def keeps_any_start(monkeypatch):
    """What the first starts from may be a parameter, and the first ones found are kept."""

    class All(set):
        def __contains__(self, wire):
            return True

    class Blind(repeats._Finder):
        def __init__(self, *given):
            super().__init__(*given)
            self.given = All(self.given)

    monkeypatch.setattr(repeats, "_Finder", Blind)
    keeps_any_place(monkeypatch)


def keeps_any_place(monkeypatch):
    """Neither addresses nor the number of arrays say where repeats start."""
    monkeypatch.setattr(repeats._Run, "worth", property(lambda run: run.count))


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        (keeps_any_start, "positions"),
        (keeps_any_place, "two inputs"),
        (keeps_any_place, "half a layer"),
    ],
)
def test_finders_of_repeats_that_do_not_compose_are_seen(mutant, name, monkeypatch):
    circuit = STARTS[name]().live()
    mutant(monkeypatch)
    assert not compose(once(circuit))


def unnamed(places):
    """Layers of a function, each with four of its arguments, at the given places."""

    def function(x, *own):
        for some in places:
            up, shift, down, scale = (own[k] for k in some)
            x = x + scale * (jnp.tanh(x @ up + shift) @ down)
        return x

    shapes = [(4, 6), (6,), (6, 4), (4,)] * (1 + max(map(max, places)) // 4)
    own = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    return from_jax(function, jax.ShapeDtypeStruct((5, 4), "float32"), *own).live()


APART = [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)]
TIED = [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 2, 11)]


def test_layers_whose_parameters_are_arguments_are_found_by_what_they_read(monkeypatch, mutants):
    circuit, tied = unnamed(APART), unnamed(TIED)
    found = once(circuit)
    assert [*found.times.values()] == [3]
    assert found.circuit.dom == circuit.dom[:5]
    assert found.circuit.live().equal(unnamed(APART[:1]))
    assert once(tied).times == {}
    assert once(unnamed([(0, 1, 2, 3), (0, 5, 6, 7)])).times == {}
    with mutants("what two layers read is a parameter of each"):
        monkeypatch.setattr(repeats._Finder, "owns", lambda self, boxes, wire: True)
        assert [*once(tied).times.values()] == [3]
