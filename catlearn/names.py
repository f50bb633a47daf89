"""Names: how fresh ones are made, by a convention for each use, and quotation.

==========  =====================  ===========================================================
mark        names made of x        where
==========  =====================  ===========================================================
``left/``   left/x, left/left/x    rows that clash in a colimit, by the leg; copies of rows
``'``       x', x''                things made by rules and chains, scales of a plan
``#``       x#2, x#3               symbols of a loss, labels of drawings that are read
``-``       x-2, x-3               parallel arrows of graphs and categories
``.``       x.1, x.2               hidden variables of open objectives
==========  =====================  ===========================================================

>>> fresh("x", {"x", "x'"}, "'"), fresh("x", {"x"}, "left/"), fresh("y", {"x"}, "#")
("x''", 'left/x', 'y')
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Any

FIRST = {"#": 2, "-": 2, ".": 1}
"""The marks that numbers follow, and the first number."""


def fresh(name: str, taken: Collection[str], mark: str, last: dict[str, int] | None = None) -> str:
    """Return a name that is not taken: the name itself, or the first that its mark makes of it.

    Where names are only ever added to those that are taken, ``last`` has the number that was found
    for each, from which the next one is looked for.
    """
    if mark in FIRST and name in taken:
        start = FIRST[mark] if last is None else last.get(name, FIRST[mark])
        n, new = next((n, one) for n in count(start) if (one := f"{name}{mark}{n}") not in taken)
        if last is not None:
            last[name] = n
        return new
    while name in taken:
        name = mark + name if mark.endswith("/") else name + mark
    return name


def distinct(names: Iterable[str], mark: str, taken: Iterable[str] = ()) -> list[str]:
    """Return names of which none is taken and no two are equal, each as it is where that goes.

    Numbers are never such that the name is one of the others.

    Examples
    --------
    >>> distinct(["a", "b", "a"], "new/", taken={"b"}), distinct(["a", "a", "a#2"], "#")
    (['a', 'new/b', 'new/a'], ['a', 'a#3', 'a#2'])
    """
    names, used = list(names), set(taken)
    if not used and len(set(names)) == len(names):
        return names
    others, last = set(names), dict.fromkeys(names, FIRST.get(mark, 0))
    for k, name in enumerate(names):
        if name in used and mark in FIRST:
            tries = ((n, f"{name}{mark}{n}") for n in count(last[name]))
            last[name], names[k] = next(x for x in tries if x[1] not in used and x[1] not in others)
        else:
            names[k] = fresh(name, used, mark)
        used.add(names[k])
    return names


def numbered(names: Iterable[str], kind: str) -> list[str]:
    """Make names distinct: a repeated one gets a number, one that is missing is called by kind.

    Examples
    --------
    >>> numbered(["A", "", "A"], "v")
    ['A', 'v2', 'A#2']
    """
    return distinct((name or f"{kind}{number}" for number, name in enumerate(names, 1)), "#")


HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]"
)
"""Characters that a reader does not see, or that turn or break a text; joiners are none."""

_JOINER = re.compile(r"(?<!\\)((?:\\\\)*)\\u200([cd])")


def visible(text: str) -> str:
    """Return a text in which characters that a reader does not see, or that turn it, are escaped.

    These are control characters other than tabs and ends of lines, separators of lines, and marks,
    embeddings, overrides and isolates of direction. Joiners, which emoji and the scripts of Persian
    and of India need, stay as they are.

    Examples
    --------
    >>> print(visible("a" + chr(0x202E) + "b" + chr(27)))
    a\\u202eb\\u001b
    """
    if text.isprintable():
        return text
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def readable(text: str) -> str:
    """Return what ``repr`` writes, with joiners as they are; it evaluates to the same.

    Examples
    --------
    >>> readable(repr("a\\u200db")) == "'a\\u200db'"
    True
    """
    return visible(_JOINER.sub(lambda f: f[1] + "\u200c\u200d"["cd".index(f[2])], text))


def quote(name: str) -> str:
    """Return a name as a text that marks where it ends: a JSON string.

    Examples
    --------
    >>> print(quote('say "no"'))
    "say \\"no\\""
    """
    return json.dumps(name, ensure_ascii=False)


def warn_renamed(old: str, new: str) -> None:
    """Warn whoever calls the caller that a name of before is still there, but not for long."""
    message = f"{old} is {new}; the old name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def renamed(
    face: str, names: Mapping[str, str], load: Callable[[str], Any]
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a face on which some names were others before.

    Parameters
    ----------
    face
        The module.
    names
        The names of now, by those of before.
    load
        How names of now are loaded.
    """

    def get(name: str) -> Any:
        if name not in names:
            return load(name)
        warn_renamed(f"{face}.{name}", f"{face}.{names[name]}")
        return load(names[name])

    return get
