"""Programs as text: functions of ``jax.numpy`` to be read, kept, and run without this package.

The text of a step is that of the function that runs for it, with its arguments put in: it is read
from the table of functions of JAX, so there is no second one.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from textwrap import indent
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.programs import Instruction, Program, programmed
from catlearn.errors import CatlearnError, expect
from catlearn.models import circuits
from catlearn.models.circuits import LoweredCircuit
from catlearn.streams.folding import Loop

HEAD = "import jax\nimport jax.numpy as jnp\nimport numpy as np\n"

SIGNS = {"add": " + ", "mul": " * "}


def to_source(
    circuit: Circuit | Loop, sizes: Mapping[str, Any] | None = None, block: int = 64
) -> str:
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

    Raises
    ------
    InvalidStructure
        Listing axes whose sizes are not known.
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
    lowered = LoweredCircuit(plain, sizes)
    known = lowered.sizes(what="this call of to_source")
    names = [f"in{k}" for k in range(len(lowered.circuit.dom))]
    names += [re.sub(r"\W", "_", name) for name in lowered.parameters]
    writer = _Writer()
    if fold is None:
        text = writer.function("circuit", names, programmed(lowered.circuit, known))
    else:
        text = _fold(writer, fold, known, names, block)
    return "\n\n".join([HEAD, *(f"{one}\n" for one in writer.helpers.values()), text])


def _fold(
    writer: _Writer, fold: Loop, sizes: Mapping[int, int], names: Sequence[str], block: int
) -> str:
    """Return the text of a fold: its parts, and a loop over blocks."""
    length = sizes[fold.axis]
    block = min(block, length)
    full, rest = divmod(length, block)
    starts = [f"start{k}" for k in range(fold.scans)]
    fixed = [f"fixed{k}" for k in range(fold.fixed)]
    entries = [f"read{k}" for k in range(len(fold.entries))]
    state = [f"a{k}" for k in range(len(fold.kinds))]
    exits = [place for place in fold.exits if place is not None]

    def part(title: str, name: str, arguments: Sequence[str], size: int = 0) -> str:
        program = programmed(getattr(fold, name), {**sizes, fold.block: size})
        return indent(writer.function(title, arguments, program), "    ") + "\n"

    index = re.sub(r"\W", "_", fold.variable.rpartition("/")[2])
    given = [*fixed, *entries, index]
    types = fold.circuit.apex.types
    real = [name for name, row in zip(names, fold.circuit.dom, strict=False) if types[row] != "N"]
    real += names[len(fold.circuit.dom) :]
    kind = f"jnp.result_type({', '.join(real)})" if real else "float"
    head = programmed(fold.head, sizes)
    lines, made = writer.body(names, head)
    whole = [*starts, *fixed]
    for name, one, row in zip([*whole, *entries], made, fold.head.cod, strict=True):
        is_real = fold.head.apex.types[row] != "N"
        lines.append(f"{name} = {_WIDE.format(one) if is_real else one}")
    slices = [
        f"jax.lax.dynamic_slice_in_dim({name}, start, size, {axis})"
        for name, axis in zip(entries, fold.entries, strict=True)
    ]
    begun, before = ("".join(f"{name}, " for name in some) for some in (whole, fixed))
    results, blocks, lasts = list[str](), iter(range(len(exits))), iter(range(len(fold.exits)))
    for place, row in zip(fold.exits, fold.circuit.cod, strict=True):
        one = f"out[{next(lasts)}]" if place is None else f"whole[{next(blocks)}]"
        results.append(f"{one}.astype(kind)" if types[row] != "N" else one)
    doc = "\n    ".join(str(fold).splitlines())
    first = "lift" if fold.first is getattr(fold, "lift", None) else "first"
    text = [
        f"def fold({', '.join(names)}):",
        f'    """{doc}\n    """',
        "    # what all blocks read, and what blocks are read of",
        *(f"    {line}" for line in lines),
        "",
        part(first, "first", [*starts, *given], block),
        part("step", "step", [*state, *given], block),
        *([part("step_rest", "step", [*state, *given], rest)] if rest else []),
        part("tail", "tail", [*state, *fixed]),
        "    def blocks(start, size):",
        "        return (",
        *(f"            {one}," for one in [*slices, "start + jnp.arange(size)"]),
        "        )",
        "",
    ]
    n, later = len(state), f"step(*state, {before}*blocks(start, {block}))"
    opened = f"{first}({begun}*blocks(0, {block}))"
    closed = f"step_rest(*state, {before}*blocks({full * block}, {rest}))"
    if exits:
        # blocks of outputs are stacked, and put in order
        writer.need(in_order)
        text += [
            "    def following(state, start):",
            f"        made = {later}",
            f"        return made[:{n}], made[{n}:]",
            "",
            f"    made = {opened}",
            f"    state, blocks_made, rows = made[:{n}], [made[{n}:]], None",
        ]
        closing = [f"    made = {closed}",
                   f"    state, blocks_made = made[:{n}], [*blocks_made, made[{n}:]]"]  # fmt: skip
    else:
        text += [
            "    def following(state, start):",
            f"        return {later}, None",
            "",
            f"    state = {opened}",
        ]
        closing = [f"    state = {closed}"]
    if full > 1:
        starts_at = f"jnp.arange(1, {full}) * {block}"
        rows = "rows" if exits else "_"
        text.append(f"    state, {rows} = jax.lax.scan(following, state, {starts_at})")
    text += closing if rest else []
    if exits:
        text.append(f"    whole = in_order(blocks_made, rows, {tuple(exits)})")
    text += [
        f"    out = tail({', '.join(['*state', *fixed])})",
        f"    kind = {kind}",
        f"    return ({', '.join(results)}{',' if len(results) == 1 else ''})",
    ]
    return "\n".join(text) + "\n"


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


_WIDE = "{0}.astype(jnp.result_type({0}, jnp.float32))"


class _Writer:
    """Text of programs, and the functions that it calls.

    Attributes
    ----------
    helpers
        Text by name of what is defined before.
    """

    def __init__(self) -> None:
        self.helpers: dict[str, str] = {}
        self.loops = 0

    def function(self, name: str, arguments: Sequence[str], program: Program) -> str:
        """Return a program as the text of a function."""
        lines, made = self.body(arguments, program)
        lines.append(f"return ({', '.join(made)}{',' if len(made) == 1 else ''})")
        body = indent("\n".join(lines), "    ")
        return f"def {name}({', '.join(arguments)}):\n{body}"

    def body(self, arguments: Sequence[str], program: Program) -> tuple[list[str], list[str]]:
        """Return the lines of a program, and what the outputs are called in it."""
        names, lines, before = dict(enumerate(arguments)), list[str](), ""
        for number, array in program.constants.items():
            names[number] = f"known_{number}"
            lines.append(f"known_{number} = {_constant(array)}")
        for step in program.steps:
            if step.box != before:
                lines.append(f"# {step.box}")
            before = step.box
            for register in step.outs:
                names[register.number] = f"{_title(step)}_{register.number}"
            outs = ", ".join(names[one.number] for one in step.outs)
            lines += self.step(step, outs, [names[k] for k in step.ins])
        return lines, [names[k] for k in program.outputs]

    def step(self, step: Instruction, outs: str, ins: list[str]) -> list[str]:
        """Return the lines of one step."""
        if step.name in ("opaque", "function"):
            raise CatlearnError(f"{step.box} is opaque: it has no text")
        if step.name == "dropout":
            return [f"{outs} = {ins[0]}"]
        if step.name in SIGNS:
            return [f"{outs} = {SIGNS[step.name].join(ins)}"]
        if step.name == "loop":
            (rounds,) = step.options
            self.need(in_rounds)
            self.loops += 1
            title, own = f"round_{self.loops}", rounds.states + rounds.entries
            arguments = [f"x{k}" for k in range(len(ins))]
            sides = (", ".join(some) for some in
                     (ins[: rounds.states], ins[rounds.states : own], ins[own:]))  # fmt: skip
            given = ", ".join(f"[{side}]" for side in sides)
            return [
                f"# {step.box}, {rounds.number} rounds",
                *self.function(title, arguments, rounds.body).splitlines(),
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
