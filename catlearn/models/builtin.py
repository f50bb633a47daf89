"""The registered architectures, in plain JAX.

``linear`` and ``mlp`` are trained; ``parameter`` is a trained value that forgets its input;
``constant`` and ``gaussian_sample`` have no parameters, so that maps made of them are fixed.

The first two flatten what they receive, tuples included, and emit arrays of the target's shape, so
they fit between any two spaces that are not products on the right. Weights have shape
``(inputs, *target shape)`` and are drawn by LeCun's normal initialiser, biases are zero, as is
usual; dtypes are the target's.

>>> import jax
>>> from catlearn.models import Categorical, Registered, Space
>>> X, Y = Space("X", (4, 4)), Categorical("Y", 10)
>>> mlp = Registered("mlp", width=8)
>>> params = mlp.init(jax.random.key(0), X.label, Y.label)
>>> mlp.apply(params, jax.numpy.ones((5, 4, 4))).shape
(5, 10)

References
----------
LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.architectures import register_architecture
from catlearn.models.spaces import AnySpace, Categorical, Space, dtype_kind

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "silu", "elu", "softplus", "leaky_relu")


def linear(use_bias: bool = True) -> tuple[Callable, Callable]:
    """An affine map; parameters ``{"weight", "bias"}``.

    Parameters
    ----------
    use_bias
        Whether a bias is added.
    """

    def init(key: Any, source: AnySpace, target: AnySpace) -> dict:
        return _draw_layer(key, source.features, *_output("linear", target), use_bias)

    def apply(params: dict, x: Any) -> Any:
        return _run_layer(params, _flatten(x))

    return init, apply


def mlp(
    width: int = 64, depth: int = 1, activation: str = "relu", use_bias: bool = True
) -> tuple[Callable, Callable]:
    """Layers of equal width with an activation between; parameters: a tuple of linear layers.

    Parameters
    ----------
    width
        The size of each hidden layer.
    depth
        The number of hidden layers, at most 1000; 0 is a linear map.
    activation
        The name of a function of ``jax.nn``, one of ``ACTIVATIONS``.
    use_bias
        Whether each layer adds a bias.
    """
    failures = [
        Failure("options", f"option {name!r}", f"found {value!r}, expected {expected}")
        for name, value, good, expected in (
            ("width", width, isinstance(width, int) and width > 0, "a positive integer"),
            # Each layer is traced; a depth that comes from a file must not exhaust the machine.
            ("depth", depth, isinstance(depth, int) and 0 <= depth <= 1000, "0 to 1000"),
            ("activation", activation, activation in ACTIVATIONS, f"one of {ACTIVATIONS}"),
        )
        if not good
    ]
    if failures:
        raise InvalidStructure("Architecture 'mlp'", failures)

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        import jax

        shape, dtype = _output("mlp", target)
        inputs = [source.features] + [width] * depth
        outputs = [(width,)] * depth + [shape]
        keys = jax.random.split(key, depth + 1)
        return tuple(
            _draw_layer(k, size, out, dtype, use_bias)
            for k, size, out in zip(keys, inputs, outputs, strict=True)
        )

    def apply(params: tuple, x: Any) -> Any:
        import jax

        x = _flatten(x)
        for layer in params[:-1]:
            x = getattr(jax.nn, activation)(_run_layer(layer, x))
        return _run_layer(params[-1], x)

    return init, apply


def parameter() -> tuple[Callable, Callable]:
    """A trained value, the same for every input; it starts at zero."""

    def init(key: Any, source: AnySpace, target: AnySpace) -> Any:
        import jax.numpy as jnp

        return jnp.zeros(*_output("parameter", target))

    def apply(params: Any, x: Any) -> Any:
        import jax
        import jax.numpy as jnp

        return jnp.broadcast_to(params, (jax.tree.leaves(x)[0].shape[0], *params.shape))

    return init, apply


def constant(value: Any, shape: tuple = (), dtype: Any = "float32") -> tuple[Callable, Callable]:
    """A given value, the same for every input.

    Parameters
    ----------
    value
        A number, or nested tuples of them that broadcast to the shape; at a product a tuple with
        one for each factor.
    shape, dtype
        Of one example; at a product tuples of them.
    """

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        return ()

    def apply(params: Any, x: Any) -> Any:
        import jax

        return _constant(jax.tree.leaves(x)[0].shape[0], value, shape, dtype)

    return init, apply


def gaussian_sample() -> tuple[Callable, Callable]:
    """A sample of a diagonal Gaussian, from a product of its mean and its log-variance.

    The sample is ``mean + exp(log_variance / 2) * noise``, so that gradients pass to both
    (reparametrisation; Kingma, Welling, arXiv 1312.6114, section 2.4). It needs a key.
    """

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        return ()

    def apply(params: Any, mean: Any, log_variance: Any, *, key: Any) -> Any:
        import jax
        import jax.numpy as jnp

        noise = jax.random.normal(key, mean.shape, mean.dtype)
        return mean + jnp.exp(0.5 * log_variance) * noise

    return init, apply


register_architecture("linear", linear)
register_architecture("mlp", mlp)
register_architecture("parameter", parameter)
register_architecture("constant", constant, parameter_free=True)
register_architecture("gaussian_sample", gaussian_sample, parameter_free=True)


def _constant(batch: int, value: Any, shape: tuple, dtype: Any) -> Any:
    import jax.numpy as jnp

    if isinstance(dtype, tuple):
        parts = zip(value, shape, dtype, strict=True)
        return tuple(_constant(batch, *part) for part in parts)
    return jnp.broadcast_to(jnp.asarray(value, dtype), (batch, *shape))


def _output(name: str, target: AnySpace) -> tuple[tuple[int, ...], str]:
    if isinstance(target, Space | Categorical) and dtype_kind(target.dtype) == "f":
        return target.shape, target.dtype
    message = f"found {target}, expected a space of floats or a categorical space"
    raise InvalidStructure(f"Architecture {name!r}", [Failure("target", "its end", message)])


def _draw_layer(
    key: Any, inputs: int, shape: tuple[int, ...], dtype: str, use_bias: bool
) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    draw = jax.nn.initializers.lecun_normal()
    layer = {"weight": draw(key, (inputs, math.prod(shape)), dtype).reshape(inputs, *shape)}
    return {**layer, "bias": jnp.zeros(shape, dtype)} if use_bias else layer


def _run_layer(layer: dict[str, Any], x: Any) -> Any:
    import jax.numpy as jnp

    y = jnp.tensordot(x, layer["weight"], 1)
    return y + layer["bias"] if "bias" in layer else y


def _flatten(x: Any) -> Any:
    """Put all of an example's numbers on one axis: ``(batch, ...)`` or tuples to ``(batch, n)``."""
    import jax.numpy as jnp

    if not isinstance(x, tuple):
        return jnp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
    return jnp.concatenate([_flatten(part) for part in x], axis=1)
