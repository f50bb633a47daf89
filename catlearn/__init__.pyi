"""The public face: the names of each room, loaded on first use and visible to type checkers."""

from . import display as display
from . import errors as errors
from .errors import CatlearnError as CatlearnError

__version__: str
