"""Ends and coends of bifunctors with finite sets as values.

A bifunctor on C is a profunctor H from C to itself (:mod:`catlearn.cset.profunctor`).

- Its **end** is the set of families of h_c in H(c, c) with H(c, f)(h_c) = H(f, c')(h_c') for every
  arrow f : c -> c': the universal *wedge*, an equalizer. The end of Set(F-, G-) is the set of
  natural transformations from F to G.
- Its **coend** is the disjoint union of the H(c, c), where for each h in H(c', c) its two images in
  H(c, c) and H(c', c') are one: the universal *cowedge*, a coequalizer. The tensor product of a
  functor to sets with one from the opposite category is a coend.

Arrows that generate C are enough. (Mac Lane, IX.5-6; Loregian, *(Co)end Calculus*, 2021.)

Laws: an end is the limit, a coend the colimit, of its diagram; Hom(c, -) tensor X is X(c).

>>> from catlearn.cset import SchGraph, hom_profunctor
>>> H = hom_profunctor(SchGraph)
>>> end(H).apex, coend(H).apex
(FinSet(['(id(V), id(E))']), FinSet(['id(V)', 'id(E)']))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cset.copresheaf import on_schema, plain
from catlearn.cset.schema import Schema
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import (
    Colimit,
    Diagram,
    FinFunction,
    FinSet,
    Limit,
    TableMorphism,
    Tables,
    colimit,
    limit,
)
from catlearn.finset.gluing import morphism

if TYPE_CHECKING:
    from catlearn.cset.profunctor import Profunctor


def _bifunctor(H: Profunctor, what: str) -> Schema:
    if H.source != H.target:
        message = f"it goes from {H.source!r} to {H.target!r}, expected one category"
        raise InvalidStructure(what, [Failure("ends", "bifunctor", message)])
    return H.source


def end(H: Profunctor) -> Limit:
    """Return the end of a bifunctor.

    Returns
    -------
    Limit
        With a leg to H(c, c) for each object c, named by it; ``universal`` of a wedge is the
        function that it factors through.

    Examples
    --------
    >>> from catlearn.cset import CSet, SchGraph, functions_between, homomorphisms
    >>> path = CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
    >>> len(end(functions_between(path, path)).apex), len(list(homomorphisms(path, path)))
    (1, 1)
    """
    C = _bifunctor(H, "end")
    place = {c: k for k, c in enumerate(C.tables)}
    objects, arrows = [H.at(c, c) for c in C.tables], []
    for f, (a, b) in C.arrows.items():
        arrows += [
            (place[a], len(objects), H.right(a, f)),
            (place[b], len(objects), H.left(f, b)),
        ]
        objects.append(H.at(a, b))
    return limit(Diagram(objects, arrows, legs=range(len(place)), names=C.tables, of=FinSet))


def coend(H: Profunctor) -> Colimit:
    """Return the coend of a bifunctor.

    Returns
    -------
    Colimit
        With a leg from H(c, c) for each object c, named by it; ``universal`` of a cowedge is the
        function that it factors through.

    Examples
    --------
    >>> from catlearn.cset import Schema, hom_profunctor
    >>> cyclic = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = id(A)"])
    >>> len(coend(hom_profunctor(cyclic)).apex)  # the conjugacy classes
    3
    """
    C = _bifunctor(H, "coend")
    return colimit(cowedge(C, H.at, H.left, H.right))


def cowedge(C: Schema, at: Any, left: Any, right: Any) -> Diagram:
    """Return the diagram of a coend: at(c, c), and at(c', c) for each arrow c -> c'."""
    place = {c: k for k, c in enumerate(C.tables)}
    objects, arrows = [at(c, c) for c in C.tables], []
    for f, (a, b) in C.arrows.items():
        arrows += [(len(objects), place[a], left(f, a)), (len(objects), place[b], right(b, f))]
        objects.append(at(b, a))
    return Diagram(objects, arrows, legs=range(len(place)), names=C.tables, of=FinSet)


def tensor(presheaf: Tables, X: Tables) -> Colimit:
    """Return the tensor product of a presheaf and a C-set: the coend of P(a) x X(b).

    Parameters
    ----------
    presheaf
        A C-set on the opposite of X's schema.
    X
        A C-set.

    Returns
    -------
    Colimit
        With a leg from P(c) x X(c) for each table c; pairs are numbered lexicographically.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema, SchGraph
    >>> point = CSet(SchGraph.opposite, V=1, E=1, src=[0], tgt=[0])
    >>> len(tensor(point, CSet(SchGraph, V=3, E=1, src=[0], tgt=[1])).apex)  # the components
    2
    """
    P, X = plain(presheaf), plain(X)
    C = X.schema
    P = on_schema(P, C.opposite, "tensor product with a presheaf")
    return colimit(
        cowedge(
            C,
            lambda a, b: FinSet(P.size(a) * X.size(b)),
            lambda f, b: P.arrows[f] @ FinFunction.identity(X.sets[b]),
            lambda a, g: FinFunction.identity(P.sets[a]) @ X.arrows[g],
        )
    )


def transformations(X: Tables, Y: Tables) -> tuple[Limit, list[TableMorphism]]:
    """Return the end of Set(X-, Y-), and its elements as morphisms from X to Y.

    For large C-sets :func:`~catlearn.cset.homomorphisms` finds the same morphisms by search.

    Examples
    --------
    >>> from catlearn.cset import CSet, SchGraph
    >>> arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    >>> loop = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    >>> [len(transformations(*ends)[1]) for ends in ((arrow, loop), (loop, arrow))]
    [1, 0]
    """
    from catlearn.cset.profunctor import functions_between

    X, Y = plain(X), plain(Y)
    found = end(functions_between(X, Y))
    parts = {}
    for table, leg in zip(X.sets, found.legs, strict=True):
        shape = (Y.size(table),) * X.size(table)
        listed = np.array(np.unravel_index(leg.values, shape)) if shape else ()
        parts[table] = np.reshape(listed, (X.size(table), len(found.apex))).astype(np.int64)
    morphisms = [
        morphism(
            X,
            Y,
            {t: FinFunction._of(parts[t][:, k], X.sets[t], Y.sets[t]) for t in X.sets},
        )
        for k in found.apex
    ]
    return found, morphisms
