r"""One step of training, compiled: gradient, optimizer, and a guard against numbers gone bad.

The step never lets a value that is not finite into the parameters. The first step whose costs
or new parameters are not finite is recorded and changes nothing, nor does any step after it,
so the host may look as rarely as it likes and still find the last good variables.

That has to be known before the first array is written, since each is written where the old one
lay. So the new parameters are computed twice: once to see whether they are finite, one array after
the other, without storing any, and once to be stored, in a branch that is not taken otherwise.
Where the optimizer's update takes more than a pass over its arrays (a line search, a matrix
product), it is computed once, and stored until all of it is known.

**Gradients accumulated.** With ``accumulate=k`` a batch of :math:`b` examples is cut into :math:`k`
parts of :math:`b/k`, which are evaluated one after the other inside the compiled step, in the
memory of one part. The cost :math:`c_i` of an equation is a mean over examples, hence the mean of
the means of equal parts, and the gradient is that of the whole batch:

.. math:: \nabla L = \sum_i \frac{\partial L}{\partial c_i} \cdot
    \frac1k \sum_{p=1}^k \nabla c_i^p .

Where costs are added, the slopes :math:`\partial L / \partial c_i` are the weights; for another
aggregator, such as the maximum, the costs of all parts are found first, without gradients. What
compares the examples of a batch with each other (a contrastive divergence, statistics of a batch)
sees one part at a time; for such divergences there is a warning.

**Optimizers by edge.** A mapping from trainable edges to optimizers is one optimizer:

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Space("Y", 1)
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), encoder, head)
>>> fn = cl.lower(D.loss())
>>> optimizer = optimizer_of(fn, {"encoder": optax.sgd(0.01), "*": optax.adam(0.1)})
>>> optimizer_of(fn, {"encodr": optax.sgd(0.01), "*": None})
Traceback (most recent call last):
catlearn.errors.InvalidStructure: the optimizer is not valid (1 failure):
  - edge 'encodr': is not trainable; did you mean encoder? [optimizer]

Parameters of isomorphic edges may be stored stacked (:mod:`catlearn.lowering.stacked`). An
optimizer that treats every number by the same rule (sgd, adam), or all of them together (a clipped
norm), does on a stack what it would do without. One that looks at whole arrays (lamb, adafactor,
muon, or a mask by number of axes) would take a stack for one array; :func:`per_edge` shows it each
edge by itself.

>>> params = {"encoder": jnp.array([0.0, 4.0]), "head": jnp.array([0.5])}
>>> clip = per_edge(optax.clip_by_global_norm(1.0))
>>> updates, _ = clip.update(params, clip.init(params), params)
>>> updates["encoder"].tolist(), updates["head"].tolist()
([0.0, 1.0], [0.5])
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from catlearn.errors import DataError, Failure, Failures, did_you_mean, expect, refuse
from catlearn.lowering import Lowered
from catlearn.lowering.amounts import primitives_of
from catlearn.lowering.lowered import Aux
from catlearn.lowering.stacked import Stacked
from catlearn.models.maps import compares_examples
from catlearn.training.columns import along_examples, lengths_of, merged
from catlearn.training.sharding import Sharding

GOOD = -1
"""The value of ``Carry.failed`` while every step has been finite."""


class Carry(NamedTuple):
    """What a step changes; its buffers are donated to the next step.

    Parameters
    ----------
    params
        The trainable parameters.
    optimizer
        The optimizer's state.
    mutable
        The mutable part of the loss's state.
    step
        How many steps have been taken, an int32 scalar.
    failed
        The first step that was not finite, or ``GOOD``.
    """

    params: Any
    optimizer: Any
    mutable: Any
    step: jax.Array
    failed: jax.Array


def start(optimizer: optax.GradientTransformation, params: Any, mutable: Any) -> Carry:
    """Return the carry before the first step, on buffers of its own.

    Some optimizers keep the parameters themselves in their state, and one buffer cannot be
    donated twice; hence the copy.
    """
    carry = Carry(params, optimizer.init(params), mutable, jnp.int32(0), jnp.int32(GOOD))
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), carry)


def compiled_step(
    fn: Lowered,
    optimizer: optax.GradientTransformation,
    *,
    accumulate: int = 1,
    steps: int = 1,
    sharding: Sharding | None = None,
    carry: Carry | None = None,
) -> Callable[..., tuple[Carry, jax.Array]]:
    """Return the compiled step of a loss and an optimizer.

    Training the same function again with the same optimizer compiles nothing.

    Parameters
    ----------
    fn
        The lowered loss.
    optimizer
        The optimizer.
    accumulate
        Into how many parts each batch is cut.
    steps
        How many steps are taken in one call, on batches with an axis in front for them.
    sharding, carry
        How the run is spread over devices, and a carry of it.

    Returns
    -------
    callable
        ``step(carry, state, batch, key) -> (carry, row)``, where ``row`` is the value followed
        by the cost of each equation, and the evaluation key is ``fold_in(key, carry.step)``. For
        several steps ``step(carry, state, batches, batch, key) -> (carry, rows)``, where
        ``batch`` has the data sets that are the same in each.
    """
    name = ("step", optimizer, accumulate, steps, sharding)
    if name not in fn.compiled:
        step = _step(fn, optimizer, accumulate)
        places: dict[str, Any] = {}
        if sharding is not None and carry is not None:
            places = {"out_shardings": (sharding.carry(carry), sharding.whole)}
        program = step if steps == 1 else _repeated(step, steps)
        fn.compiled[name] = jax.jit(program, donate_argnums=0, **places)
    return fn.compiled[name]


def _repeated(step: Callable[..., Any], length: int) -> Callable[..., Any]:
    def steps(
        carry: Carry, state: Any, batches: Any, batch: Any, key: jax.Array
    ) -> tuple[Carry, jax.Array]:
        return jax.lax.scan(
            lambda carry, one: step(carry, state, merged(batch, one), key), carry, batches, length
        )

    return steps


def _step(
    fn: Lowered, optimizer: optax.GradientTransformation, accumulate: int
) -> Callable[..., Any]:
    transform = optax.with_extra_args_support(optimizer)
    equations = [term.name for term in fn.loss.equations]
    gradient_at = gradient_of(fn, accumulate)

    def update(
        old: tuple[Any, Any], value: jax.Array, gradient: Any, value_fn: Callable[[Any], Any]
    ) -> tuple[Any, Any]:
        params, state = old
        updates, state = transform.update(
            gradient, state, params, value=value, grad=gradient, value_fn=value_fn
        )
        return _changed(params, updates, optax.apply_updates), state

    def step(carry: Carry, state: Any, batch: Any, key: jax.Array) -> tuple[Carry, jax.Array]:
        weights = fn.reweighted(state["weights"], carry.step)
        state = {**state, "mutable": carry.mutable, "weights": weights}
        key = jax.random.fold_in(key, carry.step)
        (value, aux), gradient = gradient_at(carry.params, state, batch, key)
        row, after = cost_row(value, aux.terms, equations), aux.state["mutable"]
        old, sound = (carry.params, carry.optimizer), carry.failed == GOOD
        # One function for all calls, so that JAX traces it once.
        again: Any = jax.jit(functools.partial(update, value_fn=_not_asked), inline=True)
        if _is_cheap(again, old, value, gradient) and _kinds(after) == _kinds(carry.mutable):
            finite = _all_finite((row, again(old, value, gradient)[0]))
            params, optimizer_state, mutable = jax.lax.cond(
                finite & sound,
                lambda old, before, value, gradient, after: (*again(old, value, gradient), after),
                lambda old, before, value, gradient, after: (*old, before),
                *(old, carry.mutable, value, gradient, after),
            )
        else:
            found = update(old, value, gradient, lambda params: fn(params, state, batch, key)[0])
            finite = _all_finite((row, found[0]))
            params, optimizer_state, mutable = jax.tree.map(
                lambda after, before: jnp.where(finite & sound, after, before),
                (*found, after),
                (*old, carry.mutable),
            )
        failed = jnp.where(sound & ~finite, carry.step, carry.failed)
        return Carry(params, optimizer_state, mutable, carry.step + 1, failed), row

    return step


class _Asked(Exception):
    """An optimizer asked for the value of the loss elsewhere."""


def _not_asked(params: Any) -> Any:
    raise _Asked


# fmt: off
_CHEAP = frozenset(
    (
        "abs", "add", "add_any", "and", "clamp", "cos", "div", "eq", "erf", "exp", "exp2", "expm1",
        "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p", "logistic", "lt",
        "max", "min", "mul", "ne", "neg", "nextafter", "not", "or", "pow", "rem", "round", "rsqrt",
        "select_n", "sign", "sin", "sqrt", "square", "stop_gradient", "sub", "tanh", "xor",
        "argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod",
        "reduce_sum", "bitcast_convert_type", "broadcast_in_dim", "concatenate",
        "convert_element_type", "copy", "expand_dims", "iota", "reshape", "slice",
        "squeeze", "transpose", "cond", "jit", "pjit", "custom_jvp_call", "custom_vjp_call",
    )
)
# fmt: on


def _is_cheap(
    update: Callable[..., Any], old: tuple[Any, Any], value: jax.Array, gradient: Any
) -> bool:
    """Whether an update is some passes over its arrays, which it returns with their dtypes."""
    try:
        traced, new = jax.make_jaxpr(update, return_shape=True)(old, value, gradient)
    except _Asked:
        return False
    return not traced.effects and primitives_of(traced) <= _CHEAP and _kinds(new) == _kinds(old)


def _kinds(tree: Any) -> list[tuple[Any, Any]]:
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


def cost_row(value: jax.Array, terms: Any, equations: Sequence[str]) -> jax.Array:
    """Return the value and the cost of each equation as one array."""
    if isinstance(terms, Stacked):
        return jnp.concatenate([value[None], terms.vector()])
    return jnp.stack([value, *(terms[name] for name in equations)])


#: Arrays that are looked at in one pass, at most.
TOGETHER = 64


def _all_finite(tree: Any) -> jax.Array:
    """Whether all numbers are finite.

    Zero times a number is zero, or no number. So arrays of one shape and dtype are added up in
    one pass, which is quicker than one for each; minima are of bytes, since XLA makes vector code
    of these.
    """
    by_type: dict[Any, list[Any]] = {}
    for leaf in jax.tree.leaves(tree):
        by_type.setdefault((leaf.shape, leaf.dtype), []).append(0 * leaf)
    sums = (
        functools.reduce(jnp.add, leaves[k : k + TOGETHER])
        for leaves in by_type.values()
        for k in range(0, len(leaves), TOGETHER)
    )
    checks = (jnp.min(jnp.isfinite(one).astype(jnp.int8), initial=1) for one in sums)
    return functools.reduce(jnp.minimum, checks) > 0


Gradient = Callable[..., tuple[tuple[jax.Array, Any], Any]]


class ExamplesApart(UserWarning):
    """A divergence compares the examples of a batch, and batches are cut into parts."""


def warn_of_parts(fn: Lowered, accumulate: int) -> None:
    """Warn of equations whose costs are not those of the whole batch."""
    if accumulate == 1:
        return
    space = fn.diagram.space_label
    names = [
        term.name
        for term in fn.loss.equations
        if compares_examples(term.divergence, space(term.target))
    ]
    if names:
        message = (
            f"the divergence of {', '.join(map(repr, names))} compares the examples of a batch, "
            f"and with accumulate={accumulate} only those of one part of it"
        )
        warnings.warn(message, ExamplesApart, stacklevel=3)


def gradient_of(fn: Lowered, accumulate: int = 1) -> Gradient:
    """Return ``(params, state, batch, key) -> ((value, aux), gradient)``.

    Parameters
    ----------
    fn
        The lowered loss.
    accumulate
        The number of parts of a batch that are evaluated one after the other.
    """
    if accumulate == 1:
        return jax.value_and_grad(fn, has_aux=True)
    averages = tuple(fn.diagram.averages)

    def mean(each: Callable[..., Any], parts: Any, start: Any, key: jax.Array) -> tuple[Any, Any]:
        """Return the mean of what a function finds in each part, and the variables at the end."""
        shapes, _ = jax.eval_shape(each, start, jax.tree.map(lambda leaf: leaf[0], parts), key)
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def add(carry: Any, part: Any) -> tuple[Any, None]:
            sums, mutable = carry
            index, batch = part
            if averages:  # they move once in a step, not once in each part of it
                mutable = mutable | Stacked.of(start).chosen(averages).plain
            found, mutable = each(mutable, batch, jax.random.fold_in(key, index))
            return (jax.tree.map(jnp.add, sums, found), mutable), None

        numbered = (jnp.arange(accumulate), parts)
        (sums, mutable), _ = jax.lax.scan(add, (zeros, start), numbered)
        return jax.tree.map(lambda leaf: leaf / accumulate, sums), mutable

    def gradient(
        params: Any, state: Any, batch: Any, key: jax.Array
    ) -> tuple[tuple[jax.Array, Any], Any]:
        parts, start = _split(batch, accumulate), state["mutable"]
        slopes = None

        def cost(params: Any, mutable: Any, batch: Any, key: jax.Array) -> tuple[jax.Array, Any]:
            value, aux = fn(params, {**state, "mutable": mutable}, batch, key)
            return value if slopes is None else _inner(slopes, aux.terms), aux

        def costs(mutable: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
            _, aux = cost(params, mutable, batch, key)
            return aux.terms, aux.state["mutable"]

        def both(mutable: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
            (_, aux), found = jax.value_and_grad(cost, has_aux=True)(params, mutable, batch, key)
            return (found, aux.terms), aux.state["mutable"]

        if fn.loss.aggregator.name != "sum":
            terms, _ = mean(costs, parts, start, key)
            slopes = jax.grad(fn.total)(terms, state["weights"])
        (found, terms), mutable = mean(both, parts, start, key)
        aux = Aux(terms, {"mutable": mutable})
        return (fn.total(terms, state["weights"]), aux), found

    return gradient


def _inner(slopes: Any, terms: Any) -> jax.Array:
    return sum(starmap(jnp.vdot, zip(jax.tree.leaves(slopes), jax.tree.leaves(terms), strict=True)))  # type: ignore[return-value]


def _split(batch: Any, parts: int) -> Any:
    """Cut every column into parts, of examples at equal distances.

    Where a batch is spread over devices, each device so finds its own examples in every part.
    """
    refuse(
        "accumulation",
        (
            Failure(
                "accumulate",
                f"data set '{name}'",
                f"a batch of {size} examples has no {parts} equal parts; choose another batch size",
            )
            for name, sizes in lengths_of(batch).items()
            for size in sizes
            if size % parts
        ),
        DataError,
    )

    def cut(leaf: jax.Array, axis: int) -> jax.Array:
        leaf = jnp.asarray(leaf)
        before, after = leaf.shape[:axis], leaf.shape[axis + 1 :]
        shape = (*before, leaf.shape[axis] // parts, parts, *after)
        return jnp.moveaxis(jnp.reshape(leaf, shape), axis + 1, 0)

    return along_examples(cut, batch)


Optimizer = optax.GradientTransformation
Optimizers = Mapping[str | tuple[str, ...], Optimizer | None]

REST = "*"
"""Stands for every edge that is not named."""


def optimizer_of(fn: Lowered, given: Optimizer | Optimizers) -> Optimizer:
    """Return one optimizer for what was given, the same one each time.

    Parameters
    ----------
    fn
        The lowered loss.
    given
        An optimizer, or a mapping whose keys are trainable edges, tuples of them, and ``"*"`` for
        all others. Edges with the very same optimizer form a group: what it computes of a whole
        tree, such as a norm, it computes of the group. None leaves edges as they are; so does
        any optimizer with edges to which no equation sends a gradient.

    Raises
    ------
    InvalidStructure
        Listing all edges that are not trainable, not trained by any equation, named twice, or left
        without an optimizer.
    """
    known: dict[Any, Any] = fn.compiled
    if not isinstance(given, Mapping):
        if len(fn.trained) == len(fn.trainable):
            return given
        key: Any = ("optimizer", given)
        if key not in known:
            known[key] = _seeing(given, fn.trained)
        return known[key]
    by_edge = by_edge_of(fn.trainable, given, fn.trained)
    key = ("optimizers", tuple(by_edge.items()))
    if key not in known:
        known[key] = grouped(fn, by_edge)
    return known[key]


def by_edge_of(
    trainable: Sequence[str], given: Optimizers, trained: Sequence[str] | None = None
) -> dict[str, Optimizer | None]:
    """Return the optimizer of each trainable edge.

    Where a loss is lowered with these as ``groups``, edges with different ones are not stacked. If
    ``trained`` is given, edges that are not in it may not be given an optimizer by name.

    Raises
    ------
    InvalidStructure
        As for :func:`optimizer_of`.
    """
    chosen: dict[str, Optimizer | None] = {}
    failures = Failures()
    for names, optimizer in given.items():
        for name in (names,) if isinstance(names, str) else names:
            if name != REST and name not in trainable:
                message = f"is not trainable; {did_you_mean(name, trainable)}"
                failures.add("optimizer", f"edge '{name}'", message)
            elif trained is not None and optimizer is not None and name not in (*trained, REST):
                message = "no equation sends it a gradient; give it no optimizer, or None"
                failures.add("optimizer", f"edge '{name}'", message)
            if name in chosen:
                failures.add("optimizer", f"edge '{name}'", "has two optimizers")
            chosen[name] = optimizer
    failures += [
        Failure("optimizer", f"edge '{edge}'", f"has no optimizer; name it, or give '{REST}'")
        for edge in trainable
        if edge not in chosen and REST not in chosen
    ]
    refuse("the optimizer", failures)
    return {edge: chosen.get(edge, chosen.get(REST)) for edge in trainable}


def grouped(fn: Lowered, by_edge: Mapping[str, Optimizer | None]) -> Optimizer:
    """Return one optimizer for those of all trainable edges; it sees edges that are trained."""
    labels: dict[Optimizer | None, str] = {}
    for edge, optimizer in by_edge.items():
        labels.setdefault(optimizer, edge)
    moving = [edge for edge in fn.trained if by_edge[edge] is not None]
    chosen: dict[str, Any] = {
        edge: labels[optimizer] if edge in moving else optax.MaskedNode()
        for edge, optimizer in by_edge.items()
    }
    used = {chosen[edge] for edge in moving}
    transforms: dict[Hashable, Optimizer] = {
        label: optimizer
        for optimizer, label in labels.items()
        if optimizer is not None and label in used
    }
    return _seeing(optax.multi_transform(transforms, fn.select(chosen)), moving)


def _seeing(
    optimizer: optax.GradientTransformation, edges: Sequence[str]
) -> optax.GradientTransformationExtraArgs:
    """Run an optimizer on some edges; it has no state for the others, and no updates."""
    inner = optax.with_extra_args_support(optimizer)

    def seen(tree: Any) -> Any:
        every = Stacked.of(tree)
        parts = (
            part if names[0] in edges else optax.MaskedNode() for names, part in every.groups()
        )
        return Stacked(every.layout, tuple(parts)).plain

    def init(params: Any) -> Any:
        return inner.init(seen(params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        gradient, value_fn = seen(updates), extra.get("value_fn")
        if "grad" in extra:
            same = extra["grad"] is updates
            extra["grad"] = gradient if same else seen(extra["grad"])
        if params is None:
            return inner.update(gradient, state, **extra)
        if value_fn is not None:
            extra["value_fn"] = lambda some: value_fn(_changed(params, some, lambda _, new: new))
        return inner.update(gradient, state, seen(params), **extra)

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def _changed(params: Any, others: Any, change: Callable[[Any, Any], Any]) -> Any:
    """Return parameters of which those that an optimizer sees are changed by what it gives."""
    given, other = Stacked.of(params), Stacked.of(others)

    def one(names: tuple[str, ...], part: Any) -> Any:
        found = other.parts[other.layout.places[names[0]][0]]
        return part if isinstance(found, optax.MaskedNode) else change(part, found)

    return Stacked(given.layout, tuple(starmap(one, given.groups()))).plain


def per_edge(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Run an optimizer on each edge by itself.

    Every edge has its own optimizer state, and whatever the optimizer computes of a whole tree,
    such as a norm, or of an array, such as its rank, it computes of the parameters of one edge.
    Edges that are stored stacked are run as one, by ``jax.vmap``.

    Parameters
    ----------
    optimizer
        Any optax transformation that needs no line search over all parameters.

    Returns
    -------
    optax.GradientTransformationExtraArgs
        A transformation of mappings ``{edge: tree}``, stacked or not.
    """
    expect(optimizer, "init", "optimizer", "an optax optimizer, such as optax.adam(1e-3)")
    inner = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> Any:
        return _by_edge(inner.init, params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        def one(tree: Any, state: Any, params: Any = None) -> Any:
            return inner.update(tree, state, params, **extra)

        given = (updates, state) if params is None else (updates, state, params)
        pairs = _by_edge(one, *given)
        return _each(pairs, lambda pair: pair[0]), _each(pairs, lambda pair: pair[1])

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def _by_edge(run: Callable[..., Any], *trees: Any) -> Mapping[str, Any]:
    """Call a function for each edge; once for all edges that are stored together."""
    layout = Stacked.of(trees[0]).layout
    found = []
    for group, *part in zip(layout.groups, *(layout.stacked(t).parts for t in trees), strict=True):
        # What a mask hides from the optimizer has no arrays.
        stacked = len(group) > 1 and jax.tree.leaves(part[0])
        found.append(jax.vmap(run)(*part) if stacked else run(*part))
    return Stacked(layout, tuple(found)).plain


def _each(pairs: Mapping[str, Any], choose: Callable[[Any], Any]) -> Mapping[str, Any]:
    return Stacked.of(pairs).map(lambda pair, _: choose(pair)).plain
