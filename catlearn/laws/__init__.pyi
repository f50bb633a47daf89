from .algebra import (
    Cospans as Cospans,
    Monoid as Monoid,
    cartesian as cartesian,
    commutative_monoid as commutative_monoid,
    cospan as cospan,
    enriched as enriched,
    enriched_functor as enriched_functor,
    monoid as monoid,
    monoidal as monoidal,
    monoidal_functor as monoidal_functor,
    quantale as quantale,
    symmetric_monoidal as symmetric_monoidal,
)
from .categories import (
    adjunction as adjunction,
    category as category,
    functor as functor,
    natural_transformation as natural_transformation,
)
from .checking import (
    SPECS as SPECS,
    Counterexample as Counterexample,
    LawsBroken as LawsBroken,
    Outcome as Outcome,
    Report as Report,
    check as check,
    suite as suite,
)
from .circuits import (
    Circuits as Circuits,
    ClosedCircuits as ClosedCircuits,
    alignments as alignments,
    array_circuits as array_circuits,
    circuit as circuit,
    circuit_equality as circuit_equality,
    counting as counting,
)
from .cones import (
    colimit as colimit,
    limit as limit,
)
from .copresheaves import (
    cset as cset,
    cset_morphism as cset_morphism,
)
from .law import (
    Comparison as Comparison,
    Law as Law,
    compare as compare,
    sketch as sketch,
)
from .losses import (
    datasets as datasets,
    interpretation as interpretation,
    learning_diagrams as learning_diagrams,
    learning_morphisms as learning_morphisms,
    learning_parts as learning_parts,
    learning_spans as learning_spans,
    loss_functor as loss_functor,
    parameters as parameters,
    some_parameters as some_parameters,
)
from .signature import (
    Signature as Signature,
    Spec as Spec,
)
from .strategies import (
    csets as csets,
    finite_categories as finite_categories,
    finite_functions as finite_functions,
    functors as functors,
    graphs as graphs,
    identifications as identifications,
    identify as identify,
    morphisms as morphisms,
    natural_transformations as natural_transformations,
    out_of as out_of,
    parts as parts,
    paths as paths,
    presentations as presentations,
    renamed as renamed,
    spans as spans,
)
from .streams import (
    States as States,
    fold as fold,
    rules as rules,
)
