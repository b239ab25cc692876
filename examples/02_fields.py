# %% [markdown]
# # Fields: attraction and rotation
#
# Near an equilibrium the field is linear, with the Jacobian as its matrix. The symmetric part of this matrix attracts
# or repels along straight lines. The antisymmetric part only rotates. Which part decides whether the players
# converge, and how does consensus optimisation change it?

# %%
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs

origin, start = (0.0, 0.0), (0.8, 0.5)


def first(x, y, curvature, sign):
    return -(curvature * x**2 + x * y + curvature * y**2 * sign)


def second(x, y, curvature, sign):
    return -sign * (curvature * x**2 + x * y + sign * curvature * y**2)


def field_of(curvature, sign):
    """Player 0 descends the same function as player 1 (sign 1), or player 1
    ascends it (sign -1).
    """
    return gs.general_sum(first, second, constants=(curvature, sign))


games = {
    "conservative: both descend x² + x y + y²": field_of(1.0, 1.0),
    "curl: x y": field_of(0.0, -1.0),
    "both: x²/5 + x y - y²/5": field_of(0.2, -1.0),
    "both, unstable: -x²/5 + x y + y²/5": field_of(-0.2, -1.0),
}

# %%
for name, game in games.items():
    symmetric, antisymmetric = gs.analysis.decompose(game, origin)
    values = gs.analysis.eigenvalues(game, origin)
    print(name)
    parts = [
        np.asarray(part, float).round(2) + 0
        for part in (symmetric, antisymmetric)
    ]
    print(f"  symmetric {parts[0].tolist()}, antisymmetric {parts[1].tolist()}")
    print(
        f"  eigenvalues {', '.join(f'{value:.2f}' for value in values + 0)}: "
        f"{gs.analysis.classify(game, origin).kind}"
    )

# %% [markdown]
# The symmetric part decides. The flow converges in the first and third game, cycles in the second and diverges in the
# fourth.
#
# The pictures show the flow and fifty steps of simultaneous gradient descent. Player 0's gradient is zero on the
# solid line, and player 1's on the dashed one. Without an antisymmetric part the field does not rotate. Without a
# symmetric part it does nothing else.

# %% mystnb={"image": {"alt": "Streamlines of four linear games, each with one trajectory of simultaneous gradient descent."}, "figure": {"caption": "The trajectory converges only if the symmetric part attracts. Pure rotation lets it spiral outwards."}}
figure, axes = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
for ax, (name, game) in zip(axes.ravel(), games.items(), strict=True):
    run = gs.solve(
        game, gs.simgd(0.2), start, 50, record=lambda players, _: players
    )
    gs.plots.phase_portrait(
        {"simgd(0.2)": run.trace},
        field=game,
        start=start,
        view=((-1.5, 1.5),) * 2,
        ax=ax,
    )
    gs.plots.equilibria(game, [origin], ax=ax)
    ax.set_title(name, fontsize="small")
plt.show()

# %% [markdown]
# ## Splitting a field on a rectangle
#
# `helmholtz` splits a field on a whole rectangle into the gradient of a potential, a rotation, and a harmonic rest.
# Both potentials are zero on the boundary, so part of this linear field counts as harmonic. The last panel runs SimGD
# on the whole field, and on the gradient part alone, which `gradient_game` turns into a game.

# %% mystnb={"image": {"alt": "Three vector fields, the parts of one field, and a fourth panel with two trajectories."}, "figure": {"caption": "The gradient part leads straight, and the rotation circles. SimGD on the whole field turns; on the gradient part alone it does not."}}
game = games["both: x²/5 + x y - y²/5"]
seen = gs.analysis.slice_field(game, origin, num=41)
split = gs.analysis.helmholtz(seen)
parts = {
    "gradient": split.gradient,
    "rotational": split.rotational,
    "harmonic": split.harmonic,
}
figure, axes = plt.subplots(2, 2, figsize=(6.5, 6.2), layout="constrained")
for ax, (name, motion) in zip(axes.flat, parts.items(), strict=False):
    print(f"{name:10} part: mean square {jnp.mean(motion**2):.4f}")
    gs.plots.vector_field(
        seen._replace(motion=motion), nullclines=False, ax=ax
    ).set(title=name, aspect="equal")
paths = {
    name: gs.solve(
        own, gs.simgd(0.1), start, 40, record=lambda players, _: players
    ).trace
    for name, own in {
        "whole field": game,
        "gradient part": gs.analysis.gradient_game(split),
    }.items()
}
gs.plots.phase_portrait(
    paths, start=start, view=((-1.0, 1.0),) * 2, axes=("a", "b"), ax=axes[1, 1]
)
axes[1, 1].legend(fontsize=6, loc="lower right")
plt.show()

# %% [markdown]
# The rotational part is the largest. The path of the gradient part alone does not circle.
#
# ## The effect of consensus optimisation
#
# `conopt` also descends `γ/2 ‖v‖²`. The field becomes `v - γ Jᵀ v`, and an eigenvalue `λ` of `J` becomes `λ - γ |λ|²`
# (because `J` is normal here). The rotation stays, and every zero of the field becomes more attracting. Above
# `γ = Re λ / |λ|²` even the unstable equilibrium of the last game attracts. The table shows that this happens between
# `γ = 0.2` and `γ = 0.5`.


# %% mystnb={"image": {"alt": "The field of one game under consensus optimisation, with the weight γ growing from panel to panel."}, "figure": {"caption": "As γ grows, the streamlines turn inwards: the unstable equilibrium begins to attract."}}
def pulled(own):
    def payoff(x, y, curvature, sign, gamma):
        v = field_of(curvature, sign).field((x, y))
        return own(x, y, curvature, sign) - gamma / 2 * (v[0] ** 2 + v[1] ** 2)

    return payoff


gammas = (0.0, 0.1, 0.2, 0.5)
figure, axes = plt.subplots(2, 2, figsize=(6.5, 6.2), layout="constrained")
unstable = games["both, unstable: -x²/5 + x y + y²/5"]
(value, *_) = gs.analysis.eigenvalues(unstable, origin)
threshold = value.real / abs(value) ** 2
print(f"threshold gamma = {threshold:.4f}")
for ax, gamma in zip(axes.flat, gammas, strict=True):
    combined = gs.general_sum(
        *map(pulled, (first, second)), constants=(-0.2, -1.0, gamma)
    )
    (leading, *_) = gs.analysis.eigenvalues(combined, origin)
    print(
        f"gamma {gamma}: leading eigenvalue {leading:.3f}, "
        f"{'attracts' if leading.real < 0 else 'repels'}"
    )
    gs.plots.vector_field(gs.analysis.slice_field(combined, origin), ax=ax)
    ax.set(title=f"γ = {gamma}", aspect="equal")
plt.show()
