from .complement import (
    Complement as Complement,
    final_pullback_complement as final_pullback_complement,
    is_pushout as is_pushout,
    pushout_complement as pushout_complement,
    pushout_complements as pushout_complements,
)
from .cospan import (
    Open as Open,
    open_graph as open_graph,
)
from .cset import (
    CSet as CSet,
    CSetMorphism as CSetMorphism,
    Schema as Schema,
    SchGraph as SchGraph,
)
from .elements import (
    Elements as Elements,
    category_of_elements as category_of_elements,
    elements_graph as elements_graph,
    from_elements as from_elements,
)
from .free import (
    FreeCartesian as FreeCartesian,
    FreeMonoidal as FreeMonoidal,
)
from .migration import (
    KanExtension as KanExtension,
    LeftKan as LeftKan,
    RightKan as RightKan,
    delta as delta,
    left_kan as left_kan,
    pi as pi,
    pi_unit as pi_unit,
    right_kan as right_kan,
    sigma as sigma,
    sigma_counit as sigma_counit,
)
from .profunctor import (
    Profunctor as Profunctor,
    coend as coend,
    end as end,
    functions_between as functions_between,
    hom_profunctor as hom_profunctor,
    tensor as tensor,
)
from .query import (
    Query as Query,
    pattern as pattern,
)
from .representables import (
    Yoneda as Yoneda,
    density as density,
    representable as representable,
    yoneda as yoneda,
    yoneda_embedding as yoneda_embedding,
)
from .rewriting import (
    Rewrite as Rewrite,
    Rule as Rule,
)
from .search import (
    Variable as Variable,
    automorphisms as automorphisms,
    homomorphism as homomorphism,
    homomorphisms as homomorphisms,
    is_isomorphic as is_isomorphic,
    isomorphism as isomorphism,
)
from .topos import (
    Exponential as Exponential,
    Subobject as Subobject,
    SubobjectClassifier as SubobjectClassifier,
    exponential as exponential,
    image as image,
    subobject_classifier as subobject_classifier,
    subobject_lattice as subobject_lattice,
    subobjects as subobjects,
)
from .wiring import (
    WIRING as WIRING,
    WiringDiagram as WiringDiagram,
    oapply as oapply,
    ocompose as ocompose,
)
