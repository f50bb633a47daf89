// The dashboard of catlearn: one script, for the page and for the widget of notebooks.
//
// A posynomial is a list of terms [coefficient, {name: exponent}]. What costs are follows from
// those of the payload and from what the reader chooses: sizes, fast memory, device. Text comes
// in as text content alone, and pictures as parsed SVG, of which nothing runs.

// ---------------------------------------------------------------- posynomials

/** The value of a posynomial at numbers. */
export const value = (terms, at) =>
  terms.reduce((sum, [c, key]) => {
    for (const name in key) c *= at[name] ** key[name];
    return sum + c;
  }, 0);

/** A posynomial with numbers put in for some names. */
export function put(terms, at) {
  const found = new Map();
  for (const [c, key] of terms) {
    let factor = c;
    const rest = {};
    for (const name of Object.keys(key).sort())
      if (name in at) factor *= at[name] ** key[name];
      else rest[name] = key[name];
    const text = JSON.stringify(rest);
    found.set(text, [(found.get(text)?.[0] ?? 0) + factor, rest]);
  }
  return [...found.values()];
}

const renamed = (terms, rename) =>
  terms.map(([c, key]) => [
    c,
    Object.fromEntries(Object.entries(key).map(([name, power]) => [rename(name), power])),
  ]);

const names = (terms) => new Set(terms.flatMap(([, key]) => Object.keys(key)));

// ---------------------------------------------------------------- geometric programs

/** log sum exp(A y + b), with gradient and Hessian: a posynomial in logarithms of its variables. */
function logarithm(terms, order, limit) {
  const A = terms.map(([, key]) => order.map((name) => key[name] ?? 0));
  const b = terms.map(([c]) => Math.log(c) - Math.log(limit));
  return (y) => {
    const n = order.length;
    const e = A.map((row, k) => row.reduce((sum, a, i) => sum + a * y[i], b[k]));
    const largest = Math.max(...e);
    const w = e.map((x) => Math.exp(x - largest));
    const total = w.reduce((s, x) => s + x, 0);
    const gradient = new Array(n).fill(0);
    const hessian = Array.from({ length: n }, () => new Array(n).fill(0));
    A.forEach((row, k) => {
      const p = w[k] / total;
      for (let i = 0; i < n; i++) {
        gradient[i] += p * row[i];
        if (row[i]) for (let j = 0; j < n; j++) hessian[i][j] += p * row[i] * row[j];
      }
    });
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) hessian[i][j] -= gradient[i] * gradient[j];
    return { value: largest + Math.log(total), gradient, hessian };
  };
}

/** A linear function of y as such a value. */
const linear = (row, constant) => (y) => ({
  value: row.reduce((sum, a, i) => sum + a * y[i], constant),
  gradient: row,
  hessian: null,
});

/** Solve H x = g for a positive definite H, by Cholesky; what is nearly singular is made regular. */
function solved(H, g) {
  const n = g.length;
  const L = Array.from({ length: n }, () => new Array(n).fill(0));
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let s = H[i][j];
      for (let k = 0; k < j; k++) s -= L[i][k] * L[j][k];
      L[i][j] = i === j ? Math.sqrt(Math.max(s, 1e-12 * (1 + Math.abs(H[i][i])))) : s / L[j][j];
    }
  const x = [...g];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
    x[i] /= L[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k];
    x[i] /= L[i][i];
  }
  return x;
}

