"""The games on which the solver gallery draws and measures each solver: three per list, drawn in the plane."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gamesolve.trees import Players


def _numbers(players: Players) -> Any:
    return jnp.stack(players)


def _first_chances(players: Players) -> Any:
    return jnp.stack([player[0] for player in players])


def _chances(point: np.ndarray) -> Players:
    return tuple(jnp.array([value, 1 - value]) for value in point)


class Drawn(NamedTuple):
    """A game in the plane: its title, the code that makes it, the view, and how players map to the plane and back."""

    title: str
    math: str
    code: str
    start: str
    equilibrium: tuple[float, float] = (0.0, 0.0)
    radius: float = 1.7
    point: Callable[[Players], Any] = _numbers
    players: Callable[[np.ndarray], Players] = tuple
    line: bool = False

    def made(self) -> dict[str, Any]:
        """Return the names that the code defines, with ``game`` among them."""
        names: dict[str, Any] = {}
        exec(f"import jax, jax.numpy as jnp\nimport gamesolve as gs\n{self.code}", names)
        return names

    def center(self) -> np.ndarray:
        """Return the middle of the view."""
        return np.array([0.5, 0.5]) if self.point is _first_chances else np.array(self.equilibrium)

    def distance(self, point: np.ndarray) -> float:
        """Return the distance to the equilibrium, or to the line of equilibria with slope -1."""
        away = point - np.array(self.equilibrium)
        return float(abs(away.sum()) / 2**0.5 if self.line else np.hypot(*away))


BILINEAR = Drawn("x y", "x y", "game = gs.zero_sum(lambda x, y: x * y)", "(1.0, 1.0)")
SPIRAL = Drawn(
    "x²/5 + xy − y²/5",
    "x^2/5 + x y - y^2/5",
    "game = gs.zero_sum(lambda x, y: x**2 / 5 + x * y - y**2 / 5)",
    "(1.0, 1.0)",
)
COSINE = Drawn("cosine", "", "game = gs.games.cosine()", "(0.8, 0.8)", (0.0, float(np.pi / 2)), 1.6)
TANDEM = Drawn("tandem", "", "game = gs.games.tandem()", "(0.3, -0.4)", (0.5, 0.5), 1.2, line=True)


def _matrix_game(title: str, code: str, equilibrium: tuple[float, float]) -> Drawn:
    start = "(jnp.array([0.8, 0.2]), jnp.array([0.6, 0.4]))"
    return Drawn(title, "", code, start, equilibrium, 0.5, _first_chances, _chances)


def _finite_sum(title: str, math: str, payoffs: str, equilibrium: tuple[float, float], start: str) -> Drawn:
    code = f"noise = jax.random.normal(jax.random.key(0), (8, 2))\nnoise -= noise.mean(axis=0)\n{payoffs}"
    return Drawn(title, math, code, start, equilibrium, 1.7)


# The noise of the examples has mean zero, so the games on all data are those of the list `plane`.
SUMS = (
    _finite_sum(
        "mean of x y + noise",
        r"\operatorname{mean}_b\,(x y + a_b x + c_b y)",
        "full = gs.games.finite_sum(\n    lambda x, y, e: x * y + e[0] * x + e[1] * y, arrays=noise\n)",
        (0.0, 0.0),
        "(1.0, 1.0)",
    ),
    _finite_sum(
        "x²/5+xy−y²/5 + noise",
        r"\operatorname{mean}_b\,(x^2/5 + x y - y^2/5 + a_b x + c_b y)",
        "full = gs.games.finite_sum(\n"
        "    lambda x, y, e: x**2 / 5 + x * y - y**2 / 5 + e[0] * x + e[1] * y,\n"
        "    arrays=noise,\n)",
        (0.0, 0.0),
        "(1.0, 1.0)",
    ),
    _finite_sum(
        "cosine + noise",
        "",
        "full = gs.games.finite_sum(\n    lambda x, y, e: x * jnp.cos(y) + e[0] * x,\n"
        "    lambda x, y, e: y * jnp.sin(x) + e[1] * y,\n    arrays=noise,\n)",
        COSINE.equilibrium,
        COSINE.start,
    ),
)

LISTS: dict[str, tuple[Drawn, Drawn, Drawn]] = {
    "plane": (BILINEAR, SPIRAL, COSINE),
    "shaping": (BILINEAR, SPIRAL, TANDEM),
    "leader": (
        Drawn(
            "4xy − 3x² − y²",
            "4 x y - 3 x^2 - y^2",
            "game = gs.zero_sum(lambda x, y: 4 * x * y - 3 * x**2 - y**2)",
            "(1.0, 0.5)",
        ),
        SPIRAL,
        Drawn(
            "y sin x − y²/2",
            r"y \sin x - y^2/2",
            "game = gs.zero_sum(lambda x, y: y * jnp.sin(x) - y**2 / 2)",
            "(1.0, -1.0)",
        ),
    ),
    "simplex": (
        _matrix_game("matching pennies", "game = gs.games.matching_pennies()", (0.5, 0.5)),
        _matrix_game("biased pennies", "game = gs.games.matrix_game([[3.0, -1.0], [-1.0, 1.0]])", (1 / 3, 1 / 3)),
        _matrix_game("quantal pennies", "game = gs.games.quantal(gs.games.matching_pennies(), 0.3)", (0.5, 0.5)),
    ),
    "sums": SUMS,
    "epochs": SUMS,
}
