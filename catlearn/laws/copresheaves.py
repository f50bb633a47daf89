r"""The laws of C-sets and of their morphisms, row by row.

A C-set is a functor from the category that its schema presents to finite sets; a morphism is a
natural transformation, which commutes with list-valued arrows entry by entry and preserves
attributes (Patterson, Lynch, Fairbanks, arXiv 2106.04703).

>>> from catlearn.cset import CSet, CSetMorphism, SchGraph
>>> from catlearn.laws import check
>>> arrow = CSet(SchGraph, V=["a", "b"], E=["e"], src=[0], tgt=[1])
>>> report = check(CSetMorphism(arrow, arrow, V=[0, 0], E=[0], check=False))
>>> print(report.failures[0])
naturality fails
  a = tgt
  x = e
  expected φ(tgt(x)) = tgt(φ(x))
  left side:  a
  right side: b
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from catlearn.category import Path
from catlearn.cset import Schema
from catlearn.finset import FinFunction, TableMorphism, Tables
from catlearn.laws.arrows import strategy_of
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch
from catlearn.laws.presented import paths


@dataclass(frozen=True)
class Row:
    """A row of a table, to be read: its number and its label."""

    number: int
    label: str

    def __str__(self) -> str:
        return self.label


def _along(X: Tables, path: Path, row: int) -> int:
    for arrow in path.edges:
        row = int(X.arrows[arrow].values[row])
    return row


def _label(X: Tables, table: str, row: int) -> str:
    return X.sets[table].label(row) if 0 <= row < X.size(table) else f"{row}, which is no row"


def _values(X: Tables, arrow: str, x: Row) -> Comparison:
    target = X.shape.arrows[arrow][1]
    value = int(X.arrows[arrow].values[x.number])
    inside = 0 <= value < X.size(target)
    return Comparison(_label(X, target, value), target, inside, f"{arrow}(x)", "its table", "∈")


def _composites(X: Tables, p: Path, q: Path) -> Comparison:
    def function(path: Path) -> FinFunction:
        along = getattr(X, "along", None)
        if along is not None:
            return along(path)
        rows = [_along(X, path, row) for row in range(X.size(path.source))]
        return FinFunction(rows, X.sets[path.source], X.sets[path.target])

    whole, first, then = function(p >> q), function(p), function(q)
    picture = sketch(
        {"X(A)": first.domain, "X(B)": first.codomain, "X(C)": then.codomain},
        {
            "X(p;q)": ("X(A)", "X(C)", whole),
            "X(p)": ("X(A)", "X(B)", first),
            "X(q)": ("X(B)", "X(C)", then),
        },
        "functoriality",
        ["X(p;q)"],
        ["X(p)", "X(q)"],
    )
    return compare(whole, first >> then, "X(p >> q)", "X(p) >> X(q)", diagram=picture)


def _equation(X: Tables, q: int, x: Row) -> Comparison:
    _, left, right = Schema.of(X.shape).laws[q]
    over, under = (_label(X, side.target, _along(X, side, x.number)) for side in (left, right))
    graph = Schema.of(X.shape).graph
    used = dict.fromkeys((*left.edges, *right.edges))
    arrows = {edge: (graph.source(edge), graph.target(edge), edge) for edge in used}
    corners = dict.fromkeys((left.source, *(v for s, t, _ in arrows.values() for v in (s, t))))
    picture = sketch({v: v for v in corners}, arrows, "equation", left.edges, right.edges)
    return compare(over, under, f"x along {left}", f"x along {right}", diagram=picture)


def _rows(X: Tables, table: str) -> st.SearchStrategy[Row]:
    return strategy_of([Row(k, label) for k, label in enumerate(X.sets[table].labels())])  # type: ignore


def _cset_sorts(X: Tables, given: Mapping[str, Any]) -> dict[str, Any]:
    schema = Schema.of(X.shape)
    laws = range(len(schema.laws))
    return {
        "arrow": lambda: strategy_of(tuple(schema.arrows)),
        "row of the source of _": lambda a: _rows(X, schema.arrows[a][0]),
        "path": lambda: paths(schema.graph) if schema.tables else st.nothing(),
        "path after _": lambda p: paths(schema.graph, source=p.target),
        "equation": lambda: strategy_of(laws),
        "row where _ starts": lambda q: _rows(X, schema.laws[q][1].source),
    }


cset = Spec(
    "C-set",
    (
        Law(
            "functions",
            r"X_a : X_S \to X_T",
            {"a": "arrow", "x": "row of the source of a"},
            lambda X, a, x: _values(X, a, x),
            lambda X: any(X.size(source) for source, _ in X.shape.arrows.values()),
        ),
        Law(
            "functoriality",
            r"X_{p ; q} = X_p ; X_q",
            {"p": "path", "q": "path after p"},
            _composites,
        ),
        Law(
            "equations",
            r"p \sim q \Rightarrow X_p = X_q",
            {"q": "equation", "x": "row where q starts"},
            lambda X, q, x: _equation(X, q, x),
            lambda X: any(X.size(left.source) for _, left, _ in Schema.of(X.shape).laws),
        ),
    ),
    _cset_sorts,
    {},
    lambda structure: isinstance(structure, Tables),
    "Patterson, Lynch, Fairbanks, arXiv 2106.04703",
)
"""The laws of a C-set (any :class:`~catlearn.finset.Tables`): a functor to finite sets."""


# ---------------------------------------------------------------- morphisms


def _image(phi: Any, table: str, row: int) -> int:
    return int(phi.components[table].values[row])


def _natural(phi: Any, a: str, x: Row) -> Comparison:
    X, Y = phi.domain, phi.codomain
    source, target = X.shape.arrows[a]
    over = _image(phi, target, int(X.arrows[a].values[x.number]))
    under = int(Y.arrows[a].values[_image(phi, source, x.number)])
    picture = sketch(
        {
            "X(S)": X.sets[source],
            "X(T)": X.sets[target],
            "Y(S)": Y.sets[source],
            "Y(T)": Y.sets[target],
        },
        {
            f"X({a})": ("X(S)", "X(T)", X.arrows[a]),
            "φ(S)": ("X(S)", "Y(S)", phi.components[source]),
            "φ(T)": ("X(T)", "Y(T)", phi.components[target]),
            f"Y({a})": ("Y(S)", "Y(T)", Y.arrows[a]),
        },
        "naturality",
        [f"X({a})", "φ(T)"],
        ["φ(S)", f"Y({a})"],
    )
    lhs, rhs = _label(Y, target, over), _label(Y, target, under)
    return compare(lhs, rhs, f"φ({a}(x))", f"{a}(φ(x))", diagram=picture)


def _natural_list(phi: Any, a: str, x: Row) -> Comparison:
    X, Y = phi.domain, phi.codomain
    source, target = X.shape.lists[a]
    over = [_image(phi, target, int(row)) for row in X.lists[a].row(x.number)]
    under = [int(row) for row in Y.lists[a].row(_image(phi, source, x.number))]
    lhs, rhs = ([_label(Y, target, row) for row in side] for side in (over, under))
    return compare(lhs, rhs, f"φ({a}(x))", f"{a}(φ(x))")


def _preserves(phi: Any, a: str, x: Row) -> Comparison:
    table = phi.domain.shape.attributes[a]
    here = phi.domain.attributes[a][x.number]
    there = phi.codomain.attributes[a][_image(phi, table, x.number)]
    return compare(there, here, f"{a}(φ(x))", f"{a}(x)")


def _morphism_sorts(phi: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    X = phi.domain
    shape = X.shape
    return {
        **_cset_sorts(X, given),
        "list-valued arrow": lambda: strategy_of(tuple(shape.lists)),
        "row of the source of the list _": lambda a: _rows(X, shape.lists[a][0]),
        "attribute": lambda: strategy_of(tuple(shape.attributes)),
        "row with the attribute _": lambda a: _rows(X, shape.attributes[a]),
    }


def _has_rows(ends: Any) -> Any:
    return lambda phi: any(phi.domain.size(table) for table in ends(phi.domain.shape))


cset_morphism = Spec(
    "C-set morphism",
    (
        Law(
            "naturality",
            r"\varphi_T(a(x)) = a(\varphi_S(x))",
            {"a": "arrow", "x": "row of the source of a"},
            _natural,
            _has_rows(lambda shape: [source for source, _ in shape.arrows.values()]),
        ),
        Law(
            "naturality of lists",
            r"\varphi_T(a(x)_i) = a(\varphi_S(x))_i",
            {"a": "list-valued arrow", "x": "row of the source of the list a"},
            _natural_list,
            _has_rows(lambda shape: [source for source, _ in shape.lists.values()]),
        ),
        Law(
            "attributes",
            r"a(\varphi(x)) = a(x)",
            {"a": "attribute", "x": "row with the attribute a"},
            _preserves,
            _has_rows(lambda shape: shape.attributes.values()),
        ),
    ),
    _morphism_sorts,
    {},
    lambda structure: isinstance(structure, TableMorphism),
    "Patterson, Lynch, Fairbanks, arXiv 2106.04703",
)
"""The laws of a morphism of C-sets (any :class:`~catlearn.finset.TableMorphism`)."""
