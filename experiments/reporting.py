"""What the experiments have in common: their options, tables, and what a table has to say."""

from __future__ import annotations

import argparse
import functools
import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from catlearn.errors import CatlearnError

NORMAL_95 = 1.959964
"""How many standard errors a 95 % interval extends to each side."""


class Clock:
    """Wall-clock and processor minutes since it was made."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), _processor()

    def __str__(self) -> str:
        wall = (time.perf_counter() - self.wall) / 60
        return f"{wall:.1f} minutes, {(_processor() - self.processor) / 60:.1f} of processor time"


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def machine() -> str:
    """Return what a run was made on: processor, cores, versions, date."""
    import jax

    import catlearn

    versions = f"Python {platform.python_version()}, jax {jax.__version__}"
    where = f"{platform.machine()}, {os.cpu_count()} cores shared with other work, "
    device = jax.devices()[0].platform
    return f"{where}device {device}; {versions}, catlearn {catlearn.__version__}; {date.today()}"


def interval(values: Any) -> str:
    """Return the mean of two values or more in percent, ± half of its 95 % interval.

    Examples
    --------
    >>> interval([1.0, 0.0, 1.0, 0.0])
    '50.0 ± 56.6'
    """
    values = np.asarray(values, float)
    error = values.std(ddof=1) / np.sqrt(len(values))
    return f"{100 * values.mean():.1f} ± {100 * NORMAL_95 * error:.1f}"


def both(runs: Sequence[Any]) -> str:
    """Return the mean over runs in percent, ± over episodes, and in brackets over runs.

    Parameters
    ----------
    runs
        For each training run, the shares of right answers in the same episodes. The first number
        after the mean is half of the 95 % interval over episodes, of their means over runs; the
        second, for two runs or more, the standard deviation of the runs' means.

    Examples
    --------
    >>> both([[1.0, 0.0, 1.0, 0.0], [1.0, 0.5, 1.0, 0.5]]), both([[1.0, 0.0, 1.0, 0.0]])
    ('62.5 ± 42.4 (17.7)', '50.0 ± 56.6')
    """
    values = np.asarray(runs, float)
    told = interval(values.mean(axis=0))
    over = 100 * values.mean(axis=1)
    return f"{told} ({over.std(ddof=1):.1f})" if len(over) > 1 else told


def spread(values: Any, digits: int = 1, scale: float = 100.0) -> str:
    """Return the mean with the standard deviation of several values, by default in percent.

    Examples
    --------
    >>> spread([0.9, 1.0])
    '95.0 ± 7.1'
    """
    values = scale * np.asarray(values, float)
    mean = f"{values.mean():.{digits}f}"
    return f"{mean} ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else mean


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table in Markdown.

    Examples
    --------
    >>> print(table(["a", "b"], [[1, 2]]), end="")
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [header, *rows]
    text = [f"| {' | '.join(map(str, line))} |" for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(header), *text[1:]]) + "\n"


def parser(doc: str | None, seed: int = 0) -> argparse.ArgumentParser:
    """Return the options that every experiment has."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    made.add_argument("--out", type=Path, help="where to write the Markdown table")
    made.add_argument("--seed", type=int, default=seed, help=f"the first seed (default {seed})")
    return made


def many(count: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> many(1, "alphabet"), many(2, "alphabet")
    ('1 alphabet', '2 alphabets')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def command(main: Callable[..., None]) -> Callable[..., None]:
    """Return a script's main function that says in a line what a user can mend, and exits."""

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> None:
        try:
            main(arguments)
        except CatlearnError as error:
            raise SystemExit(f"error: {error}") from error

    return run


def report(text: str, out: Path | None) -> None:
    """Print a report, and write it if asked to."""
    print(text, end="")
    if out is not None:
        out.write_text(text, encoding="utf-8")
