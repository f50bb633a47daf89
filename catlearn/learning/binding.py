"""Filling in what a diagram leaves open: architectures, data, and values to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from catlearn.errors import CatlearnError, Failure, did_you_mean
from catlearn.learning.dataset import Dataset, as_array, check_columns
from catlearn.learning.rows import Rows, told_apart
from catlearn.models import (
    Architecture,
    ArchitectureMap,
    DataSpace,
    Operated,
    OperatorMap,
)
from catlearn.models.adapters import as_architecture
from catlearn.tensors import like


def bind(rows: Rows, name: str, value: Any) -> None:
    """Fill in the architecture of an edge, or the arrays of a data set."""
    where = f"bind({name}=...)"
    if isinstance(rows.vertices.get(name), DataSpace):
        _bind_data(rows, name, value, where)
    elif name in rows.edges and isinstance(rows.edges[name][2], ArchitectureMap):
        _bind_edge(rows, name, value, where)
    else:
        known = [vertex for vertex, label in rows.vertices.items() if label == DataSpace()]
        known += _models(rows)
        message = f"no model and no data set has this name; {did_you_mean(name, known)}"
        rows.failures.append(Failure("names", where, message))


def _models(rows: Rows) -> list[str]:
    return [
        edge for edge, (_, _, label) in rows.edges.items() if isinstance(label, ArchitectureMap)
    ]


def _bind_data(rows: Rows, name: str, value: Any, where: str) -> None:
    arrays = value.arrays if isinstance(value, Dataset) else value
    if not isinstance(arrays, Mapping):
        message = f"expected {{projection: array}}, found {type(value).__name__}"
        rows.failures.append(Failure("projection", where, message))
        return
    edges: dict[str, str] = {}
    labels: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for key, array in arrays.items():
        candidates = (f"{name}.{key}", key)
        edge = next((e for e in candidates if rows.edges.get(e, ("",))[0] == name), None)
        if edge is None:
            keys = [e.removeprefix(f"{name}.") for e, row in rows.edges.items() if row[0] == name]
            message = f"the data set has no projection '{key}'; {did_you_mean(key, keys)}"
            rows.failures.append(Failure("projection", where, message))
            continue
        edges[key] = edge
        labels[key] = rows.vertices[rows.edges[edge][1]]
        found[key] = as_array(array, labels[key])
    # A data set has checked its arrays, or was told not to.
    wrong = [] if isinstance(value, Dataset) else check_columns(name, labels, found)
    rows.failures += wrong
    if not wrong:
        rows.store |= {edge: found[key] for key, edge in edges.items()}


def _bind_edge(rows: Rows, name: str, value: Any, where: str) -> None:
    source, target, label = rows.edges[name]
    assert isinstance(label, ArchitectureMap)
    try:
        if isinstance(label, OperatorMap) and not isinstance(value, Architecture):
            value = Operated(value)
        architecture, start = as_architecture(f"edge '{name}'", value)
    except CatlearnError as error:
        rows.failures.append(Failure("architecture", where, str(error)))
        return
    had = label.architecture
    if had.bound and had != architecture:
        found = told_apart(architecture, had)
        message = f"the edge has the architecture {told_apart(had, architecture)}; found {found}"
        rows.failures.append(Failure("architecture", where, message))
        return
    rows.edges[name] = (source, target, replace(label, architecture=architecture))
    # What came from a file with an edge, its trained parameters say, stays.
    if not had.bound and name in rows.store:
        _reform(rows, name, architecture, where)
    elif start is not None:
        rows.store[name] = start


def _reform(rows: Rows, name: str, architecture: Any, where: str) -> None:
    """Give parameters that came from a file, a plain tree, the form of their architecture."""
    source, target, _ = rows.edges[name]
    try:
        template = architecture.structure(rows.vertices[source], rows.vertices[target])
    except Exception:  # the check of the edge will say why
        return
    params, problems = like(template, rows.store.pop(name))
    rows.failures += [Failure("parameters", where, problem) for problem in problems]
    if not problems:
        rows.store[name] = params


def start(rows: Rows, values: Mapping[str, Any]) -> None:
    """Let models start from other parameters."""
    models = _models(rows)
    for name, value in values.items():
        if name not in models:
            message = f"no model has this name; {did_you_mean(name, models)}"
            rows.failures.append(Failure("names", f"parameters of '{name}'", message))
            continue
        rows.store[name] = value
