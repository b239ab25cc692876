# %% [markdown]
# # Fields of small GANs: collapse, few samples, and the gradient part
#
# The GANs of {doc}`05_tiny_gans` have two players of one number each, so their whole field can be drawn. Where are the
# equilibria, what do samples add, and what is left of training when the rotation is removed?

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
bump = gan.Bump(
    0.5, cap=0.005
)  # the cap keeps the field finite when the generator collapses


def path_of(game, solver, start, num_steps):
    """Return the two coordinates of a run, start included."""
    trace = gs.solve(
        game, solver, start, num_steps, record=lambda players, _: players
    ).trace
    return tuple(
        np.concatenate([[first], rest])
        for first, rest in zip(start, trace, strict=True)
    )


# %% [markdown]
# ## The weights in all four quadrants
#
# With right biases, the generator `w_G z` reproduces the data at `w_G = 1` and at `w_G = -1`. The discriminator's bump
# has the right width at `w_D = 1` and at `w_D = -1`. So one expects equilibria at (1, 1) and (-1, -1). The certificates
# of the two points agree, because the game does not change when a weight changes its sign. But neither is an
# equilibrium: the norm of the field there is 1.43.

# %%
weights = gan.weight_plane(bump).game
corners = [(1.0, 1.0), (-1.0, -1.0)]
for point in corners:
    certificate = gs.analysis.classify(weights, point)
    values = ", ".join(
        f"{complex(value).real:.3f}" for value in certificate.eigenvalues
    )
    print(
        f"{point}: {certificate.kind}, norm "
        f"{certificate.margins.residual:.3f}; eigenvalues of J {values}"
    )

# %% [markdown]
# The bump is highest at 0, so a narrower generator always deceives it better, unless `w_D = 0`, where the discriminator
# does not look at its input. All points with `w_D = 0` are equilibria. The flow comes back to them if
# `w_G² < cap / (1 - cap)`, that is, if the generator makes nearly the same point from all latents. Both flows end
# there. They reach `w_G = 0` first, with `w_D` still near 1 or -1, and the discriminator's weight decays afterwards.

# %%
edge = float(np.sqrt(bump.cap / (1 - bump.cap)))
for w_g in (0.0, 0.9 * edge, 1.1 * edge):
    certificate = gs.analysis.classify(weights, (w_g, 0.0))
    values = ", ".join(
        f"{complex(value).real:+.3f}" for value in certificate.eigenvalues
    )
    print(f"({w_g:.3f}, 0): {certificate.kind}; eigenvalues of J {values}")
flows = {
    f"from {point}": path_of(weights, gs.runge_kutta(5e-3), point, 2000)
    for point in corners
}
for name, (w_g, w_d) in flows.items():
    thin = np.argmax(abs(w_g) < 0.01)
    print(
        f"{name}: |w_G| is 0.01 at time {5e-3 * thin:.2f}, with w_D = "
        f"{w_d[thin]:.2f}; end {w_g[-1]:.4f}, {w_d[-1]:.4f}"
    )

# %% mystnb={"image": {"alt": "Field in the plane of both weights, with equilibria that attract in green and that repel in orange; right, near the origin."}, "figure": {"caption": "Both flows leave (1, 1) or (-1, -1) and end on the short green segment: the generator collapses."}}
figure, axes = plt.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
for ax, view, num in zip(
    axes, (((-2.0, 2.0),) * 2, ((-0.2, 0.2),) * 2), (80, 40), strict=True
):
    low, high = zip(*view, strict=True)
    gs.plots.vector_field(
        gs.analysis.slice_field(
            weights, (0.0, 0.0), low=low, high=high, num=num
        ),
        axes=("$w_G$", "$w_D$"),
        ax=ax,
    )
    gs.plots.phase_portrait(flows, view=view, axes=("$w_G$", "$w_D$"), ax=ax)
    ax.plot(
        [view[0][0], view[0][1]],
        [0, 0],
        color="#D55E00",
        linewidth=4,
        alpha=0.4,
        label="equilibria that repel",
    )
    ax.plot(
        [-edge, edge],
        [0, 0],
        color="#009E73",
        linewidth=6,
        label="equilibria that attract",
    )
    gs.plots.equilibria(weights, corners, ax=ax)
