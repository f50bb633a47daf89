"""Errors a user can meet: one root, and every failure listed at once.

A check never stops at the first fault. It collects :class:`Failure` records, each of which
names the rows, the law and both sides in the user's own names, and construction raises them
together in one :class:`InvalidStructure`.

>>> from catlearn.errors import Failure, InvalidStructure
>>> bad = Failure(law="composition", where="path 'f >> g'", message="f ends at B, g starts at C")
>>> print(InvalidStructure("Graph", [bad]))
Graph is not valid (1 failure):
  - path 'f >> g': f ends at B, g starts at C [composition]
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from catlearn.names import visible


@dataclass(frozen=True)
class Failure:
    """One broken law.

    Parameters
    ----------
    law
        The law's short name, such as ``"naturality"`` or ``"composition"``.
    where
        The rows concerned, in the user's names, such as ``"edge 'encoder'"``.
    message
        What was found, what was expected and, where it helps, what to do.
    """

    law: str
    where: str
    message: str

    def __str__(self) -> str:
        return visible(f"{self.where}: {self.message} [{self.law}]")


class Failures(list[Failure]):
    """All that is wrong, as it is found.

    Examples
    --------
    >>> found = Failures()
    >>> found.add("sign", "-2", "it is negative")
    >>> print(*found)
    -2: it is negative [sign]
    """

    def add(self, law: str, where: str, message: str) -> None:
        """Note one more failure."""
        self.append(Failure(law, where, message))


Asked = ParamSpec("Asked")


def listed(found: Callable[Asked, Iterator[Failure]]) -> Callable[Asked, Failures]:
    """Collect what a check yields, so that it says each failure where it finds it.

    Examples
    --------
    >>> @listed
    ... def negative(*numbers):
    ...     for number in numbers:
    ...         if number < 0:
    ...             yield Failure("sign", str(number), "it is negative")
    >>> print(*negative(1, -2, -3), sep="; ")
    -2: it is negative [sign]; -3: it is negative [sign]
    """

    @wraps(found)
    def collected(*args: Asked.args, **options: Asked.kwargs) -> Failures:
        return Failures(found(*args, **options))

    return collected


class CatlearnError(Exception):
    """Root of every error that catlearn raises on purpose."""

    def __str__(self) -> str:
        return visible(super().__str__())


class InvalidStructure(CatlearnError, ValueError):
    """A structure breaks laws; ``failures`` lists every one of them.

    Parameters
    ----------
    what
        The kind of structure, as the message should call it.
    failures
        All that is wrong with it.
    """

    headline = "{what} is not valid ({count})"

    def __init__(self, what: str, failures: Iterable[Failure]) -> None:
        self.what = what
        self.failures = tuple(failures)
        plural = "failure" if len(self.failures) == 1 else "failures"
        lines = [self.headline.format(what=what, count=f"{len(self.failures)} {plural}") + ":"]
        lines += [f"  - {failure}" for failure in self.failures]
        super().__init__("\n".join(lines))

    def __reduce__(self):
        return type(self), (self.what, self.failures)


def refuse(
    what: str, failures: Iterable[Failure], error: type[InvalidStructure] = InvalidStructure
) -> None:
    """Raise an error that lists all failures, if there are any.

    Parameters
    ----------
    what
        What has the failures, as the message should call it.
    failures
        All of them.
    error
        The class of the error.

    Raises
    ------
    InvalidStructure
        If there is a failure.

    Examples
    --------
    >>> refuse("Graph", [])
    >>> refuse("Graph", [Failure("ends", "edge 'f'", "there is no vertex 'B'")])
    Traceback (most recent call last):
    catlearn.errors.InvalidStructure: Graph is not valid (1 failure):
      - edge 'f': there is no vertex 'B' [ends]
    """
    if found := tuple(failures):
        raise error(what, found)


def fault(
    what: str,
    law: str,
    where: str,
    message: str,
    error: type[InvalidStructure] = InvalidStructure,
) -> InvalidStructure:
    """Return the error of one failure; the arguments are those of the two classes.

    Examples
    --------
    >>> raise fault("Graph", "ends", "edge 'f'", "there is no vertex 'B'")
    Traceback (most recent call last):
    catlearn.errors.InvalidStructure: Graph is not valid (1 failure):
      - edge 'f': there is no vertex 'B' [ends]
    """
    return error(what, [Failure(law, where, message)])


class WrongKind(CatlearnError, TypeError):
    """An argument of another kind than the function takes."""


def expect(value: object, kinds: Any, name: str, wanted: str) -> None:
    """Refuse an argument of another kind.

    Parameters
    ----------
    value
        What was given.
    kinds
        The classes of which it has to be, or an attribute that it has to have.
    name
        What the caller calls the argument.
    wanted
        What it should be, with an example where that helps.

    Raises
    ------
    WrongKind
        If it is something else; bools are no numbers.

    Examples
    --------
    >>> expect(0.01, str, "optimizer", "the name of one")
    Traceback (most recent call last):
    catlearn.errors.WrongKind: optimizer is the name of one; found 0.01, a float
    """
    if isinstance(kinds, str):
        if hasattr(value, kinds):
            return
        kinds = ()
    number = kinds is int or (isinstance(kinds, tuple) and int in kinds and bool not in kinds)
    if isinstance(value, kinds) and not (number and isinstance(value, bool)):
        return
    raise wrong_kind(value, name, wanted)


def expect_each(kinds: Any, wanted: str, /, **given: object) -> None:
    """Refuse each of some arguments, by name, that is of another kind; see :func:`expect`."""
    for name, value in given.items():
        expect(value, kinds, name, wanted)


def expect_dicts(wanted: str, /, **given: object) -> None:
    """Refuse each of some arguments, by name, that is neither a mapping nor None."""
    expect_each((type(None), Mapping), wanted, **given)


def wrong_kind(value: object, name: str, wanted: str) -> WrongKind:
    """Return the error of an argument of another kind; see :func:`expect`."""
    text = " ".join(repr_of(value).split())
    text = text if len(text) <= 60 else text[:59] + "…"
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return WrongKind(f"{name} is {wanted}; found {text}, {article} {kind}")


Given = TypeVar("Given")


def called(function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Refuse calls that lack arguments of a function, or have others, with what it takes.

    Raises
    ------
    WrongKind
        Instead of the TypeError of Python, where a call does not fit.

    Examples
    --------
    >>> class Lowered:
    ...     @called
    ...     def __call__(self, params, *arrays):
    ...         return arrays
    >>> Lowered()()
    Traceback (most recent call last):
    catlearn.errors.WrongKind: Lowered(params, *arrays): missing a required argument: 'params'
    """

    @wraps(function)
    def call(*args: Asked.args, **options: Asked.kwargs) -> Given:
        try:
            return function(*args, **options)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            failed = error
        signature = inspect.signature(function)
        own = [*signature.parameters.values()][1:]
        bare = [one.replace(annotation=one.empty) for one in own]
        shown = signature.replace(parameters=bare, return_annotation=signature.empty)
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            failed = error
        raise WrongKind(f"{type(args[0]).__name__}{shown}: {failed}") from None

    return call


