"""Pages: a payload of plain values, one style sheet, one script, and nothing else.

>>> from catlearn.arrays import einsum
>>> html = dashboard(einsum("a b, b c -> a c", a=64, b=64, c=64)).html
>>> html.startswith("<!DOCTYPE html>"), "http-equiv" in html
(True, True)
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import html
import inspect
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catlearn.arrays import Circuit
from catlearn.costing import Device, devices
from catlearn.costing.hierarchy import device_named
from catlearn.dashboards.payload import Designs, Plain, device_of, folded, freed, unknown_sizes
from catlearn.display import Chart, Charted, Legible
from catlearn.drawing import draw
from catlearn.drawing.charts import chart_svg
from catlearn.errors import CatlearnError, Failure, expect, expect_dicts, fault, refuse, wrong_kind
from catlearn.files import atomic_write
from catlearn.learning import LearningDiagram, Loss
from catlearn.models import ArchitectureMap
from catlearn.models.circuits import CircuitArchitecture
from catlearn.typesetting import clean

if TYPE_CHECKING:
    from catlearn.importing import OptimisedReport

MEMORY = 2**16
"""Words of fast memory where no device says how many there are."""

TALL = 900
"""The height of a page in a notebook, in pixels."""

FIGURES = {"time": "s", "memory": "B", "transfers": "B", "flops": "operations"}
"""What may be measured, and its unit; also the time of each unit of the device."""


@functools.cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _script() -> str:
    """Return what computes costs, and the page that shows them, as one script."""
    return _part("tiles.js") + "\n" + _part("dashboard.js")


def _packed(value: Any) -> str:
    """Return JSON, packed and as letters that mean nothing in a page."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


