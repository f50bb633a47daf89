// What designs cost, from the posynomials of a payload and what the reader chooses: sizes, fast
// memory, device. It stands before dashboard.js in one script, and knows nothing of pages.
//
// A posynomial is a list of terms [coefficient, {name: exponent}].

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
 * The tiles of an island on a device, and what follows: transfers, memory, time, notices.
 * `memory` is the fast memory in words; without a device there is one level of that size.
 * Returns `{problem}` where nothing fits, with what is needed at which level, and by which column.
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
    const held = costs.memory.map((one) => value(one, lows));
    const need = Math.max(0, ...held);
    if (need > level.room * (1 + 1e-9))
      return {
        problem: `needs at least ${number(need)} words, ${level.name} has ${number(level.room)}`,
        need, level, lows, innermost: k === levels.length - 1,
      };
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
    least: value(objective, point),
    gap: search.seconds() / value(objective, point) || 1,
    work,
    evaluated,
    unit,
    width,
    device,
  };
  if (device) Object.assign(result, timed(result));
  result.groups = grouped(design, result.tiles, costs.sizes, sizes);
  result.split = design.splits ? divided(design, result, memory, sizes) : null;
  result.notices = design.splits ? noticed(design, result, costs, ends, sizes) : [];
  return result;
}

/** How many groups run in parallel, at tiles, whole or not. */
const grouped = (design, tiles, lengths, sizes) =>
  Object.keys(tiles).filter((name) => name.startsWith("g"))
    .reduce((n, name) => n * Math.ceil((lengths[name] / tiles[name]) * (1 - 1e-9)), value(design.groups, sizes));

/** What a split has to divide the time by, as in catlearn.costing. */
const PAYS = 1.1;

/** What is won if something streamed is split, where units have nothing to do else. */
function divided(design, result, memory, sizes) {
  const { device, groups, width } = result;
  const units = result.levels[result.levels.length - 1].level.units ?? 1;
  const parts = Math.ceil(units / groups);
  if (parts < 2) return null;
  let best = null;
  for (const { name, bounds, ...rest } of design.splits) {
    const [low, length] = bounds[name];
    const most = [[Math.ceil(value(length, sizes) / parts), {}]];
    const one = { ...rest, bounds: { ...bounds, [name]: [low, most] }, work: {}, again: {}, compulsory: [] };
    const found = tiled(one, device, memory, sizes, width);
    if (found.problem) continue;
    const lengths = Object.fromEntries(Object.entries(bounds).map(([other, [, terms]]) => [other, value(terms, sizes)]));
    const many = grouped(one, found.best, lengths, sizes);
    const gain = result.least / groups / (found.least / Math.min(many, units));
    if (gain > Math.max(PAYS, best?.gain ?? 0))
      best = { axis: name.slice(2), parts: Math.ceil((lengths[name] / found.best[name]) * (1 - 1e-9)), gain };
  }
  return best;
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
  return summed(seconds);
}

/** Seconds of units, with their sum, the greatest one and whose that is. */
function summed(seconds) {
  const all = Object.values(seconds);
  return {
    seconds,
    serial: all.reduce((sum, one) => sum + one, 0),
    overlapped: Math.max(...all),
    bound: Object.keys(seconds).reduce((one, other) => (seconds[other] > seconds[one] ? other : one)),
  };
}

/**
 * What parts cost that run one after the other, each so many times: `{part, index, times, result}`.
 * Returns `{problem, stuck}` where some part does not fit.
 */
export function joined(parts) {
  const stuck = parts.find(({ result }) => result.problem);
  if (stuck) return { problem: `${stuck.part.title}: ${stuck.result.problem}`, stuck, parts };
  const total = (get) => parts.reduce((sum, { times, result }) => sum + times * get(result), 0);
  const most = (get) => Math.max(...parts.map(({ result }) => get(result)));
  const every = (get) => [...new Set(parts.flatMap(({ result }) => Object.keys(get(result))))];
  const sums = (get) =>
    Object.fromEntries(every(get).map((name) => [name, total((result) => get(result)[name] ?? 0)]));
  const { levels, unit, width, device } = parts[0].result;
  const result = {
    parts, unit, width, device, tiles: {}, best: {}, notices: [],
    levels: levels.map(({ level }, k) => ({
      level, tiles: {}, best: {},
      transfers: total((one) => one.levels[k].transfers),
      memory: most((one) => one.levels[k].memory),
    })),
    optimum: total((one) => one.optimum),
    transfers: total((one) => one.transfers),
    memory: most((one) => one.memory),
    work: sums((one) => one.work),
  };
  const untimed = parts.find((one) => one.result.untimed);
  if (untimed) return { ...result, untimed: untimed.result.untimed };
  if (!device) return result;
  const seconds = sums((one) => one.seconds);
  const overlapped = total((one) => one.overlapped);
  return { ...result, ...summed(seconds), overlapped };
}

/** What a result takes: seconds, or the words that cross. */
export const cost = (result) => (result.seconds ? result.serial : result.transfers);

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
  const tiles = Object.keys(result.tiles).filter((name) => name.startsWith("g"));
  if (units > 1 && result.groups < units)
    say("few-tiles", "warning", tiles.join(", ") || "island", `${result.groups} group${result.groups > 1 ? "s" : ""} for ${units} units`);
  if (result.split) {
    const { axis, parts, gain } = result.split;
    say("split-pays", "note", axis, `split in ${parts} parts, whose states are merged, transfers take 1/${number(gain, 3)}`);
  }
  for (const [name, sums] of Object.entries(design.sums ?? {})) {
    const count = Math.ceil(costs.sizes[name] / result.tiles[name]);
    if (sums && count > 1)
      say("order-of-sums-changed", "note", name, `${sums} sum${sums > 1 ? "s" : ""} in ${count} blocks, which round otherwise`);
  }
  if (!result.seconds) return found;
  const { bound, work, seconds, device } = result;
  if (bound in work) {
    const each = work[bound] / (result.levels[0].transfers * result.unit);
    let text = `${number(each)} operations for each byte that crosses below ${device.levels[0].name}`;
    if (bound === "matrix")
      text += `; the ridge is ${number(throughput(device, "matrix", result.width) / device.levels[1].bandwidth)}`;
    say("compute-bound", "note", bound, text);
  } else {
    const most = design.crossings.reduce((one, other) =>
      result.evaluated(other.transfers) > result.evaluated(one.transfers) ? other : one);
    let text = `takes ${Math.round((100 * seconds[bound]) / result.serial)} % of the serial time`;
    text += `; most of what crosses is ${most.title}`;
    say("bandwidth-bound", "note", bound, text);
    found[found.length - 1].boxes = most.boxes;
  }
  return found;
}
