"""The ``catlearn`` command: the demo, and diagrams in files drawn, checked and glued.

Exit codes: 0 when all is well, 1 when something is wrong with a diagram or a file, 2 when the
command itself is not understood, 130 when it was interrupted.
"""

from catlearn.cli.commands import main

__all__ = ["main"]
