r"""The laws of a loss functor, from learning diagrams to Cost (Theory, section 4).

A loss functor sends a learning diagram D to an objective over its trainable edges, and a
morphism :math:`\varphi : D \to D'` to a morphism of Cost, the reparametrisation
:math:`\varphi^*` with :math:`L_D(\varphi^* \theta) \le L_{D'}(\theta)`. The spec has the theorem
(identities, composites, the inequality at drawn parameters, ends) and the six consequences:
pushouts go to pullbacks of parameters, additivity, monoidality, the comparison with the maximum,
gradients, and the zeros. Values are those of :func:`~catlearn.laws.interpretation`, in numpy.

By default diagrams hold small data, and morphisms are drawn from those that are injective on
soft equations of positive weight, as the theorem demands. What a caller gives is not filtered:

>>> import numpy as np
>>> import catlearn as cl
>>> from catlearn.laws import check, loss_functor
>>> R = cl.Space("R", 1)
>>> pieces = [cl.Dataset("s", x=(R, np.array([[2.0]])))]
>>> pieces += [cl.Model(name, R, R, "linear", use_bias=False) for name in "ab"]
>>> fit = "s.x >> a = s.x >> b"
>>> two = cl.LearningDiagram(*pieces, equations={"p": fit, "q": fit})
>>> one = cl.LearningDiagram(*pieces, equations={"p": fit})
>>> rows = {table: {name: name for name in two.names(table)} for table in ("V", "E")}
>>> merging = cl.LearningMorphism(two, one, **rows, Eq={"p": "p", "q": "p"})
>>> laws = loss_functor.only("inequality")
>>> print(check(cl.loss_functor, laws, morphisms=[merging]).failures[0].message)
NotCertified: CostMorphism could not be certified (1 failure):
  - atom 'E_s(d_R(a(s.x), b(s.x)))': coefficient 2 in the domain, 1 in the codomain, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product as families
from typing import Any

import numpy as np
from hypothesis import assume, strategies as st

from catlearn.cost import CostMorphism
from catlearn.finset import TABLES, Span, coproduct, pushout
from catlearn.laws.arrows import strategy_of
from catlearn.laws.law import Comparison, Law, Spec, compare
from catlearn.laws.learning import (
    learning_diagrams,
    learning_morphisms,
    learning_spans,
    some_parameters,
)
from catlearn.laws.reference import interpretation
from catlearn.laws.signature import Signature
from catlearn.laws.tables import identifications, renamed
from catlearn.learning import LearningDiagram, loss_functor as the_loss_functor

TOLERANCE = 1e-9
STEP = 1e-5
"""Of the central differences that stand for derivatives."""

MOST_TRAINABLE = 8
"""How many trainable edges two diagrams may have for their parameters to be enumerated."""


def value(L: Any, diagram: LearningDiagram, theta: Mapping[str, Any]) -> float:
    """Return the loss of a diagram at parameters."""
    loss = L(diagram)
    return float(loss.evaluate(interpretation(_with_symbols(loss, diagram), theta)))


def _with_symbols(loss: Any, diagram: LearningDiagram) -> Any:
    """Return a loss that knows what its symbols mean."""
    return loss if hasattr(loss, "symbols") else the_loss_functor(diagram)


def _close(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE))


class _Diagrams:
    """Learning diagrams and their morphisms."""

    def identity(self, at: LearningDiagram, /) -> Any:
        return TABLES.identity(at)

    def compose(self, first: Any, then: Any, /) -> Any:
        return first >> then


class _Costs(_Diagrams):
    """Objectives and their morphisms."""

    def identity(self, at: Any, /) -> CostMorphism:
        return CostMorphism.identity(at)


class _Pushout:
    """A gluing of learning diagrams: the apex, and morphisms to it from the interface and feet."""

    def __init__(self, span: Span) -> None:
        i, j = pushout(*span)
        self.legs, self.apex = (span.f >> i, i, j), i.codomain


def _on_leg(number: int) -> Any:
    def loss(L: Any, P: Any, theta: Any) -> float:
        phi = P.legs[number]
        return value(L, phi.domain, phi.restrict(theta))

    return loss


def _at_most(L: Any, one: float, other: float) -> bool:
    return one <= other + TOLERANCE * max(1.0, other)


def _picture(values: Mapping[str, Any]) -> Any:
    """The diagram that an instance is about, which draws itself."""
    for name, read in (
        ("D", lambda D: D),
        ("phi", lambda phi: phi.domain),
        ("s", lambda s: pushout(*s).apex),
    ):
        if name in values:
            return read(values[name])
    return None


LOSS = Signature(
    {"C": lambda L: _Diagrams(), "Cost": lambda L: _Costs()},
    {
        "L(D: object): object in Cost": lambda L, D: L(D),
        "L(phi: D -> E): L(D) -> L(E) in Cost": lambda L, phi: L(phi),
        "contents(D: object in Cost): pair": lambda L, loss: (loss.parameters, loss.terms),
        "empty: object": lambda L: LearningDiagram.empty(),
        "nothing: pair": lambda L: ((), ()),
        "value(D: object, t: parameters): number": value,
        "restrict(r: M -> N in Cost, t: parameters): parameters": lambda L, r, t: r.restrict(t),
        "glue(s: span): gluing": lambda L, s: _Pushout(s),
        "+(D, E: object): sum": lambda L, D, E: coproduct(D, E),
        "parameters(D: sum, n: number): parameters": lambda L, both, n: some_parameters(
            both.apex, n
        ),
        **{
            f"L(P: {kind}, t: parameters): number": lambda L, P, t: value(L, P.apex, t)
            for kind in ("gluing", "sum")
        },
        "L0(P: gluing, t: parameters): number": _on_leg(0),
        "L1(P: gluing, t: parameters): number": _on_leg(1),
        "L2(P: gluing, t: parameters): number": _on_leg(2),
        "L1(P: sum, t: parameters): number": _on_leg(0),
        "L2(P: sum, t: parameters): number": _on_leg(1),
        "+(x, y: number): number": lambda L, x, y: x + y,
        "-(x, y: number): number": lambda L, x, y: x - y,
        "max(x, y: number): number": lambda L, x, y: max(x, y),
    },
    {"=": lambda L, x, y: x == y if isinstance(x, tuple) else _close(x, y), "≤": _at_most},
    alias={
        "parameters of the codomain of phi": "parameters",
        "parameters of the gluing of s": "parameters",
        "monic span": "span",
    },
    latex={
        "value": "{0}({1})", "restrict": "{0}^* {1}", "contents": "{0}", "nothing": r"(1, 0)",
        "glue": "{0}", "empty": "0",
    },
    picture=_picture,
)  # fmt: skip
"""A loss functor L from learning diagrams to Cost. The loss of a gluing at parameters is L, that
of the interface and of the two feet at the restricted ones L0, L1 and L2."""


# ---------------------------------------------------------------- procedures


def _pullback(L: Any, s: Span) -> Comparison:
    # Values in a set of two elements are enough to tell any two sets of edges apart.
    glued = _Pushout(s)
    (_, i, j), whole = glued.legs, glued.apex

    def points(diagram: Any) -> list[dict[str, int]]:
        edges = L(diagram).parameters
        return [dict(zip(edges, bits, strict=True)) for bits in families((0, 1), repeat=len(edges))]

    maps = [L(phi) for phi in (i, j, s.f, s.g)]
    found = [tuple(m.restrict(theta) for m in maps[:2]) for theta in points(whole)]
    pairs = families(*(points(foot) for foot in s.feet))
    agree = [p for p in pairs if maps[2].restrict(p[0]) == maps[3].restrict(p[1])]
    left, right = "families on the pushout", "pairs that agree on the interface"
    return compare(sorted(map(str, found)), sorted(map(str, agree)), left, right, diagram=whole)


def _gradients(L: Any, s: Span, theta: Any) -> Comparison:
    glued = _Pushout(s)
    legs, whole = glued.legs, glued.apex
    moved = [_pushed(phi, gradient(L, phi.domain, phi.restrict(theta)), theta) for phi in legs]
    left = _flat(gradient(L, whole, theta)) + _flat(moved[0])
    right = _flat(moved[1]) + _flat(moved[2])

    def close(one: np.ndarray, other: np.ndarray) -> bool:
        size = max(1.0, float(np.abs(one).max(initial=0)), float(np.abs(other).max(initial=0)))
        return bool(np.abs(one - other).max(initial=0) <= 1e-4 * size)

    names = "∇L + φ0∗ ∇L0", "φ1∗ ∇L1 + φ2∗ ∇L2"
    return compare(left, right, *names, by=close, diagram=whole)


def gradient(L: Any, diagram: LearningDiagram, theta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gradient of a loss by central differences, one parameter at a time."""
    found: dict[str, Any] = {}
    for edge, tree in theta.items():
        found[edge] = {}
        for leaf, array in tree.items():
            slopes = np.zeros(array.shape)
            for at in np.ndindex(array.shape):
                sides = []
                for sign in (1, -1):
                    nudged = np.array(array, "float64")
                    nudged[at] += sign * STEP
                    moved = {**theta, edge: {**tree, leaf: nudged}}
                    sides.append(value(L, diagram, moved))
                slopes[at] = (sides[0] - sides[1]) / (2 * STEP)
            found[edge][leaf] = slopes
    return found


