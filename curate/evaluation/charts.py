"""Charts of an evaluation as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.wording import figure, number
from curate.report.charts import nice_step, short

WIDTH = 350
LETTER = 6.9
"""Width of a letter of a label, about."""
LONGEST = 21
RIGHT = 48
ROW = 23
NARROWEST = 300
SQUARE = 300
MARGIN = 40


Scale = Callable[[float], float]
"""From a value to its place across."""


@dataclass(frozen=True)
class Dot:
    """One row of a dot chart.

    Attributes:
        label: Name of the group or class.
        estimate: Its figure.
        n: Cases.
        style: CSS class: `small`, `worst`, `best` or empty.
    """

    label: str
    estimate: Estimate
    n: int
    style: str = ""


def dots(rows: Sequence[Dot], measure: Measure, whole: Estimate | None, name: str) -> Markup:
    """Figures with their intervals below one another, on one scale.

    Args:
        rows: From top to bottom.
        measure: What is drawn.
        whole: The figure over all cases, drawn as a band behind.
        name: Accessible name of the picture.
    """
    low, high, step = _domain([*(r.estimate for r in rows), *([whole] if whole else [])], measure)
    left = 16 + LETTER * min(max((len(r.label) for r in rows), default=1), LONGEST)
    room = WIDTH - left - RIGHT

    def x(value: float) -> float:
        return left + room * (min(max(value, low), high) - low) / (high - low)

    height = ROW * len(rows) + 26
    parts = [_open(name, WIDTH, height)]
    if whole is not None and math.isfinite(whole.value):
        parts.append(_band(x, whole, ROW * len(rows) + 4))
    ticks = [low + i * step for i in range(round((high - low) / step) + 1)]
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="2" y2="{height - 22}"/>')
        text = f"{100 * tick:.0f}" if measure.share else short(tick)
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - 8}" text-anchor="middle">{text}</text>')
    parts += [_dot(row, i * ROW + 2, measure, x, left) for i, row in enumerate(rows)]
    return Markup("".join(parts) + "</svg>")


def _band(x: Scale, whole: Estimate, height: float) -> str:
    if not (math.isfinite(whole.low) and math.isfinite(whole.high)):
        return ""
    left, right = x(whole.low), x(whole.high)
    return (
        f'<rect class="band" x="{left:.1f}" y="2" width="{max(right - left, 1):.1f}" height="{height}"/>'
        f'<line class="whole" x1="{x(whole.value):.1f}" x2="{x(whole.value):.1f}" y1="2" y2="{height + 2}"/>'
    )


def _dot(row: Dot, y: float, measure: Measure, x: Scale, left: float) -> str:
    estimate, middle = row.estimate, y + 11
    label = row.label if len(row.label) <= LONGEST else row.label[: LONGEST - 1] + "…"
    hint = f"{row.label}: {figure(measure, estimate)}, n = {estimate.n:,}"
    parts = [
        f'<g class="dot {escape(row.style)}"><title>{escape(hint)}</title>'
        f'<rect class="hit" x="0" y="{y}" width="{WIDTH}" height="{ROW}"/>'
        f'<text class="lab" x="{left - 10:.1f}" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
    ]
    if math.isfinite(estimate.value):
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            parts.append(
                f'<line class="reach" x1="{x(estimate.low):.1f}" x2="{x(estimate.high):.1f}"'
                f' y1="{middle}" y2="{middle}"/>'
            )
        parts.append(f'<circle cx="{x(estimate.value):.1f}" cy="{middle}" r="4.6"/>')
        text = number(measure, estimate.value).removesuffix(" %")
    else:
        text = "n/a"
    parts.append(f'<text class="num" x="{WIDTH - RIGHT + 12}" y="{y + 15}">{escape(text)}</text>')
    return "".join(parts) + "</g>"


def _domain(estimates: Sequence[Estimate], measure: Measure) -> tuple[float, float, float]:
    """Ends and step of an axis that holds all intervals."""
    values = [v for e in estimates for v in (e.value, e.low, e.high) if math.isfinite(v)]
    if not values:
        return 0.0, 1.0, 0.25
    low, high = min(values), max(values)
    if measure.share and high - low < 0.1:
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    if high - low < 1e-9:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = nice_step((high - low) / 4)
    if measure.share and step > 0.2:
        step = 0.25
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return (max(low, 0.0), min(high, 1.0), step) if measure.share else (low, high, step)


def heat_map(labels: Sequence[str], counts: Sequence[Sequence[int]], name: str) -> Markup:
    """A confusion matrix: rows are the truth, columns the answers, shaded by the share of the row.

    Args:
        labels: Classes; those that occur on neither side are left out.
        counts: Truth by answer.
        name: Accessible name of the picture.
    """
    used = [i for i in range(len(labels)) if sum(counts[i]) or sum(row[i] for row in counts)]
    side = max(11.0, min(30.0, 290 / max(len(used), 1)))
    longest = max((len(labels[i]) for i in used), default=1)
    left, top = max(18 + min(longest, 16) * 6.4, 66), max(24 + min(longest, 16) * 4.6, 40)
    width, height = left + side * len(used) + top * 0.75, top + side * len(used) + 8
    parts = [
        _open(name, max(width, NARROWEST), height),
        f'<text class="tick" x="2" y="{top - 22:.1f}">answer →</text>'
        f'<text class="tick" x="2" y="{top - 7:.1f}">truth ↓</text>',
    ]
    for place, i in enumerate(used):
        total = sum(counts[i]) or 1
        y, at = top + place * side, left + place * side + side / 2
        parts.append(
            f'<text class="lab" x="{left - 7:.1f}" y="{y + side / 2 + 4:.1f}" text-anchor="end">'
            f"{_cut(labels[i])}</text>"
            f'<text class="lab" transform="translate({at:.1f} {top - 8:.1f}) rotate(-45)">{_cut(labels[i])}</text>'
        )
        for column, j in enumerate(used):
            parts.append(_cell(left + column * side, y, side, counts[i][j], total, (labels[i], labels[j]), i == j))
    return Markup("".join(parts) + "</svg>")


def _cell(x: float, y: float, side: float, count: int, total: int, names: tuple[str, str], right: bool) -> str:
    share = count / total
    hint = f"true {names[0]}, answered {names[1]}: {count:,} ({100 * share:.1f} % of the true {names[0]})"
    text = ""
    if count and side >= 22:
        shown = f"{count}" if count < 10_000 else f"{count / 1000:.0f}k"
        over = " over" if share > 0.55 else ""
        text = f'<text class="count{over}" x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}">{shown}</text>'
    kind = "cell own" if right else "cell"
    size = f"{side - 1.2:.1f}"
    place = f'x="{x + 0.6:.1f}" y="{y + 0.6:.1f}" width="{size}" height="{size}" rx="2"'
    return (
        f'<g><title>{escape(hint)}</title><rect class="bed" {place}/>'
        f'<rect class="{kind}" {place} fill-opacity="{share:.3f}"/>{text}</g>'
    )


def _cut(label: str) -> str:
    return str(escape(label if len(label) <= 16 else label[:15] + "…"))


def reliability(stated: Sequence[float], found: Sequence[float], count: Sequence[int], name: str) -> Markup:
    """Stated against found probability; the dots' area follows the number of faces."""
    most = max(count, default=1) or 1
    parts = [_frame(name, "stated probability, %", "found right, %", (0, 1), (0, 1), percent=True)]
    parts.append(f'<line class="ideal" x1="{_sx(0)}" y1="{_sy(0)}" x2="{_sx(1)}" y2="{_sy(1)}"/>')
    line = [(s, f) for s, f, n in zip(stated, found, count, strict=True) if n and math.isfinite(s)]
    parts.append(_path(line))
    for s, f, n in zip(stated, found, count, strict=True):
        if n and math.isfinite(s):
            hint = f"stated {100 * s:.0f} %, found {100 * f:.0f} %, n = {n:,}"
            radius = 2.5 + 6.5 * math.sqrt(n / most)
            parts.append(
                f'<circle class="spot" cx="{_sx(s):.1f}" cy="{_sy(f):.1f}" r="{radius:.1f}">'
                f"<title>{hint}</title></circle>"
            )
    return Markup("".join(parts) + "</svg>")


