# %% [markdown]
# # Dynamics of GAN training: saddles, cycles, run-off, forgetting
#
# What does a GAN pass on its way: a saddle, a cycle, a plateau? Do larger discriminators help? What disappears late in
# training, and what comes back? Every section measures one claim about the training of GANs by one number. Data and
# samples are mostly numbers, so that everything can be drawn.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import scipy.stats

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
POSITIONS = (-6.0, -2.0, 2.0, 6.0)
adam, rmsprop = optax.adam(1e-3, b1=0.5), optax.rmsprop(1e-3)


def line(width, activation, loss=gan.minimax, regularisers=()):
    """Return a function of a key that makes a GAN on four clusters, with
    ``width`` units in its discriminator.
    """
    generator, judge = (
        gan.MLP((1, 32, 32, 1), activation),
        gan.MLP((1, width, width, 1), activation),
    )
    return lambda key: gan.line(
        POSITIONS,
        0.2,
        loss=loss,
        regularisers=regularisers,
        batch_size=64,
        generator=generator,
        discriminator=judge,
        key=key,
    )


def train(make, solver, num_steps, every, look, seeds):
    """Return what ``look(experiment, players, state)`` records, with the seed
    as the first axis.
    """
    num_steps = 4 * every if fast else num_steps

    @jax.vmap
    def run(seed):
        experiment = make(jax.random.key(seed))
        return gs.solve(
            experiment.game,
            solver,
            experiment.game.start,
            num_steps,
            sample=experiment.sample,
            key=jax.random.key(50 + seed),
            record=lambda players, state: look(experiment, players, state),
            every=every,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(2 if fast else seeds)))


def bracket(low, high):
    return f"[{low:.2f}, {high:.2f}]"


def mean_of(seeds):
    """Return the mean over seeds, with a bootstrap interval of 95%."""
    random = np.random.default_rng(0)
    interval = scipy.stats.bootstrap(
        (seeds,), np.mean, method="percentile", rng=random
    ).confidence_interval
    return f"{seeds.mean():.2f} {bracket(*interval)}"


# %% [markdown]
# ## Lyapunov exponents along a training
#
# A cluster of nearby networks is trained together. It separates near a saddle, contracts near a stable point and keeps
# its size on a cycle or a plateau. `finite_time_exponents` follows an infinitesimal cluster and returns its growth
# rate in each window. `passes` compares it with the speed and the shape of the path, and marks what the window passes.
#
# First two fields in the plane, where the answer is known: a saddle at 0 between two stable points, and the biases of
# the smallest GAN with a sigmoid discriminator, which run off to infinity.

# %%
between = gs.general_sum(
    lambda x, y: x**2 / 2 - x**4 / 4, lambda x, y: -(y**2) / 2
)
off = gan.bias_plane(gan.Sigmoid()).game


def show(name, found):
    marks = gs.analysis.passes(found)
    counts = ", ".join(
        f"{kind} {int(flags.sum())}" for kind, flags in marks._asdict().items()
    )
    exponents = found.exponents[:, 0]
    print(
        f"{name:26} {len(found.steps)} windows: {counts}; mean exponent "
        f"{float(exponents.mean()):+.4f} per step"
    )


show(
    "saddle",
    gs.analysis.finite_time_exponents(
        between, gs.simgd(0.1), (0.01, 1.0), 200, every=10
    ),
)
show(
    "two biases",
    gs.analysis.finite_time_exponents(
        off, gs.simgd(0.05), off.start, 1000, every=100
    ),
)

# %% [markdown]
# Now two networks, each trained on one fixed batch. The first one learns a Gaussian, with two hidden layers of 16
# units. The second one is a ReLU network on four clusters, from a seed whose generator runs off.

