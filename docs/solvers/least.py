"""The table at the end of each family's page: the smallest factor per step on three small games."""

from collections.abc import Callable, Mapping

import gamesolve as gs

GAMES = {
    "x y": gs.games.curl(),
    "x² + 10 x y + y²": gs.games.icr_quadratic(),
    "x² + 2 x y - y²": gs.zero_sum(lambda x, y: x**2 + 2 * x * y - y**2),
}


def table(makers: Mapping[str, Callable[[float], gs.Solver]]) -> None:
    """Print each solver's smallest factor per step over step sizes up to 1, and that step size; equilibria are at 0."""
    print(f"{'smallest factor, at step size':30}", *(f"{name:>22}" for name in GAMES))  # noqa: T201
    for name, make in makers.items():
        cells = []
        for game in GAMES.values():
            best = gs.analysis.best_step(game, make, (0.0, 0.0), upper=1.0)
            cells.append(f"{best.rate:.4f} at {best.step:.3f}" if best.rate < 0.9999 else "never converges")
        print(f"{name:30}", *(f"{cell:>22}" for cell in cells))  # noqa: T201
