"""Certificates of points against definitions: stable, Nash, Stackelberg, degenerate, spurious."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

ORIGIN = (0.0, 0.0)


def monomials(x, y):
    return {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y, "xxy": x * x * y, "xxxx": x**4}


def first_payoff(x, y, *factors):
    return sum(factors[0][name] * value for name, value in monomials(x, y).items())


def second_payoff(x, y, *factors):
    return sum(factors[1][name] * value for name, value in monomials(x, y).items())


def polynomial(first, second=None):
    """Make a game of two numbers from its payoffs by monomial, zero-sum without the second; one program for all."""
    second = {name: -factor for name, factor in first.items()} if second is None else second
    constants = tuple({name: float(payoff.get(name, 0)) for name in monomials(0, 0)} for payoff in (first, second))
    return gs.general_sum(first_payoff, second_payoff, constants=constants)


def saddle(scale):
    return polynomial({"xx": -scale, "yy": scale})


def test_the_four_zeros_of_the_cosine_game_by_their_kind():
    game = gs.games.cosine()
    points = tuple(map(jnp.stack, zip(*game.equilibria, strict=True)))
    together = jax.vmap(lambda *players: gs.analysis.classify(game, players))(*points)
    kinds = [jax.tree.map(lambda leaf, i=i: leaf[i], together).kind for i in range(4)]
    assert kinds == ["centre, not Nash"] * 2 + ["saddle, not Nash"] * 2
    np.testing.assert_allclose(together.margins.stable, [0, 0, -1, -1], atol=1e-12)


@pytest.mark.parametrize(
    ("kappa", "nash", "eigenvalue", "threshold"),
    [(0.5, False, -0.5 + 1.167208j, 0.7961), (1.0, True, -1 + 1.324781j, 0.6715)],
)
def test_the_bump_gan_has_a_stable_focus_that_need_not_be_nash(kappa, nash, eigenvalue, threshold):
    plane = lambda weight: gs.games.gan.bias_plane(gs.games.gan.Bump(kappa), (1.0, weight)).game
    certificate = gs.analysis.classify(plane(1.0), ORIGIN)
    assert certificate.kind == ("stable, Nash" if nash else "stable, not Nash")
    np.testing.assert_allclose(certificate.eigenvalues, [eigenvalue, np.conj(eigenvalue)], atol=1e-6)
    assert gs.analysis.classify(plane(threshold + 1e-3), ORIGIN).stable
    assert not gs.analysis.classify(plane(threshold - 1e-3), ORIGIN).stable


def test_g3_where_consensus_ends_is_no_equilibrium_of_the_right_kind():
    solver, start = gs.conopt(0.2, gamma=1.0), (0.5, 0.5)
    for scale, kind in ((1.0, "stable, Nash"), (-1.0, "unstable, not Nash")):
        end = gs.solve(saddle(scale), solver, start, 100).players
        assert float(jnp.hypot(*end)) < 1e-22
        assert gs.analysis.classify(saddle(scale), end).kind == kind
        found = gs.analysis.attraction(saddle(scale), solver, end)
        assert found.attracting
        assert bool(found.spurious) == (scale < 0)
        assert float(found.rate) == pytest.approx(0.6 if scale < 0 else 0.2)


def test_a_point_where_a_solver_only_passes_is_not_attracting():
    found = gs.analysis.attraction(saddle(1.0), gs.conopt(1e-4, gamma=1.0), (1e-3, 0.0))
    assert float(found.distance) == pytest.approx(1e-3)  # its own fixed point is the origin
    assert found.rate < 1
    assert not found.attracting


def test_players_at_unequal_rates_see_another_kind_of_point():
    game = polynomial({"xx": -1, "xy": -10, "yy": -1})
    assert gs.analysis.classify(game, ORIGIN).kind == "centre, not Nash"
    assert gs.analysis.classify(game, (0.1, 0.0)).kind == "no equilibrium"
    assert gs.analysis.classify(game, ORIGIN, rates=(0.09, 0.01)).stable
    assert not gs.analysis.classify(game, ORIGIN, rates=(0.01, 0.09)).stable
    with pytest.raises(ValueError, match="rates has 3 entries for 2 players"):
        gs.analysis.classify(game, ORIGIN, rates=(1.0, 1.0, 1.0))


def test_a_leader_needs_its_total_gradient_and_its_total_hessian():
    # The follower answers y = x^2: the leader's payoff along the answer is x^2 / 4 - x^2 / 2 + x / 2.
    game = polynomial({"y": 0.25, "xx": -0.5, "x": 0.5}, {"yy": -0.5, "xxy": 1, "xxxx": -0.5})
    lead = gs.analysis.classify(game, (1.0, 1.0))
    assert lead.stackelberg.tolist() == [True, False]
    assert not lead.is_equilibrium  # the leader's own gradient is -1/2
    assert lead.kind == "Stackelberg for leader 0"
    assert float(lead.margins.stackelberg[0]) == pytest.approx(0.5)  # from J alone it would be 1
    nash = gs.analysis.classify(game, (0.5, 0.25))
    assert nash.kind == "stable, Nash"
    assert not nash.stackelberg[0]
    assert float(nash.margins.total[0]) == pytest.approx(0.25)


def test_in_zero_sum_games_the_total_hessian_is_the_schur_complement():
    # x minimises -3 x^2 - y^2 + 4 x y: unstable for the flow, an equilibrium for x as the leader.
    certificate = gs.analysis.classify(polynomial({"xx": 3, "yy": 1, "xy": -4}), ORIGIN)
    assert certificate.kind == "unstable, not Nash"
    assert certificate.stackelberg.tolist() == [True, False]
    np.testing.assert_allclose(certificate.margins.stackelberg, [2, -6])


def test_a_set_of_equilibria_is_degenerate():
    common = {"xx": -1, "xy": -2, "yy": -1}
    certificate = gs.analysis.classify(polynomial(common, common), (1.0, -1.0))
    assert certificate.kind == "degenerate, Nash"
    assert not certificate.stable
    assert not certificate.stackelberg.any()


def test_three_players_of_odd_shapes():
    def pull(own, *others):
        return -jnp.sum(own**2) / 2 + 2 * jnp.sum(own) * sum(map(jnp.sum, others))

    game = gs.general_sum(
        lambda a, b, c: pull(a["w"][0], b, c[0]),
        lambda a, b, c: pull(b, a["w"][0]),
        lambda a, b, c: pull(c[0], b, -b / 2),
    )
    zero = ({"w": (jnp.zeros(2), None)}, 0.0, (jnp.zeros((1, 1)),))
    certificate = gs.analysis.classify(game, zero)
    assert certificate.kind == "saddle, Nash"  # no player gains by moving alone, but the flow leaves
    J = np.array([[-1, 0, 2, 2], [0, -1, 2, 2], [2, 2, -1, 0], [0, 0, 1, -1.0]])
    np.testing.assert_allclose(np.sort(certificate.eigenvalues), np.sort(np.linalg.eigvals(J)), atol=1e-12)
    R = np.vstack([np.eye(2), -np.linalg.solve(J[2:, 2:], J[2:, :2])])
    own = np.array([[-1, 0, 2, 2], [0, -1, 2, 2], [2, 2, 0, 0], [2, 2, 0, 0]])  # the Hessian of a's payoff
    assert float(certificate.margins.stackelberg[0]) == pytest.approx(-np.linalg.eigvalsh(R.T @ own @ R)[-1])


def test_what_is_too_large_points_to_another_way():
    wide = (jnp.zeros(20_000), jnp.zeros(1))
    with pytest.raises(ValueError, match=r"20001 x 20001 takes 3 GiB.* Use classify_large"):
        gs.analysis.classify(gs.zero_sum(lambda x, y: jnp.sum(x) * y[0]), wide)
