"""Published games and numbers: every claim of the published suite, row by row."""

import pytest

from benchmarks import published
from benchmarks.published import gans
from benchmarks.published.claims import agrees


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("row", [row for row in published.ROWS if row != "G18"])  # trains networks: test_gan_training
def test_every_figure_comes_out_again(row):
    claims = list(published.ROWS[row].claims())
    assert claims
    assert not [claim for claim in claims if not claim.holds]


@pytest.mark.full
@pytest.mark.usefixtures("x64")
def test_covariance_estimation_at_its_published_budget():
    claims = list(gans.g16(gans.PASSES))
    assert len(claims) == 4
    assert all(claim.holds and not claim.note for claim in claims)


def test_no_row_is_missing():
    assert list(published.ROWS) == [f"G{number}" for number in range(1, 19)]


@pytest.mark.parametrize(
    ("value", "figure", "expected"),
    [
        (0.98058, ".980581", False),
        (0.9805805, ".980581", True),
        (-0.0195784, "-.0195784", True),
        (0.0195784, "-.0195784", False),
        (4.624e-23, "4.62e-23", True),
        (4.626e-23, "4.62e-23", False),
        (float("nan"), "1.02", False),
    ],
)
def test_figures_agree_to_the_last_digit(value, figure, expected):
    assert agrees(value, figure) == expected
