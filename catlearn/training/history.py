"""What training cost, step by step and equation by equation.

>>> import numpy as np
>>> history = History(("fit", "cycle"), np.array([[3.0, 1.0, 2.0], [1.5, 0.5, 1.0]]))
>>> history
History(steps=2, total=3 -> 1.5)
>>> history["cycle"]
array([2., 1.])
>>> print(history.to_csv(), end="")
step,total,fit,cycle
0,3.0,1.0,2.0
1,1.5,0.5,1.0
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class History(Mapping[str, np.ndarray]):
    """The cost of each equation at each step: a mapping from equations to arrays.

    Costs are means over the batch of their step, before the weight. ``total`` is the value that
    was minimised.

    Parameters
    ----------
    equations
        The names of the equations, in the order of the loss.
    rows
        An array of shape (steps, 1 + equations): the total, then each equation.
    """

    def __init__(self, equations: tuple[str, ...], rows: np.ndarray) -> None:
        self.equations = equations
        self.rows = np.array(rows)
        self.rows.flags.writeable = False

    @property
    def total(self) -> np.ndarray:
        """The value of the loss at each step, shape (steps,)."""
        return self.rows[:, 0]

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.rows)

    def __getitem__(self, equation: str) -> np.ndarray:
        if equation not in self.equations:
            raise KeyError(equation)
        return self.rows[:, 1 + self.equations.index(equation)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.equations)

    def __len__(self) -> int:
        return len(self.equations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self.equations == other.equations and np.array_equal(
            self.rows, other.rows, equal_nan=True
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists.

        Examples
        --------
        >>> History(("fit",), np.array([[2.0, 1.0]])).to_dict()
        {'total': [2.0], 'equations': {'fit': [1.0]}}
        """
        return {
            "total": self.total.tolist(),
            "equations": {name: self[name].tolist() for name in self},
        }

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the history as comma-separated text, and write it if a path is given.

        Parameters
        ----------
        path
            Where to write it.
        """
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["step", "total", *self.equations])
        writer.writerows([step, *row.tolist()] for step, row in enumerate(self.rows))
        if path is not None:
            Path(path).write_text(buffer.getvalue(), encoding="utf-8")
        return buffer.getvalue()

    def __repr__(self) -> str:
        course = f", total={self.total[0]:.6g} -> {self.total[-1]:.6g}" if self.steps else ""
        return f"History(steps={self.steps}{course})"
