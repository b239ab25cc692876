"""Draw which rooms of the package import which; ``python docs/architecture.py`` rewrites docs/figures/architecture.png.

A room is an entry of ``gamesolve/``: a module or a folder. Each room is drawn below all rooms that import it. Arrows
that follow from other arrows are left out. The picture stores all imports as text, so that a test can tell when it is
out of date.
"""

import ast
import itertools
import pathlib
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from scipy.optimize import isotonic_regression

ROOT = pathlib.Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "figures" / "architecture.png"
TABLE = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)

WIDTH, HEIGHT, GAP = 2.7, 1.14, 0.46  # size of a box and gap between floors, in inches
LANE = 0.3  # width for an arrow that passes a floor

Imports = Mapping[str, set[str]]
Node = str | tuple[str, str, int]  # a room, or the place where the arrow from one room to another passes a floor


def imported(path: pathlib.Path) -> Iterator[str]:
    """Yield the full names that a file imports from gamesolve, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("gamesolve."))
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("gamesolve."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(package: pathlib.Path = ROOT / "gamesolve") -> Imports:
    """Return the rooms of a package, each with the other rooms that it imports."""
    entries = [entry for entry in package.iterdir() if entry.suffix == ".py" or (entry / "__init__.py").exists()]
    files = {entry.stem: [entry] if entry.is_file() else [*entry.rglob("*.py")] for entry in sorted(entries)}
    files = {room: paths for room, paths in files.items() if not room.startswith("__")}
    names = {room: {name.split(".")[1] for path in paths for name in imported(path)} for room, paths in files.items()}
    return {room: (others & files.keys()) - {room} for room, others in names.items()}


def summary(imports: Imports) -> str:
    """Return all imports as one line of text."""
    return "; ".join(f"{room}: {' '.join(sorted(others))}" for room, others in sorted(imports.items()))


def essential(imports: Imports) -> dict[str, set[str]]:
    """Return the imports without those that follow from others."""

    def below(room: str) -> set[str]:
        return imports[room].union(*map(below, imports[room]))

    return {room: others.difference(*map(below, others)) for room, others in imports.items()}


def floors(imports: Imports) -> dict[str, int]:
    """Return the floor of each room: just below its importers, or, without importers, just above its imports."""
    importers = {room: [other for other in imports if room in imports[other]] for room in imports}

    def lowest(room: str) -> int:
        return 1 + max(map(lowest, imports[room]), default=-1)

    def floor(room: str) -> int:
        return min(map(floor, importers[room])) - 1 if importers[room] else lowest(room)

    return {room: floor(room) for room in imports}


def routes(arrows: Imports, floor: Mapping[str, int]) -> list[list[Node]]:
    """Return the nodes that each arrow passes from top to bottom, one per floor."""
    return [
        [room, *((room, other, level) for level in range(floor[room] - 1, floor[other], -1)), other]
        for room in arrows
        for other in sorted(arrows[room])
    ]


def crossings(upper: Sequence[Node], lower: Sequence[Node], steps: Iterable[tuple[Node, Node]]) -> int:
    """Return how many arrows cross between two floors."""
    ends = [(upper.index(a), lower.index(b)) for a, b in steps if a in upper and b in lower]
    return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(ends, 2))


def ordered(levels: list[list[Node]], steps: set[tuple[Node, Node]]) -> list[list[Node]]:
    """Order each floor so that few arrows cross: the best order given its two neighbours, swept up and down."""
    for index in [*range(len(levels)), *reversed(range(len(levels)))] * 4:
        around = [levels[other] for other in (index - 1, index + 1) if 0 <= other < len(levels)]

        def cost(order: Sequence[Node], around: Iterable[list[Node]] = around) -> int:
            return sum(crossings(order, other, {*steps, *((b, a) for a, b in steps)}) for other in around)

        levels[index] = list(min(itertools.permutations(levels[index]), key=cost))
    return levels


def placed(levels: list[list[Node]], steps: set[tuple[Node, Node]]) -> dict[Node, float]:
    """Return the horizontal position of each node: near its neighbours, in order, without overlap."""
    size = lambda node: WIDTH + 0.35 if isinstance(node, str) else LANE
    offsets = [np.cumsum([0.0, *((size(a) + size(b)) / 2 for a, b in itertools.pairwise(level))]) for level in levels]
    x = {
        node: place - places.mean()
        for level, places in zip(levels, offsets, strict=True)
        for node, place in zip(level, places, strict=True)
    }
    straight = lambda a, b: 1 + 3 * (isinstance(a, tuple) + isinstance(b, tuple))
    for _ in range(60):
        for level, offset in zip(levels, offsets, strict=True):
            wanted = []
            for node in level:
                pulls = [(x[b if a == node else a], straight(a, b)) for a, b in steps if node in (a, b)]
                places, weights = zip(*pulls, (0.0, 0.3), strict=True)  # the last one pulls towards the centre
                wanted.append(np.average(places, weights=weights))
            x |= zip(level, isotonic_regression(np.array(wanted) - offset).x + offset, strict=True)
    return x


def draw(imports: Imports, texts: Mapping[str, str]) -> Figure:
    """Draw rooms as boxes on floors, with their texts, and their essential imports as arrows."""
    arrows, floor = essential(imports), floors(imports)
    ways = routes(arrows, floor)
    steps = {step for way in ways for step in itertools.pairwise(way)}
    levels: list[list[Node]] = [[] for _ in range(1 + max(floor.values()))]
    for node in dict.fromkeys(itertools.chain(imports, *ways)):
        levels[floor[node] if isinstance(node, str) else node[2]].append(node)
    x = placed(ordered(levels, steps), steps)
    y = {node: index * (HEIGHT + GAP) for index, level in enumerate(levels) for node in level}

    left, right = min(x.values()) - WIDTH / 2 - 0.2, max(x.values()) + WIDTH / 2 + 0.2
    top = max(y.values()) + HEIGHT / 2 + 0.2
    figure = Figure(figsize=(right - left, top + HEIGHT / 2 + 0.2))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(-HEIGHT / 2 - 0.2, top))
    axes.set_axis_off()
    colours = mpl.colormaps["YlGnBu"](np.linspace(0.36, 0.04, len(levels)))
    for way in ways:
        _arrow(axes, way, x, y, steps)
    for room, text in texts.items():
        _box(axes, room, text, (x[room], y[room]), colours[floor[room]])
    return figure


def _port(node: Node, other: Node, x: Mapping[Node, float], ends: Iterable[Node]) -> float:
    """Return the horizontal position at which an arrow meets its box: in the order of the arrows' other ends."""
    if not isinstance(node, str):
        return x[node]
    row = sorted(ends, key=lambda end: x[end])
    return x[node] + (row.index(other) - (len(row) - 1) / 2) * min(0.5, 0.8 * WIDTH / len(row))


