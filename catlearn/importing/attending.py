"""PyTorch modules whose attentions run by PyTorch's ``scaled_dot_product_attention``.

A call runs the graph that ``torch.export`` makes of it, in PyTorch. What lies between a product and
another one, of what was made of the first, with values, is read as a circuit by
:class:`~catlearn.importing.exported.Exported`; where that is attention
(:class:`~catlearn.lowering.attention.Attention`), it is that one operation, which forms no scores.
Everything else is done as it was.

>>> import pytest; torch = pytest.importorskip("torch", reason="torch is not installed")
>>> class Scores(torch.nn.Module):
...     def forward(self, q, k, v):
...         return torch.softmax(q @ k.mT / 2, -1) @ v
>>> q = torch.ones(3, 8, 4)
>>> fast = attending(Scores())
>>> [said.rpartition(": ")[2] for said in fast.attentions(q, q, q)]
['full attention']
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from catlearn.errors import CatlearnError
from catlearn.importing.exported import (
    CHANGING,
    Exported,
    drops,
    name_of,
    numbers_of,
    place_of,
    remade,
)
from catlearn.importing.jaxpr import imported
from catlearn.lowering.attention import Attention, NoAttention
from catlearn.models.libraries.torch import library

PRODUCTS = ("baddbmm", "bmm", "einsum", "matmul", "mm")
"""Operations that are sums of products of two arrays."""

EXPONENTIALS = ("_safe_softmax", "_softmax", "exp", "softmax")
"""Operations without one of which nothing is a softmax."""

VIEWS = (
    *("_to_copy", "_unsafe_view", "alias", "clone", "contiguous", "expand", "permute"),
    *("reshape", "squeeze", "to", "transpose", "type_as", "unsqueeze", "view"),
)
"""Operations that leave entries as they are."""


def attending(module: Any) -> Any:
    """Return a PyTorch module in which attentions are one operation each.

    Parameters
    ----------
    module
        A ``torch.nn.Module``, on any device, in training or evaluation.

    Returns
    -------
    module
        A module of a subclass, with the same parameters (not copies), and so with the same
        ``state_dict()``. A call exports the module the first time that its shapes and types occur.
        ``module.attentions(*inputs)`` says which attentions there are, and what is none and why;
        ``module.original()`` computes as before.

    Raises
    ------
    ImportRefused
        When it is called, if ``torch.export`` cannot write the call down.
    WrongKind
        If it is no module.
    """

    def made(module: Any, inputs: Any, named: Any, leaves: Any, tree: Any) -> _Attending:
        return _Attending(module, inputs, named)

    def attentions(run: _Attending, *_: Any) -> list[str]:
        return [*run.said]

    return remade(module, made, (attending,), {"attentions": attentions})


class _Attending:
    """The graph of a call, run by PyTorch; it says where attentions are, and what is none."""

    def __init__(self, module: Any, inputs: Any, named: Any) -> None:
        self.exported = Exported(module, inputs, named, whole=False)
        self.program, self.said = self.exported.program, list[str]()
        graph = self.program.graph_module.graph
        for last in [node for node in graph.nodes if _is_product(node)]:
            reasons, fitted = list[str](), None
            for region in _regions(last):
                try:
                    fitted = self._fitted(region)
                    break
                except (CatlearnError, NotImplementedError) as error:
                    reasons.append(str(error))
            place = f"{last.name} at {place_of(last)}"
            if fitted is None:
                self.said += [f"{place}: no attention, {reasons[0]}"] if reasons else []
                continue
            attention, rate, given = fitted
            with graph.inserting_before(last):
                new = graph.call_function(_call(attention, rate), given)
            new.meta = last.meta
            last.replace_all_uses_with(new)
            self.said.append(f"{place}: {attention}")
        for node in reversed(graph.nodes):
            if node.op == "call_function" and not node.users:
                graph.erase_node(node)
        self.program.graph_module.recompile()

    def _fitted(self, region: list[Any]) -> tuple[Attention, float, tuple[Any, ...]]:
        """Return a part of the graph as attention, the share that it drops, and what it reads."""
        *inner, last = region
        if any(user not in region for node in inner for user in node.users):
            raise NoAttention("its weights are read elsewhere, too")
        if missing := [name_of(node) for node in region if node in self.exported.missing]:
            raise NoAttention(f"there is no function of JAX for {', '.join(missing)}")
        rate = 0.0
        for place, node in enumerate(inner):
            if drops(node):
                after = [one for one in inner[place + 1 :] if one.target is not operator.getitem]
                if any(name_of(one) not in VIEWS for one in after):
                    raise NoAttention("what is dropped is not its weights")
                rate = float(node.args[1])
        reads = dict.fromkeys(n for node in region for n in node.all_input_nodes)
        given = [one for one in reads if one not in region and one not in self.exported.known]

        def part(*arrays: Any) -> Any:
            values = dict(zip(given, arrays, strict=True))
            return self.exported.computed(region, values, [last], lambda x, rate: x)[0]

        said = [one.meta["val"] for one in given]
        shapes = [jax.ShapeDtypeStruct(tuple(x.shape), numbers_of(x.dtype)) for x in said]
        circuit = imported(part, *shapes).circuit
        H = circuit.apex
        sizes = {axis: H.size_of(axis).number or 1 for axis in range(H.size("Axis"))}
        attention, torch = Attention(circuit, sizes), library()
        try:
            attention.in_torch(*(torch.empty(x.shape, dtype=x.dtype, device="meta") for x in said))
        except KeyError as error:
            raise NoAttention(f"its bias or mask needs {error} in PyTorch") from error
        return attention, rate, tuple(given)

    def __call__(self, held: Mapping[str, Any], leaves: list[Any]) -> Any:
        torch, signature = library(), self.program.graph_signature
        given, every = iter(leaves), []
        # What a gradient may read of a tensor that changes is what was.
        changed = {spec.target for spec in signature.output_specs if spec.kind.name in CHANGING}
        read = {**held} | {name: held[name].clone() for name in changed if name in held}
        for spec in signature.input_specs:
            if spec.kind.name == "USER_INPUT":
                every.append(next(given))
            else:
                constants = self.program.constants
                every.append(read[spec.target] if spec.target in read else constants[spec.target])
        # The types that PyTorch takes by itself are written in the graph.
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            found = self.program.graph_module(*every)
        inputs = {
            spec.arg.name: one for spec, one in zip(signature.input_specs, every, strict=True)
        }
        results = []
        for spec, one in zip(signature.output_specs, found, strict=True):
            if spec.kind.name == "USER_OUTPUT":
                results.append(one)
                continue
            with torch.no_grad():
                (held[spec.target] if spec.target in held else inputs[spec.target]).copy_(one)
        return torch.utils._pytree.tree_unflatten(results, self.program.call_spec.out_spec)


def _call(attention: Attention, rate: float) -> Callable[..., Any]:
    def attend(*tensors: Any) -> Any:
        return attention.in_torch(*tensors, dropout=rate)

    return attend


def _is_product(node: Any) -> bool:
    return node.op == "call_function" and name_of(node) in PRODUCTS


def _regions(last: Any) -> Iterator[list[Any]]:
    """Yield what lies between a product and an earlier one, with a softmax, in order, with both."""
    for weights in last.all_input_nodes:
        before, left = set[Any](), [weights]
        while left:
            node = left.pop()
            if node not in before and node.op == "call_function":
                before.add(node)
                left += [] if _is_product(node) else node.all_input_nodes
        for first in [node for node in before if _is_product(node)]:
            after = {first}
            ordered = [first]
            for node in last.graph.nodes:
                if node in before and node not in after and not after.isdisjoint(
                    node.all_input_nodes
                ) and not _is_product(node):  # fmt: skip
                    after.add(node)
                    ordered.append(node)
            if weights in after and any(name_of(node) in EXPONENTIALS for node in ordered):
                yield [*ordered, last]
