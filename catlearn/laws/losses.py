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

Strategies for learning diagrams: tiny spaces, every kind of map, equations that mean something.

Vertices are called ``A, B, ...``, data sets ``s, t``, trainable edges ``m0, ...``, frozen ones
``z0, ...``, fixed ones ``c0, ...``. There may be a product ``P`` with a pairing ``pair`` and an
alias ``alias``. Values are small integers, so that sums of them are exact.

A reference evaluation of losses: every atom by the book, in numpy, path by path.

It shares nothing with the lowering but the diagram, so the two can be held against each other.
Where numpy has no such map (an architecture other than ``linear``) the architecture is asked.

>>> import numpy as np
>>> import catlearn as cl
>>> X, Y = cl.Space("X", 1), cl.Space("Y", 1)
>>> data = cl.Dataset("data", X=(X, np.array([[1.0], [2.0]])), Y=(Y, np.array([[1.0], [3.0]])))
>>> loss = cl.LearningDiagram(data, cl.Model("f", X, Y, "linear", use_bias=False)).loss()
>>> loss.evaluate(interpretation(loss, {"f": {"weight": np.array([[2.0]])}}))
1.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, product as families
from typing import Any

import numpy as np
from hypothesis import assume, strategies as st

from catlearn.category import Equation, Morphisms, Path
from catlearn.finset import Span, coproduct, pushout
from catlearn.laws.categories import strategy_of
from catlearn.laws.law import Comparison, Law, compare
from catlearn.laws.signature import Signature, Spec
from catlearn.laws.strategies import Rows, identifications, morphisms, parts, renamed, spans
from catlearn.learning import (
    Dataset,
    Defined,
    LearningDiagram,
    Loss,
    loss_functor as the_loss_functor,
)
from catlearn.learning.loss import PAIR
from catlearn.models import (
    AnySpace,
    Architecture,
    ArchitectureMap,
    Categorical,
    FactorMap,
    Model,
    Pairing,
    Product,
    ProjectionMap,
    Space,
    as_input,
)
from catlearn.models.divergences import AnyDivergence

MAX_LENGTH = 3
"""The longest side of an equation that is drawn."""


@st.composite
def learning_diagrams(
    draw: st.DrawFn,
    acyclic: bool = False,
    equations: bool = True,
    templates: bool = False,
    defined: bool = True,
    categorical: bool = True,
    data: bool = False,
) -> LearningDiagram:
    """Draw a learning diagram.

    Parameters
    ----------
    acyclic
        Whether models lead from earlier to later spaces only. (A pairing followed by one of
        its factors may still lead back: that is no cycle modulo the strict equations.)
    equations
        Whether soft equations may be declared, with weights and divergences.
    templates
        Whether some of them may start at a space that data reaches.
    defined
        Whether there may be a product with a pairing, and an alias.
    categorical
        Whether there may be a categorical space; cross-entropy does not vanish where both
        sides agree.
    data
        Whether the data sets hold arrays; then all have equally many examples, so that they can
        be identified.
    """
    spaces = draw(_spaces(categorical))
    pieces: list[Any] = list(spaces.values())
    size = draw(st.integers(1, 3))
    for name in ("s", "t")[: draw(st.integers(1, 2))]:
        onto = draw(st.lists(st.sampled_from(list(spaces)), min_size=1, max_size=3))
        columns: dict[str, Any] = {k: spaces[at] for k, at in zip("xyz", onto, strict=False)}
        pieces.append(draw(datasets(name, columns, size)) if data else Dataset(name, **columns))
    ends = [(u, v) for u in spaces for v in spaces if not acyclic or u < v]
    arrow = st.tuples(st.sampled_from("mmmzc"), st.sampled_from(ends)) if ends else st.nothing()
    for number, (kind, (u, v)) in enumerate(draw(st.lists(arrow, max_size=5 if ends else 0))):
        pieces.append(_edge(kind, f"{kind}{number}", spaces[u], spaces[v]))
    bare = LearningDiagram(*pieces)
    if defined:
        bare = draw(_with_definitions(bare, pieces, spaces, acyclic))
    return draw(_with_equations(bare, templates)) if equations else bare


