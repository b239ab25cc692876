"""`gamesolve recommend` as a user meets it."""

import matplotlib.image
import pytest

from gamesolve import cli
from gamesolve.cli import loading

GAME = """
import jax
import jax.numpy as jnp
import optax
import gamesolve as gs

game = gs.zero_sum(lambda x, y: x**2 / 4 + x * y - y**2 / 4)
noisy = gs.zero_sum(lambda x, y, a: jnp.mean((x - a) ** 2) + x * y - y**2)
players = (1.0, 2.0)


def sample(key):
    return jax.random.normal(key, (8,))


def box(player):
    return optax.projections.projection_box(player, 0.5, 3.0)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_game.py").write_text(GAME)
    yield tmp_path
    loading._module.cache_clear()


def run(*arguments):
    return cli.main(["recommend", *arguments, "--start", "my_game.py:players", "--solvers", "extragradient"])


def test_it_prints_a_table_and_draws_a_figure(folder, capsys):
    assert run("my_game.py:game", "--plot", "advice.png") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 players, 2 parameters")
    assert lines[1] == "an equilibrium was found, stable under the flow"
    assert any(line.startswith("recommended: gs.extragradient(") for line in lines)
    assert lines[-1].endswith("of 20000 evaluations (fields and products with J)")
    assert min(matplotlib.image.imread(folder / "advice.png").shape[:2]) > 200


def test_samplers_and_constraints_come_from_the_file(folder, capsys):
    assert run("my_game.py:noisy", "--sample", "my_game.py:sample", "--key", "3", "--budget", "4000") == 0
    assert "of the residual at the start" in capsys.readouterr().out
    assert run("my_game.py:game", "--constraints", "my_game.py:box") == 0
    assert "projections=box" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my_game.py:gam"], "my_game.py has no 'gam'. Did you mean game?"),
        (["my_game.py:noisy"], "my_game.py:noisy failed"),
        (["my_game.py:game", "--sample", "my_game.py:samples"], "Did you mean sample?"),
        (["my_game.py:game", "--key", "5"], "--key needs --sample"),
        (["my_game.py:game", "--constraints", "my_game.py:players"], "projections must be a function"),
        (["my_game.py:game", "--plot", "none/advice.png"], "cannot write none/advice.png"),
    ],
)
def test_mistakes_take_one_line(folder, capsys, arguments, message):
    assert run(*arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value"), [("--key", "99999999999999999999"), ("--reach", "2"), ("--budget", "2.5"), ("--key", "-1")]
)
def test_numbers_out_of_range_name_their_option(folder, capsys, option, value):
    with pytest.raises(SystemExit):
        run("my_game.py:noisy", "--sample", "my_game.py:sample", option, value)
    assert f"argument {option}" in capsys.readouterr().err
