"""Forms: how the value of a step is represented.

A value at a categorical vertex is a ``label`` or ``logits``, and ``one-hot`` where a map reads a
label; all other data are ``array``. At a product there is a tuple of forms.

>>> from catlearn.models import Categorical, Product, Space
>>> data_form(Product("P", Space("X", 2), Categorical("Y", 3)).label)
('array', 'label')
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeAlias

from catlearn.models import ArchitectureMap, Categorical, Product, representation_of
from catlearn.models.architectures import abstract_key
from catlearn.models.spaces import dtype_kind

if TYPE_CHECKING:
    from catlearn.models import AnySpace, Map

Representation: TypeAlias = "str | tuple[Representation, ...]"
"""How a value is represented: ``array``, ``label``, ``logits``, ``one-hot``,
``sample``, or a tuple of forms."""


def data_form(label: AnySpace, stored: Any = None) -> Representation:
    """Return the form of data at a space: categorical data are labels unless they are floats."""
    if isinstance(label, Product):
        parts = stored or (None,) * len(label.factors)
        return tuple(starmap(data_form, zip(label.factors, parts, strict=True)))
    if not isinstance(label, Categorical):
        return "array"
    return "label" if stored is None or dtype_kind(stored.dtype) == "i" else "logits"


def emitted_form(label: Map, source: AnySpace, target: AnySpace) -> Representation | None:
    """Run a fixed map on shapes alone to see whether it emits labels or logits."""
    import jax

    assert isinstance(label, ArchitectureMap)
    value = jax.eval_shape(label.architecture.apply, (), source.example(3), abstract_key())
    return representation_of(target, value)


def without_labels(form: Representation, instead: str) -> Representation:
    if isinstance(form, tuple):
        return tuple(without_labels(part, instead) for part in form)
    return instead if form == "label" else form


def has_label(form: Representation) -> bool:
    return any(map(has_label, form)) if isinstance(form, tuple) else form == "label"


def form_text(form: Representation | Iterable[Representation]) -> str:
    """Return a form as text; a tuple of forms in parentheses."""
    return f"({', '.join(map(form_text, form))})" if isinstance(form, tuple) else str(form)
