import dataclasses
import inspect

import jax
import pytest

import gamesolve as gs
from gamesolve import games, registry, solvers


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_solver_entries(name):
    entry = registry.SOLVERS[name]
    assert entry.name == name == entry.make.__name__
    assert entry.make is getattr(gs, name)
    assert name in getattr(solvers, entry.family).__all__
    first = next(iter(inspect.signature(entry.make).parameters))
    assert first == ("inner" if entry.inner else "learning_rate")
    solver = entry.build(0.25)
    assert isinstance(solver, gs.Solver)
    assert (solver.arguments["inner"] if entry.inner else solver).arguments["learning_rate"] == 0.25
    assert all(solver.arguments[key] == value for key, value in entry.arguments.items())
    assert entry.formula
    assert entry.paper[-4:].isdigit()
    assert entry.cost.fields >= 1
    assert all(value >= 0 for value in dataclasses.astuple(entry.cost))


SIZE = 300


def matrix_products(solver, game, size=SIZE):
    """Return the flops of a compiled step, counting the body of a loop once, in units of a product with a matrix."""
    state = solver.init(game.start)
    step = jax.jit(lambda players, state: gs.step(game, solver, players, state))
    return step.lower(game.start, state).compile().cost_analysis()["flops"] / (2 * size**2)


def bilinear():
    """Return a game on which a field, a product J t and a product J^T s each take one matrix product per player."""
    return games.bilinear(jax.random.normal(jax.random.key(0), (SIZE, SIZE)))


# Some steps of these take more fields or products, in a branch whose flops are counted as well.
IN_A_BRANCH = {
    "past_extragradient": 1,
    "halpern": 1,
    "anchored_optimism": 1,
    "svrg": 1,
    "svrg_extragradient": 1,
    "svrg_hamiltonian": 2,
    "guarded": 1,
    "restarted": 1,
}
IN_A_BRANCH |= {"anchored_optimism": 1}
# If cycles of GMRES stall, MINRES takes one more product each to begin, to iterate and to compute the residual.
WITH_CYCLES = ["proximal", "newton"]
IN_A_BRANCH |= {"proximal": 3, "newton": 4}  # another one balances Newton's map, if it is not solved densely
IN_A_BRANCH |= {"pola": -9 * 3.5}  # the body of its loop counts once, in place of ten times
# These solve with the follower's own curvature, which is zero in a bilinear game.
WITH_A_FOLLOWER = ["stackelberg", "follow_the_ridge"]
# These compute and factorise J itself.
WITH_A_MATRIX = ["lazy_extra_newton"]


@pytest.mark.parametrize("name", [name for name in registry.SOLVERS if name not in WITH_A_FOLLOWER + WITH_A_MATRIX])
def test_declared_costs_are_those_of_the_compiled_step(name):
    cost = registry.SOLVERS[name].cost
    declared = cost.fields + cost.jvps + cost.vjps
    declared += cost.jvps_per_iteration + cost.vjps_per_iteration + IN_A_BRANCH.get(name, 0)
    # The rest are sums of vectors, in cycles those of twenty more.
    used = matrix_products(registry.SOLVERS[name].build(0.1), bilinear()) / 2
    assert declared <= used < declared + (0.6 if name in WITH_CYCLES else 0.25)


@pytest.mark.parametrize("name", WITH_A_FOLLOWER)
def test_declared_costs_of_a_leader_are_those_of_the_compiled_step(name):
    """On ``x^T A x / 2 + x^T B y - y^T C y / 2`` a curvature takes two matrix products, and a block one."""
    curvature, block, cost = 2, 1, registry.SOLVERS[name].cost
    # Half a vjp is one block between the players; all others are the follower's curvature.
    curvatures = 2 * (cost.vjps - 0.5 + cost.vjps_per_iteration) + 3
    declared = cost.fields * 2 * (curvature + block) + block + curvatures * curvature
    size = 2 * SIZE  # too many for the dense solve that takes over if the iterations fail
    A, B, C = (jax.random.normal(key, (size, size)) for key in jax.random.split(jax.random.key(0), 3))
    used = matrix_products(registry.SOLVERS[name].build(0.1), games.quadratic(A, B, C), size)
    assert declared <= used < declared + 3  # the rest are sums of vectors, in cycles those of twenty and more


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_solvers_are_documented(name):
    doc = inspect.getdoc(registry.SOLVERS[name].make)
    for section in ("Args:", "Returns:", "Example:", "Reference:"):
        assert section in doc, section
    for parameter in inspect.signature(registry.SOLVERS[name].make).parameters:
        assert f"    {parameter}: " in doc, parameter


def test_every_named_solver_is_registered():
    assert set(registry.SOLVERS) == set(solvers.__all__)
    assert set(solvers.__all__) <= set(gs.__all__)
    for family in solvers.FAMILIES:
        entries = [member.entry for member in vars(family).values() if hasattr(member, "entry")]
        assert {entry.name for entry in entries if entry.family in family.__name__} == set(family.__all__)


@pytest.mark.parametrize("name", ["bilinear", "icr", "curl", "rotation", "cosine"])
def test_game_entries(name):
    entry = registry.GAMES[name]
    assert entry.name == name
    assert entry.summary
    game = entry.make()
    assert isinstance(game, gs.Game)
    assert len(game.start) == game.num_players
    assert all(len(equilibrium) == game.num_players for equilibrium in game.equilibria)


def test_the_catalogue_is_registered():
    """The payoffs tell which constructor of the catalogue is behind an entry."""
    assert set(games.__all__) <= set(dir(games))
    for name, make in {"icr": games.icr_quadratic, "curl": games.curl, "cosine": games.cosine}.items():
        assert registry.GAMES[name].make().payoffs == make().payoffs


def test_find():
    assert registry.find(registry.SOLVERS, "cgd", "solver") is registry.SOLVERS["cgd"]
    with pytest.raises(ValueError, match=r"there is no solver named 'cgdd'; did you mean (a)?cgd\?"):
        registry.find(registry.SOLVERS, "cgdd", "solver")
    with pytest.raises(ValueError, match=r"there is no game named 'rotations'; did you mean rotation\?"):
        registry.find(registry.GAMES, "rotations", "game")
    with pytest.raises(ValueError, match="there is no solver named 'zzz'; known: simgd, altgd"):
        registry.find(registry.SOLVERS, "zzz", "solver")
    with pytest.raises(ValueError, match="there is no game named ''; known: "):
        registry.find(registry.GAMES, "", "game")


def test_top_level_names():
    assert sorted(gs.__all__) == gs.__all__ or set(gs.__all__) <= set(dir(gs))
    assert all(hasattr(gs, name) for name in gs.__all__)
    assert gs.__version__.count(".") == 2
