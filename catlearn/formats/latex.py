"""Names out of LaTeX labels: the way back from how pictures write them.

Pictures set ``theta_12`` as ``\\theta_{12}`` and ``my_name`` as ``\\mathit{my\\_name}``; editors
such as quiver hold labels in LaTeX. :func:`plain_name` reads the name again. A label with
commands that are no part of a name, such as ``\\bar{f}``, stays as it is and is a name too.

>>> plain_name(r"\\theta_{12}"), plain_name(r"\\mathit{my\\_name}"), plain_name(r"\\mathbb{R}^{64}")
('theta_12', 'my_name', 'R^64')
>>> plain_name(r"\\bar{f}")
'\\\\bar{f}'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from catlearn.names import distinct

_TOKEN = re.compile(r"\\hat\{\\ \}|\\[A-Za-z]+ ?|\\.|[{}]|[^\\{}]", re.DOTALL)
_STYLES = re.compile(r"(math|text)[a-z]+|text|operatorname|displaystyle")
_LETTERS = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|"
    "upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
_SIGNS: Mapping[str, str] = {
    "backslash": "\\", "sim": "~", "gg": "≫", "times": "×", "approx": "≈", "mapsto": "↦",
    "to": "→", "cdot": "·", "ldots": "…",
}  # fmt: skip


def plain_name(label: str) -> str:
    """Return the name that a label shows, or the label itself where it is more than a name.

    Parameters
    ----------
    label
        LaTeX, with or without dollar signs around it.
    """
    label = label.strip()
    if len(label) > 1 and label[0] == label[-1] == "$":
        label = label[1:-1].strip()
    out: list[str] = []
    for token in _TOKEN.findall(label):
        if token.startswith("\\hat"):
            out.append("^" if token != "\\hat" else token)
        elif token in "{}":
            continue
        elif not token.startswith("\\"):
            out.append(token)
        elif not token[1].isalpha():
            out.append(token[1])
        else:
            word = token[1:].strip()
            if _STYLES.fullmatch(word):
                continue
            if word not in _SIGNS and not _LETTERS.fullmatch(word):
                return label
            out.append(_SIGNS.get(word, word))
    return "".join(out).strip()


def numbered(names: Iterable[str], kind: str) -> list[str]:
    """Make names distinct: a repeated one gets a number, one that is missing is called by kind.

    Examples
    --------
    >>> numbered(["A", "", "A"], "v")
    ['A', 'v2', 'A#2']
    """
    return distinct((name or f"{kind}{number}" for number, name in enumerate(names, 1)), "#")
