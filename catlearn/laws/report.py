"""Reports: what a check of laws found, as text, as an error, and drawn.

A law has *passed* if it held for every example, is *broken* if there is a counterexample, and
was *not tested* if no example satisfied its sorts (or every comparison came out unknown): that
is never counted as passed.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catlearn.category import Presentation
from catlearn.display import Displayed, html_table, renderer_of
from catlearn.errors import Failure, InvalidStructure
from catlearn.laws.law import Comparison, Law, shown


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
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.law.name} fails at {self.where}>"


@dataclass(frozen=True, eq=False)
class Outcome:
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
    """

    law: Law
    examples: int
    undecided: int = 0
    counterexample: Counterexample | None = None

    @property
    def verdict(self) -> str:
        """``"passed"``, ``"broken"`` or ``"not tested"``."""
        if self.counterexample is not None:
            return "broken"
        return "passed" if self.examples else "not tested"

    def __str__(self) -> str:
        count = f"{self.examples} example{'' if self.examples == 1 else 's'}"
        more = f", {self.undecided} undecided" if self.undecided else ""
        return f"{self.law.name}: {self.verdict} ({count}{more})"


@dataclass(frozen=True, eq=False)
class Report(Displayed):
    """What a check found, law by law. It is true if every law passed.

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
        """The names of the laws that no example could test."""
        return self._of("not tested")

    @property
    def examples(self) -> Mapping[str, int]:
        """At how many examples each law was evaluated, by its name."""
        return {one.law.name: one.examples for one in self.outcomes}

    def _of(self, verdict: str) -> tuple[str, ...]:
        return tuple(one.law.name for one in self.outcomes if one.verdict == verdict)

    def __bool__(self) -> bool:
        return not self.failures and not self.untested

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
            failures += [Failure(name, "not tested", why) for name in self.untested]
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
