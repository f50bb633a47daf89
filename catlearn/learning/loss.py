r"""The loss of a learning diagram, and the loss functor into Cost.

The loss is symbolic until it is lowered: an :class:`~catlearn.cost.Objective` whose parameters
are *all* trainable edges of the diagram and whose terms are its equations,

.. math:: L_D(\theta) = \sum_{(p, q, w)} w\, E_{s \sim S}\, d_v([p]_\theta(s), [q]_\theta(s)).

**Theorem** (Theory, section 4). Restricted to morphisms that are injective on soft equations of
positive weight, :math:`D \mapsto (\Theta_D, L_D)`, :math:`\varphi \mapsto \varphi^*` is a functor.
:func:`loss_functor` computes it; each value on a morphism is certified by Cost itself, so a
morphism that merges two equations, or one (built without checks) that inserts steps, is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from catlearn.category import Equation, StringDiagram, evaluate
from catlearn.cost import Aggregator, Atom, CostMorphism, Objective, Term
from catlearn.errors import Failures, expect, refuse
from catlearn.learning.selection import Selection
from catlearn.learning.string_diagram import string_diagram_of
from catlearn.names import fresh, warn_renamed

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram, LearningMorphism

PAIR = "⟨⟩"
"""The head of the atom of a pairing, which makes a tuple of its arguments."""


class Loss(Objective):
    """The loss of a diagram for a choice of equations: an object of Cost that knows its diagram.

    Made by ``diagram.loss(...)``; lowered to JAX by ``catlearn.lower(loss)``.

    Parameters
    ----------
    diagram
        The learning diagram.
    selection
        The chosen equations.
    aggregator
        ``"sum"``, ``"max"`` or another registered aggregator.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> head = cl.Model("head", X, Y, "linear")
    >>> loss = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), head).loss()
    >>> print(loss)
    L(head) = E_data(d_Y(head(data.X), data.Y))
    >>> loss.parameters
    ('head',)
    """

    diagram: LearningDiagram
    selection: Selection
    symbols: Mapping[tuple[Any, str], str]
    """What the atoms call ``("E", data set)`` and ``(divergence, vertex)``; edges keep names."""

    def __init__(
        self,
        diagram: LearningDiagram,
        selection: Selection,
        aggregator: str | Aggregator = "sum",
    ) -> None:
        vars(self).update(
            diagram=diagram, selection=selection, symbols=_symbols(diagram, selection)
        )
        atoms = evaluate(self.string_diagram, lambda box, values: (self._atom(box, values),))
        pairs = zip(atoms, selection.terms, strict=True)
        terms = [Term(atom, term.weight, term.name) for atom, term in pairs]
        super().__init__(diagram.trainable, terms, aggregator)

    def __repr__(self) -> str:
        names = [term.name for term in self.equations]
        how = "" if self.aggregator.name == "sum" else f", aggregator={self.aggregator.name!r}"
        return f"Loss({self.diagram!r}, equations={names!r}{how})"

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations, one for each term and in the same order."""
        return self.selection.terms

    @property
    def untrainable(self) -> tuple[Equation, ...]:
        """Equations that were chosen but contain no trainable edge: constants, left out."""
        return self.selection.untrainable

    @cached_property
    def string_diagram(self) -> StringDiagram:
        """What the equations compute (:mod:`catlearn.learning.string_diagram`)."""
        return string_diagram_of(self.diagram, self.equations)

    def string_diagram_for(self, independent: Collection[str] = ()) -> StringDiagram:
        """Return the one in which some edges draw a sample for each side of each equation."""
        if not independent:
            return self.string_diagram
        return string_diagram_of(self.diagram, self.equations, independent)

    @property
    def circuit(self) -> StringDiagram:
        """The string diagram, by its old name, which goes with the next release."""
        warn_renamed("Loss.circuit", "loss.string_diagram")
        return self.string_diagram

    def _atom(self, box: int, arguments: Sequence[Atom | str]) -> Atom | str:
        """Return what a box of the string diagram is in Cost, where only values count."""
        drawn, (ins, outs) = self.string_diagram, self.string_diagram.apex.sides
        does = drawn.operations[box]
        match does.op:
            case "sample":
                return does.name
            case "scale" | "stop":
                return arguments[0]
            case "tuple":
                return Atom.of(PAIR, *arguments)
            case "divergence":
                compared, cost = drawn.types[ins[box][0]], drawn.types[outs[box][0]]
                divergence = self.symbols[does.divergence, compared.vertex]
                return Atom.of(self.symbols["E", cost.data], Atom.of(divergence, *arguments))
        # What is read of an example is called by its edge alone.
        is_example = drawn.operations[ins[box][0]].op == "sample"
        return does.name if is_example else Atom.of(does.name, *arguments)

    def symbols_along(self, phi: LearningMorphism, codomain: Loss) -> dict[str, str]:
        """Return where a morphism of diagrams sends the constants of this loss.

        What the codomain does not have keeps no name that it might have for something else.
        """
        renaming = {
            symbol: codomain.symbols.get((what, phi.vertex(vertex)), f"{symbol} of the domain")
            for (what, vertex), symbol in self.symbols.items()
        }
        trainable = set(self.diagram.trainable)
        edges = (edge for edge in self.diagram.edges if edge not in trainable)
        return renaming | {edge: phi.edge(edge) for edge in edges}


