"""Learning diagrams: presentations whose vertices are spaces and whose edges are models.

A *learning diagram* is an attributed C-set on :data:`~catlearn.learning.schema.LEARNING`: a
finite graph with equations between parallel paths, where each vertex carries a space, each
edge a map, and each equation a weight (Theory, section 2; after Lary et al., arXiv 2501.01515).
Read strictly it presents a category; read softly it is a learning problem.

A diagram holds structure and hashable labels, never arrays. Data, starting values and frozen
parameters sit in its ``store``, by edge; they are carried along by gluing, which refuses two
different values for one row, and are not compared by ``==``.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
>>> data = cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y))
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> square = cl.glue(data, cl.LearningDiagram(encoder, head))
>>> square
LearningDiagram(4 vertices, 4 edges, 0 equations)
>>> print(*square.emergent)
digits.X >> encoder >> head = digits.Y
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.category import Equation, Path, Presentation, PresentationMorphism
from catlearn.category.presentation import equation_images
from catlearn.cset import CSet, CSetMorphism
from catlearn.errors import (
    Failure,
    InvalidStructure,
    LabelConflict,
    UnknownName,
    did_you_mean,
)
from catlearn.finset import Colimit, Tables
from catlearn.finset.functions import read_values
from catlearn.finset.join import find
from catlearn.learning.checks import check_diagram, check_glued
from catlearn.learning.definitions import Definition, Rewriting
from catlearn.learning.loss import Loss
from catlearn.learning.parts import Equations, Part, Rows, same_stored
from catlearn.learning.schema import LEARNING
from catlearn.learning.selection import LossTerm, Selection, select
from catlearn.learning.weights import weight_text
from catlearn.models import DataLabel, Divergence, Map, Operated, SpaceLabel

if TYPE_CHECKING:
    from catlearn.category.walks import Arborescence
    from catlearn.cost import Aggregator


class LearningDiagram(Presentation, CSet):
    """A training regime as a diagram.

    Parameters
    ----------
    *parts
        Spaces, data sets, models, pairings and defined edges. Spaces that parts mention come
        along; parts that mention spaces of one name share its vertex.
    equations
        Soft equations as texts, :class:`~catlearn.Equation` values with ``weight``,
        ``divergence`` and ``strict``, or a mapping from names to those. An equation without a
        name is called by its text.
    check
        False skips all checks.

    Raises
    ------
    InvalidStructure
        Listing everything that is wrong: parts that disagree, equations that do not resolve,
        maps that do not fit their spaces, edges without a definition.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Space("Y", 2)
    >>> D = cl.LearningDiagram(
    ...     cl.Dataset("data", X=X, Y=Y),
    ...     cl.Model("f", X, Y, "linear"),
    ...     equations={"fit": cl.Equation("data.X >> f = data.Y", weight=2.0)},
    ... )
    >>> print(D.loss())
    L(f) = 2 E_data(d_Y(f(data.X), data.Y))

    References
    ----------
    Lary et al., "DiagrammaticLearning", arXiv 2501.01515.
    """

    shape = LEARNING

    def __init__(self, *parts: Part, equations: Equations = (), check: bool = True) -> None:
        rows = Rows()
        rows.add_parts(parts)
        rows.add_equations(equations)
        self._fill_rows(rows, check)

    @classmethod
    def of_rows(cls, rows: Rows, check: bool = True) -> LearningDiagram:
        """Return the diagram with these rows, checked."""
        diagram = object.__new__(cls)
        diagram._fill_rows(rows, check)
        return diagram

    def _fill_rows(self, rows: Rows, check: bool) -> None:
        place = {vertex: number for number, vertex in enumerate(rows.vertices)}
        edges = {edge: number for number, edge in enumerate(rows.edges)}
        equations = rows.equations.values()
        numbers = {name: number for number, name in enumerate(rows.equations)}
        trains = [
            (f"{name}: {edge}", numbers[name], edge, scale)
            for name, row in rows.equations.items()
            for edge, scale in (row.trains or {}).items()
        ]
        unknown = [
            Failure("trains", name, f"there is no edge {edge!r}; {did_you_mean(edge, edges)}")
            for name, _, edge, _ in trains
            if edge not in edges
        ]
        trains = [row for row in trains if row[2] in edges]
        Tables.__init__(
            self,
            LEARNING,
            sets={
                "V": tuple(place),
                "E": tuple(edges),
                "Eq": tuple(rows.equations),
                "Trains": [name for name, *_ in trains],
                "Average": tuple(rows.averages),
                "Operator": tuple(rows.operators),
            },
            arrows={
                "src": [place[source] for source, _, _ in rows.edges.values()],
                "tgt": [place[target] for _, target, _ in rows.edges.values()],
                "start": [place[row.lhs.source] for row in equations],
                "end": [place[row.lhs.target] for row in equations],
                "by": [number for _, number, _, _ in trains],
                "trained": [edges[edge] for _, _, edge, _ in trains],
                "average": [edges[edge] for edge in rows.averages],
                "follows": [edges[edge] for edge, _ in rows.averages.values()],
                "operator": [edges[edge] for edge in rows.operators],
                "operand": [edges[edge] for edge in rows.operators.values()],
            },
            lists={
                "lhs": [[edges[edge] for edge in row.lhs.edges] for row in equations],
                "rhs": [[edges[edge] for edge in row.rhs.edges] for row in equations],
            },
            attributes={
                "space": tuple(rows.vertices.values()),
                "map": tuple(label for _, _, label in rows.edges.values()),
                "strict": tuple(row.strict for row in equations),
                "weight": tuple(row.weight for row in equations),
                "divergence": tuple(row.divergence for row in equations),
                "stop": tuple(row.stop for row in equations),
                "scale": tuple(scale for *_, scale in trains),
                "decay": tuple(decay for _, decay in rows.averages.values()),
            },
            check=False,
        )
        self._set(_store=dict(rows.store))
        failures = [*rows.failures, *unknown, *(self.failures() if check else [])]
        if failures:
            raise InvalidStructure("LearningDiagram", failures)

    def failures(self) -> list[Failure]:
        """List every broken law, in the names of the rows."""
        return super().failures() or check_diagram(self)

    @classmethod
    def _morphism_class(cls) -> type[LearningMorphism]:
        return LearningMorphism

    # What sits beside the tables.

    @property
    def store(self) -> Mapping[str, Any]:
        """What sits beside the diagram, by edge: data for projections, else parameters."""
        return MappingProxyType(vars(self).get("_store", {}))

    @cached_property
    def projections(self) -> dict[str, tuple[str, str]]:
        """For each projection edge its data set and its short name there."""
        found = {}
        for edge in self.edges:
            if self.map_label(edge).kind == "projection":
                data = self.source(edge)
                found[edge] = (data, edge.removeprefix(f"{data}."))
        return found

    @cached_property
    def data(self) -> dict[str, dict[str, Any]]:
        """The stored arrays: data set -> projection -> array, examples along the leading axis."""
        arrays: dict[str, dict[str, Any]] = {}
        for edge, (data, key) in self.projections.items():
            if edge in self.store:
                arrays.setdefault(data, {})[key] = self.store[edge]
        return arrays

    @cached_property
    def starts(self) -> dict[str, Any]:
        """The stored parameters of models and frozen edges, by edge."""
        return {edge: value for edge, value in self.store.items() if edge not in self.projections}

    def _glued(self, diagram: Any, legs: tuple[Any, ...]) -> LearningDiagram:
        store: dict[str, Any] = {}
        origin: dict[str, str] = {}
        failures: list[Failure] = []
        for name, leg in zip(diagram.names, legs, strict=True):
            for edge, value in leg.domain.store.items():
                image = leg.edge(edge)
                if image not in store:
                    store[image], origin[image] = value, f"{name}: {edge}"
                elif not same_stored(store[image], value):
                    what = "data" if image in self.projections else "parameters"
                    message = f"{origin[image]} and {name}: {edge} hold different {what}"
                    failures.append(Failure("stored values", f"edge '{image}'", message))
        if failures:
            raise LabelConflict("gluing", failures)
        self._set(_store=store)
        failures = check_glued(self)
        if failures:
            raise InvalidStructure("the glued diagram", failures)
        return self

    def _restricted(self, inclusion: Any) -> LearningDiagram:
        whole = inclusion.codomain.store
        images = {edge: inclusion.edge(edge) for edge in self.edges}
        self._set(_store={edge: whole[image] for edge, image in images.items() if image in whole})
        return self

    def _remade(self, sources: Any) -> LearningDiagram:
        store: dict[str, Any] = {}
        for other, rows in sources:
            for edge, row in zip(self.edges, rows["E"].tolist(), strict=True):
                old = other.edges[row] if row >= 0 else ""
                # Parameters stay with an edge only as long as its architecture does.
                if old in other.store and edge not in store and self._fits(edge, other, old):
                    store[edge] = other.store[old]
        self._set(_store=store)
        return self

    def _fits(self, edge: str, other: LearningDiagram, old: str) -> bool:
        labels = (diagram.map_label(e) for diagram, e in ((self, edge), (other, old)))
        here, there = (getattr(label, "architecture", None) for label in labels)
        return here == there

    # Labels.

    def space_label(self, vertex: str) -> SpaceLabel:
        """Return the label of a vertex's space."""
        return self.attributes["space"][self.row("V", vertex)]  # type: ignore[return-value]

    def map_label(self, edge: str) -> Map:
        """Return the label of an edge's map."""
        return self.attributes["map"][self.row("E", edge)]  # type: ignore[return-value]

    def weight(self, equation: str) -> float:
        """Return the weight of an equation."""
        return self.attributes["weight"][self.row("Eq", equation)]  # type: ignore[return-value]

    def divergence(self, equation: str) -> Divergence:
        """Return the divergence of an equation: its own, else that of the space where it ends."""
        own = self.attributes["divergence"][self.row("Eq", equation)]
        if own is not None:
            return own  # type: ignore[return-value]
        end = self.sides(equation)[0].target
        return self.space_label(end).divergence  # type: ignore[attr-defined]

    def trains(self, equation: str) -> dict[str, float] | None:
        """Return the edges that an equation trains, each with its scale; None for all of its."""
        return self._trains.get(self.row("Eq", equation))

    @cached_property
    def _trains(self) -> dict[int, dict[str, float]]:
        found: dict[int, dict[str, float]] = {}
        columns = (self.arrows["by"].values, self.arrows["trained"].values)
        rows = zip(*(column.tolist() for column in columns), self.attributes["scale"], strict=True)
        for equation, edge, scale in rows:
            found.setdefault(equation, {})[self.edges[edge]] = scale  # type: ignore[assignment]
        return found

    def stop(self, equation: str) -> str | None:
        """Return the side of an equation through which no gradient passes: lhs, rhs or None."""
        return self.attributes["stop"][self.row("Eq", equation)]  # type: ignore[return-value]

    @cached_property
    def averages(self) -> dict[str, tuple[str, float]]:
        """For each edge that is a moving average the edge that it follows, and the decay."""
        columns = (self.arrows["average"].values, self.arrows["follows"].values)
        rows = zip(*(column.tolist() for column in columns), self.attributes["decay"], strict=True)
        return {self.edges[one]: (self.edges[of], decay) for one, of, decay in rows}  # type: ignore

    @cached_property
    def operators(self) -> dict[str, str]:
        """For each edge that is an operator the edge that it acts on."""
        columns = (self.arrows[name].values.tolist() for name in ("operator", "operand"))
        return {self.edges[one]: self.edges[of] for one, of in zip(*columns, strict=True)}

    def owner(self, edge: str) -> str:
        """Return the edge whose parameters an edge has: its own, but for an operator."""
        while edge in self.operators:
            edge = self.operators[edge]
        return edge

    def runs(self, edge: str) -> Map:
        """Return the label of what an edge runs: an operator with what it acts on filled in."""
        label = self.map_label(edge)
        if edge not in self.operators or not isinstance(label.architecture, Operated):
            return label
        of = self.operators[edge]
        ends = map(self.space_label, self.ends(of))
        architecture = self.runs(of).architecture
        if architecture is None:
            return label
        return Map(label.kind, label.architecture.on(architecture, *ends))

    @cached_property
    def data_sets(self) -> tuple[str, ...]:
        """The vertices that are data sets."""
        labels = zip(self.vertices, self.attributes["space"], strict=True)
        return tuple(vertex for vertex, label in labels if isinstance(label, DataLabel))

    @cached_property
    def trainable(self) -> tuple[str, ...]:
        """The trainable edges: the factors of the parameter space."""
        return self._edges_of_kind("model")

    @cached_property
    def frozen(self) -> tuple[str, ...]:
        """The edges whose parameters do not move."""
        return self._edges_of_kind("frozen")

    def _edges_of_kind(self, kind: str) -> tuple[str, ...]:
        labels = zip(self.edges, self.attributes["map"], strict=True)
        return tuple(edge for edge, label in labels if label.kind == kind)  # type: ignore

    # Equations.

    @cached_property
    def strict_equations(self) -> dict[str, tuple[Path, Path]]:
        """The equations that hold by construction."""
        return self._equations_where(True)

    @cached_property
    def soft_equations(self) -> dict[str, tuple[Path, Path]]:
        """The equations that are terms of the loss."""
        return self._equations_where(False)

    def _equations_where(self, strict: bool) -> dict[str, tuple[Path, Path]]:
        rows = zip(self.names("Eq"), self.attributes["strict"], strict=True)
        return {name: self.sides(name) for name, flag in rows if flag is strict}

    def defines(self, lhs: Path, rhs: Path) -> tuple[str, str | None, Path] | None:
        """Read a strict equation as a definition: edge, factor edge or None, and path."""
        for side, other in ((lhs, rhs), (rhs, lhs)):
            if not 1 <= len(side) <= 2 or self.map_label(side.edges[0]).kind != "defined":
                continue
            if len(side) == 1:
                return side.edges[0], None, other
            if self.map_label(side.edges[1]).kind == "factor":
                return side.edges[0], side.edges[1], other
        return None

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The definition of each defined edge."""
        found: dict[str, dict[str, Path]] = {}
        aliases: dict[str, Path] = {}
        for lhs, rhs in self.strict_equations.values():
            match self.defines(lhs, rhs):
                case (edge, None, path):
                    aliases[edge] = path
                case (edge, str(factor), path):
                    found.setdefault(edge, {})[factor] = path
        pairings = {}
        for edge, paths in found.items():
            factors = sorted(paths, key=lambda factor: self.map_label(factor).index or 0)
            components = tuple(paths[factor] for factor in factors)
            pairings[edge] = Definition(edge, components, tuple(factors))
        return pairings | {edge: Definition(edge, (path,)) for edge, path in aliases.items()}

    @cached_property
    def definers(self) -> dict[str, dict[int | None, str]]:
        """The strict equations that define each defined edge, by factor; by None for an alias."""
        found: dict[str, dict[int | None, str]] = {}
        for name, (lhs, rhs) in self.strict_equations.items():
            match self.defines(lhs, rhs):
                case (edge, factor, _):
                    index = None if factor is None else self.map_label(factor).index
                    found.setdefault(edge, {})[index] = name
        return found

    @cached_property
    def rewriting(self) -> Rewriting:
        """Normal forms of paths modulo the strict equations.

        A product may have come by gluing to several factor edges for one factor: each that ends
        where the component does is cancelled.
        """
        components = {}
        for edge, definition in self.definitions.items():
            labels = map(self.map_label, definition.factors)
            parts = dict(zip(labels, definition.paths, strict=False))
            for factor in self.out_edges(self.target(edge)) if parts else ():
                part = parts.get(self.map_label(factor))
                if part is not None and part.target == self.target(factor):
                    components[edge, factor] = part
        return Rewriting(self.definitions, components, self.operators)

    def definition(self, edge: str) -> tuple[Path, ...]:
        """Return the paths that define an edge: one for an alias, one a factor for a pairing."""
        if edge not in self.definitions:
            raise UnknownName(f"edge '{edge}' is not a defined edge")
        return self.definitions[edge].paths

    def is_trainable(self, path: Path) -> bool:
        """Whether a path evaluates a trainable edge."""
        return any(self._ranks[edge] == 2 for edge in path.edges)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """For each edge 2 if it evaluates a trainable edge, else 1 if a frozen one, else 0."""
        own = {"model": 2, "frozen": 1}
        owners = {edge: self.map_label(self.owner(edge)) for edge in self.edges}
        ranks = {edge: own.get(label.kind, 0) for edge, label in owners.items()}
        for edge in self.definitions:
            used = self.rewriting.edges_of(Path(self.source(edge), (edge,), self.target(edge)))
            ranks[edge] = max((ranks[part] for part in used), default=0)
        return ranks

    def tree(self, data: str) -> Arborescence:
        """Return the breadth-first arborescence of what a data set reaches.

        Fixed edges are preferred, then frozen, then trainable ones, then those that come first.
        """
        return self._cached(
            f"tree of {data}", lambda: self.reachable(data, priority=self._ranks.__getitem__)
        )

    def select(self, equations: Any = None, **options: Any) -> Selection:
        """Choose equations; see :func:`~catlearn.learning.selection.select` for the options."""
        return select(self, equations, **options)

    def loss(
        self,
        equations: str | Sequence[str | Equation] | None = None,
        *,
        aggregator: str | Aggregator = "sum",
        **options: Any,
    ) -> Loss:
        """Return the symbolic loss for a choice of equations.

        Parameters
        ----------
        equations
            ``"declared"``, ``"all"``, ``"irreducible"``, ``"basis"`` or a list of equations; by
            default ``"declared"`` if the diagram declares any, else ``"all"``.
        aggregator
            How terms are put together, ``"sum"`` or ``"max"``.
        **options
            ``max_length``, ``bound`` and ``instances``, as for
            :func:`~catlearn.learning.selection.select`.

        Raises
        ------
        InvalidStructure
            If an equation is reached by no data.
        TooManyPaths
            If the enumeration is infinite or over its bound.
        """
        return Loss(self, select(self, equations, **options), aggregator)

    def with_equations(self, equations: Equations, *, only: bool = False) -> LearningDiagram:
        """Return the diagram with more soft equations.

        Parameters
        ----------
        equations
            As for the constructor.
        only
            Whether they replace the soft equations there are.
        """
        rows = Rows.of(self)
        if only:
            rows.equations = {name: row for name, row in rows.equations.items() if row.strict}
        rows.add_equations(equations)
        return type(self).of_rows(rows)

    def instantiate(
        self, equations: str | Sequence[str | Equation] | None = None, **options: Any
    ) -> LearningDiagram:
        """Return the diagram that declares exactly the equations of a selection, as its rows."""
        terms = select(self, equations, **options).terms
        rows = Rows.of(self)
        rows.equations = {name: row for name, row in rows.equations.items() if row.strict}
        rows.add_terms(terms)
        return type(self).of_rows(rows)

    def bind(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> LearningDiagram:
        """Return the diagram with architectures, starting values or data filled in.

        Parameters
        ----------
        values, **more
            By edge: anything that :class:`~catlearn.Model` accepts as an architecture. By data
            set: a mapping from projections to arrays.

        Raises
        ------
        InvalidStructure
            Listing names that nothing answers to, edges that have another architecture already,
            and values that do not fit.
        """
        rows = Rows.of(self)
        for name, value in {**(values or {}), **more}.items():
            rows.bind(name, value)
        return type(self).of_rows(rows)

    def with_values(self, values: Mapping[str, Any]) -> LearningDiagram:
        """Return the diagram whose models start from these parameters, trained ones say.

        Parameters
        ----------
        values
            ``{edge: tree}`` for models and frozen edges, such as ``result.params``.

        Raises
        ------
        InvalidStructure
            Listing names that are no models, and parameters of another structure.
        """
        rows = Rows.of(self)
        rows.start(values)
        return type(self).of_rows(rows)

    # Gluing.

    @property
    def gluing(self) -> Colimit | None:
        """The colimit that this diagram is the apex of, if :func:`~catlearn.glue` made it."""
        return vars(self).get("_gluing")

    @cached_property
    def emergent(self) -> tuple[LossTerm, ...]:
        """The equations that none of the glued parts has; see :mod:`catlearn.learning.gluing`."""
        from catlearn.learning.gluing import emergent

        return emergent(self)

    # Text.

    def __repr__(self) -> str:
        counts = ((len(self.vertices), "vertices", "vertex"), (len(self.edges), "edges", "edge"))
        counts += ((len(self.names("Eq")), "equations", "equation"),)
        said = ", ".join(f"{n} {one if n == 1 else many}" for n, many, one in counts)
        return f"LearningDiagram({said})"

    def __str__(self) -> str:
        lines = [
            f"{vertex} = {self.space_label(vertex)}"
            for vertex in self.vertices
            if vertex not in self.data_sets
        ]
        for edge in self.edges:
            source, target = self.ends(edge)
            lines.append(f"{edge} : {source} -> {target}  ({self.map_label(edge)})")
        for name in self.names("Eq"):
            lhs, rhs = self.sides(name)
            strict = name in self.strict_equations
            sign = ":=" if strict else "="
            said = "" if strict else self._said(name)
            label = "" if name == f"{lhs} = {rhs}" else f"{name}: "
            lines.append(f"{label}{lhs} {sign} {rhs}{said}")
        return "\n".join(lines)

    def _said(self, equation: str) -> str:
        """What an equation says beside its sides, where it is not what most say."""
        weight, trained, stop = self.weight(equation), self.trains(equation), self.stop(equation)
        said = [] if weight == 1 else [f"weight {weight_text(weight)}"]
        if trained is not None:
            names = (
                edge if scale == 1 else f"{edge} by {weight_text(scale)}"
                for edge, scale in trained.items()
            )
            said.append(f"trains {', '.join(names)}")
        said += [] if stop is None else [f"stop at {stop}"]
        return f"  ({'; '.join(said)})" if said else ""


class LearningMorphism(PresentationMorphism, CSetMorphism):
    """A morphism of learning diagrams: rows to rows, preserving ends, sides and attributes.

    Parameters
    ----------
    domain, codomain
        Learning diagrams.
    V, E
        Where vertices and edges go: mappings of names, or lists of rows.
    Eq
        Where equations go. If it is not given, each goes to the one equation that has the
        images of its sides.
    Trains, Average, Operator
        Where the rows go that say what equations train, and what is a moving average or an
        operator. If they are not given, each goes to the row between the images of what it is
        between.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        Listing every broken square by the names of the rows.
    """

    domain: LearningDiagram
    codomain: LearningDiagram

    def __init__(
        self,
        domain: LearningDiagram,
        codomain: LearningDiagram,
        V: Mapping[str, str] | Sequence[int] = (),
        E: Mapping[str, str] | Sequence[int] = (),
        Eq: Mapping[str, str] | Sequence[int] | None = None,
        Trains: Mapping[str, str] | Sequence[int] | None = None,
        Average: Mapping[str, str] | Sequence[int] | None = None,
        Operator: Mapping[str, str] | Sequence[int] | None = None,
        *,
        check: bool = True,
    ) -> None:
        Eq = equation_images(domain, codomain, V, E) if Eq is None else Eq
        parts: dict[str, Any] = {"V": V, "E": E, "Eq": Eq}
        parts |= {"Trains": Trains, "Average": Average, "Operator": Operator}
        failures: list[Failure] = []
        for table in ("Trains", "Average", "Operator"):
            if parts[table] is None:
                parts[table], wrong = relation_images(domain, codomain, table, parts)
                failures += wrong
        if failures:
            raise InvalidStructure(type(self).__name__, failures)
        CSetMorphism.__init__(self, domain, codomain, parts, check=check)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{table}={{{', '.join(self._images(table))}}}" for table in self.domain.shape.tables
        )
        return f"LearningMorphism({self.domain!r} -> {self.codomain!r}, {parts})"

    def _images(self, table: str) -> Iterator[str]:
        images = self.codomain.sets[table].labels(self.components[table].values)
        for name, image in zip(self.domain.names(table), images, strict=True):
            yield name if name == image else f"{name}: {image}"

    def restrict(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Apply phi* to parameters: ``(phi* theta')_e = theta'_{phi(e)}``.

        Parameters
        ----------
        params
            Values by trainable edge of the codomain.

        Raises
        ------
        UnknownName
            If values are missing; the message lists all.
        """
        images = {edge: self.edge(edge) for edge in self.domain.trainable}
        missing = [image for image in dict.fromkeys(images.values()) if image not in params]
        if missing:
            raise UnknownName(f"no parameters for {', '.join(map(repr, missing))}")
        return {edge: params[image] for edge, image in images.items()}

    def lifts(self, path: Path) -> Iterator[Path]:
        """Yield the paths of the domain that this morphism sends to a path."""
        above: dict[str, list[str]] = {}
        for edge in self.domain.edges:
            above.setdefault(self.edge(edge), []).append(edge)
        starts = [v for v in self.domain.vertices if self.vertex(v) == path.source]
        stack: list[tuple[str, tuple[str, ...], str]] = [(start, (), start) for start in starts]
        while stack:
            source, edges, at = stack.pop()
            if len(edges) == len(path):
                yield Path(source, edges, at)
                continue
            for edge in above.get(path.edges[len(edges)], []):
                if self.domain.source(edge) == at:
                    stack.append((source, (*edges, edge), self.domain.target(edge)))


def relation_images(
    domain: LearningDiagram, codomain: LearningDiagram, table: str, parts: Mapping[str, Any]
) -> tuple[list[int], list[Failure]]:
    """Find for each row of a relation the row between the images of what it is between."""
    ends = [(name, end) for name, (source, end) in LEARNING.arrows.items() if source == table]
    rows = domain.size(table)
    if not rows:
        return [], []
    wanted = []
    for name, end in ends:
        values, problems = read_values(parts[end], codomain.sets[end], domain.sets[end])
        if problems:
            where = f"component {end!r}"
            return [], [Failure("function", where, problem) for problem in problems]
        wanted.append(np.asarray(values)[domain.arrows[name].values])
    there = [codomain.arrows[name].values for name, _ in ends]
    found = find(there, wanted) if len(there[0]) else np.full(rows, -1)
    failures = []
    for row in np.flatnonzero(found < 0).tolist():
        images = (
            codomain.sets[e].label(int(w[row])) for (_, e), w in zip(ends, wanted, strict=True)
        )
        message = f"the codomain has no row of {table} between {' and '.join(images)}"
        failures.append(Failure(table, f"{table} {domain.names(table)[row]!r}", message))
    return found.tolist(), failures
