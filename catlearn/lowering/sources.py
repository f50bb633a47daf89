"""Programs as text: functions of ``jax.numpy`` to be read, kept, and run without this package.

The text of a step is that of the function that runs for it, with its arguments put in: it is read
from the table of functions of JAX, so there is no second one; common ones of arrays of real numbers
are written as one writes them.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from textwrap import indent
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.programs import Instruction, Program, programmed
from catlearn.errors import CatlearnError, WrongKind, expect, expect_dicts
from catlearn.lowering.streamed import run_of
from catlearn.models import circuits
from catlearn.models.circuits import LoweredCircuit
from catlearn.streams.folding import Fold, Loop, grouped, refuse_blocks
from catlearn.streams.skipping import hidden, starts_empty

HEAD = "import jax\nimport jax.numpy as jnp\nimport numpy as np\n"

SIGNS = {"add": " + ", "mul": " * "}

UNREAL = ("arange", "at_least", "inside", "one_hot", "argmax", "argmin", "cast", "loop", "top_k",
          "sort", "constant", "array")  # fmt: skip
"""Steps of which it is not known that what they make of real numbers is real."""


def to_source(
    circuit: Circuit | Loop, sizes: Mapping[str, Any] | None = None, block: int = 64,
    group: Mapping[str, int] | None = None,
) -> str:  # fmt: skip
    """Return what runs for a circuit, or for a fold, as the text of a function of Python.

    It needs JAX alone. The function is called ``circuit`` or ``fold``, and takes arrays only: the
    inputs in order, and then each parameter, by its name; no dict of parameters and no key. It
    returns a tuple of the outputs, of one, too. Nothing is dropped.

    Parameters
    ----------
    circuit
        A circuit, or a fold, which becomes a loop over blocks.
    sizes
        The sizes by name, ``{"q": 2, "d": 3}``, of axes whose sizes the circuit leaves open; all
        have to be known, as there are no arrays that they follow from.
    block
        Of a fold: how many indices of the variable are read at a time.
    group
        Of a fold: axes of the outputs of which blocks run one after the other, with the size of
        these, as for :func:`catlearn.lower`.

    Raises
    ------
    InvalidStructure
        Listing axes whose sizes are not known, or block sizes that are no numbers from 1.
    StreamRefused
        If an axis of ``group`` is not in each output.
    WrongKind
        If ``group`` is said of a circuit.
    CatlearnError
        If there is an opaque box, which has no text.

    Examples
    --------
    >>> from catlearn.arrays import einsum, exp
    >>> text = to_source(einsum("q d, d e -> q e") >> exp, {"q": 2, "d": 3, "e": 4})
    >>> print(text[text.index("def"):])
    def circuit(in0, in1):
        # einsum
        qe_2 = jnp.einsum('qd,de->qe', in0, in1)
        # exp
        exp_3 = jnp.exp(qe_2)
        return (exp_3,)
    """
    expect(circuit, (Circuit, Loop), "the first argument", "a circuit or a fold")
    fold = circuit if isinstance(circuit, Loop) else None
    plain = circuit.circuit if isinstance(circuit, Loop) else circuit
    expect_dicts("a dict from axes to sizes of blocks", group=group)
    if fold is None and group:
        raise WrongKind("group= cannot be said of a circuit, but of a fold")
    if fold is not None:
        refuse_blocks({fold.variable: block, **(group or {})})
    lowered = LoweredCircuit(plain, sizes)
    known = lowered.sizes(what="this call of to_source")
    names = [f"in{k}" for k in range(len(lowered.circuit.dom))]
    names += [re.sub(r"\W", "_", name) for name in lowered.parameters]
    writer = _Writer()
    if fold is None:
        text = writer.function("circuit", names, programmed(lowered.circuit, known),
                               lowered.circuit)  # fmt: skip
    else:
        text = _grouped(writer, "fold", fold, [*(group or {}).items()], known, names, block)
    return "\n\n".join([HEAD, *(f"{one}\n" for one in writer.helpers.values()), text])


def _grouped(
    writer: _Writer, title: str, fold: Any, group: Sequence[tuple[str, int]],
    sizes: Mapping[int, int], names: Sequence[str], block: int,
) -> str:  # fmt: skip
    """Return the text of a fold in blocks of outputs, one after the other."""
    if not group:
        return _Fold(writer, fold, sizes, names, block).text(title)
    (letter, asked), *rest = group
    one = grouped(fold.circuit, letter)
    inner = fold.again(one.body)
    length = sizes[one.axis]
    size = min(asked, length)
    full, left = divmod(length, size)
    count = len(one.body.dom) - 1 - one.fixed
    index = letter if letter != fold.variable.rpartition("/")[2] else f"{letter}_rows"
    same = [f"{letter}_same{k}" for k in range(one.fixed)]
    read = [f"{letter}_read{k}" for k in range(count)]
    lines, made = writer.body(names, programmed(one.head, sizes), one.head)
    lines += [f"{name} = {other}" for name, other in zip([*same, *read], made, strict=True)]
    slices = [f"jax.lax.dynamic_slice_in_dim({name}, start, size, {axis})"
              for name, axis in zip(read, one.entries, strict=True)]  # fmt: skip
    own = [
        indent(_grouped(writer, name, inner, rest, {**sizes, one.block: n}, [*same, *read, index],
                        block), "    ")
        for name, n in ((f"of_{letter}", size), (f"of_{letter}_rest", left)) if n
    ]  # fmt: skip
    writer.need(in_order)
    ends = [f"rows(of_{letter}, 0, {size})"]
    ends += [f"rows(of_{letter}_rest, {full * size}, {left})"] if left else []
    between = "None"
    if full > 1:
        starts = f"jnp.arange(1, {full}) * {size}"
        between = f"jax.lax.map(lambda start: rows(of_{letter}, start, {size}), {starts})"
    text = [
        f"def {title}({', '.join(names)}):",
        f'    """blocks of {letter}, one after the other"""',
        *(f"    {line}" for line in lines),
        "",
        *own,
        "    def rows(of_block, start, size):",
        "        return of_block(",
        *(f"            {name}," for name in [*same, *slices, "start + jnp.arange(size)"]),
        "        )",
        "",
        f"    ends = [{', '.join(ends)}]",
        f"    between = {between}",
        f"    return tuple(in_order(ends, between, {one.exits}))",
    ]
    return "\n".join(text) + "\n"


class _Fold:
    """The text of a fold: its parts, and a loop over blocks.

    Parameters
    ----------
    fold
        The fold.
    sizes
        Of axes.
    names
        Of its inputs and parameters.
    block
        How many indices are read at a time.
    """

    def __init__(
        self, writer: _Writer, fold: Any, sizes: Mapping[int, int], names: Sequence[str], block: int
    ) -> None:
        self.writer, self.fold, self.sizes, self.names = writer, fold, sizes, names
        length = sizes[fold.axis]
        self.block = min(block, length)
        self.full, self.rest = divmod(length, self.block)
        self.index = re.sub(r"\W", "_", fold.variable.rpartition("/")[2])
        self.starts = [f"start{k}" for k in range(fold.scans)]
        self.lines, self.made = writer.body(names, programmed(fold.head, sizes), fold.head)
        same = [*zip(self.made, fold.head.cod, strict=True)][fold.scans : fold.scans + fold.fixed]
        self.fixed = [
            one if one in names and fold.head.apex.types[row] != "R" else f"fixed{k}"
            for k, (one, row) in enumerate(same)
        ]
        self.entries = [f"read{k}" for k in range(len(fold.entries))]
        self.state = [f"a{k}" for k in range(len(fold.kinds))]
        self.exits = [place for place in fold.exits if place is not None]
        self.given = [*self.fixed, *self.entries, self.index]
        run = run_of(fold, sizes, block)
        reduces = isinstance(fold, Fold)
        self.masks, self.empty = (run.closing(), self._empty()) if reduces else ([], [])
        state, read = (
            [jax.ShapeDtypeStruct(self.shape(part, wire), jnp.float32) for wire in wires]
            for part, wires in ((fold.step, fold.step.cod[: len(self.state)]),
                                (fold.head, fold.head.cod[fold.scans + fold.fixed :]))
        )  # fmt: skip
        self.left = [f"left{k}" for k, kind in enumerate(fold.kinds)
                     if kind == "sum" and run.compensates(state, read)]  # fmt: skip

    def shape(self, part: Circuit, wire: int) -> tuple[int, ...]:
        """Return the shape of an array of a part."""
        return tuple(self.sizes[axis] for axis in part.apex.lists["axes"].row(wire).tolist())

    def part(
        self, title: str, name: str, arguments: Sequence[str], size: int = 0,
        results: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Return a part of the fold as the text of a function."""
        part = getattr(self.fold, name)
        program = programmed(part, {**self.sizes, self.fold.block: size})
        text = self.writer.function(title, arguments, program, part, results)
        return indent(text, "    ") + "\n"

    def _empty(self) -> list[str]:
        """Return the state before the first block, if steps begin with it."""
        fold, found = self.fold, list[str]()
        H = fold.step.apex
        if not starts_empty(fold) or any(H.types[wire] != "R" for wire in fold.step.cod):
            return []
        for kind, wire in zip(fold.kinds, fold.step.dom, strict=False):
            shape = self.shape(fold.step, wire)
            value = f"jnp.full({shape}, -jnp.inf, wide)" if kind == "max" else ""
            found.append(value or f"jnp.zeros({shape}, wide)")
        return found

    def unrounded(self) -> list[str]:
        """Return the line that adds zeros for what rounding leaves out, if it is kept."""
        kinds = zip(self.fold.kinds, self.fold.step.cod, strict=False)
        zeros = [f"jnp.zeros({self.shape(self.fold.step, wire)}, wide)"
                 for kind, wire in kinds if kind == "sum" and self.left]  # fmt: skip
        why = "    # and what rounding leaves out of its sums"
        return [why, f"    state = (*state, {', '.join(zeros)})"] if zeros else []

    def ends(self, place: int) -> tuple[_Bound, _Bound]:
        """Return the least and the greatest entry of an input of the terms, as text."""
        k = place - len(self.fold.references.cod)
        name = self.given[k]
        both = ("[0]", "[-1]") if k == len(self.given) - 1 else (".min()", ".max()")
        least, most = (_Bound(ast.parse(name + end, mode="eval").body) for end in both)
        return least, most

    def hides(self) -> list[str]:
        """Return the text of a function that says whether masks hide a block."""
        found = [f"    def hidden({', '.join(self.given)}):"]
        every = hidden(self.masks, self.sizes, self.ends)
        found += [f"        # {one.title}" for one in self.masks]
        shown = [str(every[0])] if len(every) == 1 else [f"({one})" for one in every]
        return [*found, f"        return {' | '.join(shown)}", ""]

    def counts(self) -> list[str]:
        """Return the text that computes blocks that masks hide where their fills count."""
        asked = [
            *(f"jnp.all(jnp.exp({c!r} - relative[{k}]) == 0)"
              for one in self.masks for c, k in one.vanishing),
            *(f"jnp.all(state[{k}] > {c!r})" for one in self.masks for c, k in one.below),
        ]  # fmt: skip
        arguments = ", ".join(["*state", *self.fixed])
        return [
            "    # what is hidden adds nothing if fills count for nothing beside what is open",
            f"    relative = references({arguments})",
            f"    sure = {' & '.join(dict.fromkeys(asked))}",
            "    state = jax.lax.cond(sure, lambda: state, lambda: after(True))",
        ]

    def text(self, title: str) -> str:
        """Return the text of a function."""
        fold, fixed, block, rest = self.fold, self.fixed, self.block, self.rest
        types, dom = fold.circuit.apex.types, fold.circuit.dom
        real = [name for name, row in zip(self.names, dom, strict=False) if types[row] == "R"]
        real += self.names[len(dom) :]
        lines, made = self.lines, self.made
        whole = [*self.starts, *fixed]
        for name, one, row in zip([*whole, *self.entries], made, fold.head.cod, strict=True):
            is_real = fold.head.apex.types[row] == "R"
            if name != one:
                lines.append(f"{name} = {one}.astype(wide)" if is_real else f"{name} = {one}")
        doc = "\n    ".join(str(fold).splitlines())
        first = "lift" if fold.first is getattr(fold, "lift", None) else "first"
        results = [f"new_{name}" for name in [*self.state, *self.left]]
        slices = [f"jax.lax.dynamic_slice_in_dim({name}, start, size, {axis})"
                  for name, axis in zip(self.entries, fold.entries, strict=True)]  # fmt: skip
        given, own = self.given, [*self.state, *self.left, *self.given]
        name = "compensated" if self.left else "step"
        unsure = any(not one.is_sure for one in self.masks)
        text = [
            f"def {title}({', '.join(self.names)}):",
            f'    """{doc}\n    """',
            f"    kind = jnp.result_type({', '.join(real) or 'float'})",
            "    wide = jnp.result_type(kind, jnp.float32)",
            "",
            "    # what all blocks read, and what blocks are read of",
            *(f"    {line}" for line in lines),
            "",
            *([] if self.empty else
              [self.part(first, "first", [*self.starts, *given], block, results)]),
            self.part("step", name, own, block, results),
            *([self.part("step_rest", name, own, rest, results)] if rest else []),
            *([self.part("references", "references", [*self.state, *fixed])] if unsure else []),
            self.part("tail", "tail", [*self.state, *fixed]),
            "    def blocks(start, size):",
            "        return (",
            *(f"            {one}," for one in [*slices, "start + jnp.arange(size)"]),
            "        )",
            "",
            *(self.hides() if self.masks else []),
        ]  # fmt: skip
        loop = "\n".join(self._loop(first, whole)).splitlines()
        if unsure:
            text += [
                "    def after(every):",
                *(f"    {line}" if line else "" for line in loop),
                "        return state",
                "",
                "    state = after(False)",
                *self.counts(),
            ]
        else:
            text += loop
        found, blocks, lasts = (
            list[str](),
            iter(range(len(self.exits))),
            iter(range(len(fold.exits))),
        )
        for place, row in zip(fold.exits, fold.circuit.cod, strict=True):
            one = f"out[{next(lasts)}]" if place is None else f"whole[{next(blocks)}]"
            found.append(f"{one}.astype(kind)" if types[row] == "R" else one)
        text += [
            f"    out = tail({', '.join(['*state', *fixed])})",
            f"    return ({', '.join(found)}{',' if len(found) == 1 else ''})",
        ]
        return "\n".join(text) + "\n"

    def _loop(self, first: str, whole: Sequence[str]) -> list[str]:
        """Return the lines that run all blocks: to the state, and outputs by blocks."""
        block, full, rest, n = self.block, self.full, self.rest, len(self.state)
        begun, before = ("".join(f"{name}, " for name in some) for some in (whole, self.fixed))
        later = f"step(*state, {before}*blocks(start, {block}))"
        closed = f"step_rest(*state, {before}*blocks({full * block}, {rest}))"
        begins = 0 if self.empty else 1
        opened = f"{first}({begun}*blocks(0, {block}))"
        starts_at = f"jnp.arange({begins}, {full}) * {block}"
        last = [f"    state = state[:{n}]"] if self.left else []
        if self.exits:
            # blocks of outputs are stacked, and put in order
            self.writer.need(in_order)
            text = [
                "    def following(state, start):",
                f"        made = {later}",
                f"        return made[:{n}], made[{n}:]",
                "",
                f"    made = {opened}",
                f"    state, ends, between = made[:{n}], [made[{n}:]], None",
                *self.unrounded(),
            ]
            n += len(self.left)
            text[2] = f"        return made[:{n}], made[{n}:]"
            if full > 1:
                text.append(f"    state, between = jax.lax.scan(following, state, {starts_at})")
            if rest:
                text += [f"    made = {closed}",
                         f"    state, ends = made[:{n}], [*ends, made[{n}:]]"]  # fmt: skip
            return [*text, *last, f"    whole = in_order(ends, between, {tuple(self.exits)})"]
        text = ["    def following(state, start):", f"        return {later}, None"]
        if self.masks:
            computed = f"~hidden({before}*read)"
            if not all(one.is_sure for one in self.masks):
                computed = f"every | {computed}"
            text[1:] = [
                f"        read = blocks(start, {block})",
                "        # blocks that are hidden add nothing",
                "        made = jax.lax.cond(",
                f"            {computed},",
                f"            lambda state: step(*state, {before}*read),",
                "            lambda state: state,",
                "            state,",
                "        )",
                "        return made, None",
            ]
        empty = [*(f"        {one}," for one in self.empty), "    )"]
        text += ["", *(["    state = (", *empty] if empty[1:] else [f"    state = {opened}"])]
        text += self.unrounded()
        if full > begins:
            text.append(f"    state, _ = jax.lax.scan(following, state, {starts_at})")
        return [*text, *([f"    state = {closed}"] if rest else []), *last]


