"""py-acsets: C-sets as objects of the ``acsets`` package, both ways.

The two have the same JSON, so a C-set goes there and back through it. What py-acsets does not
have is refused (list-valued arrows, equations) or left out (names of rows). The package is not
needed until one of these is called.

>>> from catlearn.cset import CSet, Schema
>>> arrows = {"src": ("E", "V"), "tgt": ("E", "V")}
>>> schema = Schema(["V", "E"], arrows, attributes={"w": ("E", float)})
>>> G = CSet(schema, V=2, E=1, src=[0], tgt=[1], w=[0.5])
>>> acset = to_acset(G)
>>> acset.nparts(acset.schema.obs[0])
2
>>> from_acset(acset) == G
True
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from catlearn.cset import CSet, Schema
from catlearn.errors import CatlearnError, Failure, FileFormatError, InvalidStructure
from catlearn.finset import Tables

if TYPE_CHECKING:
    import acsets

_TYPES = (str, int, float, bool)


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
    failures = [
        Failure("acsets", f"list {one!r}", "has no place in py-acsets") for one in shape.lists
    ]
    if shape.equations:
        texts = ", ".join(map(str, shape.equations))
        failures.append(Failure("acsets", "schema", f"py-acsets has no equations: {texts}"))
    types: dict[str, type] = {}
    for attribute in shape.attributes:
        labels = {type(one) for one in tables.attributes[attribute] if one is not None}
        declared = shape.types.get(attribute)
        found = {declared} if isinstance(declared, type) else labels or {str}
        if len(found) == 1 and found <= set(_TYPES):
            types[attribute] = found.pop()
            continue
        known = ", ".join(kind.__name__ for kind in _TYPES)
        words = ", ".join(sorted(getattr(kind, "__name__", str(kind)) for kind in found))
        message = f"has labels of type {words}; py-acsets wants one of {known}"
        failures.append(Failure("acsets", f"attribute {attribute!r}", message))
    if failures:
        raise InvalidStructure("ACSet", failures)
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
    schema = acset.schema
    kinds = {one.name: one.ty for one in schema.attrtypes}
    failures: list[Failure] = []
    parts: dict[str, Any] = {ob.name: acset.nparts(ob) for ob in schema.obs}
    objects = {ob.name: ob for ob in schema.obs}
    for hom in schema.homs:
        rows = acset.parts(objects[hom.dom])
        gaps = [row for row in rows if not acset.has_subpart(row, hom)]
        for row in gaps:
            message = f"has no {hom.name}; set it with set_subpart"
            failures.append(Failure("totality", f"{hom.dom} row {row}", message))
        if not gaps:
            parts[hom.name] = [acset.subpart(row, hom) for row in rows]
    for attribute in schema.attrs:
        parts[attribute.name] = [
            acset.subpart(row, attribute) if acset.has_subpart(row, attribute) else None
            for row in acset.parts(objects[attribute.dom])
        ]
    if failures:
        raise FileFormatError("ACSet", failures)
    try:
        read = Schema(
            [ob.name for ob in schema.obs],
            {hom.name: (hom.dom, hom.codom) for hom in schema.homs},
            attributes={one.name: (one.dom, kinds[one.codom]) for one in schema.attrs},
        )
        return CSet(read, parts)
    except CatlearnError as error:
        found = getattr(error, "failures", None) or [Failure("format", "ACSet", str(error))]
        raise FileFormatError("ACSet", found) from error
