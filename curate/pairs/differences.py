"""Differences between two faces, each for many pairs at once; NaN where one of the faces lacks the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import rotation_of
from curate.pairs.pool import Pool
from schemas import Column, UnknownNameError
from schemas.columns import labels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAGICFACE_UNITS = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26",
)  # fmt: skip
"""The twelve units of MagicFace (Wei et al. 2025), in its order."""


@dataclass(frozen=True)
class Difference:
    """A measure between two faces.

    Attributes:
        name: Its name; columns of rows are called after it.
        doc: One sentence with the formula.
        unit: Of its values.
        needs: Columns that it reads.
        between: Pool, first rows, second rows -> values.
    """

    name: str
    doc: str
    unit: str
    needs: tuple[Column, ...]
    between: Callable[[Pool, Ints, Ints], Floats]


def difference(name: str) -> Difference:
    """The difference of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in DIFFERENCES:
        raise UnknownNameError("difference", name, DIFFERENCES)
    return DIFFERENCES[name]


def rotations(pool: Pool) -> Floats:
    """Head rotations, shape (n, 3, 3); NaN where the pose is unknown."""
    found = np.full((len(pool), 3, 3), np.nan)
    pose = np.column_stack([pool.numbers(c) for c in (labels.YAW, labels.PITCH, labels.ROLL)])
    for row in np.flatnonzero(np.isfinite(pose).all(1)):
        found[row] = rotation_of(*pose[row])
    return found


def _pose(pool: Pool, a: Ints, b: Ints) -> Floats:
    """Angle of the rotation between two heads: arccos((trace(A' B) - 1) / 2)."""
    turned = pool.once("rotations", lambda: rotations(pool))
    trace = np.einsum("nij,nij->n", turned[a], turned[b])
    return np.asarray(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def unit_vectors(pool: Pool) -> Floats:
    """Embeddings of unit length, shape (n, d); NaN where there is none."""
    return np.asarray(pool.vectors / np.linalg.norm(pool.vectors, axis=1, keepdims=True))


def _cosine(pool: Pool, a: Ints, b: Ints) -> Floats:
    unit = pool.once("unit vectors", lambda: unit_vectors(pool))
    return np.asarray((unit[a] * unit[b]).sum(1))


def _l2(column: Column, names: tuple[str, ...] | None = None) -> Callable[[Pool, Ints, Ints], Floats]:
    """Euclidean distance over the fields that are known of both faces: an annotator leaves out units it cannot see."""

    def between(pool: Pool, a: Ints, b: Ints) -> Floats:
        values = pool.scores(column, names)
        apart = values[a] - values[b]
        return np.where(np.isfinite(apart).any(1), np.sqrt(np.nansum(apart**2, axis=1)), np.nan)

    return between


def _variation(column: Column) -> Callable[[Pool, Ints, Ints], Floats]:
    def between(pool: Pool, a: Ints, b: Ints) -> Floats:
        values = pool.scores(column)
        return np.asarray(np.abs(values[a] - values[b]).sum(1) / 2)

    return between


def _rise(column: Column) -> Callable[[Pool, Ints, Ints], Floats]:
    def between(pool: Pool, a: Ints, b: Ints) -> Floats:
        values = pool.numbers(column)
        return np.asarray(values[b] - values[a])

    return between


def _gap(column: Column) -> Callable[[Pool, Ints, Ints], Floats]:
    def between(pool: Pool, a: Ints, b: Ints) -> Floats:
        values = pool.numbers(column)
        return np.abs(values[b] - values[a])

    return between


def _lower(column: Column) -> Callable[[Pool, Ints, Ints], Floats]:
    def between(pool: Pool, a: Ints, b: Ints) -> Floats:
        values = pool.numbers(column)
        return np.minimum(values[a], values[b])

    return between


def _affect(pool: Pool, a: Ints, b: Ints) -> Floats:
    values = np.column_stack([pool.numbers(labels.VALENCE), pool.numbers(labels.AROUSAL)])
    return np.asarray(np.linalg.norm(values[a] - values[b], axis=1))


MOTION_POSE, MOTION_UNITS = 30.0, 3.0
"""What counts as much as one another in `motion`: degrees of turn, and distance of the intensities."""


def _motion(pool: Pool, a: Ints, b: Ints) -> Floats:
    return _pose(pool, a, b) / MOTION_POSE + _l2(labels.AU_INTENSITY)(pool, a, b) / MOTION_UNITS


_POSE = (labels.YAW, labels.PITCH, labels.ROLL)
DIFFERENCES = {
    d.name: d
    for d in (
        Difference("pose", "Angle of the rotation from one head to the other.", "deg", _POSE, _pose),
        Difference("yaw_gap", "Absolute difference of the yaws.", "deg", (labels.YAW,), _gap(labels.YAW)),
        Difference("expression", "Euclidean distance of the 52 blendshapes.", "", (labels.BLENDSHAPES,),
                   _l2(labels.BLENDSHAPES)),
        Difference("emotion", "Total variation between the emotion probabilities, half the sum of absolute gaps.",
                   "0-1", (labels.EMOTION_PROB,), _variation(labels.EMOTION_PROB)),
        Difference("affect", "Euclidean distance of valence and arousal.", "", (labels.VALENCE, labels.AROUSAL),
                   _affect),
        Difference("au", "Euclidean distance of the intensities of the units known of both faces.", "0-5 per unit",
                   (labels.AU_INTENSITY,), _l2(labels.AU_INTENSITY)),
        Difference("au12", "The same over MagicFace's twelve action units.",
                   "0-5 per unit", (labels.AU_INTENSITY,), _l2(labels.AU_INTENSITY, MAGICFACE_UNITS)),
        Difference("motion", "Turn of the head by 30 degrees plus distance of the action units by 3, one for one.", "",
                   (*_POSE, labels.AU_INTENSITY), _motion),
        Difference("age_rise", "Perceived age of the second face minus that of the first.", "years", (labels.AGE,),
                   _rise(labels.AGE)),
        Difference("age_gap", "Absolute difference of the perceived ages.", "years", (labels.AGE,), _gap(labels.AGE)),
        Difference("cosine", "Cosine of the identity embeddings.", "-1..1", (labels.EMBEDDING,), _cosine),
        Difference("quality", "The lower of the two quality scores.", "0-1", (labels.QUALITY_SCORE,),
                   _lower(labels.QUALITY_SCORE)),
    )
}  # fmt: skip


__all__ = ["DIFFERENCES", "MAGICFACE_UNITS", "Difference", "difference", "rotations"]
