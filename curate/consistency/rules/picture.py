"""Quality, cover, detectors and boxes."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from curate.consistency.rule import Rule, Verdict, clash
from curate.consistency.values import Numbers, Values, ramp
from schemas.columns import faces, labels


def _visibility(values: Values) -> Verdict:
    regions = values.fields(labels.REGION_VISIBLE)
    covered = np.sum(ramp(regions, 0.3, 0.05), axis=1)
    whole = ramp(values.number(labels.VISIBILITY), 0.75, 0.95)
    return clash(whole, ramp(covered, 1.5, 4.0), whole=values.number(labels.VISIBILITY), covered=np.rint(covered))


def _parts(values: Values) -> Verdict:
    parts = (labels.SHARPNESS, labels.EXPOSURE, labels.SIZE, labels.POSE_PART, labels.VISIBILITY)
    least = np.min([values.number(c) for c in parts], axis=0)
    whole = values.number(labels.QUALITY_SCORE)
    return clash(ramp(whole, 0.6, 0.85), ramp(least, 0.15, 0.0), whole=whole, least=least)


def _doubt(values: Values) -> Verdict:
    second, presence = values.number(labels.SECOND_SCORE), values.number(labels.PRESENCE)
    return clash(ramp(second, 0.2, 0.0), ramp(presence, 0.3, 0.02), second=second, presence=presence)


def _first_detector(values: Values) -> Verdict:
    first, second = values.number(faces.SCORE), values.number(labels.SECOND_SCORE)
    return clash(ramp(first, 0.8, 0.92), ramp(second, 0.2, 0.0), first=first, second=second)


def _overlap(values: Values) -> Verdict:
    boxes = np.stack([values.number(c) for c in faces.BOX], axis=1)
    rows_of: dict[object, list[int]] = {}
    for row, image in enumerate(values.label(faces.IMAGE_ID)):
        rows_of.setdefault(image, []).append(row)
    most = np.zeros(len(values))
    for rows in rows_of.values():
        for one, other in combinations(rows, 2):
            share = _iou(boxes[one], boxes[other])
            most[one], most[other] = max(most[one], share), max(most[other], share)
    return Verdict(np.asarray(~np.isnan(boxes).any(1)), ramp(most, 0.35, 0.7), {"share": most})


def _iou(one: Numbers, other: Numbers) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    whole = float(np.prod(one[2:]) + np.prod(other[2:])) - shared
    return shared / whole if whole > 0 else 0.0


RULES = (
    Rule(
        "visibility_against_regions",
        (labels.VISIBILITY, labels.REGION_VISIBLE),
        0.6,
        "Visibility is {whole:.2f}, but about {covered:.0f} of 7 regions seem covered.",
        "visibility is the share of the face that is not covered (docs of both columns)",
        _visibility,
    ),
    Rule(
        "quality_against_its_parts",
        (
            labels.QUALITY_SCORE,
            labels.SHARPNESS,
            labels.EXPOSURE,
            labels.SIZE,
            labels.POSE_PART,
            labels.VISIBILITY,
        ),
        0.6,
        "Quality is {whole:.2f}, but its worst part is {least:.2f}.",
        "a face is not better than its worst part by far",
        _parts,
    ),
    Rule(
        "no_second_detector_and_no_mesh",
        (labels.SECOND_SCORE, labels.PRESENCE),
        1.0,
        "Detected as a face, but the second detector ({second:.2f}) and the mesh (presence {presence:.2f}) see none.",
        "two independent networks against the detector",
        _doubt,
    ),
    Rule(
        "detectors_disagree",
        (faces.SCORE, labels.SECOND_SCORE),
        0.5,
        "The detector is sure ({first:.2f}), but the second detector sees no face here ({second:.2f}).",
        "annotators/second_opinion.py: its flag is raised for 1.4 % of true faces",
        _first_detector,
    ),
    Rule(
        "two_boxes_for_one_face",
        (faces.IMAGE_ID, *faces.BOX),
        0.9,
        "Another face of the same picture overlaps this box by {share:.2f} (intersection over union).",
        "two heads cannot be in one place; detectors suppress overlaps from 0.3 to 0.5",
        _overlap,
    ),
)
