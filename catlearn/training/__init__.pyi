from .checkpoint import (
    CheckpointSkipped as CheckpointSkipped,
    NothingToResume as NothingToResume,
)
from .data import (
    Batches as Batches,
    ManyPrograms as ManyPrograms,
    Sources as Sources,
    batches as batches,
)
from .loop import (
    MoreStepsDone as MoreStepsDone,
    StoppedAtOnce as StoppedAtOnce,
    TrainingInterrupted as TrainingInterrupted,
    fit as fit,
)
from .result import (
    History as History,
    Result as Result,
)
from .sharding import (
    Sharding as Sharding,
)
from .step import (
    ExamplesApart as ExamplesApart,
    per_edge as per_edge,
)
from .validation import (
    Curves as Curves,
    Patience as Patience,
    accuracy as accuracy,
    error_rate as error_rate,
)
