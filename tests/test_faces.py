"""Results show themselves in a line, also large, traced or donated ones, and in a table in notebooks."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import metrics, sampling
from gamesolve.trees.faces import face

XY = gs.zero_sum(lambda x, y: x * y)
KEY = jax.random.key(0)
RING = gs.games.gan.ring()
SOLUTION = gs.solve(XY, gs.extragradient(0.5), (1.0, 1.0), 200, tol=1e-5)
TRACED = gs.solve(XY, gs.simgd(0.1), (1.0, 1.0), 9, record=lambda players, state: players)


def classified(_):
    return gs.analysis.classify(gs.games.curl(), (0.0, 0.0))


def chunk_of_a_run():
    seen = []
    gs.run(RING.game, gs.acgd(1e-3), RING.game.start, 2, sample=RING.sample, key=KEY, callbacks=[seen.append])
    return seen[0]


RESULTS = {
    "Solution": lambda: gs.solve(RING.game, gs.acgd(1e-3), RING.game.start, 2, sample=RING.sample, key=KEY),
    "Chunk": chunk_of_a_run,
    "Game": lambda: RING.game,
    "Experiment": lambda: RING,
    "Table": lambda: gs.sweep(lambda rate: rate * jnp.ones(50), {"rate": np.linspace(0, 1, 60)}),
    "Certificate": lambda: classified(None),
    "LargeCertificate": lambda: gs.analysis.classify_large(gs.games.curl(), (0.0, 0.0), KEY),
    "Branch": lambda: gs.analysis.follow(lambda c: gs.zero_sum(lambda x, y: x**2 - c * y**2), (0.0, 0.0), (1.0, 2.0)),
    "Attraction": lambda: gs.analysis.attraction(gs.games.curl(), gs.ogda(0.1), (0.0, 0.0)),
    "Basins": lambda: gs.analysis.basins(gs.games.cosine(), gs.simgd(0.1), (jnp.ones(99), jnp.ones(99)), 3),
    "Slice": lambda: gs.analysis.slice_field(gs.games.curl(), (0.0, 0.0), num=30),
    "Path": lambda: gs.analysis.path_angle(gs.games.curl(), (1.0, 1.0), (0.0, 0.0)),
    "Spectrum": lambda: gs.analysis.leading(gs.games.rotation(9), tuple(jnp.ones((2, 9))), k=4),
    "StepMap": lambda: gs.analysis.step_map(gs.games.curl(), gs.ogda(0.1), (0.0, 0.0)),
    "Report": lambda: gs.linear.empty_report(tuple(jnp.ones((2, 99)))),
    "PrecisionRecall": lambda: metrics.precision_recall(jnp.ones((9, 2)), jnp.ones((9, 2))),
    "Minibatches": lambda: gs.minibatches(jnp.ones((999, 9)), 8),
    "Several": lambda: sampling.joint(gs.minibatches(jnp.ones((999, 9)), 8), sampling.latents(8, 2)),
    "Draws": lambda: sampling.draws(jnp.ones(999), jnp.ones(999)),
    "Film": lambda: gs.animate.record(lambda ax, x: ax.plot([0, x]), [1, 2], size=(1, 1), dpi=50),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_a_short_line_and_has_a_page(name):
    result = RESULTS[name]()
    assert type(result).__name__ == name
    line = repr(result)
    assert line.startswith(f"{name}(")
    assert len(line) < 700
    assert "\n" not in line
    assert " at 0x" not in line
    assert result._repr_html_().startswith("<")


def test_a_solution_tells_how_it_ended():
    assert repr(SOLUTION).endswith("trace=None, steps=115, status=CONVERGED)")
    assert "<td" in SOLUTION._repr_html_()
    assert "CONVERGED" in SOLUTION._repr_html_()
    assert SOLUTION.ending is gs.Status.CONVERGED
    assert f"{SOLUTION.ending}" == "CONVERGED"
    assert SOLUTION.status.dtype == jnp.int32


def test_the_status_stays_an_array_in_compiled_code():
    flags = jax.jit(lambda x: gs.solve(XY, gs.simgd(0.5), (x, 1.0), 99, max_norm=2.0).status == gs.Status.DIVERGED)
    assert flags(1.0)


def test_several_runs_count_their_endings():
    runs = jax.vmap(lambda rate: gs.solve(XY, gs.simgd(rate), (1.0, 1.0), 10, max_norm=3.0))(jnp.array([0.1, 0.2, 3.0]))
    assert repr(runs).endswith("status=2 BUDGET, 1 DIVERGED)")
    with pytest.raises(ValueError, match=r"ending must be that of one run, got runs of shape \(3,\)"):
        _ = runs.ending


def test_a_solution_is_a_named_tuple_and_a_pytree_as_before():
    players, state, trace, steps, status = TRACED
    assert isinstance(TRACED, tuple)
    assert TRACED._replace(steps=steps).status is status
    assert len(jax.tree.leaves(TRACED)) == len(jax.tree.leaves((players, state, trace, steps, status)))
    assert repr(pickle.loads(pickle.dumps(TRACED))) == repr(copy.deepcopy(TRACED)) == repr(TRACED)


def test_a_certificate_says_its_kind():
    assert repr(classified(None)).startswith("Certificate(kind='centre, not Nash', is_equilibrium=True, ")
    assert "kind" not in repr(jax.vmap(classified)(jnp.arange(2)))


def test_payoffs_have_their_names_and_signs():
    def cost(x, y):
        return x * y

    assert repr(gs.zero_sum(cost)) == "Game(payoffs=(-cost, cost))"
    assert repr(gs.zero_sum(cost, constants=(jnp.ones((2, 9)),))) == (
        "Game(payoffs=(-cost, cost), constants=(float32[2, 9],))"
    )


def test_traced_and_donated_arrays_have_shapes():
    seen = []
    jax.jit(lambda x: seen.append(repr(gs.solve(XY, gs.simgd(0.1), (x, 1.0), 3))) or x)(1.0)
    assert seen[0].endswith("steps=int32[], status=int32[])")
    gone = jnp.ones(3)
    gone.delete()
    assert face((gone, KEY)) == "(float32[3] deleted, key<fry>[])"


@pytest.mark.parametrize(
    ("solver", "text"),
    [
        (
            gs.per_player(optax.adam(0.1), gs.simgd(0.1)),
            "per_player(transformations=(chain(...), simgd(learning_rate=0.1)))",
        ),
        (gs.simgd(optax.cosine_decay_schedule(0.1, 9)), "simgd(learning_rate=cosine_decay_schedule)"),
        (gs.cgd(0.1, inner=gs.linear.Inner(tolerance=1e-3)), "cgd(learning_rate=0.1, inner=Inner(tolerance=0.001))"),
        (gs.simgd(jnp.ones(64)), "simgd(learning_rate=float32[64])"),
    ],
)
def test_solvers_show_names_in_place_of_addresses(solver, text):
    assert repr(solver) == text


def test_large_trees_are_counted():
    layer = {"w": jnp.ones((3, 4)), "b": jnp.zeros(9)}
    assert face((layer, layer)) == "({'w': float32[3, 4], 'b': float32[9]}, {'w': float32[3, 4], 'b': float32[9]})"
    assert (
        face([layer] * 4)
        == "[{'w': float32[3, 4], 'b': float32[9]}" + ", {'w': float32[3, 4], 'b': float32[9]}" * 3 + "]"
    )
    assert face([layer] * 40) == "list(80 arrays, 840 numbers)"
    assert face(({"a": [layer] * 40}, None)) == "(dict(80 arrays, 840 numbers), None)"


def test_html_is_escaped():
    assert "<lambda>" not in XY._repr_html_()
    assert "&lt;lambda&gt;" in XY._repr_html_()