axes[0].legend(fontsize=7, loc="lower right")
axes[1].set_title("near the origin", fontsize="small")
plt.show()

# %% [markdown]
# ## A wrong discriminator weight, on both sides of 0.796
#
# Now both biases are players, and the discriminator's weight is held at a wrong value. Above 0.796 the flow converges
# to (0, 0), also for weights that are far too large. Below, (0, 0) repels, and an attracting limit cycle surrounds it.
# The cycle grows from a point at the threshold (a Hopf bifurcation). So with a slightly too wide bump training does
# not diverge, it cycles around the equilibrium.

# %%
threshold = 0.7961


def wrong_weight(weight):
    return gan.bias_plane(gan.Bump(0.5), weights=(1.0, weight)).game


sizes = {}
for weight in (0.7, 0.75, 0.79, 0.85, 1.5, 3.0):
    game = wrong_weight(weight)
    real = complex(gs.analysis.eigenvalues(game, (0.0, 0.0))[0]).real
    near, far = (
        gs.analysis.limit_cycle(
            game, gs.runge_kutta(0.1), start, 500, settle=500 if fast else 2500
        )
        for start in ((0.3, 0.0), (3.0, 0.0))
    )
    sizes[weight] = float(near.farthest)
    kind = (
        f"cycle of period {0.1 * near.period:.2f}"
        if near.found and far.found
        else "no cycle"
    )
    print(
        f"w_D = {weight:4}: real part {real:+.3f}, {kind}, size "
        f"{near.farthest:.3f} (near), {far.farthest:.3f} (far)"
    )
for weight in (0.7, 0.75, 0.79):
    print(
        f"size / sqrt({threshold} - {weight}) = "
        f"{sizes[weight] / np.sqrt(threshold - weight):.2f}"
    )

# %% [markdown]
# The ratios change little while the size changes by a factor of three: the cycle grows as the square root of the
# distance from the threshold.

# %% mystnb={"image": {"alt": "Flows in the plane of both biases for the discriminator weights 0.7, 0.85 and 3."}, "figure": {"caption": "Below the threshold 0.796 the flows end on a limit cycle. Above it they spiral into (0, 0)."}}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, weight in zip(axes, (0.7, 0.85, 3.0), strict=True):
    game = wrong_weight(weight)
    runs = {
        f"from ({start[0]}, 0)": path_of(
            game, gs.runge_kutta(0.02), start, 1500
        )
        for start in ((0.1, 0.0), (3.0, 0.0))
    }
    view = {"view": ((-3.5, 3.5), (-3.5, 3.5)), "axes": ("$b_G$", "$b_D$")}
    gs.plots.phase_portrait(runs, field=game, **view, ax=ax).set_title(
        f"$w_D$ = {weight}", fontsize="small"
    )
axes[0].legend(fontsize=6, loc="upper right")
plt.show()

# %% [markdown]
# ## Few samples: every zero is a trap or a saddle
#
# With right weights, the generator's gradient depends on the sum of the biases only. Let `h(b_G + b_D)` be the mean of
# `log(1 - D)` over the latents. The field is `(-h', h' - 2κ (m + b_D))`, where `m` is the mean of the data. Three facts
# follow, for any number of samples:
#
# - All zeros have `b_D = -m`.
# - A zero is a saddle where `h'' < 0`, and stable where `h'' > 0`: the determinant of J is `2κ h''`.
# - The trace of J is `-2κ` everywhere, so the flow has no cycles. A run with finite steps can still cycle.
#
# A published picture of such a field from 5 samples shows a new saddle near `b_D = 1`, `b_G = -2`. It needs data with a
# mean near -1, which is 2.2 standard deviations for 5 samples. How many draws have such a saddle?


