"""Laws of streams: the rules by which folds are derived, and states as a monoid.

The certificate of a fold has instances of rules. Each rule is an equation of circuits of numbers,
and a law here: for all data that an instance may have, and at all numbers, both sides agree. A fold
itself is a map of monoids, from lists of indices to states:

>>> from catlearn.arrays import logsumexp
>>> from catlearn.laws import check, fold, rules
>>> from catlearn.streams import RULES, stream
>>> bool(check(RULES, rules.only("exp of a sum", "unit"), max_examples=3))
True
>>> states = States(stream(logsumexp("[v] -> "), "v"), [np.arange(7.0)])
>>> bool(check(states, fold, max_examples=5))
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import comb, inf
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from catlearn.arrays import Circuit
from catlearn.arrays.boxes import Draft
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.sizes import Size
from catlearn.laws.algebra import MONOID, commutative_monoid
from catlearn.laws.law import Comparison, Law, compare
from catlearn.laws.signature import Signature, Spec
from catlearn.streams import RULES, Fold, StreamRule
from catlearn.streams.rules import apart, equations, sides
from catlearn.typesetting import prose_latex

Data = Mapping[str, Any]


def _only(**data: Any) -> st.SearchStrategy[Data]:
    return st.just(data)


def _distributed(addends: Sequence[int]) -> Data:
    return {"addends": tuple(addends), "products": tuple(product(*map(range, addends)))}


def _binomials(most: int) -> Data:
    rows = (tuple(comb(k, j) for j in range(k + 1)) for k in range(most + 1))
    return {"coefficients": tuple(rows)}


DATA: Mapping[str, st.SearchStrategy[Data]] = {
    "distribution": st.lists(st.integers(1, 2), min_size=2, max_size=3).map(_distributed),
    "exp of a sum": _only(sign=1),
    "log of a product": _only(sign=1),
    "indicator": st.sampled_from([0.0, 0.5, -1e3]).map(lambda c: {"outside": c, "inside": 0.0}),
    "fill": st.sampled_from([inf, -inf]).map(lambda c: {"outside": c}),
    "greatest": _only(sign=1),
    "sum": st.permutations(range(3)).map(lambda order: {"order": tuple(order)}),
    "larger": st.permutations(range(3)).map(lambda order: {"order": tuple(order)}),
    "prefix": st.tuples(st.sampled_from(["add", "larger"]), st.permutations(range(3))).map(
        lambda pair: {"name": pair[0], "order": tuple(pair[1])}
    ),
    "rounds": _only(kept=1.0),
    "affine maps": _only(by=1),
    "decays": st.tuples(*[st.sampled_from([-1.0, 0.0, 1.0])] * 2).map(
        lambda pair: {"weight": pair[0], "add": pair[1], "by": 0}
    ),
    "polynomial maps": st.just({"by": 2}),
    "unit": _only(empty=-inf),
    "cocycle of exp": _only(sign=1),
    "cocycle of powers": st.integers(1, 2).map(_binomials),
}
"""What instances of each rule may have as data."""


def _agree(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return not any(apart(a, b).any() for a, b in zip(one, other, strict=True))


def _holds(rule: StreamRule, data: Data, seed: int) -> Comparison:
    """Compare the sides of a rule, the first that differ if there are several."""
    found = []
    for text, one, other in equations(rule, tuple(data.items())):
        _, left, right = sides(one, other, np.random.default_rng(seed))
        found.append(compare(left, right, *text.partition(": ")[0].split(" = ", 1), by=_agree))
    return next((one for one in found if not one), found[0])


def _law(name: str) -> Law:
    return Law(
        name,
        prose_latex(RULES[name].law),
        {"data": f"data of {name}", "seed": "seed"},
        lambda C, data, seed: _holds(C[name], data, seed),
        text=RULES[name].law,
        when=lambda C: name in C,
    )


OWN = Law(
    "own cocycles",
    r"F(x, r') = T(r, r') F(x, r),\ T(r, r) = 1,\ T(r, r'') = T(r', r'') T(r, r')",
    {"own": "rule of one's own", "seed": "seed"},
    lambda C, own, seed: _holds(C[own], {}, seed),
    text="F(x, r') = T(r, r') F(x, r), T(r, r) = 1, T(r, r'') = T(r', r'') T(r, r')",
    when=lambda C: bool({*C} - {*RULES}),
)


def _drawn(C: Mapping[str, StreamRule], given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Callable[[], Any]] = {
        f"data of {name}": lambda some=some: some for name, some in DATA.items()
    }
    found["seed"] = lambda: st.integers(0, 2**16)
    found["rule of one's own"] = lambda: st.sampled_from(sorted({*C} - {*RULES}))
    return found


rules = Spec(
    "certificate",
    (*map(_law, RULES), OWN),
    _drawn,
    source="the theory of this package, Streams, 2 and 5",
)
"""The rules of certificates: a mapping of rules by name, :data:`~catlearn.streams.RULES`, perhaps
with cocycles of one's own."""


