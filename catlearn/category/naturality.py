"""All natural transformations between two functors, found by search.

Into a finite category each object chooses a component among the arrows between the values of
the two functors. Into finite sets each *element* of each value of the first functor chooses an
element of the second's value; these transformations are the maps of copresheaves. In both cases
the squares of generators are constraints between two choices.

>>> from catlearn.category import FiniteCategory, Functor, Morphisms
>>> from catlearn.finset import FinFunction
>>> arrow = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> F = Functor(arrow, Morphisms(), arrows={"f": FinFunction([0, 0], codomain=1)})
>>> G = Functor(arrow, Morphisms(), arrows={"f": FinFunction([0, 1, 1], codomain=2)})
>>> [list(alpha("A")) for alpha in natural_transformations(F, G)]
[[0, 0], [1, 1], [1, 2], [2, 1], [2, 2]]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.matching import Constraint, solutions
from catlearn.category.transformation import NaturalTransformation, not_parallel
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName, did_you_mean
from catlearn.finset import FinFunction


def natural_transformations(
    F: Functor,
    G: Functor,
    components: Mapping[str, Any] | None = None,
    iso: bool = False,
    limit: int | None = None,
) -> Iterator[NaturalTransformation]:
    """Iterate over all natural transformations between two functors.

    Parameters
    ----------
    F, G
        Functors into a finite category, or into finite sets.
    components
        Components that are given.
    iso
        Whether to keep natural isomorphisms only.
    limit
        The most to look for; all by default.

    Raises
    ------
    InvalidStructure
        If the functors are not parallel.
    CatlearnError
        If their target is neither a finite category nor finite sets.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
    >>> one = Functor.identity(Z4)
    >>> [alpha("*") for alpha in natural_transformations(one, one)]
    ['0', '1', '2', '3']
    """
    failures = not_parallel(F, G)
    if failures:
        raise InvalidStructure("natural transformation", failures)
    unknown = [a for a in components or {} if a not in F.objects]
    if unknown:
        raise UnknownName(f"there is no object {unknown[0]}; {did_you_mean(unknown[0], F.objects)}")
    if isinstance(F.target, FiniteCategory):
        found = _into_finite(F, G, F.target, components or {}, iso)
    else:
        _only_functions(F, G)
        found = _into_sets(F, G, components or {}, iso)
    return islice(found, limit)


def _into_finite(
    F: Functor, G: Functor, D: FiniteCategory, given: Mapping[str, Any], iso: bool
) -> Iterator[NaturalTransformation]:
    objects, graph = F.graph.vertices, F.graph
    place = {a: k for k, a in enumerate(objects)}
    candidates = [D.hom_rows(F.objects[a], G.objects[a]) for a in objects]
    for a, arrow in given.items():
        candidates[place[a]] = np.intersect1d(candidates[place[a]], [D.arrow(arrow)])
    if iso:
        candidates = [found[D.inverses[found] >= 0] for found in candidates]
    constraints: list[Constraint] = []
    sides = [
        (*map(place.__getitem__, graph.ends(f)), D.arrow(F.arrows[f]), D.arrow(G.arrows[f]))
        for f in graph.edges
    ]
    for a, b, before, after in sides:
        if a == b:
            found = candidates[a]
            candidates[a] = found[D.then(before, found) == D.then(found, after)]
    for a, b, before, after in sides:
        if a != b:
            one, other = D.then(candidates[a], after), D.then(before, candidates[b])
            constraints.append((a, b, one, other))
    for choice in solutions([len(found) for found in candidates], constraints):
        names = D.ar.labels(int(found[k]) for found, k in zip(candidates, choice, strict=True))
        yield NaturalTransformation(F, G, dict(zip(objects, names, strict=True)), check=False)


def _only_functions(F: Functor, G: Functor) -> None:
    for functor in (F, G):
        for f, value in functor.arrows.items():
            if not isinstance(value, FinFunction):
                message = "all transformations are found into finite categories and finite sets"
                raise CatlearnError(f"{message}; the value at {f} is {value!r}")


def _into_sets(
    F: Functor, G: Functor, given: Mapping[str, Any], iso: bool
) -> Iterator[NaturalTransformation]:
    """Each element of each F(a) chooses an element of G(a), compatibly along generators."""
    graph = F.graph
    start: dict[str, int] = {}
    home: list[str] = []
    for a in graph.vertices:
        start[a] = len(home)
        home += [a] * len(F.objects[a])
        if iso and len(F.objects[a]) != len(G.objects[a]):
            return
    candidates = [np.arange(len(G.objects[a])) for a in home]
    for a, function in given.items():
        for x, value in enumerate(function):
            candidates[start[a] + x] = np.array([value])
    constraints: list[Constraint] = []
    for f in graph.edges:
        a, b = graph.ends(f)
        along = G.arrows[f].values
        for x, y in enumerate(F.arrows[f]):
            one, other = start[a] + x, start[b] + y
            if one == other:
                found = candidates[one]
                candidates[one] = found[along[found] == found]
    for f in graph.edges:
        a, b = graph.ends(f)
        along = G.arrows[f].values
        for x, y in enumerate(F.arrows[f]):
            one, other = start[a] + x, start[b] + y
            if one != other:
                found = candidates[one]
                constraints.append((one, other, along[found], candidates[other]))
    bounds = [*start.values(), len(home)]
    for choice in solutions([len(found) for found in candidates], constraints):
        chosen = np.array([found[k] for found, k in zip(candidates, choice, strict=True)], np.int64)
        components = {
            a: FinFunction._of(chosen[low:high], F.objects[a], G.objects[a])
            for a, low, high in zip(graph.vertices, bounds[:-1], bounds[1:], strict=True)
        }
        if not iso or all(function.is_bijective for function in components.values()):
            yield NaturalTransformation(F, G, components, check=False)


def naturally_isomorphic(F: Functor, G: Functor) -> NaturalTransformation | None:
    """Return a natural isomorphism between two functors, None if there is none.

    There may be several; this is the first that :func:`natural_transformations` finds.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    >>> flip = Functor(S3, S3, arrows={"s": "t", "t": "s"})
    >>> print(naturally_isomorphic(Functor.identity(S3), flip))
    *: s >> t >> s
    """
    return next(natural_transformations(F, G, iso=True, limit=1), None)
