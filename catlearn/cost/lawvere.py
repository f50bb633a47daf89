r"""Lawvere metric spaces: distances in [0, inf] with d(x, x) = 0 and the triangle law.

They are the enriched categories over ([0, inf], >=, +, 0) (Lawvere, "Metric spaces, generalized
logic, and closed categories", 1973): no symmetry, distance 0 between different points and infinite
distances are allowed. Enriched functors are the maps that do not expand; a K-Lipschitz map
A -> B is an enriched functor out of A with all distances multiplied by K.

The losses of parallel paths of a learning diagram are such a space at fixed parameters
(Theory, section 4; :func:`catlearn.lowering.path_metric`).

>>> from catlearn.cost import LawvereMetric
>>> climb = LawvereMetric(["valley", "peak"], [[0, 3], [1, 0]])
>>> climb.distance("valley", "peak"), climb.symmetrised().distance("peak", "valley")
(3.0, 3.0)
>>> climb.lipschitz(climb.scaled(2), {"valley": "valley", "peak": "peak"})
2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from catlearn.cost.enriched import EnrichedCategory
from catlearn.cost.functors import EnrichedFunctor, _map_failures
from catlearn.cost.quantale import (
    BOOL,
    LAWVERE,
    PROBABILITY,
    TOLERANCE,
    ULTRAMETRIC,
    QuantaleMorphism,
)
from catlearn.errors import Failure, InvalidStructure


class LawvereMetric(EnrichedCategory):
    """A generalised metric space: an enriched category over LAWVERE.

    Parameters
    ----------
    points
        Their names.
    distances
        Shape ``(n, n)``: d(x, y) in row x and column y.
    check
        False skips the checks.
    tolerance
        By how much, relatively, distances may miss the laws.

    Raises
    ------
    InvalidStructure
        Listing every d(x, x) > 0 and every d(x, z) > d(x, y) + d(y, z), with both sides.
    """

    def __init__(
        self,
        points: Iterable[str],
        distances: Any,
        check: bool = True,
        tolerance: float = TOLERANCE,
    ) -> None:
        super().__init__(points, distances, LAWVERE, check, tolerance)

    @classmethod
    def of(cls, category: EnrichedCategory) -> LawvereMetric:
        """Return a category over LAWVERE as a metric space."""
        if category.quantale != LAWVERE:
            message = f"found a category over {category.quantale.name}; change its base first"
            raise InvalidStructure("LawvereMetric", [Failure("quantale", "quantale", message)])
        return cls(category.objects, category.hom, check=False, tolerance=category.tolerance)

    def distance(self, x: str, y: str) -> float:
        """Return d(x, y)."""
        return float(self(x, y))

    @property
    def is_metric(self) -> bool:
        """Whether it is a metric in the usual sense: symmetric, finite, 0 for equal points only."""
        return self.is_symmetric and self.is_separated and bool(np.isfinite(self.hom).all())

    def scaled(self, factor: float) -> LawvereMetric:
        """Return the space with all distances multiplied by a factor >= 0."""
        return LawvereMetric.of(self.change_base(scaling(factor)))

    def lipschitz(self, codomain: EnrichedCategory, objects: Mapping[str, str]) -> float:
        """Return the least K >= 0 with d(f x, f y) <= K d(x, y); infinity if there is none.

        Parameters
        ----------
        codomain
            Another space.
        objects
            The map f. K <= 1 says that it is an enriched functor.

        Raises
        ------
        InvalidStructure
            If f is not a map from these points to those of the codomain.
        """
        failures = _map_failures(self, codomain, objects)
        if failures:
            raise InvalidStructure("map", failures)
        images = EnrichedFunctor(self, codomain, objects, check=False).images
        bounded = np.isfinite(self.hom) & (images > 0)  # else any K will do
        with np.errstate(divide="ignore"):
            ratios = images[bounded] / self.hom[bounded]
        return float(ratios.max(initial=0.0))


def scaling(factor: float) -> QuantaleMorphism:
    """Return the multiplication of distances by a factor >= 0, with 0 times infinity infinite.

    Examples
    --------
    >>> scaling(2)([1.0, float("inf")]).tolist()
    [2.0, inf]
    """
    if not factor >= 0 or factor == float("inf"):
        message = f"found {factor}, expected a finite number >= 0"
        raise InvalidStructure("scaling", [Failure("factor", "factor", message)])

    def scale(distances: np.ndarray) -> np.ndarray:
        finite = np.isfinite(distances)
        return np.where(finite, factor * np.where(finite, distances, 0.0), np.inf)

    return QuantaleMorphism(LAWVERE, LAWVERE, scale, f"{factor:g} times")


REACHABLE = QuantaleMorphism(LAWVERE, BOOL, np.isfinite, "finite")
"""Which distances are finite: change of base to the preorder of reachability."""

CLOSENESS = QuantaleMorphism(LAWVERE, PROBABILITY, lambda d: np.exp(-d), "exp(-d)")
"""The isomorphism from distances to probabilities."""

INDICATOR = QuantaleMorphism(BOOL, LAWVERE, lambda t: np.where(t, 0.0, np.inf), "indicator")
"""A preorder as a metric space with distances 0 and infinity."""

FORGET_ULTRA = QuantaleMorphism(ULTRAMETRIC, LAWVERE, lambda d: d, "inclusion")
"""An ultrametric space as a metric space."""
