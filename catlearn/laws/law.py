r"""Laws as values: a name, a statement, variables with their sorts, and a way to evaluate it.

A law such as :math:`(f ; g) ; h = f ; (g ; h)` quantifies over variables, each of a *sort*. A
sort may depend on variables before it, as ``"arrow after f"`` does: then values fit together by
construction and none has to be thrown away. To check a law of a structure at some values is to
evaluate both sides and compare them; the :class:`Comparison` keeps the sides, and the picture
of the instance, a presentation whose equation says what should hold.

>>> from catlearn.category import Paths
>>> from catlearn.category import Path
>>> unit = Law(
...     "left unit",
...     r"\mathrm{id} ; f = f",
...     {"f": "arrow"},
...     lambda C, f: compare(C.compose(C.identity(C.ends(f)[0]), f), f, "id >> f", "f"),
... )
>>> print(unit.check(Paths(), f=Path("A", ("x", "y"), "B")))
id >> f = x >> y, f = x >> y: equal
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from catlearn.category import Graph, Path, Presentation, Verdict
from catlearn.display import Legible
from catlearn.errors import UnknownName, bounded, expect_known

LONGEST = 18
"""The longest text of a value that a picture shows beside a variable's name."""


@dataclass(frozen=True, init=False)
class Comparison(Legible):
    """Both sides of a law at some values, and whether they are related as they should be.

    Parameters
    ----------
    lhs, rhs
        The values of the sides.
    equal
        Whether the law holds here; None if that could not be decided.
    left, right
        How the law writes its sides.
    relation
        What should stand between them, such as ``"="`` or ``"≤"``.
    diagram
        The instance as a presentation that draws itself, or a function that makes it when it is
        asked for; None where it has no picture.
    """

    lhs: Any
    rhs: Any
    equal: bool | None
    left: str
    right: str
    relation: str

    def __init__(
        self,
        lhs: Any,
        rhs: Any,
        equal: bool | None,
        left: str = "left side",
        right: str = "right side",
        relation: str = "=",
        diagram: Presentation | Callable[[], Presentation] | None = None,
    ) -> None:
        fields = {"lhs": lhs, "rhs": rhs, "equal": equal, "left": left, "right": right}
        self.__dict__.update(fields, relation=relation, _diagram=diagram)

    @cached_property
    def diagram(self) -> Presentation | None:
        """The instance as a presentation; None where it has no picture."""
        drawn = self.__dict__["_diagram"]
        return drawn if drawn is None or isinstance(drawn, Presentation) else drawn()

    @property
    def difference(self) -> str:
        """Where the sides differ, if they should be equal and are matrices, lists or functions."""
        return difference(self.lhs, self.rhs) if self.relation == "=" else ""

    def __bool__(self) -> bool:
        return bool(self.equal)

    def __str__(self) -> str:
        answer = {True: "equal", False: "not equal", None: "not known"}[self.equal]
        if self.relation != "=":
            answer = {True: "holds", False: "fails", None: "not known"}[self.equal]
        lhs, rhs = shown(self.lhs), shown(self.rhs)
        where = self.difference if self.equal is False else ""
        return f"{self.left} = {lhs}, {self.right} = {rhs}: {answer}{where and f' ({where})'}"


def compare(
    lhs: Any,
    rhs: Any,
    left: str = "left side",
    right: str = "right side",
    *,
    by: Callable[[Any, Any], Any] | None = None,
    relation: str = "=",
    diagram: Presentation | None = None,
) -> Comparison:
    """Return the comparison of two sides.

    Parameters
    ----------
    lhs, rhs, left, right, relation, diagram
        As for :class:`Comparison`.
    by
        Whether two values are related; may answer with a truth value or with a verdict. By
        default whether they are equal; arrays are if their shapes and all entries are.

    Examples
    --------
    >>> compare(2, 3, by=lambda x, y: x <= y, relation="≤").equal
    True
    >>> print(compare([[1, 2], [3, 4]], [[1, 2], [5, 4]], "A", "B"))
    A = [[1, 2], [3, 4]], B = [[1, 2], [5, 4]]: not equal (they differ at [1, 0]: 3 and 5)
    """
    with bounded("a side of this law"):
        answer = truth((by or identical)(lhs, rhs))
    return Comparison(lhs, rhs, answer, left, right, relation, diagram)


