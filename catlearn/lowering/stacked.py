"""Stacked storage: values by name, of which the isomorphic ones lie in one array.

A :class:`Stacked` is a mapping from names to trees and a pytree. Its *layout* says which names
are stored alone and which lie together, along a new leading axis of every leaf. Layouts are
interned: equal ones are one object, so comparing them, as a compiled call does each time, costs
nothing however many names there are.

The package computes with mappings that are stacked, also where every name is alone. What users give
and get is a plain dict wherever nothing lies together: see :attr:`Stacked.plain`.

How what a plan runs as one is stored is in :mod:`catlearn.lowering.storage`.

>>> import numpy as np
>>> layout = Layout.of(("encoder", "head_0", "head_1"), [("head_0", "head_1")])
>>> params = layout.pack({"encoder": np.ones(2), "head_0": np.zeros(3), "head_1": np.ones(3)})
>>> params
Stacked(encoder, head_0..head_1 (2))
>>> params["head_1"].tolist(), [leaf.shape for leaf in jax.tree.leaves(params)]
([1.0, 1.0, 1.0], [(2,), (2, 3)])
>>> {name: value.shape for name, value in params.items()}
{'encoder': (2,), 'head_0': (3,), 'head_1': (3,)}
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import CatlearnError, UnknownName, did_you_mean
from catlearn.tensors import same_values

Name: TypeAlias = Any
"""What a value is called: an edge or an equation by its name, a column by the pair that it is."""


class Layout:
    """Which names are stored together; make it by :meth:`of`.

    Attributes
    ----------
    names
        All names, in the order of the mapping.
    groups
        A tuple of names for each part that is stored, in the order of first members. A group of
        one name is stored as it is.
    stacks
        The groups of more than one name.
    """

    __slots__ = ("__weakref__", "groups", "names", "places", "stacks")

    names: tuple[Name, ...]
    groups: tuple[tuple[Name, ...], ...]
    stacks: tuple[tuple[Name, ...], ...]
    places: dict[Name, tuple[int, int]]
    known: ClassVar[weakref.WeakValueDictionary[Any, Layout]] = weakref.WeakValueDictionary()

    @classmethod
    def of(cls, names: Iterable[Name], classes: Iterable[Sequence[Name]] = ()) -> Layout:
        """Return the layout of some names; classes that are not all there are left out."""
        names = tuple(names)
        there = set(names)
        stacks = [tuple(group) for group in classes if len(group) > 1 and there.issuperset(group)]
        number = {name: i for i, name in enumerate(names)}
        first = {min(group, key=number.__getitem__): group for group in stacks}
        inside = {name for group in stacks for name in group}
        groups = tuple(
            first.get(name, (name,)) for name in names if name in first or name not in inside
        )
        return cls._interned(names, groups)

    @classmethod
    def _interned(cls, names: tuple[Name, ...], groups: tuple[tuple[Name, ...], ...]) -> Layout:
        layout = cls.known.get((names, groups))
        if layout is None:
            layout = super().__new__(cls)
            layout.names, layout.groups = names, groups
            layout.stacks = tuple(group for group in groups if len(group) > 1)
            layout.places = {
                n: (g, i) for g, group in enumerate(groups) for i, n in enumerate(group)
            }
            cls.known[names, groups] = layout
        return layout

    def __reduce__(self) -> Any:
        return Layout._interned, (self.names, self.groups)

    def pack(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store values by this layout; where it stacks nothing they are returned as they are."""
        return self.stacked(values) if self.stacks else values

    def stacked(self, values: Mapping[Name, Any]) -> Stacked:
        """Store values by this layout, which copies those that are stacked.

        Parameters
        ----------
        values
            A mapping with these names. Trees of one group must have one structure.

        Raises
        ------
        CatlearnError
            If trees that must be stacked differ in structure or shape.
        """
        if isinstance(values, Stacked) and values.layout is self:
            return values
        given = Stacked.of(values)
        return Stacked(self, tuple(given.gather(group) for group in self.groups))

    def spread(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store one value, such as a label, for each group.

        Raises
        ------
        CatlearnError
            If values differ within a group.
        """
        for group in self.stacks:
            first, *others = group
            other = next((name for name in others if values[name] != values[first]), None)
            if other is not None:
                raise CatlearnError(
                    f"{first!r} has the label {values[first]!r} and {other!r} {values[other]!r}, "
                    "but they are stored stacked, in one array; keep them apart with "
                    "lower(loss, groups={edge: label}), or stack nothing with stack=False"
                )
        return Stacked(self, tuple(values[group[0]] for group in self.groups)).plain

    def __repr__(self) -> str:
        return f"Layout({', '.join(map(group_text, self.groups))})"


class Stacked(Mapping[Name, Any]):
    """A mapping from names to trees, stored by a layout.

    Parameters
    ----------
    layout
        Which names are stored together.
    parts
        A tree for each group of the layout; the leaves of a stacked one have a leading axis, one
        entry for each name.
    """

    __slots__ = ("layout", "parts")

    def __init__(self, layout: Layout, parts: tuple[Any, ...]) -> None:
        self.layout = layout
        self.parts = parts

    @classmethod
    def of(cls, values: Mapping[Name, Any]) -> Stacked:
        """Return a mapping as it is if it is stacked, else with every name alone."""
        if isinstance(values, Stacked):
            return values
        return cls(Layout.of(values), tuple(values.values()))

    @property
    def plain(self) -> Mapping[str, Any]:
        """The mapping as users see it: a dict, unless something is stored together.

        Examples
        --------
        >>> Stacked.of({"f": 1.0, "g": 2.0}).plain
        {'f': 1.0, 'g': 2.0}
        """
        if self.layout.stacks:
            return self
        return dict(zip(self.layout.names, self.parts, strict=True))

    def __getitem__(self, name: Name) -> Any:
        if name not in self.layout.places:
            raise KeyError(name)
        group, position = self.layout.places[name]
        part = self.parts[group]
        return part if len(self.layout.groups[group]) == 1 else entry(part, position)

    def __contains__(self, name: object) -> bool:
        return name in self.layout.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)

    def groups(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield each group of names with the tree that is stored for it."""
        return zip(self.layout.groups, self.parts, strict=True)

    def map(self, change: Callable[[Any, bool], Any]) -> Stacked:
        """Return the mapping with each part changed, knowing whether it is stacked."""
        parts = (change(part, len(group) > 1) for group, part in self.groups())
        return Stacked(self.layout, tuple(parts))

    def vector(self) -> jax.Array:
        """Return scalars by name as one array, in the order of the names.

        Examples
        --------
        >>> layout = Layout.of("abc", ["ac"])
        >>> Stacked(layout, (jnp.array([1.0, 3.0]), jnp.array(2.0))).vector().tolist()
        [1.0, 2.0, 3.0]
        """
        stored = [name for group in self.layout.groups for name in group]
        number = {name: i for i, name in enumerate(stored)}
        values = jnp.concatenate([jnp.ravel(part) for part in self.parts])
        return take(values, [number[name] for name in self.layout.names], len(stored))

    def shape(self, name: Name) -> Any:
        """Return the shapes and dtypes of the value of a name, without reading it."""
        group, _ = self.layout.places[name]
        drop = 1 if len(self.layout.groups[group]) > 1 else 0
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf)[drop:], jnp.result_type(leaf)),
            self.parts[group],
        )

    def __or__(self, other: Mapping[str, Any]) -> Stacked:
        """Return the mapping with other values for some of its names.

        Raises
        ------
        UnknownName
            If there is no such name.
        """
        found: dict[int, list[str]] = {}
        for name in other:
            if name not in self.layout.places:
                hint = did_you_mean(name, self.layout.names)
                raise UnknownName(f"there is no {name!r} here; {hint}")
            found.setdefault(self.layout.places[name][0], []).append(name)
        changed = self
        for group, names in found.items():
            stored = self.layout.groups[group]
            names = stored if len(names) == len(stored) else names
            changed = changed.put(names, Stacked.of(other).gather(names))
        return changed

    def gather(self, names: Sequence[Name]) -> Any:
        """Return the tree of one name as it is, or those of several stacked.

        Names that are stored together already, in this order, cost nothing.

        Raises
        ------
        CatlearnError
            If trees that must be stacked differ in structure or shape.
        """
        if len(names) == 1:
            return self[names[0]]
        groups, positions = zip(*(self.layout.places[name] for name in names), strict=True)
        if len(set(groups)) == 1:
            return take(self.parts[groups[0]], positions, len(self.layout.groups[groups[0]]))
        trees = [self[name] for name in names]
        shapes = [jax.tree.map(jnp.shape, tree) for tree in trees]
        for name, shape in zip(names, shapes, strict=True):
            if shape != shapes[0]:
                raise CatlearnError(
                    f"{names[0]!r} and {name!r} cannot be stored as one: the first has the shapes "
                    f"{shapes[0]}, the second {shape}; lower with stack=False"
                )
        return jax.tree.map(lambda *leaves: _stack(leaves), *trees)

    def put(self, names: Sequence[str], tree: Any) -> Stacked:
        """Return the mapping with other values for names of one group, as ``gather`` gives them.

        Examples
        --------
        >>> stacked = Layout.of("abc", ["ac"]).stacked({name: np.zeros(1) for name in "abc"})
        >>> changed = stacked.put(["c", "a"], np.array([[3.0], [1.0]]))
        >>> {name: value.tolist() for name, value in changed.items()}
        {'a': [1.0], 'b': [0.0], 'c': [3.0]}
        """
        group, _ = self.layout.places[names[0]]
        size = len(self.layout.groups[group])
        positions = [self.layout.places[name][1] for name in names]
        if size == 1:
            new = tree
        elif len(names) == size:
            new = take(tree, np.argsort(positions).tolist(), size)
        else:
            index = positions[0] if len(names) == 1 else np.asarray(positions)
            new = jax.tree.map(
                lambda leaf, value: jnp.asarray(leaf).at[index].set(value), self.parts[group], tree
            )
        return Stacked(self.layout, (*self.parts[:group], new, *self.parts[group + 1 :]))

    def chosen(self, names: Iterable[str]) -> Stacked:
        """Return the values of some names, stored as they are.

        Examples
        --------
        >>> stacked = Layout.of("abc", ["ac"]).stacked({name: np.zeros(1) for name in "abc"})
        >>> stacked.chosen("ac"), stacked.chosen("ab")
        (Stacked(a..c (2)), Stacked(a, b))
        """
        return Layout.of(names, self.layout.stacks).stacked(self)

    def __eq__(self, other: object) -> bool:
        """Whether names, structures and all values agree."""
        if not isinstance(other, Mapping):
            return NotImplemented
        if list(self) != list(other):
            return False
        if isinstance(other, Stacked) and other.layout is self.layout:
            return same_values(self.parts, other.parts)
        return all(same_values(self[name], other[name]) for name in self)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Stacked({', '.join(map(group_text, self.layout.groups))})"

    def __reduce__(self) -> Any:
        return Stacked, (self.layout, self.parts)


