"""Reading is strict and bounded, writing is all or nothing."""

import contextlib
import csv
import json
import os
import stat

import pytest
from hypothesis import given, strategies as st

from catlearn import files
from catlearn.errors import FileFormatError
from catlearn.files import atomic_write, json_depth, parse_csv, parse_json, read_bounded
from tests.errors import raises

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(documents, st.booleans())
def test_reads_back_what_the_standard_library_writes(value, escape):
    text = json.dumps(value, ensure_ascii=escape)
    assert parse_json(text) == value
    assert parse_json(text.encode()) == value


@given(st.lists(documents, max_size=3))
def test_depth_agrees_with_the_parsed_value(value):
    def depth(x):
        inner = x.values() if isinstance(x, dict) else x if isinstance(x, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert json_depth(json.dumps(value)) == depth(value)


TEXTS = [
    ("", "strict JSON", "line 1, column 1"),
    ('{"a": 1', "strict JSON", "line 1, column 8"),
    ("[NaN]", "strict JSON", "constant NaN"),
    ("[-Infinity]", "strict JSON", "constant -Infinity"),
    ("[1e400]", "strict JSON", "number 1e400"),
    ("[" + "9" * 5000 + "]", "strict JSON", "integer", 5000, 40),
    ('{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}', "strict JSON", "key 'c'", 2),
    ("[" * 100_000, "depth limit", "document", 100000, 64),
    ('{"a":' * 70 + "1" + "}" * 70, "depth limit", "document", 70, 64),
    ('["\\ud800"]', "strict JSON", "a string", "surrogate"),
    (b"\xff\xfe", "strict JSON", "document", "UTF-8"),
    (b"x" * 2000, "size limit", "document", 2000, 1000),
]
"""Texts that are no strict JSON: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", TEXTS)
def test_refuses_what_is_not_strict_json(fault):
    text, law, where, *names = fault
    limit = 1000 if isinstance(text, bytes) else 10**6
    with raises(FileFormatError, *names, law=law, where=where):
        parse_json(text, max_bytes=limit)


def test_every_fault_of_one_document_is_listed():
    with pytest.raises(FileFormatError) as caught:
        parse_json('{"a": NaN, "b": [Infinity, 1e999], "a": 1}')
    assert len(caught.value.failures) == 4


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(FileFormatError):
        assert parse_json(data) == json.loads(data)


def test_write_replaces_and_keeps_permissions(tmp_path):
    place = tmp_path / "a.json"
    place.write_bytes(b"old")
    place.chmod(0o600)
    atomic_write(place, b"new")
    assert place.read_bytes() == b"new"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.json"]


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    atomic_write(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file(tmp_path, monkeypatch, step):
    place = tmp_path / "a.json"
    place.write_bytes(b"old")

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, step, crash)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(place, b"new")
    assert place.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_missing_folder_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "no" / "a.json", b"")


def test_reading_is_bounded_and_only_of_regular_files(tmp_path):
    place = tmp_path / "a"
    place.write_bytes(b"12345")
    assert read_bounded(place, 5) == b"12345"
    with raises(FileFormatError, 5, 4, law="size limit"):
        read_bounded(place, 4)
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with raises(FileFormatError, where="pipe"):
        read_bounded(pipe, 5)


def test_a_device_is_not_replaced_and_a_link_stays(tmp_path):
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    with raises(OSError, "pipe"):
        atomic_write(pipe, b"")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic_write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_cells_of_any_length_are_read_and_the_limit_of_the_process_stays():
    before = csv.field_size_limit()
    assert parse_csv(b"a,b\n" + b"x" * 10**6 + b",y\n", "t") == (["a", "b"], [["x" * 10**6, "y"]])
    assert csv.field_size_limit() == before


def test_all_that_is_wrong_with_a_table_is_listed():
    with pytest.raises(FileFormatError) as caught:
        parse_csv(b"a,a\n1\n1,2\n1,2,3\n", "t")
    assert [one.where for one in caught.value.failures] == ["header", "record 2", "record 4"]
