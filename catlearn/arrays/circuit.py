"""Circuits: boxes between arrays whose axes are rows of a table.

A *circuit* f : A -> B is an open directed hypergraph (:class:`~catlearn.category.Hypergraph`) with
axes on its wires. It is the tables

    Symbol, Axis, Type, Wire, Box, Block
    axes : Wire -> List(Axis),  type : Wire -> Type,  range : Type -> Axis
    ins, outs : Box -> List(Wire),  vars : Box -> List(Axis),  mentions : Box -> List(Axis)
    within : Box -> List(Block),  rounds : Block -> List(Axis)

with labels on the rows, and two lists of wires, ``dom`` and ``cod``. A wire is an array. Its type
says which numbers it holds: R, N or B, and of naturals which axis they are indices of. Arrays that
are read and written by the same box without a change of values share their type, so the identity, a
copy and a view take what comes. A *parameter* is a wire that has a name and that no box writes.

Composition is the pushout of tables along the arrays that meet and the parameters and symbols that
both sides have (:func:`compose`). Since axes are a list-valued arrow, identifying
two arrays identifies their axes, position by position, and nothing else.

Sizes are *presented*: the label of an axis is the set of the sizes that it was given, gluing takes
unions, and boxes add the relations of their operation (a split says m = h*d). What follows is
computed when it is asked for, :attr:`Circuit.solution`.

>>> from catlearn.arrays import linear, relu
>>> f = linear("W", "m -> n") >> relu
>>> f
Circuit(R[m] -> R[n])
>>> f.at(n=4).axes["n"], f.axes["m"]
(Size('4'), Size('m'))
>>> f == f >> relu, f == linear("W", "k -> n") >> relu
(False, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property
from itertools import pairwise
from types import FunctionType
from typing import Any

import numpy as np

from catlearn.arrays.aligning import (
    Place,
    components,
    glue,
    kinds,
    levels,
    lifted,
    raised,
    sharing,
    unnatural,
)
from catlearn.arrays.blocks import GATES, block_failures, gate, nested, path
from catlearn.arrays.boxes import ArrayHypergraph, Draft
from catlearn.arrays.counting import IDLE, WIDTHS, Counts, amounts, count, counting
from catlearn.arrays.definitions import DEFINITIONS, unfolded
from catlearn.arrays.equality import decide, refuted
from catlearn.arrays.forms import IndexPart, Lookup
from catlearn.arrays.listing import latex, listing, read_listing
from catlearn.arrays.patterns import read_axes
from catlearn.arrays.sizes import Size, SizeRelation, Solution, read_size, solve
from catlearn.category import MonoidalFunctor, Verdict
from catlearn.cset.cospan import Open
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    NotComposable,
    did_you_mean,
    expect,
    expect_dicts,
    refuse,
)
from catlearn.finset.value import Frozen

LONG = 8
"""How many boxes a circuit has before further factors are kept apart."""


TRACES: ContextVar[Any] = ContextVar("TRACES", default=None)
"""The trace of the function that is being traced, for circuits that are called on no arrays."""


class Circuit(Frozen, Displayed):
    """A circuit of arrays: boxes, arrays and axes, with arrays as inputs and outputs.

    As a rule circuits are made by the operations of :mod:`catlearn.arrays`, by ``>>`` and ``@``,
    and by :func:`~catlearn.arrays.traced`.

    Parameters
    ----------
    apex
        The boxes and arrays.
    dom, cod
        The rows of the arrays that are given, each once, and of those that are asked for.

    Raises
    ------
    InvalidStructure
        Listing everything that is wrong.
    """

    apex: ArrayHypergraph
    dom: tuple[int, ...]
    cod: tuple[int, ...]
    factors: tuple[Circuit, Circuit]

    def __init__(
        self, apex: ArrayHypergraph, dom: Iterable[int] = (), cod: Iterable[int] = ()
    ) -> None:
        self._set(apex=apex, dom=tuple(dom), cod=tuple(cod))
        refuse("Circuit", self.failures())

    @classmethod
    def of(cls, rows: ArrayHypergraph | Draft, dom: Iterable[int], cod: Iterable[int]) -> Circuit:
        """Return the circuit of rows that are valid."""
        made = object.__new__(cls)
        apex = rows.made() if isinstance(rows, Draft) else rows
        made._set(apex=apex, dom=tuple(dom), cod=tuple(cod))
        return made

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows of the arrays that are given."""
        return self.dom

    @property
    def outputs(self) -> tuple[int, ...]:
        """The rows of the arrays that are asked for."""
        return self.cod

    def failures(self) -> list[Failure]:
        """List all that keeps the tables from being a circuit, and sizes that do not agree."""
        H, failures = self.apex, []
        bad = [row for row in (*self.dom, *self.cod) if not 0 <= row < H.size("Wire")]
        if bad:
            return [Failure("ends", f"array {row}", "is not there") for row in bad]
        for row in sorted({row for row in self.dom if self.dom.count(row) > 1}):
            message = "is given more than once; give it once, and copy it"
            failures.append(Failure("dom", f"array {row}", message))
        parameters = [row for row, name in enumerate(H.column("name")) if name is not None]
        for what, column in (("parameter", "name"), ("size", "symbol")):
            names = [name for name in H.column(column) if name is not None]
            for name in sorted({name for name in names if names.count(name) > 1}):
                message = f"is the name of {names.count(name)} rows; equal names are one row"
                failures.append(Failure("sharing", f"{what} {name!r}", message))
        given = list(dict.fromkeys([*self.dom, *parameters]))
        failures += H.open_failures(given, self.cod, copying=True)
        for row in sorted({*self.dom} & {*parameters}):
            message = "is a parameter and cannot be given"
            failures.append(Failure("dom", f"array {H.column('name')[row]!r}", message))
        for box in range(H.size("Box")):
            failures += self._box_failures(box)
        failures = failures or unnatural(H)
        return failures or block_failures(H, self.cod) or H.size_failures()

    def _box_failures(self, box: int) -> list[Failure]:
        H, found = self.apex, []
        operation, entry = H.operations[box], H.operations[box].kernel.entry
        ins, outs = H.sides[0][box], H.sides[1][box]
        variables = H.lists["vars"].row(box).tolist()
        axes = H.lists["axes"]
        if len(ins) != len(operation.readings) or len(outs) != len(operation.writes):
            found.append(f"has {len(operation.readings)} readings of {len(ins)} arrays, and "
                         f"{len(operation.writes)} writings of {len(outs)}")  # fmt: skip
            return [Failure("ends", H.title(box), message) for message in found]
        least, most = entry.operands
        values = sum(one is not None for one in operation.readings)
        wrong = entry.outputs is not None and len(outs) != entry.outputs
        if values < least or (most is not None and values > most) or wrong:
            found.append(f"its kernel reads {least} arrays or more, and writes {entry.outputs}")
        mentions = H.lists["mentions"].row(box).tolist()
        every = [*operation.targets, *(v for one in operation.writes for v in one)]
        sizes: set[Any] = {*operation.scale.generators}
        for one in operation.relations:
            sizes |= one.left.generators | one.right.generators
        atoms = [atom for one in operation.readings if one is not None for atom in one.atoms]
        for atom, coefficient in atoms:
            sizes |= coefficient.generators
            if isinstance(atom, int):
                every.append(atom)
            elif isinstance(atom, IndexPart):
                sizes |= atom.by.generators
                if not atom.by.is_positive:
                    found.append("divides an index by what is not positive")
            elif isinstance(atom, Lookup) and not 0 <= atom.operand < len(ins):
                found.append(f"looks up in array {atom.operand}, and reads {len(ins)}")
            elif isinstance(atom, Lookup) and len(axes.row(ins[atom.operand])) != len(atom.forms):
                found.append("looks up at another number of indices than the array has axes")
        if any(not 0 <= v < len(variables) for v in every):
            found.append(f"speaks of a variable that is not one of its {len(variables)}")
        if any(not -len(mentions) <= key < len(variables) for key in sizes):
            found.append("speaks of the size of an axis that it neither has nor mentions")
        if found:
            return [Failure("variables", H.title(box), message) for message in found]
        prefixes = {
            (one.left, mentions[-1 - key])
            for one in operation.relations
            if one.kind == "<="
            for key in one.right.generators
            if key < 0 and one.right == Size.generator(key)
        }
        for wire, reading in zip(ins, operation.readings, strict=True):
            rank = axes.row(wire).tolist()
            if reading is None:
                continue
            if len(reading.forms) != len(rank):
                found.append(f"reads an array of {len(rank)} axes at {len(reading.forms)} indices")
                continue
            for axis, form in zip(rank, reading.forms, strict=True):
                by = form.wiring
                others = by is not None and variables[by] != axis
                guarded = operation.kernel.name == "concat"
                if others and not guarded and (Size.generator(by), axis) not in prefixes:
                    found.append(f"variable {by} is not of the axis that it reads")
                for one in form.lookups:
                    kind = H.arrows["type"].values[ins[one.operand]]
                    if H.arrows["range"].values[kind] != axis:
                        found.append("looks up indices of another axis than the one it reads")
        for wire, places in zip(outs, operation.writes, strict=True):
            if len(set(places)) != len(places):
                found.append("writes one variable at two positions")
            if [variables[v] for v in places] != axes.row(wire).tolist():
                found.append("writes other axes than its array has")
        if entry.single and len(operation.targets) != 1:
            found.append(f"takes one variable whole, and not {len(operation.targets)}")
        summed = entry.targets in ("read", "chosen", "whole")
        degree = [v for v in range(len(variables)) if not summed or v not in operation.targets]
        if any(v not in places for places in operation.writes for v in degree):
            found.append("leaves a variable out of what it writes")
        return [Failure("readings", H.title(box), message) for message in found]

    @property
    def parameters(self) -> dict[str, tuple[Size, ...]]:
        """The names of the parameters, each with its sizes."""
        H = self.apex
        return {
            name: tuple(self.apex.size_of(axis) for axis in H.lists["axes"].row(row).tolist())
            for row, name in enumerate(H.column("name"))
            if name is not None
        }

    @property
    def solution(self) -> Solution:
        """What follows from the relations between sizes; generators are rows."""
        return self.apex.solution

    @property
    def axes(self) -> dict[str, Size]:
        """The axes of arrays by their names, each with its size."""
        used = dict.fromkeys(self.apex.lists["axes"].values.tolist())
        return {self.apex.called(axis): self.apex.size_of(axis) for axis in sorted(used)}

    @property
    def relations(self) -> tuple[SizeRelation, ...]:
        """What is left to be satisfied by sizes, over names."""
        found = [one.rename(self.apex.called) for one in self.solution.relations]
        return tuple(dict.fromkeys(found))

    def shapes(self, rows: Iterable[int]) -> list[str]:
        """Write the types of some arrays."""
        expect(rows, Iterable, "rows", "a list of rows of arrays")
        return [self.apex.array_text(row) for row in rows]

    def counts(self, widths: Mapping[str, int] = WIDTHS) -> Counts:
        """Count parameters, operations, multiply-adds and bytes; also of boxes that are not live.

        Parameters
        ----------
        widths
            The bytes of a number of each type, ``"R"``, ``"N"`` and ``"B"``.

        Returns
        -------
        Counts
            Integers, or polynomials in the sizes that are open.

        Examples
        --------
        >>> from catlearn.arrays import softmax
        >>> softmax("[y]").counts().operations
        Size('5*y - 1')
        """
        return count(self.apex, widths)

    @property
    def opaque(self) -> list[str]:
        """The boxes that are opaque, each with the line that made it; not arrays that are known.

        Examples
        --------
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from catlearn.importing import from_jax
        >>> doubled = lambda x: jax.lax.while_loop(lambda x: x < 1, lambda x: 2 * x, x)
        >>> [text.partition(" at ")[0] for text in from_jax(doubled, jnp.ones(())).opaque]
        ['while']
        """
        H, found = self.apex, []
        for box, one in enumerate(H.operations):
            if one.kernel.name == "opaque" and H.sides[0][box]:
                found.append(f"{one} at {one.source}" if one.source else str(one))
        return found

    @property
    def coverage(self) -> dict[str, float | None]:
        """The share of boxes that compute, and of operations on numbers, that are not opaque.

        The second is None where sizes are open, or what is opaque has no count.

        Examples
        --------
        >>> from catlearn.arrays import linear, softmax
        >>> (linear("W", "m -> n") >> softmax("[n]")).at(m=2, n=3).coverage
        {'operations': 1.0, 'flops': 1.0}
        """
        H, boxes, numbers = self.apex, [0, 0], [0, 0]
        known = True
        for box, (one, counts) in enumerate(zip(H.operations, amounts(H)[1], strict=True)):
            opaque = one.kernel.name == "opaque"
            if one.kernel.name in IDLE or (opaque and not H.sides[0][box]):
                continue
            operations = Size.of(counts.operations).number
            known = known and operations is not None and not (opaque and operations == 0)
            boxes[opaque] += 1
            numbers[opaque] += operations or 0
        shares = [some[0] / sum(some) if sum(some) else 1.0 for some in (boxes, numbers)]
        return {"operations": shares[0], "flops": shares[1] if known else None}

    def counting(self, widths: Mapping[str, int] = WIDTHS) -> MonoidalFunctor:
        """Return counting as a functor, whose arrows are the counts of each box and parameter.

        Parameters
        ----------
        widths
            The bytes of a number of each type.

        Examples
        --------
        >>> from catlearn.arrays import linear, relu
        >>> F = (linear("A", "m -> n") >> relu).counting()
        >>> F.arrows["linear 'A'"].operations, F.arrows["A"].parameters
        (Size('2*m*n'), Size('m*n'))
        """
        return counting(self.apex, widths)

    def unfold(self, names: str | Iterable[str] | None = None) -> Circuit:
        """Return the circuit with kernels replaced by their definition in elementary ones.

        The boxes of a definition stand where the box stood, at its variables and in its blocks;
        all else is as it was. It has the values of the circuit, up to rounding.

        Parameters
        ----------
        names
            Of kernels, or one; all that have a definition, those of
            :mod:`catlearn.arrays.definitions`, unless said.

        Raises
        ------
        InvalidStructure
            Listing names of kernels that have none.

        Examples
        --------
        >>> from catlearn.arrays import silu
        >>> print(silu.unfold())
        x1[]: R
        a1[]: R = sigmoid(x1[]) as "sigmoid of silu"
        a2[]: R = mul(x1[], a1[]) as "mul of silu"
        return a2
        """
        expect(names, (type(None), Iterable), "names", "a list of names of kernels")
        given = [names] if isinstance(names, str) else [*(DEFINITIONS if names is None else names)]
        failures = [
            Failure(
                "definition", f"kernel {name!r}", f"has none; {did_you_mean(name, DEFINITIONS)}"
            )
            for name in given
            if name not in DEFINITIONS
        ]
        refuse("what is unfolded", failures)
        return Circuit.of(unfolded(self.apex, given), self.dom, self.cod)

    def live(self) -> Circuit:
        """Return the circuit without the rows that its outputs do not need.

        These are boxes, parameters, arrays and axes, and declared sizes that nothing speaks of.
        """
        H, boxes = self.apex, self._walk()
        rows = H.closure({"Box": boxes, "Wire": [*self.dom, *self.cod]})
        values, symbols = H.column("value"), set[int]()
        left = [H.column("size")[axis] for axis in rows["Axis"].tolist()]
        while left:
            spoken = {-1 - key for size in left.pop() or () for key in size.generators}
            left += [values[row] for row in spoken - symbols]
            symbols |= spoken
        kept = {**rows, "Symbol": sorted(symbols)}
        if all(len(kept[t]) == H.size(t) for t in kept) and boxes == [*range(len(boxes))]:
            return self
        part, _ = H.subtables(kept)
        draft = Draft.of(part)
        draft.boxes = [draft.boxes[row] for row in np.searchsorted(rows["Box"], boxes).tolist()]
        dom, cod = (np.searchsorted(rows["Wire"], end).tolist() for end in (self.dom, self.cod))
        return Circuit.of(draft, dom, cod)

    def _walk(self) -> list[int]:
        """Return the boxes that outputs need, each after those that write what it reads.

        What goes round in a block is needed from its ``start`` on.
        """
        H, writer, (ins, outs) = self.apex, self.apex.writer, self.apex.sides
        last = {ins[box][0]: outs[box][0]
                for box, one in enumerate(H.operations) if one.kernel.name == "last"}  # fmt: skip
        done: dict[int, None] = {}
        ends = [*self.cod]
        for end in ends:
            stack = [(writer[end], iter(ins[writer[end]]))] if end in writer else []
            while stack:
                box, rest = stack[-1]
                wire = next((w for w in rest if w in writer and writer[w] not in done), None)
                if box in done or wire is None:
                    done.setdefault(box)
                    ends += [last[w] for w in outs[box] if w in last]
                    stack.pop()
                else:
                    stack.append((writer[wire], iter(ins[writer[wire]])))
        return list(done)

    @cached_property
    def _code(self) -> tuple[Any, ...]:
        """What is equal for two circuits if what their outputs need is isomorphic."""
        H, order = self.apex, self._walk()
        ins, outs = H.sides
        kinds, ranges = H.arrows["type"].values.tolist(), H.arrows["range"].values.tolist()
        wires: dict[int, tuple[Any, ...]] = {}
        axes: dict[int, int] = {}
        types: dict[int, int] = {}
        blocks: dict[int, int] = {}
        names = sorted(H.symbols)
        symbol = {row: -1 - names.index(name) for row, name in enumerate(H.symbols)}

        def axis(row: int) -> int:
            return axes.setdefault(row, len(axes))

        def wire(row: int, label: tuple[Any, ...]) -> tuple[Any, ...]:
            if row not in wires:
                name = H.column("name")[row]
                if name is not None:
                    label = ("parameter", name, H.column("initialiser")[row])
                rank = tuple(map(axis, H.lists["axes"].row(row).tolist()))
                kind = kinds[row]
                dtype = H.column("dtype")[kind]
                points = axis(ranges[kind]) if dtype == "N" else None
                kind = types.setdefault(kind, len(types)) if dtype is None else None
                wires[row] = (len(wires), label, rank, dtype, points, kind)
                return wires[row]
            return wires[row][:1]

        code: list[Any] = [wire(row, ("in", k)) for k, row in enumerate(self.dom)]
        for box in order:
            read = tuple(wire(row, ()) for row in ins[box])
            variables = tuple(map(axis, H.lists["vars"].row(box).tolist()))
            mentions = tuple(map(axis, H.lists["mentions"].row(box).tolist()))
            write = tuple(wire(row, ()) for row in outs[box])
            loops = tuple(
                (blocks.setdefault(block, len(blocks)), axis(int(H.lists["rounds"].row(block)[0])))
                for block in path(H, box, plain=False)
            )
            code.append((H.operations[box], read, variables, mentions, write, loops))
        code.append(tuple(wire(row, ()) for row in self.cod))
        live = len(axes)

        def canonical(key: int) -> int:
            return axis(key) if key >= 0 else symbol[-1 - key]

        relations = [one.rename(canonical) for one, _, _ in H.relations()]
        found = solve(relations, map(canonical, H.flexible))
        known = tuple(found.of(Size.generator(k)) for k in range(live))
        numbers = tuple(
            (name, found.of(Size.generator(-1 - k)).number) for k, name in enumerate(names)
        )
        # which side of an equation stands on the left depends on the order of the boxes
        left = frozenset(
            (one.left - one.right).primitive() if one.kind == "=" else one
            for one in found.relations
            if all(key < live for key in one.left.generators | one.right.generators)
        )
        return tuple(code), known, numbers, left

    def __eq__(self, other: object) -> bool:
        """Whether two circuits are isomorphic, with the same inputs, outputs and parameters."""
        if not isinstance(other, Circuit):
            return NotImplemented
        if self is other:
            return True
        if self._code != other._code or self._dead != other._dead:
            return False
        return not self._dead or self._same_dead(other)

    def equal(self, other: Circuit, *, unfold: bool = False, numbers: int | None = None) -> Verdict:
        """Decide whether two circuits are equal as functions, where both are defined.

        Parameters
        ----------
        other
            The other one.
        unfold
            Whether kernels stand for their definitions; see :meth:`unfold`.
        numbers
            A seed. Where the laws do not make them equal, both are evaluated at sizes, inputs and
            parameters that it draws, and an entry that differs makes ``NotEqual``: by more than
            1e-6 of 1 plus the greatest number of its output.

        Returns
        -------
        Verdict
            ``Equal`` is a proof, for every meaning of the kernels; for random circuits of equality
            of joint distributions. ``NotEqual`` means: not by the laws of
            :mod:`catlearn.arrays.entries`. ``Unknown`` where more would have to be tried than is
            allowed, and for rounds that these laws neither make equal nor show to differ. Each has
            a reason.

        Examples
        --------
        >>> from catlearn.arrays import einsum, relu, view
        >>> one = einsum("a b, b c -> a c") >> view("a c -> c a")
        >>> bool(one.equal(einsum("a b, b c -> c a"))), one == einsum("a b, b c -> c a")
        (True, False)
        """
        expect(other, Circuit, "equal", "called with a circuit")
        expect(unfold, bool, "unfold", "True or False")
        expect(numbers, (type(None), int), "numbers", "a seed, an integer")
        verdict = decide(self.unfold(), other.unfold()) if unfold else decide(self, other)
        return verdict if numbers is None else refuted(verdict, self, other, numbers)

    def _same_dead(self, other: Circuit) -> bool:
        """Whether there is an isomorphism, of boxes that no output needs, too."""
        one, two = (Open(c._solved(), c.dom, c.cod, "Wire") for c in (self, other))
        return one.is_equivalent(two)

    def _solved(self) -> ArrayHypergraph:
        """Return the tables with solved sizes, without letters, plain blocks and unused axes."""
        draft = Draft.of(self.apex)
        draft.keep_blocks(
            {block for block, (_, rounds) in enumerate(draft.blocks) if rounds}
        )  # fmt: skip
        H, sizes = draft.made(), []
        for row in range(H.size("Axis")):
            size = H.solution.of(Size.generator(row))
            declared = all(key < 0 for key in size.generators)
            sizes.append(frozenset([size]) if declared else None)
        values = []
        for row in range(H.size("Symbol")):
            own = Size.generator(-1 - row)
            value = H.solution.of(own)
            values.append(frozenset([value]) if value != own else None)
        plain = H.with_column("letter", (None,) * len(sizes), check=False)
        plain = plain.with_column("value", values, check=False)
        plain = plain.with_column("size", sizes, check=False)
        used = {table: range(H.size(table)) for table in ("Symbol", "Wire", "Box")}
        return plain.subtables(plain.closure(used))[0]

    @cached_property
    def _dead(self) -> int:
        """How many boxes and parameters no output needs."""
        H, live = self.apex, self._walk()
        read = {*self.cod, *(wire for box in live for wire in H.sides[0][box])}
        names = [row for row, name in enumerate(H.column("name")) if name is not None]
        return H.size("Box") - len(live) + sum(row not in read for row in names)

    def __hash__(self) -> int:
        return self._cached("hash", lambda: hash((self._code, self._dead)))

    def at(self, sizes: Mapping[str, Any] | None = None, **more: Any) -> Circuit:
        """Return the circuit with sizes put for symbols, or for axes that have a letter.

        Parameters
        ----------
        sizes, more
            Name -> an integer or a text such as ``"4*m"``. A name is that of a declared size, else
            the letter of the axes of one size, or what an axis is called in :attr:`axes`; in a
            text it may be new.

        Raises
        ------
        InvalidStructure
            Listing names that are unknown or ambiguous, and relations that then cannot hold.

        Examples
        --------
        >>> from catlearn.arrays import linear
        >>> linear("Q", "m -> h d").at(m=768, h=12, d=64)
        Circuit(R[m] -> R[h d])
        """
        draft, H, failures = Draft.of(self.apex), self.apex, []
        used = dict.fromkeys(H.lists["axes"].values.tolist())

        def called(name: str) -> list[int]:
            """The axes of one size that a name is the letter of, or the name."""
            rows = [row for row in used if H.column("letter")[row] == name]
            rows = rows or [row for row in used if H.called(row) == name]
            if len({H.solution.of(Size.generator(row)) for row in rows}) > 1:
                shown = ", ".join(f"{H.called(row)} ({H.axis_title(row)})" for row in rows)
                message = f"{len(rows)} axes have this letter: {shown}"
                failures.append(Failure("sizes", name, message))
            return rows

        def put(row: int, value: Size) -> None:
            letter, size = draft.axes[row]
            draft.axes[row] = letter, (size or frozenset()) | {value}

        expect_dicts("a dict, such as {'m': 4}", sizes=sizes)
        given = {name: read_size(size) for name, size in {**(sizes or {}), **more}.items()}
        values = {name: draft.size(size) for name, size in given.items()}
        for name, size in given.items():
            for other in sorted(size.generators - {name, *H.symbols}):
                for row in called(other)[:1]:
                    put(row, draft.size(Size.of(other)))
            rows = [] if name in H.symbols else called(name)
            declared = [k for k, (other, _) in enumerate(draft.symbols) if other == name]
            if rows:
                put(rows[0], values[name])
            elif declared:
                before = draft.symbols[declared[0]][1] or frozenset()
                draft.symbols[declared[0]] = name, before | {values[name]}
            else:
                known = dict.fromkeys([*H.symbols, *(x for x in H.column("letter") if x)])
                message = f"there is no such size; {did_you_mean(name, known)}"
                failures.append(Failure("sizes", name, message))
        made = Circuit.of(draft, self.dom, self.cod)
        failures = failures or made.apex.size_failures()
        refuse("the circuit with these sizes", failures)
        return made

    def at_dom(self, *shapes: Sequence[Any]) -> Circuit:
        """Return the circuit with sizes put for the axes of its inputs, by place.

        Parameters
        ----------
        *shapes
            For each input the sizes of its axes, integers or texts; where it has more, axes are put
            in front.

        Raises
        ------
        NotComposable
            If there are too few or too many, or sizes do not agree.

        Examples
        --------
        >>> from catlearn.arrays import linear
        >>> linear("A", "m -> n").at_dom((8, 64)).axes["m"]
        Size('64')
        """
        for shape in shapes:
            expect(shape, (list, tuple), "each of shapes", "a tuple of sizes, such as (8, 64)")
        draft, wires, ranks = Draft(), [], self.apex.lists["axes"]
        failures = [
            Failure("alignment", self.apex.array_text(row), f"has more axes than {(*shape,)}")
            for row, shape in zip(self.dom, shapes, strict=False)
            if len(shape) < len(ranks.row(row))
        ]
        refuse("this circuit", failures, NotComposable)
        for shape in shapes:
            sizes = [draft.axis(None, draft.size(read_size(size))) for size in shape]
            wires.append(draft.wire(sizes, draft.type(None)))
        return Circuit.of(draft, wires, wires) >> self

    @classmethod
    def identity(cls) -> Circuit:
        """Return the identity on no arrays, the unit of ``@``.

        Examples
        --------
        >>> Circuit.identity()
        Circuit(() -> ())
        """
        return Circuit.of(Draft(), (), ())

    def named(self, prefix: str) -> Circuit:
        """Return the circuit with its parameters called ``prefix/name``.

        Examples
        --------
        >>> from catlearn.arrays import linear
        >>> list(linear("Q", "m -> h d").named("enc").parameters)
        ['enc/Q']
        """
        draft = Draft.of(self.apex)
        draft.wires = [
            row if row.name is None else row._replace(name=f"{prefix}/{row.name}")
            for row in draft.wires
        ]
        return Circuit.of(draft, self.dom, self.cod)

    def block(self, title: str) -> Circuit:
        """Return the circuit with its boxes in one block, a frame with a title.

        Nothing else changes: it is equal to the circuit.

        Examples
        --------
        >>> from catlearn.arrays import relu
        >>> print(relu.block("activation"))
        x1[]: R
        block "activation":
          a1[]: R = relu(x1[])
        return a1
        """
        expect(title, str, "the title of a block", "a text")
        draft = Draft.of(self.apex)
        draft.within_block(title, [])
        return Circuit.of(draft, self.dom, self.cod)

    def repeat(self, times: Any, title: str, *, shared: str | Iterable[str] = ()) -> Circuit:
        """Return so many copies of the circuit one after the other, each with its own parameters.

        Parameters of the copies are stacked: they are called ``title/name`` and have one more axis
        in front. It ends where it starts.

        Parameters
        ----------
        times
            The number of rounds: an integer, a symbol, or a polynomial, as a text.
        title
            The title of the block, and the first part of the names of its parameters.
        shared
            The names of parameters that all copies share, or one; they keep their names.

        Raises
        ------
        InvalidStructure
            Listing names in ``shared`` that are no parameters, and fewer rounds than 1.
        NotComposable
            If it does not end where it starts.

        Examples
        --------
        >>> from catlearn.arrays import linear, residual
        >>> f = residual(linear("A", "m -> f") >> linear("B", "f -> m")).repeat("L", "layers")
        >>> f.counts().parameters
        Size('2*L*f*m')
        """
        expect(title, str, "the title of a block", "a text")
        expect(shared, Iterable, "shared", "a list of names of parameters")
        names = [shared] if isinstance(shared, str) else [*shared]
        known = self.parameters
        failures = [
            Failure("sharing", f"parameter {name!r}", f"is not there; {did_you_mean(name, known)}")
            for name in names
            if name not in known
        ]
        size = read_size(times)
        if size.number is not None and size.number < 1:
            message = f"has {size.number} rounds; a block runs once at least"
            failures.append(Failure("rounds", f"block {title!r}", message))
        refuse("this repetition", failures)
        if len(self.dom) != len(self.cod):
            raise NotComposable("this circuit", [self._not_round(title, len(self.dom))])
        own = [name for name in known if name not in names]
        letter = next((key for key in size.generators if size == Size.of(key)), None)
        return self._rounds(title, letter, size, len(self.dom), own)

    def scan(self, axis: str, *, states: int = 1, fixed: int = 0, title: str = "scan") -> Circuit:
        """Return the circuit applied along an axis, with states that go from one step to the next.

        Of a circuit (S, C, X) -> (S, Y) it is (S, C, [X; t]) -> (S, [Y; t]), with
        s(i+1), y(i) = f(s(i), c, x(i)); parameters are those of the circuit.

        Parameters
        ----------
        axis
            The letter of the axis t, which is put in front of the arrays that are no states.
        states
            How many arrays, on both sides the first ones, are states.
        fixed
            How many inputs after these are the same in each step.
        title
            The title of the block.

        Raises
        ------
        NotComposable
            If there are fewer arrays than these, or no others, or states do not end where they
            start.

        Examples
        --------
        >>> from catlearn.arrays import add, copy, idle, mul
        >>> (add >> copy(2)).scan("t")
        Circuit(R[], R[t] -> R[], R[t])
        >>> (mul @ idle >> add >> copy(2)).scan("t", fixed=1)
        Circuit(R[], R[], R[t] -> R[], R[t])
        """
        expect(axis, str, "the axis of a scan", "a letter")
        expect(states, int, "states", "a number of arrays")
        expect(fixed, int, "fixed", "a number of arrays")
        read_axes(axis)
        short = not 0 <= states <= len(self.cod) or not 0 <= fixed <= len(self.dom) - states
        if short:
            raise NotComposable("this circuit", [self._not_round(title, states, fixed)])
        if len(self.cod) == states and len(self.dom) == states + fixed:
            message = f"has states alone, and no array along {axis}; "
            message += "repeat(times, title, shared=...) applies it so many times"
            raise NotComposable("this circuit", [Failure("scan", f"block {title!r}", message)])
        return self._rounds(title, axis, None, states, [], fixed)

    def _not_round(self, title: str, states: int, fixed: int = 0) -> Failure:
        ends = [", ".join(self.shapes(rows)) or "()" for rows in (self.dom, self.cod)]
        message = f"starts at {ends[0]} and ends at {ends[1]}"
        if fixed or len(self.dom) != len(self.cod) or states > len(self.dom):
            message += f"; {states} arrays go round"
        if fixed:
            message += f", and fixed={fixed}"
        return Failure("repetition", f"block {title!r}", message)

    def _rounds(
        self, title: str, letter: str | None, size: Size | None, states: int, own: list[str],
        fixed: int = 0,
    ) -> Circuit:  # fmt: skip
        """Put the boxes in a block with rounds, and gates at its ends and own parameters."""
        inner, outer = Draft.of(self.apex), Draft()
        given = None if size is None else outer.size(size)
        rounds = outer.axis(letter, given)
        outer.blocks.append((title, [rounds]))
        known, H = self.apex.column("name"), self.apex
        stacked = {row: f"{title}/{name}" for row, name in enumerate(known) if name in own}
        for row in stacked:
            inner.wires[row] = inner.wires[row]._replace(name=None, initialiser=None)
        meets: list[tuple[Place, Place]] = []

        def pass_through(kernel: str, rows: Sequence[int]) -> int:
            """Add a gate for arrays of the round, and return the array outside."""
            letters = [H.column("letter")[axis] or "" for axis in H.lists["axes"].row(rows[0])]
            ranks = {len(H.lists["axes"].row(row)) for row in rows}
            if len(ranks) > 1:
                raise NotComposable("this circuit", [self._not_round(title, states)])
            axes, kind = [outer.axis(letter or None) for letter in letters], outer.type(None)
            within = [outer.wire(axes, kind) for _ in rows]
            front = [] if kernel in ("start", "last") else [rounds]
            outside = outer.wire([*front, *axes], kind)
            ins, outs = within, [outside]
            if kernel in ("start", "each"):
                ins, outs = outs, ins
            name = f"{kernel} of {title.partition(', ')[0]}"
            outer.box(gate(kernel, letters, name), ins, outs, [*front, *axes], within=[0])
            meets.extend(((0, row), (1, wire)) for row, wire in zip(rows, within, strict=True))
            return outside

        dom = [
            (0, row) if states <= k < states + fixed
            else (1, pass_through("start" if k < states else "each", [row]))
            for k, row in enumerate(self.dom)
        ]  # fmt: skip
        for row, name in stacked.items():
            wire = pass_through("each", [row])
            start = H.column("initialiser")[row]
            outer.wires[wire] = outer.wires[wire]._replace(name=name, initialiser=start)
        cod = [
            (1, pass_through(*(("last", [self.dom[k], row]) if k < states else ("stack", [row]))))
            for k, row in enumerate(self.cod)
        ]
        if not outer.boxes:
            return self.block(title)
        parts = [Circuit.of(inner, (), ()), Circuit.of(outer, (), ())]
        try:
            apex, legs = glue(parts, meets)
        except NotComposable as error:
            shown = self._not_round(title, states)
            message = f"{shown.message}: " + "; ".join(str(one) for one in error.failures)
            failures = [Failure("repetition", shown.where, message)]
            raise NotComposable("this circuit", failures) from None
        draft = Draft.of(apex)
        gates = [row for row, box in enumerate(draft.boxes) if box.operation.kernel.name in GATES]
        block = draft.boxes[gates[-1]].within[0]
        draft.boxes = [
            box._replace(within=[block, *(b for b in box.within if b != block)])
            for box in draft.boxes
        ]
        ends = ([int(legs[part][row]) for part, row in side] for side in (dom, cod))
        return Circuit.of(draft, *ends)

    def __rshift__(self, other: Circuit) -> Circuit:
        """Compose: align the outputs of this circuit with the inputs of the other.

        Long chains keep their factors: what meets is checked at once, and all is glued when the
        tables are first read. See :func:`compose`.
        """
        if not isinstance(other, Circuit):
            return self._refused(other)
        last, first = self._end(1), other._end(0)
        if last is self and first is other and self.apex.size("Box") <= LONG:
            return compose(self, other)
        compose(last, first)
        made = object.__new__(Circuit)
        made._set(factors=(self, other))
        return made

    def _end(self, side: int) -> Circuit:
        """Return the first or the last of the factors that were not glued yet."""
        one = self
        while "factors" in vars(one):
            one = one.factors[side]
        return one

    def __getattr__(self, name: str) -> Any:
        """Glue the factors when the tables are first read."""
        if name not in ("apex", "dom", "cod") or "factors" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        stack: list[Circuit] = [self]
        factors: list[Circuit] = []
        while stack:
            one = stack.pop()
            if "factors" in vars(one):
                stack += one.factors[::-1]
            else:
                factors.append(one)
        whole = compose(*factors)
        del vars(self)["factors"]
        self._set(apex=whole.apex, dom=whole.dom, cod=whole.cod)
        return vars(self)[name]

    def __getstate__(self) -> dict[str, Any]:
        self.apex  # noqa: B018
        return super().__getstate__()

    def __matmul__(self, other: Circuit) -> Circuit:
        """Put two circuits side by side; parameters and symbols of one name are one."""
        return tensor(self, other) if isinstance(other, Circuit) else self._refused(other)

    def _refused(self, other: Any) -> Any:
        """Refuse a function, such as gelu, which makes circuits; the rest is left to Python."""
        composes = any(hasattr(other, name) for name in ("__rshift__", "__matmul__"))
        if callable(other) and not composes:
            expect_circuits("what is composed", other)
        return NotImplemented

    __rrshift__ = __rmatmul__ = _refused

    def __call__(self, *arrays: Any) -> Any:
        """Apply it to arrays inside of a function that is traced; one result comes as it is."""
        traces = [getattr(one, "trace", None) for one in arrays]
        trace: Any = traces[0] if traces else TRACES.get()
        if not hasattr(trace, "call") or any(one is not trace for one in traces):
            given = [
                "params" if self.parameters else "{}",
                *(f"x{k}" for k in range(len(self.dom))),
            ]
            message = (
                "a circuit is called on arrays of one traced function, where a number x is "
                f"constant(x)(); with arrays it runs by cl.lower(circuit)({', '.join(given)})"
            )
            raise CatlearnError(message)
        found = trace.call(self, arrays)
        return found[0] if len(found) == 1 else tuple(found)

    def __str__(self) -> str:
        """Return the listing, one line a box; :meth:`parse` reads it back."""
        live = dict.fromkeys(self._walk())
        boxes = [*live, *(box for box in self.apex.order if box not in live)]
        return listing(self.apex, self.dom, self.cod, nested(self.apex, boxes))

    @classmethod
    def parse(cls, text: str) -> Circuit:
        """Return the circuit of a listing; see :mod:`catlearn.arrays.listing`.

        Raises
        ------
        PathSyntaxError
            If it is no listing, with the line and the place.
        InvalidStructure
            If it is not one of a circuit.

        Examples
        --------
        >>> from catlearn.arrays import softmax
        >>> Circuit.parse(str(softmax("[y]"))) == softmax("[y]")
        True
        """
        return cls(*read_listing(text))

    def to_latex(self) -> str:
        r"""Return the listing as LaTeX.

        Examples
        --------
        >>> from catlearn.arrays import relu
        >>> print(relu.to_latex())
        \begin{aligned}
        x_{1}[]&{:}\ R \\
        a_{1}[]&{:}\ R=\mathit{relu}(x_{1}[]) \\
        & \ \mathrm{return}\ a_{1}
        \end{aligned}
        """
        return latex(str(self))

    def __repr__(self) -> str:
        ends = (", ".join(self.shapes(rows)) or "()" for rows in (self.dom, self.cod))
        return f"Circuit({' -> '.join(ends)})"


