"""Diagrams, limits and colimits: one family for the morphisms of every category in the package.

A **cocone** under a finite diagram is an object X with a morphism h_i : D_i -> X for each
object, such that h_i = m >> h_j for every arrow m : i -> j. The **colimit** is the universal
one: every cocone is its legs followed by exactly one morphism out of its apex. **Limits** are
the same with every arrow turned round (Mac Lane, "Categories for the Working Mathematician",
chapters III and V).

A category takes part by giving its objects and morphisms an ``ambient``, an instance of
:class:`Ambient`, which computes. What is asked here is the same everywhere:

>>> from catlearn.finset import Diagram, FinFunction, FinSet, coequalizer
>>> q = coequalizer(FinFunction([0], codomain=3), FinFunction([2], codomain=3))
>>> q.legs
(FinFunction([0, 1, 0], codomain=2),)
>>> q.universal(FinFunction([3, 0, 3], codomain=4))
FinFunction([3, 0], codomain=4)
>>> one, two = FinSet(1), FinSet(2)
>>> Diagram([one, two], [(0, 1, FinFunction([1], one, 3))])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: diagram is not valid (1 failure):
  - arrow 0: its codomain is not object 1: 3 elements are not 2 [ends]

Laws: the legs are a (co)cone; ``universal`` of one is the only morphism that factors it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    NotACocone,
    NotACone,
    NotComposable,
    expect,
    fault,
    refuse,
)
from catlearn.finset.value import Frozen


class Ambient:
    """The category of some objects and morphisms: what (co)limits need to ask of it.

    Objects and morphisms carry it as ``ambient``. Morphisms have ``domain``, ``codomain`` and
    ``>>``. A category overrides what it has; the rest is refused.
    """

    name = "this category"

    @property
    def ambient(self) -> Ambient:
        """The category itself, so that it may stand where an object of it is asked for."""
        return self

    def mismatch(self, one: Any, other: Any) -> str:
        """Say why morphisms into ``one`` and out of ``other`` do not compose; empty if they do."""
        return "" if one == other else f"{one!r} is not {other!r}"

    def same(self, one: Any, other: Any) -> bool:
        """Say whether morphisms into ``one`` compose with morphisms out of ``other``."""
        return one is other or not self.mismatch(one, other)

    def identity(self, of: Any) -> Any:
        """Return the identity morphism of an object."""
        raise CatlearnError(f"{self.name} has no identity of {of!r}")

    def differences(self, f: Any, g: Any) -> str:
        """Say where two parallel morphisms differ, in the user's names; empty if nowhere."""
        return "" if f == g else f"{f} is not {g}"

    def colimit(self, diagram: Diagram) -> tuple[Any, tuple[Any, ...]]:
        """Return the apex and the legs of the colimit."""
        raise CatlearnError(f"{self.name} has no colimit of this diagram: {diagram!r}")

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: Any) -> Any:
        """Return the morphism out of the apex that a cocone (already checked) induces."""
        raise CatlearnError(f"{self.name} induces no morphisms out of {colimit!r}")

    def limit(self, diagram: Diagram) -> tuple[Any, tuple[Any, ...]]:
        """Return the apex and the legs of the limit."""
        raise CatlearnError(f"{self.name} has no limit of this diagram: {diagram!r}")

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: Any) -> Any:
        """Return the morphism into the apex that a cone (already checked) induces."""
        raise CatlearnError(f"{self.name} induces no morphisms into {limit!r}")


