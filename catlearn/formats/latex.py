"""Labels of drawings that are read."""

from collections.abc import Iterable

from catlearn.names import distinct


def numbered(names: Iterable[str], kind: str) -> list[str]:
    """Make names distinct: a repeated one gets a number, one that is missing is called by kind.

    Examples
    --------
    >>> numbered(["A", "", "A"], "v")
    ['A', 'v2', 'A#2']
    """
    return distinct((name or f"{kind}{number}" for number, name in enumerate(names, 1)), "#")
