# %% [markdown]
# # Losses of GANs, forgetting, and where training ends
#
# What does the loss of a GAN measure, and does it follow the quality of the samples? Does momentum harm a Wasserstein
# GAN? Does a discriminator that remembers prevent mode hopping? At which points do consensus optimisation and
# simultaneous gradient descent come to rest? Each section checks one claim from the literature on a small problem.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm, pearsonr

import gamesolve as gs
from gamesolve.games import data, gan

fast = "GAMESOLVE_FAST" in os.environ

# %% [markdown]
# ## The loss of the first GAN is the Jensen-Shannon divergence
#
# At the best discriminator the minimax payoff is $2 JS - \log 4$, where $JS$ is the Jensen-Shannon divergence between
# the data and the samples. The best logit is the difference of their log densities. The data are $N(0, 1)$ and the
# samples $N(\theta, 1)$. The table has the divergence, the payoff at the best logit by quadrature, and the payoff of a
# network that is trained while the generator is fixed. All three agree.

# %%
judge = gan.MLP((1, 32, 1), jnp.tanh)
starts = jax.vmap(judge.init)(jax.random.split(jax.random.key(0), 4))


def trained(loss, points, theta, *regularisers):
    """Return the payoff of the best of four discriminators, and how fast the
    generator would move.
    """
    game = gan.adversarial(
        lambda shift, latent: latent + shift, judge, loss, regularisers
    )
    game = game.bind((points, points, jax.random.key(0)))
    steps = 20 if fast else 500

    def respond(start):
        adam = optax.adam(optax.cosine_decay_schedule(0.03, steps))
        players = (
            theta,
            gs.analysis.best_response(
                game, adam, (theta, start), 1, steps
            ).player,
        )
        return (
            game.evaluate(players)[1],
            -game.evaluate(players)[0],
            jnp.abs(game.field(players)[0]),
        )

    payoffs, values, speeds = jax.vmap(respond)(starts)
    return values[jnp.argmax(payoffs)], speeds[jnp.argmax(payoffs)]


levels = (np.arange(512) + 0.5) / 512
normal, uniform = (
    jnp.asarray(points[:, None], float) for points in (norm.ppf(levels), levels)
)
x = np.linspace(-10, 14, 4001)
shifts = np.arange(5.0)
found, _ = jax.jit(jax.vmap(lambda theta: trained(gan.minimax, normal, theta)))(
    shifts
)
print("theta  2 JS - log 4  payoff at the best logit  of a trained network")
for theta, value in zip(shifts, found, strict=True):
    p, q = norm.pdf(x), norm.pdf(x, theta)
    logit = jnp.asarray(norm.logpdf(x) - norm.logpdf(x, theta))
    mean = lambda density, values: np.trapezoid(density * np.asarray(values), x)
    best = mean(p, gan.minimax.discriminator(logit, -jnp.inf)) + mean(
        q, gan.minimax.discriminator(jnp.inf, logit)
    )
    print(
        f"{theta:5.1f}  {2 * jensenshannon(p, q) ** 2 - np.log(4):12.4f}  "
        f"{best:24.4f}  {value:20.4f}"
    )

# %% [markdown]
# ## If the supports do not overlap, only the Wasserstein payoff has a slope
#
# The data are uniform on the interval from 0 to 1, and the samples on the interval from $\theta$ to $\theta + 1$. Then
# $JS = |\theta| \log 2$ until the intervals part at $|\theta| = 1$, and $\log 2$ beyond: the generator's gradient
# vanishes. The Wasserstein distance is $|\theta|$ everywhere. A critic with a gradient penalty of weight 100 exceeds
# that by little, and its slope stays at 1.