class Dashboard(Legible):
    """A page about a circuit or a diagram; made by :func:`dashboard`.

    Parameters
    ----------
    payload
        What it shows, as plain values.

    Attributes
    ----------
    html : str
        The page. It has a policy of its own that lets it load nothing, and run its script alone.
    """

    def __init__(self, payload: Plain) -> None:
        self.payload = payload

    @cached_property
    def html(self) -> str:
        show = (
            'show(document.getElementById("dashboard"), '
            'await unpacked(document.getElementById("payload").textContent), {fragment: true});'
        )
        script = f"\n{_script()}\n{show}\n"
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        policy += "; img-src data:; base-uri 'none'; form-action 'none'"
        title = html.escape(self.payload["title"])
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{title}</title>\n<style>body{{margin:0}}\n{_part('dashboard.css')}</style>\n"
            '</head>\n<body>\n<main id="dashboard"></main>\n'
            "<noscript>This page computes what it shows, and needs JavaScript.</noscript>\n"
            f'<script type="text/plain" id="payload">{_packed(self.payload)}</script>\n'
            f'<script type="module">{script}</script>\n</body>\n</html>\n'
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Parameters
        ----------
        path
            A file that ends in ``.html``.

        Returns
        -------
        pathlib.Path
            The path.

        Raises
        ------
        InvalidStructure
            If the ending is another one.
        OSError
            If the file cannot be written; an old file is then left as it was.
        """
        path = Path(path)
        if path.suffix not in (".html", ".htm"):
            message = "is no .html; dashboards are pages"
            raise fault("dashboard", "format", f"file '{path.name}'", message)
        atomic_write(path, self.html.encode())
        return path

    def widget(self) -> Any:
        """Return the page as a widget of notebooks.

        Raises
        ------
        ImportError
            Without anywidget.
        """
        try:
            import anywidget  # pyright: ignore[reportMissingImports]
            import traitlets
        except ImportError as error:
            message = 'widgets need anywidget; install it: pip install "catlearn[notebooks]"'
            raise ImportError(message) from error

        class DashboardWidget(anywidget.AnyWidget):
            _esm = _script()
            _css = _part("dashboard.css")
            payload = traitlets.Dict().tag(sync=True)

        return DashboardWidget(payload=self.payload)

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        title = html.escape(self.payload["title"], quote=True)
        return (
            f'<iframe srcdoc="{page}" title="Dashboard of {title}" sandbox="allow-scripts" '
            f'style="width:100%;height:{TALL}px;border:0"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        try:
            shown = self.widget()._repr_mimebundle_(include=include, exclude=exclude)
        except ImportError:
            shown = {"text/html": self._repr_html_()}
        found, more = shown if isinstance(shown, tuple) else (shown, {})
        return {**(found or {}), "text/plain": repr(self)}, more

    def __repr__(self) -> str:
        count = len(self.payload["designs"])
        shown = f"{count} design{'s' if count != 1 else ''}" if count else "a diagram"
        return f"Dashboard({self.payload['title']!r}, {shown})"


def dashboard(
    value: Any,
    *arguments: Any,
    device: Device | str | None = None,
    sizes: Mapping[str, int] | None = None,
    memory: int | None = None,
    params: int | str | None = None,
    measured: Any = None,
    charts: Iterable[Chart | Charted] = (),
    title: str | None = None,
) -> Dashboard:
    """Return a page about a circuit, a function or a learning diagram.

    The page computes in itself, with the posynomials of :mod:`catlearn.costing`: tiles for each
    fast memory, size and device, transfers and memory of each step, time by unit, a roofline. It
    shows where each box is written, and notices with the boxes that they are about. Two designs or
    devices stand side by side; figures are copied as CSV and JSON; what is chosen is in the
    fragment of its address.

    Parameters
    ----------
    value
        A circuit; a function of JAX (also one that is optimised) or a module of PyTorch, with
        arguments; a learning diagram or its loss, of which the circuits on edges are designs; or
        several of these by name, to compare them.
    *arguments
        What a function is called with: arrays, or what has their shapes and dtypes.
    device
        A device, or the name of one of :data:`catlearn.costing.devices`; by default a fast memory
        alone.
    sizes
        Numbers for sizes by name, at which the page begins; those of others are 1024.
    memory
        Words of fast memory at which it begins; by default those of the device, or 65,536.
    params
        Of a function of JAX: the argument, by its place or name, whose arrays are parameters. By
        default the first one, if it is a dict, a list or a module and there are others.
    measured
        What a report measured, to stand beside what is predicted: numbers by name, ``"time"`` in
        seconds, ``"memory"`` and ``"transfers"`` in bytes, ``"flops"``, or the time of a unit; or
        what an optimised function reports (``fast.report(...)``).
    charts
        Curves that are shown, too, such as the history of a run.
    title
        What the page is called.

    Returns
    -------
    Dashboard
        Notebooks show it; ``save("page.html")`` writes it.

    Raises
    ------
    TypeError
        If there is no page about such a value.
    UnknownName
        Listing sizes that nothing has, or if no device has the name.
    InvalidStructure
        Listing numbers that are not positive.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax
    >>> attention = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle
    >>> attention = attention >> einsum("q x, x e -> q e")
    >>> page = dashboard(attention, device="H100", sizes=dict(q=4096, x=4096, d=128, e=128))
    >>> page.payload["device"], page.payload["sizes"]
    ('H100', {'d': 128, 'e': 128, 'q': 4096, 'x': 4096})
    """
    expect_dicts("a dict of numbers by names", sizes=sizes)
    expect(title, (str, type(None)), "title", "a text")
    expect(charts, Iterable, "charts", "a list of charts, such as [result.history]")
    chosen = device_named(device)
    known = {one.name: one for one in devices.values()}
    if chosen is not None:
        known[chosen.name] = chosen
    _refuse_numbers({**(sizes or {}), "memory": MEMORY if memory is None else memory})
    several = isinstance(value, Mapping)
    named = dict(value) if several else {"": value}
    width = _width(chosen, [*named.values(), *arguments])
    room = memory
    if room is None:
        room = MEMORY if chosen is None else int(chosen.levels[-1].capacity // width)
    if not named:
        raise wrong_kind(value, "the argument", "a circuit, a function, or several by name")
    if arguments and not any(map(_is_function, named.values())):
        raise wrong_kind(value, "the argument", "a function, where it is called with others")
    beside, curves = _measured(measured), _charts(charts)
    numbers: dict[str, int] = {}
    circuits: dict[str, tuple[Circuit, dict[int, int]]] = {}
    for name, one in named.items():
        for label, circuit in _circuits(str(name), one, arguments, params).items():
            circuit, times = folded(circuit)
            open_, own = freed(circuit)
            if all(numbers.get(axis, n) == n for axis, n in own.items()):
                circuit, numbers = open_, numbers | own
            circuits[label] = circuit, times
    given = {**numbers, **(sizes or {})}
    unknown_sizes(sizes or {}, (circuit for circuit, _ in circuits.values()))
    made = Designs(given, room, chosen, width)
    for label, (circuit, times) in circuits.items():
        made.add(label, circuit, times)
    found = made.sizes
    diagrams = [one for one in named.values() if isinstance(one, LearningDiagram | Loss)]
    first = next(iter(named.values()))
    called = title or (" and ".join(map(str, named)) if several else _title(first))
    return Dashboard(
        {
            "title": clean(called),
            "subtitle": clean(_subtitle(first)) if not several else "",
            "designs": made.found,
            "groups": made.groups,
            "outermost": made.outermost,
            "boxes": made.boxes,
            "sizes": dict(sorted(found.items())),
            "note": _note(found, given),
            "width": width,
            "memory": int(room),
            "device": "" if chosen is None else chosen.name,
            "devices": [device_of(one) for one in known.values()],
            "measured": beside,
            "diagrams": [_diagram(one) for one in diagrams],
            "charts": curves,
        }
    )


def _refuse_numbers(given: Mapping[str, Any]) -> None:
    failures = [
        Failure("number", name, f"found {n!r}, expected a whole number from 1 on")
        for name, n in given.items()
        if isinstance(n, bool) or not isinstance(n, int) or n < 1
    ]
    refuse("dashboard", failures)


def _width(device: Device | None, values: Sequence[Any]) -> int:
    """Return the bytes of a number, as the device has them.

    Of the widest real array of arguments, and of modules that are called; of circuits alone 2.
    """
    given = 2
    if any(map(_is_function, values)):
        import jax

        modules = [one for one in values if _is_torch(one) and hasattr(one, "parameters")]
        held = [*values, *([*one.parameters()] for one in modules)]
        kinds = {str(getattr(one, "dtype", "")) for one in jax.tree.leaves(held)}
        kinds = {kind.rpartition(".")[2] for kind in kinds}
        given = next((n for kind, n in (("float64", 8), ("float32", 4)) if kind in kinds), 2)
    ways = (given, 2, 4)
    return next((one for one in ways if device is None or _takes(device, one)), 4)


def _takes(device: Device, width: int) -> bool:
    matrix = device.throughputs.get("matrix")
    return not isinstance(matrix, Mapping) or width in matrix


def _circuits(
    name: str, value: Any, arguments: tuple[Any, ...], params: int | str | None
) -> dict[str, Circuit]:
    """The circuits of a value, by the names of their designs."""
    if isinstance(value, Circuit):
        return {name: value}
    if isinstance(value, CircuitArchitecture):
        return {name: value.circuit}
    if isinstance(value, LearningDiagram | Loss):
        diagram = value.diagram if isinstance(value, Loss) else value
        found = {}
        for edge in diagram.edges:
            label = diagram.map_label(edge)
            model = label.architecture if isinstance(label, ArchitectureMap) else None
            if isinstance(model, CircuitArchitecture):
                ends = (diagram.space_label(vertex) for vertex in diagram.ends(edge))
                found[f"{name}: {edge}" if name else edge] = model.between(*ends).circuit
        return found
    if _is_function(value):
        from catlearn.importing import Optimised, from_jax, from_torch

        _refuse_arguments(name, value, arguments)
        if _is_torch(value):
            return {name: from_torch(value, *arguments)}
        original = value.original if isinstance(value, Optimised) else value
        if _is_tree(original):  # a module of equinox, which holds its parameters

            def called(model: Any, *rest: Any) -> Any:
                return model(*rest)

            first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
            others = inspect.signature(original).parameters.values()
            called.__signature__ = inspect.Signature([first, *others])  # names of its axes
            return {name: from_jax(called, original, *arguments, params=0)}
        if params is None and len(arguments) > 1 and _is_tree(arguments[0]):
            params = 0
        return {name: from_jax(original, *arguments, params=params)}
    wanted = "a circuit, a function, a learning diagram, or several of these by name"
    raise wrong_kind(value, "the argument", wanted)


def _refuse_arguments(name: str, fn: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse a function that is not called with these arguments."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # it has none that is known
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise CatlearnError(
            f"{name or 'the function'}: {error}; its arguments go after what is shown, "
            "as in dashboard(f, x)"
        ) from error


def _is_torch(value: Any) -> bool:
    return any(kind.__module__.startswith("torch.") for kind in type(value).__mro__)


def _is_tree(value: Any) -> bool:
    """Whether a value is a tree of arrays, such as parameters are, and no array or tuple of them.

    A tuple is more often several inputs than parameters.
    """
    import jax

    return not isinstance(value, tuple) and not jax.tree_util.all_leaves([value])


def _is_function(value: Any) -> bool:
    known = (Circuit, CircuitArchitecture, LearningDiagram, Loss)
    return callable(value) and not isinstance(value, known)


def _title(value: Any) -> str:
    if isinstance(value, Circuit):
        titles = [*dict.fromkeys(t for t in value.apex.column("title") if t)]
        titles = titles or [value.apex.title(box) for box in range(value.apex.size("Box"))]
        shown = [*dict.fromkeys(titles)]
        return ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "") or "a circuit"
    if isinstance(value, LearningDiagram | Loss):
        return repr(value)
    return getattr(value, "__qualname__", type(value).__name__)


def _subtitle(value: Any) -> str:
    return (
        repr(value).removeprefix("Circuit(").removesuffix(")") if isinstance(value, Circuit) else ""
    )


def _note(found: Mapping[str, int], given: Mapping[str, int]) -> str:
    guessed = [name for name in sorted(found) if name not in given]
    return f"No number was given for {', '.join(guessed)}." if guessed else ""


def _measured(given: Any) -> list[Plain]:
    """The rows of what was measured: numbers by name, or what an optimised function reports."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        from catlearn.importing import OptimisedReport

        wanted = 'a dict such as {"time": 2.5e-3}, or the report of an optimised function'
        expect(given, OptimisedReport, "measured", wanted)
        return [*_reported(given)]
    failures = [
        Failure("number", str(name), f"found {n!r}, expected a number above 0")
        for name, n in given.items()
        if isinstance(n, bool) or not isinstance(n, int | float) or not 0 < n < float("inf")
    ]
    refuse("measured", failures)
    return [
        {
            "name": clean(str(name)),
            "value": float(n),
            "unit": FIGURES.get(name, "s"),
            "figure": str(name),
        }
        for name, n in given.items()
    ]


