"""Progress bars: tqdm where it is installed, one plain line on a terminal where it is not."""

from __future__ import annotations

import sys
from typing import Any, Protocol


class Progress(Protocol):
    """Something that can be told how far a run is."""

    def show(self, step: int, cost: float) -> None:
        """Show that ``step`` steps are done and what the last one cost."""
        ...

    def close(self) -> None:
        """Show nothing more."""
        ...


class Silent:
    """Shows nothing."""

    def show(self, step: int, cost: float) -> None:
        pass

    def close(self) -> None:
        pass


class Line:
    """One line on a terminal, rewritten in place.

    Parameters
    ----------
    steps
        The number of steps of the run.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def show(self, step: int, cost: float) -> None:
        print(f"\rstep {step}/{self.steps}  cost {cost:.4g} ", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print(file=sys.stderr)


class Bar:
    """A tqdm bar, as text or as a notebook widget.

    Parameters
    ----------
    steps
        The number of steps of the run.
    tqdm
        The class ``tqdm.auto.tqdm``, which hides itself when the output is not a terminal.
    """

    def __init__(self, steps: int, tqdm: Any) -> None:
        self.bar = tqdm(total=steps, unit="step", disable=None)

    def show(self, step: int, cost: float) -> None:
        self.bar.set_postfix(cost=f"{cost:.4g}", refresh=False)
        self.bar.update(step - self.bar.n)

    def close(self) -> None:
        self.bar.close()


def progress_of(steps: int, wanted: bool) -> Progress:
    """Return a way to show progress that suits where the program runs."""
    if not wanted:
        return Silent()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Line(steps) if sys.stderr.isatty() else Silent()
    return Bar(steps, tqdm)
