"""The stubs of lazy faces, which editors and type checkers read: made from what each face loads.

python .ci/stubs.py          write them
python .ci/stubs.py --check  list those that differ, and fail
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def face(source: str) -> tuple[list[str], dict[str, list[str]]] | None:
    """Return the submodules and the names by module of a lazy face; None of an eager one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_loader.attach":
            given = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            return given.get("submodules", []), given["submod_attrs"]
    return None


def by_kind(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Order constants before classes before functions, and numbers in names, as the linter does."""
    parts = [(int(part or 0), "") if k % 2 else (0, part.lower())
             for k, part in enumerate(re.split(r"(\d+)", name))]  # fmt: skip
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), parts


def imports(module: str, names: list[str]) -> str:
    """Return an import of names from a neighbouring module, each ``as`` itself: it is public."""
    lines = [f"    {name} as {name},\n" for name in sorted(names, key=by_kind)]
    return f"from {module} import (\n{''.join(lines)})\n"


def stubs(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every stub, by its path."""
    found = {}
    for path in sorted(root.glob("catlearn/**/__init__.py")):
        table = face(path.read_text(encoding="utf-8"))
        if table is not None:
            submodules, attributes = table
            text = imports(".", submodules) if submodules else ""
            text += "".join(imports(f".{name}", attributes[name]) for name in sorted(attributes))
            if path.parent == root / "catlearn":
                text += "\n__version__: str\n"
            found[path.with_suffix(".pyi")] = text
    return found


def main() -> int:
    """Write the stubs, or say which differ."""
    made = stubs()
    have = {path: path.read_text(encoding="utf-8") if path.exists() else None for path in made}
    differing = [path for path, text in made.items() if have[path] != text]
    for path in differing:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(made[path], encoding="utf-8")
    return int("--check" in sys.argv and bool(differing))


if __name__ == "__main__":
    sys.exit(main())
