r"""Resource costs: what a diagram and its loss take, counted before anything runs.

Each edge of a learning diagram has four amounts:

* **parameters**: how many numbers it trains;
* **flops**: floating-point operations of one forward evaluation, counted from its trace
  (:mod:`catlearn.lowering.amounts`);
* **bytes**: what it must at least read and write, its parameters, its input and its output;
* **activations**: the bytes that its reverse pass keeps, parameters not counted.

The last three are polynomials in the number of examples n. Along a path amounts add: each kind is
a functor from the free category on the graph to a commutative monoid (Theory, section 7). A
defined edge costs what its definition costs; factors cost nothing, and projections the bytes of
their column.

**Laws.** Totals over edges, such as the number of parameters, satisfy |P| + |D_0| = |D_1| + |D_2|
for a pushout P along injective morphisms. The total of a *loss* runs over the prefixes of its
plan, so that what two equations share counts once; hence |plan P| <= |plan D_1| + |plan D_2| for
declared equations.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> square = cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y), encoder, head)
>>> spent = cl.resources(square.loss())
>>> print(spent)
edge       parameters       flops         bytes  activations
digits.X            0           0         256*n            0
digits.Y            0           0           4*n            0
encoder          2080      4128*n  384*n + 8320        256*n
head              330       650*n  168*n + 1320        128*n
total            2410  4826*n + 2  856*n + 9644    433*n + 4
>>> spent.functor("flops")(square.path("digits.X >> encoder >> head"))
4778*n
>>> spent.at(128)["encoder"].flops
528384
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from catlearn.arrays import Circuit
from catlearn.category import Functor
from catlearn.cost import ADDITION
from catlearn.costing.table import CircuitResources, circuit_resources
from catlearn.display import Legible, html_table, text_table
from catlearn.errors import expect, expect_known, known_options
from catlearn.learning import LearningDiagram, Loss
from catlearn.lowering.amounts import (
    SUM,
    Amounts,
    Counter,
    count_divergence,
    expand,
    symbol,
    wide_numbers,
)
from catlearn.lowering.lowered import Lowered
from catlearn.lowering.plan import Plan

KINDS = ("parameters", "flops", "bytes", "activations")


class Resources(Legible):
    """The amounts of every edge of a diagram, and of a loss as a whole.

    Made by :func:`resources`.

    Attributes
    ----------
    diagram
        The learning diagram.
    edges
        ``{edge: Amounts}`` for one batch of ``n`` examples.
    terms
        ``{equation: Amounts}`` of the divergences of a loss; empty for a diagram.
    total
        Of a diagram: the sum over its edges. Of a loss: the parameters of all edges, and the
        other amounts summed over the steps of its plan and its divergences.
    symbols
        ``{data set: sympy symbol}``, the number of examples of each; all are ``n`` unless the
        loss has several data sets.
    """

    def __init__(
        self,
        diagram: LearningDiagram,
        edges: Mapping[str, Amounts],
        terms: Mapping[str, Amounts],
        total: Amounts,
        symbols: Mapping[str, Any],
    ) -> None:
        self.diagram, self.edges, self.terms = diagram, dict(edges), dict(terms)
        self.total, self.symbols = total, dict(symbols)

    def __getitem__(self, edge: str) -> Amounts:
        """Return the amounts of an edge."""
        expect_known(edge, self.edges, f"there is no edge {edge}")
        return self.edges[edge]

    def functor(self, kind: str) -> Functor:
        """Return one kind of amount as a functor from paths to a commutative monoid.

        Parameters
        ----------
        kind
            ``"parameters"``, ``"flops"``, ``"bytes"`` or ``"activations"``. Along a path that
            uses an edge twice its parameters count twice.
        """
        expect_known(kind, KINDS, f"no amount is called {kind!r}")
        amounts = {edge: getattr(self.edges[edge], kind) for edge in self.diagram.edges}
        return Functor(self.diagram, ADDITION, arrows=amounts)

    def at(self, batch: int | Mapping[str, int]) -> Resources:
        """Return the amounts for given numbers of examples.

        Parameters
        ----------
        batch
            One number for all data sets, or one for each by name. Edges are then counted for the
            first of them.
        """
        sizes = {s: batch if isinstance(batch, int) else batch[d] for d, s in self.symbols.items()}
        sizes.setdefault(symbol(), batch if isinstance(batch, int) else next(iter(batch.values())))
        return Resources(
            self.diagram,
            {edge: amounts.at(sizes) for edge, amounts in self.edges.items()},
            {name: amounts.at(sizes) for name, amounts in self.terms.items()},
            self.total.at(sizes),
            self.symbols,
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table as text: a head, one row for each edge, and the total."""
        named = [*self.edges.items(), ("total", self.total)]
        return [("edge", *KINDS)] + [(name, *map(str, amounts)) for name, amounts in named]

    def __str__(self) -> str:
        return text_table(self.rows[0], self.rows[1:])

    def __repr__(self) -> str:
        return f"Resources(edges={len(self.edges)}, total={self.total})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        table = html_table(self.rows[0], self.rows[1:])
        return {"text/plain": str(self), "text/html": table}


