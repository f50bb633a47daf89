"""Published sizes for a part of an architecture, or for a variant of it.

:meth:`~catlearn.Circuit.at` refuses names of sizes that a circuit does not have, so a table of
published sizes is for the whole model. A layer, or a model of which a part is replaced, has fewer.

>>> from catlearn.zoo.architectures import GPT2_SMALL, LLAMA3_8B, gpt2_layer, llama_layer
>>> sized(gpt2_layer(), GPT2_SMALL).counts().parameters
7087872
>>> sized(gpt2_layer(), GPT2_SMALL, f="2*m").counts().parameters
4727040
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.arrays import Circuit


def sized(circuit: Circuit, table: Mapping[str, Any], **more: Any) -> Circuit:
    """Return a circuit with those sizes of a table that it has.

    Parameters
    ----------
    circuit
        The circuit.
    table
        Sizes by name, such as ``GPT2_SMALL``; names that the circuit does not have are left out.
    **more
        Sizes that it must have, in place of those of the table.

    Raises
    ------
    InvalidStructure
        Listing sizes in ``more`` that are unknown, and relations that then cannot hold.
    """
    known = {*circuit.apex.symbols, *circuit.apex.column("letter"), *circuit.axes}
    return circuit.at({name: n for name, n in table.items() if name in known} | more)
