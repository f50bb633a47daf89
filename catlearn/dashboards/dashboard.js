// The dashboard of catlearn: the page, and the widget of notebooks. In one script with tiles.js,
// which stands before it, and says what designs cost.
//
// Text comes in as text content alone, and pictures as parsed SVG, of which nothing runs.

// ---------------------------------------------------------------- texts

const scaled = (x, units) => {
  const [factor, name] = units.find(([factor]) => x >= factor) ?? units[units.length - 1];
  return `${number(x / factor)} ${name}`;
};
const time = (x) => scaled(x, [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]]);
const bytes = (x) => scaled(x, [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]]);
const rate = (x) => scaled(x, [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"]]);

/** A posynomial as text. */
function written(terms) {
  const power = ([name, p]) => (p === 1 ? name : `${name}^${p}`);
  const one = ([c, key]) => {
    const above = Object.entries(key).filter(([, p]) => p > 0).map(power);
    const below = Object.entries(key).filter(([, p]) => p < 0).map(([name, p]) => power([name, -p]));
    const top = (c === 1 && above.length ? above : [number(c), ...above]).join("·");
    return below.length ? `${top}/${below.length > 1 ? `(${below.join("·")})` : below[0]}` : top;
  };
  return terms.map(one).join(" + ") || "0";
}

// ---------------------------------------------------------------- elements

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (functions) and children; texts stay texts. */
function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const svg = name.startsWith("svg:");
  const made = svg ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  if (classes.length) made.setAttribute("class", classes.join(" "));
  for (const [key, given] of Object.entries(attributes)) {
    if (given === null || given === undefined || given === false) continue;
    if (typeof given === "function") made.addEventListener(key, given);
    else if (key === "value") made.value = given;
    else made.setAttribute(key, given === true ? "" : given);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A picture of the package, parsed as SVG, without anything that could run or be loaded. */
function picture(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (parsed.namespaceURI !== SVG) return element("p.soft", {}, "The picture cannot be read.");
  for (const one of [parsed, ...parsed.querySelectorAll("*")]) {
    if (["script", "foreignObject", "iframe", "image", "use"].includes(one.localName)) one.remove();
    for (const { name } of [...one.attributes])
      if (/^on/i.test(name) || /href$/i.test(name)) one.removeAttribute(name);
  }
  return document.importNode(parsed, true);
}

/** A table; rows are lists of cells, of which the first one is the row's head. */
function table(caption, head, rows, { right = [], kind = "" } = {}) {
  const at = (k) => (right.includes(k) ? "n" : null);
  return element("div.wide", { tabindex: 0, role: "region", "aria-label": caption },
    element(`table${kind}`, {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head.map((text, k) => element("th", { scope: "col", class: at(k) }, text)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map((cell, k) =>
        element(k ? "td" : "th", { scope: k ? null : "row", class: at(k) }, cell)))))));
}

// ---------------------------------------------------------------- the page

/** The most boxes that a notice lists. */
const MOST = 4;

const FORMS = { words: [6, 34], size: [0, 24] };

/** Show a payload in an element; `fragment` says whether the address keeps what is chosen. */
export function show(root, payload, { fragment = false } = {}) {
  const state = initial(payload);
  if (fragment) restore(state, location.hash, payload);
  root.classList.add("catlearn-dashboard");
  const dashboard = new Dashboard(root, payload, state, fragment);
  if (fragment)
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) === saved(state)) return;
      Object.assign(state, initial(payload));
      restore(state, location.hash, payload);
      dashboard.build();
    });
  return dashboard;
}

/** The payload of a page, which is JSON that is packed by gzip. */
export async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** What is chosen at first: the first design of which tiles fit. */
function initial(payload) {
  const { sizes, width, memory, device, devices, designs } = payload;
  const whose = devices.find(({ name }) => name === device) ?? null;
  const solver = new Solver(payload, sizes, width);
  const fits = (_, k) => !solver.result(k, whose, memory).problem;
  const pane = { design: Math.max(0, designs.findIndex(fits)), device, M: memory, part: null, open: null };
  return { sizes: { ...sizes }, width, panes: designs.length ? [pane] : [] };
}

/** What designs cost at some sizes and some width of numbers, each found once. */
class Solver {
  constructor(payload, sizes, width) {
    Object.assign(this, { payload, sizes, width, known: new Map() });
  }

  result(k, device, M) {
    const key = `${k} ${M} ${device?.name ?? ""}`;
    if (!this.known.has(key)) this.known.set(key, this.found(this.payload.designs[k], device, M));
    return this.known.get(key);
  }

  found({ costs, parts, problem }, device, M) {
    if (costs) return tiled(costs, device, M, this.sizes, this.width);
    if (!parts.length) return { problem };
    return joined(parts.map((part) => {
      const index = this.best(part.group, device, M);
      return { part, index, times: value(part.times, this.sizes), result: this.result(index, device, M) };
    }));
  }

  /** The designs of a group that do the same. */
  ways(group) {
    return this.payload.designs.flatMap((one, k) => (one.group === group && !one.reverse ? [k] : []));
  }

  /** The one of these that takes least, or the first one if none fits. */
  best(group, device, M) {
    const every = this.ways(group);
    const fitting = every.filter((k) => !this.result(k, device, M).problem);
    return fitting.reduce((one, other) =>
      cost(this.result(other, device, M)) < cost(this.result(one, device, M)) ? other : one, fitting[0] ?? every[0]);
  }

  /** The island in a design that takes longest, of those that are run as often as they are. */
  longest(k, device, M) {
    const { parts } = this.result(k, device, M);
    if (!parts) return k;
    const stuck = parts.find(({ result }) => result.problem);
    const most = stuck ?? parts.reduce((one, other) => (other.times * cost(other.result) > one.times * cost(one.result) ? other : one));
    return this.longest(most.index, device, M);
  }

  /** The islands in a design. */
  islands(k, device, M) {
    const { parts } = this.result(k, device, M);
    return parts ? parts.flatMap(({ index }) => this.islands(index, device, M)) : [k];
  }
}

