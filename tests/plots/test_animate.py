"""Films hold the frames that were drawn, in their order, and stay small."""

import io
import pathlib
import sys
import types

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import gamesolve as gs
from gamesolve import plots
from gamesolve.plots import animate

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = {"size": (1.5, 1.2), "dpi": 60}


@pytest.fixture(autouse=True)
def untouched_style():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before


def trail(steps):
    run = gs.solve(gs.games.curl(), gs.cgd(0.3), (1.0, 0.0), steps, record=lambda players, state: players)
    return run.trace


def test_a_film_of_paths_grows_and_is_saved_as_gif(tmp_path):
    way = np.stack([np.ravel(leaf) for leaf in trail(6)], axis=1)
    film = animate.paths({"cgd": way}, equilibrium=(0.0, 0.0), tail=2, **SMALL)
    assert len(film.frames) == 8
    assert all(frame.shape == (72, 90, 3) for frame in film.frames)
    assert (film.frames[0] != film.frames[5]).any()
    np.testing.assert_array_equal(film.frames[5], film.frames[7])
    film.save(tmp_path / "paths.gif")
    with Image.open(tmp_path / "paths.gif") as saved:
        assert saved.size == (90, 72)
        assert saved.n_frames in (6, 8)  # pillow may join equal frames into a longer one
    assert "data:image/gif;base64" in film._repr_html_()
    with pytest.raises(ValueError, match=r"\.png"):
        film.save(tmp_path / "paths.png")
    with pytest.raises(ValueError, match="view"):
        animate.paths({"cgd": way}, **SMALL)


def test_a_trace_is_thinned_and_keeps_its_ends():
    seen = []
    trace = {"players": trail(40)}
    film = animate.training(trace, lambda ax, entry: seen.append(float(entry["players"][0])), most=5, **SMALL)
    assert len(film.frames) == 5
    first, last = (float(trace["players"][0][at]) for at in (0, -1))
    assert (seen[0], seen[-1]) == (first, last)


def test_fields_and_surfaces_move_and_may_be_dark():
    pictures = {
        f"slope {slope}": gs.analysis.slice_field(
            gs.zero_sum(lambda x, y, s: x * y + s * x**2, constants=(slope,)), (0.0, 0.0), num=9
        )
        for slope in (0.0, 1.0)
    }
    light, night = animate.fields(pictures, **SMALL), animate.fields(pictures, dark=True, **SMALL)
    assert (light.frames[0] != light.frames[1]).any()
    assert np.mean(night.frames[0]) < 60 < 190 < np.mean(light.frames[0])
    surfaces = animate.record(
        lambda ax, slope: plots.surface(lambda x: slope * x[:, 0], ((-1, 1), (-1, 1)), num=5, ax=ax),
        [0.0, 5.0],
        projection="3d",
        **SMALL,
    )
    assert (surfaces.frames[0] != surfaces.frames[1]).any()
    with pytest.raises(ValueError, match="items must hold at least one"):
        animate.record(lambda ax, item: None, [])


def test_gifs_are_deterministic():
    film = animate.record(lambda ax, x: ax.plot([0, x]), [1, 2], **SMALL)
    again = animate.record(lambda ax, x: ax.plot([0, x]), [1, 2], **SMALL)
    assert film.to_html() == again.to_html()
    with Image.open(io.BytesIO(film._gif())) as saved:
        assert saved.format == "GIF"


def test_films_need_an_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio.v2", None)
    with pytest.raises(ImportError, match=r"\[mp4\]"):
        animate.record(lambda ax, x: None, [1], **SMALL).save(tmp_path / "film.mp4")


def test_films_are_written_in_even_sizes(monkeypatch, tmp_path):
    written = []

    class Writer:
        append_data = written.append
        __enter__ = lambda self: self
        __exit__ = lambda *_: None

    fake = types.SimpleNamespace(get_writer=lambda path, fps, **_: written.append((path.name, fps)) or Writer())
    monkeypatch.setitem(sys.modules, "imageio.v2", fake)
    film = animate.record(lambda ax, x: ax.plot([0, x]), [1, 2], size=(1.01, 0.99), dpi=100, rate=5.0)
    film.save(tmp_path / "film.mp4")
    (name, rate), *frames = written
    assert (name, rate) == ("film.mp4", 5.0)
    assert [frame.shape for frame in frames] == [(100, 102, 3)] * 2
    np.testing.assert_array_equal(frames[1][:99, :101], film.frames[1])


def test_all_pictures_of_the_repository_fit_their_budget():
    kept = [path for kind in ("png", "gif", "svg", "jpg") for path in (ROOT / "docs" / "figures").glob(f"*.{kind}")]
    assert kept
    assert sum(path.stat().st_size for path in kept) < 5 * 2**20