class Diagram(Frozen, by="objects arrows legs names"):
    """A finite diagram: objects, and arrows between them.

    Parameters
    ----------
    objects
        The objects.
    arrows
        Triples ``(i, j, m)`` with ``m`` a morphism from ``objects[i]`` to ``objects[j]``.
    legs
        Which objects have legs, in this order; all by default. The others are determined
        through the arrows: they contribute relations, but no rows and no components.
    names
        A name for each leg, used where the apex has to tell rows of equal name apart.
        ``left`` and ``right`` if there are two, else their numbers. Rows of a leg that is called
        ``""`` keep their names, so that what is glued step by step has prefixes of one level.
    of
        The category, or any object or morphism of it, needed when there are no objects.

    Raises
    ------
    InvalidStructure
        Listing every arrow that does not fit its ends.

    Examples
    --------
    >>> from catlearn.finset import FinFunction, FinSet, colimit
    >>> one, two = FinSet(1), FinSet(2)
    >>> ends = [FinFunction([k], one, two) for k in (0, 1)]
    >>> d = Diagram([one, two, two], [(0, 1, ends[1]), (0, 2, ends[0])], legs=[1, 2])
    >>> colimit(d).apex
    FinSet(3)
    """

    objects: tuple[Any, ...]
    arrows: tuple[tuple[int, int, Any], ...]
    legs: tuple[int, ...]
    names: tuple[str, ...]
    of: Any

    def __init__(
        self,
        objects: Iterable[Any] = (),
        arrows: Iterable[tuple[int, int, Any]] = (),
        *,
        legs: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
        of: Any = None,
    ) -> None:
        expect(objects, Iterable, "objects", "a list of objects")
        expect(arrows, Iterable, "arrows", "a list of triples: (0, 1, morphism)")
        self._set(objects=tuple(objects), arrows=tuple(arrows))
        for arrow in self.arrows:
            expect(arrow, Sequence, "each arrow", "a triple: (0, 1, morphism)")
        chosen = tuple(range(len(self.objects)) if legs is None else legs)
        usual = ("left", "right") if len(chosen) == 2 else tuple(map(str, range(len(chosen))))
        named = usual if names is None else tuple(names)
        of = self.objects[0] if self.objects else getattr(of, "domain", of)
        for thing in self.objects:
            expect(thing, "ambient", "each object", "a set, graph, category or other object")
        self._set(legs=chosen, names=named, of=of)
        refuse("diagram", self.failures())

    @property
    def ambient(self) -> Ambient:
        """The category that the diagram lives in."""
        return self.of.ambient

    @property
    def leg_objects(self) -> tuple[Any, ...]:
        """The objects that have legs."""
        return tuple(self.objects[k] for k in self.legs)

    def as_diagram(self) -> Diagram:
        """Return this diagram; functors and spans answer the same call."""
        return self

    def failures(self) -> list[Failure]:
        """List every arrow, leg or name that does not fit."""
        if self.of is None:
            return [Failure("category", "objects", "there are none; say of= which category")]
        failures = Failures()
        size, ambient = len(self.objects), self.ambient
        for number, (i, j, m) in enumerate(self.arrows):
            where = f"arrow {number}"
            if i not in range(size) or j not in range(size):
                message = f"goes from object {i} to {j}, but there are {size} objects"
                failures.add("ends", where, message)
                continue
            if any(thing.ambient is not ambient for thing in (m, self.objects[i], self.objects[j])):
                message = f"is not in the category of the diagram, {ambient.name}"
                failures.add("category", where, message)
                continue
            for side, found, k in (("domain", m.domain, i), ("codomain", m.codomain, j)):
                why = ambient.mismatch(found, self.objects[k])
                if why:
                    failures.add("ends", where, f"its {side} is not object {k}: {why}")
        if len(set(self.legs)) != len(self.legs) or not set(self.legs) <= set(range(size)):
            failures.add("legs", "legs", f"{list(self.legs)} are not distinct objects among {size}")
        if len(set(self.names)) != len(self.names) or len(self.names) != len(self.legs):
            message = f"{list(self.names)} are not {len(self.legs)} distinct names, one a leg"
            failures.add("names", "names", message)
        return failures

    def __repr__(self) -> str:
        objects, arrows = list(self.objects), list(self.arrows)
        return f"Diagram({objects}, {arrows}, legs={list(self.legs)}, names={list(self.names)})"

    def walk(self, cone: Sequence[Any], inward: bool) -> tuple[dict[int, Any], list[Failure]]:
        """Extend components on the legs to all objects, and list the triangles that break.

        Parameters
        ----------
        cone
            One morphism for each leg, with the right ends.
        inward
            True for a cocone (arrows lead into the legs), False for a cone.

        Returns
        -------
        components, failures
            The component of each object that the legs determine, and the broken triangles.
        """
        known = dict(zip(self.legs, cone, strict=True))
        route = {k: f"component {name!r}" for k, name in zip(self.legs, self.names, strict=True)}
        pending, failures = dict(enumerate(self.arrows)), Failures()
        while ready := [k for k, (i, j, _) in pending.items() if (j if inward else i) in known]:
            for number in ready:
                i, j, m = pending.pop(number)
                near, far = (i, j) if inward else (j, i)
                composite = m >> known[j] if inward else known[i] >> m
                step = f"arrow {number}"
                via = f"{step} then {route[far]}" if inward else f"{route[far]} then {step}"
                if near not in known:
                    known[near], route[near] = composite, via
                elif differences := self.ambient.differences(known[near], composite):
                    message = f"by {route[near]}, and by {via}, they differ: {differences}"
                    failures.add("triangle", f"{step} ({i} -> {j})", message)
        return known, failures

    def undetermined(self, inward: bool) -> list[Failure]:
        """List the objects that no arrow ties to a leg."""
        known = set(self.legs)
        while True:
            new = {(i if inward else j) for i, j, _ in self.arrows if (j if inward else i) in known}
            if new <= known:
                break
            known |= new
        direction = (
            "no arrows lead from it to a leg" if inward else "no arrows lead to it from a leg"
        )
        loose = [k for k in range(len(self.objects)) if k not in known]
        return [Failure("legs", f"object {k}", f"{direction}; make it a leg") for k in loose]


