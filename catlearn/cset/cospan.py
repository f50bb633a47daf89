"""Open objects: objects with inputs and outputs, composed by gluing.

An **open object** is an object X with two morphisms, its legs,

    A --> X <-- B,

from its inputs and its outputs (Fong, "Decorated cospans", 2015; Baez, Courser, "Structured
cospans", 2020). Legs may be any morphisms. As a rule they are given by rows of one table: the
interface is then the object that has those rows and, for each of them, copies of its own of
whatever its arrows and lists lead to. It is *free*: nothing in it is identified that the shape
does not force, and a label is absent where that is below it in its order. So a leg need not be an
inclusion (two inputs may be one row, and the two ends of an edge in the interface may meet in X),
and what meets may know more on one side than on the other. Composition is the pushout along the
interface; since identifying two rows identifies what they lead to, entry by entry, it aligns all
that hangs on the inputs with all that hangs on the outputs. Side by side is the disjoint union.

Laws, each up to isomorphisms that respect inputs and outputs (:meth:`Open.is_equivalent`): ``>>``
is associative with units ``Open.identity``; ``@`` is associative with the empty unit, and a
functor of both sides; ``swap`` is natural and its own inverse. :meth:`Open.compose` and
:meth:`Open.tensor` take any number and glue once.

>>> from catlearn.category import Graph
>>> arrow = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
>>> loop = open_graph(Graph({"l": ("X", "X")}), ["X"], ["X"])
>>> print((arrow >> loop).apex)
f : A → B, l : B → B

Along edges, both ends are glued too:

>>> two = Open(Graph({"f": ("A", "B"), "g": ("B", "C")}), [], ["g"], table="E")
>>> print((two >> Open(Graph({"l": ("X", "X")}), ["l"], [], table="E")).apex)
f : A → B, g : B → B
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import numpy as np

from catlearn.category import Graph
from catlearn.cset.search import homomorphisms
from catlearn.display import Displayed
from catlearn.errors import (
    Failure,
    Failures,
    NotComposable,
    expect,
    expect_dicts,
    expect_each,
    fault,
    refuse,
)
from catlearn.finset import (
    Colimit,
    Diagram,
    FinSet,
    ListFunction,
    Shape,
    TableMorphism,
    Tables,
    coequalizer,
    colimit,
    coproduct,
)
from catlearn.finset.shapes import label_key, same_label
from catlearn.finset.tables import joined, morphism
from catlearn.finset.value import Frozen
from catlearn.names import distinct

Row = int | str
Leg = Iterable[Row] | TableMorphism


class Open(Frozen, Displayed, by="apex left right table"):
    """An object with inputs and outputs.

    Parameters
    ----------
    apex
        Tables of any kind: a graph, a C-set, a learning diagram.
    inputs, outputs
        Rows of one table, by number or name, where a row may come several times; or a morphism
        into the apex, from any interface.
    table
        The table that they are rows of. Where rows are given, no table that it leads to, by arrows
        and lists, may lead round.

    Attributes
    ----------
    apex : Tables
        The object.
    left : TableMorphism
        The leg from the inputs. Rows of an interface are called like the rows that they go to.
    right : TableMorphism
        The leg from the outputs.
    gluing : Colimit or None
        Of a composite: the colimit that it is, with a leg for each part; it is not compared.

    Raises
    ------
    InvalidStructure
        If there is no such table, a morphism leads elsewhere, or the rows have no free interface.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> Open(Graph({"f": ("A", "B")}), inputs=["A"], outputs=["B"])
    Open(A -> B)
    """

    apex: Any
    left: Any
    right: Any
    table: str
    gluing: Colimit | None

    def __init__(self, apex: Tables, inputs: Leg = (), outputs: Leg = (), table: str = "V") -> None:
        expect(apex, Tables, "apex", "a graph, C-set or other tables")
        expect_each(
            (Iterable, TableMorphism),
            "a list of rows, or a morphism into the apex",
            inputs=inputs,
            outputs=outputs,
        )
        failures = Failures()
        if table not in apex.shape.tables:
            message = f"is not one of {list(apex.shape.tables)}"
            failures.add("interface", f"table {table!r}", message)
        for side, leg in (("inputs", inputs), ("outputs", outputs)):
            if isinstance(leg, TableMorphism) and (why := leg.codomain.mismatch(apex)):
                message = f"their morphism does not lead to the object: {why}"
                failures.add("interface", side, message)
        rows = [
            () if failures or isinstance(leg, TableMorphism) else [apex.row(table, r) for r in leg]
            for leg in (inputs, outputs)
        ]
        failures += apex.interface_failures(table, [*rows[0], *rows[1]])
        refuse("Open", failures)
        legs = [
            _called(leg.domain, apex, {t: f.values for t, f in leg.components.items()})
            if isinstance(leg, TableMorphism)
            else free_leg(apex, table, found)
            for leg, found in zip((inputs, outputs), rows, strict=True)
        ]
        self._set(apex=apex, left=legs[0], right=legs[1], table=table, gluing=None)

    @classmethod
    def identity(cls, interface: Any, table: str = "V") -> Open:
        """Return the identity of an interface, such as ``x.source`` or ``x.target``."""
        expect(interface, Tables, "interface", "a graph, C-set or other tables")
        leg = interface.ambient.identity(interface)
        return cls(interface, leg, leg, table)

    @classmethod
    def swap(cls, first: Any, second: Any, table: str = "V") -> Open:
        """Return the symmetry: from two interfaces side by side to the same in the other order."""
        for one in (first, second):
            expect(one, Tables, "each interface", "a graph, C-set or other tables")
        both, other = coproduct(first, second), coproduct(second, first)
        exchanged = other.universal(both.legs[1], both.legs[0])
        return cls(both.apex, both.apex.ambient.identity(both.apex), exchanged, table)

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows of the table that are inputs, in order."""
        return tuple(self.left.components[self.table].values.tolist())

    @property
    def outputs(self) -> tuple[int, ...]:
        """The rows of the table that are outputs, in order."""
        return tuple(self.right.components[self.table].values.tolist())

    @property
    def source(self) -> Any:
        """The interface of the inputs, as an object."""
        return self.left.domain

    @property
    def target(self) -> Any:
        """The interface of the outputs, as an object."""
        return self.right.domain

    @property
    def ports(self) -> tuple[int, ...]:
        """The inputs, then the outputs."""
        return self.inputs + self.outputs

    def names(self, rows: Iterable[int]) -> tuple[str, ...]:
        """Return what rows of the interface table are called in the apex."""
        return self.apex.sets[self.table].labels(rows)

    def _with_gluing(self, gluing: Colimit) -> Open:
        self._set(gluing=gluing)
        return self

    def __rshift__(self, other: Open) -> Open:
        """Compose: glue the outputs of this one to the inputs of the other.

        Raises
        ------
        NotComposable
            If the interfaces differ: their numbers, labels, or what they lead to; listing all.
        """
        return self.compose(other) if isinstance(other, Open) else NotImplemented

    def __matmul__(self, other: Open) -> Open:
        """Put two side by side: inputs, and outputs, of the first come first."""
        return self.tensor(other) if isinstance(other, Open) else NotImplemented

    def misfits(self, other: Open, where: str = "") -> list[Failure]:
        """List how the outputs differ from the inputs of another; nothing where they compose.

        Parameters
        ----------
        other
            What is to come next.
        where
            What messages add to each place.

        Examples
        --------
        >>> from catlearn.category import Graph
        >>> arrow = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
        >>> print(*arrow.misfits(arrow @ arrow))
        the outputs: are 1, the inputs 2 [composition]
        """
        mine, theirs, table = self.target, other.source, self.table
        found: list[str] = []
        if table != other.table:
            found.append(f"are rows of {table}, the inputs rows of {other.table}")
        elif len(self.outputs) != len(other.inputs):
            found.append(f"are {len(self.outputs)}, the inputs {len(other.inputs)}")
        elif self.apex.shape != other.apex.shape:
            return [Failure("composition", f"the shapes{where}", "differ")]
        if found or mine.matches(theirs):
            return [Failure("composition", f"the outputs{where}", message) for message in found]

        def differing(name: str, home: str, row: int, a: Any, b: Any) -> Failure:
            called = [x.names(home)[row] for x in (mine, theirs)]
            at = f"output {row}" if home == table else f"{home} {called[0]!r} of the outputs"
            message = f"{name} of {called[0]!r} is {a}, of {called[1]!r} it is {b}"
            return Failure("composition", f"{at}{where}", message)

        equal = {t for t in mine.shape.tables if mine.size(t) == theirs.size(t)}
        failures = []
        for name, (source, target) in mine.shape.steps().items():
            if source in equal:
                lengths = [x.step(name).lengths for x in (mine, theirs)]
                for k in np.flatnonzero(lengths[0] != lengths[1]).tolist():
                    ends = (x.sets[target].labels(x.step(name).row(k)) for x in (mine, theirs))
                    failures.append(differing(name, source, k, *map(list, ends)))
        for name, home in mine.shape.attributes.items():
            if home in equal:
                columns = zip(mine.attributes[name], theirs.attributes[name], strict=True)
                failures += [
                    differing(name, home, k, *both)
                    for k, both in enumerate(columns)
                    if not same_label(*both)
                ]
        return failures or [Failure("composition", f"the interfaces{where}", mine.mismatch(theirs))]

    def compose(self, *others: Open, shared: Mapping[str, str] | None = None) -> Open:
        """Compose it with any number of others, one after the other, by one gluing.

        Parameters
        ----------
        *others
            Open objects; the outputs of each meet the inputs of the next.
        shared
            Table -> attribute: rows of the parts with equal labels there, absent ones aside, are
            one row too, with all that they lead to.

        Raises
        ------
        NotComposable
            Listing where interfaces differ that meet.

        Examples
        --------
        >>> from catlearn.category import Graph
        >>> step = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
        >>> Open.compose(*[step] * 100).apex.count_paths("A")
        101
        """
        parts = _opens((self, *others))
        refuse(
            "open objects",
            (
                failure
                for k, (one, two) in enumerate(pairwise(parts))
                for failure in one.misfits(two, f", part {k}" if len(parts) > 2 else "")
            ),
            NotComposable,
        )
        meeting = [
            (
                one.target,
                [(k, one.right), (k + 1, morphism(one.target, two.apex, two.left.components))],
            )
            for k, (one, two) in enumerate(pairwise(parts))
        ]
        whole = glued([one.apex for one in parts], meeting, shared)
        left, right = parts[0].left >> whole.legs[0], parts[-1].right >> whole.legs[-1]
        return Open(whole.apex, left, right, parts[0].table)._with_gluing(whole)

    def tensor(self, *others: Open, shared: Mapping[str, str] | None = None) -> Open:
        """Put any number side by side; ``shared`` is as for :meth:`compose`.

        Raises
        ------
        NotComposable
            If they are open at different tables, or of different shapes.
        """
        parts = _opens((self, *others))
        tables = list(dict.fromkeys(one.table for one in parts))
        if len(tables) > 1:
            message = f"rows of {' and of '.join(tables)}"
            raise fault("f @ g", "interface", "their interfaces", message, NotComposable)
        whole = glued([one.apex for one in parts], [], shared)
        left, right = (
            coproduct(*(leg.domain for leg in legs)).universal(
                *(leg >> into for leg, into in zip(legs, whole.legs, strict=True))
            )
            for legs in ([one.left for one in parts], [one.right for one in parts])
        )
        return Open(whole.apex, left, right, parts[0].table)._with_gluing(whole)

    def dagger(self) -> Open:
        """Return it turned round: inputs and outputs exchanged."""
        return Open(self.apex, self.right, self.left, self.table)

    def bent(self) -> Open:
        """Return it with all ports as outputs: inputs first, then outputs."""
        ports = coproduct(self.source, self.target).universal(self.left, self.right)
        return Open(self.apex, (), ports, self.table)

    def is_equivalent(self, other: Open) -> bool:
        """Whether there is an isomorphism of the apexes that respects inputs and outputs."""
        if self.table != other.table or self.apex.shape != other.apex.shape:
            return False
        if not (self.source.matches(other.source) and self.target.matches(other.target)):
            return False
        initial: dict[str, Mapping[Row, Row]] = {}
        for table in self.apex.shape.tables:
            fixed: dict[Row, Row] = {}
            for mine, theirs in ((self.left, other.left), (self.right, other.right)):
                pairs = (leg.components[table].values.tolist() for leg in (mine, theirs))
                for here, there in zip(*pairs, strict=True):
                    if fixed.setdefault(here, there) != there:
                        return False
            initial[table] = fixed
        found = homomorphisms(self.apex, other.apex, iso=True, initial=initial)
        return next(found, None) is not None

    def __repr__(self) -> str:
        ends = (", ".join(self.names(rows)) or "()" for rows in (self.inputs, self.outputs))
        return f"Open({' -> '.join(ends)})"

    def __str__(self) -> str:
        return f"{self!r}\n{self.apex}"


