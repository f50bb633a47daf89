"""Where finite categories come from: orders, monoids, groups, sets, graphs.

A preorder is a category with at most one arrow from one object to another, and a poset one in
which moreover isomorphic objects are equal; a monoid is a category with one object, and a group
one in which moreover every arrow has an inverse; a set is a category of identities; the paths
of a graph are the arrows of its free category (Mac Lane, I.2 and II.7). Arrows are named as
these structures write them: ``a <= b`` in an order, the elements themselves in a monoid,
``f >> g`` in a free category. Composites of a monoid are written in diagrammatic order, so
that ``x >> y`` is the product ``x y``.

>>> from catlearn.category import FiniteCategory
>>> P = FiniteCategory.poset([("a", "b"), ("b", "c")])
>>> P.arrows
('id(a)', 'id(b)', 'id(c)', 'a <= b', 'a <= c', 'b <= c')
>>> Z3 = FiniteCategory.group(range(3), lambda x, y: (x + y) % 3)
>>> Z3.compose("1", "1"), Z3.identity("*")
('2', '0')
>>> S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
>>> S3.arrows
('id(*)', 's', 't', 's >> t', 't >> s', 's >> t >> s')
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from catlearn.category.composition import Composition
from catlearn.category.graph import Graph
from catlearn.category.multiplication import read_table, transformations, without_inverse
from catlearn.category.orders import as_pairs, closure, not_antisymmetric
from catlearn.category.path import Path
from catlearn.category.paths import enumerate_paths
from catlearn.errors import Failure, InvalidStructure
from catlearn.names import distinct


class Sources(Composition):
    """The constructors of finite categories out of other structures."""

    @classmethod
    def preorder(cls, relation: Any, elements: Iterable[Any] = ()) -> Self:
        """Build the smallest preorder that contains a relation.

        Parameters
        ----------
        relation
            Pairs ``(a, b)`` for ``a <= b``, a :class:`Graph` or a ``networkx.DiGraph`` with an
            edge for each pair, or a function ``leq(a, b)`` of two elements. Pairs that follow
            by reflexivity and transitivity may be left out.
        elements
            The elements, which become objects named by their text. They come first; those that
            appear in pairs only follow as they are met.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> P = FiniteCategory.preorder([("a", "b"), ("b", "a")])
        >>> P.isomorphism_classes
        (('a', 'b'),)
        """
        names, pairs = as_pairs(relation, elements)
        return cls._thin(names, closure(len(names), pairs), "<=")

    @classmethod
    def poset(cls, relation: Any, elements: Iterable[Any] = ()) -> Self:
        """Build the smallest partial order that contains a relation.

        Parameters
        ----------
        relation, elements
            As for :meth:`preorder`.

        Raises
        ------
        InvalidStructure
            Listing pairs of different elements that are below each other.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> divisors = [d for d in range(1, 13) if 12 % d == 0]
        >>> P = FiniteCategory.poset(lambda a, b: b % a == 0, divisors)
        >>> P.generators.edges
        ('1 <= 2', '1 <= 3', '2 <= 4', '2 <= 6', '3 <= 6', '4 <= 12', '6 <= 12')
        """
        names, pairs = as_pairs(relation, elements)
        below = closure(len(names), pairs)
        failures = not_antisymmetric(names, below)
        if failures:
            raise InvalidStructure("poset", failures)
        return cls._thin(names, below, "<=")

    @classmethod
    def _thin(cls, names: Sequence[str], below: np.ndarray, sign: str) -> Self:
        """Build the category with one arrow for each pair of a preorder, identities first."""
        size = len(names)
        proper = below.copy()
        np.fill_diagonal(proper, False)
        src, tgt = np.nonzero(proper)
        every = np.arange(size)
        rows = np.full((size, size), -1)
        rows[every, every] = every
        rows[src, tgt] = size + np.arange(src.size)
        arrows = [str(Path.identity(name)) for name in names]
        arrows += [
            f"{names[a]} {sign} {names[b]}" for a, b in zip(src.tolist(), tgt.tolist(), strict=True)
        ]
        src, tgt = np.append(every, src), np.append(every, tgt)
        return cls.build(
            names, distinct(arrows, "-"), src, tgt, every, lambda f, g: rows[src[f], tgt[g]]
        )

    @classmethod
    def monoid(cls, elements: Iterable[Hashable], table: Any, check: bool = True) -> Self:
        """Build the category with one object ``*`` whose arrows are the elements of a monoid.

        Parameters
        ----------
        elements
            The elements; the arrows are named by their text.
        table
            The product: a function of two elements, a mapping from pairs of elements, rows of
            elements in the order of ``elements``, or an integer array of positions.
        check
            Whether to look for failures of associativity.

        Raises
        ------
        InvalidStructure
            Listing products that are not elements, a missing unit, and triples whose products
            differ.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> M = FiniteCategory.monoid("1e", {("e", "e"): "e", **{("1", x): x for x in "1e"},
        ...                                  ("e", "1"): "e"})
        >>> M.idempotents
        ('1', 'e')
        """
        return cls._monoid("monoid", elements, table, check)

    @classmethod
    def group(cls, elements: Iterable[Hashable], table: Any, check: bool = True) -> Self:
        """Build the category with one object ``*`` whose arrows are the elements of a group.

        Parameters
        ----------
        elements, table, check
            As for :meth:`monoid`.

        Raises
        ------
        InvalidStructure
            As for :meth:`monoid`, and listing elements without inverse.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.group([1, 3], [[1, 3], [3, 3]])
        Traceback (most recent call last):
            ...
        catlearn.errors.InvalidStructure: group is not valid (1 failure):
          - 3: there is no y with 3 >> y = 1 = y >> 3 [inverse]
        """
        return cls._monoid("group", elements, table, check)

    @classmethod
    def _monoid(cls, what: str, elements: Iterable[Hashable], table: Any, check: bool) -> Self:
        given = list(elements)
        array, failures = read_table(given, table)
        if failures:
            raise InvalidStructure(what, failures)
        names = [str(element) for element in given]
        every = np.arange(len(given))
        is_unit = (array == every).all(axis=1) & (every == array.T).all(axis=1)
        units = np.flatnonzero(is_unit)
        if not units.size:
            message = "no element e has e >> x = x = x >> e for all x"
            raise InvalidStructure(what, [Failure("unit", "elements", message)])
        loops = np.zeros(len(given), np.int64)
        made = cls.build(["*"], names, loops, loops, units, lambda f, g: array[f, g])
        failures = made.failures() if check else []
        if what == "group":
            failures += without_inverse(names, array == units[0], names[units[0]])
        if failures:
            raise InvalidStructure(what, failures)
        return made

    @classmethod
    def transformation_monoid(
        cls, generators: Mapping[str, Sequence[int]], bound: int = 5000
    ) -> Self:
        """Build the monoid that functions from ``{0, ..., n - 1}`` to itself generate.

        Parameters
        ----------
        generators
            The values of each generator, by name. Elements are named by the first shortest
            path of generators, such as ``s >> t``: first s, then t.
        bound
            The most elements there may be.

        Raises
        ------
        InvalidStructure
            Listing what is not such a function.
        TooLarge
            If there are more elements.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> T2 = FiniteCategory.transformation_monoid({"turn": [1, 0], "zero": [0, 0]})
        >>> T2.arrows, T2.compose("turn", "zero")
        (('id(*)', 'turn', 'zero', 'zero >> turn'), 'zero')
        """
        values = {name: [int(v) for v in image] for name, image in generators.items()}
        degree = max(map(len, values.values()), default=0)
        failures = [
            Failure("function", name, f"{image} is not {degree} numbers from 0 to {degree - 1}")
            for name, image in values.items()
            if len(image) != degree or not all(0 <= v < degree for v in image)
        ]
        if failures:
            raise InvalidStructure("transformations", failures)
        steps = np.array(list(values.values()), np.int64).reshape(-1, degree)
        right, before, last = transformations(steps, bound)
        size = len(before)
        table = np.empty((size, size), np.int64)  # the product f >> g stands at table[g, f]
        table[0] = np.arange(size)
        for g in range(1, size):
            table[g] = right[last[g], table[before[g]]]
        letters, words = list(values), [Path.identity("*")]
        for g in range(1, size):
            words.append(words[before[g]] >> Path("*", (letters[last[g]],), "*"))
        loops = np.zeros(size, np.int64)
        generating = [g for g in range(1, size) if before[g] == 0]
        return cls.build(
            ["*"],
            [str(word) for word in words],
            loops,
            loops,
            np.zeros(1, np.int64),
            lambda f, g: table[g, f],
            generators=np.array(generating, np.int64),
        )

    @classmethod
    def permutation_group(cls, generators: Mapping[str, Sequence[int]], bound: int = 5000) -> Self:
        """Build the group that permutations of ``{0, ..., n - 1}`` generate.

        Parameters
        ----------
        generators, bound
            As for :meth:`transformation_monoid`.

        Raises
        ------
        InvalidStructure
            Listing what is not a permutation.
        TooLarge
            If there are more elements.
        """
        failures = [
            Failure("permutation", name, f"{list(image)} takes a value twice")
            for name, image in generators.items()
            if len(set(image)) < len(image)
        ]
        if failures:
            raise InvalidStructure("permutations", failures)
        return cls.transformation_monoid(generators, bound)

    @classmethod
    def discrete(cls, objects: Iterable[str]) -> Self:
        """Build the category that has identities only.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.discrete(["A", "B"]).arrows
        ('id(A)', 'id(B)')
        """
        names = list(objects)
        return cls._thin(names, np.eye(len(names), dtype=bool), "->")

    @classmethod
    def codiscrete(cls, objects: Iterable[str]) -> Self:
        """Build the category with one arrow from each object to each.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.codiscrete(["A", "B"]).arrows
        ('id(A)', 'id(B)', 'A -> B', 'B -> A')
        """
        names = list(objects)
        return cls._thin(names, np.ones((len(names), len(names)), bool), "->")

    @classmethod
    def chain(cls, n: int) -> Self:
        """Build the ordinal [n], the order ``0 <= 1 <= ... <= n``.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> FiniteCategory.chain(2).arrows
        ('id(0)', 'id(1)', 'id(2)', '0 <= 1', '0 <= 2', '1 <= 2')
        """
        return cls._thin([str(k) for k in range(n + 1)], ~np.tri(n + 1, k=-1, dtype=bool), "<=")

    @classmethod
    def walking_arrow(cls) -> Self:
        """Build the category of one arrow ``f : 0 -> 1``; functors out of it are arrows."""
        return cls.free(Graph({"f": ("0", "1")}))

    @classmethod
    def walking_isomorphism(cls) -> Self:
        """Build the category of ``f : 0 -> 1`` and its inverse ``g``."""
        made = cls._thin(["0", "1"], np.ones((2, 2), bool), "->")
        arrows = ["id(0)", "id(1)", "f", "g"]
        return cls.build(
            made.ob, arrows, made.src.values, made.tgt.values, made.ids.values, made.then
        )

    @classmethod
    def free(cls, graph: Graph, bound: int = 100_000) -> Self:
        """Build the free category on a graph without cycles; its arrows are the paths.

        Parameters
        ----------
        graph
            The graph.
        bound
            The most paths there may be.

        Raises
        ------
        InfinitelyManyPaths
            If there is a cycle.
        TooManyPaths
            If there are more paths; ``count`` is their number.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> from catlearn.category import Graph
        >>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
        >>> FiniteCategory.free(G).arrows
        ('id(A)', 'id(B)', 'id(C)', 'f', 'g', 'f >> g')
        """
        paths = enumerate_paths(graph, bound)
        size = len(graph.vertices)
        return cls.build(
            graph.vertices,
            paths.names(graph),
            paths.src,
            paths.tgt,
            np.arange(size),
            paths.concatenate,
            generators=paths.child[graph.arrows["src"].values] + paths.rank,
        )
