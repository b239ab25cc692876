"""The command as a user meets it: what it prints, what it writes, and what it says about mistakes."""

import csv
import io
import itertools
import json
import math
import os
import resource
import subprocess
import sys

import jax
import matplotlib.image
import pytest

import gamesolve
from gamesolve import cli, compare, registry, solvers
from gamesolve.cli import command, loading, tables
from gamesolve.compare.choices import RULES
from gamesolve.compare.runs import COLUMNS

GAME = """
import jax
import jax.numpy as jnp
import gamesolve as gs
import neighbour

game = gs.from_losses(lambda x, y: neighbour.square(x - 1) + x * y, lambda x, y: y**2 - x * y)
players = (jnp.asarray(0.0), jnp.asarray(1.0))
pair = (jnp.ones(2), jnp.ones(2))
number = 3


def build():
    return game


def begin():
    return players


def payoff(x, y):
    return x * y


def broken():
    raise RuntimeError("no data here\\nsecond line")


failing = gs.zero_sum(lambda x, y: x * unknown_name)
vector = gs.zero_sum(lambda x, y: x * y)
later = gs.zero_sum(lambda x, y: jnp.log(x) * y)
noisy = gs.zero_sum(lambda x, y, a: jnp.mean((x - a) ** 2) + x * y - y**2)


def sample(key):
    return jax.random.normal(key, (4,))


def box(player):
    return jnp.clip(player, -2.0, 2.0)


sets = (box,)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neighbour.py").write_text("def square(x):\n    return x * x\n")
    (tmp_path / "my_game.py").write_text(GAME)
    yield tmp_path
    loading._module.cache_clear()
    sys.modules.pop("neighbour", None)


def rows(folder):
    with (folder / "results.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_compare_prints_a_table_and_writes_its_folder(folder, capsys):
    arguments = ["compare", "--games", "bilinear,icr", "--solvers", "extragradient", "acgd", "--steps", "60"]
    assert cli.main([*arguments, "--out", "out/first", "--lr", "0.2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""  # progress is for terminals
    lines = printed.out.splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[0] == "bilinear: x y on two numbers"
    heading = next(line for line in lines if line.startswith("solver"))
    assert heading.split("  ")[0] == "solver"
    assert heading.endswith("distance  measured  predicted   steps  gradients  J products  µs/step  compile s")
    first = next(line for line in lines if line.startswith("extragradient")).split()
    rho = math.sqrt(1 - 0.04 + 0.0016)
    assert first[1] == "budget"
    assert float(first[2]) == pytest.approx(math.sqrt(2) * rho**60, rel=1e-2)
    assert first[3:7] == [f"{rho:.5f}", f"{rho:.5f}", "60", "120"]
    assert next(line for line in lines if line.startswith("acgd")).split()[4] == "-"
    assert any(line.startswith("best: acgd, which ends at a ") for line in lines)
    assert not any("no prediction" in line for line in lines)  # the legend says it once
    assert "none if the steps adapt or change" in printed.out
    assert "written to out/first:" in lines

    table = rows(folder / "out/first")
    assert list(table[0]) == list(COLUMNS)
    assert [(row["game"], row["solver"]) for row in table] == [
        ("bilinear", "extragradient"),
        ("bilinear", "acgd"),
        ("icr", "extragradient"),
        ("icr", "acgd"),
    ]
    assert float(table[0]["contraction"]) == pytest.approx(rho, abs=1e-6)
    assert float(table[0]["distance"]) == pytest.approx(math.sqrt(2) * rho**60, rel=1e-4)
    assert table[1]["predicted"] == ""
    for name in ("bilinear.png", "icr.png"):
        image = matplotlib.image.imread(folder / "out/first" / name)
        assert min(image.shape[:2]) > 500
        assert image[..., :3].std() > 0.05


def test_manifest_says_how_to_run_it_again(folder, capsys):
    arguments = ["compare", "--games", "curl", "--solvers", "cgd", "--steps", "20", "--seeds", "3", "--x64"]
    assert cli.main([*arguments, "--out", "out", "--lr", "0.3"]) == 0
    manifest = json.loads((folder / "out/manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "finished"
    assert manifest["command"] == f"gamesolve {' '.join(arguments)} --out out --lr 0.3"
    assert manifest["precision"] == "float64"
    assert manifest["settings"] == {"steps": 20, "learning_rate": 0.3, "seeds": 3, "seed": 0, "tune": False}
    assert (manifest["seed"], manifest["games"], manifest["solvers"]) == (0, ["curl"], ["cgd"])
    assert set(manifest["versions"]) == {"python", "jax", "jaxlib", "optax", "numpy", "matplotlib", "gamesolve"}
    assert manifest["versions"]["gamesolve"] == gamesolve.__version__
    assert manifest["device"]["platform"] == "cpu"
    assert manifest["columns"] == COLUMNS
    assert manifest["working_directory"] == str(folder)
    (row,) = rows(folder / "out")
    assert row["seeds"] == "3"
    # The precision of the run, not of the table: float64 agrees with theory far below what float32 can.
    assert float(row["contraction"]) == pytest.approx(1 / math.sqrt(1.09), abs=1e-12)
    assert "medians over 3 starts" in capsys.readouterr().out


def test_default_folders_never_collide(folder, capsys):
    for _ in range(2):
        assert cli.main(["compare", "--games", "curl", "--solvers", "simgd", "--steps", "5"]) == 0
    runs = sorted((folder / "runs").iterdir())
    assert len(runs) == 2
    assert all((run / "results.csv").is_file() and (run / "curl.png").is_file() for run in runs)
    assert all("-compare" in run.name for run in runs)


@pytest.mark.parametrize(("game", "start"), [("game", "players"), ("build", "begin")])
def test_a_game_of_ones_own(folder, capsys, game, start):
    target = ["my_game.py:" + game, "--start", "my_game.py:" + start]
    arguments = ["compare", *target, "--solvers", "extragradient,simgd", "--steps", "200", "--out", "out"]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"my_game:{game}: your game\n2 players, 2 parameters\n")
    assert "‖v‖" in out
    table = rows(folder / "out")
    assert [row["status"] for row in table] == ["converged", "converged"]
    assert all(row["distance"] == "" for row in table)
    assert all(abs(float(row["contraction"]) - float(row["predicted"])) < 1e-3 for row in table)
    assert (folder / f"out/my_game-{game}.png").stat().st_size > 10_000


KNOWN = {**registry.SOLVERS, **RULES}


def test_noise_sets_and_rules_of_optax_at_their_best_step_sizes(folder, capsys):
    target = ["my_game.py:noisy", "--start", "my_game.py:players", "--sample", "my_game.py:sample"]
    options = ["--constraints", "my_game.py:box", "--tune", "--steps", "60", "--seeds", "2", "--out", "out"]
    assert cli.main(["compare", *target, *options, "--solvers", "simgd", "alternating-adam", "cgd"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("noisy, with the floor of the residual; medians over 2 starts")
    assert lines[3].split()[:5] == ["solver", "status", "step", "size", "floor"]
    assert "  cgd: it has no form for sets" in lines
    assert any(line.startswith("best: ") and "lower noise floor" in line for line in lines)
    table = rows(folder / "out")
    assert [row["tried"] for row in table] == ["36", "36", "36"]
    assert float(table[0]["learning_rate"]) != float(table[1]["learning_rate"]) > 0
    assert json.loads((folder / "out/manifest.json").read_text())["settings"]["tune"]


MISTAKES = [
    ("my_gam.py:game", "there is no file my_gam.py. Did you mean my_game.py?"),
    ("elsewhere/none.py:game", "there is no file elsewhere/none.py."),
    ("my_game.py", "the target must have the form my_game.py:name, got 'my_game.py'."),
    ("my_game.py:gme", "my_game.py has no 'gme'. Did you mean game?"),
    ("my_game.py:zzzzz", "my_game.py has no 'zzzzz'. Give a Game, or a function without arguments that returns one."),
    (
        "my_game.py:number",
        "my_game.py:number must be a Game, got int. Make one with gamesolve.zero_sum or general_sum.",
    ),
    (
        "my_game.py:payoff",
        "my_game.py:payoff takes 2 arguments. Give a Game, or a function without arguments that returns one.",
    ),
    ("my_game.py:broken", "my_game.py:broken failed (line 26): RuntimeError: no data here"),
    ("my_game.py:game", "my_game.py:game has no start. Give one with --start my_game.py:players."),
    (
        "my_game.py:failing --start my_game.py:players",
        "my_game.py:failing failed at its start (line 29): NameError: name 'unknown_name' is not defined",
    ),
    (
        "my_game.py:vector --start my_game.py:pair",
        (
            "my_game.py:vector failed at its start: ValueError: the payoff of player 0 must return a scalar, "
            "got an array of shape (2,). Return its mean, for example."
        ),
    ),
    (
        "my_game.py:later --start my_game.py:players",
        (
            "my_game.py:later failed at its start: ValueError: the field is not finite at the start. Start from "
            "another point."
        ),
    ),
    (
        "my_game.py:game --start my_game.py:number",
        (
            "my_game.py:game failed at its start: TypeError: players must be a tuple with one entry per "
            "player, got int. Write (x, y)."
        ),
    ),
    ("my_game.py:game --start my_game.py:plyers", "my_game.py has no 'plyers'. Did you mean players?"),
    (
        "my_game.py:game --start my_game.py:players --lr 1,2,3",
        (
            "my_game.py:game failed at its start: ValueError: the step size must have 2 entries on my_game:game, "
            "one per player, got 3."
        ),
    ),
    ("broken.py:game", "broken.py cannot be imported (line 2): NameError: name 'missing' is not defined"),
    ("quits.py:game", "quits.py cannot be imported (line 1): SystemExit: bye"),
    ("spelling.py:game", "spelling.py cannot be imported (line 1): SyntaxError: invalid syntax (spelling.py, line 1)"),
    ("notes.txt:game", "notes.txt must be a Python file, with a name that ends in .py."),
    ("my_game.py:game --games icr", "--games selects games of the catalogue. Leave it out if you give a file."),
    ("--start my_game.py:players", "--start needs a game in a file. Give one as my_game.py:game."),
    ("--games icr --sample my_game.py:sample", "--sample needs a game in a file. Give one as my_game.py:game."),
    ("--games icr --constraints my_game.py:box", "--constraints needs a game in a file. Give one as my_game.py:game."),
    (
        "my_game.py:game --start my_game.py:players --key 3",
        "--key needs --sample: without noise there is nothing to draw.",
    ),
    (
        "my_game.py:game --start my_game.py:players --constraints my_game.py:sets",
        (
            "my_game.py:game failed at its start: ValueError: constraints must have one projection or None per player, "
            "got 1 for 2 players. Pass one function for all players, or a tuple."
        ),
    ),
    ("--games icr --tune --lr 0", "the step size must be above 0 for a search, got 0.0."),
    ("--games bilinaer", "there is no game named 'bilinaer'; did you mean bilinear?"),
    ("--games icr --solvers cgdd", "there is no solver named 'cgdd'; did you mean cgd?"),
    ("--solvers qqqqq", f"there is no solver named 'qqqqq'; known: {', '.join(KNOWN)}."),
    ("--solvers ,", f"no solver given. Known: {', '.join(KNOWN)}."),
    ("--solvers cgd my_game.py:game", "my_game.py:game was read as the name of a solver. Write it before the options."),
    ("--games icr --lr 0.1,0.2,0.3", "the step size must have 2 entries on icr, one per player, got 3."),
    ("--games icr --out my_game.py/below", "cannot write to my_game.py/below: Not a directory."),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[arguments for arguments, _ in MISTAKES])
def test_a_mistake_gives_one_line_and_exit_code_two(folder, capsys, arguments, message):
    (folder / "broken.py").write_text("x = 1\ny = missing\n")
    (folder / "quits.py").write_text("raise SystemExit('bye')\n")
    (folder / "spelling.py").write_text("x = = 1\n")
    (folder / "notes.txt").write_text("no code")
    assert cli.main(["compare", *arguments.split()]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"gamesolve: {message}\n"
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("compare --steps 0", "must be a positive integer, got '0'"),
        ("compare --steps many", "must be a positive integer, got 'many'"),
        ("compare --seeds -1", "must be a positive integer, got '-1'"),
        ("compare --lr fast", "must be a number, or numbers separated by commas, got 'fast'"),
        ("compare --lr 0.1,nan", "must be finite and not negative"),
        ("compare --stepz 3", "unrecognized arguments"),
        ("", "required: command"),
    ],
)
def test_bad_options_exit_with_two(folder, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments.split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_what_was_finished_is_kept_after_a_failure(folder, capsys, monkeypatch):
    begin = compare.begin

    def fails_on_cgd(problem, entry, settings):
        if entry.name == "cgd":
            raise NotImplementedError("no second derivative\nof this")
        return begin(problem, entry, settings)

    monkeypatch.setattr(compare, "begin", fails_on_cgd)
    arguments = ["compare", "my_game.py:game", "--start", "my_game.py:players", "--steps", "5", "--out", "out"]
    assert cli.main([*arguments, "--solvers", "simgd", "cgd"]) == 2
    message = "cgd failed on my_game:game: NotImplementedError: no second derivative"
    assert capsys.readouterr().err == f"gamesolve: {message}\n"
    assert [row["solver"] for row in rows(folder / "out")] == ["simgd"]
    assert json.loads((folder / "out/manifest.json").read_text())["status"] == f"failed: {message}"


def test_a_failure_while_timing_keeps_all_runs(folder, capsys, monkeypatch):
    def fails():
        raise MemoryError("no memory left")

    begin = compare.begin
    broken = lambda *args: begin(*args)._replace(timed=fails) if args[1].name == "ogda" else begin(*args)
    monkeypatch.setattr(compare, "begin", broken)
    arguments = ["compare", "--games", "curl", "--solvers", "simgd", "ogda", "altgd", "--steps", "5", "--out", "out"]
    with pytest.raises(MemoryError):
        cli.main(arguments)
    written = rows(folder / "out")
    assert [row["solver"] for row in written] == ["simgd", "ogda", "altgd"]
    assert [bool(row["microseconds"]) for row in written] == [True, False, False]


def test_ctrl_c_keeps_what_was_finished(folder, capsys, monkeypatch):
    begin = compare.begin

    def interrupted_on_icr(problem, entry, settings):
        if problem.name == "icr":
            raise KeyboardInterrupt
        return begin(problem, entry, settings)

    monkeypatch.setattr(compare, "begin", interrupted_on_icr)
    arguments = ["compare", "--games", "curl", "icr", "--solvers", "simgd", "--steps", "5", "--out", "out"]
    assert cli.main(arguments) == 130
    assert capsys.readouterr().err == "gamesolve: interrupted. Finished results have been written.\n"
    assert [row["game"] for row in rows(folder / "out")] == ["curl"]
    assert (folder / "out/curl.png").is_file()
    assert json.loads((folder / "out/manifest.json").read_text())["status"] == "interrupted"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_shows_on_a_terminal_alone(folder, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["compare", "--games", "curl", "--solvers", "simgd", "--steps", "5", "--out", "out"]) == 0
    assert "curl: simgd, 1 of 1 solvers" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith(" " * 79 + "\r")  # it leaves a clean line


def test_list_names_every_game_and_solver_in_a_fresh_process():
    result = subprocess.run(
        [sys.executable, "-m", "gamesolve", "compare", "--list"], capture_output=True, encoding="utf-8", check=True
    )
    for game in registry.GAMES.values():
        assert f"  {game.name:15}{game.summary}" in result.stdout
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 120
    assert result.stderr == ""
    first = next(line for line in lines if line.startswith("  simgd "))
    edges = [2, first.index(registry.SOLVERS["simgd"].formula), first.index(registry.SOLVERS["simgd"].paper), 120]
    titles = [family.__doc__.splitlines()[0].removesuffix(".") for family in solvers.FAMILIES]
    headings = [line for line in lines[lines.index(first) - 1 :] if line and not line.startswith(" ")]
    assert headings == [*titles, "Rules of optax: one for each player, at once or in turn"]
    members = dict(zip(headings, [*(family.__all__ for family in solvers.FAMILIES), RULES], strict=True))
    found = []
    for line in lines[lines.index(first) - 1 :]:
        if not line.startswith(" "):
            family = members.get(line)
            continue
        assert all(line[edge - 2 : edge].isspace() for edge in edges[:-1] if edge < len(line))
        cells = [line[edge:end].strip() for edge, end in itertools.pairwise(edges)]
        if cells[0]:
            found.append(cells)
            assert cells[0] in family
        else:  # what the column could not hold
            found[-1] = [f"{above} {below}".strip() for above, below in zip(found[-1], cells, strict=True)]
    assert found == [[entry.name, entry.formula, entry.paper] for entry in KNOWN.values()]


def test_without_names_the_core_is_run():
    assert set(registry.CORE) <= set(registry.SOLVERS)
    assert set(command.DEFAULT_GAMES) <= set(registry.GAMES)
    assert list(command._named(registry.SOLVERS, None, registry.CORE, "solver")) == list(registry.CORE)
    assert list(command._named(registry.SOLVERS, list(registry.SOLVERS), registry.CORE, "solver")) == list(
        registry.SOLVERS
    )


def test_a_solver_that_can_not_run_on_a_game_gets_a_footnote(folder, capsys):
    arguments = ["compare", "--games", "three-players", "--solvers", "stackelberg", "--steps", "10", "--out", "out"]
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("stackelberg")).split() == ["stackelberg", "n/a", *"--------"]
    assert next(line for line in lines if line.startswith("  stackelberg: ")).endswith("got a game with 3")
    row = rows(folder / "out")[-1]
    assert (row["solver"], row["status"], row["steps"], row["distance"]) == ("stackelberg", "n/a", "", "")
    assert not (folder / "out/three-players.png").exists()  # there is nothing to draw


def test_long_names_and_footnotes_stay_within_the_width():
    names = list(registry.SOLVERS)
    note = "no prediction, its step is not differentiable at the equilibrium"
    runs = [
        compare.Run(compare.Row("g", name, "0.1", "n/a", 0, 0, 1, notes=note), None, None, None, None) for name in names
    ]
    problem = compare.prepare("curl", gamesolve.games.curl(), compare.Settings())
    lines = tables.table(problem, "field", runs).splitlines()
    assert max(map(len, lines)) <= tables.WIDTH
    at = {line.index("n/a") for line in lines[4 : 4 + len(names)]}
    assert len(at) == 1
    text = " ".join(line.strip() for line in lines[4 + len(names) :])
    assert (
        text
        == f"{', '.join(names)}: {note} best: none, no solver can run on the game, or all diverge or make no progress"
    )


def test_importing_gamesolve_does_not_import_matplotlib():
    code = (
        "import sys, gamesolve, gamesolve.cli; assert 'matplotlib' not in sys.modules; "
        "import gamesolve.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(jax.__version_info__ < (0, 10, 2), reason="older versions print errors")
def test_compiled_programs_are_kept(folder, monkeypatch):
    """In the user's cache folder, unless JAX was told where; a call from Python changes no settings."""
    settings = {}
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "caches"))
    monkeypatch.setattr(type(jax.config), "update", lambda self, name, value: settings.update({name: value}))
    assert cli.main(["compare", "--list"]) == 0
    assert not settings
    monkeypatch.setattr(sys, "argv", ["gamesolve", "compare", "--list"])
    assert cli.main() == 0
    assert settings["jax_compilation_cache_dir"] == str(folder / "caches" / "gamesolve")
    assert settings["jax_persistent_cache_min_compile_time_secs"] == 0


@pytest.mark.full
def test_a_second_command_starts_in_half_the_time(tmp_path):
    """Seconds of the processor until the first table, with the compiler as users have it."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "XLA_FLAGS": ""}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)

    def seconds(name):
        command = [sys.executable, "-m", "gamesolve", "compare", "--out", str(tmp_path / name)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline().startswith("bilinear:")
            process.kill()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    first = seconds("first")
    assert seconds("second") < first / 2
