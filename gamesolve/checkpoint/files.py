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
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checkpoint.choosing import Checkpoint, RefusedError, newest
from gamesolve.checkpoint.disk import discard, discard_leftovers, regular, write
from gamesolve.checkpoint.lock import locked
from gamesolve.checkpoint.manifest import Entry, Manifest, as_leaf, check, decoded, describe
from gamesolve.checks import whole_number
from gamesolve.distributed import on_host
from gamesolve.trees import PyTree, numbers_of

MAGIC = b"gamesolve checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
_LONGEST = 2**28  # bytes of a manifest
_SMALL = 2**26  # bytes of a file
_NAME = re.compile(r"checkpoint-([0-9]+)\.gs")


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

    Example:
        >>> import tempfile, jax.numpy as jnp
        >>> from gamesolve import checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint.save(folder, 100, {"x": jnp.ones(2)}).name
        'checkpoint-0000000100.gs'
    """
    folder, step, keep = Path(folder), whole_number("step", step, 0), whole_number("keep", keep, 1)
    path = folder / f"checkpoint-{step:010d}.gs"
    header = json.dumps(describe(step, tree, about)).encode()
    arrays = [on_host(numbers_of(leaf)) for leaf in jax.tree.leaves(tree)]
    if jax.process_index():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    native = [array.astype(array.dtype.newbyteorder("="), order="C", copy=False).tobytes() for array in arrays]
    pieces = [len(header).to_bytes(_LENGTH, "little"), header, *native]
    write(path, [MAGIC, _digest(pieces), *pieces])
    with contextlib.suppress(OSError):  # the new file is whole, whatever becomes of the others
        discard([old for other, old in found(folder) if other < step][keep - 1 :])
        discard_leftovers(folder)
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

    Example:
        >>> import tempfile, jax.numpy as jnp
        >>> from gamesolve import checkpoint
        >>> tree = {"x": jnp.ones(2)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = checkpoint.save(folder, 100, tree)
        ...     loaded = checkpoint.load(folder, lambda step: tree)
        >>> loaded.step, loaded.tree["x"].shape
        (100, (2,))
    """
    candidates = ((path.name, partial(read, path, template, expected or {})) for _, path in found(Path(folder)))
    return newest(candidates, folder)


def found(folder: Path) -> list[tuple[int, Path]]:
    """List the steps and files of the checkpoints in a folder, newest first.

    Args:
        folder: the folder. One that does not exist has no checkpoints.

    Returns:
        A list of pairs of a step and the file of its checkpoint.

    Raises:
        OSError: if the folder can't be read.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    named = ((match, path) for path in paths if (match := _NAME.fullmatch(path.name)))
    return sorted(((int(match[1]), path) for match, path in named), reverse=True)


def read(path: Path, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint:
    """Read the checkpoint in one file.

    Args:
        path: the file.
        template: ``template(step)`` returns a pytree of shapes and types that it must match.
        expected: required entries of ``about``.

    Returns:
        The checkpoint.

    Raises:
        RefusedError: if it is not a whole checkpoint of this structure.
        OSError: if it can't be read.
    """
    with regular(path) as opened:
        if opened is None:
            raise RefusedError("is not a regular file")
        file, size = opened
        digest, header, manifest = _opening(file, size)
        # A small file is not believed before it is known to be whole. A large one is read only if it fits.
        contents = _contents(file, digest, header, manifest) if size <= _SMALL else None
        match = _NAME.fullmatch(path.name)
        if match and int(match[1]) != manifest.step:
            raise RefusedError(f"holds step {manifest.step}, not the one in its name")
        tree = template(manifest.step)
        check(manifest, tree, expected)
        contents = _contents(file, digest, header, manifest) if contents is None else contents
    leaves = [_leaf(content, entry) for content, entry in zip(contents, manifest.leaves, strict=True)]
    whole = jax.tree.unflatten(jax.tree.structure(tree), leaves)
    return Checkpoint(manifest.step, whole, manifest.about)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder in which `gamesolve.run` keeps its checkpoints; any object with `save` and `load` can replace it.

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

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which no other run may use the folder."""
        return locked(self.path)


def _opening(file: BinaryIO, size: int) -> tuple[bytes, bytes, Manifest]:
    """Read everything before the arrays: the digest, the bytes that it covers, and the manifest in them.

    No more is read than the header promises, and it must promise the whole file: that may be larger than the memory.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise RefusedError("is not a checkpoint of this version of gamesolve")
    digest, prefix = file.read(_DIGEST), file.read(_LENGTH)
    length, rest = int.from_bytes(prefix, "little"), size - len(MAGIC) - _DIGEST - _LENGTH
    if length > min(rest, _LONGEST):
        raise RefusedError("is damaged or cut short")
    text = file.read(length)
    manifest = decoded(text)
    if sum(entry.size for entry in manifest.leaves) != rest - length:
        raise RefusedError("is damaged or cut short")
    return digest, prefix + text, manifest


def _contents(file: BinaryIO, digest: bytes, header: bytes, manifest: Manifest) -> list[bytes]:
    """Read the bytes of the arrays."""
    contents = [file.read(entry.size) for entry in manifest.leaves]
    if _digest([header, *contents]) != digest:
        raise RefusedError("is damaged or cut short")
    return contents


def _leaf(content: bytes, entry: Entry) -> jax.Array | np.ndarray:
    array = np.frombuffer(content, entry.dtype, math.prod(entry.shape)).reshape(entry.shape)
    return as_leaf(jnp.asarray(array), entry)


def _digest(pieces: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
