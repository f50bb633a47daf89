"""Morphisms of tables: a function for each table, natural for arrows and lists.

Laws: for an arrow a : S -> T, ``f_S >> a' == a >> f_T``; for a list l, ``f_S >> l' ==
l.map(f_T)``; for an attribute, ``attr <= f_S >> attr'`` in its order, which is equality unless the
shape names another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.display import Displayed, brief
from catlearn.errors import Failure, InvalidStructure, NotComposable
from catlearn.finset.functions import FinFunction, read_values
from catlearn.finset.gluing import TABLES, differing_rows, shared_codes
from catlearn.finset.universal import coproduct
from catlearn.finset.value import SHOWN, Frozen, Record, common_class
from catlearn.tensors import same_values

if TYPE_CHECKING:
    from catlearn.finset.tables import Tables


class TableMorphism(Frozen, Displayed):
    """A function for each table, natural for arrows and lists, that keeps or raises labels.

    Parameters
    ----------
    domain, codomain
        Tables of one shape.
    components
        Table -> values: rows of the codomain by number or name, or a mapping from row names.
    check
        Whether to look for broken laws. What cannot be read is refused in any case.

    Raises
    ------
    InvalidStructure
        Listing every broken square, by row.
    """

    ambient = TABLES
    domain: Any
    codomain: Any
    components: Record[str, FinFunction]

    def __init__(
        self,
        domain: Tables,
        codomain: Tables,
        components: Mapping[str, Any] | None = None,
        *,
        check: bool = True,
    ) -> None:
        problems = []
        if domain.shape != codomain.shape:
            message = f"{domain.shape!r} is not {codomain.shape!r}"
            problems.append(Failure("shape", "domain and codomain", message))
            raise InvalidStructure(type(self).__name__, problems)
        given, functions = dict(components or {}), {}
        for table in given:
            if table not in domain.sets:
                message = f"is not one of {list(domain.sets)}"
                problems.append(Failure("shape", f"table {table!r}", message))
        for table, source in domain.sets.items():
            target = codomain.sets[table]
            values, found = read_values(given.get(table, ()), target, source)
            functions[table] = FinFunction._of(np.array(values), source, target)
            where = f"component {table!r}"
            found = found or [failure.message for failure in functions[table].failures()]
            problems += [Failure("function", where, message) for message in found]
        self._set(domain=domain, codomain=codomain, components=Record(functions))
        problems = problems or (self.failures() if check else [])
        if problems:
            raise InvalidStructure(type(self).__name__, problems)

    @classmethod
    def _build(
        cls, domain: Tables, codomain: Tables, components: Mapping[str, FinFunction]
    ) -> TableMorphism:
        """Make an instance of already valid parts."""
        made = object.__new__(cls)
        made._set(domain=domain, codomain=codomain, components=Record(components))
        return made

    @classmethod
    def identity(cls, of: Tables) -> TableMorphism:
        """Return the identity morphism of tables."""
        return TABLES.identity(of)

    def failures(self) -> list[Failure]:
        """List every broken square: arrows, lists entry by entry, and attributes."""
        failures: list[Failure] = []
        one, other, parts = self.domain, self.codomain, self.components
        for name, (source, target) in one.shape.steps().items():
            over, under = parts[source] >> other.step(name), one.step(name).map(parts[target])
            bad, labels = differing_rows(over, under), other.sets[target].labels
            pairs = [(labels(over.row(k)), labels(under.row(k))) for k in bad[:SHOWN].tolist()]
            failures += self._broken(source, name, bad, pairs)
        for name, table in one.shape.attributes.items():
            here, image, labels = self._labels(name)
            bad = np.flatnonzero(~one.shape.order(name).fit(here, image, labels))
            shown = np.stack([image, here])[:, bad[:SHOWN]].T.tolist()
            pairs = [(labels[there], labels[mine]) for there, mine in shown]
            failures += self._broken(table, name, bad, pairs)
        return failures

    @property
    def is_isomorphism(self) -> bool:
        """Whether it is bijective at every table, with equal labels of rows and their images."""
        bijective = all(part.is_bijective for part in self.components.values())
        raised = (self._labels(name)[:2] for name in self.domain.shape.orders)
        return bijective and all(np.array_equal(*codes) for codes in raised)

    def _labels(self, attribute: str) -> tuple[np.ndarray, np.ndarray, Sequence[Any]]:
        """Return, as codes, the labels of rows and those of their images; and the labels."""
        ends, home = (self.domain, self.codomain), self.domain.shape.attributes[attribute]
        mentions_rows = self.domain.shape.order(attribute).carry is not None
        same = TABLES.identity(self.codomain).components if mentions_rows else {}
        (here, there), labels = shared_codes(ends, attribute, [self.components, same])
        return here, there[self.components[home].values], labels

    def _broken(
        self, table: str, name: str, bad: np.ndarray, pairs: Iterable[tuple[Any, Any]]
    ) -> list[Failure]:
        """Word the squares of one arrow, list or attribute that break, with both ways round."""
        law, label = f"naturality of {name}", self.domain.sets[table].label
        way = "its" if name in self.domain.attributes else "the image of its"
        failures = []
        for k, pair in zip(bad.tolist(), pairs, strict=False):
            a, b = (repr(ends[0] if name in self.domain.arrows else ends) for ends in pair)
            message = f"{name} of its image is {a}, {way} {name} is {b}"
            failures.append(Failure(law, f"{table} {label(k)!r}", message))
        if bad.size > SHOWN:
            failures.append(Failure(law, table, f"{bad.size - SHOWN} more rows"))
        return failures

    def held_apart(self) -> Iterator[tuple[str, int]]:
        """Yield the rows that hold other side data than their images, each with the name of it.

        A morphism may do so, since side data are not seen by naturality; legs of limits and
        colimits and inclusions of parts never do.

        Examples
        --------
        >>> from catlearn.finset import Shape, Tables
        >>> shape = Shape(["V"], side_data={"data": "V"})
        >>> one, other = (Tables(shape, {"V": 1}, side_data={"data": [n]}) for n in (3, 0))
        >>> list(TableMorphism(one, other, {"V": [0]}).held_apart())
        [('data', 0)]
        """
        for name, table in self.domain.shape.side_data.items():
            there, part = self.codomain.side_data[name], self.components[table].values
            for row, value in self.domain.side_data[name].items():
                image = int(part[row])
                if image in there and not same_values(value, there[image]):
                    yield name, row

    def __rshift__(self, other: TableMorphism) -> TableMorphism:
        """Compose: first this morphism, then the other."""
        if not isinstance(other, TableMorphism):
            return NotImplemented
        why = self.codomain.mismatch(other.domain)
        if why:
            message = f"the codomain of the one is not the domain of the other: {why}"
            raise NotComposable("f >> g", [Failure("composition", "f", message)])
        parts = {table: f >> other.components[table] for table, f in self.components.items()}
        kind = common_class([self, other], TableMorphism)
        return kind._build(self.domain, other.codomain, parts)

    def __add__(self, other: TableMorphism) -> TableMorphism:
        """Return the disjoint union of two morphisms."""
        above = coproduct(self.domain, other.domain)
        left, right = coproduct(self.codomain, other.codomain)
        return above.universal(self >> left, other >> right)

    def is_injective(self, table: str) -> bool:
        """Whether no two rows of a table have the same image."""
        return self.components[table].is_injective

    @property
    def is_monic(self) -> bool:
        """Whether the morphism is injective on every table."""
        return all(f.is_injective for f in self.components.values())

    def image_rows(self, table: str) -> np.ndarray:
        """Return the rows of the codomain that are images, increasing."""
        return self.components[table].image().values

    def __call__(self, table: str, row: int | str) -> int:
        """Return the image of one row."""
        return self.components[table](row)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, TableMorphism):
            return NotImplemented
        ends = self.domain == other.domain and self.codomain == other.codomain
        return ends and self.components == other.components

    def __hash__(self) -> int:
        return hash((self.domain, self.codomain, self.components))

    def __repr__(self) -> str:
        parts = ", ".join(f"{t!r}: {brief(f.values.tolist())}" for t, f in self.components.items())
        return f"{type(self).__name__}({self.domain!r}, {self.codomain!r}, {{{parts}}})"

    def __str__(self) -> str:
        return "\n".join(f"{table}: {f}" for table, f in self.components.items())
