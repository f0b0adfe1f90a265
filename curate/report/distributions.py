"""One card per column: what its kind says about how it is counted and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from curate.report.charts import Bar, Bins, bars, histogram, nice_step, short
from schemas import Column, Kind, taxonomy

MISSING = "no value"
MOST_ROWS = 14
DECISION = 0.5
"""Scores in 0-1 at or over this count as present."""


@dataclass(frozen=True)
class Card:
    """A chart with its caption.

    Attributes:
        title: The column's name.
        doc: What the column says.
        chart: Inline SVG, or empty where there is nothing to draw.
        note: Counts in words.
        sensitive: The column is biometric or special-category data.
    """

    title: str
    doc: str
    chart: Markup
    note: str
    sensitive: bool


def can_draw(column: Column) -> bool:
    """Whether the column has a distribution worth a card; points, vectors and ids have none."""
    return column.kind in _DRAW


def card(column: Column, values: pa.ChunkedArray, scores: pa.ChunkedArray | None = None) -> Card:
    """Count and draw a column.

    Args:
        column: Its declaration.
        values: All values, one per face (or image).
        scores: The probabilities beside a label; a null label beside non-null probabilities is an abstention.
    """
    chart, note = _DRAW[column.kind](column, values)
    if scores is not None:
        abstained = int(pc.sum(pc.and_(pc.is_null(values), pc.is_valid(scores))).as_py() or 0)
        note += f" Abstained (probabilities, but no label): {abstained:,}." if abstained else ""
    return Card(column.name, column.doc, chart, note, column.sensitive)


def _counted(values: pa.ChunkedArray) -> str:
    missing = values.null_count
    text = f"{len(values) - missing:,} of {len(values):,} have a value"
    return f"{text}; {missing:,} missing." if missing else f"{text}."


def percent(part: float, whole: float) -> str:
    """A share in per cent with one decimal below ten."""
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.1f}%" if 0 < share < 10 else f"{share:.0f}%"


def count_text(count: int, total: int) -> str:
    """Count and share, as they stand at the end of a bar."""
    compact = f"{count:,}" if count < 100_000 else f"{count / 1000:,.0f}k"
    return f"{compact} · {percent(count, total)}"


def _count_bars(pairs: list[tuple[str, int]], total: int, missing: int, column: Column) -> Markup:
    rows = [
        Bar(label, n, count_text(n, total), f"{label}: {n:,} of {total:,}", f"swatch-{column.taxonomy}-{label}")
        for label, n in pairs
    ]
    if missing:
        rows.append(Bar(MISSING, missing, count_text(missing, total), f"no value: {missing:,} of {total:,}", "missing"))
    return bars(rows, f"{column.name}: {', '.join(f'{r.label} {r.text}' for r in rows)}")


def _tally(values: pa.ChunkedArray) -> dict[str, int]:
    counts = {str(v["values"]): int(v["counts"]) for v in pc.value_counts(values.drop_null()).to_pylist()}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _labels(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    found = _tally(values)
    order = list(taxonomy(column.taxonomy).labels) if column.taxonomy else []
    pairs = [(label, found.pop(label, 0)) for label in order] + list(found.items())
    return _limited(pairs, column, values)


def _limited(pairs: list[tuple[str, int]], column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    note = _counted(values)
    if len(pairs) > MOST_ROWS:
        note += f" The {MOST_ROWS} most frequent of {len(pairs):,} are shown."
        pairs = sorted(pairs, key=lambda p: -p[1])[:MOST_ROWS]
    return _count_bars(pairs, len(values), values.null_count, column), note


def _flags(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    yes = int(pc.sum(values).as_py() or 0)
    pairs = [("yes", yes), ("no", len(values) - values.null_count - yes)]
    return _count_bars(pairs, len(values), values.null_count, column), _counted(values)


def _texts(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    found = _tally(values)
    if len(found) > MOST_ROWS:
        return Markup(""), f"{_counted(values)} {len(found):,} different texts."
    return _count_bars(list(found.items()), len(values), values.null_count, column), _counted(values)


def _lists(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    if not pa.types.is_string(column.type.value_type):
        return Markup(""), _counted(values)
    inside = pc.list_flatten(values)
    return _limited(list(_tally(inside).items()), column, values)


def _scores(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    decided = column.high == 1
    total, rows, unseen = len(values), [], []
    for name in (field.name for field in column.type):
        part = pc.struct_field(values, name)
        valid = total - part.null_count
        if not valid:
            unseen.append(name)
            continue
        mean = float(pc.mean(part).as_py())
        if decided:
            hits = int(pc.sum(pc.greater_equal(part, DECISION)).as_py() or 0)
            hint = f"{name}: {hits:,} of {valid:,} at or over {DECISION}; mean {mean:.2f}"
            rows.append(Bar(name, hits / valid, count_text(hits, valid), hint))
        else:
            rows.append(Bar(name, mean, f"{mean:.2f}", f"{name}: mean {mean:.3f} of {valid:,}"))
    what = f"Share of faces at or over {DECISION}." if decided else f"Mean, in {column.unit or 'its unit'}."
    note = f"{what} {_counted(values)}"
    if unseen and rows:
        note += f" Never a value: {', '.join(unseen)}."
    return (bars(rows, f"{column.name}: {what}") if rows else Markup("")), note


def binned(numbers: NDArray[Any], column: Column) -> Bins:
    """Bins that fit the column: its whole range where it is 0-1 or -1..1, else the middle 99 % in round steps."""
    low, high = column.low, column.high
    if low is not None and high is not None and high - low <= 2:
        first, last, step = float(low), float(high), (high - low) / 20
    else:
        first, last = (float(v) for v in np.quantile(numbers, (0.005, 0.995)))
        step = nice_step((last - first) / 24) if last > first else 1.0
        if np.all(numbers == np.round(numbers)):
            step = max(step, 1.0)
        first, last = math.floor(first / step) * step, (math.floor(last / step) + 1) * step
    edges = first + step * np.arange(round((last - first) / step) + 1)
    counts, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), edges)
    return Bins(
        tuple(edges.tolist()), tuple(counts.tolist()), int((numbers < edges[0]).sum()), int((numbers > edges[-1]).sum())
    )


def _numbers(column: Column, values: pa.ChunkedArray) -> tuple[Markup, str]:
    numbers = values.drop_null().to_numpy().astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    note = _counted(values)
    if not len(numbers):
        return Markup(""), note
    bins = binned(numbers, column)
    unit = column.unit if column.unit not in ("0-1", "-1..1") else ""
    low, middle, high = (short(float(v)) for v in np.quantile(numbers, (0.05, 0.5, 0.95)))
    note = f"Median {middle}{unit and ' ' + unit}, 5% to 95%: {low} to {high}. {note}"
    if bins.below or bins.above:
        note += f" {bins.below + bins.above:,} beyond the axis are drawn in the outer bars."
    return histogram(bins, f"{column.name}: {note}", unit), note


_DRAW: dict[Kind, Callable[[Column, pa.ChunkedArray], tuple[Markup, str]]] = {
    Kind.NUMBER: _numbers,
    Kind.FLAG: _flags,
    Kind.LABEL: _labels,
    Kind.SCORES: _scores,
    Kind.TEXT: _texts,
    Kind.LIST: _lists,
}
