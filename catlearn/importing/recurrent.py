"""The recurrent layers of ATen as functions of JAX: a layer and a direction is one ``lax.scan``.

They are in :data:`~catlearn.importing.aten.TABLE`, with the others. What is made of an input alone
is one product for all steps, and a step has the rest, so that a circuit that is read has a block
with as many rounds as there are steps.

With a = W x + b and h' = W' h + b', cut into parts, and the logistic function s, a step is

* plain: h = tanh(a + h'), or relu of it;
* LSTM: c = s(a_f + h'_f) c + s(a_i + h'_i) tanh(a_g + h'_g), and h = s(a_o + h'_o) tanh(c), then
  projected where the layer has a projection;
* GRU: n = tanh(a_n + s(a_r + h'_r) h'_n), z = s(a_z + h'_z), and h = (1 - z) n + z h.

Sources: Hochreiter and Schmidhuber, *Long short-term memory* (1997); Cho et al., *Learning phrase
representations using RNN encoder-decoder* (2014), as PyTorch has it, with the reset after the
product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from catlearn.importing.aten import TABLE, lacking

Array = Any
States = tuple[Array, ...]
Step = Callable[[Array, Array, States], States]
"""From what is made of an input, what is made of a state, and the states, to the next states."""


def _long_short(x: Array, h: Array, states: States) -> States:
    into, kept, new, out = jnp.split(x + h, 4, -1)
    cell = jax.nn.sigmoid(kept) * states[1] + jax.nn.sigmoid(into) * jnp.tanh(new)
    return jax.nn.sigmoid(out) * jnp.tanh(cell), cell


def _gated(x: Array, h: Array, states: States) -> States:
    (reset, update, new), (reset_h, update_h, new_h) = (jnp.split(one, 3, -1) for one in (x, h))
    new = jnp.tanh(new + jax.nn.sigmoid(reset + reset_h) * new_h)
    kept = jax.nn.sigmoid(update + update_h)
    return ((1 - kept) * new + kept * states[0],)


def _plain(function: Callable[[Array], Array]) -> Step:
    return lambda x, h, states: (function(x + h),)


def _direction(
    step: Step, x: Array, states: States, params: Sequence[Array], biased: bool, reverse: bool
) -> tuple[States, Array]:
    """Return the last states, and the first one of each step, ``(step, batch, hidden)``."""
    weight, hidden, *others = params
    bias, hidden_bias = others[:2] if biased else (0, 0)
    projected = others[2 * biased :]

    def round_of(states: States, x: Array) -> tuple[States, Array]:
        first, *rest = step(x, states[0] @ hidden.T + hidden_bias, states)
        first = first @ projected[0].T if projected else first
        return (first, *rest), first

    return lax.scan(round_of, states, x @ weight.T + bias, reverse=reverse)


def _recurrent(step: Step, several: bool) -> Callable[..., Any]:
    """Return layers whose steps are given; with several states these are lists."""

    def layers(
        x: Array, start: Any, params: Any, biased: bool, count: int, dropout: float, train: bool,
        both_ways: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        x = jnp.swapaxes(x, 0, 1) if batch_first else x
        starts = start if several else [start]
        each = len(params) // (count * (1 + both_ways))
        ends: list[States] = []
        for _ in range(count):
            ways = []
            for reverse in (False, True)[: 1 + both_ways]:
                number = len(ends)
                states = tuple(one[number] for one in starts)
                own = params[number * each : (number + 1) * each]
                last, outs = _direction(step, x, states, own, biased, reverse)
                ends.append(last)
                ways.append(outs)
            x = jnp.concatenate(ways, -1) if both_ways else ways[0]
        x = jnp.swapaxes(x, 0, 1) if batch_first else x
        return (x, *map(jnp.stack, zip(*ends, strict=True)))

    return layers


TABLE |= {
    "gru": _recurrent(_gated, False),
    "lstm": _recurrent(_long_short, True),
    "rnn_relu": _recurrent(_plain(jax.nn.relu), False),
    "rnn_tanh": _recurrent(_plain(jnp.tanh), False),
}


@lacking("gru", "lstm", "rnn_relu", "rnn_tanh")
def _lacking_of_layers(
    x: Any, start: Any, params: Any, biased: bool, count: int, dropout: float, train: bool,
    both_ways: bool, batch_first: bool | None = None,
) -> Iterator[str]:  # fmt: skip
    if batch_first is None:
        yield "packed sequences; give them padded"
    elif train and dropout and count > 1:
        yield "dropout between layers; module.eval() has none"