def curve(x: Sequence[float], y: Sequence[float], across: str, up: str, name: str, log: bool = False) -> Markup:
    """A line over two shares, or over a short axis that begins at 0."""
    top = 1.0 if log or max(x, default=1) > 0.5 else max(x)
    if log:
        points = [(1 + math.log10(max(a, 1e-4)) / 4, b) for a, b in zip(x, y, strict=True)]
        parts = [_frame(name, across, up, (-4, 0), (0, 1), percent=True, powers=True)]
    else:
        points = [(a / top, b) for a, b in zip(x, y, strict=True) if a <= top]
        parts = [_frame(name, across, up, (0, top), (0, 1), percent=True)]
    return Markup("".join(parts) + _path(points) + "</svg>")


def scatter(pairs: Sequence[tuple[float, float]], unit: str, name: str) -> Markup:
    """Truth against answer, with the line of equality."""
    values = [v for pair in pairs for v in pair]
    low, high = min(values), max(values)
    step = nice_step(max(high - low, 1e-6) / 4)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    span = (high - low) or 1
    title = f", {unit}" if unit in ("years", "deg", "px") else ""
    parts = [_frame(name, f"truth{title}", f"answer{title}", (low, high), (low, high))]
    parts.append(f'<line class="ideal" x1="{_sx(0)}" y1="{_sy(0)}" x2="{_sx(1)}" y2="{_sy(1)}"/>')
    dotted = "".join(f"M{_sx((t - low) / span):.1f} {_sy((s - low) / span):.1f}h0" for t, s in pairs)
    crowd = " crowd" if len(pairs) > 400 else ""
    return Markup("".join(parts) + f'<path class="points{crowd}" d="{dotted}"/></svg>')


