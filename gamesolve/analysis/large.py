"""Certify a point of a large game from products with J alone: equilibrium, stability and the Nash property.

>>> import jax, gamesolve as gs
>>> game = gs.games.rotation(1000)                # zero-sum and bilinear: the flow turns, and no player has curvature
>>> gs.analysis.classify_large(game, game.equilibria[0], jax.random.key(0)).kind
'not refuted as stable, not refuted as Nash'
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import numpy as np

from gamesolve import products
from gamesolve.analysis.blocks import own_curvature
from gamesolve.analysis.instability import Leading, leading_pair
from gamesolve.analysis.operators import symmetric_operator
from gamesolve.analysis.point import as_point
from gamesolve.analysis.sets import natural_norm
from gamesolve.checks import Ending, check_key, check_limit, check_number, whole_number
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.linear.lanczos import Extremes, extremes
from gamesolve.trees import Key, Players, norm, traced
from gamesolve.trees.faces import named, shown


class Verdict(Ending):
    """The verdict on a property. It has no truth value: compare it, as in ``certificate.nash == Verdict.HOLDS``.

    REFUTED: it fails, because the field is not zero or a vector speaks against it. Against the Nash property that is a
    direction with a positive Rayleigh quotient, beyond its rounding. Against stability it is an eigenpair whose
    eigenvalue has a positive real part, beyond its error to first order, where second-order terms are small.
    NOT_REFUTED: nothing that counts against it was found, but it is not shown to hold. HOLDS: it holds, with the
    confidence of the certificate.
    """

    REFUTED = 0, "fails: the field is not zero, or a vector speaks against it"
    NOT_REFUTED = 1, "was not refuted, but is not shown to hold either"
    HOLDS = 2, "holds, with the confidence of the certificate"

    def __bool__(self) -> bool:
        raise TypeError(
            f"a Verdict must be compared, got {self.name} as a truth value. Write verdict == Verdict.HOLDS, or "
            "verdict != Verdict.REFUTED."
        )


@shown()
class Evidence(NamedTuple):
    """The numbers behind a `LargeCertificate`.

    Attributes:
        residual: Euclidean norm of the field.
        natural: norm of the natural residual ``z - P(z + v)``; without projections, that of the field.
        symmetric: both ends of the spectrum of S, the symmetric part of J.
        own: for each player, both ends of the spectrum of its own Hessian of its own payoff.
        leading: the `Leading` eigenpair of J; None if S already shows stability.
    """

    residual: float
    natural: float
    symmetric: Extremes
    own: tuple[Extremes, ...]
    leading: Leading | None


@shown("kind", stable=named(Verdict), nash=named(Verdict))
class LargeCertificate(NamedTuple):
    """The result of `classify_large` at a point.

    Attributes:
        is_equilibrium: whether the field is zero, to the tolerance. This is computed, not estimated.
        constrained: whether constraints hold a player: the natural residual is zero, and the field is not.
        stable: `Verdict` on whether the point is an equilibrium to which the flow returns.
        nash: `Verdict` on whether it is a differential Nash equilibrium.
        confidence: probability, over the random starts, with which all verdicts HOLDS are right.
        evidence: the numbers behind the verdicts.
    """

    is_equilibrium: bool
    constrained: bool
    stable: Verdict
    nash: Verdict
    confidence: float
    evidence: Evidence

    @property
    def kind(self) -> str:
        """The certificate in words."""
        if self.constrained:
            return "held by constraints"
        if not self.is_equilibrium:
            return "no equilibrium"
        stable = {Verdict.REFUTED: "unstable", Verdict.NOT_REFUTED: "not refuted as stable", Verdict.HOLDS: "stable"}
        nash = {Verdict.REFUTED: "not Nash", Verdict.NOT_REFUTED: "not refuted as Nash", Verdict.HOLDS: "Nash"}
        return f"{stable[self.stable]}, {nash[self.nash]}"


def classify_large(
    game: Game,
    players: Players,
    key: Key,
    *,
    tol: float = 1e-5,
    projections: Projections = None,
    confidence: float = 0.999,
    steps: int = 100,
) -> LargeCertificate:
    """Certify a point without a matrix: whether it is an equilibrium, with verdicts on its stability and on Nash.

    Use `classify` as long as J fits into memory: it decides more. Here each question is put to a search:

    - Nash: a Lanczos run on each player's own Hessian. A vector with a positive Rayleigh quotient, beyond its rounding,
      refutes the property. If the upper bound on the largest eigenvalue is negative, it holds with the confidence.
    - Stable: the same on S, the symmetric part of J. If S is negative definite, all eigenvalues of J have negative real
      part. If not, an Arnoldi run looks for leading eigenvalues of J. One with a positive real part, beyond its error
      to first order, refutes stability if its residual is near rounding and second-order terms are small. Else
      stability is not refuted: Arnoldi runs have no confidence. If the residual is too large, more steps decide.

    The bound on the largest eigenvalue exceeds the largest Ritz value by ``r`` times the width of the spectrum, with
    ``r`` about ``(log(3.3 sqrt(n) (players + 1) / (1 - confidence)) / (2 steps))^2``. With the defaults and a million
    parameters that is 0.007. More steps see finer margins.

    Args:
        game: the game, bound to its data; any number of players.
        players: the point, a tuple of parameter pytrees, one per player.
        key: typed random key for the starts.
        tol: the field, and the natural residual, count as zero if their Euclidean norm is at most this.
        projections: projections onto the sets of the players, as for a solver's ``projections``. Default: none.
        confidence: probability with which all verdicts HOLDS are right together.
        steps: number of products with S, with each own Hessian and with J; twice as many where a vector is needed.

    Returns:
        The `LargeCertificate`; ``certificate.kind`` is its summary in words. It does not work under ``jit`` or
        ``vmap``.

    Raises:
        ValueError: if an argument is traced or out of range, or a payoff's gradient is not that of its value.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: jnp.sum(x**2 + x * y - y**2))
        >>> certificate = gs.analysis.classify_large(game, (jnp.zeros(10_000), jnp.zeros(10_000)), jax.random.key(0))
        >>> certificate.kind, round(certificate.evidence.symmetric.bound, 4)
        ('stable, Nash', -2.0)

    Reference:
        Kuczynski, Wozniakowski, "Estimating the Largest Eigenvalue by the Power and Lanczos Algorithms with a Random
        Start", SIAM J. Matrix Anal. Appl. 1992
    """
    players = as_point(players, game.num_players)
    _check(game, players, key, tol, confidence, steps)
    residual = float(norm(game.field(players)))
    natural = residual if projections is None else float(natural_norm(game, players, projections))
    failure = (1 - confidence) / (game.num_players + 1)
    keys = jax.random.split(key, game.num_players + 1)
    search = partial(extremes, steps=steps, failure=failure)
    own = tuple(
        search(jax.tree_util.Partial(own_curvature(player), game, players), _flat(mine), keys[player])
        for player, mine in enumerate(players)
    )
    if products.is_coupled(game, players):  # S has the own Hessians as its blocks, and no others
        smallest, *others = np.transpose(own)
        symmetric = Extremes(float(np.min(smallest)), *(float(np.max(each)) for each in others))
    else:
        symmetric = search(jax.tree_util.Partial(symmetric_operator, game, players), _flat(players), keys[-1])
    contracting = _concave(symmetric)
    scale = max(abs(symmetric.smallest), abs(symmetric.largest))
    leading = None if contracting is Verdict.HOLDS else leading_pair(game, players, steps, scale)
    stable = contracting if leading is None else Verdict(int(not leading.value.real > leading.error))
    zero = residual <= tol and natural <= tol
    return LargeCertificate(
        is_equilibrium=zero,
        constrained=natural <= tol < residual,
        stable=stable if zero else Verdict.REFUTED,
        nash=Verdict(min(map(_concave, own))) if zero else Verdict.REFUTED,
        confidence=confidence,
        evidence=Evidence(residual, natural, symmetric, own, leading),
    )


def _check(game: Game, players: Players, key: Key, tol: float, confidence: float, steps: int) -> None:
    if traced((game, players, key)):
        raise ValueError(
            "classify_large must be called with known arrays, got traced ones. Call it outside jit, vmap and grad."
        )
    check_key("key", key)
    check_limit("tol", tol)
    check_number("confidence", confidence, above=0.0, below=1.0)
    whole_number("steps", steps, least=2)
    for player in range(game.num_players):
        products.value(game, players, player, "classify_large")


def _flat(tree: Players) -> jax.Array:
    return jax.flatten_util.ravel_pytree(tree)[0]


def _concave(end: Extremes) -> Verdict:
    """Return the verdict on whether a symmetric map is negative definite."""
    if end.largest > end.rounding:
        return Verdict.REFUTED
    return Verdict.HOLDS if end.bound < 0 else Verdict.NOT_REFUTED
