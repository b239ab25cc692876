"""Gradient accumulation: a step on a large batch with the memory of a small one."""

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import whole_number
from gamesolve.estimators import micro_batched
from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.transforms._base import require_game, require_no_model_state
from gamesolve.transforms._origin import LAST, require_origin
from gamesolve.trees import Marks, Players, PyTree, State, Updates


@parametric
def accumulate(solver: optax.GradientTransformation, k: int) -> optax.GradientTransformationExtraArgs:
    """Take a solver's step on the whole batch, evaluated in ``k`` micro-batches: gradient accumulation.

    Each step takes one batch. Payoffs, fields and products with the Jacobian visit its micro-batches one by one, so the
    step equals that on the whole batch for every solver, and takes the memory of one micro-batch. It costs about one
    more evaluation of the payoffs per derivative.

    `optax.MultiSteps` instead takes one micro-batch per call, and so suits only solvers that read nothing but the
    gradient, such as `simgd`, `ogda` and Adam.

    Args:
        solver: the solver.
        k: number of micro-batches; it must divide the number of examples. Typed keys in a batch are split into
            independent ones.

    Returns:
        The solver, for games with data. It comes first in a chain. Inside a compiled step the gradient on the whole
        batch at once is never computed, except for ``tol`` and ``max_norm`` of `solve`, and for what a step has
        computed (``aux=True``, a ``record`` of three arguments): with these, pass the game through
        `estimators.micro_batched` instead. A game that the solver itself holds, such as the ``full`` of `svrg`,
        is evaluated at once unless it is micro-batched too.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y)
        >>> batch = jnp.array([3.0, -1.0])
        >>> moved, _ = gs.step(game, gs.cgd(1.0), (1.0, 1.0), None, batch)
        >>> [round(float(player), 6) for player in moved]
        [0.0, 1.0]
        >>> accumulated = gs.accumulate(gs.cgd(1.0), k=2)
        >>> moved, _ = gs.step(game, accumulated, (1.0, 1.0), None, batch)
        >>> [round(float(player), 6) for player in moved]
        [0.0, 1.0]
    """
    inner, k = with_game(solver), whole_number("k", k, 1)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Updates, State]:
        game, players = require_game("accumulate", game, updates, params)
        require_origin("accumulate", updates, grad, marks, order=LAST)
        require_no_model_state("accumulate", game)
        game = micro_batched(game, k)
        u = jax.tree.map(jnp.negative, game.gradients(players))
        return inner.update(u, state, players, game=game, grad=u, marks=Marks(), **extra_args)

    return optax.GradientTransformationExtraArgs(inner.init, update)
