"""ACSet JSON: tables as AlgebraicJulia writes them, and as objects of py-acsets.

A document is an object with one list of rows for each table; a row is an object with its
``_id`` (1, 2, ... in order), the ``_id`` in the target for each arrow, a list of them for each
list-valued arrow, and its attributes::

    {"V": [{"_id": 1}, {"_id": 2}], "E": [{"_id": 1, "src": 1, "tgt": 2}]}

That is all that :func:`write_plain` writes, and `ACSets.jl
<https://github.com/AlgebraicJulia/ACSets.jl>`_ reads it. A full document has two things more:
``_name`` in the rows of tables whose rows have names, and ``_catlearn``, which says the version
of the format, the kind of value, and its schema in ACSets' own form (``Ob``, ``Hom``,
``AttrType``, ``Attr``, ``equations``, and ``List`` for list-valued arrows, ``SideData`` for
side data, ``Key`` for keys, and the ``order`` of an ``Attr`` that is not discrete).

py-acsets (the ``acsets`` package, not needed until one of the two functions is called) has the
same JSON, so a C-set goes there and back through it. What it does not have is refused
(list-valued arrows, equations) or left out (names of rows).

Law: reading what was written gives an equal value; see :mod:`catlearn.formats.codecs` for labels.

>>> from catlearn.category import Graph
>>> from catlearn.cset import CSet, SchGraph
>>> from catlearn.formats.acset import from_acset, to_acset, write_plain
>>> write_plain(Graph({"f": ("A", "B")}))
{'V': [{'_id': 1}, {'_id': 2}], 'E': [{'_id': 1, 'src': 1, 'tgt': 2}]}
>>> acset = to_acset(CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]))
>>> acset.nparts(acset.schema.obs[0]), from_acset(acset).size("E")
(2, 1)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from catlearn.category import Graph, Hypergraph, Path, Presentation
from catlearn.category.presentation import PRESENTATION
from catlearn.cset import CSet, Schema
from catlearn.errors import CatlearnError, Failure, Failures, refuse
from catlearn.files import Faults, shorten, shorten_repr
from catlearn.finset import FinSet, Shape, Tables
from catlearn.finset.shapes import DISCRETE, ORDERS
from catlearn.formats.codecs import Unreadable, decode, encoded
from catlearn.learning import LearningDiagram

if TYPE_CHECKING:
    import acsets

ID, NAME, META = "_id", "_name", "_catlearn"
VERSION = 1

#: What kinds of tables there are, the most special first, by the word that files use.
KINDS: Mapping[str, type[Tables]] = {
    "LearningDiagram": LearningDiagram,
    "Presentation": Presentation,
    "Graph": Graph,
    "Hypergraph": Hypergraph,
    "CSet": CSet,
    "Tables": Tables,
}

#: Types of attributes, by the word that files use.
TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


# ---------------------------------------------------------------- writing


def write_tables(tables: Tables) -> dict[str, Any]:
    """Return tables as a JSON document, with names and schema.

    Raises
    ------
    InvalidStructure
        Listing every label that cannot be written.
    """
    failures = Failures()
    kind = _kind_of(tables)
    schema = write_shape(tables.shape, failures)
    if kind == "LearningDiagram":  # they are all on one schema
        schema = {field: schema[field] for field in schema if field not in ("SideData", "Key")}
    meta = {"version": VERSION, "kind": kind, "schema": schema}
    document = {META: meta, **_write_rows(tables, failures, names=True)}
    refuse(f"file of this {kind}", failures)
    return document


def write_plain(tables: Tables) -> dict[str, Any]:
    """Return tables as ACSets.jl writes them: without the names of rows and without a schema."""
    failures = Failures()
    document = _write_rows(tables, failures, names=False)
    refuse(f"file of this {_kind_of(tables)}", failures)
    return document


def _kind_of(tables: Tables) -> str:
    return next(word for word, kind in KINDS.items() if isinstance(tables, kind))


def _write_rows(tables: Tables, failures: Failures, names: bool) -> dict[str, Any]:
    """Return the rows of all tables, with their names if they are asked for."""
    document: dict[str, Any] = {}
    shape = tables.shape
    for table in shape.tables:
        columns: dict[str, list[Any]] = {ID: list(range(1, tables.size(table) + 1))}
        labels = tables.sets[table].names
        if names and labels is not None:
            where = f"name of a row of {table}"
            columns[NAME] = [encoded(label, where, failures) for label in labels]
        for name, (source, _) in shape.arrows.items():
            if source == table:
                columns[name] = (tables.arrows[name].values + 1).tolist()
        for name, (source, _) in shape.lists.items():
            if source == table:
                columns[name] = [[int(v) + 1 for v in values] for values in tables.lists[name]]
        for name, home in shape.attributes.items():
            if home == table:
                rows = zip(tables.names(table), tables.attributes[name], strict=True)
                columns[name] = [
                    encoded(label, f"{name} of {table} {row!r}", failures) for row, label in rows
                ]
        cells = zip(*columns.values(), strict=True)
        document[table] = [dict(zip(columns, row, strict=True)) for row in cells]
    return document


def write_shape(shape: Shape, failures: Failures) -> dict[str, Any]:
    """Return a shape as ACSets writes schemas.

    Examples
    --------
    >>> shape = Shape(["V"], attributes={"size": "V"}, orders={"size": "flat"})
    >>> write_shape(shape, [])["Attr"]
    [{'name': 'size', 'dom': 'V', 'codom': 'Any', 'order': 'flat'}]
    >>> read_shape(write_shape(shape, []), Faults("a file")) == shape
    True
    """
    types = getattr(shape, "types", {})
    words = {name: _type_word(name, types.get(name), failures) for name in shape.attributes}
    for name in (*shape.tables, *shape.arrows, *shape.lists, *shape.attributes, *shape.side_data):
        if name.startswith("_"):
            message = "starts with an underscore, which files keep for themselves"
            failures.add("names", f"{name!r} of the schema", message)
        encoded(name, "a name of the schema", failures)
    attributes = {name: (table, words[name]) for name, table in shape.attributes.items()}
    hom, many, attr = (
        [{"name": name, "dom": dom, "codom": codom} for name, (dom, codom) in steps.items()]
        for steps in (shape.arrows, shape.lists, attributes)
    )
    for entry in attr:
        order = shape.order(entry["name"])
        if order.name in ORDERS and order == ORDERS[order.name]:
            entry |= {"order": order.name} if order != DISCRETE else {}
        else:
            message = f"has the order {order.name!r}, files know {', '.join(ORDERS)}"
            failures.add("orders", f"attribute {entry['name']!r}", message)
    laws = [
        {
            "name": None,
            "dom": left.source,
            "codom": words[left.edges[-1]] if left.target not in shape.tables else left.target,
            "paths": [list(left.edges), list(right.edges)],
        }
        for _, left, right in getattr(shape, "resolved", ())
    ]
    written = {
        "Ob": [{"name": table} for table in shape.tables],
        "Hom": hom,
        "List": many,
        "AttrType": [{"name": word} for word in dict.fromkeys(words.values())],
        "Attr": attr,
        "equations": laws,
    }
    if shape.side_data:
        held = shape.side_data.items()
        written["SideData"] = [{"name": name, "dom": table} for name, table in held]
    keys = [(table, key) for table, some in shape.keys.items() for key in some]
    if keys:
        written["Key"] = [{"dom": table, "arrows": list(key)} for table, key in keys]
    return written


def _type_word(name: str, types: Any, failures: Failures) -> str:
    if types is None:
        return "Any"
    words = {kind: word for word, kind in TYPES.items()}
    kinds = types if isinstance(types, tuple) else (types,)
    if not all(kind in words for kind in kinds):
        message = f"has type {types}, files know {', '.join(TYPES)}"
        failures.add("types", f"attribute {name!r}", message)
        return "Any"
    return "|".join(words[kind] for kind in kinds)


# ---------------------------------------------------------------- reading


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
    reader = _Rows(rows, shape, faults)
    parts = reader.read()
    if issubclass(kind, Graph):
        for table, names in reader.sets.items():
            if names.names is None and len(names):
                faults.add(f"table {table}", f"its rows need {NAME}, as in every {kind.__name__}")
    if faults.count > before:
        return None
    try:
        bare = Tables(shape, reader.sets, *parts, check=False)
    except CatlearnError as error:
        faults.add_error(error)
        return None
    shape = Schema.of(shape) if kind is CSet else shape
    return kind._build(shape, bare.sets, bare.arrows, bare.lists, bare.attributes)


def check_version(meta: dict[str, Any], faults: Faults) -> None:
    """Check that a document is of the version that is read here."""
    version = meta.get("version")
    if version != VERSION or isinstance(version, bool):
        message = f"is {shorten_repr(version)}, this catlearn reads version {VERSION}"
        faults.add(f"{META}, version", message)


def _read_meta(meta: Any, faults: Faults) -> tuple[type[Tables], Shape] | None:
    """Read the kind and the schema, and check that they belong together."""
    if not isinstance(meta, dict):
        faults.add(META, f"must be an object, found {shorten_repr(meta)}")
        return None
    before = faults.count
    for key in meta:
        if key not in ("version", "kind", "schema", "tensors"):
            faults.add(META, f"has the unknown field {shorten_repr(key)}")
    check_version(meta, faults)
    word = meta.get("kind")
    if not isinstance(word, str) or word not in KINDS:
        faults.add(f"{META}, kind", f"is {shorten_repr(word)}, known are {', '.join(KINDS)}")
    shape = read_shape(meta.get("schema"), faults)
    if faults.count > before or shape is None:
        return None
    kind = KINDS[str(word)]
    _check_kind(kind, str(word), shape, faults)
    if faults.count > before:
        return None
    # Diagrams are all on one schema, which is the package's own object.
    return kind, kind.shape if kind in (LearningDiagram, Graph, Hypergraph) else shape


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


def read_shape(data: Any, faults: Faults) -> Shape | None:
    """Read a schema in ACSets' form."""
    fields = ("Ob", "Hom", "List", "AttrType", "Attr", "equations", "SideData", "Key")
    if not isinstance(data, dict):
        faults.add("schema", f"must be an object, found {shorten_repr(data)}")
        return None
    before = faults.count
    for key in data:
        if key not in (*fields, "version"):
            faults.add("schema", f"has the unknown field {shorten_repr(key)}")
    lists = {key: data.get(key, []) for key in fields}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            faults.add(f"schema, {key}", "must be a list of objects")
    if faults.count > before:
        return None
    tables = [_text(entry, "name", f"Ob {k + 1}", faults) for k, entry in enumerate(lists["Ob"])]
    arrows, many, attributes = (
        _read_steps(lists[kind], kind, faults) for kind in ("Hom", "List", "Attr")
    )
    typed = {name: _read_type(name, *ends, faults) for name, ends in attributes.items()}
    pairs = zip(attributes, lists["Attr"], strict=False)
    orders = {name: _read_order(entry, faults) for name, entry in pairs}
    held = {
        _text(entry, "name", where, faults): _text(entry, "dom", where, faults)
        for k, entry in enumerate(lists["SideData"], 1)
        for where in [f"SideData {k}"]
    }
    keys: dict[str, list[list[str]]] = {}
    for k, entry in enumerate(lists["Key"], 1):
        named = entry.get("arrows")
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            faults.add(f"schema, Key {k}", "arrows must be a list of names of arrows")
            continue
        keys.setdefault(_text(entry, "dom", f"Key {k}", faults), []).append(named)
    for name in (*tables, *arrows, *many, *attributes, *held):
        if name.startswith("_"):
            faults.add("schema", f"{shorten_repr(name)} starts with an underscore")
    equations = [_read_equation(e, k, faults) for k, e in enumerate(lists["equations"], 1)]
    if faults.count > before:
        return None
    more: dict[str, Any] = {"side_data": held, "orders": orders, "keys": keys}
    try:
        if not equations and all(isinstance(one, str) for one in typed.values()):
            plain = {name: str(one) for name, one in typed.items()}
            return Shape(tables, arrows, many, plain, **more)
        return Schema(tables, arrows, many, typed, equations, **more)
    except CatlearnError as error:
        faults.add_error(error)
        return None


