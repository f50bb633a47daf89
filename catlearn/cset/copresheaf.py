"""C-sets as functors to finite sets, and back.

A C-set on a schema is a functor, a *copresheaf*, from the category that the schema presents to
finite sets: tables go to sets, arrows to functions, paths to composites. Morphisms of C-sets are
the natural transformations. (Mac Lane and Moerdijk, *Sheaves in Geometry and Logic*, I.1.)

Laws: ``from_functor(as_functor(X)) == X`` up to attributes, which a functor does not have.

>>> from catlearn.cset import CSet, SchGraph
>>> G = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
>>> F = as_functor(G)
>>> F("E"), F("tgt")
(FinSet(1), FinFunction([1], codomain=2))
>>> from_functor(F) == G
True
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from catlearn.category import Category, FiniteCategory, Functor, Graph, Morphisms, Path
from catlearn.cset.cset import CSet
from catlearn.cset.schema import Schema
from catlearn.errors import CatlearnError, Failure, InvalidStructure, TooLarge
from catlearn.finset import FinFunction, FinSet, Shape, Tables


def schema_of(category: Any) -> Schema:
    """Return the schema that stands for a category, a presentation or a graph.

    Raises
    ------
    InvalidStructure
        If it is none of these, but for example what a set-valued functor maps into.
    """
    if isinstance(category, Category):
        return Schema.of_category(category)
    if isinstance(category, Graph):
        return Schema.of_presentation(category)
    if isinstance(category, Shape):
        return Schema.of(category)
    message = f"{category!r} is not a schema, a presentation or a category of named arrows"
    raise InvalidStructure("functor of schemas", [Failure("ends", "functor", message)])


def plain_schema(schema: Schema) -> Schema:
    """Return a schema without its attributes.

    Raises
    ------
    InvalidStructure
        If it has lists.
    """
    if schema.lists:
        message = f"{', '.join(schema.lists)} have lists as values; a functor to sets has elements"
        raise InvalidStructure("C-set as a functor", [Failure("lists", "schema", message)])
    if not schema.attributes:
        return schema
    return schema._cached("plain", lambda: Schema(
        schema.tables, schema.arrows, equations=schema.equations
    ))  # fmt: skip


def plain(X: Tables) -> CSet:
    """Return a C-set without its attributes; InvalidStructure if it has lists."""
    if not isinstance(X, Tables):
        raise CatlearnError(f"a C-set, or a functor to finite sets, is expected, not {X!r}")
    return CSet._build(plain_schema(Schema.of(X.shape)), X.sets, X.arrows, {}, {})


def as_functor(X: Tables, category: Category | None = None) -> Functor:
    """Return a C-set as a functor to finite sets.

    Parameters
    ----------
    X
        A C-set; attributes are forgotten.
    category
        The domain, if that is to be a category on X's tables that X's arrows generate, such as
        ``X.schema.category()``; by default it is the schema.

    Raises
    ------
    InvalidStructure
        If X has lists, or does not satisfy the category's equations.
    """
    X = plain(X)
    if category is None:
        return Functor(X.schema, Morphisms(), X.sets, X.arrows, check=False)
    arrows = {name: X.arrows[name] for name in category.generators.edges if name in X.arrows}
    return Functor(category, Morphisms(), X.sets, arrows)


def from_functor(F: Functor) -> CSet:
    """Return a functor to finite sets as a C-set on the schema of its domain.

    Parameters
    ----------
    F
        A functor out of a schema, a presentation, a graph or a category whose values are
        finite sets and functions.

    Raises
    ------
    InvalidStructure
        Listing the values that are not functions of finite sets, and broken equations.
    """
    schema = schema_of(F.domain)
    failures = [
        Failure("set-valued", f"{kind} {name}", f"its value {value!r} is not a {expected.__name__}")
        for kind, values, expected in (
            ("object", F.objects, FinSet),
            ("arrow", F.arrows, FinFunction),
        )
        for name, value in values.items()
        if not isinstance(value, expected)
    ]
    if failures:
        raise InvalidStructure("set-valued functor", failures)
    arrows = {name: F(Path(source, (name,), target)) for name, (source, target) in
              schema.arrows.items()}  # fmt: skip
    sets = dict(F.objects)
    for name, (source, target) in schema.arrows.items():
        arrows[name] = FinFunction._of(arrows[name].values, sets[source], sets[target])
    made = CSet._build(plain_schema(schema), sets, arrows, {}, {})
    failures = made.failures()
    if failures:
        raise InvalidStructure("set-valued functor", failures)
    return made


def finite_category(X: Tables) -> FiniteCategory:
    """Return the category that a C-set's schema presents.

    Raises
    ------
    TooLarge
        If that is infinite, or not known to be finite.
    """
    category = Schema.of(X.shape).category()
    if not isinstance(category, FiniteCategory):
        message = "the category that the schema presents is infinite, or not known to be finite"
        raise TooLarge(f"{message}: {category}; give a finite one, or take the graph of elements")
    return category


def actions(X: Tables, category: FiniteCategory) -> list[np.ndarray]:
    """Return for each arrow of a category, by row, what it does to the rows of a C-set.

    Parameters
    ----------
    X
        A C-set on the schema of the category's generators.
    category
        A finite category.
    """
    found: dict[tuple[str, tuple[str, ...]], np.ndarray] = {}

    def act(path: Path) -> np.ndarray:
        key = path.source, path.edges
        if key not in found:
            if not path.edges:
                found[key] = np.arange(X.size(path.source))
            else:
                last = path.edges[-1]
                before = Path(path.source, path.edges[:-1], X.shape.arrows[last][0])
                found[key] = X.arrows[last].values[act(before)]
        return found[key]

    words: Iterator[Path] = map(category.word, range(len(category)))
    return [act(word) for word in words]


def on_schema(X: Any, schema: Schema, what: str) -> CSet:
    """Return a C-set as one on a schema, if it has its tables and arrows and obeys its equations.

    Raises
    ------
    InvalidStructure
        If it does not.
    """
    if not isinstance(X, Tables):
        raise CatlearnError(f"{what} is of C-sets and their morphisms, not of {X!r}")
    own = Schema.of(X.shape)
    if own == schema:
        return X if isinstance(X, CSet) else CSet.of(X)
    same = (set(own.tables), own.arrows, own.lists, own.attributes)
    if same != (set(schema.tables), schema.arrows, schema.lists, schema.attributes):
        message = f"it is on {own!r}, but the functor's schema is {schema!r}"
        raise InvalidStructure(what, [Failure("schema", "C-set", message)])
    moved = CSet._build(schema, X.sets, X.arrows, X.lists, X.attributes)
    failures = moved.failures()
    if failures:
        raise InvalidStructure(what, failures)
    return moved
