"""Solvers and arguments that have no certificate, and the errors that say so."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import analysis

pytestmark = pytest.mark.usefixtures("x64")

CLASS = {"mu": 0.1, "L": 1.0}


def scaled_by_a_float(factor):
    """Return gradient descent whose step size is a float in the state that grows by a factor in each step."""
    update = lambda updates, size, params=None: (jax.tree.map(lambda u: -0.05 * size * u, updates), size * factor)
    return optax.GradientTransformation(lambda params: jnp.ones(()), update)


def are_matrices(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


float32_momentum = optax.chain(optax.trace(0.1, accumulator_dtype=jnp.float32), optax.scale(-0.05))

REFUSED = {
    "adam": (optax.adam(0.1), "returns"),
    "sign": (optax.sign_sgd(0.1), "something other than a linear combination"),
    "clip": (optax.chain(optax.clip(1.0), optax.sgd(0.1)), "something other than a linear combination"),
    "clip by norm": (optax.chain(optax.clip_by_global_norm(1e3), optax.sgd(0.1)), "depend on the players"),
    "noise": (optax.chain(optax.add_noise(0.1, 0.5, key=0), optax.sgd(0.1)), "linear combination"),
    "decay": (optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)), "moves the equilibrium"),
    "golden_ratio": (gs.golden_ratio(0.1), "depend on the players"),
    "schedule": (gs.simgd(optax.cosine_decay_schedule(0.1, 1000)), "depend on .* the step count.*worst_case_residual"),
    "late schedule": (gs.simgd(optax.piecewise_constant_schedule(0.1, {1000: 0.1})), "the step count"),
    "slow schedule": (gs.simgd(optax.linear_schedule(1e-4, 2e-4, 10**7)), "the step count"),
    "anchored": (gs.anchored_extragradient(0.1), "the step count"),
    "conopt": (gs.conopt(0.1, 1.0), "differentiates the field"),
    "cgd": (gs.cgd(0.1), "differentiates a payoff"),
    "proximal": (gs.proximal(0.1), "differentiates the field"),
    "line search": (gs.per_player(optax.lbfgs(), optax.sgd(0.1)), "uses the value of a payoff"),
    "polyak": (gs.per_player(optax.polyak_sgd(), optax.sgd(0.1)), "uses the value of a payoff"),
    "one set": (gs.extragradient(0.1, projections=lambda z: jnp.clip(z, -1, 1)), "something other than a linear"),
    "small decay": (optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.05)), "moves the equilibrium"),
    "float32 decay": (optax.chain(optax.add_decayed_weights(1e-4), float32_momentum), "moves the equilibrium"),
    "middle schedule": (gs.simgd(optax.piecewise_constant_schedule(0.1, {100: 30.0, 10**5: 1 / 30})), "the step count"),
    "alternating steps": (gs.simgd(lambda count: jnp.where(count % 10 == 5, 0.1, 0.05)), "the step count"),
    "schedule_free": (optax.contrib.schedule_free_sgd(0.3), "the step count"),
    "growing float": (scaled_by_a_float(1.2), "the step count"),
    "slowly growing float": (scaled_by_a_float(1 + 1e-7), "the step count"),
    "centralize": (optax.chain(optax.centralize(), optax.sgd(0.1)), "something other than a linear combination"),
    "decay of matrices": (optax.chain(optax.add_decayed_weights(0.1, mask=are_matrices), optax.sgd(0.1)), "shapes"),
    "tiny steps": (gs.simgd(1e-12), "rounding hides"),
    "nothing": (optax.set_to_zero(), "does not use the field"),
}


# One of each fault; the others take minutes.
QUICK = {
    "adam",
    "clip by norm",
    "decay",
    "late schedule",
    "conopt",
    "cgd",
    "polyak",
    "growing float",
    "centralize",
    "tiny steps",
}


@pytest.mark.parametrize(
    ("solver", "fault"),
    [pytest.param(*case, id=name, marks=() if name in QUICK else pytest.mark.full) for name, case in REFUSED.items()],
)
def test_other_solvers_are_refused_in_a_sentence(solver, fault):
    with pytest.raises(
        ValueError, match=f"solver must be a first-order method with fixed steps, got one that .*{fault}"
    ):
        analysis.certify(solver, **CLASS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mu": 0.0}, "mu must be finite and above 0"),
        ({"L": np.inf}, "L must be finite"),
        ({"mu": 2.0}, "mu must be at most L and 1 / cocoercivity, got mu=2.0, L=1.0"),
        ({"cocoercivity": 20.0}, "mu must be at most L and 1 / cocoercivity"),
        ({"horizon": 0}, "horizon must be at least 1"),
        ({"rate": -1.0}, "rate must be finite and above 0"),
        ({"mu": np.array([0.1, 0.2])}, r"mu must be one number, got an array of shape \(2,\)"),
        ({"rate": np.ones(2)}, "rate must be one number, got an array"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        analysis.certify(gs.simgd(0.1), **CLASS | wrong)


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_step_that_differs_from_the_next_one_is_refused_at_each_horizon(horizon):
    solver = gs.simgd(lambda count: jnp.where(count % 2 == 0, 0.1, 0.05))
    with pytest.raises(ValueError, match="the step count"):
        analysis.certify(solver, **CLASS, horizon=horizon)


def test_numbers_that_steps_leave_unchanged_are_allowed():
    assert analysis.certify(scaled_by_a_float(1.0), **CLASS).rate == pytest.approx(np.sqrt(0.9925), abs=2e-6)


def test_small_steps_are_certified():
    worst = analysis.certify(gs.simgd(1e-8), **CLASS)
    assert worst.rate == pytest.approx(1, abs=2e-6)


@pytest.mark.parametrize("make", [analysis.certify, analysis.best_certified_step])
@pytest.mark.parametrize("L", ["1", None])
def test_a_constant_that_is_not_a_number_is_refused(make, L):
    with pytest.raises(TypeError, match="L must be one number"):
        make(gs.simgd(0.1), mu=0.1, L=L)


def test_a_traced_class_is_refused():
    with pytest.raises(TypeError, match="mu must be a known number"):
        jax.jit(lambda mu: analysis.certify(gs.simgd(0.1), mu=mu, L=1.0).rate)(0.1)
