"""Parts that differentiate through the learning steps of the others: opponent shaping without Taylor expansion."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from gamesolve import products
from gamesolve.checks import check_number, whole_number
from gamesolve.checks.calls import called
from gamesolve.game import exact_products, with_sign
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, PyTree, Scalar

# From all players to the payoff of one.
Payoff = Callable[[Players], Scalar]
# From an old and a new version of a player to their distance.
Divergence = Callable[..., Scalar]


@parametric
def hola(rate: rates.Rates, order: int = 2) -> optax.GradientTransformationExtraArgs:
    """Turn u into the direction of higher-order opponent-learning awareness.

    Player i ascends ``payoff_i(z_i, z_-i + h_-i(z))`` in its own parameters. Here ``h_j`` is the step that player j
    takes by the order below, with step size D; at order 0 it is a gradient step.

    Args:
        rate: D, the step size assumed of the others, see `transforms.rates`.
        order: number of levels of shaping. 1: the others take gradient steps.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.hola(0.25), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.4375]

    Reference:
        Willi, Letcher, Treutlein, Foerster, "COLA: Consistent Learning with Opponent-Learning Awareness", ICML 2022,
        https://arxiv.org/abs/2203.04098
    """
    order = whole_number("order", order, 1)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        payoffs, sizes = _payoffs(step, "hola"), rates.spread(step.rates, step.game.num_players, "rate")

        def ascent(player: int, level: int, players: Players) -> PyTree:
            def shaped(players: Players) -> Scalar:
                others = _others(player, players) if level else ()
                moves = {j: rates.times(sizes[j], ascent(j, level - 1, players)) for j in others}
                return payoffs[player](_moved(players, moves))

            return _slope(shaped, player, players)

        return _descent(step, lambda i: ascent(i, order, step.players)), memory

    return part("hola", formula, rate, coefficient="rate", returns=Origin.DIRECTION)


@parametric
def unrolled_lola(rate: rates.Rates, lookahead: int = 2) -> optax.GradientTransformationExtraArgs:
    """Turn u into each player's gradient of its payoff after several gradient steps of the others, through them all.

    Player i ascends ``payoff_i(z_i, z_-i^k)``, where the others start from ``z_-i`` and take k gradient steps of size D
    while ``z_i`` stays.

    Args:
        rate: D, the step size assumed of the others, see `transforms.rates`.
        lookahead: number k of steps that the others take.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.unrolled_lola(0.25), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Foerster et al., "DiCE: The Infinitely Differentiable Monte-Carlo Estimator", ICML 2018,
        https://arxiv.org/abs/1802.05098
    """
    lookahead = whole_number("lookahead", lookahead, 1)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        payoffs, sizes = _payoffs(step, "unrolled_lola"), rates.spread(step.rates, step.game.num_players, "rate")

        def shaped(player: int) -> Payoff:
            def value(players: Players) -> Scalar:
                for _ in range(lookahead):
                    players = _learned(payoffs, sizes, players, _others(player, players))
                return payoffs[player](players)

            return value

        return _descent(step, lambda i: _slope(shaped(i), i, step.players)), memory

    return part("unrolled_lola", formula, rate, coefficient="rate", returns=Origin.DIRECTION)


@parametric
def meta_mapg(rate: rates.Rates, horizon: int = 2) -> optax.GradientTransformationExtraArgs:
    """Turn u into each player's gradient of its payoffs along the learning of all players, its own included.

    Player i ascends ``sum_k payoff_i(z^k)`` over k from 1 to the horizon, where ``z^0`` are the players and ``z^(k+1)``
    follows from a gradient step of all players of size D. The gradient goes through all of these steps.

    Args:
        rate: D, the step size of that learning, see `transforms.rates`.
        horizon: number of steps.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.meta_mapg(0.5, horizon=1), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.375]

    Reference:
        Kim et al., "A Policy Gradient Algorithm for Learning to Learn in Multiagent Reinforcement Learning", ICML 2021,
        https://arxiv.org/abs/2011.00382
    """
    horizon = whole_number("horizon", horizon, 1)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        payoffs, sizes = _payoffs(step, "meta_mapg"), rates.spread(step.rates, step.game.num_players, "rate")

        def shaped(player: int) -> Payoff:
            def value(players: Players) -> Scalar:
                values = []
                for _ in range(horizon):
                    players = _learned(payoffs, sizes, players, tuple(range(len(players))))
                    values.append(payoffs[player](players))
                return sum(values)

            return value

        return _descent(step, lambda i: _slope(shaped(i), i, step.players)), memory

    return part("meta_mapg", formula, rate, coefficient="rate", returns=Origin.DIRECTION)


def squared_difference(old: PyTree, new: PyTree) -> Scalar:
    """Return ``||new - old||^2 / 2`` of two pytrees."""
    change = optax.tree.sub(new, old)
    return optax.tree.vdot(change, change) / 2


@parametric
def pola(
    learning_rate: rates.Rates,
    alpha: rates.Values | None = None,
    penalty: float = 1.0,
    iterations: int = 10,
    divergence: Divergence = squared_difference,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of proximal opponent-learning awareness, whose outer problem is solved by gradient steps.

    Player i minimises ``loss_i(x, z_-i - D d loss_-i(x, z_-i)) + penalty * divergence(z_i, x)`` over x, by gradient
    steps from ``z_i``. After many of them the move of a policy does not depend on how the player itself is
    parameterised, if the divergence does not. It depends on how the others are, whose assumed steps are gradient steps.

    Args:
        learning_rate: step size of the gradient steps, see `transforms.rates`.
        alpha: D, the step size assumed of the others: a number or a tuple with one per player. Default: that of
            ``learning_rate``.
        penalty: weight of the divergence.
        iterations: number of gradient steps.
        divergence: ``divergence(old, new) -> scalar``, the distance between two versions of a player.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.pola(0.5, alpha=0.25, iterations=1)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Zhao, Lu, Grosse, Foerster, "Proximal Learning With Opponent-Learning Awareness", NeurIPS 2022,
        https://arxiv.org/abs/2210.10125
    """
    check_number("penalty", penalty, least=0.0)
    if alpha is not None:
        rates.check_signed("alpha", alpha)  # which refuses schedules
        rates.check("alpha", alpha)
    iterations = whole_number("iterations", iterations, 1)
    if not callable(divergence):
        raise TypeError(f"divergence must be a function of two versions of a player, got {divergence!r}.")

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        number = step.game.num_players
        payoffs, assumed = _payoffs(step, "pola"), step.rates if alpha is None else alpha
        rates.check_shapes("alpha", assumed)
        sizes, etas = rates.spread(assumed, number, "alpha"), rates.spread(step.rates, number)

        def move(i: int) -> PyTree:
            old = step.players[i]

            def objective(players: Players) -> Scalar:
                shaped = payoffs[i](_learned(payoffs, sizes, players, _others(i, players)))
                return shaped - jnp.asarray(penalty, shaped.dtype) * _distance(divergence, old, players[i])

            def improved(own: PyTree, _: None) -> tuple[PyTree, None]:
                players = (*step.players[:i], own, *step.players[i + 1 :])
                return optax.tree.add(own, rates.times(etas[i], _slope(objective, i, players))), None

            new, _ = jax.lax.scan(improved, jax.tree.map(jnp.asarray, old), length=iterations)
            return optax.tree.sub(new, old)

        return tuple(map(move, range(number))), memory

    return part("pola", formula, learning_rate, coefficient="learning_rate")


