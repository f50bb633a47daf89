"""The package as a whole: light to import, one public face, floors in order, a README that runs."""

import ast
import doctest
import functools
import importlib
import math
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import catlearn

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "catlearn"
HEAVY = (
    "equinox",
    "hypothesis",
    "jax",
    "matplotlib",
    "networkx",
    "optax",
    "safetensors",
    "scipy",
    "sklearn",
    "sympy",
)
LIGHT_ROOMS = (
    "errors",
    "display",
    "files",
    "tensors",
    "finset",
    "category",
    "cset",
    "cost",
    "arrays",
    "costing",
    "models",
    "learning",
    "drawing",
    "formats",
    "testing",
)

ROOMS = {room.name for room in pkgutil.iter_modules(catlearn.__path__)}
# Names that were on the face, by the room where they are.
FORMER = {
    "category": """
        Adjunction Arborescence Category Composes Finiteness Functions Morphisms Paths
        PresentationMorphism PresentedCategory RewritingSystem Verdict adjunction are_equivalent
        are_isomorphic arrow_category comma complete coslice_category full_subcategory
        functor_category karoubi naturally_isomorphic opposite presentation_of_colimit skeleton
        slice_category subcategory twisted_arrow_category wide_subcategory
    """,
    "cost": """
        Aggregator Atom EnrichedCategory EnrichedFunctor LawvereMetric Matrix OpenObjective Quantale
        Term comparison free maximum register_aggregator wire
    """,
    "cset": """
        Elements Exponential KanExtension LeftKan Profunctor Rewrite RightKan Subobject
        SubobjectClassifier Yoneda automorphisms category_of_elements density exponential image
        isomorphism ocompose pushout_complement representable subobject_classifier subobject_lattice
        yoneda yoneda_embedding
    """,
    "drawing": """
        Picture
    """,
    "errors": """
        InvalidStructure
    """,
    "finset": """
        Colimit Limit ListFunction Shape TableMorphism Tables
    """,
    "formats": """
        from_acset from_csv from_discopy from_json from_quiver from_sympy from_tikzcd to_acset
        to_csv to_discopy to_json to_sympy
    """,
    "learning": """
        Defined LossTerm Selection
    """,
    "lowering": """
        Resources path_metric
    """,
    "models": """
        Map each on_factors register_adapter register_architecture register_divergence
    """,
    "training": """
        Batches Sharding
    """,
}


def heavy_modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and say which heavy libraries it loaded."""
    script = f"import sys\n{code}\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_import_is_light():
    assert heavy_modules_after("import catlearn; dir(catlearn)") == set()


def test_rooms_below_the_lowering_are_light_to_import():
    rooms = "; ".join(f"import catlearn.{room}" for room in LIGHT_ROOMS)
    assert heavy_modules_after(rooms) == set()


def test_a_heavy_import_is_noticed():
    assert heavy_modules_after("import catlearn, networkx") >= {"networkx"}


def test_every_public_name_resolves():
    assert catlearn.__all__ == sorted(catlearn.__all__)
    for name in catlearn.__all__:
        assert getattr(catlearn, name) is not None
    assert dir(catlearn) == catlearn.__all__


def test_the_face_is_small_and_its_names_are_told_apart():
    names = [name for name in catlearn.__all__ if name not in ROOMS]
    assert len(names) <= 95
    often = Counter(name.lower() for name in names)
    assert {name for name, count in often.items() if count > 1} == {"product"}


@pytest.mark.parametrize("room", FORMER)
def test_names_that_stood_on_the_face_still_work(room):
    for name in FORMER[room].split():
        assert name not in catlearn.__all__
        with pytest.warns(DeprecationWarning, match=rf"catlearn\.{room}\.{name}\b"):
            value = getattr(catlearn, name)
        assert value is getattr(importlib.import_module(f"catlearn.{room}"), name)


RENAMED = {
    "category": {"Circuit": "StringDiagram"},
    "cli": {"Run": "RunFolder"},
    "cost": {"Monoid": "CommutativeMonoid"},
    "drawing": {"Arrow": "SceneArrow", "Law": "SceneLaw"},
    "drawing.circuits": {"Row": "Line", "Step": "Transition"},
}


@pytest.mark.parametrize("room", RENAMED)
def test_names_that_rooms_had_before_still_work(room):
    face = importlib.import_module(f"catlearn.{room}")
    for old, new in RENAMED[room].items():
        assert old not in face.__all__
        with pytest.warns(DeprecationWarning, match=rf"{new}\b") as warned:
            assert getattr(face, old) is getattr(face, new)
        assert warned[0].filename == __file__


def test_classes_of_two_rooms_have_two_names():
    table = runpy.run_path(str(ROOT / ".ci" / "stubs.py"))["face"]
    homes = {}
    for path in sorted(PACKAGE.glob("*/**/__init__.py")):
        _, names = table(path.read_text(encoding="utf-8")) or ([], {})
        room = ".".join(path.parent.relative_to(ROOT).parts)
        for name in (name for some in names.values() for name in some if name[0].isupper()):
            homes.setdefault(name, []).append(room)
    for name, rooms in homes.items():
        if len(rooms) > 1:
            values = [getattr(importlib.import_module(room), name) for room in rooms]
            assert all(value is values[0] for value in values), (name, rooms)


def test_stubs_are_the_ones_that_the_faces_make():
    stubs = runpy.run_path(str(ROOT / ".ci" / "stubs.py"))["stubs"]()
    assert PACKAGE / "__init__.pyi" in stubs
    for path, text in stubs.items():
        assert path.read_text(encoding="utf-8") == text, "run python .ci/stubs.py"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = catlearn.no_such_name
    with pytest.raises(AttributeError, match="karoubi"):  # one of the names of before
        _ = catlearn.karoubii
    from catlearn import files  # a module that is no room

    assert files.__name__ == "catlearn.files"


def test_public_names_come_from_public_faces():
    """Each name of the face is one that its room's own face offers."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom) and node.module]
    assert imports
    for node in imports:
        room = importlib.import_module(f"catlearn.{node.module}")
        missing = {alias.name for alias in node.names} - set(getattr(room, "__all__", dir(room)))
        assert not missing, f"catlearn.{node.module} does not offer {missing}"