def _opens(parts: Sequence[Open]) -> Sequence[Open]:
    for one in parts:
        expect(one, Open, "each part", "an open object, such as Open(graph, inputs, outputs)")
    return parts


def glued(
    apexes: Sequence[Any],
    meeting: Sequence[tuple[Any, Sequence[tuple[int, Any]]]],
    shared: Mapping[str, str] | None,
) -> Colimit:
    """Glue objects along interfaces, each with its morphisms into some of them.

    Parameters
    ----------
    apexes
        Tables of one shape.
    meeting
        Interfaces, each with pairs of the number of an object and a morphism into it.
    shared
        Table -> attribute: rows with equal labels there are one, see :meth:`Open.compose`.
    """
    expect_dicts('a dict, such as {"Array": "name"}', shared=shared)
    shape = apexes[0].shape
    refuse(
        "open objects",
        (
            Failure("interface", "shared=", f"{attribute!r} is no attribute of a table {table!r}")
            for table, attribute in (shared or {}).items()
            if shape.attributes.get(attribute) != table
        ),
    )
    feet = [*meeting, *(foot for item in (shared or {}).items() for foot in _in_all(apexes, *item))]
    objects = [*apexes, *(foot for foot, _ in feet)]
    arrows = [
        (number, k, leg)
        for number, (_, legs) in enumerate(feet, start=len(apexes))
        for k, leg in legs
    ]
    return colimit(Diagram(objects, arrows, legs=range(len(apexes))))


