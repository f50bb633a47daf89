from .atom import (
    Atom as Atom,
)
from .enriched import (
    Bimodule as Bimodule,
    EnrichedCategory as EnrichedCategory,
    EnrichedFunctor as EnrichedFunctor,
    LawvereMetric as LawvereMetric,
    free as free,
)
from .matrix import (
    Matrix as Matrix,
)
from .morphism import (
    COST as COST,
    CostCategory as CostCategory,
    CostMorphism as CostMorphism,
    amalgam as amalgam,
    comparison as comparison,
    injections as injections,
)
from .objective import (
    Aggregator as Aggregator,
    Maximum as Maximum,
    Objective as Objective,
    Term as Term,
    apart as apart,
    get_aggregator as get_aggregator,
    maximum as maximum,
    register_aggregator as register_aggregator,
)
from .opened import (
    OpenObjective as OpenObjective,
    join as join,
    minimise_by_scipy as minimise_by_scipy,
    wire as wire,
)
from .posynomial import (
    POSYNOMIALS as POSYNOMIALS,
    Infeasible as Infeasible,
    Optimum as Optimum,
    Posynomial as Posynomial,
    minimise as minimise,
)
from .quantale import (
    ADDITION as ADDITION,
    BOOL as BOOL,
    CLOSENESS as CLOSENESS,
    FORGET_ULTRA as FORGET_ULTRA,
    INDICATOR as INDICATOR,
    LAWVERE as LAWVERE,
    PROBABILITY as PROBABILITY,
    REACHABLE as REACHABLE,
    ULTRAMETRIC as ULTRAMETRIC,
    CommutativeMonoid as CommutativeMonoid,
    Quantale as Quantale,
    QuantaleMorphism as QuantaleMorphism,
    scaling as scaling,
    subsets as subsets,
)
