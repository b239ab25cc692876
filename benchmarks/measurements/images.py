"""Measure which combination of loss, regulariser and optimiser makes the best images, at equal budgets."""

import argparse
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.images import halving, pictures
from benchmarks.images.choices import (
    CHEAP,
    CLAIM,
    COMPETITIVE,
    DATA,
    LOSSES,
    NETWORKS,
    OPTIMISERS,
    QUICK,
    REGULARISERS,
    Choice,
)
from benchmarks.images.training import MEASURED, Scene, real, scene
from benchmarks.report import Row

# Budgets of the finals with perceptrons. The screening takes a third of the updates, and the tuning as many.
BUDGETS = {
    "digits": halving.Budget(300, 3000.0, 4.0),
    "mnist-5k": halving.Budget(500, 5000.0, 20.0),
    "fashion-mnist": halving.Budget(500, 5000.0, 20.0),
}
# Convolutions get so many times the seconds, in which a critic with a penalty makes about as many updates.
LONGER = {"perceptrons": 1.0, "dcgan": 5.0}
USUAL_BATCH = 64
# The first columns of the table; the others are measures and costs.
HEAD = ("optimiser", "loss", "regulariser", "rate", "ratio", "distance", "sd", "averaged", "averaged sd")
WORDS = {"steps": "{:g} updates", "fields": "{:g} fields", "seconds": "{:g} s"}

OPTIONS = {
    "data": {**report.choices(DATA), "default": ["digits"]},
    "networks": {**report.choices(NETWORKS), "default": ["perceptrons"]},
    "losses": report.choices(LOSSES),
    "regularisers": report.choices(REGULARISERS),
    "optimisers": report.choices(OPTIMISERS),
    "seeds": {"type": int, "default": 5},
    "finalists": {"type": int, "default": 10},
    "steps": {"type": int, "help": "updates of the generator in the finals; the other budgets follow"},
    "batch": {"type": int, "default": USUAL_BATCH},
    "folder": {"type": Path, "default": Path("runs/images"), "help": "folder of finished parts, to resume from"},
    "quick": {"action": "store_true", "help": "few combinations, updates and seeds"},
}


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the measurement, one table for each data set and kind of networks; returns the exit code."""
    for name, networks in itertools.product(arguments.data, arguments.networks):
        set_up = scene(name, networks, arguments.batch)
        plan = planned(arguments, name, networks)
        about = suffix(arguments, name, networks) + ("-quick" if arguments.quick else "")
        words = functools.partial(_words, plan, f"{name}, {networks}", arguments.batch)
        report.measure(
            "images", functools.partial(_rows, set_up, plan, about), arguments, command, about=about, words=words
        )
    return 0


def suffix(arguments: argparse.Namespace, name: str, networks: str) -> str:
    """Return the end of the names of the results."""
    batch = "" if arguments.batch == USUAL_BATCH else f"-batch-{arguments.batch}"
    return f"-{name}-{networks}{batch}"


def planned(arguments: argparse.Namespace, name: str, networks: str) -> halving.Plan:
    """Return the combinations of the command line with the budgets of the data set."""
    wanted = (arguments.losses, arguments.regularisers, arguments.optimisers)
    all_choices = tuple(Choice(*names) for names in itertools.product(*wanted))
    choices = tuple(choice for choice in all_choices if not arguments.quick or choice in QUICK)
    whole = BUDGETS[name]
    steps = arguments.steps or (whole.steps // 3 if arguments.quick else whole.steps)
    share = steps / whole.steps
    budget = halving.Budget(steps, share * whole.fields, share * whole.seconds * LONGER[networks])
    folder = arguments.folder / f"{name}-{networks}{'-quick' if arguments.quick else ''}"
    seeds, finalists = (3, 5) if arguments.quick else (arguments.seeds, arguments.finalists)
    return halving.Plan(choices, budget.steps // 3, budget.steps, budget, finalists, seeds, folder)


def _rows(scene: Scene, plan: halving.Plan, about: str, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for real images, and one for each finalist and budget; draw the pictures at the end."""
    finals: dict[Choice, Row] = {}
    for stage, choice, result in halving.rounds(scene, plan):
        print(f"{stage}: {pictures.label(choice)}: {result.get('distance')}", flush=True)
        if stage == "finals":
            finals[choice] = result
    floors = real(scene)
    yield {"budget": "-"} | dict.fromkeys(HEAD) | {"optimiser": "real images"} | floors
    for budget, amount in plan.finals._asdict().items():
        reached = {choice: result["bought"][budget] for choice, result in finals.items()}
        for choice in sorted(reached, key=lambda choice: _mean(reached[choice]["distance"])):
            yield {"budget": WORDS[budget].format(amount)} | _row(choice, finals[choice], reached[choice])
    arguments.out.mkdir(parents=True, exist_ok=True)
    pictures.curves(finals, floors["distance"]).savefig(arguments.out / f"images{about}-curves.png", dpi=110)
    images = scene.dataset.inputs[: halving.SHOWN]
    pictures.samples(finals, plan.folder, images).savefig(arguments.out / f"images{about}-samples.png", dpi=110)


