"""Animations: any function of `gamesolve.plots`, drawn once per frame.

>>> import numpy as np
>>> from gamesolve import animate, plots
>>> film = animate.record(lambda ax, n: plots.convergence({"a": 0.5 ** np.arange(n)}, ax=ax), [2, 3, 4])
>>> len(film.frames), film.frames[0].shape
(3, (348, 420, 3))
"""

import base64
import dataclasses
import html
import importlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gamesolve.analysis import Slice
from gamesolve.checks.extras import needs
from gamesolve.plots import dark as darken
from gamesolve.plots import legend, paper, phase_portrait, vector_field
from gamesolve.plots.arguments import by_name
from gamesolve.trees import PyTree
from gamesolve.trees.faces import shown

__all__ = ["Film", "fields", "paths", "record", "training"]


@shown()
@dataclasses.dataclass(frozen=True)
class Film:
    """A sequence of frames, which notebooks show as an animation.

    Attributes:
        frames: arrays of bytes of shape (height, width, 3), all of the same size.
        rate: frames per second.
        alt: description for readers who cannot see the film. Default: "animation".
    """

    frames: Sequence[np.ndarray]
    rate: float = 15.0
    alt: str = "animation"

    def save(self, path: str | Path) -> None:
        """Save the film as ``.gif``, or as ``.mp4`` with the extra ``mp4``.

        Args:
            path: name of the file. Its ending decides the format.

        Raises:
            ValueError: if the ending is neither ``.gif`` nor ``.mp4``.
            ImportError: if the ending is ``.mp4`` and the extra is not installed.
        """
        path = Path(path)
        if path.suffix == ".gif":
            path.write_bytes(self._gif())
        elif path.suffix == ".mp4":
            _write_mp4(path, self.frames, self.rate)
        else:
            raise ValueError(f"path must end in .gif or .mp4, got {path.suffix!r}.")

    def to_html(self) -> str:
        """Return the film as a self-contained HTML element."""
        source = base64.b64encode(self._gif()).decode()
        return f'<img alt="{html.escape(self.alt)}" src="data:image/gif;base64,{source}"/>'

    def _repr_html_(self) -> str:
        return self.to_html()

    def _gif(self) -> bytes:
        # One palette for all frames avoids flicker and keeps the file small. MAXCOVERAGE gives the colours of thin
        # lines as much weight as the background.
        some = Image.fromarray(np.concatenate([self.frames[at * (len(self.frames) - 1) // 2] for at in range(3)]))
        palette = some.quantize(256, Image.Quantize.MAXCOVERAGE)
        reduced = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames)
        first, *others = reduced
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=others, duration=round(1000 / self.rate), loop=0)
        return file.getvalue()


def record(
    draw: Callable[[Axes, Any], object],
    items: Iterable[PyTree],
    *,
    size: tuple[float, float] = paper.SIZE,
    dpi: float = 120,
    rate: float = 15.0,
    dark: bool = False,
    alt: str = "animation",
    **kind: Any,
) -> Film:
    """Make a film by drawing each item on fresh axes of the same figure.

    Args:
        draw: ``draw(ax, item)`` draws one frame, for example with a function of `gamesolve.plots`.
        items: one item per frame.
        size: size of the figure in inches.
        dpi: pixels per inch.
        rate: frames per second.
        dark: whether to draw for dark pages; see `gamesolve.plots.dark`.
        alt: description of the film for readers who cannot see it. Default: "animation".
        **kind: settings of the axes, as for ``Figure.add_subplot``: ``projection="3d"`` for surfaces.

    Returns:
        The `Film`.

    Raises:
        ValueError: if there are no items.

    Example:
        >>> from gamesolve import animate
        >>> film = animate.record(lambda ax, x: ax.plot([0, x]), [1, 2], size=(1, 1), dpi=50)
        >>> film.to_html()[:20]
        '<img alt="animation"'
    """
    frames = []
    for item in items:
        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw(paper.small(figure.add_subplot(**kind)), item)
        if dark:
            darken(figure)
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    if not frames:
        raise ValueError("items must hold at least one item to draw, got none.")
    return Film(frames, rate, alt)


def training(trace: PyTree, draw: Callable[[Axes, Any], object], *, most: int = 60, **settings: Any) -> Film:
    """Make a film of a run from its records.

    Args:
        trace: ``sol.trace`` of `gamesolve.solve`, a pytree whose leaves share a leading axis of time.
        draw: ``draw(ax, entry)`` draws one entry of the trace, a pytree without that axis.
        most: largest number of frames. Longer traces are thinned evenly.
        **settings: as in `record`.

    Returns:
        The `Film`.

    Example:
        >>> import gamesolve as gs
        >>> run = gs.solve(gs.games.curl(), gs.cgd(0.5), (1.0, 0.0), 4, record=lambda players, state: players)
        >>> film = gs.animate.training(run.trace, lambda ax, players: ax.plot(*players, "o"), size=(1, 1), dpi=50)
        >>> len(film.frames)
        4
    """
    trace = jax.tree.map(np.asarray, trace)
    number = len(jax.tree.leaves(trace)[0])
    chosen = np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(int))
    return record(draw, (jax.tree.map(lambda leaf, at=at: leaf[at], trace) for at in chosen), **settings)


def paths(
    ways: Mapping[str, np.ndarray], *, most: int = 60, tail: int = 8, rate: float = 15.0, **settings: Any
) -> Film:
    """Make a film of paths that grow on a phase portrait.

    Args:
        ways: points of the paths by name, of shape (steps, 2), all of the same length.
        most: largest number of frames, without the tail.
        tail: number of frames that repeat the end.
        rate: frames per second.
        **settings: ``size``, ``dpi``, ``dark`` and ``alt`` as in `record`; all others as in
            `gamesolve.plots.phase_portrait`. One of them must be ``view`` or ``equilibrium``, which keep the view the
            same.

    Returns:
        The `Film`.

    Raises:
        ValueError: if neither ``view`` nor ``equilibrium`` is given.

    Example:
        >>> import numpy as np
        >>> from gamesolve import animate
        >>> way = np.linspace([1.0, 1.0], [0.0, 0.0], 4)
        >>> len(animate.paths({"down": way}, equilibrium=(0, 0), tail=0, size=(1.5, 1.5), dpi=50).frames)
        4
    """
    if settings.get("view") is None and settings.get("equilibrium") is None:
        raise ValueError("paths needs view= or equilibrium=, got neither. They keep the view the same in all frames.")
    film = {name: settings.pop(name) for name in ("size", "dpi", "dark", "alt") if name in settings}
    ways = by_name("ways", ways, "points")
    longest = max(len(way) for way in ways.values())
    ends = np.unique(np.linspace(1, longest, min(longest, most)).round().astype(int))

    def draw(ax: Axes, end: int) -> None:
        phase_portrait({name: way[:end] for name, way in ways.items()}, ax=ax, **settings)
        if len(ways) > 1:
            legend(ax)

    return record(draw, [*ends, *[longest] * tail], rate=rate, **film)


def fields(pictures: Mapping[str, Slice], *, rate: float = 4.0, **settings: Any) -> Film:
    """Make a film of a field that changes with a parameter, such as gamma, the number of samples or the noise.

    Args:
        pictures: results of `gamesolve.analysis.slice_field` on the same plane, by the title of their frame.
        rate: frames per second.
        **settings: as in `record`.

    Returns:
        The `Film`.

    Example:
        >>> import gamesolve as gs
        >>> picture = gs.analysis.slice_field(gs.games.curl(), (0.0, 0.0), num=9)
        >>> turned = picture._replace(motion=-picture.motion)
        >>> film = gs.animate.fields({"there": picture, "back": turned}, size=(1.5, 1.5), dpi=50)
        >>> len(film.frames)
        2
    """

    def draw(ax: Axes, entry: tuple[str, Slice]) -> None:
        name, picture = entry
        vector_field(picture, ax=ax).set_title(name, fontsize=paper.SMALL + 1)

    return record(draw, by_name("pictures", pictures, "slices").items(), rate=rate, **settings)


def _write_mp4(path: Path, frames: Sequence[np.ndarray], rate: float) -> None:
    try:
        imageio = importlib.import_module("imageio.v2")  # an optional dependency
    except ImportError:
        raise needs("saving .mp4", "imageio", "mp4") from None
    with imageio.get_writer(path, fps=rate, codec="libx264", macro_block_size=2) as writer:
        for frame in frames:
            height, width, _ = frame.shape  # H.264 needs even sizes
            writer.append_data(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge"))
