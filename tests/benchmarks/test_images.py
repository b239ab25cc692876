"""The benchmark on images: its protocol on a small scene, and the sentences about the claim."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.images import halving, pictures
from benchmarks.images.choices import CLAIM, Choice
from benchmarks.images.training import CHUNK, Lanes, Scene, Trainer, trainer
from benchmarks.measurements.images import claim
from gamesolve.games import data, gan

BASELINE = Choice("hinge", "R1", "Adam AltGD")
FREE = Choice("hinge", "none", "Adam AltGD")


def _row(choice: Choice, distance: float, sd: float) -> dict:
    figures = {"distance": distance, "sd": sd, "averaged": distance / 2, "averaged sd": sd}
    return {"budget": "10 updates", **choice._asdict(), **figures}


@pytest.mark.parametrize(
    ("ours", "verdict"), [(5.0, "is better"), (9.0, "is as good"), (11.5, "is not as good"), (np.inf, "is not as good")]
)
def test_the_claim_is_judged_against_the_best_regularised_baseline(ours, verdict):
    real = {"budget": "-", "optimiser": "real images", "loss": None}
    others = [_row(CLAIM._replace(regulariser="R1"), 1.0, 0.1), _row(FREE, 1.0, 1.0)]
    diverged = _row(BASELINE._replace(regulariser="R1 + R2"), np.inf, np.inf)
    rows = [real, _row(CLAIM, ours, 1.0), _row(BASELINE, 8.5, 1.0), diverged, *others]
    last, averaged = claim(rows)
    assert last.startswith("10 updates: ACGD has")
    assert f"It {verdict}" in last
    assert "8.50 ± 1.00" in last
    assert "4.25 ± 1.00" in averaged
    assert "Adam AltGD, hinge, R1" in last


def test_without_a_baseline_nothing_is_claimed():
    assert list(claim([_row(CLAIM, 5.0, 1.0), _row(FREE, 1.0, 1.0)])) == []


def _trainer(best, ratio=1.0):
    """Return a trainer whose distance is that of the step sizes from the best ones, and NaN for large ones."""

    def quality(players):
        g, d = jnp.log10(players).T
        far = jnp.abs(g - jnp.log10(best)) + jnp.abs(d - g - jnp.log10(ratio))
        return SimpleNamespace(frechet=jnp.where(g > jnp.log10(best) + 1, jnp.nan, far))

    def start(rates, keys):
        return Lanes(rates, rates, {"average": rates}, keys, jnp.zeros(len(rates)))

    return Trainer(start, lambda lanes: lanes, quality)


@pytest.mark.parametrize("best", [1e-6, 1e-4, 1e-2, 1.0])
def test_the_screening_grows_the_grid_until_the_best_step_size_is_inside(best):
    found = halving.screened(_trainer(best), 25)
    np.testing.assert_allclose(found["rate"], best, rtol=1e-6)
    assert found["tried"] in (9, 18)


def test_the_tuning_walks_to_the_best_pair():
    found = halving.tuned(_trainer(1e-3, ratio=10.0), 10**-2.75, 25)
    np.testing.assert_allclose((found["rate"], found["ratio"]), (1e-3, 10.0), rtol=1e-6)
    assert found["inside"]


@pytest.mark.full
def test_the_rounds_find_a_step_size_inside_the_grid_and_resume(tmp_path):
    digits = data.digits()
    networks = gan.perceptrons((8, 8), latent=4, widths=(16,))
    scene = Scene(digits, gan.train_classifier(digits, steps=300), networks, batch=16)
    budget = halving.Budget(steps=50, fields=60.0, seconds=0.0)
    plan = halving.Plan((FREE, BASELINE), 50, 50, budget, finalists=1, seeds=2, folder=tmp_path)
    first = list(halving.rounds(scene, plan))
    stages = [stage for stage, *_ in first]
    assert stages == ["screening"] * 2 + ["tuning", "finals"]
    screened = {choice: result["distance"] for stage, choice, result in first if stage == "screening"}
    _, chosen, final = first[-1]
    assert chosen == min(screened, key=screened.get)
    assert final["bought"]["steps"]["steps"] == 50
    assert final["bought"]["fields"]["fields"] == 75  # the first whole chunk beyond 60
    assert len(final["bought"]["steps"]["distance"]) == 2
    again = list(halving.rounds(scene, plan))
    assert again == first
    shown = dict.fromkeys([chosen], final)
    assert len(pictures.curves(shown, floor=1.0).axes) == 3
    assert pictures.samples(shown, tmp_path, digits.inputs[: halving.SHOWN]).axes
    with pytest.raises(SystemExit, match="other settings"):
        next(halving.rounds(scene, plan._replace(seeds=3)))


@pytest.mark.full
def test_training_counts_the_products_of_inner_solves():
    digits = data.digits()
    networks = gan.perceptrons((8, 8), latent=4, widths=(16,))
    scene = Scene(digits, gan.train_classifier(digits, steps=300), networks, batch=16)
    trained = trainer(scene, CLAIM)
    lanes = trained.advance(trained.start(jnp.full((2, 2), 1e-3), jax.random.split(jax.random.key(0), 2)))
    # A field, two products for the right-hand side and the answer, and at least one iteration.
    assert bool(jnp.all(lanes.fields >= 4 * CHUNK))
    assert jax.tree.map(jnp.shape, lanes.smooth) == jax.tree.map(jnp.shape, lanes.players)