def lift(circuit: Circuit, axes: str | Iterable[str]) -> Circuit:
    """Return the circuit with axes in front of every array; parameters stay as they are.

    Deterministic boxes that no input reaches are not lifted: what they write is repeated.

    Parameters
    ----------
    circuit
        The circuit f.
    axes
        The letters of the axes P of [f; P], such as ``"n x"``; their sizes take what comes.

    Raises
    ------
    PathSyntaxError
        If something else than names stands there.

    Examples
    --------
    >>> from catlearn.arrays import linear
    >>> lift(linear("W", "m -> k"), "n x")
    Circuit(R[n x m] -> R[n x k])
    """
    letters = read_axes(axes)
    draft = Draft.of(circuit.apex)
    rows = [draft.axis(letter) for letter in letters]
    every = {int(c) for c in components(circuit)[0]}
    return lifted(circuit, dict.fromkeys(every, rows) if rows else {}, draft)


def compose(*circuits: Circuit) -> Circuit:
    """Compose circuits one after the other, by one gluing.

    Ranks are reconciled by lifting connected components; nothing is repeated.

    Raises
    ------
    NotComposable
        Listing numbers of arrays that differ, ranks that no lifting aligns, types and sizes that do
        not agree, and parameters of one name that differ.
    TypeError
        If there is none: the identity of no arrays is ``Circuit.identity()``.

    Examples
    --------
    >>> from catlearn.arrays import linear, relu
    >>> compose(linear("A", "m -> n"), relu, linear("B", "n -> p"))
    Circuit(R[m] -> R[p])
    """
    if not circuits:
        raise TypeError("compose takes at least one circuit")
    expect_circuits("compose", *circuits)

    def meeting(parts: Sequence[Circuit]) -> list[tuple[Place, Place]]:
        return [
            ((k, row), (k + 1, other))
            for k, (one, two) in enumerate(pairwise(parts))
            for row, other in zip(one.cod, two.dom, strict=True)
        ]

    failures = []
    for one, two in pairwise(circuits):
        if len(one.cod) != len(two.dom):
            ends = [
                ", ".join(c.shapes(rows)) or "()" for c, rows in ((one, one.cod), (two, two.dom))
            ]
            message = (
                f"has {len(one.cod)} ({ends[0]}), what follows takes {len(two.dom)} ({ends[1]})"
            )
            failures.append(Failure("arity", "arrays", message))
    if failures:
        raise NotComposable("this circuit", [*failures, *sharing(circuits)])
    try:
        found = levels(circuits, meeting(circuits))
    except NotComposable as error:
        more = [*kinds(circuits, meeting(circuits)), *sharing(circuits)]
        raise NotComposable("this circuit", [*error.failures, *more]) from None
    parts = [raised(one, level) for one, level in zip(circuits, found, strict=True)]
    apex, legs = glue(parts, meeting(parts))
    ends = legs[0][list(parts[0].dom)], legs[-1][list(parts[-1].cod)]
    return Circuit.of(apex, *(rows.tolist() for rows in ends))


