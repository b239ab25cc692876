"""What `gamesolve.watch` measures at one moment of a training: one compiled, pure function.

It takes a few steps with a tangent, which shows how fast nearby trajectories separate, and one product with the
Jacobian J of the field per player and one with its transpose, which show how the field turns around these players.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import products, trees
from gamesolve.analysis.flat_step import FlatStep, flat_step
from gamesolve.checks.calls import called
from gamesolve.driving.plan import StepState
from gamesolve.game import Game, exact_products
from gamesolve.linear.report import fallbacks
from gamesolve.sampling.samplers import Sampler, draw_at
from gamesolve.solver import Solver
from gamesolve.trees import Key, Players, PyTree, Scalar, State

# Numbers to which all players are sketched, and examples at which the variety of outputs looks.
SKETCH, EXAMPLES = 8, 256
# Examples within this share of the largest spread so far belong to one clump.
REACH = 0.25

# Function of the players that returns generated examples.
Outputs = Callable[[Players], PyTree]


Carry = tuple[jax.Array, list[PyTree], jax.Array]


class Measured(NamedTuple):
    """One row of measurements; n players.

    Attributes:
        norms: norm of each player's gradient, shape (n,).
        signal: share of each player's squared gradient norm on which two draws of the data agree, shape (n,): 1 without
            noise, around 0 if there is only noise.
        scale: distance over which each player's gradient changes by as much as its size, shape (n,): along its own
            gradient or along the field, whichever is shorter.
        place: random projection of all players, shape (8,): distances between rows are those between the players, up to
            a factor that is 1 on average; at most eight numbers are taken as they are.
        size: norm of all players.
        move: norm of the next step.
        exponent: finite-time Lyapunov exponent per step, over a few steps.
        rotation: share of the antisymmetric part of J in the squared product of J with the field: 1 if the field only
            turns, 0 if it only grows or shrinks.
        monotone: ``v^T J v / |v|^2``; negative if the players approach each other along the field.
        remaining: ``|v|^2 / |J v|``, an estimate of the distance to the zero of the field.
        spread: root mean square distance of the generated examples from their mean; NaN without outputs.
        variety: number of equally large clumps of generated examples; NaN without outputs.
        fallbacks: number of failed inner solves so far.
    """

    norms: jax.Array
    signal: jax.Array
    scale: jax.Array
    place: jax.Array
    size: jax.Array
    move: jax.Array
    exponent: jax.Array
    rotation: jax.Array
    monotone: jax.Array
    remaining: jax.Array
    spread: jax.Array
    variety: jax.Array
    fallbacks: jax.Array


class Subject(NamedTuple):
    """What is watched; a pytree whose functions are static.

    Attributes:
        game: the game.
        solver: the solver.
        sample: sampler of the run, or None.
        key: random key of the run, or None.
        outputs: function of the players that returns generated examples, or None.
    """

    game: Game
    solver: Solver
    sample: Sampler | None
    key: Key | None
    outputs: Outputs | None


@partial(jax.jit, static_argnames="tangents")
def measure(
    subject: Subject, players: Players, state: State, clock: Scalar, tangent: jax.Array, spread: Scalar, tangents: int
) -> tuple[Measured, jax.Array]:
    """Measure a training at its players and state.

    Args:
        subject: what is watched.
        players: tuple of parameter pytrees.
        state: the solver's state there.
        clock: number of steps taken; the data are those of the next two steps.
        tangent: direction that follows the run, from the measurement before; at first from `any_tangent`.
        spread: largest spread of the generated examples so far; 0 at first.
        tangents: number of steps to follow the tangent.

    Returns:
        The measurements, and the tangent for the next ones.
    """
    game, state = _still(subject.game, state)
    one, other = (_bound(subject, game, jnp.asarray(clock, jnp.int32) + ahead) for ahead in (0, 1))
    field = one.gradients(players)
    start = flat_step(one, subject.solver, players, state)
    tangent, exponent, move = _stretched(start, tangent, tangents)
    spread, variety = _variety(subject.outputs, players, spread)
    measured = Measured(
        norms=jnp.stack(list(map(trees.norm, field))),
        signal=jnp.ones(len(field)) if subject.sample is None else _agreements(field, other.gradients(players)),
        **_curvatures(one, players, field),
        place=_sketch(players),
        size=trees.norm(players),
        move=move,
        exponent=exponent,
        spread=spread,
        variety=variety,
        fallbacks=jnp.asarray(fallbacks(state), jnp.int32),
    )
    return measured, tangent


@jax.jit
def any_tangent(subject: Subject, players: Players, state: State) -> jax.Array:
    """Return a random direction of the players, followed by zeros for the floating state, whose units differ."""
    game, state = _still(subject.game, state)
    point = flat_step(_bound(subject, game, jnp.int32(0)), subject.solver, players, state).point
    number = sum(leaf.size for leaf in jax.tree.leaves(players))
    tangent = jnp.zeros_like(point).at[:number].set(jax.random.normal(jax.random.key(0), (number,), point.dtype))
    return (tangent / trees.norm(tangent)).astype(point.dtype)


def _still(game: Game, state: State) -> tuple[Game, State]:
    """Return the game with the model state that it has reached as a constant, and the state of the solver alone."""
    if not isinstance(state, StepState):
        return game, state
    return dataclasses.replace(game, model_state=state.model_state).frozen(), state.solver


def _bound(subject: Subject, game: Game, clock: jax.Array) -> Game:
    if subject.sample is None:
        return game
    return game.bind(draw_at(subject.sample, subject.key, clock))  # pyright: ignore[reportArgumentType]


def _stretched(start: FlatStep, tangent: jax.Array, steps: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return a tangent after some steps, its growth rate per step, and the length of the first step."""
    tiny = jnp.finfo(tangent.dtype).tiny

    def advance(carry: Carry, _: None) -> tuple[Carry, tuple[jax.Array, jax.Array]]:
        point, rest, tangent = carry
        with exact_products():
            after, turned, rest = jax.jvp(lambda z: start.advance(z, rest), (point,), (tangent,), has_aux=True)
        # A second moment of zero, as of a dead unit, has no derivative: such entries are held.
        turned = jnp.where(jnp.isfinite(turned), turned, 0)
        length = jnp.maximum(trees.norm(turned), tiny).astype(tangent.dtype)
        moved = trees.norm(jax.tree.map(jnp.subtract, start.players(after), start.players(point)))
        return (after, rest, turned / length), (jnp.log(length), moved)

    carry = start.point, start.rest, tangent
    (*_, tangent), (growths, moves) = jax.lax.scan(advance, carry, length=steps)
    return tangent, jnp.mean(growths), moves[0]


