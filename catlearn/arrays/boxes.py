"""What circuits are made of: operations, the tables of arrays, axes and boxes, and their rows.

>>> from catlearn.arrays import linear
>>> H = linear("W", "m -> n").apex
>>> H.size("Axis") - 3, H.operations[0].letters, H.types
(2, ('n', 'm'), ('R', 'R', 'R'))
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import methodcaller
from types import FrameType
from typing import Any, NamedTuple

from catlearn.arrays.forms import Change, Form, Lookup, Reading, sizes_at
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size, SizeRelation, Solution, solve
from catlearn.category import Hypergraph
from catlearn.display import Legible
from catlearn.errors import Failure
from catlearn.finset import FLAT, FinSet, Order, Shape
from catlearn.names import fresh


@dataclass(frozen=True)
class Operation(Legible):
    """What a box does, by places among its variables and the arrays that it reads.

    Parameters
    ----------
    kernel
        The function that is applied at each index of the degree.
    readings
        For each array that is read, at which index; None for one that only forms look up in.
    writes
        For each array that is written, its variables, each once.
    targets
        The variables that the kernel takes whole.
    scale
        What a contraction is multiplied by.
    relations
        What sizes have to satisfy; the generator i is the size of variable i, and -1 - j that of
        the j-th axis that the box mentions.
    letters
        What variables are called; not compared.
    title
        What the box is called in messages; not compared.
    source
        The file and line that made the box, and the function where it is known,
        ``"model.py:12 (attend)"``; not compared.
    """

    kernel: Kernel
    readings: tuple[Reading | None, ...]
    writes: tuple[tuple[int, ...], ...]
    targets: tuple[int, ...] = ()
    scale: Scalar = ONE
    relations: tuple[SizeRelation, ...] = ()
    letters: tuple[str, ...] = field(default=(), compare=False)
    title: str = field(default="", compare=False)
    source: str = field(default="", compare=False, repr=False)

    def lifted(self, letters: Sequence[str], operands: Iterable[int]) -> Operation:
        """Return it with more variables in front, in its outputs and in some operands."""
        by, operands = len(letters), set(operands)
        front = tuple(map(Form.variable, range(by)))

        def place(key: int) -> int:
            return key + by if key >= 0 else key

        def looked_up(one: Lookup, change: Change) -> Form:
            before = front if one.operand in operands else ()
            return Form.atom(Lookup(one.operand, (*before, *map(change, one.forms))))

        def form(one: Form) -> Form:
            variable, size = Form.variable, methodcaller("rename", place)
            return one.rewritten(lambda v: variable(place(v)), size, None, looked_up)

        def reading(k: int, one: Reading | None) -> Reading | None:
            moved = one and one.map(form)
            return (
                replace(moved, forms=(*front, *moved.forms)) if moved and k in operands else moved
            )

        return replace(
            self,
            readings=tuple(reading(k, one) for k, one in enumerate(self.readings)),
            writes=tuple((*range(by), *map(place, one)) for one in self.writes),
            targets=tuple(map(place, self.targets)),
            scale=self.scale.rename(place),
            relations=tuple(one.rename(place) for one in self.relations),
            letters=(*letters, *self.letters),
        )

    @cached_property
    def uses(self) -> tuple[tuple[tuple[Form, ...], ...], ...]:
        """For each array that is read, all at which it is read, or looked up in."""
        found: list[list[tuple[Form, ...]]] = [
            [] if reading is None else [reading.forms] for reading in self.readings
        ]
        for one in self.readings:
            forms = [] if one is None else [*one.forms, *one.conditions]
            while forms:
                for look in forms.pop().lookups:
                    found[look.operand].append(look.forms)
                    forms += look.forms
        return tuple(map(tuple, found))

    def __str__(self) -> str:
        return self.title or str(self.kernel)


def source_line() -> str:
    """Return the file and line that is running: the innermost one that is not of the package.

    Models of the zoo are written in boxes, too: of these it is their own line. What the package
    makes while it is imported has none.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        room = frame.f_globals.get("__name__", "")
        if not room.startswith("catlearn.") or room.startswith("catlearn.zoo."):
            file = frame.f_code.co_filename
            return "" if file.startswith("<frozen") else f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def line_of(source: str) -> tuple[str, int, str] | None:
    """Return the file, the line and the function of the source of a box, if it has one."""
    found = re.fullmatch(r"(.+?):(\d+)(?::\d+)?(?: \((.*)\))?", source)
    return found and (found[1], int(found[2]), found[3] or "")


