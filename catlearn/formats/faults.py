"""Collecting what is wrong with a file: everything, in the file's own names, within bounds.

>>> faults = Faults("file 'a.json'")
>>> faults.add("V row 2", "src is 7, there are 3 rows of V", law="dangling")
>>> faults.check()
Traceback (most recent call last):
catlearn.errors.FileFormatError: file 'a.json' could not be read (1 failure):
  - V row 2: src is 7, there are 3 rows of V [dangling]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catlearn.errors import CatlearnError, Failure, FileFormatError
from catlearn.formats.codecs import Unwritable, encode

#: How many faults one error lists before it counts the others.
MOST = 200


class Faults:
    """The faults of one file, in the order in which they are met.

    Parameters
    ----------
    what
        What errors should call the file.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.count = 0
        self.listed: list[Failure] = []

    def add(self, where: str, message: str, law: str = "format") -> None:
        """Note one fault."""
        self.extend([Failure(law, where, message)])

    def extend(self, failures: Iterable[Failure]) -> None:
        """Note several faults."""
        for failure in failures:
            self.count += 1
            if len(self.listed) < MOST:
                self.listed.append(failure)

    def add_error(self, error: CatlearnError) -> None:
        """Note all that an error lists."""
        found = getattr(error, "failures", None)
        self.extend(found or [Failure("format", "document", str(error))])

    def check(self) -> None:
        """Raise the one error that lists all faults, if there are any."""
        if not self.count:
            return
        hidden = self.count - len(self.listed)
        more = [Failure("format", "document", f"and {hidden} more faults")] if hidden else []
        raise FileFormatError(self.what, [*self.listed, *more])


def encoded(label: Any, where: str, failures: list[Failure]) -> Any:
    """Return a label as JSON; note where it stood if that cannot be."""
    try:
        return encode(label)
    except Unwritable as error:
        failures.append(Failure("labels", where, str(error)))
        return None
