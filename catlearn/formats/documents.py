"""Documents: values as JSON, and parameters beside them as safetensors.

``save(diagram, "d.json")`` writes the diagram as ACSet JSON and, if its models have starting
values, those into ``d.safetensors``, one tensor for each leaf, named ``edge/path/in/tree``; of
other tables it writes all side data, named ``name/row/path/in/tree``. The JSON keeps a digest of
the tensors, so that ``load`` notices two files that do not belong together. Data sets are not
saved; ``diagram.bind(digits={"X": images})`` brings them back, as it does models that files cannot
hold.

A circuit of arrays is written as the lines of its listing (:mod:`catlearn.arrays.listing`), on an
edge as in a document.

Loading executes nothing, is bounded in size and time, and refuses a bad file with one
:class:`~catlearn.errors.FileFormatError` that lists all that is wrong with it.

>>> import catlearn as cl
>>> from catlearn.formats import from_json, to_json
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
>>> from_json(to_json(D)) == D
True
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from catlearn.arrays import Circuit
from catlearn.category import Presentation
from catlearn.errors import DEEPEST, CatlearnError, FileFormatError, fault
from catlearn.files import (
    MAX_JSON_BYTES,
    Faults,
    atomic_write,
    json_depth,
    parse_json,
    read_bounded,
    shorten,
    shorten_repr,
)
from catlearn.finset import Shape, Tables
from catlearn.formats.acset import (
    META,
    VERSION,
    check_version,
    read_tables,
    write_plain,
    write_tables,
)
from catlearn.formats.codecs import circuit_of, lines_of
from catlearn.learning import LearningDiagram
from catlearn.learning.schema import STORED
from catlearn.models import AnySpace, ArchitectureMap, Divergence, DivergenceSum, Map, Registered
from catlearn.tensors import (
    MAX_TENSOR_BYTES,
    decode_tree,
    encode_tree,
    like,
    plain_tree,
)

#: How much shape checking is worth while loading: each architecture costs 1 and its options.
MAX_CHECKS = 200_000

#: Levels of JSON that are read and written: two for each that a label nests, and what is around.
MOST_LEVELS = 2 * DEEPEST + 32


def to_json(value: Tables | Circuit, *, plain: bool = False) -> str:
    """Return a value as JSON text.

    Parameters
    ----------
    value
        A learning diagram, presentation, graph, C-set or other tables, or a circuit of arrays.
    plain
        Whether to write what ACSets.jl reads and no more: without names and schema.

    Returns
    -------
    str
        ACSet JSON, one row a line. Arrays that rows hold are not in it; see :func:`save`.

    Raises
    ------
    InvalidStructure
        Listing every label that cannot be written.
    """
    if plain and isinstance(value, Tables):
        return _text(write_plain(value))
    return _text(_document(value))


def _document(value: Tables | Circuit) -> dict[str, Any]:
    if isinstance(value, Circuit):
        return {META: {"version": VERSION, "kind": "Circuit"}, "listing": lines_of(value)}
    if not isinstance(value, Tables):
        kind = type(value).__name__
        message = "files hold diagrams, presentations, graphs, C-sets and circuits of arrays"
        stored = isinstance(getattr(value, "diagram", None), Tables)
        hint = ", whose .diagram can be saved, with its variables" if stored else ""
        raise TypeError(f"{message}; found a {kind}{hint}")
    return write_tables(value)


def _text(document: dict[str, Any]) -> str:
    """Write a document with one row a line, for people and for version control."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            rows = ",\n".join(f"  {line(row)}" for row in value)
            parts.append(f"{line(key)}: [\n{rows}\n]")
        else:
            parts.append(f"{line(key)}: {line(value)}")
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    if json_depth(text) > MOST_LEVELS:
        message = f"labels nest more than {MOST_LEVELS} levels deep"
        raise fault("file", "depth limit", "document", message)
    return text


def from_json(
    text: str | bytes,
    schema: Shape | None = None,
    *,
    what: str = "JSON",
    max_bytes: int = MAX_JSON_BYTES,
) -> Any:
    """Return the value that JSON text holds.

    Parameters
    ----------
    text
        What :func:`to_json` wrote; or, with ``schema``, any ACSet JSON, read as a C-set.
    schema
        The schema of a document that does not say its own.
    what
        What errors should call the text.
    max_bytes
        Longer texts are refused.

    Returns
    -------
    LearningDiagram, Presentation, Graph, Hypergraph, CSet, Tables or Circuit
        The value, checked.

    Raises
    ------
    FileFormatError
        Listing everything that is wrong.
    """
    return _read(text, schema, what, max_bytes)[0]


