"""Natural transformations: their squares, two compositions, and all of them between two functors.

A natural transformation between functors F, G : C -> D is an arrow alpha_a : F(a) -> G(a) for
each object a, such that for each f : a -> b the square ``F(f) >> alpha_b == alpha_a >> G(f)``
commutes; it is enough that it does for generators f (Mac Lane, I.4). They compose vertically,
``alpha >> beta``, and horizontally, ``alpha @ beta``; a functor composed with one *whiskers* it
(II.5). Laws: both compositions are associative with units, and they interchange,
``(a >> b) @ (c >> d) == (a @ c) >> (b @ d)``.

>>> from catlearn.category import FiniteCategory, Functor, NaturalTransformation
>>> from catlearn.category import natural_transformations, naturally_isomorphic
>>> P = FiniteCategory.chain(2)
>>> low, high = (Functor.constant(P, P, at) for at in ("0", "2"))
>>> alpha = NaturalTransformation(low, high, {a: "0 <= 2" for a in P.objects})
>>> print(alpha)
0: 0 <= 2, 1: 0 <= 2, 2: 0 <= 2
>>> len(list(natural_transformations(low, high))), naturally_isomorphic(low, high)
(1, None)

All natural transformations between two functors, found by search.

Into a finite category each object chooses a component among the arrows between the values of
the two functors. Into finite sets each *element* of each value of the first functor chooses an
element of the second's value; these transformations are the maps of copresheaves. In both cases
each square of a generator is a constraint: two choices have one diagonal. Such problems are solved
by :mod:`catlearn.finset.constraints`, which finds the morphisms of tables, too. The order of what
is found depends on the two functors alone.

>>> from catlearn.category import FiniteCategory, Functor, Morphisms
>>> from catlearn.finset import FinFunction
>>> arrow = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> F = Functor(arrow, Morphisms(), arrows={"f": FinFunction([0, 0], codomain=1)})
>>> G = Functor(arrow, Morphisms(), arrows={"f": FinFunction([0, 1, 1], codomain=2)})
>>> [list(alpha("A")) for alpha in natural_transformations(F, G)]
[[0, 0], [1, 1], [1, 2], [2, 1], [2, 2]]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice, pairwise
from typing import Any

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.protocol import DecidesEquality, Typed, Verdict
from catlearn.category.targets import compare, read_arrows
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    NotComposable,
    UnknownName,
    did_you_mean,
    expect,
    expect_dicts,
    expect_each,
    expect_known,
    fault,
    listed,
    refuse,
)
from catlearn.finset import FinFunction, Frozen, Record
from catlearn.finset.constraints import Constraint, PartialFunction, Problem, solve


class NaturalTransformation(Frozen, Displayed, by="domain codomain components"):
    """A natural transformation.

    Parameters
    ----------
    domain, codomain
        The two functors.
    components
        The arrow at each object of their domain. Into a category, arrows are given as
        themselves, by name, as paths of generators or as the text of one.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every object without a component, every component with wrong ends and every
        square that does not commute, with both sides.

    Examples
    --------
    >>> from catlearn.category import Graph, Morphisms
    >>> from catlearn.finset import FinFunction
    >>> turn = Graph({"t": ("A", "A")})
    >>> F = Functor(turn, Morphisms(), arrows={"t": FinFunction([1, 2, 0], codomain=3)})
    >>> NaturalTransformation(F, F, {"A": F("t >> t")}).is_isomorphism
    True
    >>> NaturalTransformation(F, F, {"A": FinFunction([1, 0, 2], codomain=3)})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: NaturalTransformation is not valid (1 failure):
      - square at t: ... [naturality]
    """

    domain: Functor
    codomain: Functor
    components: Record[str, Any]

    def __init__(
        self,
        domain: Functor,
        codomain: Functor,
        components: Mapping[str, Any],
        check: bool = True,
    ) -> None:
        expect_each(Functor, "a Functor", domain=domain, codomain=codomain)
        expect(components, Mapping, "components", "a dict of the arrow at each object")
        unread = Failures()
        read = read_arrows(domain.target, components, unread, lambda at: f"component at {at}")
        refuse("NaturalTransformation", unread)
        ordered = {a: read.pop(a) for a in domain.graph.vertices if a in read}
        self._set(domain=domain, codomain=codomain, components=Record({**ordered, **read}))
        self._validate(check)

    @classmethod
    def build(cls, domain: Functor, codomain: Functor, rows: Any) -> NaturalTransformation:
        """Build a transformation from the rows of its components; nothing is checked.

        Parameters
        ----------
        domain, codomain
            The functors, into a finite category.
        rows
            The row of the component at each object of their domain.
        """
        names = domain.target.ar.labels(np.asarray(rows).tolist())
        components = Record(zip(domain.graph.vertices, names, strict=True))
        made = object.__new__(cls)
        made._set(domain=domain, codomain=codomain, components=components)
        return made

    @classmethod
    def identity(cls, functor: Functor) -> NaturalTransformation:
        """Return the transformation of a functor to itself whose components are identities."""
        units = {a: functor.target.identity(functor.objects[a]) for a in functor.graph.vertices}
        return cls(functor, functor, units, check=False)

    @property
    def target(self) -> Any:
        """What the components compose in."""
        return self.domain.target

    @property
    def values(self) -> np.ndarray:
        """The rows of the components, for functors between finite categories."""
        target = self.domain._finite()[1]
        return np.array([target.ar.index(f) for f in self.components.values()], np.int64)

    def failures(self, equal: Callable[[Any, Any], bool | Verdict] | None = None) -> list[Failure]:
        """Return every broken law.

        Parameters
        ----------
        equal
            How to compare the two sides of a square, for a target that does not decide equality.
        """
        failures = not_parallel(self.domain, self.codomain)
        if failures:
            return failures
        objects = self.domain.graph.vertices
        for a in objects:
            if a not in self.components:
                message = "it has no component; there is one for each object"
                failures.add("totality", f"object {a}", message)
        for a in self.components:
            if a not in self.domain.objects:
                message = f"there is no such object; {did_you_mean(a, objects)}"
                failures.add("known names", f"component at {a}", message)
        if not failures and isinstance(self.target, Typed):
            failures = list(self._misplaced())
        if failures:
            return failures
        if equal is None and isinstance(self.target, DecidesEquality):
            equal = self.target.equal
        return list(self._broken(equal)) if equal is not None else []

    def _misplaced(self) -> Iterator[Failure]:
        for a, arrow in self.components.items():
            ends = self.target.ends(arrow)
            for verb, end, functor in zip(
                ("starts", "ends"), ends, (self.domain, self.codomain), strict=True
            ):
                expected = functor.objects[a]
                if not self.target.same(end, expected):
                    message = f"{arrow!r} {verb} at {end!r}, expected {expected!r}"
                    yield Failure("ends", f"component at {a}", message)

    def _broken(self, equal: Callable[[Any, Any], bool | Verdict]) -> Iterator[Failure]:
        graph = self.domain.graph
        for f in graph.edges:
            a, b = graph.ends(f)
            left, right = self.square(f)
            message = (
                f"F({f}) >> component at {b} is {left!r}, component at {a} >> G({f}) is {right!r}"
            )
            yield from compare("naturality", f"square at {f}", equal, left, right, message)

    def square(self, generator: str) -> tuple[Any, Any]:
        """Return the two sides of the square of a generator of the domain.

        Returns
        -------
        F(f) >> component at b, component at a >> G(f)
            For f : a -> b.
        """
        a, b = self.domain.graph.ends(generator)
        compose = self.target.compose
        return (
            compose(self.domain.arrows[generator], self.components[b]),
            compose(self.components[a], self.codomain.arrows[generator]),
        )

    def __call__(self, object: str) -> Any:
        """Return the component at an object."""
        expect_known(object, self.components, f"there is no object {object}")
        return self.components[object]

    def __getitem__(self, object: str) -> Any:
        return self(object)

    def __rshift__(self, then: NaturalTransformation | Functor) -> NaturalTransformation:
        """Compose vertically with a transformation, or apply a functor to every component.

        Raises
        ------
        NotComposable
            If the next does not start where this one ends.
        """
        if isinstance(then, Functor):
            components = {a: then(f) for a, f in self.components.items()}
            return self._made(self.domain >> then, self.codomain >> then, components)
        if not isinstance(then, NaturalTransformation):
            return NotImplemented
        if self.codomain != then.domain:
            message = "the first ends at another functor than the second starts at"
            ends = f"{self.codomain} is not {then.domain}"
            raise fault("NaturalTransformation", "composition", message, ends, NotComposable)
        compose = self.target.compose
        components = {a: compose(f, then.components[a]) for a, f in self.components.items()}
        return self._made(self.domain, then.codomain, components)

    def __rrshift__(self, before: Functor) -> NaturalTransformation:
        """Restrict along a functor: its component at a is this one's at the value of a."""
        if not isinstance(before, Functor):
            return NotImplemented
        domain, codomain = before >> self.domain, before >> self.codomain
        components = {a: self.components[value] for a, value in before.objects.items()}
        return self._made(domain, codomain, components)

    def __matmul__(self, then: NaturalTransformation) -> NaturalTransformation:
        """Compose horizontally: transformations of functors C -> D and of functors D -> E."""
        if not isinstance(then, NaturalTransformation):
            return NotImplemented
        return (self >> then.domain) >> (self.codomain >> then)

    def _made(
        self, domain: Functor, codomain: Functor, components: Mapping[str, Any]
    ) -> NaturalTransformation:
        return NaturalTransformation(domain, codomain, components, check=False)

    @property
    def opposite(self) -> NaturalTransformation:
        """The transformation of the opposite functors, with the same components, turned round."""
        ends = self.codomain.opposite, self.domain.opposite
        return self._made(*ends, self.components)

    @cached_property
    def is_isomorphism(self) -> bool:
        """Whether every component is an isomorphism."""
        return all(invertible(self.target, f) for f in self.components.values())

    def inverse(self) -> NaturalTransformation:
        """Return the inverse transformation.

        Raises
        ------
        InvalidStructure
            Listing the components that are not isomorphisms.
        """
        refuse(
            "inverse",
            (
                Failure("isomorphism", f"component at {a}", f"{f!r} has no inverse")
                for a, f in self.components.items()
                if not invertible(self.target, f)
            ),
        )
        components = {a: inverse(self.target, f) for a, f in self.components.items()}
        return self._made(self.codomain, self.domain, components)

    def __hash__(self) -> int:
        return hash((self.domain, self.codomain))

    def __repr__(self) -> str:
        components = dict(self.components)
        return f"NaturalTransformation({self.domain!r}, {self.codomain!r}, {components!r})"

    def __str__(self) -> str:
        return ", ".join(f"{a}: {f}" for a, f in self.components.items())


