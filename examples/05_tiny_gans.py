# %% [markdown]
# # GANs with two parameters: fields in the plane
#
# Data and latents are standard normal. The generator is `w_G z + b_G`, and the discriminator sees `w_D x + b_D`. Two of
# the four parameters are fixed, and the other two are the players. The game is the saturating GAN. Expectations are
# exact, except in the section on samples.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ

# %% [markdown]
# ## Both biases as players
#
# A sigmoid discriminator compares left and right, and keeps finding a difference as long as the generator moves. The
# flow does not converge: the generator's bias diverges to plus infinity and the discriminator's to minus infinity. A
# Gaussian bump measures the distance from a point. Its flow spirals into (0, 0), where both biases are right.

# %%
flow = gs.runge_kutta(0.1)
for name, discriminator in (
    ("sigmoid", gan.Sigmoid()),
    ("bump", gan.Bump(0.5)),
):
    plane = gan.bias_plane(discriminator)
    run = gs.solve(
        plane.game,
        flow,
        plane.game.start,
        10_000,
        record=lambda players, _: players,
        every=100,
    )
    for steps in (100, 1000, 10_000):
        b_g, b_d = (entry[steps // 100 - 1] for entry in run.trace)
        print(
            f"{name:8} time {steps / 10:6.0f}: b_G = {b_g:9.3f}, b_D = "
            f"{b_d:7.3f}"
        )

# %% [markdown]
# The eigenvalues at (0, 0) show a stable focus. For `kappa = 1/2` the equilibrium is stable but **not** a Nash
# equilibrium: the discriminator could gain by deviating alone. If the discriminator's weight is wrong, the flow still
# spirals inwards above a threshold, and outwards below it.

# %%
for kappa in (0.5, 1.0):
    origin = gan.bias_plane(gan.Bump(kappa)).game.equilibria[0]
    certificate = gs.analysis.classify(
        gan.bias_plane(gan.Bump(kappa)).game, origin
    )
    print(
        f"kappa {kappa}: stable {bool(certificate.stable)}, Nash "
        f"{bool(certificate.nash)}"
    )
    for weight in (1.0, 0.85, 0.75, 0.65, 0.55):
        value = complex(
            gs.analysis.eigenvalues(
                gan.bias_plane(gan.Bump(kappa), weights=(1.0, weight)).game,
                origin,
            )[0]
        )
        print(
            f"  w_D = {weight:4}: {value.real:+.4f} +- {value.imag:.4f}i, "
            f"{'inwards' if value.real < 0 else 'outwards'}"
        )

# %% [markdown]
# The flow from (1, 0.5). The generator's gradient is zero on the solid line, the discriminator's on the dashed line.
# With the sigmoid the two lines never cross, so there is no equilibrium.

# %% mystnb={"image": {"alt": "Flow in the plane of both biases for four small GANs, with lines of zero gradient and one trajectory each."}, "figure": {"caption": "With the sigmoid the lines of zero gradient never cross. With the bump the trajectory spirals into or away from (0, 0)."}}
planes = {
    "sigmoid": gan.bias_plane(gan.Sigmoid()),
    "bump, κ = 1/2": gan.bias_plane(gan.Bump(0.5)),
    "bump, wrong weight 0.85": gan.bias_plane(
        gan.Bump(0.5), weights=(1.0, 0.85)
    ),
    "bump, wrong weight 0.6": gan.bias_plane(gan.Bump(0.5), weights=(1.0, 0.6)),
}
figure, axes = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
for ax, (name, plane) in zip(axes.ravel(), planes.items(), strict=True):
    trace = gs.solve(
        plane.game,
        gs.runge_kutta(0.05),
        plane.game.start,
        1000,
        record=lambda players, _: players,
    ).trace
    view = {"view": ((-2.0, 2.0), (-2.0, 2.0)), "axes": ("$b_G$", "$b_D$")}
    gs.plots.phase_portrait(
        {"flow": trace}, field=plane.game, start=plane.game.start, **view, ax=ax
    )
    ax.set_title(name, fontsize="small")
plt.show()

# %% [markdown]
# ## Both weights as players
#
# Now the biases are right, and the weights start at (1, 1), where the generator reproduces the data exactly. This is
# not an equilibrium. The discriminator's bump is highest near 0, so the generator moves its samples there, and its
# scale collapses in finite time. Near the collapse the squared scale is linear in time, and we extrapolate it to zero.

# %% mystnb={"image": {"alt": "Flow in the plane of both weights from (1, 1), for two widths of the bump."}, "figure": {"caption": "Both flows lead to generator weight 0: the scale of the samples collapses."}}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.7), layout="constrained")
for ax, kappa in zip(axes, (0.5, 1.0), strict=True):
    plane, step = gan.weight_plane(gan.Bump(kappa)), 1e-3
    scale, weight = gs.solve(
        plane.game,
        gs.runge_kutta(step),
        plane.game.start,
        310,
        record=lambda players, _: players,
    ).trace
    last = int(np.argmax(~(np.asarray(scale) > 0.1))) - 1
    time = (
        last + 1 + scale[last] ** 2 / (scale[last - 1] ** 2 - scale[last] ** 2)
    ) * step
    print(
        f"kappa {kappa}: w_G reaches 0 at time {time:.3f}, with w_D = "
        f"{weight[last]:.3f}"
    )
    path, view = (
        {"flow": (scale[:last], weight[:last])},
        ((0.02, 1.6), (0.4, 1.8)),
    )
    gs.plots.phase_portrait(
        path,
        field=plane.game,
        start=plane.game.start,
        view=view,
        axes=("$w_G$", "$w_D$"),
        ax=ax,
    ).set_title(f"κ = {kappa}", fontsize="small")
plt.show()

# %% [markdown]
# ## Few samples
#
# On samples, `log(1 - D)` has a pole where a generated sample meets the maximum of the bump. The gradient has infinite
# variance there, so no number of samples brings it close to the exact gradient. We cap the bump at 0.995 to make the
# variance finite. Even then, a field from few samples has spurious zeros: saddles, each with a partner. Averaging the
# field over 30 draws of parameter noise of scale 0.2 removes all of them for 100 samples, and more than half for 5.

# %%
bump = gan.Bump(0.5, cap=0.005)


def look(samples, smoothed, seed):
    game = gan.bias_plane(bump, samples=samples, key=jax.random.key(seed)).game
    game = (
        gs.analysis.smooth(game, 0.2, 30, jax.random.key(100 + seed))
        if smoothed
        else game
    )
    axes = ((1.0, 0.0), (0.0, 1.0))
    return gs.analysis.slice_field(
        game, (0.0, 0.0), axes, (-2.0, -2.0), (2.0, 2.0), 21 if fast else 51
    )


def saddles(samples, smoothed, seed):
    return gan.zeros_on_grid(look(samples, smoothed, seed).motion).saddles


print("exact:", int(saddles(None, False, 0)), "saddles")
for samples, seeds in ((2500, 2), (100, 8), (5, 8))[2 if fast else 0 :]:
    for smoothed in (False, True):
        count = jax.jit(
            lambda seed, samples=samples, smoothed=smoothed: saddles(
                samples, smoothed, seed
            )
        )
        counts = [int(count(seed)) for seed in range(seeds)]
        print(
            f"{samples:5} samples{', smoothed' if smoothed else '':10}: "
            f"{np.mean(counts):.2f} spurious saddles {counts}"
        )

# %% [markdown]
# Fields from one draw of the samples, plain (above) and smoothed (below). With many samples the field is close to the
# exact one. With few samples the lines of zero gradient fold and cross at spurious zeros.

# %% mystnb={"image": {"alt": "Fields in the plane of both biases from fewer and fewer samples, plain above and smoothed below."}, "figure": {"caption": "With few samples the lines of zero gradient fold and cross at spurious zeros. Smoothing removes most of them."}}
shown = (5,) if fast else (2500, 100, 5)
figure, axes = plt.subplots(
    2, len(shown), figsize=(8, 5.6), layout="constrained", squeeze=False
)
for row, smoothed in zip(axes, (False, True), strict=True):
    for ax, samples in zip(row, shown, strict=True):
        gs.plots.vector_field(
            look(samples, smoothed, 1), axes=("$b_G$", "$b_D$"), ax=ax
        )
        ax.set(aspect="equal")
        ax.set_title(
            f"{samples} samples{', smoothed' if smoothed else ''}",
            fontsize="small",
        )
plt.show()

# %% [markdown]
# ## Slices of a larger game
#
# A generator and a discriminator with two hidden layers of 100 units each are trained on a normal distribution. The
# field on a random plane through their biases can be drawn too, but most of it points out of the plane. The printed
# shares are small, so a zero in such a picture is not an equilibrium.

# %% mystnb={"image": {"alt": "Fields of a larger GAN on two random planes through its biases."}, "figure": {"caption": "Zeros in these pictures are not equilibria, because most of the field points out of the plane."}}
network = gan.MLP((1, 100, 100, 1), jnp.tanh)
experiment = gan.gaussian(generator=network, discriminator=network)
bound = experiment.game.bind(experiment.sample(jax.random.key(0)))


def random_direction(players, player, seed):
    """Return a unit vector in the biases of one player."""
    keys = iter(jax.random.split(jax.random.key(seed), 100))

    def entry(number, path, leaf):
        among = number == player and path[-1].key == "bias"
        return (
            jax.random.normal(next(keys), leaf.shape)
            if among
            else jnp.zeros_like(leaf)
        )

    tree = tuple(
        jax.tree_util.tree_map_with_path(
            lambda path, leaf, number=number: entry(number, path, leaf), own
        )
        for number, own in enumerate(players)
    )
    length = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)))
    return jax.tree.map(lambda leaf: leaf / length, tree)


figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
for seed in range(2 if fast else 5):
    plane = tuple(
        random_direction(experiment.game.start, player, 10 * seed + player)
        for player in (0, 1)
    )
    picture = gs.analysis.slice_field(
        bound,
        experiment.game.start,
        plane,
        (-3.0, -3.0),
        (3.0, 3.0),
        9 if fast else 21,
    )
    inside = jnp.linalg.norm(picture.motion, axis=-1)
    share = jnp.median(inside / jnp.hypot(picture.out, inside))
    print(
        f"random plane {seed}: the part of the field that lies in it is "
        f"{share:.1%} of its length (median)"
    )
    if seed < len(axes):
        gs.plots.vector_field(picture, ax=axes[seed]).set_title(
            f"random plane {seed}", fontsize="small"
        )
plt.show()
