"""How well boxes are found: matching, precision, recall, average precision and false alarms.

Boxes are x, y, width, height in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotators.boxes import iou
from curate.evaluation.metrics.counting import Floats, Steps, bare, mean, ratio, steps, total, weights

Area = tuple[float, float]
SIZES: dict[str, Area] = {
    "all": (0.0, math.inf),
    "small": (0.0, 32.0),
    "medium": (32.0, 96.0),
    "large": (96.0, math.inf),
}
"""COCO's size bins by the root of the area in pixels, lower end included."""

COCO_OVERLAPS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Picture:
    """One image's boxes.

    Attributes:
        truth: True boxes, (t, 4).
        boxes: Detected boxes, (d, 4).
        scores: Of the detected boxes, (d,).
        ignore: True boxes that may be found but need not be (crowds, unclear faces), booleans (t,); none by default.
    """

    truth: ArrayLike
    boxes: ArrayLike
    scores: ArrayLike
    ignore: ArrayLike | None = None


@dataclass(frozen=True)
class Matches:
    """Detections of all images after matching.

    Attributes:
        scores: (d,), detections that count.
        hits: (d,) whether each found a true box.
        overlaps: (d,) IoU with the box found, 0 for a false alarm.
        image: (d,) number of each detection's image.
        truths: (images,) true boxes of each image that count.
        pairs: For each image the (detection, truth) rows that were matched, in the numbers of the input.
    """

    scores: Floats
    hits: NDArray[np.bool_]
    overlaps: Floats
    image: NDArray[np.intp]
    truths: Floats
    pairs: tuple[tuple[tuple[int, int], ...], ...]

    def case_weights(self, weight: ArrayLike | None) -> tuple[Floats, Floats]:
        """Weights of the detections, (..., d), and of all true boxes together, (...), from those of the images."""
        w = weights(weight, len(self.truths))
        return w[..., self.image], total(w, self.truths)


def match_one(
    truth: ArrayLike,
    boxes: ArrayLike,
    scores: ArrayLike,
    *,
    overlap: float = 0.5,
    ignore: ArrayLike | None = None,
) -> NDArray[np.intp]:
    """For each detection of an image the number of its true box, -1 for none.

    COCO's greedy way: the best score chooses first and takes the free box it overlaps most, at least by `overlap`; a
    box to ignore only where no other is left. Equal scores choose in the order given.
    """
    t, d = _boxes(truth), _boxes(boxes)
    found = np.full(len(d), -1, np.intp)
    if not len(t) or not len(d):
        return found
    table = iou(d, t)
    optional = np.zeros(len(t), bool) if ignore is None else np.asarray(ignore, bool)
    free = np.ones(len(t), bool)
    for i in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        fits = free & (table[i] >= overlap)
        if not fits.any():
            continue
        fits &= ~optional if (fits & ~optional).any() else True
        best = int(np.argmax(np.where(fits, table[i], -1.0)))
        found[i], free[best] = best, False
    return found


def match(pictures: Iterable[Picture], *, overlap: float = 0.5, size: Area = SIZES["all"]) -> Matches:
    """Matches all images.

    Args:
        pictures: Images in order; the figures' `weight` counts them.
        overlap: Least IoU of a match.
        size: Roots of the area from (included) and to (excluded) which true boxes count. As in COCO, others are ignored
            together with the detections that found them, and so are false alarms of other sizes.
    """
    rows: list[tuple[Floats, NDArray[np.bool_], Floats, int]] = []
    truths: list[int] = []
    pairs = []
    for number, picture in enumerate(pictures):
        t, d, scores = _boxes(picture.truth), _boxes(picture.boxes), np.asarray(picture.scores, np.float64).reshape(-1)
        given = np.zeros(len(t), bool) if picture.ignore is None else np.asarray(picture.ignore, bool)
        optional = given | ~_sized(t, size)
        found = match_one(t, d, scores, overlap=overlap, ignore=optional)
        hit = found >= 0
        counted = np.where(hit, ~optional[found] if len(t) else False, _sized(d, size))
        overlaps = np.where(hit, iou(d, t)[np.arange(len(d)), found] if len(t) else 0.0, 0.0)
        rows.append((scores[counted], hit[counted], overlaps[counted], number))
        truths.append(int((~optional).sum()))
        pairs.append(tuple((int(i), int(found[i])) for i in np.flatnonzero(hit & counted)))
    return Matches(
        scores=np.concatenate([np.empty(0), *(r[0] for r in rows)]),
        hits=np.concatenate([np.empty(0, bool), *(r[1] for r in rows)]),
        overlaps=np.concatenate([np.empty(0), *(r[2] for r in rows)]),
        image=np.repeat(np.asarray([r[3] for r in rows], np.intp), [len(r[0]) for r in rows]),
        truths=np.asarray(truths, np.float64),
        pairs=tuple(pairs),
    )