class _Bound(NamedTuple):
    """A number that is known when a program runs, as text."""

    node: ast.expr

    def __add__(self, other: Any) -> _Bound:
        if isinstance(other, int):
            number = ast.Constant(abs(other))
            if not other:
                return self
            return _Bound(ast.BinOp(self.node, ast.Add() if other > 0 else ast.Sub(), number))
        if isinstance(other.node, ast.UnaryOp):
            return _Bound(ast.BinOp(self.node, ast.Sub(), other.node.operand))
        if isinstance(self.node, ast.UnaryOp):
            return _Bound(ast.BinOp(other.node, ast.Sub(), self.node.operand))
        return _Bound(ast.BinOp(self.node, ast.Add(), other.node))

    __radd__ = __add__

    def __rmul__(self, factor: int) -> _Bound:
        if factor == 1:
            return self
        node = self.node
        if abs(factor) != 1:
            node = ast.BinOp(ast.Constant(abs(factor)), ast.Mult(), node)
        return _Bound(node if factor > 0 else ast.UnaryOp(ast.USub(), node))

    def __floordiv__(self, by: int) -> _Bound:
        return _Bound(ast.BinOp(self.node, ast.FloorDiv(), ast.Constant(by)))

    def __lt__(self, other: Any) -> Any:
        return _Bound(ast.Compare(self.node, [ast.Lt()], [ast.Constant(other)]))

    def __eq__(self, other: Any) -> Any:
        return _Bound(ast.Compare(self.node, [ast.Eq()], [ast.Constant(other)]))

    def __or__(self, other: _Bound) -> _Bound:
        return _Bound(ast.BinOp(self.node, ast.BitOr(), other.node))

    def __str__(self) -> str:
        return ast.unparse(ast.fix_missing_locations(self.node))


