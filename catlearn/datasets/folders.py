"""Where data sets of others lie: a folder of yours, by argument or by the environment.

A data set has files of known names. They are looked for in the folder itself, and in one inside it
that has the name of the data set, so that several data sets can lie side by side.

>>> find("no such folder", "mnist", ("labels.gz", "labels")) is None
True
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from catlearn.errors import CatlearnError

#: The environment variable that names the folder of data.
FOLDER = "CATLEARN_DATA"


def data_folder(folder: str | os.PathLike[str] | None, what: str, source: str) -> Path:
    """Return the folder of data.

    Parameters
    ----------
    folder
        The folder, or None for the value of the environment variable ``CATLEARN_DATA``.
    what
        What is looked for, as the message should call it.
    source
        Where it is to be had.

    Raises
    ------
    CatlearnError
        If neither is given.

    Examples
    --------
    >>> data_folder("here", "the archives of Omniglot", "its authors").name
    'here'
    """
    named = os.environ.get(FOLDER) if folder is None else folder
    if not named:
        message = f"no folder of data: give one, or set the environment variable {FOLDER}"
        raise CatlearnError(f"{message}; get {what} from {source}")
    return Path(named)


def find(folder: str | os.PathLike[str], own: str, names: Iterable[str]) -> Path | None:
    """Return the first of some files or folders that is there, or None.

    Parameters
    ----------
    folder
        The folder of data.
    own
        The name of the data set's own folder in it.
    names
        Under which the file may be stored, the preferred one first.
    """
    places = (Path(folder) / inside / name for name in names for inside in ("", own))
    return next((place for place in places if place.exists()), None)
