r"""Which equations does a diagram mean? Four answers (Theory, section 5).

* ``declared``: the soft rows of the diagram; a row that does not start at a data set is a
  template and stands for its instances.
* ``all``: declared, and every unordered pair of parallel paths out of a data set with a
  trainable edge on at least one side.
* ``irreducible``: declared, and those generated pairs of *all* that do not follow from a
  shorter pair of *all* by composing with a common last part.
* ``basis``: declared, and one equation for each edge outside the breadth-first arborescence of
  what the data set reaches: :math:`|E_R| - |V_R| + 1` of them before any is dropped.

Generated equations have weight 1 and the divergence of their space. The trainable side
predicts; if both or neither are trainable the longer, then the later, side does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from catlearn.category import Equation, Path
from catlearn.category.path import steps_of
from catlearn.errors import CatlearnError, Failure, Failures, did_you_mean, expect, refuse
from catlearn.learning.pairs import parallel_pairs
from catlearn.models import Divergence

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram

SELECTIONS = ("declared", "all", "irreducible", "basis")


def sides_of(equation: Equation) -> tuple[str, frozenset[tuple[str, ...]]]:
    """Return what two equations from data share if they are the same in either order."""
    return equation.lhs.source, frozenset((equation.lhs.edges, equation.rhs.edges))


@dataclass(frozen=True)
class Selection:
    """The equations chosen, and those that were counted but left out of the loss.

    Their sides are paths from a data set, rewritten by the strict equations, and their attributes

    * ``name``, by which weights and costs are addressed;
    * ``data``, the data set at which both sides start;
    * ``target``, the vertex at which both sides end;
    * ``weight``, a non-negative number;
    * ``divergence``, the cost of a prediction against a target, one number for each example;
    * ``stop``, ``"lhs"`` or ``"rhs"``: the side through which no gradient passes;
    * ``trains``, the edges that the equation trains, each with the scale of its gradient; None for
      all.

    Parameters
    ----------
    terms
        The equations of the loss, in order.
    untrainable
        Equations without a trainable edge: constants.
    generated
        How many equations the rule gave before any was dropped.
    """

    terms: tuple[Equation, ...]
    untrainable: tuple[Equation, ...] = ()
    generated: int = 0

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)


@dataclass
class _Collector:
    """Equations in order of arrival, each once."""

    diagram: LearningDiagram
    terms: list[Equation] = field(default_factory=list)
    untrainable: list[Equation] = field(default_factory=list)
    seen: set = field(default_factory=set)
    silent: set = field(default_factory=set)
    generated: int = 0

    @cached_property
    def row(self) -> dict[str, int]:
        return {edge: number for number, edge in enumerate(self.diagram.edges)}

    def declare(self, term: Equation) -> None:
        self.seen.add(sides_of(term))
        if term.weight == 0:
            self.silent.add(sides_of(term))
        else:
            (self.terms if self._trains(term.lhs, term.rhs) else self.untrainable).append(term)

    def generate(self, first: Path, second: Path, *, keep_untrainable: bool) -> None:
        self.generated += 1
        rewrite = self.diagram.rewriting
        p, q = rewrite(first), rewrite(second)
        if p == q:
            return
        lhs, rhs = self._oriented(p, q)
        own = self.diagram.space_label(p.target).divergence  # type: ignore[attr-defined]
        term = _equation(f"{lhs} = {rhs}", lhs, rhs, 1.0, own)
        if sides_of(term) in self.seen:
            return
        self.seen.add(sides_of(term))
        if self._trains(p, q):
            self.terms.append(term)
        elif keep_untrainable:
            self.untrainable.append(term)

    def _oriented(self, p: Path, q: Path) -> tuple[Path, Path]:
        p_trains, q_trains = self._trains(p), self._trains(q)
        if p_trains != q_trains:
            return (p, q) if p_trains else (q, p)
        return (p, q) if self._place(p) > self._place(q) else (q, p)

    def _place(self, path: Path) -> tuple[int, list[int]]:
        """Where a path comes among all: by length, then by the order of edges."""
        return len(path), [self.row[edge] for edge in path.edges]

    def _trains(self, *paths: Path) -> bool:
        return any(self.diagram.is_trainable(path) for path in paths)

    def selection(self) -> Selection:
        return Selection(tuple(self.terms), tuple(self.untrainable), self.generated)


def select(
    diagram: LearningDiagram,
    equations: str | Iterable[str | Equation] | None = None,
    *,
    max_length: int | None = None,
    bound: int = 10_000,
    instances: Mapping[str, Sequence[str]] | None = None,
    skip_unreached: bool = False,
) -> Selection:
    """Choose the equations of a diagram's loss.

    Parameters
    ----------
    diagram
        A learning diagram.
    equations
        ``"declared"``, ``"all"``, ``"irreducible"`` or ``"basis"``, or a sequence of equations
        (texts or :class:`~catlearn.category.Equation`) to take instead. By default ``"declared"``
        if the diagram declares any soft equation, else ``"all"``.
    max_length
        A bound on the length of the paths, rewritten by the strict equations, that ``"all"`` and
        ``"irreducible"`` compare; needed when a data set reaches a cycle.
    bound
        The largest number of pairs that ``"all"`` and ``"irreducible"`` may generate.
    instances
        For a template (an equation that does not start at a data set), by name, the data paths
        into its start to instantiate it at.
    skip_unreached
        Whether templates that no data set reaches are left out instead of being an error.

    Returns
    -------
    Selection
        The equations in order, and the untrainable ones apart.

    Raises
    ------
    InvalidStructure
        If an equation is reached by no data, or is not one of the diagram's.
    TooManyPaths
        If the enumeration is infinite or over the bound; the message has the count.
    """
    expect(diagram, "soft_equations", "diagram", "a learning diagram")
    if max_length is not None:
        expect(max_length, (int, np.integer), "max_length", "a length, or None")
    expect(bound, (int, np.integer), "bound", "a number of pairs")
    if instances is not None:
        expect(instances, Mapping, "instances", "a dict from equations to data paths")
    if equations is None:
        equations = "declared" if diagram.soft_equations else "all"
    if not isinstance(equations, str):
        declaring = diagram.with_equations(equations, only=True)
        return select(declaring, "declared", instances=instances, skip_unreached=skip_unreached)
    if equations not in SELECTIONS:
        raise CatlearnError(
            f"equations={equations!r} is not a selection; use one of {', '.join(SELECTIONS)}, "
            "or a list of equations"
        )
    collector = _Collector(diagram)
    for term in _declared(diagram, instances or {}, skip_unreached):
        collector.declare(term)
    if equations == "basis":
        _basis(diagram, collector)
    elif equations != "declared":
        _all(diagram, collector, max_length, bound, irreducible=equations == "irreducible")
    return collector.selection()


def _declared(
    diagram: LearningDiagram, instances: Mapping[str, Sequence[str]], skip_unreached: bool
) -> list[Equation]:
    soft, data_sets = diagram.soft_equations, set(diagram.data_sets)
    failures = [
        Failure("instances", f"equation '{name}'", _not_a_template(diagram, name))
        for name in instances
        if name not in soft or soft[name][0].source in data_sets
    ]
    terms: list[Equation] = []
    for name, (lhs, rhs) in soft.items():
        weight, divergence = diagram.weight(name), diagram.divergence(name)
        is_template = lhs.source not in data_sets
        prefixes = [Path.identity(lhs.source)]
        if is_template:
            prefixes, wrong = _data_paths(diagram, name, lhs.source, instances)
            failures += wrong
            if not prefixes and not wrong and weight > 0 and not skip_unreached:
                failures.append(_unreached(name, lhs.source))
        for prefix in prefixes:
            own = f"{name}[{prefix}]" if is_template else name
            left, right = (diagram.rewriting(prefix >> side) for side in (lhs, rhs))
            facts = weight, divergence, diagram.stop(name), diagram.trains(name)
            terms.append(_equation(own, left, right, *facts))
    refuse("the choice of equations", failures)
    return terms


def _equation(
    name: str,
    lhs: Path,
    rhs: Path,
    weight: float,
    divergence: Divergence,
    stop: str | None = None,
    trains: Mapping[str, float] | None = None,
) -> Equation:
    facts = {"weight": weight, "divergence": divergence, "stop": stop, "trains": trains}
    return Equation((lhs, rhs), name=name, data=lhs.source, target=lhs.target, **facts)


def _not_a_template(diagram: LearningDiagram, name: str) -> str:
    if name in diagram.soft_equations:
        return "starts at a data set; only equations that do not have instances to choose"
    return f"the diagram declares no such equation; {did_you_mean(name, diagram.soft_equations)}"


def _unreached(name: str, start: str) -> Failure:
    message = (
        f"no data set reaches its start '{start}'; glue a data set that has a projection to "
        f"'{start}', or set its weight to 0"
    )
    return Failure("data", f"equation '{name}'", message)


def _data_paths(
    diagram: LearningDiagram,
    name: str,
    start: str,
    instances: Mapping[str, Sequence[str]],
) -> tuple[list[Path], list[Failure]]:
    """Return the data paths at which a template is instantiated, and what is wrong with them."""
    if name in instances:
        return _chosen(diagram, name, start, instances[name])
    projections = diagram.projections
    paths = [
        Path(projections[edge][0], (edge,), start)
        for edge in diagram.in_edges(start)
        if edge in projections
    ]
    trees = map(diagram.tree, diagram.data_sets if not paths else ())
    return paths or [tree.path(start) for tree in trees if start in tree.entering], []


def _chosen(
    diagram: LearningDiagram, name: str, start: str, texts: Sequence[str]
) -> tuple[list[Path], list[Failure]]:
    """Read the data paths that a user chose for a template."""
    where = f"instances of equation '{name}'"
    paths: dict[Path, None] = {}
    failures = Failures()
    for text in [texts] if isinstance(texts, str) else texts:
        path, wrong = diagram.traced(steps_of(text), where)
        failures += wrong
        if path is not None and (path.target != start or path.source not in diagram.data_sets):
            message = (
                f"the path '{path}' leads from '{path.source}' to '{path.target}'; needed is a "
                f"path from a data set to '{start}'"
            )
            failures.add("instances", where, message)
        elif path is not None:
            paths[path] = None
    return list(paths), failures


def _all(
    diagram: LearningDiagram,
    collector: _Collector,
    max_length: int | None,
    bound: int,
    *,
    irreducible: bool,
) -> None:
    rewriting = diagram.rewriting
    pairs = parallel_pairs(diagram, diagram.data_sets, max_length, bound, rewriting)
    if irreducible:
        implied = _implied_by(diagram, pairs, collector.silent)
        pairs = [pair for pair in pairs if not implied(*pair)]
    for first, second in pairs:
        collector.generate(first, second, keep_untrainable=False)


def _implied_by(
    diagram: LearningDiagram, pairs: Sequence[tuple[Path, Path]], silent: set
) -> Callable[[Path, Path], bool]:
    """Return the test whether a pair is ``(p >> h, q >> h)`` with ``(p, q)`` among the pairs.

    Pairs that are declared with weight 0 are not in the loss and imply nothing.
    """
    rewrite = diagram.rewriting
    known = {
        frozenset((p, q))
        for p, q in ((rewrite(first), rewrite(second)) for first, second in pairs)
        if diagram.is_trainable(p) or diagram.is_trainable(q)
        if (p.source, frozenset((p.edges, q.edges))) not in silent
    }

    def implied(first: Path, second: Path) -> bool:
        p, q = rewrite(first), rewrite(second)
        while len(p) and len(q) and p.edges[-1] == q.edges[-1]:
            cut = diagram.source(p.edges[-1])
            p, q = (Path(side.source, side.edges[:-1], cut) for side in (p, q))
            if frozenset((p, q)) in known:
                return True
        return False

    return implied


def _basis(diagram: LearningDiagram, collector: _Collector) -> None:
    for data in diagram.data_sets:
        tree = diagram.tree(data)
        for edge in tree.outside:
            source, target = diagram.source(edge), diagram.target(edge)
            around = tree.path(source) >> Path(source, (edge,), target)
            collector.generate(tree.path(target), around, keep_untrainable=True)


LossTerm = Equation
"""The former name of a chosen equation."""
