"""Every regime of the zoo on the default device against the CPU: numbers, and the time of a step.

Value and gradient of one batch are taken on both, with matrix products at full precision; the
columns *value* and *gradient* are relative differences (of the gradient, in the norm over all
arrays), which have to be below the tolerances that are printed above. Then ``fit`` trains for some
steps on the default device, where the buffers of a step are donated to the next one, and its last
total cost is compared with that of the same run on the CPU, at a tolerance of its own, since
differences of rounding grow with the steps. Step times are those of the default device, at the
precision that it has by default.

The last rows are attention as a Pallas kernel, with the derived reverse pass, against the circuit
on the CPU. Without an accelerator both devices are the CPU, the kernel is interpreted, and other
differences are zero.

    python benchmarks/accelerator.py [--quick] [--only name] [--out table.md]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import _measure
import jax
import numpy as np
import optax
from by_hand.common import Regime
from zoo import LARGE, REGIMES, SMALL

import catlearn as cl
from catlearn import arrays
from catlearn.lowering import to_pallas
from catlearn.streams import stream

VALUE, GRADIENT, TRAINED = 1e-5, 1e-4, 1e-2
"""Tolerances, relative: of a value, of a gradient in norm, of the cost after training."""

COLUMNS = ("regime", "value", "gradient", "cost after {} steps", "step, ms", "CPU, ms")


def evaluated(regime: Regime, device: jax.Device) -> tuple[float, Any]:
    """Return value and gradient of the first batch on a device, at full precision."""
    with jax.default_device(device), jax.default_matmul_precision("highest"):
        params, state = regime.fn.init(jax.random.key(0))
        grad = jax.jit(jax.value_and_grad(regime.fn, has_aux=True))
        (value, _), gradient = grad(params, state, regime.batch, regime.key)
        return float(value), jax.tree.map(np.asarray, gradient)


def apart(one: Any, other: Any) -> float:
    """Return the relative difference of two trees of arrays, in the norm over all of them."""
    pairs = list(zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
    squares = [np.square(np.asarray(a, "float64") - b).sum() for a, b in pairs]
    size = [np.square(np.asarray(b, "float64")).sum() for _, b in pairs]
    return float(np.sqrt(sum(squares) / max(sum(size), 1e-30)))


def trained(regime: Regime, device: jax.Device, steps: int) -> float:
    """Return the last total cost of training on a device."""
    with jax.default_device(device), jax.default_matmul_precision("highest"):
        options: Mapping[str, Any] = {"data": regime.batch, "progress": False, "log_every": steps}
        result = cl.fit(regime.fn, optax.adam(1e-3), steps=steps, **options)
        return float(result.history.total[-1])


def step_times(regime: Regime, devices: Mapping[str, jax.Device], rounds: int) -> dict[str, float]:
    """Return the median milliseconds of value and gradient on each device, in turns."""
    programs = {}
    for name, device in devices.items():
        with jax.default_device(device):
            arguments = jax.device_put((*regime.losses()["catlearn"][1],), device)
            grad = jax.jit(jax.value_and_grad(regime.fn, has_aux=True))
            program = grad.lower(*arguments).compile()
            programs[name] = lambda program=program, arguments=arguments: jax.block_until_ready(
                program(*arguments)
            )
    medians = _measure.medians(_measure.in_turns(programs, rounds, settle=True))
    return {name: 1e3 * seconds for name, seconds in medians.items()}


def kernels(quick: bool) -> Mapping[str, tuple[Any, Any, list[Any]]]:
    """Return kernels with what they compute, and arrays."""
    scores = arrays.einsum("h q d, h x d -> h q x", scale="d**-0.5")
    random, length = np.random.default_rng(0), 256 if quick else 2048
    given = [random.normal(size=(8, length, 64)).astype("float32") for _ in range(3)]
    found = {}
    for title, masks in (("", []), (", causal", [arrays.where("q x", "x <= q")])):
        circuit = arrays.compose(scores, *masks, arrays.softmax("[x]"))
        circuit = circuit @ arrays.idle >> arrays.einsum("h q x, h x e -> h q e")
        fn = to_pallas(stream(circuit, "x"), {"h": 1, "q": 128, "x": 64})
        found[f"attention{title}: kernel"] = fn, cl.lower(circuit), given
    return found


def of_kernel(fn: Any, given: list[Any], device: jax.Device, rounds: int) -> tuple[Any, Any, float]:
    """Return the value and the gradient of a function on a device, and the milliseconds of both."""

    def total(*xs: Any) -> tuple[Any, Any]:
        made = fn({}, *xs)
        return jax.numpy.sin(made).sum(), made

    with jax.default_device(device), jax.default_matmul_precision("highest"):
        own = jax.device_put(given, device)
        program = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True)).lower(*own).compile()
        gradient, value = jax.tree.map(np.asarray, program(*own))
        turns = {"both": lambda: jax.block_until_ready(program(*own))}
        times = _measure.medians(_measure.in_turns(turns, rounds, settle=True))
    return value, gradient, 1e3 * times["both"]


def main() -> None:
    """Compare, print, and fail if something is beyond its tolerance."""
    parser = _measure.parser(__doc__, "small sizes, one regime in ten, few steps")
    parser.add_argument("--only", help="part of the names of the regimes that are compared")
    options = parser.parse_args()
    sizes, steps, rounds = (SMALL, 20, 3) if options.quick else (LARGE, 100, 31)
    default, cpu = jax.devices()[0], jax.devices("cpu")[0]
    tolerances = f"value {VALUE:g}, gradient {GRADIENT:g}, cost after training {TRAINED:g}"
    heads = [head.format(steps) for head in COLUMNS]
    table = _measure.Table(
        heads, f"{_measure.device()}; relative tolerances: {tolerances}.", options=options
    )
    beyond = []
    for name, make in list(REGIMES.items())[:: 10 if options.quick else 1]:
        if (options.only or "") not in name:
            continue
        regime = make(sizes)
        (value, gradient), (known, slope) = (evaluated(regime, one) for one in (default, cpu))
        costs = [trained(regime, one, steps) for one in (default, cpu)]
        found = apart(value, known), apart(gradient, slope), apart(*costs)
        for what, difference, most in zip(
            heads[1:4], found, (VALUE, GRADIENT, TRAINED), strict=True
        ):
            if not difference <= most:
                beyond.append(f"{name}: {what} differs by {difference:.1e}, more than {most:g}")
        times = step_times(regime, {"default": default, "cpu": cpu}, rounds)
        table.row(
            [name, *(f"{x:.1e}" for x in found), f"{times['default']:.3f}", f"{times['cpu']:.3f}"]
        )
    for name, (fn, known, given) in kernels(options.quick).items():
        if (options.only or "") not in name:
            continue
        value, gradient, own = of_kernel(fn, given, default, rounds)
        right, slope, other = of_kernel(known, given, cpu, rounds)
        found = apart(value, right), apart(gradient, slope)
        for what, difference, most in zip(heads[1:3], found, (VALUE, GRADIENT), strict=True):
            if not difference <= most:
                beyond.append(f"{name}: {what} differs by {difference:.1e}, more than {most:g}")
        table.row([name, *(f"{x:.1e}" for x in found), "", f"{own:.3f}", f"{other:.3f}"])
    table.write(options.out)
    if beyond:
        sys.exit("\n".join(beyond))


if __name__ == "__main__":
    main()
