"""Measure how many gradients solvers need on the applications of the catalogue: networks, control, classification."""

import argparse
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.report import Row
from gamesolve import games, registry
from gamesolve.game import Game
from gamesolve.games import data

OPTIONS = {
    "budget": {"type": int, "default": 4000, "help": "steps per run (default: %(default)s)"},
    "tolerance": {"type": float, "default": 1e-5, "help": "natural residual to reach (default: %(default)s)"},
}
STEP_SIZES = np.geomspace(1e-2, 3, 16)
FREE = ("simgd", "altgd", "ogda", "extragradient")
PROJECTED = ("past_extragradient", "forward_reflected_backward", "extragradient", "forward_backward_forward")
RADIUS = 0.2


class Case(NamedTuple):
    """A game, the sets of its players if there are any, and the ratios of their step sizes."""

    game: Game
    sets: tuple[Callable[..., Any] | None, ...] | None = None
    ratios: tuple[float, ...] = ()


def _network() -> Case:
    rng = np.random.default_rng(0)
    graph = rng.random((50, 50)) * (rng.random((50, 50)) < 0.1)
    np.fill_diagonal(graph, 0)
    return Case(games.network(graph, 0.9 / max(abs(np.linalg.eigvals(graph))), rng.random(50)))


def _system() -> games.LinearQuadratic:
    rng = np.random.default_rng(1)
    dynamics = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    inputs = tuple(rng.normal(size=(2, 4, 2)) / 4)
    return games.linear_quadratic(dynamics, inputs, tuple(map(np.diag, rng.random((2, 4)))), (np.eye(2),) * 2)


def _bounded() -> Case:
    box = functools.partial(optax.projections.projection_box, lower=-0.1, upper=0.1)
    return Case(games.open_loop(_system(), 10, jnp.ones(4)), (box, box))


def _people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inputs, labels = map(np.asarray, data.diabetes())
    return np.delete(inputs, 1, axis=1), 2.0 * labels - 1, (inputs[:, 1] > 0).astype(int)


def _adversarial() -> Case:
    inputs, labels = map(np.asarray, data.breast_cancer())
    ball = functools.partial(optax.projections.projection_linf_ball, scale=RADIUS)
    game = games.adversarial_classification(inputs, 2.0 * labels - 1)
    return Case(game, (None, ball), (1.0, float(len(labels))))


CASES: Mapping[str, Callable[[], Case]] = {
    "network, 50 players": _network,
    "control, open loop": lambda: Case(games.open_loop(_system(), 10, jnp.ones(4))),
    "control, feedback": lambda: Case(games.feedback(_system(), 4)),
    "control, bounded inputs": _bounded,
    "worst group": lambda: Case(games.group_robust(*_people()), (None, *games.simplices(1))),
    "adversarial examples": _adversarial,
    "fair scores": lambda: Case(games.fair_classification(*_people()), (None, games.multiplier_projection)),
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each game: the gradients that each solver needs at its best step size, and that size."""
    with jax.enable_x64(True):
        for name, make in CASES.items():
            case, row = make(), Row(game=name)
            for solver in dict.fromkeys((*FREE, *PROJECTED)):
                allowed = solver in (FREE if case.sets is None else PROJECTED)
                row[solver] = _best(case, solver, arguments) if allowed else None
            yield row


main = functools.partial(report.measure, "applications", rows)


def _best(case: Case, name: str, arguments: argparse.Namespace) -> str:
    """Return the smallest number of gradients over all step sizes, or how the runs ended if none converged."""
    entry = registry.SOLVERS[name]
    sets = {} if case.sets is None else {"projections": case.sets}

    def run(game: Game, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        solver = entry.build(tuple(rate * ratio for ratio in case.ratios) or rate, **sets)
        solution = gs.solve(game, solver, game.start, arguments.budget, tol=arguments.tolerance, max_norm=1e6)
        return solution.steps, solution.status

    # The game is an argument, so that XLA does not fold its arrays, which can take minutes.
    runs = jax.jit(jax.vmap(run, in_axes=(None, 0)))
    steps, status = map(np.asarray, runs(case.game, jnp.asarray(STEP_SIZES)))
    spent = np.where(status == gs.Status.CONVERGED, steps * entry.cost.fields, np.inf)
    best = int(spent.argmin())
    return f"{spent[best]:.0f} ({STEP_SIZES[best]:.2g})" if np.isfinite(spent[best]) else "none"
