"""Checkpoints: one atomically written file each.

A file holds ``MAGIC``, the SHA-256 of everything after it, the length of a JSON manifest, the manifest, and the bytes
of the arrays one after the other. The manifest holds the path, shape and type of every leaf (and the kind of a typed
random key), the step, the caller's notes on the run, and the versions that wrote it. A file is written under another
name, synced to the disk and then renamed, so that a kill at any moment leaves all earlier files whole.

>>> import tempfile, jax, jax.numpy as jnp
>>> from gamesolve import checkpoint
>>> tree = {"x": jnp.arange(3.0), "key": jax.random.key(0)}
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = checkpoint.save(folder, 7, tree)
...     found = checkpoint.load(folder, lambda step: jax.eval_shape(lambda: tree))
>>> found.step, found.tree["x"].tolist()
(7, [0.0, 1.0, 2.0])
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checkpoint.manifest import Checkpoint, RefusedError, as_leaf, check, describe, newest
from gamesolve.checks import whole_number
from gamesolve.distributed import on_host
from gamesolve.trees import PyTree, numbers_of

MAGIC = b"gamesolve checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
_NAME = re.compile(r"checkpoint-(\d+)\.gs")


def save(folder: str | Path, step: int, tree: PyTree, about: Mapping[str, Any] | None = None, *, keep: int = 3) -> Path:
    """Write one checkpoint, then delete all but the newest ``keep``.

    Args:
        folder: the folder; it is created if it does not exist.
        step: the step that the arrays belong to; it names the file.
        tree: pytree of arrays; typed random keys and bfloat16 are supported.
        about: notes on the run by name, anything that JSON can hold.
        keep: number of checkpoints to keep. Default: 3.

    Returns:
        The file. If there are several processes, only the first one writes it.

    Raises:
        OSError: if it cannot be written; earlier files are untouched.
        TypeError: if a leaf is not an array of numbers.
    """
    folder, step, keep = Path(folder), whole_number("step", step, 0), whole_number("keep", keep, 1)
    path = folder / f"checkpoint-{step:010d}.gs"
    header = json.dumps(describe(step, tree, about)).encode()
    arrays = [on_host(numbers_of(leaf)) for leaf in jax.tree.leaves(tree)]
    if jax.process_index():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    native = (array.astype(array.dtype.newbyteorder("="), order="C", copy=False).tobytes() for array in arrays)
    _write(path, [len(header).to_bytes(_LENGTH, "little"), header, *native])
    superseded = [old for other, old in found(folder) if other < step][keep - 1 :]
    for old in [*superseded, *folder.glob(".checkpoint-*.tmp")]:  # a kill leaves temporary files
        old.unlink(missing_ok=True)
    return path


def load(
    folder: str | Path, template: Callable[[int], PyTree], expected: Mapping[str, Any] | None = None
) -> Checkpoint | None:
    """Read the newest checkpoint that is whole and fits; warn about each newer one.

    Args:
        folder: the folder.
        template: ``template(step)`` returns a pytree of ``jax.ShapeDtypeStruct`` (or arrays) that a checkpoint of that
            step must match.
        expected: required entries of ``about``.

    Returns:
        The checkpoint; None if the folder holds none.

    Raises:
        ValueError: if there are checkpoints, but none is usable.
    """
    candidates = ((path.name, partial(read, path, template, expected or {})) for _, path in found(Path(folder)))
    return newest(candidates, folder)


def found(folder: Path) -> list[tuple[int, Path]]:
    """List the steps and files of the checkpoints in a folder, newest first."""
    files = folder.glob("checkpoint-*.gs")
    named = ((match, path) for path in files if (match := _NAME.fullmatch(path.name)))
    return sorted(((int(match[1]), path) for match, path in named), reverse=True)


def read(path: Path, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint:
    """Read one file.

    Args:
        path: the file.
        template: ``template(step)`` returns a pytree of shapes and types that it must match.
        expected: required entries of ``about``.

    Raises:
        RefusedError: if it is not a whole checkpoint of this structure.
    """
    manifest, data = _opened(path.read_bytes())
    tree = template(manifest["step"])
    check(manifest, tree, expected)
    leaves, offset = [], 0
    for entry in manifest["leaves"]:
        dtype, shape = jnp.dtype(entry["dtype"]), tuple(entry["shape"])
        array = np.frombuffer(data, dtype, math.prod(shape), offset).reshape(shape)
        offset += array.nbytes
        leaves.append(as_leaf(jnp.asarray(array), entry))
    return Checkpoint(manifest["step"], jax.tree.unflatten(jax.tree.structure(tree), leaves), manifest["about"])


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder in which `gamesolve.run` keeps its checkpoints; any object with the same two methods can replace it.

    Attributes:
        path: the folder.
        keep: number of checkpoints to keep. Default: 3.
    """

    path: str | Path
    keep: int = 3

    def save(self, step: int, tree: PyTree, about: Mapping[str, Any]) -> None:
        """Write a checkpoint, see `save`."""
        save(self.path, step, tree, about, keep=self.keep)

    def load(self, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest one, see `load`."""
        return load(self.path, template, expected)


def _opened(content: bytes) -> tuple[dict[str, Any], memoryview]:
    if content[: len(MAGIC)] != MAGIC:
        raise RefusedError("is not a checkpoint of this version of gamesolve")
    view = memoryview(content)[len(MAGIC) :]
    digest, rest = view[:_DIGEST], view[_DIGEST:]
    if hashlib.sha256(rest).digest() != digest:
        raise RefusedError("is damaged or cut short")
    length = int.from_bytes(rest[:_LENGTH], "little")
    return json.loads(bytes(rest[_LENGTH : _LENGTH + length])), rest[_LENGTH + length :]


def _write(path: Path, pieces: Sequence[bytes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            for piece in (MAGIC, _digest(pieces), *pieces):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(pieces: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