def line_text(source: str, function: bool = True) -> str:
    """Return the source of a box as people read it: below the working folder, or the name alone.

    Examples
    --------
    >>> line_text("/home/ada/models/gpt.py:31 (attend)")
    'gpt.py:31 (attend)'
    """
    found = line_of(source)
    if found is None:
        return source
    file, row, name = found
    here = os.path.relpath(file) if os.path.isabs(file) else file
    within = file.replace(os.sep, "/").partition("/catlearn/zoo/")
    if within[1]:
        here = f"catlearn/zoo/{within[2]}"
    elif here.startswith(os.pardir):
        here = os.path.basename(file)
    return f"{here}:{row} ({name})" if name and function else f"{here}:{row}"


def _unions(classes: Sequence[tuple[Any, ...]]) -> tuple[list[Any], dict[int, str]]:
    return [frozenset(s for one in some for s in one or ()) or None for some in classes], {}


def _carried(label: Any, components: Mapping[str, Any]) -> Any:
    if label is None:
        return None
    symbols = components["Symbol"].values
    return frozenset(one.rename(lambda key: -1 - int(symbols[-1 - key])) for one in label)


def _contained(one: Any, other: Any) -> bool:
    return not one or (other is not None and one <= other)


SIZES = Order("sizes", below=_contained, merge=_unions, carry=_carried)
"""The order of sets of sizes: what gives an axis more sizes is above; colimits take unions."""


def _first(classes: Sequence[tuple[Any, ...]]) -> tuple[list[Any], dict[int, str]]:
    return [next((one for one in some if one is not None), None) for some in classes], {}


def _always(one: Any, other: Any) -> bool:
    return True


HINT = Order("hint", below=_always, merge=_first)
"""The order in which all labels are equivalent: what people see, and colimits keep the first."""

ARRAYS = Shape(
    tables=("Symbol", "Axis", "Type", "Wire", "Box", "Block"),
    arrows={"type": ("Wire", "Type"), "range": ("Type", "Axis")},
    lists={
        "axes": ("Wire", "Axis"),
        "ins": ("Box", "Wire"),
        "outs": ("Box", "Wire"),
        "vars": ("Box", "Axis"),
        "mentions": ("Box", "Axis"),
        "within": ("Box", "Block"),
        "rounds": ("Block", "Axis"),
    },
    attributes={
        "symbol": "Symbol",
        "value": "Symbol",
        "size": "Axis",
        "letter": "Axis",
        "dtype": "Type",
        "name": "Wire",
        "initialiser": "Wire",
        "operation": "Box",
        "title": "Block",
    },
    orders={
        "value": SIZES,
        "size": SIZES,
        "letter": HINT,
        "title": HINT,
        "dtype": FLAT,
        "name": FLAT,
        "initialiser": FLAT,
    },
)
"""The shape of circuits of arrays."""