class Span(Frozen, by="f g"):
    """Two morphisms out of one object, ``left <- apex -> right``.

    Parameters
    ----------
    f, g
        The two morphisms.

    Raises
    ------
    NotComposable
        If their domains differ.
    """

    f: Any
    g: Any

    def __init__(self, f: Any, g: Any) -> None:
        _morphisms(f, g)
        why = f.ambient.mismatch(f.domain, g.domain)
        if why:
            message = f"the morphisms of a span start at one object: {why}"
            raise fault("span", "span", "domains", message, NotComposable)
        self._set(f=f, g=g)

    @property
    def apex(self) -> Any:
        """The object that both morphisms start at."""
        return self.f.domain

    @property
    def feet(self) -> tuple[Any, Any]:
        """The two objects that they end at."""
        return self.f.codomain, self.g.codomain

    def __iter__(self) -> Iterator[Any]:
        return iter((self.f, self.g))

    def __repr__(self) -> str:
        return f"Span({self.f!r}, {self.g!r})"

    def as_diagram(self, names: Iterable[str] | None = None) -> Diagram:
        """Return the diagram whose colimit is the pushout."""
        return fan(tuple(self), names)


def fan(morphisms: tuple[Any, ...], names: Iterable[str] | None) -> Diagram:
    """The diagram of morphisms out of one object; the others are its legs."""
    objects = [morphisms[0].domain, *(m.codomain for m in morphisms)]
    arrows = [(0, k, m) for k, m in enumerate(morphisms, start=1)]
    return Diagram(objects, arrows, legs=range(1, len(objects)), names=names)


def _morphisms(*given: Any) -> tuple[Any, ...]:
    for one in given:
        expect(one, "codomain", "each argument", "a morphism; objects have products and coproducts")
    return given


def parallel(morphisms: tuple[Any, ...], leg: int) -> Diagram:
    """The diagram of parallel morphisms; one of the two objects is its leg."""
    objects = [morphisms[0].domain, morphisms[0].codomain]
    return Diagram(objects, [(0, 1, m) for m in morphisms], legs=[leg])


class Universal(Frozen, Displayed, by="diagram apex legs"):
    """What limits and colimits share: a remembered diagram, an apex, and legs to unpack."""

    diagram: Diagram
    apex: Any
    legs: tuple[Any, ...]
    inward: bool
    """Whether legs lead into the apex."""

    def __init__(self, diagram: Diagram, apex: Any, legs: Iterable[Any]) -> None:
        self._set(diagram=diagram, apex=apex, legs=tuple(legs))

    @classmethod
    def _of(cls, given: Any) -> Self:
        """Compute the limit or colimit of a diagram."""
        wanted = "a Diagram, a functor or a cospan, such as Diagram(objects, arrows)"
        expect(given, "as_diagram", f"what a {cls.__name__.lower()} is of", wanted)
        diagram = given.as_diagram()
        refuse(f"diagram of a {cls.__name__.lower()}", diagram.undetermined(cls.inward))
        ambient = diagram.ambient
        return cls(diagram, *(ambient.colimit if cls.inward else ambient.limit)(diagram))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.legs)

    def __len__(self) -> int:
        return len(self.legs)

    def __getitem__(self, leg: int | str) -> Any:
        """Return a leg by its number or its name."""
        return self.legs[self.diagram.names.index(leg) if isinstance(leg, str) else leg]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(apex={self.apex!r}, legs={self.legs!r})"

    def _induced(self, cone: tuple[Any, ...], end: Any) -> Any:
        """Check the ends and the triangles of a (co)cone, and return what it induces."""
        ends, kind, error = ("domain", "codomain"), "cocone", NotACocone
        if not self.inward:
            ends, kind, error = ends[::-1], "cone", NotACone
        far, diagram, ambient = ends[1], self.diagram, self.diagram.ambient
        if not cone and end is None:
            message = f"say {far}= where {'to' if self.inward else 'from'}"
            raise fault(kind, "shape", far, message, error)
        end = getattr(cone[0], far) if end is None else end
        if len(cone) != len(self.legs):
            message = f"found {len(cone)} morphisms, expected one for each of {list(diagram.names)}"
            raise fault(kind, "shape", "components", message, error)
        failures = Failures()
        for name, thing, h in zip(diagram.names, diagram.leg_objects, cone, strict=True):
            for side, expected in zip(ends, (thing, end), strict=True):
                if why := ambient.mismatch(getattr(h, side), expected):
                    message = f"its {side} is not the one expected: {why}"
                    failures.add("shape", f"component {name!r}", message)
        refuse(kind, failures or diagram.walk(cone, self.inward)[1], error)
        induce: Any = ambient.descend if self.inward else ambient.lift
        return induce(self, cone, end)


