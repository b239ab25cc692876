"""The benchmark of recommendations, in its small form."""

import argparse

import numpy as np
import pytest

from benchmarks.measurements import recommend, tuned


@pytest.mark.full
def test_recommended_solvers_are_within_the_factor_on_small_games():
    *groups, whole = recommend.rows(argparse.Namespace(games=3, groups=[0]))
    assert [group["number"] for group in groups] == [3]
    assert whole["number"] == 3
    assert whole["within 1.3"] == 1.0
    assert whole["verdict"] == "met"


def test_kinds_of_games_differ_as_they_say():
    zero_sum, _ = recommend.draw("zero-sum", 5, 0)
    general, _ = recommend.draw("general-sum", 5, 0)
    _, box = recommend.draw("in a box", 5, 0)
    assert zero_sum.is_zero_sum
    assert not general.is_zero_sum
    np.testing.assert_array_equal(box(np.array([-1.0, 0.5])), [0.0, 0.5])


def test_step_sizes_are_tuned_with_unequal_ones_for_the_players():
    values = tuned.settings(tuned.named("simgd"), 10.0)
    assert set(values[:, 1]) == {1.0, 0.2, 5.0}
    assert values[:, 0].min() == pytest.approx(0.003)
    assert set(tuned.settings(tuned.named("golden_ratio"), 10.0)[:, 1]) == {1.0}


def test_the_full_table_has_two_hundred_games():
    assert sum(count for _, _, count in recommend.GROUPS) == 200