def repr_of(value: object) -> str:
    """Return the ``repr`` of a value that may be anything, also one that has none."""
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that nests too deeply"


class NotComposable(InvalidStructure):
    """Two arrows do not meet, or two paths are not parallel."""

    headline = "{what} does not compose ({count})"


class LabelConflict(InvalidStructure):
    """A colimit identifies rows whose attributes, ends or stored values disagree."""

    headline = "{what} identifies rows that disagree ({count})"


class NotACocone(InvalidStructure):
    """The arrows given to a universal property do not commute with the diagram."""

    headline = "{what} has triangles that do not commute ({count})"


class NotACone(InvalidStructure):
    """The arrows given to a universal property of a limit do not commute with the diagram."""

    headline = "{what} has triangles that do not commute ({count})"


class Undecided(CatlearnError, ValueError):
    """A question without a known answer was used as a yes or a no; the message says why."""


class NoComplement(InvalidStructure):
    """A pushout complement, or a step of rewriting, breaks the gluing conditions."""

    headline = "{what} does not exist ({count})"


class DoesNotExist(InvalidStructure):
    """Something universal that was searched for is not there; the nearest candidates are listed."""

    headline = "{what} does not exist ({count})"


class NotCertified(InvalidStructure):
    """An inequality of costs could not be certified term by term."""

    headline = "{what} could not be certified ({count})"


class PathSyntaxError(CatlearnError, ValueError):
    """A path or an equation whose text cannot be read; the message marks the place."""


class TooLarge(CatlearnError, ValueError):
    """Something that is infinite, or larger than its budget; the message says which, and why."""


DEEPEST = 64
"""How many levels deep a value may nest: products, terms, labels, pictures, brackets in texts.

Whatever walks over a value (writing, comparing, copying, pickling) then stays within the limits of
the interpreter, also where those who call are deep in it already.
"""


def nesting(parts: Iterable[object], what: str) -> int:
    """Return how many levels deep a value nests: one more than its parts, if there are any.

    Their attribute ``depth`` says how deep they nest; those that have none do not nest.

    Raises
    ------
    TooLarge
        If it is more than :data:`DEEPEST`.

    Examples
    --------
    >>> nesting(["a part that does not nest"], "a product")
    1
    """
    depth = max((1 + getattr(part, "depth", 0) for part in parts), default=0)
    if depth > DEEPEST:
        raise TooLarge(f"{what} nests {depth} levels deep, at most {DEEPEST} are taken")
    return depth


