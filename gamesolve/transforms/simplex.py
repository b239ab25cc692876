"""Parts for players that are points of probability simplices: pulls to a reference, and regret matching."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import whole_number
from gamesolve.driving.sets import declare, is_single
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms.geometry import Potential, check_potentials, each_of, projections_of, simplex_entropy
from gamesolve.trees import Players, PyTree, Scalar, State, Updates

ON_SIMPLICES = simplex_entropy()


class ReferenceState(NamedTuple):
    """State of a part with a reference: step count for schedules, the reference, steps since it was renewed."""

    rates: rates.RatesState
    reference: PyTree
    since: State


@parametric
def magnetic(
    learning_rate: rates.Rates,
    alpha: rates.Rates,
    potentials: Potential | tuple[Potential, ...] = ON_SIMPLICES,
    reference: PyTree = None,
    period: int | None = None,
) -> optax.GradientTransformation:
    """Turn u into the mirror step that is also pulled towards a reference: magnetic mirror descent.

    ``primal((dual(z) - eta u + eta alpha dual(reference)) / (1 + eta alpha)) - z``. On simplices with their entropy the
    next player is proportional to ``[z exp(-eta u) reference^(eta alpha)]^(1 / (1 + eta alpha))``.

    Args:
        learning_rate: step size eta, see `transforms.rates`.
        alpha: strength of the pull, likewise.
        potentials: one `Potential` for all players, or a tuple with one per player. Default: `simplex_entropy`.
        reference: players to which the pull leads. Inside `per_player` or `alternating`, that of the player. Default:
            the players at the start.
        period: number of steps after which the current players become the reference. Default: None, a fixed reference.

    Returns:
        The transformation; it returns moves, already scaled by the step size.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> half = jnp.array([0.5, 0.5])
        >>> part = gs.transforms.magnetic(1.0, 1.0)
        >>> move, _ = part.update((jnp.array([-1.0, 0.0]),), part.init((half,)), (half,))
        >>> [round(float(p), 4) for p in half + move[0]]  # (e^(1/2), 1), normalised
        [0.6225, 0.3775]

    Reference:
        Sokota et al., "A Unified Approach to Reinforcement Learning, Quantal Response Equilibria, and Two-Player
        Zero-Sum Games", ICLR 2023, https://arxiv.org/abs/2206.05825
    """
    rates.check("learning_rate", learning_rate)
    rates.check("alpha", alpha)
    check_potentials(potentials)
    _check_period(period)

    def init(params: PyTree) -> ReferenceState:
        declare(projections_of(potentials), params)
        count = rates.init((*rates.listed(learning_rate), *rates.listed(alpha)))
        return _first_reference("magnetic", reference, period, params, count)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Players, ReferenceState]:
        if params is None:
            raise ValueError("magnetic needs the players. Pass them to update, as gamesolve.step does.")
        params = jax.tree.map(jnp.asarray, params)
        state = _renewed(period, params, state)
        trees = (params, updates, state.reference)
        players, u, centres = ((tree,) for tree in trees) if is_single(params) else trees
        eta = rates.spread(rates.current(learning_rate, state.rates), len(players))
        strength = rates.spread(rates.current(alpha, state.rates, "alpha"), len(players), "alpha")
        each = zip(each_of(potentials, players), players, u, centres, eta, strength, strict=True)
        moves = tuple(optax.tree.sub(_pulled(kind, z, *rest), z) for kind, z, *rest in each)
        return moves[0] if is_single(params) else moves, state._replace(rates=rates.advance(state.rates))

    return optax.GradientTransformation(init, update)


def _pulled(kind: Potential, player: PyTree, u: PyTree, centre: PyTree, eta: Scalar, alpha: Scalar) -> PyTree:
    """Return one player after its magnetic step."""
    references = kind.dual(centre)

    def lost(own: jax.Array, reference: jax.Array) -> jax.Array:
        return jnp.isinf(reference) & (jnp.asarray(eta, own.dtype) * jnp.asarray(alpha, own.dtype) > 0)

    def dual(own: jax.Array, u: jax.Array, reference: jax.Array) -> jax.Array:
        step = jnp.asarray(eta, own.dtype)
        weight = step * jnp.asarray(alpha, own.dtype)
        # A reference of zero has an infinite dual variable. Any pull takes it over; products with it would be NaN, or
        # have derivatives that are.
        rule = lost(own, reference)
        finite = jnp.where(jnp.isinf(reference), 0, reference)
        moved = (jnp.where(rule, 0, own) - step * u + weight * finite) / (1 + weight)
        return jnp.where(rule, reference, moved)

    # What a reference takes over does not depend on the player, whose own dual variable may have no derivative.
    held = lambda own, reference: jnp.where(lost(own, reference), jax.lax.stop_gradient(own), own)
    return kind.primal(jax.tree.map(dual, kind.dual(jax.tree.map(held, player, references)), u, references))


@parametric
def mutation(mu: rates.Rates, reference: PyTree = None, period: int | None = None) -> optax.GradientTransformation:
    """Add mutation towards a reference to the payoffs of the actions: ``u - mu (reference - p) / p``.

    Before `mirror` with `simplex_entropy` it makes multiplicative weights the mutant multiplicative weights. They
    converge to a point near an equilibrium, and with a period to an equilibrium itself. The probabilities p must be
    positive.

    Args:
        mu: rate of mutation, see `transforms.rates`.
        reference: probabilities to which mutation leads. Inside `per_player` or `alternating`, those of the player.
            Default: the players at the start.
        period: number of steps after which the current players become the reference. Default: None, a fixed reference.

    Returns:
        The transformation.

    Example:
        >>> import optax, gamesolve as gs
        >>> game = gs.games.rock_paper_scissors()
        >>> steps = gs.transforms.mirror(0.1, gs.transforms.simplex_entropy())
        >>> solver = optax.chain(gs.transforms.mutation(0.1, reference=game.equilibria[0]), steps)
        >>> [round(float(p), 4) for p in gs.solve(game, solver, game.start, 2000).players[0]]
        [0.3333, 0.3333, 0.3333]

    Reference:
        Abe et al., "Last-Iterate Convergence with Full and Noisy Feedback in Two-Player Zero-Sum Games", AISTATS 2023,
        https://arxiv.org/abs/2208.09855
    """
    rates.check("mu", mu)
    _check_period(period)

    def init(params: PyTree) -> ReferenceState:
        return _first_reference("mutation", reference, period, params, rates.init(mu))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, ReferenceState]:
        if params is None:
            raise ValueError("mutation needs the players. Pass them to update, as gamesolve.step does.")
        state = _renewed(period, params, state)
        towards = jax.tree.map(lambda p, c: (c - p) / p, params, state.reference)
        mutant = optax.tree.sub(updates, rates.times(rates.current(mu, state.rates, "mu"), towards, "mu"))
        return mutant, state._replace(rates=rates.advance(state.rates))

    return optax.GradientTransformation(init, update)


def _check_period(period: int | None) -> None:
    if period is not None:
        whole_number("period", period, 1)


def _first_reference(
    part: str, reference: PyTree, period: int | None, params: PyTree, count: rates.RatesState
) -> ReferenceState:
    """Return the first state; the reference is that given, or the players at the start."""
    params = jax.tree.map(jnp.asarray, params)
    chosen = params if reference is None else reference
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (params, chosen)]
    if jax.tree.structure(params) != jax.tree.structure(chosen) or shapes[0] != shapes[1]:
        raise ValueError(f"reference of {part} must be shaped as the players, {shapes[0]}, got {shapes[1]}.")
    first = jax.tree.map(lambda entry, like: jnp.asarray(entry, like.dtype), chosen, params)
    return ReferenceState(count, first, optax.EmptyState() if period is None else jnp.zeros((), jnp.int32))


def _renewed(period: int | None, params: PyTree, state: ReferenceState) -> ReferenceState:
    """Return the state whose reference is the current players, if it has served for a whole period."""
    if period is None:
        return state
    due = state.since == period
    reference = jax.tree.map(lambda new, old: jnp.where(due, new, old), params, state.reference)
    return state._replace(reference=reference, since=jnp.where(due, 1, state.since + 1))


class RegretState(NamedTuple):
    """State of regret matching: the accumulated regret of not having played each action."""

    regrets: PyTree


@parametric
def regret_matching() -> optax.GradientTransformation:
    """Turn u into the move to probabilities proportional to the positive parts of the accumulated regrets.

    The regret of an action is its payoff minus that of the strategy, ``r = <p, u> - u``. With ``R <- R + r`` the next
    strategy is ``max(R, 0)``, normalised, or uniform if no regret is positive. There is no step size. In zero-sum games
    the average of the strategies converges, see `gamesolve.average`; the strategies themselves may cycle.

    Returns:
        The transformation; it returns moves. The last axis of each leaf must be a probability vector.

    Example:
        >>> import optax, gamesolve as gs
        >>> game = gs.games.rock_paper_scissors()
        >>> solution = gs.solve(game, gs.average(gs.transforms.regret_matching()), game.start, 2000)
        >>> bool(gs.games.duality_gap(game, optax.tree.get(solution.state, "average")) < 0.1)
        True

    Reference:
        Hart, Mas-Colell, "A Simple Adaptive Procedure Leading to Correlated Equilibrium", Econometrica 2000.
    """
    return _matching("regret_matching", lambda total, regret: total + regret, lambda total, _: total)


@parametric
def regret_matching_plus() -> optax.GradientTransformation:
    """Turn u into the move of `regret_matching` with ``R <- max(R + r, 0)``, which forgets negative regrets.

    It is used with players that move in turn and a linear average:
    ``gs.average(gs.alternating(part, part), decay=lambda t: t / (t + 2))`` weighs the strategy of step t by t.

    Returns:
        The transformation; it returns moves. The last axis of each leaf must be a probability vector.

    Example:
        >>> import optax, gamesolve as gs
        >>> game, part = gs.games.rock_paper_scissors(), gs.transforms.regret_matching_plus()
        >>> solver = gs.average(gs.alternating(part, part), decay=lambda t: t / (t + 2))
        >>> solution = gs.solve(game, solver, game.start, 2000)
        >>> bool(gs.games.duality_gap(game, optax.tree.get(solution.state, "average")) < 0.01)
        True

    Reference:
        Tammelin, "Solving Large Imperfect Information Games Using CFR+", 2014, https://arxiv.org/abs/1407.5042
    """
    return _matching("regret_matching_plus", _positive_sum, lambda total, _: total)


@parametric
def predictive_regret_matching_plus() -> optax.GradientTransformation:
    """Turn u into the move of `regret_matching_plus` that counts the last regrets twice, as a prediction of the next.

    With ``R <- max(R + r, 0)`` the next strategy is ``max(R + r, 0)``, normalised, or uniform if that is zero.

    Returns:
        The transformation; it returns moves. The last axis of each leaf must be a probability vector.

    Example:
        >>> import optax, gamesolve as gs
        >>> game, part = gs.games.rock_paper_scissors(), gs.transforms.predictive_regret_matching_plus()
        >>> solution = gs.solve(game, gs.average(gs.alternating(part, part)), game.start, 2000)
        >>> bool(gs.games.duality_gap(game, optax.tree.get(solution.state, "average")) < 0.01)
        True

    Reference:
        Farina, Kroer, Sandholm, "Faster Game Solving via Predictive Blackwell Approachability: Connecting Regret
        Matching and Mirror Descent", AAAI 2021, https://arxiv.org/abs/2007.14358
    """
    return _matching("predictive_regret_matching_plus", _positive_sum, _positive_sum)


Combine = Callable[[jax.Array, jax.Array], jax.Array]


def _positive_sum(total: jax.Array, regret: jax.Array) -> jax.Array:
    return jnp.maximum(total + regret, 0)


def _matching(name: str, accumulate: Combine, matched: Combine) -> optax.GradientTransformation:
    """Return the part that plays ``matched(R, r)``, normalised, where ``R <- accumulate(R, r)``."""

    def init(params: PyTree) -> RegretState:
        if not all(map(jnp.ndim, jax.tree.leaves(params))):
            raise ValueError(f"players of {name} must be arrays of probabilities along the last axis, got a number.")
        declare(ON_SIMPLICES.projection, params)
        return RegretState(optax.tree.zeros_like(params))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, RegretState]:
        if params is None:
            raise ValueError(f"{name} needs the players. Pass them to update, as gamesolve.step does.")
        regrets = jax.tree.map(lambda p, u: jnp.sum(p * u, axis=-1, keepdims=True) - u, params, updates)
        total = jax.tree.map(accumulate, state.regrets, regrets)
        following = jax.tree.map(lambda R, r: _proportional(matched(R, r)), total, regrets)
        return optax.tree.sub(following, params), RegretState(total)

    return optax.GradientTransformation(init, update)


def _proportional(weights: jax.Array) -> jax.Array:
    """Return probabilities proportional to the positive parts, or uniform ones if there are none."""
    positive = jnp.maximum(weights, 0)
    total = jnp.sum(positive, axis=-1, keepdims=True)
    return jnp.where(total > 0, positive / jnp.where(total > 0, total, 1), 1 / weights.shape[-1])
