"""Architectures that have a name, each a whole circuit whose sizes are symbols.

Each function returns the :class:`~catlearn.Circuit` of a paper, from tokens or an image to scores.
Published sizes are dictionaries beside it, so that ``gpt2().at(GPT2_SMALL)`` is the model that was
trained; counts are those that were published, tested for each.

>>> from catlearn.zoo.architectures import GPT2_SMALL, gpt2
>>> gpt2()
Circuit(N<V>[x] -> R[x V])
>>> gpt2().at(GPT2_SMALL).counts().parameters
124439808
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attending": ["attention", "feed_forward"],
        "generating": ["GPT2_LARGE", "GPT2_MEDIUM", "GPT2_SMALL", "GPT2_XL", "gpt2", "gpt2_layer"],
    },
)
