"""Architectures that have a name, each a whole circuit whose sizes are symbols.

Each function returns the :class:`~catlearn.Circuit` of a paper, from tokens or an image to scores.
Published sizes are dictionaries beside it, so that ``gpt2().at(GPT2_SMALL)`` is the model that was
trained; counts are those that were published, tested for each.

>>> from catlearn.zoo.architectures import GPT2_SMALL, gpt2
>>> gpt2()
Circuit(N<V>[x] -> R[x V])
>>> gpt2().at(GPT2_SMALL).counts().parameters
124439808

:func:`sized` puts those sizes of such a table that a layer or a variant has.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attending": [
            "attention",
            "experts",
            "feed_forward",
            "grouped_attention",
            "rotary",
            "swiglu",
        ],
        "contracting": ["U_NET", "u_net"],
        "decoding": [
            "LLAMA3_70B",
            "LLAMA3_8B",
            "MIXTRAL_8X7B",
            "llama",
            "llama_layer",
            "mixtral",
            "mixtral_layer",
        ],
        "encoder_decoder": [
            "TRANSFORMER_BASE",
            "TRANSFORMER_BIG",
            "decoder_layer",
            "encoder_layer",
            "transformer",
        ],
        "encoding": [
            "BERT_BASE",
            "BERT_LARGE",
            "BERT_NAMES",
            "MINILM",
            "POOLER_NAMES",
            "bert",
            "bert_layer",
            "sentence_encoder",
        ],
        "generating": ["GPT2_LARGE", "GPT2_MEDIUM", "GPT2_SMALL", "GPT2_XL", "gpt2", "gpt2_layer"],
        "latent_attention": ["DEEPSEEK_V3", "deepseek_layer", "deepseek_v3", "shared_and_routed"],
        "patches": ["VIT_B16", "VIT_L16", "vit", "vit_layer"],
        "residual_networks": ["RESNET50", "bottleneck", "resnet50"],
        "state_spaces": ["MAMBA_130M", "MAMBA_2_8B", "mamba", "mamba_layer", "selective"],
        "variants": ["sized"],
    },
)
