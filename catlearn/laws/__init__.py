"""Laws: as values to check of any structure, and strategies to draw structures from.

A :class:`Law` says what should hold and evaluates both sides: text over a :class:`Signature`, or
Python. A :class:`Spec` bundles the laws of one kind of structure; :func:`check` runs them by
hypothesis and returns a :class:`Report`, whose failures are shrunken, named and drawn.
:func:`suite` makes a pytest class of them.
Strategies (finite functions, graphs, C-sets, finite categories, learning diagrams, their
morphisms and spans) shrink: rows, edges and equations are dropped first, then labels and weights
become the plain ones. Everything works for structures of your own.

Importing this room loads hypothesis; nothing else in the package does.

>>> from catlearn import laws
>>> class Mod3:
...     objects = ["*"]
...     arrows = [0, 1, 2]
...     def identity(self, at): return 0
...     def compose(self, f, g): return (f + g) % 3
...     def ends(self, f): return "*", "*"
>>> bool(laws.check(Mod3()))
True
>>> class Minus(Mod3):
...     def compose(self, f, g): return (f - g) % 3
>>> laws.check(Minus()).broken
('left unit', 'associativity')
"""

from catlearn.laws.algebra import (
    Cospans,
    Monoid,
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
from catlearn.laws.checking import SPECS, Counterexample, LawsBroken, Outcome, Report, check, suite
from catlearn.laws.cones import colimit, limit
from catlearn.laws.copresheaves import cset, cset_morphism
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch
from catlearn.laws.losses import (
    datasets,
    interpretation,
    learning_diagrams,
    learning_morphisms,
    learning_parts,
    learning_spans,
    loss_functor,
    parameters,
    some_parameters,
)
from catlearn.laws.signature import Signature
from catlearn.laws.strategies import (
    csets,
    finite_categories,
    finite_functions,
    functors,
    graphs,
    identifications,
    identify,
    morphisms,
    natural_transformations,
    out_of,
    parts,
    paths,
    presentations,
    renamed,
    spans,
)

__all__ = [
    "SPECS",
    "Comparison",
    "Cospans",
    "Counterexample",
    "Law",
    "LawsBroken",
    "Monoid",
    "Outcome",
    "Report",
    "Signature",
    "Spec",
    "adjunction",
    "cartesian",
    "category",
    "check",
    "colimit",
    "commutative_monoid",
    "compare",
    "cospan",
    "cset",
    "cset_morphism",
    "csets",
    "datasets",
    "enriched",
    "enriched_functor",
    "finite_categories",
    "finite_functions",
    "functor",
    "functors",
    "graphs",
    "identifications",
    "identify",
    "interpretation",
    "learning_diagrams",
    "learning_morphisms",
    "learning_parts",
    "learning_spans",
    "limit",
    "loss_functor",
    "monoid",
    "monoidal",
    "monoidal_functor",
    "morphisms",
    "natural_transformation",
    "natural_transformations",
    "out_of",
    "parameters",
    "parts",
    "paths",
    "presentations",
    "quantale",
    "renamed",
    "sketch",
    "some_parameters",
    "spans",
    "suite",
    "symmetric_monoidal",
]

# Tried in this order when none is given: the special before the general.
SPECS += [
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
    cartesian,
    symmetric_monoidal,
    monoidal,
    category,
    commutative_monoid,
    monoid,
]
