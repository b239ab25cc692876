# %% [markdown]
# # Logs, progress bars and early stopping
#
# A long run should write its measurements while it runs, and end when more steps do not help. How do you log to CSV
# and TensorBoard, which rules stop a run, and how do you draw the log afterwards?

# %%
import importlib.util
import os
import pathlib
import tempfile

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax

import gamesolve as gs
from gamesolve import loggers
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
STEPS, EVERY = (200, 10) if fast else (20_000, 50)
temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)

# %% [markdown]
# ## A run with logs and a bar
#
# The GAN learns five clusters in the plane. A row holds both payoffs and the share of good samples, those near a
# cluster. The names in a row are the columns of the CSV file and the tags of TensorBoard. `tensorboard --logdir FOLDER`
# shows them. With `progress=True`, the default, a bar shows on a terminal or in a notebook. It needs tqdm.

# %%
experiment = gan.five(batch_size=64)
adam = optax.adam(1e-3, b1=0.5)
good = experiment.measures["good"]


def record(players, _state, computed):
    generator, discriminator = computed.payoffs
    return {
        "good": good(players),
        "payoff": {"generator": generator, "discriminator": discriminator},
    }


def train(name, num_steps, *stops, progress=False):
    logs = [loggers.csv(folder / f"{name}.csv")]
    if importlib.util.find_spec("tensorboardX"):
        logs.append(loggers.tensorboard(folder / name))
    return gs.run(
        experiment.game,
        gs.per_player(adam, adam),
        experiment.game.start,
        num_steps,
        sample=experiment.sample,
        key=jax.random.key(0),
        record=record,
        every=EVERY,
        chunk=2 * EVERY,
        callbacks=[*logs, *stops],
        progress=progress,
    )


train("first", 10 * EVERY, progress=True)
print(*(folder / "first.csv").read_text().splitlines()[:3], sep="\n")
for path in sorted(path for path in folder.rglob("*") if path.is_file()):
    print(
        f"{path.relative_to(folder).as_posix()[:24]:24} {path.stat().st_size} "
        "bytes"
    )

# %% [markdown]
# ## Rules that stop a run
#
# `target` stops at a value of a metric, `patience` after rows without progress, and `time_limit` after seconds of the
# clock. Several rules can stand in one list, and the first one that applies ends the run.

# %%
rules = {
    "target": gs.stopping.target("good", 0.9, smaller_is_better=False),
    "patience": gs.stopping.patience(
        "good", rows=5 if fast else 40, min_change=0.01, smaller_is_better=False
    ),
    "time limit": gs.stopping.time_limit(0.5 if fast else 5.0),
}
for name, stop in rules.items():
    solution = train(name, STEPS, stop)
    print(
        f"{name:10} step {solution.steps:5}, {good(solution.players):.0%} "
        f"good: the run {solution.ending.sentence}"
    )

# %% [markdown]
# ## From the log to a picture
#
# A CSV log is read with numpy, pandas or a spreadsheet. All runs have the same seed, so the curve of the longest one
# shows the others too, and points mark their ends. A rule that stops at a plateau may stop too early: compare the end
# by patience with the steps that follow.

# %% mystnb={"image": {"alt": "Share of good samples over the steps, with a marker where each stopping rule ended its run."}, "figure": {"caption": "The share rises and levels off. Each marker shows how early its rule stops."}}
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
logs = {
    name: np.genfromtxt(folder / f"{name}.csv", delimiter=",", names=True)
    for name in rules
}
longest = max(logs.values(), key=len)
axes.plot(longest["step"], longest["good"], color="0.6")
for (name, log), marker in zip(logs.items(), "os^", strict=True):
    axes.plot(log["step"][-1], log["good"][-1], marker, label=f"end: {name}")
axes.set(xlabel="step", ylabel="share of good samples", ylim=(0, 1))
axes.legend(loc="lower right")
print("columns:", *longest.dtype.names)
temporary.cleanup()
plt.show()
