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

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catlearn.category import Equation
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import Colimit, Tables
from catlearn.learning.assembly import add_parts
from catlearn.learning.binding import bind, start
from catlearn.learning.checks import check_diagram, check_glued
from catlearn.learning.definitions import DefinedTables
from catlearn.learning.loss import Loss
from catlearn.learning.morphisms import LearningMorphism
from catlearn.learning.parts import Part
from catlearn.learning.rows import Equations, Rows
from catlearn.learning.schema import LEARNING
from catlearn.learning.selection import Selection, select
from catlearn.learning.weights import training_text, weight_text

if TYPE_CHECKING:
    from catlearn.cost import Aggregator


class LearningDiagram(DefinedTables):
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
        add_parts(rows, parts)
        rows.add_equations(equations)
        self._fill_rows(rows, check)

    @classmethod
    def of_rows(cls, rows: Rows, check: bool = True) -> LearningDiagram:
        """Return the diagram with these rows, checked."""
        diagram = object.__new__(cls)
        diagram._fill_rows(rows, check)
        return diagram

    def _fill_rows(self, rows: Rows, check: bool) -> None:
        Tables.__init__(self, LEARNING, **rows.tables(), check=False)
        failures = [*rows.failures, *(self.failures() if check else [])]
        if failures:
            raise InvalidStructure("LearningDiagram", failures)

    def failures(self) -> list[Failure]:
        """List every broken law, in the names of the rows."""
        return super().failures() or check_diagram(self)

    @classmethod
    def _morphism_class(cls) -> type[LearningMorphism]:
        return LearningMorphism

    def _colimit_failures(self) -> list[Failure]:
        return [*super()._colimit_failures(), *check_glued(self)]

    def _may_hold(self, name: str, row: int, other: Tables, there: int) -> bool:
        """Parameters stay with an edge only as long as its architecture does."""
        labels = self.attributes["map"][row], other.attributes["map"][there]
        mine, theirs = (getattr(label, "architecture", None) for label in labels)
        return mine == theirs

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
            bind(rows, name, value)
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
        start(rows, values)
        return type(self).of_rows(rows)

    # Gluing.

    @property
    def gluing(self) -> Colimit | None:
        """The colimit that this diagram is the apex of, if :func:`~catlearn.glue` made it."""
        return vars(self).get("_gluing")

    @cached_property
    def emergent(self) -> tuple[Equation, ...]:
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
            said = "" if strict else "; ".join(self._said(name))
            said = f"  ({said})" if said else ""
            label = "" if name == f"{lhs} = {rhs}" else f"{name}: "
            lines.append(f"{label}{lhs} {sign} {rhs}{said}")
        return "\n".join(lines)

    def _said(self, equation: str) -> list[str]:
        """The attributes of an equation that differ from their defaults."""
        weight = self.weight(equation)
        said = [] if weight == 1 else [f"weight {weight_text(weight)}"]
        return said + training_text(self.trains(equation), self.stop(equation))