# %%
def sampled(samples, seed):
    return gan.bias_plane(
        bump,
        samples=samples,
        key=None if samples is None else jax.random.key(seed),
    ).game


def level(game):
    """Return b_D at the zeros, which is -m: far away the discriminator sees
    data only, and 2κ = 1.
    """
    return game.field((50.0, 0.0))[1]


@jax.jit
@jax.vmap
def saddle_near(seed):
    """Return whether the field from 5 samples has a saddle at most 0.5 from
    (-2, 1).
    """
    game = sampled(5, seed)
    b_d, b_g = level(game), jnp.linspace(-2.5, -1.5, 201)
    v = jax.vmap(lambda bias: game.field((bias, b_d))[0])(b_g)
    at = (b_g[1:] + b_g[:-1]) / 2
    return jnp.any(
        (v[:-1] < 0) & (v[1:] > 0) & (jnp.hypot(at + 2, b_d - 1) < 0.5)
    )


draws = 200 if fast else 2000
found = np.asarray(saddle_near(jnp.arange(draws)))
print(
    f"{found.sum()} of {draws} draws of 5 samples ({found.mean():.1%}) have a "
    "saddle near b_G = -2, b_D = 1"
)


# %% mystnb={"image": {"alt": "Fields in the plane of both biases from 2500, 100 and 5 samples, with their zeros marked."}, "figure": {"caption": "With fewer samples more zeros appear on one horizontal line, saddles and stable points in turn."}}
def zeros_of(game):
    """Return b_D at the zeros, and b_G at the stable ones and at the saddles
    with |b_G| < 5.
    """
    b_d, b_g = level(game), jnp.linspace(-5.0, 5.0, 2001)
    v = jax.jit(jax.vmap(lambda bias: game.field((bias, b_d))[0]))(b_g)
    at = b_g[:-1] + (b_g[1] - b_g[0]) * v[:-1] / (v[:-1] - v[1:])
    return b_d, at[(v[:-1] > 0) & (v[1:] < 0)], at[(v[:-1] < 0) & (v[1:] > 0)]


draw = 14  # data with a mean of -0.98
figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), layout="constrained")
for ax, samples in zip(axes, (2500, 100, 5), strict=True):
    game = sampled(samples, draw)
    b_d, stable, saddles = zeros_of(game)
    kinds = {
        "stable": ("o", "#009E73", stable),
        "saddle": ("X", "#D55E00", saddles),
    }
    places = ", ".join(
        f"{kind} {b_g:.2f}"
        for kind, (_, _, entries) in kinds.items()
        for b_g in entries
    )
    print(f"{samples:5} samples: zeros at b_D = {b_d:.2f} and b_G = {places}")
    picture = gs.analysis.slice_field(
        game,
        (0.0, 0.0),
        low=(-5.0, -5.0),
        high=(5.0, 5.0),
        num=41 if fast else 101,
    )
    gs.plots.vector_field(picture, axes=("$b_G$", "$b_D$"), ax=ax)
    for kind, (marker, colour, entries) in kinds.items():
        ax.plot(
            entries,
            jnp.full_like(entries, b_d),
            marker,
            color=colour,
            label=kind,
            zorder=5,
        )
    ax.set(aspect="equal", title=f"{samples} samples")
axes[2].legend(fontsize=7, loc="upper right")

starts = (
    jnp.append(stable, saddles),
    jnp.full(stable.size + saddles.size, b_d),
)
for (b_g, b_d), certificate in gs.analysis.find_equilibria(
    game, starts, tol=1e-3
):
    print(f"  certified: ({b_g:.3f}, {b_d:.3f}) {certificate.kind}")
plt.show()

