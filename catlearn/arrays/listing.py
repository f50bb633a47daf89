"""Listings: circuits as text, one line a box, that is read back exactly.

>>> from catlearn.arrays import Circuit, linear, relu
>>> f = linear("W", "m -> n", init="zeros") >> relu
>>> print(f.at(n=4))
sizes n = 4
x1[m]: R
parameter W[m n]: R = zeros
a1[n]: R = contraction(x1[m], W[m n]) as "linear 'W'"
a2[n]: R = relu(a1[n])
return a2
>>> Circuit.parse(str(f)) == f
True

Lines, in order:

``sizes m, n = 4``
    The declared sizes, and what each is given.
``axes x = 8, h = 2*n, m = ?``
    The sizes that axes are given; an axis with the name of a declared size has it, unless it has
    others here, or none (``?``). An axis is there when an array or a box names it.
``x1[x m]: R``
    An array that is given, and what it holds: R, B, ``N<e>`` (indices of an axis) or ``?``; arrays
    with the same number behind the letter, ``?1``, have one type.
``parameter W[m n]: R = zeros``
    A parameter, and what it starts from.
``a1[x n]: R = contraction(x1[x m], W[m n])``
    A box. It writes arrays at its variables, and reads others at forms of them: ``2*y+a-1``,
    ``h*|d|+d`` with the size of d, ``(u div |d|)``, ``k[x]`` for a value that is looked up;
    ``where y <= x`` has conditions, and ``else`` the value outside, if it is not 0. An array
    without brackets is only looked up in. What follows: ``over`` the variables that are taken
    whole, if they are not those that are left out; ``for`` the variables in order, each with its
    axis if it has another name; ``with`` axes that are mentioned; ``scale``; ``relations``; and
    ``as`` what the box is called.
``block "layers" over L:``
    A block: the boxes of the lines that follow and stand further to the right. With ``over`` it has
    rounds, over that axis.
``return a1, a1``
    The arrays that are asked for.

Names with other characters are JSON strings. Reading executes nothing, and is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from catlearn.arrays.blocks import Nested, flat
from catlearn.arrays.boxes import ArrayHypergraph, BoxRow, Draft, Operation, WireRow
from catlearn.arrays.forms import Form, IndexPart, Lookup, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import MOST_DIGITS, ONE, Scalar, Size, SizeReader, SizeRelation
from catlearn.category.path import tokens_of
from catlearn.errors import CatlearnError, PathSyntaxError, did_you_mean, expect
from catlearn.names import fresh, quote
from catlearn.typesetting import escape_latex, to_latex

LONGEST_LISTING = 10_000_000
"""The longest listing that is read, in characters."""

DEEPEST = 50
"""How deeply brackets may nest."""

WORDS = frozenset(
    [
        "sizes",
        "axes",
        "parameter",
        "return",
        "for",
        "with",
        "over",
        "as",
        "scale",
        "relations",
        "where",
        "and",
        "else",
        "div",
        "mod",
        "true",
        "false",
        "null",
        "inf",
        "nan",
    ]
)
"""What is no name unless it is quoted."""

PUNCTUATION = "_.'′#"


def written(name: str) -> str:
    """Write a name, quoted where it would be read as something else.

    Examples
    --------
    >>> print(written("m#2"), written("enc/Q"), written("scale"), written("2"))
    m#2 "enc/Q" "scale" "2"
    """
    plain = name and name not in WORDS and name[0] not in "0123456789.#"
    if plain and all(c in PUNCTUATION or unicodedata.category(c)[0] in "LMN" for c in name):
        return name
    return _quoted(name)


def ascii_quote(name: str) -> str:
    """Write a name that has characters which are not seen as a JSON string of others."""
    return "".join(
        f"\\u{ord(c):04x}" if not c.isprintable() and ord(c) < 0x10000 else c for c in quote(name)
    )


def letter_of(name: str) -> str:
    """Return the letter of which a name was made.

    Examples
    --------
    >>> letter_of("m#2"), letter_of("m")
    ('m', 'm')
    """
    return re.sub(r"#\d+$", "", name) or name


ROLES = (
    "weight",
    "bias",
    "kernel",
    "scale",
    "embedding",
    "gain",
    "shift",
    "w",
    "b",
    "gamma",
    "beta",
)
"""What arrays are called for what they do in a layer, which has the name."""


def short_address(address: str) -> str:
    """Return the last part of an address that says which layer it is of.

    Examples
    --------
    >>> short_address("layers/0/up.bias"), short_address("h.0.attn.c_attn.weight")
    ('up', 'c_attn')
    >>> short_address("W"), short_address("blocks/1/weight")
    ('W', 'blocks')
    """
    parts = re.split(r"[/.]", address)
    while len(parts) > 1 and (parts[-1] in ROLES or parts[-1].isdigit()):
        parts.pop()
    return parts[-1]


def _quoted(text: str) -> str:
    return quote(text) if text.isprintable() else ascii_quote(text)


def _number(value: Any) -> str:
    return repr(float(value)).replace("+", "")


# Writing


@dataclass
class _Writer:
    """Writes the lines of a circuit."""

    H: ArrayHypergraph
    names: dict[int, str] = field(default_factory=dict)
    types: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        H = self.H
        self.kinds, self.ranges = (H.arrows[name].values.tolist() for name in ("type", "range"))
        self.shared = {kind for kind, count in Counter(self.kinds).items() if count > 1}
        self.seen = {
            axis for name in ("axes", "vars", "mentions") for axis in H.lists[name].values.tolist()
        }
        self.seen |= {*H.lists["rounds"].values.tolist()}
        self.seen |= {axis for axis, count in Counter(self.ranges).items() if count > 1}
        dtypes = zip(self.ranges, H.column("dtype"), strict=True)
        self.seen |= {axis for axis, dtype in dtypes if dtype == "N"}

    def axis(self, row: int) -> str:
        return written(self.H.called(row))

    def size(self, size: Size) -> str:
        return str(size.rename(lambda key: written(self.H.called(key))))

    def sizes(self, label: Iterable[Size]) -> str:
        shown = sorted(map(self.size, label), key=lambda text: (text[0].isdecimal(), text))
        return "".join(f" = {one}" for one in shown)

    def head(self) -> Iterator[str]:
        """Write the lines of sizes and axes."""
        H, value = self.H, self.H.column("value")
        symbols = {name: row for row, name in enumerate(H.symbols)}
        if symbols:
            shown = (written(name) + self.sizes(value[row] or ()) for name, row in symbols.items())
            yield f"sizes {', '.join(shown)}"
        given = []
        for row, label in enumerate(H.column("size")):
            name, label = H.called(row), label or frozenset()
            default = {Size.generator(-1 - symbols[name])} if name in symbols else set()
            if row in self.seen and {*label} != default:
                text = written(name) + (self.sizes(label) or " = ?")
                given.append(((letter_of(name), len(name), name), text))
        if given:
            yield f"axes {', '.join(text for _, text in sorted(given))}"

    def type(self, wire: int) -> str:
        kind = self.kinds[wire]
        dtype = self.H.column("dtype")[kind]
        found = dtype or "?"
        if kind in self.shared:
            found += str(self.types.setdefault(kind, len(self.types) + 1))
        range = self.ranges[kind]
        return f"{found}<{self.axis(range)}>" if range in self.seen else found

    def array(self, wire: int) -> str:
        axes = " ".join(map(self.axis, self.H.lists["axes"].row(wire).tolist()))
        return f"{self.names[wire]}[{axes}]: {self.type(wire)}"

    def boxes(self, boxes: Nested, indent: str = "") -> Iterator[str]:
        """Write the lines of boxes, and of the blocks that they are in."""
        for one in boxes:
            if not isinstance(one, tuple):
                yield indent + self.box(one)
                continue
            block, inner = one
            rounds = [self.axis(axis) for axis in self.H.lists["rounds"].row(block).tolist()]
            over = f" over {rounds[0]}" if rounds else ""
            yield f"{indent}block {_quoted(self.H.column('title')[block] or '')}{over}:"
            yield from self.boxes(inner, indent + "  ")

    def box(self, box: int) -> str:
        """Write the line of a box."""
        H, operation = self.H, self.H.operations[box]
        ins, outs = (side[box] for side in H.sides)
        rows = [*H.lists["vars"].row(box).tolist(), *H.lists["mentions"].row(box).tolist()]
        count = len(H.lists["vars"].row(box))
        local: list[str] = []
        for place, row in enumerate(rows):
            name = H.called(row)
            letter = operation.letters[place] if place < len(operation.letters) else ""
            if (letter and letter != letter_of(name)) or name in local:
                name = fresh(letter or letter_of(name), {*local, *map(H.called, rows)}, "#")
            local.append(name)
        seen: dict[int, None] = {}

        def variable(place: int) -> str:
            seen.setdefault(place)
            return written(local[place])

        def named(key: int) -> str:
            return written(local[key if key >= 0 else count - 1 - key])

        def size(one: Size, bars: bool = True) -> str:
            return str(one.rename(lambda key: f"|{named(key)}|" if bars else named(key)))

        def looked_up(one: Lookup) -> str:
            wire = ins[one.operand]
            name = self.names[wire] if ins.count(wire) == 1 else f"@{one.operand + 1}"
            return f"{name}[{indices(one.forms)}]"

        def form(one: Form, gap: str = " ") -> str:
            return one.written(variable, size, looked_up, gap)

        def indices(forms: Sequence[Form]) -> str:
            shown = []
            for one in forms:
                text = form(one, "")
                shown.append(f"({text})" if text[0] == "-" else text)
            return " ".join(shown)

        def condition(one: Form) -> str:
            less = Form(tuple(
                (a, c) for a, c in one.terms if all(n < 0 for _, n in c.terms)
            ))  # fmt: skip
            rest = one + less.times(-1)
            return f"{form(less.times(-1))} <= {form(rest)}"

        def operand(wire: int, reading: Reading | None) -> str:
            found = self.names[wire]
            if reading is None:
                return found
            found += f"[{indices(reading.forms)}]"
            if reading.conditions:
                found += f" where {' and '.join(map(condition, reading.conditions))}"
            return found + (f" else {_number(reading.outside)}" if reading.outside != 0 else "")

        def relation(one: SizeRelation) -> str:
            left, right = size(one.left, False), size(one.right, False)
            if one.kind == "window":
                return f"{right} = ({left}) // {one.stride} + 1"
            return f"{left} {one.kind} {right}"

        made = [
            f"{self.names[wire]}[{' '.join(map(variable, places))}]: {self.type(wire)}"
            for wire, places in zip(outs, operation.writes, strict=True)
        ]
        inner = [operand(*pair) for pair in zip(ins, operation.readings, strict=True)]
        inner += [f"{key}={_option(value)}" for key, value in operation.kernel.options]
        line = f"{', '.join(made)} = {operation.kernel.name}({', '.join(inner)})"
        places = [
            v for v in range(count) if not all(v in one for one in operation.writes)
        ]  # fmt: skip
        if list(operation.targets) != places:
            line += f" over {' '.join(map(variable, operation.targets))}".rstrip()
        entries = [
            written(name) + (f":{self.axis(row)}" if H.called(row) != name else "")
            for name, row in zip(local, rows, strict=True)
        ]
        if [*seen] != [*range(count)] or any(H.called(rows[v]) != local[v] for v in range(count)):
            line += f" for {' '.join(entries[:count])}"
        if rows[count:]:
            line += f" with {' '.join(entries[count:])}"
        if operation.scale != ONE:
            line += f" scale {operation.scale.rename(named)}"
        if operation.relations:
            line += f" relations {', '.join(map(relation, operation.relations))}"
        if operation.title not in ("", str(operation.kernel)):
            line += f" as {_quoted(operation.title)}"
        return line


def _option(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    return str(value) if isinstance(value, int) else _number(value)


def listing(H: ArrayHypergraph, dom: Sequence[int], cod: Sequence[int], boxes: Nested) -> str:
    """Return the listing of a circuit.

    Parameters
    ----------
    H
        The boxes and arrays.
    dom, cod
        The arrays that are given and asked for.
    boxes
        The boxes, each after those that write what it reads; those of a block stand together.
    """
    writer = _Writer(H)
    parameters = {row: name for row, name in enumerate(H.column("name")) if name is not None}
    taken = {*parameters.values(), *WORDS}
    names = writer.names
    names |= {row: written(name) for row, name in parameters.items()}

    def call(rows: Iterable[int], letter: str) -> None:
        number = 0
        for row in rows:
            number += 1
            while f"{letter}{number}" in taken:
                number += 1
            names[row] = f"{letter}{number}"

    call(dom, "x")
    call((wire for box in flat(boxes) for wire in H.sides[1][box]), "a")
    lines = [*writer.head(), *map(writer.array, dom)]
    for row in parameters:
        start = H.column("initialiser")[row]
        text = "" if start is None else f" = {written(start)}"
        lines.append(f"parameter {writer.array(row)}{text}")
    lines += writer.boxes(boxes)
    lines.append(f"return {', '.join(names[row] for row in cod)}".rstrip())
    return "\n".join(lines)


# Reading

_NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"


class ListingReader(SizeReader):
    """Reads one line of a listing into the rows of a circuit."""

    token = tokens_of(_NUMBER + r"|\*\*|//|<=|[-+*/()|\[\]<>=,:?@]")
    punctuation = PUNCTUATION
    plain: int | None = 0

    def __init__(self, text: str, number: int, rows: _Rows) -> None:
        self.rows, self.depth = rows, 0
        super().__init__(text, f"listing, line {number}")

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        for kind, found, at in super()._scan():
            if kind == "name" and self.text[at] != '"' and found in WORDS:
                yield found, found, at
            elif kind == "name" and self.text[at] == '"':
                yield "name", found, at
            else:
                yield ("number" if kind[0].isdecimal() else kind), found, at

    def place(self) -> int:
        """Return where the next token is."""
        return self.tokens[self.at][2]

    def name(self, what: str) -> str:
        return self.expect("name", what)

    def natural(self, what: str = "a number") -> int:
        """Read a natural number."""
        place, found = self.place(), self.expect("number", what)
        if not found.isdecimal() or len(found) > MOST_DIGITS:
            raise self.error(f"{what} is a natural number of at most {MOST_DIGITS} digits", place)
        return int(found)

    def value(self) -> float:
        """Read a decimal number, or what is infinite or no number."""
        negative = -1.0 if self.take("-") else 1.0
        found = self.take("inf", "nan", "number")
        if not found or len(found) > MOST_DIGITS:
            raise self.refuse("a number")
        return negative * float(found)

    def several(self, one: Callable[[], Any]) -> list[Any]:
        """Read what is separated by commas."""
        found = [one()]
        while self.take(","):
            found.append(one())
        return found

    def nested(self, one: Callable[[], Any]) -> Any:
        """Read what stands deeper in brackets."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"brackets nest more than {DEEPEST} deep", self.place())
        found = one()
        self.depth -= 1
        return found

    # Polynomials. Keys of generators are pairs: (0, name) is a size, (1, name) a variable, and
    # (2, number) another atom. ``plain`` is of which kind names are: None where none can stand.

    def polynomial(self, plain: int | None = 0) -> Size:
        """Read a sum of products; names are sizes, or variables if ``plain`` is 1."""
        before, self.plain, place = self.plain, plain, self.place()
        found = self.size(self.sum(), place)
        self.plain = before
        return found

    def atom(self) -> Any:
        """Read a number, a generator, or what stands in brackets."""
        if self.tokens[self.at][0] == "number":
            return Size.of(self.natural())
        return self.nested(self.bracket) if self.take("(") else Size.generator(self.key())

    def bracket(self) -> Any:
        """Read what stands in brackets: a sum, or a quotient or remainder, which is an atom."""
        place, found = self.place(), self.sum()
        kind = self.take("div", "mod") if self.plain else ""
        if kind:
            inner = self.linear(self.size(found, place))
            found = Size.generator(self.rows.atom((kind, inner, self.polynomial(None))))
        self.expect(")", "an operation or ')'")
        return found

    def key(self) -> Any:
        """Read a generator."""
        plain = self.plain
        if plain != 0 and self.take("|"):
            found = self.name("the name of an axis")
            self.expect("|", "'|'")
            return 0, found
        place = self.place()
        if plain and self.take("@"):
            operand: Any = self.natural("the number of an array that is read") - 1
        else:
            operand = self.name("a name or a number")
        if plain and self.take("["):
            return self.rows.atom((operand, self.nested(self.forms), (self, place)))
        if plain is None or not isinstance(operand, str):
            raise self.refuse("'['" if plain else "a size between bars")
        if plain:
            self.rows.letters.setdefault(operand)
        return plain, operand

    def linear(self, found: Size) -> Any:
        """Return a polynomial as a form: its constant, and pairs of an atom and a coefficient."""
        terms: dict[Any, Size] = {}
        constant = Size.of(0)
        for monomial, c in found.terms:
            sizes = tuple(power for power in monomial if power[0][0] == 0)
            atoms = [power for power in monomial if power[0][0]]
            coefficient = Size(((sizes, c),))
            if not atoms:
                constant = constant + coefficient
            elif len(atoms) == 1 and atoms[0][1] == 1:
                terms[atoms[0][0]] = terms.get(atoms[0][0], Size.of(0)) + coefficient
            else:
                raise self.error("an index is a sum of variables with sizes as coefficients", 0)
        return constant, terms

    def form(self) -> Any:
        return self.linear(self.polynomial(1))

    def forms(self) -> list[Any]:
        """Read forms up to the closing bracket."""
        found = []
        while not self.take("]"):
            found.append(self.form())
        return found

    def names(self, what: str) -> list[str]:
        """Read names up to the closing bracket."""
        found = []
        while not self.take("]"):
            found.append(self.name(what))
        return found

    # Lines

    def line(self) -> None:
        """Read the line."""
        within = self.rows.within
        while within and within[-1][0] >= self.tokens[0][2]:
            within.pop()
        if self.take("sizes"):
            self.sizes()
        elif self.take("axes"):
            self.several(self.axis)
        elif self.take("parameter"):
            self.parameter()
        elif self.take("return"):
            if self.tokens[self.at][0] != "end":
                self.rows.cod = self.several(self.array)
            self.rows.cod = self.rows.cod or []
        elif self.tokens[0][1] == "block" and self.tokens[1][0] == "name":
            self.block()
        else:
            self.box()
        self.expect_end("the end of the line")

    def block(self) -> None:
        """Read the first line of a block."""
        self.at += 1
        title, rows = self.name("the title of a block"), self.rows
        if len(rows.within) >= DEEPEST:
            raise self.error(f"blocks nest more than {DEEPEST} deep", 0)
        rounds = [rows.axis(self.name("the name of an axis"))] if self.take("over") else []
        self.expect(":", "'over' or ':'")
        rows.within.append((self.tokens[0][2], len(rows.draft.blocks)))
        rows.draft.blocks.append((title, rounds))

    def sizes(self) -> None:
        known, read = self.rows.draft.symbols, []

        def one() -> None:
            place, name = self.place(), self.name("the name of a size")
            if name in self.rows.symbols:
                raise self.error(f"the size {name!r} is declared twice", place)
            self.rows.symbols[name] = len(known)
            known.append((name, None))
            read.append((len(known) - 1, self.given()))

        self.several(one)
        for row, given in read:
            known[row] = known[row][0], self.label(given)

    def given(self) -> list[tuple[Size, int]]:
        """Read sizes behind equality signs, with where they stand."""
        found = []
        while self.take("="):
            place = self.place()
            found.append((self.polynomial(), place))
        return found

    def label(self, given: list[tuple[Size, int]]) -> frozenset[Size] | None:
        """Return sizes over the rows of symbols."""
        symbols, found = self.rows.symbols, set()
        for size, place in given:
            for _, name in size.generators:
                if name not in symbols:
                    hint = did_you_mean(name, symbols)
                    raise self.error(f"no size is declared as {name!r}; {hint}", place)
            found.add(size.rename(lambda key: -1 - symbols[key[1]]))
        return frozenset(found) or None

    def axis(self) -> None:
        place, name = self.place(), self.name("the name of an axis")
        if name in self.rows.given:
            raise self.error(f"the axis {name!r} is given twice", place)
        if self.tokens[self.at][0] == "=" and self.tokens[self.at + 1][0] == "?":
            self.at += 2
            self.rows.given[name] = None
        else:
            given = self.given()
            if not given:
                raise self.refuse("'=' and a size")
            self.rows.given[name] = self.label(given)

    def type(self) -> int:
        """Read what an array holds."""
        place, shared = self.place(), ""
        if self.take("?"):
            dtype, shared = None, self.take("number")
        else:
            found = self.name("R, N, B or ?")
            dtype, shared = found[0], found[1:]
            if dtype not in "RNB" or (shared and not shared.isdecimal()):
                raise self.error(f"an array holds R, N<axis>, B or ?; found {found!r}", place)
        axis = None
        if self.take("<"):
            axis = self.name("the name of an axis")
            self.expect(">", "'>'")
        elif dtype == "N":
            raise self.refuse("'<' and the axis of the indices")
        try:
            return self.rows.type(dtype, axis, shared)
        except CatlearnError as error:
            raise self.error(str(error), place) from None

    def declared(self) -> tuple[str, list[str], int, int]:
        """Read an array with its axes or variables, and its type."""
        place, name = self.place(), self.name("the name of an array")
        self.expect("[", "'['")
        letters = self.names("a name or ']'")
        self.expect(":", "':'")
        return name, letters, self.type(), place

    def wire(self, name: str, place: int, row: WireRow) -> int:
        """Add an array."""
        if name in self.rows.wires:
            raise self.error(f"the array {name!r} is there already", place)
        self.rows.draft.wires.append(row)
        self.rows.wires[name] = len(self.rows.draft.wires) - 1
        return self.rows.wires[name]

    def array(self) -> int:
        """Read the name of an array that is there."""
        place, name = self.place(), self.name("the name of an array")
        if name not in self.rows.wires:
            hint = did_you_mean(name, self.rows.wires)
            raise self.error(f"no array before this line is called {name!r}; {hint}", place)
        return self.rows.wires[name]

    def parameter(self) -> None:
        name, axes, kind, place = self.declared()
        start = self.name("what it starts from") if self.take("=") else None
        self.wire(name, place, WireRow([*map(self.rows.axis, axes)], kind, name, start))

    def box(self) -> None:
        """Read an array that is given, or a box."""
        rows = self.rows
        rows.begin()
        made = self.several(self.declared)
        if self.tokens[self.at][0] == "end" and len(made) == 1:
            ((name, axes, kind, place),) = made
            rows.dom.append(self.wire(name, place, WireRow([*map(rows.axis, axes)], kind)))
            return
        for _, letters, _, _ in made:
            rows.letters |= dict.fromkeys(letters)
        self.expect("=", "'='")
        place, name = self.place(), self.take("where") or self.name("the name of a kernel")
        self.expect("(", "'('")
        ins, readings, options, names = [], [], [], []
        while not self.take(")"):
            if names or options:
                self.expect(",", "',' or ')'")
            if self.tokens[self.at][0] == "name" and self.tokens[self.at + 1][0] == "=":
                options.append((self.name("the name of an option"), self.option()))
                continue
            names.append(self.tokens[self.at][1])
            ins.append(self.array())
            readings.append(self.reading())
        try:
            kernel = Kernel(name, tuple(options))
        except CatlearnError as error:
            raise self.error(str(error), place) from None
        over = self.local("over") if self.take("over") else None
        entries = self.entries("for") if self.take("for") else {}
        entries = entries or {letter: letter for letter in rows.letters}
        more = self.entries("with") if self.take("with") else {}
        places = {letter: k for k, letter in enumerate(entries)}
        twice = [letter for letter in more if letter in places]
        unknown = [letter for letter in rows.letters if letter not in places]
        if twice or unknown:
            wrong = (twice or unknown)[0]
            what = "is called so already" if twice else "is no variable of this box"
            raise self.error(f"{wrong!r} {what}", place)
        places |= {letter: -1 - k for k, letter in enumerate(more)}

        def sized(size: Any) -> Any:
            unknown = [name for _, name in size.generators if name not in places]
            if unknown:
                hint = did_you_mean(unknown[0], places)
                raise self.error(f"no axis of this box is called {unknown[0]!r}; {hint}", place)
            return size.rename(lambda key: places[key[1]])

        def form(raw: Any) -> Form:
            found = Form.number(sized(raw[0]))
            for (kind, what), coefficient in raw[1].items():
                one = Form.atom(places[what] if kind == 1 else atom(rows.atoms[int(what)]))
                found = found + one.times(sized(coefficient))
            return found

        def atom(raw: Any) -> Any:
            if raw[0] in ("div", "mod"):
                return IndexPart(raw[0], form(raw[1]), sized(raw[2]))
            operand, forms, (_, at) = raw
            if isinstance(operand, str):
                if names.count(operand) != 1:
                    raise self.error(f"this box does not read {operand!r} once; say @number", at)
                operand = names.index(operand)
            elif not 0 <= operand < len(names):
                raise self.error(f"this box reads {len(names)} arrays", at)
            return Lookup(operand, tuple(map(form, forms)))

        def reading(raw: Any) -> Reading | None:
            if raw is None:
                return None
            forms, conditions, outside = raw
            pairs = ((form(left), form(right)) for left, right in conditions)
            masks = tuple(right + left.times(-1) for left, right in pairs)
            return Reading(tuple(map(form, forms)), outside, masks)

        read = tuple(map(reading, readings))
        scale = ONE
        if self.take("scale"):
            start = self.place()
            scale = sized(Scalar.of(self.sum()))
            if not scale.factor:
                raise self.error("a scale is not 0", start)
        relations = []
        if self.take("relations"):
            relations = self.several(lambda: self.relation(sized))
        title = self.name("a title") if self.take("as") else ""
        writes = tuple(tuple(places[one] for one in letters) for _, letters, _, _ in made)
        if over is None:
            targets = [v for v in range(len(entries)) if not all(v in one for one in writes)]
        else:
            targets = [places[one] for one in over if one in places]
        letters = tuple(map(letter_of, entries))
        operation = Operation(
            kernel, read, writes, tuple(targets), scale, tuple(relations), letters, title
        )
        variables = [*map(rows.axis, entries.values())]
        outs = [
            self.wire(name, place, WireRow([variables[v] for v in places], kind))
            for (name, _, kind, place), places in zip(made, writes, strict=True)
        ]
        mentions = [*map(rows.axis, more.values())]
        within = [block for _, block in rows.within]
        rows.draft.boxes.append(BoxRow(ins, outs, variables, mentions, operation, within))

    def option(self) -> Any:
        """Read the value of an option."""
        self.expect("=", "'='")
        kind, found, _ = self.tokens[self.at]
        if kind in ("name", "true", "false", "null"):
            self.at += 1
            return found if kind == "name" else {"true": True, "false": False}.get(kind)
        if kind == "number" and found.isdecimal():
            return self.natural()
        return self.value()

    def reading(self) -> Any:
        """Read how an array is read."""
        if not self.take("["):
            return None
        forms, conditions, outside = self.nested(self.forms), [], 0.0
        if self.take("where"):
            conditions.append(self.condition())
            while self.take("and"):
                conditions.append(self.condition())
        if self.take("else"):
            outside = self.value()
        return forms, conditions, outside

    def condition(self) -> Any:
        left = self.form()
        self.expect("<=", "'<='")
        return left, self.form()

    def local(self, word: str) -> list[str]:
        """Read names of variables."""
        found = []
        while name := self.take("name"):
            found.append(name)
            if name not in self.rows.letters:
                hint = did_you_mean(name, self.rows.letters)
                raise self.error(f"no variable is called {name!r}; {hint}", self.place())
        return found

    def entries(self, word: str) -> dict[str, str]:
        """Read local names, each with its axis."""
        found: dict[str, str] = {}
        while self.tokens[self.at][0] == "name":
            place, name = self.place(), self.name("a name")
            if name in found:
                raise self.error(f"{name!r} is there twice", place)
            found[name] = self.name("the name of an axis") if self.take(":") else name
        return found

    def relation(self, sized: Callable[[Size], Size]) -> SizeRelation:
        left = self.polynomial()
        if self.take("<="):
            return SizeRelation("<=", sized(left), sized(self.polynomial()))
        self.expect("=", "'=' or '<='")
        if self.tokens[self.at][0] != "(":
            return SizeRelation("=", sized(left), sized(self.polynomial()))
        self.at += 1
        inner = self.polynomial()
        self.expect(")", "')'")
        self.expect("//", "'//'")
        place, stride = self.place(), self.natural("a stride")
        self.expect("+", "'+ 1'")
        if stride < 1 or self.natural() != 1:
            raise self.error("a window is written (size) // stride + 1", place)
        return SizeRelation("window", sized(inner), sized(left), stride)