def _text(entry: Mapping[str, Any], key: str, where: str, faults: Faults) -> str:
    value = entry.get(key)
    if isinstance(value, str):
        return value
    faults.add(f"schema, {where}", f"{key} must be a text, found {shorten_repr(value)}")
    return ""


def _read_steps(entries: list[Any], kind: str, faults: Faults) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    for k, entry in enumerate(entries, 1):
        where = f"{kind} {k}"
        name, dom, codom = (_text(entry, key, where, faults) for key in ("name", "dom", "codom"))
        if name in out:
            faults.add(f"schema, {where}", f"{shorten_repr(name)} is there twice")
        out[name] = dom, codom
    return out


def _read_type(name: str, table: str, word: str, faults: Faults) -> Any:
    if word == "Any":
        return table
    words = word.split("|")
    if len(words) > len(TYPES) or not all(one in TYPES for one in words):
        message = f"has type {shorten_repr(word)}, known are Any, {', '.join(TYPES)}"
        faults.add(f"attribute {shorten_repr(name)}", message)
        return table
    kinds = tuple(TYPES[one] for one in words)
    return table, kinds[0] if len(kinds) == 1 else kinds


def _read_order(entry: Mapping[str, Any], faults: Faults) -> str:
    order = entry.get("order", DISCRETE.name)
    if isinstance(order, str) and order in ORDERS:
        return order
    message = f"has the order {shorten_repr(order)}, known are {', '.join(ORDERS)}"
    faults.add(f"attribute {shorten_repr(entry.get('name'))}", message)
    return DISCRETE.name


