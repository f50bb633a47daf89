"""Laws: as values to check of any structure, and strategies to draw structures from.

A :class:`Law` says what should hold and evaluates both sides: text over a :class:`Signature`, or
Python. A :class:`Spec` bundles the laws of one kind of structure; :func:`check` runs them by
hypothesis and returns a :class:`Report`, whose failures are shrunken, named and drawn.
:func:`suite` makes a pytest class of them.
Strategies (finite functions, graphs, C-sets, finite categories, learning diagrams, their
morphisms and spans) shrink: rows, edges and equations are dropped first, then labels and weights
become the plain ones. Everything works for structures of your own.

What checks and draws loads hypothesis; nothing else in the package does.

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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "algebra": [
            "Cospans",
            "Monoid",
            "cartesian",
            "commutative_monoid",
            "cospan",
            "enriched",
            "enriched_functor",
            "monoid",
            "monoidal",
            "monoidal_functor",
            "quantale",
            "symmetric_monoidal",
        ],
        "categories": ["adjunction", "category", "functor", "natural_transformation"],
        "circuits": [
            "Circuits",
            "ClosedCircuits",
            "alignments",
            "array_circuits",
            "circuit",
            "circuit_equality",
            "counting",
        ],
        "checking": [
            "SPECS",
            "Counterexample",
            "LawsBroken",
            "Outcome",
            "Report",
            "check",
            "suite",
        ],
        "cones": ["colimit", "limit"],
        "copresheaves": ["cset", "cset_morphism"],
        "law": ["Comparison", "Law", "compare", "sketch"],
        "losses": [
            "datasets",
            "interpretation",
            "learning_diagrams",
            "learning_morphisms",
            "learning_parts",
            "learning_spans",
            "loss_functor",
            "parameters",
            "some_parameters",
        ],
        "signature": ["Signature", "Spec"],
        "streams": ["States", "fold", "rules"],
        "strategies": [
            "csets",
            "finite_categories",
            "finite_functions",
            "functors",
            "graphs",
            "identifications",
            "identify",
            "morphisms",
            "natural_transformations",
            "out_of",
            "parts",
            "paths",
            "presentations",
            "renamed",
            "spans",
        ],
    },
)
