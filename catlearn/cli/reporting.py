"""``catlearn report``: a run folder as one page of HTML that needs nothing else.

The page has the diagram, the equations of the loss with their weights, the course of each
equation's cost, what was measured at the end, the configuration and the versions. It loads
nothing and runs nothing (its own content security policy says so), and follows the reader's
choice of light or dark. Whatever comes from the run's files is escaped.
"""

from __future__ import annotations

import html
import tomllib
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from catlearn.cli.charts import WIDE, curve
from catlearn.cli.equations import make_loss, weighing
from catlearn.cli.keys import read_section
from catlearn.cli.reader import Reader
from catlearn.cli.runs import Run, load_run
from catlearn.cli.settings import LossSettings
from catlearn.drawing import draw
from catlearn.errors import CatlearnError
from catlearn.files import atomic_write
from catlearn.typesetting import clean

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


def page(run: Run) -> str:
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
    """Escape whatever a file says."""
    text = str(value)
    if lines:
        return "\n".join(html.escape(clean(line)) for line in text.splitlines())
    return html.escape(clean(text))


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else _text(value)
    return f"{value:.5g}" if isinstance(value, float) else _text(value)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table; numbers stand right."""

    def cell(value: Any) -> str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return f'<td class="n">{_number(value)}</td>' if number else f"<td>{_text(value)}</td>"

    cells = [[cell(value) for value in row] for row in rows]
    right = [found.startswith('<td class="n"') for found in cells[0]] if cells else []
    head = "".join(
        f'<th class="n">{_text(name)}</th>' if number else f"<th>{_text(name)}</th>"
        for name, number in zip_longest(header, right, fillvalue=False)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>\n" for row in cells)
    return f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>'


def _environment(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return where the run was made: date, machine, device and versions."""
    machine = _dict(metrics.get("environment"))
    rows = [*machine.items(), ("device", metrics.get("device", "")), ("seed", metrics.get("seed"))]
    versions = _dict(metrics.get("versions")).items()
    return [(key, str(value)) for key, value in [*rows, *versions] if value not in (None, "")]


def _picture(run: Run) -> str:
    """Draw the diagram with the equations of the run."""
    terms = run.metrics.get("equations")
    terms = list(map(_dict, terms if isinstance(terms, list) else []))
    try:
        table = _dict(tomllib.loads(run.config).get("loss"))
        settings = LossSettings(**read_section(Reader(), table, "loss"))
        loss = make_loss(run.diagram, settings, Reader())
    except tomllib.TOMLDecodeError:
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
        said = term.get("equation", "")
        label = said if name == said else f"{name}: {said}"
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


def _curves(run: Run) -> Iterable[str]:
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


def _curve(run: Run, name: str, unit: str, wide: int) -> str:
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