@st.composite
def _spaces(draw: st.DrawFn, categorical: bool) -> dict[str, AnySpace]:
    found: dict[str, AnySpace] = {}
    kinds = ["R1", "R2", "absolute", *(["classes"] if categorical else [])]
    for name in "ABC"[: draw(st.integers(1, 3))]:
        match draw(st.sampled_from(kinds)):
            case "R1":
                found[name] = Space(name, 1)
            case "R2":
                found[name] = Space(name, 2)
            case "absolute":
                found[name] = Space(name, 1, divergence="absolute_error")
            case "classes":
                found[name] = Categorical(name, 2)
    return found


@st.composite
def datasets(draw: st.DrawFn, name: str, columns: dict[str, AnySpace], size: int = 2) -> Dataset:
    """Draw a data set of small integers.

    Parameters
    ----------
    name
        Its name.
    columns
        The space of each projection, an array or a categorical one.
    size
        The number of examples.
    """
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    given: dict[str, Any] = {k: (s, _column(generator, size, s)) for k, s in columns.items()}
    return Dataset(name, **given)


def _column(generator: np.random.Generator, size: int, space: AnySpace) -> np.ndarray:
    if isinstance(space, Categorical):
        return generator.integers(0, space.n, size)
    return generator.integers(-2, 3, (size, *space.shape)).astype("float32")  # type: ignore


def _edge(kind: str, name: str, source: AnySpace, target: AnySpace) -> Model:
    if kind == "c":
        return Model(name, source, target, _spread_to_1 if _size(target) == 1 else _spread_to_2)
    model = Model(name, source, target, "linear")
    if kind == "m":
        return model
    # The weights depend on the name, so that different frozen maps disagree.
    generator = np.random.default_rng(sum(map(ord, name)))
    return model.freeze(_linear(generator, _size(source), (_size(target),)))


def _linear(generator: np.random.Generator, inputs: int, shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "weight": generator.integers(-2, 3, (inputs, *shape)).astype("float32"),
        "bias": generator.integers(-2, 3, shape).astype("float32"),
    }


def _size(space: AnySpace) -> int:
    return space.label.features


def _spread_to_1(x: Any) -> Any:
    """A fixed map: the sum of the features."""
    return x.sum(axis=1, keepdims=True)


def _spread_to_2(x: Any) -> Any:
    """A fixed map: the sum of the features, and its double."""
    return x.sum(axis=1, keepdims=True) * np.array([1, 2], "float32")


@st.composite
def _with_definitions(
    draw: st.DrawFn,
    bare: LearningDiagram,
    pieces: list[Any],
    spaces: dict[str, AnySpace],
    acyclic: bool,
) -> LearningDiagram:
    more: list[Any] = []
    spans = [
        (p, q)
        for vertex in bare.vertices
        for found in [bare.paths(vertex, max_length=2, bound=None)[:20]]
        for p in found
        for q in found
        if p.target in spaces and q.target in spaces
    ]
    if spans and draw(st.booleans()):
        p, q = draw(st.sampled_from(spans))
        product = Product("P", spaces[p.target], spaces[q.target])
        more.append(Pairing("pair", product, str(p), str(q)))
        later = p.source if acyclic and p.source in spaces else ""
        ends = [space for name, space in spaces.items() if name > later]
        if ends and draw(st.booleans()):
            more.append(Model("out", product, draw(st.sampled_from(ends)), "linear"))
    runs = [p for v in bare.vertices for p in bare.paths(v, max_length=2, bound=None) if len(p)]
    if runs and draw(st.booleans()):
        more.append(Defined("alias", str(draw(st.sampled_from(runs)))))
    return LearningDiagram(*pieces, *more) if more else bare


