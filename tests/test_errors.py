"""Every error and every warning that a user can meet has an entry in the documentation."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def classes(root):
    """The names of public classes, and what they inherit from."""
    found = {}
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                found.setdefault(node.name, bases)
    return found


def raised(found):
    """Those that are errors of the package or warnings."""
    known, roots = {"CatlearnError"}, {"CatlearnError", "UserWarning", "DeprecationWarning"}
    while True:
        more = {name for name, bases in found.items() if roots.union(known) & {*bases}}
        if more <= known:
            return known
        known |= more


def entries(page):
    """The names in the first column of a table."""
    first = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cell))}


def test_every_error_and_warning_has_an_entry(mutants):
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    names = raised(classes(ROOT / "catlearn"))
    assert {"WrongKind", "UnequalBatches", "NothingToResume", "DataError"} <= names
    assert names == entries(page)
    with mutants("an error without an entry"):
        assert names != entries(page.replace("| `WrongKind`", "| WrongKind"))
