"""Typesetting of names: sub- and superscripts, Greek letters, widths, LaTeX, and back from it.

Names are set as mathematics is: italic, ``x_1`` with a subscript, ``R^64`` with a superscript,
``theta`` as the letter. A name that merely contains an underscore (``my_long_name``) is left as
it is. Widths are estimates from the classical widths of a Times-like face, widened by a quarter,
since nobody knows which serif face a reader has, and some are that much wider.

Editors such as quiver hold labels in LaTeX; :func:`plain_name` reads the name again.

>>> from catlearn.typesetting import plain_name, runs, to_latex
>>> [(r.text, r.shift) for r in runs("theta_12")]
[('θ', 0), ('12', -1)]
>>> to_latex("R^64"), to_latex("my_long_name"), to_latex("50%")
('\\\\mathbb{R}^{64}', '\\\\mathit{my\\\\_long\\\\_name}', '\\\\mathit{50\\\\%}')
>>> plain_name(to_latex("theta_12")), plain_name(to_latex("my_long_name"))
('theta_12', 'my_long_name')
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from catlearn.names import HIDDEN

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_LETTERS: dict[str, str] = {**_GREEK, **{n.title(): c.upper() for n, c in _GREEK.items()}}
_NAMES = {c: n for n, c in _LETTERS.items()}
# Letters that look like Latin ones have no command of their own in LaTeX.
_TEX_GREEK = set(_GREEK) - {"omicron"}
_TEX_GREEK |= {"Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi"}
_TEX_GREEK |= {"Omega"}

# Widths in thousandths of the type size, after the metrics of Times Roman.
_WIDTHS: dict[str, int] = {}
for _width, _chars in (
    (200, "|"),
    (250, " ,.·"),
    (278, "ijlt/\\:;"),
    (333, "!()-[]`fIrs'\"‘’"),
    (390, "Js^"),
    (444, "acez?"),
    (500, "0123456789bdghknopquvxy_*#$«»"),
    (541, "+<=>~{}×≈−"),
    (556, "FPS"),
    (611, "ELTZ"),
    (667, "BCR"),
    (722, "ADGHKNOQUVwXY&"),
    (778, "m"),
    (840, "%≫→↦"),
    (889, "M"),
    (944, "W@…\N{REPLACEMENT CHARACTER}"),
):
    for _char in _chars:
        _WIDTHS[_char] = _width
#: By how much some serif faces are wider than the classical widths.
SAFETY = 1.24

#: Sub- and superscripts are this much smaller than their base.
SCRIPT = 0.72


@dataclass(frozen=True)
class TextRun:
    """A piece of text in one style: ``shift`` is -1 below, 0 on and 1 above the line."""

    text: str
    shift: int = 0
    italic: bool = True


def clean(text: str) -> str:
    """Return text that XML, TeX and dot can all hold: control characters become pictures.

    What else is hidden, or turns or breaks the lines of a file, becomes a replacement character;
    joiners stay.

    Examples
    --------
    >>> clean("a\\n" + chr(0x202E)) == "a␊�"
    True
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_clean_character(c) for c in text)


def _clean_character(c: str) -> str:
    code = ord(c)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if HIDDEN.match(c) or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE:
        return "\N{REPLACEMENT CHARACTER}"
    return c


_SCRIPTED = re.compile(
    r"((?:[^\W_]+\.)*[^\W_]+)(?:_([^\W_]+|\{[^{}]+\}))?(?:\^([^\W_]+|\{[^{}]+\}))?"
)


def _split(name: str) -> tuple[str, str, str]:
    """Split a name into base, subscript and superscript; the last two may be empty."""
    match = _SCRIPTED.fullmatch(name)
    if match is None:
        return name, "", ""
    base, sub, sup = match.group(1), match.group(2) or "", match.group(3) or ""
    last = base.rpartition(".")[2]
    letter = len(last) == 1 or last in _LETTERS
    short = len(sub) <= 2 or sub.isdigit() or (letter and len(sub) <= 8) or sub.startswith("{")
    if sub and not short:
        return name, "", ""
    return base, sub.strip("{}"), sup.strip("{}")