def _reported(report: OptimisedReport) -> Iterator[Plain]:
    """What a report measured before and after, and what it predicts of what is streamed.

    The time of the value stands beside that of the design; a gradient runs both passes.
    """
    moved, took = report.predicted
    for k, when in enumerate(("before", "after")):
        for what, one in (("value", report.value), ("gradient", report.gradient)):
            time = {"name": f"time of the {what}, {when}", "value": one.running[k], "unit": "s"}
            yield {**time, "figure": "time"} if what == "value" else time
            name = f"temporary memory of the {what}, {when}"
            yield {"name": name, "value": one.memory[k], "unit": "B"}
        for name, found, unit in (("time", took, "s"), ("transfers", moved, "B")):
            if report.plan.streams.streamed:
                name = f"{name} of what is streamed, both passes, {when}"
                yield {"name": name, "value": None, "unit": unit, "predicted": found[k]}


def _diagram(value: LearningDiagram | Loss) -> Plain:
    """The picture of a diagram and its equations, with what each is in the loss."""
    rows: list[Plain] = []
    try:
        selection = value.selection if isinstance(value, Loss) else value.select()
    except CatlearnError:
        return {"svg": draw(value).svg, "equations": rows}
    for some, state in ((selection.terms, "yes"), (selection.untrainable, "no, it trains nothing")):
        for term in some:
            rows.append(
                {
                    "equation": clean(str(term)),
                    "weight": clean(str(term.weight)),
                    "divergence": clean(str(term.divergence or "")),
                    "state": state,
                }
            )
    return {"svg": draw(value).svg, "equations": rows}


def _charts(given: Iterable[Chart | Charted]) -> list[Plain]:
    svgs = []
    for one in given:
        expect(one, (Chart, Charted), "charts", "a list of charts, such as [result.history]")
        chart = one if isinstance(one, Chart) else one.chart()
        svgs.append({"title": clean(chart.title), "svg": chart_svg(chart, 560)})
    return [{"title": "Curves", "svgs": svgs}] if svgs else []
