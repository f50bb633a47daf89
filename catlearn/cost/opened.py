r"""Open objectives: costs with an interface, composed by hiding the variables that they share.

An **open objective** is a cost L of named variables, some of which are exposed as inputs or
outputs. It is an open object (:mod:`catlearn.cset.cospan`): its apex has a table of variables and a
table of terms, each of which lists its variables, and inputs and outputs are variables. What it
means is the best that can be reached for given values at the interface,

.. math:: L(x, y) = \inf_z L(x, z, y), \qquad z \text{ the hidden variables}.

Composing ``A >> B`` identifies the outputs of A with the inputs of B, adds the costs, and hides
what was identified; ``A @ B`` puts them side by side. Since infima may be taken in any order,
composition is associative, and the meaning of a composite is the min-plus product of the meanings.
For variables with finitely many values that is exact matrix multiplication over LAWVERE.
(Fong, "Decorated cospans", 2015; Hanks et al., "A compositional framework for first-order
optimization", arXiv 2403.05711.)

Laws: associativity and units (on the nose, up to names of hidden variables); ``value`` and
``matrix`` are functors; the gradient of a composite is the sum of the parts' gradients, pushed
forward, so that its gradient flow is the composite of theirs.

>>> from catlearn.cost import OpenObjective
>>> spring = OpenObjective.of({"d(x, y)": 2}, inputs=["x"], outputs=["y"])
>>> print(spring >> spring)
(x) -> (y): inf over y.1 of 2 d(x, y.1) + 2 d(y.1, y)
>>> square = {"d": lambda a, b: (a - b) ** 2}
>>> print((spring >> spring).matrix({"x": [0, 4], "y.1": range(5), "y": [0, 4]}, square))
   0   4
0  0  16
4  16  0
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.cost.atom import Atom
from catlearn.cost.matrix import Matrix
from catlearn.cost.objective import Aggregator, Objective, Term, Terms, one_aggregator
from catlearn.cost.quantale import LAWVERE, ULTRAMETRIC, Quantale, write_value
from catlearn.cset import Open
from catlearn.cset.cospan import free_rows, leg_along
from catlearn.errors import Failure, Failures, UnknownName, expect, expect_each, fault, refuse
from catlearn.finset import FinFunction, Frozen, Shape, Tables, coequalizer, coproduct
from catlearn.finset.value import once
from catlearn.names import fresh

TERMS = Shape(
    ("Variable", "Term"),
    lists={"variables": ("Term", "Variable")},
    attributes={"atom": "Term", "weight": "Term"},
)
"""The tables of an objective: variables, and weighted terms that list their variables."""

Member = tuple[int, str]
"""A variable of one of several objectives: the number of the objective, and its name."""

Minimiser = Callable[[Callable[[Mapping[str, Any]], Any], tuple[str, ...]], Any]
"""Given a cost of the hidden variables by name, and their names, return its infimum."""

Factor = tuple[tuple[str, ...], np.ndarray]
"""Variables, and a table of values with an axis for each."""


class OpenObjective(Frozen, by="objective inputs outputs"):
    """An objective of named variables with inputs, outputs and hidden variables.

    Parameters
    ----------
    objective
        A plain objective; its parameters are the variables.
    inputs, outputs
        The exposed variables, in order. One may be exposed several times, on both sides too.
        The other variables are hidden.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        If a name at the interface is not a variable.

    Examples
    --------
    >>> A = OpenObjective.of({"d(x, z)": 1, "e(z)": 3}, inputs=["x"])
    >>> A.hidden
    ('z',)
    """

    objective: Objective
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(
        self,
        objective: Objective,
        inputs: Iterable[str] = (),
        outputs: Iterable[str] = (),
        check: bool = True,
    ) -> None:
        if check:
            expect(objective, Objective, "the objective", "an Objective")
            expect_each(Iterable, "names of variables", inputs=inputs, outputs=outputs)
        self._set(objective=objective, inputs=tuple(inputs), outputs=tuple(outputs))
        self._validate(check)

    @classmethod
    def of(
        cls,
        terms: Terms,
        inputs: Iterable[str] = (),
        outputs: Iterable[str] = (),
        variables: Iterable[str] | None = None,
        aggregator: str | Aggregator = "sum",
    ) -> OpenObjective:
        """Return an open objective from weighted terms.

        Parameters
        ----------
        terms
            As :class:`~catlearn.cost.Objective` takes them.
        inputs, outputs
            The exposed variables.
        variables
            All variables; by default the exposed ones and all the leaves of the terms.
        """
        expect_each(Iterable, "names of variables", inputs=inputs, outputs=outputs)
        inputs, outputs = tuple(inputs), tuple(outputs)
        if variables is None:
            read = Objective((), terms, aggregator)
            leaves = (s for t in read.terms for s, arity in t.atom.postfix if arity == 0)
            variables = dict.fromkeys((*inputs, *outputs, *leaves))
        return cls(Objective(variables, terms, aggregator), inputs, outputs)

    @classmethod
    def identity(
        cls, interface: Sequence[str], aggregator: str | Aggregator = "sum"
    ) -> OpenObjective:
        """Return the identity of an interface: each variable is input and output, at no cost."""
        return cls(Objective(interface, aggregator=aggregator), interface, interface)

    def failures(self) -> list[Failure]:
        """Return everything that is wrong."""
        known = set(self.variables)
        found = Failures(
            Failure("interface", f"{side} {name!r}", "is not a variable of the objective")
            for side, names in (("input", self.inputs), ("output", self.outputs))
            for name in names
            if name not in known
        )
        if len(self.objective.alternatives) > 1:
            message = "is a maximum of sums; an open objective needs a plain one"
            found.add("objective", "the objective", message)
        return found

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables, exposed and hidden."""
        return self.objective.parameters

    @property
    def exposed(self) -> tuple[str, ...]:
        """The variables at the interface, each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.outputs)))

    @property
    def hidden(self) -> tuple[str, ...]:
        """The variables over which the infimum is taken."""
        shown = set(self.exposed)
        return tuple(v for v in self.variables if v not in shown)

    @once
    def cospan(self) -> Open:
        """It as an open object: variables, and terms that list them."""
        return Open(_as_tables(self.objective), self.inputs, self.outputs, "Variable")

    # ------------------------------------------------------------------ composition

    def expose(self, inputs: Iterable[str] = (), outputs: Iterable[str] = ()) -> OpenObjective:
        """Return the same objective with further variables exposed."""
        return OpenObjective(self.objective, (*self.inputs, *inputs), (*self.outputs, *outputs))

    def hide(self, *variables: str) -> OpenObjective:
        """Return the same objective with some variables no longer exposed."""
        unknown = (v for v in variables if v not in self.exposed)
        message = "is not exposed"
        refuse("hiding", (Failure("interface", f"variable {v!r}", message) for v in unknown))
        keep = set(self.exposed) - set(variables)
        inputs, outputs = ([v for v in side if v in keep] for side in (self.inputs, self.outputs))
        return OpenObjective(self.objective, inputs, outputs)

    def __rshift__(self, other: OpenObjective) -> OpenObjective:
        """Return the composite: outputs of self are inputs of other, and are hidden."""
        return self.compose(other) if isinstance(other, OpenObjective) else NotImplemented

    def __matmul__(self, other: OpenObjective) -> OpenObjective:
        """Return both side by side: inputs with inputs, outputs with outputs."""
        return self.tensor(other) if isinstance(other, OpenObjective) else NotImplemented

    def compose(self, *others: OpenObjective) -> OpenObjective:
        """Compose it with any number of others, one after the other, by one gluing.

        Raises
        ------
        NotComposable
            Listing the outputs that are more or fewer than the inputs they meet.

        Examples
        --------
        >>> spring = OpenObjective.of({"d(x, y)": 2}, ["x"], ["y"])
        >>> print(spring.compose(spring, spring))
        (x) -> (y): inf over y.1, y.2 of 2 d(x, y.1) + 2 d(y.1, y.2) + 2 d(y.2, y)
        """
        parts, last = (self, *others), len(others)
        whole = self.cospan.compose(*(one.cospan for one in others))
        seen = [*((0, v) for v in self.inputs), *((last, v) for v in parts[-1].outputs)]
        return self._read(whole, parts, seen)

    def tensor(self, *others: OpenObjective) -> OpenObjective:
        """Put any number side by side: inputs with inputs, outputs with outputs."""
        parts = (self, *others)
        whole = self.cospan.tensor(*(one.cospan for one in others))
        return self._read(whole, parts, ((k, v) for k, p in enumerate(parts) for v in p.exposed))

    def _read(
        self, whole: Open, parts: Sequence[OpenObjective], seen: Iterable[Member]
    ) -> OpenObjective:
        """Return a composite of some parts as an objective again, its variables named."""
        objectives = [part.objective for part in parts]
        one_aggregator("composition", objectives)
        legs = [leg.components["Variable"] for leg in whole.gluing or ()]
        names = _names(objectives, legs, seen)
        objective = _of_tables(whole.apex, names, self.objective.aggregator)
        ends = ([names[row] for row in rows] for rows in (whole.inputs, whole.outputs))
        return OpenObjective(objective, *ends, check=False)

    def is_same(self, other: OpenObjective) -> bool:
        """Whether both are equal up to names of variables, in order of the variables."""
        return self.numbered() == other.numbered()

    def numbered(self) -> OpenObjective:
        """Return the same with variables named by their place: the interface first."""
        order = dict.fromkeys((*self.exposed, *self.variables))
        names = {v: f"#{k}" for k, v in enumerate(order)}
        objective = self.objective.rename(names)
        terms = [Term(t.atom, t.weight) for t in objective.terms]
        plain = Objective([names[v] for v in order], terms, objective.aggregator, check=False)
        inputs, outputs = ([names[v] for v in side] for side in (self.inputs, self.outputs))
        return OpenObjective(plain, inputs, outputs, check=False)

    # ------------------------------------------------------------------ meaning

    def cost(self, values: Mapping[str, Any]) -> Any:
        """Return L for values of all variables and meanings of all constants."""
        return self.objective.evaluate(values)

    def value(self, values: Mapping[str, Any], minimiser: Minimiser | None = None) -> Any:
        """Return the infimum over the hidden variables.

        Parameters
        ----------
        values
            Values of the exposed variables, meanings of the constants.
        minimiser
            ``minimiser(cost, names)`` returns the infimum of ``cost({name: value})``; by default
            :func:`minimise_by_scipy` from zeros. What it returns is as good as its method.

        Raises
        ------
        UnknownName
            If values are missing; the message lists all.
        """
        names = (*self.exposed, *self.objective.constants)
        missing = [v for v in names if v not in values]
        if missing:
            raise UnknownName(f"no value for {', '.join(map(repr, missing))}")
        if not self.hidden:
            return self.cost(values)

        def cost(inner: Mapping[str, Any]) -> Any:
            return self.cost({**values, **inner})

        return (minimiser or minimise_by_scipy())(cost, self.hidden)

    def matrix(
        self,
        domains: Mapping[str, Sequence[Any]],
        meaning: Mapping[str, Any],
        bound: int = 10_000_000,
    ) -> Matrix:
        """Return the exact values for variables of finitely many values, as a matrix.

        Hidden variables are eliminated one after the other (the generalised distributive law), so
        the work depends on how many variables meet in a term, not on how many there are.

        Parameters
        ----------
        domains
            The possible values of each variable.
        meaning
            Meanings of the constants; functions are called on single values.
        bound
            The most entries that a table may have.

        Returns
        -------
        Matrix
            Over LAWVERE (over ULTRAMETRIC for the aggregator max): a row for each combination of
            values of the inputs, a column for each of the outputs.

        Raises
        ------
        InvalidStructure
            If a variable has no domain, or a table would be larger than the bound.
        """
        missing = (v for v in self.variables if v not in domains)
        failures = (Failure("domains", f"variable {v!r}", "has no values") for v in missing)
        refuse("finite objective", failures)
        values = {v: list(domains[v]) for v in self.variables}
        names = {"sum": LAWVERE, "max": ULTRAMETRIC}
        aggregator = self.objective.aggregator
        if aggregator.name not in names:
            message = f"found {aggregator.name!r}, expected sum or max"
            raise fault("finite objective", "aggregator", "the objective", message)
        quantale = names[aggregator.name]
        table = eliminate(self.objective, values, self.exposed, meaning, quantale, bound)
        sides = []
        for side in (self.inputs, self.outputs):
            sizes = [len(values[v]) for v in side]
            # one combination, the empty one, if nothing is exposed on this side
            grid = np.indices([*sizes, 1])[: len(side)].reshape(len(side), math.prod(sizes))
            labels = [
                ", ".join(_write(values[v][k]) for v, k in zip(side, column, strict=True))
                for column in grid.T
            ]
            sides.append((side, grid, labels))
        (ins, rows, row_names), (outs, columns, column_names) = sides
        # A variable exposed twice has one value: other combinations are impossible, that is, bottom
        at: dict[str, np.ndarray] = {}
        possible = np.ones((rows.shape[1], columns.shape[1]), bool)
        places = [(v, g[:, None]) for v, g in zip(ins, rows, strict=True)]
        places += [(v, g[None, :]) for v, g in zip(outs, columns, strict=True)]
        for variable, index in places:
            if variable in at:
                possible &= at[variable] == index
            at.setdefault(variable, index)
        spread = table[tuple(at[v] for v in self.exposed)] if self.exposed else table
        entries = np.where(possible, spread, quantale.bottom)
        return Matrix(entries, quantale, row_names, column_names, check=False)

    def gradient(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the gradient of L in all the variables, by JAX.

        Parameters
        ----------
        values
            Floating-point values of all variables, exposed and hidden, and meanings of the
            constants, as functions that JAX can differentiate.
        """
        import jax

        point = {v: jax.numpy.asarray(values[v], float) for v in self.variables}
        if not self.objective.terms:
            return jax.tree.map(jax.numpy.zeros_like, point)
        return jax.grad(lambda inner: self.cost({**values, **inner}))(point)

    # ------------------------------------------------------------------ values

    def __str__(self) -> str:
        value = str(self.objective).split(" = ", 1)[1]
        over = f"inf over {', '.join(self.hidden)} of " if self.hidden else ""
        return f"({', '.join(self.inputs)}) -> ({', '.join(self.outputs)}): {over}{value}"

    def __repr__(self) -> str:
        return f"OpenObjective({self.objective!r}, {self.inputs!r}, {self.outputs!r})"