def runs(name: str, italic: bool = True) -> tuple[TextRun, ...]:
    """Split a name into runs of text that share a style.

    Parameters
    ----------
    name
        Any text; ``a_1``, ``R^64``, ``x_{ij}^2`` and Greek letters by name are recognised.
    italic
        Whether letters are set in italics; digits and scripts of digits never are.
    """
    base, sub, sup = _split(clean(name))
    if base == "R" and sup and not sub:
        return TextRun("ℝ", 0, False), TextRun(sup, 1, False)
    scripts = ((base, 0), (sub, -1), (sup, 1))
    return tuple(
        TextRun(greek(text), shift, italic and not (shift and text.isdigit()))
        for text, shift in scripts
        if text or not shift
    )


def greek(name: str) -> str:
    """Return the Greek letter that a name names, or the name.

    Examples
    --------
    >>> greek("theta"), greek("Gamma"), greek("f")
    ('θ', 'Γ', 'f')
    """
    return _LETTERS.get(name, name)


def word_runs(text: str) -> tuple[TextRun, ...]:
    """Typeset a text word by word, upright."""
    space = (TextRun(" ", 0, False),)
    words = (runs(word, italic=False) for word in text.split(" "))
    return tuple(run for word in words for run in (*space, *word))[1:]


def joined(line: Iterable[TextRun]) -> tuple[TextRun, ...]:
    """Join neighbouring runs of one style.

    Examples
    --------
    >>> [(run.text, run.shift) for run in joined(word_runs("two words of R^2"))]
    [('two words of ℝ', 0), ('2', 1)]
    """
    return tuple(
        TextRun("".join(run.text for run in same), *style)
        for style, same in groupby(line, lambda run: (run.shift, run.italic))
    )


def width(text: str, size: float) -> float:
    """Estimate the width of a text at a type size, in the same unit."""
    total = 0
    for c in text:
        if c in _WIDTHS:
            total += _WIDTHS[c]
        elif unicodedata.combining(c) or unicodedata.category(c) == "Cf":
            continue
        elif unicodedata.east_asian_width(c) in "WF":
            total += 1000
        else:
            total += 700 if c.isupper() else 560
    return total * size / 1000 * SAFETY


def runs_width(line: Iterable[TextRun], size: float) -> float:
    """Estimate the width of a line of runs."""
    return math.fsum(width(r.text, size * (SCRIPT if r.shift else 1)) for r in line)


def lines(name: str, limit: int = 26, most: int = 3) -> list[str]:
    """Break a long name after spaces and punctuation into at most ``most`` lines.

    Examples
    --------
    >>> lines("a short name")
    ['a short name']
    >>> lines("a_rather_long_name_of_an_encoder_network")
    ['a_rather_long_name_of_an_', 'encoder_network']
    >>> lines("x" * 100)
    ['xxxxxxxxxxxxxxxxxxxxxxxxxx', 'xxxxxxxxxxxxxxxxxxxxxxxxxx', 'xxxxxxxxxxxxxxxxxxxxxxxxx…']
    """
    name = clean(name)
    if len(name) <= limit:
        return [name]
    tokens = re.findall(r".*?[\s_.\-/>]+|.+", name)
    out = [""]
    for token in tokens:
        if out[-1] and len(out[-1]) + len(token.rstrip()) > limit:
            out.append("")
        out[-1] += token
        while len(out[-1].rstrip()) > limit:
            out[-1:] = [out[-1][:limit], out[-1][limit:]]
    out = [line.strip() for line in out]
    if len(out) > most:
        out = out[:most]
        out[-1] = out[-1][: limit - 1] + "…"
    return out


_TEX = {
    "\\": r"\backslash ",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\hat{\ }",
    "~": r"\sim ",
    '"': "''",
    " ": r"\ ",
    "≫": r"\gg ",
    "×": r"\times ",
    "≈": r"\approx ",
    "↦": r"\mapsto ",
    "→": r"\to ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "·": r"\cdot ",
    "…": r"\ldots ",
    "ℝ": r"\mathbb{R}",
    "−": "-",
}


# Letters of scripts whose letters join stand together, and so does what a joiner joins.
_CLUSTERS = re.compile(
    r"[\u0590-\u0fff\u200c\u200d]+|[^\x00-\x7f][\ufe00-\ufe0f]?(?:\u200d[^\x00-\x7f]\ufe0f?)*|.",
    re.DOTALL,
)


