"""Boxes, points, landmarks and pose."""

from __future__ import annotations

import numpy as np

from curate.consistency.rule import Rule, Verdict, clash
from curate.consistency.values import Numbers, Values, ramp, scaled
from schemas.columns import faces, labels

RIGHT_EYE_68, LEFT_EYE_68 = slice(36, 42), slice(42, 48)
"""Image-left eye first: the subject's right (300-W layout)."""


def _box(values: Values) -> tuple[Numbers, Numbers, Numbers]:
    corner = np.stack([values.number(c) for c in (faces.BOX_X, faces.BOX_Y)], axis=1)
    size = np.stack([values.number(c) for c in (faces.BOX_W, faces.BOX_H)], axis=1)
    return corner, size, np.sqrt(size[:, 0] * size[:, 1])


def _outside(values: Values) -> Verdict:
    corner, size, length = _box(values)
    points = values.array(labels.POINTS_68)
    low, high = points.min(1), points.max(1)
    away = scaled(np.abs((low + high) / 2 - (corner + size / 2)).max(1), length)
    known = np.where(np.isnan(away), np.nan, 1.0)
    return clash(known, ramp(away, 0.35, 0.7), away=away)


def _too_small(values: Values) -> Verdict:
    _, _, length = _box(values)
    points = values.array(labels.POINTS_68)
    spread = np.sqrt(np.prod(np.clip(points.max(1) - points.min(1), 0, None), axis=1))
    ratio = scaled(spread, length)
    known = np.where(np.isnan(ratio), np.nan, 1.0)
    return clash(known, np.fmax(ramp(ratio, 0.45, 0.25), ramp(ratio, 1.6, 2.2)), ratio=ratio)


def _eyes(values: Values) -> Verdict:
    five, points = values.array(faces.POINTS_5), values.array(labels.POINTS_68)
    mesh = np.stack([points[:, RIGHT_EYE_68].mean(1), points[:, LEFT_EYE_68].mean(1)], axis=1)
    _, _, length = _box(values)
    away = scaled(np.linalg.norm(mesh - five[:, :2], axis=2).max(1), length)
    known = np.where(np.isnan(away), np.nan, 1.0)
    return clash(known, ramp(away, 0.2, 0.4), away=away)


def _roll(values: Values) -> Verdict:
    five, roll = values.array(faces.POINTS_5), values.number(labels.ROLL)
    across = five[:, 1] - five[:, 0]
    line = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    apart = np.abs((line - roll + 180) % 360 - 180)
    frontal = ramp(np.abs(values.number(labels.YAW)), 35, 15) * ramp(np.abs(values.number(labels.PITCH)), 35, 15)
    return clash(frontal, ramp(apart, 14, 40), line=line, roll=roll)


def _turn(values: Values) -> Verdict:
    """Where the nose stands between the eyes, along the eye line: 0 in the middle, 0.5 at an eye."""
    five, yaw = values.array(faces.POINTS_5), values.number(labels.YAW)
    across = five[:, 1] - five[:, 0]
    length = np.einsum("nd,nd->n", across, across)
    nose = five[:, 2] - (five[:, 0] + five[:, 1]) / 2
    offset = scaled(np.einsum("nd,nd->n", nose, across), length)
    opposite = np.where(np.isnan(yaw), np.nan, (np.sign(offset) * np.sign(yaw) < 0).astype(float))
    return clash(opposite * ramp(np.abs(yaw), 10, 25), ramp(np.abs(offset), 0.1, 0.35), offset=offset, yaw=yaw)


def _pose_part(values: Values) -> Verdict:
    angle = np.hypot(values.number(labels.YAW), values.number(labels.PITCH))
    part = values.number(labels.POSE_PART)
    return clash(ramp(part, 0.7, 0.9), ramp(angle, 35, 55), part=part, angle=angle)


def _mirror(values: Values) -> Verdict:
    asymmetric, yaw = 1 - values.number(labels.SYMMETRY), values.number(labels.YAW)
    return clash(ramp(asymmetric, 0.15, 0.3), ramp(np.abs(yaw), 12, 4), asymmetric=asymmetric, yaw=yaw)


RULES = (
    Rule(
        "landmarks_beside_box",
        (*faces.BOX, labels.POINTS_68),
        0.9,
        "The middle of the 68 landmarks lies {away:.2f} box sizes away from the middle of the box.",
        "the mesh was fitted to another thing than the detector found; beyond 3,000 FairFace training faces",
        _outside,
    ),
    Rule(
        "landmarks_against_box_size",
        (*faces.BOX, labels.POINTS_68),
        0.8,
        "The 68 landmarks spread over {ratio:.2f} box sizes.",
        "the mesh was fitted to a part, or to a larger face; beyond 3,000 FairFace training faces",
        _too_small,
    ),
    Rule(
        "detector_eyes_against_landmarks",
        (*faces.BOX, faces.POINTS_5, labels.POINTS_68),
        0.8,
        "The detector's eyes and those of the landmarks lie {away:.2f} box sizes apart.",
        "two networks point at the same eyes; beyond 3,000 FairFace training faces",
        _eyes,
    ),
    Rule(
        "roll_against_eye_line",
        (faces.POINTS_5, labels.YAW, labels.PITCH, labels.ROLL),
        0.7,
        "The line through the detector's eyes leans by {line:.0f} degrees, but the head's roll is {roll:.0f}.",
        "on a frontal face the eye line leans as the head does",
        _roll,
    ),
    Rule(
        "yaw_against_nose",
        (faces.POINTS_5, labels.YAW),
        0.8,
        "The head is turned by {yaw:.0f} degrees, but the nose stands {offset:+.2f} eye distances to the other side.",
        "a nose moves to where the head turns",
        _turn,
    ),
    Rule(
        "quality_pose_against_pose",
        (labels.POSE_PART, labels.YAW, labels.PITCH),
        0.6,
        "The quality's frontal part is {part:.2f}, but the head is turned by {angle:.0f} degrees.",
        "both describe the same head",
        _pose_part,
    ),
    Rule(
        "asymmetry_of_frontal_face",
        (labels.SYMMETRY, labels.YAW),
        0.4,
        "Head yaw is {yaw:.0f} degrees, but the mesh differs from its mirror image by {asymmetric:.2f} eye distances.",
        "a mesh that fits a frontal face is nearly symmetric: below 0.10 for 99 % of 493 FairFace training faces",
        _mirror,
    ),
)
