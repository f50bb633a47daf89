"""Array circuits: models as diagrams of arrays, axes and operations.

A circuit says of every operation which axes it acts on and what is broadcast over what, and which
arrays are learned and shared. Circuits compose by pushouts that align axes.

>>> from catlearn.arrays import copy, einsum, linear, mul, silu
>>> gated = copy(2) >> (linear("gate", "m -> f") >> silu) @ linear("up", "m -> f") >> mul
>>> feed_forward = gated >> linear("down", "f -> m")
>>> feed_forward.at(m=8, f=32).parameters["down"]
(Size('32'), Size('8'))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "boxes": ["ArrayHypergraph", "Operation"],
        "circuit_rules": ["CircuitRule", "RuleRefused", "rules_for"],
        "circuit": ["Circuit", "compose", "lift", "tensor"],
        "counting": ["Counts"],
        "forms": ["Form", "Lookup", "IndexPart", "Reading"],
        "kernels": ["Kernel"],
        "programs": ["Program", "programmed"],
        "operations": [
            "absolute",
            "add",
            "argmax",
            "argmin",
            "attention",
            "bias",
            "concat",
            "constant",
            "conv",
            "copy",
            "cos",
            "cross_entropy",
            "cumsum",
            "discard",
            "dropout",
            "einsum",
            "elementwise",
            "embed",
            "exp",
            "exp2",
            "gain",
            "erf",
            "gelu",
            "idle",
            "indicator",
            "linear",
            "log",
            "logsumexp",
            "maximum",
            "mean",
            "minimum",
            "mul",
            "neg",
            "norm",
            "parameter",
            "permute",
            "pool",
            "reciprocal",
            "relu",
            "residual",
            "shift",
            "sigmoid",
            "silu",
            "sin",
            "softmax",
            "softplus",
            "sort",
            "sqrt",
            "square",
            "stop",
            "swap",
            "take",
            "tanh",
            "top_k",
            "unit",
            "variance",
            "view",
            "where",
        ],
        "positions": ["angles", "interleaved", "one_hot", "scatter", "sinusoid"],
        "tracing": ["traced"],
        "rewriting": ["Rewritten", "rewrite"],
        "sizes": ["SizeRelation", "Scalar", "Size", "read_scalar", "read_size", "solve"],
    },
)