def _symbols(diagram: LearningDiagram, selection: Selection) -> dict[tuple[Any, str], str]:
    """Name the expectation of each data set and each divergence at each vertex.

    They are written ``E_data`` and ``d_v``, or by the divergence's own name if it is not the
    vertex's; an edge of the same name has the right of way.
    """
    symbols: dict[tuple[Any, str], str] = {}
    taken = {*diagram.edges, *diagram.vertices, PAIR}
    for term in selection.terms:
        own = term.divergence == diagram.space_label(term.target).divergence  # type: ignore
        names = {
            ("E", term.data): f"E_{term.data}",
            (term.divergence, term.target): f"{'d' if own else term.divergence}_{term.target}",
        }
        for key, name in names.items():
            if key not in symbols:
                symbols[key] = fresh(name, taken, "#")
                taken.add(symbols[key])
    return symbols


@overload
def loss_functor(value: LearningDiagram, aggregator: str | Aggregator = ...) -> Loss: ...
@overload
def loss_functor(value: LearningMorphism, aggregator: str | Aggregator = ...) -> CostMorphism: ...
def loss_functor(
    value: LearningDiagram | LearningMorphism, aggregator: str | Aggregator = "sum"
) -> Loss | CostMorphism:
    """Apply the loss functor to a diagram or to a morphism of diagrams.

    It takes the declared equations: the functor is defined on instantiated diagrams, and
    ``diagram.instantiate("all")`` declares the equations of any selection.

    Parameters
    ----------
    value
        A learning diagram, or a morphism between two.
    aggregator
        ``"sum"``, ``"max"`` or another registered aggregator.

    Returns
    -------
    Loss or CostMorphism
        The object :math:`(\\Theta_D, L_D)`, or the certified reparametrisation
        :math:`\\varphi^*`.

    Raises
    ------
    NotCertified
        If the inequality cannot be certified, term by term: the morphism merges equations of
        positive weight, say.
    InvalidStructure
        If the morphism (built without checks) does not preserve spaces or maps, or if data or
        frozen parameters differ from those of the image, so that one symbol would be two functions.

    References
    ----------
    Lary et al., "DiagrammaticLearning", arXiv 2501.01515; Theory, section 4.
    """
    from catlearn.learning.diagram import LearningDiagram, LearningMorphism

    expect(
        value, (LearningDiagram, LearningMorphism), "the argument", "a learning diagram or morphism"
    )
    if isinstance(value, LearningDiagram):
        return value.loss("declared", aggregator=aggregator)
    labels = ("naturality of space", "naturality of map")
    broken = Failures(failure for failure in value.failures() if failure.law in labels)
    for name, row in value.held_apart():
        edge, image = value.domain.edges[row], value.codomain.edges[value("E", row)]
        if edge not in value.domain.trainable:  # parameters that move are no part of the loss
            message = f"holds other values than its image '{image}': they are two functions"
            broken.add(name, f"edge '{edge}'", message)
    refuse("the morphism of diagrams", broken)
    domain = value.domain.loss("declared", aggregator=aggregator)
    codomain = value.codomain.loss("declared", aggregator=aggregator)
    parameters = {edge: value.edge(edge) for edge in domain.parameters}
    return CostMorphism(domain, codomain, parameters, domain.symbols_along(value, codomain))
