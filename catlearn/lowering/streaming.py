"""Circuits that run with some of their passes streamed.

Where a circuit would form an array that is much larger than what it reads and returns (the scores
of attention, those of a large vocabulary, the hidden layer of an MLP), the boxes that reduce it run
as one fold. Which these are is decided from the sizes of the arrays of a call; everything else runs
as it does without.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.programs import Program, programmed
from catlearn.errors import Failure, InvalidStructure, UnknownName, did_you_mean, expect
from catlearn.lowering.streamed import differentiable, refuse_hidden, run_of
from catlearn.models.circuits import CircuitArchitecture, LoweredCircuit, at_ranks
from catlearn.streams.folding import interned
from catlearn.streams.islands import Island, islands_of


def block_of(block: Any) -> int:
    """Return a number of indices, or refuse it."""
    if type(block) is not int or block < 1:
        message = f"has blocks of {block!r} indices; a number from 1 is expected"
        raise InvalidStructure("options", [Failure("blocks", "block", message)])
    return block


LEAST = {"auto": 2.0, "named": 1.0}
"""How many times as many numbers as what is read and returned an array has that is streamed."""


def streamed(architecture: Any, streams: str | tuple[str, ...] | None) -> Any:
    """Return an architecture that streams, if it is a circuit."""
    if streams is None or not isinstance(architecture, CircuitArchitecture):
        return architecture
    return StreamedArchitecture(architecture.circuit, streams)


@dataclass(frozen=True)
class StreamedArchitecture(CircuitArchitecture):
    """A circuit as a model, in which large arrays are formed block by block.

    Parameters
    ----------
    circuit
        The circuit.
    streams
        ``"auto"``, or the letters of variables that may be streamed.
    """

    streams: str | tuple[str, ...] = "auto"

    def lowered(self, ranks: tuple[int, ...]) -> StreamedCircuit:
        """Return what runs for inputs of these ranks."""
        return _lowered(self.circuit, ranks, self.streams)


@functools.lru_cache(maxsize=256)
def _lowered(
    circuit: Circuit, ranks: tuple[int, ...], streams: str | tuple[str, ...]
) -> StreamedCircuit:
    whole = at_ranks(circuit, ranks)
    letters = {letter for one in whole.apex.operations for letter in one.letters}
    own = streams if streams == "auto" else [one for one in streams if one in letters]
    return StreamedCircuit(whole, streams=own)


class StreamedCircuit(LoweredCircuit):
    """A circuit as a pure function, in which large arrays are formed block by block.

    Parameters
    ----------
    circuit, sizes, options
        As for :class:`~catlearn.models.LoweredCircuit`.
    streams
        ``"auto"``, or the letters of variables that may be streamed.
    block
        How many indices are read at a time.
    least
        How many times as many numbers as what is read and returned an array has that is streamed;
        that of :data:`LEAST` unless said.
    """

    def __init__(
        self, circuit: Circuit, sizes: Mapping[str, Any] | None = None, *,
        streams: str | Iterable[str] = "auto", block: int = 64, least: float | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(circuit, sizes, **options)
        expect(streams, (str, Iterable), "streams", "'auto', or a list of letters of variables")
        self.letters = None if streams == "auto" else [*streams]
        self.block = block_of(block)
        self.least = LEAST["auto" if self.letters is None else "named"] if least is None else least
        known = dict.fromkeys(
            letter for one in self.circuit.apex.operations for letter in one.letters if letter
        )
        for name in self.letters or ():
            if name not in known:
                hint = did_you_mean(name, sorted(known))
                raise UnknownName(f"streams={name!r} is no variable of the circuit; {hint}")
        self._islands: dict[Any, tuple[list[Island], list[str]]] = {}

    @cached_property
    def _plain(self) -> LoweredCircuit:
        return LoweredCircuit(
            interned(self.circuit.unfold().live()), opaque=self._options["opaque"]
        )

    def islands(self, *shapes: tuple[int, ...]) -> tuple[list[Island], list[str]]:
        """Return what is streamed for arrays of these shapes, and what is refused."""
        if shapes not in self._islands:
            found = self._plain.sizes(shapes)
            self._islands[shapes] = islands_of(
                self._plain.circuit,
                found,
                self.least,
                self.block,
                self.letters,
                f"stream {len(self._islands)}",
            )
        return self._islands[shapes]

    def plan(self, *shapes: tuple[int, ...]) -> str:
        """Say what is streamed for arrays of these shapes: those of the inputs, then parameters."""
        made, refused = self.islands(*shapes)
        lines = [
            f"{one.title}: {one.largest:,} numbers in blocks of {self.block}, "
            f"state of {len(one.fold.state)} arrays"
            for one in made
        ]
        return "\n".join([*lines, *(f"not streamed, {one}" for one in refused)])

    def program(self, shapes: Iterable[tuple[int, ...]]) -> Program:
        """Return what runs for arrays of these shapes; a fold is one step of it."""
        shapes = tuple(map(tuple, shapes))
        made, _ = self.islands(*shapes)
        if not made:
            return super().program(shapes)
        if shapes not in self._known:
            refuse_hidden(self, shapes)
            sizes = self._plain.sizes(shapes)
            self._known[shapes] = programmed(made[-1].rest, sizes, self.experts)
            for one in made:
                self._options["opaque"][one.label] = self._function(one)
        return self._known[shapes]

    def _function(self, one: Island) -> Any:
        """Return what runs a fold on the arrays of its box, at their own sizes."""
        axes = one.fold.circuit.apex.lists["axes"]
        rows = [axes.row(wire).tolist() for wire in one.fold.circuit.dom]

        def function(*arrays: Any) -> Any:
            sizes = {
                axis: size
                for row, array in zip(rows, arrays, strict=True)
                for axis, size in zip(row, array.shape, strict=True)
            }
            found = differentiable(run_of(one.fold, sizes, self.block))(*arrays)
            return found if len(found) > 1 else found[0]

        return function

    def __repr__(self) -> str:
        return f"StreamedCircuit({self.circuit!r})"
