"""Limits and colimits, one family for the morphisms of every category in the package.

A **cocone** under a finite diagram is an object X with a morphism h_i : D_i -> X for each
object, such that h_i = m >> h_j for every arrow m : i -> j. The **colimit** is the universal
one: every cocone is its legs followed by exactly one morphism out of its apex. **Limits** are
the same with every arrow turned round (Mac Lane, "Categories for the Working Mathematician",
chapters III and V).

A category takes part by giving its objects and morphisms an ``ambient``, an instance of
:class:`Ambient`, which computes. What is asked here is the same everywhere:

>>> from catlearn.finset import FinFunction, coequalizer
>>> q = coequalizer(FinFunction([0], codomain=3), FinFunction([2], codomain=3))
>>> q.legs
(FinFunction([0, 1, 0], codomain=2),)
>>> q.universal(FinFunction([3, 0, 3], codomain=4))
FinFunction([3, 0], codomain=4)

Laws: the legs are a (co)cone; ``universal`` of one is the only morphism that factors it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from catlearn.display import Displayed
from catlearn.errors import Failure, InvalidStructure, NotACocone, NotACone
from catlearn.finset.diagrams import Diagram, fan, parallel
from catlearn.finset.value import Frozen


class Universal(Frozen, Displayed):
    """What limits and colimits share: a remembered diagram, an apex, and legs to unpack."""

    diagram: Diagram
    apex: Any
    legs: tuple[Any, ...]

    def __init__(self, diagram: Diagram, apex: Any, legs: Iterable[Any]) -> None:
        self._set(diagram=diagram, apex=apex, legs=tuple(legs))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.legs)

    def __len__(self) -> int:
        return len(self.legs)

    def __getitem__(self, leg: int | str) -> Any:
        """Return a leg by its number or its name."""
        return self.legs[self.diagram.names.index(leg) if isinstance(leg, str) else leg]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Universal):
            return NotImplemented
        return (self.diagram, self.apex, self.legs) == (other.diagram, other.apex, other.legs)

    def __hash__(self) -> int:
        return hash((self.diagram, self.apex, self.legs))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(apex={self.apex!r}, legs={self.legs!r})"

    def _ends(self, cone: Sequence[Any], near: str, far: str, end: Any) -> list[Failure]:
        """Check how many components there are, where they meet the legs, and each other."""
        diagram, ambient = self.diagram, self.diagram.ambient
        if len(cone) != len(self.legs):
            message = f"found {len(cone)} morphisms, expected one for each of {list(diagram.names)}"
            return [Failure("shape", "components", message)]
        failures = []
        for name, thing, h in zip(diagram.names, diagram.leg_objects, cone, strict=True):
            for side, expected in ((near, thing), (far, end)):
                why = ambient.mismatch(getattr(h, side), expected)
                if why:
                    message = f"its {side} is not the one expected: {why}"
                    failures.append(Failure("shape", f"component {name!r}", message))
        return failures


class Colimit(Universal):
    """A colimit: ``legs`` lead from the diagram's leg objects into ``apex``."""

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
        if not cocone and codomain is None:
            raise NotACocone("cocone", [Failure("shape", "codomain", "say codomain= where to")])
        end = cocone[0].codomain if codomain is None else codomain
        failures = self._ends(cocone, "domain", "codomain", end)
        failures = failures or self.diagram.walk(cocone, inward=True)[1]
        if failures:
            raise NotACocone("cocone", failures)
        return self.diagram.ambient.descend(self, cocone, end)


class Limit(Universal):
    """A limit: ``legs`` lead from ``apex`` to the diagram's leg objects."""

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
        if not cone and domain is None:
            raise NotACone("cone", [Failure("shape", "domain", "say domain= where from")])
        end = cone[0].domain if domain is None else domain
        failures = self._ends(cone, "codomain", "domain", end)
        failures = failures or self.diagram.walk(cone, inward=False)[1]
        if failures:
            raise NotACone("cone", failures)
        return self.diagram.ambient.lift(self, cone, end)


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
    diagram = diagram.as_diagram()
    loose = diagram.undetermined(inward=True)
    if loose:
        raise InvalidStructure("diagram of a colimit", loose)
    return Colimit(diagram, *diagram.ambient.colimit(diagram))


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
    diagram = diagram.as_diagram()
    loose = diagram.undetermined(inward=False)
    if loose:
        raise InvalidStructure("diagram of a limit", loose)
    return Limit(diagram, *diagram.ambient.limit(diagram))


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
        A name for each leg; rows that clash in name are prefixed by it, as in ``left/x``.

    Examples
    --------
    >>> from catlearn.finset import FinFunction
    >>> po = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
    >>> [list(leg) for leg in po]
    [[0, 1], [2, 0, 3]]
    """
    return colimit(fan((f, g, *more), names))


def coequalizer(f: Any, g: Any, *more: Any) -> Colimit:
    """The largest quotient of the codomain on which parallel morphisms agree."""
    return colimit(parallel((f, g, *more), leg=1))


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
    morphisms = (f, g, *more)
    objects = [*(m.domain for m in morphisms), f.codomain]
    last = len(morphisms)
    arrows = [(k, last, m) for k, m in enumerate(morphisms)]
    return limit(Diagram(objects, arrows, legs=range(last), names=names))


def equalizer(f: Any, g: Any, *more: Any) -> Limit:
    """The largest part of the domain on which parallel morphisms agree."""
    return limit(parallel((f, g, *more), leg=0))
