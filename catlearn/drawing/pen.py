"""The pen: SVG elements, colours for light and dark pages, and the document around them.

Colours are CSS variables, set by ``prefers-color-scheme`` and by the theme marks of common
notebooks and documentation sites, with plain attributes for renderers without CSS; text and
lines carry a thin halo in the opposite tone, so that even a page of unexpected colour leaves
them readable. Every rule is scoped to the picture's own id, which is a digest of its content:
pictures can share a page, and the same value always gives the same bytes.

>>> from catlearn.drawing.pen import Pen
>>> pen = Pen()
>>> pen.path("M0 0H9", "soft", 1.5)
>>> print(*pen.out)
<path d="M0 0H9" class="s-soft" fill="none" stroke="#59636e" stroke-width="1.5"/>
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from catlearn.drawing.scene import Scene
from catlearn.typesetting import SCRIPT, Run, clean

_MARGIN = 12.0
_FONT = "'STIX Two Text','Latin Modern Roman','Times New Roman',Times,'Liberation Serif',serif"

_LIGHT = {
    "ink": "#1f2328",
    "paper": "#ffffff",
    "soft": "#59636e",
    "model": "#0a58b8",
    "data": "#8a5200",
}
_DARK = {
    "ink": "#e9eef4",
    "paper": "#0d1117",
    "soft": "#a3adb8",
    "model": "#78b7ff",
    "data": "#e3b35c",
}
# Pages that say that they are dark or light, whatever the system prefers.
_SAYS_DARK = (
    '[data-jp-theme-light="false"]',
    '[data-theme="dark"]',
    '[data-bs-theme="dark"]',
    ".vscode-dark",
    ".dark",
)
_SAYS_LIGHT = (
    '[data-jp-theme-light="true"]',
    '[data-theme="light"]',
    '[data-bs-theme="light"]',
    ".vscode-light",
    ".light",
)


class Pen:
    """Collects elements; every colour is a class for CSS and an attribute for the rest."""

    def __init__(self) -> None:
        self.out: list[str] = []

    def raw(self, text: str) -> None:
        self.out.append(text)

    def open(self, title: str, kind: str = "") -> None:
        self.raw(f"<g{_class(kind)}><title>{escape(clean(title))}</title>")

    def close(self) -> None:
        self.raw("</g>")

    def path(
        self,
        d: str,
        stroke: str = "ink",
        width: float = 1.3,
        fill: str = "none",
        dash: str = "",
        kind: str = "",
        opacity: float = 1.0,
    ) -> None:
        classes = [f"s-{stroke}"] if stroke != "none" else []
        classes += [f"f-{fill}"] if fill != "none" else []
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        extra += f' opacity="{num(opacity)}"' if opacity != 1.0 else ""
        color = _LIGHT.get(stroke, stroke)
        self.raw(
            f'<path d="{d}"{_class(" ".join([*classes, kind]).strip())} fill='
            f'"{_LIGHT.get(fill, fill)}" stroke="{color}" stroke-width="{num(width)}"{extra}/>'
        )

    def text(
        self,
        line: Iterable[Run],
        x: float,
        y: float,
        size: float,
        fill: str = "ink",
        anchor: str = "middle",
        weight: str = "",
        halo: bool = True,
    ) -> None:
        """Write a line of runs; ``y`` is the base line."""
        spans = []
        down = 0.0
        for run in line:
            shift = {-1: 0.22, 0: 0.0, 1: -0.38}[run.shift] * size
            attributes = f' dy="{num(shift - down)}"' if shift != down else ""
            attributes += ' font-style="italic"' if run.italic else ""
            attributes += f' font-size="{num(size * SCRIPT)}"' if run.shift else ""
            spans.append(f"<tspan{attributes}>{escape(run.text)}</tspan>")
            down = shift
        bold = f' font-weight="{weight}"' if weight else ""
        self.raw(
            f'<text x="{num(x)}" y="{num(y)}" font-size="{num(size)}"'
            f' text-anchor="{anchor}" fill="{_LIGHT[fill]}"{bold}'
            f"{_class(f'f-{fill}' + (' halo' if halo else ''))}"
            f' xml:space="preserve">{"".join(spans)}</text>'
        )


def _class(names: str) -> str:
    return f" class={quoteattr(names)}" if names else ""


def num(value: float) -> str:
    """Write a number with at most one digit after the point.

    Examples
    --------
    >>> num(2.0), num(-0.04), num(1.26)
    ('2', '0', '1.3')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def document(scene: Scene, pen: Pen, wide: float, tall: float) -> str:
    """Return the SVG of what a pen drew, with a margin around it."""
    body = "\n".join(pen.out)
    title, words = escape(clean(scene.title)), escape(scene.description)
    digest = hashlib.sha256(f"{title}\0{words}\0{body}".encode()).hexdigest()[:10]
    name = f"cl-{digest}"
    w, h = num(wide + 2 * _MARGIN), num(tall + 2 * _MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{w}" height="{h}"'
        f' viewBox="{num(-_MARGIN)} {num(-_MARGIN)} {w} {h}" role="img"'
        f' aria-labelledby="{name}-t {name}-d" font-family="{_FONT}">\n'
        f'<title id="{name}-t">{title}</title>\n<desc id="{name}-d">{words}</desc>\n'
        f"<style>{_css(name)}</style>\n{body}\n</svg>\n"
    )


def _css(name: str) -> str:
    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{k}:{v};" for k, v in colours.items())

    here = f"#{name}"
    dark, light = variables(_DARK), variables(_LIGHT)
    says_dark = ",".join(f"{mark} {here}" for mark in _SAYS_DARK)
    says_light = ",".join(f"{mark} {here}" for mark in _SAYS_LIGHT)
    rules = [
        f":root{here}{{color-scheme:light dark}}",
        f"{here}{{max-width:100%;height:auto;{light}}}",
        f"@media (prefers-color-scheme:dark){{{here}{{{dark}}}}}",
        f"{says_dark}{{{dark}}}",
        f"{says_light}{{{light}}}",
    ]
    for colour in _LIGHT:
        rules.append(f"{here} .s-{colour}{{stroke:var(--{colour})}}")
        rules.append(f"{here} .f-{colour}{{fill:var(--{colour})}}")
    rules.append(
        f"{here} .halo{{paint-order:stroke;stroke:var(--paper);stroke-width:3px;"
        "stroke-opacity:.9;stroke-linejoin:round}"
    )
    return "\n".join(rules)
