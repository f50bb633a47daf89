"""Entries: what stands at an index of an array, as an interned expression in normal form.

The *entry* of an array at index variables is the term that is got by following boxes back: inputs
and parameters at forms, kernels of entries, sums over bound variables. Readings disappear by
substitution. What stays is simplified by laws that hold for every meaning of the kernels:

* nested contractions are one (the pushout of their cospans): a product of factors with
  multiplicities and a scalar, where what is summed over is a factor for each connected part;
* nested sums of arrays are one, with multiplicities;
* a variable that is summed over, and stands nowhere, is a scalar, its size;
* parts of forms are reduced, and a sum over h and d that stand only as ``h*|d| + d`` is one over
  the joined axis;
* conditions with equal outside values are united, and move outward past what keeps that value.

Operands of sums and products, and bound variables, have no order: a node is interned by the least
key that an order of its variables gives, found by colour refinement and individualisation. So two
entries are the same node if and only if they are equal modulo these laws.

>>> table = Entries()
>>> i, j = table.variable(Size.of("m")), table.variable(Size.of("m"))
>>> x = [table.array("x", (Form.variable(i), Form.variable(v))) for v in (i, j)]
>>> table.product([(x[0], 1), (x[1], 1)]) == table.product([(x[1], 1), (x[0], 1)])
True
>>> table.array("x", (Form.variable(j), Form.variable(i)))[0] == x[1][0]
True
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import gcd
from typing import Any, NamedTuple

from catlearn.arrays.forms import Change, Form, IndexPart, Lookup, quotient
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size
from catlearn.errors import TooLarge

MOST_LEAVES = 5040
"""The most orders of what is tied that are tried."""

MOST_NODES = 1_000_000
"""The most nodes of entries."""

MOST_TERMS = 32
"""How many terms a sum has that is written out; one of more is a tree of sums."""

BITS, LEVELS = 4, 8
"""How many bits of the number of a term say in which branch it is, and how often they do."""

MOST_COPIES = 100
"""The most copies of one sum in a product that is summed over."""

ROUNDS = ("rounds",)
"""The kernel of a state after some rounds; see :mod:`catlearn.arrays.recurrences`."""

STATE = ("state",)
"""The kernel of a state that goes round; see :mod:`catlearn.arrays.recurrences`."""

Call = tuple[int, tuple[int, ...]]
"""A node, and the variables that stand for its free ones."""

Item = tuple[Hashable, int | None, tuple[Any, ...]]
"""What a node has in it: a label, and a call; or, without a node, forms."""


@dataclass(frozen=True)
class Node:
    """An entry with its variables numbered, the free ones first.

    Parameters
    ----------
    head
        What it is.
    free
        How many of its variables are free.
    sizes
        Of its variables.
    roles
        Of its bound variables.
    items
        What it has in it.
    symmetries
        The orders of its free variables in which it is the same, but for the one that it has.
    parts, pairs
        Which of its free variables stand in parts, and by what they are divided if they are
        alone; and pairs h, d of them
        that stand as ``h*|d| + d``.
    """

    head: Hashable
    free: int
    sizes: tuple[Size, ...]
    roles: tuple[Hashable, ...]
    items: tuple[Item, ...]
    symmetries: tuple[tuple[int, ...], ...] = ()
    parts: frozenset[tuple[int, Size | None]] = frozenset()
    pairs: frozenset[tuple[int, int]] = frozenset()


class Group(NamedTuple):
    """Items of a node that are alike but for their labels and nodes, which a tag stands for."""

    tag: int
    leaf: bool
    args: tuple[Any, ...]
    same: Any
    variables: dict[int, None]


def variables_of(items: Iterable[Item]) -> dict[int, None]:
    """Return the variables of items, in the order in which they occur."""
    found: dict[int, None] = {}
    for _, node, args in items:
        if node is None:
            for form in args:
                found.update(dict.fromkeys(sorted(form.variables)))
        else:
            found.update(dict.fromkeys(args))
    return found


@dataclass
class Product:
    """A product of factors with multiplicities, times a scalar, and 0 where a condition fails."""

    scale: Scalar = ONE
    factors: dict[Call, int] = field(default_factory=dict)
    conditions: set[Form] = field(default_factory=set)

    def times(self, other: Product, count: int = 1) -> None:
        """Multiply by a power of another."""
        if other.scale != ONE:
            self.scale = self.scale * other.scale**count
        for call, many in other.factors.items():
            self.factors[call] = self.factors.get(call, 0) + many * count
        self.conditions |= other.conditions


class Entries:
    """A table of interned entries; those of two circuits that are compared are in one.

    A variable is a number, with a size. Constructors take calls over variables, and return one;
    ``laws`` are those that simplified something.
    """

    def __init__(self) -> None:
        self.sizes: list[Size] = []
        self.nodes: list[Node] = []
        self.laws: dict[str, None] = {}
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[Hashable, int] = {}
        self._made: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
        self._read: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
        self._states: dict[int, frozenset[tuple[int, int]]] = {}

    def variable(self, size: Size) -> int:
        """Return a new variable."""
        self.sizes.append(size)
        return len(self.sizes) - 1

    def number(self, value: Hashable) -> int:
        """Return the number of a value: equal values have one."""
        return self._numbers.setdefault(value, len(self._numbers))

    # ------------------------------------------------------------ nodes and their order

    def make(
        self, head: Hashable, items: Sequence[Item], bound: Mapping[int, Hashable] | None = None
    ) -> Call:
        """Return the node of items, where some variables are bound, each with a role."""
        bound = bound or {}
        every = [*variables_of(items)]
        free = [v for v in every if v not in bound]
        every = [*free, *(v for v in every if v in bound)]
        place = {v: k for k, v in enumerate(every)}
        local = self._moved(items, place)
        sizes = tuple(self.sizes[v] for v in every)
        roles = tuple(bound[v] for v in every[len(free) :])
        raw = head, len(free), sizes, roles, local
        if raw not in self._made:
            self._made[raw] = self._interned(*raw)
        number, order = self._made[raw]
        return self.call(number, tuple(every[k] for k in order))

    def _moved(self, items: Sequence[Item], names: Mapping[int, int]) -> tuple[Item, ...]:
        """Return items over other variables."""
        calls = {args: () for _, node, args in items if node is not None}
        calls = {args: tuple(map(names.__getitem__, args)) for args in calls}
        return tuple(
            (label, node, calls[args] if node is not None
             else tuple(self._renamed(form, names) for form in args))
            for label, node, args in items
        )  # fmt: skip

    def call(self, node: int, args: tuple[int, ...]) -> Call:
        """Return a call; of equal ones the least."""
        symmetries = self.nodes[node].symmetries
        if symmetries:
            args = min(args, *(tuple(args[k] for k in one) for one in symmetries))
        return node, args

    def _interned(
        self, head: Hashable, free: int, sizes: tuple[Size, ...], roles: tuple[Hashable, ...],
        items: tuple[Item, ...],
    ) -> tuple[int, tuple[int, ...]]:  # fmt: skip
        """Return the node, and which of the variables stands at each of its free places."""
        colours = {
            v: self.number((size, "free" if v < free else roles[v - free]))
            for v, size in enumerate(sizes)
        }
        alike: dict[tuple[Any, ...], list[int]] = {}
        for label, node, args in items:
            same = None if node is None else self.nodes[node].symmetries
            alike.setdefault((node is None, args, same), []).append(self.number((label, node)))
        groups = [
            Group(self.number(tuple(sorted(tags))), leaf, args, same,
                  variables_of([("", None, args)]) if leaf else dict.fromkeys(args))
            for (leaf, args, same), tags in alike.items()
        ]  # fmt: skip
        leaves = [
            (tuple(sorted(self.seen(group, place) for group in groups)), order)
            for order in self.orders(groups, colours, free)
            for place in [{v: k for k, v in enumerate(order)}]
        ]
        least = min(leaves)[0]
        orders = [order for key, order in leaves if key == least]
        order = orders[0]
        key = (
            self.number(head), free, tuple(sizes[v] for v in order),
            tuple(roles[v - free] for v in order[free:]), least,
        )  # fmt: skip
        if key not in self._known:
            if len(self.nodes) >= MOST_NODES:
                raise TooLarge(f"more than {MOST_NODES:,} entries")
            place = {v: k for k, v in enumerate(order)}
            same = {tuple(place[v] for v in one[:free]) for one in orders} - {tuple(range(free))}
            kept = order == tuple(range(len(order)))
            moved = items if kept else self._moved(items, place)
            parts, pairs = self._traits(moved, key[2])
            self._known[key] = len(self.nodes)
            self.nodes.append(Node(
                head, free, key[2], key[3], moved, tuple(sorted(same)),
                frozenset((v, by) for v, by in parts if v < free),
                frozenset((h, d) for h, d in pairs if h < free and d < free),
            ))  # fmt: skip
        return self._known[key], order[:free]

    def orders(
        self, groups: Sequence[Group], colours: dict[int, int], free: int
    ) -> Iterator[tuple[int, ...]]:
        """Find orders of variables that do not depend on their names, the free ones first.

        Colours are refined, and of those that are tied each is tried to be the first.
        """
        left, found = [colours], 0
        while left:
            colours = self.refined(groups, left.pop())
            members: dict[int, list[int]] = {}
            for v, colour in colours.items():
                members.setdefault(colour, []).append(v)
            tied = [colour for colour, some in members.items() if len(some) > 1]
            if tied:
                first = min(tied)
                one_of = self.number(("one of", first))
                left += ({**colours, v: one_of} for v in reversed(members[first]))
                continue
            found += 1
            if found > MOST_LEAVES:
                raise TooLarge(f"more than {MOST_LEAVES} orders of what is tied")
            yield tuple(sorted(colours, key=lambda v: (v >= free, colours[v])))

    def refined(self, groups: Sequence[Group], colours: dict[int, int]) -> dict[int, int]:
        """Tell variables apart by where they stand among others, as far as that goes."""
        classes = len({*colours.values()})
        while classes < len(colours):
            seen: dict[int, list[int]] = {v: [] for v in colours}
            for group in groups:
                for v in group.variables:
                    seen[v].append(self.seen(group, {**colours, v: -1 - colours[v]}))
            now = {v: self.number((colours[v], tuple(sorted(seen[v])))) for v in seen}
            if len({*now.values()}) == classes:
                return colours
            colours, classes = now, len({*now.values()})
        return colours

    def seen(self, group: Group, at: Mapping[int, int]) -> int:
        """Return the number of a group of items, where variables are shown as numbers."""
        if group.leaf:
            forms = tuple(self._shown(form, at) for form in group.args)
            return self.number((group.tag, forms))
        return self.number((group.tag, self._least(group.args, group.same, at)))

    @staticmethod
    def _least(args: Sequence[int], same: Any, at: Mapping[int, int]) -> tuple[int, ...]:
        seen = tuple(map(at.__getitem__, args))
        return min(seen, *(tuple(seen[k] for k in one) for one in same)) if same else seen

    def _shown(self, form: Form, at: Mapping[int, int]) -> int:
        """Return the number of a form, where variables are shown as numbers."""
        terms = []
        for atom, coefficient in form.terms:
            if isinstance(atom, int):
                made: Any = (0, at[atom])
            elif isinstance(atom, IndexPart):
                made = (1, atom.kind, self._shown(atom.form, at), atom.by)
            else:
                args = [inner.wiring for inner in atom.forms]
                same = self.nodes[atom.operand].symmetries
                made = (2, atom.operand, self._least(args, same, at))  # type: ignore[arg-type]
            terms.append(self.number((self.number(made), coefficient)))
        return self.number((tuple(sorted(terms)), form.constant))

    def _renamed(self, form: Form, names: Mapping[int, int]) -> Form:
        """Return a form with other variables, and nothing simplified."""
        wired = form.wiring
        if wired is not None:
            return Form.variable(names[wired])
        return form.rewritten(lambda v: Form.variable(names[v]))

    def opened(self, call: Call) -> tuple[Node, list[Item], dict[int, Hashable]]:
        """Return a node, its items over the variables of a call, and those that are bound."""
        node, args = self.nodes[call[0]], call[1]
        fresh = [self.variable(size) for size in node.sizes[node.free :]]
        names = dict(enumerate((*args, *fresh)))
        return node, [*self._moved(node.items, names)], dict(zip(fresh, node.roles, strict=True))

    # ------------------------------------------------------------ substitution

    def read(self, call: Call, forms: Mapping[int, Form]) -> Call:
        """Return an entry with forms put for variables; what it is made of comes first."""
        number, given = call[0], tuple(forms.get(v, Form.variable(v)) for v in call[1])
        found, left = self._made_of(number, given), [(number, given)]
        while found is None:
            one, at = left[-1]
            node = self.nodes[one]
            names = [*at, *map(Form.variable, map(self.variable, node.sizes[node.free :]))]
            inner = ((k, tuple(names[v] for v in args)) for k, args in self._calls(node))
            more = [pair for pair in inner if self._made_of(*pair) is None]
            left += more
            if not more:
                args = tuple(map(self.variable, node.sizes[: node.free]))
                made = self._rebuilt((one, args), dict(zip(args, at, strict=True)))
                pattern, place = self._pattern(one, at)
                self._read[pattern] = made[0], tuple(map(place.__getitem__, made[1]))
                left.pop()
                found = None if left else self._made_of(number, given)
        return found

    def _pattern(self, number: int, given: tuple[Form, ...]) -> tuple[Hashable, dict[int, int]]:
        """Return what is the same for a node at forms in any variables, and these in order."""
        inner = variables_of([("", None, given)])
        place = {v: k for k, v in enumerate(inner)}
        forms = tuple(self._renamed(form, place) for form in given)
        return (number, forms, tuple(self.sizes[v] for v in inner)), place

    def _made_of(self, number: int, given: tuple[Form, ...]) -> Call | None:
        """Return a node at forms, if they are other variables, or it is known."""
        wired = [form.wiring for form in given]
        plain = tuple(v for v in wired if v is not None)
        sizes = self.nodes[number].sizes
        if len({*plain}) == len(wired) and all(
            size == self.sizes[v] for size, v in zip(sizes, plain, strict=False)
        ):
            return self.call(number, plain)
        pattern, place = self._pattern(number, given)
        if pattern not in self._read:
            return None
        found, inner = self._read[pattern], [*place]
        return self.call(found[0], tuple(inner[k] for k in found[1]))

    def _rebuilt(self, call: Call, forms: Mapping[int, Form]) -> Call:
        node, items, bound = self.opened(call)
        calls = [(label, self.read((inner, args), forms))
                 for label, inner, args in items if inner is not None]  # fmt: skip
        leaves = [(label, tuple(self.form(one, forms) for one in args))
                  for label, inner, args in items if inner is None]  # fmt: skip
        kind = node.head[0]  # type: ignore[index]
        if kind == "array":
            return self.array(*leaves[0])
        if kind == "guard":
            conditions = [args[0] for _, args in leaves]
            return self.guard(conditions, node.head[1], calls[0][1])  # type: ignore[index]
        if kind == "add":
            return self.add((inner, _multiplicity(label)) for label, inner in calls)
        if kind == "mul":
            found = Product(node.head[1])  # type: ignore[index]
        elif kind == "sum":
            found = Product(conditions={args[0] for _, args in leaves})
        elif node.head[1] == STATE:  # type: ignore[index]
            pairs = [args for label, args in leaves if label == "at"]
            ((name,),) = (args for label, args in leaves if label == "state")
            return self.state(name, pairs)  # type: ignore[arg-type]
        else:
            return self.apply(node.head[1], calls, bound, leaves)  # type: ignore[index]
        for label, inner in calls:
            found.times(self.as_product(inner), int(label))  # type: ignore[arg-type]
        return self.total(found, bound)

    def form(self, form: Form, forms: Mapping[int, Form]) -> Form:
        """Return a form with forms put for variables, and its parts reduced."""

        def looked_up(one: Lookup, _: Change) -> Form:
            return self.looked_up(self.read((one.operand, tuple(map(_variable, one.forms))), forms))

        return _whole(form.rewritten(
            lambda v: forms.get(v, Form.variable(v)),
            part=lambda one, change: self.part(one.kind, _whole(change(one.form)), one.by),
            lookup=looked_up,
        ))  # fmt: skip

    def looked_up(self, call: Call) -> Form:
        """Return the form that is an entry of an array of naturals."""
        return Form.atom(Lookup(call[0], tuple(map(Form.variable, call[1]))))

    def part(self, kind: str, form: Form, by: Size) -> Form:
        """Return a quotient or remainder; what is a multiple of the divisor is taken out.

        With ``u = c q + r`` and 0 <= r < c, u div (c b) is q div b, and u mod (c b) is
        ``c (q mod b) + r``.
        """
        if by.number == 1:
            return form if kind == "div" else Form()
        if len(form.terms) == 1 and not form.constant.terms and form.terms[0][1].number == 1:
            atom = form.terms[0][0]
            if isinstance(atom, IndexPart):
                if atom.kind == kind == "div":
                    return self.part("div", atom.form, atom.by * by)
                rest = quotient(atom.by, by)
                if atom.kind == "mod" and rest is not None:
                    inner = self.part(kind, atom.form, by)
                    return self.part("mod", inner, rest) if kind == "div" else inner
        units = {by, *(c for _, c in form.terms if quotient(by, c) is not None)}
        for unit in sorted(units, key=lambda one: (one != by, one.terms)):
            multiple, rest = Form(), Form()
            for atom, c in (*form.terms, (None, form.constant)):
                one = Form.number(1) if atom is None else Form.atom(atom)
                times = quotient(c, unit)
                if times is None:
                    rest = rest + one.times(c)
                else:
                    multiple = multiple + one.times(times)
            left = quotient(by, unit)
            if left is None or unit.number == 1 or not self.inside(rest, unit):
                continue
            self.laws.setdefault("parts of c q + r are q and r")
            if left.number == 1:
                return multiple if kind == "div" else rest
            found = self.part(kind, multiple, left)
            return found if kind == "div" else _whole(found.times(unit) + rest)
        if self.inside(form, by):
            return Form() if kind == "div" else form
        return Form.atom(IndexPart(kind, form, by))

    def inside(self, form: Form, size: Size) -> bool:
        """Whether a form is shown to lie in an axis of a size."""
        if len(form.terms) == 1 and not form.constant.terms and form.terms[0][1].number == 1:
            atom = form.terms[0][0]
            if isinstance(atom, IndexPart) and atom.kind == "div":
                return self.inside(atom.form, size * atom.by)
        found = form.range(self.sizes)
        return found is not None and found[0].is_natural and (size - 1 - found[1]).is_natural

    # ------------------------------------------------------------ constructors

    def array(self, label: Hashable, forms: tuple[Form, ...]) -> Call:
        """Return an entry of an input, a parameter or a sample."""
        return self.make(("array",), [(label, None, forms)])

    def state(self, name: Form, places: Iterable[tuple[Form, Form]]) -> Call:
        """Return an entry of a state that has a variable as its name.

        Parameters
        ----------
        name
            The variable.
        places
            For each position of the state a variable that stands for it, with the index at which it
            is read; positions without a variable are left out.
        """
        at: list[Item] = [("at", None, pair) for pair in places if pair[0].terms]
        return self.make(("kernel", STATE), [("state", None, (name,)), *at])

    def constant(self, value: float) -> Call:
        """Return a number."""
        return self.make(("kernel", ("constant", value)), [])

    def apply(
        self,
        kernel: Hashable,
        operands: Iterable[tuple[Hashable, Call]],
        bound: Mapping[int, Hashable] | None = None,
        at: Iterable[tuple[Hashable, tuple[Form, ...]]] = (),
    ) -> Call:
        """Return a kernel of entries, each with a label; ``bound`` are variables it takes whole.

        What its outputs are read at is in ``at``: labels with forms. A guard moves outward if the
        kernel keeps its value.
        """
        operands = list(operands)
        one = kernel[0] if isinstance(kernel, tuple) else None
        if len(operands) == 1 and not bound and isinstance(one, Kernel):
            guard = self.as_guard(operands[0][1])
            fixed = one.entry.fixes
            if guard is not None and (fixed is None or guard[1] in fixed):
                label = operands[0][0]
                return self.guard(*guard[:2], self.apply(kernel, [(label, guard[2])], bound, at))
        items: list[Item] = [(label, *call) for label, call in operands]
        items += [(label, None, forms) for label, forms in at]
        return self.make(("kernel", kernel), items, bound)

    def as_guard(self, call: Call) -> tuple[frozenset[Form], float, Call] | None:
        """Return the conditions, the outside value and the entry of a guard."""
        node = self.nodes[call[0]]
        if node.head[0] != "guard":  # type: ignore[index]
            return None
        _, items, _ = self.opened(call)
        conditions = frozenset(args[0] for _, inner, args in items if inner is None)
        ((inner, args),) = ((inner, args) for _, inner, args in items if inner is not None)
        return conditions, node.head[1], (inner, args)  # type: ignore[index]

    def under(self, roots: Iterable[int]) -> dict[int, None]:
        """Return the nodes that some nodes are made of, and themselves."""
        found: dict[int, None] = {}
        left = [*roots]
        while left:
            number = left.pop()
            if number in found:
                continue
            found[number] = None
            left += [inner for inner, _ in self._calls(self.nodes[number])]
        return found

    def _calls(self, node: Node) -> list[Call]:
        """List the calls of a node over its variables, also of what is looked up."""
        calls = [(inner, args) for _, inner, args in node.items if inner is not None]
        forms = chain.from_iterable(args for _, inner, args in node.items if inner is None)
        found = [one for form in forms for one in form.lookups]
        return calls + [(one.operand, tuple(map(_variable, one.forms))) for one in found]

    def go_round(self, roots: Iterable[int]) -> bool:
        """Whether there are rounds in some nodes."""
        return any(self.nodes[one].head == ("kernel", ROUNDS) for one in self.under(roots))

    def states_in(self, number: int) -> frozenset[tuple[int, int]]:
        """Return where free places of a node stand for positions of states, and at what.

        These are pairs of a place and of the place of the index that it is read at, or -1 where
        this is another form.
        """
        left = [number]
        while left:
            one = left[-1]
            node = self.nodes[one]
            calls = self._calls(node)
            new = [inner for inner, _ in calls if inner not in self._states]
            left += new
            if new:
                continue
            found = {
                (args[place], args[at] if at >= 0 and args[at] < node.free else -1)
                for inner, args in calls
                for place, at in self._states[inner]
                if args[place] < node.free
            }
            if node.head == ("kernel", STATE):
                for label, _, args in node.items:
                    if label == "at":
                        place, at = _variable(args[0]), args[1].wiring
                        found.add((place, -1 if at is None else at))
            self._states[left.pop()] = frozenset(found)
        return self._states[number]

    def guard(self, conditions: Iterable[Form], outside: float, call: Call) -> Call:
        """Return the entry where forms are not negative, and a value elsewhere."""
        kept: list[Form] = []
        inner = self.as_guard(call)
        if inner is not None and inner[1] == outside:
            conditions, call = (*conditions, *inner[0]), inner[2]
            self.laws.setdefault("guards with one value outside are one")
        every = dict.fromkeys(map(_primitive, conditions))
        for one in every:
            found = one.range(self.sizes)
            if found is not None and (-found[1]).is_positive:
                return self.constant(outside)
            if found is None or not found[0].is_natural:
                kept.append(one)

        def follows(one: Form, other: Form) -> bool:
            rest = (one + other.times(-1)).range(self.sizes)
            return rest is not None and rest[0].is_natural

        kept = [a for a in kept if not any(a != b and follows(a, b) for b in kept)]
        if not kept:
            return call
        items: list[Item] = [("if", None, (one,)) for one in kept]
        return self.make(("guard", outside), [*items, ("of", *call)])

    def add(self, operands: Iterable[tuple[Call, int]]) -> Call:
        """Return a sum of entries, each with a multiplicity.

        A sum of many terms is a tree of sums: where a term stands in it depends on its number
        alone, so sums of equal terms are one tree, and a term more changes one branch. So those of
        a residual chain take time that is linear but for a logarithm.
        """
        operands = [*operands]
        trees = [one for one in operands if self._is_tree(one[0]) and one[1] == 1]
        if trees:
            most = max(trees, key=lambda one: self._terms_of(one[0]))
            operands.remove(most)
            terms = self._written_out(operands)
            if not any(map(self._is_outside, terms)):
                self.laws.setdefault("additions in turn are one")
                found = most[0]
                for call, count in terms.items():
                    found = self._with_term(found, call, count, 0)
                return found
            operands.append(most)
        terms = self._written_out(operands)
        if len(terms) == 1 and [*terms.values()] == [1]:
            return next(iter(terms))
        alike: dict[Any, list[tuple[Call, int]]] = {}
        for call, count in terms.items():
            guard = self.as_guard(call) if self._is_outside(call) else None
            if guard is not None:
                alike.setdefault(guard[:2], []).append((guard[2], count))
        for (conditions, outside), some in alike.items():
            many = sum(count for _, count in some)
            if many > 1 and (outside == 0 or many == sum(terms.values())):
                inner = self.guard(conditions, outside, self.add(some))
                if many == sum(terms.values()):
                    return inner
                for call, _ in some:
                    del terms[self.guard(conditions, outside, call)]
                terms[inner] = 1
        if any(map(self._is_outside, terms)):
            return self.make(("add",), [(count, *call) for call, count in terms.items()])
        return self._sum(terms, 0)

    def _is_outside(self, call: Call) -> bool:
        """Whether an entry is 0, or infinite, outside of conditions: a sum puts such ones first."""
        head: Any = self.nodes[call[0]].head
        return head[0] == "guard" and head[1] in (0.0, float("inf"), -float("inf"))

    def _terms_of(self, call: Call) -> int:
        """Return how many terms a tree of sums has; 1 for anything else."""
        head: Any = self.nodes[call[0]].head
        return head[1] if head[0] == "add" and len(head) == 3 else 1

    def _is_tree(self, call: Call) -> bool:
        """Whether an entry is a tree of sums, and no branch of one."""
        return self.nodes[call[0]].head[2:] == (0,)  # type: ignore[index]

    def _items_of(self, call: Call) -> list[tuple[Any, Call]]:
        """Return the items of a sum: labels, and calls over its variables."""
        moved = self._moved(self.nodes[call[0]].items, dict(enumerate(call[1])))
        return [(label, self.call(inner, args)) for label, inner, args in moved]  # type: ignore

    def _written_out(self, operands: Iterable[tuple[Call, int]]) -> dict[Call, int]:
        """Return the terms of a sum, with multiplicities."""
        terms: dict[Call, int] = {}
        left = [*operands][::-1]
        while left:
            call, count = left.pop()
            head: Any = self.nodes[call[0]].head
            if head[0] != "add":
                terms[call] = terms.get(call, 0) + count
                continue
            self.laws.setdefault("additions in turn are one")
            items = [(one, _multiplicity(label) * count) for label, one in self._items_of(call)]
            left += items[::-1]
        return terms

    def _sum(self, terms: Mapping[Call, int], level: int) -> Call:
        """Return a sum of terms: those of a tree stand by some bits of their numbers."""
        if len(terms) <= MOST_TERMS or level == LEVELS:
            return self.make(("add",), [(count, *call) for call, count in terms.items()])
        parts: dict[int, dict[Call, int]] = {}
        for call, count in terms.items():
            parts.setdefault(_branch(call, level), {})[call] = count
        branches = {branch: self._branch_of(some, level) for branch, some in parts.items()}
        return self._tree(branches, len(terms), level)

    def _tree(self, branches: Mapping[int, tuple[Call, int]], count: int, level: int) -> Call:
        items: list[Item] = [((branch, many), *call) for branch, (call, many) in branches.items()]
        return self.make(("add", count, level), items)

    def _branch_of(self, terms: Mapping[Call, int], level: int) -> tuple[Call, int]:
        """Return a branch of a tree: a term with its multiplicity, or a sum."""
        if len(terms) == 1:
            return next(iter(terms.items()))
        return self._sum(terms, level + 1), 1

    def _with_term(self, tree: Call, term: Call, count: int, level: int) -> Call:
        """Return a tree of sums with a term more."""
        branches = {label[0]: (one, label[1]) for label, one in self._items_of(tree)}
        branch = _branch(term, level)
        before, many = branches.get(branch, (term, 0))
        total = self._terms_of(tree)
        if self._terms_of(before) > 1:
            inner = self._with_term(before, term, count, level + 1)
            total += self._terms_of(inner) - self._terms_of(before)
            branches[branch] = inner, 1
        else:
            terms = self._written_out([(before, many)] if many else [])
            distinct = len(terms)
            terms[term] = terms.get(term, 0) + count
            total += len(terms) - distinct
            branches[branch] = self._branch_of(terms, level)
        return self._tree(branches, total, level)

    def as_product(self, call: Call) -> Product:
        """Return the factors of an entry."""
        kind = self.nodes[call[0]].head[0]  # type: ignore[index]
        if kind == "mul":
            node, items, _ = self.opened(call)
            factors = {
                self.call(inner, args): int(count)  # type: ignore[arg-type]
                for count, inner, args in items
            }
            return Product(node.head[1], factors)  # type: ignore[index]
        guard = self.as_guard(call)
        if guard is not None and guard[1] == 0:
            self.laws.setdefault("a factor that is 0 makes 0")
            found = self.as_product(guard[2])
            found.conditions |= guard[0]
            return found
        return Product(factors={call: 1})

    def product(self, operands: Iterable[tuple[Call, int]], scale: Scalar = ONE) -> Call:
        """Return a product of entries with multiplicities, times a scalar."""
        return self.contraction(operands, (), scale)

    def contraction(
        self, operands: Iterable[tuple[Call, int]], summed: Iterable[int], scale: Scalar = ONE
    ) -> Call:
        """Return the sum over some variables of a product of entries."""
        found = Product(scale)
        for call, count in operands:
            found.times(self.as_product(call), count)
        return self.total(found, summed)

    def total(self, found: Product, summed: Iterable[int]) -> Call:
        """Return the sum of a product over some variables."""
        found, bound = self._flat(found, {*summed})
        found, bound = self._joined(*self._split(found, bound))
        outer = Product(found.scale)
        parts: list[tuple[set[int], list[Item]]] = []
        items = _items(found)
        used = variables_of(items)
        for v in bound - {*used}:
            outer.scale = outer.scale * self.sizes[v]
            self.laws.setdefault("a sum over what is not read is a size")
        for item in items:
            own = bound & {*variables_of([item])}
            if not own:
                if item[1] is None:
                    outer.conditions.add(item[2][0])
                else:
                    call = (item[1], item[2])
                    outer.factors[call] = outer.factors.get(call, 0) + int(item[0])  # type: ignore
                continue
            joined = [part for part in parts if part[0] & own]
            parts = [part for part in parts if not part[0] & own]
            parts.append((
                own.union(*(part[0] for part in joined)),
                [item, *chain.from_iterable(part[1] for part in joined)],
            ))  # fmt: skip
        for own, some in parts:
            call = self.make(("sum",), some, dict.fromkeys(own, "summed"))
            outer.factors[call] = outer.factors.get(call, 0) + 1
        if len(outer.factors) == 1 and outer.scale == ONE and [*outer.factors.values()] == [1]:
            inner = next(iter(outer.factors))
        else:
            pairs = outer.factors.items()
            inner = self.make(("mul", outer.scale), [(count, *call) for call, count in pairs])
        return self.guard(outer.conditions, 0.0, inner)

    def _flat(self, found: Product, bound: set[int]) -> tuple[Product, set[int]]:
        """Open sums that have a variable in them that is summed over."""
        left, made, bound = [*found.factors.items()], Product(found.scale), {*bound}
        made.conditions |= found.conditions
        while left:
            call, count = left.pop()
            is_sum = self.nodes[call[0]].head == ("sum",)
            if not is_sum or bound.isdisjoint(call[1]):
                made.factors[call] = made.factors.get(call, 0) + count
                continue
            if count > MOST_COPIES:
                raise TooLarge(f"a product of {count} sums that is summed over")
            self.laws.setdefault("contractions in turn are one")
            for _ in range(count):
                _, items, fresh = self.opened(call)
                bound |= {*fresh}
                for many, inner, args in items:
                    if inner is None:
                        made.conditions.add(args[0])
                    else:
                        left.append((self.call(inner, args), int(many)))  # type: ignore
        return made, bound

    def _put(self, found: Product, forms: Mapping[int, Form]) -> Product:
        made = Product(found.scale, conditions={self.form(c, forms) for c in found.conditions})
        for call, count in found.factors.items():
            made.times(self.as_product(self.read(call, forms)), count)
        return made

    def _traits(
        self, items: Iterable[Item], sizes: Sequence[Size]
    ) -> tuple[set[tuple[int, Size | None]], set[tuple[int, int]]]:
        """Return which variables are divided, by what, and which stand as h*|d| + d."""
        parts, pairs = set[tuple[int, Size | None]](), set[tuple[int, int]]()
        calls = [(node, args) for _, node, args in items if node is not None]
        forms = [form for _, node, args in items if node is None for form in args]
        for form in forms:
            own = [(v, c) for v, c in form.terms if isinstance(v, int)]
            if len(own) > 1:
                pairs |= {(h, d) for h, c in own for d, e in own if h != d and c == e * sizes[d]}
            for atom, _ in form.terms:
                if isinstance(atom, IndexPart):
                    forms.append(atom.form)
                    alone = atom.form.wiring
                    parts |= {(v, atom.by if v == alone else None) for v in atom.form.variables}
                elif isinstance(atom, Lookup):
                    calls.append((atom.operand, tuple(map(_variable, atom.forms))))
        for number, args in calls:
            node = self.nodes[number]
            parts |= {(args[k], by) for k, by in node.parts}
            pairs |= {(args[h], args[d]) for h, d in node.pairs}
        return parts, pairs

    def _split(self, found: Product, bound: set[int]) -> tuple[Product, set[int]]:
        """Split variables that are read by parts, as far as these divide their sizes."""
        while True:
            parts, _ = self._traits(_items(found), self.sizes)
            fits = [
                (v, by, left)
                for v, by in parts
                if v in bound
                and by is not None
                and (left := quotient(self.sizes[v], by)) is not None
            ]
            if not fits:
                return found, bound
            v, by, left = min(fits, key=lambda one: (one[0], one[1].terms))
            self.laws.setdefault("a sum over parts is over the whole")
            high, low = self.variable(left), self.variable(by)
            joined = Form.variable(high).times(by) + Form.variable(low)
            found, bound = self._put(found, {v: joined}), bound - {v} | {high, low}
            found, bound = self._flat(found, bound)

    def _joined(self, found: Product, bound: set[int]) -> tuple[Product, set[int]]:
        """Join variables that stand only as h*|d| + d."""
        tried = set[tuple[int, int]]()
        while True:
            _, pairs = self._traits(_items(found), self.sizes)
            pairs = {(h, d) for h, d in pairs if h in bound and d in bound}
            left = sorted(pairs - tried)
            if not left:
                return found, bound
            h, d = left[0]
            tried.add((h, d))
            by = self.sizes[d]
            v = self.variable(self.sizes[h] * by)
            forms = {h: self.part("div", Form.variable(v), by),
                     d: self.part("mod", Form.variable(v), by)}  # fmt: skip
            made = self._put(found, forms)
            parts, _ = self._traits(_items(made), self.sizes)
            if all(other != v for other, _ in parts):
                self.laws.setdefault("a sum over parts is over the whole")
                found, bound = self._flat(made, bound - {h, d} | {v})


def _multiplicity(label: Any) -> int:
    """Return how often an item of a sum is added; those of trees have their branch beside it."""
    return int(label[1] if isinstance(label, tuple) else label)


def _branch(call: Call, level: int) -> int:
    """Return where a term stands in a tree of sums."""
    return call[0] >> BITS * level & (1 << BITS) - 1


def _items(found: Product) -> list[Item]:
    items: list[Item] = [(count, *call) for call, count in found.factors.items()]
    return [*items, *(("if", None, (one,)) for one in found.conditions)]


def _variable(form: Form) -> int:
    found = form.wiring
    assert found is not None
    return found


def _whole(form: Form) -> Form:
    """Return a form where ``c (u div c) + u mod c`` is u."""
    for atom, c in form.terms:
        if isinstance(atom, IndexPart) and atom.kind == "mod":
            other = IndexPart("div", atom.form, atom.by)
            if dict(form.terms).get(other) == c * atom.by:
                parts = Form.atom(atom) + Form.atom(other).times(atom.by)
                return _whole(form + parts.times(-c) + atom.form.times(c))
    return form


def _primitive(form: Form) -> Form:
    """Return an inequality divided by the common divisor of its coefficients."""
    by = gcd(*(n for _, c in form.terms for _, n in c.terms))
    if by <= 1:
        return form
    rest = [(monomial, n) for monomial, n in form.constant.terms if monomial]
    if any(n % by for _, n in rest):
        return form

    def divided(size: Size) -> Size:
        return Size._of({monomial: n // by for monomial, n in size.terms})

    return Form(tuple((a, divided(c)) for a, c in form.terms), divided(form.constant))
