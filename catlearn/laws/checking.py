"""Checking: laws run by hypothesis, shrunken counterexamples, and suites for pytest.

>>> from catlearn.category import FiniteCategory
>>> from catlearn.laws import check
>>> broken = FiniteCategory(
...     ["A"],
...     {"a": ("A", "A"), "b": ("A", "A")},
...     {("a", "a"): "b", ("a", "b"): "a", ("b", "a"): "b", ("b", "b"): "a"},
...     check=False,
... )
>>> report = check(broken)
>>> report.broken
('associativity',)
>>> print(report.failures[0])
associativity fails
  f = a
  g = a
  h = a
  expected (f >> g) >> h = f >> (g >> h)
  left side:  b
  right side: a
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, seed as seeded, settings
from hypothesis.errors import Flaky, HypothesisException, Unsatisfiable
from hypothesis.strategies import DataObject, SearchStrategy, data

from catlearn.errors import CatlearnError, UnknownName, did_you_mean
from catlearn.laws.law import Comparison, Law, Sorts, Spec
from catlearn.laws.report import Counterexample, Outcome, Report

SPECS: list[Spec] = []
"""The specs that are tried, in order, when none is given."""


class _Found(Exception):
    """Carries a counterexample out of hypothesis."""

    def __init__(self, counterexample: Counterexample) -> None:
        super().__init__()
        self.counterexample = counterexample


def check(
    structure: Any,
    spec: Spec | Law | None = None,
    *,
    max_examples: int = 100,
    seed: int = 0,
    **given: Any,
) -> Report:
    """Check the laws of a structure.

    Every law is evaluated at examples that hypothesis draws; a counterexample is shrunken to
    plain values. In one program the same seed gives the same examples, and no example is
    remembered between runs. What the structure itself raises is reported as a failure of the law
    that it was raised in.

    Parameters
    ----------
    structure
        What to check: a category (anything with ``identity``, ``compose`` and ``ends``), a
        functor, a colimit, ...; or a strategy that draws such structures.
    spec
        The laws: a spec, or one law of :attr:`Spec.laws` within it. By default the one for
        values like the structure.
    max_examples
        How many examples of each law to try.
    seed
        Of the random choices.
    **given
        Strategies, as the spec describes them in :attr:`Spec.given`; ``objects=`` and
        ``arrows=`` for a category. They may also be given as collections of values.

    Returns
    -------
    Report
        True if every law passed; a law without examples did not.

    Raises
    ------
    UnknownName
        If the spec does not take a strategy of this name.
    CatlearnError
        If there is no spec for structures of this kind.
    """
    spec = spec_of(structure, spec)
    laws = _laws_for(structure, spec, given)
    outcomes = (_outcome(structure, spec, law, given, max_examples, seed) for law in laws)
    kept = tuple(one for one in outcomes if one is not None)
    return Report(structure, spec.name, kept, seed)


def suite(
    structure: Any,
    spec: Spec | None = None,
    *,
    max_examples: int = 100,
    seed: int = 0,
    **given: Any,
) -> type:
    """Return a class with one test method for each law, for pytest to collect.

    A law without examples is skipped, with a reason.

    Parameters
    ----------
    structure, spec, max_examples, seed, **given
        As for :func:`check`.

    Examples
    --------
    >>> from catlearn.category import Graph, Paths
    >>> from catlearn.laws import category
    >>> G = Graph({"f": ("A", "B"), "g": ("B", "A")})
    >>> TestPaths = suite(Paths(), category, arrows=lambda at: [G.path("f"), G.path("g >> f")])
    >>> [name for name in vars(TestPaths) if name.startswith("test")][-1]
    'test_associativity'
    """
    spec = spec_of(structure, spec)
    methods: dict[str, Any] = {"__doc__": f"The laws of a {spec.name}."}
    for law in _laws_for(structure, spec, given):
        methods[f"test_{_identifier(law.name)}"] = _method(
            structure, spec, law, given, max_examples, seed
        )
    return type(f"Test{_identifier(spec.name).title().replace('_', '')}", (), methods)


def _laws_for(structure: Any, spec: Spec, given: Mapping[str, Any]) -> list[Law]:
    """Return the laws that say something of a structure; all of them if it is yet to be drawn."""
    for name in given:
        if name not in spec.given:
            hint = did_you_mean(name, spec.given)
            raise UnknownName(f"the spec {spec.name} takes no strategy {name}; {hint}")
    drawn = isinstance(structure, SearchStrategy)
    return [law for law in spec.laws if drawn or law.when(structure)]


def _method(
    structure: Any, spec: Spec, law: Law, given: Mapping[str, Any], max_examples: int, seed: int
) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        outcome = _outcome(structure, spec, law, given, max_examples, seed)
        if outcome is None or outcome.verdict == "not tested":
            raise SkipTest(f"not tested: no example of the law of {law.name} was found")
        Report(structure, spec.name, (outcome,), seed).raise_()

    test.__doc__ = f"{law.name}: {law.statement}"
    return test


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


def spec_of(structure: Any, spec: Spec | Law | None = None) -> Spec:
    """Return the spec that is given, or the first that accepts the structure.

    Raises
    ------
    CatlearnError
        If none does.
    """
    if isinstance(spec, Law):
        homes = [one for one in SPECS if spec in one.laws]
        if not homes:
            raise CatlearnError(f"no spec has the law {spec.name}; give the spec, with only()")
        return homes[0].only(spec.name)
    if spec is not None:
        return spec
    for one in SPECS:
        if not isinstance(structure, SearchStrategy) and one.accepts(structure):
            return one
    known = ", ".join(one.name for one in SPECS)
    kind = type(structure).__name__
    raise CatlearnError(f"say which laws a {kind} should satisfy, spec=; there are: {known}")


def _outcome(
    structure: Any, spec: Spec, law: Law, given: Mapping[str, Any], max_examples: int, seed: int
) -> Outcome | None:
    """Run one law, and say what became of it; None if it says nothing of what was drawn."""
    examples = undecided = aside = 0
    failed = False
    sorts: list[Sorts] = []  # those of a fixed structure, made once

    def sorts_of(drawn: Any) -> Sorts:
        if drawn is not structure:
            return spec.sorts(drawn, given)
        if not sorts:
            sorts.append(spec.sorts(drawn, given))
        return sorts[0]

    def one_example(choices: DataObject) -> None:
        nonlocal failed, examples, undecided, aside
        tried = _try(choices, structure, law, sorts_of)
        if tried is None:
            aside += 1
            return
        if not failed:  # what comes after is shrinking
            unknown = not isinstance(tried, Counterexample) and tried.equal is None
            undecided, examples = undecided + unknown, examples + (not unknown)
        if isinstance(tried, Counterexample):
            failed = True
            raise _Found(tried) from tried.error

    try:
        _run(one_example, max_examples, seed)
    except _Found as found:
        return Outcome(law, examples, undecided, found.counterexample)
    except Unsatisfiable:
        return Outcome(law, 0, undecided)
    except Flaky as flaky:
        # The structure answers differently when it is asked again; that is its failure.
        message = "the structure does not answer the same when it is asked again"
        error = CatlearnError(message)
        error.__cause__ = flaky
        counterexample = Counterexample(law, {}, None, error, structure)
        return Outcome(law, examples, undecided, counterexample)
    return Outcome(law, examples, undecided) if examples or undecided or not aside else None


def _try(
    choices: DataObject, structure: Any, law: Law, sorts_of: Callable[[Any], Sorts]
) -> Comparison | Counterexample | None:
    """Draw values for the variables and compare the sides, if the law is about them."""
    values: dict[str, Any] = {}
    drawn = structure
    try:
        if isinstance(structure, SearchStrategy):
            drawn = choices.draw(structure)
            if not law.when(drawn):
                return None
        sorts = sorts_of(drawn)
        for name, (sort, before) in law.sorts.items():
            if sort not in sorts:
                raise UnknownName(f"nothing draws a {sort!r}; {did_you_mean(sort, sorts)}")
            values[name] = choices.draw(sorts[sort](*(values[other] for other in before)))
        assume(law.fits(drawn, **values))
        comparison = law.check(drawn, **values)
    except HypothesisException:
        raise
    except Exception as error:
        return Counterexample(law, values, None, error, drawn)
    if comparison.equal is False:
        return Counterexample(law, values, comparison, None, drawn)
    return comparison


def _run(one_example: Callable[[DataObject], None], max_examples: int, seed: int) -> None:
    """Call a function with choices of hypothesis until it raises, then shrink them."""
    run = settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]
        verbosity=Verbosity.quiet,
    )
    seeded(seed)(run(given(choices=data())(_named(one_example))))()


def _named(one_example: Callable[[DataObject], None]) -> Callable[..., None]:
    def law(choices: DataObject) -> None:
        one_example(choices)

    return law
