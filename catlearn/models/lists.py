"""One map applied to each entry of a list: the functor that sends X to X^n, on architectures.

An example of X^n is an array with n in front of the shape of X, or a grid of entries with more
axes in front. A model on such lists has the parameters of the model on entries, and sends entry to
entry; entries and examples are run as one batch. So it is a functor: lists of a composite are the
composite of lists.

>>> import numpy as np
>>> from catlearn.models import Model, Space
>>> X, Z = Space("X", 4), Space("Z", 2)
>>> lists = each(Model("encoder", X, Z, "linear"), Space("Xs", (5, 4)), Space("Zs", (5, 2)))
>>> lists
Model('encoder', Xs -> Zs, each linear(use_bias=True))
>>> lists.failures()
[]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.architectures import Architecture, Wrapper
from catlearn.models.maps import Model
from catlearn.models.spaces import AnySpace, Space


@dataclass(frozen=True)
class Each(Wrapper):
    """An architecture on the entries of lists.

    Parameters
    ----------
    architecture
        The architecture on entries; its parameters and its object are those of this one.
    source, target
        The spaces of the entries.
    """

    architecture: Architecture
    source: AnySpace
    target: AnySpace

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return f"it is applied to each entry of a list; {self.architecture.remedy}"

    @property
    def parameter_free(self) -> bool:
        return self.architecture.parameter_free

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return self.architecture.init(key, self.source, self.target)

    def structure(self, source: AnySpace, target: AnySpace) -> Any:
        return self.architecture.structure(self.source, self.target)

    def parts(self, variables: Any) -> tuple[Any, Any, Any]:
        return self.architecture.parts(variables)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        import jax

        entry = self.source.shape  # type: ignore[attr-defined]
        leading = x.shape[: x.ndim - len(entry)]
        y, changed = self.architecture.run(
            variables, x.reshape(math.prod(leading), *entry), key=key, train=train
        )
        return jax.tree.map(lambda leaf: leaf.reshape(*leading, *leaf.shape[1:]), y), changed

    def apply(self, params: Any, x: Any, key: Any = None) -> Any:
        return self.run(params, x, key)[0]

    def rebuild(self, params: Any) -> Any:
        return self.architecture.rebuild(params)

    def parameters_of(self, value: Any) -> Any:
        return self.architecture.parameters_of(value)

    def __str__(self) -> str:
        return f"each {self.architecture}"


def each(model: Model, source: AnySpace, target: AnySpace) -> Model:
    """Return a model applied to each entry of a list, with the same name and parameters.

    Parameters
    ----------
    model
        A model from a space of arrays.
    source, target
        The spaces of lists: shapes end as those of the model's own spaces, and have the same
        axes in front.

    Raises
    ------
    InvalidStructure
        If the shapes are not such.

    Examples
    --------
    >>> from catlearn.models import Space
    >>> X, Z = Space("X", 4), Space("Z", 2)
    >>> each(Model("encoder", X, Z, "linear"), Space("Xs", (5, 4)), Space("Zs", (5, 2)))
    Model('encoder', Xs -> Zs, each linear(use_bias=True))
    """
    entries = model.source.label, model.target.label
    lists = source.label, target.label
    fronts = [_front(one, many) for one, many in zip(entries, lists, strict=True)]
    if None in fronts or fronts[0] != fronts[1]:
        message = f"expected lists of {entries[0]} and of {entries[1]}, equally long"
        failure = Failure("shape", f"{source} and {target}", message)
        raise InvalidStructure(f"model {model.name!r} on lists", [failure])
    lifted = object.__new__(Model)
    label = replace(model.label, architecture=Each(model.architecture, *entries))
    lifted._set(model.name, source, target, label, model.start)
    return lifted


def _front(entry: AnySpace, many: AnySpace) -> tuple[int, ...] | None:
    """Return the axes in front of the entries, None if there are no such entries."""
    shape = getattr(entry, "shape", None)
    if shape is None or not isinstance(many, Space):
        return None
    cut = len(many.shape) - len(shape)
    return many.shape[:cut] if cut > 0 and many.shape[cut:] == shape else None
