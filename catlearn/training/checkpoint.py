"""Checkpoints: a run on disk, from which it continues exactly.

A checkpoint holds the arrays of the run (parameters, optimizer state, mutable state, history)
and a *manifest*: what the run is about. Containers are never stored: the optimizer's own
``init`` gives the structure again, so loading executes nothing. A checkpoint whose manifest
differs from the run at hand is refused, and every difference is listed. The manifest knows the
equations, the key, the weights, the sizes of data sets and batches and a checksum of their
contents, names, shapes and dtypes of all arrays, a checksum of the frozen ones, and whether floats
have 64 bits; it does not know the constants inside an optimizer. Every array has a checksum, so
that a damaged file is refused.

Nothing is replaced that is not this run's own checkpoint of an earlier step: where there is a file
or a folder already, a run that does not continue it is refused before its first step, unless it is
asked to overwrite it; and one whose file was changed by another program does not write.

A checkpoint is a file of safetensors, replaced in one step, so that a run that is killed while it
writes leaves the one before; or a *folder*, in which each device writes its own part while training
goes on, for runs whose variables are spread over devices or too large to wait for. The folder
holds one whole checkpoint at a time, which `orbax <https://orbax.readthedocs.io>`_ commits when
everything is written; what a killed run left half written is removed. orbax is an extra:
``pip install catlearn[orbax]``.

A disk that is full while the run goes on is a warning, and the next checkpoint is tried; at the end
it is an error, which has the result.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import (
    CatlearnError,
    CheckpointMismatch,
    Failure,
    Failures,
    FileFormatError,
    fault,
    refuse,
)
from catlearn.files import parse_json
from catlearn.lowering import Lowered
from catlearn.lowering.stacking import stacking_for
from catlearn.tensors import header_of, load_tree, save_tree
from catlearn.training.data import Sources, key_words
from catlearn.training.sharding import Processes, Sharding
from catlearn.training.step import Carry
from catlearn.training.validation import Validation

Manifest = dict[str, Any]

_FIELD = "catlearn.checkpoint"
_SOURCES = "catlearn.sources"
_VALIDATION = "catlearn.validation"
_FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a file gives back: the carry after some steps, their costs, and where the data was."""

    carry: Carry
    rows: np.ndarray
    sources: list[Any]


def manifest_of(
    fn: Lowered, carry: Carry, state: Mapping[str, Any], sources: Sources, key: jax.Array
) -> Manifest:
    """Describe a run by everything that must agree for it to be continued.

    Parameters
    ----------
    fn
        The lowered loss.
    carry
        The variables, of which names, shapes and dtypes count.
    state
        The state of the loss, whose weights count by value and frozen arrays by checksum.
    sources
        The data, of which sizes and contents count.
    key
        The random key of the run.
    """
    return {
        "format": _FORMAT,
        "x64": bool(jax.config.read("jax_enable_x64")),
        "aggregator": fn.loss.aggregator.name,
        "equations": {
            term.name: f"{term.lhs} = {term.rhs}, {term.divergence}" for term in fn.loss.equations
        },
        "weights": {name: float(weight) for name, weight in state["weights"].items()},
        "data": sources.describe(),
        "contents": sources.contents(),
        "key": [int(word) for word in np.ravel(key_words(key))],
        "frozen": {
            name: f"{_describe(leaf)} crc32={zlib.crc32(np.asarray(leaf).tobytes()):08x}"
            for name, leaf in named_leaves(state["frozen"])
        },
        "arrays": {name: _describe(leaf) for name, leaf in named_leaves(carry)},
    }


def named_leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a tree with their paths as names."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path), leaf


def _describe(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _described(text: str) -> jax.ShapeDtypeStruct:
    """Return the array that a manifest describes."""
    dtype, _, sizes = text.rstrip("]").partition("[")
    return jax.ShapeDtypeStruct([int(n) for n in sizes.split(",") if n], np.dtype(dtype))


def _arrays_of(manifest: Any) -> dict[str, str]:
    arrays = manifest.get("arrays") if isinstance(manifest, dict) else None
    return arrays if isinstance(arrays, dict) else {}


Places = list[tuple[str, int | None]]
"""Arrays by name, and of each which row; None for all of it."""


def _key(group: Sequence[str]) -> str:
    """Return how the path of an array names edges that are stored together."""
    return f"[{group[0]!r}]" if len(group) == 1 else f"[{(group[0], group[-1])!r}]"


def _joined(places: Places, parts: Sequence[Any]) -> Any:
    """Return the array that is made of parts: rows of some, all of others."""
    rows = [p if row is None else p[row] for (_, row), p in zip(places, parts, strict=True)]
    return jnp.stack(rows) if len(rows) > 1 else rows[0]


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, (*path, key))
    else:
        yield path, value


