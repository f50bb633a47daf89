"""How the arrows of a category are drawn so that they meet, and asked about.

A category under test answers ``identity``, ``compose`` and ``ends``; ``equal`` and ``same``
default to ``==``. Arrows are drawn by their source, so that composable pairs and triples are
built and not filtered for. What a caller may give:

- nothing, for a category with finitely many ``arrows``, or with a graph of ``generators``;
- ``arrows=`` a collection, which is indexed by source;
- ``arrows=`` a function from an object to a strategy for arrows out of it, or to a collection;
- ``arrows=`` a strategy: then several arrows are drawn at once, and one that meets is looked for
  among them; where that is rare, a law may go untested: give a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from catlearn.category import Composes, Graph, Path, Presentation
from catlearn.errors import CatlearnError
from catlearn.laws.presented import paths
from catlearn.laws.signature import ends, same

AT_ONCE = 8
"""How many arrows a strategy is asked for, to find one among them that meets another."""


def is_category(structure: Any) -> bool:
    """Whether a value answers what a category does."""
    return not isinstance(structure, type) and isinstance(structure, Composes)


def category_of(value: Any) -> Any:
    """Return a category as it is, and the free or presented one on a graph or a schema."""
    if isinstance(value, Graph):
        return Free(value)
    return Free(value.graph) if not is_category(value) and hasattr(value, "graph") else value


class Free:
    """The free category on a graph: paths, compared edge by edge; of a presentation, its graph's.

    Parameters
    ----------
    graph
        The graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.generators = graph
        self.objects = graph.vertices

    def identity(self, object: str, /) -> Path:
        """Return the empty path."""
        return Path.identity(object)

    def compose(self, first: Path, then: Path, /) -> Path:
        """Return ``first >> then``."""
        return first >> then

    def ends(self, arrow: Path, /) -> tuple[str, str]:
        """Return the vertices where a path starts and ends."""
        return arrow.source, arrow.target


class Arrows:
    """Strategies for objects and arrows of a category that fit together.

    Parameters
    ----------
    category
        The category.
    given
        ``objects`` and ``arrows``, as the module describes them.
    """

    def __init__(self, category: Any, given: Mapping[str, Any]) -> None:
        self.category = category
        self._objects = strategy_of(given.get("objects"))
        self._arrows: Any = given.get("arrows")
        self._indexed: list[tuple[Any, list[Any]]] = []
        if self._arrows is None:
            self._arrows = self._own()
        if isinstance(self._arrows, Iterable):
            self._index(self._arrows)

    def _own(self) -> Any:
        """What the category itself says of its arrows."""
        try:
            finite = getattr(self.category, "arrows", None)
        except CatlearnError:  # there are infinitely many
            finite = None
        if isinstance(finite, Sequence):
            return finite
        graph = getattr(self.category, "generators", None)
        if isinstance(graph, Graph):
            return lambda at: paths(graph, source=at)
        if self._objects is None:
            message = (
                f"{type(self.category).__name__} does not say what its arrows are: give arrows=, "
                "a collection, a strategy, or a function from an object to a strategy for the "
                "arrows out of it (then with objects=)"
            )
            raise CatlearnError(message)
        return lambda at: st.just(self.category.identity(at))

    def _index(self, arrows: Iterable[Any]) -> None:
        places: dict[Any, list[Any]] = {}
        for arrow in arrows:
            source = ends(self.category, arrow)[0]
            bucket = _lookup(places, source)
            if bucket is None:
                found = (one for at, one in self._indexed if same(self.category, at, source))
                bucket = next(found, None)
                if bucket is None:
                    bucket = []
                    self._indexed.append((source, bucket))
                _remember(places, source, bucket)
            bucket.append(arrow)
        self._places = places

    @property
    def objects(self) -> SearchStrategy[Any]:
        """A strategy for objects."""
        if self._objects is not None:
            return self._objects
        own = getattr(self.category, "objects", None)
        if isinstance(own, Iterable):
            return strategy_of(tuple(own))  # type: ignore[return-value]
        if isinstance(self._arrows, Iterable):
            return st.sampled_from([at for at, _ in self._indexed])
        if isinstance(self._arrows, SearchStrategy):
            both = st.tuples(self._arrows, st.integers(0, 1))
            return both.map(lambda drawn: ends(self.category, drawn[0])[drawn[1]])
        raise CatlearnError("give objects= too: arrows= is a function of an object")

    @property
    def arrows(self) -> SearchStrategy[Any]:
        """A strategy for arrows."""
        if isinstance(self._arrows, SearchStrategy):
            return self._arrows
        if isinstance(self._arrows, Iterable):
            return _sampled([arrow for _, bucket in self._indexed for arrow in bucket])
        return self.objects.flatmap(self.out_of)

    def out_of(self, source: Any) -> SearchStrategy[Any]:
        """Return a strategy for arrows out of an object."""
        if isinstance(self._arrows, SearchStrategy):
            several = st.lists(self._arrows, min_size=AT_ONCE, max_size=AT_ONCE)
            return several.flatmap(lambda pool: self._meeting(pool, source))
        if isinstance(self._arrows, Iterable):
            bucket = _lookup(self._places, source)
            if bucket is None:
                found = (one for at, one in self._indexed if same(self.category, at, source))
                bucket = next(found, [])
            return _sampled(bucket)
        out = strategy_of(self._arrows(source))
        assert out is not None
        return out

    def _meeting(self, pool: list[Any], source: Any) -> SearchStrategy[Any]:
        found = [a for a in pool if same(self.category, ends(self.category, a)[0], source)]
        return _sampled(found)

    def after(self, arrow: Any) -> SearchStrategy[Any]:
        """Return a strategy for arrows out of the codomain of an arrow."""
        return self.out_of(ends(self.category, arrow)[1])

    def sorts(self) -> dict[str, Callable[..., SearchStrategy[Any]]]:
        """Return the sorts of a category."""
        return {
            "object": lambda: self.objects,
            "arrow": lambda: self.arrows,
            "arrow from _": self.out_of,
            "arrow after _": self.after,
        }


def strategy_of(given: Any) -> SearchStrategy[Any] | None:
    if given is None or isinstance(given, SearchStrategy):
        return given
    return _sampled(list(given))


def _sampled(values: Sequence[Any]) -> SearchStrategy[Any]:
    return st.sampled_from(values) if values else st.nothing()


def _lookup(places: dict[Any, list[Any]], source: Any) -> list[Any] | None:
    try:
        return places.get(source)
    except TypeError:  # an object that cannot be hashed is looked for one by one
        return None


def _remember(places: dict[Any, list[Any]], source: Any, bucket: list[Any]) -> None:
    try:
        places[source] = bucket
    except TypeError:
        return


def sorts_of_presentation(graph: Graph) -> dict[str, Callable[..., SearchStrategy[Any]]]:
    """Return the sort of the equations of a presentation, by name; a graph has none."""
    names = graph.names("Eq") if isinstance(graph, Presentation) else ()
    return {"equation": lambda: _sampled(names)}