/** What is chosen, as the fragment of an address. */
function saved(state) {
  const found = new URLSearchParams();
  for (const [name, size] of Object.entries(state.sizes)) found.set(`size.${name}`, size);
  found.set("width", state.width);
  state.panes.forEach((pane, k) => {
    const letter = "ab"[k];
    found.set(`${letter}.design`, pane.design);
    found.set(`${letter}.device`, pane.device);
    found.set(`${letter}.M`, pane.M);
    if (pane.part !== null) found.set(`${letter}.part`, pane.part);
    if (pane.open) found.set(`${letter}.open`, JSON.stringify(pane.open));
  });
  return found.toString();
}

/** Take what a fragment says, where it is something that there is. */
function restore(state, hash, payload) {
  const given = new URLSearchParams(hash.slice(1));
  const positive = (text, otherwise) => {
    const n = Number(text);
    return text !== null && Number.isFinite(n) && n >= 1 ? n : otherwise;
  };
  for (const name in state.sizes)
    state.sizes[name] = Math.round(positive(given.get(`size.${name}`), state.sizes[name]));
  const width = Number(given.get("width"));
  if ([1, 2, 4, 8].includes(width)) state.width = width;
  if (!state.panes.length) return;
  for (const [k, letter] of ["a", "b"].entries()) {
    if (k && !given.has(`${letter}.device`)) break;
    const pane = { ...state.panes[0], ...(state.panes[k] ?? {}) };
    const design = Number(given.get(`${letter}.design`) ?? pane.design);
    if (design in payload.designs) pane.design = design;
    const device = given.get(`${letter}.device`) ?? pane.device;
    if (device === "" || payload.devices.some(({ name }) => name === device)) pane.device = device;
    pane.M = positive(given.get(`${letter}.M`), pane.M);
    const part = Number(given.get(`${letter}.part`) ?? NaN);
    if (part in payload.designs) pane.part = part;
    try {
      const open = JSON.parse(given.get(`${letter}.open`));
      if (Array.isArray(open)) pane.open = open.map(String);
    } catch {
      // what cannot be read is left as it is
    }
    state.panes[k] = pane;
  }
}

class Dashboard {
  constructor(root, payload, state, fragment) {
    Object.assign(this, { root, payload, state, fragment, serial: Dashboard.count++ });
    this.build();
  }

  id(name) {
    return `catlearn-${this.serial}-${name}`;
  }

  /** Make all elements anew, for a change of what there is to choose. */
  build() {
    const { payload, state, root } = this;
    this.status = element("p.unseen", { role: "status", "aria-live": "polite" });
    this.solver = new Solver(payload, state.sizes, state.width);
    this.panes = state.panes.map((pane, k) => new Pane(this, pane, k));
    const button = (text, click) => element("button", { type: "button", click }, text);
    const compare = state.panes.length > 1
      ? [button("One design", () => this.compare())]
      : [payload.designs.length > 1 ? button("Compare designs", () => this.compare("design")) : null,
        button("Compare devices", () => this.compare("device"))];
    const copy = (kind) => element("button", { type: "button", click: () => this.copy(kind) }, `Copy ${kind}`);
    root.replaceChildren(...[
      element("header", {},
        element("div", {},
          element("h1", {}, payload.title),
          payload.subtitle ? element("p.soft.code", {}, payload.subtitle) : null),
        this.panes.length
          ? element("div.tools", { role: "group", "aria-label": "What to do" }, ...compare, copy("CSV"), copy("JSON"))
          : null),
      this.panes.length ? this.controls() : null,
      this.panes.length ? element(`div.panes${this.panes.length > 1 ? ".two" : ""}`, {}, this.panes.map((pane) => pane.root)) : null,
      payload.measured?.length ? (this.measured = element("section", { "aria-labelledby": this.id("measured") })) : null,
      ...payload.diagrams.map((one, k) => this.diagram(one, k)),
      ...payload.charts.map((group) => this.charts(group)),
      this.status,
      (this.shown = element("div", {})),
    ].filter(Boolean));
    this.update();
  }

  controls() {
    const { state, payload } = this;
    const sizes = Object.keys(state.sizes).map((name) =>
      this.amount(`size ${name}`, element("span", {}, "Size ", element("b", {}, name)), FORMS.size, () => state.sizes[name], (n) => {
        state.sizes[name] = Math.round(n);
      }));
    const widths = [1, 2, 4, 8];
    const chosen = element("select", {
      id: this.id("width"), change: ({ target }) => this.widen(Number(target.value)),
    }, widths.map((n) => element("option", { value: n, selected: n === state.width }, `${n} byte${n > 1 ? "s" : ""}`)));
    return element("section.controls.card", { "aria-label": "Sizes" },
      ...sizes,
      element("div.field", {}, element("label", { for: this.id("width") }, "A number takes"), chosen),
      payload.note ? element("p.soft.note", {}, payload.note) : null);
  }

