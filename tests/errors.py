"""What tests ask of an error: its class, the law that fails, where, and the names that it says.

How messages read is on one page, ``tests/errors.txt``, which ``test_messages.py`` makes and
compares; no other test asks for wording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from catlearn.errors import CatlearnError, Failure, InvalidStructure


def named(name: object, text: str) -> bool:
    """Whether a text says a name, a number or a piece of code, not as a part of a longer word.

    >>> named("f", "f ends at B"), named("f", "end of B"), named(10, "at most 100")
    (True, False, False)
    """
    word = str(name)
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w$", word) else ""
    return re.search(before + re.escape(word) + after, text) is not None


def places(error: BaseException) -> list[tuple[str, str]]:
    """The law and the place of each failure, in order."""
    return [(failure.law, failure.where) for failure in getattr(error, "failures", ())]


def are(failures: Iterable[Failure], *found: tuple[object, ...]) -> bool:
    """Check that there are exactly these failures: each a law, a place, and names that it says."""
    __tracebackhide__ = True
    failures = list(failures)
    assert [(failure.law, failure.where) for failure in failures] == [one[:2] for one in found]
    for failure, (_, _, *names) in zip(failures, found, strict=True):
        missing = [name for name in names if not named(name, str(failure))]
        assert not missing, f"does not say {missing}: {failure}"
    return True


def says(
    error: BaseException, *names: object, law: str = "", where: object = "", what: str = ""
) -> None:
    """Check that an error says these names; with a law or a place, in one failure of it.

    The place is a part of the failure's own, so that ``where="f"`` finds ``"edge 'f'"``; what is
    not valid may be named as well.
    """
    __tracebackhide__ = True
    assert named(what, getattr(error, "what", "")), f"is not about {what}: {error}"
    texts = [str(error)]
    if law or where:
        failures = getattr(error, "failures", ())
        at_law = [failure for failure in failures if law in ("", failure.law)]
        texts = [str(failure) for failure in at_law if named(where, failure.where)]
        assert texts, f"no failure of {law or 'any law'} at {where or 'any place'}: {error}"
    missing = [[name for name in names if not named(name, text)] for text in texts]
    assert [] in missing, f"does not say {min(missing, key=len)}: {error}"


def each_call(*tables: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Run a test for each ``name`` of some tables and each call, ``make``, one or a list, of it."""
    calls = [
        (name, make)
        for table in tables
        for name, makes in table.items()
        for make in (makes if isinstance(makes, list) else [makes])
    ]
    ids = [f"{name} {k}" for k, (name, _) in enumerate(calls)]
    return pytest.mark.parametrize(("name", "make"), calls, ids=ids)


@contextmanager
def fails(
    error: type[InvalidStructure], *found: tuple[object, ...]
) -> Iterator[pytest.ExceptionInfo]:
    """Expect an error with exactly these failures, as :func:`are` asks."""
    __tracebackhide__ = True
    with raises(error) as caught:
        yield caught
    are(caught.value.failures, *found)


@contextmanager
def raises(
    error: type[BaseException] | tuple[type[BaseException], ...],
    *names: object,
    law: str = "",
    where: object = "",
    what: str = "",
) -> Iterator[pytest.ExceptionInfo]:
    """Expect an error, as :func:`says` asks; one of the package is of this very class.

    >>> from catlearn import Graph
    >>> from catlearn.errors import NotComposable
    >>> with raises(NotComposable, "head", law="known edges", where="hed"):
    ...     Graph({"head": ("F", "Y")}).path("hed")
    """
    __tracebackhide__ = True
    with pytest.raises(error) as caught:
        yield caught
    if isinstance(error, type) and issubclass(error, CatlearnError):
        assert type(caught.value) is error, f"{type(caught.value).__name__}: {caught.value}"
    says(caught.value, *names, law=law, where=where, what=what)


def refused(
    error: type[CatlearnError], make: Callable[..., object], *given: Any, **options: Any
) -> Any:
    """Return the error of a call."""
    __tracebackhide__ = True
    with raises(error) as caught:
        make(*given, **options)
    return caught.value


@contextmanager
def warns(category: type[Warning], *names: object) -> Iterator[pytest.WarningsRecorder]:
    """Expect a warning that says these names."""
    __tracebackhide__ = True
    with pytest.warns(category) as caught:
        yield caught
    texts = [str(told.message) for told in caught if issubclass(told.category, category)]
    missing = [[name for name in names if not named(name, text)] for text in texts]
    assert [] in missing, f"does not say {min(missing, key=len)}: {texts}"
