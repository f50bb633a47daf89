"""Divergences: what a prediction costs against a target, one number per example.

A divergence on a space S is a function d : S x S -> [0, inf]; the left argument is the
prediction, the right one the target (Theory, section 2). It need not be symmetric, nor satisfy
the triangle law, nor vanish on the diagonal: cross-entropy does none of these. Here it acts on
batches: two arrays with a leading batch axis give a float array of shape ``(batch,)``.

=================  ==========================================  =====================
name               cost of one example                         zero exactly when
=================  ==========================================  =====================
squared_error      sum of (p - t)^2                            p = t
absolute_error     sum of abs(p - t)                           p = t
huber(delta)       sum of quadratic, then linear beyond delta  p = t
cross_entropy      -sum of t_i log softmax(p)_i                (bounded below by H(t))
kl(temperature)    T^2 KL(softmax(t/T) || softmax(p/T))        softmax(p) = softmax(t)
cosine(epsilon)    1 - cosine of the angle                     same direction
=================  ==========================================  =====================

Sums run over all axes but the batch's. In floating point ``kl`` and ``cosine`` can fall
below zero by rounding; they are not clipped, since that would erase small gradients. Gradients
flow into both arguments: a target that must not move is a frozen edge or data, never a special
divergence.

>>> import numpy as np
>>> d = Divergence("squared_error")
>>> d(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])).tolist()
[4.0, 0.0]
>>> Divergence("huber") == Divergence("huber", delta=1.0)
True

These are of distributions, of adversaries and of whole batches:

===================================  ============================================  ============
name                                 cost of one example                           reads
===================================  ============================================  ============
gaussian_kl                          KL(N(m, e^v) || N(m', e^v'))                  (m, v) pairs
gaussian_nll(scale)                  -log N(t; p, scale^2), or N(t; m, e^v)        arrays, pairs
binary_cross_entropy                 -t log s(p) - (1 - t) log(1 - s(p))           arrays
hinge(margin)                        max(0, margin - t p)                          arrays
info_nce(temperature, symmetric)     -log softmax of cosines / temperature         whole batch
word_cross_entropy                   -sum of t log softmax(p), word by word        arrays
===================================  ============================================  ============

The first two also live at a product of a space of means and one of logarithms of variances, and
then read both factors together. ``info_nce`` compares each prediction with every target of the
batch: the cost of an example depends on the others in it (``Divergence.batch_level``). An
adversary by least squares is ``squared_error`` against a constant; a likelihood of classes is
``cross_entropy``. A density may exceed one, so ``gaussian_nll`` may be negative; the theorems on
losses do not apply to it then.

>>> zero, one = np.zeros((1, 2)), np.ones((1, 2))
>>> Divergence("gaussian_kl")((one, zero), (zero, zero)).tolist()
[1.0]
>>> Divergence("info_nce").batch_level
True

References
----------
Huber, "Robust estimation of a location parameter", 1964. Hinton, Vinyals, Dean, "Distilling the
knowledge in a neural network", arXiv 1503.02531, 2015, for the temperature and its square.
Kingma, Welling, "Auto-encoding variational Bayes", arXiv 1312.6114, appendix B. Goodfellow et al.,
"Generative adversarial networks", arXiv 1406.2661. Lim, Ye, "Geometric GAN", arXiv 1705.02894.
van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding",
arXiv 1807.03748. Radford et al., "Learning transferable visual models from natural language
supervision", arXiv 2103.00020, for the symmetric form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    UnknownName,
    expect,
    fault,
    nesting,
    refuse,
)
from catlearn.models.calls import Options, bind_options, write_call

if TYPE_CHECKING:
    import jax


DivergenceFunction = Callable[..., "jax.Array"]

_registry: dict[str, DivergenceFunction] = {}
_batch_level: set[str] = set()
_on_products: set[str] = set()


@dataclass(frozen=True, init=False, repr=False)
class Divergence(Legible):
    """A named divergence with its options, or any callable on two batches.

    The names, what each of them costs and its options are in a table:
    ``help(catlearn.models.divergences)``.

    Parameters
    ----------
    function
        A registered name, or a callable ``fn(prediction, target, **options) -> (batch,)``.
        Callables are compared by identity.
    batch_level
        Whether the cost of an example depends on the others in its batch; by default as it was
        registered.
    options
        Keyword options of that function; left out ones take their defaults.

    Raises
    ------
    WrongKind
        If it is neither a name nor a callable.
    UnknownName
        If nothing is registered under that name.
    InvalidStructure
        If an option is unknown, missing, or not a hashable value; or if a registered divergence is
        declared to be at the level of batches and is not, or the reverse.

    See Also
    --------
    catlearn.models.divergences : a table of those that there are.
    divergence_names : their names.

    Examples
    --------
    >>> Divergence("kl", temperature=2.0)
    Divergence('kl', temperature=2.0)
    >>> print(Divergence("kl", temperature=2.0))
    kl(temperature=2.0)
    """

    function: str | DivergenceFunction
    options: Options
    #: ``batch_level`` as it was registered or given; None if it was not.
    declared: bool | None

    def __init__(
        self,
        function: str | DivergenceFunction,
        *,
        batch_level: bool | None = None,
        **options: Any,
    ) -> None:
        wanted = "the name of one, such as 'huber', or a function of two batches"
        expect(function, (str, Callable), "a divergence", wanted)
        fn = divergence_function(function) if isinstance(function, str) else function
        bound = bind_options(f"Divergence {_name_of(function)!r}", fn, options, skip=2)
        _check_scales(function, bound)
        registered = _registered(function)
        known = registered in _batch_level
        if registered is not None and batch_level not in (None, known):
            message = (
                f"found batch_level={batch_level}, and {registered} was registered with {known}"
            )
            raise _refuse(registered, message)
        vars(self).update(
            function=function, options=bound, declared=batch_level if registered is None else known
        )

    @classmethod
    def of(cls, value: str | AnyDivergence | DivergenceFunction) -> AnyDivergence:
        """Read a divergence from a name, a callable or a divergence."""
        return value if isinstance(value, Divergence | DivergenceSum) else cls(value)

    @property
    def name(self) -> str:
        """The registered name, or the callable's own."""
        return _name_of(self.function)

    @property
    def batch_level(self) -> bool:
        """Whether the cost of an example is declared to depend on the others in its batch.

        The cost of a batch is then not the mean of those of its parts, and gradients accumulated
        over small batches are not those of a large one.
        """
        return bool(self.declared)

    def __call__(self, prediction: Any, target: Any) -> jax.Array:
        """Return the cost of each example.

        Parameters
        ----------
        prediction, target
            Arrays with a leading batch axis; at a product, tuples of them, whose costs add unless
            the divergence reads the factors together.

        Returns
        -------
        jax.Array
            Shape ``(batch,)``, floating.
        """
        tuples = isinstance(prediction, tuple) or isinstance(target, tuple)
        if tuples and self.function not in _on_products:
            return DivergenceSum((self,) * _width(prediction, target))(prediction, target)
        fn = divergence_function(self.function) if isinstance(self.function, str) else self.function
        cost = fn(prediction, target, **dict(self.options))
        _check_cost(self, cost, prediction)
        return cost

    def __repr__(self) -> str:
        first = repr(self.function) if isinstance(self.function, str) else self.name
        given = self.batch_level and _registered(self.function) is None
        return write_call(
            "Divergence", first, (("batch_level", True), *self.options) if given else self.options
        )

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.options)
        return f"{self.name}({inner})" if inner else self.name