def _read(
    text: str | bytes, schema: Shape | None, what: str, max_bytes: int
) -> tuple[Any, dict[str, Any]]:
    document = parse_json(text, what, max_bytes, MOST_LEVELS)
    faults = Faults(what)
    meta = document.get(META) if isinstance(document, dict) else None
    if isinstance(meta, dict) and meta.get("kind") == "Circuit":
        return _circuit(document, faults), {}
    value = read_tables(document, faults, schema)
    faults.check()
    assert value is not None
    _check_laws(value, faults)
    faults.check()
    return value, document.get(META, {})


def _circuit(document: dict[str, Any], faults: Faults) -> Circuit:
    """Read a circuit of arrays: the lines of its listing."""
    if document.keys() != {META, "listing"} or document[META].keys() != {"version", "kind"}:
        faults.add("document", f"has other fields than {META} (version, kind) and listing")
    check_version(document[META], faults)
    faults.check()
    try:
        return circuit_of(document["listing"])
    except TypeError as error:
        faults.add("listing", str(error))
    except CatlearnError as error:
        faults.add_error(error, "listing")
    faults.check()
    raise AssertionError


def _check_laws(value: Tables, faults: Faults) -> None:
    if not isinstance(value, LearningDiagram):
        faults.extend(value.failures())
        return
    _check_columns(value, faults)
    if faults.count:
        return
    # Whether very many maps fit their spaces is left to the first use; all else is checked.
    structure = Presentation.failures(value)
    faults.extend(structure or value.rule_failures(shapes=_effort(value) <= MAX_CHECKS))


def _check_columns(diagram: LearningDiagram, faults: Faults) -> None:
    """Check that each attribute holds labels of its own kind."""
    divergence = Divergence | DivergenceSum | None
    for name, kinds, expected in (
        ("space", AnySpace, "a space"),
        ("map", Map, "a map"),
        ("strict", bool, "true or false"),
        ("weight", int | float, "a number"),
        ("divergence", divergence, "a divergence or null"),
    ):
        table = diagram.shape.attributes[name]
        pairs = zip(diagram.names(table), diagram.attributes[name], strict=True)
        for row, label in pairs:
            if not isinstance(label, kinds) or (name == "weight" and isinstance(label, bool)):
                found = shorten_repr(label)
                faults.add(f"{table} {shorten(row)!r}", f"{name} is {found}, expected {expected}")


def _effort(diagram: LearningDiagram) -> int:
    """Estimate the work of checking shapes: distinct architectures, weighted by their options."""
    total = 0
    for architecture in {
        label.architecture
        for label in diagram.attributes["map"]
        if isinstance(label, ArchitectureMap)
    }:
        options = architecture.options if isinstance(architecture, Registered) else ()
        total += 1 + sum(min(abs(v), 1000) for _, v in options if isinstance(v, int))
    return total


def save(value: Tables | Circuit, path: str | os.PathLike[str]) -> Path:
    """Write a value to a file, and its models' starting values beside it.

    Parameters
    ----------
    value
        A learning diagram, presentation, graph, C-set or other tables, or a circuit of arrays.
    path
        Usually ``*.json``. Starting values go to the same name with ``.safetensors``.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    InvalidStructure
        Listing every label or parameter that cannot be written; nothing is written then.
    OSError
        If a file cannot be written; an old file is then left as it was.
    """
    path = Path(path)
    document = _document(value)
    tree = _side_data(value)
    tensors = None
    if tree:
        if path.suffix == ".safetensors":
            raise ValueError("the diagram and its tensors need two names; save it as *.json")
        tensors = encode_tree(tree, {}, sums=False)  # the document has the file's digest
        document[META]["tensors"] = hashlib.sha256(tensors).hexdigest()
    text = _text(document).encode()
    if tensors is not None:
        atomic_write(path.with_suffix(".safetensors"), tensors)
    atomic_write(path, text)
    return path


