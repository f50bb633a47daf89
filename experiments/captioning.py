"""Captions by an encoder and an autoregressive decoder, on composed pictures of real digits.

The data are composed: two or three handwritten digits of scikit-learn side by side, and sentences
from templates that say what stands where ("a three left of a seven"). Digits of test pictures are
in no training picture. The diagram is the regime of teacher forcing: from the picture and the words
before, the decoder has to give the words after. Captions of test pictures are then written word by
word, the most likely one each time, and measured by the BLEU of sacrebleu.

    python experiments/captioning.py [--quick] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from reporting import Clock, machine, parser, report, spread, table

import catlearn as cl
from catlearn.cli.demo import load_split
from catlearn.errors import CatlearnError

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PAD, START, END = "<pad>", "<start>", "<end>"
SLOTS, SIDE = 3, 8


def plural(digit: int) -> str:
    """Return the name of several of a digit: sixes, threes, zeros."""
    return NAMES[digit] + ("es" if digit == 6 else "s")


def sentences(digits: Sequence[int]) -> list[str]:
    """Return all that may be said of digits from left to right, words separated by spaces.

    Examples
    --------
    >>> sentences([3, 8])[:2]
    ['a three left of an eight', 'an eight right of a three']
    >>> sentences([6, 6])[0]
    'two sixes'
    """
    one = [f"{'an' if digit == 8 else 'a'} {NAMES[digit]}" for digit in digits]
    if len(set(digits)) == 1:
        many, what = NAMES[len(digits)], plural(digits[0])
        return [f"{many} {what}", f"{many} {what} side by side", f"only {what} , {many} of them"]
    if len(digits) == 2:
        a, b = one
        told = ("{0} left of {1}", "{1} right of {0}", "{0} followed by {1}", "{0} and then {1}")
        return [text.format(a, b) for text in told]
    a, b, c = one
    return [
        f"{a} , {b} and {c}",
        f"{b} between {a} and {c}",
        f"from left to right {a} , {b} and {c}",
        f"{a} left of {b} left of {c}",
    ]


@dataclass(frozen=True)
class Pictures:
    """Pictures with one sentence each to learn from, and all that are right of each.

    Parameters
    ----------
    images
        Ink from 0 to 1, shape ``(n, height, width)``.
    told
        One sentence of each.
    references
        All right sentences of each.
    """

    images: np.ndarray
    told: list[str]
    references: list[list[str]]

    def __len__(self) -> int:
        return len(self.images)


def compose(digits: tuple[np.ndarray, np.ndarray], count: int, seed: int) -> Pictures:
    """Put two or three digits, drawn with their labels, side by side; two leave one place free."""
    images, labels = digits
    random = np.random.default_rng(seed)
    canvas = np.zeros((count, SIDE, SLOTS * SIDE), np.float32)
    told, references = [], []
    for number in range(count):
        places = random.permutation(SLOTS)[: random.integers(2, SLOTS + 1)]
        rows = random.integers(len(images), size=len(places))
        for place, row in zip(np.sort(places), rows, strict=True):
            canvas[number, :, place * SIDE : (place + 1) * SIDE] = images[row].reshape(SIDE, SIDE)
        right = sentences([int(labels[row]) for row in rows])
        references.append(right)
        told.append(right[random.integers(len(right))])
    return Pictures(canvas, told, references)


@dataclass(frozen=True)
class Vocabulary:
    """Words by number; padding is 0.

    Parameters
    ----------
    words
        All words, the three marks first.
    length
        Of the longest sentence with its end.
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, told: Sequence[str]) -> Vocabulary:
        """Return the words of some sentences, in alphabetical order."""
        words = sorted({word for sentence in told for word in sentence.split()})
        longest = max(len(sentence.split()) for sentence in told)
        return cls((PAD, START, END, *words), longest + 1)

    def numbers(self, told: Sequence[str]) -> np.ndarray:
        """Return sentences as numbers between the marks, shape ``(n, length + 1)``."""
        place = {word: number for number, word in enumerate(self.words)}
        rows = np.zeros((len(told), self.length + 1), np.int32)
        for row, sentence in zip(rows, told, strict=True):
            marked = [START, *sentence.split(), END]
            row[: len(marked)] = [place[word] for word in marked]
        return rows

    def text(self, rows: np.ndarray) -> list[str]:
        """Return numbers as sentences, each up to its end."""
        told = []
        for row in rows:
            words = [self.words[number] for number in row]
            words = words[: words.index(END)] if END in words else words
            told.append(" ".join(word for word in words if word not in (PAD, START)))
        return told


