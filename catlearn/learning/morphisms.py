"""Morphisms of learning diagrams, along which parameters are pulled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.category import Path, PresentationMorphism
from catlearn.category.presentation import equation_images
from catlearn.cset import CSetMorphism
from catlearn.errors import Failure, InvalidStructure, UnknownName
from catlearn.finset.relations import Relation
from catlearn.finset.sets import read_values

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
        keyed = [table for table in domain.shape.keys if parts[table] is None]
        relation = Relation(domain, codomain)
        for table in parts.keys() - keyed:
            sets = codomain.sets[table], domain.sets[table]
            values, problems = read_values(parts[table], *sets)
            where = f"component {table!r}"
            failures += [Failure("function", where, problem) for problem in problems]
            if not problems and len(values) == len(sets[1]):
                parts[table] = relation.images[table] = np.asarray(values)
        if keyed and not failures:
            images = relation.keyed().images
            for table in keyed:
                parts[table] = images[table]
                labels = domain.sets[table].labels(np.flatnonzero(images[table] < 0))
                message = "the codomain has no row between the images of what it is between"
                failures += [Failure(table, f"{table} {label!r}", message) for label in labels]
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
