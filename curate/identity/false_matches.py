"""Share of pairs of different people that would pass for one person, per group, with n and interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.identity.gather import Faces, codes
from curate.identity.graph import Ints, pairs_within
from curate.identity.similar import cosines

SAME_PICTURE = "two faces of one picture"
TRUTH = "two people by the given names"
MOST = 3000
"""Faces of a group that are compared with each other where names are given; an even draw of them."""
Z = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """How often two people of a group pass for one.

    Attributes:
        source: How it is known that the pairs are two people.
        by: Column of the group, empty for all.
        group: The group; both faces of a pair are in it.
        pairs: Number of pairs.
        matches: Pairs whose cosine reaches the threshold.
        rate: Their share; None without pairs.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    source: str
    by: str
    group: str
    pairs: int
    matches: int
    rate: float | None
    low: float | None
    high: float | None


def false_matches(
    people: Faces, threshold: float, groups: Mapping[str, pa.Array], truth: Ints | None = None
) -> list[Rate]:
    """False-match rates over pairs that are known to be two people.

    Pairs are two faces of one picture and, where it is given, two faces of different true names.

    Args:
        people: The faces.
        threshold: Least cosine that counts as a match.
        groups: Column -> group of each face.
        truth: Number of the true person of each face, -1 where unknown.
    """
    found = []
    for by, group, mask in _members(people, groups):
        usable = mask & people.present
        a, b = pairs_within(np.where(usable, people.image, -1))
        found.append(_rate(people, SAME_PICTURE, by, group, a, b, threshold))
        if truth is not None:
            a, b = _strangers(np.flatnonzero(usable & (truth >= 0)), truth)
            found.append(_rate(people, TRUTH, by, group, a, b, threshold))
    return found


def _members(people: Faces, groups: Mapping[str, pa.Array]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    yield "", "", np.ones(len(people), bool)
    for by, values in groups.items():
        distinct = sorted(str(v) for v in values.unique().drop_null().to_pylist())
        coded = codes(values.cast(pa.string()), pa.array(distinct, pa.string()))
        for number, group in enumerate(distinct):
            yield by, group, coded == number


def _strangers(rows: Ints, truth: Ints) -> tuple[Ints, Ints]:
    if len(rows) > MOST:
        rows = rows[np.linspace(0, len(rows) - 1, MOST).astype(np.int64)]
    a, b = np.triu_indices(len(rows), 1)
    a, b = rows[a], rows[b]
    unlike = truth[a] != truth[b]
    return a[unlike], b[unlike]


def _rate(people: Faces, source: str, by: str, group: str, a: Ints, b: Ints, threshold: float) -> Rate:
    if not len(a):
        return Rate(source, by, group, 0, 0, None, None, None)
    match = cosines(people.vectors, a, b) >= threshold
    share = float(match.mean())
    low, high = wilson(share, independent(a, b, match))
    return Rate(source, by, group, len(a), int(match.sum()), share, low, high)


def independent(a: Ints, b: Ints, match: NDArray[np.bool_]) -> float:
    """How many independent pairs would give as wide an interval as these, which share faces.

    The variance of the share is that of pairs of which those with a face in common go together
    (M. Fafchamps and F. Gubert, "The formation of risk sharing networks", 2007). Where no pair or every
    pair matches there is nothing to estimate it from: then it is the number of distinct faces, if less.

    Args:
        a: First faces.
        b: Second faces.
        match: Which pairs match.
    """
    share, pairs = float(match.mean()), len(match)
    if share in (0.0, 1.0):
        return min(pairs, len(np.unique(np.concatenate([a, b]))))
    ends = np.concatenate([a, b])
    error = np.tile(match - share, 2)
    by_face = np.bincount(ends, weights=error)
    alone = float((error[:pairs] ** 2).sum())
    together = max(float((by_face**2).sum()) - alone, alone)
    return max(share * (1 - share) * pairs**2 / together, 1.0)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        share: The observed share.
        n: Number of independent cases.
    """
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return (float(centre - half) if share > 0 else 0.0), (float(centre + half) if share < 1 else 1.0)