def escape_latex(text: str) -> str:
    """Escape text for the mathematics mode of LaTeX and KaTeX.

    Examples
    --------
    >>> print(escape_latex("β_é"), escape_latex("می" + chr(0x200C) + "خواهم").count("textit"))
    \\beta \\_\\textit{é} 1
    """
    return "".join(map(_tex_cluster, _CLUSTERS.findall(clean(text))))


def latex_table(head: Sequence[str], body: Iterable[Iterable[str]], side: str = "l") -> str:
    r"""Return cells that are LaTeX as a ``tabular``, all flush left, or right.

    Examples
    --------
    >>> print(latex_table(["a", "b"], [["$x$", "1"]], "r"))
    \begin{tabular}{rr}
    a & b \\
    \hline
    $x$ & 1 \\
    \end{tabular}
    """
    lines = [" & ".join(row) + r" \\" for row in (head, *body)]
    whole = "\n".join([lines[0], r"\hline", *lines[1:]])
    return f"\\begin{{tabular}}{{{side * len(head)}}}\n{whole}\n\\end{{tabular}}"


def _tex_cluster(c: str) -> str:
    if c in _NAMES and _NAMES[c] in _TEX_GREEK:
        return f"\\{_NAMES[c]} "
    return _TEX.get(c, c if c.isascii() else f"\\textit{{{c}}}")


def _tex_piece(text: str) -> str:
    if text in _TEX_GREEK:
        return f"\\{text}"
    escaped = escape_latex(text)
    return escaped if len(text) == 1 else f"\\mathit{{{escaped}}}"


def to_latex(name: str) -> str:
    """Return a name for the mathematics mode of LaTeX and KaTeX, nothing left unescaped.

    Parameters
    ----------
    name
        Any text.

    Returns
    -------
    str
        LaTeX without dollar signs, with balanced braces.
    """
    base, sub, sup = _split(clean(name))
    if base == "R" and sup and not sub:
        return f"\\mathbb{{R}}^{{{escape_latex(sup)}}}"
    scripts = (
        f"{sign}{{{escape_latex(text) if text.isdigit() else _tex_piece(text)}}}"
        for sign, text in (("_", sub), ("^", sup))
        if text
    )
    return _tex_piece(base) + "".join(scripts)


def upright_latex(name: str) -> str:
    r"""Return a word for the mathematics mode: italic if it is one letter, else upright.

    Examples
    --------
    >>> print(upright_latex("x"), upright_latex("my_net"))
    x \mathrm{my\_net}
    """
    if len(name) == 1 and name.isalpha():
        return name
    escaped = escape_latex(name).replace("-", r"\text{-}")
    return rf"\mathrm{{{escaped}}}"


_PROSE = {c: f"\\{c}" for c in "_{}$&#%"} | {
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}",
}  # fmt: skip


def prose_latex(text: str) -> str:
    r"""Return prose for the mathematics mode of LaTeX and KaTeX.

    Examples
    --------
    >>> print(prose_latex("max_x of all x^k"))
    \text{max\_x of all x\textasciicircum{}k}
    """
    return rf"\text{{{''.join(_PROSE.get(c, c) for c in clean(text))}}}"


_TOKEN = re.compile(r"\\hat\{\\ \}|\\[A-Za-z]+ ?|\\.|[{}]|[^\\{}]", re.DOTALL)
_STYLES = re.compile(r"(math|text)[a-z]+|text|operatorname|displaystyle")
_COMMANDS = {tex[1:].strip(): sign for sign, tex in _TEX.items()}
_SIGNS = {word: sign for word, sign in _COMMANDS.items() if word.isalpha()}


def plain_name(label: str) -> str:
    """Return the name that a label shows, or the label itself where it is more than a name.

    A label with commands that are no part of a name, such as ``\\bar{f}``, is a name as it is.

    Parameters
    ----------
    label
        LaTeX, with or without dollar signs around it.

    Examples
    --------
    >>> plain_name(r"\\mathbb{R}^{64}"), plain_name(r"\\bar{f}")
    ('R^64', '\\\\bar{f}')
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
            word: str = token[1:].strip()
            if _STYLES.fullmatch(word):
                continue
            if word not in _SIGNS and word not in _TEX_GREEK:
                return label
            out.append(_SIGNS.get(word, word))
    return "".join(out).strip()
