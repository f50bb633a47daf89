"""Files that an older version wrote are read, and hold what is built by code today."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.cli import load_run, main
from catlearn.errors import CheckpointMismatch
from tests.fixtures import made

pytestmark = pytest.mark.filterwarnings("ignore::catlearn.tensors.NotVerified")

FOLDER = Path(made.__file__).parent / "0.1.0"
VALUES = made.DIAGRAMS | made.TABLES


def read(name):
    value = cl.load(FOLDER / "json" / f"{name}.json")
    return made.bound(value) if name == "code" else value


def same_arrays(found, expected):
    """Whether two trees have equal structure, and arrays of equal dtype, shape and bytes."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return jax.tree.structure(found) == jax.tree.structure(expected) and all(
        np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(a, b) for a, b in pairs
    )


@pytest.mark.parametrize("name", VALUES)
def test_a_file_holds_what_is_built_by_code(name):
    found, expected = read(name), VALUES[name]()
    assert found == expected
    assert type(found) is type(expected)
    if isinstance(found, cl.LearningDiagram):
        assert same_arrays(dict(found.starts), dict(expected.starts))
        assert same_arrays(
            {name: dict(columns) for name, columns in found.data.items()},
            {name: dict(columns) for name, columns in expected.data.items()},
        )


def test_the_files_have_every_table_and_attribute_of_the_schema():
    diagrams = [make() for make in made.DIAGRAMS.values()]
    shape = diagrams[0].shape
    for table in shape.tables:
        assert any(diagram.size(table) for diagram in diagrams), table
    for name in shape.attributes:
        known = {label for diagram in diagrams for label in diagram.attributes[name]}
        assert known - {None}, name
    kinds = {diagram.map_label(edge).kind for diagram in diagrams for edge in diagram.edges}
    assert kinds >= {"model", "frozen", "fixed", "projection", "factor", "defined", "operator"}
    assert {edge for diagram in diagrams for edge in diagram.starts} >= {"known", "frozen"}


@pytest.mark.parametrize("name", VALUES)
def test_the_same_bytes_are_written(name, tmp_path):
    cl.save(VALUES[name](), tmp_path / f"{name}.json")
    written = sorted((FOLDER / "json").glob(f"{name}.*"))
    assert written
    for path in written:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", made.TABLES)
def test_plain_acsets(name):
    expected = made.TABLES[name]()
    text = (FOLDER / "acset" / f"{name}.json").read_text(encoding="utf-8")
    assert cl.formats.to_json(expected, plain=True) == text
    found = cl.formats.from_json(text, expected.shape)
    assert found.attributes == expected.attributes
    for name, arrow in expected.arrows.items():
        assert found.arrows[name].values.tolist() == arrow.values.tolist()
    for name, entries in expected.lists.items():
        assert list(map(list, found.lists[name])) == list(map(list, entries))


@pytest.mark.parametrize("name", sorted(path.name for path in (FOLDER / "csv").iterdir()))
def test_csv(name, tmp_path):
    expected = VALUES[name]()
    found = cl.formats.from_csv(expected.shape, FOLDER / "csv" / name)
    assert (found.sets, found.arrows, found.lists, found.attributes) == (
        *(expected.sets, expected.arrows, expected.lists, expected.attributes),
    )
    for table, path in cl.formats.to_csv(expected, tmp_path).items():
        assert path.read_bytes() == (FOLDER / "csv" / name / f"{table}.csv").read_bytes()


@pytest.mark.parametrize(
    ("file", "from_text"),
    [("drawn.quiver", cl.formats.from_quiver), ("drawn.tex", cl.formats.from_tikzcd)],
)
def test_drawings(file, from_text):
    """Where a picture has no order, vertices come as they lie in it."""
    found, expected = from_text((FOLDER / file).read_text()), made.drawn()
    assert {edge: found.ends(edge) for edge in found.edges} == {
        edge: expected.ends(edge) for edge in expected.edges
    }
    assert set(found.vertices) == set(expected.vertices)
    assert [set(found.sides(name)) for name in found.equations] == [
        set(expected.sides(name)) for name in expected.equations
    ]


# Runs.


@pytest.mark.parametrize("file", ["stacked.safetensors", "changing.safetensors",
                                  "drawing.safetensors", "stacked/"])  # fmt: skip
def test_a_run_goes_on_from_an_older_checkpoint(file, tmp_path):
    """It ends where a run without a stop ends, to the rounding of another version of JAX."""
    name, place = file.rstrip("/").removesuffix(".safetensors"), tmp_path / file
    if file.endswith("/"):
        pytest.importorskip("orbax.checkpoint", reason="orbax is not installed")
        shutil.copytree(FOLDER / "checkpoints" / file, place)
    else:
        shutil.copy(FOLDER / "checkpoints" / file, place)
    given = f"{place}/" if file.endswith("/") else place
    whole = made.fit(name, steps=made.STEPS)
    seen = []
    resumed = made.fit(
        name, steps=made.STEPS, checkpoint=given, resume=True, log_every=1,
        callback=lambda step, costs: seen.append(step),
    )  # fmt: skip
    assert seen == list(range(made.BEFORE + 1, made.STEPS + 1))
    np.testing.assert_allclose(resumed.history.total, whole.history.total, rtol=1e-4)
    for part in ("params", "optimizer_state", "state"):
        found, expected = (jax.tree.leaves(getattr(r, part)) for r in (resumed, whole))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    # The mutant: from where the run begins, it does not end there.
    again = made.fit(name, steps=made.STEPS - made.BEFORE)
    moved = zip(jax.tree.leaves(again.params), jax.tree.leaves(whole.params), strict=True)
    assert not all(np.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in moved)


def test_an_older_checkpoint_of_another_run_is_refused(tmp_path):
    place = tmp_path / "run.safetensors"
    shutil.copy(FOLDER / "checkpoints" / "stacked.safetensors", place)
    with pytest.raises(CheckpointMismatch) as caught:
        made.fit("stacked", steps=5, checkpoint=place, resume=True, key=jax.random.key(6))
    assert [failure.where for failure in caught.value.failures] == ["key"]


def test_a_run_folder():
    run = load_run(FOLDER / "run" / "out")
    assert run.diagram == made.trained()
    assert run.config == made.CONFIG
    assert set(run.diagram.starts["head"]) == {"weight", "bias"}
    assert [len(costs) for costs in run.history.values()] == [4, 4]
    assert run.metrics["steps"] == 4
    (equation,) = run.metrics["equations"]
    assert run.history["total"] == run.history[equation["name"]]


def test_a_folder_to_train_in_goes_on(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(FOLDER / "run", folder)
    with np.load(folder / "digits.npz") as found:
        assert {name: found[name].shape for name in found} == {"images": (20, 4), "labels": (20,)}
    old = load_run(folder / "out")
    (folder / "run.toml").write_text(made.CONFIG.replace("steps = 4", "steps = 6", 1))
    said = ["train", str(folder / "diagram.json"), "--config", str(folder / "run.toml"), "--quiet"]
    assert main([*said, "--out", str(folder / "out"), "--resume", "--overwrite"]) == 0
    new = load_run(folder / "out")
    assert len(new.history["total"]) == 6
    assert new.history["total"][:4] == old.history["total"]


def test_files_are_small_and_name_no_place():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert json.loads((FOLDER / "run" / "out" / "metrics.json").read_text())["versions"]
