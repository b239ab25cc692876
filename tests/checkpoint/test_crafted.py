"""Crafted checkpoints: whatever a file holds, it is refused in a sentence and the older whole one is used."""

import hashlib
import json
import os
import socket
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gamesolve import checkpoint
from gamesolve.checkpoint import files
from gamesolve.checkpoint.choosing import RefusedError
from gamesolve.checkpoint.manifest import parsed

TREE = {"a": jnp.arange(3.0), "key": jax.random.key(0), "n": jnp.int32(4)}
ABOUT = {"chunk": 10}
OLD, NEW = "checkpoint-0000000003.gs", "checkpoint-0000000004.gs"
TEMPLATE = lambda step: jax.eval_shape(lambda: TREE)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The manifest of a checkpoint of step 4, and the bytes of its arrays."""
    content = checkpoint.save(tmp_path_factory.mktemp("parts"), 4, TREE, ABOUT).read_bytes()
    rest = content[len(files.MAGIC) + 32 :]
    length = int.from_bytes(rest[:8], "little")
    return json.loads(rest[8 : 8 + length]), rest[8 + length :]


def sealed(text, arrays=b"", length=None):
    """Return a file with a right digest around any manifest."""
    body = (len(text) if length is None else length).to_bytes(8, "little") + text + arrays
    return files.MAGIC + hashlib.sha256(body).digest() + body


def load(folder):
    """Return what is loaded and what is said."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = checkpoint.load(folder, TEMPLATE, ABOUT)
    return found, [str(each.message) for each in told]


def check_refused(folder):
    """The file is refused alone, and passed over beside an older one, each in one short line."""
    with pytest.raises(ValueError, match=rf"No usable checkpoint in .*: {NEW} ") as caught:
        checkpoint.load(folder, TEMPLATE, ABOUT)
    checkpoint.save(folder, 3, TREE, ABOUT)
    found, told = load(folder)
    assert found.step == 3
    assert len(told) == 1
    assert told[0].startswith(f"{NEW} ")
    assert told[0].endswith(f". {OLD} is used instead.")
    for said in (told[0], str(caught.value).replace(str(folder), "")):
        assert len(said) < 500
        assert said.isprintable()


WRONG = {
    "none": None,
    "true": True,
    "text": "x\n\0\ud800",
    "negative": -1,
    "huge": 10**400,
    "fraction": 4.0,
    "nan": float("nan"),
    "list": [[]],
    "object": {"a": 1},
}
FIELDS = ["step", "leaves", "about", *(f"leaves/{name}" for name in ("0", "path", "shape", "dtype", "key"))]
# Values that a field may have: these files are whole.
RIGHT = {("leaves/key", "none")}


def replaced(manifest, field, value):
    manifest = json.loads(json.dumps(manifest))
    if not field.startswith("leaves/"):
        return manifest | {field: value}
    name = field.removeprefix("leaves/")
    manifest["leaves"][0] = value if name == "0" else manifest["leaves"][0] | {name: value}
    return manifest


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_every_field_of_every_wrong_type(field, wrong, parts, tmp_path):
    manifest, arrays = parts
    text = json.dumps(replaced(manifest, field, WRONG[wrong])).encode()
    (tmp_path / NEW).write_bytes(sealed(text, arrays))
    if (field, wrong) in RIGHT:
        assert load(tmp_path)[0].step == 4
    else:
        check_refused(tmp_path)


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in ("leaves/0", "leaves/key")])
def test_every_missing_field(field, parts, tmp_path):
    manifest, arrays = parts
    manifest = replaced(manifest, field, None)
    del (manifest["leaves"][0] if "/" in field else manifest)[field.rpartition("/")[2]]
    (tmp_path / NEW).write_bytes(sealed(json.dumps(manifest).encode(), arrays))
    check_refused(tmp_path)


LEAVES = {
    "of objects": {"dtype": "object"},
    "of text": {"dtype": "<U8"},
    "of dates": {"dtype": "datetime64[s]"},
    "of fields": {"dtype": "f4,f4"},
    "of bytes": {"dtype": "void32"},
    "of an alias": {"dtype": "a"},
    "of no such type": {"dtype": "float7"},
    "of twice the bytes": {"dtype": "float64"},
    "of other bytes": {"dtype": "int32"},
    "of no such key": {"key": "md5"},
    "a key of floats": {"key": "threefry2x32"},
    "of too many": {"shape": [2**62]},
    "of an overflow": {"shape": [2**62, 2**62, 2**62]},
    "of too many dimensions": {"shape": [1] * 100 + [3]},
    "of true rows": {"shape": [3, True]},
    "of negative rows": {"shape": [-3]},
    "of two negatives": {"shape": [-3, -1]},
    "of none and too many": {"shape": [0, 2**62]},
    "of another shape": {"shape": [3, 1]},
    "elsewhere": {"path": "b"},
    "at a long path": {"path": "a" * 10**6},
    "at a path of line breaks": {"path": "\r\n\x1b[31m\0"},
    "twice": {"path": "n"},
}


@pytest.mark.parametrize("name", LEAVES)
def test_leaves_that_are_not_these_arrays(name, parts, tmp_path):
    manifest, arrays = parts
    leaves = [manifest["leaves"][0] | LEAVES[name], *manifest["leaves"][1:]]
    (tmp_path / NEW).write_bytes(sealed(json.dumps(manifest | {"leaves": leaves}).encode(), arrays))
    check_refused(tmp_path)