def _differences(found: Any, expected: Manifest) -> Iterator[Failure]:
    there, here = dict(_flat(found)), dict(_flat(expected))
    there.setdefault(("x64",), here["x64",])  # earlier versions did not say
    differ = [p for p in dict.fromkeys([*here, *there]) if there.get(p) != here.get(p)]
    arrays = [path for path in differ if path[:1] == ("arrays",)]
    if arrays and all(path[1].startswith(".optimizer") for path in arrays):
        message = (
            f"is another one than that of the checkpoint, with other arrays ({arrays[-1][1]}); "
            "resume with that one, or begin a new run at its result, by params= and state="
        )
        yield Failure("checkpoint", "the optimizer", message)
        differ = [path for path in differ if path not in arrays]
    for path in differ:
        field, *rest = path or ("manifest",)
        where = f"{field} {'.'.join(rest)!r}" if rest else field
        if path not in there:
            message = f"is {here[path]} in this run and missing from the checkpoint"
        elif path not in here:
            message = f"is {there[path]} in the checkpoint and missing from this run"
        else:
            message = f"is {there[path]} in the checkpoint and {here[path]} in this run"
        yield Failure("checkpoint", where, message)


class NothingToResume(UserWarning):
    """There is no checkpoint to continue from, so the run begins anew."""


def occupied(path: str | os.PathLike[str]) -> str:
    """Return what a new run would replace by its checkpoint; ``""`` if nothing is there.

    Parameters
    ----------
    path
        A file or a folder.

    Examples
    --------
    >>> occupied("no-such-run.safetensors")
    ''
    >>> occupied(__file__)
    'is there already and is no checkpoint'
    """
    place = Path(path)
    empty = is_folder(path) and place.is_dir() and not any(place.iterdir())
    if empty or not os.path.lexists(place):
        return ""
    step = _step_at(place)
    if step is None:
        return "is there already and is no checkpoint"
    return f"holds the checkpoint of step {step} of a run"


def _step_at(place: Path) -> int | None:
    """Return the step of the checkpoint in a file or folder, None if it is something else."""
    if place.is_dir():
        steps = [int(entry.name) for entry in place.iterdir() if entry.name.isdecimal()]
        return max(steps, default=None)
    try:
        shapes, metadata = header_of(place)
    except (OSError, FileFormatError):
        return None
    return next(iter(shapes.get("history", ())), None) if _FIELD in metadata else None


class CheckpointSkipped(UserWarning):
    """A checkpoint could not be written while the run goes on; the next one is tried."""


