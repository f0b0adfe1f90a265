"""Whether a changed face can still be matched to the person: cosines, ranks in a gallery, and rates with intervals.

It says what one network (SFace) can match. Another network, or people who know the person, may still do it: clothes,
hair, place and time are in the picture too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import Estimate, proportion
from curate.generators.promise import SAME_PERSON

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reidentification:
    """How changed faces match their originals.

    Attributes:
        cosines: To the own original, (n,); NaN where no face was found in the changed picture.
        ranks: Place of the own original among the gallery's people, 1 is first, (n,); 0 where no face was found.
        verified: Share whose cosine passes the threshold, with Wilson's interval.
        first: Share whose own original is the gallery's nearest and passes the threshold: rank-1 re-identification.
        nearest: Share whose own original is the gallery's nearest, whatever the cosine: the stricter reading.
        found: Share in which a face was found at all.
    """

    cosines: Array
    ranks: NDArray[np.int64]
    verified: Estimate
    first: Estimate
    nearest: Estimate
    found: Estimate


def reidentification(
    originals: ArrayLike,
    changed: Sequence[ArrayLike | None],
    gallery: ArrayLike | None = None,
    people: Sequence[Any] | None = None,
    threshold: float = SAME_PERSON,
) -> Reidentification:
    """Try to match changed faces to the originals they were made from.

    Args:
        originals: Embeddings of the originals, (n, d); they stand in the gallery.
        changed: Embedding of each changed face, None where none was found; a face that is not found is hidden.
        gallery: Embeddings of further people, (m, d).
        people: Who each original is, so that other photos of the same person do not count as rivals; by default each
            is someone else.
        threshold: Cosine from which two faces pass for one person.
    """
    own = unit_rows(originals)
    others = np.empty((0, own.shape[1])) if gallery is None else unit_rows(gallery)
    who = np.arange(len(own)) if people is None else np.unique(np.asarray(people), return_inverse=True)[1]
    cosines, ranks = np.full(len(own), math.nan), np.zeros(len(own), np.int64)
    for i, probe in enumerate(changed):
        if probe is None:
            continue
        unit = unit_rows(np.asarray(probe, np.float64)[None])[0]
        cosines[i] = own[i] @ unit
        rivals = np.concatenate([own[who != who[i]], others]) @ unit
        ranks[i] = 1 + int((rivals > cosines[i]).sum())
    passed = np.nan_to_num(cosines, nan=-1.0) >= threshold
    return Reidentification(
        cosines,
        ranks,
        proportion(passed),
        proportion(passed & (ranks == 1)),
        proportion(ranks == 1),
        proportion(ranks > 0),
    )


def unit_rows(embeddings: ArrayLike) -> Array:
    """Rows of unit length, (n, d).

    Raises:
        ValueError: if a row has no length, or the array is no table.
    """
    rows = np.asarray(embeddings, np.float64)
    if rows.ndim != 2:
        raise ValueError(f"embeddings have shape {rows.shape}, expected (n, d)")
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (size > 0).all():
        raise ValueError("an embedding has no length")
    return np.asarray(rows / size, np.float64)
