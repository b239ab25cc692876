"""The benchmark suites: a small run, its files, resuming, comparing, and the statistics by hand."""

import doctest
import json
import re
import shutil
import subprocess

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest

import gamesolve as gs
from benchmarks import __main__ as command
from benchmarks import published, suites
from benchmarks.published import claims
from benchmarks.races import digest, pages, race, runner, schema, store
from benchmarks.suites import rivals, scaling
from benchmarks.suites.suite import Settings
from gamesolve import registry
from gamesolve.cli.results import write_json
from gamesolve.compare import lanes, profiles

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("jinja2")

GAMES = ("scalar", "icr")
SOLVERS = ("extragradient", "cgd")
SUITES = ("bilinear", "quadratic")
SMALL = [*SUITES, "--games", *GAMES, "--solvers", *SOLVERS, "--budget", "300", "--seeds", "4"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of two games and two solvers."""
    folder = tmp_path_factory.mktemp("bench") / "run"
    assert command.main(["run", *SMALL, "--out", str(folder)]) == 0
    return folder


def test_a_run_has_its_schema_and_its_manifest(small):
    manifest = json.loads((small / "manifest.json").read_text())
    assert manifest["schema"] == schema.VERSION
    assert manifest["status"] == "finished"
    assert manifest["settings"]["budget"] == 300
    assert str(small) not in manifest["command"]
    points, cells = pd.read_parquet(small / "points"), list(store.cells(small))
    assert list(points.columns) == list(schema.POINTS)
    assert len(cells) == 4
    for cell in cells:
        assert cell.keys() - {"suite", "game", "solver", "device"} <= schema.CELL.keys()
        assert sum(cell["status"].values()) == 4
        assert cell["compile_seconds"] > 0
    assert manifest["precision"] == dict.fromkeys(SUITES, "float64")
    assert points.groupby(["game", "solver", "seed"])["step"].apply(lambda steps: steps.is_monotonic_increasing).all()


def test_the_ledger_adds_up(small):
    points = store.points(small)
    eg, cgd = (points[points["solver"] == name] for name in SOLVERS)
    np.testing.assert_allclose(eg["fields"], 2 * eg["step"])
    assert (eg[["jvps", "vjps", "iterations"]] == 0).all(axis=None)
    np.testing.assert_allclose(cgd["vjps"], 2 * cgd["step"] + cgd["iterations"])
    assert cgd["iterations"].max() >= cgd["step"].max()
    np.testing.assert_allclose(points["spent"], points["fields"] + points["jvps"] + points["vjps"])
    assert points["spent"].max() <= 300
    assert eg["spent"].max() >= 298


def test_measured_contractions_are_the_predicted_rates(small):
    loaded = digest.load([small])
    assert all(abs(digest.worst_ratio(each)["ratio"] - 1) < 0.01 for each in loaded)
    lines = pages.conclusions(loaded)
    assert sum("the worst is" in line for line in lines) == 2
    assert any("looked at on 1 games, as known" in line for line in lines)


def test_a_killed_run_goes_on_and_gives_the_same(small, tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    settings = Settings(budget=300, seeds=4, solvers=SOLVERS, games=GAMES)
    cells = runner.run(folder, SUITES, settings, "", resume=False)
    next(cells), next(cells), cells.close()
    assert store.read_manifest(folder)["status"] == "interrupted"
    assert len(list(store.cells(folder))) == 1
    before = {path: path.stat().st_mtime_ns for path in folder.glob("cells/**/*.*")}
    assert command.main(["run", *SMALL, "--out", str(folder)]) == 2
    assert command.main(["run", *SMALL, "--out", str(folder), "--seeds", "5", "--resume"]) == 2
    assert command.main(["run", *SMALL, "--out", str(folder), "--resume"]) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert digest.differences(small, folder)[1] == []
    assert [session["status"] for session in store.read_manifest(folder)["earlier"]] == ["interrupted"]
    path = next(folder.glob("cells/**/cgd.json"))
    path.write_text(path.read_text().replace('"budget": 300', '"budget": 301'))
    assert command.main(["compare", str(small), str(folder)]) == 1


def test_the_report_stands_alone(small, tmp_path):
    assert command.main(["report", str(small), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "http" not in page
    assert "addEventListener" in page
    assert "| extragradient |" in (tmp_path / "report.md").read_text()


def test_solvers_are_compared_at_equal_amounts_of_anything(small):
    for axis in ("step", "flops", "seconds"):
        for each in digest.load([small], axis):
            rows = digest.at_equal_budget(each)
            assert {row["solver"] for row in rows} == set(SOLVERS)
            (most,) = {row[axis] for row in rows}
            assert most == each.points.groupby("solver")[axis].max().min()
            for cell in each.cells:
                points = each.points[each.points["solver"] == cell["solver"]]
                reached = digest.to_target(cell, axis)
                assert np.nanmax(reached, initial=0) <= points[axis].max() * (1 + 1e-9)
                assert np.isfinite(reached).tolist() == np.isfinite(digest.to_target(cell, "spent")).tolist()
    assert all(not each.cells for each in digest.load([small], "samples"))  # nothing is drawn in these games


@pytest.mark.full
def test_the_page_sorts_in_a_browser_without_a_network(small, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-headless-shell"))), None)
    if browser is None:
        pytest.skip("no Chromium here")
    assert command.main(["report", str(small), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    click = """<script>
    const table = [...document.querySelectorAll("table")].find(t => t.rows[0].cells[2].textContent === "status");
    const column = [...table.rows[0].cells].findIndex(cell => cell.textContent === "µs a step");
    const seen = () => [...table.tBodies[0].rows].map(row => row.cells[column].dataset.value).join(" ");
    const found = document.createElement("output");
    table.rows[0].cells[column].click(); found.title = seen();
    table.rows[0].cells[column].click(); found.id = seen();
    found.className = [...document.images].every(image => image.naturalWidth > 100) ? "drawn" : "broken";
    document.body.append(found);
    </script></body>"""
    (tmp_path / "click.html").write_text(page.replace("</body>", click.replace("<script>", "<script defer>")))
    where = (tmp_path / "click.html").as_uri()
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom")
    offline = ("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}")
    dom = subprocess.run([browser, *options, *offline, where], capture_output=True, text=True, check=True).stdout
    up, down = (list(map(float, re.search(f'<output[^>]*{key}="([^"]*)"', dom)[1].split())) for key in ("title", "id"))
    assert len(up) == 2
    assert up == sorted(up)
    assert down == up[::-1]
    assert 'class="drawn"' in dom


def test_merging_takes_cells_of_several_runs(small, tmp_path, capsys):
    assert command.main(["merge", str(small), "--out", str(tmp_path / "all")]) == 0
    assert digest.differences(small, tmp_path / "all")[1] == []
    assert command.main(["merge", str(small), str(small), "--out", str(tmp_path / "twice")]) == 2
    assert "in two of the runs" in capsys.readouterr().err
    assert not (tmp_path / "twice").exists()
    other = tmp_path / "other"
    cell = next(store.cells(small))
    write_json(other / "manifest.json", store.read_manifest(small))
    cell = cell | {"solver": "altgd", "lanes": 5}
    write_json(store.path(other, "cells", cell), cell)
    assert command.main(["report", str(small), str(other)]) == 2
    assert "had 5 starts and budget 300, other solvers 4 and 300" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "bilineer"], "no suite of games is named bilineer"),
        (["run", "bilinear", "images"], "Run it alone"),
        (["run", "bilinear", "--solvers", "cdg"], "no solver of these suites is named cdg"),
        (["run", "bilinear", "--device", "gpu"], "there is no gpu here"),
        (["report", "nowhere"], "nowhere holds no run"),
    ],
)
def test_mistakes_are_named(arguments, message, capsys):
    assert command.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_published_rows_are_tables(tmp_path, capsys):
    assert command.main(["run", "published", "--games", "G8", "G12", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "published: 8 of 8 figures agree, in 2 experiments" in printed
    assert "1.3529" in printed


@pytest.mark.parametrize("module", [profiles, claims, scaling, published], ids=lambda module: module.__name__)
def test_examples_of_the_modules(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_every_suite_is_whole():
    for name in suites.NAMES:
        suite = suites.load(name)
        assert suite.name == name
        assert len(set(suite.names())) == len(suite.names()) > 1
        for game in getattr(suite, "games", ()):
            assert set(game.solvers or ()) <= set(suite.solvers), game.name


QUICK = {("matrix", "portfolio")}
EVERY = [(name, game.name) for name in suites.NAMES for game in getattr(suites.load(name), "games", ())]


@pytest.mark.parametrize(
    ("suite", "game"), [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.full) for pair in EVERY]
)
def test_every_game_runs(suite, game, tmp_path):
    folder = tmp_path / "run"
    settings = Settings(budget=24, seeds=2, solvers=("extragradient",), games=(game,))
    assert list(runner.run(folder, [suite], settings, "", resume=False))
    (cell,) = store.cells(folder)
    assert all(np.isfinite(cell["first"]))
    assert all(first > 0 for first in cell["first"])
    assert np.isfinite(list(filter(None, cell["tuning"].values()))).any()
    batch = next(entry.batch for entry in suites.load(suite).games if entry.name == game)
    assert store.points(folder)["samples"].max() == 12 * batch


def test_optax_takes_the_same_steps(x64):
    game = gs.games.random_quadratic(jax.random.key(0), (3, 2))
    ends = [
        gs.solve(game, solver, game.start, 50).players
        for solver in (rivals.RIVALS["optax-optimistic"].build(0.1), gs.ogda(0.1))
    ]
    for theirs, ours in zip(*ends, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_inner_iterations_are_added_up():
    game = gs.games.random_quadratic(jax.random.key(0), (4, 4))
    spent = gs.solve(game, lanes.counted(gs.cgd(1.0)), game.start, 5).state.spent
    record = lambda _, state: optax.tree.get(state, "iterations")
    each = gs.solve(game, gs.cgd(1.0), game.start, 5, record=record).trace
    assert int(spent) == int(each.sum()) > 5


def test_a_dense_solve_is_charged_for_its_matrix():
    game = suites.load("quadratic").games[0]
    summary, points = race.cell(suites.load("quadratic"), game, registry.SOLVERS["newton"], budget=100, seeds=2)
    assert points["iterations"].max() == 0
    assert summary["products_per_step"] == pytest.approx(1 + 3 + 20)
    assert summary["steps"] > points["step"].max() == 4


def test_profiles_and_bands_by_hand():
    # Two solvers on three problems: the first is best on the first, the second on the second, nobody solves the third.
    times = np.array([[2.0, 6.0], [9.0, 3.0], [np.nan, np.nan]])
    np.testing.assert_allclose(
        profiles.performance_profile(times, np.array([1.0, 2.9, 3.0])), [[1 / 3, 1 / 3, 2 / 3], [1 / 3, 1 / 3, 2 / 3]]
    )
    np.testing.assert_allclose(profiles.data_profile(times, np.array([3.0, 9.0])), [[1 / 3, 2 / 3], [1 / 3, 2 / 3]])
    assert profiles.band(np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])).tolist() == [2.0, 3.0, 5.0]
    mean = profiles.interquartile_mean(np.arange(20.0))
    assert mean.value == 9.5
    assert 5 < mean.low < 9.5 < mean.high < 14
    spent, values = np.array([[0.0, 1.0, 2.0]] * 2), np.array([[1.0, 0.2, 0.1], [1.0, 0.9, 0.8]])
    np.testing.assert_array_equal(profiles.to_target(spent, values, [0.2, 0.2]), [1.0, np.nan])
    turn = 0.1 * np.arange(400.0)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    norms = lambda points: np.linalg.norm(points, axis=1)
    assert profiles.cycling(norms(circle), circle)
    inwards, creeping = circle * 0.99 ** np.arange(400)[:, None], 1 - 1e-6 * turn[:, None]
    assert not profiles.cycling(norms(inwards), inwards)
    assert not profiles.cycling(norms(creeping), creeping)
    assert scaling.exponent([1e5, 1e6], [1.0, 10.0]) == pytest.approx(1)


def test_performance_profiles_are_those_of_perfprof():
    perfprof = pytest.importorskip("perfprof").perfprof
    rng = np.random.default_rng(0)
    times = np.where(rng.random((40, 3)) < 0.2, np.nan, rng.lognormal(size=(40, 3)))
    with mpl.rc_context({"backend": "agg"}):
        _, lines = perfprof(times, ["-", "-", "-"])
        for ours, (line,) in enumerate(lines):
            ratios, shares = line.get_data()
            np.testing.assert_allclose(profiles.performance_profile(times, ratios)[ours], shares)
        plt.close()


def test_many_lanes_fill_what_is_no_cpu():
    assert Settings().seeds_on("cpu") < Settings().seeds_on("gpu")
    assert Settings(seeds=3).seeds_on("gpu") == 3
