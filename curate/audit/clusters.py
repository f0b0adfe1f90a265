"""Faces of one person or photo are alike: how many independent faces a share is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import Floats
from curate.audit.faces import Codes

MOST = 100_000
"""Faces on which design effects of tables and ranks are measured."""


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
    raw, share = effects(groups, size, clusters)
    effect = np.maximum(raw, 1.0)
    filled = share > 0
    freedom = int(filled.sum()) - 1
    mean = float(((1 - share) * effect)[filled].sum() / freedom) if freedom > 0 else float(effect.max(initial=1.0))
    return Design(effect, max(mean, 1.0))


def effects(groups: Codes, size: int, clusters: Codes) -> tuple[Floats, Floats]:
    """Design effects as they are, below 1 too, and the shares; arguments of `design`."""
    known = groups >= 0
    mine, cluster = groups[known].astype(np.int64), clusters[known].astype(np.int64)
    n = len(mine)
    sizes = np.bincount(cluster)
    count = int((sizes > 0).sum())
    if not n or count < 2 or count == n:
        return np.ones(size), np.bincount(mine, minlength=size) / max(n, 1)
    pairs, together = np.unique(cluster * size + mine, return_counts=True)
    group, of = pairs % size, sizes[pairs // size]
    squares = np.bincount(group, together.astype(np.float64) ** 2, minlength=size)
    products = np.bincount(group, together * of.astype(np.float64), minlength=size)
    share = np.bincount(mine, minlength=size) / n
    whole = float((sizes.astype(np.float64) ** 2).sum())
    spread = (squares - 2 * share * products + share**2 * whole) * count / (count - 1) / n
    alone = share * (1 - share)
    return np.divide(spread, alone, out=np.full(size, whole / n), where=alone > 0), share


def worth(counts: NDArray[np.int64], found: Design) -> Floats:
    """Number of independent faces that each group's share is worth, (groups,)."""
    return np.asarray(counts.sum() / found.effect)


class Alike:
    """By how much chi-squared statistics are too large because faces of one cluster are alike.

    Statistics of independent cases are divided by the mean design effect of what they compare (Rao and Scott, 1981
    and 1984). It is measured on whole clusters drawn at random, `MOST` faces of them.

    Args:
        clusters: Cluster of each face, (n,).
        seed: Of the draw.
    """

    def __init__(self, clusters: Codes, seed: int) -> None:
        rows: NDArray[np.intp] = np.arange(len(clusters), dtype=np.intp)
        if len(rows) > MOST:
            mixed = np.random.default_rng([seed, 1]).permutation(int(clusters.max()) + 1)
            rows = np.flatnonzero(mixed[clusters] < len(mixed) * MOST / len(rows))
        self.rows = rows
        self.cluster: Codes = np.unique(clusters[rows], return_inverse=True)[1].astype(np.int32)

    def table(self, down: Codes, across: NDArray[np.integer], height: int, width: int) -> float:
        """For a table of two codes of each face, -1 for none; at least 1.

        Args:
            down: Row of each face, (n,).
            across: Column of each face, (n,).
            height: Rows.
            width: Columns.
        """
        row, column = down[self.rows].astype(np.int64), across[self.rows].astype(np.int64)
        known = (row >= 0) & (column >= 0)
        row, column, cluster = row[known], column[known], self.cluster[known]
        cell, share = effects((row * width + column).astype(np.int32), height * width, cluster)
        sides = [effects(x.astype(np.int32), k, cluster) for x, k in ((row, height), (column, width))]
        freedom = np.prod([max(int((s > 0).sum()) - 1, 0) for _, s in sides])
        if not freedom:
            return 1.0
        base = np.outer(sides[0][1], sides[1][1]).reshape(-1)
        inside = share > 0
        total = float((share * (1 - share) / np.where(base > 0, base, 1) * cell)[inside].sum())
        total -= sum(float(((1 - s) * e)[s > 0].sum()) for e, s in sides)
        return max(total / float(freedom), 1.0)

    def ranks(self, places: NDArray[np.int32], codes: Codes, size: int) -> float:
        """For places in order between groups, -1 for none; at least 1.

        The variance of a group's mean place over clusters is held against that over faces.

        Args:
            places: Of each face, (n,).
            codes: Group of each face, (n,).
            size: Number of groups.
        """
        place, group = places[self.rows], codes[self.rows].astype(np.int64)
        known = (place >= 0) & (group >= 0)
        cluster, group = self.cluster[known], group[known]
        rank = np.unique(place[known], return_inverse=True)[1].astype(np.float64)
        n = np.bincount(group, minlength=size)
        full = n > 1
        if full.sum() < 2:
            return 1.0
        apart = rank - (np.bincount(group, rank, minlength=size) / np.maximum(n, 1))[group]
        pairs, of = np.unique(cluster.astype(np.int64) * size + group, return_inverse=True)
        together = np.bincount(pairs % size, np.bincount(of, apart) ** 2, minlength=size)
        alone = np.bincount(group, apart**2, minlength=size)
        effect = np.divide(together, alone, out=np.ones(size), where=alone > 0)
        share = n / n.sum()
        return max(float(((1 - share) * effect)[full].sum() / (full.sum() - 1)), 1.0)