@contextlib.contextmanager
def bounded(what: str) -> Iterator[None]:
    """Raise :class:`TooLarge` for what nests deeper than the interpreter can follow.

    For values that are not bounded where they are made: Python's own, definitions by definitions.

    Examples
    --------
    >>> deep = []
    >>> for _ in range(10_000):
    ...     deep = [deep]
    >>> with bounded("this list"):
    ...     deep == [deep] or repr(deep)
    Traceback (most recent call last):
    catlearn.errors.TooLarge: this list nests too deeply
    """
    try:
        yield
    except RecursionError:
        raise TooLarge(f"{what} nests too deeply") from None


class TooManyPaths(CatlearnError, ValueError):
    """A path enumeration is larger than its bound.

    Parameters
    ----------
    message
        What was asked, how many paths there are, and what to do.
    count
        The exact number of paths; None where they are infinitely many.
    """

    def __init__(self, message: str, count: int | None = None) -> None:
        super().__init__(message)
        self.count = count


class InfinitelyManyPaths(TooManyPaths):
    """A path enumeration meets a cycle and no bound on length was given.

    Parameters
    ----------
    message
        What was asked, the cycle that it meets, and what to do.
    cycle
        The edges of one cycle, in order.
    """

    def __init__(self, message: str, cycle: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cycle = cycle


class UnknownName(CatlearnError, KeyError):
    """A name that nothing answers to; the message lists the names there are."""

    def __str__(self) -> str:
        return visible(str(self.args[0])) if self.args else ""


class NoMorphism(CatlearnError, ValueError):
    """A search for a morphism found none."""


class NotUnique(CatlearnError, ValueError):
    """A search that should have had one answer has several.

    Parameters
    ----------
    message
        What was asked, two answers, and what to do.
    answers
        Two of the answers.
    """

    def __init__(self, message: str, answers: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.answers = answers


class DataError(InvalidStructure):
    """A data set or a batch that cannot be used: lengths, shapes, dtypes or values.

    Where it ended a run of training, ``result`` is the result up to that step.
    """

    headline = "{what} cannot be used ({count})"
    result: object = None


class FileFormatError(InvalidStructure):
    """A file that is malformed, truncated, too large, or not what it claims to be."""

    headline = "{what} could not be read ({count})"


class CheckpointMismatch(InvalidStructure):
    """A checkpoint that belongs to another diagram, loss or optimizer."""

    headline = "{what} does not belong here ({count})"


class CheckpointNotWritten(CatlearnError, OSError):
    """The last checkpoint of a run could not be written.

    Parameters
    ----------
    message
        Which file, after which step, why, and what is still there.
    result
        The result of the run.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class TrainingDiverged(CatlearnError, FloatingPointError):
    """Training met a value that is not finite; the last good variables are kept.

    Parameters
    ----------
    message
        Which equation, at which step, and where the last good variables are.
    result
        The result up to the last good step.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


def known_options(what: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that a function does not take.

    Raises
    ------
    WrongKind
        Listing all of them.

    Examples
    --------
    >>> known_options("loss(...)", {"max_lenght": 3}, ["bound", "max_length"])
    Traceback (most recent call last):
    catlearn.errors.WrongKind: loss(...) has no option 'max_lenght'; did you mean max_length?
    """
    known = list(known)
    unknown = [f"{name!r}; {did_you_mean(name, known)}" for name in options if name not in known]
    if unknown:
        raise WrongKind(f"{what} has no option {', no '.join(unknown)}")


def expect_known(name: str, known: Iterable[str], message: str) -> None:
    """Refuse a name that is none of some others.

    Raises
    ------
    UnknownName
        With the message, and the names that come close.

    Examples
    --------
    >>> expect_known("encodr", ["encoder", "head"], "there is no edge encodr")
    Traceback (most recent call last):
    catlearn.errors.UnknownName: there is no edge encodr; did you mean encoder?
    """
    if name not in known:
        raise UnknownName(f"{message}; {did_you_mean(name, known)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: those that come close, or some there are.

    Examples
    --------
    >>> did_you_mean("encodr", ["encoder", "head"])
    'did you mean encoder?'
    >>> did_you_mean("q", ["f", "g"])
    'there are only f, g'

    Sets have no order of their own; their names are sorted.

    >>> did_you_mean("q", {"g", "f"})
    'there are only f, g'
    """
    known = sorted(known, key=str) if isinstance(known, set | frozenset) else known
    name, known = str(name), [str(one) for one in known if one != ""]
    # The comparison takes quadratic time in the lengths, and is for names that a person writes.
    near = (other for other in known if abs(len(other) - len(name)) < 40)
    close = difflib.get_close_matches(name, near, n=3) if len(name) < 200 else []
    if close:
        return f"did you mean {' or '.join(close)}?"
    if not known:
        return "there are none"
    only = "" if len(known) > 8 else "only "
    return f"there are {only}{', '.join(known[:8])}" + ("" if only else ", ...")
