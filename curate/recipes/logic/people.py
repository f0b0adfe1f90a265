"""Whose folder is this? Constrained clustering per folder keeps the person it is of and says why others go.

Lists that were gathered by name (IMDB-WIKI's, a search engine's, a family's) hold wrong faces. Y. Lin et al., "FP-Age:
leveraging face parsing attention for facial age estimation in the wild", 2022, clean them by clustering the faces of
each name, where two faces of one photo are never one person; the largest cluster is the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.identity.clustering import Constraints, cluster
from curate.identity.graph import pairs_within
from curate.identity.similar import similar_pairs
from curate.recipes.logic.grouping import rows_by

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

KEPT = ""
FOREIGN = "another person than most faces of the folder"
NO_VECTOR = "no identity embedding"
GUARDED = "may be a child's: children are not told apart by machine"
NOBODY = "no two faces of the folder are alike: whose it is cannot be told"
UNDECIDED = "the folder shows two people equally often: whose it is cannot be told"
NO_FOLDER = "in no folder"


@dataclass(frozen=True)
class Verdicts:
    """What became of each face.

    Attributes:
        reason: (n,) why a face is dropped; empty where it is kept.
        likeness: (n,) cosine with the mean of the kept faces of its folder, the face itself left out; NaN where
            there are none or the face has no vector.
    """

    reason: tuple[str, ...]
    likeness: NDArray[np.float64]

    @property
    def kept(self) -> Flags:
        """Faces that are kept."""
        return np.array([r == KEPT for r in self.reason], bool)


def own_faces(
    vectors: Floats, known: Flags, folder: Sequence[str | None], photo: Ints, guarded: Flags, threshold: float
) -> Verdicts:
    """Keep in each folder the faces of the person that it is of.

    Args:
        vectors: Unit vectors, (n, d).
        known: Faces that have one.
        folder: Folder of each face.
        photo: Number of the photo of each face: two of one photo are two people.
        guarded: Faces that may be children's.
        threshold: Least average cosine of one person.
    """
    reason = [NO_FOLDER] * len(folder)
    likeness = np.full(len(folder), np.nan)
    for rows in rows_by(folder).values():
        for row, why in zip(rows, _of_folder(rows, vectors, known, photo, guarded, threshold), strict=True):
            reason[row] = why
        kept = np.array([r for r in rows if reason[r] == KEPT], np.int64)
        likeness[rows] = likeness_to(vectors, known, kept, rows)
    return Verdicts(tuple(reason), likeness)


def _of_folder(rows: Ints, vectors: Floats, known: Flags, photo: Ints, guarded: Flags, threshold: float) -> list[str]:
    """Why each face of a folder goes."""
    reason = [GUARDED if guarded[r] else KEPT if known[r] else NO_VECTOR for r in rows]
    usable = np.array([i for i, why in enumerate(reason) if why == KEPT], np.int64)
    part = np.ascontiguousarray(vectors[rows[usable]])
    if not len(part):
        return reason
    apart_a, apart_b = pairs_within(photo[rows[usable]])
    nobody = np.full(len(part), -1, np.int64)
    rules = Constraints(apart_a, apart_b, nobody, nobody, np.zeros(len(part), bool))
    label = cluster(part, similar_pairs(part, threshold), threshold, rules).label
    sizes = np.bincount(label)
    largest = np.flatnonzero(sizes == sizes.max())
    why = FOREIGN
    if len(largest) > 1:
        why = NOBODY if sizes.max() == 1 else UNDECIDED
    for place, of in zip(usable, label, strict=True):
        if len(largest) > 1 or of != largest[0]:
            reason[place] = why
    return reason


def likeness_to(vectors: Floats, known: Flags, reference: Ints, rows: Ints) -> NDArray[np.float64]:
    """Cosine of faces with the mean of reference faces; a reference face is held against the others alone.

    Args:
        vectors: Unit vectors, (n, d).
        known: Faces that have one.
        reference: Rows of one person.
        rows: Rows to judge.

    Returns:
        (rows,); NaN where a face has no vector or nothing is left to compare with.
    """
    own = vectors[rows].astype(np.float64)
    rest = vectors[reference].astype(np.float64).sum(0) - own * np.isin(rows, reference)[:, None]
    length = np.linalg.norm(rest, axis=1)
    judged = known[rows] & (length > 1e-6)
    return np.where(judged, (own * rest).sum(1) / np.where(judged, length, 1.0), np.nan)


def ranked(likeness: NDArray[np.float64], quality: NDArray[np.float64] | None = None) -> Ints:
    """Rows from the most alike to the least, quality between equals; rows without a likeness come last."""
    first = np.where(np.isfinite(likeness), likeness, -np.inf)
    second = np.zeros(len(first)) if quality is None else np.nan_to_num(quality, nan=0.0)
    return np.asarray(np.lexsort((np.arange(len(first)), -second, -first)), np.int64)
