"""Every row of the table in docs/errors.md: the mistake, and the sentence that it gets."""

import functools
import re
import tempfile
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import gamesolve as gs
from gamesolve import checkpoint, compare, distributed, loggers, registry, sampling

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([^|`]+) \| `\w+` \| (.+) \|$", PAGE, re.MULTILINE))
KINDS = dict(re.findall(r"^\| ([^|`]+) \| `(\w+)` \|", PAGE, re.MULTILINE))

XY = gs.zero_sum(lambda x, y: x * y)
NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
CONSTRAINED = gs.games.lagrangian(jnp.sum, inequality=lambda x: x - 1)
GD = gs.simgd(0.1)
solve = functools.partial(gs.solve, XY, GD, (1.0, 1.0))
run = functools.partial(gs.run, XY, GD, (1.0, 1.0))
noisy = functools.partial(gs.run, NOISY, GD, (1.0, 1.0), 4)
pair = lambda x, y: x + y


def leaky():
    kept = []

    def payoff(x, y):
        kept.append(x)
        return kept[0] * x * y

    game = gs.zero_sum(payoff)
    gs.step(game, GD, (1.0, 1.0))
    gs.step(game, GD, (1.0, 1.0))


def floor(game=NOISY, solver=GD, players=(0.0, 0.0), sample=jax.random.normal):
    return gs.analysis.noise_floor(game, solver, players, sample, jax.random.key(0), draws=64)


def stopped(x, y):
    return x * jax.lax.stop_gradient(y) - jax.lax.stop_gradient(x) * y


@jax.custom_vjp
def on_host(x):
    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


on_host.defvjp(lambda x: (on_host(x), x), lambda x, slope: (slope * jnp.cos(x),))


class Unhashable:
    __hash__ = None

    def __call__(self, x, y):
        return x * y


def resumed(damage=None, **options):
    with tempfile.TemporaryDirectory() as folder:
        run(20, chunk=10, checkpoint=folder)
        for _, path in checkpoint.found(Path(folder)):
            if damage:
                path.write_bytes(damage(path.read_bytes()))
        arguments = {"game": XY, "num_steps": 40, "chunk": 10, "checkpoint": folder} | options
        gs.run(solver=GD, players=(1.0, 1.0), **arguments)


def skipped(*numbers):
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            noisy(batches=number * [1.0], checkpoint=folder)


def shared():
    with tempfile.TemporaryDirectory() as folder:
        run(3, checkpoint=folder, callbacks=[lambda _: run(3, checkpoint=folder)])


def logged(path, record=lambda z, _: z[0], start=0):
    run(3, record=record, callbacks=[loggers.csv(path)], start=start)


def other_columns():
    with tempfile.TemporaryDirectory() as folder:
        logged(f"{folder}/log.csv")
        logged(f"{folder}/log.csv", record=lambda z, _: {"x": z[0]}, start=3)