# %%
network = gan.MLP((1, 16, 16, 1), jnp.tanh)
gaussian = gan.gaussian(
    batch_size=128, generator=network, discriminator=network
)
leaving = line(32, jax.nn.relu)(jax.random.key(2))
runs = {
    "a Gaussian": (gaussian, 600 if fast else 6000, 200),
    "four clusters": (leaving, 100 if fast else 1000, 25),
}
found = {}
for name, (experiment, num_steps, every) in runs.items():
    game = experiment.game.bind(experiment.sample(jax.random.key(0)))
    found[name] = gs.analysis.finite_time_exponents(
        game, gs.simgd(0.1), game.start, num_steps, every=every
    )
    show(name, found[name])

# %% [markdown]
# The Gaussian's GAN cycles: more than half of the windows are marked so, and the others are bursts, in which the
# cluster separates and contracts again. The only mark of a saddle belongs to the slowest part of the training. The
# leading eigenvalue of J there has a positive real part, so the players do pass an unstable point. But it is positive
# at the end of all thirty windows, and at its size the cluster would more than double in every window. On average it
# grows much more slowly, by a fifth per window: the unstable directions turn before they act. The cluster shows what
# the eigenvalues at a point do not.
#
# The other GAN stretches the cluster in the first 25 steps only. After that the exponent is zero and the path is
# straight: the discriminator is saturated, and nothing acts on the generator any more.

# %%
game = gaussian.game.bind(gaussian.sample(jax.random.key(0)))
marks = gs.analysis.passes(found["a Gaussian"])
for index in [
    *np.flatnonzero(marks.saddle),
    len(marks.saddle) // 2,
    len(marks.saddle) - 1,
]:
    players = jax.tree.map(
        lambda leaf, index=index: leaf[index], found["a Gaussian"].players
    )
    value = complex(gs.analysis.eigenvalues(game, players)[0])
    exponent = float(found["a Gaussian"].exponents[index, 0]) / 0.1
    step = int(found["a Gaussian"].steps[index])
    print(
        f"step {step}: leading eigenvalue {value:.3f}, exponent "
        f"{exponent:+.4f} per unit of time"
    )

# %% [markdown]
# Above, the exponents with the marks as colours. Below, the speed of the players.

# %% mystnb={"image": {"alt": "Two GANs in two columns: growth of a cluster per window above, speed of the players below."}, "figure": {"caption": "Colours mark what each window passes. The left training mostly cycles; the right one runs off along a straight path."}}
COLOURS = {
    "saddle": "#D55E00",
    "converging": "#009E73",
    "cycle": "#56B4E9",
    "drifting": "#CCCCCC",
}
figure, axes = plt.subplots(
    2, 2, figsize=(8, 4.6), layout="constrained", sharex="col"
)
for column, (name, stretching) in zip(axes.T, found.items(), strict=True):
    steps = stretching.steps
    every = steps[0]
    for kind, flags in gs.analysis.passes(stretching)._asdict().items():
        for step in steps[flags]:
            column[0].axvspan(
                step - every, step, color=COLOURS[kind], alpha=0.5, linewidth=0
            )
        column[0].plot(
            [], [], color=COLOURS[kind], alpha=0.5, linewidth=6, label=kind
        )
    middle = steps - every / 2
    column[0].plot(
        middle,
        every * stretching.exponents[:, 0],
        "k.-",
        linewidth=0.8,
        markersize=3,
    )
    column[0].set(title=name, ylabel="log stretch per window")
    column[1].plot(middle, stretching.speed, "k.-", linewidth=0.8, markersize=3)
    column[1].set(yscale="log", ylabel="speed per step", xlabel="step")
axes[0, 1].set_yscale("symlog", linthresh=0.1)
axes[0, 1].legend(fontsize=7, loc="upper right")
plt.show()

# %% [markdown]
# A real cluster: 32 copies of the Gaussian's GAN start a thousandth apart, and `vmap` trains them together. Their
# median distance (the range is shaded) follows the exponents (grey). After 6000 steps it has grown some hundredfold:
# this training is slowly chaotic.