# %%
places = np.linspace(0.25, 3, 3 if fast else 12)
values, speeds = {}, {}
for name, loss, terms in (
    ("minimax", gan.minimax, ()),
    ("Wasserstein", gan.wasserstein, (gan.gradient_penalty(100.0),)),
):
    together = jax.jit(
        jax.vmap(
            lambda theta, loss=loss, terms=terms: trained(
                loss, uniform, theta, *terms
            )
        )
    )
    values[name], speeds[name] = together(places)
    print(f"{name:12} generator's gradient at theta =", end=" ")
    print(
        ", ".join(
            f"{theta:.2g}: {speed:.2g}"
            for theta, speed in list(zip(places, speeds[name], strict=True))[
                1::3
            ]
        )
    )

# %% [markdown]
# On the left, lines are exact payoffs of the best discriminator, and dots those of trained networks. On the right, the
# size of the generator's gradient.

# %% mystnb={"image": {"alt": "Left, payoffs of the best discriminators over the shift θ. Right, size of the generator's gradient."}, "figure": {"caption": "The minimax payoff is flat beyond θ = 1, where its gradient vanishes. The Wasserstein payoff keeps its slope."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
exact = {
    "minimax": 2 * np.log(2) * np.minimum(places, 1) - np.log(4),
    "Wasserstein": places,
}
gs.plots.lines(
    {f"{name}, exact": value for name, value in exact.items()},
    places,
    axes=("θ", "payoff"),
    ax=axes[0],
)
gs.plots.lines(speeds, places, axes=("θ", "generator's gradient"), ax=axes[1])
for index, value in enumerate(values.values()):
    axes[0].plot(
        places,
        value,
        "ko",
        markersize=2.5,
        label=None if index else "trained networks",
    )
for ax in axes:
    ax.legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Does the loss follow the quality of the samples?
#
# Two clusters on a line, five steps of the discriminator per step of the generator. The loss is the discriminator's
# payoff on one fixed batch, and the quality is the Wasserstein-1 distance of the samples to the data. The output is the
# correlation of the two over one training. For the Wasserstein GAN with clipped weights it is high for most seeds,
# though not for all. For the minimax loss it is low on average, and its sign depends on the seed.

# %%
network = gan.MLP((1, 16, 16, 1))
seeds, cycles, every = (2, 20, 10) if fast else (8, 400, 10)
fixed = jax.random.key(999)


