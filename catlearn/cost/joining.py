"""Joining objectives: a sum in which some variables are identified.

The variables of the sum are a colimit of finite sets, computed by the one engine; the costs add.

>>> from catlearn.cost import Objective, join
>>> part = Objective(("x", "y"), {"d(x, y)": 1})
>>> whole, renamings = join([part, part], [((0, "y"), (1, "x"))])
>>> print(whole)
L(x, y, y.1) = d(x, y) + d(y, y.1)
>>> renamings
[{'x': 'x', 'y': 'y'}, {'x': 'y', 'y': 'y.1'}]
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from catlearn.cost.objective import Objective, Term, aggregator_failure
from catlearn.errors import InvalidStructure
from catlearn.finset import Diagram, FinFunction, FinSet, colimit

Member = tuple[int, str]


def join(
    objectives: Sequence[Objective],
    pairs: Iterable[tuple[Member, Member]],
    seen: Iterable[Member] = (),
) -> tuple[Objective, list[dict[str, str]]]:
    """Return the sum of objectives with pairs of variables identified, and the renamings.

    Parameters
    ----------
    objectives
        Objectives of one aggregator; constants of equal name are one.
    pairs
        Which variables are one: each is the number of an objective and a name.
    seen
        Variables that keep their names before others do; where names clash, the later one gets a
        number, as in ``x.1``.

    Returns
    -------
    tuple
        The sum, and where the variables of each objective went.
    """
    mixed = [
        aggregator_failure(objectives[0], o)
        for o in objectives
        if o.aggregator != objectives[0].aggregator
    ]
    if mixed:
        raise InvalidStructure("composition", mixed)
    rows = [{v: k for k, v in enumerate(o.parameters)} for o in objectives]
    sets = [FinSet(len(o.parameters)) for o in objectives]
    arrows = []
    for number, pair in enumerate(pairs, start=len(sets)):
        arrows += [(number, k, FinFunction([rows[k][v]], FinSet(1), sets[k])) for k, v in pair]
        sets.append(FinSet(1))
    places = range(len(objectives))
    glued = colimit(Diagram(sets, arrows, legs=places, names=map(str, places), of=FinSet(0)))
    taken = {c for o in objectives for c in o.constants}
    names: dict[int, str] = {}
    everyone = ((k, v) for k in places for v in objectives[k].parameters)
    for k, v in (*seen, *everyone):
        row = glued.legs[k](rows[k][v])
        if row not in names:
            tries = (v if n == 0 else f"{v}.{n}" for n in itertools.count())
            names[row] = next(name for name in tries if name not in taken)
            taken.add(names[row])
    renamings = [
        {v: names[leg(row)] for v, row in of.items()}
        for leg, of in zip(glued.legs, rows, strict=True)
    ]
    terms = [
        Term(t.atom.rename(to), t.weight)
        for o, to in zip(objectives, renamings, strict=True)
        for t in o.terms
    ]
    aggregator = objectives[0].aggregator if objectives else "sum"
    parameters = [names[row] for row in range(len(glued.apex))]
    return Objective(parameters, terms, aggregator, check=False), renamings