# ---------------------------------------------------------------- states


class Cut(NamedTuple):
    """Where a list of indices begins, is cut, and ends."""

    start: int
    middle: int
    end: int


class States:
    """The states of a fold at some arrays, with their merge, to be checked: None is the unit.

    Parameters
    ----------
    fold
        The fold.
    arrays
        What it is given; the axis of the fold has at least 3 indices.
    """

    unit = None

    def __init__(self, fold: Fold, arrays: Sequence[Any]) -> None:
        self.fold = fold
        made = evaluate(fold.head, arrays)
        self.fixed, self.entries = made[: fold.fixed], made[fold.fixed :]
        self.length = self.entries[0].shape[fold.entries[0]]

    def run(self, part: Circuit, arrays: Sequence[Any]) -> list[np.ndarray]:
        """Run a part of the fold, where the axis has its length."""
        draft = Draft.of(part.apex)
        draft.axes[self.fold.axis] = (
            draft.axes[self.fold.axis][0],
            frozenset([Size.of(self.length)]),
        )
        return evaluate(Circuit.of(draft, part.dom, part.cod), arrays)

    def lift(self, start: int, end: int) -> Any:
        """Return the state of some indices; the unit of none."""
        if start == end:
            return None
        index = np.arange(start, end)
        read = [np.take(one, index, axis)
                for one, axis in zip(self.entries, self.fold.entries, strict=True)]  # fmt: skip
        return self.run(self.fold.lift, [*self.fixed, *read, index])

    def multiply(self, one: Any, other: Any) -> Any:
        """Return two states merged."""
        if one is None or other is None:
            return other if one is None else one
        return self.run(self.fold.merge, [*one, *other, *self.fixed])

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two states agree, up to rounding."""
        if one is None or other is None:
            return one is other
        return all(np.allclose(a, b, 1e-8, 1e-8, equal_nan=True)
                   for a, b in zip(one, other, strict=True))  # fmt: skip

    @property
    def cuts(self) -> st.SearchStrategy[Cut]:
        """Lists of indices that are cut in two."""
        ends = st.lists(st.integers(0, self.length), min_size=3, max_size=3)
        return ends.map(lambda some: Cut(*sorted(some)))

    @property
    def elements(self) -> st.SearchStrategy[Any]:
        """States of lists of indices."""
        return self.cuts.map(lambda cut: self.lift(cut.start, cut.end))


STATES = Signature(
    operations={
        "whole(c: cut): element": lambda S, c: S.lift(c.start, c.end),
        "before(c: cut): element": lambda S, c: S.lift(c.start, c.middle),
        "after(c: cut): element": lambda S, c: S.lift(c.middle, c.end),
    },
    compose="*",
    alias={"element": '"•" -> "•"'},
    extends=MONOID,
)
"""States of a fold with their merge, and those of lists of indices that are cut in two."""


def _states(S: States, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"element": lambda: S.elements, "cut": lambda: S.cuts}


fold = Spec(
    "fold",
    (
        *commutative_monoid.laws,
        STATES.law("lists of indices", "before(c) * after(c) = whole(c)", "c: cut"),
    ),
    _states,
    source="the theory of this package, Streams, 1",
    signature=STATES,
)
"""A fold: its :class:`States` are a commutative monoid, to which lists of indices are mapped."""
