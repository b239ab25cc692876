"""Methods that find their own step sizes: what each adapts to."""

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.games import gan

# Player 0 minimises, player 1 maximises; AdaGrad converges only if player 0 is slow enough.
SEPARATED = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
START = (1.0, 0.01)


def adagrad(*rates):
    return gs.per_player(*(optax.chain(optax.scale_by_rss(0.0), optax.scale(-rate)) for rate in rates))


@pytest.mark.parametrize("make", [gs.tiada, gs.tiada_coordinates])
@pytest.mark.parametrize("rates", [(0.2, 0.1), (2.0, 1.0), (5.0, 1.0)])
def test_tiada_finds_the_ratio_of_step_sizes_at_which_adagrad_fails(x64, make, rates):
    norms = {}
    for name, solver in {"tiada": make(rates), "adagrad": adagrad(*rates)}.items():
        players = gs.solve(SEPARATED, solver, START, 20_000).players
        norms[name] = float(abs(SEPARATED.field(players)[0]))
    assert norms["tiada"] < 2e-10
    assert norms["adagrad"] > 200


def test_tiada_by_coordinates_equals_tiada_for_single_numbers(x64):
    reached = [gs.solve(SEPARATED, make((0.3, 0.4)), START, 50).players for make in (gs.tiada, gs.tiada_coordinates)]
    np.testing.assert_allclose(*reached, rtol=1e-12)


def test_player_0_of_tiada_waits_for_the_largest_sum():
    game = gs.general_sum(*(lambda x, y, z, k=k: (1.0, 3.0, 2.0)[k] * (x, y, z)[k] for k in range(3)))
    x, y, z = gs.step(game, gs.tiada(1.0, alpha=0.6, beta=0.4), (0.0, 0.0, 0.0))[0]
    np.testing.assert_allclose((x, y, z), (9**-0.6, 3 * 9**-0.4, 2 * 4**-0.4), rtol=1e-6)


@pytest.mark.parametrize("make", [gs.tiada, gs.tiada_coordinates])
def test_tiada_says_what_it_needs(make):
    with pytest.raises(ValueError, match=r"alpha must be above beta = 0.6, got 0.4"):
        make(0.1, alpha=0.4, beta=0.6)
    with pytest.raises(ValueError, match=r"tiada.* needs the game and all players"):
        gs.step(SEPARATED, gs.per_player(make(0.1), optax.sgd(0.1)), START)


def test_tiada_takes_networks_of_any_shape():
    start = ({"a": jnp.ones((2, 3)), "b": jnp.zeros(())}, [jnp.ones(2)])
    game = gs.zero_sum(lambda x, y: jnp.sum(x["a"] ** 2) + x["b"] * jnp.sum(y[0]) - jnp.sum(y[0] ** 2))
    for make in (gs.tiada, gs.tiada_coordinates):
        players = gs.solve(game, make(0.1), start, 5).players
        assert jax.tree.map(jnp.shape, players) == jax.tree.map(jnp.shape, start)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(players))


COUPLING = np.random.default_rng(0).normal(size=(4, 4))
GAMES = {
    "bilinear": lambda x, y, scale: scale * (x @ COUPLING @ y),
    "quadratic": lambda x, y, scale: scale * (x @ x / 20 + x @ COUPLING @ y - y @ y / 200),
    "steep": lambda x, y, scale: scale * (jnp.sum(x**4) / 4 + x @ y - jnp.sum(y**4) / 4),
    # Not monotone where an entry is above 1, but 0 is a Minty solution.
    "minty": lambda x, y, scale: scale * (jnp.sum(jnp.log1p(x**2)) / 2 + x @ y - jnp.sum(jnp.log1p(y**2)) / 2),
}
FAR = (np.array([3.0, -2.0, 1.0, 0.5]), np.array([-1.0, 2.0, 4.0, -3.0]))