def _read_equation(entry: Mapping[str, Any], number: int, faults: Faults) -> tuple[Any, ...]:
    start = _text(entry, "dom", f"equation {number}", faults)
    paths = entry.get("paths")
    sides = paths if isinstance(paths, list) else []
    if len(sides) != 2 or not all(
        isinstance(side, list) and all(isinstance(step, str) for step in side) for side in sides
    ):
        faults.add(f"schema, equation {number}", "paths must be two lists of names of arrows")
        return ()
    # An empty side is the identity where the equation starts.
    return tuple(side or (Path.identity(start),) for side in sides)


class RowReader:
    """Rows of tables as they are read: names, arrows, lists and labels, and all that is wrong.

    Parameters
    ----------
    shape
        The schema.
    faults
        Where to note what is wrong.

    Attributes
    ----------
    places
        Of each table, what errors should call its rows.
    sets
        Of each table, its rows.

    Notes
    -----
    A subclass says what a cell is: ``cells(table, name)`` returns those of a column, ``row(cell,
    target)`` the number of the row that one stands for (-1 for none, which ``wanted`` explains),
    ``entries(cell)`` the list that it is, and ``label(cell, name)`` the label.
    """

    def __init__(self, shape: Shape, faults: Faults) -> None:
        self.shape, self.faults = shape, faults
        self.places: dict[str, list[str]] = {}
        self.sets: dict[str, FinSet] = {}

    def cells(self, table: str, name: str) -> Iterable[Any]:
        raise NotImplementedError

    def row(self, cell: Any, target: str) -> int:
        raise NotImplementedError

    def wanted(self, target: str) -> str:
        raise NotImplementedError

    def entries(self, cell: Any) -> Any:
        return cell

    def label(self, cell: Any, name: str) -> Any:
        return decode(cell)

    def read(self) -> tuple[dict[str, Any], ...]:
        """Return what the rows have in arrows, lists and attributes, with faults left out."""
        shape = self.shape
        return (
            {
                name: [self._row(cell, where, name, target) for where, cell in column]
                for name, (_, target), column in self._columns(shape.arrows)
            },
            {
                name: [self._rows(cell, where, name, target) for where, cell in column]
                for name, (_, target), column in self._columns(shape.lists)
            },
            {
                name: [self._label(cell, where, name) for where, cell in column]
                for name, _, column in self._columns(shape.attributes)
            },
        )

    def named(self, table: str, names: Iterable[Any]) -> FinSet:
        """Return the rows of a table by their names, which are texts, each of one row."""
        met: dict[str, str] = {}
        for where, name in zip(self.places[table], names, strict=True):
            if not isinstance(name, str):
                message = f"as other rows have names; found {shorten_repr(name)}"
                self.faults.add(where, f"{NAME} must be a text, {message}")
            elif name in met:
                self.faults.add(where, f"has the name {shorten(name)!r}, as {met[name]} has")
            else:
                met[name] = where
        return FinSet(met)

    def _columns(self, columns: Mapping[str, Any]) -> Iterator[tuple[str, Any, Iterable[Any]]]:
        """Yield names of columns, where they lead, and their cells with the places of these."""
        for name, ends in columns.items():
            table = ends if isinstance(ends, str) else ends[0]
            yield name, ends, zip(self.places[table], self.cells(table, name), strict=True)

    def _row(self, cell: Any, where: str, name: str, target: str) -> int:
        found = self.row(cell, target)
        if 0 <= found < len(self.sets[target]):
            return found
        message = f"{name} is {shorten_repr(cell)}, expected {self.wanted(target)}"
        self.faults.add(where, message, "dangling")
        return 0

    def _rows(self, cell: Any, where: str, name: str, target: str) -> list[int]:
        found = self.entries(cell)
        if isinstance(found, list):
            return [self._row(one, where, name, target) for one in found]
        message = f"{name} is {shorten_repr(cell)}, expected a list with for each entry "
        self.faults.add(where, message + self.wanted(target))
        return []

    def _label(self, cell: Any, where: str, name: str) -> Any:
        try:
            label = self.label(cell, name)
            hash(label)
        except (Unreadable, TypeError) as error:
            return self.faults.add(where, f"{name}: {error}", "labels")
        return label


