"""Monoidal functors, given on generators: objects and operations.

A *symmetric monoidal category* puts objects and arrows side by side, ``f @ g``, and crosses them,
its symmetry; a (strict) monoidal functor preserves this (Mac Lane, *Categories for the Working
Mathematician*, XI). The free one on a signature has lists of its wires as objects and open
hypergraphs labelled by it as arrows (:mod:`catlearn.category.hypergraph`), so a functor out of it
is given by objects for the wires and an arrow for each box, freely chosen. Its value at an open
hypergraph is what :func:`~catlearn.category.evaluate` makes of it.

A target has ``unit``, ``tensor_objects``, ``identity``, ``compose``, ``tensor`` and ``symmetry``
(and ``copy``, ``discard`` where wires are read more than once, or not at all), or a method
``wired(diagram, objects, arrows)`` which composes a whole string diagram at once, as
:class:`~catlearn.category.Functions` has.

Laws: ``F(f >> g) == F(f) >> F(g)``, ``F(f @ g) == F(f) @ F(g)``, ``F(id) == id``,
``F(symmetry) == symmetry``.

>>> from types import SimpleNamespace
>>> from catlearn.category import Functions, Hypergraph, MonoidalFunctor
>>> S = Hypergraph({"add": (["N", "N"], "N"), "double": ("N", "N")})
>>> F = MonoidalFunctor(S, Functions(), arrows={"add": int.__add__, "double": lambda n: 2 * n})
>>> H = Hypergraph({"f": ("x", "y"), "g": (["y", "x"], "z")}, types=dict.fromkeys("xyz", "N"),
...                operations={"f": "double", "g": "add"})
>>> F(SimpleNamespace(apex=H, inputs=[0], outputs=[2]))(5)
15
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any, Protocol, runtime_checkable

from catlearn.category.hypergraph import Hypergraph, OpenHypergraph, evaluate
from catlearn.category.path import written
from catlearn.category.protocol import Composes, Typed
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    did_you_mean,
    expect,
    expect_dicts,
    refuse,
    wrong_kind,
)
from catlearn.finset import Frozen, Record


@runtime_checkable
class Monoidal(Composes, Protocol):
    """A strict symmetric monoidal category."""

    unit: Any
    """The unit of the tensor product of objects."""

    def tensor_objects(self, one: Any, other: Any, /) -> Any:
        """Return two objects side by side."""
        ...

    def tensor(self, one: Any, other: Any, /) -> Any:
        """Return two arrows side by side."""
        ...

    def symmetry(self, one: Any, other: Any, /) -> Any:
        """Return the arrow from two objects side by side to the same in the other order."""
        ...


@runtime_checkable
class Copies(Monoidal, Protocol):
    """A monoidal category in which objects are copied and discarded."""

    def copy(self, object: Any, /) -> Any:
        """Return the arrow from an object to two of it side by side."""
        ...

    def discard(self, object: Any, /) -> Any:
        """Return the arrow from an object to the unit."""
        ...


@runtime_checkable
class ComposesDiagrams(Protocol):
    """A target that composes the arrows of a whole string diagram at once."""

    def wired(self, diagram: OpenHypergraph, objects: Sequence[Any], arrows: Sequence[Any]) -> Any:
        """Return the composite of a string diagram, given what wires and boxes stand for."""
        ...


class MonoidalFunctor(Frozen, Displayed, by="signature target objects arrows"):
    """A functor out of the free symmetric monoidal category on a signature.

    Parameters
    ----------
    signature
        A hypergraph: generating objects are its wires, operations its boxes.
    target
        What its values compose in: :class:`Monoidal`, or with a method ``wired``.
    objects
        Wire -> the object that it goes to. Wires that are left out stand for themselves.
    arrows
        Box -> the arrow that it goes to.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every box without an arrow, every unknown name and, if the target's arrows know
        their ends, every arrow between other objects than it should be.
    """

    signature: Hypergraph
    target: Any
    objects: Record[str, Any]
    arrows: Record[str, Any]

    def __init__(
        self,
        signature: Hypergraph,
        target: Any,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        if not isinstance(target, (Monoidal, ComposesDiagrams)):
            wanted = "a value with unit, tensor_objects, identity, compose, tensor and symmetry, "
            raise wrong_kind(target, "target", wanted + "or with a method wired")
        expect(signature, Hypergraph, "signature", "a Hypergraph")
        expect_dicts("a dict of values by name", objects=objects, arrows=arrows)
        sent = {wire: wire for wire in signature.wires} | dict(objects or {})
        self._set(signature=signature, target=target)
        self._set(objects=Record(sent), arrows=Record(arrows or {}))
        self._validate(check)

    def at(self, wires: Iterable[str]) -> Any:
        """Return the value at a list of wires of the signature."""
        return _side_by_side(self.target, self.objects, wires)

    def failures(self) -> list[Failure]:
        """List every box without an arrow, every unknown name and every arrow that does not fit."""
        signature, failures = self.signature, Failures()
        for kind, known, given in (
            ("wire", signature.wires, self.objects),
            ("box", signature.boxes, self.arrows),
        ):
            for name in given:
                if name not in known:
                    message = f"the signature has no {kind} of this name"
                    where = f"{kind} {written(name)}"
                    message += f"; {did_you_mean(name, known)}"
                    failures.add("known names", where, message)
        for box in signature.boxes:
            where = f"box {written(box)}"
            if box not in self.arrows:
                failures.add("totality", where, "it has no arrow; a functor needs one for each box")
            elif isinstance(self.target, Typed) and isinstance(self.target, Monoidal):
                ends = self.at(signature.ins(box)), self.at(signature.outs(box))
                found = self.target.ends(self.arrows[box])
                for verb, end, expected in zip(("starts", "ends"), found, ends, strict=True):
                    if not self.target.same(end, expected):
                        message = f"its arrow {verb} at {end!r}, expected {expected!r}"
                        failures.add("ends", where, message)
        return failures

    def __call__(self, diagram: OpenHypergraph) -> Any:
        """Return the value at an open hypergraph that is labelled by the signature.

        Raises
        ------
        InvalidStructure
            Listing every box that is not in the signature, or between other wires than there.
        """
        H = diagram.apex
        refuse("functor", self.signature.labels_failures(H))
        objects = [self.objects[type] for type in H.types]
        arrows = [self.arrows[operation] for operation in H.operations]
        if isinstance(self.target, ComposesDiagrams):
            return self.target.wired(diagram, objects, arrows)
        return composite(self.target, diagram, objects, arrows)

    def __rshift__(self, then: Callable[[Any], Any]) -> MonoidalFunctor:
        """Return the composite with a functor out of this one's target, first this one."""
        if not isinstance(then, MonoidalFunctor):
            return NotImplemented
        sent = {wire: (at,) if isinstance(at, str) else at for wire, at in self.objects.items()}
        objects = {wire: then.at(at) for wire, at in sent.items()}
        arrows = {box: then(arrow) for box, arrow in self.arrows.items()}
        return MonoidalFunctor(self.signature, then.target, objects, arrows)

    def __hash__(self) -> int:
        return hash((self.signature, self.objects))

    def __repr__(self) -> str:
        return f"MonoidalFunctor({self.signature!r}, {self.target!r})"

    def __str__(self) -> str:
        sent = chain(self.objects.items(), self.arrows.items())
        return ", ".join(f"{name} ↦ {value}" for name, value in sent)