@pytest.mark.parametrize("name", GAMES)
def test_the_line_search_needs_no_tuning_over_six_orders_of_scale(x64, name):
    payoff = GAMES[name]
    spent = []
    for scale in (1e-3, 1.0, 1e3):
        game = gs.zero_sum(payoff, constants=(jnp.asarray(scale),))
        solution = gs.solve(game, gs.adaptive_extragradient(), FAR, 20_000, tol=1e-6 * scale)
        assert solution.status == gs.Status.CONVERGED
        spent.append(int(optax.tree.get(solution.state, "fields")) - 2 * int(solution.steps))
    # Only the first steps, which look for the scale, and those at bends of the field take further trials.
    assert max(spent) < 40


def test_the_line_search_converges_on_simplices_over_six_orders_of_scale(x64):
    beats = jnp.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    start = (jnp.array([0.8, 0.1, 0.1]), jnp.array([0.3, 0.3, 0.4]))
    solver = gs.adaptive_extragradient(projections=optax.projections.projection_simplex)
    for scale in (1e-3, 1.0, 1e3):
        game = gs.zero_sum(lambda x, y, A: x @ A @ y, constants=(scale * beats,))
        solution = gs.solve(game, solver, start, 1000, tol=1e-6 * scale)
        assert solution.status == gs.Status.CONVERGED
        np.testing.assert_allclose(solution.players, 1 / 3, atol=1e-5)


def searched(J, z, steps, trial, safety=0.9):
    """Take steps of extragradient with the line search in plain numpy; return players and the number of fields."""
    fields, trial = 0, min(trial, 10 * np.linalg.norm(z) / np.linalg.norm(J @ z))
    for _ in range(steps):
        v, length, fields = J @ z, 2 * trial, fields + 1
        while True:
            length, fields = length / 2, fields + 1
            w = z + length * v
            change, distance = np.linalg.norm(J @ w - v), np.linalg.norm(w - z)
            if length * change <= safety * distance:
                break
        z, trial = z + length * (J @ w), min(2 * length, safety**2 * distance / change)
    return z, fields


def test_the_line_search_takes_the_steps_of_its_formula(x64):
    J = np.block([[-np.eye(4), -COUPLING], [COUPLING.T, -np.eye(4) / 5]])
    game = gs.zero_sum(lambda x, y: x @ x / 2 + x @ COUPLING @ y - y @ y / 10)
    for trial in (1e-3, 1.0, 1e4):
        solution = gs.solve(game, gs.adaptive_extragradient(trial), FAR, 25)
        expected, fields = searched(J, np.concatenate(FAR), 25, trial)
        np.testing.assert_allclose(np.concatenate(solution.players), expected, rtol=1e-9, atol=1e-12)
        assert int(optax.tree.get(solution.state, "fields")) == fields


def test_the_line_search_is_differentiable_both_ways_in_players_constants_and_step_size(x64):
    def end(start, scale, trial):
        game = gs.zero_sum(GAMES["steep"], constants=(scale,))
        players = gs.solve(game, gs.adaptive_extragradient(trial), start, 4).players
        return jnp.sum(players[0]) + jnp.sum(players[1] ** 2)

    at = (FAR, 1.3, 0.037)
    jax.test_util.check_grads(end, at, order=1, modes=("fwd", "rev"), eps=1e-6, rtol=1e-5)


def test_the_line_search_stays_after_its_last_trial_and_goes_on_in_the_next_step():
    solver = gs.adaptive_extragradient(max_trials=3)
    game = gs.zero_sum(lambda x, y: 1e6 * x * y)
    solution = gs.solve(game, solver, (1.0, 1.0), 1)
    assert int(optax.tree.get(solution.state, "fields")) == 4
    assert tuple(map(float, solution.players)) == (1.0, 1.0)
    assert gs.solve(game, solver, (1.0, 1.0), 200, tol=1.0).status == gs.Status.CONVERGED


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e-7, 1e18, 1e25])
def test_the_line_search_finds_steps_of_any_scale_in_float32(scale):
    game = gs.zero_sum(lambda x, y, c: c * x * y, constants=(jnp.float32(scale),))
    solution = gs.solve(game, gs.adaptive_extragradient(), (1.0, 1.0), 200, tol=1e-3 * scale)
    assert solution.status == gs.Status.CONVERGED


