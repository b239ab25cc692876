"""The benchmark suites: a small run, its files, resuming, comparing, and the statistics by hand."""

import doctest
import itertools
import json
import pathlib
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
from benchmarks import outside, published, suites
from benchmarks.outside import Loop, loop
from benchmarks.published import claims
from benchmarks.races import digest, pages, race, runner, schema, store
from benchmarks.suites import scaling
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
    next(cells), next(cells)
    assert store.read_manifest(folder)["status"] == "unfinished"  # all that a killed run can leave
    cells.close()
    assert store.read_manifest(folder)["status"] == "interrupted"
    assert len(list(store.cells(folder))) == 1
    before = {path: path.stat().st_mtime_ns for path in folder.glob("cells/**/*.*")}
    assert command.main(["run", *SMALL, "--out", str(folder)]) == 2
    assert command.main(["run", *SMALL, "--out", str(folder), "--seeds", "5", "--resume"]) == 2
    assert command.main(["run", *SMALL, "--out", str(folder), "--resume"]) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert digest.differences(small, folder)[1] == []
    assert [session["status"] for session in store.read_manifest(folder)["earlier"]] == ["interrupted"]
    next(folder.glob("points/**/cgd.parquet")).unlink()
    assert [done for _, done in runner.run(folder, SUITES, settings, "", resume=True)].count(False) == 1
    assert digest.differences(small, folder)[1] == []
    path = next(folder.glob("cells/**/cgd.json"))
    path.write_text(path.read_text().replace('"budget": 300', '"budget": 301'))
    assert command.main(["compare", str(small), str(folder)]) == 1


def cut(file):
    file.write_bytes(file.read_bytes()[:-20])


def rename_key(file):
    file.write_text(file.read_text().replace('"final"', '"finale"'))


def of_another_cell(file):
    shutil.copy(file.with_name(f"extragradient{file.suffix}"), file)


def without_a_column(file):
    pd.read_parquet(file).drop(columns="flops").to_parquet(file)


def without_a_seed(file):
    pd.read_parquet(file).query("seed > 0").to_parquet(file)


DAMAGES = [
    *itertools.product(("cgd.json", "cgd.parquet"), (cut, lambda file: file.write_bytes(b""))),
    *itertools.product(("cgd.json",), (lambda file: file.write_bytes(b"\xff[]"), rename_key, of_another_cell)),
    *itertools.product(("cgd.json",), (lambda file: file.write_text("[]"), lambda file: file.write_text("[" * 10**5))),
    *itertools.product(("cgd.parquet",), (lambda file: file.unlink(), without_a_column, without_a_seed)),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damaged_cells_are_named_and_computed_again(small, tmp_path, capsys, name, damage):
    folder = tmp_path / "run"
    shutil.copytree(small, folder)
    file = next(folder.glob(f"*/cpu/bilinear/*/{name}"))
    cell = {"suite": "bilinear", "game": file.parent.name, "solver": "cgd", "device": "cpu"}
    assert store.finished(folder, cell)
    damage(file)
    assert not store.finished(folder, cell)
    for arguments in (["report", str(folder)], ["compare", str(small), str(folder)]):
        assert command.main(arguments) == 2
        assert capsys.readouterr().err == (
            f"benchmarks: {file} is missing or damaged. Run its command again with --resume to compute that cell.\n"
        )


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 1}', f'{{"schema": {schema.VERSION}}}'])
def test_damaged_manifests_are_named(tmp_path, capsys, content):
    (tmp_path / "manifest.json").write_text(content)
    for arguments in (["report", str(tmp_path)], ["run", *SMALL, "--out", str(tmp_path), "--resume"]):
        assert command.main(arguments) == 2
        assert str(tmp_path) in capsys.readouterr().err


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
        for solver in (outside.methods("bilinear")["optax-optimistic"].build(0.1), gs.ogda(0.1))
    ]
    for theirs, ours in zip(*ends, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_methods_from_elsewhere_are_found_and_have_a_source():
    found = outside.methods("bilinear") | outside.methods("quadratic") | outside.methods("matrix")
    files = {path.stem for path in pathlib.Path(outside.__file__).parent.glob("*.py")} - {"__init__", "loop"}
    assert {name.replace("-", "_") for name in found} == files
    assert len(found) >= 12
    assert not found.keys() & registry.SOLVERS.keys()
    assert all(method.paper and method.formula for method in found.values())
    for suite in ("bilinear", "quadratic"):
        assert outside.methods(suite).keys() <= suites.load(suite).solvers.keys()


METHODS = outside.methods("quadratic")


@pytest.mark.parametrize("name", METHODS)
def test_methods_from_elsewhere_approach_an_equilibrium(name, x64):
    game, method = gs.games.random_quadratic(jax.random.key(0), (3, 2), rotation=0.2), METHODS[name]
    if isinstance(method, Loop):
        end = loop.run(game, method, jax.tree.map(lambda leaf: leaf[None], game.start), 200).points[0, -1]
    else:
        end = np.concatenate(gs.solve(game, method.build(0.05), game.start, 200).players)
    assert np.linalg.norm(end) < 0.6 * np.linalg.norm(np.concatenate(game.start))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "scipy-krylov" else pytest.mark.full) for name in METHODS]
)
def test_methods_from_elsewhere_run_in_the_suites(name, x64):
    suite = suites.load("quadratic")
    game = next(entry for entry in suite.games if entry.name == "monotone")
    summary, points = race.cell(suite, game, suite.solvers[name], budget=300, seeds=2)
    assert summary["learning_rate"] > 0
    assert points["spent"].max() <= 300
    assert points["step"].max() > 1
    assert all(np.array(summary["final"]) < 0.7 * np.array(summary["first"]))
    assert summary["products_per_step"] == pytest.approx(21 if name == "optimistix-newton" else 1)


