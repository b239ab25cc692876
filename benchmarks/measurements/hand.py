"""Write the solvers as steps of plain JAX for ``min over x, max over y of f``, as one would without gamesolve.

Nothing of gamesolve is imported here: these steps are the yardstick of `benchmarks.measurements.overhead` and of
``tests/benchmarks/test_overhead.py``. Each one is ``step(f, rates, players, state) -> (players, state)`` with a scalar
``f(x, y)``, the solver's numbers ``rates`` and ``players = (x, y)``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.measurements.hand_cg import Certificate, Product, Tree, certify, conjugate_gradients, fresh_certificate

Function = Callable[[Tree, Tree], jax.Array]
Rates = tuple[Any, ...]
Pair = tuple[Tree, Tree]
State = Any


class Method(NamedTuple):
    """A hand-written solver: ``init(f, players) -> state`` and ``step(f, rates, players, state)``."""

    init: Callable[..., State]
    step: Callable[..., tuple[Pair, State]]


class Adaptive(NamedTuple):
    """State of ACGD: number of steps, average squares of both gradients, and the last inner solve."""

    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    squares: Pair
    last: Certificate


def simgd(f: Function, rates: Rates, players: Pair, state: State) -> tuple[Pair, State]:
    """Move both players along their own gradients."""
    (x, y), (eta,) = players, rates
    down, up = jax.grad(f, (0, 1))(x, y)
    return (_axpy(-eta, down, x), _axpy(eta, up, y)), state


def altgd(f: Function, rates: Rates, players: Pair, state: State) -> tuple[Pair, State]:
    """Move the minimiser, then the maximiser, which sees that move."""
    (x, y), (eta,) = players, rates
    x = _axpy(-eta, jax.grad(f, 0)(x, y), x)
    return (x, _axpy(eta, jax.grad(f, 1)(x, y), y)), state


def extragradient(f: Function, rates: Rates, players: Pair, state: State) -> tuple[Pair, State]:
    """Move with the gradients found after a trial step."""
    (x, y), (eta,) = players, rates
    trial, _ = simgd(f, rates, players, None)
    down, up = jax.grad(f, (0, 1))(*trial)
    return (_axpy(-eta, down, x), _axpy(eta, up, y)), state


def ogda(f: Function, rates: Rates, players: Pair, state: Pair) -> tuple[Pair, Pair]:
    """Add the step size times the change of the gradients; the state is the previous gradients."""
    (x, y), (eta,) = players, rates
    down, up = jax.grad(f, (0, 1))(x, y)

    def optimistic(new: Tree, old: Tree) -> Tree:
        return jax.tree.map(lambda a, b: eta * a + eta * (a - b), new, old)

    x = jax.tree.map(jnp.subtract, x, optimistic(down, state[0]))
    y = jax.tree.map(jnp.add, y, optimistic(up, state[1]))
    return (x, y), (down, up)


def conopt(f: Function, rates: Rates, players: Pair, state: State) -> tuple[Pair, State]:
    """Descend also gamma times half the squared norm of both gradients: one product with the Hessian."""
    (x, y), (eta, gamma) = players, rates
    (down, up), pull = jax.vjp(jax.grad(f, (0, 1)), x, y)
    pull_x, pull_y = pull((down, up))
    x = jax.tree.map(lambda z, g, h: z - eta * (g + gamma * h), x, down, pull_x)
    y = jax.tree.map(lambda z, g, h: z + eta * (g - gamma * h), y, up, pull_y)
    return (x, y), state


def cgd(f: Function, rates: Rates, players: Pair, state: Certificate) -> tuple[Pair, Certificate]:
    """Competitive gradient descent: one number scales both players, so the Schur complement is already symmetric.

    The smaller player k with opponent o solves ``(I + eta^2 D_ko D_ok) w = g_k +- eta D_ko g_o`` and moves by
    ``-+ eta w``; the opponent moves by ``+- eta (g_o -+ eta D_ok w)``; upper signs if k minimises.
    """
    (eta,) = rates
    k, gradients, to_k, to_o = _linearised(f, players)
    g_k, g_o = gradients[k], gradients[1 - k]
    sign = 1 if k == 0 else -1

    def operate(w: Tree) -> Pair:
        half = to_o(w)
        return jax.tree.map(lambda a, b: a + eta * eta * b, w, to_k(half)), half

    rhs = _axpy(sign * eta, to_k(g_o), g_k)
    w, half, iterations = conjugate_gradients(operate, rhs, state.solution)
    answer = _axpy(-sign * eta, half, g_o)
    residual = jax.tree.map(lambda g, h, a: g + sign * eta * h - a, g_k, to_k(answer), w)
    state = certify(state, w, iterations, residual, rhs)
    moves = {k: state.choose(w, g_k), 1 - k: state.choose(answer, g_o)}
    x, y = players
    return (_axpy(-eta, moves[0], x), _axpy(eta, moves[1], y)), state


def acgd(f: Function, rates: Rates, players: Pair, state: Adaptive) -> tuple[Pair, Adaptive]:
    """Adaptive CGD: a diagonal D replaces eta, and ``D_k^(1/2)`` on both sides keeps the system symmetric."""
    eta, decay, eps = rates
    k, gradients, to_k, to_o = _linearised(f, players)
    count = state.count + 1
    squares = jax.tree.map(lambda s, g: decay * s + (1 - decay) * g * g, state.squares, gradients)
    scale = eta * jnp.sqrt(1 - decay**count)
    sizes = jax.tree.map(lambda s: scale / (jnp.sqrt(s) + eps), squares)
    g_k, g_o, root, size_o = gradients[k], gradients[1 - k], jax.tree.map(jnp.sqrt, sizes[k]), sizes[1 - k]
    sign = 1 if k == 0 else -1

    def operate(w: Tree) -> Pair:
        half = _times(size_o, to_o(_times(root, w)))
        return jax.tree.map(lambda a, b, r: a + r * b, w, to_k(half), root), half

    rhs = _times(root, _axpy(sign, to_k(_times(size_o, g_o)), g_k))
    w, half, iterations = conjugate_gradients(operate, rhs, state.last.solution)
    move_o = jax.tree.map(lambda d, g, h: d * g - sign * h, size_o, g_o, half)
    residual = jax.tree.map(lambda r, g, h, a: r * (g + sign * h) - a, root, g_k, to_k(move_o), w)
    last = certify(state.last, w, iterations, residual, rhs)
    plain_k, plain_o = _times(sizes[k], g_k), _times(size_o, g_o)
    moves = {k: last.choose(_times(root, w), plain_k), 1 - k: last.choose(move_o, plain_o)}
    x, y = players
    players = (jax.tree.map(jnp.subtract, x, moves[0]), jax.tree.map(jnp.add, y, moves[1]))
    return players, Adaptive(count, squares, last)


def run(method: Method, f: Function, rates: Rates, players: Pair, num_steps: int) -> tuple[Pair, State]:
    """Take ``num_steps`` steps in one scan; returns the players and the state."""

    def body(carry: tuple[Pair, State], _: None) -> tuple[tuple[Pair, State], None]:
        return method.step(f, rates, *carry), None

    carry, _ = jax.lax.scan(body, (players, method.init(f, players)), length=num_steps)
    return carry


def _linearised(f: Function, players: Pair) -> tuple[int, Pair, Product, Product]:
    """Return the smaller player, both gradients and the two mixed products, linearised once for the whole step."""
    x, y = players
    down, to_y = jax.vjp(lambda y: jax.grad(f, 0)(x, y), y)
    up, to_x = jax.vjp(lambda x: jax.grad(f, 1)(x, y), x)
    products = (lambda t: to_x(t)[0]), (lambda t: to_y(t)[0])
    k = _smaller(players)
    return k, (down, up), products[k], products[1 - k]


def _smaller(players: Pair) -> int:
    sizes = [sum(jnp.size(leaf) for leaf in jax.tree.leaves(player)) for player in players]
    return int(sizes[1] < sizes[0])


def _axpy(scale: Any, a: Tree, b: Tree) -> Tree:
    return jax.tree.map(lambda p, q: q + scale * p, a, b)


def _times(a: Tree, b: Tree) -> Tree:
    return jax.tree.map(jnp.multiply, a, b)


def _nothing(f: Function, players: Pair) -> tuple[()]:
    del f, players
    return ()


def _fresh_competitive(f: Function, players: Pair) -> Certificate:
    del f
    return fresh_certificate(players[_smaller(players)])


def _fresh_adaptive(f: Function, players: Pair) -> Adaptive:
    squares = jax.tree.map(jnp.zeros_like, players)
    return Adaptive(jnp.zeros((), jnp.int32), squares, _fresh_competitive(f, players))


METHODS: dict[str, Method] = {
    **{step.__name__: Method(_nothing, step) for step in (simgd, altgd, extragradient, conopt)},
    # The gradient before the first step counts as equal to the first one, so it is computed once before the loop.
    "ogda": Method(lambda f, players: jax.grad(f, (0, 1))(*players), ogda),
    "cgd": Method(_fresh_competitive, cgd),
    "acgd": Method(_fresh_adaptive, acgd),
}
