"""Models of other libraries are imported whole: numbers, coverage, parameters.

They need the group ``models`` of what can be installed, and are skipped where it is not.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import embed, linear, norm, shift, tanh, traced, view
from catlearn.drawing.circuits.scene import circuit_scene
from catlearn.models.circuits import nested
from catlearn.zoo.architectures import BERT_NAMES, POOLER_NAMES, bert_layer

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torch", reason="torch is not installed")
from benchmarks.by_hand.imported import IDS, MODELS, SIZES, TEXT, is_there


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_models_are_imported(name):
    library, make = MODELS[name]
    why = is_there(library)
    if why:
        pytest.skip(why)
    model = make()
    found = model.found
    assert found.coverage["flops"] > 0.95
    assert found.coverage["operations"] > 0.95
    fn = jax.jit(cl.lower(found.circuit))
    result = found.result(fn(found.params, *found.inputs(*model.arguments)))
    for ours, theirs in zip(jax.tree.leaves(result), model.expected, strict=True):
        assert np.abs(np.asarray(ours) - theirs).max() < 1e-5 * np.abs(theirs).max()
    if model.gallery is not None:
        assert model.gallery.counts().parameters == model.trained
    assert found.circuit.counts().parameters >= model.trained


@pytest.mark.filterwarnings("ignore")
def test_layers_are_drawn_once():
    _, make = MODELS["GPT-2 (transformers)"]
    scene = circuit_scene(make().found.circuit, depth=1)
    found = [stand.glyph.sign for stand in scene.stands if stand.glyph.kind == "closed"]
    assert found == ["wte", "h ×2", "ln_f"]


def unrolled_bert():
    """The circuit of the gallery, each of its layers with parameters of its own."""

    @traced("x", "x", "x", types=[None, None, "B"])
    def model(tokens, texts, mask):
        t = embed("words", "V -> m")(tokens) + embed("texts", "t -> m")(texts)
        t = norm("ln", "[m]", eps=1e-12)(shift("positions", "c m", at="x")(t))
        for k in range(SIZES["L"]):
            t, _ = bert_layer().named(f"layers/{k}")(t, mask)
        return t, tanh(linear("pooler", "m -> n", bias=True, n="m")(view("0 m -> m")(t)))

    return model


def own_names(state):
    """Return parameters of transformers by the names, and in the shapes, of the gallery."""
    found = {}
    for own, (theirs, pattern) in (BERT_NAMES | POOLER_NAMES).items():
        left, right = (side.split() for side in pattern.replace("->", " -> ").split(" -> "))
        heads = left.index("(h") if "(h" in left else None
        letters = "".join(left).replace("(", "").replace(")", "")
        for k in range(SIZES["L"] if "layers/" in own else 1):
            array = state[theirs.format(k)]
            if heads is not None:
                split = SIZES["h"], SIZES["d"]
                array = array.reshape(*array.shape[:heads], *split, *array.shape[heads + 1 :])
            address = own.replace("layers/", f"layers/{k}/")
            found[address] = jnp.einsum(f"{letters}->{''.join(right)}", array)
    return nested(found)


def test_bert_is_equal_to_that_of_the_gallery():
    _, make = MODELS["BERT (transformers)"]
    model = make()
    sizes = {name: size for name, size in SIZES.items() if name != "L"} | {"c": 64, "t": 2}
    fn = cl.lower(unrolled_bert(), sizes=sizes)

    def gallery(state, tokens, mask, texts):
        return jax.vmap(lambda *one: fn(own_names(state), *one))(tokens, texts, mask)

    inputs = IDS, np.ones(TEXT, bool), np.zeros(TEXT, np.int32)
    other = cl.importing.imported(gallery, model.found.params, *inputs, params=0)
    assert bool(model.found.circuit.equal(other.circuit))
