"""Draw what a watch has measured: a picture with the curves, and a page with the verdicts beside it."""

import base64
import html
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gamesolve.plots import lines
from gamesolve.plots.paper import GREY, Sheet, small
from gamesolve.watching.callback import Watch
from gamesolve.watching.history import Row
from gamesolve.watching.verdicts import STATES, Verdict

# One colour for each state, light enough to write on.
SHADES = ("#f4c7c3", "#fbe0c4", "#d9d9d9", "#e3e8c8", "#f9f3c0", "#e5cfe8", "#cde8d2", "#c9def2", "#ffffff")
COLOURS = dict(zip(STATES, SHADES, strict=True))


def draw(watch: Watch) -> Figure:
    """Draw the measurements of a run over its steps, on backgrounds of the verdicts' colours.

    Args:
        watch: a watch with at least two measurements.

    Returns:
        The figure; save it with ``figure.savefig("watch.png")``.

    Raises:
        ValueError: if there are fewer than two measurements.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.watching import dashboard
        >>> watch = gs.watch(gs.games.curl(), gs.simgd(0.1), every=20, tell=None)
        >>> _ = gs.run(gs.games.curl(), gs.simgd(0.1), (1.0, 0.0), 400, chunk=20, callbacks=[watch])
        >>> [axes.get_ylabel() for axes in dashboard.draw(watch).axes][:2]
        ['gradient norm', 'exponent per step']
    """
    if len(watch.rows) < 2:
        raise ValueError(f"watch must have two measurements or more, got {len(watch.rows)}. Draw it later in the run.")
    has_outputs = bool(np.isfinite(watch.rows[-1]["variety"]))
    names = ["norms", "exponent", "rotation", "signal"] + ["variety"] * has_outputs
    figure = Sheet(figsize=(7.2, 0.6 + 1.35 * len(names)), dpi=150, layout="constrained")
    panels = figure.subplots(len(names), sharex=True)
    for name, ax in zip(names, panels, strict=True):
        _panel(small(ax), name, watch.rows)
        _shade(ax, watch.verdicts)
    panels[-1].set_xlabel("step")
    _legend(figure, watch.verdicts)
    return figure


def page(watch: Watch, path: str | Path) -> Path:
    """Write an HTML page with the picture and each change of the verdict; it needs no other file.

    Args:
        watch: a watch with at least two measurements.
        path: the file to write; its folder is created if it does not exist.

    Returns:
        The path.

    Raises:
        ValueError: if there are fewer than two measurements.
    """
    file, path = io.BytesIO(), Path(path)
    draw(watch).savefig(file, format="png")
    picture = base64.b64encode(file.getvalue()).decode()
    rows = "".join(
        f'<tr><td>{verdict.step}</td><td style="background:{COLOURS[verdict.state]}">{verdict.state}</td>'
        f"<td>{html.escape(verdict.evidence)}</td></tr>"
        for verdict in _changes(watch.verdicts)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(verdict=html.escape(str(watch.verdict)), picture=picture, rows=rows), encoding="utf-8")
    return path


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>What the training does</title>
<style>body{{font:15px sans-serif;max-width:62em;margin:2em auto;padding:0 1em}}img{{width:100%}}
td,th{{padding:.3em .7em;text-align:left;vertical-align:top}}td{{border-top:1px solid #ddd}}</style></head>
<body><h1>What the training does</h1><p><b>{verdict}</b></p>
<img alt="Measurements over the steps, on backgrounds of the verdicts' colours" src="data:image/png;base64,{picture}">
<h2>Changes of the verdict</h2><table><tr><th>step</th><th>state</th><th>evidence</th></tr>{rows}</table></body></html>
"""

LABELS = {
    "norms": "gradient norm",
    "exponent": "exponent per step",
    "rotation": "share of rotation",
    "signal": "agreement of draws",
    "variety": "clumps of outputs",
}


def _panel(ax: Axes, name: str, rows: Sequence[Row]) -> None:
    """Draw the curve of one measurement, or one per player."""
    steps, values = [row["step"] for row in rows], np.array([row[name] for row in rows], float)
    curves = {f"player {i}": values[:, i] for i in range(values.shape[1])} if values.ndim > 1 else {name: values}
    lines(curves, steps, axes=("", LABELS[name]), ax=ax)
    if name == "norms":
        ax.set_yscale("log")
        ax.legend(
            fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, ncols=len(curves)
        )
    elif name == "exponent":
        ax.axhline(0, color=GREY, linewidth=0.8)
        # The first direction is random: its growth says little, and may dwarf the others.
        later = values[1:]
        margin = 0.1 * max(float(np.ptp(later)), 1e-3)
        ax.set_ylim(min(0.0, float(np.min(later))) - margin, max(0.0, float(np.max(later))) + margin)
    elif name in ("rotation", "signal"):
        ax.set_ylim(min(-0.05, float(np.min(values)) - 0.05), 1.05)


def _shade(ax: Axes, verdicts: Sequence[Verdict]) -> None:
    """Colour the background by the verdicts, each from its step to the next one."""
    changes = _changes(verdicts)
    ends = [verdict.step for verdict in changes[1:]] + [verdicts[-1].step]
    for verdict, end in zip(changes, ends, strict=True):
        ax.axvspan(verdict.step, end, color=COLOURS[verdict.state], zorder=0, linewidth=0)


def _changes(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [next(group) for _, group in itertools.groupby(verdicts, lambda verdict: verdict.state)]


def _legend(figure: Figure, verdicts: Sequence[Verdict]) -> None:
    """Name the colours that occur, above the panels."""
    seen = dict.fromkeys(verdict.state for verdict in verdicts)
    handles = [Patch(facecolor=COLOURS[state], edgecolor=GREY, linewidth=0.5, label=state) for state in seen]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