def _distance(divergence: Divergence, old: PyTree, new: PyTree) -> Scalar:
    """Return the divergence of two versions of a player, or raise if it is not one number."""
    takes, hint = "two versions of a player", "Write divergence=lambda old, new: ..."
    value = called("divergence", divergence, old, new, takes=takes, hint=hint)
    if not jax.tree_util.all_leaves([value]) or jnp.shape(value) != ():
        seen = jax.tree.map(jnp.shape, value)
        raise ValueError(f"divergence must return one number, got shape {seen}. Sum over its entries.")
    return value


def _payoffs(step: Step, name: str) -> tuple[Payoff, ...]:
    """Return every player's payoff as a function of the tuple of players."""

    def payoff(player: int) -> Payoff:
        sign, function = products.value(step.game, step.players, player, name)
        return lambda players: with_sign(sign, function(*players))

    return tuple(map(payoff, range(step.game.num_players)))


def _others(player: int, players: Players) -> tuple[int, ...]:
    return tuple(j for j in range(len(players)) if j != player)


def _moved(players: Players, moves: dict[int, PyTree]) -> Players:
    return tuple(optax.tree.add(own, moves[j]) if j in moves else own for j, own in enumerate(players))


def _slope(value: Payoff, player: int, players: Players) -> PyTree:
    """Return the gradient of a function of all players in one of them."""
    with exact_products():
        return jax.grad(lambda own: value((*players[:player], own, *players[player + 1 :])))(players[player])


def _learned(
    payoffs: tuple[Payoff, ...], sizes: tuple[Scalar, ...], players: Players, movers: tuple[int, ...]
) -> Players:
    """Return the players after a gradient step of some of them, each on its own payoff."""
    return _moved(players, {j: rates.times(sizes[j], _slope(payoffs[j], j, players)) for j in movers})


def _descent(step: Step, ascent: Callable[[int], PyTree]) -> Players:
    return tuple(jax.tree.map(jnp.negative, ascent(player)) for player in range(step.game.num_players))
