from .attending import (
    attention as attention,
    feed_forward as feed_forward,
)
from .generating import (
    GPT2_LARGE as GPT2_LARGE,
    GPT2_MEDIUM as GPT2_MEDIUM,
    GPT2_SMALL as GPT2_SMALL,
    GPT2_XL as GPT2_XL,
    gpt2 as gpt2,
    gpt2_layer as gpt2_layer,
)
