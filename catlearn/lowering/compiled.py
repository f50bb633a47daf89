r"""The memory of a compiled program, as its compiler counts it and with what it leaves out.

On a processor XLA hands some subgraphs to a library (fusions of the kind ``__ynn_fusion``) and
counts nothing of what is formed inside of them. One array at least is: a contraction reads a whole
matrix, so that where an operand of a contraction is computed from another contraction of the same
fusion, one matrix of that operand is formed, for one index of the batch axes. Arrays that are only
reduced are not counted: the library computes them by tiles. That operands are formed, and others
are not, was found by measuring resident memory with JAX 0.10 and 0.12, on one core and on two: it
was observed, and no compiler promises it. A program may take more than is counted here.
"""

from __future__ import annotations

import math
import re
from typing import Any

_CALL = re.compile(r'calls=%([\w.-]+),.*"__ynn_fusion"')
_COMPUTATION = re.compile(r"^%([\w.-]+) \(.*?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INSTRUCTION = re.compile(
    r"\s+(?:ROOT )?%([\w.-]+) = ([a-z]+)(\d*)\w*\[([\d,]*)\]\S* ([\w-]+)\(([^)]*)\)(.*)"
)


def temporary_memory(compiled: Any) -> int | None:
    """Return how many bytes of temporary memory a compiled JAX function takes, as far as is known.

    Parameters
    ----------
    compiled
        What ``jax.jit(fn).lower(*arrays).compile()`` returns.

    Returns
    -------
    int or None
        What the compiler counts, and the largest matrix that was observed to be formed inside of
        one call of a library; it may take more. None where the compiler counts no memory.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> temporary_memory(jax.jit(jnp.sin).lower(jnp.zeros(4)).compile())
    0
    """
    found = compiled.memory_analysis()
    if found is None:
        return None
    text = compiled.as_text() or ""
    called = set(_CALL.findall(text))
    bodies = (body for name, body in _COMPUTATION.findall(text) if name in called)
    return int(found.temp_size_in_bytes) + max(map(_formed, bodies), default=0)


def _formed(body: str) -> int:
    """Return the bytes of the largest matrix that one contraction of a body hands to another."""
    most = 0
    later: dict[str, tuple[int, list[int]]] = {}
    for line in body.splitlines():
        if (found := _INSTRUCTION.match(line)) is None:
            continue
        name, _, bits, sizes, operation, given, rest = found.groups()
        operands = re.findall(r"%([\w.-]+)", given)
        if operation == "dot":
            for side, operand in zip(("lhs", "rhs"), operands, strict=True):
                width, shape = later.get(operand, (0, []))
                batch = re.search(side + r"_batch_dims=\{([\d,]*)\}", rest)
                apart = batch[1].split(",") if batch else []
                matrix = (size for k, size in enumerate(shape) if str(k) not in apart)
                most = max(most, width * math.prod(matrix) // 8)
        if operation == "dot" or any(operand in later for operand in operands):
            later[name] = int(bits or 8), [int(size) for size in sizes.split(",") if size]
    return most
