from .diagram import (
    LearningDiagram as LearningDiagram,
    LearningMorphism as LearningMorphism,
)
from .gluing import (
    average as average,
    emergent as emergent,
    glue as glue,
    merge as merge,
    open_diagram as open_diagram,
    pull_back as pull_back,
    push_forward as push_forward,
)
from .lenses import (
    learner as learner,
    lens_functor as lens_functor,
    loss_lens as loss_lens,
    update_rule as update_rule,
)
from .loss import (
    Loss as Loss,
    loss_functor as loss_functor,
)
from .parts import (
    Dataset as Dataset,
    Defined as Defined,
    MovingAverage as MovingAverage,
    Operator as Operator,
)
from .schema import (
    LEARNING as LEARNING,
)
from .selection import (
    LossTerm as LossTerm,
    Selection as Selection,
    select as select,
)
from .surgery import (
    component as component,
    freeze as freeze,
    inclusion as inclusion,
    insert as insert,
    pattern as pattern,
    split as split,
    subdiagram as subdiagram,
    swap as swap,
    unfreeze as unfreeze,
    with_frozen as with_frozen,
    with_trained as with_trained,
)
from .weights import (
    Weight as Weight,
)
