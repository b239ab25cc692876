"""Every hyperparameter of every solver: wrong values are refused in a sentence when it is made, or when it is used."""

import itertools
import typing

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry, transforms

NAN, INF = float("nan"), float("inf")
PLAYERS = (jnp.ones(2), 2 * jnp.ones(2))
BOUND = gs.games.rotation(2)

# Hyperparameters of any sign, and those that may be complex.
SIGNED = {
    "lam",
    "momentum",
    ("lead", "beta"),
    "delta",
    ("sga", "eps"),
    ("lead", "alpha"),
    ("lookahead", "alpha"),
    ("alex_gda", "gamma"),
}
COMPLEX = {"momentum"}


def mentions(hint, kind):
    if typing.get_args(hint):
        return any(mentions(entry, kind) for entry in typing.get_args(hint))
    return hint is kind


def parameters(kind):
    """Return (solver, parameter) for every parameter of the registry whose annotation mentions a type."""
    return [
        (name, parameter)
        for name, entry in registry.SOLVERS.items()
        for parameter, hint in typing.get_type_hints(entry.make.__wrapped__).items()
        if parameter not in ("return", "projections") and mentions(hint, kind)
    ]


def made(name, parameter, value):
    entry = registry.SOLVERS[name]
    if parameter == "learning_rate":
        return entry.build(value)
    if name.startswith("svrg") and parameter == "groups":
        return entry.make(0.1, groups=value)
    return entry.build(0.1, **{parameter: value})


NUMBERS = [pair for pair in parameters(float) if pair[1] != "order"]


def test_the_table_finds_the_numbers():
    assert len(NUMBERS) > 60
    assert {("sga", "lam"), ("sos", "a"), ("average", "decay"), ("extra_adam", "b2")} <= set(NUMBERS)


@pytest.mark.parametrize(("name", "parameter"), NUMBERS)
def test_numbers_that_are_not_finite_and_real_are_refused(name, parameter):
    wrong = [
        NAN,
        INF,
        -INF,
        np.float32(NAN),
        jnp.array(NAN),
        10**400,
        "0.1",
        True,
        [0.1],
        {},
        np.array("a"),
        jax.random.key(0),
    ]
    wrong += [] if parameter in COMPLEX else [1j, jnp.array(1j)]
    for value in wrong:
        with pytest.raises((ValueError, TypeError), match=r"must be .*, got"):
            made(name, parameter, value)


@pytest.mark.parametrize(("name", "parameter"), NUMBERS)
def test_negative_numbers_are_used_or_refused(name, parameter):
    for value in (-0.5, np.float32(-0.5), jnp.array(-0.5)):
        if parameter in SIGNED or (name, parameter) in SIGNED:
            players, _ = gs.step(gs.games.rotation(2), made(name, parameter, value), PLAYERS)
            assert bool(jnp.all(jnp.isfinite(jnp.stack(players))))
        else:
            with pytest.raises(ValueError, match=r"must be .*, got"):
                made(name, parameter, value)


@pytest.mark.parametrize(("name", "parameter"), NUMBERS)
def test_arrays_of_numbers_are_refused_when_they_meet_the_players(name, parameter):
    """They would broadcast against the players; but stacked hyperparameters can be made, and are mapped over."""
    value = jnp.full(2, 0.6 if parameter != "ratio" else 1.5)
    # These have an upper limit that depends on another argument.
    limited = {("anchored_extragradient_varying", "lipschitz"), ("tiada", "beta"), ("tiada_coordinates", "beta")}
    value = value / 2 if (name, parameter) in limited else value
    solver = made(name, parameter, value)
    with pytest.raises(ValueError, match=r"must be (a|one) number.*, got an array of shape \(2,\)"):
        jax.eval_shape(gs.step, BOUND, solver, PLAYERS)


def test_stacked_hyperparameters_are_mapped_over():
    stacked = gs.acgd(jnp.array([0.1, 0.2]), decay=jnp.array([0.9, 0.99]))
    stacked = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, 2), stacked)
    players, _ = jax.vmap(lambda solver: gs.step(BOUND, solver, PLAYERS))(stacked)
    assert players[0].shape == (2, 2)


@pytest.mark.parametrize(("name", "parameter"), [pair for pair in parameters(int) if pair not in NUMBERS])
def test_counts_that_are_not_integers_in_range_are_refused(name, parameter):
    if parameter == "order":
        return
    wrong = [1.5, True, NAN, 2**31, 10**30, -(2**40), [1]]
    wrong += ["3"] if parameter != "groups" else []
    for value in wrong:
        with pytest.raises((ValueError, TypeError), match=r"must be .*, got"):
            made(name, parameter, value)


@pytest.mark.parametrize(("name", "parameter"), parameters(bool))
def test_flags_that_are_not_boolean_are_refused(name, parameter):
    for value in ("no", 2, None):
        with pytest.raises(TypeError, match=r"must be True or False, got"):
            made(name, parameter, value)


def test_sga_takes_any_finite_lambda():
    game = gs.games.curl()
    for lam in (-1.0, 0.0, 2.0, (-1.0, 1.0), jnp.array(-1.0), optax.constant_schedule(-1.0)):
        x, y = gs.step(game, gs.sga(0.5, lam), (1.0, 0.0))[0]
        first = lam[0] if isinstance(lam, tuple) else lam(0) if callable(lam) else lam
        np.testing.assert_allclose((x, y), (1 - 0.5 * first, 0.5), atol=1e-6)


@pytest.mark.parametrize("wrong", [jnp.ones(2), np.ones((1, 1)), 1j])
def test_schedules_of_several_numbers_are_refused(wrong):
    for make, where in itertools.product((gs.simgd, gs.cgd, gs.ogda, gs.altgd, gs.alex_gda), ("all", "one")):
        schedule = lambda count: wrong
        solver = make(schedule if where == "all" else (0.1, schedule))
        with pytest.raises((ValueError, TypeError), match=r"must be .*, got"):
            gs.step(gs.games.rotation(2), solver, PLAYERS)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), (1, 2)])
def test_metrics_of_other_shapes_are_refused(shape):
    metric = optax.stateless(lambda u, _: (jnp.ones(2), jnp.ones(shape)))
    for part in (transforms.consensus(1.0, metric=metric), transforms.competitive(0.1, metric)):
        with pytest.raises(ValueError, match=r"the metric of .* must be shaped as the players"):
            gs.step(gs.games.rotation(2), optax.chain(part, optax.sgd(0.1)), PLAYERS)
