"""What a run leaves: its folder, whole or not at all, and a page about it.

==========================  =======================================================
file                        holds
==========================  =======================================================
``config.toml``             the configuration, as it was given
``diagram.json``            the diagram, without variables
``params.safetensors``      the trained variables, ``{edge: tree}``
``history.csv``             the cost of each equation at each step
``metrics.json``            how it ended, final costs, equations, data, versions
==========================  =======================================================

The folder is made in a temporary place and moved at once. Reading one executes nothing.

``catlearn report`` writes a folder as one page of HTML that needs nothing else: the diagram, the
equations of the loss with their weights, the course of each equation's cost, what was measured at
the end, the configuration and the versions. The page loads nothing and runs nothing (its own
content security policy says so), and follows the reader's choice of light or dark. Whatever comes
from the run's files is escaped.

>>> chart = curve([4.0, 2.0, 1.0], "fit")
>>> chart.startswith("<svg"), chart.count("<polyline")
(True, 1)
"""

from __future__ import annotations

import html
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from catlearn.cli.configuration import LossSettings, Section, make_loss, parse_toml, weighing
from catlearn.display import html_table
from catlearn.drawing import draw
from catlearn.errors import CatlearnError, Failure, FileFormatError
from catlearn.files import (
    MAX_JSON_BYTES,
    atomic_write,
    parse_csv,
    parse_json,
    read_bounded,
    reading,
)
from catlearn.learning import LearningDiagram
from catlearn.typesetting import clean

#: Bytes of a history that are read.
MAX_HISTORY_BYTES = 2**30

FILES = ("config.toml", "diagram.json", "params.safetensors", "history.csv", "metrics.json")


@dataclass(frozen=True)
class RunFolder:
    """A run that has ended.

    Parameters
    ----------
    folder
        Where it lies.
    config
        The text of its configuration.
    diagram
        The diagram, with the trained variables.
    history
        ``{"total": costs, equation: costs, ...}``, step by step.
    metrics
        The content of ``metrics.json``.
    """

    folder: Path
    config: str
    diagram: LearningDiagram
    history: dict[str, list[float]]
    metrics: dict[str, Any]


