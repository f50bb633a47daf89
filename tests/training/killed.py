"""Runs that are killed: each is a fork of this process, which has imported everything already.

    python killed.py FOLDER KILLS SEED

A run saves itself after each step. It is killed at a random moment after it began, or after it
saved; then a new one resumes. Prints how many steps were done at each kill, and compares the
variables at the end with those of a run that nobody killed.
"""

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import optax

import catlearn as cl
from catlearn.tensors import load_tree

STEPS = 200


X, Y = cl.Space("X", (2,)), cl.Space("Y", (1,))
ROWS = np.random.default_rng(0).normal(size=(24, 2)).astype("float32")
LINE = lambda key: {"w": np.zeros((2, 1), "float32")}, lambda params, x: x @ params["w"]
DATA = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]))
# All that needs no device is done before the forks, and modules are imported.
FIT = cl.fit
FN = cl.lower(cl.LearningDiagram(DATA, cl.Model("f", X, Y, LINE)).loss())
ADAM = optax.adam(0.01)


def run(file: Path, *, whole: bool) -> None:
    """Fit a line, and save after each step unless the run is to be whole."""
    often = {} if whole else {"checkpoint_every": 1, "resume": True}
    FIT(FN, ADAM, steps=STEPS, batch_size=5, checkpoint=file, progress=False, **often)


def forked(file: Path, *, whole: bool = False) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(file, whole=whole)
            status = 0
        finally:
            os._exit(status)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def over(child: int) -> bool:
    """Whether a run came to its end; it is still waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def written(file: Path) -> float:
    return file.stat().st_mtime_ns if file.exists() else 0


def main(folder: Path, kills: int, seed: int) -> None:
    jax.config.update("jax_compilation_cache_dir", str(folder / "cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    warnings.simplefilter("ignore", RuntimeWarning)  # no thread of JAX runs before the fork
    assert ended(forked(folder / "whole.safetensors", whole=True)) == 0
    file, chance, found = folder / "killed.safetensors", random.Random(seed), []
    for kill in range(kills):
        before = written(file)
        child = forked(file)
        # The first ones die wherever they are, others while they save or between two saves.
        if kill % 4 == 0:
            time.sleep(chance.uniform(0, 0.5))
        else:
            while written(file) == before and not over(child):
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        code = ended(child)
        assert code in (-signal.SIGKILL, 0), code
        found.append(int(load_tree(file)[0]["arrays"][".step"]) if file.exists() else 0)
    assert ended(forked(file)) == 0
    whole, killed = (load_tree(folder / f"{name}.safetensors")[0] for name in ("whole", "killed"))
    same = all(
        a.tobytes() == b.tobytes()
        for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(killed), strict=True)
    )
    left = sorted(path.name for path in folder.glob(".*.part"))
    print(json.dumps({"steps": found, "same": same, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
