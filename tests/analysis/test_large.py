"""Certificates without matrices: against dense ones, at their stated confidence, and with constraints."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.analysis import Verdict
from gamesolve.linear.lanczos import extremes

KEY = jax.random.key(0)
# More parameters per player than products, so that Lanczos runs decide.
SIZE, STEPS = 25, 20


# Curvature of player 0's loss, coupling, curvature of player 1's loss: stable or not, Nash or not.
QUADRATICS = ((1.0, 1.0, 1.0), (1.0, 3.0, -0.5), (-1.0, 0.5, 1.0), (-0.5, 3.0, 0.4))


def points():
    """Return 36 games with a point each: zeros of all kinds, and points that are none."""
    found = [(gs.games.cosine(), zero) for zero in gs.games.cosine().equilibria]
    quadratics = [gs.games.quadratic(*([[entry]] for entry in at)) for at in QUADRATICS]
    found += [(game, game.equilibria[0]) for game in quadratics]
    found += [(gs.games.icr_quadratic(), point) for point in ((0.0, 0.0), (0.1, 0.0))]
    found += [(gs.games.curl(), (0.0, 0.0)), (gs.games.matching_pennies(), gs.games.matching_pennies().equilibria[0])]
    shifts = (-3.0, -0.1, 0.1, 3.0)
    found += [(shifted(seed, shift), zeros(2)) for seed in range(3) for shift in shifts]
    found += [(shifted(seed, shift, 3), zeros(3)) for seed in range(3) for shift in shifts]
    return found


def zeros(number):
    return tuple(jnp.zeros(SIZE) for _ in range(number))


def payoff(mine, *players):
    number = len(players) // 2
    z, own, rows = jnp.concatenate(players[:number]), players[mine], players[number + mine]
    block = slice(SIZE * mine, SIZE * (mine + 1))
    return own @ (rows @ z.at[block].set(0)) + own @ rows[:, block] @ own / 2 + players[-1] * own @ own / 2


FIRST, SECOND, THIRD = (partial(payoff, mine) for mine in range(3))


def shifted(seed, shift, number=2):
    """Make a game with a random J: player i's payoff reads its rows, and adds a multiple of the square of player i."""
    keys = jax.random.split(jax.random.key(seed), number)
    rows = [jax.random.normal(key, (SIZE, SIZE * number)) / jnp.sqrt(SIZE * number) for key in keys]
    return gs.general_sum(*(FIRST, SECOND, THIRD)[:number], constants=(*rows, jnp.asarray(shift)))


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.full)])
def test_verdicts_agree_with_the_dense_certificates_on_36_points(every, x64):
    found = points()
    assert len(found) == 36
    seen = {"stable": set(), "nash": set()}
    for index, (game, players) in list(enumerate(found))[::every]:
        dense = gs.analysis.classify(game, players)
        large = gs.analysis.classify_large(game, players, jax.random.fold_in(KEY, index), steps=STEPS)
        assert large.is_equilibrium == bool(dense.is_equilibrium)
        for name in seen:
            verdict, holds = getattr(large, name), bool(getattr(dense, name))
            assert verdict != (Verdict.REFUTED if holds else Verdict.HOLDS), (index, name)
            seen[name].add((verdict, holds))
    assert all({(Verdict.HOLDS, True), (Verdict.REFUTED, False)} <= outcomes for outcomes in seen.values())


def test_eigenvalues_are_those_of_the_dense_matrix(x64):
    game = shifted(0, 3.0)
    evidence = gs.analysis.classify_large(game, zeros(2), KEY).evidence
    S, _ = gs.analysis.decompose(game, zeros(2))
    assert evidence.symmetric.largest == pytest.approx(float(jnp.linalg.eigvalsh(S)[-1]), rel=1e-9)
    leading = evidence.leading
    values = gs.analysis.eigenvalues(game, zeros(2))
    assert float(jnp.min(jnp.abs(values - leading.value))) <= 2 * leading.error < 1e-6


DIAGONAL = lambda entries: lambda vector: entries * vector


def test_the_bound_fails_no_more_often_than_stated(x64):
    entries = jnp.linspace(-1.0, 0.0, 400).at[-1].set(0.02)  # a hidden eigenvalue, not far above the others
    operator, below = jax.tree_util.Partial(DIAGONAL, entries), []
    for seed in range(60):
        found = extremes(operator, entries, jax.random.key(seed), 12, 0.1)
        assert found.largest <= 0.02 + 1e-12
        assert found.smallest >= -1 - 1e-12
        below.append(found.bound < 0.02)
    assert np.mean(below) <= 0.1


def test_few_parameters_are_decided_exactly():
    found = extremes(jax.tree_util.Partial(DIAGONAL, -jnp.arange(1.0, 6)), jnp.ones(5), KEY, 9, 1e-3)
    assert found.bound == pytest.approx(-1, abs=1e-4)