class _Rows(RowReader):
    """The rows of all tables of a document."""

    def __init__(self, document: Mapping[str, Any], shape: Shape, faults: Faults) -> None:
        super().__init__(shape, faults)
        for key in document:
            if key not in shape.tables and document[key] != []:
                known = ", ".join(shape.tables)
                message = f"has the unknown table {shorten_repr(key)}; known are {known}"
                faults.add("document", message)
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for table in shape.tables:
            found = document.get(table)
            if not isinstance(found, list):
                problem = "is missing" if table not in document else "must be a list of rows"
                faults.add(f"table {table}", problem)
                found = []
            for k, row in enumerate(found, 1):
                if not isinstance(row, dict):
                    faults.add(f"{table} row {k}", f"must be an object, found {shorten_repr(row)}")
            self.rows[table] = rows = [row if isinstance(row, dict) else {} for row in found]
            self.places[table] = [
                f"{table} row {k}" + (f" ({shorten(x)!r})" if isinstance(x, str) else "")
                for k, x in enumerate(self.cells(table, NAME), 1)
            ]
            self._check_numbers(table)
            named = any(NAME in row for row in rows)
            self.sets[table] = (
                self.named(table, self.cells(table, NAME)) if named else FinSet(len(rows))
            )
        self._check_fields()

    def cells(self, table: str, name: str) -> Iterable[Any]:
        return [row.get(name) for row in self.rows[table]]

    def row(self, cell: Any, target: str) -> int:
        return cell - 1 if type(cell) is int else -1

    def wanted(self, target: str) -> str:
        return f"the {ID} of one of {len(self.rows[target])} rows of {target}"

    def _check_numbers(self, table: str) -> None:
        """Note ids that are not 1, 2, ... in order."""
        for k, (where, number) in enumerate(
            zip(self.places[table], self.cells(table, ID), strict=True), 1
        ):
            if type(number) is not int or number != k:
                self.faults.add(where, f"{ID} must be {k}, found {shorten_repr(number)}")

    def _check_fields(self) -> None:
        """Note fields that the schema does not have, and attributes that are missing."""
        shape = self.shape
        for table, rows in self.rows.items():
            steps = {name for name, (source, _) in shape.steps().items() if source == table}
            own = [name for name, home in shape.attributes.items() if home == table]
            known = {*steps, *own, ID, NAME}
            for row, where in zip(rows, self.places[table], strict=True):
                for key in row:
                    if key not in known:
                        self.faults.add(where, f"has the unknown field {shorten_repr(key)}")
                for key in own:
                    if row and key not in row:
                        self.faults.add(where, f"has no {key}; write null where it is absent")