CASES = {
    "a function where a game is wanted": lambda: gs.solve(pair, GD, (1.0, 1.0), 3),
    "players in a list": lambda: gs.solve(XY, GD, [1.0, 1.0], 3),
    "a player too few": lambda: gs.solve(XY, GD, (1.0,), 3),
    "players of integers": lambda: gs.solve(XY, GD, (1, 1.0), 3),
    "players of dtypes that can't be added": lambda: gs.solve(
        XY, GD, (jnp.ones(()), jnp.ones((), jnp.float8_e4m3fn)), 3
    ),
    "a player without parameters": lambda: gs.solve(XY, GD, ((), 1.0), 3),
    "an array without entries": lambda: gs.solve(XY, GD, (np.zeros((2, 0)), 1.0), 3),
    "functions among the parameters": lambda: gs.solve(XY, GD, ({"act": jnp.tanh, "w": 1.0}, 1.0), 3),
    "counters among the parameters": lambda: gs.solve(XY, GD, ({"w": 1.0, "count": jnp.uint32(0)}, 1.0), 3),
    "random keys among the parameters": lambda: gs.solve(XY, GD, ({"w": 1.0, "rng": jax.random.key(0)}, 1.0), 3),
    "all variables of a linen module": lambda: gs.solve(
        XY, GD, ({"params": {"w": 1.0}, "batch_stats": {"mean": 1.0}}, 1.0), 3
    ),
    "a payoff that returns an array": lambda: gs.zero_sum(pair).field((jnp.ones(3), jnp.ones(3))),
    "a payoff that returns an integer": lambda: gs.zero_sum(lambda x, y: jnp.int32(1)).field((1.0, 1.0)),
    "a payoff that returns nothing": lambda: gs.zero_sum(lambda x, y: None).field((1.0, 1.0)),
    "a payoff that keeps what it saw": leaky,
    "a payoff that can not be hashed": lambda: gs.zero_sum(Unhashable()),
    "a payoff that takes data, without data": lambda: gs.solve(NOISY, GD, (1.0, 1.0), 3),
    "data for a payoff that takes none": lambda: run(3, batches=3 * [1.0]),
    "a tuple of data for a payoff of two batches": lambda: (
        gs.zero_sum(lambda x, y, a, b: x * y).bind((1.0, 1.0)).field((1.0, 1.0))
    ),
    "a payoff of fewer players": lambda: gs.zero_sum(lambda x: x).field((1.0, 1.0)),
    "no payoff": lambda: gs.general_sum(),
    "constants that are no tuple": lambda: gs.zero_sum(pair, constants=1.0),
    "a negative step size": lambda: gs.simgd(-0.1),
    "an argument that a solver does not have": lambda: gs.cgd(lr=0.1),
    "a solver without its step size": lambda: gs.simgd(),
    "arguments too many for a solver": lambda: gs.simgd(0.1, 0.9, 0.1),
    "a schedule that does not take the count": lambda: gs.step(XY, gs.simgd(lambda: 0.1), (1.0, 1.0)),
    "a step size that is NaN": lambda: gs.cgd(float("nan")),
    "step sizes for more players": lambda: gs.solve(XY, gs.simgd((0.1, 0.1, 0.1)), (1.0, 1.0), 3),
    "one array for the step sizes of all players": lambda: gs.step(XY, gs.simgd(jnp.ones(2)), (1.0, 1.0)),
    "an array for a decay rate": lambda: gs.step(XY, gs.acgd(0.1, decay=jnp.full(2, 0.9)), (1.0, 1.0)),
    "a schedule that returns an array": lambda: gs.step(XY, gs.simgd(lambda count: jnp.ones(2)), (1.0, 1.0)),
    "a complex step size": lambda: gs.simgd(1j),
    "a flag that is a word": lambda: gs.sga(0.1, align="no"),
    "projections for more players": lambda: gs.step(XY, gs.extragradient(0.1, projections=(None,) * 3), (1.0, 1.0)),
    "several projections inside per_player": lambda: gs.step(
        XY, gs.per_player(GD, gs.transforms.project((None, None))), (1.0, 1.0)
    ),
    "a projection that is no function": lambda: gs.transforms.project("simplex"),
    "a projection that changes the shape": lambda: gs.step(
        XY, gs.extragradient(0.1, projections=lambda z: z[None]), (1.0, 1.0)
    ),
    "a projection of all players": lambda: gs.step(
        XY, gs.extragradient(0.1, projections=lambda x, y: (x, y)), (1.0, 1.0)
    ),
    "a potential that is none": lambda: gs.transforms.mirror(0.1, "entropy"),
    "a metric of another shape": lambda: gs.step(
        XY,
        gs.transforms.consensus(1.0, metric=optax.stateless(lambda u, _: (jnp.ones(2), jnp.ones(())))),
        (1.0, 1.0),
    ),
    "multipliers of another shape": lambda: CONSTRAINED.field((jnp.ones(2), {"inequality": jnp.zeros(())})),
    "multipliers of another kind": lambda: CONSTRAINED.field((jnp.ones(2), {"equality": jnp.zeros(2)})),
    "a strategy of another shape": lambda: gs.games.matching_pennies().field((1.0, jnp.ones(2))),
    "a constraint that does not take x": lambda: gs.games.multipliers(1.0, inequality=lambda: 1.0),
    "samplers that disagree on the batch": lambda: sampling.joint(sampling.latents(4, 1), sampling.latents(2, 1))(
        jax.random.key(0)
    ),
    "a sampler that is no function": lambda: sampling.several(3.0, 2),
    "a sampler that does not take the key": lambda: noisy(sample=lambda: 1.0, key=jax.random.key(0)),
    "a negative regulariser": lambda: gs.conopt(0.1, -1.0),
    "a count that is no whole number": lambda: gs.proximal(0.1, iterations=2.5),
    "a solver that was not called": lambda: gs.solve(XY, gs.simgd, (1.0, 1.0), 3),
    "an unknown solver": lambda: registry.find(registry.SOLVERS, "extragradiant", "solver"),
    "an unknown game": lambda: registry.find(registry.GAMES, "bilinaer", "game"),
    "a number of steps that is no whole number": lambda: solve(2.5),
    "more steps than 32 bits count": lambda: solve(2**40),
    "a start that leaves no room for the steps": lambda: solve(10, start=2**31 - 5),
    "fewer than no steps": lambda: solve(-1),
    "records that do not divide the steps": lambda: solve(10, every=4),
    "records that do not divide the chunk": lambda: run(30, every=15, record=lambda z, _: z),
    "a negative tolerance": lambda: solve(3, tol=-1.0),
    "a limit that is NaN": lambda: solve(3, max_norm=float("nan")),
    "a tolerance in an array": lambda: solve(3, tol=jnp.ones(2)),
    "a tolerance that is no number": lambda: solve(3, tol="small"),
    "a state of another solver": lambda: solve(3, state=gs.ogda(0.1).init((jnp.ones(()), jnp.ones(())))),
    "a state for other shapes": lambda: gs.run(
        XY, gs.ogda(0.1), (1.0, 1.0), 3, state=gs.ogda(0.1).init((jnp.ones(2), jnp.ones(2)))
    ),
    "reverse-mode derivatives of a run that stops": lambda: jax.grad(
        lambda x: gs.solve(XY, GD, (x, 1.0), 3, tol=1e-3).players[0]
    )(1.0),
    "a run that starts at NaN": lambda: gs.run(XY, GD, (1.0, jnp.nan), 3),
    "a sampler without a key": lambda: noisy(sample=lambda key: 1.0),
    "a key that is a number": lambda: noisy(sample=lambda key: 1.0, key=0),
    "a legacy key": lambda: solve(3, key=jax.random.PRNGKey(0)),
    "several keys": lambda: solve(3, key=jax.random.split(jax.random.key(0), 3)),
    "a record that takes the players alone": lambda: solve(3, record=lambda players: players),
    "a sampler and batches": lambda: noisy(sample=lambda key: 1.0, batches=[1.0], key=jax.random.key(0)),
    "batches that are no iterable": lambda: noisy(batches=3.0),
    "batches of words": lambda: noisy(batches=["text"]),
    "batches of several shapes": lambda: noisy(batches=[np.ones(2), np.ones(3)]),
    "batches of several structures": lambda: noisy(batches=[(1.0,), [1.0]]),
    "fewer batches than a resumed run has used": lambda: skipped(3, 2),
    "minibatches larger than the data": lambda: gs.minibatches(jnp.ones(3), 5, replace=False),
    "arrays that disagree on the examples": lambda: gs.minibatches((jnp.ones(3), jnp.ones(4)), 2),
    "a batch that the groups can not share": lambda: gs.solve(
        NOISY.bind(jnp.ones(3)), gs.conopt(0.1, 1.0, groups=2), (1.0, 1.0), 3
    ),
    "clipping before a solver that looks at the game again": lambda: gs.solve(
        XY, optax.chain(optax.clip(1.0), gs.extragradient(0.1)), (1.0, 1.0), 3
    ),
    "MultiSteps around alternating players": lambda: gs.solve(XY, optax.MultiSteps(gs.altgd(0.1), 2), (1.0, 1.0), 3),
    "a line search for all players at once": lambda: gs.solve(XY, optax.lbfgs(), (1.0, 1.0), 3),
    "a transformation that takes no extra arguments in a chain": lambda: gs.step(
        XY, optax.chain(optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.1))), (1.0, 1.0)
    ),
    "optax's lookahead": lambda: gs.solve(XY, optax.lookahead(optax.sgd(0.1), 2, 0.5), (1.0, 1.0), 3),
    "moves of another shape": lambda: gs.step(XY, optax.stateless(lambda u, _: (jnp.ones(2), u[1])), (1.0, 1.0)),
    "a state that grows": lambda: gs.solve(
        XY, optax.chain(optax.sgd(0.1), optax.monitor({"norm": optax.tree.norm})), (1.0, 1.0), 3
    ),
    "a batch that the micro-batches can not share": lambda: gs.solve(
        NOISY.bind(jnp.ones(3)), gs.accumulate(gs.cgd(0.1), k=2), (1.0, 1.0), 3
    ),
    "groups without data": lambda: gs.solve(XY, gs.conopt(0.1, 1.0, groups=2), (1.0, 1.0), 3),
    "a Jacobian that is too large": lambda: gs.analysis.jacobian(
        gs.zero_sum(lambda x, y: jnp.sum(x * y)), (jnp.ones(100_000), jnp.ones(100_000))
    ),
    "a comparison that is too large": lambda: compare.prepare("curl", gs.games.curl(), compare.Settings(seeds=10**9)),
    "checkpoints of a run with other settings": lambda: resumed(chunk=5),
    "checkpoints of a run that recorded less": lambda: resumed(record=lambda z, _: z[0]),
    "checkpoints of another game": lambda: resumed(game=gs.zero_sum(lambda x, y: 2 * x * y)),
    "a folder that another run is using": shared,
    "no checkpoint that is whole": lambda: resumed(damage=lambda content: content[:-1]),
    "fewer steps than were taken already": lambda: resumed(num_steps=10),
    "checkpoints where a file is": lambda: run(3, checkpoint=__file__),
    "checkpoints in no folder": lambda: run(3, checkpoint=True),
    "a callback alone": lambda: run(3, callbacks=print),
    "a callback that returns a number": lambda: run(3, callbacks=[lambda chunk: 5]),
    "a stop at a metric that is not recorded": lambda: run(
        3, record=lambda z, _: {"x": z[0]}, callbacks=[gs.stopping.not_finite("loss")]
    ),
    "a callback that does not take the chunk": lambda: run(3, callbacks=[lambda: None]),
    "a log over another file": lambda: logged(__file__),
    "a log of other columns": other_columns,
    "a recorded entry named step": lambda: logged("unused", record=lambda z, _: {"step": z[0]}),
    "two recorded entries of one name": lambda: logged("unused", record=lambda z, _: {"a": {"b": z[0]}, "a/b": z[1]}),
    "a tree that holds more than arrays": lambda: checkpoint.save("unused", 1, {"name": "x"}),
    "no number of checkpoints": lambda: run(3, checkpoint="unused", keep=0),
    "an axis without values": lambda: gs.sweep(lambda rate: rate, {"rate": []}),
    "no axis": lambda: gs.sweep(lambda: 0.0, {}),
    "an axis of words": lambda: gs.sweep(lambda rate: rate, {"rate": ["a"]}),
    "an axis of numbers that are too large": lambda: gs.sweep(lambda seed: seed, {"seed": [1, 2**40]}),
    "an axis of floats that are too large": lambda: gs.sweep(lambda rate: rate, {"rate": [1.0, 1e39]}),
    "an axis that the function does not take": lambda: gs.sweep(lambda learning_rate: 0.0, {"learning_rat": [1.0]}),
    "keys that are numbers": lambda: gs.sweep(lambda key: 0.0, {}, keys=jnp.arange(3)),
    "groups of no lanes": lambda: gs.sweep(lambda rate: rate, {"rate": [1.0]}, lanes_at_once=0),
    "devices that are no mesh": lambda: gs.sweep(lambda rate: rate, {"rate": [1.0]}, mesh=8),
    "lane costs that are not finite": lambda: gs.sweep(
        lambda rate: rate, {"rate": [1.0]}, order_by=lambda point: point["rate"] / 0
    ),
    "an axis that a table does not have": lambda: gs.sweep(lambda rate: rate, {"rate": [1.0]}).select(gamma=1.0),
    "a value that an axis does not have": lambda: gs.sweep(lambda seed: seed, {"seed": [1, 2]}).select(seed=3),
    "a batch that the devices can not share": lambda: distributed.shard(np.float32(1.0), distributed.devices()),
    "a payoff with another gradient than its value": lambda: gs.solve(
        gs.general_sum(stopped, stopped), gs.lola(0.1, 0.1), (1.0, 1.0), 3
    ),
    "a payoff that can not be differentiated twice": lambda: gs.analysis.jacobian(
        gs.zero_sum(lambda x, y: on_host(x) * y), (1.0, 1.0)
    ),
    "a solver where its maker is wanted": lambda: gs.analysis.critical_step(XY, GD, (0.0, 0.0)),
    "a rate at a root of zero": lambda: gs.analysis.rate(XY, optax.adam(0.1), (0.0, 0.0)),
    "a noise floor of steps that keep changing": lambda: floor(solver=gs.halpern(0.1)),
    "a noise floor of a solver that does not contract": floor,
    "a noise floor where the variance diverges": lambda: floor(
        game=gs.from_losses(lambda x, e: (1 + 3 * e) * x**2 / 2 + e * x), solver=gs.simgd(0.5), players=(0.0,)
    ),
    "a noise floor of draws in epochs": lambda: floor(sample=sampling.epochs(jnp.ones(4), 1)),
    "a solver that certificates do not cover": lambda: gs.analysis.certify(gs.proximal(0.1), mu=0.1, L=1.0),
    "a rate that is too small": lambda: gs.analysis.certify(GD, mu=0.1, L=1.0, rate=0.5),
    "a class without games": lambda: gs.analysis.certify(GD, mu=2.0, L=1.0),
    "a curve without a name": lambda: gs.plots.convergence(np.ones(3)),
    "a solution where curves are wanted": lambda: gs.plots.phase_portrait(solve(3)),
    "a game where its slice is wanted": lambda: gs.plots.vector_field(XY),
    "a map of several rates": lambda: gs.plots.rate_map(
        gs.sweep(lambda a, b: {"mean": a, "worst": b}, {"a": [1.0, 2.0], "b": [1.0, 2.0]})
    ),
    "an extra that is not installed": lambda: loggers.tensorboard("unused"),
}


@pytest.mark.parametrize("mistake", CASES)
def test_the_mistake_gets_its_sentence(mistake, monkeypatch):
    if mistake == "an extra that is not installed":
        monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda self, name: None)  # as from an index
    sentence = ".*".join(map(re.escape, ROWS[mistake].split("…")))
    with pytest.raises((ValueError, TypeError, ImportError)) as caught:
        CASES[mistake]()
    assert type(caught.value).__name__ == KINDS[mistake]
    assert re.fullmatch(sentence, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_page_lists_these_mistakes():
    assert sorted(re.findall(r"^\| ([^|`]+) \| `\w+` \|", PAGE, re.MULTILINE)) == sorted(CASES)


def test_a_start_that_is_not_finite_is_said_by_the_status():
    for options in ({}, {"tol": 1e-3}):
        assert gs.solve(XY, GD, (jnp.nan, 1.0), 3, **options).status == gs.Status.DIVERGED
