"""Recurrences: states that go from one round to the next, as entries in normal form.

States s with s_0 = start and s_(t+1) = next(t, s_t) are known by these two, as entries. A state is
named by a variable, and each of its positions by one; so the entry of a state at the start of round
t is a node that binds names, positions and rounds, and holds an equation for each state that it
depends on. States, their positions and their order have no names outside of the node, and are
ordered as operands and bound variables are.

* a state that is read at the index that it is written at, and nowhere else, is one recurrence for
  each such index, which stays free: so readings slide past rounds;
* a state that stays as it starts is what it starts from;
* states that start alike, and follow alike from states that are alike, are one (the greatest such
  relation: partition refinement, as of automata).

>>> from catlearn.arrays import add, copy, relu, view
>>> f = (add >> copy(2)).scan("t")
>>> bool((f >> copy(1) @ relu).equal((add >> copy(2) >> copy(1) @ relu).scan("t")))
True
"""

from __future__ import annotations

from collections.abc import Sequence

from catlearn.arrays.entries import ROUNDS, Call, Entries
from catlearn.arrays.forms import Form
from catlearn.arrays.sizes import ZERO

Array = tuple[tuple[int, ...], Call]
"""The variables of an array, and its entry there."""


class Recurrence:
    """States that go round, in a table of entries.

    Parameters
    ----------
    table
        Where entries are interned.
    round
        The variable of the rounds.
    starts
        What each state is before the first round.
    """

    def __init__(self, table: Entries, round: int, starts: Sequence[Array]) -> None:
        self.table, self.round, self.starts = table, round, [*starts]
        self.names = [table.variable(ZERO) for _ in starts]
        self.places = [tuple(table.variable(table.sizes[v]) for v in own) for own, _ in starts]
        self.alike: list[int | None] = [*range(len(starts))]
        """The first state that each is alike to, or None where it stays as it starts."""
        self.following: list[Call] = []

    @property
    def moving(self) -> list[int]:
        """The states that change, of alike ones the first."""
        return [k for k, one in enumerate(self.alike) if one == k]

    def shown(self, k: int) -> Array:
        """Return what stands for a state in a round."""
        (own, start), alike = self.starts[k], self.alike[k]
        return own, start if alike is None else self._state(alike, own)

    def _state(self, k: int, own: Sequence[int]) -> Call:
        places, at = map(Form.variable, self.places[k]), map(Form.variable, own)
        return self.table.state(Form.variable(self.names[k]), zip(places, at, strict=True))

    def settled(self, following: Sequence[Array]) -> bool:
        """Take the entry of each state after a round; say whether none stays, or is like another.

        Otherwise what is shown has changed, and a round has to be followed again.
        """
        table, read = self.table, self.table.read
        self.following = [
            read(call, put(at, own))
            for (at, call), (own, _) in zip(following, self.starts, strict=True)
        ]
        moving = self.moving
        still = {k for k in moving if self.following[k] == self.shown(k)[1]}
        if still:
            self.alike = [None if one in still else one for one in self.alike]
            return False
        classes = {k: self._seen(k, self.starts[k][1]) for k in moving}
        while len({*classes.values()}) < len(moving):
            first = {c: k for k, c in reversed(classes.items())}
            alike = {k: first[c] for k, c in classes.items()}
            names = dict[int, Form]()
            for k, one in alike.items():
                names |= put([self.names[k]], [self.names[one]])
                names |= put(self.places[k], self.places[one])
            finer = {
                k: table.number((c, self._seen(k, read(self.following[k], names))))
                for k, c in classes.items()
            }
            if len({*finer.values()}) == len(first):
                self.alike = [one if one is None else alike.get(one, one) for one in self.alike]
                return False
            classes = finer
        return True

    def _seen(self, k: int, call: Call) -> int:
        """Return the number of an entry, where the variables of a state stand for its places."""
        own = self.starts[k][0]
        args = tuple((0, own.index(v)) if v in own else (1, v) for v in call[1])
        return self.table.number((tuple(self.table.sizes[v] for v in own), call[0], args))

    def entry(self, k: int) -> Array:
        """Return a state at the start of the round that the variable of the rounds is."""
        own, alike = self.starts[k][0], self.alike[k]
        if alike is None:
            return self.starts[k]
        return own, self.table.read(self._solved(alike), put(self.starts[alike][0], own))

    def _solved(self, asked: int) -> Call:
        """Return the entry of a state: an equation for each state that it depends on."""
        table, variable = self.table, Form.variable
        needed, index = self._needed(asked)
        fixed = {place: Form() for place, v in index.items() if v is not None}
        round = table.variable(table.sizes[self.round])
        bound: dict[int, str] = {round: "round"}
        equations = []
        whole: list[tuple[str, tuple[Form, ...]]] = []
        for state in needed:
            (own, start), places = self.starts[state], self.places[state]
            free = [index[place] for place in places]
            new = [
                table.variable(table.sizes[v]) if at is None else at
                for v, at in zip(own, free, strict=True)
            ]
            inner = [k for k, at in enumerate(free) if at is None]
            names = fixed | put(own, new) | {self.round: variable(round)}
            parts = [("start", table.read(start, put(own, new))),
                     ("next", table.read(self.following[state], names))]  # fmt: skip
            at: list[tuple[str, tuple[Form, ...]]]
            at = [("state", (variable(self.names[state]),)),
                  *(("at", (variable(places[k]), variable(new[k]))) for k in inner)]  # fmt: skip
            made = table.apply(("equation",), parts, {new[k]: "index" for k in inner}, at)
            equations.append(("holds", made))
            bound |= {self.names[state]: "state", **{places[k]: "place" for k in inner}}
            if state == asked:
                whole = [*at[:1], ("round", (variable(self.round),))]
                whole += [("at", (variable(places[k]), variable(own[k]))) for k in inner]
        return table.apply(ROUNDS, equations, bound, whole)

    def _needed(self, asked: int) -> tuple[list[int], dict[int, int | None]]:
        """Return the states that one depends on, and at which of its indices they are read.

        The latter is for each place of a state a variable of the one that is asked for, if it is
        read at that alone, else None.
        """
        state_of = {v: k for k, v in enumerate(self.names)}
        state_of |= {v: k for k, places in enumerate(self.places) for v in places}
        index: dict[int, int | None] = dict(
            zip(self.places[asked], self.starts[asked][0], strict=True)
        )
        needed, left = {asked: None}, [asked]
        while left:
            k = left.pop()
            own = dict(zip(self.starts[k][0], self.places[k], strict=True))
            node, args = self.following[k]
            for name in args:
                if name in state_of and state_of[name] not in needed:
                    needed[state_of[name]] = None
                    left.append(state_of[name])
            for a, b in self.table.states_in(node):
                place, at = args[a], own.get(args[b]) if b >= 0 else None
                if place not in state_of:
                    continue
                value = None if at is None else index[at]
                if place not in index or index[place] not in (None, value):
                    index[place] = value if place not in index else None
                    left.append(state_of[place])
        return list(needed), index


def put(variables: Sequence[int], others: Sequence[int]) -> dict[int, Form]:
    """Return what puts variables for others."""
    return {v: Form.variable(w) for v, w in zip(variables, others, strict=True)}
