"""Every transformation of optax does in a game what it does by hand, or says in one sentence how to compose it."""

import inspect
import warnings

import chex
import jax
import jax.numpy as jnp
import optax
import optax.contrib
import optax.projections
import pytest

import gamesolve as gs

SGD = optax.sgd(0.1)


def measured(updates):
    return optax.tree.norm(updates)


# Values of required arguments, by name or by function and name.
VALUES = {
    "learning_rate": 0.1,
    "decay": 0.9,
    "max_delta": 0.5,
    "threshold": 0.5,
    "max_norm": 0.5,
    "clipping": 0.5,
    "eta": 0.1,
    "gamma": 0.5,
    "inner": SGD,
    "max_consecutive_errors": 3,
    "mask": True,
    "should_transform_fn": lambda step: step < 1,
    "fast_optimizer": SGD,
    "sync_period": 2,
    "slow_step_size": 0.5,
    "base_optimizer": SGD,
    "optimizer": SGD,
    "adv_optimizer": optax.chain(optax.contrib.normalize(), SGD),
    "step_size": -0.1,
    "step_size_fn": lambda count: -0.1 / (count + 1),
    "max_backtracking_steps": 10,
    "max_linesearch_steps": 10,
    "transforms": {"a": SGD},
    "param_labels": "a",
    "tx": SGD,
    "measure": measured,
    "measure_name": "size",
    "measures": {"size": measured},
    "freeze_mask": False,
    "l2_norm_clip": 1.0,
    "noise_multiplier": 1.0,
    "seed": 0,
    "f": lambda updates, params: jax.tree.map(lambda u, p: -0.1 * u - p, updates, params),
    "stateless_with_tree_map f": lambda update, param: -0.1 * update - param,
    "chain args": (optax.clip(0.5), SGD),
    "named_chain args": (("clip", optax.clip(0.5)), ("sgd", SGD)),
}
# Optional arguments that a transformation needs to run without an error or a warning.
OPTIONS = {
    "scale_by_muon": {
        "weight_dimension_numbers": lambda params: jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), params)
    },
}
# Factories of factories.
INNER = {"inject_hyperparams": (optax.adam, 0.1), "inject_stateful_hyperparams": (optax.adam, 0.1)}
LOSS = r"needs (value|value_fn|obj_fn|grad_fn)=, the loss of one player.*Place it inside per_player or alternating"
SHAPES = "the moves of a solver must be shaped as the players"
PAIRS = "optax.lookahead must get pairs of fast and slow parameters, got players. Use gs.lookahead"
WRAP = "inside another one must accept extra arguments.*Wrap it"


def factories():
    """Return the public functions of optax that return a transformation, or a function that returns one."""
    for module in (optax, optax.contrib):
        for name, function in sorted(inspect.getmembers(module, inspect.isfunction)):
            if (
                not name.startswith("_")
                and "GradientTransformation" in str(inspect.signature(function)).split("->")[-1]
            ):
                yield name, function


def build(name, factory):
    with warnings.catch_warnings(action="ignore"):  # of deprecated functions and arguments
        return _build(name, factory)


