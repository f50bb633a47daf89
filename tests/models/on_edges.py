"""What the tests of model libraries share: one edge on data, a step of it, and a frozen one.

Each library's test has a model with state and modes of its own, and compares a step of it with the
library's own code; here is what is the same for all of them.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl
from tests.trees import close

X, Y = cl.Space("X", 3), cl.Space("Y", 2)
RNG = np.random.default_rng(0)
XS, YS = RNG.normal(size=(6, 3)).astype("f4"), RNG.normal(size=(6, 2)).astype("f4")
DATA = cl.Dataset("data", X=(X, XS), Y=(Y, YS))
KEY = jax.random.key(0)


def error(y, target=YS):
    return jnp.mean(jnp.sum((y - target) ** 2, axis=1))


def lowered(given):
    """Lower the fit of one model; return it with first values, and the key that the model sees."""
    fn = cl.lower(cl.LearningDiagram(DATA, cl.Model("f", X, Y, given)).loss())
    digest = next(step for step in fn.plan.steps if step.op == "apply").digest
    return fn, *fn.init(KEY), jax.random.fold_in(KEY, digest)


def stepped(fn, params, state, key=KEY):
    """Return value, gradient, and the state after the step."""
    step = jax.jit(jax.value_and_grad(fn, has_aux=True))
    (value, aux), gradient = step(params, state, fn.diagram.data, key)
    return value, gradient["f"], state | aux.state


def evaluated(fn, params, state):
    """Return the value in evaluation, without a key, and the user's object at that state."""
    value, aux = jax.jit(partial(fn, train=False))(params, state, fn.diagram.data)
    jax.tree.map(np.testing.assert_array_equal, aux.state["mutable"], state["mutable"])
    return value, fn.architecture("f").rebuild(fn.variables("f", params, state))


def runs_frozen(model, expected):
    """A frozen model runs in evaluation beside one that is trained, and nothing of it changes."""
    trained = cl.Model("g", X, Y, "linear")
    fn = cl.lower(cl.LearningDiagram(DATA, model.freeze(), trained, equations="g = f").loss())
    params, state = fn.init(KEY)
    value, aux = fn(params, state, fn.diagram.data)
    close(value, error(XS @ params["g"]["weight"] + params["g"]["bias"], expected))
    assert aux.state["mutable"] == {}


def is_mentioned(given, words):
    """A document mentions the model by the words, and is whole again when the model is given."""
    diagram = cl.LearningDiagram(cl.Model("f", X, Y, given))
    read = cl.formats.from_json(cl.formats.to_json(diagram))
    assert str(read.map_label("f")) == words
    assert read != diagram
    assert read.bind({"f": given}) == diagram
