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

from catlearn.models.adapters import Adapter, adapter_of, as_architecture, register_adapter
from catlearn.models.architectures import (
    ACTIVATIONS,
    Architecture,
    Function,
    Plain,
    Registered,
    Unbound,
    architecture_names,
    constant,
    gaussian_sample,
    linear,
    mlp,
    parameter,
    register_architecture,
    words_after,
    words_before,
)
from catlearn.models.derived import (
    Constant,
    Each,
    LowRank,
    Operated,
    each,
    lora,
    on_factors,
    operation,
    register_operator,
)
from catlearn.models.divergences import (
    Divergence,
    DivergenceSum,
    binary_cross_entropy,
    divergence_names,
    gaussian_kl,
    gaussian_nll,
    hinge,
    info_nce,
    register_divergence,
    word_cross_entropy,
)
from catlearn.models.maps import (
    ArchitectureMap,
    DefinedMap,
    FactorMap,
    FixedMap,
    FrozenMap,
    Map,
    Model,
    ModelMap,
    OperatorMap,
    Pairing,
    ProjectionMap,
    check_divergence,
    check_edge,
    check_parameters,
    needs_key,
)
from catlearn.models.modules import ModuleArchitecture
from catlearn.models.spaces import (
    AnySpace,
    Categorical,
    DataSpace,
    Product,
    Space,
    as_input,
    cast,
    check_array,
    is_named,
    representation_of,
)
from catlearn.tensors import same_values

__all__ = [
    "AnySpace",
    "DataSpace",
    "is_named",
    "ProjectionMap",
    "OperatorMap",
    "ModelMap",
    "FrozenMap",
    "FixedMap",
    "FactorMap",
    "DefinedMap",
    "ArchitectureMap",
    "ACTIVATIONS",
    "Adapter",
    "Architecture",
    "Categorical",
    "Constant",
    "Divergence",
    "DivergenceSum",
    "Each",
    "Function",
    "LowRank",
    "Map",
    "Model",
    "ModuleArchitecture",
    "Operated",
    "Pairing",
    "Plain",
    "Product",
    "Registered",
    "Space",
    "Unbound",
    "adapter_of",
    "architecture_names",
    "as_architecture",
    "as_input",
    "binary_cross_entropy",
    "cast",
    "check_array",
    "check_divergence",
    "check_edge",
    "check_parameters",
    "constant",
    "divergence_names",
    "each",
    "gaussian_kl",
    "gaussian_nll",
    "gaussian_sample",
    "hinge",
    "info_nce",
    "linear",
    "lora",
    "mlp",
    "needs_key",
    "on_factors",
    "operation",
    "parameter",
    "register_adapter",
    "register_architecture",
    "register_divergence",
    "register_operator",
    "representation_of",
    "same_values",
    "word_cross_entropy",
    "words_after",
    "words_before",
]

ArrayLabel, CategoricalLabel, ProductLabel, DataLabel = Space, Categorical, Product, DataSpace
SpaceLabel = NamedSpace = AnySpace  # the names of before
