"""The ``catlearn`` command: the demo, and diagrams in files drawn, checked, glued and trained.

Exit codes: 0 when all is well, 1 when something is wrong with a diagram or a file or training
diverged, 2 when the command itself is not understood, 130 when it was interrupted.
"""

import lazy_loader

from catlearn.names import renamed

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"commands": ["main"], "run_folder": ["RunFolder", "load_run"]},
)

__getattr__ = renamed(__name__, {"Run": "RunFolder"}, _load)