# %% [markdown]
# The global structure is the same in all three. The strip in which the generator meets the bump, near
# `b_G + b_D = 0`, is ragged with 100 samples and noise with 5. A saddle stands between every two stable points.
#
# ## Smoothing shortens the path of training
#
# Parameter noise of scale 0.2, averaged over 30 draws, removes most spurious zeros. Is training shorter too?


# %%
@jax.jit
@jax.vmap
def lengths(seed):
    game = sampled(100, seed)
    smoothed = gs.analysis.smooth(game, 0.2, 30, jax.random.key(1000 + seed))
    return tuple(length_and_end(own) for own in (game, smoothed))


def length_and_end(game, start=(1.0, 0.5)):
    a, b = gs.solve(
        game, gs.simgd(0.02), start, 600, record=lambda players, _: players
    ).trace
    a, b = jnp.append(start[0], a), jnp.append(start[1], b)
    return jnp.sum(jnp.hypot(jnp.diff(a), jnp.diff(b))), jnp.hypot(a[-1], b[-1])


seeds = 3 if fast else 12
(plain, end), (smooth, smooth_end) = (
    map(np.asarray, pair) for pair in lengths(jnp.arange(seeds))
)
print(f"exact expectations: length {length_and_end(sampled(None, 0))[0]:.2f}")
print(
    f"100 samples: median length {np.median(plain):.2f}, ends "
    f"{np.median(end):.2f} from (0, 0)"
)
print(
    f"smoothed: median length {np.median(smooth):.2f}, ends "
    f"{np.median(smooth_end):.2f} from (0, 0)"
)
print(
    f"smoothing shortens the path in {np.sum(smooth < plain)} of {seeds} "
    f"draws, by {1 - np.mean(smooth / plain):.0%}"
)

# %% [markdown]
# Smoothing shortens the path in nearly every draw, but the end is not nearer to (0, 0). The remaining error is that of
# the samples, which noise on the parameters does not remove.
#
# ## Basins over the start and the step size
#
# Simultaneous gradient descent on another draw of 5 samples: which stable point does it reach within 1000 steps, from
# `b_D = 2` and each `b_G`, with each step size? Each colour is a stable point. White runs reach none of them.

