r"""Image captioning: an encoder of images, and a decoder that predicts one word after another.

While training the decoder is forced to follow its teacher: it reads the true words, not the ones
that it predicted. So both sides of the equation are paths from the data set. One reads the
words after each place; the other goes by the pair of the encoded image and the words before.

.. math::
    S \xrightarrow{\langle \mathrm{image} \to F,\ \mathrm{before} \rangle} F \times W
    \xrightarrow{\mathrm{decoder}} V \;=\; S \xrightarrow{\mathrm{after}} V

V holds logits for the word at each place, measured by cross-entropy, where padding costs nothing.
The decoder is autoregressive: what it tells at a place depends on the words before it alone. This
is its maker's promise, and nothing here needs it; writing captions word by word does.

>>> import catlearn as cl
>>> image, F = cl.Space("image", 64), cl.Space("F", 8)
>>> sentence, words = cl.Space("sentence", 6, "int32"), cl.Space("words", 5, "int32")
>>> logits = cl.Space("logits", (5, 11))
>>> encoder = cl.Model("encoder", image, F, "mlp")
>>> decoder = cl.Model("decoder", cl.Product("context", F, words), logits, "linear")
>>> pairs = cl.Dataset("pairs", image=image, sentence=sentence)
>>> diagram = captioning(encoder, decoder, pairs, sentence)
>>> print(*diagram.soft_equations, *map(str, diagram.definition("seen")), sep="\n")
seen >> decoder = pairs.sentence >> after
pairs.image >> encoder
pairs.sentence >> before

References
----------
Vinyals, Toshev, Bengio, Erhan, "Show and tell", arXiv 1411.4555, 2014. Williams, Zipser, "A
learning algorithm for continually running fully recurrent neural networks", 1989, for teacher
forcing.
"""

from __future__ import annotations

from collections.abc import Sequence

from catlearn.category import Equation
from catlearn.errors import fault
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Model, Pairing, Product, Space
from catlearn.zoo.squares import along, chain, column


def captioning(
    encoder: Model | Sequence[Model],
    decoder: Model,
    data: Dataset,
    sentence: Space,
    *,
    padding: int = 0,
) -> LearningDiagram:
    """Return the regime in which a decoder tells the next word of captions.

    Parameters
    ----------
    encoder
        From a space of images: one model, or several in a row.
    decoder
        From the product of the encoder's end and n word numbers to logits of shape (n, words).
    data
        With a column of images, and one of sentences.
    sentence
        The space of the sentences: n + 1 word numbers, among them the marks of start and end.
    padding
        The word number that stands for no word.

    Raises
    ------
    InvalidStructure
        If the data do not have those columns, or the shapes do not fit.
    """
    there, context, logits = chain(encoder), decoder.source, decoder.target
    if not isinstance(context, Product) or not isinstance(logits, Space):
        message = f"leads from {context} to {logits}, expected a product of the features and the "
        raise fault(
            "captioning", "decoder", f"'{decoder.name}'", message + "words before, and a Space"
        )
    before = Model("before", sentence, context.spaces[-1], "words_before")
    own = {"words": logits.shape[-1], "padding": padding, "dtype": logits.dtype}
    after = Model("after", sentence, logits, "words_after", **own)
    read = column(data, sentence)
    seen = Pairing("seen", context, along(data, there), f"{read} >> before")
    sees = LearningDiagram(data, *there, before, seen)
    sides = f"seen >> {decoder.name} = {read} >> after"
    next_word = Equation(sides, divergence="word_cross_entropy")
    return glue(sees, LearningDiagram(decoder), LearningDiagram(after)).with_equations([next_word])
