"""Fresh names: never taken, never twice the same, and no other than it needs."""

from hypothesis import given, strategies as st

from catlearn.names import distinct, fresh

marks = st.sampled_from(["left/", "'", "#", "-", "."])
names = st.lists(st.sampled_from(["a", "b", "a'", "left/a", "a#2", "a-2", "a.1", "a#3", ""]))


@given(names, marks, st.sets(st.sampled_from(["a", "a-2", "a'", "left/a", "b#2"])))
def test_names_are_made_distinct(given_names, mark, taken):
    found = distinct(given_names, mark, taken)
    assert len(found) == len(set(found)) == len(given_names)
    assert not taken & set(found)
    for k, (old, new) in enumerate(zip(given_names, found, strict=True)):
        assert new.endswith(old) if mark == "left/" else new.startswith(old)
        if new != old:  # it had to
            assert old in taken or old in found[:k]


def test_one_at_a_time():
    assert fresh("a", (), "#") == "a"
    assert fresh("a", {"a", "a#2"}, "#") == "a#3"
    assert fresh("x", {"x", "x.1"}, ".") == "x.2"
    assert fresh("left/a", {"left/a"}, "left/") == "left/left/a"
    assert distinct(["A"] * 4, "-") == ["A", "A-2", "A-3", "A-4"]
    assert distinct(["A", "A", "A"], "'", taken=["A"]) == ["A'", "A''", "A'''"]


def test_many_equal_names_are_quick():
    assert distinct(["x"] * 20_000, "#")[-1] == "x#20000"