def test_an_unstable_point_is_refuted_by_an_eigenpair(x64):
    # S is indefinite for both: the coupling decides.
    game = lambda a: gs.general_sum(
        lambda x, y: jnp.sum(a * x * x / 2 + 3 * x * y), lambda x, y: jnp.sum(-y * y - 3 * x * y)
    )
    at = (jnp.zeros(80), jnp.zeros(80))
    stable, unstable = (gs.analysis.classify_large(game(a), at, KEY) for a in (1.0, 3.0))
    assert (stable.stable, unstable.stable) == (Verdict.NOT_REFUTED, Verdict.REFUTED)
    assert stable.kind == "not refuted as stable, not Nash"
    assert unstable.evidence.leading.value.real == pytest.approx(0.5)


@pytest.mark.parametrize(("decay", "size"), [(0.3, 100), pytest.param(0.1, 60, marks=pytest.mark.full)])
def test_a_matrix_far_from_normal_is_not_refuted_by_a_first_order_error(decay, size, x64):
    # J is a Jordan block: its only eigenvalue is -decay, but matrices near J have eigenvalues near 1 - decay.
    game = gs.general_sum(
        lambda x, y: -decay / 2 * x @ x + x @ y, lambda x, y: -decay / 2 * y @ y + jnp.sum(y[:-1] * x[1:])
    )
    found = gs.analysis.classify_large(game, (jnp.zeros(size), jnp.zeros(size)), KEY)
    assert found.stable is Verdict.NOT_REFUTED
    assert found.evidence.leading.value.real > 0.5
    assert found.evidence.leading.error == np.inf


def test_a_field_that_rounding_loses_is_not_held_by_constraints():
    game, at = gs.zero_sum(lambda x, y: 4e-4 * x - 4e-4 * y), (jnp.float32(1e4), jnp.float32(1e4))
    for projections in ((None, None), lambda z: jnp.clip(z, -1e6, 1e6)):
        assert gs.analysis.classify(game, at, projections=projections).kind == "no equilibrium"
        assert gs.analysis.classify_large(game, at, KEY, projections=projections).kind == "no equilibrium"
    pushed = gs.zero_sum(lambda x, y: x - y)  # both players against the same bound
    held = gs.analysis.classify(pushed, at, projections=lambda z: jnp.clip(z, 1e4, 1e6))
    assert held.kind == "held by constraints"


def test_a_verdict_has_no_truth_value():
    with pytest.raises(TypeError, match="must be compared, got REFUTED as a truth value"):
        bool(Verdict.REFUTED)


def test_constraints_hold_a_player_at_the_border():
    game, projections = gs.games.matrix_game([[1.0, 2.0], [3.0, 4.0]]), gs.games.simplices(2)
    corner, middle = (jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])), (jnp.full(2, 0.5), jnp.full(2, 0.5))
    assert gs.analysis.classify(game, corner, projections=projections).kind == "held by constraints"
    assert gs.analysis.classify_large(game, corner, KEY, projections=projections).kind == "held by constraints"
    assert gs.analysis.classify(game, corner).kind == "no equilibrium"
    assert gs.analysis.classify(game, middle, projections=projections).kind == "no equilibrium"
    inside = gs.games.matching_pennies()
    assert gs.analysis.classify(inside, inside.equilibria[0], projections=projections).is_equilibrium
    outside = (jnp.zeros(2), jnp.zeros(2))  # the field is zero, but these are not probabilities
    assert gs.analysis.classify(inside, outside).is_equilibrium
    assert gs.analysis.classify(inside, outside, projections=projections).kind == "no equilibrium"


def test_arguments():
    game, at = gs.games.curl(), (0.0, 0.0)
    with pytest.raises(ValueError, match=r"confidence must be finite and above 0\.0 and below 1\.0, got 1"):
        gs.analysis.classify_large(game, at, KEY, confidence=1.0)
    with pytest.raises(TypeError, match="key must be a typed random key"):
        gs.analysis.classify_large(game, at, 0)
    with pytest.raises(ValueError, match="got traced ones"):
        jax.jit(lambda x: gs.analysis.classify_large(game, (x, 0.0), KEY).evidence.residual)(0.0)


def test_a_field_that_is_not_finite_is_no_equilibrium_and_shows_nothing():
    game = gs.zero_sum(lambda x, y: jnp.sum(jnp.sqrt(x) * y))
    found = gs.analysis.classify_large(game, (jnp.zeros(200), jnp.zeros(200)), KEY)
    assert found.kind == "no equilibrium"
    assert np.isnan(found.evidence.own[0].bound)


@pytest.mark.full
def test_a_million_parameters():
    def payoff(x, y, noise):
        return jnp.mean(jnp.tanh(noise @ x) @ y) + jnp.sum(x**2) - jnp.sum(y**2)

    noise = jax.random.normal(KEY, (8, 1000)) / 30
    game = gs.zero_sum(payoff, constants=(noise,))
    at = (jnp.zeros((1000, 500)), jnp.zeros((500, 1000)))
    assert gs.analysis.classify_large(game, at, KEY).kind == "stable, Nash"
