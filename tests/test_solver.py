import copy
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.solver import as_solver

XY = gs.zero_sum(lambda x, y: x * y)
START = (jnp.float32(1.0), jnp.float32(2.0))


@gs.parametric
def annotated(
    rate,
    weights: tuple[float, float] = (1.0, 2.0),
    count: int = 3,
    flag: bool = False,
    name: str | None = None,
    order: tuple[int, ...] = (0, 1),
    hook: Callable[[float], float] | None = None,
    maybe: float | None = None,
    mixed: int | float = 1,
):
    return optax.sgd(rate)


def reached(solver, steps=5):
    return gs.solve(XY, solver, START, steps).players


def test_annotations_split_leaves_from_the_rest():
    solver = annotated(1, weights=(3, 4.0), count=7, flag=True, name="a", order=[1, 0], hook=abs)
    assert jax.tree.leaves(solver) == [1.0, 3.0, 4.0, 1.0]
    assert all(isinstance(leaf, float) for leaf in jax.tree.leaves(solver))
    arguments = solver.arguments
    assert [arguments[name] for name in ("count", "flag", "name", "order", "hook")] == [7, True, "a", (1, 0), abs]
    assert jax.tree.leaves(annotated(1.0, maybe=2)) == [1.0, 1.0, 2.0, 2.0, 1.0]
    hash(jax.tree.structure(solver))
    assert jax.tree.structure(solver) != jax.tree.structure(annotated(1.0, count=8))
    assert jax.tree.structure(annotated(1.0)) == jax.tree.structure(annotated(2.0))


def test_repr_shows_the_call():
    assert repr(gs.conopt(0.1, gamma=1)) == "conopt(learning_rate=0.1, gamma=1.0)"
    assert repr(gs.altgd((0.1, 1), order=[1, 0])) == "altgd(learning_rate=(0.1, 1.0), order=(1, 0))"
    assert repr(jax.tree.map(lambda _: None, gs.simgd(0.1))).startswith("simgd(")


def test_solvers_are_optax_transformations():
    solver = gs.simgd(0.1)
    assert isinstance(solver, optax.GradientTransformationExtraArgs)
    assert isinstance(solver, gs.Solver)
    init, update = solver
    moves, _ = update((-1.0, 2.0), init(START), START, unknown=3)
    chex.assert_trees_all_close(moves, (0.1, -0.2))
    assert gs.simgd.__name__ == "simgd"
    assert "simultaneous" in gs.simgd.__doc__


def test_tree_map_makes_solvers():
    solver = gs.per_player(gs.simgd(0.1), gs.simgd(0.2))
    doubled = jax.tree.map(lambda leaf: 2 * leaf, solver)
    assert jax.tree.leaves(doubled) == [0.2, 0.4]
    chex.assert_trees_all_close(reached(doubled), reached(gs.simgd((0.2, 0.4))))
    assert repr(doubled) == "per_player(transformations=(simgd(learning_rate=0.2), simgd(learning_rate=0.4)))"


@pytest.mark.parametrize("odd", [None, object(), np.zeros(3, bool), "text", jnp.zeros((4, 2))])
def test_odd_leaves_pass_through(odd):
    for solver in (gs.conopt(0.1, 1.0), gs.acgd((0.1, 0.2)), gs.alternating(gs.simgd(0.1), gs.simgd(0.2))):
        leaves, treedef = jax.tree.flatten(solver)
        rebuilt = jax.tree.unflatten(treedef, [odd] * len(leaves))
        assert isinstance(rebuilt, gs.Solver)
        assert all(leaf is odd for leaf in rebuilt.leaves) or isinstance(rebuilt.leaves[0], gs.Solver)
        assert jax.tree.structure(jax.tree.map(lambda _: 1.0, solver)) == treedef


def test_eval_shape_of_a_solver():
    shapes = jax.eval_shape(lambda rate: gs.conopt(rate, 1.0), jax.ShapeDtypeStruct((), jnp.float32))
    assert shapes.arguments["learning_rate"] == jax.ShapeDtypeStruct((), jnp.float32)


def test_vmap_over_stacked_solvers():
    solvers = [gs.extragradient(rate, (rate, 2 * rate)) for rate in (0.1, 0.2, 0.3)]
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *solvers)
    together = jax.vmap(reached)(stack)
    for row, solver in enumerate(solvers):
        chex.assert_trees_all_close(jax.tree.map(lambda leaf, row=row: leaf[row], together), reached(solver))