/** The least of a convex function where walls are below 0, by a barrier and Newton's steps. */
function interior(target, walls, start, enough = () => false) {
  let y = start;
  const n = y.length;
  const barrier = (at, t) => {
    let sum = t * target(at).value;
    for (const wall of walls) {
      const v = wall(at).value;
      if (!(v < 0)) return Infinity;
      sum -= Math.log(-v);
    }
    return sum;
  };
  for (let t = 1; walls.length / t > 1e-11 || t === 1; t *= 12) {
    for (let step = 0; step < 60; step++) {
      const f = target(y);
      const g = f.gradient.map((x) => t * x);
      const H = Array.from({ length: n }, (_, i) =>
        Array.from({ length: n }, (_, j) => t * (f.hessian?.[i][j] ?? 0)),
      );
      for (const wall of walls) {
        const w = wall(y);
        for (let i = 0; i < n; i++) {
          g[i] -= w.gradient[i] / w.value;
          for (let j = 0; j < n; j++)
            H[i][j] +=
              (w.gradient[i] * w.gradient[j]) / w.value ** 2 - (w.hessian?.[i][j] ?? 0) / w.value;
        }
      }
      const move = solved(H, g);
      const decrease = move.reduce((sum, x, i) => sum + x * g[i], 0);
      if (!(decrease > 1e-12)) break;
      const now = barrier(y, t);
      let length = 1;
      let next = y;
      for (; length > 1e-12; length /= 2) {
        next = y.map((x, i) => x - length * move[i]);
        if (barrier(next, t) < now - 0.1 * length * decrease) break;
      }
      if (length <= 1e-12) break;
      y = next;
      if (enough(y)) return y;
    }
  }
  return y;
}

/**
 * The least value of a posynomial where others are within limits: a geometric program, which is
 * convex in logarithms. `ends` has the least and the greatest value of each variable. Returns the
 * point, or `{factor}` by which limits would have to grow.
 */
export function minimise(objective, limits, ends) {
  const fixed = Object.fromEntries(
    Object.entries(ends).flatMap(([name, [low, high]]) => (low >= high ? [[name, low]] : [])),
  );
  const order = Object.keys(ends).filter((name) => !(name in fixed));
  const lows = order.map((name) => Math.log(ends[name][0]));
  const highs = order.map((name) => Math.log(ends[name][1]));
  const walls = [];
  for (const [terms, limit] of limits) {
    const wall = logarithm(put(terms, fixed), order, limit);
    if (terms.length) walls.push(wall);
  }
  const n = order.length;
  const unit = (i, by) => Array.from({ length: n }, (_, j) => (i === j ? by : 0));
  const sides = order.flatMap((_, i) => [
    linear(unit(i, -1), lows[i]),
    linear(unit(i, 1), -highs[i]),
  ]);
  const excess = (y) => Math.max(...walls.map((wall) => wall(y).value), -Infinity);
  const point = (y) => ({
    ...fixed,
    ...Object.fromEntries(
      order.map((name, i) => {
        const [low, high] = ends[name];
        const x = Math.exp(y[i]);
        return [name, x > high * (1 - 1e-9) ? high : x < low * (1 + 1e-9) ? low : x];
      }),
    ),
  });
  const corner = lows;
  if (n === 0 || walls.length === 0)
    return excess(corner) > 1e-9 ? { factor: Math.exp(excess(corner)) } : { point: point(n ? highs : []) };
  // First a point inside: the least last coordinate by which every wall gives way.
  let inside = lows.map((low, i) => low + 1e-3 * (highs[i] - low));
  if (!(excess(inside) < -1e-9)) {
    const giving = walls.map((wall) => (z) => {
      const w = wall(z);
      const H = w.hessian?.map((row) => [...row, 0]);
      return { value: w.value - z[n], gradient: [...w.gradient, -1], hessian: H && [...H, new Array(n + 1).fill(0)] };
    });
    const held = sides.map((side) => (z) => {
      const w = side(z);
      return { ...w, gradient: [...w.gradient, 0] };
    });
    const last = linear([...new Array(n).fill(0), 1], 0);
    const start = [...inside, Math.max(excess(inside), 0) + 1];
    const z = interior(last, [...giving, ...held], start, (z) => excess(z) < -1e-2);
    inside = z.slice(0, n);
    if (excess(inside) > 1e-7 && excess(corner) > 1e-9) return { factor: Math.exp(Math.min(excess(inside), excess(corner))) };
    if (!(excess(inside) < 0)) return { point: point(excess(corner) <= 1e-9 ? corner : inside) };
  }
  const goal = put(objective, fixed);
  return { point: point(interior(logarithm(goal, order, 1), [...walls, ...sides], inside)) };
}

// ---------------------------------------------------------------- whole tiles

const divisors = (n) => {
  const small = [];
  for (let k = 1; k * k <= n; k++) if (n % k === 0) small.push(k);
  return [...new Set([...small, ...small.map((k) => n / k)])].sort((a, b) => a - b);
};

