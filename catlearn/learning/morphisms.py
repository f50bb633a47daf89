"""Morphisms of learning diagrams, along which parameters are pulled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.category import Path, PresentationMorphism
from catlearn.category.presentation import equation_images
from catlearn.cset import CSetMorphism
from catlearn.errors import Failure, InvalidStructure, UnknownName
from catlearn.finset.functions import read_values
from catlearn.finset.join import find
from catlearn.learning.schema import LEARNING

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram


class LearningMorphism(PresentationMorphism, CSetMorphism):
    """A morphism of learning diagrams: rows to rows, preserving ends, sides and attributes.

    Parameters
    ----------
    domain, codomain
        Learning diagrams.
    V, E
        Where vertices and edges go: mappings of names, or lists of rows.
    Eq
        Where equations go. If it is not given, each goes to the one equation that has the
        images of its sides.
    Trains, Average, Operator
        Where the rows go that say what equations train, and what is a moving average or an
        operator. If they are not given, each goes to the row between the images of what it is
        between.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        Listing every broken square by the names of the rows.
    """

    domain: LearningDiagram
    codomain: LearningDiagram

    def __init__(
        self,
        domain: LearningDiagram,
        codomain: LearningDiagram,
        V: Mapping[str, str] | Sequence[int] = (),
        E: Mapping[str, str] | Sequence[int] = (),
        Eq: Mapping[str, str] | Sequence[int] | None = None,
        Trains: Mapping[str, str] | Sequence[int] | None = None,
        Average: Mapping[str, str] | Sequence[int] | None = None,
        Operator: Mapping[str, str] | Sequence[int] | None = None,
        *,
        check: bool = True,
    ) -> None:
        Eq = equation_images(domain, codomain, V, E) if Eq is None else Eq
        parts: dict[str, Any] = {"V": V, "E": E, "Eq": Eq}
        parts |= {"Trains": Trains, "Average": Average, "Operator": Operator}
        failures: list[Failure] = []
        for table in ("Trains", "Average", "Operator"):
            if parts[table] is None:
                parts[table], wrong = relation_images(domain, codomain, table, parts)
                failures += wrong
        if failures:
            raise InvalidStructure(type(self).__name__, failures)
        CSetMorphism.__init__(self, domain, codomain, parts, check=check)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{table}={{{', '.join(self._images(table))}}}" for table in self.domain.shape.tables
        )
        return f"LearningMorphism({self.domain!r} -> {self.codomain!r}, {parts})"

    def _images(self, table: str) -> Iterator[str]:
        images = self.codomain.sets[table].labels(self.components[table].values)
        for name, image in zip(self.domain.names(table), images, strict=True):
            yield name if name == image else f"{name}: {image}"

    def restrict(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Apply phi* to parameters: ``(phi* theta')_e = theta'_{phi(e)}``.

        Parameters
        ----------
        params
            Values by trainable edge of the codomain.

        Raises
        ------
        UnknownName
            If values are missing; the message lists all.
        """
        images = {edge: self.edge(edge) for edge in self.domain.trainable}
        missing = [image for image in dict.fromkeys(images.values()) if image not in params]
        if missing:
            raise UnknownName(f"no parameters for {', '.join(map(repr, missing))}")
        return {edge: params[image] for edge, image in images.items()}

    def lifts(self, path: Path) -> Iterator[Path]:
        """Yield the paths of the domain that this morphism sends to a path."""
        above: dict[str, list[str]] = {}
        for edge in self.domain.edges:
            above.setdefault(self.edge(edge), []).append(edge)
        starts = [v for v in self.domain.vertices if self.vertex(v) == path.source]
        stack: list[tuple[str, tuple[str, ...], str]] = [(start, (), start) for start in starts]
        while stack:
            source, edges, at = stack.pop()
            if len(edges) == len(path):
                yield Path(source, edges, at)
                continue
            for edge in above.get(path.edges[len(edges)], []):
                if self.domain.source(edge) == at:
                    stack.append((source, (*edges, edge), self.domain.target(edge)))


def relation_images(
    domain: LearningDiagram, codomain: LearningDiagram, table: str, parts: Mapping[str, Any]
) -> tuple[list[int], list[Failure]]:
    """Find for each row of a relation the row between the images of what it is between."""
    ends = [(name, end) for name, (source, end) in LEARNING.arrows.items() if source == table]
    rows = domain.size(table)
    if not rows:
        return [], []
    wanted = []
    for name, end in ends:
        values, problems = read_values(parts[end], codomain.sets[end], domain.sets[end])
        if problems:
            where = f"component {end!r}"
            return [], [Failure("function", where, problem) for problem in problems]
        wanted.append(np.asarray(values)[domain.arrows[name].values])
    there = [codomain.arrows[name].values for name, _ in ends]
    found = find(there, wanted) if len(there[0]) else np.full(rows, -1)
    failures = []
    for row in np.flatnonzero(found < 0).tolist():
        images = (
            codomain.sets[e].label(int(w[row])) for (_, e), w in zip(ends, wanted, strict=True)
        )
        message = f"the codomain has no row of {table} between {' and '.join(images)}"
        failures.append(Failure(table, f"{table} {domain.names(table)[row]!r}", message))
    return found.tolist(), failures