def identical(one: Any, other: Any) -> Any:
    """Whether two values are equal, arrays by shape and entries."""
    if _is_array(one) or _is_array(other):
        return np.shape(one) == np.shape(other) and bool(np.array_equal(one, other))
    if isinstance(one, tuple | list) and type(one) is type(other):
        return len(one) == len(other) and all(map(identical, one, other))
    return one == other


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and bool(getattr(value, "shape", ()))


def difference(one: Any, other: Any) -> str:
    """Say where two matrices, nested lists, or functions differ first; nothing of other values.

    Floats that agree to nine digits are passed over, if others differ more.

    Examples
    --------
    >>> difference([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.5], [3.0, 5.0]])
    'they differ at [0, 1]: 2.0 and 2.5'
    >>> difference([1, 2], [1, 2, 3]), difference("f", "g")
    ('their lengths are 2 and 3', '')
    """
    where: list[Any] = []
    while True:
        (one, names), (other, _) = _entries(one), _entries(other)
        if _is_array(one) and _is_array(other):
            if one.shape != other.shape:
                return f"their shapes{_at(where)} are {one.shape} and {other.shape}"
            bad = np.argwhere(one != other)
            if one.dtype.kind in "fc" or other.dtype.kind in "fc":
                far = np.argwhere(~np.isclose(one, other, 1e-9, 0, equal_nan=True))
                bad = far if len(far) else bad
            if not len(bad):
                return ""
            place = tuple(bad[0].tolist())
            where += [axis[k] for axis, k in zip(names, place, strict=True)] if names else place
            one, other = one[place], other[place]
            break
        if not isinstance(one, tuple | list) or not isinstance(other, tuple | list):
            break
        if len(one) != len(other):
            return f"their lengths{_at(where)} are {len(one)} and {len(other)}"
        different = (k for k, pair in enumerate(zip(one, other, strict=True)) if not _same(*pair))
        k = next(different, None)
        if k is None:
            return ""
        where.append(k)
        one, other = one[k], other[k]
    return f"they differ{_at(where)}: {shown(one, 60)} and {shown(other, 60)}" if where else ""


def _same(one: Any, other: Any) -> bool:
    return truth(identical(one, other)) is True


def _at(where: Sequence[Any]) -> str:
    return f" at [{', '.join(map(str, where))}]" if where else ""


def _entries(value: Any) -> tuple[Any, tuple[Sequence[Any], ...]]:
    """The array or list that a value is, with names of its rows and columns if it has some."""
    entries = getattr(value, "entries", None)
    if _is_array(entries):
        return np.asarray(entries), (value.rows, value.columns)
    values = getattr(value, "values", None)
    found = values if _is_array(values) else value
    return (np.asarray(found), ()) if _is_array(found) else (found, ())


def truth(answer: Any) -> bool | None:
    """Return an answer as a truth value, None for a verdict that knows neither.

    Examples
    --------
    >>> from catlearn.category import Equal, Unknown
    >>> truth(Equal), truth(False), truth(Unknown)
    (True, False, None)
    """
    if isinstance(answer, Verdict) and not answer.is_known:
        return None
    return bool(answer)


