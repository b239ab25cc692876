"""Runs on convex sets: `tol` sees the natural residual, for every way to keep players in a set."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry, transforms
from gamesolve.driving.sets import declared_by, natural_residual

SIMPLEX = optax.projections.projection_simplex
BOX = lambda z: jax.tree.map(lambda leaf: jnp.clip(leaf, 0.0, 1.0), z)
DOMINATED = gs.games.matrix_game([[2.0, 1.0], [3.0, 4.0]])
# The only equilibrium is pure: row 0 is smaller everywhere, and the column player then takes column 0.
PURE = np.array([1.0, 0.0, 1.0, 0.0])


def projecting():
    """Return a solver for the simplices by each solver, part, wrapper and position that can hold a set."""
    sets, one = gs.games.simplices(2), transforms.project(SIMPLEX)
    single = optax.chain(optax.sgd(0.1), one)
    yield "extragradient", gs.extragradient(0.1, projections=sets)
    yield "past_extragradient", gs.past_extragradient(0.1, projections=sets)
    yield "extragradient_plus", gs.extragradient_plus(0.05, 0.1, projections=sets)
    yield "forward_backward_forward", gs.forward_backward_forward(0.1, sets)
    yield "forward_reflected_backward", gs.forward_reflected_backward(0.1, sets)
    yield "golden_ratio", gs.golden_ratio(0.1, projections=sets)
    yield "adaptive_extragradient", gs.adaptive_extragradient(projections=sets)
    yield "one function for all", gs.extragradient(0.1, projections=SIMPLEX)
    yield "a list", gs.extragradient(0.1, projections=list(sets))
    yield "chain", optax.chain(gs.simgd(0.1), transforms.project(sets))
    yield "schedule", gs.extragradient(optax.constant_schedule(0.1), projections=sets)
    yield "lookahead", gs.lookahead(gs.extragradient(0.1, projections=sets), period=2, alpha=0.9)
    yield "average", gs.average(gs.extragradient(0.1, projections=sets))
    yield "extra", transforms.extra(optax.chain(gs.simgd(0.1), transforms.project(sets)))
    yield "per_player", gs.per_player(single, single)
    yield "one per player", gs.per_player(*(optax.chain(optax.sgd(0.1), transforms.project((SIMPLEX,))),) * 2)
    yield "alternating", gs.alternating(single, single)
    yield "partition", optax.partition({"all": single}, ("all", "all"))
    yield "injected", optax.inject_hyperparams(gs.extragradient)(0.1, projections=sets)
    yield "named", optax.named_chain(("gd", gs.simgd(0.1)), ("sets", one))
    yield "finite", optax.apply_if_finite(gs.extragradient(0.1, projections=sets), 3)
    mirror = transforms.mirror(0.3, transforms.simplex_entropy())
    yield "mirror", mirror
    yield "mirror per player", gs.per_player(mirror, single)
    yield "mirror_prox", gs.mirror_prox(0.3, transforms.simplex_entropy())
    yield "magnetic_mirror_descent", gs.magnetic_mirror_descent(0.3, 0.1, transforms.simplex_entropy(), period=10)
    yield "magnetic per player", gs.per_player(transforms.magnetic(0.3, 0.1, period=10), single)
    yield "regret_matching", transforms.regret_matching()
    yield "regret matching in turn", gs.alternating(transforms.regret_matching_plus(), single)
    yield "alex_gda", gs.alex_gda(0.1, projections=sets)
    yield "pdhg", gs.pdhg(0.1, projections=sets)
    yield "restarted", gs.restarted(gs.pdhg(0.1, projections=sets), every=5)
    yield "competitive_mirror_descent", gs.competitive_mirror_descent(0.3, transforms.simplex_entropy())


@pytest.mark.parametrize(("name", "solver"), [pytest.param(*row, id=row[0]) for row in projecting()])
def test_runs_stop_at_solutions_on_sets(name, solver):
    start = (jnp.array([0.2, 0.8]), jnp.array([0.3, 0.7]))
    solution = gs.solve(DOMINATED, solver, start, 2000, tol=1e-4)
    assert solution.status == gs.Status.CONVERGED
    assert 0 < int(solution.steps) < 500
    np.testing.assert_allclose(np.concatenate(solution.players), PURE, atol=2e-4)


def test_every_solver_with_sets_is_in_the_table():
    arguments = {"projections", "potentials"}
    names = {name for name, _ in projecting()}
    with_sets = {
        name for name, entry in registry.SOLVERS.items() if arguments & entry.make.__wrapped__.__annotations__.keys()
    }
    assert with_sets
    assert with_sets <= names


def test_a_long_run_stops_where_a_short_one_does():
    solver = gs.extragradient(0.1, projections=gs.games.simplices(2))
    short = gs.solve(DOMINATED, solver, DOMINATED.start, 500, tol=1e-4)
    long = gs.run(DOMINATED, solver, DOMINATED.start, 500, tol=1e-4, chunk=7, progress=False)
    assert (int(short.steps), int(short.status)) == (int(long.steps), int(long.status))


@pytest.mark.parametrize(
    ("potential", "corner"),
    [
        (transforms.simplex_entropy(), (1e-6, 1 - 1e-6)),
        (transforms.box(0.0, 1.0), (1 - 1e-6, 1 - 1e-6)),
        (transforms.entropy(), (1e-9, 1e-9)),
    ],
)
def test_geometries_do_not_stop_at_boundary_points_that_are_no_solutions(potential, corner):
    """A mirror step is tiny near every boundary, but the natural residual is not."""
    game = gs.general_sum(lambda x: x[0] - x[1])
    solution = gs.solve(game, transforms.mirror(0.1, potential), (jnp.array(corner),), 0, tol=1e-2)
    assert solution.status == gs.Status.BUDGET


@pytest.mark.parametrize("projection", [BOX, SIMPLEX])
def test_the_natural_residual_is_what_its_formula_says(projection):
    players, u = (jnp.array([0.2, 0.9]), jnp.array([3.0])), (jnp.array([-1.0, 0.5]), jnp.array([2.0]))
    declared = declared_by(transforms.project((projection, None)), players)
    residual = natural_residual(declared, players, u)
    np.testing.assert_allclose(residual[0], players[0] - projection(players[0] - u[0]))
    np.testing.assert_allclose(residual[1], u[1])


def test_sets_of_parts_inside_a_player_apply_to_its_part():
    players = ((jnp.array([2.0]), jnp.array([3.0])), jnp.array([1.0]))
    solver = gs.per_player(gs.per_player(optax.sgd(0.1), transforms.project(BOX)), optax.sgd(0.1))
    (one,) = declared_by(solver, players)
    assert one == ((0, 1), BOX)
    residual = natural_residual((one,), players, jax.tree.map(jnp.zeros_like, players))
    assert [float(leaf[0]) for leaf in jax.tree.leaves(residual)] == [0.0, 2.0, 0.0]


def test_projections_inside_per_player_take_the_player_as_a_whole():
    """A player may be a tuple itself, as long as the number of players."""
    onto_ball = lambda z: optax.projections.projection_l2_ball(z, 1.0)
    game = gs.general_sum(lambda x, y: x[0] + x[1], lambda x, y: -(y**2))
    solver = gs.per_player(optax.chain(optax.sgd(1.0), transforms.project(onto_ball)), optax.sgd(0.1))
    solution = gs.solve(game, solver, ((0.0, 0.0), 1.0), 100, tol=1e-3)
    np.testing.assert_allclose(solution.players[0], 0.5**0.5, rtol=1e-5)
    assert solution.status == gs.Status.CONVERGED


def test_runs_on_sets_are_batched_and_differentiated():
    solve = lambda payoffs, eta: gs.solve(
        gs.games.matrix_game(payoffs), gs.extragradient(eta, projections=SIMPLEX), DOMINATED.start, 500, tol=1e-4
    )
    payoffs = jnp.stack([DOMINATED.constants[0], jnp.eye(2)])
    together = jax.vmap(solve)(payoffs, jnp.array([0.1, 0.2]))
    assert together.status.tolist() == [gs.Status.CONVERGED] * 2
    slopes = jax.jacfwd(lambda eta: solve(jnp.eye(2), eta).players)(0.2)
    assert bool(jnp.all(jnp.isfinite(jnp.concatenate(slopes))))


WRONG = {
    "another shape": lambda z: z[:1],
    "a sum": jnp.sum,
    "an axis more": lambda z: z[:, None] if z.ndim else z[None],
    "another structure": lambda z: [z],
    "complex": lambda z: z + 0j,
    "nothing": lambda z: None,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", ["project", "extragradient", "golden_ratio", "forward_backward_forward", "inside"])
def test_projections_that_change_the_player_are_refused(name, wrong):
    projection = WRONG[wrong]
    solver = {
        "project": lambda: optax.chain(gs.simgd(0.1), transforms.project(projection)),
        "extragradient": lambda: gs.extragradient(0.1, projections=(None, projection)),
        "golden_ratio": lambda: gs.golden_ratio(0.1, projections=projection),
        "forward_backward_forward": lambda: gs.forward_backward_forward(0.1, projection),
        "inside": lambda: gs.per_player(optax.sgd(0.1), transforms.project(projection)),
    }[name]()
    with pytest.raises(ValueError, match="a projection must return"):
        gs.step(DOMINATED, solver, DOMINATED.start)


def test_projections_keep_the_precision_of_the_player():
    with jax.enable_x64(True):
        start = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), DOMINATED.start)
        solver = gs.extragradient(0.1, projections=lambda z: jnp.clip(z, np.zeros(2), 1.0))
        players, _ = gs.step(DOMINATED, solver, start)
    assert players[0].dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.project("simplex"), "projections must be a function or a tuple"),
        (lambda: gs.extragradient(0.1, projections=(None, 1.0)), "projections must be a function or a tuple"),
        (lambda: gs.golden_ratio(0.1, projections=3), "projections must be a function or a tuple"),
        (lambda: gs.forward_backward_forward(0.1, [2]), "projections must be a function or a tuple"),
        (lambda: transforms.mirror(0.1, "entropy"), "potentials must be a Potential or a tuple"),
        (lambda: gs.competitive_mirror_descent(0.1, (None, None)), "potentials must be a Potential or a tuple"),
        (lambda: transforms.box(jnp.zeros(2), jnp.ones(2)), r"low must be one number .* got shape \(2,\)"),
        (lambda: transforms.box(0.0, float("nan")), "high must be finite"),
    ],
)
def test_sets_of_the_wrong_kind_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_several_projections_inside_per_player_are_refused():
    one = transforms.project((BOX, BOX))
    with pytest.raises(ValueError, match="projections must be one function inside per_player"):
        gs.step(DOMINATED, gs.per_player(one, one), DOMINATED.start)


def test_rounding_of_large_players_does_not_hide_their_field():
    game = gs.zero_sum(lambda x, y: 4e-4 * x - 4e-4 * y)
    start = (jnp.float32(1e4), jnp.float32(1e4))
    solver = gs.extragradient(0.1, projections=lambda player: optax.projections.projection_box(player, -1e5, 1e5))
    solution = gs.solve(game, solver, start, 10, tol=1e-4)
    assert solution.status == gs.Status.BUDGET
