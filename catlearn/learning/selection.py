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
from itertools import combinations
from typing import TYPE_CHECKING

from catlearn.category import Equation, Path
from catlearn.category.walks import path_counts
from catlearn.errors import CatlearnError, Failure, InvalidStructure, TooManyPaths
from catlearn.models import Divergence

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram

SELECTIONS = ("declared", "all", "irreducible", "basis")


@dataclass(frozen=True)
class LossTerm:
    """One soft equation from one data set: ``weight * E d(lhs, rhs)``.

    Parameters
    ----------
    name
        The equation's name, by which weights and costs are addressed.
    data
        The data-set vertex at which both sides start.
    lhs, rhs
        The prediction and the target, rewritten by the strict equations.
    target
        The vertex at which both sides end.
    weight
        A non-negative number.
    divergence
        The cost of a prediction against a target, one number for each example.
    """

    name: str
    data: str
    lhs: Path
    rhs: Path
    target: str
    weight: float
    divergence: Divergence

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, ...]]]:
        """What two terms share if they say the same in either order."""
        return self.data, frozenset((self.lhs.edges, self.rhs.edges))


@dataclass(frozen=True)
class Selection:
    """The equations chosen, and those that were counted but left out of the loss.

    Parameters
    ----------
    terms
        The equations of the loss, in order.
    untrainable
        Equations without a trainable edge: constants.
    generated
        How many equations the rule gave before any was dropped.
    """

    terms: tuple[LossTerm, ...]
    untrainable: tuple[LossTerm, ...] = ()
    generated: int = 0

    def __iter__(self) -> Iterator[LossTerm]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)


@dataclass
class _Collector:
    """Terms in order of arrival, each said once."""

    diagram: LearningDiagram
    terms: list[LossTerm] = field(default_factory=list)
    untrainable: list[LossTerm] = field(default_factory=list)
    seen: set = field(default_factory=set)
    generated: int = 0

    def declare(self, term: LossTerm) -> None:
        self.seen.add(term.key)
        if term.weight > 0:
            (self.terms if self._trains(term.lhs, term.rhs) else self.untrainable).append(term)

    def generate(self, first: Path, second: Path, *, keep_untrainable: bool) -> None:
        self.generated += 1
        rewrite = self.diagram.rewriting
        p, q = rewrite(first), rewrite(second)
        if p == q:
            return
        lhs, rhs = self._oriented(p, q)
        term = LossTerm(
            name=f"{lhs} = {rhs}",
            data=p.source,
            lhs=lhs,
            rhs=rhs,
            target=p.target,
            weight=1.0,
            divergence=self.diagram.space_label(p.target).divergence,
        )
        if term.key in self.seen:
            return
        self.seen.add(term.key)
        if self._trains(p, q):
            self.terms.append(term)
        elif keep_untrainable:
            self.untrainable.append(term)

    def _oriented(self, p: Path, q: Path) -> tuple[Path, Path]:
        p_trains, q_trains = self._trains(p), self._trains(q)
        if p_trains != q_trains:
            return (p, q) if p_trains else (q, p)
        return (p, q) if len(p) > len(q) else (q, p)

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
) -> Selection:
    """Choose the equations of a diagram's loss.

    Parameters
    ----------
    diagram
        A learning diagram.
    equations
        ``"declared"``, ``"all"``, ``"irreducible"`` or ``"basis"``, or a sequence of equations
        (texts or :class:`~catlearn.Equation`) to take instead. By default ``"declared"`` if the
        diagram declares any soft equation, else ``"all"``.
    max_length
        A bound on the length of the paths that ``"all"`` and ``"irreducible"`` compare; needed
        when a data set reaches a cycle.
    bound
        The largest number of pairs that ``"all"`` and ``"irreducible"`` may generate.
    instances
        For a template (an equation that does not start at a data set), by name, the data paths
        into its start to instantiate it at.

    Returns
    -------
    Selection
        The terms in order, and the untrainable ones beside.

    Raises
    ------
    InvalidStructure
        If an equation is reached by no data, or is not one of the diagram's.
    TooManyPaths
        If the enumeration is infinite or over the bound; the message has the count.
    """
    if equations is None:
        equations = "declared" if diagram.soft_equations else "all"
    if not isinstance(equations, str):
        return select(diagram.with_equations(equations, only=True), "declared", instances=instances)
    if equations not in SELECTIONS:
        raise CatlearnError(
            f"equations={equations!r} is not a selection; use one of {', '.join(SELECTIONS)}, "
            "or a list of equations"
        )
    collector = _Collector(diagram)
    for term in _declared(diagram, instances or {}):
        collector.declare(term)
    if equations == "basis":
        _basis(diagram, collector)
    elif equations != "declared":
        _all(diagram, collector, max_length, bound, irreducible=equations == "irreducible")
    return collector.selection()


