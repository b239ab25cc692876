"""How commands end: signals, streams and files that fail give a line and an exit code, never a traceback."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gamesolve import cli, compare
from gamesolve.cli import results

COMPARE = ["compare", "--games", "curl", "--solvers", "simgd", "--steps", "5", "--out", "OUT"]
# What is missing, the arguments, the exit code, and a part of the line.
CASES = {
    "stdout": ({"descriptors": [1]}, COMPARE, 0, ""),
    "stderr": ({"descriptors": [2]}, COMPARE, 0, ""),
    "streams and folder": ({"descriptors": [0, 1, 2], "folder": True}, COMPARE, 0, ""),
    "stdout of a list": ({"descriptors": [1]}, ["compare", "--list"], 0, ""),
    "stderr and a game": ({"descriptors": [2]}, ["compare", "--games", "x"], 2, ""),
    "space on stdout": ({"stdout": "/dev/full"}, ["compare", "--list"], 2, "No space left on device"),
    "space on stdout for help": ({"stdout": "/dev/full"}, ["--help"], 2, "No space left on device"),
    "folder": ({"folder": True}, COMPARE, 0, ""),
    "folder for the results": ({"folder": True}, COMPARE[:-2], 2, "cannot write to runs"),
    "folder of a game": ({"folder": True}, ["compare", "my_game.py:game"], 2, "cannot read or write"),
    "space for a figure": ({"size": 6000}, COMPARE, 2, "File too large"),
    "space for a manifest": ({"size": 9}, COMPARE, 2, "File too large"),
}
QUICK = {"streams and folder", "space on stdout"}


def command(arguments, prepare=lambda: None, **options):
    """Run the command in a process; ``prepare`` runs there before it."""
    # Without a cache of compiled programs, whose files are subject to the same limits.
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false", "PYTHONUNBUFFERED": ""}
    options = {"preexec_fn": prepare, "env": environment, "encoding": "utf-8", "stderr": subprocess.PIPE} | options
    return subprocess.Popen([sys.executable, "-m", "gamesolve", *arguments], **options)


def without(folder=None, descriptors=(), size=resource.RLIM_INFINITY):
    """Return a function that limits files to a size, removes the folder that it works in, and closes descriptors."""

    def prepare():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        if folder:
            folder.mkdir()
            os.chdir(folder)
            folder.rmdir()
        for descriptor in descriptors:
            os.close(descriptor)

    return prepare


SLOW = {name: pytest.param(name, marks=pytest.mark.full) for name in CASES.keys() - QUICK}


@pytest.mark.parametrize("name", [SLOW.get(name, name) for name in CASES])
def test_whatever_is_missing_the_command_ends_in_a_line(name, tmp_path):
    missing, arguments, code, message = CASES[name]
    words = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
    limits = {key: value for key, value in missing.items() if key in ("descriptors", "size")}
    prepare = without(tmp_path / "gone" if "folder" in missing else None, **limits)
    with Path(missing.get("stdout", os.devnull)).open("w") as stdout:
        process = command(words, prepare, stdout=stdout)
        _, told = process.communicate()
    assert process.returncode == code, told
    assert "Traceback" not in told
    assert message in told
    assert told.count("\n") == bool(message)
    if code == 0 and arguments is COMPARE:
        assert json.loads((tmp_path / "out/manifest.json").read_text())["status"] == "finished"
        assert len((tmp_path / "out/results.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize("sent", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.full)])
def test_a_signal_ends_the_command_and_its_manifest(sent, tmp_path):
    process = command([*COMPARE[:-3], "20000", "--out", str(tmp_path)], stdout=subprocess.DEVNULL)
    manifest = tmp_path / "manifest.json"
    while not manifest.exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert json.loads(manifest.read_text())["status"] == "unfinished"  # all that remains after a kill
    process.send_signal(getattr(signal, sent))
    _, told = process.communicate()
    assert process.returncode == 128 + getattr(signal, sent)
    assert told == "gamesolve: interrupted. Finished results have been written.\n"
    assert json.loads(manifest.read_text())["status"] == "interrupted"


def compare_into(folder, *more):
    return cli.main([*COMPARE[:-1], str(folder), *more])


def test_nothing_of_another_run_is_overwritten(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").touch()
    assert compare_into(out) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert compare_into(out) == 2
    assert "must be a folder without a run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    for name in ("manifest.json", "results.csv", "curl.png"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).symlink_to("elsewhere")
        assert compare_into(folder) == 2
        assert f"with {name}" in capsys.readouterr().err
        assert [path.name for path in folder.iterdir()] == [name]


def test_a_mistake_in_the_settings_leaves_no_folder(tmp_path, capsys):
    for wrong in (["--lr", "1,2,3"], ["--steps", "1000000000000"], ["--seeds", "1000000000"]):
        assert compare_into(tmp_path / "out", *wrong) == 2
        assert not (tmp_path / "out").exists()
    assert "1000000000 starts and 6 points each takes 45 GiB, more than the limit of 2 GiB" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A0", "+1+1", "-2-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(text, tmp_path):
    row = compare.Row(text, text, "0.1", "budget", 0, 0, 1, distance=-1.0, notes=text)
    with results.open_table(tmp_path) as write:
        write(row)
    with (tmp_path / "results.csv").open(newline="") as file:
        (cells,) = csv.DictReader(file)
    assert cells["game"] == cells["solver"] == cells["notes"] == f"'{text}"
    assert cells["distance"] == "-1.0"


def test_long_names_of_games_have_figures():
    assert len(results._figure_name("g" * 300)) < 255
