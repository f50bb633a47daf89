r"""Lenses, and parametric arrows: the categories in which learning is described.

A *lens* from :math:`(A, A')` to :math:`(B, B')` is a pair of maps, get : A → B, which goes forward,
and put : A × B' → A', which brings a change of the output back to one of the input, where the input
was. They compose by the chain rule,

.. math:: put_{f ⨟ g}(a, c') = put_f(a, put_g(get_f(a), c')),

and lie side by side, so they are the arrows of a symmetric monoidal category. Where changes can be
added it copies and discards: the put of a copy is addition, that of a discard is zero. It is
cartesian on lenses whose puts preserve sums, such as reverse derivatives.

*Para* of a monoidal category has the same objects; its arrows from A to B are the arrows from
:math:`P ⊗ A` to B for any object P of parameters. Composites have the parameters of both. A
*reparametrisation*, an arrow from Q to P, makes of it one with parameters Q: to tie two parameters
is to reparametrise along a copy. Para of lenses is where gradient-based learning lives
(:mod:`catlearn.learning.lenses`).

Laws, tested up to rounding: both are categories; lenses are symmetric monoidal and, where puts
preserve sums, cartesian; reparametrisations compose.

>>> from catlearn.category import Lens, Lenses, Para, Port
>>> R = Port("R")
>>> square = Lens(R, R, lambda x: x * x, lambda x, dy: 2 * x * dy)
>>> (square >> square).get(3), (square >> square).put(3, 1)  # x^4, 4 x^3
(81, 108)
>>> twice = Lenses().copy(R) >> (square @ square)
>>> twice.get(3), twice.put(3, 1, 10)  # 2x + 20x
((9, 9), 66)
>>> times = Lens((R, R), R, lambda p, x: p * x, lambda p, x, dy: (x * dy, p * dy))
>>> para = Para(Lenses())
>>> line = para.compose(para.arrow(times, 1), para.arrow(times, 1))
>>> line.arrow.get(2, 5, 10), line.arrow.put(2, 5, 10, 1)  # the later parameter comes first
(100, (50, 20, 10))
>>> para.tied(line).arrow.put(3, 10, 1)  # one parameter, used twice: 2 p x
(60, 9)

References
----------
Fong, Spivak, Tuyéras, "Backprop as functor", LICS 2019. Cruttwell, Gavranović, Ghani, Wilson,
Zanasi, "Categorical foundations of gradient-based learning", ESOP 2022.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import chain, islice
from typing import Any, NamedTuple

from catlearn.category.hypergraph import HypergraphBuilder, OpenHypergraph, StringDiagram, evaluate
from catlearn.errors import NotComposable, expect, fault, nesting
from catlearn.names import visible


class Port(NamedTuple):
    """What a wire of lenses carries: values forward, changes back.

    Parameters
    ----------
    value
        Any label of the values.
    change
        Any label of the changes; by default that of the values.
    """

    value: Any
    change: Any = None

    def __str__(self) -> str:
        return visible(str(self.value))


Ports = tuple[Port, ...]


@dataclass(frozen=True, eq=False)
class Lens:
    """A get and a put, between lists of ports.

    Parameters
    ----------
    domain, codomain
        Ports; one may be given by itself.
    get
        ``get(*values)``, one for each port of the domain; returns the value of the only port of the
        codomain, or a tuple with one for each.
    put
        ``put(*values, *changes)``, values of the domain and changes of the codomain; returns the
        change of the only port of the domain, or a tuple.
    steps, depth
        Of a composite, what is composed, and how many levels deep it nests.

    Examples
    --------
    >>> R = Port("R")
    >>> shift = Lens(R, R, lambda x: x + 1, lambda x, dy: dy)
    >>> (shift >> shift).get(1), (shift @ shift).put(1, 2, 30, 40)
    (3, (30, 40))
    """

    domain: Ports
    codomain: Ports
    get: Callable[..., Any]
    put: Callable[..., Any]
    steps: tuple[Lens, ...] = field(default=(), repr=False)
    depth: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        vars(self).update(domain=ports(self.domain), codomain=ports(self.codomain))

    def __rshift__(self, then: Lens) -> Lens:
        return Lenses().compose(self, then) if isinstance(then, Lens) else NotImplemented

    def __matmul__(self, other: Lens) -> Lens:
        return Lenses().tensor(self, other) if isinstance(other, Lens) else NotImplemented

    def __repr__(self) -> str:
        return f"Lens({_text(self.domain)} → {_text(self.codomain)})"


def ports(given: Port | Iterable[Port]) -> Ports:
    """Return a list of ports, where one may be given by itself."""
    expect(given, Iterable, "what a lens lies between", "a Port or a list of ports")
    return (given,) if isinstance(given, Port) else tuple(given)


def _text(object: Ports) -> str:
    return " ⊗ ".join(map(str, object)) or "1"


def _listed(made: Any, object: Ports) -> tuple[Any, ...]:
    return (made,) if len(object) == 1 else tuple(made)


def _zero(value: Any) -> int:
    """The change that adds nothing, of a number."""
    return 0


def _single(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


@dataclass(frozen=True)
class Lenses:
    """The symmetric monoidal category of lenses; objects are lists of ports.

    Parameters
    ----------
    add
        The sum of two changes: what a copy puts back.
    zero
        The change that nothing asks for, given the value: what a discard puts back.
    samples
        ``samples(port)``, pairs of a value and a change at which lenses are compared; without them
        equality is not decided.
    tolerance
        How far numbers may differ, relative and absolute, where lenses are compared.
    """

    add: Callable[[Any, Any], Any] = operator.add
    zero: Callable[[Any], Any] = _zero
    samples: Callable[[Port], Sequence[tuple[Any, Any]]] | None = None
    tolerance: float = 1e-6

    unit = ()

    def tensor_objects(self, one: Any, other: Any, /) -> Ports:
        """Return two lists of ports as one."""
        return ports(one) + ports(other)

    def ends(self, arrow: Lens, /) -> tuple[Ports, Ports]:
        """Return the ports where a lens starts and ends."""
        return arrow.domain, arrow.codomain

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two lists of ports are equal."""
        return ports(one) == ports(other)

    def identity(self, object: Any, /) -> Lens:
        """Return the lens that changes nothing."""
        return self.wiring(object, range(len(ports(object))))

    def compose(self, first: Lens, then: Lens, /) -> Lens:
        """Return the lens that gets by ``first``, then by ``then``, and puts the other way."""
        return self.composite(first.domain, (first, then))

    def composite(self, object: Any, arrows: Sequence[Lens], /) -> Lens:
        """Return the composite of a list of lenses; of none, the identity.

        Raises
        ------
        NotComposable
            If one does not start where the one before it ends.
        """
        at = ports(object)
        for number, lens in enumerate(arrows):
            if lens.domain != at:
                message = f"starts at {_text(lens.domain)}, and what is before ends at {_text(at)}"
                raise fault(
                    "composite of lenses", "composition", f"lens {number}", message, NotComposable
                )
            at = lens.codomain
        # Composites of composites are flat, so that long ones do not nest.
        parts = tuple(chain.from_iterable(lens.steps or (lens,) for lens in arrows))

        @cache
        def whole() -> Lens:
            builder = HypergraphBuilder(sharing=False)
            inputs = wires = tuple(map(builder.wire, ports(object)))
            for number, lens in enumerate(parts):
                wires = builder.box(number, wires, lens.codomain)
            return self._wired(builder, inputs, wires, parts)

        return Lens(
            ports(object),
            at,
            lambda *values: whole().get(*values),
            lambda *given: whole().put(*given),
            parts,
            nesting(parts, "a composite of lenses"),
        )

    def tensor(self, one: Lens, other: Lens, /) -> Lens:
        """Return two lenses side by side."""
        builder = HypergraphBuilder(sharing=False)
        sides = [tuple(map(builder.wire, lens.domain)) for lens in (one, other)]
        outs = [
            builder.box(number, wires, lens.codomain)
            for number, (wires, lens) in enumerate(zip(sides, (one, other), strict=True))
        ]
        return self._wired(builder, sides[0] + sides[1], outs[0] + outs[1], (one, other))

    def symmetry(self, one: Any, other: Any, /) -> Lens:
        """Return the lens that swaps two lists of ports."""
        m, n = len(ports(one)), len(ports(other))
        return self.wiring((*ports(one), *ports(other)), (*range(m, m + n), *range(m)))

    def copy(self, object: Any, /) -> Lens:
        """Return the lens from ports to two of each; its put adds."""
        return self.wiring(object, [*range(len(ports(object)))] * 2)

    def discard(self, object: Any, /) -> Lens:
        """Return the lens from ports to none; its put is zero."""
        return self.wiring(object, ())

    def wiring(self, object: Any, outputs: Sequence[int], /) -> Lens:
        """Return the lens whose outputs are some of its inputs, by number, in any order.

        An input that comes several times is copied, one that does not come is discarded.
        """
        builder = HypergraphBuilder(sharing=False)
        wires = tuple(map(builder.wire, ports(object)))
        return self._wired(builder, wires, tuple(wires[k] for k in outputs), ())

    def _wired(
        self,
        builder: HypergraphBuilder,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        arrows: Sequence[Lens],
    ) -> Lens:
        diagram = StringDiagram(builder.hypergraph(), inputs, outputs)
        return self.wired(diagram, builder.types, arrows)

    def wired(
        self, diagram: OpenHypergraph, objects: Sequence[Any], arrows: Sequence[Lens]
    ) -> Lens:
        """Return the composite of a string diagram of lenses, each evaluated once each way.

        Parameters
        ----------
        diagram
            An open hypergraph; a wire may be read any number of times.
        objects, arrows
            The port of each wire, and the lens of each box.

        Returns
        -------
        Lens
            From the ports of the inputs to those of the outputs. Its put goes through the boxes
            backwards and adds, at each wire, the changes that its readers put: reverse
            accumulation.

        Raises
        ------
        InvalidStructure
            If a wire stands for no port, or for several.
        """
        several = [wire for wire, object in enumerate(objects) if len(ports(object)) != 1]
        if several:
            where, message = (
                f"wire {several[0]}",
                "a wire between lenses is one port",
            )
            raise fault("string diagram of lenses", "ports", where, message)
        domain, codomain = (
            tuple(ports(objects[wire])[0] for wire in side)
            for side in (diagram.inputs, diagram.outputs)
        )
        ins, outs = diagram.apex.sides

        def forward(values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[int, Any], list[Any]]:
            known, read = dict(zip(diagram.inputs, values, strict=True)), []

            def apply(box: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
                made = _listed(arrows[box].get(*arguments), arrows[box].codomain)
                known.update(zip(outs[box], made, strict=True))
                read.append((box, arguments))
                return made

            return evaluate(diagram, apply, values), known, read

        def get(*values: Any) -> Any:
            return _single(forward(values)[0])

        def put(*given: Any) -> Any:
            left = iter(given)
            _, known, read = forward(tuple(islice(left, len(domain))))
            changes: dict[int, Any] = {}

            def change(wires: Sequence[int], back: Sequence[Any]) -> None:
                for wire, one in zip(wires, back, strict=True):
                    changes[wire] = self.add(changes[wire], one) if wire in changes else one

            def changed(wire: int) -> Any:
                return changes[wire] if wire in changes else self.zero(known[wire])

            change(diagram.outputs, tuple(left))
            for box, arguments in reversed(read):
                if outs[box] and changes.keys().isdisjoint(outs[box]):
                    continue  # nothing asks for a change of what it made
                back = arrows[box].put(*arguments, *map(changed, outs[box]))
                change(ins[box], _listed(back, arrows[box].domain))
            return _single([changed(wire) for wire in diagram.inputs])

        depth = nesting(arrows, "a string diagram of lenses")
        return Lens(domain, codomain, get, put, depth=depth)

    def equal(self, one: Lens, other: Lens, /) -> bool:
        """Whether two lenses get and put the same at all samples, up to the tolerance.

        Raises
        ------
        InvalidStructure
            If there are no samples.
        """
        import numpy as np

        if self.samples is None:
            message = "whether two lenses are equal is not decided; give Lenses(samples=...)"
            raise fault("lenses", "equality", "samples", message)
        if self.ends(one) != self.ends(other):
            return False
        drawn = [[*map(self.samples, object)] for object in self.ends(one)]
        for number in range(min(map(len, chain.from_iterable(drawn)), default=1)):
            values, changes = (
                [at[number][place] for at in side] for place, side in enumerate(drawn)
            )
            sides = (
                (
                    *_listed(lens.get(*values), lens.codomain),
                    *_listed(lens.put(*values, *changes), lens.domain),
                )
                for lens in (one, other)
            )
            for left, right in zip(*sides, strict=True):
                if not np.allclose(left, right, rtol=self.tolerance, atol=self.tolerance):
                    return False
        return True


@dataclass(frozen=True, eq=False)
class Parametric:
    """An arrow of Para: one of the base from parameters and the domain to the codomain.

    Parameters
    ----------
    parameters, domain, codomain
        Objects of the base.
    arrow
        An arrow of the base, from the parameters and then the domain.
    """

    parameters: Any
    domain: Any
    codomain: Any
    arrow: Any

    def __repr__(self) -> str:
        return f"Parametric({self.parameters!r}, {self.arrow!r})"


@dataclass(frozen=True)
class Para:
    """Para of a strict symmetric monoidal category.

    Parameters
    ----------
    base
        A monoidal category whose objects are tuples, such as :class:`Lenses`.
    """

    base: Any

    def arrow(self, arrow: Any, /, parameters: int = 0) -> Parametric:
        """Return an arrow of the base, of whose domain the first objects are parameters."""
        domain, codomain = self.base.ends(arrow)
        return Parametric(domain[:parameters], domain[parameters:], codomain, arrow)

    def identity(self, object: Any, /) -> Parametric:
        """Return the identity, which has no parameters."""
        return self.arrow(self.base.identity(object))

    def compose(self, first: Parametric, then: Parametric, /) -> Parametric:
        """Return the composite; the parameters of ``then`` come first."""
        return self.composite(first.domain, (first, then))

    def composite(self, object: Any, arrows: Sequence[Parametric], /) -> Parametric:
        """Return the composite of a list of arrows; the parameters of later ones come first."""
        base, steps = self.base, []
        parameters = tuple(chain.from_iterable(arrow.parameters for arrow in reversed(arrows)))
        left = parameters
        for each in arrows:
            left = left[: len(left) - len(each.parameters)]
            steps.append(base.tensor(base.identity(left), each.arrow) if left else each.arrow)
        start = base.tensor_objects(parameters, object)
        return self.arrow(base.composite(start, steps), len(parameters))

    def pairing(self, object: Any, arrows: Sequence[Parametric], /) -> Parametric:
        """Return the arrow to a product whose components are these, out of one object."""
        base = self.base
        object = base.tensor_objects(object, base.unit)
        groups = [arrow.parameters for arrow in arrows]
        parameters = tuple(chain.from_iterable(groups))
        wires, start, own = [], 0, range(len(parameters), len(parameters) + len(object))
        for group in groups:
            wires += [*range(start, start + len(group)), *own]
            start += len(group)
        made = base.wiring((*parameters, *object), wires)
        side = reduce(base.tensor, (arrow.arrow for arrow in arrows), base.identity(base.unit))
        return self.arrow(base.compose(made, side), len(parameters))

    def reparametrised(self, arrow: Parametric, along: Any, /) -> Parametric:
        """Return an arrow with the parameters where an arrow of the base starts.

        Parameters
        ----------
        arrow
            An arrow of Para.
        along
            An arrow of the base, to its parameters.
        """
        base = self.base
        reparametrised = base.tensor(along, base.identity(arrow.domain))
        new = base.ends(along)[0]
        return self.arrow(base.compose(reparametrised, arrow.arrow), len(new))

    def tied(self, arrow: Parametric, /) -> Parametric:
        """Return an arrow in which equal objects of parameters are one, in order of appearance."""
        once = tuple(dict.fromkeys(arrow.parameters))
        places = [once.index(each) for each in arrow.parameters]
        return self.reparametrised(arrow, self.base.wiring(once, places))

    def ends(self, arrow: Parametric, /) -> tuple[Any, Any]:
        """Return the domain and the codomain of an arrow, without its parameters."""
        return arrow.domain, arrow.codomain

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two objects are equal."""
        return self.base.same(one, other)

    def equal(self, one: Parametric, other: Parametric, /) -> bool:
        """Whether two arrows have equal parameters and equal arrows of the base."""
        return one.parameters == other.parameters and self.base.equal(one.arrow, other.arrow)