def composite(
    target: Any, diagram: OpenHypergraph, objects: Sequence[Any], arrows: Sequence[Any]
) -> Any:
    """Compose a string diagram in a symmetric monoidal category, box by box.

    Parameters
    ----------
    target
        A :class:`Monoidal` category; with ``copy`` and ``discard`` if wires are read more than
        once, or never.
    diagram
        An open hypergraph.
    objects, arrows
        What each wire and each box stands for.

    Raises
    ------
    CatlearnError
        If a wire is not read once, and the target does not copy and discard.
    """
    H, used = diagram.apex, [0] * diagram.apex.size("Wire")
    for wire in chain(chain.from_iterable(H.sides[0]), diagram.outputs):
        used[wire] += 1

    def idle(wires: Iterable[int]) -> Any:
        return target.identity(_side_by_side(target, objects, wires))

    at = list(diagram.inputs)
    made = idle(at)

    def bring(wires: Sequence[int], rest: Sequence[int]) -> None:
        """Go on to these wires, out of those that are there."""
        nonlocal at, made
        new = [*wires, *rest]
        if new == at:
            return
        counts = {wire: new.count(wire) for wire in at}
        if set(counts.values()) - {1}:
            if not isinstance(target, Copies):
                wire, count = next((w, n) for w, n in counts.items() if n != 1)
                raise CatlearnError(
                    f"wire {written(H.wires[wire])} is read {count} times by what follows, and the "
                    "target does not copy or discard"
                )
            copies = [_copies(target, objects[wire], count) for wire, count in counts.items()]
            made = target.compose(made, reduce(target.tensor, copies))
        at = [wire for wire, count in counts.items() for _ in range(count)]
        for k, wire in enumerate(new):
            place = at.index(wire, k)
            if place > k:
                block = _side_by_side(target, objects, at[k:place])
                step = target.tensor(idle(at[:k]), target.symmetry(block, objects[wire]))
                made = target.compose(made, target.tensor(step, idle(at[place + 1 :])))
                at = [*at[:k], wire, *at[k:place], *at[place + 1 :]]

    def apply(box: int, wires: tuple[int, ...]) -> tuple[int, ...]:
        nonlocal at, made
        for wire in wires:
            used[wire] -= 1
        rest = [wire for wire in at if used[wire]]
        bring(wires, rest)
        made = target.compose(made, target.tensor(arrows[box], idle(rest)))
        at = [*H.sides[1][box], *rest]
        return H.sides[1][box]

    bring(evaluate(diagram, apply, diagram.inputs), ())
    return made


def _side_by_side(target: Any, objects: Any, wires: Iterable[Any]) -> Any:
    return reduce(target.tensor_objects, (objects[wire] for wire in wires), target.unit)


def _copies(target: Any, object: Any, count: int) -> Any:
    if count < 2:
        return target.identity(object) if count else target.discard(object)
    made, rest = target.copy(object), object
    for _ in range(count - 2):
        step = target.tensor(target.copy(object), target.identity(rest))
        made, rest = target.compose(made, step), target.tensor_objects(rest, object)
    return made
