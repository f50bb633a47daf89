r"""Matrices over a quantale: tropical (min-plus) linear algebra, and all its relatives.

A matrix M : A -> B over a quantale has a value M(a, b) for each a in A and b in B. Matrices
compose like relations, with the quantale's join for "or" and its tensor for "and",

.. math:: (M \mathbin{>\!\!>} N)(a, c) = \bigvee_b M(a, b) \otimes N(b, c).

Over LAWVERE this is min-plus multiplication, over BOOL the composition of relations. Finite sets
and matrices are a category. The **star** of a square matrix is the join of all its powers: over
LAWVERE the matrix of shortest paths (Gondran, Minoux, "Graphs, dioids and semirings", 2008).
A square matrix M with 1 <= M and M >> M <= M is the same thing as an enriched category
(:mod:`catlearn.cost.enriched`).

Laws: associativity; the identity matrix is neutral; joins are preserved on both sides; the star
is the least matrix above M that is an enriched category.

>>> from catlearn.cost import Matrix
>>> inf = float("inf")
>>> steps = Matrix([[inf, 1, 5], [inf, inf, 2], [inf, inf, inf]])
>>> print(steps >> steps)
   0  1  2
0  ∞  ∞  3
1  ∞  ∞  ∞
2  ∞  ∞  ∞
>>> print(steps.star())
   0  1  2
0  0  1  3
1  ∞  0  2
2  ∞  ∞  0
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from catlearn.cost.quantale import LAWVERE, Quantale, write_names, write_value
from catlearn.display import html_table, text_table
from catlearn.errors import Failure, Failures, NotComposable, expect, fault, refuse
from catlearn.finset.value import SHOWN, Frozen


class Matrix(Frozen):
    """A matrix of values of a quantale, with names for its rows and columns.

    Parameters
    ----------
    entries
        Shape ``(rows, columns)``.
    quantale
        What the entries are values of.
    rows, columns
        Names; numbers if they are left out (columns take the rows' names if it is square).
    check
        Whether shapes and values are checked.

    Raises
    ------
    InvalidStructure
        If names and shape do not agree, or entries are not values of the quantale (NaN, negative
        distances).

    Examples
    --------
    >>> from catlearn.cost import BOOL
    >>> likes = Matrix([[True, False], [True, True]], BOOL, rows=["ann", "bob"], columns=["x", "y"])
    >>> bool(likes["bob", "y"])
    True
    """

    entries: np.ndarray
    quantale: Quantale
    rows: tuple[str, ...]
    columns: tuple[str, ...]

    def __init__(
        self,
        entries: Any,
        quantale: Quantale = LAWVERE,
        rows: Iterable[str] | None = None,
        columns: Iterable[str] | None = None,
        check: bool = True,
    ) -> None:
        expect(quantale, Quantale, "quantale", "a Quantale, such as LAWVERE")
        for axis, names in (("rows", rows), ("columns", columns)):
            if names is not None:
                expect(names, Iterable, axis, "names")
        array = quantale.array(entries)
        if array.ndim != 2:
            message = f"found shape {array.shape}, expected two axes"
            raise fault("Matrix", "shape", "entries", message)
        height, width = array.shape
        named = tuple(map(str, range(height))) if rows is None else tuple(rows)
        usual = named if height == width else tuple(map(str, range(width)))
        self._set(entries=array, quantale=quantale, rows=named)
        self._set(columns=usual if columns is None else tuple(columns))
        refuse("Matrix", self._misfits() if check else [])

    def _misfits(self) -> list[Failure]:
        found = [
            Failure("names", axis, f"found {len(names)} names for {size} {axis}")
            for axis, names, size in zip(
                ("rows", "columns"), (self.rows, self.columns), self.entries.shape, strict=True
            )
            if len(names) != size or len(set(names)) != size
        ]
        if not found:
            bad = np.argwhere(~self.quantale.valid(self.entries))
            found += [
                Failure(
                    "value",
                    f"entry ({self.rows[i]}, {self.columns[j]})",
                    f"{self.entries[i, j]} is not a value of the quantale {self.quantale.name}",
                )
                for i, j in bad[:SHOWN]
            ]
        return found

    @classmethod
    def identity(cls, names: Iterable[str] | int, quantale: Quantale = LAWVERE) -> Matrix:
        """Return the identity: the unit on the diagonal, the bottom elsewhere."""
        names = tuple(map(str, range(names))) if isinstance(names, int) else tuple(names)
        entries = np.full((len(names), len(names)), quantale.bottom, quantale.dtype)
        np.fill_diagonal(entries, quantale.unit)
        return cls(entries, quantale, names, names, check=False)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns."""
        return len(self.rows), len(self.columns)

    @property
    def T(self) -> Matrix:
        """The transpose."""
        return Matrix(self.entries.T, self.quantale, self.columns, self.rows, check=False)

    def __getitem__(self, at: tuple[int | str, int | str]) -> Any:
        """Return the entry at a row and a column, given by names or numbers."""
        i, j = (
            names.index(k) if isinstance(k, str) else k
            for names, k in zip((self.rows, self.columns), at, strict=True)
        )
        return self.entries[i, j]

    def _meets(self, other: Matrix) -> None:
        failures = Failures()
        if self.quantale != other.quantale:
            message = f"are over {self.quantale.name} and over {other.quantale.name}"
            failures.add("quantale", "the two matrices", message)
        if self.columns != other.rows:
            ends = write_names(self.columns), write_names(other.rows)
            message = f"the first has columns {ends[0]}, the second rows {ends[1]}"
            failures.add("composition", "the two matrices", message)
        refuse("Matrix", failures, NotComposable)

    def __matmul__(self, other: Matrix) -> Matrix:
        """Return the composite, first self: the matrix product over the quantale."""
        if not isinstance(other, Matrix):
            return NotImplemented
        self._meets(other)
        entries = self.quantale.multiply(self.entries, other.entries)
        return Matrix(entries, self.quantale, self.rows, other.columns, check=False)

    def __rshift__(self, other: Matrix) -> Matrix:
        """Return the composite; the same as ``@``."""
        return self @ other if isinstance(other, Matrix) else NotImplemented

    def __or__(self, other: Matrix) -> Matrix:
        """Return the entrywise join."""
        if not isinstance(other, Matrix):
            return NotImplemented
        self._parallel(other)
        entries = self.quantale.join(self.entries, other.entries)
        return Matrix(entries, self.quantale, self.rows, self.columns, check=False)

    def __le__(self, other: Matrix) -> bool:
        """Whether each entry is <= the other's, in the quantale's order."""
        if not isinstance(other, Matrix):
            return NotImplemented
        self._parallel(other)
        return bool(self.quantale.leq(self.entries, other.entries).all())

    def _parallel(self, other: Matrix) -> None:
        ends = (self.quantale, self.rows, self.columns)
        if ends != (other.quantale, other.rows, other.columns):
            message = "have different quantales, rows or columns"
            raise fault("Matrix", "parallel", "the two matrices", message, NotComposable)

    def star(self) -> Matrix:
        """Return the join of all powers of a square matrix, the identity included.

        Raises
        ------
        CatlearnError
            If the matrix is not square; or if the quantale's unit is not its top and the powers
            keep growing.
        """
        if self.rows != self.columns:
            message = "the star needs equal rows and columns"
            raise fault("Matrix", "star", "the matrix", message, NotComposable)
        entries = self.quantale.star(self.entries)
        return Matrix(entries, self.quantale, self.rows, self.columns, check=False)

    def close_to(self, other: Matrix, tolerance: float = 1e-9) -> bool:
        """Whether both are equal up to a relative tolerance."""
        self._parallel(other)
        return bool(self.quantale.equal(self.entries, other.entries, tolerance).all())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Matrix):
            return NotImplemented
        mine, its = ((m.quantale, m.rows, m.columns, m.entries.tobytes()) for m in (self, other))
        return mine == its

    def __hash__(self) -> int:
        return hash((self.quantale, self.rows, self.columns, self.entries.tobytes()))

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        return f"<{size} matrix over {self.quantale.name}>"

    def _cells(self) -> tuple[list[str], list[list[str]], str]:
        """Return the head and the first rows as text, and what to add if it is cut off."""
        rows, columns = self.rows[: 2 * SHOWN], self.columns[: 2 * SHOWN]
        body = [
            [name, *map(write_value, row[: len(columns)])]
            for name, row in zip(rows, self.entries, strict=False)
        ]
        height, width = self.shape
        cut = height > len(rows) or (height and width > len(columns))
        return ["", *columns], body, f"... {height} x {width} in all" if cut else ""

    def __str__(self) -> str:
        head, body, rest = self._cells()
        return text_table(head, body) + (f"\n{rest}" if rest else "")

    def _repr_html_(self) -> str:
        head, body, rest = self._cells()
        return html_table(head, body) + (f"<p>{rest}</p>" if rest else "")
