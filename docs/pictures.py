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
    ring = gan.ring(
        8, 0.05, loss=gan.non_saturating, batch_size=256, generator=generator, discriminator=discriminator,
        regularisers=(gan.r1(0.1),),
    )  # fmt: skip
    adam, keys, latents = optax.adam(2e-3, b1=0.5), jax.random.split(jax.random.key(1)), _latents(300)
    data = {"sample": ring.sample, "key": keys[0]}
    keep: Any = {"record": lambda players, _: players, "every": 100}
    trace = gs.solve(ring.game, adam, ring.game.start, 5000, **data, **keep).trace
    batch = ring.sample(keys[1])
    spectra = [gs.analysis.eigenvalues(ring.game.bind(batch), players) for players in _rows(trace)]
    size: dict[str, Any] = {"size": (3.6, 3.6), "dpi": 100, "rate": 6.0}

    def draw_samples(ax: Any, item: Any) -> None:
        index, players = item
        made = generator(players[0], latents)
        view = ((-1.6, 1.6), (-1.6, 1.6))
        gs.plots.samples(batch[0], made, judge=lambda x: discriminator(players[1], x), view=view, ax=ax)
        ax.set_title(f"step {100 * (index + 1)}: data and samples", fontsize=10)

    def draw_spectrum(ax: Any, values: Any) -> None:
        gs.plots.spectrum({"J": values}, stable="flow", ax=ax)
        ax.lines[-1].set(markersize=4)
        ax.set(xlim=(-0.6, 0.6), ylim=(-0.6, 0.6))
        ax.set_title("eigenvalues of J", fontsize=10)

    left = gs.animate.record(draw_samples, enumerate(_rows(trace)), **size)
    right = gs.animate.record(draw_spectrum, spectra, **size)
    frames = [np.hstack(pair) for pair in zip(left.frames, right.frames, strict=True)]
    gs.animate.Film([*frames, *[frames[-1]] * 6], 6.0).save(FIGURES / "training.gif")


def _latents(number: int) -> jax.Array:
    return jax.random.normal(jax.random.key(2), (number, 2))


def _rows(trace: Any) -> list[Any]:
    """Return the entries of a trace, one per record."""
    number = len(jax.tree.leaves(trace)[0])
    return [jax.tree.map(lambda leaf, at=at: leaf[at], trace) for at in range(number)]


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
