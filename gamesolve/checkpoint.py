"""Checkpoints: one file each, whole or not there at all.

A file is ``MAGIC``, the SHA-256 of all that follows, the length of a JSON manifest, the manifest, and the bytes of the
arrays one after the other. The manifest holds every leaf's place in the tree, shape and type (for a typed random key
its kind), the step, what the caller says about the run, and the versions that wrote it. A file comes into being under
another name, is synced to the disk and then renamed, so that a kill at any moment leaves the files before it whole.

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
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.distributed import on_host
from gamesolve.labels import is_key, path_name

MAGIC = b"gamesolve checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
_NAME = re.compile(r"checkpoint-(\d+)\.gs")


class Checkpoint(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        step: the step that it was written after.
        tree: the arrays, in the structure of the template.
        about: what the writer said about the run.
    """

    step: int
    tree: Any
    about: dict[str, Any]


class RefusedError(ValueError):
    """A file that can't be used, and why, in a few words."""


def save(folder: str | Path, step: int, tree: Any, about: Any = None, *, keep: int = 3) -> Path:
    """Write one checkpoint, then delete all but the newest ``keep``.

    Args:
        folder: where; it is made if need be.
        step: the step that the arrays belong to; it names the file.
        tree: pytree of arrays; typed random keys and bfloat16 are kept as such.
        about: what else to write down, anything that JSON can hold.
        keep: how many checkpoints stay.

    Returns:
        The file. Of several processes only the first writes one.

    Raises:
        OSError: if it can't be written; what was there before is untouched.
    """
    folder = Path(folder)
    path = folder / f"checkpoint-{step:010d}.gs"
    leaves = [(path_name(place), *_on_host(leaf)) for place, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    if jax.process_index():
        return path
    described = [
        {"path": place, "shape": array.shape, "dtype": array.dtype.name, "key": kind} for place, array, kind in leaves
    ]
    manifest = {"step": step, "leaves": described, "about": about, "versions": _versions()}
    header = json.dumps(manifest).encode()
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (np.ascontiguousarray(array).tobytes() for _, array, _ in leaves)
    _write(path, [len(header).to_bytes(_LENGTH, "little"), header, *arrays])
    superseded = [old for other, old in found(folder) if other < step][keep - 1 :]
    for old in [*superseded, *folder.glob(".checkpoint-*.tmp")]:  # temporary files are what a kill has left
        old.unlink(missing_ok=True)
    return path


def load(
    folder: str | Path, template: Callable[[int], Any], expected: Mapping[str, Any] | None = None
) -> Checkpoint | None:
    """Read the newest checkpoint that is whole and fits; warn in one sentence of each newer one.

    Args:
        folder: where they are.
        template: ``template(step)`` returns a pytree of ``jax.ShapeDtypeStruct`` (or arrays), what a checkpoint of
            that step must hold.
        expected: what ``about`` must say, by name.

    Returns:
        The checkpoint; None if the folder holds none.

    Raises:
        ValueError: if there are checkpoints, but none can be used.
    """
    folder = Path(folder)
    reasons = []
    for _, path in found(folder):
        try:
            checkpoint = read(path, template, expected or {})
        except (RefusedError, OSError) as error:
            reasons.append(f"{path.name} was not used, {error}")
            continue
        for reason in reasons:
            warnings.warn(f"{reason}; {path.name} is used instead.", stacklevel=2)
        return checkpoint
    if reasons:
        others = ", nor was an older one" if reasons[1:] else ""
        raise ValueError(
            f"{reasons[0]}{others}; go on with the arguments of the run in {folder}, or in another folder."
        )
    return None


def found(folder: Path) -> list[tuple[int, Path]]:
    """Return the steps and files of the checkpoints in a folder, newest first."""
    files = folder.glob("checkpoint-*.gs")
    named = ((match, path) for path in files if (match := _NAME.fullmatch(path.name)))
    return sorted(((int(match[1]), path) for match, path in named), reverse=True)


def read(path: Path, template: Callable[[int], Any], expected: Mapping[str, Any]) -> Checkpoint:
    """Read one file.

    Args:
        path: the file.
        template: ``template(step)`` returns a pytree of what it must hold.
        expected: what ``about`` must say, by name.

    Raises:
        RefusedError: if it is not a whole checkpoint of this structure.
    """
    manifest, data = _opened(path.read_bytes())
    step, about = manifest["step"], manifest["about"]
    for name, value in expected.items():
        if about[name] != value:
            raise RefusedError(f"it was written with {name} = {about[name]} and this run has {name} = {value}")
    wanted, treedef = jax.tree_util.tree_flatten_with_path(template(step))
    places = [(path_name(place), leaf) for place, leaf in wanted]
    entries = manifest["leaves"]
    held, here = [entry["path"] for entry in entries], [place for place, _ in places]
    if held != here:
        odd = sorted(set(held) ^ set(here)) or ["the order of the leaves"]
        raise RefusedError(
            f"it holds {len(held)} arrays where this run has {len(places)}, and they differ in {odd[0]!r}"
        )
    leaves, offset = [], 0
    for entry, (place, leaf) in zip(entries, places, strict=True):
        dtype, shape = jnp.dtype(entry["dtype"]), tuple(entry["shape"])
        size = dtype.itemsize * math.prod(shape)
        array = np.frombuffer(data, dtype, math.prod(shape), offset).reshape(shape)
        offset += size
        value = array if entry["key"] is None else jax.random.wrap_key_data(jnp.asarray(array), impl=entry["key"])
        if (value.shape, str(value.dtype)) != (leaf.shape, str(leaf.dtype)):
            raise RefusedError(
                f"{place} is {value.dtype} of shape {value.shape} in it and {leaf.dtype} of shape {leaf.shape} here"
            )
        leaves.append(jnp.asarray(value))
    return Checkpoint(step, jax.tree.unflatten(treedef, leaves), about)


@dataclasses.dataclass(frozen=True)
class Folder:
    """Where `gamesolve.run` keeps its checkpoints, unless it is given something else with the same two methods.

    Attributes:
        path: the folder.
        keep: how many checkpoints stay.
    """

    path: str | Path
    keep: int = 3

    def save(self, step: int, tree: Any, about: Mapping[str, Any]) -> None:
        """Write a checkpoint, see `save`."""
        save(self.path, step, tree, about, keep=self.keep)

    def load(self, template: Callable[[int], Any], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest one, see `load`."""
        return load(self.path, template, expected)


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("gamesolve", "jax", "optax", "numpy")}


def _opened(content: bytes) -> tuple[dict[str, Any], memoryview]:
    if content[: len(MAGIC)] != MAGIC:
        raise RefusedError("it is no checkpoint of this version of gamesolve")
    view = memoryview(content)[len(MAGIC) :]
    digest, rest = view[:_DIGEST], view[_DIGEST:]
    if hashlib.sha256(rest).digest() != digest:
        raise RefusedError("it is damaged or cut short")
    length = int.from_bytes(rest[:_LENGTH], "little")
    return json.loads(bytes(rest[_LENGTH : _LENGTH + length])), rest[_LENGTH + length :]


def _on_host(leaf: Any) -> tuple[np.ndarray, str | None]:
    """Return a leaf's numbers, and the kind of key they are."""
    kind = None
    if is_key(leaf):
        kind, leaf = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
    return on_host(leaf), kind


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
