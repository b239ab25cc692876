"""Messages about a missing extra name a command that works for the way in which gamesolve was installed."""

import json
import pathlib
import re
import shlex
import tomllib

import pytest

from gamesolve.checks import extras

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def asked(record):
    """Return the arguments that the shell passes to pip."""
    return shlex.split(extras.command("data", json.dumps(record)))


def test_an_editable_checkout(tmp_path):
    record = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert asked(record) == ["pip", "install", "-e", f"{tmp_path}[data]"]


def test_a_checkout(tmp_path):
    assert asked({"url": tmp_path.as_uri(), "dir_info": {}}) == ["pip", "install", f"{tmp_path}[data]"]


def test_a_folder_with_a_space(tmp_path):
    folder = tmp_path / "my games"
    folder.mkdir()
    assert asked({"url": folder.as_uri(), "dir_info": {"editable": True}})[-1] == f"{folder}[data]"


def test_a_wheel(tmp_path):
    wheel = tmp_path / "gamesolve-0.1.0-py3-none-any.whl"
    wheel.touch()
    assert asked({"url": wheel.as_uri(), "archive_info": {}})[-1] == f"gamesolve[data] @ {wheel.as_uri()}"


def test_a_repository():
    record = {"url": "https://example.org/g.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    assert asked(record)[-1] == "gamesolve[data] @ git+https://example.org/g.git@abc"


@pytest.mark.parametrize("record", [{}, {"url": "file:///nowhere/gamesolve.whl", "archive_info": {}}])
def test_an_index_or_a_file_that_is_gone(record):
    assert asked(record) == ["pip", "install", "gamesolve[data]"]


def test_the_running_gamesolve():
    assert extras.command("data").endswith("[data]'")


def test_messages_ask_for_extras_that_exist_and_in_one_way():
    sources = [
        file.read_text(encoding="utf-8") for room in ("gamesolve", "benchmarks") for file in (ROOT / room).rglob("*.py")
    ]
    asked_for = re.findall(r'needs\([^()]*(?:\([^()]*\))?[^()]*"(\w+)"\)', "\n".join(sources))
    assert len(asked_for) >= 10
    assert set(asked_for) <= set(EXTRAS)
    advised = [source for source in sources if "pip install" in source]
    assert len(advised) == 1