class ArrayHypergraph(Hypergraph):
    """The boxes and arrays of a circuit, without its inputs and outputs."""

    shape = ARRAYS

    def __repr__(self) -> str:
        boxes, wires, axes = (self.size(table) for table in ("Box", "Wire", "Axis"))
        return f"ArrayHypergraph({boxes} boxes, {wires} arrays, {axes} axes)"

    def __str__(self) -> str:
        return repr(self)

    def column(self, attribute: str) -> tuple[Any, ...]:
        """Return the labels of the rows."""
        return self.attributes[attribute]

    @cached_property
    def types(self) -> tuple[Any, ...]:
        """The numbers that each array holds: ``"R"``, ``"N"``, ``"B"`` or None for any."""
        column = self.column("dtype")
        return tuple(column[row] for row in self.arrows["type"].values.tolist())

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """What each box does."""
        return self.column("operation")

    def with_lines(self) -> ArrayHypergraph:
        """Return it where boxes that no line made, such as that of ``relu``, have that of now."""
        line = "" if all(one.source for one in self.operations) else source_line()
        if not line:
            return self
        lines = (one if one.source else replace(one, source=line) for one in self.operations)
        return self.with_column("operation", tuple(lines), check=False)

    def relations(self) -> list[tuple[SizeRelation, str, int]]:
        """List what sizes have to satisfy, each with the table and the row that says it.

        Generators are the rows of axes, and -1 - s for the row s of a symbol.
        """
        found: list[tuple[SizeRelation, str, int]] = []
        for table, attribute in (("Symbol", "value"), ("Axis", "size")):
            for row, sizes in enumerate(self.column(attribute)):
                own = Size.generator(row if table == "Axis" else -1 - row)
                ordered = sorted(sizes or (), key=lambda one: one.terms)
                found += [(SizeRelation("=", own, one), table, row) for one in ordered]
        variables, mentions = self.lists["vars"], self.lists["mentions"]
        for row, operation in enumerate(self.operations):
            if operation.relations:
                sizes = sizes_at(variables.row(row).tolist(), mentions.row(row).tolist())
                found += [(one.substitute(sizes), "Box", row) for one in operation.relations]
        return found

    @cached_property
    def solution(self) -> Solution:
        """What the sizes of all axes and symbols come to."""
        return solve([one for one, _, _ in self.relations()], self.flexible)

    @property
    def flexible(self) -> list[int]:
        """The generators that take what comes: sizes of axes, and symbols that are defined."""
        defined = [-1 - row for row, value in enumerate(self.column("value")) if value]
        return [*range(self.size("Axis")), *defined]

    def relation_title(self, table: str, row: int) -> str:
        """Return what has a relation of :meth:`relations`: a box, an axis or a symbol."""
        if table == "Box":
            return self.title(row)
        return self.axis_title(row) if table == "Axis" else f"size {self.called(-1 - row)}"

    def size_failures(self) -> list[Failure]:
        """List relations between sizes that cannot hold."""
        every, failures = self.relations(), []
        for one in self.solution.failures:
            relation, table, row = every[one.number]
            renamed = one.found.rename(self.called)
            found = str(renamed)
            asked = str(relation.rename(self.called))
            message = f"{found} cannot hold"
            if table == "Box":
                message = found if found == asked else f"{asked} is {found}"
            if one.declared:
                sides = sorted((str(renamed.left), str(renamed.right)), key=len)
                message += f"; use one name, or declare it, as .at({{{sides[0]!r}: {sides[1]!r}}})"
            failures.append(Failure("sizes", self.relation_title(table, row), message))
        return failures

    def size_of(self, axis: int) -> Size:
        """Return the size of an axis, over names; of axes of one size over the plainest name."""

        def named() -> Size:
            size = self.solution.of(Size.generator(axis))
            return size.rename(lambda key: self._plainest[key] if key >= 0 else self.called(key))

        return self._cached(f"size of {axis}", named)

    @cached_property
    def _plainest(self) -> dict[int, str]:
        """The plainest name of the axes whose size is that of an axis."""
        found: dict[int, str] = {}
        for row, name in enumerate(self.axis_names):
            match self.solution.of(Size.generator(row)).terms:
                case ((((int(key), 1),), 1),) if key >= 0:
                    names = (found.get(key, name), name)
                    found[key] = min(names, key=lambda one: (len(one), one))
        return found

    def title(self, box: int) -> str:
        """Say which box is meant."""
        return str(self.operations[box])

    def axis_title(self, axis: int) -> str:
        """Say which axis is meant: by boxes that have it, or by its name."""
        found: dict[str, None] = {}
        for box, variables in enumerate(self.lists["vars"]):
            letters = self.operations[box].letters
            for letter, row in zip(letters, variables, strict=False):
                if row == axis:
                    letter = letter or self.called(axis)
                    found[f"axis {letter} of {self.title(box)}"] = None
        return " and ".join([*found][:3]) or f"axis {self.called(axis)}"

    def called(self, generator: int) -> str:
        """Return the name of an axis, or of a symbol: -1 - its row."""
        return self.axis_names[generator] if generator >= 0 else self.symbols[-1 - generator]

    def array_text(self, row: int, axis: Callable[[int], str] | None = None) -> str:
        """Write the type of an array, with its axes by their names or as it is said."""
        shown = axis or self.called
        kind = int(self.arrows["type"].values[row])
        dtype = self.column("dtype")[kind] or "?"
        points = f"<{shown(int(self.arrows['range'].values[kind]))}>" if dtype == "N" else ""
        return f"{dtype}{points}[{' '.join(map(shown, self.lists['axes'].row(row).tolist()))}]"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the declared sizes."""
        return self.column("symbol")

    @cached_property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes: the letters they were given, made distinct.

        The name of a declared size is that of an axis only where this has that size.
        """
        size = self.solution.of
        declared = {name: size(Size.generator(-1 - k)) for k, name in enumerate(self.symbols)}
        letters = self.column("letter")
        taken, names, last = set[str](), dict[int, str](), dict[str, int]()
        shown = {*self.lists["axes"].values.tolist(), *self.lists["rounds"].values.tolist()}
        shown |= {
            row
            for row, dtype in zip(
                self.arrows["range"].values.tolist(), self.column("dtype"), strict=True
            )
            if dtype == "N"
        }
        order = sorted(range(len(letters)), key=lambda k: (k not in shown, letters[k] is None, k))
        for row in order:
            letter = letters[row] or "a"
            other = letter in declared and declared[letter] != size(Size.generator(row))
            kept = {*taken, letter} if other and letter not in taken else taken
            names[row] = fresh(letter, kept, "#", last)
            taken.add(names[row])
        return tuple(names[row] for row in range(len(letters)))


