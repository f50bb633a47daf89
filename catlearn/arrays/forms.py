"""Forms: at which index an array is read, as a function of the index variables of a box.

A *reading* gives for each position of an array one form over the variables of a box (the category
Ix of index spaces). A form is a linear combination of atoms with sizes as coefficients, where an
atom is

* a variable, by its place among the variables of the box: a form that is one variable is *wiring*,
  and wirings are permutation, omission and diagonal; with other coefficients and constants a form
  is *affine*: windows, strides, shifts, and splits ``h*|d| + d``;
* a *part*, ``u div c`` or ``u mod c``, of a form: joins are read by parts;
* a value that is *looked up* in an array of naturals: embeddings, gathers, choice of experts.

Sizes in forms are polynomials over the sizes of the variables: the generator ``i`` is the size of
variable ``i``, and ``-1 - j`` is that of the j-th axis that the box mentions besides.

>>> y, a = Form.variable(0), Form.variable(1)
>>> window = y.times(2) + a + Form.number(-1)
>>> window.substitute([y + Form.number(1), a]) == y.times(2) + a + Form.number(1)
True
>>> least, greatest = window.range([Size.of(4), Size.of(3)])
>>> print(least, greatest)
-1 7

Where an index may lie outside of its axis, the reading is *guarded*: there the value is the
*outside value* of the reading. Guarded readings compose with their guards accumulated, not by
composing forms alone: reading at m+1 and then at m-1 has the form m, and loses an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan, nan
from typing import Any

from catlearn.arrays.sizes import ZERO, Size


@dataclass(frozen=True)
class IndexPart:
    """The quotient or the remainder of a form divided by a size.

    Parameters
    ----------
    kind
        ``"div"`` or ``"mod"``.
    form
        What is divided; it is not negative.
    by
        By what.
    """

    kind: str
    form: Form
    by: Size


@dataclass(frozen=True)
class Lookup:
    """A value of an array of naturals.

    Parameters
    ----------
    operand
        Which array that the box reads.
    forms
        Where it is read.
    """

    operand: int
    forms: tuple[Form, ...]

    def map(self, change: Change, operand: int | None = None) -> Form:
        """Return the value at other forms, or in another array."""
        at = self.operand if operand is None else operand
        return Form.atom(Lookup(at, tuple(map(change, self.forms))))


Atom = int | IndexPart | Lookup

Change = Callable[["Form"], "Form"]
"""What rewrites a form."""


def _place(term: tuple[Atom, Size]) -> tuple[int, Any]:
    atom = term[0]
    return (0, atom) if isinstance(atom, int) else (1, repr(atom))


@dataclass(frozen=True)
class Form:
    """A linear combination of variables, parts and looked-up values.

    Parameters
    ----------
    terms
        Different atoms with coefficients that are not 0, in order.
    constant
        What is added.
    """

    terms: tuple[tuple[Atom, Size], ...] = ()
    constant: Size = ZERO

    @classmethod
    def variable(cls, place: int) -> Form:
        """Return the form that is a variable."""
        return cls(((place, Size.of(1)),))

    @classmethod
    def atom(cls, atom: Atom) -> Form:
        """Return the form that is an atom."""
        return cls(((atom, Size.of(1)),))

    @classmethod
    def number(cls, number: int | Size) -> Form:
        """Return a form that is constant."""
        return cls((), Size.of(number))

    @cached_property
    def wiring(self) -> int | None:
        """The variable that it is, or None."""
        if len(self.terms) != 1 or self.constant.terms:
            return None
        atom, coefficient = self.terms[0]
        return atom if isinstance(atom, int) and coefficient.number == 1 else None

    def __add__(self, other: Form) -> Form:
        terms = dict(self.terms)
        for atom, c in other.terms:
            terms[atom] = terms.get(atom, Size.of(0)) + c
        kept = tuple(sorted(((a, c) for a, c in terms.items() if c.terms), key=_place))
        return Form(kept, self.constant + other.constant)

    def times(self, factor: int | Size) -> Form:
        """Return a multiple."""
        factor = Size.of(factor)
        if not factor.terms:
            return Form()
        return Form(tuple((a, c * factor) for a, c in self.terms), self.constant * factor)

    @cached_property
    def variables(self) -> frozenset[int]:
        """The variables that occur."""
        found: set[int] = set()
        for atom, _ in self.terms:
            inner = (atom.form,) if isinstance(atom, IndexPart) else ()
            inner = atom.forms if isinstance(atom, Lookup) else inner
            found |= {atom} if isinstance(atom, int) else {v for f in inner for v in f.variables}
        return frozenset(found)

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """The values that are looked up."""
        atoms = [atom for atom, _ in self.terms]
        inner = [one for atom in atoms if isinstance(atom, IndexPart) for one in atom.form.lookups]
        return (*(atom for atom in atoms if isinstance(atom, Lookup)), *inner)

    def rewritten(
        self,
        variable: Callable[[int], Form],
        size: Callable[[Size], Size] = lambda size: size,
        part: Callable[[IndexPart, Change], Form] | None = None,
        lookup: Callable[[Lookup, Change], Form] | None = None,
    ) -> Form:
        """Put a form for each atom.

        Parameters
        ----------
        variable
            What stands for a variable.
        size
            What a size becomes.
        part, lookup
            What stands for a part, and for a value that is looked up, given what rewrites the forms
            in it; the same of these, and nothing simplified, unless said.
        """

        def change(one: Form) -> Form:
            if one.wiring is not None:
                return variable(one.wiring)
            found = Form.number(size(one.constant))
            for atom, coefficient in one.terms:
                if isinstance(atom, int):
                    made = variable(atom)
                elif isinstance(atom, Lookup):
                    made = lookup(atom, change) if lookup else atom.map(change)
                elif part:
                    made = part(atom, change)
                else:
                    made = Form.atom(IndexPart(atom.kind, change(atom.form), size(atom.by)))
                found = found + made.times(size(coefficient))
            return found

        return change(self)

    def substitute(
        self, forms: Sequence[Form], sizes: Callable[[Size], Size] = lambda size: size
    ) -> Form:
        """Put forms for the variables, and change the sizes."""

        def reduced(one: IndexPart, change: Change) -> Form:
            return part(one.kind, change(one.form), sizes(one.by))

        return self.rewritten(forms.__getitem__, sizes, reduced)

    def evaluated(
        self,
        variable: Callable[[int], Any],
        size: Callable[[Size], Any] = lambda size: size.number,
        lookup: Callable[[Lookup, Callable[[Form], Any]], Any] | None = None,
    ) -> Any:
        """Return the value: a number, or an array of them.

        Parameters
        ----------
        variable, size
            Values of these; those of sizes are their numbers, unless said.
        lookup
            The value of what is looked up, given what evaluates the forms in it.

        Examples
        --------
        >>> window = Form.variable(0).times(2) + part("div", Form.variable(1), Size.of(3))
        >>> window.evaluated([5, 7].__getitem__)
        12
        """

        def value(one: Form) -> Any:
            found = size(one.constant)
            for atom, coefficient in one.terms:
                if isinstance(atom, int):
                    made = variable(atom)
                elif isinstance(atom, IndexPart):
                    inner, by = value(atom.form), size(atom.by)
                    made = inner // by if atom.kind == "div" else inner % by
                else:
                    assert lookup is not None
                    made = lookup(atom, value)
                found = found + size(coefficient) * made
            return found

        return value(self)

    def written(
        self,
        variable: Callable[[int], str],
        size: Callable[[Size], str] = str,
        lookup: Callable[[Lookup], str] = repr,
        gap: str = "",
    ) -> str:
        """Write it as text.

        Parameters
        ----------
        variable, size, lookup
            What is written for these.
        gap
            What stands around the signs of its terms.

        Examples
        --------
        >>> window = Form.variable(0).times(2) + Form.variable(1) + Form.number(-1)
        >>> window.written("ya".__getitem__)
        '2*y+a-1'
        """

        def atom(one: Any) -> str:
            if isinstance(one, int):
                return variable(one)
            if isinstance(one, Lookup):
                return lookup(one)
            inner = one.form.written(variable, size, lookup, " ")
            return f"({inner} {one.kind} {size(one.by)})"

        found = ""
        for one, coefficient in (*self.terms, (None, self.constant)):
            if one is None and self.terms and not coefficient.terms:
                continue
            negative = bool(coefficient.terms) and all(c < 0 for _, c in coefficient.terms)
            by = size(-coefficient if negative else coefficient)
            by = f"({by})" if len(coefficient.terms) > 1 else by
            sign = "-" if negative else "+"
            found += f"{gap}{sign}{gap}" if found else sign * negative
            found += by if one is None else atom(one) if by == "1" else f"{by}*{atom(one)}"
        return found

    def range(self, sizes: Sequence[Size]) -> tuple[Size, Size] | None:
        """Return the least and the greatest value, or None where signs do not say.

        Parameters
        ----------
        sizes
            The size of each variable, in the generators of the coefficients.
        """
        least = greatest = self.constant
        for atom, coefficient in self.terms:
            if isinstance(atom, Lookup):
                return None
            if isinstance(atom, int):
                top = sizes[atom] - 1
            elif atom.kind == "mod":
                top = atom.by - 1
            else:
                inner = atom.form.range(sizes)
                if inner is None or inner[1].number is None or atom.by.number is None:
                    return None
                top = Size.of(inner[1].number // atom.by.number)
            if coefficient.is_natural:
                greatest = greatest + coefficient * top
            elif (-coefficient).is_natural:
                least = least + coefficient * top
            else:
                return None
        return least, greatest


def part(kind: str, form: Form, by: Size, lengths: Mapping[int, Size] | None = None) -> Form:
    """Return a quotient or remainder, where ``c q + r`` has the parts q and r if 0 <= r < c.

    What is a multiple of the divisor is q; the remainder r has to be shown to be less, which the
    sizes of variables do: a variable is less than its size.

    Parameters
    ----------
    kind, form, by
        As for :class:`IndexPart`.
    lengths
        The sizes of variables, where they are known.

    Examples
    --------
    >>> h, d, size = Form.variable(0), Form.variable(1), Size.generator(1)
    >>> joined = h.times(size) + d
    >>> part("div", joined, size) == h, part("mod", joined, size) == d
    (True, True)
    """
    multiple, rest = Form(), Form()
    for atom, coefficient in (*form.terms, (None, form.constant)):
        times = quotient(coefficient, by)
        one = Form.number(1) if atom is None else Form.atom(atom)
        if times is None:
            rest = rest + one.times(coefficient)
        else:
            multiple = multiple + one.times(times)
    sizes = {v: (lengths or {}).get(v, Size.generator(v)) for v in rest.variables}
    found = rest.range([sizes.get(v, Size.of(1)) for v in range(max(sizes, default=-1) + 1)])
    if found is not None and found[0].is_natural and (by - 1 - found[1]).is_natural:
        return multiple if kind == "div" else rest
    return Form.atom(IndexPart(kind, form, by))


def quotient(size: Size, by: Size) -> Size | None:
    """Return a size divided by a monomial, if nothing is left."""
    if len(by.terms) != 1:
        return None
    (monomial, number), made = by.terms[0], Size.of(0)
    for one, coefficient in size.terms:
        powers = dict(one)
        for key, exponent in monomial:
            powers[key] = powers.get(key, 0) - exponent
        if coefficient % number or min(powers.values(), default=0) < 0:
            return None
        kept = tuple(sorted((key, e) for key, e in powers.items() if e))
        made = made + Size(((kept, coefficient // number),))
    return made


def one_nan(value: Any) -> Any:
    """Return a value, and the one ``math.nan`` for what is no number, which equals itself."""
    return nan if isinstance(value, float) and isnan(value) else value


@dataclass(frozen=True)
class Reading:
    """How a box reads an array: at which index, and what stands outside.

    Parameters
    ----------
    forms
        One for each position of the array.
    outside
        The value where a form is outside of its axis, or a condition fails.
    conditions
        Forms that are not negative where the array is read: a mask.
    """

    forms: tuple[Form, ...]
    outside: float = 0.0
    conditions: tuple[Form, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "outside", one_nan(self.outside))

    def __eq__(self, other: object) -> bool:
        # In tuples what is no number equals itself.
        if not isinstance(other, Reading):
            return NotImplemented
        one, two = ((each.forms, each.outside, each.conditions) for each in (self, other))
        return one == two

    @classmethod
    def wiring(cls, places: Sequence[int]) -> Reading:
        """Return the reading by variables."""
        return cls(tuple(map(Form.variable, places)))

    @property
    def variables(self) -> frozenset[int]:
        """The variables that occur."""
        return frozenset(v for one in (*self.forms, *self.conditions) for v in one.variables)

    @property
    def is_plain(self) -> bool:
        """Whether it is by variables alone, so that nothing outside of an array is read."""
        return not self.conditions and all(one.wiring is not None for one in self.forms)

    @property
    def atoms(self) -> list[tuple[Any, Size]]:
        """All that its forms are made of, with coefficients, also inside of parts and lookups.

        A constant is listed with None.
        """
        found, left = [], [*self.forms, *self.conditions]
        while left:
            form = left.pop()
            found += [*form.terms, (None, form.constant)]
            for atom, _ in form.terms:
                if not isinstance(atom, int):
                    left += [atom.form] if isinstance(atom, IndexPart) else atom.forms
        return found

    def map(self, change: Callable[[Form], Form]) -> Reading:
        """Return the reading with its forms changed."""
        forms = tuple(map(change, self.forms))
        return replace(self, forms=forms, conditions=tuple(map(change, self.conditions)))


def sizes_at(variables: Sequence[int], mentions: Sequence[int]) -> Mapping[int, Size]:
    """Return what the generators of a box are in those of its circuit, the rows of axes."""
    found = {place: Size.generator(axis) for place, axis in enumerate(variables)}
    return found | {-1 - place: Size.generator(axis) for place, axis in enumerate(mentions)}
