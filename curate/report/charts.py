"""Charts as inline SVG: horizontal bars and histograms, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 340
LABEL = 118
ROW = 21
PLOT_HEIGHT = 120


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart.

    Attributes:
        label: Its name; any text.
        value: Length of the bar, not negative.
        text: What stands at its end.
        hint: Shown on hovering.
        style: CSS class: empty, `missing` or `swatch-NAME`.
    """

    label: str
    value: float
    text: str
    hint: str = ""
    style: str = ""


def bars(rows: Sequence[Bar], name: str, top: float | None = None) -> Markup:
    """A bar chart; the longest bar, or `top`, fills the width.

    Args:
        rows: Bars from top to bottom.
        name: Accessible name of the picture.
        top: Value of a full-width bar; the largest value if None.
    """
    top = top or max((r.value for r in rows), default=0) or 1
    room = WIDTH - LABEL - 74
    parts = [_open(name, ROW * len(rows) + 4)]
    for i, row in enumerate(rows):
        y = i * ROW + 2
        length = max(room * min(row.value / top, 1), 1.0 if row.value else 0)
        label = row.label if len(row.label) <= 19 else row.label[:18] + "…"
        parts.append(
            f"<g><title>{escape(row.hint or f'{row.label}: {row.text}')}</title>"
            f'<text class="lab" x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="track" x="{LABEL}" y="{y + 3}" width="{room}" height="{ROW - 7}" rx="3"/>'
            f'<rect class="bar {escape(row.style)}" x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 7}"'
            f' rx="3"/><text class="num" x="{LABEL + room + 7}" y="{y + 14}">{escape(row.text)}</text></g>'
        )
    return Markup("".join(parts) + "</svg>")


@dataclass(frozen=True)
class Bins:
    """Counts between equally spaced edges.

    Attributes:
        edges: n + 1 rising numbers.
        counts: n counts.
        below: Values under the first edge; drawn with the first bar.
        above: Values over the last edge; drawn with the last bar.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


def histogram(bins: Bins, name: str, unit: str) -> Markup:
    """A histogram with a baseline, three marks on the axis and the highest count.

    Args:
        bins: What to draw.
        name: Accessible name of the picture.
        unit: Unit of the edges, or empty.
    """
    left, right, top = 8.0, WIDTH - 8.0, 18.0
    step = (right - left) / max(len(bins.counts), 1)
    peak = max(bins.counts, default=0) or 1
    parts = [_open(name, PLOT_HEIGHT + 38)]
    parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{top}" y2="{top}"/>')
    parts.append(f'<text class="tick" x="{left}" y="{top - 5}">{peak:,}</text>')
    for i, count in enumerate(bins.counts):
        height = (PLOT_HEIGHT - top + 16) * count / peak
        y = PLOT_HEIGHT + 16 - height
        span = f"{short(bins.edges[i])} to {short(bins.edges[i + 1])} {unit}"
        parts.append(
            f'<g><title>{escape(span)}: {count:,}</title><rect class="bar" x="{left + i * step + 0.5:.1f}" y="{y:.1f}"'
            f' width="{max(step - 1, 0.5):.1f}" height="{height:.1f}" rx="1.5"/></g>'
        )
    base = PLOT_HEIGHT + 16
    parts.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{base}" y2="{base}"/>')
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        value = bins.edges[0] + share * (bins.edges[-1] - bins.edges[0])
        text = short(value) + (f" {unit}" if share == 1 and unit and not unit[0].isdigit() else "")
        x = left + share * (right - left)
        parts.append(f'<text class="tick" x="{x}" y="{base + 16}" text-anchor="{anchor}">{escape(text)}</text>')
    return Markup("".join(parts) + "</svg>")


def _open(name: str, height: float) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(name)}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    )


def short(value: float) -> str:
    """A number as people write it on an axis: 1,200, 0.25, -15."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) < 1000 else 0
    text = f"{value:,.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not less than `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 2.5, 5) if m * power >= rough * 0.999), 10 * power)