def test_the_line_search_keeps_its_step_size_at_a_solution_on_the_boundary():
    game = gs.general_sum(lambda x, y: x, lambda x, y: y)
    solver = gs.adaptive_extragradient(projections=lambda z: jnp.clip(z, -1.0, 1.0))
    solution = gs.solve(game, solver, (0.0, 1.0), 500)
    assert tuple(map(float, solution.players)) == (1.0, 1.0)
    assert np.isfinite(optax.tree.get(solution.state, "trial"))


@pytest.mark.parametrize("make", [gs.tiada, gs.tiada_coordinates])
def test_tiada_is_differentiable_where_player_0_has_no_gradient_at_first(make, x64):
    end = lambda y: sum(gs.solve(gs.games.curl(), make(0.3), (1.0, y), 3).players)
    assert np.isfinite(jax.grad(end)(0.0))


@pytest.mark.parametrize("number", [float, np.float32, jnp.float32])
def test_limits_that_depend_on_two_arguments_hold_for_arrays_too(number):
    for make in (gs.tiada, gs.tiada_coordinates):
        with pytest.raises(ValueError, match="alpha must be above beta"):
            make(0.1, alpha=number(0.3))
        with pytest.raises(ValueError, match="alpha must be above beta"):
            make(0.1, beta=number(0.7))
    with pytest.raises(ValueError, match="learning_rate must be below"):
        gs.anchored_extragradient_varying(number(1.2), number(1.0))
    with pytest.raises(ValueError, match="width must be given"):
        gs.transforms.gap_aware(number(0.0))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_anchored_steps_stay_finite_in_half_precision(dtype):
    start = (dtype(1.0), dtype(1.0))
    solver = gs.anchored_extragradient_varying(0.5, lipschitz=1.0)
    solution = gs.solve(gs.games.curl(), solver, start, 2000)
    assert [z.dtype for z in solution.players] == [dtype, dtype]
    assert max(map(abs, map(float, solution.players))) < 0.1


def test_halpern_converges_up_to_its_limit_on_rotations(x64):
    norms = [
        float(optax.tree.norm(gs.solve(gs.games.curl(), gs.halpern(eta), (1.0, 1.0), 2000).players))
        for eta in (0.99 / 3**0.5, 1.01 / 3**0.5)
    ]
    assert norms[0] < 2e-3
    assert norms[1] > 1e3


PAIR = gs.zero_sum(lambda x, y: x[0] * y + x[1] ** 2)
WHOLE = {
    "slingshot": gs.slingshot,
    "tiada": gs.tiada,
    "tiada_coordinates": gs.tiada_coordinates,
    "guarded": lambda rate: gs.guarded(gs.simgd(rate)),
    "adaptive_extragradient": gs.adaptive_extragradient,
    "lazy_extra_newton": gs.lazy_extra_newton,
    "anchored_extragradient": gs.anchored_extragradient,
    "halpern": gs.halpern,
}


@pytest.mark.parametrize("name", WHOLE)
def test_parts_that_need_all_players_refuse_one_player_and_masks(name):
    solver, refused = WHOLE[name](0.1), pytest.raises(ValueError, match=f"{name} needs the game and all players")
    for player, game in ((1.0, gs.games.curl()), ((1.0, 1.0), PAIR)):
        with refused:
            gs.step(game, gs.per_player(solver, gs.simgd(0.1)), (player, 1.0))
        with refused:
            gs.step(game, optax.masked(solver, (True, False)), (player, 1.0))


def test_the_line_search_keeps_its_step_size_where_nothing_turns():
    constant = gs.general_sum(lambda x, y: x, lambda x, y: -y)
    solution = gs.solve(constant, gs.adaptive_extragradient(0.5), (0.0, 0.0), 1000)
    np.testing.assert_allclose(solution.players, (500.0, -500.0), rtol=1e-5)


def factor(loss, ideal=2.0, **settings):
    """Return the factor after one step with a loss, without averaging."""
    part = gs.transforms.gap_aware(ideal, decay=0.0, **settings)
    move, _ = part.update((1.0,), part.init((0.0,)), value=loss)
    return float(move[0])


