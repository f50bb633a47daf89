"""Checkpoints: a run on disk, as safetensors, from which it continues exactly.

A checkpoint holds the arrays of the run (parameters, optimizer state, mutable state, history)
and a *manifest*: what the run is about. Containers are never stored: the optimizer's own
``init`` gives the structure again, so loading executes nothing. A checkpoint whose manifest
differs from the run at hand is refused, and every difference is listed. The manifest knows the
equations, the key, the weights, the sizes of data sets and batches and a checksum of their
contents, names, shapes and dtypes of all arrays, and a checksum of the frozen ones; it does not
know the constants inside an optimizer.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import CheckpointMismatch, Failure, FileFormatError
from catlearn.files import parse_json
from catlearn.tensors import load_tree, save_tree
from catlearn.training.step import Carry
from catlearn.training.streams import key_words

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training.sources import Sources

Manifest = dict[str, Any]

_FIELD = "catlearn.checkpoint"
_SOURCES = "catlearn.sources"
_FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a file gives back: the carry after some steps, their costs, and where the data was."""

    carry: Carry
    rows: np.ndarray
    sources: list[Any]


def manifest_of(
    fn: Lowered, carry: Carry, state: Mapping[str, Any], sources: Sources, key: jax.Array
) -> Manifest:
    """Describe a run by everything that must agree for it to be continued.

    Parameters
    ----------
    fn
        The lowered loss.
    carry
        The variables, of which names, shapes and dtypes count.
    state
        The state of the loss, whose weights count by value and frozen arrays by checksum.
    sources
        The data, of which sizes and contents count.
    key
        The random key of the run.
    """
    return {
        "format": _FORMAT,
        "aggregator": fn.loss.aggregator.name,
        "equations": {
            term.name: f"{term.lhs} = {term.rhs}, {term.divergence}" for term in fn.loss.equations
        },
        "weights": {name: float(weight) for name, weight in state["weights"].items()},
        "data": sources.describe(),
        "contents": sources.contents(),
        "key": [int(word) for word in np.ravel(key_words(key))],
        "frozen": {
            name: f"{_describe(leaf)} crc32={zlib.crc32(np.asarray(leaf).tobytes()):08x}"
            for name, leaf in named_leaves(state["frozen"])
        },
        "arrays": {name: _describe(leaf) for name, leaf in named_leaves(carry)},
    }


def save_checkpoint(
    path: str | os.PathLike[str],
    carry: Carry,
    rows: np.ndarray,
    manifest: Manifest,
    sources: list[Any],
) -> None:
    """Write a checkpoint; an older one at the same place is replaced in one step.

    Parameters
    ----------
    path
        Where to write, usually ``*.safetensors``.
    carry
        The variables.
    rows
        The costs of all steps so far.
    manifest
        What the run is about.
    sources
        Where the data of each process was, as JSON.
    """
    tree = {"arrays": dict(named_leaves(carry)), "history": rows}
    save_tree(path, tree, {_FIELD: json.dumps(manifest), _SOURCES: json.dumps(sources)})


def load_checkpoint(
    path: str | os.PathLike[str], template: Carry, manifest: Manifest
) -> Checkpoint:
    """Read a checkpoint of this very run.

    Parameters
    ----------
    path
        The file.
    template
        A carry of the run at hand, whose structure is used.
    manifest
        What the run at hand is about.

    Raises
    ------
    FileFormatError
        If the file is malformed or no checkpoint.
    CheckpointMismatch
        If it belongs to another run, listing every difference.
    """
    what = f"checkpoint '{os.path.basename(os.fspath(path))}'"
    try:
        tree, metadata = load_tree(path)
    except OSError as error:
        message = f"could not be read: {error}"
        raise FileFormatError(what, [Failure("file", os.fspath(path), message)]) from error
    if _FIELD not in metadata:
        raise FileFormatError(what, [Failure("checkpoint", "metadata", f"has no {_FIELD!r}")])
    refuse_differences(what, parse_json(metadata[_FIELD], what), manifest)
    content = dict(named_leaves(tree))
    expected = {f"['arrays'][{name!r}]": leaf for name, leaf in named_leaves(template)}
    width = 1 + len(manifest["equations"])
    failures = [
        Failure("checkpoint", f"array {name}", f"must be there, as {_describe(leaf)}")
        for name, leaf in expected.items()
        if name not in content or _describe(content[name]) != _describe(leaf)
    ]
    if np.shape(content.get("['history']", 0))[1:] != (width,):
        failures.append(Failure("checkpoint", "history", f"must have {width} columns"))
    if failures:
        raise FileFormatError(what, failures)
    leaves = [jnp.array(content[name], copy=True) for name in expected]
    carry = jax.tree.unflatten(jax.tree.structure(template), leaves)
    sources = parse_json(metadata.get(_SOURCES, "[]"), what)
    return Checkpoint(carry, content["['history']"], sources)


def refuse_differences(what: str, found: Any, expected: Manifest) -> None:
    """Raise if a manifest is not that of the run at hand, listing every difference."""
    differences = list(_differences(found, expected))
    if differences:
        raise CheckpointMismatch(what, differences)


def named_leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a tree with their paths as names."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path), leaf


def _describe(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, (*path, key))
    else:
        yield path, value


def _differences(found: Any, expected: Manifest) -> Iterator[Failure]:
    there, here = dict(_flat(found)), dict(_flat(expected))
    for path in dict.fromkeys([*here, *there]):
        if there.get(path) == here.get(path):
            continue
        field, *rest = path or ("manifest",)
        where = f"{field} {'.'.join(rest)!r}" if rest else field
        if path not in there:
            message = f"is {here[path]} in this run and missing from the checkpoint"
        elif path not in here:
            message = f"is {there[path]} in the checkpoint and missing from this run"
        else:
            message = f"is {there[path]} in the checkpoint and {here[path]} in this run"
        yield Failure("checkpoint", where, message)
