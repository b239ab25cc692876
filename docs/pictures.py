"""Draw the pictures that are stored in the repository: ``python docs/pictures.py`` rewrites docs/figures."""

import pathlib

import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from gamesolve import compare, registry

FIGURES = pathlib.Path(__file__).resolve().parent / "figures"


def comparison() -> None:
    """Draw the core solvers on the bilinear game."""
    settings = compare.Settings()
    problem = compare.prepare("bilinear", registry.GAMES["bilinear"].make(), settings)
    runs = [compare.measure(problem, registry.SOLVERS[name], settings) for name in registry.CORE]
    gs.plots.comparison(compare.picture(problem, runs)).savefig(FIGURES / "compare-bilinear.png")


def film() -> None:
    """Film four solvers on the bilinear game, whose flow circles around the equilibrium."""
    game = gs.zero_sum(lambda x, y: x * y)
    solvers = {
        "simgd": gs.simgd(0.2),
        "altgd": gs.altgd(0.2),
        "extragradient": gs.extragradient(0.2),
        "cgd": gs.cgd(0.4),
    }
    start, together = (1.0, 0.6), lambda players, _: jnp.stack(players)
    ways = {name: gs.solve(game, solver, start, 48, record=together).trace for name, solver in solvers.items()}
    whole = {name: np.concatenate([[start], way]) for name, way in ways.items()}
    size = {"dpi": 100, "size": (3.5, 3.6)}
    made = gs.animate.paths(whole, field=game, equilibrium=(0.0, 0.0), axes=("x", "y"), tail=12, **size)
    made.save(FIGURES / "paths.gif")


if __name__ == "__main__":
    comparison()
    film()