def wire(
    *parts: OpenObjective, inputs: Iterable[str] = (), outputs: Iterable[str] = ()
) -> OpenObjective:
    """Return open objectives wired together: exposed variables of equal name are one.

    This is the composition along an undirected wiring diagram whose junctions are names. What is
    not exposed again is hidden; hidden variables of the parts stay private.

    Parameters
    ----------
    *parts
        Open objectives.
    inputs, outputs
        The names to expose.

    Examples
    --------
    >>> edge = {name: OpenObjective.of({f"d({name[0]}, {name[1]})": 1}, name) for name in
    ...         ("ab", "bc", "ca")}
    >>> print(wire(*edge.values(), inputs="a"))
    (a) -> (): inf over b, c of d(a, b) + d(b, c) + d(c, a)
    """
    first: dict[str, tuple[int, str]] = {}
    pairs = []
    for k, part in enumerate(parts):
        expect(part, OpenObjective, "each argument", "an OpenObjective")
        for name in part.exposed:
            pairs.append((first.setdefault(name, (k, name)), (k, name)))
    objective, renamings = join([part.objective for part in parts], pairs, first.values())
    names = {name: renamings[k][v] for name, (k, v) in first.items()}
    unknown = (v for v in (*inputs, *outputs) if v not in names)
    message = "no part exposes it"
    refuse("wiring", (Failure("interface", f"name {v!r}", message) for v in unknown))
    ins, outs = ([names[v] for v in side] for side in (inputs, outputs))
    return OpenObjective(objective, ins, outs, check=False)