@dataclass(frozen=True, eq=False)
class Law(Legible):
    """A law that a structure may satisfy.

    Parameters
    ----------
    name
        Its short name, such as ``"associativity"``.
    statement
        The law in LaTeX.
    variables
        The sort of each variable, such as ``{"f": "arrow", "g": "arrow after f"}``: the words
        of a sort that are names of variables before it say what it depends on.
    evaluate
        From the structure and a value for each variable, by name, to the comparison of the
        sides. A truth value will do too.
    when
        Whether the law says anything of a structure; where it does not it holds, and is
        reported as not tested. (A schema without equations has none to respect.)
    text
        The law as plain text. A :class:`~catlearn.laws.Signature` makes a law from it.
    typing
        The types of its variables, as text; by default their sorts.
    fits
        Whether values that are drawn have these types; others are not tried.
    """

    name: str
    statement: str
    variables: Mapping[str, str]
    evaluate: Callable[..., Comparison | bool]
    when: Callable[[Any], bool] = lambda structure: True
    text: str = ""
    typing: str = ""
    fits: Callable[..., bool] = lambda structure, **values: True

    def check(self, structure: Any, /, **values: Any) -> Comparison:
        """Evaluate both sides for a structure at some values.

        Parameters
        ----------
        structure
            What the law is about.
        **values
            A value for each variable.

        Raises
        ------
        UnknownName
            If a variable has no value, or a value no variable.
        """
        wrong = [name for name in self.variables if name not in values]
        if wrong:
            raise UnknownName(f"the law of {self.name} needs a value of {', '.join(wrong)}")
        for name in values:
            expect_known(name, self.variables, f"the law of {self.name} has no variable {name}")
        answer = self.evaluate(structure, **values)
        if isinstance(answer, Comparison):
            return answer
        return compare(truth(answer), True, self.name, "what it should be")

    @cached_property
    def sorts(self) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        """For each variable its sort with ``_`` for each variable in it, and these variables.

        Examples
        --------
        >>> Law("", "", {"f": "arrow", "g": "arrow after f"}, compare).sorts["g"]
        ('arrow after _', ('f',))
        """
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for name, sort in self.variables.items():
            words = sort.split()
            before = tuple(word for word in words if word in found)
            found[name] = " ".join("_" if word in found else word for word in words), before
        return found

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.statement}$"

    def __str__(self) -> str:
        typing = self.typing or ", ".join(
            f"{name}: {sort}" for name, sort in self.variables.items()
        )
        text = f": {self.text}" if self.text else ""
        return f"{self.name}{text}" + (f" (for all {typing})" if typing else "")

    def __repr__(self) -> str:
        return f"<law: {self}>"


def shown(value: Any, longest: int = 300) -> str:
    """Return the text of a value, cut if it is very long; never an error of its own.

    Examples
    --------
    >>> shown("f"), shown(1.5), shown(list(range(1000)), longest=12)
    ('f', '1.5', '[0, 1, 2, 3…')
    """
    try:
        text = str(value)
    except Exception as error:
        text = f"<{type(value).__name__}, whose text raises {type(error).__name__}>"
    return text if len(text) < longest else f"{text[: longest - 1]}…"


def sketch(
    objects: Mapping[str, Any],
    arrows: Mapping[str, tuple[str, str, Any]],
    law: str,
    left: Sequence[str],
    right: Sequence[str],
) -> Presentation:
    """Return an instance of a law as a presentation, of the shape that the law has.

    Parameters
    ----------
    objects
        The value of each corner.
    arrows
        ``(source, target, value)`` of each arrow.
    law
        What to call the equation.
    left, right
        The arrows of its two sides; no arrow is the identity of the first corner.

    Examples
    --------
    >>> corners = {"A": 1, "B": 2}
    >>> print(sketch(corners, {"f": ("A", "B", "x"), "g": ("A", "B", "y")}, "q", "f", "g"))
    "f = x" : 1 → 2, "g = y" : 1 → 2 | "f = x" = "g = y"
    """
    corner = {name: labelled(name, value) for name, value in objects.items()}
    texts = [shown(value, LONGEST + 1) for value in objects.values()]
    if len(set(texts)) == len(texts) and all(len(text) <= LONGEST for text in texts):
        corner = dict(zip(objects, texts, strict=True))  # they tell themselves apart
    edge = {name: labelled(name, value) for name, (_, _, value) in arrows.items()}
    edges = {edge[name]: (corner[a], corner[b]) for name, (a, b, _) in arrows.items()}
    start = Path.identity(next(iter(corner.values())))
    sides = tuple([edge[name] for name in side] or start for side in (left, right))
    return Presentation(Graph(edges, vertices=corner.values()), {law: sides})  # type: ignore[dict-item]


def labelled(name: str, value: Any) -> str:
    """Return a variable's name, with its value if that is short.

    Examples
    --------
    >>> labelled("f", "swap"), labelled("f", "a very long description of f"), labelled("f", "f")
    ('f = swap', 'f', 'f')
    """
    text = shown(value, LONGEST + 1)
    return name if len(text) > LONGEST or text == name or "\n" in text else f"{name} = {text}"