def _row(choice: Choice, result: Row, reached: Row) -> Row:
    last, smooth = reached["distance"], reached["average distance"]
    rates = f"{result['rate']:.2g}", f"{result['ratio']:.2g}"
    figures = _mean(last), _deviation(last), _mean(smooth), _deviation(smooth)
    return (
        dict(zip(HEAD, (choice.optimiser, choice.loss, choice.regulariser, *rates, *figures), strict=True))
        | {name: _mean(reached[name]) for name in MEASURED if name != "distance"}
        | {"steps": reached["steps"], "fields": round(reached["fields"]), "seconds": reached["seconds"]}
    )


def _words(plan: halving.Plan, name: str, batch: int, rows: Sequence[Row]) -> Mapping[str, str]:
    settings = {"screening": plan.screening, "tuning": plan.tuning, "seeds": plan.seeds, "number": len(plan.choices)}
    claims = "\n".join(f"- {line}" for line in claim(rows))
    return {"name": name, "batch": str(batch), "claims": claims} | {key: str(value) for key, value in settings.items()}


def claim(rows: Sequence[Row]) -> Iterator[str]:
    """Yield sentences about each budget: ACGD with Wasserstein's payoff alone beside the best regularised baseline."""
    for budget in dict.fromkeys(row["budget"] for row in rows if row["loss"]):
        group = {Choice(*(row[field] for field in Choice._fields)): row for row in rows if row["budget"] == budget}
        competitive = (COMPETITIVE, CHEAP)
        rivals = [row for c, row in group.items() if c.optimiser not in competitive and c.regulariser != "none"]
        for name in competitive if rivals else ():
            ours = group.get(CLAIM._replace(optimiser=name))
            if ours is not None:
                yield f"{budget}: {_verdict(ours, rivals, 'distance', 'sd')}"
                yield f"{budget}, averaged: {_verdict(ours, rivals, 'averaged', 'averaged sd')}"


def _verdict(ours: Row, rivals: Sequence[Row], distance: str, deviation: str) -> str:
    best = min(rivals, key=lambda row: row[distance])
    margin = float(np.hypot(ours[deviation], best[deviation]))
    verdict = "is better" if ours[distance] < best[distance] - margin else "is as good"
    verdict = verdict if ours[distance] <= best[distance] + margin else "is not as good"
    baseline = pictures.label(Choice(*(best[field] for field in Choice._fields)))
    return (
        f"{ours['optimiser']} has {ours[distance]:.2f} ± {ours[deviation]:.2f}, the best regularised baseline "
        f"({baseline}) {best[distance]:.2f} ± {best[deviation]:.2f}. It {verdict}, within one standard deviation of "
        "the difference."
    )


def _mean(values: Sequence[float | None]) -> float:
    """Return a mean over seeds; infinity if one of them diverged."""
    return float(np.mean([np.inf if value is None else value for value in values]))


def _deviation(values: Sequence[float | None]) -> float:
    finite = [value for value in values if value is not None]
    return float(np.std(finite, ddof=1)) if len(finite) == len(values) > 1 else np.inf
