"""Strategies for learning diagrams: tiny spaces, every kind of map, equations that mean something.

Vertices are called ``A, B, ...``, data sets ``s, t``, trainable edges ``m0, ...``, frozen ones
``z0, ...``, fixed ones ``c0, ...``. There may be a product ``P`` with a pairing ``pair`` and an
alias ``alias``. Values are small integers, so that sums of them are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from catlearn.category import Equation, Path
from catlearn.finset import Span
from catlearn.laws.tables import Rows, morphisms, parts, spans
from catlearn.learning import Dataset, Defined, LearningDiagram
from catlearn.models import Categorical, Model, Pairing, Product, Space
from catlearn.models.spaces import NamedSpace

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
def _spaces(draw: st.DrawFn, categorical: bool) -> dict[str, NamedSpace]:
    found: dict[str, NamedSpace] = {}
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
def datasets(draw: st.DrawFn, name: str, columns: dict[str, NamedSpace], size: int = 2) -> Dataset:
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


def _column(generator: np.random.Generator, size: int, space: NamedSpace) -> np.ndarray:
    if isinstance(space, Categorical):
        return generator.integers(0, space.n, size)
    return generator.integers(-2, 3, (size, *space.shape)).astype("float32")  # type: ignore


def _edge(kind: str, name: str, source: NamedSpace, target: NamedSpace) -> Model:
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


def _size(space: NamedSpace) -> int:
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
    spaces: dict[str, NamedSpace],
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
        pairs = [pair for pair in combinations(found, 2) if pair[0].is_parallel(pair[1])]
        parallel += [(p, q) for p, q in pairs if not _has_label(bare, p)]
        parallel += [(q, p) for p, q in pairs if not _has_label(bare, q)]
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
        architecture = diagram.map_label(edge).architecture
        assert architecture is not None
        ends = (diagram.space_label(vertex) for vertex in diagram.ends(edge))
        found[edge] = jax.tree.map(
            lambda leaf: generator.integers(-2, 3, leaf.shape).astype(dtype),
            architecture.structure(*ends),
        )
    return found
