"""How simple the package is: its size, its face, its circles, and what its main calls take.

One row a figure, one column a version: this one, and those in the folders that are given.

* files, tokens of code and lines, as ``tokens.py`` counts them;
* names on the face beside the rooms;
* circles: groups of modules that import each other, on the way or later, inside functions and for
  types too; and how many modules are in them;
* modules of the package that are loaded by ``import catlearn.learning``, and by the class of
  diagrams;
* calls of Python functions (``sys.setprofile``) of the README's square: glue, loss, lower, and a
  call that is traced; each for the second time, so that what is loaded or made once is not counted.

With ``--rooms`` a second table has the tokens of each room, then and now, how many of them are
circuits of arrays, and by what else it grew.

    python benchmarks/house.py [FOLDER ...] [--quick] [--out table.md] [--rooms rooms.md]
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import _measure
from tokens import counts, room_of, tokens

ROOT = Path(__file__).parent.parent

CALLS = """
import json, sys
import jax, numpy as np
import catlearn as cl

X, F, Y = cl.Space("X", (2,)), cl.Space("F", (16,)), cl.Categorical("Y", 2)
x = np.zeros((512, 2), "float32")
y = np.zeros(512, "int32")

def parts():
    data = cl.LearningDiagram(cl.Dataset("points", X=(X, x), Y=(Y, y)))
    encoder, head = cl.Model("encoder", X, F, "mlp"), cl.Model("head", F, Y, "linear")
    return data, cl.LearningDiagram(encoder, head)

def counted(run, *arguments):
    count = 0
    def see(frame, event, argument):
        nonlocal count
        count += event == "call"
    sys.setprofile(see)
    try:
        value = run(*arguments)
    finally:
        sys.setprofile(None)
    return value, count

for _ in range(2):
    found = {}
    square, found["glue"] = counted(cl.glue, *parts())
    loss, found["loss"] = counted(square.loss)
    fn, found["lower"] = counted(cl.lower, loss)
    params, state = fn.init(jax.random.key(0))
    batch = {"points": {"X": x, "Y": y}}
    _, found["traced call"] = counted(jax.make_jaxpr(fn), params, state, batch)
print(json.dumps(found))
"""


CIRCUITS = (
    *("arrays/*", "costing/*", "streams/*", "importing/*", "dashboards/*", "testing/*"),
    *("drawing/circuits/*", "laws/circuits.py", "laws/streams.py", "models/circuits.py"),
    *("models/pretrained.py", "zoo/architectures/*"),
    *(f"lowering/{name}.py" for name in ("arrays", "attention", "compiled", "pallas", "pytorch")),
    *(f"lowering/{name}.py" for name in ("sharded", "sources", "streamed", "streaming", "tiled")),
)
"""The files of circuits of arrays and of their costs, which the version before did not have."""

GREW = {
    "ground": "checksums of files, texts that show each character, refusals by name, former names",
    "finset": "the search for morphisms, which came from `cset`; orders of labels, keys and "
    "relations, variables, side data",
    "category": "hypergraphs and their interpreter, monoidal functors, lenses, monads, more "
    "constructions and terms",
    "cset": "queries, free categories, complements of any map, equations and variables among "
    "labels; the search moved away",
    "cost": "posynomials and geometric programs, refusals by name",
    "models": "operators that see parameters, options by annotation, refusals by name",
    "learning": "lenses, renaming, the string diagram of a loss",
    "lowering": "data sets that are stacked",
    "zoo": "meta-learning",
    "training": "validation and metrics, checkpoints and runs that are not lost, stacked batches, "
    "a step that is guarded",
    "drawing": "charts, raster pictures and PDF",
    "formats": "nothing; one reader of columns is fewer",
    "laws": "laws as text with their typing, and more of them",
    "cli": "`[validation]` and signals",
}
"""Room -> what it has that the version before has not, beside circuits of arrays, if anything."""


def rooms(before: Path, now: Path) -> _measure.Table:
    """Return the table of tokens by room."""
    sizes = [Counter[str](), Counter[str](), Counter[str]()]
    for number, folder in enumerate((before, now)):
        for path, size, _ in counts(folder / "catlearn"):
            sizes[number][room_of(path)] += size
            is_new = number and any(path.match(pattern) for pattern in CIRCUITS)
            sizes[2][room_of(path)] += size if is_new else 0
    table = _measure.Table(("room", "before", "now", "of these circuits", "what else it has now"))
    for room in sorted(sizes[1], key=lambda room: sizes[0][room] - sizes[1][room]):
        table.row((room, *(f"{size[room]:,}" for size in sizes), GREW.get(room, "nothing")))
    table.row(("all", *(f"{size.total():,}" for size in sizes), ""))
    return table


def asked(folder: Path, program: str) -> str:
    """Return what a program prints, run with the package in a folder."""
    environment = os.environ | {"PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def loaded(folder: Path, program: str) -> int:
    """Return how many modules of the package are loaded after a program."""
    count = "sum(name.split('.')[0] == 'catlearn' for name in sys.modules)"
    return int(asked(folder, f"{program}\nimport sys\nprint({count})"))


def imported(name: str, tree: ast.AST, modules: Iterable[str]) -> set[str]:
    """Return the modules that a module imports, wherever it does."""
    known, found = set(modules), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return (found & known) - {name}


def circles(package: Path) -> tuple[int, int]:
    """Return how many groups of modules import each other, and how many modules are in them."""
    import networkx as nx

    trees = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] != "__init__":
            trees[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"))
    graph = nx.DiGraph(
        [(name, other) for name, tree in trees.items() for other in imported(name, tree, trees)]
    )
    groups = [group for group in nx.strongly_connected_components(graph) if len(group) > 1]
    return len(groups), sum(map(len, groups))


def figures(folder: Path) -> dict[str, int]:
    """Return the figures of the version in a folder."""
    package = folder / "catlearn"
    sources = [path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))]
    rooms = {path.name.removesuffix(".py") for path in package.iterdir()}
    names = json.loads(asked(folder, "import catlearn, json; print(json.dumps(dir(catlearn)))"))
    groups, members = circles(package)
    return {
        "files": len(sources),
        "tokens of code": sum(map(tokens, sources)),
        "lines": sum(source.count("\n") for source in sources),
        "names on the face": len([name for name in names if name not in rooms]),
        "circles of imports": groups,
        "modules in circles": members,
        "loaded by `import catlearn.learning`": loaded(folder, "import catlearn.learning"),
        "loaded by `catlearn.LearningDiagram`": loaded(
            folder, "import catlearn; catlearn.LearningDiagram"
        ),
        **{f"calls: {name}": count for name, count in json.loads(asked(folder, CALLS)).items()},
    }


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "the same")
    options.add_argument("folders", type=Path, nargs="*", help="other versions, before this one")
    options.add_argument("--rooms", type=Path, help="where to write the table of rooms")
    chosen = options.parse_args()
    if chosen.folders:
        rooms(chosen.folders[0].resolve(), ROOT).write(chosen.rooms)
    columns = [figures(folder.resolve()) for folder in [*chosen.folders, ROOT]]
    heads = [f"before {k or ''}".strip() for k, _ in enumerate(chosen.folders)]
    table = _measure.Table(("figure", *heads, "now"))
    for name in columns[-1]:
        table.row((name, *(f"{column[name]:,}" for column in columns)))
    table.write(chosen.out)


if __name__ == "__main__":
    main()
