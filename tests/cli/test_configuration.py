"""Every key of a configuration: documented, read, and refused where it makes no sense."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from catlearn.cli import main
from catlearn.cli.configuration import (
    KEYS,
    OPTIMIZERS,
    SCHEDULES,
    SECTIONS,
    TRANSFORMATIONS,
    Section,
    dotted,
    markdown,
    matching,
    plain,
    read_settings,
)
from catlearn.errors import FileFormatError

#: What a configuration has to say at least.
LEAST = '[data.digits]\nfile = "here.npz"\n[optimizer]\nname = "sgd"\n'

#: By key: lines that change it, what they make of it, and lines that are refused.
CASES = {
    "steps": ("steps = 7", 7, "steps = 0"),
    "batch_size": ("batch_size = {digits = 4}", {"digits": 4}, "batch_size = {digits = true}"),
    "accumulate": ("accumulate = 2", 2, "accumulate = 2.0"),
    "scan_steps": ("scan_steps = 5", 5, "scan_steps = -1"),
    "seed": ("seed = 3", 3, "seed = -1"),
    "log_every": ("log_every = 9", 9, 'log_every = "often"'),
    "loss.equations": ('[loss]\nequations = "basis"', "basis", '[loss]\nequations = "al"'),
    "loss.aggregator": ('[loss]\naggregator = "max"', "max", "[loss]\naggregator = 3"),
    "loss.max_length": ("[loss]\nmax_length = 4", 4, "[loss]\nmax_length = 0"),
    "loss.weights": ("[loss]\nweights = {a = 2}", {"a": 2}, "[loss]\nweights = 2"),
    "data.NAME.file": ('file = "there.csv"', "there.csv", "file = 3"),
    "data.NAME.columns": ('columns = {X = ["a", "b"]}', {"X": ["a", "b"]}, "columns = {X = 3}"),
    "data.NAME.test": ("test = 0.25", 0.25, "test = 1.5"),
    "data.NAME.test_file": ('test_file = "there.csv"', "there.csv", "test_file = true"),
    "lowering.precision": ('[lowering]\nprecision = {f = "float16"}', {"f": "float16"},
                           '[lowering]\nprecision = "int8"'),
    "lowering.remat": ("[lowering]\nremat = true", True, "[lowering]\nremat = []"),
    "lowering.independent": ('[lowering]\nindependent = ["f"]', ["f"],
                             "[lowering]\nindependent = true"),
    "lowering.stack": ("[lowering]\nstack = false", False, "[lowering]\nstack = 1"),
    "checkpoint.path": ('[checkpoint]\npath = "run/"', "run/", '[checkpoint]\npath = ""'),
    "checkpoint.every": ('[checkpoint]\npath = "r"\nevery = 5', 5, "[checkpoint]\nevery = 0"),
    "checkpoint.resume": ('[checkpoint]\npath = "r"\nresume = true', True,
                          "[checkpoint]\nresume = 1"),
    "validation.validate": ("[validation]\nvalidate = 0.25", 0.25,
                            "[validation]\nvalidate = {digits = 1.5}"),
    "validation.every": ("[validation]\nvalidate = 3\nevery = 5", 5,
                         "[validation]\nvalidate = 3\nevery = 0"),
    "validation.patience": ("[validation]\nvalidate = 3\npatience = 5", 5,
                            '[validation]\nvalidate = 3\npatience = "much"'),
    "validation.by": ('[validation]\nvalidate = 3\nby = "fit"', "fit",
                      "[validation]\nvalidate = 3\nby = 3"),
    "validation.least": ("[validation]\nvalidate = 3\nleast = 0.5", 0.5,
                         "[validation]\nvalidate = 3\nleast = -1"),
    "validation.largest": ("[validation]\nvalidate = 3\nlargest = true", True,
                           "[validation]\nvalidate = 3\nlargest = 1"),
    "validation.metrics.NAME": (
        '[validation]\nvalidate = 3\nmetrics = {digits = ["f = g", "accuracy"]}',
        {"digits": ["f = g", "accuracy"]},
        '[validation]\nvalidate = 3\nmetrics = {digits = ["f = g"]}',
    ),
    "devices.count": ("[devices]\ncount = 2", 2, '[devices]\ncount = "some"'),
    "devices.parameters": ('[devices]\nparameters = "fsdp"', "fsdp",
                           '[devices]\nparameters = "zero"'),
    "devices.least": ("[devices]\nleast = 10", 10, "[devices]\nleast = 0"),
}  # fmt: skip
#: What an optimizer takes is checked when it is made, and tested with it.
OPTIMIZER = {key.place for key in KEYS if key.place.startswith("optimizer.")}


def read(folder, lines, place=""):
    """Settings of the least configuration with some lines more; those of data in its section."""
    for name in ("here.npz", "there.csv"):
        (folder / name).write_bytes(b"")
    head, tail = (lines, "") if not place.startswith("data.") else ("", lines)
    text = LEAST.replace('file = "here.npz"', "") if tail.startswith("file") else LEAST
    text = text.replace("[optimizer]", f"{tail}\n[optimizer]")
    if not head.startswith("["):
        text, head = f"{head}\n{text}", ""
    if not re.search(r"^steps", text, re.MULTILINE):
        text = f"steps = 1\n{text}"
    (folder / "run.toml").write_text(f"{text}\n{head}\n")
    settings = read_settings(folder / "run.toml")
    return settings, settings.file.faults


def test_every_key_has_a_case():
    assert [key.place for key in KEYS if key.place not in OPTIMIZER] == list(CASES)
    assert {key.section for key in KEYS} == set(SECTIONS)


@pytest.mark.parametrize("place", CASES)
def test_a_key_is_read_and_has_a_default(tmp_path, place):
    lines, wanted, _ = CASES[place]
    settings, failures = read(tmp_path, lines, place)
    assert not failures
    found = value(settings, place)
    if place in ("data.NAME.file", "data.NAME.test_file"):
        assert found == tmp_path / wanted
    elif place == "checkpoint.path":
        assert found == f"{tmp_path}/{wanted}"
    else:
        assert found == wanted
    plainly, _ = read(tmp_path, "")
    assert value(plainly, place) != found


def value(settings, place):
    section, _, name = place.removesuffix(".NAME").rpartition(".")
    if section == "data.NAME":
        return getattr(settings.data["digits"], name)
    part = getattr(settings, section) if section else settings
    return getattr(part, name, None)


@pytest.mark.parametrize("place", CASES)
def test_a_value_that_makes_no_sense_is_named_by_its_key(tmp_path, place):
    _, failures = read(tmp_path, CASES[place][2], place)
    where = place.replace("NAME", "digits")
    (failure,) = [failure for failure in failures if failure.where.startswith(where)]
    assert failure.law == "value"
    assert "expected" in failure.message


@pytest.mark.parametrize("section", [name for name in SECTIONS if name])
def test_a_section_is_a_table_and_knows_its_keys(tmp_path, section):
    name = section.removesuffix(".NAME")
    (tmp_path / "run.toml").write_text(f"{name} = 3\n")
    faults = read_settings(tmp_path / "run.toml").file.faults
    assert f"{name}: is 3, expected a section [{name}]" in "\n".join(map(str, faults))
    if name not in ("data", "optimizer"):
        _, failures = read(tmp_path, f"[{name}]\nlernig = 3")
        assert any(failure.where == f"{name}.lernig" for failure in failures)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("every = 3", "every [unknown key] [checkpoint]"),
        ("[loss]\nsteps = 3", "loss.steps [unknown key] above"),
        ("[lowering]\npath = 3", "lowering.path [unknown key] [checkpoint]"),
        ("[chekpoint]\npath = 3", "chekpoint [unknown key] checkpoint?"),
    ],
)
def test_a_key_in_the_wrong_place_is_sent_to_the_right_one(tmp_path, names, lines, says):
    _, failures = read(tmp_path, lines)
    assert names("\n".join(map(str, failures)), says)


@pytest.mark.parametrize(
    "text", ["steps = ", "a = 1\na = 2", "[a]\n[a]", "x = " + "[" * 3000, "\x00", "s = 08"]
)
def test_what_is_no_toml_is_one_message(tmp_path, text):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(FileFormatError) as caught:
        read_settings(tmp_path / "run.toml")
    assert [failure.law for failure in caught.value.failures] == ["TOML"]


def test_the_documentation_lists_the_keys_as_the_code_does():
    page = (Path(__file__).parents[2] / "docs" / "api" / "cli.md").read_text(encoding="utf-8")
    said = re.search(r"<!-- keys -->\n\n(.*?)\n<!-- end of keys -->", page, re.DOTALL)
    assert said is not None
    assert said[1] == markdown(), "copy catlearn.cli.configuration.markdown() to docs/api/cli.md"
    for name in (*OPTIMIZERS, *TRANSFORMATIONS, *SCHEDULES):
        assert f"`{name}`" in page
    for key in KEYS:
        assert f"`{key.place}`" in page
        assert "|" not in f"{key.meaning}{key.kind.words}{key.otherwise}"


def test_help_lists_every_key(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    assert plain() in said
    assert {*OPTIMIZERS, *TRANSFORMATIONS, *SCHEDULES} <= set(re.findall(r"\w+", said))
    for key in KEYS:
        assert re.search(rf"^  {re.escape(key.place.removeprefix(f'{key.section}.'))} ", said, re.M)
    (example,) = re.findall(r"A configuration:\n\n(.*?)\n\nAll keys", said, re.DOTALL)
    assert set(tomllib.loads(example)) == {"steps", "batch_size", "data", "optimizer"}


def test_names_and_patterns():
    known = ["head_1", "head_2", "a, b", "body"]
    ranked = Section({"*": 0, "head_*": 1, "head_2": 2}, "x")
    assert ranked.named("", "body, head_2", known, "model") == ["body", "head_2"]
    assert ranked.named("", "a, b", known, "model") == ["a, b"]
    assert ranked.by_name(known, "model") == {
        "head_1": "head_*", "head_2": "head_2", "a, b": "*", "body": "*"
    }  # fmt: skip
    assert not ranked.faults
    twice = Section({"head_1": 0, "head_1, body": 1}, "x")
    assert twice.by_name(known, "model")["body"] == "head_1, body"
    assert "and so does x.head_1" in str(twice.faults.pop())
    assert twice.named("", "body, hed_1", known, "model") == ["body"]
    assert "'hed_1' is no model; did you mean head_1" in str(twice.faults.pop())


def test_places_in_toml_are_written_as_in_toml():
    assert dotted("data", 'a "b"') == 'data."a \\"b\\""'
    assert dotted("", "steps") == "steps"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_patterns_match_as_they_do_for_a_shell(pattern, name):
    expected = fnmatch.fnmatchcase(name, pattern)
    assert (matching(pattern, [name]) == [name]) == expected


def test_a_pattern_of_many_stars_does_not_backtrack():
    assert matching("*a" * 2000 + "b", ["a" * 50_000]) == []
