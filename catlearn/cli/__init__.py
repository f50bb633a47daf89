"""The ``catlearn`` command: the demo, and diagrams in files drawn, checked, glued and trained.

Exit codes: 0 when all is well, 1 when something is wrong with a diagram or a file or training
diverged, 2 when the command itself is not understood, 130 when it was interrupted.
"""

from catlearn.cli.commands import main
from catlearn.cli.runs import Run, load_run

__all__ = ["Run", "load_run", "main"]