@st.composite
def _with_equations(draw: st.DrawFn, bare: LearningDiagram, templates: bool) -> LearningDiagram:
    starts: Iterable[str] = bare.data_sets
    if templates:
        reached = {vertex for data in bare.data_sets for vertex in bare.tree(data).vertices}
        starts = [vertex for vertex in bare.vertices if vertex in reached]
    parallel: list[tuple[Path, Path]] = []
    for start in starts:
        found = bare.paths(start, max_length=MAX_LENGTH, bound=None)[:60]
        predicting = {path for path in found if not _has_label(bare, path)}
        pairs = [pair for pair in combinations(found, 2) if pair[0].is_parallel(pair[1])]
        parallel += [(p, q) for p, q in pairs if p in predicting]
        parallel += [(q, p) for p, q in pairs if q in predicting]
    if not parallel:
        return bare
    chosen = draw(st.lists(st.sampled_from(parallel), min_size=1, max_size=3))
    equations = {}
    for number, (p, q) in enumerate(chosen):
        attributes: dict[str, Any] = {"weight": draw(st.sampled_from([1.0, 2.0, 0.5, 0.0]))}
        plain = bare.space_label(p.target).kind == "array"
        if plain and draw(st.booleans()):
            attributes["divergence"] = "absolute_error"
        equations[f"q{number}"] = Equation((str(p), str(q)), **attributes)
    if draw(st.booleans()):  # two rows that say the same can be merged
        equations["again"] = equations["q0"]
    return bare.with_equations(equations) if equations else bare


def _has_label(diagram: LearningDiagram, path: Path) -> bool:
    """Whether a path may carry integer labels, which predict nothing."""
    *before, last = diagram.rewriting(path).edges or [""]
    if last in diagram.definitions:
        components = diagram.definition(last)
        return any(
            _has_label(diagram, Path(path.source, (*before, *part.edges), part.target))
            for part in components
        )
    is_data = not last or diagram.map_label(last).kind == "projection"
    return is_data and diagram.space_label(path.target).kind == "categorical"


def closure(whole: LearningDiagram, rows: Rows) -> Rows:
    """Add to some rows all that they need: ends, sides, and definitions of defined edges."""
    while True:
        found = whole.closure(rows)
        names = (whole.edges[row] for row in found["E"])
        definers = {
            whole.row("Eq", name)
            for edge in names
            for name in whole.definers.get(edge, {}).values()
        }
        if definers <= set(found["Eq"].tolist()):
            return found
        rows = {**found, "Eq": sorted(definers | set(found["Eq"].tolist()))}


def learning_parts(whole: LearningDiagram) -> st.SearchStrategy[Any]:
    """Draw the inclusion of a part of a learning diagram that is a learning diagram."""
    return parts(whole, closure)


def learning_spans(
    wholes: st.SearchStrategy[LearningDiagram], merge: bool = False
) -> st.SearchStrategy[Span]:
    """Draw a span of learning diagrams along a shared interface.

    Parameters
    ----------
    wholes
        Diagrams of which the feet are parts.
    merge
        Whether the right leg may identify rows; else both legs are monic.
    """
    return spans(wholes, closure, merge)


def learning_morphisms(
    wholes: st.SearchStrategy[LearningDiagram],
) -> st.SearchStrategy[Any]:
    """Draw a morphism: a part of a diagram, in a renamed quotient of it.

    Quotients identify edges and vertices of equal labels, and equations. They are drawn so
    that definitions stay valid.
    """
    return morphisms(wholes, closure)


@st.composite
def parameters(draw: st.DrawFn, diagram: LearningDiagram, dtype: str = "float64") -> dict[str, Any]:
    """Draw parameters for the trainable edges: ``{edge: tree}`` of numpy arrays.

    Parameters
    ----------
    diagram
        A learning diagram.
    dtype
        The dtype of all arrays; their values are small integers.
    """
    return some_parameters(diagram, draw(st.integers(0, 999)), dtype)


def some_parameters(diagram: LearningDiagram, seed: int, dtype: str = "float64") -> dict[str, Any]:
    """Return parameters that depend on a seed; see :func:`parameters`."""
    import jax

    generator = np.random.default_rng(seed)
    found = {}
    for edge in diagram.trainable:
        label = diagram.map_label(edge)
        assert isinstance(label, ArchitectureMap)
        ends = (diagram.space_label(vertex) for vertex in diagram.ends(edge))
        found[edge] = jax.tree.map(
            lambda leaf: generator.integers(-2, 3, leaf.shape).astype(dtype),
            label.architecture.structure(*ends),
        )
    return found


