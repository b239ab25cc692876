"""Successive halving over combinations: many for few updates, then fewer for more, all by one protocol.

1. *Screening.* Every combination trains with each step size of a grid, the same for both players. While the best is at
   an end of the grid, the grid grows there.
2. *Tuning.* The best sixth goes on, with other seeds and more updates. Step sizes around the best, and ratios of the
   discriminator's to the generator's, are tried until the best pair has neighbours on all sides.
3. *Finals.* The best of these train with seeds apart from those before, until the budgets in updates, in fields and in
   CPU time are all spent. Points of their curves are measured along the way.

The rows of the claim take part in every round. A finished combination of a round is a file, and is not computed again.
"""

import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.images.choices import KEPT, Choice
from benchmarks.images.training import CHUNK, MEASURED, Lanes, Scene, Trainer, timed, trainer
from benchmarks.report import Row
from gamesolve.cli.results import write_json, write_whole
from gamesolve.driving.compilation_cache import use_compilation_cache

# Step sizes of the screening are these half powers of ten, and as many more beyond an end that is the best.
FIRST, ENDS = range(-10, -1), (-14, 2)
# Moves of the tuning to a better pair of step size and ratio, at most.
WALKS = 4
# Of the combinations, one in so many is tuned.
SHARE = 6
# Points of a curve along each budget, and images kept of each finalist.
POINTS, SHOWN = 12, 10


class Budget(NamedTuple):
    """What a combination of the finals may spend for each seed: updates of the generator, fields, and CPU seconds."""

    steps: int
    fields: float
    seconds: float


class Plan(NamedTuple):
    """The rounds of one scene.

    Attributes:
        choices: the combinations.
        screening, tuning: numbers of updates.
        finals: the budget.
        finalists: number of combinations in the finals, besides those of the claim.
        seeds: seeds of the finals.
        folder: folder of the finished combinations.
    """

    choices: tuple[Choice, ...]
    screening: int
    tuning: int
    finals: Budget
    finalists: int
    seeds: int
    folder: Path


