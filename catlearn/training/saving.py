"""Where a run is kept, and what happens when it cannot be written.

A checkpoint is replaced in one step, so a run that is killed while it writes leaves the one
before. A disk that is full while the run goes on is a warning, and the next checkpoint is tried;
at the end it is an error, which has the result.
"""

from __future__ import annotations

import contextlib
import glob
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.training.checkpoint import Checkpoint, Manifest, load_checkpoint, save_checkpoint
from catlearn.training.distributed import Processes
from catlearn.training.step import Carry

if TYPE_CHECKING:
    from catlearn.training.run import Run


class CheckpointSkipped(UserWarning):
    """A checkpoint could not be written while the run goes on; the next one is tried."""


class Saver:
    """The file in which a run is kept.

    Parameters
    ----------
    path
        A file, usually ``*.safetensors``.
    manifest
        What the run is about.
    processes
        Who trains together; the first one writes.
    """

    def __init__(
        self, path: str | os.PathLike[str], manifest: Manifest, processes: Processes
    ) -> None:
        self.path = Path(path)
        self.manifest = manifest
        self.processes = processes
        self.saved: int | None = None

    def load(self, template: Carry) -> Checkpoint | None:
        """Return the checkpoint of this very run, if there is one.

        Raises
        ------
        FileFormatError
            If it cannot be read.
        CheckpointMismatch
            If it belongs to another run, listing every difference.
        """
        if not os.path.lexists(self.path):
            return None
        found = load_checkpoint(self.path, template, self.manifest)
        self.saved = len(found.rows)
        return found

    def clean(self) -> None:
        """Remove what killed runs left half written beside the file."""
        if self.processes.index != 0:
            return
        pattern = f".{glob.escape(self.path.name)}.*.part"
        for left in self.path.parent.glob(pattern):
            with contextlib.suppress(OSError):
                left.unlink()

    def write(self, carry: Carry, rows: np.ndarray, sources: list[Any]) -> None:
        """Replace the checkpoint."""
        carry = self.processes.on_host(carry)
        if self.processes.index == 0:
            save_checkpoint(self.path, carry, rows, self.manifest, sources)

    def close(self) -> str | None:
        """Wait until everything is written; return what went wrong."""

    def try_save(self, run: Run) -> str | None:
        """Save, and return what went wrong if the system does not let us."""
        try:
            sources = self.processes.gather(run.sources.state(run.steps))
            self.write(run.carry, run.rows, sources)
        except OSError as error:
            kept = "; there is none before it"
            if self.saved is not None:
                kept = f"; the one of step {self.saved} is whole"
            why = error.strerror or str(error)
            return f"the checkpoint '{self.path}' of step {run.steps} was not written: {why}{kept}"
        self.saved = run.steps
        return None

    def save(self, run: Run) -> None:
        """Save while the run goes on; warn if the system does not let us."""
        problem = self.try_save(run)
        if problem is not None:
            message = f"{problem}. Training goes on, and the next one is tried"
            warnings.warn(message, CheckpointSkipped, stacklevel=3)
