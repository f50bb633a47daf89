"""What a run leaves: its folder, whole or not at all, and a page about it.

==========================  =======================================================
file                        holds
==========================  =======================================================
``config.toml``             the configuration, as it was given
``diagram.json``            the diagram, without variables
``params.safetensors``      the trained variables, ``{edge: tree}``
``history.csv``             the cost of each equation at each step
``metrics.json``            how it ended, final costs, equations, data, versions
``validation.csv``          what each validation found, if there were any
``best.safetensors``        the variables where validation was best
==========================  =======================================================

The folder is made in a temporary place and moved at once. Reading one executes nothing.

``catlearn report`` writes a folder as one page of HTML that needs nothing else: the diagram, the
equations of the loss with their weights, the course of each equation's cost, what was measured at
the end, the configuration and the versions. The page loads nothing and runs nothing (its own
content security policy says so), and follows the reader's choice of light or dark. Whatever comes
from the run's files is escaped.
"""

from __future__ import annotations

import html
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from catlearn.cli.configuration import Section, make_loss, parse_toml, weighing
from catlearn.display import Chart, Series, html_table
from catlearn.drawing import draw
from catlearn.drawing.charts import chart_svg
from catlearn.errors import CatlearnError, FileFormatError, fault
from catlearn.files import (
    MAX_JSON_BYTES,
    atomic_write,
    parse_csv,
    parse_json,
    read_bounded,
    reading,
    writable,
)
from catlearn.learning import LearningDiagram, Loss
from catlearn.names import visible
from catlearn.typesetting import clean

#: Bytes of a history that are read.
MAX_HISTORY_BYTES = 2**30

FILES = ("config.toml", "diagram.json", "params.safetensors", "history.csv", "metrics.json")
#: What is there after validations.
VALIDATION, BEST = "validation.csv", "best.safetensors"


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a text in which names hide nothing."""
    print(visible(text), file=stream, flush=True)


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
    validation
        What validations found, in the same way, and after which ``"step"`` each was.
    best
        The diagram with the variables where validation was best.
    """

    folder: Path
    config: str
    diagram: LearningDiagram
    history: dict[str, list[float]]
    metrics: dict[str, Any]
    validation: dict[str, list[float]] = field(default_factory=dict)
    best: LearningDiagram | None = None


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
        raise fault(f"run '{folder}'", "run", "diagram.json", message, FileFormatError)
    data = read_bounded(folder / "metrics.json", MAX_JSON_BYTES)
    metrics = parse_json(data, "file 'metrics.json'")
    if not isinstance(metrics, dict):
        raise fault(f"run '{folder}'", "run", "metrics.json", "must be an object", FileFormatError)
    history = read_history(folder / "history.csv")
    del history[next(iter(history))]
    best = load_tree(folder / BEST)[0] if (folder / BEST).is_file() else None
    return RunFolder(
        folder,
        read_bounded(folder / "config.toml", MAX_JSON_BYTES).decode("utf-8", "replace"),
        diagram.with_values(values),
        history,
        metrics,
        read_history(folder / VALIDATION) if (folder / VALIDATION).is_file() else {},
        None if best is None else diagram.with_values(best),
    )


def read_history(path: Path) -> dict[str, list[float]]:
    """Read ``history.csv`` by columns: the step, the total and each equation."""
    what = f"file {path.name!r}"
    header, rows = parse_csv(read_bounded(path, MAX_HISTORY_BYTES), what)
    columns: dict[str, list[float]] = {name: [] for name in header}
    for record, row in enumerate(rows, 2):
        with reading(what, f"record {record}", "history"):
            for name, cell in zip(header, row, strict=True):
                columns[name].append(float(cell))
    return columns


def to_json(value: Any) -> bytes:
    """Write metrics as strict JSON; numbers that are not finite become null."""

    def plain(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {str(key): plain(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple):
            return [plain(inner) for inner in part]
        return None if isinstance(part, float) and not math.isfinite(part) else part

    return (json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n").encode()


#: Curves of single equations that are drawn; of more, the costliest at the end.
MOST_CURVES = 64
#: Of a chart, by the number of them side by side.
WIDTHS = {1: 820, 2: 400, 3: 280}

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
figure svg{width:100%;height:auto}
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


def loss_of(run: RunFolder) -> Loss | None:
    """Return the loss of a run with its weights; None if its files do not say which it was."""
    terms = run.metrics.get("equations")
    terms = list(map(_dict, terms if isinstance(terms, list) else []))
    try:
        section = Section(_dict(parse_toml(run.config.encode(), "config.toml").get("loss")), "loss")
        loss = make_loss(run.diagram, section.settings("loss"), section)
    except FileFormatError:
        return None
    if loss is None or [t.name for t in loss.equations] != [t.get("name") for t in terms]:
        return None
    weights = [w for w in (term.get("weight") for term in terms) if isinstance(w, int | float)]
    return weighing(loss, weights) if len(weights) == len(terms) else loss


def _picture(run: RunFolder) -> str:
    """Draw the diagram with the equations of the run."""
    loss, terms = loss_of(run), run.metrics.get("equations")
    if loss is not None:
        return draw(loss).svg
    named = map(_dict, terms if isinstance(terms, list) else [])
    try:
        return draw(run.diagram, [str(term.get("equation")) for term in named]).svg
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
    charts = charts_of(run)
    if "total" in run.history:
        yield _curve(charts.pop(0), WIDTHS[1])
    names = [name for name in run.history if name != "total"]
    if len(names) > MOST_CURVES:
        yield f"<p>The {MOST_CURVES} costliest of {len(names)} equations.</p>"
    shown = min(len(names), MOST_CURVES)
    columns = 1 if shown < 3 else 2 if shown <= 12 else 3
    yield f'<div class="side{columns}">'
    for chart in charts:
        yield _curve(chart, WIDTHS[columns])
    yield "</div>"


def charts_of(run: RunFolder) -> list[Chart]:
    """Return the course of the total, of equations, of many the costliest, and of metrics."""
    names = [name for name in run.history if name != "total"]
    if len(names) > MOST_CURVES:

        def last(name: str) -> float:
            values = run.history[name]
            return values[-1] if values else 0.0

        chosen = set(sorted(names, key=last, reverse=True)[:MOST_CURVES])
        names = [name for name in names if name in chosen]
    terms = run.metrics.get("equations")
    units = {
        str(term.get("name")): _words(term.get("divergence"))
        for term in map(_dict, terms if isinstance(terms, list) else [])
    }
    found = [("total", "weighted sum")] if "total" in run.history else []
    found += [(name, units.get(name) or "cost") for name in names]
    measured = [n for n in run.validation if n != "step" and n not in run.history]
    found += [(name, "metric") for name in measured]
    return [_chart(run, name, unit) for name, unit in found]


def _chart(run: RunFolder, name: str, unit: str) -> Chart:
    values, validated = run.history.get(name, []), run.validation.get(name, [])
    curves = [Series("training" if validated else "", range(len(values)), values)]
    if validated:
        found = Series("validation", run.validation.get("step", range(len(validated))), validated)
        curves = [*curves, found] if values else [found]
    return Chart(name, tuple(curves), y=unit)


def _curve(chart: Chart, wide: int) -> str:
    ends = chart.series[0].ys
    ends = " to ".join(f"{value:.4g}" for value in (*ends[:1], *ends[1:][-1:]))
    caption = f'{_text(chart.title)} <span class="n">{ends}</span>'
    return f"<figure><figcaption>{caption}</figcaption>\n{chart_svg(chart, wide)}</figure>"


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