def shadows(package: ModuleType) -> set[str]:
    """Names on the face of a package that its modules have too: one would hide the other.

    A room in a room is on its face as what it is.
    """
    inner = pkgutil.iter_modules(package.__path__)
    modules = {module.name for module in inner if not module.ispkg}
    return modules & set(package.__all__)


def test_no_module_is_called_like_a_name_on_the_face_of_its_room():
    found = pkgutil.walk_packages(catlearn.__path__, "catlearn.")
    rooms = [importlib.import_module(module.name) for module in found if module.ispkg]
    assert rooms
    for room in rooms:
        assert shadows(room) == set(), f"modules of {room.__name__}"


def test_a_module_called_like_a_function_is_noticed(tmp_path, monkeypatch):
    room = tmp_path / "room_with_a_shadow"
    room.mkdir()
    (room / "fit.py").write_text("def fit(): ...\n")
    (room / "run.py").write_text("def walk(): ...\n")
    face = "from .fit import fit\nfrom .run import walk\n__all__ = ['fit', 'walk']\n"
    (room / "__init__.py").write_text(face)
    monkeypatch.syspath_prepend(tmp_path)
    assert shadows(importlib.import_module(room.name)) == {"fit"}


@functools.cache
def floors() -> dict[str, int]:
    """Height of each room, read from the contract in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"\w+", layer) for layer in reversed(contract["layers"])]
    return {room: height for height, rooms in enumerate(layers) for room in rooms}


def upward_imports(room: str, source: str) -> list[str]:
    """Imports of catlearn in a source text that do not go down from its room.

    The package itself, whose public names stand above every room, lends its version only.
    """
    height = floors()
    targets = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets += [f"{node.module}.{alias.name}" for alias in node.names]
    rooms = [target.split(".")[1] for target in targets if re.match(r"catlearn\.\w", target)]
    others = [other for other in rooms if other not in (room, "__version__")]
    return [other for other in others if height.get(other, math.inf) >= height[room]]


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_tables_of_rooms_are_in_the_order_of_the_contract(page):
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / page).read_text(), flags=re.MULTILINE)
    named = [re.findall(r"\w+", row) for row in rows]
    height = floors()
    heights = [max(height[room] for room in rooms) for rooms in named]
    assert {room for rooms in named for room in rooms} >= {"finset", "learning", "training"}
    assert heights == sorted(heights)


def test_imports_go_down():
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":
            assert upward_imports(room, path.read_text()) == [], path


@pytest.mark.parametrize(
    "source",
    [
        "from catlearn.training import fit",
        "import catlearn.learning",
        "from catlearn import lowering",
        "from catlearn import Space",
        "def late():\n    from catlearn.learning.diagram import LearningDiagram",
    ],
)
def test_an_upward_import_is_noticed(source):
    assert upward_imports("cost", source) != []


def test_version_is_the_one_that_is_cited():
    assert f"version: {catlearn.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_pictures_in_the_repository_are_the_ones_the_package_draws():
    script = runpy.run_path(str(ROOT / "docs" / "pictures.py"))
    pictures = script["pictures"]()
    assert pictures
    for name, text in pictures.items():
        assert (ROOT / "docs" / "_static" / name).read_text(encoding="utf-8") == text, (
            "run python docs/pictures.py"
        )


@pytest.mark.parametrize("page", [*(ROOT / "docs").rglob("*.md")], ids=lambda page: page.stem)
def test_a_page_names_files_that_are_there(page):
    named = re.findall(r"`((?:catlearn|tests|docs|benchmarks)/[\w./]*)`", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_readme_example_runs():
    blocks = python_blocks((ROOT / "README.md").read_text())
    assert blocks
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=flags)
    for block in blocks:
        runner.run(parser.get_doctest(block, {}, "README.md", "README.md", 0))
    assert runner.tries > 0
    assert runner.failures == 0


def test_readme_commands_are_the_ones_that_are_checked():
    readme = (ROOT / "README.md").read_text()
    script = (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"```sh\n(.*?)```", readme, flags=re.DOTALL)
    steps = [step.strip() for block in commands for step in re.split(r"&&|\n", block)]
    checked = [step for step in steps if step.startswith(("catlearn demo", "pytest"))]
    assert checked
    assert all(step in script for step in checked)