def short_title(title: str) -> str:
    """Return the name in the title of a box, or this; of one of a definition, of what it is of.

    Examples
    --------
    >>> short_title("linear 'A'"), short_title("max of softmax"), short_title("mix")
    ('A', 'softmax', 'mix')
    """
    whole = title.rpartition(" of ")[2]
    named = re.fullmatch(r"\w+ '(.+)'", whole)
    return named[1] if named else whole


class WireRow(NamedTuple):
    """An array: its axes and its type, and what a parameter is called and starts from."""

    axes: list[int]
    type: int
    name: str | None = None
    initialiser: str | None = None


class BoxRow(NamedTuple):
    """A box: arrays that it reads and writes, its variables, axes that it mentions, its blocks.

    Fields are called as columns of the tables.
    """

    ins: list[int]
    outs: list[int]
    vars: list[int]
    mentions: list[int]
    operation: Operation
    within: Sequence[int] = ()


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Symbol": ("symbol", "value"),
    "Axis": ("letter", "size"),
    "Type": ("dtype", "range"),
    "Wire": WireRow._fields,
    "Box": BoxRow._fields,
    "Block": ("title", "rounds"),
}
"""What a row of each table has, in order."""


@dataclass
class Draft:
    """The rows of a circuit while it is being made.

    Every field is a list with one entry for each row: symbols and axes with the set of their sizes,
    types with the axis that they are indices of, blocks with their title and the axis of rounds.
    """

    symbols: list[tuple[str, Any]] = field(default_factory=list)
    axes: list[tuple[str | None, Any]] = field(default_factory=list)
    types: list[tuple[str | None, int]] = field(default_factory=list)
    wires: list[WireRow] = field(default_factory=list)
    boxes: list[BoxRow] = field(default_factory=list)
    blocks: list[tuple[str | None, list[int]]] = field(default_factory=list)

    @classmethod
    def of(cls, H: ArrayHypergraph) -> Draft:
        """Return the rows of boxes and arrays, to be changed."""

        def column(name: str) -> Iterable[Any]:
            if name in H.arrows:
                return H.arrows[name].values.tolist()
            return H.lists[name] if name in H.lists else H.column(name)

        tables = (zip(*map(column, names), strict=True) for names in COLUMNS.values())
        symbols, axes, types, wires, boxes, blocks = tables
        return cls(
            [*symbols], [*axes], [*types], [*map(WireRow._make, wires)],
            [*map(BoxRow._make, boxes)], [*blocks],
        )  # fmt: skip

    def symbol(self, name: str) -> int:
        """Return the row of a declared size."""
        known = [k for k, (other, _) in enumerate(self.symbols) if other == name]
        if not known:
            self.symbols.append((name, None))
        return known[0] if known else len(self.symbols) - 1

    def size(self, given: Size) -> Size:
        """Return a size over names as one over rows, which are added where they are not there."""
        return given.rename(lambda name: -1 - self.symbol(name))

    def axis(self, letter: str | None, size: Size | None = None) -> int:
        """Add an axis, with a size over rows."""
        self.axes.append((letter, None if size is None else frozenset([size])))
        return len(self.axes) - 1

    def type(self, dtype: str | None, range: int | None = None) -> int:
        """Add a type, of the indices of an axis, where it has naturals."""
        self.types.append((dtype, self.axis(None) if range is None else range))
        return len(self.types) - 1

    def wire(
        self,
        axes: Iterable[int],
        type: int | None = None,
        name: str | None = None,
        initialiser: str | None = None,
    ) -> int:
        """Add an array; it is of real numbers, unless a type is given."""
        kind = self.type("R") if type is None else type
        self.wires.append(WireRow(list(axes), kind, name, initialiser))
        return len(self.wires) - 1

    def box(
        self,
        operation: Operation,
        ins: Iterable[int],
        outs: Iterable[int],
        variables: Iterable[int],
        mentions: Iterable[int] = (),
        within: Sequence[int] = (),
    ) -> int:
        """Add a box, of the line of the caller's that made it, unless its operation says which."""
        if not operation.source:
            operation = replace(operation, source=source_line())
        row = BoxRow(list(ins), list(outs), list(variables), list(mentions), operation, within)
        self.boxes.append(row)
        return len(self.boxes) - 1

    def within_block(self, title: str, rounds: list[int]) -> None:
        """Put all boxes in one more block."""
        block = len(self.blocks)
        self.blocks.append((title, rounds))
        self.boxes = [box._replace(within=[block, *box.within]) for box in self.boxes]

    def keep_blocks(self, kept: Iterable[int]) -> None:
        """Drop all blocks but some."""
        place = {block: k for k, block in enumerate(sorted(kept))}
        self.blocks = [self.blocks[block] for block in place]
        self.boxes = [
            box._replace(within=[place[b] for b in box.within if b in place]) for box in self.boxes
        ]

    def made(self) -> ArrayHypergraph:
        """Return the boxes and arrays, which are not checked."""
        tables = self.symbols, self.axes, self.types, self.wires, self.boxes, self.blocks
        rows: dict[str, list[Any]] = dict(zip(COLUMNS, tables, strict=True))
        columns = {
            name: [row[k] for row in rows[table]]
            for table, names in COLUMNS.items()
            for k, name in enumerate(names)
        }
        sets = {table: FinSet(len(own)) for table, own in rows.items()}
        return ArrayHypergraph._of_columns(ARRAYS, sets, columns)