def _in_all(
    apexes: Sequence[Any], table: str, attribute: str
) -> Iterable[tuple[Any, list[tuple[int, Any]]]]:
    """Yield the interfaces that make rows of equal label one, and where they lead."""
    first: dict[Any, tuple[int, int]] = {}
    again: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for k, one in enumerate(apexes):
        for row, label in enumerate(one.attributes[attribute]):
            known = label_key(label)
            place = (k, row) if label is None else first.setdefault(known, (k, row))
            if place != (k, row):
                again.setdefault((place[0], k), []).append((place[1], row))
    for (j, k), pairs in again.items():
        here, there = ([pair[side] for pair in pairs] for side in (0, 1))
        foot = free_rows(apexes[j], table, here)[0]
        legs = [(i, leg_along(foot, apexes[i], table, rows)) for i, rows in ((j, here), (k, there))]
        yield foot, legs


def free_order(shape: Shape, table: str) -> list[str]:
    """Return the tables that rows of one lead to, itself first, each after those that lead to it.

    Raises
    ------
    InvalidStructure
        If some of them lead back, so that a free interface would not end.
    """
    before: dict[str, set[str]] = {table: set()}
    todo = [table]
    for at in todo:
        for source, target in shape.steps().values():
            if source == at:
                todo += [] if target in before else [target]
                before.setdefault(target, set()).add(at)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        round = " -> ".join(reversed(error.args[1]))
        message = f"its rows lead round ({round}), so they have no free interface; "
        raise fault(
            "Open", "interface", f"table {table!r}", f"{message}give legs as morphisms"
        ) from None