/** How many blocks of the last tile an axis has, where each tile is cut by the next. */
export function blocks(size, [tile, ...rest]) {
  if (tile === undefined) return 1;
  const left = size % tile;
  return ((size - left) / tile) * blocks(tile, rest) + (left ? blocks(left, rest) : 0);
}

/** A value at whole tiles, with 1/g as the number of blocks by the size of the axis. */
const whole = (terms, tiles, counts) =>
  terms.reduce((sum, [c, key]) => {
    for (const name in key) {
      const power = key[name];
      c *= power > 0 ? tiles[name] ** power : counts[name] ** -power;
    }
    return sum + c;
  }, 0);

/** The search for whole tiles of all levels: first divisors below the optimum, then others. */
class Rounding {
  constructor(costs, levels, ends) {
    this.costs = costs;
    this.levels = levels;
    this.low = Object.fromEntries(Object.entries(ends).map(([name, [low]]) => [name, low]));
    this.sizes = costs.sizes;
    this.moving = Object.keys(ends).filter((name) => names(costs.transfers).has(name));
    this.state = levels.map(() => ({}));
  }
  counts(k) {
    const tiles = (name) => this.state.slice(0, k + 1).map((one) => one[name]);
    return Object.fromEntries(
      Object.entries(this.sizes).map(([name, size]) => [name, blocks(size, tiles(name)) / size]),
    );
  }
  memory(k) {
    return Math.max(0, ...this.costs.memory.map((one) => whole(one, this.state[k], {})));
  }
  transfers(k) {
    return whole(this.costs.transfers, this.state[k], this.counts(k));
  }
  fits(k) {
    return this.memory(k) <= this.levels[k].room * (1 + 1e-12);
  }
  seconds() {
    if (!this.levels.every((_, k) => this.fits(k))) return Infinity;
    return this.levels.reduce((sum, level, k) => sum + this.transfers(k) / level.bandwidth, 0);
  }
  parent(k, name) {
    return k ? this.state[k - 1][name] : this.sizes[name];
  }
  start(optimum, even) {
    this.levels.forEach((_, k) => {
      for (const name in this.low) {
        const parent = this.parent(k, name);
        const best = optimum[variable(name, k, this.levels)] * (1 + 1e-9);
        const fitting = (even ? divisors(parent) : [Math.min(Math.floor(best), parent)]).filter(
          (n) => this.low[name] <= n && n <= best,
        );
        this.state[k][name] = fitting.length ? Math.max(...fitting) : Math.min(this.low[name], parent);
      }
    });
    if (this.seconds() === Infinity) this.state = this.levels.map(() => ({ ...this.low }));
  }
  options(k, name, even) {
    const parent = this.parent(k, name);
    const now = this.state[k][name];
    const least = Math.min(k + 1 < this.levels.length ? this.state[k + 1][name] : this.low[name], parent);
    const found = new Set([now, ...divisors(parent)]);
    if (!even) {
      const count = Math.max(1, Math.round(parent / now));
      for (let n = Math.max(1, count - 4); n < count + 5; n++) found.add(Math.ceil(parent / n));
    }
    return [...found].filter((n) => least <= n && n <= parent).sort((a, b) => b - a);
  }
  fill(k, name, options) {
    let low = 0;
    let high = options.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      this.state[k][name] = options[middle];
      if (this.fits(k)) high = middle;
      else low = middle + 1;
    }
    this.state[k][name] = options[low];
  }
  improve(even) {
    let changed = false;
    for (let k = this.levels.length - 1; k >= 0; k--)
      for (const name of this.moving)
        for (const other of [null, ...this.moving]) {
          if (name === other) continue;
          let best = this.seconds() * (1 - 1e-12);
          let at = { ...this.state[k] };
          for (const n of this.options(k, name, even)) {
            this.state[k][name] = n;
            if (other) this.fill(k, other, this.options(k, other, even));
            const found = this.seconds();
            if (found < best) [best, at, changed] = [found, { ...this.state[k] }, true];
          }
          Object.assign(this.state[k], at);
        }
    return changed;
  }
  grow() {
    this.levels.forEach((_, k) => {
      for (const name in this.low) {
        if (!name.startsWith("s")) continue;
        const now = this.state[k][name];
        const best = this.seconds() * (1 + 1e-12);
        let n = now;
        for (n of this.options(k, name, true)) {
          this.state[k][name] = n;
          if (n <= now || this.seconds() <= best) break;
        }
        this.state[k][name] = Math.max(n, now);
      }
    });
  }
  found(optimum) {
    const tried = [true, false].map((even) => {
      this.start(optimum, even);
      for (let round = 0; round < 20 && this.improve(!even); round++);
      return [this.seconds(), this.state.map((one) => ({ ...one }))];
    });
    this.state = tried.reduce((one, other) => (other[0] < one[0] ? other : one))[1];
    this.grow();
    return this.state;
  }
}

