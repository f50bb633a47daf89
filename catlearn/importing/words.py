"""Dimensions as words of axes: how an array of a program reads an array of a circuit.

A *dimension* of a program's array is a word of index variables, row-major: a reshape joins words or
splits them, a transposition moves them, a slice or a repetition changes where they read. So none of
these is an operation: an array of the program is an array of the circuit and, for each position of
that, one form over the variables of the words. Dimensions of length 1 are the empty word.

Two arrays meet dimension by dimension, at the *common refinement* of their words: (h d) and a
single axis of that length meet at (h d), and the axis is read at ``h*|d|+d``. Words without one,
(2 3) and (3 2), meet at one variable, of which the others are parts.

>>> x = Value(0, ((6,), (4,)), (Form.variable(0), Form.variable(1)))
>>> split = x.reshaped((2, 3, 4))
>>> split.words, [len(form.terms) for form in split.forms]
(((2,), (3,), (4,)), [2, 1])
>>> split.reshaped((6, 4)).words
((2, 3), (4,))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import prod
from typing import Any

from catlearn.arrays.forms import Form, IndexPart, Lookup, part
from catlearn.arrays.sizes import Size

Word = tuple[int, ...]
"""The sizes of the variables of a dimension, outermost first; all are at least 2."""


def word(size: int) -> Word:
    """Return the word of a dimension that is one variable; the empty one for length 1."""
    return () if size == 1 else (size,)


def _ends(sizes: Iterable[int]) -> set[int]:
    """Return where the variables of a word end: the products of its sizes from the right."""
    return {*accumulate(reversed([*sizes]), lambda a, b: a * b)}


def refinement(words: Iterable[Sequence[int]]) -> Word | None:
    """Return the coarsest word of which all are joins, or None if there is none.

    Examples
    --------
    >>> refinement([(6, 4), (2, 12)]), refinement([(2, 3), (3, 2)])
    ((2, 3, 4), None)
    """
    ends = sorted(set().union(*map(_ends, words)) | {1})
    found = []
    for small, large in pairwise(ends):
        if large % small:
            return None
        found.append(large // small)
    return tuple(reversed(found))


def simplified(form: Form, sizes: Sequence[int]) -> Form:
    """Return a form whose quotients and remainders are resolved where the sizes say them."""
    lengths = {v: Size.of(size) for v, size in enumerate(sizes)}

    def made(one: Form) -> Form:
        found = Form.number(one.constant)
        for atom, coefficient in one.terms:
            inner = Form.atom(atom)
            if isinstance(atom, IndexPart):
                inner = part(atom.kind, made(atom.form), atom.by, lengths)
                inner = _reduced(inner, lengths)
            elif isinstance(atom, Lookup):
                inner = Form.atom(Lookup(atom.operand, tuple(map(made, atom.forms))))
            found = found + inner.times(coefficient)
        return found

    return made(form)


def _reduced(form: Form, lengths: dict[int, Size]) -> Form:
    """Return (u div c) mod s as u div c where that is less than s, and (u mod c s) div c."""
    match form.terms:
        case ((IndexPart("mod", inner, by), one),) if one.number == 1 and not form.constant.terms:
            most = inner.range([lengths[v] for v in range(len(lengths))])
            if most is not None and (by - 1 - most[1]).is_natural and most[0].is_natural:
                return inner
    return form


def bounds(form: Form, sizes: Sequence[int]) -> tuple[int, int] | None:
    """Return the least and the greatest value of a form, or None where they are not known."""
    found = form.range([Size.of(size) for size in sizes])
    numbers = [one.number for one in found or ()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and None not in numbers else None  # type: ignore[return-value]


@dataclass(frozen=True)
class Value:
    """An array of a program: what is read, and at which index.

    Parameters
    ----------
    source
        The row of an array of the circuit; or what else is known of it, of which the forms say
        more: see :mod:`catlearn.importing.jaxpr`.
    words
        The word of each dimension. Variables are counted through all of them, in order.
    forms
        One for each position of the source.
    """

    source: Any
    words: tuple[Word, ...]
    forms: tuple[Form, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of each variable."""
        return tuple(size for word in self.words for size in word)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the program's array."""
        return tuple(map(prod, self.words))

    def places(self, dimension: int) -> range:
        """Return the variables of a dimension."""
        start = sum(map(len, self.words[:dimension]))
        return range(start, start + len(self.words[dimension]))

    def put(self, forms: Sequence[Form], words: Iterable[Word]) -> Value:
        """Put forms over the variables of other words for the variables."""
        words = tuple(words)
        sizes = [size for one in words for size in one]
        found = (simplified(one.substitute(forms), sizes) for one in self.forms)
        return Value(self.source, words, tuple(found))

    def transposed(self, order: Sequence[int]) -> Value:
        """Return it with its dimensions in another order."""
        moved = [place for dimension in order for place in self.places(dimension)]
        forms = [Form.variable(moved.index(v)) for v in range(len(moved))]
        return self.put(forms, (self.words[dimension] for dimension in order))

    def repeated(self, shape: Sequence[int], dimensions: Sequence[int]) -> Value:
        """Return it with these dimensions among those of a shape, and repeated along others."""
        words = [word(size) for size in shape]
        for own, there in enumerate(dimensions):
            if self.words[own]:
                words[there] = self.words[own]
        found = replace(self, words=tuple(words))
        forms = [
            Form.variable(v) for own, there in enumerate(dimensions) if self.words[own]
            for v in found.places(there)
        ]  # fmt: skip
        return self.put(forms, words)

    def reshaped(self, shape: Sequence[int]) -> Value:
        """Return it in another shape: words are joined and split, and made anew where they have to.

        Examples
        --------
        >>> x = Value(0, ((2,), (3,)), (Form.variable(0), Form.variable(1)))
        >>> turned = x.reshaped((3, 2))
        >>> [form.terms[0][0].kind for form in turned.forms]
        ['div', 'mod']
        """
        old, new = [*self.shape], [size for size in shape if size != 1]
        groups: list[tuple[list[int], list[int]]] = [([], [])]
        own = [k for k, size in enumerate(old) if size != 1]
        left, right = 1, 1
        while own or new:
            if left <= right and own:
                groups[-1][0].append(own.pop(0))
                left *= old[groups[-1][0][-1]]
            else:
                groups[-1][1].append(new.pop(0))
                right *= groups[-1][1][-1]
            if left == right:
                groups.append(([], []))
        forms: list[Form] = []
        words: list[Word] = []
        for dimensions, sizes in groups:
            before = [size for k in dimensions for size in self.words[k]]
            found = refinement([before, sizes])
            start = sum(map(len, words))
            if found is None:
                made, own_words = joined(sizes, before), [(size,) for size in sizes]
            else:
                made, own_words = divided(before, found), split(found, sizes)
            moved = [Form.variable(start + k) for k in range(sum(map(len, own_words)))]
            forms += [one.substitute(moved) for one in made]
            words += own_words
        every = iter(words)
        return self.put(forms, (next(every) if size != 1 else () for size in shape))

    def at_words(self, words: Sequence[Word]) -> Value:
        """Return it at finer words, or at one variable where they are no refinement."""
        forms = [
            divided(own, there) if refinement([own, there]) == there else joined(there, own)
            for own, there in zip(self.words, words, strict=True)
        ]
        return self._placed(forms, words)

    def _placed(self, forms: Sequence[Sequence[Form]], words: Sequence[Word]) -> Value:
        found, start = [], 0
        for made, there in zip(forms, words, strict=True):
            moved = [Form.variable(start + k) for k in range(len(there))]
            found += [one.substitute(moved) for one in made]
            start += len(there)
        return self.put(found, words)

    def sliced(self, dimension: int, start: int, count: int, step: int) -> Value:
        """Return some indices along a dimension: ``start + step*i``; the step may be negative."""
        own = self.words[dimension]
        if (start, count, step) == (0, prod(own), 1):
            return self
        inner = prod(own[1:])
        words = list(self.words)
        if len(own) > 1 and step == 1 and start % inner == 0 and count % inner == 0:
            words[dimension] = (*word(count // inner), *own[1:])
            index = Form.variable(0) if count != inner else Form()
            moved = [index + Form.number(start // inner)]
            moved += [Form.variable(k + (count != inner)) for k in range(len(own) - 1)]
        else:
            words[dimension] = word(count)
            index = Form.variable(0).times(step) if count != 1 else Form()
            whole = index + Form.number(start)
            moved = [one.substitute([whole]) for one in joined((prod(own),), own)]
        forms = [
            moved if k == dimension else [Form.variable(j) for j in range(len(one))]
            for k, one in enumerate(self.words)
        ]
        return self._placed(forms, words)


def divided(before: Sequence[int], fine: Sequence[int]) -> list[Form]:
    """Return the variables of a word as forms over those of a refinement."""
    found, place = [], 0
    for size in before:
        form, length = Form.variable(place), fine[place]
        while length < size:
            place += 1
            form = form.times(fine[place]) + Form.variable(place)
            length *= fine[place]
        place += 1
        found.append(form)
    return found


def joined(sizes: Sequence[int], before: Sequence[int]) -> list[Form]:
    """Return the variables of a word as parts of the index that other variables join to."""
    whole = Form()
    for k, size in enumerate(sizes):
        whole = whole.times(size) + Form.variable(k)
    lengths = {k: Size.of(size) for k, size in enumerate(sizes)}
    found, product = [], 1
    for k, size in reversed([*enumerate(before)]):
        form = part("div", whole, Size.of(product), lengths) if product > 1 else whole
        found.append(part("mod", form, Size.of(size), lengths) if k else form)
        product *= size
    return found[::-1]


def split(fine: Sequence[int], sizes: Sequence[int]) -> list[Word]:
    """Return the words of dimensions that are joins of a word's variables."""
    found, place = [], 0
    for size in sizes:
        own: list[int] = []
        while prod(own) < size:
            own.append(fine[place])
            place += 1
        found.append(tuple(own))
    return found


def met(values: Sequence[Value]) -> list[Value]:
    """Return arrays of one shape at common words, dimension by dimension."""
    words = []
    for some in zip(*(one.words for one in values), strict=True):
        found = some[0] if len({*some}) == 1 else refinement(some)
        words.append(word(prod(some[0])) if found is None else found)
    return [one if [*one.words] == words else one.at_words(words) for one in values]