def _build(name, factory):
    if name in INNER:
        inner, rate = INNER[name]
        return factory(inner)(learning_rate=rate)
    required = [
        parameter
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    args, kwargs = (), dict(OPTIONS.get(name, {}))
    for parameter in required:
        value = VALUES.get(f"{name} {parameter.name}", VALUES.get(parameter.name))
        assert value is not None, f"add the required argument {parameter.name} of {name} to VALUES"
        if parameter.kind is parameter.VAR_POSITIONAL:
            args = value
        else:
            kwargs[parameter.name] = value
    return factory(*args, **kwargs)


FACTORIES = dict(factories()) | {
    "sam in opaque mode": lambda: optax.contrib.sam(SGD, VALUES["adv_optimizer"], opaque_mode=True),
    "lbfgs with backtracking": lambda: optax.lbfgs(
        linesearch=optax.scale_by_backtracking_linesearch(10, store_grad=True)
    ),
    "plateau in a chain": lambda: optax.chain(optax.adam(0.1), optax.contrib.reduce_on_plateau(patience=1)),
}

A = jnp.array([[1.0, 2.0], [-0.5, 0.3]])
GAME = gs.general_sum(
    lambda x, y: -jnp.sum(x["w"] * (A @ y)) - jnp.sum(x["w"] ** 2) - 1.0,
    lambda x, y: jnp.sum(x["w"] * (A @ y)) - jnp.sum(y**4) - 2.0,
)
START = ({"w": jnp.array([[0.5, -1.0], [0.3, 0.7]])}, jnp.array([[1.0, 0.5], [0.2, -0.4]]))
SINGLE = {"sam", "sam in opaque mode"}  # do not take extra arguments that they do not name
WHOLE = {  # ask for the loss
    "lbfgs",
    "lbfgs with backtracking",
    "momo",
    "momo_adam",
    "plateau in a chain",
    "polyak_sgd",
    "reduce_on_plateau",
    "sam in opaque mode",
    "scale_by_backtracking_linesearch",
    "scale_by_polyak",
    "scale_by_zoom_linesearch",
    "sophia",
}
GROWING = {"monitor"}  # its first state is empty
OTHER_SHAPES = {"differentially_private_aggregate", "dpsgd", "measure_with_ema"}
REFUSED = dict.fromkeys(OTHER_SHAPES, SHAPES) | {"lookahead": PAIRS}


def asked(name, loss, value, gradient):
    """Return what plain optax has to be given."""
    if name == "sophia":
        return {"obj_fn": loss}
    if name == "sam in opaque mode":
        return {"grad_fn": lambda params, count: jax.grad(loss)(params)}
    return {"value": value, "grad": gradient, "value_fn": loss} if name in WHOLE else {}


def by_hand(name, tx, in_turn, steps=2):
    """Return the players after steps of optax alone, one transformation per player."""

    @jax.jit
    def step(players, states):
        moved, states = list(players), list(states)
        for i in range(2):
            seen = tuple(moved) if in_turn else players
            loss = lambda own, i=i, seen=seen: -GAME.payoffs[i](*seen[:i], own, *seen[i + 1 :])
            value, gradient = jax.value_and_grad(loss)(seen[i])
            extra = asked(name, loss, value, gradient)
            moves, states[i] = tx.update(gradient, states[i], seen[i], **extra)
            moved[i] = optax.apply_updates(seen[i], moves)
        return tuple(moved), states

    players, states = START, [tx.init(player) for player in START]
    for _ in range(steps):
        players, states = step(players, states)
    return players


def traced(solver):
    return jax.eval_shape(lambda players: gs.step(GAME, solver, players), START)


# What the gate runs: one of each kind, and all that ask for the loss of a player.
KINDS = {
    "adam",
    "sgd",
    "clip",
    "add_decayed_weights",
    "rmsprop",
    "masked",
    "apply_if_finite",
    "scale_by_schedule",
    "ema",
}
ASKING = ("linesearch", "lbfgs", "polyak", "plateau", "momo", "sophia", "sam", "lookahead", "monitor", "backtracking")
SOME = [
    name if name in KINDS or any(word in name for word in ASKING) else pytest.param(name, marks=pytest.mark.full)
    for name in FACTORIES
]


@pytest.mark.parametrize("name", SOME)
def test_each_player_moves_as_by_hand(name):
    tx = build(name, FACTORIES[name])
    if name in REFUSED:
        for around in (gs.per_player, gs.alternating):
            with pytest.raises(ValueError, match=REFUSED[name]):
                traced(around(tx, SGD))
        return
    for around in (gs.per_player, gs.alternating):
        expected = by_hand(name, tx, in_turn=around is gs.alternating)
        if name in GROWING:
            with pytest.raises(ValueError, match="the state of a solver must keep its structure in solve and run"):
                gs.solve(GAME, around(tx, tx), START, 2)
            reached, _ = gs.step(GAME, around(tx, tx), *gs.step(GAME, around(tx, tx), START))
        else:
            reached = gs.solve(GAME, around(tx, tx), START, 2).players
        chex.assert_trees_all_close(reached, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SOME)
def test_all_players_at_once_are_one_tree_without_a_loss(name):
    tx = build(name, FACTORIES[name])
    consensus = gs.transforms.consensus(0.1)
    refused = LOSS if name in WHOLE else REFUSED.get(name)
    if refused:
        for solver in (tx, optax.chain(consensus, gs.as_solver(tx))):
            with pytest.raises(ValueError, match=refused):
                traced(solver)
        return
    u = jax.tree.map(jnp.negative, GAME.field(START))
    part = gs.transforms.consensus(0.1)
    pulled, _ = part.update(u, part.init(START), START, game=GAME, grad=u)
    solvers = {"alone": (tx, u), "after a part": (optax.chain(consensus, gs.as_solver(tx)), pulled)}
    for solver, updates in solvers.values():
        moves, _ = jax.jit(tx.update)(updates, tx.init(START), START)
        expected = optax.apply_updates(START, moves)
        chex.assert_trees_all_close(jax.jit(lambda s=solver: gs.step(GAME, s, START))()[0], expected, rtol=1e-5)


@pytest.mark.parametrize("name", SOME)
def test_chains_of_each_player(name):
    """A chain hands on what its parts ask for, unless one of them accepts no extra arguments."""
    tx = build(name, FACTORIES[name])
    if name in REFUSED:
        return
    inside = optax.chain(optax.identity(), tx)
    if name in SINGLE:
        with pytest.raises(ValueError, match=WRAP):
            traced(gs.per_player(inside, SGD))
        inside = optax.chain(optax.identity(), gs.as_solver(tx))
    step = jax.jit(lambda inside: gs.step(GAME, gs.per_player(inside, SGD), START)[0], static_argnums=0)
    chex.assert_trees_all_close(step(inside), step(gs.as_solver(tx).transformation), rtol=1e-6)


def flops(solver):
    game = gs.zero_sum(lambda x, y: jnp.sum(jnp.tanh(x @ y)))
    players = (jnp.ones((32, 32)), jnp.ones((32, 32)))
    step = jax.jit(lambda players, state: gs.step(game, solver, players, state))
    return step.lower(players, solver.init(players)).compile().cost_analysis()["flops"]


def test_a_loss_that_nobody_asks_for_costs_nothing():
    assert flops(gs.per_player(SGD, SGD)) == flops(gs.simgd(0.1))
    asking = optax.GradientTransformationExtraArgs(SGD.init, lambda u, state, params, value, **_: SGD.update(u, state))
    assert flops(gs.alternating(asking, asking)) == flops(gs.alternating(SGD, SGD))


def test_the_loss_is_that_of_the_draw_of_the_turn():
    """The second mover sees its own draw and the first move."""
    game = gs.zero_sum(lambda x, y, b: jnp.mean(b) * x * y)
    seen = optax.GradientTransformationExtraArgs(
        lambda params: (), lambda u, state, params, value, **_: (jnp.full_like(params, value), state)
    )
    draws = gs.sampling.draws(jnp.array([2.0]), jnp.array([3.0]))
    (x, y), _ = gs.step(game, gs.alternating(seen, seen), (1.0, 1.0), None, draws)
    assert (float(x), float(y)) == (3.0, 1.0 - 3.0 * 3.0)


def test_behind_a_mask_there_is_no_loss():
    solver = optax.masked(gs.per_player(optax.polyak_sgd(), SGD), (True, False))
    with pytest.raises(ValueError, match=LOSS):
        traced(solver)


@pytest.mark.parametrize("make", [gs.per_player, gs.alternating])
@pytest.mark.parametrize("name", ["projection_simplex", "projection_non_negative", "projection_box"])
def test_projections_of_one_player(make, name):
    """Each player is projected onto its own set, also a player that is a tuple."""
    projection = getattr(optax.projections, name)
    if name == "projection_box":
        projection = lambda player: optax.projections.projection_box(player, -0.5, 0.01)
    game = gs.zero_sum(lambda x, y: sum(map(jnp.sum, x)) * jnp.sum(y) / 100)
    players = (tuple(jnp.full(2, 1 / 6) for _ in range(3)), jnp.full(64, 1 / 64))
    leafwise = lambda player: jax.tree.map(projection, player)
    for first, second in ((leafwise, projection), ((leafwise,), (projection,))):
        parts = [optax.chain(SGD, gs.transforms.project(onto)) for onto in (first, second)]
        reached = gs.solve(game, make(*parts), players, 3, tol=1e-9).players
        chex.assert_trees_all_close(reached, jax.tree.map(projection, reached), atol=1e-6)