def nested(text, depth):
    return text.replace(b'"chunk": 10', b'"chunk": ' + b"[" * depth + b"]" * depth)


MANIFESTS = {
    "empty": lambda text: b"",
    "a number": lambda text: b"4",
    "a list": lambda text: b"[]",
    "an empty object": lambda text: b"{}",
    "not closed": lambda text: text[:-1],
    "closed twice": lambda text: text + b"}",
    "not unicode": lambda text: text.replace(b"chunk", b"\xff\xfe"),
    "half unicode": lambda text: text + b"\0",
    "deep": lambda text: nested(text, 100_000),
    "as deep as text can be": lambda text: nested(text, 900),
    "a long number": lambda text: text.replace(b'"step": 4', b'"step": ' + b"4" * 10_000),
    "infinite": lambda text: text.replace(b'"step": 4', b'"step": Infinity'),
    "of another step": lambda text: text.replace(b'"step": 4', b'"step": 5'),
    "of another run": lambda text: text.replace(b'"chunk": 10', b'"chunk": 11'),
    "of a run of long words": lambda text: text.replace(b'"chunk": 10', b'"chunk": "' + b"x" * 10**6 + b'"'),
    "of a run of line breaks": lambda text: text.replace(b'"chunk": 10', b'"chunk": "\\n\\u0000\\ud800"'),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_that_are_not_json_of_a_run(name, parts, tmp_path):
    manifest, arrays = parts
    (tmp_path / NEW).write_bytes(sealed(MANIFESTS[name](json.dumps(manifest).encode()), arrays))
    check_refused(tmp_path)


@pytest.mark.parametrize("part", ["magic", "digest", "length", "manifest", "arrays"])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_cut_at_every_boundary(part, off, parts, tmp_path):
    manifest, arrays = parts
    text = json.dumps(manifest).encode()
    sizes = {"magic": len(files.MAGIC), "digest": 32, "length": 8, "manifest": len(text), "arrays": len(arrays)}
    names = list(sizes)
    end = sum(sizes[name] for name in names[: names.index(part) + 1]) + off
    whole = sealed(text, arrays) + b"\0"
    (tmp_path / NEW).write_bytes(whole[:end])
    if end == len(whole) - 1:
        assert load(tmp_path)[0].step == 4
    else:
        check_refused(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**40, 2**64 - 1])
def test_promises_of_another_length(length, parts, tmp_path):
    manifest, arrays = parts
    (tmp_path / NEW).write_bytes(sealed(json.dumps(manifest).encode(), arrays, length))
    check_refused(tmp_path)


def sparse(path, parts):
    manifest, arrays = parts
    path.write_bytes(sealed(json.dumps(manifest).encode(), arrays))
    os.truncate(path, 2**43)


def sparse_promised(path, parts):
    """A file of 8 TB, all of which its manifest promises."""
    manifest, _ = parts
    leaf = manifest["leaves"][0] | {"shape": [2**41]}
    path.write_bytes(sealed(json.dumps(manifest | {"leaves": [leaf]}).encode()))
    os.truncate(path, path.stat().st_size + 2**43)


def sparse_manifest(path, parts):
    path.write_bytes(sealed(b"{", length=2**42))
    os.truncate(path, 2**43)


def bound_socket(path, parts):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


KINDS = {
    "a sparse file of 8 TB": sparse,
    "a promised sparse file of 8 TB": sparse_promised,
    "a sparse manifest": sparse_manifest,
    "a pipe": lambda path, parts: os.mkfifo(path),
    "a socket": bound_socket,
    "a link to an endless device": lambda path, parts: path.symlink_to("/dev/zero"),
    "a link to a terminal": lambda path, parts: path.symlink_to("/dev/ptmx"),
    "a link to an empty device": lambda path, parts: path.symlink_to("/dev/null"),
    "a link to itself": lambda path, parts: path.symlink_to(path),
    "a link to nothing": lambda path, parts: path.symlink_to(path.with_name("nothing")),
    "a folder": lambda path, parts: path.mkdir(),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="files of POSIX")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file(kind, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    KINDS[kind](tmp_path / NEW if kind != "a socket" else type(tmp_path)(NEW), parts)
    check_refused(tmp_path)


def test_files_of_every_name_are_passed_over(tmp_path):
    checkpoint.save(tmp_path, 3, TREE, ABOUT)
    for name in ("checkpoint-.gs", "checkpoint--1.gs", "checkpoint-٣.gs", "checkpoint-1\n.gs", "checkpoint-1e3.gs"):
        (tmp_path / name).write_bytes(b"mine")
    found, told = load(tmp_path)
    assert (found.step, told) == (3, [])
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("content", [None, 3, [], {}, {"step": 1}, {"step": 1, "leaves": [3]}])
def test_a_manifest_in_any_format_is_parsed_the_same_way(content):
    with pytest.raises(RefusedError, match="is damaged: its manifest has a"):
        parsed(content)


def test_the_parts_make_a_whole_checkpoint(parts, tmp_path):
    manifest, arrays = parts
    (tmp_path / NEW).write_bytes(sealed(json.dumps(manifest).encode(), arrays))
    found, told = load(tmp_path)
    assert (found.step, told) == (4, [])
    np.testing.assert_array_equal(found.tree["a"], TREE["a"])
