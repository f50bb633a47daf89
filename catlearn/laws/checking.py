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

Reports: what a check of laws found, as text, as an error, and drawn.

A law has *passed* if it held for every example, is *broken* if there is a counterexample, and
was *not tested* if no example satisfied its sorts (or every comparison came out unknown): that
is never counted as passed. A law that says nothing of a structure (the equations of a schema that
has none) is not tested either; it holds, so the report may be true.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, seed as seeded, settings
from hypothesis.errors import Flaky, HypothesisException, Unsatisfiable
from hypothesis.strategies import DataObject, SearchStrategy, data

from catlearn.category import Presentation
from catlearn.display import Displayed, Legible, html_table, renderer_of
from catlearn.errors import CatlearnError, Failure, InvalidStructure, expect_known
from catlearn.laws.algebra import (
    cartesian,
    commutative_monoid,
    cospan,
    enriched,
    enriched_functor,
    monoid,
    monoidal,
    monoidal_functor,
    quantale,
    symmetric_monoidal,
)
from catlearn.laws.categories import adjunction, category, functor, natural_transformation
from catlearn.laws.circuits import circuit
from catlearn.laws.cones import colimit, limit
from catlearn.laws.copresheaves import cset, cset_morphism
from catlearn.laws.law import Comparison, Law, shown
from catlearn.laws.losses import loss_functor
from catlearn.laws.signature import Sorts, Spec

SPECS: tuple[Spec, ...] = (
    loss_functor,
    natural_transformation,
    adjunction,
    colimit,
    limit,
    cset_morphism,
    cset,
    enriched_functor,
    enriched,
    quantale,
    monoidal_functor,
    functor,
    cospan,
    circuit,
    cartesian,
    symmetric_monoidal,
    monoidal,
    category,
    commutative_monoid,
    monoid,
)
"""The specs that are tried when none is named, the special before the general."""


class LawsBroken(InvalidStructure):
    """A structure breaks laws, or laws of it could not be tested; lists all of them."""

    headline = "{what} does not satisfy its laws ({count})"


@dataclass(frozen=True, eq=False)
class Counterexample(Displayed):
    """One broken law, at the plainest values that were found.

    Parameters
    ----------
    law
        The law.
    values
        The value of each variable; those that were drawn, if an error came first.
    comparison
        Both sides; None if there was an error.
    error
        What was raised while the values were drawn or the sides were evaluated.
    structure
        What the law was checked of.
    """

    law: Law
    values: Mapping[str, Any]
    comparison: Comparison | None
    error: BaseException | None = None
    structure: Any = None

    @property
    def lhs(self) -> Any:
        """The value of the left side; None if there was an error."""
        return None if self.comparison is None else self.comparison.lhs

    @property
    def rhs(self) -> Any:
        """The value of the right side; None if there was an error."""
        return None if self.comparison is None else self.comparison.rhs

    @property
    def diagram(self) -> Presentation | None:
        """The instance as a presentation, whose equation fails; None where it has no picture."""
        return None if self.comparison is None else self.comparison.diagram

    @property
    def message(self) -> str:
        """What was found and what was expected, in one line."""
        if self.comparison is None:
            return f"{type(self.error).__name__}: {shown(self.error)}"
        one = self.comparison
        sides = f"{one.left} is {shown(one.lhs)}, {one.right} is {shown(one.rhs)}"
        sides += f"; {one.difference}" if one.difference else ""
        return sides if one.relation == "=" else f"{sides}, expected {one.relation}"

    @property
    def where(self) -> str:
        """The values of the variables, in one line."""
        return ", ".join(f"{name} = {shown(value)}" for name, value in self.values.items())

    @property
    def failure(self) -> Failure:
        """The record of it that errors list."""
        return Failure(self.law.name, self.where or "all values", self.message)

    @property
    def svg(self) -> str | None:
        """The picture of the instance."""
        renderer = None if self.diagram is None else renderer_of(type(self.diagram))
        return None if renderer is None else renderer(self.diagram)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = self.svg
        return {"text/plain": str(self), **({"image/svg+xml": picture} if picture else {})}

    def __str__(self) -> str:
        lines = [f"{self.law.name} fails"]
        lines += [f"  {name} = {shown(value)}" for name, value in self.values.items()]
        if self.comparison is None:
            lines.append(f"  raises {self.message}")
        else:
            one = self.comparison
            lines.append(f"  expected {one.left} {one.relation} {one.right}")
            lines += [f"  left side:  {shown(one.lhs)}", f"  right side: {shown(one.rhs)}"]
            lines += [f"  {one.difference}"] if one.difference else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.law.name} fails at {self.where}>"


