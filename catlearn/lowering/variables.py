"""Variables of edges: where they start, and how the parts in which they are kept fit together.

An architecture says which of its variables are trained, which are held and which calls change;
they are kept apart, by edge, in ``params``, ``state["frozen"]`` and ``state["mutable"]``. A moving
average is changed as a whole. The edges of a class (:mod:`catlearn.lowering.stacking`) are drawn
as one, each with the key that it would have by itself.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import Failure
from catlearn.lowering.stacked import Stacked

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered
    from catlearn.models import AnySpace


def start_of(fn: Lowered, key: jax.Array) -> tuple[Any, Any, Any]:
    """Return what training moves, what it holds and what calls change, where they start.

    Parameters
    ----------
    fn
        The lowered loss.
    key
        The key that the name of each edge is folded into.
    """
    diagram = fn.diagram
    found: dict[str, dict[tuple[str, ...], Any]] = {"params": {}, "frozen": {}, "mutable": {}}
    alone = {edge: (edge,) for edge in (*fn.trainable, *fn.frozen)}
    together = {edge: group for group in fn.storage.edges for edge in group}
    for edges in dict.fromkeys({**alone, **together}.values()):
        if edges[0] not in alone:
            continue
        followed = diagram.averages.get(edges[0])
        given = followed is None or edges[0] in diagram.starts
        start = _start(fn, edges if given else [diagram.averages[e][0] for e in edges], key)
        if edges[0] in fn.trainable:
            parts = fn.architecture(edges[0]).parts(start)
        else:
            parts = (None, start, None) if followed is None else (None, None, start)
        for name, part in zip(found, parts, strict=True):
            if jax.tree.leaves(part) or (name == "params" and edges[0] in fn.trainable):
                found[name][edges] = part
    params, frozen, mutable = (fn.storage.by_group(part, alone) for part in found.values())
    return params, frozen, mutable


def unbound_failures(fn: Lowered) -> list[Failure]:
    """List the edges whose architecture a file named and could not contain."""
    return [
        Failure(
            "unbound",
            f"edge '{edge}'",
            f"has {fn.architecture(edge)}, which names what a file cannot contain; "
            f"fill it in with diagram.bind({{'{edge}': ...}})",
        )
        for edge in dict.fromkeys((*fn.plan.edges, *fn.trainable, *fn.frozen))
        if not fn.architecture(edge).bound
    ]


def ends_of(fn: Lowered, edge: str) -> tuple[AnySpace, AnySpace]:
    """Return the labels of the spaces between which an edge lies."""
    diagram = fn.diagram
    source, target = diagram.source(edge), diagram.target(edge)
    return diagram.space_label(source), diagram.space_label(target)


def part_of(values: Stacked, edges: Sequence[str]) -> Any:
    """Return what one part has of edges, stacked if there are several; None if it has nothing."""
    return values.gather(edges) if edges[0] in values else None


def owners_of(fn: Lowered, edges: Sequence[str]) -> Sequence[str]:
    """Return the edges whose variables a class has: one for each of its members, or one for all."""
    owners = [fn.diagram.owner(edge) for edge in edges]
    return owners if len(set(owners)) > 1 else owners[:1]


def combined(*parts: Any) -> Any:
    """Return the variables of an edge from its parts, of which some may be missing."""
    return functools.reduce(_combine, parts)


def _combine(tree: Any, rest: Any) -> Any:
    if rest is None:
        return tree
    if tree is None:
        return rest
    return jax.tree.map(
        lambda leaf, other: other if leaf is None else leaf, tree, rest, is_leaf=lambda x: x is None
    )


def _start(fn: Lowered, edges: Sequence[str], key: jax.Array) -> Any:
    """Return the variables that edges of one class start from, stacked if there are more."""
    given = [fn.diagram.starts.get(edge) for edge in edges]
    folded = [stable_hash(edge) for edge in edges]
    first, *others = edges
    draw = functools.partial(_draw, fn, first)
    if not others:
        if given[0] is None:
            given[0] = draw(jax.random.fold_in(key, folded[0]))
        return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), given[0])
    if given[0] is not None:
        return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *given)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.array(folded, "uint32"))
    try:
        return jax.vmap(draw)(keys)
    except Exception:
        # A function that JAX cannot trace draws for one edge after the other.
        drawn = [draw(each) for each in keys]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)


def _draw(fn: Lowered, edge: str, key: jax.Array) -> Any:
    return fn.architecture(edge).init(key, *ends_of(fn, edge))


def stable_hash(text: str) -> int:
    """Return 32 bits that depend on the text alone, in every process.

    CRC-32 tells apart any two texts that differ in at most four adjacent bytes, as numbered
    names do.

    Examples
    --------
    >>> hex(stable_hash("123456789"))
    '0xcbf43926'
    """
    return zlib.crc32(text.encode())
