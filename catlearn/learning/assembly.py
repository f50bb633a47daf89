"""From parts (spaces, data sets, models, pairings) to the rows of a learning diagram.

Parts that mention a space of the same name share its vertex. Edges that others define, follow or
act on come last, in an order in which each finds what it uses.
"""

from __future__ import annotations

from collections.abc import Iterable

from catlearn.category import Graph, Path
from catlearn.category.path import steps_of
from catlearn.errors import Failure, PathSyntaxError, did_you_mean
from catlearn.learning.dataset import Dataset
from catlearn.learning.operators import Operator
from catlearn.learning.parts import Defined, MovingAverage, Part
from catlearn.learning.rows import Rows
from catlearn.learning.weights import Weight
from catlearn.models import (
    ArchitectureMap,
    DataSpace,
    DefinedMap,
    FrozenMap,
    Model,
    OperatorMap,
    Pairing,
    ProjectionMap,
    is_named,
)
from catlearn.models.spaces import factor_edges


def add_parts(rows: Rows, parts: Iterable[Part]) -> None:
    """Add the rows of all parts; edges that are defined by others come last."""
    later: list[Pairing | Defined] = []
    averages: list[MovingAverage] = []
    operators: list[Operator] = []
    for part in parts:
        if is_named(part):
            rows.add_space(part)
        elif isinstance(part, Dataset):
            _data_set(rows, part)
        elif isinstance(part, Model):
            _model(rows, part)
        elif isinstance(part, Pairing | Defined):
            later.append(part)
        elif isinstance(part, MovingAverage):
            averages.append(part)
        elif isinstance(part, Operator):
            operators.append(part)
        else:
            rows.failures.append(
                Failure(
                    "parts",
                    repr(part),
                    "expected a space, data set, model, pairing, defined edge, moving average "
                    f"or operator, found {type(part).__name__}; diagrams are put together "
                    "with glue(...)",
                )
            )
    for average in averages:
        _average(rows, average)
    for operator in operators:
        _operator(rows, operator)
    _defined(rows, later)


def _data_set(rows: Rows, data: Dataset) -> None:
    label = DataSpace()
    known = rows.vertices.setdefault(data.name, label)
    if known != label:
        where = f"data set '{data.name}'"
        rows.failures.append(
            Failure("one space per name", where, "a space has the same name; rename one")
        )
    for key, space in data.spaces.items():
        rows.add_space(space)
        edge = f"{data.name}.{key}"
        rows.add_edge(edge, data.name, space.name, ProjectionMap())
        if key in data.arrays:
            rows.keep(edge, data.arrays[key], "data")


def _model(rows: Rows, model: Model) -> None:
    rows.add_space(model.source)
    rows.add_space(model.target)
    rows.add_edge(model.name, model.source.name, model.target.name, model.label)
    if model.start is not None:
        rows.keep(model.name, model.start, "parameters")


def _average(rows: Rows, part: MovingAverage) -> None:
    followed = _operand(rows, "moving average", part, "follows")
    if followed is None:
        return
    source, target, label = followed
    rows.add_edge(part.name, source, target, FrozenMap(label.architecture))
    row = part.of, Weight.of(part.decay)
    if rows.averages.setdefault(part.name, row) != row:
        message = f"is given twice: {rows.averages[part.name]} and {row}"
        where = f"moving average '{part.name}'"
        rows.failures.append(Failure("moving average", where, message))


def _operator(rows: Rows, part: Operator) -> None:
    for space in (part.source, part.target):
        if space is not None:
            rows.add_space(space)
    operand = _operand(rows, "operator", part, "acts on")
    if operand is None:
        return
    ends = [
        own if space is None else space.name
        for own, space in zip(operand[:2], (part.source, part.target), strict=True)
    ]
    rows.add_edge(part.name, ends[0], ends[1], OperatorMap(part.architecture))
    if rows.operators.setdefault(part.name, part.of) != part.of:
        message = f"acts on '{rows.operators[part.name]}' and on '{part.of}'"
        rows.failures.append(Failure("operator", f"operator '{part.name}'", message))


def _operand(
    rows: Rows, law: str, part: MovingAverage | Operator, verb: str
) -> tuple[str, str, ArchitectureMap] | None:
    """Return the model that an edge is made of."""
    if part.of in rows.edges:
        source, target, label = rows.edges[part.of]
        if isinstance(label, ArchitectureMap):
            return source, target, label
    models = [edge for edge, row in rows.edges.items() if isinstance(row[2], ArchitectureMap)]
    message = f"{verb} {part.of!r}, which is no model; {did_you_mean(part.of, models)}"
    rows.failures.append(Failure(law, f"{law} '{part.name}'", message))
    return None


def _defined(rows: Rows, parts: list[Pairing | Defined]) -> None:
    """Add defined edges in an order in which each uses only those before it."""
    waiting: list[tuple[Pairing | Defined, set[str]]] = []
    for part in parts:
        try:
            waiting.append((part, _names(part)))
        except PathSyntaxError as error:
            rows.failures.append(Failure("syntax", f"defined edge '{part.name}'", str(error)))
    while waiting:
        graph = rows.graph()
        to_come = {part.name for part, _ in waiting} - set(graph.edges)
        ready = [part for part, names in waiting if not names & to_come]
        for part in ready:
            _define(rows, part, graph)
        if not ready:
            rows.failures += [_circular(part.name, names & to_come) for part, names in waiting]
            break
        waiting = [(part, names) for part, names in waiting if names & to_come]


def _define(rows: Rows, part: Pairing | Defined, graph: Graph) -> None:
    where = f"defined edge '{part.name}'"
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    paths: list[Path] = []
    for text in texts:
        path, failures = graph.traced(steps_of(text), where)
        rows.failures += failures
        if path is not None:
            paths.append(path)
    if len(paths) < len(texts):
        return
    if len({path.source for path in paths}) > 1:
        starts = ", ".join(f"'{path}' at {path.source}" for path in paths)
        rows.failures.append(
            Failure("pairing", where, f"its paths must start at one vertex, but start: {starts}")
        )
        return
    if isinstance(part, Pairing):
        _pair(rows, part, paths, where)
    else:
        path = paths[0]
        rows.add_edge(part.name, path.source, path.target, DefinedMap())
        rows.add_strict(Path(path.source, (part.name,), path.target), path)


def _pair(rows: Rows, part: Pairing, paths: list[Path], where: str) -> None:
    product = part.product
    rows.add_space(product)
    factors = [factor.name for factor in product.spaces]
    edges = factor_edges(product)
    if [path.target for path in paths] != factors:
        ends = ", ".join(f"'{path}' at {path.target}" for path in paths)
        rows.failures.append(
            Failure(
                "pairing",
                where,
                f"needs one path to each of {', '.join(factors)} in this order, but its paths "
                f"end: {ends}",
            )
        )
        return
    source = paths[0].source
    rows.add_edge(part.name, source, product.name, DefinedMap())
    for edge, path in zip(edges, paths, strict=True):
        rows.add_strict(Path(source, (part.name, edge), path.target), path)


def _names(part: Pairing | Defined) -> set[str]:
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    return {step for text in texts for step in steps_of(text) if isinstance(step, str)}


def _circular(name: str, uses: set[str]) -> Failure:
    message = f"is defined through itself: it uses {', '.join(sorted(uses))}"
    return Failure("definition", f"defined edge '{name}'", message)