def test_gap_aware_slows_a_good_discriminator_and_speeds_up_a_weak_one():
    assert factor(2.0) == 1
    np.testing.assert_allclose([factor(1.9), factor(1.8), factor(0.0)], [0.1**0.5, 0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose([factor(2.1), factor(2.2), factor(9.0)], [2**0.5, 2.0, 2.0], rtol=1e-5)
    np.testing.assert_allclose(factor(-0.5, 0.0, width=1.0, lowest=0.25), 0.5, rtol=1e-6)


def test_gap_aware_averages_the_loss_from_the_ideal_one_on():
    part = gs.transforms.gap_aware(1.0, decay=0.75)
    state = part.init((0.0,))
    for value in (3.0, 1.0):
        _, state = part.update((1.0,), state, value=value)
    np.testing.assert_allclose(state.loss, 1.375)


@pytest.mark.parametrize("make", [gs.per_player, gs.alternating])
def test_gap_aware_gets_the_loss_of_its_player(make):
    game = gs.general_sum(lambda x, y: -(x**2), lambda x, y: 0.5 * y - 7.0)
    part = optax.chain(optax.sgd(1.0), gs.transforms.gap_aware(7.0, lowest=0.5, decay=0.0))
    x, y = gs.step(game, make(optax.sgd(0.0), part), (1.0, 1.0))[0]
    # The loss is 6.5, so the gap is -0.5 of a width of 0.7.
    np.testing.assert_allclose(y, 1 + 0.5 * 0.5 ** (0.5 / 0.7), rtol=1e-6)
    assert x == 1


def test_gap_aware_says_what_it_needs():
    with pytest.raises(ValueError, match=r"width must be given if the ideal loss is 0, got None"):
        gs.transforms.gap_aware(gan.wasserstein.ideal)
    with pytest.raises(ValueError, match=r"lowest must be finite and above 0.0 and at most 1.0, got 2.0"):
        gs.transforms.gap_aware(1.0, lowest=2.0)
    with pytest.raises(ValueError, match=r"must get value=, the loss of its player, got none. Place it inside"):
        gs.step(SEPARATED, optax.chain(optax.sgd(0.1), gs.transforms.gap_aware(1.0)), START)


LOSSES = [gan.minimax, gan.non_saturating, gan.wasserstein, gan.hinge, gan.least_squares, gan.relativistic]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_ideal_loss_is_that_of_the_best_discriminator_that_can_not_tell(loss):
    logits = jnp.linspace(-3.0, 3.0, 6001)
    np.testing.assert_allclose(loss.ideal, -jnp.max(loss.discriminator(logits, logits)), atol=1e-6)


CLUSTERS = {"five": (5, gan.five), "ring": (8, lambda **settings: gan.ring(8, scale=0.1, **settings))}


@pytest.mark.full
@pytest.mark.parametrize("name", CLUSTERS)
def test_gap_aware_keeps_modes_under_a_discriminator_that_is_too_fast(name):
    """Of eight runs each, with a discriminator ten times as fast as the generator, count those that miss a mode."""
    clusters, make = CLUSTERS[name]
    networks = {"generator": gan.MLP((2, 24, 24, 2)), "discriminator": gan.MLP((2, 24, 24, 1))}
    settings = {"batch_size": 32, "latent_dim": 2, "loss": gan.non_saturating, **networks}
    generator, judge = optax.adam(1e-3, b1=0.5), optax.adam(1e-2, b1=0.5)

    def missed(solver):
        def run(key):
            experiment = make(key=key, **settings)
            start, sample = experiment.game.start, experiment.sample
            players = gs.solve(experiment.game, solver, start, 1500, sample=sample, key=key).players
            return experiment.measures["modes"](players)

        modes = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(0), 8))
        return int(jnp.sum(modes < clusters))

    plain = missed(gs.per_player(generator, judge))
    balanced = optax.chain(judge, gs.transforms.gap_aware(gan.non_saturating.ideal))
    assert missed(gs.per_player(generator, balanced)) <= plain / 2