@dataclass(frozen=True, eq=False)
class Outcome(Legible):
    """What became of one law.

    Parameters
    ----------
    law
        The law.
    examples
        At how many examples its sides were compared.
    undecided
        At how many more the comparison came out unknown.
    counterexample
        Where it fails; None if nowhere.
    vacuous
        Whether the law says nothing of the structure, so that there was nothing to try.
    """

    law: Law
    examples: int
    undecided: int = 0
    counterexample: Counterexample | None = None
    vacuous: bool = False

    @property
    def verdict(self) -> str:
        """``"passed"``, ``"broken"`` or ``"not tested"``."""
        if self.counterexample is not None:
            return "broken"
        return "passed" if self.examples else "not tested"

    def __str__(self) -> str:
        if self.vacuous:
            return f"{self.law.name}: {self.verdict} (there is nothing that it is about)"
        count = f"{self.examples} example{'' if self.examples == 1 else 's'}"
        more = f", {self.undecided} undecided" if self.undecided else ""
        return f"{self.law.name}: {self.verdict} ({count}{more})"


@dataclass(frozen=True, eq=False)
class Report(Displayed):
    """What a check found, law by law. It is true if every law passed or says nothing here.

    Parameters
    ----------
    structure
        What was checked: the structure, or the strategy that it was drawn from.
    name
        What it was checked to be.
    outcomes
        One for each law.
    seed
        With which the same check is run again.
    """

    structure: Any
    name: str
    outcomes: tuple[Outcome, ...] = field(default=())
    seed: int = 0

    @property
    def failures(self) -> tuple[Counterexample, ...]:
        """The counterexample of each broken law."""
        return tuple(one.counterexample for one in self.outcomes if one.counterexample is not None)

    @property
    def passed(self) -> tuple[str, ...]:
        """The names of the laws that passed."""
        return self._of("passed")

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the broken laws."""
        return self._of("broken")

    @property
    def untested(self) -> tuple[str, ...]:
        """The names of the laws that no example could test, the vacuous ones among them."""
        return self._of("not tested")

    @property
    def vacuous(self) -> tuple[str, ...]:
        """The names of the laws that say nothing of the structure, which therefore hold."""
        return tuple(one.law.name for one in self.outcomes if one.vacuous)

    @property
    def _missed(self) -> tuple[str, ...]:
        vacuous = self.vacuous
        return tuple(name for name in self.untested if name not in vacuous)

    @property
    def examples(self) -> Mapping[str, int]:
        """At how many examples each law was evaluated, by its name."""
        return {one.law.name: one.examples for one in self.outcomes}

    def _of(self, verdict: str) -> tuple[str, ...]:
        return tuple(one.law.name for one in self.outcomes if one.verdict == verdict)

    def __bool__(self) -> bool:
        return not self.failures and not self._missed

    def raise_(self, untested: bool = True) -> Report:
        """Raise if a law is broken or was not tested; else return the report.

        Parameters
        ----------
        untested
            Whether a law that was not tested counts as a failure.

        Raises
        ------
        LawsBroken
            Listing each broken law with its counterexample, and each law without an example.
        """
        failures = [one.failure for one in self.failures]
        if untested:
            why = "no example was found; give strategies that draw some"
            failures += [Failure(name, "not tested", why) for name in self._missed]
        if failures:
            cause = next((one.error for one in self.failures if one.error is not None), None)
            raise LawsBroken(f"this {self.name}", failures) from cause
        return self

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        rows = ((one.law.name, str(one.verdict), str(one.examples)) for one in self.outcomes)
        pictures = "".join(
            f"<pre>{html.escape(str(one))}</pre>{one.svg or ''}" for one in self.failures
        )
        return html_table(["law", "", "examples"], rows, self._headline) + pictures

    @property
    def _headline(self) -> str:
        counts = [
            f"{len(names)} {word}"
            for names, word in (
                (self.passed, "passed"),
                (self.broken, "broken"),
                (self.untested, "not tested"),
            )
            if names
        ]
        return f"Laws of a {self.name}: {', '.join(counts) or 'there are none'}"

    def __str__(self) -> str:
        lines = [self._headline, *(f"  {one}" for one in self.outcomes)]
        lines += [f"\n{one}" for one in self.failures]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self._headline}>"


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
    shrink: bool = True,
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
    shrink
        Whether counterexamples are made plain, which takes longer than to find them.
    **given
        Strategies, as the spec describes them in :attr:`Spec.given`; ``objects=`` and
        ``arrows=`` for a category. They may also be given as collections of values.

    Returns
    -------
    Report
        True if every law passed; a law without examples did not, unless it says nothing of
        this structure.

    Raises
    ------
    UnknownName
        If the spec does not take a strategy of this name.
    CatlearnError
        If there is no spec for structures of this kind.
    """
    spec = spec_of(structure, spec)
    _check_given(spec, given)
    outcomes = (
        _outcome(structure, spec, law, given, max_examples, seed, shrink) for law in spec.laws
    )
    return Report(structure, spec.name, tuple(outcomes), seed)


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
    _check_given(spec, given)
    for law in spec.laws:
        methods[f"test_{_identifier(law.name)}"] = _method(
            structure, spec, law, given, max_examples, seed
        )
    return type(f"Test{_identifier(spec.name).title().replace('_', '')}", (), methods)


