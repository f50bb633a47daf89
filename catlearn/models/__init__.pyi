from .adapters import (
    Adapter as Adapter,
    adapter_of as adapter_of,
    as_architecture as as_architecture,
    register_adapter as register_adapter,
)
from .architectures import (
    ACTIVATIONS as ACTIVATIONS,
    Architecture as Architecture,
    Function as Function,
    LowRank as LowRank,
    Plain as Plain,
    Registered as Registered,
    Unbound as Unbound,
    architecture_names as architecture_names,
    constant as constant,
    gaussian_sample as gaussian_sample,
    linear as linear,
    mlp as mlp,
    parameter as parameter,
    register_architecture as register_architecture,
    words_after as words_after,
    words_before as words_before,
)
from .circuits import (
    CircuitArchitecture as CircuitArchitecture,
    CircuitModel as CircuitModel,
    LoweredCircuit as LoweredCircuit,
)
from .derived import (
    Constant as Constant,
    Each as Each,
    Operated as Operated,
    each as each,
    lora as lora,
    on_factors as on_factors,
    operation as operation,
    register_operator as register_operator,
)
from .divergences import (
    Divergence as Divergence,
    DivergenceSum as DivergenceSum,
    binary_cross_entropy as binary_cross_entropy,
    divergence_names as divergence_names,
    gaussian_kl as gaussian_kl,
    gaussian_nll as gaussian_nll,
    hinge as hinge,
    info_nce as info_nce,
    register_divergence as register_divergence,
    word_cross_entropy as word_cross_entropy,
)
from .maps import (
    ArchitectureMap as ArchitectureMap,
    DefinedMap as DefinedMap,
    FactorMap as FactorMap,
    FixedMap as FixedMap,
    FrozenMap as FrozenMap,
    Map as Map,
    Model as Model,
    ModelMap as ModelMap,
    OperatorMap as OperatorMap,
    Pairing as Pairing,
    ProjectionMap as ProjectionMap,
    check_divergence as check_divergence,
    check_edge as check_edge,
    check_parameters as check_parameters,
    needs_key as needs_key,
    same_values as same_values,
)
from .modules import (
    ModuleArchitecture as ModuleArchitecture,
)
from .pretrained import (
    read_parameters as read_parameters,
)
from .spaces import (
    AnySpace as AnySpace,
    ArrayLabel as ArrayLabel,
    Categorical as Categorical,
    CategoricalLabel as CategoricalLabel,
    DataLabel as DataLabel,
    DataSpace as DataSpace,
    NamedSpace as NamedSpace,
    Product as Product,
    ProductLabel as ProductLabel,
    Space as Space,
    SpaceLabel as SpaceLabel,
    as_input as as_input,
    cast as cast,
    check_array as check_array,
    is_named as is_named,
    representation_of as representation_of,
)
