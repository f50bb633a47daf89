"""Laws: what the tests of this package, and of packages that build on it, can draw from.

Strategies for hypothesis (finite functions, graphs, C-sets, learning diagrams, their morphisms
and spans) and a reference evaluation of losses in numpy. Everything shrinks: rows, edges and
equations are dropped first, then labels and weights become the plain ones.

Importing this room loads hypothesis; nothing else in the package does.

>>> from hypothesis import given
>>> from catlearn.finset import pushout
>>> @given(spans(graphs(max_edges=4)))
... def legs_commute(span):
...     i, j = pushout(*span)
...     assert span.f >> i == span.g >> j
>>> legs_commute()
"""

from catlearn.laws.graphs import graphs, paths, presentations
from catlearn.laws.learning import (
    datasets,
    learning_diagrams,
    learning_morphisms,
    learning_parts,
    learning_spans,
    parameters,
    some_parameters,
)
from catlearn.laws.reference import interpretation
from catlearn.laws.tables import (
    csets,
    finite_functions,
    identifications,
    identify,
    morphisms,
    parts,
    renamed,
    spans,
)

__all__ = [
    "csets",
    "datasets",
    "finite_functions",
    "graphs",
    "identifications",
    "identify",
    "interpretation",
    "learning_diagrams",
    "learning_morphisms",
    "learning_parts",
    "learning_spans",
    "morphisms",
    "parameters",
    "parts",
    "paths",
    "presentations",
    "renamed",
    "some_parameters",
    "spans",
]