def test_grad_of_a_solver_is_a_solver(x64):
    start = (jnp.ones(()), jnp.ones(()))
    loss = lambda solver: optax.tree.norm(gs.solve(XY, solver, start, 5).players)
    solver = gs.conopt((0.1, 0.2), gamma=0.5)
    gradient = jax.grad(loss)(solver)
    assert isinstance(gradient, gs.Solver)
    leaves, treedef = jax.tree.flatten(solver)
    for place, slope in enumerate(jax.tree.leaves(gradient)):
        moved = [
            loss(jax.tree.unflatten(treedef, [leaf + h * (i == place) for i, leaf in enumerate(leaves)]))
            for h in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(slope, (moved[0] - moved[1]) / 2e-6, rtol=1e-6)


def test_schedules_are_static():
    schedule = optax.linear_schedule(0.1, 0.0, 10)
    solver = gs.simgd((schedule, 0.2))
    assert jax.tree.leaves(solver) == [0.2]
    assert solver.arguments["learning_rate"] == (schedule, 0.2)
    assert jax.tree.structure(gs.simgd(schedule)) == jax.tree.structure(gs.simgd(schedule))


def test_python_numbers_stay_python_numbers():
    assert [type(leaf) for leaf in jax.tree.leaves(gs.acgd(1))] == [float] * 3
    assert type(jax.tree.leaves(gs.simgd(jnp.ones(())))[0]) is not float
    assert jax.tree.leaves(gs.simgd(0.1, momentum=0.5 + 0.5j)) == [0.1, 0.5 + 0.5j]


def test_compositions_of_the_user():
    @gs.parametric
    def regularised(learning_rate, gamma, decay=0.0):
        parts = gs.transforms.consensus(gamma), optax.add_decayed_weights(decay), gs.transforms.descend(learning_rate)
        return optax.chain(*parts)

    chex.assert_trees_all_close(reached(regularised(0.1, 0.5)), reached(gs.conopt(0.1, 0.5)))
    runs = jax.vmap(lambda decay: reached(regularised(0.1, 0.5, decay)))(jnp.array([0.0, 1.0]))
    chex.assert_trees_all_close([leaf[0] for leaf in runs], list(reached(gs.conopt(0.1, 0.5))), rtol=1e-6)
    chex.assert_trees_all_close([leaf[1] for leaf in runs], list(reached(regularised(0.1, 0.5, 1))), rtol=1e-6)


def test_keyword_and_variable_arguments():
    @gs.parametric
    def several(*rates, scale, **more):
        return optax.sgd(sum(rates) * scale * more["extra"])

    solver = several(0.1, 0.2, scale=2, extra=3.0)
    assert sorted(jax.tree.leaves(solver)) == [0.1, 0.2, 2.0, 3.0]
    chex.assert_trees_all_close(reached(solver), reached(optax.sgd(1.8)), rtol=1e-5)
    chex.assert_trees_all_close(reached(jax.tree.map(jnp.asarray, solver)), reached(optax.sgd(1.8)), rtol=1e-5)


def test_unhashable_static_arguments():
    with pytest.raises(TypeError, match=r"order of annotated must be hashable, got dict\. Give"):
        annotated(0.1, order={})
    with pytest.raises(TypeError, match="count of annotated must be an integer, got"):
        annotated(0.1, count=np.ones(2))


def test_unresolved_annotations():
    def broken(rate: "Missing"):  # noqa: F821
        return optax.sgd(rate)

    def missing_attribute(rate: "np.Missing"):
        return optax.sgd(rate)

    for factory in (broken, missing_attribute):
        with pytest.raises(TypeError, match=f"annotations of {factory.__name__} must be resolvable"):
            gs.parametric(factory)


def test_wrong_arguments_are_reported_at_the_call():
    with pytest.raises(TypeError, match="the arguments of conopt must include gamma, got no value"):
        gs.conopt(0.1)
    with pytest.raises(TypeError, match="the arguments of simgd must be among learning_rate, momentum, got lr"):
        gs.simgd(0.1, lr=0.1)
    with pytest.raises(ValueError, match=r"learning_rate must be finite and not negative, got -0\.1"):
        gs.simgd(-0.1)


@pytest.mark.parametrize("solver", [gs.simgd(0.1), gs.alternating(gs.simgd(0.1), optax.sgd(0.2)), gs.cgd((0.1, 0.2))])
def test_solvers_can_be_copied(solver):
    expected = reached(solver)
    for duplicate in (copy.copy(solver), copy.deepcopy(solver)):
        assert isinstance(duplicate, gs.Solver)
        chex.assert_trees_all_equal(reached(duplicate), expected)


def test_plain_transformations_are_static_solvers():
    adam = optax.adam(1e-2)
    assert jax.tree.leaves(as_solver(adam)) == []
    assert as_solver(gs.simgd(0.1)).factory.__name__ == "simgd"
    expected, state = START, adam.init(START)
    for _ in range(5):
        u = jax.tree.map(jnp.negative, XY.field(expected))
        moves, state = adam.update(u, state)
        expected = optax.apply_updates(expected, moves)
    chex.assert_trees_all_close(reached(adam), expected, rtol=1e-6)


@pytest.mark.parametrize("wrong", [None, 0.1, "simgd", gs.simgd, (lambda params: (), lambda *args: args)])
def test_what_is_no_transformation(wrong):
    for call in (lambda: gs.solve(XY, wrong, START, 1), lambda: gs.step(XY, wrong, START)):
        with pytest.raises(TypeError, match="solver must be a gamesolve solver or an optax transformation"):
            call()


SOLVERS = {
    "simgd": gs.simgd(0.1, 0.5),
    "altgd": gs.altgd(0.1),
    "conopt": gs.conopt(0.1, 1.0),
    "cgd": gs.cgd(0.1),
    "acgd": gs.acgd(0.1),
    "extragradient": gs.extragradient(0.1),
    "ogda": gs.ogda(0.1),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_optax_wrappers_leave_a_solver_as_it_is(name):
    solver = SOLVERS[name]
    expected = reached(solver)
    wrappers = {
        "chain": optax.chain(solver, optax.identity()),
        "named_chain": optax.named_chain(("solver", solver)),
        "masked": optax.masked(solver, (True, True)),
        "partition": optax.partition({"all": solver}, ("all", "all")),
        "apply_if_finite": optax.apply_if_finite(solver, 3),
    }
    for wrapper, wrapped in wrappers.items():
        chex.assert_trees_all_close(reached(wrapped), expected, rtol=1e-6, custom_message=wrapper)


@pytest.mark.parametrize("name", ["simgd", "ogda"])
def test_multisteps_waits_for_its_turn(name):
    """Two accumulated steps on the same players are one step of the solver."""
    solver = SOLVERS[name]
    wrapped = optax.MultiSteps(solver, 2)
    for accumulated in (wrapped.gradient_transformation(), wrapped):
        one = gs.solve(XY, accumulated, START, 1).players
        chex.assert_trees_all_equal(one, START)
        chex.assert_trees_all_close(reached(accumulated, 6), reached(solver, 3), rtol=1e-5)


@pytest.mark.parametrize(
    "make", [gs.simgd, gs.altgd, lambda learning_rate: gs.conopt(learning_rate, 1.0), gs.cgd, gs.acgd, gs.ogda]
)
def test_injected_hyperparameters(make):
    schedule = optax.linear_schedule(0.3, 0.1, 4)
    for rate in (0.1, (0.1, 0.2)):
        injected = optax.inject_hyperparams(make)(learning_rate=rate)
        chex.assert_trees_all_close(reached(injected), reached(make(learning_rate=rate)), rtol=1e-6)
    injected = optax.inject_hyperparams(make)(learning_rate=schedule)
    solution = gs.solve(XY, injected, START, 3)
    assert float(solution.state.hyperparams["learning_rate"]) == pytest.approx(0.2)
    players, state = START, make(0.3).init(START)
    for t in range(3):
        players, state = jax.jit(gs.step)(XY, make(float(schedule(t))), players, state)
    chex.assert_trees_all_close(solution.players, players, rtol=1e-5)


def test_players_by_label():
    mixed = optax.partition({"x": gs.simgd(0.1), "y": optax.adam(0.1)}, ("x", "y"))
    chex.assert_trees_all_close(reached(mixed), reached(gs.per_player(gs.simgd(0.1), optax.adam(0.1))))
    frozen = optax.chain(gs.conopt(0.1, 1.0), optax.masked(optax.set_to_zero(), (True, False)))
    assert reached(frozen)[0] == START[0]
    assert reached(frozen)[1] != START[1]


def test_any_optimiser_is_an_argument_of_a_compiled_step():
    """A wrapped optimiser is static: the same one, wrapped again, does not compile the step again."""
    step = jax.jit(gs.step)
    chain = optax.chain(gs.transforms.consensus(10.0), optax.rmsprop(1e-4))
    for optimiser in (chain, optax.adam(0.1), optax.scale(-0.1), optax.MultiSteps(optax.sgd(0.1), 2)):
        solver, again = gs.as_solver(optimiser), gs.as_solver(optimiser)
        assert jax.tree.structure(solver) == jax.tree.structure(again)
        chex.assert_trees_all_close(step(XY, solver, START), gs.step(XY, optimiser, START), rtol=1e-6)


def test_a_factory_that_computes_with_traced_numbers_leaks_nothing_when_a_run_goes_on():
    @gs.parametric
    def adam(learning_rate):
        return optax.adam(learning_rate)  # multiplies the rate by -1 at once

    game = gs.zero_sum(lambda x, y: x * y)

    def end(rate):
        solver = adam(rate)
        begun = gs.solve(game, solver, (1.0, 1.0), 3)
        return gs.solve(game, solver, begun.players, 3, state=begun.state).players[0]

    ends = jax.jit(jax.vmap(end))(jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(
        ends, [gs.solve(game, adam(rate), (1.0, 1.0), 6).players[0] for rate in (0.1, 0.2)], rtol=1e-5
    )