@overload
def resources(
    value: Circuit,
    *,
    sizes: Mapping[str, Any] | None = None,
    island: Mapping[str, Any] | str | None = None,
    reverse: bool = False,
    widths: tuple[Any, Any, Any] = (1, 1, 1),
) -> CircuitResources: ...


@overload
def resources(value: LearningDiagram | Loss | Lowered) -> Resources: ...


def resources(value: Any, **options: Any) -> Resources | CircuitResources:
    """Count what a learning diagram, a loss, or a circuit takes.

    Of a circuit these are transfers and memory where it runs as one island
    (:mod:`catlearn.costing.island`), and operations by unit: posynomials in sizes and blocks.

    Parameters
    ----------
    value
        A diagram, its loss, the lowered loss, or a circuit.
    sizes
        Of a circuit: numbers or names for its sizes, as in :meth:`Circuit.at
        <catlearn.Circuit.at>`.
    island
        Of a circuit: the modes of its axes, ``{"q": "grouped", "x": "streamed"}``, or the name of
        the axis that is streamed; by default the one that is reduced last.
    reverse
        Of a circuit: whether its reverse pass is meant, which makes again what was streamed.
    widths
        Of a circuit: what a number takes, of inputs, of outputs, and of what stays inside.

    Returns
    -------
    Resources or CircuitResources
        A table. Of diagrams ``.functor(kind)``, ``.at(batch)`` and ``.total`` say more; of circuits
        ``.transfers``, ``.memory``, ``.flops``, ``.exponentials``, ``.compulsory`` and numbers for
        blocks, ``r(g_q=128, s_x=64)``.

    Raises
    ------
    CatlearnError
        If some map's amounts are no polynomial of degree 2 in the number of examples.
    InvalidStructure
        Listing axes that cannot have their mode, or are ambiguous.

    Examples
    --------
    >>> from catlearn.arrays import einsum
    >>> print(resources(einsum("a b, b c -> a c")).transfers)
    a*b*c/g_a + a*b*c/g_c + a*c
    """
    if isinstance(value, Circuit):
        known_options("resources of a circuit", options, ("sizes", "island", "reverse", "widths"))
        return circuit_resources(value, **options)
    wanted = "a diagram, a loss, or a circuit"
    expect(value, (LearningDiagram, Loss, Lowered), "the argument", wanted)
    known_options("resources of a diagram", options, ())
    loss = value.loss if isinstance(value, Lowered) else value
    diagram = loss if isinstance(loss, LearningDiagram) else loss.diagram
    counter = Counter(diagram)
    # Only these cost something of their own; a defined edge repeats others.
    own = {e: counter[e] for e in diagram.edges if diagram.map_label(e).kind != "defined"}
    every = Functor(diagram, SUM, arrows=own).arrows
    edges = {edge: every[edge] for edge in diagram.edges}
    total = SUM.total(own.values())
    if isinstance(loss, LearningDiagram):
        return Resources(diagram, edges, {}, total, dict.fromkeys(diagram.data_sets, symbol()))
    assert isinstance(loss, Loss)
    plan = value.plan if isinstance(value, Lowered) else Plan(loss)
    used = dict.fromkeys(term.data for term in loss.equations)
    symbols = {data: symbol(data if len(used) > 1 else "") for data in used}
    total = Amounts(total.parameters)
    for step in plan.steps:
        if step.op in ("apply", "project"):
            examples = sum(symbols[data] for data in step.together or (step.data,))
            amounts = edges[step.name].at({symbol(): examples})
            total = total.plus(amounts._replace(parameters=0))
    terms = {}
    for term in plan.terms:
        label, form = diagram.space_label(term.vertex), plan.steps[term.inputs[1]].form
        counted = count_divergence(term.divergence, label, form, wide_numbers())
        terms[term.name] = counted.at({symbol(): symbols[term.data]})
        total = total.plus(terms[term.name])
    return Resources(diagram, edges, terms, Amounts(*map(expand, total)), symbols)