# ---------------------------------------------------------------- py-acsets


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep py-acsets' warnings about pydantic's old interface from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def to_acset(tables: Tables, name: str = "ACSet") -> acsets.ACSet:
    """Return tables as an ``acsets.ACSet``.

    Parameters
    ----------
    tables
        A C-set, or other tables without list-valued arrows. Attributes have a type (``str``,
        ``int``, ``float``, ``bool``) or labels of one such type; absent labels stay absent.
    name
        What to call the schema.

    Raises
    ------
    InvalidStructure
        Listing everything that py-acsets has no place for.
    """
    shape = Schema.of(tables.shape)
    failures = Failures(
        Failure("acsets", f"list {one!r}", "has no place in py-acsets") for one in shape.lists
    )
    if shape.equations:
        texts = ", ".join(map(str, shape.equations))
        failures.add("acsets", "schema", f"py-acsets has no equations: {texts}")
    lost = [("the order of", name) for name in shape.orders]
    lost += [("the keys of", table) for table, keys in shape.keys.items() if keys]
    lost += [("side data", name) for name, held in tables.side_data.items() if held]
    failures += [
        Failure("acsets", f"{what} {name!r}", "has no place in py-acsets") for what, name in lost
    ]
    types: dict[str, type] = {}
    for attribute in shape.attributes:
        labels = {type(one) for one in tables.attributes[attribute] if one is not None}
        declared = shape.types.get(attribute)
        found = {declared} if isinstance(declared, type) else labels or {str}
        if len(found) == 1 and found <= set(TYPES.values()):
            types[attribute] = found.pop()
            continue
        words = ", ".join(sorted(getattr(kind, "__name__", str(kind)) for kind in found))
        message = f"has labels of type {words}; py-acsets wants one of {', '.join(TYPES)}"
        failures.add("acsets", f"attribute {attribute!r}", message)
    refuse("ACSet", failures)
    with _quiet():
        import acsets

        objects = {table: acsets.Ob(name=table) for table in shape.tables}
        homs = {f: acsets.Hom(name=f, dom=s, codom=t) for f, (s, t) in shape.arrows.items()}
        kinds = {t.__name__: acsets.AttrType(name=t.__name__, ty=t) for t in types.values()}
        attributes = {
            f: acsets.Attr(name=f, dom=table, codom=types[f].__name__)
            for f, table in shape.attributes.items()
        }
        schema = acsets.Schema(
            name,
            obs=list(objects.values()),
            homs=list(homs.values()),
            attrtypes=list(kinds.values()),
            attrs=list(attributes.values()),
        )
        acset = acsets.ACSet(name, schema)
        for table, ob in objects.items():
            acset.add_parts(ob, tables.size(table))
        for f, hom in homs.items():
            for row, value in enumerate(tables.arrows[f].values.tolist()):
                acset.set_subpart(row, hom, value)
        for f, attribute in attributes.items():
            for row, label in enumerate(tables.attributes[f]):
                if label is not None:
                    acset.set_subpart(row, attribute, label)
    return acset


