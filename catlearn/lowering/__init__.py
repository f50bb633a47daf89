"""Lowering: the symbolic loss of a diagram as one pure JAX function, and its evaluation plan.

The plan (:mod:`catlearn.lowering.plan`) says what runs, each path prefix once; the lowered
function (:mod:`catlearn.lowering.lowered`) runs it. Both follow from one statement: lowering is
a functor from the paths of a diagram to JAX functions (Theory, section 6).

>>> import jax, numpy as np
>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", (4,)), cl.Space("F", (3,)), cl.Categorical("Y", 2)
>>> points = cl.Dataset("points", X=(X, np.ones((8, 4), "float32")), Y=(Y, np.zeros(8, "int32")))
>>> encoder, head = cl.Model("encoder", X, F, "mlp"), cl.Model("head", F, Y, "linear")
>>> square = cl.glue(cl.LearningDiagram(points), cl.LearningDiagram(encoder, head))
>>> fn = cl.lower(square.loss())
>>> print(fn.plan)
equations: 1, evaluations: 2 (path by path: 2)
step  runs              on  at      as      equations  parameters  flops
#0    sample points         points  sample  1
#1    project points.X  #0  X       array   1
#2    apply encoder     #1  F       array   1          515         1027*n
#3    apply head        #2  Y       logits  1          8           14*n
#4    project points.Y  #0  Y       label   1
points.X >> encoder >> head = points.Y: cross_entropy of #3 against #4, 16*n + 2 flops
>>> params, state = fn.init(jax.random.key(0))
>>> batch = {"points": {"X": np.ones((5, 4), "float32"), "Y": np.zeros(5, "int32")}}
>>> value, aux = jax.jit(fn)(params, state, batch)
>>> value.shape, list(aux.terms)
((), ['points.X >> encoder >> head = points.Y'])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "amounts": ["count_operations"],
        "arrays": ["LossCircuit", "loss_circuit"],
        "counting": ["Amounts", "Resources", "resources"],
        "lowered": ["Aux", "Lowered", "lower", "to_torch"],
        "metric": ["path_metric"],
        "pallas": ["KernelFold", "to_pallas"],
        "plan": ["Plan", "Step"],
        "sharded": ["ShardedFold", "to_shards"],
        "sources": ["to_source"],
    },
)