const variable = (name, k, levels) => (k === levels.length - 1 ? name : `${name}@${levels[k].name}`);

// ---------------------------------------------------------------- what a design costs

const WORDS = { name: "", floors: {}, throughputs: {} };

/** The throughput of a unit for numbers of a width in bytes, or undefined. */
const throughput = (device, unit, width) => {
  const given = device.throughputs[unit];
  return typeof given === "object" ? given[width] : given;
};

/** The least and the largest tile of each variable: sides of products have the device's floors. */
function least(costs, design, sizes, floors) {
  const moving = names(costs.transfers);
  const found = Object.fromEntries(Object.entries(design.bounds).map(([name, [low]]) => [name, low]));
  for (const [side, other] of design.sides) {
    let have = value(other, sizes);
    for (const name of [...side].sort((a, b) => costs.sizes[b] - costs.sizes[a])) {
      const wanted = floors[name[0]] ?? 1;
      found[name] = Math.max(found[name], Math.min(Math.ceil(wanted / have), costs.sizes[name]));
      have *= found[name];
    }
  }
  return Object.fromEntries(
    Object.entries(costs.sizes).map(([name, size]) => {
      const low = Math.min(found[name], size);
      return [name, [low, moving.has(name) ? size : low]];
    }),
  );
}

/**
 * The tiles of a design on a device, and what follows: transfers, memory, time, notices.
 * `memory` is the fast memory in words; without a device there is one level of that size.
 * Returns `{problem}` where nothing fits.
 */
export function tiled(design, device, memory, sizes, width) {
  const whose = device ?? WORDS;
  const unit = device ? width : 1;
  const levels = device
    ? device.levels.slice(1).map((level) => ({ ...level, room: level.capacity / unit, bandwidth: level.bandwidth / unit }))
    : [{ name: "fast memory", units: 1, bandwidth: 1 }];
  levels[levels.length - 1].room = memory;
  const at = (terms) => put(terms, sizes);
  const costs = {
    transfers: at(design.transfers),
    memory: design.memory.map(at),
    sizes: Object.fromEntries(Object.entries(design.bounds).map(([name, [, size]]) => [name, value(size, sizes)])),
  };
  const ends = least(costs, design, sizes, whose.floors);
  const limits = [];
  const bounds = {};
  let objective = [];
  let above = null;
  for (const [k, level] of levels.entries()) {
    const here = (name) => (name in ends ? variable(name, k, levels) : name);
    const mine = costs.memory.map((one) => [renamed(one, here), level.room]);
    const own = Object.fromEntries(Object.entries(ends).map(([name, both]) => [here(name), both]));
    const lows = Object.fromEntries(Object.entries(ends).map(([name, [low]]) => [name, low]));
    const need = Math.max(0, ...costs.memory.map((one) => value(one, lows)));
    if (need > level.room * (1 + 1e-9))
      return { problem: `needs at least ${number(need)} words, ${level.name} has ${number(level.room)}` };
    limits.push(...mine);
    Object.assign(bounds, own);
    objective = [...objective, ...renamed(costs.transfers, here).map(([c, key]) => [c / level.bandwidth, key])];
    if (above)
      for (const name in ends)
        if (ends[name][0] < ends[name][1]) limits.push([[[1, { [here(name)]: 1, [above(name)]: -1 }]], 1]);
    above = here;
  }
  const { point, factor } = minimise(objective, limits, bounds);
  if (!point) return { problem: `limits would have to be ${number(factor)} times as large` };
  const search = new Rounding(costs, levels, ends);
  const state = search.found(point);
  const inner = levels.length - 1;
  const best = Object.fromEntries(Object.keys(ends).map((name) => [name, point[name]]));
  const found = levels.map((level, k) => ({
    level,
    tiles: state[k],
    best: Object.fromEntries(Object.keys(ends).map((name) => [name, point[variable(name, k, levels)]])),
    transfers: search.transfers(k),
    memory: search.memory(k),
  }));
  const counts = search.counts(inner);
  const evaluated = (terms) => whole(at(terms), state[inner], counts);
  const work = Object.fromEntries(Object.entries(design.work).map(([name, terms]) => [name, evaluated(terms)]));
  const result = {
    levels: found,
    tiles: state[inner],
    best,
    optimum: value(costs.transfers, best),
    transfers: found[inner].transfers,
    memory: found[inner].memory,
    compulsory: value(design.compulsory, sizes),
    gap: search.seconds() / value(objective, point) || 1,
    work,
    evaluated,
    unit,
    width,
    device,
  };
  if (device) Object.assign(result, timed(result));
  result.notices = noticed(design, result, costs, ends, sizes);
  return result;
}

