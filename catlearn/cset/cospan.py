"""Structured cospans: objects with inputs and outputs, composed by gluing.

Let L send a set of labelled points to the object that has these points and nothing else: bare
vertices for graphs, bare spaces for learning diagrams. (L is left adjoint to taking the points of
an object.) A *structured cospan* from a to b is an object X with two maps

    L(a) --> X <-- L(b),

its inputs and outputs (Fong, "Decorated cospans", 2015; Baez, Courser, "Structured cospans",
2020). Cospans are composed by a pushout along what they share, L(b), and put side by side by the
disjoint union. Up to isomorphisms that respect inputs and outputs they form a symmetric monoidal
category, in which moreover every cospan can be turned round.

Laws, each up to such an isomorphism (:meth:`Open.is_equivalent`): ``>>`` is associative with
units ``Open.identity``; ``@`` is associative with the empty unit, and a functor of both sides;
``swap`` is natural and its own inverse.

>>> from catlearn.category import Graph
>>> arrow = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
>>> loop = open_graph(Graph({"l": ("X", "X")}), ["X"], ["X"])
>>> print((arrow >> loop).apex)
f : A → B, l : B → B
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.category import Graph
from catlearn.cset.reattach import distinct
from catlearn.cset.search import homomorphisms
from catlearn.display import Displayed
from catlearn.errors import CatlearnError, Failure, InvalidStructure, NotComposable
from catlearn.finset import FinSet, ListFunction, Tables, coproduct, pushout
from catlearn.finset.gluing import components_of, morphism
from catlearn.finset.value import Frozen

Row = int | str


class Open(Frozen, Displayed):
    """An object with inputs and outputs.

    Parameters
    ----------
    apex
        Tables of any kind: a graph, a C-set, a learning diagram.
    inputs, outputs
        Rows of one table, by number or name; a row may come several times.
    table
        The table that they are rows of. No arrows or lists may lead out of it.

    Raises
    ------
    InvalidStructure
        If rows of the table alone are no object.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> Open(Graph({"f": ("A", "B")}), inputs=["A"], outputs=["B"])
    Open(A -> B)
    """

    apex: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: str

    def __init__(
        self,
        apex: Tables,
        inputs: Iterable[Row] = (),
        outputs: Iterable[Row] = (),
        table: str = "V",
    ) -> None:
        steps = apex.shape.steps().items()
        failures = [
            Failure("interface", f"table {table!r}", f"{name} leads from it to {target}; its rows "
                    "are no object by themselves, so choose another table")
            for name, (source, target) in steps
            if source == table
        ]  # fmt: skip
        if table not in apex.shape.tables:
            message = f"is not one of {list(apex.shape.tables)}"
            failures.append(Failure("interface", f"table {table!r}", message))
        if failures:
            raise InvalidStructure("Open", failures)
        ends = (tuple(apex.row(table, row) for row in rows) for rows in (inputs, outputs))
        self._set(**dict(zip(("inputs", "outputs"), ends, strict=True)), apex=apex, table=table)

    @classmethod
    def identity(cls, points: Any, table: str = "V") -> Open:
        """Return the identity of an interface.

        Parameters
        ----------
        points
            An object without rows but in one table, such as ``x.source`` or ``x.target``.
        table
            That table.
        """
        rows = range(points.size(table))
        return cls(points, rows, rows, table)

    @classmethod
    def swap(cls, first: Any, second: Any, table: str = "V") -> Open:
        """Return the symmetry: from two interfaces side by side to the same in the other order."""
        both = coproduct(first, second)
        left, right = (list(leg.components[table]) for leg in both)
        return cls(both.apex, [*left, *right], [*right, *left], table)

    @property
    def left(self) -> Any:
        """The morphism from the inputs into the apex."""
        return self._leg(self.inputs)

    @property
    def right(self) -> Any:
        """The morphism from the outputs into the apex."""
        return self._leg(self.outputs)

    @property
    def source(self) -> Any:
        """The inputs alone, as an object."""
        return self.left.domain

    @property
    def target(self) -> Any:
        """The outputs alone, as an object."""
        return self.right.domain

    @property
    def ports(self) -> tuple[int, ...]:
        """The inputs, then the outputs."""
        return self.inputs + self.outputs

    def _leg(self, rows: Sequence[int]) -> Any:
        foot = points(self.apex, self.table, rows, named=True)
        values = {table: np.array([], np.int64) for table in self.apex.shape.tables}
        values[self.table] = np.array(rows, np.int64)
        return morphism(foot, self.apex, components_of(values, foot, self.apex))

    def names(self, rows: Iterable[int]) -> tuple[str, ...]:
        """Return what rows of the interface table are called in the apex."""
        return self.apex.sets[self.table].labels(rows)

    def __rshift__(self, other: Open) -> Open:
        """Compose: glue the outputs of this one to the inputs of the other.

        Raises
        ------
        NotComposable
            If they are not as many, or their labels differ; listing each that does.
        """
        if not isinstance(other, Open):
            return NotImplemented
        self._meets(other)
        foot = self.right
        along = morphism(foot.domain, other.apex, other.left.components)
        i, j = pushout(foot, along)
        inputs, outputs = i.components[self.table].values, j.components[self.table].values
        return Open(
            i.codomain,
            inputs[list(self.inputs)].tolist(),
            outputs[list(other.outputs)].tolist(),
            self.table,
        )

    def _meets(self, other: Open) -> None:
        failures = []
        if self.table != other.table:
            message = f"are rows of {self.table}, the inputs rows of {other.table}"
            failures.append(Failure("composition", "the outputs", message))
        elif len(self.outputs) != len(other.inputs):
            message = f"are {len(self.outputs)}, the inputs {len(other.inputs)}"
            failures.append(Failure("composition", "the outputs", message))
        elif self.apex.shape != other.apex.shape:
            failures.append(Failure("composition", "the shapes", "differ"))
        else:
            pairs = zip(self.outputs, other.inputs, strict=True)
            for k, (mine, theirs) in enumerate(pairs):
                for name, table in self.apex.shape.attributes.items():
                    if table != self.table:
                        continue
                    one, two = self.apex.attributes[name][mine], other.apex.attributes[name][theirs]
                    if one != two:
                        ends = (self.names([mine])[0], other.names([theirs])[0])
                        message = f"{name} of {ends[0]!r} is {one}, of {ends[1]!r} it is {two}"
                        failures.append(Failure("composition", f"output {k}", message))
        if failures:
            raise NotComposable("open objects", failures)

    def __matmul__(self, other: Open) -> Open:
        """Put two side by side: inputs, and outputs, of the first come first."""
        if not isinstance(other, Open):
            return NotImplemented
        if self.table != other.table:
            message = f"rows of {self.table} and of {other.table}"
            raise NotComposable("f @ g", [Failure("interface", "their interfaces", message)])
        both = coproduct(self.apex, other.apex)
        i, j = (leg.components[self.table].values for leg in both)
        inputs = [*i[list(self.inputs)].tolist(), *j[list(other.inputs)].tolist()]
        outputs = [*i[list(self.outputs)].tolist(), *j[list(other.outputs)].tolist()]
        return Open(both.apex, inputs, outputs, self.table)

    def dagger(self) -> Open:
        """Return it turned round: inputs and outputs exchanged."""
        return Open(self.apex, self.outputs, self.inputs, self.table)

    def bent(self) -> Open:
        """Return it with all ports as outputs: inputs first, then outputs."""
        return Open(self.apex, (), self.ports, self.table)

    def is_equivalent(self, other: Open) -> bool:
        """Whether there is an isomorphism of the apexes that respects inputs and outputs."""
        ends = [(len(one.inputs), len(one.outputs), one.table) for one in (self, other)]
        if ends[0] != ends[1] or self.apex.shape != other.apex.shape:
            return False
        fixed: dict[Row, Row] = {}
        for mine, theirs in zip(self.ports, other.ports, strict=True):
            if fixed.setdefault(mine, theirs) != theirs:
                return False
        initial: dict[str, Mapping[Row, Row]] = {self.table: fixed}
        found = homomorphisms(self.apex, other.apex, iso=True, initial=initial)
        return next(found, None) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Open):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.apex, self.inputs, self.outputs, self.table

    def __repr__(self) -> str:
        ends = (", ".join(self.names(rows)) or "()" for rows in (self.inputs, self.outputs))
        return f"Open({' -> '.join(ends)})"

    def __str__(self) -> str:
        return f"{self!r}\n{self.apex}"


def points(whole: Any, table: str, rows: Sequence[int], named: bool = False) -> Any:
    """Return the object that has nothing but copies of some rows of one table.

    Parameters
    ----------
    whole
        Tables of any kind.
    table
        A table out of which no arrows or lists lead.
    rows
        Its rows, which may come several times.
    named
        Whether the copies have names, if the rows have.
    """
    names = distinct(whole.sets[table].labels(rows), set(), prefix="copy")
    labels = {
        name: tuple(whole.attributes[name][row] for row in rows)
        for name, home in whole.shape.attributes.items()
        if home == table
    }
    called = FinSet(names if named and whole.sets[table].names else len(rows))
    return labelled_points(whole, table, called, labels)


def labelled_points(
    like: Any, table: str, rows: FinSet, labels: Mapping[str, tuple[Any, ...]]
) -> Any:
    """Return the object of the kind of another that has nothing but some rows of one table."""
    shape = like.shape
    sets = {name: rows if name == table else FinSet(0) for name in shape.tables}
    steps = {
        name: ListFunction._of(
            np.zeros(len(sets[source]) + 1, np.int64),
            np.zeros(0, np.int64),
            sets[source],
            sets[target],
        )
        for name, (source, target) in shape.steps().items()
    }
    columns = {name: labels.get(name, ()) for name in shape.attributes}
    return type(like)._of_steps(shape, sets, steps, columns)


def open_graph(graph: Graph, inputs: Iterable[Row] = (), outputs: Iterable[Row] = ()) -> Open:
    """Return a graph, or a presentation, with vertices as inputs and outputs.

    Examples
    --------
    >>> two = open_graph(Graph({"f": ("A", "B"), "g": ("A", "B")}), ["A"], ["B"])
    >>> (two >> two).apex.count_paths("A")
    7
    """
    if not isinstance(graph, Graph):
        raise CatlearnError(f"expected a graph, found a {type(graph).__name__}; use Open(...)")
    return Open(graph, inputs, outputs, "V")
