"""One picture with its faces as a task with a prediction: what `curate.review.reading` reads back.

Regions are in percent of the picture, the dataset in pixels. A box's region bears the face's id, a point's region
the face's id, the column and the point's number; a region that somebody draws bears an id that Label Studio makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.review.controls import PICTURE
from curate.review.spec import BOX, FACE, Spec, point_names
from schemas import Column

Box = tuple[float, float, float, float]
Result = dict[str, Any]
NUMBER = "number"
SHOWN_DIGITS = 2
"""Of numbers on a reviewer's page; what nobody changes stays as exact as it was."""
POINT_WIDTH = 0.4


@dataclass(frozen=True)
class Seen:
    """A face as a reviewer sees or leaves it.

    Attributes:
        face_id: The dataset's id; for a face that was drawn, the id of its region.
        box: Left, top, width, height in pixels.
        values: Column name -> value; points as float64 arrays of the column's shape, NaN where one is missing;
            `ABSTAINED` where people may not tell; absent where there is none.
    """

    face_id: str
    box: Box
    values: Mapping[str, Any] = field(default_factory=dict)


def prediction(spec: Spec, found: Sequence[Seen], width: int, height: int, version: str) -> dict[str, Any]:
    """The prediction of a task: all faces with all their answers.

    Args:
        spec: What is asked for.
        found: The picture's faces.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        version: Shown as the model's version.
    """
    made = [r for face in found for r in results(spec, face, width, height, SHOWN_DIGITS)]
    return {"model_version": version, "result": made}


def results(spec: Spec, face: Seen, width: int, height: int, digits: int | None = None) -> Iterator[Result]:
    """The regions and answers of one face: points before the box, for what comes first lies on top on the page.

    Args:
        spec: What is asked for.
        face: The face.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        digits: Of answers that are numbers, after the point; None tells them as they are.
    """
    common = {"to_name": PICTURE, "original_width": width, "original_height": height, "image_rotation": 0}
    for column in spec.points:
        points = face.values.get(column.name)
        if points is None:
            continue
        names = point_names(column)
        for number in np.flatnonzero(shown_points(points, width, height)).tolist():
            x, y = points[number, :2]
            yield {**common, "id": point_id(face.face_id, column, number), "parentID": face.face_id,
                   "from_name": column.name, "type": "keypointlabels",
                   "value": {"x": 100 * float(x) / width, "y": 100 * float(y) / height, "width": POINT_WIDTH,
                             "keypointlabels": [names[number]]}}  # fmt: skip
    place = _percent_box(face.box, width, height)
    yield {**common, "id": face.face_id, "from_name": BOX, "type": "rectanglelabels",
           "value": {**place, "rectanglelabels": [FACE]}}  # fmt: skip
    for asked in spec.controls:
        for answer in asked.answers(face.values.get(asked.column.name)):
            payload = answer.payload
            if digits is not None and NUMBER in payload:
                payload = {NUMBER: round(payload[NUMBER], digits)}
            yield {**common, "id": face.face_id, "from_name": answer.name, "type": answer.kind,
                   "value": {**place, **payload}}  # fmt: skip


def point_id(face_id: str, column: Column, number: int) -> str:
    """Id of a point's region."""
    return f"{face_id}:{column.name}:{number}"


def shown_points(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """Which points a page can show: those inside the picture; the others stay as they are."""
    with np.errstate(invalid="ignore"):
        inside = (points[:, :2] >= 0) & (points[:, :2] <= [width, height])
    return np.asarray(inside.all(axis=1))


def _percent_box(box: Box, width: int, height: int) -> dict[str, float]:
    x, y, w, h = box
    return {"x": 100 * x / width, "y": 100 * y / height, "width": 100 * w / width, "height": 100 * h / height,
            "rotation": 0}  # fmt: skip