# %% mystnb={"image": {"alt": "Map of the stable point reached, over the start and the step size: from 5 samples, plain and smoothed."}, "figure": {"caption": "Each colour is a stable point; white runs reach none. Smoothing leaves fewer and larger regions."}}
num = 11 if fast else 31
rates, positions = jnp.geomspace(0.01, 1.0, num), jnp.linspace(-5.0, 5.0, num)
plane = sampled(5, 1)
planes = {
    "5 samples": plane,
    "smoothed": gs.analysis.smooth(plane, 0.2, 30, jax.random.key(0)),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, (name, game) in zip(axes, planes.items(), strict=True):
    b_d, stable, _ = zeros_of(game)
    bend = jax.vmap(
        jax.grad(lambda bias, game=game, b_d=b_d: -game.field((bias, b_d))[0])
    )(stable)  # h''
    targets = [(b_g, b_d) for b_g in stable]

    def reached(rate, game=game, targets=targets):
        starts = (positions, jnp.full(num, 2.0))
        return gs.analysis.basins(
            game, gs.simgd(rate), starts, 1000, targets, radius=0.05, tol=1e-3
        )

    ends = jax.vmap(reached)(rates)
    for index, b_g in enumerate(stable):
        share = jnp.mean(ends.label == index)
        print(
            f"{name}: b_G = {b_g:5.2f}, step sizes below "
            f"{1 / bend[index]:.3f}, reached by {share:.0%} of the runs"
        )
    print(
        f"{name}: {jnp.mean(ends.label == -1):.0%} reach none, "
        f"{jnp.mean(ends.label == -2):.0%} diverge"
    )
    gs.plots.basins(jax.tree.map(jnp.transpose, ends), positions, rates, ax=ax)
    ax.set(
        yscale="log",
        xlabel="$b_G$ at the start",
        ylabel="step size",
        title=name,
    )
plt.show()

# %% [markdown]
# A sharp stable point, whose eigenvalues are complex, attracts only if the step size is below `1 / h''`. With larger
# steps, runs jump over the stable points and do not converge, but no run diverges. Smoothing leaves fewer and wider
# stable points, which attract larger steps. At the lower edge, runs from far away need more than 1000 steps.
#
# ## The field, its relaxation and their sum
#
# The smallest Wasserstein GAN, `x y`, only rotates. Its relaxation descends `L = ‖v‖²/2` and does not rotate at all.
# Consensus optimisation follows the sum `v - γ ∇L`. The second row shows the same for the cosine game of
# {doc}`03_cosine`. Markers show what each zero of `v` is for the field of its panel.


# %% mystnb={"image": {"alt": "Fields of two games in two rows: the field itself, its relaxation, and their sum, with their zeros marked."}, "figure": {"caption": "The relaxation makes saddles attract. The sum keeps them saddles."}}
def family(game):
    """Return the game with the field `a v - gamma grad L` as a function of a
    and gamma, with `L = |v|^2 / 2`.
    """

    def payoff(own):
        def value(x, y, a, gamma):
            v = game.field((x, y))
            return a * own(x, y) - gamma / 2 * (v[0] ** 2 + v[1] ** 2)

        return value

    payoffs = tuple(map(payoff, game.payoffs))
    return lambda a, gamma: gs.general_sum(*payoffs, constants=(a, gamma))


cosine = gs.games.cosine()
rows = {
    "curl": (gs.games.curl(), [(0.0, 0.0)], 1.5),
    "cosine": (cosine, cosine.equilibria, 4.0),
}
columns = {"v": (1.0, 0.0), "-∇L": (0.0, 1.0), "v - ∇L/2": (1.0, 0.5)}
figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
for line, (name, (game, zeros, reach)) in zip(axes, rows.items(), strict=True):
    make = family(game)
    for ax, (title, weights_of_parts) in zip(
        line, columns.items(), strict=True
    ):
        own = make(*weights_of_parts)
        kinds = {
            gs.analysis.classify(own, point).kind.split(",")[0]
            for point in zeros
        }
        print(
            f"{name:6} {title:8}: the zeros of v are "
            f"{' and '.join(sorted(kinds))}"
        )
        picture = gs.analysis.slice_field(
            own, (0.0, 0.0), low=(-reach, -reach), high=(reach, reach)
        )
        gs.plots.equilibria(
            own,
            zeros,
            ax=gs.plots.vector_field(picture, axes=("x", "y"), ax=ax),
        )
        ax.set(aspect="equal", title=f"{name}: {title}")
        ax.legend(fontsize=6, loc="upper right")
starts = gs.analysis.sample_box(
    jax.random.key(0), (-3.0, -3.0), (3.0, 3.0), 100
)
found = gs.analysis.find_equilibria(make(0.0, 1.0), starts, period=2 * np.pi)
kinds = [certificate.kind.split(",")[0] for _, certificate in found]
print(
    "zeros of -∇L of the cosine game:",
    {kind: kinds.count(kind) for kind in sorted(set(kinds))},
)
plt.show()

# %% [markdown]
# The relaxation makes the saddles of `v` attracting, as it can't tell them from centres. The sum at `γ = 1/2` keeps
# them saddles. The relaxation also has zeros that are not zeros of `v`, none of which attracts.
#
# ## Training with the gradient part only
#
# Near a zero `z*` the field is `J (z - z*)`. Its gradient part is `S (z - z*)`, with the symmetric part S of J.
# `split_jacobian` multiplies with S and with the antisymmetric part A without a matrix. The solver `lss` (local
# symplectic surgery) follows `S J⁻¹ v`, which is the gradient part without knowledge of `z*`. In a linear game the two
# are equal:

# %%
game = gs.games.random_quadratic(
    jax.random.key(0), (20, 20), condition=5.0, rotation=0.8
)
attract, rotate = gs.analysis.split_jacobian(game, game.start)(
    game.start
)  # the equilibrium is 0
step = jax.tree.map(
    jnp.subtract,
    gs.solve(game, gs.lss(1.0, 0.0), game.start, 1).players,
    game.start,
)
print(
    f"norm of S z {gs.trees.norm(attract):.3f}, of A z "
    f"{gs.trees.norm(rotate):.3f}"
)
print(
    "norm of the step of lss minus S z: "
    f"{gs.trees.norm(jax.tree.map(jnp.subtract, step, attract)):.1e}"
)

# %% [markdown]
# Three games of 20 and more parameters. In the first, 94 % of the squared norm of J is rotation, and simultaneous
# gradient descent diverges. The gradient part converges. On the bilinear game it does not move. In the GAN that
# estimates a mean with an R1 penalty, it trains the discriminator and leaves the generator where it starts. The
# curvature of this generator's own payoff is zero, so it learns through the rotation only.


# %%
games = {
    "convex-concave": game,
    "bilinear": gs.games.random_quadratic(
        jax.random.key(0), (20, 20), condition=5.0, rotation=1.0
    ),
    "mean with R1": gan.mean_estimation(
        jnp.ones(10), regularisers=(gan.r1(1.0),)
    ).game,
}
for name, game in games.items():
    share = gs.analysis.hamiltonian_share(game, game.start)
    print(
        f"{name}: rotation {share:.0%}; distances of both players from the "
        "equilibrium"
    )
    solvers = {"simgd": gs.simgd(0.3), "lss": gs.lss(0.3, 0.0)}
    ends = {
        label: gs.solve(game, solver, game.start, 300).players
        for label, solver in solvers.items()
    }
    for label, players in {"start": game.start, **ends}.items():
        first, second = (
            jnp.linalg.norm(own - zero)
            for own, zero in zip(players, game.equilibria[0], strict=True)
        )
        print(f"  {label:6} {first:9.3g} {second:9.3g}")

# %% [markdown]
# The gradient part converges to Nash equilibria only. In the plane of the biases, (0, 0) is stable for both widths of
# the bump. For `κ = 1` it is a Nash equilibrium and the gradient part converges to it. For `κ = 1/2` it is not: S has
# a positive eigenvalue, and the gradient part leaves it and stops at a point where the field is not zero.

# %% mystnb={"image": {"alt": "Trajectories of the gradient part and of the whole field in the plane of the biases, for two widths of the bump."}, "figure": {"caption": "For κ = 1 both end at (0, 0). For κ = 1/2 the gradient part leaves it and stops elsewhere."}}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.9), layout="constrained")
for ax, kappa in zip(axes, (1.0, 0.5), strict=True):
    game = gan.bias_plane(gan.Bump(kappa)).game
    values = jnp.linalg.eigvalsh(gs.analysis.decompose(game, (0.0, 0.0))[0])
    runs = {"whole field": gs.simgd(0.1), "gradient part": gs.lss(0.1)}
    paths = {
        name: path_of(game, solver, game.start, 400)
        for name, solver in runs.items()
    }
    end = tuple(float(own[-1]) for own in paths["gradient part"])
    print(
        f"kappa {kappa}: eigenvalues of S {values[0]:.3f}, {values[1]:.3f}; "
        "the gradient part ends at",
        end="",
    )
    print(
        f" ({end[0]:.3f}, {end[1]:.3f}), norm of the field "
        f"{jnp.hypot(*game.field(end)):.3f}"
    )
    view = {"view": ((-1.0, 1.2), (-1.0, 1.2)), "axes": ("$b_G$", "$b_D$")}
    gs.plots.phase_portrait(paths, field=game, start=game.start, **view, ax=ax)
    ax.set_title(f"κ = {kappa}", fontsize="small")
    ax.legend(fontsize=7, loc="lower left")
plt.show()
