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

Law: reading what was written gives an equal value; see :mod:`catlearn.formats.codecs` for labels.

>>> from catlearn.category import Graph
>>> from catlearn.formats.acset import read_tables, write_plain
>>> write_plain(Graph({"f": ("A", "B")}))
{'V': [{'_id': 1}, {'_id': 2}], 'E': [{'_id': 1, 'src': 1, 'tgt': 2}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.category import Graph, Path, Presentation
from catlearn.category.presentation import PRESENTATION
from catlearn.cset import CSet, Schema
from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.files import shorten
from catlearn.finset import Shape, Tables
from catlearn.formats.codecs import Unreadable, Unwritable, decode, encode
from catlearn.formats.faults import Faults
from catlearn.learning import LearningDiagram

META = "_catlearn"
VERSION = 1
ID, NAME = "_id", "_name"

#: What kinds of tables there are, the most special first, by the word that files use.
KINDS: Mapping[str, type[Tables]] = {
    "LearningDiagram": LearningDiagram,
    "Presentation": Presentation,
    "Graph": Graph,
    "CSet": CSet,
    "Tables": Tables,
}
_TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


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
    meta["schema"] = _write_shape(tables.shape, failures)
    document = {META: meta, **_write_rows(tables, failures, names=True)}
    if failures:
        raise InvalidStructure(f"file of this {meta['kind']}", failures)
    return document


def write_plain(tables: Tables) -> dict[str, Any]:
    """Return tables as ACSets.jl writes them: without the names of rows and without a schema."""
    failures: list[Failure] = []
    document = _write_rows(tables, failures, names=False)
    if failures:
        raise InvalidStructure(f"file of this {kind_of(tables)}", failures)
    return document


def _write_rows(tables: Tables, failures: list[Failure], names: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    shape = tables.shape
    for table in shape.tables:
        rows: list[dict[str, Any]] = [{ID: k + 1} for k in range(tables.size(table))]
        labels = tables.sets[table].names
        if names and labels is not None:
            for row, label in zip(rows, labels, strict=True):
                row[NAME] = _written(label, f"name of a row of {table}", failures)
        for name, (source, _) in shape.arrows.items():
            if source == table:
                for row, value in zip(rows, tables.arrows[name].values.tolist(), strict=True):
                    row[name] = value + 1
        for name, (source, _) in shape.lists.items():
            if source == table:
                for row, values in zip(rows, tables.lists[name], strict=True):
                    row[name] = [int(value) + 1 for value in values]
        for name, home in shape.attributes.items():
            if home == table:
                where = [f"{name} of {table} {label!r}" for label in tables.names(table)]
                pairs = zip(rows, tables.attributes[name], where, strict=True)
                for row, label, place in pairs:
                    row[name] = _written(label, place, failures)
        document[table] = rows
    return document


def _written(label: Any, where: str, failures: list[Failure]) -> Any:
    try:
        return encode(label)
    except Unwritable as error:
        failures.append(Failure("labels", where, str(error)))
        return None


def _write_shape(shape: Shape, failures: list[Failure]) -> dict[str, Any]:
    """Return a shape as ACSets writes schemas."""
    types: dict[str, None] = {}
    attributes = []
    for name, table in shape.attributes.items():
        word = _type_word(name, getattr(shape, "types", {}).get(name), failures)
        types.setdefault(word)
        attributes.append({"name": name, "dom": table, "codom": word})
    names = [*shape.tables, *shape.arrows, *shape.lists, *shape.attributes]
    for name in names:
        if name.startswith("_"):
            message = "starts with an underscore, which files keep for themselves"
            failures.append(Failure("names", f"{name!r} of the schema", message))
        _written(name, "a name of the schema", failures)
    return {
        "Ob": [{"name": table} for table in shape.tables],
        "Hom": [_step(name, *ends) for name, ends in shape.arrows.items()],
        "List": [_step(name, *ends) for name, ends in shape.lists.items()],
        "AttrType": [{"name": word} for word in types],
        "Attr": attributes,
        "equations": [_write_equation(*law) for law in getattr(shape, "laws", ())],
    }


def _step(name: str, dom: str, codom: str) -> dict[str, str]:
    return {"name": name, "dom": dom, "codom": codom}


def _type_word(name: str, types: Any, failures: list[Failure]) -> str:
    if types is None:
        return "Any"
    words = {kind: word for word, kind in _TYPES.items()}
    kinds = types if isinstance(types, tuple) else (types,)
    if not all(kind in words for kind in kinds):
        message = f"has type {types}, files know {', '.join(_TYPES)}"
        failures.append(Failure("types", f"attribute {name!r}", message))
        return "Any"
    return "|".join(words[kind] for kind in kinds)


def _write_equation(equation: Any, left: Path, right: Path) -> dict[str, Any]:
    paths = [list(left.edges), list(right.edges)]
    return {"name": None, "dom": left.source, "codom": left.target, "paths": paths}


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
    parts = _read_rows(rows, shape, faults)
    if issubclass(kind, Graph):
        for table, names in parts[0].items():
            if isinstance(names, int) and names:
                faults.add(f"table {table}", f"its rows need {NAME}, as in every {kind.__name__}")
    if faults.count > before:
        return None
    try:
        bare = Tables(shape, *parts, check=False)
    except CatlearnError as error:
        faults.extend(_failures_of(error))
        return None
    shape = Schema.of(shape) if kind is CSet else shape
    return kind._build(shape, bare.sets, bare.arrows, bare.lists, bare.attributes)


def _failures_of(error: CatlearnError) -> list[Failure]:
    found = getattr(error, "failures", None)
    return list(found) if found else [Failure("format", "document", str(error))]


def _read_meta(meta: Any, faults: Faults) -> tuple[type[Tables], Shape] | None:
    """Read the kind and the schema, and check that they belong together."""
    if not isinstance(meta, dict):
        faults.add(META, f"must be an object, found {shorten(repr(meta))}")
        return None
    before = faults.count
    for key in meta:
        if key not in ("version", "kind", "schema", "tensors"):
            faults.add(META, f"has the unknown field {_short(key)}")
    version, word = meta.get("version"), meta.get("kind")
    if version != VERSION or isinstance(version, bool):
        message = f"is {shorten(repr(version))}, this catlearn reads version {VERSION}"
        faults.add(f"{META}, version", message)
    if not isinstance(word, str) or word not in KINDS:
        faults.add(f"{META}, kind", f"is {shorten(repr(word))}, known are {', '.join(KINDS)}")
    shape = _read_shape(meta.get("schema"), faults)
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


def _read_shape(data: Any, faults: Faults) -> Shape | None:
    """Read a schema in ACSets' form."""
    fields = ("Ob", "Hom", "List", "AttrType", "Attr", "equations")
    if not isinstance(data, dict):
        faults.add("schema", f"must be an object, found {shorten(repr(data))}")
        return None
    before = faults.count
    for key in data:
        if key not in (*fields, "version"):
            faults.add("schema", f"has the unknown field {shorten(repr(key))}")
    lists = {key: data.get(key, []) for key in fields}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            faults.add(f"schema, {key}", "must be a list of objects")
    if faults.count > before:
        return None
    tables = [_text(entry, "name", f"Ob {k + 1}", faults) for k, entry in enumerate(lists["Ob"])]
    arrows = _read_steps(lists["Hom"], "Hom", faults)
    many = _read_steps(lists["List"], "List", faults)
    attributes = _read_steps(lists["Attr"], "Attr", faults)
    typed = {name: _read_type(name, *ends, faults) for name, ends in attributes.items()}
    for name in (*tables, *arrows, *many, *attributes):
        if name.startswith("_"):
            faults.add("schema", f"{shorten(repr(name))} starts with an underscore")
    equations = [_read_equation(e, k, faults) for k, e in enumerate(lists["equations"])]
    if faults.count > before:
        return None
    try:
        if not equations and all(isinstance(one, str) for one in typed.values()):
            return Shape(tables, arrows, many, {name: str(one) for name, one in typed.items()})
        return Schema(tables, arrows, many, typed, [e for e in equations if e is not None])
    except CatlearnError as error:
        faults.extend(_failures_of(error))
        return None


def _text(entry: Mapping[str, Any], key: str, where: str, faults: Faults) -> str:
    value = entry.get(key)
    if isinstance(value, str):
        return value
    faults.add(f"schema, {where}", f"{key} must be a text, found {shorten(repr(value))}")
    return ""


def _read_steps(entries: list[Any], kind: str, faults: Faults) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    for k, entry in enumerate(entries):
        where = f"{kind} {k + 1}"
        name, dom, codom = (_text(entry, key, where, faults) for key in ("name", "dom", "codom"))
        if name in out:
            faults.add(f"schema, {where}", f"{shorten(repr(name))} is there twice")
        out[name] = dom, codom
    return out


def _read_type(name: str, table: str, word: str, faults: Faults) -> Any:
    if word == "Any":
        return table
    words = word.split("|")
    if len(words) > len(_TYPES) or not all(one in _TYPES for one in words):
        message = f"has type {shorten(repr(word))}, known are Any, {', '.join(_TYPES)}"
        faults.add(f"attribute {shorten(repr(name))}", message)
        return table
    kinds = tuple(_TYPES[one] for one in words)
    return table, kinds[0] if len(kinds) == 1 else kinds


def _read_equation(entry: Mapping[str, Any], number: int, faults: Faults) -> Any:
    where = f"schema, equation {number + 1}"
    start = _text(entry, "dom", f"equation {number + 1}", faults)
    paths = entry.get("paths")
    sides = paths if isinstance(paths, list) else []
    if len(sides) != 2 or not all(
        isinstance(side, list) and all(isinstance(step, str) for step in side) for side in sides
    ):
        faults.add(where, "paths must be two lists of names of arrows")
        return None
    # An empty side is the identity where the equation starts.
    return tuple(side or (Path.identity(start),) for side in sides)


def _read_rows(
    document: Mapping[str, Any], shape: Shape, faults: Faults
) -> tuple[dict[str, Any], ...]:
    """Read the rows of all tables: sets, arrows, lists and attributes."""
    sets: dict[str, Any] = {}
    for key in document:
        if key not in shape.tables and document[key] != []:
            known = ", ".join(shape.tables)
            faults.add("document", f"has the unknown table {shorten(repr(key))}; known are {known}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in shape.tables:
        found = document.get(table)
        if not isinstance(found, list):
            problem = "is missing" if table not in document else "must be a list of rows"
            faults.add(f"table {table}", problem)
            found = []
        rows[table] = [row if isinstance(row, dict) else {} for row in found]
        for k, row in enumerate(found):
            if not isinstance(row, dict):
                faults.add(f"{table} row {k + 1}", f"must be an object, found {_short(row)}")
        sets[table] = _read_names(table, rows[table], faults)
    sizes = {table: len(found) for table, found in rows.items()}
    arrows = {
        name: _read_arrow(name, rows[source], source, target, sizes[target], faults)
        for name, (source, target) in shape.arrows.items()
    }
    lists = {
        name: _read_list(name, rows[source], source, target, sizes[target], faults)
        for name, (source, target) in shape.lists.items()
    }
    attributes = {
        name: _read_attribute(name, rows[table], table, faults)
        for name, table in shape.attributes.items()
    }
    _check_fields(rows, shape, faults)
    return sets, arrows, lists, attributes


def _short(value: Any) -> str:
    return shorten(repr(value))


def _row(table: str, k: int, row: Mapping[str, Any]) -> str:
    name = row.get(NAME)
    return f"{table} row {k + 1}" + (f" ({shorten(name)!r})" if isinstance(name, str) else "")


def _read_names(table: str, rows: list[dict[str, Any]], faults: Faults) -> Any:
    """Check the ids of a table and return its row names, or its size."""
    seen: dict[int, int] = {}
    for k, row in enumerate(rows):
        number = row.get(ID)
        if isinstance(number, bool) or not isinstance(number, int):
            faults.add(_row(table, k, row), f"{ID} must be {k + 1}, found {_short(number)}")
        elif number in seen:
            faults.add(_row(table, k, row), f"{ID} {_short(number)} is that of row {seen[number]}")
        elif number != k + 1:
            faults.add(_row(table, k, row), f"{ID} must be {k + 1}, found {_short(number)}")
        if isinstance(number, int):
            seen.setdefault(number, k + 1)
    named = [row for row in rows if NAME in row]
    if not named:
        return len(rows)
    met: dict[str, int] = {}
    for k, row in enumerate(rows):
        name = row.get(NAME)
        if not isinstance(name, str):
            message = f"{NAME} must be a text, as other rows have names; found {_short(name)}"
            faults.add(f"{table} row {k + 1}", message)
        elif name in met:
            faults.add(_row(table, k, row), f"has the name of row {met[name]}")
        else:
            met[name] = k + 1
    return tuple(met)


def _read_reference(
    value: Any, where: str, name: str, target: str, size: int, faults: Faults
) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        faults.add(where, f"{name} must be the {ID} of a row of {target}, found {_short(value)}")
        return 0
    if not 1 <= value <= size:
        message = f"{name} is {_short(value)}, there are {size} rows of {target}"
        faults.add(where, message, "dangling")
        return 0
    return value - 1


def _read_arrow(
    name: str, rows: list[dict[str, Any]], source: str, target: str, size: int, faults: Faults
) -> list[int]:
    return [
        _read_reference(row.get(name), _row(source, k, row), name, target, size, faults)
        for k, row in enumerate(rows)
    ]


def _read_list(
    name: str, rows: list[dict[str, Any]], source: str, target: str, size: int, faults: Faults
) -> list[list[int]]:
    out = []
    for k, row in enumerate(rows):
        where, values = _row(source, k, row), row.get(name)
        if not isinstance(values, list):
            faults.add(where, f"{name} must be a list of ids of {target}, found {_short(values)}")
            values = []
        out.append([_read_reference(v, where, name, target, size, faults) for v in values])
    return out


def _read_attribute(name: str, rows: list[dict[str, Any]], table: str, faults: Faults) -> list[Any]:
    out = []
    for k, row in enumerate(rows):
        try:
            label = decode(row.get(name))
            hash(label)
        except (Unreadable, TypeError) as error:
            faults.add(_row(table, k, row), f"{name}: {error}", "labels")
            label = None
        out.append(label)
    return out


def _check_fields(rows: Mapping[str, list[dict[str, Any]]], shape: Shape, faults: Faults) -> None:
    """Note fields that the schema does not have, and attributes that are missing."""
    for table, found in rows.items():
        steps = {name for name, (source, _) in shape.steps().items() if source == table}
        own = {name for name, home in shape.attributes.items() if home == table}
        known = steps | own | {ID, NAME}
        for k, row in enumerate(found):
            for key in row:
                if key not in known:
                    faults.add(_row(table, k, row), f"has the unknown field {_short(key)}")
            for key in own:
                if row and key not in row:
                    message = f"has no {key}; write null where it is absent"
                    faults.add(_row(table, k, row), message)
