"""What speaks for and against each decision of the clustering: own likeness, rivals, what to review."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.identity.children import Age
from curate.identity.clustering import NOBODY, Clusters, Constraints
from curate.identity.graph import Ints, numbered
from curate.identity.similar import Floats, Pairs

SPAN = 0.10
"""Cosine around the threshold within which a decision is less than certain."""
BORDERLINE = 0.75
"""Confidence below which a person should look: within half of `SPAN` of the threshold."""
NOTHING = -1


@dataclass(frozen=True)
class Evidence:
    """What is known about each face's identity.

    Attributes:
        confidence: 0-1; see the column `identity_confidence`.
        rival: Smallest face number of the other cluster that is most alike on average, or -1.
        review: Label of the taxonomy `identity-review`.
    """

    confidence: NDArray[np.float32]
    rival: Ints
    review: NDArray[np.object_]


def weigh(
    vectors: Floats, pairs: Pairs, threshold: float, clusters: Clusters, rules: Constraints, age: NDArray[np.int8]
) -> Evidence:
    """Look at every face beside its own cluster and beside the nearest other one.

    Args:
        vectors: Unit vectors.
        pairs: Pairs of faces from `threshold - SPAN` up.
        threshold: The threshold of the clustering.
        clusters: Its outcome.
        rules: Its constraints.
        age: `Age` of each face.
    """
    first, place = np.unique(clusters.label, return_inverse=True)
    total = np.zeros((len(first), vectors.shape[1]))
    np.add.at(total, place, vectors.astype(np.float64))
    size = np.bincount(place, minlength=len(first)).astype(np.float64)
    own = np.full(len(vectors), np.inf)
    grown = size[place] > 1
    mine = vectors[grown].astype(np.float64)
    own[grown] = ((total[place[grown]] - mine) * mine).sum(1) / (size[place[grown]] - 1)
    against, rival = _rivals(vectors, pairs, place, total / size[:, None], rules)
    margin = np.minimum(own - threshold, threshold - np.where(rival >= 0, against, threshold - SPAN))
    confidence = 0.5 + 0.5 * np.clip(margin / SPAN, -1, 1)
    confidence[rules.alone] = 0.0
    review = np.full(len(vectors), "clear", object)
    review[confidence < BORDERLINE] = "borderline"
    review[clusters.refused] = "conflict"
    review[age == Age.CHILD] = "child"
    review[age == Age.UNKNOWN] = "unknown_age"
    review[rules.named != NOBODY] = "clear"
    return Evidence(confidence.astype(np.float32), np.where(rival >= 0, first[rival], NOTHING), review)


def _rivals(
    vectors: Floats, pairs: Pairs, place: Ints, mean: NDArray[np.float64], rules: Constraints
) -> tuple[NDArray[np.float64], Ints]:
    """The most alike other cluster of each face that it could belong to, and the average cosine with it."""
    face, other = np.concatenate([pairs.a, pairs.b]), place[np.concatenate([pairs.b, pairs.a])]
    count = len(mean)
    name = np.full(count, NOBODY)
    np.maximum.at(name, place, rules.named)
    a, b = place[rules.apart_a], place[rules.apart_b]
    apart = np.unique(np.minimum(a, b) * count + np.maximum(a, b))
    home = place[face]
    free = home != other
    free &= ~numbered(np.minimum(home, other) * count + np.maximum(home, other), apart)
    free &= (name[home] == NOBODY) | (name[other] == NOBODY)
    keys = np.unique(face[free] * count + other[free])
    face, other = keys // count, keys % count
    alike = np.empty(len(face))
    for start in range(0, len(face), 1 << 16):
        part = slice(start, start + (1 << 16))
        alike[part] = (vectors[face[part]].astype(np.float64) * mean[other[part]]).sum(1)
    order = np.lexsort((other, -alike, face))
    head = order[np.flatnonzero(np.diff(face[order], prepend=-1))]
    against, rival = np.zeros(len(vectors)), np.full(len(vectors), NOTHING)
    against[face[head]], rival[face[head]] = alike[head], other[head]
    return against, rival
