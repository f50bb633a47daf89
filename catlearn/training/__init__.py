"""Training: fit a lowered loss, with data iterators, history and checkpoints.

The loop is ordinary: gradients of the lowered loss, an optax optimizer, mini-batches drawn from
each data set by its own stream (:mod:`catlearn.training.data`). What it adds is a guard
against values that are not finite (:mod:`catlearn.training.step`), a history of each equation's
cost, and checkpoints from which a run continues bitwise.

>>> import jax, numpy as np, optax
>>> import catlearn as cl
>>> X, Y = cl.Space("X", (2,)), cl.Space("Y", (1,))
>>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
>>> points = cl.Dataset("points", X=(X, x), Y=(Y, x @ np.array([[2.0], [-1.0]], "float32")))
>>> line = cl.Model("line", X, Y, "linear", use_bias=False)
>>> square = cl.glue(cl.LearningDiagram(points), cl.LearningDiagram(line))
>>> result = cl.fit(square, optax.adam(0.1), steps=200, batch_size=32, progress=False)
>>> result.params["line"]["weight"].round(2).ravel().tolist()
[2.0, -1.0]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoint": ["CheckpointSkipped", "NothingToResume"],
        "data": ["Batches", "ManyPrograms", "Sources", "batches"],
        "loop": ["MoreStepsDone", "StoppedAtOnce", "TrainingInterrupted", "fit"],
        "result": ["History", "Result"],
        "sharding": ["Sharding"],
        "step": ["ExamplesApart", "per_edge"],
        "validation": ["Curves", "Patience", "accuracy", "error_rate"],
    },
)