def in_order(blocks: list[Any], rows: Any, axes: tuple[int, ...]) -> list[Any]:
    """Return arrays of their first and last blocks, and of the rows of those between."""
    found = []
    for k, axis in enumerate(axes):
        parts = [one[k] for one in blocks]
        if rows is not None:
            moved = jnp.moveaxis(rows[k], 0, axis)
            shape = (*moved.shape[:axis], -1, *moved.shape[axis + 2 :])
            parts.insert(1, moved.reshape(shape))
        found.append(jnp.concatenate(parts, axis))
    return found


class _Writer:
    """Text of programs, and the functions that it calls.

    Attributes
    ----------
    helpers
        Text by name of what is defined before.
    real
        The registers that are known to be of real numbers.
    """

    def __init__(self) -> None:
        self.helpers: dict[str, str] = {}
        self.loops, self.real = 0, set[int]()

    def function(
        self, name: str, arguments: Sequence[str], program: Program, circuit: Circuit | None = None,
        results: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Return a program as the text of a function.

        Parameters
        ----------
        circuit
            Of which it is the program: what it is given is real numbers, if the circuit says so.
        results
            What it calls what it returns first, where it makes it.
        """
        lines, made = self.body(arguments, program, circuit, results)
        lines.append(f"return ({', '.join(made)}{',' if len(made) == 1 else ''})")
        body = indent("\n".join(lines), "    ")
        return f"def {name}({', '.join(arguments)}):\n{body}"

    def body(
        self, arguments: Sequence[str], program: Program, circuit: Circuit | None = None,
        results: Sequence[str] = (),
    ) -> tuple[list[str], list[str]]:  # fmt: skip
        """Return the lines of a program, and what the outputs are called in it."""
        names, lines, before = dict(enumerate(arguments)), list[str](), ""
        types = [circuit.apex.types[row] for row in circuit.dom] if circuit else []
        self.real = {k for k in names if k >= len(types) or types[k] == "R"} if circuit else set()
        called = dict(zip(program.outputs, results, strict=False))
        for number, array in program.constants.items():
            names[number] = f"known_{number}"
            lines.append(f"known_{number} = {_constant(array)}")
            self.real |= {number} if array.dtype.kind == "f" else set()
        for step in program.steps:
            if step.box != before:
                lines.append(f"# {step.box}")
            before = step.box
            for register in step.outs:
                made = f"{_title(step)}_{register.number}"
                names[register.number] = called.get(register.number, made)
                if step.name not in UNREAL:
                    read = step.ins[1:2] if step.name == "where" else step.ins
                    self.real |= {register.number} if self.real.issuperset(read) and read else set()
            outs = ", ".join(names[one.number] for one in step.outs)
            lines += self.step(step, outs, [names[k] for k in step.ins])
        return lines, [names[k] for k in program.outputs]

    def step(self, step: Instruction, outs: str, ins: list[str]) -> list[str]:
        """Return the lines of one step."""
        if step.name in ("opaque", "along", "function"):
            raise CatlearnError(f"{step.box} is opaque: it has no text")
        if step.name == "dropout":
            return [f"{outs} = {ins[0]}"]
        if step.name in SIGNS:
            return [f"{outs} = {SIGNS[step.name].join(ins)}"]
        plain = self._plain(step, ins)
        if plain:
            return [f"{outs} = {plain}"]
        if step.name == "loop":
            (rounds,) = step.options
            self.need(in_rounds)
            self.loops += 1
            title, own = f"round_{self.loops}", rounds.states + rounds.entries
            arguments = [f"x{k}" for k in range(len(ins))]
            sides = (", ".join(some) for some in
                     (ins[: rounds.states], ins[rounds.states : own], ins[own:]))  # fmt: skip
            given, real = ", ".join(f"[{side}]" for side in sides), self.real
            body, self.real = self.function(title, arguments, rounds.body), real
            return [
                f"# {step.box}, {rounds.number} rounds",
                *body.splitlines(),
                f"[{outs}] = in_rounds({title}, {rounds.number}, {given})",
            ]
        own = [ast.parse(one, mode="eval").body for one in ins]
        own += [_literal(one) for one in step.options]
        node = _table()[step.name]
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inspect.isfunction(vars(circuits).get(inner.id)):
                self.need(vars(circuits)[inner.id])
        if isinstance(node, ast.Lambda):
            made = _Put(node.args, own).visit(ast.parse(ast.unparse(node.body), mode="eval").body)
        else:
            made = ast.Call(node, own, [])
        return [f"{outs} = {ast.unparse(ast.fix_missing_locations(made))}"]

    def _plain(self, step: Instruction, ins: Sequence[str]) -> str:
        """Return a step as one would write it, where it is known that its arrays allow that."""
        real = self.real.issuperset(step.ins)
        if step.name == "einsum":
            *sides, out = re.split(",|->", step.options[0])
            return " * ".join(ins) if len(ins) > 1 and {*sides} == {out} else ""
        if step.name == "expand":
            rank = range(len(step.outs[0].shape))
            return f"{ins[0]}[{', '.join('None' if k in step.options[0] else ':' for k in rank)}]"
        if step.name in ("times", "plus") and real:
            return f"{ins[0]} {'*' if step.name == 'times' else '+'} {step.options[0]!r}"
        if step.name == "where" and step.ins[1] in self.real:
            value = step.options[0]
            shown = f"{'-' * (value < 0)}jnp.inf" if math.isinf(value) else repr(value)
            return f"jnp.where({ins[0]}, {ins[1]}, {shown})"
        return ""

    def need(self, function: Callable[..., Any]) -> None:
        """Add a function, and those that it calls, without annotations."""
        name = function.__name__
        if name in self.helpers:
            return
        (node,) = ast.parse(inspect.getsource(function)).body
        assert isinstance(node, ast.FunctionDef)
        for one in ast.walk(node):
            if isinstance(one, ast.FunctionDef):
                one.returns = None
            if isinstance(one, ast.arg):
                one.annotation = None
            if isinstance(one, ast.Name) and inspect.isfunction(vars(circuits).get(one.id)):
                self.need(vars(circuits)[one.id])
        self.helpers[name] = ast.unparse(node)


@cache
def _table() -> dict[str, ast.expr]:
    """Return the functions of the table of JAX, as they are written."""
    for node in ast.parse(inspect.getsource(circuits)).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FUNCTIONS":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {ast.literal_eval(key): value for key, value in pairs if key is not None}
    raise AssertionError("the table of functions is a dictionary")


class _Put(ast.NodeTransformer):
    """Put arguments for the parameters of a function of one expression."""

    def __init__(self, parameters: ast.arguments, given: Sequence[ast.expr]) -> None:
        count = len(parameters.args)
        names = [one.arg for one in parameters.args]
        self.known: dict[str, ast.expr] = dict(zip(names, given, strict=False))
        self.many = parameters.vararg.arg if parameters.vararg else ""
        if self.many:
            self.known[self.many] = ast.Tuple([*given[count:]], ast.Load())

    def visit_Name(self, node: ast.Name) -> Any:
        return self.known.get(node.id, node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == self.many:
            every: Any = self.known[self.many]
            if not isinstance(node.slice, ast.Slice):
                return every.elts[ast.literal_eval(node.slice)]
            ends = (node.slice.lower, node.slice.upper)
            place = slice(*(None if one is None else ast.literal_eval(one) for one in ends))
            return ast.Tuple(every.elts[place], ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        made: Any = self.generic_visit(node)
        made.args = [
            inner
            for one in made.args
            for inner in (
                one.value.elts
                if isinstance(one, ast.Starred) and isinstance(one.value, ast.Tuple)
                else [one]
            )
        ]
        return made


def _literal(value: Any) -> ast.expr:
    """Return a number, a word, or a tuple of them, as an expression."""
    if isinstance(value, tuple):
        return ast.Tuple([*map(_literal, value)], ast.Load())
    if isinstance(value, float) and not math.isfinite(value):
        return ast.parse(f"float('{value}')", mode="eval").body
    return ast.parse(repr(value), mode="eval").body


def _constant(array: np.ndarray) -> str:
    """Return an array that is known as an expression."""
    values = np.ravel(array)
    if values.size and np.all(values == values[0]):
        return f"jnp.full({array.shape}, {ast.unparse(_literal(values[0].item()))})"
    if array.ndim == 1 and np.array_equal(array, np.arange(len(array))):
        return f"jnp.arange({len(array)})"
    listed = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(array.tolist()))
    return f"jnp.array({listed})"


def _title(step: Instruction) -> str:
    """Return what the result of a step is called: of a sum of products, by its axes."""
    if step.name == "einsum":
        return step.options[0].partition("->")[2] or "sum"
    return step.name


def in_rounds(
    body: Callable[..., Any], number: int, states: list[Any], entries: list[Any], fixed: list[Any]
) -> list[Any]:
    """Run a body a number of times, from states, entries of a round and what is fixed."""
    arrays = [*states, *entries, *fixed]
    reals = [x.dtype for x in arrays if jnp.issubdtype(x.dtype, jnp.floating)]
    first = [
        x.astype(jnp.result_type(*reals)) if jnp.issubdtype(x.dtype, jnp.floating) else x
        for x in states
    ]

    def step(held: Any, now: Any) -> Any:
        made = body(*held, *now, *fixed)
        following = [x.astype(y.dtype) for x, y in zip(made, held, strict=False)]
        return following, made[len(held) :]

    last, made = jax.lax.scan(step, first, entries, length=number)
    return [*last, *made]