@dataclass
class _Rows:
    """The rows of a circuit, and what they are called, while its listing is read."""

    draft: Draft = field(default_factory=Draft)
    symbols: dict[str, int] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, int] = field(default_factory=dict)
    types: dict[str, tuple[Any, int]] = field(default_factory=dict)
    wires: dict[str, int] = field(default_factory=dict)
    dom: list[int] = field(default_factory=list)
    cod: list[int] | None = None
    letters: dict[str, None] = field(default_factory=dict)
    atoms: list[Any] = field(default_factory=list)
    within: list[tuple[int, int]] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what is local to a box."""
        self.letters, self.atoms = {}, []

    def atom(self, raw: Any) -> tuple[int, str]:
        """Note a quotient or a value that is looked up, and return its generator."""
        self.atoms.append(raw)
        return 2, str(len(self.atoms) - 1)

    def axis(self, name: str) -> int:
        """Return the number of an axis."""
        return self.axes.setdefault(name, len(self.axes))

    def type(self, dtype: str | None, axis: str | None, shared: str) -> int:
        """Return the row of a type, which is new unless its number is there; -1 has no axis."""
        declared = dtype, axis
        if shared in self.types:
            before, row = self.types[shared]
            if before != declared:
                raise CatlearnError("arrays of one number hold the same")
            return row
        self.draft.types.append((dtype, -1 if axis is None else self.axis(axis)))
        row = len(self.draft.types) - 1
        if shared:
            self.types[shared] = declared, row
        return row

    def made(self) -> Draft:
        """Return the rows, with axes in the order in which they get their names."""
        draft = self.draft

        def order(name: str) -> tuple[int, int]:
            number = re.search(r"#(\d{1,9})$", name)
            return (int(number[1]) if number else 0), self.axes[name]

        rows = {self.axes[name]: k for k, name in enumerate(sorted(self.axes, key=order))}
        for name in sorted(self.axes, key=order):
            own = self.symbols.get(name)
            size = None if own is None else frozenset([Size.generator(-1 - own)])
            draft.axes.append((letter_of(name), self.given.get(name, size)))
        draft.types = [
            (dtype, rows[axis] if axis >= 0 else draft.axis(None)) for dtype, axis in draft.types
        ]
        draft.wires = [one._replace(axes=[rows[a] for a in one.axes]) for one in draft.wires]
        draft.boxes = [
            one._replace(vars=[rows[a] for a in one.vars], mentions=[rows[a] for a in one.mentions])
            for one in draft.boxes
        ]
        draft.blocks = [(title, [rows[a] for a in rounds]) for title, rounds in draft.blocks]
        return draft


def read_listing(text: str) -> tuple[ArrayHypergraph, list[int], list[int]]:
    """Read a listing: the boxes and arrays, which are not checked, and the ends.

    Raises
    ------
    PathSyntaxError
        If it is none, with the place.
    WrongKind
        If it is no text.
    """
    expect(text, str, "listing", "a text")
    rows = _Rows()
    reader = ListingReader("", 1, rows)
    if len(text) > LONGEST_LISTING:
        raise reader.error(f"it is longer than {LONGEST_LISTING:,} characters", 0)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        reader = ListingReader(line, number, rows)
        if rows.cod is not None:
            raise reader.error("nothing follows what is returned", 0)
        try:
            reader.line()
        except PathSyntaxError:
            raise
        except CatlearnError as error:
            raise reader.error(str(error), reader.place()) from None
    if rows.cod is None:
        raise reader.error("the last line says what is returned", len(reader.text))
    unknown = [name for name in rows.given if name not in rows.axes]
    if unknown:
        hint = did_you_mean(unknown[0], rows.axes)
        raise reader.error(f"sizes are given to {unknown[0]!r}, which no array has; {hint}", 0)
    return rows.made().made(), rows.dom, rows.cod


def latex(text: str) -> str:
    """Return a listing as LaTeX, an aligned environment with one line a box."""
    lines = []
    for line in text.split("\n"):
        indent = (len(line) - len(line.lstrip())) // 2
        found, before, opened = r"\quad " * indent, "", False
        for kind, token, _ in ListingReader(line, 1, _Rows()).tokens[:-1]:
            if kind == "name":
                shown = to_latex(re.sub(r"^([ax])(\d+)$", r"\1_\2", token))
            elif kind in WORDS:
                shown = rf"\ \mathrm{{{token}}}\ "
            else:
                shown = _SIGNS.get(kind, escape_latex(token))
            if not opened and kind in (":", "="):
                shown, opened = f"&{shown}", True
            gap = r"\ " if {kind, before} <= {"name", "number"} else ""
            found, before = found + gap + shown, kind
        lines.append(found if opened else f"& {found}" if found else found)
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


_SIGNS = {"<=": r"\le ", "<": r"\langle ", ">": r"\rangle ", "*": r"\,", "**": "^", ":": "{:}\\ "}
