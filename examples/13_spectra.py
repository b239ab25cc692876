# %% [markdown]
# # The spectrum of a GAN before and after training
#
# How much of a GAN's field is rotation, and how much is attraction? With two parameters a picture shows it. With
# hundreds or millions, the spectrum of the Jacobian J does, and its important parts can be computed without the matrix.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
network, judge = (
    gan.MLP((2, 16, 16, 2), jnp.tanh),
    gan.MLP((2, 16, 16, 1), jnp.tanh),
)
experiment = gan.five(generator=network, discriminator=judge, batch_size=256)
run = gs.solve(
    experiment.game,
    gs.per_player(optax.adam(1e-3, b1=0.5), optax.adam(1e-3, b1=0.5)),
    experiment.game.start,
    50 if fast else 2000,
    sample=experiment.sample,
    key=jax.random.key(1),
)
game = experiment.game.bind(experiment.sample(jax.random.key(2)))
points = {"start": experiment.game.start, "trained": run.players}
print(
    f"{optax.tree.size(run.players)} parameters, modes covered "
    f"{int(experiment.measures['modes'](run.players))} of 5"
)

# %% [markdown]
# ## All eigenvalues, and the leading ones without the matrix
#
# `eigenvalues` uses the dense J. `leading` uses only products with J and reports true residuals. One call finds three
# ends of the spectrum: the largest real part, the largest imaginary part and the smallest real part. Both methods agree
# to single precision. Before and after training the leading real part is positive, so neither point is a stable
# equilibrium, but after training it is much smaller.

# %% mystnb={"image": {"alt": "Eigenvalues of the Jacobian in the complex plane, before and after training, with the leading ones marked."}, "figure": {"caption": "The eigenvalues from products lie on those of the dense matrix. After training the largest real part is much smaller."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.5), layout="constrained")
for ax, (name, players) in zip(axes, points.items(), strict=True):
    dense = gs.analysis.eigenvalues(game, players)
    found = gs.analysis.leading(game, players, k=2, which=("LR", "LI", "SR"))
    gap = max(float(abs(dense - value).min()) for value in found.eigenvalues)
    print(
        f"{name:8} leading {dense[0]:.4f}; {len(found.eigenvalues)} found by "
        "products, "
        f"at most {gap:.1e} from dense ones, worst residual "
        f"{found.residuals.max():.1e}"
    )
    gs.plots.spectrum(
        {"dense": dense, "by products": found.eigenvalues}, stable="flow", ax=ax
    )
    ax.set(title=name, aspect="auto")
axes[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Spectral densities of attraction and rotation
#
# The symmetric part S of J attracts or repels, and the antisymmetric part A rotates. `spectral_density` estimates the
# spectra of both by Lanczos quadrature, from products only. `hamiltonian_share` condenses them into one number, the
# share of rotation in J. Here training lowers this share.

# %% mystnb={"image": {"alt": "Spectral densities of the symmetric and the antisymmetric part, before and after training, on a logarithmic scale."}, "figure": {"caption": "The width of the left density is attraction or repulsion; that of the right one is rotation."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
for name, players in points.items():
    share = gs.analysis.hamiltonian_share(game, players)
    blocks = gs.analysis.hessian_spectra(game, players)
    own = [
        f"{float(block.max()):+.3f} to {float(block.min()):+.3f}"
        for block in blocks
    ]
    print(
        f"{name:8} share of rotation {share:.2f}; own curvatures: generator "
        f"{own[0]}, discriminator {own[1]}"
    )
parts = {
    name: gs.analysis.spectral_density(game, players, jax.random.key(3))
    for name, players in points.items()
}
for place, (ax, title) in enumerate(
    zip(axes, ("eigenvalues of S", "frequencies of A"), strict=True)
):
    reach = max(
        float(abs(densities[place].nodes).max()) for densities in parts.values()
    )
    grid = jnp.linspace(-1.1 * reach, 1.1 * reach, 400)
    bells = {
        name: densities[place].on(grid, reach / 60)
        for name, densities in parts.items()
    }
    gs.plots.lines(bells, grid, axes=(title, "density"), ax=ax)
    ax.set(yscale="log", ylim=(1e-3, None))
axes[0].legend(fontsize=7)
plt.show()