def _curvatures(game: Game, players: Players, field: Players) -> dict[str, jax.Array]:
    """Return what products of J and of its transpose with the field say."""
    product, length = products.forward(game, players), trees.norm(field)
    inverse = _over(jnp.ones_like(length), length, zero=0)
    unit = jax.tree.map(lambda leaf: (inverse * leaf).astype(leaf.dtype), field)
    rest = optax.tree.zeros_like(unit)
    columns = [product((*rest[:i], entry, *rest[i + 1 :])) for i, entry in enumerate(unit)]
    ahead = jax.tree.map(lambda *terms: sum(terms), *columns)
    (back,) = jax.linear_transpose(product, players)(unit)
    # The squares of S v and A v, up to a factor, which keeps them from overflowing.
    _, (one, other) = trees.normalised((ahead, back))
    both, cross = trees.dot(one, one) + trees.dot(other, other), 2 * trees.dot(one, other)
    sizes = list(map(trees.norm, unit))
    own = [_over(trees.norm(columns[i][i]), size, zero=0) for i, size in enumerate(sizes)]
    bends = [jnp.maximum(mine, trees.norm(entry)) for mine, entry in zip(own, ahead, strict=True)]
    return {
        "scale": jnp.stack([_over(length * size, bend) for size, bend in zip(sizes, bends, strict=True)]),
        "rotation": _over(jnp.maximum(both - cross, 0), 2 * both),
        "monotone": trees.dot(unit, ahead),
        "remaining": _over(length, trees.norm(ahead)),
    }


def _over(numerator: jax.Array, denominator: jax.Array, zero: float | None = None) -> jax.Array:
    """Return a quotient; for a denominator of zero the number ``zero``, by default infinity, and zero for zero."""
    without = jnp.where(numerator == 0, 0, jnp.inf) if zero is None else zero
    rests = denominator == 0
    return jnp.where(rests, without, numerator / jnp.where(rests, 1, denominator))


def _agreements(field: Players, again: Players) -> jax.Array:
    """Return the share of each player's gradient on which two draws agree."""
    return jnp.stack(list(map(_agreement, field, again)))


def _agreement(one: PyTree, other: PyTree) -> jax.Array:
    _, (one, other) = trees.normalised((one, other))  # squares of small gradients would be zero
    return _over(trees.dot(one, other), (trees.dot(one, one) + trees.dot(other, other)) / 2, zero=1)


def _sketch(players: Players) -> jax.Array:
    """Return a projection of all numbers of the players to a few random directions of signs; few numbers themselves."""
    leaves = list(map(jnp.ravel, jax.tree.leaves(players)))
    missing = SKETCH - sum(leaf.size for leaf in leaves)
    if missing >= 0:
        return jnp.concatenate([*leaves, jnp.zeros(missing)])
    total = jnp.zeros(SKETCH)
    for index, leaf in enumerate(leaves):
        bits = jax.random.bits(jax.random.key(index), leaf.shape, jnp.uint8)
        signs = 1 - 2.0 * ((bits >> jnp.arange(SKETCH, dtype=jnp.uint8)[:, None]) & 1)
        total += signs.astype(total.dtype) @ leaf.astype(total.dtype)
    return total / SKETCH**0.5


def _variety(outputs: Outputs | None, players: Players, spread: Scalar) -> tuple[jax.Array, jax.Array]:
    """Return the spread of generated examples, and the number of clumps within reach of the largest spread so far."""
    if outputs is None:
        return jnp.full((), jnp.nan), jnp.full((), jnp.nan)
    examples = _examples(outputs, players)
    centred = examples - examples.mean(axis=0)
    now = trees.norm(centred) / len(centred) ** 0.5
    units = _over(centred, REACH * jnp.fmax(now, spread), zero=0)
    squares = jnp.sum(units**2, axis=1)
    with exact_products():
        gaps = jnp.maximum(squares[:, None] + squares - 2 * units @ units.T, 0)
    # Compiled, outputs of NaN would count as one clump.
    return now, jnp.where(jnp.isfinite(now), 1 / jnp.mean(jnp.exp(-gaps / 2)), jnp.nan)


def _examples(outputs: Outputs, players: Players) -> jax.Array:
    """Return the first generated examples as floating vectors."""
    hint = "Write outputs=lambda players: ..."
    found = called("outputs", outputs, players, takes="the players", hint=hint)
    arrays = isinstance(found, (jax.Array, np.ndarray))
    if not arrays or not found.size or found.ndim == 0 or jnp.iscomplexobj(found):
        seen = f"shape {found.shape} of {found.dtype}" if arrays else type(found).__name__
        raise ValueError(f"outputs must return a real array with an axis of examples, got {seen}. Stack the examples.")
    return trees.widened(found[:EXAMPLES]).reshape(min(len(found), EXAMPLES), -1)