def states(counts: Sequence[tuple[str, int]], name: str) -> Markup:
    """One bar, divided by what became of the faces."""
    total = sum(n for _, n in counts) or 1
    parts, x = [_open(name, WIDTH, 14).replace(" role=", ' preserveAspectRatio="none" role=', 1)], 0.0
    for state, n in counts:
        width = WIDTH * n / total
        parts.append(
            f'<rect class="state {escape(state.replace(" ", "-"))}" x="{x:.2f}" y="0" width="{width:.2f}" height="14">'
            f"<title>{escape(state)}: {n:,} ({100 * n / total:.1f} %)</title></rect>"
        )
        x += width
    return Markup("".join(parts) + "</svg>")


def _sx(share: float) -> float:
    return MARGIN + 6 + (SQUARE - MARGIN - 16) * min(max(share, 0), 1)


def _sy(share: float) -> float:
    return SQUARE - MARGIN - (SQUARE - MARGIN - 12) * min(max(share, 0), 1)


def _path(points: Sequence[tuple[float, float]]) -> str:
    line = "L".join(f"{_sx(a):.1f} {_sy(b):.1f}" for a, b in points if math.isfinite(a) and math.isfinite(b))
    return f'<path class="line" d="M{line}"/>' if line else ""


def _frame(
    name: str, across: str, up: str, xs: tuple[float, float], ys: tuple[float, float], percent: bool = False,
    powers: bool = False,
) -> str:  # fmt: skip
    parts = [_open(name, SQUARE, SQUARE)]
    for i in range(5):
        share = i / 4
        value_x, value_y = xs[0] + share * (xs[1] - xs[0]), ys[0] + share * (ys[1] - ys[0])
        left = f"{100 * value_y:.0f}" if percent else short(value_y)
        below = short(100 * 10**value_x) if powers else short(100 * value_x) if percent else short(value_x)
        parts.append(
            f'<line class="grid" x1="{_sx(share):.1f}" x2="{_sx(share):.1f}" y1="{_sy(0)}" y2="{_sy(1)}"/>'
            f'<line class="grid" x1="{_sx(0)}" x2="{_sx(1)}" y1="{_sy(share):.1f}" y2="{_sy(share):.1f}"/>'
            f'<text class="tick" x="{_sx(0) - 6}" y="{_sy(share) + 4:.1f}" text-anchor="end">{left}</text>'
            f'<text class="tick" x="{_sx(share):.1f}" y="{_sy(0) + 16}" text-anchor="middle">{below}</text>'
        )
    parts.append(
        f'<text class="tick" x="{_sx(0.5):.1f}" y="{SQUARE - 6}" text-anchor="middle">{escape(across)}</text>'
        f'<text class="tick" transform="translate(11 {_sy(0.5):.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(up)}</text>"
    )
    return "".join(parts)


def _open(name: str, width: float, height: float) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(name)}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    )
