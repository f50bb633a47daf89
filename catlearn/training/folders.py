"""Checkpoints in a folder, by orbax: each device writes its own part, while training goes on.

For runs whose variables are spread over devices or too large to wait for. The folder holds one
whole checkpoint at a time, which `orbax <https://orbax.readthedocs.io>`_ commits when everything
is written; what a killed run left half written is removed. It knows the same manifest as a file
does, and refuses other runs alike. orbax is an extra: ``pip install catlearn[orbax]``.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import CatlearnError, Failure, FileFormatError
from catlearn.training.checkpoint import Checkpoint, Manifest, named_leaves, refuse_differences
from catlearn.training.distributed import Processes
from catlearn.training.saving import Saver
from catlearn.training.sharding import Sharding
from catlearn.training.step import Carry


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
    ) -> None:
        super().__init__(path, manifest, processes)
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

    def clean(self) -> None:
        """Orbax removes what is half written when it opens the folder."""

    def load(self, template: Carry) -> Checkpoint | None:
        """Return the checkpoint of this very run, if there is one, each part where it belongs."""
        step = self.manager.latest_step()
        if step is None:
            return None
        what = f"checkpoint '{self.path}'"
        args = self.ocp.args
        with self._reading(what):
            found = self.manager.restore(step, args=args.Composite(run=args.JsonRestore()))["run"]
        refuse_differences(what, found["manifest"], self.manifest)
        arrays = self._shapes(template, (step, found["width"]), found["dtype"])
        with self._reading(what):
            wanted = args.Composite(arrays=args.StandardRestore(arrays))
            content = self.manager.restore(step, args=wanted)["arrays"]
        self.saved = step
        leaves = [
            jax.random.wrap_key_data(content[name], impl=jax.random.key_impl(leaf))
            if _is_key(leaf)
            else content[name]
            for name, leaf in named_leaves(template)
        ]
        carry = jax.tree.unflatten(jax.tree.structure(template), leaves)
        return Checkpoint(carry, np.asarray(content["history"]), found["sources"])

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
        run = {
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
            failure = Failure("folder", os.fspath(self.path), message)
            raise FileFormatError(what, [failure]) from error


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
