"""The ``catlearn`` command: the demo, and diagrams in files drawn, checked, glued and trained.

Exit codes: 0 when all is well, 1 when something is wrong with a diagram or a file or training
diverged, 2 when the command itself is not understood, 130 when it was interrupted.
"""

import warnings

from catlearn.cli.commands import main
from catlearn.cli.run_folder import RunFolder, load_run

__all__ = ["RunFolder", "load_run", "main"]


def __getattr__(name: str) -> type[RunFolder]:
    if name == "Run":
        message = "catlearn.cli.Run is RunFolder; the old name goes with the next release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return RunFolder
    raise AttributeError(f"module 'catlearn.cli' has no attribute {name!r}")