def from_acset(acset: acsets.ACSet) -> CSet:
    """Return an ``acsets.ACSet`` as a C-set.

    Raises
    ------
    FileFormatError
        Listing every row without a value for an arrow, and whatever else is no C-set.
    """
    schema, faults = acset.schema, Faults("ACSet")
    kinds = {one.name: one.ty for one in schema.attrtypes}
    parts: dict[str, Any] = {ob.name: acset.nparts(ob) for ob in schema.obs}
    objects = {ob.name: ob for ob in schema.obs}
    for hom in schema.homs:
        rows = acset.parts(objects[hom.dom])
        gaps = [row for row in rows if not acset.has_subpart(row, hom)]
        for row in gaps:
            message = f"has no {hom.name}; set it with set_subpart"
            faults.add(f"{hom.dom} row {row}", message, "totality")
        if not gaps:
            parts[hom.name] = [acset.subpart(row, hom) for row in rows]
    for attribute in schema.attrs:
        parts[attribute.name] = [
            acset.subpart(row, attribute) if acset.has_subpart(row, attribute) else None
            for row in acset.parts(objects[attribute.dom])
        ]
    faults.check()
    with faults.collecting("ACSet"):
        read = Schema(
            [ob.name for ob in schema.obs],
            {hom.name: (hom.dom, hom.codom) for hom in schema.homs},
            attributes={one.name: (one.dom, kinds[one.codom]) for one in schema.attrs},
        )
        return CSet(read, parts)