def _declared(
    diagram: LearningDiagram, instances: Mapping[str, Sequence[str]]
) -> Iterator[LossTerm]:
    failures: list[Failure] = []
    terms: list[LossTerm] = []
    unknown = [name for name in instances if name not in diagram.soft_equations]
    failures += [
        Failure("instances", f"equation '{name}'", "the diagram declares no such soft equation")
        for name in unknown
    ]
    for name, (lhs, rhs) in diagram.soft_equations.items():
        weight, divergence = diagram.weight(name), diagram.divergence(name)
        is_template = lhs.source not in diagram.data_sets
        unreached: list[Failure] = []
        prefixes = _data_paths(diagram, name, lhs.source, instances, unreached)
        failures += unreached if weight > 0 else []
        for prefix in prefixes:
            terms.append(
                LossTerm(
                    name=f"{name}[{prefix}]" if is_template else name,
                    data=prefix.source,
                    lhs=diagram.rewriting(prefix >> lhs),
                    rhs=diagram.rewriting(prefix >> rhs),
                    target=lhs.target,
                    weight=weight,
                    divergence=divergence,
                )
            )
    if failures:
        raise InvalidStructure("the choice of equations", failures)
    yield from terms


def _data_paths(
    diagram: LearningDiagram,
    name: str,
    start: str,
    instances: Mapping[str, Sequence[str]],
    failures: list[Failure],
) -> list[Path]:
    """Return the data paths at which an equation is instantiated."""
    if start in diagram.data_sets:
        return [Path.identity(start)]
    if name in instances:
        paths = [diagram.path(text) for text in instances[name]]
        failures += [
            Failure(
                "instances",
                f"equation '{name}'",
                f"the path '{path}' leads from '{path.source}' to '{path.target}'; needed is a "
                f"path from a data set to '{start}'",
            )
            for path in paths
            if path.target != start or path.source not in diagram.data_sets
        ]
        return paths
    paths = [
        Path(diagram.source(edge), (edge,), start)
        for edge in diagram.in_edges(start)
        if diagram.source(edge) in diagram.data_sets
    ]
    if not paths:
        paths = [
            tree.path(start)
            for tree in map(diagram.tree, diagram.data_sets)
            if start in tree.vertices
        ]
    if not paths:
        failures.append(
            Failure(
                "data",
                f"equation '{name}'",
                f"no data set reaches its start '{start}'; glue a data set that has a projection "
                f"to '{start}', or set its weight to 0",
            )
        )
    return paths


def _all(
    diagram: LearningDiagram,
    collector: _Collector,
    max_length: int | None,
    bound: int,
    *,
    irreducible: bool,
) -> None:
    pairs: list[tuple[Path, Path]] = []
    for data in diagram.data_sets:
        counts = path_counts(diagram, data, max_length=max_length)
        total = sum(n * (n - 1) // 2 for n in counts.values())
        if len(pairs) + total > bound:
            message = (
                f"{sum(counts.values())} paths start at data set '{data}' and make {total} "
                f"parallel pairs, more than the bound of {bound}; use equations='basis', which "
                "implies them all, give max_length, or raise bound"
            )
            raise TooManyPaths(message, total)
        if total:
            pairs += _parallel_pairs(diagram, data, max_length)
    if irreducible:
        implied = _implied_by(diagram, pairs)
        pairs = [pair for pair in pairs if not implied(*pair)]
    for first, second in pairs:
        collector.generate(first, second, keep_untrainable=False)


def _parallel_pairs(
    diagram: LearningDiagram, data: str, max_length: int | None
) -> Iterator[tuple[Path, Path]]:
    by_target: dict[str, list[Path]] = {vertex: [] for vertex in diagram.vertices}
    for path in diagram.paths(data, max_length=max_length, bound=None):
        by_target[path.target].append(path)
    for paths in by_target.values():
        yield from combinations(paths, 2)


def _implied_by(
    diagram: LearningDiagram, pairs: Sequence[tuple[Path, Path]]
) -> Callable[[Path, Path], bool]:
    """Return the test whether a pair is ``(p >> h, q >> h)`` with ``(p, q)`` among the pairs."""
    rewrite = diagram.rewriting
    known = {
        frozenset((p, q))
        for p, q in ((rewrite(first), rewrite(second)) for first, second in pairs)
        if diagram.is_trainable(p) or diagram.is_trainable(q)
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
            collector.generate(around, tree.path(target), keep_untrainable=True)
