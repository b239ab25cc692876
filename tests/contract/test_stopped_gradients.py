"""Products that a payoff does not support: every solver on games written with stop_gradient or with derivative rules.

Each game is written twice, plainly and with rules, so that both have the same field. A step is then the same, or it is
refused in a sentence that names the rule.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import products, registry
from gamesolve.game.derivatives import Rules

stop = jax.lax.stop_gradient
COUPLING = np.array([[0.7, -0.3], [0.2, 0.5]])
START = (np.array([0.4, -0.3]), np.array([0.2, 0.6]))
LEADING = ["lola", "sos", "hola", "unrolled_lola", "meta_mapg", "pola", "stackelberg", "follow_the_ridge"]
# These look at J: all others take steps from fields alone.
CURVED = [
    name
    for name, entry in registry.SOLVERS.items()
    if entry.cost.jvps or entry.cost.vjps or entry.cost.jvps_per_iteration or entry.cost.vjps_per_iteration
]
RULES = "stop_gradient|custom_vjp|custom_jvp"


@jax.custom_vjp
def reverse(x):
    return x


reverse.defvjp(lambda x: (x, None), lambda _, slope: (-slope,))


@jax.custom_jvp
def reverse_forward(x):
    return x


reverse_forward.defjvp(lambda primals, tangents: (primals[0], -tangents[0]))


@jax.custom_vjp
def softplus(x):
    return jnp.log1p(jnp.exp(x))


softplus.defvjp(lambda x: (softplus(x), x), lambda x, slope: (slope * jax.nn.sigmoid(x),))


def f(x, y):
    return jnp.sin(x) @ COUPLING @ y - 0.6 * x @ x + 0.1 * jnp.sum(x**2 * y)


def g(x, y):
    return x @ COUPLING.T @ jnp.tanh(y) - 0.5 * y @ y - 0.1 * jnp.sum(x * y**3)


def stopped_apart(x, y):
    return f(x, stop(y)) + g(stop(x), y)


def inside(x, y):
    """Stop gradients inside jit, scan, cond, vmap and checkpoint."""
    alike = jax.jit(lambda entry: jax.lax.scan(lambda c, _: (c, stop(c)), entry, length=2)[1][-1])
    chosen = lambda entry: jax.lax.cond(entry[0] > 9, lambda e: 0 * e, jax.vmap(stop), entry)
    return f(x, alike(y)) + jax.checkpoint(g)(chosen(x), y)


def normalised(x, y):
    return jax.nn.logsumexp(x * y) + jnp.sum(jax.nn.log_softmax(x) * y) - jnp.sum(x**2 - jax.nn.softmax(y) * x)


def normalised_plainly(x, y):
    log_sum = lambda z: jnp.log(jnp.sum(jnp.exp(z)))
    return log_sum(x * y) + jnp.sum((x - log_sum(x)) * y) - jnp.sum(x**2 - jnp.exp(y - log_sum(y)) * x)


PLAIN = gs.general_sum(f, g)
COMPETITION = gs.general_sum(lambda x, y: -f(x, y), f)
# The game with rules, the plain one, and for each player whether its payoff has the gradient of its value.
FORMS = {
    "one loss, stopped twice": (gs.general_sum(stopped_apart, stopped_apart), PLAIN, (False, False)),
    "the other player stopped": (
        gs.general_sum(lambda x, y: f(x, stop(y)), lambda x, y: g(jax.tree.map(stop, x), y)),
        PLAIN,
        (True, True),
    ),
    "stopped in control flow": (gs.general_sum(inside, inside), PLAIN, (False, False)),
    "a baseline that is stopped": (gs.general_sum(lambda x, y: f(x, y) + stop(g(x, y)), g), PLAIN, (False, True)),
    "a reversal layer": (gs.general_sum(*2 * (lambda x, y: f(reverse(x), y),)), COMPETITION, (False, False)),
    "a custom_jvp that reverses": (
        gs.general_sum(*2 * (lambda x, y: f(reverse_forward(x), y),)),
        COMPETITION,
        (False, False),
    ),
    "a right custom_vjp": (
        gs.zero_sum(lambda x, y: jnp.sum(softplus(x * y)) + f(x, y)),
        gs.zero_sum(lambda x, y: jnp.sum(jax.nn.softplus(x * y)) + f(x, y)),
        (True, True),
    ),
    "normalisers of jax": (gs.general_sum(normalised, g), gs.general_sum(normalised_plainly, g), (True, True)),
}
# Solvers whose steps are checked on every run of the suite, and the forms on which they are.
FAST = [("one loss, stopped twice", name) for name in CURVED if name in (*registry.CORE, "lola", "newton", "lss")]
FAST += [("the other player stopped", name) for name in LEADING] + [("a right custom_vjp", "cgd")]
ALL = [(form, name) for form in FORMS for name in registry.SOLVERS if (form, name) not in FAST]


def same(first, second):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-6), first, second)


def same_steps(form, name):
    written, plain, of_value = FORMS[form]
    solver = registry.SOLVERS[name].build(0.1)
    players = jax.tree.map(jnp.asarray, START)

    def steps(game, players):
        state = None
        for _ in range(2):
            players, state = gs.step(game, solver, players, state)
        return players

    expected = jax.jit(functools.partial(steps, plain))(players)
    if name in LEADING and not all(of_value):
        with pytest.raises(ValueError, match=RULES):
            jax.jit(functools.partial(steps, written))(players)
    else:
        reached = jax.jit(functools.partial(steps, written))(players)
        same(reached, expected)


@pytest.mark.parametrize(("form", "name"), FAST)
def test_a_step_is_that_of_the_plain_game_or_refused(form, name, x64):
    same_steps(form, name)


@pytest.mark.full
@pytest.mark.parametrize(("form", "name"), ALL)
def test_a_step_of_every_solver_on_every_form(form, name, x64):
    same_steps(form, name)


def test_the_solvers_that_look_at_payoffs_are_those_that_the_tests_refuse():
    assert set(LEADING) <= set(CURVED)


@pytest.mark.full
@pytest.mark.parametrize("form", FORMS)
def test_products_are_those_of_the_plain_game(form, x64):
    written, plain, of_value = FORMS[form]
    players = jax.tree.map(jnp.asarray, START)
    along = (jnp.array([0.3, -1.0]), jnp.array([0.7, 0.2]))
    assert tuple(written.rules(players, i).of_value for i in range(2)) == of_value

    @jax.jit
    def all_products(game):
        maps = (products.forward, products.transposed, products.off_diagonal, products.off_diagonal_transposed)
        own = [products.curvature(game, players, i)(along[i]) for i in range(2)]
        return [product(game, players)(along) for product in maps], own, game.field(players)

    same(all_products(written), all_products(plain))


@pytest.mark.parametrize("form", ["one loss, stopped twice", "a right custom_vjp"])
def test_analysis_is_that_of_the_plain_game(form, x64):
    written, plain, _ = FORMS[form]
    players = jax.tree.map(jnp.asarray, START)
    look = jax.jit(
        lambda game: (
            gs.analysis.jacobian(game, players),
            gs.solve(game, gs.extragradient(0.1), players, 3).players,
            jax.jacfwd(lambda z: gs.solve(game, gs.cgd(0.1), z, 1).players)(players),
        )
    )
    same(look(written), look(plain))


@pytest.mark.parametrize(
    "look",
    [
        lambda game, z: gs.analysis.classify(game, z),
        lambda game, z: gs.analysis.hessian_spectra(game, z),
        lambda game, z: gs.analysis.stackelberg_spectrum(game, z),
        lambda game, z: gs.analysis.exploitability(game, gs.simgd(0.1), z, 3),
    ],
    ids=["classify", "hessian_spectra", "stackelberg_spectrum", "exploitability"],
)
def test_what_looks_at_payoffs_refuses_gradients_of_other_values(look):
    loss = lambda x, y: x * stop(y) - stop(x) * y
    with pytest.raises(ValueError, match=RULES):
        look(gs.from_losses(loss, loss), (0.5, 0.5))


def test_rules_of_jax_cost_nothing():
    players = tuple(map(jnp.asarray, START))
    usual = lambda x, y: normalised(x, y) + jnp.sum(jax.nn.relu(x) * jax.nn.softplus(y) + jax.nn.silu(x) * jnp.sinc(y))
    batched = lambda x, y: jnp.sum(jax.vmap(lambda a: jax.jit(normalised)(a * x, y))(jnp.arange(3.0)))
    for payoff in (usual, batched):
        assert gs.zero_sum(payoff).rules(players, 0) == Rules()


def test_an_accurate_custom_jvp_keeps_its_rule():
    @jax.custom_jvp
    def norm(x):
        return jnp.sqrt(jnp.sum(x**2))

    @norm.defjvp
    def rule(primals, tangents):
        ((x,), (t,)), size = (primals, tangents), norm(primals[0])
        return size, jnp.where(size > 0, x @ t / jnp.where(size > 0, size, 1), 0)

    game = gs.zero_sum(lambda x, y: norm(x) * jnp.sum(y))
    assert game.rules((jnp.ones(2), jnp.ones(2)), 0) == Rules()
    game = gs.zero_sum(lambda x, y: jnp.sum(reverse_forward(x) * y))
    assert game.rules((jnp.ones(2), jnp.ones(2)), 0) == Rules(("custom_jvp",), of_value=False)


def test_code_that_can_not_be_differentiated_is_refused_for_products_only():
    def host(x):
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="sequential")

    called = jax.custom_vjp(host)
    called.defvjp(lambda x: (host(x), x), lambda x, slope: (slope * jnp.cos(x),))
    game = gs.zero_sum(lambda x, y: called(x) * y)
    reached = gs.solve(game, gs.simgd(0.1), (0.5, 0.5), 1).players
    np.testing.assert_allclose(reached, (0.5 - 0.05 * np.cos(0.5), 0.5 + 0.1 * np.sin(0.5)), rtol=1e-6)
    for look in (
        lambda: gs.solve(game, gs.conopt(0.1, 1.0), (0.5, 0.5), 1),
        lambda: gs.solve(game, gs.cgd(0.1), (0.5, 0.5), 1),
        lambda: gs.analysis.jacobian(game, (0.5, 0.5)),
        lambda: gs.analysis.rate(game, gs.simgd(0.1), (0.5, 0.5)),
    ):
        with pytest.raises(ValueError, match="custom_vjp"):
            look()


def test_games_over_traced_arrays_and_data():
    """A payoff that closes over a traced array, constants, data and vmap all see the right derivatives."""
    loss = lambda x, y, a, batch: jnp.mean(batch) * a * (x * stop(y) - stop(x) * y)

    def corner(a):
        game = gs.from_losses(loss, loss, constants=(a,)).bind(jnp.array([1.0, 3.0]))
        closed = gs.from_losses(*2 * (lambda x, y: a * (x * stop(y) - stop(x) * y),))
        return gs.analysis.jacobian(game, (1.0, 1.0)), gs.analysis.jacobian(closed, (1.0, 1.0))

    with_data, closed = jax.vmap(corner)(jnp.array([1.0, 2.0]))
    right = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(with_data, [2 * right, 4 * right])
    np.testing.assert_allclose(closed, [right, 2 * right])


def test_estimates_over_groups_of_a_batch():
    batch = jnp.arange(1.0, 5.0)
    loss = lambda x, y, b: jnp.mean(b) * (x * stop(y) - stop(x) * y)
    plain = gs.zero_sum(lambda x, y, b: jnp.mean(b) * x * y).bind(batch)
    written = gs.from_losses(loss, loss).bind(batch)
    ends = [gs.solve(game, gs.conopt(0.1, 1.0, groups=2), (1.0, 0.5), 1).players for game in (written, plain)]
    np.testing.assert_allclose(*ends, rtol=1e-6)
