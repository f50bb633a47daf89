"""What one version of the package makes, recorded in a folder, and compared with another's.

A change that should change nothing is held against the version before it: the optimised program of
the value and gradient of every regime of the zoo, the digests that its random keys fold in, where
its variables start and what it then costs; its plan and loss as text; diagrams as files; pictures.
Everything is made by public names, so that one script serves both versions: ``PYTHONPATH`` says
which package is recorded.

    python benchmarks/compare.py record FOLDER [--only plans,pictures] [--regimes gan]
    python benchmarks/compare.py diff BEFORE AFTER [--only programs] [--lines 20]
    python benchmarks/compare.py --quick

``diff`` lists every difference by name, and ends with 1 if there is one. ``--quick`` records a few
regimes twice, in processes that order sets differently, and compares.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import zoo
from by_hand import diagrams
from by_hand.common import Regime
from by_hand.programs import normal_form

import catlearn as cl

ROOT = Path(__file__).parent.parent
Item = Callable[[], str]


def relowered(make: Callable[..., Regime], **options: Any) -> Callable[..., Regime]:
    """Return a regime that is lowered otherwise."""

    def made(sizes: Any) -> Regime:
        regime = make(sizes)
        return replace(regime, fn=cl.lower(regime.diagram.loss(), **options))

    return made


def together(sizes: Any) -> Regime:
    """Three data sets, whose common encoder runs once on all of them."""
    regime = zoo.multi_task.regime(sizes)
    names = tuple(regime.batch)
    return replace(regime, fn=cl.lower(regime.diagram.loss(), together=[names]))


def independent(sizes: Any) -> Regime:
    """A variational autoencoder that draws for each side of each equation."""
    regime = zoo.variational_autoencoder.regime(sizes)
    options = {"independent": sorted(regime.fn.random)}
    return replace(regime, fn=cl.lower(regime.diagram.loss(), **options))


WIDE = replace(zoo.SMALL, width=6)
REGIMES: dict[str, Callable[[], Regime]] = {
    name: lambda make=make: make(zoo.SMALL)
    for name, make in {
        **zoo.REGIMES,
        "multi-task, 12 heads, not stacked": relowered(
            zoo.REGIMES["multi-task, 12 heads"], stack=False
        ),
        "multi-task, together": together,
        "variational autoencoder, independent": independent,
        "GAN, recomputed": relowered(zoo.REGIMES["GAN, minimax"], remat=True),
    }.items()
} | {
    "square": lambda: diagrams.square(WIDE),
    "student and teacher": lambda: diagrams.distillation(WIDE),
    "student and teacher, maximum": lambda: diagrams.distillation(WIDE, "max"),
    "diamonds": lambda: diagrams.diamonds(WIDE, 3),
    "heads": lambda: diagrams.heads(WIDE, 6),
    "equations": lambda: diagrams.equations(WIDE, 4),
}
QUICK = ("classification", "GAN, minimax", "variational autoencoder", "multi-task, 12 heads")


@cache
def regime_of(name: str) -> Regime:
    """Make a regime, once."""
    return REGIMES[name]()


@cache
def compiled(name: str) -> tuple[Any, tuple[Any, ...]]:
    """Compile the value and gradient of a regime, once; return the program and its arguments."""
    loss, arguments = regime_of(name).losses()["catlearn"]
    lowered = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments)
    return lowered.compile({"xla_backend_optimization_level": 3}), arguments


def program(name: str) -> str:
    """Write the optimised program, up to names and metadata."""
    return normal_form(compiled(name)[0].as_text())


def digest(tree: Any) -> str:
    """Write what a tree of arrays holds: its structure, and a digest of its bytes."""
    leaves, structure = jax.tree.flatten(tree)
    arrays = [np.asarray(leaf) for leaf in leaves]
    content = hashlib.sha256()
    for array in arrays:
        content.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
    return f"{content.hexdigest()[:16]} {len(arrays)} arrays {structure}"


def by_edge(part: Any) -> dict[str, str]:
    """Write what each edge holds, or each equation, however it is stored."""
    return {name: digest(part[name]) for name in part}


def values(name: str) -> str:
    """Write where variables start, and the value, terms and gradient there."""
    fn, (run, arguments) = regime_of(name).fn, compiled(name)
    params, state = fn.init(jax.random.key(0))
    (value, aux), gradient = run(*arguments)
    found = {
        "params": by_edge(params),
        "frozen": by_edge(state["frozen"]),
        "mutable": by_edge(state["mutable"]),
        "weights": by_edge(fn.weights()),
        "value": float(value).hex(),
        "terms": {term: float(aux.terms[term]).hex() for term in aux.terms},
        "gradient": by_edge(gradient),
        "state": by_edge(aux.state["mutable"]),
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def keys(name: str) -> str:
    """Write what each step of the plan folds into the key, and which edges draw."""
    fn = regime_of(name).fn
    steps = [f"{step.digest:08x} {step.op} {step.name}".rstrip() for step in fn.plan.steps]
    return "\n".join([*steps, f"random: {', '.join(sorted(fn.random))}"])


def text(name: str) -> str:
    """Write the loss and the diagram as text."""
    diagram, loss = regime_of(name).diagram, regime_of(name).fn.loss
    terms = [f"{term.name}: {term.lhs} = {term.rhs}, {term.divergence}" for term in loss.equations]
    shown = [str(loss), repr(loss), repr(loss.expression), *terms, str(diagram), repr(diagram)]
    return "\n".join([*shown, loss._repr_latex_() if hasattr(loss, "_repr_latex_") else ""])


def graph_values() -> dict[str, Any]:
    """Values that have a picture or a file, and are no regimes."""
    square = cl.Presentation(
        {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")}, ["f >> g = h >> k"]
    )
    school = cl.Schema(
        ["Student", "Course"],
        arrows={"tutor": ("Student", "Student")},
        lists={"takes": ("Student", "Course")},
        attributes={"mark": "Student"},
        equations=["tutor >> tutor = tutor"],
    )
    cset = cl.CSet(
        school,
        Student=["ann", "bob"],
        Course=["logic", "sheaves"],
        tutor=["bob", "bob"],
        takes=[["logic", "sheaves"], []],
        mark=[1.5, None],
    )
    edge, detour = cl.Graph({"e": ("A", "B")}), cl.Graph({"f": ("A", "M"), "g": ("M", "B")})
    rule = cl.Rule.between(edge, detour)
    point, loop = cl.Graph({}, vertices=["B"]), cl.Graph({"g": ("B", "C"), "s": ("B", "B")})
    span = [cl.GraphMorphism(point, G, V={"B": "B"}, E={}) for G in (edge, loop)]
    C, chain = square.category(), cl.FiniteCategory.chain(2)
    low, high = cl.Functor.constant(C, chain, "0"), cl.Functor.constant(C, chain, "2")
    places = {"0": "0", "1": "2", "2": "3"}
    inclusion = cl.Functor(chain, cl.FiniteCategory.chain(3), objects=places)
    divisors = cl.FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 3, 4, 6, 12])
    X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    data = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y))
    model = cl.LearningDiagram(cl.Model("f", X, Y, "linear"))
    glued = cl.glue(data, model)
    grid = {f"r{i}{j}": (f"{i} {j}", f"{i} {j + 1}") for i in range(4) for j in range(4)}
    grid |= {f"d{i}{j}": (f"{i} {j}", f"{i + 1} {j}") for i in range(4) for j in range(4)}
    return {
        "graph": cl.Graph({"f": ("A", "B"), "l": ("B", "B")}, vertices=["C"]),
        "grid": cl.Graph(grid),
        "presentation": square,
        "schema": school,
        "C-set": cset,
        "C-set morphism": cl.CSetMorphism.identity(cset),
        "graph as C-set": cl.CSet(cl.SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2]),
        "pushout of graphs": cl.pushout(*span),
        "pushout of sets": cl.pushout(
            cl.FinFunction([0], codomain=2), cl.FinFunction([1], codomain=3)
        ),
        "product of sets": cl.product(cl.FinSet(2), cl.FinSet(3)),
        "function": cl.FinFunction([1, 0, 1], codomain=2),
        "path": square.path(["f", "g"]),
        "category": C,
        "poset": divisors,
        "product in a poset": cl.product(divisors["4"], divisors["6"]),
        "functor": inclusion,
        "transformation": cl.NaturalTransformation(low, high, dict.fromkeys(C.objects, "0 <= 2")),
        "adjunction": cl.right_adjoint(inclusion),
        "rule": rule,
        "rewriting": rule.rewrite(cl.Graph({"road": ("here", "there")})),
        "open graph": cl.open_graph(edge, ["A"], ["B", "A"]),
        "open diagram": cl.open_diagram(glued, ["X"], ["Y"]),
        "gluing": glued.gluing,
        "glued diagram": glued,
    }


graphs = cache(graph_values)


def picture(value: Any) -> str:
    """Write the picture of a value in all its languages."""
    drawn = cl.draw(value)
    return "\n".join([drawn.svg, drawn.tikzcd, drawn.dot, drawn.quiver])


def csv(value: Any) -> str:
    """Write a value as a folder of CSV, one file after the other."""
    with tempfile.TemporaryDirectory() as place:
        cl.formats.to_csv(value, Path(place) / "folder")
        files = sorted(path for path in Path(place).rglob("*") if path.is_file())
        return "\n".join(f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in files)


@cache
def pictures_of_pages() -> dict[str, str]:
    """The pictures that pages show, drawn anew, all at once."""
    return runpy.run_path(str(ROOT / "docs" / "pictures.py"))["pictures"]()


def of_regimes(names: list[str], make: Callable[[str], str]) -> Iterator[tuple[str, Item]]:
    for name in names:
        yield name, lambda name=name: make(name)


def json_items(names: list[str]) -> Iterator[tuple[str, Item]]:
    yield from of_regimes(names, lambda name: cl.formats.to_json(regime_of(name).diagram))
    for name, value in graphs().items():
        if isinstance(value, cl.finset.Tables):
            yield name, lambda value=value: cl.formats.to_json(value)
            yield f"{name}, plain", lambda value=value: cl.formats.to_json(value, plain=True)
            if not isinstance(value, cl.LearningDiagram):
                yield f"{name}, CSV", lambda value=value: csv(value)
    for path in sorted((ROOT / "tests" / "fixtures").glob("*/json/*.json")):
        yield f"fixture {path.stem}", lambda path=path: cl.formats.to_json(cl.load(path))


def picture_items(names: list[str]) -> Iterator[tuple[str, Item]]:
    yield from of_regimes(names, lambda name: picture(regime_of(name).diagram))
    for name in names:
        yield f"{name}, loss", lambda name=name: picture(regime_of(name).fn.loss)
        yield f"{name}, plan", lambda name=name: picture(regime_of(name).fn.plan)
    for name, value in graphs().items():
        yield name, lambda value=value: picture(value)
    for name in pictures_of_pages():
        yield f"page {name}", lambda name=name: pictures_of_pages()[name]


PARTS: dict[str, Callable[[list[str]], Iterator[tuple[str, Item]]]] = {
    "plans": lambda names: of_regimes(names, lambda name: str(regime_of(name).fn.plan)),
    "texts": lambda names: of_regimes(names, text),
    "keys": lambda names: of_regimes(names, keys),
    "json": json_items,
    "pictures": picture_items,
    "programs": lambda names: of_regimes(names, program),
    "values": lambda names: of_regimes(names, values),
}


def record(folder: Path, parts: list[str], names: list[str]) -> list[str]:
    """Write one file for each thing; return the names of those that could not be made.

    Parts that are recorded are recorded afresh; others in the folder stay.
    """
    failures = []
    for part in parts:
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
        count = 0
        for name, make in PARTS[part](names):
            try:
                content = make()
            except Exception as error:
                content = f"{type(error).__name__}: {error}"
                failures.append(f"{part}/{name}: {content}")
            file = folder / part / (re.sub(r"[^\w-]+", "-", name) + ".txt")
            assert not file.exists(), f"two things are called {file.name}"
            file.write_text(content + "\n", encoding="utf-8", newline="\n")
            count += 1
        print(f"{part}: {count} recorded", flush=True)
    found = {
        "catlearn": str(Path(cl.__file__).parent),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }
    (folder / "versions.json").write_text(json.dumps(found, indent=1) + "\n")
    return failures


def differences(before: Path, after: Path, parts: list[str], lines: int = 0) -> list[str]:
    """List what differs between two folders, each with the first line that does, or more."""
    found = []
    for part in parts:
        one, other = (
            {path.name: path.read_text(encoding="utf-8") for path in (folder / part).glob("*.txt")}
            for folder in (before, after)
        )
        for name in sorted(one.keys() | other.keys()):
            where = f"{part}/{name}"
            if name not in other or name not in one:
                found.append(f"{where}: only {'before' if name in one else 'after'}")
            elif one[name] != other[name]:
                pair = one[name].splitlines(), other[name].splitlines()
                changed = list(difflib.unified_diff(*pair, "before", "after", n=0, lineterm=""))
                shown = [line[:160] for line in changed[2 : 2 + max(lines, 3)]]
                found.append("\n    ".join([f"{where}: differs", *shown]))
    return found


def quick() -> None:
    """Record a few regimes twice, in processes that order sets differently, and compare."""
    chosen = [*PARTS]
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("one", "other")]
        for seed, folder in enumerate(folders, 1):
            names = "|".join(f"^{name}$" for name in QUICK)
            command = [sys.executable, __file__, "record", str(folder), "--regimes", names]
            environment = os.environ | {"PYTHONHASHSEED": str(seed)}
            subprocess.run(command, check=True, env=environment)
        found = differences(*folders, chosen)
        if found:
            sys.exit("\n".join(["recorded twice, and different:", *found]))
        # The comparison sees one character.
        file = folders[1] / "plans" / "classification.txt"
        file.write_text(file.read_text().replace("1", "2", 1))
        assert len(differences(*folders, chosen)) == 1
    print("recorded twice, and equal")


def main() -> None:
    """Record, or compare."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="record a few regimes twice")
    commands = options.add_subparsers(dest="command")
    recording = commands.add_parser("record", help="write what this version makes")
    recording.add_argument("folder", type=Path)
    recording.add_argument("--regimes", default="", help="a regular expression; by default all")
    comparing = commands.add_parser("diff", help="list what differs")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--lines", type=int, default=3, help="how many lines of each to show")
    for command in (recording, comparing):
        command.add_argument("--only", help=f"some of {','.join(PARTS)}; by default all")
    chosen = options.parse_args()
    if chosen.quick:
        quick()
        return
    if chosen.command is None:
        options.error("record, diff, or --quick")
    parts = chosen.only.split(",") if chosen.only else [*PARTS]
    if not PARTS.keys() >= {*parts}:
        options.error(f"there are the parts {', '.join(PARTS)}")
    if chosen.command == "record":
        names = [name for name in REGIMES if re.search(chosen.regimes, name)]
        failures = record(chosen.folder, parts, names)
        if failures:
            sys.exit("\n".join(["could not be recorded:", *failures]))
        return
    versions = [
        json.loads((folder / "versions.json").read_text())
        for folder in (chosen.before, chosen.after)
    ]
    for name in ("python", "jax", "numpy"):
        if versions[0][name] != versions[1][name]:
            print(f"{name} is {versions[0][name]} before and {versions[1][name]} after")
    found = differences(chosen.before, chosen.after, parts, chosen.lines)
    if found:
        sys.exit("\n".join([*found, f"{len(found)} differences"]))
    print("no difference")


if __name__ == "__main__":
    main()