# %% mystnb={"image": {"alt": "Distance of a cluster of trainings from a reference over the steps, with the predicted growth in grey."}, "figure": {"caption": "The distance follows the grey line of the exponents and grows a hundredfold in 6000 steps."}}
flat, unravel = jax.flatten_util.ravel_pytree(game.start)
shifts = (
    1e-3
    * jax.random.normal(jax.random.key(1), (4 if fast else 32, flat.size))
    / jnp.sqrt(flat.size)
)
ravel = lambda players, _: jax.flatten_util.ravel_pytree(players)[0]
num_steps, every = runs["a Gaussian"][1:]
follow = lambda shift: (
    gs.solve(
        game,
        gs.simgd(0.1),
        unravel(flat + shift),
        num_steps,
        record=ravel,
        every=every,
    ).trace
)
apart = jnp.linalg.norm(jax.vmap(follow)(shifts) - follow(0.0), axis=-1)
steps = found["a Gaussian"].steps
axes = gs.plots.convergence(
    {"cluster": apart},
    quantity="distance from the reference",
    cost={"cluster": steps},
)
grown = jnp.exp(jnp.cumsum(every * found["a Gaussian"].exponents[:, 0]))
axes.plot(
    steps,
    jnp.median(apart[:, 0]) * grown / grown[0],
    color="grey",
    linewidth=1,
    label="exponents",
)
axes.set_xlabel("step")
axes.legend(fontsize=7)
axes.figure

# %% [markdown]
# ## Slices through the players during training
#
# At its start, a large GAN's field leaves any random plane, see {doc}`05_tiny_gans`. Is this different later? Here are
# slices through the current players of a GAN with two hidden layers of 100 units, in two planes: one of random
# directions in the biases of each player, and the one of the two players' own gradients, which contains the field at
# the centre.

# %% mystnb={"image": {"alt": "Slices of the field at several steps of a training: random planes above, planes of both gradients below."}, "figure": {"caption": "The upper pictures hold a few percent of the field, the lower ones more than half. Only their centre is a place of the training."}}
network = gan.MLP((1, 100, 100, 1), jnp.tanh)
large = gan.gaussian(generator=network, discriminator=network)
num_steps = 20 if fast else 2000
trace = gs.solve(
    large.game,
    gs.simgd(0.05),
    large.game.start,
    num_steps,
    sample=large.sample,
    key=jax.random.key(1),
    record=lambda players, _: players,
    every=num_steps // 20,
).trace
game = large.game.bind(large.sample(jax.random.key(0)))
moments = {0: game.start} | {
    num_steps * row // 20: jax.tree.map(
        lambda leaf, row=row: leaf[row - 1], trace
    )
    for row in (2, 20)
}


def alone(players, player):
    """Return a tree of players in which only one is not zero, of length one."""
    own = tuple(
        own if i == player else jax.tree.map(jnp.zeros_like, own)
        for i, own in enumerate(players)
    )
    return jax.tree.map(lambda leaf: leaf / optax.tree.norm(own), own)


def biases(players):
    """Return a random direction in the biases."""
    keys = iter(jax.random.split(jax.random.key(0), 100))
    draw = lambda path, leaf: (
        jax.random.normal(next(keys), leaf.shape) * (path[-1].key == "bias")
    )
    return jax.tree_util.tree_map_with_path(draw, players)


figure, axes = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained")
for column, (step, players) in zip(axes.T, moments.items(), strict=True):
    distance = float(large.measures["wasserstein1"](players))
    for ax, (name, tree) in zip(
        column,
        (("biases", biases(players)), ("gradients", game.field(players))),
        strict=True,
    ):
        plane = (alone(tree, 0), alone(tree, 1))
        picture = gs.analysis.slice_field(
            game, players, plane, (-1.0, -1.0), (1.0, 1.0), 5 if fast else 21
        )
        inside = jnp.sqrt(jnp.maximum(0, 1 - (picture.out / picture.norm) ** 2))
        zeros = gan.zeros_on_grid(picture.motion)
        print(
            f"step {step:4}, W1 {distance:.2f}, {name:9}: "
            f"{float(jnp.median(inside)):.1%} of the field's length in the "
            f"plane (median), {int(zeros.saddles)} saddles and "
            f"{int(zeros.others)} other zeros of that part"
        )
        gs.plots.vector_field(
            picture, axes=("generator", "discriminator"), ax=ax
        ).set_title(f"{name}, step {step}")
