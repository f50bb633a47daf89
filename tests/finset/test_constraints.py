"""Constraint problems: all solutions, each once, against trying all choices."""

from itertools import product

import numpy as np
from hypothesis import given, strategies as st

from catlearn.finset.constraints import PartialFunction, Problem, Search, as_sets, solve

ends = st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda ij: ij[0] != ij[1])


@given(st.sampled_from([[0, 1, 2, 3], [0, 0, 1, 2]]), st.lists(ends, max_size=4), st.data())
def test_solutions_are_those_of_brute_force(kinds, pairs, data):
    sizes = [data.draw(st.integers(0, 3)) for _ in range(max(kinds) + 1)]
    different = [data.draw(st.booleans()) for _ in sizes]
    codes = [
        [np.array([data.draw(st.integers(0, 1)) for _ in range(sizes[kinds[x]])], int) for x in ij]
        for ij in pairs
    ]

    def fits(choice: tuple[int, ...]) -> bool:
        agree = (
            left[choice[i]] == right[choice[j]]
            for (i, j), (left, right) in zip(pairs, codes, strict=True)
        )
        alone = kinds[0] != kinds[1] or not different[0] or choice[0] != choice[1]
        return alone and all(agree)

    expected = [choice for choice in product(*(range(sizes[k]) for k in kinds)) if fits(choice)]
    problem = Problem(
        [*kinds, *range(len(sizes), len(sizes) + len(pairs))],
        [*sizes, *(2 for _ in pairs)],
        [
            (x, len(kinds) + number, PartialFunction(np.arange(side.size), side))
            for number, (pair, sides) in enumerate(zip(pairs, codes, strict=True))
            for x, side in zip(pair, sides, strict=True)
        ],
        [*different, *(False for _ in pairs)],
    )
    start = [np.arange(problem.sizes[kind]) for kind in problem.kinds]
    found = [tuple(row[:4].tolist()) for block in solve(problem, list(start)) for row in block]
    assert sorted(found) == expected
    if all(sizes):
        searched = Search(problem).run(as_sets(start))
        assert sorted(tuple(row[:4]) for row in searched) == expected