def _arrow(
    axes: Axes, way: list[Node], x: Mapping[Node, float], y: Mapping[Node, float], steps: set[tuple[Node, Node]]
) -> None:
    points, codes = [], []
    for upper, lower in itertools.pairwise(way):
        start = _port(upper, lower, x, [b for a, b in steps if a == upper]), y[upper] - HEIGHT / 2
        end = _port(lower, upper, x, [a for a, b in steps if b == lower]), y[lower] + HEIGHT / 2
        middle = (start[1] + end[1]) / 2
        points += [start, (start[0], middle), (end[0], middle), end]
        codes += [Path.LINETO if codes else Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    axes.add_patch(
        FancyArrowPatch(path=Path(points, codes), arrowstyle="-|>", mutation_scale=11, linewidth=1.1, color="#5b6b7a")
    )


def _box(axes: Axes, room: str, text: str, centre: tuple[float, float], colour: np.ndarray) -> None:
    x, y = centre
    corner, style = (x - WIDTH / 2, y - HEIGHT / 2), "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, style, facecolor=colour, edgecolor="#2c4a63", linewidth=1.1))
    lines = textwrap.wrap(text.replace("`", ""), 30)
    name = y + 0.03 + 0.09 * len(lines)
    axes.text(x, name, room, ha="center", va="center", weight="bold", fontsize=15, color="#12293d")
    axes.text(x, name - 0.14, "\n".join(lines), ha="center", va="top", fontsize=11, color="#12293d", linespacing=1.15)


if __name__ == "__main__":
    found = rooms()
    table = dict(TABLE.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")))
    draw(found, table).savefig(PICTURE, dpi=110, metadata={"Description": summary(found)})
