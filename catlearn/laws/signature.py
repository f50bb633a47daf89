r"""Signatures, what the texts of laws are about; and specs, laws that belong together.

A *signature* names categories, operations with their types, and relations. A law over it is text
with a typing, ``(f >> g) >> h = f >> (g >> h)`` for ``f: A -> B, g: B -> C, h: C -> D``, and is
typed when it is made: operations fit what they are applied to, and composites meet; from it come
its check, LaTeX and picture. A *spec* is laws over a signature, with what draws values. (Cartmell,
"Generalised algebraic theories and contextual categories", 1986; GATlab does so in Julia.) To
check it, both sides are evaluated and related. :mod:`catlearn.category.terms` has the grammar.

>>> duals = Signature(
...     {"X": lambda X: X}, {"dual(A: object): object": lambda X, A: X.dual(A)}
... )
>>> law = duals.law("involution", "dual(dual(A)) = A", "A: object")
>>> print(law, "|", law.statement)
involution: dual(dual(A)) = A (for all A: object) | \mathrm{dual}(\mathrm{dual}(A)) = A
>>> duals.law("nonsense", "dual(f) = f", "f: A -> B")
Traceback (most recent call last):
    ...
catlearn.laws.signature.IllTyped: the law of nonsense is not well typed (1 failure):
  - dual(f): dual takes (A: object), not (f: A -> B) [typing]
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import pairwise
from typing import Any, NamedTuple

from catlearn.category import Presentation
from catlearn.category.protocol import DecidesEquality, Typed
from catlearn.category.terms import (
    APPLY,
    ARROW,
    FAMILY,
    SIGNS,
    Expr,
    read_operation,
    read_statement,
    read_typing,
)
from catlearn.display import Legible
from catlearn.errors import Failure, NotComposable, UnknownName, did_you_mean, expect_known
from catlearn.laws.law import Comparison, Law, identical, sketch, truth

STRUCTURE, OBJECT, ANY, ELEMENT = "", "object", "any", Expr("element")

Values = dict[str, Any]
"""Of variables by name, of the structure at ``STRUCTURE``, and of a category C at ``in C``."""


def ends(category: Any, arrow: Any) -> tuple[Any, Any]:
    """Return the domain and the codomain of an arrow."""
    if hasattr(category, "ends"):
        return category.ends(arrow)
    return arrow.domain, arrow.codomain


def same(category: Any, one: Any, other: Any) -> bool:
    """Whether arrows into one object meet arrows out of the other."""
    return category.same(one, other) if isinstance(category, Typed) else identical(one, other)


def equal(category: Any, one: Any, other: Any) -> Any:
    """Whether two arrows are equal; arrows whose ends differ are not."""
    if not isinstance(category, DecidesEquality):
        return identical(one, other)
    pairs = zip(ends(category, one), ends(category, other), strict=True)
    return all(same(category, a, b) for a, b in pairs) and category.equal(one, other)


class IllTyped(NotComposable):
    """In the text of a law an operation does not fit its arguments, or arrows do not meet."""

    headline = "{what} is not well typed ({count})"


class TypedExpr(NamedTuple):
    """The type of a term, and how it is evaluated."""

    type: Expr
    value: Callable[[Values], Any]


class _Operation(NamedTuple):
    parameters: Mapping[str, Expr]
    free: set[str]
    type: Expr
    function: Callable[..., Any]


class Signature:
    """What the texts of some laws are about.

    Parameters
    ----------
    categories
        For each category by its name how a structure has it; the first is that of arrows and
        objects whose type names none.
    operations
        For each operation with its type, such as ``"F(f: A -> B): F(A) -> F(B) in D"``, the
        function that does it, of the structure and the arguments. One name may have several types,
        and parameters may be objects or arrows ``in any`` category.
    relations
        Further relations by their sign, functions of the structure and both sides; also ``"="``
        for what is neither object nor arrow, where that is not ``==``.
    indices
        For each index of families how many places it has, for a structure.
    compose
        The sign for composition.
    alias
        Words for types, such as ``{"element": '"•" -> "•"'}``.
    strict
        An associative operation on objects, and its unit: ends are compared up to them.
    latex
        How heads are set, as in :meth:`catlearn.category.terms.Expr.latex`.
    picture
        From the values at an instance to its picture, instead of the derived one.
    extends
        A signature that this one adds to.
    """

    def __init__(
        self,
        categories: Mapping[str, Callable[[Any], Any]] | None = None,
        operations: Mapping[str, Callable[..., Any]] | None = None,
        relations: Mapping[str, Callable[[Any, Any, Any], Any]] | None = None,
        *,
        indices: Mapping[str, Callable[[Any], int]] | None = None,
        compose: str = ">>",
        alias: Mapping[str, str] | None = None,
        strict: tuple[str, str] | None = None,
        latex: Mapping[str, str] | None = None,
        picture: Callable[[Values], Any] | None = None,
        extends: Signature | None = None,
    ) -> None:
        old = extends
        self.categories = {**(old.categories if old else {}), **(categories or {})}
        read = {SIGNS.get(sign, sign): relation for sign, relation in (relations or {}).items()}
        self.relations = {**(old.relations if old else {}), **read}
        self.indices = {**(old.indices if old else {}), **(indices or {})}
        self.latex = {**(old.latex if old else {}), **(latex or {})}
        self.compose, self.strict = compose, strict or (old.strict if old else None)
        self.picture = picture
        self.operations = {name: list(some) for name, some in old.operations.items()} if old else {}
        self.alias = dict(old.alias) if old else {}
        for word, text in (alias or {}).items():
            self.alias[Expr(word)] = self.normal(read_typing(f"x: {text}")["x"])
        for text, function in (operations or {}).items():
            name, parameters, kind = read_operation(text)
            typing = {one: self.normal(type_) for one, type_ in parameters.items()}
            bound = {end.head for type_ in typing.values() for end in _open_ends(type_)}
            free = {*typing, f"in {ANY}"} | {one for one in bound if one not in self.operations}
            made = _Operation(typing, free, self.normal(kind), function)
            self.operations.setdefault(name, []).append(made)

    def law(
        self,
        name: str,
        text: str,
        typing: str = "",
        when: Callable[[Any], bool] = lambda structure: True,
    ) -> Law:
        """Return a law that is written as text.

        Parameters
        ----------
        name
            Its name.
        text
            What it says.
        typing
            What its variables are, in the order in which they are drawn. An arrow whose source
            is the target of one before it is drawn after that; the others as the spec draws
            arrows, and values that do not fit their types are not tried.
        when
            Whether it says anything of a structure, as for :class:`Law`.

        Raises
        ------
        PathSyntaxError
            If a text cannot be read.
        UnknownName
            If there is no such operation, index, relation or category.
        NotComposable
            If an operation does not fit what it is applied to, or two arrows do not meet.

        Examples
        --------
        >>> from catlearn.laws import category, check
        >>> squares = category.signature.law("idempotence", "f >> f = f", "f: A -> A")
        >>> check(type("Max", (), {
        ...     "objects": "*", "arrows": (0, 1, 2), "identity": lambda C, at: 0,
        ...     "compose": lambda C, f, g: max(f, g), "ends": lambda C, f: "**",
        ... })(), category.extended(squares)).broken
        ()
        """
        made = _TextLaw(self, name, text, typing)
        latex = made.statement.latex(self.latex)
        return Law(
            name, latex, made.variables, made.evaluate, when, str(made.statement), typing, made.fits
        )

    # ------------------------------------------------------------ types

    def normal(self, kind: Expr) -> Expr:
        """Return the normal form of a type: with its category, and ends in normal form."""
        if kind in self.alias:
            return self.alias[kind]
        sort, _, category = kind.head.partition(" in ")
        if sort == OBJECT:
            return Expr(OBJECT, kind.arguments or (self._category(category),))
        if kind.head == ARROW:
            source, target, *named = kind.arguments
            category = self._category(*(one.head for one in named))
            return Expr(ARROW, (self.flat(source), self.flat(target), category))
        if kind.head == FAMILY:
            body, *bound, index = kind.arguments
            self._count(index)
            each = {one.head: _each(index) for one in bound}
            return Expr(FAMILY, (self.normal(body.substituted(each)), index))
        return kind

    def _category(self, name: str = "") -> Expr:
        name = name.removeprefix("in ") or next(iter(self.categories), "")
        if name not in (*self.categories, ANY):
            hint = did_you_mean(name, self.categories)
            raise UnknownName(f"the signature has no category {name}; {hint}")
        return Expr(f"in {name}")

    def _count(self, index: Expr) -> Callable[[Any], int]:
        expect_known(index.head, self.indices, f"the signature has no index {index}")
        return self.indices[index.head]

    def flat(self, end: Expr) -> Expr:
        """Return the normal form of an object: strict products bracketed to the left, no units."""
        if self.strict is None or not end.arguments:
            return end
        product, unit = self.strict
        parts = [self.flat(one) for one in end.arguments]
        if end.head != product:
            return Expr(end.head, tuple(parts))
        factors = [one for part in parts for one in _factors(part, product) if one.head != unit]
        return reduce(lambda a, b: Expr(product, (a, b)), factors or [Expr(unit)])

    # ------------------------------------------------------------ terms

    def typed(self, term: Expr, scope: Mapping[str, TypedExpr]) -> TypedExpr:
        """Return the type of a term, and how it is evaluated; raises as :meth:`law` does."""
        if term.head == FAMILY:
            return self._family(term, scope)
        if term.head == APPLY:
            return self._applied(term, term.arguments[0], term.arguments[1:], scope)
        if term.head in scope:
            if term.arguments:
                return self._applied(term, Expr(term.head), term.arguments, scope)
            return scope[term.head]
        arguments = [self.typed(one, scope) for one in term.arguments]
        heads = [one.type.head for one in arguments]
        if term.head == self.compose and heads == [ARROW, ARROW]:
            return self._composite(term, *arguments)
        if term.head == "id" and heads == [OBJECT]:
            return self._identity(term, *arguments)
        return self._operated(term, arguments, scope)

    def _family(self, term: Expr, scope: Mapping[str, TypedExpr]) -> TypedExpr:
        body, bound, index = term.arguments
        name, count = bound.head, self._count(index)
        one = self.typed(body, {**scope, name: TypedExpr(index, operator.itemgetter(name))})
        kind = Expr(FAMILY, (one.type.substituted({name: _each(index)}), index))
        return TypedExpr(
            kind, lambda v: tuple(one.value({**v, name: k}) for k in range(count(v[STRUCTURE])))
        )

    def _applied(
        self,
        term: Expr,
        function: Expr,
        arguments: tuple[Expr, ...],
        scope: Mapping[str, TypedExpr],
    ) -> TypedExpr:
        """A member of a family, or the value of an arrow at an element, arrow by arrow."""
        (kind, value), at = self.typed(function, scope), self.typed(arguments[0], scope).value
        if kind.head not in (FAMILY, ARROW) or len(arguments) != 1:
            raise _ill_typed(term, f"{function} is neither a family nor an arrow")
        if kind.head == FAMILY:
            member = kind.arguments[0].substituted({_each(kind.arguments[1]).head: arguments[0]})
            return TypedExpr(member, lambda v: value(v)[at(v)])
        if function.head == self.compose:
            first, then = function.arguments
            return self._applied(term, then, (Expr(APPLY, (first, arguments[0])),), scope)
        category = kind.arguments[2].head
        return TypedExpr(ELEMENT, lambda v: v[category].apply(value(v), at(v)))

    def _composite(self, term: Expr, first: TypedExpr, then: TypedExpr) -> TypedExpr:
        (source, middle, here), (start, target, there) = first.type.arguments, then.type.arguments
        if here != there or middle != start:
            raise _ill_typed(term, f"{_shown(first.type)} does not meet {_shown(then.type)}")
        category, f, g = here.head, first.value, then.value
        kind = Expr(ARROW, (source, target, here))
        return TypedExpr(kind, lambda v: v[category].compose(f(v), g(v)))

    def _identity(self, term: Expr, at: TypedExpr) -> TypedExpr:
        end, category, value = self.flat(term.arguments[0]), at.type.arguments[0], at.value
        kind = Expr(ARROW, (end, end, category))
        return TypedExpr(kind, lambda v: v[category.head].identity(value(v)))

    def _operated(
        self, term: Expr, given: list[TypedExpr], scope: Mapping[str, TypedExpr]
    ) -> TypedExpr:
        name = term.head
        if name not in self.operations:
            hint = did_you_mean(name, [*scope, *self.operations])
            raise UnknownName(f"the signature has no operation {name}; {hint}")
        values = [one.value for one in given]
        for one in self.operations[name]:
            found = dict(zip(one.parameters, map(self.flat, term.arguments), strict=False))
            if len(given) == len(one.parameters) and all(
                argument.type.matched(pattern, one.free, found)
                for argument, pattern in zip(given, one.parameters.values(), strict=True)
            ):
                kind = self.normal(one.type.substituted(found))
                return TypedExpr(kind, _call(one.function, values, f"value of {term}"))
        takes = " or ".join(_typing(one.parameters) for one in self.operations[name])
        types = {str(a): one.type for a, one in zip(term.arguments, given, strict=True)}
        raise _ill_typed(term, f"{name} takes {takes}, not {_typing(types)}")


def _call(
    function: Callable[..., Any], values: list[Callable[[Values], Any]], key: str
) -> Callable[[Values], Any]:
    """Evaluate an operation, once where the same term occurs several times in a law."""

    def call(v: Values) -> Any:
        if key not in v:
            v[key] = function(v[STRUCTURE], *[value(v) for value in values])
        return v[key]

    return call


def _each(index: Expr) -> Expr:
    """The name that types of families have for any place of an index."""
    return Expr(f"each of {index}")


def _factors(term: Expr, product: str) -> list[Expr]:
    if term.head != product:
        return [term]
    return [one for part in term.arguments for one in _factors(part, product)]


def _open_ends(kind: Expr) -> list[Expr]:
    """Return the names at the ends of arrows in a type, which a match may bind."""
    if kind.head == FAMILY:
        return _open_ends(kind.arguments[0])
    leaves = list(kind.arguments[:2]) if kind.head == ARROW else []
    while any(one.arguments for one in leaves):
        leaves = [part for one in leaves for part in one.arguments or [one]]
    return [one for one in leaves if not one.head.startswith("each of ")]


def _ill_typed(term: Expr, message: str) -> IllTyped:
    return IllTyped(f"the term {term}", [Failure("typing", str(term), message)])


def _shown(kind: Expr) -> str:
    if kind.head in (OBJECT, ARROW):  # the category is told apart only where there are several
        return f"{kind.arguments[0]} -> {kind.arguments[1]}" if kind.head == ARROW else OBJECT
    return str(kind)


def _typing(types: Mapping[str, Expr]) -> str:
    return f"({', '.join(f'{name}: {_shown(kind)}' for name, kind in types.items())})"


# ---------------------------------------------------------------- laws


class _Side(NamedTuple):
    text: str
    term: Expr
    type: Expr
    value: Callable[[Values], Any]


class _TextLaw:
    """A law that is text: how its variables are drawn, how it is evaluated, its picture."""

    def __init__(self, signature: Signature, name: str, text: str, typing: str) -> None:
        self.signature, self.name = signature, name
        self.statement = read_statement(text)
        self.scope: dict[str, TypedExpr] = {}
        self.variables: dict[str, str] = {}
        self.conditions: list[Callable[[Values], bool]] = []
        try:
            for variable, kind in read_typing(typing).items():
                self._declare(variable, kind)
            sides = [_Side(str(one), one, *self._typed(one)) for one in self.statement.sides]
            pairs = zip(self.statement.relations, pairwise(sides), strict=True)
            self.related = [
                (sign, one, other, self._relation(sign, one, other), self._picture(one, other))
                for sign, (one, other) in pairs
            ]
        except IllTyped as error:
            raise IllTyped(f"the law of {name}", error.failures) from None

    def _typed(self, term: Expr) -> TypedExpr:
        """A side; of a typing, the pair of the ends that it says."""
        if term.head != ARROW:
            return self.signature.typed(term, self.scope)
        (kind, source), (_, target) = (
            self.signature.typed(one, self.scope) for one in term.arguments[:2]
        )
        place = kind.arguments[0] if kind.head == OBJECT else kind
        arrows = self.signature.normal(Expr(ARROW, (*term.arguments[:2], place)))
        return TypedExpr(arrows, lambda v: (source(v), target(v)))

    # ------------------------------------------------------------ variables

    def _declare(self, name: str, kind: Expr) -> None:
        """Add a variable and the ends that its type names, and say how it is drawn."""
        normal, value = self.signature.normal(kind), operator.itemgetter(name)
        sort = str(kind)
        if kind.head == ARROW:
            sort = self._bind(normal, value)
        elif normal.head == FAMILY:
            self._bind(normal.arguments[0], lambda v: value(v)[0])
        self.scope[name], self.variables[name] = TypedExpr(normal, value), sort

    def _bind(self, kind: Expr, value: Callable[[Values], Any]) -> str:
        """Bind the ends of an arrow that have no meaning yet; say how such an arrow is drawn."""
        if kind.head != ARROW:
            return ""
        *both, place = kind.arguments
        category = place.head
        sort = "arrow" if place == self.signature._category() else f"arrow {category}"
        drawn_by_end = False
        for number, end in enumerate(both):
            if end.head.startswith("each of ") or any(
                part.head.startswith("each of ") for part in end.arguments
            ):
                continue
            if not end.arguments and end.head not in (*self.scope, *self.signature.operations):
                known = _end_of(category, value, number)
                self.scope[end.head] = TypedExpr(Expr(OBJECT, (place,)), known)
                continue
            if not drawn_by_end and (how := self._drawn(end, place, number)):
                sort, drawn_by_end = f"{sort} {how}", True
                continue
            self.conditions.append(self._meets(category, value, number, end))
        return sort

    def _drawn(self, end: Expr, place: Expr, number: int) -> str:
        """How arrows with an end are drawn, if there may be a sort of such arrows."""
        if number == 0:
            for name, one in self.scope.items():
                if one.type.head == ARROW and one.type.arguments[1:] == (end, place):
                    return f"after {name}" if name in self.variables else ""
            if self.variables.get(end.head, "").startswith(OBJECT):
                return f"from {end}"
        is_constant = not end.names() & set(self.scope)
        return f"{('from', 'to')[number]} {end}" if is_constant else ""

    def _meets(
        self, category: str, value: Callable[[Values], Any], number: int, end: Expr
    ) -> Callable[[Values], bool]:
        expected, found = (
            self.signature.typed(end, self.scope).value,
            _end_of(category, value, number),
        )
        return lambda v: same(v[category], found(v), expected(v))

    def _values(self, structure: Any, values: Mapping[str, Any]) -> Values:
        categories = self.signature.categories.items()
        of = {f"in {name}": category(structure) for name, category in categories}
        return {**values, **of, STRUCTURE: structure}

    def fits(self, structure: Any, **values: Any) -> bool:
        """Whether values have the ends that their types say."""
        if not self.conditions:
            return True
        v = self._values(structure, values)
        return all(condition(v) for condition in self.conditions)

    # ------------------------------------------------------------ evaluation

    def _relation(self, sign: str, one: _Side, other: _Side) -> Callable[[Values, Any, Any], Any]:
        kind = one.type
        if sign == ":":
            self._agree(one, other)
            category = kind.arguments[2].head
            return lambda v, x, y: all(
                same(v[category], a, b) for a, b in zip(ends(v[category], x), y, strict=True)
            )
        if sign != "=" or kind.head not in (ARROW, OBJECT):
            relation = self.signature.relations.get(sign)
            if relation is None and sign in ("=", "⇔"):
                return lambda v, x, y: identical(x, y)
            if relation is None:
                hint = did_you_mean(sign, self.signature.relations)
                raise UnknownName(f"the signature has no relation {sign}; {hint}")
            return lambda v, x, y: relation(v[STRUCTURE], x, y)
        self._agree(one, other)
        category, compared = kind.arguments[-1].head, equal if kind.head == ARROW else same
        return lambda v, x, y: compared(v[category], x, y)

    def _agree(self, one: _Side, other: _Side) -> None:
        if one.type != other.type:
            message = f"{_shown(one.type)} is not the type {_shown(other.type)} of {other.term}"
            raise _ill_typed(one.term, message)

    def evaluate(self, structure: Any, **values: Any) -> Comparison:
        """Relate the sides; of a chain return the first two that fail, or else the last two."""
        v = self._values(structure, values)
        lhs = self.related[0][1].value(v)
        for sign, one, other, relation, picture in self.related:
            rhs = other.value(v)
            answer = truth(relation(v, lhs, rhs))
            if sign == ":":
                lhs = ends(v[one.type.arguments[2].head], lhs)
            drawn = None if picture is None else partial(picture, v)
            found = Comparison(lhs, rhs, answer, one.text, other.text, sign, drawn)
            if answer is not True:
                break
            lhs = rhs
        return found

    def _picture(self, one: _Side, other: _Side) -> Callable[[Values], Presentation] | None:
        """How an instance is made a presentation, if the sides are arrows, or values of arrows."""
        terms = [side.term for side in (one, other)]
        if all(term.head == APPLY for term in terms):
            terms = [term.arguments[0] for term in terms]
        if self.signature.picture is not None:
            return self.signature.picture
        corners: dict[str, Callable[[Values], Any]] = {}
        arrows: dict[str, tuple[str, str, Callable[[Values], Any]]] = {}
        kinds = [
            None if term.head == ARROW else self.signature.typed(term, self.scope).type
            for term in terms
        ]
        if kinds[0] is None or kinds[0].head != ARROW or kinds[0] != kinds[1]:
            return None
        sides = []
        for term in terms:
            steps = term.arguments if term.head == self.signature.compose else (term,)
            sides.append([str(step) for step in steps if step.head != "id" or len(steps) > 1])
            for step in steps:
                kind, value = self.signature.typed(step, self.scope)
                names = [str(end) for end in kind.arguments[:2]]
                for name, end in zip(names, kind.arguments, strict=False):
                    corners.setdefault(name, self.signature.typed(end, self.scope).value)
                if str(step) in (edge for side in sides for edge in side):
                    arrows[str(step)] = (names[0], names[1], value)

        def drawn(v: Values) -> Presentation:
            at = {name: value(v) for name, value in corners.items()}
            between = {name: (a, b, value(v)) for name, (a, b, value) in arrows.items()}
            return sketch(at, between, self.name, *sides)

        return drawn


def _end_of(category: str, value: Callable[[Values], Any], number: int) -> Callable[[Values], Any]:
    return lambda v: ends(v[category], value(v))[number]


Sorts = Mapping[str, Callable[..., Any]]
"""For each sort a function from the values that it depends on to a strategy."""


@dataclass(frozen=True, eq=False)
class Spec(Legible):
    """Laws that belong together, and how values of their sorts are drawn.

    Parameters
    ----------
    name
        What a structure that satisfies them is, such as ``"category"``.
    laws
        The laws.
    sorts
        From a structure and what the caller gave (strategies, by name) to the sorts.
    given
        What a caller may give, with a word on each.
    accepts
        Whether a structure is of the kind that the laws are about, to infer the spec from it.
    source
        Where the definition is from.
    signature
        Over which further laws may be written as text.
    """

    name: str
    laws: tuple[Law, ...]
    sorts: Callable[[Any, Mapping[str, Any]], Sorts]
    given: Mapping[str, str] = field(default_factory=dict)
    accepts: Callable[[Any], bool] = lambda structure: False
    source: str = ""
    signature: Signature | None = None

    def law(self, name: str) -> Law:
        """Return a law by its name."""
        by_name = {law.name: law for law in self.laws}
        expect_known(name, by_name, f"the spec {self.name} has no law {name!r}")
        return by_name[name]

    def only(self, *names: str) -> Spec:
        """Return the spec with some of its laws."""
        return replace(self, laws=tuple(self.law(name) for name in names))

    def extended(
        self,
        *laws: Law,
        name: str | None = None,
        accepts: Callable[[Any], bool] | None = None,
        signature: Signature | None = None,
    ) -> Spec:
        """Return the spec with more laws over the same sorts, perhaps for fewer structures."""
        return replace(
            self,
            name=name or self.name,
            laws=self.laws + laws,
            accepts=accepts or self.accepts,
            signature=signature or self.signature,
        )

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(law.name for law in self.laws)}"

    def __repr__(self) -> str:
        return f"<spec of a {self}>"
