"""Learning diagrams: presentations whose vertices are spaces and whose edges are models.

A *learning diagram* is an attributed C-set on :data:`~catlearn.learning.schema.LEARNING`: a
finite graph with equations between parallel paths, where each vertex carries a space, each
edge a map, and each equation a weight (Theory, section 2; after Lary et al., arXiv 2501.01515).
Read strictly it presents a category; read softly it is a learning problem.

A diagram holds structure and hashable labels, never arrays. Data, starting values and frozen
parameters are side data of its edges, its ``store``; they are carried along by gluing, which
refuses two different values for one row, and are not compared by ``==``.

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

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn import arrays
from catlearn.category import Equation, Path, Presentation, PresentationMorphism
from catlearn.category.presentation import equation_images
from catlearn.cset import CSet, CSetMorphism
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    expect_known,
    known_options,
    refuse,
    wrong_kind,
)
from catlearn.finset import Colimit, Record, Tables
from catlearn.finset.relations import Relation
from catlearn.finset.sets import read_values
from catlearn.learning.assembly import (
    Assembly,
    Equations,
    equation_row,
    in_full,
    read_equations,
    rows_of,
)
from catlearn.learning.loss import Loss
from catlearn.learning.pairs import Definition, Rewriting
from catlearn.learning.parts import (
    Dataset,
    Part,
    as_array,
    check_columns,
    check_lengths,
    without_examples,
)
from catlearn.learning.schema import LEARNING, STORED
from catlearn.learning.selection import Selection, select
from catlearn.learning.weights import training_text, weight_text
from catlearn.models import (
    AnySpace,
    Architecture,
    ArchitectureMap,
    DataSpace,
    Divergence,
    FactorMap,
    Map,
    ModelMap,
    Operated,
    OperatorMap,
    Product,
    check_array,
    check_edge,
    check_parameters,
)
from catlearn.models.adapters import as_architecture
from catlearn.tensors import like

if TYPE_CHECKING:
    from catlearn.category.graph import Arborescence
    from catlearn.cost import Aggregator


STRIDE = 16
"""Of so many gluings that follow each other one is copied and pickled ahead of those after it."""


class LearningDiagram(Presentation, CSet):
    """A training regime as a diagram.

    Parameters
    ----------
    *parts
        Spaces, data sets, models, pairings and defined edges. Spaces that parts mention come
        along; parts that mention spaces of one name share its vertex.
    equations
        Soft equations as texts, :class:`~catlearn.category.Equation` values with ``weight``,
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
        made = Assembly(parts)
        made.add_equations(equations)
        self._fill(LEARNING, *self.empty()._grown(made.rows))
        self._refuse([*made.failures, *(self.failures() if check else [])])

    def _refuse(self, failures: list[Failure]) -> None:
        refuse("LearningDiagram", failures)

    def _checked(self, failures: list[Failure]) -> LearningDiagram:
        """Return the diagram, unless something was or is wrong with it."""
        self._refuse([*failures, *self.failures()])
        return self

    def failures(self) -> list[Failure]:
        """List every broken law, in the names of the rows."""
        return super().failures() or self.rule_failures()

    @classmethod
    def _morphism_class(cls) -> type[LearningMorphism]:
        return LearningMorphism

    def _colimit_failures(self) -> list[Failure]:
        return [*super()._colimit_failures(), *self.glued_failures()]

    def interface_failures(self, table: str, rows: Iterable[int]) -> list[Failure]:
        """List the defined edges: their copies would not be defined."""
        called = self.edges if table == "E" else ()
        message = "is defined by an equation; take the edges that define it"
        return [
            Failure("interface", f"edge '{called[row]}'", message)
            for row in (dict.fromkeys(rows) if called else ())
            if called[row] in self.definitions
        ]

    def _may_hold(self, name: str, row: int, other: Tables, there: int) -> bool:
        """Parameters stay with an edge only as long as its architecture does."""
        labels = self.attributes["map"][row], other.attributes["map"][there]
        mine, theirs = (getattr(label, "architecture", None) for label in labels)
        return mine == theirs

    def select(self, equations: Any = None, **options: Any) -> Selection:
        """Choose equations; see :func:`~catlearn.learning.select` for the options."""
        known_options("the choice of equations", options, select.__kwdefaults__ or ())
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
            :func:`~catlearn.learning.select`.

        Raises
        ------
        InvalidStructure
            If an equation is reached by no data.
        TooManyPaths
            If the enumeration is infinite or over its bound.
        """
        return Loss(self, self.select(equations, **options), aggregator)

    def with_equations(self, equations: Equations, *, only: bool = False) -> LearningDiagram:
        """Return the diagram with more soft equations.

        Parameters
        ----------
        equations
            As for the constructor.
        only
            Whether they replace the soft equations there are.
        """
        kept = self._strict_part() if only else self
        found, failures = read_equations(equations, lambda: kept, kept.names("Eq"))
        return kept.with_rows(rows_of(found), check=False)._checked(failures)

    def _strict_part(self) -> LearningDiagram:
        """Return the diagram without its soft equations."""
        return self.subtables(self.interior({"Eq": list(self.strict_equations)}))[0]

    def instantiate(
        self, equations: str | Sequence[str | Equation] | None = None, **options: Any
    ) -> LearningDiagram:
        """Return the diagram that declares exactly the equations of a selection, as its rows."""
        declared = {}
        for term in self.select(equations, **options):
            own = term.divergence == self.space_label(term.target).divergence  # type: ignore
            facts = term.weight, None if own else term.divergence, term.stop, term.trains
            declared[term.name] = equation_row(term.lhs, term.rhs, False, *facts)
        return self._strict_part().with_rows(rows_of(declared), check=False)._checked([])

    def bind(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> LearningDiagram:
        """Return the diagram with architectures, starting values or data filled in.

        Parameters
        ----------
        values, **more
            By edge: anything that :class:`~catlearn.models.Model` accepts as an architecture. By
            data set: a mapping from projections to arrays.

        Raises
        ------
        InvalidStructure
            Listing names that nothing answers to, edges that have another architecture already,
            and values that do not fit.
        """
        if values is not None:
            expect(values, Mapping, "values", "a dict of architectures, or data, by name")
        labels: dict[str, Map] = {}
        held = dict(self.store)
        failures = Failures()
        for name, value in {**(values or {}), **more}.items():
            where = f"bind({name}=...)"
            if name in self.data_sets:
                failures += self._bind_data(name, value, where, held)
            elif name in self._models:
                failures += self._bind_edge(name, value, where, labels, held)
            else:
                known = [*self.data_sets, *self._models]
                message = f"no model and no data set has this name; {did_you_mean(name, known)}"
                failures.add("names", where, message)
        bound = self.with_column("map", labels, check=False).with_side_data({STORED: held})
        return bound._checked(failures)

    def _bind_data(self, name: str, value: Any, where: str, held: dict[str, Any]) -> list[Failure]:
        """Fill in the arrays of a data set; return what is wrong with them."""
        arrays = value.arrays if isinstance(value, Dataset) else value
        if not isinstance(arrays, Mapping):
            message = f"expected {{projection: array}}, found {type(value).__name__}"
            return [Failure("projection", where, message)]
        failures = Failures()
        edges: dict[str, str] = {}
        labels: dict[str, Any] = {}
        found: dict[str, Any] = {}
        out = self.out_edges(name)
        for key, array in arrays.items():
            edge = next((edge for edge in (f"{name}.{key}", key) if edge in out), None)
            if edge is None:
                known = [edge.removeprefix(f"{name}.") for edge in out]
                message = f"the data set has no projection '{key}'; {did_you_mean(key, known)}"
                failures.add("projection", where, message)
                continue
            edges[key], labels[key] = edge, self.space_label(self.target(edge))
            found[key] = as_array(array, labels[key])
        # A data set has checked its arrays, or was asked not to.
        wrong = [] if isinstance(value, Dataset) else check_columns(name, labels, found)
        if not wrong:
            held |= {edge: found[key] for key, edge in edges.items()}
        return failures + wrong

    def _bind_edge(
        self, name: str, value: Any, where: str, labels: dict[str, Map], held: dict[str, Any]
    ) -> list[Failure]:
        """Fill in the architecture of an edge; return what is wrong with it."""
        label = self.map_label(name)
        assert isinstance(label, ArchitectureMap)
        try:
            if isinstance(label, OperatorMap) and not isinstance(value, Architecture):
                value = Operated(value)
            architecture, start = as_architecture(f"edge '{name}'", value)
        except CatlearnError as error:
            return [Failure("architecture", where, str(error))]
        had = label.architecture
        if had.bound and had != architecture:
            one, other = in_full(had, architecture), in_full(architecture, had)
            message = f"the edge has the architecture {one}; found {other}"
            return [Failure("architecture", where, message)]
        labels[name] = replace(label, architecture=architecture)
        # What came from a file with an edge, such as its trained parameters, stays.
        if had.bound or name not in held:
            held |= {} if start is None else {name: start}
            return []
        try:
            template = architecture.structure(*map(self.space_label, self.ends(name)))
        except Exception:  # the check of the edge reports why
            return []
        # Parameters that came from a file, a plain tree, get the form of their architecture.
        params, problems = like(template, held.pop(name))
        if not problems:
            held[name] = params
        return [Failure("parameters", where, problem) for problem in problems]

    @cached_property
    def _models(self) -> tuple[str, ...]:
        """The edges that run an architecture."""
        labels = zip(self.edges, self.attributes["map"], strict=True)
        return tuple(edge for edge, label in labels if isinstance(label, ArchitectureMap))

    def with_values(self, values: Mapping[str, Any]) -> LearningDiagram:
        """Return the diagram whose models start from these parameters, such as trained ones.

        Parameters
        ----------
        values
            ``{edge: tree}`` for models and frozen edges, such as ``result.params``.

        Raises
        ------
        InvalidStructure
            Listing names that are no models, and parameters of another structure.
        """
        expect(values, Mapping, "values", "a dict of parameters by edge")
        models = self._models
        failures = [
            Failure(
                "names",
                f"parameters of '{name}'",
                f"no model has this name; {did_you_mean(name, models)}",
            )
            for name in values
            if name not in models
        ]
        given = {name: value for name, value in values.items() if name in models}
        return self.with_side_data({STORED: {**self.store, **given}})._checked(failures)

    def rename(self, names: Mapping[str, str]) -> LearningDiagram:
        """Return the same diagram with other names: an isomorphism, which moves no number.

        The projections of a data set are renamed with it, the edges to the factors of a product
        with the product and the factor, and an equation that is called by its text with its edges.
        Drawn starting values and samples depend on names, so they become others.

        Parameters
        ----------
        names
            Names of vertices, edges or equations, and what they are to be called.

        Raises
        ------
        InvalidStructure
            Listing names that nothing answers to, and new ones that are taken.

        Examples
        --------
        >>> import catlearn as cl
        >>> X, Y = cl.Space("X", 4), cl.Space("Y", 2)
        >>> D = cl.LearningDiagram(
        ...     cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"), equations="d.X >> f = d.Y"
        ... )
        >>> print(*D.rename({"d": "train", "f": "head"}).soft_equations)
        train.X >> head = train.Y
        """
        expect(names, Mapping, "names", "a dict from names to new ones")
        tables = {table: self.names(table) for table in ("V", "E", "Eq")}
        known = [name for rows in tables.values() for name in rows]
        failures = [
            Failure("names", f"'{name}'", f"no row has this name; {did_you_mean(name, known)}")
            for name in names
            if name not in known
        ]
        failures += [
            Failure("names", f"'{name}'", f"is to be called {new!r}, expected non-empty text")
            for name, new in names.items()
            if not (isinstance(new, str) and new)
        ]
        self._refuse(failures)
        follow: dict[str, str] = {}
        for edge in self.edges:
            source, target = self.ends(edge)
            label, (start, end) = self.map_label(edge), (names.get(v, v) for v in (source, target))
            inner = edge.removeprefix(f"{source}.")
            if label.kind not in ("projection", "factor") or inner == edge:
                continue
            if label.kind == "factor" and inner == target:
                inner = end
            follow[edge] = f"{start}.{inner}"
        new = {
            "V": [names.get(vertex, vertex) for vertex in self.vertices],
            "E": [names.get(edge, follow.get(edge, edge)) for edge in self.edges],
        }
        _check_distinct(tables, new)
        named = self.with_names(new)
        new["Eq"] = [
            names.get(old, "{} = {}".format(*named.sides(old)) if texts else old)
            for old in self.names("Eq")
            for texts in [old == "{} = {}".format(*self.sides(old))]
        ]
        _check_distinct(tables, new)
        named = named.with_names(new)
        # Rows that belong to others are called after them.
        for table, ((*keys,),) in self.shape.keys.items():
            old, now = (
                zip(*(one.sets[t].labels(one.arrows[k].values) for k, t in ends), strict=True)
                for ends in [[(key, self.shape.arrows[key][1]) for key in keys]]
                for one in (self, named)
            )
            rows = zip(self.names(table), old, now, strict=True)
            called = [": ".join(n) if row == ": ".join(o) else row for row, o, n in rows]
            named = named.with_names({table: called})
        return named

    # Labels and side data, by name.

    @cached_property
    def store(self) -> Mapping[str, Any]:
        """The stored values by edge: data for projections, else parameters."""
        held = self.side_data[STORED].items()
        return Record({self.edges[row]: value for row, value in held})

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

    def space_label(self, vertex: str) -> AnySpace:
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
        rows = zip(*self._columns("by", "trained"), self.attributes["scale"], strict=True)
        for equation, edge, scale in rows:
            found.setdefault(equation, {})[self.edges[edge]] = scale  # type: ignore[assignment]
        return found

    def _columns(self, *arrows: str) -> Iterator[list[int]]:
        return (self.arrows[name].values.tolist() for name in arrows)

    def stop(self, equation: str) -> str | None:
        """Return the side of an equation through which no gradient passes: lhs, rhs or None."""
        return self.attributes["stop"][self.row("Eq", equation)]  # type: ignore[return-value]

    @cached_property
    def averages(self) -> dict[str, tuple[str, float]]:
        """For each edge that is a moving average the edge that it follows, and the decay."""
        rows = zip(*self._columns("average", "follows"), self.attributes["decay"], strict=True)
        return {self.edges[one]: (self.edges[of], decay) for one, of, decay in rows}  # type: ignore

    @cached_property
    def operators(self) -> dict[str, str]:
        """For each edge that is an operator the edge that it acts on."""
        rows = zip(*self._columns("operator", "operand"), strict=True)
        return {self.edges[one]: self.edges[of] for one, of in rows}

    def owner(self, edge: str) -> str:
        """Return the edge whose parameters an edge has: its own, but for an operator."""
        while edge in self.operators:
            edge = self.operators[edge]
        return edge

    def factor_index(self, edge: str) -> int:
        """Return to which factor of a product an edge leads."""
        label = self.map_label(edge)
        assert isinstance(label, FactorMap)
        return label.index

    def runs(self, edge: str) -> Map:
        """Return the label of what an edge runs: an operator with what it acts on filled in."""
        chain = [edge]
        while chain[-1] in self.operators:
            chain.append(self.operators[chain[-1]])
        run = self.map_label(chain.pop())
        for one in reversed(chain):
            operand, run = run, self.map_label(one)
            if isinstance(run, OperatorMap) and isinstance(operand, ArchitectureMap):
                operated = run.architecture
                if isinstance(operated, Operated):
                    ends = map(self.space_label, self.ends(self.operators[one]))
                    run = OperatorMap(operated.on(operand.architecture, *ends))
        return run

    def zoom(self, edge: str) -> arrays.Circuit:
        """Return the circuit of arrays on an edge, with the sizes that its spaces give.

        What adapts a circuit (low rank), and operators on it, have the circuit of what they are
        made of.

        Raises
        ------
        UnknownName
            If there is no such edge.
        WrongKind
            If its model is no circuit.

        Examples
        --------
        >>> import catlearn as cl
        >>> from catlearn.arrays import linear
        >>> encoder = cl.Model("encoder", cl.Space("X", 4), cl.Space("F", 2), linear("A", "m -> k"))
        >>> cl.LearningDiagram(encoder).zoom("encoder").parameters
        {'A': (Size('4'), Size('2'))}
        """
        expect_known(edge, self.edges, f"there is no edge '{edge}'")
        label = self.map_label(self.owner(edge))
        found = getattr(label, "architecture", None)
        while hasattr(found, "architecture"):
            found = found.architecture  # type: ignore[union-attr]
        circuit = getattr(found, "circuit", None)
        if circuit is None:
            raise wrong_kind(label, f"the map of '{edge}'", "a circuit of arrays")
        return circuit

    @cached_property
    def data_sets(self) -> tuple[str, ...]:
        """The vertices that are data sets."""
        labels = zip(self.vertices, self.attributes["space"], strict=True)
        return tuple(vertex for vertex, label in labels if isinstance(label, DataSpace))

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

    # Strict equations: edges that are defined by others, and the rewriting they give.

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
            factors = sorted(paths, key=self.factor_index)
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
                    index = None if factor is None else self.factor_index(factor)
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

    # Gluing.

    @property
    def gluing(self) -> Colimit | None:
        """The colimit whose apex this diagram is, if :func:`~catlearn.learning.glue` made it."""
        return vars(self).get("_gluing")

    @property
    def gluings(self) -> int:
        """How many gluings follow each other at most, the last of which made this diagram."""
        return vars(self).get("_gluings", 0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Write what came long before first, so that many gluings are not followed deep."""
        before: list[LearningDiagram] = []
        one = self
        while self.gluings % STRIDE == 0 and (gluing := one.gluing) is not None:
            one = max(gluing.diagram.objects, key=lambda part: part.gluings)
            if one.gluings % STRIDE == 0:
                before.insert(0, one)
        return _blank, (type(self), *before), self.__getstate__()

    @cached_property
    def emergent(self) -> tuple[Equation, ...]:
        """The equations that none of the glued parts has; see :mod:`catlearn.learning.gluing`."""
        from catlearn.learning.gluing import emergent

        return emergent(self)

    # What makes a learning diagram valid, beyond being a presentation (Theory, section 2).

    def rule_failures(self, shapes: bool = True) -> list[Failure]:
        """List what keeps a presentation with attributes from being a learning diagram.

        Parameters
        ----------
        shapes
            Whether to trace each map, to see if it fits the spaces of its edge.
        """
        operators = list(self._operator_failures())
        if operators:
            return operators
        return [
            *self._edge_failures(shapes),
            *self._weight_failures(),
            *self._trains_failures(),
            *self._average_failures(),
            *self._column_failures(),
            *self.glued_failures(),
        ]

    def glued_failures(self) -> list[Failure]:
        """List the broken laws that a colimit of valid diagrams may break."""
        lengths = starmap(check_lengths, self.data.items())
        definitions = [
            *self._strict_failures(),
            *self._cycle_failures(),
            *self._operator_failures(),
        ]
        lengths = [failure for found in lengths for failure in found]
        return [*definitions, *lengths]

    def _edge_failures(self, shapes: bool) -> Iterator[Failure]:
        """Each map fits the spaces of its edge; data sets have projections out and nothing in."""
        for edge in self.edges:
            source, target = self.ends(edge)
            label = self.runs(edge)
            here, there = self.space_label(source), self.space_label(target)
            where = f"edge '{edge}'"
            if isinstance(there, DataSpace):
                yield Failure("data set", where, f"ends at the data set '{target}'; nothing may")
            elif label.kind == "defined":
                continue
            elif isinstance(here, DataSpace) and label.kind != "projection":
                message = f"is a {label.kind} map on the data set '{source}'"
                yield Failure("data set", where, f"{message}; only projections start there")
            elif shapes or not isinstance(label, ArchitectureMap):
                failures = check_edge(edge, label, here, there)
                if not failures and isinstance(label, ArchitectureMap) and edge in self.starts:
                    failures = check_parameters(edge, label, here, there, self.starts[edge])
                yield from failures

    def _weight_failures(self) -> Iterator[Failure]:
        """Weights are finite and not negative."""
        for name in self.soft_equations:
            weight = self.weight(name)
            if not (isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0):
                yield Failure(
                    "weight", f"equation '{name}'", f"has weight {weight!r}, expected a number >= 0"
                )

    def _trains_failures(self) -> Iterator[Failure]:
        """An equation trains models that it evaluates, by finite scales, and stops at a side."""
        for name, sides in self.soft_equations.items():
            where = f"equation '{name}'"
            if self.stop(name) not in (None, "lhs", "rhs"):
                message = f"is {self.stop(name)!r}, expected 'lhs', 'rhs' or None"
                yield Failure("stop", where, message)
            trained = self.trains(name)
            if trained is None:
                continue
            used = {edge for side in sides for edge in self.rewriting.edges_of(side)}
            models = [edge for edge in self.trainable if edge in used]
            for edge, scale in trained.items():
                if edge in used and edge in self.frozen:
                    message = (
                        f"trains '{edge}', which is frozen; leave it out of trains=, as with_frozen"
                    )
                    yield Failure("trains", where, f"{message} does")
                elif edge not in models:
                    message = f"trains '{edge}', which is no model on its sides; "
                    yield Failure("trains", where, message + did_you_mean(edge, models))
                if not (isinstance(scale, int | float) and math.isfinite(scale)):
                    message = f"trains '{edge}' with scale {scale!r}, expected a number"
                    yield Failure("trains", where, message)

    def _average_failures(self) -> Iterator[Failure]:
        """A moving average is frozen, and follows a model of its own make between its spaces."""
        for edge, (followed, decay) in self.averages.items():
            where = f"moving average '{edge}'"
            label, other = self.map_label(edge), self.map_label(followed)
            if label.kind != "frozen":
                message = f"is a {label.kind} map; an average is frozen, no gradient moves it"
                yield Failure("moving average", where, message)
            if not isinstance(other, ModelMap):
                message = f"follows '{followed}', a {other.kind} map; it can follow a model"
                yield Failure("moving average", where, message)
            ends = [[self.space_label(v) for v in self.ends(e)] for e in (edge, followed)]
            architectures = [getattr(one, "architecture", None) for one in (label, other)]
            if architectures[0] != architectures[1] or ends[0] != ends[1]:
                message = f"is {label}, and '{followed}' is {other}: they need one architecture"
                yield Failure("moving average", where, f"{message} and one pair of spaces")
            if not (isinstance(decay, int | float) and 0 <= decay <= 1):
                message = f"has decay {decay!r}, expected a number from 0 to 1"
                yield Failure("moving average", where, message)

    def _strict_failures(self) -> Iterator[Failure]:
        """Each defined edge has exactly one definition, and strict equations are definitions."""
        found: dict[str, list[tuple[int | None, str]]] = {}
        for name, (lhs, rhs) in self.strict_equations.items():
            definition = self.defines(lhs, rhs)
            if definition is None:
                yield Failure(
                    "definition",
                    f"strict equation '{name}'",
                    f"'{lhs} = {rhs}' defines no edge; one side must be a defined edge, alone or "
                    "followed by one factor of a product",
                )
                continue
            edge, factor, _ = definition
            index = None if factor is None else self.factor_index(factor)
            found.setdefault(edge, []).append((index, name))
        for edge in self.edges:
            if self.map_label(edge).kind == "defined":
                yield from self._definition_failures(edge, found.get(edge, []))

    def _definition_failures(
        self, edge: str, found: list[tuple[int | None, str]]
    ) -> Iterator[Failure]:
        where = f"defined edge '{edge}'"
        names = ", ".join(f"'{name}'" for _, name in found) or "none"
        indices = [index for index, _ in found]
        space = self.space_label(self.target(edge))
        if indices == [None]:
            return
        if isinstance(space, Product) and None not in indices:
            if sorted(i for i in indices if i is not None) != list(range(len(space.factors))):
                yield Failure(
                    "definition",
                    where,
                    f"needs one strict equation for each of its {len(space.factors)} factors, "
                    f"found: {names}",
                )
            return
        yield Failure("definition", where, f"needs exactly one definition, found: {names}")

    def _cycle_failures(self) -> Iterator[Failure]:
        """No edge occurs in its own definition."""
        cycle = self.rewriting.cycle()
        if cycle:
            around = " -> ".join([*cycle, cycle[0]])
            yield Failure(
                "definition", f"defined edge '{cycle[0]}'", f"is defined by itself: {around}"
            )

    def _column_failures(self) -> Iterator[Failure]:
        """Stored arrays have the shapes and dtypes of their spaces.

        Their values were checked where they came in, by ``Dataset`` or ``bind``: a diagram is built
        many times, and an array may be larger than memory.
        """
        for edge, (name, key) in self.projections.items():
            if edge in self.store:
                label = self.space_label(self.target(edge))
                array = without_examples(self.store[edge])
                yield from check_array(f"projection '{name}.{key}'", label, array)

    def _operator_failures(self) -> Iterator[Failure]:
        """An operator acts on an edge that runs a map without state, and in no circle."""
        acting = self.operators
        labels = {edge: self.map_label(edge) for edge in self.edges}
        of = [edge for edge, label in labels.items() if label.kind == "operator"]
        for edge in dict.fromkeys([*of, *acting]):
            where = f"operator '{edge}'"
            if labels[edge].kind != "operator":
                yield Failure("operator", where, f"is a {labels[edge].kind} map, not an operator")
            elif edge not in acting:
                yield Failure("operator", where, "acts on nothing; it needs one edge to act on")
            elif not isinstance(operand := labels[acting[edge]], ArchitectureMap):
                message = f"acts on '{acting[edge]}', a {operand.kind} map; it needs a model"
                yield Failure("operator", where, message)
            elif _circular(edge, acting):
                yield Failure("operator", where, "acts, by way of others, on itself")
            elif getattr(operand.architecture, "stateful", False):
                message = f"acts on '{acting[edge]}', whose calls change its variables"
                yield Failure("operator", where, f"{message}; its examples depend on each other")

    # Text.

    def __repr__(self) -> str:
        counts = ((len(self.vertices), "vertices", "vertex"), (len(self.edges), "edges", "edge"))
        counts += ((len(self.names("Eq")), "equations", "equation"),)
        listed = ", ".join(f"{n} {one if n == 1 else many}" for n, many, one in counts)
        return f"LearningDiagram({listed})"

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
            facts = "" if strict else "; ".join(self._facts(name))
            facts = f"  ({facts})" if facts else ""
            label = "" if name == f"{lhs} = {rhs}" else f"{name}: "
            lines.append(f"{label}{lhs} {sign} {rhs}{facts}")
        return "\n".join(lines)

    def _facts(self, equation: str) -> list[str]:
        """The attributes of an equation that differ from their defaults."""
        weight = self.weight(equation)
        facts = [] if weight == 1 else [f"weight {weight_text(weight)}"]
        return facts + training_text(self.trains(equation), self.stop(equation))


