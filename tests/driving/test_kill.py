"""A GAN run that is killed at random moments ends, taken up again each time, where the unbroken one ends."""

import csv
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import chex
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import checkpoint
from tests.driving import gan_run

ROOT = Path(__file__).resolve().parents[2]


def start(folder, *given):
    command = [sys.executable, "-m", "tests.driving.gan_run", str(folder), *given]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("kills", "given"),
    [
        (1, ["stateful"]),
        *(pytest.param(kills, given, marks=pytest.mark.full) for kills, given in ((20, []), (10, ["batches"]))),
        pytest.param(20, ["stateful"], marks=pytest.mark.full),
    ],
)
def test_killed_runs_lose_nothing(kills, given, tmp_path):
    rng = random.Random(kills)
    batches = lambda: gan_run.batches() if "batches" in given else None
    stateful = "stateful" in given
    reached = 0
    for _ in range(kills):
        with start(tmp_path, *given) as process:
            first = int(process.stdout.readline())  # it is under way; until now the kill would only meet the compiler
            time.sleep(rng.uniform(0, 1.2 / kills))
            process.kill()
        assert process.returncode < 0, "it ended before it was killed"
        assert reached < first  # each run goes on where the last one had got to
        found = checkpoint.found(tmp_path / "checkpoints")
        reached = max(first - 5, found[0][0] if found else 0)
        assert (found[0][0] if found else 0) >= first - 5  # the checkpoint of the chunk before was whole
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        resumed = gan_run.train(tmp_path / "checkpoints", batches=batches(), stateful=stateful)
    unbroken = gan_run.train(batches=batches(), stateful=stateful)
    chex.assert_trees_all_equal(resumed, unbroken)
    assert int(unbroken.steps) == gan_run.STEPS
    assert unbroken.status == gs.Status.BUDGET
    with (tmp_path / "log.csv").open() as file:
        logged = [int(row["step"]) for row in csv.DictReader(file)]
    lines = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines() if line]
    for steps in (logged, lines):
        assert steps == list(np.arange(5, steps[-1] + 5, 5))
        assert steps[-1] >= reached