class Columns(Mapping[str, Mapping[str, Any]]):
    """A batch ``{data set: {projection: array}}`` of which columns are stored together.

    Parameters
    ----------
    stacked
        The columns, which are called ``(data set, projection)``. Those that are stored together
        have their members on the first axis and the examples on the second.

    Examples
    --------
    >>> batch = {name: {"X": np.full(3, i)} for i, name in enumerate("ab")}
    >>> layout = Layout.of([("a", "X"), ("b", "X")], [[("a", "X"), ("b", "X")]])
    >>> columns = Columns(layout.stacked(Columns.of(batch).stacked))
    >>> columns["b"]["X"].tolist(), columns.shapes()["b"]["X"].shape
    ([1, 1, 1], (3,))
    >>> columns.map(lambda leaf, axis: leaf.shape[axis])["a"]
    {'X': 3}
    """

    __slots__ = ("stacked",)

    def __init__(self, stacked: Stacked) -> None:
        self.stacked = stacked

    @classmethod
    def of(cls, batch: Mapping[str, Mapping[str, Any]]) -> Columns:
        """Return a batch as it is if its columns are stacked, else with every column alone."""
        if isinstance(batch, Columns):
            return batch
        flat = {
            (data, name): value
            for data, columns in batch.items()
            for name, value in columns.items()
        }
        return cls(Stacked.of(flat))

    def __getitem__(self, data: str) -> dict[str, Any]:
        columns = {name[1]: self.stacked[name] for name in self.stacked if name[0] == data}
        if not columns:
            raise KeyError(data)
        return columns

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(data for data, _ in self.stacked))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def shapes(self) -> dict[str, dict[str, Any]]:
        """Return the shapes and dtypes of all columns; no slice enters a program for it."""
        layout = self.stacked.layout
        shapes = tuple(self.stacked.shape(names[0]) for names in layout.groups)
        return Columns(Stacked(layout, shapes)).of_each()

    def of_each(self) -> dict[str, dict[str, Any]]:
        """Return for each column what there is for its group: a value that members share."""
        found: dict[str, dict[str, Any]] = {}
        for data, name in self.stacked.layout.names:
            group, _ = self.stacked.layout.places[data, name]
            found.setdefault(data, {})[name] = self.stacked.parts[group]
        return found

    def map(self, change: Callable[[Any, int], Any]) -> Columns:
        """Return the batch with all arrays changed, knowing which axis of each has the examples."""
        return Columns(
            self.stacked.map(
                lambda part, stacked: jax.tree.map(lambda leaf: change(leaf, int(stacked)), part)
            )
        )

    def __repr__(self) -> str:
        groups = ([".".join(name) for name in names] for names in self.stacked.layout.groups)
        return f"Columns({', '.join(map(group_text, groups))})"