def test_loops_of_scipy_are_recorded_until_their_budget(x64):
    game = gs.games.random_quadratic(jax.random.key(0), (3, 2))
    starts = jax.tree.map(lambda leaf: leaf[None], game.start)
    method = outside.methods("bilinear")["scipy-hybr"]
    run = loop.run(game, method, starts, 40)
    assert run.points.shape == (1, 40, 5)
    np.testing.assert_allclose(run.points[0, -1], 0, atol=1e-8)  # its equilibrium
    np.testing.assert_array_equal(run.points[0, 0], np.concatenate(game.start))
    norms = [np.linalg.norm(np.concatenate(game.field((point[:3], point[3:])))) for point in run.points[0]]
    assert norms == sorted(norms, reverse=True)
    calls = []
    endless = Loop("endless", lambda field, start: [calls.append(field(start)) for _ in range(100)], "none", "none")
    assert loop.run(game, endless, starts, 7).points.shape == (1, 7, 5)
    assert len(calls) == 7


@pytest.mark.usefixtures("x64")
def test_the_files_that_the_readme_shows_are_methods():
    text = (pathlib.Path(outside.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    methods = []
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        assert len(code.strip().splitlines()) <= 20
        file = {}
        exec(code, file)
        methods.append(file["METHOD"])
    game = gs.games.random_quadratic(jax.random.key(0), (3, 2), rotation=0.2)
    rule, root = methods
    assert gs.solve(game, rule.build(0.1), game.start, 3).status == gs.Status.BUDGET
    end = loop.run(game, root, jax.tree.map(lambda leaf: leaf[None], game.start), 200).points[0, -1]
    np.testing.assert_allclose(end, 0, atol=1e-5)


@pytest.mark.usefixtures("x64")
def test_regret_matching_closes_the_gap_of_matrix_games():
    game = gs.games.random_matrix_game(jax.random.key(0))
    solver = outside.methods("matrix")["regret-matching-plus"].build(1.0)
    solution = gs.solve(game, solver, game.start, 2000)
    assert float(gs.games.duality_gap(game, solution.players)) < 1e-2
    for player in solution.players:
        assert float(player.sum()) == pytest.approx(1)
    matrix, players = np.asarray(game.constants[0]), [np.full(10, 0.1), np.full(10, 0.1)]
    regrets, totals = [np.zeros(10), np.zeros(10)], [np.zeros(10), np.zeros(10)]
    for weight in range(1, 21):  # the rule in plain NumPy
        totals = [total + weight * player for total, player in zip(totals, players, strict=True)]
        values = [-matrix @ players[1], players[0] @ matrix]
        for i in range(2):
            regrets[i] = np.maximum(regrets[i] + values[i] - values[i] @ players[i], 0)
        players = [regret / regret.sum() for regret in regrets]
    averages = gs.solve(game, solver, game.start, 20).players
    np.testing.assert_allclose(np.stack(averages), np.stack(totals) / 210, rtol=1e-10)


def test_the_report_ranks_all_solvers(small):
    for each in digest.load([small]):
        rows = digest.ranking(each)
        assert [row["place"] for row in rows] == [1, 2]
        assert {row["solver"] for row in rows} == set(SOLVERS)
        assert sum(row["mean rank"] for row in rows) == pytest.approx(3)
        assert rows[0]["mean rank"] <= rows[1]["mean rank"]
        assert all(row["source"] == registry.SOLVERS[row["solver"]].paper for row in rows)


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
