"""Files from outside are data: strict JSON, bounded reading, atomic writing.

Everything that catlearn reads from disk passes through here before it is believed. JSON is
read strictly (RFC 8259 and no more): UTF-8, no duplicate keys, no ``NaN`` or ``Infinity``, no
number that overflows to infinity, bounded size and depth, and one
:class:`~catlearn.errors.FileFormatError` that lists every fault. A file is written beside its
final place and moved there in one step, so that a crash leaves the old file or the new one and
never a half of either.

>>> from catlearn.files import parse_json
>>> parse_json(b'{"V": [{"_id": 1}]}')
{'V': [{'_id': 1}]}
>>> parse_json(b'{"a": NaN, "a": 1e999}')
Traceback (most recent call last):
catlearn.errors.FileFormatError: JSON could not be read (3 failures):
  - constant NaN: is not JSON; write a finite number or null [strict JSON]
  - number 1e999: is too large for a float [strict JSON]
  - key 'a': appears 2 times in one object; keep one [strict JSON]
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from catlearn.errors import (
    DEEPEST,
    CatlearnError,
    Failure,
    Failures,
    FileFormatError,
    fault,
    refuse,
    repr_of,
)

#: Bytes of JSON that are read unless the caller allows more.
MAX_JSON_BYTES = 64 * 2**20

#: Nesting that is read unless the caller allows more; well below the interpreter's own limit.
MAX_JSON_DEPTH = DEEPEST

#: Bytes of CSV that are read unless the caller allows more.
MAX_CSV_BYTES = 256 * 2**20

#: How many faults one error lists before it counts the others.
MOST_FAULTS = 200

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SHOWN = 60


def shorten(text: str, width: int = _SHOWN) -> str:
    """Return text that fits a message: printable, and cut in the middle if it is long.

    Examples
    --------
    >>> shorten("abcdefghij", 7)
    'abc…hij'
    """
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[:half]}…{text[len(text) - half :]}"


def shorten_repr(value: object) -> str:
    """Return the ``repr`` of what was found, to fit a message."""
    return shorten(repr_of(value))


def problem(error: Exception) -> str:
    """Return what an error says is wrong: of one that lists failures, these in one line."""
    failures = getattr(error, "failures", ())
    return "; ".join(failure.message for failure in failures) or str(error)


class Faults:
    """What is wrong with a file: everything, in the order in which it is met, within bounds.

    Parameters
    ----------
    what
        What errors should call the file.

    Examples
    --------
    >>> faults = Faults("file 'a.json'")
    >>> faults.add("V row 2", "src is 7, there are 3 rows of V", law="dangling")
    >>> faults.check()
    Traceback (most recent call last):
    catlearn.errors.FileFormatError: file 'a.json' could not be read (1 failure):
      - V row 2: src is 7, there are 3 rows of V [dangling]
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
            if len(self.listed) < MOST_FAULTS:
                self.listed.append(failure)

    def add_error(self, error: CatlearnError, where: str = "document") -> None:
        """Note all that an error lists."""
        self.extend(getattr(error, "failures", None) or [Failure("format", where, str(error))])

    @contextlib.contextmanager
    def collecting(self, where: str) -> Iterator[None]:
        """Note what is raised on purpose inside, and raise it with all that was noted before."""
        try:
            yield
        except CatlearnError as error:
            self.add_error(error, where)
            self.check()

    def check(self) -> None:
        """Raise the one error that lists all faults, if there are any."""
        if not self.count:
            return
        hidden = self.count - len(self.listed)
        more = [Failure("format", "document", f"and {hidden} more faults")] if hidden else []
        raise FileFormatError(self.what, [*self.listed, *more])


@contextlib.contextmanager
def reading(what: str, where: str = "document", law: str = "file") -> Iterator[None]:
    """Raise whatever a library raises about what it reads as one error of the package.

    Parameters
    ----------
    what
        What errors should call the file.
    where, law
        As of the failure.

    Raises
    ------
    FileFormatError
        For any exception inside that is not the package's own already.

    Examples
    --------
    >>> import zlib
    >>> with reading("file 'a.gz'"):
    ...     zlib.decompress(b"no")
    Traceback (most recent call last):
    catlearn.errors.FileFormatError: file 'a.gz' could not be read (1 failure):
      - document: Error -3 while decompressing data: incorrect header check [file]
    """
    try:
        yield
    except CatlearnError:
        raise
    except Exception as error:
        reason = shorten(str(error) or type(error).__name__, 200)
        raise fault(what, law, where, reason, FileFormatError) from None