def _pushed(phi: Any, slopes: Mapping[str, Any], theta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the image of a gradient: the sums over the edges that go to one edge."""
    total = {e: {k: np.zeros(np.shape(a)) for k, a in tree.items()} for e, tree in theta.items()}
    for edge, tree in slopes.items():
        for leaf, array in tree.items():
            total[phi.edge(edge)][leaf] += array
    return total


def _flat(slopes: Mapping[str, Any]) -> np.ndarray:
    leaves = [slopes[e][k].reshape(-1) for e in sorted(slopes) for k in sorted(slopes[e])]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def _zeros(L: Any, D: Any, theta: Any) -> Comparison:
    loss = L(D)
    values = interpretation(_with_symbols(loss, D), theta)
    sides = [term.atom.arguments[0].arguments for term in loss.terms if term.weight > 0]
    agree = all(np.array_equal(*(side.evaluate(values) for side in pair)) for pair in sides)
    found = loss.evaluate(values) == 0
    return compare(found, agree, "the loss is zero", "all equations hold", diagram=D)


# ---------------------------------------------------------------- what is drawn


def is_injective_on_loss(phi: Any) -> bool:
    """Whether no two soft equations of positive weight have one image."""
    rows = [q for q in phi.domain.soft_equations if phi.domain.weight(q) > 0]
    return len({phi("Eq", row) for row in rows}) == len(rows)


@st.composite
def _admissible(draw: st.DrawFn, diagrams: Any) -> Any:
    phi = draw(learning_morphisms(diagrams))
    assume(is_injective_on_loss(phi))
    return phi


@st.composite
def _onward(draw: st.DrawFn, diagram: LearningDiagram) -> Any:
    psi = draw(identifications(diagram))
    assume(is_injective_on_loss(psi))
    return psi >> renamed(psi.codomain) if draw(st.booleans()) else psi


@st.composite
def _small_spans(draw: st.DrawFn) -> Span:
    span = draw(learning_spans(learning_diagrams(equations=False), merge=True))
    assume(sum(len(foot.trainable) for foot in span.feet) <= MOST_TRAINABLE)
    return span


def _is_smooth(diagram: LearningDiagram) -> bool:
    rows = diagram.soft_equations
    return all(diagram.divergence(name).name != "absolute_error" for name in rows)


def _loss_sorts(L: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    diagrams = given.get("diagrams", learning_diagrams(data=True))
    spans = given.get("spans")
    seeds = st.integers(0, 99)

    def smooth() -> Any:
        if spans is not None:
            return strategy_of(spans)
        plain = learning_diagrams(data=True, defined=False).filter(_is_smooth)
        return learning_spans(plain, merge=True)

    def plain() -> Any:
        if "diagrams" in given:
            return strategy_of(diagrams)
        return learning_diagrams(data=True, categorical=False, defined=False)

    def parameters_of(diagram: LearningDiagram) -> Any:
        return seeds.map(lambda seed: some_parameters(diagram, seed))

    def at_gluing(span: Span) -> Any:
        return parameters_of(pushout(*span).legs[0].codomain)

    def apart(span: Span) -> Any:
        return at_gluing(span).map(_off_the_grid)

    return {
        "object": lambda: strategy_of(diagrams),
        "diagram without classes": plain,
        "number": lambda: seeds,
        "arrow": lambda: (
            strategy_of(given["morphisms"]) if "morphisms" in given else _admissible(diagrams)
        ),
        "arrow after _": lambda phi: _onward(phi.codomain),
        "parameters of the codomain of _": lambda phi: parameters_of(phi.codomain),
        "parameters of _": parameters_of,
        "span": lambda: (
            learning_spans(diagrams, merge=True) if spans is None else strategy_of(spans)
        ),
        "monic span": lambda: learning_spans(diagrams) if spans is None else strategy_of(spans),
        "span without equations": lambda: _small_spans() if spans is None else strategy_of(spans),
        "smooth span": smooth,
        "parameters of the gluing of _": at_gluing,
        "generic parameters of the gluing of _": apart,
    }


def _off_the_grid(theta: dict[str, Any]) -> dict[str, Any]:
    """Move parameters off the integers, so that no cost is met where it has a kink."""
    return {
        edge: {leaf: array * 0.37 + 0.11 * (k + 1) for k, (leaf, array) in enumerate(tree.items())}
        for edge, tree in theta.items()
    }


SPAN = "s: span, theta: parameters of the gluing of s"

loss_functor = Spec(
    "loss functor",
    (
        LOSS.law("ends", "L(phi) : L(D) -> L(E)", "phi: D -> E"),
        LOSS.law("identities", "L(id(D)) = id(L(D))", "D: object"),
        LOSS.law("composites", "L(phi >> psi) = L(phi) >> L(psi)", "phi: D -> E, psi: E -> F"),
        LOSS.law(
            "inequality",
            "value(D, restrict(L(phi), theta)) <= value(E, theta)",
            "phi: D -> E, theta: parameters of the codomain of phi",
        ),
        Law(
            "pullback of parameters",
            r"\Theta = \Theta_1 \times_{\Theta_0} \Theta_2",
            {"s": "span without equations"},
            _pullback,
            text="Θ = the pullback of Θ1 and Θ2 over Θ0",
        ),
        LOSS.law(
            "additivity",
            "L(glue(s), theta) + L0(glue(s), theta) = L1(glue(s), theta) + L2(glue(s), theta)",
            SPAN,
        ),
        LOSS.law(
            "monoidality",
            "L(D + E, parameters(D + E, n))"
            " = L1(D + E, parameters(D + E, n)) + L2(D + E, parameters(D + E, n))",
            "D, E: object, n: number",
        ),
        LOSS.law("monoidal unit", "contents(L(empty)) = nothing"),
        LOSS.law(
            "comparison",
            "max(L1(glue(s), theta), L2(glue(s), theta))"
            " <= L1(glue(s), theta) + L2(glue(s), theta) - L0(glue(s), theta)",
            f"s: monic {SPAN.removeprefix('s: ')}",
        ),
        Law(
            "gradients",
            r"\nabla L + \varphi_{0*} \nabla L_0"
            r" = \varphi_{1*} \nabla L_1 + \varphi_{2*} \nabla L_2",
            {"s": "smooth span", "theta": "generic parameters of the gluing of s"},
            _gradients,
            text="∇L + φ0∗ ∇L0 = φ1∗ ∇L1 + φ2∗ ∇L2",
        ),
        Law(
            "zeros",
            r"L_D(\theta) = 0 \iff \text{all equations hold}",
            {"D": "diagram without classes", "theta": "parameters of D"},
            _zeros,
            text="the value of L(D) at theta is zero <=> all equations hold",
        ),
    ),
    _loss_sorts,
    {
        "diagrams": "learning diagrams with data",
        "morphisms": "morphisms of them, injective on soft equations of positive weight",
        "spans": "spans of them, one leg of which is injective on equations",
    },
    lambda structure: structure is the_loss_functor,
    "Theory, section 4",
    LOSS,
)
"""The laws of a loss functor: a function of learning diagrams and of their morphisms."""
