"""Count the flops and dot products of one compiled step, free of the noise of timings."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

import gamesolve as gs
from benchmarks.measurements import hand
from benchmarks.measurements.cases import Case, build
from gamesolve.game import Players
from gamesolve.trees import Scalar, State

# Less work for LLVM, which runs after everything that is counted here: compiling takes half the time.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
_DOT = re.compile(r"= \S+ dot\(")


class Cost(NamedTuple):
    """Flops and number of dot products of a compiled function; the body of a loop counts once."""

    flops: float
    dots: int


def compiled_cost(function: Callable[..., Any], *args: Any) -> Cost:
    """Compile ``function`` for these arguments and return its cost."""
    compiled = jax.jit(function).lower(*args).compile(_QUICK)
    analysis: Any = compiled.cost_analysis()
    return Cost(float(analysis["flops"]), len(_DOT.findall(compiled.as_text() or "")))


def field(case: Case) -> Cost:
    """Return the cost of one field of the game."""
    return compiled_cost(lambda game, players: game.field(players), case.game, case.players)


def gamesolve_step(case: Case, solver: str) -> Cost:
    """Return the cost of one `gamesolve.step`; players, game, state and step size are arguments of the program."""
    eta, *rest = case.numbers(solver)

    def step(eta: Scalar, game: gs.Game, players: Players, state: State) -> tuple[Players, State]:
        return gs.step(game, build(solver, eta, *rest), players, state)

    state = jax.eval_shape(build(solver, eta, *rest).init, case.players)
    return compiled_cost(step, eta, case.game, case.players, state)


def hand_step(case: Case, solver: str) -> Cost:
    """Return the cost of the hand-written step, with the same arguments."""
    eta, *rest = case.numbers(solver)
    method = hand.METHODS[solver]

    def step(eta: Scalar, arguments: tuple[Any, ...], players: hand.Pair, state: State) -> tuple[hand.Pair, State]:
        return method.step(case.function(arguments), (eta, *rest), players, state)

    state = jax.eval_shape(lambda players: method.init(case.function(case.arguments), players), case.players)
    with jax.default_matmul_precision("highest"):  # gamesolve's own choice; it matters on GPUs
        return compiled_cost(step, eta, case.arguments, case.players, state)