def precision(matches: Matches, *, threshold: float = -math.inf, weight: ArrayLike | None = None) -> Floats:
    """Share of the detections with at least that score that are true; `weight` counts images, as everywhere here."""
    w, _ = matches.case_weights(weight)
    taken = matches.scores >= threshold
    return mean(matches.hits, w * taken)


def recall(matches: Matches, *, threshold: float = -math.inf, weight: ArrayLike | None = None) -> Floats:
    """Share of the true boxes found by detections with at least that score; NaN without true boxes."""
    w, truths = matches.case_weights(weight)
    return ratio(total(w, (matches.hits & (matches.scores >= threshold)).astype(np.float64)), truths)


def false_alarms(matches: Matches, *, threshold: float = -math.inf, weight: ArrayLike | None = None) -> Floats:
    """False detections per image with at least that score."""
    w, _ = matches.case_weights(weight)
    false = (~matches.hits & (matches.scores >= threshold)).astype(np.float64)
    return ratio(total(w, false), weights(weight, len(matches.truths)).sum(-1))


def mean_overlap(matches: Matches, *, weight: ArrayLike | None = None) -> Floats:
    """Mean IoU of the detections that found a true box."""
    w, _ = matches.case_weights(weight)
    return mean(matches.overlaps, w * matches.hits)


@dataclass(frozen=True)
class DetectionCurve:
    """Recall and precision at each distinct score, from the highest down, each (..., u)."""

    recall: Floats
    precision: Floats
    thresholds: Floats


def curve(matches: Matches, *, weight: ArrayLike | None = None) -> DetectionCurve:
    """Recall and precision over the scores; empty without detections. Detections of one score enter together."""
    w, truths = matches.case_weights(weight)
    found: Steps | None = steps(matches.hits, matches.scores, w)
    if found is None:
        return DetectionCurve(np.empty(0), np.empty(0), np.empty(0))
    return DetectionCurve(
        ratio(found.hits, truths[..., None]), ratio(found.hits, found.hits + found.alarms), found.thresholds
    )


def average_precision(matches: Matches, *, weight: ArrayLike | None = None) -> Floats:
    """Average precision with all-point interpolation: area under the precision envelope over recall.

    M. Everingham et al., "The PASCAL visual object classes challenge: a retrospective", 2015 (VOC 2010 and later);
    COCO reads the same envelope at 101 recalls only. NaN without true boxes, 0 without detections.
    """
    _, truths = matches.case_weights(weight)
    points = curve(matches, weight=weight)
    if not points.thresholds.size:
        return bare(np.where(np.asarray(truths) > 0, 0.0, np.nan))
    heights = np.where(np.isnan(points.precision), 0.0, points.precision)
    envelope = np.maximum.accumulate(heights[..., ::-1], axis=-1)[..., ::-1]
    return bare(np.asarray((np.diff(points.recall, axis=-1, prepend=0.0) * envelope).sum(-1)))


def mean_average_precision(pictures: Sequence[Picture], overlaps: Sequence[float] = COCO_OVERLAPS) -> float:
    """Average precision averaged over IoU thresholds, COCO's 0.50 to 0.95 by default (all-point, not 101-point)."""
    return float(np.mean([average_precision(match(pictures, overlap=o)) for o in overlaps]))


def _boxes(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64).reshape(-1, 4)


def _sized(boxes: Floats, size: Area) -> NDArray[np.bool_]:
    root = np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 0))
    return np.asarray((root >= size[0]) & (root < size[1]))