def _check_given(spec: Spec, given: Mapping[str, Any]) -> None:
    for name in given:
        expect_known(name, spec.given, f"the spec {spec.name} takes no strategy {name}")


def _method(
    structure: Any, spec: Spec, law: Law, given: Mapping[str, Any], max_examples: int, seed: int
) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        outcome = _outcome(structure, spec, law, given, max_examples, seed)
        if outcome.verdict == "not tested":
            why = "no example of it was found"
            if outcome.vacuous:
                why = "there is nothing that it is about"
            raise SkipTest(f"the law of {law.name} is not tested: {why}")
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
    raise CatlearnError(f"say by spec= which laws this {kind} should satisfy; there are: {known}")


def _outcome(
    structure: Any,
    spec: Spec,
    law: Law,
    given: Mapping[str, Any],
    max_examples: int,
    seed: int,
    shrink: bool = True,
) -> Outcome:
    """Run one law, and say what became of it."""
    examples = undecided = aside = 0
    failed = False
    if not isinstance(structure, SearchStrategy) and not law.when(structure):
        return Outcome(law, 0, vacuous=True)
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
        _run(one_example, max_examples, seed, shrink)
    except _Found as found:
        return Outcome(law, examples, undecided, found.counterexample)
    except Unsatisfiable:
        return Outcome(law, 0, undecided)
    except Flaky as flaky:
        # The structure answers differently when it is asked again; that is its failure.
        error = CatlearnError("the structure does not answer the same when it is asked again")
        error.__cause__ = flaky
        counterexample = Counterexample(law, {}, None, error, structure)
        return Outcome(law, examples, undecided, counterexample)
    return Outcome(law, examples, undecided, vacuous=aside > 0 and not examples + undecided)


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
            expect_known(sort, sorts, f"nothing draws a {sort!r}")
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


def _run(
    one_example: Callable[[DataObject], None], max_examples: int, seed: int, shrink: bool
) -> None:
    """Call a function with choices of hypothesis until it raises, then shrink them."""
    run = settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
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