class Saver:
    """The file in which a run is kept.

    Parameters
    ----------
    path
        A file, usually ``*.safetensors``.
    manifest
        What the run is about.
    processes
        Who trains together; the first one writes.
    fn
        The lowered loss. Earlier versions kept a state of optimizers for edges that no equation
        trains, which is passed over, and stored other edges together, which is done anew.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        manifest: Manifest,
        processes: Processes,
        fn: Lowered,
    ) -> None:
        self.path = Path(path)
        self.manifest = manifest
        self.processes = processes
        self.fn = fn
        self.saved: int | None = None
        #: What is kept besides: curves, and the best variables so far.
        self.validation: Validation | None = None
        self.seen = self._signature()

    def _signature(self) -> tuple[int, ...] | None:
        """Return what changes when somebody writes the file; None if there is none."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def load(self, template: Carry) -> Checkpoint | None:
        """Return the checkpoint of this very run, if there is one.

        Parameters
        ----------
        template
            A carry of the run at hand, whose structure is used.

        Raises
        ------
        FileFormatError
            If the file cannot be read, is malformed, or is no checkpoint.
        CheckpointMismatch
            If it belongs to another run, listing every difference.
        """
        if not os.path.lexists(self.path):
            return None
        what = f"checkpoint '{self.path.name}'"
        try:
            tree, metadata = load_tree(self.path)
        except OSError as error:
            message = f"could not be read: {error}"
            raise fault(what, "file", str(self.path), message, FileFormatError) from error
        if _FIELD not in metadata:
            raise fault(what, "checkpoint", "metadata", f"has no {_FIELD!r}", FileFormatError)
        manifest = parse_json(metadata[_FIELD], what)
        self.check(what, manifest)
        content = dict(named_leaves(tree))
        for name, places in self.regrouped(manifest).items():
            parts = [content.get(f"['arrays'][{old!r}]") for old, _ in places]
            if all(part is not None for part in parts):
                content[f"['arrays'][{name!r}]"] = _joined(places, parts)
        expected = {f"['arrays'][{name!r}]": leaf for name, leaf in named_leaves(template)}
        width = 1 + len(self.manifest["equations"])
        failures = Failures(
            Failure("checkpoint", f"array {name}", f"must be there, as {_describe(leaf)}")
            for name, leaf in expected.items()
            if name not in content or _describe(content[name]) != _describe(leaf)
        )
        if np.shape(content.get("['history']", 0))[1:] != (width,):
            failures.add("checkpoint", "history", f"must have {width} columns")
        refuse(what, failures, FileFormatError)
        leaves = [jnp.array(content[name], copy=True) for name in expected]
        carry = jax.tree.unflatten(jax.tree.structure(template), leaves)
        rows, sources = content["['history']"], parse_json(metadata.get(_SOURCES, "[]"), what)
        if self.validation is not None and _VALIDATION in metadata:
            best = (carry.params, carry.mutable)
            named = dict(named_leaves(tree.get("best", {})))
            found = [named.get(f"[{name!r}]") for name, _ in named_leaves(best)]
            whole = all(leaf is not None for leaf in found)
            values = jax.tree.unflatten(jax.tree.structure(best), found) if whole else None
            self.validation.restore(parse_json(metadata[_VALIDATION], what), values)
        self.saved = len(rows)
        return Checkpoint(carry, rows, sources)

    def check(self, what: str, manifest: Any) -> dict[str, str]:
        """Raise if a manifest is not that of the run at hand, listing every difference.

        Returns the arrays that are passed over, or of which others are made.
        """
        here, there = self.manifest["arrays"], _arrays_of(manifest)
        made = self.regrouped(manifest)
        used = {old for places in made.values() for old, _ in places}
        over = {
            name: array
            for name, array in there.items()
            if name in used or (name not in here and self._of_idle(name))
        }
        if over:
            arrays = {name: array for name, array in there.items() if name not in over}
            for name, places in made.items():
                shapes = [_described(there[old]) for old, _ in places]
                arrays[name] = _describe(jax.eval_shape(partial(_joined, places), shapes))
            manifest = {**manifest, "arrays": arrays}
        refuse(what, list(_differences(manifest, self.manifest)), CheckpointMismatch)
        return over

    def _of_idle(self, name: str) -> bool:
        """Whether an array is of the state of an optimizer for edges that it does not see."""
        idle = set(self.fn.trainable).difference(self.fn.trained)
        keys = [key for edge in idle for key in (f"[{edge!r}]", f"[({edge!r}, ")]
        return name.startswith(".optimizer") and any(key in name for key in keys)

    def regrouped(self, manifest: Any) -> dict[str, Places]:
        """Return of which arrays, and which rows, those of this run are made that are not there.

        Earlier versions stored edges together, whether an equation trains them or not, and apart
        where their data sets differ.
        """
        here, there, fn = self.manifest["arrays"], _arrays_of(manifest), self.fn
        missing = [name for name in here if name not in there]
        if not missing or not there:
            return {}
        earlier = stacking_for(fn.options, fn.plan, idle_apart=False).edges
        home = {edge: group for group in earlier for edge in group}
        stacked = {edge for group in fn.storage.edges for edge in group}
        groups = [*fn.storage.edges, *((edge,) for edge in fn.diagram.edges if edge not in stacked)]
        found: dict[str, Places] = {}
        for group in groups:
            for name in missing:
                if (key := _key(group)) not in name:
                    continue
                places: Places = []
                for edge in group:
                    whole = home.get(edge, (edge,))
                    alone, inside = (name.replace(key, _key(one)) for one in ((edge,), whole))
                    if alone in there:
                        places.append((alone, None))
                    elif inside in there:
                        places.append((inside, whole.index(edge)))
                if len(places) == len(group):
                    found[name] = places
        return found

    def prepare(self) -> None:
        """Make the folder of the file, and remove what killed runs left half written there."""
        if self.processes.index != 0:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        pattern = f".{glob.escape(self.path.name)}.*.part"
        for left in self.path.parent.glob(pattern):
            with contextlib.suppress(OSError):
                left.unlink()

    def write(self, carry: Carry, rows: np.ndarray, sources: list[Any]) -> None:
        """Replace the checkpoint, in one step.

        Parameters
        ----------
        carry
            The variables.
        rows
            The costs of all steps so far.
        sources
            Where the data of each process was, as JSON.
        """
        carry = self.processes.on_host(carry)
        if self.processes.index == 0:
            tree = {"arrays": dict(named_leaves(carry)), "history": rows}
            metadata = {_FIELD: json.dumps(self.manifest), _SOURCES: json.dumps(sources)}
            if self.validation is not None:
                metadata[_VALIDATION] = json.dumps(self.validation.record())
                tree["best"] = self._best()
            if self._signature() != self.seen:
                message = "another program has written or removed it since this run looked"
                raise FileExistsError(errno.EEXIST, message, os.fspath(self.path))
            save_tree(self.path, tree, metadata)
            self.seen = self._signature()

    def _best(self) -> dict[str, Any]:
        """Return the best variables so far, by name."""
        best = None if self.validation is None else self.validation.best
        return {} if best is None else dict(named_leaves(best[1:]))

    def close(self) -> str | None:
        """Wait until everything is written; return what went wrong."""

    def try_save(self, carry: Carry, rows: np.ndarray, sources: Sources) -> str | None:
        """Save a run after some steps; return what went wrong if the system refuses.

        Parameters
        ----------
        carry
            The variables.
        rows
            The costs of all steps so far.
        sources
            The data.
        """
        steps = len(rows)
        try:
            self.write(carry, rows, self.processes.gather(sources.state(steps)))
        except OSError as error:
            kept = "; there is none before it"
            if self.saved is not None:
                kept = f"; the one of step {self.saved} is whole"
            why = error.strerror or str(error)
            return f"the checkpoint '{self.path}' of step {steps} was not written: {why}{kept}"
        self.saved = steps
        return None

    def finish(self, carry: Carry, rows: np.ndarray, sources: Sources) -> str | None:
        """Save at the end, unless that is done, and return what went wrong."""
        problem = None if self.saved == len(rows) else self.try_save(carry, rows, sources)
        return self.close() or problem

    def save(self, carry: Carry, rows: np.ndarray, sources: Sources) -> None:
        """Save while the run goes on; warn if the system refuses."""
        problem = self.try_save(carry, rows, sources)
        if problem is not None:
            message = f"{problem}. Training goes on, and the next one is tried"
            warnings.warn(message, CheckpointSkipped, stacklevel=3)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a checkpoint's path means a folder: it ends in a slash, or has no suffix."""
    return os.fspath(path).endswith(("/", os.sep)) or not Path(path).suffix