def decoder(words: int, features: int, hidden: int = 128) -> tuple[Callable, Callable]:
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


def captioning(pictures: Pictures, vocabulary: Vocabulary, width: int = 256) -> cl.LearningDiagram:
    """Return the diagram of teacher forcing, ``catlearn.zoo.captioning``.

    From the data set two paths lead to the words after: one reads them, the other goes by the pair
    of the encoded picture and the words before, and through the decoder.
    """
    count, length = len(vocabulary.words), vocabulary.length
    image, inside = cl.Space("image", pictures.images.shape[1:]), cl.Space("F", 128)
    sentence = cl.Space("sentence", length + 1, "int32")
    context = cl.Product("context", inside, cl.Space("words", length, "int32"))
    logits = cl.Space("logits", (length, count))
    data = cl.Dataset(
        "pairs",
        image=(image, pictures.images),
        sentence=(sentence, vocabulary.numbers(pictures.told)),
    )
    encoder = cl.Model("encoder", image, inside, "mlp", width=width, depth=2)
    told = cl.Model("decoder", context, logits, decoder(count, 128))
    return cl.zoo.captioning(encoder, told, data, sentence)


def write(result: cl.Result, images: np.ndarray, vocabulary: Vocabulary) -> list[str]:
    """Write captions of pictures: the most likely word after each word, up to the end."""
    encode, decode = result.model("encoder"), jax.jit(result.model("decoder"))
    inside = encode(jnp.asarray(images))
    words = np.zeros((len(images), vocabulary.length + 1), np.int32)
    words[:, 0] = vocabulary.words.index(START)
    for place in range(vocabulary.length):
        logits = decode((inside, jnp.asarray(words[:, :-1])))
        words[:, place + 1] = np.argmax(np.asarray(logits[:, place]), axis=-1)
    return vocabulary.text(words)


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


def run_seed(seed: int, steps: int, sizes: tuple[int, int]) -> tuple[dict[str, float], list[str]]:
    """Train on one composition of the data, and return what was measured, with some captions."""
    split = load_split(seed)
    train, test = (
        compose(digits, size, seed)
        for digits, size in zip((split.train, split.test), sizes, strict=True)
    )
    vocabulary = Vocabulary.of([text for right in train.references for text in right])
    rate = optax.schedules.cosine_decay_schedule(2e-3, steps)
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    key = jax.random.key(seed)
    diagram = captioning(train, vocabulary)
    result = cl.fit(diagram, adam, steps=steps, batch_size=64, key=key, progress=False)
    written = write(result, test.images, vocabulary)
    right = [text in known for text, known in zip(written, test.references, strict=True)]
    others = [*written[1:], written[0]]
    found = {
        "BLEU-4, test pictures": bleu(written, test.references),
        "captions that are one of the right ones, in %": 100 * float(np.mean(right)),
        "BLEU-4, captions of other test pictures": bleu(others, test.references),
    }
    shown = zip(test.references, written, strict=True)
    return found, [f"| {known[0]} | {text} |" for known, text in list(shown)[:5]]


def main() -> None:
    """Train over several seeds, print the table, and write it if asked to."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    options.add_argument("--steps", type=int, default=1500, help="training steps (default 1500)")
    chosen = options.parse_args()
    seeds, steps = (1, 50) if chosen.quick else (chosen.seeds, chosen.steps)
    sizes = (500, 100) if chosen.quick else (20_000, 1000)
    clock, found, samples = Clock(), [], []
    for seed in range(chosen.seed, chosen.seed + seeds):
        one, shown = run_seed(seed, steps, sizes)
        found.append(one)
        samples = samples or shown
        print(f"seed {seed}: {one}", flush=True)
    rows = [[name, spread([one[name] for one in found], scale=1.0)] for name in found[0]]
    captions = table(["one right sentence", "caption written"], []) + "\n".join(samples) + "\n"
    about = (
        f"Composed data: {sizes[0]:,} pictures for training from 1,300 real digits, {sizes[1]:,} "
        f"for test from 497 other ones; two or three digits each, three or four right sentences a "
        f"picture, one of them to learn from, all of them as references. Mean ± standard deviation "
        f"over {seeds} seeds (from {chosen.seed}), {steps} steps of 64 pairs. "
        f"{clock}; {machine()}.\n\n"
        f"The first five test pictures of seed {chosen.seed}:\n\n{captions}"
    )
    report(f"{table(['measure', 'value'], rows)}\n{about}", chosen.out)


if __name__ == "__main__":
    main()