def _write(value: Any) -> str:
    return write_value(value) if isinstance(value, (int, float, np.number)) else str(value)


def _as_tables(objective: Objective) -> Tables:
    """Return an objective as tables; an atom is kept with None where its term lists a variable."""
    place = {v: k for k, v in enumerate(objective.parameters)}
    postfixes = [term.atom.postfix for term in objective.terms]
    return Tables(
        TERMS,
        {"Variable": objective.parameters, "Term": len(postfixes)},
        lists={"variables": [[place[n] for n, _ in one if n in place] for one in postfixes]},
        attributes={
            "atom": [
                tuple((None if n in place else n, arity) for n, arity in one) for one in postfixes
            ],
            "weight": [term.weight for term in objective.terms],
        },
        check=False,
    )


def _of_tables(tables: Tables, names: Sequence[str], aggregator: Aggregator) -> Objective:
    """Return the objective that tables of terms are, for names of the variables."""
    terms = []
    columns = (tables.attributes["atom"], tables.attributes["weight"], tables.lists["variables"])
    for label, weight, row in zip(*columns, strict=True):
        places = iter(row)
        steps: Any = label
        postfix = ((names[next(places)] if n is None else n, arity) for n, arity in steps)
        terms.append(Term(Atom(tuple(postfix)), weight))
    return Objective(names, terms, aggregator, check=False)


