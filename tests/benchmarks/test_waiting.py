"""The measurement of waiting times compares both calls of the command."""

import pytest

from benchmarks.measurements import waiting


@pytest.mark.full
def test_both_calls_of_compare_are_timed():
    rows = list(waiting.compared_calls("--games", "curl", "--steps", "5", "--solvers", "simgd"))
    assert [row["what"] for row in rows] == ["gamesolve compare, first call", "gamesolve compare, second call"]
    assert rows[1]["seconds"] < rows[0]["seconds"]
