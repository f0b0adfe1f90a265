"""Faces of one person or photo are alike: how many independent faces a share is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import Floats
from curate.audit.faces import Codes


@dataclass(frozen=True)
class Design:
    """How far alike faces blur the shares of groups.

    Attributes:
        effect: Variance of each group's share over that of as many independent faces, (groups,), at least 1.
        mean: The same over all groups, by which a chi-squared statistic of the shares is too large
            (J. Rao and A. Scott, "The analysis of categorical data from complex sample surveys", 1981).
    """

    effect: Floats
    mean: float


def design(groups: Codes, size: int, clusters: Codes) -> Design:
    """Design effects of the shares of groups, from how faces of one cluster fall together.

    The variance of a share is that of a ratio over clusters drawn one by one (W. Cochran, "Sampling Techniques", 1977,
    section 9A.2). A group without faces, or with all of them, takes the effect that clusters would have if all faces
    of one were of one group (L. Kish 1965).

    Args:
        groups: Group of each face, -1 for none, (n,).
        size: Number of groups.
        clusters: Cluster of each face, (n,).
    """
    known = groups >= 0
    mine, cluster = groups[known].astype(np.int64), clusters[known].astype(np.int64)
    n = len(mine)
    sizes = np.bincount(cluster)
    count = int((sizes > 0).sum())
    if not n or count < 2 or count == n:
        return Design(np.ones(size), 1.0)
    pairs, together = np.unique(cluster * size + mine, return_counts=True)
    group, of = pairs % size, sizes[pairs // size]
    squares = np.bincount(group, together.astype(np.float64) ** 2, minlength=size)
    products = np.bincount(group, together * of.astype(np.float64), minlength=size)
    share = np.bincount(mine, minlength=size) / n
    whole = float((sizes.astype(np.float64) ** 2).sum())
    spread = (squares - 2 * share * products + share**2 * whole) * count / (count - 1) / n
    alone = share * (1 - share)
    effect = np.divide(spread, alone, out=np.full(size, whole / n), where=alone > 0)
    effect = np.maximum(effect, 1.0)
    filled = share > 0
    freedom = int(filled.sum()) - 1
    mean = float(((1 - share) * effect)[filled].sum() / freedom) if freedom > 0 else float(effect.max(initial=1.0))
    return Design(effect, max(mean, 1.0))


def worth(counts: NDArray[np.int64], found: Design) -> Floats:
    """Number of independent faces that each group's share is worth, (groups,)."""
    return np.asarray(counts.sum() / found.effect)
