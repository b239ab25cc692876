"""Where the updates that reach a part come from, and which parts accept them.

A part looks at the game again: at the field elsewhere, or at its Jacobian. A transformation before it in a chain, such
as clipping, has changed u but not what the part will see. So a part accepts the gradient itself, and results of other
parts if its formula is defined for them. It refuses everything else.
"""

import enum

import optax

from gamesolve.solver import parametric, with_game
from gamesolve.trees import Marks, Players, PyTree, State, Updates, same_leaves


class Origin(enum.IntEnum):
    """Where u comes from; a part that accepts one origin accepts those before it.

    GRADIENT: ``-v`` at the players. FIELD: ``-v`` at a trial point. DIRECTION: another result of a part, which is still
    to be scaled by the step size.
    """

    GRADIENT = 0
    FIELD = 1
    DIRECTION = 2


# The right order, for each kind of part.
AFTER = "Place it after the part, as in optax.chain(gs.transforms.extrapolate(0.1), optax.clip(1.0), optax.sgd(0.1))"
IN_TURN = "Place it inside, as in gs.alternating(optax.chain(optax.clip(1.0), optax.sgd(0.1)), optax.sgd(0.1))"
INSIDE = "Place it inside, as in gs.transforms.extra(optax.chain(optax.clip(1.0), optax.adam(0.1)))"
LAST = "Place it after the solver, where it acts on the moves"


def require_origin(
    part: str,
    updates: Updates,
    grad: Players | None,
    marks: Marks | None,
    accepted: Origin = Origin.GRADIENT,
    order: str = AFTER,
) -> None:
    """Raise unless ``part`` accepts the updates.

    Args:
        part: name of the part.
        updates: u, as the part gets it.
        grad: the gradient that u came from; None if the caller did not pass it, and then nothing is known.
        marks: the marks of the step, see `mark`.
        accepted: the last origin that the part accepts.
        order: sentence that shows the right order. Default: after the part.
    """
    if grad is None or same_leaves(updates, grad):
        return
    origin = None if marks is None else marks.get(updates)
    if origin is None or origin > accepted:
        raise ValueError(
            f"{part} must get the gradient, because it looks at the game again, got updates that another "
            "transformation has changed. Clipping, weight decay, masking, momentum, Adam or MultiSteps before it would "
            f"be lost or misread. {order}; to accumulate gradients, use gs.accumulate(solver, k)."
        )


def mark(updates: Updates, origin: Origin | None, marks: Marks | None) -> None:
    """Tell the parts after this one where its result comes from; None for moves, which no part accepts."""
    if marks is not None and origin is not None:
        marks.put(updates, origin)


@parametric
def direction(transformation: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Declare that parts after a transformation of yours shall multiply its result.

    Parts refuse updates that come neither from the field nor from another part. Linear parts (`consensus`,
    `competitive`, ...) accept those of a transformation that is declared a direction.

    Args:
        transformation: an optax transformation that returns a direction, not yet scaled by the step size.

    Returns:
        The transformation.

    Example:
        >>> import optax, gamesolve as gs
        >>> clipped = gs.transforms.direction(optax.clip(1.0))
        >>> solver = optax.chain(clipped, gs.transforms.consensus(1.0), optax.sgd(0.5))  # (I - J^T) clip(u)
        >>> moved, _ = gs.step(gs.games.curl(), solver, (2.0, 0.0))
        >>> [float(player) for player in moved]
        [1.5, 0.5]
    """
    inner = with_game(transformation)

    def update(
        updates: Updates, state: State, params: PyTree = None, *, marks: Marks | None = None, **extra_args: object
    ) -> tuple[Updates, State]:
        result, state = inner.update(updates, state, params, marks=marks, **extra_args)
        mark(result, Origin.DIRECTION, marks)
        return result, state

    return optax.GradientTransformationExtraArgs(inner.init, update)
