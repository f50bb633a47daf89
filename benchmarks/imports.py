"""What ``import catlearn`` costs beyond starting Python, in milliseconds and modules.

python benchmarks/imports.py [--quick] [--out table.md]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import _measure

PROGRAMS = {
    "pass": "pass",
    "import catlearn": "import catlearn",
    "import catlearn; catlearn.FinSet": "import catlearn; catlearn.FinSet",
    "import catlearn; catlearn.LearningDiagram": "import catlearn; catlearn.LearningDiagram",
    "import catlearn; catlearn.lower": "import catlearn; catlearn.lower",
    "import numpy": "import numpy",
    "import jax": "import jax",
}


def starting(program: str) -> Callable[[], object]:
    """Return what runs a program in a fresh interpreter."""
    return lambda: subprocess.run([sys.executable, "-c", program], check=True)


def modules(program: str) -> int:
    """Return how many modules are loaded after a program."""
    count = f"{program}\nimport sys; print(len(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", count], check=True, capture_output=True, text=True
    )
    return int(found.stdout)


def main() -> None:
    """Measure in turns, print the medians, and write the table if asked to."""
    options = _measure.parser(__doc__, "one round").parse_args()
    runs = {name: starting(program) for name, program in PROGRAMS.items()}
    medians = _measure.medians(_measure.in_turns(runs, 1 if options.quick else 11))
    table = _measure.Table(("program", "ms beyond `pass`", "modules"), options=options)
    for name, program in PROGRAMS.items():
        extra = 1e3 * (medians[name] - medians["pass"])
        table.row((f"`{name}`", f"{extra:.0f}", modules(program)))
    table.write(options.out)


if __name__ == "__main__":
    main()