def rounds(scene: Scene, plan: Plan) -> Iterator[tuple[str, Choice, Row]]:
    """Yield the round, the combination and the result of everything that is computed or was finished before."""
    settings = json.loads(json.dumps(plan._replace(folder="")._asdict() | {"batch": scene.batch}))
    _begin(plan.folder, settings)
    use_compilation_cache(plan.folder / "programs")
    first: dict[Choice, Row] = {}
    for choice in plan.choices:
        first[choice] = _kept(plan.folder, "screening", choice, lambda c: screened(trainer(scene, c), plan.screening))
        yield "screening", choice, first[choice]
    second: dict[Choice, Row] = {}
    for choice in _best(first, max(plan.finalists, len(first) // SHARE)):
        rate = first[choice]["rate"]
        second[choice] = _kept(
            plan.folder, "tuning", choice, lambda c, r=rate: tuned(trainer(scene, c), r, plan.tuning)
        )
        yield "tuning", choice, second[choice]
    for choice in _best(second, plan.finalists):
        rates = second[choice]["rate"], second[choice]["rate"] * second[choice]["ratio"]
        run: Callable[[Choice], Row] = lambda c, r=rates: _final(scene, c, r, plan.seeds, plan.finals, plan.folder)
        yield "finals", choice, _kept(plan.folder, "finals", choice, run) | second[choice]


def _begin(folder: Path, settings: Row) -> None:
    """Raise if the folder holds the rounds of other settings."""
    path = folder / "settings.json"
    if not path.exists():
        write_json(path, settings)
    elif json.loads(path.read_text(encoding="utf-8")) != settings:
        raise SystemExit(f"{folder} holds rounds with other settings. Give another --folder, or remove it.")


def _kept(folder: Path, stage: str, choice: Choice, compute: Callable[[Choice], Row]) -> Row:
    path = folder / stage / f"{choice.name}.json"
    if not path.exists():
        write_json(path, compute(choice))
        # A program for each combination would fill the memory; those that are wanted again are kept on disk.
        jax.clear_caches()
    return json.loads(path.read_text(encoding="utf-8"))


def _best(results: dict[Choice, Row], number: int) -> list[Choice]:
    ranked = sorted(results, key=lambda choice: _order(results[choice]["distance"]))
    return ranked[:number] + [choice for choice in ranked[number:] if choice in KEPT]


def _order(distance: float | None) -> float:
    return np.inf if distance is None else distance


def screened(train: Trainer, steps: int) -> Row:
    """Return the best step size for both players, which is inside the grid or at one of the `ENDS`."""
    exponents, found = list(FIRST), {}
    while True:
        found |= {k: _distance(train, (10 ** (k / 2), 10 ** (k / 2)), steps, seed=0) for k in exponents}
        best, (least, most) = min(found, key=lambda k: found[k]), ENDS
        if best == max(found) < most:
            exponents = [best + k for k in range(1, 1 + len(FIRST))]
        elif best == min(found) > least:
            exponents = [best - k for k in range(1, 1 + len(FIRST))]
        else:
            break
    return {"rate": 10 ** (best / 2), "distance": _finite(found[best]), "tried": len(found)}


def tuned(train: Trainer, rate: float, steps: int) -> Row:
    """Return the best step size of the generator, and ratio to it of the discriminator's, near ``rate``."""
    found: dict[tuple[int, int], float] = {}
    best, inside = (0, 0), False
    for _ in range(WALKS):
        i, j = centre = best
        for k, m in itertools.product((0, -1, 1), repeat=2):  # the centre first: it wins a tie
            place = i + k, j + m
            if place not in found:
                pair = rate * 10 ** (place[0] / 4), rate * 10 ** (place[0] / 4 + place[1] / 2)
                found[place] = _distance(train, pair, steps, seed=1)
        best = min(found, key=lambda place: found[place])
        inside = best == centre
        if inside:
            break
    i, j = best
    figures = {"rate": rate * 10 ** (i / 4), "ratio": 10 ** (j / 2), "distance": _finite(found[best])}
    return figures | {"inside": inside, "tried": len(found)}


def _distance(train: Trainer, rates: tuple[float, float], steps: int, seed: int) -> float:
    """Return the distance after training with two step sizes: that of the iterate or of its average."""
    lanes = train.start(jnp.asarray([rates]), jax.random.key(seed)[None])
    for _ in range(-(-steps // CHUNK)):
        lanes = train.advance(lanes)
    both = [float(train.quality(players).frechet[0]) for players in (lanes.players, lanes.smooth)]
    return min(np.nan_to_num(both, nan=np.inf).tolist())


def _final(scene: Scene, choice: Choice, rates: tuple[float, float], seeds: int, budget: Budget, folder: Path) -> Row:
    """Return the points of the curves, and what each budget bought."""
    train = trainer(scene, choice)
    keys = jax.random.split(jax.random.key(2), seeds)
    start = lambda: train.start(jnp.broadcast_to(jnp.asarray(rates), (seeds, 2)), keys)
    warm, _ = timed(train, start())
    lanes, seconds, first, taken, points, bought = start(), 0.0, None, 0, [], {}
    left = {"steps": budget.steps, "fields": budget.fields, "seconds": budget.seconds}
    due = {name: amount / POINTS for name, amount in left.items()}
    while left:
        elapsed, lanes = timed(train, lanes)
        first = elapsed if first is None else first
        seconds, taken = seconds + elapsed / seeds, taken + CHUNK
        spent = {"steps": taken, "fields": float(jnp.mean(lanes.fields)), "seconds": seconds}
        over = [name for name in left if spent[name] >= left[name]]
        if over or any(spent[name] >= due[name] for name in left):
            points.append(spent | _figures(train, lanes))
            due = {name: spent[name] + getattr(budget, name) / POINTS for name in due}
        for name in over:
            del left[name]
            bought[name] = points[-1]
    latents = jax.random.normal(jax.random.key(3), (SHOWN, scene.networks.latent))
    generator, _ = jax.tree.map(lambda leaf: leaf[0], lanes.players)
    pictures = scene.networks.generate(generator, latents)
    write_whole(folder / "finals" / f"{choice.name}.npy", _bytes(np.asarray(pictures)))
    return {"points": points, "bought": bought, "compile": max(0.0, warm - (first or 0.0))}


def _figures(train: Trainer, lanes: Lanes) -> Row:
    """Return each measure of the iterates, and of their averages, for each seed."""
    figures = {}
    for prefix, players in (("", lanes.players), ("average ", lanes.smooth)):
        measured = train.quality(players)
        for name, (field, _) in MEASURED.items():
            figures[prefix + name] = [_finite(value) for value in np.asarray(getattr(measured, field), float)]
    return figures


def _finite(value: float) -> float | None:
    """Return a number as JSON holds it: None if it is not finite."""
    return float(value) if np.isfinite(value) else None


def _bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
