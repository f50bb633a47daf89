"""Captions by an encoder and an autoregressive decoder, on composed pictures or on photographs.

Composed data: two or three handwritten digits side by side, and sentences from templates that say
what stands where ("a three left of a seven"). Digits of test pictures are in no training picture.
The digits are scikit-learn's, or MNIST if its files are in the folder ``mnist`` of CATLEARN_DATA.
Photographs: Flickr8k if it is in the folder ``flickr8k``. ``--dataset`` says which.

The diagram is the regime of teacher forcing: from the picture and the words before, the decoder has
to give the words after. Captions of test pictures are then written word by word, the most likely
one each time, and measured by the BLEU of sacrebleu.

    python experiments/captioning.py [--quick] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import digits
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pairs
from encoders import features, small
from pairs import Pictures
from reporting import Clock, command, machine, parser, report, spread, table
from vocabulary import START, Vocabulary

import catlearn as cl
from catlearn.errors import CatlearnError


@dataclass(frozen=True)
class Sizes:
    """What depends on the data.

    Parameters
    ----------
    steps
        Of training.
    hidden
        Numbers in the decoder's state.
    least
        How often a word has to occur.
    longest
        After how many words sentences are cut, so that captions end.
    pictures
        For training and for test, at most.
    """

    steps: int
    hidden: int
    least: int
    longest: int
    pictures: tuple[int, int]


COMPOSED = Sizes(steps=1500, hidden=128, least=1, longest=20, pictures=(20_000, 1000))
PHOTOGRAPHS = Sizes(steps=8000, hidden=256, least=5, longest=20, pictures=(8000, 1000))
DATASETS = {"digits": COMPOSED, "mnist": COMPOSED, "flickr8k": PHOTOGRAPHS}


def decoder(words: int, features: int, hidden: int) -> tuple[Callable, Callable]:
    """Return a gated recurrent unit that reads the words before, and the features with each."""
    shapes = {
        "seen": (features, hidden),
        "embedding": (words, hidden),
        "gates": (2 * hidden, 2 * hidden),
        "change": (2 * hidden, hidden),
        "readout": (hidden, words),
    }

    def initialise(key: Any) -> dict[str, Any]:
        keys = jax.random.split(key, len(shapes))
        return {
            name: jax.random.normal(one, shape) * shape[0] ** -0.5
            for one, (name, shape) in zip(keys, shapes.items(), strict=True)
        }

    def apply(params: Any, picture: Any, words: Any) -> Any:
        def step(state: Any, word: Any) -> tuple[Any, Any]:
            gates = jax.nn.sigmoid(jnp.concatenate([word, state], axis=1) @ params["gates"])
            keep, reset = jnp.split(gates, 2, axis=1)
            new = jnp.tanh(jnp.concatenate([word, reset * state], axis=1) @ params["change"])
            state = keep * state + (1 - keep) * new
            return state, state

        seen = picture @ params["seen"]
        inputs = jnp.moveaxis(params["embedding"][words], 1, 0) + seen
        _, states = jax.lax.scan(step, jnp.zeros_like(seen), inputs)
        return jnp.moveaxis(states, 0, 1) @ params["readout"]

    return initialise, apply


def encoder_of(shape: tuple[int, ...], width: int) -> tuple[cl.Model, int]:
    """Return the encoder of pictures, and how many features it gives.

    It is one of full layers for grey pictures, and one of convolutions for such with three colours.
    """
    image = cl.Space("image", shape)
    if len(shape) == 2:
        return cl.Model("encoder", image, cl.Space("F", 128), "mlp", width=width, depth=2), 128
    pair = small(shape[-1])
    (count,) = features(pair, shape)
    return cl.Model("encoder", image, cl.Space("F", count), pair), count


def captioning(
    shape: tuple[int, ...], vocabulary: Vocabulary, hidden: int = 128, width: int = 256
) -> cl.LearningDiagram:
    """Return the diagram of teacher forcing, ``catlearn.zoo.captioning``.

    From the data set two paths lead to the words after: one reads them, the other goes by the pair
    of the encoded picture and the words before, and through the decoder.

    Parameters
    ----------
    shape
        Of a picture, with three colours at the end if it has any.
    vocabulary
        The words.
    hidden, width
        Numbers in the state of the decoder, and in layers of an encoder of full width.
    """
    count, length = len(vocabulary.words), vocabulary.length
    encoder, seen = encoder_of(shape, width)
    sentence = cl.Space("sentence", length + 1, "int32")
    words = cl.Space("words", length, "int32")
    context = cl.Product("context", encoder.target, words)
    logits = cl.Space("logits", (length, count))
    data = cl.Dataset("pairs", image=encoder.source, sentence=sentence)
    told = decoder(count, seen, hidden)
    return cl.zoo.captioning(encoder, cl.Model("decoder", context, logits, told), data, sentence)


def write(
    result: cl.Result, pictures: Pictures, vocabulary: Vocabulary, batch: int = 200
) -> list[str]:
    """Write captions of pictures: the most likely word after each word, up to the end."""
    encode, decode = jax.jit(result.model("encoder")), jax.jit(result.model("decoder"))
    written: list[str] = []
    for start in range(0, len(pictures), batch):
        inside = encode(jnp.asarray(pictures.pixels(slice(start, start + batch))))
        words = np.zeros((len(inside), vocabulary.length + 1), np.int32)
        words[:, 0] = vocabulary.words.index(START)
        for place in range(vocabulary.length):
            logits = decode((inside, jnp.asarray(words[:, :-1])))
            words[:, place + 1] = np.argmax(np.asarray(logits[:, place]), axis=-1)
        written += vocabulary.text(words)
    return written


def bleu(written: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the BLEU of a corpus, up to four words together, against several references.

    Raises
    ------
    CatlearnError
        If sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        message = 'captions are measured by sacrebleu: pip install "catlearn[examples]"'
        raise CatlearnError(message) from error
    # Streams of references have one for each caption; a reference given twice changes nothing.
    most = max(map(len, references))
    streams = [[right[min(k, len(right) - 1)] for right in references] for k in range(most)]
    return BLEU(tokenize="none", force=True).corpus_score(list(written), streams).score


def run_seed(
    train: Pictures, test: Pictures, seed: int, sizes: Sizes
) -> tuple[dict[str, float], list[str]]:
    """Train on some pictures, and return what was measured on others, with some captions."""
    known = [text for right in train.references for text in right]
    vocabulary = Vocabulary.of(known, sizes.least, sizes.longest)
    rate = optax.schedules.cosine_decay_schedule(2e-3, sizes.steps)
    result = cl.fit(
        captioning(train.images.shape[1:], vocabulary, sizes.hidden),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)),
        steps=sizes.steps,
        data={"pairs": pairs.batches(train, vocabulary, 64, seed)},
        key=jax.random.key(seed),
        progress=False,
    )
    written = write(result, test, vocabulary)
    right = [text in told for text, told in zip(written, test.references, strict=True)]
    others = [*written[1:], written[0]]
    found = {
        "BLEU-4, test pictures": bleu(written, test.references),
        "captions that are one of the right ones, in %": 100 * float(np.mean(right)),
        "BLEU-4, captions of other test pictures": bleu(others, test.references),
    }
    shown = zip(test.references, written, strict=True)
    return found, [f"| {told[0]} | {text} |" for told, text in list(shown)[:5]]


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Train over several seeds, print the table, and write it if asked to."""
    options = parser(__doc__)
    digits.add_options(options, tuple(DATASETS))
    options.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    options.add_argument("--steps", type=int, help="of training (default 1500; photographs 8000)")
    chosen = options.parse_args(arguments)
    dataset = digits.chosen(chosen, tuple(DATASETS))
    sizes, seeds = DATASETS[dataset], 1 if chosen.quick else chosen.seeds
    if chosen.quick:
        sizes = replace(sizes, steps=50, hidden=32, pictures=(500, 100))
    sizes = replace(sizes, steps=chosen.steps or sizes.steps)
    clock, found, samples, data = Clock(), [], [], ""
    for seed in range(chosen.seed, chosen.seed + seeds):
        train, test, data = pairs.load(dataset, chosen.data, seed, sizes.pictures)
        one, shown = run_seed(train, test, seed, sizes)
        found.append(one)
        samples = samples or shown
        print(f"seed {seed}: {one}", flush=True)
    rows = [[name, spread([one[name] for one in found], scale=1.0)] for name in found[0]]
    captions = table(["one right sentence", "caption written"], []) + "\n".join(samples) + "\n"
    words = (
        f" Words that occur {sizes.least} times or more, sentences of {sizes.longest} words or "
        "less."
        if sizes.least > 1
        else ""
    )
    about = (
        f"{data}.{words} Mean ± standard deviation over {seeds} seeds (from {chosen.seed}), "
        f"{sizes.steps} steps of 64 pairs. {clock}; {machine()}.\n\n"
        f"The first five test pictures of seed {chosen.seed}:\n\n{captions}"
    )
    report(f"{table(['measure', 'value'], rows)}\n{about}", chosen.out)


if __name__ == "__main__":
    main()