plt.show()

# %% [markdown]
# The random plane (above) contains a few percent of the field at most, at every moment: its streamlines seem to run
# off, but the players do not move along them. The plane of the gradients (below) contains more than half of the
# field's length, and the part of the field in it has a saddle and other zeros near the players. They are no
# equilibria: only at the players themselves, in the centre, does the plane contain the whole motion.

# %% [markdown]
# ## Does a larger discriminator cure the instability?
#
# The smallest GANs diverge because their discriminator is too weak. Then larger ones should help. We vary the width of
# both hidden layers, with 95% intervals over seeds. The answer depends on the solver.
#
# Plain gradient steps with the saturating loss: the wider the discriminator, the **more** seeds leave the data (mean
# of the samples beyond 20) within 400 steps. It becomes confident sooner, and the generator's gradient vanishes.

# %%
widths = (8, 32, 128)[: 1 if fast else None]


for width in widths:
    centre = lambda experiment, players, _: experiment.measures["samples"](
        players
    ).mean()
    means = train(line(width, jax.nn.relu), gs.simgd(0.1), 400, 20, centre, 16)
    left = (~(np.abs(means) <= 20)).any(axis=1)  # true for NaN as well
    interval = scipy.stats.binomtest(int(left.sum()), len(left)).proportion_ci(
        method="wilson"
    )
    print(
        f"width {width:3}: {left.sum():2} of {len(left)} seeds left, share in "
        f"{bracket(*interval)}"
    )

# %% [markdown]
# Adam with the non-saturating loss and smooth networks: now wider discriminators do help. More modes are covered, and
# the samples are closer to the data. The training comes to rest at no width: the Wasserstein-1 distance fluctuates in
# its last half (the standard deviation over time).
#
# The same runs answer another question. Between the clusters there are no data, so the discriminator should give no
# confidence away there. It does: is this a lack of capacity? The last lines print its mean belief at -4, 0 and 4. It
# is, but not only: the widest discriminator has learnt that nothing is at 0, while its belief at -4 and 4 falls from
# one half to about 0.3.

# %%
middles = jnp.array([[-4.0], [0.0], [4.0]])
places = jnp.linspace(-9, 9, 181)[:, None]
curves = {}


