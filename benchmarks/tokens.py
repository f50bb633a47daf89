"""How large the package is: files, tokens of code and lines, by room.

A token of code is one of Python's tokenizer, but for comments, docstrings of modules, classes and
functions, import statements, and layout (ends of lines, indentation). A formatted string is one
token, as before Python 3.12, so that every interpreter counts the same. Joined lines and dropped
docstrings make no code smaller.

    python benchmarks/tokens.py [FOLDER] [--quick] [--out table.md]
"""

from __future__ import annotations

import ast
import doctest
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import _measure

PACKAGE = Path(__file__).parent.parent / "catlearn"

_LAYOUT = {
    *(tokenize.ENCODING, tokenize.NL, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.COMMENT, tokenize.ENDMARKER),
}
_Place = tuple[int, int]


def docstrings(source: str) -> set[_Place]:
    """Return where the docstrings of a module, its classes and its functions start."""
    documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    return {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
    }


def whole(source: str) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens of a source text, each formatted string as one."""
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        depth -= kind.endswith("STRING_END")
        if depth == 0 and not kind.endswith("STRING_START"):
            yield token
        depth += kind.endswith("STRING_START")


def tokens(source: str) -> int:
    """Return how many tokens of code a source text has.

    Examples
    --------
    >>> tokens("import math\\n\\ndef f(x):\\n    'Double.'\\n    return f'{2 * x}'  # twice\\n")
    8
    """
    documented = docstrings(source)
    total, line = 0, list[str]()
    for token in whole(source):
        if token.type == tokenize.NEWLINE:
            total += 0 if line[:1] in (["import"], ["from"]) else len(line)
            line = []
        elif token.type not in _LAYOUT and token.start not in documented:
            line.append(token.string)
    return total


def counts(folder: Path) -> Iterator[tuple[Path, int, int]]:
    """Yield each file of a package, by its path inside, with its tokens of code and its lines."""
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        yield path.relative_to(folder), tokens(source), source.count("\n")


def room_of(path: Path) -> str:
    """Return the room of a file, ``ground`` for those that belong to none."""
    return path.parts[0] if len(path.parts) > 1 else "ground"


def main() -> None:
    """Count, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "check the example, and count")
    options.add_argument("folder", type=Path, nargs="?", default=PACKAGE)
    chosen = options.parse_args()
    if chosen.quick and doctest.testmod().failed:
        sys.exit(1)
    files, code, lines = Counter[str](), Counter[str](), Counter[str]()
    for path, size, length in counts(chosen.folder):
        for room in (room_of(path), "all"):
            files[room] += 1
            code[room] += size
            lines[room] += length
    table = _measure.Table(("room", "files", "tokens of code", "lines"))
    for room in sorted(files, key=lambda room: (room == "all", -code[room])):
        table.row((room, files[room], f"{code[room]:,}", f"{lines[room]:,}"))
    table.write(chosen.out)


if __name__ == "__main__":
    main()
