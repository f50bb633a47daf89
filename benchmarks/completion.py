"""Completion of monoid presentations, beside libsemigroups (C++) and SymPy (Python).

Each program reads the same relations and completes them in shortlex for the same order of the
letters; the numbers of rules and classes must agree, and do for catlearn and libsemigroups, since
reduced complete systems are unique. "category" is the further time in which catlearn lists all
arrows and all their composites. SymPy completes groups only and adds inverses of its own, so its
rules differ; it runs once, in a process of its own that is ended at a time limit.

    python benchmarks/completion.py [--quick] [--limit seconds] [--out table.md]
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import _measure

from catlearn.category import FiniteCategory, Presentation, RewritingSystem, complete

try:
    import libsemigroups_pybind11 as libsemigroups
except ImportError:
    libsemigroups = None

UNITS = [("aA", ""), ("Aa", ""), ("bB", ""), ("Bb", "")]

SYSTEMS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "A4": ("ab", [("aa", ""), ("bbb", ""), ("ab" * 3, "")]),
    "A5": ("ab", [("aa", ""), ("bbb", ""), ("ab" * 5, "")]),
    "Z^2": ("aAbB", [*UNITS, ("ab", "ba")]),
    "PSL(2, 7)": (
        "abc",
        [("aa", ""), ("bc", ""), ("bbb", ""), ("ab" * 7, ""), ("abac" * 4, "")],
    ),
    "SL(2, 7)": (
        "abAB",
        [("a" * 7, ""), ("bb", "ababab"), ("bb", "aaaab" * 4), *UNITS],
    ),
}

COLUMNS = (
    "system",
    "rules",
    "classes",
    "catlearn, ms",
    "category, ms",
    "libsemigroups, ms",
    "sympy, ms",
    "catlearn / libsemigroups",
    "sympy / catlearn",
)

SYMPY = {"A4", "A5", "PSL(2, 7)"}
"""Those that are groups with a relator for each relation of the monoid but b c = 1."""


def ours(letters: str, relations: list[tuple[str, str]]) -> RewritingSystem:
    """Complete with catlearn, from text."""
    texts = [f"{left} = {right or 1}" for left, right in relations]
    return complete(Presentation.monoid(letters, texts))


def theirs(letters: str, relations: list[tuple[str, str]]) -> tuple[int, str]:
    """Complete with libsemigroups; return how many rules and classes there are."""
    assert libsemigroups is not None
    presentation = libsemigroups.Presentation(letters)
    presentation.contains_empty_word(True)
    for left, right in relations:
        libsemigroups.presentation.add_rule(presentation, left, right)
    found = libsemigroups.KnuthBendix(libsemigroups.congruence_kind.twosided, presentation)
    found.run()
    classes = found.number_of_classes()
    infinite = classes == libsemigroups.POSITIVE_INFINITY
    return found.number_of_active_rules(), "infinite" if infinite else str(classes)


def by_sympy(relations: list[tuple[str, str]], answer: Connection) -> None:
    """Complete with SymPy; send whether the system is confluent, and the seconds it took."""
    from sympy.combinatorics.fp_groups import FpGroup
    from sympy.combinatorics.free_groups import free_group

    free, a, b = free_group("a, b")
    letters = {"a": a, "b": b, "c": b**-1}
    relators = []
    for left, _ in relations:
        word = free.identity
        for letter in left:
            word = word * letters[letter]
        if word != free.identity:
            relators.append(word)
    start = time.perf_counter()
    confluent = FpGroup(free, relators).make_confluent()
    answer.send((confluent, time.perf_counter() - start))


def limited(relations: list[tuple[str, str]], limit: float, mine: float) -> tuple[str, str]:
    """Run SymPy in its own process; return what to write of its time, and of its ratio."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=by_sympy, args=(relations, there))
    process.start()
    # The limit counts from when SymPy is imported; that takes a few seconds at most.
    finished = here.poll(limit + 5)
    answer = here.recv() if finished else None
    process.kill()
    process.join()
    if answer is None:
        return f"over {limit:.0f} s", f"> {limit / mine:.0f}"
    confluent, seconds = answer
    if not confluent:
        return f"gave up after {1e3 * seconds:.0f}", f"> {seconds / mine:.0f}"
    return f"{1e3 * seconds:.1f}", f"{seconds / mine:.1f}"


def row(name: str, rounds: int, limit: float) -> list[str]:
    """Measure one system, and return its row of the table."""
    letters, relations = SYSTEMS[name]
    system = ours(letters, relations)
    assert system.is_complete, system.stopped
    automaton = system.automaton
    classes = "infinite" if automaton.loop else str(automaton.count)
    timed: dict[str, Callable[[], object]] = {"catlearn": lambda: ours(letters, relations)}
    if automaton.loop is None:
        timed["category"] = lambda: listed(system)
    if libsemigroups is not None:
        assert theirs(letters, relations) == (len(system), classes)
        timed["libsemigroups"] = lambda: theirs(letters, relations)
    times = _measure.in_turns(timed, rounds)
    found = _measure.medians(times)
    mine, other = found["catlearn"], found.get("libsemigroups")
    sympy, ratio = limited(relations, limit, mine) if name in SYMPY else ("", "")
    of_other = ""
    if other is not None:
        of_other = f"{_measure.ratio(times, 'catlearn', 'libsemigroups').median:.1f}"
    return [
        name,
        str(len(system)),
        classes,
        f"{1e3 * mine:.2f}",
        f"{1e3 * found['category']:.2f}" if "category" in found else "",
        "" if other is None else f"{1e3 * other:.2f}",
        sympy,
        of_other,
        ratio,
    ]


def listed(system: RewritingSystem) -> FiniteCategory:
    """List all arrows and composites, from the rules on."""
    fresh = RewritingSystem(system.graph, system.rules, check=False)
    return fresh.automaton.list_words().category(system.graph)


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    parser = _measure.parser(__doc__, "small systems, 3 rounds")
    parser.add_argument("--limit", type=float, default=20, help="seconds that SymPy may take")
    options = parser.parse_args()
    if libsemigroups is None:
        print("libsemigroups_pybind11 is not installed: its columns are empty")
    else:
        libsemigroups.ReportGuard(False)
    names = ["A4", "A5", "Z^2"] if options.quick else list(SYSTEMS)
    rounds, limit = (3, min(options.limit, 10)) if options.quick else (7, options.limit)
    table = _measure.Table(COLUMNS, options=options)
    for name in names:
        table.row(row(name, rounds, limit))
    table.write(options.out)


if __name__ == "__main__":
    main()
