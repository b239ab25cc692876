"""How commands end: signals, streams and files that fail give a line and an exit code, never a traceback."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gamesolve import cli, compare
from gamesolve.cli import results

COMPARE = ["compare", "--games", "curl", "--solvers", "simgd", "--steps", "5", "--out", "OUT"]
# A line of the shell around the command, the arguments, the exit code, and a part of the message.
GONE = "mkdir gone && cd gone && rmdir ../gone && "
CASES = {
    "stdout is closed": ('"$@" >&-', COMPARE, 0, ""),
    "stderr is closed": ('"$@" 2>&-', COMPARE, 0, ""),
    "all is closed, the folder gone": (GONE + '"$@" <&- >&- 2>&-', COMPARE, 0, ""),
    "stdout is closed to a list": ('"$@" >&-', ["compare", "--list"], 0, ""),
    "stderr is closed to a mistake": ('"$@" 2>&-', ["compare", "--games", "x"], 2, ""),
    "stdout is full": ('"$@" >/dev/full', ["compare", "--list"], 2, "No space left on device"),
    "stdout is full for help": ('"$@" >/dev/full', ["--help"], 2, "No space left on device"),
    "the reader stops": ('"$@" | true; exit "${PIPESTATUS[0]}"', COMPARE, 0, ""),
    "the folder is gone": (GONE + '"$@"', COMPARE, 0, ""),
    "the folder for results is gone": (GONE + '"$@"', COMPARE[:-2], 2, "cannot write to runs"),
    "the folder of a game is gone": (
        GONE + '"$@"',
        ["compare", "my_game.py:game"],
        2,
        "the current folder was deleted",
    ),
    "a figure is too large": ('ulimit -f 6 && "$@"', COMPARE, 2, "out/curl.png: File too large"),
    "a manifest is too large": ('ulimit -f 0 && "$@"', COMPARE, 2, "out/manifest.json: File too large"),
}
QUICK = {"all is closed, the folder gone", "stdout is full"}
SLOW = {name: pytest.param(name, marks=pytest.mark.full) for name in CASES.keys() - QUICK}


def command(folder, arguments, shell='exec "$@"'):
    """Run the command in a folder, within a line of the shell."""
    # Without a cache of compiled programs, whose files are subject to the same limits.
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false", "PYTHONUNBUFFERED": ""}
    arguments = [str(folder / "out") if word == "OUT" else word for word in arguments]
    words = ["bash", "-c", shell, "bash", sys.executable, "-m", "gamesolve", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, cwd=folder, env=environment, encoding="utf-8", **pipes)


@pytest.mark.parametrize("name", [SLOW.get(name, name) for name in CASES])
def test_whatever_is_missing_the_command_ends_in_a_line(name, tmp_path):
    shell, arguments, code, message = CASES[name]
    process = command(tmp_path, arguments, shell)
    _, told = process.communicate()
    assert process.returncode == code, told
    assert "Traceback" not in told
    assert message in told
    assert told.count("\n") == bool(message)
    if code == 0 and arguments is COMPARE:
        status = json.loads((tmp_path / "out/manifest.json").read_text())["status"]
        assert status == ("interrupted" if "|" in shell else "finished")
        assert len((tmp_path / "out/results.csv").read_text().splitlines()) == 2


FINALISER = """
import os, signal, sys, time
from gamesolve.cli import endings

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

def work():
    Last()
    try:
        time.sleep(60)
    finally:
        time.sleep(1.2)  # longer than the pause between two reminders
        print("cleaned up", flush=True)

endings.heed_signals()
sys.exit(endings.ended("program", work, ValueError, "interrupted."))
"""


def test_a_signal_within_a_finaliser_is_not_lost():
    done = subprocess.run([sys.executable, "-c", FINALISER], check=False, capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stdout == "cleaned up\n"
    assert done.stderr == "program: interrupted.\n"


@pytest.mark.parametrize("sent", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.full)])
def test_a_signal_ends_the_command_and_its_manifest(sent, tmp_path):
    process = command(tmp_path, [*COMPARE[:-3], "20000", *COMPARE[-2:]])
    manifest = tmp_path / "out/manifest.json"
    while not manifest.exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert json.loads(manifest.read_text())["status"] == "unfinished"  # all that remains after a kill
    process.send_signal(getattr(signal, sent))
    _, told = process.communicate()
    assert process.returncode == 128 + getattr(signal, sent), told
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
