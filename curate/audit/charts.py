"""Charts of an audit as inline SVG: shares against their target, crossed groups, matrices from -1 to 1, changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from curate.evaluation.intervals import Estimate
from curate.report.charts import nice_step

WIDTH = 350
ROW = 25
LETTER = 6.7
"""Width of a letter of a label, about."""
LONGEST = 20
LONG = 38
"""Letters of a label of a chart that leaves room for long ones."""
RIGHT = 76
AXIS = 24
CELL_W, CELL_H = 42, 30
FAR = math.log(4)
"""Logarithm of the ratio to the target from which a cell has its full colour: a quarter, or four times."""


@dataclass(frozen=True)
class ShareRow:
    """A group's share against its target.

    Attributes:
        label: Name of the group.
        n: Faces.
        share: Its share with interval.
        target: Share wanted; NaN without one.
        corrected: Share after the labels' confusion is taken out; None where that is not known.
        style: CSS class of the bar: `low` (surely below the target) or empty.
        chip: CSS class of a patch of colour beside the label; empty for none.
    """

    label: str
    n: int
    share: Estimate
    target: float
    corrected: Estimate | None = None
    style: str = ""
    chip: str = ""


def shares(rows: Sequence[ShareRow], name: str) -> Markup:
    """Bars of shares with their intervals, a mark at each target, and a diamond at each corrected share.

    Args:
        rows: From top to bottom.
        name: Accessible name of the picture.
    """
    ends = [v for r in rows for e in (r.share, r.corrected) if e is not None for v in (e.value, e.high)]
    top = max([v for v in (*ends, *(r.target for r in rows)) if math.isfinite(v)], default=0) or 1.0
    step = nice_step(top / 4)
    top = min(math.ceil(top / step - 1e-9) * step, 1.0) if top <= 1 else top
    left = _left(r.label for r in rows) + (14 if any(r.chip for r in rows) else 0)
    x = _scale(0, top, left, WIDTH - RIGHT)
    parts = [_open(name, WIDTH, ROW * len(rows) + AXIS), *_ticks(x, 0, top, step, ROW * len(rows))]
    for i, row in enumerate(rows):
        parts.append(_share(row, i * ROW, x, left))
    return Markup("".join(parts) + "</svg>")


def _share(row: ShareRow, y: float, x: Callable[[float], float], left: float) -> str:
    middle = y + ROW / 2
    value = row.share.value if math.isfinite(row.share.value) else 0.0
    hint = f"{row.label}: {row.n:,} faces, {percent(row.share)}"
    if math.isfinite(row.target):
        hint += f"; target {100 * row.target:.1f} %"
    if row.corrected is not None:
        hint += f"; corrected for the labels' errors {percent(row.corrected)}"
    parts = [
        f'<g class="share {escape(row.style)}"><title>{escape(hint)}</title>'
        f'<rect class="hit" x="0" y="{y:.1f}" width="{WIDTH}" height="{ROW}"/>'
        f'<text class="lab" x="{left - (22 if row.chip else 8):.1f}" y="{middle + 4:.1f}" text-anchor="end">'
        f"{cut(row.label)}</text>{_chip(row.chip, left - 17, middle - 5)}"
        f'<rect class="bar {escape(row.style)}" x="{left:.1f}" y="{y + 5:.1f}" width="{x(value) - left:.1f}"'
        f' height="{ROW - 10}" rx="3"/>',
        _whisker(row.share, x, middle, "reach"),
    ]
    if row.corrected is not None and math.isfinite(row.corrected.value):
        at, low = x(row.corrected.value), middle + 5
        parts += [
            _whisker(row.corrected, x, low, "reach fixed"),
            f'<path class="diamond" d="M{at - 4.5:.1f} {low}l4.5 -4.5 4.5 4.5 -4.5 4.5z"/>',
        ]
    if math.isfinite(row.target):
        at = x(row.target)
        parts.append(f'<line class="target" x1="{at:.1f}" x2="{at:.1f}" y1="{y + 2:.1f}" y2="{y + ROW - 2:.1f}"/>')
    share = f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"
    parts.append(
        f'<text class="num" x="{WIDTH - RIGHT + 8}" y="{middle + 4:.1f}">{short_count(row.n)} · {share}</text></g>'
    )
    return "".join(parts)


def _chip(style: str, x: float, y: float) -> str:
    return (
        f'<rect class="chip {escape(style)}" x="{x:.1f}" y="{y:.1f}" width="10" height="10" rx="2"/>' if style else ""
    )


def _whisker(estimate: Estimate, x: Callable[[float], float], y: float, style: str) -> str:
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    return f'<line class="{style}" x1="{x(estimate.low):.1f}" x2="{x(estimate.high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


@dataclass(frozen=True)
class Crossed:
    """A cell of two crossed columns.

    Attributes:
        n: Faces.
        ratio: Share over target; NaN without a target.
        hint: Shown on hovering.
    """

    n: int
    ratio: float
    hint: str


def crossing(down: Sequence[str], across: Sequence[str], cells: Mapping[tuple[str, str], Crossed], name: str) -> Markup:
    """Faces in every cell of two columns, coloured by their share over the target.

    Args:
        down: Labels of the rows.
        across: Labels of the columns.
        cells: (row, column) -> cell; a cell that is not there is impossible and left blank.
        name: Accessible name of the picture.
    """
    left, top, parts = _matrix_frame(down, across, name)
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            found = cells.get((row, column))
            if found is not None:
                parts.append(_crossed(found, left + j * CELL_W, top + i * CELL_H))
    return Markup("".join(parts) + "</svg>")


def _crossed(cell: Crossed, x: float, y: float) -> str:
    place = _place(x, y)
    text = f'<text class="count" x="{x + CELL_W / 2:.1f}" y="{y + CELL_H / 2 + 4:.1f}">{short_count(cell.n)}</text>'
    if not cell.n:
        return f'<g><title>{escape(cell.hint)}</title><rect class="cell empty" {place}/>{text}</g>'
    if not math.isfinite(cell.ratio) or cell.ratio <= 0:
        return f'<g><title>{escape(cell.hint)}</title><rect class="bed" {place}/>{text}</g>'
    far = max(-1.0, min(1.0, math.log(cell.ratio) / FAR))
    return f'<g><title>{escape(cell.hint)}</title><rect class="bed" {place}/>{_tint(far, place)}{text}</g>'


@dataclass(frozen=True)
class Signed:
    """A cell of a matrix of values from -1 to 1; `text` stands in it, `faint` ones are not sure."""

    value: float
    text: str
    hint: str
    faint: bool = False


def matrix(
    down: Sequence[str], across: Sequence[str], cells: Mapping[tuple[str, str], Signed], name: str, full: float = 1.0
) -> Markup:
    """A matrix of signed values: one colour above 0, another below.

    Args:
        down: Labels of the rows.
        across: Labels of the columns.
        cells: (row, column) -> cell; a missing one is left blank.
        name: Accessible name of the picture.
        full: Value that has its full colour.
    """
    left, top, parts = _matrix_frame(down, across, name)
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            found = cells.get((row, column))
            if found is None:
                continue
            x, y = left + j * CELL_W, top + i * CELL_H
            tint = _tint(max(-1.0, min(1.0, found.value / full)), _place(x, y)) if math.isfinite(found.value) else ""
            parts.append(
                f"<g{' class=faint' if found.faint else ''}><title>{escape(found.hint)}</title>"
                f'<rect class="bed" {_place(x, y)}/>{tint}'
                f'<text class="count" x="{x + CELL_W / 2:.1f}" y="{y + CELL_H / 2 + 4:.1f}">{escape(found.text)}</text>'
                "</g>"
            )
    return Markup("".join(parts) + "</svg>")


def _matrix_frame(down: Sequence[str], across: Sequence[str], name: str) -> tuple[float, float, list[str]]:
    """Left and top of the cells, and the labels around them."""
    longest = min(max((len(label) for label in across), default=1), LONGEST)
    left = _left(down)
    slanted = longest * LETTER > CELL_W + 2
    top = 14 + (longest * LETTER * 0.72 if slanted else 10)
    width = left + CELL_W * len(across) + (longest * LETTER * 0.5 if slanted else 4)
    parts = [_open(name, width, top + CELL_H * len(down) + 4, broad=True)]
    for i, label in enumerate(down):
        y = top + i * CELL_H + CELL_H / 2 + 4
        parts.append(f'<text class="lab" x="{left - 8:.1f}" y="{y:.1f}" text-anchor="end">{cut(label)}</text>')
    for j, label in enumerate(across):
        x = left + j * CELL_W + CELL_W / 2
        turn = f' transform="translate({x:.1f} {top - 7:.1f}) rotate(-45)"' if slanted else ""
        place = "" if slanted else f' x="{x:.1f}" y="{top - 8:.1f}" text-anchor="middle"'
        parts.append(f'<text class="lab"{turn}{place}>{cut(label)}</text>')
    return left, top, parts


def _place(x: float, y: float) -> str:
    return f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{CELL_W - 2}" height="{CELL_H - 2}" rx="3"'


def _tint(value: float, place: str) -> str:
    kind = "over" if value > 0 else "under"
    return f'<rect class="tint {kind}" {place} fill-opacity="{abs(value) * 0.72:.3f}"/>'


@dataclass(frozen=True)
class Change:
    """A figure before and after."""

    label: str
    before: Estimate
    after: Estimate
    target: float = math.nan


def changes(rows: Sequence[Change], name: str) -> Markup:
    """Shares before (hollow) and after (filled), with an arrow between them and a mark at the target."""
    values = [v for r in rows for v in (r.before.value, r.after.value, r.after.high, r.target) if math.isfinite(v)]
    top = max(values, default=0) or 1.0
    step = nice_step(top / 4)
    top = math.ceil(top / step - 1e-9) * step
    left = _left(r.label for r in rows)
    x = _scale(0, top, left, WIDTH - RIGHT)
    parts = [_open(name, WIDTH, ROW * len(rows) + AXIS), *_ticks(x, 0, top, step, ROW * len(rows))]
    for i, row in enumerate(rows):
        y = i * ROW + ROW / 2
        hint = f"{row.label}: {percent(row.before)} before, {percent(row.after)} after"
        parts.append(
            f'<g class="change"><title>{escape(hint)}</title><rect class="hit" x="0" y="{i * ROW}" width="{WIDTH}"'
            f' height="{ROW}"/>'
            f'<text class="lab" x="{left - 8:.1f}" y="{y + 4}" text-anchor="end">{cut(row.label)}</text>'
        )
        if math.isfinite(row.target):
            at = x(row.target)
            parts.append(f'<line class="target" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 10}" y2="{y + 10}"/>')
        if math.isfinite(row.before.value) and math.isfinite(row.after.value):
            a, b = x(row.before.value), x(row.after.value)
            parts.append(f'<line class="way" x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}"/>')
            parts.append(_whisker(row.after, x, y, "reach"))
            parts.append(f'<circle class="was" cx="{a:.1f}" cy="{y}" r="4.4"/>')
            parts.append(f'<circle class="is" cx="{b:.1f}" cy="{y}" r="4.6"/>')
        points = 100 * (row.after.value - row.before.value)
        text = f"{points:+.1f}" if math.isfinite(points) else "new"
        parts.append(f'<text class="num" x="{WIDTH - RIGHT + 8}" y="{y + 4}">{text}</text></g>')
    return Markup("".join(parts) + "</svg>")


@dataclass(frozen=True)
class Effect:
    """One effect size with its interval; `strong` ones are drawn in full colour."""

    label: str
    estimate: Estimate
    hint: str
    strong: bool = True


def effects(rows: Sequence[Effect], name: str) -> Markup:
    """Effect sizes from 0 below one another, with room for long names.

    Args:
        rows: From top to bottom.
        name: Accessible name of the picture.
    """
    top = max((v for r in rows for v in (r.estimate.value, r.estimate.high) if math.isfinite(v)), default=0) or 1.0
    step = nice_step(top / 4)
    top = math.ceil(top / step - 1e-9) * step
    longest = min(max((len(r.label) for r in rows), default=1), LONG)
    left = 14 + 6.9 * longest
    width = left + 235
    x = _scale(0, top, left, width - 44)
    parts = [_open(name, width, ROW * len(rows) + AXIS, broad=True)]
    for i in range(round(top / step) + 1):
        at = x(i * step)
        parts.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{ROW * len(rows)}"/>'
            f'<text class="tick" x="{at:.1f}" y="{ROW * len(rows) + 15}" text-anchor="middle">{i * step:.3g}</text>'
        )
    for i, row in enumerate(rows):
        y = i * ROW + ROW / 2
        label = row.label if len(row.label) <= LONG else f"{row.label[: LONG - 1]}…"
        parts.append(
            f'<g class="dot{"" if row.strong else " small"}"><title>{escape(row.hint)}</title>'
            f'<text class="lab" x="{left - 9:.1f}" y="{y + 4}" text-anchor="end">{escape(label)}</text>'
            f"{_whisker(row.estimate, x, y, 'reach')}"
            f'<circle cx="{x(row.estimate.value):.1f}" cy="{y}" r="4.6"/>'
            f'<text class="num" x="{width - 36:.1f}" y="{y + 4}">{row.estimate.value:.2f}</text></g>'
        )
    return Markup("".join(parts) + "</svg>")


def percent(estimate: Estimate) -> str:
    """A share in per cent with its interval."""
    if not math.isfinite(estimate.value):
        return "not defined"
    text = f"{100 * estimate.value:.1f} %"
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        text += f" ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"
    return text


def short_count(n: int) -> str:
    """A count in few letters: 1,234 or 57k."""
    return f"{n:,}" if n < 10_000 else f"{n / 1000:,.0f}k" if n < 1_000_000 else f"{n / 1e6:,.1f}M"


def cut(label: str) -> str:
    """A label short enough for a chart, escaped."""
    return str(escape(label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"))


def _left(labels: Iterable[str]) -> float:
    longest = max((len(label) for label in labels), default=1)
    return 14 + LETTER * min(longest, LONGEST)


def _scale(low: float, high: float, left: float, right: float) -> Callable[[float], float]:
    def place(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / ((high - low) or 1)

    return place


def _ticks(x: Callable[[float], float], low: float, high: float, step: float, height: float) -> list[str]:
    parts = []
    for i in range(round((high - low) / step) + 1):
        value = low + i * step
        text = f"{100 * value:.3g}"
        parts.append(
            f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="0" y2="{height:.1f}"/>'
            f'<text class="tick" x="{x(value):.1f}" y="{height + 15:.1f}" text-anchor="middle">{text}</text>'
        )
    return parts


def _open(name: str, width: float, height: float, broad: bool = False) -> str:
    size = f' width="{width:.0f}" height="{height:.0f}"' if broad else ""
    kind = "chart broad" if broad else "chart"
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:.0f} {height:.0f}"{size} role="img" aria-label="{escape(name)}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    )
