"""What makes a learning diagram valid, beyond being a presentation (Theory, section 2).

Each check returns all its failures, in the names of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from catlearn.errors import Failure, did_you_mean
from catlearn.learning.dataset import check_lengths, without_examples
from catlearn.learning.operators import check_operators
from catlearn.models import (
    ArchitectureMap,
    DataSpace,
    ModelMap,
    Product,
    check_array,
    check_edge,
    check_parameters,
)

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram


def check_diagram(diagram: LearningDiagram) -> list[Failure]:
    """List everything that keeps a presentation with attributes from being a learning diagram."""
    operators = list(check_operators(diagram))
    if operators:
        return operators
    return [
        *check_edges(diagram),
        *check_soft(diagram),
        *check_trains(diagram),
        *check_averages(diagram),
        *check_columns(diagram),
        *check_glued(diagram),
    ]


def check_glued(diagram: LearningDiagram) -> list[Failure]:
    """List the broken laws that a colimit of valid diagrams may break."""
    lengths = (check_lengths(name, arrays) for name, arrays in diagram.data.items())
    definitions = [*check_strict(diagram), *check_acyclic(diagram), *check_operators(diagram)]
    lengths = [failure for found in lengths for failure in found]
    return [*definitions, *lengths]


def check_edges(diagram: LearningDiagram) -> Iterator[Failure]:
    """Each map fits the spaces of its edge; data sets have projections out and nothing in."""
    for edge in diagram.edges:
        source, target = diagram.ends(edge)
        label = diagram.runs(edge)
        here, there = diagram.space_label(source), diagram.space_label(target)
        where = f"edge '{edge}'"
        if isinstance(there, DataSpace):
            yield Failure("data set", where, f"ends at the data set '{target}'; nothing may")
        elif label.kind == "defined":
            continue
        elif isinstance(here, DataSpace) and label.kind != "projection":
            yield Failure(
                "data set",
                where,
                f"is a {label.kind} map on the data set '{source}'; only projections start there",
            )
        else:
            failures = check_edge(edge, label, here, there)
            if not failures and isinstance(label, ArchitectureMap) and edge in diagram.starts:
                failures = check_parameters(edge, label, here, there, diagram.starts[edge])
            yield from failures


def check_soft(diagram: LearningDiagram) -> Iterator[Failure]:
    """Weights are finite and not negative."""
    for name in diagram.soft_equations:
        weight = diagram.weight(name)
        if not (isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0):
            yield Failure(
                "weight", f"equation '{name}'", f"has weight {weight!r}, expected a number >= 0"
            )


def check_trains(diagram: LearningDiagram) -> Iterator[Failure]:
    """An equation trains models that it evaluates, by finite scales, and stops at a side."""
    for name, sides in diagram.soft_equations.items():
        where = f"equation '{name}'"
        if diagram.stop(name) not in (None, "lhs", "rhs"):
            message = f"is {diagram.stop(name)!r}, expected 'lhs', 'rhs' or None"
            yield Failure("stop", where, message)
        trained = diagram.trains(name)
        if trained is None:
            continue
        used = {edge for side in sides for edge in diagram.rewriting.edges_of(side)}
        models = [edge for edge in diagram.trainable if edge in used]
        for edge, scale in trained.items():
            if edge in used and edge in diagram.frozen:
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


def check_averages(diagram: LearningDiagram) -> Iterator[Failure]:
    """A moving average is frozen, and follows a model of its own make between its spaces."""
    for edge, (followed, decay) in diagram.averages.items():
        where = f"moving average '{edge}'"
        label, other = diagram.map_label(edge), diagram.map_label(followed)
        if label.kind != "frozen":
            message = f"is a {label.kind} map; an average is frozen, no gradient moves it"
            yield Failure("moving average", where, message)
        if not isinstance(other, ModelMap):
            message = f"follows '{followed}', a {other.kind} map; it can follow a model"
            yield Failure("moving average", where, message)
        ends = [[diagram.space_label(v) for v in diagram.ends(e)] for e in (edge, followed)]
        architectures = [getattr(one, "architecture", None) for one in (label, other)]
        if architectures[0] != architectures[1] or ends[0] != ends[1]:
            message = f"is {label}, and '{followed}' is {other}: they need one architecture"
            yield Failure("moving average", where, f"{message} and one pair of spaces")
        if not (isinstance(decay, int | float) and 0 <= decay <= 1):
            message = f"has decay {decay!r}, expected a number from 0 to 1"
            yield Failure("moving average", where, message)


def check_strict(diagram: LearningDiagram) -> Iterator[Failure]:
    """Each defined edge has exactly one definition, and strict equations are definitions."""
    found: dict[str, list[tuple[int | None, str]]] = {}
    for name, (lhs, rhs) in diagram.strict_equations.items():
        definition = diagram.defines(lhs, rhs)
        if definition is None:
            yield Failure(
                "definition",
                f"strict equation '{name}'",
                f"'{lhs} = {rhs}' defines no edge; one side must be a defined edge, alone or "
                "followed by one factor of a product",
            )
            continue
        edge, factor, _ = definition
        index = None if factor is None else diagram.factor_index(factor)
        found.setdefault(edge, []).append((index, name))
    for edge in diagram.edges:
        if diagram.map_label(edge).kind == "defined":
            yield from _check_definition(diagram, edge, found.get(edge, []))


def _check_definition(
    diagram: LearningDiagram, edge: str, found: list[tuple[int | None, str]]
) -> Iterator[Failure]:
    where = f"defined edge '{edge}'"
    names = ", ".join(f"'{name}'" for _, name in found) or "none"
    indices = [index for index, _ in found]
    space = diagram.space_label(diagram.target(edge))
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


def check_acyclic(diagram: LearningDiagram) -> Iterator[Failure]:
    """No edge occurs in its own definition."""
    cycle = diagram.rewriting.cycle()
    if cycle:
        around = " -> ".join([*cycle, cycle[0]])
        yield Failure("definition", f"defined edge '{cycle[0]}'", f"is defined by itself: {around}")


def check_columns(diagram: LearningDiagram) -> Iterator[Failure]:
    """Stored arrays have the shapes and dtypes of their spaces.

    Their values were checked where they came in, by ``Dataset`` or ``bind``: a diagram is built
    many times, and an array may be larger than memory.
    """
    for edge, (name, key) in diagram.projections.items():
        if edge in diagram.store:
            label = diagram.space_label(diagram.target(edge))
            array = without_examples(diagram.store[edge])
            yield from check_array(f"projection '{name}.{key}'", label, array)