jax.tree_util.register_pytree_node(
    Columns, lambda columns: ((columns.stacked,), None), lambda _, parts: Columns(*parts)
)


def take(tree: Any, positions: Sequence[int], size: int) -> Any:
    """Return entries along the leading axis of all leaves; all of them, in order, for free."""
    start, stop = positions[0], positions[0] + len(positions)
    if tuple(positions) == tuple(range(start, stop)):
        whole = (start, stop) == (0, size)
        return tree if whole else jax.tree.map(lambda leaf: leaf[start:stop], tree)
    index = np.asarray(positions)
    return jax.tree.map(lambda leaf: leaf[index], tree)


def entry(tree: Any, position: int) -> Any:
    """Return one entry along the leading axis of all leaves; labels have no axes."""

    def of(leaf: Any) -> Any:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype)
        return leaf[position] if getattr(leaf, "ndim", 0) else leaf

    return jax.tree.map(of, tree)


def group_text(names: Sequence[str]) -> str:
    """Return a group of names on one line.

    Examples
    --------
    >>> group_text(["encoder"]), group_text(["a", "b", "c"])
    ('encoder', 'a..c (3)')
    """
    return names[0] if len(names) == 1 else f"{names[0]}..{names[-1]} ({len(names)})"


def _stack(leaves: Sequence[Any]) -> Any:
    on_host = all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves)
    return np.stack(leaves) if on_host else jnp.stack(leaves)


def _flatten(value: Stacked) -> tuple[tuple[Any, ...], Layout]:
    return value.parts, value.layout


def _flatten_with_keys(value: Stacked) -> tuple[tuple[Any, ...], Layout]:
    keys = (g[0] if len(g) == 1 else (g[0], g[-1]) for g in value.layout.groups)
    named = (
        (jax.tree_util.DictKey(key), part) for key, part in zip(keys, value.parts, strict=True)
    )
    return tuple(named), value.layout


def _unflatten(layout: Layout, parts: Iterable[Any]) -> Stacked:
    return Stacked(layout, tuple(parts))


jax.tree_util.register_pytree_with_keys(Stacked, _flatten_with_keys, _unflatten, _flatten)
