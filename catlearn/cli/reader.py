"""Reading tables of TOML: values by key, and all that is wrong by its place in the file.

>>> reader = Reader()
>>> reader.value({"steps": "many"}, "steps", "an integer")
>>> print(*reader.failures)
steps: is 'many', expected an integer [value]
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from catlearn.errors import Failure, did_you_mean
from catlearn.files import shorten

#: Stands for the default of a key that has to be given.
REQUIRED: Any = object()

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "true or false": lambda value: isinstance(value, bool),
    "an integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a number": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ),
    "a table": lambda value: isinstance(value, dict),
    "a list": lambda value: isinstance(value, list),
}
"""What values of TOML there are, as messages call them."""


class Reader:
    """Takes keys from tables and collects all that is wrong, by its TOML path."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def fault(self, law: str, where: str, message: str) -> None:
        """Note that something is wrong."""
        self.failures.append(Failure(law, where, message))

    def value(
        self,
        table: Mapping[str, Any],
        key: str,
        kinds: str | Iterable[str],
        at: str = "",
        *,
        default: Any = REQUIRED,
        good: Callable[[Any], bool] = lambda value: True,
        expected: str = "",
    ) -> Any:
        """Return the value of a key, or its default where it is missing or wrong."""
        where = dotted(at, key)
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        otherwise = None if default is REQUIRED else default
        if key not in table:
            if default is REQUIRED:
                self.fault("missing", where, f"has to be given: {expected or ' or '.join(kinds)}")
            return otherwise
        value = table[key]
        if any(KINDS[kind](value) for kind in kinds) and good(value):
            return value
        wanted = expected or " or ".join(kinds)
        self.fault("value", where, f"is {shown(value)}, expected {wanted}")
        return otherwise

    def unknown(
        self,
        table: Mapping[str, Any],
        known: Iterable[str],
        at: str = "",
        advice: Callable[[str, list[str]], str] = did_you_mean,
    ) -> None:
        """Note the keys that mean nothing."""
        known = list(known)
        for key in table:
            if key not in known:
                self.fault("unknown key", dotted(at, key), advice(key, known))

    def named(self, names: Any, known: Iterable[str], at: str, what: str) -> list[str]:
        """Return the names that a text stands for, and note those that nothing answers to.

        Parameters
        ----------
        names
            A name, several with commas between them, or a pattern with ``*`` for any characters;
            or a list of such.
        known
            All names that there are.
        at
            The TOML path.
        what
            What has these names, such as ``"model"``.

        Examples
        --------
        >>> Reader().named(["head_*", "body"], ["head_1", "head_2", "body"], "remat", "model")
        ['head_1', 'head_2', 'body']
        """
        known, found = list(known), {}
        for text in [names] if isinstance(names, str) else names:
            for part in [text] if text in known else re.split(r"\s*,\s*", text.strip()):
                same = matching(part, known)
                found.update(dict.fromkeys(same))
                if not same:
                    message = f"{shown(part)} is no {what}; {did_you_mean(part, known)}"
                    self.fault("unknown name", at, message)
        return list(found)

    def by_name(
        self, table: Mapping[str, Any], known: Iterable[str], at: str, what: str
    ) -> dict[str, tuple[str, Any]]:
        """Return for each name the key of a table that stands for it, with its value.

        A key is read as by :meth:`named`. One that says the name itself goes before a pattern, and
        any pattern before ``"*"``; two that are alike in this for one name are a fault.

        Examples
        --------
        >>> Reader().by_name({"*": 1, "head": 2}, ["body", "head"], "precision", "model")
        {'body': ('*', 1), 'head': ('head', 2)}
        """
        known = list(known)
        found: dict[str, tuple[int, str, Any]] = {}
        for key, value in table.items():
            where = dotted(at, key)
            rank = 0 if key == "*" else 1 if "*" in key and key not in known else 2
            for name in self.named(key, known, where, what):
                other = found.get(name)
                if other is not None and other[0] == rank:
                    message = f"stands for {what} '{name}', and so does {dotted(at, other[1])}"
                    self.fault("ambiguous", where, message)
                elif other is None or other[0] < rank:
                    found[name] = rank, key, value
        return {name: found[name][1:] for name in known if name in found}


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """Return the names that a pattern stands for, in which only ``*`` means anything but itself.

    Examples
    --------
    >>> matching("fit[*]", ["fit[d.X]", "fit"]), matching("f", ["f", "fit"])
    (['fit[d.X]'], ['f'])
    """
    if pattern in (known := list(known)):
        return [pattern]
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    return [name for name in known if "*" in pattern and expression.fullmatch(name)]


def dotted(at: str, key: str) -> str:
    """Return the TOML path of a key.

    Examples
    --------
    >>> dotted("data.digits", "file"), dotted("data", "my digits")
    ('data.digits.file', 'data."my digits"')
    """
    plain = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    written = key if plain else '"' + shorten(key).replace('"', '\\"') + '"'
    return f"{at}.{written}" if at else written


def shown(value: Any) -> str:
    """Return a value as TOML writes it, short enough for a message.

    Examples
    --------
    >>> shown(True), shown("adam"), shown([1, "x"])
    ('true', "'adam'", "[1, 'x']")
    """
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else shorten(repr(value))