def json_depth(text: str) -> int:
    """Return how deeply brackets nest outside strings, in linear time and without recursion.

    Examples
    --------
    >>> json_depth('{"[[": [1, [2]]}')
    3
    """
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def parse_json(
    data: bytes | str,
    what: str = "JSON",
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_JSON_DEPTH,
) -> Any:
    """Read JSON strictly.

    Parameters
    ----------
    data
        The document; bytes must be UTF-8 (a byte order mark is accepted).
    what
        What errors should call the document.
    max_bytes, max_depth
        Limits; larger or deeper documents are refused before they are parsed.

    Returns
    -------
    object
        Dicts, lists, strings, numbers, booleans and None.

    Raises
    ------
    FileFormatError
        If the document is not strict JSON or is over a limit; every fault is listed.
    """
    text = _decoded(data, what, max_bytes)
    depth = json_depth(text)
    if depth > max_depth:
        message = f"nests {depth} levels deep, at most {max_depth} are read"
        raise fault(what, "depth limit", "document", message, FileFormatError)
    faults = Failures()

    def constant(name: str) -> float:
        faults.add("strict JSON", f"constant {name}", "is not JSON; write a finite number or null")
        return 0.0

    def number(literal: str) -> float:
        value = float(literal)
        if not math.isfinite(value):
            faults.add("strict JSON", f"number {shorten(literal)}", "is too large for a float")
        return value

    def integer(literal: str) -> int:
        if len(literal) > 40:
            where = f"integer {shorten(literal)}"
            faults.add("strict JSON", where, f"has {len(literal)} digits, at most 40 are read")
            return 0
        return int(literal)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            for key, times in Counter(key for key, _ in pairs).items():
                if times > 1:
                    message = f"appears {times} times in one object; keep one"
                    faults.add("strict JSON", f"key {shorten(key)!r}", message)
        return table

    try:
        value = json.loads(
            text,
            parse_constant=constant,
            parse_float=number,
            parse_int=integer,
            object_pairs_hook=members,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        faults.add("strict JSON", where, f"{error.msg}; is the file complete?")
        raise FileFormatError(what, faults) from None
    if "\\u" in text and any(map(has_surrogate, _texts(value))):
        message = "holds half a surrogate pair, which no text file can store"
        faults.add("strict JSON", "a string", message)
    refuse(what, faults, FileFormatError)
    return value


def _decoded(data: bytes | str, what: str, max_bytes: int) -> str:
    if len(data) > max_bytes:
        message = f"has {len(data)} bytes, at most {max_bytes} are read"
        raise fault(what, "size limit", "document", message, FileFormatError)
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8 text"
        raise fault(what, "strict JSON", "document", message, FileFormatError) from None


_field_limit = threading.Lock()


_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def write_csv(records: Iterable[Iterable[object]], spreadsheet: bool = False) -> str:
    """Write records as CSV.

    Parameters
    ----------
    records
        The cells of each record; the first has the names of the columns.
    spreadsheet
        Whether to quote by an apostrophe what spreadsheets would run as a formula: cells that begin
        with ``=``, ``+``, ``-``, ``@``, a tab or an end of line, and are no numbers.

    Examples
    --------
    >>> print(write_csv([["=1+1", "-1"]]), write_csv([["=1+1", "-1"]], spreadsheet=True), end="")
    =1+1,-1
     '=1+1,-1
    """
    out = io.StringIO()
    plain = csv.writer(out, lineterminator="\n")
    quoting = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for record in records:
        cells = [_quoted(str(cell)) for cell in record] if spreadsheet else list(record)
        # Before Python 3.13 a carriage return is not quoted, and ends the record where it is read.
        returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (quoting if returns else plain).writerow(cells)
    return out.getvalue()


def _quoted(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def parse_csv(
    data: bytes, what: str, spreadsheet: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Read a table of CSV: UTF-8, a record of column names, as many cells in each other record.

    Blank lines are passed over, but in a table of one column, where they are empty cells.

    Parameters
    ----------
    data
        The content of the file.
    what
        What errors should call it.
    spreadsheet
        Whether cells are as :func:`write_csv` writes them for spreadsheets.

    Returns
    -------
    tuple
        The names of the columns, and the records after them; of any length, which the caller
        bounds by the number of bytes.

    Raises
    ------
    FileFormatError
        Listing columns of one name, and records of another length.

    Examples
    --------
    >>> parse_csv(b"a,b\\n1,2\\n\\n3,4\\n", "file 'a.csv'")
    (['a', 'b'], [['1', '2'], ['3', '4']])
    """
    faults = Faults(what)
    # The module's limit of a cell is one for all threads, and less than a long list of rows takes.
    with _field_limit:
        before = csv.field_size_limit(max(len(data), 1))
        try:
            with reading(what):
                reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
                header = next(reader, [])
                rows = [row or [""] for row in reader if row or len(header) == 1]
                if spreadsheet:
                    header, *rows = ([*map(_unquoted, row)] for row in (header, *rows))
        finally:
            csv.field_size_limit(before)
    if not any(header):
        faults.add("document", "is empty; its first record names the columns", "file")
    for name, times in Counter(header).items():
        if times > 1:
            faults.add("header", f"has {times} columns {shorten(name)!r}", "file")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            message = f"has {len(row)} cells, the header has {len(header)}"
            faults.add(f"record {number}", message, "file")
    faults.check()
    return header, rows


def has_surrogate(text: str) -> bool:
    """Whether a text has half a surrogate pair, which no file in UTF-8 can hold."""
    return any("\ud800" <= c <= "\udfff" for c in text)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value, keys among them."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            waiting += one
            waiting += one.values() if isinstance(one, dict) else ()


def read_bounded(path: str | os.PathLike[str], max_bytes: int, what: str | None = None) -> bytes:
    """Read a regular file of at most ``max_bytes`` bytes.

    Parameters
    ----------
    path
        The file.
    max_bytes
        A larger file is refused before it is read.
    what
        What errors should call the file; by default its name.

    Raises
    ------
    FileFormatError
        If it is larger, or a device or a pipe.
    OSError
        If there is no such file, or it may not be read.
    """
    size = check_bounded(path, max_bytes, what)
    with open(path, "rb") as stream:
        return stream.read(size)


def check_bounded(path: str | os.PathLike[str], max_bytes: int, what: str | None = None) -> int:
    """Return the bytes of a file that :func:`read_bounded` would read; raise what it would."""
    path = Path(path)
    what = what or f"file {path.name!r}"
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder, a file was expected")
    if not stat.S_ISREG(found.st_mode):
        message = "is a device or a pipe, a regular file was expected"
        raise fault(what, "regular file", str(path), message, FileFormatError)
    if found.st_size > max_bytes:
        message = f"has {found.st_size} bytes, at most {max_bytes} are read"
        raise fault(what, "size limit", str(path), message, FileFormatError)
    return found.st_size


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that it is either wholly there or not touched.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the
    final name in one step; the folder is flushed too where the system allows it.

    Parameters
    ----------
    path
        Where to write; an existing file is replaced and keeps its permissions, and so does the
        file that a link leads to.
    data
        The whole content.

    Raises
    ------
    OSError
        If the folder is missing or may not be written, or the path is a device or a pipe; the old
        file is then as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = pathlib.Path(folder) / "note.txt"
    ...     atomic_write(place, b"one")
    ...     atomic_write(place, b"two")
    ...     place.read_bytes(), [p.name for p in place.parent.iterdir()]
    (b'two', ['note.txt'])
    """
    path = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG | (0o666 & ~_umask())
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise FileExistsError(f"{path} is a device or a pipe, which is not replaced by a file")
    if not path.parent.exists():
        raise FileNotFoundError(f"there is no folder '{path.parent}', in which '{path}' would be")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(path.parent)


def writable(path: Path) -> str:
    """Return why a file or folder cannot be made, ``""`` if nothing is in the way.

    Examples
    --------
    >>> writable(Path(__file__) / "run")  # doctest: +ELLIPSIS
    "'...files.py' is no folder, so '...run' cannot be made"
    """
    above = path.absolute().parent
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        return f"'{above}' is no folder, so '{path}' cannot be made"
    try:
        tempfile.TemporaryDirectory(prefix=".", dir=above).cleanup()
    except OSError as error:
        return f"'{above}' cannot be written to ({error.strerror}), so '{path}' cannot be made"
    return ""


def _umask() -> int:
    # The mask can only be read by setting it; mkstemp would otherwise leave the file private.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # not every system opens folders; the file itself is on the disk already
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
