"""The public face: the names of each room, loaded on first use and visible to type checkers."""

from . import (
    category as category,
    cost as cost,
    cset as cset,
    display as display,
    drawing as drawing,
    errors as errors,
    finset as finset,
    formats as formats,
    laws as laws,
    learning as learning,
    lowering as lowering,
    models as models,
    training as training,
)
from .category import (
    Arborescence as Arborescence,
    Budget as Budget,
    Category as Category,
    Composes as Composes,
    Equal as Equal,
    Equation as Equation,
    FiniteCategory as FiniteCategory,
    Finiteness as Finiteness,
    Functions as Functions,
    Functor as Functor,
    Graph as Graph,
    GraphMorphism as GraphMorphism,
    Morphisms as Morphisms,
    NotEqual as NotEqual,
    Path as Path,
    Paths as Paths,
    Presentation as Presentation,
    PresentationMorphism as PresentationMorphism,
    PresentedCategory as PresentedCategory,
    RewritingSystem as RewritingSystem,
    Unknown as Unknown,
    Verdict as Verdict,
    complete as complete,
)
from .cost import (
    Aggregator as Aggregator,
    Atom as Atom,
    CostMorphism as CostMorphism,
    Objective as Objective,
    Term as Term,
    register_aggregator as register_aggregator,
)
from .cset import (
    CSet as CSet,
    CSetMorphism as CSetMorphism,
    Schema as Schema,
    SchGraph as SchGraph,
    automorphisms as automorphisms,
    homomorphism as homomorphism,
    homomorphisms as homomorphisms,
    is_isomorphic as is_isomorphic,
    isomorphism as isomorphism,
)
from .drawing import Picture as Picture, draw as draw
from .errors import CatlearnError as CatlearnError, InvalidStructure as InvalidStructure
from .finset import (
    Colimit as Colimit,
    Diagram as Diagram,
    FinFunction as FinFunction,
    FinSet as FinSet,
    Limit as Limit,
    ListFunction as ListFunction,
    Shape as Shape,
    Span as Span,
    TableMorphism as TableMorphism,
    Tables as Tables,
    coequalizer as coequalizer,
    colimit as colimit,
    coproduct as coproduct,
    equalizer as equalizer,
    initial as initial,
    limit as limit,
    product as product,
    pullback as pullback,
    pushout as pushout,
    terminal as terminal,
)
from .formats import (
    from_json as from_json,
    load as load,
    save as save,
    to_json as to_json,
)
from .learning import (
    Dataset as Dataset,
    Defined as Defined,
    LearningDiagram as LearningDiagram,
    LearningMorphism as LearningMorphism,
    Loss as Loss,
    LossTerm as LossTerm,
    Selection as Selection,
    glue as glue,
    loss_functor as loss_functor,
)
from .lowering import Lowered as Lowered, lower as lower
from .models import (
    Categorical as Categorical,
    Divergence as Divergence,
    Map as Map,
    Model as Model,
    Pairing as Pairing,
    Product as Product,
    Space as Space,
    register_adapter as register_adapter,
    register_architecture as register_architecture,
    register_divergence as register_divergence,
)
from .training import (
    Batches as Batches,
    History as History,
    Result as Result,
    batches as batches,
    fit as fit,
    per_edge as per_edge,
)

__version__: str
