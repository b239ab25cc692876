# %% [markdown]
# # The Dirac-GAN and linear GANs
#
# The data are at 0, the generator is a point `theta`, and the discriminator is the line `-psi x`. The equilibrium is
# (0, 0). Larger GANs behave like this one near an equilibrium if their samples do not overlap with the data. Which
# losses, regularisers and solvers converge?

# %%
import jax
import matplotlib.pyplot as plt
import optax

import gamesolve as gs
from gamesolve.games import gan

step, num_steps = 0.2, 500
clipped = gs.transforms.project((None, gan.clip(1.0)))
variants = {
    "GAN": (gan.dirac(), None),
    "non-saturating": (gan.dirac(gan.non_saturating), None),
    "Wasserstein": (gan.dirac(gan.wasserstein), None),
    "Wasserstein, clipped": (gan.dirac(gan.wasserstein), clipped),
    "Wasserstein, gradient penalty 1": (
        gan.dirac(gan.wasserstein, (gan.gradient_penalty(1.0),)),
        None,
    ),
    "hinge": (gan.dirac(gan.hinge), None),
    "R1, gamma = 0.3": (gan.dirac(regularisers=(gan.r1(0.3),)), None),
    "R1, gamma = 1": (gan.dirac(regularisers=(gan.r1(1.0),)), None),
    "R2, gamma = 0.3": (gan.dirac(regularisers=(gan.r2(0.3),)), None),
    "instance noise 1": (gan.dirac(noise=1.0), None),
    "weight decay 0.3": (
        gan.dirac(regularisers=(gan.weight_decay(0.3),)),
        None,
    ),
}


def play(experiment, solver):
    return gs.solve(
        experiment.game,
        solver,
        experiment.game.start,
        num_steps,
        record=lambda players, _: players,
    )


def distance(experiment, solver):
    return float(
        experiment.measures["distance"](play(experiment, solver).players)
    )


# %% [markdown]
# ## Distance from the equilibrium after 500 steps
#
# All runs start at (1, 1). The plain losses have imaginary eigenvalues and rotate: near the equilibrium simultaneous
# steps lead outwards, and alternating steps stay on a closed curve. (The non-saturating loss approaches from a
# distance, but does not converge either.) R1, R2, instance noise and weight decay damp the discriminator at the data
# and converge: their eigenvalues have negative real parts, and the distances are tiny. The gradient penalty demands
# slope one at the equilibrium, where the slope should be zero, and does not converge.

# %%
print(f"{'':32} {'eigenvalue':>16} {'simultaneous':>13} {'alternating':>12}")
for name, (experiment, projection) in variants.items():
    value = complex(
        gs.analysis.eigenvalues(experiment.game, experiment.game.equilibria[0])[
            0
        ]
    )
    shown = (
        "-"
        if "penalty" in name
        else f"{value.real:+.3f} {abs(value.imag):+.3f}i"
    )
    solvers = (
        make(step)
        if projection is None
        else optax.chain(make(step), projection)
        for make in (gs.simgd, gs.altgd)
    )
    print(
        f"{name:32} {shown:>16}",
        *(f"{distance(experiment, solver):12.3g}" for solver in solvers),
    )
print(
    f"{'GAN, consensus gamma = 1':32} {'':16} "
    f"{distance(gan.dirac(), gs.conopt(step, gamma=1.0)):12.3g}"
)
print(
    f"{'GAN, competitive descent':32} {'':16} "
    f"{distance(gan.dirac(), gs.cgd(step)):12.3g}"
)

# %% [markdown]
# Paths of the plain losses, of regularised games, and of four solvers on the plain GAN. The first two pictures use
# simultaneous steps.

