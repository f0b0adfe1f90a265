"""How far face points lie from the true ones, in shares of the face's size.

A face without predicted points has NaN points. `nme` gives it infinity if `missing="failure"`, so that it counts as
failed in `failure_rate` and `ced_auc`; NaN errors are left out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.counting import Floats, mean, ratio, weights
from schemas.landmarks import Layout, layout

Normaliser = Literal["outer_corners", "pupils", "box_diagonal", "box_size"]
EyePair = tuple[tuple[int, ...], tuple[int, ...]]


def outer_corners(layout_name: str) -> EyePair | None:
    """Points of the right and left outer eye corner, None for a layout that has only eye centres."""
    lay = layout(layout_name)
    ring = lay.group("right_eye")
    return ((ring[0],), (lay.mirror[ring[0]],)) if len(ring) > 1 else None


def pupils(layout_name: str) -> EyePair:
    """Points whose means are the right and left pupil: irises where the layout has them, else the eye's rim."""
    lay = layout(layout_name)
    for name in ("iris_centre", "pupil", "eye"):
        if f"right_{name}" in lay.groups:
            return lay.group(f"right_{name}"), lay.group(f"left_{name}")
    return lay.group("right_eye"), lay.group("left_eye")


def default_normaliser(layout_name: str) -> Normaliser:
    """`outer_corners` where the layout has eye corners, else `pupils`."""
    return "outer_corners" if outer_corners(layout_name) else "pupils"


def face_size(
    truth: ArrayLike, layout_name: str, by: Normaliser = "outer_corners", boxes: ArrayLike | None = None
) -> Floats:
    """The length that errors are divided by, (n,), in pixels; NaN where it is 0 or not defined.

    Args:
        truth: True points, (n, k, 2) or (n, k, 3); only x and y are used.
        layout_name: Such as `points-68`.
        by: `outer_corners`: distance of the outer eye corners, the inter-ocular one of 300-W and WFLW; `pupils`: of the
            pupils, or of the means of the eyes' points; `box_diagonal` and `box_size` (root of the area): of `boxes`,
            or else of the box around the true points.
        boxes: (n, 4), as x, y, width, height.

    Raises:
        UnknownNameError: if there is no such layout.
    """
    points = np.asarray(truth, np.float64)[..., :2]
    if by in {"outer_corners", "pupils"}:
        pair = outer_corners(layout_name) if by == "outer_corners" else pupils(layout_name)
        if pair is None:
            return np.full(len(points), np.nan)
        right, left = (points[:, list(part)].mean(1) for part in pair)
        size = _length(right - left)
    else:
        sides = np.ptp(points, axis=1) if boxes is None else np.asarray(boxes, np.float64)[:, 2:4]
        size = _length(sides) if by == "box_diagonal" else np.sqrt(np.maximum(sides[:, 0] * sides[:, 1], 0))
    return np.where(np.isfinite(size) & (size > 0), size, np.nan)


def point_errors(points: ArrayLike, truth: ArrayLike, size: ArrayLike) -> Floats:
    """Distance of each point from the true one in shares of the face's size, (n, k)."""
    apart = np.asarray(points, np.float64)[..., :2] - np.asarray(truth, np.float64)[..., :2]
    return ratio(_length(apart), np.asarray(size, np.float64)[:, None])


def nme(
    points: ArrayLike,
    truth: ArrayLike,
    size: ArrayLike,
    *,
    visible: ArrayLike | None = None,
    missing: Literal["nan", "failure"] = "nan",
) -> Floats:
    """Normalised mean error of each face, (n,), as a share (0.05 is 5 %).

    Args:
        points: Predicted points, (n, k, 2).
        truth: True points, (n, k, 2).
        size: From `face_size`, (n,).
        visible: Points that count, booleans (n, k); all by default. A face with none is NaN.
        missing: What a face with NaN among its predicted points gets: NaN, or infinity, which is a failure.
    """
    errors = point_errors(points, truth, size)
    counted = np.ones(errors.shape, bool) if visible is None else np.asarray(visible, bool)
    found = ratio(np.where(counted, errors, 0.0).sum(1), counted.sum(1))
    if missing == "failure":
        lacking = (np.isnan(np.asarray(points, np.float64)[..., :2]).any(-1) & counted).any(1)
        found = np.where(lacking & ~np.isnan(np.asarray(size, np.float64)), np.inf, found)
    return found


def region_errors(
    points: ArrayLike, truth: ArrayLike, size: ArrayLike, layout_name: str, *, visible: ArrayLike | None = None
) -> dict[str, Floats]:
    """Normalised mean error of each face in each named group of the layout, region -> (n,)."""
    lay: Layout = layout(layout_name)
    errors = point_errors(points, truth, size)
    counted = np.ones(errors.shape, bool) if visible is None else np.asarray(visible, bool)
    result = {}
    for name, members in lay.groups.items():
        kept = counted[:, list(members)]
        result[name] = ratio(np.where(kept, errors[:, list(members)], 0.0).sum(1), kept.sum(1))
    return result


def mean_nme(errors: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean of the faces' errors that are finite."""
    e, w = _counted(errors, weight, finite=True)
    return mean(e, w)


def failure_rate(errors: ArrayLike, at: float = 0.10, *, weight: ArrayLike | None = None) -> Floats:
    """Share of faces with an error above `at` (300-W reports 0.08, WFLW 0.10); NaN errors are left out."""
    e, w = _counted(errors, weight)
    return mean(e > at, w)


def ced_auc(errors: ArrayLike, up_to: float = 0.10, *, weight: ArrayLike | None = None) -> Floats:
    """Area under the cumulative error distribution from 0 to `up_to`, divided by `up_to`; 1 is perfect.

    Exact: the mean of max(0, 1 - error / up_to). J. Yang et al., "An empirical study of recent face alignment methods",
    2015. NaN errors are left out.
    """
    e, w = _counted(errors, weight)
    return mean(np.maximum(1 - np.minimum(e, up_to) / up_to, 0), w)


def ced(errors: ArrayLike, at: ArrayLike) -> Floats:
    """Share of faces with an error of at most each of `at`, the cumulative error distribution, shape of `at`."""
    e = np.asarray(errors, np.float64)
    known = np.sort(e[~np.isnan(e)])
    return ratio(np.searchsorted(known, np.asarray(at, np.float64), side="right"), len(known))


def _counted(errors: ArrayLike, weight: ArrayLike | None, finite: bool = False) -> tuple[Floats, Floats]:
    """Errors with 0 in the place of those that do not count, and weights that are 0 there."""
    e = np.asarray(errors, np.float64).reshape(-1)
    kept = np.isfinite(e) if finite else ~np.isnan(e)
    return np.where(kept, e, 0.0), weights(weight, len(e)) * kept


def _length(vectors: Floats) -> Floats:
    return np.asarray(np.sqrt((vectors**2).sum(-1)))
