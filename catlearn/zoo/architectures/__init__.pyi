from .attending import (
    attention as attention,
    experts as experts,
    feed_forward as feed_forward,
    grouped_attention as grouped_attention,
    rotary as rotary,
    swiglu as swiglu,
)
from .contracting import (
    U_NET as U_NET,
    u_net as u_net,
)
from .decoding import (
    LLAMA3_8B as LLAMA3_8B,
    LLAMA3_70B as LLAMA3_70B,
    MIXTRAL_8X7B as MIXTRAL_8X7B,
    llama as llama,
    llama_layer as llama_layer,
    mixtral as mixtral,
    mixtral_layer as mixtral_layer,
)
from .encoder_decoder import (
    TRANSFORMER_BASE as TRANSFORMER_BASE,
    TRANSFORMER_BIG as TRANSFORMER_BIG,
    decoder_layer as decoder_layer,
    encoder_layer as encoder_layer,
    transformer as transformer,
)
from .encoding import (
    BERT_BASE as BERT_BASE,
    BERT_LARGE as BERT_LARGE,
    BERT_NAMES as BERT_NAMES,
    MINILM as MINILM,
    POOLER_NAMES as POOLER_NAMES,
    bert as bert,
    bert_layer as bert_layer,
    sentence_encoder as sentence_encoder,
)
from .generating import (
    GPT2_LARGE as GPT2_LARGE,
    GPT2_MEDIUM as GPT2_MEDIUM,
    GPT2_SMALL as GPT2_SMALL,
    GPT2_XL as GPT2_XL,
    gpt2 as gpt2,
    gpt2_layer as gpt2_layer,
)
from .latent_attention import (
    DEEPSEEK_V3 as DEEPSEEK_V3,
    deepseek_layer as deepseek_layer,
    deepseek_v3 as deepseek_v3,
    shared_and_routed as shared_and_routed,
)
from .patches import (
    VIT_B16 as VIT_B16,
    VIT_L16 as VIT_L16,
    vit as vit,
    vit_layer as vit_layer,
)
from .residual_networks import (
    RESNET50 as RESNET50,
    bottleneck as bottleneck,
    resnet50 as resnet50,
)
from .state_spaces import (
    MAMBA_2_8B as MAMBA_2_8B,
    MAMBA_130M as MAMBA_130M,
    mamba as mamba,
    mamba_layer as mamba_layer,
    selective as selective,
)
from .variants import (
    sized as sized,
)