# %% mystnb={"image": {"alt": "Trajectories of the Dirac-GAN in three panels: plain losses, regularised games, and four solvers."}, "figure": {"caption": "Plain losses circle. Regularised games, and solvers other than gradient steps, spiral into (0, 0)."}}
simultaneous = gs.simgd(step)
groups = {
    "losses": {
        name: (variants[name][0], simultaneous)
        for name in ("GAN", "non-saturating", "Wasserstein", "hinge")
    },
    "regularisers": {
        name: (variants[name][0], simultaneous)
        for name in (
            "Wasserstein, gradient penalty 1",
            "R1, gamma = 0.3",
            "R1, gamma = 1",
            "instance noise 1",
        )
    },
    "solvers, on the GAN": {
        "simultaneous": (gan.dirac(), simultaneous),
        "alternating": (gan.dirac(), gs.altgd(step)),
        "consensus": (gan.dirac(), gs.conopt(step, gamma=1.0)),
        "competitive": (gan.dirac(), gs.cgd(step)),
    },
}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.8), layout="constrained")
for ax, (title, entries) in zip(axes, groups.items(), strict=True):
    paths = {name: play(*entry).trace for name, entry in entries.items()}
    view = {
        "view": ((-3.2, 3.2), (-3.2, 3.2)),
        "axes": ("θ", "ψ"),
        "start": (1.0, 1.0),
    }
    gs.plots.phase_portrait(paths, **view, ax=ax).set_title(
        title, fontsize="small"
    )
    ax.legend(
        fontsize=6.5,
        loc="lower center",
        bbox_to_anchor=(0.5, -0.38),
        ncols=2,
        frameon=False,
    )
plt.show()

# %% [markdown]
# ## Estimating a covariance
#
# A linear generator `V z` plays against a quadratic discriminator `x^T W x`. Which step sizes converge? In the table of
# residuals, competitive gradient descent works with all four step sizes. The other solvers need small ones.

# %%
experiment = gan.covariance(20)
makers = {
    "ogda": (gs.ogda, 3000),
    "sga": (gs.sga, 1500),
    "conopt": (lambda eta: gs.conopt(eta, gamma=1.0), 1500),
    "cgd": (gs.cgd, 500),
}
residual = experiment.measures["residual"]
print(f"start: residual {float(residual(experiment.game.start)):.2f}")
for name, (make, steps) in makers.items():
    results = []
    for eta in (0.005, 0.025, 0.1, 0.4):
        run = gs.solve(
            experiment.game,
            make(eta),
            experiment.game.start,
            steps,
            max_norm=1e6,
        )
        diverged = run.status == gs.Status.DIVERGED
        results.append(
            f"{'diverged' if diverged else f'{float(residual(run.players)):.3g}':>9}"
        )
    print(f"{name:7} {steps} steps, eta = .005, .025, .1, .4:", *results)

# %% [markdown]
# The residual over the steps, with the best of the four step sizes for each solver.

# %% mystnb={"image": {"alt": "Residual of the covariance over the steps, a curve per solver on a logarithmic scale."}, "figure": {"caption": "Straight falling lines are linear convergence; the steepest solver is the fastest per step."}}
curves = {
    f"{name}, η = {eta}": gs.solve(
        experiment.game,
        make(eta),
        experiment.game.start,
        500,
        record=lambda players, _: residual(players),
    ).trace
    for (name, (make, _)), eta in zip(
        makers.items(), (0.025, 0.005, 0.005, 0.4), strict=True
    )
}
axes = gs.plots.convergence(curves, quantity="residual")
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Estimating a mean
#
# The Wasserstein GAN with a linear critic is bilinear. Simultaneous gradient descent diverges, and optimistic gradient
# descent converges. On minibatches its error stays at the level of the noise.

# %%
exact = gan.mean_estimation()
errors = {}
for solver in (gs.simgd(0.3), gs.ogda(0.3), gs.extragradient(0.3), gs.cgd(0.3)):
    run = gs.solve(
        exact.game, solver, exact.game.start, 200, record=exact.watch("error")
    )
    errors[f"{solver!r}".split("(")[0]] = run.trace["error"]
    print(f"{solver!r:45} error after 200 steps {run.trace['error'][-1]:.3g}")
sampled = gan.mean_estimation(batch_size=64)
run = gs.solve(
    sampled.game,
    gs.ogda(0.1),
    sampled.game.start,
    2000,
    sample=sampled.sample,
    key=jax.random.key(0),
)
print(
    "ogda on batches of 64: error "
    f"{float(sampled.measures['error'](run.players)):.3g}"
)

# %% mystnb={"image": {"alt": "Distance from the mean over the steps, a curve per solver and batch, on a logarithmic scale."}, "figure": {"caption": "Simultaneous gradient descent rises, optimistic gradient descent falls. On minibatches it stops at the level of the noise."}}
axes = gs.plots.convergence(errors, quantity="distance from the mean")
gs.plots.legend(axes)
axes.figure
