"""``catlearn train``: a diagram that is data, trained as a configuration says."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catlearn.cli.measures import metrics_of
from catlearn.cli.planning import Plan, describe, plan_run
from catlearn.cli.runs import check_place, to_json, write_run
from catlearn.errors import CheckpointNotWritten, TrainingDiverged

if TYPE_CHECKING:
    from catlearn.training import Result

FINISHED, INTERRUPTED, DIVERGED = "finished", "interrupted", "diverged"
#: Trained, but without its last checkpoint.
UNSAVED = "unsaved"


def train(
    diagram: Path,
    config: Path,
    out: Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: bool = True,
) -> str:
    """Train a diagram from a file as a configuration says, and write a run folder.

    Parameters
    ----------
    diagram
        The diagram, in JSON.
    config
        The configuration, in TOML; see :mod:`catlearn.cli.settings`.
    out
        The run folder, by default the configuration's name without its ending.
    resume
        Whether to go on from the checkpoint.
    overwrite
        Whether an older run may be replaced.
    dry_run
        Whether to say what would run, and stop there.
    progress
        Whether to show a progress bar.

    Returns
    -------
    str
        ``"finished"``, ``"interrupted"``, ``"diverged"``, or ``"unsaved"`` where the checkpoint
        could not be written; the run folder is written all the same.

    Raises
    ------
    InvalidStructure
        Listing all that is wrong with the files, before anything runs.
    """
    out = Path(config.stem) if out is None else out
    if not dry_run:
        check_place(out, overwrite)
    plan = plan_run(diagram, config, resume=resume)
    if dry_run:
        print(f"{describe(plan)}\nwould write {out}")
        return FINISHED
    began = time.perf_counter()
    result, status, message = _fit(plan, resume, progress)
    measured = metrics_of(plan, result)
    seconds = round(time.perf_counter() - began, 3)
    ended = {"format": 1, "status": status, "message": message, "seconds": seconds}
    _write(out, plan, result, {**ended, **measured}, overwrite)
    print(f"{measured['loss']}\n{_summary(measured)}\nwrote {out}")
    if message:
        print(f"catlearn: {message}", file=sys.stderr)
    return status


def _fit(plan: Plan, resume: bool, progress: bool) -> tuple[Result, str, str]:
    """Train; return the result, how it ended, and what is to say about it."""
    import jax

    from catlearn.training import TrainingInterrupted, fit

    settings, kept = plan.settings, plan.settings.checkpoint
    with warnings.catch_warnings():
        # Said by the status instead.
        warnings.simplefilter("ignore", TrainingInterrupted)
        try:
            result = fit(
                plan.fn,
                plan.optimizer.over(plan.fn),
                steps=settings.steps,
                batch_size=settings.batch_size,
                key=jax.random.key(settings.seed),
                data=plan.train,
                log_every=settings.log_every,
                progress=progress,
                checkpoint=None if kept is None else kept.path,
                checkpoint_every=None if kept is None else kept.every,
                resume=kept is not None and (resume or kept.resume),
                accumulate=settings.accumulate,
                scan_steps=settings.scan_steps,
                sharding=plan.sharding,
            )
        except TrainingDiverged as error:
            found: Any = error.result
            return found, DIVERGED, _here(error)
        except CheckpointNotWritten as error:
            found = error.result
            return found, UNSAVED, _here(error)
    if result.interrupted:
        message = f"interrupted after {result.steps} of {settings.steps} steps"
        return result, INTERRUPTED, message
    return result, FINISHED, ""


def _here(error: Exception) -> str:
    """Say an error's advice in words of files rather than of Python."""
    said = {
        "this error's .result": "the run folder",
        "resume=True": "--resume",
        "clip gradients with optax.clip_by_global_norm": "set optimizer.clip",
    }
    message = str(error)
    for python, file in said.items():
        message = message.replace(python, file)
    return message


def _write(
    out: Path, plan: Plan, result: Result, metrics: dict[str, Any], overwrite: bool
) -> None:  # fmt: skip
    from catlearn.formats import to_json as diagram_json
    from catlearn.tensors import encode_tree, plain_tree

    tree = {edge: plain_tree(value) for edge, value in result.diagram.starts.items()}
    files = {
        "config.toml": plan.settings.text,
        "diagram.json": diagram_json(plan.diagram).encode(),
        "params.safetensors": encode_tree(tree, {}),
        "history.csv": result.history.to_csv().encode(),
        "metrics.json": to_json(metrics),
    }
    write_run(out, files, overwrite=overwrite)


def _summary(metrics: dict[str, Any]) -> str:
    lines = [f"after {metrics['steps']} steps: {metrics['train']['value']:.6g}"]
    for part in ("train", "test"):
        for name, cost in metrics[part].get("equations", {}).items():
            accuracy = metrics[part]["accuracy"].get(name)
            said = "" if accuracy is None else f", accuracy {accuracy:.4f}"
            lines.append(f"  {part}: {name}: {cost:.6g}{said}")
    return "\n".join(lines)