def _blank(kind: type[LearningDiagram], *before: LearningDiagram) -> LearningDiagram:
    """Return a diagram to be filled, once those before are."""
    return object.__new__(kind)


def _check_distinct(tables: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> None:
    """Refuse new names that rows of one table have together."""
    failures = []
    for table, names in new.items():
        holders: dict[str, list[str]] = {}
        for old, name in zip(tables[table], names, strict=True):
            holders.setdefault(name, []).append(old)
        failures += [
            Failure("names", f"'{name}'", f"would be the name of {' and '.join(map(repr, olds))}")
            for name, olds in holders.items()
            if len(olds) > 1
        ]
    refuse("rename", failures)


def _circular(edge: str, acting: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while edge in acting and edge not in seen:
        seen.add(edge)
        edge = acting[edge]
    return edge in seen


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
        Where the rows go of what equations train, of moving averages and of operators. If they are
        not given, each goes to the row between the images of what it is between.
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
        expect_each(LearningDiagram, "a learning diagram", domain=domain, codomain=codomain)
        Eq = equation_images(domain, codomain, V, E) if Eq is None else Eq
        parts: dict[str, Any] = {"V": V, "E": E, "Eq": Eq}
        parts |= {"Trains": Trains, "Average": Average, "Operator": Operator}
        failures: list[Failure] = []
        keyed = [table for table in domain.shape.keys if parts[table] is None]
        relation = Relation(domain, codomain)
        for table in parts.keys() - keyed:
            sets = codomain.sets[table], domain.sets[table]
            values, problems = read_values(parts[table], *sets)
            where = f"component {table!r}"
            failures += [Failure("function", where, problem) for problem in problems]
            if not problems and len(values) == len(sets[1]):
                parts[table] = relation.images[table] = np.asarray(values)
        if keyed and not failures:
            images = relation.keyed().images
            for table in keyed:
                parts[table] = images[table]
                labels = domain.sets[table].labels(np.flatnonzero(images[table] < 0))
                message = "the codomain has no row between the images of what it is between"
                failures += [Failure(table, f"{table} {label!r}", message) for label in labels]
        refuse(type(self).__name__, failures)
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
