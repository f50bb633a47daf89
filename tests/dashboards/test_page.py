"""Pages in a browser: what they show, at which settings, and that nothing in them runs or loads.

Without playwright, or without a Chromium that it can drive, the tests of the browser are skipped.
"""

import base64
import json
import re
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from catlearn.arrays import (
    conv,
    einsum,
    elementwise,
    idle,
    linear,
    mean,
    neg,
    relu,
    residual,
    softmax,
)
from catlearn.cli.commands import main
from catlearn.cost import Posynomial
from catlearn.costing import Island, NoTile, devices, tile
from catlearn.costing.work import Work
from catlearn.dashboards import Dashboard, dashboard
from catlearn.dashboards.payload import freed
from catlearn.display import Chart, Series
from catlearn.errors import CatlearnError
from catlearn.importing import from_jax, optimise
from tests.errors import says

ATTENTION = (einsum("h q d, h x d -> h q x", scale="d**-0.5") >> softmax("[x]")) @ idle
ATTENTION = ATTENTION >> einsum("h q x, h x e -> h q e")  # the line of the last box
HEAD = {"h": 1, "q": 16384, "x": 16384, "d": 128, "e": 128}
HOSTILE = "</script><script>window.ran=1</script><img src=https://x.invalid/ onerror=window.ran=1>"


