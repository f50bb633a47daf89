"""Monoidal functors, given on generators: objects and operations.

A *symmetric monoidal category* puts objects and arrows side by side, ``f @ g``, and crosses them,
``swap``; a (strict) monoidal functor preserves this (Mac Lane, *Categories for the Working
Mathematician*, XI). The free one on a signature has lists of its wires as objects and open
hypergraphs labelled by it as arrows (:mod:`catlearn.category.hypergraph`), so a functor out of it
is given by objects for the wires and an arrow for each box, freely chosen. Its value at an open
hypergraph is what :func:`~catlearn.category.evaluate` makes of it.

A target has ``identity``, ``compose``, ``tensor`` and ``swap`` (and ``copy``, ``discard`` where
wires are read more than once, or not at all), or a method ``wired(circuit, arrows)`` which
composes a whole circuit at once, as :class:`~catlearn.category.Functions` has.

Laws: ``F(f >> g) == F(f) >> F(g)``, ``F(f @ g) == F(f) @ F(g)``, ``F(id) == id``,
``F(swap) == swap``.

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

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, runtime_checkable

from catlearn.category.hypergraph import Hypergraph, OpenHypergraph, evaluate
from catlearn.category.path import written
from catlearn.category.protocol import Typed
from catlearn.display import Displayed
from catlearn.errors import CatlearnError, Failure, InvalidStructure, did_you_mean
from catlearn.finset import Frozen, Record

Objects = tuple[Any, ...]
"""An object of a monoidal category, as a list of objects put side by side."""


@runtime_checkable
class Monoidal(Protocol):
    """A symmetric monoidal category whose objects are given as lists."""

    def identity(self, objects: Objects, /) -> Any:
        """Return the identity arrow."""
        ...

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return the arrow that does ``first`` and then ``then``."""
        ...

    def tensor(self, one: Any, other: Any, /) -> Any:
        """Return two arrows side by side."""
        ...

    def swap(self, one: Objects, other: Objects, /) -> Any:
        """Return the arrow that crosses two lists of objects."""
        ...


@runtime_checkable
class Copies(Monoidal, Protocol):
    """A monoidal category in which objects are copied and discarded."""

    def copy(self, objects: Objects, /) -> Any:
        """Return the arrow from a list to two copies of it."""
        ...

    def discard(self, objects: Objects, /) -> Any:
        """Return the arrow from a list to the empty one."""
        ...


@runtime_checkable
class ComposesCircuits(Protocol):
    """A target that composes the arrows of a whole circuit at once."""

    def wired(self, circuit: OpenHypergraph, objects: Sequence[Any], arrows: Sequence[Any]) -> Any:
        """Return the composite of a circuit, given what its wires and its boxes stand for."""
        ...


class MonoidalFunctor(Frozen, Displayed):
    """A functor out of the free symmetric monoidal category on a signature.

    Parameters
    ----------
    signature
        A hypergraph: generating objects are its wires, operations its boxes.
    target
        What its values compose in: :class:`Monoidal`, or with a method ``wired``.
    objects
        Wire -> the object that it goes to, or a tuple of objects side by side. Wires that are
        left out stand for themselves.
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
    objects: Record[str, Objects]
    arrows: Record[str, Any]

    def __init__(
        self,
        signature: Hypergraph,
        target: Any,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        if not isinstance(target, (Monoidal, ComposesCircuits)):
            raise CatlearnError(
                "a monoidal functor maps into a value with methods identity, compose, tensor and "
                f"swap, or with a method wired, not into {target!r}"
            )
        sent = {wire: wire for wire in signature.wires} | dict(objects or {})
        lists = {wire: at if isinstance(at, tuple) else (at,) for wire, at in sent.items()}
        self._set(signature=signature, target=target)
        self._set(objects=Record(lists), arrows=Record(arrows or {}))
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure("MonoidalFunctor", failures)

    def at(self, wires: Iterable[Hashable]) -> Objects:
        """Return the value at a list of wires of the signature."""
        return tuple(chain.from_iterable(self.objects[wire] for wire in wires))  # type: ignore

    def failures(self) -> list[Failure]:
        """List every box without an arrow, every unknown name and every arrow that does not fit."""
        signature, failures = self.signature, []
        for kind, known, given in (
            ("wire", signature.wires, self.objects),
            ("box", signature.boxes, self.arrows),
        ):
            for name in given:
                if name not in known:
                    message = f"the signature has no {kind} of this name"
                    where = f"{kind} {written(name)}"
                    message += f"; {did_you_mean(name, known)}"
                    failures.append(Failure("known names", where, message))
        for box in signature.boxes:
            where = f"box {written(box)}"
            if box not in self.arrows:
                message = "it has no arrow; a functor needs one for each box"
                failures.append(Failure("totality", where, message))
            elif isinstance(self.target, Typed):
                ends = self.at(signature.ins(box)), self.at(signature.outs(box))
                found = self.target.ends(self.arrows[box])
                for verb, end, expected in zip(("starts", "ends"), found, ends, strict=True):
                    if not self.target.same(end, expected):
                        message = f"its arrow {verb} at {end!r}, expected {expected!r}"
                        failures.append(Failure("ends", where, message))
        return failures

    def typing_failures(self, H: Hypergraph) -> list[Failure]:
        """List what keeps a hypergraph from being labelled by the signature, box by box."""
        signature, failures = self.signature, []
        for row, operation in enumerate(H.operations):
            if not isinstance(operation, str) or operation not in signature.sets["Box"]:
                hint = did_you_mean(str(operation), signature.boxes)
                message = f"does {operation!r}, which the signature does not have; {hint}"
                failures.append(Failure("known names", H.name(row), message))
                continue
            for verb, side, expected in (
                ("reads", H.sides[0], signature.ins(operation)),
                ("writes", H.sides[1], signature.outs(operation)),
            ):
                found = tuple(H.types[wire] for wire in side[row])
                if found != expected:
                    message = f"{verb} {list(found)}, but {operation} {verb} {list(expected)}"
                    failures.append(Failure("ends", H.name(row), message))
        known = signature.sets["Wire"]
        for wire, type in enumerate(H.types):
            if not isinstance(type, str) or type not in known:
                message = f"carries {type!r}, which the signature does not have"
                where = f"wire {written(H.wires[wire])}"
                failures.append(Failure("known names", where, message))
        return failures

    def __call__(self, circuit: OpenHypergraph) -> Any:
        """Return the value at an open hypergraph that is labelled by the signature.

        Raises
        ------
        InvalidStructure
            Listing every box that is not in the signature, or between other wires than there.
        """
        H = circuit.apex
        failures = self.typing_failures(H)
        if failures:
            raise InvalidStructure("functor", failures)
        objects = [self.objects[type] for type in H.types]
        arrows = [self.arrows[operation] for operation in H.operations]
        if isinstance(self.target, ComposesCircuits):
            return self.target.wired(circuit, objects, arrows)
        return composite(self.target, circuit, objects, arrows)

    def __rshift__(self, then: Callable[[Any], Any]) -> MonoidalFunctor:
        """Return the composite with a functor out of this one's target, first this one."""
        if not isinstance(then, MonoidalFunctor):
            return NotImplemented
        objects = {wire: then.at(at) for wire, at in self.objects.items()}
        arrows = {box: then(arrow) for box, arrow in self.arrows.items()}
        return MonoidalFunctor(self.signature, then.target, objects, arrows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MonoidalFunctor):
            return NotImplemented
        ends = (self.signature, self.target) == (other.signature, other.target)
        return ends and (self.objects, self.arrows) == (other.objects, other.arrows)

    def __hash__(self) -> int:
        return hash((self.signature, self.objects))

    def __repr__(self) -> str:
        return f"MonoidalFunctor({self.signature!r}, {self.target!r})"

    def __str__(self) -> str:
        sent = [f"{v} ↦ {', '.join(map(str, at))}" for v, at in self.objects.items()]
        return ", ".join(sent + [f"{box} ↦ {arrow}" for box, arrow in self.arrows.items()])