@dataclass(frozen=True)
class DivergenceSum(Legible):
    """The divergence of a product: the sum of its factors', on tuples of batches.

    Examples
    --------
    >>> import numpy as np
    >>> d = DivergenceSum((Divergence("squared_error"), Divergence("absolute_error")))
    >>> one, zero = np.ones((3, 2)), np.zeros((3, 2))
    >>> d((one, 3 * one), (zero, zero)).tolist()
    [8.0, 8.0, 8.0]
    """

    parts: tuple[AnyDivergence, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", nesting(self.parts, "a sum of divergences"))

    @property
    def name(self) -> str:
        """The factors' names, as a sum."""
        return " + ".join(part.name for part in self.parts)

    @property
    def batch_level(self) -> bool:
        """Whether the cost of an example depends on the others in its batch."""
        return any(part.batch_level for part in self.parts)

    def __call__(self, prediction: Any, target: Any) -> jax.Array:
        """Return the cost of each example, shape ``(batch,)``."""
        if _width(prediction, target) != len(self.parts):
            found = f"found tuples of {len(prediction)}"
            raise _refuse(
                self, f"expected a tuple of {len(self.parts)} arrays on each side, {found}"
            )
        first, *rest = (
            part(p, t) for part, p, t in zip(self.parts, prediction, target, strict=True)
        )
        for cost in rest:
            first = first + cost
        return first

    def __str__(self) -> str:
        return " + ".join(str(part) for part in self.parts)


AnyDivergence = Divergence | DivergenceSum


def register_divergence(
    name: str, fn: DivergenceFunction, *, batch_level: bool = False, on_products: bool = False
) -> None:
    """Give a divergence a name, under which labels, files and users can mention it.

    Parameters
    ----------
    name
        A name that is still free. A name once given keeps its meaning, because labels that
        mention it are compared by name.
    fn
        ``fn(prediction, target, **options)`` on two batches, returning shape ``(batch,)``.
    batch_level
        Whether the cost of an example depends on the others in its batch.
    on_products
        Whether ``fn`` itself reads the tuples of batches of a product; otherwise its costs on the
        factors are added.

    Raises
    ------
    CatlearnError
        If the name already means something else.
    """
    if _registry.setdefault(name, fn) is not fn:
        raise CatlearnError(f"the divergence {name!r} is registered already; choose another name")
    if batch_level:
        _batch_level.add(name)
    if on_products:
        _on_products.add(name)


def divergence_names() -> tuple[str, ...]:
    """Return the registered names, in the order of registration."""
    return tuple(_registry)


def divergence_function(name: str) -> DivergenceFunction:
    """Return the function registered under a name."""
    if name not in _registry:
        known = ", ".join(_registry)
        raise UnknownName(
            f"no divergence is called {name!r}; there are: {known}. "
            "catlearn.models.register_divergence(name, fn) adds one"
        )
    return _registry[name]


def squared_error(prediction: Any, target: Any) -> jax.Array:
    """Sum of squared differences; equal shapes ``(batch, ...)`` to ``(batch,)``."""
    import optax

    _check_same_shape("squared_error", prediction, target)
    return _sum_features(optax.losses.squared_error(prediction, target))


def absolute_error(prediction: Any, target: Any) -> jax.Array:
    """Sum of absolute differences; equal shapes ``(batch, ...)`` to ``(batch,)``."""
    import jax.numpy as jnp

    _check_same_shape("absolute_error", prediction, target)
    return _sum_features(jnp.abs(prediction - target))


def huber(prediction: Any, target: Any, delta: float = 1.0) -> jax.Array:
    """Sum of r^2/2 where the residual is at most ``delta``, delta (r - delta/2) beyond."""
    import optax

    _check_same_shape("huber", prediction, target)
    return _sum_features(optax.losses.huber_loss(prediction, target, delta=delta))


def cross_entropy(prediction: Any, target: Any) -> jax.Array:
    """Cross-entropy of predicted logits against labels, or against other logits.

    Parameters
    ----------
    prediction
        Logits, shape ``(batch, ..., n)``; further axes are summed.
    target
        Integer labels, shape ``(batch, ...)``, or logits of the prediction's shape, which stand
        for the distribution ``softmax(target)``.
    """
    import jax
    import jax.numpy as jnp
    import optax

    if jnp.issubdtype(jnp.result_type(target), jnp.integer):
        expected = jnp.shape(prediction)[:-1]
        if jnp.ndim(prediction) < 2 or jnp.shape(target) != expected:
            raise _refuse_shapes("cross_entropy", prediction, target, f"labels of shape {expected}")
        costs = optax.losses.softmax_cross_entropy_with_integer_labels(prediction, target)
        return _sum_features(costs)
    _check_same_shape("cross_entropy", prediction, target, least=2)
    return _sum_features(optax.losses.softmax_cross_entropy(prediction, jax.nn.softmax(target)))


def kl(prediction: Any, target: Any, temperature: float = 1.0) -> jax.Array:
    """KL divergence of the softened target from the softened prediction, times temperature^2.

    Both are logits of shape ``(batch, ..., n)``, divided by the temperature before the softmax.
    The factor keeps the size of the gradient as the temperature changes (Hinton et al. 2015,
    section 2), so that a weight means the same at every temperature. Labels have no
    temperature: compare with them by ``cross_entropy``.
    """
    import jax
    import jax.numpy as jnp
    import optax

    if jnp.issubdtype(jnp.result_type(target), jnp.integer):
        raise _refuse("kl", "the target is integer labels; use cross_entropy against labels")
    _check_same_shape("kl", prediction, target, least=2)
    soft_prediction = jax.nn.log_softmax(prediction / temperature)
    soft_target = jax.nn.log_softmax(target / temperature)
    costs = optax.losses.kl_divergence_with_log_targets(soft_prediction, soft_target)
    return _sum_features(costs) * temperature**2


def cosine(prediction: Any, target: Any, epsilon: float = 1e-12) -> jax.Array:
    """One minus the cosine of the angle between two examples, each taken as one vector.

    Squared norms are at least ``epsilon``, so a zero vector costs 1 and never nan.
    """
    import jax.numpy as jnp
    import optax

    _check_same_shape("cosine", prediction, target)
    batch = jnp.shape(prediction)[0]
    return optax.losses.cosine_distance(
        jnp.reshape(prediction, (batch, -1)), jnp.reshape(target, (batch, -1)), epsilon=epsilon
    )


for _builtin in (squared_error, absolute_error, huber, cross_entropy, kl, cosine):
    register_divergence(_builtin.__name__, _builtin)


def _registered(function: str | DivergenceFunction) -> str | None:
    """Return the name under which a divergence is registered."""
    if isinstance(function, str):
        return function
    return next((name for name, known in _registry.items() if known is function), None)


def _name_of(function: str | DivergenceFunction) -> str:
    name = _registered(function)
    if name is not None:
        return name
    inner = getattr(function, "func", function)  # what functools.partial applies
    return getattr(inner, "__name__", type(inner).__name__)


def _check_scales(function: str | DivergenceFunction, options: Options) -> None:
    builtin = function in ("huber", "kl", "cosine", "gaussian_nll", "hinge", "info_nce")
    refuse(
        f"Divergence {_name_of(function)!r}",
        (
            Failure("options", f"option {name!r}", f"found {value!r}, expected a positive number")
            for name, value in options
            if builtin
            and name != "symmetric"
            and not (isinstance(value, int | float) and 0 < value < math.inf)
        ),
    )


def _width(prediction: Any, target: Any) -> int:
    both = isinstance(prediction, tuple) and isinstance(target, tuple)
    if not both or len(prediction) != len(target):
        message = "at a product, prediction and target are tuples of equally many arrays"
        raise _refuse("of a product", message)
    return len(prediction)


def _sum_features(costs: jax.Array) -> jax.Array:
    return costs.sum(axis=tuple(range(1, costs.ndim)))


def _check_same_shape(name: str, prediction: Any, target: Any, least: int = 1) -> None:
    import jax.numpy as jnp

    shape = jnp.shape(prediction)
    if shape != jnp.shape(target) or len(shape) < least:
        expected = "equal shapes" if least == 1 else "logits (batch, ..., n) of equal shapes"
        raise _refuse_shapes(name, prediction, target, expected)


def _refuse_shapes(name: str, prediction: Any, target: Any, expected: str) -> InvalidStructure:
    import jax.numpy as jnp

    found = f"prediction {jnp.shape(prediction)} and target {jnp.shape(target)}"
    return _refuse(name, f"found {found}, expected {expected} with a leading batch axis")


def _check_cost(divergence: Divergence, cost: Any, prediction: Any) -> None:
    import jax
    import jax.numpy as jnp

    batch = jnp.shape(jax.tree.leaves(prediction)[0])[:1]
    expected = f"expected one floating cost per example, shape {batch}"
    if not hasattr(cost, "shape"):
        raise _refuse(divergence.name, f"found a {type(cost).__name__}, {expected}")
    if cost.shape != batch or not jnp.issubdtype(cost.dtype, jnp.floating):
        found = f"found {cost.shape} {cost.dtype}"
        remedy = "sum over all axes but the first"
        if cost.shape == batch:
            remedy = "convert it, for example by .astype('float32')"
        elif not cost.shape:
            remedy = "sum or average over all axes but the first, not over the batch"
        raise _refuse(divergence.name, f"{found}, {expected}: {remedy}")


def _refuse(divergence: str | DivergenceSum, message: str) -> InvalidStructure:
    name = divergence if isinstance(divergence, str) else str(divergence)
    return fault(f"Divergence {name}", "divergence", name, message)


def gaussian_kl(prediction: Any, target: Any) -> jax.Array:
    """KL divergence of one diagonal Gaussian from another, each a pair of mean and log-variance.

    Parameters
    ----------
    prediction, target
        Pairs (mean, log-variance) of arrays ``(batch, ...)``, all of one shape; pairs of zeros
        are the standard normal distribution.
    """
    import jax.numpy as jnp

    (mean, log_variance), (other, log_other) = (
        _pair("gaussian_kl", side) for side in (prediction, target)
    )
    _check_same_shape("gaussian_kl", mean, other)
    change = log_variance - log_other
    distance = (mean - other) ** 2 * jnp.exp(-log_other)
    return _sum_features(0.5 * (jnp.exp(change) + distance - 1 - change))


def gaussian_nll(prediction: Any, target: Any, scale: float = 1.0) -> jax.Array:
    """Negative log-density of the target under a Gaussian around the prediction.

    Parameters
    ----------
    prediction
        Means ``(batch, ...)``, or at a product pairs (mean, log-variance).
    target
        Values of the means' shape; at a product pairs whose first entries are the values.
    scale
        The standard deviation where no variance is predicted.
    """
    import jax.numpy as jnp

    if isinstance(prediction, tuple) or isinstance(target, tuple):
        mean, log_variance = _pair("gaussian_nll", prediction)
        value, _ = _pair("gaussian_nll", target)
    else:
        mean, log_variance, value = prediction, 2 * math.log(scale), target
    _check_same_shape("gaussian_nll", mean, value)
    squares = (mean - value) ** 2 * jnp.exp(-jnp.asarray(log_variance, jnp.result_type(mean)))
    return _sum_features(0.5 * (squares + log_variance + math.log(2 * math.pi)))


def binary_cross_entropy(prediction: Any, target: Any) -> jax.Array:
    """Cross-entropy of independent bits: logits against probabilities of equal shape."""
    import optax

    _check_same_shape("binary_cross_entropy", prediction, target)
    return _sum_features(optax.losses.sigmoid_binary_cross_entropy(prediction, target))


def hinge(prediction: Any, target: Any, margin: float = 1.0) -> jax.Array:
    """How far a score falls short of a margin on the side that the target's sign, 1 or -1, says."""
    import jax.numpy as jnp

    _check_same_shape("hinge", prediction, target)
    return _sum_features(jnp.maximum(0, margin - target * prediction))


def info_nce(
    prediction: Any, target: Any, temperature: float = 0.1, symmetric: bool = True
) -> jax.Array:
    """Cross-entropy of finding the target that belongs to a prediction among those of the batch.

    Parameters
    ----------
    prediction, target
        Batches of equal shape; each example is taken as one vector, of which only the direction
        counts.
    temperature
        What cosines are divided by before the softmax.
    symmetric
        Whether the mean is taken with the cost of finding the prediction of a target.
    """
    import jax
    import jax.numpy as jnp

    _check_same_shape("info_nce", prediction, target)
    left, right = (_directions(side) for side in (prediction, target))
    similar = left @ right.T / temperature
    own = jnp.diagonal(similar)
    costs = jax.nn.logsumexp(similar, axis=1) - own
    if not symmetric:
        return costs
    return 0.5 * (costs + jax.nn.logsumexp(similar, axis=0) - own)


def word_cross_entropy(prediction: Any, target: Any) -> Any:
    """Cross-entropy of logits against distributions, ``(batch, length, words)``, over all words."""
    import jax
    import jax.numpy as jnp

    if prediction.ndim < 2 or prediction.shape != target.shape:
        message = f"found {prediction.shape} and {target.shape}, expected equal shapes"
        raise fault(
            "Divergence 'word_cross_entropy'",
            "divergence",
            "word_cross_entropy",
            f"{message} (batch, ..., words)",
        )
    costs = -target * jax.nn.log_softmax(prediction)
    return jnp.sum(costs, axis=tuple(range(1, costs.ndim)))


register_divergence("gaussian_kl", gaussian_kl, on_products=True)
register_divergence("gaussian_nll", gaussian_nll, on_products=True)
register_divergence("binary_cross_entropy", binary_cross_entropy)
register_divergence("hinge", hinge)
register_divergence("info_nce", info_nce, batch_level=True)
register_divergence("word_cross_entropy", word_cross_entropy)


def _pair(name: str, side: Any) -> tuple[Any, Any]:
    import jax.numpy as jnp

    if not isinstance(side, tuple) or len(side) != 2:
        found = f"a tuple of {len(side)}" if isinstance(side, tuple) else "one array"
        message = f"found {found}, expected a product of two factors: mean and log-variance"
        raise _refuse(name, message)
    if jnp.shape(side[0]) != jnp.shape(side[1]):
        raise _refuse_shapes(name, *side, "a mean and a log-variance of equal shapes")
    return side


def _directions(side: Any) -> jax.Array:
    import jax.numpy as jnp

    rows = jnp.reshape(side, (jnp.shape(side)[0], -1))
    # Squared norms are at least epsilon, so that a zero vector has a gradient.
    squares = jnp.sum(rows**2, axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(squares, 1e-12))
