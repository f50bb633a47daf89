"""Splitting a head: a second edge beside one, with the equations that run through the first.

It is a rule for learning diagrams (:mod:`catlearn.learning.rewriting`) that deletes nothing. What
it adds depends on where it is applied: let A be the part of the diagram with the head, the edges
that are to be copied, and the declared equations whose sides are still paths when the edges are
exchanged for their copies. The rule is written out as A = A -> A + A', where A' has the copies, so
that the result is a pushout: two heads on all that does not mention them.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> fit = cl.Equation("data.X >> head = data.Y", weight=2.0)
>>> parts = cl.Dataset("data", X=X, Y=Y), cl.Model("head", X, Y, "linear")
>>> D = cl.LearningDiagram(*parts, equations={"fit": fit})
>>> E = split("head", "other", "Y2", data={"data.Y": "data.Y2"}).rewrite(D).apex
>>> for name, sides in E.soft_equations.items():
...     print(name, ":", *sides, E.weight(name))
fit : data.X >> head data.Y 2.0
fit of other : data.X >> other data.Y2 2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from catlearn.category import Equation, Path
from catlearn.cset import Rule, Variable
from catlearn.errors import Failure, InvalidStructure
from catlearn.learning.diagram import LearningDiagram
from catlearn.learning.morphisms import LearningMorphism
from catlearn.learning.rewriting import pattern, runs
from catlearn.learning.rows import Rows
from catlearn.learning.schema import STORED
from catlearn.learning.surgery import inclusion, subdiagram
from catlearn.names import fresh


def split(
    edge: str,
    new: str,
    target: str,
    *,
    data: Mapping[str, str] | None = None,
    values: bool = False,
    equations: bool = True,
) -> Rule:
    """Split a head: a second edge of the same label, to a copy of its target.

    Parameters
    ----------
    edge
        The name of the edge.
    new, target
        Names for the second edge and for the copy.
    data
        Other edges that end at the target, such as projections -> names for copies of them that
        end at the copy, with the same arrays or variables.
    values
        Whether the second edge starts from the stored parameters of the first.
    equations
        Whether declared soft equations that mention the edge come again for the second one, with
        weight, divergence and what they train. They come where the sides are paths with all
        edges exchanged for their copies: not, say, where labels to compare with have no copy.
        One that has a name is called by it, ``"fit of other"``. If not, the new head has no
        declared equation, and ``with_equations`` gives it some.

    Raises
    ------
    InvalidStructure
        If the copies have no names of their own.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), cl.Model("head", X, Y, "linear"))
    >>> E = split("head", "other", "Y2", data={"data.Y": "data.Y2"}).rewrite(D).apex
    >>> print(E.loss())
    L(head, other) = E_data(d_Y(head(data.X), data.Y)) + E_data(d_Y2(other(data.X), data.Y2))
    """
    return Split(edge, new, target, dict(data or {}), values, equations)


class Split(Rule):
    """The rule that :func:`split` returns."""

    copies: Mapping[str, str]
    equations: bool

    def __init__(
        self,
        edge: str,
        new: str,
        target: str,
        data: Mapping[str, str],
        values: bool,
        equations: bool,
    ) -> None:
        copies = {edge: new, **data}
        names = [target, *copies, *copies.values()]
        again = {name for name in names if names.count(name) > 1}
        if again or edge in data:
            said = ", ".join(map(repr, sorted(again) or [edge]))
            message = "give the copies names of their own"
            raise InvalidStructure("split", [Failure("names", said, message)])
        edges: dict[str, Any] = {edge: ("source", "old", Variable("map", runs))}
        for number, other in enumerate(data):
            edges[other] = (f"source {number}", "old", Variable(other))
        old = pattern(edges=edges)
        added = {copies[e]: (source, target, label) for e, (source, _, label) in edges.items()}
        both = pattern(
            spaces={**{v: Variable(v) for v in old.vertices}, target: Variable("old")},
            edges={**edges, **added},
        )
        self._set(copies=copies, equations=equations)
        held = {e: Variable(e) for e in copies if values or e != edge}
        both = both.with_side_data({STORED: {copies[e]: value for e, value in held.items()}})
        plain = Rule.between(old.with_side_data({STORED: held}), both)
        super().__init__(
            plain.left,
            plain.right,
            at={"E": {name: name for name in edges}},
            name=f"split {edge}",
        )

    def _at(self, match: Any) -> tuple[Rule, Any]:
        """Write the rule out at a match, with the equations that come again."""
        rule, found = super()._at(match)
        if not self.equations:
            return rule, found
        whole, added = match.codomain, rule.right.codomain
        both = self.right.codomain
        copies = {
            match.edge(edge): added.edges[both.row("E", copy)] for edge, copy in self.copies.items()
        }
        head = next(iter(copies))
        ends = {edge: whole.ends(edge) for edge in whole.edges}
        ends |= {copy: added.ends(copy) for copy in copies.values()}
        again = dict(_copied(whole, head, copies, ends))
        part = subdiagram(whole, edges=list(copies), equations=list(again))
        rows = Rows.of(part)
        (vertex,) = {ends[copy][1] for copy in copies.values()}
        rows.vertices[vertex] = added.space_label(vertex)
        for copy in copies.values():
            rows.edges[copy] = (*ends[copy], added.map_label(copy))
            if copy in added.store:
                rows.store[copy] = added.store[copy]
        titles = set(whole.names("Eq"))
        for name, row in again.items():
            title = fresh(_title(name, whole, row, copies[head]), titles, "'")
            titles.add(title)
            rows.equations[title] = row
        larger = LearningDiagram.of_rows(rows, check=False)
        same = LearningMorphism(part, part, *_by_name(part), check=False)
        right = LearningMorphism(part, larger, *_by_name(part), check=False)
        return Rule(same, right, name=self.name), inclusion(part, whole)


def _copied(
    whole: LearningDiagram,
    head: str,
    copies: Mapping[str, str],
    ends: Mapping[str, tuple[str, str]],
) -> Iterator[tuple[str, Equation]]:
    """Yield equations that mention the head, with the edges exchanged for their copies."""
    declared = Rows.of(whole).equations
    for name, sides in whole.soft_equations.items():
        if not any(head in side.edges for side in sides):
            continue
        lhs, rhs = (_exchanged(side, copies, ends) for side in sides)
        if lhs is None or rhs is None or lhs.target != rhs.target:
            continue
        row = declared[name]
        trains = None
        if row.trains is not None:
            trains = {copies.get(edge, edge): scale for edge, scale in row.trains.items()}
        yield name, Equation((lhs, rhs), **{**row.attributes, "trains": trains})


def _exchanged(
    side: Path, copies: Mapping[str, str], ends: Mapping[str, tuple[str, str]]
) -> Path | None:
    """Return a path with edges exchanged for their copies, if it is one."""
    edges, at = [copies.get(edge, edge) for edge in side.edges], side.source
    for edge in edges:
        source, target = ends[edge]
        if source != at:
            return None
        at = target
    return Path(side.source, tuple(edges), at)


def _title(name: str, whole: LearningDiagram, row: Equation, new: str) -> str:
    lhs, rhs = whole.sides(name)
    return f"{row.lhs} = {row.rhs}" if name == f"{lhs} = {rhs}" else f"{name} of {new}"


def _by_name(part: LearningDiagram) -> Iterator[dict[str, str]]:
    return ({name: name for name in part.names(table)} for table in part.shape.tables)