@pytest.fixture(scope="module")
def chromium():
    """A browser, or a reason why there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with playwright.sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=path)
        except playwright.Error as error:
            pytest.skip(f"no Chromium can be driven: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def made():
    return dashboard(ATTENTION, sizes=HEAD, title="Attention", measured={"time": 3e-4})


@pytest.fixture(scope="module")
def case_19(made, tmp_path_factory):
    return made.save(tmp_path_factory.mktemp("pages") / "case19.html")


class Opened:
    """A page that is open, with what it asked for and what went wrong in it."""

    def __init__(self, browser, path, fragment=""):
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900})
        self.tab.set_default_timeout(10_000)
        self.requests, self.errors = [], []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        if path is not None:
            self.tab.goto(path.as_uri() + fragment)
            self.tab.locator("h1, iframe").first.wait_for()

    def device(self, k=0):
        return self.tab.get_by_role("combobox", name="Device").nth(k)

    def figures(self, pane="A"):
        cells = self.tab.locator(f"[data-pane={pane}] [data-figure]")
        return dict(
            cells.evaluate_all("cells => cells.map(c => [c.dataset.figure, c.textContent])")
        )

    def copied(self, kind):
        self.tab.get_by_role("button", name=f"Copy {kind}").click()
        return self.tab.locator(f"[data-copied={kind}]").input_value()

    def says(self, text):
        """Wait until the fragment has `text`; the page's policy forbids the functions that are
        strings, by which a driver waits elsewhere."""
        self.tab.wait_for_url(lambda url: text in url)

    def optimum(self, pane="A"):
        """The exact figures of the optimum, and of whole tiles by level."""
        rows = json.loads(self.copied("JSON"))["figures"]
        found = {}
        for row in rows:
            if row["pane"] == pane:
                found.setdefault(row["group"], {})[row["figure"]] = row["value"]
        return found


@pytest.fixture
def open_page(chromium):
    opened = []

    def start(path, fragment=""):
        opened.append(Opened(chromium, path, fragment))
        return opened[-1]

    yield start
    for page in opened:
        page.tab.close()
        assert page.errors == []
        assert len(page.requests) == 1


def test_figures_of_three_fast_memories(open_page, case_19):
    page = open_page(case_19)
    slider = page.tab.get_by_role("slider", name="Fast memory")
    wanted = {12: ("15.32", "4.490e9"), 16: ("252.5", "2.763e8"), 20: ("4048", "2.117e7")}
    for power, (g, H) in wanted.items():
        slider.fill(str(power))
        cell = page.tab.locator("[data-figure=g_q]")
        cell.filter(has_text=re.compile(f"^{re.escape(g)}$")).wait_for()
        assert page.figures()["H"] == H


def test_tiles_and_times_are_those_of_the_package(open_page, case_19):
    page = open_page(case_19)
    costs = cl.resources(ATTENTION).costs
    for device in (None, "H100", "TPU v5e"):
        page.device().select_option(device or "")
        found = page.optimum()
        whose = devices[device] if device else None
        memory = found["choice"]["M"]
        assert whose is None or memory == int(whose.levels[-1].capacity // 2)
        t = tile(costs, whose, None if whose else memory, sizes=HEAD)
        last = t.levels[-1]
        shown = found[last.level.name]
        assert found["optimum"]["g_q"] == pytest.approx(t.optimum.point["g_q"], rel=1e-6)
        assert {name: shown[name] for name in t.tiles} == dict(t.tiles)
        assert (shown["H"], shown["M"]) == pytest.approx((t.transfers, t.memory), rel=1e-12)
        codes = page.tab.locator(".notices li b").all_text_contents()
        codes.remove("order-of-sums-changed")
        assert codes == [notice.code for notice in t.notices]
        if whose:
            assert {n: found["time"][n] for n in t.time.by_unit} == pytest.approx(t.time.by_unit)
            assert found["time"]["serial"] == pytest.approx(t.time.serial)


def test_a_page_with_another_column_has_other_tiles(open_page, made, tmp_path):
    """What the page computes it computes from its payload: a mutant is noticed."""
    payload = json.loads(json.dumps(made.payload))
    for column in payload["designs"][0]["costs"]["memory"]:
        column[0][0] += 1
    page = open_page(Dashboard(payload).save(tmp_path / "mutant.html"))
    assert float(page.figures()["g_q"]) < 252


def test_two_devices_stand_side_by_side_and_come_back_by_the_fragment(open_page, case_19, request):
    page = open_page(case_19)
    page.device().select_option("H100")
    page.tab.get_by_role("button", name="Compare devices").click()
    assert page.device(1).input_value() == "A100"
    page.tab.get_by_role("spinbutton", name="Fast memory").nth(0).fill("65536")
    page.tab.get_by_role("spinbutton", name="Size q").fill("8192")
    page.says("a.M=65536")
    assert page.tab.locator("[data-point=point]").count() == 2
    plots = page.tab.get_by_role("img", name=re.compile("Roofline of (H100|A100)"))
    assert plots.count() == 2
    both = page.figures("A"), page.figures("B")
    assert both[0] != both[1]
    again = open_page(case_19, page.tab.evaluate("location.hash"))
    again.tab.locator("[data-pane=B] [data-figure]").first.wait_for()
    assert (again.figures("A"), again.figures("B")) == both
    found = again.optimum("A")["choice"]["M"], again.device().input_value()
    assert found == (65536, "H100")
    assert again.tab.get_by_role("spinbutton", name="Size q").input_value() == "8192"
    kept = request.config.cache.mkdir("screenshots") / "two-devices.png"
    again.tab.screenshot(path=kept, full_page=True)


def test_figures_are_copied(open_page, case_19):
    page = open_page(case_19)
    page.tab.get_by_role("slider", name="Fast memory").fill("16")
    head, *rows = page.copied("CSV").splitlines()
    assert head == "pane,design,device,group,figure,value,unit"
    values = {tuple(row.split(",")[-4:-2]): float(row.split(",")[-2]) for row in rows}
    assert values["optimum", "g_q"] == pytest.approx(252.54, rel=1e-4)
    assert values["optimum", "H"] == pytest.approx(2.763e8, rel=1e-3)
    assert page.optimum()["optimum"]["H"] == values["optimum", "H"]
    shown = page.tab.get_by_role("table", name="What a report measured")
    assert shown.count() == 1


def test_boxes_say_where_they_are_written(open_page, case_19):
    page = open_page(case_19)
    page.device().select_option("H100")
    here = "test_page.py:"
    sources = page.tab.locator("[data-source]").all_text_contents()
    lines = Path(__file__).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.endswith("of the last box"))
    assert all(here in source for source in sources)
    assert sources[-1].endswith(f"{here}{line}")
    notice = page.tab.locator(".notices li").first.get_by_role("button").first
    assert here in notice.text_content()
    notice.click()
    picked = page.tab.locator(".picture .above.picked text").first
    other = page.tab.locator(".picture .above:not(.picked) text").first
    colours = [one.evaluate("one => getComputedStyle(one).fill") for one in (picked, other)]
    assert colours[0] != colours[1]
    assert here in page.tab.locator(".selected").text_content()


def test_controls_have_names_and_keys(open_page, case_19):
    page = open_page(case_19)
    named = """() => [...document.querySelectorAll('input, select, button, summary')].filter(one =>
        !(one.labels?.length || one.ariaLabel || one.textContent.trim())).length"""
    assert page.tab.evaluate(named) == 0
    slider = page.tab.get_by_role("slider", name="Fast memory")
    before = page.figures()["H"]
    slider.focus()
    page.tab.keyboard.press("ArrowRight")
    cell = page.tab.locator("[data-figure=H]")
    cell.filter(has_not_text=re.compile(f"^{re.escape(before)}$")).wait_for()
    assert slider.get_attribute("aria-valuetext") == "77,936"
    heard = page.tab.get_by_role("status").filter(has_text="g_q")
    assert page.figures()["H"] in heard.text_content()
    tables = page.tab.locator("table")
    assert tables.count() == page.tab.locator("table > caption").count()
    focused = []
    page.tab.evaluate("document.activeElement.blur()")
    for _ in range(40):
        page.tab.keyboard.press("Tab")
        focused.append(page.tab.evaluate("document.activeElement.dataset.control"))
    assert {"design", "device", "M A"} <= {*focused}


def test_blocks_open_and_close(open_page, tmp_path):
    layer = residual(linear("A", "m -> f").block("up") >> relu >> linear("B", "f -> m"))
    path = dashboard(layer, sizes={"m": 64, "f": 256}).save(tmp_path / "blocks.html")
    page = open_page(path)
    toggle = page.tab.get_by_role("button", name="up")
    assert toggle.get_attribute("aria-expanded") == "true"
    open_ = page.tab.locator(".picture .frame").count()
    toggle.focus()
    page.tab.keyboard.press("Enter")
    toggle = page.tab.get_by_role("button", name="up")
    assert toggle.get_attribute("aria-expanded") == "false"
    assert page.tab.locator(".picture .frame").count() == open_ - 1
    assert page.tab.locator(".picture .closed").count() == 1
    toggle.click()
    assert page.tab.locator(".picture .frame").count() == open_


def test_hostile_names_are_inert(open_page, tmp_path):
    hostile = einsum("a b, b c -> a c").block(HOSTILE)
    chart = Chart(HOSTILE, (Series(HOSTILE, [0, 1], [1.0, 2.0]),))
    made = dashboard(
        {HOSTILE: hostile, "=1+1": einsum("a b, b c -> a c")},
        device=devices["H100"].replace(name=HOSTILE),
        measured={HOSTILE: 1.0},
        charts=[chart],
        title=HOSTILE,
    )
    page = open_page(made.save(tmp_path / "hostile.html"))
    page.tab.get_by_role("button", name="Compare designs").click()
    beside = page.tab.locator("[data-pane=B] [data-control=design]").input_value()
    assert made.payload["designs"][int(beside)]["name"].startswith("=1+1")
    assert page.tab.evaluate("window.ran") is None
    assert page.tab.locator("main script, main img").count() == 0
    assert HOSTILE in page.tab.get_by_role("heading", level=1).text_content()
    assert "'=1+1" in page.copied("CSV") or "=1+1" not in page.copied("CSV")


def test_a_fragment_that_says_nonsense_is_ignored(open_page, case_19):
    page = open_page(
        case_19, "#a.M=-3&a.device=<b>&a.design=99&size.q=x&width=7&a.open={&b.device="
    )
    assert page.figures()["g_q"] == "252.5"
    assert page.figures("B")["g_q"] == "252.5"


def test_what_does_not_fit_is_said(open_page, case_19):
    page = open_page(case_19, "#a.M=100")
    assert "needs at least" in page.tab.get_by_role("alert").text_content()
    page.tab.get_by_role("slider", name="Fast memory").fill("16")
    page.tab.locator("[data-figure=g_q]").wait_for()


def test_widgets_and_frames_show_the_same(chromium, open_page, made, case_19, tmp_path):
    page = open_page(case_19)
    shown = page.figures()
    script = made.html.partition('<script type="module">')[2].partition("</script>")[0]
    script = script[: script.rindex("show(document")]
    module = f"data:text/javascript;base64,{base64.b64encode(script.encode()).decode()}"
    other = Opened(chromium, None)
    other.tab.evaluate(
        """async ([module, payload]) => {
            const widget = (await import(module)).default;
            widget.render({model: {get: () => payload}, el: document.body});
        }""",
        [module, made.payload],
    )
    assert other.figures() == shown
    assert other.errors == []
    other.tab.close()
    framed = tmp_path / "cell.html"
    framed.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>cell</title>{made._repr_html_()}")
    cell = open_page(framed)
    frame = cell.tab.frame_locator("iframe")
    frame.locator("[data-figure=g_q]").filter(has_text="252.5").wait_for()
    cell.requests[:] = [url for url in cell.requests if not url.startswith("about:")]


def stack(params, x):
    for k, layer in enumerate(params["layers"]):
        with jax.named_scope(f"layer_{k}"):
            with jax.named_scope("mlp"):
                y = jnp.tanh(x @ layer["up"]) @ layer["down"]
            x = x + y
    with jax.named_scope("head"):
        return x @ params["head"]


def real(*sizes):
    return jax.ShapeDtypeStruct(sizes, "float32")


LAYERS = [{"up": real(64, 1024), "down": real(1024, 64)}] * 3
STACK = {"layers": LAYERS, "head": real(64, 128)}, real(4096, 64)


@pytest.fixture(scope="module")
def whole():
    return dashboard(stack, *STACK, device="H100")


def test_a_function_opens_on_its_blocks(open_page, whole, tmp_path):
    path = whole.save(tmp_path / "stack.html")
    page = open_page(path)
    page.tab.locator(".picture .looked text", has_text="layer ×3").wait_for()
    rows = page.tab.get_by_role("table", name="What runs one after the other").locator("tbody tr")
    assert rows.first.text_content().startswith("layer ×3")
    looked = page.tab.locator("[data-looked]")
    assert looked.text_content().startswith("layer")
    circuit = from_jax(stack, *STACK, params=0)
    found = page.optimum()
    for unit, one in Work.of(circuit).total.items():
        assert found["operations"][unit] == one.number
    rows.get_by_role("button", name="head", exact=True).click()
    assert looked.text_content().startswith("head")
    assert page.tab.locator(".picture .looked text", has_text="head").count() == 1
    again = open_page(path, page.tab.evaluate("location.hash"))
    assert again.tab.locator("[data-looked]").text_content() == looked.text_content()
    again.tab.get_by_role("button", name="M", exact=True).click()
    sorted_by = again.tab.locator("th[aria-sort=descending]")
    assert sorted_by.all_text_contents() == ["M"]
    again.tab.get_by_role("button", name="Open layer ×3").click()
    ways = again.tab.get_by_role("table", name="The same boxes")
    assert ways.locator("tbody tr").count() > 1
    once, three = again.optimum()["operations"]["exponential"], found["operations"]["exponential"]
    assert three == 3 * once


def test_where_nothing_fits_the_page_says_what_helps(open_page, tmp_path):
    scores = einsum("q d, x d -> q x") >> softmax("[x]")
    sizes = {"q": 4096, "x": 2**17, "d": 128}
    with pytest.raises(NoTile) as refused:
        tile(cl.resources(scores).costs, devices["H100"], sizes=sizes)
    page = open_page(dashboard(scores, device="H100", sizes=sizes).save(tmp_path / "scores.html"))
    helps = page.tab.get_by_role("list", name="What helps")
    assert "x (1.311e5) is in an output" in helps.text_content()
    assert page.tab.locator(".notices li b").first.text_content() == "tile-exceeds-memory"
    helps.get_by_role("button", name="fast memory of").click()
    page.tab.locator("[data-figure=H]").wait_for()
    assert page.optimum()["choice"]["M"] == round(refused.value.least)
    page.device().select_option("TPU v5e")
    assert page.figures()["H"]


def test_one_island_stands_beside_two(open_page, case_19):
    """Attention in little memory: scores apart move less than all in one."""
    page = open_page(case_19, "#a.M=8192")
    page.tab.get_by_role("button", name="2 islands").click()
    page.tab.get_by_role("button", name="Compare designs").click()
    cut, fused = page.optimum("A")["optimum"]["H"], page.optimum("B")["optimum"]["H"]
    assert (cut, fused) == pytest.approx((1.598e9, 2.211e9), rel=1e-3)
    codes = page.tab.locator("[data-pane=A] .notices li b").all_text_contents()
    assert "fusing-costs-more" in codes
    for slider in page.tab.get_by_role("slider", name="Fast memory").all():
        slider.fill("17")
    page.says("b.M=131072")
    codes = page.tab.locator("[data-pane=A] .notices li b").all_text_contents()
    assert "fusing-costs-more" not in codes


def test_a_split_pays_where_units_are_idle(open_page, case_19):
    """One query of 16 heads, with the figures of the package; not of 256 heads."""
    sizes = {**HEAD, "h": 16, "q": 1}
    usual = cl.resources(ATTENTION).island
    split = Island(usual.read, {**usual.modes, "x": "split"})
    ways = [one.costs() for one in (usual, split)]
    found = tile(ways, devices["H100"], sizes=sizes)
    axis, parts, gain = found.split
    page = open_page(case_19, "#size.h=16&size.q=1&a.design=0")
    page.device().select_option("H100")
    said = page.tab.locator(".notices li", has_text="split-pays")
    text = f"{axis}: split in {parts} parts, whose states are merged, transfers take 1/{gain:.3g}"
    assert text in said.text_content()
    page.tab.get_by_role("spinbutton", name="Size h").fill("256")
    page.says("size.h=256")
    assert said.count() == 0


def test_half_as_wide_numbers_are_twice_as_many(open_page, whole, tmp_path):
    page = open_page(whole.save(tmp_path / "stack.html"))
    width = page.tab.get_by_role("combobox", name="A number takes")
    assert width.input_value() == "4"
    before = page.optimum()["choice"]["M"]
    width.select_option("2")
    assert page.optimum()["choice"]["M"] == 2 * before


# ---------------------------------------------------------------- without a browser


def read(terms):
    return Posynomial.of({tuple(sorted(key.items())): c for c, key in terms})


def test_a_payload_has_the_posynomials(made):
    payload = made.payload
    spent = cl.resources(ATTENTION)
    (first, *_) = payload["designs"]
    costs = first["costs"]
    assert read(costs["transfers"]) == spent.transfers
    assert [read(one) for one in costs["memory"]] == [one for _, one in spent.costs.columns]
    assert read(costs["compulsory"]) == spent.compulsory
    total = Posynomial.total(read(one["transfers"]) for one in costs["crossings"])
    assert total == spent.transfers
    assert {unit: read(one) for unit, one in costs["work"].items()} == {
        unit: one for unit, one in spent.work.items() if one.terms
    }
    json.dumps(payload, allow_nan=False)


def test_a_page_loads_nothing_and_runs_its_own_script_alone():
    html = dashboard({HOSTILE: einsum("a b, b c -> a c")}, title=HOSTILE).html
    assert html.count("<script") == html.count("</script>") == 2
    assert "default-src 'none'" in html
    assert HOSTILE not in html
    assert not re.search(r'(src|href)="(?!data:)', html.partition("<script")[0])


def test_notebooks_show_a_widget(made):
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    widget = made.widget()
    assert widget.payload == made.payload
    shown, _ = made._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["text/plain"] == repr(made)


def test_notebooks_without_widgets_show_a_frame(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    shown, _ = made._repr_mimebundle_()
    assert shown["text/html"].startswith("<iframe")
    assert 'sandbox="allow-scripts"' in shown["text/html"]


def test_circuits_that_are_no_island_open_with_their_blocks():
    layer = residual((linear("A", "m -> f") >> relu >> linear("B", "f -> m")).block("mlp"))
    page = dashboard(layer.repeat("L", "layers"), sizes={"m": 8, "f": 32})
    whole, *blocks = page.payload["designs"]
    assert whole["costs"] is None
    assert [part["times"] for part in whole["parts"] if part["title"] == "layers"] == [
        [[1, {"L": 1}]]
    ]
    assert page.payload["sizes"]["L"] == 1024
    costs = [one["costs"] for one in blocks if one["name"].endswith("mlp: one island")]
    assert costs
    assert not any("L" in key for one in costs for _, key in one["work"]["matrix"])


def test_runs_and_diagrams_open_from_the_command_line(tmp_path, capsys, open_page):
    circuit = tmp_path / "product.json"
    cl.save(einsum("a b, b c -> a c"), circuit)
    out = tmp_path / "page.html"
    options = ["-o", str(out), "--device", "H100", "--size", "a=64", "--size", "b=128"]
    assert main(["dashboard", str(circuit), *options]) == 0
    page = open_page(out)
    assert page.device().input_value() == "H100"
    assert page.tab.get_by_role("spinbutton", name="Size b").input_value() == "128"
    assert main(["dashboard", str(circuit), "--size", "z=3"]) == 1
    assert "z" in capsys.readouterr().err


SIZED = {
    "product": lambda: einsum("a b, b c -> a c", a=64, b=32, c=64),
    "convolution": lambda: conv("C", "[y] i -> [y] c", window=3, pad=1, c=8, i=4, y=16),
    "attention": lambda: ATTENTION.at(HEAD),
    "heads that are split": lambda: from_jax(split_heads, *SHAPES),
}
"""Circuits whose sizes are numbers."""


def split_heads(x, weights):
    heads = (x @ weights).reshape(6, 2, 4)
    return jnp.einsum("xhd,yhd->hxy", heads, heads)


SHAPES = jax.ShapeDtypeStruct((6, 5), "float32"), jax.ShapeDtypeStruct((5, 8), "float32")


@pytest.mark.parametrize("name", SIZED)
def test_sizes_that_are_freed_come_to_what_they_were(name):
    circuit = SIZED[name]().live()
    open_, numbers = freed(circuit)
    assert numbers
    one, other = cl.resources(open_.at(numbers)), cl.resources(circuit)
    assert one.transfers == other.transfers
    assert one.costs.columns == other.costs.columns
    split = {"a", "c", "x1", "weights1"} if name == "heads that are split" else set()
    assert not split & {*numbers} or all(str(open_.axes[n]) == n for n in split & {*numbers})


def test_layers_that_are_all_there_is_are_repeated_parts(open_page, tmp_path):
    """All boxes are in a layer: the whole is three times one, and not one."""
    layer = linear("W", "m -> f", m=64, f=32) >> relu >> linear("V", "f -> m")
    layers = [layer.named(str(k)).block(f"layer_{k}") for k in range(3)]
    page = dashboard(layers[0] >> layers[1] >> layers[2])
    whole = page.payload["designs"][0]
    assert whole["way"] == "block by block"
    assert [part["times"] for part in whole["parts"]] == [[[3, {}]]]
    shown = open_page(page.save(tmp_path / "layers.html"))
    assert shown.optimum()["operations"]["matrix"] == 3 * 4 * 64 * 32


def test_functions_have_their_own_lines(open_page, tmp_path):
    page = dashboard(split_heads, *SHAPES, device="H100")
    assert page.payload["title"] == "split_heads"
    lines = [box["line"] for box in page.payload["boxes"]]
    assert "heads = (x @ weights).reshape(6, 2, 4)" in lines
    assert all(box["source"].startswith("test_page.py:") or "tests/" in box["source"]
               for box in page.payload["boxes"])  # fmt: skip
    shown = open_page(page.save(tmp_path / "function.html"))
    assert shown.tab.locator("[data-figure=H]").count() == 1


@cl.traced("a x")
def spread(s):
    centred = elementwise("add", pattern="a x, a -> a x")(s, neg(mean("a [x] -> a")(s)))
    return einsum("a x -> a")(relu(centred))


def test_modules_of_torch_are_functions():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    page = dashboard(torch.nn.Linear(5, 3), torch.zeros(4, 5))
    assert page.payload["title"] == "Linear"
    assert page.payload["width"] == 4
    assert page.payload["designs"][0]["costs"]["work"]["matrix"]


@pytest.mark.parametrize(("dtype", "width"), [("float32", 4), ("bfloat16", 2)])
def test_numbers_take_what_those_of_the_arguments_do(dtype, width):
    arrays = jnp.ones((8, 4), dtype), jnp.ones((4, 8), dtype)
    for device in (None, "H100"):
        assert dashboard(jnp.matmul, *arrays, device=device).payload["width"] == width


def test_modules_that_are_called_have_their_parameters():
    """Those of equinox are trees of arrays: names and widths of numbers are theirs."""
    eqx = pytest.importorskip("equinox", reason="equinox is not installed")

    class Rows(eqx.Module):
        rows: jax.Array

        def __call__(self, tokens):
            return jnp.tanh(self.rows[tokens])

    page = dashboard(Rows(jnp.ones((7, 5))), jnp.zeros(6, int), device="H100")
    assert page.payload["width"] == 4
    assert page.payload["title"] == "Rows"
    crossings = page.payload["designs"][0]["costs"]["crossings"]
    assert [one["title"] for one in crossings][::2] == ["in0[tokens]", "out0[tokens rows]"]
    assert crossings[1]["title"].startswith("rows[")


def test_an_optimised_function_is_shown_with_its_report(open_page, tmp_path):
    fast = optimise(split_heads)
    report = fast.report(jnp.ones((6, 5)), jnp.ones((5, 8)))
    page = dashboard(fast, *SHAPES, measured=report, device="H100")
    assert "heads = (x @ weights)" in page.payload["boxes"][0]["line"]
    rows = page.payload["measured"]
    found = {row["name"]: row["value"] for row in rows}
    for k, when in enumerate(("before", "after")):
        for what in ("value", "gradient"):
            one = getattr(report, what)
            assert found[f"time of the {what}, {when}"] == one.running[k]
            assert found[f"temporary memory of the {what}, {when}"] == one.memory[k]
    shown = open_page(page.save(tmp_path / "report.html"))
    table = shown.tab.get_by_role("table", name="What a report measured")
    cells = table.locator("tr", has_text="time of the value, after").locator("td")
    measured, predicted, ratio = cells.all_text_contents()
    assert "–" not in (measured, predicted, ratio)


def test_circuits_on_edges_of_a_diagram_are_designs(open_page, tmp_path):
    X, Y = cl.Space("X", 6), cl.Space("Y", 3)
    layer = linear("A", "m -> f", f=8) >> relu >> linear("B", "f -> n")
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, layer))
    path = dashboard(diagram, charts=[Chart("cost", (Series("", [0, 1], [2.0, 1.0]),))])
    assert path.payload["designs"][0]["name"] == "f: one island"
    page = open_page(path.save(tmp_path / "diagram.html"))
    assert page.tab.get_by_role("table", name="Equations").locator("tbody tr").count() == 1
    assert page.tab.locator("figure svg").count() == 1
    assert page.tab.get_by_role("heading", name="Diagram", exact=True).count() == 1


def test_an_axis_without_a_fold_has_a_notice():
    payload = dashboard(spread).payload
    first = payload["designs"][0]
    (notice,) = first["notices"]
    assert (notice["code"], notice["node"]) == ("blocks-streaming", "x")
    (box,) = notice["boxes"]
    assert payload["boxes"][box]["line"] == 'return einsum("a x -> a")(relu(centred))'
    assert dashboard(einsum("a x, x b -> a b")).payload["designs"][0]["notices"] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: dashboard(3),
        lambda: dashboard({}),
        lambda: dashboard(ATTENTION, 1.0),
        lambda: dashboard(ATTENTION, device="H1000"),
        lambda: dashboard(ATTENTION, device=3),
        lambda: dashboard(ATTENTION, sizes={"z": 3}),
        lambda: dashboard(ATTENTION, sizes={"q": 0, "x": 2.5}),
        lambda: dashboard(ATTENTION, memory=-1),
        lambda: dashboard(ATTENTION, measured={"time": -1}),
        lambda: dashboard(ATTENTION, measured=3),
        lambda: dashboard(ATTENTION, charts=["no chart"]),
        lambda: dashboard(ATTENTION, charts=3),
        lambda: dashboard(ATTENTION, title=3),
        lambda: Dashboard({"title": "t", "designs": []}).save("page.txt"),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises((CatlearnError, TypeError)):
        call()


def test_a_function_without_its_arguments_says_where_they_go():
    fn = cl.lower(ATTENTION)
    with pytest.raises(CatlearnError) as caught:
        dashboard({"one": ATTENTION, "other": fn})
    says(caught.value, "other", "after")