def train_on_a_line(loss, inner, rate, limit=None):
    """Return the traces of all seeds, with the seed as the first axis."""
    solver = gs.alternating(
        inner(rate), inner(3 * rate), order=(1, 1, 1, 1, 1, 0)
    )
    if limit is not None:
        solver = optax.chain(
            solver, gs.transforms.project((None, gan.clip(limit)))
        )

    @jax.jit
    @jax.vmap
    def run(seed):
        settings = {
            "loss": loss,
            "batch_size": 64,
            "generator": network,
            "discriminator": network,
        }
        experiment = gan.line(
            (-2.0, 2.0), 0.3, key=jax.random.key(seed), **settings
        )
        watched = experiment.game.bind(experiment.sample(fixed))

        def record(players, _):
            return {
                "loss": watched.evaluate(players)[1],
                "distance": experiment.measures["wasserstein1"](players),
            }

        options = {
            "sample": experiment.sample,
            "key": jax.random.key(50 + seed),
            "record": record,
            "every": every,
        }
        return gs.solve(
            experiment.game, solver, experiment.game.start, cycles, **options
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


runs = {
    "Wasserstein": train_on_a_line(
        gan.wasserstein, optax.rmsprop, 1e-3, limit=0.1
    ),
    "minimax": train_on_a_line(gan.minimax, optax.rmsprop, 1e-3),
}
for name, trace in runs.items():
    related = [
        pearsonr(*pair).statistic
        for pair in zip(trace["loss"], trace["distance"], strict=True)
    ]
    print(
        f"{name:12} correlation of loss and distance by seed "
        f"{np.round(related, 2)}, mean {np.mean(related):.2f}"
    )

# %% [markdown]
# Each dot is one record of a training. The Wasserstein payoff falls with the distance on most paths.

# %% mystnb={"image": {"alt": "Discriminator's payoff over the Wasserstein-1 distance, a colour per seed, for two losses."}, "figure": {"caption": "The Wasserstein payoff falls with the distance. The minimax payoff shows no such relation."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
for ax, (name, trace) in zip(axes, runs.items(), strict=True):
    for seed, (loss, distance) in enumerate(
        zip(trace["loss"][:4], trace["distance"], strict=False)
    ):
        ax.plot(distance, loss, ".", markersize=4, label=f"seed {seed}")
    ax.set(
        title=name,
        xlabel="Wasserstein-1 distance to the data",
        ylabel="discriminator's payoff",
    )
axes[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Momentum in a Wasserstein GAN
#
# The authors of the Wasserstein GAN found training unstable with momentum or large steps, and used RMSProp. All four
# optimisers here have the same decay rate of squared gradients. The table shows the distance to the data over the last
# third of training: its mean over the seeds, and the mean of the worst seed. At the small step size the optimisers
# differ little. At the large one RMSProp is best and Adam with `b1=0.9` has the largest mean. Momentum is not the only
# cause: Adam without it, which is RMSProp with a correction of bias, is worse than RMSProp too.

# %%
optimisers = {
    "RMSProp": lambda rate: optax.rmsprop(rate, decay=0.99),
    "Adam, b1 = 0": lambda rate: optax.adam(rate, b1=0.0, b2=0.99),
    "Adam, b1 = 0.5": lambda rate: optax.adam(rate, b1=0.5, b2=0.99),
    "Adam, b1 = 0.9": lambda rate: optax.adam(rate, b1=0.9, b2=0.99),
}
for rate in (1e-3, 3e-3):
    for name, make in list(optimisers.items())[: 1 if fast else None]:
        last = train_on_a_line(gan.wasserstein, make, rate, limit=0.1)[
            "distance"
        ][:, -cycles // every // 3 :]
        print(
            f"step {rate:.0e}, {name:15} mean {last.mean():.2f}, worst seed "
            f"{last.mean(axis=1).max():.2f}"
        )

# %% [markdown]
# ## Remedies against forgetting
#
# In {doc}`07_gan_on_a_line` the generator hops between modes, and the discriminator's preferences drift. `gan.replayed`
# shows the discriminator old samples, one of each of the last steps. `gan.consolidation` pulls its important weights
# to their average. Both reduce hops and drift if they are strong enough. Fewer hops need not mean better samples:
# replay of weight 1 covers more modes than plain training, and the strong remedies cover fewer.

# %%
smooth = gan.MLP((1, 32, 32, 1), jnp.tanh)
rmsprop = optax.rmsprop(1e-3)


def forget(solver, remedy):
    """Return the mean over seeds of hops, drift and modes covered at the
    end.
    """

    @jax.jit
    @jax.vmap
    def run(seed):
        settings = {
            "batch_size": 64,
            "generator": smooth,
            "discriminator": smooth,
            "key": jax.random.key(seed),
        }
        experiment = remedy(gan.line((-6.0, -2.0, 2.0, 6.0), 0.2, **settings))
        record = experiment.watch("shares", "preference", "modes")
        options = {
            "sample": experiment.sample,
            "key": jax.random.key(50 + seed),
            "record": record,
            "every": 30,
        }
        trace = gs.solve(
            experiment.game,
            solver,
            experiment.game.start,
            60 if fast else 1800,
            **options,
        ).trace
        return (
            gan.hops(trace["shares"]),
            gan.drift(trace["preference"]),
            jnp.mean(trace["modes"][-5:]),
            trace["shares"],
        )

    return run(jnp.arange(2 if fast else 6))


remedies = {"plain": (rmsprop, lambda experiment: experiment)}
for weight in (1.0, 3.0):
    remedies[f"replay, weight {weight:g}"] = (
        rmsprop,
        lambda experiment, w=weight: gan.replayed(experiment, 1200, w),
    )
for strength in (1e3, 1e4):
    held = gs.per_player(
        rmsprop, optax.chain(gan.consolidation(strength), rmsprop)
    )
    remedies[f"consolidation {strength:.0e}"] = held, remedies["plain"][1]
shares = {}
print(f"{'':20} hops of {1 if fast else 59}   drift   modes covered, of 4")
for name, remedy in list(remedies.items())[: 2 if fast else None]:
    *figures, shares[name] = forget(*remedy)
    print(f"{name:20}", *(f"{np.mean(entry):9.2f}" for entry in figures))

# %% [markdown]
# The share of the samples at each cluster, for one seed: the largest share changes less often with replay.

# %% mystnb={"image": {"alt": "Shares of the samples at four clusters over the steps: plain training above, with replay below."}, "figure": {"caption": "With replay the largest share changes less often."}}
figure, axes = plt.subplots(
    2, 1, figsize=(7, 4), layout="constrained", sharex=True
)
for ax, name in zip(axes, list(remedies)[0:3:2], strict=True):
    rows = np.asarray(shares.get(name, shares["plain"]))[0].T
    clusters = {
        f"cluster at {centre}": row
        for centre, row in zip((-6, -2, 2, 6), rows, strict=True)
    }
    gs.plots.lines(
        clusters,
        30 * (1 + np.arange(rows.shape[1])),
        axes=("step", "share of samples"),
        ax=ax,
    )
    ax.set(title=name, ylim=(-0.03, 1.03))
axes[0].set(xlabel="")
axes[0].legend(fontsize=7, ncols=4, loc="upper center")
plt.show()

# %% [markdown]
# ## Where does consensus optimisation end?
#
# Consensus optimisation with a large weight $\gamma$ is attracted by all zeros of the field, also by unstable ones. The
# data are two clusters at -2 and 2. The generator moves one cluster to $\theta$, and the discriminator is linear in
# nine bumps, with weight decay. The field has a stable zero near each cluster, and an unstable one between them.
# `classify` certifies the ends of 64 runs from random $\theta$.

# %%
quantiles = jnp.asarray(norm.ppf((np.arange(32) + 0.5) / 32)[:, None], float)
centres = jnp.linspace(-4, 4, 9)
bumps = lambda weights, points: (
    jnp.exp(-((points - centres) ** 2) / 2) @ weights
)
game = gan.adversarial(
    lambda theta, latent: theta + 0.5 * latent,
    bumps,
    regularisers=(gan.weight_decay(0.2),),
).bind(
    (
        jnp.concatenate([quantiles / 2 - 2, quantiles / 2 + 2]),
        jnp.tile(quantiles, (2, 1)),
    )
)
thetas = jax.random.uniform(jax.random.key(0), (64,), minval=-3, maxval=3)


@jax.jit
def ends(gamma):
    solver = gs.conopt(0.3 / (1 + 0.5 * gamma), gamma)
    play = lambda theta: (
        gs.solve(
            game, solver, (theta, jnp.zeros(9)), 100 if fast else 10_000
        ).players
    )
    return jax.vmap(play)(thetas)


@jax.jit
def certify(players):
    return jax.lax.map(
        lambda point: gs.analysis.classify(game, point, tol=1e-3), players
    )


for gamma in (0.0, 1.0, 4.0, 16.0):
    players = ends(gamma)
    theta, certificate = np.asarray(players[0]), certify(players)
    zero = np.asarray(certificate.is_equilibrium)
    wrong = zero & ~np.asarray(certificate.stable)
    print(
        f"gamma {gamma:4.0f}: {zero.mean():4.0%} of 64 runs end at a zero of "
        f"the field, {wrong.mean():4.0%} unstable",
        end="",
    )
    print(
        f", theta there {np.unique(np.round(theta[wrong], 1) + 0.0)}"
        if wrong.any()
        else ""
    )

# %% [markdown]
# ## Which critical point does simultaneous gradient descent choose?
#
# The loss $f(x, y) = \tfrac14 \sin^2 x + y \sin x + a(x) (\sqrt{1 + y^2} - 1)$ has critical points at $y = 0$ and all
# multiples of $\pi$. At each of them the maximising player $y$, the discriminator, could gain by leaving at speed $a$.
# If its step size is $\tau$ times that of $x$, simultaneous gradient descent is stable where $a < 1 / (2 \tau)$. So it
# selects points at which the discriminator is slow, and the faster the discriminator moves, the fewer remain.

# %%
speed = lambda x: 0.3 - 0.25 * jnp.cos(x / 3)
choice = gs.zero_sum(
    lambda x, y: (
        jnp.sin(x) ** 2 / 4
        + y * jnp.sin(x)
        + speed(x) * (jnp.sqrt(1 + y**2) - 1)
    )
)
places = jax.random.uniform(jax.random.key(1), (256,), maxval=6 * jnp.pi)
play = jax.vmap(
    lambda ratio, x: (
        gs.solve(
            choice, gs.simgd((0.02, 0.02 * ratio)), (x, 0.1), 10_000
        ).players
    ),
    (None, 0),
)
points = np.pi * np.arange(4)
print(
    "speed a of y at the point:   ",
    *(f"{float(speed(x)):7.3f}" for x in points),
    "  elsewhere",
)
for ratio in (0.5, 1.0, 2.0, 4.0):
    x, y = map(np.asarray, jax.jit(play)(ratio, places))
    apart = (
        np.abs(np.asarray(speed(x))[:, None] - np.asarray(speed(points))) < 1e-2
    )
    rows = (*(apart & (np.abs(y) < 1e-2)[:, None]).mean(axis=0),)
    print(
        f"tau = {ratio:3g}, stable: a < {1 / (2 * ratio):5.3f}",
        *(f"{row:7.0%}" for row in (*rows, 1 - sum(rows))),
    )

# %% [markdown]
# ## Pixels are a poor measure of similarity
#
# Bounds on the discriminator's slope measure the similarity of images, usually by the distance of their pixels. How far
# is a digit from its copy shifted by one pixel, from the mean of its class, and from the nearest digit of another
# class? The unit is the distance to the nearest other digit of its class. In pixels the shifted copy is farther away
# than another class, and the blurred mean is the nearest of the three. In the features of a small classifier other
# classes are farther away than in pixels, as they should be. But the shifted copy remains the farthest: this classifier
# is a perceptron, which does not know that neighbouring pixels belong together.

# %%
digits = data.digits()
classifier = gan.train_classifier(digits, steps=100 if fast else 2000)
images, labels = np.asarray(digits.inputs), np.asarray(digits.labels)
means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
empty = np.full_like(images[:, :, :1], images.min())
shifted = np.concatenate([empty, images[:, :, :-1]], axis=2)
same = labels[:, None] == labels


def distances(features):
    """Return each digit's distances to other images, relative to the nearest
    digit of its class, as medians.
    """
    own, moved, mean = (
        np.asarray(features(batch))
        for batch in (images, shifted, means[labels])
    )
    apart = np.linalg.norm(own[:, None] - own, axis=-1)
    np.fill_diagonal(apart, np.inf)
    unit = np.where(same, apart, np.inf).min(axis=1)
    others = np.where(same, np.inf, apart).min(axis=1)
    return [
        np.median(entry / unit)
        for entry in (
            *(np.linalg.norm(own - x, axis=1) for x in (moved, mean)),
            others,
        )
    ]


print(f"{'':10} shifted copy   mean of the class   nearest other class")
for name, features in (
    ("pixels", lambda x: x.reshape(len(x), -1)),
    ("classifier", classifier.features),
):
    print(
        f"{name:10}", "".join(f"{entry:16.2f}" for entry in distances(features))
    )
