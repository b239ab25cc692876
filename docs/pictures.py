"""Draw the pictures that are stored in the repository: ``python docs/pictures.py`` rewrites docs/figures."""

import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.games import gan
from gamesolve.watching import dashboard

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


def watching() -> None:
    """Draw the dashboard of a GAN whose generator covers a ring, and then ascends a discriminator that hardly moves."""
    networks: dict[str, Any] = {"generator": gan.MLP((4, 32, 32, 2)), "discriminator": gan.MLP((2, 32, 32, 1))}
    make = functools.partial(gan.ring, 8, 0.05, loss=gan.non_saturating, batch_size=128, **networks)
    healthy, ring, keys = make(regularisers=(gan.r1(0.3),)), make(), jax.random.split(jax.random.key(1))
    data = {"sample": healthy.sample, "key": keys[0]}
    players = gs.solve(healthy.game, optax.adam(2e-3, b1=0.5), healthy.game.start, 4000, **data).players
    solver = gs.per_player(optax.adam(8e-3, b1=0.5), optax.adam(1e-6, b1=0.5))
    data = {"sample": ring.sample, "key": keys[1]}
    watch = gs.watch(ring.game, solver, every=20, outputs=ring.measures["samples"], **data)
    gs.run(ring.game, solver, players, 1500, chunk=20, callbacks=[watch], **data)
    dashboard.draw(watch).savefig(FIGURES / "watching.png")


if __name__ == "__main__":
    comparison()
    film()
    watching()