class Colimit(Universal):
    """A colimit: ``legs`` lead from the diagram's leg objects into ``apex``."""

    inward = True

    def universal(self, *cocone: Any, codomain: Any = None) -> Any:
        """Return the only morphism ``u`` out of the apex with ``leg >> u`` the cocone's.

        Parameters
        ----------
        *cocone
            One morphism for each leg, all into one object.
        codomain
            That object; needed only where there are no legs.

        Raises
        ------
        NotACocone
            Naming each triangle that does not commute, with rows on which it fails.
        """
        return self._induced(cocone, codomain)


class Limit(Universal):
    """A limit: ``legs`` lead from ``apex`` to the diagram's leg objects."""

    inward = False

    def universal(self, *cone: Any, domain: Any = None) -> Any:
        """Return the only morphism ``u`` into the apex with ``u >> leg`` the cone's.

        Parameters
        ----------
        *cone
            One morphism for each leg, all out of one object.
        domain
            That object; needed only where there are no legs.

        Raises
        ------
        NotACone
            Naming each triangle that does not commute, with rows on which it fails.
        """
        return self._induced(cone, domain)


def colimit(diagram: Any) -> Colimit:
    """Compute the colimit of a finite diagram.

    Parameters
    ----------
    diagram
        A :class:`Diagram`, or anything with a method ``as_diagram``.

    Returns
    -------
    Colimit
        With one leg for each of the diagram's leg objects.

    Raises
    ------
    InvalidStructure
        If an object is neither a leg nor tied to one by arrows.
    """
    return Colimit._of(diagram)


def limit(diagram: Any) -> Limit:
    """Compute the limit of a finite diagram.

    Parameters
    ----------
    diagram
        A :class:`Diagram`, or anything with a method ``as_diagram``.

    Returns
    -------
    Limit
        With one leg for each of the diagram's leg objects.

    Raises
    ------
    InvalidStructure
        If an object is neither a leg nor tied to one by arrows.
    """
    return Limit._of(diagram)


def coproduct(*objects: Any, names: Iterable[str] | None = None, of: Any = None) -> Colimit:
    """Disjoint union of objects; ``of`` names the category where there are none."""
    return colimit(Diagram(objects, names=names, of=of))


def initial(of: Any) -> Any:
    """The initial object of the category of ``of``, any object, morphism or class of it."""
    return coproduct(of=of).apex


def pushout(f: Any, g: Any, *more: Any, names: Iterable[str] | None = None) -> Colimit:
    """Glue the codomains of morphisms out of one object along their images.

    Parameters
    ----------
    f, g, *more
        Morphisms with one domain, the interface.
    names
        A name for each leg; rows that clash in name are prefixed by it, as in ``left/x``. Those of
        a leg that is called ``""`` keep their names.

    Examples
    --------
    >>> from catlearn.finset import FinFunction
    >>> po = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
    >>> [list(leg) for leg in po]
    [[0, 1], [2, 0, 3]]
    """
    return colimit(fan(_morphisms(f, g, *more), names))


def coequalizer(f: Any, g: Any, *more: Any) -> Colimit:
    """The largest quotient of the codomain on which parallel morphisms agree."""
    return colimit(parallel(_morphisms(f, g, *more), leg=1))


def product(*objects: Any, names: Iterable[str] | None = None, of: Any = None) -> Limit:
    """Product of objects; ``of`` names the category where there are none."""
    return limit(Diagram(objects, names=names, of=of))


def terminal(of: Any) -> Any:
    """The terminal object of the category of ``of``, any object, morphism or class of it."""
    return product(of=of).apex


def pullback(f: Any, g: Any, *more: Any, names: Iterable[str] | None = None) -> Limit:
    """The families of elements that morphisms into one object send to one element.

    Examples
    --------
    >>> from catlearn.finset import FinFunction
    >>> pb = pullback(FinFunction([0, 1, 1], codomain=2), FinFunction([1], codomain=2))
    >>> [list(leg) for leg in pb]
    [[1, 2], [0, 0]]
    """
    morphisms = _morphisms(f, g, *more)
    objects = [*(m.domain for m in morphisms), f.codomain]
    last = len(morphisms)
    arrows = [(k, last, m) for k, m in enumerate(morphisms)]
    return limit(Diagram(objects, arrows, legs=range(last), names=names))


def equalizer(f: Any, g: Any, *more: Any) -> Limit:
    """The largest part of the domain on which parallel morphisms agree."""
    return limit(parallel(_morphisms(f, g, *more), leg=0))
