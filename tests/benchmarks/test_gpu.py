"""The measurement of an accelerator ends in time, and its command fits into one call."""

import argparse
import subprocess
from pathlib import Path

from benchmarks.measurements import gpu

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.sh"


def rows(**settings):
    return list(gpu.rows(argparse.Namespace(**{"millions": [], "lanes": [], "batch": 8, "steps": 2} | settings)))


def test_lanes_are_measured_beside_hand_written_ones():
    found = rows(lanes=[4], seconds=300)
    assert [row["solver"] for row in found] == list(gpu.ON_LANES)
    assert all(row["gamesolve, steps/s"] > 0 and row["by hand, steps/s"] > 0 for row in found)


def test_rows_that_do_not_fit_into_the_time_are_named():
    found = rows(millions=[0.1, 10.0], lanes=[100_000], seconds=-1)
    assert len(found) == 2 * (2 * len(gpu.SOLVERS) + 1) + len(gpu.ON_LANES)
    assert {row["note"] for row in found} == {"out of time"}


def test_the_script_is_short_and_well_formed():
    assert len(SCRIPT.read_text()) < 2000
    subprocess.run(["bash", "-n", SCRIPT], check=True)