def _names(
    parts: Sequence[Objective], legs: Sequence[FinFunction], seen: Iterable[Member]
) -> list[str]:
    """Name the variables of a composite like those of its parts, those that are seen first."""
    taken = {c for part in parts for c in part.constants}
    everyone = ((k, v) for k, part in enumerate(parts) for v in part.parameters)
    names: dict[int, str] = {}
    for k, v in (*seen, *everyone):
        row = legs[k](v)
        if row not in names:
            names[row] = fresh(v, taken, ".")
            taken.add(names[row])
    return [names[row] for row in range(len(names))]


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

    Examples
    --------
    >>> part = Objective(("x", "y"), {"d(x, y)": 1})
    >>> whole, renamings = join([part, part], [((0, "y"), (1, "x"))])
    >>> print(whole)
    L(x, y, y.1) = d(x, y) + d(y, y.1)
    >>> renamings
    [{'x': 'x', 'y': 'y'}, {'x': 'y', 'y': 'y.1'}]
    """
    one_aggregator("composition", objectives)
    if not objectives:
        return Objective(), []
    whole = coproduct(*map(_as_tables, objectives))
    points = [[whole.legs[k]("Variable", v) for k, v in side] for side in zip(*pairs, strict=True)]
    if points:
        foot = free_rows(whole.apex, "Variable", points[0])[0]
        glued = coequalizer(*(leg_along(foot, whole.apex, "Variable", side) for side in points))
        legs = [(leg >> glued.legs[0]).components["Variable"] for leg in whole]
        apex = glued.apex
    else:
        legs, apex = [leg.components["Variable"] for leg in whole], whole.apex
    names = _names(objectives, legs, seen)
    renamings = [
        {v: names[row] for v, row in zip(part.parameters, leg.values.tolist(), strict=True)}
        for part, leg in zip(objectives, legs, strict=True)
    ]
    return _of_tables(apex, names, objectives[0].aggregator), renamings


def minimise_by_scipy(start: Mapping[str, Any] | None = None, **options: Any) -> Minimiser:
    """Return a minimiser of smooth costs of real arrays, by ``scipy.optimize.minimize``.

    Parameters
    ----------
    start
        Where to begin: a number or an array for each hidden variable; 0 if left out.
    **options
        Passed to scipy, such as ``method`` or ``tol``.

    Examples
    --------
    >>> from catlearn.cost import OpenObjective
    >>> A = OpenObjective.of({"d(x, z)": 1, "d(z, y)": 1}, ["x"], ["y"])
    >>> values = {"x": 0.0, "y": 2.0, "d": lambda a, b: (a - b) ** 2}
    >>> round(A.value(values, minimise_by_scipy({"z": 5.0})), 6)
    2.0
    """

    def minimise(cost: Callable[[Mapping[str, Any]], Any], names: tuple[str, ...]) -> float:
        from scipy.optimize import minimize

        starts = [np.asarray((start or {}).get(name, 0.0), float) for name in names]
        ends = np.cumsum([one.size for one in starts])[:-1]

        def at(flat: np.ndarray) -> dict[str, Any]:
            parts = np.split(flat, ends)
            shaped = (part.reshape(one.shape) for part, one in zip(parts, starts, strict=True))
            return {n: v if v.ndim else float(v) for n, v in zip(names, shaped, strict=True)}

        flat = np.concatenate([one.ravel() for one in starts])
        return float(minimize(lambda v: float(cost(at(v))), flat, **options).fun)

    return minimise


def eliminate(
    objective: Objective,
    values: Mapping[str, Sequence[Any]],
    keep: Iterable[str],
    meaning: Mapping[str, Any],
    quantale: Quantale,
    bound: int = 10_000_000,
) -> np.ndarray:
    r"""Return the join over all variables but those to keep.

    For an objective that is a tensor of terms, each a function of few variables, the join over a
    variable z need only look at the terms in which z occurs,

    .. math:: \bigvee_z a(x) \otimes b(x, z) \otimes c(z, y)
              = a(x) \otimes \bigvee_z b(x, z) \otimes c(z, y),

    because the tensor preserves joins (Aji, McEliece, "The generalized distributive law", 2000).
    Variables go in the order of the smallest table that their removal makes.

    Parameters
    ----------
    objective
        A plain objective whose aggregator is the quantale's tensor.
    values
        The possible values of each variable.
    keep
        The variables that stay, one axis each, in this order.
    meaning
        Meanings of the constants.
    quantale
        Its join is taken.
    bound
        The most entries that a table may have.

    Raises
    ------
    InvalidStructure
        If a table would be larger than the bound.

    Examples
    --------
    >>> chain = Objective("xyz", {"d(x, y)": 1, "d(y, z)": 1})
    >>> values = dict.fromkeys("xyz", [0, 1, 2])
    >>> eliminate(chain, values, "xz", {"d": lambda a, b: (a - b) ** 2}, LAWVERE).tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
    """
    keep = tuple(dict.fromkeys(keep))
    sizes = {v: len(values[v]) for v in objective.parameters}
    factors = [
        _tabulate(term, values, sizes, meaning, quantale, bound)
        for term in objective.terms
        if term.weight > 0
    ]
    # a variable in no term counts too: over no values at all the join is the bottom
    factors += [((v,), np.full(size, quantale.unit)) for v, size in sizes.items()]
    hidden = [v for v in objective.parameters if v not in keep]
    while hidden:
        costs = {v: math.prod(sizes[u] for u in _scope(factors, v)) for v in hidden}
        chosen = min(hidden, key=costs.__getitem__)
        hidden.remove(chosen)
        touching = [f for f in factors if chosen in f[0]]
        others = tuple(u for u in _scope(factors, chosen) if u != chosen)
        table = _combine(touching, (chosen, *others), sizes, quantale, bound)
        factors = [f for f in factors if chosen not in f[0]]
        factors.append((others, quantale.joined(table)))
    return _combine(factors, keep, sizes, quantale, bound)


def _scope(factors: Sequence[Factor], variable: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(u for names, _ in factors if variable in names for u in names))


def _tabulate(
    term: Term,
    values: Mapping[str, Sequence[Any]],
    sizes: Mapping[str, int],
    meaning: Mapping[str, Any],
    quantale: Quantale,
    bound: int,
) -> Factor:
    names = tuple(s for s in term.atom.symbols if s in sizes)
    shape = _shape(names, sizes, bound)
    weight = float(term.weight)
    flat = [
        weight * float(term.atom.evaluate({**meaning, **dict(zip(names, at, strict=True))}))
        for at in itertools.product(*(values[v] for v in names))
    ]
    return names, quantale.array(flat).reshape(shape)


def _combine(
    factors: Sequence[Factor],
    names: tuple[str, ...],
    sizes: Mapping[str, int],
    quantale: Quantale,
    bound: int,
) -> np.ndarray:
    table = np.full(_shape(names, sizes, bound), quantale.unit, quantale.dtype)
    for own, array in factors:
        places = [names.index(v) for v in own]
        order = np.argsort(places)
        spread = [sizes[v] if k in places else 1 for k, v in enumerate(names)]
        table = quantale.tensor(table, array.transpose(order).reshape(spread))
    return table


def _shape(names: Sequence[str], sizes: Mapping[str, int], bound: int) -> tuple[int, ...]:
    shape = tuple(sizes[v] for v in names)
    if math.prod(shape) > bound:
        message = (
            f"needs {math.prod(shape)} entries, more than the bound {bound}; take fewer values"
        )
        raise fault("finite objective", "size", f"the table over {', '.join(names)}", message)
    return shape
