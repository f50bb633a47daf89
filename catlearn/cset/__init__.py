"""Schemas, attributed C-sets and their morphisms.

Colimits and limits are those of tables. Besides: homomorphism search and rewriting; open objects,
wiring diagrams and free monoidal categories; data migration along functors of schemas and Kan
extensions; elements, representables, profunctors and ends; what C-sets have as a topos.

>>> from catlearn.cset import CSet, SchGraph
>>> CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]).tgt
FinFunction([1], codomain=2)
"""

from catlearn.cset.complement import Complement, is_pushout, pushout_complement
from catlearn.cset.cospan import Open, open_graph
from catlearn.cset.cset import CSet, CSetMorphism, Schema, SchGraph
from catlearn.cset.elements import Elements, category_of_elements, elements_graph, from_elements
from catlearn.cset.free import FreeCartesian, FreeMonoidal
from catlearn.cset.migration import (
    KanExtension,
    LeftKan,
    RightKan,
    delta,
    left_kan,
    pi,
    pi_unit,
    right_kan,
    sigma,
    sigma_counit,
)
from catlearn.cset.profunctor import (
    Profunctor,
    coend,
    end,
    functions_between,
    hom_profunctor,
    tensor,
)
from catlearn.cset.representables import Yoneda, density, representable, yoneda, yoneda_embedding
from catlearn.cset.rewriting import Rewrite, Rule, Variable
from catlearn.cset.search import (
    automorphisms,
    homomorphism,
    homomorphisms,
    is_isomorphic,
    isomorphism,
)
from catlearn.cset.topos import (
    Exponential,
    Subobject,
    SubobjectClassifier,
    exponential,
    image,
    subobject_classifier,
    subobject_lattice,
    subobjects,
)
from catlearn.cset.wiring import WIRING, WiringDiagram, oapply, ocompose

__all__ = [
    "CSet",
    "CSetMorphism",
    "Complement",
    "Elements",
    "Exponential",
    "FreeCartesian",
    "FreeMonoidal",
    "KanExtension",
    "LeftKan",
    "Open",
    "Profunctor",
    "Rewrite",
    "RightKan",
    "Rule",
    "SchGraph",
    "Schema",
    "Subobject",
    "SubobjectClassifier",
    "Variable",
    "WIRING",
    "WiringDiagram",
    "Yoneda",
    "automorphisms",
    "category_of_elements",
    "coend",
    "delta",
    "density",
    "elements_graph",
    "end",
    "exponential",
    "from_elements",
    "functions_between",
    "hom_profunctor",
    "homomorphism",
    "homomorphisms",
    "image",
    "is_isomorphic",
    "is_pushout",
    "isomorphism",
    "left_kan",
    "oapply",
    "ocompose",
    "open_graph",
    "pi",
    "pi_unit",
    "pushout_complement",
    "representable",
    "right_kan",
    "sigma",
    "sigma_counit",
    "subobject_classifier",
    "subobject_lattice",
    "subobjects",
    "tensor",
    "yoneda",
    "yoneda_embedding",
]
