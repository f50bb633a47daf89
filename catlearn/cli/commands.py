"""The command line: what each command reads, writes and prints."""

from __future__ import annotations

import argparse
import signal
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from catlearn.cli.configuration import (
    NONE,
    OPTIMIZERS,
    SCHEDULES,
    TRANSFORMATIONS,
    plain,
    problem_of,
)
from catlearn.cli.run_folder import say
from catlearn.errors import CatlearnError
from catlearn.files import writable

PROBLEM, INTERRUPTED = 1, 130

_TRAIN = """\
Train a diagram from a JSON file as a TOML file says, and write a run folder: config.toml,
diagram.json, params.safetensors, history.csv and metrics.json. Nothing in a file is executed:
architectures, optimizers, schedules and divergences are names. Everything is checked before
anything runs, and all that is wrong is listed at once.

A folder with a diagram, data and a configuration that trains as it is:

  catlearn example FOLDER"""
_KEYS = """\
A configuration:

  steps = 2000
  batch_size = 64

  [data.digits]
  file = "digits.npz"
  columns = {X = "images", Y = "labels"}
  test = 0.2

  [optimizer]
  name = "adamw"
  learning_rate = {schedule = "cosine_decay", init_value = 1e-3, decay_steps = 2000}

All keys of a configuration; only steps, the file of each data set and the optimizer's name (or
chain) have to be given.

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    Parameters
    ----------
    arguments
        The words after ``catlearn``; by default those of the process.

    Examples
    --------
    >>> main(["check", "no-such-file.json"])
    1
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (CatlearnError, OSError) as error:
        say(f"catlearn: {problem_of(error)}", sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("catlearn: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    from catlearn import __version__

    parser = argparse.ArgumentParser(
        prog="catlearn",
        description="Training regimes as diagrams: composed by colimits, lowered to JAX.",
        epilog="Exit codes: 0 all is well, 1 something is wrong with a diagram or a file, "
        "2 the command was not understood; after a signal, 128 and its number.",
    )
    parser.add_argument("--version", action="version", version=f"catlearn {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="distil a teacher into a small student on real digits",
        description="Knowledge distillation on scikit-learn's digits, end to end: diagrams are "
        "glued, lowered and trained, and everything made is written to a folder.",
    )
    demo.add_argument("-o", "--output", type=Path, default=Path("catlearn-demo"), metavar="DIR",
                      help="the folder to write to (default: %(default)s)")  # fmt: skip
    demo.add_argument("--seeds", type=_positive, default=5, metavar="N",
                      help="how many seeds to repeat over (default: %(default)s)")  # fmt: skip
    demo.add_argument("--steps", type=_positive, default=2000, metavar="N",
                      help="training steps of each model (default: %(default)s)")  # fmt: skip
    demo.set_defaults(run=_demo)

    draw = commands.add_parser(
        "draw",
        help="draw a diagram",
        description="Draw a diagram from a JSON file. The ending of OUT says how: .svg, .tex "
        "(tikz-cd) or .dot (Graphviz).",
    )
    draw.add_argument("file", type=Path, metavar="FILE", help="a diagram in JSON")
    draw.add_argument("-o", "--output", type=Path, required=True, metavar="OUT",
                      help="the picture to write")  # fmt: skip
    draw.add_argument("--whole", action="store_true",
                      help="draw all of a diagram that takes long, not its first part")  # fmt: skip
    draw.set_defaults(run=_draw)

    check = commands.add_parser(
        "check",
        help="say what a file holds and all that is wrong with it",
        description="Load a diagram, check every law, and list its equations.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="a diagram in JSON")
    check.add_argument("--equations", choices=("declared", "all", "irreducible", "basis"),
                       help="which equations to list (default: those of its loss)")  # fmt: skip
    check.set_defaults(run=_check)

    glue = commands.add_parser(
        "glue",
        help="glue two diagrams along what they share",
        description="Glue two diagrams by a pushout: rows of equal name are identified.",
    )
    glue.add_argument("left", type=Path, metavar="A", help="a diagram in JSON")
    glue.add_argument("right", type=Path, metavar="B", help="a diagram in JSON")
    glue.add_argument("-o", "--output", type=Path, required=True, metavar="C",
                      help="the JSON file to write")  # fmt: skip
    glue.add_argument("--along", nargs="+", metavar="NAME",
                      help="identify only these names, or LEFT=RIGHT pairs of names")  # fmt: skip
    glue.set_defaults(run=_glue)

    train = commands.add_parser(
        "train",
        help="train a diagram from files",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_TRAIN,
        epilog=f"{_KEYS}{plain()}\n\n{_names()}",
    )
    train.add_argument("file", type=Path, metavar="DIAGRAM", help="a learning diagram in JSON")
    train.add_argument("--config", type=Path, required=True, metavar="RUN.toml",
                       help="data, optimizer, steps and so on, in TOML")  # fmt: skip
    train.add_argument("--out", "-o", type=Path, metavar="RUN",
                       help="folder to write (default: named as RUN.toml)")  # fmt: skip
    train.add_argument("--resume", action="store_true",
                       help="go on from the checkpoint, if there is one")  # fmt: skip
    train.add_argument("--overwrite", action="store_true",
                       help="replace an older run, and its checkpoint")  # fmt: skip
    train.add_argument("--dry-run", action="store_true",
                       help="check everything, say what would run, and stop")  # fmt: skip
    train.add_argument("--quiet", action="store_true", help="show no progress bar")
    train.set_defaults(run=_train)

    example = commands.add_parser(
        "example",
        help="write a folder that 'train' can train",
        description="Write a diagram with three equations, its data and a configuration with "
        "comments to a folder, and the Python program that made them.",
    )
    example.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    example.set_defaults(run=_example)

    report = commands.add_parser(
        "report",
        help="write a page about a run",
        description="Write one HTML page about a run of 'catlearn train', which needs no network: "
        "diagram, loss, curves, final costs, configuration and versions.",
    )
    report.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    report.add_argument("-o", "--output", type=Path, metavar="OUT.html",
                        help="the page to write (default: report.html in the folder)")  # fmt: skip
    report.set_defaults(run=_report)

    dashboard = commands.add_parser(
        "dashboard",
        help="write a page on which costs and curves are explored",
        description="Write one HTML page, which needs no network, about a circuit or a diagram in "
        "JSON, or about a run: pictures, equations and curves; of circuits tiles, transfers, time "
        "and a roofline, for the sizes, the fast memory and the device that the reader chooses.",
    )
    dashboard.add_argument("file", type=Path, metavar="FILE",
                           help="a circuit or diagram in JSON, or the folder of a run")  # fmt: skip
    dashboard.add_argument("-o", "--output", type=Path, metavar="OUT.html",
                           help="the page to write (default: beside FILE, or in it)")  # fmt: skip
    dashboard.add_argument("--device", metavar="NAME", help="such as H100")
    dashboard.add_argument("--size", type=_size, action="append", default=[], metavar="NAME=N",
                           help="where the size of an axis begins; may be given again")  # fmt: skip
    dashboard.set_defaults(run=_dashboard)
    return parser


def _names() -> str:
    """List what may be named in a configuration."""
    lists = {
        "Optimizers": [*OPTIMIZERS, NONE],
        "In a chain with one of them": TRANSFORMATIONS,
        "Schedules": SCHEDULES,
    }
    return "\n".join(
        textwrap.fill(f"{title}: {', '.join(names)}", 96, subsequent_indent="  ")
        for title, names in lists.items()
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _size(text: str) -> tuple[str, int]:
    name, sign, number = text.rpartition("=")
    if not sign or not name or not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=N, such as q=4096")
    return name, int(number)


def _demo(options: argparse.Namespace) -> int:
    from catlearn.cli.demo import demo

    demo(options.output, seeds=options.seeds, steps=options.steps)
    return 0


def _draw(options: argparse.Namespace) -> int:
    from catlearn.drawing import draw
    from catlearn.formats import load

    draw(load(options.file), whole=options.whole).save(options.output)
    say(f"wrote {options.output}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from catlearn.formats import load
    from catlearn.learning import LearningDiagram

    value = load(options.file)
    say(f"{options.file}: {value!r}\n\n{value}")
    if isinstance(value, LearningDiagram):
        selection = value.select(options.equations)
        _list("equations", [str(term) for term in selection.terms])
        _list("untrainable", [str(term) for term in selection.untrainable])
    return 0


def _list(title: str, lines: list[str]) -> None:
    say("\n".join([f"\n{title}: {len(lines)}", *(f"  {line}" for line in lines)]))


def _glue(options: argparse.Namespace) -> int:
    from catlearn.formats import load, save
    from catlearn.learning import glue

    along = options.along
    if along is not None:
        pairs = (name.partition("=") for name in along)
        along = {left: right or left for left, _, right in pairs}
    whole = glue(load(options.left), load(options.right), along=along)
    save(whole, options.output)
    say(f"wrote {options.output}: {whole!r}")
    _list("emergent equations", [str(term) for term in whole.emergent])
    return 0


def _train(options: argparse.Namespace) -> int:
    from catlearn.cli.running import DIVERGED, INTERRUPTED as STOPPED, UNSAVED, train

    status = train(
        options.file,
        options.config,
        options.out,
        resume=options.resume,
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        progress=not options.quiet,
    )
    if status.startswith(f"{STOPPED} by "):
        return 128 + signal.Signals[status.removeprefix(f"{STOPPED} by ")]
    return {DIVERGED: PROBLEM, UNSAVED: PROBLEM, STOPPED: INTERRUPTED}.get(status, 0)


def _example(options: argparse.Namespace) -> int:
    from catlearn.cli.example import write

    folder = options.folder
    if problem := writable(folder):
        raise CatlearnError(problem)
    for path in write(folder):
        say(f"wrote {path}")
    say(
        "\nNow:\n"
        f"  catlearn train {folder / 'diagram.json'} --config {folder / 'run.toml'} "
        f"--out {folder / 'run'}\n"
        f"  catlearn report {folder / 'run'}"
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from catlearn.cli.run_folder import report

    say(f"wrote {report(options.folder, options.output)}")
    return 0


def _dashboard(options: argparse.Namespace) -> int:
    from catlearn.cli.run_folder import charts_of, load_run, loss_of
    from catlearn.dashboards import dashboard
    from catlearn.formats import load

    file, charts = options.file, []
    if file.is_dir():
        run = load_run(file)
        value, charts = loss_of(run) or run.diagram, charts_of(run)
        output, title = file / "dashboard.html", file.resolve().name
    else:
        value, output, title = load(file), file.with_suffix(".html"), file.stem
    page = dashboard(
        value, device=options.device, sizes=dict(options.size), charts=charts, title=title
    )
    say(f"wrote {page.save(options.output or output)}")
    return 0
