"""Draw the pictures that are stored in the repository: ``python docs/pictures.py`` rewrites docs/figures.

``python docs/pictures.py paths training`` draws only these.
"""

import contextlib
import functools
import pathlib
import re
import sys
from typing import Any

import jax
import numpy as np
import optax

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.games import gan
from gamesolve.watching import dashboard

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"


def comparison() -> None:
    """Draw the core solvers on the bilinear game, with a step size at which their eigenvalues differ."""
    settings = compare.Settings(steps=60, learning_rate=0.45)
    problem = compare.prepare("bilinear", registry.GAMES["bilinear"].make(), settings)
    runs = [compare.measure(problem, registry.SOLVERS[name], settings) for name in registry.CORE]
    gs.plots.comparison(compare.picture(problem, runs)).savefig(FIGURES / "compare-bilinear.png")


def paths(readme: pathlib.Path = ROOT / "README.md") -> None:
    """Make the film of the README by running the code beside it."""
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "paths.gif" in block]
    with contextlib.chdir(FIGURES):
        exec(compile(code, "README.md", "exec"), {})


def training() -> None:
    """Film a GAN that learns a ring of eight clusters: its samples, and the eigenvalues of the Jacobian beside them."""
    generator, discriminator = gan.MLP((2, 16, 16, 2)), gan.MLP((2, 16, 16, 1))
    networks: dict[str, Any] = {"generator": generator, "discriminator": discriminator, "batch_size": 256}
    ring = gan.ring(8, 0.05, loss=gan.non_saturating, regularisers=(gan.r1(0.1),), **networks)
    train, draw, noise = jax.random.split(jax.random.key(1), 3)
    data: dict[str, Any] = {"sample": ring.sample, "key": train, "record": lambda players, _: players, "every": 100}
    trace = gs.solve(ring.game, optax.adam(2e-3, b1=0.5), ring.game.start, 5000, **data).trace
    rows = [jax.tree.map(lambda leaf, at=at: leaf[at], trace) for at in range(50)]
    batch, latents = ring.sample(draw), jax.random.normal(noise, (300, 2))
    bound = ring.game.bind(batch)
    look: dict[str, Any] = {"size": (3.6, 3.6), "dpi": 100, "rate": 6.0}

    def samples(ax: Any, row: Any) -> None:
        number, players = row
        judge, view = lambda x: discriminator(players[1], x), ((-1.6, 1.6), (-1.6, 1.6))
        gs.plots.samples(batch[0], generator(players[0], latents), judge=judge, view=view, ax=ax)
        ax.set_title(f"step {100 * number}: data and samples", fontsize=10)

    def spectrum(ax: Any, players: Any) -> None:
        gs.plots.spectrum({"J": gs.analysis.eigenvalues(bound, players)}, stable="flow", ax=ax)
        ax.lines[-1].set(markersize=4)
        ax.set(xlim=(-0.6, 0.6), ylim=(-0.6, 0.6))
        ax.set_title("eigenvalues of J", fontsize=10)

    halves = gs.animate.record(samples, enumerate(rows, 1), **look), gs.animate.record(spectrum, rows, **look)
    frames = [np.hstack(pair) for pair in zip(*(half.frames for half in halves), strict=True)]
    gs.animate.Film([*frames, *[frames[-1]] * 6], 6.0).save(FIGURES / "training.gif")


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


PICTURES = {draw.__name__: draw for draw in (comparison, paths, training, watching)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
