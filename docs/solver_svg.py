"""Draw paths of a solver as one animated SVG: small, sharp at every width, and drawn in milliseconds."""

from typing import NamedTuple

import numpy as np

SIDE, GAP, HEAD, ARROWS = 220, 14, 34, 9
# Early steps are dark blue, late ones orange: a scale of time that is readable without colour vision.
TIMES = ("#1b1f6b", "#3d4fb0", "#4c8fc4", "#57b894", "#d9a441", "#e2621b")
SECONDS = 6


class Panel(NamedTuple):
    """One path: title, points of shape (steps + 1, 2), field on the grid of arrows, equilibrium, and the view."""

    title: str
    path: np.ndarray
    field: np.ndarray
    equilibrium: np.ndarray
    center: np.ndarray
    radius: float
    line: bool = False


def grid(center: np.ndarray, radius: float) -> np.ndarray:
    """Return the points of the arrows, of shape (ARROWS**2, 2)."""
    ticks = (np.arange(ARROWS) + 0.5) / ARROWS * 2 - 1
    x, y = np.meshgrid(ticks, ticks)
    return center + radius * np.stack([x.ravel(), y.ravel()], axis=1)


def drawing(panels: list[Panel]) -> str:
    """Return the SVG of the panels, side by side."""
    width = len(panels) * SIDE + (len(panels) - 1) * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIDE + HEAD}" font-family="sans-serif">',
        "<style>@media (prefers-reduced-motion: reduce) {.now {display: none}}</style>",
        f'<rect width="{width}" height="{SIDE + HEAD}" fill="#fff"/>',
        f'<clipPath id="c"><rect width="{SIDE}" height="{SIDE}"/></clipPath>',
    ]
    for index, panel in enumerate(panels):
        middle = f'x="{SIDE / 2:g}" y="-11" text-anchor="middle" font-size="20"'
        parts.append(f'<g transform="translate({index * (SIDE + GAP)} {HEAD})"><text {middle}>{panel.title}</text>')
        parts.append(f'<g clip-path="url(#c)">{_inside(panel)}</g>')
        parts.append(f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#bbb"/></g>')
    return "\n".join([*parts, "</svg>\n"])


def _inside(panel: Panel) -> str:
    points = _pixels(panel, panel.path)
    pieces = "".join(f"{'L' if k else 'M'}{x:.0f} {y:.0f}" for k, (x, y) in enumerate(points))
    parts = [_arrows(panel), _rest(panel)]
    parts.append(f'<path d="{pieces}" fill="none" stroke="#888" stroke-width="1"/>')
    for color, some in zip(TIMES, np.array_split(points, len(TIMES)), strict=True):
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in some)
        parts.append(f'<path d="{dots}" stroke="{color}" stroke-width="6" stroke-linecap="round"/>')
    x, y = points[0]
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#fff" stroke="#1b1f6b" stroke-width="2"/>')
    moves = "".join(
        f'<animate attributeName="c{name}" dur="{SECONDS}s" repeatCount="indefinite" values="{_values(column)}"/>'
        for name, column in zip("xy", points.T, strict=True)
    )
    parts.append(f'<circle class="now" r="7" fill="none" stroke="#c00" stroke-width="3">{moves}</circle>')
    return "".join(parts)


def _values(column: np.ndarray) -> str:
    return ";".join(f"{value:.0f}" for value in column)


def _pixels(panel: Panel, points: np.ndarray) -> np.ndarray:
    """Return pixels of points; those that have left the view by far, or are not finite, stand outside it."""
    scaled = (points - panel.center) / panel.radius
    scaled = np.clip(np.nan_to_num(scaled, nan=3.0, posinf=3.0, neginf=-3.0), -3, 3)
    return (scaled * [1, -1] + 1) * SIDE / 2


def _arrows(panel: Panel) -> str:
    starts = grid(panel.center, panel.radius)
    longest = np.linalg.norm(panel.field, axis=1).max()
    step = panel.field / longest * panel.radius * 1.7 / ARROWS
    pairs = zip(_pixels(panel, starts - step / 2), _pixels(panel, starts + step / 2), strict=True)
    lines = "".join(f"M{a:.0f} {b:.0f}L{c:.0f} {d:.0f}" for (a, b), (c, d) in pairs)
    tips = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in _pixels(panel, starts + step / 2))
    round_tips = 'stroke="#b4c0cb" stroke-width="4" stroke-linecap="round"'
    return f'<path d="{lines}" stroke="#cdd5dd"/><path d="{tips}" {round_tips}/>'


def _rest(panel: Panel) -> str:
    """Return a cross at the equilibrium, or the line of equilibria."""
    x, y = _pixels(panel, panel.equilibrium[None])[0]
    if panel.line:
        ends = f"M{x - SIDE:.0f} {y - SIDE:.0f}L{x + SIDE:.0f} {y + SIDE:.0f}"
        return f'<path d="{ends}" stroke="#000" stroke-dasharray="5 4"/>'
    return f'<path d="M{x - 7:.1f} {y:.1f}h14M{x:.1f} {y - 7:.1f}v14" stroke="#000" stroke-width="2"/>'
