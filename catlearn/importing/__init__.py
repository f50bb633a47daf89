"""Importing: functions that exist as circuits.

>>> import jax.numpy as jnp
>>> def scores(q, k):
...     return jnp.einsum("hqd,hxd->hqx", q, k)
>>> from_jax(scores, jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4)))
Circuit(R[h q d], R[h x d] -> R[h q x])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "building": ["ImportRefused"],
        "exported": ["from_torch", "in_jax", "to_jax"],
        "jaxpr": ["Imported", "from_jax", "imported"],
        "optimising": [
            "Measured",
            "NoPlan",
            "NumbersDiffer",
            "Optimised",
            "OptimisedReport",
            "OptimisedPlan",
            "optimise",
            "unoptimised",
        ],
    },
)