def expect_circuits(what: str, *given: Any) -> None:
    """Refuse what is no circuit; of a function say how it makes one, or is made one."""
    for one in given:
        name, made = getattr(one, "__name__", ""), ""
        if name.isidentifier() and callable(one):
            library = str(getattr(one, "__module__", "")).partition(".")[0]
            made = (
                f"; {name} is called to make one, {name}(...)"
                if isinstance(one, FunctionType) and library not in ("jax", "numpy")
                else f"; cl.from_jax({name}, ...) makes one of a function of JAX and its arguments"
            )
        expect(one, Circuit, what, f"of circuits{made}")


def tensor(*circuits: Circuit) -> Circuit:
    """Put circuits side by side; parameters and declared sizes of one name are one.

    Raises
    ------
    NotComposable
        Listing parameters of one name that differ.

    Examples
    --------
    >>> from catlearn.arrays import linear
    >>> A = linear("A", "m -> n")
    >>> tensor(A, A)
    Circuit(R[m], R[m] -> R[n], R[n])
    """
    expect_circuits("tensor", *circuits)
    if not circuits:
        return Circuit.of(Draft(), (), ())
    apex, legs = glue(circuits, ())
    ends = [
        [
            row
            for one, leg in zip(circuits, legs, strict=True)
            for row in leg[list(rows(one))].tolist()
        ]
        for rows in (lambda one: one.dom, lambda one: one.cod)
    ]
    return Circuit.of(apex, *ends)