  /** A slider in powers of two beside the exact number. */
  amount(key, label, [low, high], get, set, after = () => "") {
    const id = this.id(key.replace(/\W+/g, "-"));
    const text = typeof label === "string" ? label : label.textContent;
    const slider = element("input", {
      type: "range", min: low, max: high, step: 0.25, "data-control": key, "aria-label": `${text}, power of two`,
    });
    const exact = element("input", { type: "number", min: 1, step: 1, id, "data-exact": key });
    const note = element("span.soft", {});
    const draw = (moved) => {
      const n = get();
      if (moved !== slider) slider.value = Math.log2(n);
      if (moved !== exact) exact.value = Math.round(n);
      slider.setAttribute("aria-valuetext", `${Math.round(n).toLocaleString("en")}`);
      note.textContent = after(n);
    };
    slider.addEventListener("input", () => {
      set(Math.max(1, Math.round(2 ** Number(slider.value))));
      draw(slider);
      this.soon();
    });
    exact.addEventListener("input", () => {
      const n = Number(exact.value);
      if (!(n >= 1)) return;
      set(n);
      draw(exact);
      this.soon();
    });
    draw();
    const made = element("div.field.amount", {}, element("label", { for: id }, label), slider, exact, note);
    made.refresh = () => draw();
    return made;
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.update();
    });
  }

  /** Begin or end a second design: of another circuit, another way, or on another device. */
  compare(what) {
    const { panes } = this.state;
    if (what) panes.push({ ...panes[0], part: null });
    else panes.pop();
    const [one, other] = panes;
    if (what === "design") {
      const { designs, outermost } = this.payload;
      const device = this.panes[0].device;
      const { group } = designs[one.design];
      const circuit = outermost.includes(group) ? outermost.find((other) => other !== group) : undefined;
      const rank = (k) => 2 * Boolean(this.solver.result(k, device, one.M).problem) + (!designs[k].costs === !designs[one.design].costs);
      const [next] = this.solver.ways(group).filter((k) => k !== one.design).sort((a, b) => rank(a) - rank(b));
      const design = circuit === undefined ? next : this.solver.best(circuit, device, one.M);
      Object.assign(other, { design: design ?? (one.design + 1) % designs.length, open: null });
    }
    if (what === "device") {
      const next = this.payload.devices.find(({ name }) => name === (one.device === "A100" ? "H100" : "A100"));
      if (next) Object.assign(other, { device: next.name, M: fast(next, this.state.width) });
    }
    this.build();
  }

  /** Take another width of numbers; what has all of a device's fast memory keeps it. */
  widen(width) {
    const { state } = this;
    for (const pane of this.panes)
      if (pane.device && pane.state.M === fast(pane.device, state.width)) pane.state.M = fast(pane.device, width);
    state.width = width;
    this.update();
  }

  update() {
    this.solver = new Solver(this.payload, this.state.sizes, this.state.width);
    for (const pane of this.panes) pane.solve();
    const scales = common(this.panes);
    for (const pane of this.panes) pane.update(scales);
    if (this.measured) this.compareMeasured();
    const said = this.panes.map((pane) => pane.sentence());
    this.status.textContent = said.join(" — ");
    if (this.fragment)
      try {
        history.replaceState(null, "", `#${saved(this.state)}`);
      } catch {
        // a frame without an address of its own keeps nothing
      }
  }

  /** The figures that are shown, each on a line. */
  figures() {
    return this.panes.flatMap((pane) => pane.figures());
  }

  async copy(kind) {
    const rows = this.figures();
    const columns = ["pane", "design", "device", "group", "figure", "value", "unit"];
    const quoted = (cell) => {
      const text = String(cell ?? "");
      const safe = typeof cell === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const text = kind === "CSV"
      ? [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((row) => row.map(quoted).join(",")).join("\n") + "\n"
      : JSON.stringify({ title: this.payload.title, sizes: this.state.sizes, figures: rows }, null, 2) + "\n";
    const area = element("textarea", { readonly: true, rows: 8, "aria-label": `Figures as ${kind}`, "data-copied": kind });
    area.value = text;
    const close = element("button", { type: "button", click: () => this.shown.replaceChildren() }, "Close");
    const done = element("p.soft", {}, `Figures as ${kind}: `);
    this.shown.replaceChildren(element("section.card", { "aria-label": `Figures as ${kind}` }, done, area, close));
    area.focus();
    area.select();
    try {
      await navigator.clipboard.writeText(text);
      done.append("copied.");
    } catch {
      done.append("select and copy them.");
    }
    this.status.textContent = done.textContent;
  }

  compareMeasured() {
    const rows = this.payload.measured.map(({ name, value: found, unit, figure, predicted }) => {
      const every = this.panes.map((pane) => predicted ?? (figure && pane.predicted(figure)));
      const shown = (x) => (x === undefined || x === null ? "–" : unit === "s" ? time(x) : unit === "B" ? bytes(x) : `${number(x)} ${unit}`);
      return [name, shown(found), ...every.flatMap((x) => [shown(x), x && found ? number(found / x, 3) : "–"])];
    });
    const head = ["figure", "measured", ...this.panes.flatMap((_, k) => {
      const whose = this.panes.length > 1 ? ` ${"AB"[k]}` : "";
      return [`predicted${whose}`, "measured by predicted"];
    })];
    this.measured.replaceChildren(
      element("h2", { id: this.id("measured") }, "Predicted and measured"),
      table("What a report measured, beside what is predicted", head, rows, { right: [1, 2, 3, 4, 5] }));
  }

  diagram({ svg, equations }, k) {
    const id = this.id(`diagram-${k}`);
    const rows = equations.map(({ equation, weight, divergence, state }) => [equation, weight, divergence, state]);
    return element("section", { "aria-labelledby": id },
      element("h2", { id }, "Diagram"),
      element("div.card.picture", {}, picture(svg)),
      rows.length ? table("Equations", ["equation", "weight", "divergence", "in the loss"], rows, { right: [1] }) : element("p.soft", {}, "It has no equations."));
  }

  charts({ title, svgs }) {
    const id = this.id(title.replace(/\W+/g, "-"));
    return element("section", { "aria-labelledby": id },
      element("h2", { id }, title),
      element("div.charts", {}, svgs.map(({ title, svg }) =>
        element("figure.card", {}, element("figcaption", {}, title), picture(svg)))));
  }
}
Dashboard.count = 0;

/** The words of the fastest level of a device. */
const fast = (device, width) => Math.floor(device.levels[device.levels.length - 1].capacity / width);

/** The ends of plots that stand side by side. */
function common(panes) {
  const solved = (results) => results.filter((result) => result && !result.problem);
  const whole = solved(panes.map(({ result }) => result));
  return {
    slowest: Math.max(...whole.flatMap(({ seconds }) => (seconds ? Object.values(seconds) : [])), 0),
    plots: solved(panes.map(({ island }) => island)),
  };
}

class Pane {
  constructor(dashboard, state, k) {
    Object.assign(this, { dashboard, state, k, letter: "AB"[k], picked: null });
    this.root = element("section.pane", { "aria-label": `Design ${this.letter}`, "data-pane": this.letter });
    this.build();
  }

  get design() {
    return this.dashboard.payload.designs[this.state.design];
  }

  /** The design of the island that is looked at: the design itself, or one in it. */
  get looked() {
    return this.dashboard.payload.designs[this.at];
  }

  get device() {
    return this.dashboard.payload.devices.find(({ name }) => name === this.state.device) ?? null;
  }

  id(name) {
    return this.dashboard.id(`${this.letter}-${name}`);
  }

  select(name, label, groups, chosen, change) {
    const option = ([key, text]) => element("option", { value: key, selected: String(key) === String(chosen) }, text);
    return element("div.field", {},
      element("label", { for: this.id(name) }, label),
      element("select", { id: this.id(name), "data-control": name, change: ({ target }) => change(target.value) },
        groups.map(([group, options]) => (group ? element("optgroup", { label: group }, options.map(option)) : options.map(option))).flat()));
  }

  /** Show another design. */
  open(k) {
    Object.assign(this.state, { design: k, part: null, open: null });
    this.picked = null;
    this.build();
    this.dashboard.update();
    this.root.querySelector("[data-control=design]").focus();
  }

  build() {
    const { dashboard, state } = this;
    const { payload } = dashboard;
    const groups = payload.groups.map((title, g) =>
      [title, payload.designs.flatMap(({ group, way }, k) => (group === g ? [[k, way]] : []))]);
    const designs = this.select("design", "Design", groups, state.design, (k) => this.open(Number(k)));
    const known = [["", "fast memory alone"], ...payload.devices.map(({ name }) => [name, name])];
    const devices = this.select("device", "Device", [["", known]], state.device, (name) => {
      state.device = name;
      if (this.device) state.M = fast(this.device, dashboard.state.width);
      this.memory.refresh();
      dashboard.update();
    });
    this.memory = dashboard.amount(`M ${this.letter}`, "Fast memory", FORMS.words, () => state.M, (n) => { state.M = n; },
      (n) => `words, ${bytes(n * dashboard.state.width)}`);
    const part = (name, tag = "div") => (this[name] = element(`${tag}.${name}`, {}));
    const two = dashboard.state.panes.length > 1;
    this.root.replaceChildren(
      element("div.card.choices", {},
        two ? element("h2", {}, `Design ${this.letter}`) : null,
        designs, devices, this.memory),
      part("cards"),
      part("pictured", "section"),
      part("listed"),
      element("div.grid", {}, part("ways"), part("timing")),
      part("head"),
      element("div.grid", {},
        element("div.stack", {}, part("tiling"), part("said")),
        part("roof")),
      element("div.grid", {}, part("steps"), part("crossed")),
      part("boxed"),
    );
    this.draw();
  }

  solve() {
    const { solver } = this.dashboard;
    const { design: k, M, part } = this.state;
    this.result = solver.result(k, this.device, M);
    const inside = solver.islands(k, this.device, M);
    this.at = inside.includes(part) ? part : solver.longest(k, this.device, M);
    this.island = solver.result(this.at, this.device, M);
    this.memory.refresh();
  }

  update(scales) {
    const { result, island } = this;
    for (const name of ["listed", "ways", "timing", "head", "tiling", "roof", "steps", "crossed"]) this[name].replaceChildren();
    this.fillCards();
    this.fillWays();
    if (result.parts) this.fillParts();
    if (result.seconds) this.timing.replaceChildren(...bars(result, scales.slowest));
    if (!island.problem) {
      this.fillTiling();
      this.roof.replaceChildren(...roofline(island, this.dashboard.payload, scales.plots, result === island && this.measuredRate()));
      this.fillSteps();
    }
    this.fillNotices();
    this.fillBoxes();
    this.annotate();
  }

  fillCards() {
    const { result } = this;
    if (result.problem) return this.cards.replaceChildren(...this.help());
    const card = (name, shown, below) =>
      element("div.figure.card", {}, element("dt", {}, name), element("dd", { "data-figure": name }, shown), below ? element("dd.soft", {}, below) : null);
    const unit = result.device ? bytes(result.optimum * result.unit) : "words that cross";
    const most = result.parts?.reduce((one, other) => (other.result.memory > one.result.memory ? other : one));
    this.cards.replaceChildren(element("dl", {},
      ...Object.keys(result.best).map((name) => card(name, number(result.best[name]), `whole: ${number(result.tiles[name])}`)),
      card("H", number(result.optimum), `${unit}; whole: ${number(result.transfers)}`),
      card("M", number(result.memory), `words held, of ${number(this.state.M)}${most ? `, in ${most.part.title}` : ""}`),
      result.parts ? null : card("compulsory", number(result.compulsory), "each array once"),
      result.seconds ? card("time", time(result.serial), `${time(result.overlapped)} if units overlap; bound by ${result.bound}`) : null,
      result.untimed ? card("time", "–", result.untimed) : null));
  }

  /** What is missing where nothing fits, and what one may do. */
  help() {
    const { dashboard, device } = this;
    const { solver, payload } = dashboard;
    const { designs } = payload;
    let stuck = this.result, whose = this.design;
    while (stuck.stuck) [stuck, whose] = [stuck.stuck.result, designs[stuck.stuck.index]];
    const name = payload.groups[whose.group];
    const said = [element("p.alert", { role: "alert" }, `${name ? `${name}: ` : ""}${stuck.problem}.`)];
    const button = (text, click) => element("button", { type: "button", click }, text);
    const wrapped = (text, buttons) => (buttons.length ? [element("li", {}, `${text} `, ...buttons)] : []);
    const here = this.state.design;
    const ways = solver.ways(this.design.group).filter((k) => k !== here && !solver.result(k, device, this.state.M).problem);
    const found = wrapped("Run it otherwise:", ways.slice(0, MOST).map((k) => button(designs[k].way, () => this.open(k))));
    if (whose.costs) {
      const { need, level, innermost, lows } = stuck;
      const at = { ...dashboard.state.sizes, ...lows };
      const { columns, axes } = whose.costs;
      const step = columns.reduce((one, other) => (value(other.memory, at) > value(one.memory, at) ? other : one));
      found.unshift(element("li", {}, `With the least tiles the largest step, ${step.title}, holds ${number(need)} words in ${step.live.join(", ")}.`));
      const least = Math.ceil(need);
      if (innermost)
        found.push(...wrapped("Move the slider:", [button(`fast memory of ${least.toLocaleString("en")} words`, () => {
          this.state.M = least;
          dashboard.update();
        })]));
      const large = axes.map(({ name, size, can }) => ({ name, can, size: value(size, dashboard.state.sizes) }))
        .filter(({ size }) => size > 1).sort((one, other) => other.size - one.size).slice(0, MOST);
      if (large.length)
        found.push(element("li", {}, `Cut an axis that is whole: ${large.map(({ name, size, can }) => `${name} (${number(size)}) ${can}`).join("; ")}.`));
      const fitting = payload.devices.filter((one) => one !== device && !solver.result(here, one, fast(one, dashboard.state.width)).problem);
      const roomy = fitting.map((one) => button(one.name, () => {
        Object.assign(this.state, { device: one.name, M: fast(one, dashboard.state.width) });
        this.build();
        dashboard.update();
      }));
      found.push(...wrapped("Take a device on which it fits:", roomy.slice(0, MOST)));
      if (!roomy.length) found.push(element("li", {}, `It fits on no device that is listed${device ? `; ${level.name} of ${device.name} has ${bytes(level.room * dashboard.state.width)}` : ""}.`));
    }
    return [...said, element("ul.help", { "aria-label": "What helps" }, found)];
  }

  /** The ways to run the same boxes, with what each costs. */
  fillWays() {
    const { solver } = this.dashboard;
    this.fused = "";
    const every = solver.ways(this.design.group);
    if (every.length < 2) return;
    const { designs } = this.dashboard.payload;
    const at = (k) => solver.result(k, this.device, this.state.M);
    const whole = every.filter((k) => designs[k].costs && !at(k).problem).map((k) => at(k).transfers);
    const { parts, problem, transfers } = this.result;
    if (parts && !problem && transfers < Math.min(...whole) && whole.length)
      this.fused = `one island moves ${number(Math.min(...whole))} words, these ${number(transfers)}`;
    const rows = every.map((k) => {
      const found = at(k);
      const figures = found.problem ? ["–", "–", "–"] : [number(found.transfers), number(found.memory), found.seconds ? time(found.serial) : "–"];
      return [element("button.link", { type: "button", "aria-pressed": String(k === this.state.design), click: () => this.open(k) }, designs[k].way), ...figures];
    });
    this.ways.replaceChildren(element("h3", {}, "Ways to run it"),
      table("The same boxes as one island, cut, or apart", ["way", "H", "M", "time"], rows, { right: [1, 2, 3] }));
  }

  /** The parts of a design, those of each together, by what is chosen: time, H or M. */
  fillParts() {
    const { result, state } = this;
    const { designs } = this.dashboard.payload;
    const timed = Boolean(result.seconds);
    const by = { time: cost, H: ({ transfers }) => transfers, M: ({ memory }) => memory };
    const order = state.sort in by ? state.sort : "time";
    const rows = [];
    const walk = (parts, depth, outer) => {
      const weight = ({ times, result }) => (result.problem ? Infinity : order === "M" ? by.M(result) : times * by[order](result));
      for (const one of [...parts].sort((a, b) => weight(b) - weight(a))) {
        const { part, index, times, result: own } = one;
        const count = outer * times;
        const chosen = this.dashboard.solver.islands(index, this.device, state.M).includes(this.at);
        const label = `${part.title}${times === 1 ? "" : ` ×${number(times)}`}`;
        const select = element("button.link", { type: "button", "aria-pressed": String(chosen), style: `margin-left:${depth * 1.1}rem`,
          click: () => this.look(this.dashboard.solver.longest(index, this.device, state.M)) }, label);
        const open = element("button.link", { type: "button", "aria-label": `Open ${label}`, click: () => this.open(index) }, designs[index].way);
        rows.push(own.problem ? [select, open, "–", own.problem, "–", "–"]
          : [select, open, timed ? time(count * own.serial) : "–", meter(count * cost(own), cost(result), chosen),
            number(count * own.transfers), number(own.memory)]);
        if (own.parts) walk(own.parts, depth + 1, count);
      }
    };
    walk(result.parts, 0, 1);
    const sorter = (name) => element("button.link", { type: "button", "data-sort": name, "aria-pressed": String(order === name), click: () => {
      state.sort = name;
      this.dashboard.update();
      this.listed.querySelector(`[data-sort=${name}]`).focus();
    } }, name);
    const made = table("What runs one after the other, the greatest first; the way opens it",
      ["part", "way", sorter("time"), timed ? "of the time" : "of H", sorter("H"), sorter("M")], rows, { right: [2, 4, 5] });
    made.querySelectorAll("thead th").forEach((th, k) => {
      const name = [null, null, "time", null, "H", "M"][k];
      if (name) th.setAttribute("aria-sort", name === order ? "descending" : "none");
    });
    this.listed.replaceChildren(element("h3", {}, "Parts"), made);
    if (this.island.problem) return;
    const { name } = this.looked;
    this.head.replaceChildren(element("h2", { "data-looked": this.at }, name),
      element("p.soft", {}, `The island that ${state.part === null ? "takes longest" : "is selected"}: ${Object.entries(this.island.tiles).map(([tile, n]) => `${tile} = ${number(n)}`).join(", ") || "no tiles"}, bound by ${this.island.bound ?? "transfers"}.`));
  }

  /** Look at an island of the design. */
  look(k) {
    this.state.part = k;
    this.dashboard.update();
  }

  fillTiling() {
    const { island: result, looked: design } = this;
    const tiles = Object.keys(result.best);
    const rows = result.levels.map(({ level, tiles: found, best, memory, transfers }) => [
      level.name,
      ...tiles.map((name) => (found[name] === best[name] ? number(found[name]) : `${number(found[name])} (${number(best[name])})`)),
      number(memory), number(level.room), number(transfers),
    ]);
    const head = ["level", ...tiles, "held", "room", "words that cross"];
    this.tiling.replaceChildren(
      element("h3", {}, "Levels and tiles"),
      table("Whole tiles of each level (the optimum in parentheses)", head, rows, { right: head.map((_, k) => k).slice(1) }),
      element("p.soft", {}, `Modes: ${design.modes}. Whole tiles move ${number(result.gap, 4)} times the optimum.`),
      ...(design.costs.closed ? [element("p.soft", {}, "In the limit of large sizes H is ", element("code", {}, design.costs.closed), ".")] : []));
  }

  fillSteps() {
    const { island: result, looked: design } = this;
    const most = Math.max(...design.costs.columns.map(({ memory }) => result.evaluated(memory)));
    const columns = design.costs.columns.map(({ title, live, memory }) => {
      const here = result.evaluated(memory);
      return [title, live.join(", "), element("span", { title: written(memory) }, number(here)), meter(here, this.state.M, here === most)];
    });
    this.steps.replaceChildren(element("h3", {}, "Columns"),
      table(`Steps of the loop's body, and the words M that each holds${design.costs.hidden ? ` (the largest; ${design.costs.hidden} others are smaller)` : ""}`, ["step", "live arrays", "M", "of fast memory"], columns, { right: [2] }));
    const total = result.transfers;
    const crossings = design.costs.crossings.map(({ title, words, times, transfers }) => {
      const H = result.evaluated(transfers);
      return [title, number(result.evaluated(words)), element("span", { title: written(times) }, number(result.evaluated(times))), element("span", { title: written(transfers) }, number(H)), meter(H, total)];
    });
    this.crossed.replaceChildren(element("h3", {}, "Crossings"),
      table("Arrays that cross, how often, and the words H of each", ["array", "words", "times", "H", "of all"], crossings, { right: [1, 2, 3] }));
  }

  fillNotices() {
    const { looked: design, island } = this;
    const say = (code, severity, text) => ({ code, severity, node: "island", text, boxes: [] });
    const every = [
      ...(island.need ? [say("tile-exceeds-memory", "warning", island.problem)] : []),
      ...(this.fused ? [say("fusing-costs-more", "note", this.fused)] : []),
      ...(island.notices ?? []), ...design.notices, ...(design === this.design ? [] : this.design.notices),
    ];
    const { boxes: known } = this.dashboard.payload;
    const shown = new Set();
    const about = (node, boxes = design.about[node] ?? []) => {
      shown.clear();
      const every = boxes.filter((box) => {
        const { title, source } = known[box];
        return !shown.has(title + source) && shown.add(title + source);
      });
      const more = every.length > MOST ? [`and ${every.length - MOST} more`] : [];
      return [...every.slice(0, MOST).map((box) => this.boxButton(box)), ...more];
    };
    this.said.replaceChildren(element("h3", {}, "Notices"),
      every.length
        ? element("ul.notices", {}, every.map(({ code, severity, node, text, boxes }) =>
            element(`li.${severity === "warning" ? "warning" : "note"}`, {},
              element("b", {}, code), ` ${node}: ${text}. `,
              ...about(node, boxes))))
        : element("p.soft", {}, "None."));
  }

  boxButton(box) {
    const { title, source } = this.dashboard.payload.boxes[box];
    return element("button.link", { type: "button", click: () => this.pick(box) }, source ? `${title} (${source})` : title);
  }

  fillBoxes() {
    const { boxes } = this.design;
    if (!boxes.length) return this.boxed.replaceChildren();
    const known = boxes.map((k) => [this.dashboard.payload.boxes[k], k]);
    const nested = known.some(([{ block }]) => block);
    const rows = known.map(([{ title, block, source, line, work }, k]) => [
      element("button.link", { type: "button", "aria-pressed": String(k === this.picked), click: () => this.pick(k) }, title),
      ...(nested ? [block] : []),
      element("span", { "data-source": k }, source || "–"),
      element("code", {}, line),
      Object.entries(work).map(([unit, terms]) => [unit, value(terms, this.dashboard.state.sizes)])
        .flatMap(([unit, n]) => (n ? [`${unit} ${number(n)}`] : [])).join(", "),
    ]);
    this.boxed.replaceChildren(element("details", { open: boxes.length <= 16 },
      element("summary", {}, `Boxes (${boxes.length}) and where they are written`),
      table("Boxes", ["box", ...(nested ? ["block"] : []), "source", "line", "operations"], rows)));
  }

  pick(box) {
    this.picked = this.picked === box ? null : box;
    this.fillBoxes();
    this.annotate();
    this.root.querySelector(".picked")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  // The picture.

  /** The blocks that are open: what was chosen, or what is nearest to it that is drawn. */
  get opened() {
    const { drawings } = this.design;
    const wanted = this.state.open ?? drawings[0]?.open ?? [];
    const distance = (open) => wanted.filter((b) => !open.includes(b)).length + open.filter((b) => !wanted.includes(b)).length;
    return drawings.reduce((one, other) => (distance(other.open) < distance(one.open) ? other : one), drawings[0]);
  }

  toggle(title) {
    const { blocks: known, drawings } = this.design;
    const now = this.opened.open;
    const inside = (outer) => known.filter(({ within }) => within.includes(outer)).map((one) => one.title);
    const wanted = now.includes(title)
      ? now.filter((b) => b !== title && !inside(title).includes(b))
      : [...now, title, ...known.find((one) => one.title === title).within];
    const ready = drawings.filter(({ open }) => open.includes(title) !== now.includes(title));
    const distance = (open) => wanted.filter((b) => !open.includes(b)).length + open.filter((b) => !wanted.includes(b)).length;
    if (!ready.length) return;
    this.state.open = ready.reduce((one, other) => (distance(other.open) < distance(one.open) ? other : one)).open;
    this.draw(title);
    this.dashboard.update();
  }

  draw(focus) {
    const { design } = this;
    if (!design.drawings.length) return this.pictured.replaceChildren();
    const { svg, glyphs, open } = this.opened;
    const shown = picture(svg);
    const buttons = design.blocks.map(({ title, times }) =>
      element("button", { type: "button", "data-block": title, "aria-expanded": String(open.includes(title)), click: () => this.toggle(title) },
        `${open.includes(title) ? "▾" : "▸"} ${title}${times ? ` ${times}` : ""}`));
    this.glyphs = [...shown.querySelectorAll("g.glyph")].map((one, k) => [one, glyphs[k] ?? []]);
    for (const [one, boxes] of this.glyphs)
      if (boxes.length) {
        one.classList.add("clickable");
        one.addEventListener("click", () => {
          const closed = design.blocks.find(({ title, times }) => one.classList.contains("closed") && one.textContent.includes(`${title}${times ? ` ${times}` : ""}`));
          if (closed) this.toggle(closed.title);
          else this.pick(boxes[boxes.length - 1]);
        });
      }
    this.above = [...shown.querySelectorAll("g.above")].map((one) => {
      const head = one.querySelector("text");
      const text = one.querySelector("title")?.textContent.split(" = ")[1] ?? "";
      if (head?.textContent === "H") head.setAttribute("y", Number(head.getAttribute("y")) - 13);
      return [one, head, head?.textContent, head && design.labels[text]];
    });
    const natural = Number(shown.getAttribute("width")) || 600;
    shown.style.width = `max(${natural}px, min(${Math.round(1.3 * natural)}px, 100%))`;
    this.pictured.replaceChildren(element("h3", {}, "Circuit"),
      ...(buttons.length ? [element("div.blocks", { role: "group", "aria-label": "Blocks" }, element("span.soft", {}, "Blocks: "), buttons)] : []),
      element("div.card.picture", { tabindex: 0, role: "region", "aria-label": "Picture of the circuit" }, shown),
      (this.selected = element("p.soft.selected", { role: "status" })));
    if (focus) this.pictured.querySelector(`[data-block=${CSS.escape(focus)}]`)?.focus();
  }

  /** Write numbers above columns, and mark the box that is picked. */
  annotate() {
    const { result } = this;
    if (!this.above) return;
    for (const [one, head, name, label] of this.above) {
      if (!label) continue;
      head.textContent = result.problem ? name : `${name} = ${number(result.evaluated(label.terms), 3)}`;
      one.classList.toggle("picked", label.boxes.includes(this.picked));
    }
    const looked = result.parts ? this.looked.boxes : [];
    for (const [one, boxes] of this.glyphs) {
      one.classList.toggle("picked", boxes.includes(this.picked));
      one.classList.toggle("looked", boxes.some((box) => looked.includes(box)));
    }
    const box = this.dashboard.payload.boxes[this.picked];
    this.selected.textContent = box ? `${box.title}${box.source ? `, ${box.source}` : ""}${box.line ? `: ${box.line}` : ""}` : "";
  }

  // Figures.

  measuredRate() {
    const found = this.dashboard.payload.measured?.findLast(({ figure }) => figure === "time");
    return found && this.result.work?.matrix ? this.result.work.matrix / found.value : null;
  }

  predicted(name) {
    const { result } = this;
    if (result.problem) return undefined;
    const unit = this.dashboard.state.width;
    return { time: result.serial, memory: result.memory * unit, transfers: result.levels[0].transfers * unit,
      flops: Object.values(result.work).reduce((sum, x) => sum + x, 0) }[name] ?? result.seconds?.[name] ?? result.work[name];
  }

  sentence() {
    const { result, letter } = this;
    const who = this.dashboard.panes.length > 1 ? `${letter}: ` : "";
    if (result.problem) return `${who}${result.problem}`;
    const tiles = Object.keys(result.best).map((name) => `${name} = ${number(result.best[name])}`);
    return `${who}${[...tiles, `H = ${number(result.optimum)}`].join(", ")}${result.seconds ? `, ${time(result.serial)}` : ""}`;
  }

  figures() {
    const { result, design, letter } = this;
    const line = (group, figure, found, unit) => ({ pane: letter, design: design.name, device: this.state.device || "fast memory alone", group, figure, value: found, unit });
    const head = [line("choice", "M", this.state.M, "words")];
    if (result.problem) return [...head, line("problem", "problem", result.problem, "")];
    return [
      ...head,
      ...(result.parts ?? []).map(({ part, times, result: own }) => line("parts", `${part.title}${times === 1 ? "" : ` ×${times}`}`, times * cost(own), own.seconds ? "s" : "words")),
      ...Object.entries(result.best).map(([name, x]) => line("optimum", name, x, "entries")),
      line("optimum", "H", result.optimum, "words"),
      ...result.levels.flatMap(({ level, tiles, transfers, memory }) => [
        ...Object.entries(tiles).map(([name, x]) => line(level.name, name, x, "entries")),
        line(level.name, "H", transfers, "words"),
        line(level.name, "M", memory, "words"),
      ]),
      ...(result.parts ? [] : [line("island", "compulsory", result.compulsory, "words")]),
      ...Object.entries(result.work).map(([name, x]) => line("operations", name, x, "operations")),
      ...Object.entries(result.seconds ?? {}).map(([name, x]) => line("time", name, x, "s")),
      ...(result.seconds ? [line("time", "serial", result.serial, "s"), line("time", "overlapped", result.overlapped, "s")] : []),
    ];
  }
}

// ---------------------------------------------------------------- plots

function meter(part, total, strong = false) {
  const share = Math.min(1, part / total || 0);
  return element(`span.meter${strong ? ".strong" : ""}`, { role: "img", "aria-label": `${Math.round(100 * share)} %` },
    element("span", { style: `width:${(100 * share).toFixed(1)}%` }));
}

/** The time of each unit as a bar. */
function bars({ seconds, serial, overlapped, bound, work }, slowest) {
  const rows = Object.entries(seconds).map(([unit, x]) =>
    element(`div.bar${unit === bound ? ".bound" : ""}${unit in work ? "" : ".level"}`, { role: "listitem" },
      element("span", {}, unit),
      element("span.track", { "aria-hidden": true }, element("span", { style: `width:${((100 * x) / slowest).toFixed(2)}%` })),
      element("span.n", { "data-unit": unit }, time(x))));
  return [
    element("h3", {}, "Time by unit"),
    element("div", { role: "list", "aria-label": "Time by unit" }, rows),
    element("p.soft", {}, `One after the other ${time(serial)}, overlapped ${time(overlapped)}; bound by ${bound}.`),
  ];
}

/** A roofline: operations a second by operations for each byte, with the point of the design. */
function roofline(result, payload, plots, measured) {
  const unit = result.work.matrix ? "matrix" : Object.keys(result.work)[0];
  if (!unit) return [];
  const width = result.width;
  const chosen = plots.some(({ device }) => device);
  const shown = chosen
    ? plots.map(({ device }) => device).filter(Boolean)
    : payload.devices.filter((device) => throughput(device, unit, width) && device.name !== "cpu");
  const intensity = (one, k) => one.work[unit] / (one.levels[k].transfers * width);
  const peak = (device) => throughput(device, unit, width);
  const tops = shown.map(peak).filter(Boolean);
  if (!tops.length) return [];
  const every = plots.flatMap((one) => one.levels.map((_, k) => intensity(one, k))).filter((x) => x > 0 && Number.isFinite(x));
  const ridges = shown.flatMap((device) => device.levels.slice(1).map(({ bandwidth }) => peak(device) / bandwidth));
  const decade = (x, up) => 10 ** Math[up ? "ceil" : "floor"](Math.log10(x));
  const x0 = decade(Math.min(...every, ...ridges) / 3, false), x1 = decade(Math.max(...every, ...ridges) * 3, true);
  const low = Math.min(...shown.map((device) => Math.min(...device.levels.slice(1).map(({ bandwidth }) => bandwidth)) * x0));
  const reached = plots.flatMap(({ seconds, serial, work }) => (seconds ? [work[unit] / serial] : [])).filter((y) => y > 0);
  const y1 = decade(Math.max(...tops) * 1.2, true), y0 = Math.max(decade(Math.min(low, ...reached), false), y1 / 1e6);
  const W = 520, H = 290, L = 62, R = 104, T = 14, B = 44;
  const X = (x) => L + ((W - L - R) * Math.log(x / x0)) / Math.log(x1 / x0);
  const Y = (y) => H - B - ((H - T - B) * Math.log(y / y0)) / Math.log(y1 / y0);
  const inside = (x, y) => [Math.min(Math.max(x, x0), x1), Math.min(Math.max(y, y0), y1)];
  const s = (tag, attributes, ...children) => element(`svg:${tag}`, attributes, ...children);
  const drawn = [];
  const words = [];
  for (let x = x0; x <= x1 * 1.01; x *= 10) {
    drawn.push(s("path.rule", { d: `M${X(x)} ${T}V${H - B}` }));
    drawn.push(s("text.tick", { x: X(x), y: H - B + 15, "text-anchor": "middle" }, x >= 1e4 ? x.toExponential(0).replace("e+", "e") : String(Number(x.toPrecision(3)))));
  }
  for (let y = y0; y <= y1 * 1.01; y *= 10) {
    drawn.push(s("path.rule", { d: `M${L} ${Y(y)}H${W - R}` }));
    drawn.push(s("text.tick", { x: L - 6, y: Y(y) + 4, "text-anchor": "end" }, rate(y * 1.0001).replace(".000", "").replace(".00", "").replace(".0", "")));
  }
  const own = result.device;
  const labels = [];
  const roof = (device, strong) => {
    const top = peak(device);
    if (!top) return;
    device.levels.slice(1).forEach(({ bandwidth }, k) => {
      if (!strong && k) return;
      const ridge = top / bandwidth;
      const from = Math.max(x0, y0 / bandwidth);
      const path = `M${X(from)} ${Y(from * bandwidth)}L${X(Math.min(ridge, x1))} ${Y(Math.min(top, x1 * bandwidth))}`;
      drawn.push(s(`path.roof${strong ? ".strong" : ""}${k ? ".inner" : ""}`, { d: `${path}H${W - R}` }));
      if (strong) {
        const at = Math.sqrt(from * Math.min(ridge, x1));
        const y = Y(at * bandwidth) + (k ? -6 : 14);
        drawn.push(s("text.name", { x: X(at) + (k ? -4 : 6), y, "text-anchor": k ? "end" : "start" }, device.levels[k].name));
      }
    });
    labels.push([Y(top), device.name]);
  };
  if (own) roof(own, true);
  else for (const device of shown) roof(device, false);
  labels.sort(([a], [b]) => a - b);
  let last = -Infinity;
  for (const [y, text] of labels) {
    last = Math.max(y + 4, last + 12);
    drawn.push(s("text.name", { x: W - R + 6, y: last }, text));
  }
  const point = (kind, x, y, text) => {
    const [px, py] = inside(x, y);
    drawn.push(s(`circle.${kind}`, { cx: X(px), cy: Y(py), r: 4.5, "data-point": kind }, s("title", {}, text)));
    words.push(text);
  };
  if (own && result.seconds) {
    const [slow, quick] = [result.serial, result.overlapped].map((t) => result.work[unit] / t);
    result.levels.forEach((one, k) => {
      const x = intensity(result, k), name = own.levels[k].name;
      const [px, py] = inside(x, slow), [, top] = inside(x, quick);
      drawn.push(s("path.range", { d: `M${X(px)} ${Y(py)}V${Y(top)}` }));
      point(k ? "inner" : "point", x, slow, `${name}: ${number(x)} operations for each byte, ${rate(slow)}op/s one after the other, ${rate(quick)}op/s overlapped`);
    });
    if (measured) point("measured", intensity(result, 0), measured, `measured: ${rate(measured)}op/s`);
  } else {
    const x = intensity(result, 0);
    const [px] = inside(x, y0);
    drawn.push(s("path.range", { d: `M${X(px)} ${T}V${H - B}` }));
    for (const device of shown) {
      const bandwidth = device.levels[1].bandwidth;
      const y = Math.min(peak(device), x * bandwidth);
      point("point", x, y, `${device.name}: ${number(x)} operations for each byte, at most ${rate(y)}op/s`);
    }
  }
  drawn.push(s("text.axis", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle" }, `${unit} operations for each byte that crosses`));
  drawn.push(s("text.axis", { transform: `translate(12 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle" }, "operations a second"));
  const title = own ? `Roofline of ${own.name}` : "Roofline of each device";
  return [
    element("h3", {}, "Roofline"),
    s("svg.roofline", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${title}. ${words.join(". ")}` }, drawn),
    own ? element("p.soft", {}, "A point for each level, one after the other; the line up to it all at once.")
      : element("p.soft", {}, `At ${number(intensity(result, 0))} operations for each byte, what each device may reach. Choose one for its times.`),
  ];
}

/** The widget of notebooks. */
export default {
  render({ model, el }) {
    show(el, model.get("payload"));
  },
};
