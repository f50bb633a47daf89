"""Floor 2: schemas, attributed C-sets and their morphisms.

Colimits and limits are those of tables on floor 0. Homomorphism search, set-valued
constructions and data migration along functors of schemas belong in this room too, each in a
module of its own.

>>> from catlearn.cset import CSet, SchGraph
>>> CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]).tgt
FinFunction([1], codomain=2)
"""

from catlearn.cset.complement import Complement, is_pushout, pushout_complement
from catlearn.cset.cset import CSet, CSetMorphism
from catlearn.cset.labels import Variable
from catlearn.cset.rewriting import Rewrite, Rule
from catlearn.cset.schema import Schema, SchGraph
from catlearn.cset.search import (
    automorphisms,
    homomorphism,
    homomorphisms,
    is_isomorphic,
    isomorphism,
)

__all__ = [
    "CSet",
    "CSetMorphism",
    "Complement",
    "Rewrite",
    "Rule",
    "SchGraph",
    "Schema",
    "Variable",
    "automorphisms",
    "homomorphism",
    "homomorphisms",
    "is_isomorphic",
    "is_pushout",
    "isomorphism",
    "pushout_complement",
]
