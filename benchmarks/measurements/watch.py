"""Judge `gamesolve.watch` on labelled runs, and measure its cost and how early it announces a collapse."""

import argparse
from collections.abc import Iterator, Mapping
from functools import partial

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES
from benchmarks.measurements.controls import growing_scale, ring_from_scratch
from benchmarks.measurements.fresh import FRESH
from benchmarks.measurements.labelled import JUDGED, Family, frozen_critic, watched
from benchmarks.measurements.timed import compared, verdict
from benchmarks.measurements.tuning import TUNING
from benchmarks.report import Row
from gamesolve.compare.timing import interleaved
from gamesolve.watching.history import RECENT

Families = Mapping[str, tuple[Family, ...]]

PARTS = ("verdicts", "collapse", "overhead")
OPTIONS = {
    "parts": report.choices(PARTS),
    "seeds": {"type": int, "default": 6, "help": "runs per family (default: %(default)s)"},
    "tuning": {"action": "store_true", "help": "judge the families on which the thresholds were set"},
}
# Targets: share of right verdicts, and cost of a watched run over that of an unwatched one.
RIGHT, COST = 0.9, 1.05
# The first seed; smaller ones were seen while the thresholds were set.
SEED = 1000
# Number of modes of the ring.
MODES = 8
# Default number of steps between measurements, and the one at which the cost is measured, for enough measurements.
EVERY, OFTEN = 500, 50


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row per family and one for all of them, one per collapsing GAN and per control, and one for the cost."""
    if "verdicts" in arguments.parts:
        sets = {"tuning": TUNING} if arguments.tuning else {"judged": JUDGED, "fresh": FRESH}
        yield from verdicts(sets, arguments.seeds)
    if "collapse" in arguments.parts:
        yield from map(collapse, range(SEED + 300, SEED + 306))
        yield from (control(growing_scale, SEED + number) for number in range(2))
        yield from (control(ring_from_scratch, SEED + 300 + number) for number in range(2))
    if "overhead" in arguments.parts:
        yield overhead(arguments.repeats)


def verdicts(sets: Mapping[str, Families], seeds: int) -> Iterator[Row]:
    """Yield the number of right last verdicts of each family, and of all families of each set and together."""
    right: dict[str, int] = dict.fromkeys(sets, 0)
    for name, families in sets.items():
        for state, family in ((state, family) for state, members in families.items() for family in members):
            found = [watched(family(seed), seed)[0].verdict.state for seed in range(SEED, SEED + seeds)]
            hits, instead = found.count(state), ", ".join(sorted({other for other in found if other != state}))
            right[name] += hits
            yield {"what": f"{state}: {family.__name__}", "right": f"{hits} of {seeds}", "instead": instead}
    total = {name: seeds * sum(map(len, families.values())) for name, families in sets.items()}
    for name in sets:
        yield {"what": f"all runs, {name}", "right": f"{right[name]} of {total[name]}"}
    share = sum(right.values()) / sum(total.values())
    whole = f"{sum(right.values())} of {sum(total.values())}"
    yield {"what": "all runs", "right": whole, "ratio": share, "target": RIGHT, "verdict": verdict(share >= RIGHT)}


def collapse(seed: int) -> Row:
    """Return when a watch announces the collapse of a GAN on a ring, and when it covers half of its modes or less."""
    watch, solution = watched(frozen_critic(seed, 6e-3, 2000), seed, measurements=400)
    announced = next((each.step for each in watch.verdicts if each.state == "collapsing"), None)
    steps = [row["step"] for row in watch.rows]
    wide = max((number for number, covered in enumerate(solution.trace) if covered > MODES / 2), default=-1)
    halved = steps[wide + 1] if wide + 1 < len(steps) else None
    early = announced is not None and halved is not None and announced < halved
    what = f"collapse of the ring, seed {seed}: step announced, step at half coverage"
    return {"what": what, "right": f"{announced}, {halved}", "verdict": verdict(early)}


def control(family: Family, seed: int) -> Row:
    """Return how many verdicts on a run without a collapse are `collapsing`."""
    verdicts = watched(family(seed), seed)[0].verdicts[RECENT - 1 :]
    false = sum(each.state == "collapsing" for each in verdicts)
    what = f"no collapse: {family.__name__}, seed {seed}: verdicts collapsing"
    return {"what": what, "right": f"{false} of {len(verdicts)}", "target": 0, "verdict": verdict(not false)}


def overhead(repeats: int) -> Row:
    """Time a run of the MLP GAN with a watch beside one without, and convert to the default rate of measurements."""
    case = CASES["gan"]()
    solver, steps = gs.simgd(1e-3, 0.5), 2000
    run = partial(gs.run, case.game, solver, case.players, steps, chunk=OFTEN, progress=False)
    watch = gs.watch(case.game, solver, every=OFTEN, tell=None)
    often, plain = interleaved({"one": lambda: run(callbacks=[watch]), "other": run}, repeats, budget=0.0).values()
    seldom = [other + (one - other) * OFTEN / EVERY for one, other in zip(often, plain, strict=True)]
    return {"what": "run with watch / run, MLP GAN"} | compared({"one": seldom, "other": plain}, steps, COST)


main = partial(report.measure, "watch", rows)
