"""What the benchmarks share: programs timed in turns, ratios within a round, and tables.

A machine that slows down slows all programs of one round; so ratios are taken within rounds, and
their median and quartiles are reported. The order rotates, forth and back, from round to round, so
that no program always runs after the same other one.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Program = Callable[[], object]
Times = dict[str, list[float]]


class Ratio(NamedTuple):
    """The median and the quartiles of the ratios of two programs within each round."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


def turns(names: Iterable[str], rounds: int) -> Iterable[list[str]]:
    """Yield all names once for each round, in an order that rotates, forth and back."""
    every = list(names)
    for turn in range(rounds):
        first = turn // 2 % len(every)
        order = every[first:] + every[:first]
        yield order[::-1] if turn % 2 else order


def in_turns(
    programs: Mapping[str, Program],
    rounds: int,
    repeats: int = 1,
    clock: Callable[[], float] = time.perf_counter,
    settle: bool = False,
) -> Times:
    """Run programs in turns; return the seconds of one run, by program and round.

    With ``settle``, each program runs once before it is timed, so that it does not pay for what the
    one before it left behind: caches, or threads that still wait for more work.
    """
    times: Times = {name: [] for name in programs}
    for names in turns(programs, rounds):
        for name in names:
            program = programs[name]
            if settle:
                program()
            start = clock()
            for _ in range(repeats):
                program()
            times[name].append((clock() - start) / repeats)
    return times


def compiled(
    losses: Mapping[str, tuple[Callable[..., Any], Sequence[Any]]], rounds: int
) -> tuple[dict[str, Any], Times]:
    """Compile value and gradient of losses at arguments, afresh and in turns.

    Returns the programs, and the seconds that tracing and compiling take. There is one more round,
    the first one, which warms up and is not counted unless it is the only one.
    """
    import jax

    programs: dict[str, Any] = {}

    def compilation(name: str) -> Program:
        loss, arguments = losses[name]

        def compile() -> None:
            jax.clear_caches()
            function = jax.jit(jax.value_and_grad(loss, has_aux=True))
            programs[name] = function.lower(*arguments).compile()

        return compile

    times = in_turns({name: compilation(name) for name in losses}, rounds + 1)
    return programs, {name: found[1:] or found for name, found in times.items()}


class Compared(NamedTuple):
    """Programs that compute the same, and the seconds to compile and to run each, by round."""

    programs: dict[str, Any]
    compiling: Times
    running: Times


def compare(
    losses: Mapping[str, tuple[Callable[..., Any], Sequence[Any]]],
    rounds: int,
    repeats: int,
    compilations: int,
) -> Compared:
    """Compile value and gradient of losses at arguments, see that they agree, and run them.

    Everything is done in turns, after a round that warms up and is not counted.
    """
    import jax

    programs, compiling = compiled(losses, compilations)

    def call(name: str) -> Program:
        program, (_, arguments) = programs[name], losses[name]
        return lambda: jax.block_until_ready(program(*arguments))

    agreeing({name: run(*losses[name][1])[0][0] for name, run in programs.items()})
    calls = {name: call(name) for name in losses}
    in_turns(calls, 1, repeats)
    return Compared(programs, compiling, in_turns(calls, rounds, repeats, settle=True))


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the median of each program's times."""
    return {name: statistics.median(found) for name, found in times.items()}


def ratio(times: Mapping[str, Sequence[float]], one: str, other: str) -> Ratio:
    """Return how many times longer one program takes than the other, within rounds."""
    found = [a / b for a, b in zip(times[one], times[other], strict=True)]
    if len(found) < 2:
        return Ratio(found[0], found[0], found[0])
    low, median, high = statistics.quantiles(found, n=4, method="inclusive")
    return Ratio(median, low, high)


def agreeing(values: Mapping[str, Any], tolerance: float = 1e-3) -> None:
    """Stop unless all programs give the same number."""
    import numpy as np

    (first, expected), *others = values.items()
    for name, value in others:
        np.testing.assert_allclose(value, expected, rtol=tolerance, err_msg=f"{name}, {first}")


def device() -> str:
    """Return what JAX is and runs on, for the heading of a table."""
    import jax

    found = jax.devices()
    kind = f"{len(found)} {found[0].device_kind}" if len(found) > 1 else found[0].device_kind
    if found[0].platform == "cpu":
        kind = f"{kind}, {threads()} threads"
    return f"JAX {jax.__version__} on {kind}"


def threads() -> int:
    """Return how many processors this process may use, which is how many threads XLA starts."""
    import os

    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def parser(doc: str | None, quick: str) -> argparse.ArgumentParser:
    """Return the options that each benchmark has, to which it may add its own."""
    options = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help=quick)
    options.add_argument("--out", type=Path, help="where to write the Markdown table")
    options.add_argument(
        "--loaded", action="store_true", help="write it on a busy machine, too, and say so in it"
    )
    return options


#: A machine on which a fixed loop takes this many times its processor time is not quiet.
QUIET = 1.05

_LOOP = """
import time
start, begin = time.perf_counter(), time.process_time()
while time.process_time() - begin < 0.2:
    pass
print((time.perf_counter() - start) / (time.process_time() - begin))
"""


def busyness() -> float:
    """Return how many times its processor time a loop takes that runs on every processor at once.

    It is 1 on a quiet machine, and 2 where as much is running besides.
    """
    loop = [sys.executable, "-S", "-E", "-c", _LOOP]
    running = [subprocess.Popen(loop, stdout=subprocess.PIPE, text=True) for _ in range(threads())]
    return max(float(one.communicate()[0]) for one in running)


class Table:
    """A Markdown table, whose rows are printed as they come.

    Parameters
    ----------
    columns
        The headings.
    above
        A line above the table.
    options
        For a table of times that is to be written, the options of the script: the machine is
        measured before, after each row, and at the end, and the table is not written unless it was
        quiet, or ``--loaded`` was given.
    """

    def __init__(
        self,
        columns: Sequence[str],
        above: str | None = None,
        options: argparse.Namespace | None = None,
    ) -> None:
        self.lines: list[str] = []
        self.options = options
        self.busiest = 1.0
        self._watch(stop=True)
        if above is not None:
            self.say(above)
            self.say("")
        self._cells(columns)
        self.say("|" + "---|" * len(columns))

    def say(self, line: str) -> None:
        """Print a line and keep it."""
        self.lines.append(line)
        print(line, flush=True)

    def row(self, cells: Sequence[object]) -> None:
        """Add a row."""
        self._cells(cells)
        self._watch()

    def _cells(self, cells: Sequence[object]) -> None:
        self.say(f"| {' | '.join(map(str, cells))} |")

    def _watch(self, stop: bool = False) -> None:
        if self.options is None or self.options.out is None:
            return
        self.busiest = max(self.busiest, busyness())
        if stop and self.busiest > QUIET and not self.options.loaded:
            sys.exit(
                f"no table is written, the machine is not quiet: a loop took {self.busiest:.2f} "
                f"times its processor time, over {QUIET}; wait, or say --loaded"
            )

    def below(self, line: str) -> None:
        """Add a paragraph."""
        self.say("")
        self.say(line)

    def write(self, path: Path | None) -> None:
        """Write the table, if a path is given and the machine was quiet."""
        self._watch(stop=True)
        if self.busiest > QUIET:
            self.below(
                f"Measured on a loaded machine: a loop took up to {self.busiest:.2f} times its "
                "processor time. Times mislead; ratios within a row do less."
            )
        if path is not None:
            path.write_text("\n".join(self.lines) + "\n")