@listed
def not_parallel(F: Functor, G: Functor) -> Iterator[Failure]:
    """List the ends that two functors do not share."""
    for side, one, other in (("start", F.domain, G.domain), ("end", F.target, G.target)):
        if one is not other and one != other:
            message = f"they {side} at {one} and at {other}"
            yield Failure("parallel functors", "the two functors", message)


def invertible(target: Any, arrow: Any) -> bool:
    """Whether an arrow of a target is an isomorphism."""
    if isinstance(target, FiniteCategory):
        return bool(target.inverses[target.arrow(arrow)] >= 0)
    for name in ("is_bijective", "is_isomorphism"):
        if hasattr(arrow, name):
            return bool(getattr(arrow, name))
    if target.same(*target.ends(arrow)) and arrow == target.identity(target.ends(arrow)[0]):
        return True
    raise CatlearnError(f"{target!r} does not say whether {arrow!r} is an isomorphism")


def inverse(target: Any, arrow: Any) -> Any:
    """Return the inverse of an isomorphism of a target."""
    if isinstance(target, FiniteCategory):
        return target.ar.label(int(target.inverses[target.arrow(arrow)]))
    return arrow.inverse() if hasattr(arrow, "inverse") else arrow


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
    expect_each(Functor, "a Functor", F=F, G=G)
    expect_dicts("a dict of the arrow at each object", components=components)
    expect(limit, (type(None), int, np.integer), "limit", "a number, or None for all")
    refuse("natural transformation", not_parallel(F, G))
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
    arrows = [D.hom_rows(F.objects[a], G.objects[a]) for a in objects]
    allowed = [np.ones(found.size, bool) for found in arrows]
    for a, arrow in given.items():
        allowed[place[a]] &= arrows[place[a]] == D.arrow(arrow)
    if iso:
        for fits, found in zip(allowed, arrows, strict=True):
            fits &= D.inverses[found] >= 0
    sizes = [found.size for found in arrows]
    constraints: list[Constraint] = []
    for f in graph.edges:
        before, after = D.arrow(F.arrows[f]), D.arrow(G.arrows[f])
        a, b = map(place.__getitem__, graph.ends(f))
        sides = D.then(arrows[a], after), D.then(before, arrows[b])
        if a == b:
            allowed[a] &= sides[0] == sides[1]
            continue
        diagonals, codes = np.unique(np.concatenate(sides), return_inverse=True)
        for end, rows in ((a, codes[: sizes[a]]), (b, codes[sizes[a] :])):
            constraints.append((end, len(sizes), PartialFunction(np.arange(rows.size), rows)))
        sizes.append(diagonals.size)
    candidates = [np.flatnonzero(fits) for fits in allowed]
    candidates += [np.arange(size) for size in sizes[len(arrows) :]]
    for block in solve(Problem(range(len(sizes)), sizes, constraints), candidates):
        columns = [found[block[:, k]] for k, found in enumerate(arrows)]
        for choice in np.stack(columns, axis=1) if columns else np.zeros((1, 0), np.int64):
            yield NaturalTransformation.build(F, G, choice)


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
    graph, place = F.graph, {a: k for k, a in enumerate(F.graph.vertices)}
    sizes = [len(G.objects[a]) for a in place]
    counts = [len(F.objects[a]) for a in place]
    if iso and counts != sizes:
        return
    ends = np.cumsum([0, *counts]).tolist()
    kinds = np.repeat(np.arange(len(counts)), counts).tolist()
    candidates = [np.arange(sizes[kind]) for kind in kinds]
    for a, function in given.items():
        for x, value in enumerate(function, ends[place[a]]):
            candidates[x] = np.array([value])
    constraints: list[Constraint] = []
    for f in graph.edges:
        a, b = map(place.__getitem__, graph.ends(f))
        along = PartialFunction(np.arange(sizes[a]), G.arrows[f].values)
        constraints += [(ends[a] + x, ends[b] + y, along) for x, y in enumerate(F.arrows[f])]
    problem = Problem(kinds, sizes, constraints, [iso] * len(sizes))
    for chosen in (row for block in solve(problem, candidates) for row in block):
        components = {
            a: FinFunction._of(chosen[low:high].copy(), F.objects[a], G.objects[a])
            for a, (low, high) in zip(graph.vertices, pairwise(ends), strict=True)
        }
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