def free_rows(
    whole: Any, table: str, rows: Sequence[int] | np.ndarray
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the object that has some rows of a table, and copies of what each leads to.

    Parameters
    ----------
    whole
        Tables of any kind.
    table
        One of them, to which no table that it leads to leads back.
    rows
        Its rows, which may come several times; -1 for one of which nothing is known.

    Returns
    -------
    tuple
        The object, without names, in which rows of every table are in the order of the rows that
        they hang on, and are one where an equation of the schema says so; and for each table the
        rows of the whole that its rows are copies of.
    """
    shape = whole.shape
    none = np.zeros(0, np.int64)
    copied = dict.fromkeys(shape.tables, none) | {table: np.array(rows, np.int64)}
    owner = dict.fromkeys(shape.tables, none) | {table: np.arange(len(rows))}
    made: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    order = free_order(shape, table) if len(rows) else []
    for at in order:
        # copies were made arrow by arrow; now they are put in the order of their owners
        turn = np.argsort(owner[at], kind="stable")
        place = np.argsort(turn)
        copied[at], owner[at] = copied[at][turn], owner[at][turn]
        for name, (source, target) in shape.steps().items():
            if target == at and name in made:
                made[name] = made[name][0], place[made[name][1]]
            if source == at:
                found = whole.step(name).at(copied[at], FinSet(turn.size))
                start = copied[target].size
                made[name] = found.offsets, np.arange(start, start + found.values.size)
                copied[target] = joined([copied[target], found.values])
                owner[target] = joined([owner[target], np.repeat(owner[at], found.lengths)])
    sets = {t: FinSet(one.size) for t, one in copied.items()}
    nothing = (np.zeros(1, np.int64), none)
    steps = {
        name: ListFunction._of(*made.get(name, nothing), sets[source], sets[target])
        for name, (source, target) in shape.steps().items()
    }
    labels = {}
    for name, home in shape.attributes.items():
        column, at_most = whole.attributes[name], shape.order(name).at_most
        found = (column[row] if row >= 0 else None for row in copied[home].tolist())
        labels[name] = tuple(None if at_most(None, label) else label for label in found)
    free = type(whole)._of_steps(shape, sets, steps, labels)
    depth = {at: k for k, at in enumerate(order)}
    laws = [sides for _, *sides in getattr(shape, "laws", ()) if sides[0].source in depth]
    for left, right in sorted(laws, key=lambda sides: -depth[sides[0].source]):
        ends = [np.arange(free.size(left.source)) for _ in "lr"]
        for k, side in enumerate((left, right)):
            for arrow in side.edges:
                ends[k] = free.arrows[arrow].values[ends[k]]
        broken = np.flatnonzero(ends[0] != ends[1])
        if broken.size:
            pairs = free_rows(free, left.target, ends[0][broken])[0]
            quotient = coequalizer(*(leg_along(pairs, free, left.target, e[broken]) for e in ends))
            free = quotient.apex
            copied = {
                t: rows[np.unique(quotient.legs[0].components[t].values, return_index=True)[1]]
                for t, rows in copied.items()
            }
    return free, copied


def free_leg(
    whole: Any, table: str, rows: Sequence[int], names: Sequence[str] | None = None
) -> TableMorphism:
    """Return the leg of the free interface on some rows, called like them or by other names."""
    foot, places = free_rows(whole, table, rows)
    return _called(foot, whole, places, {table: names} if names is not None else None)


def leg_along(foot: Any, whole: Any, table: str, rows: Sequence[int] | np.ndarray) -> TableMorphism:
    """Return the only morphism from a free interface that sends its rows of a table to these.

    Raises
    ------
    InvalidStructure
        Listing rows whose lists have more or fewer entries.
    """
    values = {t: np.zeros(foot.size(t), np.int64) for t in foot.shape.tables}
    values[table] = np.array(rows, np.int64)
    failures = Failures()
    for at in free_order(foot.shape, table) if len(rows) else ():
        for name, (source, target) in foot.shape.steps().items():
            if source == at and not failures:
                here, there = foot.step(name), whole.step(name).at(values[at], foot.sets[at])
                for k in np.flatnonzero(here.lengths != there.lengths).tolist():
                    where = f"{at} {whole.sets[at].label(int(values[at][k]))!r}"
                    message = f"has {there.lengths[k]} entries, what it meets {here.lengths[k]}"
                    failures.add(name, where, f"its {name} {message}")
                if not failures:
                    values[target][here.values] = there.values
    refuse("interface", failures)
    return morphism(foot, whole, values)


def _called(
    foot: Any,
    whole: Any,
    values: Mapping[str, np.ndarray],
    called: Mapping[str, Sequence[str]] | None = None,
) -> TableMorphism:
    """Return a morphism whose domain has its rows called like those that they go to.

    Rows of some tables may be called otherwise.
    """
    names = {
        t: distinct(whole.sets[t].labels(rows.tolist()), "copy/")
        if whole.sets[t].names
        else rows.size
        for t, rows in values.items()
        if t not in (called or {})
    }
    made = foot.with_names({**names, **(called or {})})
    return morphism(made, whole, values)


def open_graph(graph: Graph, inputs: Iterable[Row] = (), outputs: Iterable[Row] = ()) -> Open:
    """Return a graph, or a presentation, with vertices as inputs and outputs.

    Examples
    --------
    >>> two = open_graph(Graph({"f": ("A", "B"), "g": ("A", "B")}), ["A"], ["B"])
    >>> (two >> two).apex.count_paths("A")
    7
    """
    expect(graph, Graph, "graph", "a graph; use Open(...) for other tables")
    return Open(graph, inputs, outputs, "V")