def write_run(folder: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write a run folder in one step.

    Parameters
    ----------
    folder
        Its place.
    files
        The content of each file.
    overwrite
        Whether an older run may be replaced; anything else is never touched.
    """
    check_place(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        for name, content in files.items():
            with (made / name).open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        made.chmod(0o755)
        if folder.exists() and any(folder.iterdir()):
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=made.parent))
            os.replace(folder, old)
            os.replace(made, folder)
            shutil.rmtree(old)
        else:
            os.replace(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def check_place(folder: Path, overwrite: bool) -> None:
    """Refuse a place that holds something already, or cannot be written to."""
    problem = writable(folder)
    if problem:
        raise CatlearnError(f"{problem}; choose another --out")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CatlearnError(f"'{folder}' is there already and is no folder; choose another --out")
    names = {path.name for path in folder.iterdir()}
    if names and not names.issuperset(FILES):
        raise CatlearnError(f"'{folder}' is there already and is no run; choose another --out")
    if names and not overwrite:
        raise CatlearnError(f"'{folder}' holds a run already; choose another --out, or --overwrite")


def writable(path: Path) -> str:
    """Return why a file or folder cannot be made, ``""`` if nothing is in the way.

    Examples
    --------
    >>> writable(Path(__file__) / "run")  # doctest: +ELLIPSIS
    "'...run_folder.py' is no folder, so '...run' cannot be made"
    """
    above = path.absolute().parent
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        return f"'{above}' is no folder, so '{path}' cannot be made"
    try:
        tempfile.TemporaryDirectory(prefix=".", dir=above).cleanup()
    except OSError as error:
        return f"'{above}' cannot be written to ({error.strerror}), so '{path}' cannot be made"
    return ""


def problem_of(error: Exception) -> str:
    """Say what went wrong, and with what file.

    Examples
    --------
    >>> problem_of(FileNotFoundError(2, "No such file or directory", "run.toml"))
    "there is no file 'run.toml'"
    """
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"there is no file '{error.filename}'"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"'{error.filename}': {error.strerror}"
    return str(error)


def load_run(folder: str | os.PathLike[str]) -> RunFolder:
    """Read a run folder.

    Parameters
    ----------
    folder
        What ``catlearn train`` wrote.

    Returns
    -------
    RunFolder
        With the trained diagram.

    Raises
    ------
    FileFormatError
        Listing everything that is wrong with a file.
    CatlearnError
        If files are missing.
    """
    from catlearn.formats import load
    from catlearn.tensors import load_tree

    folder = Path(folder)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CatlearnError(f"'{folder}' is no run folder: it has no {', '.join(missing)}")
    diagram = load(folder / "diagram.json")
    values, _ = load_tree(folder / "params.safetensors")
    if not isinstance(diagram, LearningDiagram) or not isinstance(values, dict):
        message = "must hold a learning diagram and its variables"
        raise FileFormatError(f"run '{folder}'", [Failure("run", "diagram.json", message)])
    data = read_bounded(folder / "metrics.json", MAX_JSON_BYTES)
    metrics = parse_json(data, "file 'metrics.json'")
    if not isinstance(metrics, dict):
        fault = Failure("run", "metrics.json", "must be an object")
        raise FileFormatError(f"run '{folder}'", [fault])
    return RunFolder(
        folder,
        read_bounded(folder / "config.toml", MAX_JSON_BYTES).decode("utf-8", "replace"),
        diagram.with_values(values),
        read_history(folder / "history.csv"),
        metrics,
    )


def read_history(path: Path) -> dict[str, list[float]]:
    """Read ``history.csv``: the total and each equation, step by step."""
    what = f"file {path.name!r}"
    header, rows = parse_csv(read_bounded(path, MAX_HISTORY_BYTES), what)
    columns: dict[str, list[float]] = {name: [] for name in header}
    for record, row in enumerate(rows, 2):
        with reading(what, f"record {record}", "history"):
            for name, cell in zip(header, row, strict=True):
                columns[name].append(float(cell))
    return {name: columns[name] for name in header[1:]}


def to_json(value: Any) -> bytes:
    """Write metrics as strict JSON; numbers that are not finite become null."""

    def plain(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {str(key): plain(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple):
            return [plain(inner) for inner in part]
        return None if isinstance(part, float) and not math.isfinite(part) else part

    return (json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n").encode()


#: Width and height of a chart, and of the margins around what is drawn.
WIDE, TALL = 820, 230
LEFT, RIGHT, TOP, BOTTOM = 72, 14, 12, 46
#: Points that are drawn; of more, the least and the greatest of each stretch.
MOST_POINTS = 800
#: From this ratio on of greatest to least, an axis is logarithmic.
LOGARITHMIC = 50.0
#: Curves of single equations that are drawn; of more, the costliest at the end.
MOST_CURVES = 64
#: Of a chart, by the number of them side by side.
WIDTHS = {1: WIDE, 2: 400, 3: 280}

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#62676d;--line:#d9dce0;--paper:#fff;
--mark:#2563a8;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6e7e9;--soft:#9aa0a6;--line:#3a3e44;
--paper:#17191c;--mark:#7fb3e8;--bad:#f2867e}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:54rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:0}h2{font-size:1.15rem;margin-top:2.2rem}
.lead{color:var(--soft)}
.alert{border-left:4px solid var(--bad);padding:.2rem .8rem;overflow-wrap:anywhere}
.side2,.side3{display:grid;gap:0 1.5rem;grid-template-columns:repeat(2,minmax(0,1fr))}
.side3{grid-template-columns:repeat(3,minmax(0,1fr))}
@media (max-width:44rem){.side2,.side3{grid-template-columns:minmax(0,1fr)}}
figure{margin:.8rem 0}
figcaption{font-size:.9rem;font-weight:600;overflow-wrap:anywhere}
figcaption .n{font-weight:400;color:var(--soft);font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}
.scroll{overflow:auto;max-height:44rem}
p.scroll{max-height:9rem}
@media print{.scroll{max-height:none}}
table{border-collapse:collapse;width:100%;font-size:.93rem;margin-bottom:1.2rem}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top;overflow-wrap:break-word}
th{color:var(--soft);font-weight:500}
tr+tr th{color:inherit;font-weight:inherit}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}
pre,code{font:.87rem/1.45 ui-monospace,monospace}
pre{overflow-x:auto;border:1px solid var(--line);border-radius:6px;padding:.8rem}
.chart{width:100%;height:auto}
.chart text{font:12px system-ui,sans-serif;fill:var(--soft)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart polyline{fill:none;stroke:var(--mark);stroke-width:1.6;stroke-linejoin:round}
.chart .dot{fill:var(--mark)}
"""


def report(folder: Path, output: Path | None = None) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    folder
        What ``catlearn train`` wrote.
    output
        Where to write, by default ``report.html`` in the folder.

    Returns
    -------
    pathlib.Path
        Where it is.
    """
    output = folder / "report.html" if output is None else output
    atomic_write(output, page(load_run(folder)).encode())
    return output


def page(run: RunFolder) -> str:
    """Return the page of a run as HTML."""
    metrics = run.metrics
    name = _text(run.folder.resolve().name)
    status, steps = _text(metrics.get("status", "unknown")), _text(metrics.get("steps", "?"))
    message = _text(metrics.get("message") or "")
    device = _text(metrics.get("device", "unknown device"))
    plural = "" if steps == "1" else "s"
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="lead">{status} after {steps} step{plural}, in '
        f"{_number(metrics.get('seconds'))} seconds on {device}</p>",
        f'<p class="alert" role="alert">{message}</p>' if message else "",
        "<h2>Diagram</h2>",
        f'<div class="scroll">{_picture(run)}</div>',
        "<h2>Loss</h2>",
        f'<p class="scroll"><code>{_text(metrics.get("loss", ""))}</code></p>',
        _equations(metrics),
        "<h2>Course</h2>",
        *_curves(run),
        "<h2>Data and models</h2>",
        _data(metrics),
        "<h2>Configuration</h2>",
        f"<pre>{_text(run.config, lines=True)}</pre>",
        "<h2>Environment</h2>",
        _table(("what", "which"), _environment(metrics)),
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _text(value: Any, lines: bool = False) -> str:
    """Escape a text of a file."""
    text = str(value)
    if lines:
        return "\n".join(html.escape(clean(line)) for line in text.splitlines())
    return html.escape(clean(text))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _number(value: Any) -> str:
    return "" if value is None else _text(_written(value))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table; columns whose first row has a number stand right."""
    values = [tuple(row) for row in rows]
    right = {k for k, value in enumerate(next(iter(values), ())) if _is_number(value)}
    cells = [[clean(_written(value)) for value in row] for row in values]
    return f'<div class="wide">{html_table(header, cells, right=right)}</div>'


def _environment(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return where the run was made: date, machine, device and versions."""
    machine = _dict(metrics.get("environment"))
    rows = [*machine.items(), ("device", metrics.get("device", "")), ("seed", metrics.get("seed"))]
    versions = _dict(metrics.get("versions")).items()
    return [(key, str(value)) for key, value in [*rows, *versions] if value not in (None, "")]


def _picture(run: RunFolder) -> str:
    """Draw the diagram with the equations of the run."""
    terms = run.metrics.get("equations")
    terms = list(map(_dict, terms if isinstance(terms, list) else []))
    try:
        section = Section(_dict(parse_toml(run.config.encode(), "config.toml").get("loss")), "loss")
        loss = make_loss(run.diagram, LossSettings(**section.settings("loss")), section)
    except FileFormatError:
        loss = None
    if loss is not None and [t.name for t in loss.equations] == [t.get("name") for t in terms]:
        weights = [w for w in (term.get("weight") for term in terms) if isinstance(w, int | float)]
        return draw(weighing(loss, weights) if len(weights) == len(terms) else loss).svg
    try:
        return draw(run.diagram, [str(term.get("equation")) for term in terms]).svg
    except CatlearnError:
        return draw(run.diagram).svg


def _equations(metrics: Mapping[str, Any]) -> str:
    terms = metrics.get("equations")
    columns: dict[str, dict[str, Any]] = {}
    for part, what in (("train", "training"), ("test", "held out")):
        found = _dict(metrics.get(part))
        columns[f"cost, {what}"] = _dict(found.get("equations"))
        columns[f"accuracy, {what}"] = _dict(found.get("accuracy"))
    columns = {name: column for name, column in columns.items() if column}
    rows = []
    for term in map(_dict, terms if isinstance(terms, list) else []):
        name = term.get("name")
        equation = term.get("equation", "")
        label = equation if name == equation else f"{name}: {equation}"
        costs = [_finite(column, str(name)) for column in columns.values()]
        rows.append([label, term.get("weight", ""), _words(term.get("divergence")), *costs])
    total = _number(_finite(_dict(metrics.get("train")), "value"))
    header = ("equation", "weight", "divergence", *columns)
    return (
        f"<p>In all {total} on the training data, with models in evaluation mode. Costs are means "
        f"over examples.</p>\n{_table(header, rows)}"
    )


def _finite(column: Mapping[str, Any], name: str) -> Any:
    """Return a measured number; JSON has null for what is not finite."""
    found = column.get(name, "")
    return "not finite" if found is None else found


def _words(divergence: Any) -> str:
    return str("" if divergence is None else divergence).replace("_", " ")


def _curves(run: RunFolder) -> Iterable[str]:
    """Draw the total, and the equations side by side if they are several."""
    names = [name for name in run.history if name != "total"]
    if "total" in run.history:
        yield _curve(run, "total", "weighted sum", WIDE)
    if len(names) > MOST_CURVES:

        def last(name: str) -> float:
            values = run.history[name]
            return values[-1] if values else 0.0

        chosen = set(sorted(names, key=last, reverse=True)[:MOST_CURVES])
        yield f"<p>The {MOST_CURVES} costliest of {len(names)} equations.</p>"
        names = [name for name in names if name in chosen]
    terms = run.metrics.get("equations")
    units = {
        str(term.get("name")): _words(term.get("divergence"))
        for term in map(_dict, terms if isinstance(terms, list) else [])
    }
    columns = 1 if len(names) < 3 else 2 if len(names) <= 12 else 3
    yield f'<div class="side{columns}">'
    for name in names:
        yield _curve(run, name, units.get(name) or "cost", WIDTHS[columns])
    yield "</div>"


def _curve(run: RunFolder, name: str, unit: str, wide: int) -> str:
    values = run.history[name]
    ends = " to ".join(f"{value:.4g}" for value in (values[:1] + values[1:][-1:]))
    caption = f'{_text(name)} <span class="n">{ends}</span>'
    return f"<figure><figcaption>{caption}</figcaption>\n{curve(values, name, unit, wide)}</figure>"


def _data(metrics: Mapping[str, Any]) -> str:
    data = [
        (
            name,
            row.get("train", ""),
            row.get("test", ""),
            row.get("file", ""),
            str(row.get("sha256", ""))[:16],
        )
        for name, row in ((n, _dict(r)) for n, r in _dict(metrics.get("data")).items())
    ]
    header = ("data set", "examples", "held out", "file", "SHA-256")
    models = _dict(metrics.get("parameters")).items()
    return f"{_table(header, data)}\n{_table(('model', 'parameters'), models)}"


Point = tuple[float, float]


def curve(values: Sequence[float], title: str, unit: str = "cost", wide: int = WIDE) -> str:
    """Draw values by step.

    Parameters
    ----------
    values
        One for each step; where one is not finite the curve has a gap.
    title
        What the curve is, for those who cannot see it.
    unit
        What the values are, written at their axis.
    wide
        The width in pixels.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    logarithmic = low > 0 and high / low > LOGARITHMIC
    ticks = _decades(low, high) if logarithmic else _round(low, high)
    bounds = (min(low, ticks[0]), max(high, ticks[-1]))
    last, middle = max(len(values) - 1, 1), (LEFT + wide - RIGHT) / 2

    def place(step: float, value: float) -> Point:
        bottom, top = (math.log(b) if logarithmic else b for b in bounds)
        at = math.log(value) if logarithmic else value
        share = 0.5 if top == bottom else (at - bottom) / (top - bottom)
        x = LEFT + (wide - LEFT - RIGHT) * step / last
        return x, TALL - BOTTOM - (TALL - TOP - BOTTOM) * share

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {TALL}" role="img" '
        f'class="chart"><title>{escape(clean(title))}</title>'
    ]
    for tick in ticks:
        _, y = place(0, tick)
        out.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{wide - RIGHT}"/>')
        out.append(_label(LEFT - 8, y + 4, f"{tick:g}", "end"))
    for step in _steps(len(values), (wide - LEFT - RIGHT) // 48):
        x, y = place(step, ticks[0])
        out.append(f'<path class="grid" d="M{x:.1f} {y:.1f}v5"/>')
        out.append(_label(x, y + 19, str(step)))
    out.append(_label(middle, TALL - 8, "step"))
    unit = f"{unit}, log scale" if logarithmic else unit
    half = (TALL - BOTTOM + TOP) / 2
    out.append(_label(14, half, unit, turned=True))
    if not finite:
        out.append(_label(middle, half, "no finite value" if values else "no step was taken"))
    for stretch in _stretches(values):
        places = [place(*point) for point in stretch]
        if len(places) == 1:
            x, y = places[0]
            out.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            out.append(f'<polyline points="{points}"/>')
    return "".join([*out, "</svg>"])


def _label(x: float, y: float, text: str, anchor: str = "middle", turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    written = escape(clean(text))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{written}</text>'


def _stretches(values: Sequence[float]) -> Iterator[list[Point]]:
    """Yield the parts between gaps, thinned."""
    stretch: list[Point] = []
    for step, value in enumerate(values):
        if math.isfinite(value):
            stretch.append((step, value))
        elif stretch:
            yield _thinned(stretch)
            stretch = []
    if stretch:
        yield _thinned(stretch)


def _thinned(points: list[Point]) -> list[Point]:
    """Keep the least and the greatest of each stretch, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    width = math.ceil(2 * len(points) / (MOST_POINTS - 2))
    kept = {points[0], points[-1]}
    for start in range(0, len(points), width):
        part = points[start : start + width]
        kept |= {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
    return sorted(kept)


def _round(low: float, high: float) -> list[float]:
    """Return some four round numbers from below the least to above the greatest value.

    Examples
    --------
    >>> _round(0.13, 0.92)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    spread = (high - low) or abs(high) or 1.0
    rough = spread / 4
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 1e-300
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = first - 1, last + 1
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten from below the least to above the greatest value.

    Examples
    --------
    >>> _decades(0.02, 30.0)
    [0.01, 0.1, 1.0, 10.0, 100.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, (last - first) // 5)
    found = [float(f"1e{n}") for n in range(first, last + every, every)]
    return [number for number in found if 0 < number < math.inf]


def _steps(number: int, most: int = 5) -> list[int]:
    """Return round steps among the first ones, with some so many intervals between them.

    Examples
    --------
    >>> _steps(1000), _steps(4), _steps(1)
    ([0, 200, 400, 600, 800], [0, 1, 2, 3], [0])
    """
    last, most = max(number - 1, 0), min(most, 10)
    power = 10 ** max(len(str(last)) - 2, 0)
    every = next(m * power for m in (1, 2, 5, 10, 20, 50, 100) if last <= most * m * power)
    return list(range(0, last + 1, every))
