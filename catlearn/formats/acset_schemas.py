"""Schemas in ACSets' own form: ``Ob``, ``Hom``, ``AttrType``, ``Attr``, ``equations``.

Beyond that form there is ``List``, for list-valued arrows.

Law: reading what was written gives an equal shape.

>>> from catlearn.finset import Shape
>>> from catlearn.formats.acset_schemas import read_shape, write_shape
>>> from catlearn.formats.faults import Faults
>>> shape = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
>>> read_shape(write_shape(shape, []), Faults("a file")) == shape
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.category import Path
from catlearn.cset import Schema
from catlearn.errors import CatlearnError, Failure
from catlearn.files import shorten
from catlearn.finset import Shape
from catlearn.formats.faults import Faults, encoded

_TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def write_shape(shape: Shape, failures: list[Failure]) -> dict[str, Any]:
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
        encoded(name, "a name of the schema", failures)
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


def read_shape(data: Any, faults: Faults) -> Shape | None:
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
        faults.add_error(error)
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
