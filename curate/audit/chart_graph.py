"""The graph of action units as inline SVG: units on a ring in the order of the face, lines for what goes together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 450
RING_X, RING_Y = 205.0, 165.0
SMALLEST, LARGEST = 13.0, 23.0


@dataclass(frozen=True)
class Dot:
    """A node: its name, its title in words, and the share of faces with it, 0..1 (NaN if unknown)."""

    name: str
    title: str
    rate: float


@dataclass(frozen=True)
class Line:
    """An edge between two nodes: a value from -1 to 1, and what is shown on hovering."""

    a: str
    b: str
    value: float
    hint: str


def graph(dots: Sequence[Dot], lines: Sequence[Line], name: str) -> Markup:
    """Nodes on an ellipse and edges bent towards its middle; thicker for larger values, broken for negative ones.

    Args:
        dots: Nodes, clockwise from the top; those without an edge are drawn faintly.
        lines: Edges between them.
        name: Accessible name of the picture.
    """
    places = _places([d.name for d in dots])
    tied = {end for line in lines for end in (line.a, line.b)}
    most = max((d.rate for d in dots if math.isfinite(d.rate)), default=1.0) or 1.0
    parts = [
        f'<svg class="chart broad graph" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{escape(name)}" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += [_line(line, places) for line in sorted(lines, key=lambda e: abs(e.value))]
    parts += [_dot(dot, places[dot.name], most, dot.name in tied) for dot in dots]
    return Markup("".join(parts) + "</svg>")


def _places(names: Sequence[str]) -> Mapping[str, tuple[float, float]]:
    turn = 2 * math.pi / max(len(names), 1)
    return {
        name: (WIDTH / 2 + RING_X * math.sin(i * turn), HEIGHT / 2 - RING_Y * math.cos(i * turn))
        for i, name in enumerate(names)
    }


def _line(line: Line, places: Mapping[str, tuple[float, float]]) -> str:
    (x0, y0), (x1, y1) = places[line.a], places[line.b]
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    bend_x, bend_y = middle_x + 0.35 * (WIDTH / 2 - middle_x), middle_y + 0.35 * (HEIGHT / 2 - middle_y)
    kind = "over" if line.value > 0 else "under"
    width = 1.2 + 9 * abs(line.value)
    return (
        f'<path class="edge {kind}" d="M{x0:.1f} {y0:.1f}Q{bend_x:.1f} {bend_y:.1f} {x1:.1f} {y1:.1f}"'
        f' stroke-width="{width:.1f}" stroke-opacity="{0.3 + 0.6 * min(abs(line.value) / 0.6, 1):.2f}">'
        f"<title>{escape(line.hint)}</title></path>"
    )


def _dot(dot: Dot, place: tuple[float, float], most: float, tied: bool) -> str:
    x, y = place
    share = dot.rate / most if math.isfinite(dot.rate) else 0.0
    radius = SMALLEST + (LARGEST - SMALLEST) * math.sqrt(max(share, 0.0))
    rate = f"{100 * dot.rate:.0f} % of faces" if math.isfinite(dot.rate) else "never known"
    out_x, out_y = x - WIDTH / 2, y - HEIGHT / 2
    length = math.hypot(out_x, out_y) or 1.0
    text_x, text_y = x + out_x / length * (radius + 9), y + out_y / length * (radius + 12) + 4
    anchor = "middle" if abs(out_x) < 30 else "start" if out_x > 0 else "end"
    words = dot.title if len(dot.title) <= 22 else f"{dot.title[:21]}…"
    return (
        f'<g class="node{"" if tied else " lone"}"><title>{escape(f"{dot.name} {dot.title}: {rate}")}</title>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        f'<text class="unit" x="{x:.1f}" y="{y + 4:.1f}">{escape(dot.name.removeprefix("AU"))}</text>'
        f'<text class="tick" x="{text_x:.1f}" y="{text_y:.1f}" text-anchor="{anchor}">{escape(words)}</text></g>'
    )
