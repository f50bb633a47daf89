"""The reverse pass of an island, as an island of its own.

It reads the inputs, the state and the cotangents of the outputs, makes again what depends on an
axis that is streamed or split, and writes gradients. Each kernel has its rule:

* of a contraction, one contraction for each operand, of the others and the cotangent;
* of a map of single numbers, one for each operand, which is summed over what the operand lacks;
* of a maximum, what the cotangent is at the greatest entries.

What the loop reads of the state (a *reference*) is a value there. Its cotangent comes from what is
added up with it, A' = T(R) A: the sum of A times its cotangent over what the reference lacks. So
the state of an attention costs no second loop.

>>> from catlearn.arrays import einsum, idle, softmax
>>> attention = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")
>>> read = reverse_of(Indexed.of(attention), ["x"])
>>> print([read.shown(*end[1:]) for end in read.outputs])
['d in2[x e]', 'd in0[q d]', 'd in1[x d]']
>>> print([node.name for node in read.nodes if node.name.startswith("state")])
['state max of softmax', 'state contraction of softmax', 'state einsum']
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from catlearn.arrays.counting import LINEAR
from catlearn.arrays.forms import Form
from catlearn.costing.indexed import Indexed, IndexedArray
from catlearn.errors import expect

BY_VALUE = frozenset(["exp", "exp2", "tanh", "sigmoid", "reciprocal", "sqrt"])
"""Kernels whose derivative is a function of what they give."""


def reverse_of(read: Indexed, over: Iterable[str]) -> Indexed:
    """Return the arrays of the reverse pass.

    Parameters
    ----------
    read
        The arrays of the forward pass.
    over
        The variables over which a state was kept: those that are streamed or split.
    """
    expect(read, Indexed, "reverse_of", "called with Indexed.of(circuit), and names of axes")
    return _Reverse(read, {read[name] for name in over}).found()


class _Reverse:
    def __init__(self, read: Indexed, loops: set[int]) -> None:
        self.read, self.loops = read, loops
        self.made: list[IndexedArray] = []
        nodes = read.nodes
        self.kept = [bool(loops.intersection(node.bound)) for node in nodes]
        self.after = [False] * len(nodes)
        for k, node in enumerate(nodes):
            self.after[k] = self.kept[k] or any(self.after[j] for j in node.operands)
        # the states that what is in the loop goes into
        self.into: list[set[int]] = [set() for _ in nodes]
        for k in range(len(nodes) - 1, -1, -1):
            for j in nodes[k].operands:
                if self.kept[k]:
                    self.into[j].add(k)
                elif loops & nodes[k].every:
                    self.into[j] |= self.into[k]

    def add(self, node: IndexedArray) -> int:
        self.made.append(node)
        return len(self.made) - 1

    def found(self) -> Indexed:
        """Return what the reverse pass makes, without what it does not need."""
        nodes = self.read.nodes
        self.value: list[int] = []
        for k, node in enumerate(nodes):
            if self.kept[k]:
                node = IndexedArray("input", f"state {node.name}", node.forms, node.free)
            operands = tuple(self.value[j] for j in node.operands)
            self.value.append(self.add(replace(node, operands=operands)))
        self.parts: list[list[int]] = [[] for _ in nodes]
        for number, name, forms in self.read.outputs:
            free = frozenset(v for form in forms for v in form.variables)
            part = self.add(IndexedArray("input", f"d {name}", forms, free))
            lost = sorted(free - nodes[number].free)
            if lost:  # what was repeated
                part = self.add(self.array("sum", number, (part,), lost, "contraction"))
            self.parts[number].append(part)
        outputs: list[tuple[int, str, tuple[Form, ...]]] = []
        for k in range(len(nodes) - 1, -1, -1):
            parts = self.parts[k]
            if not parts:
                continue
            total = parts[0]
            if len(parts) > 1:
                total = self.add(self.array("map", k, parts, kernel="add"))
            if nodes[k].kind == "input":
                if nodes[k].real:
                    outputs.append((total, f"d {nodes[k].name}", nodes[k].forms))
            else:
                self.spread(k, total)
        return self.pruned(outputs[::-1])

    def array(
        self, kind: str, of: int, operands: Iterable[int], bound: Iterable[int] = (),
        kernel: str = "",
    ) -> IndexedArray:  # fmt: skip
        node = self.read.nodes[of]
        return IndexedArray(
            kind, f"d {node.name}", node.forms, node.free, tuple(bound), tuple(operands), kernel
        )

    def spread(self, k: int, total: int) -> None:
        """Give the operands of a node their parts of its cotangent."""
        nodes, node = self.read.nodes, self.read.nodes[k]
        looped = self.kept[k] or bool(self.loops & node.every)
        if self.kept[k] and node.kind == "sum":
            references = {
                j
                for i, one in enumerate(nodes)
                if k in self.into[i] and self.loops & one.every
                for j in one.operands
                if self.after[j] and not (self.loops & nodes[j].free)
            }
            for j in sorted(references, reverse=True):
                lost = sorted(node.free - nodes[j].free)
                kind = "sum" if lost else "map"
                state = self.value[k]
                self.parts[j].append(
                    self.add(self.array(kind, j, (state, total), lost, kernel="move"))
                )
        done = set[int]()
        for place, j in enumerate(node.operands):
            other = nodes[j]
            if not other.real or (looped and self.after[j] and not (self.loops & other.free)):
                continue
            if node.kernel in LINEAR and other.free == node.free:
                self.parts[j].append(total)
                continue
            if j in done and node.kind == "map":
                continue
            done.add(j)
            lost = sorted(node.every - other.free)
            rest = [self.value[i] for p, i in enumerate(node.operands) if p != place]
            if node.kind == "max":
                self.parts[j].append(self.add(self.array(
                    "map", j, (total, self.value[j], self.value[k]), kernel="indicator"
                )))  # fmt: skip
                continue
            if node.kernel in LINEAR:
                rest = []
            elif node.kind != "sum" and not rest:
                rest = [self.value[k if node.kernel in BY_VALUE else j]]
            kind = "sum" if lost else "map"
            self.parts[j].append(self.add(self.array(kind, j, (total, *rest), lost, "contraction")))

    def pruned(self, outputs: list[tuple[int, str, tuple[Form, ...]]]) -> Indexed:
        needed = {number for number, _, _ in outputs}
        for k in range(len(self.made) - 1, -1, -1):
            if k in needed:
                needed |= {*self.made[k].operands}
        kept = sorted(needed)
        place = {k: number for number, k in enumerate(kept)}
        nodes = [
            replace(self.made[k], operands=tuple(place[j] for j in self.made[k].operands))
            for k in kept
        ]
        used = {v for node in nodes for v in node.every}
        read = self.read
        return replace(
            read,
            nodes=nodes,
            outputs=[(place[number], name, forms) for number, name, forms in outputs],
            variables={name: v for name, v in read.variables.items() if v in used},
            gradients=True,
        )
