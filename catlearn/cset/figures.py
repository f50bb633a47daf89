"""The representables of a schema together, and how arrows act between them.

The rows at c of an exponential or of the subobject classifier are structures on the
representable of c, and an arrow c -> d acts on them along the morphism of representables
Hom(d, -) -> Hom(c, -) that puts it before each arrow out of d.

>>> from catlearn.cset import SchGraph
>>> figures = Figures(SchGraph, "exponentials")
>>> {table: rows.tolist() for table, rows in figures.before("tgt").items()}
{'V': [1], 'E': []}
"""

from __future__ import annotations

import numpy as np

from catlearn.cset.representables import actions_from, representable
from catlearn.cset.schema import Schema
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import Shape, Tables

Blocks = dict[str, np.ndarray]
"""Table -> an array with a row for each arrow into it from one table."""


class Figures:
    """All representables of a schema.

    Parameters
    ----------
    schema
        A schema of plain arrows, whose category has finitely many arrows.
    what
        What they are needed for, as messages should say it.

    Raises
    ------
    InvalidStructure
        If the schema has lists or attributes.
    TooLarge
        If the category is infinite.
    """

    def __init__(self, schema: Shape, what: str) -> None:
        self.schema = schema = Schema.of(schema)
        failures = [
            Failure("schema", f"{kind} {name!r}", f"{what} need a schema of plain arrows only")
            for kind, names in (("list", schema.lists), ("attribute", schema.attributes))
            for name in names
        ]
        if failures:
            raise InvalidStructure("schema", failures)
        self.of = {table: representable(schema, table) for table in schema.tables}

    def actions(self, table: str, X: Tables) -> Blocks:
        """Return where the arrows out of a table send the rows of a C-set.

        Returns
        -------
        dict
            Table d -> int64 array; entry (a, x) is the row at d to which the arrow with number a
            among those to d sends row x.
        """
        sets = self.of[table].sets
        found = {d: np.zeros((one.size, X.size(table)), np.int64) for d, one in sets.items()}
        for (d, number), rows in actions_from(self.of[table], table, X).items():
            found[d][number] = rows
        return found

    def before(self, name: str) -> Blocks:
        """Return the morphism of representables that an arrow gives, by values."""
        source, target = self.schema.arrows[name]
        whole = self.of[source]
        # The first row is the identity.
        row = int(whole.arrows[name].values[0])
        return {d: block[:, row] for d, block in self.actions(target, whole).items()}
