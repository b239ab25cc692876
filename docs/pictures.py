"""Draw the pictures that are stored in the repository: ``python docs/pictures.py`` rewrites docs/figures.

``python docs/pictures.py paths watching`` draws only these.
"""

import contextlib
import functools
import pathlib
import re
import sys
from typing import Any

import jax
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


PICTURES = {draw.__name__: draw for draw in (comparison, paths, watching)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
