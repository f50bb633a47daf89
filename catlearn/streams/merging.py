"""Merging: states of parts of an axis that depend on what is before the part, by polynomials.

What a part of the indices adds to sums S may depend on what they were before it: a cumulative sum
of w times a cumulative sum of x adds the sum of w times S. Where it is a polynomial in S, parts
have states of their own, the coefficients of the map

    S  ->  S + P(S),

and one after the other is the composite, S + P(S) + P'(S + P(S)): such maps are a monoid, of
unipotent matrices where they are linear. The coefficients are sums over the part, of the normal
form in which S is known at the end alone (:mod:`catlearn.streams.normal`).

A map may be written in two ways where what is fixed stands beside S, or in a coefficient: parts
that are merged, and the whole of them, have the same sums, and the same map.

>>> from catlearn.arrays import cumsum
>>> from catlearn.streams import stream
>>> fold = stream(cumsum("[t]") >> cumsum("[t]"), "t")
>>> len(fold.kinds), len(fold.lift.cod), fold.unmerged, fold.check()
(2, 3, '', [])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count, permutations, product
from typing import NamedTuple

from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar
from catlearn.streams.nodes import Ref
from catlearn.streams.normal import MOST_TERMS, Rewriting, Term
from catlearn.streams.rules import Cocycle, StreamRefused

Factor = tuple[int, tuple[int, ...]]
"""An array, and the variables that it is read at: from 0 on those of what is written."""


class Monomial(NamedTuple):
    """What is multiplied by a coefficient: states, and what is fixed.

    Parameters
    ----------
    factors
        The arrays, each with the variables that it is read at.
    variables
        Those of the coefficient.
    """

    factors: tuple[Factor, ...]
    variables: tuple[int, ...]


def _alone(rank: int) -> Monomial:
    """Return the monomial without states, of coefficients of some rank."""
    return Monomial((), tuple(range(rank)))


class Polynomials(Rewriting):
    """A circuit from states and a block to what the block adds, as polynomials in the states.

    Parameters
    ----------
    circuit
        From states, what is fixed, blocks, and indices to what is added to each state.
    block
        The axis of the block.
    states
        How many states there are.
    rules
        The rules of one's own.
    """

    def __init__(
        self, circuit: Circuit, block: int, states: int, rules: Sequence[Cocycle]
    ) -> None:  # fmt: skip
        H = circuit.apex
        self.states = [*circuit.dom[:states]]
        self.found: dict[int, list[Term]] = {}
        self._known: dict[tuple[int, Monomial], list[int]] = {}
        self.written: dict[int, list[int]] = {}
        variables = H.lists["vars"]
        reductions = {}
        for wire in circuit.cod:
            box = H.writer[wire]
            over = [v for v in H.operations[box].targets if variables.row(box)[v] == block]
            if H.operations[box].kernel.name != "contraction" or not over:
                raise StreamRefused(H.title(box), f"{H.title(box)}: is no sum")
            reductions[box] = over[0]
        super().__init__(circuit, reductions, block, rules, self.states, through=True)

    # ------------------------------------------------------------ terms

    def _added(self, terms: list[Term]) -> list[Term]:
        """Return a sum as it stands: nothing is centred at what is earlier."""
        return terms

    def _reduced(self, box: int, v: int) -> None:
        """Note the terms of what is added."""
        own, at = self.draft.boxes[box], frozenset([v])
        names = self.locals(box, at)
        read = [self._operand(box, at, k, node) for k, node in enumerate(self.operands(box, at))
                if own.operation.readings[k] is not None]  # fmt: skip
        (wire,) = own.outs
        self.found[wire] = [self._accumulated(box, one) for one in self._multiplied(box, at, read)]
        self.written[wire] = [names[w] for w in own.operation.writes[0]]

    def is_expanded(self, wire: int) -> bool:
        """Whether the terms of an array without x are looked for: of what is made of states."""
        return wire in self.writer

    def is_before(self, wire: int) -> bool:
        """Whether an array is made before a pass: none is."""
        return False

    def is_counted(self, size: object) -> bool:
        """Whether a size is how many indices were seen at the end."""
        return False

    def no_rule(self, box: int) -> StreamRefused:
        """Return that no rule is known for the kernel of a box."""
        name = self.draft.boxes[box].operation.kernel.name
        return self.refused(box, f"{name} of what is earlier has no rule known")

    def product_refused(self, box: int, theorem: bool) -> StreamRefused:
        """Return that a product stands where only sums may."""
        why = "finite linear state (Theorem B)" if theorem else "rule known"
        reason = f"a product of what is earlier and what a block has there has no {why}"
        return self.refused(box, reason, theorem)

    # ------------------------------------------------------------ states of parts

    def monomials(self, blocks: Sequence[int]) -> list[tuple[int, Monomial]]:
        """Return what there are coefficients of, by state: those without states first.

        Parameters
        ----------
        blocks
            Of what the circuit is given, blocks and indices.

        Raises
        ------
        StreamRefused
            If what is added is no polynomial, or if there are too many terms.
        """
        for acc in self.accumulators:
            if acc.moves or acc.kind != "sum":
                raise self.refused(
                    self.writer[acc.array.wire], "is no polynomial in what is earlier"
                )
        self.terms = [self._coefficients(n, blocks) for n in range(len(self.states))]
        keys = [
            dict.fromkeys([_alone(len(self._written(n))), *own]) for n, own in enumerate(self.terms)
        ]
        while True:
            more = self._composed(keys)
            if all(found.keys() <= own.keys() for found, own in zip(more, keys, strict=True)):
                break
            keys = [{**own, **dict.fromkeys(found)} for own, found in zip(keys, more, strict=True)]
            if sum(map(len, keys)) > MOST_TERMS:
                raise self.refused(
                    self.circuit.apex.writer[self.circuit.cod[-1]],
                    f"depends on what is earlier by more than {MOST_TERMS} terms",
                )
        every = [(n, key) for n, own in enumerate(keys) for key in own]
        return sorted(every, key=lambda one: bool(one[1].factors))

    def parts(
        self, order: Sequence[tuple[int, Monomial]], fixed: Sequence[int], blocks: Sequence[int]
    ) -> tuple[Circuit, Circuit]:
        """Return the lift and the merge of states of parts.

        The lift goes from what is fixed, blocks and indices to the coefficients; the merge from
        those of two parts, and what is fixed, to those of both.

        Parameters
        ----------
        order
            What there are coefficients of.
        fixed, blocks
            Of what the circuit is given, that is the same in all blocks, and blocks and indices.
        """
        axes = [self._axes(n, key) for n, key in order]
        lifted = [self._sum(self.terms[n].get(key, ()), own).wire
                  for (n, key), own in zip(order, axes, strict=True)]  # fmt: skip
        pairs = [
            {one: self.draft.wire([self.axis_of[v] for v in own])
             for one, own in zip(order, axes, strict=True)}
            for _ in range(2)
        ]  # fmt: skip
        keys = [[key for k, key in order if k == n] for n in range(len(self.states))]
        made, merged = self._composed(keys, pairs), []
        for (n, key), own in zip(order, axes, strict=True):
            refs = [Ref(given[n, key], tuple(own)) for given in pairs]
            merged.append(self._sum([*refs, *made[n].get(key, ())], own).wire)
        both = [wire for given in pairs for wire in given.values()]
        boxes, _ = self.needed(lifted, [*fixed, *blocks])
        lift = self.part(boxes, [*fixed, *blocks], lifted)
        boxes, _ = self.needed(merged, [*both, *fixed])
        return lift, self.part(boxes, [*both, *fixed], merged)

    def _axes(self, n: int, key: Monomial) -> list[int]:
        """Return the variables of a coefficient, the same ones each time."""
        if (n, key) not in self._known:
            names = self._names(key, self._written(n))
            self._known[n, key] = [names[v] for v in key.variables]
        return self._known[n, key]

    def _sum(self, refs: Sequence[Ref], out: Sequence[int]) -> Ref:
        """Return a sum of arrays that have the same variables, in an order."""
        if len(refs) == 1 and refs[0].variables == tuple(out):
            return refs[0]
        if not refs:
            refs = [self.number(0.0)]
        kernel = Kernel("add") if len(refs) > 1 else Kernel("view")
        return self.box(kernel, refs, out, title="sum")

    def _coefficients(self, n: int, blocks: Sequence[int]) -> dict[Monomial, list[Ref]]:
        """Return the coefficients of what is added to a state, each as terms of a sum."""
        found: dict[Monomial, list[Ref]] = {}
        sums = {acc.array.wire for acc in self.accumulators}
        for term in self.found[self.circuit.cod[n]]:
            outer, local = list[Ref](), list[Ref]()
            for one in (*term.coefficients, *term.factors):
                leaves = self.needed([one.wire], [*self.states, *sums, *blocks])[1]
                if one.wire not in self.states and not {*leaves}.isdisjoint(self.states):
                    raise self.refused(self.writer[one.wire], "is no polynomial in what is earlier")
                own = sums.isdisjoint(leaves) and {*blocks}.isdisjoint(leaves)
                (outer if own else local).append(one)
            self._put(found, n, outer, local, term.scale)
        return found

    def _outside_of(
        self, n: int, every: Sequence[Ref], local: Sequence[Ref]
    ) -> tuple[list[Ref], list[Ref]]:
        """Return what is outside of a coefficient, and what is in it.

        What is fixed is outside where it is summed with a state.
        """
        outer, left = list[Ref](), [*every]
        met, written = set[int](), {*self._written(n)}
        while True:
            more = [one for one in left
                    if one.wire in self.states or not met.isdisjoint(one.variables)]  # fmt: skip
            if not more:
                return outer, [*local, *left]
            outer += more
            left = [one for one in left if one not in more]
            met |= {v for one in more for v in one.variables} - written

    def _key(
        self, n: int, outer: Sequence[Ref], local: Sequence[Ref]
    ) -> tuple[Monomial, list[dict[int, int]]]:
        """Return the monomial of a product, and the names of variables that it has by it.

        There are several where the monomial has a symmetry.
        """
        written = self._written(n)
        kept = {*written} | {v for one in outer for v in one.variables}
        used = {v for one in local for v in one.variables}

        def named(order: Sequence[Ref]) -> tuple[Monomial, dict[int, int]]:
            names = dict(zip(written, count()))
            factors = tuple(
                (one.wire, tuple(names.setdefault(v, len(names)) for v in one.variables))
                for one in order
            )
            own = range(len(written)) if not outer else sorted(names[v] for v in used & kept)
            return Monomial(factors, tuple(own)), names

        pairs = [*map(named, permutations(outer))]
        key = min(pair[0] for pair in pairs)
        found: list[dict[int, int]] = []
        for one, names in pairs:
            if one == key and names not in found:
                found.append(names)
        return key, found

    def _put(
        self, found: dict[Monomial, list[Ref]], n: int, outer: Sequence[Ref], local: Sequence[Ref],
        scale: Scalar = ONE,
    ) -> None:  # fmt: skip
        """Add a product, of which what is local is of the coefficient of its monomial.

        Coefficients have the symmetries of their monomials, so that they are those of the map.
        """
        outer, local = self._outside_of(n, outer, local)
        key, every = self._key(n, outer, local)
        axes, used = self._axes(n, key), {v for one in local for v in one.variables}
        scale = scale * Scalar(Fraction(1, len(every)))
        for names in every:
            inverse = {k: v for v, k in names.items()}
            renaming = {inverse[k]: axis for k, axis in zip(key.variables, axes, strict=True)}
            summed = {v: self.variable(self.axis_of[v], "") for v in used - {*renaming}}
            renaming |= summed
            refs = [Ref(one.wire, tuple(renaming[v] for v in one.variables)) for one in local]
            made = self.product(refs or [self.number(1.0)], scale, summed.values())
            found.setdefault(key, []).append(made)

    def _composed(
        self, keys: Sequence[Iterable[Monomial]],
        pairs: Sequence[Mapping[tuple[int, Monomial], int]] = (),
    ) -> list[dict[Monomial, list[Ref]]]:  # fmt: skip
        """Return what a later part adds after an earlier one, less what it adds alone.

        Parameters
        ----------
        keys
            The monomials that there are.
        pairs
            The coefficients of both parts; without them no arrays are made.
        """
        found = []
        for n, own in enumerate(keys):
            made: dict[Monomial, list[Ref]] = {}
            for key in own:
                names = self._names(key, self._written(n))
                local = [self._coefficient(pairs[1:], n, key, names)]
                options = [self._added_to(keys, pairs, one, names) for one in key.factors]
                for chosen in product(*options):
                    outer = [one for some, _ in chosen for one in some]
                    earlier = [one for _, some in chosen for one in some]
                    if earlier and pairs:
                        self._put(made, n, outer, [*local, *earlier])
                    elif earlier:
                        made[self._key(n, *self._outside_of(n, outer, [*local, *earlier]))[0]] = []
            found.append(made)
        return found

    def _added_to(
        self, keys: Sequence[Iterable[Monomial]],
        pairs: Sequence[Mapping[tuple[int, Monomial], int]], factor: Factor,
        names: Mapping[int, int],
    ) -> list[tuple[list[Ref], list[Ref]]]:  # fmt: skip
        """Return the addends of a factor after the earlier part: what is outside, and local."""
        wire, variables = factor
        at = tuple(names[v] for v in variables)
        found: list[tuple[list[Ref], list[Ref]]] = [([Ref(wire, at)], [])]
        if wire in self.states:
            k = self.states.index(wire)
            for key in keys[k]:
                inner = self._names(key, at)
                outer = [Ref(one, tuple(inner[v] for v in some)) for one, some in key.factors]
                found.append((outer, [self._coefficient(pairs[:1], k, key, inner)]))
        return found

    def _coefficient(
        self, given: Sequence[Mapping[tuple[int, Monomial], int]], n: int, key: Monomial,
        names: Mapping[int, int],
    ) -> Ref:  # fmt: skip
        wire = given[0][n, key] if given else -1
        return Ref(wire, tuple(names[v] for v in key.variables))

    def _written(self, n: int) -> list[int]:
        return self.written[self.circuit.cod[n]]

    def _names(self, key: Monomial, written: Sequence[int]) -> dict[int, int]:
        """Return variables for those of a monomial, where those of what is written are given."""
        names = dict(enumerate(written))
        for wire, variables in key.factors:
            for v, axis in zip(variables, self.draft.wires[wire].axes, strict=True):
                if v not in names:
                    names[v] = self.variable(axis, "")
        return names


def of_sums(circuit: Circuit) -> Circuit:
    """Return a circuit in which cumulative sums are sums over what is not later."""
    draft = Draft.of(circuit.apex)
    for k, row in enumerate(draft.boxes):
        one = row.operation
        if one.kernel.name != "cumsum":
            continue
        (v,), (reading,), s = one.targets, one.readings, len(row.vars)
        assert reading is not None
        swapped = [Form.variable(s if w == v else w) for w in range(s)]
        forms = tuple(form.substitute(swapped, lambda size: size) for form in reading.forms)
        earlier = Form.variable(v) + Form.variable(s).times(-1)
        made = replace(
            one, kernel=Kernel("contraction"), readings=(Reading(forms, 0.0, (earlier,)),),
            targets=(s,), letters=(*one.letters, ""),
        )  # fmt: skip
        draft.boxes[k] = row._replace(operation=made, vars=[*row.vars, row.vars[v]])
    return Circuit.of(draft, circuit.dom, circuit.cod)
