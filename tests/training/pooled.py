"""What a process of a pool runs: runs that end well, and runs that end in errors."""

import numpy as np
import optax

import catlearn as cl

X, Y = cl.Space("X", 2), cl.Space("Y", 1)


def diagram(architecture, size=1.0):
    x = np.full((8, 2), size, "float32")
    data = cl.Dataset("data", X=(X, x), Y=(Y, np.zeros((8, 1), "float32")))
    return cl.LearningDiagram(data, cl.Model("f", X, Y, architecture))


def init(key):
    return {"w": np.ones((2, 1), "float32")}


def apply(params, x):
    return x @ params["w"]


def local():
    """A model that no other process can be told of."""
    return (lambda key: init(key)), (lambda params, x: apply(params, x))


def run(kind, rate=0.1, size=1.0):
    architecture = {"named": "linear", "pair": (init, apply), "local": local()}[kind]
    return cl.fit(
        diagram(architecture, size), optax.sgd(rate), steps=5, log_every=1, progress=False
    )


def raising(kind):
    def callback(step, costs):
        raise ValueError("of a callback")

    architecture = local() if kind == "local" else "linear"
    cl.fit(
        diagram(architecture),
        optax.sgd(0.1),
        steps=5,
        log_every=1,
        progress=False,
        callback=callback,
    )
