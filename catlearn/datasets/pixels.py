"""Encoded images as arrays: decoded by Pillow, bounded in bytes and pixels, made smaller.

>>> from catlearn.datasets.pixels import pixels
>>> pixels(b"no image", 28, grey=True, formats=("PNG",))
Traceback (most recent call last):
catlearn.datasets.pixels.NoImage: is no image: cannot identify image file ...
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from catlearn.errors import CatlearnError, FileFormatError
from catlearn.files import problem, reading


class NoImage(CatlearnError, ValueError):
    """Bytes that are no image, or one that is too large; the message goes on after its name."""


def pixels(
    data: bytes,
    size: int,
    *,
    grey: bool,
    formats: Sequence[str],
    max_bytes: int = 1 << 16,
    max_side: int = 1024,
) -> np.ndarray:
    """Return an image as numbers from 0 to 255, made smaller by averaging.

    Parameters
    ----------
    data
        The encoded image.
    size
        Pixels at each side of the result; the image is squeezed if it is no square.
    grey
        Whether colours are read as one shade, shape ``(size, size)``; else as three, shape
        ``(size, size, 3)``.
    formats
        The encodings that are tried, as Pillow names them.
    max_bytes, max_side
        What an image may have.

    Raises
    ------
    NoImage
        If the data are none, or more than allowed.
    CatlearnError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        message = 'images need Pillow; install it with: pip install "catlearn[examples]"'
        raise CatlearnError(message) from error
    if len(data) > max_bytes:
        raise NoImage(f"has more than {max_bytes} bytes")
    try:
        with reading("image"), Image.open(io.BytesIO(data), formats=tuple(formats)) as image:
            # The header tells the size; nothing has been decoded yet.
            if max(image.size) > max_side:
                raise NoImage(f"is larger than {max_side} pixels")
            small = image.convert("L" if grey else "RGB")
            return np.asarray(small.resize((size, size), Image.Resampling.BOX))
    except FileFormatError as error:
        raise NoImage(f"is no image: {problem(error)}") from error
