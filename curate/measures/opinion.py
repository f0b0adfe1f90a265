"""Mean opinion scores: raters screened by ITU-R BT.500, scores made comparable between raters, with intervals.

ITU-R BT.500-14 (2019), annex 1 of part 1: the screening of observers by the kurtosis test, and 95 % intervals of
1.96 s / sqrt(n). Scores are z-scored per rater and mapped from -3..3 to 0..100, as in K. Seshadrinathan et al., "Study
of subjective and objective quality assessment of video", 2010, section III-A. BT.500's test misses raters whose
outliers lean to one side; ITU-T P.913 (2021) screens by correlation with the other raters instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL_KURTOSIS = (2.0, 4.0)
"""Kurtosis between which BT.500 takes the ratings of an item as normal."""
WIDE, NORMAL = math.sqrt(20), 2.0
"""Standard deviations from the mean beyond which a rating is an outlier: of other distributions, and of normal ones."""
OFTEN, BALANCED = 0.05, 0.3
"""A rater is rejected whose share of outliers exceeds the first, above and below about equally often (the second)."""
FOLLOWS = 0.75
"""Pearson's correlation with the others' mean below which ITU-T P.913 takes a rater for one who does not follow."""
Z = 1.96


@dataclass(frozen=True)
class Outliers:
    """What BT.500 counts for each rater, each (raters,).

    Attributes:
        above: Ratings far above the mean of their item.
        below: Ratings far below.
        rated: Items that the rater rated.
    """

    above: NDArray[np.int64]
    below: NDArray[np.int64]
    rated: NDArray[np.int64]

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Raters to be left out, (raters,)."""
        both = self.above + self.below
        share = np.divide(both, self.rated, out=np.zeros(len(both)), where=self.rated > 0)
        lean = np.divide(np.abs(self.above - self.below), both, out=np.ones(len(both)), where=both > 0)
        return np.asarray((share > OFTEN) & (lean < BALANCED))


def outliers(ratings: Floats) -> Outliers:
    """Outlying ratings of each rater.

    Args:
        ratings: (items, raters); NaN where a rater said nothing.
    """
    known = ~np.isnan(ratings)
    n = known.sum(1)
    mean = np.nansum(ratings, 1) / np.maximum(n, 1)
    off = np.where(known, ratings - mean[:, None], 0.0)
    second, fourth = (off**2).sum(1) / np.maximum(n, 1), (off**4).sum(1) / np.maximum(n, 1)
    kurtosis = np.divide(fourth, second**2, out=np.zeros(len(n)), where=second > 0)
    sd = np.sqrt((off**2).sum(1) / np.maximum(n - 1, 1))
    normal = (kurtosis >= NORMAL_KURTOSIS[0]) & (kurtosis <= NORMAL_KURTOSIS[1])
    far = (np.where(normal, NORMAL, WIDE) * sd)[:, None]
    some = known & (sd[:, None] > 0)
    return Outliers((some & (off >= far)).sum(0), (some & (off <= -far)).sum(0), known.sum(0))


@dataclass(frozen=True)
class Opinion:
    """Mean opinion of each item, each (items,).

    Attributes:
        mos: Mean of the z-scores, mapped to 0..100; NaN where nobody rated.
        half: Half the width of the 95 % interval; NaN for fewer than two ratings.
        raw: Mean of the ratings as given.
        n: Ratings.
        clipped: Ratings whose mapped score had to be clipped to 0..100.
    """

    mos: Floats
    half: Floats
    raw: Floats
    n: NDArray[np.int64]
    clipped: int


def opinion(ratings: Floats) -> Opinion:
    """Mean opinion scores.

    A rater who always says the same tells nothing: all of their scores are 50.

    Args:
        ratings: (items, raters) of the raters that are kept; NaN where one said nothing.
    """
    known = ~np.isnan(ratings)
    per_rater, per_item = np.maximum(known.sum(0), 1), known.sum(1)
    off = np.where(known, ratings - (np.nansum(ratings, 0) / per_rater), 0.0)
    sd = np.sqrt((off**2).sum(0) / np.maximum(known.sum(0) - 1, 1))
    z = np.divide(off, sd[None], out=np.zeros_like(off), where=sd[None] > 0)
    mapped = 100 * (z + 3) / 6
    scores = np.where(known, np.clip(mapped, 0, 100), np.nan)
    some, several = per_item > 0, per_item > 1
    n = np.maximum(per_item, 1)
    mos = np.where(some, np.nansum(scores, 1) / n, np.nan)
    squares = np.nansum((scores - mos[:, None]) ** 2, 1)
    half = np.where(several, Z * np.sqrt(squares / np.maximum(per_item - 1, 1) / n), np.nan)
    raw = np.where(some, np.nansum(ratings, 1) / n, np.nan)
    return Opinion(mos, half, raw, per_item, int((known & ((mapped < 0) | (mapped > 100))).sum()))


def following(ratings: Floats) -> Floats:
    """Pearson's correlation of each rater with the mean of the others, (raters,); NaN where one of both is constant.

    Args:
        ratings: (items, raters); NaN where a rater said nothing.
    """
    found = np.full(ratings.shape[1], np.nan)
    for j in range(ratings.shape[1]):
        own, others = ratings[:, j], np.delete(ratings, j, axis=1)
        counts = (~np.isnan(others)).sum(1)
        usable = ~np.isnan(own) & (counts > 0)
        middle = np.nansum(others[usable], 1) / counts[usable]
        if usable.sum() > 2 and np.ptp(own[usable]) > 0 and np.ptp(middle) > 0:
            found[j] = np.corrcoef(own[usable], middle)[0, 1]
    return found
