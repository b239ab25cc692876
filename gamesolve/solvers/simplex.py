"""Matrix games: pulls to a reference, primal-dual steps and restarts for players on simplices and other convex sets."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import transforms
from gamesolve.checks import check_number, whole_number
from gamesolve.driving.sets import Declared, Projections, declared_by, natural_residual
from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.solvers.entry import Cost, declare
from gamesolve.solvers.extrapolated import alex_gda
from gamesolve.solvers.gradient import simgd
from gamesolve.transforms import rates
from gamesolve.transforms._base import require_game
from gamesolve.transforms._origin import INSIDE, require_origin
from gamesolve.transforms.simplex import ON_SIMPLICES
from gamesolve.trees import Marks, Players, PyTree, Scalar, State, Updates, dot, norm, widened, widest

__all__ = ["magnetic_mirror_descent", "pdhg", "restarted"]


@declare(
    formula="∇ψ*((∇ψ(z) + E v + α E ∇ψ(ρ)) / (1 + α E))",
    paper="Sokota et al. 2023",
    cost=Cost(),
    arguments={"alpha": 0.1, "period": 3, "potentials": transforms.squared_distance()},
    rated=False,
)
@parametric
def magnetic_mirror_descent(
    learning_rate: rates.Rates,
    alpha: rates.Rates,
    potentials: transforms.Potential | tuple[transforms.Potential, ...] = ON_SIMPLICES,
    reference: PyTree = None,
    period: int | None = None,
) -> optax.GradientTransformation:
    """Take mirror steps that are also pulled towards a reference strategy: magnetic mirror descent.

    On simplices the next strategy is proportional to ``[p exp(eta q) rho^(eta alpha)]^(1 / (1 + eta alpha))``, with
    the payoffs q of the actions. In zero-sum games with a fixed uniform reference the strategies themselves converge
    linearly to the quantal response equilibrium of temperature alpha, see `games.quantal`. With a period they converge
    to an equilibrium of the game itself. A run with ``tol`` measures the residual of the game without the pull.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: strength of the pull, likewise; a schedule towards zero anneals it.
        potentials: geometry for all players, or a tuple with one per player. Default: `transforms.simplex_entropy`.
        reference: the players rho to which the pull leads. Default: the players at the start.
        period: number of steps after which the current players become the reference. Default: None, a fixed reference.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rock_paper_scissors(stakes=(1.0, 1.0, 3.0))
        >>> uniform = gs.games.rock_paper_scissors().equilibria[0]
        >>> solver = gs.magnetic_mirror_descent(0.1, alpha=0.2, reference=uniform)
        >>> [round(float(p), 3) for p in gs.solve(game, solver, game.start, 500).players[0]]
        [0.25, 0.583, 0.166]
        >>> solver = gs.magnetic_mirror_descent(0.1, alpha=0.2, period=100)
        >>> [round(float(p), 3) for p in gs.solve(game, solver, game.start, 5000).players[0]]
        [0.2, 0.6, 0.2]

    Reference:
        Sokota et al., "A Unified Approach to Reinforcement Learning, Quantal Response Equilibria, and Two-Player
        Zero-Sum Games", ICLR 2023, https://arxiv.org/abs/2206.05825
    """
    return transforms.magnetic(learning_rate, alpha, potentials, reference, period)


@declare(
    formula="z_i + E_i v_i(2 z_j_next - z_j), i in turn",
    paper="Chambolle, Pock 2011",
    cost=Cost(),
)
@parametric
def pdhg(learning_rate: rates.Rates, projections: Projections = None) -> optax.GradientTransformationExtraArgs:
    """Step in turn, player 1 against twice the move of player 0, and project: primal-dual hybrid gradient (PDHG).

    ``x_next = P(x + E v_x(x, y))`` and ``y_next = P(y + E v_y(2 x_next - x, y))``: one gradient per player and step. On
    bilinear games with matrix M it converges if the product of the two step sizes is below ``1 / ||M||^2``. It is
    `alex_gda` with ``gamma = 2`` and ``delta = 1``. `restarted` makes it faster on matrix games and linear programs.

    Args:
        learning_rate: step size E, see `transforms.rates`; a tuple is the step sizes of both players.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The solver; it stands first in a chain, since it takes the gradients itself.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.pdhg(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [1.0, 0.5]

    Reference:
        Chambolle, Pock, "A First-Order Primal-Dual Algorithm for Convex Problems with Applications to Imaging", JMIV
        2011.
    """
    return alex_gda(learning_rate, 2.0, 1.0, projections).transformation


class RestartedState(NamedTuple):
    """State of `restarted`: the inner state, steps since the last restart, their average, the start and its gap."""

    inner: State
    since: jax.Array
    average: Players
    start: Players
    gap: jax.Array


@declare(
    formula="the mean of the inner iterates, when its gap has shrunk enough",
    paper="Applegate et al. 2023",
    cost=Cost(),
    arguments={"every": 3},
    inner=simgd,
    rated=False,
)
@parametric
def restarted(
    inner: optax.GradientTransformation, every: int = 40, factor: float = 0.37
) -> optax.GradientTransformationExtraArgs:
    """Restart a solver from the average of its iterates, as soon as that is better by a factor: adaptive restarts.

    Let ``gap_r(z)`` be the largest ``<v(z), w - z> / r`` over the points w of the players' sets within the distance r.
    The run restarts at the average a of the iterates since its last restart s if ``gap_r(a) <= factor gap_q(s)``, where
    r is the distance from a to s, and q that from s to the restart before it. The first restart comes after ``every``
    steps. The sets are those of the inner solver. For bilinear payoffs, as in matrix games and linear programs,
    ``gap_r`` is the normalised duality gap of the paper, and restarts make the convergence of averages linear. Each
    restart also resets the inner state.

    Args:
        inner: solver to restart, such as `pdhg` or `extragradient`.
        every: number of steps between two tests, each of which costs one more field evaluation. Default: 40.
        factor: factor by which the gap must shrink, below 1. Default: 0.37, near the paper's 1/e.

    Returns:
        The solver; it stands first in a chain, and before `per_player`.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.random_matrix_game(jax.random.key(0), (10, 10))
        >>> solver = gs.restarted(gs.pdhg(0.1, projections=gs.games.simplices(2)))
        >>> bool(gs.games.duality_gap(game, gs.solve(game, solver, game.start, 2000).players) < 1e-5)
        True

    Reference:
        Applegate, Hinder, Lu, Lubin, "Faster First-Order Primal-Dual Methods for Linear Programming using Restarts and
        Sharpness", Math. Programming 2023, https://arxiv.org/abs/2105.12715
    """
    whole_number("every", every, 1)
    check_number("factor", factor, above=0.0, below=1.0)
    solver = with_game(inner)

    def init(params: PyTree) -> RestartedState:
        params = jax.tree.map(jnp.asarray, params)
        # The largest number instead of infinity, which would trip `jax_debug_infs`: the first test succeeds.
        unknown = jnp.asarray(jnp.finfo(_precision(params)).max)
        return RestartedState(solver.init(params), jnp.zeros((), jnp.int32), params, params, unknown)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Updates, RestartedState]:
        game, players = require_game("restarted", game, updates, params)
        require_origin("restarted", updates, grad, marks, order=INSIDE)
        move, inner_state = solver.update(
            updates, state.inner, players, game=game, grad=grad, marks=marks, **extra_args
        )
        since = jnp.asarray(optax.safe_increment(state.since))
        share = 1 / since.astype(widest(players))
        past = optax.tree.sub(optax.apply_updates(players, move), state.average)
        average = optax.tree.add(state.average, rates.times(share, past))
        sets = declared_by(solver, players)
        distance = norm(optax.tree.sub(average, state.start))
        largest = jnp.asarray(jnp.finfo(state.gap.dtype).max, state.gap.dtype)
        gap = jax.lax.cond(since % every == 0, lambda: _gap(game, sets, average, distance), lambda: largest)
        restart = gap <= factor * state.gap
        chosen = lambda new, old: jax.tree.map(lambda a, b: jnp.where(restart, a, b), new, old)
        goal = chosen(average, optax.apply_updates(players, move))
        return optax.tree.sub(goal, players), RestartedState(
            chosen(solver.init(average), inner_state),
            jnp.where(restart, 0, since),
            average,
            chosen(average, state.start),
            jnp.where(restart, gap, state.gap),
        )

    return optax.GradientTransformationExtraArgs(init, update)


def _precision(players: Players) -> jnp.dtype:
    return jnp.result_type(norm(players))


# The radius is found to within a factor of 2^(DOUBLINGS / 2^BISECTIONS), 0.7 percent.
DOUBLINGS = 40
BISECTIONS = 12


def _gap(game: Game, sets: tuple[Declared, ...], players: Players, radius: Scalar) -> jax.Array:
    """Return the largest ``<v, w - z> / r`` over the points w of the sets within the distance r of the players z.

    The best w is the projection of ``z + t v`` for the largest t within that distance, which bisection finds.
    """
    players, radius = jax.lax.stop_gradient((players, radius))
    u = jax.lax.stop_gradient(jax.tree.map(jnp.negative, game.gradients(players)))
    size = norm(u)
    radius = jnp.where(radius > 0, radius, 1).astype(size.dtype)
    backwards = lambda log_t: natural_residual(sets, players, rates.times(jnp.exp2(log_t), u))
    # Projections bring points together, so that the distance is at most t ||u||.
    length = jnp.where(size > 0, size, 1)
    nearest = jnp.log2(radius) - jnp.log2(length)

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low + high) / 2
        inside = norm(backwards(middle)) <= radius
        return jnp.where(inside, middle, low), jnp.where(inside, high, middle)

    low, _ = jax.lax.fori_loop(0, BISECTIONS, halve, (nearest, nearest + DOUBLINGS))
    # The product of two small trees would underflow.
    ahead = optax.tree.scale(1 / radius, widened(backwards(low)))
    return size * dot(optax.tree.scale(1 / length, widened(u)), ahead)
