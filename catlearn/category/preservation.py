"""What a functor has to preserve: ends, identities, composites and equations.

Every broken law is listed, with both sides. Where a target cannot tell whether two values are
equal, that is listed too, as undecided.

>>> from catlearn.category import FiniteCategory, Functor
>>> Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
>>> F = Functor(Z4, Z4, arrows={"1": "1", "2": "1", "3": "3"}, check=False)
>>> print(F.failures()[0])
arrow 2: its value is '1', that of 1 >> 1 is '2' [composition]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from catlearn.category import rows
from catlearn.category.evaluation import Evaluation
from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph
from catlearn.category.path import written
from catlearn.category.protocol import DecidesEquality, Typed
from catlearn.category.targets import Equality, compare, presentation_of
from catlearn.errors import Failure, did_you_mean
from catlearn.finset import Record
from catlearn.finset.value import SHOWN, listing


class Preservation(Evaluation):
    """The part of :class:`~catlearn.category.Functor` that checks its laws."""

    given: Record[str, Any]
    _built = False

    def failures(self, equal: Equality | None = None) -> list[Failure]:
        """Return every broken law.

        Parameters
        ----------
        equal
            How to compare the values of the two sides of an equation, for a target that does
            not decide equality (functions can be compared on samples); by default the
            target's own, and no equation is compared if it has none.
        """
        failures = self._unmatched() + self._ends_broken()
        if equal is None and isinstance(self.target, DecidesEquality):
            equal = self.target.equal
        if failures or equal is None:
            return failures
        if self.is_finite:
            failures = rows.broken(*self._finite(), self.ob.values, self.ar.values)
        else:
            for law, where, left, right, sides in self._equations():
                message = f"its left side has the value {left!r}, its right side {right!r}"
                if sides:
                    message = (
                        f"the value of {sides[1]} is {right!r}, that of {sides[0]} is {left!r}"
                    )
                failures += compare(law, where, equal, left, right, message)
        return failures + [failure for at in self.given for failure in self._misgiven(at, equal)]

    def _misgiven(self, at: str, equal: Equality) -> Iterator[Failure]:
        if at in self.arrows:
            return
        word = self.domain.word(at)
        found, expected = self.given[at], self(word)
        law = "composition" if len(word) else "identities"
        message = f"its value is {found!r}, that of {word} is {expected!r}"
        yield from compare(law, f"arrow {at}", equal, found, expected, message)

    def _equations(self) -> Iterator[tuple[str, str, Any, Any, tuple[str, str] | None]]:
        """Yield the values of the two sides of each equation of the domain, and where it is."""
        if isinstance(self.domain, FiniteCategory):
            label = self.domain.ar.label
            sides = (side.tolist() for side in rows.relations(self.domain))
            for f, g, h in zip(*sides, strict=True):
                left = self.target.compose(self._values[f], self._values[g])
                parts, whole = f"{label(f)} >> {label(g)}", label(h)
                yield "composition", f"{parts} = {whole}", left, self._values[h], (parts, whole)
            return
        presentation = presentation_of(self.domain)
        if presentation is None:
            return
        for name, equation in presentation.equations.items():
            left, right = (self(side) for side in presentation.sides(name))
            where = f"equation '{equation}'" + ("" if name == str(equation) else f" ({name})")
            yield "equations", where, left, right, None

    def _unmatched(self) -> list[Failure]:
        failures = []
        vertex, edge = self.kinds
        whole = "graph" if isinstance(self.domain, Graph) else "domain"
        for kind, known, there, given, value in (
            (vertex, self.graph.vertices, self.objects, self.objects, "object"),
            (edge, self.graph.edges, self.arrows, self.given, "arrow"),
        ):
            for name in known:
                if name not in there:
                    message = f"it has no {value}; a functor needs one for each {kind}"
                    if kind == edge:
                        message += self._choices(name)
                    failures.append(Failure("totality", f"{kind} {written(name)}", message))
            names = set(known)
            for name in given:
                if name not in names and (kind == vertex or self._ends(name) is None):
                    hint = did_you_mean(name, known)
                    message = f"the {whole} has no {kind} of this name; {hint}"
                    failures.append(Failure("known names", f"{kind} {written(name)}", message))
        return failures

    def _choices(self, edge: str) -> str:
        """Say between what, in a finite category, an arrow is to be chosen for a generator."""
        source, target = (self.objects.get(a) for a in self.graph.ends(edge))
        if not isinstance(self.target, FiniteCategory) or source is None or target is None:
            return ""
        if source not in self.target.ob or target not in self.target.ob:
            return ""
        found = self.target.hom(source, target)
        if not found:
            return f", but there is none from {source} to {target}"
        return f"; say which of {listing(found[:SHOWN], len(found))}"

    def _ends_broken(self) -> list[Failure]:
        if not isinstance(self.target, Typed) or self._built:
            return []
        failures = []
        vertex, edge = self.kinds
        for at in dict.fromkeys((*self.graph.edges, *self.given)):
            arrow = self.arrows.get(at, self.given.get(at))
            around = self._ends(at)
            if around is None or (at not in self.arrows and at not in self.given):
                continue
            for verb, end, name in zip(
                ("starts", "ends"), self.target.ends(arrow), around, strict=True
            ):
                if name in self.objects and not self.target.same(end, self.objects[name]):
                    message = (
                        f"its arrow {verb} at {end!r}, but {vertex} {name} "
                        f"has the object {self.objects[name]!r}"
                    )
                    failures.append(Failure("ends", f"{edge} {written(at)}", message))
        return failures

    def _ends(self, at: str) -> tuple[str, str] | None:
        """Return the ends of an arrow of the domain that values may be given for, by name."""
        if isinstance(self.domain, FiniteCategory):
            known = at in self.domain.ar or at in self.domain.aliases
            return self.domain.ends(at) if known else None
        return self.graph.ends(at) if self.graph.has_edge(at) else None
