"""Spaces, divergences, architectures and the maps made of them.

A space says which arrays live at a vertex and what a prediction costs there; a map is what
stands on an edge (Theory, section 2). What a user writes has a name (``Space``, ``Categorical``,
``Product``, ``Model``, ``Pairing``); its label has neither name nor values, is hashable, and is
all that a diagram holds. Importing this room loads numpy and nothing heavier.

Laws, all tested: labels do not see names or values; a divergence returns one cost per example
and that of a product is the sum of its factors'; a module's label is a function of its static
part and leaf shapes; the shape check accepts exactly the maps that run.

>>> X, Y = Space("X", 64), Categorical("Y", 10)
>>> model = Model("classify", X, Y, "mlp", width=32)
>>> model.label.trainable, model.failures()
(True, [])
>>> print(X.label, "->", Y.label)
R^64 -> {0..9}
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adapters": ["Adapter", "adapter_of", "as_architecture", "register_adapter"],
        "architectures": [
            "ACTIVATIONS",
            "Architecture",
            "Function",
            "LowRank",
            "Plain",
            "Registered",
            "Unbound",
            "architecture_names",
            "constant",
            "gaussian_sample",
            "linear",
            "mlp",
            "parameter",
            "register_architecture",
            "words_after",
            "words_before",
        ],
        "derived": [
            "Constant",
            "Each",
            "Operated",
            "each",
            "lora",
            "on_factors",
            "operation",
            "register_operator",
        ],
        "circuits": ["CircuitArchitecture", "CircuitModel", "LoweredCircuit"],
        "divergences": [
            "Divergence",
            "DivergenceSum",
            "binary_cross_entropy",
            "divergence_names",
            "gaussian_kl",
            "gaussian_nll",
            "hinge",
            "info_nce",
            "register_divergence",
            "word_cross_entropy",
        ],
        "maps": [
            "ArchitectureMap",
            "DefinedMap",
            "FactorMap",
            "FixedMap",
            "FrozenMap",
            "Map",
            "Model",
            "ModelMap",
            "OperatorMap",
            "Pairing",
            "ProjectionMap",
            "check_divergence",
            "check_edge",
            "check_parameters",
            "needs_key",
            "same_values",
        ],
        "modules": ["ModuleArchitecture"],
        "spaces": [
            "AnySpace",
            "ArrayLabel",
            "Categorical",
            "CategoricalLabel",
            "DataLabel",
            "DataSpace",
            "NamedSpace",
            "Product",
            "ProductLabel",
            "Space",
            "SpaceLabel",
            "as_input",
            "cast",
            "check_array",
            "is_named",
            "representation_of",
        ],
        "pretrained": ["read_parameters"],
    },
)
