from .adjunctions import (
    Adjunction as Adjunction,
    adjunction as adjunction,
    left_adjoint as left_adjoint,
    right_adjoint as right_adjoint,
)
from .cat import (
    presentation_of_colimit as presentation_of_colimit,
)
from .completion import (
    RewritingSystem as RewritingSystem,
    complete as complete,
)
from .constructions import (
    Comma as Comma,
    Grothendieck as Grothendieck,
    Karoubi as Karoubi,
    Skeleton as Skeleton,
    Slice as Slice,
    Subcategory as Subcategory,
    TwistedArrows as TwistedArrows,
    arrow_category as arrow_category,
    comma as comma,
    coslice_category as coslice_category,
    full_subcategory as full_subcategory,
    grothendieck as grothendieck,
    karoubi as karoubi,
    opposite as opposite,
    skeleton as skeleton,
    slice_category as slice_category,
    subcategory as subcategory,
    twisted_arrow_category as twisted_arrow_category,
    wide_subcategory as wide_subcategory,
)
from .enumeration import (
    FunctorCategory as FunctorCategory,
    are_equivalent as are_equivalent,
    are_isomorphic as are_isomorphic,
    functor_category as functor_category,
    functors as functors,
)
from .finite import (
    FiniteCategory as FiniteCategory,
)
from .functor import (
    Functor as Functor,
)
from .graph import (
    GRAPH as GRAPH,
    Arborescence as Arborescence,
    Graph as Graph,
    GraphMorphism as GraphMorphism,
)
from .hypergraph import (
    HYPERGRAPH as HYPERGRAPH,
    Hypergraph as Hypergraph,
    HypergraphBuilder as HypergraphBuilder,
    OpenHypergraph as OpenHypergraph,
    StringDiagram as StringDiagram,
    evaluate as evaluate,
)
from .inside import (
    Arrow as Arrow,
    Object as Object,
)
from .lenses import (
    Lens as Lens,
    Lenses as Lenses,
    Para as Para,
    Parametric as Parametric,
    Port as Port,
)
from .monads import (
    Comonad as Comonad,
    EilenbergMoore as EilenbergMoore,
    Kleisli as Kleisli,
    Monad as Monad,
    eilenberg_moore as eilenberg_moore,
    kleisli as kleisli,
)
from .monoidal import (
    Monoidal as Monoidal,
    MonoidalFunctor as MonoidalFunctor,
)
from .path import (
    Path as Path,
)
from .presentation import (
    PRESENTATION as PRESENTATION,
    Equation as Equation,
    Presentation as Presentation,
    PresentationMorphism as PresentationMorphism,
)
from .presented import (
    Finiteness as Finiteness,
    PresentedCategory as PresentedCategory,
)
from .protocol import (
    Budget as Budget,
    Category as Category,
    Composes as Composes,
    Equal as Equal,
    NotEqual as NotEqual,
    Unknown as Unknown,
    Verdict as Verdict,
)
from .targets import (
    Functions as Functions,
    Morphisms as Morphisms,
    Paths as Paths,
)
from .transformation import (
    NaturalTransformation as NaturalTransformation,
    natural_transformations as natural_transformations,
    naturally_isomorphic as naturally_isomorphic,
)