for width in widths:
    judge = gan.MLP((1, width, width, 1), jnp.tanh)

    def look(experiment, players, _, judge=judge):
        beliefs = {
            name: jax.nn.sigmoid(judge(players[1], x)[:, 0])
            for name, x in (("middles", middles), ("all", places))
        }
        return beliefs | {
            name: experiment.measures[name](players)
            for name in ("modes", "wasserstein1")
        }

    trace = train(
        line(width, jnp.tanh, gan.non_saturating), adam, 2000, 50, look, 8
    )
    half = {
        name: values[:, values.shape[1] // 2 :]
        for name, values in trace.items()
    }
    curves[f"width {width}"] = half["all"].mean(axis=1)
    distance = half["wasserstein1"]
    print(
        f"width {width:3}: modes {mean_of(half['modes'].mean(axis=1))} of 4, "
        f"W1 {mean_of(distance.mean(axis=1))}"
    )
    print(
        "           fluctuation of W1 over time "
        f"{mean_of(distance.std(axis=1))}"
    )
    print(
        "           belief at -4, 0, 4:",
        ", ".join(mean_of(row) for row in half["middles"].mean(axis=1).T),
    )

# %% [markdown]
# The belief over the last half of training: medians and ranges of the seeds. Dotted lines mark the clusters.

# %% mystnb={"image": {"alt": "The discriminator's belief over the line, a curve per width, with dotted lines at the clusters."}, "figure": {"caption": "Wider discriminators believe less in the places between the clusters."}}
axes = gs.plots.lines(curves, places[:, 0], axes=("x", "belief that x is real"))
for position in POSITIONS:
    axes.axvline(position, color="grey", linestyle=":", linewidth=0.8)
axes.set_ylim(0, 1)
axes.legend(fontsize=7)
axes.figure

# %% [markdown]
# ## Modes that vanish late and grow back
#
# Late in training a GAN may abandon a cluster and return to it later. `regrowths` counts how often the share of a mode
# falls below 5% and later exceeds 15%, here in the last half of 4000 steps. `gs.average` keeps an average of the
# generator's parameters beside it.

# %%
warm = lambda t: jnp.minimum(0.999, (1 + t) / (10 + t))


def both(experiment, players, state):
    mean = (optax.tree.get(state, "average"), players[1])
    names = [
        name
        for name in ("shares", "modes", "good", "wasserstein1")
        if name in experiment.measures
    ]
    return [
        {name: experiment.measures[name](own) for name in names}
        for own in (players, mean)
    ]


def averaged(tx):
    return gs.per_player(gs.average(tx, decay=warm), tx)


five = lambda key: gan.five(
    generator=gan.MLP((2, 32, 32, 2)),
    discriminator=gan.MLP((2, 32, 32, 1)),
    batch_size=64,
    key=key,
)
cases = {
    "line, RMSProp": (line(32, jnp.tanh), rmsprop, 6),
    "line, Adam": (line(32, jnp.tanh), adam, 6),
    "five clusters, Adam": (five, adam, 3),
}
records = {}
for name, (make, tx, seeds) in list(cases.items())[: 1 if fast else None]:
    records[name] = train(make, averaged(tx), 4000, 20, both, seeds)
    for own, trace in zip(
        ("last iterate", "average"), records[name], strict=True
    ):
        half = {
            key: values[:, values.shape[1] // 2 :]
            for key, values in trace.items()
        }
        counts = np.array(
            [gan.regrowths(shares, 0.05, 0.15) for shares in half["shares"]]
        )
        distance = (
            f", W1 {half['wasserstein1'].mean():.2f}"
            if "wasserstein1" in half
            else ""
        )
        print(
            f"{name:19} {own:12}: returns per mode "
            f"{counts.mean(axis=0).round(1)}, modes "
            f"{half['modes'].mean():.2f}, "
            f"good samples {half['good'].mean():.2f}{distance}"
        )

# %% [markdown]
# With RMSProp on the line the two outer clusters are lost and found again some twenty times in every seed. With Adam
# it happens in some seeds, and on five clusters in the plane it does not happen at all. The average of the parameters
# loses no mode. On the line its samples are closer to the data in the Wasserstein-1 distance. But under RMSProp most
# of them lie between the clusters: the average of two generators that make different modes makes something in between.
#
# The shares of one seed over the last thousand steps:

# %% mystnb={"image": {"alt": "Shares of the clusters over the last thousand steps: of the last iterate on the left, of the average on the right."}, "figure": {"caption": "The shares of the last iterate jump to 0 and return. Those of the average stay above 0."}}
steps = 20 * (1 + np.arange(records["line, RMSProp"][0]["shares"].shape[1]))
late_steps = slice(-50, None)
figure, axes = plt.subplots(
    1, 2, figsize=(8, 3), layout="constrained", sharey=True
)
for ax, own, trace in zip(
    axes, ("last iterate", "average"), records["line, RMSProp"], strict=True
):
    rows = trace["shares"][0, late_steps].T
    shares = {
        f"cluster at {centre:.0f}": row
        for centre, row in zip(POSITIONS, rows, strict=True)
    }
    gs.plots.lines(
        shares, steps[late_steps], axes=("step", "share of the samples"), ax=ax
    ).set_title(own)
axes[1].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Folds of the generator
#
# A generator on the line could be monotone, but training folds it: several latents become the same sample. `folds`
# counts them by the sign of the derivative, and in several dimensions by the sign of the Jacobian determinant.

# %%
curve, z = gan.MLP((1, 32, 32, 1), jnp.tanh), jnp.linspace(-3, 3, 301)[:, None]
crease = lambda _, players, __: (
    gs.metrics.folds(lambda x: curve(players[0], x), z).changes
)
counts = train(line(32, jnp.tanh), rmsprop, 3000, 100, crease, 12)
print("folds after 100 steps:", counts[:, 0])
print("folds at the end:     ", counts[:, -1])
print(
    f"mean over the last half: {counts[:, counts.shape[1] // 2 :].mean():.1f}"
)

# %% [markdown]
# Does the map fold more in more dimensions? The data are `2 d + 1` clusters in d dimensions, at 0 and at distance 2 on
# both sides along each axis. The number is the share of latents with the rarer orientation; at one half, orientation
# is as good as random. On the line the share does not grow, within its intervals. In two and three dimensions the
# random map of the start is folded already, and training folds it further, almost up to one half.

# %%
for dim in (2,) if fast else (1, 2, 3):
    centres = np.concatenate(
        [np.zeros((1, dim)), 2 * np.eye(dim), -2 * np.eye(dim)]
    )
    maker, judge = (
        gan.MLP((dim, 32, 32, dim), jnp.tanh),
        gan.MLP((dim, 64, 64, 1), jnp.tanh),
    )
    latents = jax.random.normal(jax.random.key(7), (500, dim))

    share = jax.jit(
        lambda players, maker=maker, latents=latents: (
            gs.metrics.folds(lambda x: maker(players[0], x), latents).flipped
        )
    )
    look = lambda experiment, players, _, share=share: (
        share(players),
        experiment.measures["modes"](players),
    )
    make = lambda key, centres=centres, maker=maker, judge=judge: gan.clusters(
        centres,
        0.2,
        generator=maker,
        discriminator=judge,
        batch_size=64,
        key=key,
    )
    shares, modes = train(make, adam, 1500, 500, look, 8)
    starts = [
        make(jax.random.key(seed)).game.start for seed in range(len(shares))
    ]
    begin = np.array([share(players) for players in starts])
    print(
        f"{dim} dimensions: flipped {mean_of(begin)} at the start, "
        f"{mean_of(shares[:, -1])} at the end; "
        f"modes {modes[:, -1].mean():.1f} of {len(centres)}"
    )

# %% [markdown]
# One generator on five clusters in the plane: its latents and its samples, coloured by orientation. The regions are
# stripes, and at every cluster samples of both orientations lie on top of each other.

# %% mystnb={"image": {"alt": "Latents and samples of one generator as dots, in two colours for the two orientations."}, "figure": {"caption": "The colours form stripes among the latents, and at each cluster they lie on top of each other: the map folds."}}
make = lambda key: gan.five(
    generator=gan.MLP((2, 32, 32, 2), jnp.tanh), batch_size=128, key=key
)
maker = gan.MLP((2, 32, 32, 2), jnp.tanh)
experiment = make(jax.random.key(0))
players = gs.solve(
    experiment.game,
    adam,
    experiment.game.start,
    20 if fast else 2000,
    sample=experiment.sample,
    key=jax.random.key(50),
).players
points = jax.random.normal(jax.random.key(7), (2000, 2))
found = gs.metrics.folds(lambda x: maker(players[0], x), points)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, shown, title in zip(
    axes,
    (points, maker(players[0], points)),
    ("latents", "samples"),
    strict=True,
):
    for sign, colour, label in (
        (1, "#0072B2", "orientation kept"),
        (-1, "#D55E00", "reversed"),
    ):
        chosen = shown[found.orientation == sign]
        ax.plot(*chosen.T, ".", color=colour, markersize=2, label=label)
    ax.set(title=title, aspect="equal", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
axes[0].legend(fontsize=7, markerscale=4)
print(f"flipped {float(found.flipped):.2f}")

# %% [markdown]
# ## Weight normalisation against fixed points at infinity
#
# One real example is at 0, and the generator can't come closer than 1. The discriminator ``w x + b`` gains from larger
# weights forever: they grow like the logarithm of time. `weight_normalisation` fixes the norm of ``w`` at a bound, and
# the discriminator then converges to ``b = bound / 2``.

# %%
start = (
    jnp.array(0.5),
    {"weight": jnp.array([[-1.0]]), "bias": jnp.array([0.2])},
)
for name, terms in {
    "plain": (),
    "bound 2": (gan.weight_normalisation(2.0),),
}.items():
    judge = lambda own, x: x @ own["weight"] + own["bias"]
    game = gan.adversarial(
        lambda theta, z: 1 + theta**2 + 0 * z, judge, regularisers=terms
    )
    game = game.bind((jnp.zeros((1, 1)), jnp.zeros((1, 1))))
    look = lambda players, _: (
        players[1]["weight"][0, 0],
        players[1]["bias"][0],
    )
    w, b = gs.solve(
        game, gs.simgd(0.2), start, 16_000, record=look, every=1000
    ).trace
    print(
        f"{name:8}",
        *(
            f"step {1000 * k:5}: w {w[k - 1]:7.3f}, b {b[k - 1]:6.3f};"
            for k in (1, 4, 16)
        ),
    )

# %% [markdown]
# In the experiment with plain steps, generators left the data for good. How many do with weight normalisation? With
# bound 0.5 some leave and all of them come back, and with bound 1 none leaves. A bound of 2 is too large: through
# several layers the discriminator still saturates, and almost all seeds leave.

# %%
kinds = {
    "plain": (),
    "bound 0.5": (gan.weight_normalisation(0.5),),
    "bound 1": (gan.weight_normalisation(1.0),),
    "bound 2": (gan.weight_normalisation(2.0),),
}
paths = {}
for name, terms in list(kinds.items())[:: 2 if fast else 1]:
    look = lambda experiment, players, _: (
        experiment.measures["samples"](players).mean(),
        experiment.measures["modes"](players),
    )
    paths[name], modes = train(
        line(32, jax.nn.relu, regularisers=terms),
        gs.simgd(0.1),
        1000,
        20,
        look,
        16,
    )
    away = ~(np.abs(paths[name]) <= 20)
    print(
        f"{name:10}: {away.any(axis=1).sum():2} of {len(away)} seeds left, "
        f"{away[:, -1].sum():2} are away at the end; "
        f"modes covered by the median seed {np.median(modes[:, -1]):.0f}"
    )

# %% [markdown]
# The mean of the samples, for all seeds, on symmetric logarithmic scales. Lines that end far from 0 are generators
# that never come back.

# %% mystnb={"image": {"alt": "Mean of the samples over the steps for all seeds, in four panels with symmetric logarithmic scales."}, "figure": {"caption": "Lines that end far from 0 are generators that left the data and did not return."}}
figure, axes = plt.subplots(
    2, 2, figsize=(6.5, 5.4), layout="constrained", sharey=True
)
for ax, (name, rows) in zip(axes.flat, paths.items(), strict=False):
    ax.plot(20 * (1 + np.arange(rows.shape[1])), rows.T, linewidth=0.8)
    ax.set_yscale("symlog", linthresh=10)
    ax.set(
        title=name,
        xlabel="step",
        ylim=(-1e4, 1e4),
        yticks=[-1e3, -10, 0, 10, 1e3],
    )
figure.supylabel("mean of the samples")
plt.show()
