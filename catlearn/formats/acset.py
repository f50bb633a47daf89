"""ACSet JSON: tables as AlgebraicJulia writes them.

A document is an object with one list of rows for each table; a row is an object with its
``_id`` (1, 2, ... in order), the ``_id`` in the target for each arrow, a list of them for each
list-valued arrow, and its attributes::

    {"V": [{"_id": 1}, {"_id": 2}], "E": [{"_id": 1, "src": 1, "tgt": 2}]}

That is all that :func:`write_plain` writes, and `ACSets.jl
<https://github.com/AlgebraicJulia/ACSets.jl>`_ reads it. A full document has two things more:
``_name`` in the rows of tables whose rows have names, and ``_catlearn``, which says the version
of the format, the kind of value, and its schema in ACSets' own form (``Ob``, ``Hom``,
``AttrType``, ``Attr``, ``equations``, and ``List`` for list-valued arrows).

Law: reading what was written gives an equal value; see :mod:`catlearn.formats.codecs` for labels,
:mod:`catlearn.formats.acset_rows` and :mod:`catlearn.formats.acset_schemas` for the two halves.

>>> from catlearn.category import Graph
>>> from catlearn.formats.acset import read_tables, write_plain
>>> write_plain(Graph({"f": ("A", "B")}))
{'V': [{'_id': 1}, {'_id': 2}], 'E': [{'_id': 1, 'src': 1, 'tgt': 2}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.category import Graph, Presentation
from catlearn.category.presentation import PRESENTATION
from catlearn.cset import CSet, Schema
from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.files import shorten
from catlearn.finset import Shape, Tables
from catlearn.formats.acset_rows import NAME, read_rows, write_rows
from catlearn.formats.acset_schemas import read_shape, write_shape
from catlearn.formats.faults import Faults
from catlearn.learning import LearningDiagram

META = "_catlearn"
VERSION = 1

#: What kinds of tables there are, the most special first, by the word that files use.
KINDS: Mapping[str, type[Tables]] = {
    "LearningDiagram": LearningDiagram,
    "Presentation": Presentation,
    "Graph": Graph,
    "CSet": CSet,
    "Tables": Tables,
}


def kind_of(tables: Tables) -> str:
    """Return the word for the kind of a value."""
    return next(word for word, kind in KINDS.items() if isinstance(tables, kind))


def write_tables(tables: Tables) -> dict[str, Any]:
    """Return tables as a JSON document, with names and schema.

    Raises
    ------
    InvalidStructure
        Listing every label that cannot be written.
    """
    failures: list[Failure] = []
    meta = {"version": VERSION, "kind": kind_of(tables)}
    meta["schema"] = write_shape(tables.shape, failures)
    document = {META: meta, **write_rows(tables, failures, names=True)}
    if failures:
        raise InvalidStructure(f"file of this {meta['kind']}", failures)
    return document


def write_plain(tables: Tables) -> dict[str, Any]:
    """Return tables as ACSets.jl writes them: without the names of rows and without a schema."""
    failures: list[Failure] = []
    document = write_rows(tables, failures, names=False)
    if failures:
        raise InvalidStructure(f"file of this {kind_of(tables)}", failures)
    return document


# Reading.


def read_tables(document: Any, faults: Faults, shape: Shape | None = None) -> Tables | None:
    """Return the tables that a JSON document holds.

    Parameters
    ----------
    document
        Parsed JSON.
    faults
        Where to note what is wrong.
    shape
        The schema, for a document without one.

    Returns
    -------
    Tables or None
        An instance of the document's kind, whose laws have not been checked yet; None if there
        were faults. A document without ``_catlearn`` is a C-set.
    """
    if not isinstance(document, dict):
        faults.add("document", f"must be a JSON object, found a {type(document).__name__}")
        return None
    kind = CSet
    if META in document:
        found = _read_meta(document[META], faults)
        if found is None:
            return None
        kind, shape = found
    elif shape is None:
        message = (
            f"has no {META!r}, so it does not say what it is; give the schema it is on, "
            "as from_json(text, schema=...)"
        )
        faults.add("document", message)
        return None
    before = faults.count
    rows = {key: value for key, value in document.items() if key != META}
    parts = read_rows(rows, shape, faults)
    if issubclass(kind, Graph):
        for table, names in parts[0].items():
            if isinstance(names, int) and names:
                faults.add(f"table {table}", f"its rows need {NAME}, as in every {kind.__name__}")
    if faults.count > before:
        return None
    try:
        bare = Tables(shape, *parts, check=False)
    except CatlearnError as error:
        faults.add_error(error)
        return None
    shape = Schema.of(shape) if kind is CSet else shape
    return kind._build(shape, bare.sets, bare.arrows, bare.lists, bare.attributes)


def _read_meta(meta: Any, faults: Faults) -> tuple[type[Tables], Shape] | None:
    """Read the kind and the schema, and check that they belong together."""
    if not isinstance(meta, dict):
        faults.add(META, f"must be an object, found {shorten(repr(meta))}")
        return None
    before = faults.count
    for key in meta:
        if key not in ("version", "kind", "schema", "tensors"):
            faults.add(META, f"has the unknown field {shorten(repr(key))}")
    version, word = meta.get("version"), meta.get("kind")
    if version != VERSION or isinstance(version, bool):
        message = f"is {shorten(repr(version))}, this catlearn reads version {VERSION}"
        faults.add(f"{META}, version", message)
    if not isinstance(word, str) or word not in KINDS:
        faults.add(f"{META}, kind", f"is {shorten(repr(word))}, known are {', '.join(KINDS)}")
    shape = read_shape(meta.get("schema"), faults)
    if faults.count > before or shape is None:
        return None
    kind = KINDS[str(word)]
    _check_kind(kind, str(word), shape, faults)
    if faults.count > before:
        return None
    # Diagrams are all on one schema, which is the package's own object.
    return kind, kind.shape if kind in (LearningDiagram, Graph) else shape


def _check_kind(kind: type[Tables], word: str, shape: Shape, faults: Faults) -> None:
    if kind in (CSet, Tables):
        return
    expected = PRESENTATION if kind is Presentation else kind.shape
    for what in ("tables", "arrows", "lists", "attributes"):
        have, want = getattr(shape, what), getattr(expected, what)
        if kind is Presentation and what == "attributes":
            same = set(have.values()) <= {"Eq"}
            want = "attributes of Eq only"
        else:
            same = (set(have) == set(want)) if what == "tables" else (dict(have) == dict(want))
        if not same:
            found = shorten(str(have), 200)
            faults.add(f"schema, {what}", f"found {found}, a {word} has {want}")
    if getattr(shape, "equations", ()):
        faults.add("schema, equations", f"found some, the schema of a {word} has none")