def interpretation(
    loss: Loss,
    params: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what each symbol of a loss means, for ``loss.evaluate``.

    Parameters
    ----------
    loss
        The loss of a learning diagram.
    params
        ``{edge: tree}`` for the trainable edges; frozen ones are in the diagram's store.
    data
        ``{projection edge: array}``; by default what is stored in the diagram.
    """
    diagram = loss.diagram
    values: dict[str, Any] = {PAIR: lambda *parts: parts}
    for edge in diagram.edges:
        values[edge] = _map(diagram, edge, params, diagram.store if data is None else data)
    for (what, _), symbol in loss.symbols.items():
        values[symbol] = _mean if what == "E" else _divergence(what)
    return values


def _map(
    diagram: LearningDiagram, edge: str, params: Mapping[str, Any], data: Mapping[str, Any]
) -> Any:
    label = diagram.map_label(edge)
    match label:
        case ProjectionMap():
            return _as_float(data[edge]) if edge in data else None
        case FactorMap(index):
            return lambda parts: parts[index]
        case ArchitectureMap(architecture):
            source = diagram.space_label(diagram.source(edge))
            values = params[edge] if label.trainable else diagram.store.get(edge)
            return lambda x: _run(architecture, values, _numbers(source, x))
    return None  # it is defined by others


def _run(architecture: Architecture, values: Any, x: Any) -> Any:
    if isinstance(values, dict) and set(values) <= {"weight", "bias"}:
        return np.tensordot(_flat(x), _as_float(values["weight"]), 1) + values.get("bias", 0)
    return _as_float(architecture.apply(values, x))


def _numbers(source: AnySpace, x: Any) -> Any:
    return _as_float(as_input(source, x))


def _flat(x: Any) -> np.ndarray:
    parts = x if isinstance(x, tuple) else (x,)
    return np.concatenate(
        [_flat(part) if isinstance(part, tuple) else part.reshape(len(part), -1) for part in parts],
        axis=1,
    )


def _as_float(value: Any) -> Any:
    """Return floats in double precision, and integers (labels) as they are."""
    if isinstance(value, tuple):
        return tuple(map(_as_float, value))
    array = np.asarray(value)
    return array if array.dtype.kind in "iu" else array.astype("float64")


def _mean(costs: np.ndarray) -> float:
    return float(np.mean(costs))


def _divergence(divergence: AnyDivergence) -> Callable[[Any, Any], np.ndarray]:
    known = {
        "squared_error": lambda p, t: _total((p - t) ** 2),
        "absolute_error": lambda p, t: _total(abs(p - t)),
        "cross_entropy": _cross_entropy,
    }
    parts = getattr(divergence, "parts", None)
    if parts is not None:
        each = [_divergence(part) for part in parts]
        return lambda p, t: sum(d(a, b) for d, a, b in zip(each, p, t, strict=True))  # type: ignore
    return known.get(divergence.name, lambda p, t: np.asarray(divergence(p, t), "float64"))


def _total(costs: np.ndarray) -> np.ndarray:
    return costs.reshape(len(costs), -1).sum(axis=1)


def _cross_entropy(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    logs = _log_softmax(prediction)
    if target.dtype.kind in "iu":
        return -logs[np.arange(len(target)), target]
    return -(np.exp(_log_softmax(target)) * logs).sum(axis=1)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


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
    {"C": lambda L: Morphisms(), "Cost": lambda L: Morphisms()},
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
        "value": "L_{{{0}}}({1})", "restrict": "{0}^* {1}", "contents": "{0}", "nothing": r"(1, 0)",
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
    left = _flattened(gradient(L, whole, theta)) + _flattened(moved[0])
    right = _flattened(moved[1]) + _flattened(moved[2])

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


def _flattened(slopes: Mapping[str, Any]) -> np.ndarray:
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
