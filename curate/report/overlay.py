"""Boxes, points and pose axes over a thumbnail, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from annotators.canonical_face import rotation_of
from schemas import REGISTRY, Column, Kind
from schemas.columns import faces, labels
from schemas.landmarks import layout

MARGIN = 1.75
"""Side of the cut-out over the longer side of the face's box."""


@dataclass(frozen=True)
class Window:
    """A square of the upright picture shown at `size` by `size` pixels.

    Attributes:
        x: Left edge in the picture's pixels; may lie outside.
        y: Top edge.
        side: Side of the square in the picture's pixels.
        size: Side of the thumbnail.
    """

    x: float
    y: float
    side: float
    size: int

    def points(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Thumbnail coordinates of picture coordinates, shape (n, 2)."""
        return (np.asarray(points, dtype=np.float64)[:, :2] - (self.x, self.y)) * (self.size / self.side)


def window(box: tuple[float, float, float, float], width: int, height: int, size: int) -> Window:
    """The square around a box (x, y, w, h), moved into the picture where it fits."""
    x, y, w, h = box
    side = min(max(w, h, 2.0) * MARGIN, float(max(width, height)))
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    return Window(_inside(left, side, width), _inside(top, side, height), side, size)


def _inside(start: float, side: float, extent: int) -> float:
    return (extent - side) / 2 if side > extent else min(max(start, 0.0), extent - side)


def overlays(row: Mapping[str, Any], view: Window) -> Markup:
    """SVG groups for one face: `ov-box`, `ov-pose` and `ov-NAME` for every column of points.

    Args:
        row: Values of the face by column name, as Arrow gives them.
        view: The thumbnail's window.
    """
    groups = [_box(row, view)]
    for name, value in row.items():
        column = REGISTRY.get(name)
        if column is not None and column.kind is Kind.POINTS and value is not None:
            groups.append(_points(column, np.asarray(value, dtype=np.float64).reshape(column.shape), view))
    groups.append(_pose(row, view))
    return Markup("".join(groups))


def _box(row: Mapping[str, Any], view: Window) -> str:
    x, y, w, h = (row[c.name] for c in faces.BOX)
    (left, top), (right, bottom) = view.points(np.array([[x, y], [x + w, y + h]]))
    return (
        f'<g class="ov ov-box"><rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}"'
        f' height="{bottom - top:.1f}" rx="2"/></g>'
    )


def _points(column: Column, points: NDArray[Any], view: Window) -> str:
    at = view.points(points)
    edges = layout(column.taxonomy).edges if column.taxonomy else ()
    lines = "".join(
        f"M{at[a, 0]:.1f} {at[a, 1]:.1f}L{at[b, 0]:.1f} {at[b, 1]:.1f}"
        for a, b in edges
        if np.isfinite(at[[a, b]]).all()
    )
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in at if np.isfinite((x, y)).all())
    dense = " dense" if len(at) > 100 else ""
    return (
        f'<g class="ov ov-{column.name}{dense}">'
        + (f'<path class="edge" d="{lines}"/>' if lines else "")
        + f'<path class="dot" d="{dots}"/></g>'
    )


def _pose(row: Mapping[str, Any], view: Window) -> str:
    turned = [row.get(c.name) for c in (labels.YAW, labels.PITCH, labels.ROLL)]
    if None in turned:
        return ""
    yaw, pitch, roll = (float(v) for v in turned if v is not None)
    axes = rotation_of(yaw, pitch, roll) * (
        0.45 * max(row[faces.BOX_W.name], row[faces.BOX_H.name]) * view.size / view.side
    )
    ((x, y),) = view.points(_middle(row))
    arms = "".join(
        f'<line class="{name}" x1="{x:.1f}" y1="{y:.1f}" x2="{x + dx:.1f}" y2="{y - dy:.1f}"/>'
        for name, (dx, dy) in zip(("ax", "ay", "az"), axes[:2].T, strict=True)
    )
    return f'<g class="ov ov-pose">{arms}</g>'


def _middle(row: Mapping[str, Any]) -> NDArray[np.float64]:
    points = row.get(faces.POINTS_5.name)
    if points is not None:
        return np.asarray(points, dtype=np.float64).reshape(-1, 2)[2:3]
    x, y, w, h = (row[c.name] for c in faces.BOX)
    return np.array([[x + w / 2, y + h / 2]])
