"""Every named solver and catalogue game in one table: the command, the README and the contract tests read it."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gamesolve import games, solvers, transforms
from gamesolve.game import Game
from gamesolve.solvers.entry import Cost, SolverEntry


@dataclasses.dataclass(frozen=True)
class GameEntry:
    """A catalogue game that needs no argument; ``make()`` builds it and ``summary`` says what it is."""

    name: str
    make: Callable[[], Game]
    summary: str


_SOLVERS = (
    SolverEntry("simgd", solvers.simgd, "z + E v", "Arrow, Hurwicz, Uzawa 1958", Cost()),
    SolverEntry("altgd", solvers.altgd, "z_i + E_i v_i(newest z), i in turn", "Gidel et al. 2019", Cost()),
    SolverEntry("extragradient", solvers.extragradient, "z + E v(z + E' v(z))", "Korpelevich 1976", Cost(fields=2)),
    SolverEntry(
        "extragradient_plus",
        solvers.extragradient_plus,
        "z + E v(z + E' v(z)), E < E'",
        "Diakonikolas, Daskalakis, Jordan 2021",
        Cost(fields=2),
        {"extrapolation": 0.15},
    ),
    SolverEntry("ogda", solvers.ogda, "z + E v_t + W (v_t - v_(t-1))", "Popov 1980; Daskalakis et al. 2018", Cost()),
    SolverEntry(
        "past_extragradient",
        solvers.past_extragradient,
        "z + E v(w_t), w_t = z + E v(w_(t-1))",
        "Popov 1980; Gidel et al. 2019",
        Cost(),
    ),
    SolverEntry(
        "forward_backward_forward",
        solvers.forward_backward_forward,
        "w + E (v(w) - v(z)), w = P(z + E v)",
        "Tseng 2000",
        Cost(fields=2),
    ),
    SolverEntry(
        "forward_reflected_backward",
        solvers.forward_reflected_backward,
        "P(z + E (2 v_t - v_(t-1)))",
        "Malitsky, Tam 2020",
        Cost(),
    ),
    SolverEntry(
        "golden_ratio", solvers.golden_ratio, "P(a_t + λ_t v_t), λ_t adaptive", "Malitsky 2020", Cost(), rated=False
    ),
    SolverEntry(
        "anchored_extragradient",
        solvers.anchored_extragradient,
        "z + a + E v(z + a + E v), a = (z_0 - z)/(k+2)",
        "Yoon, Ryu 2021",
        Cost(fields=2),
        rated=False,
    ),
    SolverEntry(
        "anchored_extragradient_varying",
        solvers.anchored_extragradient_varying,
        "the same with E_k falling to a limit",
        "Yoon, Ryu 2021",
        Cost(fields=2),
        {"lipschitz": 1.0},
        rated=False,
    ),
    SolverEntry(
        "halpern",
        solvers.halpern,
        "z + a + E v(w_k), w_k = z + a + E v(w_(k-1))",
        "Tran-Dinh, Luo 2021",
        Cost(),
        rated=False,
    ),
    SolverEntry("runge_kutta", solvers.runge_kutta, "fourth-order step of z' = v", "Qin et al. 2020", Cost(fields=4)),
    SolverEntry(
        "optimistic_adam",
        solvers.optimistic_adam,
        "z + E (2 d_t - d_(t-1)), d = Adam's direction",
        "Daskalakis et al. 2018",
        Cost(),
        rated=False,
    ),
    SolverEntry(
        "extra_adam",
        solvers.extra_adam,
        "Adam step with v(w), w = trial Adam step",
        "Gidel et al. 2019",
        Cost(fields=2),
        rated=False,
    ),
    SolverEntry(
        "conopt", solvers.conopt, "z + E (v - γ Jᵀ v)", "Mescheder, Nowozin, Geiger 2017", Cost(vjps=1), {"gamma": 1.0}
    ),
    SolverEntry("jare", solvers.jare, "z + E (v - γ J_oᵀ v)", "Nie, Patel 2019", Cost(vjps=1), {"gamma": 1.0}),
    SolverEntry("hamiltonian", solvers.hamiltonian, "z - E Jᵀ v", "Abernethy, Lai, Wibisono 2019", Cost(vjps=1)),
    SolverEntry("sga", solvers.sga, "z + E (I + λ A) v", "Balduzzi et al. 2018", Cost(jvps=1, vjps=1)),
    SolverEntry(
        "crossing_the_curl", solvers.crossing_the_curl, "z + E (J - Jᵀ) v", "Gemp, Mahadevan 2018", Cost(jvps=1, vjps=1)
    ),
    SolverEntry(
        "lead",
        solvers.lead,
        "z + β d + E v + α J_o d, d = z - z_prev",
        "Hemmat et al. 2023",
        Cost(vjps=1),
        {"alpha": 0.1, "beta": -0.1},
    ),
    SolverEntry(
        "opponent_lookahead", solvers.opponent_lookahead, "z + E (I + J_o D) v", "Zhang, Lesser 2010", Cost(vjps=1)
    ),
    SolverEntry("lola", solvers.lola, "z - E (ξ₀ - χ)", "Foerster et al. 2018", Cost(vjps=1.5)),
    SolverEntry("sos", solvers.sos, "z - E (ξ₀ - p χ)", "Letcher et al. 2019", Cost(vjps=1.5)),
    SolverEntry("lcgd", solvers.lcgd, "z + E v + E J_o E v", "Schäfer, Anandkumar 2019", Cost(vjps=1)),
    SolverEntry(
        "cgd",
        solvers.cgd,
        "z + (I - E J_o)⁻¹ E v",
        "Schäfer, Anandkumar 2019; Ma et al. 2021",
        Cost(vjps=2, vjps_per_iteration=1),
    ),
    SolverEntry(
        "acgd",
        solvers.acgd,
        "z + (I - D J_o)⁻¹ D v, D = η √(1-βᵗ) / (√s_t + ε)",
        "Schäfer, Zheng, Anandkumar 2020",
        Cost(vjps=2, vjps_per_iteration=1),
    ),
    SolverEntry(
        "competitive_mirror_descent",
        solvers.competitive_mirror_descent,
        "∇ψ*(∇ψ(z) + E (I - J_o D)⁻¹ v)",
        "Schäfer, Anandkumar, Owhadi 2020",
        Cost(vjps=2, vjps_per_iteration=1),
        {"potentials": transforms.squared_distance()},
    ),
    SolverEntry(
        "proximal", solvers.proximal, "z + (I - E J)⁻¹ E v", "Rockafellar 1976", Cost(jvps=3, jvps_per_iteration=1)
    ),
    SolverEntry(
        "newton", solvers.newton, "z - E J⁻¹ v", "Newton 1669, Raphson 1690", Cost(jvps=3, jvps_per_iteration=1)
    ),
    SolverEntry(
        "levenberg_marquardt",
        solvers.levenberg_marquardt,
        "z - E (JᵀJ + μ I)⁻¹ Jᵀ v",
        "Levenberg 1944; Marquardt 1963",
        Cost(jvps=2, vjps=3, jvps_per_iteration=1, vjps_per_iteration=1),
    ),
    SolverEntry(
        "lss",
        solvers.lss,
        "z + E/2 (v + Jᵀ (JᵀJ + λ I)⁻¹ Jᵀ v)",
        "Mazumdar, Jordan, Sastry 2019",
        Cost(jvps=2, vjps=4, jvps_per_iteration=1, vjps_per_iteration=1),
    ),
    SolverEntry(
        "stackelberg",
        solvers.stackelberg,
        "x: total gradient D_x f; y: its own",
        "Fiez, Chasnov, Ratliff 2020",
        Cost(vjps=2, vjps_per_iteration=0.5),
    ),
    SolverEntry(
        "follow_the_ridge",
        solvers.follow_the_ridge,
        "Δy = -η_y g_y - g_yy⁻¹ g_yx Δx",
        "Wang, Zhang, Ba 2020",
        Cost(vjps=2, vjps_per_iteration=0.5),
    ),
    SolverEntry(
        "svrg",
        solvers.svrg,
        "z + E (v_b(z) - v_b(w) + v(w)), w a snapshot",
        "Palaniappan, Bach 2016",
        Cost(fields=2),
        rated=False,
    ),
    SolverEntry(
        "svrg_extragradient",
        solvers.svrg_extragradient,
        "m + E (v(w) + v_b(m + E v(w)) - v_b(w)), m = (1-p) z + p w",
        "Alacaoglu, Malitsky 2022",
        Cost(fields=2),
        rated=False,
    ),
    SolverEntry(
        "svrg_hamiltonian",
        solvers.svrg_hamiltonian,
        "z + E (h_b(z) - h_b(w) + h(w)), h = -Jᵀ v",
        "Loizou et al. 2020",
        Cost(fields=2, vjps=2),
        rated=False,
    ),
    SolverEntry(
        "lookahead",
        solvers.lookahead,
        "slow + α (fast - slow) every k steps",
        "Chavdarova et al. 2021",
        Cost(),
        {"period": 6, "alpha": 0.5},
        solvers.simgd,
        rated=False,
    ),
    SolverEntry(
        "average",
        solvers.average,
        "the inner step; the mean of its iterates is kept, not fed back",
        "Bruck 1977; Yazici et al. 2019",
        Cost(),
        inner=solvers.simgd,
        rated=False,
    ),
    SolverEntry(
        "anderson",
        solvers.anderson,
        "the mixture of the last moves with least residual",
        "Walker, Ni 2011; He et al. 2022",
        Cost(),
        {"depth": 5},
        solvers.simgd,
        rated=False,
    ),
)

_GAMES = (
    GameEntry("bilinear", lambda: games.bilinear(1.0), "x y on two numbers"),
    GameEntry(
        "bilinear-10",
        lambda: games.random_quadratic(jax.random.key(0), (10, 10), rotation=1.0),
        "xᵀ M y in 10 + 10 dimensions, condition 10",
    ),
    GameEntry("icr", games.icr_quadratic, "x² + 10 x y + y²: unstable for equal steps"),
    GameEntry("quadratic", lambda: games.random_quadratic(jax.random.key(0)), "zero-sum, 10 + 10 dimensions, monotone"),
    GameEntry(
        "general-sum",
        lambda: games.random_quadratic(jax.random.key(1), zero_sum=False),
        "general-sum, 10 + 10 dimensions",
    ),
    GameEntry(
        "three-players",
        lambda: games.random_quadratic(jax.random.key(2), (3, 4, 5)),
        "polymatrix zero-sum, 3 + 4 + 5 dimensions",
    ),
    GameEntry("curl", games.curl, "field (-y, x)"),
    GameEntry("rotation", lambda: games.rotation(5), "xᵀ y in 5 + 5 dimensions"),
    GameEntry("cosine", games.cosine, "field (cos φ, sin θ): two centres, two saddles a period"),
)

SOLVERS: dict[str, SolverEntry] = {entry.name: entry for entry in _SOLVERS}
# What a comparison runs unless it is told otherwise.
CORE = ("simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "acgd")
GAMES: dict[str, GameEntry] = {entry.name: entry for entry in _GAMES}


def find(table: Mapping[str, Any], name: str, kind: str) -> Any:
    """Return the entry of a table by its name.

    Args:
        table: `SOLVERS` or `GAMES`.
        name: the name.
        kind: what the table holds, for the message.

    Raises:
        ValueError: with the nearest name, if there is none of this name.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(table)}."
    raise ValueError(f"there is no {kind} named {name!r}; {hint}")
