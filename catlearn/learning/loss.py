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

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from catlearn.category import Path
from catlearn.cost import Aggregator, Atom, CostMorphism, Objective, Term
from catlearn.learning.selection import LossTerm, Selection

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

    def __init__(
        self,
        diagram: LearningDiagram,
        selection: Selection,
        aggregator: str | Aggregator = "sum",
    ) -> None:
        object.__setattr__(self, "diagram", diagram)
        object.__setattr__(self, "selection", selection)
        object.__setattr__(self, "_divergence_symbols", _divergence_symbols(diagram, selection))
        terms = [Term(self.atom(term), term.weight, term.name) for term in selection.terms]
        super().__init__(diagram.trainable, terms, aggregator)

    @property
    def equations(self) -> tuple[LossTerm, ...]:
        """The equations, one for each term and in the same order."""
        return self.selection.terms

    @property
    def untrainable(self) -> tuple[LossTerm, ...]:
        """Equations that were chosen but contain no trainable edge: constants, left out."""
        return self.selection.untrainable

    def atom(self, term: LossTerm) -> Atom:
        """Return the atom ``E_S(d_v(lhs, rhs))`` of an equation."""
        sides = [self._side(None, side) for side in (term.lhs, term.rhs)]
        divergence = self._divergence_symbols[term.divergence, term.target]
        return Atom.of(f"E_{term.data}", Atom.of(divergence, *sides))

    def _side(self, start: Atom | str | None, path: Path) -> Atom | str:
        value = start
        for edge in path.edges:
            definition = self.diagram.definitions.get(edge)
            if definition is not None:
                value = Atom.of(PAIR, *(self._side(value, part) for part in definition.paths))
            elif value is None:
                value = edge
            else:
                value = Atom.of(edge, value)
        return path.source if value is None else value

    def symbols_along(self, phi: LearningMorphism, codomain: Loss) -> dict[str, str]:
        """Return where a morphism of diagrams sends the constants of this loss."""
        renaming: dict[str, str] = {}
        for (divergence, vertex), symbol in self._divergence_symbols.items():
            image = codomain._divergence_symbols.get((divergence, phi.vertex(vertex)))
            if image is not None:
                renaming[symbol] = image
        for data in self.diagram.data_sets:
            renaming[f"E_{data}"] = f"E_{phi.vertex(data)}"
        trainable = set(self.diagram.trainable)
        for edge in self.diagram.edges:
            if edge not in trainable:
                renaming[edge] = phi.edge(edge)
        return renaming

    _divergence_symbols: Mapping[tuple[Any, str], str]


def _divergence_symbols(diagram: LearningDiagram, selection: Selection) -> dict:
    """Name each divergence at each vertex: ``d_v`` for the vertex's own, else by its own name."""
    symbols: dict[tuple[Any, str], str] = {}
    taken: set[str] = set()
    for term in selection.terms:
        key = (term.divergence, term.target)
        if key in symbols:
            continue
        own = term.divergence == diagram.space_label(term.target).divergence
        name = f"d_{term.target}" if own else f"{term.divergence}_{term.target}"
        fresh, number = name, 2
        while fresh in taken:
            fresh, number = f"{name}#{number}", number + 1
        symbols[key] = fresh
        taken.add(fresh)
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

    References
    ----------
    Lary et al., "DiagrammaticLearning", arXiv 2501.01515; Theory, section 4.
    """
    from catlearn.learning.diagram import LearningDiagram

    if isinstance(value, LearningDiagram):
        return value.loss("declared", aggregator=aggregator)
    domain = value.domain.loss("declared", aggregator=aggregator)
    codomain = value.codomain.loss("declared", aggregator=aggregator)
    parameters = {edge: value.edge(edge) for edge in domain.parameters}
    return CostMorphism(domain, codomain, parameters, domain.symbols_along(value, codomain))