def composite(
    target: Any, circuit: OpenHypergraph, objects: Sequence[Objects], arrows: Sequence[Any]
) -> Any:
    """Compose a circuit in a symmetric monoidal category, box by box.

    Parameters
    ----------
    target
        A :class:`Monoidal` category; with :class:`Copies` if wires are read more than once, or
        never.
    circuit
        An open hypergraph.
    objects, arrows
        What each wire and each box stands for.

    Raises
    ------
    CatlearnError
        If a wire is not read once, and the target does not copy and discard.
    """
    H, used = circuit.apex, [0] * circuit.apex.size("Wire")
    for wire in chain(chain.from_iterable(H.sides[0]), circuit.outputs):
        used[wire] += 1
    at = list(circuit.inputs)
    made = target.identity(_side_by_side(objects, at))

    def bring(wires: Sequence[int], rest: Sequence[int]) -> None:
        nonlocal at, made
        arranged = [*wires, *rest]
        if arranged != at:
            made = target.compose(made, _arranged(target, H, objects, at, arranged))
            at = arranged

    def apply(box: int, wires: tuple[int, ...]) -> tuple[int, ...]:
        nonlocal at, made
        for wire in wires:
            used[wire] -= 1
        rest = [wire for wire in at if used[wire]]
        bring(wires, rest)
        idle = target.identity(_side_by_side(objects, rest))
        made = target.compose(made, target.tensor(arrows[box], idle) if rest else arrows[box])
        at = [*H.sides[1][box], *rest]
        return H.sides[1][box]

    bring(evaluate(circuit, apply, circuit.inputs), ())
    return made


def _side_by_side(objects: Sequence[Objects], wires: Iterable[int]) -> Objects:
    return tuple(chain.from_iterable(objects[wire] for wire in wires))


def _arranged(
    target: Any,
    H: Hypergraph,
    objects: Sequence[Objects],
    old: Sequence[int],
    new: Sequence[int],
) -> Any:
    """Return the arrow that copies, discards and permutes some wires, which differ, into others."""
    counts = [new.count(wire) for wire in old]
    at = [wire for wire, count in zip(old, counts, strict=True) for _ in range(count)]
    made = target.identity(_side_by_side(objects, old))
    if set(counts) - {1}:
        if not isinstance(target, Copies):
            wire = next(w for w, count in zip(old, counts, strict=True) if count != 1)
            raise CatlearnError(
                f"wire {written(H.wires[wire])} is read {counts[old.index(wire)]} times, and the "
                "target does not copy or discard"
            )
        made = target.identity(())
        for wire, count in zip(old, counts, strict=True):
            made = target.tensor(made, _copies(target, objects[wire], count))
    for k, wire in enumerate(new):
        place = at.index(wire, k)
        if place > k:
            parts = at[:k], at[k:place], [wire], at[place + 1 :]
            before, block, one, after = (_side_by_side(objects, part) for part in parts)
            step = target.tensor(target.identity(before), target.swap(block, one))
            made = target.compose(made, target.tensor(step, target.identity(after)))
            at = [*parts[0], wire, *parts[1], *parts[3]]
    return made


def _copies(target: Any, objects: Objects, count: int) -> Any:
    if count < 2:
        return target.identity(objects) if count else target.discard(objects)
    made = target.copy(objects)
    for more in range(1, count - 1):
        rest = target.identity(objects * more)
        made = target.compose(made, target.tensor(target.copy(objects), rest))
    return made
