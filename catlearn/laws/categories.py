r"""The laws of categories, functors and natural transformations.

Composition is in diagrammatic order, :math:`f ; g` is first f. Definitions: Mac Lane,
*Categories for the Working Mathematician*, I.2-4.

>>> from catlearn.category import Graph, Paths
>>> from catlearn.laws import check
>>> G = Graph({"f": ("A", "B"), "g": ("B", "A")})
>>> report = check(Paths(), objects=G.vertices, arrows=lambda at: G.paths(at, max_length=3))
>>> print(report)
Laws of a category: 5 passed
  ends of identities: passed (2 examples)
  ends of composites: passed (32 examples)
  left unit: passed (8 examples)
  right unit: passed (8 examples)
  associativity: passed (100 examples)

The laws of adjunctions, by unit and counit.

An adjunction is a pair of functors L, R with natural transformations
:math:`\eta_A : A \to R L A` and :math:`\varepsilon_B : L R B \to B` that satisfy the two triangle
laws (Mac Lane, *Categories for the Working Mathematician*, IV.1). That L and R are functors is
among the laws, as it is of the functors at the ends of a natural transformation.

How the arrows of a category are drawn so that they meet, and asked about.

A category under test answers ``identity``, ``compose`` and ``ends``; ``equal`` and ``same``
default to ``==``. Arrows are drawn by their source, so that composable pairs and triples are
built and not filtered for. What a caller may give:

- nothing, for a category with finitely many ``arrows``, with a graph of ``generators``, or with
  strategies ``out_of(object)``, and perhaps ``after(arrow)`` where composition is partial;
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

from catlearn.category import Composes, FiniteCategory, Graph, Path, Presentation
from catlearn.errors import CatlearnError
from catlearn.laws.law import Law
from catlearn.laws.signature import Signature, Spec, ends, same
from catlearn.laws.strategies import paths

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
        self._own_after = getattr(category, "after", None) if self._arrows is None else None
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
        if hasattr(self.category, "out_of"):
            return self.category.out_of
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
        if self._own_after is not None:
            return self._own_after(arrow)
        return self.out_of(ends(self.category, arrow)[1])

    def sorts(self, category: str = "") -> dict[str, Callable[..., SearchStrategy[Any]]]:
        """Return the sorts of a category; of one that types name as ``"in D"``, with that."""
        object, arrow = (f"{word} {category}".rstrip() for word in ("object", "arrow"))
        return {
            object: lambda: self.objects,
            arrow: lambda: self.arrows,
            f"{arrow} from _": self.out_of,
            f"{arrow} after _": self.after,
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


def sorts_of_presentation(graph: Any) -> dict[str, Callable[..., SearchStrategy[Any]]]:
    """Return the sort of the equations of a presentation, by name; a graph has none."""
    names = graph.names("Eq") if isinstance(graph, Presentation) else ()
    return {"equation": lambda: _sampled(names)}


# ---------------------------------------------------------------- categories


ARROWS = {
    "objects": "objects, a strategy or a collection",
    "arrows": (
        "arrows: a collection, a function from an object to a strategy for the arrows out of "
        "it, or a strategy"
    ),
}
"""What one may give to draw objects and arrows of a category."""

CATEGORY = Signature({"C": lambda C: C})
"""Identities and composites of one category, C."""

PAIR = "f: A -> B, g: B -> C"

category = Spec(
    "category",
    (
        CATEGORY.law("ends of identities", "id(A) : A -> A", "A: object"),
        CATEGORY.law("ends of composites", "f >> g : A -> C", PAIR),
        CATEGORY.law("left unit", "id(A) >> f = f", "f: A -> B"),
        CATEGORY.law("right unit", "f >> id(B) = f", "f: A -> B"),
        CATEGORY.law("associativity", "(f >> g) >> h = f >> (g >> h)", f"{PAIR}, h: C -> D"),
    ),
    lambda C, given: Arrows(C, given).sorts(),
    ARROWS,
    is_category,
    "Mac Lane, Categories for the Working Mathematician, I.2",
    CATEGORY,
)
"""The laws of a category: a value with ``identity``, ``compose`` and ``ends``."""


# ---------------------------------------------------------------- functors


def domain_of(F: Any) -> Any:
    """Return the category that a functor starts at."""
    return category_of(_start(F))


def codomain_of(F: Any) -> Any:
    """Return the category that a functor ends at."""
    return category_of(F.codomain if hasattr(F, "codomain") else F.target)


def on_object(F: Any, A: Any) -> Any:
    """Return the object that a functor sends an object to."""
    if hasattr(F, "on_object"):
        return F.on_object(A)
    objects = getattr(F, "objects", None)
    return objects[A] if isinstance(objects, Mapping) else F(A)


def on_arrow(F: Any, f: Any) -> Any:
    """Return the arrow that a functor sends an arrow to."""
    if hasattr(F, "on_arrow"):
        return F.on_arrow(f)
    start = _start(F)
    if isinstance(start, FiniteCategory) and isinstance(f, str) and f in start.ob:
        f = start.word(f)  # a name that an arrow shares with an object would be the object's
    return F(f)


def is_functor(structure: Any) -> bool:
    """Whether a value has what a functor has."""
    starts = hasattr(structure, "domain") or hasattr(structure, "graph")
    stops = hasattr(structure, "codomain") or hasattr(structure, "target")
    acts = hasattr(structure, "on_arrow") or callable(structure)
    return starts and stops and acts and is_category(_codomain(structure))


def _codomain(structure: Any) -> Any:
    return structure.codomain if hasattr(structure, "codomain") else structure.target


def _start(F: Any) -> Any:
    """Return what a functor is given on: a graph, a presentation or a category."""
    return F.domain if hasattr(F, "domain") else F.graph


def _has_equations(F: Any) -> bool:
    start = _start(F)
    return isinstance(start, Presentation) and start.size("Eq") > 0


def _functor_sorts(F: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**Arrows(domain_of(F), given).sorts(), **sorts_of_presentation(_start(F))}


FUNCTOR = Signature(
    {"C": domain_of, "D": codomain_of},
    {
        "F(A: object): object in D": on_object,
        "F(f: A -> B): F(A) -> F(B) in D": on_arrow,
        "left(q: equation): start(q) -> end(q)": lambda F, q: _start(F).sides(q)[0],
        "right(q: equation): start(q) -> end(q)": lambda F, q: _start(F).sides(q)[1],
        "start(q: equation): object": lambda F, q: _start(F).sides(q)[0].source,
        "end(q: equation): object": lambda F, q: _start(F).sides(q)[0].target,
    },
)
"""A functor F from C to D, and the equations of a presentation of C."""


def functor_laws(
    signature: Signature, F: str, ends_of: Callable[[Any], Any], category: str = "", of: str = ""
) -> tuple[Law, ...]:
    """Return the laws of a functor that a signature has.

    Parameters
    ----------
    signature
        A signature with an operation on objects and on arrows.
    F
        The name of that operation.
    ends_of
        From a structure to the category that the functor ends at; where that does not say the
        ends of its arrows, they are not compared.
    category
        Which category it starts at, as types name it: ``"in D"``; by default the first.
    of
        What is added to the names of the laws.
    """

    def law(name: str, text: str, *types: str, when: Any = lambda structure: True) -> Law:
        typing = ", ".join(f"{one} {category}".rstrip() for one in types)
        return signature.law(f"{name}{of}", text, typing, when)

    return (
        law(
            "ends of values",
            f"{F}(f) : {F}(A) -> {F}(B)",
            "f: A -> B",
            when=lambda structure: hasattr(ends_of(structure), "ends"),
        ),
        law("identities", f"{F}(id(A)) = id({F}(A))", "A: object"),
        law("composites", f"{F}(f >> g) = {F}(f) >> {F}(g)", "f: A -> B", "g: B -> C"),
    )


functor = Spec(
    "functor",
    (
        *functor_laws(FUNCTOR, "F", codomain_of),
        FUNCTOR.law("equations", "F(left(q)) = F(right(q))", "q: equation", _has_equations),
    ),
    _functor_sorts,
    {name: f"{text} (of the domain)" for name, text in ARROWS.items()},
    is_functor,
    "Mac Lane, Categories for the Working Mathematician, I.3",
    FUNCTOR,
)
"""The laws of a functor: ``domain``, ``codomain``, and a call (or ``on_object``, ``on_arrow``)."""


# ---------------------------------------------------------------- natural transformations


def source_of(alpha: Any) -> Any:
    """Return the functor that a natural transformation starts at."""
    return alpha.domain if hasattr(alpha, "domain") else alpha.source


def target_of(alpha: Any) -> Any:
    """Return the functor that a natural transformation ends at."""
    return alpha.codomain if hasattr(alpha, "codomain") else alpha.target


def component(alpha: Any, A: Any) -> Any:
    """Return the component of a natural transformation at an object."""
    components = getattr(alpha, "components", None)
    return components[A] if isinstance(components, Mapping) else alpha(A)


def is_transformation(structure: Any) -> bool:
    """Whether a value has what a natural transformation has."""
    ends_of = ("domain", "codomain") if hasattr(structure, "domain") else ("source", "target")
    return hasattr(structure, "components") and all(
        is_functor(getattr(structure, end, None)) for end in ends_of
    )


TRANSFORMATION = Signature(
    {
        "C": lambda alpha: domain_of(source_of(alpha)),
        "D": lambda alpha: codomain_of(source_of(alpha)),
    },
    {
        "F(A: object): object in D": lambda alpha, A: on_object(source_of(alpha), A),
        "F(f: A -> B): F(A) -> F(B) in D": lambda alpha, f: on_arrow(source_of(alpha), f),
        "G(A: object): object in D": lambda alpha, A: on_object(target_of(alpha), A),
        "G(f: A -> B): G(A) -> G(B) in D": lambda alpha, f: on_arrow(target_of(alpha), f),
        "α(A: object): F(A) -> G(A) in D": component,
    },
    latex={"α": r"\alpha_{{{0}}}"},
)
"""A natural transformation α from F to G, functors from C to D."""

natural_transformation = Spec(
    "natural transformation",
    (
        *functor_laws(TRANSFORMATION, "F", lambda a: codomain_of(source_of(a)), of=" of F"),
        *functor_laws(TRANSFORMATION, "G", lambda a: codomain_of(target_of(a)), of=" of G"),
        TRANSFORMATION.law("ends of components", "α(A) : F(A) -> G(A)", "A: object"),
        TRANSFORMATION.law("naturality", "F(f) >> α(B) = α(A) >> G(f)", "f: A -> B"),
    ),
    lambda alpha, given: _functor_sorts(source_of(alpha), given),
    functor.given,
    is_transformation,
    "Mac Lane, Categories for the Working Mathematician, I.4",
    TRANSFORMATION,
)
"""The laws of a natural transformation: ``domain``, ``codomain`` (functors), ``components``."""


def _adjunction_sorts(adjunction: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    left = {name: given[name] for name in ("objects", "arrows") if name in given}
    right = {
        name: given[f"right_{name}"] for name in ("objects", "arrows") if f"right_{name}" in given
    }
    here, there = (
        Arrows(domain_of(adjunction.left), left),
        Arrows(domain_of(adjunction.right), right),
    )
    return {**here.sorts(), **there.sorts("in D")}


ADJUNCTION = Signature(
    {
        "C": lambda adjunction: domain_of(adjunction.left),
        "D": lambda adjunction: codomain_of(adjunction.left),
    },
    {
        "L(A: object): object in D": lambda adjunction, A: on_object(adjunction.left, A),
        "L(f: A -> B): L(A) -> L(B) in D": lambda adjunction, f: on_arrow(adjunction.left, f),
        "R(A: object in D): object": lambda adjunction, A: on_object(adjunction.right, A),
        "R(g: A -> B in D): R(A) -> R(B)": lambda adjunction, g: on_arrow(adjunction.right, g),
        "η(A: object): A -> R(L(A))": lambda adjunction, A: component(adjunction.unit, A),
        "ε(B: object in D): L(R(B)) -> B in D": lambda adjunction, B: component(
            adjunction.counit, B
        ),
    },
    latex={"η": r"\eta_{{{0}}}", "ε": r"\varepsilon_{{{0}}}"},
)
"""Functors L from C to D and R back, with unit η and counit ε."""

adjunction = Spec(
    "adjunction",
    (
        *functor_laws(ADJUNCTION, "L", lambda a: codomain_of(a.left), of=" of L"),
        *functor_laws(ADJUNCTION, "R", lambda a: codomain_of(a.right), "in D", " of R"),
        ADJUNCTION.law("ends of the unit", "η(A) : A -> R(L(A))", "A: object"),
        ADJUNCTION.law("ends of the counit", "ε(B) : L(R(B)) -> B", "B: object in D"),
        ADJUNCTION.law("left triangle", "L(η(A)) >> ε(L(A)) = id(L(A))", "A: object"),
        ADJUNCTION.law("right triangle", "η(R(B)) >> R(ε(B)) = id(R(B))", "B: object in D"),
        ADJUNCTION.law("naturality of the unit", "f >> η(B) = η(A) >> R(L(f))", "f: A -> B"),
        ADJUNCTION.law("naturality of the counit", "L(R(g)) >> ε(B) = ε(A) >> g", "g: A -> B in D"),
    ),
    _adjunction_sorts,
    {
        **{name: f"{text} (of the left functor's domain)" for name, text in ARROWS.items()},
        **{f"right_{name}": f"{text} (of the right functor's)" for name, text in ARROWS.items()},
    },
    lambda structure: all(hasattr(structure, k) for k in ("left", "right", "unit", "counit")),
    "Mac Lane, Categories for the Working Mathematician, IV.1",
    ADJUNCTION,
)
"""The laws of an adjunction: ``left``, ``right`` (functors), ``unit``, ``counit``."""