class FolderSaver(Saver):
    """The folder in which a run is kept.

    Parameters
    ----------
    path
        The folder; it is made if it is not there.
    manifest
        What the run is about.
    processes
        Who trains together.
    sharding
        How the run is spread over devices.
    fn
        The lowered loss.

    Raises
    ------
    CatlearnError
        If orbax is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        manifest: Manifest,
        processes: Processes,
        sharding: Sharding | None,
        fn: Lowered,
    ) -> None:
        super().__init__(path, manifest, processes, fn)
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            message = f"checkpoint folders such as '{path}' need orbax: pip install catlearn[orbax]"
            raise CatlearnError(f"{message}; or give a file, *.safetensors") from error
        self.ocp = ocp
        self.sharding = sharding
        options = ocp.CheckpointManagerOptions(max_to_keep=1)
        place = self.path.absolute()
        self.manager = ocp.CheckpointManager(place, options=options, item_names=("arrays", "run"))

    def prepare(self) -> None:
        """Orbax makes the folder, and removes what is half written, when it opens it."""

    def load(self, template: Carry) -> Checkpoint | None:
        """Return the checkpoint of this very run, if there is one, each part where it belongs."""
        step = self.manager.latest_step()
        if step is None:
            return None
        what = f"checkpoint '{self.path}'"
        args = self.ocp.args
        with self._reading(what):
            found = self.manager.restore(step, args=args.Composite(run=args.JsonRestore()))["run"]
        over = self.check(what, found["manifest"])
        arrays = self._shapes(template, (step, found["width"]), found["dtype"])
        made = self.regrouped(found["manifest"])
        arrays = {name: shape for name, shape in arrays.items() if name not in made}
        arrays |= {name: self._whole(array) for name, array in over.items()}
        record = found.get("validation")
        kept = (template.params, template.mutable)
        if record is not None and record["best"] is not None:
            for name, leaf in named_leaves(kept):
                arrays[f"best{name}"] = np.zeros(leaf.shape, leaf.dtype)
        with self._reading(what):
            wanted = args.Composite(arrays=args.StandardRestore(arrays))
            content = self.manager.restore(step, args=wanted)["arrays"]
        for name, places in made.items():
            content[name] = _joined(places, [content[old] for old, _ in places])
        self.saved = step
        leaves = [
            jax.random.wrap_key_data(content[name], impl=jax.random.key_impl(leaf))
            if _is_key(leaf)
            else content[name]
            for name, leaf in named_leaves(template)
        ]
        carry = jax.tree.unflatten(jax.tree.structure(template), leaves)
        if self.validation is not None and record is not None:
            named = [content.get(f"best{name}") for name, _ in named_leaves(kept)]
            best = None
            if record["best"] is not None:
                best = jax.tree.unflatten(jax.tree.structure(kept), map(np.asarray, named))
            self.validation.restore(record, best)
        return Checkpoint(carry, np.asarray(content["history"]), found["sources"])

    def _whole(self, described: str) -> jax.ShapeDtypeStruct:
        """Return an array as the manifest describes it, which every device has."""
        shaped = _described(described)
        one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        place = one if self.sharding is None else self.sharding.whole
        return jax.ShapeDtypeStruct(shaped.shape, shaped.dtype, sharding=place)

    def _shapes(self, template: Carry, shape: tuple[int, int], dtype: str) -> dict[str, Any]:
        places = jax.tree.map(lambda leaf: leaf.sharding, template)
        if self.sharding is not None:
            places = self.sharding.carry(template)
        pairs = zip(named_leaves(template), jax.tree.leaves(places), strict=True)
        shapes: dict[str, Any] = {"history": np.zeros(shape, dtype)}
        for (name, leaf), place in pairs:
            words = jax.random.key_data(leaf) if _is_key(leaf) else leaf
            shapes[name] = jax.ShapeDtypeStruct(words.shape, words.dtype, sharding=place)
        return shapes

    def write(self, carry: Carry, rows: np.ndarray, sources: list[Any]) -> None:
        """Begin to write a checkpoint, after the one before is written."""
        arrays: dict[str, Any] = {"history": rows}
        for name, leaf in named_leaves(carry):
            words = jax.random.key_data(leaf) if _is_key(leaf) else leaf
            # The next step overwrites the buffers of the carry, which a CPU would not copy.
            on_cpu = next(iter(words.devices())).platform == "cpu"
            arrays[name] = jnp.copy(words) if on_cpu else words
        arrays |= {f"best{name}": leaf for name, leaf in self._best().items()}
        record = None if self.validation is None else self.validation.record()
        run = {
            "validation": record,
            "manifest": json.loads(json.dumps(self.manifest)),
            "sources": sources,
            "width": rows.shape[1],
            "dtype": rows.dtype.name,
        }
        args = self.ocp.args
        try:
            self.manager.wait_until_finished()
            if self.saved is None:  # a new run takes the place of an old one
                for step in self.manager.all_steps():
                    self.manager.delete(step)
            self.manager.save(
                len(rows),
                args=args.Composite(arrays=args.StandardSave(arrays), run=args.JsonSave(run)),
                force=True,
            )
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    def close(self) -> str | None:
        """Wait until everything is written; return what went wrong."""
        try:
            self.manager.wait_until_finished()
            self.manager.close()
        except Exception as error:
            return f"the checkpoint '{self.path}' was not written: {type(error).__name__}: {error}"
        return None

    @contextlib.contextmanager
    def _reading(self, what: str) -> Any:
        try:
            yield
        except Exception as error:
            message = f"could not be read: {type(error).__name__}: {error}"
            raise fault(what, "folder", os.fspath(self.path), message, FileFormatError) from error


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
