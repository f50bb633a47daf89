"""Fingerprints of data: checksums by which a continued run knows that its data are the same.

>>> import numpy as np
>>> checksums({"X": np.arange(3)}) == checksums({"X": np.array([0, 1, 2])})
True
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from catlearn.training.columns import is_lazy

#: Bytes of a column in memory that go into its fingerprint, and rows of one on disk.
FINGERPRINT_BYTES = 64 * 2**20
FINGERPRINT_ROWS = 256


def checksum(array: Any) -> int:
    crc = 0
    for leaf in jax.tree.leaves(array):
        size = math.prod(leaf.shape) * leaf.dtype.itemsize
        most = FINGERPRINT_ROWS if is_lazy(leaf) else FINGERPRINT_BYTES * len(leaf) // (size or 1)
        rows: Any = slice(None)
        if len(leaf) > most:
            rows = np.unique(np.linspace(0, len(leaf) - 1, max(2, most)).astype(np.int64))
        crc = zlib.crc32(np.ascontiguousarray(leaf[rows]).tobytes(), crc)
        crc = zlib.crc32(f"{leaf.dtype}{leaf.shape}".encode(), crc)
    return crc


def checksums(columns: Mapping[str, Any]) -> dict[str, int]:
    return {column: checksum(array) for column, array in columns.items()}