def load(
    path: str | os.PathLike[str],
    schema: Shape | None = None,
    *,
    max_bytes: int = MAX_JSON_BYTES,
    max_tensor_bytes: int = MAX_TENSOR_BYTES,
) -> Any:
    """Read a value that :func:`save` wrote.

    Parameters
    ----------
    path
        The JSON file.
    schema
        The schema of a document that does not say its own.
    max_bytes, max_tensor_bytes
        Larger files are refused before they are read.

    Returns
    -------
    LearningDiagram, Presentation, Graph, Hypergraph, CSet, Tables or Circuit
        The value. Architectures that files cannot hold are unbound: ``bind`` fills them, and
        gives them the parameters that were saved.

    Raises
    ------
    FileFormatError
        Listing everything that is wrong with the file, or with the tensors beside it.
    OSError
        If there is no such file.
    """
    path = Path(path)
    what = f"file {path.name!r}"
    data = read_bounded(path, max_bytes, what)
    value, meta = _read(data, schema, what, max_bytes)
    digest = meta.get("tensors")
    if digest is None:
        return value
    return _with_tensors(value, path.with_suffix(".safetensors"), digest, max_tensor_bytes)


def _side_data(value: Tables | Circuit) -> dict[str, Any]:
    """Return what is written beside a value: parameters by edge, else side data by name and row."""
    if isinstance(value, Circuit):
        return {}
    if isinstance(value, LearningDiagram):
        return {edge: plain_tree(params) for edge, params in value.starts.items()}
    return {
        name: {str(row): plain_tree(tree) for row, tree in held.items()}
        for name, held in value.side_data.items()
        if held
    }


def _with_tensors(value: Tables, path: Path, digest: Any, max_bytes: int) -> Tables:
    what = f"file {path.name!r}"
    if not value.shape.side_data:
        message = "the schema has no side data, so there are no tensors beside it"
        raise fault(what, "tensors", META, message, FileFormatError)
    try:
        data = read_bounded(path, max_bytes, what)
    except FileNotFoundError:
        message = "is missing; the diagram was saved with parameters beside it"
        raise fault(what, "tensors", str(path), message, FileFormatError) from None
    if hashlib.sha256(data).hexdigest() != digest:
        message = "is not the file that was saved with this diagram, or it was changed"
        raise fault(what, "tensors", str(path), message, FileFormatError)
    tree, _ = decode_tree(data, what, sums=False)
    faults = Faults(what)
    if not isinstance(tree, dict):
        faults.add("tree", "must have one entry for each edge, or name of side data")
        tree = {}
    if isinstance(value, LearningDiagram):
        starts = {edge: _parameters(value, edge, one, faults) for edge, one in tree.items()}
        side_data = {STORED: starts}
    else:
        side_data = {name: _by_row(value, name, held, faults) for name, held in tree.items()}
    faults.check()
    return value.with_side_data(side_data)


def _by_row(value: Tables, name: str, held: Any, faults: Faults) -> dict[int, Any]:
    """Read what the rows of a table hold."""
    where = f"side data {shorten_repr(name)}"
    table = value.shape.side_data.get(name)
    if table is None or not isinstance(held, dict):
        faults.add(where, f"is not one of {list(value.shape.side_data)}, by row", "tensors")
        return {}
    rows = {str(row): row for row in range(value.size(table))}
    for row in held:
        if row not in rows:
            faults.add(where, f"{table} has no row {shorten_repr(row)}", "tensors")
    return {rows[row]: tree for row, tree in held.items() if row in rows}


def _parameters(diagram: LearningDiagram, edge: str, tree: Any, faults: Faults) -> Any:
    """Return an edge's parameters, in the form that its architecture wants them."""
    where = f"edge {shorten(edge)!r}"
    label = diagram.map_label(edge) if diagram.has_edge(edge) else None
    if not isinstance(label, ArchitectureMap) or label.architecture.parameter_free:
        faults.add(where, "has tensors, but the diagram has no model of this name")
        return None
    architecture = label.architecture
    if not architecture.bound:
        return tree
    source, target = (diagram.space_label(vertex) for vertex in diagram.ends(edge))
    try:
        template = architecture.structure(source, target)
    except (CatlearnError, TypeError, ValueError, OverflowError) as error:
        faults.add(where, f"its parameters have no structure: {shorten(str(error), 200)}")
        return None
    params, problems = like(template, tree)
    for problem in problems:
        faults.add(where, problem, "tensors")
    return params
