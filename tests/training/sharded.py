"""Training on several devices, in a process that has them: the program of test_sharding.py.

    python sharded.py devices FOLDER            on four devices of one process, and on one
    python sharded.py process FOLDER PORT I     process I of two, with two devices each

Prints what was found as JSON.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

DEVICES = 4 if sys.argv[1] == "devices" else 2
FLAGS = f"--xla_force_host_platform_device_count={DEVICES}"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"  # the last one counts
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

import catlearn as cl  # noqa: E402

X, F, Y = cl.Space("X", 8), cl.Space("F", 16), cl.Space("Y", 4)
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(48, 8)).astype("float32")
OUT = (ROWS @ RNG.normal(size=(8, 4))).astype("float32")
WHOLE = RNG.normal(size=(6, 8)).astype("float32")
STEPS = 6


def edge(name, source, target, width):
    start = RNG.normal(size=(width, target.label.shape[0])).astype("float32") / 4
    return cl.Model(name, source, target, (lambda key: {"w": start}, lambda p, x: x @ p["w"]))


PARTS = (
    cl.Dataset("d", X=X, Y=Y),
    cl.Dataset("whole", X=X),
    edge("encoder", X, F, 8),
    edge("head", F, Y, 16),
    edge("teacher", X, Y, 8).freeze({"w": RNG.normal(size=(8, 4)).astype("float32")}),
)
EQUATIONS = {
    "fit": "d.X >> encoder >> head = d.Y",
    "soft": "whole.X >> encoder >> head = whole.X >> teacher",
}
D = cl.LearningDiagram(*PARTS, equations=EQUATIONS)
# With a moving average, which an equation reads, and validation.
SLOW = cl.LearningDiagram(
    *PARTS,
    cl.MovingAverage("slow", of="encoder", decay=0.5),
    equations=EQUATIONS | {"follow": cl.Equation("d.X >> encoder = d.X >> slow", weight=0.1)},
)
HELD_OUT = {"d": {"X": ROWS[:10], "Y": OUT[:10]}, "whole": {"X": WHOLE[:3]}}
METRICS = {"far": ("d.X >> slow >> head = d.Y", "absolute_error")}
ADAM = optax.adam(0.05)


def mesh():
    return jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))


def fit(fn, data, **options):
    options = {"steps": STEPS, "batch_size": {"d": 8, "whole": 8}, **options}
    return cl.fit(fn, ADAM, data=data, progress=False, log_every=3, **options)


def watched(fn, data, **options):
    return fit(fn, data, validate=HELD_OUT, validate_every=2, metrics=METRICS, **options)


def apart(one, other):
    """How far two such runs are from each other: curves, averages, best variables."""
    assert one.history.validation.steps.tolist() == other.history.validation.steps.tolist()
    assert one.best.steps == other.best.steps
    trees = [
        (r.history.validation.rows, r.evaluation_state["mutable"], r.best.params, r.best.state)
        for r in (one, other)
    ]
    leaves = zip(*map(jax.tree.leaves, trees), strict=True)
    return max(distance(one, other), *(float(np.abs(a - b).max()) for a, b in leaves))


def distance(one, other):
    leaves = [jax.tree.leaves((r.params, r.optimizer_state)) for r in (one, other)]
    return max(float(np.abs(a - b).max()) for a, b in zip(*leaves, strict=True))


def devices(folder: Path):
    fn = cl.lower(D.loss())
    data = {"d": {"X": ROWS, "Y": OUT}, "whole": {"X": WHOLE}}
    fsdp = cl.training.Sharding(mesh(), params="fsdp", least=32)
    rules = cl.training.Sharding(
        mesh(), params=lambda name, w: fsdp.rule(w) if name == "encoder/w" else None
    )
    one = fit(fn, data)
    found = {"start": distance(one, fit(fn, data, steps=1))}
    runs = {"mesh": mesh(), "fsdp": fsdp, "rule": rules}
    results = {name: fit(fn, data, sharding=sharding) for name, sharding in runs.items()}
    results["parts"] = fit(fn, data | {"whole": {"X": WHOLE[:4]}}, sharding=fsdp, accumulate=2)
    small = fit(fn, data | {"whole": {"X": WHOLE[:4]}})
    results["at once"] = fit(fn, data, sharding=fsdp, scan_steps=3)
    for name, result in results.items():
        found[name] = distance(result, small if name == "parts" else one)
    found["compiled"] = [
        program._cache_size() for name, program in fn.compiled.items() if name[0] == "step"
    ]
    found["split"] = {
        name: sorted(
            jax.tree_util.keystr(path, simple=True, separator="/")
            for path, leaf in jax.tree_util.tree_leaves_with_path(
                {"p": r.params, "o": r.optimizer_state, "s": r.state["frozen"]}
            )
            if not leaf.is_fully_replicated
        )
        for name, r in results.items()
    }
    # Checkpoints are interchangeable.
    for name, first, second in (("to one", fsdp, None), ("to four", None, fsdp)):
        file = folder / f"{name}.safetensors"
        fit(fn, data, steps=3, sharding=first, checkpoint=file)
        found[name] = distance(fit(fn, data, sharding=second, checkpoint=file, resume=True), one)
    slow = cl.lower(SLOW.loss())
    alone = watched(slow, data)
    found["moved"] = float(np.abs(np.diff(alone.history.validation.rows, axis=0)).max())
    found["watched"] = max(
        apart(alone, watched(slow, data, sharding=s, **more))
        for s, more in ((mesh(), {}), (fsdp, {}), (fsdp, {"scan_steps": 2}))
    )
    value, _ = results["fsdp"].evaluate(data)
    found["evaluate"] = abs(value - one.evaluate(data)[0])
    print(json.dumps(found))


def process(folder: Path, port: int, index: int):
    jax.distributed.initialize(f"localhost:{port}", 2, index)
    fn = cl.lower(D.loss())
    part = slice(index, None, 2)
    batches = [{"X": ROWS[i : i + 8][part], "Y": OUT[i : i + 8][part]} for i in range(0, 48, 8)]
    data = {"d": batches, "whole": {"X": WHOLE[:4][part]}}
    file = folder / "two.safetensors"
    fsdp = cl.training.Sharding(mesh(), params="fsdp", least=32)
    whole = fit(fn, data, sharding=fsdp)
    fit(fn, data, sharding=fsdp, steps=3, checkpoint=file)
    two = fit(fn, data, sharding=fsdp, checkpoint=file, resume=True)
    arrays = {"d": {"X": ROWS[part], "Y": OUT[part]}, "whole": {"X": WHOLE[:4][part]}}
    drawn = fit(fn, arrays, sharding=mesh())
    found = {"resumed": distance(whole, two)}
    slow, file = cl.lower(SLOW.loss()), folder / "slow.safetensors"
    seen = watched(slow, data, sharding=fsdp)
    watched(slow, data, sharding=fsdp, steps=4, checkpoint=file)
    found["watched again"] = apart(
        seen, watched(slow, data, sharding=fsdp, checkpoint=file, resume=True)
    )
    impatient = cl.training.Patience(1, least=1e9)
    ended = watched(slow, data, sharding=fsdp, stop=impatient)
    found["ended"] = [ended.steps, ended.stopped]
    if importlib.util.find_spec("orbax") is not None:
        written = f"{folder}/two/"
        fit(fn, data, sharding=fsdp, steps=3, checkpoint=written)
        again = fit(fn, data, sharding=fsdp, checkpoint=written, resume=True)
        found["folder"] = distance(whole, again)
    found |= {"drawn": drawn.history.total.tolist()}
    if index == 0:
        full = [{"X": ROWS[i : i + 8], "Y": OUT[i : i + 8]} for i in range(0, 48, 8)]
        one = fit(fn, {"d": full, "whole": {"X": WHOLE[:4]}})
        found["one"] = distance(one, two)
        found["watched"] = apart(seen, watched(slow, {"d": full, "whole": {"X": WHOLE[:4]}}))
        found["history"] = float(np.abs(one.history.rows - two.history.rows).max())
    print(json.dumps(found))


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "devices":
        devices(place)
    else:
        process(place, int(sys.argv[3]), int(sys.argv[4]))