function timed({ work, levels, device, unit, width }) {
  const seconds = {};
  for (const [name, n] of Object.entries(work)) {
    const rate = throughput(device, name, width);
    if (rate === undefined) return { untimed: `${device.name} has no ${name} unit for numbers of ${width} bytes` };
    seconds[name] = n / rate;
  }
  levels.forEach((one, k) => {
    seconds[device.levels[k].name] = one.transfers / one.level.bandwidth;
  });
  const all = Object.values(seconds);
  return {
    seconds,
    serial: all.reduce((sum, one) => sum + one, 0),
    overlapped: Math.max(...all),
    bound: Object.keys(seconds).reduce((one, other) => (seconds[other] > seconds[one] ? other : one)),
  };
}

/** What a reader should know of these tiles; the codes are those of catlearn.costing.Notice. */
function noticed(design, result, costs, ends, sizes) {
  const found = [];
  const say = (code, severity, node, text) => found.push({ code, severity, node, text });
  if (result.gap > 1.05)
    say("integral-gap", "note", "tiles", `whole tiles move ${number(result.gap, 3)} times what the optimum does`);
  for (const name in ends) {
    const size = costs.sizes[name];
    if (result.best[name] >= size * (1 - 1e-6) && names(costs.transfers).has(name))
      say("clamped", "note", name, `the tile is the whole axis of ${size}`);
  }
  const once = Object.fromEntries(Object.entries(costs.sizes).map(([name, size]) => [name, 1 / size]));
  for (const [unit, every] of Object.entries(result.work)) {
    const again = value(design.again[unit] ?? [], sizes);
    const groups = every - whole(put(design.work[unit], sizes), result.tiles, once);
    if (!(again + groups > every / 100)) continue;
    const parts = [...(again ? [`${number(again)} in the reverse pass`] : []), ...(groups ? [`${number(groups)} by groups that lack an axis`] : [])];
    say("recomputed", "note", unit, `of ${number(every)} operations are made again: ${parts.join(", ")}`);
  }
  const units = result.levels[result.levels.length - 1].level.units ?? 1;
  const grouped = Object.keys(result.tiles).filter((name) => name.startsWith("g"));
  const count = grouped.reduce((n, name) => n * Math.ceil(costs.sizes[name] / result.tiles[name]), 1);
  if (units > 1 && count < units)
    say("few-tiles", "warning", grouped.join(", ") || "island", `${count} groups for ${units} units`);
  if (!result.seconds) return found;
  const { bound, work, seconds, device } = result;
  if (bound in work) {
    const each = work[bound] / (result.levels[0].transfers * result.unit);
    let text = `${number(each)} operations for each byte that crosses below ${device.levels[0].name}`;
    if (bound === "matrix")
      text += `; the ridge is ${number(throughput(device, "matrix", result.width) / device.levels[1].bandwidth)}`;
    say("compute-bound", "note", bound, text);
  } else
{
    const most = design.crossings.reduce((one, other) =>
      result.evaluated(other.transfers) > result.evaluated(one.transfers) ? other : one);
    let text = `takes ${Math.round((100 * seconds[bound]) / result.serial)} % of the serial time`;
    text += `; most of what crosses is ${most.title}`;
    say("bandwidth-bound", "note", bound, text);
    found[found.length - 1].boxes = most.boxes;
  }
  return found;
}

