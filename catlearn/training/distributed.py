"""Several processes that train as one: what they have to agree on.

Each process calls :func:`~catlearn.fit` with the same arguments except for the data, of which it
gives its own part, and a mesh of the devices of all of them. Batch sizes count the examples of all
processes together. Process 0 writes checkpoints, which all processes read. A process that fails
takes the others with it, by the time limits of ``jax.distributed``.

>>> alone = Processes.of(None)
>>> alone.gather({"rows": 3}), alone.agree(False)
([{'rows': 3}], False)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    from catlearn.training.sharding import Sharding


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Parameters
    ----------
    count
        How many there are.
    index
        Which of them this one is.
    """

    count: int = 1
    index: int = 0

    @classmethod
    def of(cls, sharding: Sharding | None) -> Processes:
        """Return the processes of a mesh."""
        if sharding is None or sharding.processes == 1:
            return ALONE
        return cls(sharding.processes, jax.process_index())

    def gather(self, value: Any) -> list[Any]:
        """Return what each process has to say, as JSON, in their order; all of them must ask."""
        if self.count == 1:
            return [value]
        from jax.experimental import multihost_utils

        text = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = multihost_utils.process_allgather(np.array(len(text), np.int32))
        padded = np.zeros(int(lengths.max()), np.uint8)
        padded[: len(text)] = text
        texts = multihost_utils.process_allgather(padded)
        return [
            json.loads(bytes(row[:length]).decode())
            for row, length in zip(texts, lengths.tolist(), strict=True)
        ]

    def agree(self, flag: bool) -> bool:
        """Whether any process says yes; all of them must ask."""
        return any(self.gather(bool(flag)))

    def on_host(self, tree: Any) -> Any:
        """Return a tree whose arrays this process has whole; all processes must ask for it."""
        return tree if self.count == 1 else jax.tree.map(_whole, tree)


ALONE = Processes()
"""One process, which is all there is."""


def _whole(leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return leaf
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(leaf, tiled=True)
