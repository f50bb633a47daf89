"""What ``import catlearn`` costs beyond starting Python, in milliseconds and modules.

python benchmarks/imports.py [--quick] [--out table.md]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = {
    "pass": "pass",
    "import catlearn": "import catlearn",
    "import catlearn; catlearn.FinSet": "import catlearn; catlearn.FinSet",
    "import catlearn; catlearn.LearningDiagram": "import catlearn; catlearn.LearningDiagram",
    "import catlearn; catlearn.lower": "import catlearn; catlearn.lower",
    "import numpy": "import numpy",
    "import jax": "import jax",
}


def seconds(program: str) -> float:
    """Return how long a fresh interpreter takes to run a program."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start


def modules(program: str) -> int:
    """Return how many modules are loaded after a program."""
    count = f"{program}\nimport sys; print(len(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", count], check=True, capture_output=True, text=True
    )
    return int(found.stdout)


def main() -> None:
    """Measure in turns, print the medians, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(3 if options.quick else 11):
        for name, program in PROGRAMS.items():
            times[name].append(seconds(program))
    medians = {name: statistics.median(found) for name, found in times.items()}
    lines = ["| program | ms beyond `pass` | modules |", "|---|---|---|"]
    for name, program in PROGRAMS.items():
        extra = 1e3 * (medians[name] - medians["pass"])
        lines.append(f"| `{name}` | {extra:.0f} | {modules(program)} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
