"""The specs that are tried when none is named, the special before the general.

>>> [spec.name for spec in SPECS][-1]
'monoid'
"""

from __future__ import annotations

from catlearn.laws.algebra import (
    cartesian,
    commutative_monoid,
    cospan,
    enriched,
    enriched_functor,
    monoid,
    monoidal,
    monoidal_functor,
    quantale,
    symmetric_monoidal,
)
from catlearn.laws.categories import adjunction, category, functor, natural_transformation
from catlearn.laws.circuits import circuit
from catlearn.laws.cones import colimit, limit
from catlearn.laws.copresheaves import cset, cset_morphism
from catlearn.laws.losses import loss_functor
from catlearn.laws.signature import Spec

SPECS: tuple[Spec, ...] = (
    loss_functor,
    natural_transformation,
    adjunction,
    colimit,
    limit,
    cset_morphism,
    cset,
    enriched_functor,
    enriched,
    quantale,
    monoidal_functor,
    functor,
    cospan,
    circuit,
    cartesian,
    symmetric_monoidal,
    monoidal,
    category,
    commutative_monoid,
    monoid,
)
