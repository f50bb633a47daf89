"""Training on several devices, of one process or several.

A mesh is enough for *data parallel* training: each batch is split along one axis of the mesh, and
every device has all parameters. A :class:`Sharding` with ``params="fsdp"`` splits every large
array of the parameters and of the optimizer as well, along its longest axis that divides evenly.
The program is the one for a single device; XLA adds the communication, so that costs and
gradients agree up to the order of sums.

A data set whose batch does not divide evenly among the devices is given whole to each of them.

>>> import jax
>>> mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
>>> sharding = Sharding(mesh, params="fsdp", least=4)
>>> sharding.batch
'data'
>>> tuple(sharding.rule({"f": {"w": jax.numpy.zeros((2, 6))}})["f"]["w"])
(None, 'data')

The mesh may span several processes. Each then calls :func:`~catlearn.training.fit` with the same
arguments except for the data, of which it gives its own part. Batch sizes count the examples of all
processes together. Process 0 writes checkpoints, which all processes read. A process that fails
takes the others with it, by the time limits of ``jax.distributed``.

>>> alone = Processes.of(None)
>>> alone.gather({"rows": 3}), alone.agree(False)
([{'rows': 3}], False)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from catlearn.errors import DataError, Failure, Failures, expect, refuse
from catlearn.training.columns import along_examples, lengths_of

Rule = Callable[[str, Any], PartitionSpec | None]
"""From the name of a parameter, such as ``encoder/weight``, and its array to how it is split."""


@dataclass(frozen=True)
class Sharding:
    """How a run is spread over a mesh of devices.

    Parameters
    ----------
    mesh
        The devices, with axes of type ``AxisType.Auto``.
    batch
        The axis of the mesh along which batches are split; by default ``"data"`` if there is such
        an axis, else the first.
    params
        None keeps all parameters on every device. ``"fsdp"`` splits the large ones along
        ``batch``. A function ``rule(name, array)`` returns a ``PartitionSpec``, or None to keep
        that array whole; the optimizer's arrays follow the parameters that they belong to.
    least
        For ``"fsdp"``, how many entries an array has at least that is split.

    Raises
    ------
    InvalidStructure
        If the mesh has no such axis, or axes of another type.
    """

    mesh: Mesh
    batch: str = ""
    params: str | Rule | None = None
    least: int = 2**12

    def __post_init__(self) -> None:
        expect(self.mesh, Mesh, "mesh", "a mesh of devices, such as jax.make_mesh((8,), ('data',))")
        expect(self.least, (int, np.integer), "least", "a number of entries")
        names = self.mesh.axis_names
        if not self.batch:
            object.__setattr__(self, "batch", "data" if "data" in names else names[0])
        failures = Failures()
        if self.batch not in names:
            message = f"is {self.batch!r}; the axes of the mesh are {', '.join(map(str, names))}"
            failures.add("sharding", "batch", message)
        if not (self.params is None or self.params == "fsdp" or callable(self.params)):
            message = f"is {self.params!r}, expected None, 'fsdp' or a function"
            failures.add("sharding", "params", message)
        types = {str(name): kind for name, kind in zip(names, self.mesh.axis_types, strict=True)}
        failures += [
            Failure("sharding", f"axis '{name}'", f"has type {kind}; make the mesh with Auto axes")
            for name, kind in types.items()
            if kind != jax.sharding.AxisType.Auto
        ]
        refuse("the sharding", failures)

    @classmethod
    def of(cls, given: Mesh | Sharding | None) -> Sharding | None:
        """Return what was given as a sharding; a mesh is for data parallel training."""
        return cls(given) if isinstance(given, Mesh) else given

    @property
    def processes(self) -> int:
        """Over how many processes the devices are spread."""
        return len({device.process_index for device in self.mesh.devices.flat})

    @property
    def whole(self) -> NamedSharding:
        """An array that every device has."""
        return NamedSharding(self.mesh, PartitionSpec())

    def rule(self, params: Any) -> Any:
        """Return for each array of a tree of parameters how it is split."""
        return jax.tree_util.tree_map_with_path(self._spec, params)

    def _spec(self, path: Any, leaf: Any) -> PartitionSpec:
        if callable(self.params):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            return self.params(name, leaf) or PartitionSpec()
        parts = self.mesh.shape[self.batch]
        sizes = [(size, -axis) for axis, size in enumerate(leaf.shape) if size % parts == 0]
        if self.params is None or not sizes or math.prod(leaf.shape) < self.least:
            return PartitionSpec()
        axis = -max(sizes)[1]
        return PartitionSpec(*[None] * axis, self.batch)

    def carry(self, carry: Any) -> Any:
        """Return for each array of a carry where it lies.

        Arrays of the optimizer that belong to a parameter are found by the end of their path.
        """
        specs = self.rule(carry.params)
        leaves = jax.tree_util.tree_leaves_with_path(carry.params)
        found = {
            path: (leaf.shape, spec)
            for (path, leaf), spec in zip(leaves, jax.tree.leaves(specs), strict=True)
        }

        def follow(path: Any, leaf: Any) -> NamedSharding:
            for start in range(len(path)):
                shape, spec = found.get(path[start:], (None, None))
                if shape == leaf.shape and spec is not None:
                    return NamedSharding(self.mesh, spec)
            return self.whole

        keep = jax.tree.map(lambda _: self.whole, carry)
        params = jax.tree.map(lambda spec: NamedSharding(self.mesh, spec), specs)
        optimizer = jax.tree_util.tree_map_with_path(follow, carry.optimizer)
        return keep._replace(params=params, optimizer=optimizer)

    def constant(self, state: dict[str, Any]) -> dict[str, Any]:
        """Put a state onto the devices; frozen parameters are split by the rule."""
        specs = self.rule(state["frozen"])
        frozen = jax.tree.map(lambda spec: NamedSharding(self.mesh, spec), specs)
        return {
            name: self.place(part, frozen if name == "frozen" else None)
            for name, part in state.items()
        }

    def place(self, tree: Any, shardings: Any = None) -> Any:
        """Put arrays that every process has onto the devices, all of each by default."""
        if shardings is None:
            shardings = jax.tree.map(lambda _: self.whole, tree)
        return jax.tree.map(_put, tree, shardings)

    def split(self, batch: Mapping[str, Any], lead: int = 0) -> Any:
        """Put a batch onto the devices; each process gives its own part.

        Parameters
        ----------
        batch
            The part of this process.
        lead
            How many axes come before the examples.

        Raises
        ------
        DataError
            If parts of several processes do not divide evenly among their devices.
        """
        split = [
            NamedSharding(self.mesh, PartitionSpec(*[None] * (lead + axis), self.batch))
            for axis in (0, 1)
        ]
        parts = self.mesh.shape[self.batch]
        here = parts // self.processes
        refuse(
            "the data",
            (
                Failure(
                    "sharding",
                    f"data set '{name}'",
                    f"a batch of {size} examples does not divide among {here} devices of a process",
                )
                for name, sizes in lengths_of(batch, lead).items()
                for size in sizes
                if size % here and self.processes > 1
            ),
            DataError,
        )

        def put(leaf: Any, axis: int) -> jax.Array:
            if isinstance(leaf, jax.Array) and leaf.sharding in (split[axis], self.whole):
                return leaf  # it was put there before
            if self.processes > 1:
                return jax.make_array_from_process_local_data(split[axis], np.asarray(leaf))
            even = leaf.shape[lead + axis] % parts == 0
            return jax.device_put(leaf, split[axis] if even else self.whole)

        return along_examples(put, batch)


def _put(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):  # words go where arrays may
        words = jax.device_put(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaf))
    return jax.device_put(leaf, sharding)


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Parameters
    ----------
    count
        How many there are.
    index
        Which of them this one is.
    """

    count: int = 1
    index: int = 0

    @classmethod
    def of(cls, sharding: Sharding | None) -> Processes:
        """Return the processes of a mesh."""
        if sharding is None or sharding.processes == 1:
            return ALONE
        return cls(sharding.processes, jax.process_index())

    def gather(self, value: Any) -> list[Any]:
        """Return the value of each process, as JSON, in their order; all of them must call it."""
        if self.count == 1:
            return [value]
        from jax.experimental import multihost_utils

        text = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = multihost_utils.process_allgather(np.array(len(text), np.int32))
        padded = np.zeros(int(lengths.max()), np.uint8)
        padded[: len(text)] = text
        texts = multihost_utils.process_allgather(padded)
        return [
            json.loads(bytes(row[:length]).decode())
            for row, length in zip(texts, lengths.tolist(), strict=True)
        ]

    def agree(self, value: Any) -> Any:
        """Return the first value of any process that is not empty; all of them must call it."""
        return next(filter(None, self.gather(value)), value)

    def on_host(self, tree: Any) -> Any:
        """Return a tree whose arrays this process has whole; all processes must call it."""
        return tree if self.count == 1 else jax.tree.map(_whole, tree)


ALONE = Processes()
"""One process, which is all there is."""


def _whole(leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return leaf
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(leaf, tiled=True)