// ---------------------------------------------------------------- texts

/** A number in four figures. */
export function number(x, figures = 4) {
  if (x === undefined || x === null || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return "∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e5) return String(x);
  if (size >= 1e-3 && size < 1e5) return x.toPrecision(figures);
  return x.toExponential(figures - 1).replace("e+", "e");
}

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

/** What is chosen at first: the first design of which tiles fit. */
function initial(payload) {
  const { sizes, width, memory, device, devices, designs } = payload;
  const whose = devices.find(({ name }) => name === device) ?? null;
  const fits = ({ costs }) => costs && !tiled(costs, whose, memory, sizes, width).problem;
  const pane = { design: Math.max(0, designs.findIndex(fits)), device, M: memory, open: null };
  return { sizes: { ...sizes }, width, panes: designs.length ? [pane] : [] };
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
    this.panes = state.panes.map((pane, k) => new Pane(this, pane, k));
    const compare = element("button", {
      type: "button", "aria-pressed": String(state.panes.length > 1), click: () => this.compare(),
    }, state.panes.length > 1 ? "One design" : "Compare two");
    const copy = (kind) => element("button", { type: "button", click: () => this.copy(kind) }, `Copy ${kind}`);
    root.replaceChildren(...[
      element("header", {},
        element("div", {},
          element("h1", {}, payload.title),
          payload.subtitle ? element("p.soft.code", {}, payload.subtitle) : null),
        this.panes.length
          ? element("div.tools", { role: "group", "aria-label": "What to do" }, compare, copy("CSV"), copy("JSON"))
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
      id: this.id("width"), change: ({ target }) => { state.width = Number(target.value); this.update(); },
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

  compare() {
    const { panes } = this.state;
    if (panes.length > 1) panes.pop();
    else {
      const other = this.payload.designs.length > 1 && !panes[0].device ? { design: 1 } : {};
      panes.push({ ...panes[0], ...other });
      if (panes[0].device) {
        const next = this.payload.devices.find(({ name }) => name === (panes[0].device === "A100" ? "H100" : "A100"));
        if (next) Object.assign(panes[1], { device: next.name, M: fast(next, this.state.width) });
      }
    }
    this.build();
  }

  update() {
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
    const rows = this.payload.measured.map(({ name, value: found, unit }) => {
      const every = this.panes.map((pane) => pane.predicted(name));
      const shown = (x) => (x === undefined ? "–" : unit === "s" ? time(x) : unit === "B" ? bytes(x) : `${number(x)} ${unit}`);
      return [name, shown(found), ...every.flatMap((x) => [shown(x), x ? number(found / x, 3) : "–"])];
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
  const solved = panes.map(({ result }) => result).filter((result) => result && !result.problem);
  return {
    slowest: Math.max(...solved.flatMap(({ seconds }) => (seconds ? Object.values(seconds) : [])), 0),
    plots: solved,
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

  get device() {
    return this.dashboard.payload.devices.find(({ name }) => name === this.state.device) ?? null;
  }

  id(name) {
    return this.dashboard.id(`${this.letter}-${name}`);
  }

  select(name, label, options, chosen, change) {
    return element("div.field", {},
      element("label", { for: this.id(name) }, label),
      element("select", { id: this.id(name), "data-control": name, change: ({ target }) => change(target.value) },
        options.map(([key, text]) => element("option", { value: key, selected: String(key) === String(chosen) }, text))));
  }

  build() {
    const { dashboard, state } = this;
    const { payload } = dashboard;
    const designs = this.select("design", "Design", payload.designs.map(({ name }, k) => [k, name]), state.design, (k) => {
      state.design = Number(k);
      this.picked = null;
      this.build();
      dashboard.update();
    });
    const devices = this.select("device", "Device", [["", "fast memory alone"], ...payload.devices.map(({ name }) => [name, name])], state.device, (name) => {
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
      element("div.grid", {},
        element("div.stack", {}, part("tiling"), part("timing"), part("said")),
        part("roof")),
      element("div.grid", {}, part("steps"), part("crossed")),
      part("boxed"),
    );
    this.draw();
  }

  solve() {
    const { sizes, width } = this.dashboard.state;
    const { costs } = this.design;
    this.result = costs ? tiled(costs, this.device, this.state.M, sizes, width) : { problem: this.design.problem };
    this.memory.refresh();
  }

  update(scales) {
    const { result } = this;
    const card = (name, shown, below, figure) =>
      element("div.figure.card", {}, element("dt", {}, name), element("dd", { "data-figure": figure ?? name }, shown), below ? element("dd.soft", {}, below) : null);
    const empty = ["tiling", "timing", "roof", "steps", "crossed"];
    for (const name of empty) this[name].replaceChildren();
    if (result.problem) {
      this.cards.replaceChildren(element("p.alert", { role: "alert" }, result.problem));
    } else {
      const unit = result.device ? bytes(result.optimum * result.unit) : "words that cross";
      const tiles = Object.keys(result.best);
      this.cards.replaceChildren(element("dl", {},
        ...tiles.map((name) => card(name, number(result.best[name]), `whole: ${number(result.tiles[name])}`)),
        card("H", number(result.optimum), `${unit}; whole: ${number(result.transfers)}`),
        card("M", number(result.memory), `words held, of ${number(this.state.M)}`),
        card("compulsory", number(result.compulsory), "each array once"),
        result.seconds ? card("time", time(result.serial), `${time(result.overlapped)} if units overlap; bound by ${result.bound}`) : null,
        result.untimed ? card("time", "–", result.untimed) : null));
      this.fillTiling();
      if (result.seconds) this.timing.replaceChildren(...bars(result, scales.slowest));
      this.roof.replaceChildren(...roofline(result, this.dashboard.payload, scales.plots, this.measuredRate()));
      this.fillSteps();
    }
    this.fillNotices();
    this.fillBoxes();
    this.annotate();
  }

  fillTiling() {
    const { result, design } = this;
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
    const { result, design } = this;
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
    const { design, result } = this;
    const every = [...(result.notices ?? []), ...design.notices];
    const shown = new Set();
    const about = (node, boxes = design.about[node] ?? []) => {
      shown.clear();
      const every = boxes.filter((box) => {
        const { title, source } = design.boxes[box];
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
    const { title, source } = this.design.boxes[box];
    return element("button.link", { type: "button", click: () => this.pick(box) }, source ? `${title} (${source})` : title);
  }

  fillBoxes() {
    const { design } = this;
    if (!design.boxes.length) return this.boxed.replaceChildren();
    const nested = design.boxes.some(({ block }) => block);
    const rows = design.boxes.map(({ title, block, source, line, work }, k) => [
      element("button.link", { type: "button", "aria-pressed": String(k === this.picked), click: () => this.pick(k) }, title),
      ...(nested ? [block] : []),
      element("span", { "data-source": k }, source || "–"),
      element("code", {}, line),
      Object.entries(work).map(([unit, terms]) => [unit, value(terms, this.dashboard.state.sizes)])
        .flatMap(([unit, n]) => (n ? [`${unit} ${number(n)}`] : [])).join(", "),
    ]);
    this.boxed.replaceChildren(element("details", { open: design.boxes.length <= 16 },
      element("summary", {}, `Boxes (${design.boxes.length}) and where they are written`),
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
    for (const [one, boxes] of this.glyphs) one.classList.toggle("picked", boxes.includes(this.picked));
    const box = this.design.boxes[this.picked];
    this.selected.textContent = box ? `${box.title}${box.source ? `, ${box.source}` : ""}${box.line ? `: ${box.line}` : ""}` : "";
  }

  // Figures.

  measuredRate() {
    const found = this.dashboard.payload.measured?.find(({ name }) => name === "time");
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
      ...Object.entries(result.best).map(([name, x]) => line("optimum", name, x, "entries")),
      line("optimum", "H", result.optimum, "words"),
      ...result.levels.flatMap(({ level, tiles, transfers, memory }) => [
        ...Object.entries(tiles).map(([name, x]) => line(level.name, name, x, "entries")),
        line(level.name, "H", transfers, "words"),
        line(level.name, "M", memory, "words"),
      ]),
      line("island", "compulsory", result.compulsory, "words"),
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
