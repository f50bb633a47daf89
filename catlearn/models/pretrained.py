"""Parameters of circuits from arrays that others stored, by a table of names.

Libraries store the arrays of one model under other names, with axes in another order, joined, or
one array for each layer. A table says for each parameter where it is stored, and how it is read
from there: a pattern, as for :func:`~catlearn.arrays.view`.

>>> import numpy as np
>>> from catlearn.arrays import linear
>>> Q = linear("Q", "m -> h d", bias=True).at(m=2, h=3, d=4)
>>> stored = {"query.weight": np.ones((12, 2)), "query.bias": np.zeros(12)}
>>> table = {
...     "Q": ("query.weight", "(h d) m -> m h d"),
...     "Q.bias": ("query.bias", "(h d) -> h d"),
... }
>>> read_parameters(Q, stored, table)["Q"].shape
(2, 3, 4)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import jax.numpy as jnp
import numpy as np

from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit, lift
from catlearn.arrays.operations import view
from catlearn.arrays.sizes import Size
from catlearn.errors import CatlearnError, Failure, did_you_mean, refuse
from catlearn.models.circuits import LoweredCircuit, nested


def read_parameters(
    circuit: Circuit,
    arrays: Mapping[str, Any],
    names: Mapping[str, str | tuple[str, str]],
    skip: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the parameters of a circuit from arrays that have other names, and other shapes.

    Parameters
    ----------
    circuit
        The circuit; the sizes of its parameters are known.
    arrays
        The stored arrays by name, such as ``safetensors.numpy.load_file`` returns.
    names
        Where each parameter is stored: a name, or a name and a pattern from the stored array to the
        parameter. For each ``{}`` in the name there is one axis in front of the parameter, by whose
        indices arrays are put together: ``"layer.{}.weight"`` is ``layer.0.weight`` and so on.
    skip
        Names of arrays that are not wanted, also with ``*``.

    Returns
    -------
    dict
        As :meth:`LoweredCircuit.init` returns it; dtypes are those that are stored.

    Raises
    ------
    InvalidStructure
        Listing parameters and arrays that are missing, that nothing reads, and that have other
        shapes.
    """
    parameters, failures, found = circuit.parameters, [], {}
    used: set[str] = set()
    for address in names:
        if address not in parameters:
            hint = did_you_mean(address, parameters)
            failures.append(Failure("parameters", repr(address), f"is none of the circuit; {hint}"))
    for address, sizes in parameters.items():
        shape = tuple(size.number or 0 for size in sizes)  # 0 where it is not known
        if address not in names:
            message = "the table does not say where it is stored"
            failures.append(Failure("parameters", repr(address), message))
            continue
        stored = names[address]
        name, pattern = (stored, None) if isinstance(stored, str) else stored
        *front, last = name.split("{}")
        if 0 in shape or len(front) > len(shape):
            message = f"its shape {tuple(map(str, sizes))} is not known, or too short for {name!r}"
            failures.append(Failure("sizes", f"parameter {address!r}", message))
            continue
        try:
            reading = _reading(pattern, shape[len(front) :])
        except CatlearnError as error:
            failures.append(Failure("pattern", f"parameter {address!r}", str(error)))
            continue
        pieces = []
        for index in np.ndindex(*shape[: len(front)]):
            text = "".join(f"{part}{k}" for part, k in zip(front, index, strict=True)) + last
            used.add(text)
            wrong = _wrong(arrays.get(text), reading)
            if wrong:
                failures.append(Failure("arrays", repr(text), f"{wrong}, for {address!r}"))
            else:
                pieces.append(np.asarray(arrays[text]))
        if len(pieces) == np.prod(shape[: len(front)], dtype=int):
            whole = np.reshape(np.stack(pieces), (*shape[: len(front)], *pieces[0].shape))
            read = LoweredCircuit(lift(reading, [f"front{k}" for k in range(len(front))]))
            found[address] = read({}, jnp.asarray(whole))
    wanted = list(skip)
    failures += [
        Failure("arrays", repr(name), "is read by no parameter; add it to the table, or skip it")
        for name in arrays
        if name not in used and not any(fnmatchcase(name, one) for one in wanted)
    ]
    refuse("parameters", failures)
    return nested(found)


def _reading(pattern: str | None, shape: tuple[int, ...]) -> Circuit:
    """Return what makes a parameter of some shape from a stored array."""
    draft = Draft()
    row = draft.wire([draft.axis(None, Size.of(n)) for n in shape], draft.type(None))
    end = Circuit.of(draft, [row], [row])
    return view(pattern) >> end if pattern is not None else end


def _wrong(array: Any, reading: Circuit) -> str:
    """Say what is wrong with a stored array, if something is."""
    if array is None:
        return "is missing"
    axes = reading.apex.lists["axes"].row(reading.dom[0]).tolist()
    sizes = [reading.apex.size_of(axis) for axis in axes]
    shape = np.shape(array)
    fits = len(shape) == len(sizes) and all(
        size.number in (None, n) for size, n in zip(sizes, shape, strict=True)
    )
    return "" if fits else f"has the shape {shape}, expected ({', '.join(map(str, sizes))})"
